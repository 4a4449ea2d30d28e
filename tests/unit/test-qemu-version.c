/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What QEMU says of its version, and what somebody in its place might say. */

#include <errno.h>

#include "backend/qemu-version.h"

static void assert_version(const char *text, int major, int minor, const char *rest) {
        g_autofree char *got = NULL;
        int a, b;

        g_assert_cmpint(qemu_version_parse(text, &a, &b, &got), ==, 0);
        g_assert_cmpint(a, ==, major);
        g_assert_cmpint(b, ==, minor);
        g_assert_cmpstr(got, ==, rest);
}

static void test_versions(void) {
        assert_version("QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7+deb12u16)\nCopyright (c)", 7, 2,
                ".19 (Debian 1:7.2+dfsg-7+deb12u16)");
        assert_version("QEMU emulator version 10.0.2", 10, 0, ".2");
        assert_version("QEMU emulator version 9.1\r\n", 9, 1, "");
}

static void test_refused(void) {
        static const char *const texts[] = {
                "", "QEMU", "qemu-img version 7.2.19", "QEMU emulator version ",
                "QEMU emulator version x.y",
                "QEMU emulator version 7", "QEMU emulator version -1.2", "\xff\xfe",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autofree char *rest = NULL;
                int a, b;

                g_assert_cmpint(qemu_version_parse(texts[i], &a, &b, &rest), ==, -EBADMSG);
        }
}

/* What is not fit to be shown is left out. */
static void test_rest(void) {
        g_autofree char *dots = g_strnfill(1000, '.');
        g_autofree char *text = g_strconcat("QEMU emulator version 7.2", dots, NULL);

        assert_version(text, 7, 2, "");
        assert_version("QEMU emulator version 7.2\xff\n", 7, 2, "");
        assert_version("QEMU emulator version 7.2\033[2J\n", 7, 2, "");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/qemu-version/versions", test_versions);
        g_test_add_func("/qemu-version/refused", test_refused);
        g_test_add_func("/qemu-version/rest", test_rest);
        return g_test_run();
}
