/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys that a guest can be sent: QEMU's names of them, and the kernel's magic SysRq ones. Pure tables:
 * nothing here asks a guest what it makes of a key. */

#include <stdint.h>
#include <systemd/sd-bus.h>

#define GUEST_KEYS_MAX 16u             /* held at once */
#define GUEST_KEYS_HOLD_MAX_MSEC 10000u

/* Whether they can be pressed together. Returns 0, or -EINVAL with InvalidArgs naming the culprit. */
int guest_keys_check(char *const *keys, uint32_t hold_msec, sd_bus_error *error);

/* The keys to press for a SysRq key, one character of the kernel's list (Documentation/admin-guide/sysrq);
 * NULL when it has none. Free with g_strfreev(). */
char **guest_keys_of_sysrq(const char *key);
