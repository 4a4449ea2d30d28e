/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.example.VMManager1.Slice: reads, checks, asks once for the slice as a whole, calls core once, and
 * replies. */

#include "bus/bus.h"
#include "bus/config-dbus.h"
#include "util/auto.h"

#define STOP_NOWAIT (UINT64_C(1) << 1)

static int slice_find(sd_bus *connection, const char *path, const char *interface, void *userdata,
        void **found, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autofree char *name = NULL;

        if (sd_bus_path_decode(path, BUS_PATH_SLICE, &name) <= 0)
                return 0;
        *found = manager_find_slice(bus->manager, name);
        return *found ? 1 : 0;
}

static int slice_enumerate(
        sd_bus *connection, const char *prefix, void *userdata, char ***nodes, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, bus->manager->slices);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                g_autofree char *path = bus_slice_path(item);
                g_strv_builder_add(builder, path);
        }
        *nodes = g_strv_builder_end(builder);
        return 1;
}

static int authorize_slice(const Slice *slice, sd_bus_message *m, uid_t *ret_uid, sd_bus_error *error) {
        Bus *bus = slice->manager->userdata;

        return authorize(bus->authority, m,
                &(AuthorityDetails) {.domain = "", .uuid = "", .slice = slice->name}, ret_uid, error);
}

/* ---- Verbs. ---- */

typedef int (*SimpleVerb)(
        Slice *slice, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);

static int simple_verb(sd_bus_message *m, Slice *slice, SimpleVerb verb, sd_bus_error *error) {
        uid_t uid;
        int r;

        r = authorize_slice(slice, m, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, verb(slice, uid, bus_verb_reply, sd_bus_message_ref(m), error));
}

static int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return simple_verb(m, userdata, slice_pause, error);
}

static int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return simple_verb(m, userdata, slice_resume, error);
}

static int method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Slice *slice = userdata;
        StopPlan plan;
        uint64_t flags;
        uid_t uid;
        int r;

        r = plan_read(m, &plan, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "t", &flags);
        if (r >= 0)
                r = bus_check_flags(flags, STOP_NOWAIT, error);
        if (r < 0)
                return r;
        r = authorize_slice(slice, m, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, slice_stop(slice, plan.n_steps ? &plan : NULL, flags & STOP_NOWAIT, uid,
                                          bus_verb_reply, sd_bus_message_ref(m), error));
}

static int method_set_resources(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Slice *slice = userdata;
        g_autoptr(Resources) change = NULL;
        uid_t uid;
        int r;

        r = resources_read(m, &change, error);
        if (r < 0)
                return r;
        r = authorize_slice(slice, m, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(
                m, slice_set_resources(slice, change, bus_verb_reply, sd_bus_message_ref(m), error));
}

/* ---- Properties. ---- */

#define DEFINE_SLICE_PROPERTY(noun, signature, ...)                                                         \
        static int property_##noun(sd_bus *bus, const char *path, const char *interface, const char *name,  \
                sd_bus_message *reply, void *userdata, sd_bus_error *error) {                               \
                const Slice *slice = userdata;                                                              \
                return sd_bus_message_append(reply, signature, __VA_ARGS__);                                \
        }

DEFINE_SLICE_PROPERTY(name, "s", slice->name)
DEFINE_SLICE_PROPERTY(control_group, "s", slice->cgroup ? cgroup_path(slice->cgroup) : "")
DEFINE_SLICE_PROPERTY(paused, "b", (int) slice_is_paused(slice))

static int property_domains(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Slice *slice = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "o");
        for (unsigned i = 0; i < slice->domains->len && r >= 0; i++) {
                g_autofree char *domain = bus_domain_path(slice->domains->pdata[i]);
                r = sd_bus_message_append(reply, "o", domain);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int property_resources(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Resources *resources = slice_resources(userdata);

        return resources ? resources_append(reply, resources) : sd_bus_message_append(reply, "a{sv}", 0);
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define ANYBODY SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable slice_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Pause", NULL, NULL, method_pause, ANYBODY),
        SD_BUS_METHOD("Resume", NULL, NULL, method_resume, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "Stop", "a(st)t", SD_BUS_PARAM(plan) SD_BUS_PARAM(flags), NULL,, method_stop, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "SetResources", "a(sv)", SD_BUS_PARAM(resources), NULL,, method_set_resources, ANYBODY),
        SD_BUS_PROPERTY("Name", "s", property_name, 0, CONST),
        SD_BUS_PROPERTY("ControlGroup", "s", property_control_group, 0, EMITS),
        SD_BUS_PROPERTY("Domains", "ao", property_domains, 0, EMITS),
        SD_BUS_PROPERTY("Paused", "b", property_paused, 0, EMITS),
        SD_BUS_PROPERTY("Resources", "a{sv}", property_resources, 0, EMITS),
        SD_BUS_VTABLE_END,
};

const BusObject slice_object = {
        BUS_PATH_SLICE, BUS_INTERFACE("Slice"), slice_vtable, slice_find, slice_enumerate};
