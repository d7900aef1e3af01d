#!/usr/bin/python3
"""no_write: no answer of a resolver makes the updater set anything wrong.

Alice's resolver lies in one way after the other: first while she has no session with bob; then, with a false endpoint
for bob, too, while their tunnel works under pings.
"""

import re
import select
import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from lab import lab
from lab.addresses import HOST, TUNNEL, ZONE
from lab.checks import check, wait_until
from lab.node import Node, Pings
from lab.runs import Case, run_cases
from lab.wireguard import base32_of

LIAR = "192.0.2.66"
ELSEWHERE = "198.51.100.250"
QUERIES = 4  # questions per lie
FLOW = 15  # replies
FALSE_ENDPOINT = "a false endpoint"
TOLD_LIVE = (FALSE_ENDPOINT, "NXDOMAIN", "another peer's record")  # while a tunnel works; with --full all of them


class Liar:
    """Alice's resolver, which answers every query as `lie` says, or as the public host does."""

    def __init__(self, world):
        self.world = world
        self.node = Node(world, "liar")
        world.join_internet(self.node, [LIAR])
        world.homes["alice"].node.use_resolvers(LIAR, options="timeout:1 attempts:1")
        self.socket = self.node.udp_socket(LIAR, 53)
        with self.node.entered():
            self.upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.lie = None
        self.count = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            wire, client = self.socket.recvfrom(4096)
            answer = self.lie(dns.message.from_wire(wire)) if self.lie else self.ask_host(wire)
            if answer:
                self.socket.sendto(answer, client)
            self.count += 1

    def ask_host(self, wire):
        self.upstream.sendto(wire, (HOST, 53))
        return self.upstream.recv(4096) if select.select([self.upstream], [], [], 2)[0] else None

    def tell(self, lie):
        """Tells this lie until the updater has asked a few times."""
        self.lie, start = lie, self.count
        wait_until(lambda: self.count >= start + QUERIES, f"{QUERIES} look-ups while the resolver lies")


def reply(query, rcode=dns.rcode.NOERROR):
    made = dns.message.make_response(query, recursion_available=True)
    made.set_rcode(rcode)
    return made


def with_srv(query, *targets):
    """An SRV answer to what was asked, each target `(owner of the target, address)`."""
    made = reply(query)
    question = query.question[0]
    if question.rdtype == dns.rdatatype.SRV:
        for name, address in targets:
            made.answer.append(dns.rrset.from_text(question.name, 1, "IN", "SRV", f"10 0 4711 {name}"))
            made.additional.append(dns.rrset.from_text(name, 1, "IN", "A", address))
    return made.to_wire()


def lies(world):
    bob, host = world.label("bob"), base32_of(world.devices["host"].public_key)
    label = ELSEWHERE.replace(".", "-")
    return {
        "nothing": lambda query: None,
        "garbage": lambda query: query.to_wire()[:2] + bytes([0x81, 0x80]) + b"\xff" * 60,
        "half a message": lambda query: with_srv(query, (f"{label}.{bob}.{ZONE}.", ELSEWHERE))[:40],
        "SERVFAIL": lambda query: reply(query, dns.rcode.SERVFAIL).to_wire(),
        "REFUSED": lambda query: reply(query, dns.rcode.REFUSED).to_wire(),
        "NXDOMAIN": lambda query: reply(query, dns.rcode.NXDOMAIN).to_wire(),
        "no data": lambda query: reply(query).to_wire(),
        "another peer's record": lambda query: with_srv(query, (f"{label}.{host}.{ZONE}.", ELSEWHERE)),
        "an address that its name denies": lambda query: with_srv(query, (f"{label}.{bob}.{ZONE}.", "203.0.113.99")),
        "loopback": lambda query: with_srv(query, (f"127-0-0-1.{bob}.{ZONE}.", "127.0.0.1")),
        "an address inside the tunnel": lambda query: with_srv(query, (f"10-77-0-3.{bob}.{ZONE}.", TUNNEL["bob"])),
    }


def no_session(world):
    world.prepare()
    liar = Liar(world)
    alice, bob = world.devices["alice"], world.devices["bob"].public_key
    liar.lie = lambda query: None
    for name, lie in lies(world).items():
        log = world.start_updater("alice")  # a new start, because it asks most often at first
        liar.tell(lie)
        check(alice.peer(bob).endpoint is None, f"{name}: an endpoint was set: {alice.peer(bob)}")
        check(log.stop() == 0, f"{name}: the updater did not end cleanly")
        print(f"no session: {name}: nothing set")


def working_tunnel(world):
    world.prepare()
    liar = Liar(world)
    alice, bob = world.devices["alice"], world.devices["bob"].public_key
    world.start_updaters("--log-level", "debug")
    log = world.updaters["alice"]
    world.wait_for_direct_handshake()
    # If bob is suspicious first, his echo proves the path, and alice need not ask.
    world.updaters["bob"].stop()
    endpoint = alice.peer(bob).endpoint
    pings = flow(alice.node)
    label = ELSEWHERE.replace(".", "-")
    false_endpoint = lambda query: with_srv(query, (f"{label}.{world.label('bob')}.{ZONE}.", ELSEWHERE))
    writes = count_writes(log, bob)
    for name, lie in {FALSE_ENDPOINT: false_endpoint, **lies(world)}.items():
        if name not in TOLD_LIVE and not world.full:
            continue
        # A false suspicion makes the updater ask: the pings pause for longer than the 2 s.
        liar.lie, start = lie, liar.count
        summary = pings.stop()
        check(" 0% packet loss" in summary, f"pings were lost before {name}: {summary}")
        wait_until(lambda: liar.count > start, "the updater asks, for the pings have stopped")
        pings = flow(alice.node)
        check(alice.peer(bob).endpoint == endpoint, f"{name}: a live peer was moved to {alice.peer(bob).endpoint}")
        check(count_writes(log, bob) == writes, f"{name}: a live peer was written to: {log.lines(bob[:4])}")
        print(f"a working tunnel: {name}: nothing set")
    check(" 0% packet loss" in pings.stop(), "pings were lost")


def flow(node):
    """Pings that are frequent enough to be a flow, whose end is noticed at once."""
    pings = Pings(node, TUNNEL["bob"])
    wait_until(lambda: len(pings.replies()) >= FLOW, "a flow of pings")
    return pings


def count_writes(log, key):
    """Counts lines about an endpoint or a kick for this peer; the keepalive of a direct tunnel does not count."""
    about = re.compile(rf"\({re.escape(key[:4])}\S*\): (endpoint |kick)")
    return len([line for line in log.lines(f"({key[:4]}") if about.search(line)])


def scenario(world, case):
    PARTS[case.variant](world)
    return {}


PARTS = {"no session": no_session, "a working tunnel": working_tunnel}


def on_machine(options):
    run_cases(options, scenario, [Case(variant=part) for part in PARTS], lambda case, name: None, at_once=len(PARTS))
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
