#!/usr/bin/python3
"""flood: questions in the name of a whole network get no more than the rate limit; a client with a cookie is served.

The questions are whole packets with spoofed sources, every second one with the cookie of a client that has none of
ours. Replies are counted where they arrive. One real client is in that network, and proves itself with a cookie.
Then the private view: its listener on a public address is limited, too; the one on a private address is not.
"""

import math
import random
import time

import dns.message
import dns.rcode

from lab import dns_client
from lab import lab
from lab import packets
from lab import spoofing
from lab.addresses import HOST, ZONE
from lab.checks import GENEROUS, check, wait_until
from lab.packets import COOKIE

NETWORK = "198.18.7"
CLIENT = f"{NETWORK}.77"
TICK = 0.01
# Questions per second, allowed replies per second, and the duration.
RATE, LIMIT, SECONDS = 2_000, 200, 3
RATE_FULL, LIMIT_FULL, SECONDS_FULL = 10_000, 2_000, 30
TOLERANCE = 1.1
PRIVATE_PORT, INSIDE = 5353, "10.20.0.1"  # private listeners: on a public address, and on one of the host's own network
HEADERS = 28  # octets of IPv4 and UDP, which the kernel's counter includes


class Client:
    """A client that asks with a cookie, at first to get ours."""

    def __init__(self, node):
        self.socket = node.udp_socket(CLIENT)
        self.socket.connect((HOST, 53))
        self.socket.settimeout(GENEROUS)
        self.cookie = b"8 octets"
        self.waiting = set()
        self.asked = self.answered = 0
        reply = self.exchange(b"\0\1")
        self.cookie = next(option for option in reply.options if option.otype == COOKIE).to_wire()
        check(len(self.cookie) == 24, f"a cookie of ours: {self.cookie.hex()}")
        self.whole_answer = len(reply.to_wire())
        self.socket.setblocking(False)

    def question(self, identity):
        return identity + packets.ask("www", "A", options=[(COOKIE, self.cookie)])[2:]

    def exchange(self, identity):
        self.socket.send(self.question(identity))
        return self.read(self.socket.recv(4096))

    @staticmethod
    def read(message):
        reply = dns.message.from_wire(message)
        check(reply.rcode() == dns.rcode.NOERROR and reply.answer, f"to the client with a cookie: {reply}")
        return reply

    def ask(self):
        self.asked += 1
        identity = self.asked.to_bytes(2, "big")
        self.waiting.add(identity)
        self.socket.send(self.question(identity))

    def take_answers(self):
        while True:
            try:
                message = self.socket.recv(4096)
            except BlockingIOError:
                return not self.waiting
            self.read(message)
            self.waiting.discard(message[:2])
            self.answered += 1


def forgeries(target=(HOST, 53), name="www"):
    """Packets from the whole network except the client."""
    questions = (packets.ask(name, "A", edns=1232), packets.ask(name, "A", options=[(COOKIE, b"01234567")]))
    return [
        spoofing.datagram((f"{NETWORK}.{host}", random.randrange(1024, 65536)), target, questions[host % 2])
        for host in range(1, 255)
        if f"{NETWORK}.{host}" != CLIENT
    ]


def flood(world, client, rate, seconds):
    """\\return (packets sent, seconds that it took)"""
    spoofer, made = spoofing.Spoofer(world.internet), forgeries()
    sent, tick = 0, 0
    begin = time.monotonic()
    while (now := time.monotonic()) - begin < seconds:
        while sent < (now - begin) * rate:
            spoofer.send(made[sent % len(made)], HOST)
            sent += 1
        if tick % 2 == 0:
            client.ask()
        client.take_answers()
        tick += 1
        time.sleep(max(0, begin + tick * TICK - time.monotonic()))
    return sent, time.monotonic() - begin


def flood_private(world, target, count):
    """\\return replies to a burst at a private listener, and its seconds."""
    spoofer, made = spoofing.Spoofer(world.internet), forgeries(target, "ns1")
    counter = f"private{target[1]}"
    world.internet.count(counter, f"ip saddr {target[0]} udp sport {target[1]} ip daddr {NETWORK}.0/24", hook="prerouting")
    begin = time.monotonic()
    for number in range(count):
        spoofer.send(made[number % len(made)], target[0])
        if number % 50 == 49:
            time.sleep(TICK)
    answered = dns_client.ask(world.internet, target[0], f"ns1.{ZONE}", "A", port=target[1], timeout=GENEROUS)
    check(answered.answer, f"{target} answers a client of another network: {answered}")  # and has read what was before
    return world.internet.counted(counter), time.monotonic() - begin


def scenario(world):
    rate, limit, seconds = (RATE_FULL, LIMIT_FULL, SECONDS_FULL) if world.full else (RATE, LIMIT, SECONDS)
    world.internet.add_address("lo", CLIENT)
    world.internet.ip("route", "add", "blackhole", f"{NETWORK}.0/24")  # no host there sends errors
    world.internet.count(
        "flood", f"ip saddr {HOST} udp sport 53 ip daddr {NETWORK}.0/24 ip daddr != {CLIENT}", hook="prerouting"
    )
    world.add_public_addresses(world.host, [INSIDE])
    server = world.start_static_dnsd("--rate-limit", limit, "--listen-private", f"{HOST}:{PRIVATE_PORT}", "--listen-private", INSIDE)
    client = Client(world.internet)
    sent, took = flood(world, client, rate, seconds)
    lost = world.host.udp_overflows()
    if not lost:
        wait_until(client.take_answers, f"all of {client.asked} questions with a cookie answered")
    replies, octets = world.internet.counted("flood"), world.internet.counted("flood", "bytes")

    allowed = TOLERANCE * limit * took
    allowed_octets = allowed * (client.whole_answer + HEADERS)
    print(f"{sent} forged questions in {took:.1f} s, {limit} replies per second allowed: {replies} replies, "
          f"{replies / limit / took:.3f} of it; {octets} octets, {TOLERANCE * octets / allowed_octets:.3f} of it")
    print(f"with a cookie: {client.answered} of {client.asked} answered; {lost} datagrams lost by the kernel")
    check(replies >= limit, "the flood was not answered at all")
    # Each second that has begun counts as a whole one.
    check(replies <= (math.ceil(took) + 1) * limit * TOLERANCE, "more replies than the limit")
    if world.full:
        check(replies <= allowed and octets <= allowed_octets, f"at most {allowed:.0f} and {allowed_octets:.0f}")
        check(client.answered == client.asked, "every question with a cookie is answered")

    burst = 4 * limit
    (exposed, took), (inside, _) = (
        flood_private(world, target, burst) for target in ((HOST, PRIVATE_PORT), (INSIDE, 53))
    )
    lost = world.host.udp_overflows() - lost
    print(f"private view, {burst} forged questions each: {exposed} replies from a public address, {inside} from a private one")
    most = min((math.ceil(took) + 1) * limit * TOLERANCE, 0.9 * burst)
    check(limit <= exposed <= most, "the private view on a public address is limited as the public one")
    check(inside >= burst - lost, "on a private address it is not")
    warned = server.lines("warning: private listener")
    check(len(warned) == 1 and f"{HOST}:{PRIVATE_PORT}" in warned[0], f"the log warns of one of them: {warned}")


if __name__ == "__main__":
    lab.main(scenario)
