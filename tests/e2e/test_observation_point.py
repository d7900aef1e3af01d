#!/usr/bin/python3
"""observation_point: wg-dnsd as a WireGuard peer of its own, run by an ordinary user, without any interface.

Handshakes with wireguard-go, with and without a preshared key; the main job, cone against cone; a NAT that forgets its
mappings; a killed wg-dnsd that asks its peers where they are.
"""

import time

import lab
from addresses import TUNNEL
from checks import check, wait_until
from containment import RUN
from node import Pings
from point import Point
from wireguard import wg

RECOVERY = 3.0  # seconds after kill -9 and start, judged with --full
CHANGE = 0.005  # seconds from the NAT keepalive's arrival to the changed SRV, judged with --full


def public_place(world, name):
    home = world.homes[name]
    return f"{home.public}:{home.mapped_port}"


def wait_until_published(world, *names):
    for name in names or world.homes:
        wait_until(lambda: public_place(world, name) in world.published(name), f"DNS says where {name} is")


def prepare(world, resolver="unbound"):
    world.home("alice", "cone")
    world.home("bob", "cone")
    world.start_dns((resolver,))
    world.use_resolver(resolver)
    point = Point(world)
    world.wireguard(host=point)
    return point


def main_job(world, resolver):
    point = prepare(world, resolver)
    process = point.start()
    for name in world.homes:
        world.devices[name].wait_for_handshake(point.public_key)
    wait_until_published(world)
    check(world.host.output("ip", "-br", "link").find("wg") < 0, "the host has a WireGuard interface")
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"])
    print(f"{resolver:8} first direct reply after {pings.wait_for_reply() - started:.2f} s")
    check(process.stop() == 0, "SIGTERM did not end it cleanly")


def preshared_key(world):
    world.home("alice", "cone")
    point = Point(world)
    world.wireguard(host=point)
    psk = wg("genpsk")
    psk_file = RUN / "psk"
    psk_file.write_text(psk)
    alice = world.devices["alice"]
    point.peers_file.write_text("")
    point.add_peer(alice.public_key, f"{TUNNEL['alice']}/32", psk)
    point.start()
    alice.set("peer", point.public_key, "preshared-key", psk_file, "persistent-keepalive", 0)
    alice.set("peer", point.public_key, "persistent-keepalive", 1)
    alice.wait_for_handshake(point.public_key)
    wait_until_published(world)
    print("with a preshared key: seen")


def on_machine(options):
    parts = [
        lambda world: main_job(world, "unbound"),
        lambda world: main_job(world, "bind"),
        preshared_key,
    ]
    for part in parts:
        code = lab.in_laboratory(options, part)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
