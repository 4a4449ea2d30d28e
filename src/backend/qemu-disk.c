/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks of a QEMU. The file comes as descriptors, into a set that QEMU knows by a number, and is opened by
 * that number; a node of the format on top of it is what the guest's device shows. */

#include <errno.h>

#include "backend/qemu-cmdline.h"
#include "backend/qemu-device.h"
#include "util/auto.h"
#include "util/errors.h"

#define KIND "disk"

/* One that is on its way in. */
typedef struct Attaching {
        QemuDevice *device;
        const DiskConfig *config;
        int read_fd, write_fd;
        enum { ADD_READ, ADD_WRITE, ADD_NODE, ADD_DEVICE, ADDED } step;   /* to be taken next */
} Attaching;

static void attaching_free(void *state) {
        Attaching *attaching = state;

        fd_close(attaching->read_fd);
        fd_close(attaching->write_fd);
        g_free(attaching);
}

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

static void tell(QemuBackend *q, const char *command, JsonObject *arguments) {
        (void) qemu_ask(q, command, arguments, QEMU_TIMEOUT_USEC, NULL, NULL, NULL, NULL, NULL);
}

/* The steps before the one that was refused; one that was not answered may be taken later. */
static void attaching_undo(QemuBackend *q, Attaching *attaching, bool refused) {
        int last = (int) attaching->step - (refused ? 2 : 1);   /* of those that may have been taken */
        QemuDevice *device = attaching->device;

        if (last == ADD_DEVICE) {
                qemu_device_unwant(q, device);
                return;
        }
        if (last == ADD_NODE)
                tell(q, "blockdev-del", node_arguments(device));
        if (last >= ADD_READ)
                tell(q, "remove-fd", fdset_arguments(device));
        qemu_device_drop(q, device);
}

/* ---- Bringing. ---- */

static JsonObject *device_arguments(const QemuDevice *device) {
        JsonObject *arguments = qemu_device_arguments(device, "virtio-blk-pci");

        json_object_set_string_member(arguments, "drive", device->id);
        json_object_set_string_member(arguments, "serial", device->name);
        return arguments;
}

static int on_step_taken(BackendCall *call, int r, JsonNode *result, sd_bus_error *error);

/* Returns QEMU_ASKS_ON, QEMU_DONE after the last step, or negative. */
static int take_step(BackendCall *call, sd_bus_error *error) {
        Attaching *attaching = call->state;
        const char *command = "add-fd";
        JsonObject *arguments;
        int fd = -1;

        if (attaching->step == ADD_WRITE && attaching->write_fd < 0)
                attaching->step++;
        switch (attaching->step++) {
        case ADD_READ:
                arguments = fdset_arguments(attaching->device);
                fd = fd_steal(&attaching->read_fd);
                break;
        case ADD_WRITE:
                arguments = fdset_arguments(attaching->device);
                fd = fd_steal(&attaching->write_fd);
                break;
        case ADD_NODE:
                command = "blockdev-add";
                arguments = qemu_disk_node(attaching->config, attaching->device->fdset);
                break;
        case ADD_DEVICE:
                command = "device_add";
                arguments = device_arguments(attaching->device);
                break;
        default:
                return QEMU_DONE;
        }
        return qemu_call_send(call, command, arguments, fd, QEMU_TIMEOUT_USEC, on_step_taken, error);
}

static int on_step_taken(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        bool refused = r < 0 && r != -ETIMEDOUT;

        if (r >= 0)
                r = take_step(call, error);
        if (r < 0)
                attaching_undo(call->q, call->state, refused);
        return r;
}

int qemu_attach_disk(Backend *backend, const BackendDisk *disk, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        const DiskConfig *config = disk->config;
        Attaching *attaching;
        QemuDevice *device;
        BackendCall *call;
        int r;

        r = qemu_device_new(q, KIND, config->name, &device, error);
        if (r < 0)
                return r;
        device->fdset = ++q->last_fdset;
        device->clean_up = disk_clean_up;
        attaching = g_new0(Attaching, 1);
        *attaching = (Attaching) {device, config, fd_steal(&disk->image->read_fd),
                fd_steal(&disk->image->write_fd), ADD_READ};
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
