# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that the daemon must not make. The clients may wait, but write no text without bounds either."""

from lint import ROOT, code, done, files, matches, read, report

# What it is good for, the calls, and whether the clients must not make them either.
RULES = [
    ('nothing waits for a reply on the bus',
     r'\bsd_bus_(call|call_method|call_methodv|[gs]et_property\w*|wait)\s*\(', False),
    ('no loop and no thread beside sd-event',
     r'\b(g_main_(loop|context)|g_dbus_|g_task_|g_thread_|pthread_create)\w*', False),
    ('nothing sleeps',
     r'\b(sleep|usleep|nanosleep|clock_nanosleep|g_usleep)\s*\(', False),
    ('no shell',
     r'\b(system|popen|g_spawn_\w+)\s*\(', True),
    ('no text is written without bounds',
     r'\b(strcpy|stpcpy|strcat|sprintf|vsprintf|gets|alloca|g_alloca)\s*\(', True),
]

sources = {path: code(read(path)) for path in files('src', '*.c *.h')}
clients = {path for path in sources if path.relative_to(ROOT / 'src').parts[0] in ('client', 'vmctl')}

for title, pattern, clients_too in RULES:
    report(title, [f'{where}: {match[0]}' for path, text in sources.items() if clients_too or path not in clients
                   for where, match in matches(path, pattern, text)])
done()
