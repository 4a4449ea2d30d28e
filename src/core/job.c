/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine of jobs: takes steps, waits, undoes. It knows no verb and touches neither systemd nor a payload
 * by itself. */

#include <errno.h>
#include <time.h>

#include "core/life.h"
#include "core/manager.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* How long the undoing of one step may take before the next one is undone. */
#define UNDO_TIMEOUT_USEC 3000000ull

typedef struct JobWaiter {
        bool early;
        JobReply reply;
        void *userdata;
} JobWaiter;

static const char *const job_results[] = {
        [JOB_DONE] = "done",
        [JOB_CANCELED] = "canceled",
        [JOB_TIMEOUT] = "timeout",
        [JOB_FAILED] = "failed",
};
DEFINE_ENUM_STRINGS(job_result, JobResult, job_results)

static uint64_t now_usec(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * 1000000u + (uint64_t) ts.tv_nsec / 1000u;
}

Job *job_new(Domain *domain, const JobKind *kind, uid_t requestor, uint64_t timeout_usec) {
        Manager *manager = domain->manager;
        Job *job = g_new0(Job, 1);

        g_assert(!domain->job);
        do
                manager->last_job_id++;
        while (manager->last_job_id == 0 || manager_find_job(manager, manager->last_job_id));
        *job = (Job) {
                .id = manager->last_job_id,
                .domain = domain,
                .kind = kind,
                .requestor = requestor,
                .phase = kind->steps[0].phase,
                .waiters = g_array_new(FALSE, FALSE, sizeof(JobWaiter)),
        };
        domain->job = job;
        g_hash_table_insert(manager->jobs, GUINT_TO_POINTER(job->id), job);
        job_set_deadline(job, timeout_usec);
        domain_mark_changed(domain, DOMAIN_CHANGED_JOB);
        manager->observer->job_added(manager->userdata, job);
        return job;
}

static void job_free(Job *job) {
        sd_event_source_disable_unref(job->timer);
        sd_bus_error_free(&job->error);
        g_array_unref(job->waiters);
        if (job->reasons)
                g_ptr_array_unref(job->reasons);
        if (job->pidfds)
                g_array_unref(job->pidfds);
        g_free(job->subgroup);
        resources_free(job->change);
        g_clear_pointer(&job->warnings, g_ptr_array_unref);
        if (job->data)
                job->data_free(job->data);
        g_free(job);
}

void job_forget(Job *job) {
        job->call = unit_call_cancel(job->call);
        job->backend_call = backend_call_cancel(job->backend_call);
        job->exec_waits = false;
        job_set_deadline(job, 0);
}

void job_add_waiter(Job *job, bool early, JobReply reply, void *userdata) {
        JobWaiter waiter = {early, reply, userdata};

        if (reply)
                g_array_append_val(job->waiters, waiter);
}

static void waiters_answer(Job *job, bool early_only, int r, const sd_bus_error *error) {
        for (unsigned i = 0; i < job->waiters->len;) {
                JobWaiter waiter = g_array_index(job->waiters, JobWaiter, i);

                if (early_only && !waiter.early) {
                        i++;
                        continue;
                }
                g_array_remove_index(job->waiters, i);
                waiter.reply(waiter.userdata, r, error);
        }
}

void job_answer_early(Job *job) {
        manager_flush(job->domain->manager);
        waiters_answer(job, true, 0, NULL);
}

/* All are told, while the object can still be looked at, and then nobody finds it any more. */
static void job_drop(Job *job) {
        Manager *manager = job->domain->manager;

        manager_flush(manager);
        manager->observer->job_removed(manager->userdata, job);
        g_hash_table_remove(manager->jobs, GUINT_TO_POINTER(job->id));
}

/* Tells everybody, in this order: what became of the domain, that the job is over, and whoever waited. */
static void job_end(Job *job) {
        Domain *domain = job->domain;
        Manager *manager = domain->manager;
        int r = job->result == JOB_DONE ? 0 : -sd_bus_error_get_errno(&job->error);

        job_forget(job);
        domain->job = NULL;
        domain_mark_changed(domain, DOMAIN_CHANGED_JOB);
        manager->ending_job = job;
        job->kind->ended(job, job->result == JOB_DONE);
        job_drop(job);
        if (domain->ended)
                domain_end(domain);
        else if (domain->guest_stopped)
                life_take_stop(domain);
        manager->ending_job = NULL;
        waiters_answer(job, false, r, &job->error);
        job_free(job);
}

static void job_tell(Job *job) {
        job->domain->manager->observer->job_changed(job->domain->manager->userdata, job);
}

/* Undoes from the current step down to the first, as far as it need not wait. */
static void job_undo(Job *job) {
        for (;; job->step--) {
                const JobStep *step = &job->kind->steps[job->step];
                int r = JOB_GOES_ON;

                if (step->undo) {
                        job_set_deadline(job, UNDO_TIMEOUT_USEC);
                        r = step->undo(job);
                }
                if (r == JOB_WAITS) {
                        job_tell(job);
                        return;
                }
                if (job->step == 0)
                        break;
        }
        job_end(job);
}

static void job_fail(Job *job, int r, const sd_bus_error *error) {
        if (error && sd_bus_error_is_set(error) && error != &job->error) {
                sd_bus_error_free(&job->error);
                (void) sd_bus_error_copy(&job->error, error);
        }
        if (!sd_bus_error_is_set(&job->error))
                (void) sd_bus_error_setf(&job->error, SD_BUS_ERROR_FAILED, "Cannot %s '%s': %s failed: %s",
                        job->kind->verb, job->domain->config->name, job->phase, g_strerror(-r));
        if (job->result == JOB_DONE)
                job->result = sd_bus_error_has_names(&job->error, VMM_ERROR_FREEZE_TIMEOUT,
                                      VMM_ERROR_STOP_TIMEOUT, SD_BUS_ERROR_TIMEOUT)
                                      ? JOB_TIMEOUT
                                      : JOB_FAILED;
        job_forget(job);
        job->undoing = true;
        job->phase = "undoing";
        job_undo(job);
}

static void job_run(Job *job) {
        for (; job->step < job->kind->n_steps; job->step++) {
                const JobStep *step = &job->kind->steps[job->step];
                int r;

                job->confirmed = job->exec_waits = false;
                job->phase = step->phase;
                r = step->run(job);
                if (r == JOB_WAITS) {
                        if (job->step > 0)
                                job_tell(job);
                        return;
                }
                if (r < 0) {
                        job_fail(job, r, NULL);
                        return;
                }
        }
        job_end(job);
}

void job_start(Job *job) {
        job_run(job);
}

void job_continue(Job *job, int r, const sd_bus_error *error) {
        if (job->undoing) {
                /* What cannot be undone is left to the look at the kernel that follows. */
                if (job->step == 0) {
                        job_end(job);
                        return;
                }
                job->step--;
                job_undo(job);
                return;
        }
        if (r < 0) {
                job_fail(job, r, error);
                return;
        }
        job->step++;
        job_run(job);
}

void job_poke(Job *job) {
        const JobStep *step = &job->kind->steps[job->step];
        int r;

        if (job->undoing || !step->poke)
                return;
        r = step->poke(job);
        if (r != JOB_WAITS)
                job_continue(job, r, &job->error);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;
        const JobStep *step = &job->kind->steps[job->step];
        int r;

        job->deadline_usec = 0;
        if (job->undoing) {
                log_write(LOG_WARNING, NULL, job->domain->config->name,
                        "Undoing '%s' of %s takes too long, going on", step->phase, job->kind->verb);
                job_forget(job);
                job_continue(job, 0, NULL);
                return 0;
        }
        r = step->expire ? step->expire(job)
                         : sd_bus_error_setf(&job->error, SD_BUS_ERROR_TIMEOUT,
                                   "Cannot %s '%s': %s takes too long", job->kind->verb,
                                   job->domain->config->name, step->phase);
        if (r != JOB_WAITS)
                job_continue(job, r, &job->error);
        return 0;
}

void job_set_deadline(Job *job, uint64_t usec_from_now) {
        int r = 0;

        job->deadline_usec = usec_from_now ? now_usec(CLOCK_MONOTONIC) + usec_from_now : 0;
        if (!usec_from_now) {
                if (job->timer)
                        (void) sd_event_source_set_enabled(job->timer, SD_EVENT_OFF);
        } else if (!job->timer)
                r = sd_event_add_time(job->domain->manager->event, &job->timer, CLOCK_MONOTONIC,
                        job->deadline_usec, 1000, on_deadline, job);
        else {
                r = sd_event_source_set_time(job->timer, job->deadline_usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(job->timer, SD_EVENT_ONESHOT);
        }
        g_assert(r >= 0);   /* a timer on a loop that runs takes memory only */
}

void job_restart(Job *job) {
        job_forget(job);
        job->step = 0;
        job_run(job);
}

int job_check_cancelable(const Job *job, sd_bus_error *error) {
        if (job->kind->cancelable && !job->undoing && !job->final)
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                "Job %u (%s of '%s', %s) cannot be canceled", job->id, job->kind->verb,
                job->domain->config->name, job->phase);
}

void job_cancel(Job *job) {
        job->result = JOB_CANCELED;
        (void) sd_bus_error_setf(&job->error, VMM_ERROR_CANCELED, "The %s of '%s' was canceled",
                job->kind->verb, job->domain->config->name);
        job_fail(job, -ECANCELED, NULL);
}

void job_supersede(Job *job, const char *reason) {
        Domain *domain = job->domain;

        job->result = JOB_CANCELED;
        sd_bus_error_free(&job->error);
        (void) sd_bus_error_setf(&job->error, VMM_ERROR_CANCELED, "The %s of '%s' was ended: %s",
                job->kind->verb, domain->config->name, reason);
        job_forget(job);
        domain->job = NULL;
        domain_mark_changed(domain, DOMAIN_CHANGED_JOB);
        job_drop(job);
        waiters_answer(job, false, -ECANCELED, &job->error);
        job_free(job);
}

void job_set_progress(Job *job, uint64_t bytes_done, uint64_t bytes_total) {
        Manager *manager = job->domain->manager;

        if (job->bytes_done == bytes_done && job->bytes_total == bytes_total)
                return;
        job->bytes_done = bytes_done;
        job->bytes_total = bytes_total;
        manager->observer->job_progressed(manager->userdata, job);
}

void job_domain_gone(Job *job, const char *reason) {
        job->domain_gone = true;
        if ((job->kind->ends_domain || job->ends_domain) && !job->undoing) {
                job_end(job);
                return;
        }
        if (job->outlives_domain)
                return;
        if (job->undoing) {
                job_forget(job);
                job_continue(job, 0, NULL);
                return;
        }
        (void) sd_bus_error_setf(&job->error, job->kind->gone_error, "Cannot %s '%s': it has ended: %s",
                job->kind->verb, job->domain->config->name, reason);
        job_fail(job, -EHOSTDOWN, NULL);
}

void job_unit_reply(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->call = NULL;
        job_continue(job, r < 0 ? r : JOB_GOES_ON, error);
}

void job_backend_reply(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->backend_call = NULL;
        job_continue(job, r < 0 ? r : JOB_GOES_ON, error);
}

uint64_t job_deadline_realtime(const Job *job) {
        if (job->deadline_usec == 0)
                return 0;
        return now_usec(CLOCK_REALTIME) + job->deadline_usec - now_usec(CLOCK_MONOTONIC);
}
