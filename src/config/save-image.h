/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The file form of a saved domain: a header, QEMU's own stream of memory and devices, a trailer with the
 * checksum of both. Pure bytes: no file is opened here, and none of QEMU's stream is looked at.
 *
 * All numbers are little-endian. Header:
 *
 *    0  8  "VMMSAVE\n"
 *    8  4  version of this form, 1
 *   12  4  bytes of the definition
 *   16  8  bytes of the header, where the stream begins; a multiple of SAVE_HEADER_STEP
 *   24  8  zero
 *   32 32  SHA-256 of bytes 0 to 31 and the definition
 *   64     the definition, a GVariant of SAVE_DEFINITION_TYPE in little-endian form; then zeroes
 *
 * Trailer, at the very end:
 *
 *    0  8  "VMMSAVE."
 *    8  8  bytes of all that is before it
 *   16 32  SHA-256 of that
 *   48 16  zero
 */

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "config/domain-config.h"

#define SAVE_VERSION 1u
#define SAVE_PREFIX_BYTES 64u          /* of a header: they tell how long it is */
#define SAVE_HEADER_STEP 4096u
#define SAVE_HEADER_MAX (1u << 20)     /* bytes */
#define SAVE_TRAILER_BYTES 64u
#define SAVE_CHECKSUM_BYTES 32u

/* Name, UUID, QEMU's version, its machine type, accelerator, when (usec since the epoch), configuration. */
#define SAVE_DEFINITION_TYPE "(sssssta{sv})"

/* What an image was made from. */
typedef struct SaveHeader {
        char *name;
        sd_id128_t uuid;
        char *qemu_version;            /* "7.2.22" */
        char *machine;                 /* as QEMU calls this very machine: "pc-q35-7.2" */
        Accelerator accelerator;       /* never auto */
        uint64_t saved_usec;
        GVariant *definition;          /* domain_config_to_variant() */
        uint64_t size;                 /* of the header; set by parsing */
} SaveHeader;

/* The header's bytes; NULL when they would be more than SAVE_HEADER_MAX. */
GBytes *save_header_encode(const SaveHeader *header);

/* How many bytes the header has, from its first SAVE_PREFIX_BYTES. Returns 0, or -EINVAL with InvalidConfig:
 * something else, or of another version. */
int save_header_size(const void *prefix, size_t size, uint64_t *ret, sd_bus_error *error);

/* Returns 0, or -EINVAL with InvalidConfig: as above, truncated, or changed. What the definition means is
 * not judged. */
int save_header_parse(const void *data, size_t size, SaveHeader **ret, sd_bus_error *error);
SaveHeader *save_header_free(SaveHeader *header);

void save_trailer_encode(uint8_t trailer[static SAVE_TRAILER_BYTES], uint64_t size,
        const uint8_t checksum[static SAVE_CHECKSUM_BYTES]);

/* Returns 0 or -EBADMSG. */
int save_trailer_parse(const uint8_t trailer[static SAVE_TRAILER_BYTES], uint64_t *ret_size,
        uint8_t ret_checksum[static SAVE_CHECKSUM_BYTES]);

/* Names of images: what is wrong with one, as in text.h, or NULL. */
const char *save_name_problem(const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SaveHeader, save_header_free)
