/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of configuration keys and what each accepts. A key is added by adding a row. Nothing here looks
 * at the machine: whether a kernel exists or a user is known shows when the domain is started. */

#include <inttypes.h>
#include <string.h>

#include "config/domain-config.h"
#include "config/io-ports.h"
#include "config/oci.h"
#include "config/text.h"
#include "util/errors.h"

static const char *const domain_kind_names[_DOMAIN_KIND_MAX] = {
        [DOMAIN_QEMU] = "qemu",
        [DOMAIN_PROCESS] = "process",
};
DEFINE_ENUM_STRINGS(domain_kind, DomainKind, domain_kind_names)

static const char *const machine_type_names[_MACHINE_TYPE_MAX] = {
        [MACHINE_Q35] = "q35",
        [MACHINE_MICROVM] = "microvm",
        [MACHINE_PC] = "pc",
};
DEFINE_ENUM_STRINGS(machine_type, MachineType, machine_type_names)

static const char *const accelerator_names[_ACCELERATOR_MAX] = {
        [ACCELERATOR_AUTO] = "auto",
        [ACCELERATOR_KVM] = "kvm",
        [ACCELERATOR_TCG] = "tcg",
};
DEFINE_ENUM_STRINGS(accelerator, Accelerator, accelerator_names)

static const char *const life_event_names[_LIFE_EVENT_MAX] = {
        [LIFE_POWEROFF] = "poweroff",
        [LIFE_REBOOT] = "reboot",
        [LIFE_CRASH] = "crash",
};
DEFINE_ENUM_STRINGS(life_event, LifeEvent, life_event_names)

static const char *const life_action_names[_LIFE_ACTION_MAX] = {
        [LIFE_DESTROY] = "destroy",
        [LIFE_RESTART] = "restart",
        [LIFE_PRESERVE] = "preserve",
        [LIFE_RENAME_RESTART] = "rename-restart",
};
DEFINE_ENUM_STRINGS(life_action, LifeAction, life_action_names)

static const char *const policy_keys[_LIFE_EVENT_MAX] = {
        [LIFE_POWEROFF] = "OnPoweroff",
        [LIFE_REBOOT] = "OnReboot",
        [LIFE_CRASH] = "OnCrash",
};

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

/* What a configuration may be for: a row says which of them know its key. */
typedef enum Use {
        USE_QEMU = 1 << 0,
        USE_PROCESS = 1 << 1,
        USE_ADOPTED = 1 << 2,
        USE_SLICE   = 1 << 3,   /* a slice, which has no processes of its own */
        USE_UNIT = USE_QEMU | USE_PROCESS | USE_ADOPTED,
        USE_ANY = USE_UNIT | USE_SLICE,
} Use;

typedef struct KeyRow KeyRow;
struct KeyRow {
        ConfigKey key;
        Use uses;
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

static bool row_is_set(const DomainConfig *config, const KeyRow *row);

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
                return config->cgroup_path || row_is_set(config, row)                                       \
                               ? g_variant_new_string(noun##_to_string(value)) : NULL;                      \
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
        return row_is_set(config, row) ? g_variant_new_string(config->cgroup_path_text) : NULL;
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

static bool row_is_set(const DomainConfig *config, const KeyRow *row) {
        return config->set_mask & (UINT64_C(1) << (row - rows));
}

static const KeyRow *row_find(const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                if (g_str_equal(rows[i].key.name, name))
                        return &rows[i];
        return NULL;
}

const ConfigKey *domain_config_key(const char *name) {
        const KeyRow *row = row_find(name);

        return row ? &row->key : NULL;
}

const ConfigKey *domain_config_key_nth(size_t i) {
        return i < G_N_ELEMENTS(rows) ? &rows[i].key : NULL;
}

/* One component of an object path is either a name or a UUID, so no name may be both. */
static bool looks_like_uuid(const char *name) {
        sd_id128_t uuid;

        return sd_id128_from_string(name, &uuid) >= 0;
}

static const char *name_problem(const char *name) {
        if (!*name)
                return "is empty";
        if (strlen(name) > DOMAIN_NAME_MAX)
                return "is longer than " G_STRINGIFY(DOMAIN_NAME_MAX) " bytes";
        if (*name == '.' || *name == '-')
                return "begins with '.' or '-'";
        if (strpbrk(name, "/:"))
                return "contains '/' or ':'";
        if (strstr(name, ".."))
                return "contains '..'";
        if (g_str_has_suffix(name, ".slice"))
                return "ends in '.slice'";
        if (looks_like_uuid(name))
                return "looks like a UUID";
        return label_problem(name);
}

static void resources_destroy(void *resources) {
        resources_free(resources);
}

static void disk_destroy(void *disk) {
        disk_config_free(disk);
}

static void network_destroy(void *network) {
        network_config_free(network);
}

int domain_config_check_name(const char *name, sd_bus_error *error) {
        const char *problem = name_problem(name);
        g_autofree char *quoted = problem ? text_quote(name) : NULL;

        return problem ? sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Domain name %s %s", quoted,
                                 problem)
                       : 0;
}

int domain_config_new(const char *name, DomainConfig **ret, sd_bus_error *error) {
        int r = domain_config_check_name(name, error);

        if (r < 0)
                return r;
        *ret = g_new0(DomainConfig, 1);
        (*ret)->name = g_strdup(name);
        (*ret)->policies[LIFE_REBOOT] = LIFE_RESTART;
        (*ret)->warnings = g_ptr_array_new_with_free_func(g_free);
        (*ret)->io_ports = io_ports_new();
        (*ret)->slices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, resources_destroy);
        (*ret)->disks = g_ptr_array_new_with_free_func(disk_destroy);
        (*ret)->networks = g_ptr_array_new_with_free_func(network_destroy);
        return 0;
}

DomainConfig *domain_config_free(DomainConfig *config) {
        if (!config)
                return NULL;
        g_free(config->name);
        g_free(config->description);
        cgroup_path_free(config->cgroup_path);
        g_free(config->cgroup_path_text);
        resources_free(config->resources);
        g_free(config->oci_resources);
        g_hash_table_unref(config->slices);
        g_ptr_array_unref(config->warnings);
        g_ptr_array_unref(config->disks);
        g_ptr_array_unref(config->networks);
        g_free(config->kernel);
        g_free(config->initrd);
        g_free(config->root);
        g_free(config->extra);
        g_free(config->firmware);
        g_free(config->security_label);
        g_array_unref(config->io_ports);
        g_strfreev(config->command);
        g_strfreev(config->environment);
        g_free(config->working_directory);
        g_free(config->user);
        g_free(config);
        return NULL;
}

static GHashTable *slices_copy(GHashTable *slices) {
        GHashTable *copy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, resources_destroy);
        GHashTableIter iter;
        void *name, *resources;

        g_hash_table_iter_init(&iter, slices);
        while (g_hash_table_iter_next(&iter, &name, &resources))
                g_hash_table_insert(copy, g_strdup(name), resources_copy(resources));
        return copy;
}

static void *disk_copy(const void *item, void *userdata) {
        const DiskConfig *disk = item;
        DiskConfig *copy = g_new(DiskConfig, 1);

        *copy = *disk;
        copy->name = g_strdup(disk->name);
        copy->path = g_strdup(disk->path);
        return copy;
}

static GPtrArray *disks_copy(GPtrArray *disks) {
        GPtrArray *copy = g_ptr_array_copy(disks, disk_copy, NULL);

        g_ptr_array_set_free_func(copy, disk_destroy);
        return copy;
}

static void *network_copy(const void *item, void *userdata) {
        return network_config_copy(item);
}

static GPtrArray *networks_copy(GPtrArray *networks) {
        GPtrArray *copy = g_ptr_array_copy(networks, network_copy, NULL);

        g_ptr_array_set_free_func(copy, network_destroy);
        return copy;
}

DomainConfig *domain_config_copy(const DomainConfig *config) {
        DomainConfig *copy = g_new(DomainConfig, 1);
        g_autofree char *path = cgroup_path_to_string(config->cgroup_path);

        *copy = *config;
        copy->name = g_strdup(config->name);
        copy->description = g_strdup(config->description);
        copy->cgroup_path_text = g_strdup(config->cgroup_path_text);
        g_assert(cgroup_path_parse(path, "", &copy->cgroup_path, NULL) >= 0);    /* it was parsed before */
        copy->resources = resources_copy(config->resources);
        copy->oci_resources = g_strdup(config->oci_resources);
        copy->slices = slices_copy(config->slices);
        copy->warnings = g_ptr_array_new_with_free_func(g_free);
        copy->disks = disks_copy(config->disks);
        copy->networks = networks_copy(config->networks);
        copy->security_label = g_strdup(config->security_label);
        copy->io_ports = g_array_copy(config->io_ports);
        copy->firmware = g_strdup(config->firmware);
        copy->kernel = g_strdup(config->kernel);
        copy->initrd = g_strdup(config->initrd);
        copy->root = g_strdup(config->root);
        copy->extra = g_strdup(config->extra);
        copy->command = g_strdupv(config->command);
        copy->environment = g_strdupv(config->environment);
        copy->working_directory = g_strdup(config->working_directory);
        copy->user = g_strdup(config->user);
        return copy;
}

int domain_config_bury(DomainConfig *config, const char *name, sd_id128_t uuid, sd_bus_error *error) {
        const CgroupPath *old = config->cgroup_path;
        g_autofree char *text = g_strjoin(":", old->slice, old->prefix, name, NULL);
        CgroupPath *path;
        int r;

        r = cgroup_path_parse(text, "", &path, error);
        if (r < 0)
                return r;
        cgroup_path_free(config->cgroup_path);
        config->cgroup_path = path;
        g_free(config->name);
        config->name = g_strdup(name);
        config->uuid = uuid;
        g_array_set_size(config->io_ports, 0);
        g_hash_table_remove_all(config->slices);
        return 0;
}

/* What was not started by us cannot be started again. */
static int check_policy(LifeEvent event, LifeAction action, bool adopted, sd_bus_error *error) {
        if (!adopted || action == LIFE_DESTROY || action == LIFE_PRESERVE)
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                "%s: adopted processes cannot be started again, only destroy and preserve are possible",
                policy_keys[event]);
}

int domain_config_set_policy(
        DomainConfig *config, LifeEvent event, LifeAction action, sd_bus_error *error) {
        bool adopted = config->kind == DOMAIN_PROCESS && !config->command;
        int r = check_policy(event, action, adopted, error);

        if (r >= 0)
                config->policies[event] = action;
        return r;
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
        else if (row_is_set(config, row))
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

/* The kind that was given, or that the keys tell. */
static DomainKind kind_of(const DomainConfig *config) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                if (!row_is_set(config, &rows[i]))
                        continue;
                if (g_str_equal(rows[i].key.name, "Kind"))
                        return config->kind;
                if (g_str_equal(rows[i].key.group, "Image"))
                        return DOMAIN_QEMU;
        }
        return DOMAIN_PROCESS;
}

/* A virtual machine boots what QEMU loads, or what its firmware finds. */
static int check_boot(const DomainConfig *config, sd_bus_error *error) {
        const char *stray = config->initrd  ? "Initrd"
                            : config->root  ? "Root"
                            : config->extra ? "Extra"
                                            : NULL;

        if (!config->kernel && !config->firmware)
                return sd_bus_error_set(error, VMM_ERROR_INVALID_CONFIG,
                        "Kernel: a domain of kind 'qemu' needs one, or a Firmware to boot from its disks");
        if (config->kernel && config->firmware)
                return sd_bus_error_set(error, VMM_ERROR_INVALID_CONFIG,
                        "Firmware: it boots from the disks, and Kernel from a file: only one can be");
        if (config->firmware && stray)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "%s: it goes with a Kernel, not with a Firmware", stray);
        return 0;
}

/* Refuses keys that say nothing about this kind of domain, and asks for those it cannot do without. */
static int check_keys(const DomainConfig *config, bool adopted, sd_bus_error *error) {
        bool qemu = config->kind == DOMAIN_QEMU, slice = cgroup_path_is_slice(config->cgroup_path);
        Use use = slice ? USE_SLICE : adopted ? USE_ADOPTED : qemu ? USE_QEMU : USE_PROCESS;
        const char *what = slice ? "a slice" : adopted ? "adopted processes"
                : qemu ? "a domain of kind 'qemu'" : "a domain of kind 'process'";

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                if (row_is_set(config, &rows[i]) && !(rows[i].uses & use))
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: not a key of %s",
                                rows[i].key.name, what);
        if ((adopted || slice) && qemu)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "Kind: %s %s of kind 'process'",
                        what, slice ? "is" : "are");
        if (use == USE_QEMU && config->io_ports->len > 0)
                return sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED,
                        "IOPorts: QEMU cannot give its guest I/O ports of the host");
        if (use == USE_PROCESS && !config->command)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "Command: %s needs one", what);
        return use == USE_QEMU ? check_boot(config, error) : 0;
}

/* Both forms of resource settings become one. */
static int complete_resources(DomainConfig *config, sd_bus_error *error) {
        g_autoptr(OciResources) oci = NULL;
        int r;

        if (!config->resources)
                config->resources = resources_new();
        if (!config->oci_resources)
                return 0;
        r = oci_resources_parse(config->oci_resources, NULL, RESOURCES_AT_CREATION, &oci, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < resources_size(oci->resources); i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(oci->resources, i, &value);

                if (resources_limits(config->resources, property))
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "OCIResources: it sets %s, and so does Resources", property->name);
        }
        resources_merge(config->resources, oci->resources);
        g_ptr_array_extend_and_steal(config->warnings, g_ptr_array_ref(oci->warnings));
        return 0;
}

static int check_slices(const DomainConfig *config, sd_bus_error *error) {
        g_auto(GStrv) above = slice_ancestry(config->cgroup_path->slice);
        GHashTableIter iter;
        void *name;

        g_hash_table_iter_init(&iter, config->slices);
        while (g_hash_table_iter_next(&iter, &name, NULL))
                if (!g_strv_contains((const char *const *) above, name)) {
                        g_autofree char *quoted = text_quote(name);
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "SliceResources: %s is not a slice that the domain is in", quoted);
                }
        return 0;
}

bool domain_config_has_device(const DomainConfig *config, const char *name) {
        for (unsigned i = 0; i < config->disks->len; i++) {
                const DiskConfig *disk = config->disks->pdata[i];
                if (g_strcmp0(disk->name, name) == 0)
                        return true;
        }
        for (unsigned i = 0; i < config->networks->len; i++) {
                const NetworkConfig *network = config->networks->pdata[i];
                if (g_strcmp0(network->name, name) == 0)
                        return true;
        }
        return false;
}

/* The first of noun0, noun1 ... that is free. */
static char *device_name_new(const DomainConfig *config, const char *noun) {
        for (unsigned i = 0;; i++) {
                g_autofree char *name = g_strdup_printf("%s%u", noun, i);
                if (!domain_config_has_device(config, name))
                        return g_steal_pointer(&name);
        }
}

/* Adds the names of these devices to those seen. */
static int check_names(GHashTable *seen, const char *key, const char *name, sd_bus_error *error) {
        if (!g_hash_table_add(seen, (void *) name))
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "%s: there are two devices of the name '%s'", key, name);
        if (g_hash_table_size(seen) > DEVICES_MAX)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "%s: more than %d devices", key, DEVICES_MAX);
        return 0;
}

/* The MACs that were given, and the names of interfaces: each can be there once. */
static int check_network(const DomainConfig *config, unsigned nth, sd_bus_error *error) {
        const NetworkConfig *network = config->networks->pdata[nth];
        g_autofree char *mac = mac_address_to_string(&network->mac);
        const char *interface = network->interface_name;

        for (unsigned i = 0; i < nth; i++) {
                const NetworkConfig *other = config->networks->pdata[i];
                g_autofree char *theirs = mac_address_to_string(&other->mac);

                if (network->has_mac && g_str_equal(mac, theirs))
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "Networks: there are two of the MAC %s", mac);
                if (interface && g_strcmp0(interface, other->interface_name) == 0)
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                                "Networks: there are two of the InterfaceName '%s'", interface);
        }
        return 0;
}

static int complete_networks(DomainConfig *config, GHashTable *seen, sd_bus_error *error) {
        int r = 0;

        for (unsigned i = 0; i < config->networks->len && r >= 0; i++) {
                NetworkConfig *network = config->networks->pdata[i];

                if (!network->name)
                        network->name = device_name_new(config, "network");
                r = check_names(seen, "Networks", network->name, error);
                if (r >= 0)
                        r = check_network(config, i, error);
        }
        return r;
}

static int complete_devices(DomainConfig *config, sd_bus_error *error) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (unsigned i = 0; i < config->disks->len; i++) {
                DiskConfig *disk = config->disks->pdata[i];
                int r;

                if (!disk->name)
                        disk->name = device_name_new(config, "disk");
                r = check_names(seen, "Disks", disk->name, error);
                if (r < 0)
                        return r;
        }
        return complete_networks(config, seen, error);
}

static int complete_policies(DomainConfig *config, bool adopted, sd_bus_error *error) {
        int r = 0;

        if (adopted && config->policies[LIFE_REBOOT] == LIFE_RESTART &&
                !row_is_set(config, row_find(policy_keys[LIFE_REBOOT])))
                config->policies[LIFE_REBOOT] = LIFE_DESTROY;
        for (LifeEvent event = 0; event < _LIFE_EVENT_MAX && r >= 0; event++)
                r = check_policy(event, config->policies[event], adopted, error);
        return r;
}

/* What can be said about this kind of domain. */
static Use use_of(const DomainConfig *config) {
        return cgroup_path_is_slice(config->cgroup_path) ? USE_SLICE
                : config->kind == DOMAIN_QEMU            ? USE_QEMU
                : config->command                        ? USE_PROCESS
                                                         : USE_ADOPTED;
}

static GVariant *value_of(const KeyRow *row, const DomainConfig *config) {
        const void *field = field_of(row, config);
        bool set = row_is_set(config, row);

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

/* What it begins with, and what it may grow to. */
static int complete_size(DomainConfig *config, sd_bus_error *error) {
        if (config->memory == 0)
                config->memory = config->max_memory > 0 ? MIN(DOMAIN_MEMORY_DEFAULT, config->max_memory)
                                                        : DOMAIN_MEMORY_DEFAULT;
        if (config->max_memory == 0)
                config->max_memory = config->memory;
        if (config->vcpus == 0)
                config->vcpus = 1;
        if (config->max_vcpus == 0)
                config->max_vcpus = config->vcpus;

        if (config->max_memory < config->memory)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "MaxMemory: %" PRIu64 " is less than Memory, %" PRIu64, config->max_memory,
                        config->memory);
        if (config->max_vcpus < config->vcpus)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "MaxVCPUs: %" PRIu32 " is less than VCPUs, %" PRIu32, config->max_vcpus,
                        config->vcpus);
        if (config->machine == MACHINE_MICROVM && config->max_vcpus > config->vcpus)
                return sd_bus_error_set(error, VMM_ERROR_INVALID_CONFIG,
                        "MaxVCPUs: a machine 'microvm' keeps the vCPUs it was started with");
        return 0;
}

int domain_config_complete(DomainConfig *config, const ConfigDefaults *defaults, sd_bus_error *error) {
        int r;

        if (!config->cgroup_path_text)
                config->cgroup_path_text = g_strconcat(":vmm:", config->name, NULL);
        r = cgroup_path_parse(config->cgroup_path_text, defaults->slice, &config->cgroup_path, error);
        if (r < 0)
                return r;

        config->kind = kind_of(config);
        r = check_keys(config, defaults->adopted, error);
        if (r < 0)
                return r;

        r = complete_policies(config, defaults->adopted, error);
        if (r >= 0)
                r = complete_resources(config, error);
        if (r >= 0)
                r = check_slices(config, error);
        if (r >= 0)
                r = complete_devices(config, error);
        if (r < 0)
                return r;

        if (config->stop_plan.n_steps == 0)
                config->stop_plan = defaults->stop_plans[config->kind];
        if (config->pause_timeout_usec == 0)
                config->pause_timeout_usec = PAUSE_TIMEOUT_DEFAULT_USEC;
        return config->kind == DOMAIN_QEMU ? complete_size(config, error) : 0;
}

GVariant *domain_config_slices_to_send(const DomainConfig *config) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sa(sv))"));
        g_auto(GStrv) above = slice_ancestry(config->cgroup_path->slice);

        for (char **name = above; *name; name++) {
                const Resources *resources = g_hash_table_lookup(config->slices, *name);
                g_autoptr(GVariant) settings =
                        resources ? resources_to_send(resources, RESOURCES_AT_CREATION) : NULL;

                if (settings)
                        g_variant_builder_add(&builder, "(s@a(sv))", *name, settings);
        }
        return g_variant_ref_sink(g_variant_builder_end(&builder));
}

void domain_config_limit_memory(DomainConfig *config) {
        const ResourceProperty *limit = resource_property_find("MemoryMax");
        uint64_t overhead =
                (UINT64_C(256) << 20) + ((uint64_t) config->max_vcpus << 23) + config->max_memory / 64;

        if (config->kind == DOMAIN_QEMU && !resources_limits(config->resources, limit))
                (void) resources_set(config->resources, limit->name,
                        g_variant_new_uint64(config->max_memory + overhead), RESOURCES_AT_CREATION, NULL);
}

void domain_config_survive_oom(DomainConfig *config) {
        const ResourceProperty *policy = resource_property_find("OOMPolicy");

        if (!resources_limits(config->resources, policy))
                (void) resources_set(config->resources, policy->name, g_variant_new_string("continue"),
                        RESOURCES_AT_CREATION, NULL);
}
