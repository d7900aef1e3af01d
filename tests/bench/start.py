"""start: seconds from the start of wg-dnsd until its first answer, with so many peers from a file, and of a reload
that changes nothing; both with the CPU that they took."""

import argparse
import os
import subprocess
import time

import bench
import dns_servers


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench start", description=__doc__)
    parser.add_argument("--peers", type=int, default=1000000)
    options = parser.parse_args()
    bench.build("wg-dnsd", "bench_peers")
    bench.peers_file(options.peers)
    server = dns_servers.start_wg_dnsd(options.peers)
    try:
        def cpu():
            one = bench.Cpu(server.process.pid)
            return one.run / 1e9

        start_cpu = cpu()
        print(f"{options.peers} peers: first answer after {server.started_after:.2f} s, {start_cpu:.2f} s of CPU")
        before = time.monotonic()
        dns_servers.ask_wg_dnsd("reload", stdout=subprocess.DEVNULL)
        print(f"reload without a change: {time.monotonic() - before:.2f} s, {cpu() - start_cpu:.2f} s of CPU")
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
