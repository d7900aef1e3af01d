#!/usr/bin/python3
"""clock: an updater that starts in 1970, as on a board without a clock of its own, and is corrected later.

The updater connects nevertheless, and reports the clock. Each time the clock is set, it says so in one line, and
neither the tunnel nor the updater's waiting is disturbed. Only the updater's clock is changed (libfaketime):
WireGuard's own cannot be faked from outside.
"""

import json
import os
import pathlib

from lab import lab
from lab.addresses import TUNNEL, ZONE
from lab.checks import Skip, check, wait_until
from lab.containment import RUN
from lab.node import Pings

LIBRARY = "libfaketime.so.1"
FLOW = 15  # replies


class Clock:
    """The clock of the programs that run with `env`; the machine's own clock is right."""

    def __init__(self):
        library = next(pathlib.Path("/usr/lib").rglob(LIBRARY), None)
        if not library:
            raise Skip(f"needs {LIBRARY}: run scripts/install-packages laboratory")
        self.file = RUN / "faketime"
        # The sanitizers' library must be the first one.
        asan = os.environ.get("ASAN_OPTIONS", "")
        self.env = {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0",
        }  # fmt: skip

    def set(self, text):
        self.file.write_text(text + "\n")


def ask(world, clock, *words, check_exit=True):
    environment = [f"{name}={value}" for name, value in clock.env.items()]
    return world.homes["alice"].node.run(
        "env", *environment, world.program("wg-updater"), words[0], "wg-alice", *words[1:], check=check_exit
    ).stdout


def names_clock(world, clock):
    story = ask(world, clock, "why", world.devices["bob"].public_key)
    findings = ask(world, clock, "doctor", check_exit=False)
    return "this host's clock is behind" in story, "this host's clock is behind" in findings


def scenario(world):
    clock = Clock()
    world.prepare()
    clock.set("-20000d")
    alice = world.homes["alice"]
    log = alice.node.start(
        world.program("wg-updater"), "wg-alice", "--zone", ZONE, "--hub", world.devices["host"].public_key,
        "--state", RUN / "updater-alice.json", name="wg-updater-alice", env=clock.env,
    )  # fmt: skip
    world.updaters["alice"] = log
    world.start_updater("bob")
    world.wait_for_direct_handshake()
    pings = Pings(alice.node, TUNNEL["bob"])
    wait_until(lambda: len(pings.replies()) >= FLOW, "a flow of pings")
    check(log.text().startswith("19"), f"the updater's clock is right: {log.text().splitlines()[0]}")
    wait_until(lambda: names_clock(world, clock) == (True, True), "why and doctor name the clock", interval=0.5)
    print("started in the seventies: connected, and `why` and `doctor` name the clock")

    set_clock(world, clock, log, "+0", "went forward by", 1728000000)
    check(names_clock(world, clock) == (False, False), "a clock that was corrected is named")
    set_clock(world, clock, log, "-1d", "was set back by", 86400)
    set_clock(world, clock, log, "+400d", "went forward by", 34646400)
    check(" 0% packet loss" in pings.stop(), "pings were lost")
    keys = [world.devices[name].public_key[:4] for name in ("bob",)]
    written = [line for line in log.lines(": endpoint ") if any(key in line for key in keys)]
    check(len(written) == 1, f"a peer that works was written to: {written}")

    # Waiting takes as long as before: bob's NAT moves, and is found within seconds.
    pings = Pings(alice.node, TUNNEL["bob"])
    wait_until(lambda: len(pings.replies()) >= FLOW, "a flow of pings")
    world.homes["bob"].forget_mappings()
    log.wait_for_line("DNS says so since its last packet")
    pings.stop()
    print("after all of them a NAT that moves is found")


def set_clock(world, clock, log, text, change, seconds):
    """The updater reads the wall clock in whole seconds, so the change that it logs may be one second off."""
    def told():
        return [line for near in (-1, 0, 1) for line in log.lines(f"this host's clock {change} {seconds + near} s")]

    clock.set(text)
    wait_until(told, f"the updater logs that its clock {change} {seconds} s")
    report = json.loads(ask(world, clock, "status", "--json", check_exit=False))
    ages = [peer["handshake_age_seconds"] for peer in report["peers"]]
    check(all(age is None or 0 <= age < 180 for age in ages), f"ages of handshakes: {ages}")
    check(len(log.lines("this host's clock")) == len(log.lines("went forward")) + len(log.lines("set back")), "one line each")
    check(len(told()) == 1, f"told more than once: {told()}")
    print(f"   {told()[-1]}")


if __name__ == "__main__":
    lab.main(scenario)
