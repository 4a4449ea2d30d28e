/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One function per direction; both follow the value's own structure. How deep that may be is D-Bus's
 * business, which allows 64 levels. */

#include <errno.h>
#include <string.h>

#include "util/variant.h"

typedef union Basic {
        uint8_t y;
        int b;
        int16_t n;
        uint16_t q;
        int32_t i;
        uint32_t u;
        int64_t x;
        uint64_t t;
        double d;
        const char *s;
} Basic;

static int basic_append(sd_bus_message *m, char type, GVariant *value) {
        Basic basic = {0};

        switch (type) {
        case 'b':
                basic.b = g_variant_get_boolean(value);
                break;
        case 'h':
                return -EOPNOTSUPP;
        case 's':
        case 'o':
        case 'g':
                return sd_bus_message_append_basic(m, type, g_variant_get_string(value, NULL));
        default:
                g_variant_get(value, (char[]) {type, 0}, &basic);
        }
        return sd_bus_message_append_basic(m, type, &basic);
}

/* Type and contents as sd_bus_message_open_container() wants them. */
static int container_open(sd_bus_message *m, GVariant *value) {
        const char *type = g_variant_get_type_string(value);
        g_autofree char *inner = NULL;
        size_t length = strlen(type);

        switch (*type) {
        case 'a':
                return sd_bus_message_open_container(m, 'a', type + 1);
        case 'v': {
                g_autoptr(GVariant) content = g_variant_get_variant(value);
                return sd_bus_message_open_container(m, 'v', g_variant_get_type_string(content));
        }
        default:
                inner = g_strndup(type + 1, length - 2);
                return sd_bus_message_open_container(m, *type == '(' ? 'r' : 'e', inner);
        }
}

int variant_append(sd_bus_message *m, GVariant *value) {
        int r;

        if (!g_variant_is_container(value))
                return basic_append(m, *g_variant_get_type_string(value), value);
        r = container_open(m, value);
        for (size_t i = 0, n = g_variant_n_children(value); i < n && r >= 0; i++) {
                g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
                r = variant_append(m, child);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int basic_read(sd_bus_message *m, char type, GVariant **ret) {
        Basic basic;
        int r;

        if (type == 'h')
                return -EOPNOTSUPP;
        r = sd_bus_message_read_basic(m, type, &basic);
        if (r <= 0)
                return r;
        switch (type) {
        case 's':
                *ret = g_variant_new_string(basic.s);
                break;
        case 'o':
                *ret = g_variant_new_object_path(basic.s);
                break;
        case 'g':
                *ret = g_variant_new_signature(basic.s);
                break;
        case 'y':
                *ret = g_variant_new_byte(basic.y);
                break;
        case 'b':
                *ret = g_variant_new_boolean(basic.b);
                break;
        case 'n':
                *ret = g_variant_new_int16(basic.n);
                break;
        case 'q':
                *ret = g_variant_new_uint16(basic.q);
                break;
        case 'i':
                *ret = g_variant_new_int32(basic.i);
                break;
        case 'u':
                *ret = g_variant_new_uint32(basic.u);
                break;
        case 'x':
                *ret = g_variant_new_int64(basic.x);
                break;
        case 't':
                *ret = g_variant_new_uint64(basic.t);
                break;
        default:
                *ret = g_variant_new_double(basic.d);
        }
        g_variant_ref_sink(*ret);
        return 1;
}

int variant_read(sd_bus_message *m, GVariant **ret) {
        g_autoptr(GVariantBuilder) builder = NULL;
        g_autofree char *signature = NULL;
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r;
        switch (type) {
        case 'a':
                signature = g_strconcat("a", contents, NULL);
                break;
        case 'v':
                signature = g_strdup("v");
                break;
        case 'r':
                signature = g_strdup_printf("(%s)", contents);
                break;
        case 'e':
                signature = g_strdup_printf("{%s}", contents);
                break;
        default:
                return basic_read(m, type, ret);
        }
        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        builder = g_variant_builder_new((const GVariantType *) signature);
        for (GVariant *child; (r = variant_read(m, &child)) > 0; g_variant_unref(child))
                g_variant_builder_add_value(builder, child);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = g_variant_ref_sink(g_variant_builder_end(builder));
        return 1;
}
