/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever JSON: it is refused with a reason that can go over D-Bus, or comes to properties that are in
 * range and print and parse to themselves. The first byte: 'l' for a change of something that runs, 'i' of
 * something that is idle and has a quota, anything else at creation. The rest is the JSON. */

#include <errno.h>
#include <string.h>

#include "config/oci.h"
#include "fuzz.h"
#include "util/auto.h"
#include "util/errors.h"

static void check_refusal(int r, const sd_bus_error *error) {
        bool unsupported = sd_bus_error_has_name(error, VMM_ERROR_NOT_SUPPORTED);

        g_assert_cmpint(r, ==, unsupported ? -EOPNOTSUPP : -EINVAL);
        g_assert_true(unsupported || sd_bus_error_has_name(error, VMM_ERROR_INVALID_CONFIG));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_cmpuint(strlen(error->message), <, 1024);
}

static void check_result(const OciResources *oci) {
        g_autoptr(Resources) again = resources_new();

        for (size_t i = 0; i < resources_size(oci->resources); i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(oci->resources, i, &value);
                g_autofree char *text = resource_value_print(property->type, value);

                g_assert_cmpint(resources_set_text(again, property->name, text, RESOURCES_AT_CREATION, NULL),
                        ==, 0);
        }
        g_assert_true(resources_equal(oci->resources, again));
        g_assert_cmpuint(oci->warnings->len, <=, 1);
}

static Resources *resources_of_something(void) {
        static const char *const settings[][2] = {
                {"CPUWeight", "idle"}, {"CPUQuotaPerSecUSec", "819200%"}, {"CPUQuotaPeriodUSec", "1s"},
        };
        Resources *resources = resources_new();

        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                g_assert_cmpint(resources_set_text(resources, settings[i][0], settings[i][1],
                        RESOURCES_LIVE, NULL), ==, 0);
        return resources;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *input = g_strndup((const char *) data, size);
        g_autoptr(Resources) current = *input == 'i' ? resources_of_something() : NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(OciResources) oci = NULL;
        int r;

        if (!*input)
                return 0;
        (void) errors_register();
        r = oci_resources_parse(input + 1, current, *input == 'l' || *input == 'i' ? RESOURCES_LIVE
                : RESOURCES_AT_CREATION, &oci, &error);
        if (r < 0)
                check_refusal(r, &error);
        else
                check_result(oci);
        return 0;
}
