/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line of a QEMU for a domain: a pure function of the configuration. Nothing of a user's text
 * becomes an option: commas are doubled where QEMU parses them, and every option is ours. */

#include "config/domain-config.h"

/* Of the device and the socket of the guest's agent. */
#define QEMU_AGENT_ID "agent"

typedef struct QemuLayout {
        const char *binary;         /* absolute path */
        Accelerator accelerator;    /* kvm or tcg: auto has been decided */
        int monitor_fd;             /* in the child: listening sockets */
        int console_fd;
        int agent_fd;
} QemuLayout;

/* argv of a QEMU that starts with its vCPUs stopped (-S). Free with g_strfreev(). The configuration must be
 * complete and its UUID set. */
char **qemu_command_line(const DomainConfig *config, const QemuLayout *layout);
