# SPDX-License-Identifier: LGPL-2.1-or-later
"""The members of the contract, dbus-interfaces/*.xml, each with the comment that documents it. Holds no rule."""

import re
import xml.etree.ElementTree as ET

from lint import files, show

CHANGES = 'org.freedesktop.DBus.Property.EmitsChangedSignal'


class Member:
    """A method, signal or property. Its comment is in gdbus-codegen's form: "Name:", "@argument: text", text."""

    def __init__(self, path, interface, element, comment):
        self.kind, self.name = element.tag, element.get('name')
        self.interface = interface.get('name').split('.')[-1]
        self.where = f'{show(path)}: {self.interface}.{self.name}'
        self.type, self.access = element.get('type'), element.get('access')
        self.changes = {n.get('name'): n.get('value') for n in element.findall('annotation')}.get(CHANGES)
        self.arguments = element.findall('arg')
        lines = [line.strip() for line in comment.strip().split('\n')]
        self.symbol = lines[0]
        self.described = re.findall(r'(?m)^@(\w+): \S', '\n'.join(lines[1:]))
        self.text = ' '.join(line for line in lines[1:] if not line.startswith('@')).strip()
        self.actions = re.findall(r'\b[Aa]ction:? ([a-z]+(?:-[a-z]+)*)', self.text)


def documented(parent):
    """Each element of the parent with the comment before it, or ''."""
    comment = ''
    for child in parent:
        if child.tag is ET.Comment:
            comment = child.text
        else:
            yield child, comment
            comment = ''


def load():
    """All members, and what is wrong with the files they are in."""
    members, broken = [], []
    for path in files('dbus-interfaces', '*.xml'):
        try:
            root = ET.parse(path, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))).getroot()
        except ET.ParseError as error:
            broken.append(f'{show(path)}: {error}')
            continue
        if root.tag != 'node' or [i.get('name') for i in root.findall('interface')] != [path.stem]:
            broken.append(f'{show(path)}: not one <node> with the one interface {path.stem}')
        for interface, comment in documented(root):
            if not comment.strip().startswith(f'{interface.get("name")}:'):
                broken.append(f'{show(path)}: the interface is not documented')
            members += [Member(path, interface, e, c) for e, c in documented(interface)]
    return members, broken
