/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domain configurations: names, keys and values that are taken, those that are refused and in which words,
 * and what a completed configuration holds. */

#include <signal.h>
#include <string.h>

#include "assert-error.h"
#include "config/domain-config.h"
#include "config/io-ports.h"
#include "util/auto.h"
#include "util/errors.h"

static const StopPlan plans[_DOMAIN_KIND_MAX] = {
        [DOMAIN_QEMU] = {1, {{0, 30000000}}},
        [DOMAIN_PROCESS] = {1, {{SIGTERM, 10000000}}},
};
static const ConfigDefaults defaults = {.slice = "machine.slice", .stop_plans = plans};
static const ConfigDefaults adopted = {.slice = "machine.slice", .stop_plans = plans, .adopted = true};

static DomainConfig *config_new(const char *name) {
        DomainConfig *config = NULL;

        g_assert_cmpint(domain_config_new(name, &config, NULL), ==, 0);
        return config;
}

static int set_string(DomainConfig *config, const char *key, const char *string, sd_bus_error *error) {
        ConfigValue value = {CONFIG_STRING, {.string = string}};

        return domain_config_set(config, domain_config_key(key), &value, error);
}

static int set_number(DomainConfig *config, const char *name, uint64_t number, sd_bus_error *error) {
        const ConfigKey *key = domain_config_key(name);
        ConfigValue value = {key->type, {.uint64 = number}};

        if (key->type == CONFIG_UINT32)
                value.uint32 = (uint32_t) number;
        return domain_config_set(config, key, &value, error);
}

static int set_list(DomainConfig *config, const char *key, const char *const *strv, sd_bus_error *error) {
        ConfigValue value = {CONFIG_STRV, {.strv = (char *const *) strv}};

        return domain_config_set(config, domain_config_key(key), &value, error);
}

static void assert_set(int r) {
        g_assert_cmpint(r, ==, 0);
}

/* A configuration of up to two keys; Command and Environment get their text as the only entry. */
static DomainConfig *config_of(const char *key, const char *text, const char *key2, const char *text2) {
        g_autoptr(DomainConfig) config = config_new("web1");
        const char *given[][2] = {{key, text}, {key2, text2}};

        for (size_t i = 0; i < 2 && given[i][0]; i++)
                if (domain_config_key(given[i][0])->type == CONFIG_STRV)
                        assert_set(set_list(config, given[i][0], (const char *[2]) {given[i][1]}, NULL));
                else
                        assert_set(set_string(config, given[i][0], given[i][1], NULL));
        return g_steal_pointer(&config);
}

/* --- names --- */

#define TEN "0123456789"
#define BYTES_64 TEN TEN TEN TEN TEN TEN "abcd"
#define BYTES_128 BYTES_64 BYTES_64

#define CONTROL "contains a control character"

/* Names and what is wrong with them. Without a problem a name is contained: it makes one harmless unit. */
static const struct {
        const char *problem, *names[64];
} names[] = {
        {NULL, {
                /* ordinary */
                "web1", "a", "0", "Web_1.example-net", "gr\xc3\xbc\xc3\x9f", BYTES_64, " ", "my vm",
                "\xf0\x9f\x90\xa7",
                /* like a path, and none: full-width slash, division slash, two dot leader */
                "~", "~root", "%2e%2e%2fx", "\xef\xbc\x8f", "\xe2\x88\x95", "\xe2\x80\xa5",
                /* shells, specifiers, options, units, markup */
                "$(id)", "`id`", "${HOME}", "%n", "%s%s%n", "*", "?", "[a]", "{a,b}", "a;b", "a|b", "a&b",
                "a>b", "a<b", "'", "\"", "\\", "\\x2f", "#", "!", "_", "a=b", "a@b", "a@.service",
                "x.service", "x.scope", "init", "init.scope", "x.slices", "x.SLICE", "x.slice ", "x -S",
                "x,readonly=on", "x,,y", "file=x", "<b>", "' OR 1=1 --", "NUL", "CON", "null",
                /* one digit less or more than a UUID */
                "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdefa",
                "0123456789abcdef0123456789abcdeg", "{01234567-89ab-cdef-0123-456789abcdef}",
                "0123456789ab-cdef-0123-456789abcdef",
        }},
        {"is empty", {
                "",
        }},
        {"begins with '.' or '-'", {
                ".", "..", "../x", "..\\x", "./x", ".hidden", "..%2f..%2fx", ".slice", "-", "--", "-x",
                "--help", "-S", "-.slice", "-monitor stdio",
        }},
        {"contains '/' or ':'", {
                "/", "//", "/etc/passwd", "a/b", "a/../b", "a/..", "a/", "C:\\x", ":", "::", "x:y",
                "machine.slice:vmm:x", "urn:uuid:01234567-89ab-cdef-0123-456789abcdef",
        }},
        {"contains '..'", {
                "a..b", "a..", "a\\..\\b", "a...b",
        }},
        {"ends in '.slice'", {
                "system.slice", "user-1000.slice", "a--b.slice", "a b.slice",
        }},
        {"looks like a UUID", {
                "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef",
                "0123456789ABCDEF0123456789ABCDEF", "01234567-89AB-CDEF-0123-456789ABCDEF",
                "00000000000000000000000000000000", "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
        }},
        {"contains an invisible character", {
                /* byte order, joiners, direction marks and overrides, tags, soft hyphen */
                "\xef\xbb\xbfweb", "we\xe2\x80\x8b" "b", "we\xe2\x80\x8c" "b", "we\xe2\x80\x8d" "b",
                "we\xe2\x80\x8e" "b", "we\xe2\x80\x8f" "b", "\xe2\x80\xaa" "bew", "\xe2\x80\xab" "bew",
                "\xe2\x80\xac" "bew", "\xe2\x80\xad" "bew", "\xe2\x80\xae" "bew", "\xe2\x81\xa0" "bew",
                "\xe2\x81\xa6" "bew", "\xe2\x81\xa7" "bew", "\xe2\x81\xa8" "bew", "\xe2\x81\xa9" "bew",
                "\xd8\x9c" "bew", "we\xc2\xad" "b", "web\xf3\xa0\x81\xa1", "web\xf3\xa0\x80\x81",
                "web\xf0\x9d\x85\xb3", "web\xef\xbf\xb9",
        }},
        {CONTROL, {
                "a\xe2\x80\xa8", "a\xe2\x80\xa9", "\x1b]0;x\x07", "a\r\nb", "web\n",
        }},
        {"is not valid UTF-8", {
                /* stray, cut, overlong, surrogates, beyond the last character */
                "\x80", "\xbf", "\xff", "\xfe", "a\xc3", "\xe2\x82", "\xf0\x9f\x90", "\xc0\xafx",
                "\xc0\xae\xc0\xae", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
                "\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\xbd\xed\xb0\xa7", "\xf4\x90\x80\x80",
                "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "caf\xe9", "\xc3(", "\xa0\xa1",
                "\xe2(\xa1", "\xf0(\x8c\xbc",
        }},
        {"is longer than 64 bytes", {
                BYTES_64 "e", BYTES_128, BYTES_128 BYTES_64 TEN TEN TEN TEN TEN TEN "abc",
                BYTES_128 BYTES_128, "/" BYTES_64,
        }},
};

static void check_name(const char *name, const char *problem) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(DomainConfig) config = NULL;
        int r = domain_config_new(name, &config, &error);

        if (problem) {
                g_autofree char *end = g_strdup_printf(" %s", problem);

                g_assert_cmpint(r, ==, -EINVAL);
                g_assert_cmpstr(error.name, ==, SD_BUS_ERROR_INVALID_ARGS);
                g_assert_true(g_utf8_validate(error.message, -1, NULL));
                g_assert_true(g_str_has_prefix(error.message, "Domain name '"));
                if (!g_str_has_suffix(error.message, end))
                        g_error("'%s' instead of '%s'", error.message, problem);
                g_assert_null(config);
                return;
        }
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpstr(config->name, ==, name);
        assert_set(set_string(config, "Kernel", "/boot/vmlinuz", NULL));
        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_true(g_str_has_prefix(config->cgroup_path->unit, "vmm-"));
        g_assert_true(g_str_has_suffix(config->cgroup_path->unit, ".scope"));
        g_assert_cmpuint(strlen(config->cgroup_path->unit), ==,
                strspn(config->cgroup_path->unit, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.\\-"));
}

static void test_names(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                for (const char *const *name = names[i].names; *name; name++)
                        check_name(*name, names[i].problem);
}

/* Those of ASCII and of Latin-1, each inside a name and at its end; NUL cannot be in a name. */
static void test_control_characters(void) {
        for (int control = 1; control < 0xa0; control++) {
                bool ascii = control < 0x80;
                g_autofree char *end = g_strdup_printf(ascii ? "web%c" : "web\xc2%c", control);
                g_autofree char *middle = g_strdup_printf(ascii ? "w%cb" : "w\xc2%c" "b", control);
                const char *problem = control < 0x20 || control >= 0x7f ? CONTROL : NULL;

                if (strchr("/:", control))
                        problem = "contains '/' or ':'";
                check_name(end, problem);
                check_name(middle, problem);
        }
}

static void test_name_is_quoted(void) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        DomainConfig *config;

        assert_refused(domain_config_new("a\x1b[31m/\xff", &config, &error), &error,
                SD_BUS_ERROR_INVALID_ARGS, "Domain name 'a\\x1b[31m/\\xff' contains '/' or ':'");
}

/* --- keys --- */

static const ConfigKey keys[] = {
        {"Domain", "Kind", CONFIG_STRING},
        {"Domain", "Description", CONFIG_STRING},
        {"Domain", "UUID", CONFIG_STRING},
        {"Domain", "CgroupPath", CONFIG_STRING},
        {"Domain", "Delegate", CONFIG_BOOL},
        {"Domain", "Memory", CONFIG_UINT64},
        {"Domain", "MaxMemory", CONFIG_UINT64},
        {"Domain", "VCPUs", CONFIG_UINT32},
        {"Domain", "MaxVCPUs", CONFIG_UINT32},
        {"Domain", "SecurityLabel", CONFIG_STRING},
        {"Domain", "IOPorts", CONFIG_PORTS},
        {"Domain", "OnPoweroff", CONFIG_STRING},
        {"Domain", "OnReboot", CONFIG_STRING},
        {"Domain", "OnCrash", CONFIG_STRING},
        {"Domain", "StopPlan", CONFIG_PLAN},
        {"Domain", "PauseTimeoutUSec", CONFIG_UINT64},
        {"Image", "Kernel", CONFIG_STRING},
        {"Image", "Initrd", CONFIG_STRING},
        {"Image", "Root", CONFIG_STRING},
        {"Image", "Extra", CONFIG_STRING},
        {"Image", "Firmware", CONFIG_STRING},
        {"Image", "Machine", CONFIG_STRING},
        {"Image", "Accelerator", CONFIG_STRING},
        {"Disk", "Disks", CONFIG_DEVICES},
        {"Network", "Networks", CONFIG_DEVICES},
        {"Process", "Command", CONFIG_STRV},
        {"Process", "WorkingDirectory", CONFIG_STRING},
        {"Process", "Environment", CONFIG_STRV},
        {"Process", "User", CONFIG_STRING},
};

static void test_keys(void) {
        static const char *const unknown[] = {
                "", "kernel", "KERNEL", "Kernel ", " Kernel", "Kernel\n", "Kernels", "Kerne", "Domain",
                "[Domain]", "Domain.Kind", "Name", "MinMemory", "../Kernel", "K\xc3\xa9rnel", "\xff", "%s",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                const ConfigKey *key = domain_config_key(keys[i].name);

                g_assert_cmpstr(key->group, ==, keys[i].group);
                g_assert_cmpstr(key->name, ==, keys[i].name);
                g_assert_cmpint((int) key->type, ==, (int) keys[i].type);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
                g_assert_null(domain_config_key(unknown[i]));
}

static void test_types(void) {
        static const char *const signatures[_CONFIG_TYPE_MAX] = {
                [CONFIG_STRING] = "s", [CONFIG_STRV] = "as", [CONFIG_UINT32] = "u",
                [CONFIG_UINT64] = "t", [CONFIG_BOOL] = "b", [CONFIG_PLAN] = "a(st)",
                [CONFIG_SETTINGS] = "a{sv}", [CONFIG_SLICES] = "a{sa{sv}}",
                [CONFIG_DEVICES] = "aa{sv}",
                [CONFIG_PORTS] = "a(qq)",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
                for (ConfigType type = 0; type < _CONFIG_TYPE_MAX; type++) {
                        const ConfigKey *key = domain_config_key(keys[i].name);
                        g_autoptr(DomainConfig) config = config_new("web1");
                        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                        ConfigValue value = {.type = type};
                        g_autofree char *text = g_strdup_printf(
                                "%s: the value has type '%s' instead of '%s'", key->name,
                                signatures[type], signatures[key->type]);

                        g_assert_cmpstr(config_type_signature(type), ==, signatures[type]);
                        if (type != key->type)
                                assert_refused(domain_config_set(config, key, &value, &error), &error,
                                        VMM_ERROR_INVALID_CONFIG, text);
                }
}

/* --- values --- */

static void test_values(void) {
        static const char *const command[] = {"/bin/sh", "-c", "echo a\nb", "", NULL};
        static const char *const environment[] = {"A=", "_b1=c d\n=", "A=2", NULL};
        const ConfigValue plan = {CONFIG_PLAN, {.plan = &stop_plan_destroy_force}};
        const ConfigValue delegate = {CONFIG_BOOL, {.boolean = true}};
        g_autoptr(DomainConfig) config = config_new("web1");
        sd_id128_t uuid;

        assert_set(set_string(config, "Kind", "process", NULL));
        assert_set(set_string(config, "Description", "gr\xc3\xbc\xc3\x9f, all", NULL));
        assert_set(set_string(config, "UUID", "01234567-89ab-CDEF-0123-456789abcdef", NULL));
        assert_set(domain_config_set(config, domain_config_key("Delegate"), &delegate, NULL));
        assert_set(set_number(config, "Memory", 1ull << 30, NULL));
        assert_set(set_number(config, "VCPUs", 4, NULL));
        assert_set(domain_config_set(config, domain_config_key("StopPlan"), &plan, NULL));
        assert_set(set_number(config, "PauseTimeoutUSec", 500000, NULL));
        assert_set(set_string(config, "Kernel", "/boot/vmlinuz", NULL));
        assert_set(set_string(config, "Initrd", "/boot/initrd.img", NULL));
        assert_set(set_string(config, "Root", "PARTUUID=12-34", NULL));
        assert_set(set_string(config, "Extra", "quiet console=\"ttyS0\"", NULL));
        assert_set(set_string(config, "Firmware", "/usr/share/ovmf/OVMF.fd", NULL));
        assert_set(set_string(config, "SecurityLabel", "system_u:system_r:svirt_t:s0:c1,c2", NULL));
        assert_set(set_string(config, "Machine", "microvm", NULL));
        assert_set(set_string(config, "Accelerator", "tcg", NULL));
        assert_set(set_list(config, "Command", command, NULL));
        assert_set(set_string(config, "WorkingDirectory", "/", NULL));
        assert_set(set_list(config, "Environment", environment, NULL));
        assert_set(set_string(config, "User", "nobody", NULL));

        g_assert_cmpint((int) config->kind, ==, DOMAIN_PROCESS);
        g_assert_cmpstr(config->description, ==, "gr\xc3\xbc\xc3\x9f, all");
        g_assert_cmpint(sd_id128_from_string("0123456789abcdef0123456789abcdef", &uuid), ==, 0);
        g_assert_true(sd_id128_equal(config->uuid, uuid));
        g_assert_true(config->delegate);
        g_assert_cmpuint(config->memory, ==, 1ull << 30);
        g_assert_cmpuint(config->vcpus, ==, 4);
        g_assert_true(stop_plan_equal(&config->stop_plan, &stop_plan_destroy_force));
        g_assert_cmpuint(config->pause_timeout_usec, ==, 500000);
        g_assert_cmpstr(config->kernel, ==, "/boot/vmlinuz");
        g_assert_cmpstr(config->initrd, ==, "/boot/initrd.img");
        g_assert_cmpstr(config->root, ==, "PARTUUID=12-34");
        g_assert_cmpstr(config->extra, ==, "quiet console=\"ttyS0\"");
        g_assert_cmpstr(config->firmware, ==, "/usr/share/ovmf/OVMF.fd");
        g_assert_cmpstr(config->security_label, ==, "system_u:system_r:svirt_t:s0:c1,c2");
        g_assert_cmpint((int) config->machine, ==, MACHINE_MICROVM);
        g_assert_cmpint((int) config->accelerator, ==, ACCELERATOR_TCG);
        g_assert_true(g_strv_equal((const char *const *) config->command, command));
        g_assert_cmpstr(config->working_directory, ==, "/");
        g_assert_true(g_strv_equal((const char *const *) config->environment, environment));
        g_assert_cmpstr(config->user, ==, "nobody");
}

static void test_strings_refused(void) {
        static const struct {
                const char *key, *text, *reason;
        } table[] = {
                {"Kind", "", "'' is not one of qemu, process"},
                {"Kind", "QEMU", "'QEMU' is not one of qemu, process"},
                {"Description", "a\nb", "'a\\x0ab' contains a control character"},
                {"Description", "\xff", "'\\xff' is not valid UTF-8"},
                {"UUID", "", "'' is not a UUID"},
                {"UUID", "0123", "'0123' is not a UUID"},
                {"UUID", "0123456789abcdef0123456789abcdef ",
                        "'0123456789abcdef0123456789abcdef ' is not a UUID"},
                {"UUID", "00000000-0000-0000-0000-000000000000", "all zeroes is no UUID"},
                {"Kernel", "", "'' is not an absolute path"},
                {"Kernel", "vmlinuz", "'vmlinuz' is not an absolute path"},
                {"Kernel", "/boot/../etc/shadow", "'/boot/../etc/shadow' is not a normalised path"},
                {"Kernel", "/boot/", "'/boot/' is not a normalised path"},
                {"Kernel", "/boot/a\n", "'/boot/a\\x0a' contains a control character"},
                {"Initrd", "-initrd", "'-initrd' is not an absolute path"},
                {"Initrd", "/\xff", "'/\\xff' is not valid UTF-8"},
                {"Root", "", "'' is empty"},
                {"Root", "/dev/vda rw", "'/dev/vda rw' is not one word of ASCII without quotes"},
                {"Root", "\"/dev/vda", "'\"/dev/vda' is not one word of ASCII without quotes"},
                {"Root", "a\tb", "'a\\x09b' is not one word of ASCII without quotes"},
                {"Root", "\xc3\xa0", "'\xc3\xa0' is not one word of ASCII without quotes"},
                {"Extra", "quiet\ninit=/bin/sh", "'quiet\\x0ainit=/bin/sh' contains a control character"},
                {"Firmware", "", "'' is neither 'default' nor a normalised absolute path"},
                {"Firmware", "bios", "'bios' is neither 'default' nor a normalised absolute path"},
                {"Firmware", "/a/../b", "'/a/../b' is neither 'default' nor a normalised absolute path"},
                {"SecurityLabel", "", "'' is empty"},
                {"SecurityLabel", "a b", "'a b' is not one word of ASCII"},
                {"SecurityLabel", "a\n", "'a\\x0a' is not one word of ASCII"},
                {"SecurityLabel", "\xc3\xa4", "'\xc3\xa4' is not one word of ASCII"},
                {"OnCrash", "", "'' is not one of destroy, restart, preserve, rename-restart"},
                {"OnReboot", "Restart",
                        "'Restart' is not one of destroy, restart, preserve, rename-restart"},
                {"Machine", "isapc", "'isapc' is not one of q35, microvm, pc"},
                {"Machine", "q35,accel=kvm", "'q35,accel=kvm' is not one of q35, microvm, pc"},
                {"Accelerator", "xen", "'xen' is not one of auto, kvm, tcg"},
                {"WorkingDirectory", "~", "'~' is not an absolute path"},
                {"WorkingDirectory", "/..", "'/..' is not a normalised path"},
                {"User", "0", "'0' is not a user name"},
                {"User", "a:b", "'a:b' is not a user name"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(DomainConfig) config = config_new("web1");
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autofree char *text = g_strdup_printf("%s: %s", table[i].key, table[i].reason);

                assert_refused(set_string(config, table[i].key, table[i].text, &error), &error,
                        VMM_ERROR_INVALID_CONFIG, text);
        }
}

static void test_numbers(void) {
        static const struct {
                const char *key;
                uint64_t number;
                const char *reason;
        } table[] = {
                {"Memory", 32ull << 20, NULL},
                {"Memory", 16ull << 40, NULL},
                {"Memory", 0, "0 is not from 33554432 to 17592186044416"},
                {"Memory", 31ull << 20, "32505856 is not from 33554432 to 17592186044416"},
                {"Memory", (16ull << 40) + 1, "17592186044417 is not from 33554432 to 17592186044416"},
                {"Memory", UINT64_MAX, "18446744073709551615 is not from 33554432 to 17592186044416"},
                {"Memory", (32ull << 20) + 4096, "33558528 is not a multiple of 1048576"},
                {"VCPUs", 1, NULL},
                {"VCPUs", 512, NULL},
                {"VCPUs", 0, "0 is not from 1 to 512"},
                {"VCPUs", 513, "513 is not from 1 to 512"},
                {"VCPUs", UINT32_MAX, "4294967295 is not from 1 to 512"},
                {"MaxMemory", 16ull << 40, NULL},
                {"MaxMemory", 31ull << 20, "32505856 is not from 33554432 to 17592186044416"},
                {"MaxMemory", (32ull << 20) + 1, "33554433 is not a multiple of 1048576"},
                {"MaxVCPUs", 512, NULL},
                {"MaxVCPUs", 0, "0 is not from 1 to 512"},
                {"PauseTimeoutUSec", 1000, NULL},
                {"PauseTimeoutUSec", 300000000, NULL},
                {"PauseTimeoutUSec", 0, "0 is not from 1000 to 300000000"},
                {"PauseTimeoutUSec", 999, "999 is not from 1000 to 300000000"},
                {"PauseTimeoutUSec", 300000001, "300000001 is not from 1000 to 300000000"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(DomainConfig) config = config_new("web1");
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autofree char *text = g_strdup_printf("%s: %s", table[i].key, table[i].reason);
                int r = set_number(config, table[i].key, table[i].number, &error);

                if (table[i].reason)
                        assert_refused(r, &error, VMM_ERROR_INVALID_CONFIG, text);
                else
                        assert_set(r);
        }
}

static void test_lists(void) {
        static const struct {
                const char *key, *list[3], *reason;
        } table[] = {
                {"Command", {"sleep", "1"}, NULL},
                {"Command", {"/bin/true"}, NULL},
                {"Command", {NULL}, "it is empty"},
                {"Command", {""}, "'' is empty"},
                {"Command", {"./a"}, "'./a' is neither an absolute path nor a bare name"},
                {"Command", {"bin/a"}, "'bin/a' is neither an absolute path nor a bare name"},
                {"Command", {"/bin/../a"}, "'/bin/../a' is not a normalised path"},
                {"Command", {"a\nb"}, "'a\\x0ab' contains a control character"},
                {"Command", {"\xff"}, "'\\xff' is not valid UTF-8"},
                {"Command", {"a", "\xff"}, "'\\xff' is not valid UTF-8"},
                {"Environment", {NULL}, NULL},
                {"Environment", {"A=b", "C"}, "'C' is not an assignment NAME=value"},
                {"Environment", {""}, "'' is not an assignment NAME=value"},
                {"Environment", {"=b"}, "'=b' is not an assignment NAME=value"},
                {"Environment", {"1A=b"}, "'1A=b' is not an assignment NAME=value"},
                {"Environment", {"A B=c"}, "'A B=c' is not an assignment NAME=value"},
                {"Environment", {"\xc3\xa4=b"}, "'\xc3\xa4=b' is not an assignment NAME=value"},
                {"Environment", {"A=\xff"}, "'A=\\xff' is not valid UTF-8"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(DomainConfig) config = config_new("web1");
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autofree char *text = g_strdup_printf("%s: %s", table[i].key, table[i].reason);
                int r = set_list(config, table[i].key, table[i].list, &error);

                if (table[i].reason)
                        assert_refused(r, &error, VMM_ERROR_INVALID_CONFIG, text);
                else
                        assert_set(r);
        }
}

static void test_text_limit(void) {
        g_autofree char *most = g_strnfill(DOMAIN_TEXT_MAX, 'a');
        g_autofree char *more = g_strnfill(DOMAIN_TEXT_MAX + 1, 'a');
        g_autoptr(DomainConfig) config = config_new("web1");
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        g_assert_cmpint(set_string(config, "Extra", more, &error), ==, -EINVAL);
        g_assert_true(g_str_has_suffix(error.message, "...' is longer than 4096 bytes"));
        assert_set(set_string(config, "Extra", most, NULL));
}

static void test_list_limits(void) {
        g_auto(GStrv) arguments = g_new0(char *, DOMAIN_ARGS_MAX + 2);
        g_autofree char *argument = g_strnfill(DOMAIN_ARGS_BYTES_MAX - 1, 'a');
        g_autoptr(DomainConfig) one = config_new("web1"), two = config_new("web2");
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL, error2 = SD_BUS_ERROR_NULL;

        for (size_t i = 0; i <= DOMAIN_ARGS_MAX; i++)
                arguments[i] = g_strdup("a");
        assert_refused(set_list(one, "Command", (const char *const *) arguments, &error), &error,
                VMM_ERROR_INVALID_CONFIG, "Command: 1025 entries are more than 1024");
        g_clear_pointer(&arguments[DOMAIN_ARGS_MAX], g_free);
        assert_set(set_list(one, "Command", (const char *const *) arguments, NULL));

        assert_refused(set_list(two, "Command", (const char *[]) {argument, "", NULL}, &error2), &error2,
                VMM_ERROR_INVALID_CONFIG, "Command: 131073 bytes are more than 131072");
        assert_set(set_list(two, "Command", (const char *[]) {argument, NULL}, NULL));
}

static void test_values_are_copied(void) {
        g_autoptr(DomainConfig) config = config_new("web1");
        char text[] = "first", *list[] = {text, NULL};

        assert_set(set_string(config, "Description", text, NULL));
        assert_set(set_list(config, "Command", (const char *const *) list, NULL));
        text[0] = 'F';
        g_assert_cmpstr(config->description, ==, "first");
        g_assert_cmpstr(config->command[0], ==, "first");
}

static void test_twice(void) {
        g_autoptr(DomainConfig) config = config_new("web1");
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL, error2 = SD_BUS_ERROR_NULL;

        assert_refused(set_string(config, "Machine", "x", &error), &error, VMM_ERROR_INVALID_CONFIG,
                "Machine: 'x' is not one of q35, microvm, pc");
        assert_set(set_string(config, "Machine", "pc", NULL));    /* what was refused was not given */
        assert_refused(set_string(config, "Machine", "pc", &error2), &error2, VMM_ERROR_INVALID_CONFIG,
                "Machine: it is given twice");
}

static void test_io_ports(void) {
        static const struct {
                IoPortRange ranges[3];
                unsigned n;
                const char *reason;
        } table[] = {
                {{{0x60, 0x64}, {0x80, 0x80}}, 2, NULL},
                {{{0, UINT16_MAX}}, 1, NULL},
                {{{0}}, 0, NULL},
                {{{0x64, 0x60}}, 1, "IOPorts: 0x64 is after 0x60"},
                {{{0x60, 0x64}, {0x80, 0x80}, {0x62, 0x70}}, 3, "IOPorts: 0x62-0x64 is given twice"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(DomainConfig) config = config_new("web1");
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autoptr(GArray) ports = io_ports_new();
                const ConfigValue value = {CONFIG_PORTS, {.ports = ports}};
                int r;

                g_array_append_vals(ports, table[i].ranges, table[i].n);
                r = domain_config_set(config, domain_config_key("IOPorts"), &value, &error);
                if (table[i].reason)
                        assert_refused(r, &error, VMM_ERROR_INVALID_CONFIG, table[i].reason);
                else
                        assert_set(r);
                g_assert_cmpuint(config->io_ports->len, ==, table[i].reason ? 0 : table[i].n);
        }
}

/* Adopted processes may have them. */
static void test_io_ports_are_not_of_machines(void) {
        g_autoptr(DomainConfig) machine = config_of("Kernel", "/a", NULL, NULL),
                                processes = config_of(NULL, NULL, NULL, NULL);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(GArray) ports = io_ports_new();
        const ConfigValue value = {CONFIG_PORTS, {.ports = ports}};

        g_assert_cmpint(io_ports_add(ports, (IoPortRange) {1, 2}), ==, 0);
        assert_set(domain_config_set(machine, domain_config_key("IOPorts"), &value, NULL));
        assert_set(domain_config_set(processes, domain_config_key("IOPorts"), &value, NULL));
        g_assert_cmpint(domain_config_complete(machine, &defaults, &error), ==, -EOPNOTSUPP);
        g_assert_cmpstr(error.name, ==, VMM_ERROR_NOT_SUPPORTED);
        g_assert_cmpstr(error.message, ==, "IOPorts: QEMU cannot give its guest I/O ports of the host");
        g_assert_cmpint(domain_config_complete(processes, &adopted, NULL), ==, 0);
}

static void test_complete_firmware(void) {
        g_autoptr(DomainConfig) config = config_of("Firmware", "default", NULL, NULL);

        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_cmpint((int) config->kind, ==, DOMAIN_QEMU);
        g_assert_cmpstr(config->firmware, ==, DOMAIN_FIRMWARE_DEFAULT);
        g_assert_null(config->kernel);
}

/* --- the whole --- */

static void test_complete_qemu(void) {
        g_autoptr(DomainConfig) config = config_of("Kernel", "/boot/vmlinuz", NULL, NULL);

        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_cmpint((int) config->kind, ==, DOMAIN_QEMU);
        g_assert_cmpstr(config->cgroup_path->unit, ==, "vmm-web1.scope");
        g_assert_cmpstr(config->cgroup_path->slice, ==, "machine.slice");
        g_assert_true(stop_plan_equal(&config->stop_plan, &plans[DOMAIN_QEMU]));
        g_assert_cmpuint(config->pause_timeout_usec, ==, 3000000);
        g_assert_cmpuint(config->memory, ==, 128ull << 20);
        g_assert_cmpuint(config->vcpus, ==, 1);
        g_assert_cmpint((int) config->machine, ==, MACHINE_Q35);
        g_assert_cmpint((int) config->accelerator, ==, ACCELERATOR_AUTO);
        g_assert_false(config->delegate);
        g_assert_true(sd_id128_is_null(config->uuid));
}

static void test_complete_process(void) {
        g_autoptr(DomainConfig) config = config_of("Command", "sleep", "CgroupPath", ":a:b");
        const ConfigDefaults user = {.slice = "app.slice", .stop_plans = plans};

        g_assert_cmpint(domain_config_complete(config, &user, NULL), ==, 0);
        g_assert_cmpint((int) config->kind, ==, DOMAIN_PROCESS);
        g_assert_cmpstr(config->cgroup_path->unit, ==, "a-b.scope");
        g_assert_cmpstr(config->cgroup_path->slice, ==, "app.slice");
        g_assert_true(stop_plan_equal(&config->stop_plan, &plans[DOMAIN_PROCESS]));
        g_assert_cmpuint(config->memory, ==, 0);
        g_assert_cmpuint(config->vcpus, ==, 0);
}

static void test_complete_adopted(void) {
        g_autoptr(DomainConfig) config = config_of("Description", "adopted", NULL, NULL);

        g_assert_cmpint(domain_config_complete(config, &adopted, NULL), ==, 0);
        g_assert_cmpint((int) config->kind, ==, DOMAIN_PROCESS);
        g_assert_null(config->command);
}

static void test_policies(void) {
        g_autoptr(DomainConfig) config = config_of("Command", "sleep", "OnCrash", "rename-restart");
        g_autoptr(DomainConfig) processes = config_of("OnPoweroff", "preserve", NULL, NULL);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_cmpint((int) config->policies[LIFE_POWEROFF], ==, LIFE_DESTROY);
        g_assert_cmpint((int) config->policies[LIFE_REBOOT], ==, LIFE_RESTART);
        g_assert_cmpint((int) config->policies[LIFE_CRASH], ==, LIFE_RENAME_RESTART);
        g_assert_cmpint(domain_config_set_policy(config, LIFE_CRASH, LIFE_RESTART, NULL), ==, 0);
        g_assert_cmpint((int) config->policies[LIFE_CRASH], ==, LIFE_RESTART);

        /* What others have started we cannot start again. */
        g_assert_cmpint(domain_config_complete(processes, &adopted, NULL), ==, 0);
        g_assert_cmpint((int) processes->policies[LIFE_POWEROFF], ==, LIFE_PRESERVE);
        g_assert_cmpint((int) processes->policies[LIFE_REBOOT], ==, LIFE_DESTROY);
        assert_refused(domain_config_set_policy(processes, LIFE_REBOOT, LIFE_RESTART, &error), &error,
                VMM_ERROR_INVALID_CONFIG,
                "OnReboot: adopted processes cannot be started again, only destroy and preserve are "
                "possible");
        g_assert_cmpint((int) processes->policies[LIFE_REBOOT], ==, LIFE_DESTROY);
        g_assert_cmpint(domain_config_set_policy(processes, LIFE_CRASH, LIFE_PRESERVE, NULL), ==, 0);
}

/* Each can be changed and freed without the other. */
static void test_copy(void) {
        static const char *const environment[] = {"A=1", "B=2", NULL};
        g_autoptr(DomainConfig) config = config_of("Command", "sleep", "CgroupPath", "a-b.slice:p:x");
        g_autoptr(DomainConfig) copy = NULL;
        sd_id128_t uuid = SD_ID128_MAKE(01,23,45,67,89,ab,cd,ef,01,23,45,67,89,ab,cd,ef);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *long_name = g_strnfill(250, 'n');

        assert_set(set_list(config, "Environment", environment, NULL));
        assert_set(set_string(config, "Description", "text", NULL));
        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        copy = domain_config_copy(config);
        g_assert_cmpint(domain_config_bury(config, "web1-dead", uuid, NULL), ==, 0);
        g_assert_cmpstr(config->name, ==, "web1-dead");
        g_assert_true(sd_id128_equal(config->uuid, uuid));
        g_assert_cmpstr(config->cgroup_path->unit, ==, "p-web1-dead.scope");
        g_assert_cmpstr(config->cgroup_path->slice, ==, "a-b.slice");
        g_assert_cmpint(domain_config_bury(config, long_name, uuid, &error), ==, -EINVAL);
        g_assert_true(sd_bus_error_has_name(&error, VMM_ERROR_INVALID_CGROUP_PATH));
        g_assert_cmpstr(config->name, ==, "web1-dead");

        g_assert_cmpstr(copy->name, ==, "web1");
        g_assert_true(sd_id128_is_null(copy->uuid));
        g_assert_cmpstr(copy->cgroup_path->unit, ==, "p-x.scope");
        g_assert_cmpstr(copy->description, ==, "text");
        g_assert_cmpstr(copy->command[0], ==, "sleep");
        g_assert_true(g_strv_equal((const char *const *) copy->environment, environment));
        g_assert_cmpint((int) copy->policies[LIFE_REBOOT], ==, LIFE_RESTART);
        g_assert_true(stop_plan_equal(&copy->stop_plan, &config->stop_plan));
}

static void test_complete_slice(void) {
        g_autoptr(DomainConfig) config =
                config_of("Description", "a slice", "CgroupPath", "machine.slice::a-b.slice");

        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_cmpint((int) config->kind, ==, DOMAIN_PROCESS);
        g_assert_null(config->command);
        g_assert_cmpstr(cgroup_path_home(config->cgroup_path), ==, "a-b.slice");
}

static void test_complete_keeps_what_was_given(void) {
        g_autoptr(DomainConfig) config = config_of("Kernel", "/boot/vmlinuz", "CgroupPath", "a-b.slice::c");
        const ConfigValue plan = {CONFIG_PLAN, {.plan = &stop_plan_destroy_graceful}};

        assert_set(set_number(config, "Memory", 64ull << 20, NULL));
        assert_set(set_number(config, "VCPUs", 2, NULL));
        assert_set(set_number(config, "PauseTimeoutUSec", 1000, NULL));
        assert_set(domain_config_set(config, domain_config_key("StopPlan"), &plan, NULL));
        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_cmpuint(config->memory, ==, 64ull << 20);
        g_assert_cmpuint(config->vcpus, ==, 2);
        g_assert_cmpuint(config->pause_timeout_usec, ==, 1000);
        g_assert_true(stop_plan_equal(&config->stop_plan, &stop_plan_destroy_graceful));
        g_assert_cmpstr(config->cgroup_path->slice, ==, "a-b.slice");
        g_assert_cmpstr(config->cgroup_path->unit, ==, "c.scope");
}

#define NO_KERNEL "Kernel: a domain of kind 'qemu' needs one, or a Firmware to boot from its disks"

static void test_complete_refused(void) {
        static const struct {
                const char *key, *text, *key2, *text2;
                bool adopted;
                const char *reason;
        } table[] = {
                {"OnCrash", "restart", NULL, NULL, true,
                        "OnCrash: adopted processes cannot be started again, only destroy and preserve are "
                        "possible"},
                {NULL, NULL, NULL, NULL, false, "Command: a domain of kind 'process' needs one"},
                {"Kind", "process", NULL, NULL, false, "Command: a domain of kind 'process' needs one"},
                {"Kind", "qemu", NULL, NULL, false, NO_KERNEL},
                {"Initrd", "/a", NULL, NULL, false, NO_KERNEL},
                {"Machine", "pc", NULL, NULL, false, NO_KERNEL},
                {"Kernel", "/a", "Firmware", "default", false,
                        "Firmware: it boots from the disks, and Kernel from a file: only one can be"},
                {"Firmware", "default", "Initrd", "/a", false,
                        "Initrd: it goes with a Kernel, not with a Firmware"},
                {"Firmware", "/a", "Root", "a", false, "Root: it goes with a Kernel, not with a Firmware"},
                {"Firmware", "default", "Extra", "a", false,
                        "Extra: it goes with a Kernel, not with a Firmware"},
                {"Command", "a", "Firmware", "default", false,
                        "Command: not a key of a domain of kind 'qemu'"},
                {"SecurityLabel", "a", NULL, NULL, true, "SecurityLabel: not a key of adopted processes"},
                {"SecurityLabel", "a", "CgroupPath", "::a.slice", false,
                        "SecurityLabel: not a key of a slice"},
                {"Kernel", "/a", "Command", "a", false, "Command: not a key of a domain of kind 'qemu'"},
                {"Kernel", "/a", "User", "a", false, "User: not a key of a domain of kind 'qemu'"},
                {"Kind", "qemu", "Command", "a", false, "Command: not a key of a domain of kind 'qemu'"},
                {"Kind", "process", "Kernel", "/a", false,
                        "Kernel: not a key of a domain of kind 'process'"},
                {"Kind", "process", "Extra", "a", false, "Extra: not a key of a domain of kind 'process'"},
                {"Kind", "qemu", NULL, NULL, true, "Kind: adopted processes are of kind 'process'"},
                {"Kernel", "/a", NULL, NULL, true, "Kernel: not a key of adopted processes"},
                {"Command", "a", NULL, NULL, true, "Command: not a key of adopted processes"},
                {"Environment", "A=b", NULL, NULL, true, "Environment: not a key of adopted processes"},
                {"User", "a", "Kind", "process", true, "User: not a key of adopted processes"},
                {"Kind", "qemu", "CgroupPath", "::a.slice", false, "Kind: a slice is of kind 'process'"},
                {"Kernel", "/a", "CgroupPath", "::a.slice", false, "Kernel: not a key of a slice"},
                {"Command", "a", "CgroupPath", "::a.slice", false, "Command: not a key of a slice"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(DomainConfig) config =
                        config_of(table[i].key, table[i].text, table[i].key2, table[i].text2);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r = domain_config_complete(config, table[i].adopted ? &adopted : &defaults, &error);

                assert_refused(r, &error, VMM_ERROR_INVALID_CONFIG, table[i].reason);
        }
}

static void test_memory_is_of_machines(void) {
        g_autoptr(DomainConfig) config = config_of("Command", "sleep", NULL, NULL);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        assert_set(set_number(config, "Memory", 64ull << 20, NULL));
        assert_refused(domain_config_complete(config, &defaults, &error), &error, VMM_ERROR_INVALID_CONFIG,
                "Memory: not a key of a domain of kind 'process'");
}

static void test_bad_cgroup_path(void) {
        g_autoptr(DomainConfig) config = config_of("Command", "sleep", "CgroupPath", "a\n");
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        assert_refused(domain_config_complete(config, &defaults, &error), &error,
                VMM_ERROR_INVALID_CGROUP_PATH,
                "Cgroup path 'a\\x0a' is invalid: it contains a control character");
}

/* --- resources --- */

static int set_settings(DomainConfig *config, const char *key, const char *text, sd_bus_error *error) {
        g_autoptr(GVariant) settings = g_variant_parse(NULL, text, NULL, NULL, NULL);
        ConfigValue value = {domain_config_key(key)->type, {.settings = settings}};

        return domain_config_set(config, domain_config_key(key), &value, error);
}

static void assert_number(const Resources *resources, const char *name, uint64_t number) {
        GVariant *value = resources_lookup(resources, name);

        g_assert_nonnull(value);
        g_assert_cmpuint(g_variant_get_uint64(value), ==, number);
}

static void test_resources(void) {
        g_autoptr(DomainConfig) config = config_of("Command", "/bin/true", NULL, NULL);

        assert_set(set_settings(config, "Resources", "{'TasksMax': <uint64 9>}", NULL));
        assert_set(set_string(config, "OCIResources", "{\"cpu\": {\"shares\": 9, \"idle\": 1}}", NULL));
        assert_set(domain_config_complete(config, &defaults, NULL));
        g_assert_cmpuint(resources_size(config->resources), ==, 2);
        assert_number(config->resources, "TasksMax", 9);
        assert_number(config->resources, "CPUWeight", 0);
        g_assert_cmpuint(config->warnings->len, ==, 1);    /* what OCI's translation has to say */
}

static void test_resources_refused(void) {
        static const struct {
                const char *settings, *oci, *name, *reason;
        } table[] = {
                {"{'NoSuch': <1>}", "{}", SD_BUS_ERROR_INVALID_ARGS,
                        "There is no resource property 'NoSuch'"},
                {"{'TasksMax': <1>}", "{}", VMM_ERROR_INVALID_CONFIG,
                        "TasksMax: the value has type 'i' instead of 't'"},
                {"{'MemoryMaxScale': <uint32 9999999>}", "{\"memory\": {\"limit\": 4096}}",
                        VMM_ERROR_INVALID_CONFIG, "OCIResources: it sets MemoryMax, and so does Resources"},
                {"@a{sv} {}", "[]", VMM_ERROR_INVALID_CONFIG,
                        "OCI resources: not a JSON object, or one of more than 8 levels, 16384 values or 18 "
                        "digits"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(DomainConfig) config = config_of("Command", "/bin/true", NULL, NULL);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r = set_settings(config, "Resources", table[i].settings, &error);

                if (r >= 0)
                        r = set_string(config, "OCIResources", table[i].oci, &error);
                if (r >= 0)
                        r = domain_config_complete(config, &defaults, &error);
                assert_refused(r, &error, table[i].name, table[i].reason);
        }
}

static void test_slices(void) {
        g_autoptr(DomainConfig) config = config_of("Command", "/bin/true", "CgroupPath", "a-b.slice:x:y");
        g_autoptr(GVariant) sent = NULL;
        g_autofree char *text = NULL;

        assert_set(set_settings(config, "SliceResources",
                "{'a-b.slice': {'TasksMax': <uint64 5>}, 'a.slice': {'CPUWeight': <uint64 7>}}", NULL));
        assert_set(domain_config_complete(config, &defaults, NULL));
        sent = domain_config_slices_to_send(config);
        text = g_variant_print(sent, FALSE);
        g_assert_cmpstr(text, ==,
                "[('a.slice', [('CPUWeight', <uint64 7>)]), ('a-b.slice', [('TasksMax', <uint64 5>)])]");
}

static void test_slices_refused(void) {
        static const char *const elsewhere[] = {"b.slice", "a-b-c.slice", "-.slice", "", "a"};

        for (size_t i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
                g_autoptr (DomainConfig)
                        config = config_of("Command", "/bin/true", "CgroupPath", "a-b.slice:x:y");
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autofree char *settings =
                        g_strdup_printf("{'%s': {'TasksMax': <uint64 5>}}", elsewhere[i]);
                g_autofree char *reason = g_strdup_printf(
                        "SliceResources: '%s' is not a slice that the domain is in", elsewhere[i]);

                assert_set(set_settings(config, "SliceResources", settings, NULL));
                assert_refused(domain_config_complete(config, &defaults, &error), &error,
                        VMM_ERROR_INVALID_CONFIG, reason);
        }
}

/* A size that is not given follows from the other. */
static void test_sizes(void) {
        static const struct {
                uint64_t given[2], taken[2];
                const char *reason;
        } memory[] = {
                {{0, 0}, {DOMAIN_MEMORY_DEFAULT, DOMAIN_MEMORY_DEFAULT}, NULL},
                {{64ull << 20, 0}, {64ull << 20, 64ull << 20}, NULL},
                {{0, 64ull << 20}, {64ull << 20, 64ull << 20}, NULL},
                {{0, 1ull << 30}, {DOMAIN_MEMORY_DEFAULT, 1ull << 30}, NULL},
                {{64ull << 20, 1ull << 30}, {64ull << 20, 1ull << 30}, NULL},
                {{1ull << 30, 64ull << 20}, {0, 0}, "MaxMemory: 67108864 is less than Memory, 1073741824"},
        }, vcpus[] = {
                {{0, 0}, {1, 1}, NULL},
                {{4, 0}, {4, 4}, NULL},
                {{0, 4}, {1, 4}, NULL},
                {{2, 4}, {2, 4}, NULL},
                {{4, 2}, {0, 0}, "MaxVCPUs: 2 is less than VCPUs, 4"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(memory) + G_N_ELEMENTS(vcpus); i++) {
                bool is_memory = i < G_N_ELEMENTS(memory);
                const uint64_t *given = is_memory ? memory[i].given : vcpus[i - G_N_ELEMENTS(memory)].given;
                const uint64_t *taken = is_memory ? memory[i].taken : vcpus[i - G_N_ELEMENTS(memory)].taken;
                const char *reason = is_memory ? memory[i].reason : vcpus[i - G_N_ELEMENTS(memory)].reason;
                g_autoptr(DomainConfig) config = config_of("Kernel", "/k", NULL, NULL);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r;

                if (given[0] > 0)
                        assert_set(set_number(config, is_memory ? "Memory" : "VCPUs", given[0], NULL));
                if (given[1] > 0)
                        assert_set(set_number(config, is_memory ? "MaxMemory" : "MaxVCPUs", given[1], NULL));
                r = domain_config_complete(config, &defaults, &error);
                if (reason) {
                        assert_refused(r, &error, VMM_ERROR_INVALID_CONFIG, reason);
                        continue;
                }
                assert_set(r);
                g_assert_cmpuint(is_memory ? config->memory : config->vcpus, ==, taken[0]);
                g_assert_cmpuint(is_memory ? config->max_memory : config->max_vcpus, ==, taken[1]);
        }
}

static void test_microvm_keeps_its_vcpus(void) {
        g_autoptr(DomainConfig) config = config_of("Kernel", "/k", "Machine", "microvm");
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        assert_set(set_number(config, "MaxVCPUs", 2, NULL));
        assert_refused(domain_config_complete(config, &defaults, &error), &error, VMM_ERROR_INVALID_CONFIG,
                "MaxVCPUs: a machine 'microvm' keeps the vCPUs it was started with");
}

/* The most memory, 256 MiB, 8 MiB a vCPU that may be, a 64th; unless there is a limit, in bytes or as a
 * share. */
static void test_limit_memory(void) {
        g_autoptr(DomainConfig) vm = config_of("Kernel", "/k", NULL, NULL);
        g_autoptr(DomainConfig) limited = config_of("Kernel", "/k", NULL, NULL);
        g_autoptr(DomainConfig) process = config_of("Command", "/bin/true", NULL, NULL);

        assert_set(set_number(vm, "MaxMemory", UINT64_C(1) << 30, NULL));
        assert_set(set_number(vm, "MaxVCPUs", 4, NULL));
        assert_set(set_settings(limited, "Resources", "{'MemoryMaxScale': <uint32 9999999>}", NULL));
        assert_set(domain_config_complete(vm, &defaults, NULL));
        assert_set(domain_config_complete(limited, &defaults, NULL));
        assert_set(domain_config_complete(process, &defaults, NULL));
        domain_config_limit_memory(vm);
        domain_config_limit_memory(limited);
        domain_config_limit_memory(process);
        assert_number(vm->resources, "MemoryMax", (UINT64_C(1024) + 256 + 32 + 16) << 20);
        g_assert_null(resources_lookup(limited->resources, "MemoryMax"));
        g_assert_cmpuint(resources_size(process->resources), ==, 0);
}

/* devices: of an aa{sv}, as g_variant_parse() has it. */
static int set_devices(DomainConfig *config, const char *key, const char *devices, sd_bus_error *error) {
        g_autoptr(GVariant) list = g_variant_parse(G_VARIANT_TYPE("aa{sv}"), devices, NULL, NULL, NULL);
        ConfigValue value = {CONFIG_DEVICES, {.settings = list}};

        g_assert_nonnull(list);
        return domain_config_set(config, domain_config_key(key), &value, error);
}

static int set_disks(DomainConfig *config, const char *disks, sd_bus_error *error) {
        return set_devices(config, "Disks", disks, error);
}

static void test_disks(void) {
        g_autoptr(DomainConfig) config = config_of("Kernel", "/k", NULL, NULL);
        static const char *const chosen[] = {"disk1", "disk0", "disk2"};

        assert_set(set_disks(config, "[{'Source': <'file:/a'>}, {'Name': <'disk0'>, 'Source': <'file:/b'>}, "
                                     "{'Source': <'file:/c'>}]", NULL));
        g_assert_false(domain_config_has_device(config, "disk1"));
        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_cmpuint(config->disks->len, ==, G_N_ELEMENTS(chosen));
        for (unsigned i = 0; i < G_N_ELEMENTS(chosen); i++) {
                const DiskConfig *disk = config->disks->pdata[i];
                g_assert_cmpstr(disk->name, ==, chosen[i]);
                g_assert_true(domain_config_has_device(config, chosen[i]));
        }
}

static void test_disks_refused(void) {
        g_autoptr(DomainConfig) one = config_of("Kernel", "/k", NULL, NULL);
        g_autoptr(DomainConfig) two = config_of("Kernel", "/k", NULL, NULL);
        g_autoptr(DomainConfig) process = config_of("Command", "/c", NULL, NULL);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL, error2 = SD_BUS_ERROR_NULL;
        g_auto(sd_bus_error) error3 = SD_BUS_ERROR_NULL, error4 = SD_BUS_ERROR_NULL;
        g_autoptr(GString) many = g_string_new("[@a{sv} {}");

        assert_refused(set_disks(one, "[{'Source': <'file:/a'>}, {'Dev': <'sda'>}]", &error), &error,
                SD_BUS_ERROR_INVALID_ARGS, "Disks[1]: there is no key 'Dev'");
        for (unsigned i = 0; i < DEVICES_MAX; i++)
                g_string_append(many, ", {}");
        g_string_append_c(many, ']');
        assert_refused(set_disks(one, many->str, &error2), &error2, VMM_ERROR_INVALID_CONFIG,
                "Disks: more than 16 devices");

        assert_set(set_disks(two, "[{'Name': <'a'>, 'Source': <'file:/a'>}, {'Name': <'a'>, 'Source': "
                                  "<'file:/b'>}]", NULL));
        assert_refused(domain_config_complete(two, &defaults, &error3), &error3, VMM_ERROR_INVALID_CONFIG,
                "Disks: there are two devices of the name 'a'");
        assert_set(set_disks(process, "[]", NULL));
        assert_refused(domain_config_complete(process, &defaults, &error4), &error4,
                VMM_ERROR_INVALID_CONFIG, "Disks: not a key of a domain of kind 'process'");
}

static void test_networks(void) {
        g_autoptr(DomainConfig) config = config_of("Kernel", "/k", NULL, NULL);
        const NetworkConfig *first, *second;

        assert_set(set_disks(config, "[{'Name': <'network0'>, 'Source': <'file:/a'>}]", NULL));
        assert_set(set_devices(config, "Networks", "[{'Mode': <'user'>}, {'Name': <'a'>, 'Bridge': <'b'>}]",
                NULL));
        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
        g_assert_cmpuint(config->networks->len, ==, 2);
        first = config->networks->pdata[0];
        second = config->networks->pdata[1];
        g_assert_cmpstr(first->name, ==, "network1");
        g_assert_cmpint(first->mode, ==, NETWORK_USER);
        g_assert_cmpstr(second->bridge, ==, "b");
        g_assert_true(domain_config_has_device(config, "a"));
        g_assert_false(domain_config_has_device(config, "b"));
}

static void test_networks_refused(void) {
        static const struct {
                const char *disks, *networks, *reason;
        } table[] = {
                {"[]", "[{'Name': <'a'>, 'Bridge': <'b'>}, {'Name': <'a'>, 'Bridge': <'b'>}]",
                        "Networks: there are two devices of the name 'a'"},
                {"[{'Name': <'a'>, 'Source': <'file:/a'>}]", "[{'Name': <'a'>, 'Bridge': <'b'>}]",
                        "Networks: there are two devices of the name 'a'"},
                {"[]", "[{'Bridge': <'b'>, 'InterfaceName': <'i'>}, {'Script': <'s'>, 'InterfaceName': "
                       "<'i'>}]",
                        "Networks: there are two of the InterfaceName 'i'"},
                {"[]", "[{'Bridge': <'b'>, 'MAC': <'52:54:00:AA:00:01'>}, {'Mode': <'user'>, 'MAC': "
                       "<'52:54:00:aa:00:01'>}]",
                        "Networks: there are two of the MAC 52:54:00:aa:00:01"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_autoptr(DomainConfig) config = config_of("Kernel", "/k", NULL, NULL);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                assert_set(set_disks(config, table[i].disks, NULL));
                assert_set(set_devices(config, "Networks", table[i].networks, NULL));
                assert_refused(domain_config_complete(config, &defaults, &error), &error,
                        VMM_ERROR_INVALID_CONFIG, table[i].reason);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);

        g_test_add_func("/domain-config/hostile names are refused by name or contained", test_names);
        g_test_add_func("/domain-config/names have no control characters", test_control_characters);
        g_test_add_func("/domain-config/a refused name is shown harmlessly", test_name_is_quoted);
        g_test_add_func("/domain-config/sizes follow from each other", test_sizes);
        g_test_add_func("/domain-config/a microvm keeps its vCPUs", test_microvm_keeps_its_vcpus);
        g_test_add_func("/domain-config/the keys are those of the contract", test_keys);
        g_test_add_func("/domain-config/every key takes one type", test_types);
        g_test_add_func("/domain-config/every key lands in its field", test_values);
        g_test_add_func("/domain-config/bad strings are refused with their reason", test_strings_refused);
        g_test_add_func("/domain-config/numbers are taken within their limits", test_numbers);
        g_test_add_func("/domain-config/lists are judged entry by entry", test_lists);
        g_test_add_func("/domain-config/texts are bounded", test_text_limit);
        g_test_add_func("/domain-config/lists are bounded in entries and bytes", test_list_limits);
        g_test_add_func("/domain-config/values are copied", test_values_are_copied);
        g_test_add_func("/domain-config/a key is set once", test_twice);
        g_test_add_func("/domain-config/an image key makes a machine, with defaults", test_complete_qemu);
        g_test_add_func("/domain-config/a command makes processes, with defaults", test_complete_process);
        g_test_add_func("/domain-config/adopted processes need no key", test_complete_adopted);
        g_test_add_func("/domain-config/slices need no key", test_complete_slice);
        g_test_add_func("/domain-config/policies", test_policies);
        g_test_add_func("/domain-config/copy", test_copy);
        g_test_add_func("/domain-config/what was given stays", test_complete_keeps_what_was_given);
        g_test_add_func("/domain-config/keys that do not fit together are refused", test_complete_refused);
        g_test_add_func("/domain-config/a firmware makes a machine, too", test_complete_firmware);
        g_test_add_func("/domain-config/ports come in order and once", test_io_ports);
        g_test_add_func("/domain-config/machines have no ports of the host",
                test_io_ports_are_not_of_machines);
        g_test_add_func("/domain-config/processes have no memory size", test_memory_is_of_machines);
        g_test_add_func("/domain-config/a bad cgroup path is called that", test_bad_cgroup_path);
        g_test_add_func("/domain-config/both forms of resources become one", test_resources);
        g_test_add_func(
                "/domain-config/resources are refused with their own errors", test_resources_refused);
        g_test_add_func("/domain-config/slices are sent outermost first", test_slices);
        g_test_add_func("/domain-config/slices elsewhere are refused", test_slices_refused);
        g_test_add_func(
                "/domain-config/a machine's memory and what QEMU needs is its limit", test_limit_memory);
        g_test_add_func("/domain-config/disks get names of their own", test_disks);
        g_test_add_func("/domain-config/disks that cannot be are refused", test_disks_refused);
        g_test_add_func("/domain-config/networks get names that no disk has", test_networks);
        g_test_add_func("/domain-config/networks that cannot be are refused", test_networks_refused);
        return g_test_run();
}
