/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a QEMU backend is made of, and how the files of this room ask its monitor. For them only. */

#include "backend/backend.h"
#include "backend/qemu-cmdline.h"
#include "backend/qmp.h"

/* A monitor that does not answer in this time is given up on, for this command. */
#define QEMU_TIMEOUT_USEC 5000000ull

typedef struct QemuDevice QemuDevice;

typedef struct QemuBackend {
        Backend parent;
        BackendContext context;
        const DomainConfig *config;
        SpawnUser *user;
        char *binary;
        char **argv;
        Accelerator accelerator;
        char *remark;                 /* who chose the accelerator, and why */
        int monitor_listener, console_listener, agent_listener, output;
        Console *messages;            /* QEMU's standard output and error */
        Qmp *qmp;
        GPtrArray *calls;             /* BackendCall: what is owed */
        BackendCall *connecting;      /* one of them, until the monitor has answered */
        bool connected;               /* the monitor has answered */
        bool ended;                   /* it is known */
        sd_event_source *loss;        /* the monitor closed: is it only the end of QEMU? */
        char *loss_reason;
        char *end_reason;
        bool ending;                  /* the guest has ended; QEMU will, or it stands still */
        bool standing;
        bool was_reset;               /* since that was last asked for */
        BackendCall *resetting;       /* the call that waits for it */
        GArray *vcpus;                /* BackendVcpu */
        uint32_t n_vcpus;             /* as QEMU last said, or was told at the start */
        BackendCall *unplugging;      /* waits for the guest to give a vCPU back */
        const RunDir *dir;            /* once it is connected */
        bool agent_listens;           /* a program in the guest does, at the agent's port */
        BackendMemory memory;
        bool asks_stats;              /* QEMU asks the guest for them, now and then */
        sd_event_source *memory_timer;
        GBytes *picture;              /* taken, and not fetched yet */
        GHashTable *devices;          /* id -> QemuDevice: see qemu-device.h */
        unsigned n_ports;             /* for devices; 0: they need none */
        unsigned last_fdset;          /* ids of sets of descriptors */
        char *machine;                /* its very type, once it was asked or is expected */
        char *expected_version;       /* it begins with the memory of another one; else NULL */
        BackendCall *migration;       /* the one that waits for the end of it */
} QemuBackend;

/* What an answer was good for: negative with *error when the call has failed, QEMU_DONE when it is over,
 * QEMU_ASKS_ON when the next command has been sent. r is negative when QEMU refused or did not answer;
 * *error says why then, and is free to be put in other words. */
enum { QEMU_DONE = 0, QEMU_ASKS_ON = 1 };
typedef int (*QemuAnswered)(BackendCall *call, int r, JsonNode *result, sd_bus_error *error);

/* What is owed to the backend's caller: one answer, for one command or for several, one after the other. */
struct BackendCall {
        QemuBackend *q;
        QmpCall *qmp;                 /* the command it waits for */
        QemuAnswered answered;
        BackendReply reply;
        void *userdata;
        void *state;                  /* of the commands, freed with the call */
        GDestroyNotify state_free;
};

/* reply and ret may be NULL: nobody hears of it. */
BackendCall *qemu_call_new(QemuBackend *q, BackendReply reply, void *userdata, BackendCall **ret);

/* Sends a command. arguments (may be NULL) is consumed, fd (-1: none) is taken. answered: NULL when any
 * answer will do. Returns QEMU_ASKS_ON, or negative with MonitorFailed: the call is still to be ended. */
int qemu_call_send(BackendCall *call, const char *command, JsonObject *arguments, int fd,
        uint64_t timeout_usec, QemuAnswered answered, sd_bus_error *error);

/* Gives the answer; the call is gone afterwards, and the backend may be. */
void qemu_call_end(BackendCall *call, int r, const sd_bus_error *error);

/* A call that is one command without a descriptor: an operation of BackendOps. Returns 0, or negative with
 * *error: then there is no call. */
int qemu_ask(QemuBackend *q, const char *command, JsonObject *arguments, uint64_t timeout_usec,
        QemuAnswered answered, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);

/* Of an answer that may be anything: NULL, or -1, when it is missing or something else. */
int64_t qemu_json_int(JsonObject *object, const char *name);
const char *qemu_json_string(JsonObject *object, const char *name);
JsonObject *qemu_json_object(JsonObject *object, const char *name);

/* ---- Operations that have a file of their own. ---- */

/* What QEMU inherits for the disks of the creation, and, as QemuLayoutDisk, where it finds it. Returns 0 or
 * a negative errno. */
int qemu_prepare_disks(QemuBackend *q, const BackendDevices *devices, SpawnSpec *spec, GArray *layout,
        sd_bus_error *error);
int qemu_attach_disk(Backend *backend, const BackendDisk *disk, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error);
int qemu_detach_disk(Backend *backend, const char *name, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error);

/* The same for networks, as QemuLayoutNetwork. */
int qemu_prepare_networks(QemuBackend *q, const BackendDevices *devices, SpawnSpec *spec, GArray *layout,
        sd_bus_error *error);
int qemu_attach_network(Backend *backend, const BackendNetwork *network, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error);
int qemu_detach_network(Backend *backend, const char *name, BackendReply reply, void *userdata,
        BackendCall **ret, sd_bus_error *error);

int qemu_hold(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
BackendMachine qemu_machine(const Backend *backend);
int qemu_save(Backend *backend, int pipe, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error);
int qemu_stop_saving(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
int qemu_expect(Backend *backend, const BackendMachine *machine, sd_bus_error *error);
int qemu_load(Backend *backend, int pipe, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error);

/* Whether this QEMU is like the one whose memory it is to take. Returns 0 or -EOPNOTSUPP with NotSupported.
 */
int qemu_check_version(const QemuBackend *q, sd_bus_error *error);

void qemu_on_migration(QemuBackend *q, JsonObject *data);

int qemu_find_vcpus(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
const GArray *qemu_vcpus(const Backend *backend);
int qemu_set_vcpus(Backend *backend, uint32_t n, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error);
uint32_t qemu_n_vcpus(const Backend *backend);
/* Asks the guest to end, by whatever it has for that; returns as qemu_call_send(). */
int qemu_ask_to_end(BackendCall *call, sd_bus_error *error);
int qemu_power_down(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
int qemu_send_keys(Backend *backend, char *const *keys, uint32_t hold_msec, BackendReply reply,
        void *userdata, BackendCall **ret, sd_bus_error *error);
int qemu_send_sysrq(Backend *backend, const char *key, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error);
int qemu_inject_nmi(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
int qemu_set_memory(Backend *backend, uint64_t bytes, BackendReply reply, void *userdata, BackendCall **ret,
        sd_bus_error *error);
int qemu_ask_memory(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
const BackendMemory *qemu_memory(const Backend *backend);
int qemu_take_picture(
        Backend *backend, BackendReply reply, void *userdata, BackendCall **ret, sd_bus_error *error);
GBytes *qemu_picture(Backend *backend);

/* The target of the balloon, as one command of a call. */
int qemu_call_balloon(BackendCall *call, uint64_t bytes, sd_bus_error *error);

/* ---- Events. ---- */

void qemu_on_port(QemuBackend *q, JsonObject *data);
void qemu_on_balloon(QemuBackend *q, JsonObject *data);
void qemu_on_vcpu_deleted(QemuBackend *q, JsonObject *data);
