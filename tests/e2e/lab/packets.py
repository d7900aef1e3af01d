"""DNS requests, built octet by octet, right and wrong ones: a library would not write all of them."""

import base64
import struct

from lab.addresses import ZONE

IN, CHAOS, NONE, ANY_CLASS = 1, 3, 254, 255
TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41, "DS": 43,
    "RRSIG": 46, "TSIG": 250, "IXFR": 251, "AXFR": 252, "ANY": 255, "TYPE65280": 65280,
}  # fmt: skip
NSID, COOKIE, KEEPALIVE, EXTENDED_ERROR = 3, 10, 11, 15
RD, CD, TC, AA, RA, AD, Z, QR = 0x0100, 0x0010, 0x0200, 0x0400, 0x0080, 0x0020, 0x0040, 0x8000
QUERY, IQUERY, STATUS, NOTIFY, UPDATE = 0, 1, 2, 4, 5


def absolute(name):
    """Names without a final dot are below the laboratory's zone; `@` is the zone."""
    if name == "@":
        return f"{ZONE}."
    return name if name.endswith(".") else f"{name}.{ZONE}."


def wire(name):
    labels = absolute(name).rstrip(".").split(".") if name != "." else []
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def question(name, kind, rr_class=IN):
    return wire(name) + struct.pack("!2H", TYPES[kind], rr_class)


def record(owner, kind, rr_class=IN, ttl=0, data=b""):
    """A record; the owner in wire form."""
    return owner + struct.pack("!2HIH", TYPES[kind], rr_class, ttl, len(data)) + data


def opt(size=1232, options=(), flags=0, version=0, owner=b"\0"):
    data = b"".join(struct.pack("!2H", code, len(content)) + content for code, content in options)
    return record(owner, "OPT", size, version << 16 | flags, data)


def tsig(owner=wire("key.example."), algorithm="hmac-sha256.", rr_class=ANY_CLASS, ttl=0, mac=bytes(32), more=b""):
    times = struct.pack("!HIH", 0, 1_700_000_000, 300)
    data = wire(algorithm) + times + struct.pack("!H", len(mac)) + mac + struct.pack("!3H", 0x5747, 0, 0) + more
    return record(owner, "TSIG", rr_class, ttl, data)


def message(questions=(), additional=(), authority=(), answer=(), flags=0, opcode=QUERY, identity=0x5747, counts=None):
    """A request of these parts. \\param counts in place of the true ones."""
    sections = (questions, answer, authority, additional)
    counts = counts or [len(section) for section in sections]
    body = b"".join(part for section in sections for part in section)
    return struct.pack("!6H", identity, opcode << 11 | flags, *counts) + body


def ask(name, kind, rr_class=IN, flags=0, edns=None, options=(), do=False, opcode=QUERY):
    """A well-formed request. \\param edns size of the replies that it takes; None: no OPT record but for options."""
    if edns is None and (options or do):
        edns = 1232
    additional = [] if edns is None else [opt(edns, options, 0x8000 if do else 0)]
    return message([question(name, kind, rr_class)], additional, flags=flags, opcode=opcode)


def key_label(octet):
    """The label of the key that has this octet 32 times."""
    return base64.b32encode(bytes([octet] * 32)).decode().rstrip("=").lower()
