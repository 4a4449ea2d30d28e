/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/cgroup.h over the made-up host. A cgroup that is gone reads as the real one does: nothing in it, not
 * frozen. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config/resource-file.h"
#include "fakes/world.h"

struct Cgroup {
        char *path;
        CgroupChanged changed;
        CgroupEvents told;   /* of a slice */
        void *userdata;
};

static bool is_slice(const char *path) {
        return g_str_has_suffix(path, ".slice");
}

/* A slice is there as long as a scope is below it. */
static bool slice_is_there(const char *path) {
        g_autofree char *below = g_strconcat(path, "/", NULL);

        if (slice_is_started(path))
                return true;
        for (unsigned i = 0; i < world.scopes->len; i++)
                if (g_str_has_prefix(((const FakeScope *) world.scopes->pdata[i])->path, below))
                        return is_slice(path);
        return false;
}

int cgroup_open(const char *path, Cgroup **ret) {
        Cgroup *cgroup;

        if (!scope_find_by_path(path) && !slice_is_there(path))
                return -ENOENT;
        cgroup = g_new0(Cgroup, 1);
        cgroup->path = g_strdup(path);
        g_ptr_array_add(world.cgroups, cgroup);
        *ret = cgroup;
        return 0;
}

Cgroup *cgroup_free(Cgroup *cgroup) {
        if (!cgroup)
                return NULL;
        happen_not(cgroup);
        g_ptr_array_remove(world.cgroups, cgroup);
        g_free(cgroup->path);
        g_free(cgroup);
        return NULL;
}

const char *cgroup_path(const Cgroup *cgroup) {
        return cgroup->path;
}

char *cgroup_folder(const Cgroup *cgroup) {
        return g_strconcat("/sys/fs/cgroup", cgroup->path, NULL);
}

int cgroup_watch(Cgroup *cgroup, sd_event *event, CgroupChanged changed, void *userdata) {
        cgroup->changed = changed;
        cgroup->userdata = userdata;
        if (is_slice(cgroup->path))
                cgroup->told = slice_events(cgroup->path);
        return 0;
}

static void cgroup_act_changed(void *data) {
        Cgroup *cgroup = data;

        cgroup->changed(cgroup->userdata);
}

void slices_tell(void) {
        for (unsigned i = 0; i < world.cgroups->len; i++) {
                Cgroup *cgroup = world.cgroups->pdata[i];
                CgroupEvents now = slice_events(cgroup->path);

                if (!cgroup->changed || !is_slice(cgroup->path) ||
                        (now.populated == cgroup->told.populated && now.frozen == cgroup->told.frozen))
                        continue;
                cgroup->told = now;
                happen(cgroup_act_changed, cgroup);
        }
}

void cgroups_changed(const char *path) {
        for (unsigned i = 0; i < world.cgroups->len; i++) {
                Cgroup *cgroup = world.cgroups->pdata[i];

                if (!cgroup->changed || !g_str_equal(cgroup->path, path))
                        continue;
                cgroup->changed(cgroup->userdata);   /* may free it; nobody else looks at this scope */
                return;
        }
}

int cgroup_read_events(const Cgroup *cgroup, CgroupEvents *ret) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);

        if (is_slice(cgroup->path)) {
                *ret = slice_events(cgroup->path);
                return 0;
        }
        *ret = scope ? scope->quiet ? scope->told : scope_events(scope) : (CgroupEvents) {false, false};
        return 0;
}

uint64_t cgroup_oom_kills(const Cgroup *cgroup) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);

        return scope && !scope->swept ? scope->oom_kills : CGROUP_UNKNOWN;
}

bool cgroup_freeze_requested(const Cgroup *cgroup) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);

        return is_slice(cgroup->path) ? slice_is_frozen(strrchr(cgroup->path, '/') + 1)
                                      : scope && scope->freeze;
}

void cgroup_read_stats(const Cgroup *cgroup, CgroupStats *ret) {
        *ret = (CgroupStats) {
                .cpu_usage_nsec = 1000000,
                .memory_current = 4096,
                .tasks_current = 1,
                .io_read_bytes = CGROUP_UNKNOWN,
                .io_write_bytes = CGROUP_UNKNOWN,
        };
}

/* Files that have one number in them say what the kernel has of the property that is kept there. */
char *cgroup_read_file(const Cgroup *cgroup, const char *file) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);
        GHashTable *applied = scope ? scope->applied
                                    : g_hash_table_lookup(world.slices, strrchr(cgroup->path, '/') + 1);
        const ResourceProperty *property;

        if (g_str_equal(file, "cgroup.controllers"))
                return g_strdup("memory pids\n");
        for (size_t i = 0; applied && (property = resource_property_nth(i)); i++) {
                GVariant *value = g_hash_table_lookup(applied, property->name);
                uint64_t number;

                if (!value || g_strcmp0(resource_file(property, value), file) != 0)
                        continue;
                number = g_str_equal(file, "cpu.idle") ? 1 : g_variant_get_uint64(value);
                return number == UINT64_MAX ? g_strdup("max\n") : g_strdup_printf("%" PRIu64 "\n", number);
        }
        return g_strdup("max\n");
}

GArray *cgroup_pids(const Cgroup *cgroup, unsigned max) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);
        GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));

        for (unsigned i = 0; scope && i < world.processes->len && pids->len < max; i++) {
                const FakeProcess *process = world.processes->pdata[i];
                if (process->scope == scope && !process->ended)
                        g_array_append_val(pids, process->pid);
        }
        return pids;
}

static void blocker_clear(void *item) {
        CgroupBlocker *blocker = item;

        g_free(blocker->comm);
        g_free(blocker->why);
}

GArray *cgroup_blockers(const Cgroup *cgroup, unsigned max) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);
        GArray *blockers = g_array_new(FALSE, FALSE, sizeof(CgroupBlocker));

        g_array_set_clear_func(blockers, blocker_clear);
        if (scope && scope->stuck) {
                CgroupBlocker blocker = {
                        999, g_strdup("nfsd"), g_strdup("state D in nfs_wait_bit_killable")};
                g_array_append_val(blockers, blocker);
        }
        return blockers;
}

bool cgroup_is_idle(const Cgroup *cgroup, unsigned max) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);

        return scope && !scope_is_frozen(scope);
}

char *cgroup_frozen_slice(const char *path) {
        return g_strdup(frozen_slice(path));
}

char *cgroup_frozen_below(const Cgroup *cgroup) {
        const FakeScope *scope = scope_find_by_path(cgroup->path);

        return scope ? g_strdup(scope->frozen_below) : NULL;
}

/* A user's systemd was delegated fewer. */
char **cgroup_controllers(const char *path) {
        const char *offered = g_str_equal(path, world.root) ? "memory pids" : "";

        return g_strsplit(*path ? offered : "cpu memory pids", " ", -1);
}
