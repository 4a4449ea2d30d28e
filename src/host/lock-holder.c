/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Looks through the descriptors of all processes: a lock that belongs to an open file, as QEMU's do, has no
 * PID in /proc/locks. */

#include <dirent.h>
#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "host/lock-holder.h"

/* Whether the process has the file open under this number, with a lock on it. */
static bool holds_lock(const char *process, const char *number, const struct stat *file) {
        g_autofree char *link = g_build_filename(process, "fd", number, NULL);
        g_autofree char *info = g_build_filename(process, "fdinfo", number, NULL);
        g_autofree char *text = NULL;
        struct statx st;

        /* Without asking a server that may not answer. */
        return statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_INO, &st) >= 0 &&
               st.stx_ino == file->st_ino &&
               makedev(st.stx_dev_major, st.stx_dev_minor) == file->st_dev &&
               g_file_get_contents(info, &text, NULL, NULL) && strstr(text, "\nlock:");
}

static bool is_holder(const char *process, const struct stat *file) {
        g_autofree char *folder = g_build_filename(process, "fd", NULL);
        DIR *dir = opendir(folder);
        bool found = false;

        if (!dir)
                return false;
        for (struct dirent *entry; !found && (entry = readdir(dir));)
                found = holds_lock(process, entry->d_name, file);
        (void) closedir(dir);
        return found;
}

char *lock_holder(int fd) {
        char *holder = NULL;
        struct stat file;
        DIR *dir;

        if (fstat(fd, &file) < 0)
                return NULL;
        dir = opendir("/proc");
        if (!dir)
                return NULL;
        for (struct dirent *entry; !holder && (entry = readdir(dir));) {
                g_autofree char *process = g_build_filename("/proc", entry->d_name, NULL);
                g_autofree char *file_of_comm = g_build_filename(process, "comm", NULL);
                g_autofree char *comm = NULL;

                if (!g_ascii_isdigit(*entry->d_name) || !is_holder(process, &file) ||
                        !g_file_get_contents(file_of_comm, &comm, NULL, NULL))
                        continue;
                g_autofree char *valid = g_utf8_make_valid(g_strchomp(comm), -1);
                holder = g_strdup_printf("PID %s (%s)", entry->d_name, valid);
        }
        (void) closedir(dir);
        return holder;
}

/* "36 35 98:0 /root /mount-point options ..." */
char *block_holder(dev_t device) {
        g_autofree char *number = g_strdup_printf("%u:%u", major(device), minor(device));
        g_autofree char *text = NULL;

        if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
                return NULL;
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
                g_auto(GStrv) fields = g_strsplit(*line, " ", 6);
                if (g_strv_length(fields) == 6 && g_str_equal(fields[2], number)) {
                        g_autofree char *valid = g_utf8_make_valid(fields[4], -1);
                        return g_strdup_printf("the file system mounted at %s", valid);
                }
        }
        return g_strdup("the kernel (another device is made of it, or it was claimed)");
}
