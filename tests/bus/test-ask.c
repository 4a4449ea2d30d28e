/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a virtual machine and its guest are asked while they run. */

#include <signal.h>

#include "bench.h"
#include "core/guest.h"

#define MIB (UINT64_C(1) << 20)
#define NOWAIT UINT64_C(2)
#define A_WHILE UINT64_C(5000000)

static void test_sent(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "Reset", NULL);
        call(bench, "vm", "InjectNMI", NULL);
        call(bench, "vm", "SendSysRq", "s", "b");
        call(bench, "vm", "SendKeys", "asu", 2, "ctrl", "c", 50);
        expect(bench,
                "> vm.Reset()",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"poweroff\",\"panic\":\"shutdown\"}",
                "qemu system_reset",
                "< vm.Reset()",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"poweroff\",\"panic\":\"shutdown\"}",
                "> vm.InjectNMI()",
                "qemu inject-nmi",
                "< vm.InjectNMI()",
                "> vm.SendSysRq('b')",
                "qemu send-key "
                        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"alt\"},{\"type\":\"qcode\","
                        "\"data\":\"sysrq\"},{\"type\":\"qcode\",\"data\":\"b\"}]}",
                "< vm.SendSysRq()",
                "> vm.SendKeys(['ctrl', 'c'], 50)",
                "qemu send-key "
                        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"ctrl\"},{\"type\":\"qcode\","
                        "\"data\":\"c\"}],\"hold-time\":50}",
                "< vm.SendKeys()");
}

static void test_refused(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("system_reset", MONITOR_REFUSES);
        call(bench, "vm", "Reset", NULL);
        call(bench, "vm", "SendSysRq", "s", "bb");
        call(bench, "vm", "SendKeys", "asu", 1, "%n", 0);
        call(bench, "vm", "SendKeys", "asu", 0, 0);
        expect(bench,
                "> vm.Reset()",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"poweroff\",\"panic\":\"shutdown\"}",
                "qemu system_reset",
                "< vm.Reset: Error.MonitorFailed: QEMU refused 'system_reset' with 'not now'",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"poweroff\",\"panic\":\"shutdown\"}",
                "> vm.SendSysRq('bb')",
                "< vm.SendSysRq: InvalidArgs: key: 'bb' is not a SysRq key of the kernel",
                "> vm.SendKeys(['%n'], 0)",
                "< vm.SendKeys: InvalidArgs: keys: there is no key '%n'",
                "> vm.SendKeys([], 0)",
                "< vm.SendKeys: InvalidArgs: keys: 0 are not from 1 to 16");
}

/* While a job goes on a guest can be looked at and poked, but not be changed; one that is frozen cannot. */
static void test_meanwhile(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "vm", "Stop", "a(st)t", 1, "TERM", A_WHILE, NOWAIT);
        forget(bench);
        call(bench, "vm", "SendSysRq", "s", "t");
        call(bench, "vm", "Reset", NULL);
        call(bench, "vm", "SetMemory", "t", 64 * MIB);
        expect(bench,
                "> vm.SendSysRq('t')",
                "qemu send-key "
                        "{\"keys\":[{\"type\":\"qcode\",\"data\":\"alt\"},{\"type\":\"qcode\","
                        "\"data\":\"sysrq\"},{\"type\":\"qcode\",\"data\":\"t\"}]}",
                "< vm.SendSysRq()",
                "> vm.Reset()",
                "< vm.Reset: Error.Busy: Cannot reset 'vm': job 2 (stop) is in progress",
                "> vm.SetMemory(67108864)",
                "< vm.SetMemory: Error.Busy: Cannot change the memory of 'vm': job 2 (stop) is in progress");
}

static void test_paused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        create_qemu(bench, "vm", CREATE_PAUSED);
        call(bench, "vm", "SendSysRq", "s", "t");
        call(bench, "vm", "GetStats", NULL);
        call(bench, "web", "SendSysRq", "s", "t");
        call(bench, "web", "SetMaxMemory", "t", 64 * MIB);
        expect(bench,
                "> vm.SendSysRq('t')",
                "< vm.SendSysRq: Error.NotRunning: Cannot send a SysRq key to 'vm': it is paused",
                "> vm.GetStats()",
                "< vm.GetStats({UpTimeUSec: set, CPUUsageNSec: 1000000, MemoryCurrent: 4096, TasksCurrent: "
                        "1})",
                "> web.SendSysRq('t')",
                "< web.SendSysRq: Error.NotSupported: Cannot send a SysRq key to 'web': it is not a "
                        "virtual machine",
                "> web.SetMaxMemory(67108864)",
                "< web.SetMaxMemory: Error.NotSupported: Cannot change the memory of 'web': it is not a "
                        "virtual machine");
}

/* Whoever waits is told when the domain ends. */
static void test_ends(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("system_reset", MONITOR_WAITS);
        monitor_does("add-fd", MONITOR_WAITS);
        monitor_does("qom-get", MONITOR_WAITS);
        call(bench, "vm", "Reset", NULL);
        call(bench, "vm", "Screenshot", NULL);
        call(bench, "vm", "GetStats", NULL);
        forget(bench);
        process_dies(FAKE_PID_FIRST, SIGKILL);
        expect(bench,
                "< vm.Reset: Error.MonitorFailed: QEMU closed its monitor",
                "< vm.Screenshot: Error.MonitorFailed: QEMU closed its monitor",
                "< vm.GetStats({UpTimeUSec: set, CPUUsageNSec: 1000000, MemoryCurrent: 4096, TasksCurrent: "
                        "1})",
                "end 101 by SIGKILL",
                "vm: State 'inactive', StateReason 'killed by SIGKILL', Running false, Crashed true, "
                        "Leader 0",
                "vm.StateChanged('running', 'inactive', 'killed by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

static void test_limit(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("inject-nmi", MONITOR_WAITS);
        for (unsigned i = 0; i < GUEST_ASKS_MAX; i++)
                call(bench, "vm", "InjectNMI", NULL);
        forget(bench);
        call(bench, "vm", "InjectNMI", NULL);
        call(bench, "vm", "GetStats", NULL);
        expect(bench,
                "> vm.InjectNMI()",
                "< vm.InjectNMI: Error.LimitExceeded: Cannot send an NMI to 'vm': 16 questions to it are "
                        "open already",
                "> vm.GetStats()",
                "< vm.GetStats({UpTimeUSec: set, CPUUsageNSec: 1000000, MemoryCurrent: 4096, TasksCurrent: "
                        "1})");
        for (unsigned i = 0; i < GUEST_ASKS_MAX; i++)
                monitor_goes_on("inject-nmi");
        settle(bench);
        forget(bench);
        monitor_does("inject-nmi", MONITOR_ANSWERS);
        call(bench, "vm", "InjectNMI", NULL);
        expect(bench,
                "> vm.InjectNMI()",
                "qemu inject-nmi",
                "< vm.InjectNMI()");
}

/* ---- Memory. ---- */

#define MEMORY "Memory", "t", 64 * MIB, "MaxMemory", "t", 96 * MIB   /* two keys */

static void test_memory(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 4, QEMU, MEMORY, CREATE_START);
        forget(bench);
        call(bench, "vm", "SetMemory", "t", 80 * MIB);
        call(bench, "vm", "SetMemory", "t", 97 * MIB);
        call(bench, "vm", "SetMemory", "t", 80 * MIB + 1);
        call(bench, "vm", "SetMaxMemory", "t", 79 * MIB);
        call(bench, "vm", "SetMaxMemory", "t", 97 * MIB);
        call(bench, "vm", "SetMaxMemory", "t", 88 * MIB);
        expect(bench,
                "> vm.SetMemory(83886080)",
                "qemu balloon {\"value\":83886080}",
                "vm: Memory 83886080",
                "< vm.SetMemory()",
                "> vm.SetMemory(101711872)",
                "< vm.SetMemory: Error.LimitExceeded: The memory of 'vm' has the ceiling MaxMemory, "
                        "100663296",
                "> vm.SetMemory(83886081)",
                "< vm.SetMemory: InvalidArgs: bytes: 83886081 is not a multiple of 1048576",
                "> vm.SetMaxMemory(82837504)",
                "< vm.SetMaxMemory: InvalidArgs: bytes: 82837504 is less than the Memory of 'vm', 83886080",
                "> vm.SetMaxMemory(101711872)",
                "< vm.SetMaxMemory: Error.NotSupported: 'vm' was started with 100663296 bytes of memory, "
                        "and cannot have more",
                "> vm.SetMaxMemory(92274688)",
                "vm: MaxMemory 92274688",
                "< vm.SetMaxMemory()");
        monitor_does("balloon", MONITOR_WAITS);
        call(bench, "vm", "SetMemory", "t", 88 * MIB);
        call(bench, "vm", "SetMaxMemory", "t", 80 * MIB);
        monitor_refuses("balloon");
        expect(bench,
                "> vm.SetMemory(92274688)",
                "qemu balloon {\"value\":92274688}",
                "> vm.SetMaxMemory(83886080)",
                "< vm.SetMaxMemory: InvalidArgs: bytes: 83886080 is less than the Memory of 'vm', 92274688",
                "< vm.SetMemory: Error.MonitorFailed: QEMU refused 'balloon' with 'not now'");
}

/* Before the first instruction; a monitor that will not leaves no domain. */
static void test_memory_at_start(Bench *bench, gconstpointer data) {
        monitor_does("balloon", MONITOR_REFUSES);
        call(bench, CREATE, "vm", 4, QEMU, MEMORY, CREATE_START);
        await(bench, "< CreateDomain");
        g_assert_nonnull(strstr(bench->answer, "QEMU refused 'balloon' with 'not now'"));
        expect_empty(bench);
}

/* However often it is told; what cannot be is not believed. */
static void test_memory_actual(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        for (unsigned i = 1; i <= 50; i++) {
                g_autofree char *actual = g_strdup_printf("{\"actual\": %u}", i << 20);
                monitor_tells_data("BALLOON_CHANGE", actual);
        }
        monitor_tells_data("BALLOON_CHANGE", "{\"actual\": -1}");
        monitor_tells_data("BALLOON_CHANGE", "{\"actual\": \"x\"}");
        monitor_tells_data("BALLOON_CHANGE", "{\"actual\": 1099511627776}");
        await(bench, "MemoryActual");
        expect(bench,
                "vm: MemoryActual 52428800");
}

static void test_statistics(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_returns("qom-get", "{\"last-update\": 1700000000, \"stats\": {\"stat-total-memory\": 5, "
                                   "\"stat-free-memory\": 18446744073709551615, \"stat-swap-in\": \"x\"}}");
        call(bench, "vm", "GetStats", NULL);
        monitor_returns("qom-get", "[]");
        call(bench, "vm", "GetStats", NULL);
        expect(bench,
                "> vm.GetStats()",
                "qemu qom-set "
                        "{\"path\":\"/machine/peripheral/balloon\","
                        "\"property\":\"guest-stats-polling-interval\",\"value\":2}",
                "qemu qom-get {\"path\":\"/machine/peripheral/balloon\",\"property\":\"guest-stats\"}",
                "< vm.GetStats({UpTimeUSec: set, CPUUsageNSec: 1000000, MemoryCurrent: 4096, TasksCurrent: "
                        "1, GuestStatsTimestamp: set, GuestMemoryTotal: 5})",
                "> vm.GetStats()",
                "qemu qom-get {\"path\":\"/machine/peripheral/balloon\",\"property\":\"guest-stats\"}",
                "< vm.GetStats({UpTimeUSec: set, CPUUsageNSec: 1000000, MemoryCurrent: 4096, TasksCurrent: "
                        "1, GuestStatsTimestamp: set, GuestMemoryTotal: 5})");
}

/* ---- vCPUs. ---- */

#define SLOT(core, path) "{\"type\": \"host-x86_64-cpu\", \"props\": {\"core-id\": " core "}" path "}"
#define TAKEN(name) ", \"qom-path\": \"/machine/peripheral/" name "\""
#define ONE "[" SLOT("1", "") ", " SLOT("0", TAKEN("x")) "]"
#define TWO "[" SLOT("1", TAKEN("vcpu1")) ", " SLOT("0", TAKEN("x")) "]"

static void create_vcpus(Bench *bench) {
        host_has_kvm();
        call(bench, CREATE, "vm", 2, "Kernel", "s", "/boot/vmlinuz", "MaxVCPUs", "u", 2, CREATE_START);
        monitor_returns("query-hotpluggable-cpus", ONE);
        monitor_does("device_add", MONITOR_WAITS);
        monitor_does("device_del", MONITOR_WAITS);
        forget(bench);
}

static void plug(Bench *bench) {
        call(bench, "vm", "SetVCPUs", "u", 2);
        monitor_returns("query-hotpluggable-cpus", TWO);
        monitor_goes_on("device_add");
        settle(bench);
}

static void test_vcpus(Bench *bench, gconstpointer data) {
        create_vcpus(bench);
        plug(bench);
        expect(bench,
                "> vm.SetVCPUs(2)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'set-vcpus')",
                "vm: Job job/2",
                "qemu query-hotpluggable-cpus",
                "qemu device_add {\"core-id\":1,\"driver\":\"host-x86_64-cpu\",\"id\":\"vcpu1\"}",
                "qemu query-hotpluggable-cpus",
                "vm: Job /, VCPUs 2",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'set-vcpus', 'done')",
                "< vm.SetVCPUs()");
        call(bench, "vm", "SetVCPUs", "u", 1);
        monitor_goes_on("device_del");
        settle(bench);
        monitor_tells_data("DEVICE_DELETED", "{\"path\": \"/machine/peripheral/vcpu1/lapic\"}");
        settle(bench);
        monitor_returns("query-hotpluggable-cpus", ONE);
        monitor_tells_data(
                "DEVICE_DELETED", "{\"device\": \"vcpu1\", \"path\": \"/machine/peripheral/vcpu1\"}");
        expect(bench,
                "> vm.SetVCPUs(1)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'set-vcpus')",
                "vm: Job job/3",
                "qemu query-hotpluggable-cpus",
                "qemu device_del {\"id\":\"/machine/peripheral/vcpu1\"}",
                "qemu query-hotpluggable-cpus",
                "vm: Job /, VCPUs 1",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'set-vcpus', 'done')",
                "< vm.SetVCPUs()");
}

/* What the guest does not give back it keeps, and that is told. */
static void test_vcpus_kept(Bench *bench, gconstpointer data) {
        create_vcpus(bench);
        plug(bench);
        forget(bench);
        call(bench, "vm", "SetVCPUs", "u", 1);
        monitor_goes_on("device_del");
        await(bench, "< vm.SetVCPUs");
        expect(bench,
                "> vm.SetVCPUs(1)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'set-vcpus')",
                "vm: Job job/3",
                "qemu query-hotpluggable-cpus",
                "qemu device_del {\"id\":\"/machine/peripheral/vcpu1\"}",
                "vm: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'set-vcpus', 'failed')",
                "< vm.SetVCPUs: Error.GuestTimeout: The guest of 'vm' does not give a vCPU back: it has 2");
        call(bench, "vm", "SetVCPUs", "u", 1);
        monitor_refuses("device_del");
        expect(bench,
                "> vm.SetVCPUs(1)",
                "+ job/4",
                "JobNew(4, job/4, 'vm', 'set-vcpus')",
                "vm: Job job/4",
                "qemu query-hotpluggable-cpus",
                "qemu device_del {\"id\":\"/machine/peripheral/vcpu1\"}",
                "vm: Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'vm', 'set-vcpus', 'failed')",
                "< vm.SetVCPUs: Error.MonitorFailed: QEMU refused 'device_del' with 'not now'");
}

/* A monitor whose answers lead nowhere is not followed for ever. */
static void test_vcpus_lies(Bench *bench, gconstpointer data) {
        static const char *const lies[] = {
                "{}", "[]", "[5]", "[{}]", "[{\"type\": 5, \"props\": {}}]",
                "[" SLOT("0", TAKEN("x")) "]", ONE,
        };

        create_vcpus(bench);
        monitor_does("device_add", MONITOR_ANSWERS);
        for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
                monitor_returns("query-hotpluggable-cpus", lies[i]);
                call(bench, "vm", "SetVCPUs", "u", 2);
                g_assert_nonnull(strstr(bench->answer, "QEMU loses count of its vCPUs"));
        }
}

static void test_vcpus_refused(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 4, QEMU, "VCPUs", "u", 2, "MaxVCPUs", "u", 4, CREATE_START);
        forget(bench);
        call(bench, "vm", "SetVCPUs", "u", 0);
        call(bench, "vm", "SetVCPUs", "u", 1);
        call(bench, "vm", "SetVCPUs", "u", 2);
        call(bench, "vm", "SetVCPUs", "u", 5);
        expect(bench,
                "> vm.SetVCPUs(0)",
                "< vm.SetVCPUs: InvalidArgs: vcpus: at least one is needed",
                "> vm.SetVCPUs(1)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'set-vcpus')",
                "vm: as before",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'set-vcpus', 'failed')",
                "< vm.SetVCPUs: Error.NotSupported: 'vm' cannot have fewer vCPUs: QEMU does not survive "
                        "that without KVM",
                "> vm.SetVCPUs(2)",
                "< vm.SetVCPUs()",
                "> vm.SetVCPUs(5)",
                "< vm.SetVCPUs: Error.LimitExceeded: 'vm' has room for MaxVCPUs, 4, vCPUs");
}

/* ---- Pictures. ---- */

static void test_picture(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_returns("add-fd", "{\"fdset-id\": 7, \"fd\": 20}");
        call(bench, "vm", "Screenshot", NULL);
        monitor_does("screendump", MONITOR_REFUSES);
        call(bench, "vm", "Screenshot", NULL);
        expect(bench,
                "> vm.Screenshot()",
                "qemu add-fd",
                "qemu screendump {\"filename\":\"/dev/fdset/7\",\"format\":\"png\"}",
                "qemu remove-fd {\"fdset-id\":7}",
                "< vm.Screenshot: Error.MonitorFailed: QEMU did not make a picture of 'vm' of at most "
                        "16777216 bytes",
                "> vm.Screenshot()",
                "qemu add-fd",
                "qemu screendump {\"filename\":\"/dev/fdset/7\",\"format\":\"png\"}",
                "qemu remove-fd {\"fdset-id\":7}",
                "< vm.Screenshot: Error.MonitorFailed: QEMU refused 'screendump' with 'not now'");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/ask/sent", test_sent);
        BENCH_TEST("/ask/refused", test_refused);
        BENCH_TEST("/ask/meanwhile", test_meanwhile);
        BENCH_TEST("/ask/paused", test_paused);
        BENCH_TEST("/ask/ends", test_ends);
        BENCH_TEST("/ask/limit", test_limit);
        BENCH_TEST("/ask/memory", test_memory);
        BENCH_TEST("/ask/memory-at-start", test_memory_at_start);
        BENCH_TEST("/ask/memory-actual", test_memory_actual);
        BENCH_TEST("/ask/statistics", test_statistics);
        BENCH_TEST("/ask/vcpus", test_vcpus);
        BENCH_TEST("/ask/vcpus-kept", test_vcpus_kept);
        BENCH_TEST("/ask/vcpus-lies", test_vcpus_lies);
        BENCH_TEST("/ask/vcpus-refused", test_vcpus_refused);
        BENCH_TEST("/ask/picture", test_picture);
        return g_test_run();
}
