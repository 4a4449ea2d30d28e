/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which threads of QEMU are the vCPUs of its guest. */

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
        if (!items || json_array_get_length(items) != q->config->vcpus)
                return -EBADMSG;
        g_array_set_size(q->vcpus, q->config->vcpus);
        vcpus = (BackendVcpu *) (void *) q->vcpus->data;
        memset(vcpus, 0, q->config->vcpus * sizeof *vcpus);
        for (unsigned i = 0; i < q->config->vcpus; i++) {
                JsonNode *item = json_array_get_element(items, i);
                JsonObject *vcpu = JSON_NODE_HOLDS_OBJECT(item) ? json_node_get_object(item) : NULL;
                int64_t index = qemu_json_int(vcpu, "cpu-index"), thread = qemu_json_int(vcpu, "thread-id");

                if (index < 0 || index >= q->config->vcpus || thread <= 0 || thread > G_MAXINT32 ||
                        vcpus[index].thread != 0)
                        return -EBADMSG;
                for (unsigned other = 0; other < q->config->vcpus; other++)
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
                                        q->config->vcpus);
}

int qemu_find_vcpus(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "query-cpus-fast", NULL, QEMU_TIMEOUT_USEC, on_vcpus, reply,
                userdata, ret, error);
}

const GArray *qemu_vcpus(const Backend *backend) {
        return ((const QemuBackend *) backend)->vcpus;
}
