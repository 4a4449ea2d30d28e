# SPDX-License-Identifier: LGPL-2.1-or-later
"""The arrows between the rooms of src/, read from the include lines. Knows nothing of what is in them."""

import re

from lint import ROOT, code, done, files, matches, read, report

DAEMON = ['util', 'config', 'host', 'backend', 'core', 'bus']
MAY_INCLUDE = {room: DAEMON[:i + 1] for i, room in enumerate(DAEMON)}
MAY_INCLUDE.update({'main.c': DAEMON, 'image.c': ['util', 'config'], 'client': ['client'], 'vmctl': ['client', 'vmctl']})

sources = files('src', '*.c *.h')
unnamed, arrows, includes = [], [], {}

for path in sources:
    name = str(path.relative_to(ROOT / 'src'))
    room = name.split('/')[0]
    includes[name] = []
    if room not in MAY_INCLUDE:
        unnamed.append(f'src/{name}: src/ has no room "{room}"')
        continue
    text = code(read(path), keep_strings=True)
    for where, match in matches(path, r'(?m)^\s*#\s*include\s+"([^"]*)"', text):
        target = match[1]
        includes[name].append(target)
        if not re.fullmatch(r'[a-z]+/[a-z0-9-]+\.h', target):
            unnamed.append(f'{where}: "{target}" is not of the form "room/file.h"')
        elif target.split('/')[0] not in MAY_INCLUDE[room]:
            arrows.append(f'{where}: {room} must not lean on {target.split("/")[0]} ("{target}")')
        elif target.split('/')[0] in DAEMON and not (ROOT / 'src' / target).is_file():
            unnamed.append(f'{where}: there is no "{target}"')


def cycles(name, path=()):
    if name in path:
        return [' -> '.join(path[path.index(name):] + (name,))]
    return [c for target in includes.get(name, []) for c in cycles(target, path + (name,))]


report('every include names a room and a file of it', unnamed)
report('a room leans on itself and the rooms to its left: ' + ' <- '.join(DAEMON), arrows)
report('headers do not include one another in a circle',
       sorted({c for name in includes if name.endswith('.h') for c in cycles(name) if c.startswith(name)}))
report('core does not see a bus message',
       [f'{where}: {match[0]}' for path in sources if '/src/core/' in str(path)
        for where, match in matches(path, r'\bsd_bus_message\w*', code(read(path)))])
done()
