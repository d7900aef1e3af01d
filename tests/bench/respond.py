"""respond: what one answer costs in process. Instructions by callgrind, which a noisy machine does not change: the
command fails when they are more than 3 % over the recorded ones. Then nanoseconds, alone and on two pinned threads
while endpoints are rewritten."""

import argparse
import json
import pathlib

import bench

RECORDED = pathlib.Path(__file__).with_name("respond.json")
TOLERANCE = 1.03
MIXES = ("srv", "judged")


def instructions_per_answer(mix):
    """The difference of two runs: what a start costs is in both."""
    few, many = 2000, 22000
    command = (bench.program("bench_respond"), "--peers", 1000, "--questions", 2000, "--mix", mix, "--answers")
    return (bench.instructions(*command, many) - bench.instructions(*command, few)) / (many - few)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench respond", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the instructions to respond.json")
    parser.add_argument("--peers", type=int, default=10000, help="of the timed runs")
    parser.add_argument("--instructions-only", action="store_true", help="no timed runs")
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
        print(f"{mix}: {measured[mix]} instructions per answer, {recorded[mix]} recorded{': TOO MANY' if too_many else ''}")
    if not options.instructions_only:
        for mix in MIXES:
            command = (bench.program("bench_respond"), "--peers", options.peers, "--mix", mix)
            one = bench.run_json(*command)
            two = bench.run_json(*command, "--threads", 2, "--changes", 10000)
            print(
                f"{mix}, {options.peers} peers: {one['ns_per_answer']} ns of CPU per answer; two threads while 10 000 "
                f"endpoints change per second: {two['answers_per_second'] / one['answers_per_second']:.2f} x one"
            )
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main())
