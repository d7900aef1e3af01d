#!/usr/bin/python3
"""mesh: three peers that know only the public host become a full mesh; a peer that leaves it disappears.

With a built-in point, whose list is read inside the tunnel. A peer that was removed by hand stays removed, and a list
that cannot be read changes nothing. Then the same over an ordinary interface of the host, with a server inside the
tunnel that cuts, garbles and forges the list, or what it says of a peer.
"""

import itertools
import socket
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype

from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.point import Point
from lab.wireguard import KEEPALIVE, WireGuard, generate_private_keys

NAMES = ("alice", "bob", "carol")
RANGE = "10.77.0.0/24"
READ = "the list of peers was read"
LIAR_PORT = 5353


def prepare(world):
    for name in NAMES:
        world.home(name, "cone")
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    point = Point(world)
    for name, key in zip(NAMES, generate_private_keys(len(NAMES))):
        device = WireGuard(world.homes[name].node, f"wg-{name}", key, addresses=[f"{TUNNEL[name]}/24"])
        world.devices[name] = device
        point.add_peer(device.public_key, f"{TUNNEL[name]}/32", name=name)
        device.add_peer(point.public_key, f"{TUNNEL['host']}/32,{RANGE}", f"{HOST}:{WIREGUARD_PORT}", KEEPALIVE)
    world.devices["host"] = point
    process = point.start()
    for name in NAMES:
        world.devices[name].wait_for_handshake(point.public_key)
        wait_until(lambda: world.published(name), f"DNS says where {name} is")
    return point, process


def is_direct(world, name, other):
    peers = world.devices[name].peers()
    peer = peers.get(world.devices[other].public_key)
    return peer and peer.handshake and peer.allowed_ips == f"{TUNNEL[other]}/32"


def scenario(world):
    point, process = prepare(world)
    pairs = list(itertools.permutations(NAMES, 2))
    started = time.monotonic()
    for name in NAMES:
        world.start_updater(name, "--mesh", RANGE, "--log-level", "debug")
    wait_until(lambda: all(is_direct(world, *pair) for pair in pairs), "a full mesh")
    for name, other in pairs:
        line = world.updaters[name].lines("joins the mesh with", TUNNEL[other])[0]
        check(f"{other} ({world.devices[other].public_key[:4]}" in line, f"no name in {line}")
    for name, other in pairs:
        world.homes[name].node.output("ping", "-c", "1", "-W", "5", TUNNEL[other])
    print(f"three peers that knew only the host: a full mesh after {time.monotonic() - started:.1f} s")

    alice, carol = world.devices["alice"], world.devices["carol"]
    alice.set("peer", carol.public_key, "remove")
    updater = world.updaters["alice"]
    updater.wait_for_line("removed by hand")
    readings = len(updater.lines(READ))
    wait_until(lambda: len(updater.lines(READ)) > readings, "alice reads the list")
    check(carol.public_key not in alice.peers(), "a peer that was removed by hand is back")
    print("a peer that was removed by hand stays removed")

    text = point.peers_file.read_text()
    sections = text.split("[Peer]\n")
    bob_key = world.devices["bob"].public_key
    point.peers_file.write_text("[Peer]\n".join(part for part in sections if bob_key not in part))
    point.ask("reload")
    wait_until(lambda: bob_key not in alice.peers(), "bob disappears")
    print("a peer that the host does not know any more disappears")

    if world.full:
        before = set(world.devices["carol"].peers())
        process.stop()
        world.updaters["carol"].wait_for_line("cannot read the list of peers")
        check(set(world.devices["carol"].peers()) == before, "a list that cannot be read changed something")
        print("a list that cannot be read changes nothing")


# ---- a server that lies


class Liar:
    """A DNS server in the tunnel. It answers as the public host does; questions of type `lied_to` get lie(reply)."""

    def __init__(self, world):
        self.socket = world.host.udp_socket(TUNNEL["host"], LIAR_PORT)
        with world.host.entered():
            self.upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.upstream.settimeout(2)
        self.lie, self.lied_to = bytes, dns.rdatatype.PTR
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            wire, client = self.socket.recvfrom(65535)
            self.upstream.sendto(wire, (HOST, 53))
            try:
                reply = self.upstream.recv(65535)
            except TimeoutError:
                continue
            question = dns.message.from_wire(wire).question[0]
            # Of the TXT questions only those at K._wireguard._udp: every updater asks for the text at
            # _wireguard._udp.K.
            if question.rdtype == self.lied_to and question.name.labels[-6:-4] == (b"_wireguard", b"_udp"):
                reply = self.lie(reply)
            if reply:
                self.socket.sendto(reply, client)


def edit(change):
    """A lie that is a well-formed message."""

    def lie(wire):
        message = dns.message.from_wire(wire)
        change(message)
        return message.to_wire()

    return lie


def leave_out(key):
    """The list without a peer."""
    return edit(lambda reply: keep(reply, lambda item: key not in item.to_text()))


def keep(reply, wanted):
    for rrset in reply.answer:
        for item in [item for item in rrset if not wanted(item)]:
            rrset.remove(item)


def truncate(reply):
    reply.flags |= dns.flags.TC


def fail(rcode):
    def change(reply):
        reply.set_rcode(rcode)
        reply.answer = []

    return edit(change)


def add_stranger(reply):
    reply.answer[0].add(dns.rdata.from_text("IN", "PTR", "example.org."))


def rename(reply):
    reply.question[0].name = dns.name.from_text(f"elsewhere.{ZONE}.")


LIES = {
    "cut in the middle": lambda wire: wire[: len(wire) // 2],
    "cut by one octet": lambda wire: wire[:-1],
    "one octet too many": lambda wire: wire + b"\0",
    "more records promised than there are": lambda wire: wire[:6] + bytes([wire[6], wire[7] + 1]) + wire[8:],
    "truncated, with what found room": edit(truncate),
    "only a header": lambda wire: wire[:12],
    "the answer to another question": edit(rename),
    "SERVFAIL": fail(dns.rcode.SERVFAIL),
    "NXDOMAIN": fail(dns.rcode.NXDOMAIN),
}
LIES_OF_THE_LIST = {"an item that is no peer": edit(add_stranger)}
LIES_OF_A_PEER = {name: lie for name, lie in LIES.items() if name != "NXDOMAIN"}  # that one denies the peer


def prepare_interface(world):
    """Alice knows only the host, which sees bob and carol."""
    for name in NAMES:
        world.home(name, "cone")
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    keys = generate_private_keys(len(NAMES) + 1)
    host = WireGuard(world.host, "wg-host", keys.pop(), addresses=[f"{TUNNEL['host']}/24"], port=WIREGUARD_PORT)
    world.devices["host"] = host
    for name, key in zip(NAMES, keys):
        device = WireGuard(world.homes[name].node, f"wg-{name}", key, addresses=[f"{TUNNEL[name]}/24"])
        world.devices[name] = device
        host.add_peer(device.public_key, f"{TUNNEL[name]}/32")
        device.add_peer(host.public_key, f"{TUNNEL['host']}/32,{RANGE}", f"{HOST}:{WIREGUARD_PORT}", KEEPALIVE)
    world.start_dnsd("--public", "list", "--public", "allowed")
    world.wait_until_host_sees_all()
    world.wait_until_published()


def lied_to(world):
    prepare_interface(world)
    liar = Liar(world)
    alice, bob, carol = (world.devices[name] for name in NAMES)

    def run_updater():
        return world.start_updater(
            "alice", "--mesh", RANGE, "--private-server", f"{TUNNEL['host']}:{LIAR_PORT}", "--log-level", "debug"
        )

    def end(updater):
        check(updater.stop() == 0, "the updater did not end cleanly")
        updater.log.unlink()

    liar.lie = leave_out(world.label("carol"))
    updater = run_updater()
    wait_until(lambda: bob.public_key in alice.peers(), "bob joins")
    end(updater)
    members = {world.devices["host"].public_key, bob.public_key}
    for kind, lies in ((dns.rdatatype.PTR, {**LIES, **LIES_OF_THE_LIST}), (dns.rdatatype.TXT, LIES_OF_A_PEER)):
        for what, lie in lies.items():
            liar.lie, liar.lied_to = lie, kind
            updater = run_updater()
            updater.wait_for_line("cannot read the list of peers")
            check(set(alice.peers()) == members, f"{what}: {len(alice.peers())} peers")
            end(updater)
            print(f"{dns.rdatatype.to_text(kind)}, {what}: nobody is added, nobody removed")
    liar.lie = bytes
    run_updater()
    wait_until(lambda: set(alice.peers()) == {*members, carol.public_key}, "with the truth carol joins")


def on_machine(options):
    return lab.in_laboratories(options, (scenario, lied_to))


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
