# SPDX-License-Identifier: LGPL-2.1-or-later
"""Resource settings of domains: what the manager says, what systemd holds and what the kernel's files show of them, at
creation, while the domain runs and while it is paused. What needs a controller is skipped where systemd has none."""

import os
import pathlib
import re
import stat
import subprocess

from vmm import OBEDIENT, STAND_IN, START, TestCase, V, guest, shell, told, wait_until

MEBI = 1 << 20
INFINITY = 2**64 - 1
PERCENT = (2**32 - 1) / 100    # of the ...Scale properties
DISK = next((f"/dev/{name}" for name in sorted(os.listdir("/sys/block"))), "/dev/loop0")
NUMBER = "{}:{}".format(os.major(os.stat(DISK).st_rdev), os.minor(os.stat(DISK).st_rdev)) if os.path.exists(DISK) else ""


def of_memory(percent):
    """That share of this machine's memory, as the kernel rounds it."""
    pages = os.sysconf("SC_PHYS_PAGES") * percent // 100
    return str(pages * os.sysconf("SC_PAGE_SIZE"))


# Each property that a running domain may be given: a value, and where the kernel shows it: file, pattern. Settings add
# up, so they must not contradict each other in this order. Of a share systemd tells the number only.
LIVE = {
    "CPUAccounting": (V("b", True),),
    "CPUWeight": (V("t", 250), "cpu.weight", "250"),
    "StartupCPUWeight": (V("t", 300),),
    "CPUQuotaPeriodUSec": (V("t", 50_000),),
    "CPUQuotaPerSecUSec": (V("t", 500_000), "cpu.max", "25000 50000"),
    "AllowedCPUs": (V("ay", [1]), "cpuset.cpus", "0"),
    "StartupAllowedCPUs": (V("ay", [1]),),
    "AllowedMemoryNodes": (V("ay", [1]), "cpuset.mems", "0"),
    "StartupAllowedMemoryNodes": (V("ay", [1]),),
    "MemoryAccounting": (V("b", True),),
    "MemoryMin": (V("t", MEBI), "memory.min", str(MEBI)),
    "MemoryLow": (V("t", 2 * MEBI), "memory.low", str(2 * MEBI)),
    "StartupMemoryLow": (V("t", 3 * MEBI),),
    "DefaultMemoryMin": (V("t", MEBI),),
    "DefaultMemoryMinScale": (V("u", round(PERCENT)),),
    "DefaultMemoryLow": (V("t", MEBI),),
    "DefaultMemoryLowScale": (V("u", round(PERCENT)),),
    "DefaultStartupMemoryLow": (V("t", MEBI),),
    "MemoryHigh": (V("t", 500 * MEBI), "memory.high", str(500 * MEBI)),
    "StartupMemoryHigh": (V("t", 400 * MEBI),),
    "MemoryMax": (V("t", 600 * MEBI), "memory.max", str(600 * MEBI)),
    "StartupMemoryMax": (V("t", 550 * MEBI),),
    "MemorySwapMax": (V("t", 0), "memory.swap.max", "0"),
    "StartupMemorySwapMax": (V("t", 10 * MEBI),),
    "MemoryZSwapMax": (V("t", 20 * MEBI), "memory.zswap.max", str(20 * MEBI)),
    "StartupMemoryZSwapMax": (V("t", 10 * MEBI),),
    "MemoryZSwapWriteback": (V("b", False),),
    "MemoryMinScale": (V("u", round(PERCENT)), "memory.min", of_memory(1)),
    "MemoryLowScale": (V("u", round(2 * PERCENT)), "memory.low", of_memory(2)),
    "MemoryHighScale": (V("u", round(80 * PERCENT)), "memory.high", of_memory(80)),
    "MemoryMaxScale": (V("u", round(90 * PERCENT)), "memory.max", of_memory(90)),
    "MemorySwapMaxScale": (V("u", 0), "memory.swap.max", "0"),
    "MemoryZSwapMaxScale": (V("u", 0), "memory.zswap.max", "0"),
    "ManagedOOMSwap": (V("s", "kill"),),
    "ManagedOOMMemoryPressure": (V("s", "kill"),),
    "ManagedOOMMemoryPressureLimit": (V("u", round(50 * PERCENT)),),
    "ManagedOOMMemoryPressureDurationUSec": (V("t", 5_000_000),),
    "ManagedOOMPreference": (V("s", "avoid"),),
    "TasksAccounting": (V("b", True),),
    "TasksMax": (V("t", 77), "pids.max", "77"),
    "IOAccounting": (V("b", True),),
    "IOWeight": (V("t", 300), "io.weight", "default 300"),
    "StartupIOWeight": (V("t", 400),),
    "IODeviceWeight": (V("a(st)", [(DISK, 200)]),),    # shown by disks that have an I/O scheduler for it only
    "IOReadBandwidthMax": (V("a(st)", [(DISK, MEBI)]), "io.max", f"{NUMBER} rbps=1048576 wbps=max riops=max wiops=max"),
    "IOWriteBandwidthMax": (V("a(st)", [(DISK, 2 * MEBI)]), "io.max", f"{NUMBER} rbps=1048576 wbps=2097152 .*"),
    "IOReadIOPSMax": (V("a(st)", [(DISK, 100)]), "io.max", f"{NUMBER} .* riops=100 wiops=max"),
    "IOWriteIOPSMax": (V("a(st)", [(DISK, 200)]), "io.max", f"{NUMBER} .* riops=100 wiops=200"),
    "IODeviceLatencyTargetUSec": (V("a(st)", [(DISK, 25_000)]),),
    "DevicePolicy": (V("s", "strict"),),
    "DeviceAllow": (V("a(ss)", [("/dev/char/1:3", "rw"), ("char-pts", "rwm")]),),
    "IPAccounting": (V("b", True),),
    "IPAddressAllow": (V("a(iayu)", [(2, [10, 0, 0, 0], 8)]),),
    "IPAddressDeny": (V("a(iayu)", [(2, [0, 0, 0, 0], 0), (10, 16 * [0], 0)]),),
    "SocketBindAllow": (V("a(iiqq)", [(2, 6, 1, 443)]),),
    "SocketBindDeny": (V("a(iiqq)", [(0, 0, 0, 0)]),),
    "RestrictNetworkInterfaces": (V("(bas)", (True, ["lo"])),),
    "DisableControllers": (V("as", ["io"]),),
}

# Those of creation; programs would have to be there.
AT_CREATION = {
    "OOMPolicy": V("s", "kill"), "MemoryPressureWatch": V("s", "no"), "MemoryPressureThresholdUSec": V("t", 300_000),
    "IPIngressFilterPath": V("as", []), "IPEgressFilterPath": V("as", []), "BPFProgram": V("a(ss)", []),
}

# Given where there is no such controller, these are refused.
OF_CONTROLLER = {
    "cpu": ("CPUWeight", V("t", 250)), "cpuset": ("AllowedCPUs", V("ay", [1])),
    "memory": ("MemoryMax", V("t", 600 * MEBI)), "pids": ("TasksMax", V("t", 77)), "io": ("IOWeight", V("t", 300)),
}

# Files that the kernel lets be written, and that show no setting but what happens.
NO_SETTING = re.compile(r".*\.(pressure|peak|procs|threads)$")


def settings_of(cgroup):
    """The text of every file of the control group that is a setting."""
    def is_setting(path):
        mode = path.stat().st_mode
        return stat.S_ISREG(mode) and mode & 0o600 == 0o600 and not NO_SETTING.match(path.name)
    return {path.name: path.read_text() for path in sorted(cgroup.path.iterdir()) if is_setting(path)}


class ResourcesCase(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.features = cls.manager.Features
        cls.version = int(re.match(r"\d+", cls.features["SystemdVersion"])[0])

    def need(self, *controllers):
        for controller in controllers:
            if controller not in self.features["CgroupControllers"]:
                self.skipTest(f"this systemd does not have the controller '{controller}'")

    def start(self, flags=START, **keys):
        return self.create("web1", shell(OBEDIENT, **keys), flags)

    def held(self, domain, name):
        """What systemd holds; of a share, the number."""
        return getattr(self.bus.unit(domain.Unit, "Scope"), name)

    def assertHeld(self, domain, name, value):
        """systemd holds this; lists come from it in whatever order."""
        held, value = self.held(domain, name), value.unpack()
        if name.startswith(("Allowed", "StartupAllowed")):
            held = list(bytes(held).rstrip(b"\0"))
        if isinstance(value, list):
            held, value = sorted(held), sorted(value)
        self.assertEqual(held, value)

    def has_file(self, domain, file):
        """Whether the kernel can do this at all; that it cannot is worth a warning."""
        return (domain.cgroup.path / file).exists()

    def assertWarned(self, domain, rows):
        """There is a warning for each of the properties whose file this kernel lacks, and no other."""
        lacking = [(name, row[1]) for name, row in rows.items() if row[1:] and not self.has_file(domain, row[1])]
        self.assertEqual(len(domain.Warnings), len(lacking), domain.Warnings)
        for (name, file), warning in zip(lacking, domain.Warnings):
            self.assertRegex(warning, f"^{name}: .* is not in effect: this kernel has no {file}$")

    def assertFile(self, domain, file, pattern):
        self.assertRegex((domain.cgroup.path / file).read_text(), f"^{pattern}\n$")

    def state(self, domain):
        """All that a refused call must not change."""
        scope = self.bus.unit(domain.Unit, "Scope").all()
        return settings_of(domain.cgroup), domain.Resources, domain.Devices, domain.Warnings, {
            name: scope[name] for name in (*LIVE, *AT_CREATION) if name in scope}


class TestLive(ResourcesCase):
    def check_one(self, domain, name, value, file=None, pattern=None):
        self.signals.seen.clear()
        domain.SetResources([(name, value)])
        self.assertEqual(domain.Resources[name], value.unpack())
        if not name.endswith("Scale"):
            self.assertHeld(domain, name, value)
        if file and self.has_file(domain, file):
            self.assertFile(domain, file, pattern)
        changes = [changed["Resources"] for _, changed, _ in told(self.signals, domain.path, "PropertiesChanged")
                   if "Resources" in changed]
        self.assertEqual([change[name] for change in changes], [value.unpack()])

    def test_every_property(self):
        """each property of Features can be set: systemd holds it, Resources and a signal tell it, the kernel has it"""
        properties = self.features["ResourceProperties"]
        self.assertEqual(set(properties) - {*LIVE, *AT_CREATION}, set())
        domain = self.start()
        rows = {name: row for name, row in LIVE.items() if name in properties}
        for name, row in rows.items():
            with self.subTest(name):
                self.check_one(domain, name, *row)
        self.assertWarned(domain, {name: row for name, row in rows.items() if not name.endswith("Scale")})

    def test_unset(self):
        """each setting can be taken back, which is no reason for a warning"""
        domain = self.start()
        if "TasksMax" in self.features["ResourceProperties"]:
            domain.SetResources([("TasksMax", V("t", INFINITY))])    # systemd has a default
        for name, value, nothing in (
                ("CPUWeight", V("t", 250), V("t", INFINITY)), ("CPUQuotaPerSecUSec", V("t", 500_000), V("t", INFINITY)),
                ("AllowedCPUs", V("ay", [1]), V("ay", [])), ("AllowedMemoryNodes", V("ay", [1]), V("ay", [])),
                ("MemoryMax", V("t", 600 * MEBI), V("t", INFINITY)), ("MemorySwapMax", V("t", 0), V("t", INFINITY)),
                ("MemoryLow", V("t", MEBI), V("t", 0)), ("TasksMax", V("t", 77), V("t", INFINITY)),
                ("IOWeight", V("t", 300), V("t", INFINITY)),
                ("IOReadBandwidthMax", V("a(st)", [(DISK, 1 << 20)]), V("a(st)", [])),
                ("DeviceAllow", V("a(ss)", [("/dev/char/1:3", "rw")]), V("a(ss)", [])),
                ("IPAddressDeny", V("a(iayu)", [(2, [10, 0, 0, 0], 8)]), V("a(iayu)", []))):
            if name in self.features["ResourceProperties"]:
                with self.subTest(name):
                    before = settings_of(domain.cgroup)
                    domain.SetResources([(name, value)])
                    domain.SetResources([(name, nothing)])
                    self.assertEqual((domain.Resources[name], domain.Warnings), (nothing.unpack(), []))
                    after = settings_of(domain.cgroup)
                    self.assertEqual({file: text for file, text in after.items() if before.get(file, text) != text}, {})

    def test_idle(self):
        """CPUWeight 0 is idle, and another weight ends that"""
        self.need("cpu")
        domain = self.start()
        domain.SetResources([("CPUWeight", V("t", 0))])
        self.assertFile(domain, "cpu.idle", "1")
        domain.SetResources([("CPUWeight", V("t", 250))])
        self.assertFile(domain, "cpu.idle", "0")
        self.assertFile(domain, "cpu.weight", "250")
        self.assertEqual(domain.Warnings, [])

    def test_rounding(self):
        """Resources shows what systemd has made of a value"""
        self.need("cpu", "memory")
        domain = self.start()
        domain.SetResources([("CPUQuotaPerSecUSec", V("t", 123_456)), ("MemoryMax", V("t", 600 * MEBI + 1))])
        self.assertEqual(domain.Resources["CPUQuotaPerSecUSec"], 130_000)
        self.assertEqual(self.held(domain, "CPUQuotaPerSecUSec"), 130_000)
        self.assertFile(domain, "cpu.max", "13000 100000")
        self.assertFile(domain, "memory.max", str(600 * MEBI))
        self.assertEqual((domain.Resources["MemoryMax"], domain.Warnings), (self.held(domain, "MemoryMax"), []))

    def test_together(self):
        """several settings reach the kernel together"""
        self.need("cpu", "memory", "pids")
        domain = self.start()
        domain.SetResources([("TasksMax", V("t", 55)), ("MemoryMax", V("t", 300 * MEBI)), ("CPUWeight", V("t", 50))])
        for file, text in (("pids.max", "55"), ("memory.max", str(300 * MEBI)), ("cpu.weight", "50")):
            self.assertFile(domain, file, text)

    def test_all_or_nothing(self):
        """one bad setting among good ones, wherever, and every file is as it was"""
        self.need("cpu", "memory", "pids")
        domain = self.start()
        domain.SetResources([("TasksMax", V("t", 55)), ("MemoryHigh", V("t", 300 * MEBI))])
        good = [("TasksMax", V("t", 66)), ("CPUWeight", V("t", 60)), ("AllowedCPUs", V("ay", [1]))]
        before = self.state(domain)
        for error, bad in (
                ("InvalidConfig", ("MemoryMin", V("t", 400 * MEBI))), ("InvalidConfig", ("MemoryMax", V("t", 0))),
                ("InvalidArgs", ("NoSuch", V("t", 5))), ("NotSupported", ("OOMPolicy", V("s", "kill")))):
            for place in range(len(good) + 1):
                with self.subTest(f"{bad[0]} at {place}"):
                    self.assertError(error, bad[0], domain.SetResources, [*good[:place], bad, *good[place:]])
                    self.assertEqual(self.state(domain), before)
        domain.SetResources(good)
        self.assertNotEqual(self.state(domain), before)

    def test_reload(self):
        """daemon-reload and daemon-reexec keep the settings"""
        self.need("cpu", "memory", "pids", "io")
        domain = self.start(Resources=V("a{sv}", {"OOMPolicy": V("s", "continue"), "MemoryHigh": V("t", 300 * MEBI)}))
        domain.SetResources([("TasksMax", V("t", 55)), ("CPUQuotaPerSecUSec", V("t", 300_000)),
                             ("IOReadBandwidthMax", V("a(st)", [(DISK, 1 << 20)])), ("AllowedCPUs", V("ay", [1]))])
        before = self.state(domain)
        for verb in ("daemon-reload", "daemon-reexec"):
            with self.subTest(verb):
                subprocess.run(["systemctl", verb], check=True)
                self.assertEqual(self.state(domain), before)

    def test_beside_systemctl(self):
        """what systemctl sets past the manager stays, and is seen when the next setting is read back"""
        self.need("cpu", "pids")
        domain = self.start()
        domain.SetResources([("TasksMax", V("t", 55))])
        subprocess.run(["systemctl", "set-property", "--runtime", domain.Unit, "TasksMax=66", "CPUWeight=30"], check=True)
        self.assertFile(domain, "pids.max", "66")
        domain.SetResources([("CPUQuotaPerSecUSec", V("t", 300_000))])
        self.assertEqual((domain.Resources["TasksMax"], self.held(domain, "CPUWeight")), (66, 30))
        for file, text in (("pids.max", "66"), ("cpu.weight", "30"), ("cpu.max", "30000 100000")):
            self.assertFile(domain, file, text)


class TestFrozen(ResourcesCase):
    """systemd 257 keeps what is set in the frozen to itself; 252 does not."""

    def set_frozen(self, domain):
        before = (domain.cgroup.path / "pids.max").read_text()
        domain.SetResources([("TasksMax", V("t", 44)), ("MemoryMax", V("t", 200 * MEBI))])
        self.assertFrozen(domain)
        self.assertEqual((self.held(domain, "TasksMax"), domain.Resources["TasksMax"]), (44, 44))
        if self.version >= 256:
            self.assertEqual((domain.cgroup.path / "pids.max").read_text(), before)

    def assertSet(self, domain):
        self.assertThawed(domain)
        self.assertFile(domain, "pids.max", "44")
        self.assertFile(domain, "memory.max", str(200 * MEBI))
        self.assertEqual(domain.Warnings, [])

    def test_paused(self):
        """what is set while a domain is paused is in the kernel's files when Resume replies"""
        self.need("memory", "pids")
        domain = self.start()
        for _ in range(3):
            domain.Pause()
            self.set_frozen(domain)
            domain.Resume()
            self.assertSet(domain)
            domain.SetResources([("TasksMax", V("t", 99)), ("MemoryMax", V("t", INFINITY))])

    def test_created_paused(self):
        """so it is for a domain that was created paused"""
        self.need("memory", "pids")
        domain = self.start(0, Resources=V("a{sv}", {"TasksMax": V("t", 99)}))
        self.assertFile(domain, "pids.max", "99")
        self.set_frozen(domain)
        domain.Resume()
        self.assertSet(domain)

    def test_thawed_from_outside(self):
        """so it is soon after systemctl has thawed the domain"""
        self.need("memory", "pids")
        domain = self.start()
        domain.Pause()
        self.set_frozen(domain)
        subprocess.run(["systemctl", "thaw", domain.Unit], check=True)
        domain.wait_state("running")
        wait_until(lambda: domain.Job == "/")
        self.assertSet(domain)

    def test_reloaded(self):
        """so it is when systemd was reloaded meanwhile"""
        self.need("memory", "pids")
        domain = self.start()
        domain.Pause()
        self.set_frozen(domain)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        domain.Resume()
        self.assertSet(domain)


class TestCreation(ResourcesCase):
    def test_every_property(self):
        """settings of creation, those that are possible then only among them, are in effect from the start"""
        rows = {name: row for name, row in LIVE.items() if name in self.features["ResourceProperties"]
                and not (name.endswith("Scale") or name in ("DevicePolicy", "DeviceAllow", "DisableControllers"))}
        rows |= {name: (value,) for name, value in AT_CREATION.items() if name in self.features["ResourceProperties"]}
        domain = self.start(Resources=V("a{sv}", {name: row[0] for name, row in rows.items()}))
        for name, (value, *file) in rows.items():
            with self.subTest(name):
                self.assertEqual(domain.Resources[name], value.unpack())
                self.assertHeld(domain, name, value)
                # More than one of them is in these files.
                if file and file[0] not in ("cpu.max", "io.max") and self.has_file(domain, file[0]):
                    self.assertFile(domain, *file)
        if "CPUQuotaPerSecUSec" in rows:
            self.assertFile(domain, "cpu.max", "25000 50000")
            self.assertFile(domain, "io.max", f"{NUMBER} rbps=1048576 wbps=2097152 riops=100 wiops=200")
        self.assertWarned(domain, rows)

    def test_as_oci(self):
        """settings of the key OCIResources are in effect from the start"""
        self.need("cpu", "memory", "pids")
        domain = self.start(OCIResources=V("s", """{"memory": {"limit": 209715200, "reservation": 1048576},
                "cpu": {"shares": 512, "quota": 30000}, "pids": {"limit": 44}, "unified": {"memory.oom.group": "1"}}"""))
        for file, text in (("memory.max", str(200 * MEBI)), ("memory.low", str(MEBI)), ("cpu.weight", "59"),
                           ("cpu.max", "30000 100000"), ("pids.max", "44")):
            self.assertFile(domain, file, text)
        self.assertEqual((self.held(domain, "OOMPolicy"), domain.Warnings), ("kill", []))

    def test_no_controller(self):
        """what needs a controller that is not there is refused, which one, and no domain comes of it"""
        there = self.features["CgroupControllers"]
        missing = [row for controller, row in OF_CONTROLLER.items() if controller not in there]
        if not missing:
            self.skipTest("this systemd has all controllers")
        domain = self.start()
        before = self.state(domain)
        for name, value in missing:
            with self.subTest(name):
                controller = next(key for key, row in OF_CONTROLLER.items() if row[0] == name)
                text = f"^{name} needs '{controller}' control, which this systemd does not have$"
                self.assertNotIn(name, self.features["ResourceProperties"])
                self.assertError("NotSupported", text, domain.SetResources, [(name, value)])
                self.assertEqual(self.state(domain), before)
                self.assertError("NotSupported", text, self.manager.CreateDomain, "web2",
                                 shell(OBEDIENT, Resources=V("a{sv}", {name: value})), START)
        self.assertEqual(self.scopes(), [domain.Unit])


class TestGuest(ResourcesCase):
    """Virtual machines get a limit of memory that they were not given."""

    def setUp(self):
        super().setUp()
        self.need("memory")
        self.program = pathlib.Path("/usr/local/bin/qemu-system-x86_64")
        self.program.write_text(STAND_IN)
        self.program.chmod(0o755)
        self.addCleanup(self.program.unlink)

    def create_guest(self, flags=0, **keys):
        configuration = guest(Kernel=str(self.program), **keys)
        del configuration["Initrd"]
        return self.bus.domain(self.manager.CreateDomain("web1", configuration, flags))

    def assertLimit(self, domain, limit):
        self.assertEqual((domain.Resources["MemoryMax"], self.held(domain, "MemoryMax")), (limit, limit))
        self.assertFile(domain, "memory.max", str(limit))

    def test_default(self):
        """by default that is the guest's memory and what QEMU needs besides"""
        domain = self.create_guest(Memory=128 * MEBI, VCPUs=2)
        self.assertFrozen(domain)
        self.assertLimit(domain, (128 + 256 + 2 * 8 + 2) * MEBI)
        domain.SetResources([("MemoryMax", V("t", 500 * MEBI))])
        domain.Resume()
        self.assertLimit(domain, 500 * MEBI)

    def test_given(self):
        """one that is given counts, and if the guest does not fit into it there is a warning"""
        domain = self.create_guest(START, Memory=128 * MEBI, Resources=V("a{sv}", {"MemoryMax": V("t", 100 * MEBI)}))
        self.assertLimit(domain, 100 * MEBI)
        self.assertIn("MemoryMax: 100M is less than the guest's memory, 128M", domain.Warnings)


# error, text, settings that are refused live and at creation
SETTINGS = (
    ("InvalidArgs", "There is no resource property 'memorymax'", [("memorymax", V("t", 5))]),
    ("InvalidArgs", "There is no resource property ''", [("", V("t", 5))]),
    ("InvalidArgs", r"property 'Tasks\\x0aMax'", [("Tasks\nMax", V("t", 5))]),
    ("InvalidArgs", "There is no resource property 'NoSuch'", [("IPAccounting", V("b", True)), ("NoSuch", V("t", 5))]),
    ("NotSupported", "Slice is the manager's own business", [("Slice", V("s", "other.slice"))]),
    ("NotSupported", "PIDs is the manager's own business", [("PIDs", V("au", [1]))]),
    ("NotSupported", "Delegate is a key of its own", [("Delegate", V("b", True))]),
    ("NotSupported", "Nice is for services", [("Nice", V("i", 5))]),
    ("NotSupported", "CPUShares is for cgroup v1: CPUWeight takes its place", [("CPUShares", V("t", 5))]),
    ("NotSupported", "CPUQuota is called CPUQuotaPerSecUSec", [("CPUQuota", V("s", "50%"))]),
    ("InvalidConfig", "TasksMax: the value has type 'u' instead of 't'", [("TasksMax", V("u", 5))]),
    ("InvalidConfig", "TasksMax: .* 's' instead of 't'", [("TasksMax", V("s", "infinity"))]),
    ("InvalidConfig", "TasksMax: .* 'v' instead of 't'", [("TasksMax", V("v", V("t", 5)))]),
    ("InvalidConfig", "IPAccounting: .* 's' instead of 'b'", [("IPAccounting", V("s", "yes"))]),
    ("InvalidConfig", "AllowedCPUs: .* 's' instead of 'ay'", [("AllowedCPUs", V("s", "0-3"))]),
    ("InvalidConfig", r"DeviceAllow: .* 'as' instead of 'a\(ss\)'", [("DeviceAllow", V("as", ["/dev/kvm"]))]),
    ("InvalidConfig", r"IPAddressAllow: .* instead of 'a\(iayu\)'", [("IPAddressAllow", V("as", ["localhost"]))]),
    ("InvalidConfig", r"RestrictNetworkInterfaces: .* instead of '\(bas\)'",
     [("RestrictNetworkInterfaces", V("as", ["lo"]))]),
    ("InvalidConfig", r"IOReadBandwidthMax: .* instead of 'a\(st\)'", [("IOReadBandwidthMax", V("t", 5))]),
    ("InvalidConfig", "TasksMax: 0 is less than 1", [("TasksMax", V("t", 0))]),
    ("InvalidConfig", "MemoryMax: 0 is less than 1", [("MemoryMax", V("t", 0))]),
    ("InvalidConfig", "CPUWeight: 10001 is not from 0 to 10000", [("CPUWeight", V("t", 10_001))]),
    ("InvalidConfig", "IOWeight: 0 is not from 1 to 10000", [("IOWeight", V("t", 0))]),
    ("InvalidConfig", "CPUQuotaPeriodUSec: 999 is not from 1000 to 1000000", [("CPUQuotaPeriodUSec", V("t", 999))]),
    ("InvalidConfig", "CPUQuotaPerSecUSec: 0 is not from 1 to", [("CPUQuotaPerSecUSec", V("t", 0))]),
    ("InvalidConfig", "MemoryMaxScale: 0% is not from 0.01% to 100%", [("MemoryMaxScale", V("u", 0))]),
    ("InvalidConfig", "AllowedCPUs: 1025 bytes are more than 1024", [("AllowedCPUs", V("ay", 1025 * [255]))]),
    ("InvalidConfig", "DevicePolicy: 'open' is not one of auto, closed, strict", [("DevicePolicy", V("s", "open"))]),
    ("InvalidConfig", "DeviceAllow: '/etc/passwd' is neither below /dev",
     [("DeviceAllow", V("a(ss)", [("/etc/passwd", "r")]))]),
    ("InvalidConfig", "DeviceAllow: '/dev/../etc' ", [("DeviceAllow", V("a(ss)", [("/dev/../etc", "r")]))]),
    ("InvalidConfig", "DeviceAllow: '/dev/a b' contains a blank", [("DeviceAllow", V("a(ss)", [("/dev/a b", "r")]))]),
    ("InvalidConfig", "DeviceAllow: 'x' is not made of", [("DeviceAllow", V("a(ss)", [("/dev/a", "x")]))]),
    ("InvalidConfig", "DeviceAllow: '/dev/a' is given twice", [("DeviceAllow", V("a(ss)", 2 * [("/dev/a", "r")]))]),
    ("InvalidConfig", "DeviceAllow: 1025 entries are more than 1024",
     [("DeviceAllow", V("a(ss)", [(f"/dev/{i}", "r") for i in range(1025)]))]),
    ("InvalidConfig", "IPAddressDeny: address family 3 is neither",
     [("IPAddressDeny", V("a(iayu)", [(3, [10, 0, 0, 0], 8)]))]),
    ("InvalidConfig", "IPAddressDeny: prefix length 33 is more",
     [("IPAddressDeny", V("a(iayu)", [(2, [10, 0, 0, 0], 33)]))]),
    ("InvalidConfig", "IPAddressDeny: an address has 4 bytes",
     [("IPAddressDeny", V("a(iayu)", [(10, [10, 0, 0, 0], 8)]))]),
    ("InvalidConfig", "SocketBindDeny: 2 ports from port 65535", [("SocketBindDeny", V("a(iiqq)", [(2, 6, 2, 65535)]))]),
    ("InvalidConfig", "RestrictNetworkInterfaces: 'a/b' is not the name of an interface",
     [("RestrictNetworkInterfaces", V("(bas)", (True, ["a/b"])))]),
    ("InvalidConfig", "DisableControllers: 'net' is not one of", [("DisableControllers", V("as", ["cpu", "net"]))]),
    ("InvalidConfig", "IOReadBandwidthMax: 'dev/sda' is not an absolute path",
     [("IOReadBandwidthMax", V("a(st)", [("dev/sda", 5)]))]),
    ("InvalidConfig", "ManagedOOMPreference: 'kill' is not one of", [("ManagedOOMPreference", V("s", "kill"))]),
    ("InvalidConfig", "IPAccounting: it is given twice",
     [("IPAccounting", V("b", True)), ("IPAccounting", V("b", False))]),
    ("InvalidConfig", "MemoryMaxScale: MemoryMax sets the same limit",
     [("MemoryMax", V("t", 600 * MEBI)), ("MemoryMaxScale", V("u", 10**9))]),
)

# Contradictions, which are seen where there is a controller only.
CONTRADICTIONS = (
    ("MemoryMin: 2M is more than MemoryMax, which is 1M", [("MemoryMin", V("t", 2 * MEBI)), ("MemoryMax", V("t", MEBI))]),
    ("MemoryHigh: 2M is more than MemoryMax, which is 1M",
     [("MemoryMax", V("t", MEBI)), ("MemoryHigh", V("t", 2 * MEBI))]),
    ("MemoryLow: 2M is more than MemoryHigh, which is 1M",
     [("MemoryLow", V("t", 2 * MEBI)), ("MemoryHigh", V("t", MEBI))]),
    ("StartupMemoryHigh: 3M is more than MemoryMax, which is 2M",
     [("MemoryMax", V("t", 2 * MEBI)), ("StartupMemoryHigh", V("t", 3 * MEBI))]),
)

# error, text, OCI resources that are refused live and at creation; the unit tests have many more
OCI = (
    ("InvalidConfig", "OCI resources: not a JSON object", "memory"),
    ("InvalidConfig", "OCI resources: not a JSON object", "[]"),
    ("InvalidConfig", "OCI resources: .* more than 131072", "{" + 131_072 * " " + "}"),
    ("InvalidConfig", "OCI resources: there is no key 'typo'", '{"typo": {}}'),
    ("InvalidConfig", "memory.limit: is not a whole number", '{"memory": {"limit": "512M"}}'),
    ("InvalidConfig", "memory.limit: -2 is not from", '{"memory": {"limit": -2}}'),
    ("InvalidConfig", "memory.swap: is given without a limit", '{"memory": {"swap": 5}}'),
    ("InvalidConfig", "memory.swap: is less than the limit", '{"memory": {"limit": 1048576, "swap": 5}}'),
    ("InvalidConfig", "cpu.cpus: '3-1' is not a list", '{"cpu": {"cpus": "3-1"}}'),
    ("InvalidConfig", "cpu.period: CPUQuotaPeriodUSec: 5 is not from", '{"cpu": {"quota": 5, "period": 5}}'),
    ("InvalidConfig", "blockIO.weight: 9 is not from", '{"blockIO": {"weight": 9}}'),
    ("InvalidConfig", r"devices\[0\]: has a type", '{"devices": [{"allow": true, "type": "x", "access": "r"}]}'),
    ("InvalidConfig", r"devices\[0\]: has an access", '{"devices": [{"allow": true, "type": "c", "access": "x"}]}'),
    ("InvalidConfig", r"devices\[0\].major: 4096 is not", '{"devices": [{"allow": true, "type": "c", "major": 4096}]}'),
    ("InvalidConfig", "unified.pids.max: 'many' is neither", '{"unified": {"pids.max": "many"}}'),
    ("NotSupported", "memory.swappiness: systemd has no such property", '{"memory": {"swappiness": 5}}'),
    ("NotSupported", "unified: systemd has no property for '../cpu.max'", '{"unified": {"../cpu.max": "max"}}'),
    ("NotSupported", r"devices: 'c 1:3' cannot be denied while all others are allowed", """{"devices": [
        {"allow": true, "access": "rwm"}, {"allow": false, "type": "c", "major": 1, "minor": 3, "access": "r"}]}"""),
)


class TestRefused(ResourcesCase):
    """Each is refused before anything has changed, by an error that names the culprit."""

    def setUp(self):
        super().setUp()
        self.domain = self.start()
        self.domain.SetResources([("IPAccounting", V("b", False))])
        self.before = self.state(self.domain)

    def refuse(self, what, error, text, function, *arguments):
        with self.subTest(f"{what}: {text}"):
            self.assertError(error, text, function, *arguments)
            self.assertEqual(self.state(self.domain), self.before)
            self.assertEqual(self.scopes(), [self.domain.Unit])

    def refuse_creation(self, what, error, text, **keys):
        self.refuse(what, error, text, self.manager.CreateDomain, "web2", shell(OBEDIENT, **keys), START)

    def test_settings(self):
        """settings that cannot be are refused by SetResources and by the key Resources"""
        for error, text, settings in SETTINGS:
            self.refuse("live", error, text, self.domain.SetResources, settings)
            if len(dict(settings)) == len(settings):
                self.refuse_creation("at creation", error, text, Resources=V("a{sv}", dict(settings)))

    def test_contradictions(self):
        """settings that contradict each other are refused, and both are named"""
        self.need("memory")
        for text, settings in CONTRADICTIONS:
            self.refuse("live", "InvalidConfig", text, self.domain.SetResources, settings)
            self.refuse_creation("at creation", "InvalidConfig", text, Resources=V("a{sv}", dict(settings)))

    def test_contradiction_with_before(self):
        """a setting that contradicts what is in effect is refused"""
        self.need("memory")
        self.domain.SetResources([("MemoryMax", V("t", 200 * MEBI))])
        self.before = self.state(self.domain)
        self.refuse("live", "InvalidConfig", "MemoryHigh: 300M is more than MemoryMax, which is 200M",
                    self.domain.SetResources, [("MemoryHigh", V("t", 300 * MEBI))])
        self.refuse("as OCI", "InvalidConfig", "MemoryLow: 300M is more than MemoryMax, which is 200M",
                    self.domain.UpdateResourcesOCI, '{"memory": {"reservation": 314572800}}')
        self.refuse("in use", "InvalidConfig", "memory.limit: 4096 is less than what is in use, [0-9]+",
                    self.domain.UpdateResourcesOCI, '{"memory": {"limit": 4096, "checkBeforeUpdate": true}}')

    def test_oci(self):
        """OCI resources that cannot be are refused by UpdateResourcesOCI and by the key OCIResources, with their place"""
        for error, text, json in OCI:
            self.refuse("live", error, text, self.domain.UpdateResourcesOCI, json)
            self.refuse_creation("at creation", error, text, OCIResources=json)

    def test_twice(self):
        """what Resources sets OCIResources must not set, too"""
        self.refuse_creation("both", "InvalidConfig", "OCIResources: it sets DevicePolicy, and so does Resources",
                             Resources=V("a{sv}", {"DevicePolicy": V("s", "closed")}), OCIResources='{"devices": []}')

    def test_creation_only(self):
        """what can only be given at creation is refused later"""
        for name, value in AT_CREATION.items():
            if name in self.features["ResourceProperties"]:
                self.refuse(name, "NotSupported", f"^{name} can only be given at creation$",
                            self.domain.SetResources, [(name, value)])

    def test_newer(self):
        """what needs a newer systemd is refused, and which"""
        self.refuse("live", "NotSupported", "^CPUSetPartition needs systemd 261, and this is [0-9]+$",
                    self.domain.SetResources, [("CPUSetPartition", V("s", "root"))])

    def test_devices(self):
        """what is no device or no access is refused by AddDevice and RemoveDevice"""
        for error, text, node in (
                ("InvalidArgs", "node: '' is neither a path", ""), ("InvalidArgs", "node: 'kvm' is neither", "kvm"),
                ("InvalidArgs", "node: '/etc/passwd' is neither", "/etc/passwd"),
                ("InvalidArgs", r"node: '/dev/\.\./etc' is neither", "/dev/../etc"),
                ("InvalidArgs", r"node: '/dev/a\\x0ab' is neither", "/dev/a\nb"),
                ("InvalidArgs", "node: 'c 4096:1' is neither", "c 4096:1"),
                ("InvalidArgs", "node: 'c 1:1048576' is neither", "c 1:1048576"),
                ("InvalidArgs", "node: 'c -1:1' is neither", "c -1:1"),
                ("InvalidArgs", "node: 'd 1:1' is neither", "d 1:1"),
                ("InvalidArgs", "node: 'c 1:1 ' is neither", "c 1:1 "),
                ("InvalidArgs", r"node: 'c \*:1' is neither", "c *:1"),
                ("InvalidArgs", "node: '/dev' is neither", "/dev"),
                ("NoSuchDevice", "'/dev/none'.*No such file", "/dev/none"),
                ("NoSuchDevice", "'/dev/null/x'.*Not a directory", "/dev/null/x")):
            self.refuse("AddDevice", error, text, self.domain.AddDevice, node, "r")
            self.refuse("RemoveDevice", error, text, self.domain.RemoveDevice, node)
        for access in ("", "x", "rwx", "RW", "r w"):
            self.refuse("AddDevice", "InvalidArgs", f"access: '{access}' is not made of",
                        self.domain.AddDevice, "/dev/null", access)
        for node in ("/dev/null", "c 1:3", "char-pts"):
            self.refuse("RemoveDevice", "NoSuchDevice", f"'web1' was not allowed to use '{re.escape(node)}'",
                        self.domain.RemoveDevice, node)
        for group in ("char-", "block-a b", "char-a;b"):
            self.refuse("AddDevice", "InvalidConfig", f"DeviceAllow: '{group}' ", self.domain.AddDevice, group, "r")
