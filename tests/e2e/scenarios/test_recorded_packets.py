#!/usr/bin/python3
"""recorded_packets: attacks of an eavesdropper who hears every packet, against a built-in observation point.

Mallory records alice's packets and the host's, and sends them from her own address, or with alice's: again, cut,
changed, reflected, held back, and after a restart of wg-dnsd. The published data of alice stays, and mallory gets no
packet. The only exception is a newest packet that she held back: it moves alice for 5 s, until the host has asked back.
"""

import contextlib
import socket
import time

from lab import lab
from lab.addresses import HOST, WIREGUARD_PORT
from lab.checks import Failure, check, wait_until
from lab.node import Node
from lab.point import Point
from lab.spoofing import Spoofer, datagram

MALLORY = "192.0.2.66"
PORT = 4444
INITIATION, RESPONSE, DATA = 1, 2, 4
KEEPALIVE_OCTETS = 32
REVERTED = 5.0  # seconds, judged with --full; the margin is for polling


class Tap:
    """Every UDP datagram from or to the point that enters the internet node."""

    def __init__(self, node):
        with node.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.socket.setblocking(False)

    def drain(self):
        """(source, target, payload) of each datagram since the last call."""
        heard = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, where = self.socket.recvfrom(2048)
                header = (packet[0] & 15) * 4
                if where[2] == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP:
                    continue
                udp = packet[header : int.from_bytes(packet[2:4], "big")]
                ports = int.from_bytes(udp[0:2], "big"), int.from_bytes(udp[2:4], "big")
                if WIREGUARD_PORT in ports:
                    addresses = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
                    heard.append(((addresses[0], ports[0]), (addresses[1], ports[1]), udp[8:]))
        return heard


class Attack:
    def __init__(self, world, point):
        self.world = world
        self.point = point
        self.alice = world.devices["alice"]
        self.home = world.homes["alice"]
        self.host = (HOST, WIREGUARD_PORT)
        self.tap = Tap(world.internet)
        self.node = Node(world, "mallory")
        world.join_internet(self.node, [MALLORY])
        self.mallory = self.node.udp_socket(MALLORY, PORT)
        self.mallory.setblocking(False)
        self.spoofer = Spoofer(self.node)

    def kick(self):
        """Alice sends a keepalive."""
        for seconds in (0, 25):
            self.alice.set("peer", self.point.public_key, "persistent-keepalive", seconds)

    def next_keepalive(self):
        """Records one keepalive of alice on its way, delivered or not."""
        self.tap.drain()
        found = []

        def look():
            found.extend(
                packet for source, target, packet in self.tap.drain()
                if target == self.host and packet[0] == DATA and len(packet) == KEEPALIVE_OCTETS
            )  # fmt: skip
            return found

        self.kick()
        return wait_until(look, "a keepalive of alice")[0]

    def hold_back(self, count):
        """This many keepalives that the host has not received yet."""
        self.world.internet.nft(
            "table ip gate {\n chain forward {\n  type filter hook forward priority 0;\n"
            f"  ip saddr {self.home.public} drop\n }}\n}}\n"
        )
        held = [self.next_keepalive() for _ in range(count)]
        self.world.internet.run("nft", "delete", "table", "ip", "gate")
        return held

    def settle(self):
        """Waits until the host has answered a packet that alice sent after all earlier packets."""
        self.tap.drain()
        heard = []
        self.kick()
        wait_until(
            lambda: heard.extend(self.tap.drain()) or any(source == self.host and packet[0] == DATA
                                                         for source, _, packet in heard),
            "the host answers alice",
        )  # fmt: skip

    def published(self):
        """The published endpoint of alice, and since when: her line of the private view."""
        label = self.world.label("alice")
        lines = [line for line in self.point.ask("zone").splitlines() if line.startswith(f"_wireguard._udp.{label}.")]
        return sorted(lines)

    def send(self, packet):
        """Sends the packet from mallory's own address, and with alice's."""
        self.mallory.sendto(packet, self.host)
        source = (self.home.public, self.home.mapped_port)
        self.spoofer.send(datagram(source, self.host, packet), HOST)

    def changes_nothing(self, what, packets, settle=True):
        before = self.published()
        for number, packet in enumerate(packets):
            self.send(packet)
            if settle and number % 32 == 31:  # no more at once than a socket's buffer holds
                self.settle()
        if settle:
            self.settle()
        after = self.published()
        check(after == before, f"{what}: {before} became {after}")
        with contextlib.suppress(BlockingIOError):
            raise Failure(f"{what}: mallory got {self.mallory.recv(2048).hex()}")
        print(f"{what}: {len(packets)} packets, nothing")


def flipped(packet, first, behind):
    """The packet with one bit changed in each octet of this range."""
    return [packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :] for at in range(first, behind)]


def held_back(attack):
    """Packets that the host has not received yet."""
    old, newest = attack.hold_back(2)
    before = attack.published()
    started = time.monotonic()
    attack.mallory.sendto(newest, attack.host)
    wait_until(lambda: attack.published() != before, "the newest packet moves alice")
    moved = attack.published()
    check(any(f" {PORT} " in line for line in moved), f"alice is not where the newest packet came from: {moved}")

    def back():
        return [line for line in attack.published() if "SRV" in line] == [line for line in before if "SRV" in line]

    wait_until(back, "alice is back")
    seconds = time.monotonic() - started
    heard = []
    with contextlib.suppress(BlockingIOError):
        while True:
            heard.append(attack.mallory.recv(2048))
    check(len(heard) <= 3, f"mallory got {len(heard)} packets")
    print(f"the newest packet, held back: alice was away for {seconds:.1f} s, {len(heard)} packets came to mallory")
    if attack.world.full:
        check(seconds < REVERTED + 1, f"away for {seconds:.1f} s")
    attack.changes_nothing("an older packet, held back", [old])


def killed_on_trial(attack, process):
    """wg-dnsd dies while it publishes mallory's address for alice, and restarts with her last proven address."""
    [newest] = attack.hold_back(1)
    home = attack.world.published("alice")
    attack.node.udp_socket(MALLORY, PORT + 1).sendto(newest, attack.host)
    wait_until(lambda: attack.world.published("alice") != home, "the newest packet moves alice")
    time.sleep(1.1)  # not a wait for an event: everything that must survive is on disk by now
    process.kill()
    started = time.monotonic()
    process = attack.point.start(name="wg-dnsd-killed")
    awake = attack.world.published("alice")
    check(awake == home, f"after the restart alice is at {awake}, not at {home}")
    wait_until(lambda: not attack.point.is_stale(attack.alice.public_key), "alice is seen again")
    print(f"killed while alice was away: seen at home again after {time.monotonic() - started:.1f} s")
    return process


def registered_again(attack, process):
    """Alice is removed and added again, also over a restart: what was recorded of her stays a replay, and older
    initiations in order say nothing of her clock."""
    point, alice = attack.point, attack.alice
    attack.tap.drain()
    for _ in range(3):
        alice.stop()
        alice.start()
        alice.wait_for_handshake(point.public_key)
    recorded = [
        packet for _, target, packet in attack.tap.drain() if target == attack.host and packet[0] == INITIATION
    ]  # fmt: skip
    check(len(recorded) >= 3, f"{len(recorded)} initiations were heard")
    alice.stop()
    section = point.peers_file.read_text()
    for restarts in (False, True):
        point.peers_file.write_text("")
        point.ask("reload")
        if restarts:
            check(process.stop() == 0, "SIGTERM did not end it cleanly")
            process = point.start(name="wg-dnsd-without-alice")
        point.peers_file.write_text(section)
        point.ask("reload")
        before = point.old_timestamps()
        for packet in recorded:
            attack.send(packet)
        wait_until(lambda: point.old_timestamps() >= before + 2 * len(recorded), "all of them are taken as replays")
        check(not process.lines("clock"), "replays say that alice's clock is behind")
        with contextlib.suppress(BlockingIOError):
            raise Failure(f"mallory got {attack.mallory.recv(2048).hex()}")
    alice.start()
    alice.wait_for_handshake(point.public_key)
    attack.world.wait_until_published("alice")
    print(f"removed and added again, also over a restart: {len(recorded)} recorded initiations, nothing")


def scenario(world):
    world.home("alice", "cone")
    point = Point(world)
    world.wireguard(host=point)
    attack = Attack(world, point)
    process = point.start()
    attack.alice.wait_for_handshake(point.public_key)
    where = f"{attack.home.public}:{attack.home.mapped_port}"
    wait_until(lambda: where in world.published("alice"), "alice is published")
    heard = attack.tap.drain()
    initiations = [packet for _, target, packet in heard if target == attack.host and packet[0] == INITIATION]
    responses = [packet for source, _, packet in heard if source == attack.host and packet[0] == RESPONSE]
    check(initiations and responses, "the handshake was not heard")
    initiation, response = initiations[-1], responses[-1]
    keepalive = attack.next_keepalive()

    attack.changes_nothing("recorded initiation and data, again", [initiation, keepalive])
    cut = [packet[:size] for packet in (initiation, keepalive) for size in range(len(packet))]
    attack.changes_nothing("cut at every length", cut)
    attack.changes_nothing("another mac1", flipped(initiation, 116, 132))
    attack.changes_nothing("another index, counter or tag", flipped(keepalive, 4, KEEPALIVE_OCTETS))
    own = [packet for source, _, packet in heard if source == attack.host]
    attack.changes_nothing("the host's own packets", own)
    process = killed_on_trial(attack, process)
    held_back(attack)  # behind it: from now on mallory's address is not believed for a minute

    check(process.stop() == 0, "SIGTERM did not end it cleanly")
    process = point.start(name="wg-dnsd-again")
    wait_until(lambda: not point.is_stale(attack.alice.public_key), "alice is seen again")
    attack.changes_nothing("recorded before the restart", [initiation, keepalive, response])
    registered_again(attack, process)


if __name__ == "__main__":
    lab.main(scenario)
