#!/usr/bin/python3
"""relay_silence: a peer that suddenly is silent is reached through the public host, and a relayed one follows its hub.

The seconds of silence are those between the last reply before an event and the first one after it, at 5 echo requests
per second. The NAT of one side gives another port, or another address, or the own address of one side is gone; the side
that moves sends, or the other one. The session is direct before. With --full 20 times each, also with delays, and with
sessions that were rekeyed on the direct path, which the relay has never seen; and the public host moves.
"""

import collections
import concurrent.futures
import functools
import itertools
import statistics
import threading
import time

from lab import lab
from lab.addresses import HOST, WIREGUARD_PORT
from lab.checks import Failure, check, wait_until
from lab.pairs import Pair, Pairs
from lab.runs import Case, measure

FIRST = ("--relay", "first")
PORT, ADDRESS, OWN_ADDRESS = EVENTS = ("another port", "another address", "own address gone")
SENDERS = {"the side that moves sends": 0, "the other side sends": 1}
OWN_ADDRESSES = ("192.168.1.2", "192.168.1.3")
PAIRS, PAIRS_FULL, PAIRS_REKEYED = 2, 10, 20
ROUNDS = 2  # of PAIRS_FULL
DELAYS = (0.05, 0.2)  # one way, seconds
ESTABLISHED, ESTABLISHED_FULL, REKEYED = 3, 15, 135  # seconds of direct traffic before an event
APART = 0.4  # seconds between events of two pairs
SETTLED = 1.5  # seconds: what is known for longer than one survives a restart of the public host
RELAYED_RATE = 20
RELAYED_LIMIT, RESTART_LIMIT, HUB_LIMIT = 0.3, 1.0, 35.0  # seconds, judged with --full
SECOND_ADDRESS = "203.0.113.11"


# ---- events


def another_port(home):
    home.forget_mappings()


def another_address(home):
    """Next to the first one, and back."""
    network, number = home.first_public.rsplit(".", 1)
    spare = f"{network}.{int(number) + 100}"
    home.renumber(spare if home.public == home.first_public else home.first_public)


def own_address_gone(home):
    """Another address, before the old one is gone; the box has other outside ports for it."""
    old, new = home.addresses[0], next(one for one in OWN_ADDRESSES if one != home.addresses[0])
    home.node.add_address("lan", new)
    home.node.lab.route(home.box, "lan", new)
    home.addresses[0] = new
    home.forget_mappings()  # also those of this address, if it was there before
    home.node.ip("address", "del", old, "dev", "lan")


HAPPEN = {PORT: another_port, ADDRESS: another_address, OWN_ADDRESS: own_address_gone}


def silence_after(happening, echo, delay):
    """Makes it happen; seconds from the last reply before it to the first one that was not under way yet."""
    happening()
    first = echo.wait_for_reply(after=time.time() + 2 * delay, timeout=180)
    return first - max(when for when in echo.replies() if when < first)


# ---- a direct pair


class Turns:
    """Events of several pairs, one after the other, so that they do not wait for each other's commands."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next = 0.0

    def wait(self):
        with self.lock:
            time.sleep(max(0.0, self.next - time.monotonic()))
            self.next = time.monotonic() + APART


def silent_direct(pair, event, sender, established, turns):
    """One run, from a first contact on."""
    become_direct(pair)
    mover = pair.ends()[pair.rounds % 2]
    echo = pair.echo(mover[sender], rate=5)
    try:
        echo.wait_for_reply(timeout=180)
        enough = len(echo.replies()) + 5 * established
        wait_until(lambda: len(echo.replies()) >= enough, f"{pair}: traffic", 2 * established + 60, 0.1)
        turns.wait()
        happening = functools.partial(HAPPEN[event], pair.world.homes[mover[0]])
        return silence_after(happening, echo, pair.world.delay)
    finally:
        echo.stop()
        pair.part()


def become_direct(pair):
    """Without traffic, which would hold back the first initiation for 5 s: the next one goes to the relay. If none arrived
    on a busy machine, the pair is relayed, and begins anew."""
    for _ in range(5):
        pair.introduce()
        pair.start_updaters()
        wait_until(lambda: pair.is_direct() or pair.is_relayed(), f"{pair}: a session")
        if pair.is_direct():
            return
        pair.part()
    raise Failure(f"{pair} does not become direct")


def direct(world, count, rounds, established, events=EVENTS):
    """Seconds of silence by what happens and who sends."""
    pairs, turns = make_pairs(world, count), Turns()
    found = collections.defaultdict(list)
    for event, words, _ in itertools.product(events, SENDERS, range(rounds)):
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            done = [pool.submit(silent_direct, pair, event, SENDERS[words], established, turns) for pair in pairs]
        found[f"{event}, {words}"] += [one.result() for one in done]
    return found


def make_pairs(world, count, kind="cone", **keywords):
    pairs = Pairs(world, [(kind, (4,))] * (2 * count), **keywords)
    names = iter(pairs.names)
    return [Pair(pairs, near, next(names)) for near in names]


# ---- a relayed pair


def relayed(world):
    """Both sides behind symmetric NATs: no other path. Then the point is killed, and started again."""
    pairs = make_pairs(world, PAIRS_FULL if world.full else 1, "symmetric")
    found = collections.defaultdict(list)
    for pair in pairs:
        pair.introduce()
        pair.start_updaters(*FIRST)
    for mover in (0, 1):
        for pair in pairs:
            echo = pair.echo(pair.ends()[mover][0], rate=RELAYED_RATE)
            echo.wait_for_reply()
            check(pair.through_hub(), f"{pair}: {pair.endpoints()}")
            wait_until(lambda: len(echo.replies()) > RELAYED_RATE * SETTLED, "traffic")
            happening = functools.partial(another_port, world.homes[pair.ends()[mover][0]])
            found["relayed, the side that moves sends"].append(silence_after(happening, echo, world.delay))
            echo.stop()
    found["the public host restarted under a relayed flow"] = restart(world, pairs)
    return found


def restart(world, pairs):
    """All pairs at once: kill -9, and a new process with the state of the old one."""
    echoes = [pair.echo(rate=RELAYED_RATE) for pair in pairs]
    for echo in echoes:
        echo.wait_for_reply()
    wait_until(lambda: all(len(echo.replies()) > RELAYED_RATE * SETTLED for echo in echoes), "traffic")
    world.dnsd.kill()
    killed = time.time()
    world.dnsd = pairs[0].pairs.point.launch(*pairs[0].pairs.arguments, name="wg-dnsd-again")
    first = [echo.wait_for_reply(after=killed + 2 * world.delay) for echo in echoes]
    for echo in echoes:
        echo.stop()
    return [when - max(one for one in echo.replies() if one < when) for when, echo in zip(first, echoes)]


def hub_moves(world):
    """The public host has another address. Only `hub-endpoint` says where; its name servers stay."""
    world.add_public_addresses(world.host, [SECOND_ADDRESS])
    pairs = make_pairs(world, 2, "symmetric", address="0.0.0.0")
    for pair in pairs:
        pair.introduce()
        pair.start_updaters(*FIRST, "--hub-endpoint", f"{SECOND_ADDRESS}:{WIREGUARD_PORT}")
    echoes = [pair.echo(rate=5) for pair in pairs]
    for echo, pair in zip(echoes, pairs):
        echo.wait_for_reply()
        check(pair.through_hub(), f"{pair}: {pair.endpoints()}")
    world.host.nft(
        f"table inet gone {{\n chain input {{\n type filter hook input priority -10;\n"
        f" ip daddr {HOST} udp dport {WIREGUARD_PORT} drop\n }}\n}}\n"
    )
    gone = time.time()
    found = [echo.wait_for_reply(after=gone + 1, timeout=120) - gone for echo in echoes]
    for echo, pair in zip(echoes, pairs):
        check(pair.endpoints() == [f"{SECOND_ADDRESS}:{WIREGUARD_PORT}"] * 2, f"{pair}: {pair.endpoints()}")
        echo.stop()
    return {"the public host moves": found}


# ---- running them


def tell(what, found, limit=None):
    """Prints the figures. \\param limit (median, worst) of each, seconds. \\return what is wrong with them"""
    wrong = []
    for name, seconds in found.items():
        median, worst = statistics.median(seconds), max(seconds)
        wanted = f"  (at most {limit[0]:g} and {limit[1]:g})" if limit else ""
        print(f"{what}{name}: {len(seconds)} runs, median {median:.2f} s, worst {worst:.2f} s{wanted}")
        if limit and (median > limit[0] or worst > limit[1]):
            wrong.append(f"{what}{name}: median {median:.2f} s, worst {worst:.2f} s")
    return wrong


def case(delay=0.0):
    return Case("cone", "cone", "point", delay=delay)


def delayed(scenario):
    def with_delay(world, one):
        world.delay = one.delay
        return scenario(world)

    return with_delay


def once(world):
    tell("", direct(world, PAIRS, 1, ESTABLISHED, EVENTS[:1]))


def once_relayed(world):
    tell("", relayed(world))


def whole(options):
    wrong = []
    for delay in (0.0, *DELAYS):
        rtt = 2 * delay
        limit = (1.1 + 4 * rtt, 2.5 + 4 * rtt)
        rounds = ROUNDS if not delay else 1
        found = measure(options, delayed(lambda world: direct(world, PAIRS_FULL, rounds, ESTABLISHED_FULL)), case(delay))
        wrong += tell(f"{rtt:g} s of round trip, ", found, limit)
        rekeyed = delayed(lambda world: direct(world, PAIRS_REKEYED, 1, REKEYED, EVENTS[:1]))
        wrong += tell(f"{rtt:g} s of round trip, rekeyed directly, ", measure(options, rekeyed, case(delay)), limit)
    found = measure(options, delayed(relayed), case(0.05))
    restarted = {name: found.pop(name) for name in list(found) if "restarted" in name}
    wrong += tell("0.1 s of round trip, ", found, (RELAYED_LIMIT, RELAYED_LIMIT))
    wrong += tell("", restarted, (RESTART_LIMIT, RESTART_LIMIT))
    wrong += tell("", measure(options, delayed(hub_moves), case()), (HUB_LIMIT, HUB_LIMIT))
    if wrong:
        raise Failure("; ".join(wrong))
    return 0


def on_machine(options):
    return whole(options) if options.full else lab.in_laboratories(options, (once, once_relayed))


if __name__ == "__main__":
    lab.run_and_exit(on_machine)
