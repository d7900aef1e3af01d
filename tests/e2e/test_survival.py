#!/usr/bin/python3
"""survival: devices, resolvers and servers that go and come back; one clear line in the log for each change."""

import collections
import time

import dns_client
import lab
from addresses import HOST, ZONE
from checks import check, wait_until


UNREACHABLE = "192.0.2.99"


class LogWatch:
    """Counts what a program must log: each change of state once, however long the state lasts."""

    def __init__(self, process):
        self.process = process
        self.counts = collections.Counter()

    def expect(self, words):
        """Waits for one more line with these words."""
        self.counts[words] += 1
        wait_until(lambda: len(self.process.lines(words)) >= self.counts[words], f"{self.process.name} logs {words}")
        print(f"   {self.process.lines(words)[-1]}")

    def finish(self):
        for words, count in self.counts.items():
            found = self.process.lines(words)
            check(len(found) == count, f"{self.process.name} logged {len(found)} times, not {count}: {found}")


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
    """wg-updater: device missing, then there; resolver unreachable, then back; device gone, then back; stopped."""
    print("wg-updater, its device and its resolver")
    world.prepare()
    device, bob = world.devices["alice"], world.devices["bob"].public_key
    device.stop()
    world.start_updater("bob")
    world.homes["alice"].node.use_resolvers(UNREACHABLE)
    process = world.start_updater("alice")
    log = LogWatch(process)
    log.expect("waiting for it")

    device.start()
    log.expect("wg-alice: here")
    log.expect("look-ups fail")
    check(device.peer(bob).endpoint is None, "an endpoint was set without an answer from DNS")
    world.use_resolver("unbound")
    log.expect("look-ups work again")
    world.wait_for_direct_handshake()

    device.stop()
    log.expect("waiting for it")
    device.start()
    log.expect("wg-alice: here")
    world.wait_for_direct_handshake()
    endpoint = device.peer(bob).endpoint

    log.finish()
    check(process.stop() == 0, "SIGTERM did not end it cleanly")
    peer = device.peer(bob)
    check(peer.keepalive == 0, f"the keepalive of the user was 0, {peer.keepalive} was left")
    check(peer.endpoint == endpoint, "the endpoint did not stay")


def on_machine(options):
    for part in (observed_device, killed_server, updater):
        code = lab.in_laboratory(options, part)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
