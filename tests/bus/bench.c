/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets the daemon's rooms up as main.c does, lets time pass, and compares transcripts. */

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"
#include "util/auto.h"
#include "util/errors.h"

#define BUS_ID SD_ID128_MAKE(c0, ff, ee, c0, ff, ee, c0, ff, ee, c0, ff, ee, c0, ff, ee, 01)
#define TURNS_MAX 100000u
#define AWAIT_USEC (10 * G_USEC_PER_SEC)

/* Of this machine: between a deadline's being set and our looking at it. */
#define SLOWNESS_USEC (1 * G_USEC_PER_SEC)

/* ---- The transcript. ---- */

void write_down(Bench *bench, const char *format, ...) {
        g_autofree char *line = NULL, *timeless = NULL;
        g_autoptr(GRegex) instant = g_regex_new("-\\d{8}T\\d{6}Z", 0, 0, NULL);
        va_list ap;

        va_start(ap, format);
        line = g_strdup_vprintf(format, ap);
        va_end(ap);
        timeless = g_regex_replace_literal(instant, line, -1, 0, "-WHEN", 0, NULL);
        g_string_append_printf(bench->transcript, "%s\n", timeless ? timeless : line);
}

void settle(Bench *bench) {
        unsigned turns = 0;

        while (sd_event_run(bench->event, 0) > 0)
                g_assert_cmpuint(++turns, <, TURNS_MAX);
}

void await(Bench *bench, const char *text) {
        gint64 end = g_get_monotonic_time() + AWAIT_USEC;

        settle(bench);
        while (!strstr(bench->transcript->str, text)) {
                if (g_get_monotonic_time() > end)
                        g_error("'%s' did not come; there is only:\n%s", text, bench->transcript->str);
                g_assert_cmpint(sd_event_run(bench->event, AWAIT_USEC), >=, 0);
                settle(bench);
        }
}

void time_is_up(Bench *bench, const char *domain, uint64_t usec) {
        Job *job = manager_find_by_name(bench->manager, domain)->job;

        if (!job)
                g_error("'%s' has no job; there is only:\n%s", domain, bench->transcript->str);
        uint32_t id = job->id;
        uint64_t left = job->deadline_usec - (uint64_t) g_get_monotonic_time(), deadline;

        g_assert_cmpuint(left, <=, usec);
        g_assert_cmpuint(left + SLOWNESS_USEC, >, usec);
        job_set_deadline(job, 1);
        deadline = job->deadline_usec;
        while (manager_find_job(bench->manager, id) == job && job->deadline_usec == deadline)
                g_assert_cmpint(sd_event_run(bench->event, AWAIT_USEC), >, 0);
        settle(bench);
}

void forget(Bench *bench) {
        g_string_truncate(bench->transcript, 0);
}

/* What was heard, with a star from the first line on that differs, and what should be there instead. */
static void report_difference(const char *const *expected, char **got) {
        g_autoptr(GString) text = g_string_new("the transcript is not as expected:\n");
        unsigned same = 0;

        while (expected[same] && g_strcmp0(expected[same], got[same]) == 0)
                same++;
        for (unsigned i = 0; got[i]; i++) {
                g_autofree char *escaped = g_strescape(got[i], NULL);
                g_string_append_printf(text, "%s \"%s\",\n", i < same ? " " : "*", escaped);
        }
        g_string_append_printf(text, "From line %u on this was expected:\n", same + 1);
        for (unsigned i = same; expected[i]; i++)
                g_string_append_printf(text, "  \"%s\",\n", expected[i]);
        g_printerr("%s", text->str);
        g_assertion_message(
                G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, "the transcript is not as expected");
}

void expect_lines(Bench *bench, const char *const *lines) {
        g_auto(GStrv) got = NULL;

        settle(bench);
        told_compare(bench);
        if (bench->transcript->len > 0)
                g_string_truncate(bench->transcript, bench->transcript->len - 1);   /* the last line end */
        got = g_strsplit(bench->transcript->str, "\n", -1);
        if (!g_strv_equal(lines, (const char *const *) got))
                report_difference(lines, got);
        forget(bench);
}

void expect_empty(Bench *bench) {
        g_autofree char *left = NULL;

        settle(bench);
        left = host_leftovers();
        g_assert_cmpstr(left, ==, "");
        g_assert_cmpuint(g_hash_table_size(bench->manager->by_uuid), ==, 0);
        g_assert_cmpuint(g_hash_table_size(bench->manager->by_name), ==, 0);
        g_assert_cmpuint(g_hash_table_size(bench->manager->jobs), ==, 0);
        g_assert_cmpuint(g_hash_table_size(bench->told), ==, 0);
}

/* ---- Coming and going. ---- */

static unsigned count_descriptors(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void message_free(void *m) {
        sd_bus_message_unref(m);
}

static void connect_both(Bench *bench) {
        int pair[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
        sd_bus **ends[] = {&bench->server, &bench->client};
        for (int i = 0; i < 2; i++) {
                sd_bus *bus;

                g_assert_cmpint(sd_bus_new(&bus), >=, 0);
                g_assert_cmpint(sd_bus_set_fd(bus, pair[i], pair[i]), >=, 0);
                if (i == 0)
                        g_assert_cmpint(sd_bus_set_server(bus, true, BUS_ID), >=, 0);
                g_assert_cmpint(sd_bus_negotiate_fds(bus, true), >=, 0);
                g_assert_cmpint(sd_bus_start(bus), >=, 0);
                g_assert_cmpint(sd_bus_attach_event(bus, bench->event, SD_EVENT_PRIORITY_NORMAL), >=, 0);
                *ends[i] = bus;
        }
        g_assert_cmpint(sd_bus_add_filter(bench->client, NULL, bench_listen, bench), >=, 0);
}

void bench_setup(Bench *bench, gconstpointer data) {
        bool user_mode = g_strcmp0(data, "user") == 0;
        ManagerConfig *settings;

        *bench = (Bench) {
                .n_descriptors = count_descriptors(),
                .transcript = g_string_new(NULL),
                .names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                .told = g_hash_table_new_full(
                        g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_hash_table_unref),
                .callers = g_hash_table_new(g_str_hash, g_str_equal),
                .gone = g_hash_table_new(g_str_hash, g_str_equal),
                .questions = G_QUEUE_INIT,
        };
        g_assert_cmpint(errors_register(), >=, 0);
        g_assert_cmpint(sd_event_new(&bench->event), >=, 0);
        connect_both(bench);
        host_new(bench->event, bench->server, user_mode);
        g_assert_cmpint(
                manager_config_load((const char *const[]) {NULL}, user_mode, &settings, NULL, NULL), >=, 0);
        g_assert_cmpint(units_new(bench->server, NULL, NULL, &bench->units), >=, 0);
        g_assert_cmpint(manager_new(bench->server, bench->event, bench->units, settings, user_mode,
                                "/run/vmmanager", "/var/lib/vmmanager", &bench->manager),
                >=, 0);
        g_assert_cmpint(bus_new(bench->server, bench->manager, &bench->bus), >=, 0);
        settle(bench);
        forget(bench);
        g_hash_table_remove_all(bench->told);
}

void bench_stop(Bench *bench) {
        settle(bench);
        bench->manager = manager_free(bench->manager);
        bench->bus = bus_free(bench->bus);
        if (bench->units)
                bench->units = units_free(bench->units);
        settle(bench);
        g_hash_table_remove_all(bench->told);
}

void bench_teardown(Bench *bench, gconstpointer data) {
        bench_stop(bench);
        g_assert_cmpuint(bench->n_open, ==, 0);   /* every call was answered, at the latest now */
        host_free();
        g_queue_clear_full(&bench->questions, message_free);
        sd_bus_close_unref(bench->client);
        sd_bus_close_unref(bench->server);
        sd_event_unref(bench->event);
        g_hash_table_unref(bench->names);
        g_hash_table_unref(bench->told);
        g_hash_table_unref(bench->callers);
        g_hash_table_unref(bench->gone);
        g_string_free(bench->transcript, TRUE);
        g_free(bench->answer);
        g_assert_cmpuint(count_descriptors(), ==, bench->n_descriptors);
}
