/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a domain is defined to be beyond its payload: how it boots, what chose its accelerator, its security
 * label, and I/O ports, which have one owner each. */

#include "bench.h"

static void test_firmware(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 2, "Firmware", "s", "/boot/OVMF.fd", "Accelerator", "s", "tcg",
                CREATE_START);
        forget(bench);
        message_send(bench, message_new_get(bench, "vm", "Image"));
        call(bench, CREATE, "vm2", 1, "Firmware", "s", "/usr/share/OVMF.fd", CREATE_START);
        expect(bench,
                "> vm.Get('org.example.VMManager1.Domain', 'Image')",
                "< vm.Get({Firmware: '/boot/OVMF.fd', Machine: 'q35', Accelerator: 'tcg'})",
                "> CreateDomain('vm2', {Firmware: '/usr/share/OVMF.fd'}, 1)",
                "< CreateDomain: Error.InvalidConfig: Firmware: /usr/share/OVMF.fd: No such file or "
                        "directory");
}

static void test_auto(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 1, "Firmware", "s", "default", CREATE_START);
        forget(bench);
        message_send(bench, message_new_get(bench, "vm", "StateReason"));
        call(bench, CREATE, "vm2", 2, "Firmware", "s", "default", "Accelerator", "s", "kvm", CREATE_START);
        expect(bench,
                "> vm.Get('org.example.VMManager1.Domain', 'StateReason')",
                "< vm.Get('created; accelerator tcg: there is no /dev/kvm')",
                "> CreateDomain('vm2', {Firmware: 'default', Accelerator: 'kvm'}, 1)",
                "< CreateDomain: Error.NotSupported: Accelerator: this host has no usable KVM: there is "
                        "no /dev/kvm");
}

static void test_label(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 2, PAYLOAD, "SecurityLabel", "s", "u:r:web_t:s0", CREATE_START);
        message_send(bench, message_new_get(bench, "web", "SecurityLabel"));
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload'], SecurityLabel: 'u:r:web_t:s0'}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root, labelled u:r:web_t:s0",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms "
                        "'web' OOMPolicy='continue' DevicePolicy='closed'",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "systemd Get vmm-web.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "web: ControlGroup '/machine.slice/vmm-web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "web: State 'running', StateReason 'created', Running true, Job /",
                "web.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'done')",
                "< CreateDomain(domain/web)",
                "> web.Get('org.example.VMManager1.Domain', 'SecurityLabel')",
                "< web.Get('u:r:web_t:s0')");

        host_has_no_labels();
        call(bench, CREATE, "web2", 2, PAYLOAD, "SecurityLabel", "s", "u:r:web_t:s0", CREATE_START);
        expect(bench,
                "> CreateDomain('web2', {Command: ['/bin/payload'], SecurityLabel: 'u:r:web_t:s0'}, 1)",
                "< CreateDomain: Error.NotSupported: SecurityLabel: not on this host");
}

static void test_ports(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 2, PAYLOAD, "IOPorts", "a(qq)", 2, 0x378, 0x37f, 0x60, 0x60,
                CREATE_START);
        create(bench, "job", CREATE_START);
        forget(bench);
        message_send(bench, message_new_get(bench, "web", "IOPorts"));
        call(bench, "web", "GrantIOPorts", "qq", 0x380, 0x382);
        call(bench, "web", "GrantIOPorts", "qq", 0x379, 0x37a);
        call(bench, "web", "RevokeIOPorts", "qq", 0x37a, 0x37b);
        call(bench, "job", "GrantIOPorts", "qq", 0x37b, 0x37b);
        expect(bench,
                "> web.Get('org.example.VMManager1.Domain', 'IOPorts')",
                "< web.Get([(0x60, 0x60), (0x378, 0x37f)])",
                "> web.GrantIOPorts(0x380, 0x382)",
                "web: IOPorts [(0x60, 0x60), (0x378, 0x382)]",
                "< web.GrantIOPorts()",
                "> web.GrantIOPorts(0x379, 0x37a)",
                "< web.GrantIOPorts()",
                "> web.RevokeIOPorts(0x37a, 0x37b)",
                "web: IOPorts [(0x60, 0x60), (0x378, 0x379), (0x37c, 0x382)]",
                "< web.RevokeIOPorts()",
                "> job.GrantIOPorts(0x37b, 0x37b)",
                "job: IOPorts [(0x37b, 0x37b)]",
                "< job.GrantIOPorts()");

        /* Refused: nothing has changed. */
        call(bench, "job", "GrantIOPorts", "qq", 0x37b, 0x37c);
        call(bench, "web", "GrantIOPorts", "qq", 0x300, 0x37b);
        call(bench, "web", "RevokeIOPorts", "qq", 0x300, 0x378);
        call(bench, "web", "GrantIOPorts", "qq", 3, 2);
        call(bench, CREATE, "other", 2, PAYLOAD, "IOPorts", "a(qq)", 1, 0x50, 0x60, CREATE_START);
        call(bench, CREATE, "vm", 2, "Kernel", "s", "/boot/vmlinuz", "IOPorts", "a(qq)", 1, 1, 2,
                CREATE_START);
        expect(bench,
                "> job.GrantIOPorts(0x37b, 0x37c)",
                "< job.GrantIOPorts: Error.DeviceInUse: I/O ports 0x37c belong to domain 'web'",
                "> web.GrantIOPorts(0x300, 0x37b)",
                "< web.GrantIOPorts: Error.DeviceInUse: I/O ports 0x37b belong to domain 'job'",
                "> web.RevokeIOPorts(0x300, 0x378)",
                "< web.RevokeIOPorts: Error.NoSuchDevice: I/O ports 0x300-0x378 do not all belong to 'web'",
                "> web.GrantIOPorts(0x3, 0x2)",
                "< web.GrantIOPorts: InvalidArgs: first: 0x3 is after last, 0x2",
                "> CreateDomain('other', {Command: ['/bin/payload'], IOPorts: [(0x50, 0x60)]}, 1)",
                "< CreateDomain: Error.DeviceInUse: I/O ports 0x60 belong to domain 'web'",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', IOPorts: [(0x1, 0x2)]}, 1)",
                "< CreateDomain: Error.NotSupported: IOPorts: QEMU cannot give its guest I/O ports of "
                        "the host");

        /* They go with their domain. */
        call(bench, "job", "Destroy", "t", UINT64_C(4));
        forget(bench);
        call(bench, "web", "GrantIOPorts", "qq", 0x37b, 0x37b);
        expect(bench,
                "> web.GrantIOPorts(0x37b, 0x37b)",
                "web: IOPorts [(0x60, 0x60), (0x378, 0x379), (0x37b, 0x382)]",
                "< web.GrantIOPorts()");
}

static void test_ports_of_machines(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "GrantIOPorts", "qq", 1, 2);
        call(bench, "vm", "RevokeIOPorts", "qq", 1, 2);
        expect(bench,
                "> vm.GrantIOPorts(0x1, 0x2)",
                "< vm.GrantIOPorts: Error.NotSupported: 'vm' is a virtual machine: QEMU cannot give its "
                        "guest I/O ports of the host",
                "> vm.RevokeIOPorts(0x1, 0x2)",
                "< vm.RevokeIOPorts: Error.NotSupported: 'vm' is a virtual machine: QEMU cannot give its "
                        "guest I/O ports of the host");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/definition/a firmware boots, and is told", test_firmware);
        BENCH_TEST("/definition/who lets the accelerator be chosen is told which, and why", test_auto);
        BENCH_TEST("/definition/a program is labelled, or refused", test_label);
        BENCH_TEST("/definition/a port has one owner", test_ports);
        BENCH_TEST("/definition/a virtual machine has no ports of the host", test_ports_of_machines);
        return g_test_run();
}
