/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks and networks over D-Bus: reads, checks, asks, calls core once, and replies. */

#include "bus/attachment-dbus.h"
#include "bus/bus.h"
#include "core/attachment.h"
#include "util/auto.h"
#include "util/variant.h"

int method_attach_disk(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        g_autoptr(GVariant) settings = NULL;
        g_autoptr(DiskConfig) disk = NULL;
        Domain *domain = userdata;
        DiskConfig *taken;
        uid_t uid;
        int r;

        r = variant_read(m, &settings);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = disk_config_new(settings, "disk", &disk, error);
        if (r >= 0)
                r = domain_attach_disk(domain, disk, uid, error);
        if (r < 0)
                return r;
        taken = g_steal_pointer(&disk);
        return sd_bus_reply_method_return(m, "s", taken->name);
}

int method_detach_disk(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return domain_name_verb(m, userdata, domain_detach_disk, error);
}

int method_attach_network(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        g_autoptr(GVariant) settings = NULL;
        g_autoptr(NetworkConfig) network = NULL;
        Domain *domain = userdata;
        NetworkConfig *taken;
        uid_t uid;
        int r;

        r = variant_read(m, &settings);
        if (r >= 0)
                r = network_config_new(settings, "network", &network, error);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        taken = network;
        r = domain_attach_network(domain, network, error);
        if (r < 0)
                return r;
        network = NULL;
        return sd_bus_reply_method_return(m, "s", taken->name);
}

int method_detach_network(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return domain_name_verb(m, userdata, domain_detach_network, error);
}

/* Who waits is answered before the domain is gone. */
typedef struct Waiting {
        sd_bus_message *message;
        Domain *domain;
} Waiting;

static int reply_outcomes(sd_bus_message *m, const Domain *domain) {
        g_autoptr(sd_bus_message) reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{ss}");
        for (unsigned i = 0; i < domain->attachments->len && r >= 0; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];
                g_autofree char *outcome = attachment_outcome(attachment);

                r = sd_bus_message_append(reply, "{ss}", attachment->name, outcome);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_at_rest(void *userdata, int r, const sd_bus_error *error) {
        g_autofree Waiting *waiting = userdata;
        g_autoptr(sd_bus_message) m = waiting->message;

        if (r >= 0)
                r = reply_outcomes(m, waiting->domain);
        if (r < 0)
                (void) sd_bus_reply_method_errno(m, r, error);
}

int method_wait_for_devices(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uint64_t timeout_usec;
        Waiting *waiting;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "t", &timeout_usec);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        waiting = g_new(Waiting, 1);
        *waiting = (Waiting) {sd_bus_message_ref(m), domain};
        r = domain_wait_for_devices(domain, timeout_usec, on_at_rest, waiting, error);
        if (r >= 0)
                return 1;
        sd_bus_message_unref(m);
        g_free(waiting);
        return r;
}
