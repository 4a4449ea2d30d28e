/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Resource-control settings of a domain or a slice: an ordered set of systemd's properties with typed
 * values, and one table of those that are known. Over D-Bus and in a [Resources] group they have systemd's
 * D-Bus names. Pure values: nothing here looks at the machine. */

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "config/resource-value.h"

typedef struct ResourceProperty {
        const char *name;
        ResourceType type;
        const char *controller;    /* as in cgroup.controllers, or what only the system manager can do:
                                    * "devices", "bpf", and "bpf-framework", which not every systemd was
                                    * built with; NULL: none needed */
        unsigned since;            /* systemd's version, at least 252 */
        bool creation_only;
} ResourceProperty;

/* All that are known, in the order of the table, NULL at the end: for (size_t i = 0; (p = ...(i)); i++). */
const ResourceProperty *resource_property_nth(size_t i);

/* NULL when there is no such property. */
const ResourceProperty *resource_property_find(const char *name);

typedef struct Resources Resources;

typedef enum ResourcesWhen {
        RESOURCES_AT_CREATION,
        RESOURCES_LIVE,
} ResourcesWhen;

Resources *resources_new(void);
Resources *resources_copy(const Resources *resources);
Resources *resources_free(Resources *resources);

/* Adds one property. Takes a reference of the value, a floating one too; it is kept as systemd will hold it:
 * CPUQuotaPerSecUSec rounded up to 10000 (1 %), the ...Scale shares rounded to 0.01 %, rwm in order.
 * Returns 0, or
 *   -EINVAL      InvalidArgs: there is no such property;
 *   -EINVAL      InvalidConfig: wrong type (names both), out of range, or given twice ("MemoryMax" and
 *                "MemoryMaxScale" set the same limit);
 *   -EOPNOTSUPP  NotSupported: can only be given at creation, or says nothing about a scope, and why.
 * The set is unchanged on error. */
int resources_set(Resources *resources, const char *name, GVariant *value, ResourcesWhen when,
        sd_bus_error *error);

/* The same from the text form of a file: "512M", "infinity", "0-3,5", "char-pts rwm; /dev/kvm rw", see
 * resource-value.h. A percentage goes to the ...Scale property if there is one, as systemd does: MemoryMax
 * "50%" sets MemoryMaxScale. */
int resources_set_text(Resources *resources, const char *name, const char *text, ResourcesWhen when,
        sd_bus_error *error);

/* A new set of all of an a(sv) or a{sv}. Returns 0, or as resources_set(). */
int resources_new_from(GVariant *settings, ResourcesWhen when, Resources **ret, sd_bus_error *error);

/* Settings of `newer` replace those of the same limit; lists (DeviceAllow ...) are replaced whole. The order
 * stays; what is new comes last. */
void resources_merge(Resources *resources, const Resources *newer);

/* A new set: the older one (NULL: nothing) with the newer one merged into it. */
Resources *resources_merged(const Resources *older, const Resources *newer);

/* What the manager that is to apply them can do. */
typedef struct ResourcesHost {
        unsigned systemd_version;
        const char *const *controllers;    /* NULL: all; of a user manager, those delegated to it */
} ResourcesHost;

/* Whether it can have this property at all. Returns 0, or -EOPNOTSUPP with NotSupported. */
int resource_property_check(
        const ResourceProperty *property, const ResourcesHost *host, sd_bus_error *error);

/* Checks the whole, which for a change is the merged set. Returns 0, -EINVAL with InvalidConfig (MemoryMin
 * or MemoryLow over MemoryHigh or MemoryMax, MemoryHigh over MemoryMax, the Startup... and the ...Scale ones
 * likewise), or -EOPNOTSUPP with NotSupported (a newer systemd or another controller is needed). Both name
 * the culprit. */
int resources_check(const Resources *resources, const ResourcesHost *host, sd_bus_error *error);

/* The values are borrowed. */
size_t resources_size(const Resources *resources);
const ResourceProperty *resources_nth(const Resources *resources, size_t i, GVariant **ret_value);
GVariant *resources_lookup(const Resources *resources, const char *name);   /* NULL: not set */
bool resources_limits(const Resources *resources, const ResourceProperty *property); /* or the same limit */
bool resources_equal(const Resources *a, const Resources *b);               /* in whatever order */

/* The same settings with the values that systemd tells of its unit, a{sv}; what it does not tell, or what is
 * none of our values, stays, and so does the order of a list. */
Resources *resources_in_effect(const Resources *resources, GVariant *told);

/* All that has to be sent for systemd to have exactly this, a(sv), a new reference: in order, and a list
 * first as an empty one, as systemd adds to the list that it has. LIVE leaves out what can only be given at
 * creation. */
GVariant *resources_to_send(const Resources *resources, ResourcesWhen when);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Resources, resources_free)
