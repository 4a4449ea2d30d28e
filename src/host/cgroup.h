/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads a cgroup of the unified hierarchy: its events, its counters, its tasks. The kernel's own word about
 * what systemd says. It never writes: systemd is the only writer of the tree, but for what it has delegated
 * (subgroup.h). See Documentation/admin-guide/cgroup-v2.rst of the kernel. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

typedef struct Cgroup Cgroup;

/* cgroup.events: changes are told by the kernel, at most every 10 ms. */
typedef struct CgroupEvents {
        bool populated;   /* a live process in it or below */
        bool frozen;      /* every task in it and below has stopped */
} CgroupEvents;

/* Each CGROUP_UNKNOWN where the kernel does not account it. */
#define CGROUP_UNKNOWN UINT64_MAX
typedef struct CgroupStats {
        uint64_t cpu_usage_nsec;
        uint64_t memory_current;       /* bytes */
        uint64_t tasks_current;
        uint64_t io_read_bytes, io_write_bytes;
} CgroupStats;

/* A task that keeps a cgroup from being frozen. */
typedef struct CgroupBlocker {
        pid_t pid;
        char *comm;
        char *why;    /* "state D in nfs_wait_bit_killable", "kernel thread" */
} CgroupBlocker;

/* Opens the cgroup (path as systemd's ControlGroup= has it). Returns 0, -ENOENT when it is gone. */
int cgroup_open(const char *path, Cgroup **ret);
Cgroup *cgroup_free(Cgroup *cgroup);
const char *cgroup_path(const Cgroup *cgroup);
char *cgroup_folder(const Cgroup *cgroup);   /* its path in the file system; free with g_free() */

/* Calls `changed` after each change of cgroup.events, and of memory.events where memory is accounted.
 * Returns 0 or a negative errno. */
typedef void (*CgroupChanged)(void *userdata);
int cgroup_watch(Cgroup *cgroup, sd_event *event, CgroupChanged changed, void *userdata);

/* A cgroup that is gone is neither populated nor frozen. Returns 0 or a negative errno. */
int cgroup_read_events(const Cgroup *cgroup, CgroupEvents *ret);

/* Whether this cgroup itself was told to freeze (cgroup.freeze), reached or not. */
bool cgroup_freeze_requested(const Cgroup *cgroup);

/* How many processes in it and below the kernel has killed because memory ran out; CGROUP_UNKNOWN when
 * memory is not accounted, or the cgroup is gone. */
uint64_t cgroup_oom_kills(const Cgroup *cgroup);

void cgroup_read_stats(const Cgroup *cgroup, CgroupStats *ret);

/* The text of one of its files, "memory.max"; NULL when there is none. Free with g_free(). */
char *cgroup_read_file(const Cgroup *cgroup, const char *file);

/* PIDs in it and below, at most `max`. Free with g_array_unref(). */
GArray *cgroup_pids(const Cgroup *cgroup, unsigned max);

/* The tasks that have not stopped although the cgroup was told to freeze; CgroupBlocker, at most `max`. */
GArray *cgroup_blockers(const Cgroup *cgroup, unsigned max);

/* Whether none of its tasks is on a processor or waits for one now: of the first `max` of them. */
bool cgroup_is_idle(const Cgroup *cgroup, unsigned max);

/* The nearest slice of the path, itself or an ancestor, that was told to freeze: "a-b.slice"; NULL when none
 * was. */
char *cgroup_frozen_slice(const char *path);

/* The nearest group below it that was told to freeze itself, as "/a/b"; NULL when none was. Whoever owns a
 * delegated tree may do that, and no thaw of the cgroup reaches there. */
char *cgroup_frozen_below(const Cgroup *cgroup);

/* The controllers that may be used below the cgroup (path as above, "" for the root); none where that cannot
 * be known, also for NULL. Free with g_strfreev(). */
char **cgroup_controllers(const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cgroup, cgroup_free)
