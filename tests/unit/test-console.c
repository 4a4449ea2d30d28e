/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A console between a domain, here one end of a socket pair, and its clients: who gets which bytes, and that
 * nobody ever makes another wait. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "backend/console.h"
#include "util/auto.h"

#define RING 65536u

typedef struct Bench {
        sd_event *event;
        Console *console;
        int domain;        /* the other end of the source */
} Bench;

/* A stream whose bytes tell where they stand. */
static char *pattern(size_t size) {
        char *text = g_malloc(size);

        for (size_t i = 0; i < size; i++)
                text[i] = (char) ((i * 2654435761u) >> 24);
        return text;
}

static void set_source(Bench *bench) {
        int pair[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
        g_assert_cmpint(console_set_source(bench->console, pair[0]), ==, 0);
        fd_close(bench->domain);
        bench->domain = pair[1];
}

static void setup(Bench *bench, gconstpointer data) {
        bench->domain = -1;
        g_assert_cmpint(sd_event_new(&bench->event), >=, 0);
        g_assert_cmpint(console_new(bench->event, RING, &bench->console), ==, 0);
        set_source(bench);
}

static void teardown(Bench *bench, gconstpointer data) {
        console_free(bench->console);
        sd_event_unref(bench->event);
        fd_close(bench->domain);
}

/* Lets the console do all that it can do now: it must come to rest. */
static void settle(Bench *bench) {
        unsigned turns = 0;

        while (sd_event_run(bench->event, 0) > 0)
                g_assert_cmpuint(++turns, <, 1000000);
}

static int new_client(Bench *bench) {
        int fd;

        g_assert_cmpint(console_open(bench->console, &fd), ==, 0);
        g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
        return fd;
}

/* Writes all of it: whenever there is no room, the console makes some. */
static void domain_says(Bench *bench, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(bench->domain, data, MIN(size, 10000));

                if (n < 0) {
                        g_assert_cmpint(errno, ==, EAGAIN);
                        g_assert_cmpint(sd_event_run(bench->event, 0), >, 0);
                        continue;
                }
                data += n;
                size -= (size_t) n;
        }
}

static void domain_prints(Bench *bench, const char *text) {
        domain_says(bench, text, strlen(text));
        settle(bench);
}

/* Reads until there is nothing more to read. */
static GString *receive(Bench *bench, int fd) {
        GString *text = g_string_new(NULL);
        char buffer[65536];
        ssize_t n;

        do {
                settle(bench);
                n = read(fd, buffer, sizeof(buffer));
                g_string_append_len(text, buffer, MAX(n, 0));
        } while (n > 0);
        return text;
}

static void assert_receives(Bench *bench, int fd, const char *data, size_t size) {
        g_autoptr(GString) text = receive(bench, fd);
        g_assert_cmpmem(text->str, text->len, data, size);
}

static void assert_reads(Bench *bench, int fd, const char *expected) {
        assert_receives(bench, fd, expected, strlen(expected));
}

static void test_no_reader(Bench *bench, gconstpointer data) {
        size_t size = 10u << 20;
        g_autofree char *stream = pattern(size);
        autofd int client = -1;

        domain_says(bench, stream, size);
        settle(bench);
        client = new_client(bench);
        assert_receives(bench, client, stream + size - RING, RING);
}

static void test_replay(Bench *bench, gconstpointer data) {
        autofd int first = new_client(bench), second = -1;

        domain_prints(bench, "before ");
        second = new_client(bench);
        domain_prints(bench, "after");
        assert_reads(bench, first, "before after");
        assert_reads(bench, second, "before after");
}

static void test_small_ring(Bench *bench, gconstpointer data) {
        g_autofree char *stream = pattern(1000000);
        autofd int reader = -1, late = -1;

        console_free(bench->console);
        g_assert_cmpint(console_new(bench->event, 1, &bench->console), ==, 0);
        set_source(bench);
        reader = new_client(bench);
        for (size_t i = 0; i < 1000000; i += 10000) {
                domain_says(bench, stream + i, 10000);
                assert_receives(bench, reader, stream + i, 10000);
        }
        late = new_client(bench);
        assert_receives(bench, late, stream + 1000000 - 4096, 4096);
}

static void test_slow_client(Bench *bench, gconstpointer data) {
        size_t size = 2u << 20, step = 16384;
        g_autofree char *stream = pattern(size);
        autofd int fast = new_client(bench), slow = new_client(bench);
        g_autoptr(GString) text = NULL;
        size_t same = 0;

        for (size_t i = 0; i < size; i += step) {
                domain_says(bench, stream + i, step);
                assert_receives(bench, fast, stream + i, step);
        }

        /* The slow one has what its socket holds, and then the ring's. */
        text = receive(bench, slow);
        g_assert_cmpuint(text->len, >=, RING);
        g_assert_cmpuint(text->len, <, size);
        g_assert_cmpmem(text->str + text->len - RING, RING, stream + size - RING, RING);
        while (text->str[same] == stream[same])
                same++;
        g_assert_cmpuint(same, >=, text->len - RING);
}

static void test_flood(Bench *bench, gconstpointer data) {
        g_autofree char *stream = pattern(200000);
        autofd int client = new_client(bench);
        ssize_t n = write(bench->domain, stream, 200000);

        g_assert_cmpint(n, >, 100000);
        g_assert_cmpint(sd_event_run(bench->event, 0), >, 0);
        g_assert_cmpint(recv(client, stream, 200000, 0), <=, 16384);
}

static void test_input(Bench *bench, gconstpointer data) {
        autofd int first = new_client(bench), second = new_client(bench);

        g_assert_cmpint(write(first, "one ", 4), ==, 4);
        settle(bench);
        g_assert_cmpint(write(second, "two", 3), ==, 3);
        assert_reads(bench, bench->domain, "one two");
        assert_reads(bench, first, "");
}

static void test_input_waits(Bench *bench, gconstpointer data) {
        size_t size = 1u << 20, typed[2] = {0}, heard[2] = {0};
        int clients[2] = {new_client(bench), new_client(bench)};
        char *streams[2] = {pattern(size), pattern(size)};
        g_autoptr(GString) text = NULL;

        /* Both type at once until nothing more goes in; the highest bit of a byte tells whose it is. */
        for (size_t i = 0; i < size; i++) {
                streams[0][i] &= 0x7f;
                streams[1][i] |= (char) 0x80;
        }
        for (ssize_t n, sum = 1; sum > 0; settle(bench)) {
                sum = 0;
                for (unsigned i = 0; i < 2; i++) {
                        n = write(clients[i], streams[i] + typed[i], MIN(size - typed[i], 10000));
                        typed[i] += (size_t) MAX(n, 0);
                        sum += MAX(n, 0);
                }
        }
        g_assert_cmpuint(typed[0] + typed[1], <, size);
        domain_prints(bench, "output goes on");
        for (unsigned i = 0; i < 2; i++)
                assert_reads(bench, clients[i], "output goes on");

        text = receive(bench, bench->domain);
        for (size_t i = 0; i < text->len; i++) {
                unsigned whose = (uint8_t) text->str[i] >> 7;
                g_assert_cmpint(text->str[i], ==, streams[whose][heard[whose]++]);
        }
        for (unsigned i = 0; i < 2; i++) {
                g_assert_cmpuint(heard[i], ==, typed[i]);
                fd_close(clients[i]);
                g_free(streams[i]);
        }
}

/* Types until nothing more goes in. */
static size_t type_all(Bench *bench, int client, const char *data, size_t size) {
        size_t typed = 0;
        ssize_t n;

        while ((n = write(client, data + typed, MIN(size - typed, 10000))) > 0) {
                typed += (size_t) n;
                settle(bench);
        }
        return typed;
}

static void test_leave_while_waiting(Bench *bench, gconstpointer data) {
        g_autofree char *stream = pattern(4u << 20);
        int clients[CONSOLE_CLIENTS_MAX];
        size_t typed;

        for (unsigned round = 0; round < 2; round++) {
                for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++)
                        clients[i] = new_client(bench);
                typed = type_all(bench, clients[0], stream, 4u << 20);
                for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++)
                        fd_close(clients[i]);
                g_autoptr(GString) heard = receive(bench, bench->domain);
                g_assert_cmpmem(heard->str, heard->len, stream, heard->len);
                g_assert_cmpuint(heard->len, <, typed);   /* what was not taken yet has left with them */
        }
}

static void test_fifo(Bench *bench, gconstpointer data) {
        g_autofree char *folder = g_dir_make_tmp("test-console-XXXXXX", NULL);
        g_autofree char *path = g_build_filename(folder, "fifo", NULL);
        g_autofree char *typed = pattern(1u << 20);
        autofd int client = new_client(bench);
        int fifo;

        g_assert_cmpint(mkfifo(path, 0600), ==, 0);
        fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        g_assert_cmpint(console_set_source(bench->console, fifo), ==, 0);
        for (unsigned i = 0; i < 2; i++) {
                autofd int writer = open(path, O_WRONLY | O_CLOEXEC);

                g_assert_cmpint(write(writer, "output", 6), ==, 6);
                assert_reads(bench, client, "output");
        }
        g_assert_cmpuint(type_all(bench, client, typed, 1u << 20), ==, 1u << 20);
        assert_reads(bench, client, "");
        g_assert_cmpint(unlink(path), ==, 0);
        g_assert_cmpint(rmdir(folder), ==, 0);
}

static void test_domain_ends(Bench *bench, gconstpointer data) {
        g_autofree char *typed = pattern(1u << 20);
        autofd int client = new_client(bench);

        domain_says(bench, "last words, ", 12);
        g_assert_cmpuint(type_all(bench, client, typed, 1u << 20), <, 1u << 20);
        bench->domain = fd_close(bench->domain);
        assert_reads(bench, client, "last words, ");
        g_assert_cmpuint(type_all(bench, client, typed, 1u << 20), ==, 1u << 20);

        set_source(bench);
        domain_says(bench, "first words, ", 13);
        set_source(bench);
        domain_says(bench, "other words", 11);
        assert_reads(bench, client, "first words, other words");
        assert_reads(bench, bench->domain, "");
}

static void test_bad_source(Bench *bench, gconstpointer data) {
        int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

        g_assert_cmpint(console_set_source(bench->console, file), <, 0);
        g_assert_cmpint(fcntl(file, F_GETFD), ==, -1);
        domain_prints(bench, "still there");
        g_auto(GStrv) lines = console_lines(bench->console, 1);
        g_assert_cmpstr(lines[0], ==, "still there");
}

static void test_free(Bench *bench, gconstpointer data) {
        autofd int client = new_client(bench), late = -1;
        char buffer[32];

        g_assert_null(console_free(NULL));
        domain_prints(bench, "words");
        late = new_client(bench);
        bench->console = console_free(bench->console);
        g_assert_cmpint(read(client, buffer, sizeof(buffer)), ==, 5);
        g_assert_cmpint(read(client, buffer, sizeof(buffer)), ==, 0);
        g_assert_cmpint(read(late, buffer, sizeof(buffer)), ==, 5);
        g_assert_cmpint(read(late, buffer, sizeof(buffer)), ==, 0);
        g_assert_cmpint(read(bench->domain, buffer, sizeof(buffer)), ==, 0);
}

static void test_free_drains(Bench *bench, gconstpointer data) {
        autofd int client = new_client(bench);
        char buffer[32];

        domain_says(bench, "last words", 10);
        bench->console = console_free(bench->console);
        g_assert_cmpint(read(client, buffer, sizeof(buffer)), ==, 10);
}

static void test_drain(Bench *bench, gconstpointer data) {
        g_autofree char *stream = pattern(60000), *text = g_malloc(60000);
        autofd int client = new_client(bench);

        domain_says(bench, stream, 60000);
        console_drain(bench->console);
        g_assert_cmpint(read(client, text, 60000), ==, 60000);
        g_assert_cmpmem(text, 60000, stream, 60000);
        console_drain(bench->console);
        g_assert_cmpint(read(client, text, 60000), ==, -1);
}

static void test_deaf_domain(Bench *bench, gconstpointer data) {
        g_autofree char *typed = pattern(1u << 20);
        autofd int client = new_client(bench);

        g_assert_cmpint(shutdown(bench->domain, SHUT_RD), ==, 0);
        g_assert_cmpuint(type_all(bench, client, typed, 1u << 20), ==, 1u << 20);
        domain_prints(bench, "output goes on");
        assert_reads(bench, client, "output goes on");
}

static void test_open_limit(Bench *bench, gconstpointer data) {
        int clients[CONSOLE_CLIENTS_MAX], fd = -1;

        for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++)
                clients[i] = new_client(bench);
        g_assert_cmpint(console_open(bench->console, &fd), ==, -EUSERS);
        fd_close(clients[7]);
        settle(bench);
        clients[7] = new_client(bench);
        domain_prints(bench, "for all");
        for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
                assert_reads(bench, clients[i], "for all");
                fd_close(clients[i]);
        }
}

static int listen_on(Bench *bench, struct sockaddr_un *ret_address, socklen_t *ret_size) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        /* bound without a name, the kernel chooses one: unix(7), autobind */
        *ret_address = (struct sockaddr_un) {.sun_family = AF_UNIX};
        *ret_size = sizeof(*ret_address);
        g_assert_cmpint(bind(fd, (struct sockaddr *) ret_address, sizeof(sa_family_t)), ==, 0);
        g_assert_cmpint(listen(fd, 64), ==, 0);
        g_assert_cmpint(getsockname(fd, (struct sockaddr *) ret_address, ret_size), ==, 0);
        return console_listen(bench->console, fd);
}

static int connect_to(const struct sockaddr_un *address, socklen_t size) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        g_assert_cmpint(connect(fd, (const struct sockaddr *) address, size), ==, 0);
        return fd;
}

static void test_listen(Bench *bench, gconstpointer data) {
        int clients[CONSOLE_CLIENTS_MAX + 1];
        struct sockaddr_un address;
        socklen_t size;
        char byte;

        g_assert_cmpint(listen_on(bench, &address, &size), ==, 0);
        domain_prints(bench, "login: ");
        for (size_t i = 0; i <= CONSOLE_CLIENTS_MAX; i++)
                clients[i] = connect_to(&address, size);
        settle(bench);
        for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++)
                assert_reads(bench, clients[i], "login: ");
        g_assert_cmpint(read(clients[CONSOLE_CLIENTS_MAX], &byte, 1), ==, 0);
        fd_close(clients[CONSOLE_CLIENTS_MAX]);

        g_assert_cmpint(write(clients[0], "root\n", 5), ==, 5);
        assert_reads(bench, bench->domain, "root\n");
        fd_close(clients[0]);
        settle(bench);
        clients[0] = connect_to(&address, size);
        assert_reads(bench, clients[0], "login: ");
        for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++)
                fd_close(clients[i]);
}

static void test_no_descriptors(Bench *bench, gconstpointer data) {
        struct rlimit limit, none;
        struct sockaddr_un address;
        autofd int client = -1;
        socklen_t size;

        g_assert_cmpint(listen_on(bench, &address, &size), ==, 0);
        client = connect_to(&address, size);
        g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
        none = (struct rlimit) {0, limit.rlim_max};
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
        settle(bench);
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
        domain_prints(bench, "login: ");
        g_assert_cmpint(sd_event_run(bench->event, 10 * G_USEC_PER_SEC), >, 0);
        assert_reads(bench, client, "login: ");
}

static void assert_lines(Bench *bench, unsigned n, const char *expected) {
        g_auto(GStrv) lines = console_lines(bench->console, n);
        g_autofree char *text = g_strjoinv("|", lines);

        g_assert_cmpstr(text, ==, expected);
        for (char **line = lines; *line; line++)
                g_assert_true(g_utf8_validate(*line, -1, NULL));
}

static void test_lines(Bench *bench, gconstpointer data) {
        assert_lines(bench, 10, "");
        domain_prints(bench, "one\n");
        assert_lines(bench, 10, "one");
        domain_prints(bench, "\ntwo\r\nthr");
        assert_lines(bench, 10, "one||two|thr");
        domain_prints(bench, "ee");
        assert_lines(bench, 0, "");
        assert_lines(bench, 1, "three");
        assert_lines(bench, 2, "two|three");
        assert_lines(bench, 3, "|two|three");
        assert_lines(bench, 4, "one||two|three");
        assert_lines(bench, UINT_MAX, "one||two|three");
        domain_prints(bench, "\n");
        assert_lines(bench, 1, "three");
        domain_prints(bench, "\n");
        assert_lines(bench, 1, "");
        assert_lines(bench, 2, "three|");
}

static void test_lines_are_clean(Bench *bench, gconstpointer data) {
        static const struct {
                const char *raw, *clean;
                size_t size;
        } table[] = {
                {"a\tb\n", "a\tb"},
                {"\x1b[31mred\x1b[0m\a\b\n", "[31mred[0m"},
                {"progress 1%\rprogress 2%\r\n", "progress 1%progress 2%"},
                {"a\0b\x7f\n", "ab", 5},
                {"a\xc2\x85z\n", "az"},    /* U+0085 */
                {"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80\n", "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"},
                {"\xff\xfe\n", "\xef\xbf\xbd\xef\xbf\xbd"},
                {"\xc3\n", "\xef\xbf\xbd"},
                {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
                {"\n\xed\xa0\x80\n", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                {"%s%n\n", "%s%n"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                domain_says(bench, table[i].raw, table[i].size ? table[i].size : strlen(table[i].raw));
                settle(bench);
                assert_lines(bench, 1, table[i].clean);
        }
}

static void test_lines_of_a_full_ring(Bench *bench, gconstpointer data) {
        g_autoptr(GString) all = g_string_new(NULL);

        for (unsigned i = 0; i < 20000; i++)
                g_string_append_printf(all, "line %u\n", i);
        domain_prints(bench, all->str);
        assert_lines(bench, 3, "line 19997|line 19998|line 19999");

        g_auto(GStrv) lines = console_lines(bench->console, UINT_MAX);
        g_autofree char *text = g_strjoinv("\n", lines);
        g_string_truncate(all, all->len - 1);
        g_assert_cmpstr(text, ==, all->str + all->len + 1 - RING);
}

int main(int argc, char *argv[]) {
        static const struct {
                const char *title;
                void (*test)(Bench *bench, gconstpointer data);
        } tests[] = {
                {"without a reader 10 MiB pass, and the newest bytes are kept", test_no_reader},
                {"a client sees what was before and what follows", test_replay},
                {"a ring has a page at least, and one who reads loses nothing", test_small_ring},
                {"a slow client loses bytes, and only that one", test_slow_client},
                {"a flood gets no more than its share of a turn", test_flood},
                {"what clients type reaches the domain and nobody else", test_input},
                {"what is typed waits for the domain, and nothing is lost", test_input_waits},
                {"clients may leave while the domain does not listen", test_leave_while_waiting},
                {"a FIFO is read for ever, and what is typed is dropped", test_fifo},
                {"a domain that closes its ears keeps nobody busy", test_deaf_domain},
                {"clients stay when the domain's end changes", test_domain_ends},
                {"a source that cannot be watched is refused and closed", test_bad_source},
                {"the end closes everything, after all clients have what there is", test_free},
                {"the end comes after the last words", test_free_drains},
                {"what is left is read at once when asked", test_drain},
                {"there is a limit of clients", test_open_limit},
                {"connections become clients up to the limit", test_listen},
                {"without free descriptors connections wait, and the loop rests", test_no_descriptors},
                {"lines are counted from the newest", test_lines},
                {"lines are clean text", test_lines_are_clean},
                {"a full ring begins amid a line", test_lines_of_a_full_ring},
        };

        g_test_init(&argc, &argv, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
                g_autofree char *path = g_strconcat("/console/", tests[i].title, NULL);
                g_test_add(path, Bench, NULL, setup, tests[i].test, teardown);
        }
        return g_test_run();
}
