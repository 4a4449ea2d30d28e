/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys and interrupts for the guest of a QEMU machine. That they were sent is all that can be known. */

#include "backend/qemu-internal.h"
#include "config/guest-keys.h"
#include "util/auto.h"
#include "util/errors.h"

/* {"keys": [{"type": "qcode", "data": "alt"}, ...], "hold-time": 100} */
static JsonObject *keys_arguments(char *const *keys, uint32_t hold_msec) {
        JsonObject *arguments = json_object_new();
        JsonArray *list = json_array_new();

        for (; *keys; keys++) {
                JsonObject *key = json_object_new();

                json_object_set_string_member(key, "type", "qcode");
                json_object_set_string_member(key, "data", *keys);
                json_array_add_object_element(list, key);
        }
        json_object_set_array_member(arguments, "keys", list);
        if (hold_msec > 0)
                json_object_set_int_member(arguments, "hold-time", hold_msec);
        return arguments;
}

/* QEMU takes keys for a keyboard that is not there, and drops them. */
static int check_keyboard(const QemuBackend *q, sd_bus_error *error) {
        return q->config->machine == MACHINE_MICROVM
                       ? sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                                 "'%s' has no keyboard: its machine is a 'microvm'", q->config->name)
                       : 0;
}

int qemu_send_keys(Backend *backend, char *const *keys, uint32_t hold_msec, BackendReply reply,
        void *userdata, BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        int r = check_keyboard(q, error);

        return r < 0 ? r : qemu_ask(q, "send-key", keys_arguments(keys, hold_msec), QEMU_TIMEOUT_USEC, NULL,
                                   reply, userdata, ret, error);
}

/* After a break on the serial line the kernel takes the next letter for a SysRq key. */
static int on_break(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        if (r < 0)
                return r;
        console_type(call->q->context.console, call->state);
        return QEMU_DONE;
}

static int send_break(QemuBackend *q, const char *key, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error) {
        BackendCall *call = qemu_call_new(q, reply, userdata, ret);
        JsonObject *arguments = json_object_new();
        int r;

        call->state = g_strdup(key);
        call->state_free = g_free;
        json_object_set_string_member(arguments, "id", "console");
        r = qemu_call_send(call, "chardev-send-break", arguments, -1, QEMU_TIMEOUT_USEC, on_break, error);
        if (r >= 0)
                return 0;
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

int qemu_send_sysrq(Backend *backend, const char *key, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        g_auto(GStrv) keys = guest_keys_of_sysrq(key);

        return q->config->machine == MACHINE_MICROVM
                       ? send_break(q, key, reply, userdata, ret, error)
                       : qemu_send_keys(backend, keys, 0, reply, userdata, ret, error);
}

int qemu_inject_nmi(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "inject-nmi", NULL, QEMU_TIMEOUT_USEC, NULL, reply,
                userdata, ret, error);
}
