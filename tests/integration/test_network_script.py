# SPDX-License-Identifier: LGPL-2.1-or-later
"""The administrator's scripts of networks: when they are called and with what, and what their failure means."""

import pathlib
import subprocess

from test_network import BRIDGE, NetworkCase, network, ports
from vmm import FORCE, need_guest, wait_until

SCRIPTS = pathlib.Path("/etc/vmmanager/scripts")

setUpModule = need_guest


class TestScripts(NetworkCase):
    def setUp(self):
        super().setUp()
        SCRIPTS.mkdir(parents=True, exist_ok=True)
        self.addCleanup(lambda: [path.unlink() for path in SCRIPTS.iterdir()])
        self.heard = SCRIPTS / "heard"

    def script(self, name, text):
        path = SCRIPTS / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return name

    def test_online_offline(self):
        """a script hears of the beginning and the end as Xen's do; the interface is there both times"""
        script = self.script("vif-test", f'''
            echo "$1 $2 bridge=$bridge ip=$ip mac=$mac port=$(ls /sys/class/net/{BRIDGE}/brif | grep -c "^$vif$")" >>{self.heard}
            [ -e /sys/class/net/$vif ]''')
        domain, console = self.boot("web1", network(Bridge=BRIDGE, Script=script, Address="192.0.2.41", Name="lan",
                                                    MAC="52:54:00:00:00:41"))
        self.assertEqual(self.states(domain), {"lan": "ready"})
        self.set_up(console, "192.0.2.41")
        self.assertPings(console, "192.0.2.1")
        rest = f"type_if=vif bridge={BRIDGE} ip=192.0.2.41 mac=52:54:00:00:00:41 port"
        self.assertEqual(self.heard.read_text().splitlines(), [f"online {rest}=0"])
        domain.DetachNetwork("lan")
        self.assertEqual(self.states(domain), {})
        wait_until(lambda: len(self.heard.read_text().splitlines()) == 2, 5, "the script's second turn")
        self.assertEqual(self.heard.read_text().splitlines()[1], f"offline {rest}=1")
        wait_until(lambda: not ports(), 5, "the end of the interface")

        # At the end of a domain, too.
        domain.AttachNetwork(network(Bridge=BRIDGE, Script=script))
        self.states(domain)
        domain.Destroy(FORCE)
        wait_until(lambda: len(self.heard.read_text().splitlines()) == 4, 5, "the script's fourth turn")
        wait_until(lambda: not ports(), 5, "the end of the interface")

    def test_failures(self):
        """a script that fails or hangs is an error of its network, which stays unconnected; the guest and others run on"""
        domain, console = self.boot(
            "web1", network(Bridge=BRIDGE, Name="bad", Script=self.script("vif-bad", "exit 3"), InterfaceName="web1-bad"),
            network(Bridge=BRIDGE, Name="slow", Script=self.script("vif-slow", "sleep 300")), network(Bridge=BRIDGE, Name="good"))
        states = self.states(domain)
        self.assertEqual((len(states), states["good"]), (3, "ready"))
        self.assertRegex(states["bad"], "^failed: /etc/vmmanager/scripts/vif-bad failed: .* of unit vmm-script-web1-bad-online")
        self.assertRegex(states["slow"], "^failed: /etc/vmmanager/scripts/vif-slow took longer than 20 s")
        self.assertEqual(len(ports()), 1)
        self.assertIn("not connected", domain.Warnings[-1])
        self.set_up(console, "192.0.2.51", "eth2")
        self.assertPings(console, "192.0.2.1")
        domain.DetachNetwork("bad")
        self.assertEqual(set(self.states(domain)), {"slow", "good"})
        running = subprocess.run(["systemctl", "list-units", "--no-legend", "--all", "vmm-script-*"], capture_output=True,
                                 text=True, check=True).stdout
        self.assertEqual(running, "")
