/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domains whose control group was delegated: the groups of a virtual machine's threads, what can be done to
 * its vCPUs, and payloads that freeze groups of their own. */

#include <errno.h>
#include <string.h>

#include "bench.h"
#include "config/resource-value.h"

#define MACHINE QEMU, "VCPUs", "u", 2, "Delegate", "b", 1   /* four keys */
#define VCPU(index, thread) "{\"cpu-index\": " index ", \"x\": {}, \"thread-id\": " thread "}"
#define THREADS "[" VCPU("1", "1102") ", " VCPU("0", "1101") "]"

static void begin_machine(Bench *bench, uint64_t flags) {
        monitor_returns("query-cpus-fast", THREADS);
        call(bench, CREATE, "vm", 4, MACHINE, flags);
}

static void create_machine(Bench *bench, uint64_t flags) {
        begin_machine(bench, flags);
        g_assert_cmpstr(bench->answer, ==, "(domain/vm)");
        forget(bench);
}

static void pin(Bench *bench, const char *domain, uint32_t vcpu, size_t n, const uint32_t *cpus) {
        sd_bus_message *m = message_new(bench, domain, "PinVCPU");

        message_append(m, "u", vcpu);
        g_assert_cmpint(sd_bus_message_append_array(m, 'u', cpus, n * sizeof *cpus), >=, 0);
        message_send(bench, m);
}

#define pin_to(bench, domain, vcpu, ...)                                                                    \
        pin(bench, domain, vcpu, sizeof((uint32_t[]) {__VA_ARGS__}) / sizeof(uint32_t),                     \
                (const uint32_t[]) {__VA_ARGS__})

/* ---- The layout. ---- */

static void test_layout(Bench *bench, gconstpointer data) {
        begin_machine(bench, CREATE_START);
        call(bench, "vm", "GetVCPUs", NULL);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', VCPUs: 2, Delegate: "
                        "true}, 1)",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/1",
                "JobNew(1, job/1, 'vm', 'create')",
                "fork 101: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm.scope in machine.slice: 101 Delegate "
                        "TimeoutStop=43200ms 'vm' MemoryMax=421527552 "
                        "OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] "
                        "DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', 'rw'), "
                        "('/dev/char/10:196', 'rw')]",
                "job/1: Phase 'starting the scope'",
                "vm: Leader 101, Job job/1",
                "systemd Get vmm-vm.scope InvocationID",
                "group make vmm-vm.scope/vmm",
                "group make vmm-vm.scope/vcpu0",
                "group make vmm-vm.scope/vcpu1",
                "group controller vmm-vm.scope: cpu",
                "group controller vmm-vm.scope: cpuset",
                "group process vmm-vm.scope/vmm: 101",
                "release 101",
                "job/1: Phase 'executing'",
                "vm: ControlGroup '/machine.slice/vmm-vm.scope', StartTimestamp set",
                "vm: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "job/1: Phase 'connecting'",
                "job/1: Phase 'placing the vCPUs'",
                "qemu query-cpus-fast",
                "group thread vmm-vm.scope/vcpu0: 1101",
                "group thread vmm-vm.scope/vcpu1: 1102",
                "job/1: Phase 'continuing the guest'",
                "qemu cont",
                "vm: State 'running', StateReason 'created', Running true, Job /",
                "vm.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'done')",
                "< CreateDomain(domain/vm)",
                "> vm.GetVCPUs()",
                "< vm.GetVCPUs([(0, 1101, [0, 1, 2, 3], 100, 7000000), (1, 1102, [0, 1, 2, 3], 100, "
                        "7000000)])");
}

/* It stands before the scope is frozen for the first time. */
static void test_layout_paused(Bench *bench, gconstpointer data) {
        begin_machine(bench, CREATE_PAUSED);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', VCPUs: 2, Delegate: "
                        "true}, 0)",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/1",
                "JobNew(1, job/1, 'vm', 'create')",
                "fork 101: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm.scope in machine.slice: 101 Delegate "
                        "TimeoutStop=43200ms 'vm' MemoryMax=421527552 "
                        "OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] "
                        "DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', 'rw'), "
                        "('/dev/char/10:196', 'rw')]",
                "job/1: Phase 'starting the scope'",
                "vm: Leader 101, Job job/1",
                "systemd Get vmm-vm.scope InvocationID",
                "group make vmm-vm.scope/vmm",
                "group make vmm-vm.scope/vcpu0",
                "group make vmm-vm.scope/vcpu1",
                "group controller vmm-vm.scope: cpu",
                "group controller vmm-vm.scope: cpuset",
                "group process vmm-vm.scope/vmm: 101",
                "release 101",
                "job/1: Phase 'executing'",
                "vm: ControlGroup '/machine.slice/vmm-vm.scope', StartTimestamp set",
                "vm: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "job/1: Phase 'connecting'",
                "job/1: Phase 'placing the vCPUs'",
                "qemu query-cpus-fast",
                "group thread vmm-vm.scope/vcpu0: 1101",
                "group thread vmm-vm.scope/vcpu1: 1102",
                "systemd FreezeUnit vmm-vm.scope",
                "job/1: Phase 'freezing'",
                "vm: State 'paused', StateReason 'created', Paused true, FreezerState 'frozen', "
                        "PauseReasons ['user'], Job /",
                "vm.StateChanged('starting', 'paused', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'done')",
                "< CreateDomain(domain/vm)");
}

/* Without the controllers the layout is there all the same. */
static void test_no_controllers(Bench *bench, gconstpointer data) {
        host_lacks("cpu");
        host_lacks("cpuset");
        create_machine(bench, CREATE_START);
        call(bench, "vm", "GetVCPUs", NULL);
        pin_to(bench, "vm", 0, 1);
        call(bench, "vm", "WeighVCPU", "ut", 0, UINT64_C(200));
        expect(bench,
                "> vm.GetVCPUs()",
                "< vm.GetVCPUs([(0, 1101, [0, 1], 0, 7000000), (1, 1102, [0, 1], 0, 7000000)])",
                "> vm.PinVCPU(0, [1])",
                "< vm.PinVCPU: Error.NotSupported: Cannot pin vCPUs of 'vm': its control group has no "
                        "controller 'cpuset'",
                "> vm.WeighVCPU(0, 200)",
                "< vm.WeighVCPU: Error.NotSupported: Cannot weigh vCPUs of 'vm': its control group has no "
                        "controller 'cpu'");
}

/* Any of it failing is the end of the creation, and nothing is left. */
static void test_layout_fails(Bench *bench, gconstpointer data) {
        static const struct {
                const char *call;
                int error;
                const char *name, *text;
        } rows[] = {
                {"group make vmm-vm.scope/vmm", -EOPNOTSUPP, "Error.NotSupported",
                        "make 'vmm' in the control group of 'vm': Operation not supported"},
                {"group make vmm-vm.scope/vcpu1", -ENOSPC, "Failed",
                        "make 'vcpu1' in the control group of 'vm': No space left on device"},
                {"group controller vmm-vm.scope: cpuset", -EBUSY, "Failed",
                        "have the controller 'cpuset' in the control group of 'vm': Device or resource "
                        "busy"},
                {"group process", -EACCES, "Failed",
                        "move QEMU to 'vmm' in the control group of 'vm': Permission denied"},
                {"group process", 0, "Failed",
                        "move QEMU to 'vmm' in the control group of 'vm': it did not get there"},
                {"group thread vmm-vm.scope/vcpu1", -ESRCH, "Failed",
                        "move thread 1102 to 'vcpu1' in the control group of 'vm': No such process"},
                {"group thread vmm-vm.scope/vcpu1", 0, "Failed",
                        "move thread 1102 to 'vcpu1' in the control group of 'vm': it did not get there"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *answer =
                        g_strdup_printf(": %s: Delegate: cannot %s", rows[i].name, rows[i].text);

                group_call_fails(rows[i].call, rows[i].error);
                begin_machine(bench, CREATE_START);
                g_assert_cmpstr(bench->answer, ==, answer);
                expect_empty(bench);
                forget(bench);
        }
}

/* What QEMU says of its threads is not believed blindly. */
static void test_odd_threads(Bench *bench, gconstpointer data) {
        static const char *const odd =
                ": Error.MonitorFailed: QEMU does not tell a thread for each of 2 vCPUs";
        static const struct {
                const char *value, *answer;
        } rows[] = {
                {"{}", NULL},
                {"[]", NULL},
                {"[" VCPU("0", "1101") "]", NULL},
                {"[" VCPU("0", "1101") ", 7]", NULL},
                {"[" VCPU("0", "1101") ", {\"cpu-index\": 1}]", NULL},
                {"[" VCPU("0", "1101") ", {\"thread-id\": 1102}]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("0", "1102") "]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("2", "1102") "]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("-1", "1102") "]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("1", "0") "]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("1", "\"1102\"") "]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("1", "4294967297") "]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("1", "1102") ", " VCPU("2", "1103") "]", NULL},
                {"[" VCPU("0", "1101") ", " VCPU("1", "1101") "]",
                        ": Error.NotSupported: Delegate: QEMU runs several vCPUs in one thread here"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                monitor_returns("query-cpus-fast", rows[i].value);
                call(bench, CREATE, "vm", 4, MACHINE, CREATE_START);
                g_assert_cmpstr(bench->answer, ==, rows[i].answer ? rows[i].answer : odd);
                expect_empty(bench);
                forget(bench);
        }
}

/* Nobody pins what is not placed; a creation that is ended meanwhile leaves nothing. */
static void test_while_starting(Bench *bench, gconstpointer data) {
        monitor_does("query-cpus-fast", MONITOR_WAITS);
        begin_machine(bench, CREATE_START);
        forget(bench);
        call(bench, "vm", "GetVCPUs", NULL);
        pin_to(bench, "vm", 0, 1);
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> vm.GetVCPUs()",
                "< vm.GetVCPUs: Error.Busy: Cannot show vCPUs of 'vm': job 1 (create) is in progress",
                "> vm.PinVCPU(0, [1])",
                "< vm.PinVCPU: Error.Busy: Cannot pin vCPUs of 'vm': job 1 (create) is in progress",
                "> vm.Destroy(4)",
                "vm: Job /",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'canceled')",
                "< CreateDomain: Error.Canceled: The create of 'vm' was ended: the domain is being stopped",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Dying true, Job job/2",
                "vm.StateChanged('starting', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/2: Phase 'SIGKILL', DeadlineUSec set",
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

/* ---- vCPUs. ---- */

static void test_pin(Bench *bench, gconstpointer data) {
        create_machine(bench, CREATE_START);
        pin_to(bench, "vm", 1, 3, 1, 2, 3);
        call(bench, "vm", "WeighVCPU", "ut", 0, UINT64_C(10000));
        call(bench, "vm", "Pause", NULL);
        forget(bench);
        pin_to(bench, "vm", 0, 0);
        call(bench, "vm", "GetVCPUs", NULL);
        pin(bench, "vm", 1, 0, NULL);
        call(bench, "vm", "GetVCPUs", NULL);
        expect(bench,
                "> vm.PinVCPU(0, [0])",
                "group pin vmm-vm.scope/vcpu0: '0'",
                "< vm.PinVCPU()",
                "> vm.GetVCPUs()",
                "< vm.GetVCPUs([(0, 1101, [0], 10000, 7000000), (1, 1102, [1, 2, 3], 100, 7000000)])",
                "> vm.PinVCPU(1, [])",
                "group pin vmm-vm.scope/vcpu1: ''",
                "< vm.PinVCPU()",
                "> vm.GetVCPUs()",
                "< vm.GetVCPUs([(0, 1101, [0], 10000, 7000000), (1, 1102, [0, 1, 2, 3], 100, 7000000)])");
}

static void test_refused(Bench *bench, gconstpointer data) {
        create_machine(bench, CREATE_START);
        scopes_may_use("0-1");
        pin_to(bench, "vm", 2, 0);
        pin_to(bench, "vm", UINT32_MAX, 0);
        pin_to(bench, "vm", 0, 0, 4);
        pin_to(bench, "vm", 0, UINT32_MAX);
        pin_to(bench, "vm", 0, RESOURCE_CPUS_MAX);
        pin_to(bench, "vm", 0, 1, 2);
        call(bench, "vm", "WeighVCPU", "ut", 2, UINT64_C(100));
        call(bench, "vm", "WeighVCPU", "ut", 0, UINT64_C(0));
        call(bench, "vm", "WeighVCPU", "ut", 0, UINT64_C(10001));
        expect(bench,
                "> vm.PinVCPU(2, [0])",
                "< vm.PinVCPU: InvalidArgs: vcpu: 'vm' has no vCPU 2",
                "> vm.PinVCPU(4294967295, [0])",
                "< vm.PinVCPU: InvalidArgs: vcpu: 'vm' has no vCPU 4294967295",
                "> vm.PinVCPU(0, [0, 4])",
                "< vm.PinVCPU: InvalidArgs: cpus: this host has no CPU 4 online",
                "> vm.PinVCPU(0, [4294967295])",
                "< vm.PinVCPU: InvalidArgs: cpus: this host has no CPU 4294967295 online",
                "> vm.PinVCPU(0, [8192])",
                "< vm.PinVCPU: InvalidArgs: cpus: this host has no CPU 8192 online",
                "> vm.PinVCPU(0, [1, 2])",
                "< vm.PinVCPU: InvalidArgs: cpus: CPU 2 is not for 'vm', whose scope may use 0-1",
                "> vm.WeighVCPU(2, 100)",
                "< vm.WeighVCPU: InvalidArgs: vcpu: 'vm' has no vCPU 2",
                "> vm.WeighVCPU(0, 0)",
                "< vm.WeighVCPU: InvalidArgs: weight: 0 is not between 1 and 10000",
                "> vm.WeighVCPU(0, 10001)",
                "< vm.WeighVCPU: InvalidArgs: weight: 10001 is not between 1 and 10000");
}

static void test_not_for_all(Bench *bench, gconstpointer data) {
        create_qemu(bench, "closed", CREATE_START);
        call(bench, CREATE, "web", 2, PAYLOAD, "Delegate", "b", 1, CREATE_START);
        forget(bench);
        pin_to(bench, "closed", 0, 0);
        call(bench, "closed", "GetVCPUs", NULL);
        call(bench, "web", "WeighVCPU", "ut", 0, UINT64_C(100));
        call(bench, "web", "GetVCPUs", NULL);
        expect(bench,
                "> closed.PinVCPU(0, [0])",
                "< closed.PinVCPU: Error.NotSupported: Cannot pin vCPUs of 'closed': it was not created "
                        "with Delegate=yes",
                "> closed.GetVCPUs()",
                "< closed.GetVCPUs: Error.NotSupported: Cannot show vCPUs of 'closed': it was not created "
                        "with Delegate=yes",
                "> web.WeighVCPU(0, 100)",
                "< web.WeighVCPU: Error.NotSupported: Cannot weigh vCPUs of 'web': it is not a virtual "
                        "machine",
                "> web.GetVCPUs()",
                "< web.GetVCPUs: Error.NotSupported: Cannot show vCPUs of 'web': it is not a virtual "
                        "machine");
}

/* What the kernel refuses, or takes without doing it, is as it was before. */
static void test_kernel_refuses(Bench *bench, gconstpointer data) {
        create_machine(bench, CREATE_START);
        pin_to(bench, "vm", 0, 2, 3);
        forget(bench);
        group_call_fails("group pin vmm-vm.scope/vcpu0: '0'", -EINVAL);
        pin_to(bench, "vm", 0, 0);
        group_call_fails("group pin vmm-vm.scope/vcpu0: '0'", 0);
        pin_to(bench, "vm", 0, 0);
        group_call_fails("group weigh vmm-vm.scope/vcpu0: 7", -EINVAL);
        call(bench, "vm", "WeighVCPU", "ut", 0, UINT64_C(7));
        group_call_fails("group weigh vmm-vm.scope/vcpu0: 7", 0);
        call(bench, "vm", "WeighVCPU", "ut", 0, UINT64_C(7));
        call(bench, "vm", "GetVCPUs", NULL);
        expect(bench,
                "> vm.PinVCPU(0, [0])",
                "group pin vmm-vm.scope/vcpu0: '0'",
                "group pin vmm-vm.scope/vcpu0: '2-3'",
                "< vm.PinVCPU: Failed: The pinning of vCPU 0 of 'vm' is still 2-3: Invalid argument",
                "> vm.PinVCPU(0, [0])",
                "group pin vmm-vm.scope/vcpu0: '0'",
                "group pin vmm-vm.scope/vcpu0: '2-3'",
                "< vm.PinVCPU: Failed: The pinning of vCPU 0 of 'vm' is still 2-3: the kernel did not take "
                        "it",
                "> vm.WeighVCPU(0, 7)",
                "group weigh vmm-vm.scope/vcpu0: 7",
                "group weigh vmm-vm.scope/vcpu0: 100",
                "< vm.WeighVCPU: Failed: The weight of vCPU 0 of 'vm' is still 100: Invalid argument",
                "> vm.WeighVCPU(0, 7)",
                "group weigh vmm-vm.scope/vcpu0: 7",
                "group weigh vmm-vm.scope/vcpu0: 100",
                "< vm.WeighVCPU: Failed: The weight of vCPU 0 of 'vm' is still 100: the kernel did not "
                        "take it",
                "> vm.GetVCPUs()",
                "< vm.GetVCPUs([(0, 1101, [2, 3], 100, 7000000), (1, 1102, [0, 1, 2, 3], 100, 7000000)])");
}

/* Whoever stops the scope from then on is systemd alone, which shall find it as it knows it. */
static void test_release(Bench *bench, gconstpointer data) {
        create_machine(bench, CREATE_START);
        group_call_fails("group remove vmm-vm.scope/vcpu1", -EBUSY);
        call(bench, "vm", "Release", NULL);
        expect(bench,
                "> vm.Release()",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'release')",
                "systemd AbandonScope vmm-vm.scope",
                "job/2: Phase 'abandoning the scope'",
                "vm: Job job/2",
                "group process vmm-vm.scope: 101",
                "group remove vmm-vm.scope/vcpu0",
                "group remove vmm-vm.scope/vcpu1",
                "group remove vmm-vm.scope/vmm",
                "vm: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'release', 'done')",
                "vm: State 'inactive', StateReason 'released', Running false",
                "vm.StateChanged('running', 'inactive', 'released', {})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Release()");
}

/* ---- Others in the scope. ---- */

static void test_add(Bench *bench, gconstpointer data) {
        create_machine(bench, CREATE_START);
        process_runs(200, 0);
        group_is_there("vmm-vm.scope", "helpers");
        call(bench, "vm", "AddProcess", "us", (uint32_t) 200, "vmm");
        call(bench, "vm", "AddProcess", "us", (uint32_t) 200, "/vcpu1");
        call(bench, "vm", "AddProcess", "us", (uint32_t) 200, "vcpu77/below");
        call(bench, "vm", "AddProcess", "us", (uint32_t) 200, "plain");
        expect(bench,
                "> vm.AddProcess(200, 'vmm')",
                "< vm.AddProcess: InvalidArgs: subgroup: '/vmm' is for the threads of the virtual machine "
                        "'vm'",
                "> vm.AddProcess(200, '/vcpu1')",
                "< vm.AddProcess: InvalidArgs: subgroup: '/vcpu1' is for the threads of the virtual "
                        "machine 'vm'",
                "> vm.AddProcess(200, 'vcpu77/below')",
                "< vm.AddProcess: InvalidArgs: subgroup: '/vcpu77/below' is for the threads of the virtual "
                        "machine 'vm'",
                "> vm.AddProcess(200, 'plain')",
                "< vm.AddProcess: Error.NotSupported: subgroup: '/plain' is not threaded, and the kernel "
                        "lets nobody into such a group beside those of the vCPUs of 'vm'");
        call(bench, "vm", "AddProcess", "us", (uint32_t) 200, "/");
        process_runs(201, 0);
        call(bench, "vm", "AddProcess", "us", (uint32_t) 201, "helpers");
        expect(bench,
                "> vm.AddProcess(200, '/')",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'add')",
                "systemd AttachProcessesToUnit vmm-vm.scope /: 200",
                "vm: Job job/2",
                "vm: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'add', 'done')",
                "< vm.AddProcess()",
                "> vm.AddProcess(201, 'helpers')",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'add')",
                "systemd AttachProcessesToUnit vmm-vm.scope /helpers: 201",
                "vm: Job job/3",
                "vm: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'add', 'done')",
                "< vm.AddProcess()");
}

/* ---- Payloads with groups of their own. ---- */

static void test_frozen_below(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 2, PAYLOAD, "Delegate", "b", 1, CREATE_START);
        call(bench, "web", "Pause", NULL);
        scope_freezes_below("vmm-web.scope", "/a/b\n");
        forget(bench);
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
                "web: Warnings ['Resumed, but the payload itself has frozen its control group '/a/b\\x0a', "
                        "which still is']",
                "web.Warning('Resumed, but the payload itself has frozen its control group '/a/b\\x0a', "
                        "which still is')",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'resume', 'done')",
                "< web.Resume()");
        call(bench, "web", "Pause", NULL);
        scope_freezes_below("vmm-web.scope", NULL);
        forget(bench);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "+ job/5",
                "JobNew(5, job/5, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/5",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-web.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/5",
                "JobRemoved(5, job/5, 'web', 'resume', 'done')",
                "< web.Resume()");
}

/* Neither signal is heard there; the refusal says where. */
static void test_frozen_below_left(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 2, PAYLOAD, "Delegate", "b", 1, CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        scope_freezes_below("vmm-web.scope", "/a");
        call(bench, "web", "Stop", "a(st)t", 1, "TERM", UINT64_C(5000000), UINT64_C(0));
        time_is_up(bench, "web", UINT64_C(5000000));
        g_assert_cmpstr(bench->answer, ==,
                ": Error.StopTimeout: 'web' was not stopped by SIGTERM and is still there; PIDs left: 101; "
                "the payload itself has frozen '/a'");
}

/* The group belongs to whom the payload runs as, not to root. */
static void test_owner(Bench *bench, gconstpointer data) {
        sd_bus_message *m;

        caller_is(bench, ":1.7", 1000);
        bench->polkit = POLKIT_YES;
        m = message_new_as(bench, ":1.7", "manager", "CreateDomain");
        message_append(m, "sa{sv}t", "hers", 2, PAYLOAD, "Delegate", "b", 1, CREATE_START);
        message_send(bench, m);
        g_assert_nonnull(strstr(bench->transcript->str,
                "systemd StartTransientUnit vmm-hers.scope in machine.slice: 101 Delegate User=1000 "));
        forget(bench);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/delegate/layout", test_layout);
        BENCH_TEST("/delegate/layout-paused", test_layout_paused);
        BENCH_TEST("/delegate/no-controllers", test_no_controllers);
        BENCH_TEST("/delegate/layout-fails", test_layout_fails);
        BENCH_TEST("/delegate/odd-threads", test_odd_threads);
        BENCH_TEST("/delegate/while-starting", test_while_starting);
        BENCH_TEST("/delegate/pin", test_pin);
        BENCH_TEST("/delegate/refused", test_refused);
        BENCH_TEST("/delegate/not-for-all", test_not_for_all);
        BENCH_TEST("/delegate/kernel-refuses", test_kernel_refuses);
        BENCH_TEST("/delegate/release", test_release);
        BENCH_TEST("/delegate/add", test_add);
        BENCH_TEST("/delegate/owner", test_owner);
        BENCH_TEST("/delegate/frozen-below", test_frozen_below);
        BENCH_TEST("/delegate/frozen-below-left", test_frozen_below_left);
        return g_test_run();
}
