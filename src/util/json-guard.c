/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One scan over text that calls itself JSON. It allocates nothing and never recurses. */

#include <glib.h>
#include <string.h>

#include "util/json-guard.h"

/* The halves of a surrogate pair. */
#define UTF16_IS_HIGH(unit) (((unit) & ~0x3ff) == 0xd800)
#define UTF16_IS_LOW(unit) (((unit) & ~0x3ff) == 0xdc00)

/* The UTF-16 unit that "\uXXXX" at p stands for, or -1. */
static int escaped_unit(const char *p, const char *end) {
        int unit = 0;

        if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
                return -1;
        for (unsigned i = 2; i < 6; i++) {
                if (!g_ascii_isxdigit(p[i]))
                        return -1;
                unit = 16 * unit + g_ascii_xdigit_value(p[i]);
        }
        return unit;
}

/* From an opening quote to its closing one. NULL: there is none, or an escape is broken, or means NUL, or
 * half of a surrogate pair is alone. */
static const char *string_end(const char *p, const char *end) {
        while (++p < end && *p != '"') {
                if (*p != '\\')
                        continue;
                if (end - p > 1 && p[1] == 'u') {
                        int unit = escaped_unit(p, end);

                        if (unit <= 0 || UTF16_IS_LOW(unit))
                                return NULL;
                        if (UTF16_IS_HIGH(unit)) {
                                p += 6;
                                unit = escaped_unit(p, end);
                                if (!UTF16_IS_LOW(unit))
                                        return NULL;
                        }
                }
                p++;
        }
        return p < end ? p : NULL;
}

/* Of the first of several digits, within an object: whether it is a 0 that a number begins with. */
static bool is_octal(const char *p) {
        const char *before = strchr("+-", p[-1]) ? p - 2 : p - 1;

        return *p == '0' && !strchr(".eE", *before);
}

bool json_is_one_object(const char *text, size_t size, const JsonLimits *limits) {
        size_t depth = 0, values = 0, digits = 0;

        for (const char *p = text, *end = text + size; p < end; p++) {
                if (!*p || (depth == 0 && !strchr(values == 0 ? "{ \t\r\n" : " \t\r\n", *p)))
                        return false;
                digits = g_ascii_isdigit(*p) ? digits + 1 : 0;
                if ((limits->digits > 0 && digits > limits->digits) || (digits == 2 && is_octal(p - 1)))
                        return false;
                switch (*p) {
                case '"':
                        p = string_end(p, end);
                        if (!p)
                                return false;
                        break;
                case '{':
                case '[':
                        if (++depth > limits->depth || ++values > limits->values)
                                return false;
                        break;
                case ',':
                        if (++values > limits->values)
                                return false;
                        break;
                case '}':
                case ']':
                        depth--;
                        break;
                default:
                        if (!strchr(" \t\r\n:+-.0123456789Eaeflnrstu", *p))
                                return false;
                }
        }
        return depth == 0 && values > 0;
}
