"""Figures: runs the same laboratory several times, in several cases, and prints the seconds that it took.

A scenario with figures is a function(world, case) that returns seconds by name: {"first reply": 0.62}. Each run has a
laboratory of its own, because resolvers and NATs remember things that would make the next run easier.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import functools
import json
import multiprocessing
import os
import signal
import statistics

from lab import lab
from lab.checks import Failure, Skip
from lab.containment import PR_SET_PDEATHSIG, libc

SOURCES = ("interface", "point")
RESOLVERS = ("unbound", "bind")
REPETITIONS = 20  # of each case, with --full


@dataclasses.dataclass(frozen=True)
class Case:
    """The properties of a laboratory."""

    alice: str = "cone"
    bob: str = "cone"
    source: str = "interface"  # the observer: the host's WireGuard interface, or wg-dnsd's own `point`
    resolver: str = "unbound"
    delay: float = 0.0  # between the homes, one way, seconds
    variant: str = ""  # any other difference; the scenario defines the word

    def __str__(self):
        words = [f"{self.alice} × {self.bob}", self.source, self.resolver]
        words += [f"{self.delay * 1000:.0f} ms"] if self.delay else []
        return ", ".join(words + ([self.variant] if self.variant else []))

    def prepare(self, world, later=()):
        """As Lab.prepare."""
        world.delay = self.delay
        world.prepare(self.alice, self.bob, resolvers=(self.resolver,), source=self.source, later=later)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Seconds, judged with --full."""

    median: float
    worst: float


def everywhere(**words):
    """The cases of one kind with both sources, through both resolvers."""
    return [Case(source=source, resolver=resolver, **words) for source in SOURCES for resolver in RESOLVERS]


def in_turn(kinds):
    """One case of each kind, `Case` words, so that each source and each resolver has its turn."""
    pairs = [(source, resolver) for resolver in RESOLVERS for source in SOURCES]
    return [Case(source=pairs[n % 4][0], resolver=pairs[n % 4][1], **words) for n, words in enumerate(kinds)]


def run_cases(options, scenario, cases, limits, repetitions=1, at_once=1):
    """Runs scenario(world, case) `repetitions` times for each case, and prints median and worst of the returned
    figures.
    \\param limits a function(case, name) → Limits or None, judged with --full. \\param at_once laboratories side by
    side: more than one only if the machine's load is not measured. \\error Failure of the first run that failed."""
    jobs = [case for case in cases for _ in range(repetitions)]
    measure_one = functools.partial(measure, options, scenario)
    if at_once == 1:
        found = [measure_one(case) for case in jobs]
    else:
        # One process for each, so that waiting in a laboratory holds up no other one.
        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(at_once, context, end_with_parent) as pool:
            found = list(pool.map(measure_one, jobs))
    figures = collections.defaultdict(list)
    for case, measured in zip(jobs, found):
        for name, seconds in measured.items():
            figures[case, name] += seconds if isinstance(seconds, list) else [seconds]
    missed = [
        missing
        for (case, name), seconds in figures.items()
        if (missing := judge(options, case, name, seconds, limits(case, name)))
    ]
    if missed:
        raise Failure("; ".join(missed))


def end_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def judge(options, case, name, seconds, limits):
    """Prints a row of the table. \\return what is wrong with it, or nothing."""
    median, worst = statistics.median(seconds), max(seconds)
    wanted = f"  (at most {limits.median:g} and {limits.worst:g})" if limits else ""
    print(f"{case}: {name}: {len(seconds)} runs, median {median:.2f} s, worst {worst:.2f} s{wanted}")
    if options.full and limits and (median > limits.median or worst > limits.worst):
        return f"{case}: {name}: median {median:.2f} s, worst {worst:.2f} s, at most {limits.median:g} and {limits.worst:g}"
    return ""


def measure(options, scenario, case):
    """One run; what scenario(world, case) returned."""
    if options.keep:
        options = argparse.Namespace(**{**vars(options), "keep": options.keep / str(case).replace(" ", "-")})
    reading, writing = os.pipe()

    def body(world):
        measured = scenario(world, case)
        os.write(writing, json.dumps(measured).encode())

    code = lab.in_laboratory(options, body)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    if code == 77:
        raise Skip(f"{case}: see above")
    if code != 0:
        raise Failure(f"{case}: see above")
    return json.loads(text)
