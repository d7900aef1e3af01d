#!/usr/bin/python3
"""blocks: a block of addresses that a file gives to one peer and the observed interface to another.

It is told with file and line, by --check-config as well, and DNS has it of the interface's peer alone, until the
interface gives it to the other one. A longer block inside a shorter one is another block.
"""

import signal

from lab import dns_client
from lab import lab
from lab.addresses import TUNNEL, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.wireguard import base32_of, generate_private_keys, public_key_of

PEERS = RUN / "peers.conf"
TAKEN, OTHER, WIDE = "10.77.0.20/32", "10.77.0.21/32", "10.77.1.0/24"
INSIDE = "10.77.1.9/32"
WORDS = "at the interface wg-host: WireGuard gives it to"


class Peer:
    """What DNS says of a peer inside the tunnel."""

    def __init__(self, world, name, key):
        self.world, self.name, self.key = world, name, key
        self.told = f"{name} ({key[:4]}…{key[-5:-1]})"  # so the log calls it

    def ask(self, name, kind):
        reply = dns_client.ask(self.world.host, TUNNEL["host"], name, kind)
        return [data for rrset in reply.answer for data in rrset]

    def allowed(self):
        records = self.ask(f"_wireguard._udp.{base32_of(self.key)}.{ZONE}", "TXT")
        texts = [text.decode() for data in records for text in data.strings]
        return [text.removeprefix("allowed=") for text in texts if text.startswith("allowed=")]

    def addresses(self):
        return [data.address for data in self.ask(f"{self.name}.tunnel.{ZONE}", "A")]

    def has(self, *blocks):
        hosts = [block.removesuffix("/32") for block in blocks if block.endswith("/32")]
        expected = [",".join(blocks)] if blocks else []
        return (self.allowed(), self.addresses()) == (expected, hosts)


def warning(alice, bob):
    return (f"{PEERS}:2: {TAKEN} of {alice.told} is also that of {bob.told} {WORDS} "
            f"{bob.told} alone, and so does DNS; take it out of the configuration, or give it to {alice.told} at "
            "wg-host")  # fmt: skip


def check_config(world):
    done = world.host.run(
        world.program("wg-dnsd"), "--zone", ZONE, "--interface", "wg-host", "--peers-file", PEERS, "--check-config",
        check=False,
    )  # fmt: skip
    check(done.returncode == 0, f"--check-config: {done.returncode} {done.stderr}")
    return [line for line in done.stderr.splitlines() if WORDS in line]


def scenario(world):
    device = world.wireguard()["host"]
    keys = map(public_key_of, generate_private_keys(2))
    alice, bob = (Peer(world, name, key) for name, key in zip(("alice", "bob"), keys))
    device.add_peer(bob.key, f"{TAKEN},{INSIDE}")
    PEERS.write_text(f"# Name = alice\n[Peer]\nPublicKey = {alice.key}\nAllowedIPs = {TAKEN}, {WIDE}\n"
                     f"# Name = bob\n[Peer]\nPublicKey = {bob.key}\nAllowedIPs = {OTHER}, {INSIDE}\n")  # fmt: skip
    expected = warning(alice, bob)
    log = world.start_dnsd("--peers-file", PEERS)
    line = log.wait_for_line(WORDS)
    check(line.endswith(f"warning: {expected}"), f"the warning: {line}")
    wait_until(lambda: alice.has(WIDE), "alice has the other block alone")
    check(bob.has(OTHER, INSIDE, TAKEN), f"bob: {bob.allowed()} {bob.addresses()}")
    check(check_config(world) == [f"wg-dnsd: warning: {expected}"], f"--check-config: {check_config(world)}")
    print(line)

    # A reload tells it again, a restart too, and nothing else does.
    log.signal(signal.SIGHUP)
    wait_until(lambda: len(log.lines(WORDS)) == 2, "a reload tells it")
    check(alice.has(WIDE), f"after a reload: {alice.allowed()}")
    check(log.stop() == 0, "SIGTERM did not end it cleanly")
    log = world.start_dnsd("--peers-file", PEERS, name="again")
    log.wait_for_line(WORDS)
    wait_until(lambda: alice.has(WIDE), "the same after a restart")

    # A peer that is added does not take it by accident, and by force from the other files alone.
    carol = Peer(world, "carol", public_key_of(generate_private_keys(1)[0]))
    peer = (world.program("wg-dnsd"), "peer")
    words = ("add", "carol", carol.key, "--allowed-ips", TAKEN, "--control", lab.CONTROL)
    refused = world.host.run(*peer, *words, check=False)
    check(refused.returncode == 1 and "takes it over in the configuration" in refused.stderr, f"peer add: {refused}")
    world.host.run(*peer, *words, "--force")
    log.wait_for_line(f"{TAKEN} of {carol.told} is also that of {bob.told} {WORDS}")
    check((carol.has(), alice.has(WIDE), bob.has(OTHER, INSIDE, TAKEN)) == (True,) * 3, f"carol: {carol.allowed()}")
    world.host.run(*peer, "remove", "carol", "--control", lab.CONTROL)
    check(len(log.lines(WORDS)) == 3, f"each configuration tells it: {log.lines(WORDS)}")

    device.set("peer", alice.key, "allowed-ips", f"{TAKEN},{WIDE}")
    device.set("peer", bob.key, "allowed-ips", f"{OTHER},{INSIDE}")
    wait_until(lambda: alice.has(TAKEN, WIDE) and bob.has(OTHER, INSIDE), "the interface is set right")
    check(check_config(world) == [], f"--check-config when all is right: {check_config(world)}")
    check(len(log.lines(WORDS)) == 3, "each configuration tells it once")


if __name__ == "__main__":
    lab.main(scenario)
