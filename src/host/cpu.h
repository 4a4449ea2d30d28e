/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The CPUs of this machine, and which of them a thread may use. Read only. */

#include <sys/types.h>

/* Both as the kernel writes them, "0-3,5"; NULL when it does not say. Free with g_free(). */
char *cpus_online(void);
char *cpus_possible(void);                    /* those that may ever come online */
char *cpus_of_thread(pid_t pid, pid_t tid);   /* NULL too when the process has no such thread */
