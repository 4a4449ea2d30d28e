/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets of I/O ports: each change makes the list of ranges anew, in one pass. */

#include <errno.h>

#include "config/io-ports.h"

GArray *io_ports_new(void) {
        return g_array_new(FALSE, FALSE, sizeof(IoPortRange));
}

static IoPortRange range_nth(const GArray *ports, unsigned i) {
        return g_array_index(ports, IoPortRange, i);
}

bool io_ports_overlap(const GArray *ports, IoPortRange range, IoPortRange *ret) {
        for (unsigned i = 0; i < ports->len; i++) {
                IoPortRange there = range_nth(ports, i);

                if (there.first > range.last || there.last < range.first)
                        continue;
                *ret = (IoPortRange) {MAX(there.first, range.first), MIN(there.last, range.last)};
                return true;
        }
        return false;
}

bool io_ports_contain(const GArray *ports, IoPortRange range) {
        IoPortRange common;

        return io_ports_overlap(ports, range, &common) && common.first == range.first &&
               common.last == range.last;
}

/* Takes the new list, unless it is too long. */
static int ports_replace(GArray *ports, const GArray *changed) {
        if (changed->len > IO_PORT_RANGES_MAX)
                return -E2BIG;
        g_array_set_size(ports, 0);
        g_array_append_vals(ports, changed->data, changed->len);
        return 0;
}

int io_ports_add(GArray *ports, IoPortRange range) {
        g_autoptr(GArray) changed = io_ports_new();
        bool placed = false;

        for (unsigned i = 0; i < ports->len; i++) {
                IoPortRange there = range_nth(ports, i);

                if (there.first <= (unsigned) range.last + 1 && range.first <= (unsigned) there.last + 1) {
                        range.first = MIN(range.first, there.first);
                        range.last = MAX(range.last, there.last);
                        continue;
                }
                if (!placed && there.first > range.last) {
                        g_array_append_val(changed, range);
                        placed = true;
                }
                g_array_append_val(changed, there);
        }
        if (!placed)
                g_array_append_val(changed, range);
        return ports_replace(ports, changed);
}

int io_ports_remove(GArray *ports, IoPortRange range) {
        g_autoptr(GArray) changed = io_ports_new();

        for (unsigned i = 0; i < ports->len; i++) {
                IoPortRange there = range_nth(ports, i), before = there, after = there;

                if (there.first > range.last || there.last < range.first) {
                        g_array_append_val(changed, there);
                        continue;
                }
                if (there.first < range.first) {
                        before.last = (uint16_t) (range.first - 1);
                        g_array_append_val(changed, before);
                }
                if (there.last > range.last) {
                        after.first = (uint16_t) (range.last + 1);
                        g_array_append_val(changed, after);
                }
        }
        return ports_replace(ports, changed);
}

char *io_port_range_to_string(IoPortRange range) {
        return range.first == range.last ? g_strdup_printf("0x%x", range.first)
                                         : g_strdup_printf("0x%x-0x%x", range.first, range.last);
}
