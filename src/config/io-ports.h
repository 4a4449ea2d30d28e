/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sets of I/O ports, as sorted ranges that neither touch nor overlap. Pure values: whose they are is the
 * core's business. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define IO_PORT_RANGES_MAX 64u

typedef struct IoPortRange {
        uint16_t first, last;    /* both belong to it */
} IoPortRange;

/* An empty set; g_array_unref(). */
GArray *io_ports_new(void);

/* The first ports of the range that are in the set. */
bool io_ports_overlap(const GArray *ports, IoPortRange range, IoPortRange *ret);

/* Whether the whole range is in the set. */
bool io_ports_contain(const GArray *ports, IoPortRange range);

/* The set with the range, or without it; ranges are joined and divided as needed. Return 0, or -E2BIG when
 * it would be more than IO_PORT_RANGES_MAX ranges: then it is as before. */
int io_ports_add(GArray *ports, IoPortRange range);
int io_ports_remove(GArray *ports, IoPortRange range);

/* "0x60-0x64", "0x80". Free with g_free(). */
char *io_port_range_to_string(IoPortRange range);
