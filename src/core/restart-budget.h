/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How often a domain may be started again by itself: a budget that fills up with time, and a wait that grows
 * the emptier it is. It has no clock of its own and restarts nothing. */

#include <stdbool.h>
#include <stdint.h>

typedef struct RestartRules {
        unsigned burst;            /* restarts that a full budget pays for; 0: none ever */
        uint64_t interval_usec;    /* in which an empty one is full again; 0: it always is */
        uint64_t delay_usec;       /* before the first restart out of a full one; doubled with each other */
        uint64_t delay_max_usec;
} RestartRules;

typedef struct RestartBudget {
        uint64_t spent_usec;       /* time until it is full again, as of then */
        uint64_t as_of_usec;
} RestartBudget;

/* Takes what one restart costs, at this instant of a clock that never goes back. Returns whether there was
 * enough; *ret_delay_usec is then how long to wait before the restart. An all-zero budget is full. */
bool restart_budget_take(
        RestartBudget *budget, const RestartRules *rules, uint64_t now_usec, uint64_t *ret_delay_usec);
