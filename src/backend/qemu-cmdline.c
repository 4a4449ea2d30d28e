/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What QEMU 7.2 to 10 is started with. Reads no file and asks nobody; which machine, which guest and which
 * files is the configuration's to say, and everything else is said here. */

#include <inttypes.h>
#include <stdarg.h>

#include "backend/qemu-cmdline.h"

/* Ports share slots of the root bus, eight each, from this one on: below it is room for what else there
 * is. */
#define PORT_SLOT_FIRST 0x10u
#define PORTS_PER_SLOT 8u

__attribute__((format(printf, 3, 4)))
static void add(GPtrArray *argv, const char *option, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        g_ptr_array_add(argv, g_strdup(option));
        g_ptr_array_add(argv, g_strdup_vprintf(format, ap));
        va_end(ap);
}

static void add_process(GPtrArray *argv, const DomainConfig *config) {
        g_auto(GStrv) parts = g_strsplit(config->name, ",", -1);
        g_autofree char *name = g_strjoinv(",,", parts);   /* a single comma would begin another setting */
        char uuid[SD_ID128_UUID_STRING_MAX];

        /* Threads have names ("CPU 0/TCG"), so that a failed pause can tell which one would not freeze. */
        add(argv, "-name", "guest=%s,debug-threads=on", name);
        add(argv, "-uuid", "%s", sd_id128_to_uuid_string(config->uuid, uuid));

        /* Nothing but what is named here: no default devices, no settings from files, no window. */
        g_ptr_array_add(argv, g_strdup("-nodefaults"));
        g_ptr_array_add(argv, g_strdup("-no-user-config"));
        add(argv, "-display", "none");

        /* A guest that breaks out finds no way to other programs, other users or more resources. */
        add(argv, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");

        /* Whoever keeps the messages knows when they came. */
        add(argv, "-msg", "timestamp=off");

        /* The guest's first instruction is the daemon's to allow. */
        g_ptr_array_add(argv, g_strdup("-S"));
}

static void add_machine(GPtrArray *argv, const DomainConfig *config, const QemuLayout *layout) {
        /* Without the parts that nothing here uses: less to attack, and less for the guest to look for. A
         * microvm has none of them. */
        static const char *const options[_MACHINE_TYPE_MAX] = {
                [MACHINE_Q35] = ",usb=off,vmport=off,smbus=off",
                [MACHINE_MICROVM] = "",
                [MACHINE_PC] = ",usb=off,vmport=off",
        };

        /* A firmware that has no display shows itself, and what it boots, on the serial console. */
        add(argv, "-machine", "%s%s%s",
                layout->machine ? layout->machine : machine_type_to_string(config->machine),
                options[config->machine], config->firmware ? ",graphics=off" : "");
        if (layout->machine)
                add(argv, "-incoming", "defer");
        if (layout->accelerator == ACCELERATOR_KVM) {
                add(argv, "-accel", "kvm");
                add(argv, "-cpu", "host");
        } else {
                /* Translated code comes on top of the guest's memory. The boot of a distribution's kernel
                 * makes 80 MiB of it; QEMU would keep up to 1 GiB; beyond this many MiB it starts afresh. */
                add(argv, "-accel", "tcg,tb-size=128");
                add(argv, "-cpu", "max");
        }
        add(argv, "-smp", "cpus=%" PRIu32 ",maxcpus=%" PRIu32, config->vcpus, config->max_vcpus);

        /* All that it may ever have: the balloon takes what is above its target. A bare number would be MiB.
         */
        add(argv, "-m", "size=%" PRIu64 "B", config->max_memory);
        add(argv, "-rtc", "base=utc");
}

/* QEMU takes these four as they are, commas and all. */
static void add_image(GPtrArray *argv, const DomainConfig *config) {
        if (config->firmware) {
                if (!g_str_equal(config->firmware, DOMAIN_FIRMWARE_DEFAULT))
                        add(argv, "-bios", "%s", config->firmware);
                return;
        }
        add(argv, "-kernel", "%s", config->kernel);
        if (config->initrd)
                add(argv, "-initrd", "%s", config->initrd);
        if (config->root && config->extra)
                add(argv, "-append", "root=%s %s", config->root, config->extra);
        else if (config->root)
                add(argv, "-append", "root=%s", config->root);
        else if (config->extra)
                add(argv, "-append", "%s", config->extra);
}

/* A listening socket that QEMU inherits: it serves one connection after the other, so that a restarted
 * daemon can come back, and what is written while nobody is connected is dropped and stalls nothing. */
static void add_socket(GPtrArray *argv, const char *id, int fd) {
        add(argv, "-chardev", "socket,id=%s,fd=%d,server=on,wait=off", id, fd);
}

static bool keeps(LifeAction action) {
        return action == LIFE_PRESERVE || action == LIFE_RENAME_RESTART;
}

QemuActions qemu_actions(const DomainConfig *config) {
        const LifeAction *policies = config->policies;

        return (QemuActions) {
                .reboot = policies[LIFE_REBOOT] == LIFE_RESTART ? "reset" : "shutdown",
                .shutdown = keeps(policies[LIFE_POWEROFF]) || keeps(policies[LIFE_REBOOT]) ? "pause"
                                                                                            : "poweroff",
                .panic = keeps(policies[LIFE_CRASH]) ? "pause" : "shutdown",
        };
}

static void add_actions(GPtrArray *argv, const DomainConfig *config) {
        QemuActions actions = qemu_actions(config);

        add(argv, "-action", "reboot=%s,shutdown=%s,panic=%s", actions.reboot, actions.shutdown,
                actions.panic);
}

/* On q35 nothing can be plugged in but behind a port that was there from the start. */
static void add_ports(GPtrArray *argv, unsigned n_ports) {
        for (unsigned i = 0; i < n_ports; i++)
                add(argv, "-device",
                        "pcie-root-port,id=port%u,chassis=%u,slot=%u,addr=0x%x.%u,multifunction=on", i + 1,
                        i + 1, i + 1, PORT_SLOT_FIRST + i / PORTS_PER_SLOT, i % PORTS_PER_SLOT);
}

JsonObject *qemu_disk_node(const DiskConfig *disk, unsigned fdset) {
        JsonObject *node = json_object_new(), *file = json_object_new();
        g_autofree char *name = g_strconcat("disk-", disk->name, NULL);
        g_autofree char *path = g_strdup_printf("/dev/fdset/%u", fdset);

        json_object_set_string_member(file, "driver", disk->block ? "host_device" : "file");
        json_object_set_string_member(file, "filename", path);
        /* Who forces a disk wants no look at who else has it. */
        if (disk->mode == DISK_FORCE)
                json_object_set_string_member(file, "locking", "off");
        json_object_set_string_member(node, "driver", disk_format_to_string(disk->format));
        json_object_set_string_member(node, "node-name", name);
        json_object_set_boolean_member(node, "read-only", disk->mode == DISK_RO);
        json_object_set_object_member(node, "file", file);
        /* Whatever the image has come to name meanwhile. */
        if (disk->format == DISK_QCOW2)
                json_object_set_null_member(node, "backing");
        return node;
}

/* place: of those that the firmware tries to boot from, one after the other; from 1 on. */
static void add_disk(GPtrArray *argv, MachineType machine, const QemuLayoutDisk *disk, unsigned place) {
        const DiskConfig *config = disk->config;
        g_autofree char *bus = disk->port ? g_strdup_printf(",bus=port%u", disk->port) : g_strdup("");
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);

        json_node_take_object(node, qemu_disk_node(config, disk->fdset));
        g_autofree char *text = json_to_string(node, FALSE);

        add(argv, "-add-fd", "fd=%d,set=%u", disk->read_fd, disk->fdset);
        if (disk->write_fd >= 0)
                add(argv, "-add-fd", "fd=%d,set=%u", disk->write_fd, disk->fdset);
        add(argv, "-blockdev", "%s", text);
        add(argv, "-device", "%s,id=disk-%s,drive=disk-%s,serial=%s,bootindex=%u%s",
                machine == MACHINE_MICROVM ? "virtio-blk-device" : "virtio-blk-pci", config->name,
                config->name, config->name, place, bus);
}

static void add_network(GPtrArray *argv, MachineType machine, const QemuLayoutNetwork *network) {
        const NetworkConfig *config = network->config;
        g_autofree char *bus = network->port ? g_strdup_printf(",bus=port%u", network->port) : g_strdup("");
        g_autofree char *mac = mac_address_to_string(&config->mac);
        bool pci = machine != MACHINE_MICROVM;

        if (config->mode == NETWORK_TAP)
                add(argv, "-netdev", "tap,id=network-%s,fd=%d", config->name, network->fd);
        else
                add(argv, "-netdev", "user,id=network-%s", config->name);
        /* No boot from the network: the card brings no code of its own. */
        add(argv, "-device", "%s,id=network-%s,netdev=network-%s,mac=%s%s%s",
                pci ? "virtio-net-pci" : "virtio-net-device", config->name, config->name, mac,
                pci ? ",romfile=" : "", bus);
}

static void add_devices(GPtrArray *argv, MachineType machine) {
        /* How a guest gives memory back while it runs. */
        add(argv, "-device", "%s,id=balloon",
                machine == MACHINE_MICROVM ? "virtio-balloon-device" : "virtio-balloon-pci");

        /* Where an agent in the guest listens, if there is one. */
        add(argv, "-device", "%s",
                machine == MACHINE_MICROVM ? "virtio-serial-device" : "virtio-serial-pci");
        add(argv, "-device", "virtserialport,chardev=" QEMU_AGENT_ID ",id=" QEMU_AGENT_ID
                             ",name=org.qemu.guest_agent.0");

        /* What a guest shows when it is not asked for a console on the serial line. */
        if (machine != MACHINE_MICROVM)
                add(argv, "-device", "VGA,id=display");

        /* How a guest's kernel tells that it has panicked; it has no form without PCI. */
        if (machine != MACHINE_MICROVM)
                add(argv, "-device", "pvpanic-pci,id=panic");
}

char **qemu_command_line(const DomainConfig *config, const QemuLayout *layout) {
        GPtrArray *argv = g_ptr_array_new();

        g_ptr_array_add(argv, g_strdup(layout->binary));
        add_process(argv, config);
        add_actions(argv, config);
        add_machine(argv, config, layout);
        add_image(argv, config);
        add_socket(argv, "monitor", layout->monitor_fd);
        add(argv, "-mon", "chardev=monitor,mode=control");
        add_socket(argv, "console", layout->console_fd);
        add(argv, "-serial", "chardev:console");
        add_socket(argv, QEMU_AGENT_ID, layout->agent_fd);
        add_ports(argv, layout->n_ports);
        add_devices(argv, config->machine);
        for (unsigned i = 0; i < layout->n_disks; i++)
                add_disk(argv, config->machine, &layout->disks[i], i + 1);
        for (unsigned i = 0; i < layout->n_networks; i++)
                add_network(argv, config->machine, &layout->networks[i]);
        g_ptr_array_add(argv, NULL);
        return (char **) g_ptr_array_free(argv, FALSE);
}
