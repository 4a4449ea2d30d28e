/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Destroy, Stop, Shutdown, Kill and Release: the plans, step by step, what they are allowed to do, and who
 * of several that stop one domain gets his way. */

#include <signal.h>

#include "bench.h"
#include "util/errors.h"

#define GRACEFUL UINT64_C(1)
#define NOWAIT UINT64_C(2)
#define FORCE UINT64_C(4)
#define REMOVE_LOGS UINT64_C(8)
#define A_WHILE UINT64_C(5000000)

static void test_destroy(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench, "?");
        expect_empty(bench);
}

static void test_destroy_deaf(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        time_is_up(bench, "web", 1600000);
        expect(bench, "?");
        expect_empty(bench);
}

static void test_force(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench, "?");
        expect_empty(bench);
}

/* Never SIGKILL: the domain is still there, and as manageable as before. */
static void test_graceful(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        process_joins(200, "vmm-web.scope");
        call(bench, "web", "Destroy", "t", GRACEFUL);
        time_is_up(bench, "web", 3200000);
        expect(bench, "?");
        call(bench, "web", "Pause", NULL);
        call(bench, "web", "Resume", NULL);
        forget(bench);
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench, "?");
        expect_empty(bench);
}

static void test_nowait(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", NOWAIT);
        expect(bench, "?");
        call(bench, "web", "Destroy", "t", NOWAIT | FORCE);
        expect(bench, "?");
        expect_empty(bench);
}

static void test_flags(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "Destroy", "t", GRACEFUL | FORCE);
        call(bench, "web", "Destroy", "t", UINT64_C(0x30));
        call(bench, "web", "Stop", "a(st)t", 0, FORCE);
        call(bench, "web", "Shutdown", "t", UINT64_C(1));
        expect(bench, "?");
}

static void test_remove_logs(Bench *bench, gconstpointer data) {
        create(bench, "kept", CREATE_START);
        create(bench, "removed", CREATE_START);
        process_says(FAKE_PID_FIRST, "hello\n");
        process_says(FAKE_PID_FIRST + 1, "hello\n");
        call(bench, "kept", "Destroy", "t", UINT64_C(0));
        call(bench, "removed", "Destroy", "t", REMOVE_LOGS);
        forget(bench);
        call(bench, "manager", "GetConsoleLog", "su", "kept", (uint32_t) 10);
        call(bench, "manager", "GetConsoleLog", "su", "removed", (uint32_t) 10);
        expect(bench, "?");
}

static void test_plan(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Stop", "a(st)t", 4, "guest", UINT64_C(1000000), "SIGINT", UINT64_C(2000000),
                "RTMIN+3", UINT64_C(3000000), "KILL", UINT64_C(0), UINT64_C(0));
        time_is_up(bench, "web", 1000000);
        time_is_up(bench, "web", 2000000);
        time_is_up(bench, "web", 3000000);
        expect(bench, "?");
        expect_empty(bench);
}

/* A step without time is taken, and the next one at once. */
static void test_no_time(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Stop", "a(st)t", 2, "SIGTERM", UINT64_C(0), "SIGKILL", A_WHILE, UINT64_C(0));
        await(bench, "< web.Stop");
        expect(bench, "?");
}

static void test_own_plan(Bench *bench, gconstpointer data) {
        sd_bus_message *m = NULL;

        create(bench, "web", CREATE_START);
        m = message_new_set(bench, "web", "StopPlan");
        message_append(m, "v", "a(st)", 1, "SIGHUP", A_WHILE);
        message_send(bench, m);
        call(bench, "web", "Stop", "a(st)t", 0, UINT64_C(0));
        expect(bench, "?");
}

static void test_timeout_frozen(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Stop", "a(st)t", 1, "SIGTERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "web", A_WHILE);
        expect(bench, "?");
}

/* The signal first, then the thaw: nothing of the payload runs between. */
static void test_frozen(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench, "?");
        expect_empty(bench);
}

/* SIGKILL needs no thaw. */
static void test_frozen_force(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_PAUSED);
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench, "?");
        expect_empty(bench);
}

/* A frozen slice is not thawed for one of its domains. */
static void test_frozen_slice(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        slice_freezes("machine.slice");
        settle(bench);
        forget(bench);
        call(bench, "web", "Stop", "a(st)t", 1, "SIGTERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "web", A_WHILE);
        expect(bench, "?");
        call(bench, "web", "Destroy", "t", FORCE);
        forget(bench);
        expect_empty(bench);
}

static void test_harder(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", GRACEFUL);
        forget(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench, "?");
        call(bench, "web", "Destroy", "t", FORCE);
        expect(bench, "?");
        expect_empty(bench);
}

/* The softer one waits with the harder one, and changes nothing. */
static void test_softer(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        forget(bench);
        call(bench, "web", "Destroy", "t", GRACEFUL);
        call(bench, "web", "Destroy", "t", GRACEFUL | NOWAIT);
        expect(bench, "?");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench, "?");
}

/* systemd is slower than the plan: what it answers late is for nobody any more. */
static void test_late_answers(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        systemd_holds("KillUnit");
        call(bench, "web", "Stop", "a(st)t", 2, "SIGINT", A_WHILE, "SIGTERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "web", A_WHILE);
        time_is_up(bench, "web", A_WHILE);
        expect(bench, "?");
        systemd_goes_on("KillUnit");
        systemd_goes_on("KillUnit");
        expect_nothing(bench);
}

static void test_refused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_refuses("KillUnit", SD_BUS_ERROR_FAILED, "systemd refused KillUnit");
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench, "?");
}

static void test_cancel(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "web", "Destroy", "t", GRACEFUL);
        forget(bench);
        call(bench, "job/2", "Cancel", NULL);
        expect(bench, "?");
}

/* systemd leaves the how to us: the domain's own plan. */
static void test_requested(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_asks_to_stop("vmm-web.scope");
        expect(bench, "?");
        expect_empty(bench);
}

static void test_while_pausing(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        scope_sticks("vmm-web.scope");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench, "?");
        expect_empty(bench);
}

static void test_while_creating(Bench *bench, gconstpointer data) {
        systemd_holds("FreezeUnit");
        call(bench, CREATE, "web", 1, PAYLOAD, CREATE_PAUSED);
        forget(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench, "?");
        expect_empty(bench);
}

/* What ended meanwhile was stopped, too. */
static void test_ends_meanwhile(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_holds("KillUnit");
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        forget(bench);
        process_exits(FAKE_PID_FIRST, 3);
        expect(bench, "?");
        systemd_goes_on("KillUnit");
        expect_empty(bench);
}

/* The leader's end is not the domain's. */
static void test_children_left(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench, "?");
        process_exits(200, 0);
        expect(bench, "?");
        expect_empty(bench);
}

static void test_ends(Bench *bench, gconstpointer data) {
        create(bench, "good", CREATE_START);
        create(bench, "bad", CREATE_START);
        create(bench, "ugly", CREATE_START);
        process_exits(101, 0);
        process_exits(102, 1);
        process_dies(103, SIGABRT);
        expect(bench, "?");
        expect_empty(bench);
}

static void test_dragged_away(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_is_dragged_to(FAKE_PID_FIRST, "/user.slice/session-1.scope");
        expect(bench, "?");
        expect_empty(bench);
}

/* ---- The guest. ---- */

static void test_guest(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "Stop", "a(st)t", 0, UINT64_C(0));
        expect(bench, "?");
        monitor_tells("SHUTDOWN", "guest-shutdown");
        settle(bench);
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench, "?");
        expect_empty(bench);
}

/* Asking needs a guest that runs. */
static void test_guest_paused(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_PAUSED);
        call(bench, "vm", "Stop", "a(st)t", 2, "guest", A_WHILE, "KILL", A_WHILE, UINT64_C(0));
        time_is_up(bench, "vm", A_WHILE);
        expect(bench, "?");
        expect_empty(bench);
}

/* One that cannot be asked is not waited for. */
static void test_guest_refuses(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("system_powerdown", MONITOR_REFUSES);
        call(bench, "vm", "Stop", "a(st)t", 2, "guest", A_WHILE, "TERM", A_WHILE, NOWAIT);
        await(bench, "< vm.Stop");
        expect(bench, "?");
        expect_empty(bench);
}

/* The late refusal of one step does not shorten the next. */
static void test_guest_refuses_late(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        process_turns_deaf(FAKE_PID_FIRST);
        monitor_does("system_powerdown", MONITOR_WAITS);
        call(bench, "vm", "Stop", "a(st)t", 3, "guest", A_WHILE, "TERM", A_WHILE, "KILL", A_WHILE,
                UINT64_C(0));
        time_is_up(bench, "vm", A_WHILE);
        forget(bench);
        monitor_refuses("system_powerdown");
        expect_nothing(bench);
        time_is_up(bench, "vm", A_WHILE);
        expect(bench, "?");
        expect_empty(bench);
}

/* The guest that was paused for good goes on when it could not be stopped. */
static void test_guest_left(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_PAUSED);
        process_turns_deaf(FAKE_PID_FIRST);
        call(bench, "vm", "Stop", "a(st)t", 1, "TERM", A_WHILE, UINT64_C(0));
        time_is_up(bench, "vm", A_WHILE);
        expect(bench, "?");
}

static void test_shutdown(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        create_qemu(bench, "vm", CREATE_PAUSED);
        call(bench, "web", "Shutdown", "t", UINT64_C(0));
        expect(bench, "?");
        call(bench, "vm", "Shutdown", "t", UINT64_C(0));
        expect(bench, "?");
}

/* ---- Kill and Release. ---- */

static void test_kill(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        call(bench, "web", "Kill", "si", "all", SIGUSR1);
        call(bench, "web", "Kill", "si", "leader", SIGTERM);
        expect(bench, "?");
        call(bench, "web", "Kill", "si", "leader", SIGTERM);
        call(bench, "web", "Kill", "si", "all", SIGKILL);
        expect(bench, "?");
        expect_empty(bench);
}

static void test_processes(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        process_joins(200, "vmm-web.scope");
        call(bench, "web", "GetProcesses", NULL);
        systemd_refuses("GetUnitProcesses", VMM_ERROR_NOT_RUNNING, "Unit vmm-web.scope is not active");
        call(bench, "web", "GetProcesses", NULL);
        expect(bench, "?");
}

static void test_release(Bench *bench, gconstpointer data) {
        g_autofree char *left = NULL;

        create_qemu(bench, "vm", CREATE_PAUSED);
        call(bench, "vm", "Release", NULL);
        expect(bench, "?");
        left = host_leftovers();
        g_assert_cmpstr(left, ==, "scope vmm-vm.scope\nprocess 101\n1 watched units\n");
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        expect_empty(bench);
}

static void test_release_refused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_refuses("AbandonScope", SD_BUS_ERROR_FAILED, "systemd refused AbandonScope");
        call(bench, "web", "Release", NULL);
        expect(bench, "?");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/stop/destroy", test_destroy);
        BENCH_TEST("/stop/destroy-deaf", test_destroy_deaf);
        BENCH_TEST("/stop/force", test_force);
        BENCH_TEST("/stop/graceful", test_graceful);
        BENCH_TEST("/stop/nowait", test_nowait);
        BENCH_TEST("/stop/flags", test_flags);
        BENCH_TEST("/stop/remove-logs", test_remove_logs);
        BENCH_TEST("/stop/plan", test_plan);
        BENCH_TEST("/stop/no-time", test_no_time);
        BENCH_TEST("/stop/own-plan", test_own_plan);
        BENCH_TEST("/stop/timeout-frozen", test_timeout_frozen);
        BENCH_TEST("/stop/frozen", test_frozen);
        BENCH_TEST("/stop/frozen-force", test_frozen_force);
        BENCH_TEST("/stop/frozen-slice", test_frozen_slice);
        BENCH_TEST("/stop/harder", test_harder);
        BENCH_TEST("/stop/softer", test_softer);
        BENCH_TEST("/stop/late-answers", test_late_answers);
        BENCH_TEST("/stop/refused", test_refused);
        BENCH_TEST("/stop/cancel", test_cancel);
        BENCH_TEST("/stop/requested", test_requested);
        BENCH_TEST("/stop/while-pausing", test_while_pausing);
        BENCH_TEST("/stop/while-creating", test_while_creating);
        BENCH_TEST("/stop/ends-meanwhile", test_ends_meanwhile);
        BENCH_TEST("/stop/children-left", test_children_left);
        BENCH_TEST("/stop/ends", test_ends);
        BENCH_TEST("/stop/dragged-away", test_dragged_away);
        BENCH_TEST("/stop/guest", test_guest);
        BENCH_TEST("/stop/guest-paused", test_guest_paused);
        BENCH_TEST("/stop/guest-refuses", test_guest_refuses);
        BENCH_TEST("/stop/guest-refuses-late", test_guest_refuses_late);
        BENCH_TEST("/stop/guest-left", test_guest_left);
        BENCH_TEST("/stop/shutdown", test_shutdown);
        BENCH_TEST("/stop/kill", test_kill);
        BENCH_TEST("/stop/processes", test_processes);
        BENCH_TEST("/stop/release", test_release);
        BENCH_TEST("/stop/release-refused", test_release_refused);
        return g_test_run();
}
