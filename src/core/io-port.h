/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which I/O ports belong to which domain. For the core room; the verbs are in domain.h. */

#include "core/domain.h"

/* Whether no domain has any of the ports that a new one is to have. Returns 0, or -EBUSY with DeviceInUse,
 * which names the port and the domain. */
int io_ports_check_new(const Manager *manager, const DomainConfig *config, sd_bus_error *error);
