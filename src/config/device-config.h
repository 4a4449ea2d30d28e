/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the descriptions of devices that a virtual machine is given (disks, networks) have in common: a small
 * table of keys, and names. Pure values: nothing is opened or looked up. */

#include <glib.h>
#include <systemd/sd-bus.h>

#define DEVICE_NAME_MAX 20    /* bytes: a virtio disk shows the guest its name in a field of this size */
#define DEVICES_MAX 16        /* at creation, of all kinds together */

typedef struct DeviceKey {
        const char *name;
        const char *type;      /* of the value: a D-Bus signature */
        size_t offset;         /* of the field in the object */

        /* Copies the value into the field, or returns what is wrong with it; free with g_free(). */
        char *(*take)(GVariant *value, void *field);
} DeviceKey;

/* Sets the fields of the object from an a{sv}; `where` is what messages begin with ("Disks[0]"). Returns
 * 0, or -EINVAL with InvalidArgs (an unknown key, a value of the wrong type, a key given twice) or
 * InvalidConfig (a value that cannot be). */
int device_keys_take(const DeviceKey *keys, size_t n_keys, GVariant *settings, const char *where,
        void *object, sd_bus_error *error);

/* For a `take` that goes by a rule for text: the copy, or what is wrong with it. */
char *device_take_text(GVariant *value, char **field, const char *(*problem)(const char *text));

/* A letter, then letters, digits, '-', '_' and '.', DEVICE_NAME_MAX at most: it becomes a serial number, a
 * file's name and an id of QEMU's. As text_problem() in config/text.h. */
const char *device_name_problem(const char *name);

/* For the key Name, whose field is a char *. */
char *device_take_name(GVariant *value, void *field);
