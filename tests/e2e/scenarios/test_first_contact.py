#!/usr/bin/python3
"""first_contact: two peers behind cone NATs get a direct tunnel, observed by the host's interface and by wg-dnsd's own
point, through unbound and through BIND.

The time is counted from the later exec of the two updaters to the first direct reply. The public host has seen both
peers before, and the direct peers had neither keepalive nor traffic. One more case has traffic before, which costs
WireGuard's own pause of 5 s.
"""

from lab import lab
from lab.contact import contact
from lab.runs import REPETITIONS, RESOLVERS, Case, Limits, everywhere, run_cases

LIMITS = Limits(median=1.0, worst=3.0)
AFTER_TRAFFIC = Limits(median=6.0, worst=6.0)


def on_machine(options):
    run_cases(options, contact, everywhere(), lambda case, name: LIMITS, REPETITIONS if options.full else 1)
    busy = [Case(resolver=resolver, variant="traffic before") for resolver in (RESOLVERS if options.full else RESOLVERS[:1])]
    run_cases(options, contact, busy, lambda case, name: AFTER_TRAFFIC)
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
