/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/run-dir.h without a file system: the folder is a name, its FIFO a pipe, its sockets have no path. */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fakes/world.h"
#include "host/run-dir.h"
#include "util/auto.h"

struct RunDir {
        char *path;
        int output;    /* the writing end of the FIFO: who has it as its standard error lives here */
        GArray *peers; /* int: the far ends of connections */
};

int run_dir_new(const char *base, sd_id128_t uuid, RunDir **ret) {
        char id[SD_ID128_STRING_MAX];

        if (world.folder_error < 0)
                return world.folder_error;
        *ret = g_new0(RunDir, 1);
        (*ret)->path = g_build_filename(base, "domains", sd_id128_to_string(uuid, id), NULL);
        (*ret)->output = -1;
        (*ret)->peers = g_array_new(FALSE, FALSE, sizeof(int));
        g_ptr_array_add(world.run_dirs, *ret);
        return 0;
}

int run_dir_rename(RunDir *dir, sd_id128_t uuid) {
        g_autofree char *parent = g_path_get_dirname(dir->path);
        char id[SD_ID128_STRING_MAX];

        if (world.folder_error < 0)
                return world.folder_error;
        g_free(dir->path);
        dir->path = g_build_filename(parent, sd_id128_to_string(uuid, id), NULL);
        return 0;
}

static void peers_close(RunDir *dir) {
        for (unsigned i = 0; i < dir->peers->len; i++)
                fd_close(g_array_index(dir->peers, int, i));
        g_array_set_size(dir->peers, 0);
}

RunDir *run_dir_free(RunDir *dir) {
        if (!dir)
                return NULL;
        g_ptr_array_remove(world.run_dirs, dir);
        peers_close(dir);
        g_array_unref(dir->peers);
        fd_close(dir->output);
        g_free(dir->path);
        g_free(dir);
        return NULL;
}

/* Nobody looks into what is left behind. */
RunDir *run_dir_abandon(RunDir *dir) {
        return run_dir_free(dir);
}

char *run_dir_path(const RunDir *dir, const char *name) {
        return g_build_filename(dir->path, name, NULL);
}

int run_dir_listen(const RunDir *dir, const char *name, int *ret_fd) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        /* Without a path the kernel gives it a name that nobody knows. */
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(sa_family_t)) < 0 || listen(fd, 1) < 0)
                return -errno;
        *ret_fd = fd_steal(&fd);
        return 0;
}

static const FakeProcess *run_dir_process(const RunDir *dir) {
        for (unsigned i = 0; i < world.processes->len; i++) {
                const FakeProcess *process = world.processes->pdata[i];
                if (same_file(process->output, dir->output))
                        return process;
        }
        return NULL;
}

int run_dir_connect(const RunDir *dir, const char *name, int *ret_fd) {
        const FakeProcess *process = run_dir_process(dir);
        int pair[2];

        if (!process)
                return -ECONNREFUSED;
        if (g_str_equal(name, "monitor")) {
                *ret_fd = monitor_new(process);
                return 0;
        }
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        g_array_append_val(dir->peers, pair[1]);
        *ret_fd = pair[0];
        return 0;
}

int run_dir_fifo(const RunDir *dir, const char *name, uid_t uid, int *ret_reader, int *ret_writer) {
        int pair[2];

        if (pipe2(pair, O_CLOEXEC) < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        fd_close(dir->output);
        ((RunDir *) dir)->output = fcntl(pair[1], F_DUPFD_CLOEXEC, 3);
        *ret_reader = pair[0];
        *ret_writer = pair[1];
        return 0;
}
