/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls to the service manager, their queue, and the signals that come back. One table says what each
 * kind of call is; one path sends them all. It keeps no opinion on what a unit is for. */

#include <errno.h>
#include <string.h>

#include "host/unit-call.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/variant.h"

#define CALL_TIMEOUT_USEC 25000000ull

/* The manager refuses a freezer call while it has not yet seen the end of the one before, and does not tell
 * when it has: a matter of milliseconds. */
#define FREEZER_TRY_AGAIN_USEC 20000ull
#define FREEZER_TRIES_MAX 25u

typedef struct CallTraits {
        const char *method;
        bool urgent;            /* may use the reserved calls */
        bool repeatable;        /* asking twice does no harm */
        bool may_be_gone;       /* a unit that is gone is success */
        bool unbounded;         /* the manager answers when the kernel has done it */
        const char *error;      /* ours, for what has no closer name */
} CallTraits;

static const CallTraits call_traits[] = {
        [CALL_START] = {"StartTransientUnit", .unbounded = true, .error = SD_BUS_ERROR_FAILED},
        [CALL_FREEZE] = {"FreezeUnit", .repeatable = true, .unbounded = true,
                .error = VMM_ERROR_FREEZE_FAILED},
        [CALL_THAW] = {"ThawUnit", .urgent = true, .repeatable = true, .may_be_gone = true,
                .unbounded = true, .error = VMM_ERROR_FREEZE_FAILED},
        [CALL_KILL] = {"KillUnit", .urgent = true, .repeatable = true, .may_be_gone = true,
                .error = SD_BUS_ERROR_FAILED},
        [CALL_STOP] = {"StopUnit", .urgent = true, .repeatable = true, .may_be_gone = true,
                .error = SD_BUS_ERROR_FAILED},
        [CALL_ABANDON] = {"AbandonScope", .may_be_gone = true, .error = SD_BUS_ERROR_FAILED},
        [CALL_ATTACH] = {"AttachProcessesToUnit", .repeatable = true, .error = SD_BUS_ERROR_INVALID_ARGS},
        [CALL_PROCESSES] = {"GetUnitProcesses", .repeatable = true, .error = SD_BUS_ERROR_FAILED},
        [CALL_PROPERTY] = {"Get", .repeatable = true, .error = SD_BUS_ERROR_FAILED},
        [CALL_SET] = {"SetUnitProperties", .repeatable = true, .error = VMM_ERROR_INVALID_CONFIG},
        [CALL_GET_ALL] = {"GetAll", .repeatable = true, .error = SD_BUS_ERROR_FAILED},
};

struct UnitWatch {
        Units *units;
        char *unit;
        const UnitObserver *observer;
        void *userdata;
};

static void queue_run(Units *units);

static void call_free(UnitCall *call) {
        sd_bus_slot_unref(call->slot);
        sd_event_source_disable_unref(call->timer);
        start_state_free(call->start);
        g_clear_pointer(&call->properties, g_variant_unref);
        g_free(call->subgroup);
        g_free(call->unit);
        g_free(call);
}

/* Off the books before anybody hears of it, so that the listener may ask for the next one. */
void call_finish(UnitCall *call, int r, const sd_bus_error *error) {
        Units *units = call->units;

        g_queue_remove(call->sent ? &units->in_flight : &units->waiting, call);
        if (!call->canceled && call->reply) {
                if (call->kind == CALL_PROCESSES)
                        call->processes_reply(call->userdata, r, NULL, 0, error);
                else if (call->kind == CALL_PROPERTY)
                        call->property_reply(call->userdata, r, NULL, SD_ID128_NULL);
                else if (call->kind == CALL_GET_ALL)
                        call->properties_reply(call->userdata, r, NULL);
                else
                        call->reply(call->userdata, r, error);
        }
        call_free(call);
        queue_run(units);
}

/* The manager's errors in our words; returns what the caller gets: 0 or a negative errno with *ret set. */
static int error_translate(const UnitCall *call, const sd_bus_error *error, sd_bus_error *ret) {
        const CallTraits *traits = &call_traits[call->kind];

        if (sd_bus_error_has_names(error, SYSTEMD("NoSuchUnit"), SYSTEMD("ScopeNotRunning"),
                SYSTEMD("UnitInactive"))) {
                if (traits->may_be_gone)
                        return 0;
                return sd_bus_error_setf(ret, VMM_ERROR_NOT_RUNNING, "Unit %s is not active", call->unit);
        }
        /* Of processes whose threads are in groups of their own: systemd (tried: 252 and 257) has signalled
         * them all by the list of the group above, and then stumbles over those groups, which have none. */
        if (call->kind == CALL_KILL && sd_bus_error_has_name(error, SD_BUS_ERROR_NOT_SUPPORTED))
                return 0;
        if (sd_bus_error_has_name(error, SYSTEMD("UnitExists")))
                return sd_bus_error_setf(
                        ret, VMM_ERROR_DOMAIN_EXISTS, "There is a unit %s already", call->unit);
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_PROPERTY_READ_ONLY, SD_BUS_ERROR_UNKNOWN_PROPERTY))
                return sd_bus_error_setf(ret, VMM_ERROR_NOT_SUPPORTED, "systemd refused %s of %s: %s",
                        traits->method, call->unit, error->message);
        return sd_bus_error_setf(ret, traits->error, "systemd refused %s of %s%s: %s", traits->method,
                call->unit, call->subgroup ? call->subgroup : "",
                error->message ? error->message : error->name);
}

static void call_fail(UnitCall *call, const sd_bus_error *error) {
        g_auto(sd_bus_error) translated = SD_BUS_ERROR_NULL;
        int r = error_translate(call, error, &translated);

        call_finish(call, r, &translated);
}

static void processes_deliver(UnitCall *call, sd_bus_message *reply) {
        g_autoptr(GArray) processes = g_array_new(FALSE, FALSE, sizeof(UnitProcess));
        UnitProcess process;

        if (sd_bus_message_enter_container(reply, 'a', "(sus)") >= 0)
                while (sd_bus_message_read(
                               reply, "(sus)", &process.cgroup, &process.pid, &process.command_line) > 0)
                        g_array_append_val(processes, process);
        if (!call->canceled)
                call->processes_reply(
                        call->userdata, 0, (UnitProcess *) (void *)processes->data, processes->len, NULL);
        call->canceled = true;   /* delivered: call_finish() has nothing to add */
        call_finish(call, 0, NULL);
}

static void property_deliver(UnitCall *call, sd_bus_message *reply) {
        const char *text = NULL, *contents;
        const void *bytes = NULL;
        sd_id128_t id = SD_ID128_NULL;
        size_t n = 0;
        int r;

        r = sd_bus_message_peek_type(reply, NULL, &contents);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'v', contents);
        if (r >= 0)
                r = g_str_equal(contents, "s") ? sd_bus_message_read(reply, "s", &text)
                                               : sd_bus_message_read_array(reply, 'y', &bytes, &n);
        if (n == sizeof id)
                memcpy(&id, bytes, n);
        if (!call->canceled)
                call->property_reply(call->userdata, r < 0 ? r : 0, text, id);
        call->canceled = true;
        call_finish(call, 0, NULL);
}

static void properties_deliver(UnitCall *call, sd_bus_message *reply) {
        g_autoptr(GVariant) properties = NULL;
        int r = variant_read(reply, &properties);

        if (!call->canceled)
                call->properties_reply(call->userdata, r < 0 ? r : 0, properties);
        call->canceled = true;
        call_finish(call, 0, NULL);
}

static int on_freezer_try_again(sd_event_source *source, uint64_t usec, void *userdata) {
        UnitCall *call = userdata;

        call->timer = sd_event_source_disable_unref(call->timer);
        if (call->canceled)
                call_finish(call, 0, NULL);
        else
                call_resend(call);
        return 0;
}

static bool freezer_again(UnitCall *call, const sd_bus_error *error) {
        if ((call->kind != CALL_FREEZE && call->kind != CALL_THAW) || call->canceled ||
                call->tries == FREEZER_TRIES_MAX ||
                !sd_bus_error_has_names(error, SYSTEMD("UnitBusy"), SD_BUS_ERROR_FAILED))
                return false;
        call->tries++;
        return sd_event_add_time_relative(sd_bus_get_event(call->units->bus), &call->timer, CLOCK_MONOTONIC,
                       FREEZER_TRY_AGAIN_USEC, 0, on_freezer_try_again, call) >= 0;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        UnitCall *call = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *job;

        call->slot = sd_bus_slot_unref(call->slot);
        if (error) {
                /* The manager re-executed itself with our call in its hands. */
                if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) &&
                        call_traits[call->kind].repeatable && !call->repeated) {
                        call->repeated = true;
                        if (call_send(call) >= 0)
                                return 0;
                }
                if (call->kind == CALL_START && start_again(call, error))
                        return 0;
                if (freezer_again(call, error))
                        return 0;
                call_fail(call, error);
                return 0;
        }

        switch (call->kind) {
        case CALL_START:
                if (call->units->pidfds < 0)
                        call->units->pidfds = 1;
                if (sd_bus_message_read(reply, "o", &job) >= 0)
                        call->start->job = g_strdup(job);   /* on_job_removed() finishes it */
                break;
        case CALL_PROCESSES:
                processes_deliver(call, reply);
                break;
        case CALL_PROPERTY:
                property_deliver(call, reply);
                break;
        case CALL_GET_ALL:
                properties_deliver(call, reply);
                break;
        default:
                call_finish(call, 0, NULL);
        }
        return 0;
}

static int append_arguments(sd_bus_message *m, const UnitCall *call) {
        int r;

        switch (call->kind) {
        case CALL_START:
                return start_append(m, call);
        case CALL_KILL:
                return sd_bus_message_append(m, "ssi", call->unit, "all", call->signal);
        case CALL_STOP:
                return sd_bus_message_append(m, "ss", call->unit, "replace");
        case CALL_ATTACH:
                return sd_bus_message_append(m, "ssau", call->unit, call->subgroup, 1, (uint32_t) call->pid);
        case CALL_PROPERTY:
                return sd_bus_message_append(m, "ss", SYSTEMD("Unit"), call->property);
        case CALL_SET:
                r = sd_bus_message_append(m, "sb", call->unit, 1);
                return r < 0 ? r : variant_append(m, call->properties);
        case CALL_GET_ALL:
                return sd_bus_message_append(m, "s",
                        g_str_has_suffix(call->unit, ".slice") ? SYSTEMD("Slice") : SYSTEMD("Scope"));
        default:
                return sd_bus_message_append(m, "s", call->unit);
        }
}

int call_send(UnitCall *call) {
        const CallTraits *traits = &call_traits[call->kind];
        g_autoptr(sd_bus_message) m = NULL;
        g_autofree char *path = NULL;
        bool property = call->kind == CALL_PROPERTY || call->kind == CALL_GET_ALL;
        int r;

        if (property) {
                r = sd_bus_path_encode(SYSTEMD_PATH "/unit", call->unit, &path);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_new_method_call(call->units->bus, &m, SYSTEMD_NAME, path ? path : SYSTEMD_PATH,
                property ? "org.freedesktop.DBus.Properties" : SYSTEMD("Manager"), traits->method);
        if (r < 0)
                return r;
        r = append_arguments(m, call);
        if (r < 0)
                return r;
        call->slot = sd_bus_slot_unref(call->slot);
        call->forgotten = false;
        return sd_bus_call_async(call->units->bus, &call->slot, m, on_reply, call,
                traits->unbounded ? UINT64_MAX : CALL_TIMEOUT_USEC);
}

void call_resend(UnitCall *call) {
        if (call_send(call) < 0)
                call_fail(call, &SD_BUS_ERROR_MAKE_CONST(SD_BUS_ERROR_DISCONNECTED, "not connected"));
}

static bool call_may_go(const UnitCall *call) {
        return call->units->in_flight.length <
                (call_traits[call->kind].urgent ? UNIT_CALLS_MAX : UNIT_CALLS_MAX - UNIT_CALLS_RESERVED);
}

/* Sends what waits, as far as the bounds allow; urgent calls overtake. */
static void queue_run(Units *units) {
        for (GList *link = units->waiting.head, *next; link; link = next) {
                UnitCall *call = link->data;

                next = link->next;
                if (!call_may_go(call))
                        continue;
                g_queue_delete_link(&units->waiting, link);
                call->sent = true;
                g_queue_push_tail(&units->in_flight, call);
                if (call_send(call) < 0) {
                        call_fail(
                                call, &SD_BUS_ERROR_MAKE_CONST(SD_BUS_ERROR_DISCONNECTED, "not connected"));
                        return;   /* the list may have changed; finishing ran the queue again */
                }
        }
}

UnitCall *call_new(Units *units, CallKind kind, const char *unit, void *userdata) {
        UnitCall *call = g_new0(UnitCall, 1);

        *call = (UnitCall) {.units = units, .kind = kind, .unit = g_strdup(unit), .userdata = userdata};
        return call;
}

int call_submit(UnitCall *call, UnitCall **ret) {
        int r;

        if (!call_may_go(call))
                g_queue_push_tail(&call->units->waiting, call);
        else {
                r = call_send(call);
                if (r < 0) {
                        call_free(call);
                        return r;
                }
                call->sent = true;
                g_queue_push_tail(&call->units->in_flight, call);
        }
        if (ret)
                *ret = call;
        return 0;
}

UnitCall *unit_call_cancel(UnitCall *call) {
        if (!call)
                return NULL;
        if (call->sent) {
                /* The manager still holds it, so it still counts; its answer is not for anybody any more. */
                call->canceled = true;
                return NULL;
        }
        g_queue_remove(&call->units->waiting, call);
        call_free(call);
        return NULL;
}

static int simple_call(
        Units *units, CallKind kind, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, kind, unit, userdata);

        call->reply = reply;
        return call_submit(call, ret);
}

int unit_freeze(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(units, CALL_FREEZE, unit, reply, userdata, ret);
}

int unit_thaw(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(units, CALL_THAW, unit, reply, userdata, ret);
}

int unit_abandon(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(units, CALL_ABANDON, unit, reply, userdata, ret);
}

int unit_kill(Units *units, const char *unit, int signal, UnitReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_KILL, unit, userdata);

        call->signal = signal;
        call->reply = reply;
        return call_submit(call, ret);
}

int unit_stop(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret) {
        return simple_call(units, CALL_STOP, unit, reply, userdata, ret);
}

void unit_discard(Units *units, const char *unit) {
        /* Fails only with the bus, and then the manager clears the controller by itself. */
        (void) simple_call(units, CALL_ABANDON, unit, NULL, NULL, NULL);
        (void) simple_call(units, CALL_STOP, unit, NULL, NULL, NULL);
}

int unit_attach(Units *units, const char *unit, const char *subgroup, pid_t pid, UnitReply reply,
        void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_ATTACH, unit, userdata);

        call->subgroup = g_strdup(subgroup);
        call->pid = pid;
        call->reply = reply;
        return call_submit(call, ret);
}

int unit_get_processes(
        Units *units, const char *unit, UnitProcessesReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_PROCESSES, unit, userdata);

        call->processes_reply = reply;
        return call_submit(call, ret);
}

int unit_get_property(Units *units, const char *unit, const char *property, UnitPropertyReply reply,
        void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_PROPERTY, unit, userdata);

        call->property = property;
        call->property_reply = reply;
        return call_submit(call, ret);
}

int unit_set_properties(Units *units, const char *unit, GVariant *properties, UnitReply reply,
        void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_SET, unit, userdata);

        call->properties = g_variant_ref(properties);
        call->reply = reply;
        return call_submit(call, ret);
}

int unit_get_properties(
        Units *units, const char *unit, UnitPropertiesReply reply, void *userdata, UnitCall **ret) {
        UnitCall *call = call_new(units, CALL_GET_ALL, unit, userdata);

        call->properties_reply = reply;
        return call_submit(call, ret);
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *job, *unit, *result;

        if (sd_bus_message_read(m, "uoss", NULL, &job, &unit, &result) >= 0)
                start_job_removed(userdata, job, result);
        return 0;
}

static int on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        const char *unit;

        if (sd_bus_message_read(m, "s", &unit) < 0)
                return 0;
        start_unit_removed(units, unit);
        UnitWatch *watch = g_hash_table_lookup(units->watches, unit);
        if (watch)
                watch->observer->removed(watch->userdata);
        return 0;
}

static int on_scope_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        g_autofree char *unit = NULL;

        if (sd_bus_path_decode(sd_bus_message_get_path(m), SYSTEMD_PATH "/unit", &unit) <= 0)
                return 0;
        UnitWatch *watch = g_hash_table_lookup(units->watches, unit);
        const char *result = watch && watch->observer->judged ? scope_changed_result(m) : NULL;
        if (result)
                watch->observer->judged(watch->userdata, result);
        return 0;
}

static int on_request_stop(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        g_autofree char *unit = NULL;

        if (sd_bus_path_decode(sd_bus_message_get_path(m), SYSTEMD_PATH "/unit", &unit) <= 0)
                return 0;
        UnitWatch *watch = g_hash_table_lookup(units->watches, unit);
        if (watch && watch->observer->stop_requested)
                watch->observer->stop_requested(watch->userdata);
        return 0;
}

/* A reload makes the manager forget the freezer calls it holds, without an answer: they are asked again. Not
 * those that were sent since it began, which it does, and which it would refuse to do twice. */
static int on_reloading(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        int active;

        if (sd_bus_message_read(m, "b", &active) < 0)
                return 0;
        for (GList *link = units->in_flight.head; link; link = link->next) {
                UnitCall *call = link->data;

                if (call->kind != CALL_FREEZE && call->kind != CALL_THAW)
                        continue;
                if (active)
                        call->forgotten = true;
                else if (call->forgotten)
                        (void) call_send(
                                call); /* fails only with the bus, which then fails the call itself */
        }
        return 0;
}

static int on_version(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        const char *version;

        if (sd_bus_message_read(reply, "v", "s", &version) >= 0)
                units->version = g_strdup(version);
        return 0;
}

static int on_features(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        const char *features;

        if (sd_bus_message_read(reply, "v", "s", &features) >= 0)
                units->features = g_strsplit(features, " ", -1);
        return 0;
}

/* The last of the questions, and so of the answers. */
static int on_control_group(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *path;
        int r = error ? -sd_bus_message_get_errno(reply) : sd_bus_message_read(reply, "v", "s", &path);

        if (r >= 0)
                units->control_group = g_strdup(g_str_equal(path, "/") ? "" : path);
        units->known(units->userdata, r < 0 ? r : 0, error);
        return 0;
}

static int units_ask(
        Units *units, sd_bus_slot **slot, const char *property, sd_bus_message_handler_t handler) {
        return sd_bus_call_method_async(units->bus, slot, SYSTEMD_NAME, SYSTEMD_PATH,
                "org.freedesktop.DBus.Properties", "Get", handler, units, "ss", SYSTEMD("Manager"),
                property);
}

static int on_state(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Units *units = userdata;
        const char *state;

        units->get_state = sd_bus_slot_unref(units->get_state);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "v", "s", &state) < 0)
                state = NULL;
        units->state_reply(units->state_userdata, state);
        return 0;
}

int units_ask_state(Units *units, void (*reply)(void *userdata, const char *state), void *userdata) {
        units->get_state = sd_bus_slot_unref(units->get_state);
        units->state_reply = reply;
        units->state_userdata = userdata;
        return units_ask(units, &units->get_state, "SystemState", on_state);
}

static int units_match(Units *units, sd_bus_slot **slot, const char *path, const char *interface,
        const char *member, sd_bus_message_handler_t handler) {
        return sd_bus_match_signal_async(
                units->bus, slot, SYSTEMD_NAME, path, interface, member, handler, NULL, units);
}

int units_new(sd_bus *bus, UnitReply known, void *userdata, Units **ret) {
        g_autoptr(Units) units = g_new0(Units, 1);
        int r;

        units->bus = sd_bus_ref(bus);
        units->known = known;
        units->userdata = userdata;
        units->pidfds = -1;
        units->watches = g_hash_table_new(g_str_hash, g_str_equal);

        /* Listen first, then let the manager talk. */
        r = units_match(
                units, &units->match_job, SYSTEMD_PATH, SYSTEMD("Manager"), "JobRemoved", on_job_removed);
        if (r >= 0)
                r = units_match(units, &units->match_removed, SYSTEMD_PATH, SYSTEMD("Manager"),
                        "UnitRemoved", on_unit_removed);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &units->match_changed,
                        "type='signal',sender='" SYSTEMD_NAME "',path_namespace='" SYSTEMD_PATH "/unit',"
                        "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                        "arg0='" SYSTEMD("Scope") "'",
                        on_scope_changed, NULL, units);
        if (r >= 0)
                r = units_match(units, &units->match_reloading, SYSTEMD_PATH, SYSTEMD("Manager"),
                        "Reloading", on_reloading);
        if (r >= 0)
                r = units_match(
                        units, &units->match_stop, NULL, SYSTEMD("Scope"), "RequestStop", on_request_stop);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD("Manager"),
                        "Subscribe", NULL, NULL, NULL);
        if (r >= 0)
                r = units_ask(units, &units->get_version, "Version", on_version);
        if (r >= 0)
                r = units_ask(units, &units->get_features, "Features", on_features);
        if (r >= 0)
                r = units_ask(units, &units->get_control_group, "ControlGroup", on_control_group);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&units);
        return 0;
}

Units *units_free(Units *units) {
        sd_bus_slot **slots[] = {&units->match_job, &units->match_removed, &units->match_changed,
                &units->match_stop, &units->match_reloading, &units->get_version,
                &units->get_features, &units->get_control_group, &units->get_state};

        g_queue_clear_full(&units->in_flight, (GDestroyNotify) call_free);
        g_queue_clear_full(&units->waiting, (GDestroyNotify) call_free);
        for (size_t i = 0; i < G_N_ELEMENTS(slots); i++)
                sd_bus_slot_unref(*slots[i]);
        g_hash_table_unref(units->watches);
        sd_bus_unref(units->bus);
        g_free(units->version);
        g_strfreev(units->features);
        g_free(units->control_group);
        g_free(units);
        return NULL;
}

const char *units_version(const Units *units) {
        return units->version;
}

bool units_have(const Units *units, const char *feature) {
        return units->features && g_strv_contains((const char *const *) units->features, feature);
}

const char *units_control_group(const Units *units) {
        return units->control_group;
}

bool units_take_pidfds(const Units *units) {
        return units->pidfds > 0;
}

int unit_watch(
        Units *units, const char *unit, const UnitObserver *observer, void *userdata, UnitWatch **ret) {
        UnitWatch *watch;

        if (g_hash_table_contains(units->watches, unit))
                return -EEXIST;
        watch = g_new0(UnitWatch, 1);
        *watch = (UnitWatch){
                .units = units, .unit = g_strdup(unit), .observer = observer, .userdata = userdata};
        g_hash_table_insert(units->watches, watch->unit, watch);
        *ret = watch;
        return 0;
}

UnitWatch *unit_watch_free(UnitWatch *watch) {
        if (!watch)
                return NULL;
        g_hash_table_remove(watch->units->watches, watch->unit);
        g_free(watch->unit);
        g_free(watch);
        return NULL;
}
