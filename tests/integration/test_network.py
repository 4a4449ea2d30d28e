# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of virtual machines: taps on a bridge, cards that come and go, scripts; seen from the host and from within."""

import pathlib
import re
import subprocess

from vmm import FORCE, GUEST_TIMEOUT, OBEDIENT, START, V, TestCase, guest, need_guest, shell, wait_until

BRIDGE = "vmmtest0"
MINUTE = 60_000_000


def network(**keys):
    return {key: V("s", value) for key, value in keys.items()}


def interfaces():
    return {path.name for path in pathlib.Path("/sys/class/net").iterdir()}


def ports():
    return {path.name for path in pathlib.Path(f"/sys/class/net/{BRIDGE}/brif").iterdir()}


setUpModule = need_guest


class NetworkCase(TestCase):
    def setUp(self):
        super().setUp()
        subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=True)
        self.addCleanup(subprocess.run, ["ip", "link", "delete", BRIDGE], check=True)
        self.addCleanup(self.wait_no_taps, interfaces())
        subprocess.run(["ip", "address", "add", "192.0.2.1/24", "dev", BRIDGE], check=True)
        subprocess.run(["ip", "link", "set", BRIDGE, "mtu", "1400", "up"], check=True)

    def wait_no_taps(self, before):
        """With a domain its interfaces go."""
        for *_, path in self.manager.ListDomains():
            self.bus.domain(path).Destroy(FORCE)
        wait_until(lambda: interfaces() <= before, 5, "the end of all interfaces")

    def boot(self, name, *networks, **keys):
        domain = self.create(name, guest(Networks=list(networks), **keys))
        console = domain.console()
        console.expect("GUEST-READY", GUEST_TIMEOUT)
        return domain, console

    def ask(self, console, command, answer):
        """Runs a command in the guest. What it says must match; the prompt and the echo of the command do not count."""
        console.send(f"{command}\n")
        return console.expect(rf"\n{answer}", GUEST_TIMEOUT)

    def set_up(self, console, address, card="eth0"):
        self.ask(console, f"ip addr add {address}/24 dev {card} && ip link set {card} up && echo 'set' up", "set up")

    def assertPings(self, console, address):
        self.ask(console, f"ping -c 3 -W 5 {address} >/dev/null && echo 'pings' {address}", f"pings {re.escape(address)}")

    def states(self, domain, timeout=MINUTE):
        return domain.WaitForDevices(timeout)


class TestBridge(NetworkCase):
    def test_two_guests(self):
        """two guests on one bridge reach each other and the host; their interfaces are on it, and go with them"""
        first, console1 = self.boot("web1", network(Bridge=BRIDGE, MAC="52:54:00:12:34:56", InterfaceName="web1-lan"))
        second, console2 = self.boot("web2", network(Bridge=BRIDGE, Name="lan"))
        self.assertEqual(self.states(first), {"network0": "ready"})
        self.assertEqual(len(ports()), 2)
        self.assertIn("web1-lan", ports())
        self.set_up(console1, "192.0.2.11")
        self.set_up(console2, "192.0.2.12")
        self.assertPings(console1, "192.0.2.12")
        self.assertPings(console2, "192.0.2.11")
        self.assertPings(console2, "192.0.2.1")

        # What the bus tells is what the guest has; a MAC of our own making is local, and no multicast.
        for domain, console in ((first, console1), (second, console2)):
            mac = self.ask(console, "cat /sys/class/net/eth0/address", r"([0-9a-f:]{17})")[1]
            self.assertEqual(mac, domain.Networks[0]["MAC"])
        self.assertEqual(first.Networks[0]["MAC"], "52:54:00:12:34:56")
        self.assertEqual(int(second.Networks[0]["MAC"][:2], 16) & 3, 2)
        for port in ports():
            self.assertEqual(pathlib.Path(f"/sys/class/net/{port}/mtu").read_text().strip(), "1400")
            self.assertTrue(pathlib.Path(f"/sys/class/net/{port}/address").read_text().startswith("fe:"))

        first.Destroy(FORCE)
        wait_until(lambda: len(ports()) == 1, 5, "the end of the first one's interface")
        second.Shutdown(0)
        wait_until(lambda: not ports(), GUEST_TIMEOUT, "the end of the second one's interface", every=0.1)

    def test_stable_mac(self):
        """the MAC that is made for a network is the same when the domain of that UUID comes again"""
        keys = {"UUID": "01234567-89ab-4def-8123-456789abcdef", "Networks": [network(Bridge=BRIDGE, Name="lan")]}
        domain = self.create("web1", guest(**keys), 0)
        mac = domain.Networks[0]["MAC"]
        domain.Destroy(FORCE)
        self.assertEqual(self.create("web2", guest(**keys), 0).Networks[0]["MAC"], mac)

    def test_machines(self):
        """the machines pc and microvm have networks from their creation on; pc can be given more, a microvm cannot"""
        for machine, words in (("pc", ""), ("microvm", " tsc_early_khz=2000000")):
            with self.subTest(machine):
                domain, console = self.boot(machine, network(Bridge=BRIDGE), Machine=machine,
                                            Extra=guest()["Extra"].unpack() + words)
                self.set_up(console, "192.0.2.21")
                self.assertPings(console, "192.0.2.1")
                if machine == "pc":
                    domain.AttachNetwork(network(Bridge=BRIDGE))
                    self.assertEqual(self.states(domain), {"network0": "ready", "network1": "ready"})
                    self.ask(console, "until [ -e /sys/class/net/eth1 ]; do usleep 50000; done; echo 'there'", "there")
                else:
                    self.assertError("NotSupported", "a microvm has its devices from its creation on",
                                     domain.AttachNetwork, network(Bridge=BRIDGE))
                domain.Destroy(FORCE)

    def test_refused(self):
        """a bridge that is none, an interface that is there, a script that is not: refused by name, and nothing is left"""
        before = interfaces()
        for name, text, keys in (("InvalidConfig", "Bridge: this host has no interface 'vmmtest9'", {"Bridge": "vmmtest9"}),
                                 ("InvalidConfig", "Bridge: this host has no bridge, but another interface 'lo'",
                                  {"Bridge": "lo"}),
                                 ("DeviceInUse", f"InterfaceName: this host has an interface '{BRIDGE}' already",
                                  {"Bridge": BRIDGE, "InterfaceName": BRIDGE}),
                                 ("InvalidConfig", "Script: there is no program 'vif-none' in /etc/vmmanager/scripts",
                                  {"Script": "vif-none"})):
            with self.subTest(text):
                self.assertError(name, text, self.manager.CreateDomain, "web1",
                                 guest(Networks=[network(Bridge=BRIDGE), network(**keys)]), START)
        self.assertEqual((self.manager.ListDomains(), self.scopes(), interfaces()), ([], [], before))

    def test_payloads(self):
        """making interfaces is the daemon's alone: what root runs in a domain cannot"""
        domain = self.create("web1", shell(f"{OBEDIENT}"))
        status = pathlib.Path(f"/proc/{domain.Leader}/status").read_text()
        for kind in ("Bnd", "Prm", "Eff"):
            self.assertFalse(int(re.search(rf"Cap{kind}:\t(\w+)", status)[1], 16) & 1 << 12, kind)


class TestLive(NetworkCase):
    def test_attach_detach(self):
        """a card appears while the guest runs, reaches the host, and goes; so does another after it"""
        before = interfaces()
        domain, console = self.boot("web1")
        for turn in range(2):
            name = domain.AttachNetwork(network(Bridge=BRIDGE))
            self.assertEqual((name, self.states(domain)), ("network0", {"network0": "ready"}))
            self.ask(console, "until [ -e /sys/class/net/eth0 ]; do usleep 50000; done; echo 'there'", "there")
            self.set_up(console, "192.0.2.31")
            self.assertPings(console, "192.0.2.1")
            domain.DetachNetwork(name)
            self.assertEqual((self.states(domain), domain.Networks), ({}, []))
            self.ask(console, "[ -e /sys/class/net/eth0 ] || echo 'gone'", "gone")
            wait_until(lambda: interfaces() == before, 5, "the end of the interface")
        self.signals.wait("DeviceChanged", "network0", "removed")
        told = [args[1] for name, path, args in self.signals.seen if name == "DeviceChanged" and path == domain.path]
        self.assertEqual(told, ["waiting", "ready", "going", "removed"] * 2)

    def test_user(self):
        """mode user needs no interface of the host; the guest gets an address from QEMU"""
        before = interfaces()
        domain, console = self.boot("web1", network(Mode="user"))
        self.ask(console, "ip link set eth0 up; udhcpc -i eth0 -n -q -s /bin/true 2>&1", "(?s:.*)lease of 10.0.2.15 obtained")
        domain.AttachNetwork(network(Mode="user", Name="second"))
        self.assertEqual(self.states(domain), {"network0": "ready", "second": "ready"})
        self.assertEqual(interfaces(), before)

    def test_paused(self):
        """a paused guest cannot be given a card, nor can one be taken from it"""
        domain = self.create("web1", guest(Networks=[network(Bridge=BRIDGE)]), 0)
        for call in (lambda: domain.AttachNetwork(network(Bridge=BRIDGE)), lambda: domain.DetachNetwork("network0")):
            self.assertError("NotRunning", "it is paused", call)
