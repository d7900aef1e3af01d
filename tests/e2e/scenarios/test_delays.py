#!/usr/bin/python3
"""delays: first contact of two cones when every packet between them takes 50 and 200 ms; for 0 ms see first_contact.

Half of the delay lies between a home and the Internet, so that look-ups are delayed, too. Two initiations that cross
cost WireGuard's own 5 s; at 200 ms some cross twice.
"""

from lab import lab
from lab.contact import contact
from lab.runs import REPETITIONS, Limits, everywhere, in_turn, run_cases

DELAYS = [{"delay": 0.05}, {"delay": 0.2}]  # one way, seconds
LIMITS = {0.05: Limits(median=2.0, worst=15.0), 0.2: Limits(median=4.0, worst=15.0)}


def on_machine(options):
    if options.full:
        cases, repetitions = [case for words in DELAYS for case in everywhere(**words)], REPETITIONS
    else:
        cases, repetitions = in_turn(DELAYS), 1
    run_cases(options, contact, cases, lambda case, name: LIMITS[case.delay], repetitions, at_once=2)
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
