"""First contact: shared by the scenarios that measure it."""

from lab.addresses import TUNNEL
from lab.checks import check
from lab.node import Pings

FIRST_REPLY = "first direct reply"


def contact(world, case):
    """Seconds from the later exec of the two updaters to the first direct reply. The host has seen both before. The
    direct peers have neither keepalive nor traffic; with the variant `traffic` alice pings in vain before."""
    case.prepare(world)
    alice, bob = world.devices["alice"], world.devices["bob"]
    pings = None
    if case.variant == "traffic before":
        pings = Pings(alice.node, TUNNEL["bob"])
        alice.process.wait_for_line("Sending handshake initiation", bob.public_key[:4])
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    pings = pings or Pings(alice.node, TUNNEL["bob"])
    seconds = pings.wait_for_reply() - started
    for near, far in (("alice", "bob"), ("bob", "alice")):
        home, endpoint = world.homes[far], world.devices[near].endpoint_of(world.devices[far].public_key)
        is_there = endpoint == home.outside() if home.outside() else endpoint.startswith(f"{home.public}:")
        check(is_there, f"{near} reaches {far} at {endpoint}")
    return {FIRST_REPLY: seconds}
