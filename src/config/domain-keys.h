/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the table of keys tells domain-config.c of a configuration. For these two files only. */

#include "config/domain-config.h"

/* What a configuration may be for: a row says which of them know its key. */
typedef enum ConfigUse {
        USE_QEMU = 1 << 0,
        USE_PROCESS = 1 << 1,
        USE_ADOPTED = 1 << 2,
        USE_SLICE   = 1 << 3,   /* a slice, which has no processes of its own */
        USE_UNIT = USE_QEMU | USE_PROCESS | USE_ADOPTED,
        USE_ANY = USE_UNIT | USE_SLICE,
} ConfigUse;

bool domain_config_key_is_set(const DomainConfig *config, const ConfigKey *key);
ConfigUse domain_config_key_uses(const ConfigKey *key);
