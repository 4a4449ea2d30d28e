/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may do what: which question polkit is asked about which caller, what its answers mean, and that
 * nothing goes without one. The matrix is driven by introspection, so that a new member without a check is
 * found. */

#include <string.h>

#include "bench.h"
#include "introspection.h"
#include "util/auto.h"

#define ALICE ":1.7"

static void pause_as_alice(Bench *bench) {
        message_send(bench, message_new_as(bench, ALICE, "web", "Pause"));
}

static void setup(Bench *bench, gconstpointer data) {
        bench_setup(bench, data);
        caller_is(bench, ALICE, 1000);
        create(bench, "web", CREATE_START);
}

/* Root is known by the bus, and nobody else is asked. */
static void test_root(Bench *bench, gconstpointer data) {
        sd_bus_message *m = message_new_as(bench, ":1.8", "web", "Resume");

        bench->bus_waits = true;
        message_send(bench, m);
        expect(bench,
                "> web.Resume()");
        bus_answers(bench);
        expect(bench,
                "< web.Resume()");

        /* A connection's user cannot change: the bus is asked once. */
        m = message_new_as(bench, ":1.8", "web", "Resume");
        message_send(bench, m);
        expect(bench,
                "> web.Resume()",
                "< web.Resume()");
}

static void test_yes(Bench *bench, gconstpointer data) {
        bench->polkit = POLKIT_WAITS;
        pause_as_alice(bench);
        expect(bench,
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause");
        polkit_answers(bench, POLKIT_YES);
        expect(bench,
                "+ job/2",
                "JobNew(2, job/2, 'web', 'pause')",
                "web: State 'pausing', StateReason 'pausing on request', Running false, Job job/2",
                "web.StateChanged('running', 'pausing', 'pausing on request', {})",
                "systemd FreezeUnit vmm-web.scope",
                "job/2: Phase 'freezing'",
                "web: State 'paused', StateReason 'paused on request', Paused true, FreezerState "
                        "'frozen', PauseReasons ['user'], Job /",
                "web.StateChanged('pausing', 'paused', 'paused on request', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'done')",
                "< web.Pause()");

        /* The next question is a new one. */
        bench->polkit = POLKIT_NO;
        message_send(bench, message_new_as(bench, ALICE, "web", "Resume"));
        expect(bench,
                "> web.Resume()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Resume",
                "< web.Resume: AccessDenied: Access denied: polkit refuses org.example.VMManager1.pause");
}

static void test_challenge(Bench *bench, gconstpointer data) {
        sd_bus_message *m;

        bench->polkit = POLKIT_CHALLENGE;
        pause_as_alice(bench);
        expect(bench,
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause",
                "< web.Pause: InteractiveAuthorizationRequired: Interactive authorization is required for "
                        "org.example.VMManager1.pause");

        /* The user was asked, and gave the wrong password. */
        m = message_new_as(bench, ALICE, "web", "Pause");
        g_assert_cmpint(sd_bus_message_set_allow_interactive_authorization(m, true), >=, 0);
        message_send(bench, m);
        expect(bench,
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause, "
                        "interactive",
                "< web.Pause: AccessDenied: Access denied: polkit refuses org.example.VMManager1.pause");
}

/* Whatever is no clear yes is a no. */
static void test_no_answer(Bench *bench, gconstpointer data) {
        static const PolkitMood moods[] = {POLKIT_NO, POLKIT_ABSENT, POLKIT_FAILS, POLKIT_BABBLES};

        for (size_t i = 0; i < G_N_ELEMENTS(moods); i++) {
                bench->polkit = moods[i];
                pause_as_alice(bench);
        }
        expect(bench,
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause",
                "< web.Pause: AccessDenied: Access denied: polkit refuses org.example.VMManager1.pause",
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause",
                "< web.Pause: AccessDenied: Access denied: polkit is not there to be asked",
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause",
                "< web.Pause: AccessDenied: Access denied: polkit did not answer",
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause",
                "< web.Pause: AccessDenied: Access denied: polkit's answer makes no sense");
}

/* Nor does the bus's not knowing the caller make him root. */
static void test_unknown_caller(Bench *bench, gconstpointer data) {
        caller_leaves(bench, ALICE);
        pause_as_alice(bench);
        expect(bench,
                "> web.Pause()",
                "< web.Pause: AccessDenied: The bus does not know who calls");
}

/* The answer is about a domain that is not there any more. */
static void test_vanished(Bench *bench, gconstpointer data) {
        bench->polkit = POLKIT_WAITS;
        pause_as_alice(bench);
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        polkit_answers(bench, POLKIT_YES);
        expect(bench,
                "< web.Pause: UnknownObject: Unknown object '/org/example/VMManager1/domain/web'.");
        expect_empty(bench);
}

/* An answer about one domain is none about another of its name. */
static void test_replaced(Bench *bench, gconstpointer data) {
        bench->polkit = POLKIT_WAITS;
        pause_as_alice(bench);
        call(bench, "web", "Destroy", "t", UINT64_C(4));
        create(bench, "web", CREATE_START);
        polkit_answers(bench, POLKIT_YES);
        expect(bench,
                "< web.Pause: AccessDenied: Access denied: 'web' is not what it was when polkit was asked");
}

/* polkit tells by an error that the subject is gone; a late yes would count, but nothing waits for it. */
static void test_caller_leaves(Bench *bench, gconstpointer data) {
        bench->polkit = POLKIT_WAITS;
        pause_as_alice(bench);
        caller_leaves(bench, ALICE);
        forget(bench);
        polkit_answers(bench, POLKIT_FAILS);
        expect(bench,
                "< web.Pause: AccessDenied: Access denied: polkit did not answer");
}

/* Questions of others keep neither root nor, below the bound of all, other users waiting. */
static void test_limits(Bench *bench, gconstpointer data) {
        bench->polkit = POLKIT_WAITS;
        bench->quiet = true;
        for (unsigned i = 0; i < AUTHORITY_QUESTIONS_PER_USER_MAX; i++)
                pause_as_alice(bench);
        forget(bench);
        bench->quiet = false;
        pause_as_alice(bench);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Pause()",
                "< web.Pause: Error.LimitExceeded: User 1000 has too many questions open",
                "> web.Resume()",
                "< web.Resume()");

        bench->quiet = true;
        polkit_answers(bench, POLKIT_NO);
        forget(bench);
        bench->quiet = false;
        pause_as_alice(bench);
        expect(bench,
                "> web.Pause()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause");
        while (bench->n_open > 0)
                polkit_answers(bench, POLKIT_NO);
}

static void test_limit_of_all(Bench *bench, gconstpointer data) {
        static char senders[AUTHORITY_QUESTIONS_MAX + 1][16];

        bench->polkit = POLKIT_WAITS;
        bench->quiet = true;
        for (unsigned i = 0; i <= AUTHORITY_QUESTIONS_MAX; i++) {
                sd_bus_message *m = message_new(bench, "web", "Pause");

                g_snprintf(senders[i], sizeof senders[i], ":2.%u", i);
                caller_is(bench, senders[i], 2000 + i);
                g_assert_cmpint(sd_bus_message_set_sender(m, senders[i]), >=, 0);
                message_send(bench, m);
        }
        g_assert_cmpstr(bench->answer, ==, ": Error.LimitExceeded: Too many questions are open");
        bench->quiet = false;
        forget(bench);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "< web.Resume()");
        while (bench->n_open > 0)
                polkit_answers(bench, POLKIT_NO);
}

static void get_log_as_alice(Bench *bench, const char *name) {
        sd_bus_message *m = message_new_as(bench, ALICE, "manager", "GetConsoleLog");

        message_append(m, "su", name, 10);
        message_send(bench, m);
}

/* What polkit is told of the domain is the domain's, also after its end. */
static void test_details(Bench *bench, gconstpointer data) {
        sd_bus_message *m;

        bench->polkit = POLKIT_YES;
        create_as(bench, ALICE, "hers", CREATE_START);
        forget(bench);
        m = message_new_as(bench, ALICE, "hers", "Kill");
        message_append(m, "si", "leader", 10);
        message_send(bench, m);
        get_log_as_alice(bench, "hers");
        expect(bench,
                "> hers.Kill('leader', 10)",
                "polkit? :1.7: stop, domain hers uuid of hers slice machine.slice owner 1000 verb Kill",
                "kill 102 SIGUSR1",
                "< hers.Kill()",
                "> GetConsoleLog('hers', 10)",
                "polkit? :1.7: console, domain hers uuid of hers slice machine.slice owner 1000 verb "
                        "GetConsoleLog",
                "< GetConsoleLog([])");
        process_exits(FAKE_PID_FIRST + 1, 0);
        settle(bench);
        forget(bench);
        get_log_as_alice(bench, "hers");
        expect(bench,
                "> GetConsoleLog('hers', 10)",
                "polkit? :1.7: console, domain hers uuid of hers slice machine.slice owner 1000 verb "
                        "GetConsoleLog",
                "< GetConsoleLog([])");
}

/* Who may begin a verb may cancel it, and nobody else. */
static void test_cancel(Bench *bench, gconstpointer data) {
        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        message_send(bench, message_new_as(bench, ALICE, "job/2", "Cancel"));
        expect(bench,
                "> job/2.Cancel()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause",
                "< job/2.Cancel: AccessDenied: Access denied: polkit refuses org.example.VMManager1.pause");
        bench->polkit = POLKIT_YES;
        message_send(bench, message_new_as(bench, ALICE, "job/2", "Cancel"));
        expect(bench,
                "> job/2.Cancel()",
                "polkit? :1.7: pause, domain web uuid of web slice machine.slice owner 0 verb Pause",
                "systemd ThawUnit vmm-web.scope",
                "job/2: Phase 'undoing'",
                "web: State 'running', StateReason 'could not be paused', Running true, Job /",
                "web.StateChanged('pausing', 'running', 'could not be paused', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'pause', 'canceled')",
                "< web.Pause: Error.Canceled: The pause of 'web' was canceled",
                "< job/2.Cancel()");
}

static void test_set(Bench *bench, gconstpointer data) {
        static const PolkitMood moods[] = {POLKIT_NO, POLKIT_YES};

        for (size_t i = 0; i < G_N_ELEMENTS(moods); i++) {
                sd_bus_message *m = message_new_set(bench, "web", "PauseTimeoutUSec");

                bench->polkit = moods[i];
                g_assert_cmpint(sd_bus_message_set_sender(m, ALICE), >=, 0);
                message_append(m, "v", "t", UINT64_C(5000000));
                message_send(bench, m);
        }
        expect(bench,
                "> web.Set('org.example.VMManager1.Domain', 'PauseTimeoutUSec', 5000000)",
                "polkit? :1.7: configure, domain web uuid of web slice machine.slice owner 0 verb "
                        "PauseTimeoutUSec",
                "< web.Set: AccessDenied: Access denied: polkit refuses org.example.VMManager1.configure",
                "> web.Set('org.example.VMManager1.Domain', 'PauseTimeoutUSec', 5000000)",
                "polkit? :1.7: configure, domain web uuid of web slice machine.slice owner 0 verb "
                        "PauseTimeoutUSec",
                "web: PauseTimeoutUSec 5000000",
                "< web.Set()");
}

/* A user's own manager asks nobody: the user is the one who may. */
static void test_user_mode(Bench *bench, gconstpointer data) {
        sd_bus_message *m;

        caller_is(bench, ":1.1", geteuid());
        caller_is(bench, ALICE, geteuid() + 1);
        create(bench, "web", CREATE_START);
        pause_as_alice(bench);
        m = message_new(bench, "manager", "CreateDomain");
        message_append(m, "sa{sv}t", "other", 2, PAYLOAD, "User", "s", "bob", CREATE_START);
        message_send(bench, m);
        expect(bench,
                "> web.Pause()",
                "< web.Pause: AccessDenied: Access denied: this is another user's manager",
                "> CreateDomain('other', {Command: ['/bin/payload'], User: 'bob'}, 1)",
                "< CreateDomain: Error.NotSupported: User: a user's own manager cannot change users");
}

/* ---- Every member there is. ---- */

/* What makes a call of each that would go well if it were allowed. */
static void append_argument(sd_bus_message *m, const char *member, const char *type) {
        if (g_str_equal(type, "s"))
                message_append(m, "s", g_str_equal(member, "Kill") ? "leader"
                                : g_str_equal(member, "GetConsoleLog") ? "web"
                        : g_str_equal(member, "UpdateResourcesOCI") ? "{\"pids\": {\"limit\": 5}}"
                        : g_str_has_suffix(member, "Device") ? "/dev/kvm" : "new");
        else if (g_str_equal(type, "a{sv}") && g_str_equal(member, "CreateDomain"))
                message_append(m, "a{sv}", 1, PAYLOAD);
        else if (g_str_equal(member, "AttachNetwork"))
                message_append(m, "a{sv}", 1, "Mode", "s", "user");
        else if (g_str_equal(type, "a{sv}"))
                message_append(m, "a{sv}", 0);
        else if (g_str_equal(type, "a(st)"))
                message_append(m, "a(st)", 1, "SIGTERM", UINT64_C(1000));
        else if (g_str_equal(type, "a(sv)"))
                message_append(m, "a(sv)", 1, "TasksMax", "t", UINT64_C(5));
        else if (g_str_equal(type, "t"))
                message_append(m, "t", UINT64_C(0));
        else if (g_str_equal(type, "u"))
                message_append(m, "u", 200);
        else if (g_str_equal(type, "q"))
                message_append(m, "q", 0x60);
        else if (g_str_equal(type, "i"))
                message_append(m, "i", 15);
        else if (g_str_equal(type, "as"))
                message_append(m, "as", 1, "a");
        else if (g_str_equal(type, "au"))
                message_append(m, "au", 1, 200);
        else if (g_str_equal(type, "ah")) {
                autofd int pidfd = process_pidfd(200);
                message_append(m, "ah", 1, pidfd);
        } else if (g_str_equal(type, "h")) {
                autofd int pidfd = process_pidfd(200);
                message_append(m, "h", pidfd);
        } else
                g_error("%s: what would be an argument of type %s?", member, type);
}

static void try_member(Bench *bench, const char *object, const Member *member) {
        g_auto(GStrv) types = g_strsplit(member->in, " ", -1);
        sd_bus_message *m;

        if (member->writable) {
                m = message_new_set(bench, object, member->name);
                g_assert_cmpint(sd_bus_message_open_container(m, 'v', member->type), >=, 0);
                append_argument(m, member->name, member->type);
                g_assert_cmpint(sd_bus_message_close_container(m), >=, 0);
        } else
                m = message_new(bench, object, member->name);
        for (char **type = types; *type; type++)
                append_argument(m, member->name, *type);
        g_assert_cmpint(sd_bus_message_set_sender(m, ALICE), >=, 0);
        g_clear_pointer(&bench->answer, g_free);
        message_send(bench, m);
        g_assert_nonnull(bench->answer);
}

static void try_members(Bench *bench, const char *object) {
        g_autoptr(GPtrArray) members = introspect(bench, object, NULL);
        g_autoptr(GString) heard = g_string_new(NULL);

        for (unsigned i = 0; i < members->len; i++) {
                const Member *member = members->pdata[i];

                if (!member->writable && !g_str_equal(member->kind, "method"))
                        continue;
                forget(bench);
                try_member(bench, object, member);
                g_string_append_printf(heard, "%s: ", member->name);
                if (g_str_has_prefix(bench->answer, ": AccessDenied"))
                        g_string_append_printf(heard, "%s\n", bench->answer + strlen(": AccessDenied: "));
                else   /* with all that it did */
                        g_string_append_printf(heard, "nobody is asked\n%s", bench->transcript->str);
        }
        g_string_assign(bench->transcript, heard->str);
}

static void test_matrix(Bench *bench, gconstpointer data) {
        process_runs(200, 1000);
        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        bench->quiet = true;
        try_members(bench, "manager");
        expect(bench,
                "CreateDomain: Access denied: polkit refuses org.example.VMManager1.create",
                "AdoptProcesses: Access denied: polkit refuses org.example.VMManager1.adopt",
                "AdoptProcessFDs: Access denied: polkit refuses org.example.VMManager1.adopt",
                "RestoreDomain: Access denied: polkit refuses org.example.VMManager1.save",
                "RestoreDomainFD: Access denied: polkit refuses org.example.VMManager1.save",
                "GetDomain: nobody is asked",
                "GetDomainByUUID: nobody is asked",
                "GetDomainByPID: nobody is asked",
                "GetDomainByPIDFD: nobody is asked",
                "GetDomainByControlGroup: nobody is asked",
                "ListDomains: nobody is asked",
                "GetStats: nobody is asked",
                "GetConsoleLog: Access denied: polkit refuses org.example.VMManager1.console",
                "GetLog: Access denied: polkit refuses org.example.VMManager1.inspect",
                "GetHypervisorLog: Access denied: polkit refuses org.example.VMManager1.inspect",
                "ClearHypervisorLog: Access denied: polkit refuses org.example.VMManager1.inspect");
        try_members(bench, "node");
        expect(bench,
                "PowerOff: Access denied: polkit refuses org.example.VMManager1.host-power",
                "Reboot: Access denied: polkit refuses org.example.VMManager1.host-power");
        try_members(bench, "web");
        expect(bench,
                "Pause: Access denied: polkit refuses org.example.VMManager1.pause",
                "Resume: Access denied: polkit refuses org.example.VMManager1.pause",
                "Shutdown: Access denied: polkit refuses org.example.VMManager1.stop",
                "Reboot: Access denied: polkit refuses org.example.VMManager1.stop",
                "Destroy: Access denied: polkit refuses org.example.VMManager1.stop",
                "Stop: Access denied: polkit refuses org.example.VMManager1.stop",
                "Reset: Access denied: polkit refuses org.example.VMManager1.stop",
                "SendSysRq: Access denied: polkit refuses org.example.VMManager1.sysrq",
                "SendKeys: Access denied: polkit refuses org.example.VMManager1.console",
                "InjectNMI: Access denied: polkit refuses org.example.VMManager1.sysrq",
                "SetMemory: Access denied: polkit refuses org.example.VMManager1.configure",
                "SetMaxMemory: Access denied: polkit refuses org.example.VMManager1.configure",
                "SetVCPUs: Access denied: polkit refuses org.example.VMManager1.configure",
                "Kill: Access denied: polkit refuses org.example.VMManager1.stop",
                "AttachDisk: Access denied: polkit refuses org.example.VMManager1.configure",
                "DetachDisk: Access denied: polkit refuses org.example.VMManager1.configure",
                "AttachNetwork: Access denied: polkit refuses org.example.VMManager1.configure",
                "DetachNetwork: Access denied: polkit refuses org.example.VMManager1.configure",
                "WaitForDevices: Access denied: polkit refuses org.example.VMManager1.inspect",
                "Rename: Access denied: polkit refuses org.example.VMManager1.configure",
                "Save: Access denied: polkit refuses org.example.VMManager1.save",
                "SaveFD: Access denied: polkit refuses org.example.VMManager1.save",
                "AddDevice: Access denied: polkit refuses org.example.VMManager1.configure",
                "RemoveDevice: Access denied: polkit refuses org.example.VMManager1.configure",
                "GrantIOPorts: Access denied: polkit refuses org.example.VMManager1.configure",
                "RevokeIOPorts: Access denied: polkit refuses org.example.VMManager1.configure",
                "SetResources: Access denied: polkit refuses org.example.VMManager1.configure",
                "UpdateResourcesOCI: Access denied: polkit refuses org.example.VMManager1.configure",
                "AddProcess: Access denied: polkit refuses org.example.VMManager1.adopt",
                "AddProcessFD: Access denied: polkit refuses org.example.VMManager1.adopt",
                "GetProcesses: Access denied: polkit refuses org.example.VMManager1.inspect",
                "GetVCPUs: Access denied: polkit refuses org.example.VMManager1.inspect",
                "PinVCPU: Access denied: polkit refuses org.example.VMManager1.configure",
                "WeighVCPU: Access denied: polkit refuses org.example.VMManager1.configure",
                "Release: Access denied: polkit refuses org.example.VMManager1.adopt",
                "OpenConsole: Access denied: polkit refuses org.example.VMManager1.console",
                "GetConsoleLog: Access denied: polkit refuses org.example.VMManager1.console",
                "Screenshot: Access denied: polkit refuses org.example.VMManager1.console",
                "GetStats: nobody is asked",
                "OnPoweroff: Access denied: polkit refuses org.example.VMManager1.configure",
                "OnReboot: Access denied: polkit refuses org.example.VMManager1.configure",
                "OnCrash: Access denied: polkit refuses org.example.VMManager1.configure",
                "StopPlan: Access denied: polkit refuses org.example.VMManager1.configure",
                "PauseTimeoutUSec: Access denied: polkit refuses org.example.VMManager1.configure");
        try_members(bench, "job/2");
        expect(bench,
                "Cancel: Access denied: polkit refuses org.example.VMManager1.pause");
}

static int on_read(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        g_assert_false(sd_bus_message_is_method_error(reply, NULL));
        (*(unsigned *) userdata)++;
        return 0;
}

/* Looking is free. */
static void test_reading(Bench *bench, gconstpointer data) {
        static const struct {
                const char *object, *interface, *member, *types;
        } readings[] = {
                {"manager", "org.freedesktop.DBus.Properties", "GetAll", "s"},
                {"manager", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL},
                {"manager", "org.freedesktop.DBus.Introspectable", "Introspect", NULL},
                {"web", "org.freedesktop.DBus.Properties", "GetAll", "s"},
                {"job/2", "org.freedesktop.DBus.Properties", "GetAll", "s"},
        };
        unsigned n = 0;

        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        for (size_t i = 0; i < G_N_ELEMENTS(readings); i++) {
                g_autofree char *path = object_path(readings[i].object);
                g_autoptr(sd_bus_message) m = NULL;

                g_assert_cmpint(sd_bus_message_new_method_call(bench->client, &m, NULL, path,
                                        readings[i].interface, readings[i].member),
                        >=, 0);
                g_assert_cmpint(sd_bus_message_set_sender(m, ALICE), >=, 0);
                if (readings[i].types)
                        message_append(m, readings[i].types, object_interface(readings[i].object));
                g_assert_cmpint(sd_bus_call_async(bench->client, NULL, m, on_read, &n, 0), >=, 0);
        }
        expect_nothing(bench);
        g_assert_cmpuint(n, ==, G_N_ELEMENTS(readings));
}

#define POLKIT_TEST(path, function) g_test_add(path, Bench, NULL, setup, function, bench_teardown)

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        POLKIT_TEST("/polkit/root", test_root);
        POLKIT_TEST("/polkit/yes", test_yes);
        POLKIT_TEST("/polkit/challenge", test_challenge);
        POLKIT_TEST("/polkit/no-answer", test_no_answer);
        POLKIT_TEST("/polkit/unknown-caller", test_unknown_caller);
        POLKIT_TEST("/polkit/vanished", test_vanished);
        POLKIT_TEST("/polkit/replaced", test_replaced);
        POLKIT_TEST("/polkit/caller-leaves", test_caller_leaves);
        POLKIT_TEST("/polkit/limits", test_limits);
        POLKIT_TEST("/polkit/limit-of-all", test_limit_of_all);
        POLKIT_TEST("/polkit/details", test_details);
        POLKIT_TEST("/polkit/cancel", test_cancel);
        POLKIT_TEST("/polkit/set", test_set);
        g_test_add("/polkit/user-mode", Bench, "user", bench_setup, test_user_mode, bench_teardown);
        POLKIT_TEST("/polkit/matrix", test_matrix);
        POLKIT_TEST("/polkit/reading", test_reading);
        return g_test_run();
}
