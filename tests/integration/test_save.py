# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines that are saved and restored: what the guest has in its memory is there again."""

import os
import pathlib
import re
import signal

from vmm import FORCE, GUEST_TIMEOUT, SERVICE, START, TestCase, V, ending, guest, make_folder, need_guest, wait_until

FOLDER = pathlib.Path("/var/lib/vmmanager/save")
KEEP_RUNNING = 1
READY = "GUEST-READY"
TICK = r"tick (\d+)\r?\n"
COUNTER = "(i=0; while :; do echo tick $((i += 1)); usleep 100000; done) &\n"

setUpModule = need_guest


class SaveCase(TestCase):
    def setUp(self):
        super().setUp()
        self.clear()
        self.addCleanup(self.clear)

    def clear(self):
        for file in FOLDER.glob("*"):
            file.unlink()

    def boot(self, words="", **keys):
        domain = self.create("web1", guest(words, **keys), START)
        console = domain.console()
        console.expect(READY, GUEST_TIMEOUT)
        return domain, console

    def finish(self, job, timeout=GUEST_TIMEOUT):
        """Waits for the end of a job, and returns how it ended."""
        number = int(job.rpartition("/")[2])
        return self.signals.wait("JobRemoved", number, timeout=timeout)[4]

    def save(self, domain, image="one", flags=0):
        return self.finish(domain.Save(image, flags))

    def restore(self, image="one", name="web1", start=True):
        job = self.manager.RestoreDomain(name, image, {"Start": V("b", start)})
        self.assertEqual(self.finish(job), "done")
        domain = self.bus.domain(self.manager.GetDomain(name))
        return domain, domain.console()

    def why(self, domain):
        """The error of the save or restore that failed last, and the reason it gave."""
        def find():
            return [arguments for member, path, arguments in self.signals.seen
                    if member == "StateChanged" and path == domain and "Error" in arguments[3]]
        told = wait_until(find, what="a reason")    # of a domain that goes it comes after JobRemoved
        return told[-1][3]["Error"].removeprefix(SERVICE + ".Error."), told[-1][2]

    def images(self):
        return sorted(file.name for file in FOLDER.glob("*")) if FOLDER.is_dir() else []

    def tick(self, console):
        return int(console.expect(TICK, GUEST_TIMEOUT)[1])

    def assertRuns(self, domain, console):
        """As before: it runs and counts on."""
        self.assertThawed(domain)
        console.drain()
        tick = self.tick(console)
        self.assertEqual(self.tick(console), tick + 1)


class TestSave(SaveCase):
    def test_memory(self):
        """what was in the guest's memory is there again, and its counter goes on from where it stood"""
        domain, console = self.boot()
        console.send("head -c 20000000 /dev/urandom >/file; md5sum /file\n")
        checksum = console.expect(r"([0-9a-f]{32})  /file", GUEST_TIMEOUT)[1]
        console.send(COUNTER)
        self.tick(console)
        uuid, path = domain.UUID, domain.path
        self.assertEqual(self.save(domain), "done")
        self.assertEqual(ending(self.signals, path), ("saved", {"Signal": signal.SIGKILL}))
        last = [int(tick) for tick in re.findall(TICK, console.drain())]
        self.assertEqual(self.images(), ["one.image"])
        self.assertEqual((FOLDER / "one.image").stat().st_mode & 0o777, 0o600)
        self.assertGreater((FOLDER / "one.image").stat().st_size, 20000000)

        domain, console = self.restore()
        self.assertEqual((domain.UUID, domain.path), (uuid, path))
        self.assertThawed(domain)
        next_tick = self.tick(console)
        if last:
            self.assertEqual(next_tick, last[-1] + 1)
        self.assertRuns(domain, console)
        console.send("md5sum /file\n")
        self.assertEqual(console.expect(r"([0-9a-f]{32})  /file", GUEST_TIMEOUT)[1], checksum)

    def test_paused(self):
        """a paused domain is saved, and restored paused; it goes on when it is resumed"""
        domain, console = self.boot("counter")
        self.tick(console)
        domain.Pause()
        last = int(re.findall(r"tick (\d+)", "\n".join(domain.GetConsoleLog(1)))[-1])
        self.assertEqual(self.save(domain), "done")
        domain, console = self.restore(name="web2", start=False)
        self.assertFrozen(domain)
        self.assertEqual((domain.Name, domain.Unit), ("web2", "vmm-web2.scope"))
        self.assertEqual(console.silence(0.5), "")
        domain.Resume()
        self.assertIn(self.tick(console), (last + 1, last + 2))
        self.assertRuns(domain, console)

    def test_keep_running(self):
        """with KEEP_RUNNING the domain goes on, and stays paused if it was"""
        domain, console = self.boot("counter")
        self.assertEqual(self.save(domain, "one", KEEP_RUNNING), "done")
        self.assertRuns(domain, console)
        domain.Pause()
        self.assertEqual(self.save(domain, "one", KEEP_RUNNING), "done")
        self.assertFrozen(domain)
        self.assertIn("user", domain.PauseReasons)
        console.drain()
        self.assertEqual(console.silence(0.5), "")
        domain.Resume()
        self.assertRuns(domain, console)
        self.assertEqual(self.images(), ["one.image"])
        self.assertError("DomainExists", "UUID", self.manager.RestoreDomain, "web2", "one", {})
        domain.Destroy(FORCE)
        domain, console = self.restore()
        self.assertRuns(domain, console)

    def test_twice(self):
        """an image is used up by being restored; renamed back by hand it may be restored again"""
        domain, console = self.boot("counter")
        self.save(domain)
        domain, console = self.restore()
        self.assertEqual(self.images(), ["one.restored"])
        self.assertError("FileNotFound", "'one' was restored already", self.manager.RestoreDomain, "web2", "one", {})
        domain.Destroy(FORCE)
        self.assertError("FileNotFound", "'one' was restored already", self.manager.RestoreDomain, "web1", "one", {})
        (FOLDER / "one.restored").rename(FOLDER / "one.image")
        domain, console = self.restore()
        self.assertRuns(domain, console)

    def test_progress(self):
        """the job tells how far it is, in bytes of the guest's memory, to the end"""
        domain, console = self.boot("counter")
        job = domain.Save("one", 0)
        self.assertEqual(self.finish(job), "done")
        changes = [arguments[1] for member, path, arguments in self.signals.seen
                   if (member, path) == ("PropertiesChanged", job)]
        told = [change["BytesDone"] for change in changes if "BytesDone" in change]
        total = [change["BytesTotal"] for change in changes if "BytesTotal" in change][-1]
        self.assertEqual(told, sorted(told))
        self.assertEqual(told[-1], total)
        self.assertGreaterEqual(total, 128 << 20)
        phases = [change["Phase"] for change in changes if "Phase" in change]
        self.assertEqual(phases, ["halting the guest", "writing the memory", "finishing the image", "ending"])

    def test_descriptor(self):
        """an image goes to a descriptor and comes from one; it stays, but not for a second domain"""
        domain, console = self.boot("counter")
        path = make_folder(self) / "image"
        with open(path, "w+b") as file:
            self.assertEqual(self.finish(domain.SaveFD(0, 0, fds=[file.fileno()])), "done")
            self.finish(self.manager.RestoreDomainFD("web1", 0, {"Start": V("b", True)}, fds=[file.fileno()]))
            domain = self.bus.domain(self.manager.GetDomain("web1"))
            self.assertRuns(domain, domain.console())
            again = [file.fileno()]
            self.assertError("DomainExists", "UUID", self.manager.RestoreDomainFD, "web2", 0, {}, fds=again)
            reader, writer = os.pipe()
            for fd in (reader, writer):
                self.assertError("InvalidArgs", "no regular", self.manager.RestoreDomainFD, "web2", 0, {}, fds=[fd])
                os.close(fd)
        self.assertEqual(self.images(), [])
