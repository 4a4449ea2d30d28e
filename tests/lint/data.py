# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed and not compiled agrees with the sources it speaks of. Starts nothing."""

import re
import xml.etree.ElementTree as ET

from lint import ROOT, done, files, read, report, show


def parse_errors(path):
    try:
        ET.parse(path)
    except ET.ParseError as error:
        yield f'{show(path)}: {error}'


def settings(path):
    """(group, key) of what the example shows and the manual explains."""
    group, found = None, set()
    for section, key in re.findall(r'(?m)^\[(\w+)\]$|^[#*]?([A-Z]\w+)=', read(ROOT / path)):
        group = section or group
        found |= {(group, key)} if key else set()
    return found


def differences(left, left_name, right, right_name):
    return [f'{x} is in {left_name} and not in {right_name}' for x in sorted(left - right)] + \
           [f'{x} is in {right_name} and not in {left_name}' for x in sorted(right - left)]


known = set(re.findall(r'\[(\w+)\] (\w+)=', read(ROOT / 'src/config/manager-config.h')))
identifiers = set(re.findall(r'"([0-9a-f]{32})"', read(ROOT / 'src/util/log.h')))
entries = set(re.findall(r'(?m)^-- ([0-9a-f]{32})$', read(ROOT / 'data/vmmanagerd.catalog')))

report('bus policy and polkit actions are well-formed XML',
       [e for p in files('data') if read(p).startswith('<?xml') for e in parse_errors(p)])
report('every message identifier has its catalog entry, and no other',
       differences(identifiers, 'log.h', entries, 'the catalog'))
for name in ('data/vmmanagerd.conf', 'data/vmmanagerd.conf.5.rst'):
    report(f'{name} has the settings of manager-config.h',
           differences(known, 'the header', settings(name), name))
done()
