#!/usr/bin/python3
"""lan: two peers behind one NAT without hairpinning get a direct tunnel over their own network.

With a built-in point: through it they tell each other their addresses. The announcements change with the addresses, and
a peer, or a server, that announces a thousand is not believed. Both tell their ways to each other, which only the private
view shows; one that lies about them changes nothing else.
"""

import json
import re

from lab import dns_client
from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.nat import SharedHome
from lab.node import Pings
from lab.point import Point
from lab.wireguard import base32_of

LIMIT = 3.0  # seconds from the later exec of the two updaters to the first direct reply, judged with --full
REPETITIONS = 10
FORGED_PORT = 5353


def prepare(world):
    home = SharedHome(world, ("alice", "bob"))
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    point = Point(world)
    world.wireguard(host=point)
    point.start()
    for name in world.homes:
        world.devices[name].wait_for_handshake(point.public_key)
        wait_until(lambda: world.published(name), f"DNS says where {name} is")
    return home, point


def place(world, name):
    return f"{world.homes[name].address}:{WIREGUARD_PORT}"


def endpoint_of(world, name, other):
    return world.devices[name].peer(world.devices[other].public_key).endpoint


def path_of(world, name, other):
    words = (world.program("wg-updater"), "status", f"wg-{name}", "--json")
    text = world.homes[name].node.run(*words, check=False).stdout  # exit code 1: a peer is not reached
    return next(one["path"] for one in json.loads(text)["peers"] if one["public_key"] == world.devices[other].public_key)


def told(world, name, asker):
    """A peer's announcement of its own network, as another peer gets it."""
    label = base32_of(world.devices[name].public_key)
    words = (f"@{TUNNEL['host']}", "+short", "+time=5", "+tries=1", f"_lan.{label}.{ZONE}", "TXT")
    return world.homes[asker].node.output("dig", *words, check=False).replace('"', "").split()


def told_ways(world, name, asker):
    """What a peer tells of its ways, as another peer gets it: {key in base32: (way, round trip or None)}."""
    label = base32_of(world.devices[name].public_key)
    words = (f"@{TUNNEL['host']}", "+short", "+time=5", "+tries=1", f"_path.{label}.{ZONE}", "TXT")
    told = {}
    for line in world.homes[asker].node.output("dig", *words, check=False).splitlines():
        strings = dict(one.split("=", 1) for one in line.replace('"', "").split())
        told[strings["peer"]] = (strings["way"], strings.get("rtt"))
    return told


def same_network(world):
    prepare(world)
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"])
    seconds = pings.wait_for_reply() - started
    for name, other in (("alice", "bob"), ("bob", "alice")):
        check(endpoint_of(world, name, other) == place(world, other), f"{name}: {endpoint_of(world, name, other)}")
        wait_until(lambda: path_of(world, name, other) == "lan", f"{name} says that its path to {other} is lan")
    print(f"one NAT, no hairpinning: first direct reply after {seconds:.2f} s")
    if world.full:
        check(seconds <= LIMIT, f"{seconds:.2f} s, more than {LIMIT}")


def ways(world):
    """The ways of a pair, through the tunnel, outside of it, and to the operator; and a peer that lies."""
    _, point = prepare(world)
    world.start_updaters()
    world.wait_for_direct_handshake()
    alice, bob = world.devices["alice"], world.devices["bob"]
    pairs = (("alice", bob, "bob"), ("bob", alice, "alice"))
    for name, other, asker in pairs:
        label = base32_of(other.public_key)
        wait_until(lambda: told_ways(world, name, asker).get(label, ("", None))[0] == "lan", f"{name} tells its way")
    for name, other, asker in pairs:
        label = base32_of(other.public_key)
        check(set(told_ways(world, name, asker)) == {label}, f"{name}: {told_ways(world, name, asker)}")
        rtt = told_ways(world, name, asker)[label][1]
        check(rtt is None or int(rtt).bit_count() == 1, f"{name}: a round trip of {rtt}")
        outside = dns_client.ask(world.internet, HOST, f"_path.{base32_of(world.devices[name].public_key)}.{ZONE}", "TXT")
        check(outside.rcode() == 3, f"outside: {outside}")
        told = point.report(world.devices[name].public_key)["ways"]
        check([one["public_key"] for one in told] == [other.public_key], f"{name}: {told}")
        check((told[0]["way"], told[0]["way_back"]) == ("lan", "lan"), f"{name}: {told}")
    check(point.ask("peers").count(" ways: ") == 2, point.ask("peers"))
    # Bob's updater ends, and somebody with his tunnel says that he is relayed to alice.
    world.updaters["bob"].stop()
    before = endpoint_of(world, "alice", "bob"), point.report(bob.public_key)["published_endpoints"]
    lie = f"peer={base32_of(alice.public_key)} way=relay rtt=1024"
    name = f"_path.{base32_of(bob.public_key)}.{ZONE}"

    def is_taken():
        texts = " ".join(f'"{one}"' for one in lie.split())
        lines = (f"server {TUNNEL['host']}", f"zone {ZONE}", f"update add {name} 300 TXT {texts}", "send")
        words = ("nsupdate", "-t", "2", "-u", "1", "-r", "0")
        return world.homes["bob"].node.run(*words, check=False, stdin="\n".join(lines) + "\n").returncode == 0

    wait_until(is_taken, "the lie is taken: 10 s after the last message")
    check("(" in point.ask("peers").partition(" ways: ")[2], point.ask("peers"))
    check(point.report(alice.public_key)["ways"][0]["way_back"] == "relay", point.ask("peers"))
    check(path_of(world, "alice", "bob") == "lan", "alice believes the lie")
    after = endpoint_of(world, "alice", "bob"), point.report(bob.public_key)["published_endpoints"]
    check(after == before, f"{before} became {after}")
    print("both tell that their way is lan, inside alone; a lie shows as one, and changes nothing")


def changes(world):
    """An announcement follows the addresses of its host."""
    prepare(world)
    world.start_updaters()
    world.wait_for_direct_handshake()
    bob = world.homes["bob"]
    first = place(world, "bob")
    wait_until(lambda: told(world, "bob", "alice") == [first], f"bob announces {first}")
    bob.node.ip("link", "add", "second", "type", "bridge")
    bob.node.ip("link", "set", "second", "up")
    bob.node.add_address("second", "10.9.9.9/24")
    second = f"10.9.9.9:{WIREGUARD_PORT}"
    wait_until(lambda: told(world, "bob", "alice") == [first, second], f"bob announces {second}")
    bob.node.ip("link", "del", "second")
    wait_until(lambda: told(world, "bob", "alice") == [first], f"bob withdraws {second}")
    bob.renumber("192.168.1.77")
    wait_until(lambda: told(world, "bob", "alice") == [place(world, "bob")], "bob announces his new address")
    wait_until(lambda: endpoint_of(world, "alice", "bob") == place(world, "bob"), "alice reaches bob there")
    Pings(world.homes["alice"].node, TUNNEL["bob"]).wait_for_reply()
    print("an address that comes, goes, and changes: announced, withdrawn, and the tunnel follows")


def thousand_announced(world):
    """A malicious peer: the server accepts none of them, and the other peer's candidates stay unchanged."""
    prepare(world)
    alice, bob = world.homes["alice"], world.homes["bob"]
    name = f"_lan.{base32_of(world.devices['bob'].public_key)}.{ZONE}"
    for count in (9, 1000):
        texts = " ".join(f'"192.168.1.{number % 250 + 2}:{number + 1}"' for number in range(count))
        lines = (f"server {TUNNEL['host']}", f"zone {ZONE}", f"update add {name} 300 TXT {texts}", "send")
        done = bob.node.run("nsupdate", "-t", "2", "-u", "1", "-r", "0", check=False, stdin="\n".join(lines) + "\n")
        check(done.returncode != 0, f"{count} addresses were taken: {done.stdout}{done.stderr}")
        check(told(world, "bob", "alice") == [], f"{count} addresses are told: {told(world, 'bob', 'alice')}")
    world.start_updater("alice").wait_for_line(": endpoint ")
    check(endpoint_of(world, "alice", "bob") == f"{bob.public}:{bob.mapped_port}", endpoint_of(world, "alice", "bob"))
    check(alice.public == bob.public, "they are not behind one NAT")
    print("a peer that announces 9 or 1 000 addresses: none is taken")


def thousand_answered(world):
    """A malicious server, or a peer with its help, over an ordinary WireGuard interface of the host."""
    SharedHome(world, ("alice", "bob"))
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    world.wireguard()
    world.start_dnsd()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    bob = world.homes["bob"]
    public = f"{bob.public}:{bob.mapped_port}"
    for what, answer, refused, written in (
        ("1 000 addresses", [f"192.168.1.{n % 250 + 2}:{n + 1}" for n in range(1000)], "LAN announcement", {public}),
        (
            "the tunnel, the host, a stranger and a neighbour",
            [f"{TUNNEL['bob']}:51820", "203.0.113.10:53", "192.0.2.1:53", "192.168.1.99:51820"],
            "it is an address of the tunnel",
            {public, "192.168.1.99:51820"},
        ),
    ):
        words = ("/usr/bin/python3", lab.ROOT / "tests/e2e/lab/forged_lan.py", TUNNEL["host"], FORGED_PORT, *answer)
        server = world.host.start(*words, name=f"forged-{len(answer)}")
        server.wait_for_line("answering")
        updater = world.start_updater("alice", "--private-server", f"{TUNNEL['host']}:{FORGED_PORT}")
        updater.wait_for_line("is refused", refused)
        # By the time the tries become slower, all candidates had their turn.
        updater.wait_for_line("still trying, more slowly")
        for endpoint in written:
            updater.wait_for_line(f": endpoint {endpoint}")
        endpoints = set(re.findall(r": endpoint (\S+?)[,:] ", updater.text()))
        check(endpoints <= written, f"{what}: written {endpoints}")
        updater.stop()
        server.stop()
        updater.log.unlink()
        print(f"a server that answers {what}: only {', '.join(sorted(written))} is tried")


def on_machine(options):
    repeated = [same_network] * (REPETITIONS if options.full else 1)
    return lab.in_laboratories(options, (*repeated, ways, changes, thousand_announced, thousand_answered))


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
