/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads tables of keys. What the values of a kind of device mean is said where its table is. */

#include <string.h>

#include "config/device-config.h"
#include "config/text.h"
#include "util/errors.h"

static const DeviceKey *key_find(const DeviceKey *keys, size_t n_keys, const char *name) {
        for (size_t i = 0; i < n_keys; i++)
                if (g_str_equal(keys[i].name, name))
                        return &keys[i];
        return NULL;
}

static int key_take(const DeviceKey *key, GVariant *value, const char *where, void *object,
        sd_bus_error *error) {
        g_autofree char *problem = NULL;

        if (!g_str_equal(g_variant_get_type_string(value), key->type))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "%s: %s is of type '%s', not '%s'", where, key->name, key->type,
                        g_variant_get_type_string(value));
        problem = key->take(value, (char *) object + key->offset);
        if (problem)
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "%s: %s: %s", where, key->name, problem);
        return 0;
}

int device_keys_take(const DeviceKey *keys, size_t n_keys, GVariant *settings, const char *where,
        void *object, sd_bus_error *error) {
        uint64_t taken = 0;

        g_assert(n_keys <= 64);
        for (size_t i = 0; i < g_variant_n_children(settings); i++) {
                g_autoptr(GVariant) value = NULL;
                const DeviceKey *key;
                const char *name;
                int r;

                g_variant_get_child(settings, i, "{&sv}", &name, &value);
                key = key_find(keys, n_keys, name);
                if (!key) {
                        g_autofree char *quoted = text_quote(name);
                        return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "%s: there is no key %s", where, quoted);
                }
                if (taken & (UINT64_C(1) << (key - keys)))
                        return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "%s: %s is given twice", where, name);
                r = key_take(key, value, where, object, error);
                if (r < 0)
                        return r;
                taken |= UINT64_C(1) << (key - keys);
        }
        return 0;
}

char *device_take_text(GVariant *value, char **field, const char *(*problem)(const char *text)) {
        const char *text = g_variant_get_string(value, NULL), *wrong = problem(text);

        if (wrong) {
                g_autofree char *quoted = text_quote(text);
                return g_strconcat(quoted, " ", wrong, NULL);
        }
        *field = g_strdup(text);
        return NULL;
}

const char *device_name_problem(const char *name) {
        if (!g_ascii_isalpha(*name))
                return "does not begin with a letter";
        if (strlen(name) > DEVICE_NAME_MAX)
                return "is longer than " G_STRINGIFY(DEVICE_NAME_MAX) " bytes";
        for (const char *p = name; *p; p++)
                if (!g_ascii_isalnum(*p) && !strchr("-_.", *p))
                        return "is not made of letters, digits, '-', '_' and '.'";
        return NULL;
}

char *device_take_name(GVariant *value, void *field) {
        return device_take_text(value, field, device_name_problem);
}
