/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of device rules, and the allow-list that each comes to or why there is none. */

#include <errno.h>

#include "config/device-rules.h"
#include "util/auto.h"
#include "util/errors.h"

#define ANY DEVICE_ANY
#define R DEVICE_READ
#define W DEVICE_WRITE
#define M DEVICE_MKNOD
#define RWM DEVICE_ALL_ACCESS
#define ALLOW(...) {true, __VA_ARGS__}
#define DENY(...) {false, __VA_ARGS__}
#define ALL 'a', ANY, ANY, RWM

#define NO_DENIAL " cannot be denied while all others are allowed: systemd knows allowed devices only"

static const struct {
        const char *policy, *allow;   /* the result; or, without a policy, the reason why there is none */
        DeviceRule rules[8];
} lists[] = {
        {"strict", "@a(ss) []", {{0}}},
        {"strict", "[('/dev/char/10:232', 'rw')]", {ALLOW('c', 10, 232, R | W)}},
        {"strict", "[('/dev/block/8:0', 'rwm')]", {ALLOW('b', 8, 0, RWM)}},
        {"strict", "[('char-136', 'rwm')]", {ALLOW('c', 136, ANY, RWM)}},
        {"strict", "[('block-*', 'm'), ('char-*', 'm')]",
                {ALLOW('b', ANY, ANY, M), ALLOW('c', ANY, ANY, M)}},
        {"strict", "[('/dev/char/0:0', 'r'), ('/dev/char/1:3', 'w')]",
                {ALLOW('c', 0, 0, R), ALLOW('c', 1, 3, W)}},

        /* what container engines begin with */
        {"strict", "[('char-*', 'm'), ('/dev/char/1:3', 'rwm')]",
                {DENY(ALL), ALLOW('c', ANY, ANY, M), ALLOW('c', 1, 3, RWM)}},
        {"auto", "@a(ss) []", {DENY(ALL), ALLOW(ALL)}},
        {"auto", "@a(ss) []", {ALLOW('c', 1, 3, RWM), ALLOW(ALL)}},
        {"strict", "[('/dev/char/1:5', 'r')]", {ALLOW('c', 1, 3, RWM), DENY(ALL), ALLOW('c', 1, 5, R)}},

        /* one device in several rules */
        {"strict", "[('/dev/char/1:3', 'rwm')]", {ALLOW('c', 1, 3, R), ALLOW('c', 1, 3, W | M)}},
        {"strict", "[('/dev/char/1:3', 'rm')]", {ALLOW('c', 1, 3, RWM), DENY('c', 1, 3, W)}},
        {"strict", "@a(ss) []", {ALLOW('c', 1, 3, R | W), DENY('c', 1, 3, RWM)}},
        {"strict", "[('/dev/char/1:3', 'rwm')]",
                {ALLOW('c', 1, 3, RWM), DENY('c', 1, 3, RWM), ALLOW('c', 1, 3, RWM)}},
        {"strict", "[('/dev/char/1:3', 'rwm'), ('/dev/block/1:3', 'r')]",
                {ALLOW('c', 1, 3, RWM), ALLOW('b', 1, 3, RWM), DENY('b', 1, 3, W | M)}},

        /* a denial of more than was allowed takes all of it */
        {"strict", "[('/dev/char/10:5', 'rwm')]",
                {ALLOW('c', 1, 3, RWM), ALLOW('c', 1, 5, R), ALLOW('c', 10, 5, RWM),
                        DENY('c', 1, ANY, RWM)}},
        {"strict", "[('/dev/char/1:3', 'rwm')]",
                {ALLOW('c', 1, 3, RWM), ALLOW('c', 10, 5, R), DENY('c', ANY, 5, RWM)}},
        {"strict", "[('/dev/block/8:0', 'rwm'), ('char-136', 'r')]",
                {ALLOW('b', 8, 0, RWM), ALLOW('c', 136, ANY, RWM), DENY('c', ANY, ANY, W | M)}},

        /* a denial of what was not allowed says nothing */
        {"strict", "[('char-10', 'r')]", {ALLOW('c', 10, ANY, R), DENY('c', 10, 232, W)}},
        {"strict", "[('char-10', 'r')]",
                {ALLOW('c', 10, ANY, R), DENY('c', 11, 232, R), DENY('b', 10, 232, R)}},

        /* but a denial of a part cannot be followed */
        {NULL, "'c 10:232' cannot be taken out of 'c 10:*': systemd knows allowed devices only",
                {ALLOW('c', 10, ANY, RWM), DENY('c', 10, 232, R)}},
        {NULL, "'c 10:232' cannot be taken out of 'c *:*': systemd knows allowed devices only",
                {ALLOW('c', 1, 3, R), ALLOW('c', ANY, ANY, RWM), DENY('c', 10, 232, M)}},
        {NULL, "'c 10:*' cannot be taken out of 'c *:*': systemd knows allowed devices only",
                {ALLOW('c', ANY, ANY, RWM), DENY('c', 10, ANY, RWM)}},
        {NULL, "'c *:5' cannot be taken out of 'c 10:*': systemd knows allowed devices only",
                {ALLOW('c', 10, ANY, RWM), DENY('c', ANY, 5, RWM)}},
        {NULL, "'b *:1' cannot be allowed: systemd knows no minor number without a major one",
                {ALLOW('b', ANY, 1, RWM)}},

        /* nor can a list of what is denied, unless nothing is left of it */
        {NULL, "'c 10:200'" NO_DENIAL,
                {ALLOW(ALL), DENY('c', 10, 200, RWM)}},
        {NULL, "'c *:5'" NO_DENIAL,
                {ALLOW(ALL), DENY('c', ANY, 5, RWM)}},
        {NULL, "'c 10:200'" NO_DENIAL,
                {ALLOW(ALL), DENY('c', 10, 200, RWM), ALLOW('c', 10, 200, R)}},
        {"auto", "@a(ss) []", {ALLOW(ALL), DENY('c', 10, 200, RWM), ALLOW('c', 10, ANY, RWM)}},
        {"auto", "@a(ss) []", {ALLOW(ALL), ALLOW('c', 10, 200, RWM)}},
        {"strict", "@a(ss) []", {ALLOW(ALL), DENY('c', 10, 200, RWM), DENY(ALL)}},
};

static int list_result(const DeviceRule *list, const char **ret_policy, GVariant **ret_allow,
        sd_bus_error *error) {
        g_autoptr(DeviceRules) rules = device_rules_new();

        for (; list->type; list++) {
                int r = device_rules_apply(rules, list, error);
                if (r < 0)
                        return r;
        }
        return device_rules_result(rules, ret_policy, ret_allow, error);
}

static void test_lists(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                g_autoptr(GVariant) allow = NULL, wanted = NULL;
                const char *policy = NULL;
                int r = list_result(lists[i].rules, &policy, &allow, &error);

                g_test_message("%zu: %s", i, lists[i].allow);
                g_assert_cmpstr(policy, ==, lists[i].policy);
                if (!policy) {
                        g_assert_cmpint(r, ==, -EOPNOTSUPP);
                        g_assert_cmpstr(error.name, ==, VMM_ERROR_NOT_SUPPORTED);
                        g_assert_cmpstr(error.message, ==, lists[i].allow);
                        continue;
                }
                g_assert_cmpint(r, ==, 0);
                wanted = g_variant_ref_sink(g_variant_new_parsed(lists[i].allow));
                g_assert_cmpvariant(allow, wanted);
        }
}

/* A refused rule leaves the list as it was. */
static void test_refused_rule(void) {
        static const DeviceRule allowed[] = {ALLOW('c', 1, 3, RWM), ALLOW('c', 10, ANY, RWM)};
        static const DeviceRule refused[] = {DENY('c', ANY, 3, RWM), ALLOW('c', ANY, 3, RWM)};
        g_autoptr(GVariant) allow = NULL, wanted = NULL;
        g_autoptr(DeviceRules) rules = device_rules_new();
        const char *policy;

        for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++)
                g_assert_cmpint(device_rules_apply(rules, &allowed[i], NULL), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
                g_assert_cmpint(device_rules_apply(rules, &refused[i], NULL), ==, -EOPNOTSUPP);
        g_assert_cmpint(device_rules_result(rules, &policy, &allow, NULL), ==, 0);
        wanted = g_variant_ref_sink(g_variant_new_parsed("[('/dev/char/1:3', 'rwm'), ('char-10', 'rwm')]"));
        g_assert_cmpvariant(allow, wanted);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(errors_register(), >=, 0);

        g_test_add_func("/device-rules/rules come to a list of allowed devices, or a reason", test_lists);
        g_test_add_func("/device-rules/a refused rule changes nothing", test_refused_rule);
        return g_test_run();
}
