"""A WireGuard device in user space, and keys."""

import base64
import collections
import subprocess

from lab.addresses import WIREGUARD_PORT
from lab.checks import GENEROUS, wait_until
from lab.containment import RUN

KEEPALIVE = 25  # seconds, as the README recommends

Peer = collections.namedtuple("Peer", "endpoint allowed_ips handshake received sent keepalive")


class WireGuard:
    """A wireguard-go device. `peers()` is the output of `wg show`, by public key."""

    def __init__(self, node, name, private_key, port=WIREGUARD_PORT, addresses=(), start=True):
        self.node = node
        self.name = name
        self.private_key = private_key
        self.public_key = public_key_of(private_key)
        self.port = port
        self.addresses = addresses
        self.configured = {}
        self.process = None
        if start:
            self.start()

    def start(self):
        """Starts the device, also again after stop(): with the same configuration, and no memory."""
        self.launch()
        self.set_up()

    def launch(self):
        """Makes the interface, configured and down: nothing is sent."""
        # Lines of an earlier process of that name must not count below.
        (RUN / f"{self.name}.log").unlink(missing_ok=True)
        self.process = self.node.start(
            "wireguard-go", "-f", self.name, name=self.name, env={"LOG_LEVEL": "verbose"}
        )
        # Do not ask `wg show` until it answers: wg unlinks a socket that is bound and does not listen yet, and
        # wireguard-go then ends because its socket is gone.
        self.process.wait_for_line("UAPI listener started")
        interface = f"[Interface]\nPrivateKey = {self.private_key}\nListenPort = {self.port}\n"
        path = RUN / f"{self.name}.conf"
        path.write_text(interface + "".join(self.section(key) for key in self.configured))
        self.node.run("wg", "setconf", self.name, path)
        self.node.add_address(self.name, *self.addresses)

    def set_up(self):
        self.node.ip("link", "set", self.name, "up")
        self.add_routes(self.configured)

    def stop(self):
        """Removes the interface."""
        self.process.stop()

    def is_running(self):
        return self.process is not None and self.process.is_running()

    def set(self, *words):
        self.node.run("wg", "set", self.name, *words)

    def add_peer(self, key, allowed_ips, endpoint=None, keepalive=None):
        """Adds a peer now, and at each later start."""
        self.configured[key] = (allowed_ips, endpoint, keepalive)
        if self.is_running():
            path = RUN / f"{self.name}.peer"
            path.write_text(self.section(key))
            self.node.run("wg", "addconf", self.name, path)
            self.add_routes([key])

    def section(self, key):
        """A peer in the format of wg(8)."""
        allowed_ips, endpoint, keepalive = self.configured[key]
        lines = ["[Peer]", f"PublicKey = {key}", f"AllowedIPs = {allowed_ips}"]
        lines += [f"Endpoint = {endpoint}"] if endpoint else []
        lines += [f"PersistentKeepalive = {keepalive}"] if keepalive is not None else []
        return "\n".join(lines) + "\n"

    def add_routes(self, keys):
        prefixes = [prefix for key in keys for prefix in self.configured[key][0].split(",")]
        lines = "".join(f"route replace {prefix} dev {self.name}\n" for prefix in prefixes)
        self.node.ip_batch(lines)

    def peers(self):
        found = {}
        for line in self.node.output("wg", "show", self.name, "dump").splitlines()[1:]:
            key, _, endpoint, allowed_ips, handshake, received, sent, keepalive = line.split("\t")
            found[key] = Peer(
                None if endpoint == "(none)" else endpoint,
                allowed_ips,
                int(handshake),
                int(received),
                int(sent),
                0 if keepalive == "off" else int(keepalive),
            )
        return found

    def peer(self, key):
        return self.peers()[key]

    def endpoint_of(self, key):
        """The endpoint of a peer as this device sees it, `address:port`; None: none yet."""
        return self.peer(key).endpoint

    def wait_for_handshake(self, key, timeout=GENEROUS):
        return wait_until(
            lambda: self.peer(key).handshake and self.peer(key), f"{self.name} has a handshake with {key}", timeout
        )


def public_key_of(private_key):
    return wg("pubkey", private_key)


def generate_private_keys(count):
    """Private keys in the order of their public keys' bytes: the order decides which peer speaks first."""
    keys = [wg("genkey") for _ in range(count)]
    return sorted(keys, key=lambda key: base64.b64decode(public_key_of(key)))


def wg(word, text=None):
    return subprocess.run(["wg", word], input=text, capture_output=True, text=True, check=True).stdout.strip()


def base32_of(key):
    """A public key as its label in DNS."""
    return base64.b32encode(base64.b64decode(key)).decode().lower().rstrip("=")
