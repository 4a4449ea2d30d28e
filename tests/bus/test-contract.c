/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon shows on the bus is what dbus-interfaces/ says: member by member, in the same order, both
 * ways. */

#include "bench.h"
#include "introspection.h"

static const char *line_of(const GPtrArray *members, unsigned i) {
        return ((const Member *) members->pdata[i])->text->str;
}

static bool has_line(const GPtrArray *members, const char *line) {
        for (unsigned i = 0; i < members->len; i++)
                if (g_str_equal(line_of(members, i), line))
                        return true;
        return false;
}

static void report_missing(const GPtrArray *here, const GPtrArray *there, const char *where) {
        for (unsigned i = 0; i < here->len; i++)
                if (!has_line(there, line_of(here, i)))
                        g_test_message("only %s: %s", where, line_of(here, i));
}

static void assert_as_written(Bench *bench, const char *object) {
        g_autoptr(GPtrArray) shown = introspect(bench, object, NULL), written = NULL;
        g_autofree char *file = g_strdup_printf("%s/%s.xml", CONTRACT_FOLDER, object_interface(object));
        g_autofree char *xml = NULL;
        g_autoptr(GError) error = NULL;
        bool same;

        (void) g_file_get_contents(file, &xml, NULL, &error);
        g_assert_no_error(error);
        written = introspection_parse(xml);
        g_assert_cmpuint(written->len, >, 0);
        same = shown->len == written->len;
        for (unsigned i = 0; i < shown->len && i < written->len; i++) {
                if (!same || g_str_equal(line_of(shown, i), line_of(written, i)))
                        continue;
                g_test_message("number %u is %s, not %s", i, line_of(shown, i), line_of(written, i));
                same = false;
        }
        report_missing(shown, written, "shown");
        report_missing(written, shown, "written");
        if (!same)
                g_test_fail();
}

static void test_manager(Bench *bench, gconstpointer data) {
        assert_as_written(bench, "manager");
}

static void test_node(Bench *bench, gconstpointer data) {
        assert_as_written(bench, "node");
}

static void test_domain(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        assert_as_written(bench, "web");
}

static void test_job(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        assert_as_written(bench, "job/2");
}

static void test_slice(Bench *bench, gconstpointer data) {
        create(bench, "web", CREATE_START);
        assert_as_written(bench, "slice/machine.slice");
}

static int on_objects(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Bench *bench = userdata;
        const char *path, *interface;

        g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}"), >, 0);
        while (sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
                g_autoptr(GString) line = g_string_new(NULL);

                g_assert_cmpint(sd_bus_message_read(reply, "o", &path), >, 0);
                g_autofree char *object = text_object(path, bench->names);
                g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "{sa{sv}}"), >, 0);
                while (sd_bus_message_enter_container(reply, 'e', "sa{sv}") > 0) {
                        g_assert_cmpint(sd_bus_message_read(reply, "s", &interface), >, 0);
                        if (g_str_has_prefix(interface, BUS_NAME))
                                g_string_append_printf(line, " %s", interface);
                        g_assert_cmpint(sd_bus_message_skip(reply, "a{sv}"), >=, 0);
                        g_assert_cmpint(sd_bus_message_exit_container(reply), >=, 0);
                }
                g_assert_cmpint(sd_bus_message_exit_container(reply), >=, 0);
                g_assert_cmpint(sd_bus_message_exit_container(reply), >=, 0);
                write_down(bench, "%s:%s", object, line->str);
        }
        return 0;
}

/* Everything is found from the root, and in one call. */
static void test_tree(Bench *bench, gconstpointer data) {
        g_auto(GStrv) nodes = NULL;

        create(bench, "web", CREATE_START);
        systemd_holds("FreezeUnit");
        call(bench, "web", "Pause", NULL);
        forget(bench);
        g_ptr_array_unref(introspect(bench, "manager", &nodes));
        for (char **node = nodes; *node; node++)
                write_down(bench, "node %s", *node);
        g_assert_cmpint(
                sd_bus_call_method_async(bench->client, NULL, NULL, BUS_PATH,
                        "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", on_objects, bench, NULL),
                >=, 0);
        expect(bench,
                "node job",
                "node slice",
                "node domain",
                "job/2: org.example.VMManager1.Job",
                "slice/machine.slice: org.example.VMManager1.Slice",
                "web: org.example.VMManager1.Domain");
}

/* A domain answers by its name as well, and under no other. */
static void test_names(Bench *bench, gconstpointer data) {
        create(bench, "web.1", CREATE_START);
        call(bench, "web.1", "Resume", NULL);
        call(bench, "manager", "GetDomain", "s", "web.1");
        call(bench, "web", "Resume", NULL);
        call(bench, "11111111222233334444555555555555", "Resume", NULL);
        call(bench, "job/99", "Cancel", NULL);
        expect(bench,
                "> web.1.Resume()",
                "< web.1.Resume()",
                "> GetDomain('web.1')",
                "< GetDomain(domain/web.1)",
                "> web.Resume()",
                "< web.Resume: UnknownObject: Unknown object '/org/example/VMManager1/domain/web'.",
                "> 11111111222233334444555555555555.Resume()",
                "< 11111111222233334444555555555555.Resume: UnknownObject: Unknown object "
                        "'/org/example/VMManager1/domain/_311111111222233334444555555555555'.",
                "> job/99.Cancel()",
                "< job/99.Cancel: UnknownObject: Unknown object '/org/example/VMManager1/job/99'.");
}

/* The same picture from each side. */
static void test_lists(Bench *bench, gconstpointer data) {
        call(bench, "manager", "ListDomains", NULL);
        expect(bench,
                "> ListDomains()",
                "< ListDomains([])");
        create(bench, "web", CREATE_START);
        call(bench, "manager", "ListDomains", NULL);
        call(bench, "web", "GetStats", NULL);
        call(bench, "manager", "GetStats", NULL);
        expect(bench,
                "> ListDomains()",
                "< ListDomains([('web', UUID of web, 'running', 101, 'vmm-web.scope', domain/web)])",
                "> web.GetStats()",
                "< web.GetStats({UpTimeUSec: set, CPUUsageNSec: 1000000, MemoryCurrent: 4096, "
                        "TasksCurrent: 1})",
                "> GetStats()",
                "< GetStats([(domain/web, {UpTimeUSec: set, CPUUsageNSec: 1000000, MemoryCurrent: 4096, "
                        "TasksCurrent: 1})])");
}

/* A user's manager offers what systemd was delegated for it, and not what the machine has. */
static void test_features(Bench *bench, gconstpointer data) {
        message_send(bench, message_new_get(bench, "manager", "Features"));
        g_assert_nonnull(strstr(bench->answer, data ? "UserMode: true" : "UserMode: false"));
        g_assert_nonnull(strstr(bench->answer, data ? "CgroupControllers: ['memory', 'pids']"
                                                    : "CgroupControllers: ['cpu', 'memory', 'pids']"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        BENCH_TEST("/contract/manager", test_manager);
        BENCH_TEST("/contract/node", test_node);
        BENCH_TEST("/contract/domain", test_domain);
        BENCH_TEST("/contract/job", test_job);
        BENCH_TEST("/contract/slice", test_slice);
        BENCH_TEST("/contract/tree", test_tree);
        BENCH_TEST("/contract/names", test_names);
        BENCH_TEST("/contract/lists", test_lists);
        BENCH_TEST("/contract/features", test_features);
        g_test_add("/contract/features-user", Bench, "user", bench_setup, test_features, bench_teardown);
        return g_test_run();
}
