# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the other tests take for granted of the bed they run in."""

import pathlib
import subprocess
import unittest

from vmm import FREEZABLE, V, Bus, Call, as_tester


class TestBed(unittest.TestCase):
    def test_cgroup(self):
        """the bed has one cgroup tree, version 2, and is at home in it"""
        self.assertEqual(subprocess.check_output(["stat", "--file-system", "--format=%T", "/sys/fs/cgroup"]), b"cgroup2fs\n")
        self.assertIn("\n0::/init.scope\n", "\n" + pathlib.Path("/proc/1/cgroup").read_text())

    def test_state(self):
        """everything that the bed starts has started"""
        state = subprocess.run(["systemctl", "is-system-running"], capture_output=True, text=True).stdout.strip()
        failed = subprocess.check_output(["systemctl", "--failed", "--plain", "--no-legend"], text=True)
        self.assertEqual((state, failed), ("running", ""))

    def test_device_policy(self):
        """a device policy keeps a process from a device"""
        command = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe"]
        read = ["head", "--bytes=1", "/dev/full"]
        self.assertEqual(subprocess.run([*command, "--property=DevicePolicy=closed", *read], capture_output=True).stdout, b"\0")
        strict = subprocess.run([*command, "--property=DevicePolicy=strict", *read], capture_output=True, text=True)
        self.assertIn("Operation not permitted", strict.stderr)

    def test_polkit(self):
        """polkit lets root manage units and does not let an unprivileged user"""
        def may_manage_units(bus):
            call = Call(bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                        "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization",
                        V("((sa{sv})sa{ss}us)", (("system-bus-name", {"name": V("s", bus.name)}),
                                                 "org.freedesktop.systemd1.manage-units", {}, 0, "")))
            return call.result()[0]
        self.assertIs(may_manage_units(Bus()), True)
        self.assertIs(may_manage_units(Bus("tester")), False)

    def test_unprivileged_connection(self):
        """the bus takes a connection of the unprivileged user for what it is"""
        user = int(as_tester("id", "-u").stdout)
        tester = Bus("tester")
        self.assertNotEqual(user, 0)
        self.assertEqual(Call(tester, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                              "GetConnectionUnixUser", V("(s)", (tester.name,))).result(), user)

    def test_logind(self):
        """logind answers"""
        self.assertEqual(Call(Bus(), "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                              "ListSessions", None).result(), [])

    @unittest.skipUnless(FREEZABLE.is_dir(), "this machine has no loop devices")
    def test_uninterruptible(self):
        """a held file system holds its writer, and lets go"""
        subprocess.run(["fsfreeze", "--freeze", FREEZABLE], check=True)
        writer = subprocess.Popen(["touch", FREEZABLE / "file"])
        with self.assertRaises(subprocess.TimeoutExpired):
            writer.wait(0.2)
        writer.kill()
        with self.assertRaises(subprocess.TimeoutExpired):
            writer.wait(0.2)
        subprocess.run(["fsfreeze", "--unfreeze", FREEZABLE], check=True)
        writer.wait(10)
