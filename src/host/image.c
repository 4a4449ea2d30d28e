/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starts and follows vmmanager-image, and names files. It reads no more of an image than its beginning. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "host/image.h"
#include "host/process.h"
#include "host/spawn.h"
#include "util/auto.h"
#include "util/image-message.h"

/* As much as an ordinary user may have. The more, the less often QEMU and the program wait for each other.
 */
#define PIPE_BYTES (1 << 20)

struct ImageWork {
        sd_event *event;
        Spawn *spawn;
        int control;
        sd_event_source *io;
        const ImageObserver *observer;
        void *userdata;
        int folder;               /* of a named image that is being written */
        char *temporary;
        bool committed, over;
};

static char *image_file(const char *name, const char *suffix) {
        return g_strconcat(name, suffix, NULL);
}

static int folder_open(const char *folder, int *ret) {
        if (g_mkdir_with_parents(folder, 0700) < 0)
                return -errno;
        *ret = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return *ret < 0 ? -errno : 0;
}

ImageWork *image_work_free(ImageWork *work) {
        if (!work)
                return NULL;
        sd_event_source_disable_unref(work->io);
        if (work->spawn) {
                int pidfd = fcntl(spawn_pidfd(work->spawn), F_DUPFD_CLOEXEC, 3);

                if (!work->committed)
                        (void) pidfd_signal(pidfd, SIGKILL);
                child_forget(work->event, pidfd);
        }
        if (work->temporary && !work->committed && !work->over)
                (void) unlinkat(work->folder, work->temporary, 0);
        spawn_free(work->spawn);
        fd_close(work->control);
        fd_close(work->folder);
        g_free(work->temporary);
        g_free(work);
        return NULL;
}

static void work_end(ImageWork *work, int r) {
        work->over = r >= 0;
        work->io = sd_event_source_disable_unref(work->io);
        work->observer->done(work->userdata, r);
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ImageWork *work = userdata;
        ImageMessage message;
        ssize_t n = recv(fd, &message, sizeof message, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n != (ssize_t) sizeof message)
                work_end(work, -ESRCH);   /* it was killed, or could not even begin */
        else if (message.news == IMAGE_PROGRESS) {
                if (work->observer->progress)
                        work->observer->progress(work->userdata, message.bytes);
        } else if (message.news == IMAGE_RECEIVED)
                work->observer->received(work->userdata);
        else
                work_end(work, message.news == IMAGE_DONE ? 0 : -message.error);
        return 0;
}

/* That it could not be executed shows by the closing of its socket. */
static void on_executed(void *userdata, int r, const sd_bus_error *error) {
}

/* descriptors: from IMAGE_FD_FILE on; they stay the caller's. */
static int work_start(ImageWork *work, const char *const *arguments, const int *descriptors, unsigned n) {
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        work->control = pair[0];
        autofd int theirs = pair[1];
        SpawnSpec spec = {
                .argv = (char *const *) arguments,
                .no_new_privileges = true,
                .output = STDERR_FILENO,
                .descriptors = {theirs},
                .n_descriptors = 1 + n,
        };
        for (unsigned i = 0; i < n; i++)
                spec.descriptors[1 + i] = descriptors[i];
        r = sd_event_add_io(work->event, &work->io, work->control, EPOLLIN, on_control, work);
        /* What it says comes before what follows from it: a pipe that closes, a QEMU that ends. */
        if (r >= 0)
                r = sd_event_source_set_priority(work->io, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = spawn_new(work->event, &spec, on_executed, work, &work->spawn);
        return r < 0 ? r : spawn_release(work->spawn);
}

static ImageWork *work_new(sd_event *event, const ImageObserver *observer, void *userdata) {
        ImageWork *work = g_new0(ImageWork, 1);

        *work = (ImageWork) {
                .event = event, .observer = observer, .userdata = userdata, .control = -1, .folder = -1};
        return work;
}

static int pipe_new(int *ret_reader, int *ret_writer) {
        int pair[2];

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        (void) fcntl(pair[0], F_SETPIPE_SZ, PIPE_BYTES);
        *ret_reader = pair[0];
        *ret_writer = pair[1];
        return 0;
}

/* The header as a file: a pipe might not hold it. */
static int header_file(GBytes *header, int *ret) {
        autofd int fd = memfd_create("header", MFD_CLOEXEC);
        gsize size;
        const void *data = g_bytes_get_data(header, &size);

        if (fd < 0)
                return -errno;
        if (pwrite(fd, data, size, 0) != (ssize_t) size)
                return -ENOMEM;
        *ret = fd_steal(&fd);
        return 0;
}

/* A file that nobody finds by an image's name. */
static int temporary_new(ImageWork *work, const char *folder, int *ret_fd) {
        uint64_t random;
        int r = folder_open(folder, &work->folder);

        if (r < 0)
                return r;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t) sizeof random)
                return -EAGAIN;
        work->temporary = g_strdup_printf(".%016" G_GINT64_MODIFIER "x.tmp", random);
        *ret_fd = openat(work->folder, work->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (*ret_fd >= 0)
                return 0;
        g_clear_pointer(&work->temporary, g_free);
        return -errno;
}

int image_write(sd_event *event, const ImagePlace *place, GBytes *header, const ImageObserver *observer,
        void *userdata, int *ret_pipe, ImageWork **ret) {
        g_autoptr(ImageWork) work = work_new(event, observer, userdata);
        g_autofree char *name = place->name ? image_file(place->name, ".image") : NULL;
        autofd int file = -1, reader = -1, writer = -1, start = -1;
        int r;

        r = place->name ? temporary_new(work, place->folder, &file) : 0;
        if (r >= 0)
                r = header_file(header, &start);
        if (r >= 0)
                r = pipe_new(&reader, &writer);
        if (r >= 0)
                r = work_start(work,
                        (const char *const[]) {IMAGE_PROGRAM, "write", work->temporary, name, NULL},
                        (const int[]) {name ? file : place->fd, reader, start, work->folder}, name ? 4 : 3);
        if (r < 0)
                return r;
        *ret_pipe = fd_steal(&writer);
        *ret = g_steal_pointer(&work);
        return 0;
}

void image_commit(ImageWork *work) {
        work->committed = true;
        (void) send(work->control, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int image_open(const ImagePlace *place, int *ret_fd) {
        g_autofree char *path = NULL, *used = NULL;
        autofd int fd = -1;
        struct stat st;

        if (place->name) {
                path = g_strconcat(place->folder, "/", place->name, ".image", NULL);
                used = g_strconcat(place->folder, "/", place->name, ".restored", NULL);
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
                if (fd < 0)
                        return errno == ENOENT && access(used, F_OK) == 0 ? -ESTALE : -errno;
        } else
                fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
                return -EBADFD;
        *ret_fd = fd_steal(&fd);
        return 0;
}

int image_read_start(int fd, size_t max, GBytes **ret) {
        g_autofree uint8_t *data = g_malloc(max);
        ssize_t n = TEMP_FAILURE_RETRY(pread(fd, data, max, 0));

        if (n < 0)
                return -errno;
        *ret = g_bytes_new_take(g_steal_pointer(&data), (gsize) n);
        return 0;
}

uint64_t image_size(int fd) {
        struct stat st;

        return fstat(fd, &st) < 0 ? 0 : (uint64_t) st.st_size;
}

int image_check(sd_event *event, int fd, const ImageObserver *observer, void *userdata, ImageWork **ret) {
        g_autoptr(ImageWork) work = work_new(event, observer, userdata);
        int r = work_start(work, (const char *const[]) {IMAGE_PROGRAM, "check", NULL}, &fd, 1);

        if (r >= 0)
                *ret = g_steal_pointer(&work);
        return r;
}

int image_feed(sd_event *event, int fd, uint64_t offset, const ImageObserver *observer, void *userdata,
        int *ret_pipe, ImageWork **ret) {
        g_autoptr(ImageWork) work = work_new(event, observer, userdata);
        g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, offset);
        autofd int reader = -1, writer = -1;
        int r;

        r = pipe_new(&reader, &writer);
        if (r >= 0)
                r = work_start(work, (const char *const[]) {IMAGE_PROGRAM, "feed", text, NULL},
                        (const int[]) {fd, writer}, 2);
        if (r < 0)
                return r;
        *ret_pipe = fd_steal(&reader);
        *ret = g_steal_pointer(&work);
        return 0;
}

static int image_rename(const ImagePlace *place, const char *from, const char *to) {
        g_autofree char *source = image_file(place->name, from), *target = image_file(place->name, to);
        autofd int folder = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return folder < 0 || renameat(folder, source, folder, target) < 0 ? -errno : 0;
}

int image_use_up(const ImagePlace *place) {
        return image_rename(place, ".image", ".restored");
}

int image_put_back(const ImagePlace *place) {
        return image_rename(place, ".restored", ".image");
}
