/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* OCI resources: what each key comes to, and what is refused in which words. In the JSON of these tables '
 * is written for ". */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config/oci.h"
#include "config/text.h"
#include "resources-text.h"
#include "util/auto.h"
#include "util/errors.h"

static int parse(const char *text, const char *current, ResourcesWhen when, OciResources **ret,
        sd_bus_error *error) {
        g_autoptr(Resources) now = current ? resources_of(current) : NULL;
        g_autofree char *json = g_strdelimit(g_strdup(text), "'", '"'), *quoted = text_quote(text);

        g_test_message("%s", quoted);
        return oci_resources_parse(json, now, when, ret, error);
}

static void assert_translated(const char *json, const char *current, const char *wanted) {
        g_autoptr(OciResources) oci = NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *text = NULL;

        g_assert_cmpint(parse(json, current, RESOURCES_AT_CREATION, &oci, &error), ==, 0);
        text = text_of(oci->resources);
        g_assert_cmpstr(text, ==, wanted);
}

static const struct {
        const char *json, *resources;
} golden[] = {
        {"{}", ""},
        {"{'memory': {}, 'cpu': {}, 'pids': {}, 'blockIO': {}, 'unified': {}}", ""},
        {"{'memory': null, 'devices': null, 'network': null, 'cpu': {'shares': null, 'cpus': null}}", ""},
        {" \n{\r\n\t'pids': {'limit': 5}\n}\n", "TasksMax=5"},

        /* memory: 0 is not set, -1 is infinity */
        {"{'memory': {'limit': 536870912}}", "MemoryMax=512M"},
        {"{'memory': {'limit': 0, 'reservation': 0, 'swap': 0}}", ""},
        {"{'memory': {'reservation': 1048576}}", "MemoryLow=1M"},
        {"{'memory': {'reservation': -1}}", "MemoryLow=infinity"},
        {"{'memory': {'limit': 999999999999999999}}", "MemoryMax=999999999999999999"},

        /* swap: memory and swap together there, swap alone here */
        {"{'memory': {'limit': 1073741824, 'swap': 3221225472}}",
                "MemoryMax=1G | MemorySwapMax=2G"},                       /* 3G - 1G */
        {"{'memory': {'limit': 1073741824, 'swap': 1073741824}}",
                "MemoryMax=1G | MemorySwapMax=0"},                        /* 1G - 1G */
        {"{'memory': {'limit': 1073741824, 'swap': -1}}", "MemoryMax=1G | MemorySwapMax=infinity"},
        {"{'memory': {'swap': -1}}", "MemorySwapMax=infinity"},
        {"{'memory': {'limit': -1}}", "MemoryMax=infinity | MemorySwapMax=infinity"},
        {"{'memory': {'limit': -1, 'swap': 0}}", "MemoryMax=infinity | MemorySwapMax=infinity"},
        {"{'memory': {'limit': -1, 'swap': -1}}", "MemoryMax=infinity | MemorySwapMax=infinity"},

        /* what cgroup v2 does anyway */
        {"{'memory': {'kernel': 0, 'kernelTCP': -1, 'disableOOMKiller': false, 'useHierarchy': true}}", ""},
        {"{'cpu': {'burst': 0, 'realtimeRuntime': 0, 'realtimePeriod': 0}, 'blockIO': {'leafWeight': 0}}",
                ""},
        {"{'hugepageLimits': [], 'network': {}, 'rdma': {}}", ""},

        /* cpu.shares: ceil(10^((L^2 + 125 L) / 612 - 7/34)) with L = log2(shares) */
        {"{'cpu': {'shares': 0}}", ""},
        {"{'cpu': {'shares': 1}}", "CPUWeight=1"},
        {"{'cpu': {'shares': 2}}", "CPUWeight=1"},
        {"{'cpu': {'shares': 4}}", "CPUWeight=2"},          /* L 2: 254/612 - 7/34 = 0.209, 1.62 */
        {"{'cpu': {'shares': 256}}", "CPUWeight=35"},       /* L 8: 1064/612 - 7/34 = 1.533, 34.09 */
        {"{'cpu': {'shares': 512}}", "CPUWeight=59"},       /* L 9: 1206/612 - 7/34 = 1.765, 58.17 */
        {"{'cpu': {'shares': 1024}}", "CPUWeight=100"},     /* L 10: 1350/612 - 126/612 = 2 */
        {"{'cpu': {'shares': 2048}}", "CPUWeight=174"},     /* L 11: 1496/612 - 7/34 = 2.239, 173.2 */
        {"{'cpu': {'shares': 131072}}", "CPUWeight=5478"},  /* L 17: 2414/612 - 7/34 = 3.739, 5477.2 */
        {"{'cpu': {'shares': 262143}}", "CPUWeight=10000"}, /* 9999.9 */
        {"{'cpu': {'shares': 262144}}", "CPUWeight=10000"},
        {"{'cpu': {'shares': 999999999999999999}}", "CPUWeight=10000"},

        /* cpu.idle */
        {"{'cpu': {'idle': 1}}", "CPUWeight=idle"},
        {"{'cpu': {'idle': 0}}", ""},
        {"{'cpu': {'idle': 0, 'shares': 1024}}", "CPUWeight=100"},

        /* cpu.quota per cpu.period, which is 100 ms unless given: usec per second, rounded up to 10000 */
        {"{'cpu': {'quota': 50000}}", "CPUQuotaPerSecUSec=50%"},                      /* 500000 */
        {"{'cpu': {'quota': 50000, 'period': 0}}", "CPUQuotaPerSecUSec=50%"},
        {"{'cpu': {'quota': 50000, 'period': 50000}}",
                "CPUQuotaPeriodUSec=50ms | CPUQuotaPerSecUSec=100%"},                 /* 1000000 */
        {"{'cpu': {'quota': 250000, 'period': 100000}}",
                "CPUQuotaPeriodUSec=100ms | CPUQuotaPerSecUSec=250%"},                /* 2500000 */
        {"{'cpu': {'quota': 100, 'period': 1000000}}",
                "CPUQuotaPeriodUSec=1s | CPUQuotaPerSecUSec=1%"},                     /* 100 -> 10000 */
        {"{'cpu': {'quota': 33333}}", "CPUQuotaPerSecUSec=34%"},                      /* 333330 -> 340000 */
        {"{'cpu': {'quota': 10000, 'period': 30000}}",
                "CPUQuotaPeriodUSec=30ms | CPUQuotaPerSecUSec=34%"},                  /* 333333 -> 340000 */
        {"{'cpu': {'quota': 10000, 'period': 999983}}",
                "CPUQuotaPeriodUSec=999983us | CPUQuotaPerSecUSec=1%"},      /* 10000.17, less the rest */
        {"{'cpu': {'quota': -1}}", "CPUQuotaPerSecUSec=infinity"},
        {"{'cpu': {'quota': -5, 'period': 50000}}", "CPUQuotaPeriodUSec=50ms | CPUQuotaPerSecUSec=infinity"},
        {"{'cpu': {'quota': 0}}", ""},
        {"{'cpu': {'quota': 0, 'period': 0}}", ""},
        {"{'cpu': {'period': 50000}}", "CPUQuotaPeriodUSec=50ms | CPUQuotaPerSecUSec=infinity"},

        {"{'cpu': {'cpus': '0-3,5', 'mems': '0'}}", "AllowedCPUs=0-3,5 | AllowedMemoryNodes=0"},
        {"{'cpu': {'cpus': '', 'mems': ''}}", ""},
        {"{'cpu': {'cpus': ' 1, 3-4,,'}}", "AllowedCPUs=1,3-4"},

        {"{'pids': {'limit': 32771}}", "TasksMax=32771"},
        {"{'pids': {'limit': -1}}", "TasksMax=infinity"},
        {"{'pids': {'limit': -7}}", "TasksMax=infinity"},
        {"{'pids': {'limit': 0}}", "TasksMax=1"},

        /* blockIO weights: 1 + (w - 10) * 9999 / 990 */
        {"{'blockIO': {'weight': 10}}", "IOWeight=1"},
        {"{'blockIO': {'weight': 100}}", "IOWeight=910"},      /* 90 * 9999 / 990 = 909 */
        {"{'blockIO': {'weight': 500}}", "IOWeight=4950"},     /* 490 * 9999 / 990 = 4949 */
        {"{'blockIO': {'weight': 1000}}", "IOWeight=10000"},   /* 990 * 9999 / 990 = 9999 */
        {"{'blockIO': {'weight': 0, 'weightDevice': [], 'throttleReadBpsDevice': []}}", ""},
        {"{'blockIO': {'weightDevice': [{'major': 8, 'minor': 0, 'weight': 500, 'leafWeight': 0}, "
                "{'major': 8, 'minor': 16, 'weight': 11}]}}",
                "IODeviceWeight=/dev/block/8:0 4950; /dev/block/8:16 11"},     /* 1 * 9999 / 990 = 10.1 */
        {"{'blockIO': {'throttleReadBpsDevice': [{'major': 8, 'minor': 0, 'rate': 600}]}}",
                "IOReadBandwidthMax=/dev/block/8:0 600"},
        {"{'blockIO': {'throttleWriteBpsDevice': [{'major': 259, 'minor': 1, 'rate': 2097152}]}}",
                "IOWriteBandwidthMax=/dev/block/259:1 2097152"},
        {"{'blockIO': {'throttleReadIOPSDevice': [{'major': 8, 'minor': 0, 'rate': 120}, "
                "{'major': 4095, 'minor': 1048575, 'rate': 999999999999999999}]}}",
                "IOReadIOPSMax=/dev/block/8:0 120; /dev/block/4095:1048575 999999999999999999"},
        {"{'blockIO': {'throttleWriteIOPSDevice': [{'major': 8, 'minor': 0, 'rate': 300}]}}",
                "IOWriteIOPSMax=/dev/block/8:0 300"},

        /* devices: the rules in order */
        {"{'devices': []}", "DevicePolicy=strict | DeviceAllow="},
        {"{'devices': [{'allow': false, 'access': 'rwm'}]}", "DevicePolicy=strict | DeviceAllow="},
        {"{'devices': [{'allow': false, 'type': 'a'}]}", "DevicePolicy=strict | DeviceAllow="},
        {"{'devices': [{'allow': true, 'access': 'rwm'}]}", "DevicePolicy=auto | DeviceAllow="},
        {"{'devices': [{'allow': true, 'type': 'a', 'major': -1, 'minor': -1, 'access': 'mwr'}]}",
                "DevicePolicy=auto | DeviceAllow="},
        {"{'devices': [{'allow': false, 'access': 'rwm'}, "
                "{'allow': true, 'type': 'c', 'major': 10, 'minor': 232, 'access': 'rwm'}, "
                "{'allow': true, 'type': 'b', 'major': 8, 'minor': 0, 'access': 'r'}, "
                "{'allow': true, 'type': 'c', 'major': 136, 'access': 'rw'}, "
                "{'allow': true, 'type': 'b', 'major': 7, 'minor': -1, 'access': 'rw'}, "
                "{'allow': true, 'type': 'c', 'access': 'm'}, "
                "{'allow': true, 'type': 'b', 'major': -1, 'minor': null, 'access': 'm'}]}",
                "DevicePolicy=strict | DeviceAllow=/dev/char/10:232 rwm; /dev/block/8:0 r; char-136 rw; "
                "block-7 rw; char-* m; block-* m"},
        {"{'devices': [{'allow': true, 'type': 'c', 'major': 1, 'minor': 3, 'access': 'rwm'}, "
                "{'allow': false, 'type': 'c', 'major': 1, 'minor': 3, 'access': 'w'}]}",
                "DevicePolicy=strict | DeviceAllow=/dev/char/1:3 rm"},

        /* the files of cgroup v2 */
        {"{'unified': {'cpu.idle': '1'}}", "CPUWeight=idle"},
        {"{'unified': {'cpu.idle': '0', 'cpu.weight': ' 250\\n'}}", "CPUWeight=250"},
        {"{'unified': {'cpu.max': 'max'}}", "CPUQuotaPeriodUSec=100ms | CPUQuotaPerSecUSec=infinity"},
        {"{'unified': {'cpu.max': '50000'}}", "CPUQuotaPeriodUSec=100ms | CPUQuotaPerSecUSec=50%"},
        {"{'unified': {'cpu.max': '50000  200000'}}", "CPUQuotaPeriodUSec=200ms | CPUQuotaPerSecUSec=25%"},
        {"{'unified': {'cpuset.cpus': '0-3,5', 'cpuset.mems': '0'}}",
                "AllowedCPUs=0-3,5 | AllowedMemoryNodes=0"},
        {"{'unified': {'memory.min': '0', 'memory.low': '1024', 'memory.high': '4096', "
                "'memory.max': 'max', 'memory.swap.max': '0'}}",
                "MemoryMin=0 | MemoryLow=1K | MemoryHigh=4K | MemoryMax=infinity | MemorySwapMax=0"},
        {"{'unified': {'pids.max': '0'}}", "TasksMax=1"},
        {"{'unified': {'pids.max': '100'}}", "TasksMax=100"},
        {"{'unified': {'pids.max': 'max'}}", "TasksMax=infinity"},
        {"{'unified': {'memory.oom.group': '1'}}", "OOMPolicy=kill"},
        {"{'unified': {'memory.oom.group': '0'}}", "OOMPolicy=continue"},

        /* the order is that of the table, not that of the text */
        {"{'pids': {'limit': 64}, 'cpu': {'quota': 20000, 'shares': 1024}, "
                "'memory': {'swap': 2147483648, 'limit': 1073741824}}",
                "MemoryMax=1G | MemorySwapMax=1G | CPUWeight=100 | CPUQuotaPerSecUSec=20% | TasksMax=64"},
};

static void test_golden(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(golden); i++)
                assert_translated(golden[i].json, NULL, golden[i].resources);
}

/* What is in effect counts for what is not given. */
static void test_current(void) {
        static const struct {
                const char *json, *current, *resources;
        } table[] = {
                /* 30 ms of 50 ms */
                {"{'cpu': {'quota': 30000}}", "CPUQuotaPeriodUSec=50ms", "CPUQuotaPerSecUSec=60%"},
                {"{'cpu': {'quota': 30000}}", "CPUQuotaPeriodUSec=", "CPUQuotaPerSecUSec=30%"},
                /* 50 % of 100 ms are 50 ms, which are 25 % of 200 ms */
                {"{'cpu': {'period': 200000}}", "CPUQuotaPerSecUSec=50%",
                        "CPUQuotaPeriodUSec=200ms | CPUQuotaPerSecUSec=25%"},
                /* 50 % of 20 ms are 10 ms, which are 10 % of 100 ms */
                {"{'cpu': {'period': 100000}}", "CPUQuotaPerSecUSec=50% | CPUQuotaPeriodUSec=20ms",
                        "CPUQuotaPeriodUSec=100ms | CPUQuotaPerSecUSec=10%"},
                {"{'cpu': {'period': 200000}}", "CPUQuotaPerSecUSec=infinity",
                        "CPUQuotaPeriodUSec=200ms | CPUQuotaPerSecUSec=infinity"},
                {"{'cpu': {'idle': 0}}", "CPUWeight=idle", "CPUWeight=100"},
                {"{'cpu': {'idle': 0}}", "CPUWeight=250", ""},
                {"{'cpu': {'idle': 0, 'shares': 2048}}", "CPUWeight=idle", "CPUWeight=174"},
                {"{'cpu': {'cpus': '1'}}", "CPUWeight=idle", "AllowedCPUs=1"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
                assert_translated(table[i].json, table[i].current, table[i].resources);
}

static void test_idle_wins(void) {
        static const struct {
                const char *json, *warning;
        } table[] = {
                {"{'cpu': {'shares': 2048, 'idle': 1}}",
                        "cpu.shares has no effect: cpu.idle takes its place"},
                {"{'unified': {'cpu.weight': '250', 'cpu.idle': '1'}}",
                        "unified.cpu.weight has no effect: cpu.idle takes its place"},
                {"{'cpu': {'shares': 0, 'idle': 1}}", NULL},
                {"{'cpu': {'shares': 2048, 'idle': 0}}", NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(OciResources) oci = NULL;

                g_assert_cmpint(parse(table[i].json, NULL, RESOURCES_LIVE, &oci, NULL), ==, 0);
                g_assert_cmpuint(oci->warnings->len, ==, table[i].warning != NULL);
                if (!table[i].warning)
                        continue;
                g_assert_cmpstr(oci->warnings->pdata[0], ==, table[i].warning);
                g_assert_cmpuint(g_variant_get_uint64(resources_lookup(oci->resources, "CPUWeight")), ==, 0);
        }
}

static void test_check_before_update(void) {
        static const struct {
                const char *json;
                bool check;
        } table[] = {
                {"{'memory': {'limit': 1048576, 'checkBeforeUpdate': true}}", true},
                {"{'memory': {'limit': 1048576, 'checkBeforeUpdate': false}}", false},
                {"{'memory': {'limit': 1048576}}", false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(OciResources) oci = NULL;

                g_assert_cmpint(parse(table[i].json, NULL, RESOURCES_LIVE, &oci, NULL), ==, 0);
                g_assert_cmpint(oci->check_memory_usage, ==, table[i].check);
        }
}

#define RULE(text)                                                                                          \
        "{'devices': [{'allow': true, 'type': 'c', 'major': 1, 'minor': 3, 'access': 'r'}, " text "]}"

static const struct {
        const char *json, *reason;
} refused[] = {
        /* keys */
        {"{'memoryy': {}}", "OCI resources: there is no key 'memoryy'"},
        {"{'memory': {'limits': 1}}", "memory: there is no key 'limits'"},
        {"{'memory': {'Limit': null}}", "memory: there is no key 'Limit'"},
        {"{'': 1}", "OCI resources: there is no key ''"},
        {"{'cpu': {'a\\nb': 1}}", "cpu: there is no key 'a\\x0ab'"},
        {RULE("{'allow': true, 'path': '/dev/kvm'}"), "devices[1]: there is no key 'path'"},
        {"{'blockIO': {'throttleReadBpsDevice': [{'weight': 5}]}}",
                "blockIO.throttleReadBpsDevice[0]: there is no key 'weight'"},

        /* types */
        {"{'memory': []}", "memory: is not an object"},
        {"{'memory': 5}", "memory: is not an object"},
        {"{'unified': 'cpu.max'}", "unified: is not an object"},
        {"{'devices': {}}", "devices: is not a list"},
        {"{'blockIO': {'weightDevice': {}}}", "blockIO.weightDevice: is not a list"},
        {RULE("5"), "devices[1]: is not an object"},
        {RULE("null"), "devices[1]: is not an object"},
        {"{'memory': {'limit': '512M'}}", "memory.limit: is not a whole number"},
        {"{'memory': {'limit': 1.5}}", "memory.limit: is not a whole number"},
        {"{'memory': {'limit': 1e3}}", "memory.limit: is not a whole number"},
        {"{'memory': {'limit': true}}", "memory.limit: is not a whole number"},
        {"{'memory': {'limit': {}}}", "memory.limit: is not a whole number"},
        {"{'memory': {'checkBeforeUpdate': 1}}",
                "memory.checkBeforeUpdate: is neither true nor false"},
        {"{'memory': {'disableOOMKiller': 0}}", "memory.disableOOMKiller: is neither true nor false"},
        {"{'memory': {'swappiness': false}}", "memory.swappiness: is not a whole number"},
        {"{'cpu': {'cpus': 0}}", "cpu.cpus: is not a string"},
        {"{'unified': {'pids.max': 5}}", "unified.pids.max: is not a string"},
        {"{'unified': {'pids.max': null}}", "unified.pids.max: is not a string"},

        /* ranges */
        {"{'memory': {'limit': -2}}", "memory.limit: -2 is not from -1 to 999999999999999999"},
        {"{'memory': {'swap': -2}}", "memory.swap: -2 is not from -1 to 999999999999999999"},
        {"{'cpu': {'shares': -1}}", "cpu.shares: -1 is not from 0 to 999999999999999999"},
        {"{'cpu': {'idle': 2}}", "cpu.idle: 2 is not from 0 to 1"},
        {"{'cpu': {'quota': 9223372036855}}",
                "cpu.quota: 9223372036855 is not from -999999999999999999 to 9223372036854"},
        {"{'cpu': {'period': 999}}",
                "cpu.period: CPUQuotaPeriodUSec: 999 is not from 1000 to 1000000"},
        {"{'cpu': {'period': 1000001}}",
                "cpu.period: CPUQuotaPeriodUSec: 1000001 is not from 1000 to 1000000"},
        {"{'cpu': {'quota': 900000000000}}",
                "cpu.quota: CPUQuotaPerSecUSec: 9000000000000 is not from 1 to 8192000000"},
        {"{'cpu': {'cpus': '3-1'}}", "cpu.cpus: '3-1' is not a list such as '0-3,5'"},
        {"{'cpu': {'cpus': '8192'}}", "cpu.cpus: '8192' is not a list such as '0-3,5'"},
        {"{'cpu': {'mems': ' , '}}", "cpu.mems: is an empty list"},
        {"{'blockIO': {'weight': 9}}", "blockIO.weight: 9 is not from 10 to 1000"},
        {"{'blockIO': {'weight': 1001}}", "blockIO.weight: 1001 is not from 10 to 1000"},
        {"{'blockIO': {'weight': 65536}}", "blockIO.weight: 65536 is not from 0 to 65535"},
        {"{'blockIO': {'weightDevice': [{'major': 8, 'minor': 0, 'weight': 0}]}}",
                "blockIO.weightDevice[0].weight: 0 is not from 10 to 1000"},
        {"{'blockIO': {'weightDevice': [{'major': 4096, 'minor': 0, 'weight': 10}]}}",
                "blockIO.weightDevice[0].major: 4096 is not from 0 to 4095"},
        {"{'blockIO': {'throttleReadBpsDevice': [{'major': 8, 'minor': 1048576, 'rate': 10}]}}",
                "blockIO.throttleReadBpsDevice[0].minor: 1048576 is not from 0 to 1048575"},
        {"{'blockIO': {'throttleReadBpsDevice': [{'major': 8, 'minor': 0, 'rate': 0}]}}",
                "blockIO.throttleReadBpsDevice[0].rate: 0 is not from 1 to 999999999999999999"},
        {RULE("{'allow': true, 'type': 'c', 'major': -2}"),
                "devices[1].major: -2 is not from -1 to 4095"},

        /* what is missing */
        {"{'blockIO': {'weightDevice': [{'major': 8, 'minor': 0}]}}",
                "blockIO.weightDevice[0]: needs major, minor and weight"},
        {"{'blockIO': {'weightDevice': [{'major': 8, 'weight': 10}]}}",
                "blockIO.weightDevice[0]: needs major, minor and weight"},
        {"{'blockIO': {'throttleWriteIOPSDevice': [{'minor': 8, 'rate': 10}]}}",
                "blockIO.throttleWriteIOPSDevice[0]: needs major, minor and rate"},
        {RULE("{'type': 'c', 'access': 'r'}"), "devices[1]: says neither allow true nor false"},
        {RULE("{'allow': true, 'type': 'c', 'major': 1, 'minor': 3}"),
                "devices[1]: has an access that is not made of the letters r, w and m"},
        {RULE("{'allow': true, 'type': 'c', 'access': ''}"),
                "devices[1]: has an access that is not made of the letters r, w and m"},
        {RULE("{'allow': true, 'type': 'c', 'access': 'rx'}"),
                "devices[1]: has an access that is not made of the letters r, w and m"},
        {RULE("{'allow': true, 'type': 'u', 'access': 'r'}"),
                "devices[1]: has a type that is none of 'a', 'b' and 'c'"},
        {RULE("{'allow': true, 'type': 'cc', 'access': 'r'}"),
                "devices[1]: has a type that is none of 'a', 'b' and 'c'"},

        /* contradictions */
        {"{'memory': {'swap': 1073741824}}", "memory.swap: is given without a limit"},
        {"{'memory': {'swap': 1073741824, 'limit': 0}}", "memory.swap: is given without a limit"},
        {"{'memory': {'swap': 1073741824, 'limit': -1}}", "memory.swap: is given without a limit"},
        {"{'memory': {'swap': 1073741823, 'limit': 1073741824}}",
                "memory.swap: is less than the limit, which is a part of it"},
        {"{'memory': {'limit': 5}, 'unified': {'memory.max': '5'}}",
                "memory.limit: MemoryMax: it is given twice"},
        {"{'cpu': {'idle': 1}, 'unified': {'cpu.idle': '1'}}", "unified.cpu.idle: is given twice"},
        {"{'unified': {'cpu.idle': '1'}, 'cpu': {'idle': 1}}", "cpu.idle: is given twice"},
        {"{'unified': {'cpu.weight': '5'}, 'cpu': {'shares': 5}}",
                "unified.cpu.weight: cpu.shares sets the same"},
        {"{'unified': {'cpu.max': 'max'}, 'cpu': {'quota': 50000}}",
                "cpu.quota: CPUQuotaPerSecUSec: it is given twice"},
        {"{'cpu': {'cpus': '1'}, 'unified': {'cpuset.cpus': '1'}}",
                "unified.cpuset.cpus: AllowedCPUs: it is given twice"},
        {"{'blockIO': {'throttleReadBpsDevice': [{'major': 8, 'minor': 0, 'rate': 5}, "
                "{'major': 8, 'minor': 0, 'rate': 6}]}}",
                "blockIO.throttleReadBpsDevice: IOReadBandwidthMax: '/dev/block/8:0' is given twice"},

        /* files */
        {"{'unified': {'memory.max': '512M'}}",
                "unified.memory.max: '512M' is neither a number nor 'max'"},
        {"{'unified': {'memory.max': '-1'}}", "unified.memory.max: '-1' is neither a number nor 'max'"},
        {"{'unified': {'memory.max': ''}}", "unified.memory.max: '' is neither a number nor 'max'"},
        {"{'unified': {'memory.max': '0'}}", "unified.memory.max: MemoryMax: 0 is less than 1"},
        {"{'unified': {'pids.max': '18446744073709551615'}}",
                "unified.pids.max: '18446744073709551615' is neither a number nor 'max'"},
        {"{'unified': {'cpu.weight': '0'}}", "unified.cpu.weight: '0' is not a number from 1 to 10000"},
        {"{'unified': {'cpu.weight': '10001'}}",
                "unified.cpu.weight: '10001' is not a number from 1 to 10000"},
        {"{'unified': {'cpu.idle': 'yes'}}", "unified.cpu.idle: 'yes' is neither 0 nor 1"},
        {"{'unified': {'memory.oom.group': '2'}}", "unified.memory.oom.group: '2' is neither 0 nor 1"},
        {"{'unified': {'cpuset.cpus': ''}}", "unified.cpuset.cpus: is an empty list"},
        {"{'unified': {'cpu.max': ''}}", "unified.cpu.max: '' does not begin with a number or 'max'"},
        {"{'unified': {'cpu.max': '0 100000'}}",
                "unified.cpu.max: '0 100000' does not begin with a number or 'max'"},
        {"{'unified': {'cpu.max': '50000 100000 5'}}",
                "unified.cpu.max: '50000 100000 5' does not end with a number"},
        {"{'unified': {'cpu.max': '50000 max'}}",
                "unified.cpu.max: '50000 max' does not end with a number"},
        {"{'unified': {'cpu.max': '50000 5'}}",
                "unified.cpu.max: CPUQuotaPeriodUSec: 5 is not from 1000 to 1000000"},
};

static void test_refused(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                OciResources *oci = NULL;

                g_assert_cmpint(parse(refused[i].json, NULL, RESOURCES_AT_CREATION, &oci, &error),
                        ==, -EINVAL);
                g_assert_cmpstr(error.message, ==, refused[i].reason);
                g_assert_cmpstr(error.name, ==, VMM_ERROR_INVALID_CONFIG);
                g_assert_null(oci);
        }
}

#define NONE ": systemd has no such property"
#define FILES "unified: systemd has no property for "

static void test_not_supported(void) {
        static const struct {
                const char *json, *reason;
        } table[] = {
                {"{'hugepageLimits': [{'pageSize': '2MB', 'limit': 5}]}",
                        "hugepageLimits: systemd has no such properties"},
                {"{'network': {'classID': 5}}", "network: systemd has no such properties"},
                {"{'rdma': {'mlx5_1': {'hcaHandles': 3}}}", "rdma: systemd has no such properties"},
                {"{'network': 5}", "network: systemd has no such properties"},
                {"{'memory': {'kernel': 1}}", "memory.kernel" NONE},
                {"{'memory': {'kernelTCP': 1}}", "memory.kernelTCP" NONE},
                {"{'memory': {'swappiness': 0}}", "memory.swappiness" NONE},
                {"{'memory': {'disableOOMKiller': true}}", "memory.disableOOMKiller" NONE},
                {"{'memory': {'useHierarchy': false}}", "memory.useHierarchy" NONE},
                {"{'cpu': {'burst': 1}}", "cpu.burst" NONE},
                {"{'cpu': {'realtimeRuntime': -1}}", "cpu.realtimeRuntime" NONE},
                {"{'cpu': {'realtimePeriod': 1000}}", "cpu.realtimePeriod" NONE},
                {"{'blockIO': {'leafWeight': 10}}", "blockIO.leafWeight" NONE},
                {"{'blockIO': {'weightDevice': [{'major': 8, 'minor': 0, 'weight': 10, 'leafWeight': 10}]}}",
                        "blockIO.weightDevice[0].leafWeight" NONE},
                {"{'unified': {'io.max': '8:0 rbps=5'}}", FILES "'io.max'"},
                {"{'unified': {'memory.zswap.max': '5'}}", FILES "'memory.zswap.max'"},
                {"{'unified': {'cgroup.freeze': '1'}}", FILES "'cgroup.freeze'"},
                {"{'unified': {'../memory.max': '5'}}", FILES "'../memory.max'"},
                {"{'unified': {'CPU.max': 'max'}}", FILES "'CPU.max'"},
                {"{'unified': {'': ''}}", FILES "''"},
                {RULE("{'allow': false, 'type': 'c', 'major': 1, 'access': 'r'}, "
                        "{'allow': true, 'type': 'c', 'minor': 3, 'access': 'r'}"),
                        "devices[2]: 'c *:3' cannot be allowed: "
                        "systemd knows no minor number without a major one"},
                {RULE("{'allow': true, 'type': 'c', 'major': 10, 'access': 'r'}, "
                        "{'allow': false, 'type': 'c', 'major': 10, 'minor': 5, 'access': 'r'}"),
                        "devices[2]: 'c 10:5' cannot be taken out of 'c 10:*': "
                        "systemd knows allowed devices only"},
                {RULE("{'allow': true, 'type': 'a'}, "
                        "{'allow': false, 'type': 'c', 'major': 10, 'minor': 5, 'access': 'r'}"),
                        "devices: 'c 10:5' cannot be denied while all others are allowed: "
                        "systemd knows allowed devices only"},
                {RULE("{'allow': true, 'access': 'r'}"),
                        "devices[1]: a rule for all devices is for every access to every one"},
                {RULE("{'allow': true, 'type': 'a', 'major': 10, 'access': 'rwm'}"),
                        "devices[1]: a rule for all devices is for every access to every one"},
                {"{'unified': {'memory.oom.group': '1'}}",
                        "unified.memory.oom.group: OOMPolicy can only be given at creation"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                OciResources *oci = NULL;

                g_assert_cmpint(parse(table[i].json, NULL, RESOURCES_LIVE, &oci, &error), ==, -EOPNOTSUPP);
                g_assert_cmpstr(error.message, ==, table[i].reason);
                g_assert_cmpstr(error.name, ==, VMM_ERROR_NOT_SUPPORTED);
                g_assert_null(oci);
        }
}

static void test_no_json(void) {
        static const char *const table[] = {
                "", "null", "[]", "5", "'memory'", "{", "{'memory': }", "{'memory'}",
                "{'pids': {'limit': 5}}}", "{} {}", "{'pids': {'limit': 05x}}", "{pids: {}}",
                "/* */ {}", "var a = {}",
                "{'cpu': {'cpus': '0\\u0000,5'}}", "{'memory\\u0000x': {}}", "{'cpu': {'cpus': '\\ud800'}}",
                "{'cpu': {'cpus': '\xff'}}",
                "{'a': [[[[[[[[[[]]]]]]]]]]}",
                /* json-glib 1.6 takes these for -1 and 1 */
                "{'memory': {'limit': 18446744073709551615}}",
                "{'memory': {'limit': -18446744073709551615}}",
        };
        g_autofree char *long_text = g_strnfill(OCI_BYTES_MAX + 1, ' ');
        g_auto(sd_bus_error) too_long = SD_BUS_ERROR_NULL;
        OciResources *oci = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                g_assert_cmpint(parse(table[i], NULL, RESOURCES_LIVE, &oci, &error), ==, -EINVAL);
                g_assert_cmpstr(error.name, ==, VMM_ERROR_INVALID_CONFIG);
                g_assert_true(g_str_has_prefix(error.message, "OCI resources: "));
                g_assert_true(g_utf8_validate(error.message, -1, NULL));
                g_assert_null(oci);
        }
        long_text[0] = '{';
        long_text[1] = '}';
        g_assert_cmpint(oci_resources_parse(long_text, NULL, RESOURCES_LIVE, &oci, &too_long), ==, -EINVAL);
        g_assert_cmpstr(too_long.message, ==, "OCI resources: 131073 bytes are more than 131072");
        long_text[OCI_BYTES_MAX] = '\0';
        g_assert_cmpint(oci_resources_parse(long_text, NULL, RESOURCES_LIVE, &oci, NULL), ==, 0);
        oci_resources_free(oci);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);

        g_test_add_func("/oci/every key comes to its property", test_golden);
        g_test_add_func("/oci/what is in effect counts for what is not given", test_current);
        g_test_add_func("/oci/idle wins over a weight, and says so", test_idle_wins);
        g_test_add_func("/oci/checkBeforeUpdate is handed on", test_check_before_update);
        g_test_add_func("/oci/what is wrong is refused at its place", test_refused);
        g_test_add_func("/oci/what systemd cannot do is refused at its place", test_not_supported);
        g_test_add_func("/oci/what is not JSON is refused", test_no_json);
        return g_test_run();
}
