# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every rule finds what it is for: a case is a small tree with one offence, and the rule that has to report it."""

import os
import pathlib
import subprocess
import sys
import tempfile

from lint import done, report

HERE = pathlib.Path(__file__).resolve().parent
HEAD = '/* SPDX-License-Identifier: LGPL-2.1-or-later */\n\n/* For something. */\n\n'
METHOD = '<method name="M"><arg name="x" type="%s" direction="in"/></method>'
ROW = HEAD + """static int check(sd_bus_message *m) {
        return %s;
}
static int method_go(sd_bus_message *m) {
        return check(m);
}
static const sd_bus_vtable v[] = {SD_BUS_METHOD("Go", "", "", method_go, ANYBODY)};
"""


def contract(members, name='A'):
    interface = comment('org.example.A:', 'Text.') + f'<interface name="org.example.A">{members}</interface>'
    return {f'dbus-interfaces/org.example.{name}.xml': f'<node>{interface}</node>\n'}


def comment(*lines):
    return '\n'.join(['<!--', *lines, '-->'])


# Rule, part of the title of its point, files of the tree.
CASES = [
    ('rooms', 'names a room', {'src/util/a.c': '#include "a.h"\n'}),
    ('rooms', 'names a room', {'src/attic/a.c': ''}),
    ('rooms', 'leans on', {'src/util/a.c': '#include "core/a.h"\n', 'src/core/a.h': ''}),
    ('rooms', 'leans on', {'src/vmctl/a.c': '#include "util/a.h"\n', 'src/util/a.h': ''}),
    ('rooms', 'circle', {'src/util/a.h': '#include "util/b.h"\n', 'src/util/b.h': '#include "util/a.h"\n'}),
    ('rooms', 'bus message', {'src/core/a.c': 'sd_bus_message *m;\n'}),
    ('calls', 'waits', {'src/core/a.c': 'r = sd_bus_call(bus, m, 0, NULL, NULL);\n'}),
    ('calls', 'no loop', {'src/main.c': 'g_main_loop_run(l);\n'}),
    ('calls', 'sleeps', {'src/host/a.c': 'sleep(1);\n'}),
    ('calls', 'shell', {'src/vmctl/a.c': 'system("ls");\n'}),
    ('calls', 'bounds', {'src/vmctl/a.c': 'sprintf(a, b);\n'}),
    ('functions', 'longer', {'src/a.c': 'void f(void) {\n' + '        g();\n' * 79 + '}\n'}),
    ('text', 'license', {'src/a.c': '/* For something. */\n'}),
    ('text', 'what it is for', {'src/a.c': HEAD.split('\n')[0] + '\n\nint x;\n'}),
    ('text', 'wider', {'src/a.c': HEAD + '/* ' + 'x' * 110 + ' */\n'}),
    ('text', 'tabs', {'src/a.c': HEAD + '\tint x;\n'}),
    ('text', 'blanks', {'README.md': 'x \n'}),
    ('text', 'one line end', {'README.md': 'x'}),
    ('text', 'typos', {'README.md': 'We rec' + 'ieve.\n'}),
    ('text', 'developer', {'README.md': 'See /wo' + 'rk/x.\n'}),
    ('contract', 'one node', contract('', name='B')),
    ('contract', 'its name, type', contract(METHOD % 'a{vs}')),
    ('contract', 'its name, type', contract('<property name="P" type="s" access="read"/>')),
    ('contract', 'argument by argument', contract(METHOD % 's')),
    ('contract', 'argument by argument', contract(comment('M:', '@y: Y.', 'Text.') + METHOD % 's')),
    ('contract', 'errors.h is', {'src/util/errors.h': 'VMM_ERROR("Odd")\n'}),
    ('contract', 'exists', contract(comment('Error.Odd'))),
    ('authority', 'names its one action', contract(comment('M:', 'Text.') + '<method name="M"/>')),
    ('authority', 'policy file has', contract(comment('M:', 'Action: go.') + '<method name="M"/>')),
    ('authority', 'is needed', {'data/a.policy': '<action id="org.example.VMManager1.go">\n'}),
    ('authority', 'table of', {'src/bus/polkit.c': '{"Go", ACTION("go")},\n'}),
    ('authority', 'asks polkit', {'src/bus/a.c': ROW % '0'}),
    ('authority', 'asks polkit', {'src/bus/a.c': 'SD_BUS_WRITABLE_PROPERTY("Go", "s", get_go, set_go, 0, 0)\n'}),
    ('data', 'well-formed', {'data/a.conf': '<?xml version="1.0"?><a>\n'}),
    ('data', 'catalog entry', {'src/util/log.h': '"' + '0' * 32 + '"\n'}),
    ('data', 'vmmanagerd.conf has', {'data/vmmanagerd.conf': '[A]\n#Odd=1\n'}),
    ('data', 'conf.5.rst has', {'src/config/manager-config.h': '[A] Odd=, 1\n'}),
    ('shell', 'parses', {'demo': '#!/bin/sh\nif\n'}),
    ('shell', 'executed', {'demo': '#!/bin/sh\n'}),
]
# What every tree has, so that a rule meets the files it reads.
COMMON = dict.fromkeys(['src/util/log.h', 'src/util/errors.h', 'src/config/manager-config.h',
                        'data/vmmanagerd.catalog', 'data/vmmanagerd.conf', 'data/vmmanagerd.conf.5.rst'], '')


def points(rule, tree):
    """The lines of TAP that the rule prints for the tree."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**COMMON, **tree}.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        result = subprocess.run([sys.executable, '-B', HERE / f'{rule}.py'], capture_output=True, text=True,
                                env={**os.environ, 'LINT_ROOT': folder})
    return result.stdout.split('\n') if not result.returncode else [result.stderr]


for rule, title, tree in CASES:
    said = [line for line in points(rule, tree) if title in line]
    fine = len(said) == 1 and said[0].startswith('not ok')
    report(f'{rule} reports: {title}', [] if fine else said or ['no such point'])
report('authority does not report a row that asks',
       [line for line in points('authority', {'src/bus/a.c': ROW % 'authorize(m)'})
        if 'asks' in line and line.startswith('not ok')])
done()
