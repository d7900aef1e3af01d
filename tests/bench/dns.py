"""dns: CPU of the server per answered query over loopback, as a ratio to a bare recvmmsg/sendmmsg floor in the same
run. The server is pinned to one core and the load to the other, and the servers take turns. A round counts only
with the server at least 90 % busy (of the time in which it was given the core) and less than 1 % lost. The mix `tcp`
asks over connections: there is no floor, the servers stand beside each other."""

import argparse
import json
import statistics

import bench
import dns_servers


def one_round(server, options, seed):
    before = server.cpu()
    load = bench.run_json(
        "taskset", "-c", bench.LOAD_CORE, bench.program("bench_load"), "--port", server.port, "--mix", options.mix,
        "--peers", options.peers, "--seconds", options.seconds, "--seed", seed,
        *(["--floor"] if server.name == "floor" else []),
    )
    after = server.cpu()
    run = sum(b.run - a.run for a, b in zip(before, after))
    wait = sum(b.wait - a.wait for a, b in zip(before, after))
    user = sum(b.user - a.user for a, b in zip(before, after))
    system = sum(b.system - a.system for a, b in zip(before, after))
    wall = after[0].clock - before[0].clock
    answered = max(load["answered"], 1)
    return load | {
        "ns": run / answered,
        # The kernel's own accounting is in ticks: the share of user time is right, its sum is not.
        "user_ns": run / answered * user / max(user + system, 0.01),
        "busy": min(run / max(wall - wait, 1), 1),
        "loss": load["lost"] / max(load["asked"], 1),
    }


def is_valid(result, options):
    return options.count_all or (result["busy"] >= 0.9 and result["loss"] < 0.01)


def measure(options):
    names = options.servers.split(",")
    servers = [dns_servers.start_wg_dnsd(options.peers)]  # first: it writes the zone of the others
    try:
        reply = one_round(servers[0], options, 0)["reply_octets"]
        servers += [dns_servers.STARTERS[name](options.peers) for name in names if name != "wg-dnsd"]
        if options.mix != "tcp":
            servers.append(dns_servers.start_floor(round(reply)))
        for server in servers:  # untimed: the tables are looked at for the first time
            one_round(server, options, 0)
        rounds = []
        for number in range(options.rounds):
            rounds.append({server.name: one_round(server, options, number + 1) for server in servers})
        starts = {server.name: server.started_after for server in servers}
        return rounds, starts
    finally:
        for server in servers:
            server.stop()


def summarise(rounds, starts, options):
    summary = {}
    has_floor = "floor" in rounds[0]
    for name in rounds[0]:
        pairs = [
            (one[name], one.get("floor", one[name]))
            for one in rounds
            if is_valid(one[name], options) and (not has_floor or is_valid(one["floor"], options))
        ]
        summary[name] = {
            "rounds": len(pairs),
            "ratio": statistics.median(a["ns"] / b["ns"] for a, b in pairs) if pairs and has_floor else None,
            "ns": statistics.median(a["ns"] for a, _ in pairs) if pairs else None,
            "user_ns": statistics.median(a["user_ns"] for a, _ in pairs) if pairs else None,
            "wrong": sum(one[name]["wrong"] for one in rounds),
            "answered": sum(one[name]["answered"] for one in rounds),
            "seconds_to_first_answer": round(starts[name], 2),
        }
    return summary


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench dns", description=__doc__)
    parser.add_argument("--peers", type=int, default=10000)
    parser.add_argument("--mix", choices=("srv", "judged", "tcp"), default="srv")
    parser.add_argument("--servers", default="wg-dnsd,nsd,knot")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--count-all", action="store_true", help="every round counts, on a machine that others use too")
    parser.add_argument("--json", metavar="FILE", help="append one line")
    parser.add_argument("--verbose", action="store_true", help="each round")
    options = parser.parse_args()
    bench.build("bench_load", "bench_floor", "bench_peers", "wg-dnsd")
    rounds, starts = measure(options)
    if options.verbose:
        for number, one in enumerate(rounds):
            for name, result in one.items():
                print(f"{number} {name:8}", {key: round(value, 3) for key, value in result.items()})
    summary = summarise(rounds, starts, options)
    print(f"{options.mix}, {options.peers} peers, {len(rounds)} rounds of {options.seconds} s")
    for name, result in summary.items():
        if result["rounds"] == 0:
            print(f"  {name:8} no round counts: the machine is too busy")
            continue
        ratio = f"{result['ratio']:.2f} x floor, " if result["ratio"] else ""
        print(
            f"  {name:8} {ratio}{result['ns']:.0f} ns per query ({result['user_ns']:.0f} user), "
            f"{result['rounds']} rounds count, {result['wrong']} wrong of {result['answered']}"
        )
    if options.json:
        with open(options.json, "a") as out:
            told = {"peers": options.peers, "mix": options.mix, "count_all": options.count_all, "servers": summary}
            out.write(json.dumps(told | bench.machine()) + "\n")
    return 1 if any(result["wrong"] for result in summary.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
