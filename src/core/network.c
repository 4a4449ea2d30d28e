/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A network of mode tap is an interface of the host whose other end is a descriptor, which QEMU inherits or
 * is sent. We keep one, too: the interface stays until the script that is told of its end has run. A script
 * comes before the connection: what it was to set up is there when the first packet passes, and a guest
 * whose script failed reaches nobody. */

#include <errno.h>
#include <string.h>

#include "config/text.h"
#include "core/attachment.h"
#include "core/manager.h"
#include "core/network.h"
#include "host/tap.h"
#include "host/unit.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* A script that takes longer waits for something that does not come. */
#define SCRIPT_TIMEOUT_USEC 20000000ull

typedef struct Link {
        Attachment *attachment;
        const NetworkConfig *config;
        Tap *tap;              /* NULL: mode user */
        UnitCall *script;      /* that runs */
        char *unit;            /* of the latest script on this interface; NULL: none */
        bool online;           /* a script has to hear of its end */
        bool plugged;          /* QEMU has it */
} Link;

/* A script that is told of an end, and the interface that is there until it has heard. */
typedef struct LinkEnd {
        Manager *manager;
        char *domain, *unit;
        Tap *tap;              /* NULL: somebody has it again */
        UnitCall *script;
} LinkEnd;

/* ---- Scripts. ---- */

/* As Xen calls its own: vif-bridge, vif-route, vif-nat. What they would ask xenstore for is in the
 * environment under the names that they use for it. */
static int script_run(const Domain *domain, const NetworkConfig *network, const Tap *tap,
        const char *command, const char *after, UnitReply reply, void *userdata, char **ret_unit,
        UnitCall **ret) {
        g_autofree char *unit = g_strdup_printf("vmm-script-%s-%s-%u.service", tap_name(tap), command,
                ++domain->manager->n_scripts);
        g_autofree char *path = g_build_filename(NETWORK_SCRIPTS, network->script, NULL);
        g_autofree char *mac = mac_address_to_string(&network->mac);
        g_autofree char *description = g_strdup_printf(
                "Network Script of '%s': %s %s", domain->config->name, network->script, command);
        char *const argv[] = {path, (char *) command, (char *) "type_if=vif", NULL};
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        const char *const settings[][2] = {
                {"script", path}, {"vif", tap_name(tap)}, {"mac", mac}, {"bridge", network->bridge},
                {"ip", network->address}, {"XENBUS_TYPE", "vif"}, {"domain", domain->config->name},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
                g_autofree char *entry = g_strconcat(settings[i][0], "=", settings[i][1], NULL);
                if (settings[i][1])
                        g_strv_builder_add(builder, entry);
        }
        g_auto(GStrv) environment = g_strv_builder_end(builder);
        int r = unit_run_service(domain->manager->units,
                &(ServiceSpec) {unit, description, argv, environment, SCRIPT_TIMEOUT_USEC, after}, reply,
                userdata, ret);

        *ret_unit = g_steal_pointer(&unit);
        return r;
}

static void link_end_free(void *item) {
        LinkEnd *end = item;

        unit_call_cancel(end->script);
        tap_free(end->tap);
        g_free(end->unit);
        g_free(end->domain);
        g_free(end);
}

static void on_offline(void *userdata, int r, const sd_bus_error *error) {
        LinkEnd *end = userdata;

        end->script = NULL;
        if (r < 0)
                log_write(LOG_WARNING, NULL, end->domain, "A network ended, and its script did not hear: %s",
                        error->message);
        g_ptr_array_remove(end->manager->link_ends, end);
}

/* Takes the interface, which stays until the script has ended. */
static void link_go_offline(Link *link) {
        Domain *domain = link->attachment->domain;
        Manager *manager = domain->manager;
        LinkEnd *end = g_new0(LinkEnd, 1);

        *end = (LinkEnd) {
                .manager = manager,
                .domain = g_strdup(domain->config->name),
                .tap = g_steal_pointer(&link->tap),
        };
        g_ptr_array_add(manager->link_ends, end);
        if (script_run(domain, link->config, end->tap, "offline", link->unit, on_offline, end, &end->unit,
                    &end->script) < 0)
                g_ptr_array_remove(manager->link_ends, end);
}

GPtrArray *network_ends_new(void) {
        return g_ptr_array_new_with_free_func(link_end_free);
}

void network_ends_abandon(Manager *manager) {
        /* A call that is given up is undone: this one is to go on. */
        for (unsigned i = 0; i < manager->link_ends->len; i++)
                ((LinkEnd *) manager->link_ends->pdata[i])->script = NULL;
        g_ptr_array_unref(manager->link_ends);
}

/* ---- Links. ---- */

static void link_free(void *item) {
        Link *link = item;
        const Domain *domain = link->attachment->domain;
        bool lives_on = domain->released || domain->manager->ending;

        unit_call_cancel(link->script);
        /* A script that is still setting up is ended first. */
        if (link->script && !lives_on)
                (void) unit_stop(domain->manager->units, link->unit, NULL, NULL, NULL);
        /* Of a domain that lives on without us the network does, too. */
        if (link->online && !lives_on)
                link_go_offline(link);
        tap_free(link->tap);
        g_free(link->unit);
        g_free(link);
}

static Link *link_of(const Attachment *attachment) {
        return attachment->data;
}

static int link_connect(const Link *link, sd_bus_error *error) {
        return tap_connect(link->tap, link->config->bridge, link->config->mac.bytes, error);
}

/* A domain that is started again, say, may be faster than the script that hears of its end: it gets the same
 * interface, and its own script has to wait for that one. */
static void link_take_over(Link *link, const char *name) {
        const GPtrArray *ends = link->attachment->domain->manager->link_ends;

        for (unsigned i = 0; name && i < ends->len && !link->tap; i++) {
                LinkEnd *end = ends->pdata[i];

                if (!end->tap || !g_str_equal(tap_name(end->tap), name))
                        continue;
                tap_disconnect(end->tap);
                link->tap = g_steal_pointer(&end->tap);
                link->unit = g_strdup(end->unit);
        }
}

/* Makes the interface, if one is needed; it is connected unless a script comes first. */
static int link_open(Attachment *attachment, sd_bus_error *error) {
        const NetworkConfig *config = attachment->config;
        Link *link = g_new0(Link, 1);
        int r = 0;

        *link = (Link) {.attachment = attachment, .config = config};
        link_take_over(link, config->interface_name);
        if (config->mode == NETWORK_TAP && !link->tap)
                r = tap_new(config->interface_name, &link->tap, error);
        if (r >= 0 && link->tap && !config->script)
                r = link_connect(link, error);
        if (r < 0) {
                link_free(link);
                return r;
        }
        attachment->data = link;
        attachment->data_free = link_free;
        return 0;
}

static void link_drop(Attachment *attachment) {
        link_free(g_steal_pointer(&attachment->data));
        attachment->data_free = NULL;
}

/* One that QEMU has stays there, without a connection, until it is detached. */
static void link_fail(Attachment *attachment, const char *reason) {
        g_autofree char *text = g_strdup_printf("The network '%s' is not connected: %s", attachment->name,
                reason), *copy = g_strdup(reason);

        if (!link_of(attachment)->plugged)
                link_drop(attachment);
        domain_warn(attachment->domain, NULL, text);
        attachment_set_state(attachment, ATTACHMENT_FAILED, copy);
}

static void on_plugged(void *userdata, int r, const sd_bus_error *error) {
        Attachment *attachment = userdata;

        attachment->call = NULL;
        if (r < 0) {
                link_fail(attachment, error->message);
                return;
        }
        link_of(attachment)->plugged = true;
        attachment_set_state(attachment, ATTACHMENT_READY, NULL);
}

static BackendNetwork network_of(const Attachment *attachment) {
        const Tap *tap = link_of(attachment)->tap;

        return (BackendNetwork) {attachment->config, tap ? tap_fd(tap) : -1};
}

/* Connected as it is to be: the guest's side is next, if it is not there yet. */
static void link_plug(Attachment *attachment) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        Domain *domain = attachment->domain;
        BackendNetwork network = network_of(attachment);
        int r;

        if (link_of(attachment)->plugged) {
                attachment_set_state(attachment, ATTACHMENT_READY, NULL);
                return;
        }
        r = domain->backend->ops->attach_network(
                domain->backend, &network, on_plugged, attachment, &attachment->call, &error);
        if (r < 0)
                link_fail(attachment, error.message);
}

static void on_online(void *userdata, int r, const sd_bus_error *told) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        Attachment *attachment = userdata;
        Link *link = link_of(attachment);

        link->script = NULL;
        if (r < 0)
                (void) sd_bus_error_copy(&error, told);
        link->online = r >= 0;
        if (r >= 0)
                r = link_connect(link, &error);
        if (r < 0)
                link_fail(attachment, error.message);
        else
                link_plug(attachment);
}

static void link_begin(Attachment *attachment) {
        Link *link = link_of(attachment);
        int r;

        if (!link->config->script) {
                link_plug(attachment);
                return;
        }
        g_autofree char *before = g_steal_pointer(&link->unit);
        r = script_run(attachment->domain, link->config, link->tap, "online", before, on_online, attachment,
                &link->unit, &link->script);
        link->online = r >= 0;
        if (r < 0)
                link_fail(attachment, g_strerror(-r));
}

/* ---- What is there from the start. ---- */

static int network_check(const Manager *manager, const NetworkConfig *network, sd_bus_error *error) {
        g_autofree char *script = NULL, *found = NULL;
        int r = 0;

        if (network->mode == NETWORK_USER)
                return 0;
        if (manager->user_mode)
                return sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED,
                        "Networks: a user's own manager has those of mode 'user' only");
        if (network->bridge)
                r = bridge_check(network->bridge, error);
        if (r < 0 || !network->script)
                return r;
        script = g_build_filename(NETWORK_SCRIPTS, network->script, NULL);
        if (spawn_find_program(script, &found, NULL) < 0)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "Script: there is no program '%s' in " NETWORK_SCRIPTS, network->script);
        return 0;
}

int networks_check(const Domain *domain, sd_bus_error *error) {
        const GPtrArray *networks = domain->config->networks;
        int r = 0;

        for (unsigned i = 0; i < networks->len && r >= 0; i++)
                r = network_check(domain->manager, networks->pdata[i], error);
        return r;
}

int networks_open(Domain *domain, sd_bus_error *error) {
        int r = 0;

        for (unsigned i = 0; i < domain->attachments->len && r >= 0; i++) {
                Attachment *attachment = domain->attachments->pdata[i];

                if (attachment->kind == ATTACHMENT_NETWORK)
                        r = link_open(attachment, error);
        }
        return r;
}

GArray *networks_list(const Domain *domain) {
        GArray *list = g_array_new(FALSE, FALSE, sizeof(BackendNetwork));

        for (unsigned i = 0; i < domain->attachments->len; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];

                if (attachment->kind == ATTACHMENT_NETWORK) {
                        BackendNetwork network = network_of(attachment);
                        g_array_append_val(list, network);
                }
        }
        return list;
}

void networks_started(Domain *domain) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                Attachment *attachment = domain->attachments->pdata[i];

                if (attachment->kind != ATTACHMENT_NETWORK)
                        continue;
                link_of(attachment)->plugged = true;
                link_begin(attachment);
        }
}

/* ---- What comes and goes. ---- */

static int check_mac(const Domain *domain, const NetworkConfig *network, sd_bus_error *error) {
        for (unsigned i = 0; i < domain->attachments->len; i++) {
                const Attachment *other = domain->attachments->pdata[i];
                const NetworkConfig *theirs = other->config;
                g_autofree char *mac = mac_address_to_string(&network->mac);

                if (other->kind == ATTACHMENT_NETWORK && other->data &&
                        !g_str_equal(other->name, network->name) &&
                        memcmp(&theirs->mac, &network->mac, sizeof network->mac) == 0)
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "MAC: the network '%s' of '%s' has %s already", other->name,
                                domain->config->name, mac);
        }
        return 0;
}

/* A failed one that QEMU has is in the way of another of its name. */
static int check_name(const Domain *domain, const char *name, sd_bus_error *error) {
        const Attachment *failed = attachment_find(domain, ATTACHMENT_NETWORK, name);
        int r = attachment_check_name(domain, name, error);

        if (r >= 0 && failed && failed->data && link_of(failed)->plugged)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "Name: '%s' still has the network '%s', which is to be detached first",
                        domain->config->name, name);
        return r;
}

static void network_destroy(void *network) {
        network_config_free(network);
}

int domain_attach_network(Domain *domain, NetworkConfig *network, sd_bus_error *error) {
        Attachment *attachment;
        int r;

        r = attachment_check_live(domain, "attach a network to", error);
        if (r >= 0)
                r = network_check(domain->manager, network, error);
        if (r < 0)
                return r;
        if (!network->name)
                network->name = attachment_name_new(domain, ATTACHMENT_NETWORK);
        network_config_make_mac(network, domain->config->uuid);
        r = check_name(domain, network->name, error);
        if (r >= 0)
                r = check_mac(domain, network, error);
        if (r < 0)
                return r;
        attachment = attachment_add(domain, ATTACHMENT_NETWORK, network->name, network, NULL);
        r = link_open(attachment, error);
        if (r < 0) {
                attachment_remove(attachment);
                return r;
        }
        attachment->config_free = network_destroy;
        attachment_set_state(attachment, ATTACHMENT_WAITING, NULL);
        link_begin(attachment);
        return 0;
}

int domain_detach_network(Domain *domain, const char *name, sd_bus_error *error) {
        Attachment *attachment = attachment_find(domain, ATTACHMENT_NETWORK, name);
        int r = attachment_check_live(domain, "detach a network from", error);

        if (r < 0)
                return r;
        if (!attachment) {
                g_autofree char *quoted = text_quote(name);
                return sd_bus_error_setf(error, VMM_ERROR_NO_SUCH_DEVICE, "'%s' has no network %s",
                        domain->config->name, quoted);
        }
        if (attachment->state == ATTACHMENT_WAITING)
                return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                        "The network '%s' of '%s' is just being attached", name, domain->config->name);
        if (attachment->state == ATTACHMENT_GOING)
                return 0;
        if (!attachment->data || !link_of(attachment)->plugged) {
                attachment_remove(attachment);
                return 0;
        }
        r = domain->backend->ops->detach_network(
                domain->backend, name, attachment_left, attachment, &attachment->call, error);
        if (r >= 0)
                attachment_set_state(attachment, ATTACHMENT_GOING, NULL);
        return r;
}
