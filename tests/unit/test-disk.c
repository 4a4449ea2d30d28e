/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks as they are asked for: what each key takes, what it refuses and in which words, and that what was
 * taken comes out again. */

#include "assert-error.h"
#include "config/disk.h"
#include "util/auto.h"
#include "util/errors.h"

/* text: of an a{sv}, as g_variant_parse() has it. */
static int disk_new(const char *text, DiskConfig **ret, sd_bus_error *error) {
        g_autoptr(GVariant) settings = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);

        g_assert_nonnull(settings);
        return disk_config_new(settings, "disk", ret, error);
}

static void test_taken(void) {
        g_autoptr(DiskConfig) plain = NULL, whole = NULL;

        g_assert_cmpint(disk_new("{'Source': <'file:/srv/a, b:c'>}", &plain, NULL), ==, 0);
        g_assert_null(plain->name);
        g_assert_cmpstr(plain->path, ==, "/srv/a, b:c");
        g_assert_false(plain->block);
        g_assert_cmpint(plain->mode, ==, DISK_RW);
        g_assert_cmpint(plain->format, ==, DISK_RAW);

        g_assert_cmpint(disk_new("{'Name': <'a-2_.345678901234567'>, 'Source': <'phy:/dev/vg/lv'>, 'Mode': "
                                 "<'ro'>, 'Format': <'qcow2'>, 'Backend': <uint32 0>}",
                                &whole, NULL), ==, 0);
        g_assert_cmpstr(whole->name, ==, "a-2_.345678901234567");
        g_assert_cmpstr(whole->path, ==, "/dev/vg/lv");
        g_assert_true(whole->block);
        g_assert_cmpint(whole->mode, ==, DISK_RO);
        g_assert_cmpint(whole->format, ==, DISK_QCOW2);
}

static void test_refused(void) {
#define INVALID SD_BUS_ERROR_INVALID_ARGS
#define CONFIG VMM_ERROR_INVALID_CONFIG
        static const struct {
                const char *settings, *name, *message;
        } cases[] = {
                {"{}", CONFIG, "disk: Source: a disk needs one"},
                {"{'Path': <'/srv/a'>}", INVALID, "disk: there is no key 'Path'"},
                {"{'source': <'file:/srv/a'>}", INVALID, "disk: there is no key 'source'"},
                {"{'\\n': <'file:/srv/a'>}", INVALID, "disk: there is no key '\\x0a'"},
                {"{'Source': <'file:/a'>, 'Source': <'file:/b'>}", INVALID, "disk: Source is given twice"},
                {"{'Source': <@o '/srv/a'>}", INVALID, "disk: Source is of type 's', not 'o'"},
                {"{'Source': <<'file:/a'>>}", INVALID, "disk: Source is of type 's', not 'v'"},
                {"{'Backend': <0>}", INVALID, "disk: Backend is of type 'u', not 'i'"},
                {"{'Backend': <uint32 3>}", CONFIG,
                        "disk: Backend: 3 is not 0: only this host itself serves disks"},
                {"{'Source': <'/srv/a'>}", CONFIG,
                        "disk: Source: '/srv/a' is neither file: nor phy: and a path"},
                {"{'Source': <'nbd:host'>}", CONFIG,
                        "disk: Source: 'nbd:host' is neither file: nor phy: and a path"},
                {"{'Source': <'file:'>}", CONFIG, "disk: Source: 'file:' is not an absolute path"},
                {"{'Source': <'file:a'>}", CONFIG, "disk: Source: 'file:a' is not an absolute path"},
                {"{'Source': <'file:/a/../b'>}", CONFIG,
                        "disk: Source: 'file:/a/../b' is not a normalised path"},
                {"{'Source': <'phy:/dev/../a'>}", CONFIG,
                        "disk: Source: 'phy:/dev/../a' is not a normalised path"},
                {"{'Source': <'phy:/srv/a'>}", CONFIG, "disk: Source: 'phy:/srv/a' is not below /dev"},
                {"{'Source': <'phy:sda'>}", CONFIG, "disk: Source: 'phy:sda' is not an absolute path"},
                {"{'Source': <'file:/a\\nb'>}", CONFIG,
                        "disk: Source: 'file:/a\\x0ab' contains a control character"},
                {"{'Mode': <'w'>}", CONFIG, "disk: Mode: 'w' is not one of ro, rw, force"},
                {"{'Mode': <'RW'>}", CONFIG, "disk: Mode: 'RW' is not one of ro, rw, force"},
                {"{'Format': <'vmdk'>}", CONFIG, "disk: Format: 'vmdk' is not one of raw, qcow2"},
                {"{'Format': <''>}", CONFIG, "disk: Format: '' is not one of raw, qcow2"},
                {"{'Name': <''>}", CONFIG, "disk: Name: '' does not begin with a letter"},
                {"{'Name': <'0a'>}", CONFIG, "disk: Name: '0a' does not begin with a letter"},
                {"{'Name': <'-drive'>}", CONFIG, "disk: Name: '-drive' does not begin with a letter"},
                {"{'Name': <'a,b'>}", CONFIG,
                        "disk: Name: 'a,b' is not made of letters, digits, '-', '_' and '.'"},
                {"{'Name': <'a/b'>}", CONFIG,
                        "disk: Name: 'a/b' is not made of letters, digits, '-', '_' and '.'"},
                {"{'Name': <'abcdefghijklmnopqrstu'>}", CONFIG,
                        "disk: Name: 'abcdefghijklmnopqrstu' is longer than 20 bytes"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                DiskConfig *disk = NULL;

                assert_refused(disk_new(cases[i].settings, &disk, &error), &error, cases[i].name,
                        cases[i].message);
                g_assert_null(disk);
        }
}

static void test_told(void) {
        static const char *const texts[] = {
                "{'Name': <'a'>, 'Source': <'file:/srv/a'>, 'Mode': <'rw'>, 'Format': <'raw'>, 'Backend': "
                "<uint32 0>}",
                "{'Name': <'b'>, 'Source': <'phy:/dev/b'>, 'Mode': <'force'>, 'Format': <'qcow2'>, "
                "'Backend': <uint32 0>}",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
                g_autoptr(DiskConfig) disk = NULL;
                g_autoptr(GVariant) told = NULL;

                g_assert_cmpint(disk_new(texts[i], &disk, NULL), ==, 0);
                disk_config_append(disk, &builder);
                told = g_variant_ref_sink(g_variant_builder_end(&builder));
                g_autofree char *text = g_variant_print(told, TRUE);
                g_assert_cmpstr(text, ==, texts[i]);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);
        g_test_add_func("/disk/values that are taken", test_taken);
        g_test_add_func("/disk/values that are refused, in which words", test_refused);
        g_test_add_func("/disk/what was taken comes out again", test_told);
        return g_test_run();
}
