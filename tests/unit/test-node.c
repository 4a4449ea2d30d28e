/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processors and memory, read from folders that look like those of machines. */

#include <glib/gstdio.h>

#include "host/node.h"

typedef struct Root {
        char *path;
        NodeFacts facts;
} Root;

static void root_setup(Root *root, gconstpointer data) {
        root->path = g_dir_make_tmp("node-XXXXXX", NULL);
        g_assert_nonnull(root->path);
}

static void remove_below(const char *path) {
        GDir *dir = g_dir_open(path, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
                g_autofree char *child = g_build_filename(path, name, NULL);
                remove_below(child);
        }
        if (dir)
                g_dir_close(dir);
        g_assert_cmpint(g_remove(path), ==, 0);
}

static void root_teardown(Root *root, gconstpointer data) {
        remove_below(root->path);
        g_free(root->path);
        node_facts_clear(&root->facts);
}

static void has(const Root *root, const char *name, const char *text) {
        g_autofree char *path = g_build_filename(root->path, name, NULL), *folder = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void has_cpu(const Root *root, unsigned cpu, int socket, const char *siblings) {
        g_autofree char *folder = g_strdup_printf("sys/devices/system/cpu/cpu%u/topology", cpu);
        g_autofree char *package = g_strconcat(folder, "/physical_package_id", NULL);
        g_autofree char *threads = g_strconcat(folder, "/thread_siblings_list", NULL);
        g_autofree char *number = g_strdup_printf("%d\n", socket);

        has(root, package, number);
        has(root, threads, siblings);
}

static void assert_topology(Root *root, uint32_t cpus, uint32_t nodes, uint32_t sockets, uint32_t cores,
        uint32_t threads) {
        node_facts_clear(&root->facts);
        node_read(root->path, &root->facts);
        g_assert_cmpuint(root->facts.n_cpus, ==, cpus);
        g_assert_cmpuint(root->facts.n_nodes, ==, nodes);
        g_assert_cmpuint(root->facts.sockets_per_node, ==, sockets);
        g_assert_cmpuint(root->facts.cores_per_socket, ==, cores);
        g_assert_cmpuint(root->facts.threads_per_core, ==, threads);
}

/* Two nodes of one socket each, two cores in one, two threads in one: siblings are far apart. */
static void test_topology(Root *root, gconstpointer data) {
        has(root, "sys/devices/system/cpu/online", "0-7\n");
        has(root, "sys/devices/system/node/online", "0-1\n");
        has(root, "sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
        has(root, "sys/devices/system/node/node1/cpulist", "2-3,6-7\n");
        for (unsigned cpu = 0; cpu < 8; cpu++) {
                g_autofree char *siblings = g_strdup_printf("%u,%u\n", cpu % 4, cpu % 4 + 4);
                has_cpu(root, cpu, cpu % 4 / 2, siblings);
        }
        assert_topology(root, 8, 2, 1, 2, 2);
}

/* Both sockets are in one node; a CPU that is offline does not count, and nor does its thread. */
static void test_offline(Root *root, gconstpointer data) {
        has(root, "sys/devices/system/cpu/online", "0-2\n");
        has(root, "sys/devices/system/node/online", "0\n");
        has(root, "sys/devices/system/node/node0/cpulist", "0-2\n");
        has_cpu(root, 0, 0, "0-1\n");
        has_cpu(root, 1, 0, "0-1\n");
        has_cpu(root, 2, 1, "2\n");
        assert_topology(root, 3, 1, 2, 1, 2);
}

/* Without NUMA and without a firmware that tells of sockets. */
static void test_plain(Root *root, gconstpointer data) {
        has(root, "sys/devices/system/cpu/online", "0-1\n");
        has_cpu(root, 0, -1, "0\n");
        has_cpu(root, 1, -1, "1\n");
        assert_topology(root, 2, 1, 1, 2, 1);
}

static void test_nothing(Root *root, gconstpointer data) {
        assert_topology(root, 0, 1, 0, 0, 0);
        g_assert_cmpstr(root->facts.hw_caps, ==, "");
        g_assert_cmpuint(root->facts.total_memory, ==, 0);
        g_assert_cmpuint(node_free_memory(root->path), ==, 0);
        g_assert_cmpuint(node_cpu_mhz(root->path), ==, 0);
}

static void test_garbage(Root *root, gconstpointer data) {
        has(root, "sys/devices/system/cpu/online", "\xff,-,99999999999999999999\n");
        has(root, "sys/devices/system/node/online", "");
        has(root, "proc/cpuinfo", "flags");
        has(root, "proc/meminfo", "MemTotal:\nMemAvailable");
        test_nothing(root, NULL);
}

static void test_proc(Root *root, gconstpointer data) {
        has(root, "proc/cpuinfo",
                "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu MHz\t\t: 2599.998\nflags\t\t: fpu vme de\n"
                "vmx flags\t: vnmi\n\nprocessor\t: 1\ncpu MHz\t\t: 800.000\nflags\t\t: other\n");
        has(root, "proc/meminfo", "MemTotal:        2048 kB\nMemFree:  1 kB\nMemAvailable:    1024 kB\n");
        node_read(root->path, &root->facts);
        g_assert_cmpstr(root->facts.hw_caps, ==, "fpu vme de");
        g_assert_cmpuint(root->facts.total_memory, ==, 2048 * 1024);
        g_assert_cmpuint(node_free_memory(root->path), ==, 1024 * 1024);
        g_assert_cmpuint(node_cpu_mhz(root->path), ==, 2600);
}

/* ARM has other words, and tells the frequency elsewhere. */
static void test_arm(Root *root, gconstpointer data) {
        has(root, "proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n");
        has(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n");
        node_read(root->path, &root->facts);
        g_assert_cmpstr(root->facts.hw_caps, ==, "fp asimd");
        g_assert_cmpuint(node_cpu_mhz(root->path), ==, 1500);
}

static void test_equal(Root *root, gconstpointer data) {
        g_auto(NodeFacts) other = {0};

        test_plain(root, NULL);
        node_read(root->path, &other);
        g_assert_true(node_facts_equal(&root->facts, &other));
        other.total_memory++;
        g_assert_false(node_facts_equal(&root->facts, &other));
}

#define ROOT_TEST(path, function) g_test_add(path, Root, NULL, root_setup, function, root_teardown)

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        ROOT_TEST("/node/topology", test_topology);
        ROOT_TEST("/node/offline", test_offline);
        ROOT_TEST("/node/plain", test_plain);
        ROOT_TEST("/node/nothing", test_nothing);
        ROOT_TEST("/node/garbage", test_garbage);
        ROOT_TEST("/node/proc", test_proc);
        ROOT_TEST("/node/arm", test_arm);
        ROOT_TEST("/node/equal", test_equal);
        return g_test_run();
}
