# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the house rules share: the files of the project, C without comments and strings, TAP. Holds no rule."""

import os
import pathlib
import re
from fnmatch import fnmatch

ROOT = pathlib.Path(os.environ.get('LINT_ROOT') or pathlib.Path(__file__).resolve().parents[2])
FOREIGN = re.compile(r'(\.git|build.*|__pycache__|corpus.*)$')   # folders whose content is not ours to judge
points = 0


def files(folder='.', names='*'):
    """The project's files below the folder whose name fits one of the blank-separated patterns."""
    found = []
    for at, folders, here in os.walk(ROOT / folder):
        folders[:] = [f for f in folders if not FOREIGN.match(f)]
        here = [name for name in here if name != '.git']    # as a worktree of git has it
        paths = (pathlib.Path(at, name) for name in here if any(fnmatch(name, n) for n in names.split()))
        found += [p for p in paths if p.is_file() and not p.is_symlink()]
    return sorted(found)


def show(path, line=None):
    return f'{path.relative_to(ROOT)}:{line}' if line else str(path.relative_to(ROOT))


def read(path):
    return path.read_text(encoding='utf-8', errors='replace')


def code(text, keep_strings=False):
    """C text whose comments, and strings unless kept, are blanks; lines stay where they are."""
    def blank(match):
        if keep_strings and match[0][0] in '"\'':
            return match[0]
        return re.sub(r'[^\n]', ' ', match[0])
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def functions(text):
    """Name, first line and text of each function: it begins and ends in the first column."""
    lines = re.sub(r'__attribute__\(\([^\n]*?\)\)', '', code(text, keep_strings=True)).split('\n')
    start = None
    for number, line in enumerate(lines, 1):
        if line == '}' and start:
            body = '\n'.join(lines[start - 1:number])
            name = re.match(r'[^={]*?(\w+)\s*\(', body)
            if name:
                yield name[1], start, body
        if re.match(r'[A-Za-z_]', line):
            start = number
        elif line.startswith('}'):
            start = None


def matches(path, pattern, text):
    """'file:line' and the match object of each occurrence."""
    for match in re.finditer(pattern, text):
        yield show(path, text.count('\n', 0, match.start()) + 1), match


def report(title, complaints=(), skip=None):
    """One TAP point: it holds when there is nothing to complain about."""
    global points
    points += 1
    complaints = list(complaints)
    print(f'{"not ok" if complaints else "ok"} {points} - {title}{f" # SKIP {skip}" if skip else ""}')
    for complaint in complaints:
        print(f'# {complaint}')


def done():
    print(f'1..{points}')
