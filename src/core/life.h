/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is done about a domain that ended by itself, by its own policies: it is let go, started again, or
 * kept as it is; and how often it may be started again. What somebody asked to end is none of this. */

#include "core/domain.h"

/* Its processes are gone, and `crashed` tells how. Returns whether the object stays; else it is for the
 * caller to take leave of. */
bool life_take_end(Domain *domain, const char *reason);

/* Its place has become free. Returns whether that is what it waited for, to begin again there. */
bool life_take_place(Domain *domain);

/* Its guest has ended, and its payload stays: does what the policies say, or later, when it has no job. */
void life_take_stop(Domain *domain);

/* Its guest has begun anew within its payload, of its own accord or because it was told to. */
void life_take_reset(Domain *domain, bool of_itself);

/* Nobody wants it any more, and nothing of it runs: the object goes. */
void life_give_up(Domain *domain);

/* It runs again. */
void life_began(Domain *domain);

/* Somebody sent it this signal to be rid of it: if it ends by that, no policy asks why. */
void life_killed(Domain *domain, int signal);
