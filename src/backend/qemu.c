/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Domains that are QEMU machines: what one inherits, and what is asked of it through its monitor. Monitor
 * and console are listening sockets that QEMU holds, so that whoever comes after this daemon can connect
 * again. */

#include <errno.h>

#include "backend/qemu-device.h"
#include "backend/qemu-internal.h"
#include "backend/qemu-life.h"
#include "host/kvm.h"
#include "util/auto.h"
#include "util/errors.h"
#include "util/log.h"

/* A monitor that does not answer must not keep a guest from being paused. */
#define HALT_TIMEOUT_USEC 500000ull
#define LOSS_GRACE_USEC 100000ull
#define LAST_WORDS_BYTES 4096u
#define LAST_WORDS_LINES 3u

static void qemu_destroy(Backend *backend) {
        QemuBackend *q = (QemuBackend *) backend;

        while (q->calls->len > 0)
                (void) backend_call_cancel(q->calls->pdata[0]);
        g_ptr_array_unref(q->calls);
        qmp_free(q->qmp);
        sd_event_source_disable_unref(q->loss);
        sd_event_source_disable_unref(q->memory_timer);
        g_clear_pointer(&q->picture, g_bytes_unref);
        console_free(q->messages);
        spawn_user_free(q->user);
        fd_close(q->monitor_listener);
        fd_close(q->console_listener);
        fd_close(q->agent_listener);
        fd_close(q->output);
        g_array_unref(q->vcpus);
        g_hash_table_unref(q->devices);
        g_strfreev(q->argv);
        g_free(q->binary);
        g_free(q->remark);
        g_free(q->machine);
        g_free(q->expected_version);
        g_free(q->end_reason);
        g_free(q->loss_reason);
        g_free(q);
}

static int qemu_check_files(const QemuBackend *q, sd_bus_error *error) {
        const char *firmware = q->config->firmware;
        const struct {
                const char *key, *path;
        } files[] = {
                {"Kernel", q->config->kernel},
                {"Initrd", q->config->initrd},
                {"Firmware", g_strcmp0(firmware, DOMAIN_FIRMWARE_DEFAULT) ? firmware : NULL},
        };
        int r = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(files) && r >= 0; i++)
                if (files[i].path)
                        r = spawn_user_may_read(q->user, files[i].key, files[i].path, error);
        return r;
}

/* kvm is never given up for tcg silently: only "auto" chooses. */
static int qemu_choose_accelerator(QemuBackend *q, sd_bus_error *error) {
        const char *why;
        bool kvm;

        q->accelerator = q->config->accelerator;
        if (q->accelerator == ACCELERATOR_TCG)
                return 0;
        kvm = kvm_is_usable(&why);
        if (q->accelerator == ACCELERATOR_AUTO) {
                q->accelerator = kvm ? ACCELERATOR_KVM : ACCELERATOR_TCG;
                q->remark = g_strdup_printf(
                        "accelerator %s: %s", accelerator_to_string(q->accelerator), why);
        } else if (!kvm)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "Accelerator: this host has no usable KVM: %s", why);
        return 0;
}

static int qemu_create(
        const BackendContext *context, const DomainConfig *config, Backend **ret, sd_bus_error *error) {
        QemuBackend *q = g_new0(QemuBackend, 1);
        g_autoptr(Backend) backend = &q->parent;
        unsigned n_devices = config->disks->len + config->networks->len;
        int r;

        *q = (QemuBackend) {{&backend_qemu, NULL, NULL}, *context, config,
                .monitor_listener = -1, .console_listener = -1, .agent_listener = -1, .output = -1,
                .n_vcpus = config->vcpus,
                .memory = {.limit = config->max_memory, .actual = config->max_memory},
                .calls = g_ptr_array_new(), .vcpus = g_array_new(FALSE, FALSE, sizeof(BackendVcpu)),
                .devices = qemu_devices_new(),
                .n_ports = config->machine == MACHINE_Q35 ? n_devices + QEMU_SPARE_PORTS : 0};
        if (spawn_find_program(context->settings->qemu_binary, &q->binary, NULL) < 0)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "There is no QEMU on this host: no program '%s'", context->settings->qemu_binary);
        /* Not even where root serves itself does QEMU run as root. */
        if ((!context->user_mode || geteuid() == 0) &&
                spawn_user_new(context->settings->qemu_user, &q->user, NULL) < 0)
                return sd_bus_error_setf(error, VMM_ERROR_NOT_SUPPORTED,
                        "QEMU has no user to run as on this host: there is no user '%s'",
                        context->settings->qemu_user);
        r = qemu_choose_accelerator(q, error);
        if (r >= 0)
                r = qemu_check_files(q, error);
        if (r < 0)
                return r;
        *ret = g_steal_pointer(&backend);
        return 0;
}

static int qemu_prepare(Backend *backend, const RunDir *dir, const BackendDevices *devices, SpawnSpec *ret,
        sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        QemuLayout layout = {
                .binary = q->binary,
                .accelerator = q->accelerator,
                .n_ports = q->n_ports,
                .machine = q->expected_version ? q->machine : NULL,
        };
        g_autoptr(GArray) disks = g_array_new(FALSE, FALSE, sizeof(QemuLayoutDisk));
        g_autoptr(GArray) networks = g_array_new(FALSE, FALSE, sizeof(QemuLayoutNetwork));
        autofd int reader = -1;
        int r;

        r = run_dir_listen(dir, "monitor", &q->monitor_listener);
        if (r >= 0)
                r = run_dir_listen(dir, "console", &q->console_listener);
        if (r >= 0)
                r = run_dir_listen(dir, QEMU_AGENT_ID, &q->agent_listener);
        if (r >= 0)
                r = run_dir_fifo(dir, "output", q->user ? q->user->uid : geteuid(), &reader, &q->output);
        if (r >= 0)
                r = console_new(q->context.event, LAST_WORDS_BYTES, &q->messages);
        if (r >= 0)
                r = console_set_source(q->messages, fd_steal(&reader));
        if (r < 0)
                return sd_bus_error_set_errnof(
                        error, r, "Cannot make the sockets of QEMU: %s", g_strerror(-r));

        *ret = (SpawnSpec) {
                .user = q->user,
                .no_new_privileges = true,
                .output = q->output,
        };
        layout.monitor_fd = spawn_inherit(ret, q->monitor_listener);
        layout.console_fd = spawn_inherit(ret, q->console_listener);
        layout.agent_fd = spawn_inherit(ret, q->agent_listener);
        r = qemu_prepare_disks(q, devices, ret, disks, error);
        if (r >= 0)
                r = qemu_prepare_networks(q, devices, ret, networks, error);
        if (r < 0)
                return r;
        layout.disks = (const QemuLayoutDisk *) (void *) disks->data;
        layout.n_disks = disks->len;
        layout.networks = (const QemuLayoutNetwork *) (void *) networks->data;
        layout.n_networks = networks->len;
        ret->argv = q->argv = qemu_command_line(q->config, &layout);
        return 0;
}

static void on_monitor_ready(void *userdata) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;
        QemuBackend *q = userdata;
        int r = qemu_check_version(q, &error);

        q->connected = true;
        log_write(LOG_DEBUG, NULL, q->config->name, "QEMU %s answers", qmp_version(q->qmp));
        if (!q->connecting)
                return;

        /* Before its first instruction, so that the guest never has more. */
        if (r == QEMU_DONE && !q->expected_version && q->config->memory < q->memory.limit)
                r = qemu_call_balloon(q->connecting, q->config->memory, &error);
        if (r != QEMU_ASKS_ON)
                qemu_call_end(q->connecting, r, &error);
}

static const struct {
        const char *name;
        void (*take)(QemuBackend *q, JsonObject *data);
} events[] = {
        {"GUEST_PANICKED", qemu_on_panic},
        {"RESET", qemu_on_reset},
        {"SHUTDOWN", qemu_on_shutdown},
        {"STOP", qemu_on_stop},
        {"SUSPEND", qemu_on_suspend},
        {"WAKEUP", qemu_on_wakeup},
        {"BALLOON_CHANGE", qemu_on_balloon},
        {"VSERPORT_CHANGE", qemu_on_port},
        {"DEVICE_DELETED", qemu_on_vcpu_deleted},
        {"DEVICE_DELETED", qemu_device_deleted},
        {"MIGRATION", qemu_on_migration},
};

static void on_monitor_event(void *userdata, const char *name, JsonObject *data) {
        for (size_t i = 0; i < G_N_ELEMENTS(events); i++)
                if (g_str_equal(events[i].name, name))
                        events[i].take(userdata, data);
}

static void qemu_fail_connect(QemuBackend *q) {
        if (q->connecting)
                qemu_call_end(q->connecting, -EPIPE,
                        &SD_BUS_ERROR_MAKE_CONST(VMM_ERROR_MONITOR_FAILED, "QEMU's monitor is lost"));
}

static int on_loss(sd_event_source *source, uint64_t usec, void *userdata) {
        QemuBackend *q = userdata;

        q->parent.observer->monitor_lost(q->parent.userdata, q->loss_reason);
        qemu_fail_connect(q);
        return 0;
}

/* A QEMU that ends closes its monitor first, and its end tells more: only one that lives on is worth a
 * warning. */
static void on_monitor_closed(void *userdata, const char *reason) {
        QemuBackend *q = userdata;

        q->loss_reason = g_strdup(reason);
        if (!q->ended)
                (void) sd_event_add_time_relative(
                        q->context.event, &q->loss, CLOCK_MONOTONIC, LOSS_GRACE_USEC, 0, on_loss, q);
}

static const QmpObserver monitor_observer = {
        .ready = on_monitor_ready,
        .event = on_monitor_event,
        .closed = on_monitor_closed,
};

static int qemu_connect(Backend *backend, const RunDir *dir, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error) {
        QemuBackend *q = (QemuBackend *) backend;
        autofd int monitor = -1, console = -1;
        int r;

        /* QEMU has its own now, and only QEMU should: its end must be seen. */
        q->monitor_listener = fd_close(q->monitor_listener);
        q->console_listener = fd_close(q->console_listener);
        q->agent_listener = fd_close(q->agent_listener);
        q->output = fd_close(q->output);
        r = run_dir_connect(dir, "monitor", &monitor);
        if (r >= 0)
                r = run_dir_connect(dir, "console", &console);
        if (r >= 0)
                r = console_set_source(q->context.console, fd_steal(&console));
        if (r >= 0)
                r = qmp_new(q->context.event, fd_steal(&monitor), &monitor_observer, q, &q->qmp);
        if (r < 0)
                return sd_bus_error_setf(
                        error, VMM_ERROR_MONITOR_FAILED, "Cannot connect to QEMU: %s", g_strerror(-r));
        q->dir = dir;
        q->connecting = qemu_call_new(q, reply, userdata, ret);
        return 0;
}

static int qemu_halt(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "stop", NULL, HALT_TIMEOUT_USEC, NULL, reply, userdata, ret,
                error);
}

static int qemu_proceed(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error) {
        return qemu_ask((QemuBackend *) backend, "cont", NULL, HALT_TIMEOUT_USEC, NULL, reply, userdata, ret,
                error);
}

static void qemu_drain(Backend *backend) {
        QemuBackend *q = (QemuBackend *) backend;

        if (q->qmp)
                qmp_drain(q->qmp);
        q->ended = true;
        q->loss = sd_event_source_disable_unref(q->loss);
}

static const char *qemu_end_reason(const Backend *backend) {
        return ((const QemuBackend *) backend)->end_reason;
}

static const char *qemu_remark(const Backend *backend) {
        return ((const QemuBackend *) backend)->remark;
}

static char *qemu_last_words(const Backend *backend) {
        const QemuBackend *q = (const QemuBackend *) backend;

        if (!q->messages)
                return NULL;
        console_drain(q->messages);
        g_auto(GStrv) lines = console_lines(q->messages, LAST_WORDS_LINES);
        return *lines ? g_strjoinv("; ", lines) : NULL;
}

const BackendOps backend_qemu = {
        .kind = DOMAIN_QEMU,
        .starts_halted = true,
        .create = qemu_create,
        .destroy = qemu_destroy,
        .prepare = qemu_prepare,
        .connect = qemu_connect,
        .halt = qemu_halt,
        .proceed = qemu_proceed,
        .power_down = qemu_power_down,
        .reboot = qemu_reboot,
        .begin_again = qemu_begin_again,
        .quit = qemu_quit,
        .follow_policies = qemu_follow_policies,
        .find_vcpus = qemu_find_vcpus,
        .vcpus = qemu_vcpus,
        .set_vcpus = qemu_set_vcpus,
        .n_vcpus = qemu_n_vcpus,
        .reset = qemu_reset,
        .send_keys = qemu_send_keys,
        .send_sysrq = qemu_send_sysrq,
        .inject_nmi = qemu_inject_nmi,
        .set_memory = qemu_set_memory,
        .ask_memory = qemu_ask_memory,
        .memory = qemu_memory,
        .take_picture = qemu_take_picture,
        .picture = qemu_picture,
        .attach_disk = qemu_attach_disk,
        .detach_disk = qemu_detach_disk,
        .attach_network = qemu_attach_network,
        .detach_network = qemu_detach_network,
        .hold = qemu_hold,
        .machine = qemu_machine,
        .save = qemu_save,
        .stop_saving = qemu_stop_saving,
        .expect = qemu_expect,
        .load = qemu_load,
        .drain = qemu_drain,
        .end_reason = qemu_end_reason,
        .last_words = qemu_last_words,
        .remark = qemu_remark,
};
