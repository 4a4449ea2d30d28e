/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.example.VMManager1.Manager: domains come to be here, and are found. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bus/bus.h"
#include "bus/config-dbus.h"
#include "bus/log-dbus.h"
#include "bus/save-dbus.h"
#include "config/text.h"
#include "host/kvm.h"
#include "host/process.h"
#include "util/auto.h"
#include "util/errors.h"

/* Flags of CreateDomain; AUTODESTROY of AdoptProcesses too. */
enum {
        CREATE_START       = 1 << 0,
        CREATE_AUTODESTROY = 1 << 1,
};

#define ADOPTED_PROCESSES_MAX 1024u

/* ---- Creating and adopting. ---- */

/* The reply to whoever waits for a new domain. */
typedef struct Creation {
        sd_bus_message *message;
        char *path;
} Creation;

static Creation *creation_new(sd_bus_message *m, const Domain *domain) {
        Creation *creation = g_new0(Creation, 1);

        creation->message = sd_bus_message_ref(m);
        creation->path = bus_domain_path(domain);
        return creation;
}

static void on_created(void *userdata, int r, const sd_bus_error *error) {
        Creation *creation = userdata;

        if (r < 0)
                (void) sd_bus_reply_method_error(creation->message, error);
        else
                (void) sd_bus_reply_method_return(creation->message, "o", creation->path);
        sd_bus_message_unref(creation->message);
        g_free(creation->path);
        g_free(creation);
}

static void on_caller_gone(void *userdata) {
        Domain *domain = userdata;

        domain_stop_by_plan(domain, &stop_plan_destroy, domain->owner);
}

/* Reads the configuration, asks whether the caller may, and makes the domain; nothing is begun yet. Returns
 * 1 with the domain, 0 while somebody is asked, or a negative errno. */
static int domain_prepare(
        Bus *bus, sd_bus_message *m, const char *name, bool adopted, Domain **ret, sd_bus_error *error) {
        const ManagerConfig *settings = bus->manager->settings;
        g_autoptr(DomainConfig) config = NULL;
        char uuid[SD_ID128_UUID_STRING_MAX];
        uid_t uid;
        int r;

        r = domain_config_new(name, &config, error);
        if (r >= 0)
                r = config_read(m, config, error);
        if (r >= 0)
                r = domain_config_complete(config,
                        &(ConfigDefaults) {settings->default_slice, settings->stop_plans, adopted}, error);
        if (r < 0)
                return r;
        if (adopted && cgroup_path_is_slice(config->cgroup_path))
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "CgroupPath: %s is a slice, which has no processes of its own",
                        config->cgroup_path->unit);
        r = authorize(bus->authority, m,
                &(AuthorityDetails) {
                        .domain = name,
                        .uuid = sd_id128_is_null(config->uuid) ? ""
                                                               : sd_id128_to_uuid_string(config->uuid, uuid),
                        .slice = cgroup_path_home(config->cgroup_path),
                },
                &uid, error);
        if (r <= 0)
                return r;
        if (sd_id128_is_null(config->uuid)) {
                r = sd_id128_randomize(&config->uuid);
                if (r < 0)
                        return r;
        }
        r = manager_check_limits(bus->manager, uid, error);
        if (r < 0)
                return r;
        r = domain_new(bus->manager, g_steal_pointer(&config), uid, ret, error);
        return r < 0 ? r : 1;
}

static int watch_caller(Bus *bus, sd_bus_message *m, Domain *domain) {
        CallerWatch *watch;
        int r;

        r = caller_watch_new(m, on_caller_gone, domain, &watch);
        if (r >= 0)
                g_hash_table_insert(bus->autodestroy, domain, watch);
        return r;
}

/* How both end: the domain is taken by core, or freed here. */
static int domain_begin(Bus *bus, sd_bus_message *m, Domain *domain, uint64_t flags, const GArray *pidfds,
        sd_bus_error *error) {
        Creation *creation = creation_new(m, domain);
        int r = 0;

        if (flags & CREATE_AUTODESTROY)
                r = watch_caller(bus, m, domain);
        if (r >= 0)
                r = pidfds ? domain_adopt(domain, (int *) (void *) pidfds->data, pidfds->len, on_created,
                                     creation, error)
                           : domain_create(domain, flags & CREATE_START, on_created, creation, error);
        if (r >= 0)
                return 1;
        g_hash_table_remove(bus->autodestroy, domain);
        domain_free(domain);
        sd_bus_message_unref(creation->message);
        g_free(creation->path);
        g_free(creation);
        return r;
}

static int read_flags(sd_bus_message *m, uint64_t known, uint64_t *ret, sd_bus_error *error) {
        int r = sd_bus_message_read(m, "t", ret);

        return r < 0 ? r : bus_check_flags(*ret, known, error);
}

static int method_create_domain(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autoptr(Domain) domain = NULL;
        const char *name;
        uint64_t flags;
        int r;

        /* The flags come last, but are checked before anybody is asked. */
        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = sd_bus_message_skip(m, "a{sv}");
        if (r >= 0)
                r = read_flags(m, CREATE_START | CREATE_AUTODESTROY, &flags, error);
        if (r >= 0)
                r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = sd_bus_message_skip(m, "s");
        if (r < 0)
                return r;
        r = domain_prepare(bus, m, name, false, &domain, error);   /* authorize() is in there */
        if (r <= 0)
                return r < 0 ? r : 1;
        return domain_begin(bus, m, g_steal_pointer(&domain), flags, NULL, error);
}

static void pidfd_clear(void *item) {
        fd_close(*(int *) item);
}

/* Reads `au` or `ah` into pidfds of our own. */
static int processes_read(sd_bus_message *m, char type, GArray **ret, sd_bus_error *error) {
        g_autoptr(GArray) pidfds = g_array_new(FALSE, FALSE, sizeof(int));
        int pidfd, r;

        g_array_set_clear_func(pidfds, pidfd_clear);
        r = sd_bus_message_enter_container(m, 'a', (char[]) {type, 0});
        while (r >= 0 && (r = process_read(m, type, &pidfd, error)) > 0) {
                g_array_append_val(pidfds, pidfd);
                if (pidfds->len > ADOPTED_PROCESSES_MAX)
                        return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED, "More than %u processes",
                                ADOPTED_PROCESSES_MAX);
        }
        if (r < 0 && type == 'h' && sd_bus_error_is_set(error)) {
                sd_bus_error_free(error);
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "pidfds: number %u is no pidfd of a process that lives", pidfds->len);
        }
        if (r < 0)
                return r;
        if (pidfds->len == 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "No process is given");
        *ret = g_steal_pointer(&pidfds);
        return sd_bus_message_exit_container(m);
}

static int adopt(sd_bus_message *m, Bus *bus, char type, sd_bus_error *error) {
        g_autoptr(Domain) domain = NULL;
        g_autoptr(GArray) pidfds = NULL;
        const char *name;
        uint64_t flags;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = sd_bus_message_skip(m, type == 'h' ? "aha{sv}" : "aua{sv}");
        if (r >= 0)
                r = read_flags(m, CREATE_AUTODESTROY, &flags, error);
        if (r >= 0)
                r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = sd_bus_message_skip(m, "s");
        if (r >= 0)
                r = processes_read(m, type, &pidfds, error);
        if (r < 0)
                return r;
        r = domain_prepare(bus, m, name, true, &domain, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return domain_begin(bus, m, g_steal_pointer(&domain), flags, pidfds, error);
}

static int method_adopt_processes(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return adopt(m, userdata, 'u', error);
}

static int method_adopt_process_fds(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return adopt(m, userdata, 'h', error);
}

/* ---- Finding. ---- */

static int domain_reply(
        sd_bus_message *m, const Domain *domain, sd_bus_error *error, const char *what, const char *value) {
        if (!domain) {
                g_autofree char *quoted = text_quote(value);
                return sd_bus_error_setf(
                        error, VMM_ERROR_NO_SUCH_DOMAIN, "There is no domain %s %s", what, quoted);
        }
        g_autofree char *path = bus_domain_path(domain);
        return sd_bus_reply_method_return(m, "o", path);
}

static int method_get_domain(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        return r < 0 ? r : domain_reply(m, manager_find_by_name(bus->manager, name), error, "named", name);
}

static int method_get_domain_by_uuid(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *text;
        sd_id128_t uuid;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;
        if (sd_id128_from_string(text, &uuid) < 0) {
                g_autofree char *quoted = text_quote(text);
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "uuid: %s is no UUID", quoted);
        }
        return domain_reply(m, manager_find_by_uuid(bus->manager, uuid), error, "with UUID", text);
}

/* By where a process is. */
static int domain_of_pid_reply(sd_bus_message *m, Bus *bus, pid_t pid, sd_bus_error *error) {
        g_autofree char *path = NULL, *text = g_strdup_printf("%d", (int) pid);

        if (process_cgroup(pid, &path) < 0)
                return sd_bus_error_setf(
                        error, VMM_ERROR_NO_SUCH_DOMAIN, "There is no process %d", (int) pid);
        return domain_reply(m, manager_find_by_cgroup(bus->manager, path), error, "with process", text);
}

static int method_get_domain_by_pid(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        uint32_t pid;
        int r;

        r = sd_bus_message_read(m, "u", &pid);
        if (r < 0)
                return r;
        if (pid == 0 || pid > INT32_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "pid: %u is no PID", pid);
        return domain_of_pid_reply(m, userdata, (pid_t) pid, error);
}

static int method_get_domain_by_pidfd(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        autofd int pidfd = -1;
        pid_t pid;
        int r;

        r = process_read(m, 'h', &pidfd, error);
        if (r >= 0)
                r = pidfd_get_pid(pidfd, &pid);
        return r < 0 ? r : domain_of_pid_reply(m, userdata, pid, error);
}

static int method_get_domain_by_control_group(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        const char *path;
        int r;

        r = sd_bus_message_read(m, "s", &path);
        return r < 0 ? r
                     : domain_reply(m, manager_find_by_cgroup(bus->manager, path), error, "in cgroup", path);
}

/* ---- All at once. ---- */

static int method_list_domains(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autoptr(sd_bus_message) reply = NULL;
        GHashTableIter iter;
        void *item;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sssuso)");
        g_hash_table_iter_init(&iter, bus->manager->by_uuid);
        while (r >= 0 && g_hash_table_iter_next(&iter, NULL, &item)) {
                const Domain *domain = item;
                g_autofree char *path = bus_domain_path(domain);
                char uuid[SD_ID128_UUID_STRING_MAX];

                r = sd_bus_message_append(reply, "(sssuso)", domain->config->name,
                        sd_id128_to_uuid_string(domain->config->uuid, uuid),
                        domain_state_to_string(domain->state), (uint32_t) domain->leader,
                        domain->config->cgroup_path->unit, path);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_get_stats(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autoptr(sd_bus_message) reply = NULL;
        GHashTableIter iter;
        void *item;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(oa{sv})");
        g_hash_table_iter_init(&iter, bus->manager->by_uuid);
        while (r >= 0 && g_hash_table_iter_next(&iter, NULL, &item)) {
                g_autofree char *path = bus_domain_path(item);

                r = sd_bus_message_open_container(reply, 'r', "oa{sv}");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "o", path);
                if (r >= 0)
                        r = domain_append_stats(reply, item);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_get_console_log(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        char uuid[SD_ID128_UUID_STRING_MAX];
        const EndedDomain *ended;
        sd_id128_t id = SD_ID128_NULL;
        const char *name;
        Domain *domain;
        uint32_t lines;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "su", &name, &lines);
        if (r < 0)
                return r;
        (void) sd_id128_from_string(name, &id);
        domain = manager_find_by_name(bus->manager, name);
        if (!domain)
                domain = manager_find_by_uuid(bus->manager, id);
        ended = domain ? NULL : manager_find_ended(bus->manager, name);
        if (!domain && !ended) {
                g_autofree char *quoted = text_quote(name);
                return sd_bus_error_setf(error, VMM_ERROR_NO_SUCH_DOMAIN,
                        "There is no domain %s, and none of the last %u that ended", quoted,
                        ENDED_DOMAINS_KEPT);
        }

        r = domain ? authorize_domain_as(domain, m, NULL, &uid, error)
                   : authorize(bus->authority, m, &(AuthorityDetails) {
                             .domain = ended->name,
                             .uuid = sd_id128_to_uuid_string(ended->uuid, uuid),
                             .slice = ended->slice,
                             .owner = ended->owner,
                             .owned = true,
                     }, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (domain) {
                g_auto(GStrv) log = console_lines(domain->console, lines);
                return strv_reply(m, log);
        }
        unsigned n = g_strv_length(ended->console);
        return strv_reply(m, ended->console + (n > lines ? n - lines : 0));
}

/* ---- Properties. ---- */

static int property_version(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", PROJECT_VERSION);
}

static int append_feature_list(sd_bus_message *reply, const char *name, char **list) {
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, list);
        for (int i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int property_features(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Manager *manager = ((const Bus *) userdata)->manager;
        g_auto(GStrv) controllers = cgroup_controllers(units_control_group(manager->units));
        g_auto(GStrv) properties = manager_resource_properties(manager);
        g_autofree char *qemu = NULL;
        const char *systemd = units_version(manager->units), *why;
        int r;

        (void) spawn_find_program(manager->settings->qemu_binary, &qemu, NULL);
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}",
                        "SystemdVersion", "s", systemd ? systemd : "",
                        "ScopePIDFDs", "b", (int) units_take_pidfds(manager->units),
                        "UserMode", "b", (int) manager->user_mode,
                        "QEMU", "s", qemu ? qemu : "",
                        "KVM", "b", (int) kvm_is_usable(&why));
        if (r >= 0)
                r = append_feature_list(reply, "CgroupControllers", controllers);
        if (r >= 0)
                r = append_feature_list(reply, "ResourceProperties", properties);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int property_n_domains(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(
                reply, "u", g_hash_table_size(((const Bus *) userdata)->manager->by_uuid));
}

static int property_n_jobs(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "u", g_hash_table_size(((const Bus *) userdata)->manager->jobs));
}

#define ANYBODY SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("CreateDomain", "sa{sv}t",
                SD_BUS_PARAM(name) SD_BUS_PARAM(config) SD_BUS_PARAM(flags), "o", SD_BUS_PARAM(domain),
                method_create_domain, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("AdoptProcesses", "saua{sv}t",
                SD_BUS_PARAM(name) SD_BUS_PARAM(pids) SD_BUS_PARAM(config) SD_BUS_PARAM(flags), "o",
                SD_BUS_PARAM(domain), method_adopt_processes, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("AdoptProcessFDs", "saha{sv}t",
                SD_BUS_PARAM(name) SD_BUS_PARAM(pidfds) SD_BUS_PARAM(config) SD_BUS_PARAM(flags), "o",
                SD_BUS_PARAM(domain), method_adopt_process_fds, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("RestoreDomain", "ssa{sv}",
                SD_BUS_PARAM(name) SD_BUS_PARAM(image) SD_BUS_PARAM(options), "o", SD_BUS_PARAM(job),
                method_restore_domain, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("RestoreDomainFD", "sha{sv}",
                SD_BUS_PARAM(name) SD_BUS_PARAM(image) SD_BUS_PARAM(options), "o", SD_BUS_PARAM(job),
                method_restore_domain_fd, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "GetDomain", "s", SD_BUS_PARAM(name), "o", SD_BUS_PARAM(domain), method_get_domain, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetDomainByUUID", "s", SD_BUS_PARAM(uuid), "o", SD_BUS_PARAM(domain),
                method_get_domain_by_uuid, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetDomainByPID", "u", SD_BUS_PARAM(pid), "o", SD_BUS_PARAM(domain),
                method_get_domain_by_pid, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetDomainByPIDFD", "h", SD_BUS_PARAM(pidfd), "o", SD_BUS_PARAM(domain),
                method_get_domain_by_pidfd, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetDomainByControlGroup", "s", SD_BUS_PARAM(cgroup), "o",
                SD_BUS_PARAM(domain), method_get_domain_by_control_group, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "ListDomains", NULL,, "a(sssuso)", SD_BUS_PARAM(domains), method_list_domains, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES(
                "GetStats", NULL,, "a(oa{sv})", SD_BUS_PARAM(stats), method_get_stats, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetConsoleLog", "su", SD_BUS_PARAM(domain) SD_BUS_PARAM(lines), "as",
                SD_BUS_PARAM(log), method_get_console_log, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetLog", "u", SD_BUS_PARAM(lines), "as", SD_BUS_PARAM(log),
                method_get_log, ANYBODY),
        SD_BUS_METHOD_WITH_NAMES("GetHypervisorLog", "u", SD_BUS_PARAM(lines), "as", SD_BUS_PARAM(log),
                method_get_hypervisor_log, ANYBODY),
        SD_BUS_METHOD("ClearHypervisorLog", NULL, NULL, method_clear_hypervisor_log, ANYBODY),
        SD_BUS_SIGNAL_WITH_NAMES("DomainAdded", "so", SD_BUS_PARAM(name) SD_BUS_PARAM(path), 0),
        SD_BUS_SIGNAL_WITH_NAMES("DomainRemoved", "so", SD_BUS_PARAM(name) SD_BUS_PARAM(path), 0),
        SD_BUS_SIGNAL_WITH_NAMES("DomainRenamed", "sso",
                SD_BUS_PARAM(old) SD_BUS_PARAM(new) SD_BUS_PARAM(path), 0),
        SD_BUS_SIGNAL_WITH_NAMES("JobNew", "uoss",
                SD_BUS_PARAM(id) SD_BUS_PARAM(job) SD_BUS_PARAM(domain) SD_BUS_PARAM(verb), 0),
        SD_BUS_SIGNAL_WITH_NAMES("JobRemoved", "uosss",
                SD_BUS_PARAM(id) SD_BUS_PARAM(job) SD_BUS_PARAM(domain) SD_BUS_PARAM(verb)
                        SD_BUS_PARAM(result),
                0),
        SD_BUS_PROPERTY("Version", "s", property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Features", "a{sv}", property_features, 0, 0),
        SD_BUS_PROPERTY("NDomains", "u", property_n_domains, 0, 0),
        SD_BUS_PROPERTY("NJobs", "u", property_n_jobs, 0, 0),
        SD_BUS_VTABLE_END,
};

const BusObject manager_object = {BUS_PATH, BUS_INTERFACE("Manager"), manager_vtable, NULL, NULL};
