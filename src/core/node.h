/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The machine that the domains are on: what it is, and which QEMU it has. */

#include "core/domain.h"
#include "host/node.h"
#include "host/program.h"

/* What changed; the bus knows which properties that means. */
typedef enum NodeChange {
        NODE_CHANGED_PROCESSORS = 1 << 0,
        NODE_CHANGED_MEMORY     = 1 << 1,
        NODE_CHANGED_HYPERVISOR = 1 << 2,
} NodeChange;

typedef struct Node {
        Manager *manager;
        NodeFacts facts;
        int hypervisor_major, hypervisor_minor;   /* -1: QEMU has not answered, or is not there */
        char *hypervisor_extra;
        NodeWatch *watch;
        Program *asking;                          /* QEMU which version it is */
} Node;

/* Looks at the machine, and asks QEMU. */
Node *node_new(Manager *manager);
Node *node_free(Node *node);
