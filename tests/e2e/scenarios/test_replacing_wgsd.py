#!/usr/bin/python3
"""replacing_wgsd: the example of that name beside real WireGuard, and each command of wgsd's README.

The list, the question for an entry of it and the key of its label; `self` with and without its words; a peer without an
endpoint; and the client's command, once on alice and once on bob, who then reach each other. The answers are those of the
README up to the differences that the example lists.
"""

import re

from lab import lab
from lab.addresses import HOST, HOST6, TUNNEL, WIREGUARD_PORT
from lab.checks import check, wait_until
from lab.command_line import ROOT
from lab.containment import RUN
from lab.wireguard import base32_of, public_key_of, wg

EXAMPLE = ROOT / "config/examples/replacing-wgsd/wg-dnsd.yaml"
ZONE, PORT = "example.com.", 5353
LIST = f"_wireguard._udp.{ZONE}"
SELF = "192.0.2.1:51820", "10.0.0.254/32"


def start(world, more=""):
    """wg-dnsd with the example's file, for the host's interface and on the README's port."""
    text = EXAMPLE.read_text()
    check("\ninterface: wg0\n" in text and "\nzone: example.com\n" in text, "the example is another one")
    config = RUN / "wgsd.yaml"
    config.write_text(text.replace("interface: wg0", "interface: wg-host") + f"listen: {HOST}:{PORT}\n{more}")
    process = world.host.start(world.program("wg-dnsd"), "--config", config, "--state-dir", RUN / "wgsd",
                               "--control", RUN / "wgsd.sock", name="wg-dnsd")  # fmt: skip
    wait_until(lambda: ask(world, ZONE, "SOA"), "wg-dnsd answers")
    return process


def ask(world, name, kind):
    """The README's `dig @SERVER -p PORT NAME TYPE +noall +answer +additional`: [(owner, TTL, type, data)]."""
    words = ("dig", f"@{HOST}", "-p", PORT, "+time=2", "+tries=1", name, kind, "+noall", "+answer", "+additional")
    lines = world.internet.run(*words, check=False).stdout.splitlines()
    rows = [line.split(None, 4) for line in lines if line and not line.startswith(";")]
    return [(owner, int(ttl), kind, data) for owner, ttl, _, kind, data in rows]


def key_of(world, instance):
    """The README's line: the key of a label, by coreutils."""
    line = f"echo {instance.split('.')[0]} | tr '[:lower:]' '[:upper:]' | base32 -d | base64"
    return world.internet.output("sh", "-c", line).strip()


def name_of(key):
    return f"{base32_of(key)}====.{LIST}"


def places(world, key):
    """What the README's question for a peer finds: (endpoints, allowed). The first pair is the one that clients take."""
    name = name_of(key)
    rows = ask(world, name, "SRV")
    kinds = [kind for _, _, kind, _ in rows]
    count = kinds.count("SRV")
    if not count:
        return [], None
    check(kinds[:count] == ["SRV"] * count and kinds[2 * count :] == ["TXT"], f"records about {name}: {rows}")
    found = []
    for (owner, _, _, srv), (target, _, kind, address) in zip(rows[:count], rows[count:]):
        priority, weight, port, pointed = srv.split()
        check(owner == name and pointed == target, f"names in the answer for {name}: {rows}")
        check((priority, weight) == ({"A": "10", "AAAA": "0"}[kind], "0"), f"priority and weight: {srv}")
        found.append(f"{address}:{port}" if kind == "A" else f"[{address}]:{port}")
    *_, (text_owner, _, _, text) = rows
    strings = re.findall(r'"([^"]*)"', text)
    check(text_owner == name and strings[:2] == ["txtvers=1", f"pub={key}"], f"TXT: {text_owner} {text}")
    return found, next((one.removeprefix("allowed=") for one in strings if one.startswith("allowed=")), None)


def questions(world, silent):
    """Of the README, with `self` alone: the host's own key is at the address that is asked."""
    host = world.devices["host"]
    rows = ask(world, LIST, "PTR")
    check({(owner, kind) for owner, _, kind, _ in rows} == {(LIST, "PTR")}, f"the list: {rows}")
    listed = [data for *_, data in rows]
    check(all(re.fullmatch(rf"[a-z2-7]{{52}}====\.{re.escape(LIST)}", name) for name in listed), f"the list: {listed}")
    known = {*world.host.output("wg", "show", "wg-host", "peers").split(), host.public_key}
    found = {key_of(world, name) for name in listed}
    check(found == known - {silent}, f"the list has other keys than the interface: {listed}")
    found = {key: places(world, key) for key in known}
    expected = {world.devices[name].public_key: ([world.place_of(name)], f"{TUNNEL[name]}/32") for name in world.homes}
    expected[host.public_key] = ([f"{HOST}:{WIREGUARD_PORT}", f"[{HOST6}]:{WIREGUARD_PORT}"], None)
    expected[silent] = ([], None)
    check(found == expected, f"found {found}, expected {expected}")
    check([kind for _, _, kind, _ in ask(world, name_of(silent), "TXT")] == ["TXT"], "a peer without an endpoint has its TXT")
    print(f"{len(listed)} peers: list, SRV with A and TXT, keys of labels")


def client_command(world, name):
    return [world.program("wg-updater"), "--state", RUN / f"wgsd-{name}.json"]


def run_clients(world):
    """The client's command, as cron would run it on both."""
    started = []
    for name, home in world.homes.items():
        words = ("-device", f"wg-{name}", "-dns", f"{HOST}:{PORT}", "-zone", ZONE.rstrip("."))
        started.append(home.node.start(*client_command(world, name), *words, name=f"client-{name}"))
    for process in started:
        check(process.wait() == 0, f"{process.name}: {process.text()}")
    reached = lambda: world.homes["alice"].node.run("ping", "-c", "1", "-W", "1", TUNNEL["bob"], check=False)
    wait_until(lambda: reached().returncode == 0, "alice reaches bob")
    for name, other in (("alice", "bob"), ("bob", "alice")):
        seen = world.devices[name].endpoint_of(world.devices[other].public_key)
        check(seen == world.place_of(other), f"{name} has {other} at {seen}")
        hub = world.devices[name].endpoint_of(world.devices["host"].public_key)
        check(hub == f"{HOST}:{WIREGUARD_PORT}", f"{name}'s way to the host was changed to {hub}")
    print("the client's command, once on each: alice and bob are direct")


def scenario(world):
    world.home("alice", "cone")
    world.home("bob", "cone")
    world.wireguard()
    world.wait_until_host_sees_all()
    silent = public_key_of(wg("genkey"))
    world.devices["host"].add_peer(silent, "10.77.0.9/32")
    process = start(world)
    names = [world.devices[name].public_key for name in world.homes]
    wait_until(lambda: all(places(world, key)[0] for key in names), "both are published")
    questions(world, silent)
    run_clients(world)

    process.stop()
    key = world.devices["host"].public_key
    start(world, f"peers:\n  - public-key: {key}\n    endpoint: {SELF[0]}\n    allowed-ips: {SELF[1]}\n")
    wait_until(lambda: (places(world, key)[0] or [None])[0] == SELF[0], "self, with an endpoint")
    check(places(world, key)[1] == SELF[1], "self, with allowed-ips")
    print("self ENDPOINT ALLOWED-IPS")


if __name__ == "__main__":
    lab.main(scenario)
