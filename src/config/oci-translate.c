/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the numbers of OCI resources come to as systemd's: curves, roundings, and numbers that mean something
 * together only. Reads no JSON. */

#include <inttypes.h>
#include <math.h>

#include "config/oci-translate.h"
#include "util/auto.h"
#include "util/errors.h"

#define USEC_PER_SEC INT64_C(1000000)
#define WEIGHT_DEFAULT 100u
#define SHARES_MIN 2
#define SHARES_MAX 262144

static int refuse(sd_bus_error *error, const char *path, const char *problem) {
        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s", path, problem);
}

/* value: consumed if floating */
int oci_set(Oci *oci, const char *path, const char *property, GVariant *value, sd_bus_error *error) {
        g_auto(sd_bus_error) reason = SD_BUS_ERROR_NULL;
        int r = resources_set(oci->result->resources, property, value, oci->when, &reason);

        return r < 0 ? sd_bus_error_setf(error, reason.name, "%s: %s", path, reason.message) : 0;
}

int oci_set_number(Oci *oci, const char *path, const char *property, uint64_t number,
        sd_bus_error *error) {
        return oci_set(oci, path, property, g_variant_new_uint64(number), error);
}

/* -1, and whatever else is negative, is infinity. */
static uint64_t limit_of(int64_t number) {
        return number < 0 ? UINT64_MAX : (uint64_t) number;
}

/* In microseconds per second of one CPU; systemd wants whole percents, which resources_set() sees to. */
int oci_set_quota(Oci *oci, const char *path, int64_t quota, int64_t period, sd_bus_error *error) {
        uint64_t usec = quota < 0 ? UINT64_MAX : (uint64_t) (quota * USEC_PER_SEC / period);

        return oci_set_number(oci, path, "CPUQuotaPerSecUSec", usec, error);
}

/* As runc and crun do: 10 to 1000 of cgroup v1 becomes 1 to 10000. */
int oci_io_weight(int64_t weight, const char *path, uint64_t *ret, sd_bus_error *error) {
        if (weight < 10 || weight > 1000)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "%s: %" PRIi64 " is not from 10 to 1000", path, weight);
        *ret = (uint64_t) (1 + (weight - 10) * 9999 / 990);
        return 0;
}

/* Swap is counted together with memory there, and by itself here. */
static int translate_memory(Oci *oci, const OciValues *values, sd_bus_error *error) {
        int64_t limit = values->limit.value, low = values->reservation.value, swap = values->swap.value;
        int r = 0;

        oci->result->check_memory_usage = values->check_usage.value;
        if (limit != 0)
                r = oci_set_number(oci, "memory.limit", "MemoryMax", limit_of(limit), error);
        if (r >= 0 && low != 0)
                r = oci_set_number(oci, "memory.reservation", "MemoryLow", limit_of(low), error);
        if (r < 0 || (swap == 0 && limit != -1))
                return r;

        if (swap > 0 && limit <= 0)
                return refuse(error, "memory.swap", "is given without a limit");
        if (swap > 0 && swap < limit)
                return refuse(error, "memory.swap", "is less than the limit, which is a part of it");
        if (swap > 0)
                swap -= limit;
        else
                swap = -1;
        return oci_set_number(oci, "memory.swap", "MemorySwapMax", limit_of(swap), error);
}

/* runc's curve since 1.3.2, through 2: 1, 1024: 100 and 262144: 10000. */
static uint64_t weight_of_shares(int64_t shares) {
        double l = log2((double) shares);

        if (shares <= SHARES_MIN)
                return 1;
        if (shares >= SHARES_MAX)
                return 10000;
        return (uint64_t) ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
}

static bool is_idle(const Resources *resources) {
        GVariant *weight = resources ? resources_lookup(resources, "CPUWeight") : NULL;

        return weight && g_variant_get_uint64(weight) == 0;
}

static int translate_weight(Oci *oci, const OciValues *values, sd_bus_error *error) {
        const char *path = values->weight.given ? "unified.cpu.weight" : "cpu.shares";
        uint64_t weight = values->weight.given ? (uint64_t) values->weight.value : 0;

        if (values->shares.value != 0 && weight != 0)
                return refuse(error, path, "cpu.shares sets the same");
        if (values->shares.value != 0)
                weight = weight_of_shares(values->shares.value);
        if (values->idle.value == 1) {
                if (weight != 0)
                        g_ptr_array_add(oci->result->warnings,
                                g_strconcat(path, " has no effect: cpu.idle takes its place", NULL));
                return oci_set_number(oci, "cpu.idle", "CPUWeight", 0, error);
        }
        if (weight == 0 && values->idle.given && is_idle(oci->current))
                weight = WEIGHT_DEFAULT;
        return weight == 0 ? 0 : oci_set_number(oci, path, "CPUWeight", weight, error);
}

/* The property in effect; 0: none, or infinity. */
static int64_t current_number(const Oci *oci, const char *property) {
        GVariant *value = oci->current ? resources_lookup(oci->current, property) : NULL;
        uint64_t number = value ? g_variant_get_uint64(value) : UINT64_MAX;

        return number == UINT64_MAX ? 0 : (int64_t) number;
}

static int translate_quota(Oci *oci, const OciValues *values, sd_bus_error *error) {
        int64_t quota = values->quota.value, period = values->period.value;
        int64_t current_period = current_number(oci, "CPUQuotaPeriodUSec");
        int r = 0;

        if (quota == 0 && period == 0)
                return 0;
        if (current_period == 0)
                current_period = OCI_PERIOD_DEFAULT;
        if (period != 0)
                r = oci_set_number(oci, "cpu.period", "CPUQuotaPeriodUSec", (uint64_t) period, error);
        if (r < 0)
                return r;
        if (quota == 0)
                quota = current_number(oci, "CPUQuotaPerSecUSec") * current_period / USEC_PER_SEC;
        return oci_set_quota(oci, values->quota.value != 0 ? "cpu.quota" : "cpu.period",
                quota == 0 ? -1 : quota, period != 0 ? period : current_period, error);
}

static int translate_rest(Oci *oci, const OciValues *values, sd_bus_error *error) {
        int64_t tasks = values->tasks.value;
        uint64_t weight = 0;
        int r = 0;

        if (values->tasks.given)
                r = oci_set_number(oci, "pids.limit", "TasksMax", tasks == 0 ? 1 : limit_of(tasks), error);
        if (r < 0 || values->io_weight.value == 0)
                return r;
        r = oci_io_weight(values->io_weight.value, "blockIO.weight", &weight, error);
        return r < 0 ? r : oci_set_number(oci, "blockIO.weight", "IOWeight", weight, error);
}

int oci_translate(Oci *oci, sd_bus_error *error) {
        int r;

        r = translate_memory(oci, &oci->values, error);
        if (r >= 0)
                r = translate_weight(oci, &oci->values, error);
        if (r >= 0)
                r = translate_quota(oci, &oci->values, error);
        return r < 0 ? r : translate_rest(oci, &oci->values, error);
}
