/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sets of resource-control properties: what goes in, what is refused in which words, what comes out. */

#include <errno.h>
#include <string.h>

#include "config/resources.h"
#include "resources-text.h"
#include "util/auto.h"
#include "util/errors.h"

static int set(Resources *resources, const char *name, const char *value, ResourcesWhen when,
        sd_bus_error *error) {
        return resources_set(resources, name, g_variant_new_parsed(value), when, error);
}

static int set_text(Resources *resources, const char *name, const char *text, sd_bus_error *error) {
        return resources_set_text(resources, name, text, RESOURCES_AT_CREATION, error);
}

static void assert_text(const Resources *resources, const char *wanted) {
        g_autofree char *text = text_of(resources);
        g_assert_cmpstr(text, ==, wanted);
}

static void assert_refused_as(int r, const sd_bus_error *error, const char *name, const char *text) {
        g_assert_cmpstr(error->message, ==, text);
        g_assert_cmpstr(error->name, ==, name);
        g_assert_cmpint(r, ==, g_str_equal(name, VMM_ERROR_NOT_SUPPORTED) ? -EOPNOTSUPP : -EINVAL);
}

/* --- the table --- */

static void test_table(void) {
        const ResourceProperty *property;
        size_t n = 0, n_creation = 0;

        for (; (property = resource_property_nth(n)); n++) {
                g_assert_true(resource_property_find(property->name) == property);
                g_assert_cmpuint(property->since, >=, 252);
                g_assert_true(g_variant_type_string_is_valid(resource_type_signature(property->type)));
                n_creation += property->creation_only;
                if (g_str_has_suffix(property->name, "Scale")) {
                        g_autofree char *whole = g_strndup(property->name, strlen(property->name) - 5);
                        g_assert_nonnull(resource_property_find(whole));
                        g_assert_cmpstr(resource_type_signature(property->type), ==, "u");
                }
        }
        g_assert_cmpuint(n_creation, ==, 6);
        g_assert_null(resource_property_nth(n + 1));
        g_assert_null(resource_property_find("memorymax"));
        g_assert_null(resource_property_find(""));
}

/* Names, D-Bus types, systemd's version and the controller of some of each kind. */
static void test_rows(void) {
        static const ResourceProperty table[] = {
                {"CPUWeight", RESOURCE_CPU_WEIGHT, "cpu", 252, false},
                {"AllowedMemoryNodes", RESOURCE_CPU_SET, "cpuset", 252, false},
                {"CPUSetPartition", RESOURCE_CPU_PARTITION, "cpuset", 261, false},
                {"MemoryMax", RESOURCE_LIMIT, "memory", 252, false},
                {"MemoryZSwapMax", RESOURCE_BYTES, "memory", 253, false},
                {"StartupMemoryMax", RESOURCE_LIMIT, "memory", 254, false},
                {"MemoryZSwapWriteback", RESOURCE_BOOL, "memory", 256, false},
                {"ManagedOOMMemoryPressureDurationUSec", RESOURCE_DURATION, "memory", 257, false},
                {"OOMPolicy", RESOURCE_OOM_POLICY, "memory", 252, true},
                {"MemoryPressureWatch", RESOURCE_PRESSURE_WATCH, "memory", 254, true},
                {"TasksMax", RESOURCE_TASKS, "pids", 252, false},
                {"TasksMaxScale", RESOURCE_TASKS_SHARE, "pids", 260, false},
                {"IOReadIOPSMax", RESOURCE_DEVICE_RATES, "io", 252, false},
                {"DeviceAllow", RESOURCE_DEVICES, "devices", 252, false},
                {"SocketBindDeny", RESOURCE_PORTS, "bpf-framework", 252, false},
                {"BPFProgram", RESOURCE_PROGRAMS, "bpf", 252, true},
                {"DisableControllers", RESOURCE_CONTROLLERS, NULL, 252, false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                const ResourceProperty *property = resource_property_find(table[i].name);

                g_assert_cmpint(property->type, ==, table[i].type);
                g_assert_cmpstr(property->controller, ==, table[i].controller);
                g_assert_cmpuint(property->since, ==, table[i].since);
                g_assert_cmpint(property->creation_only, ==, table[i].creation_only);
        }
}

/* --- setting --- */

static void test_order(void) {
        g_autoptr(Resources) resources = resources_new();
        g_autoptr(GVariant) kept = g_variant_ref_sink(g_variant_new_uint64(100));
        GVariant *value;

        g_assert_cmpuint(resources_size(resources), ==, 0);
        g_assert_cmpint(set(resources, "TasksMax", "@t 64", RESOURCES_LIVE, NULL), ==, 0);
        g_assert_cmpint(resources_set(resources, "CPUWeight", kept, RESOURCES_LIVE, NULL), ==, 0);
        g_assert_cmpint(set(resources, "OOMPolicy", "'kill'", RESOURCES_AT_CREATION, NULL), ==, 0);
        assert_text(resources, "TasksMax=64 | CPUWeight=100 | OOMPolicy=kill");

        g_assert_cmpstr(resources_nth(resources, 1, &value)->name, ==, "CPUWeight");
        g_assert_cmpuint(g_variant_get_uint64(value), ==, 100);
        g_assert_cmpuint(g_variant_get_uint64(resources_lookup(resources, "TasksMax")), ==, 64);
        g_assert_null(resources_lookup(resources, "MemoryMax"));
}

static void test_share_texts(void) {
        g_autoptr(Resources) resources = resources_new();

        g_assert_cmpint(set_text(resources, "MemoryMax", "50%", NULL), ==, 0);
        g_assert_cmpint(set_text(resources, "MemoryLowScale", "12.5%", NULL), ==, 0);
        g_assert_cmpint(set_text(resources, "CPUQuotaPerSecUSec", "150%", NULL), ==, 0);
        g_assert_cmpint(set_text(resources, "ManagedOOMMemoryPressureLimit", "60%", NULL), ==, 0);
        assert_text(resources, "MemoryMaxScale=50% | MemoryLowScale=12.5% | CPUQuotaPerSecUSec=150% | "
                "ManagedOOMMemoryPressureLimit=60%");
        g_assert_null(resources_lookup(resources, "MemoryMax"));
}

#define OWN " is the manager's own business"
#define SERVICES " is for services, which systemd starts itself, and not for scopes"

static void test_refused(void) {
        static const struct {
                const char *name, *value;
                ResourcesWhen when;
                const char *error, *text;
        } table[] = {
                {"MemoryMin", "'512M'", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG,
                        "MemoryMin: the value has type 's' instead of 't'"},
                {"MemoryMin", "@u 1", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG,
                        "MemoryMin: the value has type 'u' instead of 't'"},
                {"TasksMax", "@t 0", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG, "TasksMax: 0 is less than 1"},
                {"DevicePolicy", "'none'", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG,
                        "DevicePolicy: 'none' is not one of auto, closed, strict"},
                {"DeviceAllow", "[('/dev/kvm', 'rwx')]", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG,
                        "DeviceAllow: 'rwx' is not made of the letters r, w and m"},
                {"MemoryMax", "@t 5", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG,
                        "MemoryMax: it is given twice"},
                {"MemoryMaxScale", "@u 2147483648", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG,
                        "MemoryMaxScale: MemoryMax sets the same limit"},
                {"MemoryHigh", "@t 5", RESOURCES_LIVE, VMM_ERROR_INVALID_CONFIG,
                        "MemoryHigh: MemoryHighScale sets the same limit"},

                {"OOMPolicy", "'kill'", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED,
                        "OOMPolicy can only be given at creation"},
                {"BPFProgram", "@a(ss) []", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED,
                        "BPFProgram can only be given at creation"},

                {"PIDs", "[@u 1]", RESOURCES_AT_CREATION, VMM_ERROR_NOT_SUPPORTED, "PIDs" OWN},
                {"KillMode", "'none'", RESOURCES_AT_CREATION, VMM_ERROR_NOT_SUPPORTED, "KillMode" OWN},
                {"Slice", "'a.slice'", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED, "Slice" OWN},
                {"WatchdogSignal", "1", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED, "WatchdogSignal" OWN},
                {"Delegate", "true", RESOURCES_AT_CREATION, VMM_ERROR_NOT_SUPPORTED,
                        "Delegate is a key of its own and not a resource"},
                {"Nice", "5", RESOURCES_AT_CREATION, VMM_ERROR_NOT_SUPPORTED, "Nice" SERVICES},
                {"Environment", "@as []", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED, "Environment" SERVICES},
                {"Restart", "'no'", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED, "Restart" SERVICES},
                {"CPUShares", "@t 1024", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED,
                        "CPUShares is for cgroup v1: CPUWeight takes its place"},
                {"CPUQuota", "'50%'", RESOURCES_LIVE, VMM_ERROR_NOT_SUPPORTED,
                        "CPUQuota is called CPUQuotaPerSecUSec over D-Bus"},

                {"MemoryMaximum", "@t 5", RESOURCES_LIVE, SD_BUS_ERROR_INVALID_ARGS,
                        "There is no resource property 'MemoryMaximum'"},
                {"memorymax", "@t 5", RESOURCES_LIVE, SD_BUS_ERROR_INVALID_ARGS,
                        "There is no resource property 'memorymax'"},
                {"", "@t 5", RESOURCES_LIVE, SD_BUS_ERROR_INVALID_ARGS, "There is no resource property ''"},
                {"%s\n", "@t 5", RESOURCES_LIVE, SD_BUS_ERROR_INVALID_ARGS,
                        "There is no resource property '%s\\x0a'"},
        };
        const char *before = "MemoryMax=1G | MemoryHighScale=50%";
        g_autoptr(Resources) resources = resources_of(before);

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                assert_refused_as(set(resources, table[i].name, table[i].value, table[i].when, &error),
                        &error, table[i].error, table[i].text);
                assert_text(resources, before);
        }
}

static void test_refused_texts(void) {
        static const struct {
                const char *name, *text, *error, *reason;
        } table[] = {
                {"MemoryMax", "lots", VMM_ERROR_INVALID_CONFIG,
                        "MemoryMax: 'lots' is not a size such as '512M', or 'infinity'"},
                {"MemoryMax", "0", VMM_ERROR_INVALID_CONFIG, "MemoryMax: 0 is less than 1"},
                {"MemoryMax", "101%", VMM_ERROR_INVALID_CONFIG,
                        "MemoryMaxScale: '101%' is not a percentage such as '12.5%'"},
                {"CPUWeight", "50%", VMM_ERROR_INVALID_CONFIG,
                        "CPUWeight: '50%' is not a number, or 'idle'"},
                {"DevicePolicy", "open", VMM_ERROR_INVALID_CONFIG,
                        "DevicePolicy: 'open' is not one of auto, closed, strict"},
                {"MemoryLimit", "1G", VMM_ERROR_NOT_SUPPORTED,
                        "MemoryLimit is for cgroup v1: MemoryMax takes its place"},
                {"Memory", "50%", SD_BUS_ERROR_INVALID_ARGS, "There is no resource property 'Memory'"},
        };
        g_autoptr(Resources) resources = resources_new();

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                assert_refused_as(set_text(resources, table[i].name, table[i].text, &error), &error,
                        table[i].error, table[i].reason);
                g_assert_cmpuint(resources_size(resources), ==, 0);
        }
}

/* --- merging --- */

static void test_merge(void) {
        g_autoptr(Resources) resources = resources_of(
                "MemoryMax=1G | DeviceAllow=/dev/kvm rw; /dev/null rw | CPUWeight=100");
        g_autoptr(Resources) newer = resources_of(
                "TasksMax=64 | DeviceAllow=/dev/net/tun rw | MemoryMaxScale=50% | MemoryMin=1M");
        g_autoptr(Resources) before = resources_copy(newer);
        const char *merged = "MemoryMaxScale=50% | DeviceAllow=/dev/net/tun rw | CPUWeight=100 | "
                "TasksMax=64 | MemoryMin=1M";

        resources_merge(resources, newer);
        assert_text(resources, merged);
        g_assert_true(resources_equal(newer, before));
        resources_merge(resources, newer);
        assert_text(resources, merged);
}

static void test_copy(void) {
        g_autoptr(Resources) resources = resources_of("MemoryMax=1G | CPUWeight=idle");
        g_autoptr(Resources) copy = resources_copy(resources), newer = resources_of("MemoryMax=2G");

        g_assert_true(resources_equal(resources, copy));
        resources_merge(copy, newer);
        assert_text(copy, "MemoryMax=2G | CPUWeight=idle");
        assert_text(resources, "MemoryMax=1G | CPUWeight=idle");
}

static void test_equal(void) {
        static const struct {
                const char *a, *b;
                bool equal;
        } table[] = {
                {"MemoryMax=1G | CPUWeight=1", "CPUWeight=1 | MemoryMax=1024M", true},
                {"MemoryMax=1G", "MemoryMax=2G", false},
                {"MemoryMax=1G", "MemoryHigh=1G", false},
                {"MemoryMax=1G", "MemoryMax=1G | CPUWeight=1", false},
                {"MemoryMax=1G | CPUWeight=1", "MemoryMax=1G", false},
                {"MemoryMax=1G", "MemoryMax=50%", false},
                {"DeviceAllow=/dev/a r; /dev/b r", "DeviceAllow=/dev/a r", false},
                {"AllowedCPUs=0-3", "AllowedCPUs=0,1,2,3", true},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(Resources) a = resources_of(table[i].a), b = resources_of(table[i].b);

                g_assert_cmpint(resources_equal(a, b), ==, table[i].equal);
        }
}

/* --- checking the whole --- */

static const ResourcesHost newest = {.systemd_version = 261};

static void test_contradictions(void) {
        static const struct {
                const char *resources, *reason;
        } table[] = {
                {"MemoryHigh=2G | MemoryMax=1G", "MemoryHigh: 2G is more than MemoryMax, which is 1G"},
                {"MemoryMax=1G | MemoryMin=2G", "MemoryMin: 2G is more than MemoryMax, which is 1G"},
                {"MemoryMax=1G | MemoryLow=1025M", "MemoryLow: 1025M is more than MemoryMax, which is 1G"},
                {"MemoryMin=2 | MemoryHigh=1", "MemoryMin: 2 is more than MemoryHigh, which is 1"},
                {"MemoryLow=2 | MemoryHigh=1", "MemoryLow: 2 is more than MemoryHigh, which is 1"},
                {"MemoryHigh=60% | MemoryMax=50%",
                        "MemoryHighScale: 60% is more than MemoryMaxScale, which is 50%"},
                {"MemoryLow=100% | MemoryMax=99.99%",
                        "MemoryLowScale: 100% is more than MemoryMaxScale, which is 99.99%"},
                {"StartupMemoryHigh=2G | MemoryMax=1G",
                        "StartupMemoryHigh: 2G is more than MemoryMax, which is 1G"},
                {"MemoryHigh=1G | MemoryMax=2G | StartupMemoryMax=512M",
                        "MemoryHigh: 1G is more than StartupMemoryMax, which is 512M"},
                {"StartupMemoryLow=2G | StartupMemoryMax=1G",
                        "StartupMemoryLow: 2G is more than StartupMemoryMax, which is 1G"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(Resources) resources = resources_of(table[i].resources);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                assert_refused_as(resources_check(resources, &newest, &error), &error,
                        VMM_ERROR_INVALID_CONFIG, table[i].reason);
        }
}

static void test_no_contradictions(void) {
        static const char *const table[] = {
                "MemoryMin=1G | MemoryLow=1G | MemoryHigh=1G | MemoryMax=1G",
                "MemoryMin=2G | MemoryLow=1G",                     /* each protects for itself */
                "MemoryHigh=infinity | MemoryMax=1G",
                "MemoryLow=infinity | MemoryMax=1G",               /* all that there will ever be */
                "MemoryMin=1G | MemoryMax=infinity",
                "MemorySwapMax=2G | MemoryMax=1G",                 /* counted by itself */
                "MemorySwapMax=0",
                "MemoryHigh=1G | MemoryMax=10%",                   /* nobody knows here */
                "MemoryHigh=2G | MemoryMax=3G | StartupMemoryHigh=1G | StartupMemoryMax=1G",
                "MemoryHigh=2G | MemoryMax=3G | StartupMemoryHigh=infinity",
                "DevicePolicy=auto | DeviceAllow=/dev/kvm rw",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(Resources) resources = resources_of(table[i]);

                g_assert_cmpint(resources_check(resources, &newest, NULL), ==, 0);
        }
}

static void test_host(void) {
        static const char *const delegated[] = {"cpu", "memory", "pids", NULL}, *const none[] = {NULL};
        static const struct {
                const char *resources;
                ResourcesHost host;
                const char *reason;
        } table[] = {
                {"MemoryMax=1G | TasksMax=64", {252, NULL}, NULL},
                {"MemoryMax=1G | TasksMax=64", {252, delegated}, NULL},
                {"CPUAccounting=yes | DisableControllers=io", {252, none}, NULL},
                {"MemoryZSwapMax=1G", {253, NULL}, NULL},
                {"MemoryZSwapMax=1G", {252, NULL}, "MemoryZSwapMax needs systemd 253, and this is 252"},
                {"TasksMax=50%", {257, NULL}, "TasksMaxScale needs systemd 260, and this is 257"},
                {"MemoryMax=1G", {252, none},
                        "MemoryMax needs 'memory' control, which this systemd does not have"},
                {"MemoryMax=1G | AllowedCPUs=0", {257, delegated},
                        "AllowedCPUs needs 'cpuset' control, which this systemd does not have"},
                {"DeviceAllow=/dev/kvm", {257, delegated},
                        "DeviceAllow needs 'devices' control, which this systemd does not have"},
                {"IPAddressDeny=any", {257, delegated},
                        "IPAddressDeny needs 'bpf' control, which this systemd does not have"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(Resources) resources = resources_of(table[i].resources);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r = resources_check(resources, &table[i].host, &error);

                if (table[i].reason)
                        assert_refused_as(r, &error, VMM_ERROR_NOT_SUPPORTED, table[i].reason);
                else
                        g_assert_cmpint(r, ==, 0);
        }
}

/* --- sending --- */

static void test_send(void) {
        g_autoptr(Resources) resources = resources_of("MemoryMax=1G | DeviceAllow=/dev/kvm rw; char-136 r | "
                "AllowedCPUs=0-1 | IPAddressDeny= | RestrictNetworkInterfaces=~eth0 | DevicePolicy=closed");
        g_autoptr(GVariant) sent = resources_to_send(resources, RESOURCES_AT_CREATION);
        g_autofree char *text = g_variant_print(sent, TRUE);

        g_assert_cmpstr(text, ==,
                "[('MemoryMax', <uint64 1073741824>), "
                "('DeviceAllow', <@a(ss) []>), "
                "('DeviceAllow', <[('/dev/kvm', 'rw'), ('char-136', 'r')]>), "
                "('AllowedCPUs', <[byte 0x03]>), "
                "('IPAddressDeny', <@a(iayu) []>), "
                "('RestrictNetworkInterfaces', <(false, @as [])>), "
                "('RestrictNetworkInterfaces', <(false, ['eth0'])>), "
                "('DevicePolicy', <'closed'>)]");
}

/* As they come over D-Bus, listed or as a dictionary. */
static void test_in_effect(void) {
        static const struct {
                const char *resources, *told, *effect;
        } table[] = {
                {"TasksMax=5", "{'TasksMax': <uint64 6>, 'MemoryMax': <uint64 7>}", "TasksMax=6"},
                {"TasksMax=5", "{'TasksMax': <uint64 0>}", "TasksMax=5"},
                {"MemoryMax=10%", "{'MemoryMax': <uint64 7>}", "MemoryMaxScale=10%"},
                /* Lists come back from the last entry to the first. */
                {"DeviceAllow=/dev/a r; /dev/b rw", "{'DeviceAllow': <[('/dev/b', 'rw'), ('/dev/a', 'r')]>}",
                        "DeviceAllow=/dev/a r; /dev/b rw"},
                {"DeviceAllow=/dev/a r; /dev/b rw", "{'DeviceAllow': <[('/dev/b', 'rw'), ('/dev/a', 'w')]>}",
                        "DeviceAllow=/dev/b rw; /dev/a w"},
                {"DeviceAllow=/dev/a r", "{'DeviceAllow': <@a(ss) []>}", "DeviceAllow="},
                {"AllowedCPUs=0,9", "{'AllowedCPUs': <[byte 2, 1]>}", "AllowedCPUs=1,8"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(Resources) resources = resources_of(table[i].resources);
                g_autoptr(GVariant) told = g_variant_ref_sink(g_variant_new_parsed(table[i].told));
                g_autoptr(Resources) effect = resources_in_effect(resources, told);

                assert_text(effect, table[i].effect);
        }
}

static void test_from(void) {
        static const char *const forms[] = {
                "[('TasksMax', <uint64 7>), ('CPUWeight', <uint64 50>)]",
                "{'TasksMax': <uint64 7>, 'CPUWeight': <uint64 50>}",
        };
        g_autoptr(Resources) expected = resources_of("TasksMax=7 | CPUWeight=50");

        for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
                g_autoptr(GVariant) form = g_variant_parse(NULL, forms[i], NULL, NULL, NULL);
                g_autoptr(Resources) resources = NULL;
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                g_assert_cmpint(resources_new_from(form, RESOURCES_LIVE, &resources, &error), ==, 0);
                g_assert_true(resources_equal(resources, expected));
        }

        g_autoptr(GVariant) twice = g_variant_parse(
                NULL, "[('TasksMax', <uint64 7>), ('TasksMax', <uint64 8>)]", NULL, NULL, NULL);
        g_autoptr(Resources) none = NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = resources_new_from(twice, RESOURCES_LIVE, &none, &error);

        assert_refused_as(r, &error, VMM_ERROR_INVALID_CONFIG, "TasksMax: it is given twice");
        g_assert_null(none);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);

        g_test_add_func("/resources/every property is found by its name", test_table);
        g_test_add_func("/resources/properties have type, controller and version", test_rows);
        g_test_add_func("/resources/what is set stays in order", test_order);
        g_test_add_func("/resources/a percentage of memory sets the share", test_share_texts);
        g_test_add_func("/resources/what is refused changes nothing and is told why", test_refused);
        g_test_add_func("/resources/a text is refused with its reason", test_refused_texts);
        g_test_add_func("/resources/the newer wins, whole lists too", test_merge);
        g_test_add_func("/resources/a copy goes its own way", test_copy);
        g_test_add_func("/resources/sets are equal in whatever order", test_equal);
        g_test_add_func("/resources/contradictions are refused", test_contradictions);
        g_test_add_func("/resources/what only looks like a contradiction is not", test_no_contradictions);
        g_test_add_func("/resources/what this systemd cannot do is refused by name", test_host);
        g_test_add_func("/resources/lists are emptied before they are sent", test_send);
        g_test_add_func("/resources/what systemd tells is what they are", test_in_effect);
        g_test_add_func("/resources/a list or a dictionary of D-Bus makes a set", test_from);
        return g_test_run();
}
