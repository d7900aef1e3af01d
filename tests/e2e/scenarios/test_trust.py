#!/usr/bin/python3
"""trust: what the system's resolver says gives nobody the hub's authority.

Alice's resolver says of bob that he is the public host itself (role=hub). Nothing is asked of him or told to him in the
tunnel, nobody joins the mesh, and at most he is not punched while the resolver says so: one look-up of the truth later
he is, without a restart. A key given as --hub that is bob's is found by `wg-updater doctor`. And `mesh` without anybody
who may say who joins is a mistake in the configuration.
"""

import socket
import threading
import time

import dns.message
import dns.name
import dns.rdatatype

from lab import lab
from lab.addresses import ASKER, HOST, TUNNEL, ZONE
from lab.checks import check

RANGE = "10.77.0.0/24"
LIE_TIME, FULL_LIE_TIME = 4, 240  # seconds


class LyingResolver:
    """A resolver on the Internet that answers as wg-dnsd does, and while `lies`, adds role=hub to a peer's text."""

    def __init__(self, world, name):
        self.owner = dns.name.from_text(world.service_name(name))
        self.lies, self.lied = True, 0
        self.socket = world.internet.udp_socket(ASKER, 53)
        with world.internet.entered():
            self.upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.upstream.settimeout(2)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(65535)
            self.upstream.sendto(query, (HOST, 53))
            try:
                reply = self.upstream.recv(65535)
            except TimeoutError:
                continue
            question = dns.message.from_wire(query).question[0]
            if self.lies and question.name == self.owner and question.rdtype == dns.rdatatype.TXT:
                reply = self.add_role(reply)
                self.lied += 1
            self.socket.sendto(reply, client)

    def add_role(self, wire):
        reply = dns.message.from_wire(wire)
        (rrset,) = reply.answer
        text = rrset.pop()
        rrset.add(text.replace(strings=(*text.strings, b"role=hub")))
        return reply.to_wire()


def lied_to(world, mesh):
    world.prepare()
    alice, bob = world.devices["alice"], world.devices["bob"]
    bob_node = world.homes["bob"].node
    resolver = LyingResolver(world, "bob")
    world.homes["alice"].node.use_resolvers(ASKER)
    bob_node.count("asked", f"iifname {bob.name} udp dport 53")
    members = set(alice.peers())
    short_name = f"({bob.public_key[:4]}…"

    def writes():
        return [line for line in updater.lines(short_name) if ": endpoint " in line or "kick" in line]

    def expect_nothing():
        check(bob_node.counted("asked") == 0, "bob is asked, or told something, as if he were the public host")
        check(set(alice.peers()) == members, "somebody joined")

    words = ("--mesh", RANGE) if mesh else ()
    updater = world.start_updater("alice", *words, "--log-level", "debug")
    world.start_updater("bob")
    updater.wait_for_line("role=hub")
    started = time.monotonic()
    while time.monotonic() - started < (FULL_LIE_TIME if world.full else LIE_TIME):
        time.sleep(1)  # nothing may happen meanwhile
        expect_nothing()
    check(not writes(), f"bob was punched: {writes()}")
    lies = resolver.lied
    check(lies > 1, "the truth is not asked for")

    resolver.lies = False
    world.wait_for_direct_handshake()
    check(writes(), "bob was not punched")
    print(f"{'with' if mesh else 'without'} mesh, after {lies} lies: bob is managed again")

    resolver.lies = True
    alice.node.run("ping", "-c", "3", "-i", "0.2", "-W", "5", TUNNEL["bob"])
    expect_nothing()


def with_mesh(world):
    lied_to(world, mesh=True)
    alice = world.homes["alice"].node
    hubs = {name: world.devices[name].public_key for name in ("host", "bob")}

    def doctor(name):
        return alice.run(
            world.program("wg-updater"), "doctor", "wg-alice", "--zone", ZONE, "--hub", hubs[name],
            "--private-server", TUNNEL["host"], check=False,
        )  # fmt: skip

    found = doctor("host")
    check("is the public host's own key" in found.stdout, found.stdout + found.stderr)
    found = doctor("bob")
    check(found.returncode == 2 and "another peer's" in found.stdout, found.stdout + found.stderr)
    print("a key of --hub that is another peer's is told")

    refused = alice.run(world.program("wg-updater"), "wg-alice", "--zone", ZONE, "--mesh", RANGE, check=False)
    check(refused.returncode == 2 and "--hub KEY" in refused.stderr, refused.stdout + refused.stderr)
    print("mesh without anybody who may say who joins is refused")


def without_mesh(world):
    lied_to(world, mesh=False)


if __name__ == "__main__":
    lab.main(with_mesh, without_mesh)
