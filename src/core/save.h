/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Domains whose memory goes to an image, and come back from one. A named image is used up by being restored:
 * no two machines ever run from it. */

#include "config/save-image.h"
#include "core/domain.h"
#include "host/image.h"

/* What an image says, and where it is. */
typedef struct Restoring Restoring;

/* Opens an image, by name or, when that is NULL, a descriptor, which stays the caller's; reads its header.
 * Returns 0, or a negative errno with FileNotFound, InvalidArgs or InvalidConfig. */
int restoring_new(Manager *manager, const char *name, int fd, Restoring **ret, sd_bus_error *error);
Restoring *restoring_free(Restoring *restoring);

const SaveHeader *restoring_header(const Restoring *restoring);

/* As domain_create(), with the image's memory in place of a boot; takes the image in any case. The domain is
 * of the image's definition. */
int domain_restore(Domain *domain, Restoring *restoring, bool start, JobReply reply, void *userdata,
        sd_bus_error *error);

/* As a verb; to a named image or, when that is NULL, a descriptor, which stays the caller's. The domain ends
 * when it is saved, unless it is kept running: then it is as before, also when it was paused. */
int domain_save(Domain *domain, const char *name, int fd, bool keep_running, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);

/* ---- Between the files about images. ---- */

/* Puts into words why an image could not be written or read. Returns -errno of the error. */
int image_error(sd_bus_error *error, const ImagePlace *place, const char *what, int r);

/* Steps of what begins with an image; but for the first, each goes on at once when there is none. */
int restore_check_run(Job *job);
int restore_load_run(Job *job);
int restore_take_run(Job *job);
int restore_check_undo(Job *job);
int restore_load_undo(Job *job);
int restore_take_undo(Job *job);

/* Why it could not be restored; the job's. */
const char *restore_failure(Job *job);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Restoring, restoring_free)
