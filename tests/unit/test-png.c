/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a PNG image ends, and what is none. */

#include <glib.h>
#include <string.h>

#include "backend/png.h"

#define BEGIN "\x89PNG\r\n\x1a\n"
#define IHDR "\0\0\0\x0dIHDR" "0123456789abc" "sum0"
#define IDAT "\0\0\0\2IDAT" "xy" "sum1"
#define IEND "\0\0\0\0IEND" "sum2"
#define TEXT(text) text, sizeof(text) - 1

static void test_images(void) {
        static const struct {
                const char *data;
                size_t size, whole;
        } table[] = {
                {TEXT(BEGIN IHDR IDAT IEND), sizeof(BEGIN IHDR IDAT IEND) - 1},
                {TEXT(BEGIN IHDR IEND), sizeof(BEGIN IHDR IEND) - 1},
                {TEXT(BEGIN IHDR IDAT IEND "more" BEGIN), sizeof(BEGIN IHDR IDAT IEND) - 1},
                {TEXT(""), 0},
                {TEXT("\x89PNG"), 0},
                {TEXT(BEGIN), 0},
                {TEXT("GIF89a__" IHDR IEND), 0},
                {TEXT(BEGIN IDAT IEND), 0},                              /* no header */
                {TEXT(BEGIN "\0\0\0\0IHDR" "sum0" IEND), 0},             /* an empty one */
                {TEXT(BEGIN IHDR IDAT), 0},                              /* no end */
                {TEXT(BEGIN IHDR "\0\0\0\5IDAT" "xy" "sum1"), 0},        /* cut */
                {TEXT(BEGIN IHDR "\xff\xff\xff\xffIDAT" "xy" IEND), 0},  /* longer than anything */
                {TEXT(BEGIN IHDR "\0\0\0\0IEND" "sum"), 0},              /* cut within the end */
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                /* Of exactly this size, so that reading on is noticed. */
                g_autofree uint8_t *copy = g_memdup2(table[i].data, table[i].size);

                g_assert_cmpuint(png_size(copy, table[i].size), ==, table[i].whole);
        }
}

/* Each beginning of an image is none. */
static void test_cut(void) {
        static const char image[] = BEGIN IHDR IDAT IEND;

        for (size_t size = 0; size < sizeof image - 1; size++) {
                g_autofree uint8_t *copy = g_memdup2(image, size);

                g_assert_cmpuint(png_size(copy, size), ==, 0);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/png/an image ends with its last chunk, and what is cut is none", test_images);
        g_test_add_func("/png/no beginning of an image is one", test_cut);
        return g_test_run();
}
