/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The networks of a domain: interfaces of this host that come and go with them, and the administrator's
 * scripts that are told. For the core room; the verbs are in domain.h, the list in core/attachment.h. */

#include "core/domain.h"

/* Whether a new domain's networks can be on this host. Returns 0, or a negative errno with InvalidConfig or
 * NotSupported. */
int networks_check(const Domain *domain, sd_bus_error *error);

/* Makes the interfaces of the networks of the configuration. Those without a script are connected. Returns 0
 * or a negative errno: those that were made are gone with the domain, at the latest. */
int networks_open(Domain *domain, sd_bus_error *error);

/* What the machine is started with: BackendNetwork each. */
GArray *networks_list(const Domain *domain);

/* The machine is there with its networks: they are ready, or their scripts have their turn. Those of a
 * corpse, which have no interface any more, are as they were. */
void networks_started(Domain *domain);

/* For scripts that are being told of an end: part of the manager. */
GPtrArray *network_ends_new(void);

/* The manager ends before the scripts do: nobody waits for them any more. */
void network_ends_abandon(Manager *manager);
