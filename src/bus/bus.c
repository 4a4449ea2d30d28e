/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Registers the tree and turns what core tells into signals. No verb is carried out here, nobody is asked
 * anything. */

#include <errno.h>
#include <stdio.h>

#include "bus/bus.h"
#include "core/node.h"
#include "util/auto.h"

static const BusObject *const bus_objects[] = {
        &manager_object, &node_object, &domain_object, &slice_object, &job_object};

/* Which properties a change in core means. */
static const struct {
        unsigned change;
        const char *const properties[12];
} changed_properties[] = {
        {DOMAIN_CHANGED_STATE,
                {"State", "StateReason", "StateTimestamp", "Running", "Paused", "Dying", "Crashed",
                        "PoweredOff", "Rebooting", "Suspended"}},
        {DOMAIN_CHANGED_PLACE, {"Leader", "ControlGroup", "InvocationID", "StartTimestamp"}},
        {DOMAIN_CHANGED_FREEZER, {"FreezerState", "PauseReasons"}},
        {DOMAIN_CHANGED_STOP, {"StopPhase", "StopDeadlineUSec"}},
        {DOMAIN_CHANGED_JOB, {"Job"}},
        {DOMAIN_CHANGED_SETTINGS, {"OnPoweroff", "OnReboot", "OnCrash", "StopPlan", "PauseTimeoutUSec"}},
        {DOMAIN_CHANGED_BLOCKERS, {"PauseBlockers"}},
        {DOMAIN_CHANGED_WARNINGS, {"Warnings"}},
        {DOMAIN_CHANGED_MEMORY, {"Memory", "MaxMemory"}},
        {DOMAIN_CHANGED_BALLOON, {"MemoryActual"}},
        {DOMAIN_CHANGED_VCPUS, {"VCPUs"}},
        {DOMAIN_CHANGED_RESOURCES, {"Resources", "Devices"}},
        {DOMAIN_CHANGED_DISKS, {"Disks"}},
        {DOMAIN_CHANGED_NETWORKS, {"Networks"}},
        {DOMAIN_CHANGED_IO_PORTS, {"IOPorts"}},
        {DOMAIN_CHANGED_RESTARTS, {"Restarts", "NextRestartTimestamp"}},
        {DOMAIN_CHANGED_NAME, {"Name"}},
};

static const struct {
        unsigned change;
        const char *property;
} changed_slice_properties[] = {
        {SLICE_CHANGED_DOMAINS, "Domains"},
        {SLICE_CHANGED_PLACE,   "ControlGroup"},
        {SLICE_CHANGED_PAUSED,  "Paused"},
        {SLICE_CHANGED_RESOURCES, "Resources"},
};

static const struct {
        unsigned change;
        const char *const properties[7];
} changed_node_properties[] = {
        {NODE_CHANGED_PROCESSORS,
                {"NrCPUs", "NrNodes", "SocketsPerNode", "CoresPerSocket", "ThreadsPerCore", "HWCaps"}},
        {NODE_CHANGED_MEMORY, {"TotalMemory"}},
        {NODE_CHANGED_HYPERVISOR, {"HypervisorMajor", "HypervisorMinor", "HypervisorExtra"}},
};

char *bus_domain_path(const Domain *domain) {
        char uuid[SD_ID128_STRING_MAX], *path = NULL;

        if (sd_bus_path_encode(BUS_PATH_DOMAIN, sd_id128_to_string(domain->config->uuid, uuid), &path) < 0)
                g_error("out of memory");
        return path;
}

char *bus_slice_path(const Slice *slice) {
        char *path = NULL;

        if (sd_bus_path_encode(BUS_PATH_SLICE, slice->name, &path) < 0)
                g_error("out of memory");
        return path;
}

char *bus_job_path(const Job *job) {
        return g_strdup_printf(BUS_PATH_JOB "/%u", job->id);
}

int bus_check_flags(uint64_t flags, uint64_t known, sd_bus_error *error) {
        if (flags & ~known)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "flags: unknown bits 0x%" G_GINT64_MODIFIER "x", flags & ~known);
        return 0;
}

void bus_verb_reply(void *userdata, int r, const sd_bus_error *error) {
        g_autoptr(sd_bus_message) m = userdata;

        if (r < 0)
                (void) sd_bus_reply_method_error(m, error);
        else
                (void) sd_bus_reply_method_return(m, NULL);
}

int bus_verb_result(sd_bus_message *m, int r) {
        if (r == 0)
                return 1;   /* the reply will come, or has come */
        sd_bus_message_unref(m);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

/* ---- What core tells. A signal that cannot be sent is lost with the connection, which ends the daemon.
 * ---- */

static void on_domain_added(void *userdata, Domain *domain) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);

        (void) sd_bus_emit_object_added(bus->bus, path);
        (void) sd_bus_emit_signal(bus->bus, BUS_PATH, BUS_INTERFACE("Manager"), "DomainAdded", "so",
                domain->config->name, path);
}

static void on_domain_removed(void *userdata, Domain *domain) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);

        g_hash_table_remove(bus->autodestroy, domain);
        (void) sd_bus_emit_object_removed(bus->bus, path);
        (void) sd_bus_emit_signal(bus->bus, BUS_PATH, BUS_INTERFACE("Manager"), "DomainRemoved", "so",
                domain->config->name, path);
}

static void on_domain_renamed(void *userdata, Domain *domain, const char *old) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);

        (void) sd_bus_emit_signal(
                bus->bus, path, BUS_INTERFACE("Domain"), "Renamed", "ss", old, domain->config->name);
        (void) sd_bus_emit_signal(bus->bus, BUS_PATH, BUS_INTERFACE("Manager"), "DomainRenamed", "sso", old,
                domain->config->name, path);
}

static void on_domain_changed(void *userdata, Domain *domain, unsigned changes) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);
        g_autoptr(GPtrArray) names = g_ptr_array_new();

        for (size_t i = 0; i < G_N_ELEMENTS(changed_properties); i++)
                for (const char *const *p = changed_properties[i].properties;
                        changes & changed_properties[i].change && *p; p++)
                        g_ptr_array_add(names, (void *) *p);
        g_ptr_array_add(names, NULL);
        (void) sd_bus_emit_properties_changed_strv(
                bus->bus, path, BUS_INTERFACE("Domain"), (char **) names->pdata);
}

static bool has_ended(const Domain *domain) {
        return domain->state == DOMAIN_INACTIVE || domain->state == DOMAIN_CRASHED ||
               domain->state == DOMAIN_PRESERVED;
}

static int append_details(sd_bus_message *m, const Domain *domain) {
        const Job *job = domain->manager->ending_job;
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        /* Whoever began it hears of it so, and not from the method any more. */
        if (r >= 0 && job && job->domain == domain && job->kind->detached && job->result != JOB_DONE)
                r = sd_bus_message_append(m, "{sv}", "Error", "s", job->error.name);
        if (r >= 0 && has_ended(domain) && domain->exit_status.known)
                r = domain->exit_status.signal
                        ? sd_bus_message_append(m, "{sv}", "Signal", "i", domain->exit_status.signal)
                        : sd_bus_message_append(m, "{sv}", "ExitCode", "i", domain->exit_status.code);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void on_state_changed(void *userdata, Domain *domain, DomainState old) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);
        g_autoptr(sd_bus_message) m = NULL;

        if (sd_bus_message_new_signal(bus->bus, &m, path, BUS_INTERFACE("Domain"), "StateChanged") >= 0 &&
                sd_bus_message_append(m, "sss", domain_state_to_string(old),
                        domain_state_to_string(domain->state), domain->state_reason) >= 0 &&
                append_details(m, domain) >= 0)
                (void) sd_bus_send(bus->bus, m, NULL);
}

static void on_stop_step(void *userdata, Domain *domain, const char *step, unsigned n, unsigned total) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);

        (void) sd_bus_emit_signal(bus->bus, path, BUS_INTERFACE("Domain"), "StopStep", "suu", step, n,
                total);
}

static void on_warning(void *userdata, Domain *domain, const char *text) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);

        (void) sd_bus_emit_signal(bus->bus, path, BUS_INTERFACE("Domain"), "Warning", "s", text);
}

static void on_device_changed(void *userdata, Domain *domain, const char *name, const char *what) {
        Bus *bus = userdata;
        g_autofree char *path = bus_domain_path(domain);

        (void) sd_bus_emit_signal(
                bus->bus, path, BUS_INTERFACE("Domain"), "DeviceChanged", "ss", name, what);
}

static void on_slice_added(void *userdata, Slice *slice) {
        Bus *bus = userdata;
        g_autofree char *path = bus_slice_path(slice);

        (void) sd_bus_emit_object_added(bus->bus, path);
}

static void on_slice_removed(void *userdata, Slice *slice) {
        Bus *bus = userdata;
        g_autofree char *path = bus_slice_path(slice);

        (void) sd_bus_emit_object_removed(bus->bus, path);
}

static void on_slice_changed(void *userdata, Slice *slice, unsigned changes) {
        Bus *bus = userdata;
        g_autofree char *path = bus_slice_path(slice);
        g_autoptr(GPtrArray) names = g_ptr_array_new();

        for (size_t i = 0; i < G_N_ELEMENTS(changed_slice_properties); i++)
                if (changes & changed_slice_properties[i].change)
                        g_ptr_array_add(names, (void *) changed_slice_properties[i].property);
        g_ptr_array_add(names, NULL);
        (void) sd_bus_emit_properties_changed_strv(
                bus->bus, path, BUS_INTERFACE("Slice"), (char **) names->pdata);
}

static void on_node_changed(void *userdata, unsigned changes) {
        Bus *bus = userdata;

        for (size_t i = 0; i < G_N_ELEMENTS(changed_node_properties); i++)
                if (changes & changed_node_properties[i].change)
                        (void) sd_bus_emit_properties_changed_strv(bus->bus, BUS_PATH, BUS_INTERFACE("Node"),
                                (char **) changed_node_properties[i].properties);
}

static void on_job_added(void *userdata, Job *job) {
        Bus *bus = userdata;
        g_autofree char *path = bus_job_path(job);

        (void) sd_bus_emit_object_added(bus->bus, path);
        (void) sd_bus_emit_signal(bus->bus, BUS_PATH, BUS_INTERFACE("Manager"), "JobNew", "uoss", job->id,
                path, job->domain->config->name, job->kind->verb);
}

static void on_job_removed(void *userdata, Job *job) {
        Bus *bus = userdata;
        g_autofree char *path = bus_job_path(job);

        (void) sd_bus_emit_object_removed(bus->bus, path);
        (void) sd_bus_emit_signal(bus->bus, BUS_PATH, BUS_INTERFACE("Manager"), "JobRemoved", "uosss",
                job->id, path, job->domain->config->name, job->kind->verb,
                job_result_to_string(job->result));
}

static void on_job_changed(void *userdata, Job *job) {
        Bus *bus = userdata;
        g_autofree char *path = bus_job_path(job);

        (void) sd_bus_emit_properties_changed(
                bus->bus, path, BUS_INTERFACE("Job"), "Phase", "DeadlineUSec", NULL);
}

static void on_job_progressed(void *userdata, Job *job) {
        Bus *bus = userdata;
        g_autofree char *path = bus_job_path(job);

        (void) sd_bus_emit_properties_changed(
                bus->bus, path, BUS_INTERFACE("Job"), "BytesDone", "BytesTotal", NULL);
}

static const ManagerObserver bus_observer = {
        .domain_added = on_domain_added,
        .domain_removed = on_domain_removed,
        .domain_renamed = on_domain_renamed,
        .domain_changed = on_domain_changed,
        .state_changed = on_state_changed,
        .stop_step = on_stop_step,
        .warning = on_warning,
        .device_changed = on_device_changed,
        .slice_added = on_slice_added,
        .slice_removed = on_slice_removed,
        .slice_changed = on_slice_changed,
        .node_changed = on_node_changed,
        .job_added = on_job_added,
        .job_removed = on_job_removed,
        .job_changed = on_job_changed,
        .job_progressed = on_job_progressed,
};

/* ---- The tree. ---- */

static bool property_is_writable(const char *name) {
        for (const sd_bus_vtable *row = domain_object.vtable; row->type != _SD_BUS_VTABLE_END; row++)
                if (row->type == _SD_BUS_VTABLE_WRITABLE_PROPERTY &&
                        g_str_equal(row->x.property.member, name))
                        return true;
        return false;
}

/* sd-bus calls a property's setter without a way to wait, so what must be asked is asked before it gets
 * there. */
static int filter_set(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Bus *bus = userdata;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *label = NULL;
        const char *interface, *property;
        void *found = NULL;
        uid_t uid;
        int r;

        /* What is not for us, or not there, or not to be written, is sd-bus's to refuse. */
        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Set") ||
                sd_bus_path_decode(sd_bus_message_get_path(m), BUS_PATH_DOMAIN, &label) <= 0 ||
                domain_object.find(bus->bus, sd_bus_message_get_path(m), NULL, bus, &found, &error) <= 0)
                return 0;
        r = sd_bus_message_read(m, "ss", &interface, &property);
        r = r < 0 || !property_is_writable(property) ? 1
                                                     : authorize_domain_as(found, m, property, &uid, &error);
        (void) sd_bus_message_rewind(m, true);
        if (r < 0)
                return sd_bus_reply_method_error(m, &error);
        return r == 0;   /* taken, while somebody is asked */
}

static void slot_free(void *slot) {
        sd_bus_slot_unref(slot);
}

static void watch_free(void *watch) {
        caller_watch_free(watch);
}

static int bus_register(Bus *bus) {
        sd_bus_slot *slot;
        int r;

        for (size_t i = 0; i < G_N_ELEMENTS(bus_objects); i++) {
                const BusObject *object = bus_objects[i];

                r = object->find ? sd_bus_add_fallback_vtable(bus->bus, &slot, object->path,
                                           object->interface, object->vtable, object->find, bus)
                                 : sd_bus_add_object_vtable(bus->bus, &slot, object->path, object->interface,
                                           object->vtable, bus);
                if (r < 0)
                        return r;
                g_ptr_array_add(bus->slots, slot);
                if (!object->enumerate)
                        continue;
                r = sd_bus_add_node_enumerator(bus->bus, &slot, object->path, object->enumerate, bus);
                if (r < 0)
                        return r;
                g_ptr_array_add(bus->slots, slot);
        }
        r = sd_bus_add_filter(bus->bus, &slot, filter_set, bus);
        if (r < 0)
                return r;
        g_ptr_array_add(bus->slots, slot);
        r = sd_bus_add_object_manager(bus->bus, &slot, BUS_PATH);
        if (r < 0)
                return r;
        g_ptr_array_add(bus->slots, slot);
        return 0;
}

int bus_new(sd_bus *connection, Manager *manager, Bus **ret) {
        g_autoptr(Bus) bus = g_new0(Bus, 1);
        int r;

        *bus = (Bus) {
                .bus = connection,
                .manager = manager,
                .autodestroy = g_hash_table_new_full(NULL, NULL, NULL, watch_free),
                .cleared_logs = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                .slots = g_ptr_array_new_with_free_func(slot_free),
        };
        r = authority_new(connection, manager->user_mode, &bus->authority);
        if (r >= 0)
                r = bus_register(bus);
        if (r < 0)
                return r;
        manager_set_observer(manager, &bus_observer, bus);
        *ret = g_steal_pointer(&bus);
        return 0;
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;
        g_ptr_array_unref(bus->slots);
        g_hash_table_unref(bus->autodestroy);
        g_hash_table_unref(bus->cleared_logs);
        authority_free(bus->authority);
        g_free(bus);
        return NULL;
}
