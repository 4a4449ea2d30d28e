/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the verbs of domains do to one that is a slice. For the core room only. */

#include "core/domain.h"

int slice_domain_create(Domain *domain, JobReply reply, void *userdata);
int slice_domain_stop(Domain *domain, const StopPlan *plan, bool nowait, uid_t requestor, JobReply reply,
        void *userdata, sd_bus_error *error);
int slice_domain_pause(
        Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);
int slice_domain_resume(
        Domain *domain, uid_t requestor, JobReply reply, void *userdata, sd_bus_error *error);
int slice_domain_set_resources(
        Domain *domain, const Resources *change, JobReply reply, void *userdata, sd_bus_error *error);
