/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command lines of QEMU, word for word. */

#include <string.h>

#include "backend/qemu-cmdline.h"

static const DomainConfig minimal = {
        .name = (char *) "web1",
        .uuid = SD_ID128_ARRAY(00, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff),
        .memory = 96u << 20,
        .max_memory = 128u << 20,
        .vcpus = 1,
        .max_vcpus = 3,
        .kernel = (char *) "/boot/vmlinuz",
        .machine = MACHINE_Q35,
};

static char **command_line(const DomainConfig *config, Accelerator accelerator) {
        unsigned n_ports = config->machine == MACHINE_Q35 ? 9 : 0;

        return qemu_command_line(
                config, &(QemuLayout) {"/usr/bin/qemu", accelerator, 3, 4, 5, n_ports, NULL, 0});
}

/* The argument after the option; NULL when the option is not there. */
static char *value_of(const DomainConfig *config, const char *option) {
        g_auto(GStrv) argv = command_line(config, ACCELERATOR_TCG);

        for (char **arg = argv; *arg; arg++)
                if (g_str_equal(*arg, option))
                        return g_strdup(arg[1]);
        return NULL;
}

static void assert_value(const DomainConfig *config, const char *option, const char *expected) {
        g_autofree char *value = value_of(config, option);
        g_assert_cmpstr(value, ==, expected);
}

#define PROCESS                                                                                             \
        "/usr/bin/qemu\n"                                                                                   \
        "-name\nguest=web1,debug-threads=on\n"                                                              \
        "-uuid\n00112233-4455-6677-8899-aabbccddeeff\n"                                                     \
        "-nodefaults\n-no-user-config\n-display\nnone\n"                                                    \
        "-sandbox\non,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\n"               \
        "-msg\ntimestamp=off\n-S\n"                                                                         \
        "-action\nreboot=shutdown,shutdown=poweroff,panic=shutdown\n"
#define TCG "-accel\ntcg,tb-size=128\n-cpu\nmax\n"
#define KVM "-accel\nkvm\n-cpu\nhost\n"
#define REST                                                                                                \
        "-smp\ncpus=1,maxcpus=3\n-m\nsize=134217728B\n-rtc\nbase=utc\n"                                     \
        "-kernel\n/boot/vmlinuz\n"                                                                          \
        "-chardev\nsocket,id=monitor,fd=3,server=on,wait=off\n-mon\nchardev=monitor,mode=control\n"         \
        "-chardev\nsocket,id=console,fd=4,server=on,wait=off\n-serial\nchardev:console\n"               \
        "-chardev\nsocket,id=agent,fd=5,server=on,wait=off\n"
#define PORTS                                                                                               \
        "-device\npcie-root-port,id=port1,chassis=1,slot=1,addr=0x10.0,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port2,chassis=2,slot=2,addr=0x10.1,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port3,chassis=3,slot=3,addr=0x10.2,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port4,chassis=4,slot=4,addr=0x10.3,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port5,chassis=5,slot=5,addr=0x10.4,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port6,chassis=6,slot=6,addr=0x10.5,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port7,chassis=7,slot=7,addr=0x10.6,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port8,chassis=8,slot=8,addr=0x10.7,multifunction=on\n"                  \
        "-device\npcie-root-port,id=port9,chassis=9,slot=9,addr=0x11.0,multifunction=on\n"
#define AGENT "-device\nvirtserialport,chardev=agent,id=agent,name=org.qemu.guest_agent.0"
#define PCI_DEVICES                                                                                         \
        "-device\nvirtio-balloon-pci,id=balloon\n-device\nvirtio-serial-pci\n" AGENT                       \
        "\n-device\nVGA,id=display\n-device\npvpanic-pci,id=panic"
#define MMIO_DEVICES "-device\nvirtio-balloon-device,id=balloon\n-device\nvirtio-serial-device\n" AGENT

static void test_machines(void) {
        static const struct {
                MachineType machine;
                Accelerator accelerator;
                const char *expected;
        } table[] = {
                {MACHINE_Q35, ACCELERATOR_TCG,
                        PROCESS "-machine\nq35,usb=off,vmport=off,smbus=off\n" TCG REST PORTS PCI_DEVICES},
                {MACHINE_Q35, ACCELERATOR_KVM,
                        PROCESS "-machine\nq35,usb=off,vmport=off,smbus=off\n" KVM REST PORTS PCI_DEVICES},
                {MACHINE_PC, ACCELERATOR_TCG,
                        PROCESS "-machine\npc,usb=off,vmport=off\n" TCG REST PCI_DEVICES},
                {MACHINE_MICROVM, ACCELERATOR_TCG,
                        PROCESS "-machine\nmicrovm\n" TCG REST MMIO_DEVICES},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                DomainConfig config = minimal;
                g_auto(GStrv) argv = NULL;
                g_autofree char *line = NULL;

                config.machine = table[i].machine;
                argv = command_line(&config, table[i].accelerator);
                line = g_strjoinv("\n", argv);
                g_assert_cmpstr(line, ==, table[i].expected);
        }
}

static void test_image(void) {
        static const struct {
                const char *root, *extra, *append;
        } table[] = {
                {NULL, NULL, NULL},
                {"/dev/vda", NULL, "root=/dev/vda"},
                {NULL, "console=ttyS0 quiet", "console=ttyS0 quiet"},
                {"/dev/vda ro", "console=ttyS0 quiet", "root=/dev/vda ro console=ttyS0 quiet"},
        };
        DomainConfig config = minimal;

        assert_value(&config, "-initrd", NULL);
        config.initrd = (char *) "/boot/initrd.img";
        assert_value(&config, "-initrd", "/boot/initrd.img");
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                config.root = (char *) table[i].root;
                config.extra = (char *) table[i].extra;
                assert_value(&config, "-append", table[i].append);
        }
}

static void test_firmware(void) {
        DomainConfig config = minimal;

        config.kernel = NULL;
        config.firmware = (char *) DOMAIN_FIRMWARE_DEFAULT;
        assert_value(&config, "-bios", NULL);
        assert_value(&config, "-kernel", NULL);
        assert_value(&config, "-append", NULL);
        assert_value(&config, "-machine", "q35,usb=off,vmport=off,smbus=off,graphics=off");
        config.firmware = (char *) "/usr/share/ovmf/a,b.fd";
        config.machine = MACHINE_PC;
        assert_value(&config, "-bios", "/usr/share/ovmf/a,b.fd");
        assert_value(&config, "-machine", "pc,usb=off,vmport=off,graphics=off");
}

static void test_exact_sizes(void) {
        static const struct {
                uint64_t memory;
                const char *expected;
        } table[] = {
                {1, "size=1B"},
                {(128u << 20) + 4096, "size=134221824B"},
                {UINT64_MAX, "size=18446744073709551615B"},
        };
        DomainConfig config = minimal;

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                config.max_memory = table[i].memory;
                assert_value(&config, "-m", table[i].expected);
        }
        config.vcpus = config.max_vcpus = DOMAIN_VCPUS_MAX;
        assert_value(&config, "-smp", "cpus=512,maxcpus=512");
}

/* Whatever a user writes stays in the one argument it is for, and every other argument is as it was. */
static void test_hostile_text(void) {
        static const struct {
                const char *text, *in_name;
        } table[] = {
                {",", ",,"}, {",,", ",,,,"}, {"a,process=b", "a,,process=b"},
                {",debug-threads=off", ",,debug-threads=off"}, {"guest=x"}, {"-S"}, {"--version"},
                {"-chardev"}, {"%s%n%d"}, {"%"}, {"a b"}, {"="}, {"\""}, {"'"}, {"\\"}, {"$(id)"}, {"`id`"},
                {";"}, {"&"}, {"@file"}, {"\n"}, {"\t"}, {"\xc3\xbc"}, {"\xff"}, {""},
        };
        DomainConfig config = minimal;

        config.kernel = config.initrd = config.root = config.extra = (char *) "TEXT";
        g_auto(GStrv) plain = command_line(&config, ACCELERATOR_TCG);
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                const char *text = table[i].text, *in_name = table[i].in_name ? table[i].in_name : text;
                g_autofree char *name = g_strdup_printf("guest=%s,debug-threads=on", in_name);
                g_autofree char *append = g_strdup_printf("root=%s %s", text, text);

                config.name = config.kernel = config.initrd = config.root = config.extra = (char *) text;
                g_auto(GStrv) argv = command_line(&config, ACCELERATOR_TCG);
                g_assert_cmpuint(g_strv_length(argv), ==, g_strv_length(plain));
                for (size_t j = 0; argv[j]; j++)
                        g_assert_cmpstr(argv[j], ==,
                                g_str_equal(plain[j], "guest=web1,debug-threads=on") ? name :
                                g_str_equal(plain[j], "TEXT") ? text :
                                g_str_equal(plain[j], "root=TEXT TEXT") ? append : plain[j]);
        }
}

static void test_disks(void) {
        static const DiskConfig plain = {(char *) "data", (char *) "/srv/a,b"};
        static const DiskConfig device = {
                (char *) "more", (char *) "/dev/b", true, DISK_FORCE, DISK_QCOW2, 0};
        static const DiskConfig shared = {(char *) "ro", (char *) "/srv/c", false, DISK_RO, DISK_RAW, 0};
        static const QemuLayoutDisk disks[] = {
                {&plain, 5, 6, 1, 1}, {&device, 7, 8, 2, 0}, {&shared, 9, -1, 3, 3}};
        static const char *const expected[_MACHINE_TYPE_MAX] = {
                [MACHINE_Q35] = "virtio-blk-pci", [MACHINE_PC] = "virtio-blk-pci",
                [MACHINE_MICROVM] = "virtio-blk-device",
        };

        for (MachineType machine = 0; machine < _MACHINE_TYPE_MAX; machine++) {
                DomainConfig config = minimal;
                g_auto(GStrv) argv = NULL;
                g_autofree char *end = NULL, *wanted = g_strdup_printf(
                        "-add-fd\nfd=5,set=1\n-add-fd\nfd=6,set=1\n"
                        "-blockdev\n{\"driver\":\"raw\",\"node-name\":\"disk-data\",\"read-only\":false,"
                        "\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/1\"}}\n"
                        "-device\n%s,id=disk-data,drive=disk-data,serial=data,bootindex=1,bus=port1\n"
                        "-add-fd\nfd=7,set=2\n-add-fd\nfd=8,set=2\n"
                        "-blockdev\n{\"driver\":\"qcow2\",\"node-name\":\"disk-more\",\"read-only\":false,"
                        "\"file\":{\"driver\":\"host_device\",\"filename\":\"/dev/fdset/2\","
                        "\"locking\":\"off\"},\"backing\":null}\n"
                        "-device\n%s,id=disk-more,drive=disk-more,serial=more,bootindex=2\n"
                        "-add-fd\nfd=9,set=3\n"
                        "-blockdev\n{\"driver\":\"raw\",\"node-name\":\"disk-ro\",\"read-only\":true,"
                        "\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/3\"}}\n"
                        "-device\n%s,id=disk-ro,drive=disk-ro,serial=ro,bootindex=3,bus=port3",
                        expected[machine], expected[machine], expected[machine]);

                config.machine = machine;
                argv = qemu_command_line(&config, &(QemuLayout) {
                        "/usr/bin/qemu", ACCELERATOR_TCG, 3, 4, 5, 0, disks, G_N_ELEMENTS(disks)});
                end = g_strjoinv("\n", argv);
                g_assert_cmpstr(strstr(end, "-add-fd"), ==, wanted);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/qemu-cmdline/each machine and accelerator has its own words", test_machines);
        g_test_add_func("/qemu-cmdline/initrd, root and kernel line are passed as they are", test_image);
        g_test_add_func("/qemu-cmdline/a firmware takes the place of a kernel", test_firmware);
        g_test_add_func("/qemu-cmdline/memory is exact to the byte", test_exact_sizes);
        g_test_add_func("/qemu-cmdline/hostile text stays inside its argument", test_hostile_text);
        g_test_add_func("/qemu-cmdline/disks are descriptors, and their paths are not said", test_disks);
        return g_test_run();
}
