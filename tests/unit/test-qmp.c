/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The monitor's client against a scripted monitor on the other end of a socket pair. What the owner is told
 * is written down line by line; each test compares such a transcript. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "backend/qmp.h"
#include "util/auto.h"
#include "util/errors.h"

#define GREETING                                                                                            \
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "                  \
        "\"package\": \"x\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define NEGOTIATE(id) "{\"execute\":\"qmp_capabilities\",\"id\":" #id "}\n"
#define NEGOTIATED(id) "{\"return\": {}, \"id\": " #id "}\r\n"
#define EOF_REASON "QEMU closed its monitor"
#define LONG_USEC (3600ull * G_USEC_PER_SEC)

typedef struct Peer {
        sd_event *event;
        Qmp *qmp;
        QmpCall *call;              /* the latest; NULL once it has been answered */
        int fd;
        GString *transcript;
        unsigned n_events;
        const char *free_at;        /* the transcript's line at which the owner frees the Qmp */
        const char *cancel_at;      /* ... at which it cancels the latest call */
} Peer;

__attribute__((format(printf, 2, 3)))
static void note(Peer *peer, const char *format, ...) {
        g_autofree char *line = NULL;
        va_list ap;

        va_start(ap, format);
        line = g_strdup_vprintf(format, ap);
        va_end(ap);
        g_string_append_printf(peer->transcript, "%s\n", line);
        if (g_strcmp0(line, peer->free_at) == 0)
                peer->qmp = qmp_free(peer->qmp);
        if (g_strcmp0(line, peer->cancel_at) == 0)
                peer->call = qmp_call_cancel(peer->call);
}

static void on_ready(void *userdata) {
        note(userdata, "ready");
}

static void on_event(void *userdata, const char *name, JsonObject *data) {
        Peer *peer = userdata;
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
        g_autofree char *text = NULL;

        json_node_set_object(node, data);
        text = json_to_string(node, FALSE);
        peer->n_events++;
        note(peer, "event %s %s", name, text);
}

static void on_closed(void *userdata, const char *reason) {
        note(userdata, "closed: %s", reason);
}

static const QmpObserver observer = {.ready = on_ready, .event = on_event, .closed = on_closed};

static void on_reply(void *userdata, int r, JsonNode *result, const sd_bus_error *error) {
        Peer *peer = userdata;

        if (r >= 0) {
                g_autofree char *text = json_to_string(result, FALSE);

                g_assert_null(error);
                note(peer, "return %s", text);
        } else {
                g_assert_null(result);
                g_assert_true(sd_bus_error_has_name(error, VMM_ERROR_MONITOR_FAILED));
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
                g_assert_true(r == -EPIPE || r == -ETIMEDOUT);
                note(peer, "%s: %s", r == -EPIPE ? "failed" : "timeout", error->message);
        }
        peer->call = NULL;
}

static void setup(Peer *peer, gconstpointer data) {
        int pair[2];

        *peer = (Peer) {.transcript = g_string_new(NULL)};
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
        g_assert_cmpint(sd_event_new(&peer->event), >=, 0);
        g_assert_cmpint(qmp_new(peer->event, pair[0], &observer, peer, &peer->qmp), ==, 0);
        peer->fd = pair[1];
}

static void teardown(Peer *peer, gconstpointer data) {
        char buffer[4096];
        ssize_t n = 0;

        peer->qmp = qmp_free(peer->qmp);
        do
                n = peer->fd >= 0 ? recv(peer->fd, buffer, sizeof(buffer), 0) : 0;
        while (n > 0);
        g_assert_true(n == 0 || errno == ECONNRESET);   /* the client's end is closed */
        fd_close(peer->fd);
        sd_event_unref(peer->event);
        g_string_free(peer->transcript, TRUE);
}

/* Lets the client do all that it can do now: it must come to rest. */
static void settle(Peer *peer) {
        unsigned turns = 0;

        while (sd_event_run(peer->event, 0) > 0)
                g_assert_cmpuint(++turns, <, 1000000);
}

static void send_all(Peer *peer, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = send(peer->fd, data, size, MSG_NOSIGNAL);

                if (n < 0 && errno == EPIPE)
                        break;
                g_assert_true(n > 0 || errno == EAGAIN);
                settle(peer);
                data += MAX(n, 0);
                size -= (size_t) MAX(n, 0);
        }
        settle(peer);
}

static void say(Peer *peer, const char *text) {
        send_all(peer, text, strlen(text));
}

static void hang_up(Peer *peer) {
        peer->fd = fd_close(peer->fd);
        settle(peer);
}

/* What the client has sent since the last time. */
static char *heard(Peer *peer) {
        GString *text = g_string_new(NULL);
        char buffer[65536];
        ssize_t n;

        do {
                settle(peer);
                n = recv(peer->fd, buffer, sizeof(buffer), 0);
                g_string_append_len(text, buffer, MAX(n, 0));
        } while (n > 0);
        return g_string_free(text, FALSE);
}

static void assert_heard(Peer *peer, const char *expected) {
        g_autofree char *text = heard(peer);
        g_assert_cmpstr(text, ==, expected);
}

static void assert_told(Peer *peer, const char *expected) {
        g_assert_cmpstr(peer->transcript->str, ==, expected);
        g_string_truncate(peer->transcript, 0);
}

static void assert_told_begin(Peer *peer, const char *expected) {
        if (!g_str_has_prefix(peer->transcript->str, expected))
                g_assert_cmpstr(peer->transcript->str, ==, expected);
        g_string_truncate(peer->transcript, 0);
}

static void call(Peer *peer, const char *command, uint64_t timeout_usec) {
        int r = qmp_call(peer->qmp, command, NULL, timeout_usec, on_reply, peer, &peer->call);

        g_assert_cmpint(r, ==, 0);
}

static void setup_ready(Peer *peer, gconstpointer data) {
        setup(peer, data);
        say(peer, GREETING);
        assert_heard(peer, NEGOTIATE(1));
        say(peer, NEGOTIATED(1));
        assert_told(peer, "ready\n");
}

static void test_byte_by_byte(Peer *peer, gconstpointer data) {
        static const char greeting[] = GREETING, negotiated[] = NEGOTIATED(1);

        g_assert_null(qmp_version(peer->qmp));
        for (const char *p = greeting; *p; p++)
                send_all(peer, p, 1);
        g_assert_cmpstr(qmp_version(peer->qmp), ==, "7.2.22");
        assert_heard(peer, NEGOTIATE(1));
        for (const char *p = negotiated; *p; p++) {
                assert_told(peer, "");
                send_all(peer, p, 1);
        }
        assert_told(peer, "ready\n");
}

static void test_all_at_once(Peer *peer, gconstpointer data) {
        call(peer, "query-status", LONG_USEC);
        say(peer, "{\"event\": \"EARLY\"}\n" GREETING "{\"event\": \"A\", \"data\": {\"x\": 1}}\r\n");
        assert_told(peer, "event EARLY {}\nevent A {\"x\":1}\n");

        /* a reply to what has not been sent is none */
        say(peer, "{\"return\": {}, \"id\": 1}\n" NEGOTIATED(2) "{\"event\": \"B\"}\n");
        assert_told(peer, "ready\nevent B {}\n");
        assert_heard(peer, NEGOTIATE(2) "{\"execute\":\"query-status\",\"id\":1}\n");
        say(peer, "{\"event\": \"C\"}\n{\"return\": [], \"id\": 1}\n{\"event\": \"D\"}\n{\"event\"");
        assert_told(peer, "event C {}\nreturn []\nevent D {}\n");
        say(peer, ": \"E\"}\n");
        assert_told(peer, "event E {}\n");
}

static void test_strings(Peer *peer, gconstpointer data) {
        say(peer, "{\"event\": \"\\\"{[/*'\\\\\", \"data\": {\"\\ud83d\\uDE00\": \"\\\\ud800\"}}\n");
        assert_told(peer, "event \"{[/*'\\ {\"\xf0\x9f\x98\x80\":\"\\\\ud800\"}\n");
}

static void test_arguments(Peer *peer, gconstpointer data) {
        JsonObject *arguments = json_object_new();

        json_object_set_string_member(arguments, "device", "a\"b\\c\nd\xc3\xbc");
        json_object_set_int_member(arguments, "value", G_MAXINT64);
        g_assert_cmpint(qmp_call(peer->qmp, "balloon", arguments, LONG_USEC, on_reply, peer, NULL), ==, 0);
        assert_heard(peer, "{\"execute\":\"balloon\",\"arguments\":{\"device\":\"a\\\"b\\\\c\\nd\xc3\xbc\","
                "\"value\":9223372036854775807},\"id\":2}\n");
}

static void test_large_arguments(Peer *peer, gconstpointer data) {
        JsonObject *arguments = json_object_new();
        g_autofree char *large = g_strnfill(1000000, 'x');
        g_autofree char *expected = g_strconcat("{\"execute\":\"a\",\"arguments\":{\"x\":\"", large,
                "\"},\"id\":2}\n{\"execute\":\"b\",\"id\":3}\n", NULL);

        json_object_set_string_member(arguments, "x", large);
        g_assert_cmpint(qmp_call(peer->qmp, "a", arguments, LONG_USEC, on_reply, peer, NULL), ==, 0);
        call(peer, "b", LONG_USEC);
        assert_heard(peer, expected);
}

/* What the client has sent, and the number of the descriptor that came with it; -1: none. */
static int hear_fd(Peer *peer, char *ret_text, size_t size) {
        union {
                char buffer[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = {ret_text, size - 1};
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
        };
        ssize_t n;
        int fd = -1;

        settle(peer);
        n = recvmsg(peer->fd, &message, MSG_CMSG_CLOEXEC);
        ret_text[MAX(n, 0)] = 0;
        if (n > 0 && CMSG_FIRSTHDR(&message))
                memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
        return fd;
}

static ino_t inode_of(int fd) {
        struct stat st;

        g_assert_cmpint(fstat(fd, &st), ==, 0);
        return st.st_ino;
}

static void test_descriptors(Peer *peer, gconstpointer data) {
        autofd int first = -1, second = -1;
        char text[256];
        ino_t inodes[2];
        int pair[2];

        g_assert_cmpint(pipe(pair), ==, 0);
        inodes[0] = inode_of(pair[0]);
        inodes[1] = inode_of(peer->fd);
        g_assert_cmpint(qmp_call_with_fd(peer->qmp, "getfd", NULL, pair[0], LONG_USEC, on_reply, peer,
                NULL), ==, 0);
        g_assert_cmpint(qmp_call_with_fd(peer->qmp, "add-fd", NULL, dup(peer->fd), LONG_USEC, on_reply, peer,
                NULL), ==, 0);
        call(peer, "stop", LONG_USEC);

        first = hear_fd(peer, text, sizeof text);
        g_assert_cmpstr(text, ==, "{\"execute\":\"getfd\",\"id\":2}\n");
        g_assert_true(inode_of(first) == inodes[0]);
        g_assert_cmpint(write(pair[1], "x", 1), ==, 1);
        first = fd_close(first);
        g_assert_cmpint(write(pair[1], "x", 1), ==, -1);   /* the client has kept none */
        (void) close(pair[1]);

        assert_heard(peer, "");
        say(peer, "{\"id\": 2, \"return\": {}}\n");
        second = hear_fd(peer, text, sizeof text);
        g_assert_cmpstr(text, ==, "{\"execute\":\"add-fd\",\"id\":3}\n");
        g_assert_true(inode_of(second) == inodes[1]);
        assert_heard(peer, "{\"execute\":\"stop\",\"id\":4}\n");
        assert_told(peer, "return {}\n");
}

static void test_descriptor_given_up(Peer *peer, gconstpointer data) {
        QmpCall *given_up;
        int pair[2];

        g_assert_cmpint(pipe(pair), ==, 0);
        g_assert_cmpint(qmp_call_with_fd(peer->qmp, "a", NULL, pair[0], LONG_USEC, on_reply, peer,
                &given_up), ==, 0);
        g_assert_cmpint(qmp_call_with_fd(peer->qmp, "b", NULL, pair[1], LONG_USEC, on_reply, peer, NULL),
                ==, 0);
        assert_heard(peer, "{\"execute\":\"a\",\"id\":2}\n");
        qmp_call_cancel(given_up);
        assert_heard(peer, "{\"execute\":\"b\",\"id\":3}\n");
}

static void test_out_of_order(Peer *peer, gconstpointer data) {
        call(peer, "a", LONG_USEC);
        call(peer, "b", LONG_USEC);
        call(peer, "c", LONG_USEC);
        settle(peer);
        say(peer, "{\"id\": 4, \"return\": \"c\"}\n"
                "{\"id\": 2, \"return\": \"a\"}\n"
                "{\"id\": 3, \"return\": \"b\"}\n");
        assert_told(peer, "return \"c\"\nreturn \"a\"\nreturn \"b\"\n");
}

static void test_refusal(Peer *peer, gconstpointer data) {
        call(peer, "cont", LONG_USEC);
        settle(peer);
        say(peer, "{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"Lock 'x' is held\"}}\n");
        assert_told(peer, "failed: QEMU refused 'cont' with 'Lock 'x' is held'\n");
}

static void test_hostile_words(Peer *peer, gconstpointer data) {
        g_autofree char *words = g_strnfill(100000, 'w');
        g_autofree char *reply = g_strdup_printf("{\"id\": 3, \"error\": {\"desc\": \"%s\"}}\n", words);

        call(peer, "cont", LONG_USEC);
        call(peer, "cont", LONG_USEC);
        settle(peer);
        say(peer, "{\"id\": 2, \"error\": {\"desc\": \"%s%n \\u001b[2J\\n\\u202e\\ud83d\\ude00\"}}\n");
        assert_told(peer, "failed: QEMU refused 'cont' with "
                "'%s%n \\x1b[2J\\x0a\\xe2\\x80\\xae\xf0\x9f\x98\x80'\n");
        say(peer, reply);
        g_assert_cmpuint(peer->transcript->len, <, 300);
        g_assert_nonnull(strstr(peer->transcript->str, "wwww..."));
}

static void test_refused_negotiation(Peer *peer, gconstpointer data) {
        call(peer, "stop", LONG_USEC);
        say(peer, GREETING);
        say(peer, "{\"id\": 2, \"error\": {\"desc\": \"no\"}}\n");
        assert_told(peer, "failed: QEMU refused 'qmp_capabilities' with 'no'\n"
                "closed: QEMU refused 'qmp_capabilities' with 'no'\n");
}

static void test_end_amid_negotiation(Peer *peer, gconstpointer data) {
        call(peer, "stop", LONG_USEC);
        say(peer, GREETING);
        hang_up(peer);
        assert_told(peer, "failed: " EOF_REASON "\nclosed: " EOF_REASON "\n");
}

/* The loop is run until something is told, however late a busy machine gets to it. */
static void wait_until_told(Peer *peer) {
        while (peer->transcript->len == 0)
                g_assert_cmpint(sd_event_run(peer->event, 10 * G_USEC_PER_SEC), >, 0);
}

static void test_deadline(Peer *peer, gconstpointer data) {
        int64_t begin = g_get_monotonic_time();

        call(peer, "patient", LONG_USEC);
        call(peer, "hasty", 250000);
        assert_heard(peer, "{\"execute\":\"patient\",\"id\":2}\n{\"execute\":\"hasty\",\"id\":3}\n");
        wait_until_told(peer);
        g_assert_cmpint(g_get_monotonic_time() - begin, >=, 250000);
        assert_told(peer, "timeout: QEMU did not answer 'hasty' in time\n");

        say(peer, "{\"return\": \"late\", \"id\": 3}\n{\"return\": {}, \"id\": 2}\n");
        assert_told(peer, "return {}\n");
}

static void test_deadline_before_ready(Peer *peer, gconstpointer data) {
        call(peer, "hasty", 10000);
        wait_until_told(peer);
        assert_told(peer, "timeout: QEMU did not answer 'hasty' in time\n");

        say(peer, GREETING);
        say(peer, NEGOTIATED(2));
        assert_told(peer, "ready\n");
        assert_heard(peer, NEGOTIATE(2));
}

static void test_end_of_file(Peer *peer, gconstpointer data) {
        int r;

        call(peer, "a", LONG_USEC);
        call(peer, "b", LONG_USEC);
        settle(peer);
        say(peer, "{\"return\": {\"status\": \"runn");
        hang_up(peer);
        assert_told(peer, "failed: " EOF_REASON "\n"
                "failed: " EOF_REASON "\n"
                "closed: " EOF_REASON "\n");
        r = qmp_call(peer->qmp, "c", json_object_new(), LONG_USEC, on_reply, peer, NULL);
        g_assert_cmpint(r, ==, -ENOTCONN);
        settle(peer);
        assert_told(peer, "");
}

static void test_last_words(Peer *peer, gconstpointer data) {
        static const char words[] = "{\"event\": \"SHUTDOWN\"}\n";

        /* Nothing may run in between: the write fails while the words wait to be read. */
        call(peer, "stop", LONG_USEC);
        g_assert_cmpint(send(peer->fd, words, sizeof(words) - 1, 0), ==, sizeof(words) - 1);
        hang_up(peer);
        assert_told(peer, "event SHUTDOWN {}\n"
                "failed: " EOF_REASON "\n"
                "closed: " EOF_REASON "\n");
}

static void test_deaf_monitor(Peer *peer, gconstpointer data) {
        call(peer, "stop", LONG_USEC);
        g_assert_cmpint(shutdown(peer->fd, SHUT_RD), ==, 0);
        settle(peer);
        assert_told(peer, "failed: Writing to the monitor failed: Broken pipe\n"
                "closed: Writing to the monitor failed: Broken pipe\n");
}

#define NOT_QMP "The monitor sent something that is not QMP: "

/* Each ends a connection that was ready and had a call in flight, which has the id 2. */
static const char *const garbage[] = {
        "", "\r", "GET / HTTP/1.1", "null", "42", "\"text\"", "[]", "{", "}", "{}", "{}}", "{]",
        "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{\"return\": {}, \"id\": 2} {}",
        "{\"return\": {}, \"id\": 2} // done", "{\"return\": {}, /* \" */ \"id\": 2}",
        "{'return': {}, 'id': 2}", "var x = {\"return\": {}, \"id\": 2}",
        "\xef\xbb\xbf{\"return\": {}, \"id\": 2}", "{\"return\": \"\xff\", \"id\": 2}",
        "{\"return\": \"\xc3", "{\"return\": \"\\ud800\", \"id\": 2}",
        "{\"return\": \"\\ud800\\ud800\", \"id\": 2}", "{\"return\": \"\\udc00\\u0041\", \"id\": 2}",
        "{\"return\": \"\\ud8\\udc00\\u0041\", \"id\": 2}", "{\"return\": \"\\u00\", \"id\": 2}",
        "{\"return\": \"\\", "{\"return\": \"\\ud8", "{\"return\": {}}",
        "{\"return\": {}, \"id\": \"2\"}", "{\"return\": {}, \"id\": 2.0}",
        "{\"return\": {}, \"id\": null}", "{\"return\": {}, \"id\": {}}", "{\"id\": 2}",
        "{\"error\": {\"desc\": \"no id\"}}", "{\"error\": \"text\", \"id\": 2}",
        "{\"error\": {\"class\": \"no text\"}, \"id\": 2}", "{\"error\": {\"desc\": 42}, \"id\": 2}",
        "{\"error\": {\"desc\": \"both\"}, \"return\": {}, \"id\": 2}", "{\"event\": 42}",
        "{\"event\": null}", "{\"event\": \"A\", \"data\": []}", "{\"event\": \"A\", \"data\": null}",
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 8}}}}",
};

static void test_garbage(Peer *peer, gconstpointer data) {
        for (size_t i = 0; i < G_N_ELEMENTS(garbage); i++) {
                g_autofree char *line = g_strconcat(garbage[i], "\n", NULL);
                g_auto(GStrv) told = NULL;

                call(peer, "stop", LONG_USEC);
                settle(peer);
                say(peer, line);
                told = g_strsplit(peer->transcript->str, "\n", -1);
                g_assert_cmpuint(g_strv_length(told), ==, 3);
                g_assert_true(g_str_has_prefix(told[0], "failed: " NOT_QMP "'"));
                g_assert_true(g_str_has_prefix(told[1], "closed: " NOT_QMP "'"));
                teardown(peer, NULL);
                setup_ready(peer, NULL);
        }
}

static void test_garbage_is_quoted(Peer *peer, gconstpointer data) {
        say(peer, "qemu: %s \x1b[2J\xff\n");
        assert_told(peer, "closed: " NOT_QMP "'qemu: %s \\x1b[2J\\xff'\n");
}

static void test_no_greeting(Peer *peer, gconstpointer data) {
        static const char *const lines[] = {
                NEGOTIATED(1),
                "{\"QMP\": {}}\n",
                "{\"QMP\": []}\n",
                "{\"QMP\": {\"version\": 7}}\n",
                "{\"QMP\": {\"version\": {\"qemu\": \"7.2.22\"}}}\n",
                "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": \"7\"}}}}\n",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
                say(peer, lines[i]);
                assert_told_begin(peer, "closed: " NOT_QMP);
                g_assert_null(qmp_version(peer->qmp));
                teardown(peer, NULL);
                setup(peer, NULL);
        }
}

/* PREFIX UNIT UNIT ... SUFFIX */
static void say_many(Peer *peer, const char *prefix, const char *unit, unsigned n, const char *suffix) {
        g_autoptr(GString) line = g_string_new(prefix);

        for (unsigned i = 0; i < n; i++)
                g_string_append(line, unit);
        g_string_append(line, suffix);
        send_all(peer, line->str, line->len);
}

static void test_line_limit(Peer *peer, gconstpointer data) {
        static const char event[] = "{\"event\": \"LONG\"}";
        unsigned padding = QMP_LINE_MAX - (sizeof(event) - 1);

        say_many(peer, event, " ", padding, "\n");
        assert_told(peer, "event LONG {}\n");
        say_many(peer, event, " ", padding + 1, "\n");
        assert_told(peer, "closed: The monitor sent a line of more than 4194304 bytes\n");
}

static void test_depth_limit(Peer *peer, gconstpointer data) {
        static const char open[] = "{\"event\": \"DEEP\", \"data\": {\"x\": ";
        g_autofree char *close = g_strnfill(63, ']');
        g_autofree char *deep = g_strconcat(close + 1, "}}\n", NULL);
        g_autofree char *too_deep = g_strconcat(close, "}}\n", NULL);

        say_many(peer, open, "[", 62, deep);
        assert_told_begin(peer, "event DEEP {\"x\":[[");
        say_many(peer, open, "[", 63, too_deep);
        assert_told_begin(peer, "closed: " NOT_QMP);
}

static void test_size_limit(Peer *peer, gconstpointer data) {
        call(peer, "query-qmp-schema", LONG_USEC);
        settle(peer);
        say_many(peer, "{\"return\": [0", ", 0", 60000, "], \"id\": 2}\n");
        g_assert_cmpuint(peer->transcript->len, >, 120000);
        assert_told_begin(peer, "return [0,0,0,");

        say_many(peer, "{\"event\": \"WIDE\", \"data\": {\"x\": [0", ", 0", 70000, "]}}\n");
        assert_told_begin(peer, "closed: " NOT_QMP);
}

static void test_free_within(Peer *peer, gconstpointer data) {
        static const struct {
                const char *at, *told;
        } table[] = {
                {"event A {}", "event A {}\n"},
                {"ready", "event A {}\nready\n"},
                {"event B {}", "event A {}\nready\nevent B {}\n"},
                {"return {}", "event A {}\nready\nevent B {}\nreturn {}\n"},
                {"failed: " EOF_REASON,
                        "event A {}\nready\nevent B {}\nreturn {}\nfailed: " EOF_REASON "\n"},
                {"closed: " EOF_REASON,
                        "event A {}\nready\nevent B {}\nreturn {}\nfailed: " EOF_REASON "\n"
                        "failed: " EOF_REASON "\nclosed: " EOF_REASON "\n"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                peer->free_at = table[i].at;
                call(peer, "a", LONG_USEC);
                call(peer, "b", LONG_USEC);
                call(peer, "c", LONG_USEC);
                say(peer, GREETING "{\"event\": \"A\"}\n");
                say(peer, NEGOTIATED(4) "{\"event\": \"B\"}\n");
                say(peer, "{\"return\": {}, \"id\": 1}\n");
                hang_up(peer);
                g_assert_null(peer->qmp);
                assert_told(peer, table[i].told);
                teardown(peer, NULL);
                setup(peer, NULL);
        }
}

static void test_free_at_deadline(Peer *peer, gconstpointer data) {
        peer->free_at = "timeout: QEMU did not answer 'hasty' in time";
        call(peer, "patient", LONG_USEC);
        call(peer, "hasty", 10000);
        wait_until_told(peer);
        g_assert_null(peer->qmp);
        settle(peer);
        assert_told(peer, "timeout: QEMU did not answer 'hasty' in time\n");
}

static void test_cancel(Peer *peer, gconstpointer data) {
        g_assert_null(qmp_call_cancel(NULL));

        call(peer, "before it is sent", LONG_USEC);
        peer->call = qmp_call_cancel(peer->call);
        assert_heard(peer, "");
        call(peer, "after", LONG_USEC);
        assert_heard(peer, "{\"execute\":\"after\",\"id\":3}\n");
        peer->call = qmp_call_cancel(peer->call);
        say(peer, "{\"return\": {}, \"id\": 3}\n");
        assert_told(peer, "");
}

static void test_cancel_within(Peer *peer, gconstpointer data) {
        peer->cancel_at = "return \"itself\"";
        call(peer, "a", LONG_USEC);
        settle(peer);
        say(peer, "{\"return\": \"itself\", \"id\": 2}\n");
        assert_told(peer, "return \"itself\"\n");

        peer->cancel_at = "return \"another\"";
        call(peer, "b", LONG_USEC);
        call(peer, "c", LONG_USEC);
        settle(peer);
        say(peer, "{\"return\": \"another\", \"id\": 3}\n{\"return\": {}, \"id\": 4}\n");
        assert_told(peer, "return \"another\"\n");
}

static void test_monitor_that_does_not_read(Peer *peer, gconstpointer data) {
        unsigned n_calls = 100000, n_heard;
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        for (unsigned i = 0; i < n_calls; i++) {
                call(peer, "given-up", LONG_USEC);
                settle(peer);
                peer->call = qmp_call_cancel(peer->call);
        }
        call(peer, "wanted", LONG_USEC);
        settle(peer);

        text = heard(peer);
        lines = g_strsplit(text, "\n", -1);
        n_heard = g_strv_length(lines) - 1;   /* what follows the last line feed is empty */
        g_assert_cmpstr(lines[n_heard], ==, "");
        g_assert_cmpuint(n_heard, <, n_calls / 2);
        for (unsigned i = 0; i < n_heard - 1; i++)
                g_assert_true(g_str_has_prefix(lines[i], "{\"execute\":\"given-up\",\"id\":"));
        g_assert_cmpstr(lines[n_heard - 1], ==, "{\"execute\":\"wanted\",\"id\":100002}");
}

static int on_other(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        note(userdata, "another's turn");
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static void test_flood(Peer *peer, gconstpointer data) {
        static const char event[] = "{\"event\": \"FLOOD\"}\n";
        g_autoptr(sd_event_source) other = NULL;
        g_autoptr(GString) flood = g_string_new(NULL);
        unsigned n_before = 0;
        ssize_t n;

        for (unsigned i = 0; i < 100000; i++)
                g_string_append(flood, event);
        n = send(peer->fd, flood->str, flood->len, 0);
        g_assert_cmpint(n, >, 100000);
        call(peer, "stop", LONG_USEC);
        g_assert_cmpint(sd_event_add_io(peer->event, &other, peer->fd, EPOLLIN, on_other, peer), >=, 0);
        while (!strstr(peer->transcript->str, "another's turn")) {
                n_before = peer->n_events;
                g_assert_cmpint(sd_event_run(peer->event, 0), >, 0);
        }
        assert_heard(peer, "{\"execute\":\"stop\",\"id\":2}\n");
        g_assert_cmpuint(peer->n_events, ==, n / strlen(event));
        g_assert_cmpuint(n_before, <, peer->n_events / 2);
}

int main(int argc, char *argv[]) {
        static const struct {
                const char *title;
                void (*setup)(Peer *peer, gconstpointer data);
                void (*test)(Peer *peer, gconstpointer data);
        } tests[] = {
                {"the greeting may come byte by byte", setup, test_byte_by_byte},
                {"messages in one piece are taken one by one", setup, test_all_at_once},
                {"strings may hold anything", setup_ready, test_strings},
                {"arguments are quoted", setup_ready, test_arguments},
                {"large arguments are sent piece by piece", setup_ready, test_large_arguments},
                {"descriptors go one at a time", setup_ready, test_descriptors},
                {"one that is given up holds up nobody", setup_ready, test_descriptor_given_up},
                {"replies find their calls in any order", setup_ready, test_out_of_order},
                {"a refusal has QEMU's words", setup_ready, test_refusal},
                {"hostile words are quoted and cut", setup_ready, test_hostile_words},
                {"refused capabilities end the connection", setup, test_refused_negotiation},
                {"the end amid negotiation is told once", setup, test_end_amid_negotiation},
                {"a call fails at its deadline, and nothing else does", setup_ready, test_deadline},
                {"a call whose time ends before ready is not sent", setup, test_deadline_before_ready},
                {"the end amid a reply fails every call, once", setup_ready, test_end_of_file},
                {"last words are heard though a write fails", setup_ready, test_last_words},
                {"a monitor that closes its ears ends the connection", setup_ready, test_deaf_monitor},
                {"what is not QMP ends the connection", setup_ready, test_garbage},
                {"what is not QMP is shown harmlessly", setup_ready, test_garbage_is_quoted},
                {"without a proper greeting the connection ends", setup, test_no_greeting},
                {"a line may have QMP_LINE_MAX bytes and not one more", setup_ready, test_line_limit},
                {"nesting is bounded", setup_ready, test_depth_limit},
                {"a schema's worth of values passes, more does not", setup_ready, test_size_limit},
                {"the owner may free it from within any callback", setup, test_free_within},
                {"the owner may free it at a deadline", setup, test_free_at_deadline},
                {"a cancelled call is silent", setup_ready, test_cancel},
                {"calls may be cancelled from within a reply", setup_ready, test_cancel_within},
                {"what is not read does not pile up", setup_ready, test_monitor_that_does_not_read},
                {"a flood of events delays nothing else", setup_ready, test_flood},
        };

        (void) signal(SIGPIPE, SIG_IGN);
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
                g_autofree char *path = g_strconcat("/qmp/", tests[i].title, NULL);
                g_test_add(path, Peer, NULL, tests[i].setup, tests[i].test, teardown);
        }
        return g_test_run();
}
