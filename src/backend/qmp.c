/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One connection to QEMU's monitor: what is sent, what is waited for, what comes in. Knows QMP's envelopes
 * and no command but qmp_capabilities; never waits, and never lets what QEMU sends grow or recurse without
 * bound. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "backend/qmp.h"
#include "config/text.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/json-guard.h"

#define QMP_READ_SIZE 16384u    /* per turn of the loop: a babbling monitor gets no more than its share */
#define QMP_DRAIN_READS 64u     /* of that size: more than a socket holds */
#define QMP_DEPTH_MAX 64u       /* of nested values; QEMU's schema has 6 */
#define QMP_VALUES_MAX 65536u   /* in one line; QEMU's schema has 16,000 */
#define QMP_QUOTED_MAX 256u     /* bytes of a bad line that an error may show */
#define QMP_ACCURACY_USEC 1000u

static const JsonLimits qmp_limits = {QMP_DEPTH_MAX, QMP_VALUES_MAX, 0};

typedef enum QmpState {
        QMP_GREETING,      /* waiting for it */
        QMP_NEGOTIATING,   /* qmp_capabilities is on its way */
        QMP_READY,
        QMP_ENDED,
} QmpState;

struct Qmp {
        sd_event *event;
        sd_event_source *io;           /* owns the socket */
        const QmpObserver *observer;   /* NULL once the owner has freed us */
        void *userdata;
        QmpState state;
        char *version;
        GString *input;                /* the line that is not complete yet */
        GString *output;               /* the rest of the command that is being written */
        int output_fd;                 /* goes with its next byte; -1: none */
        int64_t last_id;
        GQueue calls;                  /* QmpCall, in the order in which they were made */
};

struct QmpCall {
        Qmp *qmp;
        int64_t id;
        char *command;
        char *line;                    /* until its turn to be written comes */
        bool carries_fd;
        int fd;                        /* that goes with the line, as long; -1: none */
        sd_event_source *deadline;
        QmpReply reply;
        void *userdata;
};

/* NULL when it is missing or something else; so is a NULL object. */
static JsonObject *member_object(JsonObject *object, const char *name) {
        JsonNode *node = object ? json_object_get_member(object, name) : NULL;
        return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static JsonNode *member_value(JsonObject *object, const char *name, GType type) {
        JsonNode *node = object ? json_object_get_member(object, name) : NULL;
        return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type ? node : NULL;
}

static const char *member_string(JsonObject *object, const char *name) {
        JsonNode *node = member_value(object, name, G_TYPE_STRING);
        return node ? json_node_get_string(node) : NULL;
}

static bool member_int(JsonObject *object, const char *name, int64_t *ret) {
        JsonNode *node = member_value(object, name, G_TYPE_INT64);

        if (!node)
                return false;
        *ret = json_node_get_int(node);
        return true;
}

static void qmp_clear(Qmp *qmp) {
        g_string_free(qmp->input, TRUE);
        g_string_free(qmp->output, TRUE);
        fd_close(qmp->output_fd);
        g_free(qmp->version);
        sd_event_unref(qmp->event);
}

static void qmp_unref(Qmp *qmp) {
        g_rc_box_release_full(qmp, (GDestroyNotify) qmp_clear);
}

static void qmp_disconnect(Qmp *qmp) {
        qmp->state = QMP_ENDED;
        qmp->io = sd_event_source_disable_unref(qmp->io);
}

/* arguments: consumed, may be NULL; fd: taken, may be -1 */
static QmpCall *call_new(Qmp *qmp, const char *command, JsonObject *arguments, int fd, QmpReply reply,
        void *userdata) {
        g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
        QmpCall *call = g_new0(QmpCall, 1);
        JsonObject *message = json_object_new();
        g_autofree char *text = NULL;

        *call = (QmpCall) {
                .qmp = qmp, .id = ++qmp->last_id, .command = g_strdup(command),
                .carries_fd = fd >= 0, .fd = fd, .reply = reply, .userdata = userdata,
        };
        json_object_set_string_member(message, "execute", command);
        if (arguments)
                json_object_set_object_member(message, "arguments", arguments);
        json_object_set_int_member(message, "id", call->id);
        json_node_take_object(root, message);
        text = json_to_string(root, FALSE);
        call->line = g_strconcat(text, "\n", NULL);
        g_queue_push_tail(&qmp->calls, call);
        return call;
}

/* The next command to write, if any may be written now. QEMU keeps the descriptors of one message only: one
 * that has not been answered may not have been taken yet. */
static QmpCall *qmp_next_unsent(Qmp *qmp) {
        bool fd_underway = false;

        for (GList *l = qmp->calls.head; l && qmp->state == QMP_READY; l = l->next) {
                QmpCall *call = l->data;

                if (call->line)
                        return call->carries_fd && fd_underway ? NULL : call;
                fd_underway |= call->carries_fd;
        }
        return NULL;
}

static void call_send(QmpCall *call) {
        g_autofree char *line = g_steal_pointer(&call->line);

        g_string_append(call->qmp->output, line);
        call->qmp->output_fd = fd_steal(&call->fd);
}

static void qmp_rearm(Qmp *qmp) {
        if (qmp->state != QMP_ENDED)
                (void) sd_event_source_set_io_events(qmp->io,
                        qmp->output->len > 0 || qmp_next_unsent(qmp) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* It is not in the queue any more, which may be what others waited for. */
static void call_free(QmpCall *call) {
        qmp_rearm(call->qmp);
        sd_event_source_disable_unref(call->deadline);
        fd_close(call->fd);
        g_free(call->command);
        g_free(call->line);
        g_free(call);
}

/* The reply may free the Qmp, or cancel this call: whoever calls this holds a reference. */
static void call_answer(QmpCall *call, int r, JsonNode *result, const sd_bus_error *error) {
        g_queue_remove(&call->qmp->calls, call);
        call->reply(call->userdata, r, result, error);
        call_free(call);
}

QmpCall *qmp_call_cancel(QmpCall *call) {
        /* Not in the queue: it is being answered at this moment. */
        if (call && g_queue_remove(&call->qmp->calls, call))
                call_free(call);
        return NULL;
}

/* All that waits learns why, then the owner, if none of them frees us: the caller holds a reference. */
static void qmp_end(Qmp *qmp, const sd_bus_error *error) {
        qmp_disconnect(qmp);
        while (!g_queue_is_empty(&qmp->calls))
                call_answer(g_queue_peek_head(&qmp->calls), -sd_bus_error_get_errno(error), NULL, error);
        if (qmp->observer)
                qmp->observer->closed(qmp->userdata, error->message);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        QmpCall *call = userdata;
        Qmp *qmp = g_rc_box_acquire(call->qmp);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        (void) sd_bus_error_setf(&error, VMM_ERROR_MONITOR_FAILED,
                "QEMU did not answer '%s' in time", call->command);
        call_answer(call, -ETIMEDOUT, NULL, &error);
        qmp_unref(qmp);
        return 0;
}

static void on_negotiated(void *userdata, int r, JsonNode *result, const sd_bus_error *error) {
        Qmp *qmp = userdata;

        if (qmp->state == QMP_ENDED)
                return;
        if (r < 0) {
                qmp_end(qmp, error);
                return;
        }
        qmp->state = QMP_READY;
        qmp->observer->ready(qmp->userdata);
}

static int take_greeting(Qmp *qmp, JsonObject *message) {
        JsonObject *version = member_object(member_object(member_object(message, "QMP"), "version"), "qemu");
        int64_t major, minor, micro;
        QmpCall *call;

        if (qmp->state != QMP_GREETING || !member_int(version, "major", &major) ||
                !member_int(version, "minor", &minor) || !member_int(version, "micro", &micro))
                return -EBADMSG;

        qmp->version = g_strdup_printf("%" PRIi64 ".%" PRIi64 ".%" PRIi64, major, minor, micro);
        qmp->state = QMP_NEGOTIATING;
        call = call_new(qmp, "qmp_capabilities", NULL, -1, on_negotiated, qmp);
        call_send(call);
        return 0;
}

static int take_event(Qmp *qmp, JsonObject *message) {
        g_autoptr(JsonObject) nothing = json_object_new();
        const char *name = member_string(message, "event");
        bool has_data = json_object_has_member(message, "data");
        JsonObject *data = has_data ? member_object(message, "data") : nothing;

        if (!name || !data)
                return -EBADMSG;
        qmp->observer->event(qmp->userdata, name, data);
        return 0;
}

static QmpCall *qmp_find_sent(Qmp *qmp, int64_t id) {
        for (GList *l = qmp->calls.head; l; l = l->next) {
                QmpCall *call = l->data;
                if (call->id == id && !call->line)
                        return call;
        }
        return NULL;
}

static int take_reply(Qmp *qmp, JsonObject *message) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        JsonNode *result = json_object_get_member(message, "return");
        const char *words = member_string(member_object(message, "error"), "desc");
        g_autofree char *quoted = NULL;
        QmpCall *call;
        int64_t id;
        int r;

        if (qmp->state == QMP_GREETING || !result == !words || !member_int(message, "id", &id))
                return -EBADMSG;

        call = qmp_find_sent(qmp, id);
        if (!call)
                return 0;   /* cancelled or out of time */
        if (result) {
                call_answer(call, 0, result, NULL);
                return 0;
        }
        quoted = text_quote(words);
        r = sd_bus_error_setf(&error, VMM_ERROR_MONITOR_FAILED,
                "QEMU refused '%s' with %s", call->command, quoted);
        call_answer(call, r, NULL, &error);
        return 0;
}

static int take_line(Qmp *qmp, const char *line, size_t size, sd_bus_error *error) {
        g_autoptr(JsonParser) parser = json_parser_new();
        g_autofree char *start = NULL, *quoted = NULL;
        JsonObject *message = NULL;
        int r;

        if (json_is_one_object(line, size, &qmp_limits) &&
                json_parser_load_from_data(parser, line, (gssize) size, NULL))
                message = json_node_get_object(json_parser_get_root(parser));

        if (!message)
                r = -EBADMSG;
        else if (json_object_has_member(message, "event"))
                r = take_event(qmp, message);
        else if (json_object_has_member(message, "QMP"))
                r = take_greeting(qmp, message);
        else
                r = take_reply(qmp, message);
        if (r >= 0)
                return 0;

        start = g_strndup(line, MIN(size, QMP_QUOTED_MAX));
        quoted = text_quote(start);
        return sd_bus_error_setf(error, VMM_ERROR_MONITOR_FAILED,
                "The monitor sent something that is not QMP: %s", quoted);
}

/* Takes the lines that are complete. `fresh` is where the newest bytes begin: before it no line ends. */
static int qmp_take_input(Qmp *qmp, size_t fresh, sd_bus_error *error) {
        GString *input = qmp->input;
        size_t taken = 0;
        const char *stop;

        while (qmp->state != QMP_ENDED && (stop = memchr(input->str + fresh, '\n', input->len - fresh))) {
                int r = take_line(qmp, input->str + taken, (size_t) (stop - input->str) - taken, error);
                if (r < 0)
                        return r;
                taken = fresh = (size_t) (stop - input->str) + 1;
        }
        g_string_erase(input, 0, (gssize) taken);

        /* A large reply was an exception: its memory is not kept for the next one. */
        if (input->len == 0 && input->allocated_len > 2 * QMP_READ_SIZE) {
                g_string_free(input, TRUE);
                qmp->input = g_string_new(NULL);
        }
        return 0;
}

/* Returns 1 when there was something to read, 0 when not, negative when the connection cannot go on. */
static int qmp_read(Qmp *qmp, sd_bus_error *error) {
        size_t before = qmp->input->len, room = MIN(QMP_READ_SIZE, QMP_LINE_MAX + 1 - before);
        char buffer[QMP_READ_SIZE];
        ssize_t n;
        int r;

        n = recv(sd_event_source_get_io_fd(qmp->io), buffer, room, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n == 0 || (n < 0 && errno == ECONNRESET))
                return sd_bus_error_set(error, VMM_ERROR_MONITOR_FAILED, "QEMU closed its monitor");
        if (n < 0)
                return sd_bus_error_setf(error, VMM_ERROR_MONITOR_FAILED,
                        "Reading from the monitor failed: %s", g_strerror(errno));

        g_string_append_len(qmp->input, buffer, n);
        r = qmp_take_input(qmp, before, error);
        if (r < 0)
                return r;
        if (qmp->input->len > QMP_LINE_MAX)
                return sd_bus_error_setf(error, VMM_ERROR_MONITOR_FAILED,
                        "The monitor sent a line of more than %u bytes", QMP_LINE_MAX);
        return 1;
}

/* Sends what is left of the command, and its descriptor with the first of it. Returns what was sent, or -1
 * with errno. */
static ssize_t qmp_send(Qmp *qmp) {
        union {
                char buffer[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {0};
        struct iovec iov = {qmp->output->str, qmp->output->len};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;

        if (qmp->output_fd >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof control;
                *CMSG_FIRSTHDR(&message) = (struct cmsghdr) {
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS,
                        .cmsg_len = CMSG_LEN(sizeof(int)),
                };
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &qmp->output_fd, sizeof(int));
        }
        n = sendmsg(sd_event_source_get_io_fd(qmp->io), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
                qmp->output_fd = fd_close(qmp->output_fd);
        return n;
}

/* At most one command is in `output`; the others wait in their calls, and one that is given up before its
 * turn is never sent. Returns 0 or a negative errno. */
static int qmp_write(Qmp *qmp) {
        for (;;) {
                QmpCall *next = qmp->output->len == 0 ? qmp_next_unsent(qmp) : NULL;
                ssize_t n;

                if (next)
                        call_send(next);
                if (qmp->output->len == 0)
                        return 0;
                n = qmp_send(qmp);
                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                g_string_erase(qmp->output, 0, n);
        }
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Qmp *qmp = g_rc_box_acquire(userdata);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int written = revents & EPOLLOUT ? qmp_write(qmp) : 0;
        int r = qmp_read(qmp, &error);

        /* QEMU's last words may still be there when it hears no more: a failed write ends nothing before. */
        if (r == 0 && written < 0)
                r = sd_bus_error_setf(&error, VMM_ERROR_MONITOR_FAILED,
                        "Writing to the monitor failed: %s", g_strerror(-written));
        if (r < 0)
                qmp_end(qmp, &error);
        qmp_rearm(qmp);
        qmp_unref(qmp);
        return 0;
}

int qmp_new(sd_event *event, int fd, const QmpObserver *observer, void *userdata, Qmp **ret) {
        autofd int owned = fd;
        g_autoptr(Qmp) qmp = g_rc_box_new0(Qmp);
        int r;

        qmp->event = sd_event_ref(event);
        qmp->observer = observer;
        qmp->userdata = userdata;
        qmp->input = g_string_new(NULL);
        qmp->output = g_string_new(NULL);
        qmp->output_fd = -1;

        r = sd_event_add_io(event, &qmp->io, fd, EPOLLIN, on_io, qmp);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(qmp->io, true);
        if (r < 0)
                return r;
        (void) fd_steal(&owned);
        *ret = g_steal_pointer(&qmp);
        return 0;
}

Qmp *qmp_free(Qmp *qmp) {
        if (qmp) {
                qmp_disconnect(qmp);
                qmp->observer = NULL;
                g_queue_clear_full(&qmp->calls, (GDestroyNotify) call_free);
                qmp_unref(qmp);
        }
        return NULL;
}

int qmp_call_with_fd(Qmp *qmp, const char *command, JsonObject *arguments, int fd, uint64_t timeout_usec,
        QmpReply reply, void *userdata, QmpCall **ret) {
        QmpCall *call;
        int r;

        if (qmp->state == QMP_ENDED) {
                g_clear_pointer(&arguments, json_object_unref);
                fd_close(fd);
                return -ENOTCONN;
        }

        call = call_new(qmp, command, arguments, fd, reply, userdata);
        r = sd_event_add_time_relative(qmp->event, &call->deadline, CLOCK_MONOTONIC, timeout_usec,
                QMP_ACCURACY_USEC, on_deadline, call);
        if (r < 0) {
                qmp_call_cancel(call);
                return r;
        }
        qmp_rearm(qmp);
        if (ret)
                *ret = call;
        return 0;
}

int qmp_call(Qmp *qmp, const char *command, JsonObject *arguments, uint64_t timeout_usec, QmpReply reply,
        void *userdata, QmpCall **ret) {
        return qmp_call_with_fd(qmp, command, arguments, -1, timeout_usec, reply, userdata, ret);
}

void qmp_drain(Qmp *qmp) {
        g_auto(sd_bus_error) ignored = SD_BUS_ERROR_NULL;

        g_rc_box_acquire(qmp);
        for (unsigned i = 0; i < QMP_DRAIN_READS && qmp->state != QMP_ENDED; i++)
                if (qmp_read(qmp, &ignored) <= 0)
                        break;
        qmp_unref(qmp);
}

const char *qmp_version(const Qmp *qmp) {
        return qmp->version;
}
