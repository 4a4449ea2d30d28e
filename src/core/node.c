/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keeps what is known of the machine, and tells when it changes. */

#include "backend/qemu-version.h"
#include "core/manager.h"
#include "core/node.h"
#include "util/log.h"

static void on_changed(void *userdata) {
        Node *node = userdata;
        NodeFacts before = node->facts;
        unsigned changes = 0;

        node_read("", &node->facts);
        if (before.total_memory != node->facts.total_memory)
                changes |= NODE_CHANGED_MEMORY;
        before.total_memory = node->facts.total_memory;
        if (!node_facts_equal(&before, &node->facts))
                changes |= NODE_CHANGED_PROCESSORS;
        node_facts_clear(&before);
        if (changes)
                node->manager->observer->node_changed(node->manager->userdata, changes);
}

static void on_version(void *userdata, int r, const char *output) {
        Node *node = userdata;
        char *extra;

        node->asking = program_free(node->asking);
        if (r >= 0)
                r = qemu_version_parse(output, &node->hypervisor_major, &node->hypervisor_minor, &extra);
        if (r < 0) {
                log_warning("%s does not say which version it is: %s",
                        node->manager->settings->qemu_binary, g_strerror(-r));
                return;
        }
        g_free(node->hypervisor_extra);
        node->hypervisor_extra = extra;
        node->manager->observer->node_changed(node->manager->userdata, NODE_CHANGED_HYPERVISOR);
}

Node *node_new(Manager *manager) {
        Node *node = g_new0(Node, 1);
        int r;

        *node = (Node) {
                .manager = manager,
                .hypervisor_major = -1,
                .hypervisor_minor = -1,
                .hypervisor_extra = g_strdup(""),
        };
        r = node_watch(manager->event, on_changed, node, &node->watch);
        if (r < 0)
                log_info("Processors that come and go will not be noticed: %s", g_strerror(-r));
        node_read("", &node->facts);
        (void) qemu_version_ask(
                manager->event, manager->settings, manager->user_mode, on_version, node, &node->asking);
        return node;
}

Node *node_free(Node *node) {
        if (!node)
                return NULL;
        program_free(node->asking);
        node_watch_free(node->watch);
        node_facts_clear(&node->facts);
        g_free(node->hypervisor_extra);
        g_free(node);
        return NULL;
}
