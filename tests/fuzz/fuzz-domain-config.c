/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whatever name, keys and values: they are refused with a reason that can go over D-Bus, or make a
 * configuration that keeps its promises. The input is a line with the name, then lines KEY=VALUE; lists are
 * separated by '|', and "!KEY" gives the text as it is, whatever type the key has. A line "adopted" does
 * what it says. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/domain-config.h"
#include "config/io-ports.h"
#include "fuzz.h"
#include "util/auto.h"
#include "util/errors.h"

static void check_refusal(int r, const sd_bus_error *error) {
        bool unsupported = sd_bus_error_has_name(error, VMM_ERROR_NOT_SUPPORTED);

        g_assert_cmpint(r, ==, unsupported ? -EOPNOTSUPP : -EINVAL);
        g_assert_true(unsupported || sd_bus_error_has_name(error, SD_BUS_ERROR_INVALID_ARGS) ||
                sd_bus_error_has_name(error, VMM_ERROR_INVALID_CONFIG) ||
                sd_bus_error_has_name(error, VMM_ERROR_INVALID_CGROUP_PATH));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

static void check_complete(const DomainConfig *config, bool adopted) {
        bool qemu = config->kind == DOMAIN_QEMU;
        unsigned before = 0;

        g_assert_nonnull(config->cgroup_path);
        g_assert_cmpuint(config->stop_plan.n_steps, >, 0);
        g_assert_cmpuint(config->pause_timeout_usec, >=, PAUSE_TIMEOUT_MIN_USEC);
        g_assert_cmpuint(config->pause_timeout_usec, <=, PAUSE_TIMEOUT_MAX_USEC);
        g_assert_true(qemu == ((config->kernel != NULL) != (config->firmware != NULL)));
        g_assert_true(config->kernel || (!config->initrd && !config->root && !config->extra));
        g_assert_true((!qemu && !adopted) == (config->command && *config->command));
        g_assert_true(qemu == (config->memory >= DOMAIN_MEMORY_MIN && config->vcpus >= 1));
        g_assert_true(!qemu || config->io_ports->len == 0);
        for (unsigned i = 0; i < config->io_ports->len; i++) {
                IoPortRange range = g_array_index(config->io_ports, IoPortRange, i);
                g_assert_cmpuint(range.first, <=, range.last);
                g_assert_true(i == 0 || range.first > before + 1);
                before = range.last;
        }
        g_assert_cmpuint(config->memory, <=, DOMAIN_MEMORY_MAX);
        g_assert_cmpuint(config->vcpus, <=, DOMAIN_VCPUS_MAX);
}

/* "60-64|80" */
static GArray *ports_parse(const char *text) {
        g_auto(GStrv) words = g_strsplit(text, "|", 0);
        GArray *ports = io_ports_new();

        for (char **word = words; *word; word++) {
                unsigned first = 0, last = 0;
                int n = sscanf(*word, "%x-%x", &first, &last);
                IoPortRange range = {(uint16_t) first, (uint16_t) (n == 2 ? last : first)};

                g_array_append_val(ports, range);
        }
        return ports;
}

/* Sets one key; what the text does not give in the key's type is given as a text. */
static int set_line(DomainConfig *config, char *line, sd_bus_error *error) {
        bool as_text = *line == '!';
        char *text = strchr(line, '=');
        g_autoptr(GArray) ports = NULL;
        g_auto(GStrv) list = NULL;
        const ConfigKey *key;
        ConfigValue value;
        StopPlan plan;

        if (!text)
                return 0;
        *text++ = '\0';
        key = domain_config_key(as_text ? line + 1 : line);
        if (!key)
                return 0;

        value.type = as_text ? CONFIG_STRING : key->type;
        if (value.type == CONFIG_STRV)
                value.strv = list = g_strsplit(text, "|", 0);
        else if (value.type == CONFIG_UINT32)
                value.uint32 = (uint32_t) g_ascii_strtoull(text, NULL, 10);
        else if (value.type == CONFIG_UINT64)
                value.uint64 = g_ascii_strtoull(text, NULL, 10);
        else if (value.type == CONFIG_BOOL)
                value.boolean = g_str_equal(text, "yes");
        else if (value.type == CONFIG_PORTS)
                value.ports = ports = ports_parse(text);
        else if (value.type == CONFIG_PLAN && stop_plan_parse(text, &plan, NULL) >= 0)
                value.plan = &plan;
        else {
                value.type = CONFIG_STRING;
                value.string = text;
        }
        return domain_config_set(config, key, &value, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = g_strndup((const char *) data, size);
        g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        g_autoptr(DomainConfig) config = NULL;
        static const StopPlan plans[_DOMAIN_KIND_MAX] = {{.n_steps = 1}, {.n_steps = 1}};
        ConfigDefaults defaults = {.slice = "machine.slice", .stop_plans = plans};
        int r;

        (void) errors_register();
        r = domain_config_new(*lines ? *lines : "", &config, &error);
        for (char **line = lines; r >= 0 && *line && line[1]; line++)
                if (g_str_equal(line[1], "adopted"))
                        defaults.adopted = true;
                else
                        r = set_line(config, line[1], &error);
        if (r >= 0)
                r = domain_config_complete(config, &defaults, &error);
        if (r >= 0)
                check_complete(config, defaults.adopted);
        else
                check_refusal(r, &error);
        return 0;
}
