# SPDX-License-Identifier: LGPL-2.1-or-later
"""Length of functions: 60 lines are the guide, 80 the limit. Does not judge what is in them."""

from lint import done, files, functions, read, report, show

LIMIT = 80

report(f'no function is longer than {LIMIT} lines',
       [f'{show(path, line)}: {name}() has {text.count(chr(10)) + 1} lines' for path in files('.', '*.c')
        for name, line, text in functions(read(path)) if text.count('\n') + 1 > LIMIT])
done()
