# SPDX-License-Identifier: LGPL-2.1-or-later
"""A domain whose part of the tree is delegated takes processes in, also below its scope; no other domain does."""

import os
import pathlib
import subprocess

from vmm import TestCase, as_tester, shell, wait_until


def cgroup_of(pid):
    return pathlib.Path(f"/proc/{pid}/cgroup").read_text().rpartition("\n0::")[2].strip()


class TestAddProcess(TestCase):
    def spawn(self, *prefix):
        process = subprocess.Popen([*prefix, "/bin/sleep", "infinity"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process.pid

    def delegated(self):
        """A domain with Delegate=yes whose payload has made the subgroup "workers"."""
        return self.create("web1", shell("cd /sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup) && mkdir workers && "
                                         "echo ready; exec sleep infinity", Delegate=True))

    def test_added(self):
        """a process is added to the scope or to a group below it, by PID or by pidfd, and ends with the domain"""
        domain = self.delegated()
        by_pid, by_fd, below = self.spawn(), self.spawn(), self.spawn()
        domain.AddProcess(by_pid, "")
        fd = os.pidfd_open(by_fd)
        domain.AddProcessFD(0, "/", fds=[fd])
        os.close(fd)
        domain.AddProcess(below, "workers")
        self.assertEqual([cgroup_of(pid) for pid in (by_pid, by_fd, below)],
                         [domain.ControlGroup, domain.ControlGroup, domain.ControlGroup + "/workers"])
        self.assertEqual(self.manager.GetDomainByPID(below), domain.path)
        self.assertIn(below, [pid for _, pid, _ in domain.GetProcesses()])
        domain.Pause()
        self.assertFrozen(domain)
        domain.Resume()
        domain.Destroy(4)
        self.assertEqual(self.manager.ListDomains(), [])

    def test_into_paused(self):
        """what is added to a paused domain stands still with it"""
        domain = self.delegated()
        domain.Pause()
        pid = self.spawn()
        domain.AddProcess(pid, "")
        self.assertEqual(cgroup_of(pid), domain.ControlGroup)
        self.assertFrozen(domain)
        self.assertEqual(domain.State, "paused")

    def test_not_delegated(self):
        """a domain without Delegate=yes takes nobody in, and says so"""
        domain, pid = self.create("web1", shell("echo ready; exec sleep infinity")), self.spawn()
        self.assertError("NotSupported", "Delegate=yes", domain.AddProcess, pid, "")
        self.assertEqual(cgroup_of(pid), cgroup_of(os.getpid()))

    def test_refused(self):
        """what is no process, no free one or no group below the scope is refused by name, and nothing moves"""
        domain, pid = self.delegated(), self.spawn()
        for number, text in ((0, "no process 0"), (4194303, "no process 4194303"), (1, "PID 1 cannot be moved"),
                             (domain.Leader, f"PID {domain.Leader} is in domain 'web1' already")):
            with self.subTest(text):
                self.assertError("DomainExists" if "already" in text else "InvalidArgs", text, domain.AddProcess, number, "")
        for subgroup in ("../system.slice", "workers/..", "workers//x", ".", "workers/", "a\nb"):
            with self.subTest(subgroup):
                self.assertError("InvalidArgs", "is not the path of a control group below the scope",
                                 domain.AddProcess, pid, subgroup)
        self.assertError("InvalidArgs", "No such file", domain.AddProcess, pid, "missing")
        self.assertEqual(cgroup_of(pid), cgroup_of(os.getpid()))

    def test_others(self):
        """a user who may add processes adds his own, and nobody else's"""
        self.polkit_rule('if (action.id == "org.example.VMManager1.adopt" && subject.user == "tester") '
                         'return polkit.Result.YES;')
        domain, foreign = self.delegated(), self.spawn()
        own = self.spawn("setpriv", "--reuid=tester", "--regid=tester", "--init-groups")
        wait_until(lambda: pathlib.Path(f"/proc/{own}").stat().st_uid != 0, what="the change of user")

        def add(pid):
            return as_tester("busctl", "call", "org.example.VMManager1", domain.path, "org.example.VMManager1.Domain",
                             "AddProcess", "us", str(pid), "")
        self.assertIn("Access denied", add(foreign).stderr)
        self.assertEqual(cgroup_of(foreign), cgroup_of(os.getpid()))
        result = add(own)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(cgroup_of(own), domain.ControlGroup)
