# SPDX-License-Identifier: LGPL-2.1-or-later
"""Saves that do not succeed: whatever the reason, the guest is as it was, and no piece of an image is left."""

import os
import signal
import subprocess

from test_save import COUNTER, FOLDER, SaveCase
from vmm import GUEST_TIMEOUT, SERVICE, Object, duration, need_guest, shell, wait_until

setUpModule = need_guest


class TestFailures(SaveCase):
    def test_full(self):
        """a disk that is full leaves the guest running, an older image as it was, and no piece of a new one"""
        domain, console = self.boot()
        console.send("head -c 20000000 /dev/urandom >/file; md5sum /file\n")
        console.expect("  /file", GUEST_TIMEOUT)
        console.send(COUNTER)
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", FOLDER], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", FOLDER], check=True))
        (FOLDER / "one.image").write_text("an older one")
        self.assertEqual(self.save(domain), "failed")
        error, text = self.why(domain.path)
        self.assertEqual(error, "StorageFull")
        self.assertRegex(text, "could not be saved: .*'one'.*No space left on device")
        self.assertRuns(domain, console)
        self.assertEqual(self.images(), ["one.image"])
        self.assertEqual((FOLDER / "one.image").read_text(), "an older one")
        domain.Pause()
        self.assertEqual(self.save(domain), "failed")
        self.assertFrozen(domain)
        domain.Resume()
        self.assertRuns(domain, console)
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.finish(domain.SaveFD(0, 0, fds=[full.fileno()])), "failed")
        self.assertEqual(self.why(domain.path)[0], "StorageFull")
        self.assertRuns(domain, console)

    def test_cancel(self):
        """a save that is canceled leaves the guest running, and no image; it can be saved after that"""
        domain, console = self.boot("counter")
        reader, writer = os.pipe()    # which nobody reads: the save does not come to its end
        job = domain.SaveFD(0, 0, fds=[writer])
        wait_until(lambda: domain.State == "saving", what="saving")
        self.assertError("Busy", "save", domain.Pause)
        Object(self.bus, job, f"{SERVICE}.Job").Cancel()
        self.assertEqual(self.finish(job), "canceled")
        self.assertRuns(domain, console)
        os.close(reader)
        os.close(writer)
        self.assertEqual(self.save(domain), "done")
        domain, console = self.restore()
        self.assertRuns(domain, console)

    def test_destroy(self):
        """a domain that is destroyed while it is saved ends, and no image is left"""
        domain, console = self.boot("counter")
        FOLDER.mkdir(parents=True, exist_ok=True)
        reader, writer = os.pipe()
        job = domain.SaveFD(0, 0, fds=[writer])
        wait_until(lambda: domain.State == "saving", what="saving")
        with duration(0, 10):
            domain.Destroy(0)
        self.assertEqual(self.finish(job), "canceled")
        self.assertEqual(self.images(), [])
        os.close(reader)
        os.close(writer)

    def test_hung_monitor(self):
        """a QEMU that does not answer is not saved; the error comes within a bound, and the guest goes on"""
        domain, console = self.boot("counter")
        os.kill(domain.Leader, signal.SIGSTOP)
        with duration(4, 20):
            self.assertEqual(self.save(domain), "failed")
        self.assertEqual(self.why(domain.path)[0], "MonitorFailed")
        self.assertEqual(self.images(), [])
        os.kill(domain.Leader, signal.SIGCONT)
        self.assertRuns(domain, console)

    def test_killed_helper(self):
        """when the program that writes images is killed, the guest goes on, and no image is left"""
        domain, console = self.boot("counter")
        reader, writer = os.pipe()
        job = domain.SaveFD(0, 0, fds=[writer])
        pids = lambda: subprocess.run(["pidof", "vmmanager-image"], capture_output=True, text=True).stdout.split()
        os.kill(int(wait_until(pids, every=0.05)[0]), signal.SIGKILL)
        self.assertEqual(self.finish(job), "failed")
        self.assertRegex(self.why(domain.path)[1], "the program that does it has ended")
        self.assertRuns(domain, console)
        os.close(reader)
        os.close(writer)

    def test_processes(self):
        """domains without a virtual machine cannot be saved"""
        domain = self.create("job1", shell("echo ready; exec sleep infinity"))
        self.assertError("NotSupported", "processes of the host", domain.Save, "one", 0)
        self.assertEqual(domain.State, "running")
