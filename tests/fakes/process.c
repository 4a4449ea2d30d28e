/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/process.h over the made-up host. Its pidfds are pipes, which become readable at the process's end. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "config/stop-plan.h"
#include "fakes/world.h"
#include "host/process.h"

static const FakeProcess *process_find_alive(pid_t pid) {
        const FakeProcess *process = process_find(pid);

        return process && !process->ended ? process : NULL;
}

int process_cgroup(pid_t pid, char **ret) {
        const FakeProcess *process = process_find_alive(pid);

        if (!process)
                return -ESRCH;
        if (process->dragged_to)
                *ret = g_strdup(process->dragged_to);
        else if (process->scope)
                *ret = g_strconcat(process->scope->path, process->subgroup, NULL);
        else
                *ret = g_strdup("/system.slice/vmmanagerd.service");
        return 0;
}

int thread_cgroup(pid_t pid, pid_t tid, char **ret) {
        const FakeProcess *process = process_find_alive(pid);
        const FakeGroup *group = process && process->scope ? group_find_thread(process->scope, tid) : NULL;

        if (!group)
                return process_cgroup(pid, ret);
        *ret = g_strdup_printf("%s/%s", process->scope->path, group->name);
        return 0;
}

int process_uid(pid_t pid, uid_t *ret) {
        const FakeProcess *process = process_find_alive(pid);

        if (!process)
                return -ESRCH;
        *ret = process->uid;
        return 0;
}

int process_stat(pid_t pid, ProcessStat *ret) {
        if (!process_find_alive(pid))
                return -ESRCH;
        *ret = (ProcessStat) {.comm = "payload", .state = 'S', .kernel_thread = pid == 2};
        return 0;
}

int pidfd_get_pid(int pidfd, pid_t *ret) {
        const FakeProcess *process = process_find_by_pidfd(pidfd);

        if (!process)
                return -EBADF;
        if (process->ended)
                return -ESRCH;
        *ret = process->pid;
        return 0;
}

bool pidfd_is_alive(int pidfd) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return pidfd >= 0 && poll(&p, 1, 0) == 0;
}

int pidfd_new(pid_t pid, int *ret) {
        if (!process_find_alive(pid))
                return -ESRCH;
        *ret = process_pidfd(pid);
        return 0;
}

int pidfd_signal(int pidfd, int signal) {
        FakeProcess *process = process_find_by_pidfd(pidfd);

        if (!process || process->ended)
                return -ESRCH;
        note("kill %d %s", (int) process->pid, signal_to_name(signal));
        process_signal(process, signal);
        return 0;
}
