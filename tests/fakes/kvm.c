/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/kvm.h over the made-up host, which has no KVM but when told. */

#include "fakes/world.h"
#include "host/kvm.h"

bool kvm_is_usable(const char **ret) {
        *ret = "there is no /dev/kvm";
        return world.kvm;
}

void host_has_kvm(void) {
        world.kvm = true;
}
