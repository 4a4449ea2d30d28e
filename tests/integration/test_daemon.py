# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon itself: how it comes and goes, what it shows, what it costs, how it is confined."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from vmm import (COUNTER, FORCE, GUEST_TIMEOUT, NOWAIT, OBEDIENT, ROOT, SERVICE, SOURCE, START, Bus, Call, Error, Gio,
                 TestCase, V, guest, need_guest, process_exists, shell, wait_until)

DAEMON = "/usr/libexec/vmmanagerd"
RUNTIME = pathlib.Path("/run/vmmanager/domains")
SETTINGS = pathlib.Path("/etc/vmmanager/vmmanagerd.conf.d")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=30, **options)


def contract(interface):
    """The interface as dbus-interfaces/*.xml has it."""
    xml = (SOURCE / f"dbus-interfaces/{SERVICE}.{interface}.xml").read_text()
    return Gio.DBusNodeInfo.new_for_xml(xml).lookup_interface(f"{SERVICE}.{interface}")


def members(info):
    """All that matters of an interface, in a form that can be compared."""
    def arguments(given):
        return tuple((argument.name, argument.signature) for argument in given or [])

    def emits(prop):
        """"true" is what it means to say nothing."""
        return next((annotation.value for annotation in prop.annotations or []
                     if annotation.key.endswith("EmitsChangedSignal")), "true")
    return ({("method", method.name, arguments(method.in_args), arguments(method.out_args)) for method in info.methods}
            | {("signal", member.name, arguments(member.args)) for member in info.signals}
            | {("property", prop.name, prop.signature, int(prop.flags), emits(prop)) for prop in info.properties})


class DaemonCase(TestCase):
    def unit(self):
        return self.bus.unit("vmmanagerd.service", "Service")

    def stop_daemon(self):
        subprocess.run(["systemctl", "stop", "vmmanagerd.service"], check=True)

    def restart_daemon(self):
        """The next call starts a fresh one."""
        self.stop_daemon()
        self.assertTrue(self.manager.Version)
        return self.unit().MainPID


class TestService(DaemonCase):
    def test_activation(self):
        """a call starts the daemon, which is ready when it answers; SIGTERM ends it with status 0"""
        self.stop_daemon()
        self.assertEqual(self.manager.Version, run(DAEMON, "--version").stdout.split()[1])
        unit, service = self.bus.unit("vmmanagerd.service"), self.unit()
        self.assertEqual((unit.ActiveState, unit.SubState), ("active", "running"))
        self.systemd.RefUnit("vmmanagerd.service")    # so that systemd remembers how it ended
        self.addCleanup(self.systemd.UnrefUnit, "vmmanagerd.service")
        os.kill(service.MainPID, signal.SIGTERM)
        wait_until(lambda: unit.ActiveState == "inactive", what="its end")
        self.assertEqual((service.Result, service.ExecMainCode, service.ExecMainStatus), ("success", os.CLD_EXITED, 0))

    def test_domains_outlive_it(self):
        """domains run on when the daemon ends, a paused one stays paused"""
        running, paused = self.create("web1", shell(COUNTER)), self.create("web2", shell(OBEDIENT), 0)
        cgroups, leaders = (running.cgroup, paused.cgroup), (running.Leader, paused.Leader)
        self.addCleanup(self.sweep)
        self.stop_daemon()
        self.assertEqual([cgroup.frozen for cgroup in cgroups], [False, True])
        self.assertTrue(all(process_exists(leader) for leader in leaders))
        self.assertEqual(sorted(self.scopes()), ["vmm-web1.scope", "vmm-web2.scope"])

    def test_power_off(self):
        """when the machine goes down, a domain is stopped before the daemon, and the daemon before the bus"""
        domain = self.create("web1", shell(OBEDIENT))
        self.assertIn("vmmanagerd.service", domain.scope.After)
        self.assertIn("dbus.service", self.bus.unit("vmmanagerd.service").After)

    def test_guest_outlives_it(self):
        """a guest runs on when the daemon ends, and does not stall although nobody reads its console"""
        self.addCleanup(self.sweep)
        self.create("web1", guest("flood,off"))
        self.stop_daemon()
        wait_until(lambda: not self.scopes(), GUEST_TIMEOUT, "the end of the guest, which powers off", every=0.2)

    def sweep(self):
        """What no daemon knows any more."""
        for unit in self.scopes():
            subprocess.run(["systemctl", "kill", "--signal=KILL", unit], check=True)
        wait_until(lambda: not self.scopes(), what="the end of every scope")
        for folder in RUNTIME.iterdir():
            shutil.rmtree(folder)

    def test_one_thread(self):
        """the daemon has one thread, with whatever it has to do"""
        for i in range(5):
            self.create(f"web{i}", shell(OBEDIENT))
        self.create("guest", guest(), 0)
        self.assertEqual(len(os.listdir(f"/proc/{self.unit().MainPID}/task")), 1)

    def test_no_wakeups(self):
        """with 20 domains, running, paused and a guest, the daemon sleeps for 10 seconds without waking up once"""
        status = pathlib.Path(f"/proc/{self.restart_daemon()}/status")    # so that the watchdog is far
        domains = [self.create(f"web{i}", shell(OBEDIENT), i % 2) for i in range(19)]
        domains.append(self.create("guest", guest(), 0))
        wait_until(lambda: all(domain.InvocationID for domain in domains))

        def wakeups():
            return sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", status.read_text()))
        time.sleep(0.5)
        before = wakeups()
        time.sleep(10)
        self.assertEqual(wakeups() - before, 0)

    def test_descriptors(self):
        """20 lives of a domain leave no descriptor behind"""
        folder = f"/proc/{self.unit().MainPID}/fd"
        for kind in (shell(OBEDIENT), guest()):
            self.create("web1", kind).Destroy(FORCE)
            before = len(os.listdir(folder))
            for _ in range(10):
                self.create("web1", kind).Destroy(FORCE)
            self.assertEqual(len(os.listdir(folder)), before)

    def test_command_line(self):
        """--version, --help, and clear words and status 2 for what it does not know"""
        self.assertRegex(run(DAEMON, "--version").stdout, r"^vmmanagerd \d+\.\d+\n$")
        self.assertIn("--user", run(DAEMON, "--help").stdout)
        for arguments, text in ((["--bad"], "Unknown option --bad"), (["more"], "unexpected argument 'more'")):
            result = run(DAEMON, *arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(text, result.stderr)

    def test_name(self):
        """a second daemon ends with status 1 because the name is taken; an unprivileged user may not own it"""
        self.assertTrue(self.manager.Version)
        result = run(DAEMON)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"Cannot have the name {SERVICE}: it is taken", result.stderr)
        tester = Bus("tester")
        self.addCleanup(tester.close)
        request = Call(tester, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                       V("(su)", (SERVICE, 0)))
        self.assertError("AccessDenied", "not allowed to own", request.result)

    def test_no_bus(self):
        """without a bus it ends with status 1 and says so"""
        result = run(DAEMON, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/no/where"})
        self.assertEqual(result.returncode, 1)
        self.assertIn("Cannot reach the system bus: No such file or directory", result.stderr)

    def test_sandbox(self):
        """the daemon is confined: no new privileges, seccomp, few capabilities; systemd rates its exposure 4.6 at most"""
        status = pathlib.Path(f"/proc/{self.restart_daemon()}/status").read_text()
        self.assertRegex(status, r"\nNoNewPrivs:\t1\nSeccomp:\t2\n")
        capabilities = int(re.search(r"CapBnd:\t(\w+)", status)[1], 16)
        for number, name in ((13, "NET_RAW"), (16, "SYS_MODULE"), (17, "SYS_RAWIO"), (21, "SYS_ADMIN"), (22, "SYS_BOOT"),
                             (25, "SYS_TIME")):
            self.assertFalse(capabilities & 1 << number, name)
        rating = run("systemd-analyze", "security", "--no-pager", "vmmanagerd.service").stdout
        self.assertLessEqual(float(re.search(r"Overall exposure level for vmmanagerd.service: ([\d.]+)", rating)[1]), 4.6)

    def test_sandbox_of_domains(self):
        """root's own domains cannot mount, set the clock, make namespaces or change the kernel's settings"""
        domain = self.create("web1", shell("mount -t tmpfs x /mnt; date --set=now; unshare --user true; "
                                           "echo >/proc/sys/kernel/hostname; " + OBEDIENT))
        log = "\n".join(domain.GetConsoleLog(20))
        for complaint in ("mount: .*permission denied", "date: cannot set date: Operation not permitted",
                          "unshare: .*not permitted", "hostname: Read-only"):
            self.assertRegex(log, complaint)


class TestIntrospection(DaemonCase):
    def setUp(self):
        super().setUp()
        self.domain = self.create("web1", shell(OBEDIENT))
        self.domain.Stop([("SIGCONT", 60_000_000)], NOWAIT)    # a job to look at
        self.objects = (("Manager", ROOT), ("Node", ROOT), ("Domain", self.domain.path), ("Domain", f"{ROOT}/domain/web1"),
                        ("Job", self.domain.Job))

    def test_equal(self):
        """what the objects tell of themselves is what dbus-interfaces/*.xml says"""
        for interface, path in self.objects:
            with self.subTest(path):
                xml = Call(self.bus, SERVICE, path, "org.freedesktop.DBus.Introspectable", "Introspect", None).result()
                live = Gio.DBusNodeInfo.new_for_xml(xml).lookup_interface(f"{SERVICE}.{interface}")
                self.assertEqual(members(live), members(contract(interface)))

    def test_busctl(self):
        """busctl shows every member with its signature and the value of every property"""
        for interface, path in self.objects:
            shown = run("busctl", "introspect", "--no-pager", SERVICE, path, f"{SERVICE}.{interface}").stdout
            rows = {row.split()[0][1:]: row.split()[1:] for row in shown.splitlines() if row.startswith(".")}
            info = contract(interface)
            kinds = {"method": info.methods, "signal": info.signals, "property": info.properties}
            self.assertEqual({name: row[0] for name, row in rows.items()},
                             {member.name: kind for kind, listed in kinds.items() for member in listed})
            for prop in info.properties:
                self.assertEqual(rows[prop.name][1], prop.signature)
                self.assertNotEqual(rows[prop.name][2], "-", prop.name)

    def test_gdbus(self):
        """gdbus introspect --recurse finds every object below the manager, with every member"""
        shown = run("gdbus", "introspect", "--system", "--dest", SERVICE, "--object-path", ROOT, "--recurse").stdout
        for interface, path in self.objects[:3] + self.objects[4:]:
            self.assertIn(f"node {path} {{", shown.replace("  ", ""))
            info = contract(interface)
            for member in [*info.methods, *info.signals, *info.properties]:
                self.assertRegex(shown, rf"\b{member.name}\b")

    def test_busctl_tree(self):
        """busctl tree lists the objects"""
        tree = run("busctl", "tree", "--list", "--no-pager", SERVICE).stdout.split()
        self.assertLessEqual({ROOT, self.domain.path, self.domain.Job}, set(tree))


class TestSettings(DaemonCase):
    def configure(self, text):
        """Settings for the rest of the test; the next call starts a daemon that reads them."""
        self.stop_daemon()
        drop_in = SETTINGS / "test.conf"
        SETTINGS.mkdir(exist_ok=True)
        drop_in.write_text(text)

        def restore():
            drop_in.unlink()
            with contextlib.suppress(Error):    # the settings may have been bad
                self._end_domains()
            self.stop_daemon()
            subprocess.run(["systemctl", "reset-failed", "vmmanagerd.service"], stderr=subprocess.DEVNULL)
        self.addCleanup(restore)

    def test_taken(self):
        """a drop-in is read: default slice, size of the console's log, and a limit, which is named"""
        self.configure("[Manager]\nDefaultSlice=test.slice\nMaxDomains=2\nConsoleLogSize=8K\n")
        domain = self.create("web1", shell("head -c 20000 /dev/zero | tr '\\0' '\\n'; " + OBEDIENT))
        self.assertEqual((domain.Slice, domain.CgroupPath), ("test.slice", "test.slice:vmm:web1"))
        self.assertEqual(len("\n".join(domain.GetConsoleLog(100_000))) // 100, 81)
        self.create("web2", shell(OBEDIENT))
        self.assertError("LimitExceeded", r"^There are 2 domains already \(MaxDomains=\)",
                         self.manager.CreateDomain, "web3", shell(OBEDIENT), START)

    def test_limit_per_user(self):
        """MaxDomainsPerUser limits unprivileged users each, and not root"""
        self.configure("[Manager]\nMaxDomainsPerUser=1\n")
        self.polkit_rule('if (action.id == "org.example.VMManager1.create") return polkit.Result.YES;')
        tester = Bus("tester")
        self.addCleanup(tester.close)
        tester.manager.CreateDomain("web1", shell(OBEDIENT), START)
        self.assertError("LimitExceeded", r"^User \d+ has 1 domains already \(MaxDomainsPerUser=\)",
                         tester.manager.CreateDomain, "web2", shell(OBEDIENT), START)
        for name in ("web3", "web4"):
            self.create(name, shell(OBEDIENT))

    def test_no_qemu(self):
        """a host without QEMU, or without its user, says so; process domains work all the same"""
        need_guest()
        for text, complaint in (("Binary=qemu-of-nowhere", "There is no QEMU on this host: no program 'qemu-of-nowhere'"),
                                ("User=nobody-like-him", "no user 'nobody-like-him'")):
            self.configure(f"[QEMU]\n{text}\n")
            self.assertError("NotSupported", complaint, self.manager.CreateDomain, "web1", guest(), 0)
            self.create("web2", shell(OBEDIENT)).Destroy(FORCE)
            self.doCleanups()

    def test_bad(self):
        """settings that make no sense keep the daemon from starting, and file, line and key are named"""
        self.configure("[Manager]\nMaxDomains=many\n")
        result = run(DAEMON)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"/etc/vmmanager/vmmanagerd.conf.d/test.conf:2: MaxDomains='many' is not a number")
        self.assertNotEqual(run("systemctl", "start", "vmmanagerd.service").returncode, 0)

    def test_unknown(self):
        """an unknown key is told and ignored"""
        self.configure("[Manager]\nMaxDominas=3\n")
        self.assertEqual(self.manager.NDomains, 0)
        self.assertRegex(run(DAEMON).stderr, r"test.conf:2: .*MaxDominas.* ignored")
