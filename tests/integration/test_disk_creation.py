# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that a virtual machine is created with, files and block devices, and those of one that begins again."""

import errno
import os
import pathlib
import stat
import subprocess

from test_disk import MIB, READY, DiskCase, disk, qcow2
from vmm import FORCE, GUEST_TIMEOUT, START, V, config, guest, need_guest, wait_until

setUpModule = need_guest


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
        """a domain that is kept uses its disks until it is destroyed; one that starts again has those of its creation"""
        image = self.image()
        disks = V("aa{sv}", [disk(image, "data")])
        domain = self.create("web1", guest("off", Disks=disks, OnPoweroff="preserve"))
        domain.wait_state("preserved", timeout=GUEST_TIMEOUT)
        self.assertError("DeviceInUse", "in use by domain 'web1', as its disk 'data'", self.manager.CreateDomain, "web2",
                         guest(Disks=disks), START)
        domain.Destroy(FORCE)
        other, console = self.boot(disk(image, "data"), name="web2", OnPoweroff="restart")
        console.send("poweroff -f\n")
        wait_until(lambda: other.Restarts == 1 and other.State == "running", GUEST_TIMEOUT, "the restart", every=0.2)
        console.close()
        console = other.console()
        for _ in range(2):    # what the first one said is still there
            console.expect(READY, GUEST_TIMEOUT)
        self.assertTrue(self.node(console, "data"))
        self.assertEqual(self.at_rest(other), {"data": "ready"})


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
