#!/usr/bin/python3
"""ipv6: first contact of IPv6-only peers through stateful firewalls; the answer states both families where both are known."""

import ipaddress

import dns_client
import lab

SECOND_PORT = 51821
LIMIT = 3.0  # seconds, judged with --full


def ipv6_only(world):
    world.prepare(families=(6,))
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    seconds = lab.Pings(world.homes["alice"].node, lab.TUNNEL["bob"]).wait_for_reply() - started
    endpoint = world.devices["alice"].peer(world.devices["bob"].public_key).endpoint
    expected = f"[{world.homes['bob'].addresses[0]}]:{lab.WIREGUARD_PORT}"
    lab.check(endpoint == expected, f"alice reaches bob at {endpoint}, not {expected}")
    print(f"IPv6 only, through firewalls: first direct reply after {seconds:.2f} s")
    if world.full:
        lab.check(seconds <= LIMIT, f"{seconds:.2f} s, more than {LIMIT}")


def both_families(world):
    """The host has two interfaces; alice talks to one over IPv4 and to the other over IPv6."""
    home = world.home("alice", "cone")
    world.wireguard()
    alice = world.devices["alice"]
    second = lab.WireGuard(
        world.host, "wg-host6", lab.generate_private_keys(1)[0], port=SECOND_PORT, addresses=["10.77.1.1/32"]
    )
    second.add_peer(alice.public_key, "10.77.1.2/32")
    alice.add_peer(second.public_key, "10.77.1.1/32", f"[{lab.HOST6}]:{SECOND_PORT}", lab.KEEPALIVE)
    world.start_dnsd("--interface", "wg-host6")

    inside = ipaddress.IPv6Address(home.addresses[1])
    name4, name6 = home.public.replace(".", "-"), inside.packed.hex()
    below = f"{world.label('alice')}.{lab.ZONE}."
    srv = [(0, f"{name6}.{below}", lab.WIREGUARD_PORT), (10, f"{name4}.{below}", home.mapped_port)]
    additional = [f"{name6}.{below} AAAA {inside}", f"{name4}.{below} A {home.public}"]

    def answer():
        return dns_client.ask(world.internet, lab.HOST, world.service_name("alice"), "SRV")

    lab.wait_until(lambda: dns_client.srv_endpoints(answer()) == srv, "the answer has both families, IPv6 first")
    got = [dns_client.records([rrset])[0] for rrset in answer().additional]
    lab.check(got == additional, f"additional section {got}, not {additional}")
    for kind, address in (("A", home.public), ("AAAA", str(inside))):
        got = dns_client.records(dns_client.ask(world.internet, lab.HOST6, below, kind).answer)
        lab.check(got == [f"{below} {kind} {address}"], f"{below} {kind}: {got}")
    print(f"both families: {name6} before {name4}, and their addresses in the same order")


def on_machine(options):
    return lab.in_laboratory(options, ipv6_only) or lab.in_laboratory(options, both_families)


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
