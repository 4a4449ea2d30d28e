/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rules for single pieces of text that come from outside, and how such a piece is shown to a person.
 * Pure text: nothing here looks a path or a user up. */

/* Each of these says what is wrong with a text, as the end of a sentence that begins with it ("contains
 * '..'"), or returns NULL when nothing is. The answer is static. */
const char *text_problem(const char *text);        /* one line of UTF-8; may be empty */
const char *label_problem(const char *text);       /* the same, and no invisible characters */
const char *path_problem(const char *path);        /* absolute and normalised */
const char *program_problem(const char *program);  /* such a path, or a bare name to be looked up in PATH */
const char *user_name_problem(const char *name);   /* a letter or '_', then letters, digits, '_', '.', '-' */

/* The text in quotes for a message: what is not printable UTF-8 becomes \xNN, and a long text is cut.
 * Free with g_free(). */
char *text_quote(const char *text);
