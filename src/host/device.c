/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Looks at nodes with stat(2), and never opens one: opening can do things. */

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "host/device.h"

int device_lookup(const char *node, DeviceNumber *ret) {
        struct stat st;

        if (stat(node, &st) < 0)
                return -errno;
        if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
                return -ENODEV;
        *ret = (DeviceNumber) {S_ISCHR(st.st_mode) ? 'c' : 'b', major(st.st_rdev), minor(st.st_rdev)};
        return 0;
}
