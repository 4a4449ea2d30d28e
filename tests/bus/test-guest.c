/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guests that are asked to shut down: by a step of a plan, or by Shutdown. */

#include <signal.h>

#include "bench.h"

#define NOWAIT UINT64_C(2)
#define A_WHILE UINT64_C(5000000)

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
                "web: State 'inactive', StateReason 'killed by SIGTERM', Running false, PoweredOff true, "
                        "Leader 0",
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

/* As systemd does when it is asked to stop what is frozen: both are heard at once, and QEMU is told both. */
static void test_thawed_and_stopped(Bench *bench, gconstpointer data) {
        Domain *domain;

        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "Pause", NULL);
        forget(bench);
        domain = manager_find_by_name(bench->manager, "vm");
        scope_thaws("vmm-vm.scope");
        domain_follow_freezer(domain);
        domain_stop_by_plan(domain, &domain->config->stop_plan, 0);
        settle(bench);
        expect(bench,
                "vm: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "vm.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get vmm-vm.scope FreezerState",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/3",
                "vm.StateChanged('running', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'guest', StopDeadlineUSec set",
                "job/3: Phase 'guest', DeadlineUSec set",
                "vm.StopStep('guest', 0, 3)",
                "qemu cont",
                "qemu system_powerdown",
                "vm: FreezerState 'running'");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/guest/guest", test_guest);
        BENCH_TEST("/guest/guest-paused", test_guest_paused);
        BENCH_TEST("/guest/guest-refuses", test_guest_refuses);
        BENCH_TEST("/guest/guest-refuses-late", test_guest_refuses_late);
        BENCH_TEST("/guest/guest-left", test_guest_left);
        BENCH_TEST("/guest/shutdown", test_shutdown);
        BENCH_TEST("/guest/thawed-and-stopped", test_thawed_and_stopped);
        return g_test_run();
}
