# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pause and Resume: believed only when systemd and the kernel agree, bounded, undone when they fail, and true whatever
others do to the freezer."""

import signal
import subprocess
import time

from vmm import (COUNTER, CROWD, OBEDIENT, START, WRITER, Cgroup, TestCase, duration, hold_writers, need_speed,
                 shell, wait_held, wait_until)

TICK = r"tick (\d+)\n"


def freeze_by_hand(cgroup, frozen):
    """Past systemd, as a container runtime would."""
    (cgroup.path / "cgroup.freeze").write_text(str(int(frozen)))


class TestPause(TestCase):
    def test_witnesses(self):
        """paused means that the reply, systemd's FreezerState and cgroup.events say so, and that nothing of it runs"""
        domain = self.create("web1", shell(COUNTER))
        console = domain.console()
        console.expect(TICK)
        domain.Pause()
        self.assertFrozen(domain)
        self.assertEqual((domain.FreezerState, domain.PauseReasons), ("frozen", ["user"]))
        self.assertEqual(domain.StateReason, "paused on request")
        console.silence(0.2)
        self.assertEqual(console.silence(0.5), "")
        ticks = len(domain.GetConsoleLog(1000)) - 1
        domain.Resume()
        self.assertThawed(domain)
        self.assertEqual((domain.FreezerState, domain.PauseReasons), ("running", []))
        self.assertEqual(int(console.expect(TICK)[1]), ticks + 1)

    def test_idempotent(self):
        """Pause of a paused and Resume of a running domain succeed and change nothing"""
        domain = self.create("web1", shell(OBEDIENT))
        domain.Resume()
        self.assertThawed(domain)
        domain.Pause()
        since, jobs = domain.StateTimestamp, self.jobs()
        domain.Pause()
        self.assertFrozen(domain)
        self.assertEqual((domain.StateTimestamp, self.jobs()), (since, jobs))

    def jobs(self):
        return [arguments for name, _, arguments in self.signals.seen if name == "JobNew"]

    def test_same_verb_at_once(self):
        """three who pause at once wait for one job, and all succeed"""
        domain = self.create("web1", shell(CROWD))
        before = len(self.jobs())
        for call in [domain.begin("Pause") for _ in range(3)]:
            call.result()
        self.assertFrozen(domain)
        self.assertEqual(len(self.jobs()) - before, 1)

    def test_quick(self):
        """a pause is over as soon as the kernel says so: 50 pauses and resumes, each verified, in 5 s"""
        domain = self.create("web1", shell("(while :; do :; done) & echo ready; while :; do sleep 0.01; done"))
        with duration(0, 5):
            for _ in range(50):
                domain.Pause()
                self.assertTrue(domain.cgroup.frozen)
                domain.Resume()
                self.assertFalse(domain.cgroup.frozen)

    def test_stopped_tasks(self):
        """tasks that a signal has stopped are no obstacle, and stay stopped after the pause"""
        domain = self.create("web1", shell(COUNTER))
        domain.Kill("all", signal.SIGSTOP)
        domain.Pause()
        self.assertFrozen(domain)
        domain.Resume()
        self.assertThawed(domain)
        console = domain.console()
        console.drain()
        self.assertEqual(console.silence(0.3), "")
        domain.Kill("all", signal.SIGCONT)
        console.expect(TICK)

    @need_speed
    def test_many(self):
        """50 domains that are paused at once are all frozen, and resumed at once all run"""
        payload = shell("echo ready; while :; do sleep 1; done")
        calls = [self.manager.begin("CreateDomain", f"web{i}", payload, START) for i in range(50)]
        domains = [self.bus.domain(call.result()) for call in calls]
        for call in [domain.begin("Pause") for domain in domains]:
            call.result()
        for domain in domains:
            self.assertFrozen(domain)
        for call in [domain.begin("Resume") for domain in domains]:
            call.result()
        for domain in domains:
            self.assertThawed(domain)


class TestFreezeTimeout(TestCase):
    """With a task that cannot freeze, because it waits for a file system."""

    def setUp(self):
        super().setUp()
        self.let_go = hold_writers(self)
        self.domain = self.create("web1", shell(WRITER, PauseTimeoutUSec=500_000))
        wait_held(self.domain)
        self.console = self.domain.console()

    def assertRunsOn(self):
        self.assertThawed(self.domain)
        self.assertEqual((self.domain.cgroup.path / "cgroup.freeze").read_text(), "0\n")
        self.console.drain()
        self.console.expect(TICK)

    def begin_pause(self):
        """A pause that is under way in the kernel."""
        pause = self.domain.begin("Pause")
        wait_until(lambda: (self.domain.cgroup.path / "cgroup.freeze").read_text() == "1\n", every=0.01, what="the freeze")
        return pause

    def test_names_the_culprit(self):
        """a pause that does not succeed in its time says which task, its state and why; the domain runs on"""
        task = self.domain.Leader, "sh", "state D in percpu_rwsem_wait"
        with duration(0.5, 0.7):
            self.assertError("FreezeTimeout", r"^'web1' could not be frozen in 500 ms: PID %d \(%s\), %s$" % task,
                             self.domain.Pause)
        self.assertEqual((self.domain.PauseBlockers, self.domain.PauseReasons), ([task], []))
        self.assertEqual(self.domain.StateReason, "could not be paused")
        self.assertRunsOn()
        self.let_go()
        self.console.expect("written")
        self.domain.Pause()
        self.assertFrozen(self.domain)
        self.assertEqual(self.domain.PauseBlockers, [])

    def test_again_and_again(self):
        """each of five such pauses is answered in time and undone"""
        self.domain.set("PauseTimeoutUSec", 100_000)
        for _ in range(5):
            with duration(0.1, 0.3):
                self.assertError("FreezeTimeout", "percpu_rwsem_wait", self.domain.Pause)
            self.assertRunsOn()

    def test_ends_well(self):
        """a pause succeeds when the task can freeze after all"""
        self.domain.set("PauseTimeoutUSec", 10_000_000)
        pause = self.begin_pause()
        self.let_go()
        pause.result()
        self.assertFrozen(self.domain)

    def test_others_wait_not(self):
        """a pause that is stuck does not delay that of another domain, nor its creation"""
        self.domain.set("PauseTimeoutUSec", 3_000_000)
        pause = self.begin_pause()
        with duration(0, 1):
            other = self.create("web2", shell(OBEDIENT))
            other.Pause()
            self.assertFrozen(other)
        self.assertFalse(pause.done())
        self.let_go()
        pause.result()

    def test_busy(self):
        """while it is being paused, a job shows what is going on, and other verbs are refused by its name"""
        self.domain.set("PauseTimeoutUSec", 3_000_000)
        pause = self.begin_pause()
        job = self.bus.object(self.domain.Job, "org.example.VMManager1.Job")
        self.assertEqual((self.domain.State, job.Verb, job.Phase, job.Domain, job.Requestor),
                         ("pausing", "pause", "freezing", self.domain.path, 0))
        self.assertAlmostEqual(job.DeadlineUSec / 1e6, time.time() + 3, delta=1)
        for verb, arguments in (("Resume", ()), ("Shutdown", (0,)), ("Release", ())):
            self.assertError("Busy", rf"^Cannot {verb.lower()} 'web1': job {job.Id} \(pause\) is in progress$",
                             getattr(self.domain, verb), *arguments)
        self.let_go()
        pause.result()

    def test_cancel(self):
        """Cancel of the job undoes the pause"""
        self.domain.set("PauseTimeoutUSec", 10_000_000)
        pause = self.begin_pause()
        self.bus.object(self.domain.Job, "org.example.VMManager1.Job").Cancel()
        self.assertError("Canceled", "The pause of 'web1' was canceled", pause.result)
        self.assertRunsOn()

    def test_reload(self):
        """a daemon-reload in the middle, which makes systemd forget the freeze: the pause ends well all the same"""
        self.end_well_over("daemon-reload")

    def test_reexec(self):
        """so it does over a daemon-reexec"""
        self.end_well_over("daemon-reexec")

    def end_well_over(self, event):
        self.domain.set("PauseTimeoutUSec", 10_000_000)
        pause = self.begin_pause()
        subprocess.run(["systemctl", event], check=True)
        self.let_go()
        pause.result()
        self.assertFrozen(self.domain)
        self.domain.Resume()
        self.assertRunsOn()

    def test_reload_and_timeout(self):
        """a daemon-reload in the middle of one that does not succeed: it is undone all the same, and stays undone"""
        self.domain.set("PauseTimeoutUSec", 1_000_000)
        pause = self.begin_pause()
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        self.assertError("FreezeTimeout", "percpu_rwsem_wait", pause.result)
        self.assertRunsOn()
        self.let_go()
        self.console.expect("written")
        self.assertRunsOn()


class TestOthers(TestCase):
    """Somebody else works the freezer."""

    def setUp(self):
        super().setUp()
        self.domain = self.create("web1", shell(OBEDIENT))

    def wait(self, state, reason, pause_reasons, freezer_state):
        def seen():
            return self.domain.State, self.domain.StateReason, self.domain.PauseReasons, self.domain.FreezerState
        expected = state, reason, pause_reasons, freezer_state
        wait_until(lambda: seen() == expected, what=f"{expected}, but {seen()},")

    def test_systemctl(self):
        """systemctl freeze and thaw of the scope show in State, StateReason, PauseReasons and FreezerState"""
        subprocess.run(["systemctl", "freeze", self.domain.Unit], check=True)
        self.wait("paused", "frozen from outside", ["frozen"], "frozen")
        subprocess.run(["systemctl", "thaw", self.domain.Unit], check=True)
        self.wait("running", "thawed from outside", [], "running")

    def test_thaw_of_ours(self):
        """systemctl thaw of a domain that was paused on request shows, too"""
        self.domain.Pause()
        subprocess.run(["systemctl", "thaw", self.domain.Unit], check=True)
        self.wait("running", "thawed from outside", [], "running")

    def test_by_hand(self):
        """what is written to cgroup.freeze shows, although systemd does not know; Resume and Pause repair it"""
        freeze_by_hand(self.domain.cgroup, True)
        self.wait("paused", "frozen from outside", ["frozen"], "running")
        self.domain.Resume()
        self.assertThawed(self.domain)
        self.domain.Pause()
        freeze_by_hand(self.domain.cgroup, False)
        self.wait("running", "thawed from outside", [], "frozen")
        self.domain.Pause()
        self.assertFrozen(self.domain)

    def test_slice_by_hand(self):
        """a freeze of the slice by hand shows; Resume is refused and names the slice; the thaw shows"""
        slice_cgroup = Cgroup("/machine.slice")
        self.addCleanup(freeze_by_hand, slice_cgroup, False)
        freeze_by_hand(slice_cgroup, True)
        self.wait("paused", "frozen from outside", ["frozen"], "running")
        with duration(0, 1):
            self.assertError("SliceFrozen", "'web1'.* machine.slice", self.domain.Resume)
        self.assertEqual((self.domain.State, self.domain.PauseReasons), ("paused", ["frozen"]))
        freeze_by_hand(slice_cgroup, False)
        self.wait("running", "thawed from outside", [], "running")

    def test_slice_by_systemctl(self):
        """a freeze of the slice by systemctl pauses every domain in it, and Resume of one thaws no other"""
        other = self.create("web2", shell(OBEDIENT))
        self.addCleanup(subprocess.run, ["systemctl", "thaw", "machine.slice"])
        subprocess.run(["systemctl", "freeze", "machine.slice"], check=True)
        for domain in (self.domain, other):
            wait_until(lambda domain=domain: domain.State == "paused", what=f"the pause of {domain.path}")
        self.assertError("SliceFrozen", "'web1'.* machine.slice", self.domain.Resume)
        self.assertTrue(Cgroup("/machine.slice").frozen and other.cgroup.frozen)
        subprocess.run(["systemctl", "thaw", "machine.slice"], check=True)
        self.wait("running", "thawed from outside", [], "running")
        wait_until(lambda: other.State == "running")
