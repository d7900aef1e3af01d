"""What every scenario is made of: waiting for events, checking, and the two ways not to succeed."""

import time

# Seconds, for events that are certain to come; a slow machine must not fail a test.
GENEROUS = 60


class Failure(Exception):
    """The scenario did not go as it must."""


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
