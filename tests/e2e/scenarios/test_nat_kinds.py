#!/usr/bin/python3
"""nat_kinds: each box of the laboratory is the NAT that its name says, shown by probes from two destinations.

The probes tell mapping, filtering, ports that are kept, boxes that take packets themselves, and hairpinning, of IPv4
and of IPv6. How long an unused mapping lives is shown with --full, which takes three minutes.
"""

import dataclasses
import select
import time

from lab import lab
from lab.addresses import HOST, HOST6, ROOT_SERVER, ROOT_SERVER6, WIREGUARD_PORT
from lab.checks import check
from lab.nat import SharedHome
from lab.nat_box import KINDS

PORTS = (9, 10)
OPEN = {"open": "anybody", "independent": "anybody", "address": "the address", "port": "the port"}
OTHER_PORT = 5000  # inside, of a second socket
LIVES = {"short": (20, 40), "long": (150, None)}  # seconds unused after which a mapping still lives, and does not
GRACE = 0.3  # seconds, for packets that must not arrive


@dataclasses.dataclass
class Seen:
    """What the probes of one socket told."""

    first: tuple  # its source, as the first destination saw it
    second: tuple  # and the second one, after that had sent to the first source, unsolicited
    answers: bool  # what was sent to is heard
    open_to: str  # who is heard at the first source: anybody, the port, the address that was sent to


def probe(world, home, family):
    inside = home.node.udp_socket(home.addresses[0 if family == 4 else -1], WIREGUARD_PORT)
    first, same_address = (world.host.udp_socket(HOST if family == 4 else HOST6, port) for port in PORTS)
    second = world.dns.udp_socket(ROOT_SERVER if family == 4 else ROOT_SERVER6, PORTS[0])

    inside.sendto(b"question", first.getsockname()[:2])
    source = receive(first)
    check(source, f"{home.kind}: outgoing packets do not arrive")
    first.sendto(b"answer", source)
    answers = receive(inside) is not None
    heard = {name: passes(sock, inside, first, source) for name, sock in (("anybody", second), ("the address", same_address))}
    inside.sendto(b"question", second.getsockname()[:2])
    seen_by_second = receive(second)
    for used in (inside, first, same_address, second):
        used.close()
    return Seen(source, seen_by_second, answers, next((name for name in heard if heard[name]), "the port"))


def passes(sender, inside, known, source):
    """Whether a packet of the sender gets in. A packet of the known destination, sent after it on the same way, ends the
    waiting if it does not."""
    sender.sendto(b"unsolicited", source)
    known.sendto(b"answer", source)
    came = receive(inside)
    if came == sender.getsockname()[:2]:
        receive(inside)
        return True
    check(came == known.getsockname()[:2], f"a packet of {came}")
    return False


def receive(from_socket, timeout=10):
    if not select.select([from_socket], [], [], timeout)[0]:
        return None
    return from_socket.recvfrom(2000)[1][:2]


def check_ipv4(world, name, home):
    kind, seen = KINDS[name], probe(world, home, 4)
    check(seen.second, f"{name}: outgoing packets do not arrive")
    check(seen.first[0] == seen.second[0] == home.public, f"{name}: seen {seen}, not {home.public}")
    same = kind.mapping != "dependent" and not kind.accepting
    check((seen.first[1] == seen.second[1]) == same, f"{name}: ports {seen}")
    kept = kind.mapping == "none" or (kind.preserving and not kind.carrier)
    check((seen.first[1] == WIREGUARD_PORT) == kept, f"{name}: port {seen}")
    check(home.outside() in (None, f"{home.public}:{seen.first[1]}"), f"{name}: {seen}, not {home.outside()}")
    check(seen.answers, f"{name}: answers do not come back")
    check(seen.open_to == OPEN[kind.filtering], f"{name}: {seen.open_to} gets in")
    print(f"{name:10} is seen as {home.public}, ports {seen.first[1]} {seen.second[1]}; {seen.open_to} gets in")


def check_ipv6(world, name, home):
    seen = probe(world, home, 6)
    check(seen.first == seen.second == (home.addresses[1], WIREGUARD_PORT), f"{name}: IPv6 {seen}")
    check(seen.answers, f"{name}: IPv6 answers do not come back")
    check(seen.open_to == OPEN[KINDS[name].filtering], f"{name}: IPv6: {seen.open_to} gets in")


def check_untouched(world, name, home):
    """Without packets of strangers a box that takes them has one outside port, as the others have."""
    inside = home.node.udp_socket(home.addresses[0], WIREGUARD_PORT)
    sockets = (world.host.udp_socket(HOST, PORTS[0]), world.dns.udp_socket(ROOT_SERVER, PORTS[0]))
    home.box.run("conntrack", "-F")
    for sock in sockets:
        inside.sendto(b"question", sock.getsockname())
    ports = [receive(sock)[1] for sock in sockets]
    for used in (inside, *sockets):
        used.close()
    check(ports[0] == ports[1], f"{name}: ports {ports} without strangers")


def check_hairpin(world, name, home):
    """A second socket behind the same box sends to the outside address of the first."""
    inside, known = home.node.udp_socket(home.addresses[0], WIREGUARD_PORT), world.host.udp_socket(HOST, PORTS[0])
    other = home.node.udp_socket(home.addresses[0], OTHER_PORT)
    inside.sendto(b"question", known.getsockname())
    source = receive(known)
    other.sendto(b"hairpin", source)
    came = receive(inside, 10 if KINDS[name].hairpin else GRACE)
    for used in (inside, known, other):
        used.close()
    expected = (home.public, OTHER_PORT) if KINDS[name].hairpin else None
    check(came == expected, f"{name}: hairpinned from {came}, not {expected}")


def check_shared(world, kind, names, public):
    """Two devices on one network: at their outside addresses they reach each other, or not; each has its own port."""
    shared = SharedHome(world, names, kind, public)
    one, other = shared.devices.values()
    known = world.host.udp_socket(HOST, PORTS[0])
    sockets = [device.node.udp_socket(device.address, WIREGUARD_PORT) for device in (one, other)]
    sources = []
    for sock in sockets:
        sock.sendto(b"question", known.getsockname())
        sources.append(receive(known))
    outsides = [tuple(device.outside().split(":")) for device in (one, other)]
    check([(address, str(port)) for address, port in sources] == outsides, f"{sources}, not {outsides}")
    sockets[0].sendto(b"hairpin", sources[1])
    hairpins = KINDS[kind].hairpin
    came = receive(sockets[1], 10 if hairpins else GRACE)
    check(came == (sources[0] if hairpins else None), f"one network, {kind}: {came} from the neighbour's outside")
    sockets[0].sendto(b"direct", (other.address, WIREGUARD_PORT))
    check(receive(sockets[1]) == (one.address, WIREGUARD_PORT), "neighbours do not reach each other")
    for used in (known, *sockets):
        used.close()
    print(f"one network, {kind}: ports {sources[0][1]} {sources[1][1]}; {'with' if hairpins else 'without'} hairpinning")


def check_lives(world, homes):
    """Idle mappings, all at the same time: a packet of the known destination gets in, or not any more."""
    known = world.host.udp_socket(HOST, PORTS[0])
    sockets, sources, used = {}, {}, {}
    for name in LIVES:
        homes[name].box.run("conntrack", "-F")
        sockets[name] = homes[name].node.udp_socket(homes[name].addresses[0], WIREGUARD_PORT)
        sockets[name].sendto(b"question", known.getsockname())
        sources[name] = receive(known)
        used[name] = time.monotonic()
    for alive in (True, False):
        for name, seconds in LIVES.items():
            idle = seconds[0 if alive else 1]
            if idle is None:
                continue
            time.sleep(max(0.0, used[name] + idle - time.monotonic()))  # the time that is judged
            known.sendto(b"late", sources[name])
            came = receive(sockets[name], 10 if alive else GRACE) is not None
            check(came == alive, f"{name}: unused for {idle} s, a mapping is {'gone' if alive else 'still there'}")
            used[name] = time.monotonic()
            print(f"{name}: a mapping that was unused for {idle} s {'lives' if alive else 'is gone'}")
    for sock in (known, *sockets.values()):
        sock.close()


def scenario(world):
    world.start_dns(resolvers=())
    homes = {}
    for number, name in enumerate(kind for kind in KINDS if kind != "carrier"):
        home = homes[name] = world.home(f"home{number}", name)
        check_ipv4(world, name, home)
        check_ipv6(world, name, home)
        if KINDS[name].mapping == "independent":
            check_untouched(world, name, home)
            check_hairpin(world, name, home)
    check_shared(world, "cone", ("one", "other"), "198.51.100.101")
    check_shared(world, "hairpin", ("first", "second"), "198.51.100.102")
    if world.full:
        check_lives(world, homes)


if __name__ == "__main__":
    lab.main(scenario)
