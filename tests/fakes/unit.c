/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/unit.h over the made-up host: a service manager that notes what it is asked and then does it, waits
 * or refuses, as the test has told it. Its answers come in our words already, as the real one's do when they
 * leave the host room. */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "config/cgroup-path.h"
#include "config/stop-plan.h"
#include "fakes/world.h"
#include "host/unit.h"
#include "util/errors.h"

#define FAKE_INVOCATION_ID SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10)

struct Units {
        sd_bus *bus;
};

typedef enum CallKind {
        CALL_START,
        CALL_RUN,
        CALL_FREEZE,
        CALL_THAW,
        CALL_KILL,
        CALL_DISCARD,
        CALL_STOP,
        CALL_ABANDON,
        CALL_ATTACH,
        CALL_PROCESSES,
        CALL_PROPERTY,
        CALL_SET,
        CALL_GET_ALL,
} CallKind;

struct UnitCall {
        CallKind kind;
        char *text, *unit;
        bool held, canceled;
        int signal;
        const char *property;
        char *slice;
        GPtrArray *processes;   /* FakeProcess: to be moved */
        const char *subgroup;   /* interned */
        UnitReply reply;
        UnitProcessesReply processes_reply;
        UnitPropertyReply property_reply;
        UnitPropertiesReply properties_reply;
        GVariant *properties;   /* a(sv) */
        GVariant *slices;       /* a(sa(sv)) */
        void *userdata;
};

struct UnitWatch {
        char *unit;
        const UnitObserver *observer;
        void *userdata;
};

/* What it does with calls whose text begins so; the latest rule counts. */
typedef struct Rule {
        const char *call;
        bool hold;
        const char *error, *text; /* refuses */
} Rule;

static void rule_add(Rule rule) {
        g_ptr_array_add(world.rules, g_memdup2(&rule, sizeof rule));
}

void systemd_holds(const char *call) {
        rule_add((Rule) {call, true, NULL, NULL});
}

void systemd_refuses(const char *call, const char *error, const char *text) {
        rule_add((Rule) {call, false, error, text});
}

static Rule rule_find(const char *text) {
        for (unsigned i = world.rules->len; i > 0; i--) {
                const Rule *rule = world.rules->pdata[i - 1];
                if (g_str_has_prefix(text, rule->call))
                        return *rule;
        }
        return (Rule) {0};
}

/* ---- Calls. ---- */

static void call_free(UnitCall *call) {
        happen_not(call);
        if (call->processes)
                g_ptr_array_unref(call->processes);
        g_clear_pointer(&call->properties, g_variant_unref);
        g_clear_pointer(&call->slices, g_variant_unref);
        g_free(call->slice);
        g_free(call->text);
        g_free(call->unit);
        g_free(call);
}

/* What there is to deliver has been delivered. */
static void call_finish(UnitCall *call, int r, const sd_bus_error *error) {
        g_ptr_array_remove(world.calls, call);
        if (call->canceled)
                ;
        else if (call->kind == CALL_PROCESSES && r < 0)
                call->processes_reply(call->userdata, r, NULL, 0, error);
        else if (call->kind == CALL_PROPERTY && r < 0)
                call->property_reply(call->userdata, r, NULL, SD_ID128_NULL);
        else if (call->kind == CALL_GET_ALL && r < 0)
                call->properties_reply(call->userdata, r, NULL);
        else if (call->reply)
                call->reply(call->userdata, r, error);
        call_free(call);
}

static UnitWatch *watch_find(const char *unit) {
        for (unsigned i = 0; i < world.watches->len; i++) {
                UnitWatch *watch = world.watches->pdata[i];
                if (g_str_equal(watch->unit, unit))
                        return watch;
        }
        return NULL;
}

static void scope_signal(const FakeScope *scope, int signal) {
        for (unsigned i = 0; i < world.processes->len; i++) {
                FakeProcess *process = world.processes->pdata[i];
                if (process->scope == scope && !process->ended)
                        process_signal(process, signal);
        }
}

static void scope_discard(FakeScope *scope) {
        if (scope_events(scope).populated)
                scope_signal(scope, SIGKILL);   /* the end of the last one is the scope's */
        else
                scope_remove(scope);
}

/* Between the call and the move: the daemon does not know yet when it gets the answer. */
static void process_die_early(FakeProcess *process) {
        process->dying = process->ended = true;
        process->status = (ExitStatus) {true, -1, SIGSEGV};
        note("end %d by SIGSEGV", (int) process->pid);
        g_assert_cmpint(write(process->end, "", 1), ==, 1);
}

static void slices_come(GVariant *slices) {
        GVariant *properties;
        const char *name;
        GVariantIter iter;

        g_variant_iter_init(&iter, slices);
        while (g_variant_iter_loop(&iter, "(&s@a(sv))", &name, &properties))
                slice_set_properties(name, properties);
}

static int start_perform(UnitCall *call, sd_bus_error *error) {
        FakeScope *scope;

        if (scope_find(call->unit))
                return sd_bus_error_setf(
                        error, VMM_ERROR_DOMAIN_EXISTS, "There is a unit %s already", call->unit);
        scope = scope_new(call->unit, call->slice);
        scope_set_properties(scope, call->properties);
        slices_come(call->slices);
        for (unsigned i = 0; i < call->processes->len; i++) {
                FakeProcess *process = call->processes->pdata[i];
                FakeScope *left = process->scope;

                if (world.early_death)
                        process_die_early(process);
                else if (!process->dying)
                        process->scope = scope;
                if (left)
                        scope_tell(left);
        }
        scope->told = scope_events(scope);
        if (call->canceled) {
                note("systemd discard %s", call->unit);
                scope_discard(scope);
        }
        return 0;
}

static void process_attach(FakeProcess *process, FakeScope *scope, const char *subgroup) {
        process->scope = scope;
        process->subgroup = subgroup;
        scope_tell(scope);
}

static void processes_deliver(const UnitCall *call, const FakeScope *scope) {
        g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(UnitProcess));

        for (unsigned i = 0; i < world.processes->len; i++) {
                const FakeProcess *process = world.processes->pdata[i];
                UnitProcess item = {scope->path, process->command, (uint32_t) process->pid};

                if (process->scope == scope && !process->ended)
                        g_array_append_val(found, item);
        }
        call->processes_reply(call->userdata, 0, (UnitProcess *) (void *) found->data, found->len, NULL);
}

static void property_deliver(const UnitCall *call, const FakeScope *scope) {
        if (g_str_equal(call->property, "InvocationID"))
                call->property_reply(call->userdata, 0, NULL, FAKE_INVOCATION_ID);
        else
                call->property_reply(
                        call->userdata, 0, scope && scope->freeze ? "frozen" : "running", SD_ID128_NULL);
}

static void properties_deliver(const UnitCall *call, GHashTable *held) {
        g_auto(GVariantDict) told = G_VARIANT_DICT_INIT(NULL);
        g_autoptr(GVariant) properties = NULL;
        GHashTableIter iter;
        void *name, *value;

        g_hash_table_iter_init(&iter, held);
        while (g_hash_table_iter_next(&iter, &name, &value))
                g_variant_dict_insert_value(&told, name, value);
        properties = g_variant_ref_sink(g_variant_dict_end(&told));
        call->properties_reply(call->userdata, 0, properties);
}

static int slice_start_perform(const UnitCall *call, sd_bus_error *error) {
        g_auto(GStrv) above = slice_ancestry(call->unit);
        g_autofree char *below = g_strjoinv("/", above), *path = g_strconcat("/", below, NULL);

        if (slice_is_started(path) || slice_events(path).populated)
                return sd_bus_error_setf(
                        error, VMM_ERROR_DOMAIN_EXISTS, "There is a unit %s already", call->unit);
        g_ptr_array_add(world.started_slices, g_strdup(call->unit));
        return 0;
}

static void unit_act_removed(void *data) {
        g_autofree char *unit = data;

        unit_removed(unit);
}

void systemd_stops_slice(const char *slice) {
        unsigned i;

        if (g_ptr_array_find_with_equal_func(world.started_slices, slice, g_str_equal, &i))
                g_ptr_array_remove_index(world.started_slices, i);
        happen(unit_act_removed, g_strdup(slice));
}

static int slice_perform(const UnitCall *call, sd_bus_error *error) {
        if (call->kind == CALL_START)
                return slice_start_perform(call, error);
        if (call->kind == CALL_STOP)
                systemd_stops_slice(call->unit);
        else if (call->kind == CALL_SET)
                slice_set_properties(call->unit, call->properties);
        else if (call->kind != CALL_GET_ALL)
                systemd_freezes_slice(call->unit, call->kind == CALL_FREEZE);
        else if (!call->canceled)
                properties_deliver(call, slice_properties(call->unit));
        return 0;
}

/* Returns 0, a negative errno with the error, or 1 when the answer has to wait. */
static int call_perform(UnitCall *call, sd_bus_error *error) {
        FakeScope *scope = scope_find(call->unit);

        if (g_str_has_suffix(call->unit, ".slice"))
                return slice_perform(call, error);
        if (call->kind == CALL_RUN)
                return 0;
        if (!scope && (call->kind == CALL_FREEZE || call->kind == CALL_PROCESSES || call->kind == CALL_SET ||
                              call->kind == CALL_GET_ALL))
                return sd_bus_error_setf(error, VMM_ERROR_NOT_RUNNING, "Unit %s is not active", call->unit);
        if (!scope && call->kind != CALL_START && call->kind != CALL_PROPERTY)
                return 0;
        switch (call->kind) {
        case CALL_START:
                return start_perform(call, error);
        case CALL_FREEZE:
                scope_set_freeze(scope, true);
                return !scope_is_frozen(scope);
        case CALL_THAW:
                scope_set_freeze(scope, false);
                freezes_settle(call->unit);
                return 0;
        case CALL_KILL:
                scope_signal(scope, call->signal);
                return 0;
        case CALL_DISCARD:
                scope_discard(scope);
                return 0;
        case CALL_PROCESSES:
                processes_deliver(call, scope);
                return 0;
        case CALL_PROPERTY:
                if (!call->canceled)
                        property_deliver(call, scope);
                return 0;
        case CALL_ATTACH:
                process_attach(call->processes->pdata[0], scope, call->subgroup);
                return 0;
        case CALL_SET:
                scope_set_properties(scope, call->properties);
                return 0;
        case CALL_GET_ALL:
                if (!call->canceled)
                        properties_deliver(call, scope->properties);
                return 0;
        case CALL_RUN:
        case CALL_STOP:
        case CALL_ABANDON:
                break;
        }
        return 0;
}

static void call_act_answer(void *data) {
        UnitCall *call = data;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = call_perform(call, &error);

        if (r <= 0)
                call_finish(call, r, &error);
        sd_bus_error_free(&error);
}

static void call_act_refuse(void *data) {
        UnitCall *call = data;
        Rule rule = rule_find(call->text);
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_error_set(&error, rule.error, rule.text);

        call_finish(call, r, &error);
        sd_bus_error_free(&error);
}

static UnitCall *call_new(CallKind kind, const char *unit, char *text, void *userdata) {
        UnitCall *call = g_new0(UnitCall, 1);

        *call = (UnitCall) {.kind = kind, .unit = g_strdup(unit), .text = text, .userdata = userdata};
        return call;
}

static int call_submit(UnitCall *call, const char *more, UnitCall **ret) {
        Rule rule = rule_find(call->text);

        note("systemd %s%s", call->text, more);
        g_ptr_array_add(world.calls, call);
        call->held = rule.hold;
        if (!rule.hold)
                happen(rule.error ? call_act_refuse : call_act_answer, call);
        if (ret)
                *ret = call;
        return 0;
}

void systemd_goes_on(const char *text) {
        for (unsigned i = 0; i < world.calls->len; i++) {
                UnitCall *call = world.calls->pdata[i];

                if (!call->held || !g_str_has_prefix(call->text, text))
                        continue;
                call->held = false;
                happen(call_act_answer, call);
                return;
        }
        g_error("systemd holds no call %s", text);
}

/* A freeze that can end no more is answered with an error; one that has ended, well. */
void freezes_settle(const char *unit) {
        g_autoptr(GPtrArray) calls = g_ptr_array_copy(world.calls, NULL, NULL);
        sd_bus_error gone = SD_BUS_ERROR_MAKE_CONST(VMM_ERROR_FREEZE_FAILED, "The freeze was canceled");

        for (unsigned i = 0; i < calls->len; i++) {
                UnitCall *call = calls->pdata[i];

                if (call->kind == CALL_FREEZE && !call->held && g_str_equal(call->unit, unit))
                        call_finish(call, -EIO, &gone);
        }
}

UnitCall *unit_call_cancel(UnitCall *call) {
        if (call)
                call->canceled = true;
        return NULL;
}

static int simple_call(
        CallKind kind, const char *verb, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(kind, unit, g_strdup_printf("%s %s", verb, unit), userdata);

        call->reply = reply;
        return call_submit(call, "", ret);
}

int unit_freeze(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(CALL_FREEZE, "FreezeUnit", unit, reply, userdata, ret);
}

int unit_thaw(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(CALL_THAW, "ThawUnit", unit, reply, userdata, ret);
}

int unit_stop(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(CALL_STOP, "StopUnit", unit, reply, userdata, ret);
}

int unit_start_slice(Units *units, const char *slice, const char *description, const char *wants,
        UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call =
                call_new(CALL_START, slice, g_strdup_printf("StartTransientUnit %s", slice), userdata);
        g_autofree char *more = g_strdup_printf(" wants %s '%s'", wants, description);

        call->reply = reply;
        return call_submit(call, more, ret);
}

void unit_discard(Units *units, const char *unit) {
        (void) simple_call(CALL_DISCARD, "discard", unit, NULL, NULL, NULL);
}

int unit_abandon(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(CALL_ABANDON, "AbandonScope", unit, reply, userdata, ret);
}

int unit_attach(Units *units, const char *unit, const char *subgroup, pid_t pid, UnitReply reply,
        void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(
                CALL_ATTACH, unit, g_strdup_printf("AttachProcessesToUnit %s", unit), userdata);
        g_autofree char *more = g_strdup_printf(" %s: %d", subgroup, (int) pid);

        call->processes = g_ptr_array_new();
        g_ptr_array_add(call->processes, process_find(pid));
        call->subgroup = g_intern_string(g_str_equal(subgroup, "/") ? "" : subgroup);
        call->reply = reply;
        return call_submit(call, more, ret);
}

int unit_kill(Units *units, const char *unit, int signal, UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(
                CALL_KILL, unit, g_strdup_printf("KillUnit %s %s", unit, signal_to_name(signal)), userdata);

        call->signal = signal;
        call->reply = reply;
        return call_submit(call, "", ret);
}

int unit_get_processes(
        Units *units, const char *unit, UnitProcessesReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call =
                call_new(CALL_PROCESSES, unit, g_strdup_printf("GetUnitProcesses %s", unit), userdata);

        call->processes_reply = reply;
        return call_submit(call, "", ret);
}

int unit_get_property(Units *units, const char *unit, const char *property, UnitPropertyReply reply,
        void *userdata, UnitCall **ret) {
        UnitCall *call =
                call_new(CALL_PROPERTY, unit, g_strdup_printf("Get %s %s", unit, property), userdata);

        call->property = property;
        call->property_reply = reply;
        return call_submit(call, "", ret);
}

/* " TasksMax=5 DevicePolicy='closed'" */
static void properties_append(GString *text, GVariant *properties) {
        const char *name;
        GVariantIter iter;
        GVariant *value;

        g_variant_iter_init(&iter, properties);
        while (g_variant_iter_loop(&iter, "(&sv)", &name, &value)) {
                g_autofree char *printed = g_variant_print(value, FALSE);
                g_string_append_printf(text, " %s=%s", name, printed);
        }
}

/* " shop.slice(TasksMax=5)" */
static void slices_append(GString *text, GVariant *slices) {
        GVariant *properties;
        const char *name;
        GVariantIter iter;

        g_variant_iter_init(&iter, slices);
        while (g_variant_iter_loop(&iter, "(&s@a(sv))", &name, &properties)) {
                g_string_append_printf(text, " %s(", name);
                properties_append(text, properties);
                g_string_append(text, " )");
        }
}

int unit_set_properties(Units *units, const char *unit, GVariant *properties, UnitReply reply,
        void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(CALL_SET, unit, g_strdup_printf("SetUnitProperties %s", unit), userdata);
        g_autoptr(GString) more = g_string_new(NULL);

        properties_append(more, properties);
        call->properties = g_variant_ref(properties);
        call->reply = reply;
        return call_submit(call, more->str, ret);
}

int unit_get_properties(
        Units *units, const char *unit, UnitPropertiesReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(CALL_GET_ALL, unit, g_strdup_printf("GetAll %s", unit), userdata);

        call->properties_reply = reply;
        return call_submit(call, "", ret);
}

int unit_start_scope(Units *units, const ScopeSpec *spec, UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(
                CALL_START, spec->unit, g_strdup_printf("StartTransientUnit %s", spec->unit), userdata);
        g_autoptr(GString) more = g_string_new(NULL);

        g_string_append_printf(more, " in %s:", spec->slice);
        call->processes = g_ptr_array_new();
        for (unsigned i = 0; i < spec->n_pidfds; i++) {
                FakeProcess *process = process_find_by_pidfd(spec->pidfds[i]);

                g_ptr_array_add(call->processes, process);
                g_string_append_printf(more, " %d", (int) process->pid);
        }
        if (spec->delegate)
                g_string_append(more, " Delegate");
        if (spec->delegate && spec->delegate_to != geteuid())
                g_string_append_printf(more, " User=%u", (unsigned) spec->delegate_to);
        if (!spec->send_sigkill)
                g_string_append(more, " SendSIGKILL=no");
        if (spec->timeout_stop_usec != UINT64_MAX)
                g_string_append_printf(
                        more, " TimeoutStop=%" G_GUINT64_FORMAT "ms", spec->timeout_stop_usec / 1000);
        if (spec->description)
                g_string_append_printf(more, " '%s'", spec->description);
        properties_append(more, spec->properties);
        slices_append(more, spec->slices);
        call->properties = g_variant_ref(spec->properties);
        call->slices = g_variant_ref(spec->slices);
        call->slice = g_strdup(spec->slice);
        call->reply = reply;
        return call_submit(call, more->str, ret);
}

int unit_run_service(
        Units *units, const ServiceSpec *spec, UnitReply reply, void *userdata, UnitCall **ret) {
        g_autofree char *argv = g_strjoinv(" ", (char **) spec->argv);
        g_autofree char *environment = g_strjoinv(" ", (char **) spec->environment);
        g_autofree char *more = g_strdup_printf("%s%s: %s with %s", spec->after ? " after " : "",
                spec->after ? spec->after : "", argv, environment);
        UnitCall *call =
                call_new(CALL_RUN, spec->unit, g_strdup_printf("run %s", spec->unit), userdata);

        call->reply = reply;
        return call_submit(call, more, ret);
}

/* ---- The manager itself, and who follows its units. ---- */

int units_new(sd_bus *bus, UnitReply known, void *userdata, Units **ret) {
        *ret = g_new0(Units, 1);
        (*ret)->bus = sd_bus_ref(bus);
        return 0;
}

Units *units_free(Units *units) {
        while (world.calls->len > 0)
                call_free(g_ptr_array_steal_index(world.calls, 0));
        g_assert_cmpuint(world.watches->len, ==, 0);
        sd_bus_unref(units->bus);
        g_free(units);
        return NULL;
}

typedef struct StateQuestion {
        void (*reply)(void *userdata, const char *state);
        void *userdata;
} StateQuestion;

static void state_act_answer(void *data) {
        g_autofree StateQuestion *question = data;

        question->reply(question->userdata, world.systemd_state);
}

int units_ask_state(Units *units, void (*reply)(void *userdata, const char *state), void *userdata) {
        StateQuestion *question = g_new(StateQuestion, 1);

        *question = (StateQuestion) {reply, userdata};
        happen(state_act_answer, question);
        return 0;
}

void systemd_is(const char *state) {
        world.systemd_state = state;
}

const char *units_version(const Units *units) {
        return "252.39-1~deb12u2";
}

bool units_have(const Units *units, const char *feature) {
        return false;
}

const char *units_control_group(const Units *units) {
        return world.root;
}

bool units_take_pidfds(const Units *units) {
        return false;
}

int unit_watch(
        Units *units, const char *unit, const UnitObserver *observer, void *userdata, UnitWatch **ret) {
        UnitWatch *watch;

        if (watch_find(unit))
                return -EEXIST;
        watch = g_new0(UnitWatch, 1);
        *watch = (UnitWatch) {g_strdup(unit), observer, userdata};
        g_ptr_array_add(world.watches, watch);
        *ret = watch;
        return 0;
}

UnitWatch *unit_watch_free(UnitWatch *watch) {
        if (!watch)
                return NULL;
        g_ptr_array_remove(world.watches, watch);
        g_free(watch->unit);
        g_free(watch);
        return NULL;
}

void unit_removed(const char *unit) {
        UnitWatch *watch = watch_find(unit);

        if (watch)
                watch->observer->removed(watch->userdata);
}

void systemd_has_scope(const char *unit, const char *slice) {
        FakeScope *scope = scope_new(unit, slice);

        process_new("/bin/stranger", 0)->scope = scope;
        scope->told = scope_events(scope);
}

void systemd_judges(const char *unit, const char *result) {
        scope_find(unit)->result = result;
}

void unit_judged(const FakeScope *scope) {
        UnitWatch *watch = watch_find(scope->unit);

        if (watch && watch->observer->judged && scope->result)
                watch->observer->judged(watch->userdata, scope->result);
}

void systemd_sweeps_first(const char *unit) {
        scope_find(unit)->swept = true;
}

void systemd_keeps(const char *unit) {
        scope_find(unit)->kept = true;
}

static void watch_act_stop(void *data) {
        g_autofree char *unit = data;
        UnitWatch *watch = watch_find(unit);

        unit_judged(scope_find(unit));
        if (watch && watch->observer->stop_requested)
                watch->observer->stop_requested(watch->userdata);
}

void systemd_asks_to_stop(const char *unit) {
        happen(watch_act_stop, g_strdup(unit));
}
