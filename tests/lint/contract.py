# SPDX-License-Identifier: LGPL-2.1-or-later
"""The written contract is valid, every member of it is documented, and its errors are those of the sources. That
the daemon introspects to it is shown by the bus tests."""

import pathlib
import re
import shutil
import subprocess

from lint import ROOT, done, files, matches, read, report
from members import load

DTD = pathlib.Path('/usr/share/xml/dbus-1/introspect.dtd')
ATTRIBUTES = {'method': {'name', 'type', 'direction'}, 'signal': {'name', 'type'}, 'property': set()}


def is_type(text):
    """Whether it is one complete type: from the inside out, each container becomes a T."""
    before = None
    while before != text:
        before = text
        text = re.sub(r'a\{[ybnqiuxtdhsog]a*[ybnqiuxtdhsogvT]\}|\((?:a*[ybnqiuxtdhsogvT])+\)', 'T', text)
    return re.fullmatch(r'a*[ybnqiuxtdhsogvT]', text) is not None


def shape(member):
    wanted = ATTRIBUTES.get(member.kind)
    if wanted is None:
        return [f'{member.where}: <{member.kind}> is no member']
    types = [a.get('type') for a in member.arguments] + [member.type] * (member.kind == 'property')
    bad = [f'{member.where}: an argument has {sorted(a.keys())}, not {sorted(wanted)}'
           for a in member.arguments if set(a.keys()) != wanted]
    bad += [f'{member.where}: "{t}" is no complete type' for t in types if not is_type(t or '')]
    if member.kind == 'property' and member.changes not in ('true', 'const', 'false'):
        bad.append(f'{member.where}: does not say how it changes')
    return bad


def documentation(member):
    names = [a.get('name') for a in member.arguments]
    if member.symbol != f'{member.name}:':
        return [f'{member.where}: no comment "{member.name}:" before it']
    if member.described != names:
        return [f'{member.where}: the comment describes {member.described}, the arguments are {names}']
    return [] if member.text else [f'{member.where}: the comment says nothing']


def validity():
    title = 'the files follow the DTD of D-Bus'
    if not shutil.which('xmllint') or not DTD.is_file():
        return report(title, skip=f'no xmllint, or no {DTD}')
    check = ['xmllint', '--noout', '--nonet', '--dtdvalid', DTD]
    results = [subprocess.run([*check, path], capture_output=True, text=True) for path in contract]
    report(title, [r.stderr.split('\n')[0] for r in results if r.returncode])


contract = files('dbus-interfaces', '*.xml')
members, broken = load()
raised = set(re.findall(r'VMM_ERROR\("(\w+)"\)', read(ROOT / 'src/util/errors.h')))
told = {match[1]: where for path in contract
        for where, match in matches(path, r'(?<!DBus\.)\bError\.([A-Z]\w+)', read(path))}

report('each file is one node with its one documented interface', broken)
validity()
report('every argument and property has its name, type and annotation', [c for m in members for c in shape(m)])
report('every member is documented, argument by argument', [c for m in members for c in documentation(m)])
report('every error of errors.h is documented', [f'no member raises {name}' for name in sorted(raised - set(told))])
report('every error that is documented exists', [f'{told[name]}: {name}' for name in sorted(set(told) - raised)])
done()
