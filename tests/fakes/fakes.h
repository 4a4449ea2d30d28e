/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The made-up host that takes the place of the host room in the bus tests: a service manager, cgroups,
 * processes, QEMU's monitor. What it is asked to do it notes as lines on the daemon's own connection, so
 * that whoever listens there reads one true order. What happens in it happens by itself, one thing after the
 * other, whenever the connection has come to rest; the functions below make other things happen, or make it
 * refuse, wait or fail. Nothing of the real machine is touched. */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define FAKE_NOTE_INTERFACE "org.example.Fake"
#define FAKE_PID_FIRST 101   /* of the first process forked; the next ones follow */

/* of_user: the service manager is a user's own. */
void host_new(sd_event *event, sd_bus *connection, bool of_user);
void host_free(void);

/* All that is left of scopes, living children, runtime folders and of what was opened, a line each. */
char *host_leftovers(void);

/* ---- systemd. A call is named by the beginning of its note: "FreezeUnit vmm-web.scope". ---- */

void systemd_holds(const char *call);     /* neither does nor answers such calls before systemd_goes_on() */
void systemd_refuses(const char *call, const char *error, const char *text);
void systemd_goes_on(const char *call);   /* with the oldest that it holds */

/* As systemd 252 does: what is below a slice is frozen and thawed with it, each on its own. */
void systemd_reaches_below_slices(void);
void systemd_is(const char *state);       /* "stopping" */
void systemd_freezes_slice(const char *slice, bool freeze);   /* for somebody else */

void systemd_stops_slice(const char *slice);

void systemd_has_scope(const char *unit, const char *slice);   /* a stranger's, with one process */
void systemd_asks_to_stop(const char *unit);
void systemd_judges(const char *unit, const char *result);   /* told when it is stopped or removed */
void systemd_sweeps_first(const char *unit);                 /* removes the cgroup before we look at it */
void systemd_keeps(const char *unit);                        /* the unit of a scope that is empty */
void systemd_applies_late(void);          /* settings of what is frozen wait for the next ones, as in 257 */

/* ---- The kernel. ---- */

void scope_freezes(const char *unit);   /* from outside */
void scope_thaws(const char *unit);
void scope_runs_out_of_memory(const char *unit, pid_t pid);   /* and the kernel chooses that process */
void scope_sticks(const char *unit);    /* one of its tasks does not freeze: "nfsd", in state D */
void scope_unsticks(const char *unit);
void scope_kept_quiet(const char *unit, bool quiet);   /* its events are not told, or not any more */
void slice_freezes(const char *slice);
void slice_thaws(const char *slice);

void scope_freezes_below(const char *unit, const char *group);   /* "/a": the payload itself; NULL: not */

/* Groups below a delegated scope. A call is named by the beginning of its note: "group pin vmm-vm.scope". */
void group_call_fails(const char *call, int error);      /* negative errno; 0: it does nothing at all */
void group_is_there(const char *unit, const char *name); /* threaded, made by somebody else */
void host_has_kvm(void);
void host_lacks(const char *controller);                 /* "cpu" or "cpuset"; this host has the CPUs 0-3 */
void scopes_may_use(const char *cpus);

/* ---- Processes. A signal that ends programs ends one, unless it is deaf; SIGKILL always does. ---- */

void process_runs(pid_t pid, uid_t uid);           /* a stranger's, to be adopted */
void process_joins(pid_t pid, const char *unit);   /* forked by what runs there */
void process_exits(pid_t pid, int code);
void process_dies(pid_t pid, int signal);
void process_turns_deaf(pid_t pid);
void process_is_dragged_to(pid_t pid, const char *cgroup);   /* by hand, out of its scope */
void process_says(pid_t pid, const char *text);              /* to its standard error */
int process_pidfd(pid_t pid);                                /* the caller's */

void fork_fails(int error);          /* negative errno */
void exec_fails(const char *text);
void children_die_early(void);       /* before they reach their scope, unnoticed until then */
void folder_fails(int error);        /* the runtime folder; negative errno */

void device_goes(const char *node);  /* of those in device.c */
void host_bridges_nothing(void);     /* for the interfaces of networks */
void host_has_no_labels(void);       /* for programs; else its kernel takes each */

/* ---- The machine. ---- */

void kernel_says(const char *line);   /* about virtualisation */
void daemon_said(const char *line);   /* into the journal */
void journal_goes(void);
void cpu_goes(void);                  /* one of its four */

/* ---- The machine. ---- */

void cpu_goes(void);                  /* one of its four */

/* ---- machined, which is not there until it comes. ---- */

void machined_comes(void);
void machined_signals(const char *name, int signal);   /* the leader */

/* ---- logind, which is not there until it comes. ---- */

void logind_comes(void);
void logind_refuses(const char *call);    /* "PowerOff", "CanReboot": with an error */
void logind_announces(bool going_down);

/* ---- Images of saved domains: what is done to the newest one that something is done to. ---- */

void images_fail(int error);               /* what begins with one; negative errno, 0: not any more */
void image_progresses(uint64_t bytes);
void image_is_received(void);              /* QEMU has closed its end of the pipe */
void image_is_done(int error);             /* 0: well */

/* ---- QEMU's monitor: what it does at the greeting, or when it hears a command. ---- */

typedef enum MonitorMood {
        MONITOR_ANSWERS,
        MONITOR_WAITS,
        MONITOR_REFUSES,
        MONITOR_BABBLES,
        MONITOR_HANGS_UP,
} MonitorMood;

void monitor_does(const char *command, MonitorMood mood);   /* "greeting", "stop", "system_powerdown" */
void monitor_goes_on(const char *command);                  /* answers the oldest of these that waits */
void monitor_refuses(const char *command);                  /* the same, but with an error */
void monitor_returns(const char *command, const char *json);   /* instead of {} */
void monitor_tells(const char *event, const char *reason);
void monitor_tells_data(const char *event, const char *data);   /* JSON */
