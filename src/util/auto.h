/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One cleanup idiom for every type: g_autoptr() and g_auto() for libsystemd's types, `autofd` for
 * descriptors. Nothing here allocates or fails. */

#include <glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus, sd_bus_flush_close_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_slot, sd_bus_slot_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_event, sd_event_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_event_source, sd_event_source_disable_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sd_bus_error, sd_bus_error_free)

/* Closes fd if it is one. Returns -1, to be stored in its place. errno is kept. */
static inline int fd_close(int fd) {
        if (fd >= 0) {
                int saved = errno;
                (void) close(fd);
                errno = saved;
        }
        return -1;
}

static inline void fd_closep(int *fd) {
        *fd = fd_close(*fd);
}

/* A descriptor that closes itself: `autofd int fd = -1;` */
#define autofd __attribute__((__cleanup__(fd_closep)))

/* Hands over what *fd held and leaves -1. */
static inline int fd_steal(int *fd) {
        int r = *fd;
        *fd = -1;
        return r;
}
