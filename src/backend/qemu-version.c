/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asks QEMU for its version, and reads the answer. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/qemu-version.h"
#include "config/text.h"
#include "util/auto.h"

#define VERSION_REST_MAX 128u

int qemu_version_parse(const char *text, int *ret_major, int *ret_minor, char **ret_rest) {
        static const char before[] = "QEMU emulator version ";
        int major, minor, at = 0;

        if (!g_str_has_prefix(text, before) ||
                sscanf(text + strlen(before), "%4d.%4d%n", &major, &minor, &at) != 2 || major < 0 ||
                minor < 0)
                return -EBADMSG;
        text += strlen(before) + (size_t) at;
        g_autofree char *rest = g_strchomp(g_strndup(text, strcspn(text, "\n")));
        if (strlen(rest) > VERSION_REST_MAX || label_problem(rest))
                rest[0] = '\0';
        *ret_major = major;
        *ret_minor = minor;
        *ret_rest = g_steal_pointer(&rest);
        return 0;
}

int qemu_version_ask(sd_event *event, const ManagerConfig *settings, bool user_mode, ProgramSaid said,
        void *userdata, Program **ret) {
        g_autoptr(SpawnUser) user = NULL;
        g_autofree char *binary = NULL;
        int r;

        r = spawn_find_program(settings->qemu_binary, &binary, NULL);
        if (r >= 0 && !user_mode)
                r = spawn_user_new(settings->qemu_user, &user, NULL);
        if (r < 0)
                return -ENOENT;
        char *argv[] = {binary, (char *) "--version", NULL};
        return program_ask(event, argv, user, said, userdata, ret);
}
