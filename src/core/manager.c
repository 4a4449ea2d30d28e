/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The registry of domains and jobs, and the telling of changes: what changes in one turn of the event loop
 * is told once. */

#include <errno.h>
#include <string.h>

#include "core/attachment.h"
#include "core/guest.h"
#include "core/machine.h"
#include "core/manager.h"
#include "core/network.h"
#include "core/node.h"
#include "core/power.h"
#include "core/slice.h"
#include "util/auto.h"
#include "util/errors.h"

/* For thaws, and for the ends of processes to be seen. */
#define STOP_ALL_MARGIN_USEC 10000000ull

/* A console whose domain was released: somebody must go on reading it, or its processes would stall. */
typedef struct Released {
        Manager *manager;
        Console *console;
        UnitWatch *watch;
} Released;

static unsigned uuid_hash(const void *uuid) {
        unsigned hash;

        memcpy(&hash, uuid, sizeof hash);
        return hash;
}

static gboolean uuid_equal(const void *a, const void *b) {
        return memcmp(a, b, sizeof(sd_id128_t)) == 0;
}

static void ended_free(EndedDomain *ended) {
        g_strfreev(ended->console);
        g_free(ended->slice);
        g_free(ended->name);
        g_free(ended);
}

static void released_free(void *item) {
        Released *released = item;

        unit_watch_free(released->watch);
        console_free(released->console);
        g_free(released);
}

static int on_flush(sd_event_source *source, void *userdata) {
        manager_flush(userdata);
        return 0;
}

int manager_new(sd_bus *bus, sd_event *event, Units *units, ManagerConfig *settings, bool user_mode,
        const char *runtime_directory, const char *state_directory, Manager **ret) {
        g_autoptr(Manager) manager = g_new0(Manager, 1);
        int r;

        *manager = (Manager) {
                .bus = sd_bus_ref(bus),
                .event = sd_event_ref(event),
                .units = units,
                .settings = settings,
                .user_mode = user_mode,
                .runtime_directory = g_strdup(runtime_directory),
                .save_directory = g_build_filename(state_directory, "save", NULL),
                .by_uuid = g_hash_table_new(uuid_hash, uuid_equal),
                .by_name = g_hash_table_new(g_str_hash, g_str_equal),
                .jobs = g_hash_table_new(NULL, NULL),
                .stops = g_ptr_array_new(),
                .changed = g_ptr_array_new(),
                .link_ends = network_ends_new(),
                .released = g_ptr_array_new_with_free_func(released_free),
        };
        slices_new(manager);
        r = sd_event_add_defer(event, &manager->flush, on_flush, manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->flush, SD_EVENT_OFF);
        if (r >= 0)
                r = power_new(manager, user_mode ? NULL : bus, &manager->power);
        if (r < 0)
                return r;
        manager->node = node_new(manager);
        *ret = g_steal_pointer(&manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        GHashTableIter iter;
        void *item;

        if (!manager)
                return NULL;
        manager->ending = true;
        manager_flush(manager);
        if (manager->power)
                power_abandon(manager->power);
        slice_jobs_abandon(manager);
        slice_changes_abandon(manager);

        /* The domains live on; only we stop looking. */
        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                Domain *domain = item;

                /* Half a pause is none: nobody will be there to finish it. */
                if (domain->state == DOMAIN_PAUSING)
                        (void) unit_thaw(manager->units, domain_unit(domain), NULL, NULL, NULL);
                if (domain->job)
                        job_supersede(domain->job, "the manager is ending");
                attachments_ended(domain, "the manager is ending");
                guest_ended(domain, "the manager is ending");
                domain->run_dir = run_dir_abandon(domain->run_dir);
                domain_free(domain);
        }
        node_free(manager->node);
        power_free(manager->power);
        g_ptr_array_unref(manager->stops);
        network_ends_abandon(manager);
        g_queue_clear_full(&manager->ended, (GDestroyNotify) ended_free);
        g_ptr_array_unref(manager->released);
        g_ptr_array_unref(manager->changed);
        slices_free(manager);
        sd_event_source_disable_unref(manager->flush);
        g_hash_table_unref(manager->by_uuid);
        g_hash_table_unref(manager->by_name);
        g_hash_table_unref(manager->jobs);
        g_free(manager->runtime_directory);
        g_free(manager->save_directory);
        manager_config_free(manager->settings);
        sd_event_unref(manager->event);
        sd_bus_unref(manager->bus);
        g_free(manager);
        return NULL;
}

void manager_set_observer(Manager *manager, const ManagerObserver *observer, void *userdata) {
        manager->observer = observer;
        manager->userdata = userdata;
}

Domain *manager_find_by_name(Manager *manager, const char *name) {
        return g_hash_table_lookup(manager->by_name, name);
}

int manager_check_name(Manager *manager, const char *name, sd_bus_error *error) {
        return manager_find_by_name(manager, name)
                       ? sd_bus_error_setf(error, VMM_ERROR_DOMAIN_EXISTS,
                                 "There is a domain '%s' already", name)
                       : 0;
}

Domain *manager_find_by_uuid(Manager *manager, sd_id128_t uuid) {
        return g_hash_table_lookup(manager->by_uuid, &uuid);
}

Domain *manager_find_by_cgroup(Manager *manager, const char *cgroup) {
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                Domain *domain = item;
                const char *path = domain->cgroup ? cgroup_path(domain->cgroup) : NULL;

                /* What is below a slice is in another domain, or in none. */
                if (path && g_str_has_prefix(cgroup, path) &&
                        strchr(domain_is_slice(domain) ? "" : "/", cgroup[strlen(path)]))
                        return domain;
        }
        return NULL;
}

char *manager_slice_path(const Manager *manager, const char *slice) {
        g_auto(GStrv) ancestry = slice_ancestry(slice);
        const char *root = units_control_group(manager->units);
        g_autofree char *below = g_strjoinv("/", ancestry);

        return root ? g_strconcat(root, *below ? "/" : "", below, NULL) : NULL;
}

int manager_open_slice(const Manager *manager, const char *slice, Cgroup **ret) {
        g_autofree char *path = manager_slice_path(manager, slice);

        return path ? cgroup_open(path, ret) : -ENOENT;
}

Job *manager_find_job(Manager *manager, uint32_t id) {
        return g_hash_table_lookup(manager->jobs, GUINT_TO_POINTER(id));
}

const EndedDomain *manager_find_ended(Manager *manager, const char *name_or_uuid) {
        sd_id128_t uuid = SD_ID128_NULL;

        (void) sd_id128_from_string(name_or_uuid, &uuid);
        for (GList *link = manager->ended.head; link; link = link->next) {
                EndedDomain *ended = link->data;

                if (g_str_equal(ended->name, name_or_uuid) || sd_id128_equal(ended->uuid, uuid))
                        return ended;
        }
        return NULL;
}

int manager_check_limits(Manager *manager, uid_t owner, sd_bus_error *error) {
        unsigned total = g_hash_table_size(manager->by_uuid), owned = 0;
        GHashTableIter iter;
        void *item;

        if (power_is_going_down(manager->power))
                return sd_bus_error_set(error, VMM_ERROR_BUSY, "The machine is going down");
        if (total >= manager->settings->domains_max)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "There are %u domains already (MaxDomains=)", total);
        if (owner == 0)
                return 0;
        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item))
                owned += ((Domain *) item)->owner == owner;
        if (owned >= manager->settings->domains_per_user_max)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "User %u has %u domains already (MaxDomainsPerUser=)", (unsigned) owner, owned);
        return 0;
}

uint64_t manager_stop_usec(const Manager *manager) {
        uint64_t longest = 0;
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item))
                longest = MAX(longest, stop_plan_total_usec(&((const Domain *) item)->config->stop_plan));
        return longest + STOP_ALL_MARGIN_USEC;
}

static void manager_list(Manager *manager, Domain *domain) {
        g_hash_table_insert(manager->by_uuid, &domain->config->uuid, domain);
        g_hash_table_insert(manager->by_name, domain->config->name, domain);
}

static void manager_unlist(Manager *manager, Domain *domain) {
        g_hash_table_remove(manager->by_uuid, &domain->config->uuid);
        g_hash_table_remove(manager->by_name, domain->config->name);
}

void manager_add(Manager *manager, Domain *domain) {
        manager_list(manager, domain);
        manager->observer->domain_added(manager->userdata, domain);
        slices_add_domain(domain);
        power_follow(manager->power);
}

void manager_rename(Manager *manager, Domain *domain, const char *name) {
        g_autofree char *old = domain->config->name;

        manager_unlist(manager, domain);
        domain->config->name = g_strdup(name);
        manager_list(manager, domain);
        domain_mark_changed(domain, DOMAIN_CHANGED_NAME);
        manager_flush(manager);
        manager->observer->domain_renamed(manager->userdata, domain, old);
        if (!domain->machine)
                return;
        domain->machine = machine_unregister(domain->machine);
        domain_enter_register(domain);
}

/* The keys of the tables are in the configuration. */
DomainConfig *manager_exchange_config(Manager *manager, Domain *domain, DomainConfig *config) {
        DomainConfig *old = domain->config;

        manager_unlist(manager, domain);
        domain->config = config;
        manager_list(manager, domain);
        return old;
}

/* All are told, while the object can still be looked at, and then nobody finds it any more. */
static void manager_drop(Manager *manager, Domain *domain) {
        slices_remove_domain(domain);
        manager_flush(manager);
        manager->observer->domain_removed(manager->userdata, domain);
        manager_unlist(manager, domain);
        power_follow(manager->power);
}

void manager_remove(Manager *manager, Domain *domain) {
        manager_drop(manager, domain);
        if (!domain->remove_logs) {
                EndedDomain *ended = g_new0(EndedDomain, 1);

                *ended = (EndedDomain) {
                        .name = g_strdup(domain->config->name),
                        .uuid = domain->config->uuid,
                        .owner = domain->owner,
                        .slice = g_strdup(cgroup_path_home(domain->config->cgroup_path)),
                        .console = console_lines(domain->console, UINT32_MAX),
                };
                g_queue_push_head(&manager->ended, ended);
                if (manager->ended.length > ENDED_DOMAINS_KEPT)
                        ended_free(g_queue_pop_tail(&manager->ended));
        }
        domain_free(domain);
}

static void on_released_removed(void *userdata) {
        Released *released = userdata;

        g_ptr_array_remove_fast(released->manager->released, released);
}

static const UnitObserver released_observer = {
        .removed = on_released_removed,
};

void manager_release(Manager *manager, Domain *domain) {
        Released *released = g_new0(Released, 1);

        manager_drop(manager, domain);
        released->manager = manager;
        released->console = g_steal_pointer(&domain->console);
        domain->unit_watch = unit_watch_free(domain->unit_watch);
        g_ptr_array_add(manager->released, released);
        if (unit_watch(manager->units, domain_unit(domain), &released_observer, released,
                    &released->watch) < 0)
                g_ptr_array_remove_fast(manager->released, released);
        domain_free(domain);
}

void manager_queue_changes(Manager *manager, Domain *domain) {
        g_ptr_array_add(manager->changed, domain);
        (void) sd_event_source_set_enabled(manager->flush, SD_EVENT_ONESHOT);
}

void manager_unqueue_changes(Manager *manager, Domain *domain) {
        if (domain->changes)
                g_ptr_array_remove_fast(manager->changed, domain);
        domain->changes = 0;
}

void manager_flush(Manager *manager) {
        (void) sd_event_source_set_enabled(manager->flush, SD_EVENT_OFF);
        while (manager->changed->len > 0) {
                Domain *domain = g_ptr_array_steal_index(manager->changed, 0);
                unsigned changes = domain->changes;

                domain->changes = 0;
                manager->observer->domain_changed(manager->userdata, domain, changes);
        }
        while (manager->changed_slices->len > 0) {
                Slice *slice = g_ptr_array_steal_index(manager->changed_slices, 0);
                unsigned changes = slice->changes;

                slice->changes = 0;
                manager->observer->slice_changed(manager->userdata, slice, changes);
        }
}
