/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a guest ends, begins anew and sleeps, as QEMU tells it; and what QEMU does then by itself. Whatever
 * QEMU can do without us it does: it exits, or resets the machine. Only what is to be kept stands still. */

#include <errno.h>
#include <string.h>

#include "backend/qemu-cmdline.h"
#include "backend/qemu-life.h"
#include "util/auto.h"
#include "util/errors.h"

#define END_REASON_MAX 64u

/* ---- What QEMU does by itself. ---- */

static JsonObject *actions_to_json(QemuActions actions) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, "reboot", actions.reboot);
        json_object_set_string_member(arguments, "shutdown", actions.shutdown);
        json_object_set_string_member(arguments, "panic", actions.panic);
        return arguments;
}

void qemu_follow_policies(Backend *backend) {
        QemuBackend *q = (QemuBackend *) backend;

        (void) qemu_ask(q, "set-action", actions_to_json(qemu_actions(q->config)), QEMU_TIMEOUT_USEC, NULL,
                NULL, NULL, NULL, NULL);
}

int qemu_quit(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "quit", NULL, QEMU_TIMEOUT_USEC, NULL, reply, userdata, ret,
                error);
}

/* ---- A reboot that was asked for: the guest powers off as it does when its button is pressed, QEMU waits,
 * and the machine is switched on again. Every guest that can be shut down obeys that, whatever its system
 * makes of Ctrl-Alt-Del. ---- */

static int on_reboot_prepared(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        return r < 0 ? r : qemu_ask_to_end(call, error);
}

int qemu_reboot(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        QemuActions actions = qemu_actions(q->config);

        actions.shutdown = "pause";
        return qemu_ask(q, "set-action", actions_to_json(actions), QEMU_TIMEOUT_USEC, on_reboot_prepared,
                reply, userdata, ret, error);
}

static int on_switched_on(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        QemuBackend *q = call->q;

        if (r < 0)
                return r;
        q->ending = q->standing = false;
        g_clear_pointer(&q->end_reason, g_free);
        qemu_follow_policies(&q->parent);
        return QEMU_DONE;
}

static int switch_on(BackendCall *call, sd_bus_error *error) {
        return qemu_call_send(call, "cont", NULL, -1, QEMU_TIMEOUT_USEC, on_switched_on, error);
}

/* The answer and the event come in any order, and QEMU continues nothing before it has reset it. */
static int on_reset_asked(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        if (r < 0)
                return r;
        if (call->q->was_reset)
                return switch_on(call, error);
        call->q->resetting = call;
        return QEMU_ASKS_ON;
}

static int on_reset_prepared(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        if (r < 0)
                return r;
        call->q->was_reset = false;
        return qemu_call_send(call, "system_reset", NULL, -1, QEMU_TIMEOUT_USEC, on_reset_asked, error);
}

int qemu_begin_again(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        QemuActions actions = qemu_actions(q->config);

        actions.reboot = "reset";
        return qemu_ask(q, "set-action", actions_to_json(actions), QEMU_TIMEOUT_USEC, on_reset_prepared,
                reply, userdata, ret, error);
}

/* ---- A reset without asking anybody: whatever a reboot of the guest leads to. ---- */

static int on_hard_reset(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        qemu_follow_policies(&call->q->parent);
        return r < 0 ? r : QEMU_DONE;
}

static int on_hard_reset_prepared(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        return r < 0 ? r : qemu_call_send(
                call, "system_reset", NULL, -1, QEMU_TIMEOUT_USEC, on_hard_reset, error);
}

int qemu_reset(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        QemuActions actions = qemu_actions(q->config);

        actions.reboot = "reset";
        return qemu_ask(q, "set-action", actions_to_json(actions), QEMU_TIMEOUT_USEC, on_hard_reset_prepared,
                reply, userdata, ret, error);
}

/* ---- What QEMU tells. ---- */

/* The first reason is the guest's own; what follows is our doing. */
static void take_end_reason(QemuBackend *q, const char *reason) {
        g_autofree char *start = g_strndup(reason, END_REASON_MAX);

        if (!q->standing && !(q->ending && g_str_has_prefix(reason, "host-"))) {
                g_free(q->end_reason);
                q->end_reason = g_utf8_make_valid(start, -1);   /* it may be cut within a character */
        }
        q->ending = true;
}

static const char *json_text(JsonObject *data, const char *name) {
        JsonNode *node = json_object_get_member(data, name);

        return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
                       ? json_node_get_string(node) : "unknown";
}

/* {"guest": true, "reason": "guest-shutdown"} */
void qemu_on_shutdown(QemuBackend *q, JsonObject *data) {
        take_end_reason(q, json_text(data, "reason"));
}

/* {"action": "pause", "info": ...}; what it is to exit for, SHUTDOWN will tell. */
void qemu_on_panic(QemuBackend *q, JsonObject *data) {
        if (g_str_equal(json_text(data, "action"), "pause"))
                take_end_reason(q, "guest-panic");
}

/* After the two above: QEMU stays. */
void qemu_on_stop(QemuBackend *q, JsonObject *data) {
        if (!q->ending || q->standing)
                return;
        q->standing = true;
        q->parent.observer->stopped(q->parent.userdata);
}

/* {"guest": true, "reason": "guest-reset"} */
void qemu_on_reset(QemuBackend *q, JsonObject *data) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        bool of_itself = !g_str_has_prefix(json_text(data, "reason"), "host-");
        BackendCall *call;
        int r;

        q->parent.observer->reset(q->parent.userdata, of_itself);
        if (of_itself)
                return;
        q->was_reset = true;
        call = g_steal_pointer(&q->resetting);
        if (!call)
                return;
        r = switch_on(call, &error);
        if (r < 0)
                qemu_call_end(call, r, &error);
}

void qemu_on_suspend(QemuBackend *q, JsonObject *data) {
        q->parent.observer->suspended(q->parent.userdata, true);
}

void qemu_on_wakeup(QemuBackend *q, JsonObject *data) {
        q->parent.observer->suspended(q->parent.userdata, false);
}
