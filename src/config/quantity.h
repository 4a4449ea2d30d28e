/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbers as people write them: a whole number and a unit. No signs, no fractions, no blanks. */

#include <stdint.h>

typedef enum QuantityUnit {
        QUANTITY_COUNT,   /* no unit at all */
        QUANTITY_BYTES,   /* K, M, G, T, P, E: powers of 1024 */
        QUANTITY_RATE,    /* the same letters: powers of 1000, as systemd reads bandwidths */
        QUANTITY_USEC,    /* us, ms, s, min, h; a bare number is seconds */
} QuantityUnit;

/* Returns 0, -EINVAL, or -ERANGE over 64 bits. */
int quantity_parse(const char *text, QuantityUnit unit, uint64_t *ret);

/* With the largest unit that leaves a whole number: it parses to the same value. Free with g_free(). */
char *quantity_print(uint64_t value, QuantityUnit unit);
