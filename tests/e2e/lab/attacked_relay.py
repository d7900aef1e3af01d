"""A relay under attack: its peers, the tools of attackers, and the books that are kept meanwhile."""

import collections
import contextlib
import json
import re
import threading
import time

from lab import forged_wireguard as forged
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import Skip, check, wait_until
from lab.containment import RUN
from lab.forged_wireguard import MARK
from lab.node import Pings
from lab.point import Point
from lab.spoofing import Spoofer, datagram
from lab.wireguard import base32_of, public_key_of, wg
from lab.wiretap import Wiretap

NAMES = ("alice", "bob", "carol", "peer1")
HUB = (HOST, WIREGUARD_PORT)
NETWORK = "198.18.7"  # of strangers
FIRST_CROWD_PORT = 30001
TICK = 0.01  # seconds
BEGUN = 50  # datagrams: more than any allowance
LONG_PING = 500  # octets, unlike all others
RENEWAL = 119  # seconds: WireGuard renews a session that is used after 120 s
TYPES = {"initiations": 1, "responses": 2, "cookies": 3, "data": 4}


def place(text):
    """`address:port` as a pair."""
    address, port = text.rsplit(":", 1)
    return address, int(port)


class Flood:
    """Datagrams at a pace: `sent` in `seconds`."""

    def __init__(self):
        self.sent, self.seconds = 0, 0.0
        self.may_end = True

    def run(self, send, rate, at_least):
        begin = time.monotonic()
        while self.sent < at_least or not self.may_end:
            while self.sent < (time.monotonic() - begin) * rate and (self.sent < at_least or not self.may_end):
                send()
                self.sent += 1
            time.sleep(TICK)
            self.seconds = time.monotonic() - begin


class Ledger:
    """Counts attackers' datagrams at the host by their marks: what came, and what left because of them. What leaves to
    strangers counts whatever it is."""

    def __init__(self, host):
        self.host = host
        # The first index of a message, data's counter, a response's second index.
        marks = (
            f"@th,96,16 {MARK:#x}",
            f"@th,96,16 != {MARK:#x} @th,64,32 0x04000000 @th,176,16 {MARK:#x}",
            f"@th,96,16 != {MARK:#x} @th,64,32 0x02000000 @th,128,16 {MARK:#x}",
        )
        from_hub = f"ip saddr {HOST} udp sport {WIREGUARD_PORT}"
        for mark in marks:
            host.count("came", f"udp dport {WIREGUARD_PORT} {mark}")
            for name, kind in TYPES.items():
                host.count(name, f"{from_hub} ip daddr != {NETWORK}.0/24 @th,64,8 {kind} {mark}", hook="output")
        host.count("to_strangers", f"{from_hub} ip daddr {NETWORK}.0/24", hook="output")
        self.reset()

    def read(self):
        listed = self.host.output("nft", "list", "counters")
        found = re.findall(r"counter (\w+) \{\s*packets (\d+) bytes (\d+)", listed)
        return {name: (int(packets), int(octets)) for name, packets, octets in found}

    def reset(self):
        self.before = self.read()

    def take(self):
        """What has happened since reset(): `came` and `out`, packets by name, and `ratio`, octets out per octet in."""
        change = {name: (a - self.before[name][0], b - self.before[name][1]) for name, (a, b) in self.read().items()}
        self.came, octets = change.pop("came")
        self.out = {name: packets for name, (packets, _) in change.items()}
        self.ratio = sum(out for _, out in change.values()) / max(octets, 1)


class AttackedRelay:
    """Four peers with the hub as each other's endpoint; alice and bob ping each other all the time. Beside them a
    crowd, of which only keys and places are used."""

    def __init__(self, world, rate, crowd, arguments=()):
        """\\param rate forged datagrams per second \\param arguments of wg-dnsd"""
        self.world, self.rate = world, rate
        self.meetings = 0
        for name in NAMES:
            world.home(name, "cone")
        self.point = Point(world)
        world.wireguard(host=self.point)
        self.device = world.devices
        self.key = {name: self.device[name].public_key for name in NAMES}
        private_keys = [wg("genkey") for _ in range(crowd)]
        self.crowd_keys = [public_key_of(key) for key in private_keys]
        for number, key in enumerate(self.crowd_keys):
            self.point.add_peer(key, f"10.78.{number // 250}.{number % 250}/32")
        world.internet.ip("route", "add", "blackhole", f"{NETWORK}.0/24")  # no host there sends errors
        self.ledger = Ledger(world.host)
        self.tap = Wiretap(world.host)
        self.seen = collections.deque(maxlen=20_000)
        self.spoofer = Spoofer(world.internet)
        self.process = self.point.start(*arguments)
        for name in NAMES:
            self.device[name].wait_for_handshake(self.point.public_key)
        self.start_crowd(private_keys)
        for name in NAMES:
            for other in NAMES:
                if other != name:
                    self.device[name].set("peer", self.key[other], "endpoint", f"{HOST}:{WIREGUARD_PORT}")
        self.live = Pings(world.homes["alice"].node, TUNNEL["bob"], rate=10)
        self.live.wait_for_reply()
        self.handshake = self.handshake_of_live()

    def start_crowd(self, private_keys):
        home = self.world.home("crowd", "none")
        program = self.world.options.build_dir.resolve() / "tests/wire/wg_crowd"
        if not program.exists():
            raise Skip(f"{program} is not built")
        keys_file = RUN / "crowd.keys"
        keys_file.write_text("".join(f"{key}\n" for key in private_keys))
        crowd = home.node.start(
            program, keys_file, FIRST_CROWD_PORT, self.point.public_key, f"{HOST}:{WIREGUARD_PORT}", 25, name="crowd"
        )
        crowd.wait_for_line("have a session")
        self.crowd_places = [(home.public, FIRST_CROWD_PORT + number) for number in range(len(self.crowd_keys))]

    # -- peers

    def place_of(self, name):
        return place(self.world.homes[name].outside())

    def meet(self, name, other):
        """Seconds until `name`, which has forgotten `other`, has a session with it and a reply to its ping."""
        device = self.device[name]
        device.set("peer", self.key[other], "remove")
        device.set(
            "peer", self.key[other], "endpoint", f"{HOST}:{WIREGUARD_PORT}", "allowed-ips", f"{TUNNEL[other]}/32"
        )  # fmt: skip
        self.meetings += 1
        started = time.time()
        # In a log of its own: others ping from there, too.
        pings = device.node.start("ping", "-D", "-i", "0.2", TUNNEL[other], name=f"meeting-{self.meetings}")
        pings.wait_for_line("bytes from")
        pings.stop()
        line = pings.lines("bytes from")[0]
        return float(line[1 : line.index("]")]) - started

    def ask_for_pause(self, name, owner, other, milliseconds):
        """Asks inside the tunnel of `name`, in the name of `owner`. \return whether it is granted"""
        text = f"pause={base32_of(self.key[other])} for={milliseconds}"
        record = f"_relay.{base32_of(self.key[owner])}.{ZONE} 1 TXT {text}"
        script = f"server {TUNNEL['host']}\nzone {ZONE}\nupdate add {record}\nsend\n"
        done = self.device[name].node.run("nsupdate", "-t", "5", stdin=script, check=False)
        check(done.returncode == 0 or "REFUSED" in done.stderr, f"nsupdate: {done.stderr}")
        return done.returncode == 0

    # -- what attackers do

    def send(self, source, payload, spoofer=None):
        """One datagram to the point in the name of `source`."""
        (spoofer or self.spoofer).send(datagram(source, HUB, payload), HOST)

    def flood(self, make, count, rate=None, spoofer=None):
        """Sends `count` times make() → (source, payload) at a pace. \\return the finished Flood"""
        flood = Flood()
        flood.run(lambda: self.send(*make(), spoofer), rate or self.rate, count)
        return flood

    @contextlib.contextmanager
    def flooding(self, make, at_least, rate=None, spoofer=None):
        """Sends all the time in which the body runs, and so many at least. Gives the Flood, which has begun."""
        flood = Flood()
        words = (lambda: self.send(*make(), spoofer), rate or self.rate, at_least)
        flood.may_end = False
        thread = threading.Thread(target=flood.run, args=words, daemon=True)
        thread.start()
        try:
            wait_until(lambda: flood.sent > BEGUN, "the flood has begun")
            yield flood
        finally:
            flood.may_end = True
            thread.join()

    # -- what an observer on the path sees

    def watch(self):
        self.seen.extend(self.tap.take())
        return self.seen

    def passed(self, source, target, kind):
        """The messages of this type that came from one place and left to the other, the latest last."""
        seen = self.watch()
        left = {one.payload for one in seen if one.is_outgoing and place(one.target) == target}
        return [
            one.payload for one in seen
            if not one.is_outgoing and place(one.source) == source and one.payload in left
            and forged.is_kind(kind, one.payload)
        ]  # fmt: skip

    def index(self, name, other):
        """The index under which one sends data to the other now."""
        pair = self.place_of(name), self.place_of(other)
        return forged.receiver_of(wait_until(lambda: self.passed(*pair, 4), f"{name} sends to {other}")[-1])

    def index_of_point(self, name):
        """The index under which a peer sends data to the point itself now."""
        self.device[name].node.run("ping", "-c", "1", "-W", "20", "-s", LONG_PING, TUNNEL["host"])
        source = self.place_of(name)
        found = [
            one.payload for one in self.watch()
            if not one.is_outgoing and place(one.source) == source and len(one.payload) > LONG_PING
            and forged.is_kind(4, one.payload)
        ]  # fmt: skip
        return forged.receiver_of(found[-1])

    def left(self, name, chosen):
        """How many datagrams have left to a peer of which chosen(payload)."""
        target = self.place_of(name)
        return sum(one.is_outgoing and place(one.target) == target and chosen(one.payload) for one in self.watch())

    # -- verdicts

    def handshake_of_live(self):
        return self.device["alice"].peer(self.key["bob"]).handshake

    def check_session(self, what):
        """Still the same one, or WireGuard itself has renewed it."""
        latest = self.handshake_of_live()
        age = latest - self.handshake
        check(age == 0 or age >= RENEWAL, f"{what}: alice and bob had to shake hands again, {age:.0f} s after the last time")
        self.handshake = latest

    def relay_counters(self):
        """`points[].relay` of doc/json.md."""
        return json.loads(self.point.ask("status", "--json"))["points"][0]["relay"]

    def memory(self):
        """Resident MiB of wg-dnsd."""
        with open(f"/proc/{self.process.popen.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    @contextlib.contextmanager
    def attack(self, what, **allowed):
        """What holds for each attack: the body. \\param allowed packets that may leave because of it; others may not"""
        self.settle()
        self.ledger.reset()
        unanswered, overflows = self.unanswered(), self.world.host.udp_overflows()
        yield
        self.settle()
        ledger = self.ledger
        ledger.take()
        lost, overflows = self.unanswered() - unanswered, self.world.host.udp_overflows() - overflows
        out = ", ".join(f"{count} {name}" for name, count in ledger.out.items() if count) or "nothing"
        print(f"{what}: {ledger.came} came, out: {out}; {ledger.ratio:.3f} octets out per octet in; {lost} pings lost"
              + (f", {overflows} datagrams by the kernel" if overflows else ""))  # fmt: skip
        check(self.process.is_running(), f"{what}: wg-dnsd ended")
        check(ledger.came > 0, f"{what}: nothing came")
        check(ledger.ratio <= 1.0, f"{what}: {ledger.ratio:.3f} octets out per octet in")
        check(lost <= overflows, f"{what}: {lost} pings from alice to bob were lost")
        self.check_session(what)
        self.check_out(what, **allowed)

    def check_out(self, what, **allowed):
        for name, count in self.ledger.out.items():
            most = allowed.get(name, 0)
            check(count <= most, f"{what}: {count} {name} left, {most:.0f} may")

    def settle(self):
        """Waits until a ping that was sent from now on is answered: what came before is worked off."""
        self.live.wait_for_reply(after=time.time() + 0.2)

    def unanswered(self):
        """Pings from alice to bob without a reply, among those before the latest reply."""
        numbers = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", self.live.process.text())}
        return max(numbers) - len(numbers)
