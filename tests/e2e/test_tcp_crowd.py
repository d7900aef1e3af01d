#!/usr/bin/python3
"""tcp_crowd: 2000 silent, half-sent, trickling and unread TCP connections keep neither UDP nor new TCP clients waiting.

The server has its default settings: one answer thread, which holds 1000 connections and cuts off the most silent one
when one more comes. The time to an answer over UDP is measured before, with and after the crowd.
"""

import math
import re
import socket
import sys
import time

import lab
import packets
from addresses import ASKER, HOST
from checks import GENEROUS, check, wait_until

CROWD = 2000
NETWORK = "198.19.0"
QUESTIONS, QUESTIONS_FULL = 500, 5000
INTERVAL = 0.002
SOON = 1.0  # seconds to the answer of a new TCP client
FACTOR = 2  # p99 over UDP with the crowd, in units of that without
QUESTION = packets.ask("www", "A")


def measure_udp(world, count):
    """Seconds to each of so many answers."""
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
    """Seconds from nothing to the answer, of a client that just came."""
    begin = time.perf_counter()
    with world.internet.entered():
        client = socket.create_connection((HOST, 53), GENEROUS)
    with client:
        client.sendall(len(QUESTION).to_bytes(2, "big") + QUESTION)
        check(client.recv(4096), "a new TCP client gets an answer")
    return time.perf_counter() - begin


def connections_made(crowd):
    """As its last line says."""
    counted = re.findall(r"'connected': (\d+)", crowd.text())
    return int(counted[-1]) if counted else 0


def quantile(times, part):
    return sorted(times)[math.ceil(len(times) * part) - 1]


def scenario(world):
    world.internet.ip("route", "add", "local", f"{NETWORK}.0/24", "dev", "lo")
    server = world.start_static_dnsd()
    count = QUESTIONS_FULL if world.full else QUESTIONS
    measure_udp(world, 50)
    idle = measure_udp(world, count // 2)

    script = lab.ROOT / "tests/e2e/tcp_crowd.py"
    crowd = world.internet.start(sys.executable, script, HOST, NETWORK, CROWD, name="tcp-crowd")
    # Everybody has come once; those who were cut off come back again and again.
    wait_until(lambda: connections_made(crowd) >= CROWD, f"{CROWD} clients have connected")
    crowded, served = [], []
    for _ in range(10):
        crowded += measure_udp(world, count // 10)
        served.append(measure_tcp(world))
    check(crowd.is_running() and server.is_running(), "both still run")
    state = crowd.lines("open")[-1]
    crowd.kill()
    idle += measure_udp(world, count // 2)

    print(f"crowd: {state}")
    for title, part in (("median", 0.5), ("p99", 0.99)):
        without, beside = (quantile(times, part) * 1000 for times in (idle, crowded))
        print(f"UDP {title}: {without:.2f} ms without, {beside:.2f} ms with {CROWD} TCP clients")
    print(f"a new TCP client is served within {max(served) * 1000:.1f} ms")
    if world.full:
        check(quantile(crowded, 0.99) <= FACTOR * quantile(idle, 0.99), "UDP waits for TCP")
        check(max(served) <= SOON, "a new TCP client waits")


if __name__ == "__main__":
    lab.main(scenario)
