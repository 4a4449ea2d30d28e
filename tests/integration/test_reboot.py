# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that begin anew, of their own accord or because they were asked to: seen from the bus and on their console."""

from test_life_guest import READY, GuestCase
from vmm import GUEST_TIMEOUT, guest, need_guest


setUpModule = need_guest


class TestReboots(GuestCase):
    def test_guest_reboot(self):
        """the guest reboots: the same QEMU, which is counted"""
        domain, console = self.boot()
        leader = domain.Leader
        console.send("reboot -f\n")
        console.expect(READY, GUEST_TIMEOUT)
        self.assertEqual((domain.Leader, domain.Restarts, domain.State, domain.StateReason),
                         (leader, 1, "running", "rebooted by its guest"))

    def test_guest_reboot_destroy(self):
        """OnReboot=destroy: guest-reset is its end, and no crash"""
        domain = self.create("web1", guest("reboot", OnReboot="destroy"))
        self.assertEnded(domain, "guest-reset", {"ExitCode": 0})

    def test_reboot(self):
        """Reboot: the guest goes down by its power button, and comes up in the same QEMU; then the button means off again"""
        self.restarts(burst=0)
        domain, console = self.boot()
        leader = domain.Leader
        domain.Reboot(0)
        console.expect("GUEST-POWERBUTTON")
        console.expect(READY, GUEST_TIMEOUT)
        self.wait_restarts(domain, 1)
        self.assertEqual((domain.Leader, domain.StateReason), (leader, "rebooted on request"))
        domain.Shutdown(0)
        self.assertEnded(domain, "guest-shutdown", {"ExitCode": 0})

    def test_reboot_microvm(self):
        """the same of a microvm"""
        domain, console = self.boot(Machine="microvm", Extra=guest()["Extra"].unpack() + " tsc_early_khz=2000000")
        leader = domain.Leader
        domain.Reboot(0)
        console.expect(READY, GUEST_TIMEOUT)
        self.wait_restarts(domain, 1)
        self.assertEqual(domain.Leader, leader)

    def test_reboot_loop(self):
        """a guest that reboots for ever stands still when that was too often"""
        self.restarts(burst=1)
        domain = self.create("web1", guest("reboot"))
        domain.wait_state("preserved", timeout=2 * GUEST_TIMEOUT)
        domain.cgroup.wait(frozen=1)
        self.assertEqual((domain.Restarts, domain.StateReason, self.flags(domain)),
                         (1, "rebooted by its guest", {"Rebooting"}))
        self.assertRegex(domain.Warnings[-1], "^Not started again, but kept")
