/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Networks of a QEMU: what is on the host's side (a tap's descriptor, or QEMU's own small network of mode
 * user), and in front of it the card that the guest sees. */

#include <fcntl.h>

#include "backend/qemu-cmdline.h"
#include "backend/qemu-device.h"
#include "util/auto.h"

#define KIND "network"

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

/* ---- Bringing. ---- */

/* A descriptor goes by the device's id while QEMU keeps it, which is until the link is made. */
static JsonObject *fd_step(const QemuArrival *arrival) {
        return text_arguments("fdname", arrival->device->id);
}

static bool is_tap(const QemuArrival *arrival) {
        return ((const NetworkConfig *) arrival->config)->mode == NETWORK_TAP;
}

static JsonObject *link_step(const QemuArrival *arrival) {
        JsonObject *arguments = text_arguments("type", is_tap(arrival) ? "tap" : "user");

        json_object_set_string_member(arguments, "id", arrival->device->id);
        if (is_tap(arrival))
                json_object_set_string_member(arguments, "fd", arrival->device->id);
        return arguments;
}

/* No boot from the network: the card brings no code of its own. */
static JsonObject *device_step(const QemuArrival *arrival) {
        JsonObject *arguments = qemu_device_arguments(arrival->device, "virtio-net-pci");
        g_autofree char *mac = mac_address_to_string(&((const NetworkConfig *) arrival->config)->mac);

        json_object_set_string_member(arguments, "netdev", arrival->device->id);
        json_object_set_string_member(arguments, "mac", mac);
        json_object_set_string_member(arguments, "romfile", "");
        return arguments;
}

enum { SEND_FD, ADD_LINK, ADD_DEVICE };

static void undo(QemuBackend *q, const QemuArrival *arrival, bool unanswered) {
        QemuDevice *device = arrival->device;

        if (arrival->step > ADD_DEVICE && unanswered) {
                qemu_device_unwant(q, device);
                return;
        }
        if (arrival->step > ADD_LINK)
                qemu_device_tell(q, "netdev_del", text_arguments("id", device->id));
        else if (is_tap(arrival))
                qemu_device_tell(q, "closefd", text_arguments("fdname", device->id));
        qemu_device_drop(q, device);
}

static const QemuArrivalKind network_arrival = {
        .steps = {
                [SEND_FD] = {"getfd", fd_step, true},
                [ADD_LINK] = {"netdev_add", link_step, false},
                [ADD_DEVICE] = {"device_add", device_step, false},
        },
        .undo = undo,
};

int qemu_attach_network(Backend *backend, const BackendNetwork *network, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        QemuDevice *device;
        int r;

        r = qemu_device_new(q, KIND, network->config->name, &device, error);
        if (r < 0)
                return r;
        device->clean_up = network_clean_up;
        return qemu_device_bring(q,
                &(QemuArrival) {
                        .kind = &network_arrival,
                        .device = device,
                        .config = network->config,
                        .fds = {network->fd < 0 ? -1 : fcntl(network->fd, F_DUPFD_CLOEXEC, 3), -1},
                },
                reply, userdata, ret, error);
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
