/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of resource-control properties, and sets of them. A property is added by adding a row; what its
 * values may be is its type's business, and whether systemd obeys is not known here. */

#include <string.h>

#include "config/resources.h"
#include "config/text.h"
#include "util/auto.h"
#include "util/errors.h"

#define SHARE_SUFFIX "Scale"
#define STARTUP_PREFIX "Startup"

#define ANY_TIME(name, type, controller) {name, RESOURCE_##type, controller, 252, false}
#define NEWER(name, type, controller, since) {name, RESOURCE_##type, controller, since, false}
#define AT_CREATION(name, type, controller, since) {name, RESOURCE_##type, controller, since, true}

static const ResourceProperty properties[] = {
        ANY_TIME("CPUAccounting", BOOL, NULL),
        ANY_TIME("CPUWeight", CPU_WEIGHT, "cpu"),
        ANY_TIME("StartupCPUWeight", CPU_WEIGHT, "cpu"),
        ANY_TIME("CPUQuotaPerSecUSec", CPU_QUOTA, "cpu"),
        ANY_TIME("CPUQuotaPeriodUSec", CPU_PERIOD, "cpu"),
        ANY_TIME("AllowedCPUs", CPU_SET, "cpuset"),
        ANY_TIME("StartupAllowedCPUs", CPU_SET, "cpuset"),
        ANY_TIME("AllowedMemoryNodes", CPU_SET, "cpuset"),
        ANY_TIME("StartupAllowedMemoryNodes", CPU_SET, "cpuset"),
        NEWER("CPUSetPartition", CPU_PARTITION, "cpuset", 261),

        ANY_TIME("MemoryAccounting", BOOL, "memory"),
        ANY_TIME("MemoryMin", BYTES, "memory"),
        ANY_TIME("MemoryMinScale", SHARE, "memory"),
        ANY_TIME("MemoryLow", BYTES, "memory"),
        ANY_TIME("MemoryLowScale", SHARE, "memory"),
        NEWER("StartupMemoryLow", BYTES, "memory", 254),
        ANY_TIME("DefaultMemoryMin", BYTES, "memory"),
        ANY_TIME("DefaultMemoryMinScale", SHARE, "memory"),
        ANY_TIME("DefaultMemoryLow", BYTES, "memory"),
        ANY_TIME("DefaultMemoryLowScale", SHARE, "memory"),
        NEWER("DefaultStartupMemoryLow", BYTES, "memory", 254),
        ANY_TIME("MemoryHigh", LIMIT, "memory"),
        ANY_TIME("MemoryHighScale", LIMIT_SHARE, "memory"),
        NEWER("StartupMemoryHigh", LIMIT, "memory", 254),
        ANY_TIME("MemoryMax", LIMIT, "memory"),
        ANY_TIME("MemoryMaxScale", LIMIT_SHARE, "memory"),
        NEWER("StartupMemoryMax", LIMIT, "memory", 254),
        ANY_TIME("MemorySwapMax", BYTES, "memory"),
        ANY_TIME("MemorySwapMaxScale", SHARE, "memory"),
        NEWER("StartupMemorySwapMax", BYTES, "memory", 254),
        NEWER("MemoryZSwapMax", BYTES, "memory", 253),
        NEWER("MemoryZSwapMaxScale", SHARE, "memory", 253),
        NEWER("StartupMemoryZSwapMax", BYTES, "memory", 254),
        NEWER("MemoryZSwapWriteback", BOOL, "memory", 256),
        AT_CREATION("MemoryPressureWatch", PRESSURE_WATCH, "memory", 254),
        AT_CREATION("MemoryPressureThresholdUSec", THRESHOLD, "memory", 254),
        AT_CREATION("OOMPolicy", OOM_POLICY, "memory", 252),
        ANY_TIME("ManagedOOMSwap", OOM_MODE, "memory"),
        ANY_TIME("ManagedOOMMemoryPressure", OOM_MODE, "memory"),
        ANY_TIME("ManagedOOMMemoryPressureLimit", SHARE, "memory"),
        NEWER("ManagedOOMMemoryPressureDurationUSec", DURATION, "memory", 257),
        ANY_TIME("ManagedOOMPreference", OOM_PREFERENCE, "memory"),

        ANY_TIME("TasksAccounting", BOOL, "pids"),
        ANY_TIME("TasksMax", TASKS, "pids"),
        /* Those before write a tenth of it to the unit file, and read that at their next reload. */
        NEWER("TasksMaxScale", TASKS_SHARE, "pids", 260),

        ANY_TIME("IOAccounting", BOOL, "io"),
        ANY_TIME("IOWeight", WEIGHT, "io"),
        ANY_TIME("StartupIOWeight", WEIGHT, "io"),
        ANY_TIME("IODeviceWeight", DEVICE_WEIGHTS, "io"),
        ANY_TIME("IOReadBandwidthMax", DEVICE_RATES, "io"),
        ANY_TIME("IOWriteBandwidthMax", DEVICE_RATES, "io"),
        ANY_TIME("IOReadIOPSMax", DEVICE_RATES, "io"),
        ANY_TIME("IOWriteIOPSMax", DEVICE_RATES, "io"),
        ANY_TIME("IODeviceLatencyTargetUSec", DEVICE_LATENCIES, "io"),

        ANY_TIME("DevicePolicy", DEVICE_POLICY, "devices"),
        ANY_TIME("DeviceAllow", DEVICES, "devices"),
        ANY_TIME("IPAccounting", BOOL, "bpf"),
        ANY_TIME("IPAddressAllow", ADDRESSES, "bpf"),
        ANY_TIME("IPAddressDeny", ADDRESSES, "bpf"),
        ANY_TIME("SocketBindAllow", PORTS, "bpf-framework"),
        ANY_TIME("SocketBindDeny", PORTS, "bpf-framework"),
        ANY_TIME("RestrictNetworkInterfaces", INTERFACES, "bpf-framework"),
        AT_CREATION("IPIngressFilterPath", PATHS, "bpf", 252),
        AT_CREATION("IPEgressFilterPath", PATHS, "bpf", 252),
        AT_CREATION("BPFProgram", PROGRAMS, "bpf", 252),
        ANY_TIME("DisableControllers", CONTROLLERS, NULL),
};

/* Names that systemd knows and that are not for here: why not, and what instead. */
static const struct {
        const char *why, *names[40];
} refused[] = {
        {"is the manager's own business", {
                "AddRef", "After", "Before", "BindsTo", "CollectMode", "Conflicts", "Controller",
                "DefaultDependencies", "DelegateControllers", "DelegateSubgroup", "Documentation",
                "FinalKillSignal", "Group", "JobTimeoutUSec", "KillMode", "KillSignal", "Markers",
                "OnFailure", "OnSuccess", "PIDFDs", "PIDs", "PartOf", "Requires", "RestartKillSignal",
                "RuntimeMaxUSec", "RuntimeRandomizedExtraUSec", "SendSIGHUP", "SendSIGKILL", "Slice",
                "StopPropagatedFrom", "SurviveFinalKillSignal", "TimeoutStopUSec", "User", "Wants",
                "WatchdogSignal",
        }},
        {"is a key of its own and not a resource", {
                "Delegate", "Description",
        }},
        {"is for services, which systemd starts itself, and not for scopes", {
                "CPUAffinity", "CPUSchedulingPolicy", "CPUSchedulingPriority", "CoredumpReceive",
                "Environment", "ExecStart", "IOSchedulingClass", "IOSchedulingPriority", "LimitAS",
                "LimitCORE", "LimitMEMLOCK", "LimitNOFILE", "LimitNPROC", "LogExtraFields", "NUMAMask",
                "NUMAPolicy", "Nice", "OOMScoreAdjust", "Restart",
        }},
        {"is for cgroup v1: CPUWeight takes its place", {"CPUShares"}},
        {"is for cgroup v1: StartupCPUWeight takes its place", {"StartupCPUShares"}},
        {"is for cgroup v1: MemoryMax takes its place", {"MemoryLimit", "MemoryLimitScale"}},
        {"is for cgroup v1: IOAccounting takes its place", {"BlockIOAccounting"}},
        {"is for cgroup v1: IOWeight takes its place", {"BlockIOWeight"}},
        {"is for cgroup v1: StartupIOWeight takes its place", {"StartupBlockIOWeight"}},
        {"is for cgroup v1: IODeviceWeight takes its place", {"BlockIODeviceWeight"}},
        {"is for cgroup v1: IOReadBandwidthMax takes its place", {"BlockIOReadBandwidth"}},
        {"is for cgroup v1: IOWriteBandwidthMax takes its place", {"BlockIOWriteBandwidth"}},
        {"is called CPUQuotaPerSecUSec over D-Bus", {"CPUQuota"}},
        {"is called CPUQuotaPeriodUSec over D-Bus", {"CPUQuotaPeriodSec"}},
        {"is called IODeviceLatencyTargetUSec over D-Bus", {"IODeviceLatencyTargetSec"}},
        {"is called ManagedOOMMemoryPressureDurationUSec over D-Bus", {
                "ManagedOOMMemoryPressureDurationSec",
        }},
        {"is called MemoryPressureThresholdUSec over D-Bus", {"MemoryPressureThresholdSec"}},
};

typedef struct Setting {
        const ResourceProperty *property;
        GVariant *value;
} Setting;

struct Resources {
        GArray *settings;    /* Setting, one per limit */
};

const ResourceProperty *resource_property_nth(size_t i) {
        return i < G_N_ELEMENTS(properties) ? &properties[i] : NULL;
}

const ResourceProperty *resource_property_find(const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(properties); i++)
                if (g_str_equal(properties[i].name, name))
                        return &properties[i];
        return NULL;
}

/* Why a name that is not in the table is not. */
static int refuse_name(const char *name, sd_bus_error *error) {
        g_autofree char *quoted = text_quote(name);

        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
                if (g_strv_contains(refused[i].names, name))
                        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED, "%s %s", name,
                                refused[i].why);
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "There is no resource property %s",
                quoted);
}

static void setting_clear(Setting *setting) {
        g_variant_unref(setting->value);
}

Resources *resources_new(void) {
        Resources *resources = g_new0(Resources, 1);

        resources->settings = g_array_new(FALSE, FALSE, sizeof(Setting));
        g_array_set_clear_func(resources->settings, (GDestroyNotify) setting_clear);
        return resources;
}

Resources *resources_free(Resources *resources) {
        if (!resources)
                return NULL;
        g_array_unref(resources->settings);
        g_free(resources);
        return NULL;
}

Resources *resources_copy(const Resources *resources) {
        Resources *copy = resources_new();

        resources_merge(copy, resources);
        return copy;
}

static Setting *resources_at(const Resources *resources, size_t i) {
        return &g_array_index(resources->settings, Setting, i);
}

/* Whether two properties are one limit: a number, and a share of what the machine has. */
static bool same_limit(const ResourceProperty *a, const ResourceProperty *b) {
        size_t length = strlen(a->name);

        if (a == b)
                return true;
        if (strlen(b->name) < length)
                return same_limit(b, a);
        return strncmp(a->name, b->name, length) == 0 && g_str_equal(b->name + length, SHARE_SUFFIX);
}

static Setting *resources_find(const Resources *resources, const ResourceProperty *property) {
        for (size_t i = 0; i < resources->settings->len; i++)
                if (same_limit(resources_at(resources, i)->property, property))
                        return resources_at(resources, i);
        return NULL;
}

static int property_set(Resources *resources, const ResourceProperty *property, GVariant *value,
        ResourcesWhen when, sd_bus_error *error) {
        Setting *other = resources_find(resources, property);
        g_autofree char *problem = NULL;
        Setting setting = {property};

        if (property->creation_only && when == RESOURCES_LIVE)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED, "%s can only be given at creation",
                        property->name);
        if (!other)
                setting.value = resource_value_take(property->type, value, &problem);
        else if (other->property == property)
                problem = g_strdup("it is given twice");
        else
                problem = g_strdup_printf("%s sets the same limit", other->property->name);
        if (problem)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s", property->name, problem);

        g_array_append_val(resources->settings, setting);
        return 0;
}

int resources_set(Resources *resources, const char *name, GVariant *value, ResourcesWhen when,
        sd_bus_error *error) {
        const ResourceProperty *property = resource_property_find(name);
        g_autoptr(GVariant) owned = g_variant_ref_sink(value);

        return property ? property_set(resources, property, owned, when, error) : refuse_name(name, error);
}

int resources_set_text(Resources *resources, const char *name, const char *text, ResourcesWhen when,
        sd_bus_error *error) {
        g_autofree char *share = g_strconcat(name, SHARE_SUFFIX, NULL), *problem = NULL;
        const ResourceProperty *property = resource_property_find(name);
        g_autoptr(GVariant) value = NULL;

        if (!property)
                return refuse_name(name, error);
        if (g_str_has_suffix(text, "%") && resource_property_find(share))
                property = resource_property_find(share);
        value = resource_value_parse(property->type, text, &problem);
        if (!value)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s", property->name, problem);
        return property_set(resources, property, value, when, error);
}

int resources_new_from(GVariant *settings, ResourcesWhen when, Resources **ret, sd_bus_error *error) {
        g_autoptr(Resources) resources = resources_new();

        for (size_t i = 0; i < g_variant_n_children(settings); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(settings, i);
                g_autoptr(GVariant) name = g_variant_get_child_value(entry, 0);
                g_autoptr(GVariant) boxed = g_variant_get_child_value(entry, 1);
                g_autoptr(GVariant) value = g_variant_get_variant(boxed);
                int r = resources_set(resources, g_variant_get_string(name, NULL), value, when, error);

                if (r < 0)
                        return r;
        }
        *ret = g_steal_pointer(&resources);
        return 0;
}

void resources_merge(Resources *resources, const Resources *newer) {
        for (size_t i = 0; i < newer->settings->len; i++) {
                Setting setting = *resources_at(newer, i);
                Setting *older = resources_find(resources, setting.property);

                g_variant_ref(setting.value);
                if (older) {
                        setting_clear(older);
                        *older = setting;
                } else
                        g_array_append_val(resources->settings, setting);
        }
}

Resources *resources_merged(const Resources *older, const Resources *newer) {
        Resources *merged = older ? resources_copy(older) : resources_new();

        resources_merge(merged, newer);
        return merged;
}

/* --- the whole --- */

int resource_property_check(
        const ResourceProperty *property, const ResourcesHost *host, sd_bus_error *error) {
        if (property->since > host->systemd_version)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "%s needs systemd %u, and this is %u", property->name, property->since,
                        host->systemd_version);
        if (host->controllers && property->controller &&
                !g_strv_contains(host->controllers, property->controller))
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "%s needs '%s' control, which this systemd does not have", property->name,
                        property->controller);
        return 0;
}

/* The setting of exactly this name, which same_limit() may find under another. */
static const Setting *setting_find(const Resources *resources, const char *prefix, const char *name,
        const char *suffix) {
        g_autofree char *whole = g_strconcat(prefix, name, suffix, NULL);

        for (size_t i = 0; i < resources->settings->len; i++)
                if (g_str_equal(resources_at(resources, i)->property->name, whole))
                        return resources_at(resources, i);
        return NULL;
}

/* Bytes or a share; UINT64_MAX, which limits and protects nothing in particular, when it is not set. */
static uint64_t limit_amount(const Setting *setting) {
        if (!setting)
                return UINT64_MAX;
        return g_variant_is_of_type(setting->value, G_VARIANT_TYPE_UINT32)
                ? g_variant_get_uint32(setting->value) : g_variant_get_uint64(setting->value);
}

static int check_order(const Setting *lower, const Setting *upper, sd_bus_error *error) {
        g_autofree char *low = NULL, *high = NULL;

        if (limit_amount(lower) == UINT64_MAX || limit_amount(lower) <= limit_amount(upper))
                return 0;
        low = resource_value_print(lower->property->type, lower->value);
        high = resource_value_print(upper->property->type, upper->value);
        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s is more than %s, which is %s",
                lower->property->name, low, upper->property->name, high);
}

/* In normal times, at start-up, and as shares of the machine's memory: shares and bytes are not compared. */
static int check_memory(const Resources *resources, const char *lower, const char *upper,
        sd_bus_error *error) {
        const Setting *low = setting_find(resources, "", lower, "");
        const Setting *high = setting_find(resources, "", upper, "");
        const Setting *startup_low = setting_find(resources, STARTUP_PREFIX, lower, "");
        const Setting *startup_high = setting_find(resources, STARTUP_PREFIX, upper, "");
        int r;

        r = check_order(low, high, error);
        if (r >= 0)
                r = check_order(startup_low ? startup_low : low, startup_high ? startup_high : high, error);
        if (r >= 0)
                r = check_order(setting_find(resources, "", lower, SHARE_SUFFIX),
                        setting_find(resources, "", upper, SHARE_SUFFIX), error);
        return r;
}

int resources_check(const Resources *resources, const ResourcesHost *host, sd_bus_error *error) {
        static const char *const order[][2] = {
                {"MemoryMin", "MemoryHigh"}, {"MemoryMin", "MemoryMax"}, {"MemoryLow", "MemoryHigh"},
                {"MemoryLow", "MemoryMax"}, {"MemoryHigh", "MemoryMax"},
        };
        int r = 0;

        for (size_t i = 0; i < resources->settings->len && r >= 0; i++)
                r = resource_property_check(resources_at(resources, i)->property, host, error);
        for (size_t i = 0; i < G_N_ELEMENTS(order) && r >= 0; i++)
                r = check_memory(resources, order[i][0], order[i][1], error);
        return r;
}

/* --- reading it --- */

size_t resources_size(const Resources *resources) {
        return resources->settings->len;
}

const ResourceProperty *resources_nth(const Resources *resources, size_t i, GVariant **ret_value) {
        *ret_value = resources_at(resources, i)->value;
        return resources_at(resources, i)->property;
}

GVariant *resources_lookup(const Resources *resources, const char *name) {
        const Setting *setting = setting_find(resources, "", name, "");

        return setting ? setting->value : NULL;
}

bool resources_limits(const Resources *resources, const ResourceProperty *property) {
        return resources_find(resources, property) != NULL;
}

bool resources_equal(const Resources *a, const Resources *b) {
        if (a->settings->len != b->settings->len)
                return false;
        for (size_t i = 0; i < a->settings->len; i++) {
                const Setting *setting = resources_at(a, i);
                GVariant *other = resources_lookup(b, setting->property->name);

                if (!other || !g_variant_equal(setting->value, other))
                        return false;
        }
        return true;
}

/* systemd puts each entry of some lists in front of those before. */
static bool is_reversed(GVariant *value, GVariant *list) {
        bool entries = g_str_has_prefix(g_variant_get_type_string(value), "a(");
        size_t n = entries ? g_variant_n_children(value) : 0;
        bool reversed = n > 0 && g_variant_n_children(list) == n;

        for (size_t i = 0; i < n && reversed; i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(value, i);
                g_autoptr(GVariant) other = g_variant_get_child_value(list, n - 1 - i);

                reversed = g_variant_equal(entry, other);
        }
        return reversed;
}

Resources *resources_in_effect(const Resources *resources, GVariant *told) {
        Resources *effective = resources_copy(resources);

        for (size_t i = 0; i < effective->settings->len; i++) {
                Setting *setting = resources_at(effective, i);
                g_autoptr(GVariant) value = g_variant_lookup_value(told, setting->property->name, NULL);
                g_autoptr(GVariant) taken = NULL;
                g_autofree char *problem = NULL;

                taken = value ? resource_value_take(setting->property->type, value, &problem) : NULL;
                if (taken && !is_reversed(setting->value, taken)) {
                        g_variant_unref(setting->value);
                        setting->value = g_steal_pointer(&taken);
                }
        }
        return effective;
}

GVariant *resources_to_send(const Resources *resources, ResourcesWhen when) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(sv)"));

        for (size_t i = 0; i < resources->settings->len; i++) {
                const Setting *setting = resources_at(resources, i);
                g_autoptr(GVariant) reset = resource_value_reset(setting->property->type);

                if (setting->property->creation_only && when == RESOURCES_LIVE)
                        continue;
                if (reset)
                        g_variant_builder_add(&builder, "(sv)", setting->property->name, reset);
                if (!reset || !g_variant_equal(reset, setting->value))
                        g_variant_builder_add(&builder, "(sv)", setting->property->name, setting->value);
        }
        return g_variant_ref_sink(g_variant_builder_end(&builder));
}
