/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The LinuxResources object of the OCI runtime specification (linux.resources of a container's config.json),
 * translated into systemd's resource-control properties as runc does with systemd on cgroup v2. What runc
 * would write to the cgroup's files behind systemd's back, or ignore, is refused here. Pure values. */

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "config/resources.h"

#define OCI_BYTES_MAX (128u << 10)   /* of the text */

typedef struct OciResources {
        Resources *resources;
        GPtrArray *warnings;      /* char *: what was asked for and cannot take effect; often none */
        bool check_memory_usage;  /* memory.checkBeforeUpdate: a MemoryMax below what is in use is to be
                                   * refused, by whom knows how much that is */
} OciResources;

/* current: what is in effect, or NULL at creation. A CPU quota alone counts per the period in effect, a
 * period alone keeps the quota in effect, and idle 0 ends being idle. The result is what changes: to be
 * merged, then checked as a whole.
 *
 *   memory.limit, .reservation   MemoryMax, MemoryLow: 0 says nothing, -1 is infinity
 *   memory.swap                  MemorySwapMax: less the limit, without which it is refused; -1 is infinity,
 *                                and so is nothing when the limit is -1
 *   cpu.shares                   CPUWeight: the curve of runc 1.3.2 (1024 is 100); 0 says nothing
 *   cpu.idle                     1: CPUWeight 0, whatever the shares, with a warning if there are any
 *   cpu.quota, .period           CPUQuotaPerSecUSec, rounded up to 1 %, per 100 ms unless given, 0 says
 *                                nothing, negative is infinity; CPUQuotaPeriodUSec
 *   cpu.cpus, .mems              AllowedCPUs, AllowedMemoryNodes
 *   pids.limit                   TasksMax: negative is infinity, 0 is 1
 *   blockIO.weight, .weightDevice, .throttle...Device
 *                                IOWeight, IODeviceWeight: 10 to 1000 becomes 1 to 10000; IOReadBandwidthMax
 *                                and so on; devices by number, "/dev/block/8:0"
 *   devices                      DevicePolicy, DeviceAllow: see device-rules.h; the list is the whole list
 *   unified                      cpu.idle, cpu.max, cpu.weight, cpuset.cpus, cpuset.mems, memory.high, .low,
 *                                .max, .min, .swap.max, .oom.group (OOMPolicy, at creation), pids.max
 *
 * A null, an empty object or list of what is not supported, and values that ask for what happens anyway
 * (memory.disableOOMKiller false, cpu.burst 0 ...) say nothing. Returns 0, or
 *   -EINVAL      InvalidConfig naming the place ("blockIO.weightDevice[0].weight: ..."): not JSON, unknown
 *                key, wrong type, out of range, contradiction;
 *   -EOPNOTSUPP  NotSupported naming the place: hugepageLimits, network, rdma, memory.swappiness, unknown
 *                keys of unified, what systemd has no property for, OOMPolicy when LIVE. */
int oci_resources_parse(const char *json, const Resources *current, ResourcesWhen when, OciResources **ret,
        sd_bus_error *error);
OciResources *oci_resources_free(OciResources *oci);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OciResources, oci_resources_free)
