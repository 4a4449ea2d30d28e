# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon of a user: an unprivileged one who lingers, on the user's own bus, with the user's own systemd."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import stat
import subprocess

from test_adopt import AdoptCase, cgroup_of
from vmm import (AUTODESTROY, COUNTER, FORCE, FREEZABLE, GRACEFUL, GUEST_TIMEOUT, NOWAIT, OBEDIENT, POLITE, ROOT, SERVICE,
                 START, STUBBORN, TIMEOUT, WRITER, Bus, Call, Cgroup, Error, GLib, Signals, TestCase, V, config, duration,
                 ending, guest, hold_writers, make_folder, need_guest, process_exists, shell, stop_steps, wait_held,
                 wait_until)

DAEMON = "/usr/libexec/vmmanagerd"
USER, GROUP = pwd.getpwnam("tester")[2:4]
RUNTIME = pathlib.Path(f"/run/user/{USER}")
ADDRESS = f"unix:path={RUNTIME}/bus"
ENVIRONMENT = [f"XDG_RUNTIME_DIR={RUNTIME}", f"DBUS_SESSION_BUS_ADDRESS={ADDRESS}"]
MANAGER = f"user@{USER}.service"
TREE = f"/user.slice/user-{USER}.slice/{MANAGER}"    # where the user's systemd has its units


def as_user(*command, check=True):
    """Runs a command as the user, who finds the own bus."""
    return subprocess.run(["runuser", "-u", "tester", "--", "env", *ENVIRONMENT, *command], capture_output=True, text=True,
                          timeout=30, check=check)


def status_of(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())


def journal_of(pid):
    """What this process has told."""
    subprocess.run(["journalctl", "--sync"], check=True)
    return subprocess.check_output(["journalctl", "--quiet", "--output=cat", f"_PID={pid}"], text=True)


class UserCase(TestCase):
    """Everything goes through the user's bus."""

    @classmethod
    def setUpClass(cls):
        cls.root = Bus()
        cls.root.systemd.Subscribe()
        cls.root_signals = Signals(cls.root, sender="org.freedesktop.systemd1")
        subprocess.run(["loginctl", "enable-linger", "tester"], check=True)
        subprocess.run(["systemctl", "start", MANAGER], check=True)
        cls.connect()

    @classmethod
    def tearDownClass(cls):
        """First the daemon, whose memory is looked at when it ends."""
        as_user("systemctl", "--user", "stop", "vmmanagerd.service")
        cls.bus.close()
        subprocess.run(["loginctl", "disable-linger", "tester"], check=True)
        subprocess.run(["systemctl", "stop", MANAGER], check=True)    # logind does not know what a test started anew
        cls.root.close()

    @classmethod
    def wait_manager(cls, state):
        wait_until(lambda: cls.root.systemd.ListUnitsByNames([MANAGER])[0][3] == state, every=0.05,
                   what=f"that the user's systemd is {state}")

    @classmethod
    def connect(cls):
        """To the user's bus."""
        cls.bus = Bus("tester", ADDRESS)
        cls.manager, cls.systemd = cls.bus.manager, cls.bus.systemd
        with contextlib.suppress(Error):    # systemd 257 remembers the subscribers of the bus that was there before
            cls.systemd.Subscribe()
        cls.signals, cls.unit_signals = Signals(cls.bus), Signals(cls.bus, sender="org.freedesktop.systemd1")

    def version(self):
        return int(self.systemd.Version.split(".")[0].split("-")[0])

    def user_systemd(self):
        return self.root.unit(MANAGER, "Service").MainPID

    def service(self):
        return self.bus.unit("vmmanagerd.service", "Service")

    def stop_daemon(self):
        as_user("systemctl", "--user", "stop", "vmmanagerd.service")

    def systemctl(self, *arguments):
        """As the user, to the user's systemd; what it does may have to wait for us."""
        return subprocess.Popen(["runuser", "-u", "tester", "--", "env", *ENVIRONMENT, "systemctl", "--user", *arguments])


    def assertUnprivileged(self, pid):
        """It is the user, and no more."""
        status = status_of(pid)
        self.assertEqual((status["Uid"].split(), status["Gid"].split()), (4 * [str(USER)], 4 * [str(GROUP)]))
        self.assertEqual([int(status[key], 16) for key in ("CapInh", "CapPrm", "CapEff", "CapAmb")], 4 * [0])
        return status


class TestDaemon(UserCase):
    def test_activation(self):
        """the first call starts the user's unit, and finds a daemon that knows its systemd; SIGTERM ends it with status 0"""
        self.stop_daemon()
        features = self.manager.Features
        self.assertEqual((features["UserMode"], features["SystemdVersion"]), (True, self.systemd.Version))
        unit, service = self.bus.unit("vmmanagerd.service"), self.service()
        self.assertEqual(service.ControlGroup, f"{TREE}/session.slice/vmmanagerd.service")
        self.systemd.RefUnit("vmmanagerd.service")    # so that systemd remembers how it ended
        self.addCleanup(self.systemd.UnrefUnit, "vmmanagerd.service")
        os.kill(service.MainPID, signal.SIGTERM)
        wait_until(lambda: unit.ActiveState == "inactive", what="its end")
        self.assertEqual((service.Result, service.ExecMainCode, service.ExecMainStatus), ("success", os.CLD_EXITED, 0))

    def test_controllers(self):
        """Features tells the controllers that the user's systemd was delegated, and not those of the machine"""
        delegated = (Cgroup(TREE).path / "cgroup.controllers").read_text().split()
        self.assertEqual(self.manager.Features["CgroupControllers"], delegated)

    def test_runtime_folder(self):
        """what the daemon keeps lies in the user's runtime folder, and nobody else gets in"""
        domain = self.create("web1", shell(OBEDIENT))
        console = pathlib.Path(domain.ConsolePath)
        self.assertEqual(console.parents[2], RUNTIME / "vmmanager")
        for path in (RUNTIME / "vmmanager", *list(console.parents)[:2]):
            self.assertEqual((stat.S_IMODE(path.stat().st_mode), path.stat().st_uid), (0o700, USER), path)
        domain.Destroy(FORCE)
        self.assertFalse(console.parent.exists())

    def test_unprivileged(self):
        """the daemon and its domains are the user, without a capability"""
        domain = self.create("web1", shell(OBEDIENT))
        self.assertUnprivileged(self.service().MainPID)
        self.assertUnprivileged(domain.Leader)

    def test_no_bus(self):
        """without the user's bus the daemon ends with status 1 and says so"""
        result = as_user("env", "DBUS_SESSION_BUS_ADDRESS=unix:path=/no/where", DAEMON, "--user", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("Cannot reach the session bus: No such file or directory", result.stderr)

    def test_no_systemd(self):
        """on a bus without systemd it says so, and so does each attempt to create a domain"""
        create = (f"busctl --user -- call {SERVICE} {ROOT} {SERVICE}.Manager "
                  "CreateDomain 'sa{sv}t' web1 2 Kind s process Command as 1 true 1")
        result = as_user("dbus-run-session", "--", "sh", "-c",
                         f"{DAEMON} --user & gdbus wait --session --timeout 10 {SERVICE}; {create}; kill -TERM $!; wait $!",
                         check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Cannot reach systemd on the session bus, no domain can be created: ", result.stderr)
        self.assertIn("systemd refused StartTransientUnit of vmm-web1.scope: ", result.stderr)

    def test_by_hand(self):
        """started by hand instead of by systemd it does the same, in a runtime folder of the same kind"""
        self.stop_daemon()
        daemon = subprocess.Popen(["runuser", "-u", "tester", "--", "env", *ENVIRONMENT, "sh", "-c",
                                   f"rm -rf {RUNTIME}/vmmanager; exec {DAEMON} --user"])
        self.addCleanup(daemon.wait)
        bus = self.bus.object("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        wait_until(lambda: bus.NameHasOwner(SERVICE), every=0.05, what="the daemon")
        pid = bus.GetConnectionUnixProcessID(SERVICE)
        self.assertNotIn("vmmanagerd.service", cgroup_of(pid))
        domain = self.create("web1", shell(OBEDIENT), 0)
        self.assertFrozen(domain)
        for path in list(pathlib.Path(domain.ConsolePath).parents)[:3]:
            self.assertEqual((stat.S_IMODE(path.stat().st_mode), path.stat().st_uid), (0o700, USER), path)
        domain.Destroy(FORCE)
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(daemon.wait(TIMEOUT), 0)


class TestProcess(UserCase):
    def test_place(self):
        """a domain lives in app.slice of the user's systemd, or in the user's slice that its path names"""
        domain = self.create("web1", shell(OBEDIENT))
        self.assertEqual((domain.CgroupPath, domain.Slice, domain.OwnerUID), ("app.slice:vmm:web1", "app.slice", USER))
        self.assertEqual(domain.ControlGroup, f"{TREE}/app.slice/vmm-web1.scope")
        for path, place in (("work-vm.slice:x:web2", "work.slice/work-vm.slice/x-web2.scope"),
                            ("-.slice::web3", "web3.scope")):
            domain = self.create(path.rpartition(":")[2], shell(OBEDIENT, CgroupPath=path))
            self.assertEqual(domain.ControlGroup, f"{TREE}/{place}")
            self.assertEqual(cgroup_of(domain.Leader), domain.ControlGroup)

    def test_life(self):
        """created paused, resumed, paused, resumed, looked at, destroyed: by all witnesses"""
        domain = self.create("web1", shell(f"id -un; pwd; {COUNTER}"), 0)
        self.assertFrozen(domain)
        domain.Resume()
        self.assertThawed(domain)
        console = domain.console()
        console.expect("tester\r?\n/\r?\nready")
        console.expect("tick 1")
        domain.Pause()
        self.assertFrozen(domain)
        console.silence(0.2)
        self.assertEqual(console.silence(0.5), "")
        domain.Resume()
        console.expect("tick")
        self.assertIn((domain.ControlGroup, domain.Leader), [entry[:2] for entry in domain.GetProcesses()])
        self.assertGreater(domain.GetStats()["CPUUsageNSec"], 0)
        self.assertEqual(self.manager.GetStats()[0][0], domain.path)
        self.assertIn("ready", domain.GetConsoleLog(100))
        self.assertEqual(self.manager.GetDomainByPID(domain.Leader), domain.path)
        self.assertEqual(self.manager.GetDomainByControlGroup(domain.ControlGroup), domain.path)
        unit = domain.Unit
        domain.Destroy(0)
        self.assertEqual(ending(self.signals, domain.path), ("stopped by SIGTERM", {"Signal": signal.SIGTERM}))
        self.wait_gone(domain, unit)
        self.assertIn("ready", self.manager.GetConsoleLog("web1", 100))

    def test_graceful(self):
        """GRACEFUL never kills: what ignores SIGTERM, paused or not, is told and runs on"""
        domain = self.create("web1", shell(STUBBORN))
        for pause in (False, True):
            if pause:
                domain.Pause()
            with duration(3, 5):
                self.assertError("StopTimeout", rf"SIGTERM.*\b{domain.Leader}\b", domain.Destroy, GRACEFUL)
            self.assertThawed(domain)

    def test_stop(self):
        """a plain Destroy escalates, NOWAIT answers before, FORCE kills at once, a plan is followed step by step"""
        domain = self.create("web1", shell(STUBBORN))
        with duration(0, 1):
            domain.Destroy(NOWAIT)
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGKILL")
        self.assertEqual(stop_steps(self.signals, domain.path), ["SIGTERM", "SIGKILL"])
        domain = self.create("web2", shell(STUBBORN), 0)
        with duration(0, 1):
            domain.Destroy(FORCE)
        domain = self.create("web3", shell("trap 'echo USR1' USR1; " + POLITE))
        console = domain.console()
        domain.Stop([("SIGUSR1", 300_000), ("SIGTERM", 5_000_000)], 0)
        console.expect("USR1")
        console.expect("got TERM")

    def test_kill(self):
        """Kill sends a signal to the leader or to all"""
        domain = self.create("web1", shell("trap 'echo USR1' USR1; " + POLITE))
        console = domain.console()
        for whom in ("leader", "all"):
            domain.Kill(whom, signal.SIGUSR1)
            console.expect("USR1")
        domain.Kill("all", signal.SIGKILL)
        self.assertEqual(ending(self.signals, domain.path)[0], "killed by SIGKILL")

    def test_systemctl(self):
        """the user's systemctl freezes, thaws and stops it, which is noticed; a stop follows the domain's plan"""
        domain = self.create("web1", shell("trap 'echo got USR1; exit 0' USR1; " + STUBBORN,
                                           StopPlan=[("SIGUSR1", 5_000_000)]))
        console = domain.console()
        as_user("systemctl", "--user", "freeze", domain.Unit)
        domain.wait_state("paused")
        self.assertEqual((domain.StateReason, domain.PauseReasons), ("frozen from outside", ["frozen"]))
        if self.version() >= 257:    # which does not stop what is frozen
            as_user("systemctl", "--user", "thaw", domain.Unit)
            domain.wait_state("running")
        stop = self.systemctl("stop", domain.Unit)
        console.expect("got USR1")
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGUSR1")
        self.assertEqual(stop.wait(10), 0)

    def test_frozen_slice(self):
        """a slice that the user froze takes no domain; one that is there is paused with it"""
        keeper = self.create("keeper", shell(OBEDIENT, CgroupPath="cold.slice:x:keeper"))
        self.addCleanup(as_user, "systemctl", "--user", "thaw", "cold.slice")
        as_user("systemctl", "--user", "freeze", "cold.slice")
        keeper.wait_state("paused")
        self.assertError("SliceFrozen", "'web1'.* cold.slice", self.manager.CreateDomain, "web1",
                         shell(OBEDIENT, CgroupPath="cold-deep.slice:x:web1"), START)
        self.assertError("SliceFrozen", "cold.slice", keeper.Resume)
        as_user("systemctl", "--user", "thaw", "cold.slice")
        keeper.wait_state("running")

    def test_slice(self):
        """a slice of the user's is paused, resumed and stopped as one, and can be limited as far as was delegated"""
        domains = [self.create(f"web{i}", shell(OBEDIENT, CgroupPath=f"work.slice:vmm:web{i}")) for i in range(3)]
        group = self.bus.slice("work.slice")
        self.assertEqual((group.ControlGroup, sorted(group.Domains)),
                         (f"{TREE}/work.slice", sorted(domain.path for domain in domains)))
        group.Pause()
        for domain in domains:
            self.assertFrozen(domain)
        self.assertTrue(group.Paused)
        group.Resume()
        for domain in domains:
            self.assertThawed(domain)
        self.assertError("NotSupported", "needs 'bpf' control", group.SetResources, [("IPAccounting", V("b", True))])
        group.Stop([], 0)
        wait_until(lambda: not self.manager.ListDomains(), what="the end of every domain")

    def test_freeze_timeout(self):
        """a task that does not freeze is named, with what it waits for, and the domain runs on"""
        if FREEZABLE.is_dir():
            (FREEZABLE / "file").touch()
            os.chown(FREEZABLE / "file", USER, GROUP)
            self.addCleanup((FREEZABLE / "file").unlink)
        hold_writers(self)
        domain = self.create("web1", shell(WRITER, PauseTimeoutUSec=500_000))
        wait_held(domain)
        self.assertError("FreezeTimeout", rf"\b{domain.Leader}\b.*percpu_rwsem_wait", domain.Pause)
        self.assertEqual((domain.State, domain.cgroup.frozen), ("running", False))

    def test_autodestroy(self):
        """AUTODESTROY ends a domain when who made it leaves the user's bus"""
        caller = Bus("tester", ADDRESS)
        domain = self.bus.domain(caller.manager.CreateDomain("web1", shell(POLITE), START | AUTODESTROY))
        domain.console().expect("ready")
        caller.close()
        self.assertEqual(ending(self.signals, domain.path)[0], "stopped by SIGTERM")

    def test_release(self):
        """Release leaves the processes to the user's systemd, from where they are adopted again"""
        domain = self.create("web1", shell(OBEDIENT))
        leader, unit = domain.Leader, domain.Unit
        domain.Release()
        self.assertEqual((self.manager.ListDomains(), self.bus.unit(unit).SubState), ([], "abandoned"))
        domain = self.bus.domain(self.manager.AdoptProcesses("web2", [leader], {}, 0))
        self.assertEqual(domain.cgroup.pids, [leader])
        domain.Pause()
        self.assertFrozen(domain)

    def test_gained_privileges(self):
        """a program that became root by its set-user-ID bit is paused; that no signal reaches it is told each time"""
        program = pathlib.Path("/opt/become-root")
        shutil.copy("/usr/bin/setpriv", program)
        self.addCleanup(program.unlink)
        program.chmod(0o4755)
        domain = self.create("web1", config(Kind="process", Command=[str(program), "--reuid=0", "--clear-groups",
                                                                     "/bin/sh", "-c", OBEDIENT]))
        leader = domain.Leader
        self.addCleanup(subprocess.run, ["kill", "-KILL", str(leader)], stderr=subprocess.DEVNULL)
        self.assertEqual(status_of(leader)["Uid"].split(), 4 * ["0"])
        domain.Pause()
        self.assertFrozen(domain)
        domain.Resume()
        for name, function, *arguments in (("AccessDenied", domain.Kill, "leader", signal.SIGTERM),
                                           ("Failed", domain.Kill, "all", signal.SIGTERM),
                                           ("Failed", domain.Destroy, 0), ("Failed", domain.Destroy, GRACEFUL)):
            self.assertError(name, "not permitted", function, *arguments)
            self.assertThawed(domain)
        self.assertError("AccessDenied", f"PID {leader} is not a process of user {USER}",
                         self.manager.AdoptProcesses, "web2", [leader], {}, 0)
        if self.version() < 257:
            self.assertError("Failed", "not permitted", domain.Destroy, FORCE)
            self.assertThawed(domain)
        else:    # which has the kernel kill the control group
            domain.Destroy(FORCE)
            self.assertFalse(process_exists(leader))

    def test_settings(self):
        """the user's own settings count, and the system's where there are none"""
        folder = pathlib.Path(pwd.getpwnam("tester").pw_dir) / ".config/vmmanager"
        folder.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, folder)
        (folder / "vmmanagerd.conf").write_text("[Manager]\nDefaultSlice=mine.slice\nMaxDomains=1\n")
        self.stop_daemon()
        self.addCleanup(self.stop_daemon)
        self.addCleanup(self._end_domains)
        self.assertEqual(self.create("web1", shell(OBEDIENT)).ControlGroup, f"{TREE}/mine.slice/vmm-web1.scope")
        self.assertError("LimitExceeded", "MaxDomains=", self.manager.CreateDomain, "web2", shell(OBEDIENT), 0)

    def test_refused(self):
        """another user to run as is refused: a user's own manager cannot change users"""
        for user in ("root", "tester"):
            self.assertError("NotSupported", "^User: a user's own manager cannot change users$",
                             self.manager.CreateDomain, "web1", shell(OBEDIENT, User=user), 0)
        self.assertEqual((self.manager.ListDomains(), self.scopes()), ([], []))


class TestAdopt(UserCase, AdoptCase):
    def test_service(self):
        """a process of one of the user's own services"""
        as_user("systemd-run", "--user", "--unit=mine", "--collect", "sleep", "infinity")
        leader = self.bus.unit("mine.service", "Service").MainPID
        domain = self.bus.domain(self.manager.AdoptProcesses("web1", [leader], {}, 0))
        self.assertEqual((domain.Leader, cgroup_of(leader)), (leader, f"{TREE}/app.slice/vmm-web1.scope"))
        domain.Pause()
        self.assertFrozen(domain)
        domain.Resume()
        domain.Destroy(0)
        self.assertFalse(process_exists(leader))

    def test_elsewhere(self):
        """one's own process from elsewhere in the machine, by PID and by descriptor"""
        for i, as_descriptor in enumerate((False, True)):
            process, _ = self.spawn_as_tester()
            if as_descriptor:
                pidfd = os.pidfd_open(process.pid)
                path = self.manager.AdoptProcessFDs(f"web{i}", [0], {}, 0, fds=[pidfd])
                os.close(pidfd)
            else:
                path = self.manager.AdoptProcesses(f"web{i}", [process.pid], {}, 0)
            domain = self.bus.domain(path)
            self.assertEqual(cgroup_of(process.pid), f"{TREE}/app.slice/vmm-web{i}.scope")
            domain.Pause()
            self.assertFrozen(domain)

    def test_refused(self):
        """what is not the user's, or what everything of the user hangs on, is refused and stays where it is"""
        foreign = self.spawn()
        own = self.user_systemd()
        daemon = self.service().MainPID if self.manager.Version else 0
        for pid, error, text in ((foreign.pid, "AccessDenied", f"PID {foreign.pid} is not a process of user {USER}"),
                                 (1, "InvalidArgs", "PID 1 cannot be moved"),
                                 (daemon, "InvalidArgs", f"PID {daemon} cannot be moved"),
                                 (own, "InvalidArgs", f"PID {own} cannot be moved")):
            with self.subTest(text):
                place = cgroup_of(pid)
                self.assertError(error, text, self.manager.AdoptProcesses, "web1", [pid], {}, 0)
                self.assertEqual((cgroup_of(pid), self.manager.ListDomains()), (place, []))

    def test_add(self):
        """a process is added to a delegated domain, to its scope and to a group that the domain made below it"""
        domain = self.create("web1", shell("mkdir /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/workers; " + OBEDIENT,
                                           Delegate=True))
        (first, _), (second, _) = self.spawn_as_tester(), self.spawn_as_tester()
        pidfd = os.pidfd_open(second.pid)
        domain.AddProcess(first.pid, "")
        domain.AddProcessFD(0, "workers", fds=[pidfd])
        os.close(pidfd)
        self.assertEqual([cgroup_of(process.pid) for process in (first, second)],
                         [domain.ControlGroup, domain.ControlGroup + "/workers"])
        domain.Pause()
        self.assertTrue(Cgroup(domain.ControlGroup + "/workers").frozen)
        domain.Destroy(0)
        self.assertEqual([process.wait(10) for process in (first, second)], 2 * [-signal.SIGTERM])

    def test_add_refused(self):
        """a process that cannot be added is told to be one, never silently left out"""
        delegated, plain = self.create("web1", shell(OBEDIENT, Delegate=True)), self.create("web2", shell(OBEDIENT))
        (own, _), foreign = self.spawn_as_tester(), self.spawn()
        for domain, pid, subgroup, error, text in (
                (plain, own.pid, "", "NotSupported", "Delegate=yes; 'web2' was not"),
                (delegated, own.pid, "nowhere", "InvalidArgs", "nowhere"),
                (delegated, own.pid, "../web2", "InvalidArgs", "is not the path"),
                (delegated, foreign.pid, "", "AccessDenied", f"is not a process of user {USER}"),
                (delegated, self.user_systemd(), "", "InvalidArgs", "cannot be moved")):
            with self.subTest(text):
                place = cgroup_of(pid)
                self.assertError(error, text, domain.AddProcess, pid, subgroup)
                self.assertEqual(cgroup_of(pid), place)


class TestLimits(UserCase):
    LIMITS = {"cpu": ("CPUWeight", V("t", 50)), "memory": ("MemoryMax", V("t", 64 << 20)), "pids": ("TasksMax", V("t", 99)),
              "io": ("IOWeight", V("t", 50)), "cpuset": ("AllowedCPUs", V("ay", b"\1"))}

    def assertRefused(self, domain, text, name, value):
        """At creation and later, and nothing of it is there."""
        self.assertError("NotSupported", text, domain.SetResources, [(name, value)])
        self.assertError("NotSupported", text, self.manager.CreateDomain, "web2",
                         shell(OBEDIENT, Resources=V("a{sv}", {name: value})), 0)
        self.assertNotIn(name, domain.Resources)

    def test_controllers(self):
        """a limit needs a controller that the user's systemd was delegated, and takes effect; others are refused by name"""
        features, domain = self.manager.Features, self.create("web1", shell(OBEDIENT))
        for controller, (name, value) in self.LIMITS.items():
            with self.subTest(controller):
                delegated = controller in features["CgroupControllers"]
                self.assertEqual(name in features["ResourceProperties"], delegated)
                if delegated:
                    domain.SetResources([(name, value)])
                    self.assertEqual(domain.Resources[name], value.unpack())
                else:
                    self.assertRefused(domain, f"^{name} needs '{controller}' control, which this systemd does not have$",
                                       name, value)
        self.assertEqual((domain.Warnings, self.manager.ListDomains()[1:]), ([], []))

    def test_devices(self):
        """policies for devices and addresses, which only the system's systemd can enforce, are refused, and why"""
        domain = self.create("web1", shell(OBEDIENT))
        for name, value, control in (("DevicePolicy", V("s", "closed"), "devices"),
                                     ("DeviceAllow", V("a(ss)", [("/dev/null", "rw")]), "devices"),
                                     ("IPAddressDeny", V("a(iayu)", [(2, bytes(4), 0)]), "bpf")):
            self.assertNotIn(name, self.manager.Features["ResourceProperties"])
            self.assertRefused(domain, f"{name} needs '{control}' control", name, value)
        for function, *arguments in ((domain.AddDevice, "/dev/null", "rw"), (domain.RemoveDevice, "/dev/null")):
            self.assertError("NotSupported", "Only the system's service manager can control devices", function, *arguments)
        self.assertEqual(domain.Devices, [])


class TestGuest(UserCase):
    def test_life(self):
        """a virtual machine is created paused, boots, is paused, resumed and shut down"""
        domain = self.create("web1", guest("counter"), 0)
        self.assertFrozen(domain)
        console = domain.console()
        domain.Resume()
        console.expect("GUEST-READY", GUEST_TIMEOUT)
        console.expect("tick")
        domain.Pause()
        self.assertFrozen(domain)
        console.silence(0.2)
        self.assertEqual(console.silence(0.5), "")
        domain.Resume()
        self.assertThawed(domain)
        console.expect("tick")
        domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON")
        self.assertEqual(ending(self.signals, domain.path), ("guest-shutdown", {"ExitCode": 0}))

    def test_networks(self):
        """its networks are of mode user: QEMU gives it an address; an interface of the host is refused"""
        self.assertError("NotSupported", "a user's own manager has those of mode 'user' only", self.manager.CreateDomain,
                         "web1", guest(Networks=[{"Bridge": V("s", "br0")}]), 0)
        domain = self.create("web1", guest(Networks=[{"Mode": V("s", "user")}]))
        console = domain.console()
        console.expect("GUEST-READY", GUEST_TIMEOUT)
        console.send("ip link set eth0 up; udhcpc -i eth0 -n -q -s /bin/true 2>&1\n")
        console.expect("lease of 10.0.2.15 obtained", GUEST_TIMEOUT)

    def test_confined(self):
        """QEMU is the user, with its sandbox on top"""
        domain = self.create("web1", guest(), 0)
        status, systemd = self.assertUnprivileged(domain.Leader), status_of(self.user_systemd())
        self.assertEqual((status["NoNewPrivs"], int(status["Seccomp_filters"])), ("1", int(systemd["Seccomp_filters"]) + 1))

    def test_delegated(self):
        """with Delegate it has a control group for each vCPU here, too, and is paused and stopped like any other"""
        domain = self.create("web1", guest(VCPUs=2, Delegate=True), 0)
        groups = sorted(path.name for path in domain.cgroup.path.iterdir() if path.is_dir())
        self.assertEqual(groups, ["vcpu0", "vcpu1", "vmm"])
        self.assertEqual(cgroup_of(domain.Leader), domain.ControlGroup + "/vmm")
        self.assertFrozen(domain)
        domain.Resume()
        domain.console().expect("GUEST-READY", GUEST_TIMEOUT)
        domain.Pause()
        self.assertFrozen(domain)
        domain.Destroy(GRACEFUL)
        self.assertEqual(ending(self.signals, domain.path), ("stopped by SIGTERM", {"ExitCode": 0}))

    def test_systemctl_stop(self):
        """the user's systemctl stop asks the guest first"""
        domain = self.create("web1", guest())
        domain.console().expect("GUEST-READY", GUEST_TIMEOUT)
        as_user("systemctl", "--user", "stop", domain.Unit)
        self.assertEqual(ending(self.signals, domain.path)[0], "shut down")
        self.assertEqual(stop_steps(self.signals, domain.path), ["guest"])

    def test_unreadable(self):
        """a kernel that the user cannot read is refused by name"""
        need_guest()
        secret = make_folder(self) / "secret"
        secret.write_text("x")
        secret.chmod(0o600)
        self.assertError("InvalidConfig", f"^Kernel: {secret}: Permission denied$",
                         self.manager.CreateDomain, "web1", guest(Kernel=str(secret)), 0)


class TestOthers(UserCase):
    def test_other_callers(self):
        """neither root nor another user gets at the user's bus, and the daemon is on no other"""
        self.assertTrue(self.manager.Version)
        for user in (None, "nobody"):
            with self.assertRaises(GLib.Error, msg=user):
                Bus(user, ADDRESS)
        owner = Call(self.root, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                     V("(s)", (SERVICE,))).result()
        if owner:
            pid = Call(self.root, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                       "GetConnectionUnixProcessID", V("(s)", (SERVICE,))).result()
            self.assertNotEqual(pid, self.service().MainPID)

    def test_system_domains(self):
        """the system's domains are not the user's, and a user's own not the system's: each may have the same name"""
        ours = self.create("web1", shell(OBEDIENT))
        theirs = self.root.domain(self.root.manager.CreateDomain("web1", shell(OBEDIENT), START))
        self.addCleanup(theirs.Destroy, FORCE)
        self.assertNotEqual(ours.ControlGroup, theirs.ControlGroup)
        self.assertError("AccessDenied", f"PID {theirs.Leader} is not a process of user {USER}",
                         self.manager.AdoptProcesses, "web2", [theirs.Leader], {}, 0)
        self.assertError("NoSuchDomain", "with process", self.manager.GetDomainByPID, theirs.Leader)


class TestEnd(UserCase):
    """The end of what the daemon hangs on."""

    def setUp(self):
        self.addCleanup(as_user, "systemctl", "--user", "kill", "--signal=KILL", "vmm-*.scope", check=False)
        super().setUp()
        self.daemon = self.service().MainPID

    def wait_daemon_gone(self):
        wait_until(lambda: not process_exists(self.daemon), every=0.02, what="the daemon's end")

    def reconnect(self):
        self.bus.close()
        type(self).connect()

    def test_bus_gone(self):
        """without its bus the daemon says so and ends, with status 1; domains are not harmed, and it is started again"""
        running, paused = self.create("web1", shell(COUNTER)), self.create("web2", shell(OBEDIENT), 0)
        cgroups, leaders = (running.cgroup, paused.cgroup), [running.Leader, paused.Leader]
        as_user("systemctl", "--user", "stop", "dbus.service")    # when it is killed, systemd 252 hangs now and then
        self.wait_daemon_gone()
        self.reconnect()
        self.assertIn("The session bus is gone; domains are left to run on\n", journal_of(self.daemon))
        self.assertIn("vmmanagerd.service: Main process exited, code=exited, status=1/FAILURE",
                      journal_of(self.user_systemd()))
        self.assertEqual([cgroup.frozen for cgroup in cgroups], [False, True])
        self.assertTrue(all(process_exists(leader) for leader in leaders))
        wait_until(lambda: self.service().MainPID not in (0, self.daemon), every=0.05, what="the daemon's new start")
        as_user("systemctl", "--user", "kill", "--signal=KILL", "vmm-*.scope")

    def test_bus_gone_while_busy(self):
        """so it ends, too, in the midst of creating, freezing and stopping; who was to live lives on"""
        need_guest()
        hold_writers(self)
        writer = self.create("web1", shell(WRITER, PauseTimeoutUSec=60_000_000))
        stubborn = self.create("web2", shell(STUBBORN, Delegate=True))
        wait_held(writer)
        jobs = [writer.begin("Pause"), stubborn.begin("Stop", [("SIGTERM", 60_000_000), ("SIGKILL", 1_000_000)], 0),
                self.manager.begin("CreateDomain", "web3", guest(), 0)]
        self.signals.wait("DomainAdded", "web3")
        leaders = [writer.Leader, stubborn.Leader]
        with duration(0, 10):
            as_user("systemctl", "--user", "stop", "dbus.service")
            self.wait_daemon_gone()
        for job in jobs:
            with self.assertRaises(Error):
                job.result()
        self.assertTrue(all(process_exists(leader) for leader in leaders))
        self.reconnect()
        as_user("systemctl", "--user", "kill", "--signal=KILL", "vmm-*.scope")

    def test_manager_stops(self):
        """when the user's systemd stops, domains end by plan, also a paused one, and the daemon after them"""
        folder = make_folder(self)
        payload = "trap 'echo TERM >>{0}/{1}; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
        self.create("web1", shell(payload.format(folder, "running")))
        self.create("web2", shell(payload.format(folder, "paused"))).Pause()
        self.addCleanup(self.reconnect)
        self.addCleanup(subprocess.run, ["systemctl", "start", MANAGER], check=True)
        with duration(0, 10):
            subprocess.run(["systemctl", "stop", MANAGER], check=True)
        self.assertEqual({path.name for path in folder.iterdir()}, {"running", "paused"})
        told = journal_of(self.daemon)
        for name in ("web1", "web2"):
            self.assertIn(f"{name}: Ended: stopped by SIGTERM\n", told)
        self.assertNotIn("bus is gone", told)

    def test_manager_dies(self):
        """when the user's systemd is killed, so are its domains and the daemon; a new one starts with nothing"""
        domain = self.create("web1", shell(STUBBORN))
        leader = domain.Leader
        os.kill(self.user_systemd(), signal.SIGKILL)
        self.wait_daemon_gone()
        wait_until(lambda: not process_exists(leader), every=0.02, what="the domain's end")
        self.wait_manager("failed")
        subprocess.run(["systemctl", "start", MANAGER], check=True)
        self.reconnect()
        self.assertEqual((self.manager.ListDomains(), self.scopes()), ([], []))
