# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks of virtual machines, as the guest sees them and as their files tell afterwards: at creation, while it runs, and
in use by others."""

import errno
import os
import pathlib
import pwd
import re
import stat
import subprocess

from vmm import (FORCE, GUEST_TIMEOUT, OBEDIENT, START, Bus, Signals, TestCase, V, config, guest, make_folder, need_guest, shell,
                 wait_until)

MIB = 1 << 20
READY = "GUEST-READY"

# Locks an image as a program does that writes it and bears no other writer, until it is ended.
LOCKER = """
import fcntl, struct, sys
file = open(sys.argv[1], "r+b")
for byte in (101, 201):
    fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, byte, 1, 0))    # F_OFD_SETLK
print("locked", flush=True)
sys.stdin.read()
"""

setUpModule = need_guest


def disk(path, name=None, scheme="file", **keys):
    """A disk as it goes over the wire."""
    keys.update(Source=f"{scheme}:{path}", **({"Name": name} if name else {}))
    return {key: value if isinstance(value, V) else V("s", value) for key, value in keys.items()}


def qcow2(path, clusters=64):
    """An empty qcow2 image of version 3 with so many clusters of 64 KiB: header, one table of refcounts and its one block,
    one first-level table."""
    cluster = 1 << 16
    header = bytearray(4 * cluster)
    header[0:4] = b"QFI\xfb"
    for offset, size, value in ((4, 4, 3), (20, 4, 16), (24, 8, clusters * cluster), (36, 4, 1), (40, 8, 3 * cluster),
                                (48, 8, cluster), (56, 4, 1), (96, 4, 4), (100, 4, 104),
                                (cluster, 8, 2 * cluster)):
        header[offset:offset + size] = value.to_bytes(size, "big")
    for i in range(4):    # the clusters in use
        header[2 * cluster + 2 * i:2 * cluster + 2 * i + 2] = (1).to_bytes(2, "big")
    path.write_bytes(header)


class DiskCase(TestCase):
    def setUp(self):
        super().setUp()
        self.folder = make_folder(self)

    def image(self, name="data", size=MIB, content=b""):
        """An image that only root may use, with this at its beginning."""
        path = self.folder / name
        path.write_bytes(content)
        os.truncate(path, size)
        path.chmod(0o600)
        return path

    def boot(self, *disks, name="web1", **keys):
        """A guest that is ready, and its console."""
        if disks:
            keys["Disks"] = V("aa{sv}", list(disks))
        domain = self.create(name, guest(**keys))
        console = domain.console()
        console.expect(READY, GUEST_TIMEOUT)
        return domain, console

    def ask(self, console, command):
        """What the guest's shell prints for a command."""
        console.drain()
        console.send(f"echo =$((6*8))=; {command}; echo =$((6*7))=\n")
        text = console.expect(r"(?s)=48=(.*?)=42=", GUEST_TIMEOUT)[1]
        return text.replace("\r", "").strip()

    def node(self, console, name):
        """The guest's name of the disk with this serial number."""
        found = self.ask(console, f"grep -lx {name} /sys/block/vd*/serial")
        match = re.match(r"/sys/block/(vd\w)/serial$", found)
        return match and f"/dev/{match[1]}"

    def wait_node(self, console, name):
        return wait_until(lambda: self.node(console, name), GUEST_TIMEOUT, f"disk {name} in the guest", every=0.3)

    def at_rest(self, domain):
        return domain.WaitForDevices(GUEST_TIMEOUT * 1_000_000, timeout=GUEST_TIMEOUT)

    def wait_ready(self, domain, name):
        self.assertEqual(self.at_rest(domain)[name], "ready")

    def write(self, console, node, text):
        return self.ask(console, f"echo {text} | dd of={node} bs=512 conv=sync,fsync 2>&1; echo status $?")

    def read(self, console, node, size=64):
        return self.ask(console, f"dd if={node} bs={size} count=1 2>/dev/null | tr -d '\\0'")


class TestAttach(DiskCase):
    def test_attach(self):
        """a disk comes while the guest runs: it sees it, reads it, writes it, and sees it go; QEMU may not open the file"""
        domain, console = self.boot()
        signals = Signals(self.bus, domain.path)
        image = self.image(content=b"from the host\n")
        self.assertEqual(domain.AttachDisk(disk(image, "data")), "data")
        self.wait_ready(domain, "data")
        node = self.wait_node(console, "data")
        self.assertEqual(self.read(console, node), "from the host")
        self.assertIn("status 0", self.write(console, node, "from the guest"))
        self.assertEqual(self.ask(console, f"cat /sys/block/{node[5:]}/size"), str(MIB // 512))
        self.assertEqual(domain.Disks, [{"Name": "data", "Source": f"file:{image}", "Mode": "rw", "Format": "raw",
                                         "Backend": 0, "State": "ready"}])
        domain.DetachDisk("data")
        self.assertEqual(self.at_rest(domain), {})
        self.assertEqual(self.ask(console, "ls /sys/block"), "")
        self.assertTrue(image.read_bytes().startswith(b"from the guest\n"))
        self.assertEqual(domain.Disks, [])
        self.assertFalse([warning for warning in domain.Warnings if "disk" in warning])
        self.assertFalse(self.holders(domain, image))
        for what in ("waiting", "ready", "going", "removed"):
            signals.wait("DeviceChanged", "data", what)

    def holders(self, domain, path):
        """The descriptors of QEMU that are this file."""
        folder = pathlib.Path(f"/proc/{domain.Leader}/fd")
        return [fd for fd in folder.iterdir() if fd.exists() and os.path.samefile(fd, path)]

    def test_qcow2(self):
        """a qcow2 image grows by what the guest writes, and another guest reads it there"""
        path = self.folder / "data.qcow2"
        qcow2(path)
        path.chmod(0o600)
        domain, console = self.boot()
        domain.AttachDisk(disk(path, "data", Format="qcow2"))
        self.wait_ready(domain, "data")
        node = self.wait_node(console, "data")
        self.assertEqual(self.ask(console, f"cat /sys/block/{node[5:]}/size"), str(64 * 65536 // 512))
        self.assertIn("status 0", self.write(console, node, "from the guest"))
        domain.DetachDisk("data")
        self.assertEqual(self.at_rest(domain), {})
        self.assertIn(b"from the guest\n", path.read_bytes()[4 * 65536:])
        domain.Destroy(FORCE)
        _, console = self.boot(disk(path, "again", Format="qcow2", Mode="ro"), name="web2")
        self.assertEqual(self.read(console, self.node(console, "again")), "from the guest")

    def test_read_only(self):
        """a disk that is ro refuses the guest's writes, and the file is as it was"""
        domain, console = self.boot()
        image = self.image(content=b"from the host\n")
        domain.AttachDisk(disk(image, "data", Mode="ro"))
        self.wait_ready(domain, "data")
        node = self.wait_node(console, "data")
        self.assertEqual(self.ask(console, f"cat /sys/block/{node[5:]}/ro"), "1")
        self.assertNotIn("status 0", self.write(console, node, "from the guest"))
        self.assertEqual(self.read(console, node), "from the host")
        self.assertTrue(image.read_bytes().startswith(b"from the host\n"))

    def test_names(self):
        """a disk without a name gets one; a name that is taken is refused, and free again when its disk is gone"""
        domain, console = self.boot()
        first, second = self.image("a"), self.image("b")
        self.assertEqual(domain.AttachDisk(disk(first)), "disk0")
        self.assertError("InvalidConfig", "^Name: 'web1' has a disk 'disk0' already$", domain.AttachDisk, disk(second, "disk0"))
        self.assertEqual(domain.AttachDisk(disk(second)), "disk1")
        self.assertEqual(self.at_rest(domain), {"disk0": "ready", "disk1": "ready"})
        self.wait_node(console, "disk0")
        domain.DetachDisk("disk0")
        self.assertEqual(self.at_rest(domain), {"disk1": "ready"})
        self.assertEqual(domain.AttachDisk(disk(first, "disk0")), "disk0")
        self.wait_ready(domain, "disk0")
        self.wait_node(console, "disk0")

    def test_ports(self):
        """a q35 takes eight more, then says that its ports are taken, and has one again when one is gone"""
        domain, console = self.boot()
        for i in range(8):
            domain.AttachDisk(disk(self.image(f"{i}")))
        self.assertEqual(set(self.at_rest(domain).values()), {"ready"})
        more = disk(self.image("more"), "more")
        self.assertError("LimitExceeded", "^All 8 ports of 'web1' for disks and networks are taken$", domain.AttachDisk, more)
        self.wait_node(console, "disk7")
        domain.DetachDisk("disk3")
        self.assertNotIn("disk3", self.at_rest(domain))
        domain.AttachDisk(more)
        self.wait_ready(domain, "more")
        self.wait_node(console, "more")

    def test_pc(self):
        """a machine of type pc takes a disk, and gives it back"""
        domain, console = self.boot(Machine="pc")
        domain.AttachDisk(disk(self.image(), "data"))
        self.wait_ready(domain, "data")
        self.wait_node(console, "data")
        domain.DetachDisk("data")
        self.assertEqual(self.at_rest(domain), {})
        self.assertEqual(self.ask(console, "ls /sys/block"), "")

    def test_broken_image(self):
        """what QEMU says against an image is told, and the file is nobody's"""
        path = self.folder / "data.qcow2"
        qcow2(path)
        with path.open("r+b") as file:
            file.seek(24)
            file.write((1 << 62).to_bytes(8, "big"))
        domain, console = self.boot()
        signals = Signals(self.bus, domain.path)
        domain.AttachDisk(disk(path, "data", Format="qcow2"))
        outcome = self.at_rest(domain)["data"]
        self.assertRegex(outcome, "^failed: .*Image is too (big|large)|^failed: .*L1 table")
        signals.wait("DeviceChanged", "data", "failed")
        self.assertEqual((domain.Disks[0]["State"], f"failed: {domain.Disks[0]['Reason']}"), ("failed", outcome))
        self.assertFalse(self.holders(domain, path))
        qcow2(path)
        domain.AttachDisk(disk(path, "data", Format="qcow2"))
        self.wait_ready(domain, "data")
        self.wait_node(console, "data")
        domain.DetachDisk("data")
        self.assertEqual(self.at_rest(domain), {})

    def test_unwilling(self):
        """a guest that does not let go keeps its disk, and everybody is told; the file is still in use"""
        extra = guest()["Extra"].unpack() + " acpi=off"
        image = self.image()
        domain = self.create("web1", guest(Extra=extra, Disks=V("aa{sv}", [disk(image, "data")])))
        signals = Signals(self.bus, domain.path)
        domain.DetachDisk("data")
        self.assertEqual(domain.WaitForDevices(0), {"data": "going"})
        self.assertEqual(self.at_rest(domain), {"data": "kept: the guest does not let go of it"})
        signals.wait("DeviceChanged", "data", "kept")
        self.assertEqual(domain.Warnings[-1], "The disk 'data' is still attached: the guest does not let go of it")
        other = self.create("web2", guest(), 0)
        other.Resume()
        self.assertError("DeviceInUse", "in use by domain 'web1', as its disk 'data'", other.AttachDisk, disk(image))

    def test_ejected(self):
        """a disk that the guest lets go of by itself is gone, and its file is free"""
        image = self.image()
        domain, console = self.boot(disk(image, "data"))
        signals = Signals(self.bus, domain.path)
        self.ask(console, "for slot in /sys/bus/pci/slots/*/power; do echo 0 >$slot; done 2>/dev/null")
        signals.wait("DeviceChanged", "data", "removed", timeout=GUEST_TIMEOUT)
        self.assertEqual(domain.Disks, [])
        self.assertFalse(self.holders(domain, image))


class TestCreation(DiskCase):
    def test_created(self):
        """a domain is created with disks: the guest reads and writes them, and gives one back"""
        raw, other, image = self.image(content=b"from the host\n"), self.image("other", 2 * MIB), self.folder / "q"
        qcow2(image)
        image.chmod(0o600)
        domain, console = self.boot(disk(raw, "raw"), disk(other, "other", Mode="ro"), disk(image, Format="qcow2"))
        self.assertEqual(domain.WaitForDevices(0), {"raw": "ready", "other": "ready", "disk0": "ready"})
        nodes = {name: self.node(console, name) for name in ("raw", "other", "disk0")}
        self.assertEqual(sorted(nodes.values()), ["/dev/vda", "/dev/vdb", "/dev/vdc"])
        self.assertEqual(self.read(console, nodes["raw"]), "from the host")
        for name in ("raw", "disk0"):
            self.assertIn("status 0", self.write(console, nodes[name], f"from the guest to {name}"))
        self.assertNotIn("status 0", self.write(console, nodes["other"], "no"))
        domain.DetachDisk("raw")
        self.assertEqual(sorted(self.at_rest(domain)), ["disk0", "other"])
        self.assertTrue(raw.read_bytes().startswith(b"from the guest to raw\n"))
        domain.Shutdown(0)
        wait_until(lambda: not self.manager.ListDomains(), GUEST_TIMEOUT, "the end")
        self.assertIn(b"from the guest to disk0\n", image.read_bytes())

    def test_microvm(self):
        """a microvm has its disks from the beginning, and takes none later"""
        extra = guest()["Extra"].unpack() + " tsc_early_khz=2000000"
        domain, console = self.boot(disk(self.image(content=b"from the host\n"), "data"), Machine="microvm", Extra=extra)
        self.assertEqual(self.read(console, self.node(console, "data")), "from the host")
        for function, argument in ((domain.AttachDisk, disk(self.image("b"))), (domain.DetachDisk, "data")):
            self.assertError("NotSupported", "a microvm has its devices from its creation on", function, argument)

    def test_broken_image(self):
        """an image that QEMU cannot use is an error of the creation, in QEMU's words"""
        path = self.folder / "data.qcow2"
        qcow2(path)
        with path.open("r+b") as file:
            file.seek(24)
            file.write((1 << 62).to_bytes(8, "big"))
        self.assertError("InvalidConfig", "qemu.*(Image is too (big|large)|L1 table)", self.manager.CreateDomain, "web1",
                         guest(Disks=V("aa{sv}", [disk(path, Format="qcow2")])), START)


    def test_firmware(self):
        """the machine's firmware boots from the first disk"""
        text = b"BOOTED-FROM-DISK\r\n\0"
        code = (b"\xfa\x31\xc0\x8e\xd8\xbe\x40\x7c\xba\xf8\x03"    # cli; ds = 0; mov si, 0x7c40; mov dx, 0x3f8
                b"\xac\x84\xc0\x74\x03\xee\xeb\xf8"    # lodsb; test al, al; jz end; out dx, al; jmp again
                b"\xf4\xeb\xfd")    # end: hlt; jmp end
        sector = bytearray(512)
        sector[:len(code)] = code
        sector[0x40:0x40 + len(text)] = text
        sector[510:] = b"\x55\xaa"
        first, second = self.image("first", content=bytes(sector)), self.image("second", content=b"\xf4" * 510 + b"\x55\xaa")
        for machine in ("q35", "pc"):
            with self.subTest(machine):
                domain = self.create(machine, config(
                    Kind="qemu", Accelerator="tcg", Machine=machine, Firmware="default",
                    Disks=V("aa{sv}", [disk(first, "z", Mode="ro"), disk(second, "a", Mode="ro")])))
                domain.console().expect("BOOTED-FROM-DISK", GUEST_TIMEOUT)

    def test_restart(self):
        """a domain that starts again has the disks of its creation, and one that is kept has none in use"""
        image = self.image()
        disks = V("aa{sv}", [disk(image, "data")])
        domain = self.create("web1", guest("off", Disks=disks, OnPoweroff="preserve"))
        domain.wait_state("preserved", timeout=GUEST_TIMEOUT)
        other, console = self.boot(disk(image, "data"), name="web2", OnPoweroff="restart")
        console.send("poweroff -f\n")
        wait_until(lambda: other.Restarts == 1 and other.State == "running", GUEST_TIMEOUT, "the restart", every=0.2)
        console.close()
        console = other.console()
        console.expect(READY, GUEST_TIMEOUT)
        self.assertTrue(self.node(console, "data"))
        self.assertEqual(self.at_rest(other), {"data": "ready"})


class TestRefused(DiskCase):
    def assertRefused(self, domain, name, text, *arguments, **keys):
        """At creation and while it runs."""
        given = disk(*arguments, **keys)
        self.assertError(name, f"^Disks\\[0\\]: {text}|^disk '[^']*': {text}", self.manager.CreateDomain, "web2",
                         guest(Disks=V("aa{sv}", [given])), 0)
        self.assertError(name, f"^disk: {text}|^disk '[^']*': {text}", domain.AttachDisk, given)
        self.assertEqual((domain.Disks, len(self.manager.ListDomains())), ([], 1))

    def test_files(self):
        """what is not there, is no file, no device, or a link that root would follow is refused by name"""
        domain = self.create("web1", guest())
        (self.folder / "link").symlink_to(self.image())
        (self.folder / "folder").mkdir()
        (self.folder / "linked").symlink_to(self.folder / "folder")
        self.image("folder/data")
        os.mkfifo(self.folder / "fifo")
        (self.folder / "text").write_text("no image")
        for name, text, path, keys in (
                ("InvalidConfig", "Source: /run/[^ ]*/none: No such file or directory", "none", {}),
                ("InvalidConfig", "Source: .* is not a regular file", "folder", {}),
                ("InvalidConfig", "Source: .* is not a regular file", "fifo", {}),
                ("InvalidConfig", "Source: .* a part of the path is a symbolic link", "link", {}),
                ("InvalidConfig", "Source: .* a part of the path is a symbolic link", "linked/data", {}),
                ("InvalidConfig", "Format: .*it is not a qcow2 image", "text", {"Format": "qcow2"}),
                ("InvalidArgs", "there is no key 'Dev'", "text", {"Dev": "vda"}),
                ("InvalidConfig", "Mode: 'w' is not one of ro, rw, force", "text", {"Mode": "w"})):
            with self.subTest(path):
                self.assertRefused(domain, name, text, self.folder / path, "data", **keys)
        for text, path in (("Source: /dev/null is not a block device", "/dev/null"),
                           ("Source: '.*' is not below /dev", self.folder / "text"),
                           ("Source: /dev/none: No such file", "/dev/none")):
            with self.subTest(path):
                self.assertRefused(domain, "InvalidConfig", text, path, "data", "phy")

    def test_backing_file(self):
        """a qcow2 image that names another file is refused: who made it may not be allowed to read that"""
        domain = self.create("web1", guest())
        for offset, size, value, text in ((8, 8, 512, "it has a backing file"), (72, 8, 4, "its data is in another file"),
                                          (32, 4, 2, "it is encrypted"), (4, 4, 9, "a version of qcow2 other than 2 and 3")):
            path = self.folder / "data.qcow2"
            qcow2(path)
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(value.to_bytes(size, "big"))
            self.assertRefused(domain, "InvalidConfig", f"Format: .*{text}", path, "data", Format="qcow2")

    def test_kinds(self):
        """a process domain and a paused one take no disk, and none is detached that is not there"""
        image = disk(self.image(), "data")
        process = self.create("web2", shell(OBEDIENT))
        for function, argument in ((process.AttachDisk, image), (process.DetachDisk, "data")):
            self.assertError("NotSupported", "it is not a virtual machine", function, argument)
        self.assertError("InvalidConfig", "^Disks: not a key of a domain of kind 'process'$", self.manager.CreateDomain,
                         "web3", shell(OBEDIENT, Disks=V("aa{sv}", [image])), 0)
        self.assertEqual((process.WaitForDevices(0), process.Disks, process.Networks), ({}, [], []))
        domain = self.create("web1", guest(), 0)
        self.assertError("NotRunning", "Cannot attach a disk to 'web1'", domain.AttachDisk, image)
        domain.Resume()
        self.assertError("NoSuchDevice", "^'web1' has no disk 'data'$", domain.DetachDisk, "data")

    def test_rights(self):
        """a disk is opened with its caller's rights: what the caller may not open is refused, what QEMU may not is used"""
        self.polkit_rule("return polkit.Result.YES;")
        user = Bus("tester")
        self.addCleanup(user.close)
        theirs, roots, both = self.image("theirs"), self.image("roots"), self.image("both")
        os.chown(theirs, *pwd.getpwnam("tester")[2:4])
        both.chmod(0o644)
        path = user.manager.CreateDomain("web1", guest(Disks=V("aa{sv}", [disk(theirs, "theirs")])), START)
        domain = user.domain(path)
        console = domain.console()
        console.expect(READY, GUEST_TIMEOUT)
        self.assertIn("status 0", self.write(console, self.node(console, "theirs"), "from the guest"))
        for image, mode in ((roots, "rw"), (roots, "ro"), (both, "rw")):
            refused = disk(image, "data", Mode=mode)
            text = f"^disk 'data': Source: {image}: Permission denied, for user tester$"
            self.assertError("AccessDenied", text, domain.AttachDisk, refused)
            self.assertError("AccessDenied", text, user.manager.CreateDomain, "web2",
                             guest(Disks=V("aa{sv}", [refused])), 0)
        domain.AttachDisk(disk(both, "data", Mode="ro"))
        self.wait_ready(domain, "data")
        (self.folder / "link").symlink_to(roots)
        self.assertError("AccessDenied", "Permission denied, for user tester$", domain.AttachDisk,
                         disk(self.folder / "link", "link"))


class TestInUse(DiskCase):
    def in_use(self, text, function, *arguments):
        self.assertError("DeviceInUse", f"is in use by {text}$", function, *arguments)

    def test_domains(self):
        """what a domain writes to is no other's, nor the same one's twice; what is only read is shared; force looks at
        nothing; and what was detached is free"""
        image, shared = self.image(), self.image("shared")
        domain, console = self.boot(disk(image, "data"), disk(shared, "shared", Mode="ro"))
        other = self.create("web2", guest())
        for mode in ("rw", "ro"):
            for each, name in ((other, "a"), (domain, "b")):
                self.in_use("domain 'web1', as its disk 'data'", each.AttachDisk, disk(image, name, Mode=mode))
            self.in_use("domain 'web1', as its disk 'data'", self.manager.CreateDomain, "web3",
                        guest(Disks=V("aa{sv}", [disk(image, Mode=mode)])), 0)
        self.in_use("domain 'web1', as its disk 'shared'", other.AttachDisk, disk(shared))
        self.in_use("domain 'web3', as its disk 'one'", self.manager.CreateDomain, "web3",
                    guest(Disks=V("aa{sv}", [disk(self.image("third"), "one"), disk(self.folder / "third", "two")])), 0)
        os.link(image, self.folder / "hard")
        self.in_use("domain 'web1', as its disk 'data'", other.AttachDisk, disk(self.folder / "hard"))
        self.assertEqual(other.AttachDisk(disk(shared, "shared", Mode="ro")), "shared")
        self.assertEqual(other.AttachDisk(disk(image, "forced", Mode="force")), "forced")
        self.assertEqual(self.at_rest(other), {"shared": "ready", "forced": "ready"})
        other.Destroy(FORCE)
        domain.DetachDisk("data")
        self.assertNotIn("data", self.at_rest(domain))
        third = self.create("web3", guest(Disks=V("aa{sv}", [disk(image, "data")])), 0)
        self.assertEqual(third.WaitForDevices(0), {"data": "ready"})

    def end(self, process):
        process.kill()
        process.communicate()

    def locks(self, path):
        """Whether somebody has a lock of the file."""
        return f":{path.stat().st_ino} " in pathlib.Path("/proc/locks").read_text()

    def test_programs(self):
        """an image that another program has locked as QEMU does is in use by it, and free when that has ended; force looks
        at nothing"""
        image = self.image()
        domain, _ = self.boot()
        # What qemu-img convert would hold of a target: it writes, and bears no other writer.
        program = subprocess.Popen(["python3", "-c", LOCKER, image], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, program)
        program.stdout.readline()
        for mode in ("rw", "ro"):
            self.in_use(rf"PID {program.pid} \(python3\)", domain.AttachDisk, disk(image, Mode=mode))
        self.in_use(rf"PID {program.pid} \(python3\)", self.manager.CreateDomain, "web2",
                    guest(Disks=V("aa{sv}", [disk(image)])), 0)
        domain.AttachDisk(disk(image, "forced", Mode="force"))
        self.wait_ready(domain, "forced")
        self.end(program)

    def test_qemu(self):
        """an image that a QEMU of somebody else has open is in use by it; an image of a domain is refused by another QEMU"""
        image = self.image()
        domain, console = self.boot()
        qemu = subprocess.Popen(["qemu-system-x86_64", "-nodefaults", "-display", "none", "-S", "-accel", "tcg",
                                 "-blockdev", f"driver=file,filename={image},node-name=a", "-device", "virtio-blk-pci,drive=a"])
        self.addCleanup(self.end, qemu)
        wait_until(lambda: self.locks(image), GUEST_TIMEOUT, "QEMU's locks", every=0.1)
        self.in_use(rf"PID {qemu.pid} \(qemu-system-[^)]*\)", domain.AttachDisk, disk(image))
        self.end(qemu)
        domain.AttachDisk(disk(image, "data"))
        self.wait_ready(domain, "data")
        other = subprocess.run(["qemu-system-x86_64", "-nodefaults", "-display", "none", "-S", "-accel", "tcg", "-blockdev",
                                f"driver=file,filename={image},node-name=a", "-device", "virtio-blk-pci,drive=a"],
                               capture_output=True, text=True, timeout=60)
        self.assertRegex(other.stderr, 'Failed to get "write" lock')
        self.wait_node(console, "data")


class TestBlockDevice(DiskCase):
    def setUp(self):
        super().setUp()
        self.file = self.image(size=4 * MIB, content=b"from the host\n")
        self.loop = self.make_loop()

    def make_loop(self):
        """A loop device with the file behind it."""
        if not os.path.exists("/dev/loop-control"):
            os.mknod("/dev/loop-control", 0o600 | stat.S_IFCHR, os.makedev(10, 237))
        for _ in range(5):    # somebody else may be as fast
            found = subprocess.run(["losetup", "--find"], capture_output=True, text=True)
            if found.returncode:
                break
            node = pathlib.Path(found.stdout.strip())
            if not node.exists():
                os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(7, int(node.name[4:])))
                self.addCleanup(node.unlink)
            if not subprocess.run(["losetup", node, self.file], stderr=subprocess.DEVNULL).returncode:
                self.addCleanup(subprocess.run, ["losetup", "--detach", node], check=True)
                return node
        self.skipTest("this machine has no loop devices")

    def test_attach(self):
        """a block device is a disk: the guest reads and writes it; its scope is not allowed to open it, nor may QEMU; the
        host cannot claim it meanwhile"""
        domain, console = self.boot()
        domain.AttachDisk(disk(self.loop, "data", "phy"))
        self.wait_ready(domain, "data")
        node = self.wait_node(console, "data")
        self.assertEqual(self.read(console, node), "from the host")
        self.assertIn("status 0", self.write(console, node, "from the guest"))
        self.assertNotIn(str(self.loop), [device for device, _ in domain.Devices])
        with self.assertRaises(OSError) as caught:
            os.open(self.loop, os.O_RDWR | os.O_EXCL)
        self.assertEqual(caught.exception.errno, errno.EBUSY)
        domain.DetachDisk("data")
        self.assertEqual(self.at_rest(domain), {})
        os.close(os.open(self.loop, os.O_RDWR | os.O_EXCL))
        self.assertTrue(self.file.read_bytes().startswith(b"from the guest\n"))

    def test_mounted(self):
        """a block device that the host has mounted is in use by it"""
        subprocess.run(["mkfs.ext4", "-q", self.loop], check=True)
        folder = self.folder / "mounted"
        folder.mkdir()
        subprocess.run(["mount", self.loop, folder], check=True)
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        domain = self.create("web1", guest())
        text = "is in use by the file system mounted at "
        self.assertError("DeviceInUse", text, domain.AttachDisk, disk(self.loop, "data", "phy"))
        self.assertError("DeviceInUse", text, self.manager.CreateDomain, "web2",
                         guest(Disks=V("aa{sv}", [disk(self.loop, "data", "phy")])), 0)
