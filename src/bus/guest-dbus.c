/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a virtual machine is asked over D-Bus: reads, checks, asks polkit, calls core once, and replies. */

#include "bus/bus.h"
#include "bus/guest-dbus.h"
#include "core/guest.h"
#include "util/auto.h"

/* ---- Power and keys. ---- */

typedef int (*AskVerb)(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error);

static int ask_verb(sd_bus_message *m, Domain *domain, AskVerb verb, sd_bus_error *error) {
        uid_t uid;
        int r;

        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, verb(domain, bus_verb_reply, sd_bus_message_ref(m), error));
}

int method_reset(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return ask_verb(m, userdata, domain_reset, error);
}

int method_inject_nmi(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return ask_verb(m, userdata, domain_inject_nmi, error);
}

int method_send_sysrq(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        const char *key;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "s", &key);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(
                m, domain_send_sysrq(domain, key, bus_verb_reply, sd_bus_message_ref(m), error));
}

static void strv_free_shallow(char ***strv) {
        g_strfreev(*strv);
}

int method_send_keys(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        __attribute__((__cleanup__(strv_free_shallow))) char **keys = NULL;
        Domain *domain = userdata;
        uint32_t hold_msec;
        uid_t uid;
        int r;

        r = sd_bus_message_read_strv(m, &keys);
        if (r >= 0)
                r = sd_bus_message_read(m, "u", &hold_msec);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(m, domain_send_keys(domain, keys ? keys : (char *[]) {NULL}, hold_msec,
                                          bus_verb_reply, sd_bus_message_ref(m), error));
}

/* ---- Memory and vCPUs. ---- */

int method_set_memory(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uint64_t bytes;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "t", &bytes);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(
                m, domain_set_memory(domain, bytes, bus_verb_reply, sd_bus_message_ref(m), error));
}

int method_set_max_memory(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uint64_t bytes;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "t", &bytes);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = domain_set_max_memory(domain, bytes, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

int method_set_vcpus(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        uint32_t n;
        uid_t uid;
        int r;

        r = sd_bus_message_read(m, "u", &n);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        return bus_verb_result(
                m, domain_set_vcpus(domain, n, uid, bus_verb_reply, sd_bus_message_ref(m), error));
}

/* ---- What is more than a yes: the domain is still there when the answer comes. ---- */

typedef struct Waiting {
        sd_bus_message *message;
        Domain *domain;
} Waiting;

static Waiting *waiting_new(sd_bus_message *m, Domain *domain) {
        Waiting *waiting = g_new(Waiting, 1);

        *waiting = (Waiting) {sd_bus_message_ref(m), domain};
        return waiting;
}

static sd_bus_message *waiting_end(Waiting *waiting) {
        sd_bus_message *m = waiting->message;

        g_free(waiting);
        return m;
}

static int reply_picture(sd_bus_message *m, Domain *domain) {
        g_autoptr(GBytes) picture = domain_screenshot(domain);
        g_autoptr(sd_bus_message) reply = NULL;
        size_t size;
        const void *data = g_bytes_get_data(picture, &size);
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', data, size);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_picture(void *userdata, int r, const sd_bus_error *error) {
        Waiting *waiting = userdata;
        Domain *domain = waiting->domain;
        g_autoptr(sd_bus_message) m = waiting_end(waiting);

        if (r >= 0)
                r = reply_picture(m, domain);
        if (r < 0)
                (void) sd_bus_reply_method_errno(m, r, error);
}

int method_screenshot(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Domain *domain = userdata;
        Waiting *waiting;
        uid_t uid;
        int r;

        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        waiting = waiting_new(m, domain);
        r = domain_take_screenshot(domain, on_picture, waiting, error);
        if (r >= 0)
                return 1;
        sd_bus_message_unref(waiting_end(waiting));
        return r;
}

static int reply_stats(sd_bus_message *m, const Domain *domain) {
        g_autoptr(sd_bus_message) reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = domain_append_stats(reply, domain);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* Also without what the guest would say. */
static void on_memory(void *userdata, int r, const sd_bus_error *error) {
        Waiting *waiting = userdata;
        Domain *domain = waiting->domain;
        g_autoptr(sd_bus_message) m = waiting_end(waiting);

        r = reply_stats(m, domain);
        if (r < 0)
                (void) sd_bus_reply_method_errno(m, r, NULL);
}

int method_get_stats(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        g_auto(sd_bus_error) silence = SD_BUS_ERROR_NULL;
        Domain *domain = userdata;
        Waiting *waiting = waiting_new(m, domain);

        if (domain_ask_memory(domain, on_memory, waiting, &silence) >= 0)
                return 1;
        sd_bus_message_unref(waiting_end(waiting));
        return reply_stats(m, domain);
}
