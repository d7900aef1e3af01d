#!/usr/bin/python3
"""rebinding: a NAT gives another port, then another address; traffic flows again by itself.

First that of alice, who asks, then that of bob, who only answers. At last alice's own address changes behind her NAT:
her updater sees that by itself, and sets the host's endpoint again.

The seconds of silence are those between the last reply before and the first reply after, at 5 pings per second.
"""

import itertools
import time

import lab
from addresses import HOST, TUNNEL, WIREGUARD_PORT
from checks import check, wait_until
from node import Pings

OTHER_ADDRESS = {"alice": "198.51.100.101", "bob": "198.51.100.102"}
OWN_ADDRESS = "192.168.1.3"
TIMEOUT = 180
ESTABLISHED = 50  # replies before each change: the sessions are as they are in daily use


def scenario(world):
    world.prepare()
    world.start_updaters()
    world.wait_for_direct_handshake()
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"])
    world.homes["bob"].node.count("requests", f"iifname wg-bob ip saddr {TUNNEL['alice']} icmp type echo-request")

    for name, event in itertools.product(world.homes, ("another port", "another address")):
        home = world.homes[name]
        far = world.devices["bob" if name == "alice" else "alice"]
        established = len(pings.replies()) + ESTABLISHED
        wait_until(lambda: len(pings.replies()) >= established, f"{event}: traffic before")
        received = world.homes["bob"].node.counted("requests")
        if event == "another port":
            home.forget_mappings()
        else:
            home.renumber(OTHER_ADDRESS[name])
        after = pings.wait_for_reply(after=time.time(), timeout=TIMEOUT)
        last = max(when for when in pings.replies() if when < after)
        expected = f"{home.public}:{home.mapped_port}"
        endpoint = far.peer(world.devices[name].public_key).endpoint
        check(endpoint == expected, f"{name}, {event}: reached at {endpoint}, not {expected}")
        check(world.homes["bob"].node.counted("requests") > received, f"{event}: bob received nothing")
        print(f"{name}, {event}: silent for {after - last:.1f} s")
        world.wait_until_published(name)
    readdress(world, pings)
    print(pings.stop())


def readdress(world, pings):
    home, host = world.homes["alice"], world.devices["host"]
    old = home.addresses[0]
    seen = host.peer(world.devices["alice"].public_key).received
    home.node.add_address("lan", OWN_ADDRESS)
    world.route(home.box, "lan", OWN_ADDRESS)
    home.node.ip("address", "del", old, "dev", "lan")
    home.forget_mappings()  # the old address still held the outside port
    log = world.updaters["alice"]
    log.wait_for_line("addresses or routes of this host changed")
    log.wait_for_line(f"endpoint {HOST}:{WIREGUARD_PORT}, kick")
    wait_until(lambda: host.peer(world.devices["alice"].public_key).received > seen, "the host hears alice")
    after = pings.wait_for_reply(after=time.time(), timeout=TIMEOUT)
    last = max(when for when in pings.replies() if when < after)
    print(f"alice, another address of her own: silent for {after - last:.1f} s")


if __name__ == "__main__":
    lab.main(scenario)
