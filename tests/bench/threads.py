"""threads: CPU per answered query of wg-dnsd with several answer threads, each with its own socket, as a ratio to one
thread, in turns. Each answer thread has a core and a load of its own. The loads have cores of their own if the machine
has twice as many; otherwise they share those of the threads, in both cases that are compared. A server that shares its
core with its load sleeps while the load runs. A round then counts with 50 % busy instead of 90 %, of the time in which
it was given the cores. Fails if the ratio is above 1.10, or an answer was wrong."""

import argparse
import os
import statistics

import bench
import dns
import dns_servers

LIMIT = 1.10
PORT_OF_SEVERAL = 5396


def load_cores(threads, shares):
    first = bench.SERVER_CORE if shares else bench.SERVER_CORE + threads
    return range(first, first + threads)


def measure(options, shares):
    least_busy = 0.5 if shares else 0.9
    servers = [dns_servers.start_wg_dnsd(options.peers)]
    try:
        servers.append(dns_servers.start_wg_dnsd(options.peers, options.threads, PORT_OF_SEVERAL))
        pairs, wrong = [], 0
        for number in range(options.rounds + 1):
            pair = [
                dns.one_round(server, options.peers, options.mix, options.seconds, number,
                              load_cores(server.threads, shares), ["--shares-core"] if shares else [])
                for server in servers
            ]
            wrong += sum(one["wrong"] for one in pair)
            if options.verbose:
                for server, one in zip(servers, pair):
                    dns.show(f"{server.threads} threads", number, one)
            if number > 0 and all(dns.is_valid(one, least_busy, options.count_all) for one in pair):
                pairs.append([one["ns"] for one in pair])
        return pairs, wrong
    finally:
        for server in servers:
            server.stop()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench threads", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", type=int, default=10000)
    parser.add_argument("--mix", choices=("srv", "judged"), default="srv")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--count-all", action="store_true", help="every round counts")
    parser.add_argument("--verbose", action="store_true", help="each round")
    options = parser.parse_args()
    cores = os.cpu_count()
    if options.threads > cores:
        raise SystemExit(f"{options.threads} threads need as many cores, and here are {cores}")
    bench.build("bench_load", "bench_peers", "wg-dnsd")
    shares = cores < 2 * options.threads
    pairs, wrong = measure(options, shares)
    where = "loads on the same cores" if shares else "loads on other cores"
    print(f"{options.mix}, {options.peers} peers, {options.rounds} rounds of {options.seconds} s, {where}")
    if not pairs:
        print(f"  no round counts; {wrong} wrong")
        return 1
    ratio = statistics.median(several / one for one, several in pairs)
    one, several = (statistics.median(column) for column in zip(*pairs))
    print(
        f"  {options.threads} threads: {ratio:.2f} x one, {several:.0f} ns per query, one {one:.0f} ns, "
        f"{len(pairs)} rounds count, {wrong} wrong{': TOO MUCH' if ratio > LIMIT else ''}"
    )
    return 1 if wrong or ratio > LIMIT else 0


if __name__ == "__main__":
    raise SystemExit(main())
