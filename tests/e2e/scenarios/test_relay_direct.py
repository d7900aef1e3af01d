#!/usr/bin/python3
"""relay_direct: a session that the public host relays moves to the direct way, without being lost.

The public host is wg-dnsd's built-in point; the updaters have `relay: first`. Seconds are counted from the first handshake
to the moment when both ends have each other's own endpoint; echo requests go on meanwhile, and those that nobody answered
are counted. Pairs whose NATs never connect stay relayed. Nine pairs, once each. With --full all pairs, many times, also
with delays, and at 100 requests per second.
"""

import collections
import concurrent.futures
import statistics
import time

from lab import lab
from lab.checks import Failure, check, wait_until
from lab.rounds import FEW, Rounds, few
from lab.rounds import whole as all_pairs
from lab.runs import Case, measure

FIRST = ("--relay", "first")
# A symmetric NAT is reached from where its own packets are let in from any port.
OPEN_TO_SYMMETRIC = ("none", "cone-eif", "cone-adf")

DELAYS = (0.0, 0.05, 0.2)  # one way, seconds
RUNS = 400  # in all, at least
PERIOD = 12.0  # seconds from one contact of a pair to its next one
RATE, FAST_RATE = 5, 100
STAYS = 0.5  # seconds for which a pair has to be direct, or relayed, to count
MEDIAN, MOST, WORST = 0.6, 2.0, 8.0  # seconds; of all, of 95 % of them, and of every one; 2.5 round trips are added but to the last
FIRST_TRY, MOST_TRIES = 3.0, 60.0  # seconds that a pair is watched: one that should stay relayed, or may; any other


def is_hopeless(kinds):
    return "symmetric" in kinds and not any(kind in OPEN_TO_SYMMETRIC for kind in kinds)


def is_uncertain(kinds):
    """A NAT that lets strangers in on its own address gives the pair another port, if the other side comes first."""
    return "accepting" in kinds and not any(kind in OPEN_TO_SYMMETRIC for kind in kinds)


def is_wrong(verdict, seconds):
    return seconds is None if verdict == "always" else seconds is not None and verdict == "never"


class Moves(Rounds):
    """Rounds of sessions that are made through the relay, and watched until they are direct."""

    def run(self, rounds, period, rate):
        """(pair, whether it can be direct, seconds or None, lost, sent) of each contact."""
        found = []
        for _ in range(rounds):
            chosen = self.next_round()
            started = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
                done = [
                    pool.submit(self.take_turn, pair, started + number * period / len(chosen), rate)
                    for number, pair in enumerate(chosen)
                ]
                found += [one.result() for one in done]
            time.sleep(max(0.0, started + period - time.monotonic()))
        return found

    def take_turn(self, pair, when, rate):
        time.sleep(max(0.0, when - time.monotonic()))
        homes = [self.pairs.world.homes[name] for name in (pair.near, pair.far)]
        kinds = [] if pair.is_on_one_network() else [home.kind for home in homes]
        verdict = "never" if is_hopeless(kinds) else "perhaps" if is_uncertain(kinds) else "always"
        try:
            pair.introduce()
            pair.start_updaters(*FIRST)
            wait_until(lambda: all(pair.state(name).handshake for name, _ in pair.ends()), f"{pair}: a session", interval=0.005)
            begun = min(pair.state(name).handshake for name, _ in pair.ends())
            echo = pair.echo(rate=rate)
            seconds = self.watch(pair, begun, MOST_TRIES if verdict == "always" else FIRST_TRY)
            lost = echo.lost(1 + 4 * self.pairs.world.delay)
            return str(pair), verdict, seconds, lost, len(echo.sent)
        finally:
            pair.part()

    @staticmethod
    def watch(pair, begun, limit):
        """Seconds until both ends are direct, and stay so; none: they were not within the limit."""
        since = None
        while time.time() - begun < limit:
            if not pair.is_direct():
                since = None
            elif since is None:
                since = time.time()
            elif time.time() - since > STAYS:
                return since - begun
            time.sleep(0.005)
        return None


def nine_cells(world):
    found = few(Moves, world).run(len(FEW[0]), 0.0, RATE)
    for pair, verdict, seconds, lost, sent in found:
        what = "stays relayed" if seconds is None else f"direct after {seconds:.2f} s"
        print(f"{pair}: {what}; {lost} of {sent} requests lost")
        check(not is_wrong(verdict, seconds), f"{pair}: {what}")


def measure_moves(world, case):
    world.delay = case.delay
    moves = all_pairs(Moves, world)
    in_a_round = len(moves.next_round())
    return moves.run(-(-RUNS // len(DELAYS) // in_a_round), PERIOD, int(case.variant))


def tell(what, found, rtt):
    wrong = []
    moved = sorted(seconds for _, verdict, seconds, _, _ in found if verdict == "always" and seconds is not None)
    missed = collections.Counter(pair for pair, verdict, seconds, _, _ in found if is_wrong(verdict, seconds))
    middle, high = statistics.median(moved), moved[(len(moved) * 95 - 1) // 100]
    print(f"{what}: {len(moved)} moves, median {middle:.2f} s, 95 % {high:.2f} s, worst {moved[-1]:.2f} s")
    for pair, _, seconds, lost, _ in sorted(found, key=lambda one: -(one[2] or 0))[:5]:
        print(f"    {pair}: {seconds}, {lost} lost")
    perhaps = [seconds is not None for _, verdict, seconds, _, _ in found if verdict == "perhaps"]
    print(f"    beside a NAT that lets strangers in: {sum(perhaps)} of {len(perhaps)} direct within {FIRST_TRY:g} s")
    losses = collections.Counter(lost for _, verdict, _, lost, _ in found if verdict == "always")
    stays = collections.Counter(lost for _, verdict, _, lost, _ in found if verdict == "never")
    print(f"    lost while they moved: {dict(sorted(losses.items()))}; of {sum(stays.values())} that stay relayed: {dict(sorted(stays.items()))}")
    if missed:
        wrong.append(f"{what}: not where they should be: {dict(missed)}")
    if middle > MEDIAN + 2.5 * rtt or high > MOST + 2.5 * rtt or moved[-1] > WORST:
        wrong.append(f"{what}: median {middle:.2f} s, 95 % {high:.2f} s, worst {moved[-1]:.2f} s")
    return wrong


def whole(options):
    wrong = []
    for rate in (RATE, FAST_RATE):
        for delay in DELAYS:
            found = measure(options, measure_moves, Case("all", "all", "point", "both", delay, str(rate)))
            wrong += tell(f"{2 * delay:g} s of round trip, {rate} requests per second", found, 2 * delay)
    if wrong:
        raise Failure("; ".join(wrong))
    return 0


def on_machine(options):
    return whole(options) if options.full else lab.in_laboratory(options, nine_cells)


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
