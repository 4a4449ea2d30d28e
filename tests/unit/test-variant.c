/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes into a message as a GVariant comes out of it as the same. */

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "util/auto.h"
#include "util/variant.h"

static sd_bus_message *message_new(sd_bus *bus) {
        sd_bus_message *m;

        g_assert_cmpint(sd_bus_message_new_method_call(bus, &m, "a.b", "/", "a.b", "C"), >=, 0);
        return m;
}

static void test_round_trip(gconstpointer data) {
        static const char *const texts[] = {
                "true",
                "byte 0xff",
                "int16 -5",
                "uint16 65535",
                "-7",
                "uint32 7",
                "int64 -9",
                "uint64 18446744073709551615",
                "1.5",
                "'text'",
                "''",
                "objectpath '/a/b'",
                "signature 'a{sv}'",
                "<uint64 5>",
                "@a(st) []",
                "[('/dev/sda', uint64 5), ('/dev/sdb', 6)]",
                "(true, ['eth0'])",
                "[(2, [byte 10, 0, 0, 0], uint32 8)]",
                "{'A': <uint64 1>, 'B': <@as []>}",
                "[('MemoryMax', <uint64 5>), ('AllowedCPUs', <[byte 0x03]>)]",
                "<<<'deep'>>>",
                "@ay []",
        };
        sd_bus *bus = (sd_bus *) data;

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(sd_bus_message) m = message_new(bus);
                g_autoptr(GVariant) value = g_variant_parse(NULL, texts[i], NULL, NULL, NULL);
                g_autoptr(GVariant) again = NULL, more = NULL;

                g_test_message("%s", texts[i]);
                g_assert_cmpint(variant_append(m, value), >=, 0);
                g_assert_cmpint(sd_bus_message_seal(m, 1, 0), >=, 0);
                g_assert_cmpint(variant_read(m, &again), ==, 1);
                g_assert_true(g_variant_equal(value, again));
                g_assert_cmpint(variant_read(m, &more), ==, 0);
                g_assert_null(more);
        }
}

static void test_descriptors(gconstpointer data) {
        g_autoptr(sd_bus_message) m = message_new((sd_bus *) data);
        g_autoptr(GVariant) handle = g_variant_ref_sink(g_variant_new_handle(0)), read = NULL;

        g_assert_cmpint(variant_append(m, handle), ==, -EOPNOTSUPP);
        g_assert_cmpint(sd_bus_message_append(m, "h", 0), >=, 0);
        g_assert_cmpint(sd_bus_message_seal(m, 1, 0), >=, 0);
        g_assert_cmpint(variant_read(m, &read), ==, -EOPNOTSUPP);
}

int main(int argc, char *argv[]) {
        g_autoptr(sd_bus) bus = NULL;

        g_test_init(&argc, &argv, NULL);
        /* Messages belong to a connection; nobody needs to be at its other end. */
        int fds[2];
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
        g_assert_cmpint(sd_bus_new(&bus), >=, 0);
        g_assert_cmpint(sd_bus_set_fd(bus, fds[0], fds[0]), >=, 0);
        g_assert_cmpint(sd_bus_negotiate_fds(bus, true), >=, 0);
        g_assert_cmpint(sd_bus_start(bus), >=, 0);

        g_test_add_data_func("/variant/values of every type come back as they were", bus, test_round_trip);
        g_test_add_data_func("/variant/descriptors are refused", bus, test_descriptors);
        int r = g_test_run();
        (void) close(fds[1]);
        return r;
}
