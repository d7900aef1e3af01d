"""The relay beside what else passes packets on: coturn (TURN, RFC 8656) and wireguard-go as a hub. All are paced below
what any of them can do, so that each works as it does in life, a few packets at a time. The CPU is that of all threads
of the process."""

import socket
import sys
import threading
import time

import bench
import relay_lab

if str(bench.ROOT / "tests/e2e") not in sys.path:
    sys.path[0] = str(bench.ROOT / "tests/e2e")  # replaces this folder, whose dns.py would hide dnspython
from lab import lab  # noqa: E402
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT  # noqa: E402
from lab.checks import check, wait_until  # noqa: E402
from lab.point import Point  # noqa: E402

TURN = bench.ROOT / "build/turn"
TURN_PORT = 3478
SECONDS, PER_SECOND, OCTETS = 3, 2000, 1200
ROUNDS = 5


def cpu(process):
    return sum(relay_lab.run_time(thread) for thread in relay_lab.threads_of(process))


# ---- coturn


class Coturn(relay_lab.Forwarder):
    """Debian's, unpacked and not installed, so that it is no service of this machine."""

    def __init__(self):
        libraries = next((TURN / "usr/lib").glob("*-linux-gnu"))
        folder = bench.FOLDER / "coturn"
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            "coturn",
            [TURN / "usr/bin/turnserver", "-n", "-L", relay_lab.HOST, "-E", relay_lab.HOST, "-p", TURN_PORT, "--no-auth",
             "--no-tls", "--no-dtls", "--no-tcp", "--no-tcp-relay", "--no-cli", "-m", 1, "--db", folder / "turndb",
             "--pidfile", folder / "pid", "--log-file", "stdout", "--simple-log", "--realm", "bench.example"],
            env={"LD_LIBRARY_PATH": str(libraries)},
        )  # fmt: skip
        self.wait_for(lambda: "DB connection success" in self.log.read_text(), "it listens")


def paced(forwarder, load, form):
    """Microseconds of CPU per packet that arrived."""
    before = cpu(forwarder.process.pid)
    flood = load.ask("flood", forwarder.port, OCTETS, SECONDS, form, PER_SECOND)
    used = cpu(forwarder.process.pid) - before
    if flood["wrong"] or flood["received"] < 0.9 * flood["sent"]:
        raise SystemExit(f"{forwarder.name}: {flood['received']} of {flood['sent']} packets came, {flood['wrong']} wrong")
    return used / flood["received"] / 1000


def beside_coturn():
    """In the network of relay_lab."""
    coturn, floor, point = Coturn(), relay_lab.start_floor(False, 2), relay_lab.start_wg_dnsd(2)
    load = relay_lab.Load(2, 2)
    point.greet(load)
    load.ask("allocate", TURN_PORT)
    found = {each.name: [] for each in (point, floor, coturn)}
    for _ in range(ROUNDS):
        for each in (point, floor, coturn):
            found[each.name].append(paced(each, load, "channel" if each is coturn else "single"))
    load.stop()
    for each in (coturn, floor, point):
        each.stop()
    report(f"{PER_SECOND} datagrams of {OCTETS} octets per second, one way", found)


# ---- wireguard-go


def flow(world, process):
    """Microseconds of CPU of a process on the host per packet from alice to bob in their tunnels."""
    sender = world.homes["alice"].node.udp_socket(TUNNEL["alice"])
    sink = world.homes["bob"].node.udp_socket(TUNNEL["bob"], 9)
    sink.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    sink.settimeout(1)
    came = []

    def count():
        total = 0
        try:
            while True:
                sink.recv(2048)
                total += 1
        except TimeoutError:
            came.append(total)

    thread = threading.Thread(target=count)
    before = cpu(process.popen.pid)
    thread.start()
    begin, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begin) < SECONDS:
        while sent < passed * PER_SECOND:
            sender.sendto(bytes(OCTETS), (TUNNEL["bob"], 9))
            sent += 1
        time.sleep(0.002)
    thread.join()
    used = cpu(process.popen.pid) - before
    for each in (sender, sink):
        each.close()
    check(came[0] > 0.8 * sent, f"{came[0]} of {sent} packets came through the tunnel")
    return used / came[0] / 1000


def ping(world):
    alice = world.homes["alice"].node
    wait_until(lambda: alice.run("ping", "-c", "1", "-W", "2", TUNNEL["bob"], check=False).returncode == 0, "a tunnel")


def through_wg_dnsd(world):
    for name in ("alice", "bob"):
        world.home(name, "none")
    point = Point(world)
    world.wireguard(host=point)
    process = point.start("--relay-rate", "0", "--relay-total", "0")
    devices = world.devices
    for name, other in (("alice", "bob"), ("bob", "alice")):
        devices[name].wait_for_handshake(point.public_key)
        devices[name].set("peer", devices[other].public_key, "endpoint", f"{HOST}:{WIREGUARD_PORT}")
    ping(world)
    return [flow(world, process) for _ in range(ROUNDS)]


def through_wireguard_go(world):
    for name in ("alice", "bob"):
        world.home(name, "none")
    world.wireguard()
    devices = world.devices
    world.host.sysctl("net.ipv4.ip_forward=1")
    for name, other in (("alice", "bob"), ("bob", "alice")):
        devices[name].set("peer", devices[other].public_key, "remove")
        devices[name].set(
            "peer", devices["host"].public_key, "allowed-ips", f"{TUNNEL['host']}/32,{TUNNEL[other]}/32"
        )  # fmt: skip
        devices[name].wait_for_handshake(devices["host"].public_key)
    ping(world)
    return [flow(world, devices["host"].process) for _ in range(ROUNDS)]


def beside_wireguard_go(options):
    for name, scenario in (("wg-dnsd", through_wg_dnsd), ("wireguard-go", through_wireguard_go)):

        def run(world, name=name, scenario=scenario):
            report(f"{PER_SECOND} packets of {OCTETS} octets per second from tunnel to tunnel", {name: scenario(world)})

        if lab.in_laboratory(options, run) != 0:
            return 1
    return 0


def report(what, found):
    print(f"CPU of the process per packet, {what}:")
    for name, values in found.items():
        values = sorted(values)
        print(f"  {name:12} {values[len(values) // 2]:5.1f} us ({values[0]:.1f} to {values[-1]:.1f})", flush=True)
