/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Device nodes of this machine: which device is behind one. Opens none. */

typedef struct DeviceNumber {
        char type;                     /* 'c' or 'b' */
        unsigned major, minor;
} DeviceNumber;

/* Follows links. Returns 0, -ENODEV when it is no device node, or what stat(2) fails with (-ENOENT). */
int device_lookup(const char *node, DeviceNumber *ret);
