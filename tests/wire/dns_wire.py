"""Questions and answers octet by octet, with Python's own modules only; and free ports to serve on."""

import contextlib
import socket
import struct

PATIENCE = 20  # seconds; far more than anything takes, also under sanitizers

A, NS, SOA, TXT, AAAA = 1, 2, 6, 16, 28
NOERROR, NXDOMAIN = 0, 3


def query(name, kind, identity=1):
    labels = b"".join(struct.pack("B", len(label)) + label.encode() for label in name.rstrip(".").split("."))
    return struct.pack("!6H", identity, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


class Reply:
    def __init__(self, message):
        self.message = message
        self.identity, flags, _, self.answers, _, _ = struct.unpack("!6H", message[:12])
        self.rcode = flags & 15
        self.truncated = bool(flags & 0x0200)
        self.authoritative = bool(flags & 0x0400)


def udp_socket(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def ask_udp(address, port, name, kind):
    """The reply, which must come from the address that was asked."""
    with udp_socket(address) as client:
        client.settimeout(PATIENCE)
        client.sendto(query(name, kind), (address, port))
        message, source = client.recvfrom(65535)
        if source[:2] != (address, port):
            raise AssertionError(f"asked {address}:{port}, {source} answered")
        return Reply(message)


def ask_udp_connected(address, port, name, kind):
    """The reply, from a connected socket: it raises ConnectionRefusedError if no server listens there."""
    with udp_socket(address) as client:
        client.settimeout(PATIENCE)
        client.connect((address, port))
        client.send(query(name, kind))
        return Reply(client.recv(65535))


def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_message(stream):
    return Reply(read_exactly(stream, struct.unpack("!H", read_exactly(stream, 2))[0]))


def framed(message):
    return struct.pack("!H", len(message)) + message


def ask_tcp(address, port, name, kind):
    with socket.create_connection((address, port), timeout=PATIENCE) as client:
        client.sendall(framed(query(name, kind)))
        return read_message(client)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def free_port():
    """A port that is free on every address, for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("0.0.0.0", 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.bind(("0.0.0.0", port))
                return port
