/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* host/node.h and host/program.h over the made-up host: it has four CPUs, and QEMU tells its version. */

#include <errno.h>

#include "fakes/world.h"
#include "host/node.h"
#include "host/program.h"

struct NodeWatch {
        void (*changed)(void *userdata);
        void *userdata;
};

static NodeWatch *node_watched;

void node_read(const char *root, NodeFacts *ret) {
        *ret = (NodeFacts) {
                .release = g_strdup("6.1.0-fake"),
                .version = g_strdup("#1 SMP"),
                .machine = g_strdup("x86_64"),
                .n_cpus = world.cpus_gone ? 3 : 4,
                .n_nodes = 1,
                .sockets_per_node = 1,
                .cores_per_socket = 2,
                .threads_per_core = 2,
                .hw_caps = g_strdup("fpu vme"),
                .total_memory = UINT64_C(4) << 30,
        };
}

void node_facts_clear(NodeFacts *facts) {
        g_free(facts->release);
        g_free(facts->version);
        g_free(facts->machine);
        g_free(facts->hw_caps);
        *facts = (NodeFacts) {0};
}

bool node_facts_equal(const NodeFacts *a, const NodeFacts *b) {
        return a->n_cpus == b->n_cpus;
}

char *node_host(void) {
        return g_strdup("fake");
}

uint32_t node_cpu_mhz(const char *root) {
        return 2400;
}

uint64_t node_free_memory(const char *root) {
        return UINT64_C(1) << 30;
}

int node_watch(sd_event *event, void (*changed)(void *userdata), void *userdata, NodeWatch **ret) {
        g_assert_null(node_watched);
        *ret = node_watched = g_new(NodeWatch, 1);
        *node_watched = (NodeWatch) {changed, userdata};
        return 0;
}

NodeWatch *node_watch_free(NodeWatch *watch) {
        node_watched = NULL;
        g_free(watch);
        return NULL;
}

void cpu_goes(void) {
        world.cpus_gone = true;
        node_watched->changed(node_watched->userdata);
}

/* ---- Programs. ---- */

struct Program {
        ProgramSaid said;
        void *userdata;
};

static void program_says(void *data) {
        const Program *program = data;

        if (world.qemu_says)
                program->said(program->userdata, 0, world.qemu_says);
        else
                program->said(program->userdata, -EIO, NULL);
}

int program_ask(sd_event *event, char *const *argv, const SpawnUser *user, ProgramSaid said, void *userdata,
        Program **ret) {
        Program *program = *ret = g_new(Program, 1);

        *program = (Program) {said, userdata};
        happen(program_says, program);
        return 0;
}

Program *program_free(Program *program) {
        if (!program)
                return NULL;
        happen_not(program);
        g_free(program);
        return NULL;
}
