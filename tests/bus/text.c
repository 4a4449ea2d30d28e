/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages as a person reads them: without what differs from one run to the next. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"
#include "util/errors.h"

const char *text_error_name(const char *name) {
        if (g_str_has_prefix(name, VMM_ERROR("")))
                return name + strlen(BUS_NAME ".");
        return g_str_has_prefix(name, "org.freedesktop.DBus.Error.")
                       ? name + strlen("org.freedesktop.DBus.Error.")
                       : name;
}

char *text_object(const char *path, GHashTable *names) {
        g_autofree char *label = NULL;

        if (g_str_equal(path, BUS_PATH))
                return g_strdup("manager");
        if (sd_bus_path_decode(path, BUS_PATH_DOMAIN, &label) > 0) {
                const char *name = g_hash_table_lookup(names, label);
                return g_strdup(name ? name : label);
        }
        if (sd_bus_path_decode(path, BUS_PATH_SLICE, &label) > 0)
                return g_strconcat("slice/", label, NULL);
        return g_strdup(g_str_has_prefix(path, BUS_PATH "/") ? path + strlen(BUS_PATH "/") : path);
}

static void append_path(GString *text, const char *path, GHashTable *names) {
        g_autofree char *object = text_object(path, names);

        g_string_append_printf(
                text, "%s%s", g_str_has_prefix(path, BUS_PATH_DOMAIN "/") ? "domain/" : "", object);
}

const char *text_uuid_owner(const char *string, GHashTable *names) {
        sd_id128_t id;
        char hex[SD_ID128_STRING_MAX];

        return sd_id128_from_string(string, &id) >= 0
                       ? g_hash_table_lookup(names, sd_id128_to_string(id, hex))
                       : NULL;
}

static void append_string(GString *text, const char *string, GHashTable *names) {
        const char *name = text_uuid_owner(string, names);

        if (name)
                g_string_append_printf(text, "UUID of %s", name);
        else
                g_string_append_printf(text, "'%s'", string);
}

static void append_basic(GString *text, sd_bus_message *m, char type, GHashTable *names) {
        union {
                uint8_t y;
                int b;
                uint16_t q;
                int32_t i;
                uint32_t u;
                uint64_t t;
                double d;
                const char *s;
        } value;

        g_assert_cmpint(sd_bus_message_read_basic(m, type, &value), >, 0);
        switch (type) {
        case SD_BUS_TYPE_BYTE:
                g_string_append_printf(text, "%02x", value.y);
                break;
        case SD_BUS_TYPE_BOOLEAN:
                g_string_append(text, value.b ? "true" : "false");
                break;
        case SD_BUS_TYPE_UINT16:
                g_string_append_printf(text, "0x%x", value.q);   /* an I/O port */
                break;
        case SD_BUS_TYPE_INT32:
                g_string_append_printf(text, "%" PRId32, value.i);
                break;
        case SD_BUS_TYPE_UINT32:
                g_string_append_printf(text, "%" PRIu32, value.u);
                break;
        case SD_BUS_TYPE_UINT64:
                g_string_append_printf(text, "%" PRIu64, value.t);
                break;
        case SD_BUS_TYPE_DOUBLE:
                g_string_append_printf(text, "%.2f", value.d);
                break;
        case SD_BUS_TYPE_STRING:
                append_string(text, value.s, names);
                break;
        case SD_BUS_TYPE_OBJECT_PATH:
                append_path(text, value.s, names);
                break;
        case SD_BUS_TYPE_UNIX_FD:
                g_string_append(text, "a descriptor");
                break;
        default:
                g_assert_not_reached();
        }
}

static void append_items(GString *text, sd_bus_message *m, GHashTable *names, const char *between) {
        for (bool first = true; !sd_bus_message_at_end(m, false); first = false) {
                if (!first)
                        g_string_append(text, between);
                text_append_value(text, m, names);
        }
}

/* Of an instant, or of the time since, only this much is the same in each run: whether there is one. */
void text_append_property(GString *text, sd_bus_message *m, const char *name, GHashTable *names) {
        size_t start = text->len;

        text_append_value(text, m, names);
        if (!g_str_has_suffix(name, "Timestamp") && !g_str_has_suffix(name, "DeadlineUSec") &&
                !g_str_equal(name, "UpTimeUSec"))
                return;
        if (!g_str_equal(text->str + start, "0")) {
                g_string_truncate(text, start);
                g_string_append(text, "set");
        }
}

static void append_entry(GString *text, sd_bus_message *m, GHashTable *names) {
        const char *key;

        g_assert_cmpint(sd_bus_message_read(m, "s", &key), >, 0);
        g_string_append_printf(text, "%s: ", key);
        text_append_property(text, m, key, names);
}

void text_append_value(GString *text, sd_bus_message *m, GHashTable *names) {
        const char *contents;
        char type;

        g_assert_cmpint(sd_bus_message_peek_type(m, &type, &contents), >, 0);
        if (!contents) {
                append_basic(text, m, type, names);
                return;
        }
        g_assert_cmpint(sd_bus_message_enter_container(m, type, contents), >, 0);
        switch (type) {
        case SD_BUS_TYPE_VARIANT:
                text_append_value(text, m, names);
                break;
        case SD_BUS_TYPE_DICT_ENTRY:
                append_entry(text, m, names);
                break;
        case SD_BUS_TYPE_STRUCT:
                g_string_append_c(text, '(');
                append_items(text, m, names, ", ");
                g_string_append_c(text, ')');
                break;
        default:
                g_string_append_c(text, *contents == '{' ? '{' : '[');
                append_items(text, m, names, *contents == 'y' ? "" : ", ");
                g_string_append_c(text, *contents == '{' ? '}' : ']');
        }
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
}

void text_append_contents(GString *text, sd_bus_message *m, GHashTable *names) {
        append_items(text, m, names, ", ");
}
