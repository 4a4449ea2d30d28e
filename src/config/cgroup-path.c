/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The grammar of "slice:prefix:name". What passes here is a name that systemd accepts; whether it is free,
 * and who may use which slice, is decided elsewhere. */

#include <string.h>

#include "config/cgroup-path.h"
#include "config/text.h"
#include "util/errors.h"

#define SLICE_SUFFIX ".slice"
#define SLICE_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.\\-"
#define UNESCAPED_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ":_.-"

/* What is wrong with a slice's name, as the end of a sentence, or NULL. */
static const char *slice_problem(const char *slice) {
        size_t length = strlen(slice);
        size_t stem = length - strlen(SLICE_SUFFIX);

        if (!g_str_has_suffix(slice, SLICE_SUFFIX))
                return "does not end in '.slice'";
        if (stem == 0)
                return "has nothing before '.slice'";
        if (length > UNIT_NAME_BYTES_MAX)
                return "is longer than " G_STRINGIFY(UNIT_NAME_BYTES_MAX) " bytes";
        if (strspn(slice, SLICE_CHARACTERS) != length)
                return "contains a character that a slice's name cannot hold";
        if (strstr(slice, ".."))
                return "contains '..'";
        if (strstr(slice, ".-"))    /* "a.-b.slice" lies in "a..slice" */
                return "contains '.-'";
        if (stem == 1 && slice[0] == '-')
                return NULL;
        if (slice[0] == '.' || slice[0] == '-')
                return "begins with '.' or '-'";
        if (slice[stem - 1] == '-')
                return "ends in '-'";
        if (strstr(slice, "--"))
                return "contains '--'";
        return NULL;
}

bool slice_name_is_valid(const char *slice) {
        return !slice_problem(slice);
}

/* What no part may hold. */
static const char *characters_problem(const char *text) {
        if (strchr(text, '/'))
                return "contains '/'";
        if (strstr(text, ".."))
                return "contains '..'";
        return label_problem(text);
}

char *unit_name_escape(const char *text) {
        GString *escaped = g_string_new(NULL);

        for (const char *p = text; *p; p++)
                if (strchr(UNESCAPED_CHARACTERS, *p) && !(p == text && *p == '.'))
                        g_string_append_c(escaped, *p);
                else
                        g_string_append_printf(escaped, "\\x%02x", (unsigned char) *p);
        return g_string_free(escaped, FALSE);
}

static char *unit_name(const CgroupPath *path) {
        g_autofree char *prefix = unit_name_escape(path->prefix), *name = unit_name_escape(path->name);

        if (cgroup_path_is_slice(path))
                return g_strdup(path->name);
        return g_strconcat(prefix, *prefix ? "-" : "", name, ".scope", NULL);
}

/* What is wrong with the unit that the parts make, or NULL. */
static const char *unit_problem(const CgroupPath *path) {
        if (strlen(path->unit) > UNIT_NAME_BYTES_MAX)
                return "is longer than " G_STRINGIFY(UNIT_NAME_BYTES_MAX) " bytes";
        /* systemd would accept both, and a domain would be the whole machine. */
        if (g_str_equal(path->unit, "-.slice"))
                return "is the root slice";
        if (g_str_equal(path->unit, "init.scope"))
                return "is systemd's own";
        return cgroup_path_is_slice(path) ? slice_problem(path->unit) : NULL;
}

/* Fills `path`. Returns what is wrong with *ret_culprit, or NULL. */
static const char *path_fill(CgroupPath *path, const char *text, const char *default_slice,
        const char **ret_culprit) {
        g_auto(GStrv) parts = g_strsplit(text, ":", 0);
        const char *problem = characters_problem(text);

        *ret_culprit = "it";
        if (problem)
                return problem;
        if (g_strv_length(parts) != 3)
                return "does not have the three parts of 'slice:prefix:name'";
        path->slice = g_strdup(*parts[0] ? parts[0] : default_slice);
        path->prefix = g_strdup(parts[1]);
        path->name = g_strdup(parts[2]);

        *ret_culprit = "its slice";
        problem = slice_problem(path->slice);
        if (problem)
                return problem;

        *ret_culprit = "its name";
        if (!*path->name)
                return "is empty";

        *ret_culprit = "its unit's name";
        path->unit = unit_name(path);
        return unit_problem(path);
}

int cgroup_path_parse(const char *text, const char *default_slice, CgroupPath **ret, sd_bus_error *error) {
        g_autoptr(CgroupPath) path = g_new0(CgroupPath, 1);
        const char *culprit, *problem = path_fill(path, text, default_slice, &culprit);

        if (problem) {
                g_autofree char *quoted = text_quote(text);
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CGROUP_PATH,
                        "Cgroup path %s is invalid: %s %s", quoted, culprit, problem);
        }
        *ret = g_steal_pointer(&path);
        return 0;
}

CgroupPath *cgroup_path_free(CgroupPath *path) {
        if (!path)
                return NULL;
        g_free(path->slice);
        g_free(path->prefix);
        g_free(path->name);
        g_free(path->unit);
        g_free(path);
        return NULL;
}

bool cgroup_path_is_slice(const CgroupPath *path) {
        return g_str_has_suffix(path->name, SLICE_SUFFIX);
}

const char *cgroup_path_home(const CgroupPath *path) {
        return cgroup_path_is_slice(path) ? path->unit : path->slice;
}

char *cgroup_path_to_string(const CgroupPath *path) {
        return g_strjoin(":", path->slice, path->prefix, path->name, NULL);
}

char **slice_ancestry(const char *slice) {
        GPtrArray *slices = g_ptr_array_new();

        if (!g_str_equal(slice, "-.slice")) {
                for (const char *dash = strchr(slice, '-'); dash; dash = strchr(dash + 1, '-'))
                        g_ptr_array_add(slices, g_strdup_printf("%.*s.slice", (int) (dash - slice), slice));
                g_ptr_array_add(slices, g_strdup(slice));
        }
        g_ptr_array_add(slices, NULL);
        return (char **) g_ptr_array_free(slices, FALSE);
}
