#!/usr/bin/python3
"""contact_kinds: first contact of every other pair that can meet: firewall × cone, and an open host with any kind.

Alice's key is the smaller one. So she sends first, in vain if bob's box drops unsolicited packets.
"""

from lab import lab
from lab.contact import contact
from lab.runs import REPETITIONS, Limits, everywhere, in_turn, run_cases

KINDS = [
    {"alice": alice, "bob": bob}
    for alice, bob in (
        ("firewall", "cone"), ("none", "cone"), ("none", "symmetric"), ("none", "firewall"), ("none", "none"),
    )
]  # fmt: skip
LIMITS = Limits(median=1.0, worst=3.0)


def on_machine(options):
    if options.full:
        cases, repetitions = [case for kinds in KINDS for case in everywhere(**kinds)], REPETITIONS
    else:
        cases, repetitions = in_turn(KINDS), 1
    run_cases(options, contact, cases, lambda case, name: LIMITS, repetitions, at_once=2)
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
