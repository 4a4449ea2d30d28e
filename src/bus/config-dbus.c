/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads what callers send and checks its types; what the values mean is the config room's business. */

#include <errno.h>
#include <fcntl.h>

#include "bus/config-dbus.h"
#include "config/io-ports.h"
#include "config/text.h"
#include "host/process.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/variant.h"

int plan_read(sd_bus_message *m, StopPlan *ret, sd_bus_error *error) {
        const char *step;
        uint64_t usec;
        StopPlan plan = {0};
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(st)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(st)", &step, &usec)) > 0) {
                r = stop_plan_append(&plan, step, usec, error);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        *ret = plan;
        return sd_bus_message_exit_container(m);
}

int plan_append(sd_bus_message *m, const StopPlan *plan) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "(st)");
        for (size_t i = 0; i < plan->n_steps && r >= 0; i++)
                r = sd_bus_message_append(
                        m, "(st)", stop_step_name(&plan->steps[i]), plan->steps[i].timeout_usec);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Like sd_bus_message_read_strv(), which takes time by the square of their number. */
static int strings_read(sd_bus_message *m, const char *key, char ***ret, sd_bus_error *error) {
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        const char *string;
        unsigned n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &string)) > 0) {
                if (++n > DOMAIN_ARGS_MAX)
                        return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG, "%s: more than %d entries",
                                key, DOMAIN_ARGS_MAX);
                g_strv_builder_add(builder, string);
        }
        if (r < 0)
                return r;
        *ret = g_strv_builder_end(builder);
        return sd_bus_message_exit_container(m);
}

static int ports_read(sd_bus_message *m, GArray *ports) {
        IoPortRange range;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(qq)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(qq)", &range.first, &range.last)) > 0)
                g_array_append_val(ports, range);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int value_read(sd_bus_message *m, const ConfigKey *key, DomainConfig *config, sd_bus_error *error) {
        ConfigValue value = {.type = key->type};
        g_autoptr(GVariant) settings = NULL;
        g_autoptr(GArray) ports = NULL;
        g_auto(GStrv) strings = NULL;
        StopPlan plan;
        int boolean, r;

        switch (key->type) {
        case CONFIG_STRING:
                r = sd_bus_message_read(m, "s", &value.string);
                break;
        case CONFIG_STRV:
                r = strings_read(m, key->name, &strings, error);
                value.strv = strings;
                break;
        case CONFIG_UINT32:
                r = sd_bus_message_read(m, "u", &value.uint32);
                break;
        case CONFIG_UINT64:
                r = sd_bus_message_read(m, "t", &value.uint64);
                break;
        case CONFIG_BOOL:
                r = sd_bus_message_read(m, "b", &boolean);
                value.boolean = r >= 0 && boolean;
                break;
        case CONFIG_PLAN:
                r = plan_read(m, &plan, error);
                value.plan = &plan;
                break;
        case CONFIG_SETTINGS:
        case CONFIG_SLICES:
        case CONFIG_DEVICES:
                r = variant_read(m, &settings);
                value.settings = settings;
                break;
        case CONFIG_PORTS:
                value.ports = ports = io_ports_new();
                r = ports_read(m, ports);
                break;
        default:
                g_assert_not_reached();
        }
        return r < 0 ? r : domain_config_set(config, key, &value, error);
}

static int entry_read(sd_bus_message *m, DomainConfig *config, sd_bus_error *error) {
        const char *name, *contents, *signature;
        const ConfigKey *key;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        key = domain_config_key(name);
        if (!key) {
                g_autofree char *quoted = text_quote(name);
                return sd_bus_error_setf(
                        error, SD_BUS_ERROR_INVALID_ARGS, "config: there is no key %s", quoted);
        }
        signature = config_type_signature(key->type);
        r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r < 0)
                return r;
        if (!g_str_equal(contents, signature))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "config: %s is of type '%s', not '%s'", name, signature, contents);
        r = sd_bus_message_enter_container(m, 'v', signature);
        if (r >= 0)
                r = value_read(m, key, config, error);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int config_read(sd_bus_message *m, DomainConfig *config, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = entry_read(m, config, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int resources_read(sd_bus_message *m, Resources **ret, sd_bus_error *error) {
        g_autoptr(GVariant) settings = NULL;
        int r = variant_read(m, &settings);

        return r < 0 ? r : resources_new_from(settings, RESOURCES_LIVE, ret, error);
}

int resources_append(sd_bus_message *m, const Resources *resources) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t i = 0; i < resources_size(resources) && r >= 0; i++) {
                GVariant *value;
                const ResourceProperty *property = resources_nth(resources, i, &value);
                g_autoptr(GVariant) entry = g_variant_ref_sink(g_variant_new("{sv}", property->name, value));

                r = variant_append(m, entry);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int process_read(sd_bus_message *m, char type, int *ret_pidfd, sd_bus_error *error) {
        uint32_t pid;
        pid_t ignored;
        int given, r;

        r = type == 'h' ? sd_bus_message_read(m, "h", &given) : sd_bus_message_read(m, "u", &pid);
        if (r <= 0)
                return r;
        if (type == 'u') {
                if (pid == 0 || pid > INT32_MAX || pidfd_new((pid_t) pid, ret_pidfd) < 0)
                        return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "pid: there is no process %u", pid);
                return 1;
        }
        if (pidfd_get_pid(given, &ignored) < 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                        "pidfd: it is no pidfd of a process that lives");
        *ret_pidfd = fcntl(given, F_DUPFD_CLOEXEC, 3);
        return *ret_pidfd < 0 ? -errno : 1;
}

int strv_reply(sd_bus_message *m, char **strings) {
        g_autoptr(sd_bus_message) reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, strings);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
