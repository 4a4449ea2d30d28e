/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The power button of a QEMU machine: what a guest is asked through its agent when it has one, and through
 * ACPI otherwise. Whether it obeys is seen elsewhere. */

#include "backend/agent.h"
#include "backend/qemu-internal.h"
#include "util/auto.h"
#include "util/log.h"

/* {"id": "agent", "open": true}: whether a program in the guest listens there. */
void qemu_on_port(QemuBackend *q, JsonObject *data) {
        const char *id = qemu_json_string(data, "id");
        JsonNode *open = json_object_get_member(data, "open");

        if (id && g_str_equal(id, QEMU_AGENT_ID) && open && JSON_NODE_HOLDS_VALUE(open))
                q->agent_listens = json_node_get_boolean(open);
}

static int press_button(BackendCall *call, sd_bus_error *error) {
        return qemu_call_send(call, "system_powerdown", NULL, -1, QEMU_TIMEOUT_USEC, NULL, error);
}

static void on_agent(void *userdata, int r, const sd_bus_error *error) {
        g_auto(sd_bus_error) failure = SD_BUS_ERROR_NULL;
        BackendCall *call = userdata;

        if (r >= 0) {
                qemu_call_end(call, 0, NULL);
                return;
        }
        log_write(LOG_NOTICE, NULL, call->q->config->name, "Pressing the power button: %s", error->message);
        r = press_button(call, &failure);
        if (r < 0)
                qemu_call_end(call, r, &failure);
}

static void agent_destroy(void *agent) {
        agent_free(agent);
}

/* Returns whether it is being asked. */
static bool ask_agent(BackendCall *call) {
        QemuBackend *q = call->q;
        Agent *agent;
        int fd, r;

        if (!q->agent_listens)
                return false;
        r = run_dir_connect(q->dir, QEMU_AGENT_ID, &fd);
        if (r >= 0)
                r = agent_shut_down(q->context.event, fd, on_agent, call, &agent);
        if (r < 0) {
                log_write(LOG_NOTICE, NULL, q->config->name, "Cannot ask the guest's agent: %s",
                        g_strerror(-r));
                return false;
        }
        call->state = agent;
        call->state_free = agent_destroy;
        return true;
}

int qemu_ask_to_end(BackendCall *call, sd_bus_error *error) {
        return ask_agent(call) ? QEMU_ASKS_ON : press_button(call, error);
}

int qemu_power_down(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        BackendCall *call = qemu_call_new((QemuBackend *) backend, reply, userdata, ret);
        int r = qemu_ask_to_end(call, error);

        if (r >= 0)
                return 0;
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}
