/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Renaming of domains, also of dead ones: the corpse of one that starts again gets an object of its own. */

#include <string.h>
#include <time.h>

#include "core/corpse.h"
#include "core/manager.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

#define CORPSE_TRIES_MAX 1000u

int domain_rename(Domain *domain, const char *name, sd_bus_error *error) {
        g_autofree char *old = g_strdup(domain->config->name);
        int r;

        if (g_str_equal(name, old))
                return 0;
        r = domain_config_check_name(name, error);
        if (r >= 0)
                r = manager_check_name(domain->manager, name, error);
        if (r < 0)
                return r;
        manager_rename(domain->manager, domain, name);
        log_write(LOG_INFO, NULL, name, "Renamed from '%s'", old);
        return 0;
}

/* "web-20261121T140502Z", with "-2" and so on for those of the same second; a long name is cut. */
static char *corpse_name(Manager *manager, const char *name) {
        char when[sizeof "-20261121T140502Z"];
        time_t now = (time_t) (g_get_real_time() / G_USEC_PER_SEC);
        struct tm tm;

        (void) strftime(when, sizeof when, "-%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
        for (unsigned i = 1; i <= CORPSE_TRIES_MAX; i++) {
                g_autofree char *count = i > 1 ? g_strdup_printf("-%u", i) : g_strdup("");
                size_t room = DOMAIN_NAME_MAX - strlen(when) - strlen(count);
                const char *end;

                (void) g_utf8_validate(name, (gssize) MIN(strlen(name), room), &end);   /* not in a letter */
                g_autofree char *full =
                        g_strdup_printf("%.*s%s%s", (int) (end - name), name, when, count);
                if (!manager_find_by_name(manager, full))
                        return g_steal_pointer(&full);
        }
        return NULL;
}

/* Two names that were one. Returns 0, or negative with *error and nothing changed. */
static int config_split(Domain *domain, const char *name, sd_id128_t uuid, DomainConfig **ret,
        sd_bus_error *error) {
        sd_id128_t own = domain->config->uuid;
        DomainConfig *config;
        int r;

        r = domain->run_dir ? run_dir_rename(domain->run_dir, uuid) : 0;
        if (r < 0)
                return sd_bus_error_set_errnof(
                        error, r, "Cannot rename the folder of what has ended: %s", g_strerror(-r));
        /* The payload keeps pointing to its own: the copy is for the one that lives on. */
        config = manager_exchange_config(domain->manager, domain, domain_config_copy(domain->config));
        r = domain_config_bury(config, name, uuid, error);
        if (r < 0) {
                domain_config_free(manager_exchange_config(domain->manager, domain, config));
                if (domain->run_dir)
                        (void) run_dir_rename(domain->run_dir, own);
                return r;
        }
        *ret = config;
        return 0;
}

int corpse_bury(Domain *domain, const char *reason, sd_bus_error *error) {
        Manager *manager = domain->manager;
        g_autofree char *name = corpse_name(manager, domain->config->name);
        g_autoptr(Console) console = NULL;
        DomainConfig *config;
        sd_id128_t uuid;
        Domain *corpse;
        int r;

        if (!name)
                return sd_bus_error_set(
                        error, VMM_ERROR_DOMAIN_EXISTS, "No name is free for what has ended");
        r = manager_check_limits(manager, domain->owner, error);
        if (r >= 0)
                r = sd_id128_randomize(&uuid);
        if (r >= 0)
                r = console_new(manager->event, manager->settings->console_log_bytes, &console);
        if (r >= 0)
                r = config_split(domain, name, uuid, &config, error);
        if (r < 0)
                return r;
        corpse = domain_new_bare(manager, config, domain->owner);
        domain_take_payload(corpse, domain);
        domain->console = g_steal_pointer(&console);
        corpse->preserved = true;
        corpse->state = DOMAIN_PRESERVED;
        g_free(corpse->state_reason);
        corpse->state_reason = g_strdup(reason);
        manager_add(manager, corpse);
        log_write(LOG_INFO, MESSAGE_DOMAIN_PRESERVED, name, "What has ended of '%s' is kept here: %s",
                domain->config->name, reason);
        return 0;
}
