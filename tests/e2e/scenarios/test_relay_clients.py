#!/usr/bin/python3
"""relay_clients: stock WireGuard with `Endpoint = hub` for each of its peers, and no updater, reaches them through the
relay, and is reached.

A phone behind a symmetric NAT and two peers with updaters; two stock clients; a public host with two addresses; two
flows to one peer, with --full over two rekeys; a cookie of a peer under load; and initiations that cross because both
ends begin at the same instant.
"""

import concurrent.futures
import statistics
import threading
import time

from lab import lab, uapi
from lab.addresses import HOST, WIREGUARD_PORT
from lab.checks import check, wait_until
from lab.command_line import ROOT
from lab.pairs import Pair, Pairs
from lab.runs import Case, measure

SECOND_ADDRESS = "203.0.113.11"
IPV4 = (4,)
DELAY = 0.05  # one way, seconds
FLOW, FLOW_FULL = 3, 260  # seconds; a session is rekeyed at 120 s
FLOW_RATE = 10
FLOOD_RATE = 20000  # initiations per second: wireguard-go asks for cookies while more than 128 wait
OWN_RETRY = 5.0  # seconds: WireGuard answers a cookie with its next initiation
CROSSINGS, CROSSING_PAIRS, PERIOD = 10, 10, 10.0
DELAYS = (0.0, 0.05, 0.2)


def prepare(world, kinds, **keywords):
    pairs = Pairs(world, [(kind, IPV4) for kind in kinds], **keywords)
    return pairs, pairs.names


def stock(pair, *names):
    """The endpoints of a stock configuration, for all ends or some."""
    return {name: pair.pairs.hub_of(name)[1] for name in names or (pair.near, pair.far)}


def check_paths(pair):
    check(pair.through_hub(), f"{pair}: reached at {pair.endpoints()}")


def phone(world):
    """It begins with one peer, and the other one begins with it. No updater knows that it has none."""
    pairs, (phone, alice, bob) = prepare(world, ("symmetric", "symmetric", "cone"))
    reaching, reached = Pair(pairs, phone, alice), Pair(pairs, bob, phone)
    for pair, arguments in ((reaching, ()), (reached, ("--relay", "first"))):
        pair.introduce(stock(pair, phone))
        pair.start_updaters(*arguments, names=[name for name in (pair.near, pair.far) if name != phone])
    first = reaching.echo()
    first.wait_for_reply()
    check_paths(reaching)
    wait_until(lambda: reached.state(bob).endpoint == pairs.hub_of(bob)[1], "bob's updater sets the endpoint")
    second = reached.echo()
    second.wait_for_reply()
    check_paths(reached)
    print(f"a phone: reaches a peer {first.seconds():.2f} s after its first request, is reached after {second.seconds():.2f} s")
    first.stop()
    second.stop()


def two_clients(world):
    """Both stock, and the public host has two addresses, of which each knows another one."""
    world.add_public_addresses(world.host, [SECOND_ADDRESS])
    pairs, names = prepare(world, ("symmetric", "symmetric", "firewall"), address="0.0.0.0")
    second = f"{SECOND_ADDRESS}:{WIREGUARD_PORT}"
    mover = world.devices[names[1]]
    uapi.set_peer(mover.name, pairs.point.public_key, "update_only=true", f"endpoint={second}",
                  "persistent_keepalive_interval=0", "persistent_keepalive_interval=25")  # fmt: skip
    world.host.count("at_second", f"ip daddr {SECOND_ADDRESS} udp dport {WIREGUARD_PORT}")
    wait_until(lambda: world.host.counted("at_second") > 1, "the point hears one of them at its other address")
    pair = Pair(pairs, names[0], names[1])
    pair.introduce({names[0]: f"{HOST}:{WIREGUARD_PORT}", names[1]: second})
    echo = pair.echo()
    echo.wait_for_reply()
    check(pair.endpoints() == [f"{HOST}:{WIREGUARD_PORT}", second], f"{pair.endpoints()}")
    print(f"two stock clients at two addresses of the public host: {echo.seconds():.2f} s")
    echo.stop()


def flows(world):
    """Two peers send to a third one through the same port; nothing is lost, also while sessions are rekeyed."""
    world.delay = DELAY
    pairs, names = prepare(world, ("symmetric", "symmetric", "symmetric"))
    flows = [Pair(pairs, name, names[2]) for name in names[:2]]
    for pair in flows:
        pair.introduce(stock(pair))
    echoes = [pair.echo(rate=FLOW_RATE) for pair in flows]
    for echo in echoes:
        echo.wait_for_reply()
    count = FLOW_RATE * (FLOW_FULL if world.full else FLOW)
    wait_until(lambda: all(len(echo.sent) > count for echo in echoes), "traffic", FLOW_FULL + 60, 0.2)
    lost = [echo.lost(patience=5) for echo in echoes]
    rekeys = sum(len(world.devices[name].process.lines("Received handshake response")) for name in names)
    print(f"two flows to one peer: {sum(lost)} of {sum(len(echo.sent) for echo in echoes)} lost, {rekeys} handshakes")
    check(not any(lost), f"lost: {lost}")


def cookie(world):
    """A peer under load answers with a cookie, in its own name; it leads through the relay like a response."""
    pairs, (near, far) = prepare(world, ("symmetric", "none"))
    pair = Pair(pairs, near, far)
    flooder = world.internet.start(
        "/usr/bin/python3", ROOT / "tests/e2e/lab/handshake_flood.py", world.homes[far].public, WIREGUARD_PORT,
        world.devices[far].public_key, FLOOD_RATE, name="flood",
    )  # fmt: skip
    flooder.wait_for_line("flooding")
    pair.introduce(stock(pair))
    echo = pair.echo()
    world.devices[near].process.wait_for_line("cookie")
    echo.wait_for_reply()
    check_paths(pair)
    flooder.kill()
    print(f"a peer under load: reached by its cookie after {echo.seconds():.2f} s")
    echo.stop()


def cross(pair):
    """Both ends of a stock pair begin at the same instant. \\return seconds to the first reply of each, in order"""
    pair.introduce(stock(pair))
    instant = threading.Barrier(2)

    def begin(name):
        instant.wait()
        return pair.echo(name)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        echoes = list(pool.map(begin, (pair.near, pair.far)))
    try:
        return sorted(echo.wait_for_reply() - echo.sent[0] for echo in echoes)
    finally:
        for echo in echoes:
            echo.stop()
        pair.forget()


def crossing(world, delay=DELAY, count=2, rounds=1):
    world.delay = delay
    pairs, names = prepare(world, ("symmetric",) * (2 * count))
    ends = iter(names)
    chosen = [Pair(pairs, near, next(ends)) for near in ends]
    found = []
    for number in range(rounds):
        started = time.monotonic()
        found += [cross(pair) for pair in chosen]
        if number + 1 < rounds:  # one of both is held back once in 6 s
            time.sleep(max(0.0, started + PERIOD - time.monotonic()))
    tell_crossings(delay, found)
    return {"crossing": found}


def tell_crossings(delay, found, judged=False):
    """Who was held back can send half a round trip later than the other one: when that one has confirmed the session."""
    rtt = 2 * delay
    wrong = []
    for words, seconds, trips in zip(("first reply", "and at the other end"), zip(*found), (2, 2.5)):
        median, limit = statistics.median(seconds), trips * rtt + 0.15
        print(
            f"initiations that cross, {rtt:g} s of round trip, {words}: {len(seconds)} runs, median {median:.2f} s, "
            f"worst {max(seconds):.2f} s  (median at most {limit:.2f}, worst {OWN_RETRY:g})"
        )
        wrong += [words] if median > limit or max(seconds) >= OWN_RETRY else []
    check(not judged or not wrong, f"{rtt:g} s of round trip: {', '.join(wrong)}")


SCENARIOS = (phone, two_clients, flows, cookie, crossing)


def on_machine(options):
    code = lab.in_laboratories(options, SCENARIOS)
    if options.full and code == 0:
        for delay in DELAYS:
            case = Case("symmetric", "symmetric", "point", delay=delay)
            found = measure(options, lambda world, case: crossing(world, case.delay, CROSSING_PAIRS, CROSSINGS), case)
            tell_crossings(delay, found["crossing"], judged=True)
    return code


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
