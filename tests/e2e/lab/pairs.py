"""Many pairs of homes in one laboratory, with wg-dnsd's built-in point, which relays, as the only public host.

Each device has the point as its only peer. A `Pair` gives two devices each other as peers, starts an updater at both
ends, and takes all of it away again, so that the next contact of the pair is a first one. Pairs run side by side, in
threads: a laboratory takes longer to build than a contact.
"""

import concurrent.futures
import itertools
import random
import time

from lab import uapi
from lab.addresses import HOST, HOST6, RESOLVERS, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import GENEROUS, check, wait_until
from lab.containment import RUN
from lab.echo import Echo
from lab.nat import SharedDevice, SharedHome
from lab.point import Point
from lab.wireguard import KEEPALIVE, WireGuard, generate_private_keys

HUB6_TUNNEL = "10.77.9.1"
BUILDERS = 6  # homes that are built at the same time
NAMES = [name for name in TUNNEL if name.startswith("peer")]


class Pairs:
    """The laboratory of many homes, everything running except the updaters.

    \\param homes (kind, families) of each; a list of two: the kind of box that both of them share. \\param resolvers the
    homes use them in turn; none: without DNS. \param address where the point listens."""

    def __init__(self, world, homes, resolvers=("unbound",), arguments=(), address=HOST):
        self.world = world
        if resolvers:
            world.start_dns(resolvers)
        self.names = self.build(homes)
        for name, resolver in zip(self.names, itertools.cycle(resolvers)):
            self.use_resolver(name, resolver)
        self.point = Point(world, address)
        world.devices["host"] = self.point
        self.hub6 = None
        self.runs = itertools.count(1)  # of updaters: each has a log of its own
        if any(not world.homes[name].has_ipv4() for name in self.names):
            arguments = (*arguments, "--observe", f"[{HOST6}]:{WIREGUARD_PORT}={self.point.folder / 'key6'},{HUB6_TUNNEL}")
        self.arguments = arguments  # of wg-dnsd
        keys = generate_private_keys(len(self.names))
        random.Random(len(keys)).shuffle(keys)  # either end of a pair has the smaller one, the same in each run
        for name, key in zip(self.names, keys):
            device = WireGuard(world.homes[name].node, f"wg-{name}", key, addresses=[f"{TUNNEL[name]}/32"], start=False)
            world.devices[name] = device
            self.point.add_peer(device.public_key, f"{TUNNEL[name]}/32")
        world.dnsd = self.point.start(*arguments)
        if "--observe" in arguments:
            lines = self.point.ask("pubkey").splitlines()
            self.hub6 = next(line.split()[0] for line in lines if self.point.public_key not in line)
        self.at_once(self.start_device, self.names)
        for name in self.names:
            self.point.wait_for_handshake(world.devices[name].public_key)

    def build(self, homes):
        """Makes the homes, several at a time; returns their names in order."""
        world, names, free = self.world, [], iter(NAMES)
        jobs = []
        for number, home in enumerate(homes):
            if isinstance(home, list):
                both = (next(free), next(free))
                jobs.append(lambda both=both, kind=home[0], public=f"198.51.100.{number + 1}": SharedHome(
                    world, both, kind, public))  # fmt: skip
                names += both
                continue
            name, (kind, families) = next(free), home
            public = (f"198.51.100.{number + 1}", f"2001:db8:{number + 10:x}")
            jobs.append(lambda name=name, kind=kind, families=families, public=public: world.home(
                name, kind, families, public))  # fmt: skip
            names.append(name)
        self.at_once(lambda job: job(), jobs)
        return names

    @staticmethod
    def at_once(function, items):
        with concurrent.futures.ThreadPoolExecutor(BUILDERS) as pool:
            return list(pool.map(function, items))

    def hub_of(self, name):
        """The public key and the endpoint of the point that a home speaks to."""
        if self.world.homes[name].has_ipv4():
            return self.point.public_key, f"{HOST}:{WIREGUARD_PORT}"
        return self.hub6, f"[{HOST6}]:{WIREGUARD_PORT}"

    def start_device(self, name):
        key, endpoint = self.hub_of(name)
        tunnel = HUB6_TUNNEL if key == self.hub6 else TUNNEL["host"]
        self.world.devices[name].start()
        self.world.devices[name].add_peer(key, f"{tunnel}/32", endpoint, KEEPALIVE)

    def use_resolver(self, name, resolver):
        home = self.world.homes[name]
        home.node.use_resolvers(RESOLVERS[resolver][0 if home.has_ipv4() else 1])


class Pair:
    """Two homes of a laboratory. Whose key is the smaller one is for the keys to say."""

    def __init__(self, pairs, near, far):
        self.pairs, self.world = pairs, pairs.world
        self.near, self.far = near, far
        self.rounds = 0

    def __str__(self):
        near, far = (self.world.homes[name] for name in (self.near, self.far))
        if self.is_on_one_network():
            return f"one network behind {near.home.kind}"
        return f"{near.kind} × {far.kind}{'' if near.has_ipv4() else ', IPv6'}"

    def device(self, name):
        return self.world.devices[name]

    def ends(self):
        """(near, far) and (far, near)"""
        return ((self.near, self.far), (self.far, self.near))

    def state(self, name):
        """What the device of one end has of the other (uapi.State)."""
        other = self.far if name == self.near else self.near
        return uapi.peer(f"wg-{name}", self.device(other).public_key)

    def endpoints(self):
        return [self.state(name).endpoint for name, _ in self.ends()]

    def through_hub(self):
        """Whether both ends have the point as the endpoint of each other."""
        return self.endpoints() == [self.pairs.hub_of(name)[1] for name, _ in self.ends()]

    def was_relayed(self):
        """Whether the point passes their packets on, or did until they moved to the direct way."""
        return self.through_hub() or any(self.world.updaters[name].lines("relayed by") for name, _ in self.ends())

    def is_relayed(self):
        """Whether both ends have a session, and the point as the endpoint of each other."""
        return self.through_hub() and all(self.state(name).handshake for name, _ in self.ends())

    def is_direct(self):
        """Whether both ends have a session, and neither has the point as the endpoint of the other."""
        states = {name: self.state(name) for name, _ in self.ends()}
        return all(state.handshake and state.endpoint != self.pairs.hub_of(name)[1] for name, state in states.items())

    def is_on_one_network(self):
        return isinstance(self.world.homes[self.near], SharedDevice)

    # -- from nothing to nothing

    def introduce(self, endpoints=None):
        """Adds each to the other's device, as strangers. \\param endpoints name → endpoint that its device has for the
        other one"""
        for name, other in self.ends():
            uapi.set_peer(
                f"wg-{name}", self.device(other).public_key, f"allowed_ip={TUNNEL[other]}/32",
                *([f"endpoint={endpoints[name]}"] if (endpoints or {}).get(name) else []),
            )  # fmt: skip
            self.device(name).node.ip("route", "replace", TUNNEL[other], "dev", f"wg-{name}")

    def forget(self):
        """Removes each from the other's device, with all that WireGuard knows of it."""
        for name, other in self.ends():
            uapi.set_peer(f"wg-{name}", self.device(other).public_key, "remove=true")

    def start_updaters(self, *arguments, names=None):
        """An updater at both ends, or at some, without any memory."""
        self.rounds += 1
        run = next(self.pairs.runs)
        for name in names or (self.near, self.far):
            state = RUN / f"updater-{name}.json"
            state.unlink(missing_ok=True)
            self.world.updaters[name] = self.world.homes[name].node.start(
                self.world.program("wg-updater"), f"wg-{name}", "--zone", ZONE, "--hub",
                self.pairs.hub_of(name)[0], "--state", state, *arguments, name=f"wg-updater-{name}-{run}",
            )  # fmt: skip

    def stop_updaters(self):
        for name in (self.near, self.far):
            updater = self.world.updaters.pop(name, None)
            if updater:
                updater.wait_for_line(f"for wg-{name} in")  # before that, a signal would end it without any work
                check(updater.stop() == 0, f"the updater of {name} did not end well")

    # -- what is measured

    def wait_for_endpoints(self, timeout=GENEROUS):
        """The time when both ends have an endpoint for each other, seconds since 1970. One that came with a packet of the
        other end does not count: then it is the time of the other end."""
        seen = {}

        def both():
            for name, _ in self.ends():
                if name not in seen and (state := self.state(name)).endpoint:
                    seen[name] = (state.received > 0, time.time())
            return len(seen) == 2

        wait_until(both, f"{self}: both have an endpoint", timeout, interval=0.005)
        written = [when for learnt, when in seen.values() if not learnt]
        return max(written or [when for _, when in seen.values()])

    def echo(self, source=None, rate=20):
        source = source or self.near
        return Echo(self.world.homes[source].node, TUNNEL[self.far if source == self.near else self.near], rate)

    def contact(self, *arguments, before=(), timeout=GENEROUS):
        """One first contact. \\param before the ends that send echo requests long before. \\return seconds from both
        endpoints set to the first reply at `near`."""
        self.introduce()
        earlier = [self.echo(name, rate=5) for name in before]
        try:
            wait_until(lambda: all(len(echo.sent) > 5 for echo in earlier), "traffic before")
            self.start_updaters(*arguments)
            known = self.wait_for_endpoints()
            echo = earlier[0] if earlier else self.echo()
            earlier = earlier or [echo]
            return echo.wait_for_reply(timeout=timeout) - known
        finally:
            for one in earlier:
                one.stop()

    def part(self):
        """Ends what contact() began."""
        self.stop_updaters()
        self.forget()
