#!/usr/bin/python3
"""cleanup: a laboratory leaves nothing on the machine, however it ends, and disturbs nothing while it runs."""

import os
import pathlib
import signal
import subprocess
import sys
import uuid

from lab import lab
from lab.checks import GENEROUS, Failure, check, wait_until

MARK = "WG_DNSD_LABORATORY"
ENABLED_UNITS = "/etc/systemd/system/multi-user.target.wants"
READY = "the laboratory is complete"


def victim(world):
    """Makes everything that a scenario makes, then fails or waits to be ended."""
    world.home("alice", "cone")
    world.home("bob", "symmetric")
    world.start_dns()
    world.wireguard()
    world.wait_until_host_sees_all()
    print(READY, flush=True)
    if os.environ[MARK].startswith("exception"):
        raise RuntimeError("a scenario that fails")
    signal.pause()


def machine_state():
    """Everything that a careless laboratory would leave behind, as a set of texts."""
    state = {"resolv.conf " + pathlib.Path("/etc/resolv.conf").read_text()}
    commands = {"link": "ip -brief link", "mount": "cat /proc/self/mounts", "rules": "nft list ruleset"}
    for title, command in commands.items():
        lines = subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout.splitlines()
        state |= {f"{title} {line}" for line in lines}
    for folder in ("/run/netns", "/run/wireguard", "/run/lab", "/etc/netns", ENABLED_UNITS):
        state |= {f"{folder}/{name}" for name in (os.listdir(folder) if os.path.isdir(folder) else [])}
    return state


def processes_with(mark):
    found = []
    for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environ.read_bytes():
                found.append(environ.parent.name)
        except OSError:  # it ended while we looked
            pass
    return found


def end_and_compare(ending, number):
    mark = f"{ending}-{uuid.uuid4()}"
    before = machine_state()
    run = subprocess.Popen(
        [sys.executable, *sys.argv], env={**os.environ, MARK: mark}, stdout=subprocess.PIPE, text=True
    )
    for line in run.stdout:
        if READY in line:
            break
    else:
        raise Failure(f"{ending}: the laboratory did not come up")
    if number:
        count = len(processes_with(mark))
        check(count > 10, f"{ending}: only {count} processes carry the mark")
        new = machine_state() - before
        check(not new, f"{ending}: seen on the machine while a laboratory runs: {sorted(new)}")
        run.send_signal(number)
    run.stdout.read()
    code = run.wait(GENEROUS)
    expected = {0: 1, signal.SIGKILL: -signal.SIGKILL}.get(number, 128 + number)
    check(code == expected, f"{ending}: exit code {code}, not {expected}")
    wait_until(lambda: not processes_with(mark), f"{ending}: all processes are gone")
    new = machine_state() - before
    check(not new, f"{ending}: left behind: {sorted(new)}")
    print(f"{ending}: exit code {code}, nothing left")


def on_machine(_options):
    for ending, number in (
        ("exception", 0),
        ("interrupt", signal.SIGINT),
        ("termination", signal.SIGTERM),
        ("kill", signal.SIGKILL),
    ):
        end_and_compare(ending, number)
    return 0


if __name__ == "__main__":
    if MARK in os.environ:
        lab.main(victim)
    lab.run_and_exit(on_machine)
