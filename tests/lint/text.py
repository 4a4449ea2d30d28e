# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every text of the project has in common: a license line, a purpose, no odd blanks, no typos, nothing of a developer's machine."""

import re

from lint import done, files, matches, read, report, show

WIDTH = 109
UNSIGNED = '.clang-format .editorconfig .gitignore COPYING NEWS README.md meson_options.txt'.split()
TYPOS = '''accross acknowlegde adress allready arguement availible begining beleive commited compatability definately dependancy
  enviroment excecute existance explicitely familar finaly foward funtion garantee gaurd happend heirarchy immediatly independant
  infomation initalize intial lenght liek mesage neccessary occured occurence paramter particulary perfomance persistant prefered
  priviledge propery recieve refered relevent seperate similiar sucess succesful suport sytem teh thier threshhold togheter
  transfered truely udpate unkown untill usefull wether wich writting'''
# Pieces, so that this file is not its own finding.
ELSEWHERE = '|'.join(['/' + 'work/', '/' + 'root/', '/tmp/' + 'build-', r'\b(architecture|api|clients|features|performance|qemu|'
                      r'reliability|systemd|testbed)\.' + r'md\b'])

texts = {p: read(p) for p in files() if b'\0' not in p.read_bytes()}
c_files = {p: t for p, t in texts.items() if p.suffix in ('.c', '.h')}


def license_line(path, text):
    """Line 1 in C, behind #! in a script, behind the document type in XML."""
    lines = text.split('\n')
    allowed = 1 if path.suffix in ('.c', '.h') else 2 if text.startswith('#!') else 6
    return any('SPDX-License-Identifier: LGPL-2.1-or-later' in line for line in lines[:allowed])


report('every file says its license in its first lines',
       [show(p) for p, t in texts.items() if t and p.name not in UNSIGNED and not license_line(p, t)])
report('every C file says what it is for', [show(p) for p, t in c_files.items() if '/* ' not in ''.join(t.split('\n')[1:4])])
report(f'no line of C is wider than {WIDTH} columns',
       [f'{show(p, n)}: {len(line)} columns' for p, t in c_files.items() for n, line in enumerate(t.split('\n'), 1)
        if len(line) > WIDTH])
report('no tabs in C', [where for p, t in c_files.items() for where, _ in matches(p, r'\t', t)])
report('no blanks at the end of a line', [where for p, t in texts.items() for where, _ in matches(p, r'(?m)[ \t\r]+$', t)])
report('every file ends with one line end',
       [show(p) for p, t in texts.items() if t and (not t.endswith('\n') or t.endswith('\n\n'))])
report('no common typos',
       [f'{where}: {match[0]}' for p, t in texts.items() if p.name != 'text.py'
        for where, match in matches(p, r'(?i)\b(' + '|'.join(TYPOS.split()) + r')\w*', t)])
report("nothing points to a developer's machine or papers",
       [f'{where}: {match[0]}' for p, t in texts.items() for where, match in matches(p, ELSEWHERE, t)])
done()
