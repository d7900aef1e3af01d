#!/usr/bin/python3
"""late_peer: bob waits for alice, 10 minutes with --full; then she comes, and the tunnel is there at once.

In one case no peer had ever seen her before. In another, DNS had her last endpoint all the time: bob has tried it in
vain, until his back-off was at its longest.

The time is counted from alice's start, WireGuard and updater, to the first direct reply.
"""

import time

from lab import lab
from lab.addresses import TUNNEL
from lab.checks import check
from lab.node import Pings
from lab.runs import Limits, everywhere, in_turn, run_cases

WAIT, WAIT_FULL = 40, 600  # seconds
LIMITS = Limits(median=12.0, worst=12.0)
KINDS = [{"variant": "never seen"}, {"variant": "seen before"}]


def scenario(world, case):
    is_known = case.variant == "seen before"
    case.prepare(world, later=() if is_known else ("alice",))
    home, alice = world.homes["alice"], world.devices["alice"]
    if is_known:
        alice.stop()
        home.forget_mappings()
    log = world.start_updater("bob")
    time.sleep(WAIT_FULL if world.full else WAIT)  # not a wait for an event: the time she is away
    check(bool(world.published("alice")) == is_known, f"alice is published at {world.published('alice')}")
    check(bool(log.lines("still trying, more slowly")) == is_known, f"bob's tries: {log.text()}")

    started = time.time()
    alice.start()
    world.start_updater("alice")
    world.wait_for_direct_handshake()
    pings = Pings(home.node, TUNNEL["bob"])
    return {"first direct reply": pings.wait_for_reply() - started}


def on_machine(options):
    cases = [case for words in KINDS for case in everywhere(**words)] if options.full else in_turn(KINDS)
    run_cases(options, scenario, cases, lambda case, name: LIMITS, at_once=len(cases))
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
