/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target over the files of a folder as an ordinary test: fuzz-TARGET FOLDER. It makes up no
 * input. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The names in the folder, sorted, so that a failure has the same number everywhere. */
static GPtrArray *files_of(const char *folder) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
        const char *name;

        if (!dir)
                g_error("%s", error->message);
        while ((name = g_dir_read_name(dir)))
                g_ptr_array_add(names, g_strdup(name));
        g_ptr_array_sort(names, compare_names);
        return names;
}

int main(int argc, char *argv[]) {
        g_autoptr(GPtrArray) names = NULL;

        if (argc != 2) {
                fprintf(stderr, "Usage: %s FOLDER\n", argv[0]);
                return EXIT_FAILURE;
        }
        names = files_of(argv[1]);
        if (names->len == 0)
                g_error("%s has no files", argv[1]);

        printf("1..%u\n", names->len);
        for (guint i = 0; i < names->len; i++) {
                g_autofree char *path = g_build_filename(argv[1], names->pdata[i], NULL), *data = NULL;
                g_autoptr(GError) error = NULL;
                size_t size;

                if (!g_file_get_contents(path, &data, &size, &error))
                        g_error("%s", error->message);
                fprintf(stderr, "%s\n", path);    /* the last one named is the one that failed */
                (void) LLVMFuzzerTestOneInput((const uint8_t *) data, size);
                printf("ok %u %s\n", i + 1, (const char *) names->pdata[i]);
                fflush(stdout);
        }
        return EXIT_SUCCESS;
}
