/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The manager's own log, and the kernel's about virtualisation. Of the latter each user can clear what is
 * shown to them; nobody else sees a difference. */

#include <errno.h>

#include "bus/config-dbus.h"
#include "bus/log-dbus.h"
#include "host/journal.h"
#include "util/auto.h"
#include "util/errors.h"

static int log_error_reply(int r, sd_bus_error *error) {
        if (r == -ENODATA)
                return sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED,
                        "There is no journal on this host that this manager may read");
        return sd_bus_error_setf(
                error, SD_BUS_ERROR_FAILED, "The journal cannot be read: %s", g_strerror(-r));
}

/* Returns as authorize(). */
static int authorize_log(Bus *bus, sd_bus_message *m, uid_t *ret_uid, sd_bus_error *error) {
        return authorize(bus->authority, m, &(AuthorityDetails) {.domain = "", .uuid = "", .slice = ""},
                ret_uid, error);
}

int method_get_log(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        g_auto(GStrv) log = NULL;
        uint32_t lines;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "u", &lines);
        if (r < 0)
                return r;
        r = authorize_log(bus, m, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = journal_read_own(bus->manager->user_mode, lines, &log);
        return r < 0 ? log_error_reply(r, error) : strv_reply(m, log);
}

int method_get_hypervisor_log(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        g_auto(GStrv) log = NULL;
        uint32_t lines;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "u", &lines);
        if (r < 0)
                return r;
        r = authorize_log(bus, m, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = journal_read_hypervisor(
                g_hash_table_lookup(bus->cleared_logs, GUINT_TO_POINTER(uid)), lines, &log);
        return r < 0 ? log_error_reply(r, error) : strv_reply(m, log);
}

int method_clear_hypervisor_log(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        char *mark = NULL;
        uid_t uid;
        int r;

        r = authorize_log(bus, m, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = journal_mark_kernel(&mark);
        if (r < 0)
                return log_error_reply(r, error);
        g_hash_table_insert(bus->cleared_logs, GUINT_TO_POINTER(uid), mark);
        return sd_bus_reply_method_return(m, NULL);
}
