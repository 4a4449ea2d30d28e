/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of value types, and those of them that are one number or one word. A type is added by adding a
 * row; what a list's entries look like is in resource-entry.c. */

#include <inttypes.h>
#include <string.h>

#include "config/resource-form.h"
#include "config/resource-value.h"
#include "config/text.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define QUOTA_STEP_USEC (USEC_PER_SEC / 100)
#define PERMYRIAD_USEC (USEC_PER_SEC / 10000)

#define WORDS(...) ((const char *const[]) {__VA_ARGS__, NULL})

char *complain_about(const char *culprit, const char *problem) {
        g_autofree char *quoted = text_quote(culprit);
        return g_strconcat(quoted, " ", problem, NULL);
}

/* --- numbers --- */

char *number_problem(const ResourceForm *form, uint64_t number) {
        if ((number == UINT64_MAX && form->unset) || (number >= form->min && number <= form->max))
                return NULL;
        if (form->max == UINT64_MAX - 1)
                return g_strdup_printf("%" PRIu64 " is less than %" PRIu64, number, form->min);
        return g_strdup_printf("%" PRIu64 " is not from %" PRIu64 " to %" PRIu64, number, form->min,
                form->max);
}

bool number_parse(const ResourceForm *form, const char *text, uint64_t *ret) {
        if (form->unset && g_str_equal(text, form->unset))
                *ret = UINT64_MAX;
        else if (form->zero && g_str_equal(text, form->zero))
                *ret = 0;
        else
                return quantity_parse(text, form->unit, ret) >= 0;
        return true;
}

void number_print(const ResourceForm *form, uint64_t number, GString *text) {
        g_autofree char *printed = quantity_print(number, form->unit);

        g_string_append(text, number == UINT64_MAX ? form->unset : number == 0 && form->zero ? form->zero
                : printed);
}

static GVariant *uint64_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        *ret_problem = number_problem(form, g_variant_get_uint64(value));
        return *ret_problem ? NULL : g_variant_ref(value);
}

static GVariant *uint64_parse(const ResourceForm *form, const char *text) {
        uint64_t number;

        return number_parse(form, text, &number) ? g_variant_new_uint64(number) : NULL;
}

static void uint64_print(const ResourceForm *form, GVariant *value, GString *text) {
        number_print(form, g_variant_get_uint64(value), text);
}

/* --- shares, in hundredths of a percent --- */

/* "12", "12.5" or "12.34", then "%". */
static bool percent_parse(const char *text, uint64_t *ret_permyriad) {
        uint64_t whole, permyriad = 0;
        char *end;

        if (!g_ascii_isdigit(*text))
                return false;
        whole = g_ascii_strtoull(text, &end, 10);
        if (*end == '.') {
                if (!g_ascii_isdigit(*++end))
                        return false;
                permyriad = 10 * (uint64_t) g_ascii_digit_value(*end++);
                if (g_ascii_isdigit(*end))
                        permyriad += (uint64_t) g_ascii_digit_value(*end++);
        }
        if (!g_str_equal(end, "%") || __builtin_mul_overflow(whole, 100, &whole))
                return false;
        return !__builtin_add_overflow(whole, permyriad, ret_permyriad);
}

static void percent_print(uint64_t permyriad, GString *text) {
        g_string_append_printf(text, "%" PRIu64, permyriad / 100);
        if (permyriad % 10 != 0)
                g_string_append_printf(text, ".%02" PRIu64, permyriad % 100);
        else if (permyriad % 100 != 0)
                g_string_append_printf(text, ".%" PRIu64, permyriad % 100 / 10);
        g_string_append_c(text, '%');
}

/* As systemd rounds on its way to a unit file and back. */
static uint64_t share_to_permyriad(uint32_t share) {
        return (UINT64_C(10000) * share + UINT32_MAX / 2) / UINT32_MAX;
}

static GVariant *share_new(uint64_t permyriad) {
        return g_variant_new_uint32((uint32_t) ((permyriad * UINT32_MAX + 5000) / 10000));
}

static GVariant *share_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        uint64_t permyriad = share_to_permyriad(g_variant_get_uint32(value));
        g_autoptr(GString) share = g_string_new(NULL), range = g_string_new(NULL);

        if (permyriad >= form->min && permyriad <= form->max)
                return g_variant_ref_sink(share_new(permyriad));

        percent_print(permyriad, share);
        percent_print(form->min, range);
        g_string_append(range, " to ");
        percent_print(form->max, range);
        *ret_problem = g_strdup_printf("%s is not from %s", share->str, range->str);
        return NULL;
}

static GVariant *share_parse(const ResourceForm *form, const char *text) {
        uint64_t permyriad;

        return percent_parse(text, &permyriad) && permyriad <= 10000 ? share_new(permyriad) : NULL;
}

static void share_print(const ResourceForm *form, GVariant *value, GString *text) {
        percent_print(share_to_permyriad(g_variant_get_uint32(value)), text);
}

/* systemd's unit files know whole percents only, and drop the rest at its next reload. */
static GVariant *quota_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        uint64_t usec = g_variant_get_uint64(value);

        *ret_problem = number_problem(form, usec);
        if (*ret_problem)
                return NULL;
        if (usec != UINT64_MAX)
                usec = (usec + QUOTA_STEP_USEC - 1) / QUOTA_STEP_USEC * QUOTA_STEP_USEC;
        return g_variant_ref_sink(g_variant_new_uint64(usec));
}

static GVariant *quota_parse(const ResourceForm *form, const char *text) {
        uint64_t permyriad;

        if (!g_str_has_suffix(text, "%"))
                return uint64_parse(form, text);
        if (!percent_parse(text, &permyriad) || permyriad > UINT64_MAX / PERMYRIAD_USEC)
                return NULL;
        return g_variant_new_uint64(permyriad * PERMYRIAD_USEC);
}

static void quota_print(const ResourceForm *form, GVariant *value, GString *text) {
        uint64_t usec = g_variant_get_uint64(value);

        if (usec == UINT64_MAX)
                g_string_append(text, form->unset);
        else
                percent_print(usec / PERMYRIAD_USEC, text);
}

/* --- words --- */

static GVariant *bool_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        return g_variant_ref(value);
}

static GVariant *bool_parse(const ResourceForm *form, const char *text) {
        bool yes = g_str_equal(text, "yes");

        return yes || g_str_equal(text, "no") ? g_variant_new_boolean(yes) : NULL;
}

static void bool_print(const ResourceForm *form, GVariant *value, GString *text) {
        g_string_append(text, g_variant_get_boolean(value) ? "yes" : "no");
}

bool form_has_word(const ResourceForm *form, const char *word) {
        return g_strv_contains(form->words, word);
}

static GVariant *word_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        const char *word = g_variant_get_string(value, NULL);
        g_autofree char *words = g_strjoinv(", ", (char **) form->words);
        g_autofree char *choice = g_strconcat("is not one of ", words, NULL);

        if (form_has_word(form, word))
                return g_variant_ref(value);
        *ret_problem = complain_about(word, choice);
        return NULL;
}

static GVariant *word_parse(const ResourceForm *form, const char *text) {
        return g_variant_new_string(text);
}

static void word_print(const ResourceForm *form, GVariant *value, GString *text) {
        g_string_append(text, g_variant_get_string(value, NULL));
}

/* --- sets of CPUs and of memory nodes --- */

static GVariant *bitmap_new(const uint8_t *bits, size_t size) {
        while (size > 0 && bits[size - 1] == 0)
                size--;
        return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bits, size, 1);
}

static GVariant *bitmap_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        size_t size;
        const uint8_t *bits = g_variant_get_fixed_array(value, &size, 1);

        if (size <= RESOURCE_CPUS_MAX / 8)
                return g_variant_ref_sink(bitmap_new(bits, size));
        *ret_problem = g_strdup_printf("%zu bytes are more than %u", size, RESOURCE_CPUS_MAX / 8);
        return NULL;
}

/* "5" or "0-3". */
static bool range_parse(const char *text, uint8_t bits[static RESOURCE_CPUS_MAX / 8]) {
        g_auto(GStrv) ends = g_strsplit(text, "-", 2);
        uint64_t first, last;

        if (quantity_parse(ends[0], QUANTITY_COUNT, &first) < 0 ||
                quantity_parse(ends[1] ? ends[1] : ends[0], QUANTITY_COUNT, &last) < 0 ||
                first > last || last >= RESOURCE_CPUS_MAX)
                return false;
        for (; first <= last; first++)
                bits[first / 8] |= (uint8_t) (1u << first % 8);
        return true;
}

static GVariant *bitmap_parse(const ResourceForm *form, const char *text) {
        g_auto(GStrv) ranges = g_strsplit_set(text, ", \t", 0);
        uint8_t bits[RESOURCE_CPUS_MAX / 8] = {0};

        for (char **range = ranges; *range; range++)
                if (**range && !range_parse(*range, bits))
                        return NULL;
        return bitmap_new(bits, sizeof(bits));
}

static void bitmap_print(const ResourceForm *form, GVariant *value, GString *text) {
        size_t size, start = text->len;
        const uint8_t *bits = g_variant_get_fixed_array(value, &size, 1);

        for (size_t first = 0, last; first < 8 * size; first = last + 1) {
                last = first;
                if (!(bits[first / 8] & 1u << first % 8))
                        continue;
                while (last + 1 < 8 * size && bits[(last + 1) / 8] & 1u << (last + 1) % 8)
                        last++;
                g_string_append_printf(text, "%s%zu", text->len > start ? "," : "", first);
                if (last > first)
                        g_string_append_printf(text, "-%zu", last);
        }
}

/* --- the table --- */

#define FORM(noun) noun##_take, noun##_parse, noun##_print
#define SIZE "a size such as '512M', or 'infinity'"
#define TIME "a time such as '100ms'"
#define PERCENT "a percentage such as '12.5%'"
#define DEVICE_LIST .between = "; ", .named = true, .reset = "@a(st) []"

static const ResourceForm forms[_RESOURCE_TYPE_MAX] = {
        [RESOURCE_BOOL] = {"b", "'yes' or 'no'", FORM(bool)},
        [RESOURCE_BYTES] = {"t", SIZE, FORM(uint64), .unit = QUANTITY_BYTES, .max = UINT64_MAX - 1,
                .unset = "infinity"},
        [RESOURCE_LIMIT] = {"t", SIZE, FORM(uint64), .unit = QUANTITY_BYTES, .min = 1, .max = UINT64_MAX - 1,
                .unset = "infinity"},
        [RESOURCE_TASKS] = {"t", "a number, or 'infinity'", FORM(uint64), .min = 1, .max = UINT64_MAX - 1,
                .unset = "infinity"},
        [RESOURCE_WEIGHT] = {"t", "a number", FORM(uint64), .min = 1, .max = 10000, .unset = ""},
        [RESOURCE_CPU_WEIGHT] = {"t", "a number, or 'idle'", FORM(uint64), .max = 10000, .unset = "",
                .zero = "idle"},
        [RESOURCE_CPU_QUOTA] = {"t", "a share of a CPU such as '50%' or '500ms', or 'infinity'", FORM(quota),
                .unit = QUANTITY_USEC, .min = 1, .max = RESOURCE_CPUS_MAX * USEC_PER_SEC,
                .unset = "infinity"},
        [RESOURCE_CPU_PERIOD] = {"t", TIME, FORM(uint64), .unit = QUANTITY_USEC, .min = USEC_PER_SEC / 1000,
                .max = USEC_PER_SEC, .unset = ""},
        [RESOURCE_DURATION] = {"t", TIME, FORM(uint64), .unit = QUANTITY_USEC, .min = USEC_PER_SEC,
                .max = UINT64_MAX - 1, .unset = ""},
        [RESOURCE_THRESHOLD] = {"t", TIME, FORM(uint64), .unit = QUANTITY_USEC, .min = 1,
                .max = UINT64_MAX - 1, .unset = ""},
        [RESOURCE_SHARE] = {"u", PERCENT, FORM(share), .max = 10000},
        [RESOURCE_LIMIT_SHARE] = {"u", PERCENT, FORM(share), .min = 1, .max = 10000},
        [RESOURCE_TASKS_SHARE] = {"u", PERCENT, FORM(share), .min = 1, .max = 9999},
        [RESOURCE_CPU_SET] = {"ay", "a list such as '0-3,5'", FORM(bitmap)},
        [RESOURCE_CPU_PARTITION] = {"s", NULL, FORM(word), .words = WORDS("member", "root", "isolated")},
        [RESOURCE_DEVICE_POLICY] = {"s", NULL, FORM(word), .words = WORDS("auto", "closed", "strict")},
        [RESOURCE_OOM_POLICY] = {"s", NULL, FORM(word), .words = WORDS("continue", "stop", "kill")},
        [RESOURCE_OOM_MODE] = {"s", NULL, FORM(word), .words = WORDS("auto", "kill")},
        [RESOURCE_OOM_PREFERENCE] = {"s", NULL, FORM(word), .words = WORDS("none", "avoid", "omit")},
        [RESOURCE_PRESSURE_WATCH] = {"s", NULL, FORM(word), .words = WORDS("auto", "yes", "no", "skip")},
        [RESOURCE_DEVICE_WEIGHTS] = {"a(st)", "a device and a weight such as '/dev/sda 100'",
                FORM(device_number), .min = 1, .max = 10000, DEVICE_LIST},
        [RESOURCE_DEVICE_RATES] = {"a(st)", "a device and a rate such as '/dev/sda 10M'",
                FORM(device_number), .unit = QUANTITY_RATE, .min = 1, .max = UINT64_MAX - 1,
                .unset = "infinity", DEVICE_LIST},
        [RESOURCE_DEVICE_LATENCIES] = {"a(st)", "a device and a time such as '/dev/sda 25ms'",
                FORM(device_number), .unit = QUANTITY_USEC, .min = 1, .max = UINT64_MAX - 1,
                .unset = "infinity", DEVICE_LIST},
        [RESOURCE_DEVICES] = {"a(ss)", "a device and what it may be used for, such as '/dev/kvm rw'",
                FORM(device_access), .between = "; ", .named = true, .reset = "@a(ss) []"},
        [RESOURCE_ADDRESSES] = {"a(iayu)", "an address or a network such as '10.0.0.0/8'",
                FORM(address), .between = " ", .meaning = address_word_meaning, .reset = "@a(iayu) []"},
        [RESOURCE_PORTS] = {"a(iiqq)", "a range of ports such as '443' or 'ipv4:tcp:8000-8080', or 'any'",
                FORM(ports), .between = " ", .reset = "@a(iiqq) []"},
        [RESOURCE_INTERFACES] = {"(bas)", NULL, FORM(interfaces), .reset = "(false, @as [])"},
        [RESOURCE_CONTROLLERS] = {"as", NULL, FORM(word), .between = " ", .reset = "@as []",
                .words = WORDS("cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids",
                        "bpf-firewall", "bpf-devices", "bpf-foreign", "bpf-socket-bind",
                        "bpf-restrict-network-interfaces")},
        [RESOURCE_PATHS] = {"as", NULL, FORM(path), .between = " ", .reset = "@as []"},
        [RESOURCE_PROGRAMS] = {"a(ss)", "a program such as 'egress:/sys/fs/bpf/filter'", FORM(program),
                .between = " ", .reset = "@a(ss) []",
                .words = WORDS("egress", "ingress", "sock_create", "sock_ops", "device", "bind4", "bind6",
                        "connect4", "connect6", "post_bind4", "post_bind6", "sendmsg4", "sendmsg6", "sysctl",
                        "recvmsg4", "recvmsg6", "getsockopt", "setsockopt")},
};

const char *resource_type_signature(ResourceType type) {
        return forms[type].signature;
}

GVariant *resource_value_reset(ResourceType type) {
        const char *reset = forms[type].reset;

        return reset ? g_variant_ref_sink(g_variant_new_parsed(reset)) : NULL;
}

/* What no two entries of a list have in common. */
static char *entry_key(const ResourceForm *form, GVariant *entry) {
        g_autoptr(GString) text = g_string_new(NULL);
        char *name;

        if (form->named) {
                g_variant_get_child(entry, 0, "s", &name);
                return name;
        }
        form->print(form, entry, text);
        return g_strdup(text->str);
}

static GVariant *list_take(const ResourceForm *form, GVariant *list, char **ret_problem) {
        g_autoptr(GVariantBuilder) taken = g_variant_builder_new(G_VARIANT_TYPE(form->signature));
        g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        size_t n = g_variant_n_children(list);

        if (n > RESOURCE_ENTRIES_MAX) {
                *ret_problem = g_strdup_printf("%zu entries are more than %u", n, RESOURCE_ENTRIES_MAX);
                return NULL;
        }
        for (size_t i = 0; i < n; i++) {
                g_autoptr(GVariant) given = g_variant_get_child_value(list, i);
                g_autoptr(GVariant) entry = form->take(form, given, ret_problem);
                g_autofree char *key = entry ? entry_key(form, entry) : NULL;

                if (!entry)
                        return NULL;
                if (form->named && g_hash_table_contains(keys, key)) {
                        *ret_problem = complain_about(key, "is given twice");
                        return NULL;
                }
                if (g_hash_table_add(keys, g_steal_pointer(&key)))
                        g_variant_builder_add_value(taken, entry);
        }
        return g_variant_ref_sink(g_variant_builder_end(taken));
}

GVariant *resource_value_take(ResourceType type, GVariant *value, char **ret_problem) {
        const ResourceForm *form = &forms[type];

        if (g_variant_is_of_type(value, G_VARIANT_TYPE(form->signature)))
                return (form->between ? list_take : form->take)(form, value, ret_problem);
        *ret_problem = g_strdup_printf("the value has type '%s' instead of '%s'",
                g_variant_get_type_string(value), form->signature);
        return NULL;
}

static GVariant *entry_parse(const ResourceForm *form, const char *text, char **ret_problem) {
        g_autofree char *other = NULL;
        GVariant *value = form->parse(form, text);

        if (value)
                return g_variant_ref_sink(value);
        other = g_strconcat("is not ", form->example, NULL);
        *ret_problem = complain_about(text, other);
        return NULL;
}

/* The words that stand for several entries are read as what they stand for. */
static bool entries_parse(const ResourceForm *form, const char *text, GVariantBuilder *list,
        char **ret_problem) {
        g_auto(GStrv) entries = g_strsplit_set(text, *form->between == ' ' ? " \t" : ";", 0);

        for (char **entry = entries; *entry; entry++) {
                const char *word = g_strstrip(*entry), *meaning = form->meaning ? form->meaning(word) : NULL;
                g_autoptr(GVariant) value = NULL;

                if (meaning)
                        (void) entries_parse(form, meaning, list, ret_problem);
                if (meaning || !*word)
                        continue;
                value = entry_parse(form, word, ret_problem);
                if (!value)
                        return false;
                g_variant_builder_add_value(list, value);
        }
        return true;
}

GVariant *resource_value_parse(ResourceType type, const char *text, char **ret_problem) {
        const ResourceForm *form = &forms[type];
        g_autoptr(GVariantBuilder) list = NULL;

        if (!form->between)
                return entry_parse(form, text, ret_problem);
        list = g_variant_builder_new(G_VARIANT_TYPE(form->signature));
        if (!entries_parse(form, text, list, ret_problem))
                return NULL;
        return g_variant_ref_sink(g_variant_builder_end(list));
}

char *resource_value_print(ResourceType type, GVariant *value) {
        const ResourceForm *form = &forms[type];
        GString *text = g_string_new(NULL);

        if (!form->between)
                form->print(form, value, text);
        for (size_t i = 0; form->between && i < g_variant_n_children(value); i++) {
                g_autoptr(GVariant) entry = g_variant_get_child_value(value, i);

                g_string_append(text, i > 0 ? form->between : "");
                form->print(form, entry, text);
        }
        return g_string_free(text, FALSE);
}
