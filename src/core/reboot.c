/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reboot: a request, which needs a payload that runs to hear it. What is done when it has ended is in
 * life.c. */

#include <signal.h>

#include "core/limits.h"
#include "core/manager.h"
#include "core/verbs.h"

static int request_run(Job *job) {
        Domain *domain = job->domain;
        const BackendOps *ops = domain->backend->ops;

        domain->reboot_usec = (uint64_t) g_get_monotonic_time();
        if (!ops->reboot) {
                domain_asked_signal(domain, SIGTERM);
                return unit_kill(domain_units(domain), domain_unit(domain), SIGTERM, job_unit_reply, job,
                        &job->call);
        }
        return ops->reboot(domain->backend, job_backend_reply, job, &job->backend_call, &job->error);
}

/* It was not asked. */
static int request_undo(Job *job) {
        job->domain->reboot_usec = 0;
        return JOB_GOES_ON;
}

static const JobStep reboot_steps[] = {
        {"thawing", thaw_run, thaw_poke, thaw_expire, thaw_undo},
        {"restoring the settings", limits_restore_run, .undo = NULL},
        {"continuing the guest", proceed_run, .undo = NULL},
        {"asking the guest", request_run, .undo = request_undo},
};

static void reboot_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        domain_settle(
                domain, domain->state == DOMAIN_PAUSED ? "resumed to be rebooted" : domain->state_reason);
}

static const JobKind reboot_kind = {
        .verb = "reboot",
        .steps = reboot_steps,
        .n_steps = G_N_ELEMENTS(reboot_steps),
        .ends_domain = true,
        .ended = reboot_ended,
};

int domain_reboot(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error) {
        return verb_begin(
                domain, VERB_SHUTDOWN, &reboot_kind, domain->state, requestor, reply, userdata, error);
}
