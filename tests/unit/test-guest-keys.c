/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which keys can be pressed, and what a SysRq key is made of. */

#include <string.h>

#include "assert-error.h"
#include "config/guest-keys.h"
#include "util/auto.h"

static void test_keys(void) {
        static const struct {
                const char *keys[GUEST_KEYS_MAX + 2];
                uint32_t hold;
                const char *reason;
        } table[] = {
                {{"ctrl", "alt", "delete"}, 0, NULL},
                {{"ac_back"}, 1, NULL},
                {{"z"}, GUEST_KEYS_HOLD_MAX_MSEC, NULL},
                {{"yen", "1", "0", "unmapped"}, 0, "keys: there is no key 'unmapped'"},
                {{"a", ""}, 0, "keys: there is no key ''"},
                {{"A"}, 0, "keys: there is no key 'A'"},
                {{"a "}, 0, "keys: there is no key 'a '"},
                {{"%n%s"}, 0, "keys: there is no key '%n%s'"},
                {{"\xff\n"}, 0, "keys: there is no key '\\xff\\x0a'"},
                {{"a", "b", "a"}, 0, "keys: 'a' is there twice"},
                {{NULL}, 0, "keys: 0 are not from 1 to 16"},
                {{"1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "a", "b", "c", "d", "e", "f"}, 0, NULL},
                {{"1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "a", "b", "c", "d", "e", "f", "g"}, 0,
                        "keys: 17 are not from 1 to 16"},
                {{"a"}, GUEST_KEYS_HOLD_MAX_MSEC + 1, "hold_ms: 10001 is more than 10000"},
                {{"a"}, UINT32_MAX, "hold_ms: 4294967295 is more than 10000"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r = guest_keys_check((char *const *) table[i].keys, table[i].hold, &error);

                if (table[i].reason)
                        assert_refused(r, &error, SD_BUS_ERROR_INVALID_ARGS, table[i].reason);
                else
                        g_assert_cmpint(r, ==, 0);
        }
}

/* As the kernel's documentation lists them. */
static void test_sysrq(void) {
        const char *known = "0123456789bcdefghijklmnopqrstuvwxyzDRS";

        for (unsigned c = 1; c < 256; c++) {
                const char key[2] = {(char) c, 0};
                g_auto(GStrv) keys = guest_keys_of_sysrq(key);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                if (!strchr(known, (int) c)) {
                        g_assert_null(keys);
                        continue;
                }
                g_autofree char *joined = g_strjoinv("-", keys);
                g_autofree char *expected = g_strdup_printf(g_ascii_isupper((char) c) ? "alt-shift-sysrq-%c"
                                                                                      : "alt-sysrq-%c",
                        g_ascii_tolower((char) c));
                g_assert_cmpstr(joined, ==, expected);
                g_assert_cmpint(guest_keys_check(keys, 0, &error), ==, 0);
        }
}

static void test_sysrq_refused(void) {
        static const char *const no_keys[] = {"", "bb", "b ", "sysrq", "\n", "%n", "\xc3\xbc"};

        for (size_t i = 0; i < G_N_ELEMENTS(no_keys); i++)
                g_assert_null(guest_keys_of_sysrq(no_keys[i]));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/guest-keys/all are judged, and the first bad one is named", test_keys);
        g_test_add_func(
                "/guest-keys/each SysRq key of the kernel is made of keys that there are", test_sysrq);
        g_test_add_func("/guest-keys/nothing else is a SysRq key", test_sysrq_refused);
        return g_test_run();
}
