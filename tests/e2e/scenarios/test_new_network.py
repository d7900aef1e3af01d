#!/usr/bin/python3
"""new_network: a network as a new user makes it, from `wg-dnsd peer new` to `ping bob.tunnel.ZONE`.

Five peers behind NATs get their files from the public host and run wg-updater; a phone reads its file from the QR code,
and is a stock client. Every step is a line of a shell, and is checked. What is printed here is recorded in
doc/new-network.txt, so nothing else is printed.
"""

import os
import re
import shutil

from lab import lab
from lab.addresses import HOST, RESOLVERS, TUNNEL, WIREGUARD_PORT, ZONE
from lab.checks import Skip, check, wait_until
from lab.containment import RUN
from lab.name_servers import SERVERS, wait_for_answer
from lab.qr_code import read_code
from test_split_dns import configuration_of

PEERS = {"alice": "cone", "bob": "cone", "carol": "symmetric", "dave": "cone", "erin": "preserving"}
RANGE = "10.77.0.0/24"
DNSD_YAML = f"""zone: {ZONE}
ns: ns1.{ZONE}={HOST}
observe: {HOST}:{WIREGUARD_PORT},{TUNNEL["host"]}
address-range: {RANGE}
"""


def title(text):
    print(f"\n== {text}")


def show(text):
    text = re.sub(r"(?m)^PrivateKey = .*$", "PrivateKey = (hidden)", text)
    for line in text.strip().splitlines():
        print(f"   {line}".rstrip())


class Machine:
    """A shell of the user on a node, in a folder of its own."""

    def __init__(self, node):
        self.node = node
        self.folder = RUN / f"home-{node.name}"
        self.folder.mkdir()

    def type(self, line, is_shown=True, code=0):
        """The output of a line."""
        print(f"   {self.node.name}$ {line}")
        done = self.node.run("sh", "-c", f"cd {self.folder} && {line}", check=False)
        if is_shown:
            show(done.stdout + done.stderr)
        check(done.returncode == code, f"{line}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, line):
        """A daemon, with the folders that its unit gives it."""
        print(f"   {self.node.name}$ {line} &")
        state, runtime = self.folder / "state", RUN.parent / line.split()[0]
        for made in (state, runtime):
            made.mkdir(exist_ok=True)
        environment = {"STATE_DIRECTORY": str(state), "RUNTIME_DIRECTORY": str(runtime)}
        words = ["env", "-C", self.folder, *line.split()]
        return self.node.start(*words, name=f"{line.split()[0]}-{self.node.name}", env=environment)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        self.type(f"cat {name}")


def give_file(source, target, name):
    """Copies a file to the machine that it is for."""
    shutil.copy(source.folder / name, target.folder / name)


# ---- the steps


def set_up_host(world, host):
    title("The public host: wg-dnsd with its built-in point, and addresses for new peers")
    host.write("wg-dnsd.yaml", DNSD_YAML)
    host.type("wg-dnsd --config wg-dnsd.yaml --check-config", is_shown=False)
    world.wait_until_served(host.start("wg-dnsd --config wg-dnsd.yaml"))
    [key, place] = host.type("wg-dnsd pubkey").split()
    check(place == f"{HOST}:{WIREGUARD_PORT}", f"the point listens at {place}")
    return key


def make_peers(host, machines):
    title("Five peers: one line for each makes its keys, address and file; the key is printed once, and stored nowhere")
    for name in PEERS:
        host.type(f"wg-dnsd peer new {name} --full > {name}.conf")
        give_file(host, machines[name], f"{name}.conf")
    text = machines["erin"].type("cat erin.conf")
    check([line[:2] for line in text.splitlines()[:3]] == ["# "] * 3, "three lines say what will work")
    check(re.findall(r"# Name = (.*)", text) == ["alice", "bob", "carol", "dave"], "erin's file has those before her")


def make_phone(host, phone):
    title("A phone: the app scans a code of the same file")
    line = "wg-dnsd peer new phone --qr --full"
    made = host.type(line, is_shown=False)
    text, notes = read_code(made)
    code = made.splitlines()[: -len(notes)]
    show("\n".join([*(f"({len(code)} lines of black and white)", *notes)]))
    check(len(notes) == 3 and text.startswith("[Interface]\nPrivateKey = "), f"the code says {text}")
    (phone.folder / "phone.conf").write_text(text + "\n")


def list_peers(host):
    title("Whom the host knows")
    rows = [line.split() for line in host.type("wg-dnsd peer list").splitlines()]
    names = [*PEERS, "phone"]
    check([row[0] for row in rows] == ["NAME", *names], f"peer list: {rows}")
    addresses = {row[0]: row[2].removesuffix("/32") for row in rows[1:]}
    expected = {name: f"10.77.0.{number + 2}" for number, name in enumerate(names)}
    check(addresses == expected, f"the addresses are {addresses}")
    return addresses


def bring_up(host, machines):
    title("WireGuard on each, by wg-quick as the file is; the phone by its app")
    for name, machine in machines.items():
        machine.type(f"wg-quick up ./{name}.conf", is_shown=False)
    wait_until(lambda: is_everybody_seen(host), "the host sees everybody")
    rows = host.type("wg-dnsd peers").splitlines()
    for name in machines:
        check(sum(name in row for row in rows) == 1, f"{name} in wg-dnsd peers")


def is_everybody_seen(host):
    output = host.node.run("wg-dnsd", "peers").stdout
    return all(re.search(rf"(?m)^.*\b{name}\b.*198\.51\.100\.", output) for name in (*PEERS, "phone"))


def split_dns(alice):
    title("Names inside the tunnel: alice's dnsmasq asks the host for these, and whom it always asked for all others")
    (alice.folder / "base.conf").write_text(
        "listen-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nuser=root\npid-file=\n"
        f"server={RESOLVERS['unbound'][0]}\nconf-dir={alice.folder}/dnsmasq.d\n"
    )
    (alice.folder / "dnsmasq.d").mkdir()
    alice.write("dnsmasq.d/tunnel.conf", configuration_of("dnsmasq"))
    alice.node.start(SERVERS / "usr/sbin/dnsmasq", "-k", "-C", alice.folder / "base.conf", name="dnsmasq")
    alice.node.use_resolvers("127.0.0.1")
    wait_for_answer(alice.node, "127.0.0.1", f"bob.tunnel.{ZONE}", "A")
    check(alice.type(f"dig +short bob.tunnel.{ZONE}").strip() == "10.77.0.3", "bob's address inside the tunnel")


def start_updaters(machines, key):
    title("wg-updater on the five: they get to know each other, and connect directly where their NATs let them")
    for name in PEERS:
        machines[name].start(f"wg-updater {name} --zone {ZONE} --hub {key} --mesh {RANGE}")
    everybody = {*PEERS, "phone"}
    for name in PEERS:
        expected = {other: path_between(name, other) for other in everybody - {name}}
        wait_until(lambda: paths(machines[name]) == expected, f"{name} has the paths {expected}")
    machines["alice"].type("wg-updater status alice")
    machines["alice"].type("wg-updater ping alice bob")


def path_between(one, other):
    """A symmetric NAT and one that lets in only whom its device has sent to have no direct way."""
    return "relay" if {"carol", "phone"} & {one, other} else "direct"


def paths(machine):
    """The path to each peer, by its name, as `wg-updater status` says."""
    output = machine.node.run("wg-updater", "status", machine.node.name, check=False).stdout
    return {row[1]: row[2] for row in re.finditer(r"(?m)^(\w+) \(\S+\) +\w+ +(\w+) ", output)}


def reach_by_name(machines, addresses):
    title("Everybody is reached by name, directly or through the host, the phone too")
    for name in ("bob", "carol", "phone"):
        pinged = machines["alice"].type(f"ping -c 3 -i 0.2 {name}.tunnel.{ZONE}")
        check(f"({addresses[name]})" in pinged and " 0% packet loss" in pinged, f"ping {name}")
    pinged = machines["phone"].type(f"ping -c 3 -i 0.2 {addresses['alice']}")
    check(" 0% packet loss" in pinged, "the phone does not reach alice")


def scenario(world):
    if not shutil.which("zbarimg"):
        raise Skip("needs zbarimg (Debian package zbar-tools)")
    folders = [str(world.program(name).parent) for name in ("wg-dnsd", "wg-updater")]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ["PATH"]])
    for name, kind in {**PEERS, "phone": "symmetric"}.items():
        world.home(name, kind)
    world.start_dns(("unbound",))
    world.use_resolver("unbound")
    host = Machine(world.host)
    machines = {name: Machine(home.node) for name, home in world.homes.items()}

    key = set_up_host(world, host)
    make_peers(host, machines)
    make_phone(host, machines["phone"])
    addresses = list_peers(host)
    bring_up(host, machines)
    split_dns(machines["alice"])
    start_updaters(machines, key)
    reach_by_name(machines, addresses)


if __name__ == "__main__":
    lab.main(scenario)
