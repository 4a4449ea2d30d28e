/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images of saved domains: what is written is read again, to the byte; whatever is changed in a header, and
 * wherever it is cut, it is refused, and in which words. */

#include <string.h>

#include "assert-error.h"
#include "config/config-variant.h"
#include "config/save-image.h"
#include "util/auto.h"
#include "util/errors.h"

#define UUID SD_ID128_MAKE(6a, 8d, 3a, 0c, 8e, 0b, 4b, 8e, 9d, 5e, 0f, 6f, 3f, 5d, 2a, 11)

static SaveHeader *header_new(const char *definition) {
        SaveHeader *header = g_new0(SaveHeader, 1);

        *header = (SaveHeader) {
                .name = g_strdup("web1"),
                .uuid = UUID,
                .qemu_version = g_strdup("7.2.22"),
                .machine = g_strdup("pc-q35-7.2"),
                .accelerator = ACCELERATOR_TCG,
                .saved_usec = 1700000000000000,
                .definition = g_variant_parse(G_VARIANT_TYPE("a{sv}"), definition, NULL, NULL, NULL),
        };
        g_assert_nonnull(header->definition);
        return header;
}

#define DEFINITION "{'Kind': <'qemu'>, 'Memory': <uint64 134217728>, 'Kernel': <'/boot/k'>}"

static GBytes *encode_sample(void) {
        g_autoptr(SaveHeader) header = header_new(DEFINITION);

        return save_header_encode(header);
}

static void test_round_trip(void) {
        g_autoptr(SaveHeader) given = header_new(DEFINITION), parsed = NULL;
        g_autoptr(GBytes) bytes = save_header_encode(given), again = NULL;
        uint64_t size = 0;

        g_assert_cmpuint(g_bytes_get_size(bytes), ==, 4096);
        g_assert_cmpint(
                save_header_size(g_bytes_get_data(bytes, NULL), SAVE_PREFIX_BYTES, &size, NULL), ==, 0);
        g_assert_cmpuint(size, ==, 4096);
        g_assert_cmpint(save_header_parse(g_bytes_get_data(bytes, NULL), size, &parsed, NULL), ==, 0);
        g_assert_cmpstr(parsed->name, ==, "web1");
        g_assert_true(sd_id128_equal(parsed->uuid, UUID));
        g_assert_cmpstr(parsed->qemu_version, ==, "7.2.22");
        g_assert_cmpstr(parsed->machine, ==, "pc-q35-7.2");
        g_assert_cmpint(parsed->accelerator, ==, ACCELERATOR_TCG);
        g_assert_cmpuint(parsed->saved_usec, ==, 1700000000000000);
        g_assert_true(g_variant_equal(parsed->definition, given->definition));
        g_assert_cmpuint(parsed->size, ==, 4096);
        again = save_header_encode(parsed);
        g_assert_true(g_bytes_equal(bytes, again));
}

/* The form is a promise: an image of today is read tomorrow. */
static void test_form(void) {
        g_autoptr(GBytes) bytes = encode_sample();
        g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);

        g_assert_cmpmem(g_bytes_get_data(bytes, NULL), 12, "VMMSAVE\n\1\0\0\0", 12);
        g_assert_cmpstr(sum, ==, "c19740ccb371fb2c847161cebc9782e99d5c7f47e2864c9fba808686e25987eb");
}

static void test_size(void) {
        g_autofree char *text = g_strnfill(SAVE_HEADER_MAX, 'a');
        g_autofree char *large = g_strdup_printf("{'Extra': <'%s'>}", text);
        g_autofree char *middle = g_strdup_printf("{'Extra': <'%.5000s'>}", text);
        g_autoptr(SaveHeader) too_large = header_new(large), fits = header_new(middle);
        g_autoptr(GBytes) bytes = save_header_encode(fits);

        g_assert_null(save_header_encode(too_large));
        g_assert_cmpuint(g_bytes_get_size(bytes), ==, 8192);
}

static void assert_parse_refused(const void *data, size_t size, const char *text) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(SaveHeader) header = NULL;

        assert_refused(save_header_parse(data, size, &header, &error), &error, VMM_ERROR_INVALID_CONFIG,
                text);
        g_assert_null(header);
}

static void test_corrupted(void) {
        g_autoptr(GBytes) bytes = encode_sample();
        gsize size;
        const uint8_t *good = g_bytes_get_data(bytes, &size);
        g_autofree uint8_t *data = g_memdup2(good, size);

        for (gsize i = 0; i < size; i++)
                for (unsigned bit = 0; bit < 8; bit += 7) {
                        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                        g_autoptr(SaveHeader) header = NULL;

                        data[i] ^= (uint8_t) (1u << bit);
                        g_assert_cmpint(save_header_parse(data, size, &header, &error), ==, -EINVAL);
                        g_assert_cmpstr(error.name, ==, VMM_ERROR_INVALID_CONFIG);
                        data[i] = good[i];
                }
}

static void test_refused(void) {
        g_autoptr(GBytes) bytes = encode_sample();
        gsize size;
        const uint8_t *good = g_bytes_get_data(bytes, &size);
        g_autofree uint8_t *data = g_memdup2(good, size);

        assert_parse_refused("", 0, "image: it is no saved domain");
        assert_parse_refused("\x7f" "ELF", 4, "image: it is no saved domain");
        assert_parse_refused("QEVM", 4, "image: it is no saved domain");
        for (gsize n = 1; n < size; n += n < 100 ? 1 : 97)
                assert_parse_refused(good, n, "image: it is truncated");

        data[8] = 2;
        assert_parse_refused(data, size, "image: it is of version 2, and only version 1 is known");
        data[8] = 1;
        data[70] ^= 1;
        assert_parse_refused(data, size, "image: its header is damaged");
}

/* Well sealed, and yet nothing that this program writes. */
static void test_senseless(void) {
        const char *const machines[] = {"", "q35,accel=kvm", "Q35", "../../q35"};
        const char *const versions[] = {"", "7.2.22 (Debian)", "-1"};

        for (size_t i = 0; i < G_N_ELEMENTS(machines) + G_N_ELEMENTS(versions) + 2; i++) {
                g_autoptr(SaveHeader) header = header_new(DEFINITION);
                g_autoptr(GBytes) bytes = NULL;

                if (i < G_N_ELEMENTS(machines)) {
                        g_free(header->machine);
                        header->machine = g_strdup(machines[i]);
                } else if (i < G_N_ELEMENTS(machines) + G_N_ELEMENTS(versions)) {
                        g_free(header->qemu_version);
                        header->qemu_version = g_strdup(versions[i - G_N_ELEMENTS(machines)]);
                } else if (i == G_N_ELEMENTS(machines) + G_N_ELEMENTS(versions))
                        header->uuid = SD_ID128_NULL;
                else
                        header->accelerator = ACCELERATOR_AUTO;
                bytes = save_header_encode(header);
                assert_parse_refused(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
                        "image: its header makes no sense");
        }
}

static void test_trailer(void) {
        uint8_t trailer[SAVE_TRAILER_BYTES], checksum[SAVE_CHECKSUM_BYTES], parsed[SAVE_CHECKSUM_BYTES];
        uint64_t size = 0;

        memset(checksum, 0xa5, sizeof checksum);
        save_trailer_encode(trailer, 0x123456789abc, checksum);
        g_assert_cmpint(save_trailer_parse(trailer, &size, parsed), ==, 0);
        g_assert_cmpuint(size, ==, 0x123456789abc);
        g_assert_cmpmem(parsed, sizeof parsed, checksum, sizeof checksum);
        for (size_t i = 0; i < sizeof trailer; i++) {
                if (i >= 8 && i < 48)
                        continue;   /* size and checksum are for whoever has the rest */
                trailer[i] ^= 1;
                g_assert_cmpint(save_trailer_parse(trailer, &size, parsed), ==, -EBADMSG);
                trailer[i] ^= 1;
        }
}

static void test_names(void) {
        static const char *const good[] = {"web1", "before upgrade", "a", "gr\xc3\xbc\xc3\x9f", "x.y"};
        static const struct {
                const char *name, *problem;
        } bad[] = {
                {"", "is empty"}, {".", "begins with '.' or '-'"}, {"..", "begins with '.' or '-'"},
                {".web1", "begins with '.' or '-'"}, {"-web1", "begins with '.' or '-'"},
                {"/etc/passwd", "contains '/': an image is named, and lies in the manager's own folder"},
                {"a/../../b", "contains '/': an image is named, and lies in the manager's own folder"},
                {"a\nb", "contains a control character"},
        };
        g_autofree char *longest = g_strnfill(128, 'a'), *longer = g_strnfill(129, 'a');

        for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
                g_assert_cmpstr(save_name_problem(good[i]), ==, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
                g_assert_cmpstr(save_name_problem(bad[i].name), ==, bad[i].problem);
        g_assert_cmpstr(save_name_problem(longest), ==, NULL);
        g_assert_cmpstr(save_name_problem(longer), ==, "is longer than 128 bytes");
        g_assert_nonnull(save_name_problem("\xff"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);
        g_test_add_func("/save-image/what is written is read again", test_round_trip);
        g_test_add_func("/save-image/the form stays", test_form);
        g_test_add_func("/save-image/a header is as long as it must be, within bounds", test_size);
        g_test_add_func("/save-image/no bit of a header can be changed", test_corrupted);
        g_test_add_func("/save-image/foreign, cut and other versions are told apart", test_refused);
        g_test_add_func("/save-image/what makes no sense is refused", test_senseless);
        g_test_add_func("/save-image/trailers", test_trailer);
        g_test_add_func("/save-image/names of images", test_names);
        return g_test_run();
}
