/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of org.example.VMManager1.Domain that ask a virtual machine, or its guest;
 * sd_bus_message_handler_t each, with the domain as userdata. */

#include <systemd/sd-bus.h>

int method_reset(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_send_sysrq(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_send_keys(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_inject_nmi(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_set_memory(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_set_max_memory(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_set_vcpus(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_screenshot(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_get_stats(sd_bus_message *m, void *userdata, sd_bus_error *error);
