/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Destroy, Stop, Shutdown, Kill and Release: the plans, step by step, what they are allowed to do, and who
 * of several that stop one domain gets his way. */

#include <signal.h>

#include "bench.h"
#include "util/errors.h"

#define GRACEFUL UINT64_C(1)
#define NOWAIT UINT64_C(2)
#define FORCE UINT64_C(4)
#define REMOVE_LOGS UINT64_C(8)
#define A_WHILE UINT64_C(5000000)

static void test_destroy(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Destroy(0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "end 101 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

static void test_destroy_deaf(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        time_is_up(bench, "web", 1600000);
        expect(bench,
                "> web.Destroy(0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "web: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "web.StopStep('SIGKILL', 1, 2)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

static void test_force(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench,
                "> web.Destroy(4)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/2: Phase 'SIGKILL', DeadlineUSec set",
                "web.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

/* Never SIGKILL: the domain is still there, and as manageable as before. */
static void test_graceful(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        process_joins(200, "vmm-web.scope");
        call(bench, "web", "Destroy", "t", GRACEFUL);
        time_is_up(bench, "web", 3200000);
        expect(bench,
                "> web.Destroy(1)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "end 200 by SIGTERM",
                "web: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'timeout')",
                "< web.Destroy: Error.StopTimeout: 'web' was not stopped by SIGTERM and is still there; "
                        "PIDs left: 101");
        call(bench, "web", "Pause", NULL);
        call(bench, "web", "Resume", NULL);
        forget(bench);
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench,
                "> web.Destroy(4)",
                "+ job/5",
                "JobNew(5, job/5, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/5",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/5: Phase 'SIGKILL', DeadlineUSec set",
                "web.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/5",
                "JobRemoved(5, job/5, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

static void test_nowait(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", NOWAIT);
        expect(bench,
                "> web.Destroy(2)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "< web.Destroy()");
        call(bench, "web", "Destroy", "t", NOWAIT | FORCE);
        expect(bench,
                "> web.Destroy(6)",
                "web: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "web.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "< web.Destroy()",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

static void test_flags(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "Destroy", "t", GRACEFUL | FORCE);
        call(bench, "web", "Destroy", "t", UINT64_C(0x30));
        call(bench, "web", "Stop", "a(st)t", 0, FORCE);
        call(bench, "web", "Shutdown", "t", UINT64_C(1));
        expect(bench,
                "> web.Destroy(5)",
                "< web.Destroy: InvalidArgs: flags: GRACEFUL (1) and FORCE (4) contradict each other",
                "> web.Destroy(48)",
                "< web.Destroy: InvalidArgs: flags: unknown bits 0x30",
                "> web.Stop([], 4)",
                "< web.Stop: InvalidArgs: flags: unknown bits 0x4",
                "> web.Shutdown(1)",
                "< web.Shutdown: InvalidArgs: flags: unknown bits 0x1");
}

static void test_remove_logs(Bench *bench, gconstpointer data) {
        create(bench, "kept", CREATE_START);
        create(bench, "removed", CREATE_START);
        process_says(FAKE_PID_FIRST, "hello\n");
        process_says(FAKE_PID_FIRST + 1, "hello\n");
        call(bench, "kept", "Destroy", "t", UINT64_C(0));
        call(bench, "removed", "Destroy", "t", REMOVE_LOGS);
        forget(bench);
        call(bench, "manager", "GetConsoleLog", "su", "kept", (uint32_t) 10);
        call(bench, "manager", "GetConsoleLog", "su", "removed", (uint32_t) 10);
        expect(bench,
                "> GetConsoleLog('kept', 10)",
                "< GetConsoleLog(['hello'])",
                "> GetConsoleLog('removed', 10)",
                "< GetConsoleLog: Error.NoSuchDomain: There is no domain 'removed', and none of the last "
                        "32 that ended");
}

static void test_plan(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Stop", "a(st)t", 4, "guest", UINT64_C(1000), "SIGINT", UINT64_C(2000000),
                "RTMIN+3", UINT64_C(3000000), "KILL", UINT64_C(0), UINT64_C(0));
        time_is_up(bench, "web", 1000);
        time_is_up(bench, "web", 2000000);
        time_is_up(bench, "web", 3000000);
        expect(bench,
                "> web.Stop([('guest', 1000), ('SIGINT', 2000000), ('RTMIN+3', 3000000), ('KILL', 0)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'guest', StopDeadlineUSec set",
                "job/2: Phase 'guest', DeadlineUSec set",
                "web.StopStep('guest', 0, 4)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "web: StopPhase 'SIGINT'",
                "job/2: Phase 'SIGINT'",
                "web.StopStep('SIGINT', 1, 4)",
                "systemd KillUnit vmm-web.scope SIGINT",
                "web: StopPhase 'SIGRTMIN+3'",
                "job/2: Phase 'SIGRTMIN+3'",
                "web.StopStep('SIGRTMIN+3', 2, 4)",
                "systemd KillUnit vmm-web.scope SIGRTMIN+3",
                "web: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "web.StopStep('SIGKILL', 3, 4)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "web: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'timeout')",
                "< web.Stop: Error.StopTimeout: 'web' was not stopped by SIGKILL and is still there; PIDs "
                        "left: 101",
                "end 101 by SIGKILL",
                "web: State 'inactive', StateReason 'killed by SIGKILL', Running false, Crashed true, "
                        "Leader 0",
                "web.StateChanged('running', 'inactive', 'killed by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

/* A step without time is taken, and the next one at once. */
static void test_no_time(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Stop", "a(st)t", 2, "SIGTERM", UINT64_C(0), "SIGKILL", A_WHILE, UINT64_C(0));
        await(bench, "< web.Stop");
        expect(bench,
                "> web.Stop([('SIGTERM', 0), ('SIGKILL', 5000000)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "web: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "web.StopStep('SIGKILL', 1, 2)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Stop()");
}

static void test_own_plan(Bench *bench, gconstpointer data) {
        sd_bus_message *m = NULL;

        create(bench, "web", CREATE_START);
        m = message_new_set(bench, "web", "StopPlan");
        message_append(m, "v", "a(st)", 1, "SIGHUP", A_WHILE);
        message_send(bench, m);
        call(bench, "web", "Stop", "a(st)t", 0, UINT64_C(0));
        expect(bench,
                "> web.Set('org.example.VMManager1.Domain', 'StopPlan', [('SIGHUP', 5000000)])",
                "web: StopPlan [('SIGHUP', 5000000)]",
                "< web.Set()",
                "> web.Stop([], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGHUP', StopDeadlineUSec set",
                "job/2: Phase 'SIGHUP', DeadlineUSec set",
                "web.StopStep('SIGHUP', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGHUP",
                "end 101 by SIGHUP",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGHUP', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGHUP', {Signal: 1})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Stop()");
}

static void test_timeout_frozen(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Stop", "a(st)t", 1, "SIGTERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "web", A_WHILE);
        expect(bench,
                "> web.Stop([('SIGTERM', 5000000)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Paused false, Dying true, Job "
                        "job/2",
                "web.StateChanged('paused', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "systemd ThawUnit vmm-web.scope",
                "web: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "FreezerState 'running', PauseReasons [], StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'timeout')",
                "< web.Stop: Error.StopTimeout: 'web' was not stopped by SIGTERM and is still there; PIDs "
                        "left: 101");
}

/* The signal first, then the thaw: nothing of the payload runs between. */
static void test_frozen(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Destroy(0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Paused false, Dying true, Job "
                        "job/2",
                "web.StateChanged('paused', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "systemd ThawUnit vmm-web.scope",
                "end 101 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

/* SIGKILL needs no thaw. */
static void test_frozen_force(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench,
                "> web.Destroy(4)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Paused false, Dying true, Job "
                        "job/2",
                "web.StateChanged('paused', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/2: Phase 'SIGKILL', DeadlineUSec set",
                "web.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

/* A frozen slice is not thawed for one of its domains. */
static void test_frozen_slice(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        slice_freezes("machine.slice");
        settle(bench);
        forget(bench);
        call(bench, "web", "Stop", "a(st)t", 1, "SIGTERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "web", A_WHILE);
        expect(bench,
                "> web.Stop([('SIGTERM', 5000000)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Paused false, Dying true, Job "
                        "job/2",
                "web.StateChanged('paused', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "web: State 'paused', StateReason 'could not be stopped', Paused true, Dying false, "
                        "FreezerState 'frozen', StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'paused', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'timeout')",
                "< web.Stop: Error.StopTimeout: 'web' was not stopped by SIGTERM and is still there; PIDs "
                        "left: 101; frozen with slice machine.slice");
        call(bench, "web", "Destroy", "t", FORCE);
        forget(bench);
        expect_empty(bench);
}

static void test_harder(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", GRACEFUL);
        forget(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Destroy(0)",
                "web: as before",
                "job/2: as before",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM");
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench,
                "> web.Destroy(4)",
                "web: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "web.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()",
                "< web.Destroy()",
                "< web.Destroy()");
        expect_empty(bench);
}

/* The softer one waits with the harder one, and changes nothing. */
static void test_softer(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        forget(bench);
        call(bench, "web", "Destroy", "t", GRACEFUL);
        call(bench, "web", "Destroy", "t", GRACEFUL | NOWAIT);
        expect(bench,
                "> web.Destroy(1)",
                "> web.Destroy(3)",
                "< web.Destroy()");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "end 101 with status 0",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {ExitCode: 0})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()",
                "< web.Destroy()");
}

/* systemd is slower than the plan: what it answers late is for nobody any more. */
static void test_late_answers(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        systemd_holds("KillUnit");
        call(bench, "web", "Stop", "a(st)t", 2, "SIGINT", A_WHILE, "SIGTERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "web", A_WHILE);
        time_is_up(bench, "web", A_WHILE);
        expect(bench,
                "> web.Stop([('SIGINT', 5000000), ('SIGTERM', 5000000)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGINT', StopDeadlineUSec set",
                "job/2: Phase 'SIGINT', DeadlineUSec set",
                "web.StopStep('SIGINT', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGINT",
                "web: StopPhase 'SIGTERM'",
                "job/2: Phase 'SIGTERM'",
                "web.StopStep('SIGTERM', 1, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "web: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'timeout')",
                "< web.Stop: Error.StopTimeout: 'web' was not stopped by SIGTERM and is still there; PIDs "
                        "left: 101");
        systemd_goes_on("KillUnit");
        systemd_goes_on("KillUnit");
        expect_nothing(bench);
}

static void test_refused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_refuses("KillUnit", SD_BUS_ERROR_FAILED, "systemd refused KillUnit");
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Destroy(0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "web: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'failed')",
                "< web.Destroy: Failed: systemd refused KillUnit");
}

static void test_cancel(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", GRACEFUL);
        forget(bench);
        call(bench, "job/2", "Cancel", NULL);
        expect(bench,
                "> job/2.Cancel()",
                "web: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'canceled')",
                "< web.Destroy: Error.Canceled: The stop of 'web' was canceled",
                "< job/2.Cancel()");
}

/* systemd leaves the how to us: the domain's own plan. */
static void test_requested(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_asks_to_stop("vmm-web.scope");
        expect(bench,
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "end 101 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

static void test_while_pausing(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        scope_sticks("vmm-web.scope");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Destroy(0)",
                "web: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'canceled')",
                "< web.Pause: Error.Canceled: The pause of 'web' was ended: the domain is being stopped",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Dying true, Job job/3",
                "web.StateChanged('pausing', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/3: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "systemd ThawUnit vmm-web.scope",
                "end 101 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

static void test_while_creating(Bench *bench, gconstpointer data) {
        systemd_holds("FreezeUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_PAUSED);
        forget(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Destroy(0)",
                "web: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'canceled')",
                "< CreateDomain: Error.Canceled: The create of 'web' was ended: the domain is being "
                        "stopped",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Dying true, Job job/2",
                "web.StateChanged('starting', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "end 101 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

/* What ended meanwhile was stopped, too. */
static void test_ends_meanwhile(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_holds("KillUnit");
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        forget(bench);
        process_exits(FAKE_PID_FIRST, 3);
        expect(bench,
                "end 101 with status 3",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {ExitCode: 3})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        systemd_goes_on("KillUnit");
        expect_empty(bench);
}

/* The leader's end is not the domain's. */
static void test_children_left(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "end 101 with status 0",
                "web: Leader 0");
        process_exits(200, 0);
        expect(bench,
                "end 200 with status 0",
                "web: State 'inactive', StateReason 'exited with status 0', Running false",
                "web.StateChanged('running', 'inactive', 'exited with status 0', {ExitCode: 0})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

static void test_ends(Bench *bench, gconstpointer data) {
        create(bench, "good", CREATE_START);
        create(bench, "bad", CREATE_START);
        create(bench, "ugly", CREATE_START);
        process_exits(101, 0);
        process_exits(102, 1);
        process_dies(103, SIGABRT);
        expect(bench,
                "end 101 with status 0",
                "good: State 'inactive', StateReason 'exited with status 0', Running false, Leader 0",
                "good.StateChanged('running', 'inactive', 'exited with status 0', {ExitCode: 0})",
                "- domain/good",
                "DomainRemoved('good', domain/good)",
                "end 102 with status 1",
                "bad: State 'inactive', StateReason 'exited with status 1', Running false, Crashed true, "
                        "Leader 0",
                "bad.StateChanged('running', 'inactive', 'exited with status 1', {ExitCode: 1})",
                "- domain/bad",
                "DomainRemoved('bad', domain/bad)",
                "end 103 by SIGABRT",
                "ugly: State 'inactive', StateReason 'killed by SIGABRT', Running false, Crashed true, "
                        "Leader 0",
                "ugly.StateChanged('running', 'inactive', 'killed by SIGABRT', {Signal: 6})",
                "- domain/ugly",
                "DomainRemoved('ugly', domain/ugly)");
        expect_empty(bench);
}

static void test_dragged_away(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_is_dragged_to(FAKE_PID_FIRST, "/user.slice/session-1.scope");
        expect(bench,
                "web: Warnings ['PID 101 was moved to /user.slice/session-1.scope by hand; ending it with "
                        "SIGTERM']",
                "web.Warning('PID 101 was moved to /user.slice/session-1.scope by hand; ending it with "
                        "SIGTERM')",
                "kill 101 SIGTERM",
                "end 101 by SIGTERM",
                "web: State 'inactive', StateReason 'killed by SIGTERM', Running false, Leader 0",
                "web.StateChanged('running', 'inactive', 'killed by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

/* ---- The guest. ---- */

static void test_guest(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "Stop", "a(st)t", 0, UINT64_C(0));
        expect(bench,
                "> vm.Stop([], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "vm.StateChanged('running', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'guest', StopDeadlineUSec set",
                "job/2: Phase 'guest', DeadlineUSec set",
                "vm.StopStep('guest', 0, 3)",
                "qemu system_powerdown");
        monitor_tells("SHUTDOWN", "guest-shutdown");
        settle(bench);
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "end 101 with status 0",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'shut down', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'shut down', {ExitCode: 0})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Stop()");
        expect_empty(bench);
}

/* Asking needs a guest that runs. */
static void test_guest_paused(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_PAUSED);
        call(bench, "vm", "Stop", "a(st)t", 2, "guest", A_WHILE, "KILL", A_WHILE, UINT64_C(0));
        time_is_up(bench, "vm", A_WHILE);
        expect(bench,
                "> vm.Stop([('guest', 5000000), ('KILL', 5000000)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Paused false, Dying true, Job "
                        "job/2",
                "vm.StateChanged('paused', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'guest', StopDeadlineUSec set",
                "job/2: Phase 'guest', DeadlineUSec set",
                "vm.StopStep('guest', 0, 2)",
                "systemd ThawUnit vmm-vm.scope",
                "qemu cont",
                "qemu system_powerdown",
                "vm: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "vm.StopStep('SIGKILL', 1, 2)",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Stop()");
        expect_empty(bench);
}

/* One that cannot be asked is not waited for. */
static void test_guest_refuses(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("system_powerdown", MONITOR_REFUSES);
        call(bench, "vm", "Stop", "a(st)t", 2, "guest", A_WHILE, "TERM", A_WHILE, NOWAIT);
        await(bench, "< vm.Stop");
        expect(bench,
                "> vm.Stop([('guest', 5000000), ('TERM', 5000000)], 2)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "vm.StateChanged('running', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'guest', StopDeadlineUSec set",
                "job/2: Phase 'guest', DeadlineUSec set",
                "vm.StopStep('guest', 0, 2)",
                "qemu system_powerdown",
                "vm: StopPhase 'SIGTERM'",
                "job/2: Phase 'SIGTERM'",
                "vm.StopStep('SIGTERM', 1, 2)",
                "systemd KillUnit vmm-vm.scope SIGTERM",
                "< vm.Stop()",
                "end 101 by SIGTERM",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

/* The late refusal of one step does not shorten the next. */
static void test_guest_refuses_late(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        monitor_does("system_powerdown", MONITOR_WAITS);
        call(bench, "vm", "Stop", "a(st)t", 3, "guest", A_WHILE, "TERM", A_WHILE, "KILL", A_WHILE,
                UINT64_C(0));
        time_is_up(bench, "vm", A_WHILE);
        forget(bench);
        monitor_refuses("system_powerdown");
        expect_nothing(bench);
        time_is_up(bench, "vm", A_WHILE);
        expect(bench,
                "vm: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "vm.StopStep('SIGKILL', 2, 3)",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Stop()");
        expect_empty(bench);
}

/* The guest that was paused for good goes on when it could not be stopped. */
static void test_guest_left(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_PAUSED);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "vm", "Stop", "a(st)t", 1, "TERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "vm", A_WHILE);
        expect(bench,
                "> vm.Stop([('TERM', 5000000)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Paused false, Dying true, Job "
                        "job/2",
                "vm.StateChanged('paused', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/2: Phase 'SIGTERM', DeadlineUSec set",
                "vm.StopStep('SIGTERM', 0, 1)",
                "systemd KillUnit vmm-vm.scope SIGTERM",
                "systemd ThawUnit vmm-vm.scope",
                "vm: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "FreezerState 'running', PauseReasons [], StopPhase '', StopDeadlineUSec 0, Job /",
                "vm.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'timeout')",
                "< vm.Stop: Error.StopTimeout: 'vm' was not stopped by SIGTERM and is still there; PIDs "
                        "left: 101",
                "qemu cont");
}

static void test_shutdown(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        create_qemu(bench, "vm", CREATE_PAUSED);
        call(bench, "web", "Shutdown", "t", UINT64_C(0));
        expect(bench,
                "> web.Shutdown(0)",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'shutdown')",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "job/3: Phase 'asking the guest'",
                "web: Job job/3",
                "web: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'shutdown', 'done')",
                "< web.Shutdown()",
                "end 101 by SIGTERM",
                "web: State 'inactive', StateReason 'killed by SIGTERM', Running false, Leader 0",
                "web.StateChanged('running', 'inactive', 'killed by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        call(bench, "vm", "Shutdown", "t", UINT64_C(0));
        expect(bench,
                "> vm.Shutdown(0)",
                "+ job/4",
                "JobNew(4, job/4, 'vm', 'shutdown')",
                "systemd ThawUnit vmm-vm.scope",
                "vm: Job job/4",
                "job/4: Phase 'continuing the guest'",
                "qemu cont",
                "job/4: Phase 'asking the guest'",
                "qemu system_powerdown",
                "vm: State 'running', StateReason 'resumed to be shut down', Running true, Paused false, "
                        "FreezerState 'running', PauseReasons [], Job /",
                "vm.StateChanged('paused', 'running', 'resumed to be shut down', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'vm', 'shutdown', 'done')",
                "< vm.Shutdown()");
}

/* ---- Kill and Release. ---- */

static void test_kill(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        call(bench, "web", "Kill", "si", "all", SIGUSR1);
        call(bench, "web", "Kill", "si", "leader", SIGTERM);
        expect(bench,
                "> web.Kill('all', 10)",
                "systemd KillUnit vmm-web.scope SIGUSR1",
                "< web.Kill()",
                "> web.Kill('leader', 15)",
                "kill 101 SIGTERM",
                "< web.Kill()",
                "end 101 by SIGTERM",
                "web: Leader 0");
        call(bench, "web", "Kill", "si", "leader", SIGTERM);
        call(bench, "web", "Kill", "si", "all", SIGKILL);
        expect(bench,
                "> web.Kill('leader', 15)",
                "< web.Kill: Error.NotRunning: The leader of 'web' has ended",
                "> web.Kill('all', 9)",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "< web.Kill()",
                "end 200 by SIGKILL",
                "web: State 'inactive', StateReason 'killed by SIGTERM', Running false",
                "web.StateChanged('running', 'inactive', 'killed by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

static void test_processes(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        call(bench, "web", "GetProcesses", NULL);
        systemd_refuses("GetUnitProcesses", VMM_ERROR_NOT_RUNNING, "Unit vmm-web.scope is not active");
        call(bench, "web", "GetProcesses", NULL);
        expect(bench,
                "> web.GetProcesses()",
                "systemd GetUnitProcesses vmm-web.scope",
                "< web.GetProcesses([('/machine.slice/vmm-web.scope', 101, '/bin/payload'), "
                        "('/machine.slice/vmm-web.scope', 200, '/bin/stranger')])",
                "> web.GetProcesses()",
                "systemd GetUnitProcesses vmm-web.scope",
                "< web.GetProcesses: Error.NotRunning: Unit vmm-web.scope is not active");
}

static void test_release(Bench *bench, gconstpointer data) {
        g_autofree char *left = NULL;

        create_qemu(bench, "vm", CREATE_PAUSED);
        call(bench, "vm", "Release", NULL);
        expect(bench,
                "> vm.Release()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'release')",
                "systemd ThawUnit vmm-vm.scope",
                "vm: Job job/2",
                "job/2: Phase 'continuing the guest'",
                "qemu cont",
                "systemd AbandonScope vmm-vm.scope",
                "job/2: Phase 'abandoning the scope'",
                "vm: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'release', 'done')",
                "vm: State 'inactive', StateReason 'released', Paused false",
                "vm.StateChanged('paused', 'inactive', 'released', {})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Release()");
        left = host_leftovers();
        g_assert_cmpstr(left, ==, "scope vmm-vm.scope\nprocess 101\n1 watched units\n");
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        expect_empty(bench);
}

static void test_release_refused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_refuses("AbandonScope", SD_BUS_ERROR_FAILED, "systemd refused AbandonScope");
        call(bench, "web", "Release", NULL);
        expect(bench,
                "> web.Release()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'release')",
                "systemd AbandonScope vmm-web.scope",
                "job/2: Phase 'abandoning the scope'",
                "web: Job job/2",
                "web: StateReason 'could not be released', Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'release', 'failed')",
                "< web.Release: Failed: systemd refused AbandonScope");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/stop/destroy", test_destroy);
        BENCH_TEST("/stop/destroy-deaf", test_destroy_deaf);
        BENCH_TEST("/stop/force", test_force);
        BENCH_TEST("/stop/graceful", test_graceful);
        BENCH_TEST("/stop/nowait", test_nowait);
        BENCH_TEST("/stop/flags", test_flags);
        BENCH_TEST("/stop/remove-logs", test_remove_logs);
        BENCH_TEST("/stop/plan", test_plan);
        BENCH_TEST("/stop/no-time", test_no_time);
        BENCH_TEST("/stop/own-plan", test_own_plan);
        BENCH_TEST("/stop/timeout-frozen", test_timeout_frozen);
        BENCH_TEST("/stop/frozen", test_frozen);
        BENCH_TEST("/stop/frozen-force", test_frozen_force);
        BENCH_TEST("/stop/frozen-slice", test_frozen_slice);
        BENCH_TEST("/stop/harder", test_harder);
        BENCH_TEST("/stop/softer", test_softer);
        BENCH_TEST("/stop/late-answers", test_late_answers);
        BENCH_TEST("/stop/refused", test_refused);
        BENCH_TEST("/stop/cancel", test_cancel);
        BENCH_TEST("/stop/requested", test_requested);
        BENCH_TEST("/stop/while-pausing", test_while_pausing);
        BENCH_TEST("/stop/while-creating", test_while_creating);
        BENCH_TEST("/stop/ends-meanwhile", test_ends_meanwhile);
        BENCH_TEST("/stop/children-left", test_children_left);
        BENCH_TEST("/stop/ends", test_ends);
        BENCH_TEST("/stop/dragged-away", test_dragged_away);
        BENCH_TEST("/stop/guest", test_guest);
        BENCH_TEST("/stop/guest-paused", test_guest_paused);
        BENCH_TEST("/stop/guest-refuses", test_guest_refuses);
        BENCH_TEST("/stop/guest-refuses-late", test_guest_refuses_late);
        BENCH_TEST("/stop/guest-left", test_guest_left);
        BENCH_TEST("/stop/shutdown", test_shutdown);
        BENCH_TEST("/stop/kill", test_kill);
        BENCH_TEST("/stop/processes", test_processes);
        BENCH_TEST("/stop/release", test_release);
        BENCH_TEST("/stop/release-refused", test_release_refused);
        return g_test_run();
}
