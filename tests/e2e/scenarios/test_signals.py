#!/usr/bin/python3
"""signals: SIGHUP at any moment of a start ends neither program; both stop in time while their device does not answer.

With --full the moments are 5 ms apart, and wg-dnsd has 100 000 peers.
"""

import base64
import pathlib
import re
import signal
import time

from lab import lab
from lab.addresses import ZONE
from lab.checks import check, wait_until
from lab.containment import RUN

INTERVAL, INTERVAL_FULL = 0.08, 0.005  # seconds between two moments
STARTS = 4  # without --full
PEERS, PEERS_FULL = 2_000, 100_000
SOON = 15  # seconds to stop, on a slow machine: a device that does not answer costs each program a few times 2


def wait_for_main(process):
    """Until main() runs, which holds back SIGHUP at once, and neither the laboratory's shell nor the loader."""
    status = pathlib.Path(f"/proc/{process.popen.pid}/status")

    def is_in_main():
        text = status.read_text()
        return text.startswith("Name:\twg-") and int(re.search(r"SigBlk:\s*(\w+)", text)[1], 16) & 1

    wait_until(is_in_main, f"main() of {process.name}", interval=0.001)


def wait_for_line_or_end(process, text):
    wait_until(lambda: process.lines(text) or not process.is_running(), f"{process.name} logs {text}")


def hang_up_at_every_moment(world, name, start, ready, answer):
    """Many starts, each with one SIGHUP a bit later; with --full until one comes after the program is ready."""
    moment, late = 0, False
    while not late and (world.full or moment < STARTS):
        delay = moment * (INTERVAL_FULL if world.full else INTERVAL)
        process = start(f"{name}-{moment}")
        wait_for_main(process)
        time.sleep(delay)  # not a wait for something: this is the moment
        late = bool(process.lines(ready))
        process.signal(signal.SIGHUP)
        wait_for_line_or_end(process, answer)
        check(process.is_running(), f"SIGHUP {delay:.3f} s after its start ended {process.name}: {process.text()}")
        check(process.stop() == 0, f"{process.name} stops with {process.popen.returncode}: {process.text()}")
        check(len(process.lines(answer)) == 1, f"one SIGHUP, {process.lines(answer)}")
        moment += 1
    print(f"{name}: {moment} starts, SIGHUP {delay:.3f} s after the last")


def starts(world):
    peers = PEERS_FULL if world.full else PEERS
    keys = (base64.b64encode(number.to_bytes(32, "big")).decode() for number in range(1, 1 + peers))
    crowd = RUN / "crowd.conf"
    crowd.write_text("".join(f"[Peer]\nPublicKey = {key}\n" for key in keys))

    def dnsd(name):
        return world.host.start(
            world.program("wg-dnsd"), "--zone", ZONE, "--zone-file", lab.ROOT / "tests/answers/static.zone",
            "--peers", crowd, "--listen", "127.0.0.1", "--state-dir", RUN / "state-signals",
            "--control", RUN / "signals", name=name,
        )  # fmt: skip

    def updater(name):
        return world.host.start(
            world.program("wg-updater"), "none-such", "--zone", ZONE, "--state", RUN / "signals.json",
            "--control", RUN / "signals", name=name,
        )  # fmt: skip

    hang_up_at_every_moment(world, "wg-dnsd", dnsd, "answering", "info: reloaded")
    hang_up_at_every_moment(world, "wg-updater", updater, "waiting for it", "SIGHUP: ")


def device_that_hangs(world):
    """wireguard-go is stopped: both programs answer, and stop."""
    world.home("alice", "none")
    world.wireguard()
    dnsd, updater = world.start_dnsd(), world.start_updater("alice", "--control", RUN / "updater")
    wait_until(lambda: (RUN / "updater").exists(), "the updater can be asked")
    for device in world.devices.values():
        device.process.signal(signal.SIGSTOP)
    for process, question in (
        (dnsd, ("wg-dnsd", "status", "--control", lab.CONTROL)),
        (updater, ("wg-updater", "status", "wg-alice", "--control", RUN / "updater")),
    ):
        process.wait_for_line("does not answer: look whether it hangs")
        told = world.host.run(world.program(question[0]), *question[1:], check=False)
        named = "does not answer" in told.stdout + told.stderr
        check(named, f"{question[:2]} does not name the device that hangs: {told}")
        begun = time.monotonic()
        check(process.stop() == 0, f"{process.name} stops with {process.popen.returncode}")
        print(f"{process.name} stops {time.monotonic() - begun:.1f} s after SIGTERM, with a device that hangs")
        check(time.monotonic() - begun < SOON, f"{process.name} waits for its device")
    for device in world.devices.values():
        device.process.signal(signal.SIGCONT)


if __name__ == "__main__":
    lab.main(starts, device_that_hangs)
