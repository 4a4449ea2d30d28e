# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every text of the project has in common: a license line, a purpose, no odd blanks, no typos, nothing of a
developer's machine. Does not judge what it says."""

import re

from lint import done, files, matches, read, report, show

WIDTH = 109
UNSIGNED = '.clang-format .editorconfig .gitignore COPYING NEWS README.md meson_options.txt'.split()
TYPOS = '''accross acknowlegde adress allready arguement availible begining beleive commited compatability definately
  dependancy enviroment excecute existance explicitely familar finaly foward funtion garantee gaurd happend heirarchy
  immediatly independant infomation initalize intial lenght liek mesage neccessary occured occurence paramter
  particulary perfomance persistant prefered priviledge propery recieve refered relevent seperate similiar sucess
  succesful suport sytem teh thier threshhold togheter transfered truely udpate unkown untill usefull wether wich
  writting'''
# In pieces, so that this file is not its own finding.
ELSEWHERE = '|'.join(['/' + 'work/', '/' + 'root/', '/tmp/' + 'build-', r'\b(architecture|api|clients|features|'
                      r'performance|qemu|reliability|systemd|testbed)\.' + r'md\b'])

texts = {p: read(p) for p in files() if b'\0' not in p.read_bytes()}
c_files = {p: t for p, t in texts.items() if p.suffix in ('.c', '.h')}


def is_signed(path, text):
    """Line 1 in C, below #! in a script, below the document type in XML."""
    allowed = 1 if path in c_files else 2 if text.startswith('#!') else 6
    return 'SPDX-License-Identifier: LGPL-2.1-or-later' in '\n'.join(text.split('\n')[:allowed])


def wide(path, text):
    return [f'{show(path, number)}: {len(line)} columns' for number, line in enumerate(text.split('\n'), 1)
            if len(line) > WIDTH]


def found(pattern, among):
    return [f'{where}: {match[0].strip()}' for path, text in among.items()
            for where, match in matches(path, pattern, text)]


report('every file says its license in its first lines',
       [show(p) for p, t in texts.items() if t and p.name not in UNSIGNED and not is_signed(p, t)])
report('every C file says what it is for',
       [show(p) for p, t in c_files.items() if '/* ' not in ''.join(t.split('\n')[1:4])])
report(f'no line of C is wider than {WIDTH} columns', [c for p, t in c_files.items() for c in wide(p, t)])
report('no tabs in C', found(r'\t', c_files))
report('no blanks at the end of a line', found(r'(?m)[ \t\r]+$', texts))
report('every file ends with one line end',
       [show(p) for p, t in texts.items() if t and (not t.endswith('\n') or t.endswith('\n\n'))])
report('no common typos',
       found(fr'(?i)\b({"|".join(TYPOS.split())})\w*', {p: t for p, t in texts.items() if p.name != 'text.py'}))
report("nothing points to a developer's machine or papers", found(ELSEWHERE, texts))
done()
