/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Headers of qcow2 images: what is taken, and what is wrong with the others. */

#include <glib.h>

#include "config/qcow2.h"

/* A header that is taken, changed in one place. */
static void check(size_t size, size_t offset, uint8_t byte, const char *expected) {
        uint8_t header[QCOW2_HEADER_BYTES] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};

        header[offset] = byte;
        g_assert_cmpstr(qcow2_problem(header, size), ==, expected);
}

static void test_headers(void) {
        static const char *const none = "it is not a qcow2 image";
        static const char *const version = "it is of a version of qcow2 other than 2 and 3";
#define COMPLETE ", and an image has to be complete in itself"
        static const char *const backing = "it has a backing file" COMPLETE;
        static const char *const data = "its data is in another file" COMPLETE;
        static const struct {
                size_t size, offset;
                uint8_t byte;
                const char *problem;
        } cases[] = {
                {104, 0, 'Q', NULL}, {104, 7, 2, NULL}, {72, 7, 2, NULL}, {104, 75, 1, NULL},
                {104, 79, 3, NULL},    /* dirty and corrupt are QEMU's to judge */
                {0, 0, 'Q', none}, {3, 0, 'Q', none}, {71, 7, 2, none}, {72, 7, 3, none},
                {103, 0, 'Q', none}, {104, 0, 'q', none}, {104, 3, 0xfa, none},
                {104, 7, 1, version}, {104, 7, 4, version}, {104, 4, 1, version},
                {104, 8, 1, backing}, {104, 15, 1, backing}, {104, 32, 1, "it is encrypted"},
                {104, 35, 2, "it is encrypted"}, {104, 79, 4, data}, {104, 79, 7, data},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                check(cases[i].size, cases[i].offset, cases[i].byte, cases[i].problem);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/qcow2/headers that are taken, and what is wrong with others", test_headers);
        return g_test_run();
}
