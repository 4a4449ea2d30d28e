/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pictures of what a QEMU machine shows. QEMU may open no file: it writes to one in memory that it is
 * handed, at the cost of its own scope, and what it leaves there is believed only as far as it looks like an
 * image. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/png.h"
#include "backend/qemu-internal.h"
#include "util/auto.h"
#include "util/errors.h"

#define PICTURE_MAX (16u << 20)    /* bytes */

typedef struct Picture {
        int fd;
        int64_t fdset;
        int r;                         /* what became of it */
        sd_bus_error error;
} Picture;

static void picture_free(void *state) {
        Picture *picture = state;

        fd_close(picture->fd);
        sd_bus_error_free(&picture->error);
        g_free(picture);
}

/* QEMU compares the access it wants with what the descriptor allows. */
static int picture_writer(const Picture *picture) {
        char path[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
        int fd;

        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", picture->fd);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd >= 0 ? fd : -errno;
}

static int picture_read(QemuBackend *q, const Picture *picture, sd_bus_error *error) {
        off_t end = lseek(picture->fd, 0, SEEK_END);
        size_t size = end > 0 && end <= (off_t) PICTURE_MAX ? (size_t) end : 0;
        g_autofree uint8_t *data = g_malloc(size + 1);
        ssize_t n = size > 0 ? pread(picture->fd, data, size, 0) : 0;
        size_t whole = n > 0 ? png_size(data, (size_t) n) : 0;

        if (whole == 0)
                return sd_bus_error_setf(error, VMM_ERROR_MONITOR_FAILED,
                        "QEMU did not make a picture of '%s' of at most %u bytes", q->config->name,
                        PICTURE_MAX);
        g_clear_pointer(&q->picture, g_bytes_unref);
        q->picture = g_bytes_new_take(g_steal_pointer(&data), whole);
        return QEMU_DONE;
}

static int on_fdset_removed(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        Picture *picture = call->state;

        if (picture->r >= 0)
                return picture_read(call->q, picture, error);
        sd_bus_error_free(error);
        (void) sd_bus_error_copy(error, &picture->error);
        return picture->r;
}

static JsonObject *fdset_arguments(const Picture *picture) {
        JsonObject *arguments = json_object_new();

        json_object_set_int_member(arguments, "fdset-id", picture->fdset);
        return arguments;
}

static int on_dumped(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        Picture *picture = call->state;

        picture->r = r;
        if (r < 0)
                (void) sd_bus_error_copy(&picture->error, error);
        sd_bus_error_free(error);
        return qemu_call_send(call, "remove-fd", fdset_arguments(picture), -1, QEMU_TIMEOUT_USEC,
                on_fdset_removed, error);
}

/* {"fdset-id": 3, "fd": 20} */
static int on_fd_added(BackendCall *call, int r, JsonNode *result, sd_bus_error *error) {
        g_autofree char *path = NULL;
        Picture *picture = call->state;
        JsonObject *arguments;

        if (r < 0)
                return r;
        picture->fdset = JSON_NODE_HOLDS_OBJECT(result)
                                 ? qemu_json_int(json_node_get_object(result), "fdset-id") : -1;
        path = g_strdup_printf("/dev/fdset/%" G_GINT64_FORMAT, picture->fdset);
        arguments = json_object_new();
        json_object_set_string_member(arguments, "filename", path);
        json_object_set_string_member(arguments, "format", "png");
        return qemu_call_send(call, "screendump", arguments, -1, QEMU_TIMEOUT_USEC, on_dumped, error);
}

static int picture_begin(BackendCall *call, sd_bus_error *error) {
        Picture *picture = g_new0(Picture, 1);
        int writer;

        call->state = picture;
        call->state_free = picture_free;
        picture->fd = memfd_create("screenshot", MFD_CLOEXEC);
        writer = picture->fd >= 0 ? picture_writer(picture) : -errno;
        if (writer < 0)
                return sd_bus_error_set_errnof(
                        error, writer, "Cannot make room for a picture: %s", g_strerror(-writer));
        return qemu_call_send(call, "add-fd", NULL, writer, QEMU_TIMEOUT_USEC, on_fd_added, error);
}

int qemu_take_picture(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        BackendCall *call;
        int r;

        if (q->config->machine == MACHINE_MICROVM)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "'%s' has no display: its machine is a 'microvm'", q->config->name);
        call = qemu_call_new(q, reply, userdata, ret);
        r = picture_begin(call, error);
        if (r >= 0)
                return 0;
        call = backend_call_cancel(call);
        if (ret)
                *ret = call;
        return r;
}

GBytes *qemu_picture(Backend *backend) {
        return g_steal_pointer(&((QemuBackend *) backend)->picture);
}
