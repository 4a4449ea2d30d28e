/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Networks of a QEMU: what is on the host's side (a tap's descriptor, or QEMU's own small network of mode
 * user), and in front of it the card that the guest sees. */

#include <errno.h>
#include <fcntl.h>

#include "backend/qemu-cmdline.h"
#include "backend/qemu-device.h"
#include "util/auto.h"
#include "util/errors.h"

#define KIND "network"

/* One that is on its way in. */
typedef struct Attaching {
        QemuDevice *device;
        const NetworkConfig *config;
        int fd;                /* -1: mode user */
        enum { SEND_FD, ADD_LINK, ADD_DEVICE, ADDED } step;   /* to be taken next */
} Attaching;

static void attaching_free(void *state) {
        Attaching *attaching = state;

        fd_close(attaching->fd);
        g_free(attaching);
}

static JsonObject *text_arguments(const char *key, const char *text) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, key, text);
        return arguments;
}

/* ---- Taking away. ---- */

static int on_link_removed(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        return qemu_device_gone(call, r, error);
}

static int network_clean_up(BackendCall *call, const QemuDevice *device, sd_bus_error *error) {
        return qemu_call_send(call, "netdev_del", text_arguments("id", device->id), -1, QEMU_TIMEOUT_USEC,
                on_link_removed, error);
}

static void tell(QemuBackend *q, const char *command, JsonObject *arguments) {
        (void) qemu_ask(q, command, arguments, QEMU_TIMEOUT_USEC, NULL, NULL, NULL, NULL, NULL);
}

/* The steps before the one that failed. One that was not answered may be taken later. */
static void attaching_undo(QemuBackend *q, Attaching *attaching, bool answered) {
        QemuDevice *device = attaching->device;

        if (attaching->step > ADD_DEVICE && !answered) {
                qemu_device_unwant(q, device);
                return;
        }
        if (attaching->step > ADD_LINK)
                tell(q, "netdev_del", text_arguments("id", device->id));
        else if (attaching->config->mode == NETWORK_TAP)
                tell(q, "closefd", text_arguments("fdname", device->id));
        qemu_device_drop(q, device);
}

/* ---- Bringing. ---- */

/* A descriptor goes by the device's id while QEMU keeps it, which is until the link is made. */
static JsonObject *link_arguments(const Attaching *attaching) {
        bool tap = attaching->config->mode == NETWORK_TAP;
        JsonObject *arguments = text_arguments("type", tap ? "tap" : "user");

        json_object_set_string_member(arguments, "id", attaching->device->id);
        if (tap)
                json_object_set_string_member(arguments, "fd", attaching->device->id);
        return arguments;
}

/* No boot from the network: the card brings no code of its own. */
static JsonObject *device_arguments(const Attaching *attaching) {
        JsonObject *arguments = qemu_device_arguments(attaching->device, "virtio-net-pci");
        g_autofree char *mac = mac_address_to_string(&attaching->config->mac);

        json_object_set_string_member(arguments, "netdev", attaching->device->id);
        json_object_set_string_member(arguments, "mac", mac);
        json_object_set_string_member(arguments, "romfile", "");
        return arguments;
}

static int on_step_taken(BackendCall *call, int r, JsonNode *result, sd_bus_error *error);

/* Returns QEMU_ASKS_ON, QEMU_DONE after the last step, or negative. */
static int take_step(BackendCall *call, sd_bus_error *error) {
        Attaching *attaching = call->state;
        const char *command;
        JsonObject *arguments;
        int fd = -1;

        if (attaching->step == SEND_FD && attaching->fd < 0)
                attaching->step++;
        switch (attaching->step++) {
        case SEND_FD:
                command = "getfd";
                arguments = text_arguments("fdname", attaching->device->id);
                fd = fd_steal(&attaching->fd);
                break;
        case ADD_LINK:
                command = "netdev_add";
                arguments = link_arguments(attaching);
                break;
        case ADD_DEVICE:
                command = "device_add";
                arguments = device_arguments(attaching);
                break;
        default:
                return QEMU_DONE;
        }
        return qemu_call_send(call, command, arguments, fd, QEMU_TIMEOUT_USEC, on_step_taken, error);
}

static int on_step_taken(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        bool answered = r != -ETIMEDOUT;

        if (r >= 0)
                r = take_step(call, error);
        if (r < 0)
                attaching_undo(call->q, call->state, answered);
        return r;
}

int qemu_attach_network(Backend *backend, const BackendNetwork *network, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        const NetworkConfig *config = network->config;
        Attaching *attaching;
        QemuDevice *device;
        BackendCall *call;
        int r;

        r = qemu_device_new(q, KIND, config->name, &device, error);
        if (r < 0)
                return r;
        device->clean_up = network_clean_up;
        attaching = g_new0(Attaching, 1);
        *attaching = (Attaching) {device, config,
                network->fd < 0 ? -1 : fcntl(network->fd, F_DUPFD_CLOEXEC, 3), SEND_FD};
        call = qemu_call_new(q, reply, userdata, ret);
        call->state = attaching;
        call->state_free = attaching_free;
        r = take_step(call, error);
        if (r >= 0)
                return 0;
        qemu_device_drop(q, device);
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

int qemu_detach_network(Backend *backend, const char *name, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        return qemu_device_unplug((QemuBackend *) backend, KIND, name, reply, userdata, ret, error);
}

/* ---- Those of the creation. ---- */

int qemu_prepare_networks(QemuBackend *q, const BackendDevices *devices, SpawnSpec *spec, GArray *layout,
        sd_bus_error *error) {
        for (unsigned i = 0; i < devices->n_networks; i++) {
                const BackendNetwork *network = &devices->networks[i];
                QemuLayoutNetwork place = {.config = network->config, .fd = -1};
                QemuDevice *device;
                int r;

                r = qemu_device_new(q, KIND, network->config->name, &device, error);
                if (r < 0)
                        return r;
                device->clean_up = network_clean_up;
                place.port = device->port;
                if (network->fd >= 0)
                        place.fd = spawn_inherit(spec, network->fd);
                g_array_append_val(layout, place);
        }
        return 0;
}
