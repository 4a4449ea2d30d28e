/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The conversation with a guest's agent, whose end the test holds. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "backend/agent.h"
#include "util/auto.h"
#include "util/errors.h"

#define SYNC_BEGINS "\xff{\"execute\": \"guest-sync-delimited\", \"arguments\": {\"id\": "
#define SHUT_DOWN "{\"execute\": \"guest-shutdown\", \"arguments\": {\"mode\": \"powerdown\"}}\n"

typedef struct Talk {
        sd_event *event;
        Agent *agent;
        int guest;                     /* its end */
        int64_t id;
        unsigned replies;
        int r;
        char *name, *text;
        bool frees;                    /* the reply does */
} Talk;

static void on_reply(void *userdata, int r, const sd_bus_error *error) {
        Talk *talk = userdata;

        talk->replies++;
        talk->r = r;
        talk->name = g_strdup(error ? error->name : NULL);
        talk->text = g_strdup(error ? error->message : NULL);
        if (talk->frees)
                talk->agent = agent_free(talk->agent);
}

/* Until nothing is left to do at once. */
static void settle(Talk *talk) {
        while (sd_event_run(talk->event, 0) > 0)
                ;
}

static void await_reply(Talk *talk) {
        while (talk->replies == 0)
                g_assert_cmpint(sd_event_run(talk->event, UINT64_MAX), >=, 0);
}

static void hears(Talk *talk, char *buffer, size_t size) {
        ssize_t n = recv(talk->guest, buffer, size - 1, MSG_DONTWAIT);

        g_assert_cmpint(n, >, 0);
        buffer[n] = 0;
}

static void says(Talk *talk, const char *data, size_t size) {
        g_assert_cmpint(send(talk->guest, data, size, MSG_NOSIGNAL), ==, (ssize_t) size);
        settle(talk);
}

static void begin(Talk *talk) {
        char question[256];
        int pair[2];

        *talk = (Talk) {.frees = true};
        g_assert_cmpint(sd_event_new(&talk->event), >=, 0);
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
        talk->guest = pair[1];
        g_assert_cmpint(agent_shut_down(talk->event, pair[0], on_reply, talk, &talk->agent), ==, 0);
        hears(talk, question, sizeof question);
        g_assert_true(g_str_has_prefix(question, SYNC_BEGINS));
        talk->id = g_ascii_strtoll(question + strlen(SYNC_BEGINS), NULL, 10);
}

static void end(Talk *talk) {
        agent_free(talk->agent);
        fd_close(talk->guest);
        sd_event_unref(talk->event);
        g_free(talk->name);
        g_free(talk->text);
}

static void answers_sync(Talk *talk, const char *before) {
        g_autofree char *answer = g_strdup_printf(
                "%s\xff{\"return\": %" G_GINT64_FORMAT "}\n", before, talk->id);

        says(talk, answer, strlen(answer));
}

static void assert_requested(Talk *talk) {
        char request[256];

        hears(talk, request, sizeof request);
        g_assert_cmpstr(request, ==, SHUT_DOWN);
        g_assert_cmpuint(talk->replies, ==, 0);
}

static void assert_failed(const Talk *talk, const char *name, const char *text) {
        g_assert_cmpuint(talk->replies, ==, 1);
        g_assert_cmpint(talk->r, <, 0);
        g_assert_cmpstr(talk->name, ==, name);
        g_assert_cmpstr(talk->text, ==, text);
}

/* Silence after the request is consent. */
static void test_obeys(void) {
        Talk talk;

        begin(&talk);
        answers_sync(&talk, "old {\"return\": {}}\n");
        assert_requested(&talk);
        await_reply(&talk);
        g_assert_cmpint(talk.r, ==, 0);
        end(&talk);
}

static void test_ends_at_once(void) {
        Talk talk;

        begin(&talk);
        answers_sync(&talk, "");
        assert_requested(&talk);
        talk.guest = fd_close(talk.guest);
        settle(&talk);
        g_assert_cmpuint(talk.replies, ==, 1);
        g_assert_cmpint(talk.r, ==, 0);
        end(&talk);
}

static void test_refuses(void) {
        static const struct {
                const char *says, *text;
        } table[] = {
                {"{\"error\": {\"class\": \"GenericError\", \"desc\": \"not %n%s now\\u001b[2J\"}}\n",
                        "The guest's agent refuses to shut down with 'not %n%s now\\x1b[2J'"},
                {"{\"return\": {}}\n{\"error\": 5}\n", "The guest's agent refuses to shut down with ''"},
                {"{\"error\": {\"desc\": 5}}\n", "The guest's agent refuses to shut down with ''"},
                {"{\"error\": {\"desc\": []}}\n", "The guest's agent refuses to shut down with ''"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                Talk talk;

                begin(&talk);
                answers_sync(&talk, "");
                assert_requested(&talk);
                says(&talk, table[i].says, strlen(table[i].says));
                assert_failed(&talk, VMM_ERROR_MONITOR_FAILED, table[i].text);
                end(&talk);
        }
}

/* Whatever is no answer to the question is passed over; the time is not begun again. */
static void test_is_none(void) {
        static const char *const noise[] = {
                "", "hello\n", "\xff", "\xff\n", "\xff{}\n", "\xff[1]\n", "\xff{\"return\": \"x\"}\n",
                "\xff{\"return\": -1}\n", "\xff{\"return\": {}}\n", "\xff\xff\xff\n", "\xff{{{{{{{{{{{{\n",
                "\xff{\"return\": 1e999}\n", "{\"return\": 0}\n",
        };
        Talk talks[G_N_ELEMENTS(noise)];

        for (size_t i = 0; i < G_N_ELEMENTS(noise); i++) {
                begin(&talks[i]);
                says(&talks[i], noise[i], strlen(noise[i]));
                g_assert_cmpuint(talks[i].replies, ==, 0);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(noise); i++) {
                await_reply(&talks[i]);
                assert_failed(&talks[i], VMM_ERROR_GUEST_TIMEOUT, "The guest's agent does not answer");
                end(&talks[i]);
        }
}

static void test_babbles(void) {
        static const char fills[] = {'x', '\xff', '\n', '{'};

        for (size_t i = 0; i < G_N_ELEMENTS(fills); i++) {
                char block[1024];
                Talk talk;

                begin(&talk);
                memset(block, fills[i], sizeof block);
                for (unsigned n = 0; n <= AGENT_BYTES_MAX / sizeof block && talk.replies == 0; n++)
                        says(&talk, block, sizeof block);
                assert_failed(&talk, VMM_ERROR_MONITOR_FAILED, "The guest's agent babbles");
                end(&talk);
        }
}

static void test_hangs_up(void) {
        Talk talk;

        begin(&talk);
        talk.guest = fd_close(talk.guest);
        settle(&talk);
        assert_failed(&talk, VMM_ERROR_MONITOR_FAILED, "The guest's agent hung up");
        end(&talk);
}

/* Its owner may lose interest at any time. */
static void test_freed(void) {
        Talk talk;

        begin(&talk);
        answers_sync(&talk, "");
        talk.agent = agent_free(talk.agent);
        settle(&talk);
        g_assert_cmpuint(talk.replies, ==, 0);
        end(&talk);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);
        g_test_add_func("/agent/one that obeys says nothing", test_obeys);
        g_test_add_func("/agent/one that obeys may hang up", test_ends_at_once);
        g_test_add_func("/agent/a refusal is told in quotes", test_refuses);
        g_test_add_func("/agent/noise is no answer", test_is_none);
        g_test_add_func("/agent/one that babbles is given up", test_babbles);
        g_test_add_func("/agent/one that hangs up is none", test_hangs_up);
        g_test_add_func("/agent/it can be freed meanwhile", test_freed);
        return g_test_run();
}
