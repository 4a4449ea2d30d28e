/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of the daemon's settings, and the files they come from. A setting is added by adding a row.
 * Whether a slice, a program or a user exists is not asked here. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config/cgroup-path.h"
#include "config/manager-config.h"
#include "config/quantity.h"
#include "config/resource-value.h"
#include "config/text.h"
#include "util/auto.h"
#include "util/errors.h"

#define FILE_NAME "vmmanagerd.conf"
#define FILE_BYTES_MAX (1u << 20)
#define COUNT_MAX 65536
#define TIME_USEC_MAX (UINT64_C(24) * 3600 * 1000000)
#define CONSOLE_LOG_BYTES_MIN (UINT64_C(4) << 10)
#define CONSOLE_LOG_BYTES_MAX (UINT64_C(16) << 20)

typedef struct Setting Setting;
struct Setting {
        const char *group, *key;
        const char *fallback, *user_fallback;   /* the latter where user mode differs */
        size_t offset;                          /* of the field in ManagerConfig */

        /* Puts the value into the field, or says what is wrong with it. */
        const char *(*take)(const Setting *setting, const char *value, void *field);
        const char *(*problem)(const char *text);   /* what take_text goes by */
};

/* What a load goes through. */
typedef struct Loader {
        ManagerConfig *config;
        bool user_mode;
        GPtrArray *warnings;
} Loader;

static const char *take_text(const Setting *setting, const char *value, void *field) {
        const char *problem = setting->problem(value);

        if (problem)
                return problem;
        g_free(*(char **) field);
        *(char **) field = g_strdup(value);
        return NULL;
}

static const char *take_count(const Setting *setting, const char *value, void *field) {
        guint64 count;

        if (!g_ascii_string_to_unsigned(value, 10, 0, COUNT_MAX, &count, NULL))
                return "is not a number from 0 to " G_STRINGIFY(COUNT_MAX);
        *(unsigned *) field = (unsigned) count;
        return NULL;
}

static const char *take_bool(const Setting *setting, const char *value, void *field) {
        static const char *const words[] = {"yes", "true", "on", "1", "no", "false", "off", "0"};

        for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
                if (g_ascii_strcasecmp(value, words[i]) == 0) {
                        *(bool *) field = i < G_N_ELEMENTS(words) / 2;
                        return NULL;
                }
        return "is neither yes nor no";
}

static const char *take_console_log_size(const Setting *setting, const char *value, void *field) {
        uint64_t bytes;

        if (quantity_parse(value, QUANTITY_BYTES, &bytes) < 0 || bytes < CONSOLE_LOG_BYTES_MIN ||
                bytes > CONSOLE_LOG_BYTES_MAX)
                return "is not a size from 4K to 16M";
        *(uint64_t *) field = bytes;
        return NULL;
}

static const char *take_time(const Setting *setting, const char *value, void *field) {
        uint64_t usec;

        if (quantity_parse(value, QUANTITY_USEC, &usec) < 0 || usec > TIME_USEC_MAX)
                return "is not a time up to 24h, such as '10s' or '5min'";
        *(uint64_t *) field = usec;
        return NULL;
}

static const char *take_stop_plan(const Setting *setting, const char *value, void *field) {
        StopPlan plan;

        if (stop_plan_parse(value, &plan, NULL) < 0)
                return "is not a stop plan such as 'guest:30s TERM:5s KILL'";
        *(StopPlan *) field = plan;
        return NULL;
}

static const char *take_devices(const Setting *setting, const char *value, void *field) {
        g_autofree char *problem = NULL;
        g_autoptr(GVariant) parsed = resource_value_parse(RESOURCE_DEVICES, value, &problem);
        GVariant *devices = parsed ? resource_value_take(RESOURCE_DEVICES, parsed, &problem) : NULL;

        if (!devices)
                return "is not a list of devices such as '/dev/kvm rw; char-pts rw'";
        g_clear_pointer((GVariant **) field, g_variant_unref);
        *(GVariant **) field = devices;
        return NULL;
}

static const char *slice_problem(const char *slice) {
        return slice_name_is_valid(slice) ? NULL : "is not the name of a slice";
}

#define FIELD(name) offsetof(ManagerConfig, name)

static const Setting settings[] = {
        {"Manager", "DefaultSlice", "machine.slice", "app.slice", FIELD(default_slice),
                take_text, slice_problem},
        {"Manager", "MaxDomains", "4096", NULL, FIELD(domains_max), take_count},
        {"Manager", "MaxDomainsPerUser", "256", NULL, FIELD(domains_per_user_max), take_count},
        {"Manager", "ConsoleLogSize", "64K", NULL, FIELD(console_log_bytes), take_console_log_size},
        {"Manager", "RegisterMachines", "yes", NULL, FIELD(register_machines), take_bool},
        {"Manager", "RestartBurst", "5", NULL, FIELD(restart_burst), take_count},
        {"Manager", "RestartIntervalSec", "10min", NULL, FIELD(restart_interval_usec), take_time},
        {"Manager", "RestartDelaySec", "1s", NULL, FIELD(restart_delay_usec), take_time},
        {"Manager", "RestartDelayMaxSec", "1min", NULL, FIELD(restart_delay_max_usec), take_time},
        {"QEMU", "Binary", "qemu-system-x86_64", NULL, FIELD(qemu_binary), take_text, program_problem},
        {"QEMU", "User", "vmmanager-qemu", NULL, FIELD(qemu_user), take_text, user_name_problem},
        {"QEMU", "StopPlan", "guest:30s TERM:1600ms KILL:1600ms", NULL, FIELD(stop_plans[DOMAIN_QEMU]),
                take_stop_plan},
        {"QEMU", "Devices", "/dev/kvm rw; /dev/vhost-net rw; /dev/vfio/vfio rw", NULL,
                FIELD(devices[DOMAIN_QEMU]), take_devices},
        {"Process", "StopPlan", "TERM:10s KILL:1600ms", NULL, FIELD(stop_plans[DOMAIN_PROCESS]),
                take_stop_plan},
        {"Process", "Devices", "", NULL, FIELD(devices[DOMAIN_PROCESS]), take_devices},
};

/* The setting of this name; with key NULL any one of the group. */
static const Setting *setting_find(const char *group, const char *key) {
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                if (g_str_equal(settings[i].group, group) && (!key || g_str_equal(settings[i].key, key)))
                        return &settings[i];
        return NULL;
}

/* Returns what is wrong with the value, or NULL. */
static const char *setting_apply(const Setting *setting, const char *value, const Loader *loader) {
        if (!*value)
                value = loader->user_mode && setting->user_fallback ? setting->user_fallback
                        : setting->fallback;
        return setting->take(setting, value, (char *) loader->config + setting->offset);
}

/* What GKeyFile does not tell: "[group]" and "[group]key" -> the number of the last such line, which is the
 * one that counts. */
static GHashTable *lines_index(const char *text) {
        GHashTable *numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autofree char *copy = g_strdup(text);
        char *rest = copy, *line, *equals;
        const char *header = "";

        for (unsigned number = 1; (line = strsep(&rest, "\n")); number++) {
                line = g_strstrip(line);
                equals = strchr(line, '=');
                if (*line == '[') {
                        header = line;
                        g_hash_table_insert(numbers, g_strdup(header), GUINT_TO_POINTER(number));
                } else if (equals) {
                        *equals = '\0';
                        g_hash_table_insert(numbers, g_strconcat(header, g_strchomp(line), NULL),
                                GUINT_TO_POINTER(number));
                }
        }
        return numbers;
}

static unsigned line_of(GHashTable *lines, const char *group, const char *key) {
        g_autofree char *place = g_strdup_printf("[%s]%s", group, key);

        return GPOINTER_TO_UINT(g_hash_table_lookup(lines, place));
}

/* A file's text: UTF-8 (or -EILSEQ) of at most FILE_BYTES_MAX (or -EFBIG). */
static int file_read(const char *path, char **ret) {
        /* O_NONBLOCK: a FIFO reads as empty instead of holding up the daemon. */
        autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        g_autofree char *text = NULL;
        size_t length = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        text = g_malloc(FILE_BYTES_MAX + 1);
        do {
                n = TEMP_FAILURE_RETRY(read(fd, text + length, FILE_BYTES_MAX + 1 - length));
                if (n < 0)
                        return -errno;
                length += (size_t) n;
        } while (n > 0);
        if (length > FILE_BYTES_MAX)
                return -EFBIG;
        if (!g_utf8_validate(text, (gssize) length, NULL))
                return -EILSEQ;
        text[length] = '\0';
        *ret = g_steal_pointer(&text);
        return 0;
}

static int apply_group(const Loader *loader, const char *path, GKeyFile *file, GHashTable *lines,
        const char *group, sd_bus_error *error) {
        g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, NULL);

        if (!setting_find(group, NULL)) {
                g_ptr_array_add(loader->warnings, g_strdup_printf("%s:%u: unknown group [%s] is ignored",
                        path, line_of(lines, group, ""), group));
                return 0;
        }
        for (char **key = keys; *key; key++) {
                const Setting *setting = setting_find(group, *key);
                g_autofree char *value = g_key_file_get_value(file, group, *key, NULL);

                if (!setting) {
                        g_ptr_array_add(loader->warnings,
                                g_strdup_printf("%s:%u: unknown key %s= in [%s] is ignored", path,
                                        line_of(lines, group, *key), *key, group));
                        continue;
                }
                const char *problem = setting_apply(setting, g_strstrip(value), loader);
                if (problem) {
                        g_autofree char *quoted = text_quote(value);
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s:%u: %s=%s %s", path,
                                line_of(lines, group, *key), *key, quoted, problem);
                }
        }
        return 0;
}

static int apply_file(const Loader *loader, const char *path, sd_bus_error *error) {
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autoptr(GError) syntax = NULL;
        g_autofree char *text = NULL;
        int r;

        r = file_read(path, &text);
        if (r < 0)
                return sd_bus_error_set_errnof(error, r, "%s: %s", path, g_strerror(-r));
        if (!g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, &syntax))
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: %s", path, syntax->message);

        g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
        g_autoptr(GHashTable) lines = lines_index(text);
        for (char **group = groups; *group; group++) {
                r = apply_group(loader, path, file, lines, *group, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Of the main files the first counts. */
static int apply_main_file(const Loader *loader, const char *const *directories, sd_bus_error *error) {
        for (; *directories; directories++) {
                g_autofree char *path = g_build_filename(*directories, FILE_NAME, NULL);
                if (access(path, F_OK) >= 0 || errno != ENOENT)
                        return apply_file(loader, path, error);
        }
        return 0;
}

/* Adds a directory's drop-ins to `paths`, a map from their names, but for those whose name is there already.
 * */
static int drop_ins_add(GTree *paths, const char *directory, sd_bus_error *error) {
        g_autofree char *folder = g_build_filename(directory, FILE_NAME ".d", NULL);
        DIR *dir = opendir(folder);
        struct dirent *entry;

        if (!dir)
                return errno == ENOENT ? 0
                        : sd_bus_error_set_errnof(error, errno, "%s: %s", folder, g_strerror(errno));
        while ((entry = readdir(dir))) {
                const char *name = entry->d_name;
                if (*name != '.' && g_str_has_suffix(name, ".conf") && !g_tree_lookup(paths, name))
                        g_tree_insert(paths, g_strdup(name), g_build_filename(folder, name, NULL));
        }
        closedir(dir);
        return 0;
}

static int compare_names(const void *a, const void *b, void *userdata) {
        return strcmp(a, b);
}

static int apply_drop_ins(const Loader *loader, const char *const *directories, sd_bus_error *error) {
        g_autoptr(GTree) paths = g_tree_new_full(compare_names, NULL, g_free, g_free);
        int r;

        for (; *directories; directories++) {
                r = drop_ins_add(paths, *directories, error);
                if (r < 0)
                        return r;
        }
        for (GTreeNode *node = g_tree_node_first(paths); node; node = g_tree_node_next(node)) {
                r = apply_file(loader, g_tree_node_value(node), error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int manager_config_load(const char *const *directories, bool user_mode, ManagerConfig **ret,
        GPtrArray **ret_warnings, sd_bus_error *error) {
        g_autoptr(ManagerConfig) config = g_new0(ManagerConfig, 1);
        g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
        const Loader loader = {config, user_mode, warnings};
        int r;

        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                (void) setting_apply(&settings[i], "", &loader);
        r = apply_main_file(&loader, directories, error);
        if (r < 0)
                return r;
        r = apply_drop_ins(&loader, directories, error);
        if (r < 0)
                return r;

        *ret = g_steal_pointer(&config);
        if (ret_warnings)
                *ret_warnings = g_steal_pointer(&warnings);
        return 0;
}

ManagerConfig *manager_config_free(ManagerConfig *config) {
        if (!config)
                return NULL;
        g_free(config->default_slice);
        g_free(config->qemu_binary);
        g_free(config->qemu_user);
        for (size_t i = 0; i < G_N_ELEMENTS(config->devices); i++)
                g_clear_pointer(&config->devices[i], g_variant_unref);
        g_free(config);
        return NULL;
}

char **manager_config_directories(bool user_mode) {
        static const char *const system[] = {"/etc", "/run", "/usr/local/lib", "/usr/lib"};
        GPtrArray *directories = g_ptr_array_new();

        if (user_mode) {
                g_ptr_array_add(directories, g_build_filename(g_get_user_config_dir(), "vmmanager", NULL));
                g_ptr_array_add(directories, g_build_filename(g_get_user_runtime_dir(), "vmmanager", NULL));
                g_ptr_array_add(directories, g_build_filename(g_get_user_data_dir(), "vmmanager", NULL));
        }
        for (size_t i = 0; i < G_N_ELEMENTS(system); i++)
                g_ptr_array_add(directories, g_build_filename(system[i], "vmmanager", NULL));
        g_ptr_array_add(directories, NULL);
        return (char **) g_ptr_array_free(directories, FALSE);
}
