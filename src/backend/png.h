/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How far a PNG image goes, for one that comes from where anything could. Nothing of it is decoded. */

#include <stddef.h>
#include <stdint.h>

/* The bytes from the signature to the end of its last chunk; 0 when this is no whole image. */
size_t png_size(const uint8_t *data, size_t size);
