/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Saving and restoring over D-Bus. Both reply with a job as soon as it has begun, as they take their time;
 * what fails before that is an error of the method. */

#include <errno.h>

#include "bus/bus.h"
#include "bus/save-dbus.h"
#include "config/config-variant.h"
#include "config/text.h"
#include "core/save.h"
#include "util/auto.h"
#include "util/errors.h"

/* Flags of Save. */
enum {
        SAVE_KEEP_RUNNING = 1 << 0,
};

/* A job that is replied with, and may be over before. */
typedef struct Beginning {
        bool over, replied;
        int r;
        sd_bus_error error;
} Beginning;

static void beginning_free(Beginning *beginning) {
        sd_bus_error_free(&beginning->error);
        g_free(beginning);
}

static void on_over(void *userdata, int r, const sd_bus_error *error) {
        Beginning *beginning = userdata;

        if (beginning->replied) {
                beginning_free(beginning);
                return;
        }
        beginning->over = true;
        beginning->r = r;
        if (r < 0)
                (void) sd_bus_error_copy(&beginning->error, error);
}

/* r: what core returned; the job is gone when it is over. The beginning is taken. */
static int reply_job(
        sd_bus_message *m, int r, Beginning *beginning, const char *path, sd_bus_error *error) {
        if (r >= 0 && beginning->over && beginning->r < 0)
                r = sd_bus_error_copy(error, &beginning->error);
        if (r >= 0)
                r = sd_bus_reply_method_return(m, "o", path);
        if (r < 0 || beginning->over)
                beginning_free(beginning);
        else
                beginning->replied = true;
        return r;
}

/* The path of the newest job. */
static char *newest_job_path(const Manager *manager) {
        return g_strdup_printf("%s/%u", BUS_PATH_JOB, manager->last_job_id);
}

static int read_name(sd_bus_message *m, const char **ret, sd_bus_error *error) {
        const char *problem;
        int r = sd_bus_message_read(m, "s", ret);

        if (r < 0)
                return r;
        problem = save_name_problem(*ret);
        if (problem) {
                g_autofree char *quoted = text_quote(*ret);
                return sd_bus_error_setf(
                        error, SD_BUS_ERROR_INVALID_ARGS, "image: %s %s", quoted, problem);
        }
        return 0;
}

/* The image: a name, or a descriptor, which stays the message's. */
static int read_image(
        sd_bus_message *m, char type, const char **ret_name, int *ret_fd, sd_bus_error *error) {
        *ret_name = NULL;
        *ret_fd = -1;
        return type == 's' ? read_name(m, ret_name, error) : sd_bus_message_read(m, "h", ret_fd);
}

/* ---- Save. ---- */

static int save(sd_bus_message *m, Domain *domain, char type, sd_bus_error *error) {
        Manager *manager = domain->manager;
        g_autofree char *path = NULL;
        Beginning *beginning;
        const char *name;
        uint64_t flags;
        uid_t uid;
        int fd, r;

        r = read_image(m, type, &name, &fd, error);
        if (r >= 0)
                r = sd_bus_message_read(m, "t", &flags);
        if (r >= 0)
                r = bus_check_flags(flags, SAVE_KEEP_RUNNING, error);
        if (r < 0)
                return r;
        r = authorize_domain_as(domain, m, NULL, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        beginning = g_new0(Beginning, 1);
        r = domain_save(domain, name, fd, flags & SAVE_KEEP_RUNNING, uid, on_over, beginning, error);
        path = newest_job_path(manager);
        return reply_job(m, r, beginning, path, error);
}

int method_save(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return save(m, userdata, 's', error);
}

int method_save_fd(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return save(m, userdata, 'h', error);
}

/* ---- Restore. ---- */

static int read_options(sd_bus_message *m, bool *ret_start, sd_bus_error *error) {
        int start = 0, r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name, *contents;

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = sd_bus_message_peek_type(m, NULL, &contents);
                if (r < 0)
                        return r;
                if (!g_str_equal(name, "Start")) {
                        g_autofree char *quoted = text_quote(name);
                        return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "options: there is no option %s", quoted);
                }
                if (!g_str_equal(contents, "b"))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "options: Start is of type 'b', not '%s'", contents);
                r = sd_bus_message_read(m, "v", "b", &start);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        *ret_start = start;
        return sd_bus_message_exit_container(m);
}

/* The definition under the name it is to have now; its UUID is what it was. */
static int config_from(
        Bus *bus, const char *name, const SaveHeader *header, DomainConfig **ret, sd_bus_error *error) {
        const ManagerConfig *settings = bus->manager->settings;
        g_autoptr(DomainConfig) config = NULL;
        int r;

        r = domain_config_new(name, &config, error);
        if (r >= 0)
                r = domain_config_set_variant(config, header->definition, error);
        if (r >= 0)
                r = domain_config_complete(config,
                        &(ConfigDefaults) {settings->default_slice, settings->stop_plans, false}, error);
        if (r < 0)
                return r;
        if (!sd_id128_equal(config->uuid, header->uuid))
                return sd_bus_error_set(
                        error, VMM_ERROR_INVALID_CONFIG, "image: its header names two UUIDs");
        *ret = g_steal_pointer(&config);
        return 0;
}

/* An image is a definition, too: whoever restores one has to be allowed to create that domain. */
static int authorize_creation(
        Bus *bus, sd_bus_message *m, const DomainConfig *config, uid_t *ret_uid, sd_bus_error *error) {
        char uuid[SD_ID128_UUID_STRING_MAX];

        return authorize(bus->authority, m,
                &(AuthorityDetails) {
                        .domain = config->name,
                        .uuid = sd_id128_to_uuid_string(config->uuid, uuid),
                        .slice = cgroup_path_home(config->cgroup_path),
                        .member = "CreateDomain",
                        .also = true,
                },
                ret_uid, error);
}

/* Opens the image for whoever may look into any, and asks whether they may have what is in it. Returns as
 * authorize(). */
static int restore_prepare(Bus *bus, sd_bus_message *m, const char *name, const char *image, int fd,
        Restoring **ret, DomainConfig **ret_config, uid_t *ret_uid, sd_bus_error *error) {
        g_autoptr(Restoring) restoring = NULL;
        g_autoptr(DomainConfig) config = NULL;
        int r;

        r = authorize(bus->authority, m,
                &(AuthorityDetails) {.domain = name, .uuid = "", .slice = ""}, ret_uid, error);
        if (r <= 0)
                return r;
        r = restoring_new(bus->manager, image, fd, &restoring, error);
        if (r >= 0)
                r = config_from(bus, name, restoring_header(restoring), &config, error);
        if (r >= 0)
                r = authorize_creation(bus, m, config, ret_uid, error);
        if (r <= 0)
                return r;
        *ret = g_steal_pointer(&restoring);
        *ret_config = g_steal_pointer(&config);
        return 1;
}

static int restore(sd_bus_message *m, Bus *bus, char type, sd_bus_error *error) {
        g_autoptr(Restoring) restoring = NULL;
        g_autoptr(DomainConfig) config = NULL;
        g_autofree char *path = NULL;
        const char *name, *image;
        Beginning *beginning;
        Domain *domain;
        bool start = false;
        uid_t uid;
        int fd, r;

        r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = read_image(m, type, &image, &fd, error);
        if (r >= 0)
                r = read_options(m, &start, error);
        if (r < 0)
                return r;
        r = restore_prepare(bus, m, name, image, fd, &restoring, &config, &uid, error);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = manager_check_limits(bus->manager, uid, error);
        if (r >= 0)
                r = domain_new(bus->manager, g_steal_pointer(&config), uid, &domain, error);
        if (r < 0)
                return r;
        beginning = g_new0(Beginning, 1);
        r = domain_restore(domain, g_steal_pointer(&restoring), start, on_over, beginning, error);
        if (r < 0)
                domain_free(domain);
        path = newest_job_path(bus->manager);
        return reply_job(m, r, beginning, path, error);
}

int method_restore_domain(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return restore(m, userdata, 's', error);
}

int method_restore_domain_fd(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return restore(m, userdata, 'h', error);
}
