#!/usr/bin/python3
"""wg_quick: the interface belongs to wg-quick(8): reload, restart and SaveConfig under a running updater, and waiting.

Debian's wg-quick makes and removes alice's interface from a file of the laboratory; bob's stays. The user's file gives
bob no keepalive, and after the updater's last stop the device must show that.
"""

import pathlib
import shutil
import time

from lab import lab
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT
from lab.checks import Skip, check, wait_until
from lab.containment import RUN
from lab.node import Pings
from lab.resolvers import start_resolver
from lab.wireguard import KEEPALIVE

INTERFACE = "wg-alice"
NOWHERE = "192.0.2.99:9"  # the endpoint that the file has for bob; no host has it
LOST_FOR = 30  # seconds at most, after a reload with a wrong endpoint; judged with --full


class Quick:
    """alice's interface, managed by wg-quick."""

    def __init__(self, world):
        self.world = world
        self.node = world.homes["alice"].node
        self.device = world.devices["alice"]
        self.bob = world.devices["bob"].public_key
        self.hub = world.devices["host"].public_key
        self.file = RUN / f"{INTERFACE}.conf"
        self.device.stop()  # wg-quick makes its own
        wait_until(lambda: not self.exists(), f"{INTERFACE} is gone")

    def write(self, save=False, endpoint=None):
        """Writes the user's file."""
        lines = [
            "[Interface]", f"PrivateKey = {self.device.private_key}", f"ListenPort = {WIREGUARD_PORT}",
            f"Address = {TUNNEL['alice']}/32", *(["SaveConfig = true"] if save else []),
            "[Peer]", f"PublicKey = {self.bob}", f"AllowedIPs = {TUNNEL['bob']}/32",
            *([f"Endpoint = {endpoint}"] if endpoint else []),
            "[Peer]", f"PublicKey = {self.hub}", f"AllowedIPs = {TUNNEL['host']}/32",
            f"Endpoint = {HOST}:{WIREGUARD_PORT}", f"PersistentKeepalive = {KEEPALIVE}",
        ]  # fmt: skip
        self.file.write_text("\n".join(lines) + "\n")

    def up(self):
        self.node.run("wg-quick", "up", self.file)

    def down(self):
        self.node.run("wg-quick", "down", self.file)

    def reload(self):
        """What `systemctl reload wg-quick@wg0` does."""
        stripped = RUN / "stripped.conf"
        stripped.write_text(self.node.output("wg-quick", "strip", self.file))
        self.node.run("wg", "syncconf", INTERFACE, stripped)

    def exists(self):
        return self.node.run("ip", "link", "show", INTERFACE, check=False).returncode == 0

    def saved_keepalive(self, key):
        """The keepalive in the file for a peer; 0: none."""
        section = self.file.read_text().split(f"PublicKey = {key}")[1].split("[Peer]")[0]
        return int(section.split("PersistentKeepalive = ")[1].split()[0]) if "PersistentKeepalive" in section else 0

    def index(self):
        return self.node.output("cat", f"/sys/class/net/{INTERFACE}/ifindex").strip()

    def wait_until_direct(self, what):
        """Waits until data flows in a session, and the keepalive is that of a direct tunnel."""
        started = time.monotonic()
        self.device.wait_for_handshake(self.bob)
        wait_until(lambda: self.device.peer(self.bob).keepalive == KEEPALIVE, f"bob has a direct keepalive, {what}")
        wait_until(lambda: self.node.run("ping", "-c1", "-W1", TUNNEL["bob"], check=False).returncode == 0, "a reply")
        print(f"{what}: direct after {time.monotonic() - started:.1f} s")

    def start_updater_again(self):
        """Returns when it runs: with a saved file all other conditions may hold before."""
        starts = len(self.world.updaters["alice"].lines(f" for {INTERFACE} in "))
        updater = self.world.start_updater("alice")
        wait_until(lambda: len(updater.lines(f" for {INTERFACE} in ")) > starts, "the updater starts again")

    def stop_updater(self, what):
        """Stops the updater, and checks that the user's keepalives are restored."""
        check(self.world.updaters["alice"].stop() == 0, "SIGTERM did not end it cleanly")
        if not self.exists():
            return
        keepalives = {key: self.device.peer(key).keepalive for key in (self.bob, self.hub)}
        expected = {self.bob: 0, self.hub: KEEPALIVE}
        check(keepalives == expected, f"{what}: the user's keepalives were {expected}, {keepalives} were left")
        print(f"{what}: the user's keepalives are back")


def waits(world, quick):
    """Started before everything that it needs: one line for each wait, and no further line when it is over."""
    updater = world.start_updater("alice")
    updater.wait_for_line(INTERFACE, "waiting for it")
    quick.write()
    quick.up()
    updater.wait_for_line(f"{INTERFACE}: here")
    updater.wait_for_line("DNS cannot be asked")
    start_resolver(world.dns, "unbound")
    world.start_dnsd()
    updater.wait_for_line("DNS can be asked again")
    world.start_updater("bob")
    quick.wait_until_direct("started before interface, resolver and hub")
    for line in ("waiting for it", f"{INTERFACE}: here", "DNS cannot be asked", "DNS can be asked again"):
        count = len(updater.lines(line))
        check(count == 1, f"'{line}' is logged {count} times")
    print("one line for each wait")


def reloads(world, quick):
    quick.reload()
    quick.wait_until_direct("reload")
    quick.write(endpoint=NOWHERE)
    quick.reload()  # in a quiet moment, because a packet of bob's would correct the endpoint at once
    shown = quick.device.peer(quick.bob).endpoint
    reloaded = time.time()
    pings = Pings(quick.node, TUNNEL["bob"])
    silence = pings.wait_for_reply() - reloaded
    pings.stop()
    endpoint = quick.device.peer(quick.bob).endpoint
    check(endpoint != NOWHERE, "the wrong endpoint stayed")
    print(f"reload with a wrong endpoint: from {shown} to {endpoint} after {silence:.1f} s")
    if world.full:
        check(silence <= LOST_FOR, f"silence of {silence:.1f} s after a reload with a wrong endpoint")
    quick.write()


def restarts(world, quick):
    updater = world.updaters["alice"]
    lines = len(updater.lines("waiting for it"))
    before = quick.index()
    quick.down()
    updater.wait_for_line(INTERFACE, "waiting for it")
    wait_until(lambda: len(updater.lines("waiting for it")) == lines + 1, "it says that it waits")
    quick.up()
    check(quick.index() != before, "the interface is the same one")
    quick.wait_until_direct("restart")
    check(len(updater.lines("waiting for it")) == lines + 1, "more than one line for one wait")
    quick.stop_updater("restart")
    quick.down()


def saves(world, quick):
    """SaveConfig: `wg-quick down` writes what the device shows into the file."""
    quick.write(save=True)
    quick.up()
    quick.start_updater_again()
    quick.wait_until_direct("SaveConfig")
    updater = world.updaters["alice"]
    lines = len(updater.lines("waiting for it"))
    quick.down()
    wait_until(lambda: len(updater.lines("waiting for it")) > lines, "the updater sees that it is away")
    check(quick.saved_keepalive(quick.bob) == KEEPALIVE, "our keepalive is not in the file: nothing is shown below")
    seen = len(updater.lines(f"{INTERFACE}: here"))
    quick.up()
    quick.wait_until_direct("the saved file, loaded under a running updater")
    # The saved endpoint works at once, even before the updater looks for the interface again.
    wait_until(lambda: len(updater.lines(f"{INTERFACE}: here")) > seen, "the updater sees the interface")
    # Our own value is set again, and this time the updater ends while the interface is away.
    lines = len(updater.lines("waiting for it"))
    quick.down()
    wait_until(lambda: len(updater.lines("waiting for it")) > lines, "it says that it waits")
    quick.stop_updater("the interface is away")
    quick.up()
    check(quick.device.peer(quick.bob).keepalive == KEEPALIVE, "the file did not bring our keepalive back")
    quick.start_updater_again()
    quick.wait_until_direct("the saved file, loaded before the updater starts")
    # As wg-updater@.service has it (After= and PartOf=): the updater stops first.
    quick.stop_updater("the saved file")
    quick.down()
    check(quick.saved_keepalive(quick.bob) == 0, "stopped in the unit's order: the file has our keepalive")
    check(quick.saved_keepalive(quick.hub) == KEEPALIVE, "the hub's keepalive is missing in the file")
    print("stopped in the unit's order: the file has the user's keepalives")


def scenario(world):
    if not shutil.which("wg-quick"):
        raise Skip("needs wg-quick (Debian package wireguard-tools)")
    check(not pathlib.Path("/etc/wireguard", f"{INTERFACE}.conf").exists(), f"this machine has a {INTERFACE} of its own")
    world.home("alice", "cone")
    world.home("bob", "cone")
    world.start_dns(resolvers=())
    world.use_resolver("unbound")
    world.wireguard()
    world.wait_until_host_sees_all()
    quick = Quick(world)
    waits(world, quick)
    reloads(world, quick)
    restarts(world, quick)
    saves(world, quick)


if __name__ == "__main__":
    lab.main(scenario)
