# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains that are processes: how they come to be, what they are given, how they are found, signalled, released."""

import contextlib
import os
import pathlib
import signal
import stat
import subprocess

from vmm import (AUTODESTROY, COUNTER, CROWD, FORCE, OBEDIENT, POLITE, REMOVE_LOGS, ROOT, SERVICE, START, Bus, Call, Error,
                 Signals, TestCase, config, duration, ending, has_crashed, make_folder, need_speed, process_exists,
                 shell, told, wait_nothing_left, wait_until)

FLIGHTY = {"UpTimeUSec", "Blocked", "CPUUsageNSec", "MemoryCurrent", "TasksCurrent", "IOReadBytes", "IOWriteBytes", "Progress",
           "ControlGroupPaths"}
UNKNOWN = 2**64 - 1


def program_of(pid):
    return os.readlink(f"/proc/{pid}/exe")


class TestCreate(TestCase):
    def test_first_instruction(self):
        """a process created paused is frozen before exec, and its first instruction comes with Resume"""
        sign = make_folder(self) / "sign"
        domain = self.create("web1", shell(f"echo >{sign}; {OBEDIENT}"), 0)
        self.assertFrozen(domain)
        self.assertEqual((domain.StateReason, domain.PauseReasons), ("created", ["user"]))
        self.assertEqual(program_of(domain.Leader), program_of(self.daemon()))
        self.assertFalse(sign.exists())
        domain.Resume()
        self.assertThawed(domain)
        domain.console().expect("ready")
        self.assertNotEqual(program_of(domain.Leader), program_of(self.daemon()))
        self.assertTrue(sign.exists())

    def daemon(self):
        return self.bus.unit("vmmanagerd.service", "Service").MainPID

    def test_start(self):
        """START leaves it running, in its scope from its first instruction on"""
        domain = self.create("web1", shell("grep ^0: /proc/self/cgroup; echo ready; exec sleep infinity"))
        self.assertThawed(domain)
        self.assertEqual((domain.Running, domain.Paused, domain.Dying), (True, False, False))
        self.assertEqual(domain.GetConsoleLog(9), [f"0::{domain.ControlGroup}", "ready"])

    def test_place(self):
        """the scope is what CgroupPath and Description ask for, and systemd's properties agree with the domain's"""
        domain = self.create("web1", shell(OBEDIENT, CgroupPath="a-b.slice:x:y@z", Description="A test"))
        scope, unit = self.bus.unit(domain.Unit, "Scope"), self.bus.unit(domain.Unit)
        self.assertEqual((domain.Unit, domain.Slice), ("x-y\\x40z.scope", "a-b.slice"))
        self.assertEqual((scope.Slice, unit.Description, scope.ControlGroup), ("a-b.slice", "A test", domain.ControlGroup))
        controllers = (domain.cgroup.path / "cgroup.controllers").read_text().split()
        self.assertEqual(domain.ControlGroupPaths, dict.fromkeys(["", *controllers], str(domain.cgroup.path)))
        self.assertEqual(domain.ControlGroup, "/a.slice/a-b.slice/x-y\\x40z.scope")
        self.assertEqual((unit.CollectMode, scope.Delegate, domain.Delegate), ("inactive-or-failed", False, False))
        wait_until(lambda: domain.InvocationID)
        self.assertEqual(domain.InvocationID, unit.InvocationID)

    def test_delegate(self):
        """Delegate hands the control group to the payload's user, who makes groups in it"""
        domain = self.create("web1", shell(OBEDIENT, Delegate=True))
        self.assertTrue(domain.Delegate and self.bus.unit(domain.Unit, "Scope").Delegate)
        self.assertEqual(domain.cgroup.path.stat().st_uid, 0)
        own = f"cd /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup) && mkdir own && echo $$ >own/cgroup.procs; {OBEDIENT}"
        theirs = self.create("web2", shell(own, Delegate=True, User="tester"))
        self.assertEqual(theirs.cgroup.path.stat().st_uid, pathlib.Path(f"/proc/{theirs.Leader}").stat().st_uid)
        self.assertIn(f"0::{theirs.ControlGroup}/own\n", pathlib.Path(f"/proc/{theirs.Leader}/cgroup").read_text())
        theirs.Pause()
        self.assertFrozen(theirs)

    def test_inherited(self):
        """a payload gets three descriptors, default signals, a clean environment and a session of its own"""
        domain = self.create("web1", config(Kind="process", Command=["sleep", "infinity"], Environment=["A=b c"]),
                             ready=False)
        proc = pathlib.Path(f"/proc/{domain.Leader}")
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        descriptors = {fd.name: os.readlink(fd) for fd in (proc / "fd").iterdir()}
        environment = (proc / "environ").read_text().rstrip("\0").split("\0")
        self.assertEqual(sorted(descriptors), ["0", "1", "2"])
        self.assertEqual(descriptors["0"], "/dev/null")
        self.assertEqual(descriptors["1"], descriptors["2"])
        self.assertTrue(stat.S_ISFIFO((proc / "fd/1").stat().st_mode))
        self.assertEqual({status[key].strip("0") for key in ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")}, {""})
        self.assertEqual(sorted(environment), [
            "A=b c", "HOME=/root", "LOGNAME=root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SHELL=/bin/bash", "USER=root"])
        self.assertEqual((os.getsid(domain.Leader), os.readlink(proc / "cwd")), (domain.Leader, "/"))
        self.assertEqual((status["Umask"], status["NoNewPrivs"], status["Threads"]), ("0022", "1", "1"))

    def test_user(self):
        """User and WorkingDirectory are taken; the payload is that user with his groups and nothing more"""
        domain = self.create("web1", shell("id -un; id -Gn; pwd; echo $HOME; grep CapEff /proc/self/status; " + OBEDIENT,
                                           User="tester", WorkingDirectory="/usr/share"))
        groups = subprocess.check_output(["id", "-Gn", "tester"], text=True).strip()
        self.assertEqual(domain.GetConsoleLog(9),
                         ["tester", groups, "/usr/share", "/tmp", "CapEff:\t0000000000000000", "ready"])
        self.assertEqual(domain.OwnerUID, 0)

    def test_unprivileged_creator(self):
        """what an unprivileged user may create runs as that user, and as nobody else"""
        self.polkit_rule('if (action.id == "org.example.VMManager1.create") return polkit.Result.YES;')
        tester = Bus("tester")
        self.addCleanup(tester.close)
        self.assertError("AccessDenied", "User: only root may .* another user, here 'root'",
                         tester.manager.CreateDomain, "web1", shell(OBEDIENT, User="root"), START)
        path = tester.manager.CreateDomain("web1", shell(f"id -un; {OBEDIENT}"), START)
        domain = self.bus.domain(path)
        domain.console().expect("tester\r?\nready")
        self.assertEqual(domain.OwnerUID, os.stat(f"/proc/{domain.Leader}").st_uid)
        self.assertNotEqual(domain.OwnerUID, 0)

    def test_cannot_execute(self):
        """a program that cannot be executed fails the call that was to execute it, and leaves nothing"""
        script = make_folder(self) / "script"
        script.write_text("#!/no/interpreter\n")
        script.chmod(0o755)
        for keys, reason in (({"Command": [str(script)]}, f"Cannot run {script}: No such file or directory .exec."),
                             ({"Command": ["true"], "WorkingDirectory": "/no/where"}, "No such file .*working directory"),
                             ({"Command": ["true"], "WorkingDirectory": "/root", "User": "tester"},
                              "Permission denied .working directory")):
            with self.subTest(reason):
                command = config(Kind="process", **keys)
                self.assertError("InvalidConfig", reason, self.manager.CreateDomain, "web1", command, START)
                self.assertEqual(self.manager.ListDomains(), [])
                domain = self.create("web1", command, 0)
                self.assertError("InvalidConfig", reason, domain.Resume)
                self.assertEqual(self.manager.ListDomains(), [])
                wait_nothing_left(self)

    def test_caller_leaves(self):
        """AUTODESTROY ends a domain when its creator leaves the bus, and no other domain"""
        caller = Bus()
        kept = self.create("web1", shell(OBEDIENT), START, caller)
        paused = self.create("web2", shell(OBEDIENT), AUTODESTROY, caller)
        running = self.create("web3", shell(OBEDIENT), START | AUTODESTROY, caller)
        caller.close()
        for domain in (paused, running):
            self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGTERM")
        self.assertEqual([entry[0] for entry in self.manager.ListDomains()], ["web1"])
        self.assertThawed(self.bus.domain(kept.path))


    def test_caller_leaves_early(self):
        """it ends it, too, when the creator leaves before the reply"""
        caller = Bus()
        caller.manager.begin("CreateDomain", "early", shell(OBEDIENT), START | AUTODESTROY)
        path = self.signals.wait("DomainAdded", "early")[1]
        caller.close()
        ending(self.signals, path)
        self.assertEqual(self.manager.ListDomains(), [])


class TestFind(TestCase):
    def setUp(self):
        super().setUp()
        self.uuid = "0b5e5d7c-52a1-4f6e-9c9a-3d1d5a2b7c8d"
        self.domain = self.create("a.b 1", shell(CROWD, UUID=self.uuid))

    def test_get_domain(self):
        """a domain is found by name, UUID, any of its PIDs, pidfd and control group"""
        find, domain = self.manager, self.domain
        child = next(pid for pid in domain.cgroup.pids if pid != domain.Leader)
        pidfd = os.pidfd_open(child)
        self.addCleanup(os.close, pidfd)
        found = {
            find.GetDomain("a.b 1"), find.GetDomainByUUID(self.uuid), find.GetDomainByUUID(self.uuid.replace("-", "")),
            find.GetDomainByPID(domain.Leader), find.GetDomainByPID(child), find.GetDomainByPIDFD(0, fds=[pidfd]),
            find.GetDomainByControlGroup(domain.ControlGroup), find.GetDomainByControlGroup(domain.ControlGroup + "/x"),
        }
        self.assertEqual(found, {domain.path})

    def test_no_such_domain(self):
        """who looks for a domain that is not there is told so"""
        find, own = self.manager, os.pidfd_open(os.getpid())
        self.addCleanup(os.close, own)
        null = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, null)
        for name, text, function, *arguments in (
                ("NoSuchDomain", "no domain named 'web1'", find.GetDomain, "web1"),
                ("NoSuchDomain", "no domain with UUID", find.GetDomainByUUID, "0b5e5d7c52a14f6e9c9a3d1d5a2b7c8e"),
                ("InvalidArgs", "'a.b 1' is no UUID", find.GetDomainByUUID, "a.b 1"),
                ("NoSuchDomain", f"no domain with process '{os.getpid()}'", find.GetDomainByPID, os.getpid()),
                ("NoSuchDomain", "no process 4194304", find.GetDomainByPID, 4194304),
                ("InvalidArgs", "0 is no PID", find.GetDomainByPID, 0),
                ("InvalidArgs", "4294967295 is no PID", find.GetDomainByPID, 2**32 - 1),
                ("NoSuchDomain", "in cgroup '/machine.slice'", find.GetDomainByControlGroup, "/machine.slice"),
                ("NoSuchDomain", "in cgroup", find.GetDomainByControlGroup, self.domain.ControlGroup[:-1]),
                ("NoSuchDomain", "in cgroup ''", find.GetDomainByControlGroup, "")):
            with self.subTest(text):
                self.assertError(name, text, function, *arguments)
        self.assertError("NoSuchDomain", "no domain with process", find.GetDomainByPIDFD, 0, fds=[own])
        self.assertError("InvalidArgs", "it is no pidfd", find.GetDomainByPIDFD, 0, fds=[null])

    def test_path(self):
        """a domain's object is called by the path of its UUID and by that of its encoded name, and by no other"""
        self.assertEqual(self.domain.path, f"{ROOT}/domain/_30" + self.uuid.replace("-", "")[1:])
        by_name = self.bus.domain("a_2eb_201")
        self.assertEqual(by_name.UUID, self.uuid)
        by_name.Pause()
        self.assertFrozen(self.domain)
        for other in ("/a", "/a_2eb", "/_30", "/0b5e5d7c52a14f6e9c9a3d1d5a2b7c8e"):
            with self.subTest(other):
                resume = Call(self.bus, SERVICE, f"{ROOT}/domain{other}", f"{SERVICE}.Domain", "Resume", None)
                self.assertError("UnknownObject", "Unknown object", resume.result)
        self.assertFrozen(self.domain)

    def test_list(self):
        """ListDomains gives name, UUID, state, leader, unit and path of each"""
        other = self.create("web2", shell(OBEDIENT), 0)
        self.assertCountEqual(self.manager.ListDomains(), [
            ("a.b 1", self.uuid, "running", self.domain.Leader, "vmm-a.b\\x201.scope", self.domain.path),
            ("web2", other.UUID, "paused", other.Leader, "vmm-web2.scope", other.path)])
        self.assertEqual((self.manager.NDomains, self.manager.NJobs), (2, 0))

    def test_processes(self):
        """GetProcesses lists every process with its control group and command line"""
        def sleepers():
            return [line for _, _, line in self.domain.GetProcesses()].count("sleep infinity")
        wait_until(lambda: sleepers() == 50, every=0.02, what="50 sleeping processes")
        processes = self.domain.GetProcesses()
        self.assertCountEqual([pid for _, pid, _ in processes], self.domain.cgroup.pids)
        self.assertEqual({cgroup for cgroup, _, _ in processes}, {self.domain.ControlGroup})
        leader = next(line for _, pid, line in processes if pid == self.domain.Leader)
        self.assertTrue(leader.startswith("/bin/sh -c "), leader)

    def test_stats(self):
        """the counters are the kernel's; what it does not account is left out, and UINT64_MAX as a property"""
        stats, folder = self.domain.GetStats(), self.domain.cgroup.path
        for name, file in (("CPUUsageNSec", "cpu.stat"), ("MemoryCurrent", "memory.current"),
                           ("TasksCurrent", "pids.current"), ("IOReadBytes", "io.stat"), ("IOWriteBytes", "io.stat")):
            with self.subTest(name):
                self.assertEqual(name in stats, (folder / file).exists())
                self.assertEqual(getattr(self.domain, name) == UNKNOWN, name not in stats)
        self.assertGreater(stats["UpTimeUSec"], 0)
        busy = self.create("web2", shell("echo ready; while :; do :; done"))
        before = busy.CPUUsageNSec
        wait_until(lambda: busy.CPUUsageNSec > before + 10**7, every=0.02)
        self.assertEqual({path for path, _ in self.manager.GetStats()}, {self.domain.path, busy.path})


class TestTell(TestCase):
    """What is told on the bus."""

    def managed(self):
        """What somebody knows who asks."""
        call = Call(self.bus, SERVICE, ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", None)
        return {path: self.lasting(interfaces) for path, interfaces in call.result().items() if path != ROOT}

    def followed(self):
        """What somebody knows who only listened."""
        objects = {}
        for member, path, arguments in self.listener.seen:
            if member == "InterfacesAdded":
                objects[arguments[0]] = self.lasting(arguments[1])
            elif member == "InterfacesRemoved":
                del objects[arguments[0]]
            elif member == "PropertiesChanged":
                interface, changed, invalidated = arguments
                self.assertEqual(invalidated, [])
                objects[path][interface].update(changed)
        return objects

    @staticmethod
    def lasting(interfaces):
        """The properties that change only with a signal."""
        return {interface: {name: value for name, value in values.items() if name not in FLIGHTY}
                for interface, values in interfaces.items() if interface.startswith(SERVICE)}

    def test_object_manager(self):
        """who only listens to the signals knows at each step what GetManagedObjects says"""
        self.listener = Signals(self.bus)
        self.addCleanup(self.listener.close)
        domains = [self.create("web1", shell(OBEDIENT)), self.create("web2", shell(OBEDIENT), 0)]

        def compare(step):
            with self.subTest(step):
                wait_until(lambda: all(domain.InvocationID for domain in domains))
                self.assertEqual(self.followed(), self.managed())
        compare("created")
        self.assertEqual(len(self.managed()), 3)    # and the slice
        domains[0].Pause()
        domains[1].Resume()
        compare("paused and resumed")
        domains[0].set("PauseTimeoutUSec", 1_000_000)
        domains[1].set("StopPlan", [("SIGINT", 7)])
        compare("set")
        domains.pop(0).Destroy(0)
        compare("destroyed")
        domains.pop().Release()
        compare("released")
        self.assertEqual(self.managed(), {})
        self.systemd.StopUnit("vmm-web2.scope", "replace")

    def test_signals(self):
        """domains and jobs are told when they come and go, states one after the other"""
        domain = self.create("web1", shell(OBEDIENT), 0)
        domain.Resume()
        domain.Destroy(FORCE)
        of = [(name, arguments) for name, at, arguments in self.signals.seen
              if domain.path in (at, *arguments[:2]) or name.startswith("Job")]
        states = [arguments[:2] for arguments in told(self.signals, domain.path, "StateChanged")]
        self.assertEqual(states, [("starting", "paused"), ("paused", "resuming"), ("resuming", "running"),
                                  ("running", "stopping"), ("stopping", "inactive")])
        names = [name for name, _ in of]
        self.assertLess(names.index("DomainAdded"), names.index("StateChanged"))
        self.assertEqual(names.count("DomainRemoved"), 1)
        self.assertLess(len(names) - 1 - names[::-1].index("StateChanged"), names.index("DomainRemoved"))
        new = [arguments for name, arguments in of if name == "JobNew" and arguments[2] == "web1"][-3:]
        removed = [arguments for name, arguments in of if name == "JobRemoved" and arguments[2] == "web1"][-3:]
        self.assertEqual([arguments[3] for arguments in new], ["create", "resume", "stop"])
        self.assertEqual(removed, [(*arguments, "done") for arguments in new])

    def test_console_log(self):
        """output and errors are kept in order, and outlive the domain unless REMOVE_LOGS forgets them"""
        domain = self.create("web1", shell(r"echo one; echo two >&2; printf 'th\033ree\n\351\n'; " + OBEDIENT))
        lines = ["one", "two", "three", "\ufffd", "ready"]
        self.assertEqual(domain.GetConsoleLog(100), lines)
        self.assertEqual(domain.GetConsoleLog(2), lines[-2:])
        self.assertEqual(domain.GetConsoleLog(0), [])
        self.assertEqual(self.manager.GetConsoleLog("web1", 100), lines)
        uuid = domain.UUID
        domain.Destroy(0)
        self.assertEqual(self.manager.GetConsoleLog("web1", 3), lines[-3:])
        self.assertEqual(self.manager.GetConsoleLog(uuid, 3), lines[-3:])
        self.create("forgotten", shell(OBEDIENT)).Destroy(REMOVE_LOGS)
        self.assertError("NoSuchDomain", "no domain 'forgotten'", self.manager.GetConsoleLog, "forgotten", 1)

    @need_speed
    def test_flood(self):
        """a payload that floods its console costs the daemon neither memory nor its attention"""
        daemon = pathlib.Path(f"/proc/{self.bus.unit('vmmanagerd.service', 'Service').MainPID}/statm")
        before = int(daemon.read_text().split()[1])
        domain = self.create("web1", shell("echo ready; exec yes " + 50 * "flood"), ready=False)
        while domain.CPUUsageNSec < 10**9:
            with duration(0, 2):
                domain.Pause()
                domain.Resume()
        self.assertLessEqual(len("\n".join(domain.GetConsoleLog(10**6))), 65536)
        self.assertLess((int(daemon.read_text().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE"), 32 << 20)

    def test_end(self):
        """the end of a domain tells how its leader ended, and whether it crashed"""
        for payload, reason, details, crashed in (("exit 0", "exited with status 0", {"ExitCode": 0}, False),
                                                  ("exit 7", "exited with status 7", {"ExitCode": 7}, True),
                                                  ("kill -SEGV $$", "killed by SIGSEGV", {"Signal": 11}, True)):
            with self.subTest(payload):
                domain = self.create("web1", shell(payload), 0)
                unit = domain.Unit
                with contextlib.suppress(Error):    # it may have ended before the reply
                    domain.Resume()
                self.assertEqual(ending(self.signals, domain.path), (reason, details))
                self.assertEqual(has_crashed(self.signals, domain.path), crashed)
                self.wait_gone(domain, unit)


class TestSignal(TestCase):
    def listen(self):
        """A domain whose leader and child tell when they hear USR1, and its console."""
        domain = self.create("web1", shell("trap 'echo leader heard' USR1; echo leader is there; "
                                           "(trap 'echo child heard' USR1; echo child is there; "
                                           "while :; do sleep 0.1; done) & while :; do wait; done"), ready=False)
        console = domain.console()
        console.expect("leader is there\n")
        console.expect("child is there\n")
        return domain, console

    def test_kill_leader(self):
        """Kill of the leader reaches it and not its children"""
        domain, console = self.listen()
        domain.Kill("leader", signal.SIGUSR1)
        console.expect("leader heard")
        self.assertNotIn("child heard", console.silence(0.3))

    def test_kill_all(self):
        """Kill of all reaches every process"""
        domain, console = self.listen()
        domain.Kill("all", signal.SIGUSR1)
        heard = console.expect(r"(leader|child) heard")[1]
        console.expect("child heard" if heard == "leader" else "leader heard")

    def test_kill_to_the_end(self):
        """a domain that Kill ended is gone, with the reason; one that lives on is as it was"""
        domain = self.create("web1", shell(CROWD))
        domain.Kill("leader", signal.SIGCONT)
        self.assertThawed(domain)
        domain.Kill("all", signal.SIGKILL)
        self.assertEqual(ending(self.signals, domain.path)[0], "killed by SIGKILL")

    def test_kill_wrongly(self):
        """Kill refuses whom and what it does not know"""
        domain = self.create("web1", shell(OBEDIENT))
        for whom, number, text in (("main", 15, "whom: 'main'"), ("", 15, "whom: ''"), ("all", 0, "no signal 0"),
                                   ("all", 65, "no signal 65"), ("leader", -1, "no signal -1")):
            with self.subTest(text):
                self.assertError("InvalidArgs", text, domain.Kill, whom, number)
        self.assertThawed(domain)

    def test_shutdown(self):
        """Shutdown is SIGTERM to a process domain, and replies without waiting for the end"""
        domain = self.create("web1", shell("trap 'echo got TERM' TERM; echo ready; while :; do sleep 0.1; done"))
        domain.Shutdown(0)
        domain.console().expect("got TERM")
        self.assertThawed(domain)
        self.assertError("InvalidArgs", "flags: unknown bits 0x1", domain.Shutdown, 1)

    def test_shutdown_paused(self):
        """Shutdown resumes a paused domain, so that its handler runs"""
        domain = self.create("web1", shell(POLITE))
        domain.Pause()
        domain.Shutdown(0)
        self.assertEqual(ending(self.signals, domain.path), ("exited with status 0", {"ExitCode": 0}))
        self.assertIn("got TERM", self.manager.GetConsoleLog("web1", 9))

    def test_shutdown_without_handler(self):
        """a payload that SIGTERM of a Shutdown ends has not crashed: somebody asked for it"""
        domain = self.create("web1", shell(OBEDIENT))
        domain.Shutdown(0)
        self.assertEqual(ending(self.signals, domain.path)[1], {"Signal": signal.SIGTERM})
        self.assertFalse(has_crashed(self.signals, domain.path))


class TestRelease(TestCase):
    def release(self, domain):
        """Releases it, and ends what was released when the test ends."""
        unit, cgroup, leader = domain.Unit, domain.cgroup, domain.Leader
        self.addCleanup(subprocess.run, ["systemctl", "kill", "--signal=KILL", unit], stderr=subprocess.DEVNULL)
        domain.Release()
        self.assertEqual(self.manager.ListDomains(), [])
        self.assertError("UnknownObject", "Unknown object", lambda: domain.State)
        return unit, cgroup, leader

    def test_goes_on(self):
        """released processes run on in their scope and may go on writing; systemd's stop is SIGTERM"""
        folder = make_folder(self)
        domain = self.create("web1", shell(
            f"trap 'echo >{folder}/TERM; exit' TERM; echo ready; until [ -e {folder}/go ]; do sleep 0.05; done; "
            f"head -c 1048576 /dev/zero | tr '\\0' x; echo >{folder}/written; while :; do sleep 0.05; done"))
        unit, cgroup, leader = self.release(domain)
        (folder / "go").touch()
        wait_until((folder / "written").exists, every=0.02, what="that it can write")
        self.assertEqual((cgroup.frozen, leader in cgroup.pids), (False, True))
        self.assertEqual((self.bus.unit(unit).SubState, self.bus.unit(unit, "Scope").Controller), ("abandoned", ""))
        self.systemd.StopUnit(unit, "replace")
        wait_until(lambda: unit not in self.scopes(), what="the end of the scope")
        self.assertTrue((folder / "TERM").exists())
        wait_until(lambda: not pathlib.Path(f"/proc/{leader}").exists(), every=0.02, what="that it is reaped")

    def test_paused(self):
        """a paused domain is resumed before it is released, also one that never ran"""
        for name, flags in (("web1", START), ("web2", 0)):
            with self.subTest(flags=flags):
                folder = make_folder(self)
                domain = self.create(name, shell(f"echo ready; until [ -e {folder}/go ]; do sleep 0.05; done; "
                                                 f"echo >{folder}/sign; {OBEDIENT}"), flags)
                if flags:
                    domain.Pause()
                _, cgroup, _ = self.release(domain)
                self.assertIs(cgroup.frozen, False)
                (folder / "go").touch()
                wait_until((folder / "sign").exists, every=0.02, what="that it runs")

    def test_name_is_free(self):
        """after Release the name can be used for another unit, and the processes be adopted again"""
        domain = self.create("web1", shell(COUNTER))
        _, _, leader = self.release(domain)
        again = self.bus.domain(self.manager.AdoptProcesses("web1", [leader], config(CgroupPath=":vmm:again"), 0))
        self.assertEqual((again.Unit, again.Leader), ("vmm-again.scope", leader))
        self.assertTrue(process_exists(leader))
