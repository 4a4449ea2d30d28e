/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/device.h over the made-up host, which has a few devices, and a file that is none. */

#include <errno.h>

#include "fakes/world.h"
#include "host/device.h"

int device_lookup(const char *node, DeviceNumber *ret) {
        static const struct {
                const char *node;
                DeviceNumber number;
        } devices[] = {
                {"/dev/kvm", {'c', 10, 232}},
                {"/dev/vhost-net", {'c', 10, 238}},
                {"/dev/vfio/vfio", {'c', 10, 196}},
                {"/dev/fuse", {'c', 10, 229}},
                {"/dev/sda", {'b', 8, 0}},
        };

        if (g_str_equal(node, "/dev/file"))
                return -ENODEV;
        for (size_t i = 0; i < G_N_ELEMENTS(devices); i++)
                if (g_str_equal(devices[i].node, node) && g_strcmp0(world.unplugged, node) != 0) {
                        *ret = devices[i].number;
                        return 0;
                }
        return -ENOENT;
}

void device_goes(const char *node) {
        world.unplugged = node;
}
