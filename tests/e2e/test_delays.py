#!/usr/bin/python3
"""delays: first contact of two cones when every packet between them takes 50 and 200 ms.

Counted from the later exec of the two updaters to the first direct reply, the public host having seen both.
"""

import lab
from addresses import TUNNEL
from checks import check
from node import Pings

DELAYS = (0.05, 0.2)  # one way, seconds
REPETITIONS = 10
WORST = 15  # seconds, with --full; a crossing at 200 ms costs WireGuard's 5 s, some of them twice


def scenario(world, delay):
    world.delay = delay
    world.prepare()
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"], count=20)
    seconds = pings.wait_for_reply() - started
    pings.process.wait()
    last = pings.process.text().splitlines()[-1]
    print(f"{delay * 1000:3.0f} ms one way: first direct reply after {seconds:.2f} s; {last}")
    check(not world.full or seconds <= WORST, f"{seconds:.2f} s, more than {WORST}")


def on_machine(options):
    for delay in DELAYS:
        for _ in range(REPETITIONS if options.full else 1):
            code = lab.in_laboratory(options, lambda world: scenario(world, delay))
            if code != 0:
                return code
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
