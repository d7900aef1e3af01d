"""dns: CPU of the server per answered query over loopback, as a ratio to a bare recvmmsg/sendmmsg floor in the same
run. The server is pinned to one core and the load to the other, and the servers take turns. A round counts only if the
server was at least 90 % busy (of the time in which it was given the core) and less than 1 % was lost. The mix `tcp`
asks over connections. It has no floor, so the servers are compared with each other. With several sizes and mixes, each
server starts once per size and is asked every mix."""

import argparse
import json
import shlex
import statistics
import subprocess
import sys

import bench
import dns_servers

MIXES = ("srv", "judged", "tcp")
REFERENCES = {"nsd": dns_servers.start_nsd, "knot": dns_servers.start_knot}


def start_load(server, core, words):
    command = ["taskset", "-c", core, bench.program("bench_load"), "--port", server.port, *words]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)


def one_round(server, peers, mix, seconds, seed, load_cores=(bench.LOAD_CORE,), load_words=()):
    """Asks from each of these cores at once."""
    floor = ["--floor"] if server.name == "floor" else []
    words = ["--peers", peers, "--mix", mix, "--seconds", seconds, *floor, *load_words]
    before = server.cpu()
    loads = [
        start_load(server, core, [*words, "--seed", seed * len(load_cores) + number])
        for number, core in enumerate(load_cores)
    ]
    counts = [json.loads(load.communicate()[0] or "null") for load in loads]
    after = server.cpu()
    if None in counts:
        raise SystemExit("bench_load failed")
    load = {name: sum(count[name] for count in counts) for name in ("asked", "answered", "lost", "wrong")}
    run = sum(b.run - a.run for a, b in zip(before, after))
    wait = sum(b.wait - a.wait for a, b in zip(before, after))
    user = sum(b.user - a.user for a, b in zip(before, after))
    system = sum(b.system - a.system for a, b in zip(before, after))
    wall = after[0].clock - before[0].clock
    answered = max(load["answered"], 1)
    return load | {
        "reply_octets": statistics.mean(count["reply_octets"] for count in counts),
        "ns": run / answered,
        # The kernel's own accounting is in ticks: the share of user time is right, the sum is not.
        "user_ns": run / answered * user / max(user + system, 0.01),
        # Time spent waiting for a core does not count. Threads that do not answer neither run nor wait.
        "busy": min(run / max(wall * server.threads - wait, 1), 1),
        "loss": load["lost"] / max(load["asked"], 1),
    }


def is_valid(result, least_busy, count_all):
    return count_all or (result["busy"] >= least_busy and result["loss"] < 0.01)


def show(name, number, result):
    print(f"{number} {name:8}", {key: round(value, 3) for key, value in result.items()}, flush=True)


def measure(peers, options):
    """All rounds of one size: mix → [server → result]; and the seconds until each server answered."""
    servers = [dns_servers.start_wg_dnsd(peers)]  # first: it writes the zone that the others serve
    floors = {}
    try:
        def ask(server, mix, number):
            return one_round(server, peers, mix, options.seconds, number)

        for mix in options.mix:
            reply = ask(servers[0], mix, 0)["reply_octets"]
            if mix != "tcp":
                floors[mix] = [dns_servers.start_floor(round(reply), mix)]
        servers += [start(peers) for name, start in REFERENCES.items() if name in options.servers.split(",")]
        rounds = {mix: [] for mix in options.mix}
        for number in range(options.rounds + 1):
            for mix in options.mix:
                one = {server.name: ask(server, mix, number) for server in servers + floors.get(mix, [])}
                if options.verbose:
                    for name, result in one.items():
                        show(f"{mix} {name}", number, result)
                if number > 0:  # the first round reads the tables for the first time
                    rounds[mix].append(one)
        return rounds, {server.name: round(server.started_after, 2) for server in servers}
    finally:
        for server in sum(floors.values(), servers):
            server.stop()


def summarise(rounds, starts, options):
    summary = {}
    has_floor = "floor" in rounds[0]
    for name in rounds[0]:
        pairs = [
            (one[name], one["floor"] if has_floor else one[name])
            for one in rounds
            if is_valid(one[name], 0.9, options.count_all)
            and (not has_floor or is_valid(one["floor"], 0.9, options.count_all))
        ]
        summary[name] = {
            "rounds": len(pairs),
            "ratio": statistics.median(a["ns"] / b["ns"] for a, b in pairs) if pairs and has_floor else None,
            "ns": statistics.median(a["ns"] for a, _ in pairs) if pairs else None,
            "user_ns": statistics.median(a["user_ns"] for a, _ in pairs) if pairs else None,
            "wrong": sum(one[name]["wrong"] for one in rounds),
            "answered": sum(one[name]["answered"] for one in rounds),
            "busy": round(statistics.median(one[name]["busy"] for one in rounds), 3),
            "loss": round(statistics.median(one[name]["loss"] for one in rounds), 4),
            "seconds_to_first_answer": starts.get(name),
        }
    return summary


def report(peers, mix, summary, options):
    print(f"{mix}, {peers} peers, {options.rounds} rounds of {options.seconds} s")
    for name, result in summary.items():
        if result["rounds"] == 0:
            print(f"  {name:8} no round counts: {result['busy']:.0%} busy, {result['loss']:.1%} lost (medians)")
            continue
        ratio = f"{result['ratio']:.2f} x floor, " if result["ratio"] else ""
        print(
            f"  {name:8} {ratio}{result['ns']:.0f} ns per query ({result['user_ns']:.0f} user), "
            f"{result['rounds']} rounds count, {result['wrong']} wrong of {result['answered']}", flush=True
        )


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench dns", description=__doc__)
    parser.add_argument("--peers", type=int, nargs="+", default=[10000])
    parser.add_argument("--mix", choices=MIXES, nargs="+", default=["srv"])
    parser.add_argument("--servers", default="wg-dnsd,nsd,knot", help="which stand beside wg-dnsd and the floor")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2, help="of each round")
    parser.add_argument("--count-all", action="store_true", help="every round counts, on a machine that others use too")
    parser.add_argument("--json", metavar="FILE", help="append a line per size and mix, for scripts/bench plot")
    parser.add_argument("--verbose", action="store_true", help="each round")
    options = parser.parse_args()
    bench.build("bench_load", "bench_floor", "bench_peers", "wg-dnsd")
    versions = dns_servers.versions()
    wrong = 0
    for peers in options.peers:
        rounds, starts = measure(peers, options)
        for mix in options.mix:
            summary = summarise(rounds[mix], starts, options)
            report(peers, mix, summary, options)
            wrong += summary["wg-dnsd"]["wrong"] + summary.get("floor", {"wrong": 0})["wrong"]
            if options.json:
                with open(options.json, "a") as out:
                    told = {
                        "peers": peers, "mix": mix, "count_all": options.count_all, "servers": summary,
                        "versions": versions, "command": shlex.join(["scripts/bench", "dns", *sys.argv[1:]]),
                    }
                    out.write(json.dumps(told | bench.machine()) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
