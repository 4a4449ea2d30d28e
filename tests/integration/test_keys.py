# SPDX-License-Identifier: LGPL-2.1-or-later
"""Resets, keys and interrupts for virtual machines, seen from inside the guest."""

from vmm import GUEST_TIMEOUT, READY, AskedGuest, ending, guest, need_guest, shell

MIB = 1 << 20

setUpModule = need_guest


class TestPower(AskedGuest):
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
                self.ask(console, "echo 9 >/proc/sys/kernel/printk; echo 1 >/proc/sys/kernel/sysrq")
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
        console.send(f"hexdump -v -e '12/2 \"%d \" \"\\n\"' /dev/input/{device} & "
                     "until ls -l /proc/$!/fd | grep -q input; do usleep 20000; done; echo listen''ing\n")
        console.expect("listening")
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
                self.assertError("NotRunning", "'web1': it is paused", getattr(paused, method), *arguments)
        self.assertEqual((process.Memory, process.MaxMemory, process.MemoryActual, process.VCPUs, process.MaxVCPUs),
                         (0, 0, 0, 0, 0))
