# SPDX-License-Identifier: LGPL-2.1-or-later
"""How guests end by themselves, seen from the bus and on their console; and what the policies of their domain do about it."""

import os
import signal
import subprocess
import time

from test_life import LifeCase, journal_of
from vmm import GUEST_TIMEOUT, ending, guest, has_crashed, need_guest, process_exists, wait_until

READY = "GUEST-READY"


setUpModule = need_guest


class GuestCase(LifeCase):
    def boot(self, words="", **keys):
        domain = self.create("web1", guest(words, **keys))
        console = domain.console()
        console.expect(READY, GUEST_TIMEOUT)
        return domain, console

    def assertEnded(self, domain, reason, details, crashed=False):
        self.assertEqual(ending(self.signals, domain.path, GUEST_TIMEOUT), (reason, details))
        self.assertEqual(has_crashed(self.signals, domain.path), crashed)
        self.assertIn(f"Ended: {reason}", journal_of("web1"))


class TestEnds(GuestCase):
    def test_power_button(self):
        """the power button, which the guest handles: guest-shutdown, and QEMU exits with status 0"""
        domain, console = self.boot()
        domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON")
        self.assertEnded(domain, "guest-shutdown", {"ExitCode": 0})

    def test_poweroff(self):
        """the guest powers off by itself"""
        domain = self.create("web1", guest("off"))
        self.assertEnded(domain, "guest-shutdown", {"ExitCode": 0})

    def test_sigterm(self):
        """SIGTERM from elsewhere: host-signal, exit status 0; nobody starts it again"""
        domain, _ = self.boot(OnPoweroff="restart", OnCrash="restart")
        os.kill(domain.Leader, signal.SIGTERM)
        self.assertEnded(domain, "host-signal", {"ExitCode": 0})

    def test_panic(self):
        """a panic that pvpanic tells: guest-panic, a crash, although QEMU exits with status 0"""
        domain = self.create("web1", guest("panic"))
        self.assertEnded(domain, "guest-panic", {"ExitCode": 0}, crashed=True)

    def test_panic_restart(self):
        """OnCrash=restart: another QEMU in the same place, and its guest is up again; the console is one"""
        self.restarts()
        domain, console = self.boot(OnCrash="restart")
        leader, path = domain.Leader, domain.path
        console.send("echo c >/proc/sysrq-trigger\n")
        console.expect(READY, GUEST_TIMEOUT)
        self.wait_restarts(domain, 1)
        self.assertNotEqual(domain.Leader, leader)
        self.assertEqual((self.manager.GetDomain("web1"), domain.StateReason), (path, "restarted: guest-panic"))

    def test_panic_preserve(self):
        """OnCrash=preserve, said while it runs: QEMU stands frozen with what it had, and Destroy ends it"""
        domain, console = self.boot()
        leader = domain.Leader
        domain.set("OnCrash", "preserve")
        console.send("echo c >/proc/sysrq-trigger\n")
        domain.wait_state("preserved", timeout=GUEST_TIMEOUT)
        domain.cgroup.wait(frozen=1)
        self.assertEqual((domain.Leader, domain.StateReason, self.flags(domain)), (leader, "guest-panic", {"Crashed"}))
        self.assertError("NotRunning", "it is not running", domain.Resume)
        subprocess.run(["systemctl", "thaw", domain.Unit], check=True)
        self.assertEqual(domain.State, "preserved")
        domain.Destroy(0)
        self.assertFalse(process_exists(leader))

    def test_poweroff_preserve(self):
        """OnPoweroff=preserve: the guest is off, QEMU is there; a plan that asks the guest does not wait for it"""
        domain = self.create("web1", guest("off", OnPoweroff="preserve"))
        domain.wait_state("preserved", timeout=GUEST_TIMEOUT)
        domain.cgroup.wait(frozen=1)
        self.assertEqual((domain.StateReason, self.flags(domain)), ("guest-shutdown", {"PoweredOff"}))
        started = time.monotonic()
        domain.Stop([], 0)
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(self.manager.ListDomains(), [])

    def test_stop_with_preserve(self):
        """a stop that asks the guest ends the domain, although OnPoweroff=preserve keeps QEMU"""
        domain, console = self.boot(OnPoweroff="preserve")
        call = domain.begin("Stop", [("guest", 60_000_000)], 0)
        console.expect("GUEST-POWERBUTTON")
        call.result(GUEST_TIMEOUT)
        self.assertEnded(domain, "shut down", {"ExitCode": 0})

    def test_poweroff_restart(self):
        """OnPoweroff=restart: another QEMU"""
        self.restarts()
        domain, console = self.boot(OnPoweroff="restart")
        leader = domain.Leader
        console.send("poweroff -f\n")
        console.expect(READY, GUEST_TIMEOUT)
        self.assertNotEqual(domain.Leader, leader)

    def test_rename_restart(self):
        """rename-restart: what panicked is frozen in a scope of its own, its successor runs in its place"""
        self.restarts()
        domain, console = self.boot(OnCrash="rename-restart")
        leader, path, uuid = domain.Leader, domain.path, domain.UUID
        console.send("echo c >/proc/sysrq-trigger\n")
        self.wait_restarts(domain, 1)
        domain.console().expect(READY, GUEST_TIMEOUT)
        (name, _, state, corpse_leader, unit, corpse_path), = self.corpses()
        corpse = self.bus.domain(corpse_path)
        corpse.cgroup.wait(frozen=1)
        self.assertEqual((corpse_leader, state, unit), (leader, "preserved", f"vmm-{name}.scope"))
        self.assertEqual((corpse.StateReason, corpse.cgroup.pids), ("guest-panic", [leader]))
        self.assertIn(READY, "\n".join(corpse.GetConsoleLog(100)))
        self.assertNotEqual(domain.Leader, leader)
        self.assertEqual((domain.path, domain.UUID, domain.Unit), (path, uuid, "vmm-web1.scope"))
        corpse.Destroy(0)
        self.assertFalse(process_exists(leader))
        self.assertEqual(domain.State, "running")
