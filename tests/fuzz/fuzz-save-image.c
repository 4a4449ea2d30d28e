/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever claims to be a saved domain: it is refused with a reason that can go over D-Bus, or makes a
 * header that is written again as it was. The checksum is put right first, as whoever means harm would do,
 * and the definition is read as a configuration. */

#include <errno.h>
#include <string.h>

#include "config/config-variant.h"
#include "config/save-image.h"
#include "fuzz.h"
#include "util/auto.h"
#include "util/errors.h"

static void check_refusal(int r, const sd_bus_error *error) {
        g_assert_cmpint(r, <, 0);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

/* So that what is behind the checksum is reached, too. */
static void seal(uint8_t *data, size_t size) {
        g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
        gsize length = SAVE_CHECKSUM_BYTES;
        uint32_t definition;

        if (size < SAVE_PREFIX_BYTES)
                return;
        memcpy(&definition, data + 12, sizeof definition);
        definition = GUINT32_FROM_LE(definition);
        if (definition > size - SAVE_PREFIX_BYTES)
                return;
        g_checksum_update(checksum, data, 32);
        g_checksum_update(checksum, data + SAVE_PREFIX_BYTES, definition);
        g_checksum_get_digest(checksum, data + 32, &length);
}

static void check_header(const SaveHeader *header, const uint8_t *data) {
        g_autoptr(GBytes) again = save_header_encode(header);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(SaveHeader) parsed = NULL;
        g_autoptr(DomainConfig) config = NULL;
        int r;

        g_assert_nonnull(again);
        g_assert_cmpint(save_header_parse(g_bytes_get_data(again, NULL), g_bytes_get_size(again), &parsed,
                                NULL), ==, 0);
        g_assert_true(g_variant_equal(parsed->definition, header->definition));
        g_assert_cmpint(domain_config_new("web1", &config, NULL), ==, 0);
        r = domain_config_set_variant(config, header->definition, &error);
        if (r < 0)
                check_refusal(r, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree uint8_t *sealed = g_memdup2(data, size);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(SaveHeader) header = NULL;
        int r;

        (void) errors_register();
        r = save_header_parse(data, size, &header, &error);
        if (r < 0)
                check_refusal(r, &error);
        header = save_header_free(header);
        sd_bus_error_free(&error);

        seal(sealed, size);
        r = save_header_parse(sealed, size, &header, &error);
        if (r < 0)
                check_refusal(r, &error);
        else
                check_header(header, sealed);
        return 0;
}
