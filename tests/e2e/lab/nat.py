"""Homes: a device behind a box that translates or filters, of the kinds that exist in the world."""

from lab.addresses import WIREGUARD_PORT
from lab.node import Node

NAT_KINDS = ("cone", "symmetric", "firewall", "none")

# A box maps a device's WireGuard port to this outside port, so that only an observer can know it.
FIRST_MAPPED_PORT = 40001


class Home:
    """A device behind its box: node `name` on the inside, node `name-box` between it and the Internet.

    IPv4 is treated as `kind` says; IPv6 is never translated: stateful firewall, or open for the kind `none`.
        cone       every destination sees the same outside port; unsolicited packets are dropped
        symmetric  each destination sees another outside port; unsolicited packets are dropped
        firewall   no translation; unsolicited packets are dropped
        none       no translation, open
    """

    def __init__(self, lab, name, kind, public, prefix6, families=(4, 6)):
        self.kind = kind
        self.public = self.first_public = public
        self.mapped_port = FIRST_MAPPED_PORT
        self.node = Node(lab, name)
        self.box = Node(lab, f"{name}-box")
        self.box.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        translated = kind in ("cone", "symmetric")
        lab.join(lab.internet, self.box.name, self.box, "net", lab.delay / 2)
        lab.join(self.box, "lan", self.node, "lan")
        self.addresses = []
        if 4 in families:
            lab.route(lab.internet, self.box.name, public)
            if translated:
                self.box.add_address("net", public)
            self.addresses.append("192.168.1.2" if translated else public)
        if 6 in families:
            lab.route(lab.internet, self.box.name, f"{prefix6}::/64")
            self.addresses.append(f"{prefix6}::2")
        for address in self.addresses:
            lab.route(self.box, "lan", address)
        self.node.add_address("lan", *self.addresses)
        self.write_rules()

    def has_ipv4(self):
        return "." in self.addresses[0]

    def outside(self):
        """The endpoint of the device on the Internet, `address:port`; None: it depends on the destination."""
        if self.kind == "symmetric":
            return None
        return f"{self.public}:{self.mapped_port if self.kind == 'cone' else WIREGUARD_PORT}"

    def write_rules(self):
        """Writes or replaces the rules of the box; tracked connections stay unchanged."""
        nat = {
            "cone": f"oifname net udp sport {WIREGUARD_PORT} snat to {self.public}:{self.mapped_port}\n"
            f"oifname net snat to {self.public}",
            "symmetric": "oifname net meta l4proto { tcp, udp } masquerade to :20000-60000 fully-random\n"
            "oifname net masquerade",
        }.get(self.kind, "")
        policy = "accept" if self.kind == "none" else "drop"
        self.box.nft(
            f"""
            table inet box
            delete table inet box
            table inet box {{
              chain forward {{
                type filter hook forward priority filter; policy {policy};
                ct state established,related accept
                iifname lan accept
              }}
              chain input {{
                type filter hook input priority filter; policy {policy};
                ct state established,related accept
                iifname lan accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
              }}
            }}
            table ip nat
            delete table ip nat
            table ip nat {{
              chain postrouting {{
                type nat hook postrouting priority srcnat;
                {nat}
              }}
            }}
            """
        )

    def forget_mappings(self):
        """Acts as a restarted box: all mappings are gone, new ones get another outside port."""
        self.mapped_port += 1
        self.write_rules()
        self.box.run("conntrack", "-F")

    def renumber(self, public):
        """Acts as a provider that assigns another address: mappings are gone as well."""
        lab = self.box.lab
        lab.internet.ip("route", "del", self.public, "dev", self.box.name)
        lab.route(lab.internet, self.box.name, public)
        self.box.add_address("net", public)  # first: with the last IPv4 address a link loses its default route
        self.box.ip("address", "del", self.public, "dev", "net")
        self.public = public
        self.forget_mappings()


class SharedHome:
    """Several devices on one network behind one box: port-preserving per device and destination, no hairpinning.

    Nodes NAME at 192.168.1.2 and on, the box at 192.168.1.1. Packets from inside to the public address reach the box
    itself, where no socket listens.
    """

    def __init__(self, lab, names, public="198.51.100.1"):
        self.public = public
        self.box = Node(lab, "shared-box")
        self.box.sysctl("net.ipv4.ip_forward=1")
        lab.join(lab.internet, self.box.name, self.box, "net", lab.delay / 2)
        lab.route(lab.internet, self.box.name, public)
        self.box.add_address("net", public)
        self.box.ip("link", "add", "lan", "type", "bridge")
        self.box.ip("link", "set", "lan", "up")
        self.box.add_address("lan", "192.168.1.1/24")
        self.devices = {}
        for number, name in enumerate(names):
            self.devices[name] = SharedDevice(lab, self, name, f"192.168.1.{number + 2}", FIRST_MAPPED_PORT + number)
        lab.homes.update(self.devices)
        self.write_rules()

    def write_rules(self):
        """Writes or replaces the rules of the box, for the present addresses of the devices."""
        snat = "\n".join(
            f"ip saddr {device.address} udp sport {WIREGUARD_PORT} oifname net snat to {self.public}:{device.mapped_port}"
            for device in self.devices.values()
        )
        self.box.nft(
            f"""
            table ip box
            delete table ip box
            table ip box {{
              chain forward {{
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                iifname lan accept
              }}
              chain input {{
                type filter hook input priority filter; policy drop;
                ct state established,related accept
                iifname lan accept
              }}
              chain postrouting {{
                type nat hook postrouting priority srcnat;
                {snat}
                oifname net snat to {self.public}
              }}
            }}
            """
        )


class SharedDevice:
    """One device of a SharedHome, with the functions of a Home that Lab uses."""

    def __init__(self, lab, home, name, address, mapped_port):
        self.home = home
        self.public = home.public
        self.address = address
        self.mapped_port = mapped_port
        self.node = Node(lab, name)
        lab.ip("link", "add", name, "netns", home.box.name, "type", "veth", "peer", "lan", "netns", name)
        home.box.ip("link", "set", name, "up", "master", "lan")
        self.node.ip("link", "set", "lan", "up")
        self.node.add_address("lan", f"{address}/24")
        self.node.ip("route", "add", "default", "via", "192.168.1.1")

    def has_ipv4(self):
        return True

    def outside(self):
        """As Home.outside."""
        return f"{self.public}:{self.mapped_port}"

    def renumber(self, address):
        """Acts as a device that gets another lease."""
        self.node.ip("address", "del", f"{self.address}/24", "dev", "lan")
        self.node.add_address("lan", f"{address}/24")
        self.node.ip("route", "replace", "default", "via", "192.168.1.1")
        self.address = address
        self.home.write_rules()
        self.home.box.run("conntrack", "-F")
