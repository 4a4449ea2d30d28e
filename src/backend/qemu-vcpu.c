/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The vCPUs of a QEMU machine's guest: which of its threads they are, and how there come to be more of
 * them, or fewer. */

#include <errno.h>
#include <string.h>

#include "backend/qemu-internal.h"
#include "util/auto.h"
#include "util/errors.h"

/* [{"cpu-index": 0, "thread-id": 4711, ...}, ...], in any order. One thread for several is what QEMU does
 * where it translates for a processor of another kind; nothing can be said of each of them then. */
static int vcpus_take(QemuBackend *q, JsonNode *result) {
        JsonArray *items = JSON_NODE_HOLDS_ARRAY(result) ? json_node_get_array(result) : NULL;
        BackendVcpu *vcpus;

        g_array_set_size(q->vcpus, 0);
        if (!items || json_array_get_length(items) != q->n_vcpus)
                return -EBADMSG;
        g_array_set_size(q->vcpus, q->n_vcpus);
        vcpus = (BackendVcpu *) (void *) q->vcpus->data;
        memset(vcpus, 0, q->n_vcpus * sizeof *vcpus);
        for (unsigned i = 0; i < q->n_vcpus; i++) {
                JsonNode *item = json_array_get_element(items, i);
                JsonObject *vcpu = JSON_NODE_HOLDS_OBJECT(item) ? json_node_get_object(item) : NULL;
                int64_t index = qemu_json_int(vcpu, "cpu-index"), thread = qemu_json_int(vcpu, "thread-id");

                if (index < 0 || index >= q->n_vcpus || thread <= 0 || thread > G_MAXINT32 ||
                        vcpus[index].thread != 0)
                        return -EBADMSG;
                for (unsigned other = 0; other < q->n_vcpus; other++)
                        if (vcpus[other].thread == thread)
                                return -ENOTUNIQ;
                vcpus[index] = (BackendVcpu) {(uint32_t) index, (pid_t) thread};
        }
        return 0;
}

static int on_vcpus(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        QemuBackend *q = call->q;

        if (r < 0)
                return r;
        r = vcpus_take(q, result);
        if (r >= 0)
                return QEMU_DONE;
        g_array_set_size(q->vcpus, 0);
        return r == -ENOTUNIQ ? sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED,
                                        "Delegate: QEMU runs several vCPUs in one thread here")
                              : sd_bus_error_setf(error, VMM_ERROR_MONITOR_FAILED,
                                        "QEMU does not tell a thread for each of %" PRIu32 " vCPUs",
                                        q->n_vcpus);
}

int qemu_find_vcpus(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "query-cpus-fast", NULL, QEMU_TIMEOUT_USEC, on_vcpus, reply,
                userdata, ret, error);
}

const GArray *qemu_vcpus(const Backend *backend) {
        return ((const QemuBackend *) backend)->vcpus;
}

/* ---- More of them, or fewer: one after the other, until there are as many as were asked for. ---- */

/* A guest gives a vCPU back, if it does, within milliseconds. */
#define UNPLUG_TIMEOUT_USEC 5000000ull

/* A place for a vCPU, in the order in which they are filled. */
typedef struct Slot {
        uint64_t rank;
        const char *type, *path;      /* path: NULL when it is free */
        JsonObject *props;
} Slot;

typedef struct Change {
        uint32_t wanted;
        unsigned left;                /* what may still be done: QEMU must not keep us busy for ever */
        char *going;                  /* path of the vCPU that the guest is asked to give back */
        sd_event_source *patience;
} Change;

static void change_free(void *state) {
        Change *change = state;

        sd_event_source_disable_unref(change->patience);
        g_free(change->going);
        g_free(change);
}

/* {"type": "host-x86_64-cpu", "vcpus-count": 1, "props": {"socket-id": 0, ...}, "qom-path": "..."} */
static bool slot_take(JsonNode *item, Slot *ret) {
        static const char *const order[] = {"socket-id", "die-id", "core-id", "thread-id"};
        JsonObject *object = JSON_NODE_HOLDS_OBJECT(item) ? json_node_get_object(item) : NULL;
        JsonNode *props = object ? json_object_get_member(object, "props") : NULL;

        if (!props || !JSON_NODE_HOLDS_OBJECT(props))
                return false;
        *ret = (Slot) {
                .type = qemu_json_string(object, "type"),
                .path = qemu_json_string(object, "qom-path"),
                .props = json_node_get_object(props),
        };
        for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
                int64_t id = qemu_json_int(ret->props, order[i]);
                ret->rank = ret->rank << 16 | (uint64_t) CLAMP(id, 0, UINT16_MAX);
        }
        return ret->type;
}

static int compare_slots(const void *a, const void *b) {
        const Slot *x = a, *y = b;

        return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* NULL when it is not what QEMU says. */
static GArray *slots_take(const QemuBackend *q, JsonNode *result) {
        JsonArray *items = JSON_NODE_HOLDS_ARRAY(result) ? json_node_get_array(result) : NULL;
        g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(Slot));

        if (!items || json_array_get_length(items) > DOMAIN_VCPUS_MAX)
                return NULL;
        for (unsigned i = 0; i < json_array_get_length(items); i++) {
                Slot slot;

                if (!slot_take(json_array_get_element(items, i), &slot))
                        return NULL;
                g_array_append_val(slots, slot);
        }
        g_array_sort(slots, compare_slots);
        return g_steal_pointer(&slots);
}

static int change_look(BackendCall *call, sd_bus_error *error);

static int on_changed(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        return r < 0 ? r : change_look(call, error);
}

static int plug(BackendCall *call, const GArray *slots, sd_bus_error *error) {
        JsonObject *arguments = json_object_new();
        g_autofree char *id = NULL;
        unsigned i = 0;

        while (i + 1 < slots->len && g_array_index(slots, Slot, i).path)
                i++;
        const Slot *slot = &g_array_index(slots, Slot, i);
        g_autoptr(GList) names = json_object_get_members(slot->props);

        for (GList *name = names; name; name = name->next)
                json_object_set_int_member(arguments, name->data, qemu_json_int(slot->props, name->data));
        id = g_strdup_printf("vcpu%u", i);
        json_object_set_string_member(arguments, "driver", slot->type);
        json_object_set_string_member(arguments, "id", id);
        return qemu_call_send(call, "device_add", arguments, -1, QEMU_TIMEOUT_USEC, on_changed, error);
}

static int on_impatient(sd_event_source *source, uint64_t usec, void *userdata) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        BackendCall *call = userdata;
        QemuBackend *q = call->q;
        int r;

        q->unplugging = NULL;
        r = sd_bus_error_setf(&error, VMM_ERROR_GUEST_TIMEOUT,
                "The guest of '%s' does not give a vCPU back: it has %" PRIu32, q->config->name, q->n_vcpus);
        qemu_call_end(call, r, &error);
        return 0;
}

static int on_unplug_asked(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        Change *change = call->state;

        if (r < 0)
                return r;
        call->q->unplugging = call;
        change->patience = sd_event_source_disable_unref(change->patience);
        r = sd_event_add_time_relative(call->q->context.event, &change->patience, CLOCK_MONOTONIC,
                UNPLUG_TIMEOUT_USEC, 0, on_impatient, call);
        return r < 0 ? sd_bus_error_set_errno(error, r) : QEMU_ASKS_ON;
}

static int unplug(BackendCall *call, const GArray *slots, sd_bus_error *error) {
        Change *change = call->state;
        JsonObject *arguments = json_object_new();
        unsigned i = slots->len - 1;

        while (i > 0 && !g_array_index(slots, Slot, i).path)
                i--;
        g_free(change->going);
        change->going = g_strdup(g_array_index(slots, Slot, i).path);
        json_object_set_string_member(arguments, "id", change->going);
        return qemu_call_send(call, "device_del", arguments, -1, QEMU_TIMEOUT_USEC, on_unplug_asked, error);
}

static int on_slots(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        g_autoptr(GArray) slots = r >= 0 ? slots_take(call->q, result) : NULL;
        Change *change = call->state;
        uint32_t n = 0;

        if (r < 0)
                return r;
        for (unsigned i = 0; slots && i < slots->len; i++)
                n += g_array_index(slots, Slot, i).path != NULL;
        if (n == 0 || change->wanted > slots->len || change->left-- == 0)
                return sd_bus_error_set(error, VMM_ERROR_MONITOR_FAILED, "QEMU loses count of its vCPUs");
        call->q->n_vcpus = n;
        if (n == change->wanted)
                return QEMU_DONE;
        return n < change->wanted ? plug(call, slots, error) : unplug(call, slots, error);
}

static int change_look(BackendCall *call, sd_bus_error *error) {
        return qemu_call_send(
                call, "query-hotpluggable-cpus", NULL, -1, QEMU_TIMEOUT_USEC, on_slots, error);
}

/* {"device": "vcpu1", "path": "/machine/peripheral/vcpu1"}; what a vCPU is made of is told before it. */
void qemu_on_vcpu_deleted(QemuBackend *q, JsonObject *data) {
        const char *path = qemu_json_string(data, "path");
        BackendCall *call = q->unplugging;
        Change *change = call ? call->state : NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r;

        if (!change || g_strcmp0(path, change->going) != 0)
                return;
        q->unplugging = NULL;
        change->patience = sd_event_source_disable_unref(change->patience);
        r = change_look(call, &error);
        if (r < 0)
                qemu_call_end(call, r, &error);
}

int qemu_set_vcpus(Backend *backend, uint32_t n, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        BackendCall *call;
        Change *change;
        int r;

        /* QEMU 7.2 frees memory that is still in use, and dies of it soon after. */
        if (n < q->n_vcpus && q->accelerator == ACCELERATOR_TCG)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "'%s' cannot have fewer vCPUs: QEMU does not survive that without KVM",
                        q->config->name);
        call = qemu_call_new(q, reply, userdata, ret);
        call->state = change = g_new0(Change, 1);
        call->state_free = change_free;
        change->wanted = n;
        change->left = 1 + (n > q->n_vcpus ? n - q->n_vcpus : q->n_vcpus - n);
        r = change_look(call, error);
        if (r >= 0)
                return 0;
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

uint32_t qemu_n_vcpus(const Backend *backend) {
        return ((const QemuBackend *) backend)->n_vcpus;
}
