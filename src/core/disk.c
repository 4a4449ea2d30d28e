/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which file may be whose disk, and how disks come and go while the guest runs. What QEMU is told is the
 * backend's business. */

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "config/text.h"
#include "core/attachment.h"
#include "core/disk.h"
#include "core/manager.h"
#include "util/auto.h"
#include "util/errors.h"

static void image_free(void *image) {
        disk_image_free(image);
}

/* ---- Whose it may be. ---- */

/* Whoever may write goes with nobody. One that failed has no file. */
static const Attachment *conflict_in(const Domain *domain, const DiskImage *image) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];
                const DiskImage *other = attachment->data;

                if (attachment->kind == ATTACHMENT_DISK && attachment->state != ATTACHMENT_FAILED && other &&
                        other != image && disk_image_is_same(image, other) &&
                        (image->writable || other->writable))
                        return attachment;
        }
        return NULL;
}

static int check_domain(const Domain *holder, const DiskConfig *disk, const DiskImage *image,
        const char *where, sd_bus_error *error) {
        const Attachment *attachment = conflict_in(holder, image);

        if (!attachment)
                return 0;
        (void) sd_bus_error_setf(error, VMM_ERROR_DEVICE_IN_USE,
                "%s: Source: %s is in use by domain '%s', as its disk '%s'", where, disk->path,
                holder->config->name, attachment->name);
        return -EBUSY;
}

/* The domain itself may not be among the manager's yet. */
static int check_domains(const Domain *domain, const DiskConfig *disk, const DiskImage *image,
        const char *where, sd_bus_error *error) {
        GHashTableIter domains;
        void *other;
        int r;

        if (disk->mode == DISK_FORCE)
                return 0;
        r = check_domain(domain, disk, image, where, error);
        g_hash_table_iter_init(&domains, domain->manager->by_uuid);
        while (r >= 0 && g_hash_table_iter_next(&domains, NULL, &other))
                r = check_domain(other, disk, image, where, error);
        return r;
}

/* With the rights of whoever asks for it; root's, and in user mode the user's, are the daemon's own. Another
 * domain is looked for first: its name says more than that of its QEMU. */
static int disk_open(const Domain *domain, const DiskConfig *disk, uid_t uid, DiskImage **ret,
        sd_bus_error *error) {
        g_autofree char *where = g_strdup_printf("disk '%s'", disk->name);
        g_autofree char *digits = g_strdup_printf("%" PRIu32, (uint32_t) uid);
        g_autoptr(SpawnUser) user = NULL;
        g_autoptr(DiskImage) image = NULL;
        int r;

        if (!domain->manager->user_mode && uid != 0 && spawn_user_new(digits, &user, NULL) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                        "%s: Source: there is no user %s, with whose rights it would be opened", where,
                        digits);
        r = disk_image_find(user, disk, where, &image, error);
        if (r >= 0)
                r = check_domains(domain, disk, image, where, error);
        if (r >= 0)
                r = disk_image_open(image, user, disk, where, error);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&image);
        return 0;
}

/* ---- At creation. ---- */

int disks_open(Domain *domain, sd_bus_error *error) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                Attachment *attachment = domain->attachments->pdata[i];
                DiskImage *image;
                int r;

                if (attachment->kind != ATTACHMENT_DISK)
                        continue;
                r = disk_open(domain, attachment->config, domain->owner, &image, error);
                if (r < 0)
                        return r;
                attachment->data = image;
                attachment->data_free = image_free;
        }
        return 0;
}

GArray *disks_list(const Domain *domain) {
        GArray *disks = g_array_new(FALSE, FALSE, sizeof(BackendDisk));

        for (unsigned i = 0; i < domain->attachments->len; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];
                BackendDisk disk = {attachment->config, attachment->data};

                if (attachment->kind == ATTACHMENT_DISK)
                        g_array_append_val(disks, disk);
        }
        return disks;
}

void disks_close(Domain *domain) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];

                if (attachment->kind == ATTACHMENT_DISK)
                        disk_image_close(attachment->data);
        }
}

/* ---- While it runs. ---- */

static void config_free(void *disk) {
        disk_config_free(disk);
}

int domain_attach_disk(Domain *domain, DiskConfig *disk, uid_t requestor, sd_bus_error *error) {
        g_autoptr(DiskImage) image = NULL;
        Attachment *attachment;
        int r;

        r = attachment_check_live(domain, "attach a disk to", error);
        if (r < 0)
                return r;
        if (!disk->name)
                disk->name = attachment_name_new(domain, ATTACHMENT_DISK);
        r = attachment_check_name(domain, disk->name, error);
        if (r >= 0)
                r = disk_open(domain, disk, requestor, &image, error);
        if (r < 0)
                return r;

        attachment = attachment_add(domain, ATTACHMENT_DISK, disk->name, disk, NULL);
        attachment->data = g_steal_pointer(&image);
        attachment->data_free = image_free;
        r = domain->backend->ops->attach_disk(domain->backend, &(BackendDisk) {disk, attachment->data},
                attachment_arrived, attachment, &attachment->call, error);
        if (r < 0) {
                attachment_remove(attachment);
                return r;
        }
        attachment->config_free = config_free;
        attachment_set_state(attachment, ATTACHMENT_WAITING, NULL);
        return 0;
}

int domain_detach_disk(Domain *domain, const char *name, sd_bus_error *error) {
        Attachment *attachment = attachment_find(domain, ATTACHMENT_DISK, name);
        int r;

        r = attachment_check_live(domain, "detach a disk from", error);
        if (r < 0)
                return r;
        if (!attachment) {
                g_autofree char *quoted = text_quote(name);
                return sd_bus_error_setf(error, VMM_ERROR_NO_SUCH_DEVICE, "'%s' has no disk %s",
                        domain->config->name, quoted);
        }
        if (attachment->state == ATTACHMENT_FAILED) {
                attachment_remove(attachment);
                return 0;
        }
        if (attachment->state == ATTACHMENT_WAITING)
                return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                        "The disk '%s' of '%s' is just being attached", name, domain->config->name);
        if (attachment->state == ATTACHMENT_GOING)
                return 0;
        r = domain->backend->ops->detach_disk(
                domain->backend, name, attachment_left, attachment, &attachment->call, error);
        if (r >= 0)
                attachment_set_state(attachment, ATTACHMENT_GOING, NULL);
        return r;
}
