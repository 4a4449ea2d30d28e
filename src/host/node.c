/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads uname(2), /sys/devices/system and /proc; hears of processors and memory that come and go from udev.
 * Changes nothing. */

#include <string.h>
#include <sys/utsname.h>
#include <systemd/sd-device.h>

#include "config/cpu-set.h"
#include "host/node.h"

#define SYSTEM_FOLDER "/sys/devices/system"

__attribute__((format(printf, 2, 3))) static char *file_read(const char *root, const char *format, ...) {
        g_autofree char *below = NULL, *path = NULL;
        char *text;
        va_list ap;

        va_start(ap, format);
        below = g_strdup_vprintf(format, ap);
        va_end(ap);
        path = g_strconcat(root, below, NULL);
        return g_file_get_contents(path, &text, NULL, NULL) ? g_strstrip(text) : NULL;
}

static GArray *set_read(char *taken) {
        g_autofree char *text = taken;
        GArray *set = text ? cpu_set_parse(text) : NULL;

        return set ? set : cpu_set_new(NULL, 0);
}

/* The value of the first line "name : value"; NULL without one. Free with g_free(). */
static char *line_value(const char *text, const char *name) {
        for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
                const char *rest = line + strlen(name);

                if (!g_str_has_prefix(line, name))
                        continue;
                rest += strspn(rest, " \t");
                if (*rest++ != ':')
                        continue;
                return g_strstrip(g_strndup(rest, strcspn(rest, "\n")));
        }
        return NULL;
}

/* Lines such as "MemTotal:  1024 kB". */
static uint64_t memory_read(const char *root, const char *name) {
        g_autofree char *text = file_read(root, "/proc/meminfo"), *value = line_value(text, name);

        return value ? g_ascii_strtoull(value, NULL, 10) * 1024 : 0;
}

/* One CPU's place: the socket it is in, and the lowest of the CPUs that it shares its core with. */
typedef struct Place {
        uint32_t cpu, socket, core, n_threads;
} Place;

static GArray *places_read(const char *root, const GArray *cpus) {
        GArray *places = g_array_sized_new(FALSE, FALSE, sizeof(Place), cpus->len);

        for (unsigned i = 0; i < cpus->len; i++) {
                Place place = {.cpu = g_array_index(cpus, uint32_t, i), .n_threads = 1};
                g_autofree char *socket = file_read(root,
                        SYSTEM_FOLDER "/cpu/cpu%u/topology/physical_package_id", place.cpu);
                g_autoptr(GArray) siblings = set_read(file_read(root,
                        SYSTEM_FOLDER "/cpu/cpu%u/topology/thread_siblings_list", place.cpu));

                /* -1 where the firmware does not say. */
                place.socket = socket && *socket != '-' ? (uint32_t) g_ascii_strtoull(socket, NULL, 10) : 0;
                place.core = siblings->len > 0 ? g_array_index(siblings, uint32_t, 0) : place.cpu;
                place.n_threads = MAX(siblings->len, 1u);
                g_array_append_val(places, place);
        }
        return places;
}

/* How many different sockets these CPUs are in; cpus NULL: all. */
static uint32_t sockets_count(const GArray *places, const GArray *cpus) {
        g_autoptr(GHashTable) sockets = g_hash_table_new(NULL, NULL);

        for (unsigned i = 0; i < places->len; i++) {
                const Place *place = &g_array_index(places, Place, i);

                if (!cpus || cpu_set_has(cpus, place->cpu))
                        g_hash_table_add(sockets, GUINT_TO_POINTER(place->socket + 1));
        }
        return g_hash_table_size(sockets);
}

static uint32_t cores_count(const GArray *places, uint32_t socket) {
        g_autoptr(GHashTable) cores = g_hash_table_new(NULL, NULL);

        for (unsigned i = 0; i < places->len; i++)
                if (g_array_index(places, Place, i).socket == socket)
                        g_hash_table_add(cores, GUINT_TO_POINTER(g_array_index(places, Place, i).core + 1));
        return g_hash_table_size(cores);
}

static void topology_read(const char *root, NodeFacts *facts) {
        g_autoptr(GArray) cpus = set_read(file_read(root, SYSTEM_FOLDER "/cpu/online"));
        g_autoptr(GArray) nodes = set_read(file_read(root, SYSTEM_FOLDER "/node/online"));
        g_autoptr(GArray) places = places_read(root, cpus);

        facts->n_cpus = cpus->len;
        facts->n_nodes = MAX(nodes->len, 1u);
        for (unsigned i = 0; i < places->len; i++) {
                const Place *place = &g_array_index(places, Place, i);

                facts->threads_per_core = MAX(facts->threads_per_core, place->n_threads);
                facts->cores_per_socket = MAX(facts->cores_per_socket, cores_count(places, place->socket));
        }
        if (nodes->len == 0)
                facts->sockets_per_node = sockets_count(places, NULL);
        for (unsigned i = 0; i < nodes->len; i++) {
                g_autoptr(GArray) here = set_read(file_read(
                        root, SYSTEM_FOLDER "/node/node%u/cpulist", g_array_index(nodes, uint32_t, i)));

                facts->sockets_per_node = MAX(facts->sockets_per_node, sockets_count(places, here));
        }
}

void node_read(const char *root, NodeFacts *ret) {
        g_autofree char *cpuinfo = file_read(root, "/proc/cpuinfo");
        struct utsname names = {0};

        (void) uname(&names);
        *ret = (NodeFacts) {
                .release = g_strdup(names.release),
                .version = g_strdup(names.version),
                .machine = g_strdup(names.machine),
                .hw_caps = line_value(cpuinfo, "flags"),
                .total_memory = memory_read(root, "MemTotal"),
        };
        if (!ret->hw_caps)
                ret->hw_caps = line_value(cpuinfo, "Features");   /* as ARM calls them */
        if (!ret->hw_caps)
                ret->hw_caps = g_strdup("");
        topology_read(root, ret);
}

void node_facts_clear(NodeFacts *facts) {
        g_free(facts->release);
        g_free(facts->version);
        g_free(facts->machine);
        g_free(facts->hw_caps);
        *facts = (NodeFacts) {0};
}

bool node_facts_equal(const NodeFacts *a, const NodeFacts *b) {
        return a->n_cpus == b->n_cpus && a->n_nodes == b->n_nodes &&
               a->sockets_per_node == b->sockets_per_node && a->cores_per_socket == b->cores_per_socket &&
               a->threads_per_core == b->threads_per_core && a->total_memory == b->total_memory &&
               g_strcmp0(a->hw_caps, b->hw_caps) == 0;
}

char *node_host(void) {
        struct utsname names = {0};

        (void) uname(&names);
        return g_strdup(names.nodename);
}

uint32_t node_cpu_mhz(const char *root) {
        g_autofree char *cpuinfo = file_read(root, "/proc/cpuinfo"), *text = line_value(cpuinfo, "cpu MHz");
        g_autofree char *khz = text ? NULL
                : file_read(root, SYSTEM_FOLDER "/cpu/cpu0/cpufreq/scaling_cur_freq");

        if (khz)
                return (uint32_t) (g_ascii_strtoull(khz, NULL, 10) / 1000);
        return text ? (uint32_t) (g_ascii_strtod(text, NULL) + 0.5) : 0;
}

uint64_t node_free_memory(const char *root) {
        return memory_read(root, "MemAvailable");
}

/* ---- Coming and going. ---- */

struct NodeWatch {
        sd_device_monitor *monitor;
        void (*changed)(void *userdata);
        void *userdata;
};

static int on_device(sd_device_monitor *monitor, sd_device *device, void *userdata) {
        NodeWatch *watch = userdata;

        watch->changed(watch->userdata);
        return 0;
}

int node_watch(sd_event *event, void (*changed)(void *userdata), void *userdata, NodeWatch **ret) {
        NodeWatch *watch = g_new0(NodeWatch, 1);
        int r;

        watch->changed = changed;
        watch->userdata = userdata;
        r = sd_device_monitor_new(&watch->monitor);
        if (r >= 0)
                r = sd_device_monitor_filter_add_match_subsystem_devtype(watch->monitor, "cpu", NULL);
        if (r >= 0)
                r = sd_device_monitor_filter_add_match_subsystem_devtype(watch->monitor, "memory", NULL);
        if (r >= 0)
                r = sd_device_monitor_attach_event(watch->monitor, event);
        if (r >= 0)
                r = sd_device_monitor_start(watch->monitor, on_device, watch);
        if (r < 0) {
                node_watch_free(watch);
                return r;
        }
        *ret = watch;
        return 0;
}

NodeWatch *node_watch_free(NodeWatch *watch) {
        if (!watch)
                return NULL;
        sd_device_monitor_unref(watch->monitor);
        g_free(watch);
        return NULL;
}
