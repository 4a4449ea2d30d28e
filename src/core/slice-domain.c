/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A domain that is a slice: it has no processes of its own and holds other domains. What is done to it is
 * done to the slice, see slice.h; only its beginning and its end are here. The steps return as core/job.h
 * says. */

#include <errno.h>

#include "core/slice.h"
#include "core/slice-domain.h"
#include "util/errors.h"

#define SLICE_START_TIMEOUT_USEC 30000000ull
#define SLICE_END_TIMEOUT_USEC 3000000ull

static Slice *slice_of(const Domain *domain) {
        return manager_find_slice(domain->manager, domain_unit(domain));
}

static const JobKind end_kind;

/* ---- Beginning. ---- */

static void on_slice_removed(void *userdata) {
        Domain *domain = userdata;

        domain->unit_gone = true;
        if (domain->job) {
                if (domain->job->kind == &end_kind && domain->job->step == 1 && !domain->job->call)
                        job_continue(domain->job, JOB_GOES_ON, NULL);
                return;
        }
        domain->failure = "its slice was stopped";
        domain->ended = true;
        domain_end(domain);
}

static const UnitObserver slice_unit_observer = {
        .removed = on_slice_removed,
};

/* One that has a unit file, and was started just now, serves as well. */
static void on_slice_started(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;
        bool exists = r < 0 && sd_bus_error_has_name(error, VMM_ERROR_DOMAIN_EXISTS);

        job->domain->scoped = r >= 0;
        job_unit_reply(job, exists ? 0 : r, error);
}

/* One that is there already serves as well, but is not ours to stop. systemd would take a transient unit in
 * its place without a word. */
static int start_run(Job *job) {
        Domain *domain = job->domain;
        const DomainConfig *config = domain->config;
        g_autoptr(Cgroup) cgroup = NULL;
        int r;

        r = unit_watch(domain_units(domain), domain_unit(domain), &slice_unit_observer, domain,
                &domain->unit_watch);
        if (r < 0)
                return sd_bus_error_setf(&job->error, VMM_ERROR_DOMAIN_EXISTS,
                        "CgroupPath: another domain is %s", domain_unit(domain));
        if (manager_open_slice(domain->manager, domain_unit(domain), &cgroup) >= 0)
                return JOB_GOES_ON;
        return unit_start_slice(domain_units(domain), domain_unit(domain),
                config->description ? config->description : config->name, config->cgroup_path->slice,
                on_slice_started, job, &job->call);
}

static int start_undo(Job *job) {
        Domain *domain = job->domain;

        if (domain->scoped)
                (void) unit_stop(domain_units(domain), domain_unit(domain), NULL, NULL, NULL);
        return JOB_GOES_ON;
}

static int place_run(Job *job) {
        Domain *domain = job->domain;
        int r = manager_open_slice(domain->manager, domain_unit(domain), &domain->cgroup);

        if (r < 0)
                return sd_bus_error_setf(&job->error, SD_BUS_ERROR_FAILED, "Slice %s is not active: %s",
                        domain_unit(domain), g_strerror(-r));
        domain->unit_gone = false;   /* that was one of the same name before */
        domain->started_usec = (uint64_t) g_get_real_time();
        domain_mark_changed(domain, DOMAIN_CHANGED_PLACE);
        slices_follow(domain);
        return JOB_GOES_ON;
}

static int settings_run(Job *job) {
        const Domain *domain = job->domain;

        job_set_deadline(job, 0);   /* the answer comes in any case */
        return slice_set_resources(
                slice_of(domain), domain->config->resources, job_unit_reply, job, &job->error);
}

static const JobStep begin_steps[] = {
        {"starting the slice", start_run, .undo = start_undo},
        {"verifying the slice", place_run, .undo = NULL},
        {"setting", settings_run, .undo = NULL},
};

static void begin_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        if (done) {
                domain_set_state(domain, DOMAIN_RUNNING, "created");
                slice_tell_own(slice_of(domain));
                return;
        }
        domain->failure = "could not be created";
        domain->ended = true;
}

static const JobKind begin_kind = {
        .verb = "create",
        .steps = begin_steps,
        .n_steps = G_N_ELEMENTS(begin_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = begin_ended,
};

int slice_domain_create(Domain *domain, JobReply reply, void *userdata) {
        Job *job;

        manager_add(domain->manager, domain);
        job = job_new(domain, &begin_kind, domain->owner, SLICE_START_TIMEOUT_USEC);
        job_add_waiter(job, false, reply, userdata);
        job_start(job);
        return 0;
}

/* ---- End: of the domains below, and then of the slice, if it is ours. ---- */

/* When there are none the answer comes before the step is begun. */
static void on_domains_stopped(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->confirmed = true;
        if (job->start)
                job_unit_reply(job, r, error);
        else if (r < 0)
                (void) sd_bus_error_copy(&job->error, error);
}

static int stop_domains_run(Job *job) {
        const StopPlan *plan = job->plan.n_steps > 0 ? &job->plan : NULL;
        int r;

        r = slice_stop(slice_of(job->domain), plan, false, job->requestor, on_domains_stopped, job,
                &job->error);
        if (r < 0)
                return r;
        if (job->confirmed)
                return sd_bus_error_is_set(&job->error) ? -sd_bus_error_get_errno(&job->error)
                                                        : JOB_GOES_ON;
        job->start = true;
        job_answer_early(job);
        return JOB_WAITS;
}

/* Its removal is the end. */
static void on_stopping(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->call = NULL;
        if (r < 0 || job->domain->unit_gone)
                job_continue(job, r < 0 ? r : JOB_GOES_ON, error);
}

static int stop_slice_run(Job *job) {
        Domain *domain = job->domain;

        if (!domain->scoped || domain->unit_gone)
                return JOB_GOES_ON;
        job_set_deadline(job, SLICE_END_TIMEOUT_USEC);
        return unit_stop(domain_units(domain), domain_unit(domain), on_stopping, job, &job->call);
}

/* Somebody refers to it, so systemd keeps it, stopped. */
static int stop_slice_expire(Job *job) {
        return JOB_GOES_ON;
}

static const JobStep end_steps[] = {
        {"stopping the domains", stop_domains_run, .undo = NULL},
        {"stopping the slice", stop_slice_run, NULL, stop_slice_expire, NULL},
};

static void end_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        if (done) {
                domain->failure = "stopped with its domains";
                domain->ended = true;
                return;
        }
        domain_set_state(domain, DOMAIN_RUNNING, "could not be stopped");
        slice_tell_own(slice_of(domain));
}

static const JobKind end_kind = {
        .verb = "stop",
        .steps = end_steps,
        .n_steps = G_N_ELEMENTS(end_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = end_ended,
};

int slice_domain_stop(Domain *domain, const StopPlan *plan, bool nowait, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        Job *job = domain->job;

        if (domain->ended)
                return 1;
        if (job && job->kind != &end_kind)
                return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                        "Cannot stop '%s': job %u (%s) is in progress", domain->config->name, job->id,
                        job->kind->verb);
        if (job) {
                job_add_waiter(job, nowait, reply, userdata);
                if (nowait)
                        job_answer_early(job);
                return 0;
        }
        job = job_new(domain, &end_kind, requestor, 0);
        if (plan != &domain->config->stop_plan)   /* which means each domain's own */
                job->plan = *plan;
        job_add_waiter(job, nowait, reply, userdata);
        domain_set_state(domain, DOMAIN_STOPPING, "stopping on request");
        job_start(job);
        return 0;
}

/* ---- The verbs of the slice. ---- */

int slice_domain_pause(
        Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        return slice_pause(slice_of(domain), requestor, reply, userdata, error);
}

int slice_domain_resume(
        Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        return slice_resume(slice_of(domain), requestor, reply, userdata, error);
}

int slice_domain_set_resources(
        Domain *domain, const Resources *change, JobReply reply, void *userdata, sd_bus_error *error) {
        return slice_set_resources(slice_of(domain), change, reply, userdata, error);
}
