/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domains that are slices: how they begin and end, that their verbs are those of the slice, and what they do
 * not have. */

#include <signal.h>
#include <string.h>

#include "bench.h"
#include "util/errors.h"

static void create_slice(Bench *bench, const char *name, const char *path) {
        call(bench, CREATE, name, 1, "CgroupPath", "s", path, CREATE_START);
}

/* With a domain in it. */
static void create_group(Bench *bench) {
        create_slice(bench, "group", "machine.slice::grp.slice");
        call(bench, CREATE, "web", 2, PAYLOAD, "CgroupPath", "s", "grp.slice:x:web", CREATE_START);
        g_assert_cmpstr(bench->answer, ==, "(domain/web)");
        forget(bench);
}

static void test_create(Bench *bench, gconstpointer data) {
        bench->slices = true;
        create_slice(bench, "group", "machine.slice::grp.slice");
        expect(bench,
                "> CreateDomain('group', {CgroupPath: 'machine.slice::grp.slice'}, 1)",
                "+ domain/group",
                "DomainAdded('group', domain/group)",
                "+ slice/grp.slice",
                "+ job/1",
                "JobNew(1, job/1, 'group', 'create')",
                "systemd StartTransientUnit grp.slice wants machine.slice 'group'",
                "group: Job job/1",
                "group: State 'running', StateReason 'created', Running true, ControlGroup '/grp.slice', "
                        "StartTimestamp set, Job /",
                "slice/grp.slice: ControlGroup '/grp.slice'",
                "group.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'group', 'create', 'done')",
                "< CreateDomain(domain/group)");
}

/* It is not where its domains are. */
static void test_found(Bench *bench, gconstpointer data) {
        create_group(bench);
        call(bench, "manager", "GetDomainByControlGroup", "s", "/grp.slice/x-web.scope");
        call(bench, "manager", "GetDomainByControlGroup", "s", "/grp.slice");
        expect(bench,
                "> GetDomainByControlGroup('/grp.slice/x-web.scope')",
                "< GetDomainByControlGroup(domain/web)",
                "> GetDomainByControlGroup('/grp.slice')",
                "< GetDomainByControlGroup(domain/group)");
}

static void test_pause(Bench *bench, gconstpointer data) {
        create_group(bench);
        bench->slices = true;
        call(bench, "group", "Pause", NULL);
        expect(bench,
                "> group.Pause()",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/3",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit x-web.scope",
                "job/3: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused with grp.slice', Paused true, FreezerState "
                        "'frozen', PauseReasons ['slice:grp.slice'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused with grp.slice', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'pause', 'done')",
                "group: State 'paused', StateReason 'paused on request', Running false, Paused true, "
                        "PauseReasons ['user']",
                "slice/grp.slice: Paused true",
                "group.StateChanged('running', 'paused', 'paused on request', {})",
                "< group.Pause()");
        call(bench, "web", "Resume", NULL);
        call(bench, "group", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "< web.Resume: Error.SliceFrozen: Cannot resume 'web': slice grp.slice is paused",
                "> group.Resume()",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/4",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit x-web.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'resume', 'done')",
                "group: State 'running', StateReason 'resumed on request', Running true, Paused false, "
                        "PauseReasons []",
                "slice/grp.slice: Paused false",
                "group.StateChanged('paused', 'running', 'resumed on request', {})",
                "< group.Resume()");
}

static void test_destroy(Bench *bench, gconstpointer data) {
        create_group(bench);
        bench->slices = true;
        call(bench, "group", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> group.Destroy(0)",
                "+ job/3",
                "JobNew(3, job/3, 'group', 'stop')",
                "group: State 'stopping', StateReason 'stopping on request', Running false, Dying true, "
                        "Job job/3",
                "group.StateChanged('running', 'stopping', 'stopping on request', {})",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, "
                        "Job job/4",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/4: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit x-web.scope SIGTERM",
                "end 101 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "slice/grp.slice: Domains [domain/group]",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "systemd StopUnit grp.slice",
                "job/3: Phase 'stopping the slice', DeadlineUSec set",
                "group: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'group', 'stop', 'done')",
                "group: State 'inactive', StateReason 'stopped with its domains', Dying false",
                "group.StateChanged('stopping', 'inactive', 'stopped with its domains', {})",
                "- slice/grp.slice",
                "- domain/group",
                "DomainRemoved('group', domain/group)",
                "< group.Destroy()");
        expect_empty(bench);
}

/* An empty one can be paused, too, and then nothing comes to it. */
static void test_empty(Bench *bench, gconstpointer data) {
        create_slice(bench, "group", "machine.slice::grp.slice");
        forget(bench);
        call(bench, "slice/grp.slice", "Pause", NULL);
        call(bench, CREATE, "web", 2, PAYLOAD, "CgroupPath", "s", "grp.slice:x:web", CREATE_START);
        call(bench, "group", "Resume", NULL);
        expect(bench,
                "> slice/grp.slice.Pause()",
                "group: State 'paused', StateReason 'paused on request', Running false, Paused true, "
                        "PauseReasons ['user']",
                "group.StateChanged('running', 'paused', 'paused on request', {})",
                "< slice/grp.slice.Pause()",
                "> CreateDomain('web', {Command: ['/bin/payload'], CgroupPath: 'grp.slice:x:web'}, 1)",
                "< CreateDomain: Error.SliceFrozen: 'web' cannot be in slice grp.slice: grp.slice is "
                        "paused",
                "> group.Resume()",
                "group: State 'running', StateReason 'resumed on request', Running true, Paused false, "
                        "PauseReasons []",
                "group.StateChanged('paused', 'running', 'resumed on request', {})",
                "< group.Resume()");
        call(bench, "group", "Stop", "a(st)t", 0, UINT64_C(2));
        expect(bench,
                "> group.Stop([], 2)",
                "+ job/2",
                "JobNew(2, job/2, 'group', 'stop')",
                "group: State 'stopping', StateReason 'stopping on request', Running false, Dying true, "
                        "Job job/2",
                "group.StateChanged('running', 'stopping', 'stopping on request', {})",
                "systemd StopUnit grp.slice",
                "job/2: Phase 'stopping the slice', DeadlineUSec set",
                "group: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'group', 'stop', 'done')",
                "group: State 'inactive', StateReason 'stopped with its domains', Dying false",
                "group.StateChanged('stopping', 'inactive', 'stopped with its domains', {})",
                "- domain/group",
                "DomainRemoved('group', domain/group)",
                "< group.Stop()");
        expect_empty(bench);
}

/* One that is there already serves as well, and is not stopped. */
static void test_exists(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 2, PAYLOAD, "CgroupPath", "s", "grp.slice:x:web", CREATE_START);
        call(bench, "slice/grp.slice", "Pause", NULL);
        create_slice(bench, "group", "-.slice::grp.slice");
        forget(bench);
        call(bench, "slice/grp.slice", "Resume", NULL);
        forget(bench);
        create_slice(bench, "group", "-.slice::grp.slice");
        expect(bench,
                "> CreateDomain('group', {CgroupPath: '-.slice::grp.slice'}, 1)",
                "+ domain/group",
                "DomainAdded('group', domain/group)",
                "+ job/4",
                "JobNew(4, job/4, 'group', 'create')",
                "group: State 'running', StateReason 'created', Running true, ControlGroup '/grp.slice', "
                        "StartTimestamp set",
                "group.StateChanged('starting', 'running', 'created', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'group', 'create', 'done')",
                "< CreateDomain(domain/group)");
        create_slice(bench, "second", "-.slice::grp.slice");
        g_assert_true(strstr(bench->answer, "DomainExists: CgroupPath: another domain is grp.slice"));
        forget(bench);
        call(bench, "group", "Destroy", "t", UINT64_C(4));
        g_assert_cmpstr(bench->answer, ==, "()");
        g_assert_null(strstr(bench->transcript->str, "StopUnit"));
        expect_empty(bench);
}

static void test_refused(Bench *bench, gconstpointer data) {
        create_group(bench);
        process_runs(500, 0);
        call(bench, "group", "Kill", "si", "all", SIGTERM);
        call(bench, "group", "Shutdown", "t", UINT64_C(0));
        call(bench, "group", "Release", NULL);
        call(bench, "group", "AddProcess", "us", 500, "");
        call(bench, "group", "AddDevice", "ss", "/dev/kvm", "rw");
        call(bench, "group", "UpdateResourcesOCI", "s", "{}");
        expect(bench,
                "> group.Kill('all', 15)",
                "< group.Kill: Error.NotSupported: Cannot kill 'group': it is a slice, which has no "
                        "processes of its own",
                "> group.Shutdown(0)",
                "< group.Shutdown: Error.NotSupported: Cannot shutdown 'group': it is a slice, which has "
                        "no processes of its own",
                "> group.Release()",
                "< group.Release: Error.NotSupported: Cannot release 'group': it is a slice, which has "
                        "no processes of its own",
                "> group.AddProcess(500, '')",
                "< group.AddProcess: Error.NotSupported: Cannot add to 'group': it is a slice, which has "
                        "no processes of its own",
                "> group.AddDevice('/dev/kvm', 'rw')",
                "< group.AddDevice: Error.NotSupported: Cannot configure 'group': it is a slice, which "
                        "has no processes of its own",
                "> group.UpdateResourcesOCI('{}')",
                "< group.UpdateResourcesOCI: Error.NotSupported: Cannot configure 'group': it is a "
                        "slice, which has no processes of its own");
        call(bench, CREATE, "b", 2, PAYLOAD, "CgroupPath", "s", "-.slice::b.slice", CREATE_START);
        call(bench, CREATE, "b", 2, "Delegate", "b", 1, "CgroupPath", "s", "-.slice::b.slice", CREATE_START);
        call(bench, CREATE, "b", 2, "Kind", "s", "qemu", "CgroupPath", "s", "-.slice::b.slice",
                CREATE_START);
        call(bench, "manager", "AdoptProcesses", "saua{sv}t", "b", 1, 500, 1, "CgroupPath", "s",
                "-.slice::b.slice", UINT64_C(0));
        expect(bench,
                "> CreateDomain('b', {Command: ['/bin/payload'], CgroupPath: '-.slice::b.slice'}, 1)",
                "< CreateDomain: Error.InvalidConfig: Command: not a key of a slice",
                "> CreateDomain('b', {Delegate: true, CgroupPath: '-.slice::b.slice'}, 1)",
                "< CreateDomain: Error.InvalidConfig: Delegate: not a key of a slice",
                "> CreateDomain('b', {Kind: 'qemu', CgroupPath: '-.slice::b.slice'}, 1)",
                "< CreateDomain: Error.InvalidConfig: Kind: a slice is of kind 'process'",
                "> AdoptProcesses('b', [500], {CgroupPath: '-.slice::b.slice'}, 0)",
                "< AdoptProcesses: Error.NotSupported: CgroupPath: b.slice is a slice, which has no "
                        "processes of its own");
}

static void test_start_fails(Bench *bench, gconstpointer data) {
        systemd_refuses("StartTransientUnit", SD_BUS_ERROR_FAILED, "no");
        bench->slices = true;
        create_slice(bench, "group", "machine.slice::grp.slice");
        expect(bench,
                "> CreateDomain('group', {CgroupPath: 'machine.slice::grp.slice'}, 1)",
                "+ domain/group",
                "DomainAdded('group', domain/group)",
                "+ slice/grp.slice",
                "+ job/1",
                "JobNew(1, job/1, 'group', 'create')",
                "systemd StartTransientUnit grp.slice wants machine.slice 'group'",
                "group: Job job/1",
                "group: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'group', 'create', 'failed')",
                "group: State 'inactive', StateReason 'could not be created'",
                "group.StateChanged('starting', 'inactive', 'could not be created', {})",
                "- slice/grp.slice",
                "- domain/group",
                "DomainRemoved('group', domain/group)",
                "< CreateDomain: Failed: no");
        expect_empty(bench);
}

static void test_resources(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "group", 2, "CgroupPath", "s", "-.slice::a-b.slice", "Resources", "a{sv}", 1,
                "TasksMax", "t", UINT64_C(9), CREATE_START);
        expect(bench,
                "> CreateDomain('group', {CgroupPath: '-.slice::a-b.slice', Resources: {TasksMax: 9}}, 1)",
                "+ domain/group",
                "DomainAdded('group', domain/group)",
                "+ job/1",
                "JobNew(1, job/1, 'group', 'create')",
                "systemd StartTransientUnit a-b.slice wants -.slice 'group'",
                "group: Job job/1",
                "systemd SetUnitProperties a-b.slice TasksMax=9",
                "job/1: Phase 'setting', DeadlineUSec 0",
                "group: ControlGroup '/a.slice/a-b.slice', StartTimestamp set",
                "systemd GetAll a-b.slice",
                "group: as before",
                "group: State 'running', StateReason 'created', Running true, Job /",
                "group.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'group', 'create', 'done')",
                "< CreateDomain(domain/group)");
        call(bench, "group", "SetResources", "a(sv)", 1, "TasksMax", "t", UINT64_C(8));
        expect(bench,
                "> group.SetResources([('TasksMax', 8)])",
                "systemd SetUnitProperties a-b.slice TasksMax=8",
                "systemd GetAll a-b.slice",
                "group: Resources {TasksMax: 8}",
                "< group.SetResources()");
        systemd_refuses("SetUnitProperties", VMM_ERROR_INVALID_CONFIG, "systemd refused it");
        call(bench, CREATE, "second", 2, "CgroupPath", "s", "-.slice::c.slice", "Resources", "a{sv}", 1,
                "TasksMax", "t", UINT64_C(9), CREATE_START);
        expect(bench,
                "> CreateDomain('second', {CgroupPath: '-.slice::c.slice', Resources: {TasksMax: 9}}, 1)",
                "+ domain/second",
                "DomainAdded('second', domain/second)",
                "+ job/2",
                "JobNew(2, job/2, 'second', 'create')",
                "systemd StartTransientUnit c.slice wants -.slice 'second'",
                "second: Job job/2",
                "systemd SetUnitProperties c.slice TasksMax=9",
                "job/2: Phase 'setting', DeadlineUSec 0",
                "second: ControlGroup '/c.slice', StartTimestamp set",
                "systemd StopUnit c.slice",
                "second: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'second', 'create', 'failed')",
                "second: State 'inactive', StateReason 'could not be created'",
                "second.StateChanged('starting', 'inactive', 'could not be created', {})",
                "- domain/second",
                "DomainRemoved('second', domain/second)",
                "< CreateDomain: Error.InvalidConfig: systemd refused it");
}

static void test_stop_timeout(Bench *bench, gconstpointer data) {
        create_group(bench);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "group", "Stop", "a(st)t", 1, "SIGTERM", UINT64_C(5000000), UINT64_C(0));
        call(bench, "group", "Stop", "a(st)t", 1, "SIGTERM", UINT64_C(5000000), UINT64_C(2));
        forget(bench);
        call(bench, "slice/grp.slice", "Pause", NULL);
        time_is_up(bench, "web", 5000000);
        expect(bench,
                "> slice/grp.slice.Pause()",
                "< slice/grp.slice.Pause: Error.Busy: Cannot pause slice grp.slice: the stop of slice "
                        "grp.slice is in progress",
                "web: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "StopPhase '', StopDeadlineUSec 0, Job /",
                "web.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'stop', 'timeout')",
                "group: State 'running', StateReason 'could not be stopped', Running true, Dying false, "
                        "Job /",
                "group.StateChanged('stopping', 'running', 'could not be stopped', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'group', 'stop', 'timeout')",
                "< group.Stop: Error.StopTimeout: Slice grp.slice is not stopped: 'web' was not stopped "
                        "by SIGTERM and is still there; PIDs left: 101");
}

/* Somebody else stops the slice, or freezes it. */
static void test_outside(Bench *bench, gconstpointer data) {
        create_group(bench);
        systemd_freezes_slice("grp.slice", true);
        expect(bench,
                "group: State 'paused', StateReason 'frozen from outside', Running false, Paused true, "
                        "PauseReasons ['frozen']",
                "group.StateChanged('running', 'paused', 'frozen from outside', {})",
                "web: State 'paused', StateReason 'frozen from outside', Running false, Paused true, "
                        "PauseReasons ['frozen']",
                "web.StateChanged('running', 'paused', 'frozen from outside', {})",
                "systemd Get x-web.scope FreezerState");
        systemd_freezes_slice("grp.slice", false);
        expect(bench,
                "group: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "group.StateChanged('paused', 'running', 'thawed from outside', {})",
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "systemd Get x-web.scope FreezerState");
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        systemd_stops_slice("grp.slice");
        expect(bench,
                "group: State 'inactive', StateReason 'its slice was stopped', Running false",
                "group.StateChanged('running', 'inactive', 'its slice was stopped', {})",
                "- domain/group",
                "DomainRemoved('group', domain/group)");
        expect_empty(bench);
}

/* That one of the same name is gone is told late. */
static void test_again(Bench *bench, gconstpointer data) {
        systemd_holds("StartTransientUnit");
        create_slice(bench, "group", "machine.slice::grp.slice");
        systemd_stops_slice("grp.slice");
        settle(bench);
        systemd_goes_on("StartTransientUnit");
        settle(bench);
        forget(bench);
        call(bench, "group", "Destroy", "t", UINT64_C(0));
        g_assert_nonnull(strstr(bench->transcript->str, "systemd StopUnit grp.slice"));
        expect_empty(bench);
}

/* systemd keeps it for somebody who refers to it. */
static void test_kept(Bench *bench, gconstpointer data) {
        create_slice(bench, "group", "machine.slice::grp.slice");
        systemd_holds("StopUnit");
        call(bench, "group", "Destroy", "t", UINT64_C(0));
        g_assert_nonnull(manager_find_by_name(bench->manager, "group"));
        time_is_up(bench, "group", 3000000);
        g_assert_cmpstr(bench->answer, ==, "()");
        expect_empty(bench);
}

static void test_manager_ends(Bench *bench, gconstpointer data) {
        create_group(bench);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "group", "Stop", "a(st)t", 1, "SIGTERM", UINT64_C(5000000), UINT64_C(0));
        forget(bench);
        bench_stop(bench);
        g_assert_true(strstr(bench->answer, "Canceled"));
}

/* polkit's rules are told the slice that it is, wherever the path says that it is. */
static void test_polkit(Bench *bench, gconstpointer data) {
        sd_bus_message *m = message_new_as(bench, ":1.7", "manager", "CreateDomain");

        caller_is(bench, ":1.7", 1000);
        bench->polkit = POLKIT_YES;
        message_append(m, "sa{sv}t", "group", 1, "CgroupPath", "s", "harmless.slice::machine.slice",
                CREATE_START);
        message_send(bench, m);
        g_assert_true(strstr(bench->transcript->str, "slice machine.slice owner"));
        forget(bench);
        message_send(bench, message_new_as(bench, ":1.7", "group", "Pause"));
        expect(bench,
                "> group.Pause()",
                "polkit? :1.7: pause, domain group uuid of group slice machine.slice owner 1000 verb "
                        "Pause",
                "group: State 'paused', StateReason 'paused on request', Running false, Paused true, "
                        "PauseReasons ['user']",
                "group.StateChanged('running', 'paused', 'paused on request', {})",
                "< group.Pause()");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/slice-domain/create", test_create);
        BENCH_TEST("/slice-domain/found", test_found);
        BENCH_TEST("/slice-domain/pause", test_pause);
        BENCH_TEST("/slice-domain/destroy", test_destroy);
        BENCH_TEST("/slice-domain/empty", test_empty);
        BENCH_TEST("/slice-domain/exists", test_exists);
        BENCH_TEST("/slice-domain/refused", test_refused);
        BENCH_TEST("/slice-domain/start-fails", test_start_fails);
        BENCH_TEST("/slice-domain/resources", test_resources);
        BENCH_TEST("/slice-domain/stop-timeout", test_stop_timeout);
        BENCH_TEST("/slice-domain/outside", test_outside);
        BENCH_TEST("/slice-domain/again", test_again);
        BENCH_TEST("/slice-domain/kept", test_kept);
        BENCH_TEST("/slice-domain/manager-ends", test_manager_ends);
        BENCH_TEST("/slice-domain/polkit", test_polkit);
        return g_test_run();
}
