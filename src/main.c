/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vmmanagerd: arguments, the event loop, the service manager's notifications. Wires the rooms and has no
 * rules of its own. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "bus/bus.h"
#include "core/power.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

static gboolean option_user = FALSE, option_version = FALSE;

static const GOptionEntry options[] = {
        {"user", 0, 0, G_OPTION_ARG_NONE, &option_user,
                "Serve the session bus, with the user's own service manager", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &option_version, "Show the version and exit", NULL},
        {NULL},
};

/* Returns 1 to go on, 0 when all is said, or a negative errno. */
static int arguments_parse(int argc, char **argv) {
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_autoptr(GError) error = NULL;

        g_option_context_set_summary(
                context, "Manages virtual machines and groups of processes as " BUS_NAME " on D-Bus.");
        g_option_context_add_main_entries(context, options, NULL);
        if (!g_option_context_parse(context, &argc, &argv, &error)) {
                fprintf(stderr, "vmmanagerd: %s\n", error->message);
                return -EINVAL;
        }
        if (argc > 1) {
                fprintf(stderr, "vmmanagerd: unexpected argument '%s'\n", argv[1]);
                return -EINVAL;
        }
        if (option_version) {
                printf("vmmanagerd %s\n", PROJECT_VERSION);
                return 0;
        }
        return 1;
}

static int settings_load(ManagerConfig **ret) {
        g_auto(GStrv) directories = manager_config_directories(option_user);
        g_autoptr(GPtrArray) warnings = NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r;

        r = manager_config_load((const char *const *) directories, option_user, ret, &warnings, &error);
        for (unsigned i = 0; warnings && i < warnings->len; i++)
                log_warning("%s", (const char *) warnings->pdata[i]);
        if (r < 0)
                log_error("%s", error.message ? error.message : g_strerror(-r));
        return r;
}

static const char *bus_kind(void) {
        return option_user ? "session" : "system";
}

static char *runtime_directory(void) {
        const char *given = g_getenv("RUNTIME_DIRECTORY");   /* from the service manager */

        if (given)
                return g_strdup(given);
        return option_user ? g_build_filename(g_get_user_runtime_dir(), "vmmanager", NULL)
                           : g_strdup("/run/vmmanager");
}

/* What outlives a boot. */
static char *state_directory(void) {
        const char *given = g_getenv("STATE_DIRECTORY");

        if (given)
                return g_strdup(given);
        return option_user ? g_build_filename(g_get_user_state_dir(), "vmmanager", NULL)
                           : g_strdup("/var/lib/vmmanager");
}

static void on_quit(void *userdata) {
        (void) sd_event_exit(userdata, EXIT_SUCCESS);
}

/* When everything else ends too, so do the domains, as long as their plans take. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Manager *const *manager = userdata;
        sd_event *event = sd_event_source_get_event(source);

        if (!*manager)
                return sd_event_exit(event, EXIT_SUCCESS);
        (void) sd_notifyf(
                false, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64, manager_stop_usec(*manager));
        power_quit((*manager)->power, on_quit, event);
        return 0;
}

/* Child processes are watched through pidfds, the others end the loop. */
static int signals_prepare(sd_event *event, Manager **manager) {
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        (void) signal(SIGPIPE, SIG_IGN);
        r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, manager);
        return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, on_signal, manager);
}

/* A domain takes half a dozen descriptors. */
static void descriptors_raise(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

/* Everything is exported by now, so whoever finds the name finds the objects too. */
static int on_name_requested(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        sd_event *event = userdata;
        uint32_t result = 0;

        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &result) < 0 ||
                result != 1) {
                const sd_bus_error *error = sd_bus_message_get_error(reply);
                log_error("Cannot have the name " BUS_NAME ": %s", error ? error->message : "it is taken");
                return sd_event_exit(event, EXIT_FAILURE);
        }
        (void) sd_notify(false, "READY=1");
        return 0;
}

/* Before systemd has told of itself, our answers to callers would be wrong. Without it we are of little use,
 * but callers are told why. */
static void on_units_known(void *userdata, int r, const sd_bus_error *error) {
        sd_bus *connection = userdata;
        sd_event *event = sd_bus_get_event(connection);

        if (r < 0)
                log_error("Cannot reach systemd on the %s bus, no domain can be created: %s", bus_kind(),
                        error && error->message ? error->message : g_strerror(-r));
        r = sd_bus_request_name_async(connection, NULL, BUS_NAME, 0, on_name_requested, event);
        if (r >= 0)
                return;
        log_error("Cannot ask for the name " BUS_NAME ": %s", g_strerror(-r));
        (void) sd_event_exit(event, EXIT_FAILURE);
}

/* The end of the loop follows. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        log_error("The %s bus is gone; domains are left to run on", bus_kind());
        return 0;
}

static int bus_open(sd_event *event, sd_bus **ret) {
        g_autoptr(sd_bus) connection = NULL;
        int r;

        r = option_user ? sd_bus_open_user(&connection) : sd_bus_open_system(&connection);
        if (r >= 0)
                r = sd_bus_match_signal_async(connection, NULL, NULL, "/org/freedesktop/DBus/Local",
                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, NULL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(connection, true);
        if (r >= 0)
                r = sd_bus_attach_event(connection, event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                log_error("Cannot reach the %s bus: %s", bus_kind(), g_strerror(-r));
                return r;
        }
        *ret = g_steal_pointer(&connection);
        return 0;
}

static int run(void) {
        g_autoptr(sd_event) event = NULL;
        g_autoptr(sd_bus) connection = NULL;
        g_autoptr(ManagerConfig) settings = NULL;
        g_autofree char *directory = runtime_directory(), *state = state_directory();
        Units *units = NULL;
        Manager *manager = NULL;
        Bus *bus = NULL;
        int r;

        descriptors_raise();
        r = settings_load(&settings);
        if (r < 0)
                return r;
        r = sd_event_default(&event);
        if (r >= 0)
                r = signals_prepare(event, &manager);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0) {
                log_error("Cannot make the event loop: %s", g_strerror(-r));
                return r;
        }
        r = bus_open(event, &connection);
        if (r < 0)
                return r;
        r = units_new(connection, on_units_known, connection, &units);
        if (r >= 0)
                r = manager_new(connection, event, units, g_steal_pointer(&settings), option_user, directory,
                        state, &manager);
        if (r >= 0)
                r = bus_new(connection, manager, &bus);
        if (r >= 0)
                r = sd_event_loop(event);
        else
                log_error("Cannot start: %s", g_strerror(-r));

        manager_free(manager);
        bus_free(bus);
        units_free(units);
        return r;
}

int main(int argc, char **argv) {
        int r;

        r = arguments_parse(argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        r = errors_register();
        if (r >= 0)
                r = run();
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
