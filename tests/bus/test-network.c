/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Networks: with the domain, and while it runs, as callers, QEMU and the administrator's scripts see it. */

#include <signal.h>

#include "bench.h"

#define SECOND UINT64_C(1000000)
#define WAIT(name, usec) name, "WaitForDevices", "t", UINT64_C(usec)
#define LAN "Name", "s", "lan", "Bridge", "s", "br0", "MAC", "s", "52:54:00:00:00:01"   /* three keys */
#define USER "Mode", "s", "user", "MAC", "s", "52:54:00:00:00:02"   /* two keys */
#define GONE "{\"device\": \"network-lan\", \"path\": \"/machine/peripheral/network-lan\"}"
#define ONLINE "run vmm-script-vmm0-online"

static void test_creation(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 2, 3, LAN, 2, USER, CREATE_START);
        message_send(bench, message_new_get(bench, "vm", "Networks"));
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Networks: [{Name: "
                        "'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01'}, {Mode: 'user', MAC: "
                        "'52:54:00:00:00:02'}]}, 1)",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/1",
                "JobNew(1, job/1, 'vm', 'create')",
                "tap vmm0 comes",
                "tap vmm0 is connected to br0 for 52:...:01",
                "fork 101: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm.scope in machine.slice: 101 TimeoutStop=43200ms 'vm' "
                        "MemoryMax=413138944 OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] "
                        "DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', 'rw'), "
                        "('/dev/char/10:196', 'rw')]",
                "job/1: Phase 'starting the scope'",
                "vm: Leader 101, Job job/1",
                "systemd Get vmm-vm.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "vm: ControlGroup '/machine.slice/vmm-vm.scope', StartTimestamp set",
                "vm: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "job/1: Phase 'connecting'",
                "job/1: Phase 'continuing the guest'",
                "qemu cont",
                "vm: Job /, Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: "
                        "'52:54:00:00:00:01', Backend: 0, State: 'ready'}, {Name: 'network0', Mode: "
                        "'user', MAC: '52:54:00:00:00:02', Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('lan', 'ready')",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'ready'}, {Name: 'network0', Mode: 'user', MAC: "
                        "'52:54:00:00:00:02', Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('network0', 'ready')",
                "vm: State 'running', StateReason 'created', Running true",
                "vm.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'done')",
                "< CreateDomain(domain/vm)",
                "> vm.Get('org.example.VMManager1.Domain', 'Networks')",
                "< vm.Get([{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', Backend: "
                        "0, State: 'ready'}, {Name: 'network0', Mode: 'user', MAC: '52:54:00:00:00:02', "
                        "Backend: 0, State: 'ready'}])");
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        await(bench, "< vm.Destroy");
        forget(bench);
        expect_empty(bench);
}

static void test_creation_refused(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 1, "Bridge", "s", "br1", CREATE_START);
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 1, "Script", "s", "vif-none",
                CREATE_START);
        call(bench, CREATE, "web", 2, PAYLOAD, "Networks", "aa{sv}", 1, 2, USER, CREATE_START);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Networks: [{Bridge: "
                        "'br1'}]}, 1)",
                "< CreateDomain: Error.InvalidConfig: Bridge: this host has no interface 'br1'",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Networks: [{Script: "
                        "'vif-none'}]}, 1)",
                "< CreateDomain: Error.InvalidConfig: Script: there is no program 'vif-none' in "
                        "/etc/vmmanager/scripts",
                "> CreateDomain('web', {Command: ['/bin/payload'], Networks: [{Mode: 'user', MAC: "
                        "'52:54:00:00:00:02'}]}, 1)",
                "< CreateDomain: Error.InvalidConfig: Networks: not a key of a domain of kind 'process'");

        /* What was made before one that fails is gone again. */
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 2, 3, LAN, 2, "Bridge", "s", "br0",
                "InterfaceName", "s", "eth0", CREATE_START);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Networks: [{Name: "
                        "'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01'}, {Bridge: 'br0', InterfaceName: "
                        "'eth0'}]}, 1)",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/1",
                "JobNew(1, job/1, 'vm', 'create')",
                "tap vmm0 comes",
                "tap vmm0 is connected to br0 for 52:...:01",
                "vm: as before",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'failed')",
                "tap vmm0 goes",
                "vm: State 'inactive', StateReason 'could not be created'",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: Error.DeviceInUse: InterfaceName: this host has an interface 'eth0' "
                        "already");
        host_bridges_nothing();
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 3, LAN, CREATE_START);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Networks: [{Name: "
                        "'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01'}]}, 1)",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'create')",
                "tap vmm1 comes",
                "tap vmm1 goes",
                "vm: as before",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'create', 'failed')",
                "vm: State 'inactive', StateReason 'could not be created'",
                "vm.StateChanged('starting', 'inactive', 'could not be created', {})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< CreateDomain: AccessDenied: Cannot connect the interface 'vmm1'");
        expect_empty(bench);
}

/* The guest runs; its network is connected when the script has done its part. */
static void test_script(Bench *bench, gconstpointer data) {
        systemd_holds(ONLINE);
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 5, LAN, "Script", "s", "vif-lan",
                "Address", "s", "192.0.2.7", CREATE_START);
        forget(bench);
        call(bench, WAIT("vm", 0));
        call(bench, WAIT("vm", 60000000));
        expect(bench,
                "> vm.WaitForDevices(0)",
                "< vm.WaitForDevices({lan: 'waiting'})",
                "> vm.WaitForDevices(60000000)");
        systemd_goes_on(ONLINE);
        expect(bench,
                "tap vmm0 is connected to br0 for 52:...:01",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', Address: '192.0.2.7', MAC: "
                        "'52:54:00:00:00:01', Script: 'vif-lan', Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('lan', 'ready')",
                "< vm.WaitForDevices({lan: 'ready'})");

        /* It is told of the end, too; the interface is there until it has heard. */
        systemd_holds("run vmm-script-vmm0-offline");
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> vm.Destroy(4)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "vm.StateChanged('running', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/2: Phase 'SIGKILL', DeadlineUSec set",
                "vm.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'done')",
                "systemd run vmm-script-vmm0-offline-2.service after vmm-script-vmm0-online-1.service: "
                        "/etc/vmmanager/scripts/vif-lan offline type_if=vif with "
                        "script=/etc/vmmanager/scripts/vif-lan vif=vmm0 mac=52:54:00:00:00:01 bridge=br0 "
                        "ip=192.0.2.7 XENBUS_TYPE=vif domain=vm",
                "vm: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Destroy()");
        systemd_goes_on("run vmm-script-vmm0-offline");
        expect(bench,
                "tap vmm0 goes");
        expect_empty(bench);
}

/* The guest is there, but connected to nothing; nobody is told of an end. */
static void test_script_fails(Bench *bench, gconstpointer data) {
        systemd_refuses(ONLINE, SD_BUS_ERROR_FAILED, "/etc/vmmanager/scripts/vif-lan failed");
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 4, LAN, "Script", "s", "vif-lan",
                CREATE_START);
        await(bench, "< CreateDomain");
        forget(bench);
        call(bench, WAIT("vm", 60000000));
        call(bench, "vm", "AttachNetwork", "a{sv}", 3, LAN);
        expect(bench,
                "> vm.WaitForDevices(60000000)",
                "< vm.WaitForDevices({lan: 'failed: /etc/vmmanager/scripts/vif-lan failed'})",
                "> vm.AttachNetwork({Name: 'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01'})",
                "< vm.AttachNetwork: Error.InvalidConfig: Name: 'vm' still has the network 'lan', which "
                        "is to be detached first");

        /* It can be detached. */
        call(bench, "vm", "DetachNetwork", "s", "lan");
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "> vm.DetachNetwork('lan')",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Script: 'vif-lan', Backend: 0, State: 'going'}]",
                "vm.DeviceChanged('lan', 'going')",
                "< vm.DetachNetwork()",
                "qemu device_del {\"id\":\"network-lan\"}",
                "qemu netdev_del {\"id\":\"network-lan\"}",
                "vm: Networks []",
                "vm.DeviceChanged('lan', 'removed')",
                "tap vmm0 goes");
}

/* A domain that ends while a script sets its network up. */
static void test_script_is_ended(Bench *bench, gconstpointer data) {
        systemd_holds(ONLINE);
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 4, LAN, "Script", "s", "vif-lan",
                CREATE_START);
        forget(bench);
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        expect(bench,
                "> vm.Destroy(4)",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'stop')",
                "vm: State 'stopping', StateReason 'stopping on request', Running false, Dying true, Job "
                        "job/2",
                "vm.StateChanged('running', 'stopping', 'stopping on request', {})",
                "vm: StopPhase 'SIGKILL', StopDeadlineUSec set",
                "job/2: Phase 'SIGKILL', DeadlineUSec set",
                "vm.StopStep('SIGKILL', 0, 1)",
                "systemd KillUnit vmm-vm.scope SIGKILL",
                "end 101 by SIGKILL",
                "vm: Leader 0, Job /",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'stop', 'done')",
                "systemd StopUnit vmm-script-vmm0-online-1.service",
                "systemd run vmm-script-vmm0-offline-2.service after vmm-script-vmm0-online-1.service: "
                        "/etc/vmmanager/scripts/vif-lan offline type_if=vif with "
                        "script=/etc/vmmanager/scripts/vif-lan vif=vmm0 mac=52:54:00:00:00:01 bridge=br0 "
                        "XENBUS_TYPE=vif domain=vm",
                "vm: State 'inactive', StateReason 'stopped by SIGKILL', Dying false, StopPhase '', "
                        "StopDeadlineUSec 0",
                "vm.StateChanged('stopping', 'inactive', 'stopped by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)",
                "< vm.Destroy()",
                "tap vmm0 goes");
        systemd_goes_on(ONLINE);
        expect_empty(bench);
}

/* The next machine has the same interface, although the script that is told of the end is not done; its own
 * one comes after that. */
static void test_restart(Bench *bench, gconstpointer data) {
        bench->manager->settings->restart_delay_usec = 10000;
        call(bench, CREATE, "vm", 4, QEMU, "OnCrash", "s", "restart", "Networks", "aa{sv}", 1, 5, LAN,
                "Script", "s", "vif-lan", "InterfaceName", "s", "lan0", CREATE_START);
        forget(bench);
        systemd_holds("run vmm-script-lan0-offline");
        process_dies(FAKE_PID_FIRST, SIGSEGV);
        await(bench, "vm.DeviceChanged('lan', 'ready')");
        expect(bench,
                "end 101 by SIGSEGV",
                "systemd run vmm-script-lan0-offline-2.service after vmm-script-lan0-online-1.service: "
                        "/etc/vmmanager/scripts/vif-lan offline type_if=vif with "
                        "script=/etc/vmmanager/scripts/vif-lan vif=lan0 mac=52:54:00:00:00:01 bridge=br0 "
                        "XENBUS_TYPE=vif domain=vm",
                "vm: State 'crashed', StateReason 'killed by SIGSEGV', Running false, Crashed true, "
                        "Leader 0, ControlGroup '', InvocationID [], StartTimestamp 0, "
                        "NextRestartTimestamp set",
                "vm.StateChanged('running', 'crashed', 'killed by SIGSEGV', {Signal: 11})",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'restart')",
                "vm: State 'starting', StateReason 'restarting', Job job/2, Networks [{Name: 'lan', Mode: "
                        "'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', Script: 'vif-lan', "
                        "InterfaceName: 'lan0', Backend: 0, State: 'waiting'}], Restarts 1, "
                        "NextRestartTimestamp 0",
                "vm.StateChanged('crashed', 'starting', 'restarting', {})",
                "tap lan0 is disconnected",
                "fork 102: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm.scope in machine.slice: 102 TimeoutStop=43200ms 'vm' "
                        "MemoryMax=413138944 OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] "
                        "DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', 'rw'), "
                        "('/dev/char/10:196', 'rw')]",
                "job/2: Phase 'starting the scope'",
                "vm: Leader 102",
                "systemd Get vmm-vm.scope InvocationID",
                "release 102",
                "job/2: Phase 'executing'",
                "vm: ControlGroup '/machine.slice/vmm-vm.scope', StartTimestamp set",
                "vm: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "job/2: Phase 'connecting'",
                "job/2: Phase 'continuing the guest'",
                "qemu cont",
                "systemd run vmm-script-lan0-online-3.service after vmm-script-lan0-offline-2.service: "
                        "/etc/vmmanager/scripts/vif-lan online type_if=vif with "
                        "script=/etc/vmmanager/scripts/vif-lan vif=lan0 mac=52:54:00:00:00:01 bridge=br0 "
                        "XENBUS_TYPE=vif domain=vm",
                "vm: State 'running', StateReason 'restarted: killed by SIGSEGV', Running true, Crashed "
                        "false, Job /",
                "vm.StateChanged('starting', 'running', 'restarted: killed by SIGSEGV', {})",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'restart', 'done')",
                "tap lan0 is connected to br0 for 52:...:01",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Script: 'vif-lan', InterfaceName: 'lan0', Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('lan', 'ready')");
        systemd_goes_on("run vmm-script-lan0-offline");
        expect_nothing(bench);
}

static void test_attach(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "AttachNetwork", "a{sv}", 3, LAN);
        expect(bench,
                "> vm.AttachNetwork({Name: 'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01'})",
                "tap vmm0 comes",
                "tap vmm0 is connected to br0 for 52:...:01",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('lan', 'waiting')",
                "< vm.AttachNetwork('lan')",
                "qemu getfd {\"fdname\":\"network-lan\"}",
                "qemu netdev_add {\"type\":\"tap\",\"id\":\"network-lan\",\"fd\":\"network-lan\"}",
                "qemu device_add "
                        "{\"driver\":\"virtio-net-pci\",\"id\":\"network-lan\",\"bus\":\"port1\","
                        "\"netdev\":\"network-lan\",\"mac\":\"52:54:00:00:00:01\",\"romfile\":\"\"}",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('lan', 'ready')");
        call(bench, "vm", "AttachNetwork", "a{sv}", 2, USER);
        expect(bench,
                "> vm.AttachNetwork({Mode: 'user', MAC: '52:54:00:00:00:02'})",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'ready'}, {Name: 'network0', Mode: 'user', MAC: "
                        "'52:54:00:00:00:02', Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('network0', 'waiting')",
                "< vm.AttachNetwork('network0')",
                "qemu netdev_add {\"type\":\"user\",\"id\":\"network-network0\"}",
                "qemu device_add "
                        "{\"driver\":\"virtio-net-pci\",\"id\":\"network-network0\",\"bus\":\"port2\","
                        "\"netdev\":\"network-network0\",\"mac\":\"52:54:00:00:00:02\",\"romfile\":\"\"}",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'ready'}, {Name: 'network0', Mode: 'user', MAC: "
                        "'52:54:00:00:00:02', Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('network0', 'ready')");
        call(bench, "vm", "DetachNetwork", "s", "lan");
        expect(bench,
                "> vm.DetachNetwork('lan')",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'going'}, {Name: 'network0', Mode: 'user', MAC: "
                        "'52:54:00:00:00:02', Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('lan', 'going')",
                "< vm.DetachNetwork()",
                "qemu device_del {\"id\":\"network-lan\"}");
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "qemu netdev_del {\"id\":\"network-lan\"}",
                "vm: Networks [{Name: 'network0', Mode: 'user', MAC: '52:54:00:00:00:02', Backend: 0, "
                        "State: 'ready'}]",
                "vm.DeviceChanged('lan', 'removed')",
                "tap vmm0 goes");
}

static void test_attach_with_script(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "AttachNetwork", "a{sv}", 4, LAN, "Script", "s", "vif-lan");
        expect(bench,
                "> vm.AttachNetwork({Name: 'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01', Script: "
                        "'vif-lan'})",
                "tap vmm0 comes",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Script: 'vif-lan', Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('lan', 'waiting')",
                "systemd run vmm-script-vmm0-online-1.service: /etc/vmmanager/scripts/vif-lan online "
                        "type_if=vif with script=/etc/vmmanager/scripts/vif-lan vif=vmm0 "
                        "mac=52:54:00:00:00:01 bridge=br0 XENBUS_TYPE=vif domain=vm",
                "< vm.AttachNetwork('lan')",
                "tap vmm0 is connected to br0 for 52:...:01",
                "qemu getfd {\"fdname\":\"network-lan\"}",
                "qemu netdev_add {\"type\":\"tap\",\"id\":\"network-lan\",\"fd\":\"network-lan\"}",
                "qemu device_add "
                        "{\"driver\":\"virtio-net-pci\",\"id\":\"network-lan\",\"bus\":\"port1\","
                        "\"netdev\":\"network-lan\",\"mac\":\"52:54:00:00:00:01\",\"romfile\":\"\"}",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Script: 'vif-lan', Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('lan', 'ready')");
        call(bench, "vm", "DetachNetwork", "s", "lan");
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "> vm.DetachNetwork('lan')",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Script: 'vif-lan', Backend: 0, State: 'going'}]",
                "vm.DeviceChanged('lan', 'going')",
                "< vm.DetachNetwork()",
                "qemu device_del {\"id\":\"network-lan\"}",
                "qemu netdev_del {\"id\":\"network-lan\"}",
                "vm: Networks []",
                "vm.DeviceChanged('lan', 'removed')",
                "systemd run vmm-script-vmm0-offline-2.service after vmm-script-vmm0-online-1.service: "
                        "/etc/vmmanager/scripts/vif-lan offline type_if=vif with "
                        "script=/etc/vmmanager/scripts/vif-lan vif=vmm0 mac=52:54:00:00:00:01 bridge=br0 "
                        "XENBUS_TYPE=vif domain=vm",
                "tap vmm0 goes");
}

/* Nothing of it is left, and its name is free. */
static void test_attach_fails(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("device_add", MONITOR_REFUSES);
        call(bench, "vm", "AttachNetwork", "a{sv}", 3, LAN);
        call(bench, WAIT("vm", 0));
        expect(bench,
                "> vm.AttachNetwork({Name: 'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01'})",
                "tap vmm0 comes",
                "tap vmm0 is connected to br0 for 52:...:01",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('lan', 'waiting')",
                "< vm.AttachNetwork('lan')",
                "qemu getfd {\"fdname\":\"network-lan\"}",
                "qemu netdev_add {\"type\":\"tap\",\"id\":\"network-lan\",\"fd\":\"network-lan\"}",
                "qemu device_add "
                        "{\"driver\":\"virtio-net-pci\",\"id\":\"network-lan\",\"bus\":\"port1\","
                        "\"netdev\":\"network-lan\",\"mac\":\"52:54:00:00:00:01\",\"romfile\":\"\"}",
                "tap vmm0 goes",
                "vm: Warnings ['The network 'lan' is not connected: QEMU refused 'device_add' with 'not "
                        "now'']",
                "vm.Warning('The network 'lan' is not connected: QEMU refused 'device_add' with 'not now'')",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Backend: 0, State: 'failed', Reason: 'QEMU refused 'device_add' with 'not "
                        "now''}]",
                "vm.DeviceChanged('lan', 'failed')",
                "qemu netdev_del {\"id\":\"network-lan\"}",
                "> vm.WaitForDevices(0)",
                "< vm.WaitForDevices({lan: 'failed: QEMU refused 'device_add' with 'not now''})");
        monitor_does("device_add", MONITOR_ANSWERS);
        monitor_does("netdev_add", MONITOR_REFUSES);
        call(bench, "vm", "AttachNetwork", "a{sv}", 4, LAN, "Script", "s", "vif-lan");
        expect(bench,
                "> vm.AttachNetwork({Name: 'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01', Script: "
                        "'vif-lan'})",
                "vm: Networks []",
                "vm.DeviceChanged('lan', 'removed')",
                "tap vmm1 comes",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Script: 'vif-lan', Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('lan', 'waiting')",
                "systemd run vmm-script-vmm1-online-1.service: /etc/vmmanager/scripts/vif-lan online "
                        "type_if=vif with script=/etc/vmmanager/scripts/vif-lan vif=vmm1 "
                        "mac=52:54:00:00:00:01 bridge=br0 XENBUS_TYPE=vif domain=vm",
                "< vm.AttachNetwork('lan')",
                "tap vmm1 is connected to br0 for 52:...:01",
                "qemu getfd {\"fdname\":\"network-lan\"}",
                "qemu netdev_add {\"type\":\"tap\",\"id\":\"network-lan\",\"fd\":\"network-lan\"}",
                "systemd run vmm-script-vmm1-offline-2.service after vmm-script-vmm1-online-1.service: "
                        "/etc/vmmanager/scripts/vif-lan offline type_if=vif with "
                        "script=/etc/vmmanager/scripts/vif-lan vif=vmm1 mac=52:54:00:00:00:01 bridge=br0 "
                        "XENBUS_TYPE=vif domain=vm",
                "vm: Warnings ['The network 'lan' is not connected: QEMU refused 'device_add' with 'not "
                        "now'', 'The network 'lan' is not connected: QEMU refused 'netdev_add' with 'not "
                        "now'']",
                "vm.Warning('The network 'lan' is not connected: QEMU refused 'netdev_add' with 'not now'')",
                "vm: Networks [{Name: 'lan', Mode: 'tap', Bridge: 'br0', MAC: '52:54:00:00:00:01', "
                        "Script: 'vif-lan', Backend: 0, State: 'failed', Reason: 'QEMU refused "
                        "'netdev_add' with 'not now''}]",
                "vm.DeviceChanged('lan', 'failed')",
                "qemu netdev_del {\"id\":\"network-lan\"}",
                "tap vmm1 goes");
        call(bench, "vm", "DetachNetwork", "s", "lan");
        call(bench, "vm", "DetachNetwork", "s", "lan");
        expect(bench,
                "> vm.DetachNetwork('lan')",
                "vm: Networks []",
                "vm.DeviceChanged('lan', 'removed')",
                "< vm.DetachNetwork()",
                "> vm.DetachNetwork('lan')",
                "< vm.DetachNetwork: Error.NoSuchDevice: 'vm' has no network 'lan'");
}

static void test_attach_refused(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        create(bench, "web", CREATE_START);
        call(bench, "vm", "AttachNetwork", "a{sv}", 3, LAN);
        forget(bench);
        call(bench, "vm", "AttachNetwork", "a{sv}", 3, LAN);
        call(bench, "vm", "AttachNetwork", "a{sv}", 2, "Bridge", "s", "br0", "MAC", "s",
                "52:54:00:00:00:01");
        call(bench, "vm", "AttachNetwork", "a{sv}", 1, "Bridge", "s", "br1");
        call(bench, "vm", "AttachNetwork", "a{sv}", 2, "Bridge", "s", "br0", "InterfaceName", "s", "eth0");
        call(bench, "vm", "AttachNetwork", "a{sv}", 1, "Bridg", "s", "br0");
        call(bench, "vm", "AttachNetwork", "a{sv}", 0);
        call(bench, "vm", "DetachNetwork", "s", "wan\n");
        call(bench, "web", "AttachNetwork", "a{sv}", 2, USER);
        expect(bench,
                "> vm.AttachNetwork({Name: 'lan', Bridge: 'br0', MAC: '52:54:00:00:00:01'})",
                "< vm.AttachNetwork: Error.InvalidConfig: Name: 'vm' has a network 'lan' already",
                "> vm.AttachNetwork({Bridge: 'br0', MAC: '52:54:00:00:00:01'})",
                "< vm.AttachNetwork: Error.InvalidConfig: MAC: the network 'lan' of 'vm' has "
                        "52:54:00:00:00:01 already",
                "> vm.AttachNetwork({Bridge: 'br1'})",
                "< vm.AttachNetwork: Error.InvalidConfig: Bridge: this host has no interface 'br1'",
                "> vm.AttachNetwork({Bridge: 'br0', InterfaceName: 'eth0'})",
                "< vm.AttachNetwork: Error.DeviceInUse: InterfaceName: this host has an interface 'eth0' "
                        "already",
                "> vm.AttachNetwork({Bridg: 'br0'})",
                "< vm.AttachNetwork: InvalidArgs: network: there is no key 'Bridg'",
                "> vm.AttachNetwork({})",
                "< vm.AttachNetwork: Error.InvalidConfig: network: Bridge: a network needs one, or a "
                        "Script, or the mode 'user'",
                "> vm.DetachNetwork('wan",
                "')",
                "< vm.DetachNetwork: Error.NoSuchDevice: 'vm' has no network 'wan\\x0a'",
                "> web.AttachNetwork({Mode: 'user', MAC: '52:54:00:00:00:02'})",
                "< web.AttachNetwork: Error.NotSupported: Cannot attach a network to 'web': it is not a "
                        "virtual machine");
}

static void test_user_mode(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 1, "Bridge", "s", "br0", CREATE_START);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Networks: [{Bridge: "
                        "'br0'}]}, 1)",
                "< CreateDomain: Error.NotSupported: Networks: a user's own manager has those of mode "
                        "'user' only");
        call(bench, CREATE, "vm", 3, QEMU, "Networks", "aa{sv}", 1, 2, USER, CREATE_START);
        forget(bench);
        call(bench, WAIT("vm", 0));
        expect(bench,
                "> vm.WaitForDevices(0)",
                "< vm.WaitForDevices({network0: 'ready'})");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/network/a domain has its networks from the beginning", test_creation);
        BENCH_TEST("/network/a network that cannot be is no domain", test_creation_refused);
        BENCH_TEST("/network/a script comes before the connection, and hears of the end", test_script);
        BENCH_TEST("/network/a script that fails leaves the guest alone", test_script_fails);
        BENCH_TEST("/network/a script is ended with its domain", test_script_is_ended);
        BENCH_TEST("/network/a restart takes its interface over", test_restart);
        BENCH_TEST("/network/one comes and goes while the guest runs", test_attach);
        BENCH_TEST("/network/one with a script comes and goes", test_attach_with_script);
        BENCH_TEST("/network/what fails on its way leaves nothing", test_attach_fails);
        BENCH_TEST("/network/what cannot be attached is refused", test_attach_refused);
        g_test_add("/network/a user's own manager has mode user", Bench, "user", bench_setup, test_user_mode,
                bench_teardown);
        return g_test_run();
}
