/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domains that are processes: a command, run as its owner, its output on the domain's console. Also those
 * that were adopted, which need nothing from here. */

#include <errno.h>

#include "backend/backend.h"
#include "util/auto.h"
#include "util/errors.h"

typedef struct ProcessBackend {
        Backend parent;
        BackendContext context;
        const DomainConfig *config;
        SpawnUser *user;
        int output; /* the writing end of the console's FIFO: held, so that the FIFO never ends before the
                     * domain */
} ProcessBackend;

static void process_destroy(Backend *backend) {
        ProcessBackend *p = (ProcessBackend *) backend;

        spawn_user_free(p->user);
        fd_close(p->output);
        g_free(p);
}

static int process_create(
        const BackendContext *context, const DomainConfig *config, Backend **ret, sd_bus_error *error) {
        ProcessBackend *p = g_new0(ProcessBackend, 1);
        g_autoptr(Backend) backend = &p->parent;
        g_autofree char *owner = g_strdup_printf("%u", context->owner), *program = NULL;
        int r;

        *p = (ProcessBackend) {{&backend_process, NULL, NULL}, *context, config, .output = -1};
        if (config->command) {
                if (context->user_mode && config->user)
                        return sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED,
                                "User: a user's own manager cannot change users");
                r = spawn_user_new(config->user ? config->user : owner, &p->user, error);
                if (r < 0)
                        return r;
                if (context->owner != 0 && p->user->uid != context->owner)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "User: only root may run a domain as another user, here '%s'", config->user);
                r = spawn_find_program(config->command[0], &program, error);
                if (r < 0)
                        return r;
        }
        *ret = g_steal_pointer(&backend);
        return 0;
}

static int process_prepare(Backend *backend, const RunDir *dir, const BackendDevices *devices,
        SpawnSpec *ret, sd_bus_error *error) {
        ProcessBackend *p = (ProcessBackend *) backend;
        autofd int reader = -1;
        int r;

        r = run_dir_fifo(dir, "output", p->user->uid, &reader, &p->output);
        if (r < 0)
                return sd_bus_error_set_errnof(error, r, "Cannot make the console: %s", g_strerror(-r));
        r = console_set_source(p->context.console, fd_steal(&reader));
        if (r < 0)
                return r;
        *ret = (SpawnSpec) {
                .argv = p->config->command,
                .environment = p->config->environment,
                .working_directory = p->config->working_directory,
                .user = p->user,
                .output = p->output,
        };
        return 0;
}

const BackendOps backend_process = {
        .kind = DOMAIN_PROCESS,
        .create = process_create,
        .destroy = process_destroy,
        .prepare = process_prepare,
};
