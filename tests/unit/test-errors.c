/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The errors of the service: each is known to libsystemd with its errno, once they are registered. */

#include <errno.h>
#include <glib.h>

#include "util/auto.h"
#include "util/errors.h"

static const struct {
        const char *name;
        int error;
} errors[] = {
        {"org.example.VMManager1.Error.NoSuchDomain", ENXIO},
        {"org.example.VMManager1.Error.DomainExists", EEXIST},
        {"org.example.VMManager1.Error.NotRunning", EHOSTDOWN},
        {"org.example.VMManager1.Error.Busy", EBUSY},
        {"org.example.VMManager1.Error.Canceled", ECANCELED},
        {"org.example.VMManager1.Error.InvalidConfig", EINVAL},
        {"org.example.VMManager1.Error.InvalidCgroupPath", EINVAL},
        {"org.example.VMManager1.Error.FreezeTimeout", ETIMEDOUT},
        {"org.example.VMManager1.Error.FreezeFailed", EIO},
        {"org.example.VMManager1.Error.SliceFrozen", EBUSY},
        {"org.example.VMManager1.Error.StopTimeout", ETIMEDOUT},
        {"org.example.VMManager1.Error.DeviceInUse", EBUSY},
        {"org.example.VMManager1.Error.NotSupported", EOPNOTSUPP},
        {"org.example.VMManager1.Error.MonitorFailed", EPIPE},
        {"org.example.VMManager1.Error.GuestTimeout", ETIMEDOUT},
        {"org.example.VMManager1.Error.LimitExceeded", EUSERS},
        {"org.example.VMManager1.Error.StorageFull", ENOSPC},
};

static void test_errno(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
                g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

                g_assert_cmpint(sd_bus_error_setf(&error, errors[i].name, "%zu", i), ==, -errors[i].error);
                g_assert_cmpint(sd_bus_error_get_errno(&error), ==, errors[i].error);
                g_assert_cmpstr(error.name, ==, errors[i].name);
        }
}

/* Nobody reads a reason where error is NULL, but the errno must be right all the same. */
static void test_without_a_reader(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
                g_assert_cmpint(sd_bus_error_setf(NULL, errors[i].name, "%zu", i), ==, -errors[i].error);
}

static void test_unknown(void) {
        g_assert_cmpint(sd_bus_error_setf(NULL, VMM_ERROR("NoSuchError"), "%s", ""), ==, -EIO);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(sd_bus_error_setf(NULL, VMM_ERROR_BUSY, "%s", ""), ==, -EIO);
        g_assert_cmpint(errors_register(), >=, 0);

        g_test_add_func("/errors/every error has its errno", test_errno);
        g_test_add_func("/errors/an error nobody reads has its errno too", test_without_a_reader);
        g_test_add_func("/errors/a name that is not registered is an I/O error", test_unknown);
        return g_test_run();
}
