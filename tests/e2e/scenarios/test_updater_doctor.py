#!/usr/bin/python3
"""updater_doctor: finds nothing if all is well, and finds each planted fault, with a remedy.

The faults are planted one after the other on alice, on her NAT, at her resolver, in the zone above and on the public
host, which has two observation points beside its interface. Bob, whom she reaches, looks from outside at the same
time: he finds what concerns him too, and nothing of what is hers. Then metrics: the file is valid text, and counts.
"""

import concurrent.futures
import json
import os
import re
import tarfile
import time

from lab import lab
from lab.addresses import HOST, RESOLVERS, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.name_servers import DELEGATION
from lab.resolvers import start_resolver
from lab.wireguard import generate_private_keys, public_key_of
from test_doctor import process_named, publish_in_parent

SECOND_ADDRESS = "203.0.113.11"
POINT_PORT = 443
PRIVATE = ("10.9.0.1", "2001:db8:c")
LEVELS = ("ok", "warning", "problem")  # by exit code
WELL = (0, "ok own-record")  # bob's, where nothing of it is his
# A calm updater looks its own record up every 60 s ± 50 %, also after an answer that its key is not registered.
OWN_RECORD_LIMIT = 150
METRICS = RUN / "wg-alice.prom"
SAMPLE = re.compile(
    r'(wg_updater_[a-z_]+)\{interface="wg-alice"((?:,[a-z]+="[A-Za-z0-9_.+/=-]*")*)\} (\d+(\.\d+)?(e-?\d+)?)'
)


class Doctor:
    """wg-updater doctor on alice, and on bob."""

    def __init__(self, world):
        self.world = world
        self.count = 0
        self.beside = concurrent.futures.ThreadPoolExecutor(1)

    def look(self, *words, who="alice"):
        """Its exit code, and its findings as texts `level check text → remedy`."""
        done = self.world.homes[who].node.run(
            self.world.program("wg-updater"), "doctor", f"wg-{who}", "--json", *words, check=False, timeout=120
        )
        check(done.returncode in (0, 1, 2) and done.stdout, f"doctor: {done.returncode} {done.stderr}")
        seen = json.loads(done.stdout)
        for one in seen["findings"]:
            check(bool(one["remedy"]) == (one["level"] != "ok"), f"a remedy goes with what is wrong: {one}")
        check(seen["state"] == LEVELS[done.returncode] or (seen["state"], done.returncode) == ("note", 0), str(seen))
        check(seen["interface"] == f"wg-{who}" and seen["zone"].endswith(".org."), str(seen))
        return done.returncode, [" ".join(one[part] or "" for part in ("level", "check", "text", "remedy"))
                                 for one in seen["findings"]]  # fmt: skip

    def expect(self, fault, exit_code, finding, remedy="", words=(), limit=0, bob=None):
        """A finding begins with `finding`, and contains `remedy`, and the exit code is right, within `limit` seconds.
        `bob`: the exit code of his doctor, and the beginning of a finding."""
        looking = bob and self.beside.submit(self.wait_for, f"{fault}, by bob", *bob, "", limit, who="bob")
        self.wait_for(fault, exit_code, finding, remedy, limit, *words)
        if bob:
            looking.result()
        self.count += bool(exit_code)
        print(f"{fault}: exit code {exit_code}" + (f", bob's {bob[0]}" if bob else ""))

    def wait_for(self, fault, exit_code, finding, remedy, limit, *words, who="alice"):
        def found(seen):
            return any(text.startswith(finding) and remedy in text for text in seen[1])

        def is_right(seen):
            return found(seen) and seen[0] == exit_code

        seen = self.look(*words, who=who)
        deadline = time.monotonic() + limit
        while not is_right(seen) and time.monotonic() < deadline:
            seen = self.look(*words, who=who)
        shown = "\n".join(seen[1])
        check(found(seen), f"{fault}: no '{finding}' with '{remedy}' in\n{shown}")
        check(seen[0] == exit_code, f"{fault}: exit code {seen[0]}, not {exit_code}\n{shown}")


def prepare(world):
    """The host sees alice and bob by its interface; two points find out her NAT's kind."""
    world.serial = 2
    world.home("alice", "cone")
    world.home("bob", "cone")
    world.start_dns(("bind",))
    for name in ("alice", "bob"):
        use_resolver(world.homes[name].node, RESOLVERS["bind"][0])
    world.add_public_addresses(world.host, [SECOND_ADDRESS])
    world.wireguard()
    device = world.devices["alice"]
    peers = RUN / "peers.conf"
    peers.write_text(f"[Peer]\nPublicKey = {device.public_key}\nAllowedIPs = {TUNNEL['alice']}/32\n")
    points = [f"{address}:{POINT_PORT}" for address in (HOST, SECOND_ADDRESS)]
    observed = [word for place in points for word in ("--observe", place)]
    world.arguments = (*observed, "--peers-file", peers, "--publish-private")
    world.start_dnsd(*world.arguments)
    keys = world.host.output(world.program("wg-dnsd"), "pubkey", "--control", lab.CONTROL).split("\n")
    world.hubs = [world.devices["host"].public_key]
    for number, place in enumerate(points):
        key = next(line.split()[0] for line in keys if place in line)
        device.add_peer(key, f"10.77.9.{number}/32", place, 2)
        world.hubs.append(key)
    world.wait_until_host_sees_all()
    world.wait_until_published()
    world.words = [word for hub in world.hubs[1:] for word in ("--hub", hub)] + ["--metrics-file", METRICS]
    world.start_updater("alice", *world.words)
    world.start_updater("bob")
    wait_until(METRICS.exists, "the metrics are written")


def use_resolver(node, address):
    node.use_resolvers(address, options="timeout:2 attempts:1")


def plant_in_dns(world, doctor):
    alice = world.homes["alice"].node
    use_resolver(alice, "192.0.2.99")
    doctor.expect("no resolver", 2, "problem resolver this host's resolver fails", "/etc/resolv.conf", bob=WELL)
    use_resolver(alice, RESOLVERS["bind"][0])

    publish_in_parent(world, "", lambda text: "NXDOMAIN" in text)
    restart_resolver(world, "bind-strict", "bind")
    missing = f"problem delegation the resolver says that there is no {ZONE}."
    doctor.expect("no delegation", 2, missing, "add the records", bob=(2, missing))
    publish_in_parent(world, DELEGATION, lambda text: HOST in text)
    restart_resolver(world, "bind-strict", "bind")

    process_named(world, "wg-dnsd").stop()
    unserved = "problem zone the resolver works, but gets nothing"
    doctor.expect("a zone that nobody serves", 2, unserved, "wg-dnsd status", bob=(2, unserved))
    world.start_dnsd(*world.arguments)
    doctor.expect("served again", 0, "ok resolver", limit=60, bob=WELL)
    doctor.expect("another zone's name", 2, "problem delegation the resolver says that there is no gw.example.org.",
                  "check the zone's name", ["--zone", "gw.example.org", "--hub", world.hubs[0]])  # fmt: skip

    minimum = start_resolver(world.dns, "unbound", "minimum-ttl")
    use_resolver(alice, RESOLVERS["unbound"][0])
    doctor.expect("a minimum TTL", 1, "warning ttl the resolver keeps endpoints for 60 s or more", "cache-min-ttl: 0",
                  bob=WELL)  # fmt: skip
    minimum.stop()
    expired = start_resolver(world.dns, "unbound", "expired-first")
    doctor.expect("expired records first", 1, "warning ttl the resolver answers with an expired endpoint first",
                  "serve-expired: no", limit=20, bob=WELL)  # fmt: skip
    expired.stop()
    use_resolver(alice, RESOLVERS["dnsmasq"][0])
    start_resolver(world.dns, "unbound")
    minimum = start_resolver(world.dns, "dnsmasq", "minimum-ttl")
    doctor.expect("dnsmasq with a minimum TTL", 1, "warning ttl the resolver keeps endpoints for ", "min-cache-ttl",
                  bob=WELL)  # fmt: skip
    minimum.stop()

    plant_private_address(world)
    use_resolver(alice, RESOLVERS["unbound"][0])
    doctor.expect("rebind protection", 1, f"warning rebind the resolver hides private addresses: {PRIVATE[0]}",
                  "private-domain", bob=WELL)  # fmt: skip
    use_resolver(alice, RESOLVERS["bind"][0])
    world.devices["alice"].set("peer", world.devices["carol"].public_key, "remove")

    box = world.homes["alice"].box
    box.nft(
        "table ip intercept {\n chain prerouting {\n type nat hook prerouting priority dstnat;\n"
        f" iifname lan udp dport 53 dnat to {RESOLVERS['bind'][0]}\n }}\n}}\n"
    )
    doctor.expect("port 53 redirected", 1, f"warning port-53 something on the way answers in place of {HOST}",
                  "redirects port 53", bob=WELL)  # fmt: skip
    box.run("nft", "delete", "table", "ip", "intercept")


def restart_resolver(world, process, name):
    """Restarts the resolver with an empty cache."""
    process_named(world, process).stop()
    start_resolver(world.dns, name)


def plant_private_address(world):
    """Carol has a private address on the Internet, as in a CGNAT that she shares with the host."""
    carol = world.home("carol", "none", public=PRIVATE)
    device = lab.WireGuard(carol.node, "wg-carol", lab.generate_private_keys(1)[0], addresses=[f"{TUNNEL['carol']}/32"])
    world.devices["carol"] = device
    host = world.devices["host"]
    host.add_peer(device.public_key, f"{TUNNEL['carol']}/32")
    device.add_peer(host.public_key, f"{TUNNEL['host']}/32", f"{HOST}:{WIREGUARD_PORT}", 2)
    world.devices["alice"].add_peer(device.public_key, f"{TUNNEL['carol']}/32")
    wait_until(lambda: world.published("carol"), "carol is published")


def plant_in_wireguard(world, doctor):
    alice, host = world.devices["alice"], world.devices["host"]
    host.set("peer", alice.public_key, "remove")
    process_named(world, "wg-dnsd").stop()
    world.start_dnsd()
    doctor.expect("an unregistered key", 2, "problem own-record the public host does not know this host's key",
                  "add the peer there", limit=OWN_RECORD_LIMIT,
                  bob=(1, f"warning peers the public host does not know {alice.public_key}"))  # fmt: skip
    process_named(world, "wg-dnsd").stop()
    host.add_peer(alice.public_key, f"{TUNNEL['alice']}/32")
    world.start_dnsd(*world.arguments)
    alice.set("peer", host.public_key, "persistent-keepalive", 2)
    doctor.expect("registered again", 0, "ok own-record the world sees this host at", limit=OWN_RECORD_LIMIT)

    world.homes["alice"].kind = "symmetric"
    world.homes["alice"].forget_mappings()
    doctor.expect("a symmetric NAT", 1, "warning nat the NAT here is symmetric", "IPv6", limit=OWN_RECORD_LIMIT)
    world.homes["alice"].kind = "cone"
    world.homes["alice"].forget_mappings()

    plant_in_peers(world, doctor)

    state = RUN / "updater-alice.json"
    wait_until(state.exists, "the updater has saved its state")
    tomorrow = time.time() + 86400
    os.utime(state, (tomorrow, tomorrow))
    doctor.expect("a clock that fell back by a day", 2, "problem clock this host's clock is behind", "NTP")
    os.utime(state)

    read_metrics(world)
    world.updaters["alice"].stop()
    gone = world.homes["alice"].node.run(world.program("wg-updater"), "doctor", "wg-alice", check=False)
    check(gone.returncode == 2 and "no wg-updater answers" in gone.stderr, f"no daemon: {gone}")
    gone = world.homes["alice"].node.run(
        world.program("wg-updater"), "doctor", "wg-gone", "--zone", ZONE, "--hub", host.public_key, check=False
    )
    check(gone.returncode == 2 and "wg-gone" in gone.stderr, f"no such interface: {gone}")
    print(f"no daemon, no such interface: exit code 2: {gone.stderr.strip()}")
    words = ["--zone", ZONE, *(word for hub in world.hubs for word in ("--hub", hub))]
    alice.set("peer", host.public_key, "persistent-keepalive", 0)
    doctor.expect("no keepalive", 2, "problem keepalive no keepalive goes to the public host",
                  "PersistentKeepalive = 25", words)  # fmt: skip
    alice.set("peer", host.public_key, "persistent-keepalive", 120)
    doctor.expect("a long keepalive", 1, "warning keepalive a keepalive goes to the public host every 120 s only",
                  "PersistentKeepalive = 25", words)  # fmt: skip
    alice.set("peer", host.public_key, "persistent-keepalive", 25)


def plant_in_peers(world, doctor):
    """Peers of alice alone: bob finds nothing."""
    alice, host = world.devices["alice"], world.devices["host"]
    bob = world.devices["bob"].public_key
    dave, erin = (public_key_of(key) for key in generate_private_keys(2))
    host.add_peer(dave, f"{TUNNEL['peer1']}/32")
    alice.add_peer(dave, f"{TUNNEL['peer1']}/32")
    doctor.expect("a peer that is switched off", 1,
                  f"warning reach {dave} is not reachable: the public host has not seen it",
                  f"wg-updater why wg-alice {dave}", limit=60, bob=WELL)  # fmt: skip
    alice.set("peer", dave, "remove")
    alice.add_peer(erin, f"{TUNNEL['peer2']}/32")
    doctor.expect("a peer that nobody knows", 1, f"warning peers the public host does not know {erin}",
                  "add the peer there", limit=60, bob=WELL)  # fmt: skip
    alice.set("peer", erin, "allowed-ips", f"{TUNNEL['bob']}/32")
    doctor.expect("allowed-ips taken from bob", 1, f"warning allowed-ips {bob} has no AllowedIPs", "the last one",
                  bob=WELL)  # fmt: skip
    alice.set("peer", erin, "remove")
    alice.set("peer", bob, "allowed-ips", f"{TUNNEL['bob']}/32")


def read_metrics(world):
    """Each line is a sample or a comment of one family; each family appears once, and events are counted."""
    text = METRICS.read_text()
    samples, families, family = {}, [], None
    check(text.endswith("\n"), "the last line does not end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            check(family not in families and len(line.split()) > 3, f"again, or without help: {line}")
            families.append(family)
            continue
        if line.startswith("# TYPE "):
            check(line.split()[2] == family and line.split()[3] in ("counter", "gauge", "histogram"), line)
            continue
        match = SAMPLE.fullmatch(line)
        check(match and match[1].startswith(family), f"no sample of {family}: {line}")
        name = match[1] + match[2]
        check(name not in samples, f"twice: {name}")
        samples[name] = float(match[3])
    for family in {name.split("_bucket")[0] for name in samples if "_bucket" in name}:
        buckets = [value for name, value in samples.items() if name.startswith(f"{family}_bucket")]
        check(buckets == sorted(buckets) and buckets[-1] == samples[f"{family}_count"], f"{family}: {buckets}")
    check(samples["wg_updater_time_to_direct_seconds_count"] > 0, "bob is reached, and not counted")
    check(samples['wg_updater_lookups_total,result="ok"'] > 0, f"no look-up: {samples}")
    bob = world.devices["bob"].public_key
    check(f'wg_updater_peer_reached,peer="{bob}",name=""' in samples, f"bob: {samples}")
    check(samples['wg_updater_peers,state="hub"'] == 3, f"the hubs: {samples}")
    check(sum(value for name, value in samples.items() if "no_such_name" in name or "server_failure" in name) > 0,
          f"no failure is counted: {samples}")  # fmt: skip
    check(oct(METRICS.stat().st_mode & 0o777) == "0o644", "the collector may not read it")
    check(not list(METRICS.parent.glob(f"{METRICS.name}.*")), "a half-written file stays")
    print(f"metrics: {len(samples)} samples of {len(families)} families")


def look_into_bundle(world):
    """It has what the commands print, without whole keys, and without addresses where that is asked for."""
    keys = [device.public_key for device in world.devices.values()]
    for masked in (False, True):
        file = RUN / f"bundle-{masked}.tar"
        words = ["doctor", "wg-alice", "--bundle", file, *(["--mask-addresses"] if masked else [])]
        world.homes["alice"].node.output(world.program("wg-updater"), *words)
        with tarfile.open(file) as tar:
            texts = {member.name: tar.extractfile(member).read().decode() for member in tar.getmembers()}
        check({"versions.txt", "doctor.txt", "config.yaml", "status.txt", "status.json"} <= set(texts), str(set(texts)))
        stories = [name for name in texts if name.startswith("why/")]
        check(len(stories) == len(json.loads(texts["status.json"])["peers"]), f"stories: {stories}")
        check("interfaces:" in texts["config.yaml"] and "ENDPOINT" in texts["status.txt"], texts["config.yaml"])
        whole = "".join(texts.values())
        check(not any(key in whole for key in keys), "the bundle has a whole key")
        check((HOST in whole) != masked, f"the host's address, masked: {masked}")
        check(oct(file.stat().st_mode & 0o777) == "0o600", "others may read the bundle")
    print(f"bundle: {len(texts)} files")


def scenario(world):
    prepare(world)
    doctor = Doctor(world)
    doctor.expect("nothing wrong", 0, "ok reach every peer", limit=60, bob=(0, "ok reach every peer"))
    doctor.expect("nothing wrong", 0, "ok port-53")
    doctor.expect("nothing wrong", 0, "ok own-record the world sees this host at", "changes port")
    text = world.homes["alice"].node.output(world.program("wg-updater"), "doctor", "wg-alice")
    print(text)
    look_into_bundle(world)
    plant_in_dns(world, doctor)
    plant_in_wireguard(world, doctor)
    print(f"{doctor.count} faults found")
    check(doctor.count >= 16, "fewer than sixteen")


if __name__ == "__main__":
    lab.main(scenario)
