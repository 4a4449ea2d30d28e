/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads /sys/fs/cgroup through a descriptor of the cgroup's folder. Never writes there. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "host/cgroup-file.h"
#include "host/process.h"
#include "util/auto.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_DEPTH_MAX 16u
#define CGROUP_BELOW_MAX 256u   /* groups that a payload can make us look into, and open at a time */

struct Cgroup {
        char *path;
        int fd;
        sd_event_source *watch, *memory_watch;
        CgroupChanged changed;
        void *userdata;
};

int cgroup_open(const char *path, Cgroup **ret) {
        g_autofree char *full = g_strconcat(CGROUP_ROOT, path, NULL);
        int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        Cgroup *cgroup = g_new0(Cgroup, 1);
        *cgroup = (Cgroup) {.path = g_strdup(path), .fd = fd};
        *ret = cgroup;
        return 0;
}

Cgroup *cgroup_free(Cgroup *cgroup) {
        if (!cgroup)
                return NULL;
        sd_event_source_disable_unref(cgroup->watch);
        sd_event_source_disable_unref(cgroup->memory_watch);
        fd_close(cgroup->fd);
        g_free(cgroup->path);
        g_free(cgroup);
        return NULL;
}

const char *cgroup_path(const Cgroup *cgroup) {
        return cgroup->path;
}

int cgroup_fd(const Cgroup *cgroup) {
        return cgroup->fd;
}

char *cgroup_folder(const Cgroup *cgroup) {
        return g_strconcat(CGROUP_ROOT, cgroup->path, NULL);
}

char *attribute_read(int dir_fd, const char *name) {
        autofd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return NULL;

        GString *text = g_string_new(NULL);
        char buffer[4096];
        ssize_t n;
        while ((n = read(fd, buffer, sizeof buffer)) > 0)
                g_string_append_len(text, buffer, n);
        if (n < 0) {
                int saved = errno;
                g_string_free(text, TRUE);
                errno = saved;
                return NULL;
        }
        return g_string_free(text, FALSE);
}

uint64_t keyed_number(const char *text, const char *key) {
        size_t length = strlen(key);

        for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0)
                if (strncmp(line, key, length) == 0 && line[length] == ' ')
                        return g_ascii_strtoull(line + length + 1, NULL, 10);
        return CGROUP_UNKNOWN;
}

int cgroup_read_events(const Cgroup *cgroup, CgroupEvents *ret) {
        g_autofree char *text = attribute_read(cgroup->fd, "cgroup.events");

        if (!text && errno != ENOENT && errno != ENODEV)
                return -errno;
        *ret = (CgroupEvents) {
                .populated = text && keyed_number(text, "populated") == 1,
                .frozen = text && keyed_number(text, "frozen") == 1,
        };
        return 0;
}

bool cgroup_freeze_requested(const Cgroup *cgroup) {
        g_autofree char *text = attribute_read(cgroup->fd, "cgroup.freeze");

        return text && text[0] == '1';
}

uint64_t cgroup_oom_kills(const Cgroup *cgroup) {
        g_autofree char *text = attribute_read(cgroup->fd, "memory.events");

        return text ? keyed_number(text, "oom_kill") : CGROUP_UNKNOWN;
}

static int on_events_changed(sd_event_source *source, const struct inotify_event *change, void *userdata) {
        Cgroup *cgroup = userdata;

        cgroup->changed(cgroup->userdata);
        return 0;
}

int cgroup_watch(Cgroup *cgroup, sd_event *event, CgroupChanged changed, void *userdata) {
        g_autofree char *file = g_strconcat(CGROUP_ROOT, cgroup->path, "/cgroup.events", NULL);
        g_autofree char *memory = g_strconcat(CGROUP_ROOT, cgroup->path, "/memory.events", NULL);
        int r;

        cgroup->changed = changed;
        cgroup->userdata = userdata;
        r = sd_event_add_inotify(event, &cgroup->memory_watch, memory, IN_MODIFY, on_events_changed, cgroup);
        if (r < 0 && r != -ENOENT)
                return r;
        return sd_event_add_inotify(
                event, &cgroup->watch, file, IN_MODIFY | IN_DELETE_SELF, on_events_changed, cgroup);
}

char *cgroup_read_file(const Cgroup *cgroup, const char *file) {
        return attribute_read(cgroup->fd, file);
}

/* "rbytes=1 wbytes=2" of every device, added up. */
static void io_stat_sum(const char *text, uint64_t *ret_read, uint64_t *ret_write) {
        uint64_t n_read = 0, n_write = 0;

        for (const char *at = text; (at = strstr(at, "rbytes=")); at += strlen("rbytes="))
                n_read += g_ascii_strtoull(at + strlen("rbytes="), NULL, 10);
        for (const char *at = text; (at = strstr(at, "wbytes=")); at += strlen("wbytes="))
                n_write += g_ascii_strtoull(at + strlen("wbytes="), NULL, 10);
        *ret_read = n_read;
        *ret_write = n_write;
}

void cgroup_read_stats(const Cgroup *cgroup, CgroupStats *ret) {
        g_autofree char *cpu = attribute_read(cgroup->fd, "cpu.stat");
        g_autofree char *memory = attribute_read(cgroup->fd, "memory.current");
        g_autofree char *tasks = attribute_read(cgroup->fd, "pids.current");
        g_autofree char *io = attribute_read(cgroup->fd, "io.stat");
        uint64_t usage_usec = cpu ? keyed_number(cpu, "usage_usec") : CGROUP_UNKNOWN;

        *ret = (CgroupStats) {
                .cpu_usage_nsec = usage_usec == CGROUP_UNKNOWN ? CGROUP_UNKNOWN : usage_usec * 1000u,
                .memory_current = memory ? g_ascii_strtoull(memory, NULL, 10) : CGROUP_UNKNOWN,
                .tasks_current = tasks ? g_ascii_strtoull(tasks, NULL, 10) : CGROUP_UNKNOWN,
                .io_read_bytes = CGROUP_UNKNOWN,
                .io_write_bytes = CGROUP_UNKNOWN,
        };
        if (io)
                io_stat_sum(io, &ret->io_read_bytes, &ret->io_write_bytes);
}

/* Calls `visit` with each number in the attribute of the cgroup and of all below it, until it says false. */
static bool visit_numbers(
        int dir_fd, const char *attribute, unsigned depth, bool (*visit)(pid_t, void *), void *userdata) {
        g_autofree char *text = attribute_read(dir_fd, attribute);

        for (char *at = text, *end; at && *at; at = end) {
                pid_t pid = (pid_t) strtol(at, &end, 10);
                if (end == at)
                        break;
                end += *end == '\n';
                if (!visit(pid, userdata))
                        return false;
        }

        if (depth == 0)
                return true;
        DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        bool more = true;
        for (struct dirent *entry; dir && more && (entry = readdir(dir));) {
                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                autofd int child = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (child >= 0)
                        more = visit_numbers(child, attribute, depth - 1, visit, userdata);
        }
        if (dir)
                closedir(dir);
        return more;
}

typedef struct Collection {
        GArray *items;
        unsigned max;
} Collection;

static bool collect_pid(pid_t pid, void *userdata) {
        Collection *c = userdata;

        g_array_append_val(c->items, pid);
        return c->items->len < c->max;
}

GArray *cgroup_pids(const Cgroup *cgroup, unsigned max) {
        Collection c = {g_array_new(FALSE, FALSE, sizeof(pid_t)), max};

        visit_numbers(cgroup->fd, "cgroup.procs", CGROUP_DEPTH_MAX, collect_pid, &c);
        return c.items;
}

static void blocker_clear(void *item) {
        CgroupBlocker *blocker = item;

        g_free(blocker->comm);
        g_free(blocker->why);
}

/* Where a task sleeps tells whether it counts as frozen: in get_signal it is, stopped by a signal or waiting
 * for its vfork child it counts as such. */
static bool collect_blocker(pid_t tid, void *userdata) {
        static const char *const harmless[] = {
                "get_signal", "do_signal_stop", "ptrace_stop", "kernel_clone", NULL};
        Collection *c = userdata;
        char wchan[128] = "";
        ProcessStat stat;

        if (process_stat(tid, &stat) < 0 || process_wchan(tid, wchan, sizeof wchan) < 0)
                return true;
        if (!stat.kernel_thread && g_strv_contains(harmless, wchan))
                return true;

        CgroupBlocker blocker = {
                .pid = tid,
                .comm = g_utf8_make_valid(stat.comm, -1),
                .why = stat.kernel_thread
                               ? g_strdup("kernel thread")
                               : g_strdup_printf("state %c in %s", stat.state,
                                         *wchan && !g_str_equal(wchan, "0") ? wchan : "user space"),
        };
        g_array_append_val(c->items, blocker);
        return c->items->len < c->max;
}

GArray *cgroup_blockers(const Cgroup *cgroup, unsigned max) {
        Collection c = {g_array_new(FALSE, FALSE, sizeof(CgroupBlocker)), max};

        g_array_set_clear_func(c.items, blocker_clear);
        visit_numbers(cgroup->fd, "cgroup.threads", CGROUP_DEPTH_MAX, collect_blocker, &c);
        return c.items;
}

/* Goes on as long as all sleep. */
static bool count_sleeper(pid_t tid, void *userdata) {
        unsigned *left = userdata;
        ProcessStat stat;

        return (process_stat(tid, &stat) < 0 || stat.state != 'R') && --*left > 0;
}

bool cgroup_is_idle(const Cgroup *cgroup, unsigned max) {
        unsigned left = max;
        bool all = visit_numbers(cgroup->fd, "cgroup.threads", CGROUP_DEPTH_MAX, count_sleeper, &left);

        return all || left == 0;
}

char *cgroup_frozen_slice(const char *path) {
        g_autofree char *at = g_strdup(path);

        for (char *slash; *at; *slash = 0) {
                g_autoptr(Cgroup) cgroup = NULL;

                slash = strrchr(at, '/');
                if (!slash)
                        break;
                if (g_str_has_suffix(at, ".slice") && cgroup_open(at, &cgroup) >= 0 &&
                        cgroup_freeze_requested(cgroup))
                        return g_strdup(slash + 1);
        }
        return NULL;
}

/* A group below, to be looked into. */
typedef struct Below {
        char *path;
        int fd;
} Below;

static void below_free(void *item) {
        Below *below = item;

        fd_close(below->fd);
        g_free(below->path);
        g_free(below);
}

static bool below_is_frozen(const Below *below) {
        g_autofree char *text = attribute_read(below->fd, "cgroup.freeze");

        return *below->path && text && text[0] == '1';
}

static void below_append_children(const Below *below, GQueue *queue) {
        DIR *dir = fdopendir(openat(below->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

        for (struct dirent *entry; dir && queue->length < CGROUP_BELOW_MAX && (entry = readdir(dir));) {
                int fd = -1;

                if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                        fd = openat(below->fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0)
                        continue;
                Below *child = g_new(Below, 1);
                *child = (Below) {g_strconcat(below->path, "/", entry->d_name, NULL), fd};
                g_queue_push_tail(queue, child);
        }
        if (dir)
                closedir(dir);
}

char *cgroup_frozen_below(const Cgroup *cgroup) {
        GQueue queue = G_QUEUE_INIT;
        Below *below = g_new(Below, 1);
        char *found = NULL;

        *below = (Below) {g_strdup(""), openat(cgroup->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        for (unsigned n = 0; below && !found && n < CGROUP_BELOW_MAX; n++) {
                if (below_is_frozen(below))
                        found = g_strdup(below->path);
                else
                        below_append_children(below, &queue);
                below_free(below);
                below = g_queue_pop_head(&queue);
        }
        if (below)
                below_free(below);
        g_queue_clear_full(&queue, below_free);
        return found;
}

char **cgroup_controllers(const char *path) {
        g_autoptr(Cgroup) cgroup = NULL;
        g_autofree char *text = NULL;

        if (path && cgroup_open(path, &cgroup) >= 0)
                text = attribute_read(cgroup->fd, "cgroup.controllers");
        return g_strsplit_set(text ? g_strstrip(text) : "", " ", -1);
}
