/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.example.VMManager1.Domain: reads, checks, asks, calls core once, and replies. */

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "bus/attachment-dbus.h"
#include "bus/bus.h"
#include "bus/config-dbus.h"
#include "bus/domain-values.h"
#include "bus/guest-dbus.h"
#include "bus/save-dbus.h"
#include "bus/life-dbus.h"
#include "config/text.h"
#include "core/guest.h"
#include "util/auto.h"
#include "util/errors.h"

/* Flags of Destroy, GRACEFUL and NOWAIT of Stop too. */
enum {
        DESTROY_GRACEFUL    = 1 << 0,
        DESTROY_NOWAIT      = 1 << 1,
        DESTROY_FORCE       = 1 << 2,
        DESTROY_REMOVE_LOGS = 1 << 3,
};

/* ---- Objects: found by UUID, or by name. ---- */

static int domain_find(sd_bus *connection, const char *path, const char *interface, void *userdata,
        void **found, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autofree char *label = NULL;
        sd_id128_t uuid;

        if (sd_bus_path_decode(path, BUS_PATH_DOMAIN, &label) <= 0)
                return 0;
        *found = sd_id128_from_string(label, &uuid) >= 0 ? manager_find_by_uuid(bus->manager, uuid)
                                                         : manager_find_by_name(bus->manager, label);
        return *found ? 1 : 0;
}

static int domain_enumerate(
        sd_bus *connection, const char *prefix, void *userdata, char ***nodes, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, bus->manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                g_autofree char *path = bus_domain_path(item);
                g_strv_builder_add(builder, path);
        }
        *nodes = g_strv_builder_end(builder);
        return 1;
}

int authorize_domain_as(
        const Domain *domain, sd_bus_message *m, const char *member, uid_t *ret_uid, sd_bus_error *error) {
        char uuid[SD_ID128_UUID_STRING_MAX];

        return authorize(bus_of(domain)->authority, m, &(AuthorityDetails) {
                        .domain = domain->config->name,
                        .uuid = sd_id128_to_uuid_string(domain->config->uuid, uuid),
                        .slice = cgroup_path_home(domain->config->cgroup_path),
                        .owner = domain->owner,
                        .owned = true,
                        .member = member,
                }, ret_uid, error);
}

/* ---- Verbs. ---- */

typedef int (*SimpleVerb)(
        Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);

static int simple_verb(sd_bus_message *m, Domain *domain, SimpleVerb verb, sd_bus_error *error) {
        uid_t uid;
        int r;

        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, verb(domain, uid, bus_verb_reply, sd_bus_message_ref(m), error));
}

int domain_name_verb(sd_bus_message *m, Domain *domain,
        int (*verb)(Domain *domain, const char *name, sd_bus_error *error), sd_bus_error *error) {
        const char *name;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = verb(domain, name, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_pause(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return simple_verb(m, userdata, domain_pause, error);
}

static int method_resume(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return simple_verb(m, userdata, domain_resume, error);
}

static int method_release(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return simple_verb(m, userdata, domain_release, error);
}

static int add_process(sd_bus_message *m, Domain *domain, char type, sd_bus_error *error) {
        autofd int pidfd = -1;
        const char *subgroup;
        uid_t uid;
        int r;

        r = process_read(m, type, &pidfd, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "s", &subgroup);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, domain_add_process(domain, pidfd, subgroup, uid, bus_verb_reply,
                                          sd_bus_message_ref(m), error));
}

static int method_add_process(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return add_process(m, userdata, 'u', error);
}

static int method_add_process_fd(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return add_process(m, userdata, 'h', error);
}

static int method_shutdown(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        uint64_t flags;
        int r;

        r = sd_bus_message_read(m, "t", &flags);
        if (r >= 0)
                r = bus_check_flags(flags, 0, error);
        return r < 0 ? r : simple_verb(m, userdata, domain_shutdown, error);
}

static int stop_verb(
        sd_bus_message *m, Domain *domain, const StopPlan *plan, uint64_t flags, sd_bus_error *error) {
        uid_t uid;
        int r;

        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        domain->remove_logs |= (flags & DESTROY_REMOVE_LOGS) != 0;
        return bus_verb_result(m, domain_stop(domain, plan, flags & DESTROY_NOWAIT, uid, bus_verb_reply,
                                          sd_bus_message_ref(m), error));
}

static int method_destroy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        uint64_t flags;
        int r;

        r = sd_bus_message_read(m, "t", &flags);
        if (r >= 0)
                r = bus_check_flags(flags,
                        DESTROY_GRACEFUL | DESTROY_NOWAIT | DESTROY_FORCE | DESTROY_REMOVE_LOGS, error);
        if (r < 0)
                return r;
        if ((flags & DESTROY_GRACEFUL) && (flags & DESTROY_FORCE))
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                        "flags: GRACEFUL (1) and FORCE (4) contradict each other");
        return stop_verb(m, userdata,
                flags & DESTROY_FORCE      ? &stop_plan_destroy_force
                : flags & DESTROY_GRACEFUL ? &stop_plan_destroy_graceful
                                           : &stop_plan_destroy,
                flags, error);
}

static int method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        StopPlan plan;
        uint64_t flags;
        int r;

        r = plan_read(m, &plan, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "t", &flags);
        if (r >= 0)
                r = bus_check_flags(flags, DESTROY_NOWAIT, error);
        if (r < 0)
                return r;
        return stop_verb(m, domain, plan.n_steps ? &plan : &domain->config->stop_plan, flags, error);
}

static int method_kill(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        const char *whom;
        int signal, r;
        uid_t uid;

        r = sd_bus_message_read(m, "si", &whom, &signal);
        if (r < 0)
                return r;
        if ((int) kill_whom_from_string(whom) < 0) {
                g_autofree char *quoted = text_quote(whom);
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "whom: %s is neither 'leader' nor 'all'", quoted);
        }
        if (signal <= 0 || signal >= _NSIG)
                return sd_bus_error_setf(
                        error, SD_BUS_ERROR_INVALID_ARGS, "signal: there is no signal %d", signal);
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, domain_kill(domain, kill_whom_from_string(whom), signal, bus_verb_reply,
                                          sd_bus_message_ref(m), error));
}

/* ---- Resources and devices. ---- */

static int method_set_resources(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        g_autoptr(Resources) change = NULL;
        uid_t uid;
        int r;

        r = resources_read(m, &change, error);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, domain_set_resources(domain, change, uid, bus_verb_reply,
                                          sd_bus_message_ref(m), error));
}

static int method_update_resources_oci(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        const char *json;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "s", &json);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, domain_update_oci_resources(domain, json, uid, bus_verb_reply,
                                          sd_bus_message_ref(m), error));
}

static int method_add_device(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        const char *node, *access;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "ss", &node, &access);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, domain_add_device(domain, node, access, uid, bus_verb_reply,
                                          sd_bus_message_ref(m), error));
}

static int method_remove_device(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        const char *node;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "s", &node);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, domain_remove_device(domain, node, uid, bus_verb_reply,
                                          sd_bus_message_ref(m), error));
}

typedef int (*PortsVerb)(Domain *domain, uint16_t first, uint16_t last, sd_bus_error *error);

static int ports_verb(sd_bus_message *m, Domain *domain, PortsVerb verb, sd_bus_error *error) {
        uint16_t first, last;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "qq", &first, &last);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = verb(domain, first, last, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_grant_io_ports(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return ports_verb(m, userdata, domain_grant_io_ports, error);
}

static int method_revoke_io_ports(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return ports_verb(m, userdata, domain_revoke_io_ports, error);
}

/* ---- Looking in. ---- */

static void on_processes(
        void *userdata, int r, const UnitProcess *processes, size_t n, const sd_bus_error *error) {
        g_autoptr(sd_bus_message) m = userdata, reply = NULL;

        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sus)");
        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append(
                        reply, "(sus)", processes[i].cgroup, processes[i].pid, processes[i].command_line);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        if (r < 0)
                (void) sd_bus_reply_method_errno(m, r, error);
}

static int method_get_processes(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uid_t uid;
        int r;

        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = unit_get_processes(domain_units(domain), domain_unit(domain), on_processes,
                sd_bus_message_ref(m), NULL);
        if (r < 0) {
                sd_bus_message_unref(m);
                return r;
        }
        return 1;
}

static int method_get_vcpus(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        g_autoptr(sd_bus_message) reply = NULL;
        g_autoptr(GArray) vcpus = NULL;
        Domain *domain = userdata;
        uid_t uid;
        int r;

        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = domain_get_vcpus(domain, &vcpus, error);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(uuautt)");
        for (unsigned i = 0; r >= 0 && i < vcpus->len; i++)
                r = append_vcpu(reply, &g_array_index(vcpus, Vcpu, i));
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_pin_vcpu(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        const void *cpus;
        uint32_t index;
        size_t size;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "u", &index);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'u', &cpus, &size);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = domain_pin_vcpu(domain, index, cpus, size / sizeof(uint32_t), error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_weigh_vcpu(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uint64_t weight;
        uint32_t index;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "ut", &index, &weight);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = domain_weigh_vcpu(domain, index, weight, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_open_console(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        autofd int fd = -1;
        uid_t uid;
        int r;

        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = console_open(domain->console, &fd);
        if (r == -EUSERS)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "The console of '%s' has %u clients already", domain->config->name,
                        CONSOLE_CLIENTS_MAX);
        return r < 0 ? r : sd_bus_reply_method_return(m, "h", fd);
}

static int method_get_console_log(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uint32_t lines;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "u", &lines);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        g_auto(GStrv) log = console_lines(domain->console, lines);
        return strv_reply(m, log);
}

/* ---- Properties. ---- */

#define DEFINE_DOMAIN_PROPERTY(noun, signature, ...)                                                        \
        static int property_##noun(sd_bus *bus, const char *path, const char *interface, const char *name,  \
                sd_bus_message *reply, void *userdata, sd_bus_error *error) {                               \
                const Domain *domain = userdata;                                                            \
                return sd_bus_message_append(reply, signature, __VA_ARGS__);                                \
        }

/* The same for a counter, read afresh. */
#define DEFINE_DOMAIN_COUNTER(noun)                                                                         \
        static int property_##noun(sd_bus *bus, const char *path, const char *interface, const char *name,  \
                sd_bus_message *reply, void *userdata, sd_bus_error *error) {                               \
                CgroupStats stats;                                                                          \
                domain_stats(userdata, &stats);                                                             \
                return sd_bus_message_append(reply, "t", stats.noun);                                       \
        }

/* The same for an array or a dictionary that a function appends. */
#define DEFINE_DOMAIN_APPENDED(noun, append)                                                                \
        static int property_##noun(sd_bus *bus, const char *path, const char *interface, const char *name,  \
                sd_bus_message *reply, void *userdata, sd_bus_error *error) {                               \
                const Domain *domain = userdata;                                                            \
                return append;                                                                              \
        }

DEFINE_DOMAIN_PROPERTY(name, "s", domain->config->name)
DEFINE_DOMAIN_APPENDED(uuid, append_uuid(reply, domain->config->uuid))
DEFINE_DOMAIN_PROPERTY(description, "s", domain->config->description)
DEFINE_DOMAIN_PROPERTY(kind, "s", domain_kind_to_string(domain->config->kind))
DEFINE_DOMAIN_PROPERTY(state, "s", domain_state_to_string(domain->state))
DEFINE_DOMAIN_PROPERTY(state_reason, "s", domain->state_reason)
DEFINE_DOMAIN_PROPERTY(state_timestamp, "t", domain->state_usec)
DEFINE_DOMAIN_PROPERTY(running, "b", domain->state == DOMAIN_RUNNING)
DEFINE_DOMAIN_PROPERTY(paused, "b", domain->state == DOMAIN_PAUSED)
DEFINE_DOMAIN_PROPERTY(dying, "b", domain_is_dying(domain))
DEFINE_DOMAIN_PROPERTY(blocked, "b", domain_is_blocked(domain))
DEFINE_DOMAIN_PROPERTY(crashed, "b", domain->crashed)
DEFINE_DOMAIN_PROPERTY(powered_off, "b", domain->powered_off)
DEFINE_DOMAIN_PROPERTY(rebooting, "b", domain->rebooting)
DEFINE_DOMAIN_PROPERTY(suspended, "b", domain->suspended)
DEFINE_DOMAIN_PROPERTY(leader, "u", (uint32_t) domain->leader)
DEFINE_DOMAIN_PROPERTY(unit, "s", domain->config->cgroup_path->unit)
DEFINE_DOMAIN_PROPERTY(slice, "s", domain->config->cgroup_path->slice)
DEFINE_DOMAIN_APPENDED(cgroup_path, append_cgroup_path(reply, domain->config->cgroup_path))
DEFINE_DOMAIN_PROPERTY(control_group, "s", domain->cgroup ? cgroup_path(domain->cgroup) : "")
DEFINE_DOMAIN_APPENDED(control_group_paths, append_control_group_paths(reply, domain->cgroup))
DEFINE_DOMAIN_APPENDED(invocation_id, sd_bus_message_append_array(reply, 'y', domain->invocation_id.bytes,
        sd_id128_is_null(domain->invocation_id) ? 0 : sizeof domain->invocation_id.bytes))
DEFINE_DOMAIN_PROPERTY(freezer_state, "s", domain->freezer_state)
DEFINE_DOMAIN_PROPERTY(memory, "t", domain->config->kind == DOMAIN_QEMU ? domain->config->memory : 0)
DEFINE_DOMAIN_PROPERTY(max_memory, "t", domain->config->kind == DOMAIN_QEMU ? domain->config->max_memory : 0)
DEFINE_DOMAIN_PROPERTY(memory_actual, "t", domain_memory(domain) ? domain_memory(domain)->actual : 0)
DEFINE_DOMAIN_PROPERTY(max_vcpus, "u", domain->config->kind == DOMAIN_QEMU ? domain->config->max_vcpus : 0)
DEFINE_DOMAIN_PROPERTY(vcpus, "u", domain->config->kind == DOMAIN_QEMU ? domain->config->vcpus : 0)
DEFINE_DOMAIN_COUNTER(cpu_usage_nsec)
DEFINE_DOMAIN_PROPERTY(up_time, "t", domain_up_usec(domain))
DEFINE_DOMAIN_PROPERTY(start_timestamp, "t", domain->started_usec)
DEFINE_DOMAIN_PROPERTY(create_timestamp, "t", domain->created_usec)
DEFINE_DOMAIN_COUNTER(memory_current)
DEFINE_DOMAIN_COUNTER(tasks_current)
DEFINE_DOMAIN_COUNTER(io_read_bytes)
DEFINE_DOMAIN_COUNTER(io_write_bytes)
DEFINE_DOMAIN_PROPERTY(restarts, "u", domain->restarts)
DEFINE_DOMAIN_PROPERTY(next_restart, "t", domain->restart_due_usec)
DEFINE_DOMAIN_APPENDED(resources, resources_append(reply, domain_resources(domain)))
DEFINE_DOMAIN_APPENDED(devices, append_devices(reply, domain))
DEFINE_DOMAIN_APPENDED(disks, append_attachments(reply, domain, ATTACHMENT_DISK))
DEFINE_DOMAIN_APPENDED(networks, append_attachments(reply, domain, ATTACHMENT_NETWORK))
DEFINE_DOMAIN_APPENDED(io_ports, append_io_ports(reply, domain->config))
DEFINE_DOMAIN_APPENDED(image, append_image(reply, domain->config))
DEFINE_DOMAIN_APPENDED(command, sd_bus_message_append_strv(reply, domain->config->command))
DEFINE_DOMAIN_PROPERTY(security_label, "s", domain->config->security_label)
DEFINE_DOMAIN_PROPERTY(delegate, "b", (int) domain->config->delegate)
DEFINE_DOMAIN_APPENDED(console_path, append_console_path(reply, domain))
DEFINE_DOMAIN_APPENDED(stop_plan, plan_append(reply, &domain->config->stop_plan))
DEFINE_DOMAIN_PROPERTY(stop_phase, "s", domain->stop_phase)
DEFINE_DOMAIN_PROPERTY(stop_deadline, "t", domain->stop_deadline_usec)
DEFINE_DOMAIN_PROPERTY(pause_timeout, "t", domain->config->pause_timeout_usec)
DEFINE_DOMAIN_APPENDED(
        pause_reasons, sd_bus_message_append_strv(reply, (char **) domain->pause_reasons->pdata))
DEFINE_DOMAIN_APPENDED(pause_blockers, append_blockers(reply, domain->pause_blockers))
DEFINE_DOMAIN_APPENDED(warnings, sd_bus_message_append_strv(reply, (char **) domain->warnings->pdata))
DEFINE_DOMAIN_APPENDED(job, append_job(reply, domain->job))
DEFINE_DOMAIN_PROPERTY(owner, "u", (uint32_t) domain->owner)

/* Nothing here outlives its end yet: what CreateDomain and AdoptProcesses make is transient. */
static int property_persistent(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "b", (int) false);
}

/* Whoever gets here was allowed to: see filter_set() in bus.c. */
static int set_stop_plan(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *value, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        StopPlan plan;
        int r;

        r = plan_read(value, &plan, error);
        if (r < 0)
                return r;
        if (plan.n_steps == 0)
                return sd_bus_error_set(
                        error, SD_BUS_ERROR_INVALID_ARGS, "StopPlan: a plan has at least one step");
        domain->config->stop_plan = plan;
        domain_mark_changed(domain, DOMAIN_CHANGED_SETTINGS);
        manager_flush(domain->manager);
        return 0;
}

static int set_pause_timeout(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *value, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uint64_t usec;
        int r;

        r = sd_bus_message_read(value, "t", &usec);
        if (r < 0)
                return r;
        if (usec < PAUSE_TIMEOUT_MIN_USEC || usec > PAUSE_TIMEOUT_MAX_USEC)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "PauseTimeoutUSec: %" G_GUINT64_FORMAT " is not between %llu and %llu", usec,
                        PAUSE_TIMEOUT_MIN_USEC, PAUSE_TIMEOUT_MAX_USEC);
        domain->config->pause_timeout_usec = usec;
        domain_mark_changed(domain, DOMAIN_CHANGED_SETTINGS);
        manager_flush(domain->manager);
        return 0;
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define ANYBODY SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable domain_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Pause", NULL, NULL, method_pause, ANYBODY),
        SD_BUS_METHOD("Resume", NULL, NULL, method_resume, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("Shutdown", "t", SD_BUS_PARAM(flags), NULL,, method_shutdown, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("Reboot", "t", SD_BUS_PARAM(flags), NULL,, method_reboot, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("Destroy", "t", SD_BUS_PARAM(flags), NULL,, method_destroy, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "Stop", "a(st)t", SD_BUS_PARAM(plan) SD_BUS_PARAM(flags), NULL,, method_stop, ANYBODY),
        SD_BUS_METHOD("Reset", NULL, NULL, method_reset, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("SendSysRq", "s", SD_BUS_PARAM(key), NULL,, method_send_sysrq, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("SendKeys", "asu", SD_BUS_PARAM(keys) SD_BUS_PARAM(hold_ms), NULL,,
                method_send_keys, ANYBODY),
        SD_BUS_METHOD("InjectNMI", NULL, NULL, method_inject_nmi, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("SetMemory", "t", SD_BUS_PARAM(bytes), NULL,, method_set_memory, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "SetMaxMemory", "t", SD_BUS_PARAM(bytes), NULL,, method_set_max_memory, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("SetVCPUs", "u", SD_BUS_PARAM(vcpus), NULL,, method_set_vcpus, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "Kill", "si", SD_BUS_PARAM(whom) SD_BUS_PARAM(signal), NULL,, method_kill, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("AttachDisk", "a{sv}", SD_BUS_PARAM(disk), "s", SD_BUS_PARAM(name),
                method_attach_disk, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("DetachDisk", "s", SD_BUS_PARAM(name), NULL,, method_detach_disk, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("AttachNetwork", "a{sv}", SD_BUS_PARAM(network), "s", SD_BUS_PARAM(name),
                method_attach_network, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "DetachNetwork", "s", SD_BUS_PARAM(name), NULL,, method_detach_network, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("WaitForDevices", "t", SD_BUS_PARAM(timeout_usec), "a{ss}",
                SD_BUS_PARAM(devices), method_wait_for_devices, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("Rename", "s", SD_BUS_PARAM(name), NULL,, method_rename, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("Save", "st", SD_BUS_PARAM(image) SD_BUS_PARAM(flags), "o",
                SD_BUS_PARAM(job), method_save, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("SaveFD", "ht", SD_BUS_PARAM(image) SD_BUS_PARAM(flags), "o",
                SD_BUS_PARAM(job), method_save_fd, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("AddDevice", "ss", SD_BUS_PARAM(node) SD_BUS_PARAM(access), NULL,,
                method_add_device, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "RemoveDevice", "s", SD_BUS_PARAM(node), NULL,, method_remove_device, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GrantIOPorts", "qq", SD_BUS_PARAM(first) SD_BUS_PARAM(last), NULL,,
                method_grant_io_ports, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("RevokeIOPorts", "qq", SD_BUS_PARAM(first) SD_BUS_PARAM(last), NULL,,
                method_revoke_io_ports, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "SetResources", "a(sv)", SD_BUS_PARAM(resources), NULL,, method_set_resources, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("UpdateResourcesOCI", "s", SD_BUS_PARAM(json), NULL,,
                method_update_resources_oci, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("AddProcess", "us", SD_BUS_PARAM(pid) SD_BUS_PARAM(subgroup), NULL,,
                method_add_process, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("AddProcessFD", "hs", SD_BUS_PARAM(pidfd) SD_BUS_PARAM(subgroup), NULL,,
                method_add_process_fd, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "GetProcesses", NULL,, "a(sus)", SD_BUS_PARAM(processes), method_get_processes, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "GetVCPUs", NULL,, "a(uuautt)", SD_BUS_PARAM(vcpus), method_get_vcpus, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "PinVCPU", "uau", SD_BUS_PARAM(vcpu) SD_BUS_PARAM(cpus), NULL,, method_pin_vcpu, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("WeighVCPU", "ut", SD_BUS_PARAM(vcpu) SD_BUS_PARAM(weight), NULL,,
                method_weigh_vcpu, ANYBODY),
        SD_BUS_METHOD("Release", NULL, NULL, method_release, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "OpenConsole", NULL,, "h", SD_BUS_PARAM(console), method_open_console, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetConsoleLog", "u", SD_BUS_PARAM(lines), "as", SD_BUS_PARAM(log),
                method_get_console_log, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "Screenshot", NULL,, "ay", SD_BUS_PARAM(png), method_screenshot, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "GetStats", NULL,, "a{sv}", SD_BUS_PARAM(stats), method_get_stats, ANYBODY),
        SD_BUS_SIGNAL_WITH_NAMES("StateChanged", "sssa{sv}",
                SD_BUS_PARAM(old) SD_BUS_PARAM(new) SD_BUS_PARAM(reason) SD_BUS_PARAM(details), 0),
        SD_BUS_SIGNAL_WITH_NAMES("Renamed", "ss", SD_BUS_PARAM(old) SD_BUS_PARAM(new), 0),
        SD_BUS_SIGNAL_WITH_NAMES(
                "StopStep", "suu", SD_BUS_PARAM(step) SD_BUS_PARAM(index) SD_BUS_PARAM(total), 0),
        SD_BUS_SIGNAL_WITH_NAMES("DeviceChanged", "ss", SD_BUS_PARAM(name) SD_BUS_PARAM(what), 0),
        SD_BUS_SIGNAL_WITH_NAMES("Warning", "s", SD_BUS_PARAM(text), 0),
        SD_BUS_PROPERTY("Name", "s", property_name, 0, EMITS),
        SD_BUS_PROPERTY("UUID", "s", property_uuid, 0, CONST),
        SD_BUS_PROPERTY("Description", "s", property_description, 0, CONST),
        SD_BUS_PROPERTY("Kind", "s", property_kind, 0, CONST),
        SD_BUS_PROPERTY("Persistent", "b", property_persistent, 0, CONST),
        SD_BUS_PROPERTY("State", "s", property_state, 0, EMITS),
        SD_BUS_PROPERTY("StateReason", "s", property_state_reason, 0, EMITS),
        SD_BUS_PROPERTY("StateTimestamp", "t", property_state_timestamp, 0, EMITS),
        SD_BUS_PROPERTY("Running", "b", property_running, 0, EMITS),
        SD_BUS_PROPERTY("Paused", "b", property_paused, 0, EMITS),
        SD_BUS_PROPERTY("Dying", "b", property_dying, 0, EMITS),
        SD_BUS_PROPERTY("Crashed", "b", property_crashed, 0, EMITS),
        SD_BUS_PROPERTY("PoweredOff", "b", property_powered_off, 0, EMITS),
        SD_BUS_PROPERTY("Rebooting", "b", property_rebooting, 0, EMITS),
        SD_BUS_PROPERTY("Suspended", "b", property_suspended, 0, EMITS),
        SD_BUS_PROPERTY("Blocked", "b", property_blocked, 0, 0),
        SD_BUS_PROPERTY("Leader", "u", property_leader, 0, EMITS),
        SD_BUS_PROPERTY("Unit", "s", property_unit, 0, CONST),
        SD_BUS_PROPERTY("Slice", "s", property_slice, 0, CONST),
        SD_BUS_PROPERTY("CgroupPath", "s", property_cgroup_path, 0, CONST),
        SD_BUS_PROPERTY("ControlGroup", "s", property_control_group, 0, EMITS),
        SD_BUS_PROPERTY("ControlGroupPaths", "a{ss}", property_control_group_paths, 0, 0),
        SD_BUS_PROPERTY("InvocationID", "ay", property_invocation_id, 0, EMITS),
        SD_BUS_PROPERTY("FreezerState", "s", property_freezer_state, 0, EMITS),
        SD_BUS_PROPERTY("Memory", "t", property_memory, 0, EMITS),
        SD_BUS_PROPERTY("MaxMemory", "t", property_max_memory, 0, EMITS),
        SD_BUS_PROPERTY("MemoryActual", "t", property_memory_actual, 0, EMITS),
        SD_BUS_PROPERTY("VCPUs", "u", property_vcpus, 0, EMITS),
        SD_BUS_PROPERTY("MaxVCPUs", "u", property_max_vcpus, 0, CONST),
        SD_BUS_PROPERTY("CPUUsageNSec", "t", property_cpu_usage_nsec, 0, 0),
        SD_BUS_PROPERTY("UpTimeUSec", "t", property_up_time, 0, 0),
        SD_BUS_PROPERTY("StartTimestamp", "t", property_start_timestamp, 0, EMITS),
        SD_BUS_PROPERTY("CreateTimestamp", "t", property_create_timestamp, 0, CONST),
        SD_BUS_PROPERTY("MemoryCurrent", "t", property_memory_current, 0, 0),
        SD_BUS_PROPERTY("TasksCurrent", "t", property_tasks_current, 0, 0),
        SD_BUS_PROPERTY("IOReadBytes", "t", property_io_read_bytes, 0, 0),
        SD_BUS_PROPERTY("IOWriteBytes", "t", property_io_write_bytes, 0, 0),
        SD_BUS_WRITABLE_PROPERTY("OnPoweroff", "s", property_policy, set_policy, 0, EMITS | ANYBODY),
        SD_BUS_WRITABLE_PROPERTY("OnReboot", "s", property_policy, set_policy, 0, EMITS | ANYBODY),
        SD_BUS_WRITABLE_PROPERTY("OnCrash", "s", property_policy, set_policy, 0, EMITS | ANYBODY),
        SD_BUS_PROPERTY("Restarts", "u", property_restarts, 0, EMITS),
        SD_BUS_PROPERTY("NextRestartTimestamp", "t", property_next_restart, 0, EMITS),
        SD_BUS_PROPERTY("Resources", "a{sv}", property_resources, 0, EMITS),
        SD_BUS_PROPERTY("Devices", "a(ss)", property_devices, 0, EMITS),
        SD_BUS_PROPERTY("Disks", "aa{sv}", property_disks, 0, EMITS),
        SD_BUS_PROPERTY("Networks", "aa{sv}", property_networks, 0, EMITS),
        SD_BUS_PROPERTY("IOPorts", "a(qq)", property_io_ports, 0, EMITS),
        SD_BUS_PROPERTY("Image", "a{ss}", property_image, 0, CONST),
        SD_BUS_PROPERTY("Command", "as", property_command, 0, CONST),
        SD_BUS_PROPERTY("SecurityLabel", "s", property_security_label, 0, CONST),
        SD_BUS_PROPERTY("Delegate", "b", property_delegate, 0, CONST),
        SD_BUS_PROPERTY("ConsolePath", "s", property_console_path, 0, CONST),
        SD_BUS_WRITABLE_PROPERTY("StopPlan", "a(st)", property_stop_plan, set_stop_plan, 0, EMITS | ANYBODY),
        SD_BUS_PROPERTY("StopPhase", "s", property_stop_phase, 0, EMITS),
        SD_BUS_PROPERTY("StopDeadlineUSec", "t", property_stop_deadline, 0, EMITS),
        SD_BUS_WRITABLE_PROPERTY(
                "PauseTimeoutUSec", "t", property_pause_timeout, set_pause_timeout, 0, EMITS | ANYBODY),
        SD_BUS_PROPERTY("PauseReasons", "as", property_pause_reasons, 0, EMITS),
        SD_BUS_PROPERTY("PauseBlockers", "a(uss)", property_pause_blockers, 0, EMITS),
        SD_BUS_PROPERTY("Warnings", "as", property_warnings, 0, EMITS),
        SD_BUS_PROPERTY("Job", "o", property_job, 0, EMITS),
        SD_BUS_PROPERTY("OwnerUID", "u", property_owner, 0, CONST),
        SD_BUS_VTABLE_END,
};

const BusObject domain_object = {
        BUS_PATH_DOMAIN, BUS_INTERFACE("Domain"), domain_vtable, domain_find, domain_enumerate};
