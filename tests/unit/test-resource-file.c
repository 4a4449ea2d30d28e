/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the kernel's files of a cgroup must say for a setting to be in effect. */

#include "config/resource-file.h"

static const struct {
        const char *name, *text;      /* the setting, as in a file */
        const char *file, *says;
        bool in_effect;
} table[] = {
        {"MemoryMax", "1G", "memory.max", "1073741824\n", true},
        {"MemoryMax", "1G", "memory.max", "max\n", false},
        {"MemoryMax", "infinity", "memory.max", "max\n", true},
        {"MemoryMax", "infinity", "memory.max", "1073741824\n", false},
        {"MemoryMax", "1000000", "memory.max", "999424\n", true},      /* 244 pages */
        {"MemoryMax", "1000000", "memory.max", "1003520\n", false},
        {"MemoryMax", "1G", "memory.max", "", false},
        {"MemoryMin", "0", "memory.min", "0\n", true},
        {"MemoryLow", "1M", "memory.low", "0\n", false},
        {"MemoryHigh", "512M", "memory.high", "536870912\n", true},
        {"MemorySwapMax", "0", "memory.swap.max", "0\n", true},
        {"TasksMax", "100", "pids.max", "100\n", true},
        {"TasksMax", "100", "pids.max", "99\n", false},
        {"TasksMax", "infinity", "pids.max", "max\n", true},
        {"CPUWeight", "50", "cpu.weight", "50\n", true},
        {"CPUWeight", "", "cpu.weight", "100\n", true},
        {"CPUWeight", "50", "cpu.weight", "100\n", false},
        {"CPUWeight", "idle", "cpu.idle", "1\n", true},
        {"CPUWeight", "idle", "cpu.idle", "0\n", false},
        {"CPUQuotaPerSecUSec", "50%", "cpu.max", "50000 100000\n", true},
        {"CPUQuotaPerSecUSec", "50%", "cpu.max", "500000 1000000\n", true},
        {"CPUQuotaPerSecUSec", "50%", "cpu.max", "50000 50000\n", false},
        {"CPUQuotaPerSecUSec", "50%", "cpu.max", "max 100000\n", false},
        {"CPUQuotaPerSecUSec", "infinity", "cpu.max", "max 100000\n", true},
        {"CPUQuotaPerSecUSec", "50%", "cpu.max", "50000", false},
        {"CPUQuotaPerSecUSec", "50%", "cpu.max", "50000 0\n", false},
        {"AllowedCPUs", "0-3,5", "cpuset.cpus", "0-3,5\n", true},
        {"AllowedCPUs", "0-3", "cpuset.cpus", "0-3,5\n", false},
        {"AllowedCPUs", "", "cpuset.cpus", "\n", true},
        {"AllowedCPUs", "", "cpuset.cpus", "0-1\n", false},
        {"AllowedMemoryNodes", "0", "cpuset.mems", "0\n", true},
        {"IOWeight", "200", "io.weight", "default 200\n8:0 300\n", true},
        {"IOWeight", "200", "io.weight", "default 100\n", false},
        {"IOWeight", "200", "io.weight", "200\n", false},
        {"DevicePolicy", "closed", NULL, "", true},
        {"DevicePolicy", "closed", NULL, NULL, true},

        /* there is no such file */
        {"CPUWeight", "", "cpu.weight", NULL, true},
        {"CPUWeight", "50", "cpu.weight", NULL, false},
        {"CPUWeight", "idle", "cpu.idle", NULL, false},
        {"CPUQuotaPerSecUSec", "infinity", "cpu.max", NULL, true},
        {"CPUQuotaPerSecUSec", "50%", "cpu.max", NULL, false},
        {"AllowedCPUs", "", "cpuset.cpus", NULL, true},
        {"AllowedCPUs", "0", "cpuset.cpus", NULL, false},
        {"MemoryMax", "infinity", "memory.max", NULL, true},
        {"MemorySwapMax", "0", "memory.swap.max", NULL, false},
        {"MemoryLow", "0", "memory.low", NULL, true},
        {"MemoryMin", "1M", "memory.min", NULL, false},
        {"IOWeight", "", "io.weight", NULL, true},
        {"IOReadBandwidthMax", "/dev/sda 1M", NULL, "", true},
};

static void test_table(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(Resources) resources = resources_new();
                const ResourceProperty *property;
                GVariant *value;

                g_test_message("%s=%s, %s", table[i].name, table[i].text,
                        table[i].says ? table[i].says : "no file");
                g_assert_cmpint(resources_set_text(resources, table[i].name, table[i].text,
                                        RESOURCES_AT_CREATION, NULL), >=, 0);
                property = resources_nth(resources, 0, &value);
                g_assert_cmpstr(resource_file(property, value), ==, table[i].file);
                g_assert_cmpint(resource_file_says(property, value, table[i].says), ==, table[i].in_effect);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/resource-file/a setting is in effect when its file says so", test_table);
        return g_test_run();
}
