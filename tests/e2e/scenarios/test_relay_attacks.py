#!/usr/bin/python3
"""relay_attacks: the relay of a built-in point passes nothing on that it should not, and amplifies nothing.

Alice and bob ping each other through the relay all the time. Meanwhile strangers send to it, with guessed and observed
indices; somebody forges alice's place; carol, who is registered, floods bob, and asks for pauses; recorded datagrams
are repeated; forged handshakes try to take over indices that are in use; many registered places are forged to fill the
tables. After each attack: what left because of it, octets out per octet in, no ping lost, the session still the same.
During the floods somebody shakes hands anew with the victim. With --full for longer, with a million initiations;
seconds are judged.

The attackers' datagrams are right in form and in mac1: that takes public keys alone. They carry a mark where true ones
have random numbers, and the firewall of the host counts it.
"""

import itertools
import random
import time

from lab import forged_wireguard as forged
from lab import lab
from lab.addresses import TUNNEL, WIREGUARD_PORT
from lab.attacked_relay import NETWORK, AttackedRelay
from lab.checks import check
from lab.node import Pings
from lab.spoofing import Spoofer

RATE, RATE_FULL = 1000, 4000  # forged datagrams per second
SECONDS, SECONDS_FULL = 1, 20
SENDER_RATE = 1_000_000  # bit/s of one sender at this relay
# doc/relay.md: initiations of an ordered pair that pass without a cookie, at once and per second.
BURST, PER_SECOND = 4, 2
PAUSE, PAUSE_INTERVAL = 2.0, 5.0  # seconds: the longest one, and from one to the next
FOR_EVER = 2**32 - 1  # milliseconds, as long as can be asked for
PAUSED, PAUSED_FULL = 2.5, 16  # seconds
CROWD, CROWD_FULL = 40, 200
INITIATIONS, INITIATIONS_FULL = 1500, 1_000_000
GROWTH = 128  # MiB of wg-dnsd
FRESH = 5.6  # seconds: WireGuard itself comes again after 5 to 5.33, then with a cookie


def stranger():
    return f"{NETWORK}.{random.randrange(1, 255)}", random.randrange(1024, 65536)


def in_turn(*makers):
    """A function that makes one datagram of each kind in turn."""
    turns = itertools.cycle(makers)
    return lambda: next(turns)()


def allowance(seconds):
    """Initiations of one ordered pair that may pass; one second for what the clocks of both ends differ in."""
    return BURST + PER_SECOND * (seconds + 1)


def report_meeting(relay, seconds):
    print(f"  a new handshake meanwhile: {seconds:.2f} s")
    if relay.world.full:
        check(seconds <= FRESH, f"a new handshake took {seconds:.2f} s")


def strangers(relay, count):
    """They have no place here. An observed index gives them ask-backs, because a peer may have moved: few."""
    alice, bob = relay.key["alice"], relay.key["bob"]
    observed = relay.index("alice", "bob")
    payload = in_turn(
        lambda: forged.data(forged.marked_index()),
        lambda: forged.initiation(bob),
        lambda: forged.initiation(relay.point.public_key),
        lambda: forged.response(alice, forged.marked_index()),
        lambda: forged.response(alice, observed),
        lambda: forged.cookie_reply(forged.marked_index()),
        lambda: forged.data(observed),
    )
    with relay.attack("strangers, guessed and observed indices", to_strangers=count):
        with relay.flooding(lambda: (stranger(), payload()), count):
            fresh = relay.meet("peer1", "bob")
    report_meeting(relay, fresh)


def forged_place(relay, count):
    """Who forges alice's place can have data passed on under an index that he observed, as she could: nobody opens it.
    Of initiations as many as her own allowance has; then she gets through with a cookie."""
    alice = relay.place_of("alice")
    bob, carol = relay.key["bob"], relay.key["carol"]
    payload = in_turn(
        lambda: forged.data(forged.marked_index()),
        lambda: forged.response(bob, forged.marked_index()),
        lambda: forged.cookie_reply(forged.marked_index()),
    )
    with relay.attack("alice's place forged, guessed indices"):
        relay.flood(lambda: (alice, payload()), count)
    observed = relay.index("alice", "bob")
    with relay.attack("alice's place forged, an observed index", data=count):
        relay.flood(lambda: (alice, forged.data(observed)), count // 4, rate=200)
    what = "alice's place forged, initiations for carol"
    with relay.attack(what, initiations=count, cookies=10**9):
        with relay.flooding(lambda: (alice, forged.initiation(carol)), count) as flood:
            fresh = relay.meet("alice", "carol")
    report_meeting(relay, fresh)
    relay.check_out(what, initiations=allowance(flood.seconds), cookies=flood.sent)
    check(relay.ledger.out["cookies"] > 0, f"{what}: no cookie was sent in carol's name")


def registered_peer(relay, count):
    """Carol floods bob from her own place: with initiations, then with data in their own session."""
    node = relay.world.homes["carol"].node
    spoofer = Spoofer(node)
    # On her own network; her NAT makes it her place.
    carol = (relay.world.homes["carol"].addresses[0], WIREGUARD_PORT)
    bob = relay.key["bob"]
    what = "carol floods bob with initiations"
    with relay.attack(what, initiations=count, cookies=10**9):
        with relay.flooding(lambda: (carol, forged.initiation(bob)), count, spoofer=spoofer) as flood:
            fresh = relay.meet("peer1", "bob")
    report_meeting(relay, fresh)
    relay.check_out(what, initiations=allowance(flood.seconds), cookies=flood.sent)

    relay.meet("carol", "bob")
    index = relay.index("carol", "bob")
    size = 1000
    what = "carol floods bob with data"
    with relay.attack(what, data=10**9):
        with relay.flooding(lambda: (carol, forged.data(index, size)), count, spoofer=spoofer) as flood:
            fresh = relay.meet("peer1", "bob")
    report_meeting(relay, fresh)
    passed = relay.ledger.out["data"]
    allowed = SENDER_RATE / 8 * (flood.seconds + 1.5) / size
    check(0 < passed <= allowed, f"{what}: {passed} of {flood.sent} datagrams were passed on, {allowed:.0f} may")


def pauses(relay, seconds):
    """Carol asks for pauses all the time, of her pair with bob and of his with alice. Hers gets one in five seconds, for
    two of them at most; alice and bob do not notice."""
    relay.meet("carol", "bob")
    pings = Pings(relay.device["carol"].node, TUNNEL["bob"], rate=20)
    pings.wait_for_reply()
    relay.settle()
    unanswered, overflows = relay.unanswered(), relay.world.host.udp_overflows()
    begin = time.time()
    granted = []
    while time.time() < begin + seconds:
        granted.append(relay.ask_for_pause("carol", "carol", "bob", FOR_EVER))
        check(not relay.ask_for_pause("carol", "alice", "bob", FOR_EVER), "carol asked in alice's name")
        check(not relay.ask_for_pause("carol", "bob", "alice", FOR_EVER), "carol asked in bob's name")
    took = time.time() - begin
    relay.settle()
    pings.wait_for_reply(after=begin + PAUSE)
    lost, overflows = relay.unanswered() - unanswered, relay.world.host.udp_overflows() - overflows
    replies = [when for when in pings.replies() if when > begin - 1]
    silence = max(after - before for before, after in itertools.pairwise(replies))
    counters = relay.relay_counters()
    print(f"pauses asked for {len(granted)} times in {took:.1f} s: {counters['pauses']} begun,"
          f" {counters['dropped']['paused']} packets dropped, {silence:.2f} s of silence; {lost} pings of others lost")  # fmt: skip
    check(granted[0] and not all(granted), f"of {len(granted)} requests {sum(granted)} were granted")
    check(1 <= counters["pauses"] <= 1 + took / PAUSE_INTERVAL, f"{counters['pauses']} pauses in {took:.1f} s")
    check(counters["dropped"]["paused"] > 0, "no packet was dropped because of a pause")
    check(silence >= PAUSE - 0.2, f"carol's longest silence is {silence:.2f} s, with a pause of {PAUSE} s")
    check(lost <= overflows, f"{lost} pings from alice to bob were lost")
    if relay.world.full:
        check(silence <= PAUSE + 0.3, f"carol was silent for {silence:.2f} s, with a pause of {PAUSE} s")
    pings.stop()


def recordings(relay, count):
    """What alice and carol sent each other is repeated, from its place and from others."""
    alice, carol = relay.place_of("alice"), relay.place_of("carol")
    relay.watch()  # the floods before are taken out of the queue, which has no room for more
    relay.meet("alice", "carol")
    for kind, source, target, name in ((1, alice, carol, "carol"), (4, alice, carol, "carol"), (2, carol, alice, "alice")):
        payload = relay.passed(source, target, kind)[-1]

        def left():
            relay.settle()
            return relay.left(name, payload.__eq__)

        before = left()
        flood = relay.flood(lambda: (source, payload), count, rate=200)
        repeated = left() - before
        most = {1: allowance(flood.seconds), 2: 0, 4: count}[kind]
        check(repeated <= most, f"{repeated} of {count} repeated messages of type {kind} were passed on, {most:.0f} may")
        before += repeated
        relay.flood(lambda: (stranger(), payload), count, rate=200)
        more = left() - before
        check(more == 0, f"{more} repeated messages of type {kind} were passed on for strangers")
        print(f"{count} repeated messages of type {kind}: {repeated} passed on from their place, none from others")
    relay.device["alice"].node.run("ping", "-c", "3", "-i", "0.2", "-W", "20", TUNNEL["carol"])


def taken_indices(relay):
    """Carol answers in a forged handshake with the index under which alice sends to the point, then to bob. She would
    get what is for them."""
    alice, carol = relay.place_of("alice"), relay.place_of("carol")
    for name in ("the point", "bob"):
        index = relay.index_of_point("alice") if name == "the point" else relay.index("alice", "bob")

        def is_taken(payload):
            return forged.is_kind(4, payload) and forged.receiver_of(payload) == index

        with relay.attack(f"the index of alice's session with {name}, in a handshake with carol", initiations=1):
            sender = forged.marked_index()
            relay.send(alice, forged.initiation(relay.key["carol"], sender))
            relay.send(carol, forged.response(relay.key["alice"], sender, index))
            relay.device["alice"].node.run("ping", "-c", "3", "-i", "0.2", "-W", "20", TUNNEL["host"])
        got = relay.left("carol", is_taken)
        check(got == 0, f"carol got {got} packets that are for {name}")


def both_places(relay, count):
    """Who forges both places can make up sessions between alice and carol, as many as a pair has. Alice's own handshake
    gets through."""
    alice, carol = relay.place_of("alice"), relay.place_of("carol")
    of = {}

    def begin():
        of.update(alice=forged.marked_index(), carol=forged.marked_index())
        return alice, forged.initiation(relay.key["carol"], of["alice"])

    payload = in_turn(
        begin,
        lambda: (carol, forged.response(relay.key["alice"], of["alice"], of["carol"])),
        lambda: (alice, forged.data(of["carol"])),
        lambda: (carol, forged.data(of["alice"])),
    )
    what = "alice's and carol's places forged, whole handshakes"
    with relay.attack(what, initiations=count, responses=count, cookies=10**9, data=10**9):
        with relay.flooding(payload, count) as flood:
            fresh = relay.meet("alice", "carol")
    report_meeting(relay, fresh)
    most = allowance(flood.seconds)
    relay.check_out(what, initiations=most, responses=most, cookies=flood.sent, data=flood.sent)


def exhaustion(relay, initiations):
    """Initiations in the name of each peer of the crowd, for each other one."""
    places, keys = relay.crowd_places, relay.crowd_keys
    before = relay.memory()
    what = f"initiations between all {len(keys)} of a crowd"

    def one():
        first, second = random.sample(range(len(keys)), 2)
        return places[first], forged.initiation(keys[second])

    with relay.attack(what, initiations=10**9, cookies=10**9):
        with relay.flooding(one, initiations, rate=max(relay.rate / 2, initiations / 60)) as flood:
            fresh = relay.meet("peer1", "carol")
    report_meeting(relay, fresh)
    grown = relay.memory() - before
    print(f"  {flood.sent} sent in {flood.seconds:.0f} s, wg-dnsd grew by {grown:.1f} MiB")
    check(grown <= GROWTH, f"{what}: wg-dnsd grew by {grown:.1f} MiB")
    relay.check_out(what, initiations=len(keys) ** 2 * allowance(flood.seconds), cookies=flood.sent)


def scenario(world):
    rate, seconds, crowd, initiations = (
        (RATE_FULL, SECONDS_FULL, CROWD_FULL, INITIATIONS_FULL) if world.full else (RATE, SECONDS, CROWD, INITIATIONS)
    )
    relay = AttackedRelay(world, rate, crowd, ("--relay-rate", SENDER_RATE))
    strangers(relay, rate * seconds)
    forged_place(relay, rate * seconds)
    registered_peer(relay, rate * seconds)
    pauses(relay, PAUSED_FULL if world.full else PAUSED)
    recordings(relay, 60)
    taken_indices(relay)
    both_places(relay, rate * seconds)
    exhaustion(relay, initiations)


if __name__ == "__main__":
    lab.main(scenario)
