"""Broken requests: valid ones with one to four fields changed, and random octets. The same seed gives the same
requests."""

import random
import struct

HEADER_FIELDS = ((0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12))
INTERESTING = (
    0, 1, 2, 7, 8, 11, 12, 15, 16, 41, 63, 64, 127, 128, 191, 192, 250, 251, 252, 254, 255, 511, 512, 1231, 1232, 1233,
    4096, 32768, 49164, 65535,
)  # fmt: skip


def name_fields(message, at):
    """The fields of a name: the length of each label, its octets, a pointer. \\return (fields, where it ends)"""
    fields = []
    while message[at]:
        length = message[at]
        if length >= 0xC0:
            return fields + [(at, at + 2)], at + 2
        fields += [(at, at + 1), (at + 1, at + 1 + length)]
        at += 1 + length
    return fields + [(at, at + 1)], at + 1


def fields_of(message):
    """(begin, end) of every field of a valid request, to the single option of OPT."""
    fields = list(HEADER_FIELDS)
    counts = struct.unpack("!4H", message[4:12])
    at = 12
    for section, count in enumerate(counts):
        for _ in range(count):
            more, at = name_fields(message, at)
            fields += more + [(at, at + 2), (at + 2, at + 4)]
            at += 4
            if section == 0:
                continue
            length = struct.unpack("!H", message[at + 4 : at + 6])[0]
            fields += [(at, at + 1), (at + 1, at + 2), (at + 2, at + 4), (at + 4, at + 6)]
            is_opt = message[at - 4 : at - 2] == b"\x00\x29"
            at += 6
            fields += data_fields(message, at, at + length) if is_opt else [(at, at + length)]
            at += length
    return fields


def data_fields(message, at, end):
    fields = []
    while at < end:
        length = struct.unpack("!H", message[at + 2 : at + 4])[0]
        fields += [(at, at + 2), (at + 2, at + 4), (at + 4, at + 4 + length)]
        at += 4 + length
    return fields


class Generator:
    """Makes requests. \\param valid well-formed ones to begin with."""

    def __init__(self, seed, valid):
        self.random = random.Random(seed)
        self.valid = [(message, fields_of(message)) for message in valid]
        self.made = 0

    def mutated(self):
        """A valid request with a new identity, with one to four fields changed."""
        message, fields = self.random.choice(self.valid)
        self.made += 1
        (count,) = self.random.choices((1, 2, 3, 4), weights=(4, 3, 2, 1))
        changes = sorted(self.random.sample(fields, count), reverse=True)
        message = struct.pack("!H", self.made & 0xFFFF) + message[2:]
        for begin, end in changes:  # from the end: earlier positions stay valid
            message = message[:begin] + self.changed(message[begin:end]) + message[end:]
        return message

    def changed(self, octets):
        """Other octets in their place: in four of five cases as many, so that the rest stays in place."""
        size = len(octets)
        choice = self.random.randrange(20)
        if choice < 7 and size in (1, 2):
            return (self.random.choice(INTERESTING) & (256**size - 1)).to_bytes(size, "big")
        if choice < 10 and size in (1, 2):
            return ((int.from_bytes(octets, "big") + self.random.choice((-1, 1))) % 256**size).to_bytes(size, "big")
        if choice < 13 and size:
            at = self.random.randrange(size)
            return octets[:at] + bytes([octets[at] ^ 1 << self.random.randrange(8)]) + octets[at + 1 :]
        if choice < 16:
            return self.random.randbytes(size)
        return (b"", octets * 2, octets[:-1], self.random.randbytes(self.random.randrange(20)))[choice - 16]

    def noise(self):
        """Random octets. Every second request has the header of a query, so that the header check accepts it."""
        octets = self.random.randbytes(self.random.randrange(600))
        if self.random.random() < 0.5 and len(octets) >= 12:
            counts = bytes(self.random.choice((0, 0, 1, 2)) if at % 2 else 0 for at in range(8))
            octets = octets[:2] + bytes([octets[2] & 0x07, octets[3]]) + counts + octets[12:]
        return octets
