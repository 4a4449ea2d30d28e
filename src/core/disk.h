/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The disks of a domain before it runs: their files. While it runs they are verbs: see domain.h. For the
 * core room only. */

#include "core/domain.h"

/* Opens those of the configuration, with the rights of the domain's owner. Returns 0 or a negative errno:
 * what disk_image_open() returns, or DeviceInUse: another domain has it. */
int disks_open(Domain *domain, sd_bus_error *error);

/* BackendDisk each, for the backend; g_array_unref(). */
GArray *disks_list(const Domain *domain);

/* The payload has inherited them. */
void disks_close(Domain *domain);
