# SPDX-License-Identifier: LGPL-2.1-or-later
"""Length of functions: 60 lines are the guide, 80 the limit. Counts lines, does not judge what is in them."""

import re

from lint import code, done, files, read, report, show

LIMIT = 80


def functions(text):
    """Name, first line and number of lines of each function: it begins and ends in the first column."""
    lines = code(text).split('\n')
    start = None
    for number, line in enumerate(lines, 1):
        if line == '}' and start:
            name = re.search(r'(\w+)\s*\(', ' '.join(lines[start - 1:number]))
            if name:
                yield name[1], start, number - start + 1
        if re.match(r'[A-Za-z_]', line):
            start = number
        elif line.startswith('}'):
            start = None


report(f'no function is longer than {LIMIT} lines',
       [f'{show(path, line)}: {name}() has {length} lines' for path in files('.', '*.c')
        for name, line, length in functions(read(path)) if length > LIMIT])
done()
