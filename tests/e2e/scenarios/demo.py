#!/usr/bin/python3
"""demo: watch two real WireGuard peers behind two real NATs get a direct tunnel because of a DNS answer."""

from lab import lab
from lab.addresses import HOST, PARENT, PARENT_SERVER, TUNNEL, ZONE
from lab.node import Pings


def title(text):
    print(f"\n== {text}")


def show(text):
    for line in text.strip().splitlines():
        print(f"   {line}".rstrip())


def demonstrate(world):
    title("A small Internet: alice and bob, each behind a NAT that drops what nobody asked for; a public host; DNS")
    world.home("alice", "cone")
    world.home("bob", "cone")
    world.start_dns(resolvers=("unbound",))
    world.use_resolver("unbound")
    alice, bob = world.homes["alice"], world.homes["bob"]
    show(
        f"alice {alice.addresses[0]} behind {alice.public}; bob {bob.addresses[0]} behind {bob.public}; host {HOST}\n"
        f"root, org and {PARENT} are served by NSD; both peers ask unbound"
    )

    title(f"The parent zone {PARENT} delegates {ZONE} to the host: these records are all it needs")
    show(world.dns.output("dig", f"@{PARENT_SERVER}", "+norecurse", "+noall", "+authority", "+additional", ZONE, "NS"))

    title("WireGuard on all three; each peer keeps a tunnel to the host, and knows the other only by key")
    devices = world.wireguard()
    show(alice.node.output("wg", "showconf", "wg-alice").replace(devices["alice"].private_key, "(hidden)"))
    world.wait_until_host_sees_all()

    title("What the host sees: both NATs, and the ports that they chose (wg show wg-host endpoints)")
    show(world.host.output("wg", "show", "wg-host", "endpoints"))

    title("wg-dnsd on the host answers with just that: bob's record, asked by alice through unbound (dig)")
    world.start_dnsd()
    world.wait_until_published()
    show(alice.node.output("dig", "+noall", "+answer", world.service_name("bob"), "SRV"))
    below = f"{bob.public.replace('.', '-')}.{world.label('bob')}.{ZONE}"
    show(alice.node.output("dig", "+noall", "+answer", below, "A"))

    title("wg-updater on alice and on bob; what they do, and why")
    started = world.start_updaters()
    world.wait_for_direct_handshake()
    pings = Pings(alice.node, TUNNEL["bob"], count=3)
    seconds = pings.wait_for_reply() - started
    pings.process.wait()
    for name in world.homes:
        show("\n".join(f"{name}: {line}" for line in world.updaters[name].text().splitlines()))

    title("alice pings bob through the tunnel; nothing is relayed, the host has no route between them")
    show(pings.process.text())
    show(alice.node.output("wg", "show", "wg-alice", "endpoints"))
    title(f"Direct tunnel {seconds:.1f} s after the updaters started.")


if __name__ == "__main__":
    lab.main(demonstrate)
