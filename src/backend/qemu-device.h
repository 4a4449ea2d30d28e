/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices that come and go while the guest runs: their ids, the ports they are plugged into, and how one is
 * unplugged. For the files of the QEMU backend only. */

#include "backend/qemu-internal.h"

/* On q35 nothing can be plugged in but behind a port that was there from the start: one for each device of
 * the creation, and these. */
#define QEMU_SPARE_PORTS 8u

struct QemuDevice {
        const char *kind;     /* "disk", "network" */
        char *name;
        char *id;             /* "disk-data" */
        unsigned port;        /* 0: none is needed */
        unsigned fdset;       /* 0: none */
        bool asked;           /* the guest was asked to let go of it */
        bool deleted;         /* and has */
        sd_event_source *timer;
        BackendCall *going;   /* who waits for its end */

        /* The device is gone: sends the commands that take away what was behind it; what comes of the last
         * is what qemu_device_gone() makes of it. Returns as QemuAnswered. */
        int (*clean_up)(BackendCall *call, const QemuDevice *device, sd_bus_error *error);
};

/* With a free port where one is needed. Returns 0 or a negative errno with LimitExceeded, or Busy: QEMU
 * still has one of this name. */
int qemu_device_new(QemuBackend *q, const char *kind, const char *name, QemuDevice **ret,
        sd_bus_error *error);
QemuDevice *qemu_device_find(const QemuBackend *q, const char *kind, const char *name);

/* It is not there, or not any more. */
void qemu_device_drop(QemuBackend *q, QemuDevice *device);

/* For device_add: driver, id, and bus where there is a port. Free with json_object_unref(). */
JsonObject *qemu_device_arguments(const QemuDevice *device, const char *driver);

/* Asks the guest to let go of it; replies when all of it is gone: 0, or negative: -EBUSY when it is as
 * before, anything else when something is left in QEMU. */
int qemu_device_unplug(QemuBackend *q, const char *kind, const char *name, BackendReply reply,
        void *userdata, BackendCall **ret, sd_bus_error *error);

/* The same without waiting, for a device that may not be there yet. */
void qemu_device_unwant(QemuBackend *q, QemuDevice *device);

/* The end of a clean-up, with how it went. Returns what the call is to be ended with. */
int qemu_device_gone(BackendCall *call, int r, sd_bus_error *error);

/* The event DEVICE_DELETED. */
void qemu_device_deleted(QemuBackend *q, JsonObject *data);

/* ---- Bringing: commands, one after the other. ---- */

typedef struct QemuArrival QemuArrival;

#define QEMU_ARRIVAL_STEPS_MAX 4u
#define QEMU_ARRIVAL_FDS_MAX 2u

typedef struct QemuArrivalStep {
        const char *command;    /* NULL: there are no more */
        JsonObject *(*arguments)(const QemuArrival *arrival);
        bool sends_fd;          /* the next of fds[]; without one the step is left out */
} QemuArrivalStep;

typedef struct QemuArrivalKind {
        QemuArrivalStep steps[QEMU_ARRIVAL_STEPS_MAX];

        /* Takes back what the steps before arrival->step have brought. The last of them was refused, or, if
         * it was not answered, may be taken later. The device is to be dropped, or unwanted. */
        void (*undo)(QemuBackend *q, const QemuArrival *arrival, bool unanswered);
} QemuArrivalKind;

struct QemuArrival {
        const QemuArrivalKind *kind;
        QemuDevice *device;
        const void *config;
        int fds[QEMU_ARRIVAL_FDS_MAX];   /* -1: none */
        unsigned step;                   /* to be taken next */
};

/* Takes the device, which is new, and the descriptors, also when it fails; the configuration has to live as
 * long. Returns as an operation of BackendOps. */
int qemu_device_bring(QemuBackend *q, const QemuArrival *arrival, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error);

/* A command whose answer nobody waits for. arguments is consumed. */
void qemu_device_tell(QemuBackend *q, const char *command, JsonObject *arguments);

GHashTable *qemu_devices_new(void);
