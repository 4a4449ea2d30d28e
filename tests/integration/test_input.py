# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input through the real bus: each is refused with the error and the words that are expected, and changes nothing."""

import os
import pathlib

from vmm import FORCE, OBEDIENT, START, SERVICE, Call, TestCase, V, config, guest, shell, wait_until

LONG = 4096 * "x"
GOOD = shell(OBEDIENT)

# name, text
NAMES = {
    "": "'' is empty",
    "a/b": "contains '/' or ':'",
    "/etc/passwd": "contains '/' or ':'",
    "a:b": "contains '/' or ':'",
    "..": "begins with '.'",
    ".hidden": "begins with '.'",
    "a..b": "contains '..'",
    "-rf": "begins with '.' or '-'",
    "--help": "begins with '.' or '-'",
    "a\nb": r"'a\\x0ab' contains a control character",
    "a\tb": "control character",
    "\x7f": "control character",
    "\x1b[31mred": "control character",
    "a\u2028b": "control character",
    "a\u202eb": r"'a\\xe2\\x80\\xaeb' contains an invisible character",
    "a\u200bb": "invisible character",
    "a\ufeffb": "invisible character",
    "x" * 65: "is longer than 64 bytes",
    "ö" * 33: "is longer than 64 bytes",
    "0b5e5d7c-52a1-4f6e-9c9a-3d1d5a2b7c8d": "looks like a UUID",
    "0b5e5d7c52a14f6e9c9a3d1d5a2b7c8d": "looks like a UUID",
    "0B5E5D7C52A14F6E9C9A3D1D5A2B7C8D": "looks like a UUID",
    "web.slice": "ends in '.slice'",
}

# CgroupPath, text
PATHS = {
    "": "three parts",
    "machine.slice": "three parts",
    "a:b": "three parts",
    "a:b:c:d": "three parts",
    ":::": "three parts",
    "::": "its name is empty",
    "machine.slice:vmm:": "its name is empty",
    "machine:vmm:web1": "does not end in '.slice'",
    ".slice:vmm:web1": "nothing before '.slice'",
    "a--b.slice:vmm:web1": "contains '--'",
    "-a.slice:vmm:web1": "begins with",
    "a-.slice:vmm:web1": "ends in '-'",
    "../../etc.slice:vmm:web1": "contains '/'",
    "a..b.slice:vmm:web1": r"contains '\.\.'",
    "/machine.slice:vmm:web1": "contains '/'",
    "machine.slice:v/m:web1": "contains '/'",
    "machine.slice:vmm:web/1": "contains '/'",
    "machine.slice:vmm:..": r"contains '\.\.'",
    "machine.slice:vmm:a\nb": "control character",
    "machine.slice:vmm:a\u202eb": "invisible character",
    "a b.slice:vmm:web1": "character that a slice's name cannot hold",
    "ä.slice:vmm:web1": "character that a slice's name cannot hold",
    f"machine.slice:vmm:{252 * 'x'}": "longer than 255 bytes",
    f"machine.slice:vmm:{64 * 'ö'}": "longer than 255 bytes",
    "::init": "is systemd's own",
    f"{LONG}.slice:vmm:web1": "longer than",
    "machine.slice:vmm:-.slice": "is the root slice",
}

# what is wrong, its error, its text, the configuration
CONFIGS = (
    ("unknown key", "InvalidArgs", "there is no key 'kind'", {"kind": V("s", "process")}),
    ("unknown key beside good ones", "InvalidArgs", "there is no key 'Autostart2'", {**GOOD, "Autostart2": V("b", True)}),
    ("type of Kind", "InvalidArgs", "Kind is of type 's', not 'u'", {"Kind": V("u", 1)}),
    ("type of Command", "InvalidArgs", "Command is of type 'as', not 's'", {"Command": V("s", "/bin/true")}),
    ("type of Memory", "InvalidArgs", "Memory is of type 't', not 'u'", guest(Memory=V("u", 128 << 20))),
    ("type of Delegate", "InvalidArgs", "Delegate is of type 'b', not 's'", {**GOOD, "Delegate": V("s", "yes")}),
    ("type of StopPlan", "InvalidArgs", r"StopPlan is of type 'a\(st\)'", {**GOOD, "StopPlan": V("as", ["INT"])}),
    ("variant in a variant", "InvalidArgs", "Kind is of type 's', not 'v'", {"Kind": V("v", V("s", "process"))}),
    ("unknown kind", "InvalidConfig", "Kind: 'xen' is not one of qemu, process", config(Kind="xen")),
    ("nothing", "InvalidConfig", "Command: a domain of kind 'process' needs one", {}),
    ("no kernel", "InvalidConfig", "Kernel: a domain of kind 'qemu' needs one", config(Kind="qemu")),
    ("key of qemu", "InvalidConfig", "Memory: not a key of .* kind 'process'", shell(OBEDIENT, Memory=128 << 20)),
    ("key of process", "InvalidConfig", "Command: not a key of .* kind 'qemu'", guest(Command=["/bin/true"])),
    ("UUID", "InvalidConfig", "UUID: 'web1' is not a UUID", shell(OBEDIENT, UUID="web1")),
    ("UUID", "InvalidConfig", "UUID: all zeroes", shell(OBEDIENT, UUID=32 * "0")),
    ("empty command", "InvalidConfig", "Command: it is empty", config(Command=[])),
    ("empty program", "InvalidConfig", "Command: '' is empty", config(Command=[""])),
    ("relative program", "InvalidConfig", "Command: 'bin/true' is neither", config(Command=["bin/true"])),
    ("unnormalised program", "InvalidConfig", "is not a normalised path", config(Command=["/bin/../bin/true"])),
    ("option as program", "InvalidConfig", "no program '-c'", config(Command=["-c", "id"])),
    ("no such program", "InvalidConfig", "Command: no program 'nothing-like-it'", config(Command=["nothing-like-it"])),
    ("no such file", "InvalidConfig", "Command: /no/where: No such file", config(Command=["/no/where"])),
    ("folder as program", "InvalidConfig", "Command: /usr is not a program", config(Command=["/usr"])),
    ("not executable", "InvalidConfig", "Command: /etc/passwd: Permission denied", config(Command=["/etc/passwd"])),
    ("too many arguments", "InvalidConfig", "Command: more than 1024 entries", config(Command=["true"] + 5000 * ["x"])),
    ("arguments too long", "InvalidConfig", "Command: .* bytes are more than", config(Command=["true"] + 600 * [LONG])),
    ("relative folder", "InvalidConfig", "'tmp' is not an absolute path", shell(OBEDIENT, WorkingDirectory="tmp")),
    ("traversal", "InvalidConfig", "WorkingDirectory: .* normalised", shell(OBEDIENT, WorkingDirectory="/tmp/../etc")),
    ("no assignment", "InvalidConfig", "Environment: 'A' is not an assignment", shell(OBEDIENT, Environment=["B=1", "A"])),
    ("no name", "InvalidConfig", "Environment: '=1' is not an assignment", shell(OBEDIENT, Environment=["=1"])),
    ("bad name", "InvalidConfig", "Environment: 'A B=1' is not", shell(OBEDIENT, Environment=["A B=1"])),
    ("no such user", "InvalidConfig", "User: there is no user 'nobody-like-him'", shell(OBEDIENT, User="nobody-like-him")),
    ("user by number", "InvalidConfig", "User: '0' is not a user name", shell(OBEDIENT, User="0")),
    ("user as option", "InvalidConfig", "User: '-root' is not a user name", shell(OBEDIENT, User="-root")),
    ("control character", "InvalidConfig", "Description: .* control character", shell(OBEDIENT, Description="a\x1b[2Jb")),
    ("short pause timeout", "InvalidConfig", "999 is not from 1000 to 300000000", shell(OBEDIENT, PauseTimeoutUSec=999)),
    ("long pause timeout", "InvalidConfig", "PauseTimeoutUSec: 18446744073709551615 is not",
     shell(OBEDIENT, PauseTimeoutUSec=2**64 - 1)),
    ("stop step", "InvalidArgs", "Stop step 'SIGFOO' is neither", shell(OBEDIENT, StopPlan=[("SIGFOO", 1)])),
    ("stop step", "InvalidArgs", "Stop step '9' is neither", shell(OBEDIENT, StopPlan=[("9", 1)])),
    ("after SIGKILL", "InvalidArgs", "'INT' comes after SIGKILL", shell(OBEDIENT, StopPlan=[("KILL", 1), ("INT", 1)])),
    ("over a day", "InvalidArgs", "more than a day", shell(OBEDIENT, StopPlan=[("TERM", 2**64 - 1)])),
    ("17 steps", "InvalidArgs", "one too many: a plan has 16", shell(OBEDIENT, StopPlan=17 * [("TERM", 1)])),
    ("little memory", "InvalidConfig", "Memory: 1048576 is not from", guest(Memory=1 << 20)),
    ("odd memory", "InvalidConfig", "Memory: 134217729 is not a multiple of 1048576", guest(Memory=(128 << 20) + 1)),
    ("no VCPUs", "InvalidConfig", "VCPUs: 0 is not from 1 to 512", guest(VCPUs=0)),
    ("many VCPUs", "InvalidConfig", "VCPUs: 513 is not from 1 to 512", guest(VCPUs=513)),
    ("machine", "InvalidConfig", "Machine: 'q35,usb=on' is not one of", guest(Machine="q35,usb=on")),
    ("accelerator", "InvalidConfig", "Accelerator: 'hax' is not one of", guest(Accelerator="hax")),
    ("root", "InvalidConfig", "Root: .* is not one word", guest(Root="/dev/vda init=/bin/sh")),
    ("relative kernel", "InvalidConfig", "Kernel: 'vmlinuz' is not an absolute path", guest(Kernel="vmlinuz")),
    ("slice with a program", "InvalidConfig", "Command: not a key of a slice", shell(OBEDIENT, CgroupPath="machine.slice::web1.slice")),
)


class TestInput(TestCase):
    def setUp(self):
        super().setUp()
        self.domain = self.create("witness", GOOD)
        self.before = self.state()

    def state(self):
        """The domains, all units that are there, and what is in the runtime folder."""
        units = {unit[0] for unit in self.systemd.ListUnits() if unit[0].endswith((".scope", ".slice"))}
        return sorted(self.manager.ListDomains()), units, set(pathlib.Path("/run/vmmanager/domains").iterdir())

    def assertUnchanged(self):
        wait_until(lambda: self.state() == self.before, what="everything as before")

    def refuse(self, what, error, text, function, *arguments, **kwargs):
        with self.subTest(what):
            self.assertError(error, text, function, *arguments, **kwargs)
            self.assertUnchanged()

    def test_names(self):
        """hostile names are refused, by CreateDomain and by AdoptProcesses"""
        for name, text in NAMES.items():
            self.refuse(repr(name), "InvalidArgs", text, self.manager.CreateDomain, name, GOOD, START)
            self.refuse(repr(name), "InvalidArgs", text, self.manager.AdoptProcesses, name, [os.getpid()], {}, 0)

    def test_good_names(self):
        """odd names that are not hostile are taken, and escaped where they must be"""
        for name, unit in (("x" * 64, f"vmm-{64 * 'x'}.scope"), ("1", "vmm-1.scope"), ("a.scope", "vmm-a.scope.scope"),
                           ("a b", r"vmm-a\x20b.scope"), ("ö", r"vmm-\xc3\xb6.scope"), ("a-b@c", r"vmm-a-b\x40c.scope"),
                           ("%n$(id)`id`;*", r"vmm-\x25n\x24\x28id\x29\x60id\x60\x3b\x2a.scope"),
                           ("\\x2d", r"vmm-\x5cx2d.scope")):
            with self.subTest(name):
                domain = self.create(name, GOOD)
                self.assertEqual((domain.Name, domain.Unit, domain.scope.Description), (name, unit, name))
                self.assertThawed(domain)
                domain.Destroy(FORCE)

    def test_paths(self):
        """hostile CgroupPaths are refused"""
        for path, text in PATHS.items():
            self.refuse(repr(path[:64]), "InvalidCgroupPath", text, self.manager.CreateDomain, "web1",
                        shell(OBEDIENT, CgroupPath=path), START)

    def test_configurations(self):
        """configurations that cannot be are refused, and the key is named"""
        for what, error, text, configuration in CONFIGS:
            self.refuse(f"{what}: {text}", error, text, self.manager.CreateDomain, "web1", configuration, START)

    def test_adopted_configuration(self):
        """adopted processes have no kind but their own and no command"""
        for keys, text in ((config(Kind="qemu"), "Kind: adopted processes are of kind 'process'"),
                           (config(Command=["true"]), "Command: not a key of adopted processes"),
                           (config(User="tester"), "User: not a key of adopted processes")):
            self.refuse(text, "InvalidConfig", text, self.manager.AdoptProcesses, "web1", [os.getpid()], keys, 0)

    def test_key_twice(self):
        """a key that is given twice is refused"""
        entries = [V("{sv}", ("Kind", V("s", kind))) for kind in ("process", "process")]
        twice = V.new_tuple(V("s", "web1"), V.new_array(None, entries), V("t", 0))
        self.refuse("Kind", "InvalidConfig", "Kind: it is given twice",
                    Call(self.bus, SERVICE, self.manager.path, self.manager.interface, "CreateDomain", twice).result)

    def test_flags(self):
        """unknown and contradictory flags are refused, and which"""
        for what, function, *arguments in (
                ("0x4", self.manager.CreateDomain, "web1", GOOD, 4),
                ("0x8000000000000000", self.manager.CreateDomain, "web1", GOOD, 2**63),
                ("0x1", self.manager.AdoptProcesses, "web1", [os.getpid()], {}, 1), ("0x10", self.domain.Destroy, 17),
                ("0x1", self.domain.Stop, [], 3), ("0x1", self.domain.Shutdown, 1)):
            self.refuse(what, "InvalidArgs", f"flags: unknown bits {what}", function, *arguments)
        self.refuse("both", "InvalidArgs", "GRACEFUL .* and FORCE .* contradict", self.domain.Destroy, 5)
        self.assertThawed(self.domain)

    def test_properties(self):
        """writable properties take no bad value, the others none at all"""
        for name, value, error, text in (
                ("PauseTimeoutUSec", V("t", 999), "InvalidArgs", "999 is not between 1000 and 300000000"),
                ("PauseTimeoutUSec", V("t", 300_000_001), "InvalidArgs", "is not between"),
                ("PauseTimeoutUSec", V("u", 5000), "InvalidArgs", "expected 't', got 'u'"),
                ("StopPlan", V("a(st)", []), "InvalidArgs", "at least one step"),
                ("StopPlan", V("a(st)", [("NO", 1)]), "InvalidArgs", "'NO'"),
                ("Name", V("s", "x"), "PropertyReadOnly", "'Name'"),
                ("State", V("s", "paused"), "PropertyReadOnly", "'State'"),
                ("None", V("s", ""), "UnknownProperty", "None")):
            self.refuse(f"{name} {value}", error, text, self.domain._call, "org.freedesktop.DBus.Properties", "Set",
                        "(ssv)", self.domain.interface, name, value)
        self.assertEqual(self.domain.PauseTimeoutUSec, 3_000_000)

    def test_arguments(self):
        """calls with other arguments than the interface has, or to what is not there, are refused"""
        def call(path, member, parameters):
            return Call(self.bus, SERVICE, path, f"{SERVICE}.Domain", member, parameters).result
        for member, parameters, error in (("Pause", V("(s)", ("now",)), "InvalidArgs"), ("Destroy", None, "InvalidArgs"),
                                          ("Destroy", V("(u)", (0,)), "InvalidArgs"), ("Vanish", None, "UnknownMethod")):
            self.refuse(member, error, ".", call(self.domain.path, member, parameters))
        self.refuse("path", "UnknownObject", ".", call(self.domain.path + "/x", "Pause", None))
        self.assertThawed(self.domain)
