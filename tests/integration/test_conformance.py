# SPDX-License-Identifier: LGPL-2.1-or-later
"""How systemd and the kernel really behave, where the manager relies on it. When one of these fails, systemd or the kernel
has changed, and what leans on it must be looked at."""

import os
import pathlib
import signal
import subprocess
import unittest

from vmm import FREEZABLE, SYSTEMD, Bus, Cgroup, Error, Signals, V, process_exists, wait_until

SCOPE = "conformance.scope"
DEFAULT_ACTION = "exec sleep infinity"
HANDLER = "trap 'echo heard; exit 0' TERM; echo ready; while :; do read -r line; done"
SILENCE = 0.3    # seconds in which something must not happen


class ConformanceCase(unittest.TestCase):
    def setUp(self):
        self.bus = Bus()
        self.addCleanup(self.bus.close)
        self.systemd = self.bus.systemd
        self.version = int(self.systemd.Version.partition(".")[0])
        self.systemd.Subscribe()
        self.signals = Signals(self.bus, sender=SYSTEMD)
        self.addCleanup(self.remove_scope)

    def since(self, version, new, old):
        """What systemd does from this version on, and what it did before."""
        return new if self.version >= version else old

    def spawn(self, payload=DEFAULT_ACTION):
        process = subprocess.Popen(["/bin/sh", "-c", payload], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def start_scope(self, *processes, unit=SCOPE, **properties):
        """Moves the processes into a new scope; returns the result of the job."""
        given = [("PIDs", V("au", [process.pid for process in processes])), *properties.items()]
        return self.job_result(self.systemd.StartTransientUnit(unit, "fail", given, []))

    def job_result(self, job):
        return wait_until(lambda: next((args[3] for name, _, args in self.signals.seen
                                        if name == "JobRemoved" and args[1] == job), None))

    def cgroup(self, unit=SCOPE):
        return Cgroup(self.bus.unit(unit, "Scope").ControlGroup)

    def loaded(self):
        return self.systemd.ListUnitsByNames([SCOPE])[0][2] != "not-found"

    def wait_collected(self):
        wait_until(lambda: not self.loaded(), what=f"the end of {SCOPE}")

    def remove_scope(self):
        for remove in (lambda: self.systemd.ThawUnit(SCOPE), lambda: self.systemd.KillUnit(SCOPE, "all", signal.SIGKILL),
                       lambda: self.systemd.StopUnit(SCOPE, "replace"), lambda: self.systemd.ResetFailedUnit(SCOPE)):
            try:
                remove()
            except Error:
                pass    # gone already, or nothing to do
        self.wait_collected()

    def assertStays(self, process):
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(SILENCE)

    def hold(self):
        """Puts a process that will not freeze into a scope; returns what lets go of it."""
        if not FREEZABLE.is_dir():
            self.skipTest("this machine has no loop devices")
        let_go = ["fsfreeze", "--unfreeze", FREEZABLE]
        process = self.spawn(f"read line; echo >{FREEZABLE}/file; {DEFAULT_ACTION}")
        self.addCleanup(subprocess.run, let_go, stderr=subprocess.DEVNULL)
        self.start_scope(process)
        subprocess.run(["fsfreeze", "--freeze", FREEZABLE], check=True)
        process.stdin.write("\n")
        process.stdin.flush()
        wchan = pathlib.Path(f"/proc/{process.pid}/wchan")
        wait_until(lambda: wchan.read_text() == "percpu_rwsem_wait", every=0.02)
        return lambda: subprocess.run(let_go, check=True)


class TestConformance(ConformanceCase):
    # the freezer

    def test_freeze_is_idempotent(self):
        """FreezeUnit and ThawUnit succeed when there is nothing to do"""
        self.start_scope(self.spawn())
        for verb, frozen in (("ThawUnit", False), ("FreezeUnit", True), ("FreezeUnit", True), ("ThawUnit", False)):
            self.systemd.begin(verb, SCOPE).result()
            self.assertIs(self.cgroup().frozen, frozen)

    def test_freeze_reply(self):
        """the reply of FreezeUnit means that the kernel says frozen, the reply of ThawUnit that it does not"""
        self.start_scope(self.spawn("while :; do :; done"), self.spawn("while :; do sleep 0; done"))
        cgroup = self.cgroup()
        for _ in range(50):
            self.systemd.FreezeUnit(SCOPE)
            self.assertEqual((cgroup.frozen, self.bus.unit(SCOPE).FreezerState), (True, "frozen"))
            self.systemd.ThawUnit(SCOPE)
            self.assertEqual((cgroup.frozen, self.bus.unit(SCOPE).FreezerState), (False, "running"))

    def test_freezer_state_is_a_memory(self):
        """FreezerState does not follow what is done behind systemd's back, and ThawUnit repairs it"""
        self.start_scope(self.spawn())
        cgroup = self.cgroup()
        (cgroup.path / "cgroup.freeze").write_text("1")
        cgroup.wait(frozen=1)
        self.assertEqual(self.bus.unit(SCOPE).FreezerState, "running")
        self.systemd.ThawUnit(SCOPE)
        self.assertIs(cgroup.frozen, False)

    def test_term_on_frozen_with_handler(self):
        """SIGTERM to a frozen process with a handler waits for the thaw"""
        process = self.spawn(HANDLER)
        process.stdout.readline()
        self.start_scope(process)
        self.systemd.FreezeUnit(SCOPE)
        self.systemd.KillUnit(SCOPE, "all", signal.SIGTERM)
        self.assertStays(process)
        self.systemd.ThawUnit(SCOPE)
        self.assertEqual(process.communicate(timeout=10), ("heard\n", None))

    def test_term_on_frozen_without_handler(self):
        """SIGTERM to a frozen process without a handler ends it at once"""
        process = self.spawn()
        self.start_scope(process)
        self.systemd.FreezeUnit(SCOPE)
        self.systemd.KillUnit(SCOPE, "all", signal.SIGTERM)
        self.assertEqual(process.wait(10), -signal.SIGTERM)

    def test_kill_on_frozen(self):
        """SIGKILL ends what is frozen, the scope is collected, and a new one of its name is not frozen"""
        process = self.spawn(HANDLER)
        self.start_scope(process)
        self.systemd.FreezeUnit(SCOPE)
        self.systemd.KillUnit(SCOPE, "all", signal.SIGKILL)
        self.assertEqual(process.wait(10), -signal.SIGKILL)
        self.wait_collected()
        self.assertEqual(self.start_scope(self.spawn()), "done")
        self.assertEqual((self.cgroup().frozen, self.bus.unit(SCOPE).FreezerState), (False, "running"))

    def test_freeze_waits(self):
        """FreezeUnit is not answered while a task cannot freeze, and is answered when it can"""
        let_go = self.hold()
        freeze = self.systemd.begin("FreezeUnit", SCOPE)
        with self.assertRaises(TimeoutError):
            freeze.result(SILENCE)
        self.assertEqual((self.cgroup().frozen, self.bus.unit(SCOPE).FreezerState), (False, "freezing"))
        let_go()
        freeze.result()
        self.assertIs(self.cgroup().frozen, True)

    def test_thaw_overtakes(self):
        """ThawUnit during a freeze that does not end succeeds at once, and FreezeUnit fails with FreezeCancelled"""
        self.hold()
        freeze = self.systemd.begin("FreezeUnit", SCOPE)
        self.systemd.ThawUnit(SCOPE)
        self.assertEqual((self.cgroup().path / "cgroup.freeze").read_text(), "0\n")
        with self.assertRaisesRegex(Error, "FreezeCancelled"):
            freeze.result()

    def test_reload_forgets(self):
        """a reload during a freeze loses it: no reply, FreezerState running, and the kernel freezes all the same"""
        let_go = self.hold()
        freeze = self.systemd.begin("FreezeUnit", SCOPE)
        with self.assertRaises(TimeoutError):
            freeze.result(SILENCE)
        self.systemd.Reload()
        cgroup = self.cgroup()
        let_go()
        cgroup.wait(frozen=1)
        self.assertEqual(self.bus.unit(SCOPE).FreezerState, "running")
        self.assertFalse(freeze.done())

    # scopes

    def test_only_listed_processes_move(self):
        """only the processes that are listed move into a scope, not their children"""
        process = self.spawn("sleep infinity & echo $!; wait")
        child = int(process.stdout.readline())
        self.addCleanup(os.kill, child, signal.SIGKILL)
        self.start_scope(process)
        self.assertEqual(self.cgroup().pids, [process.pid])

    def test_zombie(self):
        """a scope made of a zombie is running and empty"""
        process = self.spawn("exit 0")
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual(self.start_scope(process), "done")
        self.assertEqual((self.bus.unit(SCOPE).SubState, self.cgroup().populated), ("running", False))

    def test_no_such_process(self):
        """a scope made of a process that is gone is refused"""
        process = self.spawn("exit 0")
        process.wait()
        with self.assertRaisesRegex(Error, "UnixProcessIdUnknown"):
            self.start_scope(process)
        self.assertFalse(self.loaded())

    def test_empty_scope_is_collected(self):
        """a scope is gone when its last process has ended, without an exit status"""
        process = self.spawn("read line; exit 7")
        self.start_scope(process)
        process.communicate("\n")
        self.wait_collected()

    def test_name_of_failed_scope(self):
        """the name of a failed scope is taken until ResetFailedUnit"""
        self.start_scope(self.spawn(), RuntimeMaxUSec=V("t", 1))
        wait_until(lambda: self.bus.unit(SCOPE).ActiveState == "failed")
        with self.assertRaisesRegex(Error, "UnitExists"):
            self.start_scope(self.spawn())
        self.systemd.ResetFailedUnit(SCOPE)
        self.assertEqual(self.start_scope(self.spawn()), "done")

    def test_collect_mode(self):
        """a failed scope with CollectMode=inactive-or-failed leaves its name free"""
        self.start_scope(self.spawn(), RuntimeMaxUSec=V("t", 1), CollectMode=V("s", "inactive-or-failed"))
        self.wait_collected()

    def test_gone_unit(self):
        """a unit that is gone: verbs fail with NoSuchUnit, but its properties can be read and look like success"""
        for verb, *arguments in (("FreezeUnit",), ("ThawUnit",), ("KillUnit", "all", signal.SIGTERM), ("GetUnit",)):
            with self.assertRaisesRegex(Error, "NoSuchUnit"):
                self.systemd.begin(verb, SCOPE, *arguments).result()
        gone = self.bus.object("/org/freedesktop/systemd1/unit/conformance_2escope", f"{SYSTEMD}.Scope", SYSTEMD)
        self.assertEqual(gone.Result, "success")

    # threaded groups

    def start_threaded(self):
        """A scope whose one process has its thread in a group of its own; it takes its time to end."""
        process = self.spawn("trap 'sleep 0.3; echo heard; exit 0' TERM; echo ready; while :; do sleep 0.02; done")
        process.stdout.readline()
        self.start_scope(process, Delegate=V("b", True))
        group = self.cgroup().path / "thread"
        group.mkdir()
        (group / "cgroup.type").write_text("threaded")
        (group / "cgroup.procs").write_text(str(process.pid))
        return process

    def test_kill_threaded(self):
        """KillUnit signals the processes of threaded groups, and says then that it is not supported"""
        process = self.start_threaded()
        with self.assertRaisesRegex(Error, "NotSupported"):
            self.systemd.KillUnit(SCOPE, "all", signal.SIGTERM)
        self.assertEqual(process.communicate(timeout=10), ("heard\n", None))

    def test_stop_threaded(self):
        """StopUnit of a scope with threaded groups sends SIGKILL right after SIGTERM"""
        process = self.start_threaded()
        self.systemd.StopUnit(SCOPE, "replace")
        self.assertEqual((process.wait(10), process.stdout.read()), (-signal.SIGKILL, ""))

    def test_attach_threaded(self):
        """beside a threaded group the scope itself takes processes, and a plain group does not"""
        self.start_threaded()
        process = self.spawn()
        cgroup = self.cgroup()
        (cgroup.path / "plain").mkdir()
        with self.assertRaisesRegex(Error, "Structure needs cleaning"):
            self.systemd.AttachProcessesToUnit(SCOPE, "/plain", [process.pid])
        self.systemd.AttachProcessesToUnit(SCOPE, "/", [process.pid])
        self.assertIn(process.pid, [int(pid) for pid in (cgroup.path / "cgroup.procs").read_text().split()])

    def test_reload_threaded(self):
        """a reload leaves the groups of a delegated scope as they are"""
        process = self.start_threaded()
        self.systemd.Reload()
        self.assertTrue(pathlib.Path(f"/proc/{process.pid}/cgroup").read_text().endswith(f"/{SCOPE}/thread\n"))
        self.assertEqual((self.cgroup().path / "thread/cgroup.type").read_text(), "threaded\n")

    # the controller of a scope

    def start_controlled(self):
        controller = Bus()
        self.addCleanup(controller.close)
        signals = Signals(controller, sender=SYSTEMD)
        process = self.spawn(HANDLER)
        process.stdout.readline()
        self.start_scope(process, Controller=V("s", controller.name), TimeoutStopUSec=V("t", 500_000))
        return controller, signals, process

    def test_controller(self):
        """StopUnit asks the controller of a scope, and nobody else; the processes get no SIGTERM, and at the timeout SIGKILL"""
        controller, signals, process = self.start_controlled()
        self.systemd.StopUnit(SCOPE, "replace")
        signals.wait("RequestStop")
        self.assertEqual(process.wait(10), -signal.SIGKILL)
        self.assertEqual(process.stdout.read(), "")
        self.assertIsNone(self.signals.find("RequestStop"))

    def test_controller_leaves(self):
        """when the controller has left the bus, StopUnit sends SIGTERM, and there cannot be another"""
        controller, signals, process = self.start_controlled()
        controller.close()
        wait_until(lambda: self.bus.unit(SCOPE, "Scope").Controller == "")
        with self.assertRaisesRegex(Error, "PropertyReadOnly"):
            self.systemd.SetUnitProperties(SCOPE, True, [("Controller", V("s", self.bus.name))])
        self.systemd.StopUnit(SCOPE, "replace")
        self.assertEqual(process.communicate(timeout=10), ("heard\n", None))
