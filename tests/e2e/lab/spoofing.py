"""Datagrams with any source address: whole IP packets, which the kernel sends as they are."""

import ipaddress
import socket
import struct


def checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(source, target, payload):
    """An IPv4 or IPv6 packet with a UDP datagram. \\param source, target (address, port)"""
    addresses = b"".join(ipaddress.ip_address(address).packed for address, _ in (source, target))
    length = 8 + len(payload)
    udp = struct.pack("!4H", source[1], target[1], length, 0) + payload
    is_ipv6 = len(addresses) == 32
    pseudo = addresses + struct.pack("!2I" if is_ipv6 else "!2H", *((length, 17) if is_ipv6 else (17, length)))
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    if is_ipv6:
        return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + addresses + udp
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses + udp


class Spoofer:
    """Sends such packets from a node; the kernel fills in the checksum of an IPv4 header."""

    def __init__(self, node):
        with node.entered():
            self.sockets = {
                family: socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
                for family in (socket.AF_INET, socket.AF_INET6)
            }

    def send(self, packet, target):
        """\\param target the address that the packet is to, for the route."""
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        self.sockets[family].sendto(packet, (target, 0))
