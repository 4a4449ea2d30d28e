/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which lines of the kernel's log are about virtualisation. */

#include <glib.h>

#include "host/journal.h"

static void test_ours(void) {
        static const char *const lines[] = {
                "kvm: Nested Virtualization enabled",
                "kvm [1234]: vcpu0, guest rIP: 0xfff0 disabled perfctr wrmsr: 0xc2 data 0xffff",
                "kvm_intel: VMX not supported by CPU 0",
                "kvm_amd: Nested Paging enabled",
                "kvm-guest: stealtime: cpu 0, msr 3f",
                "x86/kvm: support for 'kvm_intel' disabled by bios",
                "SVM: TSC scaling supported",
                "VMX (outside TXT) disabled by BIOS",
                "vhost-1234: page allocation failure",
                "vhost_net: module verification failed",
                "vfio-pci 0000:01:00.0: enabling device (0000 -> 0003)",
                "vfio_iommu_type1_attach_group: No interrupt remapping support.",
                "tun: Universal TUN/TAP device driver, 1.6",
                "tap0: entered promiscuous mode",
                "macvtap0: entered promiscuous mode",
                "DMAR: DRHD: handling fault status reg 2",
                "AMD-Vi: Interrupt remapping enabled",
                "iommu: Default domain type: Translated",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
                if (!kernel_line_is_of_hypervisor(lines[i]))
                        g_error("not taken: %s", lines[i]);
}

static void test_others(void) {
        static const char *const lines[] = {
                "",
                "kvm",
                "kvmalloc: too large",
                "tunnel: up",
                "tape: no medium",
                "EXT4-fs (sda1): mounted filesystem",
                "audit: type=1400 comm=\"kvm: \"",
                "Out of memory: Killed process 1 (kvm)",
                "usb 1-1: new device kvm: switch",
                " kvm: with a blank before it",
                "SVMish: other",
                "tapestry went on: without us",
                "vfio-pci without more",
                "\xff\xfe",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
                if (kernel_line_is_of_hypervisor(lines[i]))
                        g_error("taken: %s", lines[i]);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/journal/hypervisor", test_ours);
        g_test_add_func("/journal/others", test_others);
        return g_test_run();
}
