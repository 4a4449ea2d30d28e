# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that come and go while a virtual machine runs, as its guest sees them and as their files tell afterwards."""

import os
import pathlib
import re

from vmm import FORCE, GUEST_TIMEOUT, Signals, TestCase, V, guest, make_folder, need_guest, wait_until

MIB = 1 << 20
READY = "GUEST-READY"

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
