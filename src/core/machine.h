/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Domains as machinectl(1) shows them, and what it asks of them. */

#include "core/domain.h"
#include "host/machine.h"

/* It is up: enters it, unless that is not wanted. Nobody waits for it. */
void domain_enter_register(Domain *domain);

/* Takes all out, for good. Returns whether there were any. */
bool domains_leave_register(Manager *manager);
