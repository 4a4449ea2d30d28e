/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rules for text from outside, each by what it accepts and what it says of the rest. */

#include <glib.h>
#include <string.h>

#include "config/text.h"

typedef struct Row {
        const char *text, *problem;
} Row;

static void check(const char *(*problem)(const char *), const Row *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                g_autofree char *quoted = text_quote(rows[i].text);
                g_test_message("%s", quoted);
                g_assert_cmpstr(problem(rows[i].text), ==, rows[i].problem);
        }
}

#define CONTROL "contains a control character"
#define INVISIBLE "contains an invisible character"
#define UTF8 "is not valid UTF-8"

static void test_text(void) {
        static const Row rows[] = {
                {"", NULL}, {"a b", NULL}, {"gr\xc3\xbc\xc3\x9f", NULL}, {"'\"\\$", NULL},
                {"\xe2\x80\x8d", NULL},    /* a joiner, which some scripts need */
                {"a\nb", CONTROL}, {"\t", CONTROL}, {"\x1b[31m", CONTROL}, {"\x7f", CONTROL},
                {"\xc2\x9b", CONTROL}, {"\xe2\x80\xa8", CONTROL}, {"\xe2\x80\xa9", CONTROL},
                {"\xff", UTF8}, {"\xc0\x80", UTF8}, {"\xed\xa0\x80", UTF8}, {"\xf4\x90\x80\x80", UTF8},
                {"\xc3", UTF8},
        };

        check(text_problem, rows, G_N_ELEMENTS(rows));
}

static void test_label(void) {
        static const Row rows[] = {
                {"", NULL}, {"a b", NULL}, {"gr\xc3\xbc\xc3\x9f", NULL},
                {"\xe2\x80\x8d", INVISIBLE}, {"a\xe2\x80\xae" "b", INVISIBLE},
                {"\xef\xbb\xbf" "a", INVISIBLE}, {"a\nb", CONTROL}, {"\xff", UTF8},
        };

        check(label_problem, rows, G_N_ELEMENTS(rows));
}

static void test_path(void) {
        static const Row rows[] = {
                {"/", NULL}, {"/boot/vmlinuz", NULL}, {"/a b/..c/d.", NULL},
                {"", "is not an absolute path"}, {"vmlinuz", "is not an absolute path"},
                {"./a", "is not an absolute path"}, {"~/a", "is not an absolute path"},
                {"//", "is not a normalised path"}, {"/a//b", "is not a normalised path"},
                {"/a/", "is not a normalised path"}, {"/..", "is not a normalised path"},
                {"/a/../b", "is not a normalised path"}, {"/./a", "is not a normalised path"},
                {"/a\nb", CONTROL}, {"/\xff", UTF8},
        };

        check(path_problem, rows, G_N_ELEMENTS(rows));
}

static void test_program(void) {
        static const Row rows[] = {
                {"sleep", NULL}, {"/bin/sleep", NULL}, {"a b", NULL},
                {"", "is empty"}, {"./a", "is neither an absolute path nor a bare name"},
                {"bin/a", "is neither an absolute path nor a bare name"},
                {"/bin/../a", "is not a normalised path"}, {"a\n", CONTROL}, {"\xff", UTF8},
        };

        check(program_problem, rows, G_N_ELEMENTS(rows));
}

static void test_user_name(void) {
        static const Row rows[] = {
                {"root", NULL}, {"_apt", NULL}, {"vmmanager-qemu", NULL}, {"j.doe2", NULL},
                {"a234567890123456789012345678901", NULL},
                {"a2345678901234567890123456789012", "is not a user name"},
                {"", "is not a user name"}, {"0", "is not a user name"}, {"1a", "is not a user name"},
                {"-a", "is not a user name"}, {".a", "is not a user name"}, {"a b", "is not a user name"},
                {"a:b", "is not a user name"}, {"a/b", "is not a user name"}, {"a\n", "is not a user name"},
                {"gr\xc3\xbcn", "is not a user name"}, {"a$", "is not a user name"},
        };

        check(user_name_problem, rows, G_N_ELEMENTS(rows));
}

static void test_quote(void) {
        static const struct {
                const char *text, *quoted;
        } table[] = {
                {"", "''"}, {"a b", "'a b'"}, {"gr\xc3\xbc\xc3\x9f", "'gr\xc3\xbc\xc3\x9f'"},
                {"\xff", "'\\xff'"}, {"a\x1b[31m\n", "'a\\x1b[31m\\x0a'"},
                {"\xe2\x80\xae", "'\\xe2\\x80\\xae'"},
                {"a\xe2\x80", "'a\\xe2\\x80'"}, {"\xe2\x80\xa8", "'\\xe2\\x80\\xa8'"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autofree char *quoted = text_quote(table[i].text);
                g_assert_cmpstr(quoted, ==, table[i].quoted);
        }
}

static void test_quote_is_bounded(void) {
        g_autofree char *text = g_strnfill(1 << 20, '\n');
        g_autofree char *quoted = text_quote(text);

        g_assert_cmpuint(strlen(quoted), <, 150);
        g_assert_true(g_str_has_suffix(quoted, "\\x0a...'"));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/text/a text is one line of UTF-8", test_text);
        g_test_add_func("/text/a label has nothing that cannot be seen", test_label);
        g_test_add_func("/text/a path is absolute and normalised", test_path);
        g_test_add_func("/text/a program is a path or a bare name", test_program);
        g_test_add_func("/text/a user name is a word that is no number", test_user_name);
        g_test_add_func("/text/a quoted text shows every byte and harms no terminal", test_quote);
        g_test_add_func("/text/a quoted text is short", test_quote_is_bounded);
        return g_test_run();
}
