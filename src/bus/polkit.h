/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who calls, and whether they may. Asks the bus for the caller's UID and polkit for its blessing, both
 * asynchronously: the message is kept meanwhile, and then goes through its handler again from the top.
 * Default deny: a member the table in polkit.c does not name is refused. Root is not asked; in user mode
 * nobody is, and only the same user may call. */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#define AUTHORITY_QUESTIONS_MAX 256u
#define AUTHORITY_QUESTIONS_PER_USER_MAX 32u

typedef struct Authority Authority;
typedef struct CallerWatch CallerWatch;

/* What polkit's rules are told. */
typedef struct AuthorityDetails {
        const char *domain, *uuid, *slice;
        uid_t owner;
        bool owned;   /* there is an owner yet */
        const char *member;   /* whose action counts; NULL: the message's own */
        const char *row;      /* of the table of actions, where the member's name is not enough; else NULL */
        bool also;            /* besides what was allowed this message before */
} AuthorityDetails;

int authority_new(sd_bus *bus, bool user_mode, Authority **ret);
Authority *authority_free(Authority *authority);

/* Returns 1 when the caller may (*ret_uid is set), 0 when somebody is being asked and the handler is to
 * return 1 and do nothing, or a negative errno with AccessDenied, InteractiveAuthorizationRequired or
 * LimitExceeded. */
int authorize(Authority *authority, sd_bus_message *m, const AuthorityDetails *details, uid_t *ret_uid,
        sd_bus_error *error);

/* Calls `gone` once when the sender of the message leaves the bus, or has left already. */
int caller_watch_new(sd_bus_message *m, void (*gone)(void *userdata), void *userdata, CallerWatch **ret);
CallerWatch *caller_watch_free(CallerWatch *watch);
