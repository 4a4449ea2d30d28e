/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks of a QEMU. The file comes as descriptors, into a set that QEMU knows by a number, and is opened by
 * that number; a node of the format on top of it is what the guest's device shows. */

#include "backend/qemu-cmdline.h"
#include "backend/qemu-device.h"
#include "util/auto.h"

#define KIND "disk"

/* ---- Taking away. ---- */

static JsonObject *fdset_arguments(const QemuDevice *device) {
        JsonObject *arguments = json_object_new();

        json_object_set_int_member(arguments, "fdset-id", device->fdset);
        return arguments;
}

static JsonObject *node_arguments(const QemuDevice *device) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, "node-name", device->id);
        return arguments;
}

/* The last: the file is free for others. */
static int on_fdset_removed(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        return qemu_device_gone(call, r, error);
}

static int on_node_removed(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        if (r >= 0)
                r = qemu_call_send(call, "remove-fd", fdset_arguments(call->state), -1, QEMU_TIMEOUT_USEC,
                        on_fdset_removed, error);
        return r < 0 ? qemu_device_gone(call, r, error) : r;
}

static int disk_clean_up(BackendCall *call, const QemuDevice *device, sd_bus_error *error) {
        return qemu_call_send(call, "blockdev-del", node_arguments(device), -1, QEMU_TIMEOUT_USEC,
                on_node_removed, error);
}

/* ---- Bringing. ---- */

static JsonObject *fd_step(const QemuArrival *arrival) {
        return fdset_arguments(arrival->device);
}

static JsonObject *node_step(const QemuArrival *arrival) {
        return qemu_disk_node(arrival->config, arrival->device->fdset);
}

static JsonObject *device_step(const QemuArrival *arrival) {
        JsonObject *arguments = qemu_device_arguments(arrival->device, "virtio-blk-pci");

        json_object_set_string_member(arguments, "drive", arrival->device->id);
        json_object_set_string_member(arguments, "serial", arrival->device->name);
        return arguments;
}

enum { ADD_READ, ADD_WRITE, ADD_NODE, ADD_DEVICE };

static void undo(QemuBackend *q, const QemuArrival *arrival, bool unanswered) {
        int last = (int) arrival->step - (unanswered ? 1 : 2);   /* of those that may have been taken */
        QemuDevice *device = arrival->device;

        if (last == ADD_DEVICE) {
                qemu_device_unwant(q, device);
                return;
        }
        if (last == ADD_NODE)
                qemu_device_tell(q, "blockdev-del", node_arguments(device));
        if (last >= ADD_READ)
                qemu_device_tell(q, "remove-fd", fdset_arguments(device));
        qemu_device_drop(q, device);
}

static const QemuArrivalKind disk_arrival = {
        .steps = {
                [ADD_READ] = {"add-fd", fd_step, true},
                [ADD_WRITE] = {"add-fd", fd_step, true},
                [ADD_NODE] = {"blockdev-add", node_step, false},
                [ADD_DEVICE] = {"device_add", device_step, false},
        },
        .undo = undo,
};

int qemu_attach_disk(Backend *backend, const BackendDisk *disk, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        QemuDevice *device;
        int r;

        r = qemu_device_new(q, KIND, disk->config->name, &device, error);
        if (r < 0)
                return r;
        device->fdset = ++q->last_fdset;
        device->clean_up = disk_clean_up;
        return qemu_device_bring(q,
                &(QemuArrival) {
                        .kind = &disk_arrival,
                        .device = device,
                        .config = disk->config,
                        .fds = {fd_steal(&disk->image->read_fd), fd_steal(&disk->image->write_fd)},
                },
                reply, userdata, ret, error);
}

int qemu_detach_disk(Backend *backend, const char *name, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        return qemu_device_unplug((QemuBackend *) backend, KIND, name, reply, userdata, ret, error);
}

/* ---- Those of the creation. ---- */

int qemu_prepare_disks(QemuBackend *q, const BackendDevices *devices, SpawnSpec *spec, GArray *layout,
        sd_bus_error *error) {
        for (unsigned i = 0; i < devices->n_disks; i++) {
                const BackendDisk *disk = &devices->disks[i];
                QemuLayoutDisk place = {.config = disk->config, .write_fd = -1};
                QemuDevice *device;
                int r;

                r = qemu_device_new(q, KIND, disk->config->name, &device, error);
                if (r < 0)
                        return r;
                device->clean_up = disk_clean_up;
                place.fdset = device->fdset = ++q->last_fdset;
                place.port = device->port;
                place.read_fd = spawn_inherit(spec, disk->image->read_fd);
                if (disk->image->write_fd >= 0)
                        place.write_fd = spawn_inherit(spec, disk->image->write_fd);
                g_array_append_val(layout, place);
        }
        return 0;
}
