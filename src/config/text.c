/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What text from outside may look like. Every rule is a plain scan: no locale, no file system, no user
 * database. */

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "config/text.h"

#define QUOTED_BYTES_MAX 128
#define USER_NAME_MAX 31    /* what utmp(5) has room for */

/* Whether c ends a line or steers a terminal. */
static bool is_control(gunichar c) {
        GUnicodeType type = g_unichar_type(c);

        return type == G_UNICODE_CONTROL || type == G_UNICODE_LINE_SEPARATOR ||
                type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

const char *text_problem(const char *text) {
        if (!g_utf8_validate(text, -1, NULL))
                return "is not valid UTF-8";
        for (const char *p = text; *p; p = g_utf8_next_char(p))
                if (is_control(g_utf8_get_char(p)))
                        return "contains a control character";
        return NULL;
}

const char *label_problem(const char *text) {
        const char *problem = text_problem(text);

        for (const char *p = text; !problem && *p; p = g_utf8_next_char(p))
                if (!g_unichar_isprint(g_utf8_get_char(p)))
                        problem = "contains an invisible character";
        return problem;
}

const char *path_problem(const char *path) {
        g_auto(GStrv) components = NULL;

        if (*path != '/')
                return "is not an absolute path";
        if (!path[1])
                return NULL;
        components = g_strsplit(path + 1, "/", 0);
        for (char **component = components; *component; component++)
                if (!**component || g_str_equal(*component, ".") || g_str_equal(*component, ".."))
                        return "is not a normalised path";
        return text_problem(path);
}

const char *program_problem(const char *program) {
        if (*program == '/')
                return path_problem(program);
        if (!*program)
                return "is empty";
        if (strchr(program, '/'))
                return "is neither an absolute path nor a bare name";
        return text_problem(program);
}

const char *user_name_problem(const char *name) {
        bool valid = (g_ascii_isalpha(*name) || *name == '_') && strlen(name) <= USER_NAME_MAX;

        for (const char *p = name; valid && *p; p++)
                valid = g_ascii_isalnum(*p) || strchr("_.-", *p);
        return valid ? NULL : "is not a user name";
}

char *text_quote(const char *text) {
        GString *quoted = g_string_new("'");
        const char *p = text;

        while (*p && quoted->len < QUOTED_BYTES_MAX) {
                gunichar c = g_utf8_get_char_validated(p, -1);
                const char *next = p + 1;

                if (c != (gunichar) -1 && c != (gunichar) -2 && g_unichar_isprint(c) && !is_control(c)) {
                        next = g_utf8_next_char(p);
                        g_string_append_len(quoted, p, next - p);
                } else
                        g_string_append_printf(quoted, "\\x%02x", (unsigned char) *p);
                p = next;
        }
        return g_string_free(g_string_append(quoted, *p ? "...'" : "'"), FALSE);
}
