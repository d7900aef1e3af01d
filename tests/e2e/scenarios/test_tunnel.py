#!/usr/bin/python3
"""tunnel: services for peers of a built-in observation point inside their tunnels: DNS, ping, LAN announcements.

Stock clients over wireguard-go: dig, ping, nsupdate, over both families. A list of 100 peers arrives whole; no peer can
ask or announce with another peer's inner address.
"""

import json

from lab import dns_client
from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.point import Point
from lab.wireguard import KEEPALIVE, WireGuard, base32_of, generate_private_keys, public_key_of, wg

INNER6 = {"host": "fd77::1", "alice": "fd77::2", "bob": "fd77::3"}
PEERS = 100
LIST = f"_wireguard._udp.{ZONE}"
NETWORK = ("192.168.1.5:51820", "[fd00:1::5]:51820")  # alice announces these addresses of her own network


def prepare(world):
    point = Point(world)
    names = ("alice", "bob")
    for name, key in zip(names, generate_private_keys(len(names))):
        home = world.home(name, "cone")
        inner = f"{TUNNEL[name]}/32,{INNER6[name]}/128"
        device = WireGuard(home.node, f"wg-{name}", key, addresses=inner.split(","))
        device.node.ip("link", "set", device.name, "mtu", "1420")  # wg-quick's
        world.devices[name] = device
        point.add_peer(device.public_key, inner)
    for number in range(PEERS - len(names)):
        key = public_key_of(wg("genkey"))
        point.add_peer(key, f"10.78.0.{number + 1}/32", endpoint=f"192.0.2.77:{number + 1000}")
    process = point.start(tunnel=(TUNNEL["host"], INNER6["host"]))
    for name in names:
        device = world.devices[name]
        device.add_peer(
            point.public_key, f"{TUNNEL['host']}/32,{INNER6['host']}/128", f"{HOST}:{WIREGUARD_PORT}", KEEPALIVE
        )
        device.wait_for_handshake(point.public_key)
    return point, process


class Tunnel:
    """Asks from inside one peer's tunnel."""

    def __init__(self, world, name):
        self.world = world
        self.device = world.devices[name]
        self.node = self.device.node

    def dig(self, *words, server=TUNNEL["host"]):
        """The output of dig; waits long enough, and asks once."""
        return self.node.output("dig", f"@{server}", "+time=10", "+tries=1", "+noall", *words)

    def gets_no_answer(self, *words, server=TUNNEL["host"]):
        done = self.node.run(
            "dig", f"@{server}", "+time=1", "+tries=1", "+noall", "+answer", *words, check=False
        )
        return done.returncode == 9  # dig(1): no reply from server

    def update(self, *lines, source=None):
        """The result of nsupdate. \\return (exit code, text)"""
        words = [f"server {TUNNEL['host']}", *([f"local {source}"] if source else []), f"zone {ZONE}", *lines, "send"]
        done = self.node.run("nsupdate", "-t", "2", "-u", "1", "-r", "0", check=False, stdin="\n".join(words) + "\n")
        return done.returncode, done.stdout + done.stderr

    def announcement(self, label=None):
        name = f"_lan.{label or base32_of(self.device.public_key)}.{ZONE}"
        texts = " ".join(f'"{one}"' for one in NETWORK)
        return f"update delete {name} TXT", f"update add {name} 300 TXT {texts}"


def dropped(point):
    """Counts of `wg-dnsd status`, by reason."""
    return json.loads(point.ask("status", "--json"))["tunnel"]["dropped"]


def ping_and_ask(world, alice):
    for words in (("-4", TUNNEL["host"]), ("-6", INNER6["host"])):
        for size in (56, 1300):
            text = alice.node.output("ping", "-c", "3", "-i", "0.2", "-s", size, *words)
            check(" 0% packet loss" in text, f"ping of {size} octets: {text}")
    for server in (TUNNEL["host"], INNER6["host"]):
        whole = alice.dig("+answer", "+bufsize=16384", "+notcp", LIST, "PTR", server=server)
        check(len(whole.splitlines()) == PEERS, f"{server}: {len(whole.splitlines())} of {PEERS} peers:\n{whole}")
        small = alice.dig("+comments", "+bufsize=1232", "+ignore", LIST, "PTR", server=server)
        check("flags: qr aa tc" in small, f"{server}: not truncated:\n{small}")
    print(f"ping and a list of {PEERS} peers through the tunnel, over both families")


def nobody_else(world, point, alice):
    """Alice takes bob's inner address, and asks, pings and announces with it."""
    before = dropped(point)
    alice.node.add_address(alice.device.name, f"{TUNNEL['bob']}/32", f"{INNER6['bob']}/128")
    check(alice.gets_no_answer("-b", TUNNEL["bob"], LIST, "TXT"), "an answer to bob's address")
    check(alice.gets_no_answer("-b", INNER6["bob"], LIST, "TXT", server=INNER6["host"]), "an answer to bob's address")
    done = alice.node.run("ping", "-c", "1", "-W", "1", "-I", TUNNEL["bob"], TUNNEL["host"], check=False)
    check(done.returncode == 1, f"a ping from bob's address: {done.stdout}")
    bob = base32_of(world.devices["bob"].public_key)
    code, text = alice.update(*alice.announcement(bob), source=TUNNEL["bob"])
    check(code != 0 and "REFUSED" not in text, f"an update from bob's address: {text}")
    after = dropped(point)
    check(after["source"] >= before["source"] + 4, f"not counted: {before} then {after}")
    for name, inner in (("bob", TUNNEL["bob"]), ("bob", INNER6["bob"])):
        alice.node.ip("address", "del", f"{inner}/{128 if ':' in inner else 32}", "dev", alice.device.name)
    code, text = alice.update(*alice.announcement(bob))
    check(code == 2 and "REFUSED" in text, f"an update for bob from alice: {text}")
    check(alice.gets_no_answer("+tcp", LIST, "TXT"), "TCP inside the tunnel")
    check(dropped(point)["protocol"] > before["protocol"], "TCP was not counted")
    print("another peer's inner address, another peer's name and TCP get nothing")


def announce(world, alice, bob):
    name = f"_lan.{base32_of(alice.device.public_key)}.{ZONE}"
    check("NXDOMAIN" in bob.dig("+comments", name, "TXT"), "an announcement before there is one")
    code, text = alice.update(*alice.announcement())
    check(code == 0, f"nsupdate: {text}")
    expected = " ".join(f'"{one}"' for one in NETWORK)
    check(bob.dig("+short", name, "TXT").strip() == expected, bob.dig("+answer", "+comments", name, "TXT"))
    outside = dns_client.ask(world.internet, HOST, name, "TXT")
    check(outside.rcode() == 3, f"outside: {outside}")
    code, text = alice.update(f"update delete {name} TXT")
    check(code == 0, f"nsupdate: {text}")
    check("NXDOMAIN" in bob.dig("+comments", name, "TXT"), "an announcement that was withdrawn")
    print("nsupdate announces and withdraws, the other peer sees it, the Internet does not")


def scenario(world):
    point, process = prepare(world)
    alice, bob = Tunnel(world, "alice"), Tunnel(world, "bob")
    # Both must have been seen at their endpoints, or the list is shorter.
    wait_until(lambda: all(world.published(name) for name in world.homes), "both peers are published")
    ping_and_ask(world, alice)
    announce(world, alice, bob)
    nobody_else(world, point, alice)
    check(process.stop() == 0, "SIGTERM did not end it cleanly")


if __name__ == "__main__":
    lab.main(scenario)
