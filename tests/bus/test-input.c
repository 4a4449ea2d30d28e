/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What nobody should send, and what he gets for it: the error's name and every word of its text. After each
 * nothing has changed, and nobody was asked anything. */

#include <string.h>

#include "bench.h"
#include "util/auto.h"

typedef struct Hostile {
        const char *object, *member;
        const char *arguments;   /* GVariant's text form */
        const char *answer;
} Hostile;

static const Hostile hostile[] = {
        /* Names. */
        {"manager", "CreateDomain",
                "('', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name '' is empty"},
        {"manager", "CreateDomain",
                "('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', {'Command': "
                "<['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name "
                "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is longer than 64 "
                "bytes"},
        {"manager", "CreateDomain",
                "('a/b', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name 'a/b' contains '/' or ':'"},
        {"manager", "CreateDomain",
                "('a:b', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name 'a:b' contains '/' or ':'"},
        {"manager", "CreateDomain",
                "('a..b', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name 'a..b' contains '..'"},
        {"manager", "CreateDomain",
                "('.hidden', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name '.hidden' begins with '.' or '-'"},
        {"manager", "CreateDomain",
                "('-option', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name '-option' begins with '.' or '-'"},
        {"manager", "CreateDomain",
                "('web.slice', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name 'web.slice' ends in '.slice'"},
        {"manager", "CreateDomain",
                "('11111111222233334444555555555555', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name '11111111222233334444555555555555' looks like a UUID"},
        {"manager", "CreateDomain",
                "('11111111-2222-3333-4444-555555555555', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name '11111111-2222-3333-4444-555555555555' looks like a UUID"},
        {"manager", "CreateDomain",
                "('a\\nb', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name 'a\\x0ab' contains a control character"},
        {"manager", "CreateDomain",
                "('a\\u200bb', {'Command': <['/bin/payload']>}, uint64 0)",
                "InvalidArgs: Domain name 'a\\xe2\\x80\\x8bb' contains an invisible character"},

        /* Flags and shapes. */
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>}, uint64 4)",
                "InvalidArgs: flags: unknown bits 0x4"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>}, uint64 9223372036854775808)",
                "InvalidArgs: flags: unknown bits 0x8000000000000000"},
        {"manager", "CreateDomain",
                "('x',)",
                "InvalidArgs: Invalid arguments 's' to call "
                "org.example.VMManager1.Manager.CreateDomain(), expecting 'sa{sv}t'."},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>}, uint32 0)",
                "InvalidArgs: Invalid arguments 'sa{sv}u' to call "
                "org.example.VMManager1.Manager.CreateDomain(), expecting 'sa{sv}t'."},
        {"manager", "CreateDomain",
                "('x', {'Command': '/bin/payload'}, uint64 0)",
                "InvalidArgs: Invalid arguments 'sa{ss}t' to call "
                "org.example.VMManager1.Manager.CreateDomain(), expecting 'sa{sv}t'."},

        /* Keys, their types, and what they may be. */
        {"manager", "CreateDomain",
                "('x', {'Kindd': <'qemu'>}, uint64 0)",
                "InvalidArgs: config: there is no key 'Kindd'"},
        {"manager", "CreateDomain",
                "('x', {'': <'qemu'>}, uint64 0)",
                "InvalidArgs: config: there is no key ''"},
        {"manager", "CreateDomain",
                "('x', {'Command': <'/bin/payload'>}, uint64 0)",
                "InvalidArgs: config: Command is of type 'as', not 's'"},
        {"manager", "CreateDomain",
                "('x', {'Memory': <uint32 1>}, uint64 0)",
                "InvalidArgs: config: Memory is of type 't', not 'u'"},
        {"manager", "CreateDomain",
                "('x', {'Delegate': <'yes'>}, uint64 0)",
                "InvalidArgs: config: Delegate is of type 'b', not 's'"},
        {"manager", "CreateDomain",
                "('x', {'StopPlan': <['SIGTERM']>}, uint64 0)",
                "InvalidArgs: config: StopPlan is of type 'a(st)', not 'as'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'Command': <['/bin/payload']>}, uint64 0)",
                "Error.InvalidConfig: Command: it is given twice"},
        {"manager", "CreateDomain",
                "('x', @a{sv} {}, uint64 0)",
                "Error.InvalidConfig: Command: a domain of kind 'process' needs one"},
        {"manager", "CreateDomain",
                "('x', {'Kind': <'process'>}, uint64 0)",
                "Error.InvalidConfig: Command: a domain of kind 'process' needs one"},
        {"manager", "CreateDomain",
                "('x', {'Kind': <'qemu'>}, uint64 0)",
                "Error.InvalidConfig: Kernel: a domain of kind 'qemu' needs one, or a Firmware to "
                "boot from its disks"},
        {"manager", "CreateDomain",
                "('x', {'Kind': <'QEMU'>}, uint64 0)",
                "Error.InvalidConfig: Kind: 'QEMU' is not one of qemu, process"},
        {"manager", "CreateDomain",
                "('x', {'Kind': <'container'>}, uint64 0)",
                "Error.InvalidConfig: Kind: 'container' is not one of qemu, process"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Command': <['/bin/payload']>}, uint64 0)",
                "Error.InvalidConfig: Command: not a key of a domain of kind 'qemu'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'VCPUs': <uint32 1>}, uint64 0)",
                "Error.InvalidConfig: VCPUs: not a key of a domain of kind 'process'"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'vmlinuz'>}, uint64 0)",
                "Error.InvalidConfig: Kernel: 'vmlinuz' is not an absolute path"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/../etc/shadow'>}, uint64 0)",
                "Error.InvalidConfig: Kernel: '/boot/../etc/shadow' is not a normalised path"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Machine': <'isapc'>}, uint64 0)",
                "Error.InvalidConfig: Machine: 'isapc' is not one of q35, microvm, pc"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Accelerator': <'hvf'>}, uint64 0)",
                "Error.InvalidConfig: Accelerator: 'hvf' is not one of auto, kvm, tcg"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Memory': <uint64 0>}, uint64 0)",
                "Error.InvalidConfig: Memory: 0 is not from 33554432 to 17592186044416"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Memory': <uint64 18446744073709551615>}, uint64 0)",
                "Error.InvalidConfig: Memory: 18446744073709551615 is not from 33554432 to 17592186044416"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Memory': <uint64 33554433>}, uint64 0)",
                "Error.InvalidConfig: Memory: 33554433 is not a multiple of 1048576"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'VCPUs': <uint32 0>}, uint64 0)",
                "Error.InvalidConfig: VCPUs: 0 is not from 1 to 512"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'VCPUs': <uint32 4294967295>}, uint64 0)",
                "Error.InvalidConfig: VCPUs: 4294967295 is not from 1 to 512"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Root': <'/dev/vda init=/bin/sh'>}, uint64 0)",
                "Error.InvalidConfig: Root: '/dev/vda init=/bin/sh' is not one word of ASCII without "
                "quotes"},
        {"manager", "CreateDomain",
                "('x', {'Kernel': <'/boot/vmlinuz'>, 'Extra': <'a\\nb'>}, uint64 0)",
                "Error.InvalidConfig: Extra: 'a\\x0ab' contains a control character"},
        {"manager", "CreateDomain",
                "('x', {'Command': <@as []>}, uint64 0)",
                "Error.InvalidConfig: Command: it is empty"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['']>}, uint64 0)",
                "Error.InvalidConfig: Command: '' is empty"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['bin/payload']>}, uint64 0)",
                "Error.InvalidConfig: Command: 'bin/payload' is neither an absolute path nor a bare name"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/../sbin/payload']>}, uint64 0)",
                "Error.InvalidConfig: Command: '/bin/../sbin/payload' is not a normalised path"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'Environment': <['PATH']>}, uint64 0)",
                "Error.InvalidConfig: Environment: 'PATH' is not an assignment NAME=value"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'Environment': <['1=2']>}, uint64 0)",
                "Error.InvalidConfig: Environment: '1=2' is not an assignment NAME=value"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'Environment': <['A B=2']>}, uint64 0)",
                "Error.InvalidConfig: Environment: 'A B=2' is not an assignment NAME=value"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'WorkingDirectory': <'tmp'>}, uint64 0)",
                "Error.InvalidConfig: WorkingDirectory: 'tmp' is not an absolute path"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'User': <'root; id'>}, uint64 0)",
                "Error.InvalidConfig: User: 'root; id' is not a user name"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'User': <'-1'>}, uint64 0)",
                "Error.InvalidConfig: User: '-1' is not a user name"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'Description': <'two\\nlines'>}, uint64 0)",
                "Error.InvalidConfig: Description: 'two\\x0alines' contains a control character"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'UUID': <'1234'>}, uint64 0)",
                "Error.InvalidConfig: UUID: '1234' is not a UUID"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'UUID': <'00000000000000000000000000000000'>}, "
                "uint64 0)",
                "Error.InvalidConfig: UUID: all zeroes is no UUID"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'PauseTimeoutUSec': <uint64 0>}, uint64 0)",
                "Error.InvalidConfig: PauseTimeoutUSec: 0 is not from 1000 to 300000000"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'PauseTimeoutUSec': <uint64 "
                "18446744073709551615>}, uint64 0)",
                "Error.InvalidConfig: PauseTimeoutUSec: 18446744073709551615 is not from 1000 to 300000000"},

        /* Paths. */
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <''>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path '' is invalid: it does not have the three parts of "
                "'slice:prefix:name'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'a:b'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path 'a:b' is invalid: it does not have the three parts "
                "of 'slice:prefix:name'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'a:b:c:d'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path 'a:b:c:d' is invalid: it does not have the three "
                "parts of 'slice:prefix:name'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'/etc:vmm:x'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path '/etc:vmm:x' is invalid: it contains '/'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'a--b.slice:vmm:x'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path 'a--b.slice:vmm:x' is invalid: its slice contains "
                "'--'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'..slice:vmm:x'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path '..slice:vmm:x' is invalid: it contains '..'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'machine.slice:vmm:'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path 'machine.slice:vmm:' is invalid: its name is empty"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'machine.slice:vmm:../x'>}, uint64 "
                "0)",
                "Error.InvalidCgroupPath: Cgroup path 'machine.slice:vmm:../x' is invalid: it contains '/'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'machine.slice:vmm:a/b'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path 'machine.slice:vmm:a/b' is invalid: it contains '/'"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'machine.slice:vmm:x\\n'>}, uint64 "
                "0)",
                "Error.InvalidCgroupPath: Cgroup path 'machine.slice:vmm:x\\x0a' is invalid: it contains "
                "a control character"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': <'machine.slice:vmm:x.slice'>}, "
                "uint64 0)",
                "Error.InvalidConfig: Command: not a key of a slice"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'CgroupPath': "
                "<'machine.slice::xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'>}, uint64 0)",
                "Error.InvalidCgroupPath: Cgroup path "
                "'machine.slice::xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is invalid: its unit's name is longer than "
                "255 bytes"},

        /* Plans. */
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'StopPlan': <[('SIGNOPE', uint64 1)]>}, uint64 0)",
                "InvalidArgs: Stop step 'SIGNOPE' is neither 'guest' nor the name of a signal"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'StopPlan': <[('guest', uint64 86400000001)]>}, "
                "uint64 0)",
                "InvalidArgs: Stop step 'guest' waits 86400000001 us, which is more than a day"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'StopPlan': <[('SIGKILL', uint64 1), ('SIGTERM', "
                "uint64 1)]>}, uint64 0)",
                "InvalidArgs: Stop step 'SIGTERM' comes after SIGKILL, which nothing outlives"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'StopPlan': <[('SIGTERM', uint64 1), ('SIGTERM', "
                "uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), "
                "('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 "
                "1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', "
                "uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), "
                "('SIGTERM', uint64 1)]>}, uint64 0)",
                "InvalidArgs: Stop step 'SIGTERM' is one too many: a plan has 16 at most"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'StopPlan': <[('', uint64 1)]>}, uint64 0)",
                "InvalidArgs: Stop step '' is neither 'guest' nor the name of a signal"},
        {"manager", "CreateDomain",
                "('x', {'Command': <['/bin/payload']>, 'StopPlan': <[('9', uint64 1)]>}, uint64 0)",
                "InvalidArgs: Stop step '9' is neither 'guest' nor the name of a signal"},
        {"web", "Stop",
                "([('SIGNOPE', uint64 1)], uint64 0)",
                "InvalidArgs: Stop step 'SIGNOPE' is neither 'guest' nor the name of a signal"},
        {"web", "Stop",
                "([('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', "
                "uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), "
                "('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 "
                "1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', "
                "uint64 1), ('SIGTERM', uint64 1), ('SIGTERM', uint64 1)], uint64 0)",
                "InvalidArgs: Stop step 'SIGTERM' is one too many: a plan has 16 at most"},

        /* The other calls. */
        {"manager", "AdoptProcesses",
                "('x', @au [], @a{sv} {}, uint64 0)",
                "InvalidArgs: No process is given"},
        {"manager", "AdoptProcesses",
                "('x', [uint32 4294967295], @a{sv} {}, uint64 0)",
                "InvalidArgs: pid: there is no process 4294967295"},
        {"manager", "AdoptProcesses",
                "('', [uint32 200], @a{sv} {}, uint64 0)",
                "InvalidArgs: Domain name '' is empty"},
        {"manager", "AdoptProcesses",
                "('x', [uint32 200], {'Command': <['/bin/payload']>}, uint64 0)",
                "Error.InvalidConfig: Command: not a key of adopted processes"},
        {"manager", "AdoptProcesses",
                "('x', [uint32 200], @a{sv} {}, uint64 1)",
                "InvalidArgs: flags: unknown bits 0x1"},
        {"manager", "GetDomain",
                "('',)",
                "Error.NoSuchDomain: There is no domain named ''"},
        {"manager", "GetDomain",
                "('nobody',)",
                "Error.NoSuchDomain: There is no domain named 'nobody'"},
        {"manager", "GetDomainByUUID",
                "('web',)",
                "InvalidArgs: uuid: 'web' is no UUID"},
        {"manager", "GetDomainByUUID",
                "('11111111222233334444555555555555',)",
                "Error.NoSuchDomain: There is no domain with UUID '11111111222233334444555555555555'"},
        {"manager", "GetDomainByPID",
                "(uint32 0,)",
                "InvalidArgs: pid: 0 is no PID"},
        {"manager", "GetDomainByPID",
                "(uint32 4294967295,)",
                "InvalidArgs: pid: 4294967295 is no PID"},
        {"manager", "GetDomainByPID",
                "(uint32 7,)",
                "Error.NoSuchDomain: There is no process 7"},
        {"manager", "GetDomainByControlGroup",
                "('',)",
                "Error.NoSuchDomain: There is no domain in cgroup ''"},
        {"manager", "GetDomainByControlGroup",
                "('/machine.slice/vmm-web.scop',)",
                "Error.NoSuchDomain: There is no domain in cgroup '/machine.slice/vmm-web.scop'"},
        {"manager", "GetDomainByControlGroup",
                "('/machine.slice/vmm-web.scope2',)",
                "Error.NoSuchDomain: There is no domain in cgroup '/machine.slice/vmm-web.scope2'"},
        {"manager", "GetConsoleLog",
                "('nobody', uint32 4294967295)",
                "Error.NoSuchDomain: There is no domain 'nobody', and none of the last 32 that ended"},
        {"manager", "NoSuchMethod",
                "()",
                "UnknownMethod: Unknown method NoSuchMethod or interface org.example.VMManager1.Manager."},
        {"web", "Destroy",
                "(uint64 16,)",
                "InvalidArgs: flags: unknown bits 0x10"},
        {"web", "Destroy",
                "(uint64 5,)",
                "InvalidArgs: flags: GRACEFUL (1) and FORCE (4) contradict each other"},
        {"web", "Destroy",
                "(1,)",
                "InvalidArgs: Invalid arguments 'i' to call org.example.VMManager1.Domain.Destroy(), "
                "expecting 't'."},
        {"web", "Shutdown",
                "(uint64 1,)",
                "InvalidArgs: flags: unknown bits 0x1"},
        {"web", "Stop",
                "([('SIGTERM', uint64 1)], uint64 1)",
                "InvalidArgs: flags: unknown bits 0x1"},
        {"web", "Kill",
                "('everybody', 15)",
                "InvalidArgs: whom: 'everybody' is neither 'leader' nor 'all'"},
        {"web", "Kill",
                "('', 15)",
                "InvalidArgs: whom: '' is neither 'leader' nor 'all'"},
        {"web", "Kill",
                "('all', 0)",
                "InvalidArgs: signal: there is no signal 0"},
        {"web", "Kill",
                "('all', -9)",
                "InvalidArgs: signal: there is no signal -9"},
        {"web", "Kill",
                "('all', 65)",
                "InvalidArgs: signal: there is no signal 65"},
        {"web", "NoSuchMethod",
                "()",
                "UnknownMethod: Unknown method NoSuchMethod or interface org.example.VMManager1.Domain."},

        /* Properties. */
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'StopPlan', <@a(st) []>)",
                "InvalidArgs: StopPlan: a plan has at least one step"},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'StopPlan', <[('SIGNOPE', uint64 1)]>)",
                "InvalidArgs: Stop step 'SIGNOPE' is neither 'guest' nor the name of a signal"},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'StopPlan', <'TERM:5s'>)",
                "InvalidArgs: Incorrect parameters for property 'StopPlan', expected 'a(st)', got 's'."},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'PauseTimeoutUSec', <uint64 0>)",
                "InvalidArgs: PauseTimeoutUSec: 0 is not between 1000 and 300000000"},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'PauseTimeoutUSec', <uint64 18446744073709551615>)",
                "InvalidArgs: PauseTimeoutUSec: 18446744073709551615 is not between 1000 and 300000000"},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'PauseTimeoutUSec', <'3s'>)",
                "InvalidArgs: Incorrect parameters for property 'PauseTimeoutUSec', expected 't', got 's'."},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'Name', <'other'>)",
                "PropertyReadOnly: Property 'Name' is not writable."},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'State', <'running'>)",
                "PropertyReadOnly: Property 'State' is not writable."},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'NoSuchProperty', <1>)",
                "UnknownProperty: Unknown interface org.example.VMManager1.Domain or property "
                "NoSuchProperty."},
        {"web", "Set",
                "('org.example.VMManager1.Domain', 'Pause', <1>)",
                "UnknownProperty: Unknown interface org.example.VMManager1.Domain or property Pause."},
        {"web", "Set",
                "('org.example.VMManager1.Job', 'StopPlan', <@a(st) []>)",
                "UnknownProperty: Unknown interface org.example.VMManager1.Job or property StopPlan."},
};

static void append_variant(sd_bus_message *m, GVariant *value) {
        char type = (char) g_variant_classify(value);
        const char *contents = g_variant_get_type_string(value) + 1;
        g_autofree char *inner = NULL;

        switch (type) {
        case G_VARIANT_CLASS_STRING:
                message_append(m, "s", g_variant_get_string(value, NULL));
                return;
        case G_VARIANT_CLASS_INT32:
                message_append(m, "i", g_variant_get_int32(value));
                return;
        case G_VARIANT_CLASS_UINT32:
                message_append(m, "u", g_variant_get_uint32(value));
                return;
        case G_VARIANT_CLASS_UINT64:
                message_append(m, "t", g_variant_get_uint64(value));
                return;
        case G_VARIANT_CLASS_VARIANT: {
                g_autoptr(GVariant) child = g_variant_get_variant(value);
                inner = g_strdup(g_variant_get_type_string(child));
                break;
        }
        case G_VARIANT_CLASS_TUPLE:
        case G_VARIANT_CLASS_DICT_ENTRY:
                type = type == G_VARIANT_CLASS_TUPLE ? SD_BUS_TYPE_STRUCT : SD_BUS_TYPE_DICT_ENTRY;
                inner = g_strndup(contents, strlen(contents) - 1);
                break;
        default:
                inner = g_strdup(contents);
        }
        g_assert_cmpint(sd_bus_message_open_container(m, type, inner), >=, 0);
        for (size_t i = 0; i < g_variant_n_children(value); i++) {
                g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
                append_variant(m, child);
        }
        g_assert_cmpint(sd_bus_message_close_container(m), >=, 0);
}

/* An answer, nothing else: no signal, no note of the host, no other domain. */
static void assert_answer(Bench *bench, sd_bus_message *m, const char *answer) {
        g_clear_pointer(&bench->answer, g_free);
        message_send(bench, m);
        g_assert_nonnull(bench->answer);
        g_assert_cmpstr(bench->answer + strlen(": "), ==, answer);
        expect_nothing(bench);
        g_assert_cmpuint(g_hash_table_size(bench->manager->by_uuid), ==, 1);
        g_assert_cmpuint(g_hash_table_size(bench->manager->jobs), ==, 0);
}

static void setup(Bench *bench, gconstpointer data) {
        bench_setup(bench, NULL);
        create(bench, "web", CREATE_START);
        process_runs(200, 0);
        bench->quiet = true;
}

static void test_row(Bench *bench, gconstpointer data) {
        const Hostile *row = data;
        const char *interface = g_str_equal(row->member, "Set") ? "org.freedesktop.DBus.Properties"
                                                                : object_interface(row->object);
        g_autofree char *path = object_path(row->object);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) arguments = g_variant_parse(NULL, row->arguments, NULL, NULL, &error);
        sd_bus_message *m;

        g_assert_no_error(error);
        g_assert_cmpint(sd_bus_message_new_method_call(
                                bench->client, &m, NULL, path, interface, row->member),
                >=, 0);
        for (size_t i = 0; i < g_variant_n_children(arguments); i++) {
                g_autoptr(GVariant) child = g_variant_get_child_value(arguments, i);
                append_variant(m, child);
        }
        assert_answer(bench, m, row->answer);
}

/* ---- Too much of everything. ---- */

static sd_bus_message *begin_create(Bench *bench, const char *key, const char *type) {
        sd_bus_message *m = message_new(bench, "manager", "CreateDomain");

        message_append(m, "s", "x");
        g_assert_cmpint(sd_bus_message_open_container(m, 'a', "{sv}"), >=, 0);
        if (key) {
                g_assert_cmpint(sd_bus_message_open_container(m, 'e', "sv"), >=, 0);
                message_append(m, "s", key);
                g_assert_cmpint(sd_bus_message_open_container(m, 'v', type), >=, 0);
        }
        return m;
}

static void end_create(Bench *bench, sd_bus_message *m, bool key, const char *answer) {
        for (int i = 0; i < (key ? 3 : 1); i++)
                g_assert_cmpint(sd_bus_message_close_container(m), >=, 0);
        message_append(m, "t", CREATE_START);
        assert_answer(bench, m, answer);
}

static void test_many_arguments(Bench *bench, gconstpointer data) {
        sd_bus_message *m = begin_create(bench, "Command", "as");

        g_assert_cmpint(sd_bus_message_open_container(m, 'a', "s"), >=, 0);
        for (unsigned i = 0; i < 100000; i++)
                message_append(m, "s", "/bin/payload");
        g_assert_cmpint(sd_bus_message_close_container(m), >=, 0);
        end_create(bench, m, true, "Error.InvalidConfig: Command: more than 1024 entries");
}

static void test_long_argument(Bench *bench, gconstpointer data) {
        g_autofree char *argument = g_strnfill(1000000, 'x');
        sd_bus_message *m = begin_create(bench, "Command", "as");

        message_append(m, "as", 2, "/bin/payload", argument);
        end_create(bench, m, true, "Error.InvalidConfig: Command: 1000014 bytes are more than 131072");
}

static void test_long_text(Bench *bench, gconstpointer data) {
        g_autofree char *text = g_strnfill(1000000, 'x'), *shown = g_strnfill(127, 'x');
        g_autofree char *answer = g_strdup_printf(
                "Error.InvalidConfig: Description: '%s...' is longer than 4096 bytes", shown);
        sd_bus_message *m = begin_create(bench, "Description", "s");

        message_append(m, "s", text);
        end_create(bench, m, true, answer);
}

static void test_many_keys(Bench *bench, gconstpointer data) {
        sd_bus_message *m = begin_create(bench, NULL, NULL);

        for (unsigned i = 0; i < 100000; i++)
                message_append(m, "{sv}", "Description", "s", "");
        end_create(bench, m, false, "Error.InvalidConfig: Description: it is given twice");
}

static void test_many_processes(Bench *bench, gconstpointer data) {
        sd_bus_message *m = message_new(bench, "manager", "AdoptProcesses");

        message_append(m, "s", "x");
        g_assert_cmpint(sd_bus_message_open_container(m, 'a', "u"), >=, 0);
        for (unsigned i = 0; i < 100000; i++)
                message_append(m, "u", 200);
        g_assert_cmpint(sd_bus_message_close_container(m), >=, 0);
        message_append(m, "a{sv}t", 0, UINT64_C(0));
        assert_answer(bench, m, "Error.LimitExceeded: More than 1024 processes");
}

/* However deep it is: its type is looked at, and no more. */
static void test_deep(Bench *bench, gconstpointer data) {
        sd_bus_message *m = begin_create(bench, "Description", "v");

        for (unsigned i = 0; i < 50; i++)
                g_assert_cmpint(sd_bus_message_open_container(m, 'v', "v"), >=, 0);
        message_append(m, "v", "s", "deep");
        for (unsigned i = 0; i < 50; i++)
                g_assert_cmpint(sd_bus_message_close_container(m), >=, 0);
        end_create(bench, m, true, "InvalidArgs: config: Description is of type 's', not 'v'");
}

static int on_console(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        g_assert_false(sd_bus_message_is_method_error(reply, NULL));
        g_ptr_array_add(userdata, sd_bus_message_ref(reply));   /* and its descriptor */
        return 0;
}

static void message_free(void *m) {
        sd_bus_message_unref(m);
}

/* One more is one too many. */
static void test_consoles(Bench *bench, gconstpointer data) {
        g_autoptr(GPtrArray) consoles = g_ptr_array_new_with_free_func(message_free);

        for (unsigned i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
                g_autoptr(sd_bus_message) m = message_new_as(bench, ":1.1", "web", "OpenConsole");

                g_assert_cmpint(sd_bus_call_async(bench->client, NULL, m, on_console, consoles, 0), >=, 0);
        }
        settle(bench);
        g_assert_cmpuint(consoles->len, ==, CONSOLE_CLIENTS_MAX);
        assert_answer(bench, message_new(bench, "web", "OpenConsole"),
                "Error.LimitExceeded: The console of 'web' has 16 clients already");
}

#define INPUT_TEST(path, function) g_test_add(path, Bench, NULL, setup, function, bench_teardown)

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(hostile); i++) {
                g_autofree char *path = g_strdup_printf("/input/%s/%zu", hostile[i].member, i);
                g_test_add(path, Bench, &hostile[i], setup, test_row, bench_teardown);
        }
        INPUT_TEST("/input/many-arguments", test_many_arguments);
        INPUT_TEST("/input/long-argument", test_long_argument);
        INPUT_TEST("/input/long-text", test_long_text);
        INPUT_TEST("/input/many-keys", test_many_keys);
        INPUT_TEST("/input/many-processes", test_many_processes);
        INPUT_TEST("/input/deep", test_deep);
        INPUT_TEST("/input/consoles", test_consoles);
        return g_test_run();
}
