#!/usr/bin/python3
"""resolvers: stock resolvers, with default and with their strictest settings, find everything below a real delegation.

Root, parent and delegation are as a user would have them: all signed down to the parent, and validated. Each resolver
is asked for all forms of a peer that was seen over both families, for names without data, and for names that no peer
has; first for those whose absence a resolver could take for the absence of the names below them; and for the longest
list of peers, which comes over TCP. `resolvectl service` finds the peer as a service.
"""

import base64
import ipaddress

import dns.flags
import dns.rcode
import dns.rdatatype

from lab import dns_client
from lab import lab
from lab.addresses import ORDINARY, PARENT, RESOLVERS, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.resolvers import Resolved, start_resolver
from lab.wireguard import base32_of

SETTINGS = ("default", "strict")
# Seconds for which a resolver may remember a peer's endpoint: the TTL, or its own minimum (doc/troubleshooting.md).
LONGEST_TTL = {"kresd": 5}
NODATA, NXDOMAIN = "NODATA", "NXDOMAIN"

def key_of(number):
    return base64.b64encode(bytes([number] * 32)).decode()


# Registered and never seen; not registered; at fixed addresses.
SILENT, NOBODY = key_of(255), key_of(254)
FIXED = [key_of(number) for number in range(1, 98)]  # with alice and the host's two, as many as a list may have


def peer_forms(label):
    """The owner names of a peer's SRV and TXT records."""
    return f"_wireguard._udp.{label}", f"{label}._wireguard._udp", f"{label}====._wireguard._udp"


def expected_answers(world, own_keys):
    """(owner below the zone, type, the data or why there is none), in the order of asking. `own_keys`: the host's."""
    key, silent, nobody = world.label("alice"), base32_of(SILENT), base32_of(NOBODY)
    home = world.homes["alice"]
    address, address6 = home.public, str(ipaddress.IPv6Address(home.addresses[1]))
    target = f"{address.replace('.', '-')}.{key}"
    target6 = f"{ipaddress.IPv6Address(address6).packed.hex()}.{key}"
    srv = [f"0 0 {WIREGUARD_PORT} {target6}.{ZONE}.", f"10 0 {home.mapped_port} {target}.{ZONE}."]
    listed = sorted(f"{label}._wireguard._udp.{ZONE}." for label in [key, *map(base32_of, (*own_keys, *FIXED))])
    rows = [("_udp", "TXT", NODATA), (f"_udp.{key}", "TXT", NODATA), (f"_udp.{silent}", "A", NODATA)]
    for owner in (nobody, *peer_forms(nobody), f"203-0-113-1.{key}", f"203-0-113-1.{silent}", f"_tcp.{key}"):
        rows += [(owner, kind, NXDOMAIN) for kind in ("SRV", "A", "AAAA", "TXT")]
    rows += [(f"_wireguard._udp.{key}", "A", NODATA), (target, "AAAA", NODATA), (target6, "A", NODATA)]
    rows += [(key, kind, NODATA) for kind in ("SRV", "TXT", "MX", "HTTPS")]
    rows += [(owner, kind, NODATA) for owner in peer_forms(silent) for kind in ("SRV", "A")]
    rows += [(owner, "TXT", [f'"txtvers=1" "pub={SILENT}"']) for owner in peer_forms(silent)]
    for owner in peer_forms(key):
        rows += [(owner, "SRV", srv), (owner, "TXT", [f'"txtvers=1" "pub={world.devices["alice"].public_key}"'])]
    for owner in (key, *peer_forms(key)[1:]):
        rows += [(owner, "A", [address]), (owner, "AAAA", [address6])]
    rows += [(target, "A", [address]), (target6, "AAAA", [address6])]
    rows += [("_wireguard._udp", "TXT", ['"txtvers=1"']), ("_wireguard._udp", "PTR", listed)]
    rows += [("", "NS", [f"ns1.{ZONE}."]), ("ns1", "MX", NODATA)]
    return rows + [(owner.upper(), kind, data) for owner, kind, data in rows]


def is_refused(resolver, settings, owner, kind):
    """With `check-names response fail` BIND refuses addresses of names that are no host names, such as those of
    services. SRV records and their targets work without them."""
    return (resolver, settings) == ("bind", "strict") and kind in ("A", "AAAA") and "_" in owner


def answer_of(reply, name, kind):
    """The meaning of a resolver's reply: the data, or why there is none."""
    wanted = dns.rdatatype.from_text(kind)
    found = [rrset for rrset in reply.answer if rrset.rdtype == wanted and rrset.name == reply.question[0].name]
    if reply.rcode() != 0:
        return dns.rcode.to_text(reply.rcode())
    texts = [data.to_text() for rrset in found for data in rrset]
    if kind == "PTR":
        texts = [text.lower() for text in texts]  # compressed towards the question, whose case is the asker's
    return sorted(texts) or NODATA


def check_answers(client, rows, resolver, settings):
    validated = bool(client.ask(PARENT, "SOA", recursive=True).flags & dns.flags.AD)
    expected = settings == "strict" or resolver not in ("dnsmasq", "resolved")
    check(validated == expected, f"{resolver}, {settings}: it does {'' if validated else 'not '}validate {PARENT}")
    for owner, kind, expected in rows:
        name = f"{owner}.{ZONE}".lstrip(".")
        reply = client.ask(name, kind, recursive=True)
        got = answer_of(reply, name, kind)
        if is_refused(resolver, settings, owner, kind):
            expected = "REFUSED"
        check(got == expected, f"{resolver}, {settings}: {name} {kind}: {got}, not {expected}")
        for rrset in reply.answer:
            limit = 300 if owner == "" else LONGEST_TTL.get(resolver, 1)
            check(rrset.ttl <= limit, f"{resolver}, {settings}: {name} {kind}: TTL {rrset.ttl}, more than {limit}")
    print(f"{resolver:8} {settings:8} {len(rows)} answers right")


def check_services(world, resolved, settings):
    """Each way to write the peer as a service gives `resolvectl` its ports, addresses and texts."""
    key, home = world.label("alice"), world.homes["alice"]
    expected = [home.public, home.addresses[1], f":{home.mapped_port} ", f":{WIREGUARD_PORT} ", "txtvers=1", "pub="]
    ways = [(key, "_wireguard._udp", ZONE), (f"{key}====", "_wireguard._udp", ZONE)]
    ways += [(f"{owner}.{ZONE}",) for owner in peer_forms(key)[:2]] + [("_wireguard._udp", f"{key}.{ZONE}")]
    for way in ways:
        printed = resolved.resolvectl("service", *way)
        missing = [word for word in expected if word not in printed]
        check(not missing, f"resolvectl service {' '.join(way)}, {settings}: no {missing} in:\n{printed}")
    print(f"resolved {settings:8} {len(ways)} ways to write the service right")


def scenario(world):
    home = world.home("alice", "cone", public=ORDINARY)
    world.start_dns(resolvers=(), signed=True)
    world.wireguard()
    second = world.see_over_ipv6_too("alice")
    peers = RUN / "peers.conf"
    peers.write_text(f"[Peer]\nPublicKey = {SILENT}\n")
    with peers.open("a") as file:
        for number, key in enumerate(FIXED):
            file.write(f"[Peer]\nPublicKey = {key}\nEndpoint = 45.0.2.{number}:{WIREGUARD_PORT}\n")
    world.start_dnsd("--interface", "wg-host6", "--peers", peers, "--public", "list")
    wait_until(lambda: len(world.published("alice")) == 2, "alice is published with both families")
    rows = expected_answers(world, [world.devices["host"].public_key, second.public_key])
    for settings in SETTINGS:
        processes = []
        for name, (address, _) in RESOLVERS.items():
            processes.append(start_resolver(world.dns, name, settings, world.trust_anchor))
            check_answers(dns_client.Client(home.node, address), rows, name, settings)
        resolved = Resolved(home.node, "lan", settings, "unbound", world.trust_anchor)
        check_answers(dns_client.Client(home.node, "127.0.0.53"), rows, "resolved", settings)
        check_services(world, resolved, settings)
        resolved.stop()
        for process in processes:
            process.stop()


if __name__ == "__main__":
    lab.main(scenario)
