# SPDX-License-Identifier: LGPL-2.1-or-later
"""The built units, given as arguments, the system's first, as systemd-analyze sees them: no mistakes, and no more
exposure than a daemon has that forks what it manages. Starts nothing."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lint import done, report

EXPOSURE_MAX = 46   # tenths


def analyze(*arguments, folder='/'):
    result = subprocess.run(['systemd-analyze', *arguments], capture_output=True, text=True,
                            env={**os.environ, 'XDG_RUNTIME_DIR': folder})
    return result.returncode, (result.stdout + result.stderr).strip().split('\n')


def verify(unit, folder):
    """The daemon and its manual need not be installed to tell whether the unit is right."""
    copy = pathlib.Path(folder) / 'vmmanagerd.service'
    text = re.sub(r'(?m)^ExecStart=\S+', 'ExecStart=/bin/true', unit.read_text())
    copy.write_text(re.sub(r'(?m)^Documentation=.*\n', '', text))
    status, said = analyze('verify', '--man=no', *(['--user'] if 'user' in unit.name else []), str(copy),
                           folder=folder)
    ours = [line for line in said if 'vmmanagerd' in line]
    return ours or (said if status else [])


def exposure(unit):
    status, said = analyze('security', '--offline=true', '--no-pager', f'--threshold={EXPOSURE_MAX}', str(unit))
    return said[-1:] if status else []


units = [pathlib.Path(name) for name in sys.argv[1:]]
missing = None if shutil.which('systemd-analyze') else 'systemd-analyze is not installed'

with tempfile.TemporaryDirectory() as folder:
    for unit in units:
        report(f'{unit.name} has no mistakes', [] if missing else verify(unit, folder), missing)
report(f'{units[0].name} has an exposure of at most {EXPOSURE_MAX / 10}',
       [] if missing else exposure(units[0]), missing)
done()
