"""churn: CPU per answered query while endpoints change, compared in turns with a table that does not change. Also
prints the writer's cost of a change, and the time until a change is served (median of 101)."""

import argparse
import json
import statistics
import subprocess

import bench

PORT = 5394


def one_round(options, changes):
    server = subprocess.Popen(
        ["taskset", "-c", str(bench.SERVER_CORE), bench.program("bench_churn"), "--peers", str(options.peers),
         "--changes", str(changes), "--seconds", str(options.seconds + 0.5), "--port", str(PORT)],
        stdout=subprocess.PIPE, text=True,
    )
    if server.stdout.readline() != "ready\n":
        raise SystemExit("bench_churn did not start")
    load = bench.run_json(
        "taskset", "-c", bench.LOAD_CORE, bench.program("bench_load"), "--port", PORT, "--peers", options.peers,
        "--seconds", options.seconds,
    )
    result = json.loads(server.stdout.readline())
    server.wait()
    return result | {"ns": result["answer_cpu_seconds"] * 1e9 / load["answered"], "wrong": load["wrong"]}


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench churn", description=__doc__)
    parser.add_argument("--peers", type=int, default=10000)
    parser.add_argument("--changes", type=int, default=10000, help="per second")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    bench.build("bench_churn", "bench_load")
    still, moving = [], []
    for _ in range(options.rounds):
        still.append(one_round(options, 0))
        moving.append(one_round(options, options.changes))
    ratio = statistics.median(m["ns"] / s["ns"] for s, m in zip(still, moving))
    wrong = sum(one["wrong"] for one in still + moving)
    print(
        f"{options.peers} peers, {options.changes} changes per second: {ratio:.2f} x the still table, "
        f"{statistics.median(one['us_per_change'] for one in moving):.2f} us of CPU per change, "
        f"{statistics.median(one['median_us_until_served'] for one in still + moving):.0f} us until served, {wrong} wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
