/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How calls to the service manager are kept. For unit.c, which sends them, and those that start units:
 * unit-scope.c and unit-service.c. */

#include "host/unit.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD(name) "org.freedesktop.systemd1." name   /* its errors and interfaces */

typedef enum CallKind {
        CALL_START,
        CALL_FREEZE,
        CALL_THAW,
        CALL_KILL,
        CALL_STOP,
        CALL_ABANDON,
        CALL_ATTACH,
        CALL_PROCESSES,
        CALL_PROPERTY,
        CALL_SET,
        CALL_GET_ALL,
} CallKind;

struct Units {
        sd_bus *bus;
        UnitReply known;
        void *userdata;
        char *version, **features, *control_group;
        int pidfds;                  /* 1 taken, 0 refused, -1 not tried */
        GHashTable *watches;         /* unit -> UnitWatch */
        GQueue in_flight, waiting;   /* UnitCall */
        sd_bus_slot *match_job, *match_removed, *match_changed, *match_stop, *match_reloading, *get_version,
                *get_features, *get_control_group, *get_state;
        void (*state_reply)(void *userdata, const char *state);
        void *state_userdata;
};

/* What a start needs to try again. */
typedef struct StartState {
        char *slice, *description, *job;
        bool of_slice;               /* whose parent, wanted, is `slice`; a service comes after that */
        int *pidfds;
        unsigned n_pidfds;
        bool delegate, send_sigkill;
        uid_t delegate_to;
        uint64_t timeout_stop_usec;
        GVariant *properties, *slices;
        char **argv, **environment;  /* of a service; NULL: of a scope */
        uint64_t timeout_start_usec, began_usec;
        enum { START_FIRST, START_RESET, START_WAITING, START_LAST } stage;
        sd_event_source *timer;
} StartState;

struct UnitCall {
        Units *units;
        CallKind kind;
        char *unit;
        int signal;
        const char *property;
        char *subgroup;
        pid_t pid;
        GVariant *properties;
        bool sent, repeated, canceled;
        unsigned tries;              /* of the freezer's, after the first */
        sd_event_source *timer;      /* until the next one */
        bool forgotten;   /* in the manager's hands when it began to reload */
        StartState *start;
        sd_bus_slot *slot;
        union {
                UnitReply reply;
                UnitProcessesReply processes_reply;
                UnitPropertyReply property_reply;
                UnitPropertiesReply properties_reply;
        };
        void *userdata;
};

/* Sends the call, or sends it again. Returns 0 or a negative errno. */
int call_send(UnitCall *call);

/* Sends it again after something was mended; fails it when the bus is gone. */
void call_resend(UnitCall *call);

/* Sends it, or lets it wait for its turn. On error the call is gone and nobody is told. */
int call_submit(UnitCall *call, UnitCall **ret);
UnitCall *call_new(Units *units, CallKind kind, const char *unit, void *userdata);

/* Takes the call off the books, tells its listener, frees it. */
void call_finish(UnitCall *call, int r, const sd_bus_error *error);

/* The parts of a start that only unit-scope.c knows. */
StartState *start_state_free(StartState *start);
int start_append(sd_bus_message *m, const UnitCall *call);
bool start_again(UnitCall *call, const sd_bus_error *error); /* whether it tries on after this error */
void start_job_removed(Units *units, const char *job, const char *result);
void start_unit_removed(Units *units, const char *unit);

/* The same for a service: what the manager is told, and what a job's end means for it. */
int service_append(sd_bus_message *m, const UnitCall *call);
int service_result(const UnitCall *call, const char *result, sd_bus_error *error);

/* The Result among the properties of a scope that have changed; NULL when it is not among them. */
const char *scope_changed_result(sd_bus_message *m);
