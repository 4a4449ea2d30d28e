/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A conversation with the agent in a guest (docs/interop/qemu-ga in QEMU's source), for one request. What it
 * says is the guest's: it is bounded in time and in size, and only its refusal is told, in quotes. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* Whoever does not answer the first question in this time is no agent. */
#define AGENT_SYNC_USEC 1000000ull
/* It answers a shutdown only when it refuses; this is how long it has to. */
#define AGENT_REFUSAL_USEC 300000ull
#define AGENT_BYTES_MAX 16384u

typedef struct Agent Agent;

/* r: 0 when it has heard the request and did not refuse, else negative with GuestTimeout or MonitorFailed.
 * Called from the event loop, once; the agent may be freed then. */
typedef void (*AgentReply)(void *userdata, int r, const sd_bus_error *error);

/* Asks it to shut the guest down. Takes the connected, non-blocking socket. Returns 0, or a negative errno
 * (the descriptor is closed then). */
int agent_shut_down(sd_event *event, int fd, AgentReply reply, void *userdata, Agent **ret);
Agent *agent_free(Agent *agent);   /* nobody is told */
