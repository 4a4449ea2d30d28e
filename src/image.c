/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves the image of a saved domain between a file and QEMU's pipe, for the daemon, which must not wait for
 * disks: this process may, for as long as they take. It computes the checksum on the way; of what an image
 * says it knows only where it ends.
 *
 *   vmmanager-image write [TEMPORARY NAME]   header and pipe -> file, then the trailer, then the name
 *   vmmanager-image check                    file -> nowhere
 *   vmmanager-image feed OFFSET              file -> pipe, from OFFSET on; all of it is checked
 *
 * Its descriptors are those of util/image-message.h. When the daemon goes away, what is unfinished does,
 * too. */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "config/save-image.h"
#include "util/auto.h"
#include "util/image-message.h"

#define CHUNK_BYTES (1u << 20)
#define PROGRESS_USEC (G_USEC_PER_SEC / 4)

typedef struct Mover {
        GChecksum *checksum;
        uint64_t bytes;           /* that are in it */
        gint64 told_usec;
        bool reader_gone;         /* QEMU does not want any more */
        uint8_t buffer[CHUNK_BYTES];
} Mover;

static volatile sig_atomic_t asked_to_end;

static void on_sigterm(int number) {
        asked_to_end = 1;
}

/* Returns 0, or -EPIPE when the daemon has gone. */
static int tell(ImageNews news, int error, uint64_t bytes) {
        ImageMessage message = {news, error, bytes};

        return send(IMAGE_FD_CONTROL, &message, sizeof message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int write_all(int fd, const uint8_t *data, size_t size) {
        while (size > 0) {
                ssize_t n = TEMP_FAILURE_RETRY(write(fd, data, size));

                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

static void count(Mover *mover, size_t size) {
        g_checksum_update(mover->checksum, mover->buffer, (gssize) size);
        mover->bytes += size;
}

static int tell_progress(Mover *mover) {
        gint64 now = g_get_monotonic_time();

        if (now < mover->told_usec + PROGRESS_USEC)
                return 0;
        mover->told_usec = now;
        return tell(IMAGE_PROGRESS, 0, mover->bytes);
}

/* ---- Writing. ---- */

static int copy_to_file(Mover *mover, int from) {
        for (;;) {
                ssize_t n = read(from, mover->buffer, sizeof mover->buffer);
                int r;

                if (asked_to_end)
                        return -ECANCELED;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                count(mover, (size_t) n);
                r = write_all(IMAGE_FD_FILE, mover->buffer, (size_t) n);
                if (r >= 0)
                        r = tell_progress(mover);
                if (r < 0)
                        return r;
        }
}

static int write_trailer(Mover *mover) {
        uint8_t trailer[SAVE_TRAILER_BYTES], checksum[SAVE_CHECKSUM_BYTES];
        gsize size = sizeof checksum;

        g_checksum_get_digest(mover->checksum, checksum, &size);
        save_trailer_encode(trailer, mover->bytes, checksum);
        return write_all(IMAGE_FD_FILE, trailer, sizeof trailer);
}

/* A pipe or a socket has no disk to be flushed to. */
static int flush(int fd) {
        return fsync(fd) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
}

static int write_image(Mover *mover, const char *temporary, const char *name) {
        char go;
        int r;

        r = copy_to_file(mover, IMAGE_FD_HEADER);
        if (r >= 0)
                r = copy_to_file(mover, IMAGE_FD_PIPE);
        if (r >= 0)
                r = tell(IMAGE_RECEIVED, 0, mover->bytes);
        /* Whether QEMU has ended well or only ended, the daemon knows. */
        if (r >= 0 && TEMP_FAILURE_RETRY(recv(IMAGE_FD_CONTROL, &go, 1, 0)) != 1)
                r = -ECANCELED;
        if (r >= 0)
                r = write_trailer(mover);
        if (r >= 0)
                r = flush(IMAGE_FD_FILE);
        if (r >= 0 && name && renameat(IMAGE_FD_FOLDER, temporary, IMAGE_FD_FOLDER, name) < 0)
                r = -errno;
        if (r < 0 && name)
                (void) unlinkat(IMAGE_FD_FOLDER, temporary, 0);
        return r < 0 || !name ? r : flush(IMAGE_FD_FOLDER);
}

/* ---- Reading. ---- */

/* Where the trailer is, and what it says. */
static int read_trailer(uint64_t *ret_end, uint8_t *ret_checksum) {
        uint8_t trailer[SAVE_TRAILER_BYTES];
        struct stat st;
        uint64_t said;
        ssize_t n;
        int r;

        if (fstat(IMAGE_FD_FILE, &st) < 0)
                return -errno;
        if (st.st_size < (off_t) SAVE_TRAILER_BYTES)
                return -EBADMSG;
        *ret_end = (uint64_t) st.st_size - SAVE_TRAILER_BYTES;
        n = TEMP_FAILURE_RETRY(pread(IMAGE_FD_FILE, trailer, sizeof trailer, (off_t) *ret_end));
        if (n != (ssize_t) sizeof trailer)
                return n < 0 ? -errno : -EBADMSG;
        r = save_trailer_parse(trailer, &said, ret_checksum);
        return r < 0 ? r : said == *ret_end ? 0 : -EBADMSG;
}

/* What of the buffer's bytes is QEMU's, goes to it. One that reads no more, because it does not like what it
 * has read, is no reason not to find out whether the image is as it was written. */
static int hand_on(Mover *mover, size_t size, uint64_t offset) {
        uint64_t begin = mover->bytes - size, skip = offset > begin ? MIN(offset - begin, size) : 0;
        int r;

        if (mover->reader_gone)
                return 0;
        r = write_all(IMAGE_FD_PIPE, mover->buffer + skip, size - skip);
        mover->reader_gone = r == -EPIPE;
        return mover->reader_gone ? 0 : r;
}

/* offset: UINT64_MAX when nobody is to have it. */
static int read_image(Mover *mover, uint64_t offset) {
        uint8_t said[SAVE_CHECKSUM_BYTES], checksum[SAVE_CHECKSUM_BYTES];
        gsize size = sizeof checksum;
        uint64_t end = 0;
        int r;

        r = read_trailer(&end, said);
        while (r >= 0 && mover->bytes < end) {
                size_t wanted = MIN(sizeof mover->buffer, end - mover->bytes);
                ssize_t n = TEMP_FAILURE_RETRY(
                        pread(IMAGE_FD_FILE, mover->buffer, wanted, (off_t) mover->bytes));

                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                count(mover, (size_t) n);
                if (offset != UINT64_MAX)
                        r = hand_on(mover, (size_t) n, offset);
                if (r >= 0)
                        r = tell_progress(mover);
        }
        if (r < 0)
                return r;
        g_checksum_get_digest(mover->checksum, checksum, &size);
        if (memcmp(checksum, said, sizeof said) != 0)
                return -EBADMSG;
        return mover->reader_gone ? -EPIPE : 0;
}

int main(int argc, char **argv) {
        static Mover mover;
        const char *verb = argc > 1 ? argv[1] : "";
        int r;

        /* With the service ends what is unfinished; what is only to be finished is finished. */
        (void) sigaction(SIGTERM, &(struct sigaction) {.sa_handler = on_sigterm}, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        mover.checksum = g_checksum_new(G_CHECKSUM_SHA256);
        if (g_str_equal(verb, "write") && (argc == 2 || argc == 4))
                r = write_image(&mover, argv[2], argc == 4 ? argv[3] : NULL);
        else if (g_str_equal(verb, "check") && argc == 2)
                r = read_image(&mover, UINT64_MAX);
        else if (g_str_equal(verb, "feed") && argc == 3)
                r = read_image(&mover, g_ascii_strtoull(argv[2], NULL, 10));
        else {
                fputs("vmmanager-image moves images of domains for vmmanagerd and is of no use by itself.\n",
                        stderr);
                return 2;
        }
        (void) tell(r < 0 ? IMAGE_FAILED : IMAGE_DONE, r < 0 ? -r : 0, mover.bytes);
        g_checksum_free(mover.checksum);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
