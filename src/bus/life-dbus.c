/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A domain's name and its policies on the bus: reads, checks, asks, calls core once, and replies. */

#include <errno.h>

#include "bus/life-dbus.h"
#include "config/text.h"
#include "util/errors.h"

int method_rename(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return domain_name_verb(m, userdata, domain_rename, error);
}

int method_reboot(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        uint64_t flags;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "t", &flags);
        if (r >= 0)
                r = bus_check_flags(flags, 0, error);
        if (r < 0)
                return r;
        r = authorize_domain_as(userdata, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(
                m, domain_reboot(userdata, uid, bus_verb_reply, sd_bus_message_ref(m), error));
}

static LifeEvent policy_event(const char *property) {
        return g_str_equal(property, "OnPoweroff") ? LIFE_POWEROFF
               : g_str_equal(property, "OnReboot") ? LIFE_REBOOT
                                                   : LIFE_CRASH;
}

int property_policy(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Domain *domain = userdata;

        return sd_bus_message_append(
                reply, "s", life_action_to_string(domain->config->policies[policy_event(name)]));
}

/* Whoever gets here was allowed to: see filter_set() in bus.c. */
int set_policy(sd_bus *bus, const char *path, const char *interface, const char *name, sd_bus_message *value,
        void *userdata, sd_bus_error *error) {
        const char *text;
        int r;

        r = sd_bus_message_read(value, "s", &text);
        if (r < 0)
                return r;
        if ((int) life_action_from_string(text) < 0) {
                g_autofree char *quoted = text_quote(text);
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "%s: %s is not one of destroy, restart, preserve, rename-restart", name, quoted);
        }
        return domain_set_policy(userdata, policy_event(name), life_action_from_string(text), error);
}
