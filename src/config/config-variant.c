/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between values as GLib has them and the table of keys, which says what each of them means. */

#include "config/config-variant.h"
#include "config/io-ports.h"
#include "config/text.h"
#include "util/auto.h"
#include "util/errors.h"

GVariant *domain_config_to_variant(const DomainConfig *config) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{sv}"));
        const ConfigKey *key;

        for (size_t i = 0; (key = domain_config_key_nth(i)); i++) {
                g_autoptr(GVariant) value = domain_config_get(config, key);

                if (value)
                        g_variant_builder_add(&builder, "{sv}", key->name, value);
        }
        return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static int plan_from_variant(GVariant *steps, StopPlan *ret, sd_bus_error *error) {
        *ret = (StopPlan) {0};
        for (size_t i = 0; i < g_variant_n_children(steps); i++) {
                const char *name;
                guint64 usec;
                int r;

                g_variant_get_child(steps, i, "(&st)", &name, &usec);
                r = stop_plan_append(ret, name, usec, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* As given: they may overlap. */
static GArray *ports_from_variant(GVariant *ranges) {
        GArray *ports = io_ports_new();

        for (size_t i = 0; i < g_variant_n_children(ranges); i++) {
                IoPortRange range;

                g_variant_get_child(ranges, i, "(qq)", &range.first, &range.last);
                g_array_append_val(ports, range);
        }
        return ports;
}

static int set_key(DomainConfig *config, const ConfigKey *key, GVariant *given, sd_bus_error *error) {
        ConfigValue value = {.type = key->type};
        g_autofree const char **strings = NULL;
        g_autoptr(GArray) ports = NULL;
        StopPlan plan;
        int r = 0;

        switch (key->type) {
        case CONFIG_STRING:
                value.string = g_variant_get_string(given, NULL);
                break;
        case CONFIG_STRV:
                strings = g_variant_get_strv(given, NULL);
                value.strv = (char *const *) strings;
                break;
        case CONFIG_UINT32:
                value.uint32 = g_variant_get_uint32(given);
                break;
        case CONFIG_UINT64:
                value.uint64 = g_variant_get_uint64(given);
                break;
        case CONFIG_BOOL:
                value.boolean = g_variant_get_boolean(given);
                break;
        case CONFIG_PLAN:
                r = plan_from_variant(given, &plan, error);
                value.plan = &plan;
                break;
        case CONFIG_SETTINGS:
        case CONFIG_SLICES:
        case CONFIG_DEVICES:
                value.settings = given;
                break;
        case CONFIG_PORTS:
                value.ports = ports = ports_from_variant(given);
                break;
        case _CONFIG_TYPE_MAX:
                g_assert_not_reached();
        }
        return r < 0 ? r : domain_config_set(config, key, &value, error);
}

int domain_config_set_variant(DomainConfig *config, GVariant *values, sd_bus_error *error) {
        for (size_t i = 0; i < g_variant_n_children(values); i++) {
                g_autoptr(GVariant) value = NULL;
                const ConfigKey *key;
                const char *name;
                int r;

                g_variant_get_child(values, i, "{&sv}", &name, &value);
                key = domain_config_key(name);
                if (!key) {
                        g_autofree char *quoted = text_quote(name);
                        return sd_bus_error_setf(
                                error, VMM_ERROR_INVALID_CONFIG, "There is no key %s", quoted);
                }
                if (!g_variant_is_of_type(value, G_VARIANT_TYPE(config_type_signature(key->type))))
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "%s: the value has type '%s' instead of '%s'", key->name,
                                g_variant_get_type_string(value), config_type_signature(key->type));
                r = set_key(config, key, value, error);
                if (r < 0)
                        return r;
        }
        return 0;
}
