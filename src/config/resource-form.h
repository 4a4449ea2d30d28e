/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How one type of resource value is judged, read and written: what resource-value.c's table is made of. For
 * that file and those that it takes its functions from. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/quantity.h"

typedef struct ResourceForm ResourceForm;
struct ResourceForm {
        const char *signature;
        const char *example;      /* of the text form: the end of "'x' is not ..." */

        /* The value, or each entry of a list. take: as resource_value_take(). parse: floating, or NULL when
         * the text is not of this form. print: of a value that was taken. */
        GVariant *(*take)(const ResourceForm *form, GVariant *value, char **ret_problem);
        GVariant *(*parse)(const ResourceForm *form, const char *text);
        void (*print)(const ResourceForm *form, GVariant *value, GString *text);

        const char *between;      /* entries of a list in its text form: " " or "; "; NULL: not a list */
        bool named;               /* a list says one thing of each first member; else, repeats are dropped */
        const char *(*meaning)(const char *word);   /* entries that a word stands for, or NULL */
        const char *reset;        /* see resource_value_reset(), as GVariant text */

        /* What the functions go by. */
        QuantityUnit unit;
        uint64_t min, max;
        const char *unset;        /* text of UINT64_MAX; NULL: it is out of range like any other */
        const char *zero;         /* text of 0 */
        const char *const *words;
};

/* What is wrong with a number, or NULL. Both ways through its text form. */
char *number_problem(const ResourceForm *form, uint64_t number);
bool number_parse(const ResourceForm *form, const char *text, uint64_t *ret);
void number_print(const ResourceForm *form, uint64_t number, GString *text);

bool form_has_word(const ResourceForm *form, const char *word);

/* The culprit in quotes, and what is wrong with it. */
char *complain_about(const char *culprit, const char *problem);

/* "any", "localhost", "link-local", "multicast" */
const char *address_word_meaning(const char *word);

#define DECLARE_FORM(noun)                                                                                  \
        GVariant *noun##_take(const ResourceForm *form, GVariant *value, char **ret_problem);               \
        GVariant *noun##_parse(const ResourceForm *form, const char *text);                                 \
        void noun##_print(const ResourceForm *form, GVariant *value, GString *text);

DECLARE_FORM(device_number)     /* (st) */
DECLARE_FORM(device_access)     /* (ss) */
DECLARE_FORM(address)           /* (iayu) */
DECLARE_FORM(ports)             /* (iiqq) */
DECLARE_FORM(interfaces)        /* (bas), whole */
DECLARE_FORM(path)              /* s */
DECLARE_FORM(program)           /* (ss) */
