"""start: seconds from the start of wg-dnsd until its first answer, with many peers from a file, and of a reload after
one endpoint in a hundred changed in the file, one of which is looked up afterwards. Each is given as elapsed time and
as CPU. Fails in three cases: a peer costs more than three times as much CPU at the largest size as at the smallest (a
quadratic cost grows with the number of peers); a million peers take more than 3 s to the first answer, without the time
that other processes had the core; loading them took longer than a second and the log did not show its progress."""

import argparse
import re
import shutil
import subprocess

import bench
import dns_servers

LIMITS = {1000000: 3}  # seconds to the first answer
TIMES_PER_PEER = 3
CHANGED = 100  # one peer in this many


class Work:
    """Elapsed time and CPU of a server since the last step."""

    def __init__(self, process):
        self.process = process
        self.last = None

    def step(self, started_after=None):
        now = bench.Cpu(self.process)
        run, wait, clock = (self.last.run, self.last.wait, self.last.clock) if self.last else (0, 0, 0)
        self.last = now
        passed = started_after if started_after is not None else (now.clock - clock) / 1e9
        return {"passed": passed, "cpu": (now.run - run) / 1e9, "waited": (now.wait - wait) / 1e9}


def change_endpoints(path):
    """Gives every hundredth peer an address that no other has. Returns the last such key and endpoint."""
    lines = path.read_text().splitlines(keepends=True)
    endpoints = [number for number, line in enumerate(lines) if line.startswith("Endpoint = ")]
    for count, number in enumerate(endpoints[CHANGED - 1 :: CHANGED]):
        endpoint = f"30.{count >> 16 & 255}.{count >> 8 & 255}.{count & 255}:{5000 + count % 1000}"
        lines[number] = f"Endpoint = {endpoint}\n"
    last = endpoints[CHANGED - 1 :: CHANGED][-1]
    path.write_text("".join(lines))
    return re.search(r"PublicKey = (\S+)", lines[last - 2]).group(1), endpoint


def serves(key, endpoint):
    shown = dns_servers.ask_wg_dnsd("query", key, stdout=subprocess.PIPE, text=True).stdout
    return endpoint.split(":")[0].replace(".", "-") in shown  # the target of the SRV record


def measure(peers):
    path = bench.FOLDER / f"start-{peers}.conf"
    shutil.copy(bench.peers_file(peers), path)
    server = dns_servers.start_wg_dnsd(peers, path=path)
    try:
        work = Work(server.process.pid)
        start = work.step(server.started_after)
        loading = re.findall(r"configured peers loaded", server.log.read_text())
        key, endpoint = change_endpoints(path)
        work.step()
        dns_servers.ask_wg_dnsd("reload", stdout=subprocess.DEVNULL)
        reload = work.step()
        if not serves(key, endpoint):
            raise SystemExit(f"{endpoint} of {key} is not served after the reload")
        seconds_loading = time_between(server.log.read_text(), "wg-dnsd .* for ", "listening on")
    finally:
        server.stop()
        path.unlink()
    return {"start": start, "reload": reload, "told": bool(loading), "loading": seconds_loading}


def time_between(log, first, second):
    """Seconds between two lines of the log."""

    def when(pattern):
        clock = re.search(rf"T(\d+):(\d+):([\d.]+)[+-][\d:]+ wg-dnsd info: {pattern}", log)
        hours, minutes, seconds = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)

    return (when(second) - when(first)) % 86400


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench start", description=__doc__)
    parser.add_argument("--peers", type=int, nargs="+", default=[100000, 1000000])
    options = parser.parse_args()
    bench.build("wg-dnsd", "bench_peers")
    failed = False
    results = {}
    for peers in sorted(options.peers):
        results[peers] = result = measure(peers)
        for step, words in (("start", "first answer after"), ("reload", f"reload, one of {CHANGED} changed:")):
            one = result[step]
            print(
                f"{peers:8} peers: {words} {one['passed']:.2f} s, {one['cpu']:.2f} s of CPU, "
                f"{one['cpu'] * 1e6 / peers:.2f} us per peer", flush=True
            )
        late = result["start"]["passed"] - result["start"]["waited"] > LIMITS.get(peers, 1e9)
        silent = result["loading"] > 1.2 and not result["told"]
        failed |= late or silent
        told = "progress was told" if result["told"] else "no progress was told"
        found = f"{': TOO LATE' if late else ''}{': SILENT' if silent else ''}"
        print(f"{'':14}  {told} in {result['loading']:.2f} s of loading{found}")
    few, many = min(results), max(results)
    for step in ("start", "reload"):
        times = results[many][step]["cpu"] / results[few][step]["cpu"] / (many / few)
        too_many = times > TIMES_PER_PEER
        failed |= too_many
        print(f"{step}: {times:.2f} times the CPU per peer at {many} as at {few}{': TOO MUCH' if too_many else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
