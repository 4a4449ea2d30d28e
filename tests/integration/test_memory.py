# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory and vCPUs of virtual machines that change while they run, seen on the bus and from inside the guest."""

import time

from vmm import GUEST_TIMEOUT, AskedGuest, duration, guest, need_guest, wait_until

MIB = 1 << 20

setUpModule = need_guest


class TestMemory(AskedGuest):
    def available(self, console):
        text = self.ask(console, "grep MemAvailable /proc/meminfo", r"MemAvailable: +\d+ kB")
        return int(text.split("MemAvailable:")[1].split()[0]) << 10

    def wait_actual(self, domain, target):
        wait_until(lambda: domain.MemoryActual == target, GUEST_TIMEOUT, f"MemoryActual {target >> 20} MiB")

    def test_target(self):
        """the guest boots within its target, gets more and gives back, and each change is told; the ceiling holds"""
        domain, console = self.boot(Memory=160 * MIB, MaxMemory=256 * MIB)
        self.assertEqual((domain.Memory, domain.MaxMemory), (160 * MIB, 256 * MIB))
        self.wait_actual(domain, 160 * MIB)
        first = self.available(console)
        domain.SetMemory(224 * MIB)
        self.assertEqual(self.changes(domain, "Memory"), [224 * MIB])
        self.wait_actual(domain, 224 * MIB)
        wait_until(lambda: self.available(console) > first + 48 * MIB, GUEST_TIMEOUT, "memory in the guest", every=0.2)
        domain.SetMemory(160 * MIB)
        self.wait_actual(domain, 160 * MIB)
        self.assertLess(self.available(console), first + 16 * MIB)
        self.assertEqual(self.changes(domain, "MemoryActual")[-1], 160 * MIB)
        self.assertError("LimitExceeded", "'web1' has the ceiling MaxMemory, 268435456", domain.SetMemory, 257 * MIB)

    def test_ceiling(self):
        """the ceiling is moved between the target and what the machine was started with; a paused one has it, too"""
        domain, _ = self.boot(Memory=128 * MIB, MaxMemory=192 * MIB)
        domain.SetMaxMemory(160 * MIB)
        self.assertEqual((domain.MaxMemory, self.changes(domain, "MaxMemory")), (160 * MIB, [160 * MIB]))
        self.assertError("LimitExceeded", "the ceiling MaxMemory, 167772160", domain.SetMemory, 161 * MIB)
        self.assertError("InvalidArgs", "less than the Memory of 'web1', 134217728", domain.SetMaxMemory, 127 * MIB)
        self.assertError("NotSupported", "was started with 201326592 bytes", domain.SetMaxMemory, 193 * MIB)
        domain.Pause()
        self.assertError("NotRunning", "Cannot change the memory of 'web1'", domain.SetMemory, 128 * MIB)
        domain.SetMaxMemory(192 * MIB)
        domain.Resume()
        domain.SetMemory(192 * MIB)
        self.wait_actual(domain, 192 * MIB)

    def test_statistics(self):
        """GetStats tells what the guest says of its memory, once it has been asked"""
        domain, console = self.boot()
        stats = wait_until(lambda: (stats := domain.GetStats()).get("GuestStatsTimestamp") and stats, GUEST_TIMEOUT,
                           "the guest's statistics", every=0.5)
        self.assertLess(abs(stats["GuestStatsTimestamp"] / 1e6 - time.time()), 120)
        self.assertTrue(64 * MIB < stats["GuestMemoryTotal"] < 128 * MIB)
        self.assertTrue(0 < stats["GuestMemoryFree"] <= stats["GuestMemoryAvailable"] < stats["GuestMemoryTotal"])
        self.assertLess(abs(stats["GuestMemoryAvailable"] - self.available(console)), 16 * MIB)
        domain.Pause()
        with duration(0, 0.4):
            self.assertEqual(domain.GetStats()["GuestMemoryTotal"], stats["GuestMemoryTotal"])

    def test_no_driver(self):
        """without a driver in the guest the target is only a wish: MemoryActual tells, and nothing is made up"""
        domain = self.create("web1", guest(Memory=128 * MIB, MaxMemory=160 * MIB, Extra="console=ttyS0 quiet break"), 0)
        self.assertEqual(domain.MemoryActual, 160 * MIB)
        self.assertEqual([name for name in domain.GetStats() if name.startswith("Guest")], [])


class TestVCPUs(AskedGuest):
    def online(self, console, index):
        self.ask(console, f"until echo 1 >/sys/devices/system/cpu/cpu{index}/online; do usleep 100000; done 2>/dev/null")

    def test_plug(self):
        """vCPUs are plugged in up to the maximum; the guest computes with them, and none is taken away without KVM"""
        domain, console = self.boot(VCPUs=1, MaxVCPUs=3)
        self.assertEqual((domain.VCPUs, domain.MaxVCPUs), (1, 3))
        domain.SetVCPUs(3)
        self.assertEqual((domain.VCPUs, self.changes(domain, "VCPUs")), (3, [3]))
        for index in (1, 2):
            self.online(console, index)
        self.ask(console, "grep -c ^processor /proc/cpuinfo", r"\n3\r?\n")
        domain.SetVCPUs(3)
        self.assertError("LimitExceeded", "room for MaxVCPUs, 3, vCPUs", domain.SetVCPUs, 4)
        self.assertError("InvalidArgs", "at least one", domain.SetVCPUs, 0)
        self.assertError("NotSupported", "cannot have fewer vCPUs", domain.SetVCPUs, 2)
        self.assertEqual(domain.VCPUs, 3)

    def test_delegated(self):
        """a vCPU that is plugged into a delegated domain has a control group of its own, and can be pinned and shown"""
        domain, _ = self.boot(VCPUs=1, MaxVCPUs=2, Delegate=True)
        self.assertEqual(len(domain.GetVCPUs()), 1)
        domain.SetVCPUs(2)
        (_, first, *_), (index, second, *_) = domain.GetVCPUs()
        self.assertEqual(index, 1)
        for group, thread in (("vcpu0", first), ("vcpu1", second)):
            self.assertEqual((domain.cgroup.path / group / "cgroup.threads").read_text().split(), [str(thread)])
        domain.Pause()
        self.assertFrozen(domain)
        domain.Resume()

    def test_microvm(self):
        """a microvm keeps what it was started with"""
        self.assertError("InvalidConfig", "MaxVCPUs: a machine 'microvm' keeps", self.manager.CreateDomain, "web1",
                         guest(Machine="microvm", VCPUs=1, MaxVCPUs=2), 0)
