/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How the files of a cgroup are read. For cgroup.c and subgroup.c only. */

#include "host/cgroup.h"

int cgroup_fd(const Cgroup *cgroup);

/* The text of an attribute file, or NULL with errno set. */
char *attribute_read(int dir_fd, const char *name);

/* The number behind "key " at the start of a line; CGROUP_UNKNOWN when there is none. */
uint64_t keyed_number(const char *text, const char *key);
