/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hangs up what was said before, by a question with a number that only its answer has, and then makes the
 * request. Knows two commands, and never waits. */

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "backend/agent.h"
#include "config/text.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/json-guard.h"

/* Neither JSON nor UTF-8: before it is what does not concern us. */
#define SENTINEL '\xff'
#define READ_SIZE 4096u

#define SYNC "{\"execute\": \"guest-sync-delimited\", \"arguments\": {\"id\": %" PRIi64 "}}\n"
#define SHUT_DOWN "{\"execute\": \"guest-shutdown\", \"arguments\": {\"mode\": \"powerdown\"}}\n"

static const JsonLimits agent_limits = {8, 64, 0};

struct Agent {
        sd_event_source *io;           /* owns the socket */
        sd_event_source *deadline;
        GString *input;
        size_t bytes;                  /* that came, ever */
        int64_t id;
        bool in_step;                  /* its sentinel was seen */
        bool asked;                    /* it is an agent, and has the request */
        AgentReply reply;
        void *userdata;
};

Agent *agent_free(Agent *agent) {
        if (!agent)
                return NULL;
        sd_event_source_disable_unref(agent->io);
        sd_event_source_disable_unref(agent->deadline);
        g_string_free(agent->input, TRUE);
        g_free(agent);
        return NULL;
}

/* The agent may be gone afterwards. */
static void agent_answer(Agent *agent, int r, const sd_bus_error *error) {
        (void) sd_event_source_set_enabled(agent->io, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(agent->deadline, SD_EVENT_OFF);
        agent->reply(agent->userdata, r, error);
}

static void agent_fail(Agent *agent, const char *name, const char *text) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = sd_bus_error_set(&error, name, text);

        agent_answer(agent, r, &error);
}

static int agent_say(Agent *agent, const char *text) {
        size_t size = strlen(text);

        /* An empty socket takes all of it. */
        return send(sd_event_source_get_io_fd(agent->io), text, size, MSG_DONTWAIT | MSG_NOSIGNAL) ==
                               (ssize_t) size ? 0 : -EIO;
}

static int agent_request(Agent *agent) {
        agent->asked = true;
        if (agent_say(agent, SHUT_DOWN) < 0)
                return -EIO;
        return sd_event_source_set_time_relative(agent->deadline, AGENT_REFUSAL_USEC);
}

/* Returns whether it is the answer to the first question. */
static bool is_sync(const Agent *agent, JsonObject *message) {
        JsonNode *node = json_object_get_member(message, "return");

        return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64 &&
               json_node_get_int(node) == agent->id;
}

static void agent_refuse(Agent *agent, JsonObject *message) {
        JsonNode *node = json_object_get_member(message, "error");
        JsonObject *error = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        JsonNode *words = error ? json_object_get_member(error, "desc") : NULL;
        bool is_text = words && JSON_NODE_HOLDS_VALUE(words) && json_node_get_string(words);
        g_autofree char *quoted = text_quote(is_text ? json_node_get_string(words) : "");
        g_autofree char *text = g_strdup_printf("The guest's agent refuses to shut down with %s", quoted);

        agent_fail(agent, VMM_ERROR_MONITOR_FAILED, text);
}

/* Returns whether there is more to wait for; if not, the agent may be gone. */
static bool take_line(Agent *agent, const char *line, size_t size) {
        g_autoptr(JsonParser) parser = json_parser_new();
        JsonObject *message;

        if (!json_is_one_object(line, size, &agent_limits) ||
                !json_parser_load_from_data(parser, line, (gssize) size, NULL))
                return true;   /* noise */
        message = json_node_get_object(json_parser_get_root(parser));
        if (!agent->asked) {
                if (!is_sync(agent, message) || agent_request(agent) >= 0)
                        return true;
                agent_fail(agent, VMM_ERROR_MONITOR_FAILED, "The guest's agent does not listen");
                return false;
        }
        if (!json_object_has_member(message, "error"))
                return true;
        agent_refuse(agent, message);
        return false;
}

/* Takes the lines that are complete. */
static void agent_take(Agent *agent) {
        for (;;) {
                char *start = agent->input->str, *stop;
                size_t size = agent->input->len;

                if (!agent->in_step) {
                        stop = memchr(start, SENTINEL, size);
                        if (!stop) {
                                g_string_truncate(agent->input, 0);
                                return;
                        }
                        agent->in_step = true;
                } else {
                        stop = memchr(start, '\n', size);
                        if (!stop)
                                return;
                        g_autofree char *line = g_strndup(start, (size_t) (stop - start));
                        const char *json = *line == SENTINEL ? line + 1 : line;

                        if (!take_line(agent, json, strlen(json)))
                                return;
                }
                g_string_erase(agent->input, 0, stop + 1 - start);
        }
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Agent *agent = userdata;
        char buffer[READ_SIZE];
        ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                /* A guest that ends right away has heard it. */
                if (agent->asked)
                        agent_answer(agent, 0, NULL);
                else
                        agent_fail(agent, VMM_ERROR_MONITOR_FAILED, "The guest's agent hung up");
                return 0;
        }
        agent->bytes += (size_t) n;
        if (agent->bytes > AGENT_BYTES_MAX) {
                agent_fail(agent, VMM_ERROR_MONITOR_FAILED, "The guest's agent babbles");
                return 0;
        }
        g_string_append_len(agent->input, buffer, n);
        agent_take(agent);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Agent *agent = userdata;

        if (agent->asked)
                agent_answer(agent, 0, NULL);
        else
                agent_fail(agent, VMM_ERROR_GUEST_TIMEOUT, "The guest's agent does not answer");
        return 0;
}

int agent_shut_down(sd_event *event, int fd, AgentReply reply, void *userdata, Agent **ret) {
        g_autofree char *hello = NULL;
        autofd int owned = fd;
        Agent *agent;
        uint32_t id;
        int r;

        if (getrandom(&id, sizeof id, 0) != sizeof id)
                return -EIO;
        agent = g_new0(Agent, 1);
        *agent = (Agent) {.input = g_string_new(NULL), .id = id, .reply = reply, .userdata = userdata};
        r = sd_event_add_io(event, &agent->io, fd, EPOLLIN, on_io, agent);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(agent->io, true);
        if (r >= 0) {
                (void) fd_steal(&owned);
                r = sd_event_add_time_relative(event, &agent->deadline, CLOCK_MONOTONIC, AGENT_SYNC_USEC, 0,
                        on_deadline, agent);
        }
        if (r >= 0) {
                /* The agent, too, drops what it had heard before. */
                hello = g_strdup_printf("%c" SYNC, SENTINEL, agent->id);
                r = agent_say(agent, hello);
        }
        if (r < 0) {
                agent_free(agent);
                return r;
        }
        *ret = agent;
        return 0;
}
