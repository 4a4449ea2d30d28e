/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The policies at work: what an end was, what is to be done about it, and the wait before a restart. The
 * restart itself is in create.c, the name and place of a corpse in corpse.c. */

#include <errno.h>
#include <signal.h>

#include "core/corpse.h"
#include "core/life.h"
#include "core/manager.h"
#include "core/power.h"
#include "core/verbs.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* Who was sent a signal to end by may take so long over it. */
#define KILL_GRACE_USEC 10000000ull
/* A guest that powers off so long after it was asked to reboot does it for other reasons. */
#define REBOOT_GRACE_USEC 300000000ull
/* How long firmware may take to its second reset. */
#define RESET_GRACE_USEC 5000000ull
#define QUIT_TIMEOUT_USEC 5000000ull

void life_killed(Domain *domain, int signal) {
        domain_asked_signal(domain, signal);
        domain->kill_signals |= UINT64_C(1) << (signal - 1);
        if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGKILL)
                domain->kill_usec = (uint64_t) g_get_monotonic_time();
}

static bool is_recent(uint64_t usec, uint64_t grace_usec) {
        return usec > 0 && (uint64_t) g_get_monotonic_time() - usec < grace_usec;
}

/* Somebody wanted it to end, and that was all. When memory ran out, the wish is systemd's, and no reason. */
static bool end_is_wanted(const Domain *domain) {
        const char *said = domain_said(domain);
        const ExitStatus *status = &domain->exit_status;

        if (domain->failure)
                return true;
        if (domain->last_stop_step)
                return !(domain->oom_killed && domain->stopped_by_unit);
        if (domain->restart_error || domain->oom_killed)
                return false;
        if (said)
                return g_str_has_prefix(said, "host-") && !g_str_equal(said, "host-error");
        if (status->known && status->signal)
                return domain->kill_signals & (UINT64_C(1) << (status->signal - 1));
        return is_recent(domain->kill_usec, KILL_GRACE_USEC);
}

static LifeEvent end_event(const Domain *domain) {
        const char *said = domain_said(domain);

        if (domain->crashed)
                return LIFE_CRASH;
        return is_recent(domain->reboot_usec, REBOOT_GRACE_USEC) ||
                               (said && g_str_equal(said, "guest-reset"))
                       ? LIFE_REBOOT
                       : LIFE_POWEROFF;
}

/* ---- Starting again. ---- */

/* What was asked to reboot is no loop. */
static bool restart_is_paid(Domain *domain, LifeEvent event, uint64_t *ret_delay_usec) {
        const ManagerConfig *settings = domain->manager->settings;
        const RestartRules rules = {settings->restart_burst, settings->restart_interval_usec,
                settings->restart_delay_usec, settings->restart_delay_max_usec};

        *ret_delay_usec = 0;
        if (event == LIFE_REBOOT && is_recent(domain->reboot_usec, REBOOT_GRACE_USEC))
                return true;
        return restart_budget_take(
                &domain->restart_budget, &rules, (uint64_t) g_get_monotonic_time(), ret_delay_usec);
}

static void restart_set_due(Domain *domain, uint64_t usec) {
        domain->restart_due_usec = usec;
        domain_mark_changed(domain, DOMAIN_CHANGED_RESTARTS);
}

static int on_restart_due(sd_event_source *source, uint64_t usec, void *userdata) {
        Domain *domain = userdata;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r;

        domain->restart_timer = sd_event_source_disable_unref(domain->restart_timer);
        restart_set_due(domain, 0);
        domain->restarts++;
        r = domain_renew(domain, &error);
        if (r >= 0) {
                domain_begin_again(domain);
                return 0;
        }
        domain->restart_error = g_strdup(sd_bus_error_is_set(&error) ? error.message : g_strerror(-r));
        domain->ended = true;
        domain_end(domain);
        return 0;
}

/* The object waits; a deliberate end may come meanwhile. */
static void restart_wait(Domain *domain, const char *reason, uint64_t delay_usec) {
        g_free(domain->restart_reason);
        domain->restart_reason = g_strdup(reason);
        restart_set_due(domain, (uint64_t) g_get_real_time() + delay_usec);
        if (sd_event_add_time_relative(domain->manager->event, &domain->restart_timer, CLOCK_MONOTONIC,
                    delay_usec, 0, on_restart_due, domain) < 0)
                g_error("out of memory");
        domain_set_state(domain, domain->crashed ? DOMAIN_CRASHED : DOMAIN_INACTIVE, reason);
        log_write(domain->crashed ? LOG_WARNING : LOG_INFO, MESSAGE_DOMAIN_ENDED, domain->config->name,
                "Ended: %s; starts again in %" G_GUINT64_FORMAT " ms", reason, delay_usec / 1000);
}

/* What has ended is still where the next one is to be, and on its way out: life_take_place() goes on. */
static void restart_wait_for_place(Domain *domain, const char *reason, uint64_t delay_usec) {
        g_free(domain->restart_reason);
        domain->restart_reason = g_strdup(reason);
        domain->restart_delay_usec = delay_usec;
        domain->buried = true;
        domain_set_state(domain, domain->crashed ? DOMAIN_CRASHED : DOMAIN_INACTIVE, reason);
}

bool life_take_place(Domain *domain) {
        g_autofree char *reason = NULL;

        if (!domain->buried || domain->last_stop_step || domain->failure)
                return false;
        reason = g_steal_pointer(&domain->restart_reason);
        domain->ended = domain->buried = false;
        domain_leave_place(domain);
        restart_wait(domain, reason, domain->restart_delay_usec);
        return true;
}

static void reset_begins(Domain *domain) {
        console_drain(domain->console);
        domain->reset_usec = (uint64_t) g_get_monotonic_time();
        domain->reset_said = console_bytes(domain->console);
}

void life_began(Domain *domain) {
        domain->crashed = domain->powered_off = domain->rebooting = false;
        reset_begins(domain);
}

/* ---- Keeping. ---- */

static void preserve_log(const Domain *domain, const char *reason) {
        log_write(domain->crashed ? LOG_WARNING : LOG_INFO, MESSAGE_DOMAIN_PRESERVED, domain->config->name,
                "Ended, and kept for inspection: %s", reason);
}

static void preserve_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        if (!done && !job->domain_gone)
                domain_warn(domain, NULL, job->error.message);
        domain_settle(domain, domain->state_reason);
}

static const JobStep preserve_steps[] = {
        {"halting the guest", halt_run, .undo = NULL},
        {"freezing", freeze_run, freeze_poke, freeze_expire, NULL},
};

static const JobKind preserve_kind = {
        .verb = "preserve",
        .steps = preserve_steps,
        .n_steps = G_N_ELEMENTS(preserve_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = preserve_ended,
};

/* What lives of it is frozen. */
static void preserve(Domain *domain, const char *reason) {
        domain->preserved = true;
        domain_set_state(domain, DOMAIN_PRESERVED, reason);
        preserve_log(domain, reason);
        if (domain->cgroup)
                job_start(job_new(
                        domain, &preserve_kind, domain->owner, domain->config->pause_timeout_usec));
}

static void preserve_instead(Domain *domain, const char *reason, const char *why) {
        g_autofree char *text = g_strdup_printf("Not started again, but kept: %s", why);

        preserve(domain, reason);
        domain_warn(domain, MESSAGE_DOMAIN_PRESERVED, text);
}

static const char too_often[] = "it has been started too often in too short a time";

static void begin_again(Domain *domain, LifeEvent event, LifeAction action, const char *reason) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        uint64_t delay_usec;

        if (!restart_is_paid(domain, event, &delay_usec))
                preserve_instead(domain, reason, too_often);
        else if (action == LIFE_RENAME_RESTART && corpse_bury(domain, reason, &error) < 0)
                preserve_instead(domain, reason, error.message);
        else if (domain->cgroup)
                restart_wait_for_place(domain, reason, delay_usec);
        else
                restart_wait(domain, reason, delay_usec);
}

/* ---- A guest that begins anew within its payload. ---- */

static void tell_reboot(Domain *domain, const char *reason) {
        domain->restarts++;
        domain->reboot_usec = 0;
        domain->rebooting = false;
        reset_begins(domain);
        domain_mark_changed(domain, DOMAIN_CHANGED_RESTARTS | DOMAIN_CHANGED_STATE);
        log_write(LOG_INFO, MESSAGE_DOMAIN_STARTED, domain->config->name, "Rebooted: %s", reason);
        if (!domain->job)
                domain_settle(domain, reason);
}

/* Firmware resets a machine once more after a reset, and that of a microvm sometimes when it starts. No
 * kernel has been there then, or it would have said something. */
static bool is_of_firmware(const Domain *domain) {
        uint64_t said;

        console_drain(domain->console);
        said = console_bytes(domain->console);
        return is_recent(domain->reset_usec, RESET_GRACE_USEC)
                       ? said == domain->reset_said
                       : domain->config->machine == MACHINE_MICROVM && said == 0;
}

void life_take_reset(Domain *domain, bool of_itself) {
        uint64_t delay_usec;

        if (!of_itself)
                reset_begins(domain);
        if (!of_itself || domain->preserved || domain->state == DOMAIN_STARTING || is_of_firmware(domain))
                return;
        if (restart_is_paid(domain, LIFE_REBOOT, &delay_usec)) {
                tell_reboot(domain, "rebooted by its guest");
                return;
        }
        domain->rebooting = true;
        life_take_stop(domain);
}

static void on_began_again(void *userdata, int r, const sd_bus_error *error) {
        if (r >= 0)
                tell_reboot(userdata, "rebooted on request");
        else
                preserve_instead(userdata, "could not be rebooted", error->message);
}

/* QEMU itself stays: the same process begins again. */
static void begin_again_within(Domain *domain, const char *reason) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        uint64_t delay_usec;

        if (!restart_is_paid(domain, LIFE_REBOOT, &delay_usec))
                preserve_instead(domain, reason, too_often);
        else if (domain->backend->ops->begin_again(
                         domain->backend, on_began_again, domain, NULL, &error) < 0)
                preserve_instead(domain, reason, error.message);
}

/* ---- A guest that has ended in a payload that stays. ---- */

static void on_quit(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->backend_call = NULL;
        if (r < 0)
                job_set_deadline(job, 1);
}

/* Frozen, or without a monitor, it hears nothing else. */
static int quit_expire(Job *job) {
        Domain *domain = job->domain;

        job_forget(job);
        domain_asked_signal(domain, SIGKILL);
        return unit_kill(domain_units(domain), domain_unit(domain), SIGKILL, NULL, NULL, NULL);
}

/* Its end is the end of the job. */
static int quit_run(Job *job) {
        Domain *domain = job->domain;

        if (domain->backend->ops->quit(domain->backend, on_quit, job, &job->backend_call, &job->error) < 0)
                return quit_expire(job);
        return JOB_WAITS;
}

static void quit_ended(Job *job, bool done) {
        if (!done)
                domain_settle(job->domain, "could not be ended");
}

static const JobStep quit_steps[] = {
        {"ending", quit_run, NULL, quit_expire, NULL},
};

static const JobKind quit_kind = {
        .verb = "end",
        .steps = quit_steps,
        .n_steps = G_N_ELEMENTS(quit_steps),
        .ends_domain = true,
        .ended = quit_ended,
};

/* What is done about the end is said when there is nothing left. */
static void quit(Domain *domain, const char *reason) {
        domain_set_state(domain, DOMAIN_STOPPING, reason);
        job_start(job_new(domain, &quit_kind, domain->owner, QUIT_TIMEOUT_USEC));
}

/* What only one can have open goes to the one that lives on. */
static bool can_be_kept_apart(const Domain *domain) {
        for (unsigned i = 0; i < domain->config->disks->len; i++) {
                const DiskConfig *disk = domain->config->disks->pdata[i];
                if (disk->mode != DISK_RO)
                        return false;
        }
        return true;
}

static void take_stop(Domain *domain, const char *reason) {
        LifeEvent event;
        LifeAction action;

        domain->crashed = domain_has_crashed(domain);
        event = end_event(domain);
        action = domain->config->policies[event];
        domain->powered_off = event == LIFE_POWEROFF;
        domain->rebooting = event == LIFE_REBOOT;
        domain_mark_changed(domain, DOMAIN_CHANGED_STATE);
        if (action == LIFE_PRESERVE)
                preserve(domain, reason);
        else if (action == LIFE_RENAME_RESTART && can_be_kept_apart(domain))
                begin_again(domain, event, action, reason);
        else if (action == LIFE_RESTART && event == LIFE_REBOOT)
                begin_again_within(domain, reason);
        else
                quit(domain, reason);
}

void life_take_stop(Domain *domain) {
        g_autofree char *reason = g_strdup(domain_said(domain));

        domain->guest_stopped = true;
        /* Its stop goes on; who was to be kept is not, when somebody stops it. */
        if (domain->last_stop_step && domain->backend->ops->quit)
                (void) domain->backend->ops->quit(domain->backend, NULL, NULL, NULL, NULL);
        if (domain->job || domain->preserved)
                return;
        domain->guest_stopped = false;
        if (reason)
                take_stop(domain, reason);
        else
                preserve_instead(domain, "rebooted by its guest", too_often);
}

/* ---- The end. ---- */

bool life_take_end(Domain *domain, const char *reason) {
        bool wanted = end_is_wanted(domain);
        LifeEvent event = end_event(domain);
        LifeAction action = domain->preserved       ? LIFE_PRESERVE
                            : domain->restart_error ? LIFE_RESTART
                                                    : domain->config->policies[event];

        domain->powered_off = !wanted && event == LIFE_POWEROFF;
        domain->rebooting = !wanted && event == LIFE_REBOOT;
        if (wanted || action == LIFE_DESTROY || power_is_going_down(domain->manager->power))
                return false;
        domain->ended = domain->stopped_by_unit = false;
        g_clear_pointer(&domain->last_stop_step, g_free);
        domain_leave_place(domain);
        if (action == LIFE_PRESERVE)
                preserve(domain, reason);
        else
                begin_again(domain, event, action, reason);
        return true;
}

void life_give_up(Domain *domain) {
        domain->restart_timer = sd_event_source_disable_unref(domain->restart_timer);
        restart_set_due(domain, 0);
        domain->failure = "destroyed";
        domain->ended = true;
        domain_end(domain);
}

int domain_set_policy(Domain *domain, LifeEvent event, LifeAction action, sd_bus_error *error) {
        int r = domain_config_set_policy(domain->config, event, action, error);

        if (r < 0)
                return r;
        if (domain->backend && domain->backend->ops->follow_policies)
                domain->backend->ops->follow_policies(domain->backend);
        domain_mark_changed(domain, DOMAIN_CHANGED_SETTINGS);
        manager_flush(domain->manager);
        return 0;
}
