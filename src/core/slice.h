/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The slices that hold domains, each with all that is in it and below, and what is done to them as a whole.
 * A slice is here from its first domain to its last one. Pausing one freezes its domains, each on its own;
 * the control group of the slice itself is never touched, but for a thaw when somebody else froze it. */

#include "core/manager.h"

/* What of a slice changed; the bus knows which properties that means. */
typedef enum SliceChange {
        SLICE_CHANGED_DOMAINS   = 1 << 0,
        SLICE_CHANGED_PLACE     = 1 << 1,
        SLICE_CHANGED_PAUSED    = 1 << 2,
        SLICE_CHANGED_RESOURCES = 1 << 3,
} SliceChange;

struct Slice {
        Manager *manager;
        char *name;
        GPtrArray *domains;      /* Domain, the oldest first */
        bool paused;             /* by our verb, and it still holds some of them */
        Cgroup *cgroup;          /* once processes were seen below it */
        CgroupEvents events;     /* as last seen */
        unsigned changes;        /* SliceChange, not told yet */
};

Slice *manager_find_slice(Manager *manager, const char *name);

/* By our verb, or because somebody else froze it or a slice above it. */
bool slice_is_paused(const Slice *slice);

/* The verbs return as those of a domain do. All domains or none: when one fails, what was done to the others
 * is undone, and the error names it; a domain that ends meanwhile is no failure. */
int slice_pause(Slice *slice, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);
int slice_resume(Slice *slice, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);

/* plan: NULL for each domain's own. This one is not undone: the error names those that are left. */
int slice_stop(Slice *slice, const StopPlan *plan, bool nowait, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);

/* The domain that is this slice; NULL: it is only one that holds domains. */
Domain *slice_own(const Slice *slice);

/* All settings or none. */
int slice_set_resources(
        Slice *slice, const Resources *change, JobReply reply, void *userdata, sd_bus_error *error);

/* What was set so, or came to be with it, as systemd holds it; NULL: nothing. */
const Resources *slice_resources(const Slice *slice);

/* ---- For domains and the manager. ---- */

void slices_new(Manager *manager);
void slices_free(Manager *manager);   /* all, and nobody is told */
void slices_add_domain(Domain *domain);
void slices_remove_domain(Domain *domain);
void slices_follow(Domain *domain);   /* its scope was seen, and so are the slices above it */
void slices_let_go(Domain *domain);   /* its ledger has lost reasons */

/* Whether a domain of this configuration may come. Returns 0, or -EBUSY with SliceFrozen. */
int slices_check_open(Manager *manager, const DomainConfig *config, sd_bus_error *error);

/* Whether what is in flight takes the slice's reason off its domains. */
bool slice_lets_go(const Manager *manager, const char *name);

/* Whether its domains are being paused or resumed now. */
bool slice_is_changing(const Manager *manager, const char *name);

/* Between the files about slices. */
void slice_mark_changed(Slice *slice, unsigned changes);
void slice_set_paused(Slice *slice, bool paused);
void slice_tell_own(const Slice *slice);
void slice_jobs_forget(const Domain *domain);
void slice_jobs_abandon(Manager *manager);   /* nobody will be there to finish them */
void slice_changes_abandon(Manager *manager);

/* The slice's control group is there: reads back what is known to be set, and what it was given now, which
 * may be NULL. */
void slice_limits_begin(Slice *slice, const Resources *given);
