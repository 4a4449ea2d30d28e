/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of configuration keys: what each accepts, and what it says of a configuration. A key is added by
 * adding a row. What the keys mean together is domain-config.c's. */

#include <inttypes.h>
#include <string.h>

#include "config/domain-keys.h"
#include "config/io-ports.h"
#include "config/text.h"
#include "util/errors.h"

const char *config_type_signature(ConfigType type) {
        static const char *const signatures[_CONFIG_TYPE_MAX] = {
                [CONFIG_STRING] = "s",
                [CONFIG_STRV] = "as",
                [CONFIG_UINT32] = "u",
                [CONFIG_UINT64] = "t",
                [CONFIG_BOOL] = "b",
                [CONFIG_PLAN] = "a(st)",
                [CONFIG_SETTINGS] = "a{sv}",
                [CONFIG_SLICES] = "a{sa{sv}}",
                [CONFIG_DEVICES] = "aa{sv}",
                [CONFIG_PORTS] = "a(qq)",
        };

        return signatures[type];
}

typedef struct KeyRow KeyRow;
struct KeyRow {
        ConfigKey key;
        ConfigUse uses;
        size_t offset;    /* of the field in DomainConfig */

        /* Copies the value into the field, or returns what is wrong with it. NULL: settings, see
         * take_whole(). */
        char *(*take)(const KeyRow *row, const ConfigValue *value, void *field);

        /* What the take functions go by: of a text or each entry of a list; of a number. */
        const char *(*problem)(const char *text);
        uint64_t min, max, step;

        /* The field as a value, floating or NULL; NULL: as the type has it. */
        GVariant *(*give)(const KeyRow *row, const DomainConfig *config);
};

static const void *field_of(const KeyRow *row, const DomainConfig *config) {
        return (const char *) config + row->offset;
}

static char *complain(const char *culprit, const char *problem) {
        g_autofree char *quoted = text_quote(culprit);
        return g_strconcat(quoted, " ", problem, NULL);
}

static char *take_text(const KeyRow *row, const ConfigValue *value, void *field) {
        const char *problem = row->problem(value->string);

        if (!problem && strlen(value->string) > DOMAIN_TEXT_MAX)
                problem = "is longer than " G_STRINGIFY(DOMAIN_TEXT_MAX) " bytes";
        if (problem)
                return complain(value->string, problem);
        *(char **) field = g_strdup(value->string);
        return NULL;
}

/* Judged by domain_config_complete(), which has errors of its own for it. */
static char *take_later(const KeyRow *row, const ConfigValue *value, void *field) {
        *(char **) field = g_strdup(value->string);
        return NULL;
}

/* An enumeration has a value from the start, which says nothing before the whole is complete. */
#define DEFINE_TAKE_ENUM(noun, Type, choice)                                                                \
        static char *take_##noun(const KeyRow *row, const ConfigValue *value, void *field) {                \
                Type given = noun##_from_string(value->string);                                             \
                                                                                                            \
                if ((int) given < 0)                                                                        \
                        return complain(value->string, "is not one of " choice);                            \
                *(Type *) field = given;                                                                    \
                return NULL;                                                                                \
        }                                                                                                   \
        static GVariant *give_##noun(const KeyRow *row, const DomainConfig *config) {                       \
                Type value = *(const Type *) field_of(row, config);                                         \
                                                                                                            \
                return config->cgroup_path || domain_config_key_is_set(config, &row->key)                   \
                               ? g_variant_new_string(noun##_to_string(value))                              \
                               : NULL;                                                                      \
        }

DEFINE_TAKE_ENUM(domain_kind, DomainKind, "qemu, process")
DEFINE_TAKE_ENUM(machine_type, MachineType, "q35, microvm, pc")
DEFINE_TAKE_ENUM(accelerator, Accelerator, "auto, kvm, tcg")
DEFINE_TAKE_ENUM(life_action, LifeAction, "destroy, restart, preserve, rename-restart")

static char *take_uuid(const KeyRow *row, const ConfigValue *value, void *field) {
        sd_id128_t uuid;

        if (sd_id128_from_string(value->string, &uuid) < 0)
                return complain(value->string, "is not a UUID");
        if (sd_id128_is_null(uuid))
                return g_strdup("all zeroes is no UUID");
        *(sd_id128_t *) field = uuid;
        return NULL;
}

static GVariant *give_uuid(const KeyRow *row, const DomainConfig *config) {
        char text[SD_ID128_UUID_STRING_MAX];

        return sd_id128_is_null(config->uuid)
                       ? NULL : g_variant_new_string(sd_id128_to_uuid_string(config->uuid, text));
}

static char *take_number(const KeyRow *row, const ConfigValue *value, void *field) {
        uint64_t number = value->type == CONFIG_UINT32 ? value->uint32 : value->uint64;

        if (number < row->min || number > row->max)
                return g_strdup_printf("%" PRIu64 " is not from %" PRIu64 " to %" PRIu64, number,
                        row->min, row->max);
        if (number % row->step != 0)
                return g_strdup_printf("%" PRIu64 " is not a multiple of %" PRIu64, number, row->step);
        if (value->type == CONFIG_UINT32)
                *(uint32_t *) field = value->uint32;
        else
                *(uint64_t *) field = number;
        return NULL;
}

static char *take_bool(const KeyRow *row, const ConfigValue *value, void *field) {
        *(bool *) field = value->boolean;
        return NULL;
}

static char *take_plan(const KeyRow *row, const ConfigValue *value, void *field) {
        *(StopPlan *) field = *value->plan;
        return NULL;
}

static char *take_ports(const KeyRow *row, const ConfigValue *value, void *field) {
        g_autoptr(GArray) ports = io_ports_new();

        for (unsigned i = 0; i < value->ports->len; i++) {
                IoPortRange range = g_array_index(value->ports, IoPortRange, i), common;

                if (range.first > range.last)
                        return g_strdup_printf("0x%x is after 0x%x", range.first, range.last);
                if (io_ports_overlap(ports, range, &common)) {
                        g_autofree char *twice = io_port_range_to_string(common);
                        return g_strdup_printf("%s is given twice", twice);
                }
                if (io_ports_add(ports, range) < 0)
                        return g_strdup_printf("more than %u ranges", IO_PORT_RANGES_MAX);
        }
        g_array_unref(*(GArray **) field);
        *(GArray **) field = g_steal_pointer(&ports);
        return NULL;
}

static GVariant *give_plan(const StopPlan *plan) {
        g_auto(GVariantBuilder) steps = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(st)"));

        for (size_t i = 0; i < plan->n_steps; i++)
                g_variant_builder_add(
                        &steps, "(st)", stop_step_name(&plan->steps[i]), plan->steps[i].timeout_usec);
        return plan->n_steps > 0 ? g_variant_builder_end(&steps) : NULL;
}

static char *take_list(const KeyRow *row, const ConfigValue *value, void *field) {
        size_t n = 0, bytes = 0;

        for (; value->strv[n]; n++) {
                const char *problem = row->problem(value->strv[n]);
                if (problem)
                        return complain(value->strv[n], problem);
                bytes += strlen(value->strv[n]) + 1;
        }
        if (n > DOMAIN_ARGS_MAX)
                return g_strdup_printf("%zu entries are more than %d", n, DOMAIN_ARGS_MAX);
        if (bytes > DOMAIN_ARGS_BYTES_MAX)
                return g_strdup_printf("%zu bytes are more than %d", bytes, DOMAIN_ARGS_BYTES_MAX);
        *(char ***) field = g_strdupv((char **) value->strv);
        return NULL;
}

static char *take_command(const KeyRow *row, const ConfigValue *value, void *field) {
        if (!value->strv[0])
                return g_strdup("it is empty");

        const char *problem = program_problem(value->strv[0]);
        return problem ? complain(value->strv[0], problem) : take_list(row, value, field);
}

static GVariant *settings_of(const Resources *resources) {
        g_auto(GVariantBuilder) settings = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{sv}"));

        for (size_t i = 0; i < resources_size(resources); i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(resources, i, &value);

                g_variant_builder_add(&settings, "{sv}", property->name, value);
        }
        return g_variant_builder_end(&settings);
}

static GVariant *give_disks(const KeyRow *row, const DomainConfig *config) {
        g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

        for (unsigned i = 0; i < config->disks->len; i++) {
                g_variant_builder_open(&list, G_VARIANT_TYPE("a{sv}"));
                disk_config_append(config->disks->pdata[i], &list);
                g_variant_builder_close(&list);
        }
        return config->disks->len > 0 ? g_variant_builder_end(&list) : NULL;
}

static GVariant *give_networks(const KeyRow *row, const DomainConfig *config) {
        g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

        for (unsigned i = 0; i < config->networks->len; i++) {
                g_variant_builder_open(&list, G_VARIANT_TYPE("a{sv}"));
                network_config_append(config->networks->pdata[i], &list);
                g_variant_builder_close(&list);
        }
        return config->networks->len > 0 ? g_variant_builder_end(&list) : NULL;
}

static GVariant *ports_of(const GArray *ports) {
        g_auto(GVariantBuilder) ranges = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(qq)"));

        for (unsigned i = 0; i < ports->len; i++) {
                const IoPortRange *range = &g_array_index(ports, IoPortRange, i);
                g_variant_builder_add(&ranges, "(qq)", range->first, range->last);
        }
        return ports->len > 0 ? g_variant_builder_end(&ranges) : NULL;
}

/* By name: a table has no order of its own. */
static GVariant *slices_of(GHashTable *slices) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{sa{sv}}"));
        g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(slices), (GCompareFunc) strcmp);

        for (GList *name = names; name; name = name->next)
                g_variant_builder_add(&builder, "{s@a{sv}}", name->data,
                        settings_of(g_hash_table_lookup(slices, name->data)));
        return names ? g_variant_builder_end(&builder) : NULL;
}

/* As it was given: of one that was not, the name decides. */
static GVariant *give_cgroup_path(const KeyRow *row, const DomainConfig *config) {
        return domain_config_key_is_set(config, &row->key) ? g_variant_new_string(config->cgroup_path_text)
                                                           : NULL;
}

static GVariant *give_oci(const KeyRow *row, const DomainConfig *config) {
        return config->oci_resources && !config->cgroup_path ? g_variant_new_string(config->oci_resources)
                                                             : NULL;
}

/* Of a kernel's root= : one word. The kernel takes quotes for its own and byte 0xa0 for a blank. */
static const char *root_problem(const char *root) {
        if (!*root)
                return "is empty";
        for (const char *p = root; *p; p++)
                if (!g_ascii_isgraph(*p) || *p == '"')
                        return "is not one word of ASCII without quotes";
        return NULL;
}

/* Of a firmware: a file, or the word for the machine's own. */
static const char *firmware_problem(const char *firmware) {
        if (g_str_equal(firmware, DOMAIN_FIRMWARE_DEFAULT) || !path_problem(firmware))
                return NULL;
        return "is neither '" DOMAIN_FIRMWARE_DEFAULT "' nor a normalised absolute path";
}

/* Of a security label: which ones there are is the host's to know. */
static const char *security_label_problem(const char *label) {
        if (!*label)
                return "is empty";
        for (const char *p = label; *p; p++)
                if (!g_ascii_isgraph(*p))
                        return "is not one word of ASCII";
        return NULL;
}

/* Of an argument: any text, lines and all. */
static const char *argument_problem(const char *argument) {
        return g_utf8_validate(argument, -1, NULL) ? NULL : "is not valid UTF-8";
}

static const char *assignment_problem(const char *assignment) {
        size_t length = strspn(assignment, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_");

        if (length == 0 || g_ascii_isdigit(*assignment) || assignment[length] != '=')
                return "is not an assignment NAME=value";
        return argument_problem(assignment);
}

#define KEY(group, name, type, uses, field, ...)                                                            \
        {{group, name, type}, uses, offsetof(DomainConfig, field), __VA_ARGS__}

static const KeyRow rows[] = {
        KEY("Domain", "Kind", CONFIG_STRING, USE_ANY, kind, take_domain_kind, .give = give_domain_kind),
        KEY("Domain", "Description", CONFIG_STRING, USE_ANY, description, take_text, text_problem),
        KEY("Domain", "UUID", CONFIG_STRING, USE_ANY, uuid, take_uuid, .give = give_uuid),
        KEY("Domain", "CgroupPath", CONFIG_STRING, USE_ANY, cgroup_path_text, take_later,
                .give = give_cgroup_path),
        KEY("Domain", "Delegate", CONFIG_BOOL, USE_UNIT, delegate, take_bool),
        KEY("Domain", "Memory", CONFIG_UINT64, USE_QEMU, memory, take_number,
                .min = DOMAIN_MEMORY_MIN, .max = DOMAIN_MEMORY_MAX, .step = DOMAIN_MEMORY_STEP),
        KEY("Domain", "MaxMemory", CONFIG_UINT64, USE_QEMU, max_memory, take_number,
                .min = DOMAIN_MEMORY_MIN, .max = DOMAIN_MEMORY_MAX, .step = DOMAIN_MEMORY_STEP),
        KEY("Domain", "VCPUs", CONFIG_UINT32, USE_QEMU, vcpus, take_number,
                .min = 1, .max = DOMAIN_VCPUS_MAX, .step = 1),
        KEY("Domain", "MaxVCPUs", CONFIG_UINT32, USE_QEMU, max_vcpus, take_number,
                .min = 1, .max = DOMAIN_VCPUS_MAX, .step = 1),
        KEY("Domain", "SecurityLabel", CONFIG_STRING, USE_QEMU | USE_PROCESS, security_label,
                take_text, security_label_problem),
        KEY("Domain", "IOPorts", CONFIG_PORTS, USE_UNIT, io_ports, take_ports),
        KEY("Domain", "OnPoweroff", CONFIG_STRING, USE_UNIT, policies[LIFE_POWEROFF], take_life_action,
                .give = give_life_action),
        KEY("Domain", "OnReboot", CONFIG_STRING, USE_UNIT, policies[LIFE_REBOOT], take_life_action,
                .give = give_life_action),
        KEY("Domain", "OnCrash", CONFIG_STRING, USE_UNIT, policies[LIFE_CRASH], take_life_action,
                .give = give_life_action),
        KEY("Domain", "StopPlan", CONFIG_PLAN, USE_UNIT, stop_plan, take_plan),
        KEY("Domain", "OCIResources", CONFIG_STRING, USE_ANY, oci_resources, take_later, .give = give_oci),
        KEY("Domain", "PauseTimeoutUSec", CONFIG_UINT64, USE_UNIT, pause_timeout_usec, take_number,
                .min = PAUSE_TIMEOUT_MIN_USEC, .max = PAUSE_TIMEOUT_MAX_USEC, .step = 1),

        KEY("Image", "Kernel", CONFIG_STRING, USE_QEMU, kernel, take_text, path_problem),
        KEY("Image", "Initrd", CONFIG_STRING, USE_QEMU, initrd, take_text, path_problem),
        KEY("Image", "Root", CONFIG_STRING, USE_QEMU, root, take_text, root_problem),
        KEY("Image", "Extra", CONFIG_STRING, USE_QEMU, extra, take_text, text_problem),
        KEY("Image", "Firmware", CONFIG_STRING, USE_QEMU, firmware, take_text, firmware_problem),
        KEY("Image", "Machine", CONFIG_STRING, USE_QEMU, machine, take_machine_type,
                .give = give_machine_type),
        KEY("Image", "Accelerator", CONFIG_STRING, USE_QEMU, accelerator, take_accelerator,
                .give = give_accelerator),

        KEY("Disk", "Disks", CONFIG_DEVICES, USE_QEMU, disks, NULL, .give = give_disks),
        KEY("Network", "Networks", CONFIG_DEVICES, USE_QEMU, networks, NULL, .give = give_networks),

        KEY("Process", "Command", CONFIG_STRV, USE_PROCESS, command, take_command, argument_problem),
        KEY("Process", "WorkingDirectory", CONFIG_STRING, USE_PROCESS, working_directory,
                take_text, path_problem),
        KEY("Process", "Environment", CONFIG_STRV, USE_PROCESS, environment, take_list, assignment_problem),
        KEY("Process", "User", CONFIG_STRING, USE_PROCESS, user, take_text, user_name_problem),

        KEY("Resources", "Resources", CONFIG_SETTINGS, USE_ANY, resources, NULL),
        KEY("Resources", "SliceResources", CONFIG_SLICES, USE_UNIT, slices, NULL),
};
G_STATIC_ASSERT(G_N_ELEMENTS(rows) <= 64);    /* the bits of set_mask */

bool domain_config_key_is_set(const DomainConfig *config, const ConfigKey *key) {
        return config->set_mask & (UINT64_C(1) << ((const KeyRow *) key - rows));
}

ConfigUse domain_config_key_uses(const ConfigKey *key) {
        return ((const KeyRow *) key)->uses;
}

const ConfigKey *domain_config_key(const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                if (g_str_equal(rows[i].key.name, name))
                        return &rows[i].key;
        return NULL;
}

const ConfigKey *domain_config_key_nth(size_t i) {
        return i < G_N_ELEMENTS(rows) ? &rows[i].key : NULL;
}

/* Whether they are above the domain is judged by domain_config_complete(). */
static int take_slices(DomainConfig *config, GVariant *slices, sd_bus_error *error) {
        for (size_t i = 0; i < g_variant_n_children(slices); i++) {
                g_autoptr(GVariant) settings = NULL;
                Resources *resources;
                const char *name;
                int r;

                g_variant_get_child(slices, i, "{&s@a{sv}}", &name, &settings);
                r = resources_new_from(settings, RESOURCES_AT_CREATION, &resources, error);
                if (r < 0)
                        return r;
                g_hash_table_insert(config->slices, g_strdup(name), resources);
        }
        return 0;
}

static int take_devices(DomainConfig *config, const char *key, GVariant *devices, sd_bus_error *error) {
        bool disks = g_str_equal(key, "Disks");

        if (g_variant_n_children(devices) > DEVICES_MAX)
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "%s: more than %d devices", key, DEVICES_MAX);
        for (size_t i = 0; i < g_variant_n_children(devices); i++) {
                g_autoptr(GVariant) settings = g_variant_get_child_value(devices, i);
                g_autofree char *where = g_strdup_printf("%s[%zu]", key, i);
                NetworkConfig *network;
                DiskConfig *disk;
                int r = disks ? disk_config_new(settings, where, &disk, error)
                              : network_config_new(settings, where, &network, error);

                if (r < 0)
                        return r;
                g_ptr_array_add(disks ? config->disks : config->networks, disks ? (void *) disk : network);
        }
        return 0;
}

/* Values that are settings themselves, whose errors have names of their own. */
static int take_whole(DomainConfig *config, const ConfigKey *key, GVariant *settings, sd_bus_error *error) {
        if (key->type == CONFIG_SLICES)
                return take_slices(config, settings, error);
        if (key->type == CONFIG_DEVICES)
                return take_devices(config, key->name, settings, error);
        return resources_new_from(settings, RESOURCES_AT_CREATION, &config->resources, error);
}

int domain_config_set(DomainConfig *config, const ConfigKey *key, const ConfigValue *value,
        sd_bus_error *error) {
        const KeyRow *row = (const KeyRow *) key;    /* a row begins with its key */
        g_autofree char *problem = NULL;

        if (value->type != key->type)
                problem = g_strdup_printf("the value has type '%s' instead of '%s'",
                        config_type_signature(value->type), config_type_signature(key->type));
        else if (domain_config_key_is_set(config, &row->key))
                problem = g_strdup("it is given twice");
        else if (!row->take) {
                int r = take_whole(config, key, value->settings, error);
                if (r < 0)
                        return r;
        } else
                problem = row->take(row, value, (char *) config + row->offset);
        if (problem)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s", key->name, problem);

        config->set_mask |= UINT64_C(1) << (row - rows);
        return 0;
}

/* What can be said about this kind of domain. */
static ConfigUse use_of(const DomainConfig *config) {
        return cgroup_path_is_slice(config->cgroup_path) ? USE_SLICE
                : config->kind == DOMAIN_QEMU            ? USE_QEMU
                : config->command                        ? USE_PROCESS
                                                         : USE_ADOPTED;
}

static GVariant *value_of(const KeyRow *row, const DomainConfig *config) {
        const void *field = field_of(row, config);
        bool set = domain_config_key_is_set(config, &row->key);

        if (row->give)
                return row->give(row, config);
        switch (row->key.type) {
        case CONFIG_STRING:
                return *(char *const *) field ? g_variant_new_string(*(char *const *) field) : NULL;
        case CONFIG_STRV:
                return *(char **const *) field
                               ? g_variant_new_strv(*(const char *const *const *) field, -1) : NULL;
        case CONFIG_UINT32:
                return set || *(const uint32_t *) field
                               ? g_variant_new_uint32(*(const uint32_t *) field) : NULL;
        case CONFIG_UINT64:
                return set || *(const uint64_t *) field
                               ? g_variant_new_uint64(*(const uint64_t *) field) : NULL;
        case CONFIG_BOOL:
                return set ? g_variant_new_boolean(*(const bool *) field) : NULL;
        case CONFIG_PLAN:
                return give_plan(field);
        case CONFIG_SETTINGS:
                return *(Resources *const *) field ? settings_of(*(Resources *const *) field) : NULL;
        case CONFIG_SLICES:
                return slices_of(*(GHashTable *const *) field);
        case CONFIG_PORTS:
                return ports_of(*(GArray *const *) field);
        case CONFIG_DEVICES:   /* of each kind its own */
        case _CONFIG_TYPE_MAX:
                break;
        }
        g_assert_not_reached();
}

GVariant *domain_config_get(const DomainConfig *config, const ConfigKey *key) {
        const KeyRow *row = (const KeyRow *) key;
        GVariant *value = !config->cgroup_path || (row->uses & use_of(config)) ? value_of(row, config)
                                                                               : NULL;

        return value ? g_variant_ref_sink(value) : NULL;
}
