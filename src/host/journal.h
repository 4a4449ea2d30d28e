/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads systemd's journal, from its newest end, and never for long: so many lines, so many entries, so much
 * time at most. A line is "2026-11-21T13:00:00Z text"; what is no printable UTF-8 in it is replaced. */

#include <stdbool.h>
#include <sys/types.h>

#define JOURNAL_LINES_MAX 1000u

/* What this daemon has said, whenever it ran; in user mode the user's own, in the user's journal. Free with
 * g_strfreev(); the oldest first. Returns 0 or a negative errno: -ENODATA when there is no journal that may
 * be read. */
int journal_read_own(bool user_mode, unsigned lines, char ***ret);

/* What the kernel has said about virtualisation since it started; of that what came after the mark, which
 * may be NULL. */
int journal_read_hypervisor(const char *mark, unsigned lines, char ***ret);

/* The place where the kernel's log ends now; NULL when there is nothing in it. Free with g_free(). */
int journal_mark_kernel(char **ret);

/* Whether a line of the kernel's is from what virtual machines run on: KVM, vhost, vfio, the IOMMU, tun and
 * tap devices. */
bool kernel_line_is_of_hypervisor(const char *line);
