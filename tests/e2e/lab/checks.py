"""The tools of every scenario: waiting for events, checking, and the two ways to end without success."""

import time

# Seconds to wait for events that are certain to come; a slow machine must not fail a test.
GENEROUS = 60


class Failure(Exception):
    """The scenario did not go as expected."""


class Skip(Exception):
    """The scenario cannot run here."""


def wait_until(predicate, what, timeout=GENEROUS, interval=0.02):
    """Waits until predicate() is true and returns what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout} s in vain: {what}")
        time.sleep(interval)


def check(condition, what):
    if not condition:
        raise Failure(what)
