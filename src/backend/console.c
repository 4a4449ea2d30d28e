/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring between a domain's console and those who look at it. It is the queue of every client as well: a
 * client is a position in the stream, and one that falls behind the ring's oldest byte goes on from there.
 * Nothing here waits, nor cares what it is that passes. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "backend/console.h"
#include "util/auto.h"

#define CONSOLE_READ_SIZE 16384u     /* per turn of the loop: a flooding guest gets no more than its share */
#define CONSOLE_DRAIN_MAX (4u << 20) /* more than a pipe or a socket holds: someone may keep writing */
#define CONSOLE_RING_MIN 4096u
#define CONSOLE_INPUT_SIZE 4096u

/* The newest bytes of a stream: its byte number n is data[n % size]. It grows only as long as it has never
 * wrapped, so that this stays true. */
typedef struct Ring {
        char *data;
        size_t size, limit;
        uint64_t written;            /* of the stream, ever */
} Ring;

typedef struct ConsoleClient {
        Console *console;
        sd_event_source *io;         /* owns the descriptor */
        uint64_t position;           /* in the stream: what it has got */
} ConsoleClient;

struct Console {
        sd_event *event;
        sd_event_source *source;     /* NULL when the domain's end is closed */
        sd_event_source *listener;
        GPtrArray *clients;          /* ConsoleClient */
        Ring ring;
        GString *input;              /* what waits for the domain; meanwhile no client is read */
};

static uint64_t ring_start(const Ring *ring) {
        return ring->written > ring->size ? ring->written - ring->size : 0;
}

/* What follows `position` without a break; *ret_size is 0 at the end of the stream. */
static const char *ring_peek(const Ring *ring, uint64_t position, size_t *ret_size) {
        size_t at = ring->size > 0 ? position % ring->size : 0;

        *ret_size = MIN(ring->written - position, ring->size - at);
        return ring->data + at;
}

/* size: at most the ring's limit. */
static void ring_append(Ring *ring, const char *data, size_t size) {
        while (ring->size < ring->limit && ring->written + size > ring->size) {
                ring->size = CLAMP(2 * ring->size, CONSOLE_RING_MIN, ring->limit);
                ring->data = g_realloc(ring->data, ring->size);
        }
        while (size > 0) {
                size_t at = ring->written % ring->size, part = MIN(size, ring->size - at);

                memcpy(ring->data + at, data, part);
                ring->written += part;
                data += part;
                size -= part;
        }
}

/* As much as the client takes now. One that hears no more gets nothing; if it has left, a hangup follows. */
static void client_send(ConsoleClient *client) {
        const Ring *ring = &client->console->ring;

        client->position = MAX(client->position, ring_start(ring));
        while (client->position < ring->written) {
                size_t size;
                const char *data = ring_peek(ring, client->position, &size);
                ssize_t n = send(sd_event_source_get_io_fd(client->io), data, size,
                        MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                client->position = n < 0 ? ring->written : client->position + (size_t) n;
        }
}

static void console_send(Console *console) {
        for (unsigned i = 0; i < console->clients->len; i++)
                client_send(console->clients->pdata[i]);
}

/* Each descriptor is watched for what can be done with it, and nothing else wakes the loop. */
static void console_rearm(Console *console) {
        bool blocked = console->input->len > 0;

        if (console->source)
                (void) sd_event_source_set_io_events(console->source,
                        EPOLLIN | (blocked ? EPOLLOUT : 0));
        for (unsigned i = 0; i < console->clients->len; i++) {
                ConsoleClient *client = console->clients->pdata[i];
                bool behind = client->position < console->ring.written;

                (void) sd_event_source_set_io_events(client->io,
                        (blocked ? 0 : EPOLLIN) | (behind ? EPOLLOUT : 0));
        }
}

static void source_end(Console *console) {
        console->source = sd_event_source_disable_unref(console->source);
        g_string_truncate(console->input, 0);
}

/* Returns how many bytes came. */
static size_t source_read(Console *console) {
        char buffer[CONSOLE_READ_SIZE];
        size_t size = MIN(sizeof(buffer), console->ring.limit);
        ssize_t n = read(sd_event_source_get_io_fd(console->source), buffer, size);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                source_end(console);
                return 0;
        }
        ring_append(&console->ring, buffer, (size_t) n);
        console_send(console);
        return (size_t) n;
}

static void source_write(Console *console) {
        ssize_t n = send(sd_event_source_get_io_fd(console->source), console->input->str,
                console->input->len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        g_string_erase(console->input, 0, n);   /* all of it for -1: a FIFO, or someone deaf */
}

static int on_source(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Console *console = userdata;

        if (revents & EPOLLOUT)
                source_write(console);
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
                (void) source_read(console);
        console_rearm(console);
        return 0;
}

/* Returns 0, or -EPIPE when the client has left. */
static int client_read(ConsoleClient *client, uint32_t revents) {
        Console *console = client->console;
        char buffer[CONSOLE_INPUT_SIZE];
        ssize_t n;

        if (console->input->len > 0)
                return revents & (EPOLLHUP | EPOLLERR) ? -EPIPE : 0;
        n = recv(sd_event_source_get_io_fd(client->io), buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                return -EPIPE;
        if (console->source) {
                g_string_append_len(console->input, buffer, n);
                source_write(console);
        }
        return 0;
}

static void client_free(ConsoleClient *client) {
        sd_event_source_disable_unref(client->io);
        g_free(client);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ConsoleClient *client = userdata;
        Console *console = client->console;

        if (revents & EPOLLOUT)
                client_send(client);
        if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && client_read(client, revents) < 0)
                g_ptr_array_remove_fast(console->clients, client);
        console_rearm(console);
        return 0;
}

/* Takes the descriptor, also on failure. */
static int watch(Console *console, int fd, sd_event_io_handler_t handler, void *userdata,
        sd_event_source **ret) {
        g_autoptr(sd_event_source) source = NULL;
        autofd int owned = fd;
        int r;

        r = sd_event_add_io(console->event, &source, fd, EPOLLIN, handler, userdata);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(source, true);
        if (r < 0)
                return r;
        (void) fd_steal(&owned);
        *ret = g_steal_pointer(&source);
        return 0;
}

static int client_new(Console *console, int fd) {
        g_autofree ConsoleClient *client = g_new0(ConsoleClient, 1);
        int r;

        client->console = console;
        client->position = ring_start(&console->ring);
        r = watch(console, fd, on_client, client, &client->io);
        if (r < 0)
                return r;
        g_ptr_array_add(console->clients, g_steal_pointer(&client));
        console_rearm(console);
        return 0;
}

static int on_listener(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Console *console = userdata;
        autofd int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        if (client >= 0 && console->clients->len < CONSOLE_CLIENTS_MAX)
                (void) client_new(console, fd_steal(&client));
        return 0;
}

int console_new(sd_event *event, size_t ring_bytes, Console **ret) {
        Console *console = g_new0(Console, 1);

        console->event = sd_event_ref(event);
        console->ring.limit = MAX(ring_bytes, CONSOLE_RING_MIN);
        console->clients = g_ptr_array_new_with_free_func((GDestroyNotify) client_free);
        console->input = g_string_new(NULL);
        *ret = console;
        return 0;
}

Console *console_free(Console *console) {
        if (!console)
                return NULL;
        console_drain(console);
        source_end(console);
        sd_event_source_disable_unref(console->listener);
        g_ptr_array_unref(console->clients);
        g_string_free(console->input, TRUE);
        g_free(console->ring.data);
        sd_event_unref(console->event);
        g_free(console);
        return NULL;
}

int console_set_source(Console *console, int fd) {
        sd_event_source *source;
        int r;

        r = watch(console, fd, on_source, console, &source);
        if (r < 0)
                return r;
        console_drain(console);
        source_end(console);
        console->source = source;
        console_rearm(console);
        return 0;
}

void console_drain(Console *console) {
        size_t total = 0, n = 1;

        while (console->source && n > 0 && total < CONSOLE_DRAIN_MAX)
                total += n = source_read(console);
        console_send(console);
        console_rearm(console);
}

void console_type(Console *console, const char *text) {
        if (!console->source)
                return;
        g_string_append(console->input, text);
        source_write(console);
        console_rearm(console);
}

int console_open(Console *console, int *ret_fd) {
        int pair[2], r;

        if (console->clients->len >= CONSOLE_CLIENTS_MAX)
                return -EUSERS;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        r = client_new(console, pair[0]);
        if (r < 0) {
                fd_close(pair[1]);
                return r;
        }
        *ret_fd = pair[1];
        return 0;
}

int console_listen(Console *console, int fd) {
        g_autoptr(sd_event_source) listener = NULL;
        int r;

        r = watch(console, fd, on_listener, console, &listener);
        if (r < 0)
                return r;
        /* Without descriptors left, accept() fails and the connection stays: this must not become a busy
         * loop. */
        r = sd_event_source_set_ratelimit(listener, G_USEC_PER_SEC, 4 * CONSOLE_CLIENTS_MAX);
        if (r < 0)
                return r;
        sd_event_source_disable_unref(console->listener);
        console->listener = g_steal_pointer(&listener);
        return 0;
}

/* UTF-8 without control characters but tabs and line feeds. */
static char *text_clean(const char *text, size_t size) {
        GString *clean = g_string_sized_new(size);

        for (const char *end = text + size; text < end;) {
                gunichar c = (uint8_t) *text < 0x80 ? (gunichar) *text
                                                    : g_utf8_get_char_validated(text, end - text);
                bool valid = c <= 0x10ffff;

                if (!valid)
                        g_string_append_unichar(clean, 0xfffd);
                else if (c == '\n' || c == '\t' || !g_unichar_iscntrl(c))
                        g_string_append_unichar(clean, c);
                text = valid ? g_utf8_next_char(text) : text + 1;
        }
        return g_string_free(clean, FALSE);
}

uint64_t console_bytes(const Console *console) {
        return console->ring.written;
}

char **console_lines(const Console *console, unsigned lines) {
        g_autoptr(GString) kept = g_string_new(NULL);
        g_autofree char *text = NULL;
        size_t size, start;
        char **result;

        for (uint64_t p = ring_start(&console->ring); p < console->ring.written; p += size) {
                const char *data = ring_peek(&console->ring, p, &size);
                g_string_append_len(kept, data, (gssize) size);
        }

        /* Back over as many lines; the line feed just before `start` ends the line that begins earlier. */
        start = kept->len;
        for (unsigned n = 0; n < lines && start > 0; n++) {
                const char *feed = memrchr(kept->str, '\n', start - 1);
                start = feed ? (size_t) (feed - kept->str) + 1 : 0;
        }

        text = text_clean(kept->str + start, kept->len - start);
        result = g_strsplit(text, "\n", -1);
        if (g_str_has_suffix(text, "\n"))
                g_clear_pointer(&result[g_strv_length(result) - 1], g_free);
        return result;
}
