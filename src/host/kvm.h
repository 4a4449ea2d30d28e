/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether this machine's KVM can run guests. */

#include <stdbool.h>

/* Tries it: opens /dev/kvm and makes a virtual machine, which is gone again at once. That alone is no proof:
 * where the processor shows no virtualisation a machine is made all the same, and its guest never runs. *ret
 * is why, or why not: static, or of g_strerror(). */
bool kvm_is_usable(const char **ret);
