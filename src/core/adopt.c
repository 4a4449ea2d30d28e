/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes that run already: which of them a caller may bring into a domain, and how they get there,
 * unharmed. The steps return as core/job.h says. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "config/text.h"
#include "core/limits.h"
#include "core/machine.h"
#include "core/manager.h"
#include "core/verbs.h"
#include "host/process.h"
#include "util/auto.h"
#include "util/errors.h"

/* Whether it is the service manager, the user's own one in user mode, or one of its helpers. */
static bool is_of_systemd(const Manager *manager, const char *path) {
        const char *root = units_control_group(manager->units);
        g_autofree char *init = g_strconcat(root ? root : "", "/init.scope", NULL);

        return g_str_equal(path, init);
}

/* Only the caller's own, unless the caller is root; never us, systemd, or what lives in a domain already.
 * The pidfd is held while its PID is looked at, so the answers are about one process. */
static int process_check(Manager *manager, int pidfd, uid_t caller, sd_bus_error *error) {
        g_autofree char *path = NULL;
        ProcessStat stat;
        Domain *domain;
        uid_t owner;
        pid_t pid;

        if (pidfd_get_pid(pidfd, &pid) < 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The process has ended");
        if (process_uid(pid, &owner) < 0 || process_stat(pid, &stat) < 0 || process_cgroup(pid, &path) < 0 ||
                !pidfd_is_alive(pidfd))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "PID %d has ended", (int) pid);
        if (pid == 1 || pid == getpid() || stat.kernel_thread || is_of_systemd(manager, path))
                return sd_bus_error_setf(
                        error, SD_BUS_ERROR_INVALID_ARGS, "PID %d cannot be moved", (int) pid);
        if (caller != 0 && owner != caller)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                        "PID %d is not a process of user %u", (int) pid, (unsigned) caller);
        domain = manager_find_by_cgroup(manager, path);
        if (domain)
                return sd_bus_error_setf(error, VMM_ERROR_DOMAIN_EXISTS, "PID %d is in domain '%s' already",
                        (int) pid, domain->config->name);
        return 0;
}

static int adopt_scope_run(Job *job) {
        return scope_start(job, (int *) (void *) job->pidfds->data, job->pidfds->len);
}

/* One of them that has not ended yet, or -1. */
static int adopted_alive(const Job *job) {
        for (unsigned i = 0; i < job->pidfds->len; i++)
                if (pidfd_is_alive(g_array_index(job->pidfds, int, i)))
                        return g_array_index(job->pidfds, int, i);
        return -1;
}

static int adopt_place_run(Job *job) {
        int pidfd = adopted_alive(job);

        if (pidfd < 0)
                return sd_bus_error_set(&job->error, SD_BUS_ERROR_INVALID_ARGS, "The processes have ended");
        return place_verify(job, pidfd);
}

static int adopt_scope_undo(Job *job) {
        Domain *domain = job->domain;

        if (!domain->scoped)
                return JOB_GOES_ON;
        if (adopted_alive(job) >= 0)
                (void) unit_abandon(domain_units(domain), domain_unit(domain), NULL, NULL, NULL);
        else
                unit_discard(domain_units(domain), domain_unit(domain));
        return JOB_GOES_ON;
}

/* Where systemd takes PIDs only, one may have been reused between our look and its move: what we hold must
 * be what is there. */
static int adopt_verify_run(Job *job) {
        Domain *domain = job->domain;

        for (unsigned i = 0; i < job->pidfds->len; i++) {
                int pidfd = g_array_index(job->pidfds, int, i);
                g_autofree char *path = NULL;
                pid_t pid;

                if (pidfd_get_pid(pidfd, &pid) < 0 || process_cgroup(pid, &path) < 0)
                        continue;   /* ended meanwhile: nothing to adopt */
                if (!g_str_equal(path, cgroup_path(domain->cgroup)) && pidfd_is_alive(pidfd))
                        return sd_bus_error_setf(&job->error, SD_BUS_ERROR_FAILED,
                                "PID %d did not reach the scope of '%s'", (int) pid, domain->config->name);
        }
        return JOB_GOES_ON;
}

static const JobStep adopt_steps[] = {
        {"starting the scope", adopt_scope_run, .undo = adopt_scope_undo},
        {"verifying the scope", adopt_place_run, .undo = NULL},
        {"verifying the processes", adopt_verify_run, .undo = NULL},
};

static void adopt_ended(Job *job, bool done) {
        if (done) {
                domain_settle(job->domain, "adopted");
                limits_begin(job->domain);
                domain_enter_register(job->domain);
                return;
        }
        job->domain->failure = "could not be adopted";
        job->domain->ended = true;
}

static const JobKind adopt_kind = {
        .verb = "adopt",
        .steps = adopt_steps,
        .n_steps = G_N_ELEMENTS(adopt_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = adopt_ended,
};

static void pidfd_clear(void *item) {
        fd_close(*(int *) item);
}

GArray *pidfds_new(void) {
        GArray *pidfds = g_array_new(FALSE, FALSE, sizeof(int));

        g_array_set_clear_func(pidfds, pidfd_clear);
        return pidfds;
}

int domain_adopt(Domain *domain, const int *pidfds, unsigned n_pidfds, JobReply reply, void *userdata,
        sd_bus_error *error) {
        g_autoptr(GArray) held = pidfds_new();
        Job *job;
        int r = 0;

        for (unsigned i = 0; i < n_pidfds && r >= 0; i++)
                r = process_check(domain->manager, pidfds[i], domain->owner, error);
        if (r < 0)
                return r;

        for (unsigned i = 0; i < n_pidfds; i++) {
                int pidfd = fcntl(pidfds[i], F_DUPFD_CLOEXEC, 3);
                g_array_append_val(held, pidfd);
        }
        r = domain_set_leader(domain, fcntl(pidfds[0], F_DUPFD_CLOEXEC, 3));
        if (r < 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The first process has ended");
        manager_add(domain->manager, domain);
        job = job_new(domain, &adopt_kind, domain->owner, DOMAIN_START_TIMEOUT_USEC);
        job->pidfds = g_steal_pointer(&held);
        job_add_waiter(job, false, reply, userdata);
        job_start(job);
        return 0;
}

/* ---- Adding one more to a domain whose tree is delegated. ---- */

static int attach_run(Job *job) {
        Domain *domain = job->domain;
        pid_t pid;

        if (pidfd_get_pid(g_array_index(job->pidfds, int, 0), &pid) < 0)
                return sd_bus_error_set(&job->error, SD_BUS_ERROR_INVALID_ARGS, "The process has ended");
        return unit_attach(domain_units(domain), domain_unit(domain), job->subgroup, pid, job_unit_reply,
                job, &job->call);
}

/* systemd moved a PID: what we hold must be what is there, unless it has ended meanwhile. */
static int attach_verify_run(Job *job) {
        Domain *domain = job->domain;
        int pidfd = g_array_index(job->pidfds, int, 0);
        g_autofree char *path = NULL;
        pid_t pid;

        if (pidfd_get_pid(pidfd, &pid) < 0 || process_cgroup(pid, &path) < 0 || !pidfd_is_alive(pidfd) ||
                manager_find_by_cgroup(domain->manager, path) == domain)
                return JOB_GOES_ON;
        return sd_bus_error_setf(&job->error, SD_BUS_ERROR_FAILED, "PID %d did not reach the scope of '%s'",
                (int) pid, domain->config->name);
}

/* Until a newcomer stands still with it, the kernel does not call a paused domain frozen. */
static int standstill_poke(Job *job) {
        Domain *domain = job->domain;

        return domain->state != DOMAIN_PAUSED || !cgroup_freeze_requested(domain->cgroup) ||
                               (cgroup_read_events(domain->cgroup, &domain->events) >= 0 &&
                                       domain->events.frozen)
                       ? JOB_GOES_ON
                       : JOB_WAITS;
}

static const JobStep add_steps[] = {
        {"attaching", attach_run, .undo = NULL},
        {"verifying the process", attach_verify_run, .undo = NULL},
        {"standing still", standstill_poke, standstill_poke, NULL, NULL},
};

/* The state stays as it was; what the freezer did meanwhile is seen now. */
static void add_ended(Job *job, bool done) {
        domain_settle(job->domain, job->domain->state_reason);
}

static const JobKind add_kind = {
        .verb = "add",
        .steps = add_steps,
        .n_steps = G_N_ELEMENTS(add_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = add_ended,
};

/* As systemd wants it: absolute below the scope, "/" for the scope itself. NULL: not a path below it. */
static char *subgroup_normalize(const char *subgroup) {
        g_auto(GStrv) parts = g_strsplit(*subgroup == '/' ? subgroup + 1 : subgroup, "/", -1);

        if (!*subgroup || g_str_equal(subgroup, "/"))
                return g_strdup("/");
        for (char **part = parts; *part; part++)
                if (!**part || g_str_equal(*part, ".") || g_str_equal(*part, "..") || label_problem(*part))
                        return NULL;
        return g_strconcat(*subgroup == '/' ? "" : "/", subgroup, NULL);
}

int domain_add_process(Domain *domain, int pidfd, const char *subgroup, uid_t caller, JobReply reply,
        void *userdata, sd_bus_error *error) {
        g_autofree char *path = subgroup_normalize(subgroup);
        Job *job;
        int r;

        if (!path) {
                g_autofree char *quoted = text_quote(subgroup);
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "subgroup: %s is not the path of a control group below the scope", quoted);
        }
        r = verb_admit(domain, VERB_ADD, "add to", error);
        if (r < 0)
                return r;
        if (!domain->config->delegate)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Processes can be added to domains that were created with Delegate=yes; '%s' was "
                        "not",
                        domain->config->name);
        r = layout_check_subgroup(domain, path, error);
        if (r >= 0)
                r = process_check(domain->manager, pidfd, caller, error);
        if (r < 0)
                return r;
        pidfd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
        if (pidfd < 0)
                return sd_bus_error_set_errno(error, errno);
        job = job_new(domain, &add_kind, caller, DOMAIN_START_TIMEOUT_USEC);
        job->pidfds = pidfds_new();
        g_array_append_val(job->pidfds, pidfd);
        job->subgroup = g_steal_pointer(&path);
        job_add_waiter(job, false, reply, userdata);
        job_start(job);
        return 0;
}
