/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of org.example.VMManager1.Domain that are about disks and networks; sd_bus_message_handler_t
 * each, with the domain as userdata. */

#include <systemd/sd-bus.h>

int method_attach_disk(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_detach_disk(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_attach_network(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_detach_network(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_wait_for_devices(sd_bus_message *m, void *userdata, sd_bus_error *error);
