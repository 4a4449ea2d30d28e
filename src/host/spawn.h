/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starts a program behind a barrier: the child is forked and made ready, then waits, executing nothing of
 * the payload, until it is released. If the daemon dies before that, so does the child. */

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define SPAWN_FD_FIRST 3   /* descriptors[0] becomes this one in the child, and so on */
#define SPAWN_FDS_MAX 64

/* A user a payload may run as. */
typedef struct SpawnUser {
        char *name, *home, *shell;
        uid_t uid;
        gid_t gid;
        gid_t *groups;
        int n_groups;
} SpawnUser;

typedef struct SpawnSpec {
        char *const *argv;               /* argv[0] is looked up in SPAWN_PATH unless absolute */
        char *const *environment; /* added to PATH, HOME, LOGNAME, USER and SHELL; nothing of the daemon's
                                   * comes along */
        const char *working_directory;   /* NULL: "/" */
        const SpawnUser *user;           /* NULL: stay who we are */
        const char *security_label;      /* the program's: see host/security.h; NULL: as the policy has it */
        bool no_new_privileges;
        bool withhold_net_admin;         /* the capability is ours alone; for the system's manager */
        int output;                      /* becomes standard output and error; standard input is /dev/null */
        int descriptors[SPAWN_FDS_MAX];
        unsigned n_descriptors;
} SpawnSpec;

/* One more descriptor for the child; what number it has there. */
static inline int spawn_inherit(SpawnSpec *spec, int fd) {
        g_assert(spec->n_descriptors < SPAWN_FDS_MAX);
        spec->descriptors[spec->n_descriptors] = fd;
        return SPAWN_FD_FIRST + (int) spec->n_descriptors++;
}

#define SPAWN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Whether the user (NULL: we ourselves) may read the file; `key` is what the configuration calls it. Returns
 * 0 or -EINVAL with InvalidConfig. */
int spawn_user_may_read(const SpawnUser *user, const char *key, const char *path, sd_bus_error *error);

typedef struct Spawn Spawn;

/* r: 0 when the program runs, negative with what failed when it does not. Called once, after
 * spawn_release(). */
typedef void (*SpawnExecuted)(void *userdata, int r, const sd_bus_error *error);

/* The program's absolute path, found as the child will. Returns 0 or -EINVAL with InvalidConfig: not there,
 * or not executable. */
int spawn_find_program(const char *program, char **ret, sd_bus_error *error);

/* By name, or by UID in digits. Returns 0 or -EINVAL with InvalidConfig: no such user. */
int spawn_user_new(const char *name_or_uid, SpawnUser **ret, sd_bus_error *error);
SpawnUser *spawn_user_free(SpawnUser *user);

/* Forks. The descriptors of the specification stay the caller's. Returns 0 or a negative errno. */
int spawn_new(sd_event *event, const SpawnSpec *spec, SpawnExecuted executed, void *userdata, Spawn **ret);

/* Forgets the child; one that still waits ends. */
Spawn *spawn_free(Spawn *spawn);

int spawn_pidfd(const Spawn *spawn);   /* stays the spawn's */

/* Opens the barrier: the child goes on as soon as it is let run. Returns 0, or -EPIPE when it is gone. */
int spawn_release(Spawn *spawn);

/* How a child ended: as waitid(2) has it, and reaps it. Returns 0, -EAGAIN while it lives, -ECHILD when it
 * is none of ours. */
typedef struct ExitStatus {
        bool known;
        int code;     /* exit code, or -1 */
        int signal;   /* that ended it, or 0 */
} ExitStatus;
int exit_status_get(int pidfd, ExitStatus *ret);

/* Takes the pidfd of a process that nobody follows any more: a child of ours is reaped when it ends. */
void child_forget(sd_event *event, int pidfd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spawn, spawn_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpawnUser, spawn_user_free)
