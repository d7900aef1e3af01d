"""zones: the CPU of reading a zone file of 100 000 records, as a ratio to ldns's own reader in the same run, which
wg-dnsd used before. The command fails if it is above 2."""

import argparse

import bench

LIMIT = 2.0


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench zones", description=__doc__)
    parser.add_argument("--records", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=5, help="the least of them counts")
    options = parser.parse_args()
    bench.build("bench_zones")
    seen = bench.run_json(bench.program("bench_zones"), "--records", options.records, "--rounds", options.rounds)
    ratio = seen["seconds"] / seen["ldns_seconds"]
    verdict = ": TOO SLOW" if ratio > LIMIT else ""
    print(f"{seen['records']} records: {seen['seconds']:.3f} s of CPU, ldns {seen['ldns_seconds']:.3f} s, "
          f"ratio {ratio:.2f}, at most {LIMIT}{verdict}")  # fmt: skip
    return 1 if verdict else 0


if __name__ == "__main__":
    raise SystemExit(main())
