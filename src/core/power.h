/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The end of the machine, or of the user's session, and what it means for domains: all are stopped, and
 * nothing new comes. */

#include "core/domain.h"
#include "host/login.h"

typedef struct Power Power;

/* bus: where logind is; NULL in user mode, because it waits for no user's manager. Returns 0 or a negative
 * errno. */
int power_new(Manager *manager, sd_bus *bus, Power **ret);

/* The manager ends: whoever waits is told. */
void power_abandon(Power *power);
Power *power_free(Power *power);

/* Domains came or went. */
void power_follow(Power *power);

/* Everything comes to its end: no domain is to come, nor to be started again by itself. */
bool power_is_going_down(const Power *power);

/* Stops all domains, and then the machine. Replies when logind has been told. force: a domain that its plan
 * does not end is killed; else that is StopTimeout, which names it, and the machine stays up. Returns 0 or a
 * negative errno with *error: Busy, NotSupported. */
int power_request(Power *power, HostPower what, bool force, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);

/* The daemon was told to end. Where that is because the machine goes down, or the user's systemd, domains
 * that are left are stopped first. `done` is called when it may end, perhaps before this returns. */
void power_quit(Power *power, void (*done)(void *userdata), void *userdata);
