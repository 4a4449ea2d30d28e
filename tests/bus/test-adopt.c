/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Adopting: processes that run already come into a scope as a domain, if they are the caller's to give, and
 * run on whatever becomes of it. */

#include <unistd.h>

#include "bench.h"
#include "util/auto.h"
#include "util/errors.h"

#define ADOPT "manager", "AdoptProcesses", "saua{sv}t"

static void test_adopt(Bench *bench, gconstpointer data) {
        process_runs(200, 0);
        process_runs(201, 0);
        call(bench, ADOPT, "web", 2, 200, 201, 1, "Description", "s", "Taken in", UINT64_C(0));
        expect(bench,
                "> AdoptProcesses('web', [200, 201], {Description: 'Taken in'}, 0)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'adopt')",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 200 201 TimeoutStop=21600ms "
                        "'Taken in' OOMPolicy='continue'",
                "web: Job job/1",
                "systemd Get vmm-web.scope InvocationID",
                "web: State 'running', StateReason 'adopted', Running true, ControlGroup "
                        "'/machine.slice/vmm-web.scope', StartTimestamp set, Job /",
                "web.StateChanged('starting', 'running', 'adopted', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'adopt', 'done')",
                "< AdoptProcesses(domain/web)",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]");
        process_exits(200, 0);
        expect(bench,
                "end 200 with status 0",
                "web: Leader 0");
        process_exits(201, 1);
        expect(bench,
                "end 201 with status 1",
                "web: State 'inactive', StateReason 'all processes ended', Running false, PoweredOff true",
                "web.StateChanged('running', 'inactive', 'all processes ended', {})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

static void test_by_pidfd(Bench *bench, gconstpointer data) {
        sd_bus_message *m = message_new(bench, "manager", "AdoptProcessFDs");
        autofd int pidfd = -1, other = -1;

        process_runs(200, 0);
        pidfd = process_pidfd(200);
        message_append(m, "saha{sv}t", "web", 1, pidfd, 0, UINT64_C(0));
        message_send(bench, m);
        expect(bench,
                "> AdoptProcessFDs('web', [a descriptor], {}, 0)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'adopt')",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 200 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue'",
                "web: Job job/1",
                "systemd Get vmm-web.scope InvocationID",
                "web: State 'running', StateReason 'adopted', Running true, ControlGroup "
                        "'/machine.slice/vmm-web.scope', StartTimestamp set, Job /",
                "web.StateChanged('starting', 'running', 'adopted', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'adopt', 'done')",
                "< AdoptProcessFDs(domain/web)",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]");
        m = message_new(bench, "manager", "GetDomainByPIDFD");
        message_append(m, "h", pidfd);
        message_send(bench, m);
        expect(bench,
                "> GetDomainByPIDFD(a descriptor)",
                "< GetDomainByPIDFD(domain/web)");

        other = dup(STDERR_FILENO);
        m = message_new(bench, "manager", "AdoptProcessFDs");
        message_append(m, "saha{sv}t", "other", 2, pidfd, other, 0, UINT64_C(0));
        message_send(bench, m);
        expect(bench,
                "> AdoptProcessFDs('other', [a descriptor, a descriptor], {}, 0)",
                "< AdoptProcessFDs: InvalidArgs: pidfds: number 1 is no pidfd of a process that lives");
}

static void test_autodestroy(Bench *bench, gconstpointer data) {
        sd_bus_message *m = message_new_as(bench, ":1.9", "manager", "AdoptProcesses");

        process_runs(200, 0);
        message_append(m, "saua{sv}t", "web", 1, 200, 0, CREATE_AUTODESTROY);
        message_send(bench, m);
        forget(bench);
        caller_leaves(bench, ":1.9");
        expect_empty(bench);
}

/* Neither what does not live, nor what must not be moved, nor what is in a domain already. */
static void test_refused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_runs(1, 0);
        process_runs(2, 0);
        process_runs(200, 0);
        process_runs(getpid(), 0);
        process_exits(200, 0);
        settle(bench);
        forget(bench);
        call(bench, ADOPT, "new", 0, 0, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 0, 0, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 200, 0, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 300, 0, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 1, 0, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 2, 0, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 101, 0, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 101, 1, PAYLOAD, UINT64_C(0));
        call(bench, ADOPT, "new", 1, 101, 1, "Kind", "s", "qemu", UINT64_C(0));
        call(bench, ADOPT, "new", 1, 101, 0, CREATE_START);
        expect(bench,
                "> AdoptProcesses('new', [], {}, 0)",
                "< AdoptProcesses: InvalidArgs: No process is given",
                "> AdoptProcesses('new', [0], {}, 0)",
                "< AdoptProcesses: InvalidArgs: pid: there is no process 0",
                "> AdoptProcesses('new', [200], {}, 0)",
                "< AdoptProcesses: InvalidArgs: pid: there is no process 200",
                "> AdoptProcesses('new', [300], {}, 0)",
                "< AdoptProcesses: InvalidArgs: pid: there is no process 300",
                "> AdoptProcesses('new', [1], {}, 0)",
                "< AdoptProcesses: InvalidArgs: PID 1 cannot be moved",
                "> AdoptProcesses('new', [2], {}, 0)",
                "< AdoptProcesses: InvalidArgs: PID 2 cannot be moved",
                "> AdoptProcesses('new', [101], {}, 0)",
                "< AdoptProcesses: Error.DomainExists: PID 101 is in domain 'web' already",
                "> AdoptProcesses('new', [101], {Command: ['/bin/payload']}, 0)",
                "< AdoptProcesses: Error.InvalidConfig: Command: not a key of adopted processes",
                "> AdoptProcesses('new', [101], {Kind: 'qemu'}, 0)",
                "< AdoptProcesses: Error.InvalidConfig: Kind: adopted processes are of kind 'process'",
                "> AdoptProcesses('new', [101], {}, 1)",
                "< AdoptProcesses: InvalidArgs: flags: unknown bits 0x1");
        bench->quiet = true;
        call(bench, ADOPT, "new", 1, (uint32_t) getpid(), 0, UINT64_C(0));
        g_assert_true(g_str_has_suffix(bench->answer, "cannot be moved"));
        expect_nothing(bench);
}

/* Only root takes what belongs to others. */
static void test_anothers(Bench *bench, gconstpointer data) {
        caller_is(bench, ":1.7", 1000);
        bench->polkit = POLKIT_YES;
        process_runs(200, 1001);
        process_runs(201, 1000);
        for (uint32_t pid = 200; pid <= 201; pid++) {
                sd_bus_message *m = message_new_as(bench, ":1.7", "manager", "AdoptProcesses");
                message_append(m, "saua{sv}t", "hers", 1, pid, 0, UINT64_C(0));
                message_send(bench, m);
        }
        expect(bench,
                "> AdoptProcesses('hers', [200], {}, 0)",
                "polkit? :1.7: adopt, domain hers uuid - slice machine.slice owner - verb AdoptProcesses",
                "< AdoptProcesses: AccessDenied: PID 200 is not a process of user 1000",
                "> AdoptProcesses('hers', [201], {}, 0)",
                "polkit? :1.7: adopt, domain hers uuid - slice machine.slice owner - verb AdoptProcesses",
                "+ domain/hers",
                "DomainAdded('hers', domain/hers)",
                "+ job/1",
                "JobNew(1, job/1, 'hers', 'adopt')",
                "systemd StartTransientUnit vmm-hers.scope in machine.slice: 201 TimeoutStop=21600ms "
                        "'hers' OOMPolicy='continue'",
                "hers: Job job/1",
                "systemd Get vmm-hers.scope InvocationID",
                "hers: State 'running', StateReason 'adopted', Running true, ControlGroup "
                        "'/machine.slice/vmm-hers.scope', StartTimestamp set, Job /",
                "hers.StateChanged('starting', 'running', 'adopted', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'hers', 'adopt', 'done')",
                "< AdoptProcesses(domain/hers)",
                "hers: InvocationID [0102030405060708090a0b0c0d0e0f10]");
}

/* The unit is somebody else's: it is not abandoned, and the processes stay where they are. */
static void test_name_taken(Bench *bench, gconstpointer data) {
        g_autofree char *left = NULL;

        systemd_has_scope("session-1.scope", "user.slice");
        process_runs(200, 0);
        call(bench, ADOPT, "web", 1, 200, 1, "CgroupPath", "s", "user.slice:session:1", UINT64_C(0));
        expect(bench,
                "> AdoptProcesses('web', [200], {CgroupPath: 'user.slice:session:1'}, 0)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'adopt')",
                "systemd StartTransientUnit session-1.scope in user.slice: 200 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue'",
                "web: Job job/1",
                "web: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'adopt', 'failed')",
                "web: State 'inactive', StateReason 'could not be adopted'",
                "web.StateChanged('starting', 'inactive', 'could not be adopted', {})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< AdoptProcesses: Error.DomainExists: There is a unit session-1.scope already");
        left = host_leftovers();
        g_assert_cmpstr(left, ==, "scope session-1.scope\n");
}

/* They do not come where they could not run. */
static void test_slice_frozen(Bench *bench, gconstpointer data) {
        process_runs(200, 0);
        slice_freezes("machine.slice");
        call(bench, ADOPT, "web", 1, 200, 0, UINT64_C(0));
        expect(bench,
                "> AdoptProcesses('web', [200], {}, 0)",
                "< AdoptProcesses: Error.SliceFrozen: 'web' cannot be in slice machine.slice: "
                        "machine.slice is frozen");
}

/* They are given back, not ended. */
static void test_slice_freezes(Bench *bench, gconstpointer data) {
        process_runs(200, 0);
        systemd_holds("StartTransientUnit");
        call(bench, ADOPT, "web", 1, 200, 0, UINT64_C(0));
        forget(bench);
        slice_freezes("machine.slice");
        systemd_goes_on("StartTransientUnit");
        expect(bench,
                "systemd Get vmm-web.scope InvocationID",
                "systemd AbandonScope vmm-web.scope",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'adopt', 'failed')",
                "web: State 'inactive', StateReason 'could not be adopted'",
                "web.StateChanged('starting', 'inactive', 'could not be adopted', {})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< AdoptProcesses: Error.SliceFrozen: Cannot create 'web': slice machine.slice is frozen");
}

/* The first one may go meanwhile: those that are left are the domain. */
static void test_leader_ends(Bench *bench, gconstpointer data) {
        process_runs(200, 0);
        process_runs(201, 0);
        systemd_holds("StartTransientUnit");
        call(bench, ADOPT, "web", 2, 200, 201, 0, UINT64_C(0));
        forget(bench);
        process_exits(200, 0);
        expect(bench,
                "end 200 with status 0",
                "web: Leader 0");
        systemd_goes_on("StartTransientUnit");
        expect(bench,
                "systemd Get vmm-web.scope InvocationID",
                "web: State 'running', StateReason 'adopted', Running true, ControlGroup "
                        "'/machine.slice/vmm-web.scope', StartTimestamp set, Job /",
                "web.StateChanged('starting', 'running', 'adopted', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'adopt', 'done')",
                "< AdoptProcesses(domain/web)",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]");
}

static void test_all_end(Bench *bench, gconstpointer data) {
        process_runs(200, 0);
        systemd_holds("StartTransientUnit");
        call(bench, ADOPT, "web", 1, 200, 0, UINT64_C(0));
        forget(bench);
        process_exits(200, 0);
        settle(bench);
        systemd_goes_on("StartTransientUnit");
        expect(bench,
                "end 200 with status 0",
                "web: Leader 0",
                "systemd discard vmm-web.scope",
                "web: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'adopt', 'failed')",
                "web: State 'inactive', StateReason 'could not be adopted'",
                "web.StateChanged('starting', 'inactive', 'could not be adopted', {})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< AdoptProcesses: InvalidArgs: The processes have ended");
        expect_empty(bench);
}

/* ---- One more, into a domain whose tree is delegated. ---- */

static void test_add(Bench *bench, gconstpointer data) {
        sd_bus_message *m;
        autofd int pidfd = -1;

        call(bench, CREATE, "web", 2, PAYLOAD, "Delegate", "b", 1, CREATE_START);
        process_runs(200, 0);
        process_runs(201, 0);
        pidfd = process_pidfd(201);
        forget(bench);
        call(bench, "web", "AddProcess", "us", (uint32_t) 200, "");
        m = message_new(bench, "web", "AddProcessFD");
        message_append(m, "hs", pidfd, "workers/one");
        message_send(bench, m);
        call(bench, "manager", "GetDomainByPID", "u", (uint32_t) 201);
        expect(bench,
                "> web.AddProcess(200, '')",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'add')",
                "systemd AttachProcessesToUnit vmm-web.scope /: 200",
                "web: Job job/2",
                "web: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'add', 'done')",
                "< web.AddProcess()",
                "> web.AddProcessFD(a descriptor, 'workers/one')",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'add')",
                "systemd AttachProcessesToUnit vmm-web.scope /workers/one: 201",
                "web: Job job/3",
                "web: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'add', 'done')",
                "< web.AddProcessFD()",
                "> GetDomainByPID(201)",
                "< GetDomainByPID(domain/web)");
        process_exits(FAKE_PID_FIRST, 0);
        process_exits(200, 0);
        expect(bench,
                "end 101 with status 0",
                "web: Leader 0",
                "end 200 with status 0");
}

static void test_add_refused(Bench *bench, gconstpointer data) {
        create(bench, "closed", CREATE_START);
        call(bench, CREATE, "web", 2, PAYLOAD, "Delegate", "b", 1, CREATE_START);
        process_runs(200, 1001);
        forget(bench);
        call(bench, "closed", "AddProcess", "us", (uint32_t) 200, "");
        call(bench, "web", "AddProcess", "us", (uint32_t) 300, "");
        call(bench, "web", "AddProcess", "us", (uint32_t) 101, "");
        call(bench, "web", "AddProcess", "us", (uint32_t) 200, "../../user.slice");
        call(bench, "web", "AddProcess", "us", (uint32_t) 200, "a//b");
        systemd_refuses("AttachProcessesToUnit", SD_BUS_ERROR_FAILED, "systemd refused it");
        call(bench, "web", "AddProcess", "us", (uint32_t) 200, "");
        expect(bench,
                "> closed.AddProcess(200, '')",
                "< closed.AddProcess: Error.NotSupported: Processes can be added to domains that were "
                        "created with Delegate=yes; 'closed' was not",
                "> web.AddProcess(300, '')",
                "< web.AddProcess: InvalidArgs: pid: there is no process 300",
                "> web.AddProcess(101, '')",
                "< web.AddProcess: Error.DomainExists: PID 101 is in domain 'closed' already",
                "> web.AddProcess(200, '../../user.slice')",
                "< web.AddProcess: InvalidArgs: subgroup: '../../user.slice' is not the path of a control "
                        "group below the scope",
                "> web.AddProcess(200, 'a//b')",
                "< web.AddProcess: InvalidArgs: subgroup: 'a//b' is not the path of a control group below "
                        "the scope",
                "> web.AddProcess(200, '')",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'add')",
                "systemd AttachProcessesToUnit vmm-web.scope /: 200",
                "web: Job job/3",
                "web: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'add', 'failed')",
                "< web.AddProcess: Failed: systemd refused it");
}

/* The process ends while systemd is asked to move it: nothing of the domain changes. */
static void test_add_ends(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 2, PAYLOAD, "Delegate", "b", 1, CREATE_START);
        process_runs(200, 0);
        systemd_holds("AttachProcessesToUnit");
        call(bench, "web", "AddProcess", "us", (uint32_t) 200, "");
        process_exits(200, 0);
        settle(bench);
        forget(bench);
        systemd_goes_on("AttachProcessesToUnit");
        expect(bench,
                "web: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'add', 'done')",
                "< web.AddProcess()");
}

/* The systemd that everything of a user hangs on is not to be taken, whoever's process it is. */
static void test_systemd_of_user(Bench *bench, gconstpointer data) {
        caller_is(bench, ":1.1", geteuid());
        process_runs(200, geteuid());
        process_runs(201, geteuid());
        process_is_dragged_to(201, "/user.slice/user-1000.slice/user@1000.service/init.scope");
        call(bench, ADOPT, "web", 2, 200, 201, 0, UINT64_C(0));
        expect(bench,
                "> AdoptProcesses('web', [200, 201], {}, 0)",
                "< AdoptProcesses: InvalidArgs: PID 201 cannot be moved");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/adopt/adopt", test_adopt);
        BENCH_TEST("/adopt/by-pidfd", test_by_pidfd);
        BENCH_TEST("/adopt/autodestroy", test_autodestroy);
        BENCH_TEST("/adopt/refused", test_refused);
        BENCH_TEST("/adopt/anothers", test_anothers);
        BENCH_TEST("/adopt/name-taken", test_name_taken);
        BENCH_TEST("/adopt/slice-frozen", test_slice_frozen);
        BENCH_TEST("/adopt/slice-freezes", test_slice_freezes);
        BENCH_TEST("/adopt/leader-ends", test_leader_ends);
        BENCH_TEST("/adopt/all-end", test_all_end);
        BENCH_TEST("/adopt/add", test_add);
        BENCH_TEST("/adopt/add-refused", test_add_refused);
        BENCH_TEST("/adopt/add-ends", test_add_ends);
        g_test_add("/adopt/systemd-of-user", Bench, "user", bench_setup, test_systemd_of_user,
                bench_teardown);
        return g_test_run();
}
