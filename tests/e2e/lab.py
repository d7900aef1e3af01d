"""The laboratory: a small Internet made of network namespaces, with real servers and real WireGuard.

        alice 192.168.1.2                     host 203.0.113.10                      bob 192.168.1.2
              2001:db8:a::2                        2001:db8:113::10                      2001:db8:b::2
        wg-alice 10.77.0.2                    wg-host 10.77.0.1                      wg-bob 10.77.0.3
              |  lan                          wg-dnsd for wg.example.org                 |  lan
              |                                        |                                 |
        alice-box: a NAT kind                          |                          bob-box: a NAT kind
              |  net 198.51.100.1                      |                                 |  net 198.51.100.2
              +-----------------------------------  internet  ---------------------------+
                                            (routes, nothing else)
                                                       |
                                      dns  192.0.2.1   NSD      .
                                           192.0.2.2   NSD      org
                                           192.0.2.3   NSD      example.org, which delegates wg.example.org to host
                                           192.0.2.11  unbound  a peer's resolver
                                           192.0.2.12  BIND     a peer's resolver
                                           the same behind 2001:db8::

Each node is a network namespace. The whole laboratory lives in a PID, mount and network namespace of its own, with its own
/run (so its own /run/netns and /run/wireguard): when its first process ends, however that happens, the kernel ends every
process and removes every interface, rule, socket and file in it. Laboratories can run side by side.

A scenario is a function that takes a Lab; `main(scenario)` runs it:

    exit 0  as expected          exit 77  skipped, with the reason
    exit 1  not as expected      exit 130, 143  interrupted
"""

import argparse
import base64
import collections
import contextlib
import ctypes
import importlib.util
import ipaddress
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback

if importlib.util.find_spec("dns"):
    import dns_client

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVERS = ROOT / "build/servers"
RUN = pathlib.Path("/run/lab")

PARENT = "example.org"
ZONE = "wg.example.org"
HOST = "203.0.113.10"
HOST6 = "2001:db8:113::10"
ROOT_SERVER, ROOT_SERVER6 = "192.0.2.1", "2001:db8::1"
ORG_SERVER, ORG_SERVER6 = "192.0.2.2", "2001:db8::2"
PARENT_SERVER, PARENT_SERVER6 = "192.0.2.3", "2001:db8::3"
RESOLVERS = {"unbound": ("192.0.2.11", "2001:db8::11"), "bind": ("192.0.2.12", "2001:db8::12")}
TUNNEL = {"host": "10.77.0.1", "alice": "10.77.0.2", "bob": "10.77.0.3"}
WIREGUARD_PORT = 51820
KEEPALIVE = 25

# A box keeps a device's WireGuard port under this one outside, so that only an observer can know it.
FIRST_MAPPED_PORT = 40001

# For events that are certain to come; a slow machine must not fail a test.
GENEROUS = 60

NAT_KINDS = ("cone", "symmetric", "firewall", "none")


class Failure(Exception):
    """The scenario did not go as it must."""


class Skip(Exception):
    """The scenario cannot run here."""


# ---- running a scenario


def main(scenario):
    """Runs `scenario(lab)` in a laboratory of its own and exits with the verdict."""
    run_and_exit(lambda options: in_laboratory(options, scenario))


def run_and_exit(body):
    """Runs body(options) → exit code on the machine itself, with the command line and the report of every scenario."""
    name = pathlib.Path(sys.argv[0]).stem.removeprefix("test_")
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--build-dir", type=lambda text: pathlib.Path(text).resolve(), default=ROOT / "build/dev", help="where the programs are")
    parser.add_argument("--full", action="store_true", help="repeat, and judge the seconds")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="copy every log and file of the run to DIR")
    parser.add_argument("--verbose", action="store_true", help="show each command")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    started = time.monotonic()
    try:
        require_abilities()
        verdict = body(options)
    except Skip as reason:
        print(f"skipped: {reason}")
        verdict = 77
    except Failure as failure:
        print(f"failed: {failure}")
        verdict = 1
    print(f"{name}: {VERDICTS.get(verdict, 'failed')} after {time.monotonic() - started:.1f} s")
    sys.exit(verdict)


VERDICTS = {0: "passed", 77: "skipped"}


def in_laboratory(options, scenario):
    """Runs scenario(lab) in a fresh laboratory; returns the exit code."""

    def body():
        lab = Lab(options)
        try:
            scenario(lab)
            return 0
        except Skip:
            raise
        except Exception:
            lab.print_logs()
            raise
        finally:
            if options.keep:
                shutil.rmtree(options.keep, ignore_errors=True)
                shutil.copytree(RUN, options.keep, ignore=shutil.ignore_patterns("*.sock", "*.control"))

    return run_contained(body)


def require_abilities():
    if os.geteuid() != 0:
        raise Skip("needs root")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        raise Skip(f"needs /dev/net/tun: {error.strerror}") from error
    for tool in ("ip", "nft", "conntrack", "wg", "wireguard-go", "ping"):
        if not shutil.which(tool):
            raise Skip(f"needs {tool}: run scripts/install-packages laboratory servers")
    if not importlib.util.find_spec("dns"):
        raise Skip("needs python3-dnspython: run scripts/install-packages laboratory servers")
    if not (SERVERS / "unpacked").exists():
        raise Skip("needs the servers: run scripts/install-packages laboratory servers")


# ---- containment

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def run_contained(body):
    """Runs body() as the first process of new namespaces; returns what it returned. Ending it is what cleans up."""
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY)
    if libc.unshare(CLONE_NEWPID) != 0:
        raise Skip(f"needs namespaces: {os.strerror(ctypes.get_errno())}")
    sys.stdout.flush()
    child = os.fork()
    if child != 0:
        libc.setns(own_namespace, CLONE_NEWPID)  # for later children
        os.close(own_namespace)
    else:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
        verdict = 1
        try:
            enter_namespaces()
            verdict = body()
        except Skip as reason:
            print(f"skipped: {reason}")
            verdict = 77
        except Failure as failure:
            print(f"failed: {failure}")
        except BaseException:  # nothing may run on into the copied stack of the parent
            traceback.print_exc(file=sys.stdout)
        finally:
            sys.stdout.flush()
            os._exit(verdict)

    def interrupt(number, _frame):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(f"interrupted by {signal.Signals(number).name}")
        sys.stdout.flush()
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def enter_namespaces():
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise Skip(f"needs namespaces: {os.strerror(ctypes.get_errno())}")
    resolv_conf = pathlib.Path("/etc/resolv.conf").resolve()
    for command in (
        "mount --make-rprivate /",
        "mount -t proc proc /proc",
        "mount -t tmpfs -o mode=755 laboratory /run",
        "ip link set lo up",
    ):
        subprocess.run(command.split(), check=True)
    RUN.mkdir()
    if not resolv_conf.exists():  # on some systems it points into /run
        resolv_conf.parent.mkdir(parents=True)
        resolv_conf.touch()


# ---- waiting


def wait_until(predicate, what, timeout=GENEROUS, interval=0.02):
    """Waits until predicate() is true and returns what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout} s in vain: {what}")
        time.sleep(interval)


def check(condition, what):
    if not condition:
        raise Failure(what)


# ---- nodes and processes


class Process:
    """A program that runs on a node. What it prints goes to a log file."""

    def __init__(self, node, argv, name, env=None):
        self.name = name
        self.log = RUN / f"{name}.log"
        self.started = time.monotonic()
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                node.wrap(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})}
            )

    def is_running(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def lines(self, *words):
        """The lines of the log that contain all the words."""
        return [line for line in self.text().splitlines() if all(word in line for word in words)]

    def wait_for_line(self, *words, timeout=GENEROUS):
        return wait_until(lambda: self.lines(*words), f"{self.name} logs {words}", timeout)[-1]

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=GENEROUS):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{self.name} did not end within {timeout} s") from error

    def stop(self):
        """Asks it to end and returns its exit code."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait()


class Node:
    """One network namespace, with its own /etc/resolv.conf."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.resolv_conf = RUN / f"{name}.resolv.conf"
        self.use_resolvers()
        lab.ip("netns", "add", name)
        self.sysctl(
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
            "net.ipv6.conf.default.accept_dad=0",
            "net.ipv6.conf.default.accept_ra=0",
        )
        self.ip("link", "set", "lo", "up")

    def wrap(self, argv):
        bind = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        return ["ip", "netns", "exec", self.name, "sh", "-c", bind, str(self.resolv_conf), *map(str, argv)]

    def run(self, *argv, check=True, stdin=None, timeout=GENEROUS):
        """Runs a command to its end and returns its CompletedProcess, output as text."""
        return self.lab.command(self.wrap(argv), check, stdin, timeout, shown=f"{self.name}# ")

    def output(self, *argv, **keywords):
        return self.run(*argv, **keywords).stdout

    def start(self, *argv, name=None, env=None):
        process = Process(self, argv, name or f"{self.name}-{pathlib.Path(argv[0]).name}", env)
        self.lab.processes.append(process)
        return process

    @contextlib.contextmanager
    def entered(self):
        """Sockets that are made inside belong to this node, also later."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        libc.setns(there, CLONE_NEWNET)
        try:
            yield
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)

    def udp_socket(self, address, port=0):
        with self.entered():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            made = socket.socket(family, socket.SOCK_DGRAM)
        made.bind((address, port))
        return made

    def ip(self, *arguments):
        return self.lab.ip("-n", self.name, *arguments)

    def sysctl(self, *settings):
        self.run("sysctl", "-q", "-w", *settings)

    def nft(self, rules):
        self.run("nft", "-f", "-", stdin=rules)

    def add_address(self, interface, *addresses):
        for address in addresses:
            self.ip("address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))

    def use_resolvers(self, *addresses, options=""):
        text = "".join(f"nameserver {address}\n" for address in addresses) + (f"options {options}\n" if options else "")
        self.resolv_conf.write_text(text)  # in place: running programs have it mounted

    def count(self, name, match):
        """Starts an nftables counter for what arrives and matches; `counted(name)` reads it."""
        self.nft(
            f"table inet counters {{\n counter {name} {{ }}\n"
            f" chain input {{ type filter hook input priority -300; }}\n}}\n"
            f"add rule inet counters input {match} counter name {name}\n"
        )

    def counted(self, name):
        words = self.output("nft", "list", "counter", "inet", "counters", name).split()
        return int(words[words.index("packets") + 1])


class Pings:
    """Echo requests, `rate` per second, with the time of each reply."""

    def __init__(self, node, target, rate=5, count=None):
        words = ["ping", "-D", "-i", str(1 / rate), *(["-c", str(count)] if count else []), target]
        self.process = node.start(*words, name=f"{node.name}-ping")
        self.start_of_log = len(self.process.text())

    def replies(self):
        """Times of arrival, seconds since 1970."""
        lines = self.process.text()[self.start_of_log :].splitlines()
        return [float(line[1 : line.index("]")]) for line in lines if line.startswith("[") and "bytes from" in line]

    def wait_for_reply(self, after=0.0, timeout=GENEROUS):
        """The time of the first reply after a given time."""
        what = f"an echo reply to {self.process.name}"
        return wait_until(lambda: [when for when in self.replies() if when > after], what, timeout)[0]

    def stop(self):
        """Ends it and returns its summary line."""
        if self.process.is_running():
            self.process.signal(signal.SIGINT)
        self.process.wait()
        return self.process.lines("packets transmitted")[-1]


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
        self.public = public
        self.mapped_port = FIRST_MAPPED_PORT
        self.node = Node(lab, name)
        self.box = Node(lab, f"{name}-box")
        self.box.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        translated = kind in ("cone", "symmetric")
        lab.join(lab.internet, self.box.name, self.box, "net")
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

    def write_rules(self):
        """(Re)writes the rules of the box; what is already tracked stays as it was."""
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
        """As a box that was restarted: all mappings are gone, new ones get another outside port."""
        self.mapped_port += 1
        self.write_rules()
        self.box.run("conntrack", "-F")

    def renumber(self, public):
        """As a provider that hands out another address: mappings are gone as well."""
        lab = self.box.lab
        lab.internet.ip("route", "del", self.public, "dev", self.box.name)
        lab.route(lab.internet, self.box.name, public)
        self.box.ip("address", "del", self.public, "dev", "net")
        self.box.add_address("net", public)
        self.public = public
        self.forget_mappings()


# ---- WireGuard

Peer = collections.namedtuple("Peer", "endpoint allowed_ips handshake received sent keepalive")


class WireGuard:
    """A wireguard-go device. `peers()` is what `wg show` says, by public key."""

    def __init__(self, node, name, private_key, port=WIREGUARD_PORT, addresses=()):
        self.node = node
        self.name = name
        self.private_key = private_key
        self.public_key = public_key_of(private_key)
        self.port = port
        self.addresses = addresses
        self.configured = {}
        self.start()

    def start(self):
        """Also again after stop(): with the same configuration, and no memory."""
        self.process = self.node.start(
            "wireguard-go", "-f", self.name, name=self.name, env={"LOG_LEVEL": "verbose"}
        )
        wait_until(
            lambda: self.node.run("wg", "show", self.name, check=False).returncode == 0, f"{self.name} answers"
        )
        key_file = RUN / f"{self.name}.key"
        key_file.write_text(self.private_key)
        self.set("private-key", key_file, "listen-port", self.port)
        self.node.add_address(self.name, *self.addresses)
        self.node.ip("link", "set", self.name, "up")
        for key, words in self.configured.items():
            self.add_peer(key, *words)

    def stop(self):
        """The interface vanishes."""
        self.process.stop()

    def set(self, *words):
        self.node.run("wg", "set", self.name, *words)

    def add_peer(self, key, allowed_ips, endpoint=None, keepalive=None):
        self.configured[key] = (allowed_ips, endpoint, keepalive)
        words = ["peer", key, "allowed-ips", allowed_ips]
        if endpoint:
            words += ["endpoint", endpoint]
        if keepalive is not None:
            words += ["persistent-keepalive", keepalive]
        self.set(*words)
        for prefix in allowed_ips.split(","):
            self.node.ip("route", "replace", prefix, "dev", self.name)

    def peers(self):
        found = {}
        for line in self.node.output("wg", "show", self.name, "dump").splitlines()[1:]:
            key, _, endpoint, allowed_ips, handshake, received, sent, keepalive = line.split("\t")
            found[key] = Peer(
                None if endpoint == "(none)" else endpoint,
                allowed_ips,
                int(handshake),
                int(received),
                int(sent),
                0 if keepalive == "off" else int(keepalive),
            )
        return found

    def peer(self, key):
        return self.peers()[key]

    def wait_for_handshake(self, key, timeout=GENEROUS):
        return wait_until(
            lambda: self.peer(key).handshake and self.peer(key), f"{self.name} has a handshake with {key}", timeout
        )


def public_key_of(private_key):
    return subprocess.run(["wg", "pubkey"], input=private_key, capture_output=True, text=True, check=True).stdout.strip()


def generate_private_keys(count):
    """Private keys in the order of their public keys' bytes: the order decides who speaks first."""
    keys = [subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout.strip() for _ in range(count)]
    return sorted(keys, key=lambda key: base64.b64decode(public_key_of(key)))


def base32_of(key):
    """A public key as its label in DNS."""
    return base64.b32encode(base64.b64decode(key)).decode().lower().rstrip("=")


# ---- the laboratory


class Lab:
    """The nodes that every scenario has: internet, host, dns. Homes are added by the scenario."""

    def __init__(self, options):
        self.options = options
        self.full = options.full
        self.processes = []
        self.devices = {}
        self.updaters = {}
        self.internet = Node(self, "internet")
        self.internet.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.internet.add_address("lo", "192.0.2.254", "2001:db8::fe")  # to ask questions from
        self.host = Node(self, "host")
        self.join_internet(self.host, [HOST, HOST6])
        self.homes = {}

    # -- commands

    def command(self, argv, check=True, stdin=None, timeout=GENEROUS, shown=""):
        if self.options.verbose:
            print(shown + " ".join(map(str, argv[8:] if shown else argv)))
        done = subprocess.run(
            list(map(str, argv)), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode != 0:
            raise Failure(f"{shown}{' '.join(map(str, argv))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ip(self, *arguments):
        return self.command(["ip", *arguments])

    def program(self, name):
        path = self.options.build_dir / ("dnsd" if name == "wg-dnsd" else "updater") / name
        if not path.exists():
            raise Skip(f"{path} is not built")
        return path

    def print_logs(self, lines=25):
        for process in self.processes:
            print(f"---- {process.log.name}" + ("" if process.is_running() else f" (ended with {process.popen.returncode})"))
            print("\n".join(process.text().splitlines()[-lines:]))

    # -- links

    def join(self, upper, upper_interface, lower, lower_interface):
        """A cable. The upper node, fe80::1, is the lower one's way to everything; so IPv4 needs no addresses for it."""
        self.ip(
            "link", "add", upper_interface, "netns", upper.name, "type", "veth",
            "peer", lower_interface, "netns", lower.name,
        )  # fmt: skip
        for node, interface, address in ((upper, upper_interface, "fe80::1/64"), (lower, lower_interface, "fe80::2/64")):
            node.ip("link", "set", interface, "up")
            node.add_address(interface, address)
        lower.ip("-4", "route", "add", "default", "via", "inet6", "fe80::1", "dev", lower_interface)
        lower.ip("-6", "route", "add", "default", "via", "fe80::1", "dev", lower_interface)

    def route(self, upper, interface, prefix):
        """What goes to the prefix takes this cable down."""
        via = ["via", "fe80::2"] if ":" in prefix else ["via", "inet6", "fe80::2"]
        upper.ip("-6" if ":" in prefix else "-4", "route", "replace", prefix, *via, "dev", interface)

    def join_internet(self, node, addresses):
        """A cable to the Internet, for a node with public addresses."""
        self.join(self.internet, node.name, node, "net")
        self.add_public_addresses(node, addresses)

    def add_public_addresses(self, node, addresses):
        node.add_address("net", *addresses)
        for address in addresses:
            self.route(self.internet, node.name, address)

    def home(self, name, kind, families=(4, 6)):
        number = len(self.homes)
        made = Home(self, name, kind, f"198.51.100.{number + 1}", f"2001:db8:{number + 10:x}", families)
        self.homes[name] = made
        return made

    # -- WireGuard

    def wireguard(self, keys=None):
        """A device on the host and in each home, configured as the README says: the host with keepalive, the others bare."""
        names = [*self.homes, "host"]
        keys = keys or generate_private_keys(len(names))
        nodes = {"host": self.host, **{name: home.node for name, home in self.homes.items()}}
        for name, key in zip(names, keys):
            self.devices[name] = WireGuard(nodes[name], f"wg-{name}", key, addresses=[f"{TUNNEL[name]}/32"])
        host = self.devices["host"]
        for name, home in self.homes.items():
            device = self.devices[name]
            host.add_peer(device.public_key, f"{TUNNEL[name]}/32")
            for other in self.homes:
                if other != name:
                    device.add_peer(self.devices[other].public_key, f"{TUNNEL[other]}/32")
            reachable = HOST if home.has_ipv4() else f"[{HOST6}]"
            device.add_peer(host.public_key, f"{TUNNEL['host']}/32", f"{reachable}:{WIREGUARD_PORT}", KEEPALIVE)
        return self.devices

    def wait_until_host_sees_all(self):
        for name in self.homes:
            self.devices["host"].wait_for_handshake(self.devices[name].public_key)

    def label(self, name):
        """A node's public key as its label in DNS."""
        return base32_of(self.devices[name].public_key)

    def service_name(self, name):
        return f"_wireguard._udp.{self.label(name)}.{ZONE}"

    def published(self, name, server=HOST):
        """Where DNS says a node is: `address:port` of each SRV, as wg-dnsd itself answers."""
        reply = dns_client.ask(self.internet, server, self.service_name(name), "SRV")
        found = []
        for _, target, port in dns_client.srv_endpoints(reply):
            label = target.split(".")[0]
            if "-" in label:
                found.append(f"{label.replace('-', '.')}:{port}")
            else:
                found.append(f"[{ipaddress.IPv6Address(bytes.fromhex(label))}]:{port}")
        return found

    def seen_by_host(self, name):
        return self.devices["host"].peer(self.devices[name].public_key).endpoint

    def wait_until_published(self, *names):
        """wg-dnsd answers with what the host sees now."""
        for name in names or self.homes:
            wait_until(lambda: self.seen_by_host(name) in self.published(name), f"DNS says where {name} is")

    # -- name servers and resolvers

    def start_dns(self, resolvers=("unbound", "bind")):
        """The root, the parent zone and the resolvers, on the node `dns`."""
        self.dns = Node(self, "dns")
        levels = (
            ("root", ".", ROOT_ZONE, (ROOT_SERVER, ROOT_SERVER6)),
            ("org", "org", ORG_ZONE, (ORG_SERVER, ORG_SERVER6)),
            ("parent", PARENT, PARENT_ZONE, (PARENT_SERVER, PARENT_SERVER6)),
        )
        self.join_internet(self.dns, [address for level in levels for address in level[3]])
        for name, zone, records, addresses in levels:
            self.nsd(name, {zone: records}, addresses)
        for name in resolvers:
            self.add_public_addresses(self.dns, RESOLVERS[name])
            {"unbound": self.unbound, "bind": self.bind}[name](*RESOLVERS[name])

    def nsd(self, name, zones, addresses, port=53):
        """NSD serving zones (name → text) on these addresses of the node `dns`."""
        folder = RUN / f"nsd-{name}"
        folder.mkdir()
        text = "server:\n" + "".join(f"  ip-address: {address}@{port}\n" for address in addresses)
        text += (
            f'  server-count: 1\n  username: ""\n  chroot: ""\n  database: ""\n  zonesdir: "{folder}"\n'
            f'  pidfile: ""\n  xfrdfile: "{folder}/xfrd"\n  zonelistfile: "{folder}/list"\n  xfrdir: "{folder}"\n'
            f'  verbosity: 1\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n'
        )
        for number, (zone, records) in enumerate(zones.items()):
            (folder / f"{number}.zone").write_text(records)
            text += f'zone:\n  name: "{zone}"\n  zonefile: "{number}.zone"\n'
        (folder / "nsd.conf").write_text(text)
        process = self.dns.start(SERVERS / "usr/sbin/nsd", "-d", "-c", folder / "nsd.conf", name=f"nsd-{name}")
        self.wait_for_answer(addresses[0], next(iter(zones)), "SOA", port)
        return process

    def unbound(self, *addresses):
        folder = RUN / "unbound"
        folder.mkdir()
        (folder / "root.hints").write_text(ROOT_HINTS)
        (folder / "unbound.conf").write_text(
            "server:\n"
            + "".join(f"  interface: {address}\n" for address in addresses)
            + f"""
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  root-hints: "{folder}/root.hints"
  module-config: "iterator"
  qname-minimisation: yes
  qname-minimisation-strict: yes
  use-caps-for-id: yes
  harden-glue: yes
  harden-large-queries: yes
  harden-short-bufsize: yes
  harden-below-nxdomain: yes
  harden-referral-path: yes
remote-control:
  control-enable: no
"""
        )
        process = self.dns.start(SERVERS / "usr/sbin/unbound", "-d", "-c", folder / "unbound.conf", name="unbound")
        self.wait_for_answer(addresses[0], PARENT, "SOA")
        return process

    def bind(self, *addresses):
        folder = RUN / "bind"
        folder.mkdir()
        (folder / "root.hints").write_text(ROOT_HINTS)
        (folder / "named.conf").write_text(
            f"""options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on {{ {addresses[0]}; }};
  listen-on-v6 {{ {addresses[1]}; }};
  query-source address {addresses[0]};
  recursion yes;
  allow-query {{ any; }};
  dnssec-validation no;
  empty-zones-enable no;
}};
controls {{ }};
zone "." {{ type hint; file "root.hints"; }};
"""
        )
        libraries = next((SERVERS / "usr/lib").glob("*-linux-gnu"))
        process = self.dns.start(
            SERVERS / "usr/sbin/named", "-g", "-n", "1", "-c", folder / "named.conf",
            name="bind", env={"LD_LIBRARY_PATH": str(libraries)},
        )
        self.wait_for_answer(addresses[0], PARENT, "SOA")
        return process

    def wait_for_answer(self, server, name, kind, port=53):
        question = ("dig", "+short", "+tries=1", "+time=1", f"@{server}", "-p", port, name, kind)
        wait_until(lambda: is_answer(self.dns.output(*question, check=False)), f"{server} answers {name} {kind}")

    # -- our programs

    def prepare(self, alice="cone", bob="cone", families=(4, 6), resolvers=("unbound",)):
        """Two homes, everything running but the updaters, and both peers published."""
        self.home("alice", alice, families)
        self.home("bob", bob, families)
        self.start_dns(resolvers)
        self.use_resolver(resolvers[0])
        self.wireguard()
        self.dnsd = self.start_dnsd()
        self.wait_until_host_sees_all()
        self.wait_until_published()

    def use_resolver(self, name):
        """What every home's /etc/resolv.conf says: one of RESOLVERS, or `direct`."""
        addresses = RESOLVERS.get(name, (HOST, HOST6))
        for home in self.homes.values():
            home.node.use_resolvers(addresses[0 if home.has_ipv4() else 1])

    def start_updaters(self):
        """An updater in each home, all at once; returns the time, seconds since 1970, of the later exec."""
        started = 0.0
        for name in self.homes:
            self.start_updater(name)
            started = time.time()
        return started

    def wait_for_direct_handshake(self, timeout=GENEROUS):
        """Until alice and bob have a session of their own."""
        alice, bob = self.devices["alice"], self.devices["bob"]
        alice.wait_for_handshake(bob.public_key, timeout)
        bob.wait_for_handshake(alice.public_key, timeout)

    def start_dnsd(self, *arguments, name="wg-dnsd"):
        """wg-dnsd on the host, observing wg-host; private for the tunnels, public for everybody. Returns when it answers."""
        process = self.host.start(self.program("wg-dnsd"), *DNSD_ARGUMENTS, *arguments, name=name)
        self.wait_until_served(process)
        return process

    def wait_until_served(self, process):
        def served():
            check(process.is_running(), f"{process.name} ended with {process.popen.returncode}")
            with contextlib.suppress(OSError, dns_client.Timeout):
                return dns_client.ask(self.internet, HOST, ZONE, "SOA", timeout=1).answer

        wait_until(served, f"{process.name} answers")

    def start_updater(self, name, *arguments):
        """wg-updater in a home."""
        self.updaters[name] = self.homes[name].node.start(
            self.program("wg-updater"), f"wg-{name}", "--zone", ZONE, "--hub", self.devices["host"].public_key,
            "--state", RUN / f"updater-{name}.json", *arguments, name=f"wg-updater-{name}",
        )  # fmt: skip
        return self.updaters[name]


def is_answer(text):
    """Whether `dig +short` printed an answer and not a complaint."""
    return bool(text) and not text.startswith(";")


CONTROL = RUN / "wg-dnsd.control"
DNSD_ARGUMENTS = (
    "--zone", ZONE, "--interface", "wg-host", "--listen", HOST, "--listen", f"[{HOST6}]",
    "--listen-private", TUNNEL["host"], "--state-dir", RUN / "state", "--control", CONTROL,
    "--ns", f"ns1.{ZONE}={HOST},{HOST6}",
)  # fmt: skip

SOA = "IN SOA ns.nic.example. hostmaster.nic.example. 1 3600 600 86400 60"

ROOT_ZONE = f"""$TTL 3600
. {SOA}
. IN NS a.root-servers.example.
a.root-servers.example. IN A {ROOT_SERVER}
a.root-servers.example. IN AAAA {ROOT_SERVER6}
org. IN NS ns.nic.org.
ns.nic.org. IN A {ORG_SERVER}
ns.nic.org. IN AAAA {ORG_SERVER6}
"""

ORG_ZONE = f"""$TTL 3600
org. {SOA}
org. IN NS ns.nic.org.
ns.nic.org. IN A {ORG_SERVER}
ns.nic.org. IN AAAA {ORG_SERVER6}
example.org. IN NS ns.example.org.
ns.example.org. IN A {PARENT_SERVER}
ns.example.org. IN AAAA {PARENT_SERVER6}
"""

# The last three records are all that a user adds to an existing zone.
PARENT_ZONE = f"""$TTL 3600
{PARENT}. {SOA}
{PARENT}. IN NS ns.{PARENT}.
ns.{PARENT}. IN A {PARENT_SERVER}
ns.{PARENT}. IN AAAA {PARENT_SERVER6}
{ZONE}. IN NS ns1.{ZONE}.
ns1.{ZONE}. IN A {HOST}
ns1.{ZONE}. IN AAAA {HOST6}
"""

ROOT_HINTS = f""". 3600 IN NS a.root-servers.example.
a.root-servers.example. 3600 IN A {ROOT_SERVER}
a.root-servers.example. 3600 IN AAAA {ROOT_SERVER6}
"""
