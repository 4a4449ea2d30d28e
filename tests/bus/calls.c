/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls: makes messages, sends them, and writes down what was asked and what was answered. */

#include <string.h>

#include "bench.h"
#include "util/auto.h"

#define SENDER ":1.1"

const char *object_interface(const char *object) {
        return g_str_equal(object, "manager")       ? BUS_INTERFACE("Manager")
               : g_str_equal(object, "node")        ? BUS_INTERFACE("Node")
               : g_str_has_prefix(object, "job/")   ? BUS_INTERFACE("Job")
               : g_str_has_prefix(object, "slice/") ? BUS_INTERFACE("Slice")
                                                    : BUS_INTERFACE("Domain");
}

char *object_path(const char *object) {
        char *path;

        if (g_str_equal(object, "manager") || g_str_equal(object, "node"))
                return g_strdup(BUS_PATH);
        if (g_str_has_prefix(object, "job/"))
                return g_strconcat(BUS_PATH "/", object, NULL);
        if (g_str_has_prefix(object, "slice/"))
                g_assert_cmpint(
                        sd_bus_path_encode(BUS_PATH_SLICE, object + strlen("slice/"), &path), >=, 0);
        else
                g_assert_cmpint(sd_bus_path_encode(BUS_PATH_DOMAIN, object, &path), >=, 0);
        return path;
}

typedef struct Call {
        Bench *bench;
        char *name;
} Call;

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        g_autofree Call *call = userdata;
        g_autofree char *name = call->name;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        g_autoptr(GString) text = g_string_new(name);
        Bench *bench = call->bench;

        if (error)
                g_string_append_printf(text, ": %s: %s", text_error_name(error->name), error->message);
        else {
                g_string_append_c(text, '(');
                text_append_contents(text, reply, bench->names);
                g_string_append_c(text, ')');
        }
        if (!bench->quiet)
                write_down(bench, "< %s", text->str);
        bench->n_open--;
        g_free(bench->answer);
        bench->answer = g_strdup(text->str + strlen(name));
        return 0;
}

static sd_bus_message *message_new_call(
        Bench *bench, const char *object, const char *interface, const char *member) {
        g_autofree char *path = object_path(object);
        sd_bus_message *m;

        g_assert_cmpint(
                sd_bus_message_new_method_call(bench->client, &m, NULL, path, interface, member), >=, 0);
        return m;
}

sd_bus_message *message_new(Bench *bench, const char *object, const char *member) {
        return message_new_call(bench, object, object_interface(object), member);
}

sd_bus_message *message_new_as(Bench *bench, const char *sender, const char *object, const char *member) {
        sd_bus_message *m = message_new(bench, object, member);

        g_assert_cmpint(sd_bus_message_set_sender(m, sender), >=, 0);
        return m;
}

sd_bus_message *message_new_get(Bench *bench, const char *object, const char *property) {
        sd_bus_message *m = message_new_call(bench, object, "org.freedesktop.DBus.Properties", "Get");

        message_append(m, "ss", object_interface(object), property);
        return m;
}

sd_bus_message *message_new_set(Bench *bench, const char *object, const char *property) {
        sd_bus_message *m = message_new_call(bench, object, "org.freedesktop.DBus.Properties", "Set");

        message_append(m, "ss", object_interface(object), property);
        return m;
}

void message_append(sd_bus_message *m, const char *types, ...) {
        va_list ap;

        va_start(ap, types);
        g_assert_cmpint(sd_bus_message_appendv(m, types, ap), >=, 0);
        va_end(ap);
}

void message_send(Bench *bench, sd_bus_message *m) {
        g_autofree char *object = text_object(sd_bus_message_get_path(m), bench->names);
        bool of_manager = g_str_equal(object, "manager");
        g_autoptr(GString) text = g_string_new(NULL);
        Call *call = g_new(Call, 1);

        if (!sd_bus_message_get_sender(m))
                g_assert_cmpint(sd_bus_message_set_sender(m, SENDER), >=, 0);
        *call = (Call) {
                .bench = bench,
                .name = g_strconcat(
                        of_manager ? "" : object, of_manager ? "" : ".", sd_bus_message_get_member(m), NULL),
        };
        g_assert_cmpint(sd_bus_call_async(bench->client, NULL, m, on_answer, call, 0), >=, 0);
        bench->n_open++;
        if (!bench->quiet) {
                g_assert_cmpint(sd_bus_message_rewind(m, true), >=, 0);
                text_append_contents(text, m, bench->names);
                write_down(bench, "> %s(%s)", call->name, text->str);
        }
        sd_bus_message_unref(m);
        settle(bench);
}

void call(Bench *bench, const char *object, const char *member, const char *types, ...) {
        sd_bus_message *m = message_new(bench, object, member);
        va_list ap;

        va_start(ap, types);
        if (types)
                g_assert_cmpint(sd_bus_message_appendv(m, types, ap), >=, 0);
        va_end(ap);
        message_send(bench, m);
}

static void assert_created(Bench *bench, const char *name) {
        g_autofree char *expected = g_strdup_printf("(domain/%s)", name);

        g_assert_cmpstr(bench->answer, ==, expected);
        forget(bench);
}

void create_as(Bench *bench, const char *sender, const char *name, uint64_t flags) {
        sd_bus_message *m = message_new_as(bench, sender, "manager", "CreateDomain");

        message_append(m, "sa{sv}t", name, 1, PAYLOAD, flags);
        message_send(bench, m);
}

void create(Bench *bench, const char *name, uint64_t flags) {
        create_as(bench, SENDER, name, flags);
        assert_created(bench, name);
}

void create_qemu(Bench *bench, const char *name, uint64_t flags) {
        call(bench, CREATE, name, 2, QEMU, flags);
        assert_created(bench, name);
}
