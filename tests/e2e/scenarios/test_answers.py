#!/usr/bin/python3
"""answers: every rule of answer_rules.py over UDP and TCP, IPv4 and IPv6, compared with NSD, Knot and BIND.

The stock servers serve the same view from `wg-dnsd zone [--public]`. Rcode, AA, answer and authority of a well-formed
question equal those of at least one of them, or the case says why not. doc/rfc.md lists each server that differs.
"""

import base64
import json
import re
import socket
import struct

import dns.flags
import dns.rcode
import dns.rdatatype

from lab import dns_client
from lab import lab
from lab import packets
from lab import spoofing
from lab.addresses import ASKER, ASKER6, HOST, HOST6
from lab.answer_rules import CASES, PEERS, SILENCE
from lab.checks import GENEROUS, check
from lab.containment import RUN
from lab.spoofing import Spoofer
from lab.stock_servers import IDENTITY, STOCK, VERSION

PRIVATE, PRIVATE6 = "192.0.2.31", "2001:db8::31"
LISTENERS = {"public": (HOST, HOST6), "private": (PRIVATE, PRIVATE6)}
ASKERS = (ASKER, ASKER6)
DOCUMENT = lab.ROOT / "doc/rfc.md"
DIFFERENCES = "## Where stock servers answer otherwise"
FOLLOW_UP = packets.ask("www", "A")[2:]


# ---- asking


class Udp:
    """A client that accepts replies only from the address that it asked."""

    def __init__(self, node, server):
        self.socket = node.udp_socket(ASKER6 if ":" in server else ASKER)
        self.socket.settimeout(GENEROUS)
        self.socket.connect((server, 53))

    def exchange(self, request):
        self.socket.send(request)
        return self.socket.recv(65535)

    def is_silent_to(self, request):
        """Whether the next question is answered and this one is not. One thread answers in order."""
        self.socket.send(request)
        return self.exchange(b"\xff\xfe" + FOLLOW_UP)[:2] == b"\xff\xfe"

    def close(self):
        self.socket.close()


class Tcp:
    def __init__(self, node, server):
        with node.entered():
            self.socket = socket.create_connection((server, 53), GENEROUS)

    def send(self, request):
        self.socket.sendall(struct.pack("!H", len(request)) + request)

    def receive(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def exchange(self, request):
        self.send(request)
        return self.receive(struct.unpack("!H", self.receive(2))[0])

    def is_silent_to(self, request):
        self.send(request)
        try:
            return self.exchange(b"\xff\xfe" + FOLLOW_UP)[:2] == b"\xff\xfe"
        except (EOFError, ConnectionError):
            return len(request) < 12  # a message that is no DNS message ends the connection

    def close(self):
        self.socket.close()


CLIENTS = {"udp": Udp, "tcp": Tcp}


# ---- judging one reply


def types(section):
    return [dns.rdatatype.to_text(rrset.rdtype) for rrset in section for _ in rrset]


def question_octets(message):
    """The question section of a message that has one question."""
    end = 12
    while message[end]:
        end += 1 + message[end]
    return message[12 : end + 5]


def differences(case, message, transport):
    """The differences between a reply and what case and request demand, each as one text."""
    request, expected = case.asked, case.reply
    parsed, is_refused_key = dns_client.read_reply(message)
    words = [dns.rcode.to_text(parsed.rcode())] + [name for name in ("AA", "TC") if parsed.flags & dns.flags.Flag[name]]
    flags = struct.unpack("!H", message[2:4])[0] & ~(packets.AA | packets.TC | 0x000F)
    echoed = struct.unpack("!H", request[2:4])[0] & (0x7800 | packets.RD | packets.CD)
    limit = expected.size or (1232 if parsed.edns >= 0 else 512)
    found = [
        ("identity", message[:2], request[:2]),
        ("head", words, expected.head.split()),
        ("other flags", flags, echoed | packets.QR),
        ("answer", types(parsed.answer), expected.answer),
        ("authority", types(parsed.authority), expected.authority),
        ("additional", types(parsed.additional) + ["TSIG"] * is_refused_key, expected.additional),
        ("size", len(message), min(len(message), limit) if transport == "udp" else len(message)),
    ]
    if parsed.question:
        found.append(("question", question_octets(message), question_octets(request)))
    asked = dns_client.read_request(request)
    if asked and expected.head != "FORMERR":
        found.append(("OPT", parsed.edns, min(asked.edns, 0)))
        if asked.edns >= 0:
            found.append(("EDNS", (parsed.payload, parsed.ednsflags & 0xFFFF), (1232, asked.ednsflags & 0x8000)))
    options = {int(option.otype): option.to_wire() for option in parsed.options}
    for code, wanted in expected.options.items():
        got = options.get(code)
        found.append((f"option {code}", len(got or "") if isinstance(wanted, int) else got, wanted))
    return [f"{what} {got!r}, not {wanted!r}" for what, got, wanted in found if got != wanted]


def check_case(case, client, transport):
    """\\return what is wrong with wg-dnsd's behaviour."""
    if case.reply == SILENCE:
        return [] if client.is_silent_to(case.asked) else ["an answer to what must be met with silence"]
    return differences(case, client.exchange(case.asked), transport)


def check_all(world):
    wrong, count = [], 0
    for case in CASES:
        for transport in case.transport:
            for server in LISTENERS[case.view]:
                client = CLIENTS[transport](world.internet, server)
                found = check_case(case, client, transport)
                wrong += [f"{case.name} ({transport}, {server}): {what}" for what in found]
                client.close()
                count += 1
    check(not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong))
    print(f"{len(CASES)} rules right in {count} exchanges over UDP and TCP, IPv4 and IPv6")


# ---- beside the stock servers


def comparable(message):
    """Rcode, AA, answer and authority of a reply, with the parts of their records that must be equal."""
    if message is None:
        return "no answer"
    parsed, _ = dns_client.read_reply(message)
    lines = [dns.rcode.to_text(parsed.rcode()) + (" AA" if parsed.flags & dns.flags.AA else "")]
    for section in (parsed.answer, parsed.authority):
        lines.append(
            sorted(
                f"{rrset.name.to_text().lower()} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {data.to_text()}"
                for rrset in section
                for data in rrset
            )
        )
    return lines


def ask_stock(world, server, request, transport):
    """\\return the reply; None: there was none."""
    client = CLIENTS[transport](world.internet, server)
    client.socket.settimeout(5)
    try:
        return client.exchange(request)
    except (OSError, EOFError):
        return None
    finally:
        client.close()


def summary(reply):
    return reply if isinstance(reply, str) else f"{reply[0]}, {len(reply[1])} + {len(reply[2])}"


def compare_all(world, servers):
    """\\return a line, as in doc/rfc.md, for each well-formed question that a stock server answers in another way."""
    lines, wrong = [], []
    for case in CASES:
        if case.reply == SILENCE or case.reply.head == "FORMERR":
            continue
        transport = case.transport[0]
        client = CLIENTS[transport](world.internet, LISTENERS[case.view][0])
        ours = comparable(client.exchange(case.asked))
        client.close()
        theirs = {name: comparable(ask_stock(world, servers[case.view][name], case.asked, transport)) for name in STOCK}
        cells = ["=" if theirs[name] == ours else summary(theirs[name]) for name in STOCK]
        if any(cell != "=" for cell in cells):
            rfc, section, title = re.fullmatch(r"RFC (\d+)(?: §(.*?))?: (.*)", case.name).groups()
            lines.append("| " + " | ".join([rfc, section or "–", title, summary(ours), *cells]) + " |")
        if ("=" not in cells) != bool(case.alone):
            wrong.append(f"{case.name}: wg-dnsd {ours}\n" + "\n".join(f"    {name} {theirs[name]}" for name in STOCK))
    check(not wrong, f"{len(wrong)} answers are not as the table says:\n" + "\n".join(wrong))
    return lines


def check_document(lines):
    """doc/rfc.md lists exactly these differences."""
    text = DOCUMENT.read_text()
    begin = text.index(DIFFERENCES)
    table = [line for line in text[begin:].split("\n## ")[0].splitlines() if re.match(r"\| \d", line)]
    missing = "\n".join(line for line in lines if line not in table)
    stale = "\n".join(line for line in table if line not in lines)
    check(not missing and not stale, f"doc/rfc.md, {DIFFERENCES}\nlacks:\n{missing}\nhas and should not:\n{stale}")
    print(f"{len(lines)} rules that some stock server sees otherwise, all in doc/rfc.md")


# ---- requests that get no answer because of their source


def check_sources(world):
    """Port 0 and our own listeners get no answer; any other source gets one, this host's own addresses included."""
    world.host.sysctl("net.ipv4.conf.all.accept_local=1", "net.ipv4.conf.net.accept_local=1")
    spoofer = Spoofer(world.internet)
    for number, (host, private) in enumerate(zip(LISTENERS["public"], LISTENERS["private"])):
        family = "ip6" if ":" in host else "ip"
        names = [f"own{number}", f"other{number}", f"zero{number}"]
        for name, port in zip(names, (53, 5353, 0)):
            world.host.count(name, f"{family} saddr {host} udp sport 53 udp dport {port}", hook="output")
        for source in ((host, 53), (private, 53), (host, 5353), (private, 5353), (ASKERS[number], 0)):
            spoofer.send(spoofing.datagram(source, (host, 53), packets.ask("www", "A")), host)
        client = Udp(world.internet, host)
        check(client.exchange(packets.ask("www", "A"))[:2] == b"WG", f"{host} answers behind the forgeries")
        client.close()
        counted = [world.host.counted(name) for name in names]
        check(counted == [0, 2, 0], f"{host}: replies to own listeners, own addresses, port 0: {counted}")
    status = json.loads(world.host.output(world.program("wg-dnsd"), "status", "--json", "--control", lab.CONTROL))
    check(status["udp"]["dropped"] == 0, f"replies that the kernel refused: {status['udp']}")
    print("silence towards source port 0 and own listeners, answers to every other source of this host")


def scenario(world):
    world.add_public_addresses(world.host, LISTENERS["private"])
    start(world)
    check_all(world)
    check_sources(world)
    check_document(compare_all(world, start_stock_servers(world)))


def start(world):
    peers = ""
    for name, (octet, endpoint) in PEERS.items():
        key = base64.b64encode(bytes([octet] * 32)).decode()
        peers += f"[Peer]\n# Name = {name}\nPublicKey = {key}\nAllowedIPs = 10.77.9.{octet}/32\n"
        peers += f"Endpoint = {endpoint}\n" if endpoint else ""
    path = RUN / "peers.conf"
    path.write_text(peers)
    private = [word for address in LISTENERS["private"] for word in ("--listen-private", bracketed(address))]
    world.start_static_dnsd(
        "--peers", path, "--listen", bracketed(HOST6), *private, "--server-id", IDENTITY, "--server-version", VERSION
    )


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def start_stock_servers(world):
    """{view: {name: address}}, each serving what wg-dnsd prints of the view."""
    world.dns = lab.Node(world, "dns")
    world.join_internet(world.dns, [])
    servers = {}
    for number, view in enumerate(LISTENERS):
        text = world.host.output(world.program("wg-dnsd"), "zone", *(["--public"] if view == "public" else []),
                                 "--control", lab.CONTROL)  # fmt: skip
        servers[view] = {}
        for place, (name, start_server) in enumerate(STOCK.items()):
            address = f"192.0.2.{41 + 10 * number + place}"
            world.add_public_addresses(world.dns, [address])
            start_server(world.dns, view, text, address)
            servers[view][name] = address
    return servers


if __name__ == "__main__":
    lab.main(scenario)
