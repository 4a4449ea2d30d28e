/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All domains: who is there, by which names they are found, how many there may be, and who is told what
 * happens to them. */

#include "core/domain.h"

typedef struct Slice Slice;
typedef struct Node Node;
typedef struct Power Power;

#define ENDED_DOMAINS_KEPT 32u   /* whose console log is still to be had */

/* How core speaks upward. */
typedef struct ManagerObserver {
        void (*domain_added)(void *userdata, Domain *domain);
        void (*domain_removed)(void *userdata, Domain *domain);
        void (*domain_renamed)(void *userdata, Domain *domain, const char *old);
        void (*domain_changed)(void *userdata, Domain *domain, unsigned changes);
        void (*state_changed)(void *userdata, Domain *domain, DomainState old);
        void (*stop_step)(void *userdata, Domain *domain, const char *step, unsigned index, unsigned total);
        void (*warning)(void *userdata, Domain *domain, const char *text);
        void (*device_changed)(void *userdata, Domain *domain, const char *name, const char *what);
        void (*slice_added)(void *userdata, Slice *slice);
        void (*slice_removed)(void *userdata, Slice *slice);
        void (*slice_changed)(void *userdata, Slice *slice, unsigned changes);
        void (*node_changed)(void *userdata, unsigned changes);   /* core/node.h */
        void (*job_added)(void *userdata, Job *job);
        void (*job_removed)(void *userdata, Job *job);
        void (*job_changed)(void *userdata, Job *job);
        void (*job_progressed)(void *userdata, Job *job);
} ManagerObserver;

struct Manager {
        sd_event *event;
        Units *units;
        ManagerConfig *settings;
        bool user_mode;
        char *runtime_directory, *save_directory;
        const ManagerObserver *observer;
        void *userdata;
        Node *node;
        Power *power;
        sd_bus *bus;              /* of the machine's own services; in user mode not */
        GPtrArray *stops;         /* StopAll: of all domains, in flight */
        GHashTable *by_uuid;      /* sd_id128_t -> Domain */
        GHashTable *by_name;      /* name -> Domain */
        GHashTable *jobs;         /* id -> Job */
        uint32_t last_job_id;
        Job *ending_job;          /* while it is told what became of its domain */
        GHashTable *slices;       /* name -> Slice */
        GPtrArray *slice_jobs;    /* SliceJob: what is in flight for whole slices */
        GPtrArray *slice_changes; /* SliceChanging: whose settings are being changed */
        GHashTable *slice_resources;   /* name -> Resources: as long as systemd keeps them */
        GQueue ended;             /* EndedDomain, newest first */
        unsigned n_scripts;       /* of networks, that were run */
        GPtrArray *link_ends;     /* scripts that are being told of the end of a network: core/network.c */
        bool ending;              /* its domains live on without it */
        GPtrArray *released;      /* consoles of released domains, drained until their scope is gone */
        GPtrArray *changed;       /* Domain, with changes not told yet */
        GPtrArray *changed_slices;
        sd_event_source *flush;
};

/* Takes the settings; borrows the rest. bus: the one that the machine's own services are on, which in user
 * mode is not looked at. */
int manager_new(sd_bus *bus, sd_event *event, Units *units, ManagerConfig *settings, bool user_mode,
        const char *runtime_directory, const char *state_directory, Manager **ret);
Manager *manager_free(Manager *manager);
void manager_set_observer(Manager *manager, const ManagerObserver *observer, void *userdata);

Domain *manager_find_by_name(Manager *manager, const char *name);
Domain *manager_find_by_uuid(Manager *manager, sd_id128_t uuid);
Domain *manager_find_by_cgroup(Manager *manager, const char *cgroup);   /* itself or below */
/* The cgroup of a slice, as ControlGroup= has it; NULL as long as systemd has not told where its units are.
 * Free with g_free(). */
char *manager_slice_path(const Manager *manager, const char *slice);

/* The same, open. Returns 0, or a negative errno: -ENOENT when it is not there, or not known where. */
int manager_open_slice(const Manager *manager, const char *slice, Cgroup **ret);

/* Whether a domain may come to be called so. Returns 0, or -EEXIST with DomainExists. */
int manager_check_name(Manager *manager, const char *name, sd_bus_error *error);

Job *manager_find_job(Manager *manager, uint32_t id);

/* Whether one more domain of this owner may come. Returns 0, -EUSERS with LimitExceeded, or -EBUSY with
 * Busy: the machine is going down. */
int manager_check_limits(Manager *manager, uid_t owner, sd_bus_error *error);

/* Resource properties that domains can be given here: systemd knows them, and has what they need. Free with
 * g_strfreev(). */
char **manager_resource_properties(const Manager *manager);

/* The time that stopping all domains takes at most, in microseconds. */
uint64_t manager_stop_usec(const Manager *manager);

/* Called by domains and jobs. */
void manager_add(Manager *manager, Domain *domain);
void manager_rename(Manager *manager, Domain *domain, const char *name);   /* one that nobody has */
DomainConfig *manager_exchange_config(Manager *manager, Domain *domain, DomainConfig *config);
void manager_remove(Manager *manager, Domain *domain);   /* keeps its console's lines; the domain is freed */
void manager_release(Manager *manager, Domain *domain);  /* the same, but its processes run on */

/* What changed is told by the next flush: before a reply, a signal of another kind, or at the end of this
 * turn of the loop. */
void manager_queue_changes(Manager *manager, Domain *domain);
void manager_unqueue_changes(Manager *manager, Domain *domain);
void manager_flush(Manager *manager);

/* The console of a domain that is here or among the last that ended, by name or UUID; the owner is told for
 * the caller's check. */
typedef struct EndedDomain {
        char *name;
        sd_id128_t uuid;
        uid_t owner;
        char *slice;
        char **console;
} EndedDomain;
const EndedDomain *manager_find_ended(Manager *manager, const char *name_or_uuid);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manager, manager_free)
