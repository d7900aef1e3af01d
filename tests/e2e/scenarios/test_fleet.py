#!/usr/bin/python3
"""fleet: after a power cut eight peers (forty with --full) behind cone NATs start at one instant; all pairs get direct.

At first DNS has the endpoints from before the cut: every NAT has forgotten its mappings, and assigns other ports. The
questions to the resolver are counted: a burst at the start, because each peer needs all others at once, and then few.
"""

import collections
import datetime
import re
import socket
import statistics
import time

from lab import lab
from lab.addresses import FLEET, RESOLVERS
from lab.checks import check, wait_until
from lab.stamped import stamp_udp, take_stamped

FEW = 8
LIMIT = 300  # seconds until all pairs are direct, generously
WATCHED, WATCHED_FULL = 15, 180  # seconds of look-ups
CALM_AFTER = 30  # seconds; by then a peer that is direct is asked about once a minute
BUSIEST = 3  # most questions in any second of the calm, as a multiple of the mean, beside random deviation
DNS_PORT = (53).to_bytes(2, "big")


class Questions:
    """Counts the times of questions that reach the resolver."""

    def __init__(self, world):
        self.packets = stamp_udp(world.dns)
        self.to_resolver = socket.inet_aton(RESOLVERS["unbound"][0])
        self.times = []

    def take(self):
        """The times since the last call; call it every few seconds."""
        for when, packet in take_stamped(self.packets):
            if packet[16:20] == self.to_resolver and packet[22:24] == DNS_PORT:
                self.times.append(when)


def scenario(world):
    fleet = list(FLEET)[: None if world.full else FEW]
    for name in fleet:
        world.home(name, "cone")
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    world.wireguard(later=fleet)
    world.dnsd = world.start_dnsd()
    devices = [world.devices[name] for name in fleet]
    for device in devices:
        device.start()
    world.wait_until_host_sees_all()
    world.wait_until_published()

    for device in devices:
        device.process.kill()
    for home in world.homes.values():
        home.forget_mappings()
    for device in devices:
        device.launch()
    questions = Questions(world)
    started = time.time()
    for name in fleet:
        world.devices[name].set_up()
        world.start_updater(name)
    print(f"{len(fleet)} peers started within {time.time() - started:.1f} s")
    first_direct = wait_for_all(world, fleet, questions)
    tell_pairs(world, fleet, {pair: when - started for pair, when in first_direct.items()})
    watched = WATCHED_FULL if world.full else WATCHED
    wait_until(lambda: questions.take() or time.time() > started + watched, "look-ups of so long", 2 * watched, 1)
    tell_questions(world, [when - started for when in questions.times], len(fleet), watched)
    tell_size(devices, [world.updaters[name] for name in fleet])


def wait_for_all(world, fleet, questions):
    """The times, ordered, when the first peer of each pair logged that the second is direct; seconds since 1970."""
    names = {f"({key[:4]}…{key[-5:-1]})": name for name in fleet for key in (world.devices[name].public_key,)}
    pattern = re.compile(r"^(\S+) .* (\(\S{9}\)): direct at ")

    def look():
        questions.take()
        found = {}
        for name in fleet:
            for line in world.updaters[name].lines(": direct at "):
                when, peer = pattern.match(line).groups()
                moment = datetime.datetime.fromisoformat(when).timestamp()
                found.setdefault((name, names[peer]), moment)
        return found if len(found) == len(fleet) * (len(fleet) - 1) else None

    return wait_until(look, "all pairs are direct", LIMIT, interval=1)


def tell_pairs(world, fleet, seconds):
    """A pair is direct if both updaters say so, and their devices do."""
    pairs = {(a, b): max(seconds[a, b], seconds[b, a]) for a, b in seconds if a < b}
    shown = {name: world.devices[name].peers() for name in fleet}
    for a, b in seconds:
        peer = shown[a][world.devices[b].public_key]
        outside = world.homes[b].outside()
        check(peer.handshake and peer.endpoint == outside, f"{a} reaches {b} at {peer.endpoint}, not {outside}")
    ordered = sorted(pairs.values())
    print(
        f"{len(pairs)} pairs direct: median {statistics.median(ordered):.1f} s, 90 % "
        f"{ordered[len(ordered) * 9 // 10]:.1f} s, worst {ordered[-1]:.1f} s after the first start"
    )


def tell_questions(world, times, size, watched):
    """Prints a histogram; judges the calm end with --full."""
    step = watched // 15
    bins = collections.Counter(int(when // step) for when in times if when < watched)
    scale = max(bins.values()) / 60
    for number in range(watched // step):
        bar = "#" * round(bins[number] / scale)
        print(f"{number * step:4}–{(number + 1) * step:3} s {bins[number]:6} questions {bar}")
    calm = collections.Counter(int(when) for when in times if CALM_AFTER <= when < watched)
    if calm:
        mean = sum(calm.values()) / (watched - CALM_AFTER)
        busiest = max(calm.values())
        print(f"after {CALM_AFTER} s: {mean:.1f} questions per second of {size} peers, {busiest} in the busiest second")
        check(not world.full or busiest <= BUSIEST * mean + 10, f"look-ups are not spread: {busiest} in one second")


def tell_size(devices, updaters):
    for what, processes in (("wireguard-go", [device.process for device in devices]), ("wg-updater", updaters)):
        sizes = [resident(process.popen.pid) for process in processes]
        print(f"{what}: {statistics.median(sizes) / 1024:.0f} MiB each, {sum(sizes) / 1024:.0f} MiB together")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))  # KiB


if __name__ == "__main__":
    lab.main(scenario)
