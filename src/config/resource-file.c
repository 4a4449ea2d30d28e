/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One row per property with a file, and one function per way of writing in it. */

#include <string.h>

#include "config/resource-file.h"

#define PAGE_BYTES_MAX UINT64_C(65536)   /* of all architectures Linux runs virtual machines on */
#define QUOTA_TOLERANCE_USEC UINT64_C(10000)
#define IO_WEIGHT_DEFAULT 100u

typedef struct FileRow {
        const char *property, *file;
        bool (*says)(GVariant *value, const char *text);
        bool protects;   /* 0 is nothing; else that is no limit */
} FileRow;

/* "max" is UINT64_MAX. */
static bool number_read(const char *text, uint64_t *ret) {
        if (g_str_has_prefix(text, "max")) {
                *ret = UINT64_MAX;
                return true;
        }
        *ret = g_ascii_strtoull(text, NULL, 10);
        return g_ascii_isdigit(*text);
}

static bool says_number(GVariant *value, const char *text) {
        uint64_t number;

        return number_read(text, &number) && number == g_variant_get_uint64(value);
}

static bool says_bytes(GVariant *value, const char *text) {
        uint64_t wanted = g_variant_get_uint64(value), number;

        if (!number_read(text, &number) || number > wanted || (wanted == UINT64_MAX && number != wanted))
                return false;
        return wanted - number < PAGE_BYTES_MAX;
}

static bool says_weight(GVariant *value, const char *text) {
        uint64_t wanted = g_variant_get_uint64(value), number;

        return number_read(text, &number) && number == (wanted == UINT64_MAX ? IO_WEIGHT_DEFAULT : wanted);
}

static bool says_default_weight(GVariant *value, const char *text) {
        return g_str_has_prefix(text, "default ") && says_weight(value, text + strlen("default "));
}

static bool says_idle(GVariant *value, const char *text) {
        return g_str_has_prefix(text, "1");
}

/* "50000 100000": the quota, and the period that it is for. */
static bool says_quota(GVariant *value, const char *text) {
        uint64_t wanted = g_variant_get_uint64(value), quota, period, per_second;
        const char *blank = strchr(text, ' ');

        if (!number_read(text, &quota) || !blank || !number_read(blank + 1, &period) || period == 0)
                return false;
        if (quota == UINT64_MAX || wanted == UINT64_MAX)
                return quota == wanted;
        if (__builtin_mul_overflow(quota, UINT64_C(1000000), &per_second))
                return false;
        per_second /= period;
        return MAX(per_second, wanted) - MIN(per_second, wanted) < QUOTA_TOLERANCE_USEC;
}

static bool says_list(GVariant *value, const char *text) {
        g_autofree char *list = resource_value_print(RESOURCE_CPU_SET, value);

        return strncmp(text, list, strlen(list)) == 0 && strchr("\n", text[strlen(list)]);
}

static const FileRow rows[] = {
        {"MemoryMin", "memory.min", says_bytes, true},
        {"MemoryLow", "memory.low", says_bytes, true},
        {"MemoryHigh", "memory.high", says_bytes, false},
        {"MemoryMax", "memory.max", says_bytes, false},
        {"MemorySwapMax", "memory.swap.max", says_bytes, false},
        {"MemoryZSwapMax", "memory.zswap.max", says_bytes, false},
        {"TasksMax", "pids.max", says_number, false},
        {"CPUWeight", "cpu.weight", says_weight, false},
        {"CPUQuotaPerSecUSec", "cpu.max", says_quota, false},
        {"AllowedCPUs", "cpuset.cpus", says_list, false},
        {"AllowedMemoryNodes", "cpuset.mems", says_list, false},
        {"IOWeight", "io.weight", says_default_weight, false},
};

static const FileRow idle_row = {"CPUWeight", "cpu.idle", says_idle, false};

static const FileRow *row_find(const ResourceProperty *property, GVariant *value) {
        if (property->type == RESOURCE_CPU_WEIGHT && g_str_equal(property->name, idle_row.property) &&
                g_variant_get_uint64(value) == 0)
                return &idle_row;
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                if (g_str_equal(rows[i].property, property->name))
                        return &rows[i];
        return NULL;
}

const char *resource_file(const ResourceProperty *property, GVariant *value) {
        const FileRow *row = row_find(property, value);

        return row ? row->file : NULL;
}

/* Whether the value neither limits nor protects anything. */
static bool is_nothing(const FileRow *row, GVariant *value) {
        uint64_t number;

        if (row->says == says_list)
                return g_variant_n_children(value) == 0;
        number = g_variant_get_uint64(value);
        return number == UINT64_MAX || (number == 0 && row->protects);
}

bool resource_file_says(const ResourceProperty *property, GVariant *value, const char *text) {
        const FileRow *row = row_find(property, value);

        return !row || (text ? row->says(value, text) : is_nothing(row, value));
}
