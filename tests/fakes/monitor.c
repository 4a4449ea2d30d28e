/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The far end of QEMU's monitor: notes each command it hears and answers as the test has told it. */

#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "fakes/world.h"
#include "util/auto.h"

#define GREETING                                                                                            \
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "                  \
        "\"package\": \"\"}, \"capabilities\": []}}"

/* A command that was heard; the greeting is one, for this purpose. */
typedef struct Question {
        char *command;
        int64_t id;
} Question;

typedef struct Monitor {
        const FakeProcess *process;
        int fd;
        sd_event_source *io;
        GString *input;
        GQueue waiting; /* Question */
} Monitor;

static void question_free(Question *question) {
        g_free(question->command);
        g_free(question);
}

static void monitor_say(Monitor *monitor, const char *line) {
        g_autofree char *text = g_strconcat(line, "\r\n", NULL);

        (void) send(monitor->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void monitor_free(Monitor *monitor) {
        happen_not(monitor);
        g_ptr_array_remove(world.monitors, monitor);
        sd_event_source_disable_unref(monitor->io);
        fd_close(monitor->fd);
        g_string_free(monitor->input, TRUE);
        g_queue_clear_full(&monitor->waiting, (GDestroyNotify) question_free);
        g_free(monitor);
}

static void question_answer(Monitor *monitor, const Question *question) {
        const char *value = g_hash_table_lookup(world.returns, question->command);
        g_autofree char *line = g_str_equal(question->command, "greeting")
                                        ? g_strdup(GREETING)
                                        : g_strdup_printf("{\"return\": %s, \"id\": %" G_GINT64_FORMAT "}",
                                                  value ? value : "{}", question->id);

        monitor_say(monitor, line);
}

static void question_refuse(Monitor *monitor, const Question *question) {
        g_autofree char *line =
                g_strdup_printf("{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, "
                                "\"id\": %" G_GINT64_FORMAT "}",
                        question->id);

        monitor_say(monitor, line);
}

/* Returns whether the monitor is still there. */
static bool question_take(Monitor *monitor, const char *command, int64_t id) {
        Question *question = g_new(Question, 1);

        *question = (Question) {g_strdup(command), id};
        switch ((MonitorMood) GPOINTER_TO_INT(g_hash_table_lookup(world.moods, command))) {
        case MONITOR_WAITS:
                g_queue_push_tail(&monitor->waiting, question);
                return true;
        case MONITOR_ANSWERS:
                question_answer(monitor, question);
                break;
        case MONITOR_REFUSES:
                question_refuse(monitor, question);
                break;
        case MONITOR_BABBLES:
                monitor_say(monitor, "SSH-2.0-OpenSSH_9.2p1");
                break;
        case MONITOR_HANGS_UP:
                question_free(question);
                monitor_free(monitor);
                return false;
        }
        question_free(question);
        return true;
}

static bool monitor_hear(Monitor *monitor, const char *line) {
        g_autoptr(JsonParser) parser = json_parser_new();
        JsonObject *message;
        JsonNode *arguments;
        const char *command;

        g_assert_true(json_parser_load_from_data(parser, line, -1, NULL));
        message = json_node_get_object(json_parser_get_root(parser));
        command = json_object_get_string_member(message, "execute");
        arguments = json_object_get_member(message, "arguments");
        g_autofree char *text = arguments ? json_to_string(arguments, FALSE) : g_strdup("");
        if (!g_str_equal(command, "qmp_capabilities"))
                note("qemu %s%s%s", command, arguments ? " " : "", text);
        return question_take(monitor, command, json_object_get_int_member(message, "id"));
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Monitor *monitor = userdata;
        char buffer[4096];
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);

        if (n <= 0) {
                monitor_free(monitor);
                return 0;
        }
        g_string_append_len(monitor->input, buffer, n);
        for (char *end; (end = strchr(monitor->input->str, '\n'));) {
                g_autofree char *line = g_strndup(monitor->input->str, (size_t) (end - monitor->input->str));

                g_string_erase(monitor->input, 0, end - monitor->input->str + 1);
                if (!monitor_hear(monitor, line))
                        break;
        }
        return 0;
}

static void monitor_act_greet(void *data) {
        (void) question_take(data, "greeting", 0);
}

int monitor_new(const FakeProcess *process) {
        Monitor *monitor = g_new0(Monitor, 1);
        int pair[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
        *monitor = (Monitor) {
                .process = process, .fd = pair[1], .input = g_string_new(NULL), .waiting = G_QUEUE_INIT};
        g_assert_cmpint(
                sd_event_add_io(world.event, &monitor->io, pair[1], EPOLLIN, on_input, monitor), >=, 0);
        g_ptr_array_add(world.monitors, monitor);
        happen(monitor_act_greet, monitor);
        return pair[0];
}

void monitors_hang_up(const FakeProcess *process) {
        for (unsigned i = world.monitors->len; i > 0; i--) {
                Monitor *monitor = world.monitors->pdata[i - 1];
                if (!process || monitor->process == process)
                        monitor_free(monitor);
        }
}

void monitor_does(const char *command, MonitorMood mood) {
        g_hash_table_insert(world.moods, (void *) command, GINT_TO_POINTER(mood));
}

static void monitor_end_wait(const char *command, void (*end)(Monitor *monitor, const Question *question)) {
        for (unsigned i = 0; i < world.monitors->len; i++) {
                Monitor *monitor = world.monitors->pdata[i];

                for (GList *link = monitor->waiting.head; link; link = link->next) {
                        Question *question = link->data;

                        if (!g_str_equal(question->command, command))
                                continue;
                        end(monitor, question);
                        g_queue_delete_link(&monitor->waiting, link);
                        question_free(question);
                        return;
                }
        }
        g_error("no monitor waits at %s", command);
}

void monitor_goes_on(const char *command) {
        monitor_end_wait(command, question_answer);
}

void monitor_refuses(const char *command) {
        monitor_end_wait(command, question_refuse);
}

void monitor_returns(const char *command, const char *json) {
        g_hash_table_insert(world.returns, (void *) command, (void *) json);
}

void monitor_tells_data(const char *event, const char *data) {
        g_autofree char *line = g_strdup_printf("{\"event\": \"%s\", \"data\": %s, "
                                                "\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}",
                event, data);

        for (unsigned i = 0; i < world.monitors->len; i++)
                monitor_say(world.monitors->pdata[i], line);
}

void monitor_tells(const char *event, const char *reason) {
        g_autofree char *data = g_strdup_printf("{\"guest\": true, \"reason\": \"%s\"}", reason);

        monitor_tells_data(event, data);
}
