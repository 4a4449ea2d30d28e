/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The monitor's client listens to anything. Promised: it comes to rest; each call is answered once, then the
 * end is told once; what it says is short and valid UTF-8; and its owner may free it whenever it is told
 * something. The first byte, a digit, is the owner's part: halved, it says at which of the things it is
 * told it frees the client (0: never); when it is odd, the rest arrives in pieces of 7 bytes. The rest is
 * what the monitor says. */

#include <string.h>
#include <sys/socket.h>

#include "backend/qmp.h"
#include "fuzz.h"
#include "util/auto.h"
#include "util/errors.h"

#define LONG_USEC (3600ull * G_USEC_PER_SEC)

typedef struct Owner {
        Qmp *qmp;
        unsigned free_at, n_told, n_waiting, n_closed;
} Owner;

static void assert_presentable(const char *text) {
        g_assert_true(g_utf8_validate(text, -1, NULL));
        g_assert_cmpuint(strlen(text), <, 512);
}

static void told(Owner *owner) {
        g_assert_nonnull(owner->qmp);
        g_assert_cmpuint(owner->n_closed, ==, 0);
        if (++owner->n_told == owner->free_at)
                owner->qmp = qmp_free(owner->qmp);
}

static void on_reply(void *userdata, int r, JsonNode *result, const sd_bus_error *error) {
        Owner *owner = userdata;

        if (r < 0)
                assert_presentable(error->message);
        g_assert_cmpint(!result, ==, r < 0);
        g_assert_cmpint(!error, ==, r == 0);
        g_assert_cmpuint(owner->n_waiting, >, 0);
        owner->n_waiting--;
        told(owner);
}

static void ask(Owner *owner) {
        int r = qmp_call(owner->qmp, "query-status", NULL, LONG_USEC, on_reply, owner, NULL);

        g_assert_cmpint(r, ==, 0);
        owner->n_waiting++;
}

static void on_ready(void *userdata) {
        Owner *owner = userdata;

        g_assert_nonnull(qmp_version(owner->qmp));
        ask(owner);
        told(owner);
}

static void on_event(void *userdata, const char *name, JsonObject *data) {
        g_assert_true(g_utf8_validate(name, -1, NULL));
        g_assert_nonnull(data);
        told(userdata);
}

static void on_closed(void *userdata, const char *reason) {
        Owner *owner = userdata;

        assert_presentable(reason);
        g_assert_cmpuint(owner->n_waiting, ==, 0);
        told(owner);
        owner->n_closed++;
}

static const QmpObserver observer = {.ready = on_ready, .event = on_event, .closed = on_closed};

static void settle(sd_event *event) {
        unsigned turns = 0;

        while (sd_event_run(event, 0) > 0)
                g_assert_cmpuint(++turns, <, 100000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static sd_event *event;
        Owner owner = {0};
        size_t piece;
        int pair[2];

        if (size == 0 || !g_ascii_isdigit(data[0]))
                return 0;
        if (!event) {
                g_assert_cmpint(errors_register(), >=, 0);
                g_assert_cmpint(sd_event_new(&event), >=, 0);
        }
        owner.free_at = (data[0] - '0') / 2u;
        piece = data[0] % 2 ? 7 : 65536;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
        g_assert_cmpint(qmp_new(event, pair[0], &observer, &owner, &owner.qmp), ==, 0);
        ask(&owner);
        ask(&owner);
        for (size_t i = 1, n; i < size && owner.qmp && owner.n_closed == 0; i += n) {
                n = MIN(size - i, piece);
                g_assert_cmpint(send(pair[1], data + i, n, MSG_NOSIGNAL), ==, n);
                settle(event);
        }
        fd_close(pair[1]);
        settle(event);
        g_assert_true(!owner.qmp || owner.n_closed == 1);
        qmp_free(owner.qmp);
        return 0;
}
