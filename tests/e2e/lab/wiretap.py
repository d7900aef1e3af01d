"""What an observer on the path sees: the UDP datagrams that come to a node and leave it over IPv4."""

import collections
import contextlib
import ipaddress
import socket
import struct

ETH_P_ALL, ETH_P_IP, PACKET_OUTGOING = 3, 0x0800, 4
SO_RCVBUFFORCE = 33  # Python has no name for it
QUEUE = 1 << 24  # octets

Seen = collections.namedtuple("Seen", "is_outgoing source target payload")


class Wiretap:
    """On one interface of a node."""

    def __init__(self, node, interface="net"):
        with node.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            self.socket.bind((interface, ETH_P_ALL))  # with less it does not see what leaves
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
        self.socket.setblocking(False)

    def take(self):
        """What passed since the last call; source and target as `address:port`."""
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, (_, protocol, kind, _, _) = self.socket.recvfrom(65535)
                size = (packet[0] & 15) * 4
                if protocol != ETH_P_IP or packet[9] != socket.IPPROTO_UDP or len(packet) < size + 8:
                    continue
                ports = struct.unpack("!2H", packet[size : size + 4])
                addresses = (ipaddress.ip_address(packet[at : at + 4]) for at in (12, 16))
                source, target = (f"{address}:{port}" for address, port in zip(addresses, ports))
                yield Seen(kind == PACKET_OUTGOING, source, target, packet[size + 8 :])

    def close(self):
        self.socket.close()
