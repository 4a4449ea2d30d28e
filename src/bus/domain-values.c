/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of a domain as replies have them. No verb, no rule: what they mean is in the interface's XML. */

#include <string.h>

#include "bus/domain-values.h"
#include "core/guest.h"
#include "config/io-ports.h"
#include "util/auto.h"

#define BLOCKED_TASKS_MAX 1024u
#include "util/variant.h"

int append_vcpu(sd_bus_message *reply, const Vcpu *vcpu) {
        int r;

        r = sd_bus_message_open_container(reply, 'r', "uuautt");
        if (r >= 0)
                r = sd_bus_message_append(reply, "uu", vcpu->index, (uint32_t) vcpu->thread);
        if (r >= 0)
                r = sd_bus_message_append_array(
                        reply, 'u', vcpu->cpus->data, vcpu->cpus->len * sizeof(uint32_t));
        if (r >= 0)
                r = sd_bus_message_append(reply, "tt", vcpu->weight, vcpu->cpu_usage_nsec);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_counter(sd_bus_message *reply, const char *name, uint64_t value) {
        return value == CGROUP_UNKNOWN ? 0 : sd_bus_message_append(reply, "{sv}", name, "t", value);
}

/* QEMU leaves nobody behind, or it is not long for. */
bool domain_is_dying(const Domain *domain) {
        bool alone = domain->config->kind == DOMAIN_QEMU && domain->leader == 0;

        return domain->state == DOMAIN_STOPPING || (domain->state == DOMAIN_RUNNING && alone);
}

bool domain_is_blocked(const Domain *domain) {
        return domain->state == DOMAIN_RUNNING && domain->cgroup && !domain_is_slice(domain) &&
               cgroup_is_idle(domain->cgroup, BLOCKED_TASKS_MAX);
}

uint64_t domain_up_usec(const Domain *domain) {
        return domain->started_usec ? (uint64_t) g_get_real_time() - domain->started_usec : 0;
}

void domain_stats(const Domain *domain, CgroupStats *ret) {
        if (domain->cgroup)
                cgroup_read_stats(domain->cgroup, ret);
        else
                memset(ret, 0xff, sizeof *ret);   /* CGROUP_UNKNOWN each */
}

/* What the guest has told, if it has. */
static int append_guest_memory(sd_bus_message *reply, const Domain *domain) {
        const BackendMemory *memory = domain_memory(domain);
        const struct {
                const char *name;
                uint64_t value;
        } counters[] = {
                {"GuestStatsTimestamp", memory ? memory->updated_sec * G_USEC_PER_SEC : 0},
                {"GuestMemoryTotal", memory ? memory->total : 0},
                {"GuestMemoryFree", memory ? memory->free : 0},
                {"GuestMemoryAvailable", memory ? memory->available : 0},
                {"GuestMemoryCached", memory ? memory->caches : 0},
                {"GuestSwapIn", memory ? memory->swapped_in : 0},
                {"GuestSwapOut", memory ? memory->swapped_out : 0},
                {"GuestMajorFaults", memory ? memory->major_faults : 0},
                {"GuestMinorFaults", memory ? memory->minor_faults : 0},
        };
        int r = 0;

        if (!memory || memory->updated_sec == 0)
                return 0;
        for (size_t i = 0; i < G_N_ELEMENTS(counters) && r >= 0; i++)
                r = append_counter(reply, counters[i].name, counters[i].value);
        return r;
}

int domain_append_stats(sd_bus_message *reply, const Domain *domain) {
        CgroupStats stats;
        int r;

        domain_stats(domain, &stats);
        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = append_counter(reply, "UpTimeUSec", domain_up_usec(domain));
        if (r >= 0)
                r = append_counter(reply, "CPUUsageNSec", stats.cpu_usage_nsec);
        if (r >= 0)
                r = append_counter(reply, "MemoryCurrent", stats.memory_current);
        if (r >= 0)
                r = append_counter(reply, "TasksCurrent", stats.tasks_current);
        if (r >= 0)
                r = append_counter(reply, "IOReadBytes", stats.io_read_bytes);
        if (r >= 0)
                r = append_counter(reply, "IOWriteBytes", stats.io_write_bytes);
        if (r >= 0)
                r = append_guest_memory(reply, domain);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int append_uuid(sd_bus_message *reply, sd_id128_t uuid) {
        char text[SD_ID128_UUID_STRING_MAX];

        return sd_bus_message_append(reply, "s", sd_id128_to_uuid_string(uuid, text));
}

int append_cgroup_path(sd_bus_message *reply, const CgroupPath *path) {
        g_autofree char *text = cgroup_path_to_string(path);

        return sd_bus_message_append(reply, "s", text);
}

int append_image(sd_bus_message *reply, const DomainConfig *config) {
        const char *const image[][2] = {
                {"Kernel", config->kernel},
                {"Initrd", config->initrd},
                {"Root", config->root},
                {"Extra", config->extra},
                {"Firmware", config->firmware},
                {"Machine", machine_type_to_string(config->machine)},
                {"Accelerator", accelerator_to_string(config->accelerator)},
        };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{ss}");
        for (size_t i = 0; i < G_N_ELEMENTS(image) && r >= 0 && config->kind == DOMAIN_QEMU; i++)
                if (image[i][1])
                        r = sd_bus_message_append(reply, "{ss}", image[i][0], image[i][1]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The unified hierarchy is one for all of its controllers; it goes by the empty name, as in
 * /proc/PID/cgroup. */
int append_control_group_paths(sd_bus_message *reply, const Cgroup *cgroup) {
        g_autofree char *folder = cgroup ? cgroup_folder(cgroup) : NULL;
        g_autofree char *text = cgroup ? cgroup_read_file(cgroup, "cgroup.controllers") : NULL;
        g_auto(GStrv) controllers = g_strsplit(text ? g_strchomp(text) : "", " ", -1);
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{ss}");
        if (r >= 0 && cgroup)
                r = sd_bus_message_append(reply, "{ss}", "", folder);
        for (char **controller = controllers; cgroup && *controller && r >= 0; controller++)
                r = sd_bus_message_append(reply, "{ss}", *controller, folder);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int append_console_path(sd_bus_message *reply, const Domain *domain) {
        g_autofree char *path = domain->run_dir ? run_dir_path(domain->run_dir, "terminal") : g_strdup("");

        return sd_bus_message_append(reply, "s", path);
}

int append_blockers(sd_bus_message *reply, const GArray *blockers) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(uss)");
        for (unsigned i = 0; i < blockers->len && r >= 0; i++) {
                const CgroupBlocker *blocker = &g_array_index(blockers, CgroupBlocker, i);
                r = sd_bus_message_append(
                        reply, "(uss)", (uint32_t) blocker->pid, blocker->comm, blocker->why);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The nodes that people mean, and what they may be used for. */
int append_devices(sd_bus_message *reply, const Domain *domain) {
        GVariant *list = resources_lookup(domain->config->resources, "DeviceAllow");
        const char *specifier, *access;
        GVariantIter iter;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ss)");
        if (list)
                g_variant_iter_init(&iter, list);
        while (list && r >= 0 && g_variant_iter_next(&iter, "(&s&s)", &specifier, &access)) {
                g_autofree char *name = domain_device_name(domain, specifier);
                r = sd_bus_message_append(reply, "(ss)", name, access);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int append_attachments(sd_bus_message *reply, const Domain *domain, AttachmentKind kind) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (unsigned i = 0; i < domain->attachments->len && r >= 0; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];
                g_autoptr(GVariant) device = attachment_to_variant(attachment);

                if (attachment->kind == kind)
                        r = variant_append(reply, device);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int append_io_ports(sd_bus_message *reply, const DomainConfig *config) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(qq)");
        for (unsigned i = 0; i < config->io_ports->len && r >= 0; i++) {
                IoPortRange range = g_array_index(config->io_ports, IoPortRange, i);
                r = sd_bus_message_append(reply, "(qq)", range.first, range.last);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int append_job(sd_bus_message *reply, const Job *job) {
        g_autofree char *path = job ? bus_job_path(job) : g_strdup("/");

        return sd_bus_message_append(reply, "o", path);
}
