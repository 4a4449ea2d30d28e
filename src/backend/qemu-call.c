/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls of a QEMU backend: from what its caller asks to the commands that QEMU's monitor hears, and
 * back. Knows no command. */

#include <errno.h>

#include "backend/qemu-internal.h"
#include "util/auto.h"
#include "util/errors.h"

BackendCall *qemu_call_new(QemuBackend *q, BackendReply reply, void *userdata, BackendCall **ret) {
        BackendCall *call = g_new0(BackendCall, 1);

        *call = (BackendCall) {.q = q, .reply = reply, .userdata = userdata};
        g_ptr_array_add(q->calls, call);
        if (ret)
                *ret = call;
        return call;
}

BackendCall *backend_call_cancel(BackendCall *call) {
        if (!call)
                return NULL;
        qmp_call_cancel(call->qmp);
        if (call->q->connecting == call)
                call->q->connecting = NULL;
        if (call->q->unplugging == call)
                call->q->unplugging = NULL;
        if (call->q->migration == call)
                call->q->migration = NULL;
        g_ptr_array_remove_fast(call->q->calls, call);
        if (call->state_free)
                call->state_free(call->state);
        g_free(call);
        return NULL;
}

void qemu_call_end(BackendCall *call, int r, const sd_bus_error *error) {
        BackendReply reply = call->reply;
        void *userdata = call->userdata;

        (void) backend_call_cancel(call);
        if (reply)
                reply(userdata, r, error);
}

static void on_answer(void *userdata, int r, JsonNode *result, const sd_bus_error *error) {
        g_auto(sd_bus_error) refusal = SD_BUS_ERROR_NULL;
        BackendCall *call = userdata;

        call->qmp = NULL;
        if (r < 0)
                (void) sd_bus_error_copy(&refusal, error);
        if (call->answered)
                r = call->answered(call, r, result, &refusal);
        if (r != QEMU_ASKS_ON)
                qemu_call_end(call, r, &refusal);
}

int qemu_call_send(BackendCall *call, const char *command, JsonObject *arguments, int fd,
        uint64_t timeout_usec, QemuAnswered answered, sd_bus_error *error) {
        Qmp *qmp = call->q->qmp;
        int r = -ENOTCONN;

        call->answered = answered;
        if (qmp)
                r = qmp_call_with_fd(qmp, command, arguments, fd, timeout_usec, on_answer, call, &call->qmp);
        else {
                g_clear_pointer(&arguments, json_object_unref);
                fd_close(fd);
        }
        if (r < 0)
                return sd_bus_error_setf(error, VMM_ERROR_MONITOR_FAILED,
                        "QEMU cannot be told to %s: its monitor is lost", command);
        return QEMU_ASKS_ON;
}

int qemu_ask(QemuBackend *q, const char *command, JsonObject *arguments, uint64_t timeout_usec,
        QemuAnswered answered, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        BackendCall *call = qemu_call_new(q, reply, userdata, ret);
        int r = qemu_call_send(call, command, arguments, -1, timeout_usec, answered, error);

        if (r >= 0)
                return 0;
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

int64_t qemu_json_int(JsonObject *object, const char *name) {
        JsonNode *node = object ? json_object_get_member(object, name) : NULL;

        return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64
                       ? json_node_get_int(node) : -1;
}

const char *qemu_json_string(JsonObject *object, const char *name) {
        JsonNode *node = object ? json_object_get_member(object, name) : NULL;

        return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
                       ? json_node_get_string(node) : NULL;
}

JsonObject *qemu_json_object(JsonObject *object, const char *name) {
        JsonNode *node = object ? json_object_get_member(object, name) : NULL;

        return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}
