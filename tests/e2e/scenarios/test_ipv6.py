#!/usr/bin/python3
"""ipv6: first contact of IPv6-only peers through stateful firewalls; answers with both families if both are known."""

import ipaddress

from lab import dns_client
from lab import lab
from lab.addresses import HOST, HOST6, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.node import Pings

LIMIT = 3.0  # seconds, judged with --full


def ipv6_only(world):
    world.prepare(families=(6,))
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    seconds = Pings(world.homes["alice"].node, TUNNEL["bob"]).wait_for_reply() - started
    endpoint = world.devices["alice"].peer(world.devices["bob"].public_key).endpoint
    expected = f"[{world.homes['bob'].addresses[0]}]:{WIREGUARD_PORT}"
    check(endpoint == expected, f"alice reaches bob at {endpoint}, not {expected}")
    print(f"IPv6 only, through firewalls: first direct reply after {seconds:.2f} s")
    if world.full:
        check(seconds <= LIMIT, f"{seconds:.2f} s, more than {LIMIT}")


def both_families(world):
    """The host has two interfaces; alice talks to one over IPv4 and to the other over IPv6."""
    home = world.home("alice", "cone")
    world.wireguard()
    world.see_over_ipv6_too("alice")
    world.start_dnsd("--interface", "wg-host6")

    inside = ipaddress.IPv6Address(home.addresses[1])
    name4, name6 = home.public.replace(".", "-"), inside.packed.hex()
    below = f"{world.label('alice')}.{ZONE}."
    srv = [(0, f"{name6}.{below}", WIREGUARD_PORT), (10, f"{name4}.{below}", home.mapped_port)]
    additional = [f"{name6}.{below} AAAA {inside}", f"{name4}.{below} A {home.public}"]

    def answer():
        return dns_client.ask(world.internet, HOST, world.service_name("alice"), "SRV")

    wait_until(lambda: dns_client.srv_endpoints(answer()) == srv, "the answer has both families, IPv6 first")
    got = [dns_client.records([rrset])[0] for rrset in answer().additional]
    check(got == additional, f"additional section {got}, not {additional}")
    for kind, address in (("A", home.public), ("AAAA", str(inside))):
        got = dns_client.records(dns_client.ask(world.internet, HOST6, below, kind).answer)
        check(got == [f"{below} {kind} {address}"], f"{below} {kind}: {got}")
    print(f"both families: {name6} before {name4}, and their addresses in the same order")


if __name__ == "__main__":
    lab.main(ipv6_only, both_families)
