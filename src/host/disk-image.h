/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files and block devices that are to be disks: opened with the rights of whoever asks for them, looked at,
 * and held as descriptors, so that QEMU needs no right to any path. Nothing is written to them here. */

#include "config/disk.h"
#include "host/spawn.h"

typedef struct DiskImage {
        int held;                /* found, and not opened; -1: it is */
        int read_fd, write_fd;   /* -1: none. QEMU wants to have both for one that it writes to */
        bool block, writable;
        dev_t device;            /* a block device itself; else with the inode what tells files apart */
        ino_t inode;
} DiskImage;

/* Looks which file it is, as the user, or, if NULL, as we are: then no part of a file's path may be a
 * symbolic link when we are root, since another could have put it there. `where` is what messages begin
 * with. Returns 0 or a negative errno with InvalidConfig or AccessDenied. */
int disk_image_find(const SpawnUser *user, const DiskConfig *disk, const char *where, DiskImage **ret,
        sd_bus_error *error);

/* Opens it, once. What somebody else uses in a way that does not go with the mode is refused: QEMU's
 * locks tell, and the kernel's claims of block devices. Returns the same, or DeviceInUse, which names the
 * holder. */
int disk_image_open(DiskImage *image, const SpawnUser *user, const DiskConfig *disk, const char *where,
        sd_bus_error *error);

/* QEMU has the descriptors; which file it is stays known. */
void disk_image_close(DiskImage *image);

DiskImage *disk_image_free(DiskImage *image);

/* Whether both are the same file or device. */
bool disk_image_is_same(const DiskImage *one, const DiskImage *other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskImage, disk_image_free)
