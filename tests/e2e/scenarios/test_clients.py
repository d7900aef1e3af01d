#!/usr/bin/python3
"""clients: common DNS clients get the right answers, through every stock resolver and directly.

dig, kdig, drill, host and nslookup; dnspython, node's dns module (c-ares) and glibc's getaddrinfo. They ask for a
peer's SRV in its three spellings, the address that it points to, the addresses of the peer's own names, and names
without an answer.
"""

import json
import shutil

from lab import lab
from lab.addresses import HOST, RESOLVERS, ZONE
from lab.checks import check
from lab.resolvers import Resolved, start_resolver

PYTHON = "/usr/bin/python3"
NOBODY = "a" * 52


# ---- tools that print; each gives the data of an answer, without trailing dots


def dig(node, server, name, kind):
    return node.output("dig", f"@{server}", "+short", name, kind).splitlines()


def kdig(node, server, name, kind):
    return node.output("kdig", f"@{server}", "+short", name, kind).splitlines()


def drill(node, server, name, kind):
    lines = node.output("drill", f"@{server}", name, kind).splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith(";")]
    return [row[-1] for row in rows if row[0].rstrip(".").lower() == name and kind in row]


def host(node, server, name, kind):
    words = {"A": "has address ", "AAAA": "has IPv6 address ", "SRV": "has SRV record "}[kind]
    lines = node.output("host", "-t", kind, name, server, check=False).splitlines()  # 1 for NXDOMAIN
    return [line.split(words)[1] for line in lines if words in line]


def nslookup(node, server, name, kind):
    words = {"A": "Address: ", "AAAA": "Address: ", "SRV": "service = "}[kind]
    lines = node.output("nslookup", f"-type={kind}", name, server, check=False).split("\n\n", 1)[1].splitlines()
    return [line.split(words)[1] for line in lines if words in line]


TOOLS = (dig, kdig, drill, host, nslookup)


# ---- libraries: one process asks everything, through /etc/resolv.conf, and prints a list of answers as JSON


DNSPYTHON = """
import json, sys
import dns.resolver
def answer(name, kind):
    try:
        return sorted(data.to_text() for data in dns.resolver.resolve(name, kind, search=False))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
print(json.dumps([answer(*question) for question in json.loads(sys.argv[1])]))
"""

NODE = """
const dns = require("dns");
dns.setServers([process.argv[2]]);
const text = (data) => data.name ? `${data.priority} ${data.weight} ${data.port} ${data.name}` : data;
const answer = ([name, kind]) => dns.promises.resolve(name, kind).then(
  (found) => found.map(text).sort(),
  (error) => { if (["ENODATA", "ENOTFOUND", "EBADNAME"].includes(error.code)) return []; throw error; });
Promise.all(JSON.parse(process.argv[1]).map(answer)).then((all) => console.log(JSON.stringify(all)));
"""

GETADDRINFO = """
import json, socket, sys
def answer(name, kind):
    family = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}[kind]
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, None, family, socket.SOCK_DGRAM)})
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NODATA, socket.EAI_NONAME):
            return []
        raise
print(json.dumps([answer(*question) for question in json.loads(sys.argv[1])]))
"""


def libraries():
    """name → (command, whether the library can ask a question)"""
    found = {
        "dnspython": ([PYTHON, "-c", DNSPYTHON], lambda owner, kind: True),
        # It can only ask for addresses of host names.
        "getaddrinfo": ([PYTHON, "-c", GETADDRINFO], lambda owner, kind: kind in ("A", "AAAA")),
    }
    if shutil.which("node"):
        found["node"] = (["node", "-e", NODE], lambda owner, kind: True)
    return found


def may_refuse(library, owner):
    """glibc accepts no answer about a name with `=`, and c-ares (except old versions) does not even ask: no host has
    such a name. The padded spelling is for clients of wgsd, which ask by other means. All clients can use both other
    spellings."""
    return library in ("getaddrinfo", "node") and "=" in owner


# ---- the scenario


def expected_answers(world):
    home, key = world.homes["alice"], world.label("alice")
    name, instance, padded = f"{key}.{ZONE}", f"{key}._wireguard._udp.{ZONE}", f"{key}====._wireguard._udp.{ZONE}"
    target = f"{home.public.replace('.', '-')}.{name}"
    srv = [f"10 0 {home.mapped_port} {target}"]
    expected = {(owner, "SRV"): srv for owner in (f"_wireguard._udp.{name}", instance, padded)}
    expected |= {(owner, "A"): [home.public] for owner in (name, instance, padded, target)}
    expected |= {(name, "AAAA"): [], (name, "SRV"): []}
    return expected | {(f"{NOBODY}.{ZONE}", "A"): [], (f"_wireguard._udp.{NOBODY}.{ZONE}", "SRV"): []}


def check_clients(node, way, server, expected):
    for tool in TOOLS:
        for (owner, kind), data in expected.items():
            got = [line.strip().rstrip(".").lower() for line in tool(node, server, owner, kind)]
            check(got == data, f"{tool.__name__} {way}: {owner} {kind}: {got}, not {data}")
    node.use_resolvers(server)
    found = libraries()
    for name, (command, is_for_it) in found.items():
        questions = [question for question in expected if is_for_it(*question)]
        answers = json.loads(node.output(*command, json.dumps(questions), server))
        for (owner, kind), answer in zip(questions, answers):
            got = [data.rstrip(".").lower() for data in answer]
            right = [expected[owner, kind], *([[]] if may_refuse(name, owner) else [])]
            check(got in right, f"{name} {way}: {owner} {kind}: {got}, not {expected[owner, kind]}")
    print(f"{way}: {', '.join([*(tool.__name__ for tool in TOOLS), *found])} agree")


def scenario(world):
    home = world.home("alice", "cone")
    world.start_dns(resolvers=())
    world.wireguard()
    world.start_dnsd()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    expected = expected_answers(world)
    for name, addresses in RESOLVERS.items():
        start_resolver(world.dns, name, "default")
        check_clients(home.node, f"through {name}", addresses[0], expected)
    Resolved(home.node, "lan", "default", "unbound")
    check_clients(home.node, "through systemd-resolved", "127.0.0.53", expected)
    check_clients(home.node, "directly", HOST, expected)


if __name__ == "__main__":
    lab.main(scenario)
