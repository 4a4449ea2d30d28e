/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/tap.h over the made-up host, which has the bridge "br0" and an interface "eth0". An interface is gone
 * when its descriptors are closed; this one says so when ours is. */

#include <errno.h>
#include <fcntl.h>

#include "fakes/world.h"
#include "host/tap.h"
#include "util/auto.h"
#include "util/errors.h"

struct Tap {
        char *name;
        int fd;
};

int tap_new(const char *name, Tap **ret, sd_bus_error *error) {
        if (g_strcmp0(name, "eth0") == 0)
                return sd_bus_error_setf(error, VMM_ERROR_DEVICE_IN_USE,
                        "InterfaceName: this host has an interface '%s' already", name);
        *ret = g_new0(Tap, 1);
        **ret = (Tap) {
                .name = name ? g_strdup(name) : g_strdup_printf("vmm%u", world.n_taps),
                .fd = open("/dev/null", O_RDWR | O_CLOEXEC),
        };
        world.n_taps++;
        note("tap %s comes", (*ret)->name);
        return 0;
}

Tap *tap_free(Tap *tap) {
        if (!tap)
                return NULL;
        note("tap %s goes", tap->name);
        fd_close(tap->fd);
        g_free(tap->name);
        g_free(tap);
        return NULL;
}

const char *tap_name(const Tap *tap) {
        return tap->name;
}

int tap_fd(const Tap *tap) {
        return tap->fd;
}

int tap_connect(const Tap *tap, const char *bridge, const uint8_t mac[6], sd_bus_error *error) {
        if (world.no_bridging)
                return sd_bus_error_set_errnof(
                        error, -EPERM, "Cannot connect the interface '%s'", tap->name);
        note("tap %s is connected to %s for %02x:...:%02x", tap->name, bridge ? bridge : "nothing", mac[0],
                mac[5]);
        return 0;
}

void tap_disconnect(const Tap *tap) {
        note("tap %s is disconnected", tap->name);
}

int bridge_check(const char *bridge, sd_bus_error *error) {
        if (g_str_equal(bridge, "br0"))
                return 0;
        return sd_bus_error_setf(
                error, VMM_ERROR_INVALID_CONFIG, "Bridge: this host has no interface '%s'", bridge);
}

void host_bridges_nothing(void) {
        world.no_bridging = true;
}
