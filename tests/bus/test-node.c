/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine: what is told of it, and when that changes. */

#include "bench.h"

static void expect_property(Bench *bench, const char *property, const char *value) {
        message_send(bench, message_new_get(bench, "node", property));
        g_assert_cmpstr(bench->answer, ==, value);
        forget(bench);
}

static void test_facts(Bench *bench, gconstpointer data) {
        expect_property(bench, "Host", "('fake')");
        expect_property(bench, "Release", "('6.1.0-fake')");
        expect_property(bench, "Version", "('#1 SMP')");
        expect_property(bench, "Machine", "('x86_64')");
        expect_property(bench, "NrCPUs", "(4)");
        expect_property(bench, "NrNodes", "(1)");
        expect_property(bench, "SocketsPerNode", "(1)");
        expect_property(bench, "CoresPerSocket", "(2)");
        expect_property(bench, "ThreadsPerCore", "(2)");
        expect_property(bench, "CPUMHz", "(2400)");
        expect_property(bench, "HWCaps", "('fpu vme')");
        expect_property(bench, "TotalMemory", "(4294967296)");
        expect_property(bench, "FreeMemory", "(1073741824)");
}

static void test_qemu(Bench *bench, gconstpointer data) {
        expect_property(bench, "HypervisorMajor", "(7)");
        expect_property(bench, "HypervisorMinor", "(2)");
        expect_property(bench, "HypervisorExtra", "('.19 (Fake)')");
}

/* One change is one signal, with all that it changes. */
static void test_hotplug(Bench *bench, gconstpointer data) {
        cpu_goes();
        expect(bench,
                "node: NrCPUs 3, NrNodes 1, SocketsPerNode 1, CoresPerSocket 2, ThreadsPerCore 2, "
                        "HWCaps 'fpu vme'");
        cpu_goes();
        expect_nothing(bench);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/node/facts", test_facts);
        BENCH_TEST("/node/qemu", test_qemu);
        BENCH_TEST("/node/hotplug", test_hotplug);
        return g_test_run();
}
