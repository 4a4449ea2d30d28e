# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images that are not to be restored: not whole, changed, somebody else's, by whoever may not."""

import hashlib
import struct

from test_save import FOLDER, SaveCase
from vmm import SERVICE, Bus, V, need_guest

setUpModule = need_guest


class TestImages(SaveCase):
    def test_refused(self):
        """images that are cut, changed or foreign are refused, and nothing of a domain is left; the image stays"""
        domain, console = self.boot("counter")
        path = domain.path
        self.assertEqual(self.save(domain), "done")
        good = (FOLDER / "one.image").read_bytes()

        # What the header tells is an error of the call, the rest one of the job.
        def changed(at):
            return good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
        for text, content in {
                "no saved domain": b"\x7fELF" + good[4:], "damaged": changed(70), "version 2": changed(8)[:8] + b"\2" +
                good[9:], "truncated": good[:1000]}.items():
            (FOLDER / "two.image").write_bytes(content)
            self.assertError("InvalidConfig", text, self.manager.RestoreDomain, "web1", "two", {})
        for content in (good[:-1], good[:4096], good + b"x", changed(len(good) // 2), changed(len(good) - 20)):
            (FOLDER / "two.image").write_bytes(content)
            self.assertEqual(self.finish(self.manager.RestoreDomain("web1", "two", {})), "failed")
            self.assertEqual(self.why(path)[0], "InvalidConfig")
            self.assertRegex(self.why(path)[1], "could not be restored: .*'two': it is not whole, or was changed")
            self.assertEqual(self.manager.ListDomains(), [])
            self.assertEqual(self.scopes(), [])
        self.assertEqual(self.images(), ["one.image", "two.image"])
        domain, console = self.restore()
        self.assertRuns(domain, console)

    def test_sealed_nonsense(self):
        """an image whose checksum is right, but whose memory is none, is QEMU's to refuse"""
        domain, console = self.boot("counter")
        path = domain.path
        self.save(domain)
        good = (FOLDER / "one.image").read_bytes()
        body = good[:4096] + b"nothing that QEMU has written" * 1000
        trailer = b"VMMSAVE." + struct.pack("<Q", len(body)) + hashlib.sha256(body).digest() + bytes(16)
        (FOLDER / "two.image").write_bytes(body + trailer)
        self.assertEqual(self.finish(self.manager.RestoreDomain("web1", "two", {})), "failed")
        self.assertIn(self.why(path)[0], ("InvalidConfig", "MonitorFailed"))
        self.assertEqual((self.manager.ListDomains(), self.scopes()), ([], []))
        self.assertEqual(self.images(), ["one.image", "two.image"])

    def test_arguments(self):
        """names that are paths, unknown options, missing images and taken names are refused"""
        restore = self.manager.RestoreDomain
        for name in ("/etc/passwd", "../one", ".one", "", "a" * 129):
            self.assertError("InvalidArgs", "^image: ", restore, "web1", name, {})
        self.assertError("FileNotFound", "none named 'one'", restore, "web1", "one", {})
        self.assertError("InvalidArgs", "no option 'start'", restore, "web1", "one", {"start": V("b", True)})
        self.assertError("InvalidArgs", "of type 'b', not 's'", restore, "web1", "one", {"Start": V("s", "")})
        domain, console = self.boot()
        self.assertError("InvalidArgs", "^image: ", domain.Save, "/etc/one", 0)
        self.assertError("InvalidArgs", "flags", domain.Save, "one", 2)

    def test_polkit(self):
        """restoring needs the right to save and the right to create"""
        domain, console = self.boot("counter")
        self.save(domain)
        self.polkit_rule('if (subject.user == "tester") return action.id.endsWith(action.lookup("domain")) || '
                         'action.lookup("domain") == "both" ? "yes" : "no";')
        tester = Bus("tester")
        self.addCleanup(tester.close)
        for action in ("save", "create"):
            self.assertError("AccessDenied", "polkit refuses", tester.manager.RestoreDomain, action, "one", {})
        self.assertEqual(self.finish(tester.manager.RestoreDomain("both", "one", {})), "done")
        self.assertNotEqual(self.bus.domain("both").OwnerUID, 0)
