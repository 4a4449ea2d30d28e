/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is asked of systemd-logind, asynchronously: to power the machine off, and to wait for us before it
 * does so for somebody else. org.freedesktop.login1(5). Where there is none, nobody waits, and nothing
 * breaks. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

typedef struct Login Login;
typedef struct LoginCall LoginCall;

typedef enum HostPower { HOST_POWER_OFF, HOST_REBOOT, _HOST_POWER_MAX } HostPower;

/* r: 0, or negative with the reason. The call is gone then. */
typedef void (*LoginReply)(void *userdata, int r, const sd_bus_error *error);

/* going_down: logind says that the machine is about to go down, or that it will not after all. Returns 0 or
 * a negative errno. */
int login_new(
        sd_bus *bus, void (*going_down)(void *userdata, bool begins), void *userdata, Login **ret);
Login *login_free(Login *login);

/* Whether logind is to wait, for as long as its InhibitDelayMaxSec= allows. */
void login_delay(Login *login, bool delay);

/* Whether it would, and then really. Errors: NotSupported (no logind, or it cannot), or its own. */
int login_check_power(Login *login, HostPower power, LoginReply reply, void *userdata, LoginCall **ret);
int login_power(Login *login, HostPower power, LoginReply reply, void *userdata, LoginCall **ret);

/* The reply will not be called. Accepts NULL, returns NULL. */
LoginCall *login_call_cancel(LoginCall *call);
