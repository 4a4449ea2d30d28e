# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: the real polkit, an unprivileged user, and rules."""

import os
import subprocess

from vmm import (FORCE, OBEDIENT, ROOT, SERVICE, START, WRITER, Bus, Call, Error, Gio, TestCase, V, as_tester, hold_writers,
                 shell, wait_held, wait_until)

ACTIONS = {
    "CreateDomain": "create", "AdoptProcesses": "adopt", "AdoptProcessFDs": "adopt", "AddProcess": "adopt",
    "AddProcessFD": "adopt", "GetConsoleLog": "console",
    "Pause": "pause", "Resume": "pause", "Shutdown": "stop", "Destroy": "stop", "Stop": "stop", "Kill": "stop",
    "GetProcesses": "inspect", "Release": "adopt", "OpenConsole": "console", "StopPlan": "configure",
    "PauseTimeoutUSec": "configure", "GetVCPUs": "inspect", "PinVCPU": "configure", "WeighVCPU": "configure",
    "Save": "save", "SaveFD": "save", "RestoreDomain": "save", "RestoreDomainFD": "save",
    "AttachNetwork": "configure", "DetachNetwork": "configure", "GrantIOPorts": "configure", "RevokeIOPorts": "configure",
    "GetLog": "inspect", "GetHypervisorLog": "inspect", "ClearHypervisorLog": "inspect", "Reboot": "stop", "Reset": "stop",
    "SendSysRq": "sysrq", "InjectNMI": "sysrq", "SendKeys": "console", "Screenshot": "console", "Rename": "configure",
    "SetMemory": "configure", "SetMaxMemory": "configure", "SetVCPUs": "configure", "OnPoweroff": "configure",
    "OnReboot": "configure", "OnCrash": "configure", "Node.PowerOff": "host-power", "Node.Reboot": "host-power",
    "AttachDisk": "configure", "DetachDisk": "configure", "WaitForDevices": "inspect",
    "AddDevice": "configure", "RemoveDevice": "configure", "SetResources": "configure", "UpdateResourcesOCI": "configure",
}


class TestPolkit(TestCase):
    def setUp(self):
        super().setUp()
        self.tester = Bus("tester")
        self.addCleanup(self.tester.close)
        self.uid = int(as_tester("id", "-u").stdout)
        self.domain = self.create("web1", shell(OBEDIENT))
        self.node = self.tester.object(ROOT, f"{SERVICE}.Node")
        self.theirs, self.slice = self.tester.domain(self.domain.path), self.tester.slice("machine.slice")

    def verbs(self, domain=None):
        """Every member that may change or tell something, with good arguments, as the unprivileged user calls it."""
        manager, domain = self.tester.manager, domain or self.theirs
        pidfd = os.pidfd_open(self.domain.Leader)
        self.addCleanup(os.close, pidfd)
        return {
            "CreateDomain": lambda: manager.CreateDomain("web9", shell(OBEDIENT), START),
            "AdoptProcesses": lambda: manager.AdoptProcesses("web9", [self.domain.Leader], {}, 0),
            "AdoptProcessFDs": lambda: manager.AdoptProcessFDs("web9", [0], {}, 0, fds=[pidfd]),
            "Manager.GetConsoleLog": lambda: manager.GetConsoleLog("web1", 1),
            "AddProcess": lambda: domain.AddProcess(self.domain.Leader, ""),
            "AddProcessFD": lambda: domain.AddProcessFD(0, "", fds=[pidfd]),
            "Pause": domain.Pause, "Resume": domain.Resume, "Release": domain.Release,
            "Shutdown": lambda: domain.Shutdown(0), "Destroy": lambda: domain.Destroy(0),
            "Stop": lambda: domain.Stop([("SIGKILL", 0)], 0), "Kill": lambda: domain.Kill("all", 9),
            "GetProcesses": domain.GetProcesses, "OpenConsole": domain.OpenConsole,
            "GetConsoleLog": lambda: domain.GetConsoleLog(1), "GetVCPUs": domain.GetVCPUs,
            "GetLog": lambda: manager.GetLog(1), "GetHypervisorLog": lambda: manager.GetHypervisorLog(1),
            "ClearHypervisorLog": manager.ClearHypervisorLog,
            "Node.PowerOff": lambda: self.node.PowerOff(0), "Node.Reboot": lambda: self.node.Reboot(0),
            "Reboot": lambda: domain.Reboot(0), "Reset": domain.Reset, "Rename": lambda: domain.Rename("web9"),
            "SendSysRq": lambda: domain.SendSysRq("b"), "SendKeys": lambda: domain.SendKeys(["a"], 0),
            "InjectNMI": domain.InjectNMI, "Screenshot": domain.Screenshot, "SetMemory": lambda: domain.SetMemory(64 << 20),
            "SetMaxMemory": lambda: domain.SetMaxMemory(64 << 20), "SetVCPUs": lambda: domain.SetVCPUs(1),
            "OnPoweroff": lambda: domain.set("OnPoweroff", "restart"), "OnReboot": lambda: domain.set("OnReboot", "destroy"),
            "OnCrash": lambda: domain.set("OnCrash", "restart"),
            "AttachDisk": lambda: domain.AttachDisk({}), "DetachDisk": lambda: domain.DetachDisk("data"),
            "WaitForDevices": lambda: domain.WaitForDevices(0),
            "AddDevice": lambda: domain.AddDevice("/dev/fuse", "rw"), "RemoveDevice": lambda: domain.RemoveDevice("/dev/kvm"),
            "AttachNetwork": lambda: domain.AttachNetwork({"Mode": V("s", "user")}),
            "DetachNetwork": lambda: domain.DetachNetwork("lan"),
            "Save": lambda: domain.Save("one", 0), "SaveFD": lambda: domain.SaveFD(0, 0, fds=[pidfd]),
            "RestoreDomain": lambda: manager.RestoreDomain("web9", "one", {}),
            "RestoreDomainFD": lambda: manager.RestoreDomainFD("web9", 0, {}, fds=[pidfd]),
            "GrantIOPorts": lambda: domain.GrantIOPorts(1, 2), "RevokeIOPorts": lambda: domain.RevokeIOPorts(1, 2),
            "SetResources": lambda: domain.SetResources([("IPAccounting", V("b", True))]),
            "UpdateResourcesOCI": lambda: domain.UpdateResourcesOCI("{}"),
            "PinVCPU": lambda: domain.PinVCPU(0, [0]), "WeighVCPU": lambda: domain.WeighVCPU(0, 100),
            "StopPlan": lambda: domain.set("StopPlan", [("SIGKILL", 0)]),
            "PauseTimeoutUSec": lambda: domain.set("PauseTimeoutUSec", 1000),
            "Slice.Pause": self.slice.Pause, "Slice.Resume": self.slice.Resume,
            "Slice.SetResources": lambda: self.slice.SetResources([("CPUWeight", V("t", 50))]),
            "Slice.Stop": lambda: self.slice.Stop([("SIGKILL", 0)], 0),
        }

    def assertRefused(self, function, name="(AccessDenied|InteractiveAuthorizationRequired)", text=""):
        with self.assertRaises(Error) as caught:
            function()
        self.assertRegex(caught.exception.name, rf"^org\.freedesktop\.DBus\.Error\.{name}$")
        self.assertIn(text, caught.exception.text)

    def assertUntouched(self):
        self.assertEqual(len(self.manager.ListDomains()), 1)
        self.assertThawed(self.domain)
        self.assertEqual((self.domain.PauseTimeoutUSec, self.domain.StopPlan[0][0]), (3_000_000, "SIGTERM"))

    def test_refused(self):
        """an unprivileged user is refused each verb and each writable property, by name of the action"""
        for name, function in self.verbs().items():
            with self.subTest(name):
                action = f"{SERVICE}.{ACTIONS.get(name) or ACTIONS[name.rpartition('.')[2]]}"
                self.assertRefused(function, text=action)
        self.assertUntouched()

    def test_complete(self):
        """the test above knows every method and every writable property that needs permission"""
        free = {"GetDomain", "GetDomainByUUID", "GetDomainByPID", "GetDomainByPIDFD", "GetDomainByControlGroup",
                "ListDomains", "GetStats"}
        members = set()
        for path, interface in ((ROOT, "Manager"), (ROOT, "Node"), (self.domain.path, "Domain"), (self.slice.path, "Slice")):
            info = self.bus.object(path, f"{SERVICE}.{interface}")._info()
            members |= {method.name for method in info.methods}
            members |= {prop.name for prop in info.properties if prop.flags & Gio.DBusPropertyInfoFlags.WRITABLE}
        self.assertEqual(members - free, {name.rpartition(".")[2] for name in self.verbs()})

    def test_reading(self):
        """reading properties, listing and finding domains and their counters are free to everybody"""
        self.assertEqual(self.tester.manager.ListDomains(), self.manager.ListDomains())
        self.assertEqual((self.theirs.State, self.theirs.Leader), ("running", self.domain.Leader))
        self.assertIn(self.domain.path, Call(self.tester, SERVICE, ROOT, "org.freedesktop.DBus.ObjectManager",
                                             "GetManagedObjects", None).result())
        self.assertEqual(self.tester.manager.GetDomainByPID(self.domain.Leader), self.domain.path)
        self.assertIn("UpTimeUSec", self.theirs.GetStats())

    def test_rule(self):
        """a rule that lets one user pause one domain lets exactly that"""
        other = self.create("web2", shell(OBEDIENT))
        self.polkit_rule('if (action.id == "org.example.VMManager1.pause" && action.lookup("domain") == "web1" && '
                         'action.lookup("verb") == "Pause" && subject.user == "tester") return polkit.Result.YES;')
        self.theirs.Pause()
        self.assertFrozen(self.domain)
        self.assertRefused(self.theirs.Resume)
        self.assertRefused(self.tester.domain(other.path).Pause)
        for name, function in self.verbs().items():
            if name != "Pause":
                with self.subTest(name):
                    self.assertRefused(function)
        self.assertFrozen(self.domain)
        self.assertThawed(other)

    def test_example_rule(self):
        """the example rule that is installed does what it says"""
        example = "/usr/share/doc/vmmanagerd/examples/50-vmmanager.rules"
        with open(example, encoding="utf-8") as file:
            body = file.read().partition("function(action, subject) {")[2].rpartition("}")[0]
        self.polkit_rule(body.replace('"alice"', '"tester"'))
        self.theirs.Pause()
        self.assertFrozen(self.domain)
        self.theirs.Resume()
        self.assertThawed(self.domain)
        self.assertRefused(lambda: self.theirs.Destroy(0))

    def test_details(self):
        """a rule sees domain, uuid, slice, owner and verb; of a property its name"""
        self.polkit_rule(f'if (action.id == "org.example.VMManager1.configure" && action.lookup("domain") == "web1" && '
                         f'action.lookup("uuid") == "{self.domain.UUID}" && action.lookup("slice") == "machine.slice" && '
                         f'action.lookup("owner") == "0" && action.lookup("verb") == "StopPlan") '
                         'return polkit.Result.YES;')
        self.theirs.set("StopPlan", [("SIGINT", 7)])
        self.assertEqual(self.domain.StopPlan, [("SIGINT", 7)])
        self.assertRefused(lambda: self.theirs.set("PauseTimeoutUSec", 1000))

    def test_owner(self):
        """a rule can let users manage what they created, and the slice they create it in"""
        self.polkit_rule(f'if (action.lookup("owner") == "{self.uid}") return polkit.Result.YES;'
                         'if (action.id == "org.example.VMManager1.create" && action.lookup("slice") == "users.slice" && '
                         'action.lookup("domain").indexOf("web") == 0 && action.lookup("verb") == "CreateDomain") '
                         'return polkit.Result.YES;')
        self.assertRefused(lambda: self.tester.manager.CreateDomain("web9", shell(OBEDIENT), 0))
        own = self.create("web9", shell(OBEDIENT, CgroupPath="users.slice:vmm:web9"), 0, self.tester)
        own.Resume()
        own.Pause()
        self.assertEqual(own.GetProcesses()[0][1], own.Leader)
        own.Destroy(FORCE)
        self.assertRefused(self.theirs.Pause)
        self.assertUntouched()

    def test_adopted_by_rule(self):
        """a rule that allows adopting allows no process of another user"""
        self.polkit_rule('if (action.id == "org.example.VMManager1.adopt") return polkit.Result.YES;')
        victim = subprocess.Popen(["sleep", "infinity"])
        self.addCleanup(victim.wait)
        self.addCleanup(victim.kill)
        self.assertRefused(lambda: self.tester.manager.AdoptProcesses("web9", [victim.pid], {}, 0), "AccessDenied",
                           f"PID {victim.pid} is not a process of user {self.uid}")
        self.assertIsNone(victim.poll())

    def test_no_polkit(self):
        """while polkit is not there everybody but root is refused; it need not be there for root"""
        self.addCleanup(subprocess.run, ["systemctl", "unmask", "--runtime", "--quiet", "polkit.service"], check=True)
        subprocess.run(["systemctl", "mask", "--runtime", "--quiet", "--now", "polkit.service"], check=True)
        for name, function in self.verbs().items():
            with self.subTest(name):
                self.assertRefused(function, "AccessDenied", "Access denied: polkit")
        self.assertUntouched()
        self.domain.Pause()
        self.assertFrozen(self.domain)

    def test_interactive(self):
        """who allows interaction is refused when nobody can be asked; who does not is told that it would help"""
        self.assertRefused(self.theirs.Pause, "InteractiveAuthorizationRequired", f"{SERVICE}.pause")
        message = Gio.DBusMessage.new_method_call(SERVICE, self.domain.path, f"{SERVICE}.Domain", "Pause")
        message.set_flags(Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)
        reply, _ = self.tester.connection.send_message_with_reply_sync(message, Gio.DBusSendMessageFlags.NONE, 10_000)
        self.assertEqual(reply.get_error_name(), "org.freedesktop.DBus.Error.AccessDenied")
        self.assertUntouched()

    def test_gone_meanwhile(self):
        """a domain that ends while polkit is being asked is not there any more when it has answered"""
        self.polkit_rule('if (action.id == "org.example.VMManager1.pause") '
                         '{ polkit.spawn(["/bin/sleep", "1"]); return polkit.Result.YES; }')
        pause = self.theirs.begin("Pause")
        self.domain.Destroy(FORCE)
        self.assertRefused(pause.result, "(UnknownObject|UnknownMethod)")

    def test_caller_gone_meanwhile(self):
        """a caller who leaves while polkit is being asked harms nobody: the next one is answered"""
        self.polkit_rule('if (action.id == "org.example.VMManager1.pause") '
                         '{ polkit.spawn(["/bin/sleep", "0.2"]); return polkit.Result.YES; }')
        daemon = self.bus.unit("vmmanagerd.service", "Service").MainPID
        for verb in ("Pause", "Resume", "Pause"):
            caller = Bus("tester")
            caller.domain(self.domain.path).begin(verb)
            caller.close()
        self.theirs.Pause()
        self.assertFrozen(self.domain)
        self.assertEqual(self.bus.unit("vmmanagerd.service", "Service").MainPID, daemon)

    def test_cancel(self):
        """a job is canceled by who may begin it, and by nobody else"""
        hold_writers(self)
        domain = self.create("web2", shell(WRITER, PauseTimeoutUSec=60_000_000))
        wait_held(domain)
        pause = domain.begin("Pause")
        wait_until(lambda: domain.Job != "/")
        job = self.tester.object(domain.Job, f"{SERVICE}.Job")
        self.assertRefused(job.Cancel, text=f"{SERVICE}.pause")
        self.assertEqual(domain.State, "pausing")
        self.polkit_rule('if (action.id == "org.example.VMManager1.pause") return polkit.Result.YES;')
        job.Cancel()
        self.assertError("Canceled", "The pause of 'web2' was canceled", pause.result)

    def test_bad_arguments_first(self):
        """bad arguments are told before anybody is asked"""
        self.assertRefused(lambda: self.theirs.Destroy(16), "InvalidArgs", "unknown bits 0x10")
        self.assertRefused(lambda: self.tester.manager.CreateDomain("a/b", shell(OBEDIENT), 0), "InvalidArgs", "'a/b'")
