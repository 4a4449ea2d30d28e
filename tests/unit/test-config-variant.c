/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Configurations as one value: every key comes back as it was given, what was filled in is said too, and
 * what no configuration can be is refused with its key. */

#include <signal.h>

#include "assert-error.h"
#include "config/config-variant.h"
#include "util/auto.h"
#include "util/errors.h"

static const StopPlan plans[_DOMAIN_KIND_MAX] = {
        [DOMAIN_QEMU] = {2, {{0, 30000000}, {SIGKILL, 1600000}}},
        [DOMAIN_PROCESS] = {1, {{SIGTERM, 10000000}}},
};
static const StopPlan other_plans[_DOMAIN_KIND_MAX] = {{1, {{SIGINT, 1}}}, {1, {{SIGINT, 1}}}};

#define UUID "6a8d3a0c-8e0b-4b8e-9d5e-0f6f3f5d2a11"

static int config_from(const char *text, DomainConfig **ret, sd_bus_error *error) {
        g_autoptr(GVariant) values = g_variant_parse(G_VARIANT_TYPE("a{sv}"), text, NULL, NULL, NULL);
        g_autoptr(DomainConfig) config = NULL;
        int r;

        g_assert_nonnull(values);
        g_assert_cmpint(domain_config_new("web1", &config, NULL), ==, 0);
        r = domain_config_set_variant(config, values, error);
        if (r >= 0)
                *ret = g_steal_pointer(&config);
        return r;
}

static void complete(DomainConfig *config, const StopPlan *stop_plans, bool adopted) {
        ConfigDefaults defaults = {"machine.slice", stop_plans, adopted};

        g_assert_cmpint(domain_config_complete(config, &defaults, NULL), ==, 0);
}

#define POLICIES(on_reboot)                                                                                 \
        "'OnPoweroff': <'destroy'>, 'OnReboot': <'" on_reboot "'>, 'OnCrash': <'destroy'>, "
#define QEMU_DEFAULTS                                                                                       \
        "{'Kind': <'qemu'>, 'Memory': <uint64 134217728>, 'MaxMemory': <uint64 134217728>, "                \
        "'VCPUs': <uint32 1>, 'MaxVCPUs': <uint32 1>, " POLICIES("restart")

/* What was given, and what is said of it when it is complete. */
static const struct {
        const char *given, *complete;
        bool adopted;
} samples[] = {
        {"{'Kind': <'qemu'>, 'Description': <'a <web> server'>, 'UUID': <'" UUID "'>, "
         "'CgroupPath': <'a-b.slice:vmm:w'>, 'Delegate': <true>, 'Memory': <uint64 268435456>, "
         "'MaxMemory': <uint64 268435456>, 'VCPUs': <uint32 2>, 'MaxVCPUs': <uint32 2>, "
         "'OnPoweroff': <'restart'>, 'OnReboot': <'restart'>, 'OnCrash': <'preserve'>, "
         "'StopPlan': <[('guest', uint64 5000000), ('SIGKILL', 1600000)]>, "
         "'PauseTimeoutUSec': <uint64 1000000>, 'Kernel': <'/boot/k'>, 'Initrd': <'/boot/i'>, "
         "'Root': <'/dev/vda'>, 'Extra': <'console=ttyS0'>, 'Machine': <'pc'>, 'Accelerator': <'tcg'>, "
         "'Disks': <[{'Name': <'d'>, 'Source': <'file:/d'>, 'Mode': <'ro'>, 'Format': <'qcow2'>, "
         "'Backend': <uint32 0>}]>, "
         "'Networks': <[{'Name': <'n'>, 'Mode': <'tap'>, 'Bridge': <'br0'>, 'Address': <'192.0.2.1'>, "
         "'MAC': <'52:54:00:00:00:01'>, 'Script': <'vif'>, 'InterfaceName': <'n0'>, "
         "'Backend': <uint32 0>}]>, "
         "'Resources': <{'CPUWeight': <uint64 200>, 'MemoryMax': <uint64 536870912>}>, "
         "'SliceResources': <{'a-b.slice': {'TasksMax': <uint64 20>}, "
         "'a.slice': {'CPUWeight': <uint64 10>}}>}", NULL, false},
        {"{'Kernel': <'/boot/k'>}",
         QEMU_DEFAULTS
         "'StopPlan': <[('guest', uint64 30000000), ('SIGKILL', 1600000)]>, "
         "'PauseTimeoutUSec': <uint64 3000000>, 'Kernel': <'/boot/k'>, 'Machine': <'q35'>, "
         "'Accelerator': <'auto'>, 'Resources': <@a{sv} {}>}", false},
        {"{'Firmware': <'default'>, 'Disks': <[{'Source': <'phy:/dev/d'>, 'Mode': <'rw'>, "
         "'Format': <'raw'>, 'Backend': <uint32 0>}]>, 'Networks': <[{'Mode': <'user'>, "
         "'Backend': <uint32 0>}]>}",
         QEMU_DEFAULTS
         "'StopPlan': <[('guest', uint64 30000000), ('SIGKILL', 1600000)]>, "
         "'PauseTimeoutUSec': <uint64 3000000>, 'Firmware': <'default'>, 'Machine': <'q35'>, "
         "'Accelerator': <'auto'>, 'Disks': <[{'Name': <'disk0'>, 'Source': <'phy:/dev/d'>, 'Mode': <'rw'>, "
         "'Format': <'raw'>, 'Backend': <uint32 0>}]>, 'Networks': <[{'Name': <'network0'>, "
         "'Mode': <'user'>, 'Backend': <uint32 0>}]>, 'Resources': <@a{sv} {}>}", false},
        {"{'SecurityLabel': <'vmm_t'>, 'IOPorts': <[(uint16 96, uint16 100)]>, "
         "'StopPlan': <[('SIGINT', uint64 1)]>, 'Command': <['/bin/true', 'a b']>, "
         "'WorkingDirectory': <'/tmp'>, 'Environment': <['A=1']>, 'User': <'nobody'>}",
         "{'Kind': <'process'>, 'SecurityLabel': <'vmm_t'>, 'IOPorts': <[(uint16 96, uint16 100)]>, "
         POLICIES("restart") "'StopPlan': <[('SIGINT', uint64 1)]>, "
         "'PauseTimeoutUSec': <uint64 3000000>, 'Command': <['/bin/true', 'a b']>, "
         "'WorkingDirectory': <'/tmp'>, 'Environment': <['A=1']>, 'User': <'nobody'>, "
         "'Resources': <@a{sv} {}>}", false},
        {"{'OCIResources': <'{\"pids\": {\"limit\": 7}}'>, 'Resources': <{'CPUWeight': <uint64 5>}>}",
         "{'Kind': <'process'>, " POLICIES("destroy") "'StopPlan': <[('SIGTERM', uint64 10000000)]>, "
         "'PauseTimeoutUSec': <uint64 3000000>, "
         "'Resources': <{'CPUWeight': <uint64 5>, 'TasksMax': <uint64 7>}>}", true},
        {"{'CgroupPath': <'::shop.slice'>}", "{'Kind': <'process'>, 'CgroupPath': <'::shop.slice'>, "
         "'Resources': <@a{sv} {}>}", false},
};

static void assert_says(const DomainConfig *config, const char *text) {
        g_autoptr(GVariant) expected = g_variant_parse(G_VARIANT_TYPE("a{sv}"), text, NULL, NULL, NULL);
        g_autoptr(GVariant) said = domain_config_to_variant(config);
        g_autofree char *a = g_variant_print(said, TRUE), *b = g_variant_print(expected, TRUE);

        g_assert_cmpstr(a, ==, b);
}

static void test_round_trip(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
                g_autoptr(DomainConfig) config = NULL, again = NULL, copy = NULL;
                g_autoptr(GVariant) whole = NULL;
                g_autofree char *text = NULL;

                g_assert_cmpint(config_from(samples[i].given, &config, NULL), ==, 0);
                if (!samples[i].complete || !g_strrstr(samples[i].given, "OCI"))
                        assert_says(config, samples[i].given);
                complete(config, plans, samples[i].adopted);
                assert_says(config, samples[i].complete ? samples[i].complete : samples[i].given);

                /* Other defaults change nothing about what comes back. */
                whole = domain_config_to_variant(config);
                text = g_variant_print(whole, TRUE);
                g_assert_cmpint(config_from(text, &again, NULL), ==, 0);
                complete(again, other_plans, samples[i].adopted);
                assert_says(again, text);

                /* A copy says the same, also when the original is gone. */
                copy = domain_config_copy(config);
                config = domain_config_free(config);
                assert_says(copy, text);
        }
}

/* Whoever adds a key adds it to the samples. */
static void test_every_key(void) {
        const ConfigKey *key;

        for (size_t i = 0; (key = domain_config_key_nth(i)); i++) {
                g_autofree char *quoted = g_strdup_printf("'%s':", key->name);
                bool found = false;

                for (size_t j = 0; j < G_N_ELEMENTS(samples); j++)
                        found |= strstr(samples[j].given, quoted) != NULL;
                if (!found)
                        g_error("no sample has %s", key->name);
        }
}

static void test_runtime_changes(void) {
        g_autoptr(DomainConfig) config = NULL;

        g_assert_cmpint(config_from("{'Command': <['/bin/true']>}", &config, NULL), ==, 0);
        complete(config, plans, false);
        config->pause_timeout_usec = 7000;
        g_assert_cmpint(sd_id128_from_string(UUID, &config->uuid), ==, 0);
        assert_says(config, "{'Kind': <'process'>, 'UUID': <'" UUID "'>, "
                POLICIES("restart") "'StopPlan': <[('SIGTERM', uint64 10000000)]>, "
                "'PauseTimeoutUSec': <uint64 7000>, 'Command': <['/bin/true']>, 'Resources': <@a{sv} {}>}");
}

static void test_refused(void) {
        static const struct {
                const char *given, *name, *message;
        } refused[] = {
                {"{'Kernels': <'/boot/k'>}", VMM_ERROR_INVALID_CONFIG, "There is no key 'Kernels'"},
                {"{'Memory': <'1'>}", VMM_ERROR_INVALID_CONFIG,
                 "Memory: the value has type 's' instead of 't'"},
                {"{'Memory': <uint64 1>}", VMM_ERROR_INVALID_CONFIG,
                 "Memory: 1 is not from 33554432 to 17592186044416"},
                {"{'StopPlan': <[('SIGNONE', uint64 1)]>}", SD_BUS_ERROR_INVALID_ARGS, NULL},
                {"{'Resources': <{'CPUWeight': <uint64 10001>}>}", VMM_ERROR_INVALID_CONFIG, NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autoptr(DomainConfig) config = NULL;

                g_assert_cmpint(config_from(refused[i].given, &config, &error), ==, -EINVAL);
                g_assert_cmpstr(error.name, ==, refused[i].name);
                if (refused[i].message)
                        g_assert_cmpstr(error.message, ==, refused[i].message);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);
        g_test_add_func("/config-variant/what is said comes back the same", test_round_trip);
        g_test_add_func("/config-variant/every key is in the samples", test_every_key);
        g_test_add_func("/config-variant/what changed while it ran is said", test_runtime_changes);
        g_test_add_func("/config-variant/what cannot be is refused with its key", test_refused);
        return g_test_run();
}
