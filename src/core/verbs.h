/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The steps that more than one verb takes, and what domains follow of their unit. For the core room only. */

#include "core/domain.h"

extern const UnitObserver domain_unit_observer;

/* A payload that is not up in this time is broken. */
#define DOMAIN_START_TIMEOUT_USEC 60000000ull

int freeze_run(Job *job);
int freeze_poke(Job *job);
int freeze_expire(Job *job);
int thaw_run(Job *job);      /* goes on at once when nothing is frozen */
int executed_run(Job *job);  /* goes on at once when the payload has been executed */
int proceed_run(Job *job);   /* goes on at once when the guest was not halted */
