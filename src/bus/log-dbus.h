/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Members of org.example.VMManager1.Manager about logs: handlers for the table in manager-dbus.c. */

#include "bus/bus.h"

int method_get_log(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_get_hypervisor_log(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_clear_hypervisor_log(sd_bus_message *m, void *userdata, sd_bus_error *error);
