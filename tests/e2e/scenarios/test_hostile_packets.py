#!/usr/bin/python3
"""hostile_packets: broken requests, by the million with --full: nothing crashes, leaks or stays unanswered.

Nine tenths are valid requests with one to four fields changed, one tenth is random; every ninth batch goes over TCP.
The server is the build with AddressSanitizer and UndefinedBehaviorSanitizer. ldns reads every reply; dnspython reads
each reply that differs from the others in more than its identity. With --full a build for gcov counts the lines that
were reached.
"""

import collections
import ctypes
import json
import socket
import subprocess
import time

import dns.rcode

from lab import dns_client
from lab import lab
from lab.addresses import ASKER, ASKER6, HOST, HOST6
from lab.answer_rules import CASES, SILENCE
from lab.checks import GENEROUS, check
from lab.packet_mutation import Generator

SEED = 20261123
PACKETS, PACKETS_FULL, PACKETS_COVERAGE = 20_000, 1_000_000, 100_000
BATCH = 64
TCP_EVERY = 9
# The build that gcov reads, the files whose lines are counted, and the required percentage of reached lines.
COVERED = {"dns": ("request.cpp", "response.cpp", "compressed_name.cpp"), "dnsd_answer": ("responder.cpp",)}
ENOUGH = 90
# With the rate limit off no reply is BADCOOKIE.
RCODES = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "NOTAUTH", "BADVERS"}


class Reader:
    """Checks replies with two libraries, and counts their rcodes."""

    def __init__(self):
        self.ldns = ctypes.CDLL("libldns.so.3")
        self.ldns.ldns_pkt_free.argtypes = [ctypes.c_void_p]
        self.rcodes = collections.Counter()
        self.seen = {}

    def read(self, request, reply, is_udp):
        check(reply[:2] == request[:2], f"the reply to another request: {reply.hex()} to {request.hex()}")
        check(reply[2] & 0xF8 == 0x80 | request[2] & 0x78, f"QR or opcode: {reply.hex()} to {request.hex()}")
        packet = ctypes.c_void_p()
        status = self.ldns.ldns_wire2pkt(ctypes.byref(packet), reply, ctypes.c_size_t(len(reply)))
        check(status == 0, f"ldns cannot read {reply.hex()}, the reply to {request.hex()}: status {status}")
        self.ldns.ldns_pkt_free(packet)
        rest = reply[2:]
        rcode = self.seen.get(rest)
        if rcode is None:
            parsed, _ = dns_client.read_reply(reply)
            rcode = self.seen[rest] = dns.rcode.to_text(parsed.rcode())
        self.rcodes[rcode] += 1
        if is_udp and len(reply) > 512:
            allowed = min(max(dns_client.read_request(request).payload, 512), 1232)
            check(len(reply) <= allowed, f"{len(reply)} octets, {allowed} allowed: {reply.hex()} to {request.hex()}")


def is_answerable(request):
    return len(request) >= 12 and request[2] & 0x80 == 0


class Udp:
    def __init__(self, node, server):
        self.socket = node.udp_socket(ASKER6 if ":" in server else ASKER)
        self.socket.settimeout(GENEROUS)
        self.socket.connect((server, 53))

    def exchange(self, requests, reader):
        """One thread answers, in order: a wrong answer to a request that must get none shows as the reply to another
        request."""
        for request in requests:
            self.socket.send(request)
        for request in filter(is_answerable, requests):
            try:
                reply = self.socket.recv(65535)
            except TimeoutError:
                check(False, f"no answer to {request.hex()}")
            reader.read(request, reply, is_udp=True)


class Tcp:
    def __init__(self, node, server):
        self.node, self.server = node, server

    def connect(self):
        with self.node.entered():
            return socket.create_connection((self.server, 53), GENEROUS)

    def exchange(self, requests, reader):
        """A message without a whole header ends the connection, so each of those is sent alone."""
        with self.connect() as stream:
            stream.sendall(b"".join(framed(request) for request in requests if len(request) >= 12))
            replies = stream.makefile("rb")
            for request in filter(is_answerable, requests):
                size = replies.read(2)
                check(len(size) == 2, f"the connection ended before the reply to {request.hex()}")
                reader.read(request, replies.read(int.from_bytes(size, "big")), is_udp=False)
        for request in requests:
            if len(request) < 12:
                with self.connect() as stream:
                    stream.sendall(framed(request))
                    check(stream.recv(1) == b"", f"an answer over TCP to {request.hex()}")


def framed(request):
    return len(request).to_bytes(2, "big") + request


def send_all(world, count, server):
    """Sends this many requests, and checks every reply with the libraries."""
    valid = [case.asked for case in CASES if case.reply != SILENCE and case.reply.head not in ("FORMERR", "NOTIMP")]
    generator, reader = Generator(SEED, valid), Reader()
    udp = [Udp(world.internet, address) for address in (HOST, HOST6)]
    tcp = [Tcp(world.internet, address) for address in (HOST, HOST6)]
    sent = collections.Counter()
    started = time.monotonic()
    for number, begin in enumerate(range(0, count, BATCH)):
        requests = [
            generator.noise() if place % 10 == 0 else generator.mutated()
            for place in range(begin, min(begin + BATCH, count))
        ]
        kind = "TCP" if number % TCP_EVERY == 0 else "UDP"
        (tcp if kind == "TCP" else udp)[number // TCP_EVERY % 2].exchange(requests, reader)
        sent[kind] += len(requests)
        sent["to be answered"] += sum(map(is_answerable, requests))
        check(server.is_running(), f"{server.name} ended with {server.popen.returncode} after {number} batches")
    check(sent["TCP"] * 10 >= count, f"too few over TCP: {sent}")
    check(sum(reader.rcodes.values()) == sent["to be answered"], f"{reader.rcodes} of {sent}")
    check(RCODES <= set(reader.rcodes), f"rcodes that never came: {RCODES - set(reader.rcodes)}")
    print(f"{count} packets, seed {SEED}, {sent['TCP']} over TCP: all {sent['to be answered']} to be answered were, "
          f"in {time.monotonic() - started:.0f} s; {len(reader.seen)} different replies")  # fmt: skip
    print("rcodes: " + ", ".join(f"{name} {number}" for name, number in reader.rcodes.most_common()))


def start(world, preset):
    """wg-dnsd of a build, without a rate limit. It never reads its interface, so an unknown key is SERVFAIL."""
    program = lab.ROOT / "build" / preset / "dnsd/wg-dnsd"
    check(program.exists(), f"{program} is not built: cmake --preset {preset} && cmake --build --preset {preset}")
    return world.start_static_dnsd(
        "--interface", "wg-none", "--listen", f"[{HOST6}]", "--rate-limit", "0", "--server-id", "host",
        program=program, name=f"wg-dnsd-{preset}",
    )  # fmt: skip


def run(world, preset, count):
    server = start(world, preset)
    send_all(world, count, server)
    verdict = server.stop()
    complaints = server.lines("Sanitizer") + server.lines("runtime error")
    check(verdict == 0 and not complaints, f"{server.name} ended with {verdict}: {complaints}")


def check_coverage(build):
    total = {}
    for library, names in COVERED.items():
        for name in names:
            data = next(build.glob(f"**/{library}.dir/{name}.gcda"))
            command = ["gcov", "--json-format", "--stdout", str(data)]
            report = json.loads(subprocess.run(command, cwd=build, capture_output=True, check=True).stdout)
            lines = {line["line_number"]: line["count"] for file in report["files"] if file["file"].endswith(f"/{name}")
                     for line in file["lines"]}  # fmt: skip
            reached = sum(count > 0 for count in lines.values())
            missed = [number for number, count in sorted(lines.items()) if count == 0]
            total[name] = 100 * reached / len(lines)
            print(f"{name}: {reached} of {len(lines)} lines reached, {total[name]:.1f} %, not {missed}")
    low = {name: percent for name, percent in total.items() if percent < ENOUGH}
    check(not low, f"less than {ENOUGH} % of the lines reached: {low}")


def scenario(world):
    run(world, "dev", PACKETS_FULL if world.full else PACKETS)
    if world.full:
        build = lab.ROOT / "build/coverage"
        for old in build.glob("**/*.gcda"):
            old.unlink()
        run(world, "coverage", PACKETS_COVERAGE)
        check_coverage(build)


if __name__ == "__main__":
    lab.main(scenario)
