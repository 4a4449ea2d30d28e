/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory and devices of a guest, into a pipe and out of one: to QEMU this is a migration. Each of these
 * calls is a chain of commands; while QEMU is at it, it is asked now and then how far it is, and at once
 * when it says that something has changed. Knows nothing of images. */

#include <errno.h>
#include <string.h>

#include "backend/qemu-internal.h"
#include "config/text.h"
#include "util/auto.h"
#include "util/errors.h"

/* QEMU does not tell how far it is unless it is asked. That it answers is how a monitor that hangs is found
 * out, too. */
#define PROGRESS_USEC 500000ull
#define QUERY_TIMEOUT_USEC 10000000ull
#define TEXT_MAX 256u

/* What a chain keeps. */
typedef struct Migration {
        sd_event_source *timer;
        int pipe;
        bool load;
        bool ending;         /* any end is a good one */
        bool asking, changed;
        char *failure;       /* how it ended, while QEMU settles */
} Migration;

static void migration_free(void *data) {
        Migration *migration = data;

        sd_event_source_disable_unref(migration->timer);
        fd_close(migration->pipe);
        g_free(migration->failure);
        g_free(migration);
}

static Migration *migration_of(const BackendCall *call) {
        return call->state;
}

static BackendCall *migration_call_new(
        QemuBackend *q, int pipe, bool load, BackendReply reply, void *userdata, BackendCall **ret) {
        BackendCall *call = qemu_call_new(q, reply, userdata, ret);
        Migration *migration = g_new0(Migration, 1);

        *migration = (Migration) {.pipe = pipe, .load = load};
        call->state = migration;
        call->state_free = migration_free;
        return call;
}

/* The call as an operation answers it. */
static int migration_begun(BackendCall *call, int r, BackendCall **ret) {
        if (r >= 0)
                return 0;
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

static JsonObject *arguments_new(const char *name, const char *value) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, name, value);
        return arguments;
}

/* QEMU's own words, however odd, in bounds. */
static char *words_of(JsonObject *answer) {
        const char *text = qemu_json_string(answer, "error-desc");

        return text ? text_quote(text) : g_strdup("it does not say why");
}

/* ---- While it is at it. ---- */

static int ask_progress(BackendCall *call, sd_bus_error *error);

static int on_time_to_ask(sd_event_source *source, uint64_t usec, void *userdata) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        BackendCall *call = userdata;
        int r;

        r = ask_progress(call, &error);
        if (r < 0)
                qemu_call_end(call, r, &error);
        return 0;
}

/* Until then, or until QEMU says that something has changed. */
static int ask_later(BackendCall *call, sd_bus_error *error) {
        Migration *migration = migration_of(call);
        int r;

        if (migration->changed)
                return ask_progress(call, error);
        r = migration->timer ? sd_event_source_set_time_relative(migration->timer, PROGRESS_USEC)
                             : sd_event_add_time_relative(call->q->context.event, &migration->timer,
                                       CLOCK_MONOTONIC, PROGRESS_USEC, 0, on_time_to_ask, call);
        if (r >= 0)
                r = sd_event_source_set_enabled(migration->timer, SD_EVENT_ONESHOT);
        return r < 0 ? r : QEMU_ASKS_ON;
}

/* {"status": "completed"}: what it means is asked, as a word may come late. */
void qemu_on_migration(QemuBackend *q, JsonObject *data) {
        Migration *migration = q->migration ? migration_of(q->migration) : NULL;

        if (!migration)
                return;
        migration->changed = true;
        if (!migration->asking)
                (void) sd_event_source_set_time_relative(migration->timer, 0);
}

/* {"status": "active", "ram": {"total": 4096, "remaining": 1024, ...}, ...} */
static void tell_progress(const QemuBackend *q, JsonObject *answer) {
        JsonObject *ram = qemu_json_object(answer, "ram");
        int64_t total = qemu_json_int(ram, "total"), remaining = qemu_json_int(ram, "remaining");

        if (total > 0 && remaining >= 0 && remaining <= total)
                q->parent.observer->saving(
                        q->parent.userdata, (uint64_t) (total - remaining), (uint64_t) total);
}

static JsonObject *object_of(JsonNode *result) {
        return result && JSON_NODE_HOLDS_OBJECT(result) ? json_node_get_object(result) : NULL;
}

/* A machine that has just been saved cannot be continued before QEMU has put everything away. */
static int on_settled(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        Migration *migration = migration_of(call);

        migration->asking = false;
        if (r < 0)
                return r;
        if (g_strcmp0(qemu_json_string(object_of(result), "status"), "finish-migrate") == 0) {
                migration->changed = false;
                return ask_later(call, error);
        }
        return migration->failure
                       ? sd_bus_error_setf(error, VMM_ERROR_MONITOR_FAILED,
                                 "QEMU could not %s its memory: %s", migration->load ? "load" : "save",
                                 migration->failure)
                       : QEMU_DONE;
}

/* What of an answer means that it is over. "none": it has not begun, or there never was one. */
static bool is_over(const Migration *migration, const char *status) {
        return status ? g_str_equal(status, "completed") || g_str_equal(status, "failed") ||
                                g_str_equal(status, "cancelled")
                      : migration->ending;
}

static int on_progress(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        JsonObject *answer = object_of(result);
        const char *status = qemu_json_string(answer, "status");
        Migration *migration = migration_of(call);

        migration->asking = false;
        if (r < 0)
                return r;
        if (!migration->load && !migration->ending)
                tell_progress(call->q, answer);
        if (!is_over(migration, status))
                return ask_later(call, error);
        g_clear_pointer(&migration->failure, g_free);
        if (!migration->ending && !g_str_equal(status, "completed"))
                migration->failure = words_of(answer);
        migration->asking = true;
        return qemu_call_send(call, "query-status", NULL, -1, QUERY_TIMEOUT_USEC, on_settled, error);
}

static int ask_progress(BackendCall *call, sd_bus_error *error) {
        Migration *migration = migration_of(call);

        migration->asking = true;
        migration->changed = false;
        call->q->migration = call;
        return qemu_call_send(call, "query-migrate", NULL, -1, QUERY_TIMEOUT_USEC, on_progress, error);
}

static int on_begun(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        return r < 0 ? r : ask_progress(call, error);
}

/* ---- Beginning: events, no limit of the rate, the pipe, and off. ---- */

static int on_pipe(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        const char *command = migration_of(call)->load ? "migrate-incoming" : "migrate";

        return r < 0 ? r : qemu_call_send(call, command, arguments_new("uri", "fd:memory"), -1,
                                   QEMU_TIMEOUT_USEC, on_begun, error);
}

static int on_rate(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        Migration *migration = migration_of(call);

        return r < 0 ? r : qemu_call_send(call, "getfd", arguments_new("fdname", "memory"),
                                   fd_steal(&migration->pipe), QEMU_TIMEOUT_USEC, on_pipe, error);
}

static int on_events(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        JsonObject *arguments;

        if (r < 0)
                return r;
        arguments = json_object_new();
        json_object_set_int_member(arguments, "max-bandwidth", 0);
        return qemu_call_send(call, "migrate-set-parameters", arguments, -1, QEMU_TIMEOUT_USEC, on_rate,
                error);
}

static int migration_begin(BackendCall *call, sd_bus_error *error) {
        JsonObject *arguments = json_object_new(), *events = arguments_new("capability", "events");
        JsonArray *capabilities = json_array_new();

        json_object_set_boolean_member(events, "state", TRUE);
        json_array_add_object_element(capabilities, events);
        json_object_set_array_member(arguments, "capabilities", capabilities);
        return qemu_call_send(call, "migrate-set-capabilities", arguments, -1, QEMU_TIMEOUT_USEC, on_events,
                error);
}

int qemu_save(Backend *backend, int pipe, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error) {
        BackendCall *call = migration_call_new((QemuBackend *) backend, pipe, false, reply, userdata, ret);

        return migration_begun(call, migration_begin(call, error), ret);
}

int qemu_load(Backend *backend, int pipe, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error) {
        BackendCall *call = migration_call_new((QemuBackend *) backend, pipe, true, reply, userdata, ret);

        return migration_begun(call, migration_begin(call, error), ret);
}

/* ---- Before and after. ---- */

int qemu_stop_saving(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        BackendCall *call = migration_call_new((QemuBackend *) backend, -1, false, reply, userdata, ret);

        migration_of(call)->ending = true;
        return migration_begun(call,
                qemu_call_send(call, "migrate_cancel", NULL, -1, QEMU_TIMEOUT_USEC, on_begun, error), ret);
}

/* "pc-q35-7.2-machine" */
static int on_machine(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        const char *type = result && JSON_NODE_HOLDS_VALUE(result) &&
                                           json_node_get_value_type(result) == G_TYPE_STRING
                                   ? json_node_get_string(result) : NULL;
        size_t length = type ? strlen(type) : 0;

        if (r < 0)
                return r;
        if (length > TEXT_MAX || !type || !g_str_has_suffix(type, "-machine"))
                return sd_bus_error_set(
                        error, VMM_ERROR_MONITOR_FAILED, "QEMU does not tell its machine type");
        g_free(call->q->machine);
        call->q->machine = g_strndup(type, length - strlen("-machine"));
        return QEMU_DONE;
}

static int on_held(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        JsonObject *arguments;

        if (r < 0)
                return r;
        arguments = arguments_new("path", "/machine");
        json_object_set_string_member(arguments, "property", "type");
        return qemu_call_send(call, "qom-get", arguments, -1, QEMU_TIMEOUT_USEC, on_machine, error);
}

int qemu_hold(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "stop", NULL, QEMU_TIMEOUT_USEC, on_held, reply, userdata,
                ret, error);
}

BackendMachine qemu_machine(const Backend *backend) {
        const QemuBackend *q = (const QemuBackend *) backend;

        return (BackendMachine) {q->qmp ? qmp_version(q->qmp) : NULL, q->machine, q->accelerator};
}

/* Processors as QEMU makes them up ("max"), or as the host has them ("host"), are not the same everywhere.
 */
int qemu_expect(Backend *backend, const BackendMachine *machine, sd_bus_error *error) {
        static const char *const families[_MACHINE_TYPE_MAX] = {
                [MACHINE_Q35] = "pc-q35-",
                [MACHINE_MICROVM] = "microvm",
                [MACHINE_PC] = "pc-i440fx-",
        };
        QemuBackend *q = (QemuBackend *) backend;

        if (machine->accelerator != q->accelerator)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "image: its processor was made by '%s', which is not to be had here",
                        accelerator_to_string(machine->accelerator));
        if (!g_str_has_prefix(machine->machine, families[q->config->machine]))
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "image: '%s' is no machine of type '%s'", machine->machine,
                        machine_type_to_string(q->config->machine));
        q->machine = g_strdup(machine->machine);
        q->expected_version = g_strdup(machine->version);
        return 0;
}

/* Up to and without the second dot. */
static size_t series_length(const char *version) {
        size_t length = strcspn(version, ".");

        return version[length] ? length + 1 + strcspn(version + length + 1, ".") : length;
}

int qemu_check_version(const QemuBackend *q, sd_bus_error *error) {
        const char *is = qmp_version(q->qmp), *expected = q->expected_version;

        if (!expected || (series_length(is) == series_length(expected) &&
                                 strncmp(is, expected, series_length(is)) == 0))
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                "image: it was made by QEMU %s, and this is QEMU %s", expected, is);
}
