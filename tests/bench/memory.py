"""memory: resident MiB of wg-dnsd when it answers, without peers and with many from a file; and the maximum while it
loaded."""

import argparse

import bench
import dns_servers

LIMITS = {0: 12, 1000000: 200}  # MiB resident


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench memory", description=__doc__)
    parser.add_argument("--peers", type=int, nargs="*", default=[0, 10, 10000, 1000000])
    options = parser.parse_args()
    bench.build("wg-dnsd", "bench_peers")
    failed = False
    for peers in options.peers:
        server = dns_servers.start_wg_dnsd(peers)
        try:
            now, most = bench.memory(server.process.pid)
        finally:
            server.stop()
        too_much = now > LIMITS.get(peers, now)
        failed |= too_much
        print(f"{peers:8} peers: {now:6.1f} MiB resident, {most:6.1f} MiB at most{': TOO MUCH' if too_much else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
