# SPDX-License-Identifier: LGPL-2.1-or-later
"""Logs over the bus, beside the journal that they are from."""

import re
import subprocess
import time

from vmm import FORCE, OBEDIENT, Bus, TestCase, shell, wait_until

LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ "


def journal(*matches):
    """The messages of these entries."""
    subprocess.run(["journalctl", "--sync"], check=True)
    return subprocess.run(["journalctl", "--quiet", "--output=cat", *matches], capture_output=True, text=True,
                          check=True).stdout.splitlines()


def bare(lines):
    """Without the time."""
    return [re.sub(f"^{LINE}", "", line) for line in lines]


class TestLog(TestCase):
    def wait_told(self, text):
        wait_until(lambda: any(text in line for line in self.manager.GetLog(1000)), what=f"{text!r} in the log", every=0.1)

    def test_own(self):
        """GetLog has what the daemon said last, with the time, and nothing of anybody else"""
        name = f"web{time.time_ns()}"
        self.create(name, shell(OBEDIENT)).Destroy(FORCE)
        self.wait_told(f"{name}: Ended: ")
        log = self.manager.GetLog(1000)
        for line in log:
            self.assertRegex(line, f"^{LINE}")
        expected = journal("_SYSTEMD_UNIT=vmmanagerd.service")[-1000:]
        self.assertEqual(bare(log)[-20:], expected[-20:])
        self.assertLessEqual(len(log), 1000)
        self.assertEqual(self.manager.GetLog(2), log[-2:])
        self.assertEqual(self.manager.GetLog(0), [])

    def test_restarted(self):
        """what it said before it was restarted is there, too"""
        name = f"web{time.time_ns()}"
        self.create(name, shell(OBEDIENT)).Destroy(FORCE)
        self.wait_told(f"{name}: Ended: ")
        subprocess.run(["systemctl", "stop", "vmmanagerd.service"], check=True)
        self.wait_told(f"{name}: Ended: ")

    def test_hostile(self):
        """a name that would steer a terminal does not get that far"""
        self.create("web\u00fc1", shell(OBEDIENT)).Destroy(FORCE)
        self.wait_told("web\u00fc1: Ended: ")
        for line in self.manager.GetLog(1000):
            self.assertTrue(line.isprintable(), line)

    def test_quick(self):
        """looking back a thousand lines keeps others waiting for no longer than a moment"""
        start = time.monotonic()
        self.manager.GetLog(2**32 - 1)
        self.manager.GetHypervisorLog(2**32 - 1)
        self.assertLess(time.monotonic() - start, 2)

    def test_authorized(self):
        """who is not in an active session may not look"""
        tester = Bus("tester")
        self.addCleanup(tester.close)
        for method, *arguments in (("GetLog", 5), ("GetHypervisorLog", 5), ("ClearHypervisorLog",)):
            self.assertError("InteractiveAuthorizationRequired", "inspect", getattr(tester.manager, method), *arguments)


class TestHypervisorLog(TestCase):
    def setUp(self):
        super().setUp()
        if not journal("_TRANSPORT=kernel", "SYSLOG_FACILITY=0", "--lines=1"):
            self.skipTest("the kernel's log is not in this bed's journal")

    def test_kernel(self):
        """of the kernel's log it has what is about virtualisation, and no more"""
        ours = re.compile(r"(kvm|x86/kvm|kvm_\w+|iommu|IOMMU|DMAR|AMD-Vi|vhost\w*|vfio\w*|tun|tap\d*|SVM|VMX)(:| \[| \()")
        kernel = journal("_TRANSPORT=kernel", "SYSLOG_FACILITY=0", "--boot")
        expected = [line.rstrip() for line in kernel if ours.match(line)]
        self.assertNotEqual(expected, [])
        self.assertLess(len(expected), len(kernel))
        self.assertEqual(bare(self.manager.GetHypervisorLog(1000)), expected)
        self.assertEqual(bare(self.manager.GetHypervisorLog(1)), expected[-1:])

    def test_cleared(self):
        """cleared, it is empty for who cleared it, and for nobody else"""
        before = self.manager.GetHypervisorLog(1000)
        self.assertNotEqual(before, [])
        self.polkit_rule('return polkit.Result.YES;')
        tester = Bus("tester")
        self.addCleanup(tester.close)
        tester.manager.ClearHypervisorLog()
        self.assertEqual(tester.manager.GetHypervisorLog(1000), [])
        self.assertEqual(self.manager.GetHypervisorLog(1000), before)
