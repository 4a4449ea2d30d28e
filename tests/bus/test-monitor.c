/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU and its monitor: one that answers, and all the ways in which it does not, when a domain is created,
 * paused and resumed. */

#include <signal.h>

#include "bench.h"

/* What QEMU cannot use it tells in its own words; its monitor is closed before its end can be seen. */
static void test_create_dies(Bench *bench, gconstpointer data) {
        monitor_does("greeting", MONITOR_WAITS);
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        forget(bench);
        process_says(FAKE_PID_FIRST, "qemu: warning: old\nqemu: could not load kernel '/boot/vmlinuz'\n");
        process_exits(FAKE_PID_FIRST, 1);
        expect(bench,
                "end 101 with status 1",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "vm: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'failed')",
                "vm: State 'inactive', StateReason 'could not be created', Crashed true",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {ExitCode: 1})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: Error.InvalidConfig: Cannot create 'vm': it has ended: qemu: warning: "
                        "old; qemu: could not load kernel '/boot/vmlinuz'");
        expect_empty(bench);
}

static void test_create_silent_death(Bench *bench, gconstpointer data) {
        monitor_does("greeting", MONITOR_WAITS);
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        forget(bench);
        process_dies(FAKE_PID_FIRST, SIGSYS);
        expect(bench,
                "end 101 by SIGSYS",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "vm: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'failed')",
                "vm: State 'inactive', StateReason 'could not be created', Crashed true",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {Signal: 31})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: Error.InvalidConfig: Cannot create 'vm': it has ended: killed by SIGSYS");
        expect_empty(bench);
}

static void test_create_silence(Bench *bench, gconstpointer data) {
        monitor_does("greeting", MONITOR_WAITS);
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        forget(bench);
        time_is_up(bench, "vm", 60000000);
        expect(bench,
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'failed')",
                "vm: State 'inactive', StateReason 'could not be created'",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: Error.MonitorFailed: Cannot create 'vm': QEMU's monitor does not answer");
        expect_empty(bench);
}

static void test_create_babble(Bench *bench, gconstpointer data) {
        monitor_does("greeting", MONITOR_BABBLES);
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        forget(bench);
        await(bench, "< CreateDomain");
        expect(bench,
                "vm: Warnings ['The monitor is lost: The monitor sent something that is not QMP: "
                        "'SSH-2.0-OpenSSH_9.2p1\\x0d'']",
                "vm.Warning('The monitor is lost: The monitor sent something that is not QMP: "
                        "'SSH-2.0-OpenSSH_9.2p1\\x0d'')",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'failed')",
                "vm: State 'inactive', StateReason 'could not be created'",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: Error.MonitorFailed: QEMU's monitor is lost");
        expect_empty(bench);
}

static void test_create_hangup(Bench *bench, gconstpointer data) {
        monitor_does("qmp_capabilities", MONITOR_HANGS_UP);
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        forget(bench);
        await(bench, "< CreateDomain");
        expect(bench,
                "vm: Warnings ['The monitor is lost: QEMU closed its monitor']",
                "vm.Warning('The monitor is lost: QEMU closed its monitor')",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'failed')",
                "vm: State 'inactive', StateReason 'could not be created'",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: Error.MonitorFailed: QEMU's monitor is lost");
        expect_empty(bench);
}

/* It answered, but will not let the guest go on. */
static void test_create_refusal(Bench *bench, gconstpointer data) {
        monitor_does("cont", MONITOR_REFUSES);
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg'}, 1)",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/1",
                "JobNew(1, job/1, 'vm', 'create')",
                "fork 101: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm.scope in machine.slice: 101 TimeoutStop=43200ms 'vm' "
                        QEMU_RESOURCES,
                "job/1: Phase 'starting the scope'",
                "vm: Leader 101, Job job/1",
                "systemd Get vmm-vm.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "vm: ControlGroup '/machine.slice/vmm-vm.scope', StartTimestamp set",
                "vm: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "job/1: Phase 'connecting'",
                "job/1: Phase 'continuing the guest'",
                "qemu cont",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'failed')",
                "vm: State 'inactive', StateReason 'could not be created'",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: Error.MonitorFailed: QEMU refused 'cont' with 'not now'");
        expect_empty(bench);
}

static void test_order(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "Pause", NULL);
        expect(bench,
                "> vm.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'pause')",
                "vm: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "vm.StateChanged('running', 'pausing', 'pausing on request', {})",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: State 'paused', StateReason 'paused on request', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'done')",
                "< vm.Pause()");
        call(bench, "vm", "Resume", NULL);
        expect(bench,
                "> vm.Resume()",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'resume')",
                "vm: State 'resuming', StateReason 'resuming on request', Paused false, Job job/3",
                "vm.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-vm.scope",
                "job/3: Phase 'continuing the guest'",
                "qemu cont",
                "vm: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "vm.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'resume', 'done')",
                "< vm.Resume()");
}

/* A monitor that hangs keeps nobody from pausing: half a second is all it gets. */
static void test_pause_silence(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("stop", MONITOR_WAITS);
        call(bench, "vm", "Pause", NULL);
        expect(bench,
                "> vm.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'pause')",
                "vm: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "vm.StateChanged('running', 'pausing', 'pausing on request', {})",
                "qemu stop");
        await(bench, "< vm.Pause");
        expect(bench,
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: State 'paused', StateReason 'paused on request', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'done')",
                "< vm.Pause()");
}

static void test_pause_refusal(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("stop", MONITOR_REFUSES);
        call(bench, "vm", "Pause", NULL);
        expect(bench,
                "> vm.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'pause')",
                "vm: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "vm.StateChanged('running', 'pausing', 'pausing on request', {})",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: State 'paused', StateReason 'paused on request', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'done')",
                "< vm.Pause()");
}

static void test_pause_hangup(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("stop", MONITOR_HANGS_UP);
        call(bench, "vm", "Pause", NULL);
        expect(bench,
                "> vm.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'pause')",
                "vm: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "vm.StateChanged('running', 'pausing', 'pausing on request', {})",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: State 'paused', StateReason 'paused on request', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'done')",
                "< vm.Pause()");
        await(bench, "Warnings");
        expect(bench,
                "vm: Warnings ['The monitor is lost: QEMU closed its monitor']",
                "vm.Warning('The monitor is lost: QEMU closed its monitor')");
        call(bench, "vm", "Resume", NULL);
        expect(bench,
                "> vm.Resume()",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'resume')",
                "vm: State 'resuming', StateReason 'resuming on request', Paused false, Job job/3",
                "vm.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-vm.scope",
                "vm: State 'running', StateReason 'could not be resumed', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "vm.StateChanged('resuming', 'running', 'could not be resumed', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'resume', 'failed')",
                "< vm.Resume: Error.MonitorFailed: QEMU cannot be told to cont: its monitor is lost");
}

/* The answer to one command is not that to another: the guest is told to stop before the freezer is. */
static void test_answers(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "Pause", NULL);
        monitor_does("cont", MONITOR_WAITS);
        monitor_does("stop", MONITOR_WAITS);
        scope_thaws("vmm-vm.scope");
        settle(bench);
        forget(bench);
        call(bench, "vm", "Pause", NULL);
        expect(bench,
                "> vm.Pause()",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'pause')",
                "vm: State 'pausing', StateReason 'pausing on request', Running false, Job job/3",
                "vm.StateChanged('running', 'pausing', 'pausing on request', {})",
                "qemu stop");
        monitor_goes_on("cont");
        expect_nothing(bench);
        monitor_goes_on("stop");
        expect(bench,
                "systemd FreezeUnit vmm-vm.scope",
                "job/3: Phase 'freezing'",
                "vm: State 'paused', StateReason 'paused on request', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'pause', 'done')",
                "< vm.Pause()");
}

/* The guest stays stopped until somebody pauses and resumes once more, but all of it is told. */
static void test_resume_refusal(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_PAUSED);
        monitor_does("cont", MONITOR_REFUSES);
        call(bench, "vm", "Resume", NULL);
        expect(bench,
                "> vm.Resume()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'resume')",
                "vm: State 'resuming', StateReason 'resuming on request', Paused false, Job job/2",
                "vm.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-vm.scope",
                "job/2: Phase 'continuing the guest'",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be resumed', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "vm.StateChanged('resuming', 'running', 'could not be resumed', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'resume', 'failed')",
                "< vm.Resume: Error.MonitorFailed: QEMU refused 'cont' with 'not now'");
}

/* Whoever thaws a guest that we have stopped wants it to go on. */
static void test_outside_thaw(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_PAUSED);
        scope_thaws("vmm-vm.scope");
        expect(bench,
                "vm: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "vm.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get vmm-vm.scope FreezerState",
                "qemu cont",
                "vm: FreezerState 'running'");
}

static void test_ends_while_resuming(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_PAUSED);
        monitor_does("cont", MONITOR_WAITS);
        call(bench, "vm", "Resume", NULL);
        forget(bench);
        process_dies(FAKE_PID_FIRST, SIGKILL);
        expect(bench,
                "vm: State 'running', StateReason 'could not be resumed', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "vm.StateChanged('resuming', 'running', 'could not be resumed', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'resume', 'failed')",
                "< vm.Resume: Error.MonitorFailed: QEMU closed its monitor",
                "end 101 by SIGKILL",
                "vm: State 'inactive', StateReason 'killed by SIGKILL', Running false, Crashed true, "
                        "Leader 0",
                "vm.StateChanged('running', 'inactive', 'killed by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/monitor/create-dies", test_create_dies);
        BENCH_TEST("/monitor/create-silent-death", test_create_silent_death);
        BENCH_TEST("/monitor/create-silence", test_create_silence);
        BENCH_TEST("/monitor/create-babble", test_create_babble);
        BENCH_TEST("/monitor/create-hangup", test_create_hangup);
        BENCH_TEST("/monitor/create-refusal", test_create_refusal);
        BENCH_TEST("/monitor/order", test_order);
        BENCH_TEST("/monitor/pause-silence", test_pause_silence);
        BENCH_TEST("/monitor/pause-refusal", test_pause_refusal);
        BENCH_TEST("/monitor/pause-hangup", test_pause_hangup);
        BENCH_TEST("/monitor/answers", test_answers);
        BENCH_TEST("/monitor/resume-refusal", test_resume_refusal);
        BENCH_TEST("/monitor/outside-thaw", test_outside_thaw);
        BENCH_TEST("/monitor/ends-while-resuming", test_ends_while_resuming);
        return g_test_run();
}
