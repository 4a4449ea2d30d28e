/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a test looks at a refusal: the errno, the error's name and every word of its text. */

#include <errno.h>
#include <glib.h>
#include <systemd/sd-bus.h>

static inline void assert_refused(int r, const sd_bus_error *error, const char *name, const char *text) {
        g_assert_cmpint(r, ==, -EINVAL);
        g_assert_cmpstr(error->name, ==, name);
        g_assert_cmpstr(error->message, ==, text);
}
