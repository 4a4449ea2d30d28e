# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a virtual machine and its guest are asked while they run, seen on the bus and from inside the guest."""

import struct
import time
import unittest
import zlib

from vmm import GUEST_TIMEOUT, START, TestCase, duration, ending, guest, need_guest, shell, told, wait_until

READY = "GUEST-READY"
MIB = 1 << 20

setUpModule = need_guest


class GuestCase(TestCase):
    def boot(self, words="", flags=START, **keys):
        """A guest with a shell, and its console."""
        extra = guest(words)["Extra"].unpack()
        if keys.get("Machine") == "microvm":
            extra += " tsc_early_khz=2000000"
        domain = self.create("web1", guest(words, Extra=extra, **keys), flags)
        console = domain.console()
        console.expect(READY, GUEST_TIMEOUT)
        console.expect("guest# ")
        return domain, console

    def ask(self, console, command, pattern, timeout=GUEST_TIMEOUT):
        """What the guest's shell answers; its answer ends in the word that the echo of the command does not have."""
        console.send(f"{command}; echo said''so\n")
        text = console.expect(r"(?s)(.*)saidso", timeout)[1]
        self.assertRegex(text, pattern)
        return text

    def changes(self, domain, name):
        """The values of a property, as its changes were told."""
        return [changed[name] for _, changed, _ in told(self.signals, domain.path, "PropertiesChanged") if name in changed]


class TestMemory(GuestCase):
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
        self.assertNotIn("GuestMemoryTotal", domain.GetStats())
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


class TestVCPUs(GuestCase):
    def online(self, console, index):
        self.ask(console, f"until echo 1 >/sys/devices/system/cpu/cpu{index}/online; do usleep 100000; done 2>/dev/null", "")

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


class TestPower(GuestCase):
    def test_reset(self):
        """Reset boots the guest again, in the same QEMU; its file system in memory is as new"""
        domain, console = self.boot()
        leader = domain.Leader
        self.ask(console, "touch /mark; ls /", "mark")
        domain.Reset()
        console.expect(READY, GUEST_TIMEOUT)
        console.expect("guest# ")
        self.assertNotIn("mark", self.ask(console, "ls /", "bin"))
        self.assertEqual((domain.Leader, domain.State), (leader, "running"))

    def test_sysrq(self):
        """SysRq keys reach the kernel, by the keyboard and, where there is none, by a break on the serial line"""
        for machine in ("q35", "microvm"):
            with self.subTest(machine):
                domain, console = self.boot(Machine=machine)
                self.ask(console, "echo 9 >/proc/sys/kernel/printk; echo 1 >/proc/sys/kernel/sysrq", "")
                domain.SendSysRq("h")
                console.expect("sysrq: HELP : loglevel", GUEST_TIMEOUT)
                domain.SendSysRq("3")
                console.expect("sysrq: Changing Loglevel", GUEST_TIMEOUT)
                self.assertError("InvalidArgs", "key: 'x1' is not a SysRq key", domain.SendSysRq, "x1")
                domain.SendSysRq("o")
                self.assertEqual(ending(self.signals, domain.path, GUEST_TIMEOUT)[0], "guest-shutdown")

    def test_keys(self):
        """keys that are sent arrive as input events, pressed and released"""
        domain, console = self.boot()
        device = "$(grep -l 'AT Translated' /sys/class/input/event*/device/name | cut -d/ -f5)"
        console.send(f"echo dev''ice {device}; hexdump -v -e '12/2 \"%d \" \"\\n\"' /dev/input/{device} &\n")
        console.expect(r"device event\d")
        domain.SendKeys(["shift", "k"], 50)
        for event in ("1 42 1", "1 37 1", "1 37 0", "1 42 0"):
            console.expect(rf" {event} 0 *\r?\n", GUEST_TIMEOUT)
        self.assertError("InvalidArgs", "keys: there is no key 'K'", domain.SendKeys, ["K"], 0)

    def test_nmi(self):
        """an NMI is counted by the guest's kernel"""
        domain, console = self.boot()
        self.ask(console, "grep NMI: /proc/interrupts", r"NMI: +0")
        domain.InjectNMI()
        self.ask(console, "grep NMI: /proc/interrupts", r"NMI: +1")

    def test_microvm(self):
        """a microvm has no keyboard and no display, and says so"""
        domain = self.create("web1", guest(Machine="microvm"))
        self.assertError("NotSupported", "'web1' has no keyboard", domain.SendKeys, ["a"], 0)
        self.assertError("NotSupported", "'web1' has no display", domain.Screenshot)

    def test_others(self):
        """a domain of processes has none of it, and a paused machine cannot be asked"""
        process, paused = self.create("job1", shell("echo ready; exec sleep infinity")), self.create("web1", guest(), 0)
        for method, *arguments in (("Reset",), ("SendSysRq", "s"), ("SendKeys", ["a"], 0), ("InjectNMI",), ("Screenshot",),
                                   ("SetMemory", 64 * MIB), ("SetVCPUs", 1)):
            with self.subTest(method):
                self.assertError("NotSupported", "'job1': it is not a virtual machine", getattr(process, method), *arguments)
                self.assertError("NotRunning", "'web1': it is not running", getattr(paused, method), *arguments)
        self.assertEqual((process.Memory, process.MaxMemory, process.MemoryActual, process.VCPUs, process.MaxVCPUs),
                         (0, 0, 0, 0, 0))


class TestAgent(GuestCase):
    """A shell in the guest plays the agent, at the port that a real one opens."""

    # A read ends while nobody is connected at the other end.
    AGENT = ("agent() { exec 3<>$port; while :; do read -r line <&3 || { usleep 20000; continue; }; echo he''ard \"$line\"; "
             "case $line in *guest-sync-delimited*) id=${line##*: }; "
             "printf '\\377{\"return\": %%s}\\n' \"${id%%%%\\}*}\" >&3 ;; *guest-shutdown*) %s ;; esac; done; }; agent &")

    def play(self, what):
        """A guest that ignores the power button, and plays this at its agent's port."""
        domain, console = self.boot("deaf")
        console.send(f"port=$(ls /dev/vport*p1); {what} sleep 1; echo play''ing\n")
        console.expect("playing")
        return domain, console

    def test_obeys(self):
        """Shutdown asks the agent and not the power button, which this guest would not obey"""
        domain, console = self.play(self.AGENT % "poweroff -f")
        domain.Shutdown(0)
        console.expect("heard.*guest-shutdown.*powerdown")
        self.assertEqual(ending(self.signals, domain.path, GUEST_TIMEOUT)[0], "guest-shutdown")
        self.assertNotIn("GUEST-POWERBUTTON", console.drain())

    def test_refuses(self):
        """when the agent refuses, the power button is pressed"""
        domain, console = self.play(self.AGENT % "printf '{\"error\": {\"class\": \"X\", \"desc\": \"no\"}}\\n' >&3")
        with duration(0, 10):
            domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON", GUEST_TIMEOUT)
        self.assertThawed(domain)

    def test_silent(self):
        """a program that opens the port and says nothing costs a second"""
        domain, console = self.play("exec 3<>$port;")
        with duration(0.9, 3):
            domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON", GUEST_TIMEOUT)

    def test_babbles(self):
        """one that never stops talking is given up; the guest is not stalled by its agent's port"""
        domain, console = self.play("(while :; do cat /dev/zero >$port; done) &")
        with duration(0, 3):
            domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON", GUEST_TIMEOUT)


class TestScreenshot(GuestCase):
    @staticmethod
    def pixels(png):
        """Width, height and the pixels of an image of 8 bits a sample, as rows of bytes."""
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        at, data = 8, b""
        while at < len(png):
            length, kind = struct.unpack(">I4s", png[at:at + 8])
            body = png[at + 8:at + 8 + length]
            assert zlib.crc32(kind + body) == struct.unpack(">I", png[at + 8 + length:at + 12 + length])[0]
            if kind == b"IHDR":
                width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", body)
                assert (depth, colour) == (8, 2)
            data += body if kind == b"IDAT" else b""
            at += 12 + length
        raw, rows, stride = zlib.decompress(data), [], 3 * width
        for y in range(height):
            kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
            above = rows[-1] if rows else bytes(stride)
            for x in range(stride):
                left, up, corner = (line[x - 3] if x > 2 else 0), above[x], (above[x - 3] if x > 2 else 0)
                paeth = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
                line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
            rows.append(bytes(line))
        return width, height, rows

    def test_screen(self):
        """a screenshot is what the guest shows: what it writes to its screen changes it"""
        domain, console = self.boot()
        self.ask(console, "printf '\\033[2J\\033[H\\033[?25l' >/dev/tty1", "")
        width, height, before = self.pixels(bytes(domain.Screenshot()))
        self.assertGreaterEqual((width, height), (640, 400))
        self.ask(console, "for i in 1 2 3 4 5; do echo '################' >/dev/tty1; done", "")
        after = self.pixels(bytes(domain.Screenshot()))
        self.assertEqual(after[:2], (width, height))
        lit = sum(row.count(b"\xaa") for row in after[2][:80]) - sum(row.count(b"\xaa") for row in before[:80])
        self.assertGreater(lit, 1000)
        self.assertEqual(after[2][200:], before[200:])

    def test_many(self):
        """many at once are answered, or refused by the limit; nothing of them is left in QEMU"""
        domain, _ = self.boot()
        calls = [domain.begin("Screenshot") for _ in range(20)]
        wait_until(lambda: all(call.done() for call in calls), what="every screenshot")
        self.assertEqual({call.error.name.rpartition(".")[2] for call in calls if call.error}, {"LimitExceeded"})
        good = [call for call in calls if not call.error]
        self.assertGreaterEqual(len(good), 16)
        for call in good:
            self.assertEqual(bytes(call.result())[:4], b"\x89PNG")
        with open(f"/proc/{domain.Leader}/maps", encoding="utf-8") as maps:
            self.assertNotIn("screenshot", maps.read())
