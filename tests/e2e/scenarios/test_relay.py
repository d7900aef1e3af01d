#!/usr/bin/python3
"""relay: the observation point passes packets on between peers that have no direct way.

Alice and bob are behind symmetric NATs, and each has the point as endpoint of the other, as a phone would. They reach each
other, and go on doing so when wg-dnsd starts again, after a clean stop and after a kill. `relay=` in the public TXT names
the point.
"""

import json
import time

from lab import dns_client
from lab import lab
from lab.addresses import HOST, TUNNEL
from lab.checks import check
from lab.node import Pings
from lab.point import Point
from lab.wireguard import base32_of

RATE = 10  # pings per second
SILENCE = 1.0  # seconds without a reply over a restart, judged with --full


def status_of(point):
    return json.loads(point.ask("status", "--json"))["points"][0]["relay"]


def relayed(point, sender, receiver):
    """Packets from one peer to another."""
    pairs = point.report(sender.public_key).get("relayed_to", [])
    return next((pair["packets"] for pair in pairs if pair["public_key"] == receiver.public_key), 0)


def longest_silence(pings, since):
    replies = [since, *[when for when in pings.replies() if when > since]]
    return max(later - earlier for earlier, later in zip(replies, replies[1:]))


def restart(world, point, process, pings, how):
    """wg-dnsd stops, or is killed, and starts again under the pings. The new process."""
    pings.wait_for_reply(after=time.time())
    time.sleep(1.1)  # not a wait for an event: what was confirmed more than a second ago survives
    before = time.time()
    if how == "killed":
        process.kill()
    else:
        process.stop()
    stopped = time.time()
    process = point.start(name=f"wg-dnsd-{how}")
    started = time.time()
    pings.wait_for_reply(after=started)
    pings.wait_for_reply(after=time.time() + 1)
    silence = longest_silence(pings, before)
    print(f"{how}: {silence:.2f} s of silence; {stopped - before:.2f} s to stop, {started - stopped:.2f} s to answer")
    if world.full:
        check(silence <= SILENCE, f"{silence:.2f} s of silence when wg-dnsd was {how}")
    return process


def symmetric_pair(world):
    for name in ("alice", "bob"):
        world.home(name, "symmetric")
    point = Point(world)
    world.wireguard(host=point)
    process = point.start()
    alice, bob = world.devices["alice"], world.devices["bob"]
    for device in (alice, bob):
        point.wait_for_handshake(device.public_key)
    for device, other in ((alice, bob), (bob, alice)):
        device.set("peer", other.public_key, "endpoint", point.endpoint)
    began = time.time()
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"], rate=RATE)
    print(f"first reply after {pings.wait_for_reply() - began:.2f} s")
    check(relayed(point, alice, bob) > 0 and relayed(point, bob, alice) > 0, "the pair is not among the relayed ones")
    check(status_of(point)["pairs"] == 1, f"status: {status_of(point)}")
    check(alice.endpoint_of(bob.public_key) == point.endpoint, "alice has left the relay")

    process = restart(world, point, process, pings, "stopped")
    process = restart(world, point, process, pings, "killed")
    check(bob.endpoint_of(alice.public_key) == point.endpoint, "bob has left the relay")
    print(pings.stop())

    reply = dns_client.ask(world.internet, HOST, world.service_name("bob"), "TXT")
    strings = [text.decode() for rrset in reply.answer for record in rrset for text in record.strings]
    check(f"relay={base32_of(point.public_key)}" in strings, f"bob's TXT: {strings}")
    process.stop()


if __name__ == "__main__":
    lab.main(symmetric_pair)
