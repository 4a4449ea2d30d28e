/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who holds what is in use, for people. A look at /proc, which may be late: nothing is decided by it. */

#include <sys/types.h>

/* A process that has a lock on the file open under fd: "PID 42 (qemu-img)"; NULL when none is found. Free
 * with g_free(). */
char *lock_holder(int fd);

/* Of a block device: where it is mounted, or that the kernel holds it. Free with g_free(). */
char *block_holder(dev_t device);
