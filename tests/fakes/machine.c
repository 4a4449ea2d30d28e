/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/machine.h over the made-up host, where machined is not there until it comes. */

#include <errno.h>

#include "fakes/world.h"
#include "host/machine.h"

struct Machine {
        char *name;
        void (*signalled)(void *userdata, int signal);
        void *userdata;
};

int machine_register(sd_bus *bus, sd_event *event, const MachineSpec *spec,
        void (*signalled)(void *userdata, int signal), void *userdata, Machine **ret) {
        Machine *machine;

        if (!world.machines)
                return -EHOSTDOWN;
        machine = *ret = g_new(Machine, 1);
        *machine = (Machine) {g_strdup(spec->name), signalled, userdata};
        g_ptr_array_add(world.machines, machine);
        note("machined enters %s, a %s in %s", spec->name, spec->vm ? "vm" : "container", spec->cgroup);
        return 0;
}

void machine_leave_scope(Machine *machine) {
}

Machine *machine_unregister(Machine *machine) {
        if (!machine)
                return NULL;
        note("machined drops %s", machine->name);
        g_ptr_array_remove_fast(world.machines, machine);
        g_free(machine->name);
        g_free(machine);
        return NULL;
}

int machines_settle(sd_bus *bus, void (*done)(void *userdata), void *userdata) {
        done(userdata);
        return 0;
}

void machined_comes(void) {
        world.machines = g_ptr_array_new();
}

void machined_signals(const char *name, int signal) {
        for (unsigned i = 0; i < world.machines->len; i++) {
                const Machine *machine = world.machines->pdata[i];

                if (g_str_equal(machine->name, name)) {
                        machine->signalled(machine->userdata, signal);
                        return;
                }
        }
        g_error("there is no machine %s", name);
}
