/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names of domains that live, and of those that are dead. */

#include "core/domain.h"

/* Gives what has ended to an object of its own, preserved, with a name and a UUID that nobody has; what
 * lives of it moves to a scope of its own and is frozen there, or ended if that cannot be. The domain may
 * begin again when it has left its place. Returns 0, or negative with *error and nothing changed. */
int corpse_bury(Domain *domain, const char *reason, sd_bus_error *error);
