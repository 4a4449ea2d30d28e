# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains that are virtual machines: a real QEMU, a real kernel, seen from outside and from within."""

import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess

from vmm import (FORCE, GRACEFUL, GUEST, GUEST_TIMEOUT, SERVICE, START, Console, Error, TestCase, duration, ending, guest,
                 has_crashed, make_folder, need_guest, process_exists, stop_steps, wait_nothing_left, wait_until)

READY = "GUEST-READY"
RUNTIME = pathlib.Path("/run/vmmanager/domains")
TICK = r"tick \d+\r?\n"


setUpModule = need_guest


class GuestCase(TestCase):
    def boot(self, words="", flags=START, **keys):
        """A guest that is ready, and its console."""
        domain = self.create("web1", guest(words, **keys), flags)
        console = domain.console()
        console.expect(READY, GUEST_TIMEOUT)
        return domain, console

    def assertNothingLeft(self):
        self.assertEqual((self.manager.ListDomains(), list(RUNTIME.iterdir())), ([], []))
        wait_nothing_left(self)


class TestGuest(GuestCase):
    def test_created_paused(self):
        """a virtual machine is created frozen and silent; Resume boots it"""
        domain = self.create("web1", guest(), 0)
        self.assertFrozen(domain)
        console = domain.console()
        self.assertEqual(console.silence(1), "")
        domain.Resume()
        self.assertThawed(domain)
        console.expect(READY, GUEST_TIMEOUT)

    def test_counter(self):
        """paused by three witnesses the guest's counter stands still; resumed it goes on and misses nothing"""
        domain, console = self.boot("counter")
        for _ in range(3):
            console.expect(TICK)
            domain.Pause()
            self.assertFrozen(domain)
            console.silence(0.2)
            self.assertEqual(console.silence(0.5), "")
            domain.Resume()
            self.assertThawed(domain)
        console.expect(TICK)
        domain.Pause()
        ticks = [int(tick) for tick in re.findall(r"^tick (\d+)$", "\n".join(domain.GetConsoleLog(1000)), re.MULTILINE)]
        self.assertEqual(ticks[:-1], list(range(1, len(ticks))))

    def test_clock(self):
        """the guest's clock stands still while it is paused: it does not notice"""
        domain, console = self.boot()
        before, seconds = self.uptime(console), 3
        domain.Pause()
        console.silence(seconds)
        domain.Resume()
        self.assertLess(self.uptime(console) - before, seconds)

    def uptime(self, console):
        console.send("cat /proc/uptime\n")
        return float(console.expect(r"\n(\d+\.\d\d) \d")[1])

    def test_flood(self):
        """a console that nobody reads does not stall the guest; the newest 64 KiB are kept"""
        domain = self.create("web1", guest("flood,counter"))
        def lines():
            return domain.GetConsoleLog(10)
        wait_until(lambda: any(line.startswith("tick") for line in lines()), GUEST_TIMEOUT, "the end of it", every=0.2)
        log = "\n".join(domain.GetConsoleLog(2**32 - 1))
        self.assertIn("FLOOD-DONE", log)
        self.assertNotIn(READY, log)
        self.assertGreater(len(log), 60_000)
        self.assertLessEqual(len(log), 65_536)

    def test_unread_client(self):
        """a client that does not read stalls neither the guest nor another client"""
        domain = self.create("web1", guest("flood,counter"), 0)
        deaf, console = domain.console(), domain.console()
        domain.Resume()
        console.expect("FLOOD-DONE", GUEST_TIMEOUT)
        console.expect(TICK)
        deaf.close()

    def test_console(self):
        """the guest's shell is used through OpenConsole and through ConsolePath, and each sees what the other does"""
        domain, console = self.boot()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(domain.ConsolePath)
            other = Console(client.fileno())
            other.expect(READY)
            console.send("echo $((6 * 7))\n")
            for each in (console, other):
                each.expect(r"\n42\r?\n")
            other.send("echo $((6 * 8))\n")
            for each in (console, other):
                each.expect(r"\n48\r?\n")
        self.assertIn("48", domain.GetConsoleLog(5))
        self.assertEqual(os.stat(domain.ConsolePath).st_uid, 0)

    def test_console_clients(self):
        """a console has 16 clients at most, and room again when one leaves"""
        domain = self.create("web1", guest(), 0)
        consoles = [domain.console() for _ in range(16)]
        self.assertError("LimitExceeded", "The console of 'web1' has 16 clients already", domain.OpenConsole)
        consoles.pop().close()
        wait_until(lambda: self.opened(domain, consoles), every=0.02, what="room for a client")
        for console in consoles:
            console.close()

    def opened(self, domain, consoles):
        try:
            consoles.append(domain.console())
        except Error:
            return False
        return True

    def test_resources(self):
        """the guest sees the memory and the CPUs that it was given, and its kernel's command line"""
        domain, console = self.boot(Memory=160 << 20, VCPUs=2)
        console.send("grep -c ^processor /proc/cpuinfo; head -n1 /proc/meminfo; cat /proc/cmdline\n")
        self.assertEqual(console.expect(r"\n(\d+)\r?\n")[1], "2")
        self.assertGreater(int(console.expect(r"MemTotal: +(\d+) kB")[1]), 110 << 10)
        console.expect("console=ttyS0 quiet .*guest=")
        self.assertEqual((domain.Memory, domain.VCPUs, domain.Image["Machine"], domain.Image["Accelerator"]),
                         (160 << 20, 2, "q35", "tcg"))

    def test_machines(self):
        """the machines pc and microvm boot, too"""
        for machine in ("pc", "microvm"):
            with self.subTest(machine):
                extra = guest()["Extra"].unpack() + (" tsc_early_khz=2000000" if machine == "microvm" else "")
                self.create(machine, guest(Machine=machine, Extra=extra)).console().expect(READY, GUEST_TIMEOUT)

    def test_confined(self):
        """QEMU runs as its own user, without new privileges, under seccomp, in its scope, and may write nowhere"""
        domain = self.create("web1", guest(), 0)
        proc = pathlib.Path(f"/proc/{domain.Leader}")
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        user = pwd.getpwnam("vmmanager-qemu")
        self.assertEqual(status["Uid"].split(), [str(user.pw_uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(user.pw_gid)] * 4)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)), ("1", "2", 0))
        self.assertIn(f"0::{domain.ControlGroup}\n", (proc / "cgroup").read_text())
        environment = (proc / "environ").read_text().rstrip("\0").split("\0")
        self.assertNotIn("NOTIFY_SOCKET", {entry.partition("=")[0] for entry in environment})
        for path in (proc / "fd").iterdir():
            target = os.readlink(path)
            flags = int((proc / "fdinfo" / path.name).read_text().partition("flags:")[2].split()[0], 8)
            if target.startswith("/") and flags & os.O_ACCMODE != os.O_RDONLY:
                self.assertRegex(target, r"^/(dev/null|run/vmmanager/domains/[0-9a-f]{32}/output|dev/shm/.* \(deleted\))$")

    def test_bad_kernel(self):
        """a kernel that QEMU cannot use is refused in QEMU's own words, and nothing is left"""
        kernel = make_folder(self) / "kernel"
        kernel.write_text("no kernel")
        self.assertError("InvalidConfig", "qemu: (invalid kernel header|linux kernel too old)",
                         self.manager.CreateDomain, "web1", guest(Kernel=str(kernel)), 0)
        self.assertNothingLeft()

    def test_unreadable_kernel(self):
        """a kernel or initrd that QEMU's user cannot read, or that is no file, is refused, and both are named"""
        folder = make_folder(self)
        secret = folder / "secret"
        secret.write_bytes((GUEST / "initrd").read_bytes())
        secret.chmod(0o600)
        for key in ("Kernel", "Initrd"):
            for path, text in ((secret, "Permission denied for user vmmanager-qemu"), (folder, "is not a regular file"),
                               (pathlib.Path("/dev/null"), "is not a regular file"),
                               (folder / "none", "No such file or directory")):
                with self.subTest(key=key, path=path.name):
                    self.assertError("InvalidConfig", f"^{key}: {path}.*{text}", self.manager.CreateDomain, "web1",
                                     guest(**{key: str(path)}), 0)
        self.assertEqual((self.manager.ListDomains(), self.scopes()), ([], []))

    def test_no_kvm(self):
        """KVM is refused where it does not work"""
        if self.manager.Features["KVM"]:
            self.skipTest("this machine has KVM")
        self.assertError("NotSupported", "Accelerator: this host has no usable KVM", self.manager.CreateDomain, "web1",
                         guest(Accelerator="kvm"), 0)


class TestHungMonitor(GuestCase):
    """QEMU is stopped by a signal: its monitor does not answer."""

    def test_pause(self):
        """a monitor that hangs costs a pause half a second and no more; when it is back, Resume lets the guest go on"""
        domain, console = self.boot("counter")
        console.expect(TICK)
        os.kill(domain.Leader, signal.SIGSTOP)
        with duration(0.4, 1.5):
            domain.Pause()
        self.assertFrozen(domain)
        console.silence(0.2)
        os.kill(domain.Leader, signal.SIGCONT)
        self.assertEqual(console.silence(0.3), "")
        domain.Resume()
        self.assertThawed(domain)
        console.expect(TICK)

    def test_resume(self):
        """Resume of a guest whose monitor hangs thaws it and says what it could not do"""
        domain = self.create("web1", guest(), 0)
        os.kill(domain.Leader, signal.SIGSTOP)
        with duration(0.4, 1.5):
            self.assertError("MonitorFailed", "QEMU did not answer 'cont' in time", domain.Resume)
        self.assertFalse(domain.cgroup.frozen)
        self.assertEqual(domain.State, "running")

    def test_destroy(self):
        """Destroy of it ends by SIGKILL; no question to the monitor delays that"""
        domain = self.create("web1", guest())
        os.kill(domain.Leader, signal.SIGSTOP)
        with duration(1.5, 3):
            domain.Destroy(0)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")

    def test_others_wait_not(self):
        """it does not delay the pause of another domain"""
        hung, other = self.create("web1", guest()), self.create("web2", guest())
        os.kill(hung.Leader, signal.SIGSTOP)
        pause = hung.begin("Pause")
        with duration(0, 0.4):
            other.Pause()
        self.assertFalse(pause.done())
        pause.result()


class TestEnd(GuestCase):
    def test_shutdown(self):
        """Shutdown presses the power button, also of a paused guest; it powers off, and the reason says so"""
        for pause in (False, True):
            with self.subTest(pause=pause):
                domain, console = self.boot()
                if pause:
                    domain.Pause()
                domain.Shutdown(0)
                console.expect("GUEST-POWERBUTTON")
                self.assertEqual(ending(self.signals, domain.path), ("guest-shutdown", {"ExitCode": 0}))
                self.assertFalse(has_crashed(self.signals, domain.path))

    def test_deaf(self):
        """a guest that ignores the power button runs on after Shutdown; the next step of a plan ends it"""
        domain, console = self.boot("deaf")
        domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON")
        self.assertThawed(domain)
        with duration(1, 3):
            domain.Stop([("guest", 1_000_000), ("SIGTERM", 5_000_000)], 0)
        console.expect("GUEST-POWERBUTTON")
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGTERM")
        self.assertEqual(stop_steps(self.signals, domain.path), ["guest", "SIGTERM"])

    def test_systemctl_stop(self):
        """systemctl stop of the scope asks the guest first, by the default plan, also when it is paused"""
        domain, console = self.boot()
        domain.Pause()
        subprocess.run(["systemctl", "stop", domain.Unit], check=True)
        console.expect("GUEST-POWERBUTTON")
        self.assertEqual(ending(self.signals, domain.path)[0], "shut down")
        self.assertEqual(stop_steps(self.signals, domain.path), ["guest"])

    def test_graceful(self):
        """QEMU obeys SIGTERM and exits with status 0: running, paused, and created but never run"""
        for flags, pause in ((START, False), (START, True), (0, False)):
            with self.subTest(flags=flags, pause=pause):
                domain = self.create("web1", guest(), flags)
                leader = domain.Leader
                if pause:
                    domain.Pause()
                with duration(0, 1.5):
                    domain.Destroy(GRACEFUL)
                self.assertEqual(ending(self.signals, domain.path), ("stopped by SIGTERM", {"ExitCode": 0}))
                self.assertFalse(process_exists(leader))

    def test_released(self):
        """a guest that was released runs on, and its console does not stall it although nobody owns it"""
        domain = self.create("web1", guest("flood,off"))
        domain.Release()
        self.assertEqual(self.manager.ListDomains(), [])
        self.assertEqual(self.bus.unit("vmm-web1.scope").SubState, "abandoned")
        wait_until(lambda: not self.scopes(), GUEST_TIMEOUT, "the end of the guest, which powers off", every=0.2)

    def test_force(self):
        """FORCE ends a paused one without a thaw"""
        domain = self.create("web1", guest(), 0)
        with duration(0, 1):
            domain.Destroy(FORCE)
        self.assertEqual(ending(self.signals, domain.path), ("stopped by SIGKILL", {"Signal": signal.SIGKILL}))

    def test_own_end(self):
        """a guest that powers off has not crashed, one that panics and a QEMU that is killed have; each says so"""
        for words, end, crashed in (("off", ("guest-shutdown", {"ExitCode": 0}), False),
                                    ("panic", ("guest-panic", {"ExitCode": 0}), True)):
            with self.subTest(words):
                domain = self.create("web1", guest(words))
                self.assertEqual(ending(self.signals, domain.path, GUEST_TIMEOUT), end)
                self.assertEqual(has_crashed(self.signals, domain.path), crashed)
        domain = self.create("web1", guest())
        os.kill(domain.Leader, signal.SIGKILL)
        self.assertEqual(ending(self.signals, domain.path), ("killed by SIGKILL", {"Signal": signal.SIGKILL}))
        self.assertTrue(has_crashed(self.signals, domain.path))

    def test_nothing_left(self):
        """nothing is left of them in the runtime folder"""
        domain = self.create("web1", guest(), 0)
        self.assertEqual(len(list(RUNTIME.iterdir())), 1)
        domain.Destroy(FORCE)
        self.assertNothingLeft()

    def test_while_starting(self):
        """a virtual machine is destroyed, or its creation canceled, while QEMU is starting"""
        for name, end, text in (
                ("new1", lambda domain: domain.Destroy(FORCE), "The create of 'new1' was ended: .* is being stopped"),
                ("new2", lambda domain: self.bus.object(domain.Job, f"{SERVICE}.Job").Cancel(),
                 "The create of 'new2' was canceled")):
            with self.subTest(text):
                create = self.manager.begin("CreateDomain", name, guest(), START)
                end(self.bus.domain(self.signals.wait("DomainAdded", name)[1]))
                self.assertError("Canceled", text, create.result)
                self.assertNothingLeft()
