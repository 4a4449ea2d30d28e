/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads /proc, bounded. Starts and ends nothing; signals only through a pidfd. */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "host/process.h"
#include "util/auto.h"

#define PF_KTHREAD 0x00200000u   /* include/linux/sched.h */

/* Reads a small file of /proc in one go, as text. Returns its length, or -ESRCH when the process is gone. */
static ssize_t proc_read(const char *path, char *buffer, size_t size) {
        autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        ssize_t n;

        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        n = read(fd, buffer, size - 1);
        if (n < 0)
                return -errno;
        buffer[n] = 0;
        return n;
}

static int cgroup_read(const char *path, char **ret) {
        char text[4096 + 256];
        ssize_t n;

        n = proc_read(path, text, sizeof text);
        if (n < 0)
                return (int) n;

        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++)
                if (g_str_has_prefix(*line, "0::/")) {
                        *ret = g_strdup(*line + strlen("0::"));
                        return 0;
                }
        return n == 0 ? -ESRCH : -ENODATA;
}

int process_cgroup(pid_t pid, char **ret) {
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/cgroup", (int) pid);
        return cgroup_read(path, ret);
}

int thread_cgroup(pid_t pid, pid_t tid, char **ret) {
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/task/%d/cgroup", (int) pid, (int) tid);
        return cgroup_read(path, ret);
}

int process_uid(pid_t pid, uid_t *ret) {
        char path[64];
        struct stat st;

        snprintf(path, sizeof path, "/proc/%d", (int) pid);
        if (stat(path, &st) < 0)
                return -ESRCH;
        *ret = st.st_uid;
        return 0;
}

int process_stat(pid_t pid, ProcessStat *ret) {
        char path[64], text[1024], *open_paren, *close_paren;
        unsigned flags;
        ProcessStat stat = {0};
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%d/stat", (int) pid);
        n = proc_read(path, text, sizeof text);
        if (n < 0)
                return (int) n;

        /* The comm may itself hold parentheses and blanks: it ends at the last one. */
        open_paren = strchr(text, '(');
        close_paren = strrchr(text, ')');
        if (!open_paren || !close_paren ||
            sscanf(close_paren + 1, " %c %*d %*d %*d %*d %*d %u", &stat.state, &flags) != 2)
                return -EIO;
        *close_paren = 0;
        g_strlcpy(stat.comm, open_paren + 1, sizeof stat.comm);
        stat.kernel_thread = flags & PF_KTHREAD;
        *ret = stat;
        return 0;
}

int process_wchan(pid_t pid, char *ret, size_t size) {
        char path[64];
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%d/wchan", (int) pid);
        n = proc_read(path, ret, size);
        return n < 0 ? (int) n : 0;
}

int pidfd_get_pid(int pidfd, pid_t *ret) {
        char path[64], text[1024], *line;
        ssize_t n;
        int pid;

        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
        n = proc_read(path, text, sizeof text);
        if (n < 0)
                return -EBADF;
        line = strstr(text, "\nPid:");
        if (!line || sscanf(line + strlen("\nPid:"), "%d", &pid) != 1)
                return -EBADF;
        if (pid <= 0)   /* -1 once it is gone, 0 when it lives in another PID namespace */
                return -ESRCH;
        *ret = pid;
        return 0;
}

bool pidfd_is_alive(int pidfd) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return pidfd >= 0 && poll(&p, 1, 0) == 0;
}

int pidfd_new(pid_t pid, int *ret) {
        int fd = pidfd_open(pid, 0);

        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

int pidfd_signal(int pidfd, int signal) {
        return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}
