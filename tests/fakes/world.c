/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The made-up host itself: scopes, processes, and what becomes of them. Real descriptors stand for
 * processes, nothing else of it is real. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "config/cgroup-path.h"
#include "config/stop-plan.h"
#include "fakes/world.h"
#include "util/auto.h"

/* Behind everything on the connection, before what is idle. */
#define TURN_PRIORITY 50

World world;

typedef struct Event {
        Act act;
        void *data;
} Event;

void note(const char *format, ...) {
        g_autofree char *line = NULL;
        va_list ap;

        va_start(ap, format);
        line = g_strdup_vprintf(format, ap);
        va_end(ap);
        g_assert_cmpint(
                sd_bus_emit_signal(world.connection, "/", FAKE_NOTE_INTERFACE, "Note", "s", line), >=, 0);
}

void happen(Act act, void *data) {
        Event *event = g_new(Event, 1);

        *event = (Event) {act, data};
        g_queue_push_tail(&world.acts, event);
        g_assert_cmpint(sd_event_source_set_enabled(world.turn, SD_EVENT_ONESHOT), >=, 0);
}

void happen_not(const void *data) {
        for (GList *link = world.acts.head, *next; link; link = next) {
                next = link->next;
                if (((Event *) link->data)->data != data)
                        continue;
                g_free(link->data);
                g_queue_delete_link(&world.acts, link);
        }
}

static int on_turn(sd_event_source *source, void *userdata) {
        g_autofree Event *event = g_queue_pop_head(&world.acts);

        if (event)
                event->act(event->data);
        if (world.acts.head)
                return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

bool same_file(int a, int b) {
        struct stat x, y;

        return a >= 0 && b >= 0 && fstat(a, &x) >= 0 && fstat(b, &y) >= 0 && x.st_dev == y.st_dev &&
               x.st_ino == y.st_ino;
}

/* ---- Scopes. ---- */

FakeScope *scope_find(const char *unit) {
        for (unsigned i = 0; i < world.scopes->len; i++) {
                FakeScope *scope = world.scopes->pdata[i];
                if (g_str_equal(scope->unit, unit))
                        return scope;
        }
        return NULL;
}

FakeScope *scope_find_by_path(const char *path) {
        for (unsigned i = 0; i < world.scopes->len; i++) {
                FakeScope *scope = world.scopes->pdata[i];
                if (g_str_equal(scope->path, path))
                        return scope;
        }
        return NULL;
}

static GHashTable *properties_new(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
}

FakeScope *scope_new(const char *unit, const char *slice) {
        g_auto(GStrv) slices = slice_ancestry(slice);
        g_autofree char *parent = g_strjoinv("/", slices);
        FakeScope *scope = g_new0(FakeScope, 1);

        *scope = (FakeScope) {
                .unit = g_strdup(unit),
                .slice = g_strdup(slice),
                .path = g_strconcat(world.root, *parent ? "/" : "", parent, "/", unit, NULL),
                .properties = properties_new(),
                .applied = properties_new(),
                .groups = g_ptr_array_new_with_free_func(group_free),
        };
        g_ptr_array_add(world.scopes, scope);
        return scope;
}

static void scope_free(void *item) {
        FakeScope *scope = item;

        g_free(scope->unit);
        g_free(scope->slice);
        g_free(scope->path);
        g_hash_table_unref(scope->properties);
        g_hash_table_unref(scope->applied);
        g_free(scope->frozen_below);
        g_ptr_array_unref(scope->groups);
        g_free(scope);
}

const char *frozen_slice(const char *path) {
        g_auto(GStrv) parts = g_strsplit(path, "/", -1);

        for (unsigned i = g_strv_length(parts), at; i > 0; i--)
                if (g_ptr_array_find_with_equal_func(world.frozen_slices, parts[i - 1], g_str_equal, &at))
                        return world.frozen_slices->pdata[at];
        return NULL;
}

bool scope_is_frozen(const FakeScope *scope) {
        return (scope->freeze || frozen_slice(scope->path)) && !scope->stuck;
}

bool slice_is_started(const char *path) {
        return g_ptr_array_find_with_equal_func(
                world.started_slices, strrchr(path, '/') + 1, g_str_equal, NULL);
}

bool slice_is_frozen(const char *slice) {
        return g_ptr_array_find_with_equal_func(world.frozen_slices, slice, g_str_equal, NULL);
}

CgroupEvents slice_events(const char *path) {
        CgroupEvents events = {.frozen = frozen_slice(path) != NULL};
        g_autofree char *below = g_strconcat(path, "/", NULL);

        for (unsigned i = 0; i < world.scopes->len; i++) {
                const FakeScope *scope = world.scopes->pdata[i];

                if (!g_str_has_prefix(scope->path, below))
                        continue;
                events.populated |= scope_events(scope).populated;
                events.frozen &= !scope->stuck;
        }
        events.frozen &= events.populated;
        return events;
}

CgroupEvents scope_events(const FakeScope *scope) {
        CgroupEvents events = {.frozen = scope_is_frozen(scope)};

        for (unsigned i = 0; i < world.processes->len; i++) {
                const FakeProcess *process = world.processes->pdata[i];
                events.populated |= process->scope == scope && !process->ended && !process->dragged_to;
        }
        return events;
}

static void properties_set(GHashTable *set, GVariant *properties) {
        GVariantIter list;
        GVariant *given;
        char *property;

        g_variant_iter_init(&list, properties);
        while (g_variant_iter_next(&list, "(sv)", &property, &given))
                g_hash_table_insert(set, property, given);
}

GHashTable *slice_properties(const char *slice) {
        GHashTable *set = g_hash_table_lookup(world.slices, slice);

        if (!set) {
                set = properties_new();
                g_hash_table_insert(world.slices, g_strdup(slice), set);
        }
        return set;
}

void slice_set_properties(const char *slice, GVariant *properties) {
        properties_set(slice_properties(slice), properties);
}

/* systemd 257 lets the settings of a frozen scope wait for the next ones. */
void scope_set_properties(FakeScope *scope, GVariant *properties) {
        GHashTableIter iter;
        void *name, *value;

        properties_set(scope->properties, properties);
        if (world.late_limits && scope_is_frozen(scope))
                return;
        g_hash_table_iter_init(&iter, scope->properties);
        while (g_hash_table_iter_next(&iter, &name, &value))
                g_hash_table_insert(scope->applied, g_strdup(name), g_variant_ref(value));
}

void systemd_applies_late(void) {
        world.late_limits = true;
}

void scope_remove(FakeScope *scope) {
        g_autofree char *unit = g_strdup(scope->unit);

        for (unsigned i = 0; i < world.processes->len; i++) {
                FakeProcess *process = world.processes->pdata[i];
                if (process->scope == scope)
                        process->scope = NULL;
        }
        happen_not(scope);
        unit_judged(scope);
        g_ptr_array_remove(world.scopes, scope);
        freezes_settle(unit);
        unit_removed(unit);
}

static void scope_act_collect(void *data) {
        FakeScope *scope = data;

        if (!scope_events(scope).populated && !scope->kept)
                scope_remove(scope);
}

static void scope_act_told(void *data) {
        FakeScope *scope = data;
        g_autofree char *path = g_strdup(scope->path);

        cgroups_changed(path);
}

void scope_tell(FakeScope *scope) {
        CgroupEvents now = scope_events(scope);
        bool emptied = scope->told.populated && !now.populated;

        slices_tell();
        if (scope->quiet || (now.populated == scope->told.populated && now.frozen == scope->told.frozen))
                return;
        scope->told = now;
        happen(scope_act_told, scope);
        if (emptied)
                happen(scope_act_collect, scope);
}

/* What waits for the thaw goes on. */
static void scope_wake(FakeScope *scope) {
        for (unsigned i = 0; i < world.processes->len && !scope_is_frozen(scope); i++) {
                FakeProcess *process = world.processes->pdata[i];
                int signal = process->pending;

                if (process->scope != scope)
                        continue;
                process->pending = 0;
                if (signal)
                        process_signal(process, signal);
                else if (process->spawn)
                        spawn_proceed(process->spawn);
        }
}

void scope_set_freeze(FakeScope *scope, bool freeze) {
        scope->freeze = freeze;
        scope_tell(scope);
        scope_wake(scope);
}

void scope_freezes(const char *unit) {
        scope_set_freeze(scope_find(unit), true);
}

void scope_thaws(const char *unit) {
        scope_set_freeze(scope_find(unit), false);
}

void scope_runs_out_of_memory(const char *unit, pid_t pid) {
        FakeProcess *process = process_find(pid);

        g_assert_true(process->scope == scope_find(unit));
        process->costly = true;
        process_dies(pid, SIGKILL);
}

void scope_sticks(const char *unit) {
        scope_find(unit)->stuck = true;
}

void scope_unsticks(const char *unit) {
        FakeScope *scope = scope_find(unit);

        scope->stuck = false;
        scope_tell(scope);
}

void scope_freezes_below(const char *unit, const char *group) {
        FakeScope *scope = scope_find(unit);

        g_free(scope->frozen_below);
        scope->frozen_below = g_strdup(group);
}

void scope_kept_quiet(const char *unit, bool quiet) {
        FakeScope *scope = scope_find(unit);

        scope->quiet = quiet;
        scope_tell(scope);
}

static void slices_changed(void) {
        for (unsigned i = 0; i < world.scopes->len; i++) {
                scope_tell(world.scopes->pdata[i]);
                scope_wake(world.scopes->pdata[i]);
        }
}

static void slice_set_freeze(const char *slice, bool freeze) {
        unsigned i;

        if (freeze && !slice_is_frozen(slice))
                g_ptr_array_add(world.frozen_slices, g_strdup(slice));
        else if (!freeze && g_ptr_array_find_with_equal_func(world.frozen_slices, slice, g_str_equal, &i))
                g_ptr_array_remove_index(world.frozen_slices, i);
        slices_tell();
        slices_changed();
}

void slice_freezes(const char *slice) {
        slice_set_freeze(slice, true);
}

void slice_thaws(const char *slice) {
        g_assert_true(slice_is_frozen(slice));
        slice_set_freeze(slice, false);
}

void systemd_reaches_below_slices(void) {
        world.reaches_below = true;
}

void systemd_freezes_slice(const char *slice, bool freeze) {
        g_autofree char *component = g_strdup_printf("/%s/", slice);

        for (unsigned i = 0; i < world.scopes->len && world.reaches_below; i++) {
                FakeScope *scope = world.scopes->pdata[i];
                if (strstr(scope->path, component))
                        scope->freeze = freeze;
        }
        slice_set_freeze(slice, freeze);
}

/* ---- Processes. ---- */

FakeProcess *process_new(const char *command, uid_t uid) {
        FakeProcess *process = g_new0(FakeProcess, 1);
        int pair[2];

        g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
        *process = (FakeProcess) {
                .pid = ++world.last_pid,
                .uid = uid,
                .command = g_strdup(command),
                .pidfd = pair[0],
                .end = pair[1],
                .output = -1,
        };
        g_ptr_array_add(world.processes, process);
        return process;
}

static void process_free(void *item) {
        FakeProcess *process = item;

        fd_close(process->pidfd);
        fd_close(process->end);
        fd_close(process->output);
        g_free(process->dragged_to);
        g_free(process->command);
        g_free(process);
}

FakeProcess *process_find(pid_t pid) {
        for (unsigned i = 0; i < world.processes->len; i++) {
                FakeProcess *process = world.processes->pdata[i];
                if (process->pid == pid)
                        return process;
        }
        return NULL;
}

FakeProcess *process_find_by_pidfd(int pidfd) {
        for (unsigned i = 0; i < world.processes->len; i++) {
                FakeProcess *process = world.processes->pdata[i];
                if (same_file(process->pidfd, pidfd))
                        return process;
        }
        return NULL;
}

static void process_act_end(void *data) {
        FakeProcess *process = data;

        if (process->status.signal)
                note("end %d by %s", (int) process->pid, signal_to_name(process->status.signal));
        else
                note("end %d with status %d", (int) process->pid, process->status.code);
        process->ended = true;
        g_assert_cmpint(write(process->end, "", 1), ==, 1);
        if (!process->scope)
                return;
        process->scope->oom_kills += process->costly;
        if (process->costly && scope_events(process->scope).populated)
                happen(scope_act_told, process->scope);
        scope_tell(process->scope);
}

/* As the kernel does it: what it held is closed before its end can be seen. */
static void process_act_hang_up(void *data) {
        FakeProcess *process = data;

        monitors_hang_up(process);
        if (process->spawn)
                spawn_hang_up(process->spawn);
        process->output = fd_close(process->output);
        happen(process_act_end, process);
}

void process_end(FakeProcess *process, ExitStatus status) {
        if (process->dying)
                return;
        process->dying = true;
        process->status = status;
        happen(process_act_hang_up, process);
}

void process_signal(FakeProcess *process, int signal) {
        bool ends = signal == SIGKILL ||
                    (!process->deaf && (signal == SIGTERM || signal == SIGINT || signal == SIGHUP));

        if (signal != SIGKILL && process->scope && scope_is_frozen(process->scope))
                process->pending = signal;
        else if (ends)
                process_end(process, (ExitStatus) {true, -1, signal});
}

void process_runs(pid_t pid, uid_t uid) {
        FakeProcess *process = process_new("/bin/stranger", uid);

        process->pid = pid;
}

void process_joins(pid_t pid, const char *unit) {
        process_runs(pid, 0);
        process_find(pid)->scope = scope_find(unit);
}

void process_exits(pid_t pid, int code) {
        process_end(process_find(pid), (ExitStatus) {true, code, 0});
}

void process_dies(pid_t pid, int signal) {
        process_end(process_find(pid), (ExitStatus) {true, -1, signal});
}

void process_turns_deaf(pid_t pid) {
        process_find(pid)->deaf = true;
}

void process_is_dragged_to(pid_t pid, const char *cgroup) {
        FakeProcess *process = process_find(pid);

        process->dragged_to = g_strdup(cgroup);
        if (process->scope)
                scope_tell(process->scope);
}

void process_says(pid_t pid, const char *text) {
        g_assert_cmpint(write(process_find(pid)->output, text, strlen(text)), ==, (ssize_t) strlen(text));
}

int process_pidfd(pid_t pid) {
        return fcntl(process_find(pid)->pidfd, F_DUPFD_CLOEXEC, 3);
}

void fork_fails(int error) {
        world.fork_error = error;
}

void exec_fails(const char *text) {
        g_free(world.exec_error);
        world.exec_error = g_strdup(text);
}

void children_die_early(void) {
        world.early_death = true;
}

void folder_fails(int error) {
        world.folder_error = error;
}

/* ---- All of it. ---- */

void host_new(sd_event *event, sd_bus *connection, bool of_user) {
        world = (World) {
                .event = event,
                .connection = connection,
                .root = of_user ? "/user.slice/user-1000.slice/user@1000.service" : "",
                .acts = G_QUEUE_INIT,
                .scopes = g_ptr_array_new_with_free_func(scope_free),
                .processes = g_ptr_array_new_with_free_func(process_free),
                .frozen_slices = g_ptr_array_new_with_free_func(g_free),
                .started_slices = g_ptr_array_new_with_free_func(g_free),
                .images = g_ptr_array_new_with_free_func(image_free),
                .image_works = g_ptr_array_new(),
                .cgroups = g_ptr_array_new(),
                .own_log = g_ptr_array_new_with_free_func(g_free),
                .kernel_log = g_ptr_array_new_with_free_func(g_free),
                .run_dirs = g_ptr_array_new(),
                .monitors = g_ptr_array_new(),
                .rules = g_ptr_array_new_with_free_func(g_free),
                .calls = g_ptr_array_new(),
                .watches = g_ptr_array_new(),
                .moods = g_hash_table_new(g_str_hash, g_str_equal),
                .slices = g_hash_table_new_full(
                        g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_hash_table_unref),
                .returns = g_hash_table_new(g_str_hash, g_str_equal),
                .qemu_says = "QEMU emulator version 7.2.19 (Fake)\nCopyright",
                .last_pid = FAKE_PID_FIRST - 1,
        };
        g_assert_cmpint(sd_event_add_defer(event, &world.turn, on_turn, NULL), >=, 0);
        g_assert_cmpint(sd_event_source_set_priority(world.turn, TURN_PRIORITY), >=, 0);
        g_assert_cmpint(sd_event_source_set_enabled(world.turn, SD_EVENT_OFF), >=, 0);
}

char *host_leftovers(void) {
        GString *text = g_string_new(NULL);

        for (unsigned i = 0; i < world.scopes->len; i++)
                g_string_append_printf(text, "scope %s\n", ((FakeScope *) world.scopes->pdata[i])->unit);
        for (unsigned i = 0; i < world.processes->len; i++) {
                const FakeProcess *process = world.processes->pdata[i];
                if (process->child && !process->ended)
                        g_string_append_printf(text, "process %d\n", (int) process->pid);
        }
        if (world.run_dirs->len > 0)
                g_string_append_printf(text, "%u runtime folders\n", world.run_dirs->len);
        if (world.watches->len > 0)
                g_string_append_printf(text, "%u watched units\n", world.watches->len);
        if (world.cgroups->len > 0)
                g_string_append_printf(text, "%u open cgroups\n", world.cgroups->len);
        if (world.image_works->len > 0)
                g_string_append_printf(text, "%u images at work\n", world.image_works->len);
        return g_string_free(text, FALSE);
}

void host_free(void) {
        monitors_hang_up(NULL);
        sd_event_source_disable_unref(world.turn);
        g_queue_clear_full(&world.acts, g_free);
        journal_goes();
        g_clear_pointer(&world.machines, g_ptr_array_unref);
        g_ptr_array_unref(world.scopes);
        g_ptr_array_unref(world.processes);
        g_ptr_array_unref(world.frozen_slices);
        g_ptr_array_unref(world.started_slices);
        g_ptr_array_unref(world.images);
        g_ptr_array_unref(world.image_works);
        g_ptr_array_unref(world.cgroups);
        g_ptr_array_unref(world.run_dirs);
        g_ptr_array_unref(world.monitors);
        g_ptr_array_unref(world.rules);
        g_ptr_array_unref(world.calls);
        g_ptr_array_unref(world.watches);
        g_hash_table_unref(world.moods);
        g_hash_table_unref(world.slices);
        g_hash_table_unref(world.returns);
        g_free(world.spare_cpus);
        g_free(world.exec_error);
        world = (World) {0};
}
