/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/subgroup.h and host/cpu.h over the made-up host: each call is noted and done, unless the test has
 * told that it fails. */

#include <errno.h>

#include "fakes/world.h"
#include "host/cpu.h"
#include "host/subgroup.h"

#define CPUS "0-3"

typedef enum FakeController {
        FAKE_CPU    = 1 << 0,
        FAKE_CPUSET = 1 << 1,
} FakeController;

static FakeController controller_from_string(const char *name) {
        return g_str_equal(name, "cpu") ? FAKE_CPU : FAKE_CPUSET;
}

void host_lacks(const char *controller) {
        world.lacks |= controller_from_string(controller);
}

void scopes_may_use(const char *cpus) {
        g_free(world.spare_cpus);
        world.spare_cpus = g_strdup(cpus);
}

void group_call_fails(const char *call, int error) {
        world.group_call = call;
        world.group_error = error;
}

static FakeGroup *group_find(const FakeScope *scope, const char *name) {
        for (unsigned i = 0; scope && i < scope->groups->len; i++) {
                FakeGroup *group = scope->groups->pdata[i];
                if (g_str_equal(group->name, name))
                        return group;
        }
        return NULL;
}

static FakeGroup *group_of(const Cgroup *scope, const char *name) {
        return group_find(scope_find_by_path(cgroup_path(scope)), name);
}

const FakeGroup *group_find_thread(const FakeScope *scope, pid_t tid) {
        for (unsigned i = 0; i < scope->groups->len; i++) {
                const FakeGroup *group = scope->groups->pdata[i];
                for (unsigned t = 0; t < group->threads->len; t++)
                        if (g_array_index(group->threads, pid_t, t) == tid)
                                return group;
        }
        return NULL;
}

void group_free(void *item) {
        FakeGroup *group = item;

        g_array_unref(group->threads);
        g_free(group->cpus);
        g_free(group->name);
        g_free(group);
}

static void group_new(FakeScope *scope, const char *name) {
        FakeGroup *group = g_new(FakeGroup, 1);

        *group = (FakeGroup) {g_strdup(name), g_array_new(FALSE, FALSE, sizeof(pid_t)), g_strdup(""), 100};
        g_ptr_array_add(scope->groups, group);
}

void group_is_there(const char *unit, const char *name) {
        group_new(scope_find(unit), name);
}

/* Notes it. Returns 0 when it is to be done, 1 when it only seems to be, or a negative errno. */
__attribute__((format(printf, 3, 4))) static int group_note(
        const Cgroup *cgroup, const char *verb, const char *format, ...) {
        g_autofree char *rest = NULL, *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        rest = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        text = g_strdup_printf("group %s %s%s", verb, strrchr(cgroup_path(cgroup), '/') + 1, rest);
        note("%s", text);
        if (!world.group_call || !g_str_has_prefix(text, world.group_call))
                return 0;
        return world.group_error < 0 ? world.group_error : 1;
}

int subgroup_make(const Cgroup *scope, const char *name) {
        int r = group_note(scope, "make", "/%s", name);

        if (r == 0)
                group_new(scope_find_by_path(cgroup_path(scope)), name);
        return r;
}

int subgroup_remove(const Cgroup *scope, const char *name) {
        int r = group_note(scope, "remove", "/%s", name);

        if (r == 0)
                g_ptr_array_remove(scope_find_by_path(cgroup_path(scope))->groups, group_of(scope, name));
        return r;
}

int subgroup_hand_on(const Cgroup *scope, const char *controller) {
        if (world.lacks & controller_from_string(controller))
                return -EOPNOTSUPP;
        return group_note(scope, "controller", ": %s", controller);
}

int subgroup_take_process(const Cgroup *scope, const char *name, pid_t pid) {
        int r = group_note(scope, "process", "%s%s: %d", name ? "/" : "", name ? name : "", (int) pid);

        g_autofree char *path = name ? g_strconcat("/", name, NULL) : NULL;

        if (r == 0)
                process_find(pid)->subgroup = g_intern_string(path);
        return r;
}

int subgroup_take_thread(const Cgroup *scope, const char *name, pid_t tid) {
        int r = group_note(scope, "thread", "/%s: %d", name, (int) tid);

        if (r == 0)
                g_array_append_val(group_of(scope, name)->threads, tid);
        return r;
}

int subgroup_is_threaded(const Cgroup *scope, const char *path) {
        return group_of(scope, path) ? 1 : g_str_has_prefix(path, "none") ? -ENOENT : 0;
}

int subgroup_set_cpus(const Cgroup *scope, const char *name, const char *cpus) {
        int r = group_note(scope, "pin", "/%s: '%s'", name, cpus);
        FakeGroup *group = group_of(scope, name);

        if (r != 0)
                return MIN(r, 0);
        g_free(group->cpus);
        group->cpus = g_strdup(cpus);
        return 0;
}

char *subgroup_cpus_set(const Cgroup *scope, const char *name) {
        return world.lacks & FAKE_CPUSET ? NULL : g_strdup(group_of(scope, name)->cpus);
}

char *subgroup_cpus_effective(const Cgroup *scope, const char *name) {
        const char *cpus = name ? group_of(scope, name)->cpus : "";

        if (world.lacks & FAKE_CPUSET)
                return NULL;
        return g_strdup(*cpus ? cpus : world.spare_cpus ? world.spare_cpus : CPUS);
}

int subgroup_set_weight(const Cgroup *scope, const char *name, uint64_t weight) {
        int r = group_note(scope, "weigh", "/%s: %d", name, (int) weight);

        if (r == 0)
                group_of(scope, name)->weight = weight;
        return MIN(r, 0);
}

uint64_t subgroup_weight(const Cgroup *scope, const char *name) {
        return world.lacks & FAKE_CPU ? 0 : group_of(scope, name)->weight;
}

uint64_t subgroup_cpu_usage_nsec(const Cgroup *scope, const char *name) {
        return 7000000;
}

char *cpus_online(void) {
        return g_strdup(CPUS);
}

char *cpus_of_thread(pid_t pid, pid_t tid) {
        return g_strdup("0-1");
}
