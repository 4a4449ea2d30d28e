/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's log: structured entries in the journal, or plain lines on standard error where there is none. A function either
 * logs or returns its error, never both. */

#include <syslog.h>

/* Priority as syslog(3). `domain` and `message_id` (32 hex digits, see the catalog) may be NULL; they become the journal fields
 * VMM_DOMAIN= and MESSAGE_ID=. */
void log_write(int priority, const char *message_id, const char *domain, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

#define log_debug(...) log_write(LOG_DEBUG, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERR, NULL, NULL, __VA_ARGS__)

/* Entries an administrator may meet; data/vmmanagerd.catalog explains each. */
#define MESSAGE_DOMAIN_STARTED   "5a1f0c9d3be84f0e9f0f0e7c2b1d6a01"
#define MESSAGE_DOMAIN_ENDED     "5a1f0c9d3be84f0e9f0f0e7c2b1d6a02"
#define MESSAGE_FREEZE_TIMEOUT   "5a1f0c9d3be84f0e9f0f0e7c2b1d6a03"
#define MESSAGE_STOP_TIMEOUT     "5a1f0c9d3be84f0e9f0f0e7c2b1d6a04"
#define MESSAGE_MONITOR_FAILED   "5a1f0c9d3be84f0e9f0f0e7c2b1d6a05"
