#!/usr/bin/python3
"""rebinding: alice's NAT gives her another port, then another address; traffic flows again by itself.

The seconds of silence are those between the last reply before and the first reply after, at 5 pings per second.
"""

import time

import lab
from addresses import TUNNEL
from checks import check, wait_until
from node import Pings

OTHER_ADDRESS = "198.51.100.101"
TIMEOUT = 180
ESTABLISHED = 50  # replies before each change: the sessions are as they are in daily use


def scenario(world):
    world.prepare()
    world.start_updaters()
    world.wait_for_direct_handshake()
    home = world.homes["alice"]
    pings = Pings(home.node, TUNNEL["bob"])
    world.homes["bob"].node.count("requests", f"iifname wg-bob ip saddr {TUNNEL['alice']} icmp type echo-request")

    for event, change in (
        ("another port", home.forget_mappings),
        ("another address", lambda: home.renumber(OTHER_ADDRESS)),
    ):
        established = len(pings.replies()) + ESTABLISHED
        wait_until(lambda: len(pings.replies()) >= established, f"{event}: traffic before")
        received = world.homes["bob"].node.counted("requests")
        change()
        after = pings.wait_for_reply(after=time.time(), timeout=TIMEOUT)
        last = max(when for when in pings.replies() if when < after)
        expected = f"{home.public}:{home.mapped_port}"
        endpoint = world.devices["bob"].peer(world.devices["alice"].public_key).endpoint
        check(endpoint == expected, f"{event}: bob reaches alice at {endpoint}, not {expected}")
        check(world.homes["bob"].node.counted("requests") > received, f"{event}: bob received nothing")
        print(f"{event}: silent for {after - last:.1f} s")
        world.wait_until_published("alice")
    print(pings.stop())


if __name__ == "__main__":
    lab.main(scenario)
