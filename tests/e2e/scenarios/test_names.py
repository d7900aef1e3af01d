#!/usr/bin/python3
"""names: what the public host calls a peer, or itself, its updater calls it, in log, status and why, and remembers it.

The names come from the comments of a peers file on the host, through the private view. A comment in wg-quick's file of the
updater's own host goes before it.
"""

import json

from lab import lab
from lab.addresses import TUNNEL
from lab.checks import check, wait_until
from lab.containment import RUN

PEERS = RUN / "peers.conf"


def name_bob(world, name):
    """wg-dnsd starts again, with this name for bob in a peers file beside the interface."""
    world.dnsd.stop()
    PEERS.write_text(f"# Name = {name}\n[Peer]\nPublicKey = {world.devices['bob'].public_key}\n"
                     f"AllowedIPs = {TUNNEL['bob']}/32\n"
                     f"# Name = office\n[Peer]\nPublicKey = {world.devices['host'].public_key}\n")  # fmt: skip
    world.dnsd = world.start_dnsd("--peers-file", PEERS)


def ask(world, *words):
    return world.homes["alice"].node.run(world.program("wg-updater"), *words, check=False)


def name_of(world, who):
    done = ask(world, "status", "wg-alice", "--json")
    peers = json.loads(done.stdout)["peers"] if done.stdout else ()  # it has just begun
    return next((peer["name"] for peer in peers if peer["public_key"] == world.devices[who].public_key), None)


def scenario(world):
    world.prepare()
    key = world.devices["bob"].public_key
    name_bob(world, "bob")
    quick = RUN / "wg-quick.conf"
    log = world.start_updater("alice", "--wg-quick-file", quick)
    wait_until(lambda: name_of(world, "bob") == "bob", "the updater calls bob what the public host calls him")
    wait_until(lambda: name_of(world, "host") == "office", "and calls the host what the host calls itself")
    world.start_updater("bob")
    line = log.wait_for_line(": direct at ")
    check(f"bob ({key[:4]}" in line, f"bob's name in the log: {line}")
    check(ask(world, "why", "wg-alice", "BOB").stdout.startswith(f"bob, {key}\n"), "why takes the name")
    print(ask(world, "status", "wg-alice").stdout)
    # The hub is an interface, where nobody takes LAN addresses: that is nothing to be warned of.
    check(not log.lines(" warning: "), f"warnings: {log.lines(' warning: ')}")

    log.stop()
    world.dnsd.stop()
    log = world.start_updater("alice", "--wg-quick-file", quick)
    wait_until(lambda: name_of(world, "bob") == "bob", "the name survives a restart without the host")
    quick.write_text(f"[Peer]\n# BEGIN_PEER robert\nPublicKey = {key}\n")
    wait_until(lambda: name_of(world, "bob") == "robert", "the comment of this host goes before")


if __name__ == "__main__":
    lab.main(scenario)
