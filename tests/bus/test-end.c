/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How domains end without being stopped: by themselves, by a signal, by being released; and what is told of
 * it. */

#include <signal.h>

#include "bench.h"
#include "util/errors.h"

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
                "web: State 'inactive', StateReason 'exited with status 0', Running false, PoweredOff true",
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
                "good: State 'inactive', StateReason 'exited with status 0', Running false, PoweredOff "
                        "true, Leader 0",
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

/* The kernel's counter tells why, and needs no word from systemd. */
static void test_out_of_memory(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        scope_runs_out_of_memory("vmm-web.scope", FAKE_PID_FIRST);
        expect(bench,
                "end 101 by SIGKILL",
                "web: State 'inactive', StateReason 'killed by the kernel: out of memory (oom-kill)', "
                        "Running false, Crashed true, Leader 0",
                "web.StateChanged('running', 'inactive', 'killed by the kernel: out of memory (oom-kill)', "
                        "{Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

/* Who lives on is told, once. */
static void test_out_of_memory_survived(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        process_joins(201, "vmm-web.scope");
        scope_runs_out_of_memory("vmm-web.scope", 200);
        settle(bench);
        process_exits(201, 0);
        expect(bench,
                "end 200 by SIGKILL",
                "web: Warnings ['The kernel killed 1 of its processes: out of memory (oom-kill)']",
                "web.Warning('The kernel killed 1 of its processes: out of memory (oom-kill)')",
                "end 201 with status 0");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "end 101 with status 0",
                "web: Leader 0",
                "web: State 'inactive', StateReason 'exited with status 0', Running false, PoweredOff true",
                "web.StateChanged('running', 'inactive', 'exited with status 0', {ExitCode: 0})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

/* What the leader leaves behind with the last is told, too; its own end was no fault. */
static void test_out_of_memory_child(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        process_exits(FAKE_PID_FIRST, 0);
        scope_runs_out_of_memory("vmm-web.scope", 200);
        expect(bench,
                "end 101 with status 0",
                "web: Leader 0",
                "end 200 by SIGKILL",
                "web: Warnings ['The kernel killed 1 of its processes: out of memory (oom-kill)']",
                "web.Warning('The kernel killed 1 of its processes: out of memory (oom-kill)')",
                "web: State 'inactive', StateReason 'exited with status 0', Running false, PoweredOff true",
                "web.StateChanged('running', 'inactive', 'exited with status 0', {ExitCode: 0})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

/* OOMPolicy=stop: systemd has the rest stopped. */
static void test_out_of_memory_stop(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        scope_runs_out_of_memory("vmm-web.scope", 200);
        settle(bench);
        systemd_judges("vmm-web.scope", "oom-kill");
        systemd_asks_to_stop("vmm-web.scope");
        expect(bench,
                "end 200 by SIGKILL",
                "web: Warnings ['The kernel killed 1 of its processes: out of memory (oom-kill)']",
                "web.Warning('The kernel killed 1 of its processes: out of memory (oom-kill)')",
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
                "web: State 'inactive', StateReason 'killed by the kernel: out of memory (oom-kill)', "
                        "Dying false, Crashed true, StopPhase '', StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'killed by the kernel: out of memory "
                        "(oom-kill)', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

/* A leader that ends because others were killed has a reason of its own; systemd knows a better one. */
static void test_out_of_memory_leader(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        systemd_judges("vmm-web.scope", "oom-kill");
        process_exits(FAKE_PID_FIRST, 137);
        scope_runs_out_of_memory("vmm-web.scope", 200);
        expect(bench,
                "end 101 with status 137",
                "web: Leader 0",
                "end 200 by SIGKILL",
                "web: Warnings ['The kernel killed 1 of its processes: out of memory (oom-kill)']",
                "web.Warning('The kernel killed 1 of its processes: out of memory (oom-kill)')",
                "web: State 'inactive', StateReason 'killed by the kernel: out of memory (oom-kill)', "
                        "Running false, Crashed true",
                "web.StateChanged('running', 'inactive', 'killed by the kernel: out of memory (oom-kill)', "
                        "{ExitCode: 137})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

/* When systemd was quicker to remove the cgroup, its word is waited for. */
static void test_verdict(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_sweeps_first("vmm-web.scope");
        systemd_judges("vmm-web.scope", "oom-kill");
        scope_runs_out_of_memory("vmm-web.scope", FAKE_PID_FIRST);
        expect(bench,
                "end 101 by SIGKILL",
                "web: Leader 0",
                "web: State 'inactive', StateReason 'killed by the kernel: out of memory (oom-kill)', "
                        "Running false, Crashed true",
                "web.StateChanged('running', 'inactive', 'killed by the kernel: out of memory (oom-kill)', "
                        "{Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);

        create(bench, "api", CREATE_START);
        systemd_sweeps_first("vmm-api.scope");
        systemd_judges("vmm-api.scope", "success");
        process_dies(102, SIGKILL);
        expect(bench,
                "end 102 by SIGKILL",
                "api: Leader 0",
                "api: State 'inactive', StateReason 'killed by SIGKILL', Running false, Crashed true",
                "api.StateChanged('running', 'inactive', 'killed by SIGKILL', {Signal: 9})",
                "- domain/api",
                "DomainRemoved('api', domain/api)");
        expect_empty(bench);
}

/* But not for ever. */
static void test_verdict_overdue(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_sweeps_first("vmm-web.scope");
        systemd_keeps("vmm-web.scope");
        process_dies(FAKE_PID_FIRST, SIGKILL);
        expect(bench,
                "end 101 by SIGKILL",
                "web: Leader 0");
        await(bench, "DomainRemoved");
        expect(bench,
                "web: State 'inactive', StateReason 'killed by SIGKILL', Running false, Crashed true",
                "web.StateChanged('running', 'inactive', 'killed by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
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
        BENCH_TEST("/end/children-left", test_children_left);
        BENCH_TEST("/end/ends", test_ends);
        BENCH_TEST("/end/dragged-away", test_dragged_away);
        BENCH_TEST("/end/kill", test_kill);
        BENCH_TEST("/end/out-of-memory", test_out_of_memory);
        BENCH_TEST("/end/out-of-memory/survived", test_out_of_memory_survived);
        BENCH_TEST("/end/out-of-memory/child", test_out_of_memory_child);
        BENCH_TEST("/end/out-of-memory/stop", test_out_of_memory_stop);
        BENCH_TEST("/end/out-of-memory/leader", test_out_of_memory_leader);
        BENCH_TEST("/end/verdict", test_verdict);
        BENCH_TEST("/end/verdict/overdue", test_verdict_overdue);
        BENCH_TEST("/end/processes", test_processes);
        BENCH_TEST("/end/release", test_release);
        BENCH_TEST("/end/release-refused", test_release_refused);
        return g_test_run();
}
