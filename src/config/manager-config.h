/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* vmmanagerd.conf and its drop-ins: the settings of the daemon itself. Reads files, and nothing else. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "config/domain-config.h"

typedef struct ManagerConfig {
        char *default_slice;            /* [Manager] DefaultSlice=, machine.slice, in user mode app.slice */
        unsigned domains_max;           /* [Manager] MaxDomains=, 4096 */
        unsigned domains_per_user_max;  /* [Manager] MaxDomainsPerUser=, 256; root is not counted */
        bool register_machines;         /* [Manager] RegisterMachines=, yes: with systemd-machined */
        uint64_t console_log_bytes;     /* [Manager] ConsoleLogSize=, 64K (4K to 16M), of each console */
        unsigned restart_burst;         /* [Manager] RestartBurst=, 5; 0: nothing is restarted */
        uint64_t restart_interval_usec; /* [Manager] RestartIntervalSec=, 10min: so many in that time */
        uint64_t restart_delay_usec;    /* [Manager] RestartDelaySec=, 1s: before the first of them */
        uint64_t restart_delay_max_usec;        /* [Manager] RestartDelayMaxSec=, 1min: before any */
        StopPlan stop_plans[_DOMAIN_KIND_MAX];  /* [QEMU] StopPlan=, guest:30s TERM:1600ms KILL:1600ms, and
                                                 * [Process] StopPlan=, TERM:10s KILL:1600ms */
        GVariant *devices[_DOMAIN_KIND_MAX];    /* a(ss) for DeviceAllow: [QEMU] Devices=, /dev/kvm rw;
                                                 * /dev/vhost-net rw; /dev/vfio/vfio rw, and
                                                 * [Process] Devices=, none */
        char *qemu_binary;              /* [QEMU] Binary=, qemu-system-x86_64: from PATH, or absolute */
        char *qemu_user;                /* [QEMU] User=, "vmmanager-qemu"; ignored in user mode */
} ManagerConfig;

/* Loads the main file and the drop-ins of `directories` (NULL-terminated, highest priority first, as systemd
 * orders them: the first vmmanagerd.conf found counts, of drop-ins vmmanagerd.conf.d/NAME.conf the first of
 * each NAME counts, all in order of NAME; a link to /dev/null hides those below it). Later settings win, an
 * empty value is the default again.
 * A missing file is no error; an unknown group or key is a warning with file and line (in *ret_warnings,
 * which may be NULL). A bad value is -EINVAL with InvalidConfig naming file, line, key and value; a line
 * that is no setting is the same, and quoted; a file that cannot be read gives its errno. */
int manager_config_load(const char *const *directories, bool user_mode, ManagerConfig **ret,
        GPtrArray **ret_warnings, sd_bus_error *error);
ManagerConfig *manager_config_free(ManagerConfig *config);

/* Where they are searched: /etc/vmmanager, /run/vmmanager, /usr/local/lib/vmmanager, /usr/lib/vmmanager; in
 * user mode the XDG counterparts (configuration, runtime, data) come first. Free with g_strfreev(). */
char **manager_config_directories(bool user_mode);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ManagerConfig, manager_config_free)
