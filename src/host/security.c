/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's files of labels, /proc/self/attr: each security module has its own way to be told. */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "host/security.h"
#include "util/auto.h"
#include "util/errors.h"

/* In the order they are asked. */
static const struct {
        const char *name, *sign;    /* a file that is there when the kernel has it and it is on */
        bool says_yes;              /* the file has to say Y, too */
        const char *attribute, *verb;
} modules[] = {
        {"SELinux", "/sys/fs/selinux/enforce", false, "/proc/self/attr/exec", ""},
        {"AppArmor", "/sys/module/apparmor/parameters/enabled", true, "/proc/self/attr/apparmor/exec",
                "exec "},
        /* It knows no label of the next program, only that of this one, which the next one keeps. */
        {"Smack", "/sys/fs/smackfs/load2", false, "/proc/self/attr/smack/current", ""},
};

static bool module_is_on(size_t i) {
        autofd int fd = open(modules[i].sign, O_RDONLY | O_CLOEXEC);
        char answer = 'N';

        if (!modules[i].says_yes)
                return access(modules[i].sign, F_OK) == 0;
        return fd >= 0 && read(fd, &answer, 1) == 1 && answer == 'Y';
}

int security_check(sd_bus_error *error) {
        g_autofree char *present = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(modules); i++)
                if (module_is_on(i))
                        return 0;
        (void) g_file_get_contents("/sys/kernel/security/lsm", &present, NULL, NULL);
        return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                "SecurityLabel: this host's kernel has neither SELinux nor AppArmor nor Smack on, but %s",
                present && *present ? g_strchomp(present) : "nothing that it tells of");
}

int security_label_next(const char *label) {
        char text[SECURITY_LABEL_MAX + 8];

        for (size_t i = 0; i < G_N_ELEMENTS(modules); i++) {
                if (!module_is_on(i))
                        continue;
                autofd int fd = open(modules[i].attribute, O_WRONLY | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                /* The kernel takes it in one piece only. */
                int n = snprintf(text, sizeof text, "%s%s", modules[i].verb, label);
                if (n < 0 || (size_t) n >= sizeof text)
                        return -E2BIG;
                return write(fd, text, (size_t) n) < 0 ? -errno : 0;
        }
        return -EOPNOTSUPP;
}
