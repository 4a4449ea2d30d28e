/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names of domains that live, and of those that are dead. */

#include "core/domain.h"

/* Gives what has ended, and has left its place, to an object of its own, preserved, with a name and a UUID
 * that nobody has; the domain is as free to begin again as before its creation. Returns 0, or negative with
 * *error and nothing changed. */
int corpse_bury(Domain *domain, const char *reason, sd_bus_error *error);
