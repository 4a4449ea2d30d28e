# SPDX-License-Identifier: LGPL-2.1-or-later
"""Slices: what is done to all domains of one, for all or none, and what remains true whatever others do to the slice."""

import subprocess

from vmm import (OBEDIENT, SERVICE, START, STUBBORN, V, WRITER, Bus, Cgroup, TestCase, as_tester, config, duration,
                 hold_writers, shell, told, wait_held, wait_nothing_left, wait_until)

SLICE, NESTED, OWN = "grp.slice", "grp-sub.slice", "own.slice"


def systemctl(*arguments):
    subprocess.run(["systemctl", *arguments], check=True)


class SliceTestCase(TestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(subprocess.run, ["systemctl", "thaw", SLICE], stderr=subprocess.DEVNULL)
        self.slice = self.bus.slice(SLICE)

    def create_in(self, name, payload=OBEDIENT, flags=START, slice_name=SLICE, **keys):
        return self.create(name, shell(payload, CgroupPath=f"{slice_name}:vmm:{name}", **keys), flags)

    def create_group(self, n=4):
        """Some that run, and one that is paused on its own."""
        self.running = [self.create_in(f"web{i}") for i in range(n)]
        self.own = self.create_in("own")
        self.own.Pause()

    def wait_paused(self, domain):
        wait_until(lambda: domain.State == "paused", every=0.05, what=f"the pause of {domain.path}")

    def assertHeld(self, *domains, reasons=(f"slice:{SLICE}",)):
        for domain in domains:
            self.assertFrozen(domain)
            self.assertEqual(domain.PauseReasons, list(reasons))

    def assertRunning(self, *domains):
        for domain in domains:
            self.assertThawed(domain)
            self.assertEqual(domain.PauseReasons, [])


class TestGroup(SliceTestCase):
    def test_pause(self):
        """Pause freezes all, each verified, and not the slice's own group; Resume leaves what was paused on its own"""
        self.create_group()
        self.slice.Pause()
        self.assertHeld(*self.running)
        self.assertHeld(self.own, reasons=("user", f"slice:{SLICE}"))
        self.assertTrue(self.slice.Paused)
        self.assertFalse(Cgroup(f"/{SLICE}").frozen)
        self.slice.Pause()
        self.slice.Resume()
        self.assertRunning(*self.running)
        self.assertHeld(self.own, reasons=("user",))
        self.assertFalse(self.slice.Paused)

    def test_hold(self):
        """what the slice holds is not resumed, shut down or released alone, but can be paused and stopped"""
        domain = self.create_in("web1")
        other = self.create_in("web2")
        self.slice.Pause()
        for verb, arguments in (("Resume", ()), ("Shutdown", (0,)), ("Release", ())):
            self.assertError("SliceFrozen", f"^Cannot {verb.lower()} 'web1': slice {SLICE} is paused$",
                             getattr(domain, verb), *arguments)
        self.assertHeld(domain)
        domain.Pause()
        other.Destroy(0)
        self.slice.Resume()
        self.assertHeld(domain, reasons=("user",))
        domain.Resume()
        self.assertRunning(domain)

    def test_many(self):
        """50 domains are paused together, and run again together"""
        calls = [self.manager.begin("CreateDomain", f"web{i}", shell(OBEDIENT, CgroupPath=f"{SLICE}:vmm:web{i}"), START)
                 for i in range(50)]
        domains = [self.bus.domain(call.result()) for call in calls]
        self.slice.Pause()
        for domain in domains:
            self.assertFrozen(domain)
        self.slice.Resume()
        for domain in domains:
            self.assertThawed(domain)

    def test_nested(self):
        """a slice has the domains of those below it; what two slices hold runs when both let go"""
        inner = self.create_in("web1", slice_name=NESTED)
        outer = self.create_in("web2")
        nested = self.bus.slice(NESTED)
        self.assertEqual((self.slice.Domains, nested.Domains), ([inner.path, outer.path], [inner.path]))
        self.assertEqual(nested.ControlGroup, f"/{SLICE}/{NESTED}")
        nested.Pause()
        self.assertRunning(outer)
        self.slice.Pause()
        self.assertHeld(inner, reasons=(f"slice:{NESTED}", f"slice:{SLICE}"))
        nested.Resume()
        self.assertHeld(inner, outer)
        nested.Pause()
        self.slice.Resume()
        self.assertRunning(outer)
        self.assertHeld(inner, reasons=(f"slice:{NESTED}",))
        nested.Resume()
        self.assertRunning(inner)

    def test_closed(self):
        """nothing is created or adopted in a paused slice or below it; it is, when the slice was resumed"""
        self.create_in("web1")
        self.slice.Pause()
        process = subprocess.Popen(["sleep", "infinity"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for slice_name in (SLICE, NESTED):
            self.assertError("SliceFrozen", f"'web2' cannot be in slice {slice_name}: {SLICE} is paused",
                             self.create_in, "web2", slice_name=slice_name)
            self.assertError("SliceFrozen", f"{SLICE} is paused", self.manager.AdoptProcesses, "web2", [process.pid],
                             config(CgroupPath=f"{slice_name}:vmm:web2"), 0)
        self.slice.Resume()
        self.assertRunning(self.create_in("web2", slice_name=NESTED))

    def test_objects(self):
        """a slice is an object from its first domain to its last one, and one call tells of all"""
        before = len(self.signals.seen)
        domain = self.create_in("web1", slice_name=NESTED)
        other = self.create_in("web2")
        objects = self.bus.objects()
        self.assertEqual({path: objects[path][f"{SERVICE}.Slice"]["Domains"] for path in objects if "/slice/" in path},
                         {self.slice.path: [domain.path, other.path], self.bus.slice(NESTED).path: [domain.path]})
        self.assertEqual(objects[self.slice.path][f"{SERVICE}.Slice"],
                         {"Name": SLICE, "ControlGroup": f"/{SLICE}", "Domains": [domain.path, other.path], "Paused": False,
                          "Resources": {}})
        domain.Destroy(0)
        self.assertEqual(self.slice.Domains, [other.path])
        other.Destroy(0)
        wait_nothing_left(self)
        self.assertFalse([path for path in self.bus.objects() if "/slice/" in path])
        events = [(name, arguments[0]) for name, _, arguments in self.signals.seen[before:]
                  if name in ("InterfacesAdded", "InterfacesRemoved") and "/slice/" in arguments[0]]
        nested = self.bus.slice(NESTED).path
        self.assertEqual(events, [("InterfacesAdded", self.slice.path), ("InterfacesAdded", nested),
                                  ("InterfacesRemoved", nested), ("InterfacesRemoved", self.slice.path)])

    def test_polkit(self):
        """polkit is asked once, for the slice, and a rule can tell that from a domain"""
        self.create_group(2)
        tester = Bus("tester")
        self.addCleanup(tester.close)
        self.polkit_rule('if (action.lookup("slice") == "%s" && action.lookup("domain") == "" && '
                         'action.lookup("verb") == "Pause" && action.id == "%s.pause") '
                         'return polkit.Result.YES;' % (SLICE, SERVICE))
        tester.slice(SLICE).Pause()
        self.assertHeld(*self.running)
        answer = as_tester("busctl", "call", SERVICE, self.slice.path, f"{SERVICE}.Slice", "Resume")
        self.assertNotEqual(answer.returncode, 0)
        self.assertHeld(*self.running)


class TestRollback(SliceTestCase):
    """With a task that cannot freeze, because it waits for a file system."""

    def setUp(self):
        super().setUp()
        self.let_go = hold_writers(self)
        self.create_group()
        self.stuck = self.create_in("stuck", WRITER, PauseTimeoutUSec=500_000)
        wait_held(self.stuck)

    def test_one_fails(self):
        """one that cannot be frozen is named with its task, and all the others are as before; later it succeeds"""
        with duration(0.5, 2):
            self.assertError("FreezeTimeout", rf"^Cannot pause slice {SLICE}: domain 'stuck': 'stuck' could not be frozen "
                             rf"in 500 ms: PID {self.stuck.Leader} \(sh\), state D in", self.slice.Pause)
        self.assertRunning(*self.running, self.stuck)
        self.assertHeld(self.own, reasons=("user",))
        self.assertFalse(self.slice.Paused)
        self.create_in("new").Destroy(0)
        self.let_go()
        wait_until(lambda: "written" in self.stuck.GetConsoleLog(1000), every=0.05, what="the write")
        self.slice.Pause()
        self.assertHeld(*self.running, self.stuck)

    def test_busy(self):
        """while it is under way the same verb joins it, another one is refused, and nothing comes to the slice"""
        self.stuck.set("PauseTimeoutUSec", 10_000_000)
        first = self.slice.begin("Pause")
        self.wait_paused(self.running[0])
        second = self.slice.begin("Pause")
        self.assertError("Busy", f"^Cannot resume slice {SLICE}: the pause of slice {SLICE} is in progress$",
                         self.slice.Resume)
        self.assertError("SliceFrozen", f"{SLICE} is being paused", self.create_in, "new")
        self.let_go()
        first.result()
        second.result()
        self.assertHeld(*self.running, self.stuck)

    def test_caller_leaves(self):
        """it goes on when its caller has left"""
        self.stuck.set("PauseTimeoutUSec", 10_000_000)
        caller = Bus()
        caller.slice(SLICE).begin("Pause")
        self.wait_paused(self.running[0])
        caller.close()
        self.let_go()
        wait_until(lambda: self.slice.Paused, every=0.05, what="the pause")
        self.assertHeld(*self.running, self.stuck)

    def test_ends_meanwhile(self):
        """a domain that ends in the middle is no failure"""
        self.stuck.set("PauseTimeoutUSec", 10_000_000)
        pause = self.slice.begin("Pause")
        self.wait_paused(self.running[0])
        systemctl("kill", "--signal=KILL", self.running[0].Unit)
        wait_until(lambda: self.running[0].path not in self.slice.Domains, every=0.05, what="its end")
        self.let_go()
        pause.result()
        self.assertHeld(*self.running[1:], self.stuck)

    def test_stop_takes_over(self):
        """Stop ends a pause that is under way, which learns why"""
        self.stuck.set("PauseTimeoutUSec", 10_000_000)
        pause = self.slice.begin("Pause")
        self.wait_paused(self.running[0])
        stop = self.slice.begin("Stop", [], 0)
        self.assertError("Canceled", f"^The pause of slice {SLICE} was ended: slice {SLICE} is being stopped$", pause.result)
        self.let_go()
        stop.result()
        wait_nothing_left(self)


class TestStop(SliceTestCase):
    def test_stop(self):
        """Stop ends all domains together, also those that are paused"""
        self.create_group(6)
        self.slice.Pause()
        with duration(0, 5):
            self.slice.Stop([], 0)
        self.assertEqual(self.manager.ListDomains(), [])

    def test_refuses(self):
        """StopTimeout names those that are left, with their PIDs; the others are gone"""
        self.create_in("web1")
        deaf = [self.create_in(f"deaf{i}", STUBBORN) for i in range(2)]
        with duration(0.5, 3):
            self.assertError("StopTimeout", rf"^Slice {SLICE} is not stopped: 'deaf0' was not stopped by SIGTERM .*; "
                             rf"'deaf1' was not stopped by SIGTERM .* {deaf[1].Leader}", self.slice.Stop,
                             [("SIGTERM", 500_000)], 0)
        self.assertEqual(self.slice.Domains, [domain.path for domain in deaf])
        self.assertRunning(*deaf)
        self.slice.Stop([("SIGKILL", 1_600_000)], 0)
        wait_nothing_left(self)


class TestResources(SliceTestCase):
    def setUp(self):
        super().setUp()
        if "TasksMax" not in self.manager.Features["ResourceProperties"]:
            self.skipTest("this machine has no controllers of control groups")
        self.create_in("web1")
        self.addCleanup(subprocess.run, ["systemctl", "revert", SLICE], stderr=subprocess.DEVNULL)

    def limit(self):
        return (Cgroup(f"/{SLICE}").path / "pids.max").read_text()

    def test_set(self):
        """what is set is in effect for all of the slice, and read back as systemd holds it"""
        self.slice.SetResources([("TasksMax", V("t", 77)), ("CPUQuotaPerSecUSec", V("t", 500_001))])
        resources = self.slice.Resources
        self.assertEqual((resources["TasksMax"], resources["CPUQuotaPerSecUSec"]), (77, 510_000))
        self.assertEqual(self.limit(), "77\n")
        self.assertEqual(self.bus.unit(SLICE, "Slice").TasksMax, 77)

    def test_all_or_nothing(self):
        """what contradicts itself or what is set is refused, and nothing of it comes into effect"""
        self.slice.SetResources([("TasksMax", V("t", 77)), ("MemoryHigh", V("t", 1 << 30))])
        self.assertError("InvalidConfig", "MemoryHigh", self.slice.SetResources,
                         [("TasksMax", V("t", 99)), ("MemoryMax", V("t", 1 << 20))])
        self.assertEqual(self.limit(), "77\n")

    def test_stays(self):
        """systemd keeps the settings while the slice has no domain, and they are told when it has one again"""
        self.slice.SetResources([("TasksMax", V("t", 77))])
        self.bus.domain("web1").Destroy(0)
        wait_nothing_left(self)
        self.create_in("web2")
        self.assertEqual((self.slice.Resources["TasksMax"], self.limit()), (77, "77\n"))


class TestSliceDomain(SliceTestCase):
    """A domain that is a slice."""

    def create_slice(self, slice_name=OWN):
        return self.bus.domain(self.manager.CreateDomain("group", config(CgroupPath=f"machine.slice::{slice_name}"), START))

    def active(self, slice_name=OWN):
        return subprocess.run(["systemctl", "is-active", "--quiet", slice_name]).returncode == 0

    def test_life(self):
        """it is a transient slice that holds domains; its verbs are those of the slice; it ends with its domains"""
        group = self.create_slice()
        self.assertTrue(self.active())
        unit = self.bus.unit(OWN)
        self.assertEqual((group.State, group.Unit, group.ControlGroup), ("running", OWN, f"/{OWN}"))
        self.assertTrue(unit.Transient and "machine.slice" in unit.Wants)
        domain = self.create_in("web1", slice_name=OWN)
        group.Pause()
        self.assertHeld(domain, reasons=(f"slice:{OWN}",))
        self.assertEqual((group.State, group.PauseReasons), ("paused", ["user"]))
        group.Resume()
        self.assertRunning(domain)
        self.assertEqual(group.State, "running")
        self.assertError("NotSupported", "'group': it is a slice", group.Kill, "all", 9)
        group.Destroy(0)
        self.assertEqual(self.manager.ListDomains(), [])
        wait_until(lambda: not self.active(), every=0.05, what="the end of the slice")

    def test_again(self):
        """its name is free when Destroy replies"""
        for _ in range(5):
            self.create_slice().Destroy(0)
            self.assertFalse(self.active())

    def test_exists(self):
        """a slice that is there already is taken as it is, and left when the domain ends, with what is not ours in it"""
        process = subprocess.Popen(["systemd-run", "--scope", "--quiet", f"--slice={SLICE}", "sleep", "infinity"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: self.active(SLICE), every=0.05, what="the slice")
        group = self.create_slice(SLICE)
        self.create_in("web1")
        group.Destroy(0)
        self.assertEqual(self.manager.ListDomains(), [])
        self.assertTrue(self.active(SLICE))
        self.assertIsNone(process.poll())

    def test_stopped(self):
        """systemctl stop of the slice ends the domain"""
        group = self.create_slice()
        systemctl("stop", OWN)
        wait_until(lambda: not self.manager.ListDomains(), what="its end")
        self.assertEqual(told(self.signals, group.path, "StateChanged")[-1][1:3], ("inactive", "its slice was stopped"))


class TestOthers(SliceTestCase):
    """Somebody else freezes and thaws the slice."""

    def wait_ledger(self, domain, state, reasons):
        wait_until(lambda: (domain.State, domain.PauseReasons) == (state, reasons),
                   every=0.05, what=f"{state} for {reasons} of {domain.Name}, but {domain.State}, {domain.PauseReasons}")

    def states_told(self, domain, since):
        return [arguments[1] for arguments in told(self.signals, domain.path, "StateChanged")[since:]]

    def test_thaw(self):
        """after systemctl freeze and thaw of the slice what was paused on its own is frozen, and never said to run"""
        self.create_group()
        before = len(told(self.signals, self.own.path, "StateChanged"))
        for _ in range(5):
            systemctl("freeze", SLICE)
            for domain in self.running:
                self.wait_ledger(domain, "paused", ["frozen"])
            wait_until(lambda: self.slice.Paused, every=0.05)
            self.assertHeld(self.own, reasons=("user",))
            systemctl("thaw", SLICE)
            for domain in self.running:
                self.wait_ledger(domain, "running", [])
            wait_until(lambda: not self.slice.Paused, every=0.05)
            self.own.cgroup.wait(frozen=1)
            wait_until(lambda: self.own.Job == "/", every=0.05, what="the end of its job")
            self.assertHeld(self.own, reasons=("user",))
        self.assertEqual(self.states_told(self.own, before), [])

    def test_thaw_of_paused(self):
        """so it is with domains that their slice holds"""
        self.create_group()
        self.slice.Pause()
        systemctl("freeze", SLICE)
        wait_until(lambda: Cgroup(f"/{SLICE}").frozen, every=0.01)
        systemctl("thaw", SLICE)
        wait_until(lambda: not Cgroup(f"/{SLICE}").frozen, every=0.01)
        for domain in (*self.running, self.own):
            domain.cgroup.wait(frozen=1)
            wait_until(lambda domain=domain: domain.Job == "/", every=0.05)
        self.assertHeld(*self.running)
        self.assertTrue(self.slice.Paused)
        self.slice.Resume()
        self.assertRunning(*self.running)

    def test_resume(self):
        """Resume thaws a slice that systemctl froze, paused or not, and not what is to stay paused"""
        self.create_group()
        for pause in (False, True) * 3:
            with self.subTest(pause=pause):
                if pause:
                    self.slice.Pause()
                systemctl("freeze", SLICE)
                self.wait_paused(self.running[-1])
                self.slice.Resume()
                for domain in self.running:
                    self.wait_ledger(domain, "running", [])
                    self.assertFalse(domain.cgroup.frozen)
                self.assertHeld(self.own, reasons=("user",))
                wait_until(lambda: not self.slice.Paused, every=0.05)

    def test_above(self):
        """Resume of a slice is refused while somebody else holds one above it"""
        domain = self.create_in("web1", slice_name=NESTED)
        nested = self.bus.slice(NESTED)
        nested.Pause()
        systemctl("freeze", SLICE)
        wait_until(lambda: nested.Paused and self.slice.Paused, every=0.05)
        self.assertError("SliceFrozen", f"^Cannot resume slice {NESTED}: slice {SLICE} is frozen$", nested.Resume)
        self.assertHeld(domain, reasons=(f"slice:{NESTED}",))
        systemctl("thaw", SLICE)
        domain.cgroup.wait(frozen=1)
        wait_until(lambda: domain.Job == "/" and not self.slice.Paused, every=0.05)
        nested.Resume()
        self.assertRunning(domain)

    def test_thaw_of_one(self):
        """systemctl thaw of a scope that its slice holds lets that one go; Pause of the slice takes it back"""
        self.create_group()
        self.slice.Pause()
        systemctl("thaw", self.running[0].Unit)
        self.wait_ledger(self.running[0], "running", [])
        self.assertTrue(self.slice.Paused)
        self.assertHeld(*self.running[1:])
        self.slice.Pause()
        self.assertHeld(*self.running)
