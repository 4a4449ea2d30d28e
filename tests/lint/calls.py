# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that the daemon must not make. The clients may wait, but write no text without bounds either."""

from lint import ROOT, code, done, files, matches, read, report

RULES = [
    ('nothing waits for a reply on the bus', r'\bsd_bus_(call|call_method|call_methodv|[gs]et_property\w*|wait)\s*\(', False),
    ('no loop and no thread beside sd-event', r'\b(g_main_(loop|context)|g_dbus_|g_task_|g_thread_|pthread_create)\w*', False),
    ('nothing sleeps', r'\b(sleep|usleep|nanosleep|clock_nanosleep|g_usleep)\s*\(', False),
    ('no shell', r'\b(system|popen|g_spawn_\w+)\s*\(', True),
    ('no text is written without bounds', r'\b(strcpy|stpcpy|strcat|sprintf|vsprintf|gets|alloca|g_alloca)\s*\(', True),
]

for title, pattern, clients_too in RULES:
    sources = [p for p in files('src', '*.c *.h')
               if clients_too or p.relative_to(ROOT / 'src').parts[0] not in ('client', 'vmctl')]
    report(title, [f'{where}: {match[0]}' for path in sources for where, match in matches(path, pattern, code(read(path)))])
done()
