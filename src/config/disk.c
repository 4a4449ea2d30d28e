/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of a disk. A key is added by adding a row. */

#include <inttypes.h>
#include <string.h>

#include "config/disk.h"
#include "config/text.h"
#include "util/errors.h"

#define PATH_BYTES_MAX 4095

static const char *const disk_mode_names[_DISK_MODE_MAX] = {
        [DISK_RW] = "rw",
        [DISK_RO] = "ro",
        [DISK_FORCE] = "force",
};
DEFINE_ENUM_STRINGS(disk_mode, DiskMode, disk_mode_names)

static const char *const disk_format_names[_DISK_FORMAT_MAX] = {
        [DISK_RAW] = "raw",
        [DISK_QCOW2] = "qcow2",
};
DEFINE_ENUM_STRINGS(disk_format, DiskFormat, disk_format_names)

static const struct {
        const char *prefix;
        bool block;
} sources[] = {{"file:", false}, {"phy:", true}};

static const char *source_path(const char *source, bool *ret_block) {
        for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
                if (g_str_has_prefix(source, sources[i].prefix)) {
                        *ret_block = sources[i].block;
                        return source + strlen(sources[i].prefix);
                }
        return NULL;
}

static const char *source_problem(const char *source) {
        bool block = false;
        const char *path = source_path(source, &block), *problem;

        if (!path)
                return "is neither file: nor phy: and a path";
        problem = path_problem(path);
        if (!problem && strlen(path) > PATH_BYTES_MAX)
                problem = "is longer than a path can be";
        if (!problem && block && !g_str_has_prefix(path, "/dev/"))
                problem = "is not below /dev";
        return problem;
}

/* Into both path and block, which is why its field is the whole disk. */
static char *take_source(GVariant *value, void *field) {
        g_autofree char *source = NULL;
        DiskConfig *disk = field;
        char *problem = device_take_text(value, &source, source_problem);

        if (!problem)
                disk->path = g_strdup(source_path(source, &disk->block));
        return problem;
}

#define DEFINE_TAKE_CHOICE(noun, Type, choice)                                                              \
        static char *take_##noun(GVariant *value, void *field) {                                            \
                const char *text = g_variant_get_string(value, NULL);                                       \
                Type given = noun##_from_string(text);                                                      \
                                                                                                            \
                if ((int) given < 0) {                                                                      \
                        g_autofree char *quoted = text_quote(text);                                         \
                        return g_strconcat(quoted, " is not one of " choice, NULL);                         \
                }                                                                                           \
                *(Type *) field = given;                                                                    \
                return NULL;                                                                                \
        }

DEFINE_TAKE_CHOICE(disk_mode, DiskMode, "ro, rw, force")
DEFINE_TAKE_CHOICE(disk_format, DiskFormat, "raw, qcow2")

static char *take_backend(GVariant *value, void *field) {
        uint32_t backend = g_variant_get_uint32(value);

        if (backend != 0)
                return g_strdup_printf("%" PRIu32 " is not 0: only this host itself serves disks", backend);
        *(uint32_t *) field = backend;
        return NULL;
}

static const DeviceKey keys[] = {
        {"Name",    "s", offsetof(DiskConfig, name),    device_take_name},
        {"Source",  "s", 0,                             take_source},
        {"Mode",    "s", offsetof(DiskConfig, mode),    take_disk_mode},
        {"Format",  "s", offsetof(DiskConfig, format),  take_disk_format},
        {"Backend", "u", offsetof(DiskConfig, backend), take_backend},
};

int disk_config_new(GVariant *settings, const char *where, DiskConfig **ret, sd_bus_error *error) {
        g_autoptr(DiskConfig) disk = g_new0(DiskConfig, 1);
        int r = device_keys_take(keys, G_N_ELEMENTS(keys), settings, where, disk, error);

        if (r < 0)
                return r;
        if (!disk->path)
                return sd_bus_error_setf(
                        error, VMM_ERROR_INVALID_CONFIG, "%s: Source: a disk needs one", where);
        *ret = g_steal_pointer(&disk);
        return 0;
}

DiskConfig *disk_config_free(DiskConfig *disk) {
        if (!disk)
                return NULL;
        g_free(disk->name);
        g_free(disk->path);
        g_free(disk);
        return NULL;
}

void disk_config_append(const DiskConfig *disk, GVariantBuilder *builder) {
        g_autofree char *source = g_strconcat(sources[disk->block].prefix, disk->path, NULL);

        if (disk->name)
                g_variant_builder_add(builder, "{sv}", "Name", g_variant_new_string(disk->name));
        g_variant_builder_add(builder, "{sv}", "Source", g_variant_new_string(source));
        g_variant_builder_add(
                builder, "{sv}", "Mode", g_variant_new_string(disk_mode_to_string(disk->mode)));
        g_variant_builder_add(
                builder, "{sv}", "Format", g_variant_new_string(disk_format_to_string(disk->format)));
        g_variant_builder_add(builder, "{sv}", "Backend", g_variant_new_uint32(disk->backend));
}
