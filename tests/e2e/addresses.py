"""Every fixed name and address of the laboratory; all of them are reserved for documentation or private use."""

PARENT = "example.org"
ZONE = "wg.example.org"
HOST = "203.0.113.10"
HOST6 = "2001:db8:113::10"
ROOT_SERVER, ROOT_SERVER6 = "192.0.2.1", "2001:db8::1"
ORG_SERVER, ORG_SERVER6 = "192.0.2.2", "2001:db8::2"
PARENT_SERVER, PARENT_SERVER6 = "192.0.2.3", "2001:db8::3"
RESOLVERS = {"unbound": ("192.0.2.11", "2001:db8::11"), "bind": ("192.0.2.12", "2001:db8::12")}
ASKER, ASKER6 = "192.0.2.254", "2001:db8::fe"
TUNNEL = {"host": "10.77.0.1", "alice": "10.77.0.2", "bob": "10.77.0.3"}
WIREGUARD_PORT = 51820
