/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The resource settings of a domain: what it gets at creation, what is set later, and whether it is in
 * effect: systemd is asked what it holds, and the kernel's files what they say. For the core room; the verbs
 * are in domain.h. */

#include "core/domain.h"

/* Checks what a new domain was given, and adds what it gets besides: the devices of its kind, and for QEMU a
 * MemoryMax. Returns 0, or a negative errno with InvalidConfig or NotSupported. */
int limits_complete(Domain *domain, sd_bus_error *error);

/* Whether a whole set can be, on this host. Returns 0, or a negative errno with InvalidConfig or
 * NotSupported. */
int limits_check(const Manager *manager, const Resources *resources, sd_bus_error *error);

/* What the kernel says of the first setting that is not in effect, or NULL. */
char *limits_mismatch(const Cgroup *cgroup, const Resources *resources);

/* The domain is in its scope: tells what is odd about its configuration, and whether the settings are in
 * effect. */
void limits_begin(Domain *domain);

/* A step after a thaw: goes on at once when nothing is to be set again. */
int limits_restore_run(Job *job);

/* The same for a domain that was thawed from outside. */
void limits_restore(Domain *domain);

/* Returns 1, or -EBUSY or -EHOSTDOWN with the error when its settings cannot be changed now. */
int domain_check_configurable(const Domain *domain, sd_bus_error *error);

/* Makes the change a job; `warnings` (char *, may be NULL) are told when it is done. As a verb. */
int domain_configure(Domain *domain, const Resources *change, const GPtrArray *warnings, uid_t requestor,
        JobReply reply, void *userdata, sd_bus_error *error);
