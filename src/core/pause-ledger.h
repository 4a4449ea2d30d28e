/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Why a domain is paused: a set of reasons, in the order in which they came. It says nothing about the
 * freezer; whoever adds the first one freezes, whoever takes the last one thaws. */

#include <glib.h>
#include <stdbool.h>

#define PAUSE_REASON_USER "user"       /* a verb of its own, or it was created so */
#define PAUSE_REASON_FROZEN "frozen"   /* somebody else froze the scope, or a slice above it */

/* An empty one; free with g_ptr_array_unref(). Its data is a string list that ends in NULL. */
GPtrArray *ledger_new(void);

bool ledger_has(const GPtrArray *ledger, const char *reason);
bool ledger_has_other(const GPtrArray *ledger, const char *reason);

/* Both return whether that changed anything. */
bool ledger_add(GPtrArray *ledger, const char *reason);
bool ledger_remove(GPtrArray *ledger, const char *reason);

/* The reason "slice:NAME", to be freed with g_free(), and back: NULL when it is no slice's. */
char *ledger_slice_reason(const char *slice);
const char *ledger_reason_slice(const char *reason);
