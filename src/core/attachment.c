/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keeps the list, tells its changes, and answers those who wait for it to come to rest. */

#include <errno.h>
#include <time.h>

#include "core/attachment.h"
#include "core/manager.h"
#include "core/verbs.h"
#include "util/auto.h"
#include "util/errors.h"

static const char *const attachment_kinds[] = {
        [ATTACHMENT_DISK] = "disk",
        [ATTACHMENT_NETWORK] = "network",
};
DEFINE_ENUM_STRINGS(attachment_kind, AttachmentKind, attachment_kinds)

static const char *const attachment_states[] = {
        [ATTACHMENT_WAITING] = "waiting",
        [ATTACHMENT_READY] = "ready",
        [ATTACHMENT_FAILED] = "failed",
        [ATTACHMENT_GOING] = "going",
        [ATTACHMENT_KEPT] = "kept",
};
DEFINE_ENUM_STRINGS(attachment_state, AttachmentState, attachment_states)

/* Somebody who waits for the list to come to rest. */
typedef struct DeviceWaiter {
        Domain *domain;
        JobReply reply;
        void *userdata;
        sd_event_source *timer;
} DeviceWaiter;

static void waiter_free(void *item) {
        DeviceWaiter *waiter = item;

        sd_event_source_disable_unref(waiter->timer);
        g_free(waiter);
}

static void waiter_answer(DeviceWaiter *waiter, int r, const sd_bus_error *error) {
        Domain *domain = waiter->domain;
        JobReply reply = waiter->reply;
        void *userdata = waiter->userdata;

        manager_flush(domain->manager);
        g_ptr_array_remove(domain->device_waiters, waiter);
        reply(userdata, r, error);
}

static bool is_at_rest(const Domain *domain) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];

                if (attachment->state == ATTACHMENT_WAITING || attachment->state == ATTACHMENT_GOING)
                        return false;
        }
        return true;
}

static void waiters_answer(Domain *domain, int r, const sd_bus_error *error) {
        while (domain->device_waiters->len > 0)
                waiter_answer(domain->device_waiters->pdata[0], r, error);
}

static void attachment_tell(Attachment *attachment, const char *what) {
        Domain *domain = attachment->domain;
        Manager *manager = domain->manager;

        domain_mark_changed(domain, attachment->kind == ATTACHMENT_DISK ? DOMAIN_CHANGED_DISKS
                                                                        : DOMAIN_CHANGED_NETWORKS);
        attachment->told = true;
        manager_flush(manager);
        manager->observer->device_changed(manager->userdata, domain, attachment->name, what);
}

/* What there is beside the description. */
static void attachment_clear(Attachment *attachment) {
        attachment->call = backend_call_cancel(attachment->call);
        if (attachment->data_free)
                attachment->data_free(attachment->data);
        attachment->data = NULL;
        attachment->data_free = NULL;
}

static void attachment_free(void *item) {
        Attachment *attachment = item;

        attachment_clear(attachment);
        if (attachment->config_free)
                attachment->config_free(attachment->config);
        g_free(attachment->reason);
        g_free(attachment);
}

static Attachment *find_any(const Domain *domain, const char *name) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                Attachment *attachment = domain->attachments->pdata[i];

                if (g_str_equal(attachment->name, name))
                        return attachment;
        }
        return NULL;
}

Attachment *attachment_find(const Domain *domain, AttachmentKind kind, const char *name) {
        Attachment *attachment = find_any(domain, name);

        return attachment && attachment->kind == kind ? attachment : NULL;
}

Attachment *attachment_add(Domain *domain, AttachmentKind kind, const char *name, void *config,
        GDestroyNotify config_free) {
        Attachment *attachment = find_any(domain, name);

        if (attachment)
                attachment_remove(attachment);
        attachment = g_new0(Attachment, 1);
        *attachment = (Attachment) {
                .domain = domain,
                .kind = kind,
                .name = name,
                .reason = g_strdup(""),
                .config = config,
                .config_free = config_free,
        };
        g_ptr_array_add(domain->attachments, attachment);
        return attachment;
}

Attachment *attachment_new(Domain *domain, AttachmentKind kind, const char *name, void *config,
        GDestroyNotify config_free) {
        Attachment *attachment = attachment_add(domain, kind, name, config, config_free);

        attachment_tell(attachment, attachment_state_to_string(ATTACHMENT_WAITING));
        return attachment;
}

void attachment_set_state(Attachment *attachment, AttachmentState state, const char *reason) {
        char *old = attachment->reason;

        attachment->state = state;
        attachment->reason = g_strdup(reason ? reason : "");
        g_free(old);
        attachment_tell(attachment, attachment_state_to_string(state));
        if (is_at_rest(attachment->domain))
                waiters_answer(attachment->domain, 0, NULL);
}

void attachment_remove(Attachment *attachment) {
        Domain *domain = attachment->domain;
        unsigned at;

        if (g_ptr_array_find(domain->attachments, attachment, &at))
                (void) g_ptr_array_steal_index(domain->attachments, at);
        if (attachment->told)
                attachment_tell(attachment, "removed");
        attachment_free(attachment);
        if (is_at_rest(domain))
                waiters_answer(domain, 0, NULL);
}

void attachment_arrived(void *userdata, int r, const sd_bus_error *error) {
        Attachment *attachment = userdata;

        attachment->call = NULL;
        if (r >= 0)
                attachment_set_state(attachment, ATTACHMENT_READY, NULL);
        else
                attachment_set_state(attachment, ATTACHMENT_FAILED, error->message);
}

void attachment_left(void *userdata, int r, const sd_bus_error *error) {
        Attachment *attachment = userdata;
        g_autofree char *text = NULL;

        attachment->call = NULL;
        if (r >= 0) {
                attachment_remove(attachment);
                return;
        }
        text = g_strdup_printf("The %s '%s' is %s: %s", attachment_kind_to_string(attachment->kind),
                attachment->name, r == -EBUSY ? "still attached" : "not free", error->message);
        domain_warn(attachment->domain, NULL, text);
        attachment_set_state(
                attachment, r == -EBUSY ? ATTACHMENT_KEPT : ATTACHMENT_FAILED, error->message);
}

void attachment_gone(Domain *domain, const char *kind, const char *name, const char *problem) {
        Attachment *attachment = attachment_find(domain, attachment_kind_from_string(kind), name);

        if (!attachment || attachment->state == ATTACHMENT_FAILED)
                return;
        if (problem)
                attachment_set_state(attachment, ATTACHMENT_FAILED, problem);
        else
                attachment_remove(attachment);
}

int attachment_check_name(const Domain *domain, const char *name, sd_bus_error *error) {
        const Attachment *attachment = find_any(domain, name);

        if (!attachment || attachment->state == ATTACHMENT_FAILED)
                return 0;
        (void) sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "Name: '%s' has a %s '%s' already",
                domain->config->name, attachment_kind_to_string(attachment->kind), name);
        return -EEXIST;
}

char *attachment_name_new(const Domain *domain, AttachmentKind kind) {
        for (unsigned i = 0;; i++) {
                g_autofree char *name = g_strdup_printf("%s%u", attachment_kind_to_string(kind), i);
                if (!find_any(domain, name))
                        return g_steal_pointer(&name);
        }
}

GVariant *attachment_to_variant(const Attachment *attachment) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

        if (attachment->kind == ATTACHMENT_DISK)
                disk_config_append(attachment->config, &builder);
        else
                network_config_append(attachment->config, &builder);
        g_variant_builder_add(&builder, "{sv}", "State",
                g_variant_new_string(attachment_state_to_string(attachment->state)));
        if (*attachment->reason)
                g_variant_builder_add(&builder, "{sv}", "Reason", g_variant_new_string(attachment->reason));
        return g_variant_ref_sink(g_variant_builder_end(&builder));
}

char *attachment_outcome(const Attachment *attachment) {
        return g_strconcat(attachment_state_to_string(attachment->state), *attachment->reason ? ": " : "",
                attachment->reason, NULL);
}

int attachment_check_live(const Domain *domain, const char *name, sd_bus_error *error) {
        if (domain->config->kind != DOMAIN_QEMU)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Cannot %s '%s': it is not a virtual machine", name, domain->config->name);
        if (domain->config->machine == MACHINE_MICROVM)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Cannot %s '%s': a microvm has its devices from its creation on", name,
                        domain->config->name);
        return verb_admit(domain, VERB_DEVICE, name, error);
}

static void list_make(Domain *domain) {
        const DomainConfig *config = domain->config;

        domain->attachments = g_ptr_array_new_with_free_func(attachment_free);
        for (unsigned i = 0; i < config->disks->len; i++) {
                DiskConfig *disk = config->disks->pdata[i];
                attachment_add(domain, ATTACHMENT_DISK, disk->name, disk, NULL)->told = true;
        }
        for (unsigned i = 0; i < config->networks->len; i++) {
                NetworkConfig *network = config->networks->pdata[i];
                network_config_make_mac(network, config->uuid);
                attachment_add(domain, ATTACHMENT_NETWORK, network->name, network, NULL)->told = true;
        }
}

void attachments_init(Domain *domain) {
        list_make(domain);
        domain->device_waiters = g_ptr_array_new_with_free_func(waiter_free);
}

void attachments_renew(Domain *domain) {
        g_ptr_array_unref(domain->attachments);
        list_make(domain);
        domain_mark_changed(domain, DOMAIN_CHANGED_DISKS | DOMAIN_CHANGED_NETWORKS);
}

void attachments_move(Domain *domain, Domain *from) {
        GPtrArray *own = domain->attachments;

        domain->attachments = from->attachments;
        from->attachments = own;
        for (unsigned i = 0; i < domain->attachments->len; i++)
                ((Attachment *) domain->attachments->pdata[i])->domain = domain;
        attachments_renew(from);
}

void attachments_started(Domain *domain) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                Attachment *attachment = domain->attachments->pdata[i];
                if (attachment->kind == ATTACHMENT_DISK)
                        attachment_set_state(attachment, ATTACHMENT_READY, NULL);
        }
}

void attachments_ended(Domain *domain, const char *reason) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = sd_bus_error_setf(&error, VMM_ERROR_NOT_RUNNING, "Cannot wait for devices of '%s': %s",
                domain->config->name, reason);

        for (unsigned i = 0; i < domain->attachments->len; i++)
                attachment_clear(domain->attachments->pdata[i]);
        waiters_answer(domain, r, &error);
}

void attachments_free(Domain *domain) {
        g_ptr_array_unref(domain->device_waiters);
        g_ptr_array_unref(domain->attachments);
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata) {
        waiter_answer(userdata, 0, NULL);
        return 0;
}

int domain_wait_for_devices(
        Domain *domain, uint64_t timeout_usec, JobReply reply, void *userdata, sd_bus_error *error) {
        DeviceWaiter *waiter;
        int r;

        if (timeout_usec == 0 || is_at_rest(domain)) {
                reply(userdata, 0, NULL);
                return 0;
        }
        waiter = g_new0(DeviceWaiter, 1);
        *waiter = (DeviceWaiter) {.domain = domain, .reply = reply, .userdata = userdata};
        g_ptr_array_add(domain->device_waiters, waiter);
        r = sd_event_add_time_relative(domain->manager->event, &waiter->timer, CLOCK_MONOTONIC, timeout_usec,
                0, on_waited, waiter);
        if (r == -EOVERFLOW)
                return 0;   /* a time that never comes */
        if (r < 0)
                g_ptr_array_remove(domain->device_waiters, waiter);
        return r;
}
