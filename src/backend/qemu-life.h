/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The operations and events of QEMU that are about the life of its guest; for this room only. */

#include "backend/qemu-internal.h"

/* Operations of BackendOps. */
void qemu_follow_policies(Backend *backend);
int qemu_quit(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
int qemu_reboot(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
int qemu_reset(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
int qemu_begin_again(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);

/* Events. */
void qemu_on_shutdown(QemuBackend *q, JsonObject *data);
void qemu_on_panic(QemuBackend *q, JsonObject *data);
void qemu_on_stop(QemuBackend *q, JsonObject *data);
void qemu_on_reset(QemuBackend *q, JsonObject *data);
void qemu_on_suspend(QemuBackend *q, JsonObject *data);
void qemu_on_wakeup(QemuBackend *q, JsonObject *data);
