"""respond: the cost of one answer in process. First instructions by callgrind, which a noisy machine does not change:
the command fails if they exceed the recorded ones by more than 3 %. Then nanoseconds, alone and on two pinned threads
while endpoints are rewritten, in turns. Then whole answers are checked while endpoints are rewritten at full speed: the
command fails if an answer mixes two endpoints."""

import argparse
import json
import pathlib
import statistics

import bench

RECORDED = pathlib.Path(__file__).with_name("respond.json")
TOLERANCE = 1.03
MIXES = ("srv", "judged")


def instructions_per_answer(mix):
    """The difference of two runs, because both contain the cost of a start."""
    few, many = 2000, 22000
    command = (bench.program("bench_respond"), "--peers", 1000, "--questions", 2000, "--mix", mix, "--answers")
    return (bench.instructions(*command, many) - bench.instructions(*command, few)) / (many - few)


def time_answers(mix, peers, rounds):
    """Nanoseconds of one thread, and the rate of two threads as a multiple of its rate. Rates are per second of a
    thread's own CPU: time that others had the core, the writer included, does not count."""
    command = (bench.program("bench_respond"), "--peers", peers, "--mix", mix)
    one, times = [], []
    for _ in range(rounds):
        one.append(bench.run_json(*command))
        two = bench.run_json(*command, "--threads", 2, "--changes", 10000)
        times.append(two["answers_per_second"] / one[-1]["answers_per_second"])
    return statistics.median(each["ns_per_answer"] for each in one), statistics.median(times)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench respond", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the instructions to respond.json")
    parser.add_argument("--peers", type=int, default=10000, help="of the timed runs")
    parser.add_argument("--rounds", type=int, default=5, help="of the timed runs")
    parser.add_argument("--instructions-only", action="store_true", help="nothing else")
    options = parser.parse_args()
    bench.build("bench_respond")

    measured = {mix: round(instructions_per_answer(mix)) for mix in MIXES}
    if options.record:
        RECORDED.write_text(json.dumps(measured) + "\n")
    recorded = json.loads(RECORDED.read_text())
    worse = False
    for mix in MIXES:
        too_many = measured[mix] > recorded[mix] * TOLERANCE
        worse |= too_many
        verdict = ": TOO MANY" if too_many else ""
        print(f"{mix}: {measured[mix]} instructions per answer, {recorded[mix]} recorded{verdict}")
    if options.instructions_only:
        return 1 if worse else 0
    for mix in MIXES:
        one, times = time_answers(mix, options.peers, options.rounds)
        print(
            f"{mix}, {options.peers} peers: {one:.0f} ns of CPU per answer; two threads while 10 000 endpoints change "
            f"per second: {times:.2f} x one"
        )
    command = (bench.program("bench_respond"), "--check-whole", "--threads", 2, "--answers", 3000000)
    seen = bench.run_json(*command, may_fail=True)
    print(f"{seen['answers']} whole answers checked during {seen['changes']} changes: {seen['mixed']} mixed")
    return 1 if worse or seen["mixed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
