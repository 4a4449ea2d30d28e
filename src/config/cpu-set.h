/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sets of CPUs: as lists of numbers, and as the kernel writes them, "0-3,5". Pure values: no CPU is looked
 * up. A set is an array of uint32_t, ascending, each once; free it with g_array_unref(). */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers over RESOURCE_CPUS_MAX are no CPUs, and left out. */
GArray *cpu_set_new(const uint32_t *cpus, size_t n);

/* NULL when it is no such text. The empty text is the empty set. */
GArray *cpu_set_parse(const char *text);
char *cpu_set_print(const GArray *set);

bool cpu_set_has(const GArray *set, uint32_t cpu);
bool cpu_set_equal(const GArray *a, const GArray *b);
