/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Control groups below a scope that systemd has delegated to us: made, filled and set here. They, and the
 * list of controllers that the scope hands on to them, are all that may be written in the cgroup tree other
 * than through systemd; its own settings of the scope stay its own. Everything goes through the scope's
 * descriptor and follows no link, so that nothing outside of it can be reached. All groups are threaded
 * ("Threads" in the kernel's cgroup-v2.rst), which is how threads of one process can be in several. */

#include "host/cgroup.h"

/* Each returns 0 or a negative errno. A name is that of a group directly below the scope. */

int subgroup_make(const Cgroup *scope, const char *name);
int subgroup_remove(const Cgroup *scope, const char *name);

/* Lets the groups have a controller of the scope: -EOPNOTSUPP when the scope has not got it. */
int subgroup_hand_on(const Cgroup *scope, const char *controller);

/* Moves a whole process (name NULL: into the scope itself), or one thread, that is in the scope already. */
int subgroup_take_process(const Cgroup *scope, const char *name, pid_t pid);
int subgroup_take_thread(const Cgroup *scope, const char *name, pid_t tid);

/* Whether the path below the scope is a threaded group: -ENOENT when there is no group. */
int subgroup_is_threaded(const Cgroup *scope, const char *path);

/* CPUs as the kernel writes them, "0-3,5"; "" for any that the scope has. What was set may be more than
 * what is effective: the caller looks. NULL when the scope has no such controller; free with g_free(). */
int subgroup_set_cpus(const Cgroup *scope, const char *name, const char *cpus);
char *subgroup_cpus_set(const Cgroup *scope, const char *name);
char *subgroup_cpus_effective(const Cgroup *scope, const char *name);   /* name NULL: of the scope itself */

/* cpu.weight, 1 to 10000; 0 when the scope has no such controller. */
int subgroup_set_weight(const Cgroup *scope, const char *name, uint64_t weight);
uint64_t subgroup_weight(const Cgroup *scope, const char *name);

/* CPU time of the threads while they were in the group; CGROUP_UNKNOWN when it is gone. */
uint64_t subgroup_cpu_usage_nsec(const Cgroup *scope, const char *name);
