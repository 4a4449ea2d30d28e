/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A network as it is asked for: which bridge, which address, which script. Pure values: no interface is
 * looked at. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-id128.h>

#include "config/device-config.h"
#include "util/enum.h"

/* tap: an interface of the host, on a bridge or in the hands of a script; user: QEMU itself stands between
 * the guest and the host's programs, and needs no privilege. */
typedef enum NetworkMode { NETWORK_TAP, NETWORK_USER, _NETWORK_MODE_MAX } NetworkMode;
DECLARE_ENUM_STRINGS(network_mode, NetworkMode)

typedef struct MacAddress {
        uint8_t bytes[6];
} MacAddress;

typedef struct NetworkConfig {
        char *name;             /* NULL: to be chosen */
        NetworkMode mode;
        bool has_mac;           /* else to be made by network_config_make_mac() */
        MacAddress mac;         /* the guest's */
        char *bridge;           /* NULL: none */
        char *address;          /* of the guest, for the script; NULL: not told */
        char *script;           /* a file in NETWORK_SCRIPTS; NULL: none */
        char *interface_name;   /* NULL: the kernel's choice */
        uint32_t backend;       /* who serves it, as Xen numbers domains: 0, this host */
} NetworkConfig;

/* Scripts run as root, so they are the administrator's: nobody else writes here. */
#define NETWORK_SCRIPTS "/etc/vmmanager/scripts"

/* From an a{sv}, as device_keys_take() says. mode tap needs Bridge or Script, mode user can have neither,
 * nor an Address or InterfaceName. */
int network_config_new(GVariant *settings, const char *where, NetworkConfig **ret, sd_bus_error *error);
NetworkConfig *network_config_copy(const NetworkConfig *network);
NetworkConfig *network_config_free(NetworkConfig *network);

/* Gives a network without a MAC one: locally administered, and always the same for a domain of this UUID and
 * a network of this name. */
void network_config_make_mac(NetworkConfig *network, sd_id128_t uuid);

/* "52:54:00:12:34:56"; free with g_free(). */
char *mac_address_to_string(const MacAddress *mac);

/* The same keys again, and whatever else the caller adds: into an open a{sv}. */
void network_config_append(const NetworkConfig *network, GVariantBuilder *builder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetworkConfig, network_config_free)
