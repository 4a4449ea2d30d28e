/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Stopping all domains there are, all at the same time, each by its own plan. */

#include "core/domain.h"

typedef struct StopAll StopAll;

/* left: what is said about those whose plan did not end them; NULL: none is left. */
typedef void (*StopAllDone)(void *userdata, const char *left);

/* A slice that somebody froze above them is thawed first. force: what its plan does not end is killed.
 * `done` may be called before this returns. */
void stop_all_new(Manager *manager, bool force, uid_t requestor, StopAllDone done, void *userdata);

/* Those that are in flight, whose `done` will not be called: the manager ends. */
void stop_all_abandon(Manager *manager);
