/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes below a delegated scope, through its descriptor. Never by an absolute path, and to the scope itself
 * only what the header names. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/cgroup-file.h"
#include "host/cpu.h"
#include "host/subgroup.h"
#include "util/auto.h"

/* A descriptor of the group, or of the scope itself. */
static int subgroup_open(const Cgroup *scope, const char *name) {
        int fd = openat(
                cgroup_fd(scope), name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int subgroup_write(const Cgroup *scope, const char *name, const char *attribute, const char *text) {
        autofd int dir = subgroup_open(scope, name), fd = -1;

        if (dir < 0)
                return dir;
        fd = openat(dir, attribute, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int subgroup_write_number(
        const Cgroup *scope, const char *name, const char *attribute, uint64_t number) {
        char text[24];

        snprintf(text, sizeof text, "%" PRIu64, number);
        return subgroup_write(scope, name, attribute, text);
}

static char *subgroup_read(const Cgroup *scope, const char *name, const char *attribute) {
        autofd int dir = subgroup_open(scope, name);
        char *text = dir >= 0 ? attribute_read(dir, attribute) : NULL;

        return text ? g_strstrip(text) : NULL;
}

int subgroup_make(const Cgroup *scope, const char *name) {
        if (mkdirat(cgroup_fd(scope), name, 0755) < 0)
                return -errno;
        return subgroup_write(scope, name, "cgroup.type", "threaded");
}

int subgroup_remove(const Cgroup *scope, const char *name) {
        return unlinkat(cgroup_fd(scope), name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int subgroup_hand_on(const Cgroup *scope, const char *controller) {
        g_autofree char *text = subgroup_read(scope, NULL, "cgroup.controllers");
        g_auto(GStrv) offered = g_strsplit(text ? text : "", " ", -1);
        g_autofree char *change = g_strconcat("+", controller, NULL);

        if (!g_strv_contains((const char *const *) offered, controller))
                return -EOPNOTSUPP;
        return subgroup_write(scope, NULL, "cgroup.subtree_control", change);
}

int subgroup_take_process(const Cgroup *scope, const char *name, pid_t pid) {
        /* 0 would be us. */
        return pid > 0 ? subgroup_write_number(scope, name, "cgroup.procs", (uint64_t) pid) : -ESRCH;
}

int subgroup_take_thread(const Cgroup *scope, const char *name, pid_t tid) {
        return tid > 0 ? subgroup_write_number(scope, name, "cgroup.threads", (uint64_t) tid) : -ESRCH;
}

int subgroup_is_threaded(const Cgroup *scope, const char *path) {
        g_autofree char *type = subgroup_read(scope, path, "cgroup.type");

        return type ? g_str_equal(type, "threaded") : -ENOENT;
}

int subgroup_set_cpus(const Cgroup *scope, const char *name, const char *cpus) {
        /* The kernel does not let a group with threads have none; of all that there may be, those that the
         * scope has are effective, now and later. */
        g_autofree char *possible = *cpus ? NULL : cpus_possible();

        if (!*cpus && !possible)
                return -ENODATA;
        return subgroup_write(scope, name, "cpuset.cpus", *cpus ? cpus : possible);
}

char *subgroup_cpus_set(const Cgroup *scope, const char *name) {
        return subgroup_read(scope, name, "cpuset.cpus");
}

char *subgroup_cpus_effective(const Cgroup *scope, const char *name) {
        return subgroup_read(scope, name, "cpuset.cpus.effective");
}

int subgroup_set_weight(const Cgroup *scope, const char *name, uint64_t weight) {
        return subgroup_write_number(scope, name, "cpu.weight", weight);
}

uint64_t subgroup_weight(const Cgroup *scope, const char *name) {
        g_autofree char *text = subgroup_read(scope, name, "cpu.weight");

        return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

uint64_t subgroup_cpu_usage_nsec(const Cgroup *scope, const char *name) {
        g_autofree char *text = subgroup_read(scope, name, "cpu.stat");
        uint64_t usec = text ? keyed_number(text, "usage_usec") : CGROUP_UNKNOWN;

        return usec == CGROUP_UNKNOWN ? CGROUP_UNKNOWN : usec * 1000u;
}
