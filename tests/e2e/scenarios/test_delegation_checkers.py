#!/usr/bin/python3
"""delegation_checkers: zonemaster and dnsviz find nothing wrong with a zone of two name servers.

The parent zone has the records that `wg-dnsd --print-delegation` prints. Each name server has an IPv4 and an IPv6
address of its own. They are ordinary addresses, because checkers refuse those that are reserved for documentation.
"""

import collections
import ipaddress
import json
import shutil

from lab import lab
from lab.addresses import ZONE
from lab.checks import Skip, check
from lab.containment import RUN
from lab.resolvers import ROOT_HINTS

NAME_SERVERS = {f"ns1.{ZONE}": ("45.0.1.53", "2a0a:1::53"), f"ns2.{ZONE}": ("45.0.2.53", "2a0a:2::53")}

# These checks need the whole Internet's data, which the laboratory does not have.
ASN_LOOKUPS = {"ERROR_ASN_DATABASE", "EMPTY_ASN_SET"}

# The remarks of zonemaster (WARNING and NOTICE), and why each is accepted.
UNSIGNED = "the zone is not signed"
NO_MAIL = "nobody has mail in the zone; hostmaster is what a made SOA says, a zone file says what is wanted"
QUICK = "what peers need is quick: secondaries follow within minutes, `no such name` is remembered for a second"
REMARKS = {
    "NOT_SIGNED": UNSIGNED,
    "NEITHER_DNSKEY_NOR_DS": UNSIGNED,
    "RNAME_MAIL_DOMAIN_INVALID": NO_MAIL,
    "Z09_MISSING_MAIL_TARGET": NO_MAIL,
    "REFRESH_MINIMUM_VALUE_LOWER": QUICK,
    "RETRY_MINIMUM_VALUE_LOWER": QUICK,
    "SOA_DEFAULT_TTL_MAXIMUM_VALUE_LOWER": QUICK,
}
GRAVE = ("ERROR", "CRITICAL")
MODULES = {"ADDRESS", "BASIC", "CONNECTIVITY", "CONSISTENCY", "DELEGATION", "DNSSEC", "NAMESERVER", "SYNTAX", "ZONE"}


def check_with_zonemaster(node, hints):
    words = ["zonemaster-cli", "--hints", hints, "--json", "--no-progress", "--level", "DEBUG", ZONE]
    messages = json.loads(node.output(*words))
    ended = {message["module"]: 0 for message in messages}
    for message in messages:
        ended[message["module"]] += message["tag"] == "TEST_CASE_END"
    check(all(ended.get(module) for module in MODULES), f"zonemaster: test cases that ran to their end: {ended}")

    remarks = collections.Counter()
    for message in messages:
        level, tag = message["level"], message["tag"]
        text = f"zonemaster {level} {tag}: {message['args']}"
        check(level not in GRAVE or tag in ASN_LOOKUPS, text)
        check(level not in ("WARNING", "NOTICE") or tag in REMARKS or tag in ASN_LOOKUPS, text)
        if level in (*GRAVE, "WARNING", "NOTICE"):
            remarks[f"{level} {tag}"] += 1
    print(f"zonemaster: {sum(ended.values())} test cases, no error; expected: {', '.join(sorted(remarks))}")


def check_with_dnsviz(node, hints, names):
    """`dnsviz probe` asks all servers from the root on, and tries their EDNS; `dnsviz grok` judges the answers."""
    mount = f'mount --bind {hints} /usr/share/dns/root.hints && exec "$@"'  # dnsviz has no option for them
    probe, found = RUN / "dnsviz.probe", RUN / "dnsviz.grok"
    types = ["-R", "SOA,NS,A,AAAA,SRV,TXT,PTR,MX"]
    node.run("sh", "-c", mount, "sh", "dnsviz", "probe", "-A", "-E", "-a", ".", *types, "-o", probe, *names)
    asked = json.loads(probe.read_text())
    check(all(f"{name}." in asked for name in names), f"dnsviz probe: asked about {sorted(asked)}")
    # -P: the parents' servers have addresses that are reserved for documentation.
    node.run("dnsviz", "grok", "-P", "-l", "warning", "-r", probe, "-o", found)
    text = found.read_text()
    check(not text.strip() or json.loads(text) == {}, f"dnsviz: {text}")
    print(f"dnsviz: no error and no warning for {len(names)} names")


def reverse(address, name):
    return f"{ipaddress.ip_address(address).reverse_pointer}. IN PTR {name}.\n"


def scenario(world):
    for tool in ("zonemaster-cli", "dnsviz"):
        if not shutil.which(tool):
            raise Skip(f"needs {tool}: run scripts/install-packages optional")
    home = world.home("alice", "cone")
    name_servers, listen, in_root = [], [], ""
    for name, addresses in NAME_SERVERS.items():
        world.add_public_addresses(world.host, addresses)
        name_servers += ["--ns", f"{name}={','.join(addresses)}"]
        for address in addresses:
            listen += ["--listen", f"[{address}]" if ":" in address else address]
            in_root += reverse(address, name)
    delegation = world.host.output(world.program("wg-dnsd"), "--zone", ZONE, *name_servers, "--print-delegation")
    world.start_dns(("unbound",), delegation, in_root)
    world.use_resolver("unbound")
    world.wireguard()
    world.start_dnsd(*listen, name_servers=name_servers)
    world.wait_until_host_sees_all()
    world.wait_until_published()

    hints = RUN / "root.hints"
    hints.write_text(ROOT_HINTS)
    check_with_zonemaster(home.node, hints)
    key = world.label("alice")
    owners = ("", f"{key}.", f"_wireguard._udp.{key}.", f"{key}._wireguard._udp.", f"{key}====._wireguard._udp.")
    absent = (f"{'a' * 52}.", f"_wireguard._udp.{'a' * 52}.", "_udp.")
    check_with_dnsviz(home.node, hints, [f"{owner}{ZONE}" for owner in (*owners, *absent)])


if __name__ == "__main__":
    lab.main(scenario)
