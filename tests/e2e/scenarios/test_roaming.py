#!/usr/bin/python3
"""roaming: an endpoint that WireGuard has learned by itself is left alone, although DNS says otherwise.

Bob's NAT is symmetric: the host sees one port of his, alice another. The receiver counts 300 pings, 5 per second.
"""

from lab import lab
from lab.addresses import TUNNEL
from lab.checks import check, wait_until
from lab.node import Pings

COUNT = 300


def scenario(world):
    world.prepare(alice="none", bob="symmetric")
    world.start_updaters()
    world.wait_for_direct_handshake(timeout=120)
    alice, bob = world.devices["alice"], world.devices["bob"]
    learned = alice.peer(bob.public_key).endpoint
    published = world.published("bob")
    check(learned not in published, f"bob's endpoint {learned} is the published one, nothing to show")
    print(f"alice has learned {learned}, DNS says {published[0]}")

    world.homes["bob"].node.count("requests", f"iifname wg-bob ip saddr {TUNNEL['alice']} ip length 84 icmp type echo-request")
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"], count=COUNT)
    seen = set()
    wait_until(
        lambda: seen.add(alice.peer(bob.public_key).endpoint) or not pings.process.is_running(),
        f"{COUNT} pings", timeout=2 * COUNT / 5, interval=0.5,
    )  # fmt: skip
    received = world.homes["bob"].node.counted("requests")
    print(f"{received} of {COUNT} received; {pings.stop()}")
    check(received == COUNT, f"bob received {received} of {COUNT}")
    check(len(pings.replies()) == COUNT, f"alice received {len(pings.replies())} replies of {COUNT}")
    check(seen == {learned}, f"bob's endpoint at alice was {seen}, not always {learned}")


if __name__ == "__main__":
    lab.main(scenario)
