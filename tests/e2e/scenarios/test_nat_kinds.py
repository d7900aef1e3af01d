#!/usr/bin/python3
"""nat_kinds: each box of the laboratory is the NAT that its name says, shown by probes to two destinations."""

import select

from lab import lab
from lab.addresses import HOST, HOST6, ROOT_SERVER, ROOT_SERVER6, WIREGUARD_PORT
from lab.checks import check
from lab.nat import NAT_KINDS

OTHER_PORT = 9


def probe(world, home, family):
    """What two destinations see of one socket, and whether packets get in.

    \\return sources seen by destination 1 and 2; whether an answer of 1 came through; whether an unsolicited packet of
    destination 2 got through to the source that 1 saw.
    """
    inside = home.node.udp_socket(home.addresses[0 if family == 4 else -1], WIREGUARD_PORT)
    first = world.host.udp_socket(HOST if family == 4 else HOST6, OTHER_PORT)
    second = world.dns.udp_socket(ROOT_SERVER if family == 4 else ROOT_SERVER6, OTHER_PORT)

    inside.sendto(b"question", first.getsockname()[:2])
    seen_by_first = receive(first)
    first.sendto(b"answer", seen_by_first)
    answered = receive(inside) is not None
    second.sendto(b"unsolicited", seen_by_first)
    # The answer that follows proves that the unsolicited packet, sent before it on the same way, was dropped.
    first.sendto(b"answer", seen_by_first)
    passed = receive(inside) == second.getsockname()[:2]

    inside.sendto(b"question", second.getsockname()[:2])
    seen_by_second = receive(second)
    for used in (inside, first, second):
        used.close()
    return seen_by_first, seen_by_second, answered, passed


def receive(from_socket, timeout=10):
    if not select.select([from_socket], [], [], timeout)[0]:
        return None
    return from_socket.recvfrom(2000)[1][:2]


def scenario(world):
    world.start_dns(resolvers=())
    for kind in NAT_KINDS:
        home = world.home(kind, kind)
        first, second, answered, passed = probe(world, home, 4)
        translated = kind in ("cone", "symmetric")
        check(first and second, f"{kind}: outgoing packets do not arrive")
        check(first[0] == second[0] == home.public, f"{kind}: seen {first} {second}, not {home.public}")
        check((first[1] == second[1]) == (kind != "symmetric"), f"{kind}: ports {first[1]} and {second[1]}")
        check((first[1] != WIREGUARD_PORT) == translated, f"{kind}: port {first[1]}")
        check(answered, f"{kind}: answers do not come back")
        check(passed == (kind == "none"), f"{kind}: unsolicited packets {'pass' if passed else 'are dropped'}")
        print(f"{kind:9} is seen as {first[0]}, ports {first[1]} {second[1]}; {'open' if passed else 'closed'}")

        first, second, answered, passed = probe(world, home, 6)
        check(first == second == (home.addresses[1], WIREGUARD_PORT), f"{kind}: IPv6 seen {first} {second}")
        check(answered, f"{kind}: IPv6 answers do not come back")
        check(passed == (kind == "none"), f"{kind}: IPv6 unsolicited packets {'pass' if passed else 'are dropped'}")


if __name__ == "__main__":
    lab.main(scenario)
