/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stop plans: what each text means, what is refused, and the names of signals. */

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "assert-error.h"
#include "config/stop-plan.h"
#include "util/auto.h"

#define MSEC UINT64_C(1000)
#define SEC UINT64_C(1000000)
#define DAY (24 * 3600 * SEC)

typedef struct Meaning {
        const char *text;
        StopPlan plan;
        const char *printed;
} Meaning;

static const Meaning meanings[] = {
        {"", {0}, ""},
        {"  \t ", {0}, ""},
        {"guest:30s TERM:5s KILL:1600ms", {3, {{0, 30 * SEC}, {SIGTERM, 5 * SEC}, {SIGKILL, 1600 * MSEC}}},
                "guest:30s TERM:5s KILL:1600ms"},
        {"SIGTERM", {1, {{SIGTERM, 1600 * MSEC}}}, "TERM:1600ms"},
        {"  INT:5\tSIGKILL:2 ", {2, {{SIGINT, 5 * SEC}, {SIGKILL, 2 * SEC}}}, "INT:5s KILL:2s"},
        {"TERM:90us", {1, {{SIGTERM, 90}}}, "TERM:90us"},
        {"TERM:1000us", {1, {{SIGTERM, MSEC}}}, "TERM:1ms"},
        {"TERM:60000ms", {1, {{SIGTERM, 60 * SEC}}}, "TERM:1min"},
        {"TERM:5min", {1, {{SIGTERM, 300 * SEC}}}, "TERM:5min"},
        {"TERM:90min", {1, {{SIGTERM, 5400 * SEC}}}, "TERM:90min"},
        {"TERM:24h", {1, {{SIGTERM, DAY}}}, "TERM:24h"},
        {"TERM:0 KILL:0us", {2, {{SIGTERM, 0}, {SIGKILL, 0}}}, "TERM:0 KILL:0"},
        {"TERM:007s", {1, {{SIGTERM, 7 * SEC}}}, "TERM:7s"},
        {"TERM:1s TERM:1s guest:1s", {3, {{SIGTERM, SEC}, {SIGTERM, SEC}, {0, SEC}}},
                "TERM:1s TERM:1s guest:1s"},
};

static void test_parse(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                StopPlan plan;

                g_test_message("'%s'", meanings[i].text);
                g_assert_cmpint(stop_plan_parse(meanings[i].text, &plan, &error), ==, 0);
                g_assert_true(stop_plan_equal(&plan, &meanings[i].plan));
        }
}

static void test_print(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++) {
                g_autofree char *printed = stop_plan_to_string(&meanings[i].plan);
                g_assert_cmpstr(printed, ==, meanings[i].printed);
        }
}

/* Every signal there is, real-time ones included, with times of every unit. */
static void test_round_trip(void) {
        static const uint64_t times[] = {0, 1, 999, 1000, 1600000, SEC, 59 * SEC, 60 * SEC, 3600 * SEC,
                DAY - 1, DAY};

        for (int signal = 1; signal <= SIGRTMAX; signal++) {
                if (!signal_to_name(signal))
                        continue;
                for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
                        StopPlan plan = {2, {{0, times[i]}, {signal, times[i]}}}, again;
                        g_autofree char *text = stop_plan_to_string(&plan);

                        g_assert_cmpint(stop_plan_parse(text, &again, NULL), ==, 0);
                        g_assert_true(stop_plan_equal(&plan, &again));
                }
        }
}

#define NAME(step) "Stop step '" step "' is neither 'guest' nor the name of a signal"
#define TIME(step) "Stop step '" step "' does not end in a time such as '5s' or '1600ms'"

static void test_refused(void) {
        static const struct {
                const char *text, *reason;
        } table[] = {
                {"FOO", NAME("FOO")},
                {"term:5s", NAME("term")},
                {"sigterm", NAME("sigterm")},
                {"SIGSIGTERM", NAME("SIGSIGTERM")},
                {"SIG", NAME("SIG")},
                {":5s", NAME("")},
                {"15:5s", NAME("15")},
                {"0", NAME("0")},
                {"GUEST", NAME("GUEST")},
                {"SIGguest", NAME("SIGguest")},
                {"TERM,KILL", NAME("TERM,KILL")},
                {"TERM:1s\nKILL:1s", TIME("TERM:1s\\x0aKILL:1s")},
                {"RTMIN+31", NAME("RTMIN+31")},
                {"RTMIN-1", NAME("RTMIN-1")},
                {"RTMIN+", NAME("RTMIN+")},
                {"RTMIN+ 1", NAME("RTMIN+")},
                {"RTMIN+01", NAME("RTMIN+01")},
                {"RTMAX+1", NAME("RTMAX+1")},
                {"TERM:", TIME("TERM:")},
                {"TERM:s", TIME("TERM:s")},
                {"TERM:-5s", TIME("TERM:-5s")},
                {"TERM:+5s", TIME("TERM:+5s")},
                {"TERM:5x", TIME("TERM:5x")},
                {"TERM:5S", TIME("TERM:5S")},
                {"TERM:1.6s", TIME("TERM:1.6s")},
                {"TERM:0x10s", TIME("TERM:0x10s")},
                {"TERM:5s:KILL", TIME("TERM:5s:KILL")},
                {"TERM:18446744073709551616us", TIME("TERM:18446744073709551616us")},
                {"TERM:5124095577h", TIME("TERM:5124095577h")},
                {"TERM:86400000001us", "Stop step 'TERM' waits 86400000001 us, which is more than a day"},
                {"TERM:25h", "Stop step 'TERM' waits 90000000000 us, which is more than a day"},
                {"KILL:1s TERM:1s", "Stop step 'TERM' comes after SIGKILL, which nothing outlives"},
                {"KILL:1s KILL:1s", "Stop step 'KILL' comes after SIGKILL, which nothing outlives"},
                {"INT INT INT INT INT INT INT INT INT INT INT INT INT INT INT INT KILL",
                        "Stop step 'KILL' is one too many: a plan has 16 at most"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                StopPlan plan = {1, {{SIGHUP, 42}}};
                const StopPlan before = plan;

                assert_refused(stop_plan_parse(table[i].text, &plan, &error), &error,
                        SD_BUS_ERROR_INVALID_ARGS, table[i].reason);
                g_assert_true(stop_plan_equal(&plan, &before));
        }
}

static void test_append_keeps_the_plan(void) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        StopPlan plan = stop_plan_destroy_graceful;

        assert_refused(stop_plan_append(&plan, "FOO", SEC, &error), &error, SD_BUS_ERROR_INVALID_ARGS,
                NAME("FOO"));
        g_assert_true(stop_plan_equal(&plan, &stop_plan_destroy_graceful));
        g_assert_cmpint(stop_plan_append(&plan, "SIGKILL", 1600 * MSEC, NULL), ==, 0);
        g_assert_cmpuint(plan.n_steps, ==, 2);
        g_assert_cmpint(plan.steps[1].signal, ==, SIGKILL);
        g_assert_cmpuint(plan.steps[1].timeout_usec, ==, 1600 * MSEC);
}

static void test_plans_of_the_contract(void) {
        static const struct {
                const StopPlan *plan;
                const char *text;
                uint64_t total_usec;
                bool kills;
        } table[] = {
                {&stop_plan_destroy, "TERM:1600ms KILL:1600ms", 3200 * MSEC, true},
                {&stop_plan_destroy_graceful, "TERM:3200ms", 3200 * MSEC, false},
                {&stop_plan_destroy_force, "KILL:1600ms", 1600 * MSEC, true},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autofree char *text = stop_plan_to_string(table[i].plan);

                g_assert_cmpstr(text, ==, table[i].text);
                g_assert_cmpuint(stop_plan_total_usec(table[i].plan), ==, table[i].total_usec);
                g_assert_cmpint(stop_plan_kills(table[i].plan), ==, table[i].kills);
        }
}

static void test_harder(void) {
        static const struct {
                const char *plan, *other;
                size_t from;
                bool harder;
        } table[] = {
                {"KILL", "TERM KILL", 0, true},
                {"KILL", "TERM KILL", 1, false},             /* it is killing already */
                {"TERM KILL", "TERM:3s", 0, true},           /* what never kills is softer than what does */
                {"TERM:3s", "TERM KILL", 0, false},
                {"TERM:1s KILL", "TERM:2s KILL", 0, true},
                {"TERM:2s KILL", "TERM:1s KILL", 0, false},
                {"TERM KILL", "TERM KILL", 0, false},        /* the same once more */
                {"TERM KILL", "guest:1s TERM KILL", 0, true},
                {"TERM", "guest:30s", 0, true},
                {"guest:1s", "guest:30s", 0, false},
                {"guest:1s TERM", "guest:30s TERM", 0, true},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                StopPlan plan, other;

                g_assert_cmpint(stop_plan_parse(table[i].plan, &plan, NULL), ==, 0);
                g_assert_cmpint(stop_plan_parse(table[i].other, &other, NULL), ==, 0);
                g_assert_cmpint(stop_plan_is_harder(&plan, &other, table[i].from), ==, table[i].harder);
        }
}

static void test_equal(void) {
        StopPlan one = {1, {{SIGTERM, SEC}, {SIGINT, SEC}}}, two = {1, {{SIGTERM, SEC}, {SIGHUP, SEC}}};

        g_assert_true(stop_plan_equal(&one, &two));    /* what lies behind the last step says nothing */
        two.n_steps = 2;
        g_assert_false(stop_plan_equal(&one, &two));
        one.n_steps = 2;
        g_assert_false(stop_plan_equal(&one, &two));
        two.steps[1] = (StopStep) {SIGINT, SEC + 1};
        g_assert_false(stop_plan_equal(&one, &two));
}

static void test_signal_names(void) {
        const struct {
                const char *name;
                int signal;
        } table[] = {
                {"SIGTERM", SIGTERM}, {"TERM", SIGTERM}, {"SIGKILL", SIGKILL}, {"HUP", SIGHUP},
                {"SIGUSR2", SIGUSR2}, {"SIGSYS", SIGSYS}, {"SIGWINCH", SIGWINCH}, {"RTMIN", SIGRTMIN},
                {"SIGRTMIN", SIGRTMIN},
                {"SIGRTMIN+3", SIGRTMIN + 3}, {"RTMIN+30", SIGRTMAX}, {"SIGRTMAX", SIGRTMAX},
                {"RTMAX-1", SIGRTMAX - 1}, {"SIGRTMAX-30", SIGRTMIN},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
                g_assert_cmpint(signal_from_name(table[i].name), ==, table[i].signal);
        g_assert_cmpint(signal_from_name(""), ==, -EINVAL);
        g_assert_cmpint(signal_from_name("9"), ==, -EINVAL);
        g_assert_cmpint(signal_from_name("SIGCANCEL"), ==, -EINVAL);
}

static void test_every_signal_has_a_name(void) {
        for (int signal = 1; signal <= SIGRTMAX; signal++) {
                const char *name = signal_to_name(signal);

                if (signal > SIGSYS && signal < SIGRTMIN) {
                        g_assert_null(name);    /* the C library keeps these for itself */
                        continue;
                }
                g_assert_true(g_str_has_prefix(name, "SIG"));
                g_assert_cmpint(signal_from_name(name), ==, signal);
                g_assert_cmpint(signal_from_name(name + strlen("SIG")), ==, signal);
        }
        g_assert_null(signal_to_name(0));
        g_assert_null(signal_to_name(-1));
        g_assert_null(signal_to_name(SIGRTMAX + 1));
}

static void test_step_names(void) {
        const StopStep steps[] = {{0, 0}, {SIGTERM, 0}, {SIGRTMIN + 3, 0}};

        g_assert_cmpstr(stop_step_name(&steps[0]), ==, "guest");
        g_assert_cmpstr(stop_step_name(&steps[1]), ==, "SIGTERM");
        g_assert_cmpstr(stop_step_name(&steps[2]), ==, "SIGRTMIN+3");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/stop-plan/every text means its steps", test_parse);
        g_test_add_func("/stop-plan/every plan prints in its largest units", test_print);
        g_test_add_func("/stop-plan/what is printed parses to the same plan", test_round_trip);
        g_test_add_func("/stop-plan/every other text is refused with its reason", test_refused);
        g_test_add_func("/stop-plan/a refused step leaves the plan as it was", test_append_keeps_the_plan);
        g_test_add_func("/stop-plan/the plans of the contract are as written there",
                test_plans_of_the_contract);
        g_test_add_func("/stop-plan/harder is what comes sooner to SIGKILL, or to a signal", test_harder);
        g_test_add_func("/stop-plan/plans are equal by their steps", test_equal);
        g_test_add_func("/stop-plan/signals are known with and without SIG", test_signal_names);
        g_test_add_func("/stop-plan/every signal has a name that leads back", test_every_signal_has_a_name);
        g_test_add_func("/stop-plan/steps are named as on the wire", test_step_names);
        return g_test_run();
}
