/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A client of QEMU's monitor (QMP, docs/interop/qmp-spec in QEMU's source): greeting, capabilities, commands
 * with a deadline each, events. Never blocks; never trusts what it reads. One object is one connection. */

#include <json-glib/json-glib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* Bytes; a longer line ends the connection. The longest reply that QEMU is asked for, its schema, has
 * 240,000. */
#define QMP_LINE_MAX (4u << 20)

typedef struct Qmp Qmp;
typedef struct QmpCall QmpCall;

/* All are called from the event loop, never from within a function of this header. Any of them, and any
 * reply, may free the Qmp, make calls and cancel calls. */
typedef struct QmpObserver {
        void (*ready)(void *userdata);   /* commands are sent from now on */
        void (*event)(void *userdata, const char *name, JsonObject *data);   /* data: never NULL */
        void (*closed)(void *userdata, const char *reason);   /* once, after all calls have failed */
} QmpObserver;

/* r: 0 with the `return` value, or negative with MonitorFailed in *error (QEMU's own words, or why the
 * connection ended); r is -ETIMEDOUT when there was no answer in time. The call is gone afterwards. */
typedef void (*QmpReply)(void *userdata, int r, JsonNode *result, const sd_bus_error *error);

/* Takes the connected socket; the observer must outlive the Qmp. Returns 0 or a negative errno (the
 * descriptor is closed then). */
int qmp_new(sd_event *event, int fd, const QmpObserver *observer, void *userdata, Qmp **ret);
Qmp *qmp_free(Qmp *qmp);   /* pending calls are dropped without an answer */

/* Sends a command. arguments (may be NULL) is consumed. ret (may be NULL) allows to cancel. May be called
 * before `ready`: the command waits, and its time runs. Returns 0, or -ENOTCONN when the connection has
 * ended. */
int qmp_call(Qmp *qmp, const char *command, JsonObject *arguments, uint64_t timeout_usec, QmpReply reply,
        void *userdata, QmpCall **ret);

/* The same with a descriptor for commands that take one (getfd, add-fd). It is taken, also when this fails;
 * -1 is none. Such commands are sent one after the other, each when the one before has been answered. */
int qmp_call_with_fd(Qmp *qmp, const char *command, JsonObject *arguments, int fd, uint64_t timeout_usec,
        QmpReply reply, void *userdata, QmpCall **ret);

/* The reply will not be called; QEMU may still carry the command out. Accepts NULL, returns NULL. */
QmpCall *qmp_call_cancel(QmpCall *call);

/* Takes what QEMU has sent so far, when its end is known before its last words: events and answers, not the
 * closing of the connection, which is told in its turn. */
void qmp_drain(Qmp *qmp);

/* QEMU's version from the greeting, e.g. "7.2.22"; NULL before. */
const char *qmp_version(const Qmp *qmp);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Qmp, qmp_free)
