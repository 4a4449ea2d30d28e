/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What runs in a domain, behind one table of operations: a QEMU machine or plain processes. A backend
 * prepares the payload and talks to it; scopes, signals and the freezer are not its business. */

#include "backend/console.h"
#include "config/domain-config.h"
#include "config/manager-config.h"
#include "host/disk-image.h"
#include "host/run-dir.h"
#include "host/spawn.h"

typedef struct Backend Backend;

/* A disk, with its descriptors; they are the backend's to take or to leave. */
typedef struct BackendDisk {
        const DiskConfig *config;
        DiskImage *image;
} BackendDisk;

/* A network, with the descriptor of its tap, which stays the caller's; -1: mode user. */
typedef struct BackendNetwork {
        const NetworkConfig *config;
        int fd;
} BackendNetwork;

/* What the payload is started with, besides itself. */
typedef struct BackendDevices {
        const BackendDisk *disks;
        unsigned n_disks;
        const BackendNetwork *networks;
        unsigned n_networks;
} BackendDevices;

typedef struct BackendContext {
        sd_event *event;
        const ManagerConfig *settings;
        bool user_mode;
        uid_t owner;                 /* who asked for the domain */
        Console *console;            /* the domain's */
} BackendContext;

typedef struct BackendObserver {
        void (*monitor_lost)(void *userdata, const char *reason);
        void (*memory_changed)(void *userdata);   /* what the guest has of it */

        /* The guest has ended, for the reason that end_reason() gives, and the payload has not. */
        void (*stopped)(void *userdata);

        /* The guest has begun anew within the same payload: of its own accord, or because it was told to. */
        void (*reset)(void *userdata, bool of_itself);
        void (*suspended)(void *userdata, bool suspended);

        /* The guest let go of a device when nobody waited for it. problem: what is left of it; NULL:
         * none. */
        void (*device_gone)(void *userdata, const char *kind, const char *name, const char *problem);
        void (*saving)(void *userdata, uint64_t bytes_done, uint64_t bytes_total);   /* of its memory */
} BackendObserver;

/* A virtual CPU, and the thread that is it. */
typedef struct BackendVcpu {
        uint32_t index;
        pid_t thread;
} BackendVcpu;

/* What the guest of a virtual machine has of its memory, and what it says of that: bytes, and counts since
 * it was booted. */
#define BACKEND_UNKNOWN UINT64_MAX
typedef struct BackendMemory {
        uint64_t limit;              /* that it was started with */
        uint64_t actual;
        uint64_t updated_sec;        /* when it said the following; 0: it has not */
        uint64_t total, free, available, caches, swapped_in, swapped_out, major_faults, minor_faults;
} BackendMemory;

/* The machine whose memory an image has: only one like it can take it. */
typedef struct BackendMachine {
        const char *version;         /* of QEMU */
        const char *machine;         /* its very type */
        Accelerator accelerator;
} BackendMachine;

/* r: 0, or negative with the reason. */
typedef void (*BackendReply)(void *userdata, int r, const sd_bus_error *error);

/* An answer that a backend owes. */
typedef struct BackendCall BackendCall;

/* The reply will not be called; what was asked may be done all the same. Accepts NULL, returns NULL. */
BackendCall *backend_call_cancel(BackendCall *call);

/* Operations that take a reply return 0, and reply once, later, with *ret gone; or a negative errno with
 * *error set. Without a reply (then ret is NULL, too) they are carried out and nobody hears how. An
 * operation that is NULL has nothing to do: its caller goes on. */
typedef struct BackendOps {
        DomainKind kind;

        /* Whether the payload, once executed, waits by itself before the guest's first instruction. */
        bool starts_halted;

        /* Checks what only the host can tell and has no side effect. The configuration must outlive the
         * backend. */
        int (*create)(const BackendContext *context, const DomainConfig *config, Backend **ret,
                sd_bus_error *error);
        void (*destroy)(Backend *backend);

        /* Makes what the payload inherits; *ret borrows from the backend and the devices, and holds until
         * the spawn. */
        int (*prepare)(Backend *backend, const RunDir *dir, const BackendDevices *devices, SpawnSpec *ret,
                sd_bus_error *error);

        /* The payload has been executed: replies when it answers. */
        int (*connect)(Backend *backend, const RunDir *dir, BackendReply reply, void *userdata,
                BackendCall **ret, sd_bus_error *error);

        /* Stops and continues the guest's clock and vCPUs; bounded in time whatever the payload does. */
        int (*halt)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);
        int (*proceed)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* Presses the power button. */
        int (*power_down)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* Asks the guest to end, so that the payload waits to begin again. */
        int (*reboot)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* What has stopped begins again, as if newly started. */
        int (*begin_again)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* The payload ends, without asking the guest. */
        int (*quit)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* The configuration's policies are others now. */
        void (*follow_policies)(Backend *backend);

        /* Finds out which threads are the vCPUs: a thread each, or it fails. What was found is in vcpus()
         * from then on, by index: BackendVcpu. */
        int (*find_vcpus)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);
        const GArray *(*vcpus)(const Backend *backend);

        /* Plugs vCPUs in, or has the guest give back the last ones: replies when there are as many, or with
         * GuestTimeout when it did not. How many there are then is in n_vcpus(). */
        int (*set_vcpus)(Backend *backend, uint32_t n, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);
        uint32_t (*n_vcpus)(const Backend *backend);

        /* Power-cycles the machine. */
        int (*reset)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* Keys that guest_keys_check(), guest_keys_of_sysrq() found good. hold_msec: 0 for as long as is
         * usual. */
        int (*send_keys)(Backend *backend, char *const *keys, uint32_t hold_msec, BackendReply reply,
                void *userdata, BackendCall **ret, sd_bus_error *error);
        int (*send_sysrq)(Backend *backend, const char *key, BackendReply reply, void *userdata,
                BackendCall **ret, sd_bus_error *error);
        int (*inject_nmi)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* Tells the guest how much memory it may have, which it may take its time for. */
        int (*set_memory)(Backend *backend, uint64_t bytes, BackendReply reply, void *userdata,
                BackendCall **ret, sd_bus_error *error);

        /* Finds out what the guest says of its memory; what is known is in memory(). */
        int (*ask_memory)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);
        const BackendMemory *(*memory)(const Backend *backend);

        /* Takes a picture of the display, a PNG image; picture() hands it out, once. */
        int (*take_picture)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);
        GBytes *(*picture)(Backend *backend);

        /* A disk while the guest runs: replies when QEMU has it; when all of it is gone. What is refused
         * with -EBUSY is attached as before, and may go later: see device_gone(). */
        int (*attach_disk)(Backend *backend, const BackendDisk *disk, BackendReply reply, void *userdata,
                BackendCall **ret, sd_bus_error *error);
        int (*detach_disk)(Backend *backend, const char *name, BackendReply reply, void *userdata,
                BackendCall **ret, sd_bus_error *error);

        /* The same for a network. */
        int (*attach_network)(Backend *backend, const BackendNetwork *network, BackendReply reply,
                void *userdata, BackendCall **ret, sd_bus_error *error);
        int (*detach_network)(Backend *backend, const char *name, BackendReply reply, void *userdata,
                BackendCall **ret, sd_bus_error *error);

        /* Stops the guest so that its memory can be saved, and finds out what machine() it is; MonitorFailed
         * when it does not stop. NULL: there is nothing to be saved. */
        int (*hold)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);
        BackendMachine (*machine)(const Backend *backend);

        /* Writes the memory and the devices into the pipe, which is taken; replies when all is written. The
         * guest must be held; what its memory was written for does not run it on. */
        int (*save)(Backend *backend, int pipe, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* Ends that, done or not: the guest may be continued when it replies. */
        int (*stop_saving)(Backend *backend, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* Before prepare(): it is to be this machine, and wait for its memory. Returns 0 or -EOPNOTSUPP with
         * NotSupported. The text is copied. */
        int (*expect)(Backend *backend, const BackendMachine *machine, sd_bus_error *error);

        /* Reads memory and devices from the pipe, which is taken; replies when the guest could go on. */
        int (*load)(Backend *backend, int pipe, BackendReply reply, void *userdata, BackendCall **ret,
                sd_bus_error *error);

        /* Takes what the payload has said so far; its end is known. */
        void (*drain)(Backend *backend);

        /* What the payload last said of itself: why it ended ("guest-shutdown"), or its last words; NULL
         * when it said nothing. */
        const char *(*end_reason)(const Backend *backend);
        char *(*last_words)(const Backend *backend);

        /* What was decided for it, and why; NULL when nothing was. */
        const char *(*remark)(const Backend *backend);
} BackendOps;

struct Backend {
        const BackendOps *ops;
        const BackendObserver *observer;
        void *userdata;
};

extern const BackendOps backend_process;
extern const BackendOps backend_qemu;

static inline const BackendOps *backend_ops(DomainKind kind) {
        return kind == DOMAIN_QEMU ? &backend_qemu : &backend_process;
}

static inline Backend *backend_free(Backend *backend) {
        if (backend)
                backend->ops->destroy(backend);
        return NULL;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Backend, backend_free)
