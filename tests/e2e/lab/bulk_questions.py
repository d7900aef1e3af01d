"""Many questions to one server over one UDP socket, and replies in a form that can be compared.

Replies are read here and not by dnspython, because there are hundreds of thousands of them."""

import socket
import struct
import time

from lab.checks import GENEROUS, Failure

RESEND = 0.5  # seconds without any reply until the rest is asked again
WINDOW = 64  # questions on the way
OPT = b"\0\0\x29\x10\0\0\0\0\0\0\0"  # RFC 6891 §6.1.2: payloads of 4096 octets
TRUNCATED, AUTHORITATIVE = 0x0200, 0x0400

# Where names stand in data that may be compressed (RFC 3597 §4, RFC 1035 §3.3): octets before the first one, how many.
NAMES = {2: (0, 1), 3: (0, 1), 4: (0, 1), 5: (0, 1), 6: (0, 2), 7: (0, 1), 8: (0, 1), 9: (0, 1), 12: (0, 1), 14: (0, 2),
         15: (2, 1), 17: (0, 2), 18: (2, 1), 21: (2, 1), 26: (2, 2), 33: (6, 1), 36: (2, 1)}  # fmt: skip
SOA, NAPTR = 6, 35


class Client:
    def __init__(self, node, address, port=53):
        with node.entered():
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.node = node
        self.place = (address, port)
        self.udp.settimeout(RESEND)
        self.next_id = 0

    def ask(self, questions):
        """questions: (name in wire form, type) → their replies as read_reply()."""
        replies = [None] * len(questions)
        waiting = {}  # id → index and request
        following = iter(enumerate(questions))
        deadline = time.monotonic() + GENEROUS
        left = len(questions)
        while left > 0:
            while len(waiting) < WINDOW and (item := next(following, None)):
                self.next_id = (self.next_id + 1) % 65536
                request = struct.pack("!6H", self.next_id, 0, 1, 0, 0, 1) + item[1][0] + struct.pack("!HH", item[1][1], 1)
                waiting[self.next_id] = (item[0], request + OPT)
                self.udp.sendto(request + OPT, self.place)
            try:
                reply = self.udp.recv(65535)  # nobody else knows this port
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise Failure(f"{self.place[0]} does not answer {questions[next(iter(waiting.values()))[0]]}") from None
                for _, request in waiting.values():
                    self.udp.sendto(request, self.place)
                continue
            index, request = waiting.pop(int.from_bytes(reply[:2], "big"), (None, None))
            if index is None:
                continue
            if int.from_bytes(reply[2:4], "big") & TRUNCATED:
                reply = self.ask_over_tcp(request)
            replies[index] = read_reply(reply)
            left -= 1
        return replies

    def ask_over_tcp(self, request):
        with self.node.entered(), socket.create_connection(self.place, GENEROUS) as tcp:
            tcp.sendall(struct.pack("!H", len(request)) + request)
            stream = tcp.makefile("rb")
            return stream.read(int.from_bytes(stream.read(2), "big"))

    def close(self):
        self.udp.close()


def read_reply(reply):
    """→ rcode, AA, answer, authority: sorted records (owner, type, TTL, data). Names in lower case; without serial."""
    _, flags, questions, answers, authorities, _ = struct.unpack_from("!6H", reply)
    at = 12
    for _ in range(questions):
        at = read_name(reply, at)[1] + 4
    sections = []
    for count in (answers, authorities):
        records = []
        for _ in range(count):
            owner, at = read_name(reply, at)
            kind, _, ttl, size = struct.unpack_from("!HHIH", reply, at)
            at += 10
            records.append((owner, kind, ttl, read_data(reply, at, kind, size)))
            at += size
        sections.append(tuple(sorted(records)))
    return flags & 15, bool(flags & AUTHORITATIVE), *sections


def read_name(message, at):
    """→ the name in wire form and in lower case, and the offset behind it."""
    labels = []
    behind = None
    while size := message[at]:
        if size >= 0xC0:
            behind = behind or at + 2
            at = (size & 0x3F) << 8 | message[at + 1]
        else:
            labels.append(message[at : at + 1 + size])
            at += 1 + size
    return b"".join(labels).lower() + b"\0", behind or at + 1


def read_data(message, at, kind, size):
    if kind == NAPTR:
        end = at + 4
        for _ in range(3):
            end += 1 + message[end]
        return message[at:end] + read_name(message, end)[0]
    if kind not in NAMES:
        return message[at : at + size]
    before, count = NAMES[kind]
    data = message[at : at + before]
    behind = at + before
    for _ in range(count):
        name, behind = read_name(message, behind)
        data += name
    if kind == SOA:
        behind += 4
    return data + message[behind : at + size]
