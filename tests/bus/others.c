/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The others on the bus: its daemon, which knows who calls, and polkit. They answer as the test has told
 * them. */

#include "bench.h"
#include "util/auto.h"

static void bus_answer(Bench *bench, sd_bus_message *m) {
        const char *sender;
        void *uid;

        g_assert_cmpint(sd_bus_message_read(m, "s", &sender), >, 0);
        uid = g_hash_table_lookup(bench->callers, sender);
        if (g_hash_table_contains(bench->gone, sender))
                g_assert_cmpint(
                        sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "No such name"), >=,
                        0);
        else if (sd_bus_message_is_method_call(m, NULL, "GetNameOwner"))
                g_assert_cmpint(sd_bus_reply_method_return(m, "s", sender), >=, 0);
        else
                g_assert_cmpint(sd_bus_reply_method_return(m, "u", GPOINTER_TO_UINT(uid)), >=, 0);
}

static void polkit_answer(sd_bus_message *m, PolkitMood mood) {
        int r = 0;

        switch (mood) {
        case POLKIT_YES:
        case POLKIT_NO:
        case POLKIT_CHALLENGE:
                r = sd_bus_reply_method_return(
                        m, "(bba{ss})", mood == POLKIT_YES, mood == POLKIT_CHALLENGE, 0);
                break;
        case POLKIT_ABSENT:
                r = sd_bus_reply_method_errorf(m, SD_BUS_ERROR_SERVICE_UNKNOWN, "No such service");
                break;
        case POLKIT_FAILS:
                r = sd_bus_reply_method_errorf(m, "org.freedesktop.PolicyKit1.Error.Failed", "It is broken");
                break;
        case POLKIT_BABBLES:
                r = sd_bus_reply_method_return(m, "s", "yes");
                break;
        case POLKIT_WAITS:
                break;
        }
        g_assert_cmpint(r, >=, 0);
}

static void polkit_read(Bench *bench, sd_bus_message *m) {
        const char *kind, *sender, *action, *key, *value;
        g_autoptr(GString) line = g_string_new(NULL);
        uint32_t flags;

        g_assert_cmpint(sd_bus_message_read(m, "(sa{sv})s", &kind, 1, &key, "s", &sender, &action), >, 0);
        g_assert_cmpstr(kind, ==, "system-bus-name");
        g_assert_cmpstr(key, ==, "name");
        g_assert_true(g_str_has_prefix(action, BUS_NAME "."));
        g_string_append_printf(line, "polkit? %s: %s,", sender, action + strlen(BUS_NAME "."));
        g_assert_cmpint(sd_bus_message_enter_container(m, 'a', "{ss}"), >, 0);
        while (sd_bus_message_read(m, "{ss}", &key, &value) > 0) {
                const char *owner = text_uuid_owner(value, bench->names);

                g_string_append_printf(line, " %s %s%s", key, owner ? "of " : "",
                        owner    ? owner
                        : *value ? value
                                 : "-");
        }
        g_assert_cmpint(sd_bus_message_exit_container(m), >=, 0);
        g_assert_cmpint(sd_bus_message_read(m, "us", &flags, &value), >, 0);
        g_assert_cmpstr(value, ==, "");
        write_down(bench, "%s%s", line->str, flags & 1 ? ", interactive" : "");
}

int question_take(Bench *bench, sd_bus_message *m, bool polkit) {
        if (polkit)
                polkit_read(bench, m);
        if (polkit ? bench->polkit == POLKIT_WAITS : bench->bus_waits)
                g_queue_push_tail(&bench->questions, sd_bus_message_ref(m));
        else if (polkit)
                polkit_answer(m, bench->polkit);
        else
                bus_answer(bench, m);
        return 1;
}

static sd_bus_message *question_pop(Bench *bench, const char *interface) {
        for (GList *link = bench->questions.head; link; link = link->next) {
                sd_bus_message *m = link->data;

                if (!sd_bus_message_is_method_call(m, interface, NULL))
                        continue;
                g_queue_delete_link(&bench->questions, link);
                return m;
        }
        g_error("no question is open");
}

void bus_answers(Bench *bench) {
        g_autoptr(sd_bus_message) m = question_pop(bench, "org.freedesktop.DBus");

        bus_answer(bench, m);
        settle(bench);
}

void polkit_answers(Bench *bench, PolkitMood mood) {
        g_autoptr(sd_bus_message) m = question_pop(bench, "org.freedesktop.PolicyKit1.Authority");

        polkit_answer(m, mood);
        settle(bench);
}

void caller_is(Bench *bench, const char *sender, uid_t uid) {
        g_hash_table_insert(bench->callers, (void *) sender, GUINT_TO_POINTER(uid));
}

void caller_leaves(Bench *bench, const char *sender) {
        g_autoptr(sd_bus_message) m = NULL;

        g_hash_table_add(bench->gone, (void *) sender);
        g_assert_cmpint(sd_bus_message_new_signal(bench->client, &m, "/org/freedesktop/DBus",
                                "org.freedesktop.DBus", "NameOwnerChanged"),
                >=, 0);
        g_assert_cmpint(sd_bus_message_set_sender(m, "org.freedesktop.DBus"), >=, 0);
        g_assert_cmpint(sd_bus_message_append(m, "sss", sender, sender, ""), >=, 0);
        g_assert_cmpint(sd_bus_send(bench->client, m, NULL), >=, 0);
        settle(bench);
}
