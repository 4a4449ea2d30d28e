/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Destroy and Stop: the plans, step by step, and what they are allowed to do. */

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
        call(bench, "web", "Stop", "a(st)t", 4, "guest", UINT64_C(1000000), "SIGINT", UINT64_C(2000000),
                "RTMIN+3", UINT64_C(3000000), "KILL", UINT64_C(0), UINT64_C(0));
        time_is_up(bench, "web", 1000000);
        time_is_up(bench, "web", 2000000);
        time_is_up(bench, "web", 3000000);
        expect(bench,
                "> web.Stop([('guest', 1000000), ('SIGINT', 2000000), ('RTMIN+3', 3000000), ('KILL', 0)], "
                        "0)",
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
        BENCH_TEST("/stop/late-answers", test_late_answers);
        BENCH_TEST("/stop/refused", test_refused);
        return g_test_run();
}
