/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stopping a domain: a plan of steps, each given its time, until nothing is left. Signals go through
 * systemd; a plan without SIGKILL never sends one. The end is the cgroup's being empty, which domain.c sees.
 */

#include <errno.h>
#include <signal.h>

#include "core/life.h"
#include "core/manager.h"
#include "core/slice-domain.h"
#include "core/verbs.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

#define STOP_PIDS_NAMED_MAX 16u

/* The signal is out, or the guest was asked. */
static void on_signalled(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->call = NULL;
        if (r < 0) {
                job_continue(job, r, error);
                return;
        }
        job_answer_early(job);
        domain_check_ended(job->domain);
}

/* A guest that cannot be asked need not be waited for: its time is over. */
static void guest_unreachable(Job *job, const sd_bus_error *error) {
        log_write(LOG_NOTICE, NULL, job->domain->config->name,
                "Cannot ask the guest, going on with the stop plan: %s", error->message);
        job_set_deadline(job, 1);
}

static void on_guest_asked(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->backend_call = NULL;
        if (r < 0)
                guest_unreachable(job, error);
        else
                job_answer_early(job);
}

/* The guest runs, or at least was told to. */
static void on_guest_proceeds(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;
        Domain *domain = job->domain;
        g_auto(sd_bus_error) refusal = SD_BUS_ERROR_NULL;

        job->backend_call = NULL;
        if (r >= 0)
                r = domain->backend->ops->power_down(
                        domain->backend, on_guest_asked, job, &job->backend_call, &refusal);
        if (r < 0)
                guest_unreachable(job, error && sd_bus_error_is_set(error) ? error : &refusal);
}

static void on_guest_thawed(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;
        Domain *domain = job->domain;
        g_auto(sd_bus_error) refusal = SD_BUS_ERROR_NULL;

        job->call = NULL;
        if (r >= 0 && !domain->halted) {
                on_guest_proceeds(job, 0, NULL);
                return;
        }
        if (r >= 0) {
                domain->halted = false;
                r = domain->backend->ops->proceed(
                        domain->backend, on_guest_proceeds, job, &job->backend_call, &refusal);
        }
        if (r < 0)
                guest_unreachable(job, error && sd_bus_error_is_set(error) ? error : &refusal);
}

/* The slice that somebody froze: thawing the domain would thaw all that is in it. */
static char *domain_frozen_slice(const Domain *domain) {
        return domain->cgroup ? cgroup_frozen_slice(cgroup_path(domain->cgroup)) : NULL;
}

/* Asking needs a guest that runs: thaw, continue, then press the power button. */
static int stop_ask_guest(Job *job) {
        Domain *domain = job->domain;
        g_autofree char *slice = domain_frozen_slice(domain);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (domain->preserved)
                (void) sd_bus_error_set(&error, VMM_ERROR_NOT_RUNNING, "it has ended");
        else if (slice)
                (void) sd_bus_error_setf(&error, VMM_ERROR_SLICE_FROZEN, "slice %s is frozen", slice);
        if (sd_bus_error_is_set(&error)) {
                guest_unreachable(job, &error);
                return JOB_WAITS;
        }
        if (!domain->cgroup || !cgroup_freeze_requested(domain->cgroup)) {
                on_guest_thawed(job, 0, NULL);
                return JOB_WAITS;
        }
        return unit_thaw(domain_units(domain), domain_unit(domain), on_guest_thawed, job, &job->call);
}

/* A frozen process with a handler hears the signal only when it is thawed; SIGKILL needs no thaw, and
 * without one nothing of the payload runs again. Both calls are sent at once: systemd keeps their order. */
static int stop_signal(Job *job, int signal) {
        Domain *domain = job->domain;
        g_autofree char *slice = domain_frozen_slice(domain);
        int r;

        /* What is not in its scope yet waits behind its barrier, and ends with it. */
        if (!domain->scoped) {
                domain->spawn = spawn_free(domain->spawn);
                job_answer_early(job);
                return JOB_WAITS;
        }
        r = unit_kill(domain_units(domain), domain_unit(domain), signal, on_signalled, job, &job->call);
        if (r >= 0 && signal != SIGKILL && !slice && domain->cgroup &&
                cgroup_freeze_requested(domain->cgroup))
                r = unit_thaw(domain_units(domain), domain_unit(domain), NULL, NULL, NULL);
        return r < 0 ? r : JOB_WAITS;
}

static int stop_timeout(Job *job) {
        Domain *domain = job->domain;
        g_autoptr(GString) pids = g_string_new(NULL);
        g_autoptr(GArray) left = domain->cgroup ? cgroup_pids(domain->cgroup, STOP_PIDS_NAMED_MAX) : NULL;
        const char *last = stop_step_name(&job->plan.steps[job->plan.n_steps - 1]);
        g_autofree char *slice = domain_frozen_slice(domain), *group = domain_frozen_below(domain);

        for (unsigned i = 0; left && i < left->len; i++)
                g_string_append_printf(pids, "%s%d", i ? ", " : "", (int) g_array_index(left, pid_t, i));
        log_write(LOG_WARNING, MESSAGE_STOP_TIMEOUT, domain->config->name,
                "Not stopped by %s, PIDs left: %s", last, pids->str);
        return sd_bus_error_setf(&job->error, VMM_ERROR_STOP_TIMEOUT,
                "'%s' was not stopped by %s and is still there; PIDs left: %s%s%s%s%s", domain->config->name,
                last, pids->str, slice ? "; frozen with slice " : "", slice ? slice : "",
                group ? "; the payload itself has frozen " : "", group ? group : "");
}

static int stop_step(Job *job) {
        Domain *domain = job->domain;
        Manager *manager = domain->manager;
        const StopStep *step = &job->plan.steps[job->plan_step];

        if (job->plan_step == job->plan.n_steps)
                return stop_timeout(job);
        g_free(domain->last_stop_step);
        job->phase = domain->last_stop_step = g_strdup(stop_step_name(step));
        job_set_deadline(job, MAX(step->timeout_usec, 1u));
        domain_set_stop_phase(domain, domain->last_stop_step, job_deadline_realtime(job));
        manager_flush(manager);
        manager->observer->job_changed(manager->userdata, job);
        manager->observer->stop_step(manager->userdata, domain, domain->last_stop_step,
                (unsigned) job->plan_step, (unsigned) job->plan.n_steps);
        if (step->signal != 0)
                return stop_signal(job, step->signal);
        return domain->backend->ops->power_down ? stop_ask_guest(job) : stop_signal(job, SIGTERM);
}

static int stop_run(Job *job) {
        job->plan_step = 0;
        return stop_step(job);
}

static int stop_expire(Job *job) {
        job_forget(job);   /* the step may not even have been answered */
        job->plan_step++;
        return stop_step(job);
}

static const JobStep stop_steps[] = {
        {"stopping", stop_run, NULL, stop_expire, NULL},
};

/* It is still there and goes on, as before. */
static void stop_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        if (done)
                return;
        job->phase = stop_steps[0].phase;
        g_clear_pointer(&domain->last_stop_step, g_free);
        domain_set_stop_phase(domain, "", 0);
        if (domain->halted) {
                domain->halted = false;
                (void) domain->backend->ops->proceed(domain->backend, NULL, NULL, NULL, NULL);
        }
        domain_settle(domain, "could not be stopped");
}

static const JobKind stop_kind = {
        .verb = "stop",
        .steps = stop_steps,
        .n_steps = G_N_ELEMENTS(stop_steps),
        .cancelable = true,
        .ends_domain = true,
        .ended = stop_ended,
};

int domain_stop(Domain *domain, const StopPlan *plan, bool nowait, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        Job *job = domain->job;

        if (domain_is_slice(domain))
                return slice_domain_stop(domain, plan, nowait, requestor, reply, userdata, error);
        if (domain->ended)
                return 1;   /* the stop of something already gone is success */
        if (domain_is_empty(domain)) {
                life_give_up(domain);
                return 1;
        }
        if (job && job->kind == &stop_kind && !job->undoing) {
                job_add_waiter(job, nowait, reply, userdata);
                if (stop_plan_is_harder(plan, &job->plan, job->plan_step)) {
                        job->plan = *plan;
                        job_restart(job);
                } else if (nowait)
                        job_answer_early(job);
                return 0;
        }
        /* An image is being checked: there is nothing yet that could be stopped. */
        if (job && domain->state == DOMAIN_RESTORING && domain->leader_pidfd < 0) {
                job_cancel(job);
                return 1;
        }
        if (job)
                job_supersede(job, "the domain is being stopped");

        job = job_new(domain, &stop_kind, requestor, 0);
        job->plan = *plan;
        job_add_waiter(job, nowait, reply, userdata);
        domain_set_state(domain, DOMAIN_STOPPING, "stopping on request");
        job_start(job);
        return 0;
}

void domain_stop_by_plan(Domain *domain, const StopPlan *plan, uid_t requestor) {
        (void) domain_stop(domain, plan, false, requestor, NULL, NULL, NULL);
}
