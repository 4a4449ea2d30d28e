# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that are refused: no files, not the caller's, or in use by another domain or program."""

import os
import pathlib
import pwd
import subprocess

from test_disk import READY, DiskCase, disk, qcow2
from vmm import FORCE, GUEST_TIMEOUT, OBEDIENT, START, Bus, V, guest, need_guest, shell, wait_until

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
