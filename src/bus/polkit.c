/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The questions to the bus and to polkit, and the table of what needs which answer. The subject is always
 * the caller's unique name on the bus, never a PID; an error, a timeout or an odd answer means no; nothing
 * is remembered but the UID of a connection, which cannot change. */

#include <errno.h>
#include <glib.h>
#include <unistd.h>

#include "bus/polkit.h"
#include "util/auto.h"
#include "util/errors.h"

#define ACTION(name) "org.example.VMManager1." name
#define CALLERS_REMEMBERED_MAX 1024u

/* Long enough for a person to type a password. */
#define QUESTION_TIMEOUT_USEC 300000000ull

static const struct {
        const char *row, *action;
} actions[] = {
        {"CreateDomain",    ACTION("create")},
        {"AdoptProcesses",  ACTION("adopt")},
        {"AdoptProcessFDs", ACTION("adopt")},
        {"Release",         ACTION("adopt")},
        {"AddProcess",      ACTION("adopt")},
        {"AddProcessFD",    ACTION("adopt")},
        {"Pause",           ACTION("pause")},
        {"Resume",          ACTION("pause")},
        {"Shutdown",        ACTION("stop")},
        {"Reboot",          ACTION("stop")},
        {"Destroy",         ACTION("stop")},
        {"Stop",            ACTION("stop")},
        {"Kill",            ACTION("stop")},
        {"Reset",           ACTION("stop")},
        {"SendSysRq",       ACTION("sysrq")},
        {"InjectNMI",       ACTION("sysrq")},
        {"SendKeys",        ACTION("console")},
        {"Screenshot",      ACTION("console")},
        {"SetMemory",       ACTION("configure")},
        {"SetMaxMemory",    ACTION("configure")},
        {"SetVCPUs",        ACTION("configure")},
        {"GetProcesses",    ACTION("inspect")},
        {"GetLog",          ACTION("inspect")},
        {"GetHypervisorLog", ACTION("inspect")},
        {"ClearHypervisorLog", ACTION("inspect")},
        {"GetVCPUs",        ACTION("inspect")},
        {"PinVCPU",         ACTION("configure")},
        {"WeighVCPU",       ACTION("configure")},
        {"PowerOff",        ACTION("host-power")},
        {"Node.Reboot",     ACTION("host-power")},
        {"OpenConsole",     ACTION("console")},
        {"GetConsoleLog",   ACTION("console")},
        {"AttachDisk",      ACTION("configure")},
        {"DetachDisk",      ACTION("configure")},
        {"AttachNetwork",   ACTION("configure")},
        {"DetachNetwork",   ACTION("configure")},
        {"WaitForDevices",  ACTION("inspect")},
        {"AddDevice",       ACTION("configure")},
        {"RemoveDevice",    ACTION("configure")},
        {"GrantIOPorts",    ACTION("configure")},
        {"RevokeIOPorts",   ACTION("configure")},
        {"SetResources",    ACTION("configure")},
        {"UpdateResourcesOCI", ACTION("configure")},
        {"Rename",          ACTION("configure")},
        {"Save",            ACTION("save")},
        {"SaveFD",          ACTION("save")},
        {"RestoreDomain",   ACTION("save")},
        {"RestoreDomainFD", ACTION("save")},
        {"OnPoweroff",      ACTION("configure")},
        {"OnReboot",        ACTION("configure")},
        {"OnCrash",         ACTION("configure")},
        {"StopPlan",        ACTION("configure")},
        {"PauseTimeoutUSec", ACTION("configure")},
};

typedef struct Question {
        Authority *authority;
        sd_bus_message *message;      /* kept: it is the request */
        sd_bus_slot *slot;
        sd_event_source *expiry;
        char *about;                  /* what was asked: an answer is one to that and nothing else */
        char *passed;                 /* what was asked and allowed before; NULL: nothing */
        uid_t uid;
        bool uid_known, answered, allowed, challenge;
        sd_bus_error error;
} Question;

struct Authority {
        sd_bus *bus;
        bool user_mode;
        GHashTable *questions;   /* sd_bus_message -> Question */
        GHashTable *callers;     /* unique name -> UID */
};

static void question_free(void *item) {
        Question *question = item;

        sd_bus_slot_unref(question->slot);
        sd_event_source_disable_unref(question->expiry);
        sd_bus_message_unref(question->message);
        g_free(question->about);
        g_free(question->passed);
        sd_bus_error_free(&question->error);
        g_free(question);
}

int authority_new(sd_bus *bus, bool user_mode, Authority **ret) {
        Authority *authority = g_new0(Authority, 1);

        *authority = (Authority) {
                .bus = bus,
                .user_mode = user_mode,
                .questions = g_hash_table_new_full(NULL, NULL, NULL, question_free),
                .callers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        };
        *ret = authority;
        return 0;
}

Authority *authority_free(Authority *authority) {
        if (!authority)
                return NULL;
        g_hash_table_unref(authority->questions);
        g_hash_table_unref(authority->callers);
        g_free(authority);
        return NULL;
}

static const char *action_of(const char *row) {
        for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
                if (g_str_equal(actions[i].row, row))
                        return actions[i].action;
        return NULL;
}

static int on_question_over(sd_event_source *source, void *userdata) {
        Question *question = userdata;

        g_hash_table_remove(question->authority->questions, question->message);
        return 0;
}

/* Lets the message go through its handler again. The answer is kept until that has happened, and no longer:
 * the handler may not come to ask for it, for example when its object is gone. */
static void question_redispatch(Question *question) {
        question->slot = sd_bus_slot_unref(question->slot);
        if (sd_event_add_defer(sd_bus_get_event(question->authority->bus), &question->expiry,
                    on_question_over, question) < 0 ||
                sd_event_source_set_priority(question->expiry, SD_EVENT_PRIORITY_IDLE) < 0 ||
                sd_bus_message_rewind(question->message, true) < 0 ||
                sd_bus_enqueue_for_read(question->authority->bus, question->message) < 0)
                g_hash_table_remove(question->authority->questions, question->message);
}

static void question_fail(Question *question, const char *name, const char *text) {
        question->answered = true;
        sd_bus_error_free(&question->error);
        (void) sd_bus_error_set(&question->error, name, text);
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Question *question = userdata;
        uint32_t uid;

        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &uid) < 0)
                question_fail(question, SD_BUS_ERROR_ACCESS_DENIED, "The bus does not know who calls");
        else {
                GHashTable *callers = question->authority->callers;

                if (g_hash_table_size(callers) >= CALLERS_REMEMBERED_MAX)
                        g_hash_table_remove_all(callers);
                g_hash_table_insert(callers, g_strdup(sd_bus_message_get_sender(question->message)),
                        GUINT_TO_POINTER(uid));
                question->uid = uid;
                question->uid_known = true;
        }
        question_redispatch(question);
        return 0;
}

static int on_polkit(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Question *question = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int allowed = 0, challenge = 0;

        question->answered = true;
        if (error)
                question_fail(question, SD_BUS_ERROR_ACCESS_DENIED,
                        sd_bus_error_has_names(
                                error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER)
                                ? "Access denied: polkit is not there to be asked"
                                : "Access denied: polkit did not answer");
        else if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                 sd_bus_message_read(reply, "bb", &allowed, &challenge) < 0)
                question_fail(question, SD_BUS_ERROR_ACCESS_DENIED,
                        "Access denied: polkit's answer makes no sense");
        question->allowed = allowed;
        question->challenge = challenge;
        question_redispatch(question);
        return 0;
}

static unsigned questions_of(const Authority *authority, uid_t uid) {
        GHashTableIter iter;
        void *item;
        unsigned n = 0;

        g_hash_table_iter_init(&iter, authority->questions);
        while (g_hash_table_iter_next(&iter, NULL, &item))
                n += ((Question *) item)->uid_known && ((Question *) item)->uid == uid;
        return n;
}

static Question *question_new(Authority *authority, sd_bus_message *m) {
        Question *question = g_new0(Question, 1);

        question->authority = authority;
        question->message = sd_bus_message_ref(m);
        g_hash_table_insert(authority->questions, m, question);
        return question;
}

/* Whether it is under way; a question that cannot be asked is no question. */
static int question_asked(Question *question, int r) {
        if (r < 0)
                g_hash_table_remove(question->authority->questions, question->message);
        return r < 0 ? r : 0;
}

static int ask_uid(Question *question) {
        return sd_bus_call_method_async(question->authority->bus, &question->slot, "org.freedesktop.DBus",
                "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixUser", on_uid, question,
                "s", sd_bus_message_get_sender(question->message));
}

static char *details_about(const char *action, const AuthorityDetails *details) {
        return g_strdup_printf("%s %s %s %s %u", action, details->domain, details->uuid, details->slice,
                details->owned ? (unsigned) details->owner : UINT32_MAX);
}

static int ask_polkit(Question *question, const char *action, const AuthorityDetails *details) {
        g_autoptr(sd_bus_message) ask = NULL;
        g_autofree char *owner =
                details->owned ? g_strdup_printf("%u", (unsigned) details->owner) : g_strdup("");
        const char *verb = details->member ? details->member : sd_bus_message_get_member(question->message);
        bool interactive = sd_bus_message_get_allow_interactive_authorization(question->message) > 0;
        int r;

        r = sd_bus_message_new_method_call(question->authority->bus, &ask, "org.freedesktop.PolicyKit1",
                "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
                "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(ask, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                        sd_bus_message_get_sender(question->message), action, 5, "domain", details->domain,
                        "uuid", details->uuid, "slice", details->slice, "owner", owner, "verb", verb,
                        (uint32_t) interactive, "");
        if (r >= 0)
                r = sd_bus_call_async(question->authority->bus, &question->slot, ask, on_polkit, question,
                        QUESTION_TIMEOUT_USEC);
        return r;
}

/* What the answer means; the question stays until its message has been through. */
static int question_verdict(const Question *question, const char *action, sd_bus_error *error) {
        if (sd_bus_error_is_set(&question->error))
                return sd_bus_error_copy(error, &question->error);
        if (question->allowed)
                return 1;
        if (question->challenge && !sd_bus_message_get_allow_interactive_authorization(question->message))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                        "Interactive authorization is required for %s", action);
        return sd_bus_error_setf(
                error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: polkit refuses %s", action);
}

/* The UID if it is known without asking. */
static bool caller_uid(const Authority *authority, sd_bus_message *m, uid_t *ret) {
        const char *sender = sd_bus_message_get_sender(m);
        void *uid;

        /* No sender: the other end of a private connection, which only we can have made. */
        if (!sender)
                *ret = geteuid();
        else if (g_hash_table_lookup_extended(authority->callers, sender, NULL, &uid))
                *ret = GPOINTER_TO_UINT(uid);
        else
                return false;
        return true;
}

/* The same message needs another action, too. */
static int question_ask_on(Question *question, const char *action, const AuthorityDetails *details) {
        question->expiry = sd_event_source_disable_unref(question->expiry);
        question->answered = question->allowed = question->challenge = false;
        question->passed = question->about;
        question->about = details_about(action, details);
        return question_asked(question, ask_polkit(question, action, details));
}

int authorize(Authority *authority, sd_bus_message *m, const AuthorityDetails *details, uid_t *ret_uid,
        sd_bus_error *error) {
        Question *question = g_hash_table_lookup(authority->questions, m);
        const char *member = details->member ? details->member : sd_bus_message_get_member(m);
        const char *action = action_of(details->row ? details->row : member);

        if (!action)
                return sd_bus_error_setf(
                        error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: %s has no action", member);
        if (question && question->answered) {
                g_autofree char *about = details_about(action, details);

                *ret_uid = question->uid;
                if (question->passed && g_str_equal(question->passed, about))
                        return 1;
                if (details->also && question->allowed && !question->passed &&
                        !g_str_equal(question->about, about))
                        return question_ask_on(question, action, details);

                /* While polkit was asked, another domain may have come to where the message goes. */
                if (question->about && !g_str_equal(question->about, about))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "Access denied: '%s' is not what it was when polkit was asked",
                                details->domain);
                return question_verdict(question, action, error);
        }
        if (question && !question->uid_known)
                return 0;   /* the same message twice: still asking */

        uid_t uid = 0;
        if (!caller_uid(authority, m, &uid)) {
                /* Not counted: the bus answers at once, and root must not be kept out by others. */
                question = question_new(authority, m);
                return question_asked(question, ask_uid(question));
        }
        if (authority->user_mode ? uid == geteuid() : uid == 0) {
                *ret_uid = uid;
                return 1;
        }
        if (authority->user_mode)
                return sd_bus_error_set(
                        error, SD_BUS_ERROR_ACCESS_DENIED, "Access denied: this is another user's manager");
        if (g_hash_table_size(authority->questions) >= AUTHORITY_QUESTIONS_MAX)
                return sd_bus_error_set(error, VMM_ERROR_LIMIT_EXCEEDED, "Too many questions are open");
        if (questions_of(authority, uid) >= AUTHORITY_QUESTIONS_PER_USER_MAX)
                return sd_bus_error_setf(error, VMM_ERROR_LIMIT_EXCEEDED,
                        "User %u has too many questions open", (unsigned) uid);

        if (question)   /* it brought the UID; now it asks on */
                question->expiry = sd_event_source_disable_unref(question->expiry);
        else
                question = question_new(authority, m);
        question->uid = uid;
        question->uid_known = true;
        question->about = details_about(action, details);
        return question_asked(question, ask_polkit(question, action, details));
}

/* ---- Callers that leave. ---- */

struct CallerWatch {
        sd_bus_slot *match, *check;
        void (*gone)(void *userdata);
        void *userdata;
};

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        CallerWatch *watch = userdata;
        const char *owner;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) >= 0 && !*owner)
                watch->gone(watch->userdata);
        return 0;
}

static int on_owner_checked(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        CallerWatch *watch = userdata;

        watch->check = sd_bus_slot_unref(watch->check);
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                watch->gone(watch->userdata);
        return 0;
}

int caller_watch_new(sd_bus_message *m, void (*gone)(void *userdata), void *userdata, CallerWatch **ret) {
        sd_bus *bus = sd_bus_message_get_bus(m);
        const char *sender = sd_bus_message_get_sender(m);
        CallerWatch *watch;
        int r;

        if (!sender)
                return -EADDRNOTAVAIL;
        watch = g_new0(CallerWatch, 1);
        watch->gone = gone;
        watch->userdata = userdata;
        g_autofree char *rule = g_strdup_printf("type='signal',sender='org.freedesktop.DBus',"
                "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'", sender);
        r = sd_bus_add_match_async(bus, &watch->match, rule, on_owner_changed, NULL, watch);
        if (r >= 0)   /* after the match, so that nothing falls between */
                r = sd_bus_call_method_async(bus, &watch->check, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", on_owner_checked,
                        watch, "s", sender);
        if (r < 0) {
                caller_watch_free(watch);
                return r;
        }
        *ret = watch;
        return 0;
}

CallerWatch *caller_watch_free(CallerWatch *watch) {
        if (!watch)
                return NULL;
        sd_bus_slot_unref(watch->match);
        sd_bus_slot_unref(watch->check);
        g_free(watch);
        return NULL;
}
