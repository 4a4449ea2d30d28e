/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What /proc and pidfds tell about a process. Every answer is about the moment it was given; hold a pidfd to
 * know that it was about the process you mean. */

#include <stdbool.h>
#include <sys/types.h>

/* Its cgroup in the unified hierarchy, e.g. "/machine.slice/vmm-web.scope". Returns 0, -ESRCH when it is
 * gone, -ENODATA without cgroup v2. */
int process_cgroup(pid_t pid, char **ret);

/* The same of one of its threads; -ESRCH too when it has no such thread. */
int thread_cgroup(pid_t pid, pid_t tid, char **ret);

/* Its effective UID. Returns 0 or -ESRCH. */
int process_uid(pid_t pid, uid_t *ret);

/* One line of /proc/PID/stat. Returns 0 or -ESRCH. */
typedef struct ProcessStat {
        char comm[64];
        char state;             /* proc(5): R, S, D, T, Z, ... */
        bool kernel_thread;
} ProcessStat;
int process_stat(pid_t pid, ProcessStat *ret);

/* The kernel function it sleeps in ("0" when it runs or may not be seen). Returns 0 or -ESRCH. */
int process_wchan(pid_t pid, char *ret, size_t size);

/* The PID behind a pidfd. Returns 0, -ESRCH when it is gone, -EBADF when it is no pidfd. */
int pidfd_get_pid(int pidfd, pid_t *ret);

/* Whether the process behind it has not ended yet. */
bool pidfd_is_alive(int pidfd);

/* A pidfd for the PID; 0 or a negative errno (-ESRCH). */
int pidfd_new(pid_t pid, int *ret);
int pidfd_signal(int pidfd, int signal);
