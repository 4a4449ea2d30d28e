# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the integration tests are written with: objects on the bus as Python objects, the kernel's and systemd's view of a
domain, payloads, consoles, an unprivileged user. Waits are for events and always bounded."""

import contextlib
import errno
import os
import pathlib
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

V = GLib.Variant
SERVICE, ROOT = "org.example.VMManager1", "/org/example/VMManager1"
SYSTEMD = "org.freedesktop.systemd1"
SOURCE = pathlib.Path(__file__).resolve().parents[2]
GUEST = pathlib.Path("/srv/guest")            # what tests/testbed/mkguest made
FREEZABLE = pathlib.Path("/srv/freezable")    # a file system for fsfreeze
READY = "GUEST-READY"                         # what the tiny guest says when it is
TIMEOUT = 15
GUEST_TIMEOUT = 90                            # a guest is ready in two seconds, on a busy machine in twenty

START, AUTODESTROY = 1, 2                                # CreateDomain
GRACEFUL, NOWAIT, FORCE, REMOVE_LOGS = 1, 2, 4, 8        # Destroy


# --- the bus ----------------------------------------------------------------------------------------------------------

class Error(Exception):
    """An error reply: its D-Bus name and its text."""

    def __init__(self, error):
        self.name = Gio.DBusError.get_remote_error(error) or f"{error.domain}:{error.code}"
        self.text = re.sub(r"^GDBus\.Error:[^:]+: ", "", error.message)
        super().__init__(f"{self.name}: {self.text}")


def wait_until(predicate, timeout=TIMEOUT, what="what was waited for", every=None):
    """Handles bus traffic until predicate() is true, and returns what it returned. It is asked again whenever something
    arrived, and each second, because a predicate that makes calls itself may miss a signal meanwhile; what no signal or
    reply announces is looked at `every` so many seconds."""
    expired = []
    timers = [GLib.timeout_add(int(timeout * 1000), lambda: expired.append(True) or True),
              GLib.timeout_add(int((every or 1) * 1000), lambda: True)]
    try:
        while not (result := predicate()):
            if expired:
                raise TimeoutError(f"{what} did not happen within {timeout} s")
            GLib.MainContext.default().iteration(True)
        return result
    finally:
        for timer in timers:
            GLib.source_remove(timer)


class Call:
    """A method call on its way. result() waits for the reply and returns it as a Python value, or raises Error."""

    def __init__(self, bus, destination, path, interface, method, parameters, fds=()):
        self.what, self.reply, self.error = f"a reply to {interface}.{method}", None, None
        fd_list = Gio.UnixFDList.new()
        for fd in fds:
            fd_list.append(fd)
        bus.connection.call_with_unix_fd_list(destination, path, interface, method, parameters, None,
                Gio.DBusCallFlags.NONE, 2**31 - 1, fd_list, None, self._finish)

    def _finish(self, connection, task):
        try:
            self.reply = connection.call_with_unix_fd_list_finish(task)
        except GLib.Error as error:
            self.error = Error(error)

    def done(self):
        return self.reply is not None or self.error is not None

    def result(self, timeout=TIMEOUT):
        wait_until(self.done, timeout, self.what)
        if self.error:
            raise self.error
        value, fd_list = self.reply
        if value.get_type_string() == "(h)":
            return fd_list.get(value.unpack()[0])
        value = value.unpack()
        return None if value == () else value[0] if len(value) == 1 else value


class Bus:
    """A connection of its own to the system bus, or the bus at this address, as root or as another user."""

    def __init__(self, user=None, address=None):
        address = address or Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM)
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        if user:
            os.seteuid(int(subprocess.check_output(["id", "-u", user])))
        try:
            self.connection = Gio.DBusConnection.new_for_address_sync(address, flags)
        finally:
            os.seteuid(0)
        self.name = self.connection.get_unique_name()

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync()

    def object(self, path, interface, destination=SERVICE):
        return Object(self, path, interface, destination)

    @property
    def manager(self):
        return self.object(ROOT, f"{SERVICE}.Manager")

    @property
    def systemd(self):
        return self.object("/org/freedesktop/systemd1", f"{SYSTEMD}.Manager", SYSTEMD)

    def domain(self, path):
        """A domain by its object path, or by its name."""
        return Domain(self, path if path.startswith("/") else f"{ROOT}/domain/{path}")

    def slice(self, name):
        """A slice that holds domains, by its name."""
        label = re.sub("[^A-Za-z0-9]", lambda match: f"_{ord(match[0]):02x}", name)
        return self.object(f"{ROOT}/slice/{label}", f"{SERVICE}.Slice")

    def objects(self):
        """Everything the manager has, path by path."""
        return Call(self, SERVICE, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", None).result()

    def unit(self, name, interface="Unit"):
        """A loaded unit; Error NoSuchUnit if it is not."""
        return self.object(self.systemd.GetUnit(name), f"{SYSTEMD}.{interface}", SYSTEMD)


class Object:
    """An object on the bus, seen through one interface as the service itself describes it: methods are functions,
    properties are attributes that are asked for afresh each time."""

    _interfaces = {}

    def __init__(self, bus, path, interface, destination=SERVICE):
        self.bus, self.path, self.interface, self.destination = bus, path, interface, destination

    def _call(self, interface, method, signature, *args):
        return Call(self.bus, self.destination, self.path, interface, method, V(signature, args)).result()

    def _info(self):
        if self.interface not in Object._interfaces:
            xml = self._call("org.freedesktop.DBus.Introspectable", "Introspect", "()")
            info = Gio.DBusNodeInfo.new_for_xml(xml).lookup_interface(self.interface)
            if info is None:
                raise AttributeError(f"{self.path} has no interface {self.interface}")
            Object._interfaces[self.interface] = info
        return Object._interfaces[self.interface]

    def begin(self, method, *args, fds=()):
        """Sends a call without waiting for its reply. An 'h' among the arguments is an index into fds."""
        info = self._info().lookup_method(method)
        signature = "(" + "".join(arg.signature for arg in info.in_args) + ")"
        return Call(self.bus, self.destination, self.path, self.interface, method, V(signature, args), fds)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if self._info().lookup_method(name):
            return lambda *args, timeout=TIMEOUT, fds=(): self.begin(name, *args, fds=fds).result(timeout)
        if self._info().lookup_property(name):
            return self._call("org.freedesktop.DBus.Properties", "Get", "(ss)", self.interface, name)
        raise AttributeError(f"{self.interface} has no member {name}")

    def set(self, name, value):
        """Writes a property."""
        variant = V(self._info().lookup_property(name).signature, value)
        self._call("org.freedesktop.DBus.Properties", "Set", "(ssv)", self.interface, name, variant)

    def all(self):
        """All properties of the interface."""
        return self._call("org.freedesktop.DBus.Properties", "GetAll", "(s)", self.interface)


class Signals:
    """The signals of a service from now on, as (member, path, arguments); of one object if a path is given."""

    def __init__(self, bus, path=None, sender=SERVICE):
        self.bus, self.seen = bus, []
        self._id = bus.connection.signal_subscribe(sender, None, None, path, None, Gio.DBusSignalFlags.NONE, self._add)

    def _add(self, connection, sender, path, interface, member, parameters):
        self.seen.append((member, path, parameters.unpack()))

    def find(self, member, *start):
        """The arguments of the first signal of that name whose first arguments are these, or None."""
        return next((args for name, _, args in self.seen if name == member and args[:len(start)] == start), None)

    def wait(self, member, *start, timeout=TIMEOUT):
        """Waits for find()."""
        wait_until(lambda: self.find(member, *start) is not None, timeout, f"signal {member} {start}")
        return self.find(member, *start)

    def close(self):
        self.bus.connection.signal_unsubscribe(self._id)


# --- the kernel's view ------------------------------------------------------------------------------------------------

class Cgroup:
    """A control group, as the kernel shows it."""

    GONE = {"populated": "0", "frozen": "0"}

    def __init__(self, path):
        self.path = pathlib.Path("/sys/fs/cgroup") / path.lstrip("/")

    @staticmethod
    def _parse(text):
        return dict(line.split() for line in text.splitlines())

    def events(self):
        """cgroup.events; a group that is gone has nobody in it."""
        try:
            return self._parse((self.path / "cgroup.events").read_text())
        except OSError:
            return self.GONE

    @property
    def frozen(self):
        return self.events()["frozen"] == "1"

    @property
    def populated(self):
        return self.events()["populated"] == "1"

    @property
    def pids(self):
        return [int(pid) for procs in self.path.rglob("cgroup.procs") for pid in procs.read_text().split()]

    def wait(self, timeout=TIMEOUT, **wanted):
        """Waits until cgroup.events says so: wait(frozen=1). The kernel announces each change of that file."""
        wanted = {key: str(int(value)) for key, value in wanted.items()}.items()
        deadline, poll = time.monotonic() + timeout, select.poll()
        try:
            with open(self.path / "cgroup.events", "rb", buffering=0) as file:
                poll.register(file, select.POLLPRI)
                while not wanted <= self._parse(os.pread(file.fileno(), 4096, 0).decode()).items():
                    if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
                        raise TimeoutError(f"{self.path} is not {dict(wanted)} after {timeout} s: {self.events()}")
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV) or not wanted <= self.GONE.items():
                raise


def process_exists(pid):
    """Whether it runs; a zombie does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# --- domains ----------------------------------------------------------------------------------------------------------

class Console:
    """A terminal's end of a console."""

    def __init__(self, fd):
        self.fd, self.text = fd, ""

    def _read(self, deadline):
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
            return None
        return os.read(self.fd, 65536).decode(errors="replace")

    def expect(self, pattern, timeout=TIMEOUT):
        """Reads until the pattern has come; returns the match and forgets what came up to it."""
        deadline = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text)):
            text = self._read(deadline)
            if not text:
                reason = "the console ended" if text == "" else f"nothing like it within {timeout} s"
                raise TimeoutError(f"no {pattern!r} on the console: {reason}; last: {self.text[-500:]!r}")
            self.text += text
        self.text = self.text[match.end():]
        return match

    def drain(self):
        """What has come so far."""
        return self.silence(0)

    def silence(self, seconds):
        """What comes within this time: to prove that nothing does."""
        deadline, text, self.text = time.monotonic() + seconds, self.text, ""
        while more := self._read(deadline):
            text += more
        return text

    def send(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.close(self.fd)


class Domain(Object):
    """A domain, with its witnesses beside it."""

    def __init__(self, bus, path):
        super().__init__(bus, path, f"{SERVICE}.Domain")
        self._signals = Signals(bus, path)

    @property
    def cgroup(self):
        return Cgroup(self.ControlGroup)

    @property
    def scope(self):
        """Its unit, as systemd shows it."""
        return self.bus.unit(self.Unit)

    def console(self):
        return Console(self.OpenConsole())

    def wait_state(self, *states, timeout=TIMEOUT):
        return wait_until(lambda: self.State in states, timeout, f"state {' or '.join(states)}")

    def witnesses(self):
        """What the manager, systemd and the kernel each say about its being frozen."""
        return self.State, self.scope.FreezerState, self.cgroup.frozen


# Payloads. Each says "ready" once its handlers are in place.
OBEDIENT = "echo ready; exec sleep infinity"
POLITE = "trap 'echo got TERM; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 1; done"
CROWD = "for i in $(seq 50); do sleep infinity & done; echo ready; wait"
COUNTER = "echo ready; i=0; while :; do echo tick $((i += 1)); sleep 0.1; done"

# The keys of a configuration that are no strings.
CONFIG_TYPES = {
    "Command": "as", "Environment": "as", "Delegate": "b", "Memory": "t", "MaxMemory": "t", "VCPUs": "u", "MaxVCPUs": "u",
    "PauseTimeoutUSec": "t", "StopPlan": "a(st)", "IOPorts": "a(qq)", "Networks": "aa{sv}",
}


def config(**keys):
    """A configuration as it goes over the wire; a value that is a variant already stays what it is."""
    return {key: value if isinstance(value, V) else V(CONFIG_TYPES.get(key, "s"), value) for key, value in keys.items()}


def shell(payload, **keys):
    """The configuration of a domain that runs this in a shell."""
    return config(Kind="process", Command=["/bin/sh", "-c", payload], **keys)


def guest(words="", **keys):
    """The configuration of the tiny guest; words are what guest-init understands, as "counter,deaf"."""
    extra = ("console=ttyS0 quiet loglevel=3 panic=-1 no_timer_check tsc=reliable mitigations=off cryptomgr.notests "
             f"random.trust_cpu=on guest={words}")
    return config(**{"Kind": "qemu", "Kernel": str(GUEST / "vmlinuz"), "Initrd": str(GUEST / "initrd"), "Extra": extra,
                     "Memory": 128 << 20, "Accelerator": "tcg", **keys})


def need_speed(test):
    """Skips a test that keeps the processor busy for long where QEMU makes the processor up."""
    emulated = "QEMU" in pathlib.Path("/proc/cpuinfo").read_text()
    return unittest.skipIf(emulated, "it would take minutes on an emulated processor")(test)


def need_controllers(*names):
    """Skips the test, or the tests of a file, where a controller of control groups is not there."""
    offered = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
    missing = [name for name in names if name not in offered]
    if missing:
        raise unittest.SkipTest(f"this bed lacks the controllers {', '.join(missing)}")


def need_guest():
    """Skips the test where there is no guest to run."""
    if not GUEST.is_dir():
        raise unittest.SkipTest("there is no guest in this bed")


# --- tests ------------------------------------------------------------------------------------------------------------

def as_tester(*command):
    """Runs a command as the unprivileged user."""
    return subprocess.run(["runuser", "-u", "tester", "--", *command], capture_output=True, text=True, timeout=TIMEOUT)


class TestCase(unittest.TestCase):
    """A test of the manager. It begins without domains, and when it ends its domains are ended and nothing may be left."""

    @classmethod
    def setUpClass(cls):
        cls.bus = Bus()
        cls.manager, cls.systemd = cls.bus.manager, cls.bus.systemd
        cls.systemd.Subscribe()
        cls.signals, cls.unit_signals = Signals(cls.bus), Signals(cls.bus, sender=SYSTEMD)

    @classmethod
    def tearDownClass(cls):
        cls.bus.close()

    def setUp(self):
        self._end_domains()
        self.addCleanup(self._end_domains)

    def create(self, name, configuration, flags=START, bus=None, ready=True):
        """Creates a domain. A payload that is started is waited for until it says that it is ready; guests are not."""
        bus = bus or self.bus
        if configuration["Kind"].unpack() == "qemu":
            need_guest()
        domain = bus.domain(bus.manager.CreateDomain(name, configuration, flags))
        if ready and flags & START and configuration["Kind"].unpack() == "process":
            console = domain.console()
            console.expect("ready")
            console.close()
        return domain

    def polkit_rule(self, body):
        """A polkit rule for the rest of the test; body is that of function(action, subject)."""
        rule = pathlib.Path("/etc/polkit-1/rules.d/00-test.rules")
        self._polkit_reads(lambda: self._write(rule, "polkit.addRule(function(action, subject) {%s});\n" % body))
        self.addCleanup(self._polkit_reads, rule.unlink)

    def assertError(self, name, text, function, *args, **kwargs):
        """The call must fail with this error, of the manager or of D-Bus, and this regular expression in its text."""
        with self.assertRaises(Error) as caught:
            function(*args, **kwargs)
        self.assertIn(caught.exception.name,
                      (f"{SERVICE}.Error.{name}", f"org.freedesktop.DBus.Error.{name}", f"{SYSTEMD}.{name}"))
        self.assertRegex(caught.exception.text, text)

    def assertFrozen(self, domain):
        """All three witnesses say so."""
        self.assertEqual(domain.witnesses(), ("paused", "frozen", True))

    def assertThawed(self, domain):
        self.assertEqual(domain.witnesses(), ("running", "running", False))

    def scopes(self):
        """The scopes of domains that systemd knows, dead or alive."""
        return [unit[0] for unit in self.systemd.ListUnitsByPatterns([], ["vmm-*.scope"])]

    def wait_gone(self, domain, unit):
        """Waits until the domain's object and its unit are gone."""
        wait_until(lambda: domain.path not in [entry[5] for entry in self.manager.ListDomains()], what="its end")
        wait_until(lambda: unit not in self.scopes(), what=f"the end of {unit}")

    @staticmethod
    def _write(path, text):
        """At once, so that nobody reads half of it."""
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(path)

    def _polkit_reads(self, change):
        """polkitd says when it has read its rules again."""
        authority = "org.freedesktop.PolicyKit1"
        signals = Signals(self.bus, sender=authority)
        Call(self.bus, authority, "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.DBus.Peer", "Ping",
             None).result()    # starts polkitd, and is answered when the bus knows what we listen to
        change()
        signals.wait("Changed")
        signals.close()

    def _end_domains(self):
        for *_, path in self.manager.ListDomains():
            with contextlib.suppress(Error):    # it may just have ended
                self.bus.domain(path).Destroy(FORCE)
        wait_until(lambda: not self.manager.ListDomains(), what="the end of every domain")
        wait_until(lambda: not self.scopes(), what="the end of every scope of a domain")


class AskedGuest(TestCase):
    """A test of guests that are asked through their shells."""

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

    def ask(self, console, command, pattern=".", timeout=GUEST_TIMEOUT):
        """What the guest's shell answers; its answer ends in the word that the echo of the command does not have."""
        console.send(f"{command}; echo said''so\n")
        text = console.expect(r"(?s)(.*)saidso", timeout)[1]
        self.assertRegex(text, pattern)
        return text

    def changes(self, domain, name):
        """The values of a property, as its changes were told."""
        return [changed[name] for _, changed, _ in told(self.signals, domain.path, "PropertiesChanged") if name in changed]


# What the manager asks of QEMU, and two threads that have nothing to do but when told "busy": where there is no QEMU, or no
# time for a guest.
STAND_IN = r"""#!/usr/bin/python3
import hashlib, json, os, signal, socket, sys, threading

def vcpu():
    while "busy" in sys.argv:
        hashlib.sha256(bytes(1 << 20))    # without Python's lock
    signal.pause()

def serve(connection):
    connection.sendall(b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}, "capabilities": []}}\r\n')
    for line in connection.makefile():
        call = json.loads(line)
        result = {}
        if call["execute"] == "query-cpus-fast":
            result = [{"cpu-index": i, "thread-id": thread.native_id} for i, thread in enumerate(threads)]
        connection.sendall(json.dumps({"return": result, "id": call.get("id")}).encode() + b"\r\n")

threads = [threading.Thread(target=vcpu, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
while True:
    serve(socket.socket(fileno=os.dup(3)).accept()[0])
"""


# --- what tests of verbs share ----------------------------------------------------------------------------------------

# One that writes to FREEZABLE, and one beside it that shows that the domain runs.
WRITER = ("(i=0; while :; do echo tick $((i += 1)); sleep 0.1; done) & "
          f"echo ready; echo >{FREEZABLE}/file; echo written; wait")


def told(signals, path, member):
    """The arguments of each signal of this name that the object has sent."""
    return [arguments for name, at, arguments in signals.seen if (name, at) == (member, path)]


def ending(signals, path, timeout=TIMEOUT):
    """Waits for the end of the domain at this path; returns the reason and what more is told of it."""
    def ends():
        return [arguments[2:] for arguments in told(signals, path, "StateChanged") if arguments[1] == "inactive"]
    return wait_until(ends, timeout, f"the end of {path}")[0]


def stop_steps(signals, path):
    """The steps that stops of the domain have taken."""
    return [step for step, _, _ in told(signals, path, "StopStep")]


def has_crashed(signals, path):
    """Whether it was told that the domain has crashed."""
    return any(changed.get("Crashed") for _, changed, _ in told(signals, path, "PropertiesChanged"))


def wait_nothing_left(test):
    """Waits until no domain is there and no scope of one."""
    wait_until(lambda: not test.manager.ListDomains(), what="the end of every domain")
    wait_until(lambda: not test.scopes(), what="the end of every scope")


@contextlib.contextmanager
def duration(at_least, at_most):
    """What is done within must take this many seconds."""
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    if not at_least <= took <= at_most:
        raise AssertionError(f"it took {took:.3f} s, not {at_least} to {at_most} s")


def make_folder(test):
    """A folder that everybody may write to, for the rest of the test."""
    folder = pathlib.Path(tempfile.mkdtemp(dir="/run"))
    test.addCleanup(shutil.rmtree, folder)
    folder.chmod(0o777)
    return folder


def hold_writers(test):
    """From now on whoever writes to FREEZABLE sleeps, and cannot be frozen; returns what lets them go."""
    if not FREEZABLE.is_dir():
        test.skipTest("this machine has no loop devices")

    def let_go():
        subprocess.run(["fsfreeze", "--unfreeze", FREEZABLE], stderr=subprocess.DEVNULL)
    test.addCleanup(let_go)
    subprocess.run(["fsfreeze", "--freeze", FREEZABLE], check=True)
    return let_go


def wait_held(domain):
    """Waits until the leader of a domain that runs WRITER is held."""
    wchan = pathlib.Path(f"/proc/{domain.Leader}/wchan")
    wait_until(lambda: wchan.read_text() == "percpu_rwsem_wait", what="that the writer is held", every=0.02)
