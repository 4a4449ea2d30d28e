/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What of a domain looks how in a reply. Unless they say otherwise these append one value, and return 0 or a
 * negative errno. */

#include "bus/bus.h"
#include "core/attachment.h"

int append_uuid(sd_bus_message *reply, sd_id128_t uuid);                             /* s */
int append_cgroup_path(sd_bus_message *reply, const CgroupPath *path);               /* s */
int append_control_group_paths(sd_bus_message *reply, const Cgroup *cgroup);         /* a{ss}; NULL: empty */
int append_console_path(sd_bus_message *reply, const Domain *domain);                /* s */
int append_image(sd_bus_message *reply, const DomainConfig *config);                 /* a{ss} */
int append_blockers(sd_bus_message *reply, const GArray *blockers);                  /* a(uss) */
int append_devices(sd_bus_message *reply, const Domain *domain);                     /* a(ss) */
int append_attachments(sd_bus_message *reply, const Domain *domain, AttachmentKind kind);   /* aa{sv} */
int append_io_ports(sd_bus_message *reply, const DomainConfig *config);              /* a(qq) */
int append_vcpu(sd_bus_message *reply, const Vcpu *vcpu);                            /* (uuautt) */
int append_job(sd_bus_message *reply, const Job *job);                               /* o; NULL: "/" */

/* Flags. */
bool domain_is_dying(const Domain *domain);
bool domain_is_blocked(const Domain *domain);    /* of now */

/* Counters of now; CGROUP_UNKNOWN each where there is nothing to count. */
void domain_stats(const Domain *domain, CgroupStats *ret);
uint64_t domain_up_usec(const Domain *domain);
