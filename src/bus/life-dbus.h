/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Members of org.example.VMManager1.Domain about its name and its policies: handlers for the table in
 * domain-dbus.c. */

#include "bus/bus.h"

int method_reboot(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_rename(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* OnPoweroff, OnReboot, OnCrash, whichever is asked for. */
int property_policy(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error);
int set_policy(sd_bus *bus, const char *path, const char *interface, const char *name, sd_bus_message *value,
        void *userdata, sd_bus_error *error);
