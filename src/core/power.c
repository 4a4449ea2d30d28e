/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who says that the machine goes down: somebody who calls us; logind, which waits for us a while; systemd,
 * which ends this daemon after the domains' scopes, but does not stop what is frozen (257). What thaws that
 * is the stop of a domain. */

#include <errno.h>

#include "core/machine.h"
#include "core/manager.h"
#include "core/power.h"
#include "core/stop-all.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

typedef struct Request {
        HostPower what;
        JobReply reply;
        void *userdata;
} Request;

struct Power {
        Manager *manager;
        Login *login;
        bool announced;            /* by logind */
        bool ending;               /* the daemon is, with all else */
        Request *request;
        LoginCall *call;           /* of the request */
        bool force;
        uid_t requestor;
        void (*quit)(void *userdata);
        void *quit_userdata;
};

/* ---- logind's announcement. ---- */

static void on_announced_done(void *userdata, const char *left) {
        Power *power = userdata;

        if (left)
                log_warning("The machine goes down, with domains left: %s", left);
        if (power->login)
                login_delay(power->login, false);
}

static void on_going_down(void *userdata, bool begins) {
        Power *power = userdata;

        power->announced = begins;
        if (begins) {
                log_info("The machine goes down, stopping %u domains",
                        g_hash_table_size(power->manager->by_uuid));
                stop_all_new(power->manager, false, 0, on_announced_done, power);
        } else
                power_follow(power);
}

void power_follow(Power *power) {
        if (power->login && !power->announced)
                login_delay(power->login, g_hash_table_size(power->manager->by_uuid) > 0);
}

bool power_is_going_down(const Power *power) {
        return power->announced || power->ending || power->request;
}

int power_new(Manager *manager, sd_bus *bus, Power **ret) {
        g_autofree Power *power = g_new0(Power, 1);
        int r = 0;

        power->manager = manager;
        if (bus)
                r = login_new(bus, on_going_down, power, &power->login);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&power);
        return 0;
}

/* ---- On request. ---- */

static void request_end(Power *power, int r, const sd_bus_error *error) {
        g_autofree Request *request = g_steal_pointer(&power->request);

        request->reply(request->userdata, r, error);
}

static void request_fail(Power *power, const char *name, const char *text) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = sd_bus_error_set(&error, name, text);

        request_end(power, r, &error);
}

/* From here on it is logind's. */
static void on_powered(void *userdata, int r, const sd_bus_error *error) {
        Power *power = userdata;

        power->call = NULL;
        request_end(power, r, error);
}

static void on_request_stopped(void *userdata, const char *left) {
        Power *power = userdata;
        int r;

        if (left) {
                g_autofree char *text = g_strdup_printf("The machine stays up: %s", left);
                request_fail(power, VMM_ERROR_STOP_TIMEOUT, text);
                return;
        }
        r = login_power(power->login, power->request->what, on_powered, power, &power->call);
        if (r < 0)
                request_fail(power, SD_BUS_ERROR_FAILED, g_strerror(-r));
}

static void on_checked(void *userdata, int r, const sd_bus_error *error) {
        Power *power = userdata;

        power->call = NULL;
        if (r < 0)
                request_end(power, r, error);
        else
                stop_all_new(power->manager, power->force, power->requestor, on_request_stopped, power);
}

int power_request(Power *power, HostPower what, bool force, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error) {
        int r;

        if (!power->login)
                return sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED,
                        "A user's own manager does not end the machine");
        if (power_is_going_down(power))
                return sd_bus_error_set(error, VMM_ERROR_BUSY, "The machine is going down already");
        r = login_check_power(power->login, what, on_checked, power, &power->call);
        if (r < 0)
                return r;
        power->force = force;
        power->requestor = requestor;
        power->request = g_new(Request, 1);
        *power->request = (Request) {what, reply, userdata};
        return 0;
}

/* ---- The end of the daemon. ---- */

static void quit_end(void *userdata) {
        Power *power = userdata;
        void (*quit)(void *userdata) = power->quit;

        power->quit = NULL;
        if (quit)
                quit(power->quit_userdata);
}

/* Domains that run on leave the register, because what stands for them there ends with us. */
static void quit_leave_register(Power *power) {
        if (!domains_leave_register(power->manager) ||
                machines_settle(power->manager->bus, quit_end, power) < 0)
                quit_end(power);
}

static void on_quit_stopped(void *userdata, const char *left) {
        if (left)
                log_warning("Ending, with domains left: %s", left);
        quit_leave_register(userdata);
}

static void on_units_state(void *userdata, const char *state) {
        Power *power = userdata;

        if (g_strcmp0(state, "stopping") != 0) {
                quit_leave_register(power);
                return;
        }
        log_info("systemd ends, stopping %u domains", g_hash_table_size(power->manager->by_uuid));
        power->ending = true;
        stop_all_new(power->manager, false, 0, on_quit_stopped, power);
}

void power_quit(Power *power, void (*done)(void *userdata), void *userdata) {
        bool again = power->quit;

        power->quit = done;
        power->quit_userdata = userdata;
        if (again || g_hash_table_size(power->manager->by_uuid) == 0 ||
                units_ask_state(power->manager->units, on_units_state, power) < 0)
                quit_end(power);
}

void power_abandon(Power *power) {
        power->quit = NULL;
        power->call = login_call_cancel(power->call);
        stop_all_abandon(power->manager);
        if (power->request)
                request_fail(power, VMM_ERROR_CANCELED, "The machine stays up: the manager is ending");
}

Power *power_free(Power *power) {
        if (!power)
                return NULL;
        login_free(power->login);
        g_free(power);
        return NULL;
}
