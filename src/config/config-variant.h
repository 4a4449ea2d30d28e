/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A domain's configuration as one value, a{sv}, and back: how it is kept for another day. Pure values. */

#include "config/domain-config.h"

/* All that domain_config_get() says, in the order of the table; a new reference. The same configuration
 * gives the same value, to the byte. */
GVariant *domain_config_to_variant(const DomainConfig *config);

/* Sets the keys of an a{sv}. Returns 0, or -EINVAL with InvalidConfig naming the key: there is none of this
 * name, its value has another type, or as domain_config_set(). */
int domain_config_set_variant(DomainConfig *config, GVariant *values, sd_bus_error *error);
