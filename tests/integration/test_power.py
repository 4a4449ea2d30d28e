# SPDX-License-Identifier: LGPL-2.1-or-later
"""The end of a machine: another bed, inside this one, goes down, and what its domains did meanwhile is read afterwards."""

import json
import pathlib
import re
import subprocess
import time
import unittest

from vmm import GUEST, ROOT, SERVICE, SOURCE, TestCase, guest, make_folder, need_guest, wait_until

BED = SOURCE / "tests/testbed/bed"
NODE = (SERVICE, ROOT, f"{SERVICE}.Node")
MANAGER = (SERVICE, ROOT, f"{SERVICE}.Manager")

# Takes three seconds to shut down cleanly, and says so where it can be read when the machine is gone.
SLOW = "trap 'sleep 3; echo clean >/srv/evidence/$0; exit 0' TERM; echo ready; while :; do sleep 0.05; done"


class Machine:
    """A bed in the bed, with its journal and what its domains leave behind in a folder out here."""

    def __init__(self, test):
        if not pathlib.Path("/usr/bin/systemd-nspawn").exists():
            test.skipTest("there is no systemd-nspawn")
        self.test, self.evidence = test, make_folder(test)
        (self.evidence / "journal").mkdir()
        self.bed("up", f"--bind={self.evidence}:/srv/evidence", f"--bind={self.evidence}/journal:/var/log/journal",
                 *([f"--bind-ro={GUEST}"] if GUEST.is_dir() else []))
        test.addCleanup(self.bed, "down")

    @staticmethod
    def bed(verb, *arguments, check=True):
        result = subprocess.run([BED, verb, "inner", *arguments], capture_output=True, text=True, timeout=100)
        if check and result.returncode:
            raise AssertionError(f"bed {verb} {arguments}: {result.stdout}{result.stderr}")
        return result

    def run(self, *command, check=True):
        return self.bed("run", *command, check=check)

    def call(self, where, method, *arguments, check=True):
        return self.run("busctl", "--timeout=90", "--", "call", *where, method, *arguments, check=check)

    def create(self, name, script, *more, start=True):
        """A process domain; waits until it is ready."""
        keys = ["Command", "as", "4", "/bin/bash", "-c", script, name, *more]
        self.call(MANAGER, "CreateDomain", "sa{sv}t", name, str(1 + len(more) // 3), *keys, str(int(start)))
        if start:
            self.wait_says(name, "ready")

    def domain(self, name, method, *arguments):
        return self.call((SERVICE, f"{ROOT}/domain/{name}", f"{SERVICE}.Domain"), method, *arguments)

    def wait_says(self, name, text):
        wait_until(lambda: text in self.domain(name, "GetConsoleLog", "u", "50").stdout, 90, f"{text} of {name}", every=0.2)

    def pause(self, name):
        self.domain(name, "Pause")

    def wait_off(self, at_most):
        """Waits until the machine is off, from when it was told to be."""
        start = time.monotonic()
        wait_until(lambda: not pathlib.Path("/run/vmm-bed/inner/leader").exists(), 100, "the machine's end", every=0.05)
        took = time.monotonic() - start
        self.test.assertLess(took, at_most)
        return took

    def off(self, *command):
        """Tells the machine to be off by a command that may end with it."""
        self.run(*command, check=False)

    def journal(self, *matches):
        """Its entries, of that boot or before."""
        out = subprocess.run(["journalctl", f"--directory={self.evidence}/journal", "--output=json", *matches],
                             capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    def ends(self):
        """Why each domain has ended, as the daemon wrote it down."""
        entries = self.journal("_SYSTEMD_UNIT=vmmanagerd.service", "MESSAGE_ID=2e328af0710d8d83284bced2cbf8621f")
        return {entry["VMM_DOMAIN"]: re.sub("^.*Ended: ", "", entry["MESSAGE"]) for entry in entries}

    def inhibitors(self):
        return self.run("systemd-inhibit", "--list", "--no-pager").stdout


class TestPower(TestCase):
    def setUp(self):
        super().setUp()
        self.machine = Machine(self)

    def assertClean(self, *names):
        self.assertEqual([name for name in names if not (self.machine.evidence / name).exists()], [])
        self.assertEqual({name: self.machine.ends().get(name) for name in names},
                         {name: "stopped by SIGTERM" for name in names})

    def three_domains(self):
        """Running, paused, and in a slice that somebody froze."""
        for name in ("running", "paused"):
            self.machine.create(name, SLOW)
        self.machine.create("sliced", SLOW, "CgroupPath", "s", "shop.slice:vmm:sliced")
        self.machine.pause("paused")
        self.machine.run("systemctl", "freeze", "shop.slice")

    def test_poweroff(self):
        """at power-off every domain is stopped by its plan, all at the same time: running, paused, in a frozen slice"""
        self.three_domains()
        self.assertRegex(self.machine.inhibitors(), r"vmmanagerd.*shutdown.*delay")
        self.machine.off("systemctl", "poweroff")
        took = self.machine.wait_off(12)
        self.assertGreater(took, 2)
        self.assertClean("running", "paused", "sliced")

    def test_without_logind(self):
        """the same where there is no logind"""
        self.machine.run("systemctl", "mask", "--runtime", "--now", "systemd-logind.service")
        self.three_domains()
        refused = self.machine.call(NODE, "PowerOff", "t", "0", check=False)
        self.assertIn("There is no systemd-logind to ask on this host", refused.stderr)
        self.machine.off("systemctl", "poweroff")
        self.machine.wait_off(20)
        self.assertClean("running", "paused", "sliced")

    def test_lock(self):
        """logind waits as long as there are domains, and no longer"""
        self.assertNotIn("vmmanagerd", self.machine.inhibitors())
        self.machine.create("web1", SLOW)
        self.assertIn("vmmanagerd", self.machine.inhibitors())
        self.machine.domain("web1", "Destroy", "t", "4")
        wait_until(lambda: "vmmanagerd" not in self.machine.inhibitors(), what="the end of the lock", every=0.1)

    def test_verb(self):
        """PowerOff stops the domains, then the machine, and says so before it is gone"""
        self.machine.create("web1", SLOW)
        self.machine.pause("web1")
        self.assertEqual(self.machine.call(NODE, "PowerOff", "t", "0").returncode, 0)
        self.machine.wait_off(8)
        self.assertClean("web1")

    def test_refusing(self):
        """a domain that its plan does not end keeps the machine up, and is named; with FORCE it is killed"""
        self.machine.create("web1", "trap '' TERM; echo ready; while :; do sleep 1; done", "StopPlan", "a(st)", "1", "SIGTERM",
                            "300000")
        refused = self.machine.call(NODE, "PowerOff", "t", "0", check=False)
        self.assertIn("The machine stays up: 'web1' was not stopped by SIGTERM", refused.stderr)
        self.assertEqual(self.machine.run("systemctl", "is-system-running").stdout.strip(), "running")
        self.machine.off("busctl", "--", "call", *NODE, "PowerOff", "t", "1")
        self.machine.wait_off(8)
        self.assertEqual(self.machine.ends(), {"web1": "stopped by SIGKILL"})

    def test_guest(self):
        """a guest that takes three seconds to shut down does so, also when it is paused"""
        need_guest()
        words = [word for key, value in guest("slow").items() if key != "Memory"
                 for word in (key, value.get_type_string(), value.unpack())]
        for name in ("guest1", "guest2"):
            self.machine.call(MANAGER, "CreateDomain", "sa{sv}t", name, str(len(words) // 3), *words, "1")
        for name in ("guest1", "guest2"):
            self.machine.wait_says(name, "GUEST-READY")
        self.machine.pause("guest2")
        self.machine.off("systemctl", "poweroff")
        self.assertGreater(self.machine.wait_off(45), 3)
        self.assertEqual(self.machine.ends(), {"guest1": "shut down", "guest2": "shut down"})
