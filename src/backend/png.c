/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frame of a PNG image: a signature, then chunks of a length, a type, data and a checksum; the first is
 * IHDR, the last IEND. Trusts no length. */

#include <string.h>

#include "backend/png.h"

#define CHUNK_FRAME 12u    /* length, type and checksum */
#define IHDR_SIZE 13u

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static size_t chunk_length(const uint8_t *chunk) {
        return (size_t) chunk[0] << 24 | (size_t) chunk[1] << 16 | (size_t) chunk[2] << 8 | chunk[3];
}

size_t png_size(const uint8_t *data, size_t size) {
        size_t at = sizeof signature;

        if (size < at || memcmp(data, signature, sizeof signature) != 0)
                return 0;
        while (size - at >= CHUNK_FRAME) {
                const uint8_t *chunk = data + at;
                size_t length = chunk_length(chunk);

                if (length > size - at - CHUNK_FRAME)
                        return 0;
                if (at == sizeof signature && (length != IHDR_SIZE || memcmp(chunk + 4, "IHDR", 4) != 0))
                        return 0;
                at += CHUNK_FRAME + length;
                if (memcmp(chunk + 4, "IEND", 4) == 0)
                        return at;
        }
        return 0;
}
