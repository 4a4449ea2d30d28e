/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What this machine is: its kernel, processors and memory, as uname(2), /sys and /proc have them. Read
 * only. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/* What stays as it is until processors or memory come or go. Where something is not told, 0 or "". */
typedef struct NodeFacts {
        char *release, *version, *machine;        /* of the kernel */
        uint32_t n_cpus, n_nodes;                 /* online */
        uint32_t sockets_per_node, cores_per_socket, threads_per_core;   /* of those the most */
        char *hw_caps;                            /* of the first CPU, with blanks between them */
        uint64_t total_memory;
} NodeFacts;

/* root: "", or where /sys and /proc are to be found else; uname(2) is asked in any case. */
void node_read(const char *root, NodeFacts *ret);
void node_facts_clear(NodeFacts *facts);
bool node_facts_equal(const NodeFacts *a, const NodeFacts *b);

/* What is different at each look. */
char *node_host(void);                            /* free with g_free() */
uint32_t node_cpu_mhz(const char *root);          /* of the first CPU */
uint64_t node_free_memory(const char *root);      /* that can be had without swapping */

/* Calls `changed` whenever processors or memory came or went; where no udev runs, nobody tells. Returns 0 or
 * a negative errno. */
typedef struct NodeWatch NodeWatch;
int node_watch(sd_event *event, void (*changed)(void *userdata), void *userdata, NodeWatch **ret);
NodeWatch *node_watch_free(NodeWatch *watch);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NodeFacts, node_facts_clear)
