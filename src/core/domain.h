/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A domain: what it was told to be, where it lives, in which state it is and why. It follows what happens to
 * its scope by itself; what is done to it are the verbs below. */

#include "core/job.h"
#include "core/restart-budget.h"
#include "host/cgroup.h"

typedef struct Manager Manager;
typedef struct Machine Machine;   /* host/machine.h */

typedef enum DomainState {
        DOMAIN_INACTIVE,
        DOMAIN_STARTING,
        DOMAIN_PAUSED,
        DOMAIN_RUNNING,
        DOMAIN_PAUSING,
        DOMAIN_RESUMING,
        DOMAIN_STOPPING,
        DOMAIN_SAVING,
        DOMAIN_RESTORING,
        DOMAIN_CRASHED,     /* and waits to be started again */
        DOMAIN_PRESERVED,   /* kept as it ended, until it is destroyed */
        _DOMAIN_STATE_MAX
} DomainState;
DECLARE_ENUM_STRINGS(domain_state, DomainState)

/* What of a domain changed; the bus knows which properties that means. */
typedef enum DomainChange {
        DOMAIN_CHANGED_STATE    = 1 << 0,
        DOMAIN_CHANGED_PLACE    = 1 << 1,   /* leader, cgroup, invocation, start */
        DOMAIN_CHANGED_FREEZER  = 1 << 2,
        DOMAIN_CHANGED_STOP     = 1 << 3,
        DOMAIN_CHANGED_JOB      = 1 << 4,
        DOMAIN_CHANGED_SETTINGS = 1 << 5,
        DOMAIN_CHANGED_BLOCKERS = 1 << 6,
        DOMAIN_CHANGED_WARNINGS = 1 << 7,
        DOMAIN_CHANGED_RESOURCES = 1 << 8,
        DOMAIN_CHANGED_DISKS    = 1 << 9,
        DOMAIN_CHANGED_NETWORKS = 1 << 10,
        DOMAIN_CHANGED_IO_PORTS = 1 << 11,
        DOMAIN_CHANGED_RESTARTS = 1 << 12,
        DOMAIN_CHANGED_NAME     = 1 << 13,
        DOMAIN_CHANGED_MEMORY   = 1 << 14,
        DOMAIN_CHANGED_VCPUS    = 1 << 15,
        DOMAIN_CHANGED_BALLOON  = 1 << 16,
} DomainChange;

#define DOMAIN_WARNINGS_MAX 16u
#define DOMAIN_BLOCKERS_MAX 16u

struct Domain {
        Manager *manager;
        DomainConfig *config;
        uid_t owner;
        uint64_t created_usec, started_usec;   /* since the epoch; 0: not yet */

        DomainState state;
        char *state_reason;
        uint64_t state_usec;
        char *last_stop_step;   /* of the stop in progress: why it ended */
        bool crashed, powered_off, rebooting, suspended;   /* core/life.h: how it came to be what it is */
        bool halted;            /* the guest's vCPUs were stopped through the monitor */
        bool slice_frozen;      /* somebody froze a slice above it: a thaw may be that of the slice */
        bool remove_logs;
        bool ended;             /* nothing of it is left; only its job still knows it */
        bool released;          /* it ended for us only: its processes run on */
        unsigned changes;       /* DomainChange, not told yet */

        /* Where it lives */
        RunDir *run_dir;
        Spawn *spawn;           /* until the payload is executed */
        Console *console;
        Backend *backend;
        uid_t payload_uid;      /* whom it runs as */
        pid_t leader;
        int leader_pidfd;
        sd_event_source *leader_watch;
        ExitStatus exit_status;
        bool exec_failed;       /* the leader is only there to end */
        uint64_t asked_signals; /* sent through us: bit 0 is signal 1 */
        uint64_t oom_kills;     /* of its processes, as told */
        bool oom_killed;        /* that is how it ends */
        const char *failure;    /* it never came to be, or was saved: why it is gone */
        bool scoped;            /* the unit of this name is ours: systemd has started it for us */
        Cgroup *cgroup;         /* once its processes were seen in it */
        UnitWatch *unit_watch;
        Machine *machine;       /* its entry in machined's register */
        bool unit_gone;         /* systemd has dropped it, or takes too long to */
        sd_event_source *verdict_timer;
        sd_id128_t invocation_id;
        CgroupEvents events;    /* as last seen */
        char *freezer_state;    /* as the service manager has it */
        UnitCall *freezer_call, *invocation_call;
        bool terminal_listens;  /* the console has its socket in the folder */
        bool limits_late;       /* the kernel has them after the next thaw */
        GHashTable *device_names;   /* entry of DeviceAllow -> the node that was meant */

        GPtrArray *attachments;     /* Attachment: its disks and networks, in core/attachment.h */
        GPtrArray *device_waiters;  /* who waits for them */
        GPtrArray *asks;            /* who waits for the backend, in core/guest.c */

        /* What is done when it ends by itself: core/life.h */
        bool guest_stopped;     /* and its payload has not: what is to be done is not done yet */
        bool preserved;
        bool buried;            /* its payload is another's: what is still in its place is on its way out */
        bool stopped_by_unit;   /* the stop in progress is systemd's wish */
        uint64_t kill_usec;     /* CLOCK_MONOTONIC: when somebody last sent it a signal to end by */
        uint64_t kill_signals;  /* those, as above */
        uint64_t reboot_usec;   /* CLOCK_MONOTONIC: when it was asked to reboot; 0: it was not */
        uint64_t reset_usec;    /* CLOCK_MONOTONIC: when its guest last began anew within its payload */
        uint64_t reset_said;    /* bytes on the console until then */
        char *restart_error;    /* it could not be started again: why */
        char *restart_reason;   /* why it had ended before */
        uint32_t restarts;
        RestartBudget restart_budget;
        uint64_t restart_delay_usec;
        sd_event_source *restart_timer;
        uint64_t restart_due_usec;      /* since the epoch; 0: none */

        /* What is being done to it */
        Job *job;
        char *stop_phase;
        uint64_t stop_deadline_usec;    /* since the epoch */
        GPtrArray *pause_reasons;       /* core/pause-ledger.h */
        GPtrArray *warnings;
        GArray *pause_blockers;         /* CgroupBlocker */
        bool vcpus_placed;              /* each vCPU has a control group of its own */
        uint32_t n_vcpu_groups;
};

/* Checks everything that can be checked without a side effect. Takes the complete configuration. Returns 0,
 * or a negative errno with the error of the configuration or the host. */
int domain_new(Manager *manager, DomainConfig *config, uid_t owner, Domain **ret, sd_bus_error *error);
Domain *domain_free(Domain *domain);

/* The same without a look at names and slices that are taken: for a domain whose twin is there. */
Domain *domain_new_bare(Manager *manager, DomainConfig *config, uid_t owner);

/* What has ended leaves its place: no process, no unit, no cgroup. How it ended is still known. */
void domain_leave_place(Domain *domain);

/* As it was after domain_new(), but for its name, its console and its history. Returns as domain_new(). */
int domain_renew(Domain *domain, sd_bus_error *error);

/* Takes over the payload of another one, and all that is known about its end, but not its place. */
void domain_take_payload(Domain *domain, Domain *from);

/* The unit it lives in, and who is to be asked about it. */
const char *domain_unit(const Domain *domain);
Units *domain_units(const Domain *domain);

/* Its processes were there before it was. */
bool domain_is_slice(const Domain *domain);   /* itself one, and no scope in one */
bool domain_is_adopted(const Domain *domain);

/* Those in effect. */
const Resources *domain_resources(const Domain *domain);

/* Whether it is itself a slice, and not a scope in one. */
bool domain_is_slice(const Domain *domain);

/* What people call the entry of DeviceAllow: "/dev/kvm", "c 10:232", "char-pts". Free with g_free(). */
char *domain_device_name(const Domain *domain, const char *specifier);

/* State, with the reason a person will read; nothing happens if both are as they were. */
void domain_set_state(Domain *domain, DomainState state, const char *reason);

/* State from what the kernel says: paused when frozen, else running. */
void domain_settle(Domain *domain, const char *reason);

void domain_mark_changed(Domain *domain, unsigned changes);
void domain_set_freezer_state(Domain *domain, const char *state);
void domain_set_stop_phase(Domain *domain, const char *phase, uint64_t deadline_usec);
void domain_add_pause_reason(Domain *domain, const char *reason);
void domain_remove_pause_reason(Domain *domain, const char *reason);
void domain_warn(Domain *domain, const char *message_id, const char *text);   /* message_id: may be NULL */

/* The process is in the scope: follows it from now on. Returns 0 or a negative errno. */
int domain_enter_scope(Domain *domain, int pidfd);

/* What the payload last said of its end: "guest-shutdown"; NULL when it said nothing. */
const char *domain_said(const Domain *domain);

/* Whether what ended, ended on its own, and not well. */
bool domain_has_crashed(const Domain *domain);

/* Somebody asked us to send it; an end by it is no crash. */
void domain_asked_signal(Domain *domain, int signal);

/* Follows the leader's end. The descriptor is taken. */
int domain_set_leader(Domain *domain, int pidfd);

/* Follows what somebody else did to the freezer, as far as it was not followed yet. */
void domain_follow_freezer(Domain *domain);

/* What systemd believes; with its answer it is also done with any thaw of a slice above. */
void domain_ask_freezer_state(Domain *domain);

/* The slice that keeps it paused, and is not just letting it go; NULL when none does. */
const char *domain_holding_slice(const Domain *domain);

/* Looks whether anything of it is left; ends it if not. The domain may be gone afterwards. */
void domain_check_ended(Domain *domain);

/* Takes leave of a domain that has ended, or was released: tells everybody, and frees it. */
void domain_end(Domain *domain);

/* The verbs. They return 0 when `reply` will come, 1 when there was nothing to do, or a negative errno with
 * *error: then nothing was begun. A reply may come before they return. A domain that was not created or
 * adopted stays the caller's. */
int domain_create(Domain *domain, bool start, JobReply reply, void *userdata, sd_bus_error *error);
int domain_adopt(Domain *domain, const int *pidfds, unsigned n_pidfds, JobReply reply, void *userdata,
        sd_bus_error *error);
int domain_add_process(Domain *domain, int pidfd, const char *subgroup, uid_t caller, JobReply reply,
        void *userdata, sd_bus_error *error);
void domain_begin_again(Domain *domain);    /* after domain_renew() */
int domain_pause(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);
int domain_resume(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);

/* The same with a reason for the ledger: it is frozen with the first one, thawed when the last one is taken
 * off. */
int domain_pause_for(Domain *domain, const char *reason, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error);
int domain_resume_from(Domain *domain, const char *reason, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error);

/* Somebody thawed it together with others, and it has reasons left: it stays `paused`, and is frozen again.
 * It must have no job. */
void domain_pause_again(Domain *domain);

/* At once. Returns 0, or negative with *error. */
int domain_rename(Domain *domain, const char *name, sd_bus_error *error);
int domain_set_policy(Domain *domain, LifeEvent event, LifeAction action, sd_bus_error *error);

/* Nothing of it is left but what is known about its end: none of its processes can be asked to do anything.
 * It waits to be started again, or is preserved. */
bool domain_is_empty(const Domain *domain);

/* That, or preserved with processes that will not run again. */
bool domain_is_still(const Domain *domain);

int domain_shutdown(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);
int domain_reboot(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);
int domain_release(Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);

/* access: of the letters r, w and m. */
int domain_add_device(Domain *domain, const char *node, const char *access, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);
int domain_remove_device(Domain *domain, const char *node, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error);
/* Begun when they return 0: see core/attachment.h for what becomes of it. The disk is taken then, and has a
 * name. */
int domain_attach_disk(Domain *domain, DiskConfig *disk, uid_t requestor, sd_bus_error *error);
int domain_detach_disk(Domain *domain, const char *name, sd_bus_error *error);
/* The network is taken when this returns 0: see core/attachment.h for what becomes of it. */
int domain_attach_network(Domain *domain, NetworkConfig *network, sd_bus_error *error);
int domain_detach_network(Domain *domain, const char *name, sd_bus_error *error);

int domain_set_resources(Domain *domain, const Resources *change, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);
int domain_update_oci_resources(Domain *domain, const char *json, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);

/* nowait: replies once the first step was taken. A harder plan than the one in progress takes over, any
 * other waits with it. */
int domain_stop(Domain *domain, const StopPlan *plan, bool nowait, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);

/* The vCPUs of a virtual machine that was created with Delegate=yes. What is asked for is done, and seen in
 * the kernel, when these return 0. No CPUs: it is pinned no more. */
typedef struct Vcpu {
        uint32_t index;
        pid_t thread;
        GArray *cpus;           /* those it may run on: see config/cpu-set.h */
        uint64_t weight;        /* 0: it cannot be weighed */
        uint64_t cpu_usage_nsec;
} Vcpu;
int domain_get_vcpus(Domain *domain, GArray **ret, sd_bus_error *error);   /* g_array_unref() */
int domain_pin_vcpu(Domain *domain, uint32_t index, const uint32_t *cpus, size_t n, sd_bus_error *error);
int domain_weigh_vcpu(Domain *domain, uint32_t index, uint64_t weight, sd_bus_error *error);

/* At once: I/O ports of the machine are only written down as the domain's. */
int domain_grant_io_ports(Domain *domain, uint16_t first, uint16_t last, sd_bus_error *error);
int domain_revoke_io_ports(Domain *domain, uint16_t first, uint16_t last, sd_bus_error *error);

typedef enum KillWhom { KILL_LEADER, KILL_ALL, _KILL_WHOM_MAX } KillWhom;
DECLARE_ENUM_STRINGS(kill_whom, KillWhom)
int domain_kill(
        Domain *domain, KillWhom whom, int signal, JobReply reply, void *userdata, sd_bus_error *error);

/* The same for when nobody waits. */
void domain_stop_by_plan(Domain *domain, const StopPlan *plan, uid_t requestor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Domain, domain_free)
