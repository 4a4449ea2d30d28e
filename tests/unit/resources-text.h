/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sets of resources as one line of text, "MemoryMax=512M | DeviceAllow=/dev/kvm rw", both ways. */

#include <glib.h>

#include "config/resources.h"

static inline Resources *resources_of(const char *text) {
        g_auto(GStrv) lines = g_strsplit(text, " | ", 0);
        Resources *resources = resources_new();

        for (char **line = lines; *line; line++) {
                g_auto(GStrv) words = g_strsplit(*line, "=", 2);

                g_test_message("%s", *line);
                g_assert_cmpint(resources_set_text(resources, words[0], words[1], RESOURCES_AT_CREATION,
                        NULL), ==, 0);
        }
        return resources;
}

static inline char *text_of(const Resources *resources) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < resources_size(resources); i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(resources, i, &value);
                g_autofree char *printed = resource_value_print(property->type, value);

                g_string_append_printf(text, "%s%s=%s", i > 0 ? " | " : "", property->name, printed);
        }
        return g_string_free(text, FALSE);
}
