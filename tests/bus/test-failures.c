/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domains that do not come to be: whichever step fails, the caller hears why when nothing of the domain is
 * left, on the bus or on the host, and nothing of anybody else's was touched. */

#include <errno.h>
#include <signal.h>

#include "bench.h"
#include "util/errors.h"

static void test_folder(Bench *bench, gconstpointer data) {
        folder_fails(-ENOSPC);
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "< CreateDomain: Error.StorageFull: Cannot make the runtime folder of 'web' in "
                        "/run/vmmanager: No space left on device");
        expect_empty(bench);
}

static void test_fork(Bench *bench, gconstpointer data) {
        fork_fails(-EAGAIN);
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "web: as before",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Failed: Cannot create 'web': forking failed: Resource temporarily "
                        "unavailable");
        expect_empty(bench);
}

static void test_scope_refused(Bench *bench, gconstpointer data) {
        systemd_refuses("StartTransientUnit", SD_BUS_ERROR_FAILED, "systemd could not start it");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Failed: systemd could not start it");
        expect_empty(bench);
}

/* The unit is somebody else's: it is neither signalled nor stopped. */
static void test_name_taken(Bench *bench, gconstpointer data) {
        g_autofree char *left = NULL;

        systemd_has_scope("session-1.scope", "user.slice");
        call(bench, CREATE, "web", 2, PAYLOAD, "CgroupPath", "s", "user.slice:session:1", CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload'], CgroupPath: 'user.slice:session:1'}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 102: /bin/payload as root",
                "systemd StartTransientUnit session-1.scope in user.slice: 102 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 102, Job job/1",
                "kill 102 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 102 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.DomainExists: There is a unit session-1.scope already");
        left = host_leftovers();
        g_assert_cmpstr(left, ==, "scope session-1.scope\n");
}

/* Nor while it is not known yet whose it is. */
static void test_name_taken_destroyed(Bench *bench, gconstpointer data) {
        g_autofree char *left = NULL;

        systemd_has_scope("session-1.scope", "user.slice");
        systemd_holds("StartTransientUnit");
        call(bench, CREATE, "web", 2, PAYLOAD, "CgroupPath", "s", "user.slice:session:1", CREATE_START);
        forget(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> web.Destroy(4)",
                "web: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'canceled')",
                "< CreateDomain: Error.Canceled: The create of 'web' was ended: the domain is being "
                        "stopped",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Dying true, Job job/2",
                "web.StateChanged('starting', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/2: Phase 'SIGKILL', DeadlineUSec set",
                "web.StopStep('SIGKILL', 0, 1)",
                "end 102 with status 127",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {ExitCode: 127})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        systemd_goes_on("StartTransientUnit");
        expect_nothing(bench);
        left = host_leftovers();
        g_assert_cmpstr(left, ==, "scope session-1.scope\n");
}

static void test_scope_timeout(Bench *bench, gconstpointer data) {
        systemd_holds("StartTransientUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        forget(bench);
        time_is_up(bench, "web", 60000000);
        expect(bench,
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'timeout')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Timeout: Cannot create 'web': starting the scope takes too long");
        systemd_goes_on("StartTransientUnit");
        expect(bench,
                "systemd discard vmm-web.scope");
        expect_empty(bench);
}

static void test_slice_frozen(Bench *bench, gconstpointer data) {
        slice_freezes("machine.slice");
        call(bench, CREATE, "web", 2, PAYLOAD, "CgroupPath", "s", "machine-in.slice:vmm:web", CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload'], CgroupPath: "
                        "'machine-in.slice:vmm:web'}, 1)",
                "< CreateDomain: Error.SliceFrozen: 'web' cannot be in slice machine-in.slice: "
                        "machine.slice is frozen");
        expect_empty(bench);
}

/* systemd 252 starts a scope in a frozen slice and says that all is well. */
static void test_slice_freezes(Bench *bench, gconstpointer data) {
        systemd_holds("StartTransientUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        forget(bench);
        slice_freezes("machine.slice");
        systemd_goes_on("StartTransientUnit");
        expect(bench,
                "systemd Get vmm-web.scope InvocationID",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.SliceFrozen: Cannot create 'web': slice machine.slice is frozen");
        expect_empty(bench);
}

static void test_slice_frozen_refused(Bench *bench, gconstpointer data) {
        systemd_refuses("StartTransientUnit", VMM_ERROR_SLICE_FROZEN, "Slice machine.slice is frozen");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.SliceFrozen: Slice machine.slice is frozen");
        expect_empty(bench);
}

/* The scope was started, but its process had died on its way: it would stay for ever, empty. */
static void test_dead_on_arrival(Bench *bench, gconstpointer data) {
        children_die_early();
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "end 101 by SIGSEGV",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "systemd discard vmm-web.scope",
                "web: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Failed: The processes of 'web' did not reach vmm-web.scope: No such "
                        "process");
        expect_empty(bench);
}

static void test_dead_before(Bench *bench, gconstpointer data) {
        systemd_holds("StartTransientUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        forget(bench);
        process_dies(FAKE_PID_FIRST, SIGSEGV);
        expect(bench,
                "end 101 by SIGSEGV",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created', Crashed true",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 11})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.InvalidConfig: Cannot create 'web': it has ended: killed by SIGSEGV");
        systemd_goes_on("StartTransientUnit");
        expect(bench,
                "systemd discard vmm-web.scope");
        expect_empty(bench);
}

static void test_freeze_refused(Bench *bench, gconstpointer data) {
        systemd_refuses("FreezeUnit", VMM_ERROR_FREEZE_FAILED, "systemd refused FreezeUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_PAUSED);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 0)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "systemd Get vmm-web.scope InvocationID",
                "systemd FreezeUnit vmm-web.scope",
                "job/1: Phase 'freezing before the first instruction'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.FreezeFailed: systemd refused FreezeUnit");
        expect_empty(bench);
}

static void test_freeze_timeout(Bench *bench, gconstpointer data) {
        systemd_holds("FreezeUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_PAUSED);
        forget(bench);
        time_is_up(bench, "web", 3000000);
        expect(bench,
                "systemd KillUnit vmm-web.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "web: as before",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'timeout')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.FreezeTimeout: 'web' could not be frozen in 3000 ms: no task stood "
                        "out");
        expect_empty(bench);
}

static void test_exec(Bench *bench, gconstpointer data) {
        exec_fails("Exec format error");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "systemd Get vmm-web.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 with status 127",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'failed')",
                "web: State 'inactive', StateReason 'could not be created', Crashed true",
                "web.StateChanged('starting', 'inactive', 'could not be created', {ExitCode: 127})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.InvalidConfig: Cannot run /bin/payload: Exec format error (exec)");
        expect_empty(bench);
}

/* Of a domain that was created paused the first Resume tells. */
static void test_exec_resumed(Bench *bench, gconstpointer data) {
        exec_fails("Exec format error");
        create(bench, "web", CREATE_PAUSED);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/2",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-web.scope",
                "job/2: Phase 'executing'",
                "job/2: Phase 'undoing'",
                "end 101 with status 127",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'resume', 'failed')",
                "web: State 'inactive', StateReason 'exited with status 127', Crashed true",
                "web.StateChanged('resuming', 'inactive', 'exited with status 127', {ExitCode: 127})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Resume: Error.InvalidConfig: Cannot run /bin/payload: Exec format error (exec)");
        expect_empty(bench);
}

/* What only the host can tell is asked before anything is begun. */
static void test_host(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 1, "Command", "as", 1, "/opt/missing", CREATE_START);
        call(bench, CREATE, "web", 2, PAYLOAD, "User", "s", "carol", CREATE_START);
        call(bench, CREATE, "vm", 1, "Kernel", "s", "/home/alice/vmlinuz", CREATE_START);
        call(bench, CREATE, "vm", 3, QEMU, "Initrd", "s", "/home/alice/initrd", CREATE_START);
        g_free(bench->manager->settings->qemu_user);
        bench->manager->settings->qemu_user = g_strdup("nobody-here");
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        g_free(bench->manager->settings->qemu_binary);
        bench->manager->settings->qemu_binary = g_strdup("/opt/qemu");
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/opt/missing']}, 1)",
                "< CreateDomain: Error.InvalidConfig: Command: /opt/missing: No such file or directory",
                "> CreateDomain('web', {Command: ['/bin/payload'], User: 'carol'}, 1)",
                "< CreateDomain: Error.InvalidConfig: User: there is no user 'carol'",
                "> CreateDomain('vm', {Kernel: '/home/alice/vmlinuz'}, 1)",
                "< CreateDomain: Error.InvalidConfig: Kernel: /home/alice/vmlinuz: No such file or "
                        "directory",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Initrd: "
                        "'/home/alice/initrd'}, 1)",
                "< CreateDomain: Error.InvalidConfig: Initrd: /home/alice/initrd: No such file or "
                        "directory",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg'}, 1)",
                "< CreateDomain: Error.NotSupported: QEMU has no user to run as on this host: there is no "
                        "user 'nobody-here'",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg'}, 1)",
                "< CreateDomain: Error.NotSupported: There is no QEMU on this host: no program '/opt/qemu'");
        expect_empty(bench);
}

/* systemd is asked to stop what is still coming up: the plan begins, and a harder stop takes over. */
static void test_stopped(Bench *bench, gconstpointer data) {
        monitor_does("greeting", MONITOR_WAITS);
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        forget(bench);
        systemd_asks_to_stop("vmm-vm.scope");
        await(bench, "StopStep('guest'");
        expect(bench,
                "vm: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'canceled')",
                "< CreateDomain: Error.Canceled: The create of 'vm' was ended: the domain is being stopped",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Dying true, Job job/2",
                "vm.StateChanged('starting', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'guest', StopDeadlineUSec set",
                "job/2: Phase 'guest', DeadlineUSec set",
                "vm.StopStep('guest', 0, 3)");
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> vm.Destroy(4)",
                "vm: StopPhase 'SIGKILL'",
                "job/2: Phase 'SIGKILL'",
                "vm.StopStep('SIGKILL', 0, 1)",
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
                "< vm.Destroy()");
        expect_empty(bench);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/failures/folder", test_folder);
        BENCH_TEST("/failures/fork", test_fork);
        BENCH_TEST("/failures/scope-refused", test_scope_refused);
        BENCH_TEST("/failures/name-taken", test_name_taken);
        BENCH_TEST("/failures/name-taken-destroyed", test_name_taken_destroyed);
        BENCH_TEST("/failures/scope-timeout", test_scope_timeout);
        BENCH_TEST("/failures/slice-frozen", test_slice_frozen);
        BENCH_TEST("/failures/slice-freezes", test_slice_freezes);
        BENCH_TEST("/failures/slice-frozen-refused", test_slice_frozen_refused);
        BENCH_TEST("/failures/dead-on-arrival", test_dead_on_arrival);
        BENCH_TEST("/failures/dead-before", test_dead_before);
        BENCH_TEST("/failures/freeze-refused", test_freeze_refused);
        BENCH_TEST("/failures/freeze-timeout", test_freeze_timeout);
        BENCH_TEST("/failures/exec", test_exec);
        BENCH_TEST("/failures/exec-resumed", test_exec_resumed);
        BENCH_TEST("/failures/host", test_host);
        BENCH_TEST("/failures/stopped", test_stopped);
        return g_test_run();
}
