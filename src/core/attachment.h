/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The disks and networks of a domain: which there are, how far each has come, and whoever waits to hear it.
 * How a device comes and goes is not said here; whoever brings it tells. */

#include "core/domain.h"

typedef enum AttachmentKind { ATTACHMENT_DISK, ATTACHMENT_NETWORK, _ATTACHMENT_KIND_MAX } AttachmentKind;
DECLARE_ENUM_STRINGS(attachment_kind, AttachmentKind)

typedef enum AttachmentState {
        ATTACHMENT_WAITING,   /* on its way in */
        ATTACHMENT_READY,
        ATTACHMENT_FAILED,    /* it never came; listed until it is detached or replaced */
        ATTACHMENT_GOING,     /* on its way out */
        ATTACHMENT_KEPT,      /* ready as before: it was to go, and did not */
        _ATTACHMENT_STATE_MAX
} AttachmentState;
DECLARE_ENUM_STRINGS(attachment_state, AttachmentState)

typedef struct Attachment {
        Domain *domain;
        AttachmentKind kind;
        const char *name;     /* the configuration's */
        AttachmentState state;
        char *reason;         /* of failed and kept; else "" */
        bool told;            /* that it is there */

        BackendCall *call;    /* what its backend owes */

        /* The description, and what whoever brings the device keeps with it; each with what frees it, or
         * NULL. */
        void *config, *data;
        GDestroyNotify config_free, data_free;
} Attachment;

/* Begins as waiting, and tells so when attachment_set_state() does. Takes the configuration; one that failed
 * under the same name is replaced. The name must be free otherwise: see attachment_check_name(). */
Attachment *attachment_add(Domain *domain, AttachmentKind kind, const char *name, void *config,
        GDestroyNotify config_free);

/* The same, and tells so at once. */
Attachment *attachment_new(Domain *domain, AttachmentKind kind, const char *name, void *config,
        GDestroyNotify config_free);

/* Tells everybody. reason: NULL unless failed or kept. */
void attachment_set_state(Attachment *attachment, AttachmentState state, const char *reason);

/* It is gone: tells everybody who heard of it, and frees it. */
void attachment_remove(Attachment *attachment);

Attachment *attachment_find(const Domain *domain, AttachmentKind kind, const char *name);

/* Whether a new device may have this name: none may, of any kind, but one that failed. Returns 0 or -EEXIST
 * with InvalidConfig. */
int attachment_check_name(const Domain *domain, const char *name, sd_bus_error *error);

/* A name that is free: disk0, network1. Free with g_free(). */
char *attachment_name_new(const Domain *domain, AttachmentKind kind);

/* As the lists of properties have it: the keys of the configuration, State, and Reason when there is one. A
 * new reference, a{sv}. */
GVariant *attachment_to_variant(const Attachment *attachment);

/* Whether QEMU can be given devices, or relieved of them, now. `name` as a person would say it. Returns 0 or
 * a negative errno with NotSupported, NotRunning or Busy. */
int attachment_check_live(const Domain *domain, const char *name, sd_bus_error *error);

/* The guest let go of a device by itself. problem: what is left of it in QEMU; NULL: nothing. */
void attachment_gone(Domain *domain, const char *kind, const char *name, const char *problem);

/* How a device that was asked for has come, or not, or has gone, or not; for BackendReply. */
void attachment_arrived(void *attachment, int r, const sd_bus_error *error);
void attachment_left(void *attachment, int r, const sd_bus_error *error);

/* Makes the list from the configuration; once, with the domain. */
void attachments_init(Domain *domain);
void attachments_free(Domain *domain);

/* Begins again with those of the configuration, which may be another one than before. Who waits goes on. */
void attachments_renew(Domain *domain);

/* They go with the payload; `from` begins again. */
void attachments_move(Domain *domain, Domain *from);

/* What the machine was started with is there. */
void attachments_started(Domain *domain);

/* Nothing of them is there any more, with what they were in. Whoever waits is told that it is in vain, and
 * why. */
void attachments_ended(Domain *domain, const char *reason);

/* Calls when nothing of the domain waits or goes any more, or when the time is over: in its turn or at once.
 * r: 0, or negative when the domain ended meanwhile. The list is to be read then: attachment_outcome(). A
 * reply that the caller no longer wants cannot be taken back. */
int domain_wait_for_devices(
        Domain *domain, uint64_t timeout_usec, JobReply reply, void *userdata, sd_bus_error *error);

/* "ready", "waiting", "going", "failed: why", "kept: why". Free with g_free(). */
char *attachment_outcome(const Attachment *attachment);
