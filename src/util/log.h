/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's log: structured entries in the journal, or plain lines on standard error where there is none.
 * A function either logs or returns its error, never both. */

#include <syslog.h>

/* Priority as syslog(3). `domain` and `message_id` (32 hex digits, see the catalog) may be NULL; they become
 * the journal fields VMM_DOMAIN= and MESSAGE_ID=. */
void log_write(int priority, const char *message_id, const char *domain, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

#define log_debug(...) log_write(LOG_DEBUG, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERR, NULL, NULL, __VA_ARGS__)

/* Entries an administrator may meet; data/vmmanagerd.catalog explains each. */
#define MESSAGE_DOMAIN_STARTED   "34407c1ada45a3c782cf30bbc66c0bf5"
#define MESSAGE_DOMAIN_ENDED     "2e328af0710d8d83284bced2cbf8621f"
#define MESSAGE_DOMAIN_PRESERVED "8a4f0c6de2b34f519a7be0d7c1536f92"
#define MESSAGE_FREEZE_TIMEOUT   "ee3e0142fb6fd2079bd0a25df2c963be"
#define MESSAGE_STOP_TIMEOUT     "c255f8b38a894ab6320e5d264d2b1cc2"
#define MESSAGE_MONITOR_FAILED   "2cf8748128d99d5df05b6d260e7e0e6d"
#define MESSAGE_OUT_OF_MEMORY    "fd1923de673a4ab39bcbab941b454cbe"
