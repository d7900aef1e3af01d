#!/usr/bin/python3
"""views: each listener answers as any stock server with that view's zone file.

First every row of the naming table (doc/protocol.md §1.1), present and absent in each view. Then, for each view, the
same questions to wg-dnsd and to NSD loaded with `wg-dnsd zone [--public]`: all owner names, all empty non-terminals and
names that no peer has, times all types. The checkers of BIND, Knot and ldns accept both files.
"""

import base64
import ipaddress

import dns.name
import dns.rdatatype
import dns.zone

from lab import dns_client
from lab import lab
from lab.addresses import HOST, HOST6, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check
from lab.containment import RUN
from lab.name_servers import start_nsd
from lab.wireguard import base32_of
from lab.zone_checkers import check_zone_file

NSD = {"public": "192.0.2.21", "private": "192.0.2.22"}

# Registered and never seen; at a fixed address; at a host name; not registered.
SILENT, FIXED, NAMED, NOBODY = (base64.b64encode(bytes([octet] * 32)).decode() for octet in range(1, 5))
FIXED_ENDPOINT = "203.0.113.99:4444"
NAMED_ENDPOINT = "home.example.net:5555"

# These are no types of records; or, like NSEC3, have no owner that can be asked for (NSD says so even at a CNAME).
NOT_ASKED = ("NONE", "OPT", "TKEY", "TSIG", "IXFR", "AXFR", "MAILB", "MAILA", "ANY", "NSEC3")
TYPES = [kind for kind in dns.rdatatype.RdataType if kind.name not in NOT_ASKED] + [65280]

STATIC_ZONE = f"""$ORIGIN {ZONE}.
$TTL 300
@ IN SOA ns1 hostmaster 1 3600 600 86400 1
@ IN NS ns1
ns1 IN A {HOST}
ns1 IN AAAA {HOST6}
@ IN TXT "static"
www IN A 203.0.113.80
deep.below IN TXT "an empty non-terminal above"
alias IN CNAME www
mail IN MX 10 www
*.wild IN TXT "from a wildcard"
"""


def peers_file(world):
    text = ""
    for number, (name, key, more) in enumerate((
        ("alice", world.devices["alice"].public_key, ""),
        ("silent", SILENT, ""),
        ("fixed", FIXED, f"Endpoint = {FIXED_ENDPOINT}"),
        ("named", NAMED, f"Endpoint = {NAMED_ENDPOINT}"),
    )):
        text += f"[Peer]\n# Name = {name}\nPublicKey = {key}\nAllowedIPs = 10.77.9.{number}/32\n{more}\n\n"
    path = RUN / "peers.conf"
    path.write_text(text)
    return path


def naming_table(world):
    """(owner below the zone, type, where, required part of the answer) of a peer that was seen at one IPv4 address."""
    home = world.homes["alice"]
    key = world.label("alice")
    address = home.public.replace(".", "-")
    srv = f"SRV 10 0 {home.mapped_port} {address}.{key}.{ZONE}."
    public_txt = f'TXT "txtvers=1" "pub={world.devices["alice"].public_key}"'
    host_a = f"A {home.public}"
    instance = f"{key}._wireguard._udp"
    rows = []
    for owner in (f"_wireguard._udp.{key}", instance, f"{key}====._wireguard._udp"):
        rows += [
            (owner, "SRV", "both", srv),
            (owner, "TXT", "both", public_txt),
            (owner, "TXT", "private", '"allowed='),
            (owner, "TXT", "private", '"since='),
        ]
    owners = (f"{address}.{key}", key, instance, f"{key}====._wireguard._udp")
    rows += [(owner, "A", "both", host_a) for owner in owners]
    # The host's own key, where its interface is reached.
    hub, places = world.label("host"), {"A": (HOST, 10), "AAAA": (HOST6, 0)}
    instance_of_hub = f"{hub}._wireguard._udp"
    for kind, (place, priority) in places.items():
        label = place.replace(".", "-") if kind == "A" else ipaddress.ip_address(place).packed.hex()
        for owner in (f"_wireguard._udp.{hub}", instance_of_hub, f"{hub}====._wireguard._udp"):
            rows.append((owner, "SRV", "both", f"SRV {priority} 0 {WIREGUARD_PORT} {label}.{hub}.{ZONE}."))
        rows += [(owner, kind, "both", f"{kind} {place}") for owner in (f"{label}.{hub}", hub, instance_of_hub)]
    rows += [
        (instance_of_hub, "TXT", "both", 'TXT "txtvers=1"'),
        (instance_of_hub, "TXT", "private", '"role=hub"'),
        ("_wireguard._udp", "PTR", "private", f"PTR {instance_of_hub}.{ZONE}."),
    ]
    rows += [
        ("_wireguard._udp", "TXT", "both", 'TXT "txtvers=1"'),
        ("_wireguard._udp", "PTR", "private", f"PTR {instance}.{ZONE}."),
        ("_services._dns-sd._udp", "PTR", "private", f"PTR _wireguard._udp.{ZONE}."),
        ("alice", "CNAME", "private", f"CNAME {key}.{ZONE}."),
        ("_wireguard._udp.alice", "CNAME", "private", f"CNAME _wireguard._udp.{key}.{ZONE}."),
        ("alice._wireguard._udp", "CNAME", "private", f"CNAME {instance}.{ZONE}."),
        ("alice.tunnel", "A", "private", "A 10.77.9.0"),
        ("", "SOA", "both", "SOA "),
        ("", "NS", "both", f"NS ns1.{ZONE}."),
        ("www", "A", "both", "A 203.0.113.80"),
        (f"_wireguard._udp.{world.label('host')}", "TXT", "private", '"role=hub"'),
    ]
    return rows


def check_naming_table(world, clients):
    for owner, kind, where, data in naming_table(world):
        name = f"{owner}.{ZONE}".lstrip(".")
        for view, client in clients.items():
            reply = client.ask(name, kind)
            text = "\n".join(dns_client.records(reply.answer))
            wanted = where in ("both", view)
            check((data in text) == wanted, f"{view} {name} {kind}: {'no ' if wanted else ''}{data} in: {text}")
    # Absent: a registered peer without endpoint has its TXT records and nothing else; an unknown key has nothing.
    silent, nobody = base32_of(SILENT), base32_of(NOBODY)
    for view, client in clients.items():
        for owner, kind, rcode, count in (
            (f"_wireguard._udp.{silent}", "SRV", 0, 0),
            (f"_wireguard._udp.{silent}", "TXT", 0, 1),
            (f"{silent}._wireguard._udp", "SRV", 0, 0),
            (f"{silent}====._wireguard._udp", "TXT", 0, 1),
            (silent, "A", 0, 0),
            (f"203-0-113-1.{silent}", "A", 3, 0),
            (f"_wireguard._udp.{nobody}", "SRV", 3, 0),
            (f"{nobody}._wireguard._udp", "TXT", 3, 0),
            (nobody, "A", 3, 0),
        ):
            reply = client.ask(f"{owner}.{ZONE}", kind)
            got = (reply.rcode(), len(dns_client.records(reply.answer)))
            check(got == (rcode, count), f"{view} {owner} {kind}: rcode and records {got}, not {(rcode, count)}")
    print(f"naming table: {len(naming_table(world))} rows right in both views")


def names_to_ask(zone_texts):
    """Every owner name of either view, all names between it and the zone, and names that no peer has."""
    apex = dns.name.from_text(ZONE)
    names = set()
    for text in zone_texts:
        for owner in dns.zone.from_text(text, origin=apex, relativize=False).nodes:
            while owner.is_subdomain(apex):
                names.add(owner)
                owner = owner.parent()
    absent = {dns.name.from_text(label, apex) for label in ("nobody", "x.www", "two.three.wild", "_tcp", "y.alias")}
    absent |= {dns.name.from_text("below", name) for name in names if len(name.to_text()) < 200}
    nobody = base32_of(NOBODY)
    for owner in (nobody, f"_wireguard._udp.{nobody}", f"{nobody}._wireguard._udp", f"{nobody}====._wireguard._udp"):
        absent.add(dns.name.from_text(owner, apex))
    # The same key with a spare bit set is not that key.
    for name in names:
        label = name.labels[0].decode()
        if len(label) == 52:
            absent.add(dns.name.from_text(label[:-1] + chr(ord(label[-1]) + 1), name.parent()))
    texts = {name.to_text() for name in names | absent}
    return sorted(texts | {name.to_text().upper() for name in names})


def without_courtesy(reply, kind, apex_ns):
    """Removes the records that NSD adds to positive answers and that a server may leave out, as wg-dnsd does: the
    zone's NS records and their addresses, and the addresses of targets of records other than SRV and NS."""
    if kind not in (dns.rdatatype.SRV, dns.rdatatype.NS):
        reply.additional = []
    if any(rrset in reply.authority for rrset in apex_ns):
        servers = {data.target for rrset in apex_ns for data in rrset}
        reply.authority = [rrset for rrset in reply.authority if rrset.rdtype != dns.rdatatype.NS]
        reply.additional = [rrset for rrset in reply.additional if rrset.name not in servers]
    return reply


def compare(view, ours, stock, names):
    apex_ns = stock.ask(ZONE, "NS").answer
    count = 0
    differences = []
    for name in names:
        for kind in TYPES:
            count += 1
            mine = dns_client.describe(ours.ask(name, kind))
            theirs = dns_client.describe(without_courtesy(stock.ask(name, kind), kind, apex_ns))
            if mine != theirs:
                differences.append(f"{name} {dns.rdatatype.to_text(kind)}\n  wg-dnsd {mine}\n  NSD     {theirs}")
    check(not differences, f"{view}: {len(differences)} of {count} answers differ:\n" + "\n".join(differences[:10]))
    print(f"{view}: {count} answers ({len(names)} names, {len(TYPES)} types) equal NSD's")


def scenario(world):
    world.home("alice", "cone")
    world.start_dns(resolvers=())
    world.wireguard()
    zone_file = RUN / "static.zone"
    zone_file.write_text(STATIC_ZONE)
    # One client asks as fast as it is answered.
    world.start_dnsd("--zone-file", zone_file, "--peers", peers_file(world), "--rate-limit", "0")
    world.wait_until_host_sees_all()
    world.wait_until_published()
    alice = world.homes["alice"].node
    clients = {
        "public": dns_client.Client(alice, HOST),
        "private": dns_client.Client(alice, TUNNEL["host"]),
    }
    check_naming_table(world, clients)

    texts = {}
    for view, words in (("public", ["--public"]), ("private", [])):
        texts[view] = world.host.output(world.program("wg-dnsd"), "zone", *words, "--control", lab.CONTROL)
        path = RUN / f"{view}.zone"
        path.write_text(texts[view])
        check_zone_file(world.host, path)
        world.add_public_addresses(world.dns, [NSD[view]])
        start_nsd(world.dns, view, {ZONE: texts[view]}, [NSD[view]])
    names = names_to_ask(texts.values())
    for view, client in clients.items():
        compare(view, client, dns_client.Client(alice, NSD[view]), names)


if __name__ == "__main__":
    lab.main(scenario)
