/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Logs: whose lines are shown to whom. */

#include "bench.h"

static void test_own(Bench *bench, gconstpointer data) {
        daemon_said("one");
        daemon_said("two");
        call(bench, "manager", "GetLog", "u", 1);
        call(bench, "manager", "GetLog", "u", 1000000);
        call(bench, "manager", "GetLog", "u", 0);
        expect(bench,
                "> GetLog(1)",
                "< GetLog(['two'])",
                "> GetLog(1000000)",
                "< GetLog(['one', 'two'])",
                "> GetLog(0)",
                "< GetLog([])");
}

static void as(Bench *bench, const char *sender, const char *member, const char *types) {
        sd_bus_message *m = message_new_as(bench, sender, "manager", member);

        if (types)
                message_append(m, types, 10);
        message_send(bench, m);
}

/* Each user has a mark of their own. */
static void test_clear(Bench *bench, gconstpointer data) {
        bench->polkit = POLKIT_YES;
        caller_is(bench, ":1.7", 1000);
        caller_is(bench, ":1.8", 1000);
        caller_is(bench, ":1.9", 1001);
        kernel_says("kvm: one");
        as(bench, ":1.7", "ClearHypervisorLog", NULL);
        kernel_says("kvm: two");
        forget(bench);
        bench->quiet = true;
        as(bench, ":1.8", "GetHypervisorLog", "u");
        g_assert_cmpstr(bench->answer, ==, "(['kvm: two'])");
        as(bench, ":1.9", "GetHypervisorLog", "u");
        g_assert_cmpstr(bench->answer, ==, "(['kvm: one', 'kvm: two'])");
        as(bench, ":1.1", "GetHypervisorLog", "u");
        g_assert_cmpstr(bench->answer, ==, "(['kvm: one', 'kvm: two'])");
        as(bench, ":1.7", "ClearHypervisorLog", NULL);
        as(bench, ":1.7", "GetHypervisorLog", "u");
        g_assert_cmpstr(bench->answer, ==, "([])");
}

static void test_no_journal(Bench *bench, gconstpointer data) {
        journal_goes();
        call(bench, "manager", "GetLog", "u", 1);
        call(bench, "manager", "GetHypervisorLog", "u", 1);
        call(bench, "manager", "ClearHypervisorLog", NULL);
#define NO_JOURNAL ": Error.NotSupported: There is no journal on this host that this manager may read"
        expect(bench,
                "> GetLog(1)",
                "< GetLog" NO_JOURNAL,
                "> GetHypervisorLog(1)",
                "< GetHypervisorLog" NO_JOURNAL,
                "> ClearHypervisorLog()",
                "< ClearHypervisorLog" NO_JOURNAL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/log/own", test_own);
        BENCH_TEST("/log/clear", test_clear);
        BENCH_TEST("/log/no-journal", test_no_journal);
        return g_test_run();
}
