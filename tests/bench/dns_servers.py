"""The servers that are compared: the floor, wg-dnsd, NSD and Knot. Each has one thread that answers, pinned to one
core. All are as Debian or this project ships them. NSD and wg-dnsd ask for a socket buffer of 1 MiB, as the floor does.
Knot keeps the system's default, and the load sends no more at a time than fits there."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import bench

ZONE = "wg.example.org"
PORTS = {"wg-dnsd": 5391, "nsd": 5392, "knot": 5393}
FLOOR_PORTS = {"srv": 5390, "judged": 5395}  # by mix: their replies have different lengths
START_LIMIT = 300


class Server:
    """:param threads: answer threads, each on a core of its own, from the first core on."""

    def __init__(self, name, command, folder, port=None, threads=1, env=None):
        self.name = name
        self.port = port or PORTS[name]
        self.threads = threads
        self.log = folder / f"{name}.log"
        cores = f"{bench.SERVER_CORE}-{bench.SERVER_CORE + threads - 1}"
        started = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", cores, *(str(word) for word in command)],
                stdout=log, stderr=subprocess.STDOUT, env=env and os.environ | env, start_new_session=True,
            )
        self.wait_for_answer()
        self.started_after = time.monotonic() - started

    def wait_for_answer(self):
        """Asks for the zone's SOA until any answer comes."""
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
        """CPU of all its processes: NSD answers in a child."""
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


def start_floor(reply_octets, mix):
    port = FLOOR_PORTS[mix]
    return Server("floor", [bench.program("bench_floor"), port, reply_octets], fresh_folder(f"floor-{mix}"), port)


def start_wg_dnsd(peers, threads=1, port=PORTS["wg-dnsd"], path=None):
    """wg-dnsd as shipped, apart from its port, its folders and its threads. `path`: another file of peers."""
    folder = fresh_folder(f"wg-dnsd-{port}")
    return Server(
        "wg-dnsd",
        [bench.program("wg-dnsd"), "--zone", ZONE, "--peers", path or bench.peers_file(peers), "--ns", f"ns1.{ZONE}=127.0.0.1",
         "--listen", f"0.0.0.0:{port}", "--control", folder / "control.sock",
         "--state-dir", folder, "--answer-threads", threads],
        folder, port, threads,
    )


def ask_wg_dnsd(word, *options, port=PORTS["wg-dnsd"], **how):
    """Runs one command of the running wg-dnsd."""
    control = bench.FOLDER / f"wg-dnsd-{port}/control.sock"
    return subprocess.run([bench.program("wg-dnsd"), word, *options, "--control", control], check=True, **how)


def public_zone(peers):
    """The public view of a running wg-dnsd as a zone file, written once for each build of wg-dnsd."""
    path = bench.FOLDER / f"zone-{peers}"
    if not path.exists() or path.stat().st_mtime < os.stat(bench.program("wg-dnsd")).st_mtime:
        part = path.with_suffix(".part")
        with part.open("w") as out:
            ask_wg_dnsd("zone", "--public", stdout=out)
        part.rename(path)
    return path


def server_libraries():
    """An environment with the libraries of the unpacked Debian packages."""
    return {"LD_LIBRARY_PATH": str(next((bench.SERVERS / "usr/lib").glob("*-linux-gnu")))}


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
    return Server(
        "knot",
        [bench.SERVERS / "usr/sbin/knotd", "-c", folder / "knot.conf"],
        folder, env=server_libraries(),
    )


def versions():
    """The versions of the servers."""
    found = {}
    for name, binary, flag in (("nsd", "nsd", "-v"), ("knot", "knotd", "-V")):
        path = bench.SERVERS / "usr/sbin" / binary
        shown = subprocess.run(
            [path, flag], env=server_libraries(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False,
        ).stdout
        found[name] = shown.splitlines()[0].split()[-1] if shown else "?"
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=bench.ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return {"wg-dnsd": commit.stdout.strip()} | found
