/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets of CPUs by way of systemd's bitmaps, whose text form is the kernel's. */

#include <string.h>

#include "config/cpu-set.h"
#include "config/resource-value.h"

static GArray *set_from_bits(const uint8_t *bits, size_t size) {
        GArray *set = g_array_new(FALSE, FALSE, sizeof(uint32_t));

        for (uint32_t cpu = 0; cpu < 8 * size; cpu++)
                if (bits[cpu / 8] & 1u << cpu % 8)
                        g_array_append_val(set, cpu);
        return set;
}

GArray *cpu_set_new(const uint32_t *cpus, size_t n) {
        uint8_t bits[RESOURCE_CPUS_MAX / 8] = {0};

        for (size_t i = 0; i < n; i++)
                if (cpus[i] < RESOURCE_CPUS_MAX)
                        bits[cpus[i] / 8] |= (uint8_t) (1u << cpus[i] % 8);
        return set_from_bits(bits, sizeof bits);
}

GArray *cpu_set_parse(const char *text) {
        g_autofree char *problem = NULL;
        g_autoptr(GVariant) bitmap = resource_value_parse(RESOURCE_CPU_SET, text, &problem);
        const uint8_t *bits;
        size_t size;

        if (!bitmap)
                return NULL;
        bits = g_variant_get_fixed_array(bitmap, &size, 1);
        return set_from_bits(bits, size);
}

char *cpu_set_print(const GArray *set) {
        uint8_t bits[RESOURCE_CPUS_MAX / 8] = {0};
        g_autoptr(GVariant) bitmap = NULL;

        for (unsigned i = 0; i < set->len; i++) {
                uint32_t cpu = g_array_index(set, uint32_t, i);
                bits[cpu / 8] |= (uint8_t) (1u << cpu % 8);
        }
        bitmap = g_variant_ref_sink(g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bits, sizeof bits, 1));
        return resource_value_print(RESOURCE_CPU_SET, bitmap);
}

bool cpu_set_has(const GArray *set, uint32_t cpu) {
        for (unsigned i = 0; i < set->len; i++)
                if (g_array_index(set, uint32_t, i) == cpu)
                        return true;
        return false;
}

bool cpu_set_equal(const GArray *a, const GArray *b) {
        return a->len == b->len &&
               (a->len == 0 || memcmp(a->data, b->data, a->len * sizeof(uint32_t)) == 0);
}
