/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Network interfaces of this machine whose other end is a descriptor: what is sent there, a guest gets. An
 * interface is there as long as a descriptor of it is open, whoever holds it, and then gone without a trace.
 */

#include <stdint.h>
#include <systemd/sd-bus.h>

typedef struct Tap Tap;

/* Makes one; it is down, and on no bridge. name: NULL for the kernel's choice, "vmm0" and so on. Returns 0,
 * or a negative errno with DeviceInUse (there is an interface of this name) or NotSupported (no
 * /dev/net/tun, or not allowed). */
int tap_new(const char *name, Tap **ret, sd_bus_error *error);

/* Closes our descriptor, unless somebody took it. Accepts NULL, returns NULL. */
Tap *tap_free(Tap *tap);

const char *tap_name(const Tap *tap);
int tap_fd(const Tap *tap);   /* stays the tap's */

/* Puts it on the bridge (NULL: on none), with the bridge's MTU, and up. One that is on a bridge already
 * stays there. mac: the guest's; the interface gets one like it, high enough that no bridge takes it for its
 * own. Returns 0 or a negative errno with *error. */
int tap_connect(const Tap *tap, const char *bridge, const uint8_t mac[6], sd_bus_error *error);

/* Takes it down, so that nothing passes, whatever it is on. */
void tap_disconnect(const Tap *tap);

/* Whether there is such a bridge. Returns 0 or -EINVAL with InvalidConfig. */
int bridge_check(const char *bridge, sd_bus_error *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tap, tap_free)
