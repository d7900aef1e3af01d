#!/usr/bin/python3
"""rebinding: a NAT gives another port, then another address; traffic flows again by itself.

Once it is the NAT of alice, who asks, once that of bob, who only answers. At last alice's own address changes behind
her NAT. Her updater notices that by itself, and sets the endpoints of the host and of bob again, because wireguard-go
keeps the source address that is gone.

No relay is used: relay_silence shows the same with one. The seconds of silence are those between the last reply before
the event and the first reply after it, at 5 pings per second.
"""

import collections
import time

from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT
from lab.checks import check, wait_until
from lab.node import Pings
from lab.runs import REPETITIONS, Limits, everywhere, in_turn, run_cases

MOVERS = {"alice moves": "alice", "bob moves": "bob"}
EVENTS = ("another port", "another address")
READDRESSED = "another address of her own"
OTHER_ADDRESS = "198.51.100.101"
OWN_ADDRESSES = ("192.168.1.2", "192.168.1.3")
CHANGED = {
    "seen": "addresses or routes of this host changed",
    "towards the host": f"endpoint {HOST}:{WIREGUARD_PORT}: so that the public host sees",
    "towards bob": "this host's addresses or routes changed, and it",
}
LIMITS = Limits(median=5.0, worst=10.0)
TIMEOUT = 180
ESTABLISHED, ESTABLISHED_FULL = 25, 50  # replies before each change: by then the sessions are as in daily use


def scenario(world, case):
    case.prepare(world)
    world.start_updaters("--relay", "never")
    world.wait_for_direct_handshake()
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"])
    world.homes["bob"].node.count("requests", f"iifname wg-bob ip saddr {TUNNEL['alice']} icmp type echo-request")
    silences = collections.defaultdict(list)
    mover = MOVERS[case.variant]
    for _ in range(REPETITIONS if world.full else 1):
        for event in EVENTS:
            silences[event].append(move(world, mover, event, pings))
    if mover == "alice":
        silences[READDRESSED] = [readdress(world, case.source, pings) for _ in range(REPETITIONS if world.full else 1)]
    print(f"{case}: {pings.stop()}")
    return silences


def move(world, mover, event, pings):
    """Makes the event happen; returns the seconds of silence."""
    home = world.homes[mover]
    far = world.devices["bob" if mover == "alice" else "alice"]
    wait_for_replies(world, pings)
    received = world.homes["bob"].node.counted("requests")
    if event == "another port":
        home.forget_mappings()
    else:
        home.renumber(OTHER_ADDRESS if home.public != OTHER_ADDRESS else home.first_public)
    silence = wait_out_silence(world, pings)
    endpoint = far.endpoint_of(world.devices[mover].public_key)
    check(endpoint == home.outside(), f"{mover}, {event}: reached at {endpoint}, not {home.outside()}")
    check(world.homes["bob"].node.counted("requests") > received, f"{event}: bob received nothing")
    world.wait_until_published(mover)
    return silence


def readdress(world, source, pings):
    home, alice, host = world.homes["alice"], world.devices["alice"], world.devices["host"]
    wait_for_replies(world, pings)
    log, bob = world.updaters["alice"], world.devices["bob"].public_key
    lines = {name: len(log.lines(text)) for name, text in CHANGED.items()}
    endpoint = alice.endpoint_of(bob)
    # With an interface, the host's counters show it. With a point, the packets that alice sends show it.
    told = (lambda: host.peer(alice.public_key).received) if source == "interface" else (lambda: alice.peer(host.public_key).sent)
    before = told()
    old, new = home.addresses[0], next(one for one in OWN_ADDRESSES if one != home.addresses[0])
    home.node.add_address("lan", new)
    world.route(home.box, "lan", new)
    home.node.ip("address", "del", old, "dev", "lan")
    home.addresses[0] = new
    home.forget_mappings()  # the old address still had the outside port
    silence = wait_out_silence(world, pings)
    for name, text in CHANGED.items():
        wait_until(lambda: len(log.lines(text)) > lines[name], f"alice's log: {name}")
    wait_until(lambda: told() > before, "the host is told")
    check(alice.endpoint_of(bob) == endpoint, f"bob was moved from {endpoint} to {alice.endpoint_of(bob)}")
    world.wait_until_published("alice")
    return silence


def wait_for_replies(world, pings):
    established = len(pings.replies()) + (ESTABLISHED_FULL if world.full else ESTABLISHED)
    wait_until(lambda: len(pings.replies()) >= established, "traffic before")


def wait_out_silence(world, pings):
    """Waits for a reply that was not under way yet; returns the seconds since the last one before it."""
    after = pings.wait_for_reply(after=time.time() + 2 * world.delay, timeout=TIMEOUT)
    return after - max(when for when in pings.replies() if when < after)


def on_machine(options):
    kinds = [{"variant": mover} for mover in MOVERS]
    if options.full:
        delayed = [{"delay": delay, **words} for delay in (0.05, 0.2) for words in kinds]
        cases = [case for words in kinds for case in everywhere(**words)] + in_turn(delayed)
    else:
        cases = in_turn(kinds)
    # The cases cost little, 5 pings per second each, so all of them run at once.
    run_cases(options, scenario, cases, limits, at_once=len(cases))
    return 0


def limits(case, name):
    return LIMITS if not case.delay else None


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
