/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The budget of restarts: how many it pays for, how long each waits, and how time fills it up again. */

#include <glib.h>

#include "core/restart-budget.h"

#define S UINT64_C(1000000)

static const RestartRules rules = {5, 600 * S, S, 60 * S};

/* delay: -1 when there is not enough left. */
static void assert_take(RestartBudget *budget, const RestartRules *by, uint64_t now, int64_t delay) {
        uint64_t got = 0;

        if (delay < 0) {
                g_assert_false(restart_budget_take(budget, by, now, &got));
                return;
        }
        g_assert_true(restart_budget_take(budget, by, now, &got));
        g_assert_cmpuint(got, ==, (uint64_t) delay);
}

static void test_burst(void) {
        RestartBudget budget = {0};

        assert_take(&budget, &rules, 1000 * S, 1 * S);
        assert_take(&budget, &rules, 1000 * S, 2 * S);
        assert_take(&budget, &rules, 1000 * S, 4 * S);
        assert_take(&budget, &rules, 1000 * S, 8 * S);
        assert_take(&budget, &rules, 1000 * S, 16 * S);
        assert_take(&budget, &rules, 1000 * S, -1);
        assert_take(&budget, &rules, 1119 * S, -1);    /* a refusal costs nothing */
        assert_take(&budget, &rules, 1120 * S, 16 * S);
        assert_take(&budget, &rules, 1120 * S, -1);
}

/* What fails now and then is started at once each time, for ever. */
static void test_seldom(void) {
        RestartBudget budget = {0};

        for (uint64_t i = 1; i < 100; i++)
                assert_take(&budget, &rules, i * 120 * S, 1 * S);
}

static void test_refill(void) {
        RestartBudget budget = {0};

        for (int i = 0; i < 5; i++)
                assert_take(&budget, &rules, S, (int64_t) (S << i));
        assert_take(&budget, &rules, 601 * S, 1 * S);
}

static void test_cap(void) {
        RestartBudget budget = {0};
        const RestartRules many = {100, 600 * S, S, 60 * S};
        const RestartRules huge = {3, 600 * S, UINT64_MAX / 2 + 1, UINT64_MAX};
        const RestartRules odd = {2, 600 * S, 90 * S, 60 * S};

        for (int i = 0; i < 100; i++)
                assert_take(&budget, &many, S, i < 6 ? (int64_t) (S << i) : (int64_t) (60 * S));
        assert_take(&budget, &many, S, -1);

        uint64_t delay;
        budget = (RestartBudget) {0};
        g_assert_true(restart_budget_take(&budget, &huge, S, &delay));
        g_assert_true(restart_budget_take(&budget, &huge, S, &delay));
        g_assert_cmpuint(delay, ==, UINT64_MAX);   /* and no overflow */

        budget = (RestartBudget) {0};
        assert_take(&budget, &odd, S, 60 * S);
}

static void test_edges(void) {
        RestartBudget budget = {0};
        const RestartRules never = {0, 600 * S, S, 60 * S}, always = {5, 0, S, 60 * S};

        assert_take(&budget, &never, S, -1);
        for (int i = 0; i < 100; i++)
                assert_take(&budget, &always, S, 1 * S);

        /* The rules may have become stricter meanwhile. */
        budget = (RestartBudget) {600 * S, S};
        assert_take(&budget, &(RestartRules) {5, 60 * S, S, 60 * S}, 2 * S, -1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/restart-budget/burst", test_burst);
        g_test_add_func("/restart-budget/seldom", test_seldom);
        g_test_add_func("/restart-budget/refill", test_refill);
        g_test_add_func("/restart-budget/cap", test_cap);
        g_test_add_func("/restart-budget/edges", test_edges);
        return g_test_run();
}
