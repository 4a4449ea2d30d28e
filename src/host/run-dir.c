/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes and removes runtime folders and opens what lies in them. Connects and listens, never reads or
 * writes. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "host/run-dir.h"
#include "util/auto.h"

#define LISTEN_BACKLOG 16

struct RunDir {
        char *path;
};

/* Every file that may be in a runtime folder. */
static const char *const run_dir_files[] = {"monitor", "console", "agent", "terminal", "output"};

int run_dir_new(const char *base, sd_id128_t uuid, RunDir **ret) {
        char id[SD_ID128_STRING_MAX];
        g_autofree char *parent = g_build_filename(base, "domains", NULL);
        g_autofree char *path = g_build_filename(parent, sd_id128_to_string(uuid, id), NULL);

        if (g_mkdir_with_parents(parent, 0700) < 0 || mkdir(path, 0700) < 0)
                return -errno;
        RunDir *dir = g_new0(RunDir, 1);
        dir->path = g_steal_pointer(&path);
        *ret = dir;
        return 0;
}

char *run_dir_path(const RunDir *dir, const char *name) {
        return g_build_filename(dir->path, name, NULL);
}

int run_dir_rename(RunDir *dir, sd_id128_t uuid) {
        char id[SD_ID128_STRING_MAX];
        g_autofree char *parent = g_path_get_dirname(dir->path);
        g_autofree char *path = g_build_filename(parent, sd_id128_to_string(uuid, id), NULL);

        if (renameat2(AT_FDCWD, dir->path, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
                return -errno;
        g_free(dir->path);
        dir->path = g_steal_pointer(&path);
        return 0;
}

RunDir *run_dir_abandon(RunDir *dir) {
        if (!dir)
                return NULL;
        g_free(dir->path);
        g_free(dir);
        return NULL;
}

RunDir *run_dir_free(RunDir *dir) {
        if (!dir)
                return NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(run_dir_files); i++) {
                g_autofree char *path = run_dir_path(dir, run_dir_files[i]);
                (void) unlink(path);
        }
        (void) rmdir(dir->path);
        return run_dir_abandon(dir);
}

/* A stream socket, and the address it is to have or to reach. */
static int socket_new(const RunDir *dir, const char *name, struct sockaddr_un *ret_address, int *ret_fd) {
        g_autofree char *path = run_dir_path(dir, name);
        autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        *ret_address = (struct sockaddr_un) {.sun_family = AF_UNIX};
        if (g_strlcpy(ret_address->sun_path, path, sizeof ret_address->sun_path) >=
                sizeof ret_address->sun_path)
                return -ENAMETOOLONG;
        *ret_fd = fd_steal(&fd);
        return 0;
}

int run_dir_listen(const RunDir *dir, const char *name, int *ret_fd) {
        struct sockaddr_un address;
        autofd int fd = -1;
        int r;

        r = socket_new(dir, name, &address, &fd);
        if (r < 0)
                return r;
        (void) unlink(address.sun_path);
        if (bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
                return -errno;
        *ret_fd = fd_steal(&fd);
        return 0;
}

int run_dir_connect(const RunDir *dir, const char *name, int *ret_fd) {
        struct sockaddr_un address;
        autofd int fd = -1;
        int r;

        r = socket_new(dir, name, &address, &fd);
        if (r < 0)
                return r;
        if (connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
                return -errno;
        *ret_fd = fd_steal(&fd);
        return 0;
}

int run_dir_fifo(const RunDir *dir, const char *name, uid_t uid, int *ret_reader, int *ret_writer) {
        g_autofree char *path = run_dir_path(dir, name);
        autofd int reader = -1, writer = -1;

        (void) unlink(path);
        if (mkfifo(path, 0600) < 0)
                return -errno;
        reader = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        writer = open(path, O_RDWR | O_CLOEXEC);
        if (reader < 0 || writer < 0 || fchown(writer, uid, (gid_t) -1) < 0)
                return -errno;
        *ret_reader = fd_steal(&reader);
        *ret_writer = fd_steal(&writer);
        return 0;
}
