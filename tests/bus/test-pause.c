/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pause and Resume: what is told in which order, what happens when somebody or something does not play
 * along, and that domains do not wait for each other. */

#include <signal.h>

#include "bench.h"
#include "util/errors.h"

static void test_order(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "Pause", NULL);
        expect(bench,
                "> web.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/2: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'done')",
                "< web.Pause()");
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/3",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-web.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'resume', 'done')",
                "< web.Resume()");
}

/* Nothing is asked of anybody. */
static void test_idempotent(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "< web.Resume()");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        call(bench, "web", "Pause", NULL);
        expect(bench,
                "> web.Pause()",
                "< web.Pause()");
}

static void test_join(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        call(bench, "web", "Pause", NULL);
        expect(bench,
                "> web.Pause()");
        systemd_goes_on("FreezeUnit");
        expect(bench,
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'done')",
                "< web.Pause()",
                "< web.Pause()");
        systemd_holds("ThawUnit");
        call(bench, "web", "Resume", NULL);
        call(bench, "web", "Resume", NULL);
        forget(bench);
        systemd_goes_on("ThawUnit");
        expect(bench,
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'resume', 'done')",
                "< web.Resume()",
                "< web.Resume()");
}

static void test_busy(Bench *bench, gconstpointer data) {
        systemd_holds("StartTransientUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        forget(bench);
        call(bench, "web", "Pause", NULL);
        call(bench, "web", "Kill", "si", "leader", SIGKILL);
        expect(bench,
                "> web.Pause()",
                "< web.Pause: Error.Busy: Cannot pause 'web': job 1 (create) is in progress",
                "> web.Kill('leader', 9)",
                "< web.Kill: Error.Busy: Cannot kill 'web': job 1 (create) is in progress");
        systemd_goes_on("StartTransientUnit");
        systemd_holds("FreezeUnit");
        settle(bench);
        call(bench, "web", "Pause", NULL);
        forget(bench);
        call(bench, "web", "Resume", NULL);
        call(bench, "web", "Shutdown", "t", UINT64_C(0));
        call(bench, "web", "Release", NULL);
        expect(bench,
                "> web.Resume()",
                "< web.Resume: Error.Busy: Cannot resume 'web': job 2 (pause) is in progress",
                "> web.Shutdown(0)",
                "< web.Shutdown: Error.Busy: Cannot shutdown 'web': job 2 (pause) is in progress",
                "> web.Release()",
                "< web.Release: Error.Busy: Cannot release 'web': job 2 (pause) is in progress");
}

/* Believed only when both say so, whichever says so first. */
static void test_two_witnesses(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        scope_kept_quiet("vmm-web.scope", true);
        call(bench, "web", "Pause", NULL);
        expect(bench,
                "> web.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/2: Phase 'freezing'");
        scope_kept_quiet("vmm-web.scope", false);
        expect(bench,
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'done')",
                "< web.Pause()");
}

static void test_kernel_first(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        scope_freezes("vmm-web.scope");
        expect_nothing(bench);
        systemd_goes_on("FreezeUnit");
        expect(bench,
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'done')",
                "< web.Pause()");
}

static void test_timeout(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        scope_sticks("vmm-vm.scope");
        call(bench, "vm", "Pause", NULL);
        time_is_up(bench, "vm", 3000000);
        expect(bench,
                "> vm.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'pause')",
                "vm: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "vm.StateChanged('running', 'pausing', 'pausing on request', {})",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "systemd ThawUnit vmm-vm.scope",
                "job/2: Phase 'undoing'",
                "vm: PauseBlockers [(999, 'nfsd', 'state D in nfs_wait_bit_killable')]",
                "job/2: as before",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be paused', Running true, Job /",
                "vm.StateChanged('pausing', 'running', 'could not be paused', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'timeout')",
                "< vm.Pause: Error.FreezeTimeout: 'vm' could not be frozen in 3000 ms: PID 999 (nfsd), "
                        "state D in nfs_wait_bit_killable");
}

/* The blockers of the last try are gone with the next one. */
static void test_timeout_again(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        scope_sticks("vmm-web.scope");
        call(bench, "web", "Pause", NULL);
        time_is_up(bench, "web", 3000000);
        scope_unsticks("vmm-web.scope");
        forget(bench);
        call(bench, "web", "Pause", NULL);
        expect(bench,
                "> web.Pause()",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/3",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/3: Phase 'freezing'",
                "web: PauseBlockers []",
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'pause', 'done')",
                "< web.Pause()");
}

/* systemd answers nothing, not even the thaw. */
static void test_silence(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_holds("");
        call(bench, "web", "Pause", NULL);
        time_is_up(bench, "web", 3000000);
        expect(bench,
                "> web.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/2: Phase 'freezing'",
                "systemd ThawUnit vmm-web.scope",
                "job/2: Phase 'undoing'",
                "web: as before");
        time_is_up(bench, "web", 3000000);
        expect(bench,
                "web: State 'running', StateReason 'could not be paused', Running true, Job /",
                "web.StateChanged('pausing', 'running', 'could not be paused', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'timeout')",
                "< web.Pause: Error.FreezeTimeout: 'web' could not be frozen in 3000 ms: no task stood out");
}

/* Nor does a resume wait for ever. */
static void test_thaw_timeout(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        systemd_holds("ThawUnit");
        call(bench, "web", "Resume", NULL);
        time_is_up(bench, "web", 3000000);
        expect(bench,
                "> web.Resume()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/2",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-web.scope",
                "web: State 'paused', StateReason 'could not be resumed', Paused true, Job /",
                "web.StateChanged('resuming', 'paused', 'could not be resumed', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'resume', 'failed')",
                "< web.Resume: Error.FreezeFailed: 'web' could not be thawed in 3000 ms");
}

static void test_refused(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        systemd_refuses("FreezeUnit", VMM_ERROR_FREEZE_FAILED, "systemd refused FreezeUnit");
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
                "systemd ThawUnit vmm-vm.scope",
                "job/2: Phase 'undoing'",
                "job/2: as before",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be paused', Running true, Job /",
                "vm.StateChanged('pausing', 'running', 'could not be paused', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'failed')",
                "< vm.Pause: Error.FreezeFailed: systemd refused FreezeUnit");
}

static void test_outside(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        scope_freezes("vmm-web.scope");
        expect(bench,
                "web: State 'paused', StateReason 'frozen from outside', Running false, Paused true, "
                        "PauseReasons ['frozen']",
                "web.StateChanged('running', 'paused', 'frozen from outside', {})",
                "systemd Get vmm-web.scope FreezerState",
                "web: FreezerState 'frozen'");
        scope_thaws("vmm-web.scope");
        expect(bench,
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get vmm-web.scope FreezerState",
                "web: FreezerState 'running'");
}

static void test_slice(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        slice_freezes("machine.slice");
        expect(bench,
                "web: State 'paused', StateReason 'frozen from outside', Running false, Paused true, "
                        "PauseReasons ['frozen']",
                "web.StateChanged('running', 'paused', 'frozen from outside', {})",
                "systemd Get vmm-web.scope FreezerState");
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/2",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "web: State 'paused', StateReason 'could not be resumed', Paused true, FreezerState "
                        "'frozen', Job /",
                "web.StateChanged('resuming', 'paused', 'could not be resumed', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'resume', 'failed')",
                "< web.Resume: Error.SliceFrozen: Cannot resume 'web': slice machine.slice is frozen");
        slice_thaws("machine.slice");
        expect(bench,
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get vmm-web.scope FreezerState",
                "web: FreezerState 'running'");
}

/* Who wants it paused, too, need not see it thaw with its slice. */
static void test_slice_and_user(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        slice_freezes("machine.slice");
        settle(bench);
        forget(bench);
        call(bench, "vm", "Pause", NULL);
        call(bench, "vm", "Pause", NULL);
        expect(bench,
                "> vm.Pause()",
                "vm: PauseReasons ['frozen', 'user']",
                "< vm.Pause()",
                "> vm.Pause()",
                "< vm.Pause()");
        slice_thaws("machine.slice");
        expect(bench,
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'pause')",
                "vm: PauseReasons ['user'], Job job/2",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: FreezerState 'frozen', Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'done')");
}

static void test_cancel(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        systemd_holds("FreezeUnit");
        call(bench, "vm", "Pause", NULL);
        forget(bench);
        call(bench, "job/2", "Cancel", NULL);
        expect(bench,
                "> job/2.Cancel()",
                "systemd ThawUnit vmm-vm.scope",
                "job/2: Phase 'undoing'",
                "job/2: as before",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be paused', Running true, Job /",
                "vm.StateChanged('pausing', 'running', 'could not be paused', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'canceled')",
                "< vm.Pause: Error.Canceled: The pause of 'vm' was canceled",
                "< job/2.Cancel()");
        call(bench, "job/2", "Cancel", NULL);
        expect(bench,
                "> job/2.Cancel()",
                "< job/2.Cancel: UnknownObject: Unknown object '/org/example/VMManager1/job/2'.");
}

/* A thaw that has begun is not turned back. */
static void test_cancel_refused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        systemd_holds("ThawUnit");
        call(bench, "web", "Resume", NULL);
        forget(bench);
        call(bench, "job/2", "Cancel", NULL);
        expect(bench,
                "> job/2.Cancel()",
                "< job/2.Cancel: Error.NotSupported: Job 2 (resume of 'web', thawing) cannot be canceled");
}

static void test_ends_while_pausing(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        systemd_holds("FreezeUnit");
        call(bench, "vm", "Pause", NULL);
        forget(bench);
        process_dies(FAKE_PID_FIRST, SIGSEGV);
        expect(bench,
                "end 101 by SIGSEGV",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'failed')",
                "vm: State 'inactive', StateReason 'killed by SIGSEGV', Crashed true",
                "vm.StateChanged('pausing', 'inactive', 'killed by SIGSEGV', {Signal: 11})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Pause: Error.NotRunning: Cannot pause 'vm': it has ended: killed by SIGSEGV");
        expect_empty(bench);
}

/* One does not freeze; the other is paused and resumed meanwhile. */
static void test_side_by_side(Bench *bench, gconstpointer data) {
        create(bench, "stuck", CREATE_START);
        create(bench, "web", CREATE_START);
        scope_sticks("vmm-stuck.scope");
        call(bench, "stuck", "Pause", NULL);
        call(bench, "web", "Pause", NULL);
        expect(bench,
                "> stuck.Pause()",
                "+ job/3",
                "JobNew(3, job/3, 'stuck', 'pause')",
                "stuck: State 'pausing', StateReason 'pausing on request', Running false, Job job/3",
                "stuck.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-stuck.scope",
                "job/3: Phase 'freezing'",
                "> web.Pause()",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/4",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/4: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'pause', 'done')",
                "< web.Pause()");
        call(bench, "web", "Resume", NULL);
        forget(bench);
        call(bench, "stuck", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> stuck.Destroy(4)",
                "stuck: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'stuck', 'pause', 'canceled')",
                "< stuck.Pause: Error.Canceled: The pause of 'stuck' was ended: the domain is being "
                        "stopped",
                "+ job/6",
                "JobNew(6, job/6, 'stuck', 'stop')",
                "stuck: State 'stopping', StateReason 'stopping on request', Dying true, Job job/6",
                "stuck.StateChanged('pausing', 'stopping', 'stopping on request', {})",
                "stuck: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/6: Phase 'SIGKILL', DeadlineUSec set",
                "stuck.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-stuck.scope SIGKILL",
                "end 101 by SIGKILL",
                "stuck: Leader 0, Job /",
                "- job/6",
                "JobRemoved(6, job/6, 'stuck', 'stop', 'done')",
                "stuck: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "stuck.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/stuck",
                "DomainRemoved('stuck', domain/stuck)",
                "< stuck.Destroy()");
}

/* A pause that its caller does not wait for is carried out. */
static void test_caller_leaves(Bench *bench, gconstpointer data) {
        sd_bus_message *m;

        create(bench, "web", CREATE_START);
        systemd_holds("FreezeUnit");
        m = message_new_as(bench, ":1.9", "web", "Pause");
        message_send(bench, m);
        caller_leaves(bench, ":1.9");
        forget(bench);
        systemd_goes_on("FreezeUnit");
        expect(bench,
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'done')",
                "< web.Pause()");
}

static void test_settings(Bench *bench, gconstpointer data) {
        sd_bus_message *m;

        create(bench, "web", CREATE_START);
        m = message_new_set(bench, "web", "PauseTimeoutUSec");
        message_append(m, "v", "t", UINT64_C(70000000));
        message_send(bench, m);
        expect(bench,
                "> web.Set('org.example.VMManager1.Domain', 'PauseTimeoutUSec', 70000000)",
                "web: PauseTimeoutUSec 70000000",
                "< web.Set()");
        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        time_is_up(bench, "web", 70000000);
        expect(bench,
                "> web.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/2: Phase 'freezing'",
                "systemd ThawUnit vmm-web.scope",
                "job/2: Phase 'undoing'",
                "web: as before",
                "web: State 'running', StateReason 'could not be paused', Running true, Job /",
                "web.StateChanged('pausing', 'running', 'could not be paused', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'timeout')",
                "< web.Pause: Error.FreezeTimeout: 'web' could not be frozen in 70000 ms: no task stood "
                        "out");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/pause/order", test_order);
        BENCH_TEST("/pause/idempotent", test_idempotent);
        BENCH_TEST("/pause/join", test_join);
        BENCH_TEST("/pause/busy", test_busy);
        BENCH_TEST("/pause/two-witnesses", test_two_witnesses);
        BENCH_TEST("/pause/kernel-first", test_kernel_first);
        BENCH_TEST("/pause/timeout", test_timeout);
        BENCH_TEST("/pause/timeout-again", test_timeout_again);
        BENCH_TEST("/pause/silence", test_silence);
        BENCH_TEST("/pause/thaw-timeout", test_thaw_timeout);
        BENCH_TEST("/pause/refused", test_refused);
        BENCH_TEST("/pause/outside", test_outside);
        BENCH_TEST("/pause/slice", test_slice);
        BENCH_TEST("/pause/slice-and-user", test_slice_and_user);
        BENCH_TEST("/pause/cancel", test_cancel);
        BENCH_TEST("/pause/cancel-refused", test_cancel_refused);
        BENCH_TEST("/pause/ends-while-pausing", test_ends_while_pausing);
        BENCH_TEST("/pause/side-by-side", test_side_by_side);
        BENCH_TEST("/pause/caller-leaves", test_caller_leaves);
        BENCH_TEST("/pause/settings", test_settings);
        return g_test_run();
}
