/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of a QEMU for a domain: a pure function of the configuration. Nothing of a user's text
 * becomes an option: commas are doubled where QEMU parses them, and every option is ours. */

#include <json-glib/json-glib.h>

#include "config/domain-config.h"

/* Of the device and the socket of the guest's agent. */
#define QEMU_AGENT_ID "agent"

typedef struct QemuLayoutDisk {
        const DiskConfig *config;
        int read_fd, write_fd;      /* in the child; -1: none */
        unsigned fdset, port;       /* port 0: none */
} QemuLayoutDisk;

typedef struct QemuLayoutNetwork {
        const NetworkConfig *config;
        int fd;                     /* in the child, of its tap; -1: none */
        unsigned port;              /* 0: none */
} QemuLayoutNetwork;

typedef struct QemuLayout {
        const char *binary;         /* absolute path */
        Accelerator accelerator;    /* kvm or tcg: auto has been decided */
        int monitor_fd;             /* in the child: listening sockets */
        int console_fd;
        int agent_fd;
        unsigned n_ports;           /* for devices, on q35 */
        const QemuLayoutDisk *disks;
        unsigned n_disks;
        const QemuLayoutNetwork *networks;
        unsigned n_networks;
        const char *machine;        /* this very type, and its memory comes later; NULL: boot */
} QemuLayout;

/* What blockdev-add, or -blockdev, is told of a disk; its node is "disk-NAME". Free with
 * json_object_unref(). */
JsonObject *qemu_disk_node(const DiskConfig *disk, unsigned fdset);

/* What QEMU does by itself when its guest reboots, powers off or panics: -action, and the monitor's
 * set-action. */
typedef struct QemuActions {
        const char *reboot, *shutdown, *panic;
} QemuActions;
QemuActions qemu_actions(const DomainConfig *config);

/* argv of a QEMU that starts with its vCPUs stopped (-S). Free with g_strfreev(). The configuration must be
 * complete and its UUID set. */
char **qemu_command_line(const DomainConfig *config, const QemuLayout *layout);
