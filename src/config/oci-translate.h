/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The part of the translation of OCI resources that is arithmetic: for oci.c, which reads them. */

#include "config/oci.h"

#define OCI_PERIOD_DEFAULT INT64_C(100000)         /* usec */
#define OCI_QUOTA_MAX (INT64_MAX / 1000000)        /* usec */

typedef struct OciNumber {
        bool given;
        int64_t value;
} OciNumber;

/* What is read before it is translated, as some of it means something together only. Not given is 0. */
typedef struct OciValues {
        OciNumber limit, reservation, swap, check_usage;
        OciNumber shares, weight, idle, quota, period;
        OciNumber tasks;
        OciNumber io_weight;
} OciValues;

/* A translation on its way. */
typedef struct Oci {
        OciResources *result;
        const Resources *current;
        ResourcesWhen when;
        OciValues values;
} Oci;

/* resources_set() on the result; the error begins with the path. A floating value is consumed. */
int oci_set(Oci *oci, const char *path, const char *property, GVariant *value, sd_bus_error *error);
int oci_set_number(Oci *oci, const char *path, const char *property, uint64_t number, sd_bus_error *error);

/* quota: usec per period, negative is infinity. */
int oci_set_quota(Oci *oci, const char *path, int64_t quota, int64_t period, sd_bus_error *error);

/* 10 to 1000 of cgroup v1 becomes 1 to 10000; all else is refused. */
int oci_io_weight(int64_t weight, const char *path, uint64_t *ret, sd_bus_error *error);

/* Sets what the values come to. */
int oci_translate(Oci *oci, sd_bus_error *error);
