/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Everything asked of the service manager (PID 1, or the user's own in user mode), asynchronously:
 * org.freedesktop.systemd1(5). At most UNIT_CALLS_MAX calls are in flight, because the bus refuses a
 * connection its 129th; the last of them are kept for what lets a domain go on. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>

#define UNIT_CALLS_MAX 64u
#define UNIT_CALLS_RESERVED 16u   /* of those: for thawing, killing and stopping */

typedef struct Units Units;
typedef struct UnitCall UnitCall;
typedef struct UnitWatch UnitWatch;

/* r: 0, or negative with the manager's error. The call is gone then. */
typedef void (*UnitReply)(void *userdata, int r, const sd_bus_error *error);

/* Subscribes to the manager's signals on the bus, which stays the caller's, and asks the manager about
 * itself; `known` is called with its answer. Returns 0 or a negative errno. */
int units_new(sd_bus *bus, UnitReply known, void *userdata, Units **ret);
Units *units_free(Units *units);

/* "252.39-1~deb12u2"; NULL until the manager has answered. */
const char *units_version(const Units *units);

/* Whether the manager was built with this: "+BPF_FRAMEWORK". False until it has answered. */
bool units_have(const Units *units, const char *feature);

/* What the manager is about: "running", "stopping". One question at a time; NULL: it does not say. Returns 0
 * or a negative errno. */
int units_ask_state(Units *units, void (*reply)(void *userdata, const char *state), void *userdata);

/* Where the manager's units are in the cgroup tree: "" for the root; NULL until the manager has answered. */
const char *units_control_group(const Units *units);

/* Whether scopes take pidfds (systemd 255); known after the first start. */
bool units_take_pidfds(const Units *units);

typedef struct ScopeSpec {
        const char *unit;                /* "vmm-web.scope" */
        const char *slice;
        const char *description;
        const int *pidfds;               /* of the processes to move in */
        unsigned n_pidfds;
        bool delegate;
        uid_t delegate_to;               /* whom the control group is given to then */
        bool send_sigkill;               /* when the unit is stopped by systemd and its time is over */
        uint64_t timeout_stop_usec;      /* UINT64_MAX: none */
        GVariant *properties;            /* a(sv): resource settings */
        GVariant *slices;                /* a(sa(sv)): those of slices above it that are not there yet */
} ScopeSpec;

/* Starts a transient scope with us as its controller and replies when its job is done. A failed unit of the
 * same name is reset once, one that is just going is waited for. Errors: DomainExists (the name is taken),
 * SliceFrozen, or the manager's own. */
int unit_start_scope(Units *units, const ScopeSpec *spec, UnitReply reply, void *userdata, UnitCall **ret);

/* Starts a transient slice, which wants the other one, and replies when its job is done. Errors:
 * DomainExists (it is there already), or the manager's own. */
int unit_start_slice(Units *units, const char *slice, const char *description, const char *wants,
        UnitReply reply, void *userdata, UnitCall **ret);

typedef struct ServiceSpec {
        const char *unit;                /* "vmm-web-net0-online.service" */
        const char *description;
        char *const *argv;               /* the program by its path, and its arguments */
        char *const *environment;        /* "NAME=value" */
        uint64_t timeout_usec;           /* it is ended when it takes longer */
        const char *after;               /* a unit whose end is waited for, if it is there; NULL: none */
} ServiceSpec;

/* Runs a program once, as the user that the manager is, and replies when it has ended: 0 when it exited with
 * 0. Errors: Timeout, Failed (both name the program and the unit), or the manager's own. */
int unit_run_service(
        Units *units, const ServiceSpec *spec, UnitReply reply, void *userdata, UnitCall **ret);

/* StopUnit: replies when the manager has begun; a unit that is gone is success. */
int unit_stop(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret);

/* FreezeUnit, ThawUnit: reply when the manager has seen the kernel do it, which may be never. Both are sent
 * again when a reload or re-execution of the manager loses them, or when it is not done with the one before.
 */
int unit_freeze(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret);
int unit_thaw(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret);

/* KillUnit to all processes; a unit that is gone is success. reply may be NULL, as below. */
int unit_kill(Units *units, const char *unit, int signal, UnitReply reply, void *userdata, UnitCall **ret);

/* SetUnitProperties, until the unit is gone: properties are a(sv), all of which are taken or none. Errors:
 * NotSupported (this systemd has no such property), or InvalidConfig with its words. */
int unit_set_properties(Units *units, const char *unit, GVariant *properties, UnitReply reply,
        void *userdata, UnitCall **ret);

/* AbandonScope: the manager forgets that the scope has a controller; its processes run on. */
int unit_abandon(Units *units, const char *unit, UnitReply reply, void *userdata, UnitCall **ret);

/* AttachProcessesToUnit: moves a process into a delegated scope, below it as `subgroup` says ("/": the scope
 * itself). */
int unit_attach(Units *units, const char *unit, const char *subgroup, pid_t pid, UnitReply reply,
        void *userdata, UnitCall **ret);

/* Ends a scope that nobody wants, empty or not, without asking its controller, which is us. */
void unit_discard(Units *units, const char *unit);

/* One process as GetUnitProcesses has it. */
typedef struct UnitProcess {
        const char *cgroup, *command_line;
        uint32_t pid;
} UnitProcess;
typedef void (*UnitProcessesReply)(
        void *userdata, int r, const UnitProcess *processes, size_t n, const sd_bus_error *error);
int unit_get_processes(
        Units *units, const char *unit, UnitProcessesReply reply, void *userdata, UnitCall **ret);

/* One property of the unit, as text or as an ID, whichever it is: FreezerState, what the manager believes of
 * the freezer ("running", "freezing", "frozen", ...; a memory, not a measurement), or InvocationID. */
typedef void (*UnitPropertyReply)(void *userdata, int r, const char *text, sd_id128_t id);
int unit_get_property(Units *units, const char *unit, const char *property, UnitPropertyReply reply,
        void *userdata, UnitCall **ret);

/* All that the manager has of the unit as the type that it is, scope or slice: a{sv}, borrowed; NULL with r
 * negative. */
typedef void (*UnitPropertiesReply)(void *userdata, int r, GVariant *properties);
int unit_get_properties(
        Units *units, const char *unit, UnitPropertiesReply reply, void *userdata, UnitCall **ret);

/* The reply will not be called. Accepts NULL, returns NULL. */
UnitCall *unit_call_cancel(UnitCall *call);

typedef struct UnitObserver {
        void (*removed)(void *userdata);          /* the manager has dropped the unit */
        void (*judged)(void *userdata, const char *result); /* what the manager makes of its end: "oom-kill",
                                                 * told before it is dropped; "success" says nothing; NULL:
                                                 * nobody cares */
        void (*stop_requested)(void *userdata); /* somebody stops the unit through systemd, which leaves the
                                                 * how to us; NULL: nobody cares */
} UnitObserver;

/* One watch per unit. */
int unit_watch(
        Units *units, const char *unit, const UnitObserver *observer, void *userdata, UnitWatch **ret);
UnitWatch *unit_watch_free(UnitWatch *watch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Units, units_free)
