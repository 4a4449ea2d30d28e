/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Resource settings of slices: sent in one call, which systemd takes whole or refuses, and read back. They
 * are kept by name, as systemd keeps them while a slice holds no domain. */

#include <errno.h>

#include "core/limits.h"
#include "core/slice.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* One in flight, or just a look. */
typedef struct SliceChanging {
        Manager *manager;
        char *slice;         /* its name: the object may go meanwhile */
        Resources *change;
        UnitCall *call;
        JobReply reply;      /* NULL: nobody waits */
        void *userdata;
} SliceChanging;

const Resources *slice_resources(const Slice *slice) {
        return g_hash_table_lookup(slice->manager->slice_resources, slice->name);
}

const Resources *domain_resources(const Domain *domain) {
        const Slice *slice =
                domain_is_slice(domain) ? manager_find_slice(domain->manager, domain_unit(domain)) : NULL;
        const Resources *resources = slice ? slice_resources(slice) : NULL;

        return resources ? resources : domain->config->resources;
}

static void changing_free(SliceChanging *changing) {
        g_ptr_array_remove(changing->manager->slice_changes, changing);
        unit_call_cancel(changing->call);
        resources_free(changing->change);
        g_free(changing->slice);
        g_free(changing);
}

static void changing_end(SliceChanging *changing, int r, const sd_bus_error *error) {
        manager_flush(changing->manager);
        if (changing->reply)
                changing->reply(changing->userdata, r, error);
        changing_free(changing);
}

void slice_changes_abandon(Manager *manager) {
        while (manager->slice_changes->len > 0) {
                SliceChanging *changing = manager->slice_changes->pdata[0];
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r = sd_bus_error_setf(&error, VMM_ERROR_CANCELED,
                        "The change of slice %s was ended: the manager is ending", changing->slice);

                changing_end(changing, r, &error);
        }
}

/* It was taken, so it is what it is, also when systemd cannot be asked. */
static void on_told(void *userdata, int r, GVariant *told) {
        SliceChanging *changing = userdata;
        Manager *manager = changing->manager;
        Slice *slice = manager_find_slice(manager, changing->slice);
        const Resources *before = g_hash_table_lookup(manager->slice_resources, changing->slice);
        g_autoptr(Resources) held = resources_merged(before, changing->change);
        g_autofree char *mismatch = NULL;

        changing->call = NULL;
        g_hash_table_replace(manager->slice_resources, g_strdup(changing->slice),
                r >= 0 ? resources_in_effect(held, told) : g_steal_pointer(&held));
        if (slice)
                slice_mark_changed(slice, SLICE_CHANGED_RESOURCES);
        if (slice && slice_own(slice))
                domain_mark_changed(slice_own(slice), DOMAIN_CHANGED_RESOURCES);
        if (slice && slice->cgroup)
                mismatch = limits_mismatch(slice->cgroup, changing->change);
        if (mismatch)
                log_warning("Slice %s: %s", changing->slice, mismatch);
        changing_end(changing, 0, NULL);
}

static void on_set(void *userdata, int r, const sd_bus_error *error) {
        SliceChanging *changing = userdata;

        changing->call = NULL;
        if (r >= 0 && unit_get_properties(changing->manager->units, changing->slice, on_told, changing,
                              &changing->call) < 0)
                on_told(changing, -EIO, NULL);
        else if (r < 0)
                changing_end(changing, r, error);
}

static int check_idle(const Slice *slice, sd_bus_error *error) {
        for (unsigned i = 0; i < slice->manager->slice_changes->len; i++) {
                const SliceChanging *changing = slice->manager->slice_changes->pdata[i];

                if (changing->reply && g_str_equal(changing->slice, slice->name))
                        return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                                "Cannot configure slice %s: another change is in progress", slice->name);
        }
        return 0;
}

static SliceChanging *changing_new(
        Slice *slice, const Resources *change, JobReply reply, void *userdata) {
        SliceChanging *changing = g_new0(SliceChanging, 1);

        *changing = (SliceChanging) {
                .manager = slice->manager,
                .slice = g_strdup(slice->name),
                .change = change ? resources_copy(change) : resources_new(),
                .reply = reply,
                .userdata = userdata,
        };
        g_ptr_array_add(slice->manager->slice_changes, changing);
        return changing;
}

void slice_limits_begin(Slice *slice, const Resources *given) {
        SliceChanging *changing;

        if (!given && !slice_resources(slice))
                return;
        changing = changing_new(slice, given, NULL, NULL);
        if (unit_get_properties(slice->manager->units, slice->name, on_told, changing, &changing->call) < 0)
                on_told(changing, -EIO, NULL);
}

int slice_set_resources(
        Slice *slice, const Resources *change, JobReply reply, void *userdata, sd_bus_error *error) {
        g_autoptr(Resources) whole = resources_merged(slice_resources(slice), change);
        g_autoptr(GVariant) properties = resources_to_send(change, RESOURCES_LIVE);
        SliceChanging *changing;
        int r;

        r = limits_check(slice->manager, whole, error);
        if (r >= 0)
                r = check_idle(slice, error);
        if (r < 0)
                return r;
        if (resources_size(change) == 0)
                return 1;
        changing = changing_new(slice, change, reply, userdata);
        r = unit_set_properties(slice->manager->units, slice->name, properties, on_set, changing,
                &changing->call);
        if (r < 0)
                changing_free(changing);
        return r < 0 ? r : 0;
}
