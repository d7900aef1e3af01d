"""A DNS client that shares no code with the programs under test (dnspython), asking from a node of the laboratory."""

import socket

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
from dns.exception import Timeout


def ask(node, server, name, kind, port=53, edns=True, tcp=False, timeout=10):
    """The answer to one question asked over UDP, again over TCP when it was truncated. \\error Timeout"""
    question = dns.message.make_query(name, kind, flags=0, use_edns=0 if edns else False, payload=1232)
    if not tcp:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with node.entered():
            made = socket.socket(family, socket.SOCK_DGRAM)
        with made:
            made.setblocking(False)
            reply = dns.query.udp(question, server, timeout, port, sock=made)
        if not reply.flags & dns.flags.TC:
            return reply
    with node.entered():
        return dns.query.tcp(question, server, timeout, port)


def records(section):
    """A section as texts `owner type data`: owners in lower case, sorted."""
    return sorted(
        f"{rrset.name.to_text().lower()} {dns.rdatatype.to_text(rrset.rdtype)} {data.to_text()}"
        for rrset in section
        for data in rrset
    )


def describe(reply):
    """All of a reply that must be the same for every server of a zone."""
    lines = [dns.rcode.to_text(reply.rcode()) + (" AA" if reply.flags & dns.flags.AA else "")]
    for title, section in (("answer", reply.answer), ("authority", reply.authority), ("additional", reply.additional)):
        lines += [f"{title}: {record}" for record in records(section)]
    return lines


def srv_endpoints(reply):
    """(priority, target in lower case, port) of each SRV in the answer, in order."""
    return [
        (data.priority, data.target.to_text().lower(), data.port)
        for rrset in reply.answer
        if rrset.rdtype == dns.rdatatype.SRV
        for data in rrset
    ]
