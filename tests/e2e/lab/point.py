"""wg-dnsd's built-in observation point: without a WireGuard interface on the host, and without root."""

import json
import os

from lab.addresses import HOST, HOST6, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import wait_until
from lab.containment import RUN
from lab.wireguard import public_key_of, wg

NOBODY = 65534
ORDINARY_USER = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", "--inh-caps=-all",
    "--bounding-set=-all",
)  # fmt: skip


class Point:
    """Replaces the host's WireGuard device; its peers come from a file of peers."""

    def __init__(self, world, address=HOST, port=WIREGUARD_PORT, name="point"):
        self.world = world
        self.folder = RUN / name
        self.folder.mkdir()
        os.chown(self.folder, NOBODY, NOBODY)
        self.key_file = self.folder / "key"
        private_key = wg("genkey")
        self.key_file.write_text(private_key + "\n")
        os.chown(self.key_file, NOBODY, NOBODY)
        self.key_file.chmod(0o600)
        self.public_key = public_key_of(private_key)
        self.endpoint = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self.peers_file = self.folder / "peers.conf"
        self.peers_file.write_text("")

    def add_peer(self, key, allowed_ips, psk=None, endpoint=None, name=None):
        with self.peers_file.open("a") as file:
            file.write("[Peer]\n" + (f"# Name = {name}\n" if name else "") + f"PublicKey = {key}\nAllowedIPs = {allowed_ips}\n")
            if psk:
                file.write(f"PresharedKey = {psk}\n")
            if endpoint:
                file.write(f"Endpoint = {endpoint}\n")

    def launch(self, *arguments, name="wg-dnsd", tunnel=(TUNNEL["host"],)):
        """Starts wg-dnsd as an ordinary user, with its built-in point."""
        self.world.host.sysctl("net.ipv4.ip_unprivileged_port_start=0")
        return self.world.host.start(
            *ORDINARY_USER, self.world.program("wg-dnsd"), "--zone", ZONE,
            "--observe", f"{self.endpoint}={','.join((str(self.key_file), *tunnel))}", "--peers-file", self.peers_file,
            "--listen", HOST, "--listen", f"[{HOST6}]", "--ns", f"ns1.{ZONE}={HOST},{HOST6}",
            "--state-dir", self.folder / "state", "--control", self.folder / "control", *arguments, name=name,
        )  # fmt: skip

    def ask(self, *words):
        """The output of a command of the running wg-dnsd."""
        return self.world.host.output(self.world.program("wg-dnsd"), *words, "--control", self.folder / "control")

    def report(self, key):
        """wg-dnsd's line about the peer; empty: it does not know the peer."""
        peers = [json.loads(line) for line in self.ask("peers", "--json").splitlines()]
        return next((peer for peer in peers if peer["public_key"] == key), {})

    def old_timestamps(self):
        """How many initiations were refused as replays."""
        return json.loads(self.ask("status", "--json"))["points"][0]["ignored"]["old_timestamp"]

    def is_stale(self, key):
        """Whether wg-dnsd has not heard of the peer in this run, or not for a long time."""
        return self.report(key).get("stale", False)

    def endpoint_of(self, key):
        """As WireGuard.endpoint_of."""
        return next(iter(self.report(key).get("published_endpoints", [])), None)

    def wait_for_handshake(self, key):
        return wait_until(lambda: self.endpoint_of(key) and not self.is_stale(key), f"the point sees {key}")

    def start(self, *arguments, **keywords):
        process = self.launch(*arguments, **keywords)
        self.world.wait_until_served(process)
        return process
