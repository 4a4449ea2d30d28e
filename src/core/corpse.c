/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Renaming of domains, also of dead ones: the corpse of one that starts again gets an object of its own. */

#include <signal.h>
#include <string.h>
#include <time.h>

#include "core/corpse.h"
#include "core/manager.h"
#include "core/verbs.h"
#include "host/process.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

#define CORPSE_TRIES_MAX 1000u
#define CORPSE_PROCESSES_MAX 1024u

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

/* The folder of what has ended goes with it; the one that begins again has a new one, where the old one was.
 * Returns 0, or a negative errno and nothing changed. */
static int folder_split(Domain *domain, sd_id128_t uuid, RunDir **ret) {
        sd_id128_t own = domain->config->uuid;
        int r;

        r = run_dir_rename(domain->run_dir, uuid);
        if (r < 0)
                return r;
        r = run_dir_new(domain->manager->runtime_directory, own, ret);
        if (r < 0)
                (void) run_dir_rename(domain->run_dir, own);
        return r;
}

/* Two names that were one. The payload keeps pointing to its own: the copy is for the one that lives on.
 * Returns 0, or negative with *error and nothing changed. */
static int config_split(Domain *domain, const char *name, sd_id128_t uuid, DomainConfig **ret,
        sd_bus_error *error) {
        DomainConfig *config =
                manager_exchange_config(domain->manager, domain, domain_config_copy(domain->config));
        int r = domain_config_bury(config, name, uuid, error);

        if (r < 0)
                domain_config_free(manager_exchange_config(domain->manager, domain, config));
        else
                *ret = config;
        return r;
}

/* ---- What lives of it moves into a scope of its own, and stands still there. ---- */

static int grave_run(Job *job) {
        return scope_start(job, (int *) (void *) job->pidfds->data, job->pidfds->len);
}

static int grave_verify_run(Job *job) {
        return place_verify(job, job->domain->leader_pidfd);
}

/* What cannot be kept apart must not be in the way of who begins again. */
static void grave_ended(Job *job, bool done) {
        Domain *corpse = job->domain;
        g_autofree char *text = NULL;

        if (!done && !job->domain_gone) {
                text = g_strconcat("Its processes could not be kept: ", job->error.message, NULL);
                domain_warn(corpse, NULL, text);
                domain_asked_signal(corpse, SIGKILL);
                for (unsigned i = 0; i < job->pidfds->len; i++)
                        (void) pidfd_signal(g_array_index(job->pidfds, int, i), SIGKILL);
        }
        domain_settle(corpse, corpse->state_reason);
}

static const JobStep grave_steps[] = {
        {"starting the scope", grave_run, .undo = NULL},
        {"verifying the scope", grave_verify_run, .undo = NULL},
        {"freezing", freeze_run, freeze_poke, freeze_expire, NULL},
};

static const JobKind grave_kind = {
        .verb = "preserve",
        .steps = grave_steps,
        .n_steps = G_N_ELEMENTS(grave_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = grave_ended,
};

static void grave_dig(Domain *corpse, const Cgroup *cgroup) {
        g_autoptr(GArray) pids = cgroup_pids(cgroup, CORPSE_PROCESSES_MAX);
        Job *job = job_new(corpse, &grave_kind, corpse->owner, DOMAIN_START_TIMEOUT_USEC);

        job->pidfds = pidfds_new();
        for (unsigned i = 0; i < pids->len; i++) {
                int pidfd;
                if (pidfd_new(g_array_index(pids, pid_t, i), &pidfd) >= 0)
                        g_array_append_val(job->pidfds, pidfd);
        }
        job_start(job);
}

int corpse_bury(Domain *domain, const char *reason, sd_bus_error *error) {
        Manager *manager = domain->manager;
        g_autofree char *name = corpse_name(manager, domain->config->name);
        g_autoptr(Console) console = NULL;
        g_autoptr(RunDir) folder = NULL;
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
        if (r < 0)
                return r;
        r = folder_split(domain, uuid, &folder);
        if (r < 0)
                return sd_bus_error_set_errnof(
                        error, r, "Cannot make a folder for what has ended: %s", g_strerror(-r));
        r = config_split(domain, name, uuid, &config, error);
        if (r < 0) {
                folder = run_dir_free(folder);
                (void) run_dir_rename(domain->run_dir, domain->config->uuid);
                return r;
        }
        corpse = domain_new_bare(manager, config, domain->owner);
        domain_take_payload(corpse, domain);
        domain->run_dir = g_steal_pointer(&folder);
        domain->console = g_steal_pointer(&console);
        corpse->preserved = true;
        corpse->state = DOMAIN_PRESERVED;
        g_free(corpse->state_reason);
        corpse->state_reason = g_strdup(reason);
        manager_add(manager, corpse);
        log_write(LOG_INFO, MESSAGE_DOMAIN_PRESERVED, name, "What has ended of '%s' is kept here: %s",
                domain->config->name, reason);
        if (domain->cgroup)
                grave_dig(corpse, domain->cgroup);
        return 0;
}
