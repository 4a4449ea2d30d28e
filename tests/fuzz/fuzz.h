/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a fuzz target is: one function that is given bytes and ends the process when a promise is broken.
 * libFuzzer calls it (meson option fuzz), otherwise fuzz-main.c with every file of the target's corpus. */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
