#!/usr/bin/python3
"""hub_endpoint: an updater finds the public host again, and sends little to an address that nobody answers from.

First the public host's name does not resolve when the interface is set up, and the first place of two is silent. With
--full the public host then moves under a living session that is idle but for pings. In another laboratory DNS puts 100
peers at one silent address, and then one of them answers there.
"""

import json
import time

from lab import lab
from lab.addresses import HOST, HOST6, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.node import Node, Pings
from lab.wireguard import WireGuard, generate_private_keys, public_key_of

SECOND_ADDRESS = "203.0.113.11"
SILENT = "203.0.113.66"
NOBODY = f"{SILENT}:{WIREGUARD_PORT}"
CROWD = 100
WATCHED = 6  # seconds
SLACK = 2  # packets: the seconds of the watch do not begin with a packet


def hub_of(world):
    done = ask(world, "status", "wg-alice", "--json")
    return next(peer for peer in json.loads(done.stdout)["peers"] if peer["hub"])


def ask(world, *words):
    return world.homes["alice"].node.run(world.program("wg-updater"), *words, check=False)


def find_hub(world):
    world.home("alice", "cone")
    world.start_dns()
    alice = world.homes["alice"].node
    world.add_public_addresses(world.host, [SECOND_ADDRESS])
    world.wireguard()
    device, hub = world.devices["alice"], world.devices["host"].public_key
    world.start_dnsd()
    # As a set-up leaves it that could not resolve the host's name.
    device.stop()
    device.configured[hub] = (f"{TUNNEL['host']}/32", None, 25)
    device.start()
    alice.use_resolvers("192.0.2.99", options="timeout:1 attempts:1")
    quick = RUN / "wg-quick.conf"
    quick.write_text(f"[Peer]\nPublicKey = {hub}\nAllowedIPs = {TUNNEL['host']}/32\n"
                     f"Endpoint = ns1.{ZONE}:{WIREGUARD_PORT}\n")  # fmt: skip
    log = world.start_updater("alice", "--hub-endpoint", NOBODY, "--wg-quick-file", quick)
    line = log.wait_for_line("the public host has no endpoint")
    check(f"endpoint {NOBODY}" in line and f"this is from hub-endpoint {NOBODY}" in line, line)
    wait_until(lambda: f"trying {NOBODY}" in (hub_of(world)["problem"] or ""), "status says where it is looked for")
    shown = hub_of(world)
    check(shown["path"] == "none" and shown["state"] == "hub", f"a host without a handshake: {shown}")
    story = ask(world, "why", "wg-alice", hub).stdout
    check("now: it has no endpoint; trying" in story and "what to do: the public host is looked for" in story, story)
    doctor = ask(world, "doctor", "wg-alice").stdout
    check("it has no endpoint; trying" in doctor and "hub-endpoint" in doctor, doctor)

    log.wait_for_line("the public host is not found", "cannot be resolved")
    world.use_resolver("unbound")
    device.wait_for_handshake(hub)
    places = (f"{HOST}:{WIREGUARD_PORT}", f"[{HOST6}]:{WIREGUARD_PORT}")
    check(device.endpoint_of(hub) in places, device.endpoint_of(hub))
    wait_until(lambda: (hub_of(world)["path"], hub_of(world)["problem"]) == ("direct", None), "status says it answers")
    print("\n".join(log.lines("public host")))
    if world.full:
        follow_hub(world, log)


def follow_hub(world, log):
    """The host answers at another address only. Its name servers stay where they are."""
    device, hub = world.devices["alice"], world.devices["host"].public_key
    log.stop()
    before = device.endpoint_of(hub)
    log = world.start_updater("alice", "--hub-endpoint", f"{SECOND_ADDRESS}:{WIREGUARD_PORT}")
    pings = Pings(world.homes["alice"].node, TUNNEL["host"], rate=2)
    pings.wait_for_reply()
    time.sleep(3)  # not a wait for an event: nothing may happen while it answers
    check(device.endpoint_of(hub) == before, f"the endpoint of a host that answers became {device.endpoint_of(hub)}")
    rules = "".join(
        f" chain {hook} {{\n type filter hook {hook} priority 0;\n"
        f" ip {side}addr {HOST} udp {side}port {WIREGUARD_PORT} drop\n"
        f" ip6 {side}addr {HOST6} udp {side}port {WIREGUARD_PORT} drop\n }}\n"
        for hook, side in (("input", "d"), ("output", "s"))
    )
    world.host.nft(f"table inet moved {{\n{rules}}}\n")
    moved = time.time()
    wait_until(lambda: device.endpoint_of(hub) == f"{SECOND_ADDRESS}:{WIREGUARD_PORT}", "the host is found", 60)
    check(time.time() - moved > 25, "it was not silent for 30 s")
    replied = pings.wait_for_reply(after=moved + 1)
    print(f"the host moved: found after {replied - moved:.1f} s")
    print("\n".join(log.lines("the public host does not answer")))
    check(len(log.lines("the public host does not answer")) == 1, "one line for a repair")
    pings.stop()


def crowd(world):
    world.home("alice", "none")
    world.start_dns()
    silent = Node(world, "silent")
    world.join_internet(silent, [SILENT])
    silent.nft(
        "table inet mute {\n chain input {\n type filter hook input priority 0;\n udp dport 20000-20200 drop\n }\n}\n"
    )
    silent.count("tried", f"udp dport 20000-{20000 + CROWD}")
    world.use_resolver("unbound")
    world.wireguard()
    alice = world.devices["alice"]
    privates = generate_private_keys(CROWD)
    peers, config = [], [f"zone: {ZONE}", "peers:"]
    for number, private in enumerate(privates):
        device_key = public_key_of(private)
        peers.append(device_key)
        config += [f"  - public-key: {device_key}", f"    endpoint: {SILENT}:{20000 + number}"]
        alice.configured[device_key] = (f"10.78.0.{number + 1}/32", None, None)
    path = RUN / "crowd.yaml"
    path.write_text("\n".join(config) + "\n")
    world.start_dnsd("--config", path)
    alice.stop()
    alice.start()
    log = world.start_updater("alice")
    wait_until(lambda: silent.counted("tried"), "the silent address is tried")
    before, began = silent.counted("tried"), time.time()
    time.sleep(WATCHED)  # not a wait for an event: packets are counted
    sent, seconds = silent.counted("tried") - before, time.time() - began
    print(f"{CROWD} peers at one silent address: {sent} packets in {seconds:.1f} s")
    check(sent <= 2 * seconds + SLACK, f"{sent} packets in {seconds:.1f} s")
    check(len(log.lines("it is its turn")) >= WATCHED // 2, "the peers do not take turns")
    wait_until(lambda: silent.counted("tried") > before, "a packet is sent in a turn")
    check(len(log.lines("waits for its turn")) >= CROWD // 2, "the log does not say that peers wait")

    # One of them is there: it comes by itself, and the others may be there, too.
    number = CROWD // 2
    before = silent.counted("tried")
    found = WireGuard(silent, "wg-found", privates[number], port=20000 + number, addresses=[f"10.78.0.{number + 1}/32"])
    silent.run("nft", "delete", "table", "inet", "mute")
    found.add_peer(alice.public_key, f"{TUNNEL['alice']}/32", f"{world.homes['alice'].public}:{WIREGUARD_PORT}", 25)
    found.wait_for_handshake(alice.public_key)
    wait_until(lambda: silent.counted("tried") >= before + number, "the other peers are tried at once")


if __name__ == "__main__":
    lab.main(find_hub, crowd)
