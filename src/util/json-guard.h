/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What text has to look like before json-glib may see it. Nothing is parsed here. */

#include <stdbool.h>
#include <stddef.h>

typedef struct JsonLimits {
        size_t depth;    /* of nested values */
        size_t values;   /* all together, roughly: brackets and commas */
        size_t digits;   /* of a number: up to 18, json-glib never takes it for another; 0: any */
} JsonLimits;

/* json-glib 1.6 recurses as deep as the text tells it to, knows comments and assignments, takes several
 * values where JSON has one, loses the memory of the others and of a broken surrogate pair, reads 010 as
 * 8, and ends a string at an escaped NUL. True for what is one object made of JSON's own characters, without
 * any of that and within the limits. The grammar, and UTF-8, are json-glib's business. */
bool json_is_one_object(const char *text, size_t size, const JsonLimits *limits);
