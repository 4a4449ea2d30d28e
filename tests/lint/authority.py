# SPDX-License-Identifier: LGPL-2.1-or-later
"""Default deny, told alike everywhere: the contract names a polkit action for whatever is more than looking, the
daemon's table and the policy file have the same, and the handler asks for it. What rules answer is the business of
the integration tests."""

import re

from lint import code, done, files, functions, read, report, show
from members import load

# Its action depends on the job, and is that of the job's verb.
BY_JOB = {'Cancel'}


def macro_calls(text, names):
    """Name and arguments, at the top level of nesting, of each use of such a macro."""
    for match in re.finditer(rf'\b({names})\s*\(', text):
        depth, at, arguments = 1, match.end(), ['']
        while depth and at < len(text):
            depth += {'(': 1, ')': -1}.get(text[at], 0)
            if text[at] == ',' and depth == 1:
                arguments.append('')
            elif depth:
                arguments[-1] += text[at]
            at += 1
        yield match[1], [a.strip() for a in arguments]


def asks(name, bodies, seen=()):
    """Whether the function, or one that it calls, calls authorize()."""
    called = set(re.findall(r'\b(\w+)\s*\(', bodies.get(name, '')))
    return any(c.startswith('authorize') for c in called) or \
        any(asks(c, bodies, (*seen, name)) for c in called & bodies.keys() - {name, *seen})


def rows():
    """File, member and handler of each row of a vtable that does something. sd-bus does not let a setter wait, so a
    filter asks in its place."""
    sources = {path: code(read(path), keep_strings=True) for path in files('src/bus', '*.c')}
    filters = [(path, arguments[2]) for path, text in sources.items()
               for _, arguments in macro_calls(text, 'sd_bus_add_filter')]
    for path, text in sources.items():
        for macro, arguments in macro_calls(text, r'SD_BUS_METHOD\w*|SD_BUS_WRITABLE_PROPERTY'):
            setter = macro == 'SD_BUS_WRITABLE_PROPERTY'
            for file, handler in (filters or [(path, arguments[3])]) if setter else [(path, arguments[-2])]:
                yield file, arguments[0].strip('"'), handler


def row_of(member):
    """Where the action is in the table: under the name, or with its interface before it where a domain has a member of
    that name and another action."""
    namesakes = [m for m in verbs if m.name == member.name and m.interface == 'Domain' and m.actions != member.actions]
    return f'{member.interface}.{member.name}' if namesakes else member.name


verbs = [m for m in load()[0] if m.kind == 'method' or m.access == 'readwrite']
free = {m.name for m in verbs if m.actions == ['none']} - {m.name for m in verbs if m.actions != ['none']}
policies = ''.join(read(p) for p in files('data', '*.policy'))
policy = set(re.findall(r'<action id="org\.example\.VMManager1\.([a-z-]+)"', policies))
named = {(row_of(m), a) for m in verbs if m.name not in BY_JOB for a in m.actions if a != 'none'}
used = {action for _, action in named}
table = {pair for path in files('src/bus', 'polkit.c')
         for pair in re.findall(r'\{"([\w.]+)",\s*ACTION\("([a-z-]+)"\)\}', read(path))}

report('every method and writable property names its one action, or none',
       [f'{m.where}: {m.actions}' for m in verbs if len(m.actions) != 1 and m.name not in BY_JOB])
report('the policy file has every action that is named', [f'{a} is missing' for a in sorted(used - policy)])
report('every action of the policy file is needed', [f'no member uses {a}' for a in sorted(policy - used)])
report('the table of polkit.c is that of the contract', [f'{row} is in one only' for row in sorted(named ^ table)])
bodies = {path: {name: body for name, _, body in functions(read(path))} for path in files('src/bus', '*.c')}
everywhere = {name: body for of_file in bodies.values() for name, body in of_file.items()}
report('what does something asks polkit, unless the contract names no action',
       [f'{show(path)}: {handler}() of {member} does not call authorize()' for path, member, handler in rows()
        if member not in free and not asks(handler, {**everywhere, **bodies[path]})])
done()
