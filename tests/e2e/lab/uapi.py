"""A wireguard-go device through its own socket: a thousandth of a second each time, where wg(8) takes twenty.

The format is that of https://www.wireguard.com/xplatform/#configuration-protocol.
"""

import base64
import dataclasses
import pathlib
import socket

from lab.checks import check

SOCKETS = pathlib.Path("/run/wireguard")


@dataclasses.dataclass
class State:
    """A peer as the device has it."""

    endpoint: str = ""  # `address:port`, or empty
    handshake: float = 0.0  # seconds since 1970, of the latest
    received: int = 0  # octets
    sent: int = 0
    keepalive: int = 0  # seconds; 0: none


def peers(name):
    """The peers of a device, by public key in base64."""
    found, current = {}, None
    for key, value in talk(name, "get=1\n\n"):
        if key == "public_key":
            current = found[base64.b64encode(bytes.fromhex(value)).decode()] = State()
        elif key == "endpoint":
            current.endpoint = value
        elif key in ("last_handshake_time_sec", "last_handshake_time_nsec"):
            current.handshake += int(value) / (1e9 if key.endswith("nsec") else 1)
        elif key == "rx_bytes":
            current.received = int(value)
        elif key == "tx_bytes":
            current.sent = int(value)
        elif key == "persistent_keepalive_interval":
            current.keepalive = int(value)
    return found


def peer(name, key):
    """One of them; a State without anything, if there is none."""
    return peers(name).get(key, State())


def set_peer(name, key, *lines):
    """Sets a peer: lines such as `allowed_ip=10.0.0.2/32`, `update_only=true`, in one transaction."""
    text = "".join(f"{line}\n" for line in ("set=1", f"public_key={base64.b64decode(key).hex()}", *lines))
    answer = talk(name, text + "\n")
    check(("errno", "0") in answer, f"{name}: {text}: {answer}")


def talk(name, text):
    """One request; the pairs of the answer."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(SOCKETS / f"{name}.sock"))
        sock.sendall(text.encode())
        octets = b""
        while not octets.endswith(b"\n\n"):
            more = sock.recv(1 << 16)
            check(more, f"{name}: its socket closed after {octets!r}")
            octets += more
    return [tuple(line.split("=", 1)) for line in octets.decode().splitlines() if line]
