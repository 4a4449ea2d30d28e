/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's rooms over a made-up host, at one end of a socket pair, and a client at the other, which is
 * the bus daemon and polkit as well; both on one event loop. All that the client says and hears, and all
 * that the host is asked, becomes one transcript, which tests compare. Its lines:
 *
 *   > web.Pause()                            a call
 *   < web.Pause: Error.Busy: Cannot ...      its answer
 *   + domain/web, - job/1                    InterfacesAdded, InterfacesRemoved
 *   web: State 'paused', Paused true         PropertiesChanged: what is new in it, but for the instants
 *   web.StateChanged('pausing', ...)         other signals
 *   polkit? :1.7: pause, domain web ...      a question to polkit
 *   systemd FreezeUnit vmm-web.scope         and other notes of the made-up host
 *   ! web.State: told 'paused', is ...       a property that is not as its signals said: never right
 *
 * The instant in the name of what has ended is WHEN there: "web-WHEN".
 */

#include "bus/bus.h"
#include "fakes/fakes.h"

#define CREATE_PAUSED UINT64_C(0)
#define CREATE_START UINT64_C(1)
#define CREATE_AUTODESTROY UINT64_C(2)

typedef enum PolkitMood {
        POLKIT_NO,
        POLKIT_YES,
        POLKIT_CHALLENGE,   /* yes, if the user may be asked */
        POLKIT_ABSENT,
        POLKIT_FAILS,
        POLKIT_BABBLES,
        POLKIT_WAITS,       /* until polkit_answers() */
} PolkitMood;

typedef struct Bench {
        sd_event *event;
        sd_bus *server, *client;
        Units *units;
        Manager *manager;
        Bus *bus;
        unsigned n_descriptors;   /* open when the test began */
        GString *transcript;
        bool quiet;               /* calls and answers are not written down */
        bool slices;              /* their signals are written down, too */
        char *answer;             /* the latest answer, as in the transcript */
        unsigned n_open;          /* calls without an answer yet */
        GHashTable *names;        /* 32 hex digits -> name of a domain */
        GHashTable *told;         /* object -> (property -> text) */
        GHashTable *callers;      /* unique name -> UID; root those that are not here */
        GHashTable *gone;         /* unique names that have left */
        bool bus_waits;           /* questions to the bus are kept, too */
        PolkitMood polkit;
        GQueue questions;         /* sd_bus_message: kept */
} Bench;

/* For g_test_add(): with "user" as the data the daemon serves a user. */
void bench_setup(Bench *bench, gconstpointer data);
void bench_teardown(Bench *bench, gconstpointer data);

/* The daemon ends. */
void bench_stop(Bench *bench);

#define BENCH_TEST(path, function) g_test_add(path, Bench, NULL, bench_setup, function, bench_teardown)

/* Lets everything happen that happens by itself now: all comes to rest. */
void settle(Bench *bench);

/* Lets time pass until the transcript has this in it. */
void await(Bench *bench, const char *text);

/* The job of the domain, or the step it waits in, was given this long; now that time is over. */
void time_is_up(Bench *bench, const char *domain, uint64_t usec);

/* The transcript since the last time, line by line, must be this; looks too whether all properties are as
 * their signals said. */
void expect_lines(Bench *bench, const char *const *lines);
#define expect(bench, ...) expect_lines(bench, (const char *const[]) {__VA_ARGS__, NULL})
#define expect_nothing(bench) expect_lines(bench, (const char *const[]) {NULL})
void forget(Bench *bench);   /* the transcript so far */

/* No domain, no job, and nothing on the host. */
void expect_empty(Bench *bench);

/* Calls. An object is "manager", "node", "job/1", "slice/a.slice" or the name of a domain; the caller ":1.1"
 * if not told. */

sd_bus_message *message_new(Bench *bench, const char *object, const char *member);
sd_bus_message *message_new_as(Bench *bench, const char *sender, const char *object, const char *member);
sd_bus_message *message_new_get(Bench *bench, const char *object, const char *property);
sd_bus_message *message_new_set(Bench *bench, const char *object, const char *property);
void message_append(sd_bus_message *m, const char *types, ...);
void message_send(Bench *bench, sd_bus_message *m);   /* consumed; settles */

/* types as for sd_bus_message_append(), or NULL */
void call(Bench *bench, const char *object, const char *member, const char *types, ...);

/* call(bench, CREATE, "web", 1, PAYLOAD, CREATE_START) */
#define CREATE "manager", "CreateDomain", "sa{sv}t"
#define PAYLOAD "Command", "as", 1, "/bin/payload"
#define QEMU "Kernel", "s", "/boot/vmlinuz", "Accelerator", "s", "tcg"   /* two keys */
#define QEMU_RESOURCES /* what such a domain gets, as the service manager hears it */                       \
        "MemoryMax=413138944 OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] DeviceAllow="        \
        "[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', 'rw'), ('/dev/char/10:196', 'rw')]"
void create_as(Bench *bench, const char *sender, const char *name, uint64_t flags);   /* of PAYLOAD */

/* The same when nothing can go wrong; the transcript does not have it. */
void create(Bench *bench, const char *name, uint64_t flags);
void create_qemu(Bench *bench, const char *name, uint64_t flags);

/* ---- The bus daemon and polkit. ---- */

void caller_is(Bench *bench, const char *sender, uid_t uid);
void caller_leaves(Bench *bench, const char *sender);
void bus_answers(Bench *bench);                       /* the oldest question to the bus */
void polkit_answers(Bench *bench, PolkitMood mood);   /* the oldest question to it */

/* ---- Text. ---- */

/* The rest of the message's content, as the transcript has it. Domains go by their names. */
void text_append_contents(GString *text, sd_bus_message *m, GHashTable *names);
void text_append_value(GString *text, sd_bus_message *m, GHashTable *names);
void text_append_property(GString *text, sd_bus_message *m, const char *name, GHashTable *names);
char *text_object(const char *path, GHashTable *names);
const char *text_uuid_owner(const char *string, GHashTable *names);   /* the domain whose UUID it is; NULL */
const char *text_error_name(const char *name);

/* ---- Between the files of the bench. ---- */

__attribute__((format(printf, 2, 3))) void write_down(Bench *bench, const char *format, ...);
const char *object_interface(const char *object);
char *object_path(const char *object);
int bench_listen(sd_bus_message *m, void *userdata, sd_bus_error *error);
int question_take(Bench *bench, sd_bus_message *m, bool polkit);
void told_compare(Bench *bench);   /* writes down what is not as it was told */
