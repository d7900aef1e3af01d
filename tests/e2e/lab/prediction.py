"""What the simulation's model of WireGuard says of a schedule (tests/simulation/play.cpp), beside what wireguard-go did.

A schedule is a list of actions `(seconds, side, word)`; the words are those of play.
"""

import dataclasses
import math
import subprocess
import time

from lab.checks import check

TOLERANCE = 0.5  # seconds
LIMIT = 60  # seconds: what lasts longer counts as never


@dataclasses.dataclass
class Outcome:
    """Of one schedule; seconds from its start, math.inf: never."""

    measured: float
    predicted: float
    words: str  # what it was

    def agrees(self):
        return self.measured == self.predicted or abs(self.measured - self.predicted) <= TOLERANCE

    def __str__(self):
        verdict = "agrees" if self.agrees() else "differs"
        return f"wireguard-go {self.measured:6.2f} s  model {self.predicted:6.2f} s  {verdict}  {self.words}"


class Course:
    """The actions that were done, with the times at which they were."""

    def __init__(self, actions):
        self.start = time.time() + 0.2
        self.left, self.done = sorted(actions), []

    def __iter__(self):
        """(side, word) of each action when its time has come; it is done when the next one is asked for."""
        for when, side, word in self.left:
            time.sleep(max(0.0, self.start + when - time.time()))
            yield side, word
            self.done.append(f"{time.time() - self.start:.4f}:{side}:{word}")

    def outcome(self, world, measured, words, *arguments):
        """\\param measured seconds since 1970 \\param arguments of play"""
        play = world.options.build_dir.resolve() / "tests/simulation/play"
        command = [play, "--limit", str(LIMIT), *map(str, arguments), *self.done]
        predicted = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        predicted = float(predicted) if predicted != "never" else math.inf
        return Outcome(measured - self.start, predicted, f"{words}: {' '.join(self.done)}")


def tell(outcomes, at_least):
    """Prints them. \\param at_least how many must agree."""
    for number, outcome in sorted(outcomes.items()):
        print(f"{number:2}  {outcome}")
    agreeing = sum(outcome.agrees() for outcome in outcomes.values())
    print(f"{agreeing} of {len(outcomes)} within {TOLERANCE} s")
    check(agreeing >= at_least, f"{agreeing} of {len(outcomes)} agree, not {at_least}")
