/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asks a program something that it answers on its standard output, and ends: which version it is. */

#include "host/spawn.h"

typedef struct Program Program;

/* output: what it said, whatever that is; NULL with r negative: it could not be run, did not end well, or
 * took too long. It may free the program. */
typedef void (*ProgramSaid)(void *userdata, int r, const char *output);

/* user: as in SpawnSpec. Returns 0 or a negative errno. */
int program_ask(sd_event *event, char *const *argv, const SpawnUser *user, ProgramSaid said, void *userdata,
        Program **ret);
Program *program_free(Program *program);   /* one that still runs is ended */
