# SPDX-License-Identifier: LGPL-2.1-or-later
"""Default deny, told alike everywhere: the contract names a polkit action for whatever is more than looking, the daemon's table and the
policy file have the same, and the handler asks for it. What rules answer is the business of the integration tests."""

import re

from lint import code, done, files, read, report, show
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


def rows():
    """File, member, handler and the handler's text of each vtable row that anybody may call."""
    for path in files('src/bus', '*.c'):
        text = code(read(path), keep_strings=True)
        for macro, arguments in macro_calls(text, r'SD_BUS_METHOD\w*|SD_BUS_WRITABLE_PROPERTY'):
            if 'SD_BUS_VTABLE_UNPRIVILEGED' in arguments[-1]:
                handler = arguments[3] if macro == 'SD_BUS_WRITABLE_PROPERTY' else arguments[-2]
                found = re.search(rf'(?ms)^[a-z][^\n;=]*\b{handler}\([^;{{]*\{{$.*?^\}}$', text)
                yield show(path), arguments[0].strip('"'), handler, found[0] if found else ''


verbs = [m for m in load()[0] if m.kind == 'method' or m.access == 'readwrite']
guarded = {m.name for m in verbs if m.actions != ['none']}
policy = set(re.findall(r'<action id="org\.example\.VMManager1\.([a-z-]+)"', ''.join(read(p) for p in files('data', '*.policy'))))
named = {(m.name, a) for m in verbs if m.name not in BY_JOB for a in m.actions if a != 'none'}
used = {action for _, action in named}
table = {pair for p in files('src/bus', 'polkit.c') for pair in re.findall(r'\{"(\w+)",\s*ACTION\("([a-z-]+)"\)\}', read(p))}

report('every method and writable property names its one action, or none',
       [f'{m.where}: {m.actions}' for m in verbs if len(m.actions) != 1 and m.name not in BY_JOB])
report('the policy file has every action that is named', [f'{a} has no policy' for a in sorted(used - policy)])
report('every action of the policy file is needed', [f'{a} is used by no member' for a in sorted(policy - used)])
report('the table of polkit.c is that of the contract', [f'{pair} is in only one of them' for pair in sorted(named ^ table)])
report('what anybody may call asks polkit, unless the contract names no action',
       [f'{where}: {handler}() of {member} does not call authorize()' for where, member, handler, body in rows()
        if (member in guarded or member not in {m.name for m in verbs}) and not re.search(r'\bauthorize\w*\s*\(', body)])
done()
