/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the fakes share: the processes and scopes of the made-up host, and its clock, which is a queue of
 * things to happen. For the fakes only. */

#include <glib.h>
#include <stdbool.h>

#include "fakes/fakes.h"
#include "host/cgroup.h"
#include "host/spawn.h"

typedef struct FakeScope {
        char *unit, *slice, *path;
        bool freeze;           /* its own cgroup.freeze */
        bool stuck, quiet;
        bool swept;            /* its cgroup cannot be read any more */
        bool kept;             /* by systemd, although it is empty */
        uint64_t oom_kills;
        const char *result;    /* what systemd makes of its end; NULL: nothing */
        CgroupEvents told;
        GHashTable *properties, *applied;   /* name -> GVariant: what systemd holds, what the kernel has */
        GPtrArray *groups;     /* FakeGroup */
        char *frozen_below;
} FakeScope;

/* A threaded group below a scope. */
typedef struct FakeGroup {
        char *name;
        GArray *threads;       /* pid_t */
        char *cpus;            /* as set */
        uint64_t weight;
} FakeGroup;

typedef struct FakeProcess {
        pid_t pid;
        uid_t uid;
        char *command;
        int pidfd, end;        /* a pipe: readable once the process has ended */
        int output;            /* its standard error */
        FakeScope *scope;      /* NULL: where it was born */
        const char *subgroup;  /* of it: "/worker" */
        char *dragged_to;
        Spawn *spawn;          /* while somebody waits for its execution */
        bool child;            /* the daemon's: its exit status is known to it */
        bool deaf, dying, ended;
        bool costly;           /* memory ran out, and the kernel chose it */
        int pending;           /* a signal that waits for the thaw */
        ExitStatus status;
} FakeProcess;

typedef struct World {
        sd_event *event;
        sd_bus *connection;
        const char *root;      /* where systemd has its units */
        sd_event_source *turn;
        GQueue acts;
        GPtrArray *scopes, *processes, *frozen_slices;
        GPtrArray *rules, *calls, *watches, *cgroups, *run_dirs, *monitors;   /* each of one fake */
        GHashTable *moods;
        GPtrArray *started_slices;
        GPtrArray *images, *image_works;
        int image_error;
        GHashTable *slices;   /* name -> (property -> GVariant), of those that were given any */
        bool kvm;
        pid_t last_pid;
        int fork_error, folder_error;
        char *exec_error;
        const char *unplugged;
        bool early_death, late_limits, no_labels, no_bridging;
        unsigned n_taps;       /* that were made */
        unsigned lacks;        /* controllers: bits of subgroup.c */
        char *spare_cpus;      /* what a scope may use */
        GHashTable *returns;   /* of the monitor: command -> JSON */
        const char *group_call; /* that fails, with this */
        int group_error;
        const char *systemd_state;
        GPtrArray *own_log, *kernel_log;   /* char * */
        GPtrArray *machines;   /* Machine; NULL: there is no machined */
        bool logind;
        const char *logind_refuses;
        bool cpus_gone;
        const char *qemu_says; /* when it is asked for its version; NULL: nothing */
        bool reaches_below;    /* systemd, when it freezes or thaws a slice */
} World;

extern World world;

__attribute__((format(printf, 1, 2))) void note(const char *format, ...);

/* Happens when the connection has come to rest, after all that was to happen before. */
typedef void (*Act)(void *data);
void happen(Act act, void *data);
void happen_not(const void *data);   /* nothing that is to happen with it */

FakeScope *scope_find(const char *unit);
FakeScope *scope_find_by_path(const char *path);
FakeScope *scope_new(const char *unit, const char *slice);
CgroupEvents scope_events(const FakeScope *scope);
bool scope_is_frozen(const FakeScope *scope);
void scope_set_freeze(FakeScope *scope, bool freeze);
void scope_set_properties(FakeScope *scope, GVariant *properties);   /* a(sv) */
GHashTable *slice_properties(const char *slice);   /* name -> GVariant */
void slice_set_properties(const char *slice, GVariant *properties);
void scope_tell(FakeScope *scope);   /* to those who watch, if its events changed */
void scope_remove(FakeScope *scope);
const char *frozen_slice(const char *path);   /* the nearest one in the path; NULL */
bool slice_is_started(const char *path);      /* by itself, whatever is in it */
bool slice_is_frozen(const char *slice);      /* told to be, itself */
CgroupEvents slice_events(const char *path);

FakeProcess *process_new(const char *command, uid_t uid);
FakeProcess *process_find(pid_t pid);         /* also one that has ended; NULL */
FakeProcess *process_find_by_pidfd(int pidfd);
void process_signal(FakeProcess *process, int signal);
void process_end(FakeProcess *process, ExitStatus status);

/* The group that the thread was moved to last; NULL. */
const FakeGroup *group_find_thread(const FakeScope *scope, pid_t tid);
void group_free(void *group);

/* Whether the two descriptors are of one file. */
bool same_file(int a, int b);

void image_free(void *image);

/* What one fake tells another. */
void spawn_proceed(Spawn *spawn);             /* thawed: executes if it was released */
void spawn_hang_up(Spawn *spawn);
void cgroups_changed(const char *path);
void unit_judged(const FakeScope *scope);
void slices_tell(void);                       /* to those who watch slices whose events changed */
void unit_removed(const char *unit);
void freezes_settle(const char *unit);        /* what waits for a scope that is thawed, or gone */
int monitor_new(const FakeProcess *process);  /* the client's end */
void monitors_hang_up(const FakeProcess *process);   /* NULL: all */
