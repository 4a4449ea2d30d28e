/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A configuration as a whole: how it begins, is completed and checked, and what follows from it. Nothing
 * here looks at the machine: whether a kernel exists or a user is known shows when the domain is started. */

#include <inttypes.h>
#include <string.h>

#include "config/domain-keys.h"
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

/* The kind that was given, or that the keys tell. */
static DomainKind kind_of(const DomainConfig *config) {
        const ConfigKey *key;

        for (size_t i = 0; (key = domain_config_key_nth(i)); i++) {
                if (!domain_config_key_is_set(config, key))
                        continue;
                if (g_str_equal(key->name, "Kind"))
                        return config->kind;
                if (g_str_equal(key->group, "Image"))
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
        ConfigUse use = slice ? USE_SLICE : adopted ? USE_ADOPTED : qemu ? USE_QEMU : USE_PROCESS;
        const char *what = slice ? "a slice" : adopted ? "adopted processes"
                : qemu ? "a domain of kind 'qemu'" : "a domain of kind 'process'";
        const ConfigKey *key;

        for (size_t i = 0; (key = domain_config_key_nth(i)); i++)
                if (domain_config_key_is_set(config, key) && !(domain_config_key_uses(key) & use))
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: not a key of %s",
                                key->name, what);
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
                !domain_config_key_is_set(config, domain_config_key(policy_keys[LIFE_REBOOT])))
                config->policies[LIFE_REBOOT] = LIFE_DESTROY;
        for (LifeEvent event = 0; event < _LIFE_EVENT_MAX && r >= 0; event++)
                r = check_policy(event, config->policies[event], adopted, error);
        return r;
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
