/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One macro that gives an enumeration its strings, both ways. */

#include <errno.h>
#include <glib.h>

#define DECLARE_ENUM_STRINGS(noun, Type)                                                             \
        const char *noun##_to_string(Type value);  /* NULL when out of range */                       \
        Type noun##_from_string(const char *text); /* (Type) -EINVAL when unknown */

/* `table` is a `static const char *const[]` indexed by the enumeration. */
#define DEFINE_ENUM_STRINGS(noun, Type, table)                                                        \
        const char *noun##_to_string(Type value) {                                                    \
                return (int) value >= 0 && (size_t) value < G_N_ELEMENTS(table) ? table[value] : NULL; \
        }                                                                                             \
        Type noun##_from_string(const char *text) {                                                   \
                for (size_t i = 0; i < G_N_ELEMENTS(table); i++)                                      \
                        if (text && g_strcmp0(table[i], text) == 0)                                   \
                                return (Type) i;                                                      \
                return (Type) -EINVAL;                                                                \
        }
