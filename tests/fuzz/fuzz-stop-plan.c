/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever the text: it is refused with a reason that can go over D-Bus, or it is a plan within its limits
 * that prints to the same plan. */

#include <errno.h>
#include <signal.h>

#include "config/stop-plan.h"
#include "fuzz.h"
#include "util/auto.h"

static void check_accepted(const StopPlan *plan) {
        g_autofree char *text = stop_plan_to_string(plan);
        StopPlan again, appended = {0};

        g_assert_cmpuint(plan->n_steps, <=, STOP_PLAN_STEPS_MAX);
        for (size_t i = 0; i < plan->n_steps; i++) {
                const StopStep *step = &plan->steps[i];

                g_assert_cmpuint(step->timeout_usec, <=, STOP_STEP_TIMEOUT_MAX_USEC);
                g_assert_true(step->signal != SIGKILL || i + 1 == plan->n_steps);
                int r = stop_plan_append(&appended, stop_step_name(step), step->timeout_usec, NULL);
                g_assert_cmpint(r, ==, 0);
        }
        g_assert_true(stop_plan_equal(plan, &appended));
        g_assert_cmpuint(stop_plan_total_usec(plan), <=, STOP_PLAN_STEPS_MAX * STOP_STEP_TIMEOUT_MAX_USEC);
        g_assert_false(stop_plan_is_harder(plan, plan, 0));

        g_assert_cmpint(stop_plan_parse(text, &again, NULL), ==, 0);
        g_assert_true(stop_plan_equal(plan, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_strndup((const char *) data, size);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        StopPlan plan;
        int r = stop_plan_parse(text, &plan, &error);

        if (r >= 0)
                check_accepted(&plan);
        else {
                g_assert_cmpint(r, ==, -EINVAL);
                g_assert_cmpstr(error.name, ==, SD_BUS_ERROR_INVALID_ARGS);
                g_assert_true(g_utf8_validate(error.message, -1, NULL));
        }
        return 0;
}
