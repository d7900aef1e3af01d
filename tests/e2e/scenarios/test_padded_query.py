#!/usr/bin/python3
"""padded_query: the question of a wgsd client: <KEY IN UPPER CASE>====._wireguard._udp.<zone> SRV, without EDNS.

Such a client takes the first record of the answer for the SRV and the first of the additional section for its address.
"""

import struct

from lab import lab
from lab.addresses import HOST, HOST6, ZONE
from lab.checks import GENEROUS, check

SRV, A, AAAA, IN = 33, 1, 28, 1
ID = 0x5747


def raw_question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", ID, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", SRV, IN)


def skip_name(message, at):
    while message[at] and message[at] < 0xC0:
        at += 1 + message[at]
    return at + (2 if message[at] >= 0xC0 else 1)


def record_types(message):
    """(types of the answer section, types of the additional section)"""
    number, _, questions, *counts = struct.unpack_from(">6H", message)
    check(number == ID and questions == 1, f"header {message[:12].hex()}")
    at = skip_name(message, 12) + 4
    sections = []
    for count in counts:
        types = []
        for _ in range(count):
            at = skip_name(message, at)
            kind, _, _, length = struct.unpack_from(">2HIH", message, at)
            types.append(kind)
            at += 10 + length
        sections.append(types)
    check(at == len(message), "octets after the last record")
    return sections[0], sections[2]


def scenario(world):
    world.home("alice", "cone")
    world.wireguard()
    world.start_dnsd()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    question = raw_question(f"{world.label('alice').upper()}====._wireguard._udp.{ZONE}")
    for server in (HOST, HOST6):
        with world.internet.udp_socket("::" if ":" in server else "") as client:
            client.settimeout(GENEROUS)
            client.sendto(question, (server, 53))
            message = client.recv(4096)
        answer, additional = record_types(message)
        check(answer and answer[0] == SRV, f"{server}: types in the answer: {answer}")
        check(additional and additional[0] in (A, AAAA), f"{server}: types in the additional section: {additional}")
        question_again = message[12 : skip_name(message, 12) + 4]
        check(question_again == question[12:], f"{server}: the question came back changed")
        print(f"{server}: answer types {answer}, additional types {additional}, {len(message)} octets")


if __name__ == "__main__":
    lab.main(scenario)
