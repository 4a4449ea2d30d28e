/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Entries in the register of systemd-machined, asynchronously: org.freedesktop.machine1(5). Where there is
 * none, nothing is entered, and nobody hears of it.
 *
 * What machinectl sends to the "leader" of a machine would end QEMU on the spot, so the leader is a process
 * of ours that does nothing. machined takes the unit of a machine from where its leader is when it is
 * entered: for that moment it is in the scope, before and after it is with us. */

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>

typedef struct Machine Machine;

typedef struct MachineSpec {
        const char *name;          /* one that is no host name is replaced by the ID */
        sd_id128_t id;
        bool vm;                   /* else it is a container */
        const char *cgroup;        /* where its scope is */
} MachineSpec;

/* signalled: somebody has sent the leader a signal that ends it; it is entered no more, and the entry may be
 * freed. Returns 0 or a negative errno. */
int machine_register(sd_bus *bus, sd_event *event, const MachineSpec *spec,
        void (*signalled)(void *userdata, int signal), void *userdata, Machine **ret);

/* Nothing of ours may be in the scope any longer: it may be about to become empty. */
void machine_leave_scope(Machine *machine);

/* Calls `done` when machined has done what it was told so far, or takes too long: it does nothing for who
 * has left the bus. Returns 0, or a negative errno: `done` will not be called. */
int machines_settle(sd_bus *bus, void (*done)(void *userdata), void *userdata);

/* Takes it out of the register. Accepts NULL, returns NULL. */
Machine *machine_unregister(Machine *machine);
