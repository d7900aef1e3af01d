"""A node of the laboratory: a network namespace, and the programs that run there."""

import contextlib
import fcntl
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

from lab.checks import GENEROUS, Failure, wait_until
from lab.containment import CLONE_NEWNET, RUN, libc

SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # netdevice(7)


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
        """Ends it with SIGTERM, and returns its exit code."""
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
        with self.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))

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
        """Sockets that are made in this context belong to this node, also later."""
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

    def ip_batch(self, lines):
        """Runs many commands at once, one per line."""
        self.lab.command(["ip", "-n", self.name, "-batch", "-"], stdin=lines)

    # What every node needs is done without a shell in the namespace: a laboratory does it hundreds of times.

    def sysctl(self, *settings):
        with self.entered():
            for setting in settings:
                name, value = setting.split("=")
                pathlib.Path("/proc/sys", *name.split(".")).write_text(value)

    def nft(self, rules):
        with self.entered():
            self.lab.command(["nft", "-f", "-"], stdin=rules)

    def add_address(self, interface, *addresses):
        nodad = {address: " nodad" if ":" in address else "" for address in addresses}
        self.ip_batch("".join(f"address add {one} dev {interface}{nodad[one]}\n" for one in addresses))

    def use_resolvers(self, *addresses, options=""):
        text = "".join(f"nameserver {address}\n" for address in addresses) + (f"options {options}\n" if options else "")
        self.resolv_conf.write_text(text)  # in place: running programs have it mounted

    def count(self, name, match, hook="input"):
        """Starts an nftables counter for what arrives (or leaves) and matches; `counted(name)` reads it."""
        self.nft(
            f"table inet counters {{\n counter {name} {{ }}\n"
            f" chain {hook} {{ type filter hook {hook} priority -300; }}\n}}\n"
            f"add rule inet counters {hook} {match} counter name {name}\n"
        )

    def counted(self, name, unit="packets"):
        """\\param unit packets or bytes."""
        words = self.output("nft", "list", "counter", "inet", "counters", name).split()
        return int(words[words.index(unit) + 1])

    def udp_overflows(self):
        """Datagrams that the kernel dropped because a socket's queue was full, both families."""
        with self.entered():
            lines = [line.split() for path in ("snmp", "snmp6") for line in open(f"/proc/thread-self/net/{path}")]
        names, values = (words for words in lines if words[0] == "Udp:")
        ipv6 = next(int(words[1]) for words in lines if words[0] == "Udp6RcvbufErrors")
        return int(values[names.index("RcvbufErrors")]) + ipv6


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
        """Ends the pings and returns their summary line."""
        if self.process.is_running():
            self.process.signal(signal.SIGINT)
        self.process.wait()
        return self.process.lines("packets transmitted")[-1]
