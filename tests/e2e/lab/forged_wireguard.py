"""WireGuard's messages as anybody can make them who knows public keys: right in form and in mac1, wrong inside."""

import base64
import hashlib
import os

# The first two octets of an index that an attacker chooses, and the last two of a counter: so that counters of the
# firewall tell its datagrams from true ones.
MARK = 0xA77A
MARK_OCTETS = MARK.to_bytes(2, "big")


def marked_index():
    """An index as it stands in a message."""
    return MARK_OCTETS + os.urandom(2)


def mac1(for_key, before):
    """\\param for_key public key of the receiver, base64"""
    key = hashlib.blake2s(b"mac1----" + base64.b64decode(for_key)).digest()
    return hashlib.blake2s(before, key=key, digest_size=16).digest()


def initiation(for_key, sender=None):
    body = b"\1\0\0\0" + (sender or marked_index()) + os.urandom(108)
    return body + mac1(for_key, body) + bytes(16)


def response(for_key, receiver, sender=None):
    body = b"\2\0\0\0" + (sender or marked_index()) + receiver + os.urandom(48)
    return body + mac1(for_key, body) + bytes(16)


def cookie_reply(receiver):
    return b"\3\0\0\0" + receiver + os.urandom(56)


def data(receiver, size=128):
    """\\param size octets of the datagram, 32 at least"""
    return b"\4\0\0\0" + receiver + os.urandom(6) + MARK_OCTETS + os.urandom(size - 16)


def is_kind(kind, octets):
    """Whether it is a message of WireGuard of this type, 1 to 4."""
    return len(octets) >= 32 and octets[:4] == bytes([kind, 0, 0, 0])


def sender_of(octets):
    """The sender's index of an initiation or a response, as it stands there."""
    return octets[4:8]


def receiver_of(octets):
    """The receiver's index of all but initiations, as it stands there."""
    return octets[8:12] if octets[0] == 2 else octets[4:8]
