/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One round through all domains: thaws the slices above them, starts each stop, and waits for all. How one
 * is stopped is stop.c's business. */

#include "core/manager.h"
#include "core/stop-all.h"
#include "util/auto.h"

#define SLICE_THAW_TIMEOUT_USEC 3000000ull
#define DOMAINS_LEFT_NAMED_MAX 16u

struct StopAll {
        Manager *manager;
        bool force, forcing;
        uid_t requestor;
        GPtrArray *thaws;          /* UnitCall; NULL where the answer has come */
        sd_event_source *timer;
        unsigned n_waiting;        /* answers that are to come */
        unsigned n_left;
        GString *left;
        bool abandoned;
        StopAllDone done;
        void *userdata;
};

static void round_free(StopAll *round) {
        sd_event_source_disable_unref(round->timer);
        g_ptr_array_unref(round->thaws);
        g_string_free(round->left, TRUE);
        g_free(round);
}

static void round_stop(StopAll *round);

static void round_end(StopAll *round) {
        if (round->n_left > 0 && round->force && !round->forcing && !round->abandoned) {
                round->forcing = true;
                round_stop(round);
                return;
        }
        g_ptr_array_remove(round->manager->stops, round);
        if (round->n_left > DOMAINS_LEFT_NAMED_MAX)
                g_string_append_printf(
                        round->left, "; and %u more", round->n_left - DOMAINS_LEFT_NAMED_MAX);
        if (!round->abandoned)
                round->done(round->userdata, round->n_left > 0 && !round->force ? round->left->str : NULL);
        round_free(round);
}

/* ---- The domains. ---- */

static void on_stopped(void *userdata, int r, const sd_bus_error *error) {
        StopAll *round = userdata;

        if (r < 0 && round->n_left++ < DOMAINS_LEFT_NAMED_MAX)
                g_string_append_printf(
                        round->left, "%s%s", round->left->len > 0 ? "; " : "", error->message);
        if (--round->n_waiting == 0)
                round_end(round);
}

static int compare_ages(const void *a, const void *b) {
        const Domain *x = *(Domain *const *) a, *y = *(Domain *const *) b;

        return x->created_usec < y->created_usec ? -1 : x->created_usec > y->created_usec;
}

/* Their UUIDs, the oldest first: the end of one can be that of another. */
static GArray *domains_list(const Manager *manager) {
        g_autoptr(GPtrArray) domains = g_ptr_array_new();
        GArray *uuids = g_array_new(FALSE, FALSE, sizeof(sd_id128_t));
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item))
                g_ptr_array_add(domains, item);
        g_ptr_array_sort(domains, compare_ages);
        for (unsigned i = 0; i < domains->len; i++)
                g_array_append_val(uuids, ((const Domain *) domains->pdata[i])->config->uuid);
        return uuids;
}

static void round_stop(StopAll *round) {
        Manager *manager = round->manager;
        g_autoptr(GArray) uuids = domains_list(manager);

        round->n_waiting = 1;
        for (unsigned i = 0; i < uuids->len; i++) {
                Domain *domain = manager_find_by_uuid(manager, g_array_index(uuids, sd_id128_t, i));
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r;

                if (!domain)
                        continue;
                round->n_waiting++;
                r = domain_stop(domain,
                        round->forcing ? &stop_plan_destroy_force : &domain->config->stop_plan, false,
                        round->requestor, on_stopped, round, &error);
                if (r != 0)
                        on_stopped(round, r, &error);
        }
        on_stopped(round, 0, NULL);
}

/* ---- The slices above them. ---- */

typedef struct Thaw {
        StopAll *round;
        UnitCall *call;            /* NULL: answered */
} Thaw;

static void thaw_free(void *item) {
        Thaw *thaw = item;

        unit_call_cancel(thaw->call);
        g_free(thaw);
}

static void round_thawed(StopAll *round) {
        round->timer = sd_event_source_disable_unref(round->timer);
        g_ptr_array_set_size(round->thaws, 0);
        round_stop(round);
}

static void on_thawed(void *userdata, int r, const sd_bus_error *error) {
        Thaw *thaw = userdata;

        thaw->call = NULL;
        if (--thaw->round->n_waiting == 0)
                round_thawed(thaw->round);
}

/* What is below is killed in the end, which needs no thaw. */
static int on_thaws_late(sd_event_source *source, uint64_t usec, void *userdata) {
        round_thawed(userdata);
        return 0;
}

static void round_thaw(StopAll *round, const char *slice) {
        Thaw *thaw = g_new0(Thaw, 1);

        thaw->round = round;
        if (unit_thaw(round->manager->units, slice, on_thawed, thaw, &thaw->call) < 0) {
                g_free(thaw);
                return;
        }
        round->n_waiting++;
        g_ptr_array_add(round->thaws, thaw);
}

/* Each slice above the domain that is frozen itself, not only below one. */
static void slices_collect(const Domain *domain, GHashTable *slices) {
        g_autofree char *path = domain->cgroup ? g_strdup(cgroup_path(domain->cgroup)) : NULL;
        char *slice;   /* the table's, once it is found */

        while (path && (slice = cgroup_frozen_slice(path))) {
                g_autofree char *own = manager_slice_path(domain->manager, slice);

                g_hash_table_add(slices, slice);
                g_free(path);
                path = own ? g_path_get_dirname(own) : NULL;
        }
}

void stop_all_new(Manager *manager, bool force, uid_t requestor, StopAllDone done, void *userdata) {
        StopAll *round = g_new0(StopAll, 1);
        g_autoptr(GHashTable) slices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        GHashTableIter iter;
        void *item;

        *round = (StopAll) {
                .manager = manager,
                .force = force,
                .requestor = requestor,
                .thaws = g_ptr_array_new_with_free_func(thaw_free),
                .left = g_string_new(NULL),
                .done = done,
                .userdata = userdata,
        };
        g_ptr_array_add(manager->stops, round);
        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item))
                slices_collect(item, slices);
        g_hash_table_iter_init(&iter, slices);
        while (g_hash_table_iter_next(&iter, &item, NULL))
                round_thaw(round, item);
        if (round->n_waiting == 0 ||
                sd_event_add_time_relative(manager->event, &round->timer, CLOCK_MONOTONIC,
                        SLICE_THAW_TIMEOUT_USEC, 0, on_thaws_late, round) < 0)
                round_thawed(round);
}

void stop_all_abandon(Manager *manager) {
        for (unsigned i = manager->stops->len; i-- > 0;) {
                StopAll *round = manager->stops->pdata[i];

                round->abandoned = true;
                if (round->thaws->len == 0)
                        continue;   /* the domains' jobs will answer */
                g_ptr_array_remove_index(manager->stops, i);
                round_free(round);
        }
}
