/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The values of resource-control properties: for each type what systemd takes over D-Bus, what of that is in
 * range, and how it is written in a file. Pure values: nothing here looks at the machine. */

#include <glib.h>

#define RESOURCE_ENTRIES_MAX 1024u   /* of one list */
#define RESOURCE_CPUS_MAX 8192u      /* of Linux, and of systemd's sets; memory nodes are fewer */

/* "unset" takes a setting back: the empty text in a file, UINT64_MAX over D-Bus. */
typedef enum ResourceType {
        RESOURCE_BOOL,              /* b: "yes", "no" */
        RESOURCE_BYTES,             /* t: "512M" (powers of 1024), "infinity" */
        RESOURCE_LIMIT,             /* the same, but not 0 */
        RESOURCE_TASKS,             /* t: "100", "infinity"; not 0 */
        RESOURCE_WEIGHT,            /* t: 1 to 10000, or unset */
        RESOURCE_CPU_WEIGHT,        /* the same, and 0 is "idle" */
        RESOURCE_CPU_QUOTA,         /* t: "50%", "250%", "500ms", "infinity"; rounded up to whole percents */
        RESOURCE_CPU_PERIOD,        /* t: "1ms" to "1s", or unset */
        RESOURCE_DURATION,          /* t: "1s" and more, or unset */
        RESOURCE_THRESHOLD,         /* t: "200ms", or unset */
        RESOURCE_SHARE,             /* u: "12.5%" of UINT32_MAX; rounded to 0.01 % */
        RESOURCE_LIMIT_SHARE,       /* the same, but not 0 */
        RESOURCE_TASKS_SHARE,       /* the same, and less than 100% */
        RESOURCE_CPU_SET,           /* ay: "0-3,5"; empty is unset; byte N/8, bit N%8 */
        RESOURCE_CPU_PARTITION,     /* s: member, root, isolated */
        RESOURCE_DEVICE_POLICY,     /* s: auto, closed, strict */
        RESOURCE_OOM_POLICY,        /* s: continue, stop, kill */
        RESOURCE_OOM_MODE,          /* s: auto, kill */
        RESOURCE_OOM_PREFERENCE,    /* s: none, avoid, omit */
        RESOURCE_PRESSURE_WATCH,    /* s: auto, yes, no, skip */
        RESOURCE_DEVICE_WEIGHTS,    /* a(st): "/dev/sda 100; /dev/sdb 200" */
        RESOURCE_DEVICE_RATES,      /* a(st): "/dev/sda 10M" (powers of 1000), "/dev/sda infinity" */
        RESOURCE_DEVICE_LATENCIES,  /* a(st): "/dev/sda 25ms" */
        RESOURCE_DEVICES,           /* a(ss): "/dev/kvm rw; char-pts rwm"; without letters it is rwm */
        RESOURCE_ADDRESSES,         /* a(iayu): "10.0.0.0/8 ::1"; any, localhost, link-local, multicast */
        RESOURCE_PORTS,             /* a(iiqq): "any", "443", "ipv4:tcp:8000-8080" */
        RESOURCE_INTERFACES,        /* (bas): "eth0 eth1", all but these: "~eth0 eth1" */
        RESOURCE_CONTROLLERS,       /* as: "cpu io" */
        RESOURCE_PATHS,             /* as: "/sys/fs/bpf/a /sys/fs/bpf/b" */
        RESOURCE_PROGRAMS,          /* a(ss): "egress:/sys/fs/bpf/a" */
        _RESOURCE_TYPE_MAX,
} ResourceType;

/* D-Bus signature. */
const char *resource_type_signature(ResourceType type);

/* The value as systemd will hold it (rounded, letters in order), a new reference; or NULL, with what is
 * wrong with it in *ret_problem, a whole sentence without the property's name. */
GVariant *resource_value_take(ResourceType type, GVariant *value, char **ret_problem);

/* From the text form, a new reference; its range is not judged yet. Or NULL and *ret_problem. */
GVariant *resource_value_parse(ResourceType type, const char *text, char **ret_problem);

/* The text form of a value that was taken; it parses to the same value. Free with g_free(). */
char *resource_value_print(ResourceType type, GVariant *value);

/* What has to be sent before a value so that systemd does not add to what it has: the empty list, a new
 * reference. NULL for types whose values replace what was there. */
GVariant *resource_value_reset(ResourceType type);
