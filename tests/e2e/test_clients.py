#!/usr/bin/python3
"""clients: dig, kdig, drill, host and getaddrinfo get the right answers, through unbound, BIND and directly."""

import lab
from addresses import HOST, RESOLVERS, ZONE
from checks import check

PYTHON = "/usr/bin/python3"
GETADDRINFO = (
    "import socket, sys\n"
    "print(*sorted({found[4][0] for found in socket.getaddrinfo(sys.argv[1], None, type=socket.SOCK_DGRAM)}))"
)


def answers_of(node, tool, server, name, kind):
    """The data of the answer as the tool prints it, without trailing dots."""
    if tool == "drill":
        lines = node.output("drill", f"@{server}", name, kind).splitlines()
        rows = [line.split("\t") for line in lines if line and not line.startswith(";")]
        found = [row[-1] for row in rows if row[0].rstrip(".").lower() == name and kind in row]
    elif tool == "host":
        words = {"A": "has address ", "SRV": "has SRV record ", "AAAA": "has IPv6 address "}[kind]
        lines = node.output("host", "-t", kind, name, server).splitlines()
        found = [line.split(words)[1] for line in lines if words in line]
    else:
        found = node.output(tool, f"@{server}", "+short", name, kind).splitlines()
    return [line.strip().rstrip(".").lower() for line in found]


def scenario(world):
    world.home("alice", "cone")
    home = world.homes["alice"]
    world.start_dns()
    world.wireguard()
    world.start_dnsd()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    name = f"{world.label('alice')}.{ZONE}"
    target = f"{home.public.replace('.', '-')}.{name}"
    expected = {
        (name, "A"): [home.public],
        (name, "AAAA"): [],
        (f"_wireguard._udp.{name}", "SRV"): [f"10 0 {home.mapped_port} {target}"],
        (target, "A"): [home.public],
    }
    for way, server in {**{name: v4 for name, (v4, _) in RESOLVERS.items()}, "directly": HOST}.items():
        for tool in ("dig", "kdig", "drill", "host"):
            for (owner, kind), data in expected.items():
                got = answers_of(home.node, tool, server, owner, kind)
                check(got == data, f"{tool} {way}: {owner} {kind}: {got}, not {data}")
        home.node.use_resolvers(server)
        got = home.node.output(PYTHON, "-c", GETADDRINFO, name).split()
        check(got == [home.public], f"getaddrinfo {way}: {got}, not {home.public}")
        print(f"{way}: dig, kdig, drill, host and getaddrinfo agree")


if __name__ == "__main__":
    lab.main(scenario)
