/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/login.h over the made-up host. */

#include <errno.h>

#include "fakes/world.h"
#include "host/login.h"
#include "util/auto.h"
#include "util/errors.h"

struct Login {
        void (*going_down)(void *userdata, bool begins);
        void *userdata;
        bool delay, locked;
};

struct LoginCall {
        const char *method;
        LoginReply reply;
        void *userdata;
};

static Login *login_made;

static void login_lock(Login *login) {
        bool lock = login->delay && world.logind;

        if (lock != login->locked)
                note("logind %s", lock ? "is to wait" : "need not wait");
        login->locked = lock;
}

int login_new(
        sd_bus *bus, void (*going_down)(void *userdata, bool begins), void *userdata, Login **ret) {
        *ret = login_made = g_new0(Login, 1);
        *login_made = (Login) {.going_down = going_down, .userdata = userdata};
        return 0;
}

Login *login_free(Login *login) {
        g_free(login);
        return NULL;
}

void login_delay(Login *login, bool delay) {
        login->delay = delay;
        login_lock(login);
}

static void call_act_answer(void *data) {
        g_autofree LoginCall *call = data;
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        int r = 0;

        if (!world.logind)
                r = sd_bus_error_set(&error, VMM_ERROR_NOT_SUPPORTED, "There is no systemd-logind");
        else if (g_strcmp0(world.logind_refuses, call->method) == 0)
                r = sd_bus_error_setf(
                        &error, SD_BUS_ERROR_FAILED, "systemd-logind refused %s", call->method);
        call->reply(call->userdata, r, &error);
}

static int call_new(const char *method, LoginReply reply, void *userdata, LoginCall **ret) {
        *ret = g_new(LoginCall, 1);
        **ret = (LoginCall) {method, reply, userdata};
        if (world.logind)
                note("logind %s", method);
        happen(call_act_answer, *ret);
        return 0;
}

int login_check_power(Login *login, HostPower power, LoginReply reply, void *userdata, LoginCall **ret) {
        return call_new(power == HOST_REBOOT ? "CanReboot" : "CanPowerOff", reply, userdata, ret);
}

int login_power(Login *login, HostPower power, LoginReply reply, void *userdata, LoginCall **ret) {
        return call_new(power == HOST_REBOOT ? "Reboot" : "PowerOff", reply, userdata, ret);
}

LoginCall *login_call_cancel(LoginCall *call) {
        if (!call)
                return NULL;
        happen_not(call);
        g_free(call);
        return NULL;
}

void logind_comes(void) {
        world.logind = true;
        login_lock(login_made);
}

void logind_refuses(const char *call) {
        world.logind_refuses = call;
}

void logind_announces(bool going_down) {
        login_made->going_down(login_made->userdata, going_down);
}
