/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ledger of pause reasons: a set that keeps its order. */

#include "core/pause-ledger.h"

static void assert_is(const GPtrArray *ledger, const char *expected) {
        g_autofree char *text = g_strjoinv(" ", (char **) ledger->pdata);

        g_assert_cmpstr(text, ==, expected);
}

static void test_set(void) {
        g_autoptr(GPtrArray) ledger = ledger_new();

        assert_is(ledger, "");
        g_assert_false(ledger_has(ledger, "user"));
        g_assert_false(ledger_remove(ledger, "user"));
        g_assert_true(ledger_add(ledger, "user"));
        g_assert_false(ledger_add(ledger, "user"));
        g_assert_true(ledger_add(ledger, "slice:a.slice"));
        g_assert_true(ledger_add(ledger, "frozen"));
        assert_is(ledger, "user slice:a.slice frozen");
        g_assert_true(ledger_has(ledger, "slice:a.slice"));
        g_assert_false(ledger_has(ledger, "slice:a-b.slice"));
        g_assert_true(ledger_remove(ledger, "slice:a.slice"));
        g_assert_false(ledger_remove(ledger, "slice:a.slice"));
        assert_is(ledger, "user frozen");
}

static void test_other(void) {
        g_autoptr(GPtrArray) ledger = ledger_new();

        g_assert_false(ledger_has_other(ledger, "user"));
        ledger_add(ledger, "user");
        g_assert_false(ledger_has_other(ledger, "user"));
        g_assert_true(ledger_has_other(ledger, "frozen"));
        ledger_add(ledger, "frozen");
        g_assert_true(ledger_has_other(ledger, "user"));
}

static void test_slice(void) {
        g_autofree char *reason = ledger_slice_reason("a-b.slice");

        g_assert_cmpstr(reason, ==, "slice:a-b.slice");
        g_assert_cmpstr(ledger_reason_slice(reason), ==, "a-b.slice");
        g_assert_null(ledger_reason_slice("user"));
        g_assert_null(ledger_reason_slice("frozen"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pause-ledger/set", test_set);
        g_test_add_func("/pause-ledger/other", test_other);
        g_test_add_func("/pause-ledger/slice", test_slice);
        return g_test_run();
}
