/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Saving a domain: the guest stands still, QEMU writes its memory and devices through a pipe, and what is at
 * the pipe's other end makes an image of it. Whatever goes wrong before that is whole, the domain is as it
 * was. The steps return as core/job.h says. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "config/config-variant.h"
#include "core/attachment.h"
#include "core/manager.h"
#include "core/save.h"
#include "core/verbs.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

typedef struct Saving {
        ImagePlace place;        /* its name and descriptor are ours */
        bool keep_running;
        bool was_paused;
        ImageWork *work;
        int pipe;                /* for QEMU */
        bool written, received;  /* by QEMU; at the other end */
} Saving;

static void saving_free(void *data) {
        Saving *saving = data;

        image_work_free(saving->work);
        fd_close(saving->pipe);
        fd_close(saving->place.fd);
        g_free((char *) saving->place.name);
        g_free(saving);
}

static Saving *saving_of(const Job *job) {
        return job->data;
}

int image_error(sd_bus_error *error, const ImagePlace *place, const char *what, int r) {
        g_autofree char *image = place->name ? g_strdup_printf("image '%s'", place->name)
                                             : g_strdup("the image");

        if (r == -ENOSPC || r == -EDQUOT || r == -EFBIG)
                return sd_bus_error_setf(error, VMM_ERROR_STORAGE_FULL, "Cannot %s %s: %s", what, image,
                        g_strerror(-r));
        if (r == -EBADMSG)
                return sd_bus_error_setf(error, VMM_ERROR_INVALID_CONFIG,
                        "Cannot %s %s: it is not whole, or was changed since it was written", what, image);
        if (r == -ESRCH)
                return sd_bus_error_setf(error, SD_BUS_ERROR_FAILED,
                        "Cannot %s %s: the program that does it has ended", what, image);
        return sd_bus_error_setf(
                error, SD_BUS_ERROR_FAILED, "Cannot %s %s: %s", what, image, g_strerror(-r));
}

/* ---- The guest stands still. A paused one's QEMU has to run for that. ---- */

static int unfreeze_run(Job *job) {
        return saving_of(job)->was_paused ? thaw_run(job) : JOB_GOES_ON;
}

static int unfreeze_undo(Job *job) {
        Domain *domain = job->domain;

        if (job->domain_gone || !saving_of(job)->was_paused)
                return JOB_GOES_ON;
        return unit_freeze(domain_units(domain), domain_unit(domain), job_unit_reply, job, &job->call) < 0
                       ? JOB_GOES_ON : JOB_WAITS;
}

static int hold_run(Job *job) {
        Domain *domain = job->domain;

        job_set_deadline(job, 0);
        /* Also when no answer comes: the monitor may act on it later. */
        domain->halted = true;
        return domain->backend->ops->hold(
                domain->backend, job_backend_reply, job, &job->backend_call, &job->error);
}

static int hold_undo(Job *job) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        Domain *domain = job->domain;

        if (job->domain_gone || saving_of(job)->was_paused || !domain->halted)
                return JOB_GOES_ON;
        domain->halted = false;
        return domain->backend->ops->proceed(
                       domain->backend, job_backend_reply, job, &job->backend_call, &error) < 0
                       ? JOB_GOES_ON : JOB_WAITS;
}

/* ---- The image. ---- */

static void finish(Job *job) {
        const Saving *saving = saving_of(job);

        if (!saving->written || !saving->received)
                return;
        job->final = job->outlives_domain = true;
        image_commit(saving->work);
}

static void on_received(void *userdata) {
        Job *job = userdata;

        saving_of(job)->received = true;
        finish(job);
}

static void on_image_done(void *userdata, int r) {
        Job *job = userdata;
        Saving *saving = saving_of(job);

        job->outlives_domain = false;
        if (r < 0) {
                job->final = false;
                r = image_error(&job->error, &saving->place, "write", r);
        }
        job->backend_call = backend_call_cancel(job->backend_call);
        job_continue(job, r < 0 ? r : JOB_GOES_ON, &job->error);
}

static const ImageObserver image_observer = {
        .received = on_received,
        .done = on_image_done,
};

static GBytes *header_of(const Domain *domain) {
        BackendMachine machine = domain->backend->ops->machine(domain->backend);
        g_autoptr(GVariant) definition = domain_config_to_variant(domain->config);

        return save_header_encode(&(SaveHeader) {
                .name = domain->config->name,
                .uuid = domain->config->uuid,
                .qemu_version = (char *) machine.version,
                .machine = (char *) machine.machine,
                .accelerator = machine.accelerator,
                .saved_usec = (uint64_t) g_get_real_time(),
                .definition = definition,
        });
}

static int image_run(Job *job) {
        Domain *domain = job->domain;
        Saving *saving = saving_of(job);
        g_autoptr(GBytes) header = header_of(domain);
        int r;

        if (!header)
                return sd_bus_error_setf(&job->error, VMM_ERROR_LIMIT_EXCEEDED,
                        "The configuration of '%s' is too long for an image", domain->config->name);
        r = image_write(domain->manager->event, &saving->place, header, &image_observer, job, &saving->pipe,
                &saving->work);
        return r < 0 ? image_error(&job->error, &saving->place, "write", r) : JOB_GOES_ON;
}

static int image_undo(Job *job) {
        Saving *saving = saving_of(job);

        saving->work = image_work_free(saving->work);
        saving->pipe = fd_close(saving->pipe);
        return JOB_GOES_ON;
}

static void on_written(void *userdata, int r, const sd_bus_error *error) {
        Job *job = userdata;

        saving_of(job)->written = r >= 0;
        job_backend_reply(job, r, error);
}

static int write_run(Job *job) {
        Domain *domain = job->domain;

        return domain->backend->ops->save(domain->backend, fd_steal(&saving_of(job)->pipe), on_written, job,
                &job->backend_call, &job->error);
}

/* Nobody reads the pipe any more, and then QEMU is told, too. */
static int write_undo(Job *job) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        Domain *domain = job->domain;

        (void) image_undo(job);
        if (job->domain_gone)
                return JOB_GOES_ON;
        return domain->backend->ops->stop_saving(
                       domain->backend, job_backend_reply, job, &job->backend_call, &error) < 0
                       ? JOB_GOES_ON : JOB_WAITS;
}

static int finish_run(Job *job) {
        finish(job);
        return JOB_WAITS;
}

/* ---- And then. ---- */

static int continue_run(Job *job) {
        const Saving *saving = saving_of(job);

        return saving->keep_running && !saving->was_paused && !job->domain_gone ? proceed_run(job)
                                                                                 : JOB_GOES_ON;
}

static int refreeze_run(Job *job) {
        const Saving *saving = saving_of(job);

        if (!saving->keep_running || !saving->was_paused || job->domain_gone)
                return JOB_GOES_ON;
        job_set_deadline(job, job->domain->config->pause_timeout_usec);
        return freeze_run(job);
}

/* Everything of it that counts is in the image: it need not be asked. */
static int end_run(Job *job) {
        Domain *domain = job->domain;

        if (saving_of(job)->keep_running)
                return JOB_GOES_ON;
        domain->failure = "saved";
        if (job->domain_gone)
                return JOB_GOES_ON;
        job->ends_domain = true;
        domain_asked_signal(domain, SIGKILL);
        return unit_kill(domain_units(domain), domain_unit(domain), SIGKILL, NULL, NULL, NULL);
}

static const JobStep save_steps[] = {
        {"thawing", unfreeze_run, thaw_poke, thaw_expire, unfreeze_undo},
        {"halting the guest", hold_run, .undo = hold_undo},
        {"preparing the image", image_run, .undo = image_undo},
        {"writing the memory", write_run, .undo = write_undo},
        {"finishing the image", finish_run, .undo = NULL},
        {"continuing the guest", continue_run, .undo = NULL},
        {"freezing", refreeze_run, freeze_poke, freeze_expire, NULL},
        {"ending", end_run, .undo = NULL},
};

static void save_ended(Job *job, bool done) {
        Domain *domain = job->domain;
        g_autofree char *text = done ? g_strdup("saved")
                                     : g_strconcat("could not be saved: ", job->error.message, NULL);

        domain_settle(domain, text);
        log_write(done ? LOG_INFO : LOG_WARNING, NULL, domain->config->name, "%s",
                done ? "Saved" : job->error.message);
        if (domain->ended || domain->state != DOMAIN_RUNNING || !domain->halted)
                return;
        domain->halted = false;
        (void) domain->backend->ops->proceed(domain->backend, NULL, NULL, NULL, NULL);
}

static const JobKind save_kind = {
        .verb = "save",
        .steps = save_steps,
        .n_steps = G_N_ELEMENTS(save_steps),
        .cancelable = true,
        .detached = true,
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = save_ended,
};

/* The definition is what a new QEMU is started with: one with other devices could not take the memory. */
static int check_devices(const Domain *domain, sd_bus_error *error) {
        unsigned n = 0;

        for (unsigned i = 0; i < domain->attachments->len; i++) {
                const Attachment *attachment = domain->attachments->pdata[i];

                if (attachment->state == ATTACHMENT_FAILED)
                        continue;
                if (attachment->state == ATTACHMENT_WAITING || attachment->state == ATTACHMENT_GOING)
                        return sd_bus_error_setf(error, VMM_ERROR_BUSY,
                                "Cannot save '%s': device '%s' is on its way", domain->config->name,
                                attachment->name);
                if (attachment->config_free)
                        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                                "Cannot save '%s': '%s' was attached after its start; detach it first",
                                domain->config->name, attachment->name);
                n++;
        }
        if (n < domain->config->disks->len + domain->config->networks->len)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Cannot save '%s': a device that it was started with is detached",
                        domain->config->name);
        return 0;
}

int domain_save(Domain *domain, const char *name, int fd, bool keep_running, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        Saving *saving;
        Job *job;
        int r;

        r = verb_admit(domain, VERB_SAVE, "save", error);
        if (r < 0)
                return r;
        if (!domain->backend->ops->save)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Cannot save '%s': processes of the host have no memory that could be saved",
                        domain->config->name);
        r = check_devices(domain, error);
        if (r < 0)
                return r;
        fd = name ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (!name && fd < 0)
                return -errno;
        saving = g_new0(Saving, 1);
        *saving = (Saving) {
                .place = {domain->manager->save_directory, g_strdup(name), fd},
                .keep_running = keep_running,
                .was_paused = domain->state == DOMAIN_PAUSED,
                .pipe = -1,
        };
        job = job_new(domain, &save_kind, requestor, domain->config->pause_timeout_usec);
        job->data = saving;
        job->data_free = saving_free;
        job_add_waiter(job, false, reply, userdata);
        domain_set_state(domain, DOMAIN_SAVING, "saving on request");
        job_start(job);
        return 0;
}
