"""A DNS client that shares no code with the programs under test (dnspython), asking from a node of the laboratory."""

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig


Timeout = dns.exception.Timeout


class Client:
    """Asks one server from one node, always from the same socket."""

    def __init__(self, node, server, port=53):
        self.node = node
        self.server = server
        self.port = port
        self.udp = node.udp_socket("::" if ":" in server else "0.0.0.0")
        self.udp.setblocking(False)

    def close(self):
        self.udp.close()

    def ask(self, name, kind, edns=True, tcp=False, timeout=10, recursive=False):
        """The answer to one question asked over UDP; if truncated, asked again over TCP. \\error Timeout"""
        flags = dns.flags.RD | dns.flags.AD if recursive else 0  # RFC 6840 §5.7: tell whether it is validated
        question = dns.message.make_query(name, kind, flags=flags, use_edns=0 if edns else False, payload=1232)
        if not tcp:
            reply = dns.query.udp(question, self.server, timeout, self.port, sock=self.udp, ignore_unexpected=True)
            if not reply.flags & dns.flags.TC:
                return reply
        with self.node.entered():
            return dns.query.tcp(question, self.server, timeout, self.port)


def ask(node, server, name, kind, port=53, **keywords):
    """One question from a socket of its own."""
    client = Client(node, server, port)
    try:
        return client.ask(name, kind, **keywords)
    finally:
        client.close()


def without_opcode(message):
    """dnspython knows only assigned opcodes, and reads the messages of others with other sections."""
    return message[:2] + bytes([message[2] & 0x87]) + message[3:]


def read_request(request):
    """The request as dnspython reads it; None: dnspython finds it malformed."""
    try:
        return dns.message.from_wire(without_opcode(request), continue_on_error=True)
    except dns.exception.DNSException:
        return None


KEY = dns.tsig.Key("key.example.", bytes(32))


def read_reply(message):
    """(a reply, whether its TSIG record says that the key is unknown). \\error ValueError: it is malformed"""
    parsed = dns.message.from_wire(without_opcode(message), keyring=KEY, continue_on_error=True)
    errors = [error.exception for error in parsed.errors]
    is_refused_key = len(errors) == 1 and isinstance(errors[0], dns.tsig.PeerBadKey)
    if errors and not is_refused_key:
        raise ValueError(f"dnspython: {errors}: {message.hex()}")
    return parsed, is_refused_key


def records(section):
    """A section as texts `owner type data`: owners in lower case, sorted."""
    return sorted(
        f"{rrset.name.to_text().lower()} {dns.rdatatype.to_text(rrset.rdtype)} {data.to_text()}"
        for rrset in section
        for data in rrset
    )


def describe(reply):
    """All parts of a reply that must be the same for every server of a zone."""
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
