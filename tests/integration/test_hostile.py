# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMUs whose monitors hang, die, babble and lie: one costs its domain the monitor, and nobody else anything."""

import pathlib
import subprocess
import time

from vmm import FORCE, SERVICE, START, Call, Error, TestCase, V, config, duration, told, wait_until

# Looks like QEMU, and behaves as the word on the kernel's command line says.
HOSTILE = r"""#!/usr/bin/python3
import itertools, json, os, signal, socket, sys, threading

mood = sys.argv[sys.argv.index("-append") + 1]
connection = socket.socket(fileno=os.dup(3)).accept()[0]

def say(message):
    connection.sendall(json.dumps(message).encode() + b"\r\n")

def event(name, **data):
    say({"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 2}})

def flood():
    for n in itertools.count():
        event("BALLOON_CHANGE", actual=(n % 100) << 20)
        event("VSERPORT_CHANGE", id="agent", open=n % 2 == 0)
        event("DEVICE_DELETED", path="/machine/peripheral/x" + 1000 * "x")
        event("NOBODY_KNOWS_THIS", depth=[[[n]]])

def lie():
    for data in ({"reason": 5}, {"reason": []}, {"reason": None}, {"actual": "x"}, {"actual": -1}, {"actual": 1 << 62},
                 {"open": {}}, {"id": "agent", "open": "yes"}, {"device": 5, "path": []}, {"node-name": {}}, {}):
        for name in ("SHUTDOWN", "RESET", "STOP", "SUSPEND", "WAKEUP", "GUEST_PANICKED", "BALLOON_CHANGE", "VSERPORT_CHANGE",
                     "DEVICE_DELETED", "BLOCK_IO_ERROR", "MIGRATION", "%n%s"):
            event(name, **data)

def serve():
    if mood == "mute":
        signal.pause()
    say({"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": "%n%s"}, "capabilities": []}})
    commands = 0
    for line in connection.makefile():
        call, commands = json.loads(line), commands + 1
        if commands > 2 or mood in ("hang", "babble"):
            if mood == "hang":
                continue
            elif mood == "close":
                connection.shutdown(socket.SHUT_RDWR)
                signal.pause()
            elif mood == "babble":
                while True:
                    connection.sendall(65536 * b"x")
            elif mood == "flood":
                threading.Thread(target=flood, daemon=True).start()
            elif mood == "bytes":
                connection.sendall(b'{"event": "\xff\xfe", "data": {}}\r\n')
            elif mood == "deep":
                connection.sendall(b'{"return": ' + 100000 * b"[" + b"\r\n")
            elif mood == "huge":
                event("SHUTDOWN", reason=3000000 * "y")
                say({"error": {"class": "GenericError", "desc": 3000000 * "z"}, "id": call["id"]})
                continue
            elif mood == "ids":
                for number in (call["id"] + 1, call["id"] - 1, -1, 0, 1 << 60):
                    say({"return": {"status": "lies"}, "id": number})
                continue
            elif mood == "words":
                say({"error": {"class": "%n", "desc": "%n%s%1000000d\x1b[2J\u202e\r\n" + 500 * "w"}, "id": call["id"]})
                continue
            elif mood == "lies":
                lie()
                say({"return": [{"fdset-id": "x"}, 5], "id": call["id"]})
                continue
        say({"return": {}, "id": call["id"]})

try:
    serve()
except OSError:    # it was hung up on
    pass
signal.pause()
"""

PROGRAM, KERNEL = pathlib.Path("/run/hostile"), pathlib.Path("/run/kernel")
SETTINGS = pathlib.Path("/etc/vmmanager/vmmanagerd.conf.d/hostile.conf")


class TestHostile(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for file, text in ((PROGRAM, HOSTILE), (KERNEL, ""), (SETTINGS, f"[QEMU]\nBinary={PROGRAM}\n")):
            file.parent.mkdir(parents=True, exist_ok=True)
            cls.addClassCleanup(file.unlink)
            file.write_text(text)
            file.chmod(0o755)
        subprocess.run(["systemctl", "stop", "vmmanagerd.service"], check=True)    # the next call starts it

    @classmethod
    def tearDownClass(cls):
        subprocess.run(["systemctl", "stop", "vmmanagerd.service"], check=True)
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.good = self.bus.domain(self.make("good", "obedient").result())
        self.before = self.memory()

    def make(self, name, mood):
        keys = config(Kind="qemu", Kernel=str(KERNEL), Extra=mood, Accelerator="tcg", OnCrash="destroy")
        return self.manager.begin("CreateDomain", name, keys, START)

    def memory(self):
        """The daemon's resident memory, bytes."""
        pid = Call(self.bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                   "GetConnectionUnixProcessID", V("(s)", (SERVICE,))).result()
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) << 10

    def assertOthersFine(self):
        """Another domain is paused, resumed and looked at as if nothing had happened, and the daemon has not grown. What the
        address sanitizer keeps of what was freed counts, too."""
        for _ in range(3):
            with duration(0, 1):
                self.good.Pause()
            self.assertFrozen(self.good)
            with duration(0, 1):
                self.good.Resume()
            with duration(0, 0.5):
                self.assertEqual(self.good.State, "running")
        self.assertLess(self.memory() - self.before, 400 << 20)

    def assertClean(self, text):
        self.assertNotRegex(text, r"[\x00-\x1f\x7f\x80-\x9f\u202e]")
        self.assertLess(len(text), 1000)

    def assertEnds(self, path):
        """Whatever the monitor does, the domain is ended at once."""
        with duration(0, 2):
            self.bus.domain(path).Destroy(FORCE)

    def path_of(self, name):
        return next(entry[5] for entry in self.manager.ListDomains() if entry[0] == name)

    def warnings(self, path):
        return [text for text, in told(self.signals, path, "Warning")]

    def test_start(self):
        """one that never greets, or greets and answers nothing, keeps nobody waiting but who asked for it"""
        for mood in ("mute", "hang"):
            with self.subTest(mood):
                create = self.make("bad", mood)
                wait_until(lambda: len(self.manager.ListDomains()) == 2, what="the domain")
                self.assertOthersFine()
                self.assertFalse(create.done())
                self.assertEnds(self.path_of("bad"))
                self.assertError("Canceled", "'bad' was ended", create.result)

    def test_babble(self):
        """one that sends bytes without end is cut off, and its domain not created"""
        create = self.make("bad", "babble")
        self.assertOthersFine()
        self.assertError("MonitorFailed", "is lost", create.result, 30)
        self.assertOthersFine()

    def test_broken(self):
        """one that hangs up, or sends what is no text or has no end, costs the domain its monitor; it goes on"""
        for mood, text in (("close", "QEMU closed its monitor"), ("bytes", "something that is not QMP"),
                           ("deep", "something that is not QMP")):
            with self.subTest(mood):
                domain = self.bus.domain(self.make("bad", mood).result())
                with duration(0, 2):
                    domain.Pause()
                self.assertFrozen(domain)
                wait_until(lambda: any(text in warning for warning in self.warnings(domain.path)), what="a warning")
                for warning in self.warnings(domain.path):
                    self.assertClean(warning)
                self.assertError("MonitorFailed", "its monitor is lost", domain.Resume)
                self.assertThawed(domain)
                self.assertError("MonitorFailed", "its monitor is lost", domain.Screenshot)
                self.assertOthersFine()
                self.assertEnds(domain.path)

    def test_words(self):
        """what it says is shown harmlessly and in bounds, however long and whatever it holds"""
        for mood in ("words", "huge"):
            with self.subTest(mood):
                domain = self.bus.domain(self.make("bad", mood).result())
                with self.assertRaises(Error) as caught:
                    domain.Reset()
                self.assertEqual(caught.exception.name.rpartition(".")[2], "MonitorFailed")
                self.assertClean(caught.exception.text)
                self.assertClean(domain.StateReason)
                self.assertOthersFine()
                self.assertEnds(domain.path)

    def test_ids(self):
        """answers to questions that nobody asked are no answers"""
        domain = self.bus.domain(self.make("bad", "ids").result())
        reset = domain.begin("Reset")
        self.assertOthersFine()
        self.assertError("MonitorFailed", "did not answer 'set-action' in time", reset.result)
        with duration(0, 1.5):
            domain.Pause()
        self.assertFrozen(domain)
        self.assertEnds(domain.path)

    def test_lies(self):
        """events and answers of the wrong types end nothing and change nothing"""
        domain = self.bus.domain(self.make("bad", "lies").result())
        self.assertError("MonitorFailed", ".", domain.Screenshot)
        self.assertEqual(domain.MemoryActual, domain.Memory)
        self.assertClean(domain.StateReason)
        domain.GetStats()
        self.assertOthersFine()
        self.assertEnds(domain.path)

    def test_flood(self):
        """events at full speed are taken in turn: others are served, and the bus hears of five a second"""
        domain = self.bus.domain(self.make("bad", "flood").result())
        domain.begin("Reset")
        start, seen = time.monotonic(), len(told(self.signals, domain.path, "PropertiesChanged"))
        self.assertOthersFine()
        with duration(0, 2):
            domain.Pause()
        heard = len(told(self.signals, domain.path, "PropertiesChanged")) - seen
        self.assertLess(heard, 10 * (time.monotonic() - start) + 10)
        self.assertFrozen(domain)
        self.assertEnds(domain.path)
        wait_until(lambda: len(self.manager.ListDomains()) == 1, what="its end")
