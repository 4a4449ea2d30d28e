/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which slices there are, what they hold, and how they follow what somebody else does to them. Nothing here
 * pauses or resumes anything: that is slice-verbs.c. */

#include <string.h>

#include "core/pause-ledger.h"
#include "core/slice.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

Slice *manager_find_slice(Manager *manager, const char *name) {
        return g_hash_table_lookup(manager->slices, name);
}

bool slice_is_paused(const Slice *slice) {
        return slice->paused || slice->events.frozen;
}

void slice_mark_changed(Slice *slice, unsigned changes) {
        Manager *manager = slice->manager;

        if (slice->changes == 0)
                g_ptr_array_add(manager->changed_slices, slice);
        slice->changes |= changes;
        (void) sd_event_source_set_enabled(manager->flush, SD_EVENT_ONESHOT);
}

bool domain_is_slice(const Domain *domain) {
        return cgroup_path_is_slice(domain->config->cgroup_path);
}

Domain *slice_own(const Slice *slice) {
        for (unsigned i = 0; i < slice->domains->len; i++) {
                Domain *domain = slice->domains->pdata[i];
                if (domain_is_slice(domain) && g_str_equal(domain_unit(domain), slice->name))
                        return domain;
        }
        return NULL;
}

/* The domain that is this slice is paused when the slice is. */
void slice_tell_own(const Slice *slice) {
        Domain *own = slice_own(slice);
        bool paused = slice_is_paused(slice), thawed;

        if (!own || own->job)
                return;
        thawed = ledger_has(own->pause_reasons, PAUSE_REASON_FROZEN);
        (slice->paused ? domain_add_pause_reason : domain_remove_pause_reason)(own, PAUSE_REASON_USER);
        (slice->events.frozen ? domain_add_pause_reason : domain_remove_pause_reason)(
                own, PAUSE_REASON_FROZEN);
        if (paused != (own->state == DOMAIN_PAUSED))
                domain_set_state(own, paused ? DOMAIN_PAUSED : DOMAIN_RUNNING,
                        slice->paused ? "paused on request"
                        : paused ? "frozen from outside"
                        : thawed ? "thawed from outside"
                                 : "resumed on request");
}

void slice_set_paused(Slice *slice, bool paused) {
        bool before = slice_is_paused(slice);

        slice->paused = paused;
        if (slice_is_paused(slice) != before)
                slice_mark_changed(slice, SLICE_CHANGED_PAUSED);
        slice_tell_own(slice);
}

/* ---- Coming and going. ---- */

static Slice *slice_new(Manager *manager, const char *name) {
        Slice *slice = g_new0(Slice, 1);

        *slice = (Slice) {
                .manager = manager,
                .name = g_strdup(name),
                .domains = g_ptr_array_new(),
        };
        g_hash_table_insert(manager->slices, slice->name, slice);
        return slice;
}

static void slice_free(Slice *slice) {
        if (slice->changes)
                g_ptr_array_remove_fast(slice->manager->changed_slices, slice);
        cgroup_free(slice->cgroup);
        g_ptr_array_unref(slice->domains);
        g_free(slice->name);
        g_free(slice);
}

static void resources_drop(void *resources) {
        resources_free(resources);
}

void slices_new(Manager *manager) {
        manager->slices = g_hash_table_new(g_str_hash, g_str_equal);
        manager->slice_jobs = g_ptr_array_new();
        manager->slice_changes = g_ptr_array_new();
        manager->slice_resources =
                g_hash_table_new_full(g_str_hash, g_str_equal, g_free, resources_drop);
        manager->changed_slices = g_ptr_array_new();
}

void slices_free(Manager *manager) {
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, manager->slices);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                g_hash_table_iter_remove(&iter);
                slice_free(item);
        }
        g_hash_table_unref(manager->slices);
        g_ptr_array_unref(manager->changed_slices);
        g_ptr_array_unref(manager->slice_jobs);
        g_ptr_array_unref(manager->slice_changes);
        g_hash_table_unref(manager->slice_resources);
}

void slices_add_domain(Domain *domain) {
        Manager *manager = domain->manager;
        g_auto(GStrv) names = slice_ancestry(cgroup_path_home(domain->config->cgroup_path));

        for (char **name = names; *name; name++) {
                Slice *slice = manager_find_slice(manager, *name);

                if (slice)
                        slice_mark_changed(slice, SLICE_CHANGED_DOMAINS);
                else
                        slice = slice_new(manager, *name);
                g_ptr_array_add(slice->domains, domain);
                if (slice->domains->len == 1)
                        manager->observer->slice_added(manager->userdata, slice);
        }
}

/* The innermost first, so that the emptied ones go in the order of their nesting. */
void slices_remove_domain(Domain *domain) {
        Manager *manager = domain->manager;
        g_auto(GStrv) names = slice_ancestry(cgroup_path_home(domain->config->cgroup_path));

        slice_jobs_forget(domain);
        for (unsigned i = g_strv_length(names); i > 0; i--) {
                Slice *slice = manager_find_slice(manager, names[i - 1]);

                g_ptr_array_remove(slice->domains, domain);
                if (slice->domains->len > 0) {
                        slice_mark_changed(slice, SLICE_CHANGED_DOMAINS);
                        continue;
                }
                manager->observer->slice_removed(manager->userdata, slice);
                g_hash_table_remove(manager->slices, slice->name);
                slice_free(slice);
        }
        slices_let_go(domain);
}

void slices_let_go(Domain *domain) {
        g_auto(GStrv) names = slice_ancestry(cgroup_path_home(domain->config->cgroup_path));

        for (char **name = names; *name; name++) {
                Slice *slice = manager_find_slice(domain->manager, *name);
                g_autofree char *reason = ledger_slice_reason(*name);
                bool holds = false;

                if (!slice || !slice->paused || slice_own(slice))
                        continue;
                for (unsigned i = 0; i < slice->domains->len; i++)
                        holds |= ledger_has(((Domain *) slice->domains->pdata[i])->pause_reasons, reason);
                slice_set_paused(slice, holds);
        }
}

int slices_check_open(Manager *manager, const DomainConfig *config, sd_bus_error *error) {
        const char *own = cgroup_path_home(config->cgroup_path);
        g_auto(GStrv) names = slice_ancestry(own);

        for (char **name = names; *name; name++) {
                const Slice *slice = manager_find_slice(manager, *name);

                if (slice && (slice->paused || slice_is_changing(manager, *name)))
                        return sd_bus_error_setf(error, VMM_ERROR_SLICE_FROZEN,
                                "'%s' cannot be in slice %s: %s is %s", config->name, own, *name,
                                slice->paused ? "paused" : "being paused");
        }
        return 0;
}

/* ---- What somebody else does to it. ---- */

/* The domains that were paused before do not see the freeze of their slice; when they thaw with it they need
 * to know that it was not meant for them. systemd 252 thaws the slice first and then, in the same breath,
 * what is below it: what is frozen on its own even after the next answer of systemd was not concerned. */
static void slice_tell_domains(const Slice *slice) {
        for (unsigned i = 0; i < slice->domains->len; i++) {
                Domain *domain = slice->domains->pdata[i];
                g_autofree char *frozen =
                        domain->cgroup ? cgroup_frozen_slice(cgroup_path(domain->cgroup)) : NULL;

                if (frozen)
                        domain->slice_frozen = true;
                else if (domain->slice_frozen && !domain->job && cgroup_freeze_requested(domain->cgroup))
                        domain_ask_freezer_state(domain);
        }
}

static void on_slice_changed(void *userdata) {
        Slice *slice = userdata;
        bool before = slice_is_paused(slice), frozen = slice->events.frozen;

        if (cgroup_read_events(slice->cgroup, &slice->events) < 0)
                return;
        if (slice_is_paused(slice) != before)
                slice_mark_changed(slice, SLICE_CHANGED_PAUSED);
        if (slice->events.frozen == frozen)
                return;
        slice_tell_domains(slice);
        slice_tell_own(slice);
}

/* Where the slice is in the path of what is below it. A name that would look like a file of the kernel's has
 * an underscore in front. */
static char *slice_path_in(const char *name, const char *path) {
        g_autofree char *plain = g_strdup_printf("/%s/", name), *escaped = g_strdup_printf("/_%s/", name);
        const char *at = g_strrstr(path, plain);

        if (!at)
                at = g_strrstr(path, escaped);
        return at ? g_strndup(path, (size_t) (strchr(at + 1, '/') - path)) : NULL;
}

static void slice_open(Slice *slice, const char *path) {
        int r;

        slice->cgroup = cgroup_free(slice->cgroup);
        r = cgroup_open(path, &slice->cgroup);
        if (r >= 0)
                r = cgroup_watch(slice->cgroup, slice->manager->event, on_slice_changed, slice);
        if (r < 0)
                log_warning("Cannot follow slice %s: %s", slice->name, g_strerror(-r));
        else
                on_slice_changed(slice);
        slice_mark_changed(slice, SLICE_CHANGED_PLACE);
}

/* A slice may have been removed and made anew while only domains that are about to come were in it. */
void slices_follow(Domain *domain) {
        g_auto(GStrv) names = slice_ancestry(cgroup_path_home(domain->config->cgroup_path));

        for (char **name = names; *name; name++) {
                Slice *slice = manager_find_slice(domain->manager, *name);
                g_autofree char *below = g_strconcat(cgroup_path(domain->cgroup), "/", NULL);
                g_autofree char *path = slice_path_in(*name, below);
                CgroupEvents events;

                if (slice->cgroup && cgroup_read_events(slice->cgroup, &events) >= 0 && events.populated)
                        continue;
                if (!path)
                        continue;
                slice_open(slice, path);
                slice_limits_begin(slice, g_hash_table_lookup(domain->config->slices, *name));
        }
}
