/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Interfaces as introspection, or a file of the contract, has them: members in their order, each as a line
 * that says all there is to say of it. */

#include "bench.h"

typedef struct Member {
        char *interface, *kind, *name;
        char *in;            /* types of a method's arguments, blank-separated */
        char *type;          /* of a property */
        bool writable;
        const char *changes;
        GString *text;       /* "method Kill(in s whom, in i signal)", "property State s read true" */
} Member;

/* Those of the interfaces that are ours. Free with g_ptr_array_unref(). */
GPtrArray *introspection_parse(const char *xml);

/* What the object says over the wire; its nodes, if not NULL, are g_strfreev()'s. */
GPtrArray *introspect(Bench *bench, const char *object, char ***ret_nodes);
