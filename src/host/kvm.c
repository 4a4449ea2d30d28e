/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asks the kernel for a virtual machine, and the processor whether it can run one. */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "host/kvm.h"
#include "util/auto.h"

static bool processor_virtualises(void) {
        g_autofree char *cpuinfo = NULL;

        return g_file_get_contents("/proc/cpuinfo", &cpuinfo, NULL, NULL) &&
               g_regex_match_simple("^flags\\s*:.*\\b(vmx|svm)\\b", cpuinfo, G_REGEX_MULTILINE, 0);
}

bool kvm_is_usable(const char **ret) {
        autofd int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), machine = -1;

        if (kvm < 0) {
                *ret = errno == ENOENT ? "there is no /dev/kvm" : g_strerror(errno);
                return false;
        }
        if (!processor_virtualises()) {
                *ret = "the processor has neither vmx nor svm";
                return false;
        }
        machine = ioctl(kvm, KVM_CREATE_VM, 0);
        *ret = machine < 0 ? g_strerror(errno) : "/dev/kvm makes virtual machines";
        return machine >= 0;
}
