#!/usr/bin/python3
"""survival: devices, resolvers and servers that disappear and come back; one clear line in the log for each change."""

import base64
import collections
import contextlib
import signal
import time

import dns.rcode

from lab import dns_client
from lab import lab
from lab.addresses import HOST, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.wireguard import base32_of

UNREACHABLE = "192.0.2.99"
SOMEBODY = base64.b64encode(bytes([7] * 32)).decode()


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
    log.expect("tried again")
    # A denial that is not certain would be cached: it is not known yet which keys are registered.
    check(ask_about_somebody(world).rcode() == dns.rcode.SERVFAIL, "an unknown key is denied before the device was ever read")

    world.wireguard()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    log.expect("wg-host: readable again")
    check(ask_about_somebody(world).rcode() == dns.rcode.NXDOMAIN, "an unknown key is not denied although the device was read")
    old = world.published("alice")

    world.devices["host"].stop()
    log.expect("tried again")
    check(world.published("alice") == old, "what was known is forgotten with the device")

    alice.forget_mappings()
    world.devices["alice"].stop()
    for name in ("host", "alice"):
        world.devices[name].start()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    check(world.published("alice") != old, "alice has no other port, nothing shown")
    log.expect("wg-host: readable again")
    log.finish()


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
    time.sleep(1.1)  # not a wait for an event: what was confirmed more than a second ago survives
    process.kill()
    world.devices["host"].stop()

    log = LogWatch(world.launch_dnsd(name="wg-dnsd-again"))
    first = wait_until(lambda: first_answer(world), "an answer after the restart")
    check(first == old, f"the first answer after the restart is {first}, not {old}")
    check(soa_serial(world) > serial, "the serial did not move forward")
    log.expect("known from the last run")
    log.finish()


def reload_and_stop(world):
    """wg-dnsd: a wrong file at SIGHUP changes nothing, a right one does; SIGTERM ends it cleanly."""
    print("wg-dnsd reloaded and stopped")
    world.home("alice", "cone")
    world.wireguard()
    peers = RUN / "peers.conf"
    section = f"[Peer]\nPublicKey = {SOMEBODY}\nAllowedIPs = 10.77.0.9/32\nEndpoint = 203.0.113.99:"
    peers.write_text(f"{section}1111\n")
    process = world.start_dnsd("--peers", peers)
    log = LogWatch(process)

    peers.write_text(f"{section}2222\nColour = blue\n")
    process.signal(signal.SIGHUP)
    log.expect("not reloaded")
    check(port_of_somebody(world) == 1111, "a wrong file changed something")
    peers.write_text(f"{section}2222\n")
    process.signal(signal.SIGHUP)
    log.expect("info: reloaded")
    wait_until(lambda: port_of_somebody(world) == 2222, "the answer is that of the right file")
    check(process.stop() == 0, "SIGTERM did not end it cleanly")
    log.expect("info: stopping")
    log.finish()


def soa_serial(world):
    return dns_client.ask(world.internet, HOST, ZONE, "SOA").answer[0][0].serial


def ask_about_somebody(world):
    return dns_client.ask(world.internet, HOST, f"_wireguard._udp.{base32_of(SOMEBODY)}.{ZONE}", "SRV")


def port_of_somebody(world):
    return dns_client.srv_endpoints(ask_about_somebody(world))[0][2]


def first_answer(world):
    """The first answer's endpoints for alice: "address:port" of each SRV; there is no answer before."""
    with contextlib.suppress(dns_client.Timeout):
        return world.published("alice", timeout=0.2) or ["an answer without SRV"]


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
    log.expect("DNS cannot be asked")
    check(device.peer(bob).endpoint is None, "an endpoint was set without an answer from DNS")
    world.use_resolver("unbound")
    log.expect("DNS can be asked again")
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


if __name__ == "__main__":
    lab.main(observed_device, killed_server, reload_and_stop, updater)
