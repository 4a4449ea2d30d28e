/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Of what and by whom this program was built, as the build wrote it down. Nothing here is found out while it
 * runs. */

extern const char build_changeset[];   /* of the sources: a commit, '+' behind it when they were changed */
extern const char build_compiler[];    /* "gcc 12.2.0" */
extern const char build_by[], build_domain[];   /* empty in a build that is to be reproducible */
extern const char build_date[];        /* ISO 8601, UTC */
