/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of OCI keys, and what their values come to. First all are read, as some mean something together
 * only; then they are translated. Nothing is passed over: what has no row is refused. */

#include <errno.h>
#include <inttypes.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "config/device-rules.h"
#include "config/oci-translate.h"
#include "config/text.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/json-guard.h"

#define NOT_WHOLE "is not a whole number"
#define NOT_BOOLEAN "is neither true nor false"

#define DEPTH_MAX 8u
#define VALUES_MAX 16384u
#define DIGITS_MAX 18u
#define NUMBER_MAX INT64_C(999999999999999999)
#define NUMBER_MIN (-NUMBER_MAX)

/* An entry of one of the lists of devices. */
typedef struct Entry {
        OciNumber allow, major, minor, weight, rate;
        const char *type, *access;
} Entry;

typedef struct Key Key;
struct Key {
        const char *object, *name;

        /* Takes the value of the key into `into`, an OciValues or an Entry, or refuses it. */
        int (*take)(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
                sd_bus_error *error);

        /* What the take functions go by. */
        size_t offset;           /* in `into` */
        int64_t min, max;
        bool boolean;            /* min and max are 0 or 1, false or true */
        const char *property;
        const char *entries;     /* the object that each entry of a list is */
};

static int refuse(sd_bus_error *error, const char *path, const char *problem) {
        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s", path, problem);
}

static int refuse_unsupported(sd_bus_error *error, const char *path, const char *problem) {
        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED, "%s: %s", path, problem);
}

/* --- reading single values --- */

static bool node_is(JsonNode *node, GType type) {
        return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}

/* There is more than one way to say some things. */
static int give(OciNumber *number, int64_t value, const char *path, sd_bus_error *error) {
        if (number->given)
                return refuse(error, path, "is given twice");
        *number = (OciNumber) {true, value};
        return 0;
}

static int take_number(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        int64_t number;

        if (!node_is(node, G_TYPE_INT64))
                return refuse(error, path, NOT_WHOLE);
        number = json_node_get_int(node);
        if (number < key->min || number > key->max)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "%s: %" PRIi64 " is not from %" PRIi64 " to %" PRIi64, path, number, key->min,
                        key->max);
        return give((OciNumber *) ((char *) into + key->offset), number, path, error);
}

static int take_bool(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        if (!node_is(node, G_TYPE_BOOLEAN))
                return refuse(error, path, NOT_BOOLEAN);
        return give((OciNumber *) ((char *) into + key->offset), json_node_get_boolean(node), path, error);
}

static int take_string(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        if (!node_is(node, G_TYPE_STRING))
                return refuse(error, path, "is not a string");
        *(const char **) ((char *) into + key->offset) = json_node_get_string(node);
        return 0;
}

/* What systemd has no property for may be given as that which happens anyway, min to max. */
static int take_default(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        int64_t number;

        if (!node_is(node, key->boolean ? G_TYPE_BOOLEAN : G_TYPE_INT64))
                return refuse(error, path, key->boolean ? NOT_BOOLEAN : NOT_WHOLE);
        number = key->boolean ? json_node_get_boolean(node) : json_node_get_int(node);
        if (number < key->min || number > key->max)
                return refuse_unsupported(error, path, "systemd has no such property");
        return 0;
}

static int take_nothing(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        if ((JSON_NODE_HOLDS_OBJECT(node) && json_object_get_size(json_node_get_object(node)) == 0) ||
                (JSON_NODE_HOLDS_ARRAY(node) && json_array_get_length(json_node_get_array(node)) == 0))
                return 0;
        return refuse_unsupported(error, path, "systemd has no such properties");
}

static int set_cpus(Oci *oci, const char *path, const char *property, const char *list,
        sd_bus_error *error) {
        g_autofree char *problem = NULL;
        g_autoptr(GVariant) cpus = resource_value_parse(RESOURCE_CPU_SET, list, &problem);

        if (!cpus)
                return refuse(error, path, problem);
        if (g_variant_n_children(cpus) == 0)
                return refuse(error, path, "is an empty list");
        return oci_set(oci, path, property, cpus, error);
}

static int take_cpus(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        const char *list;
        int r = take_string(oci, key, path, node, &list, error);

        return r < 0 || !*list ? r : set_cpus(oci, path, key->property, list, error);
}

/* --- objects and lists --- */

static int read_object(Oci *oci, const char *name, const char *path, JsonObject *object, void *into,
        sd_bus_error *error);

static int take_object(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        if (!JSON_NODE_HOLDS_OBJECT(node))
                return refuse(error, path, "is not an object");
        return read_object(oci, key->name, path, json_node_get_object(node), into, error);
}

/* Reads the i-th object of a list; *ret_path is where that is. */
static int read_entry(Oci *oci, const Key *key, const char *path, JsonArray *array, guint i, Entry *ret,
        char **ret_path, sd_bus_error *error) {
        JsonNode *node = json_array_get_element(array, i);

        *ret_path = g_strdup_printf("%s[%u]", path, i);
        *ret = (Entry) {0};
        if (!JSON_NODE_HOLDS_OBJECT(node))
                return refuse(error, *ret_path, "is not an object");
        return read_object(oci, key->entries, *ret_path, json_node_get_object(node), ret, error);
}

static int take_devices(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        g_autoptr(GVariantBuilder) list = g_variant_builder_new(G_VARIANT_TYPE("a(st)"));
        JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

        if (!array)
                return refuse(error, path, "is not a list");
        for (guint i = 0; i < json_array_get_length(array); i++) {
                g_autofree char *at = NULL, *device = NULL, *weight_at = NULL;
                uint64_t number;
                Entry entry;
                int r;

                r = read_entry(oci, key, path, array, i, &entry, &at, error);
                if (r < 0)
                        return r;
                if (!entry.major.given || !entry.minor.given || !(entry.weight.given || entry.rate.given))
                        return refuse(error, at, g_str_equal(key->entries, "throttle")
                                ? "needs major, minor and rate" : "needs major, minor and weight");
                number = (uint64_t) entry.rate.value;
                weight_at = g_strconcat(at, ".weight", NULL);
                if (entry.weight.given)
                        r = oci_io_weight(entry.weight.value, weight_at, &number, error);
                if (r < 0)
                        return r;
                device = g_strdup_printf("/dev/block/%" PRIi64 ":%" PRIi64, entry.major.value,
                        entry.minor.value);
                g_variant_builder_add(list, "(st)", device, number);
        }
        if (json_array_get_length(array) == 0)
                return 0;
        return oci_set(oci, path, key->property, g_variant_builder_end(list), error);
}

/* "rwm", of which each letter may be missing, but not all. */
static int access_of(const char *letters, DeviceAccess *ret) {
        *ret = 0;
        if (!letters || !*letters || strspn(letters, "rwm") != strlen(letters))
                return -EINVAL;
        *ret = (strchr(letters, 'r') ? DEVICE_READ : 0) | (strchr(letters, 'w') ? DEVICE_WRITE : 0) |
                (strchr(letters, 'm') ? DEVICE_MKNOD : 0);
        return 0;
}

/* In a rule for all devices runc and the kernel of old do not look at the rest, and crun does: so there must
 * be no rest. */
static int rule_of(const Entry *entry, const char *path, DeviceRule *ret, sd_bus_error *error) {
        const char *type = entry->type && *entry->type ? entry->type : "a";
        int32_t major = entry->major.given ? (int32_t) entry->major.value : DEVICE_ANY;
        int32_t minor = entry->minor.given ? (int32_t) entry->minor.value : DEVICE_ANY;

        if (!entry->allow.given)
                return refuse(error, path, "says neither allow true nor false");
        if (!g_str_equal(type, "a") && !g_str_equal(type, "b") && !g_str_equal(type, "c"))
                return refuse(error, path, "has a type that is none of 'a', 'b' and 'c'");
        *ret = (DeviceRule) {entry->allow.value, *type, major, minor, DEVICE_ALL_ACCESS};
        if (access_of(entry->access, &ret->access) < 0 && !(*type == 'a' && !entry->access))
                return refuse(error, path, "has an access that is not made of the letters r, w and m");
        if (*type == 'a' && (major != DEVICE_ANY || minor != DEVICE_ANY ||
                (entry->access && ret->access != DEVICE_ALL_ACCESS)))
                return refuse_unsupported(error, path,
                        "a rule for all devices is for every access to every one");
        return 0;
}

static int take_rules(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
        g_autoptr(DeviceRules) rules = device_rules_new();
        g_autoptr(GVariant) allow = NULL;
        g_auto(sd_bus_error) reason = SD_BUS_ERROR_NULL;
        const char *policy;
        int r = 0;

        if (!array)
                return refuse(error, path, "is not a list");
        for (guint i = 0; i < json_array_get_length(array); i++) {
                g_autofree char *at = NULL;
                DeviceRule rule;
                Entry entry;

                r = read_entry(oci, key, path, array, i, &entry, &at, error);
                if (r >= 0)
                        r = rule_of(&entry, at, &rule, error);
                if (r < 0)
                        return r;
                if (device_rules_apply(rules, &rule, &reason) < 0)
                        return sd_bus_error_setf(error, reason.name, "%s: %s", at, reason.message);
        }
        if (device_rules_result(rules, &policy, &allow, &reason) < 0)
                return sd_bus_error_setf(error, reason.name, "%s: %s", path, reason.message);
        r = oci_set(oci, path, "DevicePolicy", g_variant_new_string(policy), error);
        return r < 0 ? r : oci_set(oci, path, "DeviceAllow", allow, error);
}

/* --- the files of cgroup v2 --- */

typedef struct File File;
struct File {
        const char *name;
        int (*take)(Oci *oci, const File *file, const char *path, const char *text, sd_bus_error *error);
        const char *property;
};

static int refuse_text(sd_bus_error *error, const char *path, const char *text, const char *problem) {
        g_autofree char *quoted = text_quote(text);

        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s %s", path, quoted, problem);
}

/* "max" is infinity. */
static bool number_or_max(const char *text, uint64_t *ret) {
        *ret = UINT64_MAX;
        return g_str_equal(text, "max") || g_ascii_string_to_unsigned(text, 10, 0, NUMBER_MAX, ret, NULL);
}

static int file_limit(Oci *oci, const File *file, const char *path, const char *text, sd_bus_error *error) {
        uint64_t number;

        if (!number_or_max(text, &number))
                return refuse_text(error, path, text, "is neither a number nor 'max'");
        return oci_set_number(oci, path, file->property, number, error);
}

/* systemd has no limit of 0 tasks. */
static int file_tasks(Oci *oci, const File *file, const char *path, const char *text, sd_bus_error *error) {
        return file_limit(oci, file, path, g_str_equal(text, "0") ? "1" : text, error);
}

static int file_cpus(Oci *oci, const File *file, const char *path, const char *text, sd_bus_error *error) {
        return set_cpus(oci, path, file->property, text, error);
}

static int file_weight(Oci *oci, const File *file, const char *path, const char *text, sd_bus_error *error) {
        int64_t weight;

        if (!g_ascii_string_to_signed(text, 10, 1, 10000, &weight, NULL))
                return refuse_text(error, path, text, "is not a number from 1 to 10000");
        return give(&oci->values.weight, weight, path, error);
}

static int file_idle(Oci *oci, const File *file, const char *path, const char *text, sd_bus_error *error) {
        bool idle = g_str_equal(text, "1");

        if (!idle && !g_str_equal(text, "0"))
                return refuse_text(error, path, text, "is neither 0 nor 1");
        return give(&oci->values.idle, idle, path, error);
}

static int file_oom_group(Oci *oci, const File *file, const char *path, const char *text,
        sd_bus_error *error) {
        bool group = g_str_equal(text, "1");

        if (!group && !g_str_equal(text, "0"))
                return refuse_text(error, path, text, "is neither 0 nor 1");
        return oci_set(oci, path, file->property, g_variant_new_string(group ? "kill" : "continue"), error);
}

/* "max", "50000" or "50000 100000": a quota, and the period that it is for. */
static int file_quota(Oci *oci, const File *file, const char *path, const char *text, sd_bus_error *error) {
        g_auto(GStrv) words = g_strsplit(text, " ", 2);
        int64_t quota = -1, period = OCI_PERIOD_DEFAULT;
        int r;

        if (!words[0] || (!g_str_equal(words[0], "max") &&
                !g_ascii_string_to_signed(words[0], 10, 1, OCI_QUOTA_MAX, &quota, NULL)))
                return refuse_text(error, path, text, "does not begin with a number or 'max'");
        if (words[1] && !g_ascii_string_to_signed(g_strstrip(words[1]), 10, 1, NUMBER_MAX, &period, NULL))
                return refuse_text(error, path, text, "does not end with a number");
        r = oci_set_number(oci, path, "CPUQuotaPeriodUSec", (uint64_t) period, error);
        return r < 0 ? r : oci_set_quota(oci, path, quota, period, error);
}

static const File files[] = {
        {"cpu.idle", file_idle},
        {"cpu.max", file_quota},
        {"cpu.weight", file_weight},
        {"cpuset.cpus", file_cpus, "AllowedCPUs"},
        {"cpuset.mems", file_cpus, "AllowedMemoryNodes"},
        {"memory.high", file_limit, "MemoryHigh"},
        {"memory.low", file_limit, "MemoryLow"},
        {"memory.max", file_limit, "MemoryMax"},
        {"memory.min", file_limit, "MemoryMin"},
        {"memory.oom.group", file_oom_group, "OOMPolicy"},
        {"memory.swap.max", file_limit, "MemorySwapMax"},
        {"pids.max", file_tasks, "TasksMax"},
};

static const File *file_find(const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
                if (g_str_equal(files[i].name, name))
                        return &files[i];
        return NULL;
}

static int take_file(Oci *oci, const char *name, JsonNode *node, sd_bus_error *error) {
        g_autofree char *path = g_strconcat("unified.", name, NULL), *quoted = text_quote(name);
        const File *file = file_find(name);
        g_autofree char *text = NULL;

        if (!file)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "unified: systemd has no property for %s", quoted);
        if (!node_is(node, G_TYPE_STRING))
                return refuse(error, path, "is not a string");
        text = g_strstrip(g_strdup(json_node_get_string(node)));
        return file->take(oci, file, path, text, error);
}

static int take_unified(Oci *oci, const Key *key, const char *path, JsonNode *node, void *into,
        sd_bus_error *error) {
        JsonObjectIter iter;
        const char *name;
        JsonNode *value;
        int r = 0;

        if (!JSON_NODE_HOLDS_OBJECT(node))
                return refuse(error, path, "is not an object");
        json_object_iter_init_ordered(&iter, json_node_get_object(node));
        while (r >= 0 && json_object_iter_next_ordered(&iter, &name, &value))
                r = take_file(oci, name, value, error);
        return r;
}

/* --- the whole --- */

#define VALUE(field) offsetof(OciValues, field)
#define ENTRY(field) offsetof(Entry, field)

static const Key keys[] = {
        {"", "memory", take_object},
        {"memory", "limit", take_number, VALUE(limit), -1, NUMBER_MAX},
        {"memory", "reservation", take_number, VALUE(reservation), -1, NUMBER_MAX},
        {"memory", "swap", take_number, VALUE(swap), -1, NUMBER_MAX},
        {"memory", "checkBeforeUpdate", take_bool, VALUE(check_usage)},
        {"memory", "kernel", take_default, .min = -1, .max = 0},
        {"memory", "kernelTCP", take_default, .min = -1, .max = 0},
        {"memory", "swappiness", take_default, .min = 1, .max = 0},
        {"memory", "disableOOMKiller", take_default, .boolean = true},
        {"memory", "useHierarchy", take_default, .min = 1, .max = 1, .boolean = true},

        {"", "cpu", take_object},
        {"cpu", "shares", take_number, VALUE(shares), 0, NUMBER_MAX},
        {"cpu", "idle", take_number, VALUE(idle), 0, 1},
        {"cpu", "quota", take_number, VALUE(quota), NUMBER_MIN, OCI_QUOTA_MAX},
        {"cpu", "period", take_number, VALUE(period), 0, NUMBER_MAX},
        {"cpu", "cpus", take_cpus, .property = "AllowedCPUs"},
        {"cpu", "mems", take_cpus, .property = "AllowedMemoryNodes"},
        {"cpu", "burst", take_default},
        {"cpu", "realtimeRuntime", take_default},
        {"cpu", "realtimePeriod", take_default},

        {"", "pids", take_object},
        {"pids", "limit", take_number, VALUE(tasks), NUMBER_MIN, NUMBER_MAX},

        {"", "blockIO", take_object},
        {"blockIO", "weight", take_number, VALUE(io_weight), 0, UINT16_MAX},
        {"blockIO", "leafWeight", take_default},
        {"blockIO", "weightDevice", take_devices, .property = "IODeviceWeight", .entries = "weightDevice"},
        {"blockIO", "throttleReadBpsDevice", take_devices, .property = "IOReadBandwidthMax",
                .entries = "throttle"},
        {"blockIO", "throttleWriteBpsDevice", take_devices, .property = "IOWriteBandwidthMax",
                .entries = "throttle"},
        {"blockIO", "throttleReadIOPSDevice", take_devices, .property = "IOReadIOPSMax",
                .entries = "throttle"},
        {"blockIO", "throttleWriteIOPSDevice", take_devices, .property = "IOWriteIOPSMax",
                .entries = "throttle"},
        {"weightDevice", "major", take_number, ENTRY(major), 0, DEVICE_MAJOR_MAX},
        {"weightDevice", "minor", take_number, ENTRY(minor), 0, DEVICE_MINOR_MAX},
        {"weightDevice", "weight", take_number, ENTRY(weight), 0, UINT16_MAX},
        {"weightDevice", "leafWeight", take_default},
        {"throttle", "major", take_number, ENTRY(major), 0, DEVICE_MAJOR_MAX},
        {"throttle", "minor", take_number, ENTRY(minor), 0, DEVICE_MINOR_MAX},
        {"throttle", "rate", take_number, ENTRY(rate), 1, NUMBER_MAX},

        {"", "devices", take_rules, .entries = "rule"},
        {"rule", "allow", take_bool, ENTRY(allow)},
        {"rule", "type", take_string, ENTRY(type)},
        {"rule", "major", take_number, ENTRY(major), DEVICE_ANY, DEVICE_MAJOR_MAX},
        {"rule", "minor", take_number, ENTRY(minor), DEVICE_ANY, DEVICE_MINOR_MAX},
        {"rule", "access", take_string, ENTRY(access)},

        {"", "unified", take_unified},
        {"", "hugepageLimits", take_nothing},
        {"", "network", take_nothing},
        {"", "rdma", take_nothing},
};

static const Key *key_find(const char *object, const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
                if (g_str_equal(keys[i].object, object) && g_str_equal(keys[i].name, name))
                        return &keys[i];
        return NULL;
}

static int refuse_key(sd_bus_error *error, const char *path, const char *name) {
        g_autofree char *quoted = text_quote(name);

        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: there is no key %s",
                *path ? path : "OCI resources", quoted);
}

/* Takes all members of an object whose keys the table has under this name. */
static int read_object(Oci *oci, const char *name, const char *path, JsonObject *object, void *into,
        sd_bus_error *error) {
        JsonObjectIter iter;
        const char *member;
        JsonNode *node;
        int r = 0;

        json_object_iter_init_ordered(&iter, object);
        while (r >= 0 && json_object_iter_next_ordered(&iter, &member, &node)) {
                g_autofree char *at = g_strconcat(path, *path ? "." : "", member, NULL);
                const Key *key = key_find(name, member);

                if (!key)
                        r = refuse_key(error, path, member);
                else if (!JSON_NODE_HOLDS_NULL(node))
                        r = key->take(oci, key, at, node, into, error);
        }
        return r;
}

static int parse_json(const char *json, JsonNode **ret, sd_bus_error *error) {
        static const JsonLimits limits = {DEPTH_MAX, VALUES_MAX, DIGITS_MAX};
        g_autoptr(JsonParser) parser = json_parser_new_immutable();
        g_autoptr(GError) reason = NULL;
        g_autofree char *quoted = NULL;
        size_t size = strlen(json);

        if (size > OCI_BYTES_MAX)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "OCI resources: %zu bytes are more than %u", size, OCI_BYTES_MAX);
        if (!json_is_one_object(json, size, &limits))
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "OCI resources: not a JSON object, or one of more than %u levels, %u values or "
                        "%u digits", DEPTH_MAX, VALUES_MAX, DIGITS_MAX);
        if (!json_parser_load_from_data(parser, json, (gssize) size, &reason)) {
                quoted = text_quote(reason->message);
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "OCI resources: the JSON is wrong: %s", quoted);
        }
        *ret = json_parser_steal_root(parser);
        return 0;
}

int oci_resources_parse(const char *json, const Resources *current, ResourcesWhen when, OciResources **ret,
        sd_bus_error *error) {
        g_autoptr(OciResources) result = g_new0(OciResources, 1);
        Oci oci = {.result = result, .current = current, .when = when};
        g_autoptr(JsonNode) root = NULL;
        int r;

        result->resources = resources_new();
        result->warnings = g_ptr_array_new_with_free_func(g_free);
        r = parse_json(json, &root, error);
        if (r >= 0)
                r = read_object(&oci, "", "", json_node_get_object(root), &oci.values, error);
        if (r >= 0)
                r = oci_translate(&oci, error);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&result);
        return 0;
}

OciResources *oci_resources_free(OciResources *oci) {
        if (!oci)
                return NULL;
        resources_free(oci->resources);
        g_ptr_array_unref(oci->warnings);
        g_free(oci);
        return NULL;
}
