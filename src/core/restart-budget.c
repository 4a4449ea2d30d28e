/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The arithmetic of restarts: a bucket of time. A restart costs its share of the interval, and time pays it
 * back. */

#include "core/restart-budget.h"

/* The wait after so many restarts in a row; doubling stops at the most there is. */
static uint64_t delay_after(const RestartRules *rules, uint64_t restarts) {
        uint64_t delay = rules->delay_usec;

        while (restarts-- > 0 && delay < rules->delay_max_usec)
                delay = delay > rules->delay_max_usec / 2 ? rules->delay_max_usec : delay * 2;
        return delay < rules->delay_max_usec ? delay : rules->delay_max_usec;
}

bool restart_budget_take(
        RestartBudget *budget, const RestartRules *rules, uint64_t now_usec, uint64_t *ret_delay_usec) {
        uint64_t passed = now_usec - budget->as_of_usec;
        uint64_t spent = budget->spent_usec > passed ? budget->spent_usec - passed : 0;
        uint64_t cost;

        if (rules->burst == 0)
                return false;
        cost = rules->interval_usec / rules->burst;
        if (spent > rules->interval_usec || rules->interval_usec - spent < cost)
                return false;
        *ret_delay_usec = delay_after(rules, cost > 0 ? (spent + cost - 1) / cost : 0);
        *budget = (RestartBudget) {spent + cost, now_usec};
        return true;
}
