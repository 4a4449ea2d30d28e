/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "slice:prefix:name": what it stands for and what is refused, word for word. */

#include <string.h>

#include "assert-error.h"
#include "config/cgroup-path.h"
#include "util/auto.h"
#include "util/errors.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define BYTES_240 FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN

typedef struct Accepted {
        const char *text, *slice, *prefix, *name, *unit;
} Accepted;

static const Accepted accepted[] = {
        /* runc's and kata-containers' */
        {"x.slice:kata:55555", "x.slice", "kata", "55555", "kata-55555.scope"},
        {"system.slice:kata:afhts2e5d4g5s", "system.slice", "kata", "afhts2e5d4g5s",
                "kata-afhts2e5d4g5s.scope"},
        {":runc:c1", "machine.slice", "runc", "c1", "runc-c1.scope"},

        {"machine.slice:vmm:web1", "machine.slice", "vmm", "web1", "vmm-web1.scope"},
        {"-.slice:vmm:web1", "-.slice", "vmm", "web1", "vmm-web1.scope"},
        {"a-b-c.slice:vmm:web1", "a-b-c.slice", "vmm", "web1", "vmm-web1.scope"},
        {"a\\x2db.slice:vmm:web1", "a\\x2db.slice", "vmm", "web1", "vmm-web1.scope"},
        {"a.b_C9.slice:vmm:web1", "a.b_C9.slice", "vmm", "web1", "vmm-web1.scope"},
        {"machine.slice::web1", "machine.slice", "", "web1", "web1.scope"},
        {"::web1", "machine.slice", "", "web1", "web1.scope"},

        /* a slice-domain: the prefix says nothing */
        {"machine.slice:vmm:pool.slice", "machine.slice", "vmm", "pool.slice", "pool.slice"},
        {"::machine-pool.slice", "machine.slice", "", "machine-pool.slice", "machine-pool.slice"},

        /* names that systemd takes as they are, odd as they look */
        {"::-", "machine.slice", "", "-", "-.scope"},
        {":rel-:-", "machine.slice", "rel-", "-", "rel---.scope"},
        {":vmm:a--b_c.d", "machine.slice", "vmm", "a--b_c.d", "vmm-a--b_c.d.scope"},
        {":vmm:web1.scope", "machine.slice", "vmm", "web1.scope", "vmm-web1.scope.scope"},
        {":vmm:web1.slice.", "machine.slice", "vmm", "web1.slice.", "vmm-web1.slice..scope"},
        {":vmm:init", "machine.slice", "vmm", "init", "vmm-init.scope"},

        /* what a unit name cannot hold is escaped, and so is the escape */
        {":vmm:.hidden", "machine.slice", "vmm", ".hidden", "vmm-\\x2ehidden.scope"},
        {":.p:a", "machine.slice", ".p", "a", "\\x2ep-a.scope"},
        {":my vm:web 1", "machine.slice", "my vm", "web 1", "my\\x20vm-web\\x201.scope"},
        {":vmm:a\\x2fb", "machine.slice", "vmm", "a\\x2fb", "vmm-a\\x5cx2fb.scope"},
        {":vmm:a@b", "machine.slice", "vmm", "a@b", "vmm-a\\x40b.scope"},
        {":vmm:%i", "machine.slice", "vmm", "%i", "vmm-\\x25i.scope"},
        {":vmm:$(id)", "machine.slice", "vmm", "$(id)", "vmm-\\x24\\x28id\\x29.scope"},
        {":vmm:a;b*", "machine.slice", "vmm", "a;b*", "vmm-a\\x3bb\\x2a.scope"},
        {":vmm:\xc3\xbc", "machine.slice", "vmm", "\xc3\xbc", "vmm-\\xc3\\xbc.scope"},

        /* 255 bytes, which is all that a name can have */
        {"::" BYTES_240 "012345678", "machine.slice", "", BYTES_240 "012345678",
                BYTES_240 "012345678.scope"},
        {":vmm:" BYTES_240 "0 ", "machine.slice", "vmm", BYTES_240 "0 ", "vmm-" BYTES_240 "0\\x20.scope"},
        {BYTES_240 "012345678.slice:vmm:a", BYTES_240 "012345678.slice", "vmm", "a", "vmm-a.scope"},
};

static void test_accepted(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(accepted); i++) {
                const Accepted *row = &accepted[i];
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autoptr(CgroupPath) path = NULL;

                g_test_message("%s", row->text);
                g_assert_cmpint(cgroup_path_parse(row->text, "machine.slice", &path, &error), ==, 0);
                g_assert_cmpstr(path->slice, ==, row->slice);
                g_assert_cmpstr(path->prefix, ==, row->prefix);
                g_assert_cmpstr(path->name, ==, row->name);
                g_assert_cmpstr(path->unit, ==, row->unit);
                g_assert_false(sd_bus_error_is_set(&error));
        }
}

static void test_default_slice(void) {
        g_autoptr(CgroupPath) path = NULL;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        g_assert_cmpint(cgroup_path_parse(":vmm:a", "app.slice", &path, NULL), ==, 0);
        g_assert_cmpstr(path->slice, ==, "app.slice");
        assert_refused(cgroup_path_parse(":vmm:a", "app", &path, &error), &error,
                VMM_ERROR_INVALID_CGROUP_PATH,
                "Cgroup path ':vmm:a' is invalid: its slice does not end in '.slice'");
}

#define PARTS "it does not have the three parts of 'slice:prefix:name'"
#define CONTROL "it contains a control character"
#define INVISIBLE "it contains an invisible character"
#define SLICE_CHARACTER "its slice contains a character that a slice's name cannot hold"
#define LONG_UNIT "its unit's name is longer than 255 bytes"
#define NO_SLICE "its slice does not end in '.slice'"

typedef struct Refused {
        const char *text, *shown, *reason;
} Refused;

static const Refused refused[] = {
        /* kata-containers' table */
        {"slice:kata", NULL, PARTS},
        {"/kata/x", NULL, "it contains '/'"},
        {"a:b:c:d", NULL, PARTS},
        {":::", NULL, PARTS},
        {"", NULL, PARTS},
        {":", NULL, PARTS},
        {"::", NULL, "its name is empty"},
        {"a:b", NULL, PARTS},
        {"a:b:", NULL, NO_SLICE},
        {":a:", NULL, "its name is empty"},
        {"@:@:@", NULL, NO_SLICE},
        {"o / m /../ g", NULL, "it contains '/'"},

        {"web1", NULL, PARTS},
        {"machine.slice:vmm", NULL, PARTS},
        {"machine.slice:vmm:a:b", NULL, PARTS},
        {"machine.slice:vmm:a:", NULL, PARTS},

        /* the slice */
        {"machine:vmm:a", NULL, NO_SLICE},
        {"-:vmm:a", NULL, NO_SLICE},
        {" :vmm:a", NULL, NO_SLICE},
        {"machine.slic:vmm:a", NULL, NO_SLICE},
        {"machine.SLICE:vmm:a", NULL, NO_SLICE},
        {"machine.slice :vmm:a", NULL, NO_SLICE},
        {"machine.scope:vmm:a", NULL, NO_SLICE},
        {".slice:vmm:a", NULL, "its slice has nothing before '.slice'"},
        {"-a.slice:vmm:a", NULL, "its slice begins with '.' or '-'"},
        {"--.slice:vmm:a", NULL, "its slice begins with '.' or '-'"},
        {".a.slice:vmm:a", NULL, "its slice begins with '.' or '-'"},
        {"a-.slice:vmm:a", NULL, "its slice ends in '-'"},
        {"a--b.slice:vmm:a", NULL, "its slice contains '--'"},
        {"a.-b.slice:vmm:a", NULL, "its slice contains '.-'"},
        {"a b.slice:vmm:a", NULL, SLICE_CHARACTER},
        {"a@b.slice:vmm:a", NULL, SLICE_CHARACTER},
        {"a%i.slice:vmm:a", NULL, SLICE_CHARACTER},
        {"\xc3\xbc.slice:vmm:a", NULL, SLICE_CHARACTER},
        {"a/b.slice:vmm:a", NULL, "it contains '/'"},
        {"../machine.slice:vmm:a", NULL, "it contains '/'"},
        {"...slice:vmm:a", NULL, "it contains '..'"},

        /* prefix and name */
        {":v/m:a", NULL, "it contains '/'"},
        {":vmm:/", NULL, "it contains '/'"},
        {":vmm:a/../b", NULL, "it contains '/'"},
        {":..:a", NULL, "it contains '..'"},
        {":vmm:..", NULL, "it contains '..'"},
        {":vmm:a..b", NULL, "it contains '..'"},
        {":vmm:a\nb", ":vmm:a\\x0ab", CONTROL},
        {":vmm:a\n", ":vmm:a\\x0a", CONTROL},
        {":v\tm:a", ":v\\x09m:a", CONTROL},
        {"a\x1b[31m.slice:vmm:a", "a\\x1b[31m.slice:vmm:a", CONTROL},
        {":vmm:\x7f", ":vmm:\\x7f", CONTROL},
        {":vmm:\xc2\x85", ":vmm:\\xc2\\x85", CONTROL},
        {":vmm:a\xe2\x80\xa8", ":vmm:a\\xe2\\x80\\xa8", CONTROL},
        {":vmm:a\xe2\x80\xae" "b", ":vmm:a\\xe2\\x80\\xae" "b", INVISIBLE},
        {":vmm:a\xe2\x80\x8b", ":vmm:a\\xe2\\x80\\x8b", INVISIBLE},
        {":vmm:\xff", ":vmm:\\xff", "it is not valid UTF-8"},
        {":vmm:\xc0\xaf", ":vmm:\\xc0\\xaf", "it is not valid UTF-8"},

        /* units that are the machine's */
        {"::init", NULL, "its unit's name is systemd's own"},
        {":vmm:-.slice", NULL, "its unit's name is the root slice"},
        {":vmm:.slice", NULL, "its unit's name has nothing before '.slice'"},
        {":vmm:-a.slice", NULL, "its unit's name begins with '.' or '-'"},
        {":vmm:.a.slice", NULL, "its unit's name begins with '.' or '-'"},
        {":vmm:a-.slice", NULL, "its unit's name ends in '-'"},
        {":vmm:a--b.slice", NULL, "its unit's name contains '--'"},
        {":vmm:a b.slice", NULL, "its unit's name contains a character that a slice's name cannot hold"},

        /* 256 bytes; escaping counts. A long text is shown cut. */
        {"::" BYTES_240 TEN, "::" FIFTY FIFTY TEN TEN "01234...", LONG_UNIT},
        {":vmm:" BYTES_240 "01 ", ":vmm:" FIFTY FIFTY TEN TEN "01...", LONG_UNIT},
        {"::" BYTES_240 TEN ".slice", "::" FIFTY FIFTY TEN TEN "01234...", LONG_UNIT},
        {BYTES_240 TEN ".slice:vmm:a", FIFTY FIFTY TEN TEN "0123456...",
                "its slice is longer than 255 bytes"},
};

static void test_refused(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                const Refused *row = &refused[i];
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                CgroupPath *path = NULL;
                g_autofree char *text = g_strdup_printf("Cgroup path '%s' is invalid: %s",
                        row->shown ? row->shown : row->text, row->reason);

                assert_refused(cgroup_path_parse(row->text, "machine.slice", &path, &error), &error,
                        VMM_ERROR_INVALID_CGROUP_PATH, text);
                g_assert_null(path);
        }
}

static void test_round_trip(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(accepted); i++) {
                g_autoptr(CgroupPath) path = NULL, again = NULL;
                g_autofree char *text = NULL;

                g_assert_cmpint(cgroup_path_parse(accepted[i].text, "machine.slice", &path, NULL), ==, 0);
                text = cgroup_path_to_string(path);
                g_assert_true(g_str_has_suffix(text, accepted[i].text) || *accepted[i].text == ':');
                g_assert_cmpint(cgroup_path_parse(text, "other.slice", &again, NULL), ==, 0);
                g_assert_cmpstr(again->slice, ==, path->slice);
                g_assert_cmpstr(again->unit, ==, path->unit);
        }
}

static void test_is_slice(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(accepted); i++) {
                g_autoptr(CgroupPath) path = NULL;

                g_assert_cmpint(cgroup_path_parse(accepted[i].text, "machine.slice", &path, NULL), ==, 0);
                g_assert_cmpint(cgroup_path_is_slice(path), ==,
                        g_str_has_suffix(accepted[i].unit, ".slice"));
                g_assert_cmpstr(cgroup_path_home(path), ==,
                        cgroup_path_is_slice(path) ? accepted[i].unit : path->slice);
        }
}

/* One call of systemd-escape with every byte alone, first and second in a word, but '-' and '/'. */
static void test_escape_as_systemd(void) {
        g_autoptr(GPtrArray) command = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GString) ours = g_string_new(NULL);
        g_autofree char *theirs = NULL;
        g_autoptr(GError) error = NULL;
        int status;

        g_ptr_array_add(command, g_strdup("systemd-escape"));
        g_ptr_array_add(command, g_strdup("--"));
        for (int byte = 1; byte < 256; byte++) {
                if (strchr("-/", byte))
                        continue;
                g_ptr_array_add(command, g_strdup_printf("%c", byte));
                g_ptr_array_add(command, g_strdup_printf("%cx", byte));
                g_ptr_array_add(command, g_strdup_printf("x%c", byte));
        }
        for (guint i = 2; i < command->len; i++) {
                g_autofree char *escaped = unit_name_escape(command->pdata[i]);
                g_string_append_printf(ours, "%s%s", escaped, i + 1 < command->len ? " " : "\n");
        }
        g_ptr_array_add(command, NULL);

        (void) g_spawn_sync(NULL, (char **) command->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &theirs,
                NULL, &status, &error);
        g_assert_no_error(error);
        g_assert_cmpint(status, ==, 0);
        g_assert_cmpstr(ours->str, ==, theirs);
}

static void test_escape_keeps_dashes(void) {
        g_autofree char *escaped = unit_name_escape("-a-b--");

        g_assert_cmpstr(escaped, ==, "-a-b--");
}

static void test_slice_names(void) {
        static const char *const valid[] = {
                "-.slice", "a.slice", "machine.slice", "a-b-c.slice", "a_b.C9.slice", "a\\x2db.slice",
        };
        static const char *const invalid[] = {
                "", "slice", ".slice", "a", "a.scope", "--.slice", "-a.slice", ".a.slice", "a-.slice",
                "a--b.slice", "a.-b.slice", "a/b.slice", "a:b.slice", "a b.slice", "a@b.slice", "a..slice",
                "a.slice/", "a.slice\n", "\xff.slice",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(valid); i++)
                g_assert_true(slice_name_is_valid(valid[i]));
        for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++)
                g_assert_false(slice_name_is_valid(invalid[i]));
}

static void test_slice_ancestry(void) {
        static const struct {
                const char *slice, *ancestry;
        } table[] = {
                {"-.slice", ""},
                {"machine.slice", "machine.slice"},
                {"a-b.slice", "a.slice a-b.slice"},
                {"a-b-c.slice", "a.slice a-b.slice a-b-c.slice"},
                {"a.b-c.slice", "a.b.slice a.b-c.slice"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                g_auto(GStrv) slices = slice_ancestry(table[i].slice);
                g_autofree char *joined = g_strjoinv(" ", slices);
                g_assert_cmpstr(joined, ==, table[i].ancestry);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);

        g_test_add_func("/cgroup-path/every form names its slice and its unit", test_accepted);
        g_test_add_func("/cgroup-path/an empty slice is the default one, judged alike", test_default_slice);
        g_test_add_func("/cgroup-path/every other form is refused with its reason", test_refused);
        g_test_add_func("/cgroup-path/what is printed parses to the same unit", test_round_trip);
        g_test_add_func("/cgroup-path/a name in .slice makes a slice-domain", test_is_slice);
        g_test_add_func("/cgroup-path/every byte is escaped as systemd-escape does", test_escape_as_systemd);
        g_test_add_func("/cgroup-path/dashes are not escaped", test_escape_keeps_dashes);
        g_test_add_func("/cgroup-path/slice names follow systemd's grammar", test_slice_names);
        g_test_add_func("/cgroup-path/dashes of a slice name its ancestors", test_slice_ancestry);
        return g_test_run();
}
