"""Arrival times of datagrams, by the kernel's clock, which is also ours: a busy machine does not make them late."""

import contextlib
import socket
import struct

SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33  # Python has no names for them
QUEUE = 1 << 24  # octets: room for datagrams that are not read yet


def stamp(sock):
    """Makes the kernel record when each datagram came."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
    sock.setblocking(False)
    return sock


def stamp_udp(node):
    """Copies of all UDP packets over IPv4 that come to a node, from their IP header on."""
    with node.entered():
        return stamp(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP))


def take_stamped(sock):
    """(seconds since 1970, octets) of each datagram that has come."""
    with contextlib.suppress(BlockingIOError):
        while True:
            octets, ancillary, _, _ = sock.recvmsg(2048, 64)
            seconds, nanoseconds = struct.unpack("ll", ancillary[0][2])
            yield seconds + nanoseconds / 1e9, octets
