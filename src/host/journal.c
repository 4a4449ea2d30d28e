/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The journal is read with libsystemd, in place; a look at it is bounded, because the daemon waits for it.
 * Nothing is written. */

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "host/journal.h"

#define ENTRIES_MAX 20000u
#define READING_USEC_MAX 100000
#define MESSAGE_BYTES_MAX 2048u

typedef sd_journal Journal;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, sd_journal_close)

/* ---- Which lines of the kernel's. ---- */

bool kernel_line_is_of_hypervisor(const char *line) {
        static const char *const sources[] = {
                "kvm", "x86/kvm", "vmx", "svm", "VMX", "SVM", "vhost", "vfio", "tun", "tap", "macvtap",
                "mdev", "DMAR", "AMD-Vi", "iommu", "IOMMU", "mshv", "SEV", "SEV-ES", "SEV-SNP", "TDX",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(sources); i++) {
                const char *rest = line + strlen(sources[i]);

                /* "kvm: ", "kvm [12]: ", "kvm_intel: ", "tap0: ", "vhost-12: ", and not "tunnel: ". */
                if (!g_str_has_prefix(line, sources[i]) || g_ascii_isalpha(*rest))
                        continue;
                rest += strspn(rest, "_-0123456789abcdefghijklmnopqrstuvwxyz");
                if (*rest == ':' || g_str_has_prefix(rest, " [") || g_str_has_prefix(rest, " (") ||
                        (g_str_has_prefix(line, "vfio-pci ") && strchr(rest, ':')))
                        return true;
        }
        return false;
}

/* ---- Reading. ---- */

/* What would steer a terminal, and line ends, become blanks. */
static char *message_text(const char *data, size_t length) {
        g_autofree char *raw = g_strndup(data, MIN(length, MESSAGE_BYTES_MAX));
        g_autofree char *valid = g_utf8_make_valid(raw, -1);
        GString *text = g_string_sized_new(strlen(valid));

        for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);
                g_string_append_unichar(text, g_unichar_isprint(c) ? c : ' ');
        }
        return g_strchomp(g_string_free(text, FALSE));
}

static char *entry_message(sd_journal *journal) {
        const void *data;
        size_t length;

        if (sd_journal_get_data(journal, "MESSAGE", &data, &length) < 0 || length < strlen("MESSAGE="))
                return NULL;
        return message_text((const char *) data + strlen("MESSAGE="), length - strlen("MESSAGE="));
}

static char *entry_line(sd_journal *journal, const char *message) {
        g_autoptr(GDateTime) time = NULL;
        g_autofree char *when = NULL;
        uint64_t usec;

        if (sd_journal_get_realtime_usec(journal, &usec) >= 0)
                time = g_date_time_new_from_unix_utc((gint64) (usec / G_USEC_PER_SEC));
        when = time ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("?");
        return g_strdup_printf("%s %s", when, message);
}

static int journal_open(sd_journal **ret) {
        g_autoptr(Journal) journal = NULL;
        int r;

        r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);
        if (r < 0)
                return r;
        if (sd_journal_has_persistent_files(journal) <= 0 && sd_journal_has_runtime_files(journal) <= 0)
                return -ENODATA;
        *ret = g_steal_pointer(&journal);
        return 0;
}

static void reverse(GPtrArray *lines) {
        for (unsigned i = 0; i < lines->len / 2; i++) {
                void *other = lines->pdata[lines->len - 1 - i];

                lines->pdata[lines->len - 1 - i] = lines->pdata[i];
                lines->pdata[i] = other;
        }
}

/* From the newest entry that matches backwards, to the mark. */
static int journal_read(sd_journal *journal, const char *mark, bool (*wanted)(const char *message),
        unsigned lines, char ***ret) {
        g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
        gint64 end = g_get_monotonic_time() + READING_USEC_MAX;
        int r;

        lines = MIN(lines, JOURNAL_LINES_MAX);
        r = sd_journal_seek_tail(journal);
        for (unsigned n = 0; r >= 0 && found->len < lines && n < ENTRIES_MAX; n++) {
                g_autofree char *message = NULL;

                r = sd_journal_previous(journal);
                if (r <= 0 || (mark && sd_journal_test_cursor(journal, mark) > 0) ||
                        g_get_monotonic_time() > end)
                        break;
                message = entry_message(journal);
                if (message && (!wanted || wanted(message)))
                        g_ptr_array_add(found, entry_line(journal, message));
        }
        if (r < 0)
                return r;
        reverse(found);
        g_ptr_array_add(found, NULL);
        *ret = (char **) g_ptr_array_free(g_steal_pointer(&found), FALSE);
        return 0;
}

int journal_read_own(bool user_mode, unsigned lines, char ***ret) {
        g_autoptr(Journal) journal = NULL;
        g_autofree char *uid = g_strdup_printf("_UID=%u", (unsigned) geteuid());
        int r;

        r = journal_open(&journal);
        if (r >= 0)
                r = sd_journal_add_match(journal,
                        user_mode ? "_SYSTEMD_USER_UNIT=vmmanagerd.service"
                                  : "_SYSTEMD_UNIT=vmmanagerd.service", 0);
        if (r >= 0)
                r = sd_journal_add_match(journal, uid, 0);
        return r < 0 ? r : journal_read(journal, NULL, NULL, lines, ret);
}

/* The kernel itself, and not what somebody wrote to its log. */
static int journal_open_kernel(sd_journal **ret) {
        g_autoptr(Journal) journal = NULL;
        char boot[SD_ID128_STRING_MAX];
        g_autofree char *match = NULL;
        sd_id128_t id;
        int r;

        r = sd_id128_get_boot(&id);
        if (r < 0)
                return r;
        match = g_strconcat("_BOOT_ID=", sd_id128_to_string(id, boot), NULL);
        r = journal_open(&journal);
        if (r >= 0)
                r = sd_journal_add_match(journal, "_TRANSPORT=kernel", 0);
        if (r >= 0)
                r = sd_journal_add_match(journal, "SYSLOG_FACILITY=0", 0);
        if (r >= 0)
                r = sd_journal_add_match(journal, match, 0);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&journal);
        return 0;
}

int journal_read_hypervisor(const char *mark, unsigned lines, char ***ret) {
        g_autoptr(Journal) journal = NULL;
        int r = journal_open_kernel(&journal);

        return r < 0 ? r : journal_read(journal, mark, kernel_line_is_of_hypervisor, lines, ret);
}

int journal_mark_kernel(char **ret) {
        g_autoptr(Journal) journal = NULL;
        char *cursor = NULL;
        int r;

        r = journal_open_kernel(&journal);
        if (r >= 0)
                r = sd_journal_seek_tail(journal);
        if (r >= 0)
                r = sd_journal_previous(journal);
        if (r > 0)
                r = sd_journal_get_cursor(journal, &cursor);
        if (r < 0)
                return r;
        *ret = cursor;   /* of malloc(), as g_malloc()'s are */
        return 0;
}
