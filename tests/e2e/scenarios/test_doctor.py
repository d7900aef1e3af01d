#!/usr/bin/python3
"""doctor: finds nothing if all is well, and finds each planted fault, through a real parent zone and resolver."""

import json
import signal

from lab import lab
from lab.addresses import HOST, HOST6, PARENT, PARENT_SERVER, RESOLVERS, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.lab import CONTROL, NAME_SERVERS
from lab.name_servers import DELEGATION, PARENT_ZONE
from lab.resolvers import start_resolver
from lab.wireguard import KEEPALIVE

LEVELS = ("ok", "warning", "problem")  # by exit code


class Doctor:
    """wg-dnsd doctor on the public host, and on another machine that has the program and no daemon."""

    def __init__(self, world):
        self.world = world

    def look(self, node, *words):
        """Its exit code, and its findings as texts `level check text`."""
        done = node.run(self.world.program("wg-dnsd"), "doctor", "--json", *words, check=False, timeout=120)
        check(done.returncode in (0, 1, 2) and done.stdout, f"doctor: {done.returncode} {done.stderr}")
        seen = json.loads(done.stdout)
        texts = [f"{one['level']} {one['check']} {one['text']}" for one in seen["findings"]]
        for one in seen["findings"]:
            check(bool(one["remedy"]) == (one["level"] != "ok"), f"a remedy goes with what is wrong: {one}")
        check(seen["state"] == LEVELS[done.returncode] or (seen["state"], done.returncode) == ("note", 0), str(seen))
        return done.returncode, texts

    def here(self):
        return self.look(self.world.host, "--control", CONTROL)

    def elsewhere(self):
        return self.look(self.world.internet, "--zone", ZONE)

    def expect(self, fault, exit_code, *parts, look=None):
        code, texts = (look or self.here)()
        shown = "\n".join(texts)
        for part in parts:
            check(any(part in text for text in texts), f"{fault}: no '{part}' in\n{shown}")
        check(code == exit_code, f"{fault}: exit code {code}, not {exit_code}\n{shown}")
        print(f"{fault}: said so, exit code {code}")


def publish_in_parent(world, delegation, expected):
    """Publishes other records for ZONE in the parent zone; returns when NSD answers as expected."""
    (RUN / "nsd-parent" / "0.zone").write_text(PARENT_ZONE.replace(" 1 3600 ", f" {world.serial} 3600 ") + delegation)
    world.serial += 1
    process_named(world, "nsd-parent").signal(signal.SIGHUP)
    question = ("dig", "+norecurse", f"@{PARENT_SERVER}", "NS", ZONE)
    wait_until(lambda: expected(world.dns.output(*question)), "the parent zone has changed")


def process_named(world, name):
    return next(process for process in world.processes if process.name == name and process.is_running())


def block(node, transport, interface=""):
    node.nft(
        "table inet fault {\n chain input {\n type filter hook input priority 0;\n"
        f" {interface} {transport} dport 53 drop\n }}\n}}\n"
    )


def unblock(node):
    node.run("nft", "delete", "table", "inet", "fault")


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

    doctor.expect(
        "nothing wrong", 0, f"ok delegation {PARENT}. delegates {ZONE}. to ns1.{ZONE}.", f"ok answers {HOST} ",
        f"ok answers {HOST6} ", "ok resolver", "ok ttl", "ok peers 1 registered, 1 heard",
    )  # fmt: skip
    doctor.expect("nothing wrong, from elsewhere", 0, f"ok answers {HOST} ", look=doctor.elsewhere)
    text = world.host.output(world.program("wg-dnsd"), "doctor", "--control", CONTROL)
    check(text.startswith(f"For the parent zone:\n\n{ZONE}.\t3600\tIN\tNS\tns1.{ZONE}.\n"), text)

    # From now on alice is silent: the end of this scenario expects it.
    alice = world.devices["alice"]
    alice.set("peer", world.devices["host"].public_key, "persistent-keepalive", 0)

    block(world.host, "tcp")
    doctor.expect("TCP blocked", 2, f"problem tcp {HOST} over TCP does not answer: nothing comes back")
    unblock(world.host)
    block(world.host, "tcp", "iifname net")
    doctor.expect("TCP blocked from outside", 2, f"problem tcp {HOST} over TCP", look=doctor.elsewhere)
    unblock(world.host)
    block(world.host, "udp")
    doctor.expect("UDP blocked", 2, f"problem udp {HOST} over UDP does not answer")
    unblock(world.host)

    publish_in_parent(world, DELEGATION.replace(HOST, "203.0.113.66"), lambda text: "203.0.113.66" in text)
    doctor.expect("wrong glue", 2, f"problem glue {PARENT}. says that ns1.{ZONE}. is at 203.0.113.66")
    publish_in_parent(world, f"{ZONE}. IN NS ns1.{ZONE}.\n", lambda text: "203.0.113.66" not in text)
    doctor.expect("no glue", 2, f"problem glue {PARENT}. names ns1.{ZONE}. without an address")
    publish_in_parent(world, "", lambda text: "NXDOMAIN" in text)
    doctor.expect("no delegation", 2, f"problem delegation {PARENT}. does not delegate {ZONE}.")
    publish_in_parent(world, DELEGATION, lambda text: HOST in text)

    process_named(world, "unbound-strict").stop()
    kept = start_resolver(world.dns, "unbound", "minimum-ttl")
    kept_for = "warning ttl this host's resolver keeps endpoints for 60 s or more; the zone says 1 s"
    doctor.expect("a minimum TTL", 1, kept_for)
    kept.stop()
    doctor.expect("no resolver", 2, "problem resolver this host's resolver fails")
    start_resolver(world.dns, "unbound")

    wait_until(lambda: "warning keepalive" in "\n".join(doctor.here()[1]), "alice is found to be silent", interval=1)
    key = alice.public_key
    doctor.expect("no keepalive", 1, f"warning keepalive {key} has been silent for ", "by wg-host")
    alice.set("peer", world.devices["host"].public_key, "persistent-keepalive", KEEPALIVE)

    process_named(world, "wg-dnsd").stop()
    doctor.expect("a private address", 2, "problem address 10.1.2.3, the address of",
                  look=restarted(world, doctor, "10.1.2.3"))  # fmt: skip
    doctor.expect("a private listener on a public address", 1,
                  f"warning private strangers reach the private listener {HOST}:5353",
                  look=restarted(world, doctor, HOST, "--listen-private", f"{HOST}:5353"))  # fmt: skip
    doctor.expect("1:1 NAT", 2, "note address 203.0.113.99, the address of", "warning udp 203.0.113.99 over UDP",
                  look=restarted(world, doctor, "203.0.113.99"))  # fmt: skip
    gone = world.host.run(world.program("wg-dnsd"), "doctor", "--control", CONTROL, check=False)
    check(gone.returncode == 2 and "no wg-dnsd answers" in gone.stderr, f"no daemon: {gone.returncode} {gone.stderr}")
    print("no daemon: found, exit code 2")


def restarted(world, doctor, address, *arguments):
    """A function that runs doctor on a wg-dnsd with another address of its own, and stops that wg-dnsd."""

    def look():
        name_servers = NAME_SERVERS if address == HOST else (NAME_SERVERS[0], f"ns1.{ZONE}={address}")
        process = world.start_dnsd(*arguments, name=f"wg-dnsd-{address}", name_servers=name_servers)
        seen = doctor.here()
        process.stop()
        return seen

    return look


if __name__ == "__main__":
    lab.main(scenario)
