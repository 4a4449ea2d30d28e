/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls to logind, its signals, and the lock that makes it wait. Decides nothing. */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>

#include "host/login.h"
#include "util/auto.h"
#include "util/errors.h"

#define LOGIN_NAME "org.freedesktop.login1"
#define LOGIN_PATH "/org/freedesktop/login1"
#define LOGIN_MANAGER LOGIN_NAME ".Manager"

struct Login {
        sd_bus *bus;
        void (*going_down)(void *userdata, bool begins);
        void *userdata;
        bool delay;               /* it is to wait */
        int lock;                 /* while it does; -1 */
        sd_bus_slot *match_going_down, *match_owner, *inhibit;
};

struct LoginCall {
        HostPower power;
        bool check;
        sd_bus_slot *slot;
        LoginReply reply;
        void *userdata;
};

static const char *const power_methods[] = {
        [HOST_POWER_OFF] = "PowerOff",
        [HOST_REBOOT] = "Reboot",
};

/* ---- The lock. ---- */

static int on_inhibited(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Login *login = userdata;
        int lock;

        login->inhibit = sd_bus_slot_unref(login->inhibit);
        if (login->delay && !sd_bus_message_is_method_error(reply, NULL) &&
                sd_bus_message_read(reply, "h", &lock) >= 0)
                login->lock = fcntl(lock, F_DUPFD_CLOEXEC, 3);
        return 0;
}

/* Nobody is started for it: without a logind nobody announces that the machine goes down. */
static void login_inhibit(Login *login) {
        g_autoptr(sd_bus_message) m = NULL;

        if (!login->delay || login->lock >= 0 || login->inhibit)
                return;
        if (sd_bus_message_new_method_call(
                    login->bus, &m, LOGIN_NAME, LOGIN_PATH, LOGIN_MANAGER, "Inhibit") >= 0 &&
                sd_bus_message_set_auto_start(m, false) >= 0 &&
                sd_bus_message_append(m, "ssss", "shutdown", "vmmanagerd",
                        "Domains are stopped by their plans", "delay") >= 0)
                (void) sd_bus_call_async(login->bus, &login->inhibit, m, on_inhibited, login, 0);
}

void login_delay(Login *login, bool delay) {
        login->delay = delay;
        if (delay)
                login_inhibit(login);
        else
                login->lock = fd_close(login->lock);
}

static int on_going_down(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Login *login = userdata;
        int begins;

        if (sd_bus_message_read(m, "b", &begins) >= 0)
                login->going_down(login->userdata, begins);
        return 0;
}

/* One that comes later is told, too. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *owner;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) >= 0 && *owner)
                login_inhibit(userdata);
        return 0;
}

int login_new(
        sd_bus *bus, void (*going_down)(void *userdata, bool begins), void *userdata, Login **ret) {
        Login *login = g_new0(Login, 1);
        int r;

        *login = (Login) {
                .bus = sd_bus_ref(bus), .going_down = going_down, .userdata = userdata, .lock = -1};
        r = sd_bus_match_signal_async(bus, &login->match_going_down, LOGIN_NAME, LOGIN_PATH, LOGIN_MANAGER,
                "PrepareForShutdown", on_going_down, NULL, login);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, &login->match_owner,
                        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                        "member='NameOwnerChanged',arg0='" LOGIN_NAME "'",
                        on_owner_changed, NULL, login);
        if (r < 0) {
                login_free(login);
                return r;
        }
        *ret = login;
        return 0;
}

Login *login_free(Login *login) {
        if (!login)
                return NULL;
        sd_bus_slot_unref(login->match_going_down);
        sd_bus_slot_unref(login->match_owner);
        sd_bus_slot_unref(login->inhibit);
        fd_close(login->lock);
        sd_bus_unref(login->bus);
        g_free(login);
        return NULL;
}

/* ---- Power. ---- */

static void call_free(LoginCall *call) {
        sd_bus_slot_unref(call->slot);
        g_free(call);
}

LoginCall *login_call_cancel(LoginCall *call) {
        if (call)
                call_free(call);
        return NULL;
}

static int answer_translate(const LoginCall *call, sd_bus_message *answer, sd_bus_error *ret) {
        const sd_bus_error *error = sd_bus_message_get_error(answer);
        const char *method = power_methods[call->power], *verdict;

        if (error && call->check)
                return sd_bus_error_setf(ret, VMM_ERROR_NOT_SUPPORTED,
                        "There is no systemd-logind to ask on this host: %s",
                        error->message ? error->message : error->name);
        if (error)
                return sd_bus_error_setf(ret, SD_BUS_ERROR_FAILED, "systemd-logind refused %s: %s", method,
                        error->message ? error->message : error->name);
        if (call->check && (sd_bus_message_read(answer, "s", &verdict) < 0 || !g_str_equal(verdict, "yes")))
                return sd_bus_error_setf(ret, VMM_ERROR_NOT_SUPPORTED,
                        "systemd-logind would refuse %s on this host", method);
        return 0;
}

static int on_answer(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error) {
        LoginCall *call = userdata;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = answer_translate(call, answer, &error);
        LoginReply reply = call->reply;
        void *for_whom = call->userdata;

        call_free(call);
        reply(for_whom, r, &error);
        return 0;
}

static int call_send(
        Login *login, HostPower power, bool check, LoginReply reply, void *userdata, LoginCall **ret) {
        g_autoptr(sd_bus_message) m = NULL;
        g_autofree char *method = g_strconcat(check ? "Can" : "", power_methods[power], NULL);
        LoginCall *call = g_new0(LoginCall, 1);
        int r;

        *call = (LoginCall) {.power = power, .check = check, .reply = reply, .userdata = userdata};
        r = sd_bus_message_new_method_call(login->bus, &m, LOGIN_NAME, LOGIN_PATH, LOGIN_MANAGER, method);
        if (r >= 0 && !check)
                r = sd_bus_message_append(m, "b", 0);   /* nobody is asked by it: we have asked */
        if (r >= 0)
                r = sd_bus_call_async(login->bus, &call->slot, m, on_answer, call, 0);
        if (r < 0) {
                call_free(call);
                return r;
        }
        *ret = call;
        return 0;
}

int login_check_power(Login *login, HostPower power, LoginReply reply, void *userdata, LoginCall **ret) {
        return call_send(login, power, true, reply, userdata, ret);
}

int login_power(Login *login, HostPower power, LoginReply reply, void *userdata, LoginCall **ret) {
        return call_send(login, power, false, reply, userdata, ret);
}
