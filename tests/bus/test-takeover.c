/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stop among others: who of several that stop one domain gets his way, and what a stop ends. */

#include "bench.h"

#define GRACEFUL UINT64_C(1)
#define NOWAIT UINT64_C(2)
#define FORCE UINT64_C(4)

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

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/takeover/harder", test_harder);
        BENCH_TEST("/takeover/softer", test_softer);
        BENCH_TEST("/takeover/cancel", test_cancel);
        BENCH_TEST("/takeover/requested", test_requested);
        BENCH_TEST("/takeover/while-pausing", test_while_pausing);
        BENCH_TEST("/takeover/while-creating", test_while_creating);
        BENCH_TEST("/takeover/ends-meanwhile", test_ends_meanwhile);
        return g_test_run();
}
