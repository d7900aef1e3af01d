"""Real authoritative servers, run from build/servers: NSD for the root and its zones."""

import pathlib

from lab.addresses import (
    HOST,
    HOST6,
    ORG_SERVER,
    ORG_SERVER6,
    PARENT,
    PARENT_SERVER,
    PARENT_SERVER6,
    ROOT_SERVER,
    ROOT_SERVER6,
    ZONE,
)
from lab.checks import wait_until
from lab.containment import RUN

SERVERS = pathlib.Path(__file__).resolve().parents[3] / "build/servers"


def start_nsd(node, name, zones, addresses, port=53, more=""):
    """NSD serving zones (name → text) on these addresses of the node. \\param more lines of its section `server`."""
    folder = RUN / f"nsd-{name}"
    folder.mkdir()
    text = "server:\n" + "".join(f"  ip-address: {address}@{port}\n" for address in addresses)
    text += (
        f'  server-count: 1\n  username: ""\n  chroot: ""\n  database: ""\n  zonesdir: "{folder}"\n'
        f'  pidfile: ""\n  xfrdfile: "{folder}/xfrd"\n  zonelistfile: "{folder}/list"\n  xfrdir: "{folder}"\n'
        f'  verbosity: 1\n  rrl-ratelimit: 0\n{more}remote-control:\n  control-enable: no\n'
    )
    for number, (zone, records) in enumerate(zones.items()):
        (folder / f"{number}.zone").write_text(records)
        text += f'zone:\n  name: "{zone}"\n  zonefile: "{number}.zone"\n'
    (folder / "nsd.conf").write_text(text)
    process = node.start(SERVERS / "usr/sbin/nsd", "-d", "-c", folder / "nsd.conf", name=f"nsd-{name}")
    wait_for_answer(node, addresses[0], next(iter(zones)), "SOA", port)
    return process


def sign_zone(node, zone, records):
    """Signs the zone. Returns it with a key, signatures (NSEC) and the DS of the zones below it that were signed
    before; and its own DS, as `tag algorithm type digest`."""
    folder = RUN / "keys"
    folder.mkdir(exist_ok=True)
    (folder / "zone").write_text(records)
    node.run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", folder, zone)
    words = ["-S", "-z", "-g", "-P", "-K", folder, "-d", folder, "-o", zone, "-f", folder / "signed"]
    node.run("dnssec-signzone", *words, folder / "zone")
    tag, algorithm, kind, *digest = (folder / f"dsset-{zone.rstrip('.')}.").read_text().split("DS", 1)[1].split()
    return (folder / "signed").read_text(), f"{tag} {algorithm} {kind} {''.join(digest)}"


def wait_for_answer(node, server, name, kind, port=53):
    question = ("dig", "+short", "+tries=1", "+time=1", f"@{server}", "-p", port, name, kind)
    wait_until(lambda: is_answer(node.output(*question, check=False)), f"{server} answers {name} {kind}")


def is_answer(text):
    """Whether `dig +short` printed an answer and not an error."""
    return bool(text) and not text.startswith(";")


# ---- zones

SOA = "IN SOA ns.nic.example. hostmaster.nic.example. 1 3600 600 86400 60"

ROOT_ZONE = f"""$TTL 3600
. {SOA}
. IN NS a.root-servers.example.
a.root-servers.example. IN A {ROOT_SERVER}
a.root-servers.example. IN AAAA {ROOT_SERVER6}
org. IN NS ns.nic.org.
ns.nic.org. IN A {ORG_SERVER}
ns.nic.org. IN AAAA {ORG_SERVER6}
"""

ORG_ZONE = f"""$TTL 3600
org. {SOA}
org. IN NS ns.nic.org.
ns.nic.org. IN A {ORG_SERVER}
ns.nic.org. IN AAAA {ORG_SERVER6}
example.org. IN NS ns.example.org.
ns.example.org. IN A {PARENT_SERVER}
ns.example.org. IN AAAA {PARENT_SERVER6}
"""

PARENT_ZONE = f"""$TTL 3600
{PARENT}. {SOA}
{PARENT}. IN NS ns.{PARENT}.
ns.{PARENT}. IN A {PARENT_SERVER}
ns.{PARENT}. IN AAAA {PARENT_SERVER6}
"""

# Everything that a user adds to an existing zone.
DELEGATION = f"""{ZONE}. IN NS ns1.{ZONE}.
ns1.{ZONE}. IN A {HOST}
ns1.{ZONE}. IN AAAA {HOST6}
"""
