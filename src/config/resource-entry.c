/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The entries of those resource values that are lists: devices, networks, ports, interfaces, programs.
 * Whether there is such a device, interface or program is not asked here. */

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "config/resource-form.h"
#include "config/text.h"

/* systemd writes these into unit files, where blanks, quotes, '\' and '%' mean something; ';' separates our
 * own. */
static const char *word_problem(const char *word) {
        if (strpbrk(word, " \t\"'\\%;"))
                return "contains a blank, a quote, '\\', '%' or ';'";
        return label_problem(word);
}

static const char *plain_path_problem(const char *path) {
        const char *problem = path_problem(path);

        return problem ? problem : word_problem(path);
}

/* "/dev/sda 10M" -> both words; NULL: there are not two, or one where the second may be missing. */
static char **split_two(const char *text, bool second_optional) {
        g_autofree char *copy = g_strdelimit(g_strdup(text), "\t", ' ');
        char **words = g_strsplit(copy, " ", 2);
        size_t n = g_strv_length(words);

        if (n == 2)
                g_strstrip(words[1]);
        if ((n == 2 && *words[1]) || (n == 1 && second_optional))
                return words;
        g_strfreev(words);
        return NULL;
}

/* --- devices with a number --- */

GVariant *device_number_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        g_autofree char *problem = NULL, *number_is = NULL;
        const char *path, *path_is;
        uint64_t number;

        g_variant_get(value, "(&st)", &path, &number);
        path_is = plain_path_problem(path);
        problem = number_problem(form, number);
        if (!path_is && !problem)
                return g_variant_ref(value);
        number_is = g_strconcat("has a number that is wrong: ", problem, NULL);
        *ret_problem = complain_about(path, path_is ? path_is : number_is);
        return NULL;
}

GVariant *device_number_parse(const ResourceForm *form, const char *text) {
        g_auto(GStrv) words = split_two(text, false);
        uint64_t number;

        if (!words || !number_parse(form, words[1], &number))
                return NULL;
        return g_variant_new("(st)", words[0], number);
}

void device_number_print(const ResourceForm *form, GVariant *value, GString *text) {
        const char *path;
        uint64_t number;

        g_variant_get(value, "(&st)", &path, &number);
        g_string_append_printf(text, "%s ", path);
        number_print(form, number, text);
}

/* --- devices and what they may be used for --- */

static const char *node_problem(const char *node) {
        if (g_str_has_prefix(node, "char-") || g_str_has_prefix(node, "block-"))
                return strchr(node, '-')[1] ? word_problem(node) : "names no group of devices";
        if (!g_str_has_prefix(node, "/dev/"))
                return "is neither below /dev nor 'char-GROUP' nor 'block-GROUP'";
        return plain_path_problem(node);
}

GVariant *device_access_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        const char *node, *access, *problem;
        char letters[4], *p = letters;

        g_variant_get(value, "(&s&s)", &node, &access);
        problem = node_problem(node);
        if (problem) {
                *ret_problem = complain_about(node, problem);
                return NULL;
        }
        if (strspn(access, "rwm") != strlen(access)) {
                *ret_problem = complain_about(access, "is not made of the letters r, w and m");
                return NULL;
        }
        for (const char *letter = "rwm"; *letter; letter++)
                if (!*access || strchr(access, *letter))
                        *p++ = *letter;
        *p = '\0';
        return g_variant_ref_sink(g_variant_new("(ss)", node, letters));
}

GVariant *device_access_parse(const ResourceForm *form, const char *text) {
        g_auto(GStrv) words = split_two(text, true);

        return words ? g_variant_new("(ss)", words[0], words[1] ? words[1] : "") : NULL;
}

void device_access_print(const ResourceForm *form, GVariant *value, GString *text) {
        const char *node, *access;

        g_variant_get(value, "(&s&s)", &node, &access);
        g_string_append_printf(text, "%s %s", node, access);
}

/* --- networks --- */

#define INET_BYTES sizeof(struct in_addr)
#define INET6_BYTES sizeof(struct in6_addr)

static char *family_problem(int32_t family) {
        return g_strdup_printf("address family %" PRIi32 " is neither IPv4 nor IPv6", family);
}

const char *address_word_meaning(const char *word) {
        static const char *const meanings[][2] = {
                {"any", "0.0.0.0/0 ::/0"},
                {"localhost", "127.0.0.0/8 ::1"},
                {"link-local", "169.254.0.0/16 fe80::/64"},
                {"multicast", "224.0.0.0/4 ff00::/8"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
                if (g_str_equal(meanings[i][0], word))
                        return meanings[i][1];
        return NULL;
}

GVariant *address_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        g_autoptr(GVariant) address = NULL;
        size_t size, wanted;
        uint32_t prefix;
        int32_t family;

        g_variant_get(value, "(i@ayu)", &family, &address, &prefix);
        size = g_variant_get_size(address);
        wanted = family == AF_INET ? INET_BYTES : INET6_BYTES;
        if (family != AF_INET && family != AF_INET6)
                *ret_problem = family_problem(family);
        else if (size != wanted)
                *ret_problem = g_strdup_printf("an address has %zu bytes instead of %zu", size, wanted);
        else if (prefix > 8 * wanted)
                *ret_problem = g_strdup_printf("prefix length %" PRIu32 " is more than %zu", prefix,
                        8 * wanted);
        else
                return g_variant_ref(value);
        return NULL;
}

GVariant *address_parse(const ResourceForm *form, const char *text) {
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        size_t size = family == AF_INET ? INET_BYTES : INET6_BYTES;
        g_auto(GStrv) parts = g_strsplit(text, "/", 2);
        uint64_t prefix = 8 * size;
        uint8_t bytes[INET6_BYTES];

        if (inet_pton(family, parts[0], bytes) != 1)
                return NULL;
        if (parts[1] && (quantity_parse(parts[1], QUANTITY_COUNT, &prefix) < 0 || prefix > 8 * size))
                return NULL;
        return g_variant_new("(i@ayu)", family,
                g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, size, 1), (uint32_t) prefix);
}

void address_print(const ResourceForm *form, GVariant *value, GString *text) {
        g_autoptr(GVariant) address = NULL;
        char printed[INET6_ADDRSTRLEN];
        uint32_t prefix;
        int32_t family;

        g_variant_get(value, "(i@ayu)", &family, &address, &prefix);
        (void) inet_ntop(family, g_variant_get_data(address), printed, sizeof(printed));
        g_string_append_printf(text, "%s/%" PRIu32, printed, prefix);
}

/* --- ports --- */

typedef struct Name {
        const char *name;
        int32_t number;
} Name;

static const Name port_families[] = {{"ipv4", AF_INET}, {"ipv6", AF_INET6}, {NULL, AF_UNSPEC}};
static const Name port_protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {NULL, 0}};

/* The entry of a number; the last, which has no name, when there is none. */
static const Name *name_of(const Name *names, int32_t number) {
        while (names->name && names->number != number)
                names++;
        return names;
}

static const Name *name_find(const Name *names, const char *name) {
        while (names->name && !g_str_equal(names->name, name))
                names++;
        return names;
}

GVariant *ports_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        int32_t family, protocol;
        uint16_t n, first;

        g_variant_get(value, "(iiqq)", &family, &protocol, &n, &first);
        if (name_of(port_families, family)->number != family)
                *ret_problem = family_problem(family);
        else if (name_of(port_protocols, protocol)->number != protocol)
                *ret_problem = g_strdup_printf("protocol %" PRIi32 " is neither TCP nor UDP", protocol);
        else if ((n == 0) != (first == 0) || first + n > 65536)
                *ret_problem = g_strdup_printf("%u ports from port %u are no range", n, first);
        else
                return g_variant_ref(value);
        return NULL;
}

/* "443", "8000-8080"; "any" is 0 ports from port 0. */
static bool port_range_parse(const char *text, uint16_t *ret_n, uint16_t *ret_first) {
        g_auto(GStrv) ends = g_strsplit(text, "-", 2);
        uint64_t first, last;

        if (g_str_equal(text, "any")) {
                *ret_n = *ret_first = 0;
                return true;
        }
        if (!*text || quantity_parse(ends[0], QUANTITY_COUNT, &first) < 0 ||
                quantity_parse(ends[1] ? ends[1] : ends[0], QUANTITY_COUNT, &last) < 0 ||
                first == 0 || first > last || last > 65535)
                return false;
        *ret_n = (uint16_t) (last - first + 1);
        *ret_first = (uint16_t) first;
        return true;
}

GVariant *ports_parse(const ResourceForm *form, const char *text) {
        g_auto(GStrv) parts = g_strsplit(text, ":", 0);
        const Name *family, *protocol;
        char **part = parts;
        uint16_t n, first;

        if (!*part)
                return NULL;
        family = name_find(port_families, *part);
        part += family->name && part[1];
        protocol = name_find(port_protocols, *part);
        part += protocol->name && part[1];
        if (part[1] || !port_range_parse(*part, &n, &first))
                return NULL;
        return g_variant_new("(iiqq)", family->number, protocol->number, n, first);
}

void ports_print(const ResourceForm *form, GVariant *value, GString *text) {
        const Name *family, *protocol;
        int32_t numbers[2];
        uint16_t n, first;

        g_variant_get(value, "(iiqq)", &numbers[0], &numbers[1], &n, &first);
        family = name_of(port_families, numbers[0]);
        protocol = name_of(port_protocols, numbers[1]);
        if (family->name)
                g_string_append_printf(text, "%s:", family->name);
        if (protocol->name)
                g_string_append_printf(text, "%s:", protocol->name);
        if (n == 0)
                g_string_append(text, "any");
        else
                g_string_append_printf(text, "%u", first);
        if (n > 1)
                g_string_append_printf(text, "-%u", first + n - 1u);
}

/* --- network interfaces: a list of those allowed, or of those denied --- */

static const char *interface_problem(const char *name) {
        size_t length = strlen(name);

        if (length == 0 || length >= IFNAMSIZ || strspn(name, G_CSET_DIGITS) == length ||
                g_str_equal(name, ".") || g_str_equal(name, "..") || g_str_equal(name, "all") ||
                g_str_equal(name, "default"))
                return "is not the name of an interface";
        for (const char *p = name; *p; p++)
                if (!g_ascii_isgraph(*p) || strchr("/:%~\"'\\", *p))
                        return "is not the name of an interface";
        return NULL;
}

GVariant *interfaces_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        g_autofree const char **names = NULL;
        gboolean allowed;

        g_variant_get(value, "(b^a&s)", &allowed, &names);
        for (const char **name = names; *name; name++) {
                const char *problem = interface_problem(*name);

                if (problem) {
                        *ret_problem = complain_about(*name, problem);
                        return NULL;
                }
        }
        /* Nobody listed is nobody restricted, whatever the list is called. */
        return g_variant_ref_sink(g_variant_new("(b^as)", allowed && *names, names));
}

GVariant *interfaces_parse(const ResourceForm *form, const char *text) {
        g_autoptr(GStrvBuilder) names = g_strv_builder_new();
        g_auto(GStrv) words = NULL, found = NULL;
        bool denied = *text == '~';

        words = g_strsplit_set(denied ? text + 1 : text, " \t", 0);
        for (char **word = words; *word; word++)
                if (**word)
                        g_strv_builder_add(names, *word);
        found = g_strv_builder_end(names);
        return g_variant_new("(b^as)", !denied, found);
}

void interfaces_print(const ResourceForm *form, GVariant *value, GString *text) {
        g_autofree const char **names = NULL;
        g_autofree char *joined = NULL;
        gboolean allowed;

        g_variant_get(value, "(b^a&s)", &allowed, &names);
        joined = g_strjoinv(" ", (char **) names);
        g_string_append_printf(text, "%s%s", allowed || !*joined ? "" : "~", joined);
}

/* --- paths and programs --- */

GVariant *path_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        const char *path = g_variant_get_string(value, NULL), *problem = plain_path_problem(path);

        if (!problem)
                return g_variant_ref(value);
        *ret_problem = complain_about(path, problem);
        return NULL;
}

GVariant *path_parse(const ResourceForm *form, const char *text) {
        return g_variant_new_string(text);
}

void path_print(const ResourceForm *form, GVariant *value, GString *text) {
        g_string_append(text, g_variant_get_string(value, NULL));
}

GVariant *program_take(const ResourceForm *form, GVariant *value, char **ret_problem) {
        const char *hook, *path, *problem;

        g_variant_get(value, "(&s&s)", &hook, &path);
        problem = plain_path_problem(path);
        if (!form_has_word(form, hook))
                *ret_problem = complain_about(hook, "is not where a program is attached");
        else if (problem)
                *ret_problem = complain_about(path, problem);
        else
                return g_variant_ref(value);
        return NULL;
}

GVariant *program_parse(const ResourceForm *form, const char *text) {
        g_auto(GStrv) parts = g_strsplit(text, ":", 2);

        return g_strv_length(parts) == 2 ? g_variant_new("(ss)", parts[0], parts[1]) : NULL;
}

void program_print(const ResourceForm *form, GVariant *value, GString *text) {
        const char *hook, *path;

        g_variant_get(value, "(&s&s)", &hook, &path);
        g_string_append_printf(text, "%s:%s", hook, path);
}
