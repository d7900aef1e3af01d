#!/usr/bin/python3
"""relay_matrix: every kind of NAT has a path to every other one through the public host, in two round trips.

The public host is wg-dnsd's built-in point, which relays; the updaters have `relay: first`. Seconds are counted from the
moment when both ends have an endpoint for each other to the first echo reply; there was no traffic before, and each
contact is the first one of its pair. Nine pairs, once each. With --full all pairs, many times, also with delays and after
traffic, and all pairs once with the updater's default.
"""

import collections
import concurrent.futures
import statistics
import time

from lab import lab
from lab.checks import Failure, check
from lab.rounds import FEW, KINDS, Rounds, few
from lab.rounds import whole as all_pairs
from lab.runs import Case, measure

FIRST = ("--relay", "first")
DELAYS = (0.0, 0.05, 0.2)  # one way, seconds
RUNS = 400  # of each delay, at least
PERIOD = 8.0  # seconds from one contact of a pair to its next one: initiations that cross are held back once in 6 s
ROUNDS_AFTER_TRAFFIC = 4
ONE_SIDE, BOTH_SIDES = "traffic from one side", "traffic from both sides"
OWN_PAUSE = 5.5  # seconds: WireGuard's own, after an initiation that crossed another one


def nine_cells(world):
    matrix = few(Matrix, world)
    for pair, seconds in matrix.run(len(FEW[0]), 0.0, *FIRST).items():
        print(f"{pair}: first reply after {', '.join(f'{one:.2f}' for one in seconds)} s")
    # On a machine that stands still for a second an updater goes on to the direct way.
    print(f"through the public host: {matrix.relayed} of {matrix.contacts}")
    check(2 * matrix.relayed > matrix.contacts, "most of them are not relayed")


class Matrix(Rounds):
    """Rounds of first contacts."""

    def __init__(self, world, kinds, kinds6, lans):
        super().__init__(world, kinds, kinds6, lans)
        self.contacts = self.relayed = 0

    def run(self, rounds, period, *arguments, before=0):
        """Seconds of each pair, by its name. \\param period of a round, seconds: the pairs have their turns one after the
        other. \\param before how many ends have sent before."""
        found = collections.defaultdict(list)
        for _ in range(rounds):
            chosen = self.next_round()
            started = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
                done = [
                    pool.submit(self.take_turn, pair, started + number * period / len(chosen), arguments, before)
                    for number, pair in enumerate(chosen)
                ]
                for pair, one in zip(chosen, done):
                    seconds, relayed = one.result()
                    found[str(pair)].append(seconds)
                    self.relayed += relayed
                    self.contacts += 1
            time.sleep(max(0.0, started + period - time.monotonic()))
        return found

    def take_turn(self, pair, when, arguments, before):
        """One contact at its time: they share two processors, and must not wait for each other.
        \\return its seconds, and whether the public host passed its packets on"""
        time.sleep(max(0.0, when - time.monotonic()))
        ends = (pair.far, pair.near) if self.rounds % 2 else (pair.near, pair.far)
        try:
            return pair.contact(*arguments, before=ends[:before]), pair.was_relayed()
        finally:
            pair.part()


def measure_first(world, case):
    world.delay = case.delay
    matrix = all_pairs(Matrix, world)
    in_a_round = len(matrix.next_round())
    found = {"": matrix.run(-(-RUNS // in_a_round), PERIOD, *FIRST)}
    for words, ends in ((ONE_SIDE, 1), (BOTH_SIDES, 2)):
        found[words] = matrix.run(ROUNDS_AFTER_TRAFFIC, PERIOD, *FIRST, before=ends)
    return found


def measure_default(world, case):
    return {"": all_pairs(Matrix, world).run(len(KINDS), PERIOD)}


def tell(what, found, median=None, percentile=None):
    """Prints the figures of all pairs together, and of the slowest pairs. \\return what is wrong with them, or nothing.
    \\param median, percentile limits of it, and of the 99th, in seconds"""
    pooled = sorted(seconds for of_pair in found.values() for seconds in of_pair)
    middle, high = statistics.median(pooled), pooled[(len(pooled) * 99 - 1) // 100]
    limits = f"  (at most {median:.2f} and {percentile:.2f})" if median else ""
    print(
        f"{what}: {len(pooled)} runs of {len(found)} pairs, median {middle:.3f} s, 90 % {pooled[len(pooled) * 9 // 10]:.3f} s, "
        f"99 % {high:.3f} s, worst {pooled[-1]:.3f} s{limits}"
    )
    for name in sorted(found, key=lambda name: -max(found[name]))[:5]:
        print(f"    {name}: {len(found[name])} runs, median {statistics.median(found[name]):.3f} s, worst {max(found[name]):.3f} s")
    wrong = median and (middle > median or high > percentile)
    return [f"{what}: median {middle:.2f} s, 99 % {high:.2f} s"] if wrong else []


def whole(options):
    wrong = []
    for delay in DELAYS:
        found, rtt = measure(options, measure_first, Case("all", "all", "point", "both", delay)), 2 * delay
        what = f"relay first, {rtt:g} s of round trip"
        wrong += tell(what, found[""], 2 * rtt + 0.15, 3 * rtt + 0.3)
        for words, limit in ((ONE_SIDE, 2 * rtt + 0.5), (BOTH_SIDES, OWN_PAUSE)):
            wrong += tell(f"{what}, {words}", found[words], limit, limit)
    tell("the updater's default", measure(options, measure_default, Case("all", "all", "point", "both"))[""])
    if wrong:
        raise Failure("; ".join(wrong))
    return 0


def on_machine(options):
    return whole(options) if options.full else lab.in_laboratory(options, nine_cells)


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
