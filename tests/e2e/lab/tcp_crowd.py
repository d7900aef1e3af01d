#!/usr/bin/python3
"""tcp_crowd.py SERVER NETWORK COUNT: COUNT clients that use up TCP connections, from 250 addresses of NETWORK.0/24.

Half of them connect and say nothing. A fifth each begin a message and stop, or send an octet now and then. The rest ask
a lot and read nothing. A client that is cut off comes back after a while. Prints each second how many are connected.
"""

import collections
import heapq
import os
import pathlib
import random
import resource
import selectors
import socket
import sys
import time

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
from lab import packets  # noqa: E402

KINDS = ["silent"] * 5 + ["half-sent"] * 2 + ["trickling"] * 2 + ["not reading"]
PAUSE = (1.0, 3.0)  # before a client comes back
TRICKLE = 0.3
UNREAD = packets.ask("large", "TXT")
UNREAD_QUESTIONS = 200
GIVE_UP = 8  # a client that does not read does not see that it was cut off


class Crowd:
    def __init__(self, server, network, count):
        self.server, self.network = server, network
        self.selector = selectors.EpollSelector()
        self.due = [(random.random() * 2, number, self.connect, number) for number in range(count)]
        self.due = [(time.monotonic() + when, serial, what, of) for when, serial, what, of in self.due]
        heapq.heapify(self.due)
        self.serial = count
        self.open = {}
        self.events = collections.Counter()

    def later(self, seconds, what, of):
        self.serial += 1
        heapq.heappush(self.due, (time.monotonic() + seconds, self.serial, what, of))

    def connect(self, number):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        client.bind((f"{self.network}.{1 + number % 250}", 0))
        client.connect_ex((self.server, 53))
        self.open[client] = number
        self.selector.register(client, selectors.EVENT_WRITE)

    def connected(self, client):
        self.events["connected"] += 1
        kind = KINDS[self.open[client] % len(KINDS)]
        self.selector.modify(client, selectors.EVENT_READ)
        if kind == "half-sent":
            client.send(b"\0")
        elif kind == "trickling":
            client.send(b"\xff\xff")
            self.later(TRICKLE, self.trickle, client)
        elif kind == "not reading":
            self.selector.unregister(client)
            client.send((len(UNREAD).to_bytes(2, "big") + UNREAD) * UNREAD_QUESTIONS)
            self.later(GIVE_UP, self.drop, client)

    def trickle(self, client):
        if client in self.open:
            client.send(b"\0")
            self.later(TRICKLE, self.trickle, client)

    def drop(self, client):
        if client in self.open:
            self.later(random.uniform(*PAUSE), self.connect, self.open.pop(client))
            self.events["cut off"] += 1
            if client in self.selector.get_map():
                self.selector.unregister(client)
            client.close()

    def attempt(self, what, client):
        try:
            what(client)
        except OSError:
            self.drop(client)

    def step(self, until):
        while self.due and self.due[0][0] <= time.monotonic():
            _, _, what, of = heapq.heappop(self.due)
            if isinstance(of, int):
                what(of)
            else:
                self.attempt(what, of)
        nearest = min(until, self.due[0][0]) if self.due else until
        for key, events in self.selector.select(max(0, nearest - time.monotonic())):
            if events & selectors.EVENT_WRITE:
                self.attempt(self.connected, key.fileobj)
            elif key.fileobj in self.open:
                self.drop(key.fileobj)  # no client here asked for a short answer


def main():
    server, network, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(10)  # they act for other machines
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    crowd = Crowd(server, network, count)
    while True:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            crowd.step(until)
        print(f"{len(crowd.open)} open, {dict(crowd.events)}", flush=True)


if __name__ == "__main__":
    main()
