/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads introspection XML. Knows no interface and no member. */

#include <string.h>

#include "introspection.h"

typedef struct Reading {
        GPtrArray *members, *nodes;
        char *interface; /* that we are in; NULL: none of ours */
        Member *member;
        unsigned n_arguments;
} Reading;

static void member_free(void *item) {
        Member *member = item;

        g_free(member->interface);
        g_free(member->kind);
        g_free(member->name);
        g_free(member->in);
        g_free(member->type);
        g_string_free(member->text, TRUE);
        g_free(member);
}

static const char *attribute(const char **names, const char **values, const char *name) {
        for (size_t i = 0; names[i]; i++)
                if (g_str_equal(names[i], name))
                        return values[i];
        return "";
}

static void read_member(Reading *reading, const char *kind, const char **names, const char **values) {
        Member *member = reading->member = g_new0(Member, 1);
        const char *access = attribute(names, values, "access");

        *member = (Member) {
                .interface = g_strdup(reading->interface),
                .kind = g_strdup(kind),
                .name = g_strdup(attribute(names, values, "name")),
                .in = g_strdup(""),
                .type = g_strdup(attribute(names, values, "type")),
                .writable = g_str_equal(access, "readwrite") || g_str_equal(access, "write"),
                .text = g_string_new(NULL),
                .changes = "true",
        };
        g_string_printf(member->text, "%s %s", kind, member->name);
        if (*access)
                g_string_append_printf(member->text, " %s %s", member->type, access);
        else
                g_string_append_c(member->text, '(');
        reading->n_arguments = 0;
        g_ptr_array_add(reading->members, member);
}

static void read_argument(Reading *reading, const char **names, const char **values) {
        Member *member = reading->member;
        const char *direction = attribute(names, values, "direction"),
                   *type = attribute(names, values, "type");

        g_string_append_printf(member->text, "%s%s%s%s %s", reading->n_arguments++ > 0 ? ", " : "",
                direction, *direction ? " " : "", type, attribute(names, values, "name"));
        if (g_str_equal(direction, "in")) {
                char *in = g_strconcat(member->in, *member->in ? " " : "", type, NULL);

                g_free(member->in);
                member->in = in;
        }
}

static void read_annotation(Reading *reading, const char **names, const char **values) {
        const char *name = attribute(names, values, "name"), *value = attribute(names, values, "value");

        if (!g_str_equal(name, "org.freedesktop.DBus.Property.EmitsChangedSignal"))
                g_string_append_printf(reading->member->text, " [%s=%s]", name, value);
        else
                reading->member->changes = g_intern_string(value);
}

static void on_start(GMarkupParseContext *context, const char *element, const char **names,
        const char **values, void *userdata, GError **error) {
        Reading *reading = userdata;
        const char *name = attribute(names, values, "name");

        if (g_str_equal(element, "interface") && g_str_has_prefix(name, BUS_NAME))
                reading->interface = g_strdup(name);
        else if (g_str_equal(element, "node") && *name)
                g_ptr_array_add(reading->nodes, g_strdup(name));
        else if (!reading->interface)
                return;
        else if (g_str_equal(element, "arg"))
                read_argument(reading, names, values);
        else if (g_str_equal(element, "annotation"))
                read_annotation(reading, names, values);
        else
                read_member(reading, element, names, values);
}

static void on_end(GMarkupParseContext *context, const char *element, void *userdata, GError **error) {
        Reading *reading = userdata;

        if (g_str_equal(element, "interface"))
                g_clear_pointer(&reading->interface, g_free);
        else if (reading->interface && g_str_equal(element, "property"))
                g_string_append_printf(reading->member->text, " %s", reading->member->changes);
        else if (reading->interface && (g_str_equal(element, "method") || g_str_equal(element, "signal")))
                g_string_append_c(reading->member->text, ')');
}

static GPtrArray *parse(const char *xml, char ***ret_nodes) {
        static const GMarkupParser parser = {.start_element = on_start, .end_element = on_end};
        Reading reading = {
                .members = g_ptr_array_new_with_free_func(member_free),
                .nodes = g_ptr_array_new_null_terminated(4, g_free, TRUE),
        };
        GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, &reading, NULL);
        g_autoptr(GError) error = NULL;

        (void) g_markup_parse_context_parse(context, xml, -1, &error);
        g_assert_no_error(error);
        g_markup_parse_context_free(context);
        if (ret_nodes)
                *ret_nodes = (char **) g_ptr_array_free(reading.nodes, FALSE);
        else
                g_ptr_array_unref(reading.nodes);
        return reading.members;
}

GPtrArray *introspection_parse(const char *xml) {
        return parse(xml, NULL);
}

static int on_introspected(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        char **ret = userdata;
        const char *xml;

        g_assert_cmpint(sd_bus_message_read(reply, "s", &xml), >, 0);
        *ret = g_strdup(xml);
        return 0;
}

GPtrArray *introspect(Bench *bench, const char *object, char ***ret_nodes) {
        g_autofree char *path = object_path(object), *xml = NULL;
        GPtrArray *members;

        g_assert_cmpint(
                sd_bus_call_method_async(bench->client, NULL, NULL, path,
                        "org.freedesktop.DBus.Introspectable", "Introspect", on_introspected, &xml, NULL),
                >=, 0);
        settle(bench);
        g_assert_nonnull(xml);
        members = parse(xml, ret_nodes);
        for (unsigned i = members->len; i-- > 0;)   /* one object can have several interfaces */
                if (!g_str_equal(((Member *) members->pdata[i])->interface, object_interface(object)))
                        g_ptr_array_remove_index(members, i);
        return members;
}
