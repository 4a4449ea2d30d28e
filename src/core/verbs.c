/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be done to a domain that is there, but for stopping it: which verb is allowed in which state, and
 * the steps each one takes. The steps return as core/job.h says. */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "config/text.h"
#include "core/life.h"
#include "core/limits.h"
#include "core/manager.h"
#include "core/pause-ledger.h"
#include "core/slice-domain.h"
#include "core/verbs.h"
#include "host/process.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

static const char *const kill_whoms[] = {
        [KILL_LEADER] = "leader",
        [KILL_ALL] = "all",
};
DEFINE_ENUM_STRINGS(kill_whom, KillWhom, kill_whoms)

/* ---- Admission: one row a verb, one column a state. ---- */

typedef enum Admission { NOT_RUNNING, ALLOWED, ALREADY, BUSY } Admission;

static const Admission admissions[_VERB_MAX][_DOMAIN_STATE_MAX] = {
        [VERB_PAUSE] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALREADY, [DOMAIN_RUNNING] = ALLOWED,
                [DOMAIN_PAUSING] = BUSY, [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_RESUME] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALLOWED, [DOMAIN_RUNNING] = ALREADY,
                [DOMAIN_PAUSING] = BUSY, [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_SHUTDOWN] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALLOWED, [DOMAIN_RUNNING] = ALLOWED,
                [DOMAIN_PAUSING] = BUSY, [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_RELEASE] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALLOWED, [DOMAIN_RUNNING] = ALLOWED,
                [DOMAIN_PAUSING] = BUSY, [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_ADD] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALLOWED, [DOMAIN_RUNNING] = ALLOWED,
                [DOMAIN_PAUSING] = BUSY, [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_CONFIGURE] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALLOWED, [DOMAIN_RUNNING] = ALLOWED,
                [DOMAIN_PAUSING] = BUSY, [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_DEVICE] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_RUNNING] = ALLOWED, [DOMAIN_PAUSING] = BUSY,
                [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_ASK] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_RUNNING] = ALLOWED, [DOMAIN_PAUSING] = BUSY,
                [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = ALLOWED,
        },
        [VERB_KILL] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALLOWED, [DOMAIN_RUNNING] = ALLOWED,
                [DOMAIN_PAUSING] = ALLOWED, [DOMAIN_RESUMING] = ALLOWED, [DOMAIN_STOPPING] = ALLOWED,
                [DOMAIN_PRESERVED] = ALLOWED,
                [DOMAIN_SAVING] = ALLOWED, [DOMAIN_RESTORING] = BUSY,
        },
        [VERB_SAVE] = {
                [DOMAIN_STARTING] = BUSY, [DOMAIN_PAUSED] = ALLOWED, [DOMAIN_RUNNING] = ALLOWED,
                [DOMAIN_PAUSING] = BUSY, [DOMAIN_RESUMING] = BUSY, [DOMAIN_STOPPING] = BUSY,
                [DOMAIN_SAVING] = BUSY, [DOMAIN_RESTORING] = BUSY,
        },
};

int verb_admit(const Domain *domain, Verb verb, const char *name, sd_bus_error *error) {
        if (domain_is_slice(domain))
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Cannot %s '%s': it is a slice, which has no processes of its own", name,
                        domain->config->name);

        Admission admission = domain->ended ? NOT_RUNNING : admissions[verb][domain->state];

        /* A shutdown leaves the state as it is, but it is a job all the same. */
        if (admission == ALLOWED && domain->job && verb != VERB_KILL && verb != VERB_ASK)
                admission = BUSY;
        switch (admission) {
        case ALLOWED:
                return 0;
        case ALREADY:
                return 1;
        case BUSY:
                return sd_bus_error_setf(error, VMM_ERROR_BUSY, "Cannot %s '%s': job %u (%s) is in progress",
                        name, domain->config->name, domain->job ? domain->job->id : 0,
                        domain->job ? domain->job->kind->verb : domain_state_to_string(domain->state));
        case NOT_RUNNING:
        default:
                return sd_bus_error_setf(error, VMM_ERROR_NOT_RUNNING, "Cannot %s '%s': it is %s", name,
                        domain->config->name,
                        domain->state == DOMAIN_PAUSED ? "paused" : "not running");
        }
}

/* The same verb once more waits for the same job. */
static bool verb_joins(Domain *domain, const JobKind *kind, JobReply reply, void *userdata) {
        if (!domain->job || domain->job->kind != kind || domain->job->undoing)
                return false;
        job_add_waiter(domain->job, false, reply, userdata);
        return true;
}

/* What thaws it is not for one domain alone when its slice is paused. */
static int verb_check_slice(const Domain *domain, Verb verb, const char *name, sd_bus_error *error) {
        const char *slice = domain_holding_slice(domain);

        if (!slice || (verb != VERB_RESUME && verb != VERB_SHUTDOWN && verb != VERB_RELEASE))
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_SLICE_FROZEN, "Cannot %s '%s': slice %s is paused", name,
                domain->config->name, slice);
}

/* Makes the job; `meanwhile` is the state to be in until it ends. Returns as a verb does; on 0 the job is to
 * be started, or is NULL when there is one of this kind to wait for. */
static int verb_prepare(Domain *domain, Verb verb, const JobKind *kind, DomainState meanwhile,
        uid_t requestor, JobReply reply, void *userdata, Job **ret, sd_bus_error *error) {
        Job *job;
        int r;

        *ret = NULL;
        if (verb_joins(domain, kind, reply, userdata))
                return 0;
        r = verb_admit(domain, verb, kind->verb, error);
        if (r == 0)
                r = verb_check_slice(domain, verb, kind->verb, error);
        if (r != 0)
                return r;
        job = job_new(domain, kind, requestor, domain->config->pause_timeout_usec);
        job_add_waiter(job, false, reply, userdata);
        if (meanwhile != domain->state) {
                g_autofree char *reason =
                        g_strconcat(domain_state_to_string(meanwhile), " on request", NULL);
                domain_set_state(domain, meanwhile, reason);
        }
        *ret = job;
        return 0;
}

int verb_begin(Domain *domain, Verb verb, const JobKind *kind, DomainState meanwhile, uid_t requestor,
        JobReply reply, void *userdata, sd_bus_error *error) {
        Job *job;
        int r;

        r = verb_prepare(domain, verb, kind, meanwhile, requestor, reply, userdata, &job, error);
        if (r == 0 && job)
                job_start(job);
        return r;
}

/* ---- Freezing and thawing, each believed only when systemd and the kernel agree. ---- */

int freeze_poke(Job *job) {
        Domain *domain = job->domain;

        return job->confirmed && cgroup_read_events(domain->cgroup, &domain->events) >= 0 &&
                               domain->events.frozen
                       ? JOB_GOES_ON
                       : JOB_WAITS;
}

int thaw_poke(Job *job) {
        Domain *domain = job->domain;

        return job->confirmed && cgroup_read_events(domain->cgroup, &domain->events) >= 0 &&
                               !domain->events.frozen
                       ? JOB_GOES_ON
                       : JOB_WAITS;
}

static void on_freezer_reply(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->call = NULL;
        if (r < 0) {
                job_continue(job, r, error);
                return;
        }
        job->confirmed = true;
        job_poke(job);
}

int freeze_run(Job *job) {
        Domain *domain = job->domain;

        if (domain->pause_blockers->len > 0) {
                g_array_set_size(domain->pause_blockers, 0);
                domain_mark_changed(domain, DOMAIN_CHANGED_BLOCKERS);
        }
        return unit_freeze(domain_units(domain), domain_unit(domain), on_freezer_reply, job, &job->call);
}

/* systemd 252 would thaw the slice, and all its other units, together with one of them. */
int thaw_run(Job *job) {
        Domain *domain = job->domain;
        g_autofree char *slice = NULL;

        if (!cgroup_freeze_requested(domain->cgroup) && !domain->events.frozen)
                return JOB_GOES_ON;
        slice = cgroup_frozen_slice(cgroup_path(domain->cgroup));
        if (slice)
                return sd_bus_error_setf(&job->error, VMM_ERROR_SLICE_FROZEN,
                        "Cannot %s '%s': slice %s is frozen", job->kind->verb, domain->config->name, slice);
        return unit_thaw(domain_units(domain), domain_unit(domain), on_freezer_reply, job, &job->call);
}

/* Which tasks would not freeze is known only while they are asked to. */
int freeze_expire(Job *job) {
        Domain *domain = job->domain;
        g_autoptr(GString) text = g_string_new(NULL);

        g_array_unref(domain->pause_blockers);
        domain->pause_blockers = cgroup_blockers(domain->cgroup, DOMAIN_BLOCKERS_MAX);
        domain_mark_changed(domain, DOMAIN_CHANGED_BLOCKERS);
        for (unsigned i = 0; i < domain->pause_blockers->len; i++) {
                const CgroupBlocker *blocker = &g_array_index(domain->pause_blockers, CgroupBlocker, i);
                g_string_append_printf(text, "%s PID %d (%s), %s", i ? ";" : "", (int) blocker->pid,
                        blocker->comm, blocker->why);
        }
        log_write(LOG_WARNING, MESSAGE_FREEZE_TIMEOUT, domain->config->name,
                "Could not be frozen, running on:%s", text->str);
        return sd_bus_error_setf(&job->error, VMM_ERROR_FREEZE_TIMEOUT,
                "'%s' could not be frozen in %" G_GUINT64_FORMAT " ms:%s", domain->config->name,
                domain->config->pause_timeout_usec / 1000, text->len ? text->str : " no task stood out");
}

int freeze_undo(Job *job) {
        Domain *domain = job->domain;

        if (job->domain_gone)
                return JOB_GOES_ON;
        return unit_thaw(domain_units(domain), domain_unit(domain), job_unit_reply, job, &job->call);
}

/* ---- The guest's own clock. ---- */

static void on_halted(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        /* The freezer stops the guest anyway; only its clock will notice. */
        if (r < 0)
                log_write(LOG_NOTICE, NULL, job->domain->config->name, "Pausing without the monitor: %s",
                        error->message);
        job_backend_reply(job, 0, NULL);
}

int halt_run(Job *job) {
        Domain *domain = job->domain;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (!domain->backend->ops->halt || domain->halted)
                return JOB_GOES_ON;
        /* Also when no answer comes: the monitor may act on it later. */
        domain->halted = true;
        if (domain->backend->ops->halt(domain->backend, on_halted, job, &job->backend_call, &error) < 0)
                return JOB_GOES_ON;   /* the loss of the monitor was told when it happened */
        return JOB_WAITS;
}

int proceed_run(Job *job) {
        Domain *domain = job->domain;

        if (!domain->halted)
                return JOB_GOES_ON;
        domain->halted = false;
        return domain->backend->ops->proceed(
                domain->backend, job_backend_reply, job, &job->backend_call, &job->error);
}

int halt_undo(Job *job) {
        Domain *domain = job->domain;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        if (job->domain_gone || !domain->halted)
                return JOB_GOES_ON;
        domain->halted = false;
        return domain->backend->ops->proceed(
                       domain->backend, job_backend_reply, job, &job->backend_call, &error) < 0
                       ? JOB_GOES_ON
                       : JOB_WAITS;
}

/* ---- Pause and resume. ---- */

static const JobStep pause_steps[] = {
        {"halting the guest", halt_run, .undo = halt_undo},
        {"freezing", freeze_run, freeze_poke, freeze_expire, freeze_undo},
};

/* As the first one who asked would say it. */
static char *pause_text(const GPtrArray *reasons) {
        const char *slice = ledger_reason_slice(reasons->pdata[0]);

        return slice ? g_strdup_printf("paused with %s", slice) : g_strdup("paused on request");
}

static void pause_ended(Job *job, bool done) {
        Domain *domain = job->domain;
        bool again = job->reasons->len == 0;
        g_autofree char *text = !done   ? g_strdup("could not be paused")
                                : again ? g_strdup(domain->state_reason)
                                        : pause_text(job->reasons);

        for (unsigned i = 0; i < job->reasons->len && done; i++)
                domain_add_pause_reason(domain, job->reasons->pdata[i]);
        domain_settle(domain, text);
        if (again && domain->state == DOMAIN_RUNNING)
                domain_warn(domain, NULL, "It was thawed from outside, could not be frozen again, and runs");
}

static const JobKind pause_kind = {
        .verb = "pause",
        .steps = pause_steps,
        .n_steps = G_N_ELEMENTS(pause_steps),
        .cancelable = true,
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = pause_ended,
};

int domain_pause_for(Domain *domain, const char *reason, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error) {
        Job *job;
        int r;

        r = verb_prepare(domain, VERB_PAUSE, &pause_kind, DOMAIN_PAUSING, requestor, reply, userdata, &job,
                error);
        if (r > 0) {
                domain_add_pause_reason(domain, reason);
                manager_flush(domain->manager);
        }
        if (r != 0)
                return r;
        if (job)
                job->reasons = ledger_new();
        ledger_add(domain->job->reasons, reason);
        if (job)
                job_start(job);
        return 0;
}

int domain_pause(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        if (domain_is_slice(domain))
                return slice_domain_pause(domain, requestor, reply, userdata, error);
        return domain_pause_for(domain, PAUSE_REASON_USER, requestor, reply, userdata, error);
}

void domain_pause_again(Domain *domain) {
        Job *job = job_new(domain, &pause_kind, geteuid(), domain->config->pause_timeout_usec);

        job->reasons = ledger_new();
        job_start(job);
}

/* A domain that was created paused executes its program with its first resume. */
int executed_run(Job *job) {
        job_set_deadline(job, DOMAIN_START_TIMEOUT_USEC);
        job->exec_waits = job->domain->spawn != NULL;
        return job->exec_waits ? JOB_WAITS : JOB_GOES_ON;
}

/* One that could not be executed ends, and that is worth a moment: also after its process has, as the kernel
 * may take its scope for populated a little longer. */
int thaw_undo(Job *job) {
        return job->domain->exec_failed && !job->domain_gone ? JOB_WAITS : JOB_GOES_ON;
}

int thaw_expire(Job *job) {
        return sd_bus_error_setf(&job->error, VMM_ERROR_FREEZE_FAILED,
                "'%s' could not be thawed in %" G_GUINT64_FORMAT " ms", job->domain->config->name,
                job->domain->config->pause_timeout_usec / 1000);
}

static const JobStep resume_steps[] = {
        {"thawing", thaw_run, thaw_poke, thaw_expire, thaw_undo},
        {"restoring the settings", limits_restore_run, .undo = NULL},
        {"executing", executed_run, .undo = NULL},
        {"continuing the guest", proceed_run, .undo = NULL},
};

char *domain_frozen_below(const Domain *domain) {
        g_autofree char *group = domain->config->delegate && domain->cgroup
                ? cgroup_frozen_below(domain->cgroup) : NULL;

        return group ? text_quote(group) : NULL;
}

static void warn_frozen_below(Domain *domain) {
        g_autofree char *group = domain_frozen_below(domain), *text = NULL;

        if (!group)
                return;
        text = g_strdup_printf(
                "Resumed, but the payload itself has frozen its control group %s, which still is", group);
        domain_warn(domain, NULL, text);
}

static void resume_ended(Job *job, bool done) {
        domain_settle(job->domain, done ? "resumed on request" : "could not be resumed");
        if (done)
                warn_frozen_below(job->domain);
}

static const JobKind resume_kind = {
        .verb = "resume",
        .steps = resume_steps,
        .n_steps = G_N_ELEMENTS(resume_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = resume_ended,
};

int domain_resume(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        if (domain_is_slice(domain))
                return slice_domain_resume(domain, requestor, reply, userdata, error);
        return verb_begin(
                domain, VERB_RESUME, &resume_kind, DOMAIN_RESUMING, requestor, reply, userdata, error);
}

int domain_resume_from(Domain *domain, const char *reason, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error) {
        if (!ledger_has_other(domain->pause_reasons, reason))
                return domain_resume(domain, requestor, reply, userdata, error);
        domain_remove_pause_reason(domain, reason);
        /* When it is just being frozen again, that is worth waiting for. */
        return verb_joins(domain, &pause_kind, reply, userdata) ? 0 : 1;
}

/* ---- Shutdown: a request, which needs a guest that runs to hear it. ---- */

static int request_run(Job *job) {
        Domain *domain = job->domain;

        domain->reboot_usec = 0;    /* whatever it was asked before */
        if (!domain->backend->ops->power_down) {
                domain_asked_signal(domain, SIGTERM);
                return unit_kill(domain_units(domain), domain_unit(domain), SIGTERM,
                        job_unit_reply, job, &job->call);
        }
        return domain->backend->ops->power_down(
                domain->backend, job_backend_reply, job, &job->backend_call, &job->error);
}

static const JobStep shutdown_steps[] = {
        {"thawing", thaw_run, thaw_poke, thaw_expire, thaw_undo},
        {"restoring the settings", limits_restore_run, .undo = NULL},
        {"continuing the guest", proceed_run, .undo = NULL},
        {"asking the guest", request_run, .undo = NULL},
};

static void shutdown_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        domain_settle(
                domain, domain->state == DOMAIN_PAUSED ? "resumed to be shut down" : domain->state_reason);
}

static const JobKind shutdown_kind = {
        .verb = "shutdown",
        .steps = shutdown_steps,
        .n_steps = G_N_ELEMENTS(shutdown_steps),
        .ends_domain = true,
        .ended = shutdown_ended,
};

int domain_shutdown(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        return verb_begin(
                domain, VERB_SHUTDOWN, &shutdown_kind, domain->state, requestor, reply, userdata, error);
}

/* ---- Release: we go, the processes stay. ---- */

static int abandon_run(Job *job) {
        Domain *domain = job->domain;

        return unit_abandon(domain_units(domain), domain_unit(domain), job_unit_reply, job, &job->call);
}

static const JobStep release_steps[] = {
        {"thawing", thaw_run, thaw_poke, thaw_expire, thaw_undo},
        {"restoring the settings", limits_restore_run, .undo = NULL},
        {"executing", executed_run, .undo = NULL},
        {"continuing the guest", proceed_run, .undo = NULL},
        {"abandoning the scope", abandon_run, .undo = NULL},
        {"dissolving its groups", dissolve_run, .undo = NULL},
};

static void release_ended(Job *job, bool done) {
        job->domain->ended = job->domain->released = done;
        if (!done)
                domain_settle(job->domain, "could not be released");
}

static const JobKind release_kind = {
        .verb = "release",
        .steps = release_steps,
        .n_steps = G_N_ELEMENTS(release_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = release_ended,
};

int domain_release(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        return verb_begin(
                domain, VERB_RELEASE, &release_kind, domain->state, requestor, reply, userdata, error);
}

/* ---- Kill: a signal, and nothing else. ---- */

int domain_kill(
        Domain *domain, KillWhom whom, int signal, JobReply reply, void *userdata, sd_bus_error *error) {
        int r;

        r = verb_admit(domain, VERB_KILL, "kill", error);
        if (r < 0)
                return r;
        life_killed(domain, signal);
        if (whom == KILL_ALL) {
                r = unit_kill(domain_units(domain), domain_unit(domain), signal, reply, userdata, NULL);
                return r < 0 ? sd_bus_error_set_errno(error, r) : 0;
        }
        r = pidfd_signal(domain->leader_pidfd, signal);
        if (r == -EPERM)   /* a user's manager, and a program that has become another user's */
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                        "The leader of '%s' may not be signalled: %s", domain->config->name,
                        g_strerror(-r));
        if (r < 0)
                return sd_bus_error_setf(
                        error, VMM_ERROR_NOT_RUNNING, "The leader of '%s' has ended", domain->config->name);
        return 1;
}
