/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GVariants in D-Bus messages, both ways: for values whose type only the wire knows. No descriptors. */

#include <glib.h>
#include <systemd/sd-bus.h>

/* Appends the value. Returns 0 or a negative errno (-EOPNOTSUPP: it has a descriptor in it). */
int variant_append(sd_bus_message *m, GVariant *value);

/* Reads the next complete value, a new reference. Returns 1, 0 at the end of what was entered, or a negative
 * errno. */
int variant_read(sd_bus_message *m, GVariant **ret);
