/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a domain is to be: the values of its configuration, one table of keys that says for each its name,
 * type and the kinds it belongs to, and their validation. The same keys arrive over D-Bus (a{sv}) and from a
 * NAME.domain file; this room knows neither. No I/O. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "config/cgroup-path.h"
#include "config/disk.h"
#include "config/network.h"
#include "config/resources.h"
#include "config/stop-plan.h"
#include "util/enum.h"

#define DOMAIN_NAME_MAX 64             /* bytes */
#define DOMAIN_TEXT_MAX 4096           /* bytes of any other single text */
#define DOMAIN_ARGS_MAX 1024           /* entries of Command, of Environment */
#define DOMAIN_ARGS_BYTES_MAX 131072   /* and their bytes, all together, each with its NUL */
#define PAUSE_TIMEOUT_MIN_USEC 1000ull
#define PAUSE_TIMEOUT_DEFAULT_USEC 3000000ull
#define PAUSE_TIMEOUT_MAX_USEC 300000000ull
#define DOMAIN_MEMORY_MIN (32ull << 20)
#define DOMAIN_MEMORY_DEFAULT (128ull << 20)
#define DOMAIN_MEMORY_MAX (16ull << 40)
#define DOMAIN_MEMORY_STEP (1ull << 20)
#define DOMAIN_VCPUS_MAX 512u

/* A Firmware that is no file: what QEMU brings for the machine. */
#define DOMAIN_FIRMWARE_DEFAULT "default"

typedef enum DomainKind { DOMAIN_QEMU, DOMAIN_PROCESS, _DOMAIN_KIND_MAX } DomainKind;
DECLARE_ENUM_STRINGS(domain_kind, DomainKind)

typedef enum MachineType { MACHINE_Q35, MACHINE_MICROVM, MACHINE_PC, _MACHINE_TYPE_MAX } MachineType;
DECLARE_ENUM_STRINGS(machine_type, MachineType)

typedef enum Accelerator {
        ACCELERATOR_AUTO,
        ACCELERATOR_KVM,
        ACCELERATOR_TCG,
        _ACCELERATOR_MAX,
} Accelerator;
DECLARE_ENUM_STRINGS(accelerator, Accelerator)

/* How a payload ends, or begins anew, by itself, and what is done about it. */
typedef enum LifeEvent { LIFE_POWEROFF, LIFE_REBOOT, LIFE_CRASH, _LIFE_EVENT_MAX } LifeEvent;
DECLARE_ENUM_STRINGS(life_event, LifeEvent)

typedef enum LifeAction {
        LIFE_DESTROY,
        LIFE_RESTART,
        LIFE_PRESERVE,
        LIFE_RENAME_RESTART,    /* preserved under another name; the name starts again */
        _LIFE_ACTION_MAX,
} LifeAction;
DECLARE_ENUM_STRINGS(life_action, LifeAction)

typedef struct DomainConfig {
        char *name;
        sd_id128_t uuid;             /* null: to be generated */
        DomainKind kind;
        char *description;
        CgroupPath *cgroup_path;
        bool delegate;
        StopPlan stop_plan;
        uint64_t pause_timeout_usec;
        LifeAction policies[_LIFE_EVENT_MAX];    /* OnPoweroff, OnReboot, OnCrash */
        Resources *resources;        /* Resources and OCIResources; never NULL once complete */
        GHashTable *slices;          /* name -> Resources: slices above the scope that come to be with it */
        GPtrArray *warnings;         /* char *: what is odd about it, and not wrong */
        char *security_label;        /* of what is executed; NULL: as the host's policy has it */
        GArray *io_ports;            /* IoPortRange: see config/io-ports.h */

        /* qemu */
        uint64_t memory, max_memory; /* bytes: the balloon's target, the ceiling */
        uint32_t vcpus, max_vcpus;
        char *kernel, *initrd, *root, *extra;
        char *firmware;              /* a file, or DOMAIN_FIRMWARE_DEFAULT; NULL: QEMU loads the kernel */
        MachineType machine;
        Accelerator accelerator;
        GPtrArray *disks;            /* DiskConfig; all devices have names, once complete */
        GPtrArray *networks;         /* NetworkConfig */

        /* process */
        char **command;              /* argv, the program as given */
        char **environment;          /* "NAME=value" */
        char *working_directory;
        char *user;                  /* NULL: the caller */

        /* private to domain-config.c */
        uint64_t set_mask;           /* which keys were set: bit N is row N of the table */
        char *cgroup_path_text;      /* kept until the default slice is known */
        char *oci_resources;         /* kept until Resources is known */
} DomainConfig;

typedef enum ConfigType {
        CONFIG_STRING,   /* s */
        CONFIG_STRV,     /* as */
        CONFIG_UINT32,   /* u */
        CONFIG_UINT64,   /* t */
        CONFIG_BOOL,     /* b */
        CONFIG_PLAN,     /* a(st) */
        CONFIG_SETTINGS, /* a{sv} */
        CONFIG_SLICES,   /* a{sa{sv}} */
        CONFIG_DEVICES,  /* aa{sv} */
        CONFIG_PORTS,    /* a(qq) */
        _CONFIG_TYPE_MAX
} ConfigType;

/* D-Bus signature of a value of this type. */
const char *config_type_signature(ConfigType type);

/* A value on its way into the configuration; borrowed, never freed here. */
typedef struct ConfigValue {
        ConfigType type;
        union {
                const char *string;
                char *const *strv;
                uint32_t uint32;
                uint64_t uint64;
                bool boolean;
                const StopPlan *plan;
                GVariant *settings;
                const GArray *ports;   /* IoPortRange, as given */
        };
} ConfigValue;

typedef struct ConfigKey {
        const char *group;    /* of the file form: "Domain", "Image", "Process" */
        const char *name;
        ConfigType type;
} ConfigKey;

/* NULL when there is no such key. */
const ConfigKey *domain_config_key(const char *name);

/* All of them, NULL at the end: for (size_t i = 0; (key = ...(i)); i++). */
const ConfigKey *domain_config_key_nth(size_t i);

/* A configuration with nothing set but the name. Returns 0, or -EINVAL with InvalidArgs: a name is 1 to
 * DOMAIN_NAME_MAX bytes of printable UTF-8 without '/', ':' and "..", does not start with '.' or '-' nor
 * end in ".slice" (its default CgroupPath would mean a slice), and does not look like a UUID. */
int domain_config_new(const char *name, DomainConfig **ret, sd_bus_error *error);
DomainConfig *domain_config_free(DomainConfig *config);

/* Another one like it, once complete; without its warnings. */
DomainConfig *domain_config_copy(const DomainConfig *config);

/* Whether a domain may be called so. Returns 0, or -EINVAL with InvalidArgs. */
int domain_config_check_name(const char *name, sd_bus_error *error);

/* Makes it that of the corpse of its own domain: gives it this name, UUID, and a place beside the other, and
 * takes from it what only one can have. Returns 0, or -EINVAL with InvalidCgroupPath: its unit's name would
 * be too long. */
int domain_config_bury(DomainConfig *config, const char *name, sd_id128_t uuid, sd_bus_error *error);

/* What is done about the event from now on. Returns 0, or -EINVAL with InvalidConfig: adopted processes
 * cannot be started again. */
int domain_config_set_policy(
        DomainConfig *config, LifeEvent event, LifeAction action, sd_bus_error *error);

/* Sets one key. Returns 0, or -EINVAL with InvalidConfig naming the key and what is wrong with the value;
 * setting the same key twice is refused. Resources is refused as resources_set() says. The value is copied.
 */
int domain_config_set(DomainConfig *config, const ConfigKey *key, const ConfigValue *value,
        sd_bus_error *error);

/* The value of one key, a new reference of its type's signature: what was given, and once the configuration
 * is complete also what it was filled with, so that another one with the same values is the same whatever
 * the defaults are. NULL: nothing to be said. Of a complete one OCIResources is in Resources. */
GVariant *domain_config_get(const DomainConfig *config, const ConfigKey *key);

typedef struct ConfigDefaults {
        const char *slice;             /* of a CgroupPath without one */
        const StopPlan *stop_plans;    /* one for each kind, in the order of DomainKind */
        bool adopted;                  /* the processes exist already: no Process key is allowed */
} ConfigDefaults;

/* Fills what was not given (kind: qemu if an Image key was set, else process; CgroupPath "DEFAULT:vmm:NAME";
 * the kind's stop plan, memory and vCPUs; names of devices: disk0, network0), and checks the whole: keys of
 * the other kind, a missing Command, not exactly one of Kernel and Firmware, a limit in both Resources and
 * OCIResources, a slice that is not above the domain, two devices of one name. Once per configuration.
 * Returns 0, -EINVAL with InvalidConfig or InvalidCgroupPath naming the culprit, -EOPNOTSUPP with
 * NotSupported for what the kind cannot have, or what oci_resources_parse() returns. */
int domain_config_complete(DomainConfig *config, const ConfigDefaults *defaults, sd_bus_error *error);

/* What has to be sent for its slices, a(sa(sv)), outermost first; a new reference. */
GVariant *domain_config_slices_to_send(const DomainConfig *config);

/* Gives a QEMU domain without a MemoryMax one: the most memory that its guest may have, and for QEMU itself
 * 256 MiB, 8 MiB for each vCPU it may have and one 64th of the memory. QEMU and its code translated by TCG
 * need 230 MiB at most, a vCPU some stack, and the kernel's tables and virtio's buffers grow with the
 * memory.
 */
void domain_config_limit_memory(DomainConfig *config);

/* Gives a domain without an OOMPolicy "continue": systemd's own default would have one helper that was
 * killed for memory stop a whole machine. */
void domain_config_survive_oom(DomainConfig *config);

/* Whether one of its devices, of whichever kind, has that name. */
bool domain_config_has_device(const DomainConfig *config, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainConfig, domain_config_free)
