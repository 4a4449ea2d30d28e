# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shell scripts parse, and shellcheck finds nothing in them where it is installed. Runs none of them."""

import re
import shutil
import subprocess

from lint import done, files, read, report, show


def complaints(scripts, *command):
    for script in scripts:
        result = subprocess.run([*command, str(script)], capture_output=True, text=True)
        if result.returncode:
            yield from (result.stdout + result.stderr).strip().split('\n')


scripts = [p for p in files() if re.match(r'#!\s*/\S*/(env )?(ba|da)?sh\b', read(p))]
checker = shutil.which('shellcheck')

report('every shell script parses', complaints(scripts, 'bash', '-n'))
report('shellcheck finds nothing', complaints(scripts, 'shellcheck', '--format=gcc') if checker else [],
       None if checker else 'shellcheck is not installed')
report('what ends in .sh or starts with #! can be executed',
       [show(p) for p in files() if read(p).startswith('#!') and not p.stat().st_mode & 0o100])
done()
