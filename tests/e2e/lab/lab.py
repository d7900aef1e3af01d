"""The laboratory: a small Internet made of network namespaces, with real servers and real WireGuard.

        alice 192.168.1.2                     host 203.0.113.10                      bob 192.168.1.2
              2001:db8:a::2                        2001:db8:113::10                      2001:db8:b::2
        wg-alice 10.77.0.2                    wg-host 10.77.0.1                      wg-bob 10.77.0.3
              |  lan                          wg-dnsd for wg.example.org                 |  lan
              |                                        |                                 |
        alice-box: a NAT kind                          |                          bob-box: a NAT kind
              |  net 198.51.100.1                      |                                 |  net 198.51.100.2
              +-----------------------------------  internet  ---------------------------+
                                            (routes, nothing else)
                                                       |
                                      dns  192.0.2.1   NSD      .
                                           192.0.2.2   NSD      org
                                           192.0.2.3   NSD      example.org, which delegates wg.example.org to host
                                           192.0.2.11  unbound  a peer's resolver
                                           192.0.2.12  BIND     a peer's resolver, and more of them
                                           the same behind 2001:db8::

Each node is a network namespace. The whole laboratory lives in a PID, mount and network namespace of its own, with its
own /run (so its own /run/netns and /run/wireguard): when its first process ends, however that happens, the kernel ends
every process and removes every interface, rule, socket and file in it. Laboratories can run side by side.

A scenario is a function that takes a Lab; `main(scenario)` runs it, `main(one, other)` each in its own laboratory:

    exit 0  as expected          exit 77  skipped, with the reason
    exit 1  not as expected      exit 130, 143  interrupted
"""

import contextlib
import ipaddress
import itertools
import os
import pathlib
import shutil
import subprocess
import time

from lab import command_line
from lab import dns_client
from lab.addresses import (
    ASKER,
    ASKER6,
    HOST,
    HOST6,
    ORG_SERVER,
    ORG_SERVER6,
    PARENT,
    PARENT_SERVER,
    PARENT_SERVER6,
    RESOLVERS,
    ROOT_SERVER,
    ROOT_SERVER6,
    TUNNEL,
    WIREGUARD_PORT,
    ZONE,
)
from lab.checks import GENEROUS, Failure, Skip, check, wait_until
from lab.command_line import ROOT
from lab.containment import RUN, run_contained
from lab.name_servers import DELEGATION, ORG_ZONE, PARENT_ZONE, ROOT_ZONE, SERVERS, sign_zone, start_nsd
from lab.nat import Home
from lab.node import Node
from lab.point import Point
from lab.resolvers import start_resolver
from lab.wireguard import KEEPALIVE, WireGuard, base32_of, generate_private_keys

CONTROL = RUN / "wg-dnsd.control"
DNSD_ARGUMENTS = (
    "--zone", ZONE, "--interface", "wg-host", "--listen", HOST, "--listen", f"[{HOST6}]",
    "--listen-private", TUNNEL["host"], "--state-dir", RUN / "state", "--control", CONTROL,
)  # fmt: skip
NAME_SERVERS = ("--ns", f"ns1.{ZONE}={HOST},{HOST6}")


# ---- running a scenario


def main(*scenarios):
    """Runs each `scenario(lab)` in a laboratory of its own and exits with the verdict."""
    run_and_exit(lambda options: in_laboratories(options, scenarios))


def run_and_exit(body):
    """Runs body(options) → exit code on the machine itself, if a laboratory can run there."""

    def on_machine(options):
        require_abilities()
        return body(options)

    command_line.run_and_exit(on_machine)


def in_laboratories(options, scenarios):
    """Runs each scenario(lab) in a fresh laboratory, up to the first that fails; returns the exit code."""
    for scenario in scenarios:
        code = in_laboratory(options, scenario)
        if code != 0:
            return code
    return 0


def in_laboratory(options, scenario):
    """Runs scenario(lab) in a fresh laboratory; returns the exit code."""

    def body():
        lab = Lab(options)
        try:
            scenario(lab)
            return 0
        except Skip:
            raise
        except Exception:
            lab.print_logs()
            raise
        finally:
            if options.keep:
                shutil.rmtree(options.keep, ignore_errors=True)
                shutil.copytree(RUN, options.keep, ignore=sockets)

    return run_contained(body)


def sockets(folder, names):
    return [name for name in names if pathlib.Path(folder, name).is_socket()]


def require_abilities():
    if os.geteuid() != 0:
        raise Skip("needs root")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        raise Skip(f"needs /dev/net/tun: {error.strerror}") from error
    for tool in ("ip", "nft", "conntrack", "wg", "wireguard-go", "ping"):
        if not shutil.which(tool):
            raise Skip(f"needs {tool}: run scripts/install-packages laboratory servers")
    if not (SERVERS / "unpacked").exists():
        raise Skip("needs the servers: run scripts/install-packages laboratory servers")


# ---- the laboratory


class Lab:
    """The nodes that every scenario has: internet, host, dns. Homes are added by the scenario."""

    def __init__(self, options):
        self.options = options
        self.full = options.full
        self.processes = []
        self.devices = {}
        self.updaters = {}
        self.internet = Node(self, "internet")
        self.internet.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.internet.add_address("lo", ASKER, ASKER6)  # the source of questions
        self.host = Node(self, "host")
        self.join_internet(self.host, [HOST, HOST6])
        self.homes = {}
        self.delay = 0.0  # between two homes, one way, seconds; set before the homes are made

    # -- commands

    def command(self, argv, check=True, stdin=None, timeout=GENEROUS, shown=""):
        if self.options.verbose:
            print(shown + " ".join(map(str, argv[8:] if shown else argv)))
        done = subprocess.run(
            list(map(str, argv)), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode != 0:
            raise Failure(f"{shown}{' '.join(map(str, argv))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ip(self, *arguments):
        return self.command(["ip", *arguments])

    def program(self, name):
        path = self.options.build_dir.resolve() / ("dnsd" if name == "wg-dnsd" else "updater") / name
        if not path.exists():
            raise Skip(f"{path} is not built")
        return path

    def print_logs(self, lines=25):
        for process in self.processes:
            end = "" if process.is_running() else f" (ended with {process.popen.returncode})"
            print(f"---- {process.log.name}{end}")
            print("\n".join(process.text().splitlines()[-lines:]))

    # -- links

    def join(self, upper, upper_interface, lower, lower_interface, delay=0.0):
        """A cable. The upper node, fe80::1, is the lower node's route to everything; so IPv4 needs no addresses for it.

        `delay`: seconds that each packet takes, in either direction (tests/e2e/lab/relay.py).
        """
        if delay:
            self.join_slowly(upper, upper_interface, lower, lower_interface, delay)
        else:
            self.ip(
                "link", "add", upper_interface, "netns", upper.name, "type", "veth",
                "peer", lower_interface, "netns", lower.name,
            )  # fmt: skip
        # In one command for each node: a laboratory runs thousands of them.
        for node, interface, number in ((upper, upper_interface, 1), (lower, lower_interface, 2)):
            lines = f"link set {interface} up\naddress add fe80::{number}/64 dev {interface} nodad\n"
            if node is lower:
                lines += f"route add 0.0.0.0/0 via inet6 fe80::1 dev {interface}\n"
                lines += f"route add ::/0 via fe80::1 dev {interface}\n"
            node.ip_batch(lines)

    def join_slowly(self, upper, upper_interface, lower, lower_interface, delay):
        """Adds a node in the middle of the cable that delays every frame."""
        wire = Node(self, f"{lower.name}-wire")
        ends = (("left", upper, upper_interface), ("right", lower, lower_interface))
        for inner, node, interface in ends:
            self.ip("link", "add", interface, "netns", node.name, "type", "veth", "peer", inner, "netns", wire.name)
            wire.ip("link", "set", inner, "up")
        relay = wire.start("/usr/bin/python3", ROOT / "tests/e2e/lab/relay.py", "left", "right", delay, name=wire.name)
        relay.wait_for_line("relaying")

    def route(self, upper, interface, *prefixes):
        """Sends packets for the prefixes down this cable."""
        via = {prefix: "" if ":" in prefix else "inet6 " for prefix in prefixes}
        upper.ip_batch("".join(f"route replace {one} via {via[one]}fe80::2 dev {interface}\n" for one in prefixes))

    def join_internet(self, node, addresses):
        """A cable to the Internet, for a node with public addresses."""
        self.join(self.internet, node.name, node, "net")
        self.add_public_addresses(node, addresses)

    def add_public_addresses(self, node, addresses):
        node.add_address("net", *addresses)
        self.route(self.internet, node.name, *addresses)

    def home(self, name, kind, families=(4, 6), public=None):
        """`public`: its IPv4 address and IPv6 prefix on the Internet; by default ones that are reserved for
        documentation."""
        number = len(self.homes)
        public = public or (f"198.51.100.{number + 1}", f"2001:db8:{number + 10:x}")
        made = Home(self, name, kind, *public, families)
        self.homes[name] = made
        return made

    # -- WireGuard

    def wireguard(self, keys=None, host=None, later=()):
        """A device on the host and in each home, as the README says: the host with keepalive, the others bare.
        `host`: a Point in place of the host's device. `later`: homes whose devices are configured, but not started."""
        names = list(self.homes) if host else [*self.homes, "host"]
        keys = keys or generate_private_keys(len(names))
        nodes = {"host": self.host, **{name: home.node for name, home in self.homes.items()}}
        for name, key in zip(names, keys):
            self.devices[name] = WireGuard(
                nodes[name], f"wg-{name}", key, addresses=[f"{TUNNEL[name]}/32"], start=name not in later
            )
        host = self.devices.setdefault("host", host)
        for name, home in self.homes.items():
            device = self.devices[name]
            host.add_peer(device.public_key, f"{TUNNEL[name]}/32")
            for other in self.homes:
                if other != name:
                    device.add_peer(self.devices[other].public_key, f"{TUNNEL[other]}/32")
            reachable = HOST if home.has_ipv4() else f"[{HOST6}]"
            device.add_peer(host.public_key, f"{TUNNEL['host']}/32", f"{reachable}:{WIREGUARD_PORT}", KEEPALIVE)
        return self.devices

    def see_over_ipv6_too(self, name):
        """Adds a second device to the host, wg-host6. A home talks to it over IPv6, and to wg-host over IPv4."""
        device = self.devices[name]
        second = WireGuard(
            self.host, "wg-host6", generate_private_keys(1)[0], port=WIREGUARD_PORT + 1, addresses=["10.77.1.1/32"]
        )
        second.add_peer(device.public_key, "10.77.1.2/32")
        device.add_peer(second.public_key, "10.77.1.1/32", f"[{HOST6}]:{WIREGUARD_PORT + 1}", KEEPALIVE)
        return second

    def wait_until_host_sees_all(self):
        self.wait_until_host_sees(*self.homes)

    def wait_until_host_sees(self, *names):
        for name in names:
            self.devices["host"].wait_for_handshake(self.devices[name].public_key)

    def label(self, name):
        """A node's public key as its label in DNS."""
        return base32_of(self.devices[name].public_key)

    def service_name(self, name):
        return f"_wireguard._udp.{self.label(name)}.{ZONE}"

    def published(self, name, timeout=10):
        """The endpoints of a node in DNS: `address:port` of each SRV, as wg-dnsd itself answers. \\error Timeout"""
        reply = dns_client.ask(self.internet, HOST, self.service_name(name), "SRV", timeout=timeout)
        found = []
        for _, target, port in dns_client.srv_endpoints(reply):
            label = target.split(".")[0]
            if "-" in label:
                found.append(f"{label.replace('-', '.')}:{port}")
            else:
                found.append(f"[{ipaddress.IPv6Address(bytes.fromhex(label))}]:{port}")
        return found

    def place_of(self, name):
        """The endpoint of a node as the Internet sees it, `address:port`: made by its NAT, or else as the host says."""
        home = self.homes[name]
        outside = home.outside() if home.has_ipv4() else None
        return outside or self.devices["host"].endpoint_of(self.devices[name].public_key)

    def wait_until_published(self, *names):
        for name in names or self.homes:
            wait_until(lambda: self.place_of(name) in self.published(name), f"DNS says where {name} is")

    # -- name servers and resolvers

    def start_dns(self, resolvers=("unbound", "bind"), delegation=DELEGATION, in_root="", signed=False):
        """The root, the parent zone and the resolvers, on the node `dns`, which has the addresses of all resolvers.
        `delegation`: the records that the parent zone has for ZONE; `in_root`: more records of the root zone; `signed`:
        all zones above ZONE are signed, and `trust_anchor` is the root's DS."""
        self.dns = Node(self, "dns")
        levels = (
            ("parent", PARENT, PARENT_ZONE + delegation, (PARENT_SERVER, PARENT_SERVER6)),
            ("org", "org", ORG_ZONE, (ORG_SERVER, ORG_SERVER6)),
            ("root", ".", ROOT_ZONE + in_root, (ROOT_SERVER, ROOT_SERVER6)),
        )
        of_resolvers = itertools.chain(*RESOLVERS.values())
        self.join_internet(self.dns, [*itertools.chain(*(level[3] for level in levels)), *of_resolvers])
        self.trust_anchor = None
        for name, zone, records, addresses in levels:
            if signed:
                records, self.trust_anchor = sign_zone(self.dns, zone, records)
            start_nsd(self.dns, name, {zone: records}, addresses)
        for name in resolvers:
            start_resolver(self.dns, name, trust_anchor=self.trust_anchor)

    # -- our programs

    def prepare(self, alice="cone", bob="cone", families=(4, 6), resolvers=("unbound",), source="interface", later=()):
        """Two homes, everything running except the updaters, and both peers published. `source`: the observer, the
        host's WireGuard `interface` or wg-dnsd's own `point`. `later`: homes not started yet."""
        self.home("alice", alice, families)
        self.home("bob", bob, families)
        self.start_dns(resolvers)
        self.use_resolver(resolvers[0])
        point = Point(self) if source == "point" else None
        self.wireguard(host=point, later=later)
        self.dnsd = point.start() if point else self.start_dnsd()
        present = [name for name in self.homes if name not in later]
        self.wait_until_host_sees(*present)
        self.wait_until_published(*present)

    def use_resolver(self, name):
        """Writes every home's /etc/resolv.conf: one of RESOLVERS, or `direct`."""
        addresses = RESOLVERS.get(name, (HOST, HOST6))
        for home in self.homes.values():
            home.node.use_resolvers(addresses[0 if home.has_ipv4() else 1])

    def start_updaters(self, *arguments):
        """An updater in each home, all at once; returns the time, seconds since 1970, of the later exec."""
        started = 0.0
        for name in self.homes:
            self.start_updater(name, *arguments)
            started = time.time()
        return started

    def wait_for_direct_handshake(self, timeout=GENEROUS):
        """Waits until alice and bob have a session of their own."""
        alice, bob = self.devices["alice"], self.devices["bob"]
        alice.wait_for_handshake(bob.public_key, timeout)
        bob.wait_for_handshake(alice.public_key, timeout)

    def start_dnsd(self, *arguments, name="wg-dnsd", name_servers=NAME_SERVERS):
        """wg-dnsd on the host, observing wg-host: private in the tunnels, public outside. Returns when it answers."""
        process = self.launch_dnsd(*arguments, name=name, name_servers=name_servers)
        self.wait_until_served(process)
        return process

    def launch_dnsd(self, *arguments, name="wg-dnsd", name_servers=NAME_SERVERS):
        """As start_dnsd, without waiting."""
        return self.host.start(self.program("wg-dnsd"), *DNSD_ARGUMENTS, *name_servers, *arguments, name=name)

    def start_static_dnsd(self, *arguments, program=None, name="wg-dnsd"):
        """wg-dnsd on the host with the zone of the replayed answers and no device. Returns when it answers."""
        process = self.host.start(
            program or self.program("wg-dnsd"), "--zone", ZONE, "--zone-file", ROOT / "tests/answers/static.zone",
            "--listen", HOST, "--state-dir", RUN / f"state-{name}", "--control", CONTROL, *arguments, name=name,
        )  # fmt: skip
        self.wait_until_served(process)
        return process

    def wait_until_served(self, process):
        def served():
            check(process.is_running(), f"{process.name} ended with {process.popen.returncode}")
            with contextlib.suppress(OSError, dns_client.Timeout):
                return dns_client.ask(self.internet, HOST, ZONE, "SOA", timeout=1).answer

        wait_until(served, f"{process.name} answers")

    def start_updater(self, name, *arguments):
        """wg-updater in a home."""
        self.updaters[name] = self.homes[name].node.start(
            self.program("wg-updater"), f"wg-{name}", "--zone", ZONE, "--hub", self.devices["host"].public_key,
            "--state", RUN / f"updater-{name}.json", *arguments, name=f"wg-updater-{name}",
        )  # fmt: skip
        return self.updaters[name]
