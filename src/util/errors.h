/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The D-Bus errors of this service and the errno each one maps to: one table, in errors.c. After
 * errors_register(), sd_bus_error_setf(error, VMM_ERROR_X, ...) returns the matching negative errno. */

#include <systemd/sd-bus.h>

#define VMM_ERROR(name) "org.example.VMManager1.Error." name

#define VMM_ERROR_NO_SUCH_DOMAIN      VMM_ERROR("NoSuchDomain")
#define VMM_ERROR_DOMAIN_EXISTS       VMM_ERROR("DomainExists")
#define VMM_ERROR_NOT_RUNNING         VMM_ERROR("NotRunning")
#define VMM_ERROR_BUSY                VMM_ERROR("Busy")
#define VMM_ERROR_CANCELED            VMM_ERROR("Canceled")
#define VMM_ERROR_INVALID_CONFIG      VMM_ERROR("InvalidConfig")
#define VMM_ERROR_INVALID_CGROUP_PATH VMM_ERROR("InvalidCgroupPath")
#define VMM_ERROR_FREEZE_TIMEOUT      VMM_ERROR("FreezeTimeout")
#define VMM_ERROR_FREEZE_FAILED       VMM_ERROR("FreezeFailed")
#define VMM_ERROR_SLICE_FROZEN        VMM_ERROR("SliceFrozen")
#define VMM_ERROR_STOP_TIMEOUT        VMM_ERROR("StopTimeout")
#define VMM_ERROR_DEVICE_IN_USE       VMM_ERROR("DeviceInUse")
#define VMM_ERROR_NO_SUCH_DEVICE      VMM_ERROR("NoSuchDevice")
#define VMM_ERROR_NOT_SUPPORTED       VMM_ERROR("NotSupported")
#define VMM_ERROR_MONITOR_FAILED      VMM_ERROR("MonitorFailed")
#define VMM_ERROR_GUEST_TIMEOUT       VMM_ERROR("GuestTimeout")
#define VMM_ERROR_LIMIT_EXCEEDED      VMM_ERROR("LimitExceeded")
#define VMM_ERROR_STORAGE_FULL        VMM_ERROR("StorageFull")

/* Makes the table known to libsystemd; once, before the first error is set. Returns 0 or a negative errno.
 */
int errors_register(void);
