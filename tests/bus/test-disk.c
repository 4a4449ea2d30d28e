/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Disks: with the domain, and while it runs, as callers and QEMU see it. */

#include <string.h>

#include "bench.h"

#define SECOND UINT64_C(1000000)
#define GONE "{\"device\": \"disk-data\", \"path\": \"/machine/peripheral/disk-data\"}"

static void create_with(Bench *bench, const char *sender, const char *name, const char *source,
        const char *mode, const char *disk) {
        sd_bus_message *m = message_new_as(bench, sender, "manager", "CreateDomain");

        message_append(m, "sa{sv}t", name, 3, QEMU, "Disks", "aa{sv}", 1, 3, "Source", "s", source,
                "Mode", "s", mode, "Name", "s", disk, CREATE_START);
        message_send(bench, m);
}

static void attach(Bench *bench, const char *object, const char *source, const char *name) {
        call(bench, object, "AttachDisk", "a{sv}", 2, "Source", "s", source, "Name", "s", name);
}

static void detach(Bench *bench, const char *object, const char *name) {
        call(bench, object, "DetachDisk", "s", name);
}

static void set_policy(Bench *bench, const char *property, const char *action) {
        sd_bus_message *m = message_new_set(bench, "vm", property);

        message_append(m, "v", "s", action);
        message_send(bench, m);
}

/* A domain with a disk that is ready; the transcript does not have it. */
static void create_attached(Bench *bench) {
        create_qemu(bench, "vm", CREATE_START);
        attach(bench, "vm", "file:/srv/data", "data");
        forget(bench);
}

static void test_creation(Bench *bench, gconstpointer data) {
        create_with(bench, ":1.1", "vm", "phy:/dev/data", "ro", "data");
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'phy:/dev/data', Mode: 'ro', Name: 'data'}]}, 1)",
                "open /dev/data ro as we are",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/1",
                "JobNew(1, job/1, 'vm', 'create')",
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
                "vm: Job /, Disks [{Name: 'data', Source: 'phy:/dev/data', Mode: 'ro', Format: 'raw', "
                        "Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('data', 'ready')",
                "vm: State 'running', StateReason 'created', Running true",
                "vm.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'done')",
                "< CreateDomain(domain/vm)");
        detach(bench, "vm", "data");
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks [{Name: 'data', Source: 'phy:/dev/data', Mode: 'ro', Format: 'raw', Backend: "
                        "0, State: 'going'}]",
                "vm.DeviceChanged('data', 'going')",
                "< vm.DetachDisk()",
                "qemu device_del {\"id\":\"disk-data\"}",
                "qemu blockdev-del {\"node-name\":\"disk-data\"}",
                "qemu remove-fd {\"fdset-id\":1}",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')");
}

/* And nothing of it is left. */
static void test_creation_refused(Bench *bench, gconstpointer data) {
        caller_is(bench, ":1.5", 1000);
        bench->polkit = POLKIT_YES;
        create_with(bench, ":1.1", "vm", "file:/none", "rw", "data");
        create_with(bench, ":1.1", "vm", "file:/srv/locked", "ro", "data");
        create_with(bench, ":1.5", "vm", "file:/srv/root", "ro", "data");
        create_with(bench, ":1.1", "vm", "/srv/data", "ro", "data");
        create_with(bench, ":1.1", "vm", "file:/srv/data", "rw", "a,b");
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'file:/none', Mode: 'rw', Name: 'data'}]}, 1)",
                "< CreateDomain: Error.InvalidConfig: disk 'data': Source: /none: No such file or "
                        "directory",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'file:/srv/locked', Mode: 'ro', Name: 'data'}]}, 1)",
                "open /srv/locked ro as we are",
                "< CreateDomain: Error.DeviceInUse: disk 'data': Source: /srv/locked is in use by PID 77 "
                        "(qemu-img)",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'file:/srv/root', Mode: 'ro', Name: 'data'}]}, 1)",
                "polkit? :1.5: create, domain vm uuid - slice machine.slice owner - verb CreateDomain",
                "open /srv/root ro as alice",
                "< CreateDomain: AccessDenied: disk 'data': Source: /srv/root: Permission denied, for "
                        "user alice",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'/srv/data', Mode: 'ro', Name: 'data'}]}, 1)",
                "< CreateDomain: Error.InvalidConfig: Disks[0]: Source: '/srv/data' is neither file: nor "
                        "phy: and a path",
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'file:/srv/data', Mode: 'rw', Name: 'a,b'}]}, 1)",
                "< CreateDomain: Error.InvalidConfig: Disks[0]: Name: 'a,b' is not made of letters, "
                        "digits, '-', '_' and '.'");
        expect_empty(bench);
}

static void test_attach(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        attach(bench, "vm", "file:/srv/data", "data");
        call(bench, "vm", "WaitForDevices", "t", SECOND);
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "open /srv/data rw as we are",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'waiting'}]",
                "vm.DeviceChanged('data', 'waiting')",
                "< vm.AttachDisk('data')",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu blockdev-add "
                        "{\"driver\":\"raw\",\"node-name\":\"disk-data\",\"read-only\":false,\"file\":{\"d"
                        "river\":\"file\",\"filename\":\"/dev/fdset/1\"}}",
                "qemu device_add "
                        "{\"driver\":\"virtio-blk-pci\",\"id\":\"disk-data\",\"bus\":\"port1\",\"drive\":"
                        "\"disk-data\",\"serial\":\"data\"}",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'ready'}]",
                "vm.DeviceChanged('data', 'ready')",
                "> vm.WaitForDevices(1000000)",
                "< vm.WaitForDevices({data: 'ready'})");
        detach(bench, "vm", "data");
        call(bench, "vm", "WaitForDevices", "t", 60 * SECOND);
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'going'}]",
                "vm.DeviceChanged('data', 'going')",
                "< vm.DetachDisk()",
                "qemu device_del {\"id\":\"disk-data\"}",
                "> vm.WaitForDevices(60000000)");
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "qemu blockdev-del {\"node-name\":\"disk-data\"}",
                "qemu remove-fd {\"fdset-id\":1}",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')",
                "< vm.WaitForDevices({})");
}

static void test_attach_forced(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "AttachDisk", "a{sv}", 3, "Source", "s", "file:/srv/locked", "Mode", "s",
                "force", "Format", "s", "qcow2");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/locked', Mode: 'force', Format: 'qcow2'})",
                "open /srv/locked force as we are",
                "vm: Disks [{Name: 'disk0', Source: 'file:/srv/locked', Mode: 'force', Format: 'qcow2', "
                        "Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('disk0', 'waiting')",
                "< vm.AttachDisk('disk0')",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu blockdev-add "
                        "{\"driver\":\"qcow2\",\"node-name\":\"disk-disk0\",\"read-only\":false,\"file\":{"
                        "\"driver\":\"file\",\"filename\":\"/dev/fdset/1\",\"locking\":\"off\"},\"backing"
                        "\":null}",
                "qemu device_add "
                        "{\"driver\":\"virtio-blk-pci\",\"id\":\"disk-disk0\",\"bus\":\"port1\",\"drive\":"
                        "\"disk-disk0\",\"serial\":\"disk0\"}",
                "vm: Disks [{Name: 'disk0', Source: 'file:/srv/locked', Mode: 'force', Format: 'qcow2', "
                        "Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('disk0', 'ready')");
        call(bench, "vm", "AttachDisk", "a{sv}", 2, "Source", "s", "phy:/dev/data", "Mode", "s", "ro");
        expect(bench,
                "> vm.AttachDisk({Source: 'phy:/dev/data', Mode: 'ro'})",
                "open /dev/data ro as we are",
                "vm: Disks [{Name: 'disk0', Source: 'file:/srv/locked', Mode: 'force', Format: 'qcow2', "
                        "Backend: 0, State: 'ready'}, {Name: 'disk1', Source: 'phy:/dev/data', Mode: "
                        "'ro', Format: 'raw', Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('disk1', 'waiting')",
                "< vm.AttachDisk('disk1')",
                "qemu add-fd {\"fdset-id\":2}",
                "qemu blockdev-add "
                        "{\"driver\":\"raw\",\"node-name\":\"disk-disk1\",\"read-only\":true,\"file\":{\"d"
                        "river\":\"host_device\",\"filename\":\"/dev/fdset/2\"}}",
                "qemu device_add "
                        "{\"driver\":\"virtio-blk-pci\",\"id\":\"disk-disk1\",\"bus\":\"port2\",\"drive\":"
                        "\"disk-disk1\",\"serial\":\"disk1\"}",
                "vm: Disks [{Name: 'disk0', Source: 'file:/srv/locked', Mode: 'force', Format: 'qcow2', "
                        "Backend: 0, State: 'ready'}, {Name: 'disk1', Source: 'phy:/dev/data', Mode: "
                        "'ro', Format: 'raw', Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('disk1', 'ready')");
}

static void test_attach_refused(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        create(bench, "web", CREATE_START);
        call(bench, "vm", "AttachDisk", "a{sv}", 0);
        call(bench, "vm", "AttachDisk", "a{sv}", 2, "Source", "s", "file:/srv/data", "Dev", "s", "vda");
        attach(bench, "vm", "file:/none", "data");
        attach(bench, "vm", "file:/srv/locked", "data");
        attach(bench, "web", "file:/srv/data", "data");
        detach(bench, "web", "data");
        detach(bench, "vm", "data");
        expect(bench,
                "> vm.AttachDisk({})",
                "< vm.AttachDisk: Error.InvalidConfig: disk: Source: a disk needs one",
                "> vm.AttachDisk({Source: 'file:/srv/data', Dev: 'vda'})",
                "< vm.AttachDisk: InvalidArgs: disk: there is no key 'Dev'",
                "> vm.AttachDisk({Source: 'file:/none', Name: 'data'})",
                "< vm.AttachDisk: Error.InvalidConfig: disk 'data': Source: /none: No such file or "
                        "directory",
                "> vm.AttachDisk({Source: 'file:/srv/locked', Name: 'data'})",
                "open /srv/locked rw as we are",
                "< vm.AttachDisk: Error.DeviceInUse: disk 'data': Source: /srv/locked is in use by PID 77 "
                        "(qemu-img)",
                "> web.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "< web.AttachDisk: Error.NotSupported: Cannot attach a disk to 'web': it is not a virtual "
                        "machine",
                "> web.DetachDisk('data')",
                "< web.DetachDisk: Error.NotSupported: Cannot detach a disk from 'web': it is not a "
                        "virtual machine",
                "> vm.DetachDisk('data')",
                "< vm.DetachDisk: Error.NoSuchDevice: 'vm' has no disk 'data'");
        call(bench, "vm", "Pause", NULL);
        forget(bench);
        attach(bench, "vm", "file:/srv/data", "data");
        detach(bench, "vm", "data");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "< vm.AttachDisk: Error.NotRunning: Cannot attach a disk to 'vm': it is paused",
                "> vm.DetachDisk('data')",
                "< vm.DetachDisk: Error.NotRunning: Cannot detach a disk from 'vm': it is paused");
}

static void test_caller(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        bench->polkit = POLKIT_YES;
        caller_is(bench, ":1.5", 1000);
        caller_is(bench, ":1.6", 4711);
        for (int i = 5; i < 7; i++) {
                g_autofree char *sender = g_strdup_printf(":1.%d", i);
                sd_bus_message *m = message_new_as(bench, sender, "vm", "AttachDisk");

                message_append(m, "a{sv}", 1, "Source", "s", "file:/srv/root");
                message_send(bench, m);
        }
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/root'})",
                "polkit? :1.5: configure, domain vm uuid of vm slice machine.slice owner 0 verb AttachDisk",
                "open /srv/root rw as alice",
                "< vm.AttachDisk: AccessDenied: disk 'disk0': Source: /srv/root: Permission denied, for "
                        "user alice",
                "> vm.AttachDisk({Source: 'file:/srv/root'})",
                "polkit? :1.6: configure, domain vm uuid of vm slice machine.slice owner 0 verb AttachDisk",
                "< vm.AttachDisk: AccessDenied: disk 'disk0': Source: there is no user 4711, with whose "
                        "rights it would be opened");
}

static void test_in_use(Bench *bench, gconstpointer data) {
        create_with(bench, ":1.1", "vm", "file:/srv/data", "rw", "data");
        create_with(bench, ":1.1", "reader", "file:/srv/shared", "ro", "shared");
        forget(bench);
        create_with(bench, ":1.1", "other", "file:/srv/data", "ro", "data");
        attach(bench, "reader", "file:/srv/data", "a");
        attach(bench, "vm", "file:/srv/data", "b");
        attach(bench, "vm", "file:/srv/shared", "c");
        attach(bench, "vm", "file:/srv/free", "data");
        expect(bench,
                "> CreateDomain('other', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'file:/srv/data', Mode: 'ro', Name: 'data'}]}, 1)",
                "< CreateDomain: Error.DeviceInUse: disk 'data': Source: /srv/data is in use by domain "
                        "'vm', as its disk 'data'",
                "> reader.AttachDisk({Source: 'file:/srv/data', Name: 'a'})",
                "< reader.AttachDisk: Error.DeviceInUse: disk 'a': Source: /srv/data is in use by domain "
                        "'vm', as its disk 'data'",
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'b'})",
                "< vm.AttachDisk: Error.DeviceInUse: disk 'b': Source: /srv/data is in use by domain "
                        "'vm', as its disk 'data'",
                "> vm.AttachDisk({Source: 'file:/srv/shared', Name: 'c'})",
                "< vm.AttachDisk: Error.DeviceInUse: disk 'c': Source: /srv/shared is in use by domain "
                        "'reader', as its disk 'shared'",
                "> vm.AttachDisk({Source: 'file:/srv/free', Name: 'data'})",
                "< vm.AttachDisk: Error.InvalidConfig: Name: 'vm' has a disk 'data' already");
}

/* One step less each time; the name is free again. */
static void test_steps_refused(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("device_add", MONITOR_REFUSES);
        attach(bench, "vm", "file:/srv/data", "data");
        call(bench, "vm", "WaitForDevices", "t", SECOND);
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "open /srv/data rw as we are",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'waiting'}]",
                "vm.DeviceChanged('data', 'waiting')",
                "< vm.AttachDisk('data')",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu blockdev-add "
                        "{\"driver\":\"raw\",\"node-name\":\"disk-data\",\"read-only\":false,\"file\":{\"d"
                        "river\":\"file\",\"filename\":\"/dev/fdset/1\"}}",
                "qemu device_add "
                        "{\"driver\":\"virtio-blk-pci\",\"id\":\"disk-data\",\"bus\":\"port1\",\"drive\":"
                        "\"disk-data\",\"serial\":\"data\"}",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'failed', Reason: 'QEMU refused 'device_add' with 'not now''}]",
                "vm.DeviceChanged('data', 'failed')",
                "qemu blockdev-del {\"node-name\":\"disk-data\"}",
                "qemu remove-fd {\"fdset-id\":1}",
                "> vm.WaitForDevices(1000000)",
                "< vm.WaitForDevices({data: 'failed: QEMU refused 'device_add' with 'not now''})");
        monitor_does("blockdev-add", MONITOR_REFUSES);
        attach(bench, "vm", "file:/srv/data", "data");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "open /srv/data rw as we are",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'waiting'}]",
                "vm.DeviceChanged('data', 'waiting')",
                "< vm.AttachDisk('data')",
                "qemu add-fd {\"fdset-id\":2}",
                "qemu add-fd {\"fdset-id\":2}",
                "qemu blockdev-add "
                        "{\"driver\":\"raw\",\"node-name\":\"disk-data\",\"read-only\":false,\"file\":{\"d"
                        "river\":\"file\",\"filename\":\"/dev/fdset/2\"}}",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'failed', Reason: 'QEMU refused 'blockdev-add' with 'not now''}]",
                "vm.DeviceChanged('data', 'failed')",
                "qemu remove-fd {\"fdset-id\":2}");
        monitor_does("add-fd", MONITOR_REFUSES);
        attach(bench, "vm", "file:/srv/data", "data");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "open /srv/data rw as we are",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'waiting'}]",
                "vm.DeviceChanged('data', 'waiting')",
                "< vm.AttachDisk('data')",
                "qemu add-fd {\"fdset-id\":3}",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'failed', Reason: 'QEMU refused 'add-fd' with 'not now''}]",
                "vm.DeviceChanged('data', 'failed')");
        detach(bench, "vm", "data");
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')",
                "< vm.DetachDisk()");
}

static void test_monitor_lost(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("blockdev-add", MONITOR_HANGS_UP);
        attach(bench, "vm", "file:/srv/data", "data");
        await(bench, "Warning");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "open /srv/data rw as we are",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'waiting'}]",
                "vm.DeviceChanged('data', 'waiting')",
                "< vm.AttachDisk('data')",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu add-fd {\"fdset-id\":1}",
                "qemu blockdev-add "
                        "{\"driver\":\"raw\",\"node-name\":\"disk-data\",\"read-only\":false,\"file\":{\"d"
                        "river\":\"file\",\"filename\":\"/dev/fdset/1\"}}",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'failed', Reason: 'QEMU closed its monitor'}]",
                "vm.DeviceChanged('data', 'failed')",
                "vm: Warnings ['The monitor is lost: QEMU closed its monitor']",
                "vm.Warning('The monitor is lost: QEMU closed its monitor')");
        attach(bench, "vm", "file:/srv/data", "more");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'more'})",
                "open /srv/data rw as we are",
                "< vm.AttachDisk: Error.MonitorFailed: QEMU cannot be told to add-fd: its monitor is lost");
}

static void test_kept(Bench *bench, gconstpointer data) {
        create_attached(bench);
        monitor_does("device_del", MONITOR_REFUSES);
        detach(bench, "vm", "data");
        call(bench, "vm", "WaitForDevices", "t", SECOND);
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'going'}]",
                "vm.DeviceChanged('data', 'going')",
                "< vm.DetachDisk()",
                "qemu device_del {\"id\":\"disk-data\"}",
                "vm: Warnings ['The disk 'data' is still attached: QEMU refused 'device_del' with 'not "
                        "now'']",
                "vm.Warning('The disk 'data' is still attached: QEMU refused 'device_del' with 'not now'')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'kept', Reason: 'QEMU refused 'device_del' with 'not now''}]",
                "vm.DeviceChanged('data', 'kept')",
                "> vm.WaitForDevices(1000000)",
                "< vm.WaitForDevices({data: 'kept: QEMU refused 'device_del' with 'not now''})");
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "qemu blockdev-del {\"node-name\":\"disk-data\"}",
                "qemu remove-fd {\"fdset-id\":1}",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')");
}

static void test_going_twice(Bench *bench, gconstpointer data) {
        create_attached(bench);
        monitor_does("device_del", MONITOR_WAITS);
        detach(bench, "vm", "data");
        detach(bench, "vm", "data");
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'going'}]",
                "vm.DeviceChanged('data', 'going')",
                "< vm.DetachDisk()",
                "qemu device_del {\"id\":\"disk-data\"}",
                "> vm.DetachDisk('data')",
                "< vm.DetachDisk()");
        monitor_tells_data("DEVICE_DELETED", GONE);
        settle(bench);
        monitor_goes_on("device_del");
        expect(bench,
                "qemu blockdev-del {\"node-name\":\"disk-data\"}",
                "qemu remove-fd {\"fdset-id\":1}",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')");
}

static void test_left_behind(Bench *bench, gconstpointer data) {
        create_attached(bench);
        monitor_does("blockdev-del", MONITOR_REFUSES);
        detach(bench, "vm", "data");
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'going'}]",
                "vm.DeviceChanged('data', 'going')",
                "< vm.DetachDisk()",
                "qemu device_del {\"id\":\"disk-data\"}",
                "qemu blockdev-del {\"node-name\":\"disk-data\"}",
                "vm: Warnings ['The disk 'data' is not free: QEMU refused 'blockdev-del' with 'not now'']",
                "vm.Warning('The disk 'data' is not free: QEMU refused 'blockdev-del' with 'not now'')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'failed', Reason: 'QEMU refused 'blockdev-del' with 'not now''}]",
                "vm.DeviceChanged('data', 'failed')");
        detach(bench, "vm", "data");
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')",
                "< vm.DetachDisk()");
}

static void test_foreign_events(Bench *bench, gconstpointer data) {
        create_attached(bench);
        monitor_tells_data("DEVICE_DELETED", "{\"path\": \"/machine/peripheral/disk-data/virtio-backend\"}");
        monitor_tells_data("DEVICE_DELETED", "{\"device\": \"balloon\", \"path\": \"/machine/balloon\"}");
        monitor_tells_data("DEVICE_DELETED", "{\"device\": 7, \"path\": []}");
        monitor_tells_data("DEVICE_DELETED", "{\"device\": null}");
        expect_nothing(bench);
        detach(bench, "vm", "data");
        monitor_tells_data("DEVICE_DELETED", GONE);
        monitor_tells_data("DEVICE_DELETED", GONE);
        expect(bench,
                "> vm.DetachDisk('data')",
                "vm: Disks [{Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', Backend: "
                        "0, State: 'going'}]",
                "vm.DeviceChanged('data', 'going')",
                "< vm.DetachDisk()",
                "qemu device_del {\"id\":\"disk-data\"}",
                "qemu blockdev-del {\"node-name\":\"disk-data\"}",
                "qemu remove-fd {\"fdset-id\":1}",
                "vm: Disks []",
                "vm.DeviceChanged('data', 'removed')");
}

static void test_ports(Bench *bench, gconstpointer data) {
        create_with(bench, ":1.1", "vm", "file:/srv/first", "rw", "first");
        bench->quiet = true;
        for (unsigned i = 0; i < 8; i++) {
                g_autofree char *source = g_strdup_printf("file:/srv/%u", i);
                call(bench, "vm", "AttachDisk", "a{sv}", 1, "Source", "s", source);
        }
        bench->quiet = false;
        forget(bench);
        attach(bench, "vm", "file:/srv/data", "data");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "open /srv/data rw as we are",
                "< vm.AttachDisk: Error.LimitExceeded: All 9 ports of 'vm' for disks and networks are "
                        "taken");
        detach(bench, "vm", "disk3");
        monitor_tells_data("DEVICE_DELETED", "{\"device\": \"disk-disk3\"}");
        settle(bench);
        forget(bench);
        attach(bench, "vm", "file:/srv/data", "data");
        expect(bench,
                "> vm.AttachDisk({Source: 'file:/srv/data', Name: 'data'})",
                "open /srv/data rw as we are",
                "vm: Disks [{Name: 'first', Source: 'file:/srv/first', Mode: 'rw', Format: 'raw', "
                        "Backend: 0, State: 'ready'}, {Name: 'disk0', Source: 'file:/srv/0', Mode: 'rw', "
                        "Format: 'raw', Backend: 0, State: 'ready'}, {Name: 'disk1', Source: "
                        "'file:/srv/1', Mode: 'rw', Format: 'raw', Backend: 0, State: 'ready'}, {Name: "
                        "'disk2', Source: 'file:/srv/2', Mode: 'rw', Format: 'raw', Backend: 0, State: "
                        "'ready'}, {Name: 'disk4', Source: 'file:/srv/4', Mode: 'rw', Format: 'raw', "
                        "Backend: 0, State: 'ready'}, {Name: 'disk5', Source: 'file:/srv/5', Mode: 'rw', "
                        "Format: 'raw', Backend: 0, State: 'ready'}, {Name: 'disk6', Source: "
                        "'file:/srv/6', Mode: 'rw', Format: 'raw', Backend: 0, State: 'ready'}, {Name: "
                        "'disk7', Source: 'file:/srv/7', Mode: 'rw', Format: 'raw', Backend: 0, State: "
                        "'ready'}, {Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', "
                        "Backend: 0, State: 'waiting'}]",
                "vm.DeviceChanged('data', 'waiting')",
                "< vm.AttachDisk('data')",
                "qemu add-fd {\"fdset-id\":10}",
                "qemu add-fd {\"fdset-id\":10}",
                "qemu blockdev-add "
                        "{\"driver\":\"raw\",\"node-name\":\"disk-data\",\"read-only\":false,\"file\":{\"d"
                        "river\":\"file\",\"filename\":\"/dev/fdset/10\"}}",
                "qemu device_add "
                        "{\"driver\":\"virtio-blk-pci\",\"id\":\"disk-data\",\"bus\":\"port5\",\"drive\":"
                        "\"disk-data\",\"serial\":\"data\"}",
                "vm: Disks [{Name: 'first', Source: 'file:/srv/first', Mode: 'rw', Format: 'raw', "
                        "Backend: 0, State: 'ready'}, {Name: 'disk0', Source: 'file:/srv/0', Mode: 'rw', "
                        "Format: 'raw', Backend: 0, State: 'ready'}, {Name: 'disk1', Source: "
                        "'file:/srv/1', Mode: 'rw', Format: 'raw', Backend: 0, State: 'ready'}, {Name: "
                        "'disk2', Source: 'file:/srv/2', Mode: 'rw', Format: 'raw', Backend: 0, State: "
                        "'ready'}, {Name: 'disk4', Source: 'file:/srv/4', Mode: 'rw', Format: 'raw', "
                        "Backend: 0, State: 'ready'}, {Name: 'disk5', Source: 'file:/srv/5', Mode: 'rw', "
                        "Format: 'raw', Backend: 0, State: 'ready'}, {Name: 'disk6', Source: "
                        "'file:/srv/6', Mode: 'rw', Format: 'raw', Backend: 0, State: 'ready'}, {Name: "
                        "'disk7', Source: 'file:/srv/7', Mode: 'rw', Format: 'raw', Backend: 0, State: "
                        "'ready'}, {Name: 'data', Source: 'file:/srv/data', Mode: 'rw', Format: 'raw', "
                        "Backend: 0, State: 'ready'}]",
                "vm.DeviceChanged('data', 'ready')");
}

static void test_end(Bench *bench, gconstpointer data) {
        create_attached(bench);
        detach(bench, "vm", "data");
        call(bench, "vm", "WaitForDevices", "t", UINT64_MAX);
        forget(bench);
        process_dies(FAKE_PID_FIRST, 9);
        expect(bench,
                "end 101 by SIGKILL",
                "vm: Dying true, Leader 0",
                "< vm.WaitForDevices: Error.NotRunning: Cannot wait for devices of 'vm': it has ended",
                "vm: State 'inactive', StateReason 'killed by SIGKILL', Running false, Dying false, "
                        "Crashed true",
                "vm.StateChanged('running', 'inactive', 'killed by SIGKILL', {Signal: 9})",
                "- domain/vm",
                "DomainRemoved('vm', domain/vm)");
        expect_empty(bench);
}

static void test_daemon_ends(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("blockdev-add", MONITOR_WAITS);
        attach(bench, "vm", "file:/srv/data", "data");
        call(bench, "vm", "WaitForDevices", "t", UINT64_MAX);
        forget(bench);
        bench_stop(bench);
        expect(bench,
                "< vm.WaitForDevices: Error.NotRunning: Cannot wait for devices of 'vm': the manager is "
                        "ending");
}

static void test_kept_domain(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        attach(bench, "vm", "file:/srv/data", "data");
        bench->quiet = true;
        set_policy(bench, "OnPoweroff", "preserve");
        monitor_tells("SHUTDOWN", "guest-shutdown");
        monitor_tells_data("STOP", "{}");
        settle(bench);
        bench->quiet = false;
        forget(bench);
        create_with(bench, ":1.1", "other", "file:/srv/data", "rw", "data");
        detach(bench, "vm", "data");
        expect(bench,
                "> CreateDomain('other', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Disks: [{Source: "
                        "'file:/srv/data', Mode: 'rw', Name: 'data'}]}, 1)",
                "< CreateDomain: Error.DeviceInUse: disk 'data': Source: /srv/data is in use by domain "
                        "'vm', as its disk 'data'",
                "> vm.DetachDisk('data')",
                "< vm.DetachDisk: Error.NotRunning: Cannot detach a disk from 'vm': it is not running");
        process_dies(FAKE_PID_FIRST, 9);
        settle(bench);
        forget(bench);
        bench->quiet = true;
        create_with(bench, ":1.1", "other", "file:/srv/data", "rw", "data");
        g_assert_cmpstr(bench->answer, ==, "(domain/other)");
}

/* They are read only: of others its QEMU is not kept beside who begins again. */
static void test_buried(Bench *bench, gconstpointer data) {
        create_with(bench, ":1.1", "vm", "file:/srv/data", "ro", "data");
        bench->quiet = true;
        set_policy(bench, "OnCrash", "rename-restart");
        monitor_tells_data("GUEST_PANICKED", "{\"action\": \"pause\"}");
        monitor_tells_data("STOP", "{}");
        await(bench, "restarted: guest-panic");
        settle(bench);
        call(bench, "vm", "Destroy", "t", UINT64_C(4));
        create_with(bench, ":1.1", "other", "file:/srv/data", "rw", "data");
        g_assert_nonnull(strstr(bench->answer, "Source: /srv/data is in use by domain 'vm-"));
        forget(bench);
}

static void test_wait(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        monitor_does("add-fd", MONITOR_WAITS);
        attach(bench, "vm", "file:/srv/data", "data");
        forget(bench);
        call(bench, "vm", "WaitForDevices", "t", UINT64_C(0));
        call(bench, "vm", "WaitForDevices", "t", UINT64_C(1000));
        await(bench, "> vm.WaitForDevices(1000)\n< vm.WaitForDevices({data: 'waiting'})");
        expect(bench,
                "> vm.WaitForDevices(0)",
                "< vm.WaitForDevices({data: 'waiting'})",
                "> vm.WaitForDevices(1000)",
                "< vm.WaitForDevices({data: 'waiting'})");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/disk/a domain has its disks from the beginning", test_creation);
        BENCH_TEST("/disk/a disk that cannot be had makes no domain", test_creation_refused);
        BENCH_TEST("/disk/a disk comes and goes while the guest runs", test_attach);
        BENCH_TEST("/disk/what is forced is not looked at; what is ro has one descriptor",
                test_attach_forced);
        BENCH_TEST("/disk/what cannot be attached is refused before anything happens", test_attach_refused);
        BENCH_TEST("/disk/a disk is opened with the rights of the caller", test_caller);
        BENCH_TEST("/disk/what a domain writes to is no other's", test_in_use);
        BENCH_TEST("/disk/what QEMU refuses is taken back, and said", test_steps_refused);
        BENCH_TEST("/disk/a monitor that is lost fails what is on its way", test_monitor_lost);
        BENCH_TEST("/disk/a disk that does not go is kept, and may go later", test_kept);
        BENCH_TEST("/disk/one that goes is asked for once", test_going_twice);
        BENCH_TEST("/disk/what QEMU holds on to is said", test_left_behind);
        BENCH_TEST("/disk/events of other devices, of parts, and nonsense", test_foreign_events);
        BENCH_TEST("/disk/a q35 has eight ports more than devices", test_ports);
        BENCH_TEST("/disk/the end of the domain answers who waits", test_end);
        BENCH_TEST("/disk/so does the end of the daemon", test_daemon_ends);
        BENCH_TEST("/disk/one that is kept uses its disks as long as its QEMU lives", test_kept_domain);
        BENCH_TEST("/disk/what is buried alive takes its disks along", test_buried);
        BENCH_TEST("/disk/waiting ends with its time", test_wait);
        return g_test_run();
}
