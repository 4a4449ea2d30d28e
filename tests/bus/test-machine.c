/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* machined: which domains are in its register, for how long, and what it makes of what is sent to them. */

#include <signal.h>
#include <string.h>

#include "bench.h"

static void keep_notes(Bench *bench) {
        static const char *const kinds[] = {"machined ", "systemd KillUnit", "end ", "- domain/", "! "};
        g_auto(GStrv) lines = NULL;

        settle(bench);
        lines = g_strsplit(bench->transcript->str, "\n", -1);
        forget(bench);
        for (char **line = lines; *line; line++)
                for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                        if (g_str_has_prefix(*line, kinds[i]))
                                write_down(bench, "%s", *line);
}

#define expect_notes(bench, ...) keep_notes(bench), expect(bench, __VA_ARGS__)

static void test_life(Bench *bench, gconstpointer data) {
        machined_comes();
        create_as(bench, ":1.1", "web", CREATE_START);
        expect_notes(bench, "machined enters web, a container in /machine.slice/vmm-web.scope");
        call(bench, CREATE, "vm", 2, QEMU, CREATE_PAUSED);
        expect_notes(bench, "machined enters vm, a vm in /machine.slice/vmm-vm.scope");
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect_notes(bench,
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 102 by SIGKILL",
                "- domain/vm",
                "machined drops vm");
        call(bench, "web", "Rename", "s", "shop");
        keep_notes(bench);
        g_hash_table_remove(bench->told, "slice/machine.slice");   /* which tells it by its old name */
        expect(bench,
                "machined drops web",
                "machined enters shop, a container in /machine.slice/vmm-web.scope");
        call(bench, "shop", "Release", NULL);
        keep_notes(bench);
        g_assert_nonnull(strstr(bench->transcript->str, "machined drops shop\n"));
        forget(bench);
}

static void test_adopted(Bench *bench, gconstpointer data) {
        machined_comes();
        process_runs(200, 0);
        call(bench, "manager", "AdoptProcesses", "saua{sv}t", "job", 1, 200, 0, UINT64_C(0));
        expect_notes(bench, "machined enters job, a container in /machine.slice/vmm-job.scope");
}

/* What does not come to be is not entered. */
static void test_failed(Bench *bench, gconstpointer data) {
        machined_comes();
        exec_fails("No such file or directory");
        create_as(bench, ":1.1", "web", CREATE_START);
        keep_notes(bench);
        g_assert_null(strstr(bench->transcript->str, "machined"));
        forget(bench);
}

static void test_off(Bench *bench, gconstpointer data) {
        machined_comes();
        bench->manager->settings->register_machines = false;
        create_as(bench, ":1.1", "web", CREATE_START);
        expect_notes(bench, NULL);
}

static void test_user_mode(Bench *bench, gconstpointer data) {
        caller_is(bench, ":1.1", geteuid());
        machined_comes();
        create_as(bench, ":1.1", "web", CREATE_START);
        expect_notes(bench, NULL);
}

/* The leader that machined signals is none of the domain's: the domain ends by its plan. */
static void test_power_off(Bench *bench, gconstpointer data) {
        machined_comes();
        create(bench, "web", CREATE_PAUSED);
        machined_signals("web", SIGRTMIN + 4);
        expect_notes(bench,
                "machined drops web",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "end 101 by SIGTERM",
                "- domain/web");
        expect_empty(bench);
}

static void test_reboot(Bench *bench, gconstpointer data) {
        machined_comes();
        create(bench, "web", CREATE_START);
        machined_signals("web", SIGINT);
        settle(bench);
        g_assert_nonnull(strstr(bench->transcript->str, "'web', 'reboot')"));
        g_assert_nonnull(strstr(bench->transcript->str, "machined enters web, "));
        forget(bench);
}

/* Any other signal costs the leader, and not the domain. */
static void test_signal(Bench *bench, gconstpointer data) {
        machined_comes();
        create(bench, "web", CREATE_START);
        machined_signals("web", SIGTERM);
        expect_notes(bench,
                "machined drops web",
                "machined enters web, a container in /machine.slice/vmm-web.scope");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/machine/life", test_life);
        BENCH_TEST("/machine/adopted", test_adopted);
        BENCH_TEST("/machine/failed", test_failed);
        BENCH_TEST("/machine/off", test_off);
        g_test_add("/machine/user-mode", Bench, "user", bench_setup, test_user_mode, bench_teardown);
        BENCH_TEST("/machine/power-off", test_power_off);
        BENCH_TEST("/machine/reboot", test_reboot);
        BENCH_TEST("/machine/signal", test_signal);
        return g_test_run();
}
