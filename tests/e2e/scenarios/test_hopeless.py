#!/usr/bin/python3
"""hopeless: pairs that no updater can connect are reported as such, with the reason, and are then left alone.

Alice and bob are behind symmetric NATs, carol is behind a cone: no pair of them can work. Two observation points on two
addresses tell each kind of NAT, in the private view, which the updaters ask inside their tunnels: wg-dnsd's defaults.
The updaters use no relay: relay_matrix shows such pairs with one. With --full the silence afterwards is measured, and
the traffic that ends it.
"""

import json
import pathlib
import time

from lab import lab
from lab.addresses import TUNNEL, WIREGUARD_PORT
from lab.checks import check, wait_until
from lab.node import Pings
from lab.point import Point

SECOND_ADDRESS = "203.0.113.11"
SECOND_TUNNEL = "10.77.9.1"
KINDS = {"alice": "symmetric", "bob": "symmetric", "carol": "cone"}
MAPS = {"alice": "varies", "bob": "varies", "carol": "eim"}
REASONS = {
    ("alice", "bob"): "both NATs are symmetric (here varies, there varies)",
    ("alice", "carol"): "the NAT here is symmetric (varies)",
    ("carol", "alice"): "the NAT there is symmetric (varies)",
}
OWN_ADDRESS = "192.168.1.3"
KEEPALIVE = 2  # towards the points, so that both have soon seen every peer
CALLED_WITHIN = 30  # seconds from the start of the updaters until the pair is reported
OWN_ATTEMPT = 110  # WireGuard's own repetitions are over by then
WATCHED = 100  # the slow retries begin after 240 s


def prepare(world):
    for name, kind in KINDS.items():
        world.home(name, kind)
    world.start_dns()
    world.use_resolver("unbound")
    world.add_public_addresses(world.host, [SECOND_ADDRESS])
    point = Point(world)
    world.wireguard(host=point)
    point.start("--observe", f"{SECOND_ADDRESS}:{WIREGUARD_PORT}={point.folder / 'second'},{SECOND_TUNNEL}")
    second = next(line.split()[0] for line in point.ask("pubkey").splitlines() if point.public_key not in line)
    for name in KINDS:
        world.devices[name].add_peer(second, f"{SECOND_TUNNEL}/32", f"{SECOND_ADDRESS}:{WIREGUARD_PORT}", KEEPALIVE)
        world.devices[name].set("peer", point.public_key, "persistent-keepalive", KEEPALIVE)
    for name, word in MAPS.items():
        label = world.label(name)
        wait_until(
            lambda: any(f"map={word}" in line for line in point.ask("zone").splitlines() if label in line.lower()),
            f"{name} ({KINDS[name]}) is found to be {word}",
        )
    return second


def ask(world, name, *words):
    # Exit code 1: a peer is not reached.
    return world.homes[name].node.run(world.program("wg-updater"), words[0], f"wg-{name}", *words[1:], check=False).stdout


def status_of(world, name, other):
    report = json.loads(ask(world, name, "status", "--json"))
    return report, next(peer for peer in report["peers"] if peer["public_key"] == world.devices[other].public_key)


def call_hopeless(world):
    started = time.monotonic()
    slowest = 0.0
    for (name, other), reason in REASONS.items():
        _, peer = wait_until(
            lambda: (seen := status_of(world, name, other)) and seen[1]["hopeless"] and seen,
            f"{name} calls {other} hopeless", interval=0.5,
        )  # fmt: skip
        slowest = time.monotonic() - started
        check(reason in peer["hopeless"], f"{name} of {other}: {peer['hopeless']}, not {reason}")
        print(f"{name} of {other}, after {slowest:.1f} s: {peer['hopeless']}")
        report, peer = status_of(world, name, other)
        check((report["nat"], peer["nat"]) == (MAPS[name], MAPS[other]), f"the kinds of NAT: {report['nat']} {peer}")
        check((peer["state"], peer["path"]) == ("waiting", "none"), f"{name} of {other}: {peer}")
        key = world.devices[other].public_key
        story = ask(world, name, "why", key)
        check(f"hopeless: {reason}" in story, f"no reason in the story:\n{story}")
        check(f"what to do: {reason}" in story and "On one of the two sides" in story, f"no advice:\n{story}")
        check(world.devices[name].peer(key).keepalive == 0, f"{name} keeps sending keepalives to {other}")
    print(ask(world, "alice", "status"))
    check(not world.full or slowest <= CALLED_WITHIN, f"only after {slowest:.1f} s")


def try_anew(world):
    """A new address of alice's own is a new chance; it is taken at once."""
    alice, log = world.homes["alice"], world.updaters["alice"]
    alice.node.add_address("lan", OWN_ADDRESS)
    log.wait_for_line("this host's addresses or routes changed, and")
    before = len(log.lines("hopeless: "))
    wait_until(lambda: len(log.lines("hopeless: ")) >= before + 2, "both are found hopeless again")


def count_silence(world):
    """Counts packets to bob and carol after WireGuard's own repetitions are over."""
    alice, log = world.homes["alice"], world.updaters["alice"]
    others = ", ".join(world.homes[name].public for name in ("bob", "carol"))
    alice.node.count("sent", f"oifname lan ip daddr {{ {others} }} udp sport {WIREGUARD_PORT}", hook="output")
    kicks = count_kicks(world, log)
    began = alice.node.counted("sent")
    wait_until_passed(OWN_ATTEMPT)
    quiet = alice.node.counted("sent")
    wait_until_passed(WATCHED)
    sent = alice.node.counted("sent") - quiet
    check(count_kicks(world, log) == kicks, "a kick fell into the time that was watched")
    print(f"{quiet - began} packets in the {OWN_ATTEMPT} s after the last try, {sent} in the {WATCHED} s after these")
    check(sent < WATCHED / 60, f"{sent} packets in {WATCHED} s")
    pings = Pings(alice.node, TUNNEL["bob"])
    log.wait_for_line("there is traffic for it")
    pings.stop()
    print("an echo request: tried again at once")


def count_kicks(world, log):
    keys = [world.devices[name].public_key for name in ("bob", "carol")]
    return sum(len(log.lines("kick", f"({key[:4]}")) for key in keys)


def wait_until_passed(seconds):
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, f"{seconds} s", timeout=seconds + 10, interval=0.5)


def scenario(world):
    second = prepare(world)
    for name in KINDS:
        world.start_updater(name, "--hub", second, "--relay", "never", "--log-level", "debug")
    for name in KINDS:
        wait_until((pathlib.Path("/run/wg-updater") / f"wg-{name}.sock").exists, f"{name} can be asked")
    call_hopeless(world)
    try_anew(world)
    if world.full:
        count_silence(world)


if __name__ == "__main__":
    lab.main(scenario)
