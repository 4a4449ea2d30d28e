/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unplugging is the guest's to agree to, and it may do it late, or without having been asked: what ends a
 * device is QEMU's event, whoever waits for it. What is behind a device (a file, a tap) is not known
 * here. */

#include <errno.h>
#include <time.h>

#include "backend/qemu-device.h"
#include "util/auto.h"
#include "util/errors.h"

/* A guest that lets go of a device does it within two seconds, unless the host is very busy. */
#define UNPLUG_TIMEOUT_USEC 15000000ull

static void device_free(void *item) {
        QemuDevice *device = item;

        g_assert(!device->going);
        g_free(device->name);
        g_free(device->id);
        g_free(device);
}

GHashTable *qemu_devices_new(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, device_free);
}

QemuDevice *qemu_device_find(const QemuBackend *q, const char *kind, const char *name) {
        g_autofree char *id = g_strconcat(kind, "-", name, NULL);

        return g_hash_table_lookup(q->devices, id);
}

/* 0: all are taken. */
static unsigned port_find(const QemuBackend *q) {
        for (unsigned port = 1; port <= q->n_ports; port++) {
                GHashTableIter devices;
                bool taken = false;
                void *item;

                g_hash_table_iter_init(&devices, q->devices);
                while (!taken && g_hash_table_iter_next(&devices, NULL, &item))
                        taken = ((QemuDevice *) item)->port == port;
                if (!taken)
                        return port;
        }
        return 0;
}

int qemu_device_new(QemuBackend *q, const char *kind, const char *name, QemuDevice **ret,
        sd_bus_error *error) {
        unsigned port = port_find(q);
        QemuDevice *device;

        if (qemu_device_find(q, kind, name))
                return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                        "QEMU still has the %s '%s' that was there before", kind, name);
        if (q->n_ports > 0 && port == 0)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "All %u ports of '%s' for disks and networks are taken", q->n_ports,
                        q->config->name);
        device = *ret = g_new0(QemuDevice, 1);
        *device = (QemuDevice) {
                .kind = kind,
                .name = g_strdup(name),
                .id = g_strconcat(kind, "-", name, NULL),
                .port = port,
        };
        g_hash_table_insert(q->devices, device->id, device);
        return 0;
}

void qemu_device_drop(QemuBackend *q, QemuDevice *device) {
        g_hash_table_remove(q->devices, device->id);
}

JsonObject *qemu_device_arguments(const QemuDevice *device, const char *driver) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, "driver", driver);
        json_object_set_string_member(arguments, "id", device->id);
        if (device->port > 0) {
                g_autofree char *bus = g_strdup_printf("port%u", device->port);
                json_object_set_string_member(arguments, "bus", bus);
        }
        return arguments;
}

void qemu_device_tell(QemuBackend *q, const char *command, JsonObject *arguments) {
        (void) qemu_ask(q, command, arguments, QEMU_TIMEOUT_USEC, NULL, NULL, NULL, NULL, NULL);
}

/* ---- Bringing. ---- */

static void arrival_free(void *state) {
        QemuArrival *arrival = state;

        for (unsigned i = 0; i < QEMU_ARRIVAL_FDS_MAX; i++)
                fd_close(arrival->fds[i]);
        g_free(arrival);
}

static int fd_take(QemuArrival *arrival) {
        unsigned i = 0;

        while (i < QEMU_ARRIVAL_FDS_MAX && arrival->fds[i] < 0)
                i++;
        return i < QEMU_ARRIVAL_FDS_MAX ? fd_steal(&arrival->fds[i]) : -1;
}

static int on_step_taken(BackendCall *call, int r, JsonNode *result, sd_bus_error *error);

/* Returns QEMU_ASKS_ON, QEMU_DONE after the last step, or negative. */
static int take_step(BackendCall *call, sd_bus_error *error) {
        QemuArrival *arrival = call->state;

        while (arrival->step < QEMU_ARRIVAL_STEPS_MAX && arrival->kind->steps[arrival->step].command) {
                const QemuArrivalStep *step = &arrival->kind->steps[arrival->step++];
                int fd = step->sends_fd ? fd_take(arrival) : -1;

                if (fd >= 0 || !step->sends_fd)
                        return qemu_call_send(call, step->command, step->arguments(arrival), fd,
                                QEMU_TIMEOUT_USEC, on_step_taken, error);
        }
        return QEMU_DONE;
}

static int on_step_taken(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        const QemuArrival *arrival = call->state;
        bool unanswered = r == -ETIMEDOUT;

        if (r >= 0)
                r = take_step(call, error);
        if (r < 0)
                arrival->kind->undo(call->q, arrival, unanswered);
        return r;
}

int qemu_device_bring(QemuBackend *q, const QemuArrival *arrival, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        BackendCall *call = qemu_call_new(q, reply, userdata, ret);
        int r;

        call->state = g_memdup2(arrival, sizeof *arrival);
        call->state_free = arrival_free;
        r = take_step(call, error);
        if (r >= 0)
                return 0;
        qemu_device_drop(q, arrival->device);
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

/* ---- Unplugging. ---- */

static void going_end(void *state) {
        QemuDevice *device = state;

        device->timer = sd_event_source_disable_unref(device->timer);
        device->going = NULL;
}

static BackendCall *going_new(QemuBackend *q, QemuDevice *device, BackendReply reply, void *userdata,
        BackendCall **ret) {
        BackendCall *call = device->going = qemu_call_new(q, reply, userdata, ret);

        call->state = device;
        call->state_free = going_end;
        return call;
}

/* It may agree later all the same. */
static int on_unplug_overdue(sd_event_source *source, uint64_t usec, void *userdata) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        (void) sd_bus_error_set(&error, VMM_ERROR_BUSY, "the guest does not let go of it");
        qemu_call_end(userdata, -EBUSY, &error);
        return 0;
}

/* QEMU refuses to ask a second time while the first is still under way; that is as good. */
static int on_unplug_asked(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        QemuDevice *device = call->state;

        if (r < 0 && !device->asked)
                return -EBUSY;
        device->asked = true;
        return QEMU_ASKS_ON;
}

static JsonObject *unplug_arguments(const QemuDevice *device) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, "id", device->id);
        return arguments;
}

int qemu_device_unplug(QemuBackend *q, const char *kind, const char *name, BackendReply reply,
        void *userdata, BackendCall **ret, sd_bus_error *error) {
        QemuDevice *device = qemu_device_find(q, kind, name);
        BackendCall *call;
        int r;

        if (!device || device->going)
                return sd_bus_error_setf(
                        error, VMM_ERROR_BUSY, "QEMU is not to be asked for the %s '%s' now", kind, name);
        call = going_new(q, device, reply, userdata, ret);
        r = qemu_call_send(call, "device_del", unplug_arguments(device), -1, QEMU_TIMEOUT_USEC,
                on_unplug_asked, error);
        if (r >= 0)
                r = sd_event_add_time_relative(q->context.event, &device->timer, CLOCK_MONOTONIC,
                        UNPLUG_TIMEOUT_USEC, 0, on_unplug_overdue, call);
        if (r >= 0)
                return 0;
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

void qemu_device_unwant(QemuBackend *q, QemuDevice *device) {
        device->asked = true;
        qemu_device_tell(q, "device_del", unplug_arguments(device));
}

int qemu_device_gone(BackendCall *call, int r, sd_bus_error *error) {
        QemuBackend *q = call->q;
        QemuDevice *device = call->state;

        if (!call->reply)
                q->parent.observer->device_gone(
                        q->parent.userdata, device->kind, device->name, r < 0 ? error->message : NULL);
        going_end(device);
        call->state_free = NULL;
        qemu_device_drop(q, device);
        return r < 0 ? -EIO : QEMU_DONE;
}

/* {"device": "disk-data", "path": "/machine/peripheral/disk-data"}; without the first it is a part of it. */
void qemu_device_deleted(QemuBackend *q, JsonObject *data) {
        const char *id = qemu_json_string(data, "device");
        QemuDevice *device = id ? g_hash_table_lookup(q->devices, id) : NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        BackendCall *call;
        int r;

        if (!device || device->deleted)
                return;
        device->deleted = true;
        device->timer = sd_event_source_disable_unref(device->timer);
        call = device->going ? device->going : going_new(q, device, NULL, NULL, NULL);
        call->qmp = qmp_call_cancel(call->qmp);
        r = device->clean_up(call, device, &error);
        if (r < 0)
                qemu_call_end(call, qemu_device_gone(call, r, &error), &error);
}
