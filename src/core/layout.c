/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The control groups within the scope of a virtual machine that was created with Delegate=yes: "vmm" for
 * QEMU, "vcpuN" for the thread of each vCPU, so that one can be pinned and weighed. systemd leaves them
 * alone, whatever it is told about the scope and however often it reloads. The steps return as core/job.h
 * says. */

#include <errno.h>
#include <string.h>

#include "config/cpu-set.h"
#include "config/text.h"
#include "core/manager.h"
#include "core/verbs.h"
#include "host/cpu.h"
#include "host/process.h"
#include "host/subgroup.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

#define EMULATOR_GROUP "vmm"
#define VCPU_GROUP "vcpu"
#define WEIGHT_MAX 10000u

static bool domain_is_laid_out(const Domain *domain) {
        return domain->config->kind == DOMAIN_QEMU && domain->config->delegate;
}

static char *vcpu_group(uint32_t index) {
        return g_strdup_printf(VCPU_GROUP "%" PRIu32, index);
}

/* Why something was not moved; -EXDEV: it is elsewhere all the same. */
static const char *move_problem(int r) {
        return r == -EXDEV ? "it did not get there" : g_strerror(-r);
}

/* ---- Making them, before there is a QEMU. ---- */

static int layout_fail(Job *job, const char *what, const char *name, int r) {
        return sd_bus_error_setf(&job->error,
                r == -EOPNOTSUPP ? VMM_ERROR_NOT_SUPPORTED : SD_BUS_ERROR_FAILED,
                "Delegate: cannot %s '%s' in the control group of '%s': %s", what, name,
                job->domain->config->name, move_problem(r));
}

static int layout_hand_on(Job *job) {
        static const char *const controllers[] = {"cpu", "cpuset"};

        for (size_t i = 0; i < G_N_ELEMENTS(controllers); i++) {
                int r = subgroup_hand_on(job->domain->cgroup, controllers[i]);

                /* What this machine cannot do is told to whoever asks for it. */
                if (r < 0 && r != -EOPNOTSUPP)
                        return layout_fail(job, "have the controller", controllers[i], r);
        }
        return 0;
}

static bool is_in_group(const Domain *domain, const char *group, const char *path) {
        g_autofree char *wanted = g_strconcat(cgroup_path(domain->cgroup), "/", group, NULL);

        return g_str_equal(path, wanted);
}

static int layout_move_leader(Job *job) {
        Domain *domain = job->domain;
        g_autofree char *path = NULL;
        int r;

        r = subgroup_take_process(domain->cgroup, EMULATOR_GROUP, domain->leader);
        if (r >= 0)
                r = process_cgroup(domain->leader, &path);
        if (r >= 0 && !is_in_group(domain, EMULATOR_GROUP, path))
                r = -EXDEV;
        return r < 0 ? layout_fail(job, "move QEMU to", EMULATOR_GROUP, r) : JOB_GOES_ON;
}

/* A group for each of the first n vCPUs that has none yet. */
static int vcpu_groups_make(Job *job, uint32_t n) {
        Domain *domain = job->domain;

        for (; domain->n_vcpu_groups < n; domain->n_vcpu_groups++) {
                g_autofree char *group = vcpu_group(domain->n_vcpu_groups);
                int r = subgroup_make(domain->cgroup, group);

                if (r < 0)
                        return layout_fail(job, "make", group, r);
        }
        return 0;
}

/* What is not QEMU yet has one thread: all others begin where it is. */
int layout_run(Job *job) {
        Domain *domain = job->domain;
        int r;

        if (!domain_is_laid_out(domain))
                return JOB_GOES_ON;
        r = subgroup_make(domain->cgroup, EMULATOR_GROUP);
        if (r < 0)
                return layout_fail(job, "make", EMULATOR_GROUP, r);
        r = vcpu_groups_make(job, domain->config->vcpus);
        if (r >= 0)
                r = layout_hand_on(job);
        return r < 0 ? r : layout_move_leader(job);
}

/* ---- Filling them, once QEMU tells its threads. ---- */

/* The kernel moves no thread from outside of the scope, whatever QEMU says. */
static int vcpus_place(Domain *domain, sd_bus_error *error) {
        const GArray *vcpus = domain->backend->ops->vcpus(domain->backend);

        for (unsigned i = 0; i < vcpus->len; i++) {
                const BackendVcpu *vcpu = &g_array_index(vcpus, BackendVcpu, i);
                g_autofree char *group = vcpu_group(vcpu->index), *path = NULL;
                int r;

                r = subgroup_take_thread(domain->cgroup, group, vcpu->thread);
                if (r >= 0)
                        r = thread_cgroup(domain->leader, vcpu->thread, &path);
                if (r >= 0 && !is_in_group(domain, group, path))
                        r = -EXDEV;
                if (r < 0)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_FAILED,
                                "Delegate: cannot move thread %d to '%s' in the control group of '%s': %s",
                                (int) vcpu->thread, group, domain->config->name, move_problem(r));
        }
        domain->vcpus_placed = true;
        return 0;
}

static void group_remove(const Domain *domain, const char *group) {
        int r = subgroup_remove(domain->cgroup, group);

        if (r < 0)
                log_write(LOG_NOTICE, NULL, domain->config->name,
                        "Cannot remove '%s' from its control group: %s", group, g_strerror(-r));
}

/* All but the first n. */
static void vcpu_groups_remove(Domain *domain, uint32_t n) {
        for (uint32_t i = n; i < domain->n_vcpu_groups; i++) {
                g_autofree char *group = vcpu_group(i);
                group_remove(domain, group);
        }
        domain->n_vcpu_groups = MIN(domain->n_vcpu_groups, n);
}

static void on_vcpus_found(void *userdata, int r, const sd_bus_error *error) {
        g_auto(sd_bus_error) failure = SD_BUS_ERROR_NULL;
        Job *job = userdata;

        if (r >= 0)
                r = vcpu_groups_make(job, job->domain->backend->ops->n_vcpus(job->domain->backend));
        if (r >= 0)
                r = vcpus_place(job->domain, &failure);
        if (r >= 0)
                vcpu_groups_remove(job->domain, job->domain->backend->ops->n_vcpus(job->domain->backend));
        job_backend_reply(job, r, sd_bus_error_is_set(&failure) ? &failure : error);
}

int vcpus_run(Job *job) {
        Domain *domain = job->domain;

        return domain_is_laid_out(domain)
                       ? domain->backend->ops->find_vcpus(domain->backend, on_vcpus_found, job,
                                 &job->backend_call, &job->error)
                       : JOB_GOES_ON;
}

/* ---- Taking them away: nobody will look after the domain any more. systemd (tried: 252 and 257) gives
 * no time to end to what has threads in groups of their own, when it is asked to stop the scope. ---- */

int dissolve_run(Job *job) {
        Domain *domain = job->domain;

        if (!domain->vcpus_placed)
                return JOB_GOES_ON;
        domain->vcpus_placed = false;
        (void) subgroup_take_process(domain->cgroup, NULL, domain->leader);
        vcpu_groups_remove(domain, 0);
        group_remove(domain, EMULATOR_GROUP);
        return JOB_GOES_ON;
}

/* ---- Others may be in the scope, but not in these, and not in what the kernel lets nobody into. ---- */

static bool group_is_ours(const char *group) {
        const char *rest = g_str_has_prefix(group, VCPU_GROUP) ? group + strlen(VCPU_GROUP) : NULL;

        return g_str_equal(group, EMULATOR_GROUP) || (rest && *rest && !rest[strspn(rest, "0123456789")]);
}

int layout_check_subgroup(const Domain *domain, const char *subgroup, sd_bus_error *error) {
        const char *below = subgroup + 1;
        g_autofree char *first = g_strndup(below, strcspn(below, "/")), *quoted = text_quote(subgroup);

        if (!domain_is_laid_out(domain) || !*below)
                return 0;
        if (group_is_ours(first))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "subgroup: %s is for the threads of the virtual machine '%s'", quoted,
                        domain->config->name);
        if (domain->cgroup && subgroup_is_threaded(domain->cgroup, below) == 0)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "subgroup: %s is not threaded, and the kernel lets nobody into such a group beside "
                        "those of the vCPUs of '%s'",
                        quoted, domain->config->name);
        return 0;
}

/* ---- What can be asked for of a vCPU. ---- */

static int vcpus_check(const Domain *domain, const char *verb, sd_bus_error *error) {
        const char *name = domain->config->name;

        if (domain->config->kind != DOMAIN_QEMU)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Cannot %s vCPUs of '%s': it is not a virtual machine", verb, name);
        if (!domain->config->delegate)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Cannot %s vCPUs of '%s': it was not created with Delegate=yes", verb, name);
        if (domain->ended)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_RUNNING,
                        "Cannot %s vCPUs of '%s': it is not running", verb, name);
        if (!domain->vcpus_placed)
                return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                        "Cannot %s vCPUs of '%s': job %u (%s) is in progress", verb, name,
                        domain->job ? domain->job->id : 0,
                        domain->job ? domain->job->kind->verb : domain_state_to_string(domain->state));
        return 0;
}

static int vcpu_check(const Domain *domain, const char *verb, uint32_t index, sd_bus_error *error) {
        int r = vcpus_check(domain, verb, error);

        if (r < 0)
                return r;
        if (index >= domain->backend->ops->vcpus(domain->backend)->len)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "vcpu: '%s' has no vCPU %" PRIu32,
                        domain->config->name, index);
        return 0;
}

static int no_controller(
        const Domain *domain, const char *verb, const char *controller, sd_bus_error *error) {
        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                "Cannot %s vCPUs of '%s': its control group has no controller '%s'", verb,
                domain->config->name, controller);
}

/* What the kernel did not take as it was meant is as it was before. */
static int set_failed(
        const Domain *domain, const char *what, uint32_t index, int r, const char *is, sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_FAILED,
                "The %s of vCPU %" PRIu32 " of '%s' is still %s: %s", what, index, domain->config->name,
                *is ? is : "not set", r < 0 ? g_strerror(-r) : "the kernel did not take it");
}

static GArray *cpus_read(char *text) {
        g_autofree char *owned = text;
        GArray *set = owned ? cpu_set_parse(owned) : NULL;

        return set ? set : cpu_set_new(NULL, 0);
}

/* A CPU that is not there, or not for the scope, would be left out without a word. */
static int cpus_check(const Domain *domain, const uint32_t *cpus, size_t n, sd_bus_error *error) {
        g_autoptr(GArray) online = cpus_read(cpus_online());
        g_autofree char *allowed_text = subgroup_cpus_effective(domain->cgroup, NULL);
        g_autoptr(GArray) allowed = allowed_text ? cpu_set_parse(allowed_text) : NULL;

        for (size_t i = 0; i < n; i++) {
                if (!cpu_set_has(online, cpus[i]))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "cpus: this host has no CPU %" PRIu32 " online", cpus[i]);
                if (allowed && !cpu_set_has(allowed, cpus[i]))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "cpus: CPU %" PRIu32 " is not for '%s', whose scope may use %s", cpus[i],
                                domain->config->name, allowed_text);
        }
        return 0;
}

int domain_pin_vcpu(
        Domain *domain, uint32_t index, const uint32_t *cpus, size_t n, sd_bus_error *error) {
        g_autoptr(GArray) asked = cpu_set_new(cpus, n), wanted = NULL, is = NULL;
        g_autofree char *group = vcpu_group(index), *text = NULL, *before = NULL;
        int r;

        r = vcpu_check(domain, "pin", index, error);
        if (r >= 0)
                r = cpus_check(domain, cpus, n, error);
        if (r < 0)
                return r;
        before = subgroup_cpus_set(domain->cgroup, group);
        if (!before)
                return no_controller(domain, "pin", "cpuset", error);

        text = cpu_set_print(asked);
        r = subgroup_set_cpus(domain->cgroup, group, text);
        wanted = n > 0 ? g_array_ref(asked) : cpus_read(subgroup_cpus_effective(domain->cgroup, NULL));
        is = cpus_read(subgroup_cpus_effective(domain->cgroup, group));
        if (r >= 0 && cpu_set_equal(is, wanted))
                return 0;
        (void) subgroup_set_cpus(domain->cgroup, group, before);
        return set_failed(domain, "pinning", index, r, before, error);
}

int domain_weigh_vcpu(Domain *domain, uint32_t index, uint64_t weight, sd_bus_error *error) {
        g_autofree char *group = vcpu_group(index), *text = NULL;
        uint64_t before;
        int r;

        r = vcpu_check(domain, "weigh", index, error);
        if (r < 0)
                return r;
        if (weight < 1 || weight > WEIGHT_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "weight: %" PRIu64 " is not between 1 and %u", weight, WEIGHT_MAX);
        before = subgroup_weight(domain->cgroup, group);
        if (before == 0)
                return no_controller(domain, "weigh", "cpu", error);

        r = subgroup_set_weight(domain->cgroup, group, weight);
        if (r >= 0 && subgroup_weight(domain->cgroup, group) == weight)
                return 0;
        (void) subgroup_set_weight(domain->cgroup, group, before);
        text = g_strdup_printf("%" PRIu64, before);
        return set_failed(domain, "weight", index, r, text, error);
}

static void vcpu_clear(void *item) {
        g_array_unref(((Vcpu *) item)->cpus);
}

int domain_get_vcpus(Domain *domain, GArray **ret, sd_bus_error *error) {
        const GArray *found;
        int r;

        r = vcpus_check(domain, "show", error);
        if (r < 0)
                return r;
        *ret = g_array_new(FALSE, FALSE, sizeof(Vcpu));
        g_array_set_clear_func(*ret, vcpu_clear);
        found = domain->backend->ops->vcpus(domain->backend);
        for (unsigned i = 0; i < found->len; i++) {
                const BackendVcpu *each = &g_array_index(found, BackendVcpu, i);
                g_autofree char *group = vcpu_group(each->index);
                char *cpus = subgroup_cpus_effective(domain->cgroup, group);
                Vcpu vcpu = {
                        .index = each->index,
                        .thread = each->thread,
                        .cpus = cpus_read(cpus ? cpus : cpus_of_thread(domain->leader, each->thread)),
                        .weight = subgroup_weight(domain->cgroup, group),
                        .cpu_usage_nsec = subgroup_cpu_usage_nsec(domain->cgroup, group),
                };
                g_array_append_val(*ret, vcpu);
        }
        return 0;
}
