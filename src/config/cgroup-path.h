/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "slice:prefix:name", the path that names a domain's scope, and the unit names it stands for. Pure text:
 * nothing here asks systemd or the kernel. The grammar is runc's and kata-containers', made stricter; unit
 * names follow systemd.unit(5). */

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#define UNIT_NAME_BYTES_MAX 255

typedef struct CgroupPath {
        char *slice;    /* "machine.slice", "-.slice" for the root */
        char *prefix;   /* as given, may be empty */
        char *name;     /* as given, never empty */
        char *unit;     /* "<prefix>-<name>.scope", or "<name>.scope" without a prefix, both parts escaped;
                         * the name itself, prefix or not, when it ends in ".slice" */
} CgroupPath;

/* Parses and validates. An empty slice part means default_slice.
 * Returns 0, or -EINVAL with InvalidCgroupPath saying which part is wrong and why. */
int cgroup_path_parse(const char *text, const char *default_slice, CgroupPath **ret, sd_bus_error *error);
CgroupPath *cgroup_path_free(CgroupPath *path);

/* Whether the path names a slice-domain (its name ends in ".slice"). */
bool cgroup_path_is_slice(const CgroupPath *path);

/* The slice that it is in, or is. */
const char *cgroup_path_home(const CgroupPath *path);

/* "slice:prefix:name" again, as it was given but for a default slice that is now written out. */
char *cgroup_path_to_string(const CgroupPath *path);

/* Escapes what a unit name cannot hold, as systemd-escape(1) does, into \xNN. Unlike there '-' stays: scopes
 * of this grammar are known by their dashes ("crio-a-b.scope"), and nothing here is ever unescaped. Two
 * paths may thus mean one unit ("a:b-c", "a-b:c"); systemd refuses the name that is taken. '/' must have
 * been refused before. */
char *unit_name_escape(const char *text);

/* The slices above and including this one, outermost first: "a-b.slice" gives {"a.slice", "a-b.slice",
 * NULL}, "-.slice" gives {NULL}. The slice must be valid. Free with g_strfreev(). */
char **slice_ancestry(const char *slice);

/* Whether a path may have this slice. Stricter than systemd.slice(5): no ':', no '.' at its beginning, no
 * ".." in it or in a slice above it. */
bool slice_name_is_valid(const char *slice);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CgroupPath, cgroup_path_free)
