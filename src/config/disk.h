/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A disk as it is asked for: which file or device, how it may be used, what its content is. Pure values: no
 * file is looked at. */

#include <stdbool.h>
#include <stdint.h>

#include "config/device-config.h"
#include "util/enum.h"

typedef enum DiskMode { DISK_RW, DISK_RO, DISK_FORCE, _DISK_MODE_MAX } DiskMode;
DECLARE_ENUM_STRINGS(disk_mode, DiskMode)

typedef enum DiskFormat { DISK_RAW, DISK_QCOW2, _DISK_FORMAT_MAX } DiskFormat;
DECLARE_ENUM_STRINGS(disk_format, DiskFormat)

typedef struct DiskConfig {
        char *name;          /* NULL: to be chosen */
        char *path;          /* of Source, without what it begins with */
        bool block;          /* Source is phy: a block device; else file: a regular file */
        DiskMode mode;       /* force: as rw, whoever else uses it */
        DiskFormat format;   /* never guessed: a guest could write another one's header */
        uint32_t backend;    /* who serves it, as Xen numbers domains: 0, this host */
} DiskConfig;

/* From an a{sv}, as device_keys_take() says; Source must be there. */
int disk_config_new(GVariant *settings, const char *where, DiskConfig **ret, sd_bus_error *error);
DiskConfig *disk_config_free(DiskConfig *disk);

/* The same keys again, and whatever else the caller adds: into an open a{sv}. */
void disk_config_append(const DiskConfig *disk, GVariantBuilder *builder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskConfig, disk_config_free)
