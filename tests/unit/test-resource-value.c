/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of resource-control properties: what each text means, how systemd takes it, how it is printed, and
 * what is refused in which words. */

#include <stdbool.h>
#include <stdint.h>

#include "config/resource-value.h"

static GVariant *variant(const char *text) {
        g_autoptr(GError) error = NULL;
        GVariant *value = g_variant_parse(NULL, text, NULL, NULL, &error);

        g_assert_no_error(error);
        return value;
}

/* type, text form, D-Bus value, text form as printed */
static const struct {
        ResourceType type;
        const char *text, *value, *printed;
} meanings[] = {
        {RESOURCE_BOOL, "yes", "true", "yes"},
        {RESOURCE_BOOL, "no", "false", "no"},

        {RESOURCE_BYTES, "0", "@t 0", "0"},
        {RESOURCE_BYTES, "512M", "@t 536870912", "512M"},
        {RESOURCE_BYTES, "infinity", "@t 18446744073709551615", "infinity"},
        {RESOURCE_LIMIT, "1", "@t 1", "1"},
        {RESOURCE_LIMIT, "2097152K", "@t 2147483648", "2G"},
        {RESOURCE_LIMIT, "infinity", "@t 18446744073709551615", "infinity"},
        {RESOURCE_TASKS, "1", "@t 1", "1"},
        {RESOURCE_TASKS, "4096", "@t 4096", "4096"},
        {RESOURCE_TASKS, "infinity", "@t 18446744073709551615", "infinity"},

        {RESOURCE_WEIGHT, "1", "@t 1", "1"},
        {RESOURCE_WEIGHT, "10000", "@t 10000", "10000"},
        {RESOURCE_WEIGHT, "", "@t 18446744073709551615", ""},
        {RESOURCE_CPU_WEIGHT, "idle", "@t 0", "idle"},
        {RESOURCE_CPU_WEIGHT, "0", "@t 0", "idle"},
        {RESOURCE_CPU_WEIGHT, "100", "@t 100", "100"},
        {RESOURCE_CPU_WEIGHT, "", "@t 18446744073709551615", ""},

        {RESOURCE_CPU_QUOTA, "50%", "@t 500000", "50%"},
        {RESOURCE_CPU_QUOTA, "250%", "@t 2500000", "250%"},
        {RESOURCE_CPU_QUOTA, "1%", "@t 10000", "1%"},
        {RESOURCE_CPU_QUOTA, "0.01%", "@t 10000", "1%"},       /* 100 usec, rounded up to 1 % */
        {RESOURCE_CPU_QUOTA, "12.5%", "@t 130000", "13%"},     /* 125000 usec likewise */
        {RESOURCE_CPU_QUOTA, "500ms", "@t 500000", "50%"},
        {RESOURCE_CPU_QUOTA, "2s", "@t 2000000", "200%"},
        {RESOURCE_CPU_QUOTA, "500001us", "@t 510000", "51%"},
        {RESOURCE_CPU_QUOTA, "819200%", "@t 8192000000", "819200%"},
        {RESOURCE_CPU_QUOTA, "infinity", "@t 18446744073709551615", "infinity"},
        {RESOURCE_CPU_PERIOD, "1ms", "@t 1000", "1ms"},
        {RESOURCE_CPU_PERIOD, "1s", "@t 1000000", "1s"},
        {RESOURCE_CPU_PERIOD, "", "@t 18446744073709551615", ""},
        {RESOURCE_DURATION, "30s", "@t 30000000", "30s"},
        {RESOURCE_DURATION, "", "@t 18446744073709551615", ""},
        {RESOURCE_THRESHOLD, "200ms", "@t 200000", "200ms"},
        {RESOURCE_THRESHOLD, "", "@t 18446744073709551615", ""},

        /* 50 % of 4294967295, rounded: (5000 * 4294967295 + 5000) / 10000 = 2147483648 */
        {RESOURCE_SHARE, "50%", "@u 2147483648", "50%"},
        {RESOURCE_SHARE, "0%", "@u 0", "0%"},
        {RESOURCE_SHARE, "100%", "@u 4294967295", "100%"},
        {RESOURCE_SHARE, "12.5%", "@u 536870912", "12.5%"},
        {RESOURCE_SHARE, "33.33%", "@u 1431512599", "33.33%"},
        {RESOURCE_SHARE, "7.05%", "@u 302795194", "7.05%"},
        {RESOURCE_LIMIT_SHARE, "0.01%", "@u 429497", "0.01%"},
        {RESOURCE_LIMIT_SHARE, "100.00%", "@u 4294967295", "100%"},
        {RESOURCE_TASKS_SHARE, "99.99%", "@u 4294537798", "99.99%"},

        {RESOURCE_CPU_SET, "0", "[byte 0x01]", "0"},
        {RESOURCE_CPU_SET, "0-3,5", "[byte 0x2f]", "0-3,5"},
        {RESOURCE_CPU_SET, "5, 0-1\t2 3", "[byte 0x2f]", "0-3,5"},
        {RESOURCE_CPU_SET, "7-8", "[byte 0x80, 0x01]", "7-8"},
        {RESOURCE_CPU_SET, "16", "[byte 0x00, 0x00, 0x01]", "16"},
        {RESOURCE_CPU_SET, "3-3,,3", "[byte 0x08]", "3"},
        {RESOURCE_CPU_SET, "", "@ay []", ""},

        {RESOURCE_CPU_PARTITION, "isolated", "'isolated'", "isolated"},
        {RESOURCE_DEVICE_POLICY, "closed", "'closed'", "closed"},
        {RESOURCE_OOM_POLICY, "continue", "'continue'", "continue"},
        {RESOURCE_OOM_MODE, "kill", "'kill'", "kill"},
        {RESOURCE_OOM_PREFERENCE, "omit", "'omit'", "omit"},
        {RESOURCE_PRESSURE_WATCH, "skip", "'skip'", "skip"},

        {RESOURCE_DEVICE_WEIGHTS, "/dev/sda 100", "[('/dev/sda', @t 100)]", "/dev/sda 100"},
        {RESOURCE_DEVICE_WEIGHTS, " /dev/sda  100 ;; /dev/sdb\t10000;",
                "[('/dev/sda', @t 100), ('/dev/sdb', 10000)]", "/dev/sda 100; /dev/sdb 10000"},
        {RESOURCE_DEVICE_WEIGHTS, "", "@a(st) []", ""},
        {RESOURCE_DEVICE_RATES, "/dev/sda 10M; /srv infinity",
                "[('/dev/sda', @t 10000000), ('/srv', 18446744073709551615)]",
                "/dev/sda 10M; /srv infinity"},
        {RESOURCE_DEVICE_LATENCIES, "/dev/block/8:0 25ms", "[('/dev/block/8:0', @t 25000)]",
                "/dev/block/8:0 25ms"},
        {RESOURCE_DEVICES, "/dev/kvm rw; char-pts rwm", "[('/dev/kvm', 'rw'), ('char-pts', 'rwm')]",
                "/dev/kvm rw; char-pts rwm"},
        {RESOURCE_DEVICES, "/dev/kvm", "[('/dev/kvm', 'rwm')]", "/dev/kvm rwm"},
        {RESOURCE_DEVICES, "block-* mrr; char-cpu/msr w", "[('block-*', 'rm'), ('char-cpu/msr', 'w')]",
                "block-* rm; char-cpu/msr w"},
        {RESOURCE_DEVICES, "/dev/char/10:232 m; char-136 r",
                "[('/dev/char/10:232', 'm'), ('char-136', 'r')]", "/dev/char/10:232 m; char-136 r"},

        {RESOURCE_ADDRESSES, "10.0.0.0/8", "[(2, [byte 10, 0, 0, 0], @u 8)]", "10.0.0.0/8"},
        {RESOURCE_ADDRESSES, "192.168.0.1", "[(2, [byte 192, 168, 0, 1], @u 32)]", "192.168.0.1/32"},
        {RESOURCE_ADDRESSES, "::1", "[(10, [byte 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], @u 128)]",
                "::1/128"},
        {RESOURCE_ADDRESSES, "any", "[(2, [byte 0, 0, 0, 0], @u 0), "
                "(10, [byte 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0)]", "0.0.0.0/0 ::/0"},
        {RESOURCE_ADDRESSES, "localhost\t10.1.2.3", "[(2, [byte 127, 0, 0, 0], @u 8), "
                "(10, [byte 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128), "
                "(2, [byte 10, 1, 2, 3], 32)]", "127.0.0.0/8 ::1/128 10.1.2.3/32"},
        {RESOURCE_ADDRESSES, "link-local", "[(2, [byte 169, 254, 0, 0], @u 16), "
                "(10, [byte 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 64)]",
                "169.254.0.0/16 fe80::/64"},
        {RESOURCE_ADDRESSES, "multicast", "[(2, [byte 224, 0, 0, 0], @u 4), "
                "(10, [byte 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8)]",
                "224.0.0.0/4 ff00::/8"},
        {RESOURCE_ADDRESSES, "", "@a(iayu) []", ""},

        /* family, protocol (TCP 6, UDP 17), how many, the first */
        {RESOURCE_PORTS, "any", "[(0, 0, @q 0, @q 0)]", "any"},
        {RESOURCE_PORTS, "443", "[(0, 0, @q 1, @q 443)]", "443"},
        {RESOURCE_PORTS, "1-65535", "[(0, 0, @q 65535, @q 1)]", "1-65535"},
        {RESOURCE_PORTS, "tcp:any", "[(0, 6, @q 0, @q 0)]", "tcp:any"},
        {RESOURCE_PORTS, "ipv6:53", "[(10, 0, @q 1, @q 53)]", "ipv6:53"},
        {RESOURCE_PORTS, "ipv4:tcp:8000-8080 udp:53", "[(2, 6, @q 81, @q 8000), (0, 17, 1, 53)]",
                "ipv4:tcp:8000-8080 udp:53"},
        {RESOURCE_PORTS, "", "@a(iiqq) []", ""},

        {RESOURCE_INTERFACES, "eth0", "(true, ['eth0'])", "eth0"},
        {RESOURCE_INTERFACES, " eth0\tbr-lan  vlan.5 ", "(true, ['eth0', 'br-lan', 'vlan.5'])",
                "eth0 br-lan vlan.5"},
        {RESOURCE_INTERFACES, "~eth0 eth1", "(false, ['eth0', 'eth1'])", "~eth0 eth1"},
        {RESOURCE_INTERFACES, "", "(false, @as [])", ""},
        {RESOURCE_INTERFACES, "~", "(false, @as [])", ""},

        {RESOURCE_CONTROLLERS, "cpu io", "['cpu', 'io']", "cpu io"},
        {RESOURCE_CONTROLLERS, "", "@as []", ""},
        {RESOURCE_PATHS, "/sys/fs/bpf/a\t/sys/fs/bpf/b", "['/sys/fs/bpf/a', '/sys/fs/bpf/b']",
                "/sys/fs/bpf/a /sys/fs/bpf/b"},
        {RESOURCE_PROGRAMS, "egress:/sys/fs/bpf/a bind4:/sys/fs/bpf/b egress:/sys/fs/bpf/b",
                "[('egress', '/sys/fs/bpf/a'), ('bind4', '/sys/fs/bpf/b'), ('egress', '/sys/fs/bpf/b')]",
                "egress:/sys/fs/bpf/a bind4:/sys/fs/bpf/b egress:/sys/fs/bpf/b"},
};

static GVariant *take(ResourceType type, GVariant *value) {
        g_autofree char *problem = NULL;
        GVariant *taken = resource_value_take(type, value, &problem);

        g_assert_cmpstr(problem, ==, NULL);
        g_assert_nonnull(taken);
        return taken;
}

static GVariant *parse(ResourceType type, const char *text) {
        g_autofree char *problem = NULL;
        g_autoptr(GVariant) value = resource_value_parse(type, text, &problem);

        g_assert_cmpstr(problem, ==, NULL);
        return take(type, value);
}

static void test_meanings(void) {
        bool seen[_RESOURCE_TYPE_MAX] = {false};

        for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++) {
                ResourceType type = meanings[i].type;
                g_autoptr(GVariant) value = parse(type, meanings[i].text), again = NULL;
                g_autoptr(GVariant) wanted = variant(meanings[i].value);
                g_autofree char *printed = resource_value_print(type, value);

                g_test_message("'%s'", meanings[i].text);
                g_assert_cmpvariant(value, wanted);
                g_assert_cmpstr(g_variant_get_type_string(value), ==, resource_type_signature(type));
                g_assert_cmpstr(printed, ==, meanings[i].printed);
                again = parse(type, printed);
                g_assert_cmpvariant(again, wanted);
                seen[type] = true;
        }
        for (size_t i = 0; i < _RESOURCE_TYPE_MAX; i++)
                g_assert_true(seen[i]);
}

/* Values as they come over D-Bus, and as systemd will hold them. */
static void test_taken(void) {
        static const struct {
                ResourceType type;
                const char *value, *taken;
        } table[] = {
                {RESOURCE_CPU_QUOTA, "@t 1", "@t 10000"},
                {RESOURCE_CPU_QUOTA, "@t 10000", "@t 10000"},
                {RESOURCE_CPU_QUOTA, "@t 10001", "@t 20000"},
                {RESOURCE_CPU_QUOTA, "@t 8192000000", "@t 8192000000"},
                {RESOURCE_SHARE, "@u 1", "@u 0"},                     /* less than 0.005 % */
                {RESOURCE_SHARE, "@u 2147483647", "@u 2147483648"},   /* 50 %, rounded */
                {RESOURCE_CPU_SET, "[byte 0x01, 0x00, 0x00]", "[byte 0x01]"},
                {RESOURCE_CPU_SET, "[byte 0x00]", "@ay []"},
                {RESOURCE_DEVICES, "[('/dev/kvm', '')]", "[('/dev/kvm', 'rwm')]"},
                {RESOURCE_DEVICES, "[('/dev/kvm', 'mwr')]", "[('/dev/kvm', 'rwm')]"},
                {RESOURCE_INTERFACES, "(true, @as [])", "(false, @as [])"},
                {RESOURCE_ADDRESSES, "[(2, [byte 1, 2, 3, 4], @u 8), (2, [byte 1, 2, 3, 4], 8)]",
                        "[(2, [byte 1, 2, 3, 4], @u 8)]"},
                {RESOURCE_CONTROLLERS, "['io', 'cpu', 'io']", "['io', 'cpu']"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(GVariant) value = variant(table[i].value), wanted = variant(table[i].taken);
                g_autoptr(GVariant) taken = take(table[i].type, value);

                g_assert_cmpvariant(taken, wanted);
        }
}

#define NO_SIZE " is not a size such as '512M', or 'infinity'"
#define NO_QUOTA " is not a share of a CPU such as '50%' or '500ms', or 'infinity'"
#define NO_PERCENT " is not a percentage such as '12.5%'"
#define NO_LIST " is not a list such as '0-3,5'"
#define NO_RATE " is not a device and a rate such as '/dev/sda 10M'"
#define NO_ADDRESS " is not an address or a network such as '10.0.0.0/8'"
#define NO_PORTS " is not a range of ports such as '443' or 'ipv4:tcp:8000-8080', or 'any'"
#define NO_PROGRAM " is not a program such as 'egress:/sys/fs/bpf/filter'"

static void test_refused_texts(void) {
        static const struct {
                ResourceType type;
                const char *text, *problem;
        } table[] = {
                {RESOURCE_BOOL, "true", "'true' is not 'yes' or 'no'"},
                {RESOURCE_BOOL, "", "'' is not 'yes' or 'no'"},
                {RESOURCE_BYTES, "", "''" NO_SIZE},
                {RESOURCE_BYTES, "-1", "'-1'" NO_SIZE},
                {RESOURCE_BYTES, "512MB", "'512MB'" NO_SIZE},
                {RESOURCE_BYTES, "50%", "'50%'" NO_SIZE},
                {RESOURCE_BYTES, "16E", "'16E'" NO_SIZE},
                {RESOURCE_LIMIT, "Infinity", "'Infinity'" NO_SIZE},
                {RESOURCE_TASKS, "4K", "'4K' is not a number, or 'infinity'"},
                {RESOURCE_WEIGHT, "idle", "'idle' is not a number"},
                {RESOURCE_CPU_WEIGHT, "Idle", "'Idle' is not a number, or 'idle'"},
                {RESOURCE_CPU_QUOTA, "", "''" NO_QUOTA},
                {RESOURCE_CPU_QUOTA, "%", "'%'" NO_QUOTA},
                {RESOURCE_CPU_QUOTA, "-5%", "'-5%'" NO_QUOTA},
                {RESOURCE_CPU_QUOTA, "5%%", "'5%%'" NO_QUOTA},
                {RESOURCE_CPU_QUOTA, "1.%", "'1.%'" NO_QUOTA},
                {RESOURCE_CPU_QUOTA, "1.234%", "'1.234%'" NO_QUOTA},
                {RESOURCE_CPU_QUOTA, "18446744073709551615%", "'18446744073709551615%'" NO_QUOTA},
                {RESOURCE_CPU_QUOTA, "184467440737095516%", "'184467440737095516%'" NO_QUOTA},
                {RESOURCE_CPU_PERIOD, "fast", "'fast' is not a time such as '100ms'"},
                {RESOURCE_SHARE, "50", "'50'" NO_PERCENT},
                {RESOURCE_SHARE, "100.01%", "'100.01%'" NO_PERCENT},
                {RESOURCE_CPU_SET, "a", "'a'" NO_LIST},
                {RESOURCE_CPU_SET, "3-1", "'3-1'" NO_LIST},
                {RESOURCE_CPU_SET, "-1", "'-1'" NO_LIST},
                {RESOURCE_CPU_SET, "1-", "'1-'" NO_LIST},
                {RESOURCE_CPU_SET, "1-2-3", "'1-2-3'" NO_LIST},
                {RESOURCE_CPU_SET, "8192", "'8192'" NO_LIST},
                {RESOURCE_CPU_SET, "0-18446744073709551615", "'0-18446744073709551615'" NO_LIST},
                {RESOURCE_CPU_SET, "0-7:2/4", "'0-7:2/4'" NO_LIST},
                {RESOURCE_DEVICE_RATES, "/dev/sda", "'/dev/sda'" NO_RATE},
                {RESOURCE_DEVICE_RATES, "/dev/sda 1M; 10M", "'10M'" NO_RATE},
                {RESOURCE_DEVICE_RATES, "/dev/sda 10M /dev/sdb 10M", "'/dev/sda 10M /dev/sdb 10M'" NO_RATE},
                {RESOURCE_DEVICE_WEIGHTS, "/dev/sda ",
                        "'/dev/sda' is not a device and a weight such as '/dev/sda 100'"},
                {RESOURCE_DEVICE_LATENCIES, "/dev/sda soon",
                        "'/dev/sda soon' is not a device and a time such as '/dev/sda 25ms'"},
                {RESOURCE_ADDRESSES, "10.0.0.0/33", "'10.0.0.0/33'" NO_ADDRESS},
                {RESOURCE_ADDRESSES, "10.0.0.0/", "'10.0.0.0/'" NO_ADDRESS},
                {RESOURCE_ADDRESSES, "10.0.0", "'10.0.0'" NO_ADDRESS},
                {RESOURCE_ADDRESSES, "any example.org", "'example.org'" NO_ADDRESS},
                {RESOURCE_ADDRESSES, "::1/129", "'::1/129'" NO_ADDRESS},
                {RESOURCE_PORTS, "0", "'0'" NO_PORTS},
                {RESOURCE_PORTS, "65536", "'65536'" NO_PORTS},
                {RESOURCE_PORTS, "9-8", "'9-8'" NO_PORTS},
                {RESOURCE_PORTS, "tcp", "'tcp'" NO_PORTS},
                {RESOURCE_PORTS, "tcp:", "'tcp:'" NO_PORTS},
                {RESOURCE_PORTS, ":", "':'" NO_PORTS},
                {RESOURCE_PORTS, "tcp:ipv4:80", "'tcp:ipv4:80'" NO_PORTS},
                {RESOURCE_PORTS, "ipv4:tcp:80:90", "'ipv4:tcp:80:90'" NO_PORTS},
                {RESOURCE_PORTS, "sctp:80", "'sctp:80'" NO_PORTS},
                {RESOURCE_PROGRAMS, "/sys/fs/bpf/a", "'/sys/fs/bpf/a'" NO_PROGRAM},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autofree char *problem = NULL;

                g_assert_null(resource_value_parse(table[i].type, table[i].text, &problem));
                g_assert_cmpstr(problem, ==, table[i].problem);
        }
}

#define BLANK "contains a blank, a quote, '\\', '%' or ';'"
#define NUMBER "has a number that is wrong: "
#define NO_INTERFACE " is not the name of an interface"

static const struct {
        ResourceType type;
        const char *value, *problem;
} refused[] = {
        {RESOURCE_BOOL, "1", "the value has type 'i' instead of 'b'"},
        {RESOURCE_LIMIT, "@u 5", "the value has type 'u' instead of 't'"},
        {RESOURCE_LIMIT, "'512M'", "the value has type 's' instead of 't'"},
        {RESOURCE_CPU_SET, "'0-3'", "the value has type 's' instead of 'ay'"},
        {RESOURCE_DEVICES, "[('/dev/kvm', @t 1)]", "the value has type 'a(st)' instead of 'a(ss)'"},
        {RESOURCE_DEVICES, "@av []", "the value has type 'av' instead of 'a(ss)'"},
        {RESOURCE_INTERFACES, "['eth0']", "the value has type 'as' instead of '(bas)'"},

        {RESOURCE_LIMIT, "@t 0", "0 is less than 1"},
        {RESOURCE_TASKS, "@t 0", "0 is less than 1"},
        {RESOURCE_WEIGHT, "@t 0", "0 is not from 1 to 10000"},
        {RESOURCE_WEIGHT, "@t 10001", "10001 is not from 1 to 10000"},
        {RESOURCE_CPU_WEIGHT, "@t 10001", "10001 is not from 0 to 10000"},
        {RESOURCE_CPU_WEIGHT, "@t 18446744073709551614",
                "18446744073709551614 is not from 0 to 10000"},
        {RESOURCE_CPU_QUOTA, "@t 0", "0 is not from 1 to 8192000000"},
        {RESOURCE_CPU_QUOTA, "@t 8192000001", "8192000001 is not from 1 to 8192000000"},
        {RESOURCE_CPU_PERIOD, "@t 999", "999 is not from 1000 to 1000000"},
        {RESOURCE_CPU_PERIOD, "@t 1000001", "1000001 is not from 1000 to 1000000"},
        {RESOURCE_DURATION, "@t 999999", "999999 is less than 1000000"},
        {RESOURCE_THRESHOLD, "@t 0", "0 is less than 1"},
        {RESOURCE_LIMIT_SHARE, "@u 0", "0% is not from 0.01% to 100%"},
        {RESOURCE_LIMIT_SHARE, "@u 200000", "0% is not from 0.01% to 100%"},
        {RESOURCE_TASKS_SHARE, "@u 4294967295", "100% is not from 0.01% to 99.99%"},

        {RESOURCE_DEVICE_POLICY, "'open'", "'open' is not one of auto, closed, strict"},
        {RESOURCE_DEVICE_POLICY, "''", "'' is not one of auto, closed, strict"},
        {RESOURCE_OOM_POLICY, "'Kill'", "'Kill' is not one of continue, stop, kill"},
        {RESOURCE_OOM_MODE, "'no'", "'no' is not one of auto, kill"},
        {RESOURCE_OOM_PREFERENCE, "'\\n'", "'\\x0a' is not one of none, avoid, omit"},
        {RESOURCE_PRESSURE_WATCH, "'on'", "'on' is not one of auto, yes, no, skip"},
        {RESOURCE_CPU_PARTITION, "'isolate'", "'isolate' is not one of member, root, isolated"},
        {RESOURCE_CONTROLLERS, "['net_cls']",
                "'net_cls' is not one of cpu, cpuacct, cpuset, io, blkio, memory, devices, pids, "
                "bpf-firewall, bpf-devices, bpf-foreign, bpf-socket-bind, "
                "bpf-restrict-network-interfaces"},

        {RESOURCE_DEVICE_WEIGHTS, "[('/dev/sda', @t 0)]", "'/dev/sda' " NUMBER "0 is not from 1 to 10000"},
        {RESOURCE_DEVICE_WEIGHTS, "[('/dev/sda', @t 18446744073709551615)]",
                "'/dev/sda' " NUMBER "18446744073709551615 is not from 1 to 10000"},
        {RESOURCE_DEVICE_RATES, "[('/dev/sda', @t 0)]", "'/dev/sda' " NUMBER "0 is less than 1"},
        {RESOURCE_DEVICE_RATES, "[('sda', @t 1)]", "'sda' is not an absolute path"},
        {RESOURCE_DEVICE_RATES, "[('/dev/../etc', @t 1)]", "'/dev/../etc' is not a normalised path"},
        {RESOURCE_DEVICE_RATES, "[('/dev/a b', @t 1)]", "'/dev/a b' " BLANK},
        {RESOURCE_DEVICE_RATES, "[('/dev/a\\n[Unit]', @t 1)]",
                "'/dev/a\\x0a[Unit]' contains a control character"},
        {RESOURCE_DEVICE_RATES, "[('/dev/%n', @t 1)]", "'/dev/%n' " BLANK},
        {RESOURCE_DEVICE_RATES, "[('/dev/sda', @t 1), ('/dev/sdb', 1), ('/dev/sda', 2)]",
                "'/dev/sda' is given twice"},

        {RESOURCE_DEVICES, "[('/dev/kvm', 'x')]", "'x' is not made of the letters r, w and m"},
        {RESOURCE_DEVICES, "[('/dev/kvm', 'r w')]", "'r w' is not made of the letters r, w and m"},
        {RESOURCE_DEVICES, "[('/etc/passwd', 'r')]",
                "'/etc/passwd' is neither below /dev nor 'char-GROUP' nor 'block-GROUP'"},
        {RESOURCE_DEVICES, "[('/dev/', 'r')]", "'/dev/' is not a normalised path"},
        {RESOURCE_DEVICES, "[('/dev/../x', 'r')]", "'/dev/../x' is not a normalised path"},
        {RESOURCE_DEVICES, "[('c 10:232', 'r')]",
                "'c 10:232' is neither below /dev nor 'char-GROUP' nor 'block-GROUP'"},
        {RESOURCE_DEVICES, "[('char-', 'r')]", "'char-' names no group of devices"},
        {RESOURCE_DEVICES, "[('char-a b', 'r')]", "'char-a b' " BLANK},
        {RESOURCE_DEVICES, "[('char-\\n', 'r')]", "'char-\\x0a' contains a control character"},
        {RESOURCE_DEVICES, "[('/dev/kvm', 'r'), ('/dev/kvm', 'w')]", "'/dev/kvm' is given twice"},

        {RESOURCE_ADDRESSES, "[(1, [byte 1, 2, 3, 4], @u 8)]",
                "address family 1 is neither IPv4 nor IPv6"},
        {RESOURCE_ADDRESSES, "[(2, [byte 1, 2, 3], @u 8)]", "an address has 3 bytes instead of 4"},
        {RESOURCE_ADDRESSES, "[(10, [byte 1, 2, 3, 4], @u 8)]",
                "an address has 4 bytes instead of 16"},
        {RESOURCE_ADDRESSES, "[(2, [byte 1, 2, 3, 4], @u 33)]", "prefix length 33 is more than 32"},
        {RESOURCE_PORTS, "[(1, 0, @q 1, @q 1)]", "address family 1 is neither IPv4 nor IPv6"},
        {RESOURCE_PORTS, "[(2, 132, @q 1, @q 1)]", "protocol 132 is neither TCP nor UDP"},
        {RESOURCE_PORTS, "[(0, 0, @q 1, @q 0)]", "1 ports from port 0 are no range"},
        {RESOURCE_PORTS, "[(0, 0, @q 0, @q 1)]", "0 ports from port 1 are no range"},
        {RESOURCE_PORTS, "[(0, 0, @q 2, @q 65535)]", "2 ports from port 65535 are no range"},

        {RESOURCE_INTERFACES, "(true, [''])", "''" NO_INTERFACE},
        {RESOURCE_INTERFACES, "(true, ['eth0', '0123456789abcdef'])",
                "'0123456789abcdef'" NO_INTERFACE},
        {RESOURCE_INTERFACES, "(false, ['12'])", "'12'" NO_INTERFACE},
        {RESOURCE_INTERFACES, "(false, ['..'])", "'..'" NO_INTERFACE},
        {RESOURCE_INTERFACES, "(false, ['all'])", "'all'" NO_INTERFACE},
        {RESOURCE_INTERFACES, "(false, ['a/b'])", "'a/b'" NO_INTERFACE},
        {RESOURCE_INTERFACES, "(false, ['a b'])", "'a b'" NO_INTERFACE},
        {RESOURCE_INTERFACES, "(false, ['~a'])", "'~a'" NO_INTERFACE},

        {RESOURCE_PATHS, "['a']", "'a' is not an absolute path"},
        {RESOURCE_PATHS, "['/a b']", "'/a b' " BLANK},
        {RESOURCE_PROGRAMS, "[('anything', '/a')]", "'anything' is not where a program is attached"},
        {RESOURCE_PROGRAMS, "[('egress', 'a')]", "'a' is not an absolute path"},
};

static void test_refused_values(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                g_autoptr(GVariant) value = variant(refused[i].value);
                g_autofree char *problem = NULL;

                g_test_message("%s", refused[i].value);
                g_assert_null(resource_value_take(refused[i].type, value, &problem));
                g_assert_cmpstr(problem, ==, refused[i].problem);
        }
}

/* Sets of 8192 CPUs and lists of 1024 entries are the largest. */
static void test_bounds(void) {
        g_autoptr(GVariant) all = parse(RESOURCE_CPU_SET, "0-8191"), long_list = NULL, more = NULL;
        g_autofree char *printed = resource_value_print(RESOURCE_CPU_SET, all), *problem = NULL;
        g_autofree uint8_t *bits = g_malloc0(1025);
        g_autoptr(GString) text = g_string_new(NULL);

        g_assert_cmpstr(printed, ==, "0-8191");
        g_assert_cmpuint(g_variant_n_children(all), ==, 1024);
        more = g_variant_ref_sink(g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bits, 1025, 1));
        g_assert_null(resource_value_take(RESOURCE_CPU_SET, more, &problem));
        g_assert_cmpstr(problem, ==, "1025 bytes are more than 1024");

        for (unsigned i = 0; i < 1025; i++) {
                if (i == 1024) {
                        g_autoptr(GVariant) list = parse(RESOURCE_DEVICES, text->str);
                        g_assert_cmpuint(g_variant_n_children(list), ==, 1024);
                }
                g_string_append_printf(text, "/dev/char/10:%u rw;", i);
        }
        g_clear_pointer(&problem, g_free);
        long_list = resource_value_parse(RESOURCE_DEVICES, text->str, &problem);
        g_assert_nonnull(long_list);
        g_assert_null(resource_value_take(RESOURCE_DEVICES, long_list, &problem));
        g_assert_cmpstr(problem, ==, "1025 entries are more than 1024");
}

static void test_reset(void) {
        static const struct {
                ResourceType type;
                const char *reset;
        } table[] = {
                {RESOURCE_LIMIT, NULL}, {RESOURCE_CPU_SET, NULL}, {RESOURCE_DEVICE_POLICY, NULL},
                {RESOURCE_DEVICES, "@a(ss) []"}, {RESOURCE_DEVICE_RATES, "@a(st) []"},
                {RESOURCE_ADDRESSES, "@a(iayu) []"}, {RESOURCE_PORTS, "@a(iiqq) []"},
                {RESOURCE_INTERFACES, "(false, @as [])"}, {RESOURCE_CONTROLLERS, "@as []"},
                {RESOURCE_PATHS, "@as []"}, {RESOURCE_PROGRAMS, "@a(ss) []"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(GVariant) reset = resource_value_reset(table[i].type), wanted = NULL;

                g_assert_cmpint(!reset, ==, !table[i].reset);
                if (!reset)
                        continue;
                wanted = variant(table[i].reset);
                g_assert_cmpvariant(reset, wanted);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/resource-value/every text means its value, which prints and parses to itself",
                test_meanings);
        g_test_add_func("/resource-value/values are kept as systemd will hold them", test_taken);
        g_test_add_func("/resource-value/every other text is refused with its reason", test_refused_texts);
        g_test_add_func("/resource-value/every other value is refused with its reason", test_refused_values);
        g_test_add_func("/resource-value/sets and lists have a largest size", test_bounds);
        g_test_add_func("/resource-value/what systemd adds to is emptied first", test_reset);
        return g_test_run();
}
