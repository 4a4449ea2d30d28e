/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.example.VMManager1.Job: what is in flight. */

#include <stdio.h>

#include "bus/bus.h"
#include "util/auto.h"
#include "util/errors.h"

static int job_find(sd_bus *connection, const char *path, const char *interface, void *userdata,
        void **found, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autofree char *label = NULL;
        unsigned id;
        int end = 0;

        if (sd_bus_path_decode(path, BUS_PATH_JOB, &label) <= 0 || sscanf(label, "%u%n", &id, &end) != 1 ||
                label[end])
                return 0;
        *found = manager_find_job(bus->manager, id);
        return *found ? 1 : 0;
}

static int job_enumerate(
        sd_bus *connection, const char *prefix, void *userdata, char ***nodes, sd_bus_error *error) {
        Bus *bus = userdata;
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        GHashTableIter iter;
        void *item;

        g_hash_table_iter_init(&iter, bus->manager->jobs);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
                g_autofree char *path = bus_job_path(item);
                g_strv_builder_add(builder, path);
        }
        *nodes = g_strv_builder_end(builder);
        return 1;
}

/* The end of a canceled job is what the one who cancels waits for. */
static void on_canceled(void *userdata, int r, const sd_bus_error *error) {
        g_autoptr(sd_bus_message) m = userdata;

        (void) sd_bus_reply_method_return(m, NULL);
}

/* Who may begin a verb may cancel it. */
static const char *job_member(const Job *job) {
        static const char *const members[][2] = {
                {"create", "CreateDomain"},
                {"adopt", "AdoptProcesses"},
                {"pause", "Pause"},
                {"resume", "Resume"},
                {"shutdown", "Shutdown"},
                {"reboot", "Reboot"},
                {"stop", "Stop"},
                {"save", "Save"},
                {"restore", "RestoreDomain"},
                {"release", "Release"}, {"add", "AddProcess"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
                if (g_str_equal(members[i][0], job->kind->verb))
                        return members[i][1];
        return job->kind->verb;   /* which has no action, and so is denied */
}

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Job *job = userdata;
        uid_t uid;
        int r;

        r = authorize_domain_as(job->domain, m, job_member(job), &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = job_check_cancelable(job, error);
        if (r < 0)
                return r;
        job_add_waiter(job, false, on_canceled, sd_bus_message_ref(m));
        job_cancel(job);
        return 1;
}

/* By bytes where they are what takes the time, else by steps. */
static double job_progress(const Job *job) {
        return job->bytes_total > 0 ? (double) job->bytes_done / (double) job->bytes_total
                                    : (double) job->step / job->kind->n_steps;
}

#define DEFINE_JOB_PROPERTY(noun, signature, ...)                                                           \
        static int property_##noun(sd_bus *bus, const char *path, const char *interface, const char *name,  \
                sd_bus_message *reply, void *userdata, sd_bus_error *error) {                               \
                const Job *job = userdata;                                                                  \
                return sd_bus_message_append(reply, signature, __VA_ARGS__);                                \
        }

DEFINE_JOB_PROPERTY(id, "u", job->id)
DEFINE_JOB_PROPERTY(verb, "s", job->kind->verb)
DEFINE_JOB_PROPERTY(phase, "s", job->phase)
DEFINE_JOB_PROPERTY(progress, "d", job_progress(job))
DEFINE_JOB_PROPERTY(bytes_done, "t", job->bytes_done)
DEFINE_JOB_PROPERTY(bytes_total, "t", job->bytes_total)
DEFINE_JOB_PROPERTY(deadline, "t", job_deadline_realtime(job))
DEFINE_JOB_PROPERTY(requestor, "u", (uint32_t) job->requestor)

static int property_domain(sd_bus *bus, const char *path, const char *interface, const char *name,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Job *job = userdata;
        g_autofree char *domain = bus_domain_path(job->domain);

        return sd_bus_message_append(reply, "o", domain);
}

static const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Cancel", NULL, NULL, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Id", "u", property_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Domain", "o", property_domain, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Verb", "s", property_verb, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Phase", "s", property_phase, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "d", property_progress, 0, 0),
        SD_BUS_PROPERTY("DeadlineUSec", "t", property_deadline, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Requestor", "u", property_requestor, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("BytesDone", "t", property_bytes_done, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("BytesTotal", "t", property_bytes_total, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

const BusObject job_object = {BUS_PATH_JOB, BUS_INTERFACE("Job"), job_vtable, job_find, job_enumerate};
