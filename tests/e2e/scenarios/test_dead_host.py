#!/usr/bin/python3
"""dead_host: the public host dies, its DNS and its WireGuard. Running tunnels stay, and nothing is written to them.

One tunnel is under pings, one is idle except for keepalives. The host is dead for longer than any suspicion lasts; with
--full for 3 minutes, in which sessions are renewed and the peers' own sessions with the host die.
"""

import time

from lab import lab
from lab.addresses import TUNNEL
from lab.checks import check
from lab.node import Pings
from lab.runs import SOURCES, Case, in_turn, run_cases

KINDS = [{"variant": "pings"}, {"variant": "idle"}]
SURVIVED, SURVIVED_FULL = 30, 180  # seconds after the death


def scenario(world, case):
    case.prepare(world)
    world.start_updaters()
    world.wait_for_direct_handshake()
    for name in world.homes:
        world.updaters[name].wait_for_line("direct at")
    is_busy = case.variant == "pings"
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"])
    pings.wait_for_reply()
    if not is_busy:
        pings.stop()

    world.dnsd.kill()
    if case.source == "interface":
        world.devices["host"].stop()
    before = state(world)
    lasting = SURVIVED_FULL if world.full else SURVIVED
    time.sleep(lasting)  # not a wait for an event: nothing may happen
    check(state(world) == before, f"before {before}, after {state(world)}")
    if not is_busy:
        pings = Pings(world.homes["alice"].node, TUNNEL["bob"], count=5)
        pings.process.wait()
    summary = pings.stop()
    check(" 0% packet loss" in summary, f"{case}: pings were lost: {summary}")
    print(f"{case}: the host was dead for {lasting} s, nothing was written; {summary}")
    return {}


def state(world):
    """Endpoints and keepalives of the direct peers, and what each updater logged about them."""
    found = {}
    for near, far in (("alice", "bob"), ("bob", "alice")):
        peer = world.devices[near].peer(world.devices[far].public_key)
        short = f"({world.devices[far].public_key[:4]}"
        found[near] = (peer.endpoint, peer.keepalive, world.updaters[near].lines(short))
    return found


def on_machine(options):
    full = [Case(source=source, **words) for words in KINDS for source in SOURCES]
    cases = full if options.full else in_turn(KINDS)
    run_cases(options, scenario, cases, lambda case, name: None, at_once=len(cases))
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
