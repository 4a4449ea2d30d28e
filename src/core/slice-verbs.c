/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is done to all domains of a slice: each one gets its own verb, so many at a time, and when one fails
 * the others get the opposite one. The freezer and the signals are the domains' business. */

#include <errno.h>
#include <string.h>

#include "core/pause-ledger.h"
#include "core/slice.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* How long the thaw of the slice itself, or freezing it again, may take. */
#define SLICE_FREEZER_TIMEOUT_USEC 3000000ull
#define SLICE_LEFT_NAMED_MAX 16u

typedef enum SlicePhase { SLICE_THAWING, SLICE_DOING, SLICE_UNDOING, SLICE_FREEZING } SlicePhase;

typedef struct SliceJob SliceJob;

typedef struct Member {
        SliceJob *job;
        Domain *domain;    /* NULL: it has ended */
        char *name;
        bool had;          /* the slice's reason, before */
} Member;

typedef struct SliceVerb {
        const char *name;
        unsigned parallel;
        int (*begin)(Member *member, JobReply reply, sd_bus_error *error);   /* returns as a verb does */
        int (*undo)(Member *member, JobReply reply, sd_bus_error *error);    /* NULL: it is not undone */
} SliceVerb;

typedef struct SliceWaiter {
        JobReply reply;
        void *userdata;
} SliceWaiter;

struct SliceJob {
        Manager *manager;
        char *slice;               /* its name: the object may go meanwhile */
        char *reason;              /* for the ledgers */
        const SliceVerb *verb;
        uid_t requestor;
        StopPlan plan;
        bool own_plans, nowait;    /* stop */
        GPtrArray *members;
        SlicePhase phase;
        unsigned next, in_flight;
        unsigned n_failed;
        bool advancing;            /* whoever replies at once is not to begin the next ones */
        bool abandoned;
        bool thawed;               /* the slice itself, by us */
        bool superseded;           /* by a stop */
        UnitCall *call;
        sd_event_source *timer;
        sd_bus_error error;        /* of the first that failed */
        GString *left;             /* stop: what is said about each that failed */
        GArray *waiters;
};

static void slice_job_advance(SliceJob *job);

/* ---- One domain. ---- */

static void member_free(void *item) {
        Member *member = item;

        g_free(member->name);
        g_free(member);
}

static void member_failed(Member *member, const sd_bus_error *error) {
        SliceJob *job = member->job;

        if (job->phase == SLICE_UNDOING) {
                log_write(LOG_WARNING, NULL, member->name, "Undoing the %s of slice %s: %s", job->verb->name,
                        job->slice, error->message);
                return;
        }
        if (job->n_failed++ == 0 && !sd_bus_error_is_set(&job->error))
                (void) sd_bus_error_setf(&job->error, error->name, "Cannot %s slice %s: domain '%s': %s",
                        job->verb->name, job->slice, member->name, error->message);
        if (job->n_failed <= SLICE_LEFT_NAMED_MAX)
                g_string_append_printf(job->left, "%s%s", job->left->len ? "; " : "", error->message);
}

/* What a domain that has ended says is of no interest. */
static void on_member(void *userdata, int r, const sd_bus_error *error) {
        Member *member = userdata;
        SliceJob *job = member->job;

        job->in_flight--;
        if (r < 0 && member->domain && !job->abandoned)
                member_failed(member, error);
        slice_job_advance(job);
}

static void member_begin(Member *member) {
        SliceJob *job = member->job;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r;

        if (!member->domain)
                return;
        job->in_flight++;
        r = (job->phase == SLICE_UNDOING ? job->verb->undo : job->verb->begin)(member, on_member, &error);
        if (r == 0)
                return;
        job->in_flight--;
        if (r < 0 && member->domain)
                member_failed(member, &error);
}

static bool member_has(const Member *member) {
        return ledger_has(member->domain->pause_reasons, member->job->reason);
}

static int member_pause(Member *member, JobReply reply, sd_bus_error *error) {
        return domain_pause_for(
                member->domain, member->job->reason, member->job->requestor, reply, member, error);
}

static int member_let_go(Member *member, JobReply reply, sd_bus_error *error) {
        return domain_resume_from(
                member->domain, member->job->reason, member->job->requestor, reply, member, error);
}

/* One that is being stopped by now is left to that. */
static int member_undo_pause(Member *member, JobReply reply, sd_bus_error *error) {
        return !member->had && member_has(member) && member->domain->state != DOMAIN_STOPPING
                       ? member_let_go(member, reply, error)
                       : 1;
}

/* When the slice itself was thawed, the domain may run already, or be about to be frozen again. */
static int member_resume(Member *member, JobReply reply, sd_bus_error *error) {
        domain_follow_freezer(member->domain);
        return member->domain->pause_reasons->len > 0 ? member_let_go(member, reply, error) : 1;
}

static int member_undo_resume(Member *member, JobReply reply, sd_bus_error *error) {
        return member->had && !member_has(member) && member->domain->state != DOMAIN_STOPPING
                       ? member_pause(member, reply, error)
                       : 1;
}

static int member_stop(Member *member, JobReply reply, sd_bus_error *error) {
        SliceJob *job = member->job;

        return domain_stop(member->domain, job->own_plans ? &member->domain->config->stop_plan : &job->plan,
                job->nowait, job->requestor, reply, member, error);
}

static const SliceVerb slice_pause_verb = {"pause", 16, member_pause, member_undo_pause};
static const SliceVerb slice_resume_verb = {"resume", 16, member_resume, member_undo_resume};
static const SliceVerb slice_stop_verb = {"stop", 64, member_stop, NULL};

/* Whether the verb may begin with this one; what is under way in it already is waited for. */
static int member_check(
        const SliceVerb *verb, const Slice *slice, const Domain *domain, sd_bus_error *error) {
        const Job *job = domain->job;

        if (!job || (g_str_equal(job->kind->verb, "pause") && !job->undoing))
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                "Cannot %s slice %s: job %u (%s) of '%s' is in progress", verb->name, slice->name, job->id,
                job->kind->verb, domain->config->name);
}

/* ---- All of them. ---- */

static bool slice_job_is_undone(const SliceJob *job) {
        return job->phase >= SLICE_UNDOING || (job->verb->undo && sd_bus_error_is_set(&job->error));
}

bool slice_lets_go(const Manager *manager, const char *name) {
        for (unsigned i = 0; i < manager->slice_jobs->len; i++) {
                const SliceJob *job = manager->slice_jobs->pdata[i];

                if (g_str_equal(job->slice, name) && job->verb != &slice_stop_verb &&
                        (job->verb == &slice_resume_verb) != slice_job_is_undone(job))
                        return true;
        }
        return false;
}

bool slice_is_changing(const Manager *manager, const char *name) {
        for (unsigned i = 0; i < manager->slice_jobs->len; i++) {
                const SliceJob *job = manager->slice_jobs->pdata[i];

                if (g_str_equal(job->slice, name) && job->verb != &slice_stop_verb)
                        return true;
        }
        return false;
}

static SliceJob *slice_job_new(
        Slice *slice, const SliceVerb *verb, uid_t requestor, JobReply reply, void *userdata) {
        SliceJob *job = g_new0(SliceJob, 1);
        SliceWaiter waiter = {reply, userdata};

        *job = (SliceJob) {
                .manager = slice->manager,
                .slice = g_strdup(slice->name),
                .reason = ledger_slice_reason(slice->name),
                .verb = verb,
                .requestor = requestor,
                .members = g_ptr_array_new_with_free_func(member_free),
                .phase = SLICE_DOING,
                .left = g_string_new(NULL),
                .waiters = g_array_new(FALSE, FALSE, sizeof(SliceWaiter)),
        };
        g_array_append_val(job->waiters, waiter);
        for (unsigned i = 0; i < slice->domains->len; i++) {
                Member *member;

                if (domain_is_slice(slice->domains->pdata[i]) ||
                        (verb != &slice_stop_verb && domain_is_still(slice->domains->pdata[i])))
                        continue;
                member = g_new0(Member, 1);

                *member = (Member) {
                        .job = job,
                        .domain = slice->domains->pdata[i],
                        .name = g_strdup(((Domain *) slice->domains->pdata[i])->config->name),
                };
                member->had = member_has(member);
                g_ptr_array_add(job->members, member);
        }
        g_ptr_array_add(slice->manager->slice_jobs, job);
        return job;
}

static void slice_job_free(SliceJob *job) {
        unit_call_cancel(job->call);
        sd_event_source_disable_unref(job->timer);
        sd_bus_error_free(&job->error);
        g_ptr_array_unref(job->members);
        g_array_unref(job->waiters);
        g_string_free(job->left, TRUE);
        g_free(job->reason);
        g_free(job->slice);
        g_free(job);
}

static void slice_job_answer(SliceJob *job) {
        int r = sd_bus_error_is_set(&job->error) ? -sd_bus_error_get_errno(&job->error) : 0;

        manager_flush(job->manager);
        for (unsigned i = 0; i < job->waiters->len; i++) {
                SliceWaiter *waiter = &g_array_index(job->waiters, SliceWaiter, i);
                waiter->reply(waiter->userdata, r, &job->error);
        }
        g_array_set_size(job->waiters, 0);
}

static void slice_job_tell_left(SliceJob *job) {
        g_autofree char *name = g_strdup(job->error.name);

        sd_bus_error_free(&job->error);
        if (job->n_failed > SLICE_LEFT_NAMED_MAX)
                g_string_append_printf(
                        job->left, "; and %u more", job->n_failed - SLICE_LEFT_NAMED_MAX);
        (void) sd_bus_error_setf(
                &job->error, name, "Slice %s is not stopped: %s", job->slice, job->left->str);
}

static unsigned slice_count_held(const Slice *slice) {
        g_autofree char *reason = ledger_slice_reason(slice->name);
        unsigned n = 0;

        for (unsigned i = 0; i < slice->domains->len; i++)
                n += ledger_has(((const Domain *) slice->domains->pdata[i])->pause_reasons, reason);
        return n;
}

static void slice_job_end(SliceJob *job) {
        Slice *slice = manager_find_slice(job->manager, job->slice);

        g_ptr_array_remove(job->manager->slice_jobs, job);
        if (slice && !sd_bus_error_is_set(&job->error))
                slice_set_paused(slice, slice_count_held(slice) > 0 ||
                                                (job->verb == &slice_pause_verb && slice_own(slice)));
        if (job->verb == &slice_stop_verb && job->n_failed > 0)
                slice_job_tell_left(job);
        slice_job_answer(job);
        slice_job_free(job);
}

/* ---- The freezer of the slice itself. ---- */

static void on_slice_freezer(void *userdata, int r, const sd_bus_error *error) {
        SliceJob *job = userdata;

        job->call = NULL;
        job->timer = sd_event_source_disable_unref(job->timer);
        job->in_flight--;
        job->thawed = r >= 0 && job->phase == SLICE_THAWING;
        if (r < 0 && !sd_bus_error_is_set(&job->error))
                (void) sd_bus_error_copy(&job->error, error);
        slice_job_advance(job);
}

static int on_slice_freezer_late(sd_event_source *source, uint64_t usec, void *userdata) {
        SliceJob *job = userdata;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r;

        job->call = unit_call_cancel(job->call);
        r = sd_bus_error_setf(&error, VMM_ERROR_FREEZE_FAILED, "Slice %s could not be thawed in %llu ms",
                job->slice, SLICE_FREEZER_TIMEOUT_USEC / 1000);
        on_slice_freezer(job, r, &error);
        return 0;
}

static void slice_freezer(SliceJob *job, bool freeze) {
        Units *units = job->manager->units;
        int r;

        job->in_flight++;
        r = (freeze ? unit_freeze : unit_thaw)(units, job->slice, on_slice_freezer, job, &job->call);
        if (r >= 0)
                r = sd_event_add_time_relative(job->manager->event, &job->timer, CLOCK_MONOTONIC,
                        SLICE_FREEZER_TIMEOUT_USEC, 0, on_slice_freezer_late, job);
        if (r < 0) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                job->call = unit_call_cancel(job->call);
                on_slice_freezer(job, sd_bus_error_set_errno(&error, r), &error);
        }
}

/* ---- The course of it. ---- */

static bool slice_job_may_begin(const SliceJob *job) {
        if (job->abandoned || job->next == job->members->len || job->in_flight >= job->verb->parallel)
                return false;
        return job->phase == SLICE_UNDOING || (job->phase == SLICE_DOING && !slice_job_is_undone(job));
}

/* All that was begun has ended. Returns whether there is more to do. */
static bool slice_job_next_phase(SliceJob *job) {
        if (job->abandoned)
                return false;
        switch (job->phase) {
        case SLICE_THAWING:
                job->phase = SLICE_DOING;
                return true;
        case SLICE_DOING:
                if (!slice_job_is_undone(job))
                        return false;
                job->phase = SLICE_UNDOING;
                job->next = 0;
                return true;
        case SLICE_UNDOING:
                if (!job->thawed || job->superseded)
                        return false;
                job->phase = SLICE_FREEZING;
                slice_freezer(job, true);
                return true;
        case SLICE_FREEZING:
        default:
                return false;
        }
}

static void slice_job_advance(SliceJob *job) {
        if (job->advancing)
                return;
        job->advancing = true;
        do {
                while (slice_job_may_begin(job))
                        member_begin(job->members->pdata[job->next++]);
                if (job->in_flight > 0) {
                        job->advancing = false;
                        return;
                }
        } while (slice_job_next_phase(job));
        slice_job_end(job);
}

void slice_jobs_forget(const Domain *domain) {
        for (unsigned i = 0; i < domain->manager->slice_jobs->len; i++) {
                const SliceJob *job = domain->manager->slice_jobs->pdata[i];

                for (unsigned k = 0; k < job->members->len; k++) {
                        Member *member = job->members->pdata[k];
                        if (member->domain == domain)
                                member->domain = NULL;
                }
        }
}

/* Half a pause is none. */
void slice_jobs_abandon(Manager *manager) {
        while (manager->slice_jobs->len > 0) {
                SliceJob *job = manager->slice_jobs->pdata[0];

                g_ptr_array_remove_index(manager->slice_jobs, 0);
                job->abandoned = true;
                sd_bus_error_free(&job->error);
                (void) sd_bus_error_setf(&job->error, VMM_ERROR_CANCELED,
                        "The %s of slice %s was ended: the manager is ending", job->verb->name, job->slice);
                for (unsigned i = 0; i < job->members->len && job->verb == &slice_pause_verb; i++) {
                        const Member *member = job->members->pdata[i];
                        if (member->domain && !member->had && member_has(member))
                                (void) unit_thaw(
                                        manager->units, domain_unit(member->domain), NULL, NULL, NULL);
                }
                slice_job_answer(job);
                if (job->call)
                        job->in_flight--;
                if (job->in_flight == 0)
                        slice_job_free(job);
        }
}

/* ---- Beginning. ---- */

static bool slices_overlap(const char *a, const char *b) {
        g_auto(GStrv) above_a = slice_ancestry(a), above_b = slice_ancestry(b);

        return g_strv_contains((const char *const *) above_a, b) ||
               g_strv_contains((const char *const *) above_b, a);
}

/* The one in flight that concerns some of the same domains. */
static SliceJob *slice_job_find_overlapping(const Slice *slice) {
        for (unsigned i = 0; i < slice->manager->slice_jobs->len; i++) {
                SliceJob *job = slice->manager->slice_jobs->pdata[i];
                if (slices_overlap(job->slice, slice->name))
                        return job;
        }
        return NULL;
}

/* Whether the verb may begin. Returns 0, 1 when it joined the same one, or -EBUSY with Busy. */
static int slice_admit(
        Slice *slice, const SliceVerb *verb, JobReply reply, void *userdata, sd_bus_error *error) {
        SliceJob *job = slice_job_find_overlapping(slice);
        int r = 0;

        if (job && job->verb == verb && g_str_equal(job->slice, slice->name) && !slice_job_is_undone(job)) {
                SliceWaiter waiter = {reply, userdata};

                g_array_append_val(job->waiters, waiter);
                return 1;
        }
        if (job)
                return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                        "Cannot %s slice %s: the %s of slice %s is in progress", verb->name, slice->name,
                        job->verb->name, job->slice);
        for (unsigned i = 0; i < slice->domains->len && r >= 0; i++)
                r = member_check(verb, slice, slice->domains->pdata[i], error);
        return r;
}

static bool slice_holds_all(const Slice *slice) {
        unsigned n = 0;

        for (unsigned i = 0; i < slice->domains->len; i++)
                n += !domain_is_slice(slice->domains->pdata[i]);
        return slice_count_held(slice) == n;
}

int slice_pause(Slice *slice, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        int r;

        r = slice_admit(slice, &slice_pause_verb, reply, userdata, error);
        if (r != 0)
                return r < 0 ? r : 0;
        if (slice->paused && slice_holds_all(slice))
                return 1;
        slice_job_advance(slice_job_new(slice, &slice_pause_verb, requestor, reply, userdata));
        return 0;
}

static bool slice_is_frozen_itself(const Slice *slice) {
        return slice->cgroup && cgroup_freeze_requested(slice->cgroup);
}

/* What somebody froze elsewhere above a domain that is to run is not ours to thaw. */
static int slice_check_thaw(const Slice *slice, sd_bus_error *error) {
        g_autofree char *above = slice->cgroup ? g_path_get_dirname(cgroup_path(slice->cgroup)) : NULL;
        g_autofree char *frozen = above ? cgroup_frozen_slice(above) : NULL;
        g_autofree char *reason = ledger_slice_reason(slice->name);

        for (unsigned i = 0; i < slice->domains->len && !frozen; i++) {
                const Domain *domain = slice->domains->pdata[i];

                if (!domain->cgroup || !ledger_has(domain->pause_reasons, reason) ||
                        ledger_has_other(domain->pause_reasons, reason))
                        continue;
                frozen = cgroup_frozen_slice(cgroup_path(domain->cgroup));
                if (frozen && slice_is_frozen_itself(slice) && g_str_equal(frozen, slice->name))
                        g_clear_pointer(&frozen, g_free);
        }
        if (!frozen)
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_SLICE_FROZEN, "Cannot resume slice %s: slice %s is frozen",
                slice->name, frozen);
}

int slice_resume(Slice *slice, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        SliceJob *job;
        int r;

        r = slice_admit(slice, &slice_resume_verb, reply, userdata, error);
        if (r > 0)
                return 0;
        if (r == 0)
                r = slice_check_thaw(slice, error);
        if (r < 0)
                return r;
        if (!slice->paused && slice_count_held(slice) == 0 && !slice_is_frozen_itself(slice))
                return 1;
        job = slice_job_new(slice, &slice_resume_verb, requestor, reply, userdata);
        if (slice_is_frozen_itself(slice)) {
                job->phase = SLICE_THAWING;
                slice_freezer(job, false);
        } else
                slice_job_advance(job);
        return 0;
}

/* It takes over: what else was being done to these domains is given up, and undone where they do not stop.
 */
static void slice_supersede(const Slice *slice) {
        for (unsigned i = 0; i < slice->manager->slice_jobs->len; i++) {
                SliceJob *job = slice->manager->slice_jobs->pdata[i];

                if (job->verb == &slice_stop_verb || slice_job_is_undone(job) ||
                        !slices_overlap(job->slice, slice->name))
                        continue;
                job->superseded = true;
                (void) sd_bus_error_setf(&job->error, VMM_ERROR_CANCELED,
                        "The %s of slice %s was ended: slice %s is being stopped", job->verb->name,
                        job->slice, slice->name);
        }
}

int slice_stop(Slice *slice, const StopPlan *plan, bool nowait, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        SliceJob *job = slice_job_new(slice, &slice_stop_verb, requestor, reply, userdata);

        slice_supersede(slice);
        job->own_plans = !plan;
        if (plan)
                job->plan = *plan;
        job->nowait = nowait;
        slice_job_advance(job);
        return 0;
}
