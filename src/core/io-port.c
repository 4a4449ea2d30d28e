/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which I/O ports of the machine belong to which domain: a record, kept so that no port has two owners. It
 * opens nothing: the kernel has no way to give ports to another process, and /dev/port, which is all of
 * them, is a device like any other. */

#include "config/io-ports.h"
#include "core/io-port.h"
#include "core/limits.h"
#include "core/manager.h"
#include "util/auto.h"
#include "util/errors.h"

static int io_ports_check_free(
        const Manager *manager, const Domain *self, IoPortRange range, sd_bus_error *error) {
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                const Domain *other = item;
                g_autofree char *text = NULL;
                IoPortRange common;

                if (other == self || !io_ports_overlap(other->config->io_ports, range, &common))
                        continue;
                text = io_port_range_to_string(common);
                return sd_bus_error_setf(error, VMM_ERROR_DEVICE_IN_USE,
                        "I/O ports %s belong to domain '%s'", text, other->config->name);
        }
        return 0;
}

int io_ports_check_new(const Manager *manager, const DomainConfig *config, sd_bus_error *error) {
        int r = 0;

        for (unsigned i = 0; i < config->io_ports->len && r >= 0; i++)
                r = io_ports_check_free(
                        manager, NULL, g_array_index(config->io_ports, IoPortRange, i), error);
        return r;
}

static int ports_check(const Domain *domain, IoPortRange range, sd_bus_error *error) {
        if (domain->config->kind == DOMAIN_QEMU)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "'%s' is a virtual machine: QEMU cannot give its guest I/O ports of the host",
                        domain->config->name);
        if (range.first > range.last)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "first: 0x%x is after last, 0x%x",
                        range.first, range.last);
        return domain_check_configurable(domain, error);
}

static int ports_changed(Domain *domain, int r, sd_bus_error *error) {
        if (r < 0)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "The I/O ports of '%s' would be more than %u ranges", domain->config->name,
                        IO_PORT_RANGES_MAX);
        domain_mark_changed(domain, DOMAIN_CHANGED_IO_PORTS);
        manager_flush(domain->manager);
        return 0;
}

int domain_grant_io_ports(Domain *domain, uint16_t first, uint16_t last, sd_bus_error *error) {
        IoPortRange range = {first, last};
        int r;

        r = ports_check(domain, range, error);
        if (r >= 0)
                r = io_ports_check_free(domain->manager, domain, range, error);
        if (r < 0)
                return r;
        if (io_ports_contain(domain->config->io_ports, range))
                return 0;
        return ports_changed(domain, io_ports_add(domain->config->io_ports, range), error);
}

int domain_revoke_io_ports(Domain *domain, uint16_t first, uint16_t last, sd_bus_error *error) {
        IoPortRange range = {first, last};
        int r = ports_check(domain, range, error);

        if (r < 0)
                return r;
        if (!io_ports_contain(domain->config->io_ports, range)) {
                g_autofree char *text = io_port_range_to_string(range);
                return sd_bus_error_setf(error, VMM_ERROR_NO_SUCH_DEVICE,
                        "I/O ports %s do not all belong to '%s'", text, domain->config->name);
        }
        return ports_changed(domain, io_ports_remove(domain->config->io_ports, range), error);
}
