#!/usr/bin/python3
"""split_dns: the configurations of doc/split-dns.md: tunnel names through the tunnel, endpoints never.

systemd-resolved, dnsmasq and unbound run on alice's machine, which has no other resolver. Packets of DNS that enter the
tunnel are counted. With the tunnel dead an endpoint that nobody asked for before is found; the set-up that the page
warns of, the whole zone through the tunnel, does not find it.
"""

import contextlib
import itertools
import shlex

from lab import lab
from lab.addresses import HOST, ORDINARY, RESOLVERS, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.command_line import ROOT
from lab.containment import RUN
from lab.name_servers import SERVERS
from lab.point import Point
from lab.resolvers import ROOT_HINTS, Resolved
from lab.wireguard import base32_of, public_key_of, wg

BOB = f"bob.tunnel.{ZONE}"


def blocks_of(section):
    """The indented blocks of one section of the page."""
    page = (ROOT / "doc/split-dns.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    groups = itertools.groupby(page.splitlines(), lambda line: line.startswith("    ") or not line)
    blocks = ("\n".join(line[4:] for line in lines).strip() for is_block, lines in groups if is_block)
    return [block for block in blocks if block]


def configuration_of(section):
    return "\n".join(blocks_of(section)) + "\n"


def prepare(world):
    world.home("alice", "cone")
    world.home("bob", "cone", public=ORDINARY)  # dnsmasq takes addresses for documentation for private ones
    world.start_dns(("unbound",))
    point = Point(world)
    world.wireguard(host=point)
    # Nobody asks for their endpoints until the tunnel is dead.
    strangers = [public_key_of(wg("genkey")) for _ in range(4)]
    for number, key in enumerate(strangers):
        point.add_peer(key, f"10.77.9.{number + 1}/32", endpoint=f"45.0.2.77:{number + 1000}")
    point.start()
    for name in ("alice", "bob"):
        point.ask("peer", "rename", world.devices[name].public_key, name)
    world.wait_until_host_sees_all()
    node = world.homes["alice"].node
    node.count("asked_inside", 'oifname "wg-alice" udp dport 53', hook="output")
    return node, iter(strangers)


class Asker:
    """dig on alice's machine."""

    def __init__(self, node, server):
        self.node, self.server = node, server

    def ask(self, name, kind):
        """The answer's data, one line each; empty also where nothing answers."""
        words = ("dig", f"@{self.server}", "+time=3", "+tries=1", "+short", name, kind)
        done = self.node.run(*words, check=False)
        return [line for line in done.stdout.splitlines() if not line.startswith(";")]

    def finds_endpoint(self, key):
        name = f"_wireguard._udp.{base32_of(key)}.{ZONE}"
        found = self.ask(name, "SRV")
        return bool(found) and bool(self.ask(found[0].split()[3], "A"))


def check_split(world, node, asker, title, strangers):
    """With the tunnel up, and then dead."""
    bob = world.devices["bob"].public_key
    before = node.counted("asked_inside")
    wait_until(lambda: asker.finds_endpoint(bob), f"{title} finds bob's endpoint")
    check(node.counted("asked_inside") == before, f"{title} asks for an endpoint inside the tunnel")
    wait_until(lambda: asker.ask(BOB, "A") == [TUNNEL["bob"]], f"{title} finds bob inside the tunnel")
    check(node.counted("asked_inside") > before, f"{title} asks for a tunnel name outside the tunnel")
    with dead_tunnel(node):
        check(asker.finds_endpoint(next(strangers)), f"{title} needs the tunnel for an endpoint")
        check(not asker.ask(f"alice.tunnel.{ZONE}", "A"), f"{title} finds a tunnel name in the dead tunnel")
    print(f"{title}: tunnel names through the tunnel, endpoints never")


@contextlib.contextmanager
def dead_tunnel(node):
    """Packets of the tunnel are lost on their way."""
    rules = ("output", "daddr", "dport"), ("input", "saddr", "sport")
    chains = "".join(f" chain {hook} {{ type filter hook {hook} priority 0; ip {address} {HOST} udp {port} "
                     f"{WIREGUARD_PORT} drop; }}\n" for hook, address, port in rules)  # fmt: skip
    node.nft(f"table inet dead {{\n{chains}}}\n")
    try:
        yield
    finally:
        node.nft("delete table inet dead\n")


def start_dnsmasq(node, title, more):
    folder = RUN / title
    folder.mkdir()
    (folder / "conf").write_text(
        "listen-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nuser=root\npid-file=\nstop-dns-rebind\n"
        f"server={RESOLVERS['unbound'][0]}\n{more}"
    )
    return node.start(SERVERS / "usr/sbin/dnsmasq", "-k", "-C", folder / "conf", name=title)


def start_unbound(node, title, more):
    folder = RUN / title
    folder.mkdir()
    (folder / "root.hints").write_text(ROOT_HINTS)
    (folder / "conf").write_text(f"""server:
  interface: 127.0.0.1
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  root-hints: "{folder}/root.hints"
  private-address: 10.0.0.0/8
remote-control:
  control-enable: no
{more}""")
    return node.start(SERVERS / "usr/sbin/unbound", "-d", "-c", folder / "conf", name=title)


def scenario(world):
    node, strangers = prepare(world)
    local = Asker(node, "127.0.0.1")
    for title, start in (("dnsmasq", start_dnsmasq), ("unbound", start_unbound)):
        process = start(node, title, configuration_of(title))
        check_split(world, node, local, title, strangers)
        process.stop()

    resolved = Resolved(node, "lan", "default", "unbound")
    [line] = blocks_of("systemd-resolved")
    for command in line.removeprefix("PostUp = ").replace("%i", "wg-alice").split("; "):
        resolved.resolvectl(*shlex.split(command)[1:])
    check_split(world, node, Asker(node, "127.0.0.53"), "systemd-resolved", strangers)
    resolved.stop()

    # What the page warns of.
    process = start_dnsmasq(node, "whole-zone", f"server=/{ZONE}/{TUNNEL['host']}\n")
    bob = world.devices["bob"].public_key
    wait_until(lambda: local.finds_endpoint(bob), "the whole zone is found inside the tunnel")
    with dead_tunnel(node):
        check(not local.finds_endpoint(next(strangers)), "the whole zone through the tunnel does no harm")
    print("the whole zone through the tunnel: no endpoint is found when it is dead")
    process.stop()


if __name__ == "__main__":
    lab.main(scenario)
