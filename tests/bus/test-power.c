/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of the machine: whoever brings it about, all domains are stopped by their plans, at the same time.
 */

#include <signal.h>
#include <string.h>

#include "bench.h"
#include "core/power.h"

/* What is asked of the host, what is answered, and which domains end; how a stop is told is told
 * elsewhere. */
static void keep_essentials(Bench *bench) {
        static const char *const kinds[] = {
                "> ", "< ", "systemd ", "logind ", "end ", "- domain/", "! ", "quit"};
        g_auto(GStrv) lines = NULL;

        settle(bench);
        lines = g_strsplit(bench->transcript->str, "\n", -1);
        forget(bench);
        for (char **line = lines; *line; line++)
                for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                        if (g_str_has_prefix(*line, kinds[i]))
                                write_down(bench, "%s", *line);
}

#define expect_essentials(bench, ...) keep_essentials(bench), expect(bench, __VA_ARGS__)

/* Two domains, one of them paused; logind is there. */
static void two_domains(Bench *bench) {
        create(bench, "web", CREATE_START);
        create(bench, "db", CREATE_PAUSED);
        logind_comes();
        settle(bench);
        forget(bench);
}

/* One whose plan never kills, and which does not heed signals. */
static void refusing_domain(Bench *bench) {
        logind_comes();
        call(bench, CREATE, "web", 2, PAYLOAD, "StopPlan", "a(st)", 1, "SIGTERM", UINT64_C(3000000),
                CREATE_START);
        process_turns_deaf(101);
        settle(bench);
        forget(bench);
}

/* ---- The verbs. ---- */

static void test_power_off(Bench *bench, gconstpointer data) {
        two_domains(bench);
        call(bench, "node", "PowerOff", "t", UINT64_C(0));
        expect_essentials(bench,
                "> PowerOff(0)",
                "logind CanPowerOff",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "systemd KillUnit vmm-db.scope SIGTERM",
                "systemd ThawUnit vmm-db.scope",
                "end 101 by SIGTERM",
                "- domain/web",
                "end 102 by SIGTERM",
                "- domain/db",
                "logind need not wait",
                "logind PowerOff",
                "< PowerOff()");
        expect_empty(bench);
}

static void test_reboot(Bench *bench, gconstpointer data) {
        logind_comes();
        call(bench, "node", "Reboot", "t", UINT64_C(0));
        expect(bench,
                "> Reboot(0)",
                "logind CanReboot",
                "logind Reboot",
                "< Reboot()");
}

/* Nothing is begun where the machine would stay up. */
static void test_no_logind(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "node", "PowerOff", "t", UINT64_C(0));
        logind_comes();
        logind_refuses("CanReboot");
        settle(bench);
        call(bench, "node", "Reboot", "t", UINT64_C(0));
        call(bench, "node", "Reboot", "t", UINT64_C(2));
        expect(bench,
                "> PowerOff(0)",
                "< PowerOff: Error.NotSupported: There is no systemd-logind",
                "logind is to wait",
                "> Reboot(0)",
                "logind CanReboot",
                "< Reboot: Failed: systemd-logind refused CanReboot",
                "> Reboot(2)",
                "< Reboot: InvalidArgs: flags: unknown bits 0x2");
        create(bench, "db", CREATE_START);
}

static void test_refusing(Bench *bench, gconstpointer data) {
        refusing_domain(bench);
        call(bench, "node", "PowerOff", "t", UINT64_C(0));
        time_is_up(bench, "web", 3000000);
        expect_essentials(bench,
                "> PowerOff(0)",
                "logind CanPowerOff",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "< PowerOff: Error.StopTimeout: The machine stays up: 'web' was not stopped by SIGTERM and "
                        "is still there; PIDs left: 101");
        create(bench, "db", CREATE_START);   /* it goes on */
}

static void test_force(Bench *bench, gconstpointer data) {
        refusing_domain(bench);
        call(bench, "node", "PowerOff", "t", UINT64_C(1));
        time_is_up(bench, "web", 3000000);
        expect_essentials(bench,
                "> PowerOff(1)",
                "logind CanPowerOff",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "end 101 by SIGKILL",
                "- domain/web",
                "logind need not wait",
                "logind PowerOff",
                "< PowerOff()");
}

/* Meanwhile nothing comes, and nobody ends it a second time. */
static void test_meanwhile(Bench *bench, gconstpointer data) {
        two_domains(bench);
        systemd_holds("KillUnit vmm-web.scope");
        call(bench, "node", "PowerOff", "t", UINT64_C(0));
        forget(bench);
        create_as(bench, ":1.1", "other", CREATE_START);
        call(bench, "node", "Reboot", "t", UINT64_C(1));
        expect(bench,
                "> CreateDomain('other', {Command: ['/bin/payload']}, 1)",
                "< CreateDomain: Error.Busy: The machine is going down",
                "> Reboot(1)",
                "< Reboot: Error.Busy: The machine is going down already");
        systemd_goes_on("KillUnit vmm-web.scope");
        await(bench, "< PowerOff()");
}

/* The domains are gone, and it stays up nevertheless. */
static void test_logind_refuses(Bench *bench, gconstpointer data) {
        two_domains(bench);
        logind_refuses("PowerOff");
        call(bench, "node", "PowerOff", "t", UINT64_C(0));
        g_assert_nonnull(strstr(
                bench->transcript->str, "< PowerOff: Failed: systemd-logind refused PowerOff"));
        forget(bench);
        create(bench, "web", CREATE_START);
}

static void test_user_mode(Bench *bench, gconstpointer data) {
        caller_is(bench, ":1.1", geteuid());
        call(bench, "node", "PowerOff", "t", UINT64_C(0));
        expect(bench,
                "> PowerOff(0)",
                "< PowerOff: Error.NotSupported: A user's own manager does not end the machine");
}

/* The daemon ends in the middle of it. */
static void test_manager_ends(Bench *bench, gconstpointer data) {
        refusing_domain(bench);
        call(bench, "node", "PowerOff", "t", UINT64_C(1));
        forget(bench);
        bench_stop(bench);
        g_assert_nonnull(strstr(bench->transcript->str,
                "< PowerOff: Error.Canceled: The machine stays up: the manager is ending\n"));
}

/* ---- logind. ---- */

/* It waits as long as there are domains. */
static void test_lock(Bench *bench, gconstpointer data) {
        logind_comes();
        create(bench, "web", CREATE_START);
        create(bench, "db", CREATE_START);
        call(bench, "web", "Destroy", "t", UINT64_C(4));
        forget(bench);
        call(bench, "db", "Destroy", "t", UINT64_C(4));
        g_assert_nonnull(strstr(bench->transcript->str,
                "- domain/db\nDomainRemoved('db', domain/db)\nlogind need not wait\n"));
        forget(bench);
        create_as(bench, ":1.1", "web", CREATE_START);
        g_assert_nonnull(strstr(bench->transcript->str, "+ domain/web\n"));
        g_assert_nonnull(strstr(bench->transcript->str, "logind is to wait\n"));
}

static void test_announced(Bench *bench, gconstpointer data) {
        two_domains(bench);
        logind_announces(true);
        create_as(bench, ":1.1", "other", CREATE_START);
        expect_essentials(bench,
                "> CreateDomain('other', {Command: ['/bin/payload']}, 1)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "systemd KillUnit vmm-db.scope SIGTERM",
                "systemd ThawUnit vmm-db.scope",
                "< CreateDomain: Error.Busy: The machine is going down",
                "end 101 by SIGTERM",
                "- domain/web",
                "end 102 by SIGTERM",
                "- domain/db",
                "logind need not wait");
        logind_announces(false);
        create(bench, "other", CREATE_START);
}

/* What its plan does not end is no reason to wait any longer. */
static void test_announced_refusing(Bench *bench, gconstpointer data) {
        refusing_domain(bench);
        logind_announces(true);
        time_is_up(bench, "web", 3000000);
        expect_essentials(bench,
                "systemd KillUnit vmm-web.scope SIGTERM",
                "logind need not wait");
}

/* Nor does it start again then, whatever its policy. */
static void test_no_restart(Bench *bench, gconstpointer data) {
        logind_comes();
        call(bench, CREATE, "web", 3, PAYLOAD, "StopPlan", "a(st)", 1, "SIGTERM", UINT64_C(3000000),
                "OnCrash", "s", "restart", CREATE_START);
        process_turns_deaf(101);
        logind_announces(true);
        settle(bench);
        time_is_up(bench, "web", 3000000);
        forget(bench);
        process_dies(101, SIGSEGV);
        expect_essentials(bench,
                "end 101 by SIGSEGV",
                "- domain/web");
        expect_empty(bench);
}

/* A slice that somebody froze is thawed, before anything else. */
static void test_frozen_slice(Bench *bench, gconstpointer data) {
        two_domains(bench);
        slice_freezes("machine.slice");
        settle(bench);
        forget(bench);
        logind_announces(true);
        keep_essentials(bench);
        g_assert_true(g_str_has_prefix(bench->transcript->str,
                "systemd ThawUnit machine.slice\nsystemd KillUnit vmm-web.scope SIGTERM\n"));
        forget(bench);
        expect_empty(bench);
}

static void test_frozen_slice_sticks(Bench *bench, gconstpointer data) {
        two_domains(bench);
        slice_freezes("machine.slice");
        systemd_holds("ThawUnit machine.slice");
        logind_announces(true);
        await(bench, "systemd KillUnit vmm-web.scope SIGTERM");
}

/* ---- systemd. ---- */

static void on_quit(void *userdata) {
        write_down(userdata, "quit");
}

static void test_quit(Bench *bench, gconstpointer data) {
        two_domains(bench);
        systemd_is("running");
        power_quit(bench->manager->power, on_quit, bench);
        expect(bench, "quit");
        create(bench, "other", CREATE_START);
}

static void test_quit_without_domains(Bench *bench, gconstpointer data) {
        systemd_is("stopping");
        power_quit(bench->manager->power, on_quit, bench);
        g_assert_cmpstr(bench->transcript->str, ==, "quit\n");   /* at once */
        forget(bench);
}

static void test_quit_with_systemd(Bench *bench, gconstpointer data) {
        two_domains(bench);
        systemd_is("stopping");
        power_quit(bench->manager->power, on_quit, bench);
        expect_essentials(bench,
                "systemd KillUnit vmm-web.scope SIGTERM",
                "systemd KillUnit vmm-db.scope SIGTERM",
                "systemd ThawUnit vmm-db.scope",
                "end 101 by SIGTERM",
                "- domain/web",
                "end 102 by SIGTERM",
                "quit",   /* what follows it was sent before */
                "- domain/db",
                "logind need not wait");
}

/* Whoever asks twice does not wait. */
static void test_quit_twice(Bench *bench, gconstpointer data) {
        refusing_domain(bench);
        systemd_is("stopping");
        power_quit(bench->manager->power, on_quit, bench);
        settle(bench);
        forget(bench);
        power_quit(bench->manager->power, on_quit, bench);
        expect(bench, "quit");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/power/off", test_power_off);
        BENCH_TEST("/power/reboot", test_reboot);
        BENCH_TEST("/power/no-logind", test_no_logind);
        BENCH_TEST("/power/refusing", test_refusing);
        BENCH_TEST("/power/force", test_force);
        BENCH_TEST("/power/meanwhile", test_meanwhile);
        BENCH_TEST("/power/logind-refuses", test_logind_refuses);
        g_test_add("/power/user-mode", Bench, "user", bench_setup, test_user_mode, bench_teardown);
        BENCH_TEST("/power/manager-ends", test_manager_ends);
        BENCH_TEST("/power/lock", test_lock);
        BENCH_TEST("/power/announced", test_announced);
        BENCH_TEST("/power/announced-refusing", test_announced_refusing);
        BENCH_TEST("/power/no-restart", test_no_restart);
        BENCH_TEST("/power/frozen-slice", test_frozen_slice);
        BENCH_TEST("/power/frozen-slice-sticks", test_frozen_slice_sticks);
        BENCH_TEST("/power/quit", test_quit);
        BENCH_TEST("/power/quit-without-domains", test_quit_without_domains);
        BENCH_TEST("/power/quit-with-systemd", test_quit_with_systemd);
        BENCH_TEST("/power/quit-twice", test_quit_twice);
        return g_test_run();
}
