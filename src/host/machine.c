/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls to machined, and the leader: a child that never gets past its barrier, and ends with us. What
 * the signals to it mean is not known here. */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "host/cgroup.h"
#include "host/machine.h"
#include "host/process.h"
#include "host/spawn.h"
#include "host/subgroup.h"
#include "util/auto.h"

#define MACHINED_NAME "org.freedesktop.machine1"
#define MACHINED_PATH "/org/freedesktop/machine1"
#define REGISTER_TIMEOUT_USEC 5000000ull
#define SETTLE_TIMEOUT_USEC 1000000ull
#define HOST_NAME_MAX_LENGTH 64u

struct Machine {
        sd_bus *bus;
        sd_event *event;
        char *name, *cgroup;
        sd_id128_t id;
        bool vm;
        sd_bus_slot *call;
        Spawn *leader;
        pid_t pid;
        sd_event_source *watch;
        bool in_scope, entered;
        void (*signalled)(void *userdata, int signal);
        void *userdata;
};

/* As machined has it: labels of letters, digits and dashes, with dots between. */
static bool is_host_name(const char *name) {
        if (strlen(name) > HOST_NAME_MAX_LENGTH)
                return false;
        for (const char *p = name;; p++) {
                bool first = p == name || p[-1] == '.', last = *p == '.' || !*p;

                if (last && (first || p[-1] == '-'))
                        return false;
                if (!*p)
                        return true;
                if (*p != '.' && !g_ascii_isalnum(*p) && (*p != '-' || first))
                        return false;
        }
}

/* ---- The leader. ---- */

static int process_move(pid_t pid, const char *path) {
        g_autoptr(Cgroup) cgroup = NULL;
        int r = cgroup_open(path, &cgroup);

        return r < 0 ? r : subgroup_take_process(cgroup, NULL, pid);
}

void machine_leave_scope(Machine *machine) {
        g_autofree char *own = NULL;

        if (!machine->in_scope)
                return;
        machine->in_scope = false;
        /* One that cannot leave ends: a scope is kept alive by what is in it. */
        if (process_cgroup(getpid(), &own) < 0 || process_move(machine->pid, own) < 0)
                (void) pidfd_signal(spawn_pidfd(machine->leader), SIGKILL);
}

static int on_leader_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Machine *machine = userdata;
        ExitStatus status = {0};

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        machine->in_scope = false;
        (void) exit_status_get(fd, &status);
        if (machine->entered)
                machine->signalled(machine->userdata, status.signal);
        return 0;
}

static void executed_never(void *userdata, int r, const sd_bus_error *error) {
}

static int leader_start(Machine *machine) {
        static const char *const argv[] = {"true", NULL};
        autofd int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        int r;

        if (null < 0)
                return -errno;
        r = spawn_new(machine->event, &(SpawnSpec) {.argv = (char *const *) argv, .output = null},
                executed_never, NULL, &machine->leader);
        if (r >= 0)
                r = pidfd_get_pid(spawn_pidfd(machine->leader), &machine->pid);
        if (r >= 0)
                r = sd_event_add_io(machine->event, &machine->watch, spawn_pidfd(machine->leader), EPOLLIN,
                        on_leader_ended, machine);
        if (r >= 0)
                r = process_move(machine->pid, machine->cgroup);
        machine->in_scope = r >= 0;
        return r;
}

/* ---- The register. ---- */

static int on_registered(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Machine *machine = userdata;

        machine->call = sd_bus_slot_unref(machine->call);
        machine->entered = !sd_bus_message_is_method_error(reply, NULL);
        machine_leave_scope(machine);
        return 0;
}

static int register_send(Machine *machine) {
        g_autoptr(sd_bus_message) m = NULL;
        int r;

        r = sd_bus_message_new_method_call(machine->bus, &m, MACHINED_NAME, MACHINED_PATH,
                MACHINED_NAME ".Manager", "RegisterMachine");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", machine->name);
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', &machine->id, sizeof machine->id);
        if (r >= 0)
                r = sd_bus_message_append(m, "ssus", "vmmanagerd", machine->vm ? "vm" : "container",
                        (uint32_t) machine->pid, "");
        return r < 0 ? r : sd_bus_call_async(machine->bus, &machine->call, m, on_registered, machine,
                                   REGISTER_TIMEOUT_USEC);
}

/* It is there, or has just been started. */
static int on_there(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Machine *machine = userdata;

        machine->call = sd_bus_slot_unref(machine->call);
        if (!sd_bus_message_is_method_error(reply, NULL) &&
                (leader_start(machine) < 0 || register_send(machine) < 0))
                machine_leave_scope(machine);
        return 0;
}

int machine_register(sd_bus *bus, sd_event *event, const MachineSpec *spec,
        void (*signalled)(void *userdata, int signal), void *userdata, Machine **ret) {
        Machine *machine = g_new0(Machine, 1);
        char uuid[SD_ID128_UUID_STRING_MAX];
        int r;

        *machine = (Machine) {
                .bus = sd_bus_ref(bus),
                .event = sd_event_ref(event),
                .name = g_strdup(is_host_name(spec->name) ? spec->name
                                                          : sd_id128_to_uuid_string(spec->id, uuid)),
                .cgroup = g_strdup(spec->cgroup),
                .id = spec->id,
                .vm = spec->vm,
                .signalled = signalled,
                .userdata = userdata,
        };
        r = sd_bus_call_method_async(bus, &machine->call, MACHINED_NAME, MACHINED_PATH,
                "org.freedesktop.DBus.Peer", "Ping", on_there, machine, NULL);
        if (r < 0) {
                machine_unregister(machine);
                return r;
        }
        *ret = machine;
        return 0;
}

typedef struct Settling {
        void (*done)(void *userdata);
        void *userdata;
} Settling;

static int on_settled(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        g_autofree Settling *settling = userdata;

        settling->done(settling->userdata);
        return 0;
}

int machines_settle(sd_bus *bus, void (*done)(void *userdata), void *userdata) {
        g_autoptr(sd_bus_message) m = NULL;
        Settling *settling = g_new(Settling, 1);
        int r;

        *settling = (Settling) {done, userdata};
        r = sd_bus_message_new_method_call(
                bus, &m, MACHINED_NAME, MACHINED_PATH, "org.freedesktop.DBus.Peer", "Ping");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_call_async(bus, NULL, m, on_settled, settling, SETTLE_TIMEOUT_USEC);
        if (r < 0)
                g_free(settling);
        return r < 0 ? r : 0;
}

Machine *machine_unregister(Machine *machine) {
        if (!machine)
                return NULL;
        /* Asked for, it may be entered yet. */
        if (machine->entered || (machine->leader && machine->call))
                (void) sd_bus_call_method_async(machine->bus, NULL, MACHINED_NAME, MACHINED_PATH,
                        MACHINED_NAME ".Manager", "UnregisterMachine", NULL, NULL, "s", machine->name);
        sd_bus_slot_unref(machine->call);
        sd_event_source_disable_unref(machine->watch);
        if (machine->leader)
                child_forget(machine->event, fcntl(spawn_pidfd(machine->leader), F_DUPFD_CLOEXEC, 3));
        spawn_free(machine->leader);
        g_free(machine->cgroup);
        g_free(machine->name);
        sd_event_unref(machine->event);
        sd_bus_unref(machine->bus);
        g_free(machine);
        return NULL;
}
