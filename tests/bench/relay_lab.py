"""What the benchmark of the relay measures in: a network of its own, the forwarders, and the load."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import bench

HOST = "203.0.113.10"  # relay_address() of relay_scene.hpp
PEERS_NETWORK = "198.18.0.0/15"
PORTS = {"wg-dnsd": 51823, "floor": 51821, "floor-gro": 51822, "coturn": 3478}
DNS_PORT = 5391
NICENESS = 5  # of the point's thread alone (observation_point.cpp)
MOST_PEERS = 1000
START_LIMIT = 120  # seconds


def make_network():
    """In a network namespace of its own: the host's address, and one for each peer."""
    for words in (f"address add {HOST}/32 dev lo", f"route add local {PEERS_NETWORK} dev lo"):
        subprocess.run(["ip", *words.split()], check=True)


def peers_of(ways):
    """How many peers have this many routes; the more routes, the more partners each has."""
    return max(2, min(ways, MOST_PEERS))


def run_time(thread):
    """Nanoseconds that a thread has run."""
    return int((thread / "schedstat").read_text().split()[0])


def field(thread, number):
    """Of proc_pid_stat(5), from the state on, which is number 0."""
    return (thread / "stat").read_text().rsplit(")", 1)[1].split()[number]


def threads_of(process):
    return list(pathlib.Path(f"/proc/{process}/task").iterdir())


class Forwarder:
    """A process that passes datagrams on; `thread` does it."""

    def __init__(self, name, command, cores=bench.SERVER_CORE, env=None):
        self.name, self.port = name, PORTS[name]
        self.log = bench.FOLDER / f"relay-{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(cores), *map(str, command)], stdout=log, stderr=subprocess.STDOUT,
                env=env and os.environ | env,
            )  # fmt: skip

    def threads(self):
        return threads_of(self.process.pid)

    def wait_for(self, predicate, what):
        end = time.monotonic() + START_LIMIT
        while not predicate():
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended: {self.log.read_text()[-2000:]}")
            if time.monotonic() > end:
                raise SystemExit(f"{self.name}: waited in vain until {what}, see {self.log}")
            time.sleep(0.005)

    @contextlib.contextmanager
    def stopped(self):
        """What is sent to it meanwhile waits in its socket."""
        self.process.send_signal(signal.SIGSTOP)
        self.wait_for(lambda: all(field(thread, 0) == "T" for thread in self.threads()), "it is stopped")
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def wait_until_idle(self):
        """It has worked off what waited in its socket, and sleeps."""
        last = -1
        while field(self.thread, 0) != "S" or last != run_time(self.thread):
            last = run_time(self.thread)
            time.sleep(0.003)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_floor(joins, ways):
    name = "floor-gro" if joins else "floor"
    made = Forwarder(
        name, [bench.program("bench_forward"), PORTS[name], peers_of(ways), ways, *(["--gro"] if joins else [])]
    )
    made.wait_for(lambda: "ready" in made.log.read_text(), "it is ready")
    (made.thread,) = made.threads()
    return made


class WgDnsd(Forwarder):
    """With a built-in point, and the sessions of relay_scene.hpp in its state."""

    def __init__(self, ways, cores):
        folder = bench.FOLDER / "relay-point"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.ways = ways
        self.counted = folder / "allocations"
        words = (bench.program("bench_relay_state"), folder, PORTS["wg-dnsd"], peers_of(ways), ways)
        made = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True, check=True)
        self.key = made.stdout.strip()
        super().__init__(
            "wg-dnsd",
            [bench.program("wg-dnsd"), "--zone", "wg.example.org", "--ns", "ns1.wg.example.org=127.0.0.1",
             "--observe", f"{HOST}:{PORTS['wg-dnsd']}={folder / 'key'}", "--peers-file", folder / "peers.conf",
             "--listen", f"{HOST}:{DNS_PORT}", "--state-dir", folder / "state", "--control", folder / "control",
             "--rate-limit", 0, "--relay-rate", "100G", "--relay-total", "1000G"],
            cores, {"LD_PRELOAD": bench.program("libbench_allocations.so"), "BENCH_ALLOCATIONS": str(self.counted)},
        )  # fmt: skip
        self.wait_for(lambda: "answering" in self.log.read_text(), "it answers")
        (self.thread,) = (thread for thread in self.threads() if int(field(thread, 16)) == NICENESS)

    def greet(self, load):
        """All peers shake hands with it, so that it knows where they are."""
        peers = peers_of(self.ways)
        greeted = load.ask("greet", self.key, self.port)["greeted"]
        if greeted != peers:
            raise SystemExit(f"{greeted} of {peers} peers have a session with the point")

    def allocations(self):
        """Of all its threads so far."""
        return int.from_bytes(self.counted.read_bytes()[:8], "little")

    def latency(self, questions, per_second):
        command = ("taskset", "-c", bench.LOAD_CORE, bench.program("bench_latency"), HOST, DNS_PORT, questions,
                   per_second, peers_of(self.ways))  # fmt: skip
        return bench.run_json(*command)


def start_wg_dnsd(ways, cores=bench.SERVER_CORE):
    return WgDnsd(ways, cores)


class Load:
    """The peers: bench_relay_load."""

    def __init__(self, peers, ways):
        self.process = subprocess.Popen(
            ["taskset", "-c", str(bench.LOAD_CORE), bench.program("bench_relay_load"), str(peers), str(ways)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def stand_back(self):
        """From now on it runs only where nobody else wants the core."""
        os.sched_setscheduler(self.process.pid, os.SCHED_IDLE, os.sched_param(0))

    def ask(self, *words):
        self.start(*words)
        return self.answer()

    def start(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench_relay_load ended")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
