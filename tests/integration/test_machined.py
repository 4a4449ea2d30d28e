# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains in the register of systemd-machined, and what machinectl asks of them."""

import json
import pathlib
import subprocess
import unittest

from vmm import (FORCE, OBEDIENT, POLITE, START, STUBBORN, TestCase, ending, guest, need_guest, process_exists,
                 shell, wait_until)

SETTINGS = pathlib.Path("/etc/vmmanager/vmmanagerd.conf.d")
# QEMU may take its time, and an emulated one takes it.
GUEST_TIMEOUT = 90


def machinectl(*arguments, check=True):
    return subprocess.run(["machinectl", "--no-pager", *arguments], capture_output=True, text=True, timeout=30, check=check)


def machines():
    """Name and class of each, without the host itself."""
    listed = json.loads(machinectl("list", "--output=json").stdout or "[]")
    return {machine["machine"]: machine["class"] for machine in listed if machine["machine"] != ".host"}


class TestMachined(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not pathlib.Path("/lib/systemd/systemd-machined").exists():
            raise unittest.SkipTest("there is no machined")
        cls.restart("yes")

    @classmethod
    def tearDownClass(cls):
        cls.restart(None)
        super().tearDownClass()

    @classmethod
    def restart(cls, value):
        """The next call starts a daemon with this setting."""
        file = SETTINGS / "20-machined.conf"
        if value:
            file.write_text(f"[Manager]\nRegisterMachines={value}\n")
        else:
            file.unlink()
        subprocess.run(["systemctl", "stop", "vmmanagerd.service"], check=True)

    def wait_entered(self, **expected):
        expected = {name.replace("_", "-"): kind for name, kind in expected.items()}
        wait_until(lambda: machines() == expected, what=f"that {expected} are entered", every=0.1)

    def leader(self, name):
        shown = machinectl("show", "--property=Leader", "--value", name, check=False)
        return int(shown.stdout) if shown.returncode == 0 else None

    def test_entered(self):
        """domains are listed with their class, known by unit and UUID, and gone from there with their end"""
        domain = self.create("web1", shell(OBEDIENT))
        paused = self.create("web2", shell(OBEDIENT), 0)
        self.wait_entered(web1="container", web2="container")
        shown = dict(line.split("=", 1) for line in machinectl("show", "web1").stdout.splitlines())
        self.assertEqual((shown["Unit"], shown["Class"], shown["Service"], shown["Id"]),
                         (domain.Unit, "container", "vmmanagerd", domain.UUID.replace("-", "")))
        self.assertIn(f"Unit: {domain.Unit}", machinectl("status", "web1").stdout)
        self.assertIn(str(domain.Leader), machinectl("status", "web1").stdout)    # in the tree of its control group
        self.assertIn(domain.Unit, subprocess.check_output(["systemd-cgls", "--no-pager"], text=True))
        self.assertEqual(paused.State, "paused")
        domain.Destroy(FORCE)
        self.wait_entered(web2="container")

    def test_alone(self):
        """once it is entered nothing is in the scope but the domain's own"""
        domain = self.create("web1", shell(OBEDIENT))
        self.wait_entered(web1="container")
        wait_until(lambda: domain.cgroup.pids == [domain.Leader], what="that it is alone", every=0.05)
        leader = self.leader("web1")
        self.assertNotEqual(leader, domain.Leader)
        self.assertIn("vmmanagerd.service", pathlib.Path(f"/proc/{leader}/cgroup").read_text())
        domain.Destroy(FORCE)
        wait_until(lambda: not process_exists(leader), what="the end of the leader", every=0.05)

    def test_names(self):
        """one whose name is no host name is entered by its UUID; a rename is followed"""
        domain = self.create("web \u00fc", shell(OBEDIENT))
        self.wait_entered(**{domain.UUID: "container"})
        domain.Rename("shop")
        self.wait_entered(shop="container")

    def test_terminate(self):
        """machinectl terminate ends a domain by its plan, also a paused one"""
        for name, flags in (("web1", START), ("web2", 0)):
            domain = self.create(name, shell(POLITE), START)
            if not flags:
                domain.Pause()
            self.wait_entered(**{name: "container"})
            machinectl("terminate", name)
            self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGTERM")
            self.wait_entered()

    def test_poweroff(self):
        """machinectl poweroff ends a domain by its plan, step by step, also a paused one"""
        for name in ("web1", "web2"):
            domain = self.create(name, shell(STUBBORN, StopPlan=[("SIGTERM", 300_000), ("SIGKILL", 1_600_000)]))
            if name == "web2":
                domain.Pause()
            self.wait_entered(**{name: "container"})
            machinectl("poweroff", name)
            self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")
            self.wait_entered()

    def test_kill(self):
        """what machinectl kill sends to all reaches the domain; a leader that is killed is replaced"""
        domain = self.create("web1", shell("trap 'echo got USR1' USR1; echo ready; while :; do sleep 0.05; done"))
        console = domain.console()
        self.wait_entered(web1="container")
        machinectl("kill", "--kill-whom=all", "--signal=USR1", "web1")
        console.expect("got USR1")
        console.close()
        leader = self.leader("web1")
        machinectl("kill", "--kill-whom=leader", "--signal=KILL", "web1")
        wait_until(lambda: self.leader("web1") not in (None, leader), what="another leader", every=0.1)
        self.assertEqual(domain.State, "running")

    def test_guest(self):
        """machinectl poweroff of a virtual machine is its power button, and it is a vm"""
        need_guest()
        domain = self.create("guest1", guest())
        console = domain.console()
        console.expect("GUEST-READY", GUEST_TIMEOUT)
        self.wait_entered(guest1="vm")
        machinectl("poweroff", "guest1")
        console.expect("GUEST-POWERBUTTON", GUEST_TIMEOUT)
        console.close()
        self.assertEqual(ending(self.signals, domain.path, GUEST_TIMEOUT)[0], "shut down")
        self.wait_entered()

    def test_daemon_ends(self):
        """with the daemon its domains leave the register, and run on"""
        domain = self.create("web1", shell(OBEDIENT))
        self.wait_entered(web1="container")
        leader = domain.Leader
        self.addCleanup(subprocess.run, ["systemctl", "kill", "--signal=KILL", domain.Unit], stderr=subprocess.DEVNULL)
        subprocess.run(["systemctl", "stop", "vmmanagerd.service"], check=True)
        wait_until(lambda: machines() == {}, what="an empty register", every=0.1)
        self.assertTrue(process_exists(leader))

    def test_without(self):
        """without machined a domain comes to be as fast, and no worse"""
        subprocess.run(["systemctl", "mask", "--runtime", "--now", "systemd-machined.service"], check=True)
        self.addCleanup(subprocess.run, ["systemctl", "unmask", "--runtime", "systemd-machined.service"], check=True)
        domain = self.create("web1", shell(OBEDIENT))
        self.assertEqual((domain.State, domain.Warnings), ("running", []))
        domain.Destroy(FORCE)
