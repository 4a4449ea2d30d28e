/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The emulation of a device control group of old: a default, and exceptions from it. Unlike there, a rule
 * that cannot be followed is refused instead of ignored. */

#include <inttypes.h>

#include "config/device-rules.h"
#include "util/auto.h"
#include "util/errors.h"

struct DeviceRules {
        bool allow_all;       /* what is not in the list is allowed; else it is denied */
        GArray *exceptions;   /* DeviceRule, none of type 'a' */
};

DeviceRules *device_rules_new(void) {
        DeviceRules *rules = g_new0(DeviceRules, 1);

        rules->exceptions = g_array_new(FALSE, FALSE, sizeof(DeviceRule));
        return rules;
}

DeviceRules *device_rules_free(DeviceRules *rules) {
        if (!rules)
                return NULL;
        g_array_unref(rules->exceptions);
        g_free(rules);
        return NULL;
}

static DeviceRule *exception_at(const DeviceRules *rules, size_t i) {
        return &g_array_index(rules->exceptions, DeviceRule, i);
}

/* "c 10:232", "b *:*" */
static char *rule_name(const DeviceRule *rule) {
        g_autoptr(GString) name = g_string_new(NULL);

        g_string_append_printf(name, "%c ", rule->type);
        if (rule->major == DEVICE_ANY)
                g_string_append(name, "*:");
        else
                g_string_append_printf(name, "%" PRIi32 ":", rule->major);
        if (rule->minor == DEVICE_ANY)
                g_string_append_c(name, '*');
        else
                g_string_append_printf(name, "%" PRIi32, rule->minor);
        return g_strdup(name->str);
}

static bool number_covers(int32_t number, int32_t other) {
        return number == DEVICE_ANY || number == other;
}

/* Whether a rule is about each device that the other is about. */
static bool rule_covers(const DeviceRule *rule, const DeviceRule *other) {
        return rule->type == other->type && number_covers(rule->major, other->major) &&
                number_covers(rule->minor, other->minor);
}

/* Whether there may be a device that both are about. */
static bool rules_meet(const DeviceRule *a, const DeviceRule *b) {
        return a->type == b->type &&
                (number_covers(a->major, b->major) || number_covers(b->major, a->major)) &&
                (number_covers(a->minor, b->minor) || number_covers(b->minor, a->minor));
}

static void exception_add(DeviceRules *rules, const DeviceRule *rule) {
        for (size_t i = 0; i < rules->exceptions->len; i++) {
                DeviceRule *exception = exception_at(rules, i);

                if (rule_covers(exception, rule) && rule_covers(rule, exception)) {
                        exception->access |= rule->access;
                        return;
                }
        }
        g_array_append_vals(rules->exceptions, rule, 1);
}

/* Looks at all of them before it changes any. */
static int exception_remove(DeviceRules *rules, const DeviceRule *rule, sd_bus_error *error) {
        for (size_t i = 0; i < rules->exceptions->len; i++) {
                const DeviceRule *exception = exception_at(rules, i);

                if (exception->access & rule->access && rules_meet(rule, exception) &&
                        !rule_covers(rule, exception)) {
                        g_autofree char *part = rule_name(rule), *whole = rule_name(exception);
                        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                                "'%s' cannot be taken out of '%s': systemd knows allowed devices only", part,
                                whole);
                }
        }
        for (size_t i = rules->exceptions->len; i > 0; i--) {
                DeviceRule *exception = exception_at(rules, i - 1);

                if (rule_covers(rule, exception))
                        exception->access &= ~rule->access;
                if (!exception->access)
                        g_array_remove_index(rules->exceptions, (guint) (i - 1));
        }
        return 0;
}

int device_rules_apply(DeviceRules *rules, const DeviceRule *rule, sd_bus_error *error) {
        if (rule->type == 'a') {
                rules->allow_all = rule->allow;
                g_array_set_size(rules->exceptions, 0);
                return 0;
        }
        if (rule->allow == rules->allow_all)
                return exception_remove(rules, rule, error);
        if (!rules->allow_all && rule->major == DEVICE_ANY && rule->minor != DEVICE_ANY) {
                g_autofree char *name = rule_name(rule);
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "'%s' cannot be allowed: systemd knows no minor number without a major one", name);
        }
        exception_add(rules, rule);
        return 0;
}

/* As systemd has named them since version 240: by number, so that the node need not exist. */
static char *rule_node(const DeviceRule *rule) {
        const char *group = rule->type == 'c' ? "char" : "block";

        if (rule->major == DEVICE_ANY)
                return g_strdup_printf("%s-*", group);
        if (rule->minor == DEVICE_ANY)
                return g_strdup_printf("%s-%" PRIi32, group, rule->major);
        return g_strdup_printf("/dev/%s/%" PRIi32 ":%" PRIi32, group, rule->major, rule->minor);
}

int device_rules_result(const DeviceRules *rules, const char **ret_policy, GVariant **ret_allow,
        sd_bus_error *error) {
        g_autoptr(GVariantBuilder) allow = g_variant_builder_new(G_VARIANT_TYPE("a(ss)"));

        if (rules->allow_all && rules->exceptions->len > 0) {
                g_autofree char *name = rule_name(exception_at(rules, 0));
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "'%s' cannot be denied while all others are allowed: "
                        "systemd knows allowed devices only", name);
        }
        for (size_t i = 0; i < rules->exceptions->len; i++) {
                static const char *const letters[] = {"", "r", "w", "rw", "m", "rm", "wm", "rwm"};
                const DeviceRule *rule = exception_at(rules, i);
                g_autofree char *node = rule_node(rule);

                g_variant_builder_add(allow, "(ss)", node, letters[rule->access]);
        }
        *ret_policy = rules->allow_all ? "auto" : "strict";
        *ret_allow = g_variant_ref_sink(g_variant_builder_end(allow));
        return 0;
}
