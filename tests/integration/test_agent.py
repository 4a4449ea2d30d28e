# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's agent, which is asked before the power button is pressed, and may be anything; and what a guest shows."""

import struct
import zlib

from vmm import GUEST_TIMEOUT, AskedGuest, duration, ending, need_guest, wait_until

setUpModule = need_guest


class TestAgent(AskedGuest):
    """A shell in the guest plays the agent, at the port that a real one opens."""

    # A read ends while nobody is connected at the other end.
    AGENT = ("exec 3<>$port; agent() { while :; do read -r line <&3 || { usleep 20000; continue; }; echo he''ard \"$line\"; "
             "case $line in *guest-sync-delimited*) id=${line##*: }; "
             "printf '\\377{\"return\": %%s}\\n' \"${id%%%%\\}*}\" >&3 ;; *guest-shutdown*) %s ;; esac; done; }; agent &")

    def play(self, what):
        """A guest that ignores the power button, and plays this at its agent's port."""
        domain, console = self.boot("deaf")
        console.send(f"port=$(ls /dev/vport*p1); {what} echo play''ing\n")
        console.expect("playing")
        domain.Screenshot()    # QEMU tells of the port before it answers
        return domain, console

    def test_obeys(self):
        """Shutdown asks the agent and not the power button, which this guest would not obey"""
        domain, console = self.play(self.AGENT % "poweroff -f")
        domain.Shutdown(0)
        console.expect("heard.*guest-shutdown.*powerdown")
        self.assertEqual(ending(self.signals, domain.path, GUEST_TIMEOUT)[0], "guest-shutdown")
        self.assertNotIn("GUEST-POWERBUTTON", console.drain())

    def test_refuses(self):
        """when the agent refuses, the power button is pressed"""
        domain, console = self.play(self.AGENT % "printf '{\"error\": {\"class\": \"X\", \"desc\": \"no\"}}\\n' >&3")
        with duration(0, 10):
            domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON", GUEST_TIMEOUT)
        self.assertThawed(domain)

    def test_silent(self):
        """a program that opens the port and says nothing costs a second"""
        domain, console = self.play("exec 3<>$port;")
        with duration(0.9, 3):
            domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON", GUEST_TIMEOUT)

    def test_babbles(self):
        """one that never stops talking is given up; the guest is not stalled by its agent's port"""
        domain, console = self.play("exec 3>$port; (while :; do cat /dev/zero >&3; done) &")
        with duration(0, 3):
            domain.Shutdown(0)
        console.expect("GUEST-POWERBUTTON", GUEST_TIMEOUT)


class TestScreenshot(AskedGuest):
    @staticmethod
    def pixels(png):
        """Width, height and the pixels of an image of 8 bits a sample, as rows of bytes."""
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        at, data = 8, b""
        while at < len(png):
            length, kind = struct.unpack(">I4s", png[at:at + 8])
            body = png[at + 8:at + 8 + length]
            assert zlib.crc32(kind + body) == struct.unpack(">I", png[at + 8 + length:at + 12 + length])[0]
            if kind == b"IHDR":
                width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", body)
                assert (depth, colour) == (8, 2)
            data += body if kind == b"IDAT" else b""
            at += 12 + length
        raw, rows, stride = zlib.decompress(data), [], 3 * width
        for y in range(height):
            kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
            above = rows[-1] if rows else bytes(stride)
            for x in range(stride):
                left, up, corner = (line[x - 3] if x > 2 else 0), above[x], (above[x - 3] if x > 2 else 0)
                paeth = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
                line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
            rows.append(bytes(line))
        return width, height, rows

    def test_screen(self):
        """a screenshot is what the guest shows: what it writes to its screen changes it"""
        domain, console = self.boot()
        self.ask(console, "printf '\\033[2J\\033[H\\033[?25l' >/dev/tty1")
        width, height, before = self.pixels(bytes(domain.Screenshot()))
        self.assertGreaterEqual((width, height), (640, 400))
        self.ask(console, "for i in 1 2 3 4 5; do echo '################' >/dev/tty1; done")
        after = self.pixels(bytes(domain.Screenshot()))
        self.assertEqual(after[:2], (width, height))
        lit = [sum(len(row) - row.count(0) for row in rows[:80]) for rows in (before, after[2])]
        self.assertGreater(lit[1] - lit[0], 1000)
        self.assertEqual(after[2][200:], before[200:])

    def test_many(self):
        """many at once are answered, or refused by the limit; nothing of them is left in QEMU"""
        domain, _ = self.boot()
        calls = [domain.begin("Screenshot") for _ in range(20)]
        wait_until(lambda: all(call.done() for call in calls), what="every screenshot")
        self.assertEqual({call.error.name.rpartition(".")[2] for call in calls if call.error}, {"LimitExceeded"})
        good = [call for call in calls if not call.error]
        self.assertGreaterEqual(len(good), 16)
        for call in good:
            self.assertEqual(bytes(call.result())[:4], b"\x89PNG")
        with open(f"/proc/{domain.Leader}/maps", encoding="utf-8") as maps:
            self.assertNotIn("screenshot", maps.read())
