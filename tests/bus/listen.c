/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Listens: turns signals into lines, keeps what they told of each object, and compares that with what is. */

#include <string.h>

#include "bench.h"

/* Read afresh at each look. */
static bool is_counter(const char *property) {
        static const char *const counters[] = {
                "UpTimeUSec", "CPUUsageNSec", "MemoryCurrent", "TasksCurrent", "IOReadBytes", "IOWriteBytes",
                "Progress", "ControlGroupPaths", "Blocked", NULL,
        };

        return g_strv_contains(counters, property);
}

static char *property_text(Bench *bench, sd_bus_message *m, const char *property) {
        GString *text = g_string_new(NULL);

        text_append_property(text, m, property, bench->names);
        return g_string_free(text, FALSE);
}

typedef void (*PropertyVisitor)(
        Bench *bench, const char *object, GHashTable *told, const char *property, char *text, GString *line);

/* Visits each entry of an a{sv}. */
static void visit_properties(
        Bench *bench, const char *object, sd_bus_message *m, PropertyVisitor visit, GString *line) {
        GHashTable *told = g_hash_table_lookup(bench->told, object);
        const char *property;

        if (!told) {
                told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
                g_hash_table_insert(bench->told, g_strdup(object), told);
        }
        g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "{sv}"), >, 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                g_assert_cmpint(sd_bus_message_read(m, "s", &property), >, 0);
                visit(bench, object, told, property, property_text(bench, m, property), line);
                g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
        }
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
}

static void property_told(Bench *bench, const char *object, GHashTable *told, const char *property,
        char *text, GString *line) {
        if (line && g_strcmp0(g_hash_table_lookup(told, property), text) != 0)
                g_string_append_printf(line, "%s%s %s", line->len > 0 ? ", " : "", property, text);
        g_hash_table_insert(told, g_strdup(property), text);
}

static void property_is(Bench *bench, const char *object, GHashTable *told, const char *property, char *text,
        GString *line) {
        const char *before = g_hash_table_lookup(told, property);

        /* The machine is always there: of it, only what has changed was ever told. */
        if (!is_counter(property) && g_strcmp0(before, text) != 0 &&
                (before || !g_str_equal(object, "node")))
                write_down(bench, "! %s.%s: told %s, is %s", object, property, before, text);
        g_free(text);
}

typedef struct Look {
        Bench *bench;
        char *object;
} Look;

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Look *look = userdata;

        if (sd_bus_message_is_method_error(reply, NULL))
                write_down(look->bench, "! %s: told, is not there", look->object);
        else
                visit_properties(look->bench, look->object, reply, property_is, NULL);
        g_free(look->object);
        g_free(look);
        return 0;
}

void told_compare(Bench *bench) {
        g_autofree void **objects = g_hash_table_get_keys_as_array(bench->told, NULL);

        for (void **object = objects; *object; object++) {
                g_autofree char *path = object_path(*object);
                Look *look = g_new(Look, 1);

                *look = (Look) {bench, g_strdup(*object)};
                g_assert_cmpint(sd_bus_call_method_async(bench->client, NULL, NULL, path,
                                        "org.freedesktop.DBus.Properties", "GetAll", on_properties, look,
                                        "s", object_interface(*object)),
                        >=, 0);
        }
        settle(bench);
}

/* ---- Listening. ---- */

/* Slices come and go with their domains: that is of interest to few. */
static bool is_told_of(const Bench *bench, const char *object) {
        return bench->slices || !g_str_has_prefix(object, "slice/");
}

static void take_added(Bench *bench, sd_bus_message *m) {
        const char *path, *interface;

        g_assert_cmpint(sd_bus_message_read(m, "o", &path), >, 0);
        g_autofree char *object = text_object(path, bench->names);
        g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "{sa{sv}}"), >, 0);
        while (sd_bus_message_enter_container(m, 'e', "sa{sv}") > 0) {
                g_assert_cmpint(sd_bus_message_read(m, "s", &interface), >, 0);
                if (g_str_has_prefix(interface, BUS_NAME))
                        visit_properties(bench, object, m, property_told, NULL);
                else
                        g_assert_cmpint(sd_bus_message_skip(m, "a{sv}"), >=, 0);
                g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
        }

        /* From here on the domain goes by its name. */
        GHashTable *told = g_hash_table_lookup(bench->told, object);
        if (g_str_has_prefix(path, BUS_PATH_DOMAIN "/")) {
                const char *name = g_hash_table_lookup(told, "Name");
                g_autofree char *bare = g_strndup(name + 1, strlen(name) - 2), *hex = NULL;

                /* One that was restored had a name before. */
                g_assert_cmpint(sd_bus_path_decode(path, BUS_PATH_DOMAIN, &hex), >, 0);
                g_hash_table_insert(bench->names, g_steal_pointer(&hex), g_strdup(bare));
                g_hash_table_insert(told, g_strdup("UUID"), g_strdup_printf("UUID of %s", bare));
                g_hash_table_insert(bench->told, g_strdup(bare), g_hash_table_ref(told));
                if (!g_str_equal(bare, object))
                        g_hash_table_remove(bench->told, object);
                write_down(bench, "+ domain/%s", bare);
        } else if (is_told_of(bench, object))
                write_down(bench, "+ %s", object);
}

static void take_removed(Bench *bench, sd_bus_message *m) {
        const char *path;

        g_assert_cmpint(sd_bus_message_read(m, "o", &path), >, 0);
        g_autofree char *object = text_object(path, bench->names);
        if (is_told_of(bench, object))
                write_down(
                        bench, "- %s%s", g_str_has_prefix(path, BUS_PATH_DOMAIN) ? "domain/" : "", object);
        g_hash_table_remove(bench->told, object);
}

/* It goes by its new name from here on. */
static void follow_name(Bench *bench, sd_bus_message *m, const char *object) {
        GHashTable *told = g_hash_table_lookup(bench->told, object);
        const char *name = g_hash_table_lookup(told, "Name");
        g_autofree char *bare = name ? g_strndup(name + 1, strlen(name) - 2) : NULL, *hex = NULL;

        if (sd_bus_path_decode(sd_bus_message_get_path(m), BUS_PATH_DOMAIN, &hex) <= 0 ||
                g_str_equal(bare, object))
                return;
        g_hash_table_insert(bench->told, g_strdup(bare), g_hash_table_ref(told));
        g_hash_table_insert(told, g_strdup("UUID"), g_strdup_printf("UUID of %s", bare));
        g_hash_table_remove(bench->told, object);
        g_hash_table_insert(bench->names, g_steal_pointer(&hex), g_steal_pointer(&bare));
}

static void take_changed(Bench *bench, sd_bus_message *m) {
        g_autofree char *object = text_object(sd_bus_message_get_path(m), bench->names);
        g_autoptr(GString) line = g_string_new(NULL);
        const char *interface;

        g_assert_cmpint(sd_bus_message_read(m, "s", &interface), >, 0);
        if (g_str_equal(interface, BUS_INTERFACE("Node"))) {
                g_free(object);
                object = g_strdup("node");
        }
        g_assert_cmpstr(interface, ==, object_interface(object));
        visit_properties(bench, object, m, property_told, line);
        if (is_told_of(bench, object))
                write_down(bench, "%s: %s", object, line->len > 0 ? line->str : "as before");
        g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "s"), >, 0);
        g_assert_true(sd_bus_message_at_end(m, false));   /* nothing is just invalidated */
        follow_name(bench, m, object);
}

static void take_signal(Bench *bench, sd_bus_message *m) {
        g_autofree char *object = text_object(sd_bus_message_get_path(m), bench->names);
        g_autoptr(GString) text = g_string_new(NULL);
        const char *line;

        if (sd_bus_message_is_signal(m, FAKE_NOTE_INTERFACE, NULL)) {
                g_assert_cmpint(sd_bus_message_read(m, "s", &line), >, 0);
                write_down(bench, "%s", line);
                return;
        }
        text_append_contents(text, m, bench->names);
        write_down(bench, "%s%s%s(%s)", g_str_equal(object, "manager") ? "" : object,
                g_str_equal(object, "manager") ? "" : ".", sd_bus_message_get_member(m), text->str);
}

int bench_listen(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bench *bench = userdata;

        if (sd_bus_message_is_method_call(m, "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization"))
                return question_take(bench, m, true);
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", NULL))
                return question_take(bench, m, false);
        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded"))
                take_added(bench, m);
        else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved"))
                take_removed(bench, m);
        else if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Properties", "PropertiesChanged"))
                take_changed(bench, m);
        else if (sd_bus_message_is_signal(m, NULL, NULL))
                take_signal(bench, m);
        return 0;
}
