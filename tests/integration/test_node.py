# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine as the bus shows it, beside what uname, lscpu, /proc and QEMU themselves say of it."""

import os
import pathlib
import re
import subprocess

from vmm import ROOT, SERVICE, TestCase, wait_until


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def memory(name):
    return int(re.search(rf"^{name}:\s+(\d+) kB$", pathlib.Path("/proc/meminfo").read_text(), re.M)[1]) * 1024


class TestNode(TestCase):
    def setUp(self):
        super().setUp()
        self.node = self.bus.object(ROOT, f"{SERVICE}.Node")

    def test_kernel(self):
        """the kernel is the one that uname tells of"""
        for name, option in (("Host", "-n"), ("Release", "-r"), ("Version", "-v"), ("Machine", "-m")):
            self.assertEqual(getattr(self.node, name), output("uname", option), name)

    def test_processors(self):
        """the processors are those that lscpu counts"""
        lines = [line.split(",") for line in output("lscpu", "--parse=CPU,CORE,SOCKET,NODE").splitlines() if line[0] != "#"]
        cores, places = {}, {}
        for cpu, core, socket, node in lines:
            cores.setdefault((socket, core), set()).add(cpu)
            places.setdefault(node, set()).add(socket)
        sockets = [sum(1 for place in cores if place[0] == socket) for socket in {socket for socket, _ in cores}]
        self.assertEqual(self.node.NrCPUs, len(lines))
        self.assertEqual(self.node.NrNodes, len(places))
        self.assertEqual(self.node.SocketsPerNode, max(len(place) for place in places.values()))
        self.assertEqual(self.node.CoresPerSocket, max(sockets))
        self.assertEqual(self.node.ThreadsPerCore, max(len(threads) for threads in cores.values()))
        cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
        self.assertEqual(self.node.HWCaps, re.search(r"^flags\s*: (.*)$", cpuinfo, re.M)[1])
        now = [float(mhz) for mhz in re.findall(r"^cpu MHz\s*: ([\d.]+)$", cpuinfo, re.M)]
        self.assertGreater(self.node.CPUMHz, 0.3 * min(now))
        self.assertLess(self.node.CPUMHz, 3 * max(now))

    def test_memory(self):
        """memory is that of /proc/meminfo, and what is free is read afresh"""
        self.assertEqual(self.node.TotalMemory, memory("MemTotal"))
        self.assertAlmostEqual(self.node.FreeMemory, memory("MemAvailable"), delta=256 * 2**20)
        before = self.node.FreeMemory
        taken = bytearray(os.urandom(2**20)) * 512
        self.assertLess(self.node.FreeMemory, before - 128 * 2**20)
        del taken

    def test_hypervisor(self):
        """QEMU's version is what it says itself, in three parts"""
        if not self.manager.Features["QEMU"]:
            self.skipTest("there is no QEMU")
        wait_until(lambda: self.node.HypervisorMajor >= 0, what="QEMU's answer", every=0.1)
        version = f"{self.node.HypervisorMajor}.{self.node.HypervisorMinor}{self.node.HypervisorExtra}"
        self.assertEqual(output("qemu-system-x86_64", "--version").splitlines()[0], f"QEMU emulator version {version}")
        accelerators = ["kvm", "tcg"] if self.manager.Features["KVM"] else ["tcg"]
        self.assertEqual(self.node.Hypervisor, accelerators[0])
        machine = output("uname", "-m")
        self.assertEqual(self.node.Capabilities.split(), [*(f"{name}-{machine}" for name in accelerators), "process"])
        self.assertEqual(self.node.PlatformParams,
                         f"page_size={os.sysconf('SC_PAGESIZE')} systemd={self.manager.Features['SystemdVersion']}")

    def test_build(self):
        """the build tells of itself"""
        self.assertRegex(self.node.Changeset, r"^[0-9a-f]{12}\+?$|^\d+\.\d+$")
        self.assertRegex(self.node.Compiler, r"^(gcc|clang) \d+\.\d+\.\d+$")
        self.assertRegex(self.node.CompiledDate, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(bool(self.node.CompiledBy), bool(self.node.CompiledDomain))
