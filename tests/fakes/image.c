/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/image.h over the made-up host: images are named things that are there, whole or not; what moves them
 * does so when the test says. Their header is real, as it is read; their memory is not there. */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "fakes/world.h"
#include "host/image.h"
#include "util/auto.h"

typedef struct FakeImage {
        char *name;
        bool used_up;
        GBytes *header;
} FakeImage;

struct ImageWork {
        const char *verb;
        char *name;            /* NULL: a descriptor */
        GBytes *header;
        const ImageObserver *observer;
        void *userdata;
        int pipe;              /* our end of it */
        bool committed;
};

void image_free(void *item) {
        FakeImage *image = item;

        g_free(image->name);
        g_bytes_unref(image->header);
        g_free(image);
}

static FakeImage *image_find(const char *name, bool used_up) {
        for (unsigned i = 0; i < world.images->len; i++) {
                FakeImage *image = world.images->pdata[i];
                if (g_str_equal(image->name, name) && image->used_up == used_up)
                        return image;
        }
        return NULL;
}

static void image_keep(const char *name, GBytes *header) {
        FakeImage *image = image_find(name, false);

        if (!image) {
                image = g_new0(FakeImage, 1);
                image->name = g_strdup(name);
                g_ptr_array_add(world.images, image);
        } else
                g_bytes_unref(image->header);
        image->header = g_bytes_ref(header);
}

/* ---- What works. ---- */

static int work_new(const char *verb, const char *name, const ImageObserver *observer, void *userdata,
        ImageWork **ret) {
        if (world.image_error < 0)
                return world.image_error;
        *ret = g_new0(ImageWork, 1);
        **ret = (ImageWork) {
                .verb = verb,
                .name = g_strdup(name),
                .observer = observer,
                .userdata = userdata,
                .pipe = -1,
        };
        g_ptr_array_add(world.image_works, *ret);
        note("image %s%s%s", verb, name ? " " : "", name ? name : "");
        return 0;
}

ImageWork *image_work_free(ImageWork *work) {
        if (!work)
                return NULL;
        g_ptr_array_remove(world.image_works, work);
        if (!g_str_equal(work->verb, "done"))
                note("image %s ends", work->verb);
        fd_close(work->pipe);
        g_clear_pointer(&work->header, g_bytes_unref);
        g_free(work->name);
        g_free(work);
        return NULL;
}

static ImageWork *work_at(void) {
        if (world.image_works->len == 0)
                g_error("nothing is done to an image");
        return world.image_works->pdata[world.image_works->len - 1];
}

static void pipe_make(int *ret_ours, int *ret_theirs, bool we_read) {
        int pair[2];

        g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
        *ret_ours = pair[we_read ? 0 : 1];
        *ret_theirs = pair[we_read ? 1 : 0];
}

int image_write(sd_event *event, const ImagePlace *place, GBytes *header, const ImageObserver *observer,
        void *userdata, int *ret_pipe, ImageWork **ret) {
        int r = work_new("write", place->name, observer, userdata, ret);

        if (r < 0)
                return r;
        (*ret)->header = g_bytes_ref(header);
        pipe_make(&(*ret)->pipe, ret_pipe, true);
        return 0;
}

void image_commit(ImageWork *work) {
        note("image commit");
        work->committed = true;
}

int image_open(const ImagePlace *place, int *ret_fd) {
        const FakeImage *image = place->name ? image_find(place->name, false) : NULL;

        if (!place->name) {
                *ret_fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 3);
                return *ret_fd < 0 ? -errno : 0;
        }
        if (!image)
                return image_find(place->name, true) ? -ESTALE : -ENOENT;
        *ret_fd = memfd_create(image->name, MFD_CLOEXEC);
        gsize size;
        const void *data = g_bytes_get_data(image->header, &size);
        g_assert_cmpint(write(*ret_fd, data, size), ==, (ssize_t) size);
        return 0;
}

int image_read_start(int fd, size_t max, GBytes **ret) {
        g_autofree void *data = g_malloc(max);
        ssize_t n = pread(fd, data, max, 0);

        g_assert_cmpint(n, >=, 0);
        *ret = g_bytes_new(data, (gsize) n);
        return 0;
}

uint64_t image_size(int fd) {
        return 1000;
}

int image_check(sd_event *event, int fd, const ImageObserver *observer, void *userdata, ImageWork **ret) {
        return work_new("check", NULL, observer, userdata, ret);
}

int image_feed(sd_event *event, int fd, uint64_t offset, const ImageObserver *observer, void *userdata,
        int *ret_pipe, ImageWork **ret) {
        int r = work_new("feed", NULL, observer, userdata, ret);

        if (r >= 0)
                pipe_make(&(*ret)->pipe, ret_pipe, false);
        return r;
}

int image_use_up(const ImagePlace *place) {
        note("image %s is used up", place->name);
        image_find(place->name, false)->used_up = true;
        return 0;
}

int image_put_back(const ImagePlace *place) {
        note("image %s is put back", place->name);
        image_find(place->name, true)->used_up = false;
        return 0;
}

/* ---- What tests say. ---- */

void images_fail(int error) {
        world.image_error = error;
}

void image_progresses(uint64_t bytes) {
        const ImageWork *work = work_at();

        work->observer->progress(work->userdata, bytes);
}

void image_is_received(void) {
        const ImageWork *work = work_at();

        work->observer->received(work->userdata);
}

void image_is_done(int error) {
        ImageWork *work = work_at();

        if (error == 0 && g_str_equal(work->verb, "write")) {
                g_assert_true(work->committed);
                if (work->name)
                        image_keep(work->name, work->header);
        }
        work->verb = "done";
        work->observer->done(work->userdata, error);
}
