/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one operation in flight of a domain: named steps taken one after the other, a deadline, and, when one
 * fails, the undoing of those that were taken, in reverse. What the steps do is in verbs.c and stop.c. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "host/unit.h"
#include "util/enum.h"

typedef struct Domain Domain;
typedef struct Job Job;

typedef enum JobResult { JOB_DONE, JOB_CANCELED, JOB_TIMEOUT, JOB_FAILED, _JOB_RESULT_MAX } JobResult;
DECLARE_ENUM_STRINGS(job_result, JobResult)

/* r: 0, or negative with the reason. */
typedef void (*JobReply)(void *userdata, int r, const sd_bus_error *error);

/* What a step, or an undoing, answers. Negative: it failed, job->error says why. */
enum { JOB_WAITS = 0, JOB_GOES_ON = 1 };

typedef struct JobStep {
        const char *phase;
        int (*run)(Job *job);
        int (*poke)(Job *job);      /* the cgroup changed while the step waits */
        int (*expire)(Job *job);    /* its deadline passed while the step waits; without it the job fails */
        int (*undo)(Job *job);      /* also of the step that failed */
} JobStep;

typedef struct JobKind {
        const char *verb;
        const JobStep *steps;
        unsigned n_steps;
        bool cancelable;
        bool detached;                /* the method replies when it has begun, and does not hear the end */
        bool ends_domain;             /* the end of the domain is what it is for */
        const char *gone_error;       /* else: its error when the domain ends under it */
        void (*ended)(Job *job, bool done);   /* leaves the domain in a state that is true */
} JobKind;

struct Job {
        uint32_t id;
        Domain *domain;
        const JobKind *kind;
        uid_t requestor;
        bool domain_gone;             /* the domain ended meanwhile: nothing is left to wait for */

        /* While it runs */
        unsigned step;
        const char *phase;
        bool undoing;
        JobResult result;
        sd_bus_error error;
        uint64_t deadline_usec;       /* CLOCK_MONOTONIC; 0: none */
        sd_event_source *timer;
        UnitCall *call;               /* the one answer of the service manager it waits for */
        BackendCall *backend_call;    /* the one answer of the backend it waits for */
        bool exec_waits;              /* the payload is about to be executed */
        GArray *waiters;

        uint64_t bytes_done, bytes_total;   /* of what takes its time; 0: not known */
        bool final;                   /* it cannot be canceled any more */
        bool outlives_domain;         /* the step goes on when the domain ends */
        bool ends_domain;             /* the end of the domain is all that is left */

        /* What the steps keep */
        bool confirmed;               /* the manager has answered; the kernel is still to */
        bool start;                   /* create: resume at once; end of a slice: the step has begun */
        GPtrArray *reasons;           /* pause: what the ledger gets; none: it is only frozen again */
        StopPlan plan;
        size_t plan_step;
        GArray *pidfds;               /* adopt, add: int */
        char *subgroup;               /* add */
        uint32_t n_vcpus;             /* set-vcpus */
        Resources *change;            /* configure */
        GPtrArray *warnings;          /* configure: char *, told when it is done */
        void *data;                   /* of verbs with a file of their own, with what frees it */
        GDestroyNotify data_free;
};

/* Makes it the domain's job; the domain must have none. timeout_usec: 0 for none yet. */
Job *job_new(Domain *domain, const JobKind *kind, uid_t requestor, uint64_t timeout_usec);

/* Runs until it waits or ends; the job may be gone afterwards. */
void job_start(Job *job);

/* One more who wants to know the end. early: already when job_answer_early() is called. */
void job_add_waiter(Job *job, bool early, JobReply reply, void *userdata);
void job_answer_early(Job *job);

/* From now on, in place of any deadline before; 0 takes it away. */
void job_set_deadline(Job *job, uint64_t usec_from_now);

/* Whatever it waits for may come, but not to it any more; its deadline is taken away, too. */
void job_forget(Job *job);

/* What the current step, or undoing, waited for is over. The job may be gone afterwards. */
void job_continue(Job *job, int r, const sd_bus_error *error);

/* The cgroup of the domain changed. */
void job_poke(Job *job);

/* Starts over with the steps of the kind, keeping who waits: a harder stop. */
void job_restart(Job *job);

/* Whether it can be canceled now. Returns 0, or -EOPNOTSUPP with NotSupported. */
int job_check_cancelable(const Job *job, sd_bus_error *error);

/* Undoes it; the waiters get Canceled. The job may be gone afterwards. */
void job_cancel(Job *job);

/* Drops it as it is, undoing nothing: a stop takes over. The waiters get Canceled with this reason. */
void job_supersede(Job *job, const char *reason);

/* How far it is with its bytes; told to everybody. */
void job_set_progress(Job *job, uint64_t bytes_done, uint64_t bytes_total);

/* The domain has ended: fails the job with this reason, or ends it well if that was its purpose. */
void job_domain_gone(Job *job, const char *reason);

/* Replies for the calls a step makes, with the job as userdata. */
void job_unit_reply(void *job, int r, const sd_bus_error *error);
void job_backend_reply(void *job, int r, const sd_bus_error *error);

/* Microseconds since the epoch of the deadline; 0 without one. */
uint64_t job_deadline_realtime(const Job *job);
