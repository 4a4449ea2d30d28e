# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where versions of systemd differ in what the manager relies on: each is pinned to what it does."""

import os
import signal
import subprocess

from test_conformance import HANDLER, SCOPE, SILENCE, ConformanceCase
from vmm import OBEDIENT, SYSTEMD, Call, Error, Signals, TestCase, V, need_controllers, process_exists, shell, wait_until

OTHER, SLICE, MOUNT = "conformance-other.scope", "conformance.slice", "srv-conformance.mount"
IN_SLICE = {"Slice": V("s", SLICE)}
FREEZER_STATES, PIDFDS, NOT_APPLIED = 256, 255, 257    # the versions in which these things changed


class TestFrozenScope(ConformanceCase):
    def start_frozen(self):
        process = self.spawn(HANDLER)
        process.stdout.readline()
        self.start_scope(process)
        self.systemd.FreezeUnit(SCOPE)
        return process

    def test_stop(self):
        """StopUnit on a frozen scope: 252 thaws it and stops it, 257 ends the job as 'frozen' and does nothing"""
        process = self.start_frozen()
        result = self.job_result(self.systemd.StopUnit(SCOPE, "replace"))
        self.assertEqual(result, self.since(FREEZER_STATES, "frozen", "done"))
        if result == "frozen":
            self.assertEqual((process.poll(), self.cgroup().frozen), (None, True))
            self.systemd.ThawUnit(SCOPE)
            self.assertEqual(self.job_result(self.systemd.StopUnit(SCOPE, "replace")), "done")
        self.assertEqual(process.communicate(timeout=10), ("heard\n", None))

    def test_busy(self):
        """a second FreezeUnit during one that waits fails, and does not disturb it: Failed in 252, UnitBusy in 257"""
        let_go = self.hold()
        freeze = self.systemd.begin("FreezeUnit", SCOPE)
        with self.assertRaisesRegex(Error, self.since(FREEZER_STATES, "UnitBusy", "Failed: Previously requested")):
            self.systemd.FreezeUnit(SCOPE)
        let_go()
        freeze.result()

    def test_stop_while_freezing(self):
        """StopUnit while a freeze waits: 252 stops the scope, 257 ends the job as 'frozen' and does nothing"""
        let_go = self.hold()
        freeze = self.systemd.begin("FreezeUnit", SCOPE)
        job = self.systemd.StopUnit(SCOPE, "replace")
        if self.since(FREEZER_STATES, True, False):
            self.assertEqual(self.job_result(job), "frozen")
            self.assertFalse(freeze.done())
            let_go()
            freeze.result()
        else:
            let_go()
            self.assertEqual(self.job_result(job), "done")
            self.wait_collected()

    def test_state_is_told(self):
        """FreezerState is among the properties that are told as they change since 256, and never before"""
        self.start_scope(self.spawn())
        signals = Signals(self.bus, self.bus.unit(SCOPE).path, sender=SYSTEMD)
        self.systemd.FreezeUnit(SCOPE)
        self.systemd.ThawUnit(SCOPE)
        told = [changed["FreezerState"] for name, _, (*_, changed, _) in signals.seen
                if name == "PropertiesChanged" and "FreezerState" in changed]
        expected = self.since(FREEZER_STATES, ["frozen", "running"], [])
        self.assertEqual([state for state in told if state in ("frozen", "running")], expected)

    def test_limits(self):
        """limits of a frozen scope: 252 sets them at once; 257 shows them, and sets them with the next after the thaw"""
        need_controllers("pids")
        self.start_scope(self.spawn(), TasksMax=V("t", 100))
        self.systemd.FreezeUnit(SCOPE)
        self.systemd.SetUnitProperties(SCOPE, True, [("TasksMax", V("t", 50))])
        def limits():
            return self.bus.unit(SCOPE, "Scope").TasksMax, (self.cgroup().path / "pids.max").read_text()
        self.assertEqual(limits(), (50, self.since(NOT_APPLIED, "100\n", "50\n")))
        self.systemd.ThawUnit(SCOPE)
        self.assertEqual(limits(), (50, self.since(NOT_APPLIED, "100\n", "50\n")))
        self.systemd.SetUnitProperties(SCOPE, True, [("TasksMax", V("t", 50))])
        self.assertEqual(limits(), (50, "50\n"))


class TestDevices(ConformanceCase):
    """A scope that may read /dev/zero and no other device."""
    GIVEN = {"DevicePolicy": V("s", "strict"), "DeviceAllow": V("a(ss)", [("/dev/char/1:5", "r")])}

    def set(self, **properties):
        self.systemd.SetUnitProperties(SCOPE, True, list(properties.items()))
        self.assertEqual(self.bus.unit(SCOPE, "Scope").DeviceAllow, [])    # and what it replies last, it has done

    def opens(self, node):
        """Whether a process of the scope can open it."""
        procs = self.cgroup().path / "cgroup.procs"
        return subprocess.run(["/bin/sh", "-c", f"exec 3<{node}"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: procs.write_text(str(os.getpid()))).returncode == 0

    def test_frozen(self):
        """devices of a frozen scope: 252 takes them away at once; 257 with the next setting after the thaw"""
        self.start_scope(self.spawn(), **self.GIVEN)
        self.assertEqual((self.opens("/dev/zero"), self.opens("/dev/full")), (True, False))
        self.systemd.FreezeUnit(SCOPE)
        self.set(DeviceAllow=V("a(ss)", []))
        self.systemd.ThawUnit(SCOPE)
        self.assertIs(self.opens("/dev/zero"), self.since(NOT_APPLIED, True, False))
        self.set(DeviceAllow=V("a(ss)", []))
        self.assertFalse(self.opens("/dev/zero"))

    def test_filter_stays(self):
        """a scope alone in its slice that asks for no filter any more keeps the one that it has"""
        self.start_scope(self.spawn(), **IN_SLICE, **self.GIVEN)
        self.set(DevicePolicy=V("s", "auto"), DeviceAllow=V("a(ss)", []))
        self.assertEqual((self.opens("/dev/zero"), self.opens("/dev/full")), (True, False))


class TestSlice(ConformanceCase):
    """A slice with a scope in it that was frozen on its own, and one that was not."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.remove_slice)
        self.start_scope(self.spawn(), **IN_SLICE)
        self.start_scope(self.spawn(), unit=OTHER, **IN_SLICE)
        self.systemd.FreezeUnit(OTHER)

    def remove_slice(self):
        for remove in (lambda: self.systemd.ThawUnit(SLICE), lambda: self.systemd.KillUnit(OTHER, "all", signal.SIGKILL),
                       lambda: self.systemd.StopUnit(SLICE, "replace")):
            try:
                remove()
            except Error:
                pass    # gone already
        wait_until(lambda: self.systemd.ListUnitsByNames([SLICE])[0][3] == "inactive", what=f"the end of {SLICE}")

    def states(self):
        """FreezerState of the slice and its scopes, once the kernel has told of each: a slice's reply waits for itself."""
        def read():
            states = [self.bus.unit(unit).FreezerState for unit in (SLICE, SCOPE, OTHER)]
            return None if {"freezing", "thawing"} & set(states) else states
        return wait_until(read, every=0.02, what="the end of freezing and thawing")

    def frozen(self):
        return [self.cgroup(unit).frozen for unit in (SCOPE, OTHER)]

    def test_freeze_and_thaw(self):
        """thawing a slice thaws its scopes, in 252 also one that was frozen on its own"""
        self.systemd.FreezeUnit(SLICE)
        self.assertEqual(self.states(), ["frozen", self.since(FREEZER_STATES, "frozen-by-parent", "frozen"), "frozen"])
        self.assertEqual(self.frozen(), [True, True])
        self.systemd.ThawUnit(SLICE)
        self.assertEqual(self.states(), ["running", "running", self.since(FREEZER_STATES, "frozen", "running")])
        self.assertEqual(self.frozen(), [False, self.since(FREEZER_STATES, True, False)])

    def test_thaw_child(self):
        """thawing one scope of a frozen slice thaws the slice in 252, and fails with FrozenByParent in 257"""
        self.systemd.FreezeUnit(SLICE)
        if self.since(FREEZER_STATES, True, False):
            with self.assertRaisesRegex(Error, "FrozenByParent"):
                self.systemd.ThawUnit(SCOPE)
            self.systemd.ThawUnit(OTHER)
            self.assertEqual(self.states(), ["frozen", "frozen-by-parent", "frozen-by-parent"])
        else:
            self.systemd.ThawUnit(SCOPE)
            self.assertEqual(self.states(), ["running", "running", "frozen"])
            self.assertEqual(self.frozen(), [False, True])

    def test_new_scope(self):
        """a new scope in a frozen slice: 252 says that it runs, 257 ends the job as 'frozen' and moves nobody"""
        self.systemd.KillUnit(SCOPE, "all", signal.SIGKILL)
        self.wait_collected()
        self.systemd.FreezeUnit(SLICE)
        process = self.spawn()
        self.assertEqual(self.start_scope(process, **IN_SLICE), self.since(FREEZER_STATES, "frozen", "done"))
        if self.since(FREEZER_STATES, True, False):
            self.assertTrue(process_exists(process.pid))
            self.assertFalse(self.loaded())
        else:
            self.assertEqual((self.bus.unit(SCOPE).FreezerState, self.cgroup().frozen), ("running", True))

    def test_mount(self):
        """a slice with a mount in it cannot be frozen: 252 says that it is and freezes nothing, 257 says NotSupported"""
        self.systemd.ThawUnit(OTHER)
        os.mkdir("/srv/conformance")
        self.addCleanup(os.rmdir, "/srv/conformance")
        self.addCleanup(lambda: self.job_result(self.systemd.StopUnit(MOUNT, "replace")))
        properties = [("What", V("s", "tmpfs")), ("Where", V("s", "/srv/conformance")), ("Type", V("s", "tmpfs")),
                      *IN_SLICE.items()]
        self.assertEqual(self.job_result(self.systemd.StartTransientUnit(MOUNT, "fail", properties, [])), "done")
        if self.since(FREEZER_STATES, True, False):
            with self.assertRaisesRegex(Error, "NotSupported"):
                self.systemd.FreezeUnit(SLICE)
        else:
            self.systemd.FreezeUnit(SLICE)
        self.assertEqual(self.frozen(), [False, False])


class TestProcesses(ConformanceCase):
    def start(self, key, signature, *handles, fds=()):
        properties = [(key, V(signature, handles))]
        return Call(self.bus, SYSTEMD, "/org/freedesktop/systemd1", f"{SYSTEMD}.Manager", "StartTransientUnit",
                    V("(ssa(sv)a(sa(sv)))", (SCOPE, "fail", properties, [])), fds).result()

    def test_pidfds(self):
        """a scope takes PIDFDs since 255; before, PropertyReadOnly tells that it does not"""
        process = self.spawn()
        pidfd = os.pidfd_open(process.pid)
        self.addCleanup(os.close, pidfd)
        if self.since(PIDFDS, True, False):
            self.assertEqual(self.job_result(self.start("PIDFDs", "ah", 0, fds=[pidfd])), "done")
            self.assertEqual(self.cgroup().pids, [process.pid])
        else:
            with self.assertRaisesRegex(Error, "PropertyReadOnly"):
                self.start("PIDFDs", "ah", 0, fds=[pidfd])
            self.assertFalse(self.loaded())

    def test_pidfd_of_the_dead(self):
        """a pidfd of a process that is gone is refused, and leaves no scope"""
        process = self.spawn("exit 0")
        pidfd = os.pidfd_open(process.pid)
        self.addCleanup(os.close, pidfd)
        process.wait()
        with self.assertRaisesRegex(Error, self.since(PIDFDS, "UnixProcessIdUnknown|NoSuchProcess", "PropertyReadOnly")):
            self.start("PIDFDs", "ah", 0, fds=[pidfd])
        self.assertFalse(self.loaded())


class TestManager(TestCase):
    def test_features(self):
        """Features says what systemd offers, and whether new scopes are given pidfds"""
        self.create("web1", shell(OBEDIENT))
        version, features = self.systemd.Version, self.manager.Features
        takes_pidfds = int(version.partition(".")[0]) >= PIDFDS
        self.assertEqual((features["SystemdVersion"], features["ScopePIDFDs"]), (version, takes_pidfds))


class TestMemory(ConformanceCase):
    """A process that uses up the memory of its scope, and one beside it."""

    HOG = "read go; tail /dev/zero"

    def setUp(self):
        super().setUp()
        need_controllers("memory")

    def run_out(self, policy):
        """Returns the last that systemd told of the Result, and whether the other process runs on."""
        bystander, hog = self.spawn(), self.spawn(self.HOG)
        self.start_scope(hog, bystander, MemoryMax=V("t", 32 << 20), OOMPolicy=V("s", policy))
        events = self.cgroup().path / "memory.events"
        print("go", file=hog.stdin, flush=True)
        if policy == "continue":
            wait_until(lambda: "\noom_kill 1\n" in events.read_text(), every=0.05, what="the kernel's kill")
            self.assertStays(bystander)
            return self.bus.unit(SCOPE, "Scope").Result, True
        bystander.wait(10)
        wait_until(lambda: self.bus.unit(SCOPE).ActiveState == "failed")
        return self.bus.unit(SCOPE, "Scope").Result, False

    def test_policies(self):
        """out of memory: OOMPolicy stop and kill end the scope with Result oom-kill, continue does not"""
        self.assertEqual(self.run_out("continue"), ("success", True))
        self.remove_scope()
        for policy in ("stop", "kill"):
            with self.subTest(policy):
                self.assertEqual(self.run_out(policy), ("oom-kill", False))
                self.remove_scope()
