# SPDX-License-Identifier: LGPL-2.1-or-later
"""How processes end by themselves, and what the policies of their domain do about it: gone, started again, kept; and how
domains are called."""

import json
import os
import pathlib
import re
import signal
import subprocess

from vmm import (AUTODESTROY, FORCE, GUEST_TIMEOUT, OBEDIENT, POLITE, START, Bus, TestCase, ending, has_crashed,
                 make_folder, process_exists, shell, told, wait_until)

SETTINGS = pathlib.Path("/etc/vmmanager/vmmanagerd.conf.d")
CORPSE = r"^web1-\d{8}T\d{6}Z$"


def journal_of(domain):
    """What the journal has of the domain, a text each."""
    subprocess.run(["journalctl", "--sync"], check=True)
    lines = subprocess.check_output(["journalctl", "--output=json", f"VMM_DOMAIN={domain}"], text=True).splitlines()
    return [json.loads(line)["MESSAGE"].removeprefix(f"{domain}: ") for line in lines]


class LifeCase(TestCase):
    def restarts(self, burst=5, delay="50ms"):
        """A daemon with these settings for the rest of the test."""
        drop_in = SETTINGS / "test.conf"
        SETTINGS.mkdir(exist_ok=True)
        drop_in.write_text(f"[Manager]\nRestartBurst={burst}\nRestartDelaySec={delay}\n")

        def restart():
            subprocess.run(["systemctl", "reset-failed", "vmmanagerd.service"], stderr=subprocess.DEVNULL)
            subprocess.run(["systemctl", "restart", "vmmanagerd.service"], check=True)

        def restore():
            self._end_domains()
            drop_in.unlink()
            restart()
        restart()
        self.addCleanup(restore)

    def wait_restarts(self, domain, n, timeout=GUEST_TIMEOUT):
        wait_until(lambda: domain.Restarts == n and domain.State == "running", timeout, f"restart number {n}")

    def corpses(self):
        return [entry for entry in self.manager.ListDomains() if re.match(CORPSE, entry[0])]

    def flags(self, domain):
        names = ("Running", "Crashed", "PoweredOff", "Rebooting", "Suspended", "Dying", "Paused")
        return {name for name in names if getattr(domain, name)}


class TestProcesses(LifeCase):
    def test_restart(self):
        """OnCrash=restart: the same object, name, UUID and unit, another run; the console and who reads it stay"""
        domain = self.create("web1", shell("trap 'kill $!; exit 3' USR1; sleep infinity & echo ready; wait", OnCrash="restart"))
        console, uuid, run = domain.console(), domain.UUID, domain.InvocationID
        console.expect("ready")
        domain.Kill("leader", signal.SIGUSR1)
        domain.wait_state("crashed")
        self.assertEqual((domain.StateReason, self.flags(domain), domain.Leader, domain.ControlGroup),
                         ("exited with status 3", {"Crashed"}, 0, ""))
        self.assertLess(abs(domain.NextRestartTimestamp - domain.StateTimestamp - 1_000_000), 100_000)
        domain.wait_state("running")
        self.assertEqual((domain.Restarts, domain.NextRestartTimestamp, domain.UUID, domain.Name, domain.Unit),
                         (1, 0, uuid, "web1", "vmm-web1.scope"))
        self.assertEqual(domain.StateReason, "restarted: exited with status 3")
        self.assertNotEqual(domain.InvocationID, run)
        console.expect("ready")
        self.assertEqual(journal_of("web1")[-2], "Ended: exited with status 3; starts again in 1000 ms")
        domain.Destroy(FORCE)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")

    def test_loop(self):
        """a crash loop ends: each wait is twice as long, then it is preserved with a Warning, until Destroy"""
        self.restarts(burst=3, delay="100ms")
        domain = self.create("web1", shell("echo ready; exit 1", OnCrash="restart"), ready=False)
        domain.wait_state("preserved")
        self.assertEqual((domain.Restarts, domain.StateReason, self.flags(domain)), (3, "exited with status 1", {"Crashed"}))
        self.assertRegex(domain.Warnings[-1], "^Not started again, but kept: it has been started too often")
        dues = [changed["NextRestartTimestamp"] - changed["StateTimestamp"]
                for _, changed, _ in told(self.signals, domain.path, "PropertiesChanged")
                if changed.get("NextRestartTimestamp")]
        for due, wanted in zip(dues, (100_000, 200_000, 400_000), strict=True):
            self.assertLess(abs(due - wanted), 50_000)
        self.assertEqual(domain.GetConsoleLog(10), ["ready"] * 4)
        self.assertError("NotRunning", "it is not running", domain.Resume)
        domain.Destroy(0)
        self.assertEqual(ending(self.signals, domain.path)[0], "destroyed")

    def test_wanted(self):
        """what somebody ends stays ended: Destroy, Stop, Kill, systemctl stop, AUTODESTROY"""
        restart = {"OnPoweroff": "restart", "OnCrash": "restart", "OnReboot": "restart"}

        def leave():
            caller.close()
        caller = Bus()
        for number, end in enumerate((
                lambda domain: domain.Destroy(0),
                lambda domain: domain.Stop([("SIGINT", 1_000_000), ("SIGTERM", 1_000_000)], 0),
                lambda domain: domain.Kill("leader", signal.SIGTERM),
                lambda domain: domain.Kill("all", signal.SIGKILL),
                lambda domain: subprocess.run(["systemctl", "stop", domain.Unit], check=True),
                lambda domain: leave())):
            name = f"wanted{number}"
            with self.subTest(number=number):
                path = self.create(name, shell(POLITE, **restart), START | AUTODESTROY, caller).path
                domain = self.bus.domain(path)
                end(domain)
                self.wait_gone(domain, f"vmm-{name}.scope")
                self.assertEqual([new for _, new, *_ in told(self.signals, path, "StateChanged")][-1], "inactive")

    def test_waiting(self):
        """Destroy ends the wait for a restart"""
        domain = self.create("web1", shell("echo ready; exit 1", OnCrash="restart"), ready=False)
        domain.wait_state("crashed")
        domain.Destroy(0)
        self.assertEqual((self.manager.ListDomains(), self.scopes()), ([], []))

    def test_poweroff(self):
        """OnPoweroff=restart goes for an exit with status 0, and for Shutdown; a policy is changed while it runs"""
        self.restarts()
        domain = self.create("web1", shell(POLITE, OnPoweroff="restart"))
        domain.Shutdown(0)
        self.wait_restarts(domain, 1)
        domain.console().expect("ready[^$]*ready")
        domain.set("OnPoweroff", "destroy")
        domain.Shutdown(0)
        reason, details = ending(self.signals, domain.path)
        self.assertEqual((reason, details), ("exited with status 0", {"ExitCode": 0}))
        self.assertFalse(has_crashed(self.signals, domain.path))

    def test_reboot(self):
        """Reboot ends the processes and starts them again at once, also when restarts are not allowed"""
        self.restarts(burst=0, delay="1h")
        domain = self.create("web1", shell(POLITE))
        leader = domain.Leader
        domain.Reboot(0)
        self.wait_restarts(domain, 1)
        self.assertFalse(process_exists(leader))
        self.assertEqual((self.flags(domain), domain.StateReason), ({"Running"}, "restarted: exited with status 0"))

    def test_killed_by_others(self):
        """a signal that did not come through the manager is a crash"""
        self.restarts()
        domain = self.create("web1", shell(OBEDIENT, OnCrash="restart"))
        os.kill(domain.Leader, signal.SIGTERM)
        self.wait_restarts(domain, 1)
        self.assertEqual(domain.StateReason, "restarted: killed by SIGTERM")

    def test_preserve(self):
        """OnCrash=preserve: the object and the console's log are kept, without unit, process or folder of another"""
        domain = self.create("web1", shell("echo ready; echo last words; exit 4", OnCrash="preserve"), ready=False)
        domain.wait_state("preserved")
        self.assertEqual((domain.StateReason, self.flags(domain)), ("exited with status 4", {"Crashed"}))
        self.assertEqual(domain.GetConsoleLog(10), ["ready", "last words"])
        wait_until(lambda: not self.scopes(), what="the end of its scope")
        self.assertEqual(journal_of("web1")[-1], "Ended, and kept for inspection: exited with status 4")
        domain.Destroy(0)
        self.assertEqual(self.manager.ListDomains(), [])

    def test_rename_restart(self):
        """rename-restart: what has ended gets a name, a UUID and a console of its own; the new one is what it was"""
        self.restarts()
        folder = make_folder(self)
        once = f"echo ready; [ -e {folder}/again ] && exec sleep infinity; touch {folder}/again; echo first; exit 1"
        domain = self.create("web1", shell(once, OnCrash="rename-restart"), ready=False)
        uuid, path = domain.UUID, domain.path
        self.wait_restarts(domain, 1)
        (name, corpse_uuid, state, leader, _, corpse_path), = self.corpses()
        self.assertEqual((domain.UUID, domain.path, domain.Unit, self.manager.GetDomain("web1")),
                         (uuid, path, "vmm-web1.scope", path))
        self.assertNotIn(corpse_uuid, uuid)
        self.assertEqual((state, leader), ("preserved", 0))
        corpse = self.bus.domain(corpse_path)
        self.assertEqual((corpse.StateReason, corpse.GetConsoleLog(10)), ("exited with status 1", ["ready", "first"]))
        wait_until(lambda: domain.GetConsoleLog(10) == ["ready"], what="the new one's console")
        self.assertEqual(self.manager.GetDomain(name), corpse_path)
        corpse.Destroy(0)
        self.assertEqual(domain.State, "running")


class TestRename(LifeCase):
    def test_rename(self):
        """while it runs: lookups, the path with the name, journal and logs follow; UUID, object, unit and processes stay"""
        domain = self.create("web1", shell(POLITE))
        self.create("web2", shell(OBEDIENT))
        before = domain.path, domain.UUID, domain.Unit, domain.Leader, domain.ControlGroup
        self.assertError("DomainExists", "There is a domain 'web2' already", domain.Rename, "web2")
        domain.Rename("shop")
        self.assertEqual((domain.path, domain.UUID, domain.Unit, domain.Leader, domain.ControlGroup), before)
        self.assertEqual(told(self.signals, domain.path, "Renamed"), [("web1", "shop")])
        self.signals.wait("DomainRenamed", "web1", "shop", domain.path)
        self.assertEqual(self.manager.GetDomain("shop"), domain.path)
        self.assertError("NoSuchDomain", "There is no domain named 'web1'", self.manager.GetDomain, "web1")
        self.assertEqual(self.bus.domain("shop").Name, "shop")
        self.assertEqual(journal_of("shop")[-1], "Renamed from 'web1'")
        domain.Destroy(0)
        self.assertIn("got TERM", self.manager.GetConsoleLog("shop", 10))
