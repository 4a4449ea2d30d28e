/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Settings reach a unit in one call, which systemd takes whole or refuses. The steps return as core/job.h
 * says. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config/oci.h"
#include "config/quantity.h"
#include "config/resource-file.h"
#include "core/device.h"
#include "core/limits.h"
#include "core/manager.h"
#include "core/slice-domain.h"
#include "core/verbs.h"
#include "util/auto.h"
#include "util/errors.h"

#define SYSTEMD_VERSION_MIN 252u   /* what is assumed until the service manager has told */

/* What the service manager and this host can do; *ret_controllers holds what it borrows. */
static ResourcesHost limits_host(const Manager *manager, char ***ret_controllers) {
        const char *version = units_version(manager->units);
        g_auto(GStrv) found = cgroup_controllers(units_control_group(manager->units));
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

        g_strv_builder_addv(builder, (const char **) found);
        if (!manager->user_mode)
                g_strv_builder_add_many(builder, "devices", "bpf",
                        units_have(manager->units, "+BPF_FRAMEWORK") ? "bpf-framework" : NULL, NULL);
        *ret_controllers = g_strv_builder_end(builder);
        return (ResourcesHost) {
                .systemd_version = version ? (unsigned) strtoul(version, NULL, 10) : SYSTEMD_VERSION_MIN,
                .controllers = (const char *const *) *ret_controllers,
        };
}

char **manager_resource_properties(const Manager *manager) {
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        g_auto(GStrv) controllers = NULL;
        ResourcesHost host = limits_host(manager, &controllers);
        const ResourceProperty *property;

        for (size_t i = 0; (property = resource_property_nth(i)); i++)
                if (resource_property_check(property, &host, NULL) >= 0)
                        g_strv_builder_add(builder, property->name);
        return g_strv_builder_end(builder);
}

int limits_check(const Manager *manager, const Resources *resources, sd_bus_error *error) {
        g_auto(GStrv) controllers = NULL;
        ResourcesHost host = limits_host(manager, &controllers);

        return resources_check(resources, &host, error);
}

/* ---- Creation. ---- */

/* A guest whose memory does not fit is not told: the kernel kills it, or starves it, when it touches too
 * much of it. */
static void warn_memory(const Domain *domain, const Resources *resources, GPtrArray *warnings) {
        static const char *const limits[] = {"MemoryHigh", "MemoryMax"};

        for (size_t i = 0; i < G_N_ELEMENTS(limits) && domain->config->kind == DOMAIN_QEMU; i++) {
                GVariant *limit = resources_lookup(resources, limits[i]);

                if (!limit || g_variant_get_uint64(limit) >= domain->config->memory)
                        continue;
                g_autofree char *bytes = quantity_print(g_variant_get_uint64(limit), QUANTITY_BYTES);
                g_autofree char *memory = quantity_print(domain->config->memory, QUANTITY_BYTES);
                g_ptr_array_add(warnings, g_strdup_printf("%s: %s is less than the guest's memory, %s",
                        limits[i], bytes, memory));
        }
}

/* systemd would not mind a slice that is there, and change nothing. */
static int check_slices(const Domain *domain, const ResourcesHost *host, sd_bus_error *error) {
        GHashTableIter iter;
        void *name, *resources;
        int r = 0;

        g_hash_table_iter_init(&iter, domain->config->slices);
        while (r >= 0 && g_hash_table_iter_next(&iter, &name, &resources)) {
                g_autoptr(Cgroup) cgroup = NULL;

                r = resources_check(resources, host, error);
                if (r >= 0 && manager_open_slice(domain->manager, name, &cgroup) >= 0)
                        r = sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "SliceResources: %s is there already, and its own object changes it",
                                (char *) name);
        }
        return r;
}

int limits_complete(Domain *domain, sd_bus_error *error) {
        DomainConfig *config = domain->config;
        g_auto(GStrv) controllers = NULL;
        ResourcesHost host = limits_host(domain->manager, &controllers);
        int r;

        r = resources_check(config->resources, &host, error);
        if (r >= 0)
                r = check_slices(domain, &host, error);
        if (r < 0 || domain_is_slice(domain))
                return r;
        warn_memory(domain, config->resources, config->warnings);
        if (g_strv_contains(host.controllers, "memory")) {
                domain_config_limit_memory(config);
                domain_config_survive_oom(config);
        }
        device_defaults(domain);
        return resources_check(config->resources, &host, error);
}

/* ---- In effect? ---- */

/* What the kernel says instead of what it should, or NULL. */
static char *setting_mismatch(const Cgroup *cgroup, const ResourceProperty *property, GVariant *value) {
        const char *file = resource_file(property, value);
        g_autofree char *text = file ? cgroup_read_file(cgroup, file) : NULL, *wanted = NULL;

        if (resource_file_says(property, value, text))
                return NULL;
        wanted = resource_value_print(property->type, value);
        return text ? g_strdup_printf("%s: %s is not in effect: the kernel's %s says '%s'", property->name,
                              wanted, file, g_strchomp(text))
                    : g_strdup_printf("%s: %s is not in effect: this kernel has no %s", property->name,
                              wanted, file);
}

char *limits_mismatch(const Cgroup *cgroup, const Resources *resources) {
        char *mismatch = NULL;

        for (size_t i = 0; i < resources_size(resources) && !mismatch; i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(resources, i, &value);

                mismatch = setting_mismatch(cgroup, property, value);
        }
        return mismatch;
}

/* Whether there is a setting of which the kernel says nothing in a file. */
static bool is_unseen(const Resources *resources) {
        for (size_t i = 0; i < resources_size(resources); i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(resources, i, &value);

                if (!resource_file(property, value))
                        return true;
        }
        return false;
}

/* One Warning for each setting that the kernel does not have, with this before it. */
static void mismatches_tell(
        Domain *domain, const char *prefix, const Cgroup *cgroup, const Resources *resources) {
        for (size_t i = 0; i < resources_size(resources); i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(resources, i, &value);
                g_autofree char *mismatch = setting_mismatch(cgroup, property, value);
                g_autofree char *text = mismatch ? g_strconcat(prefix, mismatch, NULL) : NULL;

                if (text)
                        domain_warn(domain, NULL, text);
        }
}

/* What the kernel does not have yet is set again after the next thaw, which systemd 257 needs; if nothing is
 * frozen it is told. */
static void limits_verify(Domain *domain, const Resources *resources) {
        if (!domain->cgroup)
                return;
        if (domain->events.frozen) {
                g_autofree char *mismatch = limits_mismatch(domain->cgroup, resources);
                domain->limits_late = domain->limits_late || mismatch;
        } else
                mismatches_tell(domain, "", domain->cgroup, resources);
}

/* A slice with a unit file of its own may not have taken them. */
static void slices_verify(Domain *domain) {
        GHashTableIter iter;
        void *name, *resources;

        g_hash_table_iter_init(&iter, domain->config->slices);
        while (g_hash_table_iter_next(&iter, &name, &resources)) {
                g_autoptr(Cgroup) cgroup = NULL;
                g_autofree char *prefix = g_strconcat(name, ": ", NULL);

                if (manager_open_slice(domain->manager, name, &cgroup) >= 0)
                        mismatches_tell(domain, prefix, cgroup, resources);
        }
}

void limits_begin(Domain *domain) {
        for (unsigned i = 0; i < domain->config->warnings->len; i++)
                domain_warn(domain, NULL, domain->config->warnings->pdata[i]);
        g_ptr_array_set_size(domain->config->warnings, 0);
        limits_verify(domain, domain->config->resources);
        slices_verify(domain);
}

static int settings_send(Job *job, const Resources *resources, UnitReply reply) {
        g_autoptr(GVariant) properties = resources_to_send(resources, RESOURCES_LIVE);

        return unit_set_properties(
                domain_units(job->domain), domain_unit(job->domain), properties, reply, job, &job->call);
}

static void on_restored_told(void *userdata, int r, GVariant *told) {
        Job *job = userdata;
        Domain *domain = job->domain;

        job->call = NULL;
        (void) cgroup_read_events(domain->cgroup, &domain->events);
        limits_verify(domain, domain->config->resources);
        job_continue(job, JOB_GOES_ON, NULL);
}

/* The domain runs on whatever comes of it. systemd replies first and writes the files then, so it is asked
 * something more before they are read. */
static void on_restored(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;
        Domain *domain = job->domain;

        job->call = NULL;
        domain->limits_late = false;
        if (r < 0)
                domain_warn(domain, NULL, error->message);
        if (r < 0 || unit_get_properties(domain_units(domain), domain_unit(domain), on_restored_told, job,
                             &job->call) < 0)
                job_continue(job, JOB_GOES_ON, NULL);
}

int limits_restore_run(Job *job) {
        return job->domain->limits_late ? settings_send(job, job->domain->config->resources, on_restored)
                                        : JOB_GOES_ON;
}

/* ---- Changing. ---- */

static int set_run(Job *job) {
        return settings_send(job, job->change, job_unit_reply);
}

/* It was taken, so it is what it is, also when systemd cannot be asked. */
static void on_told(void *userdata, int r, GVariant *told) {
        Job *job = userdata;
        Domain *domain = job->domain;

        job->call = NULL;
        resources_merge(domain->config->resources, job->change);
        if (r >= 0) {
                Resources *held = resources_in_effect(domain->config->resources, told);
                resources_free(domain->config->resources);
                domain->config->resources = held;
        }
        device_forget(domain);
        domain_mark_changed(domain, DOMAIN_CHANGED_RESOURCES);
        job_continue(job, JOB_GOES_ON, NULL);
}

static int read_back_run(Job *job) {
        return unit_get_properties(
                domain_units(job->domain), domain_unit(job->domain), on_told, job, &job->call);
}

static const JobStep configure_steps[] = {
        {"setting", set_run, .undo = NULL},
        {"reading back", read_back_run, .undo = NULL},
};

/* The state stays as it was; what the freezer did meanwhile is seen now. */
static void configure_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        domain_settle(domain, domain->state_reason);
        if (!done || domain->ended)
                return;
        /* Of devices, for one, nobody can tell: to set them once more does no harm. */
        domain->limits_late = domain->limits_late || (domain->events.frozen && is_unseen(job->change));
        limits_verify(domain, job->change);
        for (unsigned i = 0; i < job->warnings->len; i++)
                domain_warn(domain, NULL, job->warnings->pdata[i]);
}

static const JobKind configure_kind = {
        .verb = "configure",
        .steps = configure_steps,
        .n_steps = G_N_ELEMENTS(configure_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = configure_ended,
};

static void configure_begin(Domain *domain, const Resources *change, const GPtrArray *warnings,
        uid_t requestor, JobReply reply, void *userdata) {
        Job *job = job_new(domain, &configure_kind, requestor, DOMAIN_START_TIMEOUT_USEC);

        job->change = resources_copy(change);
        device_open_up(domain, job->change);
        job->warnings = g_ptr_array_new_with_free_func(g_free);
        for (unsigned i = 0; warnings && i < warnings->len; i++)
                g_ptr_array_add(job->warnings, g_strdup(warnings->pdata[i]));
        warn_memory(domain, change, job->warnings);
        job_add_waiter(job, false, reply, userdata);
        job_start(job);
}

void limits_restore(Domain *domain) {
        if (!domain->limits_late || domain->job)
                return;
        domain->limits_late = false;
        configure_begin(domain, domain->config->resources, NULL, 0, NULL, NULL);
}

int domain_check_configurable(const Domain *domain, sd_bus_error *error) {
        int r = verb_admit(domain, VERB_CONFIGURE, "configure", error);

        return r < 0 ? r : 1;
}

int domain_configure(Domain *domain, const Resources *change, const GPtrArray *warnings, uid_t requestor,
        JobReply reply, void *userdata, sd_bus_error *error) {
        g_autoptr(Resources) whole = resources_merged(domain->config->resources, change);
        int r;

        r = limits_check(domain->manager, whole, error);
        if (r >= 0)
                r = domain_check_configurable(domain, error);
        if (r < 0 || resources_size(change) == 0)
                return r;
        configure_begin(domain, change, warnings, requestor, reply, userdata);
        return 0;
}

int domain_set_resources(Domain *domain, const Resources *change, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(Resources) resolved = resources_copy(change);

        if (domain_is_slice(domain))
                return slice_domain_set_resources(domain, change, reply, userdata, error);
        device_resolve(domain, resolved, warnings);
        return domain_configure(domain, resolved, warnings, requestor, reply, userdata, error);
}

int domain_update_oci_resources(Domain *domain, const char *json, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        g_autoptr(OciResources) oci = NULL;
        CgroupStats stats = {.memory_current = CGROUP_UNKNOWN};
        GVariant *limit;
        int r;

        r = oci_resources_parse(json, domain->config->resources, RESOURCES_LIVE, &oci, error);
        if (r < 0)
                return r;
        limit = oci->check_memory_usage ? resources_lookup(oci->resources, "MemoryMax") : NULL;
        if (limit && domain->cgroup)
                cgroup_read_stats(domain->cgroup, &stats);
        if (limit && stats.memory_current != CGROUP_UNKNOWN &&
                g_variant_get_uint64(limit) < stats.memory_current)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "memory.limit: %" PRIu64 " is less than what is in use, %" PRIu64,
                        g_variant_get_uint64(limit), stats.memory_current);
        return domain_configure(domain, oci->resources, oci->warnings, requestor, reply, userdata, error);
}
