/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is done about domains that end by themselves: they go, start again, or are kept; how often, and what
 * somebody wanted to end. */

#include "bench.h"
#include "util/errors.h"

/* Nobody waits here, and nobody is early. */
static void restarts_are(Bench *bench, unsigned burst) {
        bench->manager->settings->restart_burst = burst;
        bench->manager->settings->restart_delay_usec = UINT64_C(60000000);
}

static void restart_is_due(Bench *bench, const char *name) {
        settle(bench);
        sd_event_source *timer = manager_find_by_name(bench->manager, name)->restart_timer;

        g_assert_nonnull(timer);
        g_assert_cmpint(sd_event_source_set_time(timer, 1), >=, 0);
        settle(bench);
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
        restarts_are(bench, 5);
        create_with(bench, "web", "OnCrash", "restart");
        process_exits(FAKE_PID_FIRST, 1);
        expect(bench,
                "end 101 with status 1",
                "web: State 'crashed', StateReason 'exited with status 1', Running false, Crashed true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'crashed', 'exited with status 1', {ExitCode: 1})");
        restart_is_due(bench, "web");
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
        restarts_are(bench, 5);
        create_with(bench, "web", "OnPoweroff", "restart");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "end 101 with status 0",
                "web: State 'inactive', StateReason 'exited with status 0', Running false, PoweredOff "
                        "true, Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'inactive', 'exited with status 0', {ExitCode: 0})");
        restart_is_due(bench, "web");
        forget(bench);

        /* Shutdown is one, too. */
        call(bench, "web", "Shutdown", "t", UINT64_C(0));
        restart_is_due(bench, "web");
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
        restarts_are(bench, 2);
        create_with(bench, "web", "OnCrash", "restart");
        process_dies(FAKE_PID_FIRST, SIGSEGV);
        restart_is_due(bench, "web");
        forget(bench);
        process_dies(FAKE_PID_FIRST + 1, SIGSEGV);
        restart_is_due(bench, "web");
        forget(bench);
        process_dies(FAKE_PID_FIRST + 2, SIGSEGV);
        expect(bench,
                "end 103 by SIGSEGV",
                "web: State 'preserved', StateReason 'killed by SIGSEGV', Running false, Crashed true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0",
                "web.StateChanged('running', 'preserved', 'killed by SIGSEGV', {Signal: 11})",
                "web: Warnings ['Not started again, but kept: it has been started too often in too short "
                        "a time']",
                "web.Warning('Not started again, but kept: it has been started too often in too short a "
                        "time')");
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
        restarts_are(bench, 2);
        create_with(bench, "web", "OnCrash", "restart");
        exec_fails("No such file or directory");
        process_exits(FAKE_PID_FIRST, 1);
        restart_is_due(bench, "web");
        restart_is_due(bench, "web");
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
                "web: State 'preserved', StateReason 'could not be started again: Cannot run "
                        "/bin/payload: No such file or directory (exec)', ControlGroup '', InvocationID "
                        "[], StartTimestamp 0",
                "web.StateChanged('starting', 'preserved', 'could not be started again: Cannot run "
                        "/bin/payload: No such file or directory (exec)', {ExitCode: 127})",
                "web: Warnings ['Not started again, but kept: it has been started too often in too short "
                        "a time']",
                "web.Warning('Not started again, but kept: it has been started too often in too short a "
                        "time')");
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

        restarts_are(bench, 5);
        create_with(bench, "web", "OnCrash", "rename-restart");
        process_exits(FAKE_PID_FIRST, 1);
        restart_is_due(bench, "web");
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
        restart_is_due(bench, "web");
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
        restarts_are(bench, 5);
        create_with(bench, "web", "OnCrash", "rename-restart");
        bench->manager->settings->domains_max = 1;
        process_exits(FAKE_PID_FIRST, 1);
        expect(bench,
                "end 101 with status 1",
                "web: State 'preserved', StateReason 'exited with status 1', Running false, Crashed true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0",
                "web.StateChanged('running', 'preserved', 'exited with status 1', {ExitCode: 1})",
                "web: Warnings ['Not started again, but kept: There are 1 domains already (MaxDomains=)']",
                "web.Warning('Not started again, but kept: There are 1 domains already (MaxDomains=)')");
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
        restarts_are(bench, 5);
        bench->quiet = true;
        call(bench, CREATE, "web", 2, PAYLOAD, "OnCrash", "s", "restart", CREATE_START | CREATE_AUTODESTROY);
        process_exits(FAKE_PID_FIRST, 1);
        restart_is_due(bench, "web");
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

/* ---- Guests. ---- */

static void create_guest(Bench *bench, const char *key, const char *action) {
        bench->quiet = true;
        call(bench, CREATE, "vm", 3, QEMU, key, "s", action, CREATE_START);
        bench->quiet = false;
        forget(bench);
}

/* QEMU tells why, and that it stands still. */
static void guest_ends(Bench *bench, const char *reason) {
        monitor_tells("SHUTDOWN", reason);
        monitor_tells_data("STOP", "{}");
        settle(bench);
}

static void guest_panics(Bench *bench) {
        monitor_tells_data("GUEST_PANICKED", "{\"action\": \"pause\"}");
        monitor_tells_data("STOP", "{}");
        settle(bench);
}

/* Firmware has had its time. */
static void time_passes(Bench *bench, const char *name) {
        settle(bench);
        manager_find_by_name(bench->manager, name)->reset_usec -= UINT64_C(5000000);
}

/* Within the same QEMU; a reset by us is none. */
static void test_guest_reset(Bench *bench, gconstpointer data) {
        restarts_are(bench, 1);
        create_qemu(bench, "vm", CREATE_START);
        monitor_tells("RESET", "host-qmp-system-reset");
        monitor_tells("RESET", "guest-reset");    /* by its firmware */
        expect_nothing(bench);
        time_passes(bench, "vm");
        monitor_tells("RESET", "guest-reset");
        monitor_tells("RESET", "guest-reset");
        expect(bench,
                "vm: StateReason 'rebooted by its guest', Restarts 1");
        time_passes(bench, "vm");
        monitor_tells("RESET", "guest-reset");
        expect(bench,
                "vm: State 'preserved', Running false, Rebooting true",
                "vm.StateChanged('running', 'preserved', 'rebooted by its guest', {})",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'preserve')",
                "vm: Job job/2, Warnings ['Not started again, but kept: it has been started too often in "
                        "too short a time']",
                "vm.Warning('Not started again, but kept: it has been started too often in too short a "
                        "time')",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: FreezerState 'frozen', Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'preserve', 'done')");
        call(bench, "vm", "Resume", NULL);
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> vm.Resume()",
                "< vm.Resume: Error.NotRunning: Cannot resume 'vm': it is not running",
                "> vm.Destroy(4)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Dying true, Job job/3",
                "vm.StateChanged('preserved', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/3: Phase 'SIGKILL', DeadlineUSec set",
                "vm.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, Rebooting false, "
                        "StopPhase '', StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Destroy()");
        expect_empty(bench);
}

static void test_guest_preserve(Bench *bench, gconstpointer data) {
        create_guest(bench, "OnPoweroff", "preserve");
        guest_ends(bench, "guest-shutdown");
        expect(bench,
                "vm: State 'preserved', StateReason 'guest-shutdown', Running false, PoweredOff true",
                "vm.StateChanged('running', 'preserved', 'guest-shutdown', {})",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'preserve')",
                "vm: Job job/2",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: FreezerState 'frozen', Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'preserve', 'done')");
        call(bench, "vm", "Destroy", "t", UINT64_C(0));
        expect(bench,
                "> vm.Destroy(0)",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Dying true, Job job/3",
                "vm.StateChanged('preserved', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGTERM', StopDeadlineUSec set",
                "job/3: Phase 'SIGTERM', DeadlineUSec set",
                "vm.StopStep('SIGTERM', 0, 2)",
                "systemd KillUnit vmm-vm.scope SIGTERM",
                "systemd ThawUnit vmm-vm.scope",
                "end 101 by SIGTERM",
                "vm: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'stopped by SIGTERM', Dying false, PoweredOff false, "
                        "StopPhase '', StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGTERM', {Signal: 15})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Destroy()");
        expect_empty(bench);
}

/* What QEMU does by itself follows the policies. */
static void test_guest_policies(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        set_policy(bench, "vm", "OnCrash", "preserve");
        guest_panics(bench);
        expect(bench,
                "> vm.Set('org.example.VMManager1.Domain', 'OnCrash', 'preserve')",
                "vm: OnCrash 'preserve'",
                "< vm.Set()",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"poweroff\",\"panic\":\"pause\"}",
                "vm: State 'preserved', StateReason 'guest-panic', Running false, Crashed true",
                "vm.StateChanged('running', 'preserved', 'guest-panic', {})",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'preserve')",
                "vm: Job job/2",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/2: Phase 'freezing'",
                "vm: FreezerState 'frozen', Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'preserve', 'done')");

        /* Its QEMU is killed under it. */
        process_dies(FAKE_PID_FIRST, SIGKILL);
        expect(bench,
                "end 101 by SIGKILL",
                "vm: Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, FreezerState 'running'");
        call(bench, "vm", "Destroy", "t", UINT64_C(0));
        forget(bench);
        expect_empty(bench);
}

/* QEMU stays, but nobody wants that. */
static void test_guest_quit(Bench *bench, gconstpointer data) {
        create_guest(bench, "OnPoweroff", "preserve");
        guest_panics(bench);
        expect(bench,
                "vm: State 'stopping', StateReason 'guest-panic', Running false, Dying true, Crashed true",
                "vm.StateChanged('running', 'stopping', 'guest-panic', {})",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'end')",
                "vm: Job job/2",
                "qemu quit");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "end 101 with status 0",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'end', 'done')",
                "vm: State 'inactive', Dying false",
                "vm.StateChanged('stopping', 'inactive', 'guest-panic', {ExitCode: 0})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);

        monitor_does("quit", MONITOR_WAITS);
        create_guest(bench, "OnPoweroff", "preserve");
        guest_panics(bench);
        forget(bench);
        time_is_up(bench, "vm", UINT64_C(5000000));
        expect(bench,
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 102 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'vm', 'end', 'done')",
                "vm: State 'inactive', Dying false",
                "vm.StateChanged('stopping', 'inactive', 'guest-panic', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

/* A stop that was asked for is one, whatever is to be kept. */
static void test_guest_stop(Bench *bench, gconstpointer data) {
        create_guest(bench, "OnPoweroff", "preserve");
        call(bench, "vm", "Stop", "a(st)t", 1, "guest", UINT64_C(60000000), UINT64_C(0));
        guest_ends(bench, "guest-shutdown");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "> vm.Stop([('guest', 60000000)], 0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "vm.StateChanged('running', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'guest', StopDeadlineUSec set",
                "job/2: Phase 'guest', DeadlineUSec set",
                "vm.StopStep('guest', 0, 1)",
                "qemu system_powerdown",
                "qemu quit",
                "end 101 with status 0",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'done')",
                "vm: State 'inactive', StateReason 'shut down', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'shut down', {ExitCode: 0})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Stop()");
        expect_empty(bench);
}

static void test_guest_reboot(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "Reboot", "t", UINT64_C(0));
        guest_ends(bench, "guest-shutdown");
        expect(bench,
                "> vm.Reboot(0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'reboot')",
                "job/2: Phase 'asking the guest'",
                "vm: Job job/2",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"pause\",\"panic\":\"shutdown\"}",
                "qemu system_powerdown",
                "vm: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'reboot', 'done')",
                "< vm.Reboot()",
                "vm: Rebooting true",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"poweroff\",\"panic\":\"shutdown\"}",
                "qemu system_reset");
        monitor_tells("RESET", "host-qmp-system-reset");
        expect(bench,
                "qemu cont",
                "vm: StateReason 'rebooted on request', Rebooting false, Restarts 1",
                "qemu set-action {\"reboot\":\"reset\",\"shutdown\":\"poweroff\",\"panic\":\"shutdown\"}");

        /* That was that: now it powers off. */
        guest_ends(bench, "guest-shutdown");
        process_exits(FAKE_PID_FIRST, 0);
        expect(bench,
                "vm: State 'stopping', StateReason 'guest-shutdown', Running false, Dying true, "
                        "PoweredOff true",
                "vm.StateChanged('running', 'stopping', 'guest-shutdown', {})",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'end')",
                "vm: Job job/3",
                "qemu quit",
                "end 101 with status 0",
                "vm: Leader 0, Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'end', 'done')",
                "vm: State 'inactive', Dying false",
                "vm.StateChanged('stopping', 'inactive', 'guest-shutdown', {ExitCode: 0})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

/* Its job is still in progress when the guest is off already. */
static void test_guest_reboot_at_once(Bench *bench, gconstpointer data) {
        create_guest(bench, "OnReboot", "preserve");
        monitor_does("system_powerdown", MONITOR_WAITS);
        call(bench, "vm", "Reboot", "t", UINT64_C(0));
        guest_ends(bench, "guest-shutdown");
        monitor_goes_on("system_powerdown");
        expect(bench,
                "> vm.Reboot(0)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'reboot')",
                "job/2: Phase 'asking the guest'",
                "vm: Job job/2",
                "qemu set-action {\"reboot\":\"shutdown\",\"shutdown\":\"pause\",\"panic\":\"shutdown\"}",
                "qemu system_powerdown",
                "vm: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'reboot', 'done')",
                "vm: State 'preserved', StateReason 'guest-shutdown', Running false, Rebooting true",
                "vm.StateChanged('running', 'preserved', 'guest-shutdown', {})",
                "+ job/3",
                "JobNew(3, job/3, 'vm', 'preserve')",
                "< vm.Reboot()",
                "vm: Job job/3",
                "qemu stop",
                "systemd FreezeUnit vmm-vm.scope",
                "job/3: Phase 'freezing'",
                "vm: FreezerState 'frozen', Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'vm', 'preserve', 'done')");
}

static void test_guest_rename_restart(Bench *bench, gconstpointer data) {
        restarts_are(bench, 5);
        create_guest(bench, "OnCrash", "rename-restart");
        guest_panics(bench);
        expect(bench, "+ domain/vm-WHEN", "DomainAdded('vm-WHEN', domain/vm-WHEN)", "+ job/2",
                "JobNew(2, job/2, 'vm-WHEN', 'preserve')",
                "systemd StartTransientUnit vmm-vm-WHEN.scope in machine.slice: 101 TimeoutStop=43200ms "
                        "'vm-WHEN' MemoryMax=413138944 OOMPolicy='continue' DevicePolicy='closed' "
                        "DeviceAllow=[] DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', "
                        "'rw'), ('/dev/char/10:196', 'rw')]",
                "vm: State 'crashed', StateReason 'guest-panic', Running false, Crashed true, Leader 0, "
                        "MemoryActual 0",
                "vm-WHEN: Job job/2",
                "vm.StateChanged('running', 'crashed', 'guest-panic', {})",
                "systemd Get vmm-vm-WHEN.scope InvocationID",
                "systemd FreezeUnit vmm-vm-WHEN.scope",
                "job/2: Phase 'freezing'",
                "vm-WHEN: ControlGroup '/machine.slice/vmm-vm-WHEN.scope', StartTimestamp set",
                "vm: ControlGroup '', InvocationID [], StartTimestamp 0, NextRestartTimestamp set",
                "vm-WHEN: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "vm-WHEN: FreezerState 'frozen', Job /", "- job/2",
                "JobRemoved(2, job/2, 'vm-WHEN', 'preserve', 'done')");
        restart_is_due(bench, "vm");
        forget(bench);
        g_assert_cmpuint(manager_find_by_name(bench->manager, "vm")->state, ==, DOMAIN_RUNNING);
}

/* It cannot be kept apart: what is left of it is its console. */
static void test_guest_rename_refused(Bench *bench, gconstpointer data) {
        restarts_are(bench, 5);
        create_guest(bench, "OnCrash", "rename-restart");
        systemd_refuses("StartTransientUnit vmm-vm-", SD_BUS_ERROR_FAILED, "no");
        guest_panics(bench);
        expect(bench, "+ domain/vm-WHEN", "DomainAdded('vm-WHEN', domain/vm-WHEN)", "+ job/2",
                "JobNew(2, job/2, 'vm-WHEN', 'preserve')",
                "systemd StartTransientUnit vmm-vm-WHEN.scope in machine.slice: 101 TimeoutStop=43200ms "
                        "'vm-WHEN' MemoryMax=413138944 OOMPolicy='continue' DevicePolicy='closed' "
                        "DeviceAllow=[] DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', "
                        "'rw'), ('/dev/char/10:196', 'rw')]",
                "vm: State 'crashed', StateReason 'guest-panic', Running false, Crashed true, Leader 0, "
                        "MemoryActual 0",
                "vm-WHEN: Job job/2",
                "vm.StateChanged('running', 'crashed', 'guest-panic', {})",
                "vm-WHEN: Job /, Warnings ['Its processes could not be kept: no']",
                "vm-WHEN.Warning('Its processes could not be kept: no')", "kill 101 SIGKILL", "- job/2",
                "JobRemoved(2, job/2, 'vm-WHEN', 'preserve', 'failed')", "end 101 by SIGKILL",
                "vm-WHEN: Leader 0",
                "vm: ControlGroup '', InvocationID [], StartTimestamp 0, NextRestartTimestamp set");
        restart_is_due(bench, "vm");
        g_assert_cmpuint(manager_find_by_name(bench->manager, "vm")->state, ==, DOMAIN_RUNNING);
}

static void test_guest_sleeps(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_tells_data("SUSPEND", "{}");
        settle(bench);
        monitor_tells_data("WAKEUP", "{}");
        expect(bench,
                "vm: Suspended true",
                "vm: Suspended false");
}

static void test_reboot(Bench *bench, gconstpointer data) {
        restarts_are(bench, 0);
        create(bench, "web", CREATE_START);
        call(bench, "web", "Reboot", "t", UINT64_C(0));
        expect(bench,
                "> web.Reboot(0)",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'reboot')",
                "systemd KillUnit vmm-web.scope SIGTERM",
                "job/2: Phase 'asking the guest'",
                "web: Job job/2",
                "web: Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'reboot', 'done')",
                "< web.Reboot()",
                "end 101 by SIGTERM",
                "web: State 'inactive', StateReason 'killed by SIGTERM', Running false, Rebooting true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "web.StateChanged('running', 'inactive', 'killed by SIGTERM', {Signal: 15})",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'restart')",
                "web: State 'starting', StateReason 'restarting', Job job/3, Restarts 1, "
                        "NextRestartTimestamp 0",
                "web.StateChanged('inactive', 'starting', 'restarting', {})",
                "fork 102: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 102 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/3: Phase 'starting the scope'",
                "web: Leader 102",
                "systemd Get vmm-web.scope InvocationID",
                "release 102",
                "job/3: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "web: State 'running', StateReason 'restarted: killed by SIGTERM', Running true, "
                        "Rebooting false, Job /",
                "web.StateChanged('starting', 'running', 'restarted: killed by SIGTERM', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'restart', 'done')");
        process_exits(FAKE_PID_FIRST + 1, 0);
        expect(bench,
                "end 102 with status 0",
                "web: State 'inactive', StateReason 'exited with status 0', Running false, PoweredOff "
                        "true, Leader 0",
                "web.StateChanged('running', 'inactive', 'exited with status 0', {ExitCode: 0})",
                "- domain/web",
                "DomainRemoved('web', domain/web)");
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
        BENCH_TEST("/life/guest-reset", test_guest_reset);
        BENCH_TEST("/life/guest-preserve", test_guest_preserve);
        BENCH_TEST("/life/guest-policies", test_guest_policies);
        BENCH_TEST("/life/guest-quit", test_guest_quit);
        BENCH_TEST("/life/guest-stop", test_guest_stop);
        BENCH_TEST("/life/guest-reboot", test_guest_reboot);
        BENCH_TEST("/life/guest-reboot-at-once", test_guest_reboot_at_once);
        BENCH_TEST("/life/guest-rename-restart", test_guest_rename_restart);
        BENCH_TEST("/life/guest-rename-refused", test_guest_rename_refused);
        BENCH_TEST("/life/guest-sleeps", test_guest_sleeps);
        BENCH_TEST("/life/reboot", test_reboot);
        return g_test_run();
}
