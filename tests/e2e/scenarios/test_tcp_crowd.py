#!/usr/bin/python3
"""tcp_crowd: 2000 silent, half-sent, trickling and unread TCP connections keep neither UDP nor new TCP clients waiting.

First the server has room for all of them; then it has its default settings: one answer thread holds 1000 connections,
and cuts off the most silent one when one more comes. Server and UDP client have priority over all other work of this
machine, because the crowd stands for other machines.
"""

import contextlib
import math
import os
import re
import socket
import sys
import time

from lab import lab
from lab import packets
from lab.addresses import ASKER, HOST
from lab.checks import GENEROUS, check, wait_until

CROWD = 2000
NETWORK = "198.19.0"
# Questions in a row, without and then with the crowd; in turns, so that both meet the same conditions.
QUESTIONS, QUESTIONS_FULL, ROUNDS_FULL = 500, 1500, 4
INTERVAL = 0.002
SOON = 1.0  # seconds to the answer of a new TCP client
FACTOR = 2  # largest p99 over UDP with the crowd, in units of that without
QUESTION = packets.ask("www", "A")


def measure_udp(world, count):
    """The seconds to each of this many answers."""
    client = world.internet.udp_socket(ASKER)
    client.connect((HOST, 53))
    client.settimeout(GENEROUS)
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        client.send(QUESTION)
        client.recv(4096)
        times.append(time.perf_counter() - begin)
        time.sleep(INTERVAL)
    client.close()
    return times


def measure_tcp(world):
    """Seconds from nothing to the answer, for a new client."""
    begin = time.perf_counter()
    with world.internet.entered():
        client = socket.create_connection((HOST, 53), GENEROUS)
    with client:
        client.sendall(len(QUESTION).to_bytes(2, "big") + QUESTION)
        check(client.recv(4096), "a new TCP client gets an answer")
    return time.perf_counter() - begin


def connections_made(text):
    """The number in the last line of a crowd's output."""
    counted = re.findall(r"'connected': (\d+)", text)
    return int(counted[-1]) if counted else 0


def quantile(times, part):
    return sorted(times)[math.ceil(len(times) * part) - 1]


def start_crowd(world):
    """Returns when all clients have come once; those that are cut off come back again and again."""
    script = lab.ROOT / "tests/e2e/lab/tcp_crowd.py"
    crowd = world.internet.start(sys.executable, script, HOST, NETWORK, CROWD, name="tcp-crowd")
    start = len(crowd.text())
    wait_until(lambda: connections_made(crowd.text()[start:]) >= CROWD, f"{CROWD} clients have connected")
    return crowd


def measure_beside_crowd(world, server):
    rounds, questions = (ROUNDS_FULL, QUESTIONS_FULL) if world.full else (1, QUESTIONS)
    measure_udp(world, 50)
    idle, crowded, served = [], [], []
    for _ in range(rounds):
        idle += measure_udp(world, questions)
        crowd = start_crowd(world)
        for _ in range(10):
            crowded += measure_udp(world, questions // 10)
            served.append(measure_tcp(world))
        check(crowd.is_running() and server.is_running(), "crowd and server still run")
        print(f"crowd: {crowd.lines('open')[-1]}")
        crowd.kill()

    for title, part in (("median", 0.5), ("p99", 0.99)):
        without, beside = (quantile(times, part) * 1000 for times in (idle, crowded))
        print(f"UDP {title}: {without:.2f} ms without, {beside:.2f} ms with {CROWD} TCP clients")
    print(f"a new TCP client is served within {max(served) * 1000:.1f} ms")
    if world.full:
        check(quantile(crowded, 0.99) <= FACTOR * quantile(idle, 0.99), "UDP waits for TCP")
        check(max(served) <= SOON, "a new TCP client waits")


def scenario(world):
    world.internet.ip("route", "add", "local", f"{NETWORK}.0/24", "dev", "lo")
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # the server inherits it
    for word, title, options in (
        ("roomy", "room for all", ("--tcp-connections", CROWD * 2)), ("default", "default limits", ()),
    ):  # fmt: skip
        # One client measures, with more than the rate that one client gets.
        server = world.start_static_dnsd(*options, "--rate-limit", 0, name=f"wg-dnsd-{word}")
        print(f"{title}:")
        measure_beside_crowd(world, server)
        server.stop()


if __name__ == "__main__":
    lab.main(scenario)
