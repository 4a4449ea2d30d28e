/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What begins with an image: it is checked as a whole before anything is made, then fed to a QEMU that waits
 * for it, and used up before its guest runs. The rest is in create.c. The steps return as core/job.h says.
 */

#include <errno.h>

#include "config/text.h"
#include "core/manager.h"
#include "core/save.h"
#include "core/verbs.h"
#include "util/auto.h"
#include "util/errors.h"

struct Restoring {
        ImagePlace place;         /* its name is ours, its descriptor is not there */
        int fd;
        SaveHeader *header;
        ImageWork *work;
        bool fed, loaded;         /* all was read, and was right; QEMU has it */
        bool used_up;
        char *failure;
};

Restoring *restoring_free(Restoring *restoring) {
        if (!restoring)
                return NULL;
        image_work_free(restoring->work);
        save_header_free(restoring->header);
        fd_close(restoring->fd);
        g_free((char *) restoring->place.name);
        g_free(restoring->failure);
        g_free(restoring);
        return NULL;
}

static void restoring_free_data(void *data) {
        (void) restoring_free(data);
}

const SaveHeader *restoring_header(const Restoring *restoring) {
        return restoring->header;
}

/* NULL: it begins without an image. */
static Restoring *restoring_of(const Job *job) {
        return job->data;
}

static int open_error(sd_bus_error *error, const ImagePlace *place, int r) {
        if (r == -ENOENT)
                return sd_bus_error_setf(error, SD_BUS_ERROR_FILE_NOT_FOUND,
                        "image: there is none named '%s'", place->name);
        if (r == -ESTALE)
                return sd_bus_error_setf(error, SD_BUS_ERROR_FILE_NOT_FOUND,
                        "image: '%s' was restored already", place->name);
        if (r == -EBADFD || r == -ELOOP)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                        "image: it is no regular file that can be read");
        return image_error(error, place, "open", r);
}

static int read_header(Restoring *restoring, sd_bus_error *error) {
        g_autoptr(GBytes) prefix = NULL, whole = NULL;
        uint64_t size;
        int r;

        r = image_read_start(restoring->fd, SAVE_PREFIX_BYTES, &prefix);
        if (r < 0)
                return image_error(error, &restoring->place, "read", r);
        r = save_header_size(g_bytes_get_data(prefix, NULL), g_bytes_get_size(prefix), &size, error);
        if (r < 0)
                return r;
        r = image_read_start(restoring->fd, size, &whole);
        if (r < 0)
                return image_error(error, &restoring->place, "read", r);
        return save_header_parse(
                g_bytes_get_data(whole, NULL), g_bytes_get_size(whole), &restoring->header, error);
}

int restoring_new(Manager *manager, const char *name, int fd, Restoring **ret, sd_bus_error *error) {
        g_autoptr(Restoring) restoring = g_new0(Restoring, 1);
        int r;

        *restoring = (Restoring) {.place = {manager->save_directory, g_strdup(name), -1}, .fd = -1};
        r = image_open(&(ImagePlace) {manager->save_directory, name, fd}, &restoring->fd);
        if (r < 0)
                return open_error(error, &restoring->place, r);
        r = read_header(restoring, error);
        if (r >= 0)
                *ret = g_steal_pointer(&restoring);
        return r;
}

/* ---- Checking. ---- */

static void on_progress(void *userdata, uint64_t bytes) {
        Job *job = userdata;

        job_set_progress(job, bytes, image_size(restoring_of(job)->fd));
}

static void on_checked(void *userdata, int r) {
        Job *job = userdata;
        Restoring *restoring = restoring_of(job);

        restoring->work = image_work_free(restoring->work);
        job_set_deadline(job, DOMAIN_START_TIMEOUT_USEC);
        if (r < 0)
                r = image_error(&job->error, &restoring->place, "restore", r);
        job_continue(job, r < 0 ? r : JOB_GOES_ON, &job->error);
}

int restore_check_run(Job *job) {
        static const ImageObserver observer = {.progress = on_progress, .done = on_checked};
        Restoring *restoring = restoring_of(job);
        int r;

        r = image_check(job->domain->manager->event, restoring->fd, &observer, job, &restoring->work);
        return r < 0 ? image_error(&job->error, &restoring->place, "check", r) : JOB_WAITS;
}

int restore_check_undo(Job *job) {
        Restoring *restoring = restoring_of(job);

        if (restoring)
                restoring->work = image_work_free(restoring->work);
        return JOB_GOES_ON;
}

/* ---- Loading: over when both ends of the pipe are content. ---- */

static void loaded(Job *job, int r, const sd_bus_error *error) {
        const Restoring *restoring = restoring_of(job);

        if (r < 0 || (restoring->fed && restoring->loaded)) {
                job->backend_call = backend_call_cancel(job->backend_call);
                job_continue(job, r < 0 ? r : JOB_GOES_ON, error);
        }
}

static void on_fed(void *userdata, int r) {
        Job *job = userdata;
        Restoring *restoring = restoring_of(job);

        restoring->work = image_work_free(restoring->work);
        restoring->fed = r >= 0;
        /* Why QEMU did not want it, QEMU tells. */
        if (r == -EPIPE)
                return;
        if (r < 0)
                r = image_error(&job->error, &restoring->place, "restore", r);
        loaded(job, r, &job->error);
}

static void on_loaded(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        job->backend_call = NULL;
        restoring_of(job)->loaded = r >= 0;
        loaded(job, r, error);
}

int restore_load_run(Job *job) {
        static const ImageObserver observer = {.progress = on_progress, .done = on_fed};
        Restoring *restoring = restoring_of(job);
        Domain *domain = job->domain;
        int pipe, r;

        if (!restoring)
                return JOB_GOES_ON;
        job_set_deadline(job, 0);
        r = image_feed(domain->manager->event, restoring->fd, restoring->header->size, &observer, job, &pipe,
                &restoring->work);
        if (r < 0)
                return image_error(&job->error, &restoring->place, "restore", r);
        return domain->backend->ops->load(
                domain->backend, pipe, on_loaded, job, &job->backend_call, &job->error);
}

int restore_load_undo(Job *job) {
        return restore_check_undo(job);
}

/* ---- Using it up. ---- */

int restore_take_run(Job *job) {
        Restoring *restoring = restoring_of(job);
        int r;

        if (!restoring)
                return JOB_GOES_ON;
        job_set_deadline(job, DOMAIN_START_TIMEOUT_USEC);
        if (!restoring->place.name)
                return JOB_GOES_ON;
        r = image_use_up(&restoring->place);
        restoring->used_up = r >= 0;
        return r < 0 ? image_error(&job->error, &restoring->place, "use up", r) : JOB_GOES_ON;
}

/* Its guest has not run yet. */
int restore_take_undo(Job *job) {
        Restoring *restoring = restoring_of(job);

        if (restoring && restoring->used_up)
                (void) image_put_back(&restoring->place);
        return JOB_GOES_ON;
}

const char *restore_failure(Job *job) {
        Restoring *restoring = restoring_of(job);

        g_free(restoring->failure);
        restoring->failure = g_strconcat("could not be restored: ", job->error.message, NULL);
        return restoring->failure;
}

/* ---- */

int domain_restore(Domain *domain, Restoring *restoring, bool start, JobReply reply, void *userdata,
        sd_bus_error *error) {
        g_autoptr(Restoring) taken = restoring;
        const SaveHeader *header = restoring->header;
        int r;

        if (!domain->backend || !domain->backend->ops->expect)
                return sd_bus_error_set(
                        error, VMM_ERROR_INVALID_CONFIG, "image: its definition is of no virtual machine");
        r = domain->backend->ops->expect(domain->backend,
                &(BackendMachine) {header->qemu_version, header->machine, header->accelerator}, error);
        if (r < 0)
                return r;
        return domain_create_from(
                domain, g_steal_pointer(&taken), restoring_free_data, start, reply, userdata, error);
}
