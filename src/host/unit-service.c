/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that run once, as transient services: the manager starts them in its own clean environment, keeps
 * their output in the journal, and ends them when their time is over. The sending is unit.c's. */

#include <errno.h>

#include "host/unit-call.h"
#include "util/auto.h"
#include "util/errors.h"

static int program_append(sd_bus_message *m, char *const *argv) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "ExecStart");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", argv[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) argv);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", 0);
        for (int i = 0; i < 4 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int environment_append(sd_bus_message *m, char *const *environment) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "Environment");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) environment);
        for (int i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

int service_append(sd_bus_message *m, const UnitCall *call) {
        const StartState *start = call->start;
        int r;

        r = sd_bus_message_append(m, "ss", call->unit, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)",
                        "Description", "s", start->description,
                        "CollectMode", "s", "inactive-or-failed",
                        "Type", "s", "oneshot",
                        "TimeoutStartUSec", "t", start->timeout_start_usec,
                        "TimeoutStopUSec", "t", UINT64_C(1000000));
        if (r >= 0 && start->slice)
                r = sd_bus_message_append(m, "(sv)", "After", "as", 1, start->slice);
        if (r >= 0)
                r = program_append(m, start->argv);
        if (r >= 0)
                r = environment_append(m, start->environment);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
}

int service_result(const UnitCall *call, const char *result, sd_bus_error *error) {
        const StartState *start = call->start;

        if (g_str_equal(result, "done"))
                return 0;
        if ((uint64_t) g_get_monotonic_time() - start->began_usec >= start->timeout_start_usec)
                return sd_bus_error_setf(error, SD_BUS_ERROR_TIMEOUT, "%s took longer than %u s (unit %s)",
                        start->argv[0], (unsigned) (start->timeout_start_usec / 1000000), call->unit);
        return sd_bus_error_setf(error, SD_BUS_ERROR_FAILED,
                "%s failed: its words are in the journal of unit %s", start->argv[0], call->unit);
}

int unit_run_service(
        Units *units, const ServiceSpec *spec, UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_START, spec->unit, userdata);

        call->start = g_new0(StartState, 1);
        *call->start = (StartState) {
                .slice = g_strdup(spec->after),
                .description = g_strdup(spec->description),
                .argv = g_strdupv((char **) spec->argv),
                .environment = g_strdupv((char **) spec->environment),
                .timeout_start_usec = spec->timeout_usec,
                .began_usec = (uint64_t) g_get_monotonic_time(),
        };
        call->reply = reply;
        return call_submit(call, ret);
}
