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
from lab.pairs import Pair, Pairs
from lab.runs import Case, measure

FIRST = ("--relay", "first")
RESOLVERS = ("unbound", "bind")
IPV4, IPV6 = (4,), (6,)
KINDS = ("none", "cone-eif", "cone", "cone-adf", "firewall", "symmetric", "accepting", "double")
KINDS6 = ("none", "cone-eif", "cone-adf", "firewall")  # IPv6 is filtered as they say, and never translated
LANS = ("cone", "hairpin")  # of a box that two share

# Nine pairs, each of these with each of those; beside them one of IPv6, and two that share a box without hairpinning.
FEW = (("symmetric", "cone", "accepting"), ("symmetric", "double", "firewall"))

DELAYS = (0.0, 0.05, 0.2)  # one way, seconds
RUNS = 400  # of each delay, at least
PERIOD = 8.0  # seconds from one contact of a pair to its next one: initiations that cross are held back once in 6 s
ROUNDS_AFTER_TRAFFIC = 4
ONE_SIDE, BOTH_SIDES = "traffic from one side", "traffic from both sides"
OWN_PAUSE = 5.5  # seconds: WireGuard's own, after an initiation that crossed another one


def nine_cells(world):
    matrix = Matrix(world, FEW, (KINDS6[-1:], KINDS6[-1:]), LANS[:1])
    for pair, seconds in matrix.run(len(FEW[0]), 0.0, *FIRST).items():
        print(f"{pair}: first reply after {', '.join(f'{one:.2f}' for one in seconds)} s")
    # On a machine that stands still for a second an updater goes on to the direct way.
    print(f"through the public host: {matrix.relayed} of {matrix.contacts}")
    check(2 * matrix.relayed > matrix.contacts, "most of them are not relayed")


class Matrix:
    """Homes of all kinds, on two sides, and rounds in which each home has another partner than in the round before.

    \\param kinds, kinds6 those of either side, for IPv4 and IPv6. \\param lans kinds of boxes that two homes share."""

    def __init__(self, world, kinds, kinds6, lans):
        homes = [(kind, families) for families, sides in ((IPV4, kinds), (IPV6, kinds6)) for side in sides for kind in side]
        self.pairs = Pairs(world, [*homes, *([kind] for kind in lans)], RESOLVERS)
        names = iter(self.pairs.names)
        self.blocks = [[[next(names) for _ in side] for side in sides] for sides in (kinds, kinds6)]
        self.lans = list(zip(names, names))
        self.rounds = self.contacts = self.relayed = 0

    def next_round(self):
        """The pairs of another round; after as many rounds as a side has homes, each has met each."""
        found = [Pair(self.pairs, *ends) for ends in self.lans]
        for lefts, rights in self.blocks:
            turn = self.rounds % len(rights)
            found += [Pair(self.pairs, *ends) for ends in zip(lefts, rights[turn:] + rights[:turn])]
        self.rounds += 1
        for name in self.pairs.names:
            self.pairs.use_resolver(name, RESOLVERS[self.rounds % 2])
        return found

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
        \\return its seconds, and whether the public host passes its packets on"""
        time.sleep(max(0.0, when - time.monotonic()))
        ends = (pair.far, pair.near) if self.rounds % 2 else (pair.near, pair.far)
        try:
            return pair.contact(*arguments, before=ends[:before]), pair.through_hub()
        finally:
            pair.part()


def whole_matrix(world):
    return Matrix(world, (KINDS, KINDS), (KINDS6, KINDS6), LANS)


def measure_first(world, case):
    world.delay = case.delay
    matrix = whole_matrix(world)
    in_a_round = len(matrix.next_round())
    found = {"": matrix.run(-(-RUNS // in_a_round), PERIOD, *FIRST)}
    for words, ends in ((ONE_SIDE, 1), (BOTH_SIDES, 2)):
        found[words] = matrix.run(ROUNDS_AFTER_TRAFFIC, PERIOD, *FIRST, before=ends)
    return found


def measure_default(world, case):
    return {"": whole_matrix(world).run(len(KINDS), PERIOD)}


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
