/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tap interfaces, by ioctl(2): tun(4) makes one, netdevice(7) and the bridge do the rest. */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/tap.h"
#include "util/auto.h"
#include "util/errors.h"

/* The kernel puts a number in. */
#define NAME_PATTERN "vmm%d"

struct Tap {
        int fd;
        char name[IFNAMSIZ];
};

int tap_new(const char *name, Tap **ret, sd_bus_error *error) {
        /* With a header before each frame that says what of it the receiver still has to do, and only one
         * that is new: one that somebody made is his. */
        struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (short) IFF_TUN_EXCL};
        autofd int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "This host makes no network interfaces for guests: /dev/net/tun: %s",
                        g_strerror(errno));
        g_strlcpy(request.ifr_name, name ? name : NAME_PATTERN, IFNAMSIZ);
        if (ioctl(fd, TUNSETIFF, &request) < 0) {
                if (errno == EBUSY || errno == EEXIST)
                        return sd_bus_error_setf(error, VMM_ERROR_DEVICE_IN_USE,
                                "InterfaceName: this host has an interface '%s' already", name);
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "This host makes no network interface for the guest: %s", g_strerror(errno));
        }
        *ret = g_new0(Tap, 1);
        (*ret)->fd = fd_steal(&fd);
        g_strlcpy((*ret)->name, request.ifr_name, IFNAMSIZ);
        return 0;
}

Tap *tap_free(Tap *tap) {
        if (!tap)
                return NULL;
        fd_close(tap->fd);
        g_free(tap);
        return NULL;
}

const char *tap_name(const Tap *tap) {
        return tap->name;
}

int tap_fd(const Tap *tap) {
        return tap->fd;
}

static struct ifreq request_of(const char *interface) {
        struct ifreq request = {0};

        g_strlcpy(request.ifr_name, interface, IFNAMSIZ);
        return request;
}

/* A packet that fits the other ports of the bridge should fit this one, too. One that does not take it keeps
 * its own. */
static void tap_take_mtu(const Tap *tap, int control, const char *bridge) {
        struct ifreq theirs = request_of(bridge), ours = request_of(tap->name);

        if (ioctl(control, SIOCGIFMTU, &theirs) < 0)
                return;
        ours.ifr_mtu = theirs.ifr_mtu;
        (void) ioctl(control, SIOCSIFMTU, &ours);
}

/* A bridge goes by the lowest address of its ports, which must not be one that comes and goes. */
static int tap_take_address(const Tap *tap, int control, const uint8_t mac[6]) {
        struct ifreq request = request_of(tap->name);

        request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        memcpy(request.ifr_hwaddr.sa_data, mac, 6);
        request.ifr_hwaddr.sa_data[0] = (char) 0xfe;
        return ioctl(control, SIOCSIFHWADDR, &request) < 0 ? -errno : 0;
}

static int tap_join(const Tap *tap, int control, const char *bridge) {
        struct ifreq request = request_of(bridge);

        request.ifr_ifindex = (int) if_nametoindex(tap->name);
        if (ioctl(control, SIOCBRADDIF, &request) < 0 && errno != EBUSY)
                return -errno;
        return 0;
}

static int tap_switch(const Tap *tap, int control, bool up) {
        struct ifreq request = request_of(tap->name);

        if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
                return -errno;
        request.ifr_flags = (short) (up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
        return ioctl(control, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int tap_connect(const Tap *tap, const char *bridge, const uint8_t mac[6], sd_bus_error *error) {
        autofd int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = control < 0 ? -errno : tap_take_address(tap, control, mac);

        if (r >= 0 && bridge) {
                tap_take_mtu(tap, control, bridge);
                r = tap_join(tap, control, bridge);
        }
        if (r >= 0)
                r = tap_switch(tap, control, true);
        if (r < 0)
                return sd_bus_error_set_errnof(error, r, "Cannot connect the interface '%s'%s%s: %s",
                        tap->name, bridge ? " to the bridge " : "", bridge ? bridge : "", g_strerror(-r));
        return 0;
}

void tap_disconnect(const Tap *tap) {
        autofd int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void) tap_switch(tap, control, false);
}

int bridge_check(const char *bridge, sd_bus_error *error) {
        g_autofree char *sign = g_strdup_printf("/sys/class/net/%s/bridge", bridge);

        if (access(sign, F_OK) >= 0)
                return 0;
        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "Bridge: this host has %s '%s'",
                if_nametoindex(bridge) > 0 ? "no bridge, but another interface" : "no interface", bridge);
}
