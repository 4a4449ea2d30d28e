/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads /sys/devices/system/cpu and /proc. Changes nothing. */

#include <glib.h>
#include <string.h>

#include "host/cpu.h"

static char *cpus_read(const char *path) {
        char *text;

        return g_file_get_contents(path, &text, NULL, NULL) ? g_strstrip(text) : NULL;
}

char *cpus_online(void) {
        return cpus_read("/sys/devices/system/cpu/online");
}

char *cpus_possible(void) {
        return cpus_read("/sys/devices/system/cpu/possible");
}

char *cpus_of_thread(pid_t pid, pid_t tid) {
        g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/status", (int) pid, (int) tid);
        g_autofree char *text = NULL;
        const char *line;

        if (!g_file_get_contents(path, &text, NULL, NULL))
                return NULL;
        line = strstr(text, "\nCpus_allowed_list:\t");
        if (!line)
                return NULL;
        line += strlen("\nCpus_allowed_list:\t");
        return g_strndup(line, strcspn(line, "\n"));
}
