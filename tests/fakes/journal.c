/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/journal.h over the made-up host: its kernel speaks of nothing but virtualisation, and a mark is a
 * number of lines. */

#include <errno.h>
#include <stdlib.h>

#include "fakes/world.h"
#include "host/journal.h"

static int newest(const GPtrArray *log, unsigned from, unsigned lines, char ***ret) {
        GPtrArray *found;

        if (!log)
                return -ENODATA;
        found = g_ptr_array_new();
        if (log->len - from > lines)
                from = log->len - lines;
        for (unsigned i = from; i < log->len; i++)
                g_ptr_array_add(found, g_strdup(log->pdata[i]));
        g_ptr_array_add(found, NULL);
        *ret = (char **) g_ptr_array_free(found, FALSE);
        return 0;
}

int journal_read_own(bool user_mode, unsigned lines, char ***ret) {
        return newest(world.own_log, 0, lines, ret);
}

int journal_read_hypervisor(const char *mark, unsigned lines, char ***ret) {
        return newest(world.kernel_log, mark ? (unsigned) atoi(mark) : 0, lines, ret);
}

int journal_mark_kernel(char **ret) {
        if (!world.kernel_log)
                return -ENODATA;
        *ret = g_strdup_printf("%u", world.kernel_log->len);
        return 0;
}

void kernel_says(const char *line) {
        g_ptr_array_add(world.kernel_log, g_strdup(line));
}

void daemon_said(const char *line) {
        g_ptr_array_add(world.own_log, g_strdup(line));
}

void journal_goes(void) {
        g_clear_pointer(&world.own_log, g_ptr_array_unref);
        g_clear_pointer(&world.kernel_log, g_ptr_array_unref);
}
