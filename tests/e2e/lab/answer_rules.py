"""The rules of answers, each with the section that it comes from: the request, and the reply that it must get.

The zone is that of tests/answers/static.zone with the peers of PEERS. `asked` are whole requests (packets.py). `reply`
says the rcode and flags, the types of the records in each section in their order, and what OPT must carry; everything
else of a reply (identity, question, RD, sizes, …) follows from the request and is checked for each.

`alone` of a well-formed question: why wg-dnsd is right although none of NSD, Knot and BIND answers as it does.
"""

import collections
import struct

from lab.packets import (
    AD, ANY_CLASS, CD, CHAOS, COOKIE, IN, IQUERY, KEEPALIVE, NONE, NOTIFY, NSID, QR, RA, RD, STATUS, TC, UPDATE, Z, ask,
    key_label, message, opt, question, record, tsig, wire,
)  # fmt: skip
from lab.stock_servers import IDENTITY

ALICE, BOB, CAROL, NOBODY = (key_label(octet) for octet in (1, 2, 3, 0xEE))
PEERS = {"alice": (1, "203.0.113.10:51820"), "bob": (2, "[2001:db8::7]:4243"), "carol": (3, None)}

SILENCE = "silence"
Reply = collections.namedtuple("Reply", "head answer authority additional options size")
Case = collections.namedtuple("Case", "name asked reply view transport alone")
CASES = []


def reply(head, answer="", authority="", additional="", options=None, size=None):
    """\\param head `NOERROR AA TC`. \\param options of OPT: code → octets, or → a length. \\param size at most this."""
    return Reply(head, answer.split(), authority.split(), additional.split(), options or {}, size)


def case(name, asked, expected, view="public", transport=("udp", "tcp"), alone=""):
    CASES.append(Case(name, asked, expected, view, transport, alone))


def www(*additional, **more):
    """A request for the address of `www`, with more records behind the question."""
    return message([question("www", "A")], additional, **more)


NODATA = reply("NOERROR AA", authority="SOA")
NXDOMAIN = reply("NXDOMAIN AA", authority="SOA")
FORMERR = reply("FORMERR")
REFUSED = reply("REFUSED")
NOTIMP = reply("NOTIMP")
NOT_OURS = {15: b"\0\x14"}
PROHIBITED = {15: b"\0\x12"}

# fmt: off

# ---- the zone: RFC 1034, 1035, 2181, 2308, 4592, …

case("RFC 1034 §4.3.2 step 3a: a name and its type", ask("www", "A"), reply("NOERROR AA", "A"))
case("RFC 1034 §4.3.2 step 3a: every record of the RRset", ask("www", "TXT"), reply("NOERROR AA", "TXT"))
case("RFC 1034 §4.2.1: SOA of the zone", ask("@", "SOA"), reply("NOERROR AA", "SOA"))
case("RFC 1034 §4.2.1: NS of the zone, with addresses", ask("@", "NS", edns=1232),
     reply("NOERROR AA", "NS NS", additional="AAAA A"))
case("RFC 1034 §3.6.2: CNAME chased inside the zone", ask("chain", "A"), reply("NOERROR AA", "CNAME CNAME A"))
case("RFC 1034 §3.6.2: CNAME itself asked for", ask("chain", "CNAME"), reply("NOERROR AA", "CNAME"))
case("RFC 1034 §4.3.2 step 3a: CNAME that leaves the zone", ask("outside", "A"), reply("NOERROR AA", "CNAME"))
case("RFC 2308 §2.2: CNAME to a name without the type", ask("chain", "MX"), reply("NOERROR AA", "CNAME CNAME", "SOA"))
case("RFC 6604 §3: CNAME to a name that does not exist", ask("dangling", "A"), reply("NXDOMAIN AA", "CNAME", "SOA"))
case("RFC 1034 §4.3.2 step 3b: CNAME to a delegated name", ask("tochild", "A"),
     reply("NOERROR AA", "CNAME", "NS NS", "A"))
case("RFC 1034 §4.3.2 step 3b: below a cut: referral with glue, AA clear", ask("x.child", "A"),
     reply("NOERROR", "", "NS NS", "A"))
case("RFC 1034 §4.2.1: the cut itself is the child's", ask("child", "A"), reply("NOERROR", "", "NS NS", "A"))
case("RFC 2181 §6.1: NS of a cut is no answer of the parent", ask("child", "NS"), reply("NOERROR", "", "NS NS", "A"))
case("RFC 2181 §5.4.1: glue is not an answer", ask("ns.child", "A"), reply("NOERROR", "", "NS NS", "A"))
case("RFC 4035 §3.1.4.1: DS at a cut is the parent's", ask("child", "DS"), reply("NOERROR AA", "DS"))
case("RFC 4035 §3.1.4.1: DS below a cut is the child's", ask("x.child", "DS"), reply("NOERROR", "", "NS NS", "A"))
case("RFC 9471 §3.1: all of the glue", ask("x.fat", "A", edns=1232),
     reply("NOERROR", "", " ".join(["NS"] * 10), " ".join(["AAAA"] * 10)))
case("RFC 9471 §3.1: glue does not fit: TC", ask("x.fat", "A"), reply("NOERROR TC", size=512), transport=("udp",),
     alone="RFC 2181 §9: clients ignore what a truncated reply holds, so it is empty here")
case("RFC 9471 §3.1: over TCP it fits", ask("x.fat", "A"),
     reply("NOERROR", "", " ".join(["NS"] * 10), " ".join(["AAAA"] * 10)), transport=("tcp",))
case("RFC 2308 §2.1: NXDOMAIN with SOA", ask("nothing", "A"), NXDOMAIN)
case("RFC 2308 §2.2: NODATA with SOA", ask("www", "AAAA"), NODATA)
case("RFC 2308 §2.2: NODATA at the apex", ask("@", "A"), NODATA)
case("RFC 8020 §2: an empty non-terminal exists", ask("er.name", "A"), NODATA)
case("RFC 8020 §2: below a name without children: NXDOMAIN", ask("x.www", "A"), NXDOMAIN)
case("RFC 4592 §2.1.1: a wildcard makes an answer", ask("anything.wild", "TXT"), reply("NOERROR AA", "TXT"))
case("RFC 4592 §2.2.1: for several labels", ask("x.y.wild", "TXT"), reply("NOERROR AA", "TXT"))
case("RFC 4592 §2.2.1: without the type: NODATA", ask("anything.wild", "A"), NODATA)
case("RFC 4592 §2.2.2: an empty non-terminal hides it", ask("b.wild", "TXT"), NODATA)
case("RFC 4592 §2.2.2: below that it does not reach", ask("x.b.wild", "TXT"), NXDOMAIN)
case("RFC 4592 §2.3: asked by its own name", ask("*.wild", "TXT"), reply("NOERROR AA", "TXT"))
case("RFC 4592 §3.3.3: wildcard CNAME", ask("any.wildcname", "A"), reply("NOERROR AA", "CNAME A"))
case("RFC 4592 §3.3.3: wildcard CNAME to itself", ask("y.wildloop", "A"), reply("NOERROR AA", "CNAME CNAME"))
case("RFC 4592 §4.2: the name above a wildcard is empty", ask("wildcname", "A"), NODATA)
case("RFC 3597 §3: unknown type", ask("mail", "TYPE65280"), reply("NOERROR AA", "TYPE65280"))
case("RFC 3597 §3: unknown type that the name lacks", ask("www", "TYPE65280"), NODATA)
case("RFC 4343 §3: names match in any case", ask("mIxEd.cAsE", "A"), reply("NOERROR AA", "A"))
case("RFC 4343 §3: the zone's name too", ask("WWW.Wg.EXAMPLE.Org.", "A"), reply("NOERROR AA", "A"))
case("RFC 8482 §4.1: ANY gives one RRset", ask("www", "ANY"), reply("NOERROR AA", "A"))
case("RFC 8482 §4.1: ANY at a CNAME", ask("outside", "ANY"), reply("NOERROR AA", "CNAME"))
case("RFC 8482 §4.1: ANY at an empty non-terminal", ask("er.name", "ANY"), NODATA)
case("RFC 8482 §4.1: ANY at a name that does not exist", ask("nothing", "ANY"), NXDOMAIN)
case("RFC 2782: SRV with addresses of targets in the zone", ask("sip", "SRV", edns=1232),
     reply("NOERROR AA", "SRV SRV", additional="A"))
case("RFC 1035 §3.3.9: MX, no additional records", ask("mail", "MX"), reply("NOERROR AA", "MX"))
case("RFC 1034 §4.3.2 step 2: not our zone", ask("example.com.", "A"), REFUSED)
case("RFC 1034 §4.3.2 step 2: our parent is not our zone", ask("example.org.", "SOA"), REFUSED)
case("RFC 1034 §4.3.2 step 2: the root is not our zone", ask(".", "NS"), REFUSED)
case("RFC 1034 §4.3.2 step 2: a name that only ends alike", ask("xwg.example.org.", "A"), REFUSED)

# ---- the peers: doc/protocol.md §1, RFC 2782, 6763

SERVICE = f"_wireguard._udp.{ALICE}"
case("RFC 2782: a peer's endpoint with its address", ask(SERVICE, "SRV", edns=1232),
     reply("NOERROR AA", "SRV", additional="A"))
case("RFC 2782: over IPv6 alike", ask(f"_wireguard._udp.{BOB}", "SRV", edns=1232),
     reply("NOERROR AA", "SRV", additional="AAAA"))
case("RFC 4343 §3: a peer in upper case", ask(SERVICE.upper(), "SRV"), reply("NOERROR AA", "SRV", additional="A"))
case("RFC 6763 §4.1: service instance", ask(f"{ALICE}._wireguard._udp", "SRV"),
     reply("NOERROR AA", "SRV", additional="A"))
case("RFC 6763 §6: a peer's TXT", ask(SERVICE, "TXT"), reply("NOERROR AA", "TXT"))
case("RFC 2782: the padded spelling", ask(f"{ALICE.upper()}====._wireguard._udp", "SRV"),
     reply("NOERROR AA", "SRV", additional="A"))
case("RFC 1035 §3.4.1: address of a target", ask(f"203-0-113-10.{ALICE}", "A"), reply("NOERROR AA", "A"))
case("RFC 2308 §2.2: a peer's other family", ask(ALICE, "AAAA"), NODATA)
case("RFC 2308 §2.2: a peer without endpoint", ask(f"_wireguard._udp.{CAROL}", "SRV"), NODATA)
case("RFC 8020 §2: above a peer's service", ask(f"_udp.{ALICE}", "A"), NODATA)
case("RFC 8020 §2: above all services", ask("_udp", "A"), NODATA)
case("RFC 2308 §2.1: a key that nobody registered", ask(f"_wireguard._udp.{NOBODY}", "SRV"), NXDOMAIN)
case("RFC 2308 §2.1: a key with a spare bit set", ask(f"_wireguard._udp.{ALICE[:-1]}r", "SRV"), NXDOMAIN)
case("RFC 1034 §4.3.2 step 3a: static CNAME to a peer", ask("toalice", "SRV"),
     reply("NOERROR AA", "CNAME SRV", additional="A"))
case("RFC 6763 §4: the list is private", ask("_wireguard._udp", "PTR"), NODATA)
case("RFC 6763 §4: the list", ask("_wireguard._udp", "PTR"), reply("NOERROR AA", "PTR PTR"), view="private")
case("RFC 6763 §9: the list of service types", ask("_services._dns-sd._udp", "PTR"),
     reply("NOERROR AA", "PTR PTR"), view="private")
case("RFC 2308 §2.1: names of peers are private", ask("alice", "A"), NXDOMAIN)
case("RFC 1034 §3.6.2: a peer's name", ask("alice", "A"), reply("NOERROR AA", "CNAME A"), view="private")
case("RFC 1034 §3.6.2: a peer's name as a service", ask("_wireguard._udp.bob", "SRV"),
     reply("NOERROR AA", "CNAME SRV", additional="AAAA"), view="private")

# ---- sizes and EDNS: RFC 1035, 2181, 3225, 6891, 9715

case("RFC 1035 §4.2.1: 512 octets without EDNS, TC", ask("large", "TXT"), reply("NOERROR AA TC", size=512),
     transport=("udp",))
case("RFC 9715 §3.2: 1232 octets, whatever the client takes", ask("large", "TXT", edns=4096),
     reply("NOERROR AA TC", size=1232), transport=("udp",))
case("RFC 7766 §5: whole over TCP", ask("large", "TXT"), reply("NOERROR AA", " ".join(["TXT"] * 8)),
     transport=("tcp",))
case("RFC 6891 §6.2.3: a size under 512 means 512", ask("www", "A", edns=0), reply("NOERROR AA", "A", size=512))
case("RFC 3225 §3: DO comes back", ask("www", "A", do=True), reply("NOERROR AA", "A"))
case("RFC 6891 §6.1.4: unknown flags do not", www(opt(flags=0x7FFF)),
     reply("NOERROR AA", "A"))
case("RFC 6891 §6.1.2: unknown options are ignored", ask("www", "A", options=[(65001, b"abc")]),
     reply("NOERROR AA", "A"))
case("RFC 6891 §6.1.3: unknown version: BADVERS", www(opt(version=1)), reply("BADVERS"))
case("RFC 6891 §6.1.3: BADVERS before the options are judged",
     www(opt(version=7, options=[(COOKIE, b"abc")])), reply("BADVERS"))
case("RFC 6891 §6.1.1: two OPT records", www(opt(), opt()), FORMERR)
case("RFC 6891 §6.1.2: OPT owned by a name", www(opt(owner=wire("www"))), FORMERR)
case("RFC 6891 §6.1.2: an option longer than OPT",
     www(record(b"\0", "OPT", 1232, 0, struct.pack("!2H", 65001, 9) + b"abc")), FORMERR)
case("RFC 6891 §6.1.1: OPT behind another additional record",
     www(record(wire("x"), "A", data=bytes(4)), opt()), reply("NOERROR AA", "A"))

# ---- options: RFC 5001, 7828, 7873, 8914

case("RFC 5001 §2.2: NSID to those who ask", ask("www", "A", options=[(NSID, b"")]),
     reply("NOERROR AA", "A", options={NSID: IDENTITY.encode()}))
case("RFC 5001 §2.2: no NSID to others", ask("www", "A", edns=1232), reply("NOERROR AA", "A", options={NSID: None}))
case("RFC 7828 §3.3.2: keepalive over TCP", ask("www", "A", options=[(KEEPALIVE, b"")]),
     reply("NOERROR AA", "A", options={KEEPALIVE: b"\0\x64"}), transport=("tcp",))
case("RFC 7828 §3.2.1: keepalive over UDP is ignored", ask("www", "A", options=[(KEEPALIVE, b"")]),
     reply("NOERROR AA", "A", options={KEEPALIVE: None}), transport=("udp",))
case("RFC 7873 §5.2.1: no cookie, none back", ask("www", "A", edns=1232),
     reply("NOERROR AA", "A", options={COOKIE: None}))
case("RFC 7873 §5.2.3: a client's cookie gets ours", ask("www", "A", options=[(COOKIE, b"01234567")]),
     reply("NOERROR AA", "A", options={COOKIE: 24}))
case("RFC 7873 §5.2.4: a wrong server cookie gets a right one",
     ask("www", "A", options=[(COOKIE, b"01234567" + bytes(16))]),
     reply("NOERROR AA", "A", options={COOKIE: 24}))
for length in (0, 7, 9, 15, 41):
    case(f"RFC 7873 §5.2.2: a cookie of {length} octets", ask("www", "A", options=[(COOKIE, bytes(length))]), FORMERR)
case("RFC 7873 §5.4: a cookie without a question", message(additional=[opt(options=[(COOKIE, b"01234567")])]),
     reply("NOERROR", options={COOKIE: 24}))
case("RFC 8914 §4.21: not authoritative", ask("example.com.", "A", edns=1232), reply("REFUSED", options=NOT_OURS))
case("RFC 8914 §4.19: prohibited", ask("@", "AXFR", edns=1232),
     reply("REFUSED", options=PROHIBITED), transport=("tcp",))

# ---- header, opcodes, classes, shape

case("RFC 1035 §4.1.1: RD comes back, RA does not", ask("www", "A", flags=RD), reply("NOERROR AA", "A"))
case("RFC 4035 §3.1.6: CD comes back", ask("www", "A", flags=CD), reply("NOERROR AA", "A"))
case("RFC 1035 §4.1.1: other flags of a request are ignored", ask("www", "A", flags=TC | RA | AD | Z),
     reply("NOERROR AA", "A"))
case("RFC 1035 §4.1.1: IQUERY", ask("www", "A", opcode=IQUERY), NOTIMP)
case("RFC 1035 §4.1.1: STATUS", message(opcode=STATUS), NOTIMP)
case("RFC 6895 §2.2: an opcode that nobody has assigned", ask("www", "A", opcode=15), NOTIMP)
case("RFC 1996 §3: NOTIFY", ask("@", "SOA", opcode=NOTIFY), REFUSED)
case("RFC 2136 §2: UPDATE", ask("@", "SOA", opcode=UPDATE), REFUSED)
case("RFC 1035 §4.1.1: the opcode is judged before the body", message(opcode=9, counts=(9, 9, 9, 9)), NOTIMP)
case("RFC 5936 §2.2: transfer", ask("@", "AXFR"), REFUSED, transport=("tcp",))
case("RFC 1995 §2: incremental transfer",
     message([question("@", "IXFR")],
             authority=[record(wire("@"), "SOA", data=wire("ns1") + wire("hostmaster") + bytes(20))]),
     REFUSED, transport=("tcp",))
case("RFC 4892 §2: version.bind", ask("version.bind.", "TXT", CHAOS), reply("NOERROR AA", "TXT"))
case("RFC 4892 §2: id.server", ask("id.server.", "TXT", CHAOS), reply("NOERROR AA", "TXT"))
case("RFC 4892 §2: another name of class CHAOS", ask("www", "TXT", CHAOS), REFUSED)
case("RFC 1035 §3.2.4: class HESIOD", ask("www", "A", 4), REFUSED)
case("RFC 1035 §3.2.5: class ANY", ask("www", "A", ANY_CLASS), REFUSED,
     alone="RFC 1035 §6.2: never authoritative, so nobody could use it; refused as every class but IN and CHAOS")
case("RFC 6895 §3.2: class NONE", ask("www", "A", NONE), REFUSED)
case("RFC 8945 §5.2.1: signed with an unknown key", www(tsig()), reply("NOTAUTH", additional="TSIG"))
case("RFC 8945 §5.2.1: the same with EDNS", www(opt(), tsig()),
     reply("NOTAUTH", additional="TSIG"))
case("RFC 8945 §5.2.1: the key's name compressed", www(tsig(b"\xc0\x0c")), reply("NOTAUTH", additional="TSIG"))
case("RFC 8945 §5.2.1: the key's name compressed in part", www(tsig(b"\x03key\xc0\x0c")),
     reply("NOTAUTH", additional="TSIG"))
case("RFC 8945 §5.1: TSIG that is not the last record", www(tsig(), opt()), FORMERR)
case("RFC 8945 §5.1: two TSIG records", www(tsig(), tsig()), FORMERR)
case("RFC 8945 §4.2: TSIG of class IN", www(tsig(rr_class=IN)), FORMERR)
case("RFC 8945 §4.2: TSIG with octets too many", www(tsig(more=b"x")), FORMERR)

# ---- malformed

case("RFC 9619 §4: no question", message(), FORMERR)
case("RFC 9619 §4: no question, EDNS without a cookie", message(additional=[opt()]), FORMERR)
case("RFC 9619 §4: two questions", message([question("www", "A"), question("www", "A")]), FORMERR)
case("RFC 1035 §4.1.1: QDCOUNT without a question", message(counts=(1, 0, 0, 0)), FORMERR)
case("RFC 1035 §4.1.1: a record in the answer section",
     www(answer=[record(wire("www"), "A", data=bytes(4))]), FORMERR)
case("RFC 1035 §4.1.1: a record in the authority section",
     www(authority=[record(wire("www"), "A", data=bytes(4))]), FORMERR)
case("RFC 1035 §4.1.1: ARCOUNT without records", www(counts=(1, 0, 0, 1)), FORMERR)
case("RFC 1035 §4.1: octets behind the last record", ask("www", "A") + b"\0", FORMERR)
case("RFC 1035 §4.1: octets behind OPT", ask("www", "A", edns=1232) + b"trailing", FORMERR)
case("RFC 1035 §4.1.2: a question cut short", ask("www", "A")[:-1], FORMERR)
case("RFC 1035 §4.1.4: a compressed question", message([b"\xc0\x0c" + struct.pack("!2H", 1, IN)]), FORMERR)
case("RFC 1035 §4.1.4: a pointer forward", www(record(b"\xc0\xff", "A", data=bytes(4))), FORMERR)
case("RFC 1035 §2.3.4: a label of 64 octets",
     message([b"\x40" + b"a" * 64 + b"\0" + struct.pack("!2H", 1, IN)]), FORMERR)
case("RFC 1035 §2.3.4: a name of 256 octets", message([b"\x01a" * 128 + b"\0" + struct.pack("!2H", 1, IN)]), FORMERR)
case("RFC 6891 §5: an extended label", message([b"\x41\0" + struct.pack("!2H", 1, IN)]), FORMERR)
case("RFC 1035 §4.1.1: no whole header", ask("www", "A")[:11], SILENCE)
case("RFC 1035 §4.1.1: nothing", b"", SILENCE)
case("RFC 1035 §4.1.1: an answer is not answered", ask("www", "A", flags=QR), SILENCE)
case("RFC 1035 §4.1.1: nor is a broken one", ask("www", "A", flags=QR)[:-1], SILENCE)
