/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What machinectl sends to the leader of a machine is a wish, which is fulfilled in a domain's own way. Any
 * other signal may have been meant for all that is the daemon's, and is no wish. */

#include <signal.h>

#include "core/machine.h"
#include "core/manager.h"
#include "util/auto.h"
#include "util/log.h"

/* What machinectl sends for poweroff and reboot. */
#define SIGNAL_POWER_OFF (SIGRTMIN + 4)
#define SIGNAL_REBOOT SIGINT

static void machine_reboot(Domain *domain) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        log_write(LOG_INFO, NULL, domain->config->name, "machined was asked to reboot it");
        if (domain_reboot(domain, 0, NULL, NULL, &error) < 0)
                log_write(LOG_NOTICE, NULL, domain->config->name, "It does not reboot: %s", error.message);
}

static void on_signalled(void *userdata, int signal) {
        Domain *domain = userdata;

        domain->machine = machine_unregister(domain->machine);
        if (signal == SIGNAL_POWER_OFF) {
                log_write(LOG_INFO, NULL, domain->config->name,
                        "machined was asked to power it off, following the stop plan");
                domain_stop_by_plan(domain, &domain->config->stop_plan, 0);
                return;
        }
        if (signal == SIGNAL_REBOOT)
                machine_reboot(domain);
        domain_enter_register(domain);
}

void domain_enter_register(Domain *domain) {
        Manager *manager = domain->manager;

        if (!manager->settings->register_machines || manager->user_mode || !domain->cgroup)
                return;
        (void) machine_register(manager->bus, manager->event,
                &(MachineSpec) {
                        .name = domain->config->name,
                        .id = domain->config->uuid,
                        .vm = domain->config->kind == DOMAIN_QEMU,
                        .cgroup = cgroup_path(domain->cgroup),
                },
                on_signalled, domain, &domain->machine);
}

bool domains_leave_register(Manager *manager) {
        GHashTableIter iter;
        void *item;
        bool any = false;

        manager->settings->register_machines = false;
        g_hash_table_iter_init(&iter, manager->by_uuid);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                Domain *domain = item;

                any |= domain->machine != NULL;
                domain->machine = machine_unregister(domain->machine);
        }
        return any;
}
