/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets of CPUs: what the kernel writes is read, and written as the kernel would. */

#include "config/cpu-set.h"
#include "config/resource-value.h"

static void test_parse(void) {
        static const struct {
                const char *text, *printed;
                unsigned n;
        } rows[] = {
                {"", "", 0},
                {"0", "0", 1},
                {"0-3", "0-3", 4},
                {"0-3,5,8-9", "0-3,5,8-9", 7},
                {"5,0-1,1", "0-1,5", 3},
                {"8191", "8191", 1},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(GArray) set = cpu_set_parse(rows[i].text);
                g_assert_nonnull(set);
                g_autofree char *printed = cpu_set_print(set);

                g_assert_cmpuint(set->len, ==, rows[i].n);
                g_assert_cmpstr(printed, ==, rows[i].printed);
        }
}

static void test_parse_refused(void) {
        static const char *const texts[] = {
                "x", "1-", "-1", "3-1", "8192", "0-9999999999999999999999", "0;1"};

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
                g_assert_null(cpu_set_parse(texts[i]));
}

static void test_new(void) {
        const uint32_t cpus[] = {7, 2, 7, 3, RESOURCE_CPUS_MAX, UINT32_MAX, 0};
        g_autoptr(GArray) set = cpu_set_new(cpus, G_N_ELEMENTS(cpus)), same = cpu_set_parse("0,2-3,7"),
                          other = cpu_set_parse("0,2-3,6"), none = cpu_set_new(NULL, 0);

        g_assert_true(cpu_set_equal(set, same));
        g_assert_false(cpu_set_equal(set, other));
        g_assert_false(cpu_set_equal(set, none));
        g_assert_true(cpu_set_equal(none, none));
        g_assert_cmpuint(none->len, ==, 0);
}

static void test_has(void) {
        g_autoptr(GArray) set = cpu_set_parse("1-2,64");

        g_assert_true(cpu_set_has(set, 1) && cpu_set_has(set, 2) && cpu_set_has(set, 64));
        g_assert_false(cpu_set_has(set, 0) || cpu_set_has(set, 3) || cpu_set_has(set, UINT32_MAX));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cpu-set/parse", test_parse);
        g_test_add_func("/cpu-set/parse-refused", test_parse_refused);
        g_test_add_func("/cpu-set/new", test_new);
        g_test_add_func("/cpu-set/has", test_has);
        return g_test_run();
}
