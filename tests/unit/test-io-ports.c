/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets of I/O ports: what is put in is in it, once, and what is taken out is not. */

#include <errno.h>
#include <stdio.h>

#include "config/io-ports.h"

/* "+0x60-0x64 -0x61": what is done to an empty set, one after the other. */
static GArray *ports_made(const char *changes) {
        g_auto(GStrv) words = g_strsplit(changes, " ", -1);
        GArray *ports = io_ports_new();

        for (char **word = words; *word; word++) {
                unsigned first, last;
                int n = sscanf(*word + 1, "%x-%x", &first, &last);
                IoPortRange range = {(uint16_t) first, (uint16_t) (n == 2 ? last : first)};

                g_assert_cmpint(n, >, 0);
                g_assert_cmpint((**word == '+' ? io_ports_add : io_ports_remove)(ports, range), ==, 0);
        }
        return ports;
}

static char *ports_text(const GArray *ports) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < ports->len; i++) {
                g_autofree char *range = io_port_range_to_string(g_array_index(ports, IoPortRange, i));
                g_string_append_printf(text, "%s%s", i ? " " : "", range);
        }
        return g_strdup(text->str);
}

static void test_changes(void) {
        static const struct {
                const char *changes, *ports;
        } table[] = {
                {"+0", "0x0"},
                {"+60-64", "0x60-0x64"},
                {"+0-ffff", "0x0-0xffff"},
                {"+80 +60-64", "0x60-0x64 0x80"},
                {"+60-64 +65", "0x60-0x65"},
                {"+60-64 +5f", "0x5f-0x64"},
                {"+60-64 +66", "0x60-0x64 0x66"},
                {"+60-64 +66 +65", "0x60-0x66"},
                {"+10 +20 +30 +8-40", "0x8-0x40"},
                {"+10-20 +12-14", "0x10-0x20"},
                {"+ffff +0", "0x0 0xffff"},
                {"+0-ffff -0", "0x1-0xffff"},
                {"+0-ffff -ffff", "0x0-0xfffe"},
                {"+0-ffff -0-ffff", ""},
                {"+60-64 -62", "0x60-0x61 0x63-0x64"},
                {"+60-64 -60-62", "0x63-0x64"},
                {"+60-64 +70 +80 -62-80", "0x60-0x61"},
                {"+60-64 -70", "0x60-0x64"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(GArray) ports = ports_made(table[i].changes);
                g_autofree char *text = ports_text(ports);
                g_assert_cmpstr(text, ==, table[i].ports);
        }
}

static void test_looks(void) {
        static const struct {
                IoPortRange range;
                bool contained, overlaps;
                IoPortRange common;
        } table[] = {
                {{0x60, 0x64}, true, true, {0x60, 0x64}},
                {{0x61, 0x62}, true, true, {0x61, 0x62}},
                {{0x5f, 0x60}, false, true, {0x60, 0x60}},
                {{0x64, 0x90}, false, true, {0x64, 0x64}},
                {{0x0, 0xffff}, false, true, {0x60, 0x64}},
                {{0x65, 0x7f}, false, false, {0, 0}},
                {{0xffff, 0xffff}, false, false, {0, 0}},
        };
        g_autoptr(GArray) ports = ports_made("+60-64 +80"), none = io_ports_new();

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                IoPortRange common = {0};

                g_assert_true(io_ports_contain(ports, table[i].range) == table[i].contained);
                g_assert_true(io_ports_overlap(ports, table[i].range, &common) == table[i].overlaps);
                g_assert_cmpuint(common.first, ==, table[i].common.first);
                g_assert_cmpuint(common.last, ==, table[i].common.last);
                g_assert_false(io_ports_overlap(none, table[i].range, &common));
        }
}

static void test_many(void) {
        g_autoptr(GArray) ports = io_ports_new();

        for (unsigned i = 0; i < IO_PORT_RANGES_MAX; i++) {
                IoPortRange range = {(uint16_t) (i * 4), (uint16_t) (i * 4 + 2)};
                g_assert_cmpint(io_ports_add(ports, range), ==, 0);
        }
        g_assert_cmpint(io_ports_add(ports, (IoPortRange) {0x8000, 0x8000}), ==, -E2BIG);
        g_assert_cmpint(io_ports_remove(ports, (IoPortRange) {1, 1}), ==, -E2BIG);
        g_assert_cmpuint(ports->len, ==, IO_PORT_RANGES_MAX);
        g_assert_true(io_ports_contain(ports, (IoPortRange) {0, 2}));
        g_assert_cmpint(io_ports_add(ports, (IoPortRange) {3, 3}), ==, 0);
        g_assert_cmpuint(ports->len, ==, IO_PORT_RANGES_MAX - 1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/io-ports/ranges are joined and divided", test_changes);
        g_test_add_func("/io-ports/what is in the set, and what of it", test_looks);
        g_test_add_func("/io-ports/their number is bounded", test_many);
        return g_test_run();
}
