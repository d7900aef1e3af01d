#!/usr/bin/python3
"""doctor: finds nothing if all is well, and each planted fault, on the public host and from another machine.

Through a real parent zone and resolver. What cannot be seen from where it looks is said, and is no fault: from the
host, a firewall in front of it; from another machine, the daemon's interfaces and peers.
"""

import concurrent.futures
import contextlib
import json
import shutil
import signal
import socket
import threading

from lab import lab
from lab.addresses import HOST, HOST6, PARENT, PARENT_SERVER, RESOLVERS, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.lab import CONTROL, NAME_SERVERS
from lab.name_servers import DELEGATION, PARENT_ZONE, SOA, start_nsd, wait_for_answer
from lab.resolvers import start_resolver
from lab.wireguard import KEEPALIVE, generate_private_keys, public_key_of

LEVELS = ("ok", "warning", "problem")  # by exit code
NOT_TESTED = f"note outside {HOST}, {HOST6}: ok from this host; outside not tested"
NOT_ASKED = "note daemon not asked: its interfaces and its peers are not judged"


class Doctor:
    """wg-dnsd doctor on the public host, and on another machine that has the program and no daemon."""

    def __init__(self, world):
        self.world = world
        self.count = 0
        self.beside = concurrent.futures.ThreadPoolExecutor(1)

    def look(self, node, *words):
        """Its exit code, and its findings as texts `level check text → remedy`."""
        done = node.run(self.world.program("wg-dnsd"), "doctor", "--json", *words, check=False, timeout=120)
        check(done.returncode in (0, 1, 2) and done.stdout, f"doctor: {done.returncode} {done.stderr}")
        seen = json.loads(done.stdout)
        texts = [f"{one['level']} {one['check']} {one['text']} → {one['remedy']}" for one in seen["findings"]]
        for one in seen["findings"]:
            check(bool(one["remedy"]) == (one["level"] != "ok"), f"a remedy goes with what is wrong: {one}")
        check(seen["state"] == LEVELS[done.returncode] or (seen["state"], done.returncode) == ("note", 0), str(seen))
        return done.returncode, texts

    def here(self):
        return self.look(self.world.host, "--control", CONTROL)

    def elsewhere(self):
        return self.look(self.world.internet, "--zone", ZONE)

    def expect(self, fault, here, outside):
        """Looks from both sides at once. `here`, `outside`: the exit code, and what findings begin with or contain."""
        looking = self.beside.submit(self.elsewhere)
        for where, expected, seen in (("on the host", here, self.here()), ("outside", outside, looking.result())):
            judge(f"{fault}, {where}", expected, seen)
        self.count += 1
        print(f"{fault}: exit code {here[0]} on the host, {outside[0]} outside")


def judge(what, expected, seen):
    code, texts = seen
    shown = "\n".join(texts)
    for part in expected[1:]:
        check(any(part in text for text in texts), f"{what}: no '{part}' in\n{shown}")
    check(code == expected[0], f"{what}: exit code {code}, not {expected[0]}\n{shown}")


def publish_in_parent(world, delegation, expected):
    """Publishes other records for ZONE in the parent zone; returns when NSD answers as expected."""
    (RUN / "nsd-parent" / "0.zone").write_text(PARENT_ZONE.replace(" 1 3600 ", f" {world.serial} 3600 ") + delegation)
    world.serial += 1
    process_named(world, "nsd-parent").signal(signal.SIGHUP)
    question = ("dig", "+norecurse", f"@{PARENT_SERVER}", "NS", ZONE)
    wait_until(lambda: expected(world.dns.output(*question)), "the parent zone has changed")


def process_named(world, name):
    return next(process for process in world.processes if process.name == name and process.is_running())


@contextlib.contextmanager
def dropped(node, what):
    """What arrives at the node over IPv4 and matches is dropped: a test does not wait for both families."""
    node.nft(
        "table inet fault {\n chain input {\n type filter hook input priority 0;\n"
        f" meta nfproto ipv4 {what} drop\n }}\n}}\n"
    )
    yield
    node.run("nft", "delete", "table", "inet", "fault")


@contextlib.contextmanager
def other_daemon(world, address, *arguments):
    """A wg-dnsd with another address of its own."""
    name_servers = NAME_SERVERS if address == HOST else (NAME_SERVERS[0], f"ns1.{ZONE}={address}")
    process = world.start_dnsd(*arguments, name=f"wg-dnsd-{address}", name_servers=name_servers)
    yield
    process.stop()


def plant_in_firewall(world, doctor):
    udp = f"problem udp {HOST} over UDP does not answer: nothing comes back"
    tcp = f"problem tcp {HOST} over TCP does not answer: nothing comes back"
    alone = f"note outside {HOST6}: ok from this host"
    with dropped(world.host, "tcp dport 53"):
        doctor.expect("TCP blocked", (2, tcp, alone), (2, tcp))
    with dropped(world.host, "iifname net tcp dport 53"):
        doctor.expect("TCP blocked from outside", (0, NOT_TESTED), (2, tcp))
    with dropped(world.host, "udp dport 53"):
        doctor.expect("UDP blocked", (2, udp, alone), (2, udp))
    with dropped(world.host, "iifname net udp dport 53"):
        doctor.expect("UDP blocked from outside", (0, NOT_TESTED), (2, udp))


def plant_in_parent(world, doctor):
    def publish(fault, delegation, expected, findings):
        publish_in_parent(world, delegation, expected)
        doctor.expect(fault, findings, findings)

    wrong = DELEGATION.replace(HOST, "203.0.113.66")
    publish("wrong glue", wrong, lambda text: "203.0.113.66" in text,
            (2, f"problem glue {PARENT}. says that ns1.{ZONE}. is at 203.0.113.66; it is at {HOST}"))  # fmt: skip
    half = "".join(line for line in DELEGATION.splitlines(True) if "AAAA" not in line)
    publish("half of the glue", half, lambda text: HOST in text and HOST6 not in text,
            (1, f"warning glue {PARENT}. does not say that ns1.{ZONE}. is also at {HOST6}"))  # fmt: skip
    publish("no glue", f"{ZONE}. IN NS ns1.{ZONE}.\n", lambda text: HOST not in text,
            (2, f"problem glue {PARENT}. names ns1.{ZONE}. without an address"))  # fmt: skip
    other = f"problem delegation {PARENT}. delegates {ZONE}. to ns9.{ZONE}.; the zone itself names ns1.{ZONE}."
    publish("another name server", DELEGATION.replace("ns1", "ns9"), lambda text: "ns9" in text and HOST in text,
            (2, other))  # fmt: skip
    publish("no delegation", "", lambda text: "NXDOMAIN" in text,
            (2, f"problem delegation {PARENT}. does not delegate {ZONE}."))  # fmt: skip
    publish_in_parent(world, DELEGATION, lambda text: HOST in text and "ns1" in text)


def plant_in_resolver(world, doctor):
    process_named(world, "unbound-strict").stop()
    minimum = start_resolver(world.dns, "unbound", "minimum-ttl")
    said = "warning ttl this host's resolver keeps endpoints for 60 s or more; the zone says 1 s"
    findings = (1, said, "min-cache-ttl")
    doctor.expect("a minimum TTL", findings, findings)
    minimum.stop()
    expired = start_resolver(world.dns, "unbound", "expired-first")
    findings = (1, "warning ttl this host's resolver answers with an expired endpoint first", "serve-expired: no")
    doctor.expect("expired records first", findings, findings)
    expired.stop()
    none = (2, "problem resolver this host's resolver fails")
    doctor.expect("no resolver", none, none)
    start_resolver(world.dns, "unbound")
    # It keeps the addresses and SRV records that it has passed on, and no TXT: the daemon's key is needed to see it.
    minimum = start_resolver(world.dns, "dnsmasq", "minimum-ttl")
    for node in (world.host, world.internet):
        node.use_resolvers(RESOLVERS["dnsmasq"][0], options="timeout:2 attempts:1")
    kept = "warning ttl this host's resolver keeps endpoints for "
    doctor.expect("dnsmasq with a minimum TTL", (1, kept, "min-cache-ttl"), (0, "ok ttl"))
    minimum.stop()
    for node in (world.host, world.internet):
        node.use_resolvers(RESOLVERS["unbound"][0], options="timeout:2 attempts:1")


def plant_in_peers(world, doctor):
    """Peers and interfaces are the daemon's: from outside nothing is wrong."""
    device, alice = world.devices["host"], world.devices["alice"]
    wait_until(lambda: "warning keepalive" in "\n".join(doctor.here()[1]), "alice is found to be silent", interval=1)
    doctor.expect("no keepalive", (1, f"warning keepalive {alice.public_key} has been silent for ", "by wg-host"),
                  (0, NOT_ASKED))  # fmt: skip
    alice.set("peer", device.public_key, "persistent-keepalive", KEEPALIVE)

    carol = public_key_of(generate_private_keys(1)[0])
    device.add_peer(carol, f"{TUNNEL['carol']}/32")
    unseen = "warning peers 1 of 2 registered peers were never seen"
    wait_until(lambda: unseen in "\n".join(doctor.here()[1]), "carol is registered")
    doctor.expect("a peer that never came", (1, unseen), (0, NOT_ASKED))
    device.set("peer", carol, "remove")
    device.configured.pop(carol)

    device.stop()
    gone = "warning daemon wg-host"
    wait_until(lambda: gone in "\n".join(doctor.here()[1]), "the interface is missed")
    doctor.expect("the interface is gone", (1, gone), (0, NOT_ASKED))

    process_named(world, "wg-dnsd").stop()
    shutil.rmtree(RUN / "state")
    (RUN / "state/state.db").mkdir(parents=True)
    daemon = world.start_dnsd()
    lost = f"warning daemon nothing is saved in {RUN}/state: endpoints and the serial are lost at a restart"
    doctor.expect("a state folder that cannot be used", (1, lost), (0, NOT_ASKED))
    daemon.stop()
    shutil.rmtree(RUN / "state")
    with dropped(world.host, f"iifname net udp dport {WIREGUARD_PORT}"):
        device.start()
        daemon = world.start_dnsd()
        doctor.expect("WireGuard's port blocked from outside",
                      (1, "warning peers 1 of 1 registered peers were never seen", "is the UDP port of WireGuard"),
                      (0, NOT_ASKED))  # fmt: skip
        daemon.stop()


def plant_in_addresses(world, doctor):
    """Each with a wg-dnsd of its own."""
    private = "problem address 10.1.2.3, the address of"
    with other_daemon(world, "10.1.2.3"):
        doctor.expect("a private address", (2, private), (2, private, f"is at {HOST}, {HOST6}; it is at 10.1.2.3"))
    exposed = f"warning private strangers reach the private listener {HOST}:5353"
    with other_daemon(world, HOST, "--listen-private", f"{HOST}:5353"):
        doctor.expect("a private listener on a public address", (1, exposed), (0, NOT_ASKED))
    with other_daemon(world, "203.0.113.99"):
        doctor.expect("1:1 NAT", (2, "note address 203.0.113.99, the address of", "warning udp 203.0.113.99 over UDP"),
                      (2, f"problem glue {PARENT}. says", f"is at {HOST}, {HOST6}; it is at 203.0.113.99"))  # fmt: skip

    zone = f"$TTL 60\n@ {SOA}\n@ IN NS ns.nic.example.\n"
    foreign = start_nsd(world.host, "foreign", {"elsewhere.example": zone}, (HOST,))
    process = world.host.start(
        world.program("wg-dnsd"), "--zone", ZONE, "--interface", "wg-host", "--listen", f"[{HOST6}]", *NAME_SERVERS,
        "--state-dir", RUN / "state", "--control", CONTROL, name="wg-dnsd-beside",
    )  # fmt: skip
    wait_for_answer(world.internet, HOST6, ZONE, "SOA")
    answers = f"problem udp {HOST} over UDP answers REFUSED, without authority, for {ZONE}."
    doctor.expect("another server on port 53", (2, answers, f"warning address {HOST}, the address of"), (2, answers))
    process.stop()
    foreign.stop()


def plant_at_socket(world, doctor):
    def fails(fault, said, *words):
        done = world.host.run(world.program("wg-dnsd"), "doctor", *words, check=False)
        check(done.returncode == 2 and said in done.stderr, f"{fault}: {done.returncode} {done.stderr}")
        doctor.count += 1
        print(f"{fault}: exit code 2: {done.stderr.strip()}")

    fails("no daemon", "no wg-dnsd answers", "--control", CONTROL)
    judge("no daemon, outside", (2, f"problem udp {HOST} over UDP does not answer: nobody listens"), doctor.elsewhere())
    place = RUN / "other.control"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place))
        other.listen()
        threading.Thread(target=lambda: other.accept()[0].sendall(b"220 mail ready\r\n"), daemon=True).start()
        fails("another program's socket", "wg-dnsd: ", "--control", place)
    fails("a zone that is misspelt", "'wg..example.org' is no zone", "--zone", "wg..example.org")
    judge("another zone's name", (2, f"problem delegation {PARENT}. does not delegate gw.{PARENT}."),
          doctor.look(world.internet, "--zone", f"gw.{PARENT}"))  # fmt: skip


def scenario(world):
    world.serial = 2
    world.home("alice", "cone")
    world.start_dns(("unbound",))
    for node in (world.host, world.internet):
        node.use_resolvers(RESOLVERS["unbound"][0], options="timeout:2 attempts:1")
    world.wireguard()
    world.start_dnsd()
    world.wait_until_host_sees_all()
    world.wait_until_published()
    doctor = Doctor(world)

    answers = [f"ok answers {address} answers over UDP and TCP" for address in (HOST, HOST6)]
    found = (f"ok delegation {PARENT}. delegates {ZONE}. to ns1.{ZONE}.", *answers, "ok resolver", "ok ttl")
    doctor.expect(
        "nothing wrong", (0, *found, NOT_TESTED, f"wg-dnsd doctor --zone {ZONE}", "ok peers 1 registered, 1 heard"),
        (0, *found, NOT_ASKED),
    )  # fmt: skip
    check("outside not tested" not in "\n".join(doctor.elsewhere()[1]), "another machine is outside")
    text = world.host.output(world.program("wg-dnsd"), "doctor", "--control", CONTROL)
    check(text.startswith(f"For the parent zone:\n\n{ZONE}.\t3600\tIN\tNS\tns1.{ZONE}.\n"), text)
    doctor.count = 0

    # From now on alice is silent: plant_in_peers expects it.
    world.devices["alice"].set("peer", world.devices["host"].public_key, "persistent-keepalive", 0)
    plant_in_firewall(world, doctor)
    plant_in_parent(world, doctor)
    plant_in_resolver(world, doctor)
    plant_in_peers(world, doctor)
    plant_in_addresses(world, doctor)
    plant_at_socket(world, doctor)
    print(f"{doctor.count} faults found")
    check(doctor.count >= 16, "fewer than sixteen")


if __name__ == "__main__":
    lab.main(scenario)
