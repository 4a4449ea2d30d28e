/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.example.VMManager1.Node: the machine itself, and its end. */

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "bus/bus.h"
#include "core/node.h"
#include "core/power.h"
#include "host/kvm.h"
#include "util/build-facts.h"

enum {
        POWER_FORCE = 1 << 0,
};

static int power_verb(sd_bus_message *m, Bus *bus, HostPower what, sd_bus_error *error) {
        uint64_t flags;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "t", &flags);
        if (r >= 0)
                r = bus_check_flags(flags, POWER_FORCE, error);
        if (r < 0)
                return r;
        r = authorize(bus->authority, m, &(AuthorityDetails) {
                        .domain = "", .uuid = "", .slice = "",
                        .row = what == HOST_REBOOT ? "Node.Reboot" : NULL,   /* a domain's is another's */
                }, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, power_request(bus->manager->power, what, flags & POWER_FORCE, uid,
                                          bus_verb_reply, sd_bus_message_ref(m), error));
}

static int method_power_off(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return power_verb(m, userdata, HOST_POWER_OFF, error);
}

static int method_reboot(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return power_verb(m, userdata, HOST_REBOOT, error);
}

/* ---- Properties. ---- */

static const Node *node_of(void *userdata) {
        return ((const Bus *) userdata)->manager->node;
}

#define PROPERTY(name)                                                                                      \
        static int property_##name(sd_bus *bus, const char *path, const char *interface,                    \
                const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)

PROPERTY(host) {
        g_autofree char *host = node_host();

        return sd_bus_message_append(reply, "s", host);
}

/* Of the kernel: Release, Version, Machine; HWCaps. */
PROPERTY(text) {
        const NodeFacts *facts = &node_of(userdata)->facts;

        return sd_bus_message_append(reply, "s",
                g_str_equal(property, "Release")   ? facts->release
                : g_str_equal(property, "Version") ? facts->version
                : g_str_equal(property, "Machine") ? facts->machine
                                                   : facts->hw_caps);
}

PROPERTY(count) {
        static const struct {
                const char *property;
                size_t offset;
        } counts[] = {
                {"NrCPUs",         offsetof(NodeFacts, n_cpus)},
                {"NrNodes",        offsetof(NodeFacts, n_nodes)},
                {"SocketsPerNode", offsetof(NodeFacts, sockets_per_node)},
                {"CoresPerSocket", offsetof(NodeFacts, cores_per_socket)},
                {"ThreadsPerCore", offsetof(NodeFacts, threads_per_core)},
        };
        const char *facts = (const char *) &node_of(userdata)->facts;

        for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
                if (g_str_equal(counts[i].property, property))
                        return sd_bus_message_append_basic(reply, 'u', facts + counts[i].offset);
        g_assert_not_reached();
}

PROPERTY(cpu_mhz) {
        return sd_bus_message_append(reply, "u", node_cpu_mhz(""));
}

PROPERTY(total_memory) {
        return sd_bus_message_append(reply, "t", node_of(userdata)->facts.total_memory);
}

PROPERTY(free_memory) {
        return sd_bus_message_append(reply, "t", node_free_memory(""));
}

PROPERTY(hypervisor) {
        const char *why;

        return sd_bus_message_append(reply, "s", kvm_is_usable(&why) ? "kvm" : "tcg");
}

PROPERTY(hypervisor_version) {
        const Node *node = node_of(userdata);

        return sd_bus_message_append(reply, "i",
                g_str_equal(property, "HypervisorMajor") ? node->hypervisor_major : node->hypervisor_minor);
}

PROPERTY(hypervisor_extra) {
        return sd_bus_message_append(reply, "s", node_of(userdata)->hypervisor_extra);
}

PROPERTY(capabilities) {
        const char *machine = node_of(userdata)->facts.machine, *why;
        g_autofree char *kvm = kvm_is_usable(&why) ? g_strconcat("kvm-", machine, " ", NULL) : g_strdup("");
        g_autofree char *text = g_strdup_printf("%stcg-%s process", kvm, machine);

        return sd_bus_message_append(reply, "s", text);
}

PROPERTY(platform_params) {
        const char *systemd = units_version(((const Bus *) userdata)->manager->units);
        g_autofree char *text =
                g_strdup_printf("page_size=%ld systemd=%s", sysconf(_SC_PAGESIZE), systemd ? systemd : "");

        return sd_bus_message_append(reply, "s", text);
}

PROPERTY(build) {
        return sd_bus_message_append(reply, "s",
                g_str_equal(property, "Changeset")        ? build_changeset
                : g_str_equal(property, "Compiler")       ? build_compiler
                : g_str_equal(property, "CompiledBy")     ? build_by
                : g_str_equal(property, "CompiledDomain") ? build_domain
                                                          : build_date);
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable node_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("PowerOff", "t", SD_BUS_PARAM(flags), NULL,, method_power_off,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("Reboot", "t", SD_BUS_PARAM(flags), NULL,, method_reboot,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Host", "s", property_host, 0, 0),
        SD_BUS_PROPERTY("Release", "s", property_text, 0, CONST),
        SD_BUS_PROPERTY("Version", "s", property_text, 0, CONST),
        SD_BUS_PROPERTY("Machine", "s", property_text, 0, CONST),
        SD_BUS_PROPERTY("NrCPUs", "u", property_count, 0, CHANGES),
        SD_BUS_PROPERTY("NrNodes", "u", property_count, 0, CHANGES),
        SD_BUS_PROPERTY("SocketsPerNode", "u", property_count, 0, CHANGES),
        SD_BUS_PROPERTY("CoresPerSocket", "u", property_count, 0, CHANGES),
        SD_BUS_PROPERTY("ThreadsPerCore", "u", property_count, 0, CHANGES),
        SD_BUS_PROPERTY("CPUMHz", "u", property_cpu_mhz, 0, 0),
        SD_BUS_PROPERTY("HWCaps", "s", property_text, 0, CHANGES),
        SD_BUS_PROPERTY("TotalMemory", "t", property_total_memory, 0, CHANGES),
        SD_BUS_PROPERTY("FreeMemory", "t", property_free_memory, 0, 0),
        SD_BUS_PROPERTY("Hypervisor", "s", property_hypervisor, 0, 0),
        SD_BUS_PROPERTY("HypervisorMajor", "i", property_hypervisor_version, 0, CHANGES),
        SD_BUS_PROPERTY("HypervisorMinor", "i", property_hypervisor_version, 0, CHANGES),
        SD_BUS_PROPERTY("HypervisorExtra", "s", property_hypervisor_extra, 0, CHANGES),
        SD_BUS_PROPERTY("Capabilities", "s", property_capabilities, 0, 0),
        SD_BUS_PROPERTY("PlatformParams", "s", property_platform_params, 0, CONST),
        SD_BUS_PROPERTY("Changeset", "s", property_build, 0, CONST),
        SD_BUS_PROPERTY("Compiler", "s", property_build, 0, CONST),
        SD_BUS_PROPERTY("CompiledBy", "s", property_build, 0, CONST),
        SD_BUS_PROPERTY("CompiledDomain", "s", property_build, 0, CONST),
        SD_BUS_PROPERTY("CompiledDate", "s", property_build, 0, CONST),
        SD_BUS_VTABLE_END,
};

const BusObject node_object = {BUS_PATH, BUS_INTERFACE("Node"), node_vtable, NULL, NULL};
