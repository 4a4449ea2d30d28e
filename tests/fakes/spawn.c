/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/spawn.h over the made-up host: children that are forked, wait, are released and execute, without a
 * program anywhere. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fakes/world.h"
#include "util/auto.h"
#include "util/errors.h"

struct Spawn {
        FakeProcess *process;
        SpawnExecuted executed;
        void *userdata;
        bool released, executing;
};

/* Everything below /bin and any bare name is there, and one script. */
int spawn_find_program(const char *program, char **ret, sd_bus_error *error) {
        if (g_path_is_absolute(program) && !g_str_has_prefix(program, "/bin/") &&
                !g_str_equal(program, "/etc/vmmanager/scripts/vif-lan"))
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "Command: %s: %s", program, g_strerror(ENOENT));
        *ret = g_path_is_absolute(program) ? g_strdup(program) : g_strconcat("/bin/", program, NULL);
        return 0;
}

int spawn_user_may_read(const SpawnUser *user, const char *key, const char *path, sd_bus_error *error) {
        if (!g_str_has_prefix(path, "/boot/"))
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "%s: %s: %s", key, path, g_strerror(ENOENT));
        return 0;
}

int spawn_user_new(const char *name_or_uid, SpawnUser **ret, sd_bus_error *error) {
        static const struct {
                const char *uid, *name;
                uid_t number;
        } users[] = {{"0", "root", 0}, {"1000", "alice", 1000}, {"1001", "bob", 1001},
                {"900", "vmmanager-qemu", 900}};

        for (size_t i = 0; i < G_N_ELEMENTS(users); i++) {
                if (!g_str_equal(users[i].uid, name_or_uid) && !g_str_equal(users[i].name, name_or_uid))
                        continue;
                *ret = g_new0(SpawnUser, 1);
                (*ret)->name = g_strdup(users[i].name);
                (*ret)->uid = users[i].number;
                return 0;
        }
        return sd_bus_error_setf(
                error, VMM_ERROR_INVALID_CONFIG, "User: there is no user '%s'", name_or_uid);
}

SpawnUser *spawn_user_free(SpawnUser *user) {
        if (!user)
                return NULL;
        g_free(user->name);
        g_free(user);
        return NULL;
}

int spawn_new(sd_event *event, const SpawnSpec *spec, SpawnExecuted executed, void *userdata, Spawn **ret) {
        FakeProcess *process;

        if (world.fork_error < 0)
                return world.fork_error;
        process = process_new(spec->argv[0], spec->user ? spec->user->uid : 0);
        process->child = true;
        process->output = fcntl(spec->output, F_DUPFD_CLOEXEC, 3);
        process->spawn = *ret = g_new0(Spawn, 1);
        **ret = (Spawn) {.process = process, .executed = executed, .userdata = userdata};
        note("fork %d: %s as %s%s%s", (int) process->pid, process->command,
                spec->user ? spec->user->name : "we are", spec->security_label ? ", labelled " : "",
                spec->security_label ? spec->security_label : "");
        return 0;
}

Spawn *spawn_free(Spawn *spawn) {
        if (!spawn)
                return NULL;
        happen_not(spawn);
        spawn->process->spawn = NULL;
        if (!spawn->released)
                process_end(spawn->process, (ExitStatus) {true, 127, 0});
        g_free(spawn);
        return NULL;
}

int spawn_pidfd(const Spawn *spawn) {
        return spawn->process->pidfd;
}

static void spawn_act_execute(void *data) {
        Spawn *spawn = data;
        FakeProcess *process = spawn->process;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = 0;

        if (world.exec_error) {
                r = sd_bus_error_setf(&error, VMM_ERROR_INVALID_CONFIG, "Cannot run %s: %s (exec)",
                        process->command, world.exec_error);
                process_end(process, (ExitStatus) {true, 127, 0});
        } else
                note("exec %d", (int) process->pid);
        process->spawn = NULL;
        spawn->executed(spawn->userdata, r, &error);
}

void spawn_proceed(Spawn *spawn) {
        const FakeScope *scope = spawn->process->scope;

        if (!spawn->released || spawn->executing || (scope && scope_is_frozen(scope)))
                return;
        spawn->executing = true;
        happen(spawn_act_execute, spawn);
}

/* The barrier closes, which looks like an execution. */
void spawn_hang_up(Spawn *spawn) {
        spawn->process->spawn = NULL;
        if (spawn->released)
                spawn->executed(spawn->userdata, 0, NULL);
}

int spawn_release(Spawn *spawn) {
        if (spawn->process->dying)
                return -EPIPE;
        note("release %d", (int) spawn->process->pid);
        spawn->released = true;
        spawn_proceed(spawn);
        return 0;
}

int exit_status_get(int pidfd, ExitStatus *ret) {
        const FakeProcess *process = process_find_by_pidfd(pidfd);

        if (!process || !process->child)
                return -ECHILD;
        if (!process->ended)
                return -EAGAIN;
        *ret = process->status;
        return 0;
}

void child_forget(sd_event *event, int pidfd) {
        fd_close(pidfd);
}
