/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Saving and restoring, as a frontend sees them: what is done in which order, how far it is, and what is "
                        "left
 * when it fails, is canceled or is overtaken. */

#include <errno.h>

#include "bench.h"
#include "util/errors.h"

#define TOTAL "134217728"
#define ACTIVE "{\"status\": \"active\", \"ram\": {\"total\": " TOTAL ", \"remaining\": 100000000}}"
#define COMPLETED "{\"status\": \"completed\", \"ram\": {\"total\": " TOTAL ", \"remaining\": 0}}"

static void machine_is_ready(Bench *bench, uint64_t flags) {
        monitor_returns("qom-get", "\"pc-q35-7.2-machine\"");
        monitor_returns("query-migrate", COMPLETED);
        monitor_returns("query-status", "{\"status\": \"postmigrate\"}");
        create_qemu(bench, "vm", flags);
        forget(bench);
}

/* To where QEMU writes. */
static void begin_saving(Bench *bench, uint64_t flags) {
        monitor_returns("query-migrate", ACTIVE);
        call(bench, "vm", "Save", "st", "one", flags);
        forget(bench);
}

static void save_well(Bench *bench) {
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        image_is_received();
        settle(bench);
        image_is_done(0);
        settle(bench);
        forget(bench);
}

static void test_save(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        expect(bench,
                "> vm.Save('one', 0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'save')",
                "vm: State 'saving', StateReason 'saving on request', Running false, Job job/2",
                "vm.StateChanged('running', 'saving', 'saving on request', {})",
                "job/2: Phase 'halting the guest', DeadlineUSec 0",
                "< vm.Save(job/2)",
                "qemu stop",
                "qemu qom-get {\"path\":\"/machine\",\"property\":\"type\"}",
                "image write one",
                "job/2: Phase 'writing the memory'",
                "qemu migrate-set-capabilities "
                        "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
                "qemu migrate-set-parameters {\"max-bandwidth\":0}",
                "qemu getfd {\"fdname\":\"memory\"}",
                "qemu migrate {\"uri\":\"fd:memory\"}",
                "qemu query-migrate",
                "job/2: BytesDone 134217728, BytesTotal 134217728",
                "qemu query-status",
                "job/2: Phase 'finishing the image'");
        image_is_received();
        expect(bench,
                "image commit");
        call(bench, "job/2", "Cancel", NULL);
        expect(bench,
                "> job/2.Cancel()",
                "< job/2.Cancel: Error.NotSupported: Job 2 (save of 'vm', finishing the image) cannot be "
                        "canceled");
        image_is_done(0);
        expect(bench,
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "job/2: Phase 'ending'",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'done')",
                "vm: State 'inactive', StateReason 'saved'",
                "vm.StateChanged('saving', 'inactive', 'saved', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

static void test_keep(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_PAUSED);
        call(bench, "vm", "Save", "st", "one", UINT64_C(1));
        image_is_received();
        settle(bench);
        image_is_done(0);
        expect(bench,
                "> vm.Save('one', 1)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'save')",
                "vm: State 'saving', StateReason 'saving on request', Paused false, Job job/2",
                "vm.StateChanged('paused', 'saving', 'saving on request', {})",
                "systemd ThawUnit vmm-vm.scope",
                "< vm.Save(job/2)",
                "job/2: Phase 'halting the guest', DeadlineUSec 0",
                "qemu stop",
                "qemu qom-get {\"path\":\"/machine\",\"property\":\"type\"}",
                "image write one",
                "job/2: Phase 'writing the memory'",
                "qemu migrate-set-capabilities "
                        "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
                "qemu migrate-set-parameters {\"max-bandwidth\":0}",
                "qemu getfd {\"fdname\":\"memory\"}",
                "qemu migrate {\"uri\":\"fd:memory\"}",
                "qemu query-migrate",
                "job/2: BytesDone 134217728, BytesTotal 134217728",
                "qemu query-status",
                "job/2: Phase 'finishing the image'",
                "image commit",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing', DeadlineUSec set",
                "vm: State 'paused', StateReason 'saved', Paused true, Job /",
                "vm.StateChanged('saving', 'paused', 'saved', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'done')");
        call(bench, "vm", "Resume", NULL);
        forget(bench);
        call(bench, "vm", "Save", "st", "one", UINT64_C(1));
        forget(bench);
        image_is_received();
        settle(bench);
        image_is_done(0);
        expect(bench,
                "image commit",
                "job/4: Phase 'continuing the guest'",
                "qemu cont",
                "vm: State 'running', StateReason 'saved', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'saved', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'vm', 'save', 'done')");
}

static void test_progress(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        begin_saving(bench, 0);
        monitor_returns("query-migrate", COMPLETED);
        monitor_tells("MIGRATION", "completed");
        expect(bench,
                "qemu query-migrate",
                "job/2: BytesDone 134217728",
                "qemu query-status",
                "job/2: Phase 'finishing the image'");
}

static void test_full(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        begin_saving(bench, 0);
        monitor_returns("query-migrate", "{\"status\": \"cancelled\"}");
        image_is_done(-ENOSPC);
        expect(bench,
                "job/2: Phase 'undoing', DeadlineUSec set",
                "qemu migrate_cancel",
                "qemu query-migrate",
                "qemu query-status",
                "job/2: as before",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be saved: Cannot write image 'one': No space "
                        "left on device', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: Cannot write image 'one': No "
                        "space left on device', {Error: 'org.example.VMManager1.Error.StorageFull'})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'failed')");
        images_fail(-ENOSPC);
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        expect(bench,
                "> vm.Save('one', 0)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'save')",
                "vm: State 'saving', StateReason 'saving on request', Running false, Job job/3",
                "vm.StateChanged('running', 'saving', 'saving on request', {})",
                "job/3: Phase 'halting the guest', DeadlineUSec 0",
                "< vm.Save(job/3)",
                "qemu stop",
                "qemu qom-get {\"path\":\"/machine\",\"property\":\"type\"}",
                "job/3: Phase 'undoing', DeadlineUSec set",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be saved: Cannot write image 'one': No space "
                        "left on device', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: Cannot write image 'one': No "
                        "space left on device', {Error: 'org.example.VMManager1.Error.StorageFull'})",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'save', 'failed')");
}

static void test_late_failure(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        image_is_received();
        settle(bench);
        forget(bench);
        image_is_done(-EIO);
        expect(bench,
                "job/2: Phase 'undoing', DeadlineUSec set",
                "qemu migrate_cancel",
                "qemu query-migrate",
                "qemu query-status",
                "job/2: as before",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be saved: Cannot write image 'one': "
                        "Input/output error', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: Cannot write image 'one': "
                        "Input/output error', {Error: 'org.freedesktop.DBus.Error.Failed'})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'failed')");
}

static void test_qemu_fails(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        monitor_returns("query-migrate", "{\"status\": \"failed\", \"error-desc\": \"odd \\u0007 device\"}");
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        expect(bench,
                "> vm.Save('one', 0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'save')",
                "vm: State 'saving', StateReason 'saving on request', Running false, Job job/2",
                "vm.StateChanged('running', 'saving', 'saving on request', {})",
                "job/2: Phase 'halting the guest', DeadlineUSec 0",
                "< vm.Save(job/2)",
                "qemu stop",
                "qemu qom-get {\"path\":\"/machine\",\"property\":\"type\"}",
                "image write one",
                "job/2: Phase 'writing the memory'",
                "qemu migrate-set-capabilities "
                        "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
                "qemu migrate-set-parameters {\"max-bandwidth\":0}",
                "qemu getfd {\"fdname\":\"memory\"}",
                "qemu migrate {\"uri\":\"fd:memory\"}",
                "qemu query-migrate",
                "qemu query-status",
                "image write ends",
                "job/2: Phase 'undoing', DeadlineUSec set",
                "qemu migrate_cancel",
                "qemu query-migrate",
                "qemu query-status",
                "job/2: as before",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be saved: QEMU could not save its memory: "
                        "'odd \\x07 device'', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: QEMU could not save its "
                        "memory: 'odd \\x07 device'', {Error: "
                        "'org.example.VMManager1.Error.MonitorFailed'})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'failed')");
        monitor_does("stop", MONITOR_REFUSES);
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        expect(bench,
                "> vm.Save('one', 0)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'save')",
                "vm: State 'saving', StateReason 'saving on request', Running false, Job job/3",
                "vm.StateChanged('running', 'saving', 'saving on request', {})",
                "job/3: Phase 'halting the guest', DeadlineUSec 0",
                "< vm.Save(job/3)",
                "qemu stop",
                "job/3: Phase 'undoing', DeadlineUSec set",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be saved: QEMU refused 'stop' with 'not "
                        "now'', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: QEMU refused 'stop' with 'not "
                        "now'', {Error: 'org.example.VMManager1.Error.MonitorFailed'})",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'save', 'failed')");
        monitor_does("stop", MONITOR_ANSWERS);
        monitor_returns("qom-get", "[]");
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        expect(bench,
                "> vm.Save('one', 0)",
                "+ job/4",
                "JobNew(4, job/4, 'vm', 'save')",
                "vm: State 'saving', StateReason 'saving on request', Running false, Job job/4",
                "vm.StateChanged('running', 'saving', 'saving on request', {})",
                "job/4: Phase 'halting the guest', DeadlineUSec 0",
                "< vm.Save(job/4)",
                "qemu stop",
                "qemu qom-get {\"path\":\"/machine\",\"property\":\"type\"}",
                "job/4: Phase 'undoing', DeadlineUSec set",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be saved: QEMU does not tell its machine "
                        "type', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: QEMU does not tell its machine "
                        "type', {Error: 'org.example.VMManager1.Error.MonitorFailed'})",
                "- job/4",
                "JobRemoved(4, job/4, 'vm', 'save', 'failed')");
}

static void test_monitor_lost(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        begin_saving(bench, 0);
        monitor_does("query-migrate", MONITOR_HANGS_UP);
        monitor_tells("MIGRATION", "active");
        await(bench, "StateChanged('saving'");
        expect(bench,
                "qemu query-migrate",
                "image write ends",
                "vm: State 'running', StateReason 'could not be saved: QEMU closed its monitor', Running "
                        "true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: QEMU closed its monitor', "
                        "{Error: 'org.example.VMManager1.Error.MonitorFailed'})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'failed')");
        call(bench, "vm", "Save", "st", "one", UINT64_C(0));
        expect(bench,
                "> vm.Save('one', 0)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'save')",
                "vm: State 'saving', StateReason 'saving on request', Running false, Job job/3",
                "vm.StateChanged('running', 'saving', 'saving on request', {})",
                "vm: State 'running', StateReason 'could not be saved: QEMU cannot be told to stop: its "
                        "monitor is lost', Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: QEMU cannot be told to stop: "
                        "its monitor is lost', {Error: 'org.example.VMManager1.Error.MonitorFailed'})",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'save', 'failed')",
                "< vm.Save: Error.MonitorFailed: QEMU cannot be told to stop: its monitor is lost");
}

static void test_cancel(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        begin_saving(bench, 0);
        call(bench, "vm", "Pause", NULL);
        call(bench, "vm", "Save", "st", "two", UINT64_C(0));
        monitor_returns("query-migrate", "{\"status\": \"cancelled\"}");
        call(bench, "job/2", "Cancel", NULL);
        expect(bench,
                "> vm.Pause()",
                "< vm.Pause: Error.Busy: Cannot pause 'vm': job 2 (save) is in progress",
                "> vm.Save('two', 0)",
                "< vm.Save: Error.Busy: Cannot save 'vm': job 2 (save) is in progress",
                "> job/2.Cancel()",
                "image write ends",
                "job/2: Phase 'undoing', DeadlineUSec set",
                "qemu migrate_cancel",
                "qemu query-migrate",
                "qemu query-status",
                "job/2: as before",
                "qemu cont",
                "vm: State 'running', StateReason 'could not be saved: The save of 'vm' was canceled', "
                        "Running true, Job /",
                "vm.StateChanged('saving', 'running', 'could not be saved: The save of 'vm' was "
                        "canceled', {Error: 'org.example.VMManager1.Error.Canceled'})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'canceled')",
                "< job/2.Cancel()");
}

static void test_destroy(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        begin_saving(bench, 0);
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> vm.Destroy(4)",
                "vm: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'canceled')",
                "image write ends",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Dying true, Job job/3",
                "vm.StateChanged('saving', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/3: Phase 'SIGKILL', DeadlineUSec set",
                "vm.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Destroy()");
        expect_empty(bench);
}

static void test_end(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        begin_saving(bench, 0);
        process_dies(101, 11);
        expect(bench,
                "end 101 by SIGSEGV",
                "image write ends",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'save', 'failed')",
                "vm: State 'inactive', StateReason 'killed by SIGSEGV', Crashed true",
                "vm.StateChanged('saving', 'inactive', 'killed by SIGSEGV', {Error: "
                        "'org.example.VMManager1.Error.NotRunning', Signal: 11})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

static void test_refused(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        create(bench, "job", CREATE_START);
        forget(bench);
        call(bench, "job", "Save", "st", "one", UINT64_C(0));
        call(bench, "vm", "Save", "st", "../one", UINT64_C(0));
        call(bench, "vm", "Save", "st", "one", UINT64_C(2));
        call(bench, "manager", "RestoreDomain", "ssa{sv}", "vm", "one", 0);
        call(bench, "manager", "RestoreDomain", "ssa{sv}", "vm", "one", 1, "Pause", "b", 1);
        call(bench, "manager", "RestoreDomain", "ssa{sv}", "vm", "one", 1, "Start", "u", 1);
        expect(bench,
                "> job.Save('one', 0)",
                "< job.Save: Error.NotSupported: Cannot save 'job': processes of the host have no memory "
                        "that could be saved",
                "> vm.Save('../one', 0)",
                "< vm.Save: InvalidArgs: image: '../one' begins with '.' or '-'",
                "> vm.Save('one', 2)",
                "< vm.Save: InvalidArgs: flags: unknown bits 0x2",
                "> RestoreDomain('vm', 'one', {})",
                "< RestoreDomain: FileNotFound: image: there is none named 'one'",
                "> RestoreDomain('vm', 'one', {Pause: true})",
                "< RestoreDomain: InvalidArgs: options: there is no option 'Pause'",
                "> RestoreDomain('vm', 'one', {Start: 1})",
                "< RestoreDomain: InvalidArgs: options: Start is of type 'b', not 'u'");
}

#define RESTORE(name, start) "manager", "RestoreDomain", "ssa{sv}", name, "one", 1, "Start", "b", start

static void test_restore(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        save_well(bench);
        monitor_returns("query-status", "{\"status\": \"paused\"}");
        call(bench, RESTORE("web", 1));
        image_progresses(500);
        expect(bench,
                "> RestoreDomain('web', 'one', {Start: true})",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'restore')",
                "image check",
                "< RestoreDomain(job/3)",
                "web: Job job/3",
                "job/3: BytesDone 500, BytesTotal 1000");
        image_is_done(0);
        expect(bench,
                "fork 102: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 102 TimeoutStop=43200ms 'web' "
                        "MemoryMax=413138944 OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] "
                        "DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', 'rw'), "
                        "('/dev/char/10:196', 'rw')]",
                "job/3: Phase 'starting the scope', DeadlineUSec set",
                "web: Leader 102",
                "systemd Get vmm-web.scope InvocationID",
                "release 102",
                "job/3: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "job/3: Phase 'connecting'",
                "image feed",
                "job/3: Phase 'loading the memory', DeadlineUSec 0",
                "qemu migrate-set-capabilities "
                        "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
                "qemu migrate-set-parameters {\"max-bandwidth\":0}",
                "qemu getfd {\"fdname\":\"memory\"}",
                "qemu migrate-incoming {\"uri\":\"fd:memory\"}",
                "qemu query-migrate",
                "qemu query-status");
        image_is_done(0);
        expect(bench,
                "image one is used up",
                "job/3: Phase 'continuing the guest', DeadlineUSec set",
                "qemu cont",
                "web: State 'running', StateReason 'restored', Running true, Job /",
                "web.StateChanged('restoring', 'running', 'restored', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'restore', 'done')");
        call(bench, RESTORE("web2", 1));
        expect(bench,
                "> RestoreDomain('web2', 'one', {Start: true})",
                "< RestoreDomain: FileNotFound: image: 'one' was restored already");
}

static void test_restore_paused(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        save_well(bench);
        call(bench, RESTORE("vm", 0));
        image_is_done(0);
        settle(bench);
        forget(bench);
        image_is_done(0);
        expect(bench,
                "image one is used up",
                "systemd FreezeUnit vmm-vm.scope",
                "job/3: Phase 'freezing', DeadlineUSec set",
                "vm: State 'paused', StateReason 'restored', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('restoring', 'paused', 'restored', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'restore', 'done')");
}

static void test_restore_changed(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        save_well(bench);
        call(bench, RESTORE("vm", 1));
        forget(bench);
        image_is_done(-EBADMSG);
        expect(bench,
                "vm: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'restore', 'failed')",
                "vm: State 'inactive', StateReason 'could not be restored: Cannot restore image 'one': it "
                        "is not whole, or was changed since it was written'",
                "vm.StateChanged('restoring', 'inactive', 'could not be restored: Cannot restore image "
                        "'one': it is not whole, or was changed since it was written', {Error: "
                        "'org.example.VMManager1.Error.InvalidConfig'})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);

        call(bench, RESTORE("vm", 1));
        image_is_done(0);
        settle(bench);
        forget(bench);
        image_is_done(-EBADMSG);
        expect(bench,
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "kill 102 SIGKILL",
                "job/4: Phase 'undoing', DeadlineUSec set",
                "end 102 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'vm', 'restore', 'failed')",
                "vm: State 'inactive', StateReason 'could not be restored: Cannot restore image 'one': it "
                        "is not whole, or was changed since it was written'",
                "vm.StateChanged('restoring', 'inactive', 'could not be restored: Cannot restore image "
                        "'one': it is not whole, or was changed since it was written', {Error: "
                        "'org.example.VMManager1.Error.InvalidConfig', Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

static void test_restore_refused(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        save_well(bench);
        monitor_returns("query-migrate", "{\"status\": \"failed\", \"error-desc\": \"no such device\"}");
        call(bench, RESTORE("vm", 1));
        image_is_done(0);
        expect(bench,
                "> RestoreDomain('vm', 'one', {Start: true})",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'restore')",
                "image check",
                "< RestoreDomain(job/3)",
                "vm: Job job/3",
                "fork 102: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm.scope in machine.slice: 102 TimeoutStop=43200ms 'vm' "
                        "MemoryMax=413138944 OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] "
                        "DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', 'rw'), "
                        "('/dev/char/10:196', 'rw')]",
                "job/3: Phase 'starting the scope', DeadlineUSec set",
                "vm: Leader 102",
                "systemd Get vmm-vm.scope InvocationID",
                "release 102",
                "job/3: Phase 'executing'",
                "vm: ControlGroup '/machine.slice/vmm-vm.scope', StartTimestamp set",
                "vm: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "job/3: Phase 'connecting'",
                "image feed",
                "job/3: Phase 'loading the memory', DeadlineUSec 0",
                "qemu migrate-set-capabilities "
                        "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}",
                "qemu migrate-set-parameters {\"max-bandwidth\":0}",
                "qemu getfd {\"fdname\":\"memory\"}",
                "qemu migrate-incoming {\"uri\":\"fd:memory\"}",
                "qemu query-migrate",
                "qemu query-status",
                "image feed ends",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "kill 102 SIGKILL",
                "job/3: Phase 'undoing', DeadlineUSec set",
                "end 102 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'restore', 'failed')",
                "vm: State 'inactive', StateReason 'could not be restored: QEMU could not load its "
                        "memory: 'no such device''",
                "vm.StateChanged('restoring', 'inactive', 'could not be restored: QEMU could not load its "
                        "memory: 'no such device'', {Error: 'org.example.VMManager1.Error.MonitorFailed', "
                        "Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

static void test_restore_stopped(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        save_well(bench);
        call(bench, RESTORE("vm", 1));
        forget(bench);
        call(bench, "vm", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> vm.Destroy(0)",
                "image check ends",
                "vm: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'restore', 'canceled')",
                "vm: State 'inactive', StateReason 'could not be restored: The restore of 'vm' was "
                        "canceled'",
                "vm.StateChanged('restoring', 'inactive', 'could not be restored: The restore of 'vm' was "
                        "canceled', {Error: 'org.example.VMManager1.Error.Canceled'})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Destroy()");
        expect_empty(bench);

        call(bench, RESTORE("vm", 1));
        image_is_done(0);
        settle(bench);
        forget(bench);
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> vm.Destroy(4)",
                "vm: Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'vm', 'restore', 'canceled')",
                "image feed ends",
                "+ job/5",
                "JobNew(5, job/5, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Dying true, Job job/5",
                "vm.StateChanged('restoring', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/5: Phase 'SIGKILL', DeadlineUSec set",
                "vm.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 102 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/5",
                "JobRemoved(5, job/5, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Destroy()");
        expect_empty(bench);
}

static void test_restore_polkit(Bench *bench, gconstpointer data) {
        machine_is_ready(bench, CREATE_START);
        save_well(bench);
        caller_is(bench, ":1.7", 1000);
        bench->polkit = POLKIT_WAITS;
        sd_bus_message *m = message_new_as(bench, ":1.7", "manager", "RestoreDomain");
        message_append(m, "ssa{sv}", "vm", "one", 0);
        message_send(bench, m);
        polkit_answers(bench, POLKIT_YES);
        polkit_answers(bench, POLKIT_NO);
        expect(bench,
                "> RestoreDomain('vm', 'one', {})",
                "polkit? :1.7: save, domain vm uuid - slice - owner - verb RestoreDomain",
                "polkit? :1.7: create, domain vm uuid of vm slice machine.slice owner - verb CreateDomain",
                "< RestoreDomain: AccessDenied: Access denied: polkit refuses "
                        "org.example.VMManager1.create");
        expect_empty(bench);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/save/a machine is halted, written, finished and ended", test_save);
        BENCH_TEST("/save/one that is kept is as it was", test_keep);
        BENCH_TEST("/save/how far it is comes from QEMU", test_progress);
        BENCH_TEST("/save/a full disk leaves all as it was", test_full);
        BENCH_TEST("/save/so does a disk that fails at the very end", test_late_failure);
        BENCH_TEST("/save/so does a QEMU that cannot", test_qemu_fails);
        BENCH_TEST("/save/a monitor that is lost ends it", test_monitor_lost);
        BENCH_TEST("/save/canceled it leaves all as it was", test_cancel);
        BENCH_TEST("/save/a stop takes over", test_destroy);
        BENCH_TEST("/save/a machine that ends meanwhile is not saved", test_end);
        BENCH_TEST("/save/what cannot be is refused", test_refused);
        BENCH_TEST("/restore/an image is checked, read and used up", test_restore);
        BENCH_TEST("/restore/without Start it is paused", test_restore_paused);
        BENCH_TEST("/restore/an image that is not whole makes no domain", test_restore_changed);
        BENCH_TEST("/restore/QEMU's refusal is told", test_restore_refused);
        BENCH_TEST("/restore/a stop ends it at any time", test_restore_stopped);
        BENCH_TEST("/restore/polkit is asked for both actions", test_restore_polkit);
        return g_test_run();
}
