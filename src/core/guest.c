/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks what may be asked, asks the backend, and keeps those who wait. What can be told in one answer is no
 * job: a guest that does not react must be looked at, and poked, while something else is being done to it.
 */

#include <inttypes.h>

#include "config/guest-keys.h"
#include "config/text.h"
#include "core/guest.h"
#include "core/manager.h"
#include "core/verbs.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* Somebody who waits for the backend. */
typedef struct Ask {
        Domain *domain;
        BackendCall *call;
        uint64_t memory;               /* the target, once it is done; 0: it is about something else */
        JobReply reply;
        void *userdata;
} Ask;

static void ask_free(void *item) {
        Ask *ask = item;

        backend_call_cancel(ask->call);
        g_free(ask);
}

void guest_init(Domain *domain) {
        domain->asks = g_ptr_array_new_with_free_func(ask_free);
}

void guest_free(Domain *domain) {
        g_clear_pointer(&domain->asks, g_ptr_array_unref);
}

static void ask_end(Ask *ask, int r, const sd_bus_error *error) {
        Domain *domain = ask->domain;
        JobReply reply = ask->reply;
        void *userdata = ask->userdata;

        if (r >= 0 && ask->memory > 0) {
                domain->config->memory = ask->memory;
                domain_mark_changed(domain, DOMAIN_CHANGED_MEMORY);
        }
        manager_flush(domain->manager);
        g_ptr_array_remove_fast(domain->asks, ask);
        reply(userdata, r, error);
}

void guest_ended(Domain *domain, const char *why) {
        while (domain->asks->len > 0) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
                int r = sd_bus_error_setf(&error, VMM_ERROR_NOT_RUNNING, "'%s' did not answer: %s",
                        domain->config->name, why);

                ask_end(domain->asks->pdata[0], r, &error);
        }
}

static void on_answer(void *userdata, int r, const sd_bus_error *error) {
        Ask *ask = userdata;

        ask->call = NULL;
        ask_end(ask, r, error);
}

static int check_machine(const Domain *domain, const char *what, sd_bus_error *error) {
        return domain->config->kind == DOMAIN_QEMU
                       ? 0
                       : sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                                 "Cannot %s '%s': it is not a virtual machine", what, domain->config->name);
}

/* what: as a person would say it, before the domain's name. */
static int ask_check(const Domain *domain, Verb verb, const char *what, sd_bus_error *error) {
        int r = check_machine(domain, what, error);

        if (r >= 0)
                r = verb_admit(domain, verb, what, error);
        if (r < 0)
                return r;
        if (domain->asks->len >= GUEST_ASKS_MAX)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "Cannot %s '%s': %u questions to it are open already", what, domain->config->name,
                        GUEST_ASKS_MAX);
        return 0;
}

static Ask *ask_new(Domain *domain, JobReply reply, void *userdata) {
        Ask *ask = g_new0(Ask, 1);

        *ask = (Ask) {.domain = domain, .reply = reply, .userdata = userdata};
        g_ptr_array_add(domain->asks, ask);
        return ask;
}

/* r: what the backend made of it. */
static int ask_begun(Ask *ask, int r) {
        if (r < 0)
                g_ptr_array_remove_fast(ask->domain->asks, ask);
        return r;
}

/* ---- Power and keys. ---- */

int domain_reset(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error) {
        int r = ask_check(domain, VERB_DEVICE, "reset", error);
        Ask *ask;

        if (r < 0)
                return r;
        log_write(LOG_INFO, NULL, domain->config->name, "Resetting on request");
        ask = ask_new(domain, reply, userdata);
        return ask_begun(
                ask, domain->backend->ops->reset(domain->backend, on_answer, ask, &ask->call, error));
}

int domain_send_sysrq(
        Domain *domain, const char *key, JobReply reply, void *userdata, sd_bus_error *error) {
        g_auto(GStrv) keys = guest_keys_of_sysrq(key);
        g_autofree char *quoted = text_quote(key);
        Ask *ask;
        int r;

        if (!keys)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "key: %s is not a SysRq key of the kernel", quoted);
        r = ask_check(domain, VERB_ASK, "send a SysRq key to", error);
        if (r < 0)
                return r;
        log_write(LOG_NOTICE, NULL, domain->config->name, "Sending SysRq-%s on request", key);
        ask = ask_new(domain, reply, userdata);
        return ask_begun(ask,
                domain->backend->ops->send_sysrq(domain->backend, key, on_answer, ask, &ask->call, error));
}

int domain_send_keys(Domain *domain, char *const *keys, uint32_t hold_msec, JobReply reply, void *userdata,
        sd_bus_error *error) {
        int r = guest_keys_check(keys, hold_msec, error);
        Ask *ask;

        if (r >= 0)
                r = ask_check(domain, VERB_ASK, "send keys to", error);
        if (r < 0)
                return r;
        ask = ask_new(domain, reply, userdata);
        return ask_begun(ask, domain->backend->ops->send_keys(domain->backend, keys, hold_msec, on_answer,
                                      ask, &ask->call, error));
}

int domain_inject_nmi(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error) {
        int r = ask_check(domain, VERB_ASK, "send an NMI to", error);
        Ask *ask;

        if (r < 0)
                return r;
        ask = ask_new(domain, reply, userdata);
        return ask_begun(
                ask, domain->backend->ops->inject_nmi(domain->backend, on_answer, ask, &ask->call, error));
}

/* ---- The display. ---- */

int domain_take_screenshot(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error) {
        int r = ask_check(domain, VERB_ASK, "take a screenshot of", error);
        Ask *ask;

        if (r < 0)
                return r;
        ask = ask_new(domain, reply, userdata);
        return ask_begun(
                ask, domain->backend->ops->take_picture(domain->backend, on_answer, ask, &ask->call, error));
}

GBytes *domain_screenshot(Domain *domain) {
        return domain->backend->ops->picture(domain->backend);
}

/* ---- Memory. ---- */

const BackendMemory *domain_memory(const Domain *domain) {
        const Backend *backend = domain->backend;

        return backend && backend->ops->memory ? backend->ops->memory(backend) : NULL;
}

int domain_ask_memory(Domain *domain, JobReply reply, void *userdata, sd_bus_error *error) {
        int r = ask_check(domain, VERB_ASK, "ask for the memory of", error);
        Ask *ask;

        if (r < 0)
                return r;
        ask = ask_new(domain, reply, userdata);
        return ask_begun(
                ask, domain->backend->ops->ask_memory(domain->backend, on_answer, ask, &ask->call, error));
}

static int check_size(uint64_t bytes, sd_bus_error *error) {
        if (bytes < DOMAIN_MEMORY_MIN || bytes > DOMAIN_MEMORY_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "bytes: %" PRIu64 " is not from %llu to %llu", bytes, DOMAIN_MEMORY_MIN,
                        DOMAIN_MEMORY_MAX);
        if (bytes % DOMAIN_MEMORY_STEP != 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "bytes: %" PRIu64 " is not a multiple of %llu", bytes, DOMAIN_MEMORY_STEP);
        return 0;
}

int domain_set_memory(Domain *domain, uint64_t bytes, JobReply reply, void *userdata, sd_bus_error *error) {
        int r = check_size(bytes, error);
        Ask *ask;

        if (r >= 0)
                r = ask_check(domain, VERB_DEVICE, "change the memory of", error);
        if (r < 0)
                return r;
        if (bytes > domain->config->max_memory)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "The memory of '%s' has the ceiling MaxMemory, %" PRIu64, domain->config->name,
                        domain->config->max_memory);
        ask = ask_new(domain, reply, userdata);
        ask->memory = bytes;
        return ask_begun(ask, domain->backend->ops->set_memory(domain->backend, bytes, on_answer, ask,
                                      &ask->call, error));
}

/* A target that is on its way counts, too. */
static uint64_t highest_target(const Domain *domain) {
        uint64_t target = domain->config->memory;

        for (unsigned i = 0; i < domain->asks->len; i++)
                target = MAX(target, ((const Ask *) domain->asks->pdata[i])->memory);
        return target;
}

int domain_set_max_memory(Domain *domain, uint64_t bytes, sd_bus_error *error) {
        static const char *const what = "change the memory of";
        int r = check_size(bytes, error);

        if (r >= 0)
                r = check_machine(domain, what, error);
        if (r >= 0)
                r = verb_admit(domain, VERB_CONFIGURE, what, error);
        if (r < 0)
                return r;
        if (bytes < highest_target(domain))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                        "bytes: %" PRIu64 " is less than the Memory of '%s', %" PRIu64, bytes,
                        domain->config->name, highest_target(domain));
        if (bytes > domain_memory(domain)->limit)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "'%s' was started with %" PRIu64 " bytes of memory, and cannot have more",
                        domain->config->name, domain_memory(domain)->limit);
        domain->config->max_memory = bytes;
        domain_mark_changed(domain, DOMAIN_CHANGED_MEMORY);
        manager_flush(domain->manager);
        return 0;
}

/* ---- vCPUs. ---- */

static int plug_run(Job *job) {
        Domain *domain = job->domain;

        return domain->backend->ops->set_vcpus(domain->backend, job->n_vcpus, job_backend_reply, job,
                &job->backend_call, &job->error);
}

static const JobStep set_vcpus_steps[] = {
        {"plugging", plug_run, .undo = NULL},
        {"placing the vCPUs", vcpus_run, .undo = NULL},
};

/* As many as there are, also when it stopped half-way. */
static void set_vcpus_ended(Job *job, bool done) {
        Domain *domain = job->domain;

        domain->config->vcpus = domain->backend->ops->n_vcpus(domain->backend);
        domain_mark_changed(domain, DOMAIN_CHANGED_VCPUS);
}

static const JobKind set_vcpus_kind = {
        .verb = "set-vcpus",
        .steps = set_vcpus_steps,
        .n_steps = G_N_ELEMENTS(set_vcpus_steps),
        .gone_error = VMM_ERROR_NOT_RUNNING,
        .ended = set_vcpus_ended,
};

int domain_set_vcpus(Domain *domain, uint32_t n, uid_t requestor, JobReply reply, void *userdata,
        sd_bus_error *error) {
        int r = ask_check(domain, VERB_DEVICE, "change the vCPUs of", error);
        Job *job;

        if (r < 0)
                return r;
        if (n < 1)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "vcpus: at least one is needed");
        if (n > domain->config->max_vcpus)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "'%s' has room for MaxVCPUs, %" PRIu32 ", vCPUs", domain->config->name,
                        domain->config->max_vcpus);
        if (n == domain->config->vcpus)
                return 1;
        job = job_new(domain, &set_vcpus_kind, requestor, DOMAIN_START_TIMEOUT_USEC);
        job->n_vcpus = n;
        job_add_waiter(job, false, reply, userdata);
        job_start(job);
        return 0;
}
