"""Homes: a device, or several, behind boxes that translate or filter, of the kinds that exist in the world."""

from lab.nat_box import FIRST_MAPPED_PORT, KINDS, Box, Inside
from lab.node import Node

CARRIER_ADDRESS = "100.64.0.2"  # RFC 6598: of a home's box in its provider's network
CARRIER_PORTS = 1000  # beyond the outside port that the box alone would give


class Home:
    """A device behind its box: node `name` on the inside, node `name-box` between it and the Internet.

    IPv4 is treated as `kind` says, a name of KINDS; IPv6 is never translated, but filtered by a stateful firewall, or
    open for the kind `none`. A kind with a carrier has one more node, `name-cgn`, between its box and the Internet.
        cone        every destination sees the same outside port; only whom the device has sent to may answer
        cone-adf    the same, but every port of an address that it has sent to may answer
        cone-eif    the same, but everybody may send to a mapping while it lives
        symmetric   each destination sees another outside port; only whom the device has sent to may answer
        firewall    no translation; only whom the device has sent to may answer
        none        no translation, open
        preserving  a cone whose outside port is the inside port
        accepting   the same, but the box takes packets for nobody inside, whose sender then sees another port
        hairpin     a cone whose devices reach each other at their outside addresses
        double      `preserving`, behind the cone of a provider
        short, long a cone that forgets a mapping after 30 s, and one that does so after 180 s
    """

    def __init__(self, lab, name, kind, public, prefix6, families=(4, 6)):
        self.kind = kind
        self.public = self.first_public = public
        self.node = Node(lab, name)
        carrier, translated = KINDS[kind].carrier, KINDS[kind].mapping != "none"
        outer = [Box(lab, f"{name}-cgn", filters_ipv6=False)] if carrier else []
        self.boxes = [*outer, Box(lab, f"{name}-box")]  # from the Internet to the device
        self.box = self.boxes[-1].node
        self.interface = f"{name}-box"  # of the Internet, towards this home
        outsides = [public] if not carrier else [public, CARRIER_ADDRESS]
        prefixes = [f"{prefix6}::/64"] if 6 in families else []
        self.addresses = []
        if 4 in families:
            self.addresses.append("192.168.1.2" if translated else public)
        if 6 in families:
            self.addresses.append(f"{prefix6}::2")

        upper, interface, delay = lab.internet, self.interface, lab.delay / 2
        for box, outside in zip(self.boxes, outsides):
            lab.join(upper, interface, box.node, "net", delay)
            lab.route(upper, interface, *([outside] if 4 in families else []), *prefixes)
            if 4 in families and translated:
                box.node.add_address("net", outside)
            box.public = outside
            upper, interface, delay = box.node, "lan", 0.0
        lab.join(self.box, "lan", self.node, "lan")
        lab.route(self.box, "lan", *self.addresses)
        self.node.add_address("lan", *self.addresses)

        if carrier:
            self.boxes[0].inside.append(Inside(CARRIER_ADDRESS, FIRST_MAPPED_PORT + CARRIER_PORTS))
        self.boxes[-1].inside.append(Inside(self.addresses[0]))
        self.write_rules()

    def kinds(self):
        """The kind of each box."""
        kind = KINDS[self.kind]
        return [KINDS[kind.carrier], kind] if kind.carrier else [kind]

    @property
    def mapped_port(self):
        """The outside port of the device's WireGuard port, if the box towards the Internet gives it one."""
        return self.boxes[0].inside[0].mapped_port

    def has_ipv4(self):
        return "." in self.addresses[0]

    def outside(self):
        """The endpoint of the device on the Internet, `address:port`; None: it depends on the destination."""
        port = self.boxes[0].outside_port(self.kinds()[0])
        return f"{self.public}:{port}" if port else None

    def write_rules(self):
        """Writes or replaces the rules of the boxes; tracked connections stay unchanged."""
        self.boxes[-1].inside[0].address = self.addresses[0]
        for box, kind in zip(self.boxes, self.kinds()):
            box.write_rules(kind)

    def forget_mappings(self):
        """Acts as a restarted box: all mappings are gone, new ones get another outside port, unless it is kept."""
        for box in self.boxes:
            box.inside[0].mapped_port += 1
        self.write_rules()
        for box in self.boxes:
            box.node.run("conntrack", "-F")

    def renumber(self, public):
        """Acts as a provider that assigns another address: mappings are gone as well."""
        outer, lab = self.boxes[0], self.node.lab
        lab.internet.ip("route", "del", self.public, "dev", self.interface)
        lab.route(lab.internet, self.interface, public)
        outer.node.add_address("net", public)  # first: with the last IPv4 address a link loses its default route
        outer.node.ip("address", "del", self.public, "dev", "net")
        self.public = outer.public = public
        self.forget_mappings()


class SharedHome:
    """Several devices on one network behind one box of a kind that translates, without IPv6.

    Nodes NAME at 192.168.1.2 and on, the box at 192.168.1.1. Without hairpinning, packets from inside to the public
    address reach the box itself, where no socket listens.
    """

    def __init__(self, lab, names, kind="cone", public="198.51.100.1"):
        self.kind = kind
        self.public = public
        self.translator = Box(lab, f"{names[0]}-box")
        self.translator.public = public
        self.box = self.translator.node
        lab.join(lab.internet, self.box.name, self.box, "net", lab.delay / 2)
        lab.route(lab.internet, self.box.name, public)
        self.box.add_address("net", public)
        # Where a bridge asks nftables, which is a setting of the machine, packets to a neighbour would skip half the rules.
        self.box.run("sysctl", "-q", "-e", "-w", "net.bridge.bridge-nf-call-iptables=0")
        self.box.ip("link", "add", "lan", "type", "bridge")
        self.box.ip("link", "set", "lan", "up")
        self.box.add_address("lan", "192.168.1.1/24")
        self.devices = {}
        for number, name in enumerate(names):
            inside = Inside(f"192.168.1.{number + 2}", FIRST_MAPPED_PORT + number)
            self.translator.inside.append(inside)
            self.devices[name] = SharedDevice(lab, self, name, inside)
        lab.homes.update(self.devices)
        self.write_rules()

    def write_rules(self):
        """Writes or replaces the rules of the box, for the present addresses of the devices."""
        self.translator.write_rules(KINDS[self.kind])


class SharedDevice:
    """One device of a SharedHome, with the functions of a Home that Lab uses."""

    def __init__(self, lab, home, name, inside):
        self.home = home
        self.public = home.public
        self.inside = inside
        self.node = Node(lab, name)
        lab.ip("link", "add", name, "netns", home.box.name, "type", "veth", "peer", "lan", "netns", name)
        home.box.ip("link", "set", name, "up", "master", "lan")
        self.node.ip("link", "set", "lan", "up")
        self.node.add_address("lan", f"{inside.address}/24")
        self.node.ip("route", "add", "default", "via", "192.168.1.1")

    @property
    def address(self):
        return self.inside.address

    @property
    def addresses(self):
        return [self.inside.address]

    @property
    def mapped_port(self):
        return self.inside.mapped_port

    def has_ipv4(self):
        return True

    def outside(self):
        """As Home.outside."""
        port = self.home.translator.outside_port(KINDS[self.home.kind], self.inside)
        return f"{self.public}:{port}" if port else None

    def renumber(self, address):
        """Acts as a device that gets another lease."""
        self.node.ip("address", "del", f"{self.address}/24", "dev", "lan")
        self.node.add_address("lan", f"{address}/24")
        self.node.ip("route", "replace", "default", "via", "192.168.1.1")
        self.inside.address = address
        self.home.write_rules()
        self.home.box.run("conntrack", "-F")
