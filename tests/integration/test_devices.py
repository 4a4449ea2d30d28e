# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which devices a domain may use, asked of a payload that opens them: what it gets at creation, what is added and taken
away while it runs or is paused, and what systemd's reloads leave of it."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

from vmm import (FORCE, OBEDIENT, START, TestCase, V, config, guest, make_folder, need_guest, shell, told,
                 wait_until)

# Opens nodes, or keeps them open and reads them, and says how that went: the name of the error, or "ok".
PROBE = """
import errno, os, sys
kept = {}
def attempt(verb, node):
    if verb == "keep":
        kept[node] = os.open(node, os.O_RDONLY | os.O_NONBLOCK)
    elif verb == "read":
        os.read(kept[node], 8192)
    else:
        os.close(os.open(node, {"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR}[verb] | os.O_NONBLOCK))
print("ready", flush=True)
for line in os.fdopen(os.open(sys.argv[1], os.O_RDWR)):
    try:
        attempt(*line.split())
        print("answer ok", flush=True)
    except OSError as error:
        print("answer", errno.errorcode[error.errno], flush=True)
"""

CONTROL, LOOP = ("c", 10, 237), ("b", 7, 5)    # those of loop devices, which tests may open without harm
DENIED = "EPERM"


def number(device):
    return "%s %d:%d" % device


def specifier(device):
    """As systemd is told of it."""
    return "/dev/%s/%d:%d" % ({"c": "char", "b": "block"}[device[0]], *device[1:])


class DeviceCase(TestCase):
    """Tests with nodes of their own, so that no device of this machine need be there, and that can vanish."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(dir="/dev"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.questions = make_folder(self) / "questions"
        os.mkfifo(self.questions)
        self.loop, self.control = self.make_node(LOOP), self.make_node(CONTROL)

    def make_node(self, device):
        kind, major, minor = device
        node = str(self.folder / ("node_%s_%d:%d" % device))
        os.mknod(node, (stat.S_IFCHR if kind == "c" else stat.S_IFBLK) | 0o600, os.makedev(major, minor))
        os.close(os.open(node, os.O_RDONLY | os.O_NONBLOCK))    # or the test could not tell who says no
        return node

    def start(self, flags=START, **keys):
        command = ["/usr/bin/python3", "-c", PROBE, str(self.questions)]
        domain = self.create("web1", config(Kind="process", Command=command, **keys), flags)
        self.console = domain.console()
        self.addCleanup(self.console.close)
        self.procs = domain.cgroup.path / "cgroup.procs"
        return domain

    def probe(self, verb, node):
        self.questions.write_text(f"{verb} {node}\n")
        return self.console.expect(r"answer (\w+)")[1]

    def access(self, node):
        """The letters that the domain may use the node with. Payloads have no CAP_MKNOD, so somebody else tries that."""
        answers = {letter: self.probe(letter, node) for letter in "rw"}
        self.assertLessEqual(set(answers.values()), {"ok", DENIED})
        return "".join(letter for letter in "rw" if answers[letter] == "ok") + ("m" if self.makes(node) else "")

    def makes(self, node):
        device = os.stat(node)
        kind = "c" if stat.S_ISCHR(device.st_mode) else "b"
        numbers = map(str, (os.major(device.st_rdev), os.minor(device.st_rdev)))
        made = subprocess.run(["mknod", self.folder / "made", kind, *numbers], capture_output=True, text=True,
                              preexec_fn=lambda: self.procs.write_text(str(os.getpid())))
        if made.returncode:
            self.assertIn("Operation not permitted", made.stderr)
            return False
        os.unlink(self.folder / "made")
        return True

    def assertAccess(self, **letters):
        """What the domain may do with the nodes of that name, as the kernel sees it."""
        self.assertEqual({name: self.access(getattr(self, name)) for name in letters}, letters)

    def systemd_list(self, domain):
        return self.bus.unit(domain.Unit, "Scope").DeviceAllow


class TestLive(DeviceCase):
    def test_add_and_remove(self):
        """closed by default; AddDevice opens a device as far as it says, by path or number, and RemoveDevice closes it"""
        domain = self.start()
        self.assertEqual((domain.Devices, self.systemd_list(domain)), ([], []))
        self.assertAccess(loop="", control="")
        self.assertEqual([self.probe("rw", node) for node in ("/dev/null", "/dev/zero", "/dev/urandom")], 3 * ["ok"])

        domain.AddDevice(self.loop, "r")
        self.assertEqual((domain.Devices, self.systemd_list(domain)), ([(self.loop, "r")], [(specifier(LOOP), "r")]))
        self.assertAccess(loop="r", control="")
        domain.AddDevice(number(CONTROL), "wm")
        self.assertEqual(domain.Devices, [(self.loop, "r"), (number(CONTROL), "wm")])
        self.assertAccess(loop="r", control="wm")
        domain.AddDevice(number(LOOP), "w")
        self.assertAccess(loop="rw", control="wm")

        domain.RemoveDevice(number(LOOP))
        self.assertAccess(loop="", control="wm")
        domain.RemoveDevice(self.control)
        self.assertAccess(loop="", control="")
        self.assertEqual((domain.Devices, self.systemd_list(domain)), ([], []))
        self.assertEqual(self.probe("rw", "/dev/null"), "ok")

    def test_groups(self):
        """whole groups, by number or by systemd's name"""
        domain = self.start()
        for node, name, access in (("b 7:*", "block-7", {"loop": "rw", "control": ""}),
                                   ("block-loop", "block-loop", {"loop": "rw", "control": ""}),
                                   ("c 10:*", "char-10", {"loop": "", "control": "rw"}),
                                   ("char-*", "char-*", {"loop": "", "control": "rw"})):
            with self.subTest(node):
                domain.AddDevice(node, "rw")
                self.assertEqual(domain.Devices, [(name, "rw")])
                self.assertAccess(**access)
                domain.RemoveDevice(node)
        self.assertAccess(loop="", control="")

    def test_open_stays_open(self):
        """what is open stays open when the device is taken away: it cannot be opened again, but read"""
        domain = self.start()
        domain.AddDevice(self.loop, "r")
        self.assertEqual(self.probe("keep", self.loop), "ok")
        domain.RemoveDevice(self.loop)
        self.assertEqual(self.probe("r", self.loop), DENIED)
        self.assertEqual(self.probe("read", self.loop), "ok")

    def test_node_is_gone(self):
        """a device can be taken away when its node is gone, by the name that it had, or by number"""
        domain = self.start()
        for name in (self.loop, number(LOOP)):
            with self.subTest(name):
                domain.AddDevice(self.loop, "rw")
                os.unlink(self.loop)
                domain.RemoveDevice(name)
                self.make_node(LOOP)
                self.assertAccess(loop="")
        self.assertEqual(domain.Devices, [])

    def test_another_device(self):
        """what is allowed is the device: another one of its name is not, and the name still takes it away"""
        domain = self.start()
        domain.AddDevice(self.loop, "rw")
        os.rename(self.control, self.loop)
        self.assertEqual(self.probe("r", self.loop), DENIED)
        domain.RemoveDevice(self.loop)
        self.assertEqual((domain.Devices, self.systemd_list(domain)), ([], []))

    def test_nothing_to_do(self):
        """what is allowed already is not set again, and no job is made of it"""
        domain = self.start()
        domain.AddDevice(self.loop, "rw")
        domain.AddDevice(self.control, "r")
        self.signals.seen.clear()
        for node, access in ((self.loop, "rw"), (number(LOOP), "r"), (self.loop, "wr")):
            domain.AddDevice(node, access)
        self.assertEqual(domain.Devices, [(self.loop, "rw"), (self.control, "r")])
        self.assertEqual(told(self.signals, self.manager.path, "JobNew"), [])

    def test_reload(self):
        """daemon-reload, daemon-reexec and other settings leave devices as they are"""
        domain = self.start()
        domain.AddDevice(self.loop, "r")
        for change in (["systemctl", "daemon-reload"], ["systemctl", "daemon-reexec"],
                       ["systemctl", "set-property", "--runtime", domain.Unit, "IPAccounting=yes"]):
            with self.subTest(change[1]):
                subprocess.run(change, check=True)
                self.assertAccess(loop="r", control="")
        domain.RemoveDevice(self.loop)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        self.assertAccess(loop="", control="")

    def test_paused(self):
        """what is added to and taken from a paused domain counts from its resume on"""
        domain = self.start()
        domain.AddDevice(self.loop, "rw")
        domain.Pause()
        domain.RemoveDevice(self.loop)
        domain.AddDevice(self.control, "rw")
        self.assertFrozen(domain)
        domain.Resume()
        self.assertAccess(loop="", control="rw")

    def test_thawed_from_outside(self):
        """so it does when systemctl thaws the domain"""
        domain = self.start()
        domain.AddDevice(self.loop, "rw")
        domain.Pause()
        domain.RemoveDevice(self.loop)
        subprocess.run(["systemctl", "thaw", domain.Unit], check=True)
        domain.wait_state("running")
        wait_until(lambda: domain.Job == "/")    # in which systemd 257 is told once more
        self.assertThawed(domain)
        self.assertAccess(loop="")

    def test_errors(self):
        """what is no device, or none that is allowed, is refused, and nothing has changed"""
        domain = self.start()
        domain.AddDevice(self.loop, "r")
        before = self.systemd_list(domain), domain.Devices, domain.Resources
        missing = str(self.folder / "missing")
        (self.folder / "file").write_text("")
        os.symlink("/etc/passwd", self.folder / "link")
        for error, text, call, *arguments in (
                ("NoSuchDevice", f"There is no device '{missing}': No such file", domain.AddDevice, missing, "r"),
                ("InvalidArgs", f"'{self.folder}/file' is not a device", domain.AddDevice, f"{self.folder}/file", "r"),
                ("InvalidArgs", f"'{self.folder}/link' is not a device", domain.AddDevice, f"{self.folder}/link", "r"),
                ("InvalidArgs", "'/dev' is neither", domain.AddDevice, "/dev", "r"),
                ("InvalidArgs", "'/dev/pts' is not a device", domain.AddDevice, "/dev/pts", "r"),
                ("NoSuchDevice", "'web1' was not allowed to use", domain.RemoveDevice, self.control),
                ("NoSuchDevice", "'web1' was not allowed to use 'c 10:237'", domain.RemoveDevice, number(CONTROL)),
                ("NoSuchDevice", f"There is no device '{missing}'", domain.RemoveDevice, missing)):
            with self.subTest(text):
                self.assertError(error, text, call, *arguments)
                self.assertEqual((self.systemd_list(domain), domain.Devices, domain.Resources), before)
        self.assertAccess(loop="r", control="")


class TestCreation(DeviceCase):
    def test_given_by_name(self):
        """devices of the key Resources can be used from the start, and taken away"""
        domain = self.start(Resources=V("a{sv}", {"DeviceAllow": V("a(ss)", [(self.loop, "r"), (self.control, "")])}))
        self.assertEqual(domain.Devices, [(self.loop, "r"), (self.control, "rwm")])
        self.assertAccess(loop="r", control="rwm")
        domain.RemoveDevice(self.control)
        domain.RemoveDevice(number(LOOP))
        self.assertAccess(loop="", control="")

    def test_given_as_oci(self):
        """so can those of the key OCIResources, and the policy is strict: not even /dev/null is for nothing"""
        rules = [{"allow": False, "access": "rwm"},
                 {"allow": True, "type": "b", "major": 7, "minor": 5, "access": "r"},
                 {"allow": True, "type": "c", "major": 10, "access": "w"}]
        domain = self.start(OCIResources=json.dumps({"devices": rules}))
        self.assertEqual(domain.Devices, [("b 7:5", "r"), ("char-10", "w")])
        self.assertAccess(loop="r", control="w")
        self.assertEqual(self.probe("r", "/dev/zero"), DENIED)
        domain.RemoveDevice("c 10:*")
        domain.RemoveDevice(self.loop)
        self.assertAccess(loop="", control="")
        self.assertEqual(domain.Devices, [])

    def test_no_device_at_all(self):
        """a domain that may not even open /dev/null comes to be, however slow its first process is"""
        for _ in range(20):
            domain = self.create("web1", shell(OBEDIENT, OCIResources=V("s", '{"devices": []}')))
            self.assertEqual(domain.Resources, {**domain.Resources, "DevicePolicy": "strict", "DeviceAllow": []})
            domain.Destroy(FORCE)

    def test_missing(self):
        """a node that is not there is kept on the list, and told as a warning"""
        missing = str(self.folder / "missing")
        domain = self.start(Resources=V("a{sv}", {"DeviceAllow": V("a(ss)", [(missing, "r")])}))
        self.assertEqual(domain.Devices, [(missing, "r")])
        self.assertEqual(domain.Warnings, [f"DeviceAllow: there is no {missing} now"])
        domain.RemoveDevice(missing)
        self.assertEqual((domain.Devices, self.systemd_list(domain)), ([], []))

    def test_auto(self):
        """with DevicePolicy auto and no list every device can be used, and there is nothing to add or take away"""
        domain = self.start(Resources=V("a{sv}", {"DevicePolicy": V("s", "auto")}))
        self.assertAccess(loop="rwm", control="rwm")
        for call, arguments in ((domain.AddDevice, (self.loop, "r")), (domain.RemoveDevice, (self.loop,))):
            self.assertError("NotSupported", "DevicePolicy of 'web1' is auto", call, *arguments)
        self.assertAccess(loop="rwm")
        domain.SetResources([("DevicePolicy", V("s", "closed"))])
        self.assertAccess(loop="", control="")
        domain.AddDevice(self.loop, "r")
        self.assertAccess(loop="r", control="")

    def test_auto_with_list(self):
        """with a list, auto is as closed; the last one of the list stays"""
        resources = {"DevicePolicy": V("s", "auto"), "DeviceAllow": V("a(ss)", [(self.loop, "r"), (self.control, "r")])}
        domain = self.start(Resources=V("a{sv}", resources))
        self.assertAccess(loop="r", control="r")
        domain.RemoveDevice(self.loop)
        self.assertAccess(loop="", control="r")
        self.assertError("NotSupported", "without a list it may use every device", domain.RemoveDevice, self.control)
        self.assertAccess(loop="", control="r")

    def test_created_paused(self):
        """devices that are added before the first resume can be used after it"""
        domain = self.start(0)
        domain.AddDevice(self.loop, "r")
        domain.Resume()
        self.console.expect("ready")
        self.assertAccess(loop="r", control="")

    def test_oci_update(self):
        """UpdateResourcesOCI replaces the whole list"""
        domain = self.start()
        domain.AddDevice(self.loop, "rw")
        domain.UpdateResourcesOCI(json.dumps({"devices": [
            {"allow": True, "type": "c", "major": 10, "minor": 237, "access": "rwm"},
            {"allow": False, "type": "c", "major": 10, "minor": 237, "access": "w"}]}))
        self.assertAccess(loop="", control="rm")
        self.assertEqual(domain.Devices, [(number(CONTROL), "rm")])
        domain.UpdateResourcesOCI('{"devices": [{"allow": true, "access": "rwm"}]}')
        self.assertAccess(loop="rwm", control="rwm")
        self.assertEqual((domain.Devices, domain.Resources["DevicePolicy"]),
                         ([("char-*", "rwm"), ("block-*", "rwm")], "auto"))


class TestGuestDevices(TestCase):
    DEFAULT = "/dev/kvm", "/dev/vhost-net", "/dev/vfio/vfio"

    def test_default(self):
        """a virtual machine gets the devices of its kind that this host has, and a warning names the others"""
        need_guest()
        domain = self.create("web1", guest(), 0)
        there = [node for node in self.DEFAULT if os.path.exists(node)]
        missing = [node for node in self.DEFAULT if node not in there]
        self.assertEqual(domain.Devices, [(node, "rw") for node in there])
        self.assertEqual(domain.Warnings,
                         [f"Not on this host, so not allowed to the domain: {', '.join(missing)}"] if missing else [])
        for node in there:
            domain.RemoveDevice(node)
        self.assertEqual((domain.Devices, self.bus.unit(domain.Unit, "Scope").DeviceAllow), ([], []))
        domain.Destroy(FORCE)
