#!/usr/bin/python3
"""mesh: three peers that know only the public host become a full mesh; who leaves it disappears.

With a built-in point, whose list is read inside the tunnel. A peer that was removed by hand stays removed, and a list
that cannot be read changes nothing.
"""

import itertools
import time

import lab
from addresses import HOST, TUNNEL, WIREGUARD_PORT
from checks import check, wait_until
from point import Point
from wireguard import KEEPALIVE, WireGuard, generate_private_keys

NAMES = ("alice", "bob", "carol")
RANGE = "10.77.0.0/24"
READ = "the list of peers was read"


def prepare(world):
    for name in NAMES:
        world.home(name, "cone")
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    point = Point(world)
    for name, key in zip(NAMES, generate_private_keys(len(NAMES))):
        device = WireGuard(world.homes[name].node, f"wg-{name}", key, addresses=[f"{TUNNEL[name]}/24"])
        world.devices[name] = device
        point.add_peer(device.public_key, f"{TUNNEL[name]}/32")
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
        world.updaters["carol"].wait_for_line("the list of peers cannot be read")
        check(set(world.devices["carol"].peers()) == before, "a list that cannot be read changed something")
        print("a list that cannot be read changes nothing")


if __name__ == "__main__":
    lab.main(scenario)
