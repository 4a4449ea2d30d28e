/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tables of units and the two ways through them. What a number is for, and its range, is not known
 * here. */

#include <errno.h>
#include <glib.h>
#include <inttypes.h>

#include "config/quantity.h"

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

/* Largest first: printing takes the first that divides, at the latest the one of factor 1. */
static const Unit units[][8] = {
        [QUANTITY_COUNT] = {{"", 1}},
        [QUANTITY_BYTES] = {{"E", UINT64_C(1) << 60}, {"P", UINT64_C(1) << 50}, {"T", UINT64_C(1) << 40},
                {"G", UINT64_C(1) << 30}, {"M", UINT64_C(1) << 20}, {"K", UINT64_C(1) << 10}, {"", 1}},
        [QUANTITY_RATE] = {{"E", UINT64_C(1000000000000000000)}, {"P", UINT64_C(1000000000000000)},
                {"T", UINT64_C(1000000000000)}, {"G", 1000000000}, {"M", 1000000}, {"K", 1000}, {"", 1}},
        [QUANTITY_USEC] = {{"h", UINT64_C(3600000000)}, {"min", 60000000}, {"s", 1000000}, {"ms", 1000},
                {"us", 1}, {"", 1000000}},
};

int quantity_parse(const char *text, QuantityUnit unit, uint64_t *ret) {
        uint64_t number;
        char *name;

        if (!g_ascii_isdigit(*text))
                return -EINVAL;
        errno = 0;
        number = g_ascii_strtoull(text, &name, 10);
        if (errno != 0)
                return -errno;
        for (const Unit *u = units[unit]; u->name; u++)
                if (g_str_equal(u->name, name))
                        return __builtin_mul_overflow(number, u->factor, ret) ? -ERANGE : 0;
        return -EINVAL;
}

char *quantity_print(uint64_t value, QuantityUnit unit) {
        const Unit *u = units[unit];

        if (value == 0)
                return g_strdup("0");
        while (value % u->factor != 0)
                u++;
        return g_strdup_printf("%" PRIu64 "%s", value / u->factor, u->name);
}
