#!/usr/bin/python3
"""new_peer: from `wg-dnsd peer new` to `ping bob.tunnel.ZONE`, with stock clients and what is printed alone.

Bob and a phone get their whole files from the public host, the phone's with every other peer. Bob's device gets the
phone as a peer by hand, as the notes above the file say. Both are behind symmetric NATs: the relay passes them on.
"""

import re

from lab import lab
from lab.addresses import TUNNEL, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.node import Pings
from lab.point import Point
from lab.wireguard import WireGuard, public_key_of

RANGE = "10.77.0.0/24"


def device_of(world, name, text):
    """A device as wg-quick makes it of a file."""
    node = world.homes[name].node
    private_key = re.search(r"^PrivateKey = (\S+)$", text, re.M)[1]
    addresses = re.search(r"^Address = (.*)$", text, re.M)[1].split(", ")
    device = WireGuard(node, f"wg-{name}", private_key, addresses=addresses)
    add_peers(device, text[text.index("[Peer]") :])
    return device


def add_peers(device, sections):
    path = RUN / f"{device.name}.sections"
    path.write_text(sections)
    device.node.run("wg", "addconf", device.name, path)
    for prefixes in re.findall(r"^AllowedIPs = (.*)$", sections, re.M):
        for prefix in prefixes.split(", "):
            device.node.ip("route", "replace", prefix, "dev", device.name)


def scenario(world):
    for name in ("bob", "phone"):
        world.home(name, "symmetric")
    point = Point(world)
    point.start("--address-range", RANGE)
    point.public_key = point.ask("pubkey").split()[0]
    bob = device_of(world, "bob", point.ask("peer", "new", "bob"))
    bob.wait_for_handshake(point.public_key)
    made = point.ask("peer", "new", "phone", "--full")
    print(re.sub(r"(?m)^PrivateKey = .*$", "PrivateKey = (left out)", made))
    phone = device_of(world, "phone", made)
    phone.wait_for_handshake(point.public_key)

    def inside(name):
        words = ("dig", f"@{TUNNEL['host']}", "+short", "+time=2", "+tries=1", f"{name}.tunnel.{ZONE}", "A")
        return phone.node.run(*words, check=False).stdout.strip()

    place = wait_until(lambda: inside("bob"), "the phone finds bob.tunnel")
    hub = f"Endpoint = {phone.endpoint_of(point.public_key)}"
    own = f"[Peer]\nPublicKey = {public_key_of(phone.private_key)}\n{hub}\nAllowedIPs = {inside('phone')}/32\n"
    add_peers(bob, own)
    Pings(phone.node, place).wait_for_reply()
    check(phone.endpoint_of(bob.public_key) == phone.endpoint_of(point.public_key), "the way is not the relay's")
    print(f"ping bob.tunnel.{ZONE}: {place} answers, through the public host")


if __name__ == "__main__":
    lab.main(scenario)
