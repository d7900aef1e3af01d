"""Every fixed name and address of the laboratory. All but ORDINARY are reserved for documentation or private use."""

PARENT = "example.org"
ZONE = "wg.example.org"
HOST = "203.0.113.10"
HOST6 = "2001:db8:113::10"
ROOT_SERVER, ROOT_SERVER6 = "192.0.2.1", "2001:db8::1"
ORG_SERVER, ORG_SERVER6 = "192.0.2.2", "2001:db8::2"
PARENT_SERVER, PARENT_SERVER6 = "192.0.2.3", "2001:db8::3"
RESOLVERS = {
    "unbound": ("192.0.2.11", "2001:db8::11"),
    "bind": ("192.0.2.12", "2001:db8::12"),
    "kresd": ("192.0.2.13", "2001:db8::13"),
    "pdns": ("192.0.2.14", "2001:db8::14"),
    "dnsmasq": ("192.0.2.15", "2001:db8::15"),
}
ASKER, ASKER6 = "192.0.2.254", "2001:db8::fe"
FLEET = {f"peer{number}": f"10.77.2.{number}" for number in range(1, 41)}
TUNNEL = {"host": "10.77.0.1", "alice": "10.77.0.2", "bob": "10.77.0.3", "carol": "10.77.0.4", **FLEET}
WIREGUARD_PORT = 51820

# For programs that refuse reserved addresses: an IPv4 address and an IPv6 prefix that only the laboratory routes.
ORDINARY = ("45.0.0.1", "2a0a:1:2:3")
