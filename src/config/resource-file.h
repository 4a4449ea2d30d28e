/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the kernel shows a resource setting of a cgroup, and whether what it shows is that setting: the
 * other witness beside systemd's word. See Documentation/admin-guide/cgroup-v2.rst of the kernel. Pure text.
 */

#include <glib.h>
#include <stdbool.h>

#include "config/resources.h"

/* The attribute file of the cgroup, "memory.max"; NULL: no file shows the setting alone. */
const char *resource_file(const ResourceProperty *property, GVariant *value);

/* Whether this text of the file says this value. The kernel counts memory in pages and rounds down. NULL:
 * there is no such file, as of a controller that nothing is set of any more. */
bool resource_file_says(const ResourceProperty *property, GVariant *value, const char *text);
