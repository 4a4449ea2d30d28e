/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fields at fixed places, in big-endian. What else may be wrong with an image QEMU says. */

#include <glib.h>
#include <string.h>

#include "config/qcow2.h"

#define BYTES_V2 72u                    /* of the header of version 2 */
#define FEATURE_DATA_FILE (1ull << 2)   /* incompatible: the data is in a file of its own */

static uint64_t number_at(const uint8_t *header, size_t offset, size_t size) {
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++)
                number = number << 8 | header[offset + i];
        return number;
}

const char *qcow2_problem(const uint8_t *header, size_t size) {
        uint64_t version;

        if (size < BYTES_V2 || memcmp(header, "QFI\xfb", 4) != 0)
                return "it is not a qcow2 image";
        version = number_at(header, 4, 4);
        if (version != 2 && version != 3)
                return "it is of a version of qcow2 other than 2 and 3";
        if (version == 3 && size < QCOW2_HEADER_BYTES)
                return "it is not a qcow2 image";
        if (number_at(header, 8, 8) != 0)
                return "it has a backing file, and an image has to be complete in itself";
        if (number_at(header, 32, 4) != 0)
                return "it is encrypted";
        if (version == 3 && number_at(header, 72, 8) & FEATURE_DATA_FILE)
                return "its data is in another file, and an image has to be complete in itself";
        return NULL;
}
