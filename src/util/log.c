/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where log entries go. Nothing here decides what is worth logging. */

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <systemd/sd-journal.h>

#include "util/log.h"

/* Whether standard error is the journal's stream: see JOURNAL_STREAM in systemd.exec(5). */
static gboolean stderr_is_journal(void) {
        const char *stream = g_getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
               fstat(STDERR_FILENO, &st) >= 0 && st.st_dev == device && st.st_ino == inode;
}

void log_write(int priority, const char *message_id, const char *domain, const char *format, ...) {
        static int to_journal = -1;
        g_autofree char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = g_strdup_vprintf(format, ap);
        va_end(ap);

        if (to_journal < 0)
                to_journal = stderr_is_journal();
        if (!to_journal) {
                if (priority < LOG_DEBUG)
                        fprintf(stderr, "%s%s%s\n", domain ? domain : "", domain ? ": " : "", text);
                return;
        }

        g_autofree char *domain_field = domain ? g_strconcat("VMM_DOMAIN=", domain, NULL) : NULL;
        g_autofree char *id_field = message_id ? g_strconcat("MESSAGE_ID=", message_id, NULL) : NULL;
        g_autofree char *message =
                g_strconcat("MESSAGE=", domain ? domain : "", domain ? ": " : "", text, NULL);
        g_autofree char *priority_field = g_strdup_printf("PRIORITY=%d", priority);
        struct iovec fields[4];
        int n = 0;

        const char *given[] = {message, priority_field, domain_field, id_field};
        for (size_t i = 0; i < G_N_ELEMENTS(given); i++)
                if (given[i])
                        fields[n++] = (struct iovec) {(void *) given[i], strlen(given[i])};
        (void) sd_journal_sendv(fields, n);
}
