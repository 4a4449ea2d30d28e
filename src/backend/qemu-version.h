/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which QEMU this host has, from what it says of itself: "QEMU emulator version 7.2.19 (Debian ...)". */

#include "backend/backend.h"
#include "host/program.h"

/* 7, 2 and ".19 (Debian ...)"; the rest is empty when it is not fit to be shown. Returns 0 or -EBADMSG. */
int qemu_version_parse(const char *text, int *ret_major, int *ret_minor, char **ret_rest);

/* Asks the program of the settings, as the user that it runs as. Returns 0, or a negative errno: -ENOENT
 * when there is none. */
int qemu_version_ask(sd_event *event, const ManagerConfig *settings, bool user_mode, ProgramSaid said,
        void *userdata, Program **ret);
