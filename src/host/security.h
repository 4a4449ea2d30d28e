/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Security labels that a program gets when it is executed: those of SELinux, AppArmor or Smack, whichever
 * this machine's kernel has. Which labels there are, and who may have which, is the kernel's policy. */

#include <systemd/sd-bus.h>

#define SECURITY_LABEL_MAX 4096u   /* bytes; the kernel takes a page */

/* Whether this machine's kernel labels programs. Returns 0, or -EOPNOTSUPP with NotSupported, which says
 * what the kernel has. */
int security_check(sd_bus_error *error);

/* In a child, before exec: the next program gets the label. Safe after fork() in a program of one thread.
 * Returns 0, or what the kernel answers: -EINVAL (there is no such label), -EACCES, -EPERM, ... */
int security_label_next(const char *label);
