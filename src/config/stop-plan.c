/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stop plans, the names of signals and their text forms. Sends nothing and waits for nothing. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "config/quantity.h"
#include "config/stop-plan.h"
#include "config/text.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define STEP_TIMEOUT_DEFAULT_USEC (1600 * USEC_PER_MSEC)

const StopPlan stop_plan_destroy = {
        .n_steps = 2,
        .steps = {{SIGTERM, 1600 * USEC_PER_MSEC}, {SIGKILL, 1600 * USEC_PER_MSEC}},
};
const StopPlan stop_plan_destroy_graceful = {
        .n_steps = 1,
        .steps = {{SIGTERM, 3200 * USEC_PER_MSEC}},
};
const StopPlan stop_plan_destroy_force = {
        .n_steps = 1,
        .steps = {{SIGKILL, 1600 * USEC_PER_MSEC}},
};

#define SIGNAL_NAME_BYTES 24

/* "SIGRTMIN", "SIGRTMIN+3", "SIGRTMAX-1". */
static void realtime_name(const char *end, int offset, char name[static SIGNAL_NAME_BYTES]) {
        if (offset == 0)
                (void) g_strlcpy(name, end, SIGNAL_NAME_BYTES);
        else
                (void) snprintf(name, SIGNAL_NAME_BYTES, "%s%+d", end, offset);
}

const char *signal_to_name(int signal) {
        static char names[_NSIG][SIGNAL_NAME_BYTES];

        if (signal <= 0 || signal >= _NSIG)
                return NULL;
        char *name = names[signal];
        if (!*name && signal >= SIGRTMIN && signal <= SIGRTMAX)
                realtime_name("SIGRTMIN", signal - SIGRTMIN, name);
        else if (!*name && sigabbrev_np(signal))
                (void) snprintf(name, SIGNAL_NAME_BYTES, "SIG%s", sigabbrev_np(signal));
        return *name ? name : NULL;
}

int signal_from_name(const char *name) {
        const char *bare = g_str_has_prefix(name, "SIG") ? name + strlen("SIG") : name;

        for (int signal = 1; signal < _NSIG; signal++) {
                const char *known = signal_to_name(signal);
                if (known && g_str_equal(known + strlen("SIG"), bare))
                        return signal;
        }
        for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++) {
                char known[SIGNAL_NAME_BYTES];
                realtime_name("RTMAX", signal - SIGRTMAX, known);
                if (g_str_equal(known, bare))
                        return signal;
        }
        return -EINVAL;
}

const char *stop_step_name(const StopStep *step) {
        return step->signal == 0 ? "guest" : signal_to_name(step->signal);
}

int stop_plan_append(StopPlan *plan, const char *step, uint64_t timeout_usec, sd_bus_error *error) {
        g_autofree char *quoted = text_quote(step);
        int signal = g_str_equal(step, "guest") ? 0 : signal_from_name(step);

        if (signal < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "Stop step %s is neither 'guest' nor the name of a signal", quoted);
        if (timeout_usec > STOP_STEP_TIMEOUT_MAX_USEC)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "Stop step %s waits %" PRIu64 " us, which is more than a day", quoted,
                        timeout_usec);
        if (stop_plan_kills(plan))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "Stop step %s comes after SIGKILL, which nothing outlives", quoted);
        if (plan->n_steps >= STOP_PLAN_STEPS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "Stop step %s is one too many: a plan has %u at most", quoted, STOP_PLAN_STEPS_MAX);
        plan->steps[plan->n_steps++] = (StopStep) {signal, timeout_usec};
        return 0;
}

/* "TERM:5s". */
static int step_parse(StopPlan *plan, const char *text, sd_bus_error *error) {
        const char *colon = strchrnul(text, ':');
        g_autofree char *name = g_strndup(text, (size_t) (colon - text));
        uint64_t timeout_usec = STEP_TIMEOUT_DEFAULT_USEC;

        if (*colon && quantity_parse(colon + 1, QUANTITY_USEC, &timeout_usec) < 0) {
                g_autofree char *quoted = text_quote(text);
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "Stop step %s does not end in a time such as '5s' or '1600ms'", quoted);
        }
        return stop_plan_append(plan, name, timeout_usec, error);
}

int stop_plan_parse(const char *text, StopPlan *ret, sd_bus_error *error) {
        g_auto(GStrv) steps = g_strsplit_set(text, " \t", 0);
        StopPlan plan = {0};

        for (char **step = steps; *step; step++) {
                int r = **step ? step_parse(&plan, *step, error) : 0;
                if (r < 0)
                        return r;
        }
        *ret = plan;
        return 0;
}

char *stop_plan_to_string(const StopPlan *plan) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < plan->n_steps; i++) {
                const StopStep *step = &plan->steps[i];
                const char *name = stop_step_name(step);
                g_autofree char *time = quantity_print(step->timeout_usec, QUANTITY_USEC);

                g_string_append_printf(text, "%s%s:%s", i > 0 ? " " : "",
                        step->signal == 0 ? name : name + strlen("SIG"), time);
        }
        return g_string_free(text, FALSE);
}

bool stop_plan_equal(const StopPlan *a, const StopPlan *b) {
        if (a->n_steps != b->n_steps)
                return false;
        for (size_t i = 0; i < a->n_steps; i++)
                if (a->steps[i].signal != b->steps[i].signal ||
                        a->steps[i].timeout_usec != b->steps[i].timeout_usec)
                        return false;
        return true;
}

bool stop_plan_kills(const StopPlan *plan) {
        return plan->n_steps > 0 && plan->steps[plan->n_steps - 1].signal == SIGKILL;
}

uint64_t stop_plan_total_usec(const StopPlan *plan) {
        uint64_t total = 0;

        for (size_t i = 0; i < plan->n_steps; i++)
                total += plan->steps[i].timeout_usec;
        return total;
}

/* How long until the plan, from this step on, sends SIGKILL, or any signal at all; UINT64_MAX: never. */
static uint64_t time_to_signal(const StopPlan *plan, size_t from, bool kill) {
        uint64_t usec = 0;

        for (size_t i = from; i < plan->n_steps; i++) {
                if (kill ? plan->steps[i].signal == SIGKILL : plan->steps[i].signal != 0)
                        return usec;
                usec += plan->steps[i].timeout_usec;
        }
        return UINT64_MAX;
}

bool stop_plan_is_harder(const StopPlan *plan, const StopPlan *other, size_t from) {
        uint64_t kill = time_to_signal(plan, 0, true), other_kill = time_to_signal(other, from, true);

        if (kill != other_kill)
                return kill < other_kill;
        return time_to_signal(plan, 0, false) < time_to_signal(other, from, false);
}
