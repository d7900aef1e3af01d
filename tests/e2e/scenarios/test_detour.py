#!/usr/bin/python3
"""detour: two peers that reach each other through the host's routing lose no ping for longer than a second to `mesh`.

Whatever becomes of the direct way: first with a stock client on the far side, which cannot be reached, has a session but
takes alice's packets from the host alone, or is lost; then with an updater on both. When an updater stops the host
carries the peers' addresses, and after one that was killed the next one gives them back.
"""

import itertools
import time

from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT
from lab.checks import check, wait_until
from lab.node import Pings
from lab.wireguard import KEEPALIVE, WireGuard, generate_private_keys

RANGE = "10.77.0.0/24"
LONGEST_SILENCE = 1.1  # seconds between two replies: a second without one, and the time to the next ping
PINGS_PER_SECOND = 10


def prepare_routed(world):
    """Alice and bob reach each other through the host, which routes. Bob is a stock client."""
    for name in ("alice", "bob"):
        world.home(name, "cone")
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    world.host.sysctl("net.ipv4.ip_forward=1")
    *keys, host_key = generate_private_keys(3)
    host = WireGuard(world.host, "wg-host", host_key, addresses=[f"{TUNNEL['host']}/24"], port=WIREGUARD_PORT)
    world.devices["host"] = host
    for name, key in zip(world.homes, keys):
        device = WireGuard(world.homes[name].node, f"wg-{name}", key, addresses=[f"{TUNNEL[name]}/24"])
        world.devices[name] = device
        host.add_peer(device.public_key, f"{TUNNEL[name]}/32")
        device.add_peer(host.public_key, f"{TUNNEL['host']}/32,{RANGE}", f"{HOST}:{WIREGUARD_PORT}", KEEPALIVE)
    world.start_dnsd()
    world.wait_until_host_sees_all()
    world.wait_until_published()


def holds(world, name, other):
    """Whether packets for the other go to it directly."""
    peer = world.devices[name].peers().get(world.devices[other].public_key)
    return peer is not None and peer.allowed_ips == f"{TUNNEL[other]}/32"


class Watch:
    """Pings from alice to bob, all the time; `expect` judges the silences since the last call."""

    def __init__(self, world):
        self.pings = Pings(world.homes["alice"].node, TUNNEL["bob"], rate=PINGS_PER_SECOND)
        self.since = self.pings.wait_for_reply()

    def expect(self, what):
        last = self.pings.wait_for_reply(after=time.time() + 1)  # what comes of it belongs to it
        times = [self.since, *(when for when in self.pings.replies() if self.since < when <= last)]
        longest = max((later - sooner for sooner, later in itertools.pairwise(times)), default=0.0)
        check(longest <= LONGEST_SILENCE, f"{what}: no reply for {longest:.2f} s")
        print(f"{what}: the longest silence is {longest:.2f} s")
        self.since = last

    def forget(self):
        """What was before does not count."""
        self.since = self.pings.wait_for_reply(after=time.time())


def know_alice(world, allowed_ips):
    """Bob's operator makes alice a peer, with her endpoint: bob's WireGuard then opens his NAT by itself."""
    world.devices["bob"].set(
        "peer", world.devices["alice"].public_key, "endpoint", world.place_of("alice"),
        "persistent-keepalive", "1", "allowed-ips", allowed_ips,
    )  # fmt: skip


def routed(world):
    prepare_routed(world)
    alice, bob = world.devices["alice"], world.devices["bob"]
    watch = Watch(world)

    updater = world.start_updater("alice", "--mesh", RANGE)
    updater.wait_for_line("DNS says where it is")
    if world.full:
        updater.wait_for_line("no answer from")
    watch.expect("a stock peer that cannot be reached directly")
    check(not holds(world, "alice", "bob"), "bob has his address although he does not answer")
    check(updater.stop() == 0, "the updater did not end cleanly")
    watch.expect("the updater stops")

    know_alice(world, "")
    updater = world.start_updater("alice", "--mesh", RANGE)
    updater.wait_for_line("its own session works")
    updater.wait_for_line("no allowed-ips")
    watch.expect("a stock peer with a session that takes alice's packets from the host alone")
    updater.stop()

    know_alice(world, f"{TUNNEL['alice']}/32")
    updater = world.start_updater("alice", "--mesh", RANGE)
    wait_until(lambda: holds(world, "alice", "bob"), "a direct way to a stock peer that knows alice")
    watch.forget()
    bob.set("peer", alice.public_key, "remove")
    wait_until(lambda: not holds(world, "alice", "bob"), "bob's address goes back to the host")
    watch.expect("a stock peer is lost")
    updater.stop()

    know_alice(world, f"{TUNNEL['alice']}/32")
    updater = world.start_updater("alice", "--mesh", RANGE)
    wait_until(lambda: holds(world, "alice", "bob"), "a direct way again")
    updater.kill()
    check(holds(world, "alice", "bob"), "somebody took bob's address after the end of the updater")
    bob.set("peer", alice.public_key, "remove")
    world.start_updater("alice", "--mesh", RANGE)
    wait_until(lambda: not holds(world, "alice", "bob"), "the next start gives bob's address back")
    watch.forget()
    print("after the end of an updater that was killed the next one gives bob's address back")


def both(world):
    prepare_routed(world)
    names = ("alice", "bob")
    watch = Watch(world)
    for name in names:
        world.start_updater(name, "--mesh", RANGE)

    def wait_until_direct():
        wait_until(lambda: holds(world, "alice", "bob") and holds(world, "bob", "alice"), "both are direct")

    def wait_until_routed():
        wait_until(lambda: not holds(world, "alice", "bob") and not holds(world, "bob", "alice"), "both go by the host")

    wait_until_direct()
    watch.expect("both join")
    if world.full:
        world.internet.nft(
            "table ip cut {\n chain forward {\n type filter hook forward priority 0;\n"
            "ip saddr { 198.51.100.1, 198.51.100.2 } ip daddr { 198.51.100.1, 198.51.100.2 } drop\n }\n}"
        )
        wait_until_routed()
        watch.expect("the direct way is lost")
        world.internet.nft("delete table ip cut")
        wait_until_direct()
        watch.expect("the direct way is back")
    world.updaters["bob"].stop()
    wait_until_routed()
    watch.expect("one updater stops")


if __name__ == "__main__":
    lab.main(routed, both)
