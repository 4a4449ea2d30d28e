/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values between messages and the config room: a{sv} configurations, a(st) stop plans, lists of strings. */

#include "config/domain-config.h"

/* Reads an a{sv} into the configuration. Returns 0, or -EINVAL with InvalidArgs (an unknown key, a value of
 * the wrong type) or InvalidConfig (a value that cannot be). */
int config_read(sd_bus_message *m, DomainConfig *config, sd_bus_error *error);

/* Reads an a(st); an empty one is an empty plan. Returns 0, or -EINVAL with InvalidArgs. */
int plan_read(sd_bus_message *m, StopPlan *ret, sd_bus_error *error);
int plan_append(sd_bus_message *m, const StopPlan *plan);

/* Reads an a(sv) of resource settings for something that runs. Returns 0, or as resources_set(). */
int resources_read(sd_bus_message *m, Resources **ret, sd_bus_error *error);

/* Appends them as a{sv}. */
int resources_append(sd_bus_message *m, const Resources *resources);

/* Reads a process: type 'u' for a PID, 'h' for a pidfd; *ret_pidfd is ours to close. Returns 1, 0 at the end
 * of an array, or -EINVAL with InvalidArgs. */
int process_read(sd_bus_message *m, char type, int *ret_pidfd, sd_bus_error *error);

/* Replies with an `as`. */
int strv_reply(sd_bus_message *m, char **strings);
