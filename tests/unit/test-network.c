/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Networks as they are asked for: what each key takes, what it refuses and in which words, that what was
 * taken comes out again, and the MAC that is made. */

#include "assert-error.h"
#include "config/network.h"
#include "util/auto.h"
#include "util/errors.h"

/* text: of an a{sv}, as g_variant_parse() has it. */
static int network_new(const char *text, NetworkConfig **ret, sd_bus_error *error) {
        g_autoptr(GVariant) settings = g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);

        g_assert_nonnull(settings);
        return network_config_new(settings, "network", ret, error);
}

static void assert_prints(const NetworkConfig *network, const char *expected) {
        g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
        g_autoptr(GVariant) settings = NULL;
        g_autofree char *text = NULL;

        network_config_append(network, &builder);
        settings = g_variant_ref_sink(g_variant_builder_end(&builder));
        text = g_variant_print(settings, FALSE);
        g_assert_cmpstr(text, ==, expected);
}

static void test_taken(void) {
        g_autoptr(NetworkConfig) whole = NULL, user = NULL;

        g_assert_cmpint(network_new("{'Name': <'lan'>, 'Bridge': <'br0'>, 'Address': <'192.0.2.7/24'>, "
                                    "'MAC': <'52:54:00:AB:cd:01'>, 'Script': <'vif-nat.sh'>, "
                                    "'InterfaceName': <'vm-lan_0.1'>, 'Backend': <uint32 0>}",
                                &whole, NULL), ==, 0);
        g_assert_cmpint(whole->mode, ==, NETWORK_TAP);
        assert_prints(whole, "{'Name': <'lan'>, 'Mode': <'tap'>, 'Bridge': <'br0'>, 'Address': "
                             "<'192.0.2.7/24'>, 'MAC': <'52:54:00:ab:cd:01'>, 'Script': <'vif-nat.sh'>, "
                             "'InterfaceName': <'vm-lan_0.1'>, 'Backend': <uint32 0>}");
        g_assert_cmpint(network_new("{'Name': <'a'>, 'Mode': <'user'>, 'MAC': <'00:00:00:00:00:01'>}", &user,
                                NULL), ==, 0);
        assert_prints(user, "{'Name': <'a'>, 'Mode': <'user'>, 'MAC': <'00:00:00:00:00:01'>, 'Backend': "
                            "<uint32 0>}");
}

static void test_addresses(void) {
        static const char *const good[] = {"10.0.0.1", "10.0.0.1/0", "10.0.0.1/32", "::1", "fe80::1/64",
                "2001:db8::/128"};
        static const struct {
                const char *address, *problem;
        } bad[] = {
                {"", "is not an IP address"}, {"10.0.0", "is not an IP address"},
                {"10.0.0.256", "is not an IP address"}, {"host", "is not an IP address"},
                {"10.0.0.1 ", "is not an IP address"}, {"10.0.0.1;id", "is not an IP address"},
                {"10.0.0.1/33", "has no such length of a network"},
                {"10.0.0.1/", "has no such length of a network"},
                {"10.0.0.1/+1", "has no such length of a network"},
                {"::1/129", "has no such length of a network"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
                g_autofree char *text = g_strdup_printf("{'Bridge': <'b'>, 'Address': <'%s'>}", good[i]);
                g_autoptr(NetworkConfig) network = NULL;

                g_assert_cmpint(network_new(text, &network, NULL), ==, 0);
                g_assert_cmpstr(network->address, ==, good[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autofree char *text = g_strdup_printf("{'Bridge': <'b'>, 'Address': <'%s'>}",
                        bad[i].address);
                g_autofree char *message = g_strdup_printf("network: Address: '%s' %s", bad[i].address,
                        bad[i].problem);
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                NetworkConfig *network;

                assert_refused(
                        network_new(text, &network, &error), &error, VMM_ERROR_INVALID_CONFIG, message);
        }
}

#define NO_MAC "is not six pairs of hexadecimal digits and ':'"
#define NO_LETTERS "is not made of letters, digits, '-', '_' and '.'"
#define NO_SCRIPT "is not the name of a file in /etc/vmmanager/scripts"

static void test_refused(void) {
        static const struct {
                const char *settings, *message;
        } table[] = {
                {"{}", "network: Bridge: a network needs one, or a Script, or the mode 'user'"},
                {"{'Mode': <'tap'>}",
                        "network: Bridge: a network needs one, or a Script, or the mode 'user'"},
                {"{'Mode': <'nat'>}", "network: Mode: 'nat' is not one of tap, user"},
                {"{'Mode': <'user'>, 'Bridge': <'b'>}",
                        "network: Bridge: it goes with an interface of the host, and mode 'user' has none"},
                {"{'Mode': <'user'>, 'Script': <'b'>}",
                        "network: Script: it goes with an interface of the host, and mode 'user' has none"},
                {"{'Mode': <'user'>, 'Address': <'::1'>}",
                        "network: Address: it goes with an interface of the host, and mode 'user' has none"},
                {"{'Mode': <'user'>, 'InterfaceName': <'a'>}",
                        "network: InterfaceName: it goes with an interface of the host, and mode 'user' has "
                        "none"},
                {"{'Bridge': <''>}", "network: Bridge: '' is empty"},
                {"{'Bridge': <'1234567890123456'>}",
                        "network: Bridge: '1234567890123456' is longer than 15 bytes"},
                {"{'Bridge': <'../x'>}", "network: Bridge: '../x' " NO_LETTERS},
                {"{'Bridge': <'a b'>}", "network: Bridge: 'a b' " NO_LETTERS},
                {"{'Bridge': <'..'>}", "network: Bridge: '..' begins with '.' or '-'"},
                {"{'InterfaceName': <'tap%d'>}", "network: InterfaceName: 'tap%d' " NO_LETTERS},
                {"{'InterfaceName': <'a:1'>}", "network: InterfaceName: 'a:1' " NO_LETTERS},
                {"{'InterfaceName': <'a,fd=3'>}", "network: InterfaceName: 'a,fd=3' " NO_LETTERS},
                {"{'InterfaceName': <'-a'>}", "network: InterfaceName: '-a' begins with '.' or '-'"},
                {"{'InterfaceName': <'all'>}",
                        "network: InterfaceName: 'all' is a word that the kernel keeps for itself"},
                {"{'Script': <'/bin/sh'>}", "network: Script: '/bin/sh' " NO_SCRIPT},
                {"{'Script': <'../sh'>}", "network: Script: '../sh' " NO_SCRIPT},
                {"{'Script': <'.hidden'>}", "network: Script: '.hidden' " NO_SCRIPT},
                {"{'Script': <'vif bridge=x'>}", "network: Script: 'vif bridge=x' " NO_SCRIPT},
                {"{'MAC': <''>}", "network: MAC: '' " NO_MAC},
                {"{'MAC': <'52:54:00:00:00:1'>}", "network: MAC: '52:54:00:00:00:1' " NO_MAC},
                {"{'MAC': <'52-54-00-00-00-01'>}", "network: MAC: '52-54-00-00-00-01' " NO_MAC},
                {"{'MAC': <'52:54:00:00:00:0g'>}", "network: MAC: '52:54:00:00:00:0g' " NO_MAC},
                {"{'MAC': <'52:54:00:00:00:01:'>}", "network: MAC: '52:54:00:00:00:01:' " NO_MAC},
                {"{'MAC': <'01:00:5e:00:00:01'>}",
                        "network: MAC: '01:00:5e:00:00:01' is a multicast address, which no card can have"},
                {"{'MAC': <'ff:ff:ff:ff:ff:ff'>}",
                        "network: MAC: 'ff:ff:ff:ff:ff:ff' is a multicast address, which no card can have"},
                {"{'MAC': <'00:00:00:00:00:00'>}", "network: MAC: '00:00:00:00:00:00' is no address"},
                {"{'Backend': <uint32 1>}",
                        "network: Backend: 1 is not 0: only this host itself serves networks"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                NetworkConfig *network = NULL;

                assert_refused(network_new(table[i].settings, &network, &error), &error,
                        VMM_ERROR_INVALID_CONFIG, table[i].message);
                g_assert_null(network);
        }
}

static char *mac_made(const char *network, sd_id128_t uuid) {
        g_autoptr(NetworkConfig) made = NULL;

        g_assert_cmpint(network_new(network, &made, NULL), ==, 0);
        network_config_make_mac(made, uuid);
        g_assert_cmpuint(made->mac.bytes[0] & 3, ==, 2);   /* unicast, locally administered */
        return mac_address_to_string(&made->mac);
}

static void test_mac(void) {
        const sd_id128_t one = SD_ID128_MAKE(00,11,22,33,44,55,66,77,88,99,aa,bb,cc,dd,ee,ff),
                         two = SD_ID128_MAKE(00,11,22,33,44,55,66,77,88,99,aa,bb,cc,dd,ee,fe);
        g_autofree char *mac = mac_made("{'Name': <'a'>, 'Bridge': <'x'>}", one),
                        *same = mac_made("{'Name': <'a'>, 'Bridge': <'y'>}", one),
                        *other_name = mac_made("{'Name': <'b'>, 'Bridge': <'x'>}", one),
                        *other_domain = mac_made("{'Name': <'a'>, 'Bridge': <'x'>}", two),
                        *given = mac_made("{'Name': <'a'>, 'Mode': <'user'>, 'MAC': <'02:00:00:00:00:01'>}",
                                one);

        g_assert_cmpstr(mac, ==, same);
        g_assert_cmpstr(mac, !=, other_name);
        g_assert_cmpstr(mac, !=, other_domain);
        g_assert_cmpstr(given, ==, "02:00:00:00:00:01");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);
        g_test_add_func("/network/what is taken comes out again", test_taken);
        g_test_add_func("/network/addresses are those of IPv4 and IPv6", test_addresses);
        g_test_add_func("/network/what cannot be is refused by name", test_refused);
        g_test_add_func("/network/a MAC is made of the domain and the name", test_mac);
        return g_test_run();
}
