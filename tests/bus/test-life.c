/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is done about domains that end by themselves: they go, start again, or are kept; how often, and what
 * somebody wanted to end. */

#include "bench.h"
#include "util/errors.h"

/* Nobody waits a second here. */
static void restarts_are(Bench *bench, unsigned burst, uint64_t delay_usec) {
        bench->manager->settings->restart_burst = burst;
        bench->manager->settings->restart_delay_usec = delay_usec;
}

static void create_with(Bench *bench, const char *name, const char *key, const char *action) {
        bench->quiet = true;
        call(bench, CREATE, name, 2, PAYLOAD, key, "s", action, CREATE_START);
        bench->quiet = false;
        forget(bench);
}

static void set_policy(Bench *bench, const char *name, const char *key, const char *action) {
        sd_bus_message *m = message_new_set(bench, name, key);

        message_append(m, "v", "s", action);
        message_send(bench, m);
}

static void test_restart(Bench *bench, gconstpointer data) {
        restarts_are(bench, 5, 10000);
        create_with(bench, "web", "OnCrash", "restart");
        process_exits(FAKE_PID_FIRST, 1);
        expect(bench,
                "end 101 with status 1",
                "web: State 'crashed', StateReason 'exited with status 1', Running false, Crashed true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'crashed', 'exited with status 1', {ExitCode: 1})");
        await(bench, "'restarted: ");
        expect(bench,
                "+ job/2",
                "JobNew(2, job/2, 'web', 'restart')",
                "web: State 'starting', StateReason 'restarting', Job job/2, Restarts 1, "
                        "NextRestartTimestamp 0",
                "web.StateChanged('crashed', 'starting', 'restarting', {})",
                "fork 102: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 102 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/2: Phase 'starting the scope'",
                "web: Leader 102",
                "systemd Get vmm-web.scope InvocationID",
                "release 102",
                "job/2: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "web: State 'running', StateReason 'restarted: exited with status 1', Running true, "
                        "Crashed false, Job /",
                "web.StateChanged('starting', 'running', 'restarted: exited with status 1', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'restart', 'done')");
        call(bench, "web", "Destroy", "t", UINT64_C(4));
        forget(bench);
        expect_empty(bench);
}

static void test_poweroff(Bench *bench, gconstpointer data) {
        restarts_are(bench, 5, 10000);
        create_with(bench, "web", "OnPoweroff", "restart");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "end 101 with status 0",
                "web: State 'inactive', StateReason 'exited with status 0', Running false, PoweredOff "
                        "true, Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'inactive', 'exited with status 0', {ExitCode: 0})");
        await(bench, "'restarted: ");
        forget(bench);

        /* Shutdown is one, too. */
        call(bench, "web", "Shutdown", "t", UINT64_C(0));
        await(bench, "'restarted: ");
        expect(bench,
                "> web.Shutdown(0)",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'shutdown')",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "job/3: Phase 'asking the guest'",
                "web: Job job/3",
                "web: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'shutdown', 'done')",
                "< web.Shutdown()",
                "end 102 by SIGTERM",
                "web: State 'inactive', StateReason 'killed by SIGTERM', Running false, PoweredOff true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'inactive', 'killed by SIGTERM', {Signal: 15})",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'restart')",
                "web: State 'starting', StateReason 'restarting', Job job/4, Restarts 2, "
                        "NextRestartTimestamp 0",
                "web.StateChanged('inactive', 'starting', 'restarting', {})",
                "fork 103: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 103 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/4: Phase 'starting the scope'",
                "web: Leader 103",
                "systemd Get vmm-web.scope InvocationID",
                "release 103",
                "job/4: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 103",
                "web: State 'running', StateReason 'restarted: killed by SIGTERM', Running true, "
                        "PoweredOff false, Job /",
                "web.StateChanged('starting', 'running', 'restarted: killed by SIGTERM', {})",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'restart', 'done')");
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Destroy(0)",
                "+ job/5",
                "JobNew(5, job/5, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/5",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/5: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "end 103 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/5",
                "JobRemoved(5, job/5, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

/* What somebody ended stays so, whatever the policies. */
static void test_wanted(Bench *bench, gconstpointer data) {
        for (unsigned i = 0; i < 4; i++) {
                pid_t pid = FAKE_PID_FIRST + (pid_t) i;

                bench->quiet = true;
                call(bench, CREATE, "web", 4, PAYLOAD, "OnPoweroff", "s", "restart", "OnReboot", "s",
                        "restart", "OnCrash", "s", "restart", CREATE_START);
                if (i == 0)
                        call(bench, "web", "Kill", "si", "leader", SIGHUP);
                else if (i == 1) {
                        call(bench, "web", "Kill", "si", "all", SIGTERM);
                } else if (i == 2) {
                        process_turns_deaf(pid);
                        call(bench, "web", "Kill", "si", "leader", SIGTERM);
                        process_exits(pid, 1);
                } else
                        systemd_asks_to_stop("vmm-web.scope");
                settle(bench);
                g_assert_nonnull(strstr(bench->transcript->str, "DomainRemoved"));
                forget(bench);
        }
        bench->quiet = false;
        expect_empty(bench);
}

/* Too often is too often. */
static void test_loop(Bench *bench, gconstpointer data) {
        restarts_are(bench, 2, 1000);
        create_with(bench, "web", "OnCrash", "restart");
        process_dies(FAKE_PID_FIRST, SIGSEGV);
        await(bench, "'restarted: ");
        forget(bench);
        process_dies(FAKE_PID_FIRST + 1, SIGSEGV);
        await(bench, "'restarted: ");
        forget(bench);
        process_dies(FAKE_PID_FIRST + 2, SIGSEGV);
        expect(bench,
                "end 103 by SIGSEGV",
                "web: Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, Warnings ['Not "
                        "started again, but kept: it has been started too often in too short a time']",
                "web.Warning('Not started again, but kept: it has been started too often in too short a "
                        "time')",
                "web: State 'preserved', StateReason 'killed by SIGSEGV', Running false, Crashed true",
                "web.StateChanged('running', 'preserved', 'killed by SIGSEGV', {Signal: 11})");
        call(bench, "web", "Pause", NULL);
        call(bench, "web", "Kill", "si", "leader", SIGKILL);
        call(bench, "web", "GetConsoleLog", "u", 10);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Pause()",
                "< web.Pause: Error.NotRunning: Cannot pause 'web': it is not running",
                "> web.Kill('leader', 9)",
                "< web.Kill: Error.NotRunning: The leader of 'web' has ended",
                "> web.GetConsoleLog(10)",
                "< web.GetConsoleLog([])",
                "> web.Destroy(0)",
                "web: State 'inactive', StateReason 'destroyed'",
                "web.StateChanged('preserved', 'inactive', 'destroyed', {Signal: 11})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

/* A wait ends with what it waits for. */
static void test_destroy_while_waiting(Bench *bench, gconstpointer data) {
        create_with(bench, "web", "OnCrash", "restart");
        process_exits(FAKE_PID_FIRST, 1);
        settle(bench);
        forget(bench);
        call(bench, "web", "Resume", NULL);
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> web.Resume()",
                "< web.Resume: Error.NotRunning: Cannot resume 'web': it is not running",
                "> web.Destroy(0)",
                "web: State 'inactive', StateReason 'destroyed', NextRestartTimestamp 0",
                "web.StateChanged('crashed', 'inactive', 'destroyed', {ExitCode: 1})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Destroy()");
        expect_empty(bench);
}

/* What cannot be started again has crashed once more. */
static void test_restart_fails(Bench *bench, gconstpointer data) {
        restarts_are(bench, 2, 1000);
        create_with(bench, "web", "OnCrash", "restart");
        exec_fails("No such file or directory");
        process_exits(FAKE_PID_FIRST, 1);
        await(bench, "'preserved'");
        expect(bench,
                "end 101 with status 1",
                "web: State 'crashed', StateReason 'exited with status 1', Running false, Crashed true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'crashed', 'exited with status 1', {ExitCode: 1})",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'restart')",
                "web: State 'starting', StateReason 'restarting', Job job/2, Restarts 1, "
                        "NextRestartTimestamp 0",
                "web.StateChanged('crashed', 'starting', 'restarting', {})",
                "fork 102: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 102 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/2: Phase 'starting the scope'",
                "web: Leader 102",
                "systemd Get vmm-web.scope InvocationID",
                "release 102",
                "job/2: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "kill 102 SIGKILL",
                "job/2: Phase 'undoing'",
                "end 102 with status 127",
                "web: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'restart', 'failed')",
                "web: State 'crashed', StateReason 'could not be started again: Cannot run /bin/payload: "
                        "No such file or directory (exec)', ControlGroup '', InvocationID [], "
                        "StartTimestamp 0, NextRestartTimestamp set",
                "web.StateChanged('starting', 'crashed', 'could not be started again: Cannot run "
                        "/bin/payload: No such file or directory (exec)', {ExitCode: 127})",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'restart')",
                "web: State 'starting', StateReason 'restarting', Job job/3, Restarts 2, "
                        "NextRestartTimestamp 0",
                "web.StateChanged('crashed', 'starting', 'restarting', {})",
                "fork 103: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 103 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/3: Phase 'starting the scope'",
                "web: Leader 103",
                "systemd Get vmm-web.scope InvocationID",
                "release 103",
                "job/3: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "systemd KillUnit vmm-web.scope SIGKILL",
                "kill 103 SIGKILL",
                "job/3: Phase 'undoing'",
                "end 103 with status 127",
                "web: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'restart', 'failed')",
                "web: ControlGroup '', InvocationID [], StartTimestamp 0, Warnings ['Not started again, "
                        "but kept: it has been started too often in too short a time']",
                "web.Warning('Not started again, but kept: it has been started too often in too short a "
                        "time')",
                "web: State 'preserved', StateReason 'could not be started again: Cannot run "
                        "/bin/payload: No such file or directory (exec)'",
                "web.StateChanged('starting', 'preserved', 'could not be started again: Cannot run "
                        "/bin/payload: No such file or directory (exec)', {ExitCode: 127})");
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        forget(bench);
        expect_empty(bench);
}

static void test_preserve(Bench *bench, gconstpointer data) {
        create_with(bench, "web", "OnCrash", "preserve");
        process_joins(200, "vmm-web.scope");
        process_exits(FAKE_PID_FIRST, 3);
        process_exits(200, 0);
        expect(bench,
                "end 101 with status 3",
                "web: Leader 0",
                "end 200 with status 0",
                "web: State 'preserved', StateReason 'exited with status 3', Running false, Crashed true, "
                        "ControlGroup '', InvocationID [], StartTimestamp 0",
                "web.StateChanged('running', 'preserved', 'exited with status 3', {ExitCode: 3})");
        call(bench, "web", "Shutdown", "t", UINT64_C(0));
        call(bench, "web", "Stop", "a(st)t", 0, UINT64_C(0));
        expect(bench,
                "> web.Shutdown(0)",
                "< web.Shutdown: Error.NotRunning: Cannot shutdown 'web': it is not running",
                "> web.Stop([], 0)",
                "web: State 'inactive', StateReason 'destroyed'",
                "web.StateChanged('preserved', 'inactive', 'destroyed', {ExitCode: 3})",
                "- domain/web",
                "DomainRemoved('web', domain/web)",
                "< web.Stop()");
        expect_empty(bench);
}

static void test_rename_restart(Bench *bench, gconstpointer data) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        GHashTableIter iter;
        void *item;

        restarts_are(bench, 5, 1000);
        create_with(bench, "web", "OnCrash", "rename-restart");
        process_exits(FAKE_PID_FIRST, 1);
        await(bench, "'restarted: ");
        expect(bench,
                "end 101 with status 1",
                "+ domain/web-WHEN",
                "DomainAdded('web-WHEN', domain/web-WHEN)",
                "web: State 'crashed', StateReason 'exited with status 1', Running false, Crashed true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'crashed', 'exited with status 1', {ExitCode: 1})",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'restart')",
                "web: State 'starting', StateReason 'restarting', Job job/2, Restarts 1, "
                        "NextRestartTimestamp 0",
                "web.StateChanged('crashed', 'starting', 'restarting', {})",
                "fork 102: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 102 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/2: Phase 'starting the scope'",
                "web: Leader 102",
                "systemd Get vmm-web.scope InvocationID",
                "release 102",
                "job/2: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "web: State 'running', StateReason 'restarted: exited with status 1', Running true, "
                        "Crashed false, Job /",
                "web.StateChanged('starting', 'running', 'restarted: exited with status 1', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'restart', 'done')");
        process_exits(FAKE_PID_FIRST + 1, 1);
        await(bench, "'restarted: ");
        forget(bench);
        g_assert_cmpuint(g_hash_table_size(bench->manager->by_uuid), ==, 3);   /* of one second, too */

        g_hash_table_iter_init(&iter, bench->manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item))
                g_ptr_array_add(names, g_strdup(((Domain *) item)->config->name));
        for (unsigned i = 0; i < names->len; i++)
                call(bench, names->pdata[i], "Destroy", "t", UINT64_C(0));
        forget(bench);
        expect_empty(bench);
}

/* Without a name for what has ended nothing begins. */
static void test_rename_restart_refused(Bench *bench, gconstpointer data) {
        restarts_are(bench, 5, 1000);
        create_with(bench, "web", "OnCrash", "rename-restart");
        bench->manager->settings->domains_max = 1;
        process_exits(FAKE_PID_FIRST, 1);
        expect(bench,
                "end 101 with status 1",
                "web: Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, Warnings ['Not "
                        "started again, but kept: There are 1 domains already (MaxDomains=)']",
                "web.Warning('Not started again, but kept: There are 1 domains already (MaxDomains=)')",
                "web: State 'preserved', StateReason 'exited with status 1', Running false, Crashed true",
                "web.StateChanged('running', 'preserved', 'exited with status 1', {ExitCode: 1})");
        call(bench, "web", "Destroy", "t", UINT64_C(0));
        forget(bench);
        expect_empty(bench);
}

static void test_policies(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        set_policy(bench, "web", "OnPoweroff", "preserve");
        set_policy(bench, "web", "OnReboot", "destroy");
        set_policy(bench, "web", "OnCrash", "coredump");
        expect(bench,
                "> web.Set('org.example.VMManager1.Domain', 'OnPoweroff', 'preserve')",
                "web: OnPoweroff 'preserve'",
                "< web.Set()",
                "> web.Set('org.example.VMManager1.Domain', 'OnReboot', 'destroy')",
                "web: OnReboot 'destroy'",
                "< web.Set()",
                "> web.Set('org.example.VMManager1.Domain', 'OnCrash', 'coredump')",
                "< web.Set: InvalidArgs: OnCrash: 'coredump' is not one of destroy, restart, preserve, "
                        "rename-restart");
}

static void test_rename(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        create(bench, "api", CREATE_START);
        call(bench, "web", "Rename", "s", "shop");
        call(bench, "manager", "GetDomain", "s", "web");
        call(bench, "manager", "GetDomain", "s", "shop");
        call(bench, "shop", "Rename", "s", "api");
        call(bench, "shop", "Rename", "s", "a/b");
        call(bench, "shop", "Rename", "s", "shop");
        systemd_holds("FreezeUnit");
        call(bench, "shop", "Pause", NULL);
        call(bench, "shop", "Rename", "s", "web");
        systemd_goes_on("FreezeUnit");
        expect(bench,
                "> web.Rename('shop')",
                "web: Name 'shop'",
                "shop.Renamed('web', 'shop')",
                "DomainRenamed('web', 'shop', domain/shop)",
                "< web.Rename()",
                "> GetDomain('web')",
                "< GetDomain: Error.NoSuchDomain: There is no domain named 'web'",
                "> GetDomain('shop')",
                "< GetDomain(domain/shop)",
                "> shop.Rename('api')",
                "< shop.Rename: Error.DomainExists: There is a domain 'api' already",
                "> shop.Rename('a/b')",
                "< shop.Rename: InvalidArgs: Domain name 'a/b' contains '/' or ':'",
                "> shop.Rename('shop')",
                "< shop.Rename()",
                "> shop.Pause()",
                "+ job/3",
                "JobNew(3, job/3, 'shop', 'pause')",
                "shop: State 'pausing', StateReason 'pausing on request', Running false, Job job/3",
                "shop.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/3: Phase 'freezing'",
                "> shop.Rename('web')",
                "shop: Name 'web'",
                "web.Renamed('shop', 'web')",
                "DomainRenamed('shop', 'web', domain/web)",
                "< shop.Rename()",
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'pause', 'done')",
                "< shop.Pause()");
}

/* AUTODESTROY holds for each instance. */
static void test_autodestroy(Bench *bench, gconstpointer data) {
        restarts_are(bench, 5, 1000);
        bench->quiet = true;
        call(bench, CREATE, "web", 2, PAYLOAD, "OnCrash", "s", "restart", CREATE_START | CREATE_AUTODESTROY);
        process_exits(FAKE_PID_FIRST, 1);
        await(bench, "'restarting'");
        await(bench, "'restarted: ");
        forget(bench);
        bench->quiet = false;
        caller_leaves(bench, ":1.1");
        expect(bench,
                "+ job/3",
                "JobNew(3, job/3, 'web', 'stop')",
                "web: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/3",
                "web.StateChanged('running', 'stopping', 'stopping on request', {})",
                "web: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/3: Phase 'SIGTERM', DeadlineUSec set",
                "web.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "end 102 by SIGTERM",
                "web: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'stop', 'done')",
                "web: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "web.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
        expect_empty(bench);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/life/restart", test_restart);
        BENCH_TEST("/life/poweroff", test_poweroff);
        BENCH_TEST("/life/wanted", test_wanted);
        BENCH_TEST("/life/loop", test_loop);
        BENCH_TEST("/life/destroy-while-waiting", test_destroy_while_waiting);
        BENCH_TEST("/life/restart-fails", test_restart_fails);
        BENCH_TEST("/life/preserve", test_preserve);
        BENCH_TEST("/life/rename-restart", test_rename_restart);
        BENCH_TEST("/life/rename-refused", test_rename_restart_refused);
        BENCH_TEST("/life/policies", test_policies);
        BENCH_TEST("/life/rename", test_rename);
        BENCH_TEST("/life/autodestroy", test_autodestroy);
        return g_test_run();
}
