/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files of saved domains, and the processes that fill and read them: a disk may take its time, and the
 * daemon has none. What is in an image is not this room's business. A named image is NAME.image in the
 * manager's folder; one that was restored is NAME.restored. */

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* One process at work. */
typedef struct ImageWork ImageWork;

/* Called from the event loop; each of them may free the work. */
typedef struct ImageObserver {
        void (*progress)(void *userdata, uint64_t bytes);   /* may be NULL */
        void (*received)(void *userdata);       /* writing: the pipe has ended */

        /* Once, the last one. r: 0, or a negative errno: -EBADMSG when the image is cut or changed, -EPIPE
         * when QEMU did not want to read all of it, -ENOSPC, -EIO ... as the disk has it. */
        void (*done)(void *userdata, int r);
} ImageObserver;

/* Where an image goes to or comes from: by name in the folder, which is made, or a descriptor, which stays
 * the caller's. */
typedef struct ImagePlace {
        const char *folder, *name;      /* name NULL: */
        int fd;
} ImagePlace;

/* Writes the header and all that comes through the pipe, whose other end QEMU is to have; waits then for
 * image_commit(). A named image appears when it is whole and on disk, in place of an older one. Returns 0 or
 * a negative errno. */
int image_write(sd_event *event, const ImagePlace *place, GBytes *header, const ImageObserver *observer,
        void *userdata, int *ret_pipe, ImageWork **ret);

/* From now on it is finished even when the work is freed. */
void image_commit(ImageWork *work);

/* Opens an image for reading. Returns 0 or a negative errno: -ENOENT, -ESTALE when the one of this name was
 * restored already, -EBADFD when the descriptor is no regular file that can be read. */
int image_open(const ImagePlace *place, int *ret_fd);

/* Up to `max` bytes from its beginning. Returns 0 or a negative errno. */
int image_read_start(int fd, size_t max, GBytes **ret);
uint64_t image_size(int fd);

/* Reads all of it: to find out whether it is as it was written. */
int image_check(sd_event *event, int fd, const ImageObserver *observer, void *userdata, ImageWork **ret);

/* The same, with all from `offset` on going into the pipe, whose other end QEMU is to have. */
int image_feed(sd_event *event, int fd, uint64_t offset, const ImageObserver *observer, void *userdata,
        int *ret_pipe, ImageWork **ret);

/* Ends it, unless it was committed; what is unfinished is removed. Accepts NULL, returns NULL. */
ImageWork *image_work_free(ImageWork *work);

/* A named image is used up, so that no second machine ever runs from it; and back. Returns 0 or a negative
 * errno. */
int image_use_up(const ImagePlace *place);
int image_put_back(const ImagePlace *place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageWork, image_work_free)
