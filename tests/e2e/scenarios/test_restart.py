#!/usr/bin/python3
"""restart: killing and restarting the updater at any moment, or reloading its interface, does not disturb the tunnel.

First while it punches: bob's updater does not run yet, so that alice tries in vain. Then while the tunnel works. The
user's keepalives, 0 towards bob in one laboratory and 17 in the other, are restored after each stop.
"""

import functools
import random
import time

from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.node import Pings
from lab.wireguard import KEEPALIVE

KILLS, KILLS_FULL = 4, 20
LONGEST = 3.0  # the longest run before a kill, seconds


def scenario(world, user):
    world.prepare()
    alice, bob = world.devices["alice"], world.devices["bob"].public_key
    if user:
        alice.set("peer", bob, "persistent-keepalive", user)
    chance = random.Random(user)
    kill_while_punching(world, alice, bob, user, chance)
    world.start_updaters()
    world.wait_for_direct_handshake()
    pings = Pings(world.homes["alice"].node, TUNNEL["bob"])
    pings.wait_for_reply()
    endpoint = alice.peer(bob).endpoint
    for _ in range(KILLS_FULL if world.full else KILLS):
        world.updaters["alice"].kill()
        world.start_updater("alice")
        time.sleep(chance.uniform(0, LONGEST))  # not a wait for an event: any moment will do
    reload(world, alice, bob, user)
    sent = len(pings.replies()) + 15
    wait_until(lambda: len(pings.replies()) >= sent, "pings after the last restart and the reload")
    check(alice.peer(bob).endpoint == endpoint, f"the endpoint became {alice.peer(bob).endpoint}")
    check(world.updaters["alice"].stop() == 0, "SIGTERM did not end it cleanly")
    keepalive = alice.peer(bob).keepalive
    check(keepalive == user, f"the user's keepalive was {user}, {keepalive} was left")
    check(alice.peer(world.devices["host"].public_key).keepalive == KEEPALIVE, "the hub's keepalive is another one")
    summary = pings.stop()
    check(" 0% packet loss" in summary, f"pings were lost: {summary}")
    print(f"user's keepalive {user:2}: {summary}; keepalive {keepalive} after the stop")


def kill_while_punching(world, alice, bob, user, chance):
    """Half of the moments are in the first second, in which the first writes and kicks happen."""
    for number in range(KILLS_FULL if world.full else KILLS):
        log = world.start_updater("alice")
        time.sleep(chance.uniform(0, LONGEST if number % 2 else 1.0))  # not a wait for an event: any moment will do
        log.kill()
    log = world.start_updater("alice")
    log.wait_for_line("no answer from")
    check(log.stop() == 0, "SIGTERM did not end it cleanly")
    check(alice.peer(bob).keepalive == user, f"killed while punching: {alice.peer(bob).keepalive} was left, not {user}")
    check(alice.peer(bob).handshake == 0, "there was a tunnel, nothing to show")


def reload(world, alice, bob, user):
    """What `systemctl reload wg-quick@wg0` does: `wg syncconf` with the file of the user."""
    host = world.devices["host"].public_key
    lines = [
        "[Interface]", f"PrivateKey = {alice.private_key}", f"ListenPort = {WIREGUARD_PORT}",
        "[Peer]", f"PublicKey = {bob}", f"AllowedIPs = {TUNNEL['bob']}/32",
        *([f"PersistentKeepalive = {user}"] if user else []),
        "[Peer]", f"PublicKey = {host}", f"AllowedIPs = {TUNNEL['host']}/32",
        f"Endpoint = {HOST}:{WIREGUARD_PORT}", f"PersistentKeepalive = {KEEPALIVE}",
    ]  # fmt: skip
    path = RUN / "reload.conf"
    path.write_text("\n".join(lines) + "\n")
    alice.node.run("wg", "syncconf", alice.name, path)
    wanted = user or KEEPALIVE  # a direct tunnel has one
    wait_until(lambda: alice.peer(bob).keepalive == wanted, f"bob's keepalive is {wanted} after the reload")


if __name__ == "__main__":
    lab.main(functools.partial(scenario, user=0), functools.partial(scenario, user=17))
