/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The steps that more than one verb takes, and what domains follow of their unit. For the core room only. */

#include "core/domain.h"

/* As domain_create(), from an image (core/save.h), which is taken in any case; NULL: without one. */
int domain_create_from(Domain *domain, void *image, GDestroyNotify image_free, bool start, JobReply reply,
        void *userdata, sd_bus_error *error);

extern const UnitObserver domain_unit_observer;

typedef enum Verb {
        VERB_PAUSE,
        VERB_RESUME,
        VERB_SHUTDOWN,
        VERB_RELEASE,
        VERB_ADD,
        VERB_CONFIGURE,
        VERB_DEVICE,      /* QEMU has to answer: not while it is frozen */
        VERB_ASK,         /* the same, also while a job is in progress */
        VERB_KILL,
        VERB_SAVE,
        _VERB_MAX
} Verb;

/* Whether the domain's state allows the verb; `name` as a person would say it. Returns 0 when it may begin,
 * 1 when there is nothing to do, or a negative errno. */
int verb_admit(const Domain *domain, Verb verb, const char *name, sd_bus_error *error);

/* Makes and starts the job; `meanwhile` is the state to be in until it ends. Returns as a verb does. */
int verb_begin(Domain *domain, Verb verb, const JobKind *kind, DomainState meanwhile, uid_t requestor,
        JobReply reply, void *userdata, sd_bus_error *error);

/* A payload that is not up in this time is broken. */
#define DOMAIN_START_TIMEOUT_USEC 60000000ull

int halt_run(Job *job);      /* goes on at once when the guest stands still */
int halt_undo(Job *job);
int freeze_run(Job *job);
int freeze_poke(Job *job);
int freeze_expire(Job *job);
int freeze_undo(Job *job);
int thaw_run(Job *job);      /* goes on at once when nothing is frozen */
int thaw_poke(Job *job);
int thaw_expire(Job *job);
int thaw_undo(Job *job);
int executed_run(Job *job);  /* goes on at once when the payload has been executed */
int proceed_run(Job *job);   /* goes on at once when the guest was not halted */

/* The control group below the scope that the payload itself has frozen, in quotes; NULL when it has not. No
 * thaw of the scope reaches there, and no signal but SIGKILL. */
char *domain_frozen_below(const Domain *domain);

/* The control groups of a virtual machine's threads; each goes on at once when the domain has none. */
int layout_run(Job *job);
int vcpus_run(Job *job);
int dissolve_run(Job *job);

/* Whether a process may be added there; `subgroup` as systemd wants it, "/" for the scope itself. */
int layout_check_subgroup(const Domain *domain, const char *subgroup, sd_bus_error *error);

/* For pidfds, which are closed with it; g_array_unref(). */
GArray *pidfds_new(void);

/* Moves the processes of these pidfds into the domain's scope, new and ours. */
int scope_start(Job *job, const int *pidfds, unsigned n_pidfds);
int place_verify(Job *job, int pidfd);   /* believes it when it sees one of them there */
