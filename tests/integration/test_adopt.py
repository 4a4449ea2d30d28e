# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes that run already become a domain, unharmed; those that must not are refused, unharmed."""

import contextlib
import os
import pathlib
import signal
import subprocess

from vmm import (AUTODESTROY, COUNTER, OBEDIENT, POLITE, Bus, Cgroup, TestCase, as_tester, config, ending,
                 process_exists, shell, wait_until)

FREE = 4194304 - 1    # the largest PID there can be: nobody has it


def cgroup_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next(line.removeprefix("0::") for line in lines if line.startswith("0::"))


class AdoptCase(TestCase):
    def spawn(self, payload="exec sleep infinity", *prefix):
        """A process group of its own, which ends with the test."""
        process = subprocess.Popen([*prefix, "/bin/sh", "-c", payload], stdout=subprocess.PIPE, text=True, process_group=0)

        def end():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self.addCleanup(end)
        return process

    def spawn_as_tester(self):
        """A process of the unprivileged user, and the user."""
        process = self.spawn("exec sleep infinity", "setpriv", "--reuid=tester", "--clear-groups")
        user = int(as_tester("id", "-u").stdout)
        wait_until(lambda: os.stat(f"/proc/{process.pid}").st_uid == user, every=0.01, what="the change of user")
        return process, user


class TestAdopt(AdoptCase):
    def spawn_tree(self):
        """A process with two children; their PIDs, its own first."""
        process = self.spawn("sleep infinity & echo $!; sleep infinity & echo $!; wait")
        return process, [process.pid, *(int(process.stdout.readline()) for _ in range(2))]

    def assertUntouched(self, *pids):
        """They live where they lived, and there is no domain."""
        for pid in pids:
            self.assertTrue(process_exists(pid), pid)
            self.assertEqual(cgroup_of(pid), cgroup_of(os.getpid()))
        self.assertEqual(self.manager.ListDomains(), [])
        wait_until(lambda: not self.scopes(), what="the end of every scope")

    def test_tree(self):
        """a tree of processes is adopted as it runs, the first is its leader"""
        process, pids = self.spawn_tree()
        twice = [*pids, pids[1]]    # which is no harm
        domain = self.bus.domain(self.manager.AdoptProcesses("web1", twice, config(Description="A tree"), 0))
        self.assertThawed(domain)
        self.assertEqual((domain.Leader, domain.Kind, domain.Command), (process.pid, "process", []))
        self.assertEqual((domain.StateReason, domain.scope.Description), ("adopted", "A tree"))
        self.assertEqual(domain.ControlGroup, "/machine.slice/vmm-web1.scope")
        self.assertCountEqual(domain.cgroup.pids, pids)
        self.assertEqual(self.manager.GetDomainByPID(pids[2]), domain.path)

    def test_pidfds(self):
        """pidfds serve as well as PIDs"""
        process, pids = self.spawn_tree()
        fds = [os.pidfd_open(pid) for pid in pids]
        path = self.manager.AdoptProcessFDs("web1", list(range(len(fds))), {}, 0, fds=fds)
        for fd in fds:
            os.close(fd)
        self.assertEqual(self.bus.domain(path).Leader, process.pid)
        self.assertCountEqual(self.bus.domain(path).cgroup.pids, pids)

    def test_children_stay(self):
        """children that were not named are not taken along; those born later are in the domain"""
        process = self.spawn("trap 'sleep infinity & echo $!' USR1; sleep infinity & echo $!; while :; do wait; done")
        child = int(process.stdout.readline())
        domain = self.bus.domain(self.manager.AdoptProcesses("web1", [process.pid], {}, 0))
        self.assertEqual((domain.cgroup.pids, cgroup_of(child)), ([process.pid], cgroup_of(os.getpid())))
        domain.Kill("leader", signal.SIGUSR1)
        born = int(process.stdout.readline())
        self.assertEqual(cgroup_of(born), domain.ControlGroup)

    def test_verbs(self):
        """an adopted domain is paused, resumed and stopped like any other; its output stays where it was"""
        process = self.spawn(COUNTER)
        domain = self.bus.domain(self.manager.AdoptProcesses("web1", [process.pid], {}, 0))
        domain.Pause()
        self.assertFrozen(domain)
        domain.Resume()
        self.assertThawed(domain)
        self.assertEqual((domain.GetConsoleLog(9), domain.ConsolePath), ([], ""))
        self.assertEqual([line for line in iter(process.stdout.readline, "ready\n")], [])
        domain.Destroy(0)
        self.assertEqual(process.wait(10), -signal.SIGTERM)

    def test_end(self):
        """the end of the last process ends the domain, also when the leader went long before"""
        process, pids = self.spawn_tree()
        domain = self.bus.domain(self.manager.AdoptProcesses("web1", pids, {}, 0))
        process.kill()
        process.wait()
        wait_until(lambda: domain.Leader == 0, what="that the leader is seen to be gone")
        self.assertThawed(domain)
        for pid in pids[1:]:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(ending(self.signals, domain.path), ("all processes ended", {}))

    def test_caller_leaves(self):
        """AUTODESTROY ends the adopted processes when the caller leaves the bus"""
        process, caller = self.spawn(POLITE), Bus()
        process.stdout.readline()
        caller.manager.AdoptProcesses("web1", [process.pid], {}, AUTODESTROY)
        caller.close()
        self.assertEqual(process.communicate(timeout=10), ("got TERM\n", None))

    def test_refused(self):
        """PID 1, the daemon, the dead and what is no process are refused by name, and nobody is moved"""
        good, dead = self.spawn(), self.spawn("exit 0")
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        daemon = self.bus.unit("vmmanagerd.service", "Service").MainPID
        for pid, text in ((1, "PID 1 cannot be moved"), (daemon, f"PID {daemon} cannot be moved"),
                          (dead.pid, f"PID {dead.pid} has ended"), (FREE, f"there is no process {FREE}"),
                          (0, "there is no process 0"), (2**32 - 1, "there is no process 4294967295")):
            with self.subTest(pid):
                self.assertError("InvalidArgs", text, self.manager.AdoptProcesses, "web1", [good.pid, pid], {}, 0)
                self.assertUntouched(good.pid)
        self.assertError("LimitExceeded", "More than 1024 processes",
                         self.manager.AdoptProcesses, "web1", 1025 * [good.pid], {}, 0)
        self.assertUntouched(good.pid)
        self.assertError("InvalidArgs", "No process is given", self.manager.AdoptProcesses, "web1", [], {}, 0)

    def test_kernel_thread(self):
        """a kernel thread is refused"""
        threads = [int(path.parent.name) for path in pathlib.Path("/proc").glob("[0-9]*/stat")
                   if int(path.read_text().rpartition(")")[2].split()[6]) & 0x00200000]
        if not threads:
            self.skipTest("none can be seen from this PID namespace")
        self.assertError("InvalidArgs", "cannot be moved", self.manager.AdoptProcesses, "web1", threads[:1], {}, 0)

    def test_no_pidfd(self):
        """a descriptor that is no pidfd, or one of a process that has ended, is refused"""
        dead = self.spawn("exit 0")
        fds = [os.open("/dev/null", os.O_RDONLY), os.pidfd_open(dead.pid)]
        dead.wait()
        for fd in fds:
            self.assertError("InvalidArgs", "number 0 is no pidfd of a process that lives",
                             self.manager.AdoptProcessFDs, "web1", [0], {}, 0, fds=[fd])
            os.close(fd)

    def test_in_a_domain(self):
        """a process that belongs to a domain is refused, and which; so is a name that is taken"""
        domain = self.create("web1", shell(OBEDIENT))
        self.assertError("DomainExists", f"PID {domain.Leader} is in domain 'web1' already",
                         self.manager.AdoptProcesses, "web2", [domain.Leader], {}, 0)
        process = self.spawn()
        self.assertError("DomainExists", "a domain 'web1' already",
                         self.manager.AdoptProcesses, "web1", [process.pid], {}, 0)
        self.assertThawed(domain)
        domain.Destroy(0)
        self.assertUntouched(process.pid)

    def test_failure_spares(self):
        """when the scope cannot be had, the processes run on where they were, and so does what has its name"""
        process, pids = self.spawn_tree()
        other = self.spawn("exec sleep infinity", "systemd-run", "--scope", "--quiet", "--unit=vmm-web1.scope")
        wait_until(lambda: self.scopes() == ["vmm-web1.scope"], what="the other's scope")
        self.assertError("DomainExists", "There is a unit vmm-web1.scope already",
                         self.manager.AdoptProcesses, "web1", pids, {}, 0)
        self.assertEqual(cgroup_of(other.pid), "/system.slice/vmm-web1.scope")
        self.assertEqual((self.bus.unit("vmm-web1.scope").ActiveState, self.bus.unit("vmm-web1.scope").SubState),
                         ("active", "running"))
        other.kill()
        self.assertUntouched(*pids)

    def test_frozen_slice(self):
        """a frozen slice is refused by name, and the processes are not left frozen in it"""
        keeper = self.create("keeper", shell(OBEDIENT, CgroupPath="cold.slice:x:keeper"))
        self.addCleanup(subprocess.run, ["systemctl", "thaw", "cold.slice"])
        subprocess.run(["systemctl", "freeze", "cold.slice"], check=True)
        process = self.spawn(COUNTER)
        self.assertError("SliceFrozen", "'web1'.* cold.slice",
                         self.manager.AdoptProcesses, "web1", [process.pid], config(CgroupPath="cold.slice:vmm:web1"), 0)
        self.assertTrue(Cgroup("/cold.slice").frozen)
        self.assertFalse(Cgroup(cgroup_of(process.pid)).frozen)
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.assertEqual([entry[0] for entry in self.manager.ListDomains()], ["keeper"])
        self.assertTrue(keeper.cgroup.frozen)

    def test_unprivileged(self):
        """an unprivileged user who may adopt adopts his own processes, and nobody else's"""
        self.polkit_rule('if (action.id == "org.example.VMManager1.adopt") return polkit.Result.YES;')
        tester = Bus("tester")
        self.addCleanup(tester.close)
        (own, user), foreign = self.spawn_as_tester(), self.spawn()
        self.assertError("AccessDenied", f"PID {foreign.pid} is not a process of user {user}",
                         tester.manager.AdoptProcesses, "web1", [own.pid, foreign.pid], {}, 0)
        self.assertUntouched(own.pid, foreign.pid)
        domain = self.bus.domain(tester.manager.AdoptProcesses("web1", [own.pid], {}, 0))
        self.assertEqual((domain.Leader, domain.OwnerUID), (own.pid, user))


class TestAdd(AdoptCase):
    """One more for a domain that is there."""

    def setUp(self):
        super().setUp()
        self.domain = self.create("web1", shell(OBEDIENT, Delegate=True))

    def test_add(self):
        """a process is added by PID or pidfd, to the scope or below it, and shares the fate of the domain"""
        (self.domain.cgroup.path / "workers").mkdir()
        processes = [self.spawn() for _ in range(3)]
        pidfd = os.pidfd_open(processes[2].pid)
        self.domain.AddProcess(processes[0].pid, "")
        self.domain.AddProcess(processes[1].pid, "workers")
        self.domain.AddProcessFD(0, "/workers", fds=[pidfd])
        os.close(pidfd)
        scope, workers = self.domain.ControlGroup, self.domain.ControlGroup + "/workers"
        self.assertEqual([cgroup_of(process.pid) for process in processes], [scope, workers, workers])
        self.assertLessEqual({(cgroup_of(process.pid), process.pid) for process in processes},
                             {entry[:2] for entry in self.domain.GetProcesses()})
        self.assertEqual(self.manager.GetDomainByPID(processes[1].pid), self.domain.path)
        self.assertThawed(self.domain)
        self.domain.Pause()
        self.assertTrue(Cgroup(workers).frozen)
        self.domain.Destroy(0)
        self.assertEqual([process.wait(10) for process in processes], 3 * [-signal.SIGTERM])

    def test_add_to_paused(self):
        """a process that is added to a paused domain stands still with it, which stays paused for the same reason"""
        processes = [self.spawn("while :; do :; done") for _ in range(10)]
        self.domain.Pause()
        since = self.domain.StateTimestamp
        for process in processes:
            self.domain.AddProcess(process.pid, "")
            self.assertFrozen(self.domain)
        self.assertEqual((self.domain.StateTimestamp, self.domain.PauseReasons), (since, ["user"]))
        self.domain.Resume()
        self.assertThawed(self.domain)

    def test_refused(self):
        """what cannot be added stays where it is, and the reason is told"""
        process, other = self.spawn(), self.create("web2", shell(OBEDIENT))
        for function, pid, subgroup, error, text in (
                (other.AddProcess, process.pid, "", "NotSupported", "Delegate=yes; 'web2' was not"),
                (self.domain.AddProcess, process.pid, "nowhere", "InvalidArgs", "nowhere"),
                (self.domain.AddProcess, process.pid, "..", "InvalidArgs", "subgroup: '..' is not the path"),
                (self.domain.AddProcess, process.pid, "a/../../b", "InvalidArgs", "is not the path"),
                (self.domain.AddProcess, process.pid, "a//b", "InvalidArgs", "is not the path"),
                (self.domain.AddProcess, 1, "", "InvalidArgs", "PID 1 cannot be moved"),
                (self.domain.AddProcess, 0, "", "InvalidArgs", "there is no process 0"),
                (self.domain.AddProcess, FREE, "", "InvalidArgs", f"there is no process {FREE}"),
                (self.domain.AddProcess, other.Leader, "", "DomainExists", f"PID {other.Leader} is in domain 'web2'")):
            with self.subTest(text):
                self.assertError(error, text, function, pid, subgroup)
                self.assertEqual(cgroup_of(process.pid), cgroup_of(os.getpid()))
                self.assertThawed(self.domain)
        self.assertEqual(len(self.domain.cgroup.pids), 1)

    def test_unprivileged(self):
        """an unprivileged user who may adopt adds his own processes, and nobody else's"""
        self.polkit_rule('if (action.id == "org.example.VMManager1.adopt" && action.lookup("domain") == "web1") '
                         'return polkit.Result.YES;')
        tester = Bus("tester")
        self.addCleanup(tester.close)
        (own, user), foreign, theirs = self.spawn_as_tester(), self.spawn(), tester.domain(self.domain.path)
        self.assertError("AccessDenied", f"PID {foreign.pid} is not a process of user {user}",
                         theirs.AddProcess, foreign.pid, "")
        theirs.AddProcess(own.pid, "")
        self.assertEqual(cgroup_of(own.pid), self.domain.ControlGroup)
