/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the header of a qcow2 image tells before QEMU may see the image (docs/interop/qcow2.txt in QEMU's
 * source). Pure bytes. */

#include <stddef.h>
#include <stdint.h>

#define QCOW2_HEADER_BYTES 104u

/* What is wrong with it, or NULL: it must be version 2 or 3, complete in itself, and not encrypted. A name
 * of another file in it would be opened by QEMU, which has no right to it, or to more than its owner has. */
const char *qcow2_problem(const uint8_t *header, size_t size);
