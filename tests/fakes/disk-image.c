/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/disk-image.h over the made-up host: whatever is below /srv or /dev is there; /srv/root is root's, and
 * /srv/locked is in use. */

#include <errno.h>
#include <fcntl.h>

#include "fakes/world.h"
#include "host/disk-image.h"
#include "util/auto.h"
#include "util/errors.h"

int disk_image_find(const SpawnUser *user, const DiskConfig *disk, const char *where, DiskImage **ret,
        sd_bus_error *error) {
        if (!g_str_has_prefix(disk->path, disk->block ? "/dev/" : "/srv/"))
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: Source: %s: %s", where,
                        disk->path, g_strerror(ENOENT));
        *ret = g_new(DiskImage, 1);
        **ret = (DiskImage) {
                .held = -1, .read_fd = -1, .write_fd = -1, .block = disk->block,
                .writable = disk->mode != DISK_RO, .inode = g_str_hash(disk->path),
        };
        return 0;
}

int disk_image_open(DiskImage *image, const SpawnUser *user, const DiskConfig *disk, const char *where,
        sd_bus_error *error) {
        const char *who = user ? user->name : "we are";

        note("open %s %s as %s", disk->path, disk_mode_to_string(disk->mode), who);
        if (user && g_str_equal(disk->path, "/srv/root"))
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                        "%s: Source: %s: %s, for user %s", where, disk->path, g_strerror(EACCES), who);
        if (disk->mode != DISK_FORCE && g_str_equal(disk->path, "/srv/locked")) {
                (void) sd_bus_error_setf(error, VMM_ERROR_DEVICE_IN_USE,
                        "%s: Source: %s is in use by PID 77 (qemu-img)", where, disk->path);
                return -EBUSY;
        }
        image->read_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        image->write_fd = image->writable ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
        return 0;
}

void disk_image_close(DiskImage *image) {
        image->read_fd = fd_close(image->read_fd);
        image->write_fd = fd_close(image->write_fd);
}

DiskImage *disk_image_free(DiskImage *image) {
        if (!image)
                return NULL;
        disk_image_close(image);
        g_free(image);
        return NULL;
}

bool disk_image_is_same(const DiskImage *one, const DiskImage *other) {
        return one->block == other->block && one->inode == other->inode;
}
