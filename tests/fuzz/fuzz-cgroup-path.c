/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever the path: it is refused with a reason that can go over D-Bus, or it names a unit that systemd
 * takes, and prints to a path of the same unit. */

#include <errno.h>
#include <string.h>

#include "config/cgroup-path.h"
#include "fuzz.h"
#include "util/auto.h"
#include "util/errors.h"

#define UNIT_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ":_.\\-"

static void check_slice(const char *slice) {
        g_auto(GStrv) slices = NULL;

        g_assert_true(slice_name_is_valid(slice));
        slices = slice_ancestry(slice);
        for (char **ancestor = slices; *ancestor; ancestor++) {
                g_assert_true(slice_name_is_valid(*ancestor));
                g_assert_true(ancestor[1] || g_str_equal(*ancestor, slice));
        }
        g_assert_true(*slices || g_str_equal(slice, "-.slice"));
}

static void check_accepted(const CgroupPath *path) {
        g_autofree char *text = cgroup_path_to_string(path);
        g_autoptr(CgroupPath) again = NULL;

        g_assert_cmpuint(strlen(path->unit), <=, UNIT_NAME_BYTES_MAX);
        g_assert_cmpuint(strspn(path->unit, UNIT_CHARACTERS), ==, strlen(path->unit));
        g_assert_true(g_str_has_suffix(path->unit, cgroup_path_is_slice(path) ? ".slice" : ".scope"));
        g_assert_cmpint(path->unit[0], !=, '.');
        check_slice(path->slice);
        if (cgroup_path_is_slice(path))
                check_slice(path->unit);

        g_assert_cmpint(cgroup_path_parse(text, "other.slice", &again, NULL), ==, 0);
        g_assert_cmpstr(again->slice, ==, path->slice);
        g_assert_cmpstr(again->unit, ==, path->unit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_strndup((const char *) data, size);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(CgroupPath) path = NULL;
        int r;

        (void) errors_register();
        r = cgroup_path_parse(text, "machine.slice", &path, &error);
        if (r >= 0)
                check_accepted(path);
        else {
                g_assert_cmpint(r, ==, -EINVAL);
                g_assert_cmpstr(error.name, ==, VMM_ERROR_INVALID_CGROUP_PATH);
                g_assert_true(g_utf8_validate(error.message, -1, NULL));
                g_assert_null(path);
        }
        return 0;
}
