#!/usr/bin/python3
"""survival: devices, resolvers and servers that go and come back; one clear line in the log for each change of state."""

import time

import dns_client
import lab
from addresses import HOST, ZONE
from checks import check, wait_until


class LogWatch:
    """What a program has logged since the last look."""

    def __init__(self, process):
        self.process = process
        self.seen = 0

    def expect_one(self, *words):
        """Waits for a new line that contains all the words; there must be no other such line."""
        found = wait_until(lambda: self.new_lines(words), f"{self.process.name} logs {words}")
        check(len(found) == 1, f"{self.process.name} said it {len(found)} times: {found}")
        print(f"   {self.process.name}: {found[0]}")
        self.skip()

    def expect_none(self, *words):
        found = self.new_lines(words)
        check(not found, f"{self.process.name} logged {found}")

    def skip(self):
        self.seen = len(self.process.text().splitlines())

    def new_lines(self, words):
        return [line for line in self.process.text().splitlines()[self.seen :] if all(word in line for word in words)]


def observed_device(world):
    """wg-dnsd: its device is missing at the start, appears, vanishes, returns."""
    print("wg-dnsd and its device")
    alice = world.home("alice", "cone")
    log = LogWatch(world.start_dnsd())
    log.expect_one("wg-host")
    world.wireguard()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    log.skip()
    old = world.published("alice")

    world.devices["host"].stop()
    log.expect_one("wg-host")
    check(world.published("alice") == old, "what was known is forgotten with the device")

    alice.forget_mappings()
    world.devices["alice"].stop()
    for name in ("host", "alice"):
        world.devices[name].start()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    check(world.published("alice") != old, "alice has no other port, nothing shown")
    log.expect_one("wg-host")


def killed_server(world):
    """wg-dnsd: killed; the first answer after the restart holds the old endpoints, although the device is gone."""
    print("wg-dnsd killed")
    world.home("alice", "cone")
    world.wireguard()
    process = world.start_dnsd()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    old = world.published("alice")
    serial = soa_serial(world)
    # What was confirmed more than a second ago survives; the sleep is that second, not a wait for an event.
    time.sleep(1.1)
    process.kill()
    world.devices["host"].stop()
    world.start_dnsd(name="wg-dnsd-again")
    check(world.published("alice") == old, f"after the restart: {world.published('alice')}, not {old}")
    check(soa_serial(world) > serial, "the serial did not move forward")


def soa_serial(world):
    return dns_client.ask(world.internet, HOST, ZONE, "SOA").answer[0][0].serial


def updater(world):
    """wg-updater: device missing, then there; resolver unreachable, then back; device gone, then back."""
    print("wg-updater, its device and its resolver")
    world.prepare()


def scenario(options):
    for part in (observed_device, killed_server, updater):
        code = lab.in_laboratory(options, part)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    lab.run_and_exit(scenario)
