/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of a QEMU machine's guest: what its balloon is told to leave it, what it has left, and what the
 * guest itself says of it. Without a driver in the guest the balloon stays empty, and nothing is said. */

#include "backend/qemu-internal.h"
#include "util/auto.h"

#define BALLOON_PATH "/machine/peripheral/balloon"
#define STATS_INTERVAL_SEC 2
#define STATS_TIMEOUT_USEC 500000ull   /* counters are wanted at once, or not at all */
/* QEMU announces a change at most once a second; others may not be QEMU. */
#define TOLD_INTERVAL_USEC 200000ull

static int on_told(sd_event_source *source, uint64_t usec, void *userdata) {
        QemuBackend *q = userdata;

        q->memory_timer = sd_event_source_disable_unref(q->memory_timer);
        q->parent.observer->memory_changed(q->parent.userdata);
        return 0;
}

/* {"actual": 134217728} */
void qemu_on_balloon(QemuBackend *q, JsonObject *data) {
        int64_t actual = qemu_json_int(data, "actual");

        if (actual < 0 || (uint64_t) actual > q->memory.limit || (uint64_t) actual == q->memory.actual)
                return;
        q->memory.actual = (uint64_t) actual;
        if (!q->memory_timer)
                (void) sd_event_add_time_relative(q->context.event, &q->memory_timer, CLOCK_MONOTONIC,
                        TOLD_INTERVAL_USEC, 0, on_told, q);
}

static JsonObject *balloon_arguments(uint64_t bytes) {
        JsonObject *arguments = json_object_new();

        json_object_set_int_member(arguments, "value", (gint64) bytes);
        return arguments;
}

int qemu_call_balloon(BackendCall *call, uint64_t bytes, sd_bus_error *error) {
        return qemu_call_send(
                call, "balloon", balloon_arguments(bytes), -1, QEMU_TIMEOUT_USEC, NULL, error);
}

int qemu_set_memory(Backend *backend, uint64_t bytes, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "balloon", balloon_arguments(bytes), QEMU_TIMEOUT_USEC,
                NULL, reply, userdata, ret, error);
}

/* ---- What the guest says. ---- */

static const struct {
        const char *name;
        size_t offset;
} stats[] = {
        {"stat-total-memory", offsetof(BackendMemory, total)},
        {"stat-free-memory", offsetof(BackendMemory, free)},
        {"stat-available-memory", offsetof(BackendMemory, available)},
        {"stat-disk-caches", offsetof(BackendMemory, caches)},
        {"stat-swap-in", offsetof(BackendMemory, swapped_in)},
        {"stat-swap-out", offsetof(BackendMemory, swapped_out)},
        {"stat-major-faults", offsetof(BackendMemory, major_faults)},
        {"stat-minor-faults", offsetof(BackendMemory, minor_faults)},
};

/* {"last-update": 1700000000, "stats": {"stat-free-memory": 1000000, ...}}. What a guest does not tell is
 * 2^64-1, which arrives here as -1, as anything does that is no number. */
static int on_stats(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        BackendMemory *memory = &call->q->memory;
        JsonObject *object = r >= 0 && JSON_NODE_HOLDS_OBJECT(result) ? json_node_get_object(result) : NULL;
        JsonNode *node = object ? json_object_get_member(object, "stats") : NULL;
        int64_t updated = qemu_json_int(object, "last-update");

        if (r < 0)
                return r;
        if (updated <= 0 || !node || !JSON_NODE_HOLDS_OBJECT(node))
                return QEMU_DONE;
        memory->updated_sec = (uint64_t) updated;
        for (size_t i = 0; i < G_N_ELEMENTS(stats); i++) {
                uint64_t *value = (uint64_t *) (void *) ((char *) memory + stats[i].offset);
                int64_t told = qemu_json_int(json_node_get_object(node), stats[i].name);

                *value = told < 0 ? BACKEND_UNKNOWN : (uint64_t) told;
        }
        return QEMU_DONE;
}

static JsonObject *stats_arguments(const char *property) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, "path", BALLOON_PATH);
        json_object_set_string_member(arguments, "property", property);
        return arguments;
}

/* The guest is asked again and again only once somebody wants to know. */
int qemu_ask_memory(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        JsonObject *interval;

        if (!q->asks_stats) {
                interval = stats_arguments("guest-stats-polling-interval");
                json_object_set_int_member(interval, "value", STATS_INTERVAL_SEC);
                q->asks_stats = qemu_ask(q, "qom-set", interval, QEMU_TIMEOUT_USEC, NULL, NULL, NULL, NULL,
                                        NULL) >= 0;
        }
        return qemu_ask(q, "qom-get", stats_arguments("guest-stats"), STATS_TIMEOUT_USEC, on_stats, reply,
                userdata, ret, error);
}

const BackendMemory *qemu_memory(const Backend *backend) {
        return &((const QemuBackend *) backend)->memory;
}
