/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's settings: where they are looked for, which file wins, and what is said of a bad one. */

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "assert-error.h"
#include "config/manager-config.h"
#include "util/auto.h"
#include "util/errors.h"

/* Two directories of configuration, the first before the second; all below one that is removed again. */
typedef struct Tree {
        char *root;
        char *directories[3];
        GPtrArray *files;    /* removed in reverse order */
} Tree;

static void tree_setup(Tree *tree, const void *userdata) {
        static const char *const folders[] = {"etc", "etc/vmmanagerd.conf.d", "usr",
                "usr/vmmanagerd.conf.d"};

        tree->root = g_dir_make_tmp("test-manager-config-XXXXXX", NULL);
        g_assert_nonnull(tree->root);
        tree->files = g_ptr_array_new_with_free_func(g_free);
        for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
                char *folder = g_build_filename(tree->root, folders[i], NULL);
                g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
                g_ptr_array_add(tree->files, folder);
        }
        tree->directories[0] = tree->files->pdata[0];
        tree->directories[1] = tree->files->pdata[2];
}

static void tree_teardown(Tree *tree, const void *userdata) {
        for (guint i = tree->files->len; i > 0; i--)
                g_assert_cmpint(g_remove(tree->files->pdata[i - 1]), ==, 0);
        g_assert_cmpint(g_rmdir(tree->root), ==, 0);
        g_ptr_array_unref(tree->files);
        g_free(tree->root);
}

static char *tree_path(const Tree *tree, const char *name) {
        return g_build_filename(tree->root, name, NULL);
}

static void tree_write_bytes(Tree *tree, const char *name, const char *bytes, size_t length) {
        char *path = tree_path(tree, name);

        g_assert_true(g_file_set_contents(path, bytes, (gssize) length, NULL));
        g_ptr_array_add(tree->files, path);
}

static void tree_write(Tree *tree, const char *name, const char *text) {
        tree_write_bytes(tree, name, text, strlen(text));
}

static int tree_load(const Tree *tree, ManagerConfig **ret, GPtrArray **ret_warnings, sd_bus_error *error) {
        return manager_config_load((const char *const *) tree->directories, false, ret, ret_warnings, error);
}

static ManagerConfig *tree_load_well(const Tree *tree) {
        g_autoptr(GPtrArray) warnings = NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        ManagerConfig *config = NULL;

        g_assert_cmpint(tree_load(tree, &config, &warnings, &error), ==, 0);
        g_assert_cmpuint(warnings->len, ==, 0);
        g_assert_false(sd_bus_error_is_set(&error));
        return config;
}

static void assert_plan(const StopPlan *plan, const char *text) {
        g_autofree char *printed = stop_plan_to_string(plan);

        g_assert_cmpstr(printed, ==, text);
}

static void assert_devices(GVariant *devices, const char *expected) {
        g_autofree char *text = resource_value_print(RESOURCE_DEVICES, devices);

        g_assert_cmpstr(text, ==, expected);
}

static void assert_defaults(const ManagerConfig *config) {
        g_assert_cmpstr(config->default_slice, ==, "machine.slice");
        g_assert_cmpuint(config->domains_max, ==, 4096);
        g_assert_cmpuint(config->domains_per_user_max, ==, 256);
        g_assert_cmpuint(config->console_log_bytes, ==, 65536);
        g_assert_true(config->register_machines);
        g_assert_cmpuint(config->restart_burst, ==, 5);
        g_assert_cmpuint(config->restart_interval_usec, ==, 600000000);
        g_assert_cmpuint(config->restart_delay_usec, ==, 1000000);
        g_assert_cmpuint(config->restart_delay_max_usec, ==, 60000000);
        g_assert_cmpstr(config->qemu_binary, ==, "qemu-system-x86_64");
        g_assert_cmpstr(config->qemu_user, ==, "vmmanager-qemu");
        assert_plan(&config->stop_plans[DOMAIN_QEMU], "guest:30s TERM:1600ms KILL:1600ms");
        assert_plan(&config->stop_plans[DOMAIN_PROCESS], "TERM:10s KILL:1600ms");
        assert_devices(config->devices[DOMAIN_QEMU], "/dev/kvm rw; /dev/vhost-net rw; /dev/vfio/vfio rw");
        assert_devices(config->devices[DOMAIN_PROCESS], "");
}

static void test_defaults(Tree *tree, const void *userdata) {
        const char *const nowhere[] = {"/nonexistent/vmmanager", NULL};
        g_autoptr(ManagerConfig) config = tree_load_well(tree), config2 = NULL, config3 = NULL;

        assert_defaults(config);
        g_assert_cmpint(manager_config_load(nowhere, false, &config2, NULL, NULL), ==, 0);
        assert_defaults(config2);
        g_assert_cmpint(manager_config_load(nowhere, true, &config3, NULL, NULL), ==, 0);
        g_assert_cmpstr(config3->default_slice, ==, "app.slice");
}

static void test_every_setting(Tree *tree, const void *userdata) {
        tree_write(tree, "etc/vmmanagerd.conf",
                "# a comment\n\n[Manager]\nDefaultSlice=a-b.slice\nMaxDomains = 10 \nMaxDomainsPerUser=0\r\n"
                "  ConsoleLogSize=1M\nRegisterMachines=Off\nRestartBurst=0\nRestartIntervalSec=1h\n"
                "RestartDelaySec=0\nRestartDelayMaxSec=500ms\n[QEMU]\nBinary=/opt/qemu\nUser=nobody\n"
                "StopPlan=guest:5s INT\nDevices=/dev/kvm r;char-pts\n[Process]\nStopPlan=KILL\n"
                "Devices=/dev/fuse rw\n");
        g_autoptr(ManagerConfig) config = tree_load_well(tree);

        g_assert_cmpstr(config->default_slice, ==, "a-b.slice");
        g_assert_cmpuint(config->domains_max, ==, 10);
        g_assert_cmpuint(config->domains_per_user_max, ==, 0);
        g_assert_cmpuint(config->console_log_bytes, ==, 1 << 20);
        g_assert_false(config->register_machines);
        g_assert_cmpuint(config->restart_burst, ==, 0);
        g_assert_cmpuint(config->restart_interval_usec, ==, 3600000000);
        g_assert_cmpuint(config->restart_delay_usec, ==, 0);
        g_assert_cmpuint(config->restart_delay_max_usec, ==, 500000);
        g_assert_cmpstr(config->qemu_binary, ==, "/opt/qemu");
        g_assert_cmpstr(config->qemu_user, ==, "nobody");
        assert_plan(&config->stop_plans[DOMAIN_QEMU], "guest:5s INT:1600ms");
        assert_plan(&config->stop_plans[DOMAIN_PROCESS], "KILL:1600ms");
        assert_devices(config->devices[DOMAIN_QEMU], "/dev/kvm r; char-pts rwm");
        assert_devices(config->devices[DOMAIN_PROCESS], "/dev/fuse rw");
}

static void test_first_main_file(Tree *tree, const void *userdata) {
        tree_write(tree, "usr/vmmanagerd.conf", "[Manager]\nMaxDomains=1\nMaxDomainsPerUser=1\n");
        g_autoptr(ManagerConfig) vendor = tree_load_well(tree);
        tree_write(tree, "etc/vmmanagerd.conf", "[Manager]\nMaxDomains=2\n");
        g_autoptr(ManagerConfig) admin = tree_load_well(tree);

        g_assert_cmpuint(vendor->domains_max, ==, 1);
        g_assert_cmpuint(admin->domains_max, ==, 2);
        g_assert_cmpuint(admin->domains_per_user_max, ==, 256);
}

static void test_drop_ins(Tree *tree, const void *userdata) {
        tree_write(tree, "etc/vmmanagerd.conf",
                "[Manager]\nMaxDomains=1\nConsoleLogSize=8K\n[QEMU]\nUser=a\n");
        tree_write(tree, "usr/vmmanagerd.conf.d/20-b.conf",
                "[Manager]\nMaxDomains=20\nMaxDomainsPerUser=20\n");
        tree_write(tree, "etc/vmmanagerd.conf.d/10-a.conf", "[Manager]\nMaxDomains=10\n[QEMU]\nUser=b\n");
        tree_write(tree, "usr/vmmanagerd.conf.d/30-c.conf",
                "[Manager]\nMaxDomainsPerUser=30\n[QEMU]\nUser=c\n");
        tree_write(tree, "etc/vmmanagerd.conf.d/30-c.conf", "[Manager]\nMaxDomainsPerUser=31\n");
        tree_write(tree, "etc/vmmanagerd.conf.d/90-z.conf.bak", "[Manager]\nMaxDomains=99\n");
        tree_write(tree, "etc/vmmanagerd.conf.d/.90-z.conf", "[Manager]\nMaxDomains=99\n");
        g_autoptr(ManagerConfig) config = tree_load_well(tree);

        g_assert_cmpuint(config->console_log_bytes, ==, 8192);     /* the main file's */
        g_assert_cmpuint(config->domains_max, ==, 20);             /* 20 after 10, wherever they lie */
        g_assert_cmpuint(config->domains_per_user_max, ==, 31);    /* one 30-c.conf hides the other */
        g_assert_cmpstr(config->qemu_user, ==, "b");
}

static void test_masked(Tree *tree, const void *userdata) {
        char *link = tree_path(tree, "etc/vmmanagerd.conf.d/10-a.conf");

        tree_write(tree, "usr/vmmanagerd.conf.d/10-a.conf", "[Manager]\nMaxDomains=10\n");
        g_assert_cmpint(symlink("/dev/null", link), ==, 0);
        g_ptr_array_add(tree->files, link);
        g_autoptr(ManagerConfig) config = tree_load_well(tree);

        assert_defaults(config);
}

static void test_empty_value(Tree *tree, const void *userdata) {
        tree_write(tree, "etc/vmmanagerd.conf",
                "[Manager]\nDefaultSlice=a.slice\nMaxDomains=1\n[QEMU]\nUser=a\n");
        tree_write(tree, "etc/vmmanagerd.conf.d/a.conf",
                "[Manager]\nDefaultSlice=\nMaxDomains= \n[QEMU]\nUser=\n");
        g_autoptr(ManagerConfig) config = tree_load_well(tree), user = NULL;

        assert_defaults(config);
        int r = manager_config_load((const char *const *) tree->directories, true, &user, NULL, NULL);
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpstr(user->default_slice, ==, "app.slice");
}

static void test_unknown_is_a_warning(Tree *tree, const void *userdata) {
        static const char *const expected[] = {
                "etc/vmmanagerd.conf:2: unknown key Max= in [Manager] is ignored",
                "etc/vmmanagerd.conf:6: unknown key User= in [Manager] is ignored",
                "etc/vmmanagerd.conf:7: unknown group [qemu] is ignored",
        };
        g_autoptr(ManagerConfig) config = NULL, config2 = NULL;
        g_autoptr(GPtrArray) warnings = NULL;

        tree_write(tree, "etc/vmmanagerd.conf",
                "[Manager]\nMax=1\n\n# Max=2\nMaxDomains=3\n User = x\n[qemu]\nUser=y\nMax=4\n");
        g_assert_cmpint(tree_load(tree, &config, &warnings, NULL), ==, 0);
        g_assert_cmpuint(config->domains_max, ==, 3);
        g_assert_cmpuint(warnings->len, ==, G_N_ELEMENTS(expected));
        for (guint i = 0; i < warnings->len; i++) {
                g_autofree char *text = tree_path(tree, expected[i]);
                g_assert_cmpstr(warnings->pdata[i], ==, text);
        }
        g_assert_cmpint(tree_load(tree, &config2, NULL, NULL), ==, 0);    /* nobody has to listen */
}

static void test_bad_values(Tree *tree, const void *userdata) {
        static const struct {
                const char *text, *reason;
        } table[] = {
                {"[Manager]\nDefaultSlice=machine\n",
                        "2: DefaultSlice='machine' is not the name of a slice"},
                {"[Manager]\nDefaultSlice=a:b.slice\n",
                        "2: DefaultSlice='a:b.slice' is not the name of a slice"},
                {"[Manager]\nMaxDomains=x\n", "2: MaxDomains='x' is not a number from 0 to 65536"},
                {"[Manager]\nMaxDomains=-1\n", "2: MaxDomains='-1' is not a number from 0 to 65536"},
                {"[Manager]\n#\nMaxDomains=65537\n",
                        "3: MaxDomains='65537' is not a number from 0 to 65536"},
                {"[Manager]\nMaxDomainsPerUser=1K",
                        "2: MaxDomainsPerUser='1K' is not a number from 0 to 65536"},
                {"[Manager]\nMaxDomains=1\nMaxDomains=2\nMaxDomains=x\n",
                        "4: MaxDomains='x' is not a number from 0 to 65536"},
                {"[Manager]\nRegisterMachines=maybe\n",
                        "2: RegisterMachines='maybe' is neither yes nor no"},
                {"[Manager]\nConsoleLogSize=1\n", "2: ConsoleLogSize='1' is not a size from 4K to 16M"},
                {"[Manager]\nConsoleLogSize=17M\n", "2: ConsoleLogSize='17M' is not a size from 4K to 16M"},
                {"[Manager]\nConsoleLogSize=64k\n", "2: ConsoleLogSize='64k' is not a size from 4K to 16M"},
                {"[QEMU]\nBinary=bin/qemu\n",
                        "2: Binary='bin/qemu' is neither an absolute path nor a bare name"},
                {"[QEMU]\nBinary=/a/../qemu\n", "2: Binary='/a/../qemu' is not a normalised path"},
                {"[Process]\nStopPlan=TERM KILL HUP\n",
                        "2: StopPlan='TERM KILL HUP' is not a stop plan such as 'guest:30s TERM:5s KILL'"},
                {"[QEMU]\nDevices=kvm rw\n",
                        "2: Devices='kvm rw' is not a list of devices such as '/dev/kvm rw; char-pts rw'"},
                {"[Process]\nDevices=/dev/fuse rwx\n",
                        "2: Devices='/dev/fuse rwx' is not a list of devices such as '/dev/kvm rw; char-pts "
                        "rw'"},
                {"[QEMU]\nUser=0\n", "2: User='0' is not a user name"},
                {"[Manager]\nUser=0\n[QEMU]\nUser=0\n", "4: User='0' is not a user name"},
                {"[QEMU]\nUser=a\x1b[31m\n", "2: User='a\\x1b[31m' is not a user name"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autofree char *path = tree_path(tree, "etc/vmmanagerd.conf");
                g_autofree char *text = g_strconcat(path, ":", table[i].reason, NULL);
                ManagerConfig *config = NULL;
                GPtrArray *warnings = NULL;

                g_assert_true(g_file_set_contents(path, table[i].text, -1, NULL));
                assert_refused(tree_load(tree, &config, &warnings, &error), &error,
                        VMM_ERROR_INVALID_CONFIG, text);
                g_assert_null(config);
                g_assert_null(warnings);
                g_assert_cmpint(g_remove(path), ==, 0);
        }
}

static void test_bad_lines(Tree *tree, const void *userdata) {
        static const char *const texts[] = {
                "[Manager]\nMaxDomains\n", "MaxDomains=1\n", "[Manager\n", "[]\n", "[Manager]\n; comment\n",
                "=1\n",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autofree char *path = tree_path(tree, "etc/vmmanagerd.conf");
                g_autofree char *begin = g_strconcat(path, ": ", NULL);
                ManagerConfig *config = NULL;

                g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
                g_assert_cmpint(tree_load(tree, &config, NULL, &error), ==, -EINVAL);
                g_assert_cmpstr(error.name, ==, VMM_ERROR_INVALID_CONFIG);
                g_assert_true(g_str_has_prefix(error.message, begin));
                g_assert_cmpint(g_remove(path), ==, 0);
        }
}

static void assert_unreadable(const Tree *tree, const char *name, int expected) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autofree char *path = tree_path(tree, name);
        g_autofree char *text = g_strdup_printf("%s: %s", path, g_strerror(expected));
        ManagerConfig *config = NULL;

        g_assert_cmpint(tree_load(tree, &config, NULL, &error), ==, -expected);
        g_assert_cmpstr(error.message, ==, text);
}

static void test_size_limit(Tree *tree, const void *userdata) {
        g_autofree char *text = g_strnfill((1 << 20) + 1, '\n');

        tree_write_bytes(tree, "etc/vmmanagerd.conf.d/a.conf", text, 1 << 20);
        g_autoptr(ManagerConfig) config = tree_load_well(tree);
        assert_defaults(config);
        tree_write(tree, "etc/vmmanagerd.conf.d/b.conf", text);
        assert_unreadable(tree, "etc/vmmanagerd.conf.d/b.conf", EFBIG);
}

static void test_not_text(Tree *tree, const void *userdata) {
        tree_write_bytes(tree, "etc/vmmanagerd.conf", "[QEMU]\nUser=a\0b\n", 16);
        assert_unreadable(tree, "etc/vmmanagerd.conf", EILSEQ);
}

static void test_not_utf8(Tree *tree, const void *userdata) {
        tree_write(tree, "usr/vmmanagerd.conf.d/a.conf", "# caf\xe9\n");
        assert_unreadable(tree, "usr/vmmanagerd.conf.d/a.conf", EILSEQ);
}

static void test_folder_for_a_file(Tree *tree, const void *userdata) {
        char *folder = tree_path(tree, "etc/vmmanagerd.conf");

        g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
        g_ptr_array_add(tree->files, folder);
        assert_unreadable(tree, "etc/vmmanagerd.conf", EISDIR);
}

static void test_file_for_a_folder(Tree *tree, const void *userdata) {
        g_autofree char *file = tree_path(tree, "etc/file");
        g_autofree char *drop_ins = tree_path(tree, "etc/vmmanagerd.conf.d");

        tree_write(tree, "etc/file", "");
        tree->directories[1] = file;
        assert_unreadable(tree, "etc/file/vmmanagerd.conf", ENOTDIR);

        tree_write(tree, "etc/vmmanagerd.conf.d/vmmanagerd.conf.d", "");
        tree->directories[1] = drop_ins;
        assert_unreadable(tree, "etc/vmmanagerd.conf.d/vmmanagerd.conf.d", ENOTDIR);
}

static void test_directories(void) {
        static const char *const system[] = {
                "/etc/vmmanager", "/run/vmmanager", "/usr/local/lib/vmmanager", "/usr/lib/vmmanager", NULL,
        };
        g_auto(GStrv) of_system = manager_config_directories(false);
        g_auto(GStrv) of_user = manager_config_directories(true);

        g_assert_true(g_strv_equal((const char *const *) of_system, system));
        g_assert_cmpstr(of_user[0], ==, "/x/config/vmmanager");
        g_assert_cmpstr(of_user[1], ==, "/x/runtime/vmmanager");
        g_assert_cmpstr(of_user[2], ==, "/x/data/vmmanager");
        g_assert_true(g_strv_equal((const char *const *) of_user + 3, system));
}

#define ADD(title, test) g_test_add("/manager-config/" title, Tree, NULL, tree_setup, test, tree_teardown)

int main(int argc, char *argv[]) {
        g_setenv("XDG_CONFIG_HOME", "/x/config", TRUE);
        g_setenv("XDG_RUNTIME_DIR", "/x/runtime", TRUE);
        g_setenv("XDG_DATA_HOME", "/x/data", TRUE);
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);

        ADD("without files there are defaults", test_defaults);
        ADD("every setting lands in its field", test_every_setting);
        ADD("the first main file counts", test_first_main_file);
        ADD("drop-ins count once per name and in order of their names", test_drop_ins);
        ADD("a drop-in that is a link to the null device hides its namesakes", test_masked);
        ADD("an empty value is the default again", test_empty_value);
        ADD("unknown keys and groups are warnings with their line", test_unknown_is_a_warning);
        ADD("bad values are refused with their line", test_bad_values);
        ADD("lines that are none are refused", test_bad_lines);
        ADD("files are at most 1 MiB", test_size_limit);
        ADD("files have no NUL", test_not_text);
        ADD("files are UTF-8", test_not_utf8);
        ADD("a folder in place of a file is an error", test_folder_for_a_file);
        ADD("a file in place of a folder is an error", test_file_for_a_folder);
        g_test_add_func("/manager-config/user mode looks in XDG's directories first", test_directories);
        return g_test_run();
}
