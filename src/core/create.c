/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a domain comes to be: its payload is forked, moved into its scope, verified to be there, and only then
 * let go. The steps return as core/job.h says. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "core/attachment.h"
#include "core/disk.h"
#include "core/life.h"
#include "core/limits.h"
#include "core/machine.h"
#include "core/manager.h"
#include "core/network.h"
#include "core/pause-ledger.h"
#include "core/save.h"
#include "core/slice-domain.h"
#include "core/verbs.h"
#include "host/process.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

static void on_executed(void *userdata, int r, const sd_bus_error *error) {
        Domain *domain = userdata;
        Job *job = domain->job;

        domain->spawn = spawn_free(domain->spawn);
        domain->exec_failed = r < 0;
        /* One that cannot be executed may be told before its thaw is. */
        if (job && !job->undoing && (job->exec_waits || (r < 0 && !job->kind->ends_domain)))
                job_continue(job, r < 0 ? r : JOB_GOES_ON, error);
}

static int spawn_run(Job *job) {
        Domain *domain = job->domain;
        g_autoptr(GArray) disks = disks_list(domain), networks = NULL;
        BackendDevices devices = {(const BackendDisk *) (void *) disks->data, disks->len, NULL, 0};
        autofd int terminal = -1;
        SpawnSpec spec;
        int r;

        r = networks_open(domain, &job->error);
        if (r < 0)
                return r;
        networks = networks_list(domain);
        devices.networks = (const BackendNetwork *) (void *) networks->data;
        devices.n_networks = networks->len;
        r = domain->backend->ops->prepare(
                domain->backend, domain->run_dir, &devices, &spec, &job->error);
        if (r >= 0 && spec.user)
                domain->payload_uid = spec.user->uid;
        spec.security_label = domain->config->security_label;
        spec.withhold_net_admin = !domain->manager->user_mode;
        if (r >= 0 && !domain->terminal_listens) {
                r = run_dir_listen(domain->run_dir, "terminal", &terminal);
                if (r >= 0)
                        r = console_listen(domain->console, fd_steal(&terminal));
                domain->terminal_listens = r >= 0;
        }
        if (r >= 0)
                r = spawn_new(domain->manager->event, &spec, on_executed, domain, &domain->spawn);
        if (r >= 0)
                disks_close(domain);
        if (r >= 0)
                r = domain_set_leader(domain, fcntl(spawn_pidfd(domain->spawn), F_DUPFD_CLOEXEC, 3));
        return r < 0 ? r : JOB_GOES_ON;
}

/* Whatever came into being ends, frozen or not; its end is awaited, so that nothing is left when the caller
 * hears of the failure. */
static int spawn_undo(Job *job) {
        Domain *domain = job->domain;

        /* A scope that its only process never reached stays for ever, empty. */
        if (domain->scoped && !domain->cgroup)
                unit_discard(domain_units(domain), domain_unit(domain));
        return job->domain_gone || !pidfd_is_alive(domain->leader_pidfd) ? JOB_GOES_ON : JOB_WAITS;
}

static int scope_undo(Job *job) {
        Domain *domain = job->domain;

        if (domain->scoped)
                (void) unit_kill(domain_units(domain), domain_unit(domain), SIGKILL, NULL, NULL, NULL);
        if (pidfd_is_alive(domain->leader_pidfd))
                (void) pidfd_signal(domain->leader_pidfd, SIGKILL);
        domain_asked_signal(domain, SIGKILL);
        return JOB_GOES_ON;
}

static void on_scope_started(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->domain->scoped = r >= 0;
        job_unit_reply(job, r, error);
}

int scope_start(Job *job, const int *pidfds, unsigned n_pidfds) {
        Domain *domain = job->domain;
        const DomainConfig *config = domain->config;
        g_autoptr(GVariant) properties = resources_to_send(config->resources, RESOURCES_AT_CREATION);
        g_autoptr(GVariant) slices = domain_config_slices_to_send(config);
        bool kills = stop_plan_kills(&config->stop_plan);
        int r;

        r = unit_watch(domain->manager->units, config->cgroup_path->unit, &domain_unit_observer, domain,
                &domain->unit_watch);
        if (r < 0)
                return sd_bus_error_setf(&job->error, VMM_ERROR_DOMAIN_EXISTS,
                        "CgroupPath: another domain lives in %s", config->cgroup_path->unit);
        return unit_start_scope(domain->manager->units,
                &(ScopeSpec) {
                        .unit = config->cgroup_path->unit,
                        .slice = config->cgroup_path->slice,
                        .description = config->description ? config->description : config->name,
                        .pidfds = pidfds,
                        .n_pidfds = n_pidfds,
                        .delegate = config->delegate,
                        /* A virtual machine's is divided by us, and not to be by who breaks out of it. */
                        .delegate_to = config->kind == DOMAIN_PROCESS ? domain->payload_uid : geteuid(),
                        /* A plan that promises never to kill must not be broken by the unit's own time
                         * limit. */
                        .send_sigkill = kills,
                        .timeout_stop_usec =
                                kills ? stop_plan_total_usec(&config->stop_plan) + 10000000ull : UINT64_MAX,
                        .properties = properties,
                        .slices = slices,
                },
                on_scope_started, job, &job->call);
}

static int scope_run(Job *job) {
        return scope_start(job, &job->domain->leader_pidfd, 1);
}

/* The job being done proves little: the process may have died on its way, or the slice may be frozen and
 * systemd not care. */
int place_verify(Job *job, int pidfd) {
        Domain *domain = job->domain;
        const char *unit = domain->config->cgroup_path->unit;
        int r;

        r = domain_enter_scope(domain, pidfd);
        if (r < 0)
                return sd_bus_error_setf(&job->error, SD_BUS_ERROR_FAILED,
                        "The processes of '%s' did not reach %s: %s", domain->config->name, unit,
                        g_strerror(-r));
        if (domain->events.frozen) {
                g_autofree char *slice = cgroup_frozen_slice(cgroup_path(domain->cgroup));
                return sd_bus_error_setf(&job->error, VMM_ERROR_SLICE_FROZEN,
                        "Cannot create '%s': slice %s is frozen", domain->config->name,
                        slice ? slice : domain->config->cgroup_path->slice);
        }
        return JOB_GOES_ON;
}

static int place_run(Job *job) {
        return place_verify(job, job->domain->leader_pidfd);
}

/* A payload that does not hold itself is frozen before it exists. */
static int hold_run(Job *job) {
        if (job->start || job->domain->backend->ops->starts_halted)
                return JOB_GOES_ON;
        job_set_deadline(job, job->domain->config->pause_timeout_usec);
        return freeze_run(job);
}

static int exec_run(Job *job) {
        Domain *domain = job->domain;

        domain->halted = domain->backend->ops->starts_halted;
        return spawn_release(domain->spawn) < 0 ? -ESRCH : JOB_GOES_ON;
}

/* A frozen one executes with its first resume. */
static int create_executed_run(Job *job) {
        return job->domain->events.frozen ? JOB_GOES_ON : executed_run(job);
}

static int connect_expire(Job *job) {
        return sd_bus_error_setf(&job->error, VMM_ERROR_MONITOR_FAILED,
                "Cannot create '%s': QEMU's monitor does not answer", job->domain->config->name);
}

static int connect_run(Job *job) {
        Domain *domain = job->domain;
        const BackendOps *ops = domain->backend->ops;

        return ops->connect ? ops->connect(domain->backend, domain->run_dir, job_backend_reply, job,
                                      &job->backend_call, &job->error)
                            : JOB_GOES_ON;
}

static int settle_freeze_run(Job *job) {
        if (job->start || !job->domain->backend->ops->starts_halted)
                return JOB_GOES_ON;
        job_set_deadline(job, job->domain->config->pause_timeout_usec);
        return freeze_run(job);
}

static int settle_proceed_run(Job *job) {
        return job->start ? proceed_run(job) : JOB_GOES_ON;
}

static const JobStep restore_steps[] = {
        {"checking the image", restore_check_run, .undo = restore_check_undo},
        {"forking", spawn_run, .undo = spawn_undo},
        {"starting the scope", scope_run, .undo = scope_undo},
        {"verifying the scope", place_run, .undo = NULL},
        {"laying out the scope", layout_run, .undo = NULL},
        {"freezing before the first instruction", hold_run, freeze_poke, freeze_expire, NULL},
        {"releasing", exec_run, .undo = NULL},
        {"executing", create_executed_run, .undo = NULL},
        {"connecting", connect_run, NULL, connect_expire, NULL},
        {"loading the memory", restore_load_run, .undo = restore_load_undo},
        {"using up the image", restore_take_run, .undo = restore_take_undo},
        {"placing the vCPUs", vcpus_run, .undo = NULL},
        {"freezing", settle_freeze_run, freeze_poke, freeze_expire, NULL},
        {"continuing the guest", settle_proceed_run, .undo = NULL},
};

/* What begins without an image has none to be checked. */
#define CREATE_STEPS (restore_steps + 1)
#define N_CREATE_STEPS (G_N_ELEMENTS(restore_steps) - 1)

/* With what was decided for it: who let the manager choose wants to know. */
static char *created_reason(const Job *job) {
        const Backend *backend = job->domain->backend;
        const char *remark = backend->ops->remark ? backend->ops->remark(backend) : NULL;

        return g_strconcat(job->data ? "restored" : "created", remark ? "; " : NULL, remark, NULL);
}

static void create_ended(Job *job, bool done) {
        Domain *domain = job->domain;
        g_autofree char *reason = created_reason(job);

        if (!done) {
                domain->failure = job->data ? restore_failure(job) : "could not be created";
                domain->ended = true;
                return;
        }
        if (!job->start)
                domain_add_pause_reason(domain, PAUSE_REASON_USER);
        attachments_started(domain);
        networks_started(domain);
        domain_settle(domain, reason);
        limits_begin(domain);
        domain_enter_register(domain);
        log_write(LOG_INFO, MESSAGE_DOMAIN_STARTED, domain->config->name, "Created in %s",
                cgroup_path(domain->cgroup));
}

static const JobKind create_kind = {
        .verb = "create",
        .steps = CREATE_STEPS,
        .n_steps = N_CREATE_STEPS,
        .cancelable = true,
        .gone_error = VMM_ERROR_INVALID_CONFIG,
        .ended = create_ended,
};

static const JobKind restore_kind = {
        .verb = "restore",
        .steps = restore_steps,
        .n_steps = G_N_ELEMENTS(restore_steps),
        .cancelable = true,
        .detached = true,
        .gone_error = VMM_ERROR_INVALID_CONFIG,
        .ended = create_ended,
};

static void restart_ended(Job *job, bool done) {
        Domain *domain = job->domain;
        g_autofree char *text = g_strconcat("restarted: ", domain->restart_reason, NULL);

        if (!done) {
                domain->restart_error = g_strdup(job->error.message);
                domain->ended = true;
                return;
        }
        life_began(domain);
        attachments_started(domain);
        networks_started(domain);
        domain_settle(domain, text);
        limits_begin(domain);
        domain_enter_register(domain);
        log_write(LOG_INFO, MESSAGE_DOMAIN_STARTED, domain->config->name, "Started again in %s",
                cgroup_path(domain->cgroup));
}

/* Its object is there already, and stays when this fails. */
static const JobKind restart_kind = {
        .verb = "restart",
        .steps = CREATE_STEPS,
        .n_steps = N_CREATE_STEPS,
        .gone_error = VMM_ERROR_INVALID_CONFIG,
        .ended = restart_ended,
};

void domain_begin_again(Domain *domain) {
        Job *job = job_new(domain, &restart_kind, domain->owner, DOMAIN_START_TIMEOUT_USEC);

        job->start = true;
        domain_set_state(domain, DOMAIN_STARTING, "restarting");
        job_start(job);
}

int domain_create(Domain *domain, bool start, JobReply reply, void *userdata, sd_bus_error *error) {
        if (domain_is_slice(domain))
                return slice_domain_create(domain, reply, userdata);
        return domain_create_from(domain, NULL, NULL, start, reply, userdata, error);
}

int domain_create_from(Domain *domain, void *image, GDestroyNotify image_free, bool start, JobReply reply,
        void *userdata, sd_bus_error *error) {
        const char *directory = domain->manager->runtime_directory;
        Job *job;
        int r;

        r = run_dir_new(directory, domain->config->uuid, &domain->run_dir);
        if (r < 0) {
                if (image)
                        image_free(image);
                return sd_bus_error_setf(error, r == -ENOSPC ? VMM_ERROR_STORAGE_FULL : SD_BUS_ERROR_FAILED,
                        "Cannot make the runtime folder of '%s' in %s: %s", domain->config->name, directory,
                        g_strerror(-r));
        }
        if (image) {
                g_free(domain->state_reason);
                domain->state_reason = g_strdup("restoring on request");
                domain->state = DOMAIN_RESTORING;
        }
        manager_add(domain->manager, domain);
        job = job_new(domain, image ? &restore_kind : &create_kind, domain->owner,
                image ? 0 : DOMAIN_START_TIMEOUT_USEC);   /* an image takes what it takes to be checked */
        job->start = start;
        job->data = image;
        job->data_free = image_free;
        job_add_waiter(job, false, reply, userdata);
        job_start(job);
        return 0;
}
