#!/usr/bin/python3
"""model: wireguard-go has a session when its model in the simulation says so.

Two devices on one cable with a delay; endpoints and kicks are set at random times. With --full 30 schedules, of which
27 must agree within half a second; otherwise three.
"""

import base64
import math
import random
import socket
import subprocess
import threading
import time

from lab import lab
from lab.checks import Failure, check, wait_until
from lab.node import Node
from lab.wireguard import WIREGUARD_PORT, WireGuard, generate_private_keys

SCHEDULES, AGREEING, AT_ONCE = 30, 27, 6
TOLERANCE = 0.5  # seconds
LIMIT = 60


class Device:
    """wireguard-go, read and set over its socket, in milliseconds."""

    def __init__(self, node, name, key):
        self.wireguard = WireGuard(node, name, key)
        self.path = f"/var/run/wireguard/{name}.sock"

    def talk(self, text):
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(self.path)
            made.sendall(text.encode())
            received = b""
            while not received.endswith(b"\n\n"):
                piece = made.recv(65536)
                if not piece:
                    break
                received += piece
        check(b"errno=0" in received, f"{self.path}: {received.decode()}")
        return dict(line.split("=", 1) for line in received.decode().splitlines() if "=" in line)

    def set(self, key, *lines):
        self.talk("\n".join(["set=1", f"public_key={base64.b64decode(key).hex()}", *lines, "", ""]))

    def handshake(self):
        """The time of the latest handshake, seconds since 1970; 0: none."""
        shown = self.talk("get=1\n\n")
        return int(shown.get("last_handshake_time_sec", 0)) + int(shown.get("last_handshake_time_nsec", 0)) / 1e9


def make_schedule(seed):
    """The delay, and actions `(time, side, what)`."""
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
    return delay, sorted(actions)


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
    devices = [Device(node, f"wg-{node.name}", key) for node, key in zip(nodes, keys)]
    for side in (0, 1):
        devices[side].wireguard.set("peer", devices[1 - side].wireguard.public_key, "allowed-ips", "10.0.0.0/8")
    return devices


def perform(world, number, results):
    delay, actions = make_schedule(number)
    devices = cable(world, number, delay)
    start, done = time.time() + 0.2, []
    for when, side, what in actions:
        time.sleep(max(0.0, start + when - time.time()))
        lines = {
            "endpoint": (f"endpoint=192.0.2.{2 - side}:{WIREGUARD_PORT}",),
            "kick": ("persistent_keepalive_interval=0", "persistent_keepalive_interval=25"),
        }[what]
        done.append(f"{time.time() - start:.4f}:{side}:{what}")
        devices[side].set(devices[1 - side].wireguard.public_key, *lines)
    try:
        wait_until(lambda: all(device.handshake() for device in devices), "a session", LIMIT, 0.05)
        measured = max(device.handshake() for device in devices) - start
    except Failure:
        measured = math.inf  # initiations that cross can do so for minutes
    play = world.options.build_dir.resolve() / "tests/simulation/play"
    words = [play, "--delay", str(delay), "--limit", str(LIMIT), *done]
    predicted = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    results[number] = (measured, float(predicted) if predicted != "never" else math.inf, delay, done)
    for device in devices:
        device.wireguard.stop()


def scenario(world):
    count = SCHEDULES if world.full else 3
    results = {}
    for first in range(0, count, AT_ONCE):
        threads = [
            threading.Thread(target=perform, args=(world, number, results))
            for number in range(first, min(first + AT_ONCE, count))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    agreeing = 0
    for number, (measured, predicted, delay, done) in sorted(results.items()):
        agrees = measured == predicted or abs(measured - predicted) <= TOLERANCE
        agreeing += agrees
        verdict = "agrees" if agrees else f"differs: {' '.join(done)}"
        print(f"{number:2}  delay {delay:.2f} s  wireguard-go {measured:6.2f} s  model {predicted:6.2f} s  {verdict}")
    check(len(results) == count, f"{count - len(results)} schedules ended with an error")
    print(f"{agreeing} of {count} within {TOLERANCE} s")
    check(not world.full or agreeing >= AGREEING, f"{agreeing} of {count} agree, not {AGREEING}")


if __name__ == "__main__":
    lab.main(scenario)
