# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a domain is defined to be, as it looks from inside: its UUID, how it boots, its accelerator, its security label;
and I/O ports, which are a record."""

import pathlib
import shutil
import subprocess
import unittest
import uuid

from vmm import FORCE, GUEST_TIMEOUT, OBEDIENT, START, TestCase, V, config, guest, make_folder, need_guest, shell

APPARMOR = pathlib.Path("/sys/module/apparmor/parameters/enabled")
SELINUX = pathlib.Path("/sys/fs/selinux/enforce")


class TestGuest(TestCase):
    def setUp(self):
        need_guest()
        super().setUp()

    def ask(self, console, command, answer):
        console.send(f"{command}\n")
        return console.expect(answer, GUEST_TIMEOUT)

    def test_uuid(self):
        """the guest's firmware tells the UUID that was given, or the one that was made for it"""
        given = "01234567-89ab-4def-8123-456789abcdef"
        for machine, keys in (("q35", {"UUID": given}), ("pc", {})):
            with self.subTest(machine):
                domain = self.create(machine, guest(Machine=machine, **keys))
                console = domain.console()
                console.expect("GUEST-READY", GUEST_TIMEOUT)
                seen = self.ask(console, "cat /sys/class/dmi/id/product_uuid", r"\n([0-9a-f-]{36})\r?\n")[1]
                self.assertEqual(seen, domain.UUID)
                self.assertEqual((seen == given, uuid.UUID(seen).version), (bool(keys), 4))

    def test_accelerator(self):
        """"auto" tells what it chose, and why; it is what Features say of KVM"""
        keys = guest()
        del keys["Accelerator"]
        domain = self.create("web1", keys, 0)
        chosen = "kvm" if self.manager.Features["KVM"] else "tcg"
        self.assertRegex(domain.StateReason, f"^created; accelerator {chosen}: .")
        command_line = pathlib.Path(f"/proc/{domain.Leader}/cmdline").read_text().split("\0")
        self.assertTrue(command_line[command_line.index("-accel") + 1].startswith(chosen))


def firmware(path):
    """A firmware that says FIRMWARE-RUNS on the first serial port, and stops."""
    text = b"FIRMWARE-RUNS\r\n\0"
    code = (b"\xfa\x2e\xbe\x40\x00\xba\xf8\x03"    # cli; mov si, 0x40; mov dx, 0x3f8
            b"\x2e\xac\x84\xc0\x74\x03\xee\xeb\xf7"    # cs lodsb; test al, al; jz end; out dx, al; jmp again
            b"\xf4\xeb\xfd")    # end: hlt; jmp end
    image = bytearray(b"\xff" * 0x10000)
    image[:len(code)] = code
    image[0x40:0x40 + len(text)] = text
    image[0xfff0:0xfff5] = b"\xea\x00\x00\x00\xf0"    # where the processor begins: jmp 0xf000:0
    path.write_bytes(image)
    path.chmod(0o644)
    return str(path)


class TestFirmware(TestCase):
    def boot(self, name, **keys):
        return self.create(name, config(Kind="qemu", Accelerator="tcg", **keys)).console()

    def test_file(self):
        """the firmware that is given is what runs"""
        path = firmware(make_folder(self) / "firmware,a.bin")
        for machine in ("q35", "pc"):
            with self.subTest(machine):
                self.boot(machine, Machine=machine, Firmware=path).expect("FIRMWARE-RUNS", GUEST_TIMEOUT)
                self.assertEqual(self.bus.domain(self.manager.GetDomain(machine)).Image["Firmware"], path)

    def test_default(self):
        """the machine's own firmware speaks on the console, and finds nothing to boot"""
        self.boot("web1", Firmware="default").expect("No bootable device", GUEST_TIMEOUT)

    def test_disk(self):
        """the machine's own firmware boots from a disk"""
        image = make_folder(self) / "disk"
        code = (b"\xfa\x31\xc0\x8e\xd8\xbe\x40\x7c\xba\xf8\x03"    # cli; ds = 0; mov si, 0x7c40; mov dx, 0x3f8
                b"\xac\x84\xc0\x74\x03\xee\xeb\xf8\xf4\xeb\xfd")    # again: lodsb; test al, al; jz end; out; jmp; end: hlt; jmp
        image.write_bytes((code.ljust(0x40, b"\0") + b"DISK-BOOTS\r\n\0").ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
        disks = V("aa{sv}", [{"Source": V("s", f"file:{image}")}])
        for machine in ("q35", "pc"):
            with self.subTest(machine):
                self.boot(machine, Machine=machine, Firmware="default", Disks=disks).expect("DISK-BOOTS", GUEST_TIMEOUT)
                self.bus.domain(self.manager.GetDomain(machine)).Destroy(FORCE)

    def test_refused(self):
        """a firmware that QEMU's user cannot read is refused; so is more than one way to boot, and none"""
        need_guest()
        secret = make_folder(self) / "secret"
        firmware(pathlib.Path(secret))
        secret.chmod(0o600)
        for text, keys in ((f"^Firmware: {secret}: Permission denied for user vmmanager-qemu", {"Firmware": str(secret)}),
                           ("^Firmware: .* only one can be$", {"Firmware": "default", "Kernel": "/boot/vmlinuz"}),
                           ("^Extra: it goes with a Kernel", {"Firmware": "default", "Extra": "quiet"}),
                           ("^Kernel: .* needs one, or a Firmware", {"Machine": "q35"})):
            with self.subTest(text):
                self.assertError("InvalidConfig", text, self.manager.CreateDomain, "web1", config(Kind="qemu", **keys), 0)
        self.assertEqual((self.manager.ListDomains(), self.scopes()), ([], []))


class TestSecurityLabel(TestCase):
    @unittest.skipIf(SELINUX.exists() or APPARMOR.exists() and APPARMOR.read_text().startswith("Y"), "programs have labels here")
    def test_none(self):
        """where the kernel labels nothing a label is refused, by what the kernel has"""
        self.assertError("NotSupported", "SecurityLabel: this host's kernel has neither SELinux nor AppArmor nor Smack on",
                         self.manager.CreateDomain, "web1", shell(OBEDIENT, SecurityLabel="unconfined"), START)
        self.assertEqual((self.manager.ListDomains(), self.scopes()), ([], []))

    @unittest.skipUnless(APPARMOR.exists() and APPARMOR.read_text().startswith("Y") and shutil.which("apparmor_parser"),
                         "no AppArmor here")
    def test_apparmor(self):
        """a process domain runs under the profile of AppArmor that it was given; one that is not there is refused"""
        profile = "profile vmm-test { file, signal, unix, }"
        subprocess.run(["apparmor_parser", "--replace"], input=profile, text=True, check=True)
        self.addCleanup(subprocess.run, ["apparmor_parser", "--remove"], input=profile, text=True)
        domain = self.create("web1", shell(OBEDIENT, SecurityLabel="vmm-test"), 0)
        self.assertEqual(domain.SecurityLabel, "vmm-test")
        domain.Resume()
        label = pathlib.Path(f"/proc/{domain.Leader}/attr/current").read_text()
        self.assertEqual(label.rstrip("\n"), "vmm-test (enforce)")
        self.assertError("InvalidConfig", r"Cannot run /bin/sh: No such file or directory \(security label\)",
                         self.manager.CreateDomain, "web2", shell(OBEDIENT, SecurityLabel="vmm-none"), START)


class TestIOPorts(TestCase):
    def test_record(self):
        """a port has one owner, who may get more and lose some; its end frees them"""
        first = self.create("web1", shell(OBEDIENT, IOPorts=[(0x378, 0x37f)]))
        second = self.create("web2", shell(OBEDIENT))
        second.GrantIOPorts(0x60, 0x64)
        self.assertError("DeviceInUse", "I/O ports 0x378 belong to domain 'web1'", second.GrantIOPorts, 0x370, 0x378)
        first.RevokeIOPorts(0x378, 0x37b)
        second.GrantIOPorts(0x370, 0x378)
        self.assertEqual((first.IOPorts, second.IOPorts), ([(0x37c, 0x37f)], [(0x60, 0x64), (0x370, 0x378)]))
        self.assertError("NoSuchDevice", "do not all belong to 'web1'", first.RevokeIOPorts, 0x378, 0x37f)
        second.Destroy(0)
        first.GrantIOPorts(0, 0x37b)
        self.assertEqual(first.IOPorts, [(0, 0x37f)])

    @unittest.skipUnless(pathlib.Path("/usr/bin/qemu-system-x86_64").exists(), "no QEMU here")
    def test_machine(self):
        """a virtual machine cannot have them"""
        domain = self.create("web1", config(Kind="qemu", Accelerator="tcg", Firmware="default"), 0)
        self.assertError("NotSupported", "QEMU cannot give its guest I/O ports", domain.GrantIOPorts, 1, 2)
