#!/usr/bin/python3
"""model: wireguard-go has a session when its model in the simulation says so.

Two devices on one cable with a delay; endpoints and kicks are set at random times. With --full 30 schedules, of which
27 must agree within half a second; otherwise three. test_relay_model does the same through the relay.
"""

import concurrent.futures
import math
import random

from lab import lab, uapi
from lab.checks import Failure, wait_until
from lab.node import Node
from lab.prediction import LIMIT, Course, tell
from lab.wireguard import WIREGUARD_PORT, WireGuard, generate_private_keys

SCHEDULES, AGREEING, AT_ONCE = 30, 27, 6


def make_schedule(seed):
    """The delay, and actions `(time, side, word)`."""
    chance = random.Random(seed)
    delay = chance.choice((0.0, 0.05, 0.1, 0.2))
    spread = chance.choice((0.3, 6))
    actions = []
    for side in (0, 1):
        begin = chance.uniform(0.5, 0.5 + spread)
        if chance.random() < 0.3:
            actions.append((chance.uniform(0, begin), side, "kick"))  # too early: there is no endpoint
        actions.append((begin, side, "endpoint"))
        actions.append((begin + chance.choice((0.0, 0.5)), side, "kick"))
        if chance.random() < 0.3:
            actions.append((begin + chance.uniform(1, 4), side, "kick"))
    return delay, actions


def cable(world, number, delay):
    """Two nodes on a cable with a delay, a device on each."""
    nodes = [Node(world, f"{side}{number}") for side in "ab"]
    world.join_slowly(nodes[0], "lan", nodes[1], "lan", delay)
    for node in nodes:
        node.ip("link", "set", "lan", "up")
    for node, own in zip(nodes, (1, 2)):
        node.ip("address", "add", f"192.0.2.{own}/24", "dev", "lan")
    nodes[0].run("ping", "-c", "1", "-W", "5", "192.0.2.2")  # so that both know each other's hardware address
    keys = generate_private_keys(2)
    devices = [WireGuard(node, f"wg-{node.name}", key) for node, key in zip(nodes, keys)]
    for side in (0, 1):
        devices[side].set("peer", devices[1 - side].public_key, "allowed-ips", "10.0.0.0/8")
    return devices


def perform(world, number):
    delay, actions = make_schedule(number)
    devices = cable(world, number, delay)
    course = Course(actions)
    for side, word in course:
        lines = {
            "endpoint": (f"endpoint=192.0.2.{2 - side}:{WIREGUARD_PORT}",),
            "kick": ("persistent_keepalive_interval=0", "persistent_keepalive_interval=25"),
        }[word]
        uapi.set_peer(devices[side].name, devices[1 - side].public_key, *lines)

    def handshakes():
        found = [uapi.peer(one.name, other.public_key).handshake for one, other in (devices, reversed(devices))]
        return all(found) and found

    try:
        measured = max(wait_until(handshakes, "a session", LIMIT, 0.05))
    except Failure:
        measured = math.inf  # initiations that cross can do so for minutes
    for device in devices:
        device.stop()
    return course.outcome(world, measured, f"{delay:.2f} s", "--delay", delay)


def scenario(world):
    numbers = range(SCHEDULES if world.full else 3)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = dict(zip(numbers, pool.map(lambda number: perform(world, number), numbers)))
    tell(outcomes, AGREEING if world.full else 0)


if __name__ == "__main__":
    lab.main(scenario)
