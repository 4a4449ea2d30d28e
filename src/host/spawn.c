/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Forks, prepares and executes payloads. It knows nothing of scopes: whoever spawns puts the child where it
 * belongs before it opens the barrier. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "host/process.h"
#include "host/security.h"
#include "host/spawn.h"
#include "util/auto.h"
#include "util/errors.h"

struct Spawn {
        pid_t pid;
        int pidfd;
        int barrier;                   /* we write the release; the child writes why it could not execute */
        sd_event_source *watch;
        SpawnExecuted executed;
        void *userdata;
        char *program;
};

/* What the child says when it fails, before it ends. */
typedef struct SpawnFailure {
        int error;
        char step[28];
} SpawnFailure;

int spawn_find_program(const char *program, char **ret, sd_bus_error *error) {
        g_auto(GStrv) folders = g_strsplit(g_path_is_absolute(program) ? "" : SPAWN_PATH, ":", -1);
        g_autofree char *found = NULL;
        struct stat st;

        if (g_path_is_absolute(program))
                found = g_strdup(program);
        for (char **folder = folders; *folder && !found; folder++) {
                g_autofree char *path = g_build_filename(*folder, program, NULL);
                if (access(path, X_OK) == 0)
                        found = g_steal_pointer(&path);
        }
        if (!found)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "Command: no program '%s' in %s",
                        program, SPAWN_PATH);
        if (stat(found, &st) < 0 || access(found, X_OK) < 0)
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "Command: %s: %s", found, g_strerror(errno));
        if (!S_ISREG(st.st_mode))
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "Command: %s is not a program", found);
        *ret = g_steal_pointer(&found);
        return 0;
}

int spawn_user_new(const char *name_or_uid, SpawnUser **ret, sd_bus_error *error) {
        char *end;
        unsigned long uid = strtoul(name_or_uid, &end, 10);
        struct passwd *pw = *name_or_uid && !*end ? getpwuid((uid_t) uid) : getpwnam(name_or_uid);
        int n_groups = 64;

        if (!pw)
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "User: there is no user '%s'", name_or_uid);

        g_autoptr(SpawnUser) user = g_new0(SpawnUser, 1);
        user->name = g_strdup(pw->pw_name);
        user->home = g_strdup(pw->pw_dir);
        user->shell = g_strdup(pw->pw_shell);
        user->uid = pw->pw_uid;
        user->gid = pw->pw_gid;
        user->groups = g_new0(gid_t, n_groups);
        if (getgrouplist(user->name, user->gid, user->groups, &n_groups) < 0) {
                user->groups = g_renew(gid_t, user->groups, n_groups);
                if (getgrouplist(user->name, user->gid, user->groups, &n_groups) < 0)
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "User: the groups of '%s' changed", name_or_uid);
        }
        user->n_groups = n_groups;
        *ret = g_steal_pointer(&user);
        return 0;
}

SpawnUser *spawn_user_free(SpawnUser *user) {
        if (!user)
                return NULL;
        g_free(user->name);
        g_free(user->home);
        g_free(user->shell);
        g_free(user->groups);
        g_free(user);
        return NULL;
}

int spawn_user_may_read(const SpawnUser *user, const char *key, const char *path, sd_bus_error *error) {
        struct stat st;
        autofd int fd = -1;

        if (user) {
                (void) setfsgid(user->gid);
                (void) setfsuid(user->uid);
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                (void) sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s: %s%s%s", key, path,
                        g_strerror(errno), user ? " for user " : "", user ? user->name : "");
        if (user) {
                (void) setfsuid(geteuid());
                (void) setfsgid(getegid());
        }
        if (fd < 0)
                return -EINVAL;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "%s: %s is not a regular file", key, path);
        return 0;
}

static char **environment_build(const SpawnSpec *spec) {
        char **environment = g_environ_setenv(NULL, "PATH", SPAWN_PATH, TRUE);

        if (spec->user) {
                environment = g_environ_setenv(environment, "HOME", spec->user->home, TRUE);
                environment = g_environ_setenv(environment, "LOGNAME", spec->user->name, TRUE);
                environment = g_environ_setenv(environment, "USER", spec->user->name, TRUE);
                environment = g_environ_setenv(environment, "SHELL", spec->user->shell, TRUE);
        }
        for (char *const *given = spec->environment; given && *given; given++) {
                const char *value = strchr(*given, '=');
                g_autofree char *name = g_strndup(*given, (size_t) (value - *given));
                environment = g_environ_setenv(environment, name, value + 1, TRUE);
        }
        return environment;
}

/* Leaves exactly: standard input, output and error, the declared descriptors from SPAWN_FD_FIRST on, and
 * behind them the barrier, which closes at exec. Nothing else of the daemon's stays open, not even while the
 * child waits: a sibling would keep the barriers of others from closing with the daemon. Returns the barrier
 * or a negative errno. */
static int child_descriptors(const SpawnSpec *spec, int barrier, int null) {
        int sources[SPAWN_FDS_MAX + 2], n = (int) spec->n_descriptors, last = SPAWN_FD_FIRST + n;

        memcpy(sources, spec->descriptors, spec->n_descriptors * sizeof sources[0]);
        sources[n] = barrier;
        sources[n + 1] = spec->output;
        if (dup2(null, STDIN_FILENO) < 0)
                return -errno;
        /* Out of the way first, so that no target overwrites a source. */
        for (int i = 0; i < n + 2; i++) {
                sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, last + 1);
                if (sources[i] < 0)
                        return -errno;
        }
        for (int i = 0; i < n; i++)
                if (dup2(sources[i], SPAWN_FD_FIRST + i) < 0)
                        return -errno;
        if (dup3(sources[n], last, O_CLOEXEC) < 0 || dup2(sources[n + 1], STDOUT_FILENO) < 0 ||
            dup2(sources[n + 1], STDERR_FILENO) < 0 || close_range((unsigned) last + 1, ~0U, 0) < 0)
                return -errno;
        return last;
}

/* The daemon's own soft limit of descriptors is high; programs that use select() rely on the usual one. */
static void child_limits(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = MIN(limit.rlim_max, FD_SETSIZE);
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

static void child_signals(void) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int s = 1; s < _NSIG; s++)
                (void) sigaction(s, &action, NULL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A capability that the daemon itself needs, and that no payload had before it did: not even root's gets it
 * back. */
static int child_withhold_net_admin(void) {
        if (prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) != 1)
                return 0;
        return prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0) < 0 ? -errno : 0;
}

/* Groups, then gid, then uid; verified, because nothing may run with more than was asked for. */
static int child_privileges(const SpawnSpec *spec) {
        const SpawnUser *user = spec->user;
        int r = spec->withhold_net_admin ? child_withhold_net_admin() : 0;

        if (r < 0)
                return r;
        if (user && geteuid() == 0) {
                if (setgroups((size_t)user->n_groups, user->groups) < 0 ||
                        setresgid(user->gid, user->gid, user->gid) < 0 ||
                        setresuid(user->uid, user->uid, user->uid) < 0)
                        return -errno;
                if (getuid() != user->uid || geteuid() != user->uid || getgid() != user->gid ||
                    (user->uid != 0 && setuid(0) >= 0))
                        return -EPERM;
        }
        if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return 0;
}

static void __attribute__((noreturn)) child_fail(int barrier, int r, const char *step) {
        SpawnFailure failure = {.error = r};

        g_strlcpy(failure.step, step, sizeof failure.step);
        (void) !write(barrier, &failure, sizeof failure);
        _exit(127);
}

/* Only what is safe after fork() in a single-threaded process; ends in exec or _exit. */
static void __attribute__((noreturn))
child_main(const SpawnSpec *spec, char *program, char **environment, int barrier, int null) {
        char go;
        int r;

        (void) setsid();
        (void) umask(022);
        child_limits();
        child_signals();
        r = child_descriptors(spec, barrier, null);
        if (r < 0)
                child_fail(barrier, r, "descriptors");
        barrier = r;

        if (read(barrier, &go, 1) != 1)
                _exit(127);

        r = child_privileges(spec);
        if (r < 0)
                child_fail(barrier, r, "privileges");
        r = spec->security_label ? security_label_next(spec->security_label) : 0;
        if (r < 0)
                child_fail(barrier, r, "security label");
        if (chdir(spec->working_directory ? spec->working_directory : "/") < 0)
                child_fail(barrier, -errno, "working directory");
        execve(program, (char **) spec->argv, environment);
        child_fail(barrier, -errno, "exec");
}

/* The child's end of the barrier closed: either exec closed it, or the child says what failed. */
static int on_barrier(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Spawn *spawn = userdata;
        SpawnFailure failure;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        ssize_t n = recv(fd, &failure, sizeof failure, 0);
        int r = 0;

        if (n == (ssize_t) sizeof failure) {
                failure.step[sizeof failure.step - 1] = 0;
                r = sd_bus_error_setf(&error, VMM_ERROR_INVALID_CONFIG, "Cannot run %s: %s (%s)",
                        spawn->program, g_strerror(-failure.error), failure.step);
        }
        spawn->watch = sd_event_source_disable_unref(spawn->watch);
        spawn->executed(spawn->userdata, r, &error);
        return 0;
}

int spawn_new(sd_event *event, const SpawnSpec *spec, SpawnExecuted executed, void *userdata, Spawn **ret) {
        int pair[2], r;

        g_assert(spec->n_descriptors <= SPAWN_FDS_MAX);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        autofd int ours = pair[0], theirs = pair[1];
        g_autoptr(Spawn) spawn = g_new0(Spawn, 1);
        *spawn =
                (Spawn){.pidfd = -1, .barrier = fd_steal(&ours), .executed = executed, .userdata = userdata};
        g_auto(GStrv) environment = environment_build(spec);
        /* A slow child may be in its scope already, where no device may be opened. */
        autofd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0)
                return -errno;
        r = spawn_find_program(spec->argv[0], &spawn->program, NULL);
        if (r < 0)
                return r;

        spawn->pid = fork();
        if (spawn->pid < 0)
                return -errno;
        if (spawn->pid == 0)
                child_main(spec, spawn->program, environment, theirs, null);

        /* Not reaped by anybody but us, so the PID is still the child's. */
        r = pidfd_new(spawn->pid, &spawn->pidfd);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &spawn->watch, spawn->barrier, EPOLLIN, on_barrier, spawn);
        if (r < 0)
                return r;
        /* Why it could not be executed comes before its end. */
        r = sd_event_source_set_priority(spawn->watch, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_source_set_enabled(spawn->watch, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&spawn);
        return 0;
}

Spawn *spawn_free(Spawn *spawn) {
        if (!spawn)
                return NULL;
        sd_event_source_disable_unref(spawn->watch);
        fd_close(spawn->barrier);
        fd_close(spawn->pidfd);
        g_free(spawn->program);
        g_free(spawn);
        return NULL;
}

int spawn_pidfd(const Spawn *spawn) {
        return spawn->pidfd;
}

int spawn_release(Spawn *spawn) {
        int r;

        if (send(spawn->barrier, "", 1, MSG_NOSIGNAL) != 1)
                return -EPIPE;
        r = sd_event_source_set_enabled(spawn->watch, SD_EVENT_ON);
        return r < 0 ? r : 0;
}

int exit_status_get(int pidfd, ExitStatus *ret) {
        siginfo_t info = {0};

        if (waitid(P_PIDFD, (id_t) pidfd, &info, WEXITED | WNOHANG) < 0)
                return -errno;
        if (info.si_pid == 0)
                return -EAGAIN;
        *ret = (ExitStatus) {
                .known = true,
                .code = info.si_code == CLD_EXITED ? info.si_status : -1,
                .signal = info.si_code == CLD_EXITED ? 0 : info.si_status,
        };
        return 0;
}

static int on_forgotten_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ExitStatus status;

        (void) exit_status_get(fd, &status);
        return sd_event_source_set_floating(source, false);   /* and with that, frees it */
}

void child_forget(sd_event *event, int pidfd) {
        g_autoptr(sd_event_source) source = NULL;
        autofd int owned = pidfd;
        ExitStatus status;

        if (pidfd < 0 || exit_status_get(pidfd, &status) != -EAGAIN ||
                sd_event_add_io(event, &source, pidfd, EPOLLIN, on_forgotten_exit, NULL) < 0 ||
                sd_event_source_set_io_fd_own(source, true) < 0)
                return;
        (void) fd_steal(&owned);
        if (sd_event_source_set_floating(source, true) >= 0)
                source = sd_event_source_unref(source);
}
