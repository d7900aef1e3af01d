"""Boxes: what a home router, or a provider's NAT, does to the packets of the devices behind it.

A `Kind` says it in the words of RFC 4787, and `Box` does it with nftables. test_nat_kinds shows by probes that each kind
is what it says.
"""

import dataclasses

from lab.addresses import WIREGUARD_PORT
from lab.node import Node

# A box maps a device's WireGuard port to this outside port, so that only an observer can know it.
FIRST_MAPPED_PORT = 40001


@dataclasses.dataclass(frozen=True)
class Kind:
    """How a box treats UDP. It never translates IPv6, but filters it in the same way."""

    mapping: str = "independent"  # of the destination; or `dependent` on its address and port; or `none`
    filtering: str = "port"  # whose packets come in: of an `address` and `port` that was sent to; of an `address`;
    #                          of any address, `independent`; also without a mapping, `open`
    preserving: bool = False  # the outside port is the device's own, if no other mapping has it
    accepting: bool = False  # the box itself takes what is for nobody inside, and then remembers the sender
    hairpin: bool = False  # devices behind the box reach each other at the outside addresses
    life: int = 0  # seconds that a mapping lives unused; 0: as the kernel has it, 30, and 120 once both sides have sent
    carrier: str = ""  # the kind of the box of the provider, in front of this one


KINDS = {
    "none": Kind(mapping="none", filtering="open"),
    "firewall": Kind(mapping="none"),
    "cone": Kind(),
    "cone-adf": Kind(filtering="address"),
    "cone-eif": Kind(filtering="independent"),
    "symmetric": Kind(mapping="dependent"),
    "preserving": Kind(preserving=True),
    "accepting": Kind(preserving=True, accepting=True),
    "hairpin": Kind(hairpin=True),
    "double": Kind(preserving=True, carrier="carrier"),
    "carrier": Kind(),
    "short": Kind(life=30),
    "long": Kind(life=180),
}  # fmt: skip


@dataclasses.dataclass
class Inside:
    """A device behind a box, as its rules see it."""

    address: str
    mapped_port: int = FIRST_MAPPED_PORT


class Box:
    """Node `name` with interfaces `net`, towards the Internet, and `lan`, and the rules of a kind."""

    def __init__(self, lab, name, filters_ipv6=True):
        self.node = Node(lab, name)
        self.node.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.public = None  # its IPv4 address outside, if it translates
        self.filters_ipv6 = filters_ipv6
        self.inside = []

    def outside_port(self, kind, device=None):
        """The outside port of a device's WireGuard port, by default that of the first one; None: it depends on the
        destination."""
        device = device or self.inside[0]
        if kind.mapping == "dependent":
            return None
        return WIREGUARD_PORT if kind.mapping == "none" or kind.preserving else device.mapped_port

    def write_rules(self, kind):
        """Writes or replaces the rules; tracked connections stay unchanged, but a filter by address or none forgets."""
        policy = "accept" if kind.filtering == "open" else "drop"
        remember, let_in, sets = self.filter_rules(kind)
        self.node.nft(
            f"""
            table inet box
            delete table inet box
            table inet box {{
              {sets}
              chain forward {{
                type filter hook forward priority filter; policy {policy};
                {remember}
                ct state established,related accept
                iifname lan accept
                {"" if self.filters_ipv6 else "meta nfproto ipv6 accept"}
                {let_in}
              }}
              chain input {{
                type filter hook input priority filter; policy {"accept" if kind.accepting else policy};
                ct state established,related accept
                iifname lan accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
              }}
            }}
            table ip nat
            delete table ip nat
            table ip nat {{
              chain prerouting {{
                type nat hook prerouting priority dstnat;
                {self.destination_rules(kind)}
              }}
              chain postrouting {{
                type nat hook postrouting priority srcnat;
                {self.source_rules(kind)}
              }}
            }}
            """
        )
        if kind.life:
            self.node.sysctl(
                f"net.netfilter.nf_conntrack_udp_timeout={kind.life}",
                f"net.netfilter.nf_conntrack_udp_timeout_stream={kind.life}",
            )

    def filter_rules(self, kind):
        """Filters that connection tracking does not have: who has sent, and for ADF to whom, in sets that forget."""
        if kind.filtering not in ("address", "independent"):
            return "", "", ""
        by_address = kind.filtering == "address"
        remember, let_in, sets = [], [], []
        for ip, kind_of_address in (("ip", "ipv4_addr"), ("ip6", "ipv6_addr")):
            sets.append(
                f"set sent_{ip} {{ type {kind_of_address} . inet_service{f' . {kind_of_address}' if by_address else ''};"
                f" flags dynamic,timeout; timeout {kind.life or 120}s; }}"
            )
            to, source = (f" . {ip} daddr", f" . {ip} saddr") if by_address else ("", "")
            remember.append(f"iifname lan oifname net update @sent_{ip} {{ {ip} saddr . udp sport{to} }}")
            let_in.append(f"iifname net {ip} daddr . udp dport{source} @sent_{ip} accept")
        return "\n".join(remember), "\n".join(let_in), "\n".join(sets)

    def destination_rules(self, kind):
        """Packets to an outside address that belong to no tracked connection."""
        arriving = ["iifname net"] if kind.filtering in ("address", "independent") else []
        arriving += ["iifname lan"] if kind.hairpin else []
        if kind.mapping != "independent":
            return ""
        return "\n".join(
            f"{where} ip daddr {self.public} udp dport {self.outside_port(kind, device)}"
            f" dnat to {device.address}:{WIREGUARD_PORT}"
            for where in arriving
            for device in self.translated()
        )

    def source_rules(self, kind):
        if kind.mapping == "dependent":
            return (
                "oifname net meta l4proto { tcp, udp } masquerade to :20000-60000 fully-random\noifname net masquerade"
            )
        if kind.mapping == "none":
            return ""
        leaving = ["oifname net", *(["iifname lan oifname lan ct status dnat"] if kind.hairpin else [])]
        own = [] if kind.preserving else self.translated()
        rules = [
            f"{where} ip saddr {device.address} udp sport {WIREGUARD_PORT} snat to {self.public}:{device.mapped_port}"
            for where in leaving
            for device in own
        ]
        return "\n".join(rules + [f"{where} snat to {self.public}" for where in leaving])

    def translated(self):
        return [device for device in self.inside if "." in device.address]
