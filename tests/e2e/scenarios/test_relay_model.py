#!/usr/bin/python3
"""relay_model: two devices with the hub as each other's endpoint have a session, or a reply, when the simulation says so.

Pairs of wireguard-go behind NATs of all kinds, and wg-dnsd's point, which relays; endpoints and kicks are set at random
times. Some ask all the time; then the first reply counts, or the first one after their NATs have forgotten their mappings.
Some are the victims of forged initiations, so that the relay asks for a cookie. With --full 30 schedules, of which 27
must agree within half a second; otherwise one of each kind.
"""

import concurrent.futures
import dataclasses
import math
import random
import time

from lab import forged_wireguard, lab, uapi
from lab.addresses import HOST, WIREGUARD_PORT
from lab.checks import Failure, check, wait_until
from lab.pairs import Pair, Pairs
from lab.prediction import LIMIT, Course, Outcome, tell
from lab.runs import Case, measure
from lab.spoofing import Spoofer, datagram

SCHEDULES, AGREEING, AT_ONCE = 30, 27, 5
DELAYS = (0.0, 0.05, 0.2)  # one way between the homes, the hub half way; each has a laboratory
HUB = (HOST, WIREGUARD_PORT)
NATS = ("none", "cone-eif", "cone-adf", "cone", "firewall", "symmetric", "accepting", "double")
KICK = ("persistent_keepalive_interval=0", "persistent_keepalive_interval=25")
FORGED = 12  # initiations at once: more than a pair may send without a cookie


# ---- schedules: actions `(time, side, word)`, the words of play


def begin(when, side):
    return [(when, side, "endpoint"), (when, side, "kick")]


def by_roles(chance, delay):
    """As the updater does it: one side, and the other a little later."""
    first = chance.randrange(2)
    late = chance.uniform(0.5, 1)
    later = [(late + 0.15 + 2 * delay, 1 - first, "kick")]
    return [*begin(late, first), (chance.uniform(0.5, 1), 1 - first, "endpoint"), *later]


def one_side(chance, _):
    """The other one learns where to answer, or knows it and waits."""
    first = chance.randrange(2)
    known = [(chance.uniform(0.2, 2), 1 - first, "endpoint")] if chance.random() < 0.5 else []
    return [*begin(chance.uniform(0.5, 1), first), *known]


def same_instant(chance, _):
    when = chance.uniform(0.5, 1)
    return [*begin(when, 0), *begin(when + chance.choice((0, 0.02, 0.05)), 1)]


def at_random(chance, _):
    """Also too early, when there is no endpoint, which costs WireGuard's 5 s."""
    actions = []
    for side in (0, 1):
        when = chance.uniform(0.5, chance.choice((1, 7)))
        actions += begin(when, side)
        actions += [(chance.uniform(0, when), side, "kick")] if chance.random() < 0.4 else []
        actions += [(when + chance.uniform(1, 4), side, "kick")] if chance.random() < 0.4 else []
    return actions


def asking_before(chance, delay):
    asking = [(chance.uniform(0, 2), 0, "ask")]
    return asking + [(when + 2, side, word) for when, side, word in at_random(chance, delay)]


def forged(chance, _):
    """Initiations in the name of one side, just before its own."""
    victim, when = chance.randrange(2), chance.uniform(1, 2)
    asking = [(when + 0.3, victim, "ask")] if chance.random() < 0.5 else []
    known = [(0.5, 1 - victim, "endpoint")] if chance.random() < 0.5 else []
    return [*known, *((when, victim, "forge") for _ in range(FORGED)), *begin(when + 0.2, victim), *asking]


def rebinding(chance, _):
    """Under requests. What is silent itself shows the hub its new place when it speaks to it."""
    mover, when = chance.randrange(2), chance.uniform(3, 9)
    spoken = [(when + chance.uniform(0.5, 3), mover, "kick-hub")] if mover == 1 or chance.random() < 0.3 else []
    return [*begin(0.5, chance.randrange(2)), (1, 0, "endpoint"), (1.5, 0, "ask"), (when, mover, "rebind"), *spoken]


KINDS = (by_roles, rebinding, same_instant, asking_before, forged, one_side, at_random)


@dataclasses.dataclass
class Schedule:
    kind: str
    nats: list
    actions: list


def make_schedule(number, delay):
    chance = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    return Schedule(kind.__name__, [chance.choice(NATS) for _ in range(2)], kind(chance, delay))


# ---- the laboratory


class Player:
    """Does the actions of a schedule to one pair."""

    def __init__(self, pair, schedule):
        self.pair, self.schedule = pair, schedule
        self.world = pair.world
        self.ends = pair.ends()
        self.echo, self.rebound = None, 0.0

    def do(self, side, word):
        name, other = self.ends[side]
        key = self.pair.device(other).public_key
        if word == "endpoint":
            uapi.set_peer(f"wg-{name}", key, f"endpoint={self.pair.pairs.hub_of(name)[1]}")
        elif word == "kick":
            uapi.set_peer(f"wg-{name}", key, *KICK)
        elif word == "kick-hub":
            uapi.set_peer(f"wg-{name}", self.pair.pairs.hub_of(name)[0], *KICK)
        elif word == "ask":
            self.echo = self.pair.echo(name, rate=5)
        elif word == "rebind":
            self.world.homes[name].forget_mappings()
        elif word == "forge":
            home = self.world.homes[name]
            forgery = datagram((home.addresses[0], WIREGUARD_PORT), HUB, forged_wireguard.initiation(key))
            Spoofer(home.node).send(forgery, HOST)

    def play(self):
        self.pair.introduce()
        course = Course(self.schedule.actions)
        after = course.start
        for side, word in course:
            self.do(side, word)
            if word == "rebind":
                after = time.time() + 2 * self.world.delay  # what was under way has come
        try:
            measured = self.wait(after)
        except Failure:
            measured = math.inf
        self.stop()
        words = f"{self.schedule.kind}, {' × '.join(self.schedule.nats)}, {self.world.delay:g} s"
        return course.outcome(
            self.world, measured, words, "--delay", self.world.delay, "--relayed", ",".join(self.schedule.nats)
        )  # fmt: skip

    def wait(self, after):
        """The time of the first reply, or of the later side's handshake."""
        if self.echo:
            return self.echo.wait_for_reply(after, LIMIT)
        handshakes = wait_until(self.handshakes, f"{self.pair}: a session", LIMIT, 0.05)
        return max(handshakes)

    def handshakes(self):
        found = [self.pair.state(name).handshake for name, _ in self.ends]
        return all(found) and found

    def stop(self):
        if self.echo:
            self.echo.stop()
        self.pair.part()


def play_all(world, case, numbers):
    """A laboratory; outcomes by the numbers of the schedules."""
    world.delay = case.delay
    schedules = {number: make_schedule(number, case.delay) for number in numbers}
    homes = [(nat, (4,)) for schedule in schedules.values() for nat in schedule.nats]
    pairs = Pairs(world, homes, resolvers=())
    names = iter(pairs.names)
    players = [Player(Pair(pairs, near, next(names)), schedule) for near, schedule in zip(names, schedules.values())]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = pool.map(Player.play, players)
        return {number: dataclasses.astuple(outcome) for number, outcome in zip(schedules, outcomes)}


def on_machine(options):
    count = SCHEDULES if options.full else len(KINDS)
    delays = DELAYS if options.full else DELAYS[1:2]
    outcomes = {}
    for first, delay in enumerate(delays):
        numbers = range(first, count, len(delays))
        found = measure(options, lambda world, case: play_all(world, case, numbers), Case(delay=delay))
        outcomes.update((int(number), Outcome(*outcome)) for number, outcome in found.items())
    check(len(outcomes) == count, f"{len(outcomes)} of {count} schedules")
    tell(outcomes, AGREEING if options.full else 0)
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
