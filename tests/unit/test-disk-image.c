/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that are to be disks, real ones: what is opened how, what is refused, and who is said to hold what
 * is in use. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "host/disk-image.h"
#include "host/lock-holder.h"
#include "util/auto.h"
#include "util/errors.h"

typedef struct Folder {
        char *path;
} Folder;

static void setup(Folder *folder, gconstpointer data) {
        folder->path = g_dir_make_tmp("disk-image-XXXXXX", NULL);
        g_assert_nonnull(folder->path);
}

static void teardown(Folder *folder, gconstpointer data) {
        GDir *dir = g_dir_open(folder->path, 0, NULL);

        for (const char *name; (name = g_dir_read_name(dir));) {
                g_autofree char *path = g_build_filename(folder->path, name, NULL);
                g_assert_cmpint(g_remove(path), ==, 0);
        }
        g_dir_close(dir);
        g_assert_cmpint(g_rmdir(folder->path), ==, 0);
        g_free(folder->path);
}

static char *file_new(const Folder *folder, const char *name, const char *text) {
        char *path = g_build_filename(folder->path, name, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        return path;
}

static int image_open(
        const char *path, DiskMode mode, DiskFormat format, DiskImage **ret, sd_bus_error *error) {
        DiskConfig disk = {(char *) "data", (char *) path, .mode = mode, .format = format};
        g_autoptr(DiskImage) image = NULL;
        int r = disk_image_find(NULL, &disk, "disk", &image, error);

        if (r >= 0)
                r = disk_image_open(image, NULL, &disk, "disk", error);
        if (r >= 0 && ret)
                *ret = g_steal_pointer(&image);
        return r;
}

static void assert_opened(const char *path, DiskMode mode) {
        g_assert_cmpint(image_open(path, mode, DISK_RAW, NULL, NULL), ==, 0);
}

static void assert_refused(const char *path, DiskMode mode, DiskFormat format, const char *name,
        const char *text) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *message = g_strdup_printf("disk: %s", text);

        g_assert_cmpint(image_open(path, mode, format, NULL, &error), ==, -sd_bus_error_get_errno(&error));
        g_assert_cmpstr(error.name, ==, name);
        g_assert_cmpstr(error.message, ==, message);
}

static int access_of(int fd) {
        return fcntl(fd, F_GETFL) & O_ACCMODE;
}

static void test_opened(Folder *folder, gconstpointer data) {
        g_autofree char *path = file_new(folder, "data", "x"), *other = file_new(folder, "other", "x");
        g_autofree char *hard = g_build_filename(folder->path, "hard", NULL);
        g_autoptr(DiskImage) rw = NULL, ro = NULL, linked = NULL, another = NULL;

        g_assert_cmpint(link(path, hard), ==, 0);
        g_assert_cmpint(image_open(path, DISK_RW, DISK_RAW, &rw, NULL), ==, 0);
        g_assert_cmpint(image_open(path, DISK_RO, DISK_RAW, &ro, NULL), ==, 0);
        g_assert_cmpint(image_open(hard, DISK_FORCE, DISK_RAW, &linked, NULL), ==, 0);
        g_assert_cmpint(image_open(other, DISK_RW, DISK_RAW, &another, NULL), ==, 0);
        g_assert_cmpint(access_of(rw->read_fd), ==, O_RDONLY);
        g_assert_cmpint(access_of(rw->write_fd), ==, O_RDWR);
        g_assert_cmpint(fcntl(rw->write_fd, F_GETFD), ==, FD_CLOEXEC);
        g_assert_cmpint(ro->write_fd, ==, -1);
        g_assert_true(disk_image_is_same(rw, ro) && disk_image_is_same(rw, linked));
        g_assert_false(disk_image_is_same(rw, another));
        disk_image_close(rw);
        g_assert_cmpint(rw->read_fd, ==, -1);
        g_assert_true(disk_image_is_same(rw, ro));
}

static void test_refused(Folder *folder, gconstpointer data) {
        g_autofree char *path = file_new(folder, "data", "no qcow2");
        g_autofree char *fifo = g_build_filename(folder->path, "fifo", NULL);
        g_autofree char *none = g_build_filename(folder->path, "none", NULL);
        g_autofree char *link = g_build_filename(folder->path, "link", NULL);
        g_autofree char *absent = g_strdup_printf("Source: %s: No such file or directory", none);
        g_autofree char *no_file = g_strdup_printf("Source: %s is not a regular file", fifo);
        g_autofree char *linked = g_strdup_printf("Source: %s: a part of the path is a symbolic link", link);
        g_autofree char *text = g_strdup_printf("Format: %s: it is not a qcow2 image", path);

        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        g_assert_cmpint(symlink("data", link), ==, 0);
        assert_refused(none, DISK_RW, DISK_RAW, VMM_ERROR_INVALID_CONFIG, absent);
        assert_refused(fifo, DISK_RW, DISK_RAW, VMM_ERROR_INVALID_CONFIG, no_file);
        assert_refused("/", DISK_RO, DISK_RAW, VMM_ERROR_INVALID_CONFIG, "Source: / is not a regular file");
        assert_refused("/dev/null", DISK_RW, DISK_RAW, VMM_ERROR_INVALID_CONFIG,
                "Source: /dev/null is not a regular file");
        assert_refused(path, DISK_RW, DISK_QCOW2, VMM_ERROR_INVALID_CONFIG, text);
        if (geteuid() == 0)
                assert_refused(link, DISK_RO, DISK_RAW, VMM_ERROR_INVALID_CONFIG, linked);
        else
                assert_opened(link, DISK_RO);
}

static void lock(int fd, int byte) {
        struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

        g_assert_cmpint(fcntl(fd, F_OFD_SETLK, &range), ==, 0);
}

/* What QEMU's locks of one mean for the other. */
static void test_locks(Folder *folder, gconstpointer data) {
        static const struct {
                int byte;
                bool rw, ro;   /* may be had all the same */
        } cases[] = {
                {100, true, true},   /* reads */
                {101, false, false}, /* writes */
                {103, false, false}, /* resizes */
                {200, false, false}, /* bears no reader */
                {201, false, true},  /* bears no writer */
                {203, false, true},  /* bears no resizing */
                {0, true, true}, {99, true, true}, {104, true, true},
        };
        g_autofree char *path = file_new(folder, "data", "x"), *comm = NULL, *holder = NULL;

        g_assert_true(g_file_get_contents("/proc/self/comm", &comm, NULL, NULL));
        holder = g_strdup_printf(
                "Source: %s is in use by PID %d (%s)", path, (int) getpid(), g_strchomp(comm));
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

                lock(fd, cases[i].byte);
                for (DiskMode mode = 0; mode < _DISK_MODE_MAX; mode++)
                        if (mode == DISK_FORCE || (mode == DISK_RW ? cases[i].rw : cases[i].ro))
                                assert_opened(path, mode);
                        else
                                assert_refused(path, mode, DISK_RAW, VMM_ERROR_DEVICE_IN_USE, holder);
        }
        assert_opened(path, DISK_RW);
}

static void test_holder(Folder *folder, gconstpointer data) {
        g_autofree char *path = file_new(folder, "data", "x");
        g_autofree char *holder = NULL, *mounted = NULL, *claimed = NULL;
        autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat proc;

        holder = lock_holder(fd);
        g_assert_null(holder);
        g_assert_cmpint(stat("/proc", &proc), ==, 0);
        mounted = block_holder(proc.st_dev);
        g_assert_cmpstr(mounted, ==, "the file system mounted at /proc");
        claimed = block_holder(makedev(4000, 1));
        g_assert_cmpstr(claimed, ==, "the kernel (another device is made of it, or it was claimed)");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);
#define ADD(title, function) g_test_add("/disk-image/" title, Folder, NULL, setup, function, teardown)
        ADD("a file is opened for what it is to do", test_opened);
        ADD("what is no image is refused", test_refused);
        ADD("QEMU's locks are understood, and their holder is named", test_locks);
        ADD("holders of nothing are nobody", test_holder);
        return g_test_run();
}
