/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Resource settings and devices: what systemd is told, all or nothing; what is read back and published; what
 * the kernel does not have is told, or set again after the next thaw. */

#include <glib.h>

#include "bench.h"
#include "util/errors.h"

#define SET(name) name, "SetResources", "a(sv)"
#define OCI(name) name, "UpdateResourcesOCI", "s"

static void test_order(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, SET("web"), 2, "TasksMax", "t", UINT64_C(50), "MemoryMax", "t", UINT64_C(1) << 30);
        expect(bench,
                "> web.SetResources([('TasksMax', 50), ('MemoryMax', 1073741824)])",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope TasksMax=50 MemoryMax=1073741824",
                "web: Job job/2",
                "systemd GetAll vmm-web.scope",
                "job/2: Phase 'reading back'",
                "web: Job /, Resources {OOMPolicy: 'continue', DevicePolicy: 'closed', TasksMax: 50, "
                        "MemoryMax: 1073741824}",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'configure', 'done')",
                "< web.SetResources()");

        /* Lists are emptied before they are sent, and replaced whole. */
        call(bench, SET("web"), 1, "IODeviceWeight", "a(st)", 0);
        expect(bench, "> web.SetResources([('IODeviceWeight', [])])",
                "< web.SetResources: Error.NotSupported: IODeviceWeight needs 'io' control, which this "
                "systemd does "
                "not have");

        /* Nothing is nothing. */
        call(bench, SET("web"), 0);
        expect(bench,
                "> web.SetResources([])",
                "< web.SetResources()");
}

static void test_refused(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, SET("web"), 1, "MemoryHigh", "t", UINT64_C(1) << 20);
        forget(bench);

        /* One bad one and none is set. */
        call(bench, SET("web"), 2, "TasksMax", "t", UINT64_C(5), "MemoryMin", "t", UINT64_C(2) << 20);
        call(bench, SET("web"), 2, "TasksMax", "t", UINT64_C(5), "NoSuch", "t", UINT64_C(1));
        call(bench, SET("web"), 1, "TasksMax", "s", "5");
        call(bench, SET("web"), 1, "TasksMax", "t", UINT64_C(0));
        call(bench, SET("web"), 2, "TasksMax", "t", UINT64_C(5), "TasksMax", "t", UINT64_C(6));
        call(bench, SET("web"), 1, "OOMPolicy", "s", "kill");
        call(bench, SET("web"), 1, "MemoryZSwapMax", "t", UINT64_C(0));
        call(bench, SET("web"), 1, "Slice", "s", "other.slice");
        call(bench, SET("web"), 1, "AllowedCPUs", "ay", 1, 3);
        call(bench, SET("web"), 1, "RestrictNetworkInterfaces", "(bas)", true, 1, "lo");
        expect(bench, "> web.SetResources([('TasksMax', 5), ('MemoryMin', 2097152)])",
                "< web.SetResources: Error.InvalidConfig: MemoryMin: 2M is more than MemoryHigh, which is "
                "1M",
                "> web.SetResources([('TasksMax', 5), ('NoSuch', 1)])",
                "< web.SetResources: InvalidArgs: There is no resource property 'NoSuch'",
                "> web.SetResources([('TasksMax', '5')])",
                "< web.SetResources: Error.InvalidConfig: TasksMax: the value has type 's' instead of 't'",
                "> web.SetResources([('TasksMax', 0)])",
                "< web.SetResources: Error.InvalidConfig: TasksMax: 0 is less than 1",
                "> web.SetResources([('TasksMax', 5), ('TasksMax', 6)])",
                "< web.SetResources: Error.InvalidConfig: TasksMax: it is given twice",
                "> web.SetResources([('OOMPolicy', 'kill')])",
                "< web.SetResources: Error.NotSupported: OOMPolicy can only be given at creation",
                "> web.SetResources([('MemoryZSwapMax', 0)])",
                "< web.SetResources: Error.NotSupported: MemoryZSwapMax needs systemd 253, and this is 252",
                "> web.SetResources([('Slice', 'other.slice')])",
                "< web.SetResources: Error.NotSupported: Slice is the manager's own business",
                "> web.SetResources([('AllowedCPUs', [03])])",
                "< web.SetResources: Error.NotSupported: AllowedCPUs needs 'cpuset' control, which this "
                "systemd does "
                "not have",
                "> web.SetResources([('RestrictNetworkInterfaces', (true, ['lo']))])",
                "< web.SetResources: Error.NotSupported: RestrictNetworkInterfaces needs 'bpf-framework' "
                "control, which this systemd does not have");

        systemd_refuses("SetUnitProperties", VMM_ERROR_INVALID_CONFIG, "systemd refused it: no reason");
        call(bench, SET("web"), 1, "TasksMax", "t", UINT64_C(5));
        expect(bench,
                "> web.SetResources([('TasksMax', 5)])",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope TasksMax=5",
                "web: Job job/3",
                "web: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'configure', 'failed')",
                "< web.SetResources: Error.InvalidConfig: systemd refused it: no reason");
}

static void test_busy(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_holds("SetUnitProperties");
        call(bench, SET("web"), 1, "TasksMax", "t", UINT64_C(5));
        forget(bench);
        call(bench, SET("web"), 1, "TasksMax", "t", UINT64_C(6));
        call(bench, "web", "Pause", NULL);
        expect(bench,
                "> web.SetResources([('TasksMax', 6)])",
                "< web.SetResources: Error.Busy: Cannot configure 'web': job 2 (configure) is in progress",
                "> web.Pause()",
                "< web.Pause: Error.Busy: Cannot pause 'web': job 2 (configure) is in progress");
        process_exits(FAKE_PID_FIRST, 0);
        settle(bench);
        forget(bench);
        expect_empty(bench);
}

static void test_creation(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 3, PAYLOAD, "Resources", "a{sv}", 2, "OOMPolicy", "s", "continue",
                "TasksMax", "t", UINT64_C(9), "OCIResources", "s", "{\"memory\": {\"limit\": 1048576}}",
                CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload'], Resources: {OOMPolicy: 'continue', "
                        "TasksMax: 9}, OCIResources: '{\"memory\": {\"limit\": 1048576}}'}, 1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit vmm-web.scope in machine.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' TasksMax=9 MemoryMax=1048576 DevicePolicy='closed'",
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
                "< CreateDomain(domain/web)");
        call(bench, CREATE, "x", 3, PAYLOAD, "Resources", "a{sv}", 1, "MemoryMax", "t", UINT64_C(9) << 20,
                "OCIResources", "s", "{\"memory\": {\"limit\": 1048576}}", CREATE_START);
        call(bench, CREATE, "x", 2, PAYLOAD, "Resources", "a{sv}", 1, "NoSuch", "t", UINT64_C(9),
                CREATE_START);
        call(bench, CREATE, "x", 2, PAYLOAD, "Resources", "a{sv}", 1, "IOWeight", "t", UINT64_C(9),
                CREATE_START);
        call(bench, CREATE, "x", 2, PAYLOAD, "Resources", "s", "TasksMax=9", CREATE_START);
        call(bench, CREATE, "x", 2, PAYLOAD, "OCIResources", "s", "{\"memory\": {\"limit\": 1.5}}",
                CREATE_START);
        expect(bench,
                "> CreateDomain('x', {Command: ['/bin/payload'], Resources: {MemoryMax: 9437184}, "
                        "OCIResources: '{\"memory\": {\"limit\": 1048576}}'}, 1)",
                "< CreateDomain: Error.InvalidConfig: OCIResources: it sets MemoryMax, and so does "
                        "Resources",
                "> CreateDomain('x', {Command: ['/bin/payload'], Resources: {NoSuch: 9}}, 1)",
                "< CreateDomain: InvalidArgs: There is no resource property 'NoSuch'",
                "> CreateDomain('x', {Command: ['/bin/payload'], Resources: {IOWeight: 9}}, 1)",
                "< CreateDomain: Error.NotSupported: IOWeight needs 'io' control, which this systemd does "
                        "not have",
                "> CreateDomain('x', {Command: ['/bin/payload'], Resources: 'TasksMax=9'}, 1)",
                "< CreateDomain: InvalidArgs: config: Resources is of type 'a{sv}', not 's'",
                "> CreateDomain('x', {Command: ['/bin/payload'], OCIResources: '{\"memory\": {\"limit\": "
                        "1.5}}'}, 1)",
                "< CreateDomain: Error.InvalidConfig: memory.limit: is not a whole number");
}

/* Slices that come to be with the domain, each with its own. */
static void test_slices(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "web", 3, PAYLOAD, "CgroupPath", "s", "shop-front.slice::web", "SliceResources",
                "a{sa{sv}}", 2, "shop-front.slice", 1, "TasksMax", "t", UINT64_C(50), "shop.slice", 1,
                "TasksMax", "t", UINT64_C(90), CREATE_START);
        expect(bench,
                "> CreateDomain('web', {Command: ['/bin/payload'], CgroupPath: 'shop-front.slice::web', "
                        "SliceResources: {shop-front.slice: {TasksMax: 50}, shop.slice: {TasksMax: 90}}}, "
                        "1)",
                "+ domain/web",
                "DomainAdded('web', domain/web)",
                "+ job/1",
                "JobNew(1, job/1, 'web', 'create')",
                "fork 101: /bin/payload as root",
                "systemd StartTransientUnit web.scope in shop-front.slice: 101 TimeoutStop=21600ms 'web' "
                        "OOMPolicy='continue' DevicePolicy='closed' shop.slice( TasksMax=90 ) "
                        "shop-front.slice( TasksMax=50 )",
                "job/1: Phase 'starting the scope'",
                "web: Leader 101, Job job/1",
                "systemd GetAll shop.slice",
                "systemd GetAll shop-front.slice",
                "systemd Get web.scope InvocationID",
                "release 101",
                "job/1: Phase 'executing'",
                "web: ControlGroup '/shop.slice/shop-front.slice/web.scope', StartTimestamp set",
                "web: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 101",
                "web: State 'running', StateReason 'created', Running true, Job /",
                "web.StateChanged('starting', 'running', 'created', {})",
                "- job/1",
                "JobRemoved(1, job/1, 'web', 'create', 'done')",
                "< CreateDomain(domain/web)");
        call(bench, CREATE, "api", 3, PAYLOAD, "CgroupPath", "s", "shop-back.slice::api", "SliceResources",
                "a{sa{sv}}", 1, "shop.slice", 1, "TasksMax", "t", UINT64_C(50), CREATE_START);
        call(bench, CREATE, "api", 3, PAYLOAD, "CgroupPath", "s", "shop-back.slice::api", "SliceResources",
                "a{sa{sv}}", 1, "other.slice", 1, "TasksMax", "t", UINT64_C(50), CREATE_START);
        call(bench, CREATE, "api", 3, PAYLOAD, "CgroupPath", "s", "shop-back.slice::api", "SliceResources",
                "a{sa{sv}}", 1, "shop-back.slice", 1, "TasksMax", "t", UINT64_C(0), CREATE_START);
        call(bench, CREATE, "api", 3, PAYLOAD, "CgroupPath", "s", "shop-back.slice::api", "SliceResources",
                "a{sa{sv}}", 1, "shop-back.slice", 1, "IOWeight", "t", UINT64_C(5), CREATE_START);
        expect(bench,
                "> CreateDomain('api', {Command: ['/bin/payload'], CgroupPath: 'shop-back.slice::api', "
                        "SliceResources: {shop.slice: {TasksMax: 50}}}, 1)",
                "< CreateDomain: Error.InvalidConfig: SliceResources: shop.slice is there already, and its "
                        "own object changes it",
                "> CreateDomain('api', {Command: ['/bin/payload'], CgroupPath: 'shop-back.slice::api', "
                        "SliceResources: {other.slice: {TasksMax: 50}}}, 1)",
                "< CreateDomain: Error.InvalidConfig: SliceResources: 'other.slice' is not a slice that "
                        "the domain is in",
                "> CreateDomain('api', {Command: ['/bin/payload'], CgroupPath: 'shop-back.slice::api', "
                        "SliceResources: {shop-back.slice: {TasksMax: 0}}}, 1)",
                "< CreateDomain: Error.InvalidConfig: TasksMax: 0 is less than 1",
                "> CreateDomain('api', {Command: ['/bin/payload'], CgroupPath: 'shop-back.slice::api', "
                        "SliceResources: {shop-back.slice: {IOWeight: 5}}}, 1)",
                "< CreateDomain: Error.NotSupported: IOWeight needs 'io' control, which this systemd does "
                        "not have");
}

/* What the guest has is more than what the domain may have: told, and done. */
static void test_guest_memory(Bench *bench, gconstpointer data) {
        call(bench, CREATE, "vm", 3, QEMU, "Resources", "a{sv}", 1, "MemoryMax", "t", UINT64_C(64) << 20,
                CREATE_START);
        expect(bench,
                "> CreateDomain('vm', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Resources: {MemoryMax: "
                        "67108864}}, 1)",
                "+ domain/vm",
                "DomainAdded('vm', domain/vm)",
                "+ job/1",
                "JobNew(1, job/1, 'vm', 'create')",
                "fork 101: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm.scope in machine.slice: 101 TimeoutStop=43200ms 'vm' "
                        "MemoryMax=67108864 OOMPolicy='continue' DevicePolicy='closed' DeviceAllow=[] "
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
                "vm: State 'running', StateReason 'created', Running true, Job /",
                "vm.StateChanged('starting', 'running', 'created', {})",
                "vm: Warnings ['MemoryMax: 64M is less than the guest's memory, 128M']",
                "vm.Warning('MemoryMax: 64M is less than the guest's memory, 128M')",
                "- job/1",
                "JobRemoved(1, job/1, 'vm', 'create', 'done')",
                "< CreateDomain(domain/vm)");
}

static void test_oci(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, OCI("web"), "{\"pids\": {\"limit\": 0}, \"cpu\": {\"shares\": 512, \"idle\": 1}}");
        call(bench, OCI("web"), "{\"memory\": {\"limit\": 2048, \"checkBeforeUpdate\": true}}");
        call(bench, OCI("web"), "{\"memory\": {\"swappiness\": 5}}");
        call(bench, OCI("web"), "{\"memory\": {\"swap\": 5}}");
        call(bench, OCI("web"), "{\"typo\": {}}");
        call(bench, OCI("web"), "no JSON");
        expect(bench,
                "> web.UpdateResourcesOCI('{\"pids\": {\"limit\": 0}, \"cpu\": {\"shares\": 512, \"idle\": "
                        "1}}')",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope CPUWeight=0 TasksMax=1",
                "web: Job job/2",
                "systemd GetAll vmm-web.scope",
                "job/2: Phase 'reading back'",
                "web: Job /, Warnings ['cpu.shares has no effect: cpu.idle takes its place'], Resources "
                        "{OOMPolicy: 'continue', DevicePolicy: 'closed', CPUWeight: 0, TasksMax: 1}",
                "web.Warning('cpu.shares has no effect: cpu.idle takes its place')",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'configure', 'done')",
                "< web.UpdateResourcesOCI()",
                "> web.UpdateResourcesOCI('{\"memory\": {\"limit\": 2048, \"checkBeforeUpdate\": true}}')",
                "< web.UpdateResourcesOCI: Error.InvalidConfig: memory.limit: 2048 is less than what is in "
                        "use, 4096",
                "> web.UpdateResourcesOCI('{\"memory\": {\"swappiness\": 5}}')",
                "< web.UpdateResourcesOCI: Error.NotSupported: memory.swappiness: systemd has no such "
                        "property",
                "> web.UpdateResourcesOCI('{\"memory\": {\"swap\": 5}}')",
                "< web.UpdateResourcesOCI: Error.InvalidConfig: memory.swap: is given without a limit",
                "> web.UpdateResourcesOCI('{\"typo\": {}}')",
                "< web.UpdateResourcesOCI: Error.InvalidConfig: OCI resources: there is no key 'typo'",
                "> web.UpdateResourcesOCI('no JSON')",
                "< web.UpdateResourcesOCI: Error.InvalidConfig: OCI resources: not a JSON object, or one "
                        "of more than 8 levels, 16384 values or 18 digits");
}

/* systemd 257 keeps what is set in the frozen for later, which never comes by itself. */
static void test_late(Bench *bench, gconstpointer data) {
        systemd_applies_late();
        create(bench, "web", CREATE_PAUSED);
        call(bench, SET("web"), 1, "TasksMax", "t", UINT64_C(5));
        forget(bench);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/3",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-web.scope",
                "systemd SetUnitProperties vmm-web.scope DevicePolicy='closed' TasksMax=5",
                "job/3: Phase 'restoring the settings'",
                "exec 101",
                "systemd GetAll vmm-web.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'resume', 'done')",
                "< web.Resume()");

        /* Thawed from outside, too. */
        call(bench, "web", "Pause", NULL);
        call(bench, SET("web"), 1, "TasksMax", "t", UINT64_C(6));
        forget(bench);
        scope_thaws("vmm-web.scope");
        settle(bench);
        expect(bench,
                "web: State 'running', StateReason 'thawed from outside', Running true, Paused false, "
                        "PauseReasons []",
                "web.StateChanged('paused', 'running', 'thawed from outside', {})",
                "+ job/6",
                "JobNew(6, job/6, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope DevicePolicy='closed' TasksMax=6",
                "systemd Get vmm-web.scope FreezerState",
                "web: Job job/6",
                "systemd GetAll vmm-web.scope",
                "job/6: Phase 'reading back'",
                "web: FreezerState 'running'",
                "web: Job /",
                "- job/6",
                "JobRemoved(6, job/6, 'web', 'configure', 'done')");

        /* Of devices the kernel does not tell. */
        call(bench, "web", "Pause", NULL);
        call(bench, "web", "AddDevice", "ss", "/dev/fuse", "rw");
        forget(bench);
        call(bench, "web", "Resume", NULL);
        expect(bench,
                "> web.Resume()",
                "+ job/9",
                "JobNew(9, job/9, 'web', 'resume')",
                "web: State 'resuming', StateReason 'resuming on request', Paused false, Job job/9",
                "web.StateChanged('paused', 'resuming', 'resuming on request', {})",
                "systemd ThawUnit vmm-web.scope",
                "systemd SetUnitProperties vmm-web.scope DevicePolicy='closed' TasksMax=6 DeviceAllow=[] "
                        "DeviceAllow=[('/dev/char/10:229', 'rw')]",
                "job/9: Phase 'restoring the settings'",
                "systemd GetAll vmm-web.scope",
                "web: State 'running', StateReason 'resumed on request', Running true, FreezerState "
                        "'running', PauseReasons [], Job /",
                "web.StateChanged('resuming', 'running', 'resumed on request', {})",
                "- job/9",
                "JobRemoved(9, job/9, 'web', 'resume', 'done')",
                "< web.Resume()");
}

static void test_devices(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "AddDevice", "ss", "/dev/fuse", "w");
        expect(bench,
                "> web.AddDevice('/dev/fuse', 'w')",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope DeviceAllow=[] DeviceAllow=[('/dev/char/10:229', "
                        "'w')]",
                "web: Job job/2",
                "systemd GetAll vmm-web.scope",
                "job/2: Phase 'reading back'",
                "web: Job /, Resources {OOMPolicy: 'continue', DevicePolicy: 'closed', DeviceAllow: "
                        "[('/dev/char/10:229', 'w')]}, Devices [('/dev/fuse', 'w')]",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'configure', 'done')",
                "< web.AddDevice()");
        /* What it has it has, wherever on the list; what it lacks it gets. */
        call(bench, "web", "AddDevice", "ss", "c 136:*", "rw");
        forget(bench);
        call(bench, "web", "AddDevice", "ss", "c 10:229", "w");
        expect(bench, "> web.AddDevice('c 10:229', 'w')", "< web.AddDevice()");
        call(bench, "web", "AddDevice", "ss", "/dev/fuse", "r");
        forget(bench);

        /* By name when the node is gone. */
        device_goes("/dev/fuse");
        call(bench, "web", "RemoveDevice", "s", "/dev/fuse");
        call(bench, "web", "RemoveDevice", "s", "/dev/fuse");
        expect(bench,
                "> web.RemoveDevice('/dev/fuse')",
                "+ job/5",
                "JobNew(5, job/5, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope DeviceAllow=[] DeviceAllow=[('char-136', 'rw')]",
                "web: Job job/5",
                "systemd GetAll vmm-web.scope",
                "job/5: Phase 'reading back'",
                "web: Job /, Resources {OOMPolicy: 'continue', DevicePolicy: 'closed', DeviceAllow: "
                        "[('char-136', 'rw')]}, Devices [('char-136', 'rw')]",
                "- job/5",
                "JobRemoved(5, job/5, 'web', 'configure', 'done')",
                "< web.RemoveDevice()",
                "> web.RemoveDevice('/dev/fuse')",
                "< web.RemoveDevice: Error.NoSuchDevice: There is no device '/dev/fuse': No such file or "
                        "directory");
        call(bench, "web", "RemoveDevice", "s", "c 136:*");
        forget(bench);
        call(bench, "web", "RemoveDevice", "s", "char-136");
        call(bench, "web", "AddDevice", "ss", "/dev/fuse", "rw");
        call(bench, "web", "AddDevice", "ss", "/dev/file", "rw");
        call(bench, "web", "AddDevice", "ss", "/etc/passwd", "rw");
        call(bench, "web", "AddDevice", "ss", "/dev/kvm", "x");
        call(bench, "web", "AddDevice", "ss", "/dev/kvm", "");
        call(bench, "web", "AddDevice", "ss", "c 5000:1", "rw");
        call(bench, "web", "AddDevice", "ss", "/dev/../etc", "rw");
        expect(bench,
                "> web.RemoveDevice('char-136')",
                "< web.RemoveDevice: Error.NoSuchDevice: 'web' was not allowed to use 'char-136'",
                "> web.AddDevice('/dev/fuse', 'rw')",
                "< web.AddDevice: Error.NoSuchDevice: There is no device '/dev/fuse': No such file or "
                        "directory",
                "> web.AddDevice('/dev/file', 'rw')",
                "< web.AddDevice: InvalidArgs: node: '/dev/file' is not a device",
                "> web.AddDevice('/etc/passwd', 'rw')",
                "< web.AddDevice: InvalidArgs: node: '/etc/passwd' is neither a path below /dev nor a "
                        "number such as 'c 10:232'",
                "> web.AddDevice('/dev/kvm', 'x')",
                "< web.AddDevice: InvalidArgs: access: 'x' is not made of the letters r, w and m",
                "> web.AddDevice('/dev/kvm', '')",
                "< web.AddDevice: InvalidArgs: access: '' is not made of the letters r, w and m",
                "> web.AddDevice('c 5000:1', 'rw')",
                "< web.AddDevice: InvalidArgs: node: 'c 5000:1' is neither a path below /dev nor a number "
                        "such as 'c 10:232'",
                "> web.AddDevice('/dev/../etc', 'rw')",
                "< web.AddDevice: InvalidArgs: node: '/dev/../etc' is neither a path below /dev nor a "
                        "number such as 'c 10:232'");
}

static void test_given_devices(Bench *bench, gconstpointer data) {
        create_qemu(bench, "vm", CREATE_START);
        call(bench, "vm", "RemoveDevice", "s", "/dev/kvm");
        expect(bench,
                "> vm.RemoveDevice('/dev/kvm')",
                "+ job/2",
                "JobNew(2, job/2, 'vm', 'configure')",
                "systemd SetUnitProperties vmm-vm.scope DeviceAllow=[] DeviceAllow=[('/dev/char/10:238', "
                        "'rw'), ('/dev/char/10:196', 'rw')]",
                "vm: Job job/2",
                "systemd GetAll vmm-vm.scope",
                "job/2: Phase 'reading back'",
                "vm: Job /, Resources {MemoryMax: 413138944, OOMPolicy: 'continue', DevicePolicy: 'closed', "
                        "DeviceAllow: [('/dev/char/10:238', 'rw'), ('/dev/char/10:196', 'rw')]}, Devices "
                        "[('/dev/vhost-net', 'rw'), ('/dev/vfio/vfio', 'rw')]",
                "- job/2",
                "JobRemoved(2, job/2, 'vm', 'configure', 'done')",
                "< vm.RemoveDevice()");

        device_goes("/dev/vfio/vfio");
        call(bench, CREATE, "vm2", 3, QEMU, "Resources", "a{sv}", 1, "DeviceAllow", "a(ss)", 2, "/dev/fuse",
                "", "/dev/none", "r", CREATE_START);
        expect(bench,
                "> CreateDomain('vm2', {Kernel: '/boot/vmlinuz', Accelerator: 'tcg', Resources: "
                        "{DeviceAllow: [('/dev/fuse', ''), ('/dev/none', 'r')]}}, 1)",
                "+ domain/vm2",
                "DomainAdded('vm2', domain/vm2)",
                "+ job/3",
                "JobNew(3, job/3, 'vm2', 'create')",
                "fork 102: /bin/qemu-system-x86_64 as vmmanager-qemu",
                "systemd StartTransientUnit vmm-vm2.scope in machine.slice: 102 TimeoutStop=43200ms 'vm2' "
                        "DeviceAllow=[] DeviceAllow=[('/dev/char/10:232', 'rw'), ('/dev/char/10:238', "
                        "'rw'), ('/dev/char/10:229', 'rwm'), ('/dev/none', 'r')] MemoryMax=413138944 "
                        "OOMPolicy='continue' DevicePolicy='closed'",
                "job/3: Phase 'starting the scope'",
                "vm2: Leader 102, Job job/3",
                "systemd Get vmm-vm2.scope InvocationID",
                "release 102",
                "job/3: Phase 'executing'",
                "vm2: ControlGroup '/machine.slice/vmm-vm2.scope', StartTimestamp set",
                "vm2: InvocationID [0102030405060708090a0b0c0d0e0f10]",
                "exec 102",
                "job/3: Phase 'connecting'",
                "job/3: Phase 'continuing the guest'",
                "qemu cont",
                "vm2: State 'running', StateReason 'created', Running true, Job /",
                "vm2.StateChanged('starting', 'running', 'created', {})",
                "vm2: Warnings ['DeviceAllow: there is no /dev/none now']",
                "vm2.Warning('DeviceAllow: there is no /dev/none now')",
                "vm2: Warnings ['DeviceAllow: there is no /dev/none now', 'Not on this host, so not "
                        "allowed to the domain: /dev/vfio/vfio']",
                "vm2.Warning('Not on this host, so not allowed to the domain: /dev/vfio/vfio')",
                "- job/3",
                "JobRemoved(3, job/3, 'vm2', 'create', 'done')",
                "< CreateDomain(domain/vm2)");

        /* Whoever may use everything has no list, and who has one keeps one. */
        call(bench, CREATE, "web", 2, PAYLOAD, "Resources", "a{sv}", 1, "DevicePolicy", "s", "auto",
                CREATE_START);
        call(bench, CREATE, "web2", 2, PAYLOAD, "Resources", "a{sv}", 2, "DevicePolicy", "s", "auto",
                "DeviceAllow", "a(ss)", 1, "/dev/kvm", "r", CREATE_START);
        forget(bench);
        call(bench, "web", "AddDevice", "ss", "/dev/kvm", "rw");
        call(bench, "web", "RemoveDevice", "s", "/dev/kvm");
        call(bench, "web2", "RemoveDevice", "s", "/dev/kvm");
        expect(bench,
                "> web.AddDevice('/dev/kvm', 'rw')",
                "< web.AddDevice: Error.NotSupported: DevicePolicy of 'web' is auto, and without a list it "
                        "may use every device",
                "> web.RemoveDevice('/dev/kvm')",
                "< web.RemoveDevice: Error.NotSupported: DevicePolicy of 'web' is auto, and without a list "
                        "it may use every device",
                "> web2.RemoveDevice('/dev/kvm')",
                "< web2.RemoveDevice: Error.NotSupported: DevicePolicy of 'web2' is auto, and without a "
                        "list it may use every device");
}

/* systemd may keep the filter of a unit that asks for none any more. */
static void test_open_up(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, SET("web"), 1, "DevicePolicy", "s", "auto");
        expect(bench,
                "> web.SetResources([('DevicePolicy', 'auto')])",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope DevicePolicy='auto' DeviceAllow=[] "
                        "DeviceAllow=[('char-*', 'rwm'), ('block-*', 'rwm')]",
                "web: Job job/2",
                "systemd GetAll vmm-web.scope",
                "job/2: Phase 'reading back'",
                "web: Job /, Resources {OOMPolicy: 'continue', DevicePolicy: 'auto', "
                        "DeviceAllow: [('char-*', 'rwm'), ('block-*', 'rwm')]}, Devices "
                        "[('char-*', 'rwm'), ('block-*', 'rwm')]",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'configure', 'done')",
                "< web.SetResources()");

        /* They never were. */
        call(bench, CREATE, "web2", 2, PAYLOAD, "Resources", "a{sv}", 1, "DevicePolicy", "s", "auto",
                CREATE_START);
        forget(bench);
        call(bench, OCI("web2"), "{\"devices\": [{\"allow\": true, \"access\": \"rwm\"}]}");
        expect(bench,
                "> web2.UpdateResourcesOCI('{\"devices\": [{\"allow\": true, \"access\": \"rwm\"}]}')",
                "+ job/4",
                "JobNew(4, job/4, 'web2', 'configure')",
                "systemd SetUnitProperties vmm-web2.scope DevicePolicy='auto' DeviceAllow=[]",
                "web2: Job job/4",
                "systemd GetAll vmm-web2.scope",
                "job/4: Phase 'reading back'",
                "web2: Job /, Resources {DevicePolicy: 'auto', OOMPolicy: 'continue', DeviceAllow: []}",
                "- job/4",
                "JobRemoved(4, job/4, 'web2', 'configure', 'done')",
                "< web2.UpdateResourcesOCI()");
}

/* All is as before. */
static void test_device_rollback(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        call(bench, "web", "AddDevice", "ss", "/dev/fuse", "rw");
        systemd_refuses("SetUnitProperties", VMM_ERROR_INVALID_CONFIG, "systemd refused it: no reason");
        forget(bench);
        call(bench, "web", "AddDevice", "ss", "/dev/kvm", "rw");
        call(bench, "web", "RemoveDevice", "s", "/dev/fuse");
        call(bench, "web", "RemoveDevice", "s", "/dev/kvm");
        expect(bench,
                "> web.AddDevice('/dev/kvm', 'rw')",
                "+ job/3",
                "JobNew(3, job/3, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope DeviceAllow=[] DeviceAllow=[('/dev/char/10:229', "
                        "'rw'), ('/dev/char/10:232', 'rw')]",
                "web: Job job/3",
                "web: Job /",
                "- job/3",
                "JobRemoved(3, job/3, 'web', 'configure', 'failed')",
                "< web.AddDevice: Error.InvalidConfig: systemd refused it: no reason",
                "> web.RemoveDevice('/dev/fuse')",
                "+ job/4",
                "JobNew(4, job/4, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope DeviceAllow=[]",
                "web: Job job/4",
                "web: Job /",
                "- job/4",
                "JobRemoved(4, job/4, 'web', 'configure', 'failed')",
                "< web.RemoveDevice: Error.InvalidConfig: systemd refused it: no reason",
                "> web.RemoveDevice('/dev/kvm')",
                "< web.RemoveDevice: Error.NoSuchDevice: 'web' was not allowed to use '/dev/kvm'");
}

static void test_user(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        forget(bench);
        call(bench, "web", "AddDevice", "ss", "/dev/fuse", "rw");
        call(bench, SET("web"), 1, "DevicePolicy", "s", "strict");
        call(bench, SET("web"), 1, "CPUWeight", "t", UINT64_C(50));
        call(bench, SET("web"), 1, "TasksMax", "t", UINT64_C(50));
        expect(bench,
                "> web.AddDevice('/dev/fuse', 'rw')",
                "< web.AddDevice: Error.NotSupported: Only the system's service manager can control "
                        "devices, not a user's",
                "> web.SetResources([('DevicePolicy', 'strict')])",
                "< web.SetResources: Error.NotSupported: DevicePolicy needs 'devices' control, which this "
                        "systemd does not have",
                "> web.SetResources([('CPUWeight', 50)])",
                "< web.SetResources: Error.NotSupported: CPUWeight needs 'cpu' control, which this systemd "
                        "does not have",
                "> web.SetResources([('TasksMax', 50)])",
                "+ job/2",
                "JobNew(2, job/2, 'web', 'configure')",
                "systemd SetUnitProperties vmm-web.scope TasksMax=50",
                "web: Job job/2",
                "systemd GetAll vmm-web.scope",
                "job/2: Phase 'reading back'",
                "web: Job /, Resources {OOMPolicy: 'continue', TasksMax: 50}",
                "- job/2",
                "JobRemoved(2, job/2, 'web', 'configure', 'done')",
                "< web.SetResources()");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);

        BENCH_TEST("/resources/one call to systemd, read back, told", test_order);
        BENCH_TEST("/resources/one bad setting and none is set", test_refused);
        BENCH_TEST("/resources/one change at a time", test_busy);
        BENCH_TEST("/resources/at creation, by name and as OCI", test_creation);
        BENCH_TEST("/resources/of slices that come to be with the domain", test_slices);
        BENCH_TEST("/resources/a limit below the guest's memory is a warning", test_guest_memory);
        BENCH_TEST("/resources/OCI is translated, strictly", test_oci);
        BENCH_TEST("/resources/what the frozen do not get they get with their thaw", test_late);
        BENCH_TEST("/resources/devices added and removed by path, number and group", test_devices);
        BENCH_TEST("/resources/devices those of its kind and those given at creation", test_given_devices);
        BENCH_TEST("/resources/devices all of them, once they were controlled", test_open_up);
        BENCH_TEST("/resources/devices systemd refuses and all is as before", test_device_rollback);
        g_test_add("/resources/a user's systemd can do what it was delegated", Bench, "user", bench_setup,
                test_user, bench_teardown);
        return g_test_run();
}
