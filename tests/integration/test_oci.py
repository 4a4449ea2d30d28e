# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same OCI resources given to runc, to crun and to a domain: the same control group files, the same devices, but for
what is known of those versions. The runtimes also write to the files past systemd, which is reloaded in between."""

import json
import math
import os
import pathlib
import re
import shutil
import stat
import subprocess

from vmm import OBEDIENT, Cgroup, TestCase, V, make_folder, shell

CONTAINER = pathlib.Path("/srv/container")    # a root file system
MEBI = 1 << 20

# The files that are compared, and what a control group has that has no such file.
FILES = {
    "memory.max": "max", "memory.high": "max", "memory.low": "0", "memory.min": "0", "memory.swap.max": "max",
    "cpu.max": "max", "cpu.weight": "100", "cpu.idle": "0", "cpuset.cpus": "", "cpuset.mems": "",
    "pids.max": "max", "io.weight": "default 100", "io.max": "",
}

# Those of loop devices, which may be opened without harm, and which no runtime allows by itself.
NODES = ("c", 10, 237), ("b", 7, 5)
DENY_ALL = {"allow": False, "access": "rwm"}

AT_CREATION = {
    "limits": {"memory": {"limit": 256 * MEBI, "reservation": 128 * MEBI, "swap": 384 * MEBI}, "pids": {"limit": 100},
               "cpu": {"quota": 50_000, "period": 100_000, "cpus": "0", "mems": "0"}},
    "no limits": {"memory": {"limit": -1, "swap": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}},
    "roundings": {"memory": {"limit": 256 * MEBI + 1}, "cpu": {"quota": 33_333, "period": 70_000}},
    "files": {"unified": {"memory.min": str(MEBI), "memory.low": str(2 * MEBI), "memory.high": str(200 * MEBI),
                          "memory.max": str(300 * MEBI), "memory.swap.max": "0", "pids.max": "44", "cpu.weight": "250",
                          "cpu.max": "20000 50000", "cpuset.cpus": "0", "cpuset.mems": "0"}},
    "shares": {"cpu": {"shares": 512}},
    "idle": {"cpu": {"idle": 1}},
    "disks": {"blockIO": {"weight": 500, "throttleReadBpsDevice": [{"major": 7, "minor": 0, "rate": MEBI}],
                          "throttleWriteIOPSDevice": [{"major": 7, "minor": 0, "rate": 100}]}},
    "no device": {"devices": [DENY_ALL]},
    "devices": {"devices": [DENY_ALL, {"allow": True, "type": "c", "major": 10, "minor": 237, "access": "r"},
                            {"allow": True, "type": "b", "major": 7, "access": "rw"}]},
    "device denied later": {"devices": [DENY_ALL, {"allow": True, "type": "c", "major": 10, "minor": 237, "access": "rw"},
                                        {"allow": False, "type": "c", "major": 10, "minor": 237, "access": "w"}]},
}

# One after the other, of a container that was created with "limits".
UPDATES = {
    "other limits": {"memory": {"limit": 300 * MEBI, "swap": 400 * MEBI}, "pids": {"limit": 50},
                     "cpu": {"quota": 25_000, "period": 50_000}},
    "quota alone": {"cpu": {"quota": 40_000}},
    "limits taken back": {"memory": {"limit": -1, "swap": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}},
}


def weight_of_shares(shares):
    """As runc has it from 1.3.2 on and crun from 1.23 on."""
    logarithm = math.log2(shares)
    return math.ceil(10 ** ((logarithm ** 2 + 125 * logarithm) / 612 - 7 / 34))


# What the runtimes of Debian 13 do otherwise, and what is right for a domain then.
EXCEPTIONS = {
    # They have the older formula.
    ("runc", "shares"): {"cpu.weight": str(weight_of_shares(512))},
    ("crun", "shares"): {"cpu.weight": str(weight_of_shares(512))},
    # They write the quota as it is past systemd, which holds whole percents, rounded up: 48 %.
    ("runc", "roundings"): {"cpu.max": "33600 70000"},
    ("crun", "roundings"): {"cpu.max": "33600 70000"},
    # It does not know it yet.
    ("runc", "idle"): {"cpu.idle": "1", "cpu.weight": "0"},
    # A quota by itself is of the period that is in effect; crun takes it for one of 100 ms. An update's swap it tells
    # systemd together with the memory, which shows when systemd writes the file the next time.
    ("crun", "quota alone"): {"cpu.max": "40000 50000", "memory.swap.max": str(100 * MEBI)},
    # It does not tell systemd that there is no quota any more.
    ("crun", "limits taken back"): {"cpu.max": "max"},
}

# What they cannot do.
REFUSED = {("crun", "device denied later")}


def nothing_by_default(resources):
    """All devices are the runtimes' business if nobody denies them."""
    return resources if "devices" in resources else {**resources, "devices": [DENY_ALL]}


class Runtime:
    """runc or crun; their containers are created, which sets their control group up, and never started."""

    def __init__(self, test, program):
        self.test, self.program, self.folder = test, program, make_folder(test)

    def run(self, *arguments):
        output = self.folder / "output"    # a file: of a pipe a container would hold the other end
        with output.open("w") as file:
            done = subprocess.run([self.program, "--systemd-cgroup", f"--root={self.folder}/state", *arguments],
                                  stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, timeout=120)
        self.test.assertEqual(done.returncode, 0, f"{self.program} {arguments}: {output.read_text()}")

    def create(self, name, resources):
        bundle = self.folder / name
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2", "root": {"path": str(CONTAINER)},
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "cwd": "/", "env": ["PATH=/bin"]},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "annotations": {"run.oci.systemd.subgroup": ""},
            "linux": {"cgroupsPath": f"system.slice:{self.program}:{name}", "resources": nothing_by_default(resources),
                      "namespaces": [{"type": "mount"}, {"type": "pid"}]}}))
        self.run("create", "--no-pivot", f"--bundle={bundle}", name)
        self.test.addCleanup(self.run, "delete", "--force", name)
        return Cgroup(f"system.slice/{self.program}-{name}.scope")

    def update(self, name, resources):
        file = self.folder / "resources.json"
        file.write_text(json.dumps(resources))
        self.run("update", f"--resources={file}", name)


class TestOci(TestCase):
    def setUp(self):
        super().setUp()
        missing = [program for program in ("runc", "crun") if not shutil.which(program)]
        if missing or not CONTAINER.is_dir():
            self.skipTest(f"there is no {' and no '.join(missing) or CONTAINER} in this bed")
        self.nodes = {}
        self.folder = make_folder(self)
        for kind, major, minor in NODES:
            node = self.nodes[f"{kind} {major}:{minor}"] = self.folder / f"{kind}-{major}-{minor}"
            os.mknod(node, (stat.S_IFCHR if kind == "c" else stat.S_IFBLK) | 0o600, os.makedev(major, minor))

    def domain(self, name, resources):
        json_text = json.dumps(nothing_by_default(resources))
        return self.create(name, shell(OBEDIENT, OCIResources=V("s", json_text)), ready=False)

    def reload(self):
        subprocess.run(["systemctl", "daemon-reload"], check=True)

    @staticmethod
    def files(cgroup):
        """Their texts; without a quota its period does not matter."""
        return {file: re.sub("^(max) .*", r"\1", path.read_text().strip()) if (path := cgroup.path / file).exists()
                else nothing for file, nothing in FILES.items()}

    def devices(self, cgroup):
        """How nodes can be opened from within."""
        script = "".join(f"(exec 3{how}{node}) 2>/dev/null && echo '{name} {how}'\n"
                         for name, node in self.nodes.items() for how in ("<", ">"))
        child = subprocess.run(["/bin/sh", "-c", script + "true"], capture_output=True, text=True, check=True,
                               preexec_fn=lambda: (cgroup.path / "cgroup.procs").write_text(str(os.getpid())))
        return child.stdout.splitlines()

    def compare(self, what, runtime, theirs, ours):
        with self.subTest(f"{what}, {runtime.program}"):
            wanted = self.files(theirs) | EXCEPTIONS.get((runtime.program, what), {})
            self.assertEqual(self.files(ours), wanted)
            self.assertEqual(self.devices(ours), self.devices(theirs))

    def test_creation(self):
        """a domain that is created with OCIResources has the control group that runc and crun give a container"""
        runtimes = [Runtime(self, program) for program in ("runc", "crun")]
        domains = {what: self.domain(f"web{i}", resources) for i, (what, resources) in enumerate(AT_CREATION.items())}
        rows = [(what, domain, runtime.create(domain.Name, AT_CREATION[what]), runtime)
                for what, domain in domains.items() for runtime in runtimes if (runtime.program, what) not in REFUSED]
        self.reload()
        for what, domain, cgroup, runtime in rows:
            self.assertEqual(domain.Warnings, [], what)
            self.compare(what, runtime, cgroup, domain.cgroup)

    def test_update(self):
        """UpdateResourcesOCI changes what the update commands of runc and crun change"""
        runtimes = [Runtime(self, program) for program in ("runc", "crun")]
        domain = self.domain("web1", AT_CREATION["limits"])
        cgroups = [runtime.create("c", AT_CREATION["limits"]) for runtime in runtimes]
        for what, resources in UPDATES.items():
            for runtime in runtimes:
                runtime.update("c", resources)
            domain.UpdateResourcesOCI(json.dumps(resources))
            self.reload()
            for runtime, cgroup in zip(runtimes, cgroups):
                self.compare(what, runtime, cgroup, domain.cgroup)
        self.assertEqual(domain.Warnings, [])
