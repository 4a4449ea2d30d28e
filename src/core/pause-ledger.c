/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A set of strings, and the form of a slice's reason. Knows no domain. */

#include <string.h>

#include "core/pause-ledger.h"

#define SLICE_PREFIX "slice:"

GPtrArray *ledger_new(void) {
        return g_ptr_array_new_null_terminated(1, g_free, TRUE);
}

bool ledger_has(const GPtrArray *ledger, const char *reason) {
        return g_ptr_array_find_with_equal_func((GPtrArray *) ledger, reason, g_str_equal, NULL);
}

bool ledger_has_other(const GPtrArray *ledger, const char *reason) {
        return ledger->len > (ledger_has(ledger, reason) ? 1u : 0u);
}

bool ledger_add(GPtrArray *ledger, const char *reason) {
        if (ledger_has(ledger, reason))
                return false;
        g_ptr_array_add(ledger, g_strdup(reason));
        return true;
}

bool ledger_remove(GPtrArray *ledger, const char *reason) {
        unsigned at;

        if (!g_ptr_array_find_with_equal_func(ledger, reason, g_str_equal, &at))
                return false;
        g_ptr_array_remove_index(ledger, at);
        return true;
}

char *ledger_slice_reason(const char *slice) {
        return g_strconcat(SLICE_PREFIX, slice, NULL);
}

const char *ledger_reason_slice(const char *reason) {
        return g_str_has_prefix(reason, SLICE_PREFIX) ? reason + strlen(SLICE_PREFIX) : NULL;
}
