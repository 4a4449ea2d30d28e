/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How domains come to be, step by step: paused or running, processes or QEMU, what systemd is told of them,
 * and how many there may be. What is left when a step fails is in test-failures.c. */

#include <signal.h>

#include "bench.h"

static void test_paused(Bench *bench, gconstpointer data) {
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
                "release 101",
                "web: State 'paused', StateReason 'created', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "web.StateChanged('starting', 'paused', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'done')",
                "< CreateDomain(domain/web)");
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/2",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-web.scope",
                "job/2: Phase 'executing'",
                "exec 101",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'resume', 'done')",
                "< web.Resume()");
}

static void test_start(Bench *bench, gconstpointer data) {
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
                "exec 101",
                "web: State 'running', StateReason 'created', Running true, Job /",
                "web.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'done')",
                "< CreateDomain(domain/web)");
}

static void test_qemu_paused(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 2, QEMU, CREATE_PAUSED);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg'}, 0)",
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
                "systemd FreezeUnit vmm-vm.scope",
                "job/1: Phase 'freezing'",
                "vm: State 'paused', StateReason 'created', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('starting', 'paused', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'done')",
                "< CreateDomain(domain/vm)");
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
                "vm: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "vm.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'resume', 'done')",
                "< vm.Resume()");
}

static void test_qemu_start(Bench *bench, gconstpointer data) {
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
                "vm: State 'running', StateReason 'created', Running true, Job /",
                "vm.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'done')",
                "< CreateDomain(domain/vm)");
}

/* Where the scope lies, what it is for, and how systemd is to stop it when the host goes down: never harder
 * than the plan. */
static void test_scope(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 5,
                "Command", "as", 3, "/bin/payload", "--listen", "80",
                "CgroupPath", "s", "shop-front.slice:crio:abc",
                "Description", "s", "The shop's face",
                "Delegate", "b", 1,
                "StopPlan", "a(st)", 2, "guest", UINT64_C(1000000), "SIGINT", UINT64_C(2000000),
                CREATE_START);
        await(bench, "< CreateDomain");
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload', '--listen', '80'], CgroupPath: "
                        "'shop-front.slice:crio:abc', Description: 'The shop's face', Delegate: true, "
                        "StopPlan: [('guest', 1000000), ('SIGINT', 2000000)]}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit crio-abc.scope in shop-front.slice: 101 Delegate "
                        "SendSIGKILL=no 'The shop's face' OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "systemd Get crio-abc.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "web: ControlGroup '/shop.slice/shop-front.slice/crio-abc.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "web: State 'running', StateReason 'created', Running true, Job /",
                "web.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'done')",
                "< CreateDomain(domain/web)");
        call(bench, "manager", "GetDomainByControlGroup", "s",
                "/shop.slice/shop-front.slice/crio-abc.scope/inner");
        call(bench, "manager", "GetDomainByPID", "u", (uint32_t) FAKE_PID_FIRST);
        expect(bench,
                "> GetDomainByControlGroup('/shop.slice/shop-front.slice/crio-abc.scope/inner')",
                "< GetDomainByControlGroup(domain/web)",
                "> GetDomainByPID(101)",
                "< GetDomainByPID(domain/web)");
}

/* The payload of a caller who is not root is his own. */
static void test_user(Bench *bench, gconstpointer data) {
        sd_bus_message *m = message_new_as(bench, ":1.7", "manager", "CreateDomain");

        caller_is(bench, ":1.7", 1000);
        bench->polkit = POLKIT_YES;
        create_as(bench, ":1.7", "web", CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "polkit? :1.7: create, domain web uuid - slice machine.slice owner - verb CreateDomain",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as alice",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "systemd Get vmm-web.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "web: State 'running', StateReason 'created', Running true, Job /",
                "web.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'done')",
                "< CreateDomain(domain/web)");
        message_append(m, "sa{sv}t", "other", 2, PAYLOAD, "User", "s", "bob", CREATE_START);
        message_send(bench, m);
        expect(bench,
                "> CreateDomain('other', {Command: ['/bin/payload'], User: 'bob'}, 1)",
                "polkit? :1.7: create, domain other uuid - slice machine.slice owner - verb CreateDomain",
                "< CreateDomain: AccessDenied: User: only root may run a domain as another user, here "
                        "'bob'");
}

static void test_exists(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 2, PAYLOAD,
                "UUID", "s", "11111111-2222-3333-4444-555555555555", CREATE_START);
        forget(bench);
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START);
        call(bench, CREATE, "other", 2, PAYLOAD,
                "UUID", "s", "11111111222233334444555555555555", CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload']}, 1)",
                "< CreateDomain: Error.DomainExists: There is a domain 'web' already",
                "> CreateDomain('other', {Command: ['/bin/payload'], UUID: UUID of web}, 1)",
                "< CreateDomain: Error.DomainExists: UUID: there is a domain of this UUID already");
}

/* Two paths may mean one unit. */
static void test_unit_of_another(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, CREATE, "other", 2, PAYLOAD,
                "CgroupPath", "s", ":vmm:web", CREATE_START);
        expect(bench,
                "> CreateDomain('other', {Command: ['/bin/payload'], CgroupPath: ':vmm:web'}, 1)",
                "+ domain/other",
                "DomainAdded('other', domain/other)",
                "+ job/2",
                "JobNew(2, job/2, 'other', 'create')",
                "fork 102: /bin/payload as root",
                "kill 102 SIGKILL",
                "job/2: Phase 'undoing'",
                "other: Leader 102, Job job/2",
                "end 102 by SIGKILL",
                "other: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'other', 'create', 'failed')",
                "other: State 'inactive', StateReason 'could not be created'",
                "other.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/other",
                "DomainRemoved('other', domain/other)",
                "< CreateDomain: Error.DomainExists: CgroupPath: another domain lives in vmm-web.scope");
}

static void create_autodestroy(Bench *bench) {
        create_as(bench, ":1.9", "web", CREATE_START | CREATE_AUTODESTROY);
}

static void test_autodestroy(Bench *bench, gconstpointer data) {
        create_autodestroy(bench);
        forget(bench);
        caller_leaves(bench, ":1.8");
        expect_nothing(bench);
        caller_leaves(bench, ":1.9");
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

/* The caller may have left while the request was on its way. */
static void test_autodestroy_late(Bench *bench, gconstpointer data) {
        systemd_holds("StartTransientUnit");
        create_autodestroy(bench);
        forget(bench);
        caller_leaves(bench, ":1.9");
        expect(bench,
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
                "end 101 with status 127",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {ExitCode: 127})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        systemd_goes_on("StartTransientUnit");
        expect(bench,
                "systemd discard vmm-web.scope");
        expect_empty(bench);
}

static void test_autodestroy_ended(Bench *bench, gconstpointer data) {
        create_autodestroy(bench);
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        expect_empty(bench);
        caller_leaves(bench, ":1.9");
        expect_nothing(bench);
}

static void test_limit(Bench *bench, gconstpointer data) {
        create(bench, "one", CREATE_START);
        bench->manager->settings->domains_max = 1;
        call(bench, CREATE, "two", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('two', {Command: ['/bin/payload']}, 1)",
                "< CreateDomain: Error.LimitExceeded: There are 1 domains already (MaxDomains=)");
}

static void test_limit_per_user(Bench *bench, gconstpointer data) {
        caller_is(bench, ":1.7", 1000);
        bench->polkit = POLKIT_YES;
        bench->manager->settings->domains_per_user_max = 1;
        create(bench, "roots", CREATE_START);
        create_as(bench, ":1.7", "hers", CREATE_START);
        forget(bench);
        create_as(bench, ":1.7", "another", CREATE_START);
        expect(bench,
                "> CreateDomain('another', {Command: ['/bin/payload']}, 1)",
                "polkit? :1.7: create, domain another uuid - slice machine.slice owner - verb CreateDomain",
                "< CreateDomain: Error.LimitExceeded: User 1000 has 1 domains already (MaxDomainsPerUser=)");
        create(bench, "roots-too", CREATE_START);
}

static void test_cancel(Bench *bench, gconstpointer data) {
        systemd_holds("FreezeUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_PAUSED);
        forget(bench);
        call(bench, "job/1", "Cancel", NULL);
        expect(bench,
                "> job/1.Cancel()",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "kill 101 SIGKILL",
                "job/1: Phase 'undoing'",
                "end 101 by SIGKILL",
                "web: Leader 0, Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'canceled')",
                "web: State 'inactive', StateReason 'could not be created'",
                "web.StateChanged('starting', 'inactive', 'could not be created', {Signal: 9})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< CreateDomain: Error.Canceled: The create of 'web' was canceled",
                "< job/1.Cancel()");
        expect_empty(bench);
}

/* The start of one waits for systemd; the other does not wait for it. */
static void test_side_by_side(Bench *bench, gconstpointer data) {
        systemd_holds("StartTransientUnit vmm-slow.scope");
        call(bench, CREATE, "slow", 1, PAYLOAD, CREATE_START);
        call(bench, CREATE, "fast", 1, PAYLOAD, CREATE_START);
        expect(bench,
                "> CreateDomain('slow', {Command: ['/bin/payload']}, 1)",
                "+ domain/slow",
                "DomainAdded('slow', domain/slow)",
                "+ job/1",
                "JobNew(1, job/1, 'slow', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit vmm-slow.scope in machine.slice: 101 TimeoutStop=21600ms "
                        "'slow' OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "slow: Leader 101, Job job/1",
                "> CreateDomain('fast', {Command: ['/bin/payload']}, 1)",
                "+ domain/fast",
                "DomainAdded('fast', domain/fast)",
                "+ job/2",
                "JobNew(2, job/2, 'fast', 'create')",
                "fork 102: /bin/payload as root",
                "systemd StartTransientUnit vmm-fast.scope in machine.slice: 102 TimeoutStop=21600ms "
                        "'fast' OOMPolicy='continue' DevicePolicy='closed'",
                "job/2: Phase 'starting the scope'",
                "fast: Leader 102, Job job/2",
                "systemd Get vmm-fast.scope InvocationID",
                "release 102",
                "job/2: Phase 'executing'",
                "fast: ControlGroup '/machine.slice/vmm-fast.scope', StartTimestamp set",
                "fast: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "fast: State 'running', StateReason 'created', Running true, Job /",
                "fast.StateChanged('starting', 'running', 'created', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'fast', 'create', 'done')",
                "< CreateDomain(domain/fast)");
        systemd_goes_on("StartTransientUnit vmm-slow.scope");
        expect(bench,
                "systemd Get vmm-slow.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "slow: ControlGroup '/machine.slice/vmm-slow.scope', StartTimestamp set",
                "slow: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "slow: State 'running', StateReason 'created', Running true, Job /",
                "slow.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'slow', 'create', 'done')",
                "< CreateDomain(domain/slow)");
}

/* What runs there goes on without the daemon; who still waits is told. */
static void test_daemon_ends(Bench *bench, gconstpointer data) {
        g_autofree char *left = NULL;

        create(bench, "web", CREATE_START);
        create_qemu(bench, "vm", CREATE_START);
        systemd_holds("FreezeUnit vmm-web.scope");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        bench_stop(bench);
        expect(bench,
                "systemd ThawUnit vmm-web.scope",
                "web: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'pause', 'canceled')",
                "< web.Pause: Error.Canceled: The pause of 'web' was ended: the manager is ending");
        left = host_leftovers();
        g_assert_cmpstr(left, ==, "scope vmm-web.scope\nscope vmm-vm.scope\nprocess 101\nprocess 102\n");
}

/* A user's machine is the user's, but root's own is not root. */
static void test_qemu_of_user(Bench *bench, gconstpointer data) {
        caller_is(bench, ":1.1", geteuid());
        call(bench, CREATE, "vm", 2, QEMU, CREATE_START);
        g_assert_nonnull(
                strstr(bench->transcript->str, geteuid() == 0 ? " as vmmanager-qemu\n" : " as we are\n"));
        forget(bench);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/create/paused", test_paused);
        BENCH_TEST("/create/start", test_start);
        BENCH_TEST("/create/qemu-paused", test_qemu_paused);
        BENCH_TEST("/create/qemu-start", test_qemu_start);
        BENCH_TEST("/create/scope", test_scope);
        BENCH_TEST("/create/user", test_user);
        BENCH_TEST("/create/exists", test_exists);
        BENCH_TEST("/create/unit-of-another", test_unit_of_another);
        BENCH_TEST("/create/autodestroy", test_autodestroy);
        BENCH_TEST("/create/autodestroy-late", test_autodestroy_late);
        BENCH_TEST("/create/autodestroy-ended", test_autodestroy_ended);
        BENCH_TEST("/create/limit", test_limit);
        BENCH_TEST("/create/limit-per-user", test_limit_per_user);
        BENCH_TEST("/create/cancel", test_cancel);
        BENCH_TEST("/create/side-by-side", test_side_by_side);
        BENCH_TEST("/create/daemon-ends", test_daemon_ends);
        g_test_add("/create/qemu-of-user", Bench, "user", bench_setup, test_qemu_of_user, bench_teardown);
        return g_test_run();
}
