# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains whose control group was delegated: payloads that make, fill, nest and freeze groups of their own, and virtual
machines whose vCPUs have one each."""

import pathlib
import signal
import subprocess
import time

from vmm import (FORCE, GRACEFUL, GUEST_TIMEOUT, STAND_IN, START, Cgroup, TestCase, V, config, duration, ending, guest,
                 process_exists, shell, told, wait_until)

# Runs in a group of its own, so that others may be beside it; ROOT is the domain's. A worker says when it has begun.
TREE = ("ROOT=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup); mkdir $ROOT/self; echo $$ >$ROOT/self/cgroup.procs; "
        "trap begun=1 USR1; worker() { begun=; "
        "(eval $BEFORE; kill -USR1 $$; i=0; while :; do echo $1 $((i += 1)); sleep 0.1; done) & "
        "echo $! >$ROOT/$2/cgroup.procs; until [ \"$begun\" ]; do sleep 0.02; done; }; ")
NESTED = TREE + ("at=; for depth in $(seq 8); do at=$at/deep; mkdir $ROOT$at; done; mkdir $ROOT/wide; "
                 "for i in $(seq 20); do mkdir $ROOT/wide/$i; sleep infinity & echo $! >$ROOT/wide/$i/cgroup.procs; done; "
                 "worker tick $at; echo ready; wait")
OWN_FREEZE = TREE + ("mkdir -p $ROOT/a/b; worker below a/b; worker tick self; echo 1 >$ROOT/a/b/cgroup.freeze; "
                     "until grep -q 'frozen 1' $ROOT/a/b/cgroup.events; do sleep 0.02; done; echo ready; wait")
CHURN = TREE + ("mkdir $ROOT/a $ROOT/b; (while :; do for to in a b; do "
                "sh -c 'echo $$ >'$ROOT/$to'/cgroup.procs; echo tick 1'; echo 1 >$ROOT/$to/cgroup.freeze; "
                "mkdir $ROOT/$to/x; echo 0 >$ROOT/$to/cgroup.freeze; rmdir $ROOT/$to/x; done; done) & echo ready; wait")
TICK = r"tick \d+\r?\n"


class TestOwnTree(TestCase):
    """The payload's own groups change nothing of what is done to the domain."""

    def begin(self, payload):
        domain = self.create("web1", shell(payload, Delegate=True))
        return domain, domain.console(), domain.cgroup

    def assertStandsStill(self, console):
        console.silence(0.2)
        self.assertEqual(console.silence(0.4), "")

    def test_nested(self):
        """groups that are filled and nested are all paused, resumed and ended with the domain"""
        domain, console, cgroup = self.begin(NESTED)
        groups = [path for path in cgroup.path.rglob("*") if path.is_dir()]
        self.assertEqual(len(groups), 30)
        self.assertGreaterEqual(len(cgroup.pids), 22)
        for _ in range(3):
            console.expect(TICK)
            domain.Pause()
            self.assertFrozen(domain)
            self.assertTrue(all("frozen 1" in (path / "cgroup.events").read_text() for path in groups))
            self.assertStandsStill(console)
            domain.Resume()
            self.assertThawed(domain)
        console.expect(TICK)
        self.assertEqual(domain.Warnings, [])
        with duration(0, 1.5):
            domain.Destroy(0)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGTERM")
        wait_until(lambda: not cgroup.path.exists(), what="the end of its groups", every=0.05)

    def test_own_freeze(self):
        """a group that the payload froze stays frozen over Pause and Resume; a Warning says so, the state is the scope's"""
        domain, console, cgroup = self.begin(OWN_FREEZE)
        self.assertThawed(domain)
        below = Cgroup(f"{domain.ControlGroup}/a/b")
        domain.Pause()
        self.assertFrozen(domain)
        self.assertStandsStill(console)
        domain.Resume()
        self.assertThawed(domain)
        warning = "Resumed, but the payload itself has frozen its control group '/a/b', which still is"
        self.assertEqual((domain.Warnings, told(self.signals, domain.path, "Warning")), ([warning], [(warning,)]))
        console.expect(TICK)
        self.assertTrue(below.frozen)
        self.assertNotIn("below", console.silence(0.3))
        (below.path / "cgroup.freeze").write_text("0")
        console.expect(r"below \d+")
        domain.Pause()
        domain.Resume()
        self.assertEqual(domain.Warnings, [warning])

    def test_destroy_own_freeze(self):
        """what the payload froze does not hear SIGTERM: GRACEFUL names it and leaves the domain, Destroy ends it"""
        domain, console, cgroup = self.begin("BEFORE=\"trap 'exit 0' TERM\"; " + OWN_FREEZE)
        frozen = Cgroup(f"{domain.ControlGroup}/a/b").pids
        with duration(3, 6):
            self.assertError("StopTimeout", f"PIDs left: .*{min(frozen)}.*; the payload itself has frozen '/a/b'$",
                             domain.Destroy, GRACEFUL)
        self.assertEqual(domain.State, "running")
        with duration(1.5, 4):
            domain.Destroy(0)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")
        self.assertFalse(any(map(process_exists, frozen)))

    def test_destroy_paused(self):
        """a paused one with a group that the payload froze is destroyed, too"""
        for flags in (0, FORCE):
            with self.subTest(flags=flags):
                domain, console, cgroup = self.begin(OWN_FREEZE)
                domain.Pause()
                with duration(0, 4):
                    domain.Destroy(flags)
                wait_until(lambda: not cgroup.path.exists(), what="the end of its groups", every=0.05)

    def test_churn(self):
        """a payload that makes, freezes, thaws, leaves and removes groups all the time is paused each time, and runs on"""
        domain, console, cgroup = self.begin(CHURN)
        for _ in range(20):
            domain.Pause()
            self.assertFrozen(domain)
            domain.Resume()
            self.assertThawed(domain)
        console.drain()
        console.expect(TICK)
        domain.Destroy(0)

    def test_freezes_its_scope(self):
        """a payload that freezes the whole scope has paused the domain, from outside; Resume thaws it"""
        domain, console, cgroup = self.begin(
            TREE + "trap 'echo 1 >$ROOT/cgroup.freeze' HUP; worker tick self; echo ready; while :; do wait; done")
        domain.Kill("leader", signal.SIGHUP)
        domain.wait_state("paused")
        self.assertEqual((domain.StateReason, domain.PauseReasons), ("frozen from outside", ["frozen"]))
        domain.Resume()
        self.assertThawed(domain)
        console.drain()
        console.expect(TICK)

    def test_threaded(self):
        """a payload with threaded groups is signalled and ended as any other"""
        domain, console, cgroup = self.begin(
            "trap 'echo heard' HUP; ROOT=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup); mkdir $ROOT/t; "
            "echo threaded >$ROOT/t/cgroup.type; echo $$ >$ROOT/t/cgroup.procs; echo ready; while :; do sleep 0.05; done")
        self.assertEqual((cgroup.path / "cgroup.type").read_text(), "domain threaded\n")
        domain.Kill("all", signal.SIGHUP)
        console.expect("heard")
        domain.Pause()
        self.assertFrozen(domain)
        with duration(0, 1.5):
            domain.Destroy(0)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGTERM")


class MachineCase(TestCase):
    def boot(self, words="counter", flags=START, **keys):
        return self.create("web1", guest(words, Delegate=True, VCPUs=2, **keys), flags)

    def attribute(self, domain, path):
        return (domain.cgroup.path / path).read_text().strip()

    def threads(self, domain):
        """The names of QEMU's threads, by group."""
        leader, groups = domain.Leader, {}
        for task in pathlib.Path(f"/proc/{leader}/task").iterdir():
            group = (task / "cgroup").read_text().rpartition("0::")[2].strip()
            groups.setdefault(group.removeprefix(domain.ControlGroup), set()).add((task / "comm").read_text().strip())
        return groups

    def assertLaidOut(self, domain):
        self.assertEqual([self.attribute(domain, f"{path}/cgroup.type") for path in (".", "vmm", "vcpu0", "vcpu1")],
                         ["domain threaded"] + 3 * ["threaded"])
        threads = self.threads(domain)
        self.assertEqual((threads["/vcpu0"], threads["/vcpu1"]), ({"CPU 0/TCG"}, {"CPU 1/TCG"}))
        self.assertEqual(set(threads), {"/vmm", "/vcpu0", "/vcpu1"})


class TestMachine(MachineCase):
    """The layout, with whatever controllers there are."""

    def test_layout(self):
        """QEMU is in vmm, each vCPU in its group; over pause, resume, reload and re-execution of systemd it stays so"""
        for flags in (START, 0):
            with self.subTest(flags=flags):
                domain = self.boot(flags=flags)
                self.assertLaidOut(domain)
                if not flags:
                    self.assertFrozen(domain)
                    domain.Resume()
                domain.Pause()
                self.assertFrozen(domain)
                for how in ("daemon-reload", "daemon-reexec"):
                    subprocess.run(["systemctl", how], check=True)
                    self.assertLaidOut(domain)
                domain.Resume()
                self.assertThawed(domain)
                self.assertLaidOut(domain)
                domain.Destroy(FORCE)

    def test_get(self):
        """GetVCPUs tells threads, CPUs and CPU time, which stands still with the domain"""
        domain = self.boot()
        domain.console().expect(r"tick \d+", GUEST_TIMEOUT)
        domain.Pause()
        before = domain.GetVCPUs()
        self.assertEqual([(index, thread, cpus) for index, thread, cpus, _, _ in before],
                         [(index, int(self.attribute(domain, f"vcpu{index}/cgroup.threads")),
                           sorted(self.allowed(domain, thread))) for index, thread, *_ in before])
        self.assertGreater(before[0][4], 10_000_000)
        time.sleep(0.3)
        self.assertEqual(domain.GetVCPUs(), before)
        domain.Resume()
        wait_until(lambda: domain.GetVCPUs()[0][4] > before[0][4], what="CPU time", every=0.1)

    @staticmethod
    def allowed(domain, thread):
        status = pathlib.Path(f"/proc/{domain.Leader}/task/{thread}/status").read_text()
        text = status.partition("Cpus_allowed_list:\t")[2].split("\n")[0]
        ranges = [part.split("-") for part in text.split(",")]
        return {cpu for first, *last in ranges for cpu in range(int(first), int(last[0] if last else first) + 1)}

    def test_refused(self):
        """what is not there is named; a domain that is no such machine says why"""
        domain = self.boot(flags=0)
        web2 = self.create("web2", shell("echo ready; sleep infinity", Delegate=True))
        web3 = self.create("web3", guest(), 0)
        for function, arguments, error, text in (
                (domain.PinVCPU, (2, [0]), "InvalidArgs", "vcpu: 'web1' has no vCPU 2"),
                (domain.PinVCPU, (0, [0, 4095]), "InvalidArgs", "cpus: this host has no CPU 4095 online"),
                (domain.WeighVCPU, (9, 100), "InvalidArgs", "vcpu: 'web1' has no vCPU 9"),
                (domain.WeighVCPU, (0, 10001), "InvalidArgs", "weight: 10001 is not between 1 and 10000"),
                (web2.PinVCPU, (0, [0]), "NotSupported", "'web2': it is not a virtual machine"),
                (web2.GetVCPUs, (), "NotSupported", "'web2': it is not a virtual machine"),
                (web3.WeighVCPU, (0, 100), "NotSupported", "'web3': it was not created with Delegate=yes"),
                (web3.GetVCPUs, (), "NotSupported", "'web3': it was not created with Delegate=yes")):
            with self.subTest(text):
                self.assertError(error, text, function, *arguments)

    def test_no_controllers(self):
        """without the controllers the layout stands, and what they would do is refused by name"""
        domain = self.boot(flags=0)
        if self.attribute(domain, "cgroup.controllers"):
            self.skipTest("this machine has the controllers")
        self.assertError("NotSupported", "has no controller 'cpuset'", domain.PinVCPU, 0, [0])
        self.assertError("NotSupported", "has no controller 'cpu'", domain.WeighVCPU, 0, 200)
        self.assertEqual([weight for *_, weight, _ in domain.GetVCPUs()], [0, 0])

    def test_end(self):
        """each way to end one works as it does without groups, and none of them is left"""
        for end, paused, reason, seconds in (
                (lambda domain: domain.Destroy(0), False, "stopped by SIGTERM", 1.5),
                (lambda domain: domain.Destroy(GRACEFUL), True, "stopped by SIGTERM", 1.5),
                (lambda domain: domain.Destroy(FORCE), True, "stopped by SIGKILL", 1.5),
                (lambda domain: domain.Stop([("guest", 60_000_000)], 0), False, "shut down", GUEST_TIMEOUT),
                (lambda domain: domain.Kill("all", signal.SIGKILL), False, "killed by SIGKILL", 1.5)):
            with self.subTest(reason, paused=paused):
                domain = self.boot()
                cgroup = domain.cgroup
                if seconds > 2:
                    domain.console().expect("GUEST-READY", GUEST_TIMEOUT)
                if paused:
                    domain.Pause()
                with duration(0, seconds):
                    end(domain)
                    self.assertEqual(ending(self.signals, domain.path)[0], reason)
                wait_until(lambda: not cgroup.path.exists(), what="the end of its groups", every=0.05)
                self.signals.seen.clear()

    def test_systemctl_stop(self):
        """systemctl stop follows the domain's plan"""
        domain = self.boot(StopPlan=[("SIGTERM", 5_000_000)])
        subprocess.run(["systemctl", "stop", domain.Unit], check=True)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGTERM")

    def test_release(self):
        """Release takes the groups away: systemd ends such a scope as any other"""
        domain = self.boot()
        leader, unit, cgroup = domain.Leader, domain.Unit, domain.cgroup
        domain.Pause()
        domain.Release()
        self.assertEqual([path for path in cgroup.path.iterdir() if path.is_dir()], [])
        self.assertEqual(cgroup.pids, [leader])
        self.assertFalse(cgroup.frozen)
        subprocess.run(["systemctl", "stop", unit], check=True)
        self.assertFalse(process_exists(leader))

    def spawn(self):
        process = subprocess.Popen(["sleep", "infinity"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_add(self):
        """a helper is added to the scope itself or a threaded group; not to ours, and not where the kernel refuses it"""
        domain, process, other = self.boot(), self.spawn(), self.spawn()
        (domain.cgroup.path / "plain").mkdir()
        (domain.cgroup.path / "helpers").mkdir()
        (domain.cgroup.path / "helpers/cgroup.type").write_text("threaded")
        for subgroup, error, text in (("vmm", "InvalidArgs", "'/vmm' is for the threads of the virtual machine 'web1'"),
                                      ("/vcpu1", "InvalidArgs", "'/vcpu1' is for the threads"),
                                      ("plain", "NotSupported", "'/plain' is not threaded"),
                                      ("nowhere", "InvalidArgs", "nowhere")):
            with self.subTest(text):
                self.assertError(error, text, domain.AddProcess, process.pid, subgroup)
        domain.AddProcess(process.pid, "/")
        domain.AddProcess(other.pid, "helpers")
        self.assertEqual({entry[1] for entry in domain.GetProcesses()}, {domain.Leader, process.pid, other.pid})
        self.assertLaidOut(domain)
        domain.Pause()
        self.assertFrozen(domain)
        domain.Destroy(0)
        self.assertEqual([each.wait(10) for each in (process, other)], 2 * [-signal.SIGTERM])


class TestVCPUs(MachineCase):
    """Needs the controllers, and is content with a QEMU that only looks like one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for path, text in (("/run/stand-in", STAND_IN), ("/run/kernel", ""),
                           ("/etc/vmmanager/vmmanagerd.conf.d/stand-in.conf", "[QEMU]\nBinary=/run/stand-in\n")):
            file = pathlib.Path(path)
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
        self.domain = self.make()
        self.everywhere = [cpus for _, _, cpus, *_ in self.domain.GetVCPUs()][0]

    def make(self, extra="idle"):
        keys = config(Kind="qemu", Kernel="/run/kernel", Extra=extra, Accelerator="tcg", Delegate=True, VCPUs=2)
        return self.bus.domain(self.manager.CreateDomain("web1", keys, START))

    def need(self, controller, cpus=1):
        if controller not in self.attribute(self.domain, "cgroup.controllers").split():
            self.skipTest(f"the scope has no controller '{controller}' on this machine")
        if len(self.everywhere) < cpus:
            self.skipTest(f"this machine has less than {cpus} CPUs")

    def cpus(self):
        """As told, which must be as the kernel has it of each thread."""
        vcpus = self.domain.GetVCPUs()
        self.assertEqual([cpus for _, _, cpus, *_ in vcpus],
                         [sorted(TestMachine.allowed(self.domain, thread)) for _, thread, *_ in vcpus])
        return [cpus for _, _, cpus, *_ in vcpus]

    def reload(self):
        for how in ("daemon-reload", "daemon-reexec"):
            subprocess.run(["systemctl", how], check=True)

    def describe(self):
        self.systemd.SetUnitProperties(self.domain.Unit, True, [("Description", V("s", "new"))])

    def test_pin(self):
        """a pinned vCPU stays so over pause, resume, reload and changes of the scope, until it is pinned no more"""
        self.need("cpuset")
        domain, last = self.domain, self.everywhere[-1]
        domain.PinVCPU(0, [last])
        for step in (lambda: None, domain.Pause, self.reload, domain.Resume, self.reload, self.describe):
            step()
            self.assertEqual(self.cpus(), [[last], self.everywhere])
            self.assertEqual([self.attribute(domain, f"{group}/cpuset.cpus") for group in ("vcpu0", "vcpu1", "vmm")],
                             [str(last), "", ""])
        domain.PinVCPU(1, self.everywhere)
        domain.PinVCPU(0, [])
        domain.PinVCPU(0, [])
        self.assertEqual(self.cpus(), 2 * [self.everywhere])

    def test_pin_in_scope(self):
        """a CPU that the scope may not use is refused by name; when that changes, who is pinned and who is not follow"""
        self.need("cpuset", 2)
        domain, (first, second) = self.domain, self.everywhere[:2]
        domain.PinVCPU(1, [second])
        subprocess.run(["systemctl", "set-property", "--runtime", domain.Unit, f"AllowedCPUs={first}"], check=True)
        self.assertError("InvalidArgs", f"cpus: CPU {second} is not for 'web1', whose scope may use {first}",
                         domain.PinVCPU, 0, [first, second])
        domain.PinVCPU(0, [])
        self.assertEqual(self.cpus(), [[first], [first]])
        subprocess.run(["systemctl", "set-property", "--runtime", domain.Unit, f"AllowedCPUs={first},{second}"], check=True)
        self.assertEqual(self.cpus(), [[first, second], [second]])

    def test_weigh(self):
        """a weight is kept over pause, resume and reload"""
        self.need("cpu")
        self.domain.WeighVCPU(1, 400)
        for step in (lambda: None, self.domain.Pause, self.reload, self.domain.Resume, self.reload, self.describe):
            step()
            self.assertEqual([weight for *_, weight, _ in self.domain.GetVCPUs()], [100, 400])
            self.assertEqual(self.attribute(self.domain, "vcpu1/cpu.weight"), "400")

    def test_weight_counts(self):
        """of two vCPUs on one CPU the one of ten times the weight gets most of it"""
        self.need("cpuset")
        self.need("cpu")
        self.domain.Destroy(FORCE)
        domain = self.make("busy")
        for vcpu, weight in ((0, 1000), (1, 100)):
            domain.PinVCPU(vcpu, self.everywhere[:1])
            domain.WeighVCPU(vcpu, weight)
        before = [usage for *_, usage in domain.GetVCPUs()]

        def used_since():
            return [usage - old for (*_, usage), old in zip(domain.GetVCPUs(), before)]
        wait_until(lambda: sum(used_since()) > 3_000_000_000, GUEST_TIMEOUT, "3 s of CPU time", every=0.1)
        used = used_since()
        self.assertGreater(used[0], 3 * used[1])

    def test_end(self):
        """systemd and the manager end it as any other: by a plan, by Destroy, by SIGKILL while it is paused"""
        domain = self.domain
        for end, reason in ((lambda: subprocess.run(["systemctl", "stop", domain.Unit], check=True), "stopped by SIGTERM"),
                            (lambda: domain.Destroy(0), "stopped by SIGTERM"),
                            (lambda: domain.Destroy(FORCE), "stopped by SIGKILL")):
            with self.subTest(reason):
                domain.set("StopPlan", [("SIGTERM", 5_000_000)])
                cgroup = domain.cgroup
                if "KILL" in reason:
                    domain.Pause()
                    self.assertFrozen(domain)
                end()
                self.assertEqual(ending(self.signals, domain.path)[0], reason)
                wait_until(lambda: not cgroup.path.exists(), what="the end of its groups", every=0.05)
                self.signals.seen.clear()
                domain = self.make()
