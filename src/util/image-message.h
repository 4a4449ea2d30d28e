/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon and the program that moves images say to each other, over a SOCK_SEQPACKET pair: a packet
 * is one message. Both are of one build and on one machine. */

#include <stdint.h>

/* In the program, from its first descriptor on. */
enum {
        IMAGE_FD_CONTROL = 3,
        IMAGE_FD_FILE,      /* the image */
        IMAGE_FD_PIPE,      /* from or to QEMU */
        IMAGE_FD_HEADER,    /* writing only: read from here first */
        IMAGE_FD_FOLDER,    /* writing a named image only: where it gets its name */
};

typedef enum ImageNews {
        IMAGE_PROGRESS,     /* so many bytes, by now */
        IMAGE_RECEIVED,     /* the pipe has ended; goes on when the daemon says so, with one byte */
        IMAGE_DONE,         /* whole, durable, and under its name; or checked, and handed on */
        IMAGE_FAILED,
} ImageNews;

typedef struct ImageMessage {
        uint32_t news;
        int32_t error;      /* of IMAGE_FAILED: an errno; EBADMSG: not whole, or changed */
        uint64_t bytes;
} ImageMessage;
