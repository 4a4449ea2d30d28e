/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a program with a file in memory as its output, which is read once it has ended. It stays in the
 * daemon's control group. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "host/process.h"
#include "host/program.h"
#include "util/auto.h"

#define PROGRAM_TIMEOUT_USEC 10000000ull
#define PROGRAM_OUTPUT_MAX 4096

struct Program {
        sd_event *event;
        Spawn *spawn;
        int output, pidfd;
        sd_event_source *watch, *timer;
        ProgramSaid said;
        void *userdata;
};

/* That it ends without having been executed is seen by its end as well. */
static void on_executed(void *userdata, int r, const sd_bus_error *error) {
}

static int on_exit_seen(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Program *program = userdata;
        char output[PROGRAM_OUTPUT_MAX + 1];
        ExitStatus status;
        ssize_t n;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(program->timer, SD_EVENT_OFF);
        if (exit_status_get(program->pidfd, &status) < 0 || status.signal != 0 || status.code != 0) {
                program->said(program->userdata, -EIO, NULL);
                return 0;
        }
        n = pread(program->output, output, PROGRAM_OUTPUT_MAX, 0);
        output[MAX(n, 0)] = '\0';
        program->said(program->userdata, 0, output);
        return 0;
}

static int on_too_long(sd_event_source *source, uint64_t usec, void *userdata) {
        Program *program = userdata;

        (void) pidfd_signal(program->pidfd, SIGKILL);   /* its end follows */
        return 0;
}

int program_ask(sd_event *event, char *const *argv, const SpawnUser *user, ProgramSaid said, void *userdata,
        Program **ret) {
        Program *program = g_new0(Program, 1);
        int r;

        *program = (Program) {
                .event = sd_event_ref(event),
                .output = memfd_create("output", MFD_CLOEXEC),
                .pidfd = -1,
                .said = said,
                .userdata = userdata,
        };
        r = program->output < 0 ? -errno : 0;
        if (r >= 0)
                r = spawn_new(event,
                        &(SpawnSpec) {
                                .argv = argv,
                                .user = user,
                                .no_new_privileges = true,
                                .output = program->output,
                        },
                        on_executed, program, &program->spawn);
        if (r >= 0) {
                program->pidfd = spawn_pidfd(program->spawn);
                r = spawn_release(program->spawn);
        }
        if (r >= 0)
                r = sd_event_add_io(event, &program->watch, program->pidfd, EPOLLIN, on_exit_seen, program);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &program->timer, CLOCK_MONOTONIC,
                        PROGRAM_TIMEOUT_USEC, 0, on_too_long, program);
        if (r < 0) {
                program_free(program);
                return r;
        }
        *ret = program;
        return 0;
}

Program *program_free(Program *program) {
        if (!program)
                return NULL;
        sd_event_source_disable_unref(program->watch);
        sd_event_source_disable_unref(program->timer);
        if (program->pidfd >= 0) {
                (void) pidfd_signal(program->pidfd, SIGKILL);
                child_forget(program->event, fcntl(program->pidfd, F_DUPFD_CLOEXEC, 3));
        }
        spawn_free(program->spawn);
        fd_close(program->output);
        sd_event_unref(program->event);
        g_free(program);
        return NULL;
}
