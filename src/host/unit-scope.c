/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starting transient scopes and slices: what the manager is told, how a name that is taken is dealt with,
 * and how the start ends, which is when its job does. The sending is unit.c's. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/process.h"
#include "host/unit-call.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/variant.h"

/* How long a start waits for a unit of the same name that is just going. */
#define NAME_REUSE_WAIT_USEC 1000000ull

StartState *start_state_free(StartState *start) {
        if (!start)
                return NULL;
        for (unsigned i = 0; i < start->n_pidfds; i++)
                fd_close(start->pidfds[i]);
        sd_event_source_disable_unref(start->timer);
        g_free(start->pidfds);
        g_free(start->slice);
        g_free(start->description);
        g_free(start->job);
        g_strfreev(start->argv);
        g_strfreev(start->environment);
        g_clear_pointer(&start->properties, g_variant_unref);
        g_clear_pointer(&start->slices, g_variant_unref);
        g_free(start);
        return NULL;
}

static int on_name_wait_over(sd_event_source *source, uint64_t usec, void *userdata) {
        UnitCall *call = userdata;

        call->start->stage = START_LAST;
        call->start->timer = sd_event_source_disable_unref(call->start->timer);
        call_resend(call);
        return 0;
}

static int on_reset(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        UnitCall *call = userdata;

        /* Nothing failed there to be reset is no obstacle: what counts is whether the name is free now. */
        call_resend(call);
        return 0;
}

/* The name is taken: reset what failed under it, then wait for what is going, and then believe it. */
static bool start_free_name(UnitCall *call) {
        StartState *start = call->start;

        switch (start->stage) {
        case START_FIRST:
                start->stage = START_RESET;
                return sd_bus_call_method_async(call->units->bus, &call->slot, SYSTEMD_NAME, SYSTEMD_PATH,
                               SYSTEMD("Manager"), "ResetFailedUnit", on_reset, call, "s", call->unit) >= 0;
        case START_RESET:
                start->stage = START_WAITING;
                return sd_event_add_time_relative(sd_bus_get_event(call->units->bus), &start->timer,
                               CLOCK_MONOTONIC, NAME_REUSE_WAIT_USEC, 0, on_name_wait_over, call) >= 0;
        case START_WAITING:
        case START_LAST:
                break;
        }
        return false;
}

bool start_again(UnitCall *call, const sd_bus_error *error) {
        if (call->start->of_slice)
                return false;
        if (sd_bus_error_has_name(error, SYSTEMD("UnitExists")))
                return start_free_name(call);
        if (call->units->pidfds != 0 && error->message && strstr(error->message, "PIDFDs") &&
                sd_bus_error_has_names(
                        error, SD_BUS_ERROR_PROPERTY_READ_ONLY, SD_BUS_ERROR_UNKNOWN_PROPERTY)) {
                call->units->pidfds = 0;
                call_resend(call);
                return true;
        }
        return false;
}

/* The processes of a new scope: as pidfds where the manager takes them, else as PIDs, which whoever starts
 * it must verify afterwards. */
static int append_processes(sd_bus_message *m, const UnitCall *call) {
        bool pidfds = call->units->pidfds != 0;
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", pidfds ? "PIDFDs" : "PIDs");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', pidfds ? "ah" : "au");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', pidfds ? "h" : "u");
        for (unsigned i = 0; i < call->start->n_pidfds && r >= 0; i++) {
                int pidfd = call->start->pidfds[i];
                pid_t pid = 0;

                if (pidfds)
                        r = sd_bus_message_append(m, "h", pidfd);
                else if (pidfd_get_pid(pidfd, &pid) >= 0)
                        r = sd_bus_message_append(m, "u", (uint32_t) pid);
        }
        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

/* Where a slice is, its name says; the other one is only brought in, as container runtimes do. */
static int slice_append(sd_bus_message *m, const UnitCall *call) {
        const StartState *start = call->start;

        return sd_bus_message_append(m, "ssa(sv)a(sa(sv))", call->unit, "fail", 2,
                "Description", "s", start->description,
                "Wants", "as", 1, start->slice, 0);
}

int start_append(sd_bus_message *m, const UnitCall *call) {
        const StartState *start = call->start;
        const char *unique;
        int r;

        if (start->of_slice)
                return slice_append(m, call);
        if (start->argv)
                return service_append(m, call);
        r = sd_bus_get_unique_name(call->units->bus, &unique);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "ss", call->unit, "fail");
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r < 0)
                return r;
        /* After: when everything stops, the daemon is still there to stop the domain. */
        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                "Description", "s", start->description,
                "Slice", "s", start->slice,
                "CollectMode", "s", "inactive-or-failed",
                "After", "as", 1, "vmmanagerd.service",
                "Controller", "s", unique,
                "SendSIGKILL", "b", (int) start->send_sigkill,
                "TimeoutStopUSec", "t", start->timeout_stop_usec);
        if (r >= 0 && start->delegate)
                r = sd_bus_message_append(m, "(sv)", "Delegate", "b", 1);
        if (r >= 0 && start->delegate && start->delegate_to != geteuid()) {
                g_autofree char *user = g_strdup_printf("%u", (unsigned) start->delegate_to);
                r = sd_bus_message_append(m, "(sv)", "User", "s", user);
        }
        for (size_t i = 0; i < g_variant_n_children(start->properties) && r >= 0; i++) {
                g_autoptr(GVariant) property = g_variant_get_child_value(start->properties, i);
                r = variant_append(m, property);
        }
        if (r >= 0)
                r = append_processes(m, call);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = variant_append(m, start->slices);
        return r;
}

int unit_start_scope(Units *units, const ScopeSpec *spec, UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_START, spec->unit, userdata);
        StartState *start = g_new0(StartState, 1);

        *start = (StartState) {
                .slice = g_strdup(spec->slice),
                .description = g_strdup(spec->description),
                .pidfds = g_new0(int, spec->n_pidfds),
                .n_pidfds = spec->n_pidfds,
                .delegate = spec->delegate,
                .delegate_to = spec->delegate_to,
                .send_sigkill = spec->send_sigkill,
                .timeout_stop_usec = spec->timeout_stop_usec,
                .properties = g_variant_ref(spec->properties),
                .slices = g_variant_ref(spec->slices),
        };
        for (unsigned i = 0; i < spec->n_pidfds; i++)
                start->pidfds[i] = fcntl(spec->pidfds[i], F_DUPFD_CLOEXEC, 3);
        call->start = start;
        call->reply = reply;
        return call_submit(call, ret);
}

int unit_start_slice(Units *units, const char *slice, const char *description, const char *wants,
        UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_START, slice, userdata);

        call->start = g_new0(StartState, 1);
        call->start->of_slice = true;
        call->start->slice = g_strdup(wants);
        call->start->description = g_strdup(description);
        call->reply = reply;
        return call_submit(call, ret);
}

void start_job_removed(Units *units, const char *job, const char *result) {
        for (GList *link = units->in_flight.head; link; link = link->next) {
                UnitCall *call = link->data;
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r = 0;

                if (call->kind != CALL_START || g_strcmp0(call->start->job, job) != 0)
                        continue;
                if (call->canceled)   /* started for nobody */
                        unit_discard(units, call->unit);
                if (call->start->argv)
                        r = service_result(call, result, &error);
                else if (g_str_equal(result, "frozen"))
                        r = sd_bus_error_setf(
                                &error, VMM_ERROR_SLICE_FROZEN, "Slice %s is frozen", call->start->slice);
                else if (!g_str_equal(result, "done"))
                        r = sd_bus_error_setf(&error, SD_BUS_ERROR_FAILED, "systemd could not start %s: %s",
                                call->unit, result);
                call_finish(call, r, &error);
                return;
        }
}

void start_unit_removed(Units *units, const char *unit) {
        for (GList *link = units->in_flight.head; link; link = link->next) {
                UnitCall *call = link->data;

                if (call->kind == CALL_START && call->start->stage == START_WAITING &&
                        g_str_equal(call->unit, unit)) {
                        (void) on_name_wait_over(NULL, 0, call);
                        return;
                }
        }
}

const char *scope_changed_result(sd_bus_message *m) {
        const char *name, *result = NULL;

        if (sd_bus_message_skip(m, "s") < 0 || sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
                return NULL;
        while (!result && sd_bus_message_enter_container(m, 'e', "sv") > 0)
                if (sd_bus_message_read(m, "s", &name) < 0 ||
                        (g_str_equal(name, "Result") ? sd_bus_message_read(m, "v", "s", &result)
                                                     : sd_bus_message_skip(m, "v")) < 0 ||
                        sd_bus_message_exit_container(m) < 0)
                        return NULL;
        return result;
}
