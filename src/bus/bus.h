/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The D-Bus skin: the tree of objects, and what core tells turned into signals. Handlers read, check, ask,
 * call core once, and reply later; the rules are core's. */

#include <glib.h>

#include "bus/polkit.h"
#include "core/manager.h"
#include "core/slice.h"

#define BUS_NAME "org.example.VMManager1"
#define BUS_PATH "/org/example/VMManager1"
#define BUS_PATH_DOMAIN BUS_PATH "/domain"
#define BUS_PATH_SLICE BUS_PATH "/slice"
#define BUS_PATH_JOB BUS_PATH "/job"
#define BUS_INTERFACE(kind) "org.example.VMManager1." kind

typedef struct Bus Bus;

struct Bus {
        sd_bus *bus;
        Manager *manager;
        Authority *authority;
        GHashTable *autodestroy;   /* Domain -> CallerWatch */
        GHashTable *cleared_logs;  /* UID -> mark in the kernel's log, char * */
        GPtrArray *slots;          /* sd_bus_slot: the tree */
};

/* Exports everything on the connection, which stays the caller's, and becomes the manager's observer.
 * Returns 0 or a negative errno. */
int bus_new(sd_bus *connection, Manager *manager, Bus **ret);
Bus *bus_free(Bus *bus);

static inline Bus *bus_of(const Domain *domain) {
        return domain->manager->userdata;
}

/* Object paths; free with g_free(). */
char *bus_domain_path(const Domain *domain);
char *bus_slice_path(const Slice *slice);
char *bus_job_path(const Job *job);

/* For `t flags` arguments. Returns 0 or -EINVAL with InvalidArgs naming the bits. */
int bus_check_flags(uint64_t flags, uint64_t known, sd_bus_error *error);

/* How a handler that asked core for a verb ends: r is what core returned, and the message was kept for
 * bus_verb_reply() with a reference. */
int bus_verb_result(sd_bus_message *m, int r);
void bus_verb_reply(void *message, int r, const sd_bus_error *error);

/* One object kind is one descriptor. Finders follow sd_bus_object_find_t, enumerators
 * sd_bus_node_enumerator_t. */
typedef struct BusObject {
        const char *path, *interface;
        const sd_bus_vtable *vtable;
        sd_bus_object_find_t find;            /* NULL: the one object at the path */
        sd_bus_node_enumerator_t enumerate;
} BusObject;

extern const BusObject manager_object, node_object, domain_object, slice_object, job_object;

/* Appends the counters of a domain as a{sv}. */
int domain_append_stats(sd_bus_message *reply, const Domain *domain);

/* authorize() with the details of the domain; member as there. */
int authorize_domain_as(
        const Domain *domain, sd_bus_message *m, const char *member, uid_t *ret_uid, sd_bus_error *error);

/* A method whose one argument is a name, and which is done when the verb returns. */
int domain_name_verb(sd_bus_message *m, Domain *domain,
        int (*verb)(Domain *domain, const char *name, sd_bus_error *error), sd_bus_error *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bus, bus_free)
