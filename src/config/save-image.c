/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Encodes and parses what is around the memory of a saved domain. What is parsed may come from anybody. */

#include <errno.h>
#include <string.h>

#include "config/save-image.h"
#include "config/text.h"
#include "util/errors.h"

#define IMAGE_NAME_MAX 128             /* bytes */
#define QEMU_TEXT_MAX 64               /* bytes of its version, of its machine type */

static const char header_magic[8] = "VMMSAVE\n", trailer_magic[8] = "VMMSAVE.";

typedef struct __attribute__((packed)) Prefix {
        char magic[8];
        uint32_t version, definition_size;
        uint64_t header_size, zero;
        uint8_t checksum[SAVE_CHECKSUM_BYTES];
} Prefix;
G_STATIC_ASSERT(sizeof(Prefix) == SAVE_PREFIX_BYTES);

typedef struct __attribute__((packed)) Trailer {
        char magic[8];
        uint64_t size;
        uint8_t checksum[SAVE_CHECKSUM_BYTES];
        uint64_t zero[2];
} Trailer;
G_STATIC_ASSERT(sizeof(Trailer) == SAVE_TRAILER_BYTES);

static void checksum_of(const Prefix *prefix, const void *definition, uint8_t *ret) {
        g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
        gsize size = SAVE_CHECKSUM_BYTES;

        g_checksum_update(checksum, (const guchar *) prefix, offsetof(Prefix, checksum));
        g_checksum_update(checksum, definition, GUINT32_FROM_LE(prefix->definition_size));
        g_checksum_get_digest(checksum, ret, &size);
}

/* To the order of bytes in the file, and back. */
static GVariant *variant_order(GVariant *variant) {
        return G_BYTE_ORDER == G_LITTLE_ENDIAN ? g_variant_ref(variant) : g_variant_byteswap(variant);
}

GBytes *save_header_encode(const SaveHeader *header) {
        char uuid[SD_ID128_UUID_STRING_MAX];
        g_autoptr(GVariant) native = g_variant_ref_sink(g_variant_new("(ssssst@a{sv})", header->name,
                sd_id128_to_uuid_string(header->uuid, uuid), header->qemu_version,
                header->machine, accelerator_to_string(header->accelerator), header->saved_usec,
                header->definition));
        g_autoptr(GVariant) definition = variant_order(native);
        gsize definition_size = g_variant_get_size(definition);
        gsize size = SAVE_PREFIX_BYTES + definition_size;
        Prefix prefix = {.version = GUINT32_TO_LE(SAVE_VERSION)};
        uint8_t *data;

        size = (size + SAVE_HEADER_STEP - 1) / SAVE_HEADER_STEP * SAVE_HEADER_STEP;
        if (size > SAVE_HEADER_MAX)
                return NULL;
        data = g_malloc0(size);
        g_variant_store(definition, data + SAVE_PREFIX_BYTES);
        memcpy(prefix.magic, header_magic, sizeof prefix.magic);
        prefix.definition_size = GUINT32_TO_LE((uint32_t) definition_size);
        prefix.header_size = GUINT64_TO_LE((uint64_t) size);
        checksum_of(&prefix, data + SAVE_PREFIX_BYTES, prefix.checksum);
        memcpy(data, &prefix, sizeof prefix);
        return g_bytes_new_take(data, size);
}

static int refuse(sd_bus_error *error, const char *problem) {
        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "image: %s", problem);
}

static int prefix_parse(const void *data, size_t size, Prefix *ret, sd_bus_error *error) {
        uint64_t header_size;

        if (size < sizeof *ret || memcmp(data, header_magic, sizeof header_magic) != 0)
                return refuse(error, size < sizeof *ret && size > 0 &&
                                memcmp(data, header_magic, MIN(size, sizeof header_magic)) == 0
                                             ? "it is truncated" : "it is no saved domain");
        memcpy(ret, data, sizeof *ret);
        if (GUINT32_FROM_LE(ret->version) != SAVE_VERSION)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "image: it is of version %u, and only version %u is known",
                        GUINT32_FROM_LE(ret->version), SAVE_VERSION);
        header_size = GUINT64_FROM_LE(ret->header_size);
        if (ret->zero != 0 || header_size > SAVE_HEADER_MAX || header_size % SAVE_HEADER_STEP != 0 ||
                header_size < sizeof *ret + (uint64_t) GUINT32_FROM_LE(ret->definition_size))
                return refuse(error, "its header is damaged");
        return 0;
}

int save_header_size(const void *prefix, size_t size, uint64_t *ret, sd_bus_error *error) {
        Prefix parsed;
        int r = prefix_parse(prefix, size, &parsed, error);

        if (r >= 0)
                *ret = GUINT64_FROM_LE(parsed.header_size);
        return r;
}

static bool is_plain(const char *text, const char *letters) {
        return *text && strlen(text) <= QEMU_TEXT_MAX && text[strspn(text, letters)] == '\0';
}

static int definition_take(GVariant *definition, SaveHeader *header, sd_bus_error *error) {
        g_autofree char *uuid = NULL, *accelerator = NULL;

        g_variant_get(definition, "(ssssst@a{sv})", &header->name, &uuid,
                &header->qemu_version, &header->machine, &accelerator, &header->saved_usec,
                &header->definition);
        header->accelerator = accelerator_from_string(accelerator);
        if (sd_id128_from_string(uuid, &header->uuid) < 0 || sd_id128_is_null(header->uuid) ||
                ((int) header->accelerator != ACCELERATOR_KVM && header->accelerator != ACCELERATOR_TCG) ||
                !is_plain(header->qemu_version, G_CSET_DIGITS ".") ||
                !is_plain(header->machine, G_CSET_a_2_z G_CSET_DIGITS ".-"))
                return refuse(error, "its header makes no sense");
        return 0;
}

int save_header_parse(const void *data, size_t size, SaveHeader **ret, sd_bus_error *error) {
        g_autoptr(SaveHeader) header = g_new0(SaveHeader, 1);
        uint8_t checksum[SAVE_CHECKSUM_BYTES];
        const uint8_t *bytes = data;
        size_t definition_size;
        Prefix prefix;
        int r;

        r = prefix_parse(data, size, &prefix, error);
        if (r < 0)
                return r;
        header->size = GUINT64_FROM_LE(prefix.header_size);
        definition_size = GUINT32_FROM_LE(prefix.definition_size);
        if (size < header->size)
                return refuse(error, "it is truncated");
        checksum_of(&prefix, bytes + sizeof prefix, checksum);
        if (memcmp(checksum, prefix.checksum, sizeof checksum) != 0)
                return refuse(error, "its header is damaged");
        for (size_t i = sizeof prefix + definition_size; i < header->size; i++)
                if (bytes[i] != 0)
                        return refuse(error, "its header is damaged");

        g_autoptr(GBytes) copy = g_bytes_new(bytes + sizeof prefix, definition_size);
        g_autoptr(GVariant) stored = g_variant_ref_sink(
                g_variant_new_from_bytes(G_VARIANT_TYPE(SAVE_DEFINITION_TYPE), copy, FALSE));
        if (!g_variant_is_normal_form(stored))
                return refuse(error, "its header makes no sense");
        g_autoptr(GVariant) definition = variant_order(stored);
        r = definition_take(definition, header, error);
        if (r >= 0)
                *ret = g_steal_pointer(&header);
        return r;
}

SaveHeader *save_header_free(SaveHeader *header) {
        if (!header)
                return NULL;
        g_free(header->name);
        g_free(header->qemu_version);
        g_free(header->machine);
        g_clear_pointer(&header->definition, g_variant_unref);
        g_free(header);
        return NULL;
}

void save_trailer_encode(uint8_t trailer[static SAVE_TRAILER_BYTES], uint64_t size,
        const uint8_t checksum[static SAVE_CHECKSUM_BYTES]) {
        Trailer t = {.size = GUINT64_TO_LE(size)};

        memcpy(t.magic, trailer_magic, sizeof t.magic);
        memcpy(t.checksum, checksum, sizeof t.checksum);
        memcpy(trailer, &t, sizeof t);
}

int save_trailer_parse(const uint8_t trailer[static SAVE_TRAILER_BYTES], uint64_t *ret_size,
        uint8_t ret_checksum[static SAVE_CHECKSUM_BYTES]) {
        Trailer t;

        memcpy(&t, trailer, sizeof t);
        if (memcmp(t.magic, trailer_magic, sizeof t.magic) != 0 || t.zero[0] != 0 || t.zero[1] != 0)
                return -EBADMSG;
        memcpy(ret_checksum, t.checksum, sizeof t.checksum);
        *ret_size = GUINT64_FROM_LE(t.size);
        return 0;
}

const char *save_name_problem(const char *name) {
        if (!*name)
                return "is empty";
        if (strlen(name) > IMAGE_NAME_MAX)
                return "is longer than " G_STRINGIFY(IMAGE_NAME_MAX) " bytes";
        if (*name == '.' || *name == '-')
                return "begins with '.' or '-'";
        if (strchr(name, '/'))
                return "contains '/': an image is named, and lies in the manager's own folder";
        return label_problem(name);
}
