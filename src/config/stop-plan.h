/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a domain is stopped: steps taken one after the other until nothing of it is left. Pure values. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define STOP_PLAN_STEPS_MAX 16u
#define STOP_STEP_TIMEOUT_MAX_USEC (24ull * 3600ull * 1000000ull)

/* One step: ask the guest (signal 0, "guest") or send a signal, then wait this long for the end. */
typedef struct StopStep {
        int signal;
        uint64_t timeout_usec;
} StopStep;

typedef struct StopPlan {
        size_t n_steps;
        StopStep steps[STOP_PLAN_STEPS_MAX];
} StopPlan;

/* The plans of the D-Bus contract. */
extern const StopPlan stop_plan_destroy;            /* SIGTERM 1.6 s, SIGKILL 1.6 s */
extern const StopPlan stop_plan_destroy_graceful;   /* SIGTERM 3.2 s, and never SIGKILL */
extern const StopPlan stop_plan_destroy_force;      /* SIGKILL 1.6 s */

/* Appends a step named as on the wire: "guest", or a signal with or without "SIG", real-time ones
 * ("SIGRTMIN+3") included. Returns 0, or -EINVAL with InvalidArgs naming the culprit: an unknown name, a
 * timeout over a day, a step after SIGKILL (nothing outlives it), more than STOP_PLAN_STEPS_MAX steps. The
 * plan is unchanged on error. */
int stop_plan_append(StopPlan *plan, const char *step, uint64_t timeout_usec, sd_bus_error *error);

/* The text form, "guest:30s TERM:5s KILL:1600ms": steps separated by blanks; one without a time waits
 * 1600ms; no step at all is an empty plan. Units us, ms, s, min, h; a bare number is seconds.
 * Returns 0 or -EINVAL as above. */
int stop_plan_parse(const char *text, StopPlan *ret, sd_bus_error *error);
char *stop_plan_to_string(const StopPlan *plan);   /* parses back to the same plan */

bool stop_plan_equal(const StopPlan *a, const StopPlan *b);
bool stop_plan_kills(const StopPlan *plan);             /* has a SIGKILL step */
uint64_t stop_plan_total_usec(const StopPlan *plan);    /* sum of the timeouts */

/* Whether a plan is harder than what is left of another from step `from` on: it gets sooner to SIGKILL, or,
 * where that is the same, to any signal. */
bool stop_plan_is_harder(const StopPlan *plan, const StopPlan *other, size_t from);

/* "guest", "SIGTERM", "SIGRTMIN+3". */
const char *stop_step_name(const StopStep *step);

/* "SIGTERM", "TERM", "SIGRTMIN+3", "SIGRTMAX-1" -> number; -EINVAL when unknown. */
int signal_from_name(const char *name);

/* "SIGTERM", "SIGRTMIN+3"; NULL when there is no such signal. */
const char *signal_to_name(int signal);
