/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opens and looks. What is opened is first held without being opened, so that nothing happens to what turns
 * out to be something else: opening can rewind a tape or start a watchdog. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "config/qcow2.h"
#include "host/disk-image.h"
#include "host/lock-holder.h"
#include "util/auto.h"
#include "util/errors.h"

/* Where QEMU keeps its locks of an image: a byte for each thing that it does with it, and a byte for each
 * that it bears nobody else to do (block/file-posix.c). */
#define LOCK_DOES 100
#define LOCK_FORBIDS 200
enum { PERM_READ = 0, PERM_WRITE = 1, PERM_RESIZE = 3 };

/* ---- Rights. ---- */

/* Those that were given up for a while. */
typedef struct Rights {
        gid_t *groups;
        int n_groups;
} Rights;

/* For file access only; with another user's id the kernel takes root's capabilities over files away, too.
 * Returns 0 or a negative errno. */
static int rights_take(const SpawnUser *user, Rights *ret) {
        int n = getgroups(0, NULL);

        *ret = (Rights) {0};
        if (!user)
                return 0;
        if (n < 0)
                return -errno;
        ret->groups = g_new(gid_t, n + 1);
        ret->n_groups = getgroups(n, ret->groups);
        if (ret->n_groups < 0 || setgroups((size_t) user->n_groups, user->groups) < 0)
                return -errno;
        (void) setfsgid(user->gid);
        (void) setfsuid(user->uid);
        return 0;
}

static void rights_give_back(const SpawnUser *user, Rights *rights) {
        int saved = errno;

        if (user) {
                (void) setfsuid(geteuid());
                (void) setfsgid(getegid());
                if (rights->n_groups >= 0)
                        (void) setgroups((size_t) rights->n_groups, rights->groups);
        }
        g_free(rights->groups);
        errno = saved;
}

static int image_fail(const SpawnUser *user, const DiskConfig *disk, const char *where, int r,
        sd_bus_error *error) {
        const char *why = r == -ELOOP && !user ? "a part of the path is a symbolic link" : g_strerror(-r);

        return sd_bus_error_setf(error,
                r == -EACCES || r == -EPERM ? SD_BUS_ERROR_ACCESS_DENIED : VMM_ERROR_INVALID_CONFIG,
                "%s: Source: %s: %s%s%s", where, disk->path, why, user ? ", for user " : "",
                user ? user->name : "");
}

/* ---- Opening. ---- */

static int path_hold(const SpawnUser *user, const DiskConfig *disk) {
        bool follow = user || disk->block || geteuid() != 0;   /* below /dev, links are root's */
        struct open_how how = {
                .flags = O_PATH | O_CLOEXEC,
                .resolve = follow ? 0 : RESOLVE_NO_SYMLINKS,
        };
        Rights rights;
        int fd = rights_take(user, &rights);

        if (fd >= 0) {
                fd = (int) syscall(SYS_openat2, AT_FDCWD, disk->path, &how, sizeof how);
                fd = fd < 0 ? -errno : fd;
        }
        rights_give_back(user, &rights);
        return fd;
}

static int held_open(const SpawnUser *user, int held, int flags) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", held);
        Rights rights;
        int fd = rights_take(user, &rights);

        if (fd >= 0) {
                fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
                fd = fd < 0 ? -errno : fd;
        }
        rights_give_back(user, &rights);
        return fd;
}

static int check_type(
        const DiskConfig *disk, const struct stat *st, const char *where, sd_bus_error *error) {
        if (disk->block ? S_ISBLK(st->st_mode) : S_ISREG(st->st_mode))
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: Source: %s is not a %s", where,
                disk->path, disk->block ? "block device" : "regular file");
}

static int image_in_use(const DiskConfig *disk, const DiskImage *image, bool claimed, const char *where,
        sd_bus_error *error) {
        g_autofree char *holder = claimed ? block_holder(image->device) : lock_holder(image->read_fd);

        (void) sd_bus_error_setf(error, VMM_ERROR_DEVICE_IN_USE, "%s: Source: %s is in use by %s", where,
                disk->path, holder ? holder : "another program");
        return -EBUSY;
}

/* A block device that is written to is claimed, so that the host cannot mount it meanwhile, and is not
 * already. */
static int image_open_fds(const SpawnUser *user, const DiskConfig *disk, DiskImage *image) {
        int claim = image->block && disk->mode == DISK_RW ? O_EXCL : 0, r;

        r = held_open(user, image->held, O_RDONLY);
        if (r < 0)
                return r;
        image->read_fd = r;
        if (!image->writable)
                return 0;
        r = held_open(user, image->held, O_RDWR | claim);
        if (r < 0)
                return r;
        image->write_fd = r;
        return 0;
}

/* ---- Looking. ---- */

static bool is_locked(int fd, int byte) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

        return fcntl(fd, F_OFD_GETLK, &lock) >= 0 && lock.l_type != F_UNLCK;
}

/* Whoever writes goes with nobody. */
static bool image_is_locked(const DiskImage *image) {
        int fd = image->read_fd;

        return is_locked(fd, LOCK_DOES + PERM_WRITE) || is_locked(fd, LOCK_DOES + PERM_RESIZE) ||
               is_locked(fd, LOCK_FORBIDS + PERM_READ) ||
               (image->writable &&
                       (is_locked(fd, LOCK_FORBIDS + PERM_WRITE) ||
                               is_locked(fd, LOCK_FORBIDS + PERM_RESIZE)));
}

static int check_format(
        const DiskConfig *disk, const DiskImage *image, const char *where, sd_bus_error *error) {
        uint8_t header[QCOW2_HEADER_BYTES];
        const char *problem;
        ssize_t n;

        if (disk->format != DISK_QCOW2)
                return 0;
        n = pread(image->read_fd, header, sizeof header, 0);
        problem = n < 0 ? g_strerror(errno) : qcow2_problem(header, (size_t) n);
        if (problem)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: Format: %s: %s", where,
                        disk->path, problem);
        return 0;
}

int disk_image_find(const SpawnUser *user, const DiskConfig *disk, const char *where, DiskImage **ret,
        sd_bus_error *error) {
        g_autoptr(DiskImage) image = g_new(DiskImage, 1);
        struct stat st;
        int r;

        *image = (DiskImage) {.held = path_hold(user, disk), .read_fd = -1, .write_fd = -1,
                .block = disk->block, .writable = disk->mode != DISK_RO};
        if (image->held < 0 || fstat(image->held, &st) < 0)
                return image_fail(user, disk, where, image->held < 0 ? image->held : -errno, error);
        r = check_type(disk, &st, where, error);
        if (r < 0)
                return r;
        image->device = image->block ? st.st_rdev : st.st_dev;
        image->inode = image->block ? 0 : st.st_ino;
        *ret = g_steal_pointer(&image);
        return 0;
}

int disk_image_open(DiskImage *image, const SpawnUser *user, const DiskConfig *disk, const char *where,
        sd_bus_error *error) {
        int r;

        r = image_open_fds(user, disk, image);
        image->held = fd_close(image->held);
        if (r == -EBUSY && image->block)
                return image_in_use(disk, image, true, where, error);
        if (r < 0)
                return image_fail(user, disk, where, r, error);
        if (disk->mode != DISK_FORCE && image_is_locked(image))
                return image_in_use(disk, image, false, where, error);
        return check_format(disk, image, where, error);
}

void disk_image_close(DiskImage *image) {
        image->held = fd_close(image->held);
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
        return one->block == other->block && one->device == other->device && one->inode == other->inode;
}
