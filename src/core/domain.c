/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The object: its state, what it tells of itself, and how it follows its scope, its leader and systemd.
 * Nothing here starts or stops anything of its own accord: that is verbs.c and stop.c. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "core/attachment.h"
#include "core/disk.h"
#include "core/guest.h"
#include "core/io-port.h"
#include "core/life.h"
#include "core/limits.h"
#include "core/manager.h"
#include "core/network.h"
#include "core/pause-ledger.h"
#include "core/slice.h"
#include "host/machine.h"
#include "host/process.h"
#include "host/security.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* How long systemd's word on how the unit ended is waited for. It comes within milliseconds. */
#define VERDICT_TIMEOUT_USEC 1000000ull

static const char *const domain_states[] = {
        [DOMAIN_INACTIVE] = "inactive",
        [DOMAIN_STARTING] = "starting",
        [DOMAIN_PAUSED] = "paused",
        [DOMAIN_RUNNING] = "running",
        [DOMAIN_PAUSING] = "pausing",
        [DOMAIN_RESUMING] = "resuming",
        [DOMAIN_STOPPING] = "stopping",
        [DOMAIN_SAVING] = "saving",
        [DOMAIN_RESTORING] = "restoring",
        [DOMAIN_CRASHED] = "crashed",
        [DOMAIN_PRESERVED] = "preserved",
};
DEFINE_ENUM_STRINGS(domain_state, DomainState, domain_states)

static uint64_t epoch_usec(void) {
        return (uint64_t) g_get_real_time();
}

static void blocker_clear(void *item) {
        CgroupBlocker *blocker = item;

        g_free(blocker->comm);
        g_free(blocker->why);
}

static void on_monitor_lost(void *userdata, const char *reason) {
        g_autofree char *text = g_strdup_printf("The monitor is lost: %s", reason);

        domain_warn(userdata, MESSAGE_MONITOR_FAILED, text);
}

static void on_memory_changed(void *userdata) {
        Domain *domain = userdata;

        domain_mark_changed(domain, DOMAIN_CHANGED_BALLOON);
        manager_flush(domain->manager);
}

static void on_guest_stopped(void *userdata) {
        life_take_stop(userdata);
}

static void on_guest_reset(void *userdata, bool of_itself) {
        life_take_reset(userdata, of_itself);
}

static void on_guest_suspended(void *userdata, bool suspended) {
        Domain *domain = userdata;

        domain->suspended = suspended;
        domain_mark_changed(domain, DOMAIN_CHANGED_STATE);
        log_write(
                LOG_INFO, NULL, domain->config->name, suspended ? "Its guest sleeps" : "Its guest is awake");
}

static void on_device_gone(void *userdata, const char *kind, const char *name, const char *problem) {
        attachment_gone(userdata, kind, name, problem);
}

static void on_saving(void *userdata, uint64_t bytes_done, uint64_t bytes_total) {
        Domain *domain = userdata;

        if (domain->job)
                job_set_progress(domain->job, bytes_done, bytes_total);
}

static const BackendObserver backend_observer = {
        .monitor_lost = on_monitor_lost,
        .memory_changed = on_memory_changed,
        .stopped = on_guest_stopped,
        .reset = on_guest_reset,
        .suspended = on_guest_suspended,
        .device_gone = on_device_gone,
        .saving = on_saving,
};

/* Nothing that comes to a paused slice could be held by it. In one that somebody else froze nothing could
 * run, and systemd 252 would not even mind. */
static int check_slice(Manager *manager, const DomainConfig *config, sd_bus_error *error) {
        g_autofree char *path = manager_slice_path(manager, cgroup_path_home(config->cgroup_path));
        g_autofree char *frozen = path ? cgroup_frozen_slice(path) : NULL;
        int r;

        r = slices_check_open(manager, config, error);
        if (r < 0)
                return r;
        if (frozen)
                return sd_bus_error_setf(error, VMM_ERROR_SLICE_FROZEN,
                        "'%s' cannot be in slice %s: %s is frozen", config->name,
                        cgroup_path_home(config->cgroup_path), frozen);
        return 0;
}

static int domain_make_backend(Domain *domain, sd_bus_error *error) {
        Manager *manager = domain->manager;
        int r;

        r = disks_open(domain, error);
        if (r < 0)
                return r;
        r = backend_ops(domain->config->kind)->create(&(BackendContext) {
                        .event = manager->event,
                        .settings = manager->settings,
                        .user_mode = manager->user_mode,
                        .owner = domain->owner,
                        .console = domain->console,
                }, domain->config, &domain->backend, error);
        if (r < 0)
                return r;
        domain->backend->observer = &backend_observer;
        domain->backend->userdata = domain;
        return 0;
}

static int domain_make_console(Domain *domain) {
        const Manager *manager = domain->manager;

        return console_new(manager->event, manager->settings->console_log_bytes, &domain->console);
}

Domain *domain_new_bare(Manager *manager, DomainConfig *config, uid_t owner) {
        Domain *domain = g_new0(Domain, 1);

        *domain = (Domain) {
                .manager = manager,
                .config = config,
                .owner = owner,
                .payload_uid = owner,
                .created_usec = epoch_usec(),
                .state = DOMAIN_STARTING,
                .state_reason = g_strdup(""),
                .leader_pidfd = -1,
                .freezer_state = g_strdup("running"),
                .stop_phase = g_strdup(""),
                .pause_reasons = ledger_new(),
                .warnings = g_ptr_array_new_null_terminated(1, g_free, TRUE),
                .pause_blockers = g_array_new(FALSE, FALSE, sizeof(CgroupBlocker)),
                .device_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        };
        domain->state_usec = domain->created_usec;
        g_array_set_clear_func(domain->pause_blockers, blocker_clear);
        attachments_init(domain);
        guest_init(domain);
        return domain;
}

int domain_new(Manager *manager, DomainConfig *config, uid_t owner, Domain **ret, sd_bus_error *error) {
        g_autoptr(Domain) domain = domain_new_bare(manager, config, owner);
        int r;

        r = manager_check_name(manager, config->name, error);
        if (r < 0)
                return r;
        if (manager_find_by_uuid(manager, config->uuid))
                return sd_bus_error_setf(
                        error, VMM_ERROR_DOMAIN_EXISTS, "UUID: there is a domain of this UUID already");
        r = check_slice(manager, config, error);
        if (r >= 0)
                r = io_ports_check_new(manager, config, error);
        if (r >= 0)
                r = networks_check(domain, error);
        if (r >= 0 && config->security_label)
                r = security_check(error);
        if (r >= 0)
                r = limits_complete(domain, error);
        if (r >= 0)
                r = domain_make_console(domain);
        if (r >= 0)
                r = domain_make_backend(domain, error);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&domain);
        return 0;
}

/* The end of what ran, without a word to anybody. */
static void domain_clear_place(Domain *domain) {
        domain->machine = machine_unregister(domain->machine);
        domain->freezer_call = unit_call_cancel(domain->freezer_call);
        domain->invocation_call = unit_call_cancel(domain->invocation_call);
        domain->spawn = spawn_free(domain->spawn);
        domain->leader_watch = sd_event_source_disable_unref(domain->leader_watch);
        domain->verdict_timer = sd_event_source_disable_unref(domain->verdict_timer);
        child_forget(domain->manager->event, domain->leader_pidfd);
        domain->leader_pidfd = -1;
        domain->unit_watch = unit_watch_free(domain->unit_watch);
        domain->cgroup = cgroup_free(domain->cgroup);
}

Domain *domain_free(Domain *domain) {
        if (!domain)
                return NULL;
        g_assert(!domain->job);
        manager_unqueue_changes(domain->manager, domain);
        sd_event_source_disable_unref(domain->restart_timer);
        domain_clear_place(domain);
        attachments_free(domain);
        backend_free(domain->backend);
        console_free(domain->console);
        guest_free(domain);
        run_dir_free(domain->run_dir);
        domain_config_free(domain->config);
        g_ptr_array_unref(domain->pause_reasons);
        g_ptr_array_unref(domain->warnings);
        g_array_unref(domain->pause_blockers);
        g_hash_table_unref(domain->device_names);
        g_free(domain->state_reason);
        g_free(domain->last_stop_step);
        g_free(domain->freezer_state);
        g_free(domain->stop_phase);
        g_free(domain->restart_error);
        g_free(domain->restart_reason);
        g_free(domain);
        return NULL;
}

const char *domain_unit(const Domain *domain) {
        return domain->config->cgroup_path->unit;
}

Units *domain_units(const Domain *domain) {
        return domain->manager->units;
}

void domain_mark_changed(Domain *domain, unsigned changes) {
        if (domain->changes == 0)
                manager_queue_changes(domain->manager, domain);
        domain->changes |= changes;
}

void domain_set_state(Domain *domain, DomainState state, const char *reason) {
        DomainState old = domain->state;

        if (old == state && g_str_equal(domain->state_reason, reason))
                return;
        domain->state = state;
        char *copy = g_strdup(reason);   /* it may be the old one */
        g_free(domain->state_reason);
        domain->state_reason = copy;
        domain->state_usec = epoch_usec();
        domain_mark_changed(domain, DOMAIN_CHANGED_STATE);
        if (old != state) {
                manager_flush(domain->manager);
                domain->manager->observer->state_changed(domain->manager->userdata, domain, old);
        }
}

void domain_set_freezer_state(Domain *domain, const char *state) {
        if (g_str_equal(domain->freezer_state, state))
                return;
        g_free(domain->freezer_state);
        domain->freezer_state = g_strdup(state);
        domain_mark_changed(domain, DOMAIN_CHANGED_FREEZER);
}

void domain_set_stop_phase(Domain *domain, const char *phase, uint64_t deadline_usec) {
        g_free(domain->stop_phase);
        domain->stop_phase = g_strdup(phase);
        domain->stop_deadline_usec = deadline_usec;
        domain_mark_changed(domain, DOMAIN_CHANGED_STOP);
}

void domain_add_pause_reason(Domain *domain, const char *reason) {
        if (ledger_add(domain->pause_reasons, reason))
                domain_mark_changed(domain, DOMAIN_CHANGED_FREEZER);
}

void domain_remove_pause_reason(Domain *domain, const char *reason) {
        if (!ledger_remove(domain->pause_reasons, reason))
                return;
        domain_mark_changed(domain, DOMAIN_CHANGED_FREEZER);
        slices_let_go(domain);
}

/* It runs: nothing holds it any more. */
static void domain_clear_pause_reasons(Domain *domain) {
        if (domain->pause_reasons->len == 0)
                return;
        g_ptr_array_set_size(domain->pause_reasons, 0);
        domain_mark_changed(domain, DOMAIN_CHANGED_FREEZER);
        slices_let_go(domain);
}

void domain_leave_place(Domain *domain) {
        domain_clear_place(domain);
        domain_clear_pause_reasons(domain);
        domain_set_freezer_state(domain, "running");
        g_array_set_size(domain->pause_blockers, 0);
        domain->leader = 0;
        domain->started_usec = 0;
        domain->invocation_id = SD_ID128_NULL;
        domain->events = (CgroupEvents) {0};
        domain->unit_gone = domain->scoped = domain->slice_frozen = false;
        domain->halted = domain->vcpus_placed = domain->limits_late = false;
        domain->n_vcpu_groups = 0;
        domain->guest_stopped = domain->suspended = false;
        domain_mark_changed(domain, DOMAIN_CHANGED_PLACE | DOMAIN_CHANGED_BLOCKERS);
}

bool domain_is_empty(const Domain *domain) {
        return !domain->job && !domain->cgroup && domain->leader_pidfd < 0 && !domain_is_slice(domain);
}

bool domain_is_still(const Domain *domain) {
        return domain->preserved || domain_is_empty(domain);
}

int domain_renew(Domain *domain, sd_bus_error *error) {
        int r;

        r = check_slice(domain->manager, domain->config, error);
        if (r < 0)
                return r;
        domain->backend = backend_free(domain->backend);
        domain->exit_status = (ExitStatus) {0};
        domain->asked_signals = domain->kill_signals = domain->oom_kills = 0;
        domain->kill_usec = domain->reboot_usec = 0;
        domain->oom_killed = domain->exec_failed = domain->stopped_by_unit = false;
        g_clear_pointer(&domain->last_stop_step, g_free);
        g_clear_pointer(&domain->restart_error, g_free);
        attachments_renew(domain);
        domain_mark_changed(domain, DOMAIN_CHANGED_BALLOON);
        return domain_make_backend(domain, error);
}

void domain_take_payload(Domain *domain, Domain *from) {
        domain->run_dir = g_steal_pointer(&from->run_dir);
        domain->console = g_steal_pointer(&from->console);
        domain->terminal_listens = from->terminal_listens;
        from->terminal_listens = false;
        domain->backend = g_steal_pointer(&from->backend);
        domain->backend->userdata = domain;
        domain->payload_uid = from->payload_uid;
        domain->leader = from->leader;
        domain->leader_pidfd = from->leader_pidfd;
        domain->leader_watch = g_steal_pointer(&from->leader_watch);
        if (domain->leader_watch)
                (void) sd_event_source_set_userdata(domain->leader_watch, domain);
        from->leader = 0;
        from->leader_pidfd = -1;
        domain_mark_changed(from, DOMAIN_CHANGED_PLACE);
        domain->exit_status = from->exit_status;
        domain->crashed = from->crashed;
        domain->powered_off = from->powered_off;
        domain->rebooting = from->rebooting;
        attachments_move(domain, from);
        domain_mark_changed(from, DOMAIN_CHANGED_BALLOON);
}

const char *domain_holding_slice(const Domain *domain) {
        for (unsigned i = 0; i < domain->pause_reasons->len; i++) {
                const char *slice = ledger_reason_slice(domain->pause_reasons->pdata[i]);

                if (slice && !slice_lets_go(domain->manager, slice))
                        return slice;
        }
        return NULL;
}

void domain_warn(Domain *domain, const char *message_id, const char *text) {
        if (domain->warnings->len == DOMAIN_WARNINGS_MAX)
                g_ptr_array_remove_index(domain->warnings, 0);
        g_ptr_array_add(domain->warnings, g_strdup(text));
        log_write(LOG_WARNING, message_id, domain->config->name, "%s", text);
        domain_mark_changed(domain, DOMAIN_CHANGED_WARNINGS);
        manager_flush(domain->manager);
        domain->manager->observer->warning(domain->manager->userdata, domain, text);
}

static bool domain_is_below_frozen(const Domain *domain) {
        g_autofree char *slice = domain->cgroup ? cgroup_frozen_slice(cgroup_path(domain->cgroup)) : NULL;

        return slice;
}

void domain_settle(Domain *domain, const char *reason) {
        bool frozen;

        if (domain->ended)
                return;
        if (domain->cgroup)
                (void) cgroup_read_events(domain->cgroup, &domain->events);
        frozen = domain->events.frozen;
        if (domain->preserved) {
                domain_set_freezer_state(domain, frozen ? "frozen" : "running");
                domain_set_state(domain, DOMAIN_PRESERVED, reason);
                return;
        }
        domain_set_freezer_state(domain, frozen ? "frozen" : "running");
        if (!frozen)
                domain_clear_pause_reasons(domain);
        domain->slice_frozen = domain_is_below_frozen(domain);
        domain_set_state(domain, frozen ? DOMAIN_PAUSED : DOMAIN_RUNNING, reason);
}

static void on_freezer_state(void *userdata, int r, const char *text, sd_id128_t id) {
        Domain *domain = userdata;

        domain->freezer_call = NULL;
        if (r >= 0 && text)
                domain_set_freezer_state(domain, text);
        if (domain->cgroup && cgroup_freeze_requested(domain->cgroup) && !domain_is_below_frozen(domain))
                domain->slice_frozen = false;
}

void domain_ask_freezer_state(Domain *domain) {
        domain->freezer_call = unit_call_cancel(domain->freezer_call);
        (void) unit_get_property(domain_units(domain), domain_unit(domain), "FreezerState",
                on_freezer_state, domain, &domain->freezer_call);
}

static void on_invocation_id(void *userdata, int r, const char *text, sd_id128_t id) {
        Domain *domain = userdata;

        domain->invocation_call = NULL;
        if (r < 0)
                return;
        domain->invocation_id = id;
        domain_mark_changed(domain, DOMAIN_CHANGED_PLACE);
}

/* A thaw ends what somebody else froze, the scope or a slice above it, and nothing but that. systemd 252
 * thaws with a slice also what was frozen on its own there. Returns whether other reasons hold it. */
static bool domain_hold(Domain *domain) {
        bool others = domain->slice_frozen || ledger_has(domain->pause_reasons, PAUSE_REASON_FROZEN);

        domain->slice_frozen = false;
        domain_remove_pause_reason(domain, PAUSE_REASON_FROZEN);
        if (!others ||
                (!domain_holding_slice(domain) && !ledger_has(domain->pause_reasons, PAUSE_REASON_USER)))
                return false;
        log_write(LOG_INFO, NULL, domain->config->name, "Thawed from outside, but it is to be paused");
        domain_pause_again(domain);
        return true;
}

void domain_follow_freezer(Domain *domain) {
        if (domain->job || domain->preserved || !domain->cgroup ||
                cgroup_read_events(domain->cgroup, &domain->events) < 0 ||
                !domain->events.populated || domain->events.frozen == (domain->state == DOMAIN_PAUSED))
                return;
        if (!domain->events.frozen) {
                /* Not thawed: a newcomer is about to be frozen. */
                if (cgroup_freeze_requested(domain->cgroup) || domain_hold(domain))
                        return;
                domain_clear_pause_reasons(domain);
        } else
                domain_add_pause_reason(domain, PAUSE_REASON_FROZEN);
        domain_set_state(domain, domain->events.frozen ? DOMAIN_PAUSED : DOMAIN_RUNNING,
                domain->events.frozen ? "frozen from outside" : "thawed from outside");

        /* Whoever thaws the scope wants the guest to go on, not to sit there with its vCPUs stopped. */
        if (!domain->events.frozen && domain->halted) {
                domain->halted = false;
                (void) domain->backend->ops->proceed(domain->backend, NULL, NULL, NULL, NULL);
        }
        if (!domain->events.frozen)
                limits_restore(domain);
        domain_ask_freezer_state(domain);
}

/* One that lives on is told of what it lost. */
static void domain_follow_oom(Domain *domain) {
        uint64_t kills = cgroup_oom_kills(domain->cgroup);
        g_autofree char *text = NULL;

        if (kills == CGROUP_UNKNOWN || kills <= domain->oom_kills)
                return;
        text = g_strdup_printf("The kernel killed %" G_GUINT64_FORMAT
                               " of its processes: out of memory (oom-kill)", kills - domain->oom_kills);
        domain->oom_kills = kills;
        domain_warn(domain, MESSAGE_OUT_OF_MEMORY, text);
}

static void on_cgroup_changed(void *userdata) {
        Domain *domain = userdata;

        if (cgroup_read_events(domain->cgroup, &domain->events) < 0)
                return;
        if (!domain->events.populated) {
                domain_check_ended(domain);
                return;
        }
        domain_follow_oom(domain);
        if (domain->job)
                job_poke(domain->job);
        else
                domain_follow_freezer(domain);
}

static void on_unit_removed(void *userdata) {
        Domain *domain = userdata;

        domain->unit_gone = true;
        domain_check_ended(domain);
}

static void on_unit_judged(void *userdata, const char *result) {
        Domain *domain = userdata;

        domain->oom_killed |= g_str_equal(result, "oom-kill");
}

static void on_stop_requested(void *userdata) {
        Domain *domain = userdata;

        log_write(LOG_INFO, NULL, domain->config->name,
                "systemd was asked to stop the scope, following the stop plan");
        domain->stopped_by_unit = !domain->last_stop_step;
        domain_stop_by_plan(domain, &domain->config->stop_plan, 0);
}

const UnitObserver domain_unit_observer = {
        .removed = on_unit_removed,
        .judged = on_unit_judged,
        .stop_requested = on_stop_requested,
};

int domain_enter_scope(Domain *domain, int pidfd) {
        const char *unit = domain->config->cgroup_path->unit;
        g_autofree char *path = NULL;
        pid_t pid;
        int r;

        r = pidfd_get_pid(pidfd, &pid);
        if (r >= 0)
                r = process_cgroup(pid, &path);
        if (r < 0)
                return r;

        /* A unit name that would look like a file of the kernel's gets an underscore in front. */
        const char *base = strrchr(path, '/') + 1;
        if (!g_str_equal(base, unit) && !(base[0] == '_' && g_str_equal(base + 1, unit)))
                return -EXDEV;

        g_autoptr(Cgroup) cgroup = NULL;
        r = cgroup_open(path, &cgroup);
        if (r >= 0)
                r = cgroup_watch(cgroup, domain->manager->event, on_cgroup_changed, domain);
        if (r >= 0)
                r = cgroup_read_events(cgroup, &domain->events);
        if (r >= 0 && !domain->events.populated)
                r = -ESRCH;
        if (r < 0)
                return r;
        domain->cgroup = g_steal_pointer(&cgroup);
        domain->started_usec = epoch_usec();
        domain_mark_changed(domain, DOMAIN_CHANGED_PLACE);
        slices_follow(domain);
        return unit_get_property(domain_units(domain), unit, "InvocationID", on_invocation_id, domain,
                &domain->invocation_call);
}

static int on_leader_exited(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Domain *domain = userdata;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void) exit_status_get(domain->leader_pidfd, &domain->exit_status);   /* unknown if it was adopted */
        domain->leader = 0;
        if (domain->machine)
                machine_leave_scope(domain->machine);
        domain_mark_changed(domain, DOMAIN_CHANGED_PLACE | DOMAIN_CHANGED_STATE);
        domain_check_ended(domain);
        return 0;
}

int domain_set_leader(Domain *domain, int pidfd) {
        domain->leader_pidfd = pidfd;
        domain_mark_changed(domain, DOMAIN_CHANGED_PLACE);
        if (pidfd_get_pid(pidfd, &domain->leader) < 0)
                return -ESRCH;
        return sd_event_add_io(
                domain->manager->event, &domain->leader_watch, pidfd, EPOLLIN, on_leader_exited, domain);
}

bool domain_is_adopted(const Domain *domain) {
        return domain->config->kind == DOMAIN_PROCESS && !domain->config->command;
}

void domain_asked_signal(Domain *domain, int signal) {
        domain->asked_signals |= UINT64_C(1) << (signal - 1);
}

static bool signal_was_asked(const Domain *domain, int signal) {
        return domain->asked_signals & (UINT64_C(1) << (signal - 1));
}

const char *domain_said(const Domain *domain) {
        const BackendOps *ops = backend_ops(domain->config->kind);

        return domain->backend && ops->end_reason ? ops->end_reason(domain->backend) : NULL;
}

/* Why there is nothing left, as far as anybody can tell. */
static char *domain_end_reason(Domain *domain) {
        const BackendOps *ops = backend_ops(domain->config->kind);
        const char *said = domain_said(domain);
        bool begins = domain->state == DOMAIN_STARTING || domain->state == DOMAIN_RESTORING;
        g_autofree char *words = !said && begins && domain->backend && ops->last_words
                ? ops->last_words(domain->backend) : NULL;

        if (domain->failure)
                return g_strdup(domain->failure);
        if (domain->restart_error)
                return g_strdup_printf("could not be started again: %s", domain->restart_error);
        if (domain->oom_killed)
                return g_strdup("killed by the kernel: out of memory (oom-kill)");
        if (domain->last_stop_step)
                return g_str_equal(domain->last_stop_step, "guest") ? g_strdup("shut down")
                                                                      : g_strdup_printf("stopped by %s",
                                                                                domain->last_stop_step);
        if (said)
                return g_strdup(said);
        if (words)
                return g_steal_pointer(&words);
        if (domain->exit_status.signal)
                return g_strdup_printf("killed by %s", signal_to_name(domain->exit_status.signal));
        if (domain->exit_status.known)
                return g_strdup_printf("exited with status %d", domain->exit_status.code);
        return g_strdup("all processes ended");
}

/* It ended on its own, and not well. */
bool domain_has_crashed(const Domain *domain) {
        const char *said = domain_said(domain);

        if (domain->oom_killed || domain->restart_error)
                return true;
        if (domain->last_stop_step)
                return false;
        if (said)
                return g_str_equal(said, "guest-panic") || g_str_equal(said, "host-error");
        if (domain->exit_status.signal)
                return !signal_was_asked(domain, domain->exit_status.signal);
        return domain->exit_status.known && domain->exit_status.code != 0;
}

/* A leader that lives while its scope is empty was moved out of it by hand. One of ours does not outlive its
 * domain; one that was adopted is left alone. Returns whether its end is worth waiting for. */
static bool leader_end_outside(Domain *domain) {
        bool ours = !domain_is_adopted(domain);
        g_autofree char *path = NULL, *text = NULL;

        if (process_cgroup(domain->leader, &path) < 0 ||
                g_str_has_prefix(path, cgroup_path(domain->cgroup)) || signal_was_asked(domain, SIGTERM))
                return true;
        text = g_strdup_printf("PID %d was moved to %s by hand; %s", (int) domain->leader, path,
                ours ? "ending it with SIGTERM" : "it is left alone");
        domain_warn(domain, NULL, text);
        if (ours) {
                life_killed(domain, SIGTERM);
                (void) pidfd_signal(domain->leader_pidfd, SIGTERM);
        }
        return ours;
}

static int on_verdict_overdue(sd_event_source *source, uint64_t usec, void *userdata) {
        Domain *domain = userdata;

        domain->unit_gone = true;
        domain_check_ended(domain);
        return 0;
}

/* Whether memory was what it died of. Of a leader that was killed the kernel's counter tells, until systemd
 * removes the cgroup. What the end of others led to is systemd's verdict, told before it drops the unit.
 * Returns whether that is to be waited for. */
static bool domain_awaits_verdict(Domain *domain) {
        const ExitStatus *status = &domain->exit_status;
        bool killed = status->signal == SIGKILL && !signal_was_asked(domain, SIGKILL);
        bool clean = domain->last_stop_step || (status->known && !status->signal && status->code == 0);
        uint64_t kills;

        if (!domain->cgroup || domain->oom_killed)
                return false;
        kills = cgroup_oom_kills(domain->cgroup);
        if (kills == CGROUP_UNKNOWN ? clean && domain->oom_kills == 0 : kills == 0)
                return false;
        if (kills != CGROUP_UNKNOWN)
                domain->oom_killed = killed || (!status->known && kills > domain->oom_kills);
        else if (domain->unit_gone)
                domain->oom_killed = killed && domain->oom_kills > 0;
        if (domain->oom_killed || domain->unit_gone)
                return false;
        domain_follow_oom(domain);
        return domain->verdict_timer ||
               sd_event_add_time_relative(domain->manager->event, &domain->verdict_timer, CLOCK_MONOTONIC,
                       VERDICT_TIMEOUT_USEC, 0, on_verdict_overdue, domain) >= 0;
}

void domain_check_ended(Domain *domain) {
        bool populated = false;

        if (domain->ended)
                return;
        if (domain->cgroup && cgroup_read_events(domain->cgroup, &domain->events) >= 0)
                populated = domain->events.populated;
        /* Of processes that are being adopted, any may end before all are there. */
        if (populated || (!domain->cgroup && (domain->leader_pidfd < 0 || domain_is_adopted(domain))))
                return;
        if (pidfd_is_alive(domain->leader_pidfd) && (!domain->cgroup || leader_end_outside(domain)))
                return;   /* its end will be told */
        if (!domain->exit_status.known && domain->leader_pidfd >= 0)
                (void) exit_status_get(domain->leader_pidfd, &domain->exit_status);
        if (domain_awaits_verdict(domain))
                return;

        /* Why QEMU ends it says before; it may come after. */
        if (domain->backend && domain->backend->ops->drain)
                domain->backend->ops->drain(domain->backend);

        g_autofree char *reason = domain_end_reason(domain);
        domain->ended = true;
        if (domain->job)
                job_domain_gone(domain->job, reason);
        else
                domain_end(domain);
}

void domain_end(Domain *domain) {
        if (life_take_place(domain))
                return;

        g_autofree char *reason = domain->released ? g_strdup("released") : domain_end_reason(domain);

        console_drain(domain->console);
        attachments_ended(domain, "it has ended");
        guest_ended(domain, "it has ended");
        domain->crashed = !domain->released && domain_has_crashed(domain);
        domain_set_stop_phase(domain, "", 0);
        if (!domain->released && life_take_end(domain, reason))
                return;
        domain_set_state(domain, DOMAIN_INACTIVE, reason);
        log_write(domain->crashed ? LOG_WARNING : LOG_INFO, MESSAGE_DOMAIN_ENDED, domain->config->name,
                "Ended: %s", reason);
        if (domain->released)
                manager_release(domain->manager, domain);
        else
                manager_remove(domain->manager, domain);
}
