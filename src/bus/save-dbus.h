/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of the Domain and the Manager that are about images; sd_bus_message_handler_t each, with the
 * domain or the bus as userdata. */

#include <systemd/sd-bus.h>

int method_save(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_save_fd(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_restore_domain(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_restore_domain_fd(sd_bus_message *m, void *userdata, sd_bus_error *error);
