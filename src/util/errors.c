/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of our D-Bus errors. It holds no text for people: whoever raises an error writes that. */

#include <errno.h>

#include "util/errors.h"

static const sd_bus_error_map vmm_errors[] = {
        SD_BUS_ERROR_MAP(VMM_ERROR_NO_SUCH_DOMAIN, ENXIO),
        SD_BUS_ERROR_MAP(VMM_ERROR_DOMAIN_EXISTS, EEXIST),
        SD_BUS_ERROR_MAP(VMM_ERROR_NOT_RUNNING, EHOSTDOWN),
        SD_BUS_ERROR_MAP(VMM_ERROR_BUSY, EBUSY),
        SD_BUS_ERROR_MAP(VMM_ERROR_CANCELED, ECANCELED),
        SD_BUS_ERROR_MAP(VMM_ERROR_INVALID_CONFIG, EINVAL),
        SD_BUS_ERROR_MAP(VMM_ERROR_INVALID_CGROUP_PATH, EINVAL),
        SD_BUS_ERROR_MAP(VMM_ERROR_FREEZE_TIMEOUT, ETIMEDOUT),
        SD_BUS_ERROR_MAP(VMM_ERROR_FREEZE_FAILED, EIO),
        SD_BUS_ERROR_MAP(VMM_ERROR_SLICE_FROZEN, EBUSY),
        SD_BUS_ERROR_MAP(VMM_ERROR_STOP_TIMEOUT, ETIMEDOUT),
        SD_BUS_ERROR_MAP(VMM_ERROR_NOT_SUPPORTED, EOPNOTSUPP),
        SD_BUS_ERROR_MAP(VMM_ERROR_MONITOR_FAILED, EPIPE),
        SD_BUS_ERROR_MAP(VMM_ERROR_LIMIT_EXCEEDED, EUSERS),
        SD_BUS_ERROR_MAP(VMM_ERROR_STORAGE_FULL, ENOSPC),
        SD_BUS_ERROR_MAP_END,
};

int errors_register(void) {
        return sd_bus_error_add_map(vmm_errors);
}
