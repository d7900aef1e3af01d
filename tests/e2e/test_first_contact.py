#!/usr/bin/python3
"""first_contact: two peers behind cone NATs get a direct tunnel, through unbound and through BIND.

Counted from the later exec of the two updaters to the first direct reply, the public host having seen both peers: once
with direct peers that had neither keepalive nor traffic, once with traffic before, which costs WireGuard's own pause of
5 s.
"""

import lab
from addresses import TUNNEL
from checks import check
from node import Pings

LIMIT = {"idle": 3.0, "traffic": 6.0}  # seconds, judged with --full
REPETITIONS = 10


def contact(world, resolver, before):
    world.prepare(resolvers=(resolver,))
    bob = world.devices["bob"].public_key
    pings = None
    if before == "traffic":
        pings = Pings(world.homes["alice"].node, TUNNEL["bob"])
        wait_for_first_attempt(world)
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    pings = pings or Pings(world.homes["alice"].node, TUNNEL["bob"])
    seconds = pings.wait_for_reply() - started
    endpoint = world.devices["alice"].peer(bob).endpoint
    home = world.homes["bob"]
    check(endpoint == f"{home.public}:{home.mapped_port}", f"alice reaches bob at {endpoint}")
    print(f"{resolver:8} {before:8} first direct reply after {seconds:.2f} s")
    if world.full:
        check(seconds <= LIMIT[before], f"{resolver}, {before}: {seconds:.2f} s, more than {LIMIT[before]}")


def wait_for_first_attempt(world):
    log = world.devices["alice"].process
    log.wait_for_line("Sending handshake initiation", world.devices["bob"].public_key[:4])


def on_machine(options):
    for resolver in ("unbound", "bind"):
        for before, repetitions in (("idle", REPETITIONS if options.full else 1), ("traffic", 1)):
            for _ in range(repetitions):
                code = lab.in_laboratory(options, lambda world: contact(world, resolver, before))
                if code != 0:
                    return code
            if options.full:
                print(f"{resolver:8} {before:8} {repetitions} of {repetitions} within {LIMIT[before]} s")
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
