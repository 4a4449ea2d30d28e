/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of a network. A key is added by adding a row. */

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <string.h>

#include "config/network.h"
#include "config/text.h"
#include "util/errors.h"

static const char *const network_mode_names[_NETWORK_MODE_MAX] = {
        [NETWORK_TAP] = "tap",
        [NETWORK_USER] = "user",
};
DEFINE_ENUM_STRINGS(network_mode, NetworkMode, network_mode_names)

static bool is_word(const char *text) {
        return strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.") == strlen(text);
}

/* The kernel takes more, '%' as a pattern among it; these are what all tools agree on. */
static const char *interface_problem(const char *name) {
        if (!*name)
                return "is empty";
        if (strlen(name) >= IFNAMSIZ)
                return "is longer than 15 bytes";
        if (!is_word(name))
                return "is not made of letters, digits, '-', '_' and '.'";
        if (*name == '.' || *name == '-')
                return "begins with '.' or '-'";
        if (g_str_equal(name, "all") || g_str_equal(name, "default"))
                return "is a word that the kernel keeps for itself";
        return NULL;
}

static const char *script_problem(const char *script) {
        if (!*script)
                return "is empty";
        if (!is_word(script) || *script == '.' || *script == '-' || strlen(script) > 128)
                return "is not the name of a file in " NETWORK_SCRIPTS;
        return NULL;
}

/* An address of IPv4 or IPv6, with the length of its network or without. */
static const char *address_problem(const char *address) {
        const char *slash = strchr(address, '/');
        g_autofree char *host = slash ? g_strndup(address, (size_t) (slash - address)) : g_strdup(address);
        uint8_t bytes[16];
        bool v4 = inet_pton(AF_INET, host, bytes) > 0;

        if (!v4 && inet_pton(AF_INET6, host, bytes) <= 0)
                return "is not an IP address";
        if (slash && (!g_ascii_isdigit(slash[1]) ||
                             !g_ascii_string_to_unsigned(slash + 1, 10, 0, v4 ? 32 : 128, NULL, NULL)))
                return "has no such length of a network";
        return NULL;
}

#define DEFINE_TAKE_TEXT(noun)                                                                              \
        static char *take_##noun(GVariant *value, void *field) {                                            \
                return device_take_text(value, field, noun##_problem);                                      \
        }

DEFINE_TAKE_TEXT(interface)
DEFINE_TAKE_TEXT(script)
DEFINE_TAKE_TEXT(address)

static char *complain(const char *text, const char *problem) {
        g_autofree char *quoted = text_quote(text);
        return g_strconcat(quoted, " ", problem, NULL);
}

static char *take_mode(GVariant *value, void *field) {
        NetworkMode given = network_mode_from_string(g_variant_get_string(value, NULL));

        if ((int) given < 0)
                return complain(g_variant_get_string(value, NULL), "is not one of tap, user");
        *(NetworkMode *) field = given;
        return NULL;
}

/* A bit of the first byte tells an address of one station from that of many. Its field is the whole network.
 */
static char *take_mac(GVariant *value, void *field) {
        const char *text = g_variant_get_string(value, NULL);
        NetworkConfig *network = field;
        MacAddress mac;
        unsigned sum = 0;

        if (strlen(text) != 17)
                return complain(text, "is not six pairs of hexadecimal digits and ':'");
        for (size_t i = 0; i < 6; i++) {
                int high = g_ascii_xdigit_value(text[3 * i]), low = g_ascii_xdigit_value(text[3 * i + 1]);

                if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
                        return complain(text, "is not six pairs of hexadecimal digits and ':'");
                mac.bytes[i] = (uint8_t) (high << 4 | low);
                sum += mac.bytes[i];
        }
        if (mac.bytes[0] & 1)
                return complain(text, "is a multicast address, which no card can have");
        if (sum == 0)
                return complain(text, "is no address");
        network->mac = mac;
        network->has_mac = true;
        return NULL;
}

static char *take_backend(GVariant *value, void *field) {
        uint32_t backend = g_variant_get_uint32(value);

        if (backend != 0)
                return g_strdup_printf(
                        "%" PRIu32 " is not 0: only this host itself serves networks", backend);
        *(uint32_t *) field = backend;
        return NULL;
}

static const DeviceKey keys[] = {
        {"Name",          "s", offsetof(NetworkConfig, name),           device_take_name},
        {"Mode",          "s", offsetof(NetworkConfig, mode),           take_mode},
        {"Bridge",        "s", offsetof(NetworkConfig, bridge),         take_interface},
        {"Address",       "s", offsetof(NetworkConfig, address),        take_address},
        {"MAC",           "s", 0,                                       take_mac},
        {"Script",        "s", offsetof(NetworkConfig, script),         take_script},
        {"InterfaceName", "s", offsetof(NetworkConfig, interface_name), take_interface},
        {"Backend",       "u", offsetof(NetworkConfig, backend),        take_backend},
};

static int check_mode(const NetworkConfig *network, const char *where, sd_bus_error *error) {
        const char *stray = network->bridge           ? "Bridge"
                            : network->address        ? "Address"
                            : network->script         ? "Script"
                            : network->interface_name ? "InterfaceName"
                                                      : NULL;

        if (network->mode == NETWORK_USER && stray)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "%s: %s: it goes with an interface of the host, and mode 'user' has none", where,
                        stray);
        if (network->mode == NETWORK_TAP && !network->bridge && !network->script)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "%s: Bridge: a network needs one, or a Script, or the mode 'user'", where);
        return 0;
}

int network_config_new(GVariant *settings, const char *where, NetworkConfig **ret, sd_bus_error *error) {
        g_autoptr(NetworkConfig) network = g_new0(NetworkConfig, 1);
        int r = device_keys_take(keys, G_N_ELEMENTS(keys), settings, where, network, error);

        if (r >= 0)
                r = check_mode(network, where, error);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&network);
        return 0;
}

NetworkConfig *network_config_copy(const NetworkConfig *network) {
        NetworkConfig *copy = g_new(NetworkConfig, 1);

        *copy = *network;
        copy->name = g_strdup(network->name);
        copy->bridge = g_strdup(network->bridge);
        copy->address = g_strdup(network->address);
        copy->script = g_strdup(network->script);
        copy->interface_name = g_strdup(network->interface_name);
        return copy;
}

NetworkConfig *network_config_free(NetworkConfig *network) {
        if (!network)
                return NULL;
        g_free(network->name);
        g_free(network->bridge);
        g_free(network->address);
        g_free(network->script);
        g_free(network->interface_name);
        g_free(network);
        return NULL;
}

void network_config_make_mac(NetworkConfig *network, sd_id128_t uuid) {
        g_autoptr(GChecksum) sum = NULL;
        uint8_t digest[32];
        size_t size = sizeof digest;

        if (network->has_mac)
                return;
        sum = g_checksum_new(G_CHECKSUM_SHA256);
        g_checksum_update(sum, uuid.bytes, sizeof uuid.bytes);
        g_checksum_update(sum, (const guchar *) network->name, -1);
        g_checksum_get_digest(sum, digest, &size);
        memcpy(network->mac.bytes, digest, sizeof network->mac.bytes);
        network->mac.bytes[0] = (uint8_t) ((network->mac.bytes[0] & 0xfc) | 0x02);
        network->has_mac = true;
}

char *mac_address_to_string(const MacAddress *mac) {
        return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac->bytes[0], mac->bytes[1], mac->bytes[2],
                mac->bytes[3], mac->bytes[4], mac->bytes[5]);
}

static void append_text(GVariantBuilder *builder, const char *key, const char *text) {
        if (text)
                g_variant_builder_add(builder, "{sv}", key, g_variant_new_string(text));
}

void network_config_append(const NetworkConfig *network, GVariantBuilder *builder) {
        g_autofree char *mac = network->has_mac ? mac_address_to_string(&network->mac) : NULL;

        append_text(builder, "Name", network->name);
        append_text(builder, "Mode", network_mode_to_string(network->mode));
        append_text(builder, "Bridge", network->bridge);
        append_text(builder, "Address", network->address);
        append_text(builder, "MAC", mac);
        append_text(builder, "Script", network->script);
        append_text(builder, "InterfaceName", network->interface_name);
        g_variant_builder_add(builder, "{sv}", "Backend", g_variant_new_uint32(network->backend));
}
