/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever properties and values: they are refused with a reason that can go over D-Bus and leave the set as
 * it was, or are kept in a form that is sent, printed and read again without a change. The input is lines:
 * NAME= and a text form, or NAME: and a D-Bus value as GVariant text; a line "live" makes the lines after it
 * changes of something that runs. */

#include <errno.h>
#include <string.h>

#include "config/resources.h"
#include "fuzz.h"
#include "util/auto.h"
#include "util/errors.h"

static void check_refusal(int r, const sd_bus_error *error) {
        bool unsupported = sd_bus_error_has_name(error, VMM_ERROR_NOT_SUPPORTED);

        g_assert_cmpint(r, ==, unsupported ? -EOPNOTSUPP : -EINVAL);
        g_assert_true(unsupported || sd_bus_error_has_name(error, VMM_ERROR_INVALID_CONFIG) ||
                sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_cmpuint(strlen(error->message), <, 1024);
}

static void check_kept(const Resources *resources) {
        for (size_t i = 0; i < resources_size(resources); i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(resources, i, &value);
                g_autofree char *text = resource_value_print(property->type, value), *problem = NULL;
                g_autoptr(GVariant) again = resource_value_parse(property->type, text, &problem);
                g_autoptr(GVariant) taken = NULL;

                g_assert_cmpstr(problem, ==, NULL);
                taken = resource_value_take(property->type, again, &problem);
                g_assert_cmpstr(problem, ==, NULL);
                g_assert_true(g_variant_equal(taken, value));
                g_assert_true(g_utf8_validate(text, -1, NULL));
                g_assert_null(strpbrk(text, "\n\r"));
        }
}

static void check_sent(GVariant *sent) {
        for (size_t i = 0; i < g_variant_n_children(sent); i++) {
                g_autoptr(GVariant) value = NULL;
                const ResourceProperty *property;
                const char *name;

                g_variant_get_child(sent, i, "(&sv)", &name, &value);
                property = resource_property_find(name);
                g_assert_cmpstr(
                        g_variant_get_type_string(value), ==, resource_type_signature(property->type));
        }
}

static int set_line(Resources *resources, char *line, ResourcesWhen when, sd_bus_error *error) {
        char *text = strpbrk(line, "=:");
        g_autoptr(GVariant) value = NULL;
        bool is_text = text && *text == '=';

        if (!text)
                return 0;
        *text++ = '\0';
        if (is_text)
                return resources_set_text(resources, line, text, when, error);
        value = g_variant_parse(NULL, text, NULL, NULL, NULL);
        return value ? resources_set(resources, line, value, when, error) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const ResourcesHost host = {.systemd_version = 257};
        g_autofree char *input = g_strndup((const char *) data, size);
        g_autoptr(Resources) resources = resources_new(), copy = NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        ResourcesWhen when = RESOURCES_AT_CREATION;
        g_auto(GStrv) lines = NULL;
        g_autoptr(GVariant) sent = NULL;
        size_t n_sent;
        int r;

        (void) errors_register();
        if (!g_utf8_validate(input, -1, NULL))    /* neither files nor D-Bus let it through */
                return 0;
        lines = g_strsplit(input, "\n", 0);
        for (char **line = lines; *line; line++) {
                g_auto(sd_bus_error) refusal = SD_BUS_ERROR_NULL;
                size_t n = resources_size(resources);

                if (g_str_equal(*line, "live"))
                        when = RESOURCES_LIVE;
                r = set_line(resources, *line, when, &refusal);
                g_assert_cmpuint(resources_size(resources), <=, n + (r >= 0));
                if (r < 0)
                        check_refusal(r, &refusal);
        }
        check_kept(resources);
        sent = resources_to_send(resources, RESOURCES_AT_CREATION);
        check_sent(sent);
        n_sent = g_variant_n_children(sent);
        g_assert_cmpuint(n_sent, >=, resources_size(resources));
        g_assert_cmpuint(n_sent, <=, 2 * resources_size(resources));

        copy = resources_copy(resources);
        resources_merge(copy, resources);
        g_assert_true(resources_equal(resources, copy));
        r = resources_check(resources, &host, &error);
        if (r < 0)
                check_refusal(r, &error);
        return 0;
}
