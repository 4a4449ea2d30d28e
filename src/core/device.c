/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of devices: defaults, additions, removals. What changes is set by limits.c, all or nothing. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/device-rules.h"
#include "config/text.h"
#include "core/device.h"
#include "core/limits.h"
#include "core/manager.h"
#include "host/device.h"
#include "util/auto.h"
#include "util/errors.h"

#define DEVICE_LIST G_VARIANT_TYPE("a(ss)")

/* ---- Entries. ---- */

static char *number_specifier(char type, unsigned major, unsigned minor) {
        return g_strdup_printf("/dev/%s/%u:%u", type == 'c' ? "char" : "block", major, minor);
}

/* "c 10:232", as OCI and the kernel write a device. Whole groups, "c 136:*", are systemd's "char-136". */
static char *number_parse(const char *text) {
        unsigned major, minor;
        char type, end;

        if (sscanf(text, "%c %u:%u%c", &type, &major, &minor, &end) == 3 && strchr("cb", type) &&
                major <= DEVICE_MAJOR_MAX && minor <= DEVICE_MINOR_MAX)
                return number_specifier(type, major, minor);
        if (sscanf(text, "%c %u:*%c", &type, &major, &end) == 2 && strchr("cb", type) &&
                g_str_has_suffix(text, ":*") && major <= DEVICE_MAJOR_MAX)
                return g_strdup_printf("%s-%u", type == 'c' ? "char" : "block", major);
        return NULL;
}

static bool is_group(const char *specifier) {
        return g_str_has_prefix(specifier, "char-") || g_str_has_prefix(specifier, "block-");
}

static bool is_number(const char *specifier) {
        return g_str_has_prefix(specifier, "/dev/char/") || g_str_has_prefix(specifier, "/dev/block/");
}

/* What systemd is told for a node: its number if there is such a device now. Returns 0 or a negative errno.
 */
static int specifier_new(const char *node, char **ret) {
        DeviceNumber number;
        int r = is_group(node) || is_number(node) ? -EINVAL : device_lookup(node, &number);

        *ret = r < 0 ? g_strdup(node) : number_specifier(number.type, number.major, number.minor);
        return r == -EINVAL ? 0 : r;
}

char *domain_device_name(const Domain *domain, const char *specifier) {
        const char *name = g_hash_table_lookup(domain->device_names, specifier);

        if (name)
                return g_strdup(name);
        if (is_number(specifier))
                return g_strdup_printf("%c %s", specifier[strlen("/dev/")], strrchr(specifier, '/') + 1);
        return g_strdup(specifier);
}

/* ---- Lists. ---- */

/* What the device is allowed; NULL when it is not on the list. */
static const char *list_access(GVariant *list, const char *specifier) {
        const char *entry, *access;
        GVariantIter iter;

        g_variant_iter_init(&iter, list);
        while (g_variant_iter_next(&iter, "(&s&s)", &entry, &access))
                if (g_str_equal(entry, specifier))
                        return access;
        return NULL;
}

static GVariant *list_without(GVariant *list, const char *specifier) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(DEVICE_LIST);
        const char *entry, *access;
        GVariantIter iter;

        g_variant_iter_init(&iter, list);
        while (g_variant_iter_next(&iter, "(&s&s)", &entry, &access))
                if (!g_str_equal(entry, specifier))
                        g_variant_builder_add(&builder, "(ss)", entry, access);
        return g_variant_ref_sink(g_variant_builder_end(&builder));
}

/* The letters of both, in systemd's order. */
static char *access_join(const char *a, const char *b) {
        g_autoptr(GString) joined = g_string_new(NULL);

        for (const char *letter = "rwm"; *letter; letter++)
                if (strchr(a, *letter) || strchr(b, *letter))
                        g_string_append_c(joined, *letter);
        return g_strdup(joined->str);
}

static GVariant *list_new(void) {
        return g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("(ss)"), NULL, 0));
}

/* One entry per device, which keeps its place: more access joins what it has. */
static void list_add(GVariant **list, const char *specifier, const char *access) {
        g_autoptr(GVariantBuilder) builder = g_variant_builder_new(DEVICE_LIST);
        const char *entry, *before;
        bool found = false;
        GVariantIter iter;

        g_variant_iter_init(&iter, *list);
        while (g_variant_iter_next(&iter, "(&s&s)", &entry, &before)) {
                bool same = g_str_equal(entry, specifier);
                g_autofree char *joined = access_join(before, same ? access : "");

                g_variant_builder_add(builder, "(ss)", entry, joined);
                found = found || same;
        }
        if (!found) {
                g_autofree char *ordered = access_join(access, "");
                g_variant_builder_add(builder, "(ss)", specifier, ordered);
        }
        g_variant_unref(*list);
        *list = g_variant_ref_sink(g_variant_builder_end(builder));
}

/* What the domain's list is now; a new reference. */
static GVariant *list_of(const Domain *domain) {
        GVariant *list = resources_lookup(domain->config->resources, "DeviceAllow");

        return list ? g_variant_ref(list) : list_new();
}

/* The list with what is there by number, whose names are remembered; what is not there goes to `missing`,
 * and stays on the list only if it was asked for. */
static GVariant *list_resolve(Domain *domain, GVariant *list, bool keep_missing, GPtrArray *missing) {
        GVariant *resolved = list_new();
        const char *node, *access;
        GVariantIter iter;

        g_variant_iter_init(&iter, list);
        while (g_variant_iter_next(&iter, "(&s&s)", &node, &access)) {
                g_autofree char *specifier = NULL;

                if (specifier_new(node, &specifier) < 0) {
                        g_ptr_array_add(missing, g_strdup(node));
                        if (!keep_missing)
                                continue;
                } else if (!g_str_equal(node, specifier))
                        g_hash_table_insert(domain->device_names, g_strdup(specifier), g_strdup(node));
                list_add(&resolved, specifier, access);
        }
        return resolved;
}

/* With it an empty list allows everything. */
static bool policy_is_auto(const Resources *resources) {
        GVariant *policy = resources_lookup(resources, "DevicePolicy");

        return !policy || g_str_equal(g_variant_get_string(policy, NULL), "auto");
}

static bool is_open(const Resources *resources) {
        GVariant *list = resources_lookup(resources, "DeviceAllow");

        return policy_is_auto(resources) && (!list || g_variant_n_children(list) == 0);
}

static GPtrArray *texts_new(void) {
        return g_ptr_array_new_with_free_func(g_free);
}

static void resources_replace(Resources *resources, const char *name, GVariant *value) {
        g_autoptr(Resources) newer = resources_new();
        int r = resources_set(newer, name, value, RESOURCES_AT_CREATION, NULL);

        g_assert(r >= 0);   /* it was taken before, or is ours */
        resources_merge(resources, newer);
}

void device_resolve(Domain *domain, Resources *resources, GPtrArray *warnings) {
        GVariant *given = resources_lookup(resources, "DeviceAllow");
        g_autoptr(GPtrArray) missing = texts_new();
        g_autoptr(GVariant) resolved = NULL;

        if (!given)
                return;
        resolved = list_resolve(domain, given, true, missing);
        resources_replace(resources, "DeviceAllow", resolved);
        for (unsigned i = 0; i < missing->len; i++)
                g_ptr_array_add(warnings,
                        g_strdup_printf("DeviceAllow: there is no %s now", (char *) missing->pdata[i]));
}

/* A unit that asks for a filter no more may keep the one that it has: its neighbours decide. */
void device_open_up(const Domain *domain, Resources *change) {
        g_autoptr(Resources) whole = resources_merged(domain->config->resources, change);
        g_autoptr(GVariant) all = NULL;

        if (is_open(domain->config->resources) || !is_open(whole))
                return;
        all = g_variant_ref_sink(g_variant_new_parsed("[('char-*', 'rwm'), ('block-*', 'rwm')]"));
        resources_replace(change, "DeviceAllow", all);
}

void device_forget(Domain *domain) {
        g_autoptr(GVariant) list = list_of(domain);
        GHashTableIter names;
        void *specifier;

        g_hash_table_iter_init(&names, domain->device_names);
        while (g_hash_table_iter_next(&names, &specifier, NULL))
                if (!list_access(list, specifier))
                        g_hash_table_iter_remove(&names);
}

/* ---- Defaults. ---- */

/* The devices of its kind that this host has. */
static GVariant *list_of_kind(Domain *domain) {
        g_autoptr(GPtrArray) missing = texts_new();
        GVariant *list = list_resolve(
                domain, domain->manager->settings->devices[domain->config->kind], false, missing);

        if (missing->len > 0) {
                g_ptr_array_add(missing, NULL);
                g_autofree char *names = g_strjoinv(", ", (char **) missing->pdata);
                g_ptr_array_add(domain->config->warnings,
                        g_strdup_printf("Not on this host, so not allowed to the domain: %s", names));
        }
        return list;
}

void device_defaults(Domain *domain) {
        Resources *resources = domain->config->resources;
        GVariant *policy = resources_lookup(resources, "DevicePolicy");
        g_autoptr(GVariant) list = NULL, given = NULL;
        const char *specifier, *access;
        GVariantIter iter;

        device_resolve(domain, resources, domain->config->warnings);
        if (domain->manager->user_mode || domain_is_adopted(domain) ||
                (policy && g_str_equal(g_variant_get_string(policy, NULL), "auto")))
                return;
        if (!policy)
                resources_replace(resources, "DevicePolicy", g_variant_new_string("closed"));
        list = list_of_kind(domain);
        given = list_of(domain);
        g_variant_iter_init(&iter, given);
        while (g_variant_iter_next(&iter, "(&s&s)", &specifier, &access))
                list_add(&list, specifier, access);
        if (g_variant_n_children(list) > 0)
                resources_replace(resources, "DeviceAllow", list);
}

/* ---- One more, one less. ---- */

/* Whether the list can be told one by one: with the policy "auto" an empty one allows everything. */
static int check_controlled(const Domain *domain, GVariant *list, sd_bus_error *error) {
        if (domain_is_slice(domain))
                return domain_check_configurable(domain, error);

        bool open = policy_is_auto(domain->config->resources);

        if (domain->manager->user_mode)
                return sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED,
                        "Only the system's service manager can control devices, not a user's");
        if (open && g_variant_n_children(list) == 0)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "DevicePolicy of '%s' is auto, and without a list it may use every device",
                        domain->config->name);
        return 0;
}

/* What the caller calls the device, as systemd is to be told it. */
static int node_parse(const char *node, char **ret, sd_bus_error *error) {
        g_autofree char *quoted = text_quote(node);
        int r;

        *ret = number_parse(node);
        if (*ret)
                return 0;
        if (!is_group(node) && (path_problem(node) || !g_str_has_prefix(node, "/dev/")))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "node: %s is neither a path below /dev nor a number such as 'c 10:232'", quoted);
        r = specifier_new(node, ret);
        if (r >= 0)
                return 0;
        g_clear_pointer(ret, g_free);
        if (r == -ENODEV)
                return sd_bus_error_setf(
                        error, SD_BUS_ERROR_INVALID_ARGS, "node: %s is not a device", quoted);
        return sd_bus_error_setf(error, VMM_ERROR_NO_SUCH_DEVICE, "There is no device %s: %s", quoted,
                g_strerror(-r));
}

static int list_set(Domain *domain, GVariant *list, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error) {
        g_autoptr(Resources) change = resources_new();
        int r = resources_set(change, "DeviceAllow", list, RESOURCES_LIVE, error);

        return r < 0 ? r : domain_configure(domain, change, NULL, requestor, reply, userdata, error);
}

int domain_add_device(Domain *domain, const char *node, const char *access, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        g_autofree char *specifier = NULL;
        g_autoptr(GVariant) list = list_of(domain), longer = g_variant_ref(list);
        int r;

        if (!*access || strspn(access, "rwm") != strlen(access)) {
                g_autofree char *quoted = text_quote(access);
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "access: %s is not made of the letters r, w and m", quoted);
        }
        r = node_parse(node, &specifier, error);
        if (r >= 0)
                r = check_controlled(domain, list, error);
        if (r < 0)
                return r;
        list_add(&longer, specifier, access);
        if (g_variant_equal(list, longer))
                return domain_check_configurable(domain, error);
        if (*node == '/' && !g_str_equal(node, specifier) &&
                !g_hash_table_contains(domain->device_names, specifier))
                g_hash_table_insert(domain->device_names, g_strdup(specifier), g_strdup(node));
        return list_set(domain, longer, requestor, reply, userdata, error);
}

/* The entry that goes by this name; a node that is gone is found by the name that it had. */
static char *specifier_of_name(const Domain *domain, GVariant *list, const char *node) {
        const char *specifier, *access;
        GVariantIter iter;

        g_variant_iter_init(&iter, list);
        while (g_variant_iter_next(&iter, "(&s&s)", &specifier, &access)) {
                g_autofree char *name = domain_device_name(domain, specifier);
                if (g_str_equal(name, node) || g_str_equal(specifier, node))
                        return g_strdup(specifier);
        }
        return NULL;
}

int domain_remove_device(Domain *domain, const char *node, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error) {
        g_autofree char *specifier = NULL;
        g_autoptr(GVariant) list = list_of(domain), shorter = NULL;
        int r;

        r = check_controlled(domain, list, error);
        if (r < 0)
                return r;
        specifier = specifier_of_name(domain, list, node);
        r = specifier ? 0 : node_parse(node, &specifier, error);
        if (r < 0)
                return r;
        if (!list_access(list, specifier)) {
                g_autofree char *quoted = text_quote(node);
                return sd_bus_error_setf(error, VMM_ERROR_NO_SUCH_DEVICE, "'%s' was not allowed to use %s",
                        domain->config->name, quoted);
        }
        shorter = list_without(list, specifier);
        r = check_controlled(domain, shorter, error);
        return r < 0 ? r : list_set(domain, shorter, requestor, reply, userdata, error);
}
