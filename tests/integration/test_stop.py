# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ends: Destroy with each flag, Stop with a plan, systemd's own stop and kill, payloads that end by themselves; what is
left is nothing, and the name is free."""

import contextlib
import pathlib
import re
import signal
import subprocess
import threading
import time

from vmm import (CROWD, FORCE, GRACEFUL, NOWAIT, OBEDIENT, POLITE, START, STUBBORN, WRITER, Cgroup, Error, TestCase, V,
                 config, duration, ending, hold_writers, need_speed, process_exists, shell, stop_steps, wait_held,
                 wait_nothing_left, wait_until)

# A payload that TERM does not end, but that tells what it hears, and its children.
NOISY = "for s in INT TERM USR1 USR2; do trap \"echo got $s\" $s; done; echo ready; while :; do sleep 0.05; done"


class StopCase(TestCase):
    def assertGone(self, domain, pids=()):
        """Nothing of it is there any more."""
        self.assertNotIn(domain.path, [entry[5] for entry in self.manager.ListDomains()])
        for pid in pids:
            self.assertFalse(process_exists(pid), pid)
        wait_nothing_left(self)

    def got(self):
        """What NOISY has told of the signals it got."""
        return [line for line in self.manager.GetConsoleLog("web1", 9) if "got" in line]


class TestDestroy(StopCase):
    def assertEnds(self, payload, flags, at_least, at_most, reason, pause=False):
        domain = self.create("web1", shell(payload))
        pids = domain.cgroup.pids
        if pause:
            domain.Pause()
        with duration(at_least, at_most):
            domain.Destroy(flags)
        self.assertEqual(ending(self.signals, domain.path)[0], reason)
        self.assertGone(domain, pids)
        return domain

    def test_obedient(self):
        """what obeys SIGTERM ends by it at once, frozen or not, alone or with 50 children, whatever the flags ask for"""
        for payload in (OBEDIENT, POLITE, CROWD):
            for pause in (False, True):
                for flags in (0, GRACEFUL, NOWAIT):
                    with self.subTest(payload=payload, pause=pause, flags=flags):
                        domain = self.assertEnds(payload, flags, 0, 1.5, "stopped by SIGTERM", pause)
                        self.assertEqual(stop_steps(self.signals, domain.path), ["SIGTERM"])

    def test_handler_of_frozen(self):
        """the SIGTERM handler of a frozen payload runs: it is thawed for that"""
        for flags in (0, GRACEFUL):
            self.assertEnds(POLITE, flags, 0, 1.5, "stopped by SIGTERM", pause=True)
            self.assertIn("got TERM", self.manager.GetConsoleLog("web1", 9))

    def test_stubborn(self):
        """what ignores SIGTERM is killed after 1.6 s, frozen or not"""
        for pause in (False, True):
            with self.subTest(pause=pause):
                domain = self.assertEnds(STUBBORN, 0, 1.5, 3, "stopped by SIGKILL", pause)
                self.assertEqual(stop_steps(self.signals, domain.path), ["SIGTERM", "SIGKILL"])

    def test_force(self):
        """FORCE kills at once, and nothing of the payload runs any more: obedient, stubborn, frozen, 50 children"""
        for payload in (POLITE, STUBBORN, CROWD):
            for pause in (False, True):
                with self.subTest(payload=payload, pause=pause):
                    domain = self.assertEnds(payload, FORCE, 0, 1.5, "stopped by SIGKILL", pause)
                    self.assertEqual(stop_steps(self.signals, domain.path), ["SIGKILL"])
                    self.assertNotIn("got TERM", self.manager.GetConsoleLog("web1", 9))

    def test_never_ran(self):
        """a domain that was created paused and never ran is destroyed by any flags, and its program is never executed"""
        for flags in (0, GRACEFUL, NOWAIT, FORCE):
            with self.subTest(flags=flags):
                domain = self.create("web1", shell("echo ran"), 0)
                domain.Destroy(flags)
                ending(self.signals, domain.path)
                self.assertGone(domain)
                self.assertEqual(self.manager.GetConsoleLog("web1", 9), [])

    def test_graceful_timeout(self):
        """GRACEFUL never kills: StopTimeout names signal and PIDs, and the domain runs on, manageable"""
        domain = self.create("web1", shell(STUBBORN))
        with duration(3.1, 4.5):
            self.assertError("StopTimeout",
                             r"^'web1' was not stopped by SIGTERM and is still there; PIDs left: \d+(, \d+)?$",
                             domain.Destroy, GRACEFUL)
        self.assertThawed(domain)
        self.assertEqual((domain.StateReason, domain.StopPhase, domain.StopDeadlineUSec), ("could not be stopped", "", 0))
        domain.Pause()
        self.assertFrozen(domain)
        with duration(0, 1.5):
            domain.Destroy(FORCE)
        self.assertGone(domain)

    def test_names_pids(self):
        """StopTimeout names at most 16 of the PIDs that are left"""
        domain = self.create("web1", shell(f"trap '' TERM; {CROWD}"))
        with self.assertRaises(Error) as caught:
            domain.Stop([("SIGTERM", 100_000)], 0)
        pids = [int(pid) for pid in re.findall(r"\d+", caught.exception.text.partition("PIDs left:")[2])]
        self.assertEqual(len(set(pids)), 16)
        self.assertLessEqual(set(pids), set(domain.cgroup.pids))

    def test_progress(self):
        """while a stop waits, StopPhase, StopDeadlineUSec, Dying and the job show where it stands"""
        domain = self.create("web1", shell(STUBBORN))
        stop = domain.begin("Destroy", GRACEFUL)
        self.signals.wait("StopStep", "SIGTERM", 0, 1)
        wait_until(lambda: domain.StopPhase == "SIGTERM")
        self.assertEqual((domain.State, domain.Dying), ("stopping", True))
        self.assertAlmostEqual(domain.StopDeadlineUSec / 1e6, time.time() + 3.2, delta=1)
        job = self.bus.object(domain.Job, "org.example.VMManager1.Job")
        self.assertEqual((job.Verb, job.Phase), ("stop", "SIGTERM"))
        self.assertAlmostEqual(job.DeadlineUSec, domain.StopDeadlineUSec, delta=1000)
        for verb, arguments in (("Pause", ()), ("Resume", ()), ("Release", ()), ("Shutdown", (0,))):
            self.assertError("Busy", rf"^Cannot {verb.lower()} 'web1': job {job.Id} \(stop\) is in progress$",
                             getattr(domain, verb), *arguments)
        job.Cancel()
        self.assertError("Canceled", "The stop of 'web1' was canceled", stop.result)
        self.assertThawed(domain)

    def test_harder_one(self):
        """a harder Destroy while GRACEFUL waits takes over: both calls succeed, at once"""
        domain = self.create("web1", shell(STUBBORN))
        soft = domain.begin("Destroy", GRACEFUL)
        wait_until(lambda: domain.State == "stopping")
        with duration(0, 1.5):
            domain.Destroy(FORCE)
            soft.result()
        self.assertGone(domain)

    def test_softer_one(self):
        """a softer Destroy while a harder one is under way waits with it, and succeeds"""
        domain = self.create("web1", shell(STUBBORN))
        hard = domain.begin("Destroy", 0)
        wait_until(lambda: domain.State == "stopping")
        with duration(1, 3):
            domain.Destroy(GRACEFUL)
        hard.result()
        self.assertGone(domain)

    def test_nowait(self):
        """NOWAIT replies when the signal is sent; the stop goes on"""
        domain = self.create("web1", shell(STUBBORN))
        with duration(0, 1.5):
            domain.Destroy(NOWAIT)
        self.assertEqual((domain.State, domain.StopPhase), ("stopping", "SIGTERM"))
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")
        self.assertGone(domain)

    def test_ends_other_job(self):
        """Destroy ends a pause that is under way, which learns why"""
        let_go = hold_writers(self)
        domain = self.create("web1", shell(WRITER, PauseTimeoutUSec=10_000_000))
        wait_held(domain)
        pause = domain.begin("Pause")
        wait_until(lambda: domain.State == "pausing")
        destroy = domain.begin("Destroy", FORCE)
        self.assertError("Canceled", "The pause of 'web1' was ended: the domain is being stopped", pause.result)
        let_go()
        destroy.result()
        self.assertGone(domain)

    def test_frozen_slice(self):
        """in a frozen slice SIGKILL works, GRACEFUL does not and names the slice, and the slice stays frozen"""
        keeper = self.create("keeper", shell(OBEDIENT, CgroupPath="cold.slice:vmm:keeper"))
        domain = self.create("web1", shell(POLITE, CgroupPath="cold.slice:vmm:web1"))
        self.addCleanup(subprocess.run, ["systemctl", "thaw", "cold.slice"])
        subprocess.run(["systemctl", "freeze", "cold.slice"], check=True)
        wait_until(lambda: domain.State == "paused")
        self.assertError("StopTimeout", "^'web1' was not stopped by SIGTERM .* frozen with slice cold.slice$",
                         domain.Stop, [("SIGTERM", 300_000)], 0)
        self.assertEqual(domain.State, "paused")
        domain.Destroy(0)
        ending(self.signals, domain.path)
        self.assertTrue(Cgroup("/cold.slice").frozen and keeper.cgroup.frozen)


class TestStop(StopCase):
    def test_plan(self):
        """Stop takes the steps of its plan one after the other, each with its time, until nothing is left"""
        domain = self.create("web1", shell(NOISY))
        with duration(0.3, 1.5):
            domain.Stop([("SIGINT", 150_000), ("USR1", 150_000), ("SIGKILL", 1_600_000)], 0)
        self.assertEqual(stop_steps(self.signals, domain.path), ["SIGINT", "SIGUSR1", "SIGKILL"])
        self.assertEqual(self.got(), ["got INT", "got USR1"])
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")
        self.assertGone(domain)

    def test_guest_step(self):
        """the step "guest" is SIGTERM to a process domain"""
        domain = self.create("web1", shell(POLITE))
        domain.Stop([("guest", 5_000_000)], 0)
        self.assertEqual(ending(self.signals, domain.path)[0], "shut down")
        self.assertIn("got TERM", self.manager.GetConsoleLog("web1", 9))

    def test_own_plan(self):
        """an empty plan means the domain's own, which can be set"""
        domain = self.create("web1", shell(NOISY, StopPlan=[("USR2", 100_000), ("SIGKILL", 0)]))
        self.assertEqual(domain.StopPlan, [("SIGUSR2", 100_000), ("SIGKILL", 0)])
        domain.set("StopPlan", [("INT", 100_000), ("USR1", 100_000)])
        self.assertError("StopTimeout", "not stopped by SIGUSR1", domain.Stop, [], 0)
        self.assertEqual(stop_steps(self.signals, domain.path), ["SIGINT", "SIGUSR1"])
        self.assertThawed(domain)

    def test_systemctl_stop(self):
        """systemctl stop of the scope follows the domain's plan, and waits for its end"""
        plan = [("SIGINT", 200_000), ("USR1", 200_000), ("SIGKILL", 1_600_000)]
        domain = self.create("web1", shell(NOISY, StopPlan=plan))
        with duration(0.4, 3):
            subprocess.run(["systemctl", "stop", domain.Unit], check=True)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")
        self.assertEqual(self.got(), ["got INT", "got USR1"])
        self.assertGone(domain)

    def test_systemctl_kill(self):
        """systemctl kill is noticed, with the reason"""
        domain = self.create("web1", shell(CROWD))
        subprocess.run(["systemctl", "kill", "--signal=KILL", domain.Unit], check=True)
        self.assertEqual(ending(self.signals, domain.path), ("killed by SIGKILL", {"Signal": signal.SIGKILL}))
        self.assertGone(domain)

    def test_moved_out(self):
        """a leader that somebody moves out of its scope is ended, too: nothing outlives its domain"""
        domain = self.create("web1", shell("echo ready; exec sleep infinity"))
        leader = domain.Leader
        elsewhere = Cgroup("/machine.slice/elsewhere")
        elsewhere.path.mkdir()
        self.addCleanup(elsewhere.path.rmdir)
        (elsewhere.path / "cgroup.procs").write_text(str(leader))
        self.assertEqual(ending(self.signals, domain.path)[1], {"Signal": signal.SIGTERM})
        self.assertFalse(process_exists(leader))


class TestNames(StopCase):
    """What a domain leaves, and what it finds."""

    def test_again(self):
        """a name can be used again at once, 20 times in a row for each kind of end"""
        ends = {"FORCE": lambda domain: domain.Destroy(FORCE), "GRACEFUL": lambda domain: domain.Destroy(GRACEFUL),
                "Kill": lambda domain: (domain.Kill("all", signal.SIGKILL), ending(self.signals, domain.path)),
                "Shutdown": lambda domain: (domain.Shutdown(0), ending(self.signals, domain.path))}
        for how, end in ends.items():
            with self.subTest(how):
                for _ in range(20):
                    end(self.create("web1", shell(OBEDIENT)))
        wait_nothing_left(self)

    def test_dead_at_birth(self):
        """a program that ends at once leaves nothing, 50 times; the exit status is told"""
        for _ in range(50):
            with contextlib.suppress(Error):    # it may end before the reply
                self.manager.CreateDomain("web1", config(Kind="process", Command=["false"]), START)
            wait_until(lambda: not self.manager.ListDomains(), what="the end of the domain")
        for path in [arguments[1] for name, _, arguments in self.signals.seen if name == "DomainAdded"][-50:]:
            self.assertEqual(ending(self.signals, path), ("exited with status 1", {"ExitCode": 1}))
        wait_nothing_left(self)

    def test_many_dead_at_birth(self):
        """so do 50 of them at once"""
        command = config(Kind="process", Command=["false"])
        for call in [self.manager.begin("CreateDomain", f"web{i}", command, START) for i in range(50)]:
            with contextlib.suppress(Error):
                call.result()
        wait_nothing_left(self)

    @need_speed
    def test_killed_at_birth(self):
        """a process that dies on its way into the scope leaves neither domain nor scope, whenever it dies: 80 tries"""
        daemon = self.bus.unit("vmmanagerd.service", "Service").MainPID
        children = pathlib.Path(f"/proc/{daemon}/task/{daemon}/children")
        over, refused = threading.Event(), 0

        def kill_children():
            tries = 0
            while not over.is_set():
                for pid in children.read_text().split():
                    time.sleep(tries % 20 * 0.0005)
                    subprocess.run(["kill", "-KILL", pid], stderr=subprocess.DEVNULL)
                    tries += 1
        killer = threading.Thread(target=kill_children)
        killer.start()
        try:
            for _ in range(80):
                try:
                    path = self.manager.CreateDomain("web1", shell(OBEDIENT), 0)
                    ending(self.signals, path)
                except Error:
                    refused += 1
                wait_until(lambda: not self.manager.ListDomains(), what="the end of the domain")
        finally:
            over.set()
            killer.join()
        self.assertGreater(refused, 0)
        wait_nothing_left(self)
        self.assertEqual(children.read_text(), "", "children that were not reaped")

    def other_scope(self, **properties):
        """Somebody else's scope of the name that web1 wants; its process."""
        process = subprocess.Popen(["sleep", "infinity"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        given = [("PIDs", V("au", [process.pid])), *properties.items()]
        self.systemd.StartTransientUnit("vmm-web1.scope", "fail", given, [])
        return process

    def test_stale_unit(self):
        """a failed unit of the same name is reset, and the domain is created"""
        self.other_scope(RuntimeMaxUSec=V("t", 1))
        wait_until(lambda: self.bus.unit("vmm-web1.scope").ActiveState == "failed", what="the failure")
        self.assertThawed(self.create("web1", shell(OBEDIENT)))

    def test_name_taken(self):
        """a unit of the same name that runs is refused by name, and left as it is"""
        process = self.other_scope()
        self.assertError("DomainExists", "There is a unit vmm-web1.scope already", self.manager.CreateDomain, "web1",
                         shell(OBEDIENT), START)
        self.assertEqual(self.manager.ListDomains(), [])
        unit = self.bus.unit("vmm-web1.scope")
        self.assertEqual((unit.ActiveState, unit.SubState, process.poll()), ("active", "running", None))

    def test_unit_shared(self):
        """two domains cannot have one unit, one name or one UUID"""
        domain = self.create("web1", shell(OBEDIENT, CgroupPath=":vmm:shared"))
        for name, keys, text in (("web2", {"CgroupPath": ":vmm:shared"}, "another domain lives in vmm-shared.scope"),
                                 ("web1", {}, "There is a domain 'web1' already"),
                                 ("web3", {"UUID": domain.UUID}, "there is a domain of this UUID already")):
            self.assertError("DomainExists", text, self.manager.CreateDomain, name, shell(OBEDIENT, **keys), START)
        self.assertThawed(domain)
        self.assertEqual((len(self.manager.ListDomains()), self.scopes()), (1, ["vmm-shared.scope"]))

    def test_frozen_slice(self):
        """a domain cannot be created in a frozen slice, which is named; nothing is left"""
        keeper = self.create("keeper", shell(OBEDIENT, CgroupPath="cold.slice:x:keeper"))
        self.addCleanup(subprocess.run, ["systemctl", "thaw", "cold.slice"])
        subprocess.run(["systemctl", "freeze", "cold.slice"], check=True)
        for flags in (0, START):
            self.assertError("SliceFrozen", "'web1'.* cold.slice", self.manager.CreateDomain, "web1",
                             shell(OBEDIENT, CgroupPath="cold.slice:vmm:web1"), flags)
            self.assertEqual([entry[0] for entry in self.manager.ListDomains()], ["keeper"])
            wait_until(lambda: not self.scopes(), what="the end of the new scope")
        self.assertTrue(Cgroup("/cold.slice").frozen)
        self.assertEqual(len(keeper.cgroup.pids), 1)

    def test_nothing_failed(self):
        """none of this leaves a unit that failed"""
        self.assertEqual([unit[0] for unit in self.systemd.ListUnitsByPatterns(["failed"], [])], [])
