/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What may be shown to json-glib, and what it would choke on. */

#include <glib.h>
#include <string.h>

#include "util/json-guard.h"

static const JsonLimits limits = {.depth = 3, .values = 6, .digits = 18};

static void test_allowed(void) {
        static const char *const table[] = {
                "{}", " \t\r\n{} \t\r\n", "{\"a\": 1}",
                "{\"a\": 0, \"b\": -0.0, \"c\": 1.05, \"d\": 1e05, \"e\": 1e-05}",
                "{\"a\": -1.5e+3, \"b\": true, \"c\": null}",
                "{\"a\": 123456789012345678, \"1234567890123456789\": 1}",
                "{\"a\": {\"b\": [1]}}",                /* three levels */
                "{\"a\": [1, 2, 3, 4, 5]}",             /* two brackets, four commas */
                "{\"//\": \"/* = */ # ' \\\\ \\\" {[\"}",  /* all of it in strings */
                "{\"a\": \"\\u00e4\\ud83d\\udc27\"}",   /* a whole surrogate pair */
                "{\"a\" \"b\"}",                        /* wrong, and harmless: the grammar is not judged */
                "{]",                                   /* so is this: brackets are counted */
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_test_message("%s", table[i]);
                g_assert_true(json_is_one_object(table[i], strlen(table[i]), &limits));
        }
}

static void test_refused(void) {
        static const char *const table[] = {
                "", " ", "1", "\"a\"", "[]", "null", "{", "}", "{}}", "{} {}", "{},", "a{}",
                "{010}", "{-010}", "{\"a\": 010}", "{\"a\":010}", "{\"a\": -010}", "{\"a\": [1,00]}",
                "{\"a\": 01.5}",
                "{\"a\": 1234567890123456789}", "{\"a\": -0.1234567890123456789}",
                "{\"a\": [[[1]]]}",                     /* four levels */
                "{\"a\": [1, 2, 3, 4, 5, 6]}",          /* seven values */
                "{b: 1}", "{'a': 1}", "{\"a\" = 1}", "{\"a\": 0x10}", "{\"a\": 1 // b\n}",
                "{\"a\": /* b */ 1}", "{\"a\": NaN}", "{\"a\": 1; \"b\": 2}", "{\"a\": \xc3\xa4}",
                "{\"a", "{\"a\\", "{\"a\\\"}", "{\"\\u12\"}", "{\"\\u123g\"}", "{\"\\u",
                "{\"\\ud83d\"}", "{\"\\udc27\"}", "{\"\\ud83d\\u0041\"}", "{\"\\ud83dx\"}",
                "{\"\\u0000\"}", "{\"a\\u0000b\": 1}",  /* where the string would end */
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autofree char *copy = g_memdup2(table[i], MAX(strlen(table[i]), 1));

                /* Not terminated, so that a look beyond the end shows. */
                g_test_message("%s", table[i]);
                g_assert_false(json_is_one_object(copy, strlen(table[i]), &limits));
        }
        g_assert_false(json_is_one_object("{\0}", 3, &limits));
        g_assert_false(json_is_one_object("{}\0", 3, &limits));
}

static void test_any_digits(void) {
        static const JsonLimits any = {.depth = 1, .values = 1};
        const char *text = "{\"a\": 18446744073709551616}";

        g_assert_true(json_is_one_object(text, strlen(text), &any));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/json-guard/one object of JSON's own characters is let through", test_allowed);
        g_test_add_func("/json-guard/all else is kept out", test_refused);
        g_test_add_func("/json-guard/numbers may be of any length unless that is limited", test_any_digits);
        return g_test_run();
}
