/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a virtual machine and its guest are asked while they run: QEMU has to answer. The verbs return as
 * those of core/domain.h do; the reply comes also when the domain has ended meanwhile. */

#include "core/domain.h"

#define GUEST_ASKS_MAX 16u    /* of one domain, at once */

void guest_init(Domain *domain);
void guest_free(Domain *domain);

/* Whoever waits is told why there will be no answer. */
void guest_ended(Domain *domain, const char *why);

int domain_reset(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error);
int domain_send_sysrq(
        Domain *domain, const char *key, JobReply reply, void *userdata, sd_bus_error *error);
int domain_send_keys(Domain *domain, char *const *keys, uint32_t hold_msec, JobReply reply, void *userdata,
        sd_bus_error *error);
int domain_inject_nmi(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error);

/* The reply may fetch it: a PNG image, g_bytes_unref(). */
int domain_take_screenshot(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error);
GBytes *domain_screenshot(Domain *domain);

/* NULL when it is no virtual machine. What its guest says is as it was last asked. */
const BackendMemory *domain_memory(const Domain *domain);
int domain_ask_memory(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error);

int domain_set_memory(Domain *domain, uint64_t bytes, JobReply reply, void *userdata, sd_bus_error *error);
int domain_set_max_memory(Domain *domain, uint64_t bytes, sd_bus_error *error);
int domain_set_vcpus(Domain *domain, uint32_t n, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error);
