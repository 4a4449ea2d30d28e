/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A domain's runtime folder, BASE/domains/UUID: the sockets of its monitor and console, the FIFO of its
 * output. File names are UUIDs and constants, never a user's text; nobody but the daemon's user gets in. */

#include <glib.h>
#include <systemd/sd-id128.h>
#include <sys/types.h>

typedef struct RunDir RunDir;

/* Makes the folder. base: RUNTIME_DIRECTORY, "/run/vmmanager". Returns 0 or a negative errno. */
int run_dir_new(const char *base, sd_id128_t uuid, RunDir **ret);

/* Removes the folder with what is in it. */
RunDir *run_dir_free(RunDir *dir);

/* Forgets the folder and leaves it: for domains that live on without us. */
RunDir *run_dir_abandon(RunDir *dir);

/* Gives the folder to another UUID; what is open in it stays so. Returns 0 or a negative errno. */
int run_dir_rename(RunDir *dir, sd_id128_t uuid);

/* A listening stream socket there, in place of an earlier one. Returns 0 or a negative errno. */
int run_dir_listen(const RunDir *dir, const char *name, int *ret_fd);

/* A non-blocking connection to such a socket. Returns 0 or a negative errno. */
int run_dir_connect(const RunDir *dir, const char *name, int *ret_fd);

/* A FIFO: *ret_reader is non-blocking, *ret_writer blocking and open for both directions, so that a writer
 * never meets a closed pipe, whatever becomes of the reader. The FIFO belongs to uid, and takes the place of
 * an earlier one. */
int run_dir_fifo(const RunDir *dir, const char *name, uid_t uid, int *ret_reader, int *ret_writer);

/* Path of a file there; free with g_free(). */
char *run_dir_path(const RunDir *dir, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunDir, run_dir_free)
