#!/usr/bin/python3
"""crowd: five hundred peers of one built-in observation point, behind one NAT, a dozen of them wireguard-go.

All are observed, and every record is right. wg-dnsd is killed, and all are confirmed again within seconds. With --full
a WireGuard interface in its place is also tested: it is blind until its peers' sessions end.
"""

import contextlib
import json
import time

from lab import dns_client
from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import Failure, Skip, check, wait_until
from lab.containment import RUN
from lab.point import Point
from lab.wireguard import KEEPALIVE, WireGuard, base32_of, public_key_of, wg

ALL = 500
REAL = 12  # wireguard-go peers, each with a process and an interface
FIRST_PORT = 30001  # of the peers; the NAT keeps it, because all differ
RECOVERY = 3.0  # seconds from the start after kill -9 until all are confirmed, judged with --full
BLIND = 180  # seconds that WireGuard's own hub may take: a session's life, and a keepalive


class Crowd:
    """The peers: `place` says by public key where the point must see it."""

    def __init__(self, world, count, real):
        self.world = world
        self.home = world.home("alice", "cone")
        keys = [wg("genkey") for _ in range(count)]
        self.place = {public_key_of(key): f"{self.home.public}:{FIRST_PORT + i}" for i, key in enumerate(keys)}
        self.allowed = {key: f"10.78.{i // 250}.{i % 250}/32" for i, key in enumerate(self.place)}
        self.real_keys, self.other_keys = keys[:real], keys[real:]

    def start(self, hub):
        """Starts all of them; wireguard-go first, because it starts slowly."""
        self.devices = []
        for i, key in enumerate(self.real_keys):
            device = WireGuard(self.home.node, f"wg-{i}", key, port=FIRST_PORT + i)
            self.devices.append(device)
        keys_file = RUN / "crowd.keys"
        keys_file.write_text("".join(f"{key}\n" for key in self.other_keys))
        program = self.world.options.build_dir.resolve() / "tests/wire/wg_crowd"
        if not program.exists():
            raise Skip(f"{program} is not built")
        started = time.monotonic()
        for device in self.devices:
            # The device has peers, but no route: all devices want the same one.
            device.set(
                "peer", hub.public_key, "allowed-ips", f"{TUNNEL['host']}/32",
                "endpoint", f"{HOST}:{WIREGUARD_PORT}", "persistent-keepalive", KEEPALIVE,
            )  # fmt: skip
        if self.other_keys:
            self.home.node.start(
                program, keys_file, FIRST_PORT + len(self.real_keys), hub.public_key, f"{HOST}:{WIREGUARD_PORT}",
                KEEPALIVE, name="crowd",
            )  # fmt: skip
        return started


def are_all_seen(hub):
    """Whether this run of wg-dnsd has seen all peers lately."""
    peers = json.loads(hub.ask("status", "--json"))["peer_counts"]
    return peers["with_endpoint"] == ALL + 1 and peers["stale"] == 0  # and the host's own key


def check_records(world, crowd):
    """Each peer's answer is its endpoint at the NAT, and nothing else."""
    client = dns_client.Client(world.internet, HOST)
    for key, place in crowd.place.items():
        [(_, target, port)] = dns_client.srv_endpoints(client.ask(f"_wireguard._udp.{base32_of(key)}.{ZONE}", "SRV"))
        answered = f"{target.split('.')[0].replace('-', '.')}:{port}"
        check(answered == place, f"{key} is at {place}, and not at {answered}")
    client.close()


def point(world):
    crowd = Crowd(world, ALL, REAL)
    hub = Point(world)
    for key, allowed in crowd.allowed.items():
        hub.add_peer(key, allowed)
    process = hub.start("--rate-limit", "0")  # one client asks for all
    started = crowd.start(hub)
    wait_until(lambda: are_all_seen(hub), f"all {ALL} are observed", interval=0.1)
    print(f"{ALL} peers, {REAL} of them wireguard-go: observed after {time.monotonic() - started:.1f} s")
    check_records(world, crowd)
    print(f"{ALL} records are right")

    time.sleep(1.1)  # not a wait for an event: what was confirmed more than a second ago survives
    process.kill()
    started = time.monotonic()
    hub.launch("--rate-limit", "0", name="wg-dnsd-again")
    wait_until((hub.folder / "control").exists, "wg-dnsd is there again")

    def are_confirmed():
        with contextlib.suppress(Failure):  # it may not listen yet
            return are_all_seen(hub)

    wait_until(are_confirmed, f"all {ALL} are confirmed again", interval=0.05)
    seconds = time.monotonic() - started
    print(f"killed: all {ALL} confirmed {seconds:.2f} s after the start")
    check_records(world, crowd)
    if world.full:
        check(seconds <= RECOVERY, f"confirmed after {seconds:.2f} s, more than {RECOVERY}")


def interface(world):
    """WireGuard's own hub in the same place loses its sessions with its process, and its peers do not notice."""
    crowd = Crowd(world, REAL, REAL)
    hub = WireGuard(world.host, "wg-host", wg("genkey"), addresses=[f"{TUNNEL['host']}/32"])
    for key, allowed in crowd.allowed.items():
        hub.add_peer(key, allowed)
    crowd.start(hub)

    def all_seen():
        return all(peer.handshake for peer in hub.peers().values())

    wait_until(all_seen, "the hub has seen all")
    hub.stop()
    started = time.monotonic()
    hub.start()
    wait_until(all_seen, "the hub has seen all again", timeout=BLIND, interval=0.5)
    print(f"a wireguard-go hub beside it: {REAL} peers seen again {time.monotonic() - started:.0f} s after its start")


def on_machine(options):
    return lab.in_laboratories(options, (point, interface) if options.full else (point,))


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
