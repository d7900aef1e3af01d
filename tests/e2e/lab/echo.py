"""Echo requests from a thread of this process: the first one leaves at once, and replies have the kernel's time.

`Pings` (lab/node.py) runs ping(8), which starts a tenth of a second later on a busy machine.
"""

import contextlib
import itertools
import os
import socket
import struct
import threading
import time

from lab.checks import GENEROUS, Failure, wait_until
from lab.spoofing import checksum
from lab.stamped import stamp, take_stamped

ECHO_REQUEST, ECHO_REPLY = 8, 0
identifiers = itertools.count(os.getpid())


class Echo:
    """`rate` requests per second from a node to a target, from now on until stop()."""

    def __init__(self, node, target, rate=20):
        self.node, self.target, self.rate = node, target, rate
        self.identifier = next(identifiers) & 0xFFFF
        with node.entered():
            self.socket = stamp(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
        self.sent = []  # seconds since 1970, of each request
        self.came = {}  # number of a request → seconds since 1970, of its first reply
        self.stopping = threading.Event()
        self.reading = threading.Lock()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        due = time.monotonic()
        while not self.stopping.wait(max(0.0, due - time.monotonic())):
            self.send()
            self.read()
            due = max(due + 1 / self.rate, time.monotonic() - 1 / self.rate)

    def send(self):
        number = len(self.sent)
        body = struct.pack("!HH", self.identifier, number & 0xFFFF) + bytes(56)  # as ping(8)
        sum_of_all = checksum(struct.pack("!BBH", ECHO_REQUEST, 0, 0) + body)
        self.sent.append(time.time())
        try:
            self.socket.sendto(struct.pack("!BBH", ECHO_REQUEST, 0, sum_of_all) + body, (self.target, 0))
        except OSError:
            pass  # an interface that is down, or an address that is gone, loses packets

    def read(self):
        with self.reading:
            for when, octets in take_stamped(self.socket) if self.socket.fileno() >= 0 else ():
                source, icmp = socket.inet_ntoa(octets[12:16]), octets[(octets[0] & 15) * 4 :]
                kind, _, _, identifier, number = struct.unpack("!BBHHH", icmp[:8])
                if (source, kind, identifier) == (self.target, ECHO_REPLY, self.identifier):
                    self.came.setdefault(number, when)

    def replies(self):
        """Times of arrival, in their order."""
        self.read()
        return sorted(self.came.values())

    def wait_for_reply(self, after=0.0, timeout=GENEROUS):
        """The time of the first reply after a given time."""
        what = f"an echo reply from {self.target} to {self.node.name}"
        return wait_until(lambda: [when for when in self.replies() if when > after], what, timeout)[0]

    def seconds(self):
        """From the first request to the first reply."""
        return self.wait_for_reply() - self.sent[0]

    def lost(self, patience):
        """Stops, and waits so many seconds for the last replies. \\return how many requests were never answered"""
        self.stopping.set()
        self.thread.join()
        with contextlib.suppress(Failure):
            wait_until(lambda: self.replies() and len(self.came) == len(self.sent), "the last replies", patience)
        return len(self.sent) - len(self.came)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.read()
        self.socket.close()
        return self
