"""The servers that are compared, each with one thread pinned to one core: the floor, wg-dnsd, NSD and Knot."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import bench

ZONE = "wg.example.org"
PORTS = {"floor": 5390, "wg-dnsd": 5391, "nsd": 5392, "knot": 5393}
START_LIMIT = 300


class Server:
    def __init__(self, name, command, folder, env=None):
        self.name = name
        self.port = PORTS[name]
        self.log = folder / f"{name}.log"
        started = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(bench.SERVER_CORE), *(str(word) for word in command)],
                stdout=log, stderr=subprocess.STDOUT, env=env and os.environ | env, start_new_session=True,
            )
        self.wait_for_answer()
        self.started_after = time.monotonic() - started

    def wait_for_answer(self):
        """Asks for the zone's SOA until somebody says anything."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in ZONE.split(".")) + b"\0"
        query = bytes.fromhex("000100000001000000000000") + labels + bytes.fromhex("00060001")
        end = time.monotonic() + START_LIMIT
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.connect(("127.0.0.1", self.port))
            asker.settimeout(0.02)
            while time.monotonic() < end:
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.name} ended: {self.log.read_text()[-2000:]}")
                with contextlib.suppress(OSError):
                    asker.send(query)
                    reply = asker.recv(4096)
                    if self.name == "floor" or (reply[3] & 0x0F == 0 and reply[7] == 1):
                        return
        raise SystemExit(f"{self.name} does not answer, see {self.log}")

    def cpu(self):
        """Of all its processes: NSD answers in a child."""
        return [bench.Cpu(process) for process in [self.process.pid, *children(self.process.pid)]]

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def children(process):
    found = []
    tasks = f"/proc/{process}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/children") as text:
            for child in text.read().split():
                found += [int(child), *children(int(child))]
    return found


def fresh_folder(name):
    folder = bench.FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def start_floor(reply_octets):
    return Server("floor", [bench.program("bench_floor"), PORTS["floor"], reply_octets], fresh_folder("floor"))


def start_wg_dnsd(peers, *options):
    """As shipped, apart from its port and its folders."""
    folder = fresh_folder("wg-dnsd")
    return Server(
        "wg-dnsd",
        [bench.program("wg-dnsd"), "--zone", ZONE, "--peers", bench.peers_file(peers), "--ns", "ns1=127.0.0.1",
         "--listen", f"0.0.0.0:{PORTS['wg-dnsd']}", "--control", folder / "control.sock",
         "--state-dir", folder, *options],
        folder,
    )


def public_zone(peers):
    """The public view of a running wg-dnsd as a zone file, written once."""
    path = bench.FOLDER / f"zone-{peers}"
    if not path.exists():
        with path.open("w") as out:
            subprocess.run(
                [bench.program("wg-dnsd"), "zone", "--public", "--control",
                 bench.FOLDER / "wg-dnsd/control.sock"],
                stdout=out, check=True,
            )
    return path


def start_nsd(peers):
    folder = fresh_folder("nsd")
    zone = public_zone(peers)
    (folder / "nsd.conf").write_text(
        f"""server:
  ip-address: 0.0.0.0@{PORTS["nsd"]}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  pidfile: ""
  xfrdfile: "{folder}/xfrd"
  zonelistfile: "{folder}/list"
  xfrdir: "{folder}"
  rrl-ratelimit: 0
  answer-cookie: yes
  cookie-secret: "000102030405060708090a0b0c0d0e0f"
remote-control:
  control-enable: no
zone:
  name: "{ZONE}"
  zonefile: "{zone}"
"""
    )
    return Server("nsd", [bench.SERVERS / "usr/sbin/nsd", "-d", "-c", folder / "nsd.conf"], folder)


def start_knot(peers):
    folder = fresh_folder("knot")
    zone = public_zone(peers)
    (folder / "knot.conf").write_text(
        f"""server:
  rundir: "{folder}"
  listen: 0.0.0.0@{PORTS["knot"]}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{folder}"
log:
  - target: stderr
    any: warning
mod-cookies:
  - id: cookies
    secret: 0x000102030405060708090a0b0c0d0e0f
template:
  - id: default
    storage: "{folder}"
    global-module: mod-cookies/cookies
    semantic-checks: off
    journal-content: none
    zonefile-sync: -1
zone:
  - domain: {ZONE}
    file: "{zone}"
"""
    )
    libraries = next((bench.SERVERS / "usr/lib").glob("*-linux-gnu"))
    return Server(
        "knot", [bench.SERVERS / "usr/sbin/knotd", "-c", folder / "knot.conf"], folder,
        env={"LD_LIBRARY_PATH": str(libraries)},
    )


STARTERS = {"wg-dnsd": start_wg_dnsd, "nsd": start_nsd, "knot": start_knot}
