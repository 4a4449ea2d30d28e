/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/security.h over the made-up host, whose kernel labels programs until it lacks "labels". */

#include <errno.h>

#include "fakes/world.h"
#include "host/security.h"
#include "util/errors.h"

int security_check(sd_bus_error *error) {
        if (!world.no_labels)
                return 0;
        return sd_bus_error_set(error, VMM_ERROR_NOT_SUPPORTED, "SecurityLabel: not on this host");
}

void host_has_no_labels(void) {
        world.no_labels = true;
}
