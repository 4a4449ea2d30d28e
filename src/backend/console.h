/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A domain's console: everything that comes out is drained at once into a bounded ring, so that a console
 * nobody reads never stalls a guest; clients see what the ring holds and then what follows. A client that
 * does not read loses bytes, nobody else does. What a client types goes to the domain where the domain has
 * ears. */

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define CONSOLE_CLIENTS_MAX 16u

typedef struct Console Console;

/* ring_bytes: how much is kept, a page at least; memory grows as it fills, not before. Returns 0. */
int console_new(sd_event *event, size_t ring_bytes, Console **ret);
Console *console_free(Console *console);   /* drains what is there, closes everything */

/* The domain's end: a non-blocking descriptor, consumed. Both directions for a socket, reading only for a
 * FIFO. It takes the place of an earlier one, which is drained first. Returns 0 or a negative errno. */
int console_set_source(Console *console, int fd);

/* Types the text, if the domain has ears, and does not wait for what a client is typing. */
void console_type(Console *console, const char *text);

/* Reads what is left without waiting: for the end of a domain. */
void console_drain(Console *console);

/* A new client: *ret_fd is one end of a stream socket pair. Returns 0 or a negative errno: -EUSERS when
 * there are CONSOLE_CLIENTS_MAX already. */
int console_open(Console *console, int *ret_fd);

/* A listening, non-blocking stream socket whose connections become clients; consumed. Those over the limit
 * are closed at once. Returns 0 or a negative errno. */
int console_listen(Console *console, int fd);

/* How much has come out, ever, in bytes. */
uint64_t console_bytes(const Console *console);

/* The newest `lines` lines, oldest first, valid UTF-8 (what is not becomes U+FFFD), without line ends and
 * other control characters but tabs. An unfinished last line counts as one. Free with g_strfreev(). */
char **console_lines(const Console *console, unsigned lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Console, console_free)
