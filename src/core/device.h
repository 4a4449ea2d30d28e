/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which devices a domain may use: systemd's DevicePolicy and DeviceAllow, and the nodes that people mean by
 * their entries. Devices go by number ("/dev/char/10:232"), so that one can be taken away when its node is
 * gone. For the core room; the verbs are in domain.h. */

#include "core/domain.h"

/* Gives a new domain the policy "closed" and the devices of its kind, besides what it was given, and notes
 * what of it is not on this host as warnings. In user mode and for adopted processes only what was given
 * counts. */
void device_defaults(Domain *domain);

/* Puts the nodes of DeviceAllow that are there by number, and remembers their names. Those that are not
 * there stay as they are, with a warning (char *). */
void device_resolve(Domain *domain, Resources *resources, GPtrArray *warnings);

/* Gives a domain whose devices were controlled, and are not to be any more, all there are as a list. */
void device_open_up(const Domain *domain, Resources *change);

/* Forgets the names of devices that are not on the domain's list. */
void device_forget(Domain *domain);
