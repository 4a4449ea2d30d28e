/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Slices: which there are, what is done to all their domains at once, why a domain is paused, and what
 * somebody else does to the slice itself. */

#include <signal.h>
#include <string.h>

#include "bench.h"
#include "util/errors.h"

static void create_in(Bench *bench, const char *slice, const char *name, uint64_t flags) {
        g_autofree char *path = g_strdup_printf("%s:x:%s", slice, name);

        call(bench, CREATE, name, 2, PAYLOAD, "CgroupPath", "s", path, flags);
        g_assert_true(g_str_has_prefix(bench->answer, "("));
        forget(bench);
}

/* What most tests begin with. */
static void create_two(Bench *bench) {
        create_in(bench, "a.slice", "web", CREATE_START);
        create_in(bench, "a.slice", "db", CREATE_START);
}

static void pause_all(Bench *bench, const char *slice) {
        call(bench, slice, "Pause", NULL);
        g_assert_cmpstr(bench->answer, ==, "()");
        forget(bench);
}

static unsigned count_lines(Bench *bench, const char *start) {
        g_auto(GStrv) lines = g_strsplit(bench->transcript->str, "\n", -1);
        unsigned n = 0;

        for (char **line = lines; *line; line++)
                n += g_str_has_prefix(*line, start);
        return n;
}

/* ---- Objects. ---- */

static void test_objects(Bench *bench, gconstpointer data) {
        bench->slices = true;
        call(bench, CREATE, "web", 2, PAYLOAD, "CgroupPath", "s", "a-b.slice::web", CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload'], CgroupPath: 'a-b.slice::web'}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ slice/a.slice",
                "+ slice/a-b.slice",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit web.scope in a-b.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "systemd Get web.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "web: ControlGroup '/a.slice/a-b.slice/web.scope', StartTimestamp set",
                "slice/a.slice: ControlGroup '/a.slice'",
                "slice/a-b.slice: ControlGroup '/a.slice/a-b.slice'",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "web: State 'running', StateReason 'created', Running true, Job /",
                "web.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'done')",
                "< CreateDomain(domain/web)");
        create_in(bench, "a.slice", "db", CREATE_START);
        call(bench, "web", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> web.Destroy(4)",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, "
                        "Job job/3",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/3: Phase 'SIGKILL', DeadlineUSec set",
                "web.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit web.scope SIGKILL",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- slice/a-b.slice",
                "slice/a.slice: Domains [domain/db]",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        call(bench, "slice/a-b.slice", "Pause", NULL);
        create_in(bench, "-.slice", "root", CREATE_START);
        call(bench, "root", "Destroy", "t", UINT64_C(4));
        forget(bench);
        call(bench, "db", "Release", NULL);
        expect(bench,
                "> db.Release()",
                "+ job/6",
                "JobNew(6, job/6, 'db', 'release')",
                "systemd AbandonScope x-db.scope",
                "job/6: Phase 'abandoning the scope'",
                "db: Job job/6",
                "db: Job /",
                "- job/6",
                "JobRemoved(6, job/6, 'db', 'release', 'done')",
                "db: State 'inactive', StateReason 'released', Running false",
                "db.StateChanged('running', 'inactive', 'released', {})",
                "- slice/a.slice",
                "- domain/db",
                "DomainRemoved('db', domain/db)",
                "< db.Release()");
}

static void test_failed_creation(Bench *bench, gconstpointer data) {
        bench->slices = true;
        systemd_refuses("StartTransientUnit", SD_BUS_ERROR_FAILED, "no");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ slice/machine.slice",
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
                "- slice/machine.slice",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Failed: no");
        expect_empty(bench);
}

/* ---- All of them. ---- */

static void test_pause(Bench *bench, gconstpointer data) {
        create_two(bench);
        bench->slices = true;
        call(bench, "slice/a.slice", "Pause", NULL);
        expect(bench,
                "> slice/a.slice.Pause()",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/3",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-web.scope",
                "job/3: Phase 'freezing'",
                "+ job/4",
                "JobNew(4, job/4, 'db', 'pause')",
                "db: State 'pausing', StateReason 'pausing on request', Running false, Job job/4",
                "db.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-db.scope",
                "job/4: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'pause', 'done')",
                "db: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice'], Job /",
                "db.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'db', 'pause', 'done')",
                "slice/a.slice: Paused true",
                "< slice/a.slice.Pause()");
        call(bench, "slice/a.slice", "Pause", NULL);
        expect(bench,
                "> slice/a.slice.Pause()",
                "< slice/a.slice.Pause()");
        call(bench, "slice/a.slice", "Resume", NULL);
        expect(bench,
                "> slice/a.slice.Resume()",
                "+ job/5",
                "JobNew(5, job/5, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/5",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-web.scope",
                "+ job/6",
                "JobNew(6, job/6, 'db', 'resume')",
                "db: State 'resuming', StateReason 'resuming on request', Paused false, Job job/6",
                "db.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-db.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/5",
                "JobRemoved(5, job/5, 'web', 'resume', 'done')",
                "db: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "slice/a.slice: Paused false",
                "db.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/6",
                "JobRemoved(6, job/6, 'db', 'resume', 'done')",
                "< slice/a.slice.Resume()");
        call(bench, "slice/a.slice", "Resume", NULL);
        expect(bench,
                "> slice/a.slice.Resume()",
                "< slice/a.slice.Resume()");
}

static void test_qemu(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "slice/machine.slice", "Pause", NULL);
        expect(bench,
                "> slice/machine.slice.Pause()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'pause')",
                "vm: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "vm.StateChanged('running', 'pausing', 'pausing on request', {})",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: State 'paused', StateReason 'paused with machine.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:machine.slice'], Job /",
                "vm.StateChanged('pausing', 'paused', 'paused with machine.slice', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'pause', 'done')",
                "< slice/machine.slice.Pause()");
        call(bench, "slice/machine.slice", "Resume", NULL);
        expect(bench,
                "> slice/machine.slice.Resume()",
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
                "< slice/machine.slice.Resume()");
}

/* What was paused on its own stays so, and what the slice holds is not resumed alone. */
static void test_ledger(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "web", CREATE_PAUSED);
        create_in(bench, "a.slice", "db", CREATE_START);
        call(bench, "slice/a.slice", "Pause", NULL);
        g_assert_cmpuint(count_lines(bench, "systemd"), ==, 1);
        forget(bench);
        call(bench, "web", "Resume", NULL);
        call(bench, "db", "Resume", NULL);
        call(bench, "db", "Shutdown", "t", UINT64_C(0));
        call(bench, "db", "Release", NULL);
        expect(bench,
                "> web.Resume()",
                "< web.Resume: Error.SliceFrozen: Cannot resume 'web': slice a.slice is paused",
                "> db.Resume()",
                "< db.Resume: Error.SliceFrozen: Cannot resume 'db': slice a.slice is paused",
                "> db.Shutdown(0)",
                "< db.Shutdown: Error.SliceFrozen: Cannot shutdown 'db': slice a.slice is paused",
                "> db.Release()",
                "< db.Release: Error.SliceFrozen: Cannot release 'db': slice a.slice is paused");
        call(bench, "db", "Pause", NULL);
        call(bench, "slice/a.slice", "Resume", NULL);
        expect(bench,
                "> db.Pause()",
                "db: PauseReasons ['slice:a.slice', 'user']",
                "< db.Pause()",
                "> slice/a.slice.Resume()",
                "web: PauseReasons ['user']",
                "db: PauseReasons ['user']",
                "< slice/a.slice.Resume()");
        call(bench, "db", "Resume", NULL);
        g_assert_cmpstr(bench->answer, ==, "()");
}

static void test_nested(Bench *bench, gconstpointer data) {
        create_in(bench, "a-b.slice", "web", CREATE_START);
        create_in(bench, "a.slice", "db", CREATE_START);
        pause_all(bench, "slice/a-b.slice");
        bench->slices = true;
        call(bench, "slice/a.slice", "Pause", NULL);
        expect(bench,
                "> slice/a.slice.Pause()",
                "web: PauseReasons ['slice:a-b.slice', 'slice:a.slice']",
                "+ job/4",
                "JobNew(4, job/4, 'db', 'pause')",
                "db: State 'pausing', StateReason 'pausing on request', Running false, Job job/4",
                "db.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-db.scope",
                "job/4: Phase 'freezing'",
                "db: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice'], Job /",
                "db.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'db', 'pause', 'done')",
                "slice/a.slice: Paused true",
                "< slice/a.slice.Pause()");
        call(bench, "slice/a-b.slice", "Resume", NULL);
        expect(bench,
                "> slice/a-b.slice.Resume()",
                "web: PauseReasons ['slice:a.slice']",
                "slice/a-b.slice: Paused false",
                "< slice/a-b.slice.Resume()");
        call(bench, "slice/a-b.slice", "Pause", NULL);
        forget(bench);
        call(bench, "slice/a.slice", "Resume", NULL);
        expect(bench,
                "> slice/a.slice.Resume()",
                "+ job/5",
                "JobNew(5, job/5, 'db', 'resume')",
                "web: PauseReasons ['slice:a-b.slice']",
                "db: State 'resuming', StateReason 'resuming on request', Paused false, Job job/5",
                "db.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-db.scope",
                "db: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "slice/a.slice: Paused false",
                "db.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/5",
                "JobRemoved(5, job/5, 'db', 'resume', 'done')",
                "< slice/a.slice.Resume()");
}

/* ---- All or none. ---- */

static void test_rollback(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "own", CREATE_PAUSED);
        create_in(bench, "a.slice", "web", CREATE_START);
        create_in(bench, "a.slice", "stuck", CREATE_START);
        scope_sticks("x-stuck.scope");
        call(bench, "slice/a.slice", "Pause", NULL);
        expect(bench,
                "> slice/a.slice.Pause()",
                "own: PauseReasons ['user', 'slice:a.slice']",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/4",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-web.scope",
                "job/4: Phase 'freezing'",
                "+ job/5",
                "JobNew(5, job/5, 'stuck', 'pause')",
                "stuck: State 'pausing', StateReason 'pausing on request', Running false, Job job/5",
                "stuck.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-stuck.scope",
                "job/5: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'pause', 'done')");
        time_is_up(bench, "stuck", 3000000);
        expect(bench,
                "systemd ThawUnit x-stuck.scope",
                "job/5: Phase 'undoing'",
                "stuck: PauseBlockers [(999, 'nfsd', 'state D in nfs_wait_bit_killable')]",
                "stuck: State 'running', StateReason 'could not be paused', Running true, Job /",
                "stuck.StateChanged('pausing', 'running', 'could not be paused', {})",
                "- job/5",
                "JobRemoved(5, job/5, 'stuck', 'pause', 'timeout')",
                "+ job/6",
                "JobNew(6, job/6, 'web', 'resume')",
                "own: PauseReasons ['user']",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/6",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-web.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/6",
                "JobRemoved(6, job/6, 'web', 'resume', 'done')",
                "< slice/a.slice.Pause: Error.FreezeTimeout: Cannot pause slice a.slice: domain 'stuck': "
                        "'stuck' could not be frozen in 3000 ms: PID 999 (nfsd), state D in "
                        "nfs_wait_bit_killable");
        call(bench, "own", "Resume", NULL);
        g_assert_cmpstr(bench->answer, ==, "()");
}

static void test_resume_rollback(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "own", CREATE_PAUSED);
        create_two(bench);
        pause_all(bench, "slice/a.slice");
        systemd_refuses("ThawUnit x-db.scope", VMM_ERROR_FREEZE_FAILED, "systemd refused ThawUnit");
        bench->slices = true;
        call(bench, "slice/a.slice", "Resume", NULL);
        expect(bench,
                "> slice/a.slice.Resume()",
                "+ job/6",
                "JobNew(6, job/6, 'web', 'resume')",
                "own: PauseReasons ['user']",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/6",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-web.scope",
                "+ job/7",
                "JobNew(7, job/7, 'db', 'resume')",
                "db: State 'resuming', StateReason 'resuming on request', Paused false, Job job/7",
                "db.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-db.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/6",
                "JobRemoved(6, job/6, 'web', 'resume', 'done')",
                "db: State 'paused', StateReason 'could not be resumed', Paused true, Job /",
                "db.StateChanged('resuming', 'paused', 'could not be resumed', {})",
                "- job/7",
                "JobRemoved(7, job/7, 'db', 'resume', 'failed')",
                "own: PauseReasons ['user', 'slice:a.slice']",
                "+ job/8",
                "JobNew(8, job/8, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/8",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-web.scope",
                "job/8: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/8",
                "JobRemoved(8, job/8, 'web', 'pause', 'done')",
                "< slice/a.slice.Resume: Error.FreezeFailed: Cannot resume slice a.slice: domain 'db': "
                        "systemd refused ThawUnit");
}

/* One that ends meanwhile is no failure, nor when it is the last one. */
static void test_ends(Bench *bench, gconstpointer data) {
        create_two(bench);
        systemd_holds("FreezeUnit");
        call(bench, "slice/a.slice", "Pause", NULL);
        forget(bench);
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        systemd_goes_on("FreezeUnit x-db.scope");
        expect(bench,
                "db: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice'], Job /",
                "db.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'db', 'pause', 'done')",
                "< slice/a.slice.Pause()");
        call(bench, "slice/a.slice", "Resume", NULL);
        forget(bench);
        call(bench, "slice/a.slice", "Pause", NULL);
        forget(bench);
        bench->slices = true;
        process_exits(FAKE_PID_FIRST + 1, 0);
        expect(bench,
                "end 102 with status 0",
                "db: Leader 0, Job /",
                "- job/6",
                "JobRemoved(6, job/6, 'db', 'pause', 'failed')",
                "db: State 'inactive', StateReason 'exited with status 0', PoweredOff true",
                "db.StateChanged('pausing', 'inactive', 'exited with status 0', {ExitCode: 0})",
                "- slice/a.slice",
                "- domain/db",
                "DomainRemoved('db', domain/db)",
                "< slice/a.slice.Pause()");
        expect_empty(bench);
}

static unsigned n_held(Bench *bench) {
        unsigned n = count_lines(bench, "systemd FreezeUnit");

        forget(bench);
        return n;
}

/* Not all at once: the next one begins when one has ended. */
static void test_bounded(Bench *bench, gconstpointer data) {
        for (unsigned i = 0; i < 20; i++) {
                g_autofree char *name = g_strdup_printf("web%u", i);
                create_in(bench, "a.slice", name, CREATE_START);
        }
        systemd_holds("FreezeUnit");
        call(bench, "slice/a.slice", "Pause", NULL);
        g_assert_cmpuint(n_held(bench), ==, 16);
        systemd_goes_on("FreezeUnit");
        systemd_goes_on("FreezeUnit");
        settle(bench);
        g_assert_cmpuint(n_held(bench), ==, 2);
        for (unsigned i = 0; i < 18; i++) {
                systemd_goes_on("FreezeUnit");
                settle(bench);
                g_assert_cmpuint(n_held(bench), ==, i < 2 ? 1 : 0);
        }
        g_assert_cmpstr(bench->answer, ==, "()");
}

/* ---- Side by side. ---- */

static void test_join(Bench *bench, gconstpointer data) {
        create_two(bench);
        systemd_holds("FreezeUnit x-db.scope");
        call(bench, "slice/a.slice", "Pause", NULL);
        call(bench, "db", "Pause", NULL);
        forget(bench);
        call(bench, "slice/a.slice", "Pause", NULL);
        systemd_goes_on("FreezeUnit x-db.scope");
        expect(bench,
                "> slice/a.slice.Pause()",
                "db: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice', 'user'], Job /",
                "db.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'db', 'pause', 'done')",
                "< slice/a.slice.Pause()",
                "< slice/a.slice.Pause()",
                "< db.Pause()");
}

static void test_busy(Bench *bench, gconstpointer data) {
        create_in(bench, "a-b.slice", "web", CREATE_START);
        create_in(bench, "a.slice", "db", CREATE_START);
        create_in(bench, "c.slice", "other", CREATE_START);
        systemd_holds("FreezeUnit x-db.scope");
        call(bench, "slice/a.slice", "Pause", NULL);
        forget(bench);
        call(bench, "slice/a.slice", "Resume", NULL);
        call(bench, "slice/a-b.slice", "Pause", NULL);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> slice/a.slice.Resume()",
                "< slice/a.slice.Resume: Error.Busy: Cannot resume slice a.slice: the pause of slice "
                        "a.slice is in progress",
                "> slice/a-b.slice.Pause()",
                "< slice/a-b.slice.Pause: Error.Busy: Cannot pause slice a-b.slice: the pause of slice "
                        "a.slice is in progress",
                "> web.Resume()",
                "< web.Resume: Error.SliceFrozen: Cannot resume 'web': slice a.slice is paused");
        call(bench, "slice/c.slice", "Pause", NULL);
        g_assert_cmpstr(bench->answer, ==, "()");
}

static void test_busy_domain(Bench *bench, gconstpointer data) {
        create_two(bench);
        systemd_holds("KillUnit");
        call(bench, "db", "Shutdown", "t", UINT64_C(0));
        forget(bench);
        call(bench, "slice/a.slice", "Pause", NULL);
        expect(bench,
                "> slice/a.slice.Pause()",
                "< slice/a.slice.Pause: Error.Busy: Cannot pause slice a.slice: job 3 (shutdown) of 'db' "
                        "is in progress");
        systemd_goes_on("KillUnit");
        settle(bench);
        systemd_holds("StartTransientUnit");
        call(bench, CREATE, "new", 2, PAYLOAD, "CgroupPath", "s", "a.slice:x:new", CREATE_START);
        forget(bench);
        call(bench, "slice/a.slice", "Pause", NULL);
        expect(bench,
                "> slice/a.slice.Pause()",
                "< slice/a.slice.Pause: Error.Busy: Cannot pause slice a.slice: job 4 (create) of 'new' "
                        "is in progress");
}

/* Nothing comes to a slice that is paused, or about to be. */
static void test_closed(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "db", CREATE_START);
        systemd_holds("FreezeUnit");
        call(bench, "slice/a.slice", "Pause", NULL);
        forget(bench);
        call(bench, CREATE, "new", 2, PAYLOAD, "CgroupPath", "s", "a.slice:x:new", CREATE_START);
        systemd_goes_on("FreezeUnit");
        settle(bench);
        forget(bench);
        process_runs(500, 0);
        call(bench, CREATE, "new", 2, PAYLOAD, "CgroupPath", "s", "a-b.slice:x:new", CREATE_START);
        call(bench, "manager", "AdoptProcesses", "saua{sv}t", "new", 1, 500, 1, "CgroupPath", "s",
                "a.slice:x:n", UINT64_C(0));
        expect(bench,
                "> CreateDomain('new', {Command: ['/bin/payload'], CgroupPath: 'a-b.slice:x:new'}, 1)",
                "< CreateDomain: Error.SliceFrozen: 'new' cannot be in slice a-b.slice: a.slice is paused",
                "> AdoptProcesses('new', [500], {CgroupPath: 'a.slice:x:n'}, 0)",
                "< AdoptProcesses: Error.SliceFrozen: 'new' cannot be in slice a.slice: a.slice is paused");
        call(bench, "slice/a.slice", "Resume", NULL);
        create_in(bench, "a.slice", "new", CREATE_START);
}

static void test_manager_ends(Bench *bench, gconstpointer data) {
        create_two(bench);
        systemd_holds("FreezeUnit x-db.scope");
        call(bench, "slice/a.slice", "Pause", NULL);
        forget(bench);
        bench_stop(bench);
        expect(bench,
                "systemd ThawUnit x-web.scope",
                "< slice/a.slice.Pause: Error.Canceled: The pause of slice a.slice was ended: the "
                        "manager is ending",
                "systemd ThawUnit x-db.scope",
                "db: Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'db', 'pause', 'canceled')");
}

/* ---- Stopping. ---- */

static void test_stop(Bench *bench, gconstpointer data) {
        create_two(bench);
        create_in(bench, "c.slice", "other", CREATE_START);
        bench->slices = true;
        call(bench, "slice/a.slice", "Stop", "a(st)t", 0, UINT64_C(0));
        expect(bench,
                "> slice/a.slice.Stop([], 0)",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, "
                        "Job job/4",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/4: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit x-web.scope SIGTERM",
                "+ job/5",
                "JobNew(5, job/5, 'db', 'stop')",
                "db: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/5",
                "db.StateChanged('running', 'stopping', 'stopping on request', {})",
                "db: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/5: Phase 'SIGTERM', DeadlineUSec set",
                "db.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit x-db.scope SIGTERM",
                "end 101 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "slice/a.slice: Domains [domain/db]",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "end 102 by SIGTERM",
                "db: Leader 0, Job /",
                "- job/5",
                "JobRemoved(5, job/5, 'db', 'stop', 'done')",
                "db: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "db.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- slice/a.slice",
                "- domain/db",
                "DomainRemoved('db', domain/db)",
                "< slice/a.slice.Stop()");
        call(bench, "slice/c.slice", "Stop", "a(st)t", 1, "SIGHUP", UINT64_C(1000), UINT64_C(1));
        call(bench, "slice/c.slice", "Stop", "a(st)t", 1, "SIGBOGUS", UINT64_C(1000), UINT64_C(0));
        expect(bench,
                "> slice/c.slice.Stop([('SIGHUP', 1000)], 1)",
                "< slice/c.slice.Stop: InvalidArgs: flags: unknown bits 0x1",
                "> slice/c.slice.Stop([('SIGBOGUS', 1000)], 0)",
                "< slice/c.slice.Stop: InvalidArgs: Stop step 'SIGBOGUS' is neither 'guest' nor the name "
                        "of a signal");
}

static void test_stop_timeout(Bench *bench, gconstpointer data) {
        create_two(bench);
        create_in(bench, "a.slice", "deaf", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST + 1);
        process_turns_deaf(FAKE_PID_FIRST + 2);
        pause_all(bench, "slice/a.slice");
        call(bench, "slice/a.slice", "Stop", "a(st)t", 1, "SIGTERM", UINT64_C(5000000), UINT64_C(0));
        time_is_up(bench, "db", 5000000);
        forget(bench);
        bench->slices = true;
        time_is_up(bench, "deaf", 5000000);
        expect(bench,
                "deaf: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "FreezerState 'running', PauseReasons [], StopPhase '', StopDeadlineUSec 0, Job /",
                "slice/a.slice: Paused false",
                "deaf.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/9",
                "JobRemoved(9, job/9, 'deaf', 'stop', 'timeout')",
                "< slice/a.slice.Stop: Error.StopTimeout: Slice a.slice is not stopped: 'db' was not "
                        "stopped by SIGTERM and is still there; PIDs left: 102; 'deaf' was not stopped "
                        "by SIGTERM and is still there; PIDs left: 103");
}

static void test_stop_nowait(Bench *bench, gconstpointer data) {
        create_two(bench);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "slice/a.slice", "Stop", "a(st)t", 1, "SIGTERM", UINT64_C(5000000), UINT64_C(2));
        g_assert_cmpstr(bench->answer, ==, "()");
        g_assert_nonnull(manager_find_by_name(bench->manager, "web"));
}

/* It takes over, and what it does not stop is as before. */
static void test_stop_takes_over(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "db", CREATE_START);
        create_in(bench, "a-b.slice", "web", CREATE_START);
        systemd_holds("FreezeUnit x-web.scope");
        call(bench, "slice/a.slice", "Pause", NULL);
        forget(bench);
        call(bench, "slice/a-b.slice", "Stop", "a(st)t", 1, "SIGKILL", UINT64_C(5000000), UINT64_C(0));
        expect(bench,
                "> slice/a-b.slice.Stop([('SIGKILL', 5000000)], 0)",
                "web: Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'pause', 'canceled')",
                "+ job/5",
                "JobNew(5, job/5, 'db', 'resume')",
                "db: State 'resuming', StateReason 'resuming on request', Paused false, Job job/5",
                "db.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-db.scope",
                "+ job/6",
                "JobNew(6, job/6, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Dying true, Job job/6",
                "web.StateChanged('pausing', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/6: Phase 'SIGKILL', DeadlineUSec set",
                "web.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit x-web.scope SIGKILL",
                "db: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "db.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/5",
                "JobRemoved(5, job/5, 'db', 'resume', 'done')",
                "< slice/a.slice.Pause: Error.Canceled: The pause of slice a.slice was ended: slice "
                        "a-b.slice is being stopped",
                "end 102 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/6",
                "JobRemoved(6, job/6, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< slice/a-b.slice.Stop()");
}

/* ---- Resources. ---- */

static void test_resources(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "web", CREATE_START);
        bench->slices = true;
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 2, "TasksMax", "t", UINT64_C(100),
                "MemoryHigh", "t", UINT64_C(1000000));
        expect(bench,
                "> slice/a.slice.SetResources([('TasksMax', 100), ('MemoryHigh', 1000000)])",
                "systemd SetUnitProperties a.slice TasksMax=100 MemoryHigh=1000000",
                "systemd GetAll a.slice",
                "slice/a.slice: Resources {TasksMax: 100, MemoryHigh: 1000000}",
                "< slice/a.slice.SetResources()");
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 1, "MemoryMax", "t", UINT64_C(999999));
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 1, "MemoryMost", "t", UINT64_C(999999));
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 0);
        expect(bench,
                "> slice/a.slice.SetResources([('MemoryMax', 999999)])",
                "< slice/a.slice.SetResources: Error.InvalidConfig: MemoryHigh: 1000000 is more than "
                        "MemoryMax, which is 999999",
                "> slice/a.slice.SetResources([('MemoryMost', 999999)])",
                "< slice/a.slice.SetResources: InvalidArgs: There is no resource property 'MemoryMost'",
                "> slice/a.slice.SetResources([])",
                "< slice/a.slice.SetResources()");
        systemd_refuses("SetUnitProperties", VMM_ERROR_INVALID_CONFIG, "systemd refused it");
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 1, "TasksMax", "t", UINT64_C(7));
        expect(bench,
                "> slice/a.slice.SetResources([('TasksMax', 7)])",
                "systemd SetUnitProperties a.slice TasksMax=7",
                "< slice/a.slice.SetResources: Error.InvalidConfig: systemd refused it");
}

/* systemd keeps the settings of a slice that has ended, and so do we. */
static void test_resources_kept(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "web", CREATE_START);
        systemd_holds("SetUnitProperties");
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 1, "TasksMax", "t", UINT64_C(100));
        forget(bench);
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 1, "TasksMax", "t", UINT64_C(7));
        expect(bench,
                "> slice/a.slice.SetResources([('TasksMax', 7)])",
                "< slice/a.slice.SetResources: Error.Busy: Cannot configure slice a.slice: another "
                        "change is in progress");
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        systemd_goes_on("SetUnitProperties");
        expect(bench,
                "systemd GetAll a.slice",
                "< slice/a.slice.SetResources()");
        create_in(bench, "a.slice", "web", CREATE_START);
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 1, "MemoryMax", "t", UINT64_C(5000000));
        bench->slices = true;
        systemd_goes_on("SetUnitProperties");
        expect(bench,
                "> slice/a.slice.SetResources([('MemoryMax', 5000000)])",
                "systemd SetUnitProperties a.slice MemoryMax=5000000",
                "systemd GetAll a.slice",
                "slice/a.slice: Resources {TasksMax: 100, MemoryMax: 5000000}",
                "< slice/a.slice.SetResources()");
}

static void test_resources_given(Bench *bench, gconstpointer data) {
        bench->slices = true;
        call(bench, CREATE, "web", 3, PAYLOAD, "CgroupPath", "s", "a-b.slice:x:web", "SliceResources",
                "a{sa{sv}}", 1, "a-b.slice", 1, "TasksMax", "t", UINT64_C(9), CREATE_START);
        g_assert_cmpuint(count_lines(bench, "systemd GetAll a-b.slice"), ==, 1);
        g_assert_cmpuint(count_lines(bench, "slice/a-b.slice: Resources {TasksMax: 9}"), ==, 1);
        g_assert_cmpuint(count_lines(bench, "systemd GetAll"), ==, 1);
}

static void test_resources_manager_ends(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "web", CREATE_START);
        systemd_holds("SetUnitProperties");
        call(bench, "slice/a.slice", "SetResources", "a(sv)", 1, "TasksMax", "t", UINT64_C(100));
        forget(bench);
        bench_stop(bench);
        expect(bench,
                "< slice/a.slice.SetResources: Error.Canceled: The change of slice a.slice was ended: "
                        "the manager is ending");
}

/* ---- Somebody else. ---- */

static void test_frozen(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "own", CREATE_PAUSED);
        create_in(bench, "a-b.slice", "web", CREATE_START);
        bench->slices = true;
        systemd_freezes_slice("a.slice", true);
        expect(bench,
                "slice/a.slice: Paused true",
                "slice/a-b.slice: Paused true",
                "web: State 'paused', StateReason 'frozen from outside', Running false, Paused true, "
                        "PauseReasons ['frozen']",
                "web.StateChanged('running', 'paused', 'frozen from outside', {})",
                "systemd Get x-web.scope FreezerState");
        call(bench, CREATE, "new", 2, PAYLOAD, "CgroupPath", "s", "a-b.slice:x:new", CREATE_START);
        call(bench, "slice/a-b.slice", "Resume", NULL);
        expect(bench,
                "> CreateDomain('new', {Command: ['/bin/payload'], CgroupPath: 'a-b.slice:x:new'}, 1)",
                "< CreateDomain: Error.SliceFrozen: 'new' cannot be in slice a-b.slice: a.slice is frozen",
                "> slice/a-b.slice.Resume()",
                "< slice/a-b.slice.Resume: Error.SliceFrozen: Cannot resume slice a-b.slice: slice "
                        "a.slice is frozen");
        systemd_freezes_slice("a.slice", false);
        expect(bench,
                "systemd Get x-own.scope FreezerState",
                "slice/a.slice: Paused false",
                "slice/a-b.slice: Paused false",
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-web.scope FreezerState");
        scope_thaws("x-own.scope");
        expect(bench,
                "own: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "own.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-own.scope FreezerState",
                "exec 101",
                "own: FreezerState 'running'");
}

/* The same with a systemd that thaws all there is below: what was paused on its own is frozen again. */
static void test_frozen_old(Bench *bench, gconstpointer data) {
        systemd_reaches_below_slices();
        create_in(bench, "a.slice", "own", CREATE_PAUSED);
        create_in(bench, "a.slice", "web", CREATE_START);
        systemd_freezes_slice("a.slice", true);
        settle(bench);
        forget(bench);
        systemd_freezes_slice("a.slice", false);
        expect(bench,
                "+ job/3",
                "JobNew(3, job/3, 'own', 'pause')",
                "systemd FreezeUnit x-own.scope",
                "job/3: Phase 'freezing'",
                "own: Job job/3",
                "exec 101",
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-web.scope FreezerState",
                "own: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'own', 'pause', 'done')",
                "web: FreezerState 'running'");
        scope_thaws("x-own.scope");
        expect(bench,
                "own: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "own.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-own.scope FreezerState",
                "own: FreezerState 'running'");
}

/* It does so one after the other, the slice first. */
static void test_frozen_old_slowly(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "own", CREATE_PAUSED);
        slice_freezes("a.slice");
        settle(bench);
        systemd_holds("Get x-own.scope FreezerState");
        slice_thaws("a.slice");
        settle(bench);
        forget(bench);
        scope_thaws("x-own.scope");
        expect(bench,
                "+ job/2",
                "JobNew(2, job/2, 'own', 'pause')",
                "systemd FreezeUnit x-own.scope",
                "job/2: Phase 'freezing'",
                "own: Job job/2",
                "exec 101",
                "own: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'own', 'pause', 'done')");
        systemd_goes_on("Get x-own.scope FreezerState");
        expect_nothing(bench);
}

static void test_frozen_again_fails(Bench *bench, gconstpointer data) {
        systemd_reaches_below_slices();
        create_in(bench, "a.slice", "own", CREATE_PAUSED);
        systemd_freezes_slice("a.slice", true);
        settle(bench);
        systemd_refuses("FreezeUnit", VMM_ERROR_FREEZE_FAILED, "systemd refused FreezeUnit");
        systemd_freezes_slice("a.slice", false);
        forget(bench);
        expect(bench,
                "+ job/2",
                "JobNew(2, job/2, 'own', 'pause')",
                "systemd FreezeUnit x-own.scope",
                "job/2: Phase 'freezing'",
                "own: Job job/2",
                "exec 101",
                "systemd ThawUnit x-own.scope",
                "job/2: Phase 'undoing'",
                "own: State 'running', StateReason 'could not be paused', Running true, Paused false, "
                        "FreezerState 'running', PauseReasons [], Job /",
                "own.StateChanged('paused', 'running', 'could not be paused', {})",
                "own: Warnings ['It was thawed from outside, could not be frozen again, and runs']",
                "own.Warning('It was thawed from outside, could not be frozen again, and runs')",
                "- job/2",
                "JobRemoved(2, job/2, 'own', 'pause', 'failed')");
}

/* Resume thaws the slice, too, and nothing that is to stay paused. */
static void resume_frozen(Bench *bench) {
        create_in(bench, "a.slice", "own", CREATE_PAUSED);
        create_in(bench, "a.slice", "web", CREATE_START);
        pause_all(bench, "slice/a.slice");
        systemd_freezes_slice("a.slice", true);
        expect_nothing(bench);
        bench->slices = true;
        call(bench, "slice/a.slice", "Resume", NULL);
}

static void test_resume_frozen(Bench *bench, gconstpointer data) {
        resume_frozen(bench);
        expect(bench,
                "> slice/a.slice.Resume()",
                "systemd ThawUnit a.slice",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'resume')",
                "own: PauseReasons ['user']",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/4",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-web.scope",
                "systemd Get x-own.scope FreezerState",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "slice/a.slice: Paused false",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'resume', 'done')",
                "< slice/a.slice.Resume()");
}

static void test_resume_frozen_old(Bench *bench, gconstpointer data) {
        systemd_reaches_below_slices();
        resume_frozen(bench);
        expect(bench,
                "> slice/a.slice.Resume()",
                "systemd ThawUnit a.slice",
                "+ job/4",
                "JobNew(4, job/4, 'own', 'pause')",
                "systemd FreezeUnit x-own.scope",
                "job/4: Phase 'freezing'",
                "own: PauseReasons ['user'], Job job/4",
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-web.scope FreezerState",
                "slice/a.slice: Paused false",
                "exec 101",
                "own: Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'own', 'pause', 'done')",
                "< slice/a.slice.Resume()",
                "web: FreezerState 'running'");
}

static void test_resume_frozen_refused(Bench *bench, gconstpointer data) {
        systemd_refuses("ThawUnit a.slice", VMM_ERROR_FREEZE_FAILED, "systemd refused ThawUnit of a.slice");
        resume_frozen(bench);
        expect(bench,
                "> slice/a.slice.Resume()",
                "systemd ThawUnit a.slice",
                "< slice/a.slice.Resume: Error.FreezeFailed: systemd refused ThawUnit of a.slice");
}

/* Nor does it wait for ever. */
static void test_resume_frozen_silence(Bench *bench, gconstpointer data) {
        systemd_holds("ThawUnit a.slice");
        resume_frozen(bench);
        await(bench, "< slice/a.slice.Resume");
        expect(bench,
                "> slice/a.slice.Resume()",
                "systemd ThawUnit a.slice",
                "< slice/a.slice.Resume: Error.FreezeFailed: Slice a.slice could not be thawed in 3000 ms");
}

/* What was frozen by somebody else is frozen again when the resume is undone. */
static void test_resume_frozen_rollback(Bench *bench, gconstpointer data) {
        systemd_refuses("ThawUnit x-web.scope", VMM_ERROR_FREEZE_FAILED, "systemd refused ThawUnit");
        resume_frozen(bench);
        expect(bench,
                "> slice/a.slice.Resume()",
                "systemd ThawUnit a.slice",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'resume')",
                "own: PauseReasons ['user']",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/4",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-web.scope",
                "systemd Get x-own.scope FreezerState",
                "web: State 'paused', StateReason 'could not be resumed', Paused true, Job /",
                "web.StateChanged('resuming', 'paused', 'could not be resumed', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'resume', 'failed')",
                "own: PauseReasons ['user', 'slice:a.slice']",
                "systemd FreezeUnit a.slice",
                "< slice/a.slice.Resume: Error.FreezeFailed: Cannot resume slice a.slice: domain 'web': "
                        "systemd refused ThawUnit");
}

/* A slice below that somebody else froze is not ours to thaw. */
static void test_resume_frozen_below(Bench *bench, gconstpointer data) {
        create_in(bench, "a-b.slice", "web", CREATE_START);
        pause_all(bench, "slice/a.slice");
        systemd_freezes_slice("a-b.slice", true);
        call(bench, "slice/a.slice", "Resume", NULL);
        expect(bench,
                "> slice/a.slice.Resume()",
                "< slice/a.slice.Resume: Error.SliceFrozen: Cannot resume slice a.slice: slice a-b.slice "
                        "is frozen");
}

/* Somebody lets all of them go, one by one: the slice holds nothing any more. */
static void test_thawed(Bench *bench, gconstpointer data) {
        create_two(bench);
        pause_all(bench, "slice/a.slice");
        bench->slices = true;
        scope_thaws("x-web.scope");
        expect(bench,
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-web.scope FreezerState",
                "web: FreezerState 'running'");
        call(bench, "slice/a.slice", "Pause", NULL);
        expect(bench,
                "> slice/a.slice.Pause()",
                "+ job/5",
                "JobNew(5, job/5, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/5",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-web.scope",
                "job/5: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused with a.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:a.slice'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused with a.slice', {})",
                "- job/5",
                "JobRemoved(5, job/5, 'web', 'pause', 'done')",
                "< slice/a.slice.Pause()");
        scope_thaws("x-web.scope");
        scope_thaws("x-db.scope");
        expect(bench,
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-web.scope FreezerState",
                "db: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "slice/a.slice: Paused false",
                "db.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-db.scope FreezerState",
                "web: FreezerState 'running'",
                "db: FreezerState 'running'");
}

/* ---- Callers. ---- */

/* One question for the slice as a whole. */
static void test_polkit(Bench *bench, gconstpointer data) {
        create_two(bench);
        caller_is(bench, ":1.7", 1000);
        message_send(bench, message_new_as(bench, ":1.7", "slice/a.slice", "Pause"));
        expect(bench,
                "> slice/a.slice.Pause()",
                "polkit? :1.7: pause, domain - uuid - slice a.slice owner - verb Pause",
                "< slice/a.slice.Pause: AccessDenied: Access denied: polkit refuses "
                        "org.example.VMManager1.pause");
        bench->polkit = POLKIT_YES;
        message_send(bench, message_new_as(bench, ":1.7", "slice/a.slice", "Pause"));
        g_assert_cmpuint(count_lines(bench, "polkit?"), ==, 1);
        g_assert_cmpstr(bench->answer, ==, "()");
}

/* The end of all its domains while polkit is asked is that of the slice. */
static void test_polkit_gone(Bench *bench, gconstpointer data) {
        create_in(bench, "a.slice", "web", CREATE_START);
        caller_is(bench, ":1.7", 1000);
        bench->polkit = POLKIT_WAITS;
        message_send(bench, message_new_as(bench, ":1.7", "slice/a.slice", "Pause"));
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        polkit_answers(bench, POLKIT_YES);
        expect(bench,
                "< slice/a.slice.Pause: UnknownObject: Unknown object "
                        "'/org/example/VMManager1/slice/a_2eslice'.");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/slice/objects", test_objects);
        BENCH_TEST("/slice/failed-creation", test_failed_creation);
        BENCH_TEST("/slice/pause", test_pause);
        BENCH_TEST("/slice/qemu", test_qemu);
        BENCH_TEST("/slice/ledger", test_ledger);
        BENCH_TEST("/slice/nested", test_nested);
        BENCH_TEST("/slice/rollback", test_rollback);
        BENCH_TEST("/slice/resume-rollback", test_resume_rollback);
        BENCH_TEST("/slice/ends", test_ends);
        BENCH_TEST("/slice/bounded", test_bounded);
        BENCH_TEST("/slice/join", test_join);
        BENCH_TEST("/slice/busy", test_busy);
        BENCH_TEST("/slice/busy-domain", test_busy_domain);
        BENCH_TEST("/slice/closed", test_closed);
        BENCH_TEST("/slice/manager-ends", test_manager_ends);
        BENCH_TEST("/slice/stop", test_stop);
        BENCH_TEST("/slice/stop-timeout", test_stop_timeout);
        BENCH_TEST("/slice/stop-nowait", test_stop_nowait);
        BENCH_TEST("/slice/stop-takes-over", test_stop_takes_over);
        BENCH_TEST("/slice/resources", test_resources);
        BENCH_TEST("/slice/resources-kept", test_resources_kept);
        BENCH_TEST("/slice/resources-given", test_resources_given);
        BENCH_TEST("/slice/resources-manager-ends", test_resources_manager_ends);
        BENCH_TEST("/slice/frozen", test_frozen);
        BENCH_TEST("/slice/frozen-old", test_frozen_old);
        BENCH_TEST("/slice/frozen-old-slowly", test_frozen_old_slowly);
        BENCH_TEST("/slice/frozen-again-fails", test_frozen_again_fails);
        BENCH_TEST("/slice/resume-frozen", test_resume_frozen);
        BENCH_TEST("/slice/resume-frozen-old", test_resume_frozen_old);
        BENCH_TEST("/slice/resume-frozen-refused", test_resume_frozen_refused);
        BENCH_TEST("/slice/resume-frozen-silence", test_resume_frozen_silence);
        BENCH_TEST("/slice/resume-frozen-rollback", test_resume_frozen_rollback);
        BENCH_TEST("/slice/resume-frozen-below", test_resume_frozen_below);
        BENCH_TEST("/slice/thawed", test_thawed);
        BENCH_TEST("/slice/polkit", test_polkit);
        BENCH_TEST("/slice/polkit-gone", test_polkit_gone);
        return g_test_run();
}
