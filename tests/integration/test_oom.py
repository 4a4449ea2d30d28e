# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory runs out in a domain: what the kernel kills, what systemd makes of it, and what the domain says of its end."""

import signal
import subprocess

from vmm import (GRACEFUL, OBEDIENT, TestCase, V, ending, need_controllers, shell, stop_steps, told, wait_nothing_left,
                 wait_until)

OUT_OF_MEMORY = "killed by the kernel: out of memory (oom-kill)"
LIMIT = 32 << 20
HOG = "tail /dev/zero"    # keeps the last line, which never ends
BESIDE = f"trap '{HOG} &' USR1; sleep infinity & echo ready; while :; do wait; done"


def setUpModule():
    need_controllers("memory")


def limited(payload, **resources):
    """A payload that may use LIMIT bytes."""
    return shell(payload, Resources=V("a{sv}", {"MemoryMax": V("t", LIMIT), **resources}))


class TestOutOfMemory(TestCase):
    def ends(self, domain):
        """Why it ended, and what its end left."""
        reason = ending(self.signals, domain.path)
        wait_nothing_left(self)
        return reason

    def warnings(self, domain):
        return [text for text, in told(self.signals, domain.path, "Warning")]

    def test_leader(self):
        """a domain whose only process is killed says why: 20 times"""
        for _ in range(20):
            domain = self.create("web1", limited(f"echo ready; exec {HOG}"))
            self.assertEqual(self.ends(domain), (OUT_OF_MEMORY, {"Signal": 9}))

    def test_lowered_limit(self):
        """OOMPolicy=stop: so does one whose limit is set below what is in use"""
        payload = f"echo ready; (head --bytes={2 * LIMIT} /dev/zero; exec sleep infinity) | tail"
        domain = self.create("web1", shell(payload, Resources=V("a{sv}", {"OOMPolicy": V("s", "stop")})))
        wait_until(lambda: domain.MemoryCurrent > 1.5 * LIMIT, every=0.05, what="that memory is in use")
        subprocess.run(["systemctl", "set-property", "--runtime", domain.Unit, f"MemoryMax={LIMIT}"], check=True)
        self.assertEqual(self.ends(domain)[0], OUT_OF_MEMORY)

    def test_killed_by_hand(self):
        """a domain that somebody kills with a limit set, but memory left, was killed by SIGKILL"""
        domain = self.create("web1", limited(OBEDIENT))
        subprocess.run(["kill", "-KILL", str(domain.Leader)], check=True)
        self.assertEqual(self.ends(domain), ("killed by SIGKILL", {"Signal": 9}))

    def test_stop(self):
        """OOMPolicy=stop: systemd has the others stopped, by the stop plan; memory is the reason told"""
        domain = self.create("web1", limited(BESIDE, OOMPolicy=V("s", "stop")))
        domain.Kill("leader", signal.SIGUSR1)
        self.assertEqual(self.ends(domain)[0], OUT_OF_MEMORY)
        self.assertEqual(stop_steps(self.signals, domain.path), ["SIGTERM"])

    def test_kill(self):
        """OOMPolicy=kill: the kernel kills all at once"""
        domain = self.create("web1", limited(BESIDE, OOMPolicy=V("s", "kill")))
        domain.Kill("leader", signal.SIGUSR1)
        self.assertEqual(self.ends(domain), (OUT_OF_MEMORY, {"Signal": 9}))

    def test_continue(self):
        """OOMPolicy=continue, the default: the others live on, with a warning that their own end does not repeat"""
        domain = self.create("web1", limited(BESIDE))
        domain.Kill("leader", signal.SIGUSR1)
        wait_until(lambda: self.warnings(domain), what="a warning")
        self.assertThawed(domain)
        text = "The kernel killed 1 of its processes: out of memory (oom-kill)"
        self.assertEqual((self.warnings(domain), domain.Warnings), ([text], [text]))
        domain.Destroy(GRACEFUL)
        self.assertEqual(self.ends(domain), ("stopped by SIGTERM", {"Signal": 15}))
        self.assertEqual(self.warnings(domain), [text])
