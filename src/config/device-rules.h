/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an ordered list of OCI device rules, each of which allows or denies something, comes to as the list
 * of allowed devices that systemd knows. Pure values: no device is looked up. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#define DEVICE_ANY (-1)                /* major or minor: whichever */
#define DEVICE_MAJOR_MAX 4095          /* of Linux and of systemd */
#define DEVICE_MINOR_MAX 1048575

typedef enum DeviceAccess {
        DEVICE_READ = 1 << 0,
        DEVICE_WRITE = 1 << 1,
        DEVICE_MKNOD = 1 << 2,
        DEVICE_ALL_ACCESS = DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD,
} DeviceAccess;

typedef struct DeviceRule {
        bool allow;
        char type;                     /* 'c', 'b'; 'a': every device, the rest is not looked at */
        int32_t major, minor;          /* or DEVICE_ANY */
        DeviceAccess access;
} DeviceRule;

/* In the beginning nothing is allowed. */
typedef struct DeviceRules DeviceRules;

DeviceRules *device_rules_new(void);
DeviceRules *device_rules_free(DeviceRules *rules);

/* Applies the next rule. Returns 0, or -EOPNOTSUPP with NotSupported where systemd cannot follow: one major
 * number of every group ("c *:5"), or a denial of a part of what an earlier rule allowed ("c 10:232" out of
 * "c 10:*"). */
int device_rules_apply(DeviceRules *rules, const DeviceRule *rule, sd_bus_error *error);

/* DevicePolicy and DeviceAllow, a(ss), a new reference: "strict" with "/dev/char/10:232", "char-136" and
 * "block-*", in the order in which they were allowed; "auto" with an empty list when every device is.
 * Returns 0, or -EOPNOTSUPP with NotSupported when all but some are allowed. */
int device_rules_result(const DeviceRules *rules, const char **ret_policy, GVariant **ret_allow,
        sd_bus_error *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeviceRules, device_rules_free)
