"""handshakes: the cost of a built-in observation point on one core: initiations answered, compared with the sum of
their calls to OpenSSL; initiations with a wrong mac1 rejected, compared with a bare receive; keepalives; memory of
peers and sessions. Then the CPU of the whole process for a handshake over UDP, for wg-dnsd and for wireguard-go."""

import argparse
import re
import subprocess
import sys

import bench

sys.path[0] = str(bench.ROOT / "tests/e2e")  # replaces this folder, whose dns.py would hide dnspython
from lab import lab  # noqa: E402
from lab.addresses import HOST, TUNNEL, WIREGUARD_PORT  # noqa: E402
from lab.checks import check  # noqa: E402
from lab.containment import RUN  # noqa: E402
from lab.point import Point  # noqa: E402
from lab.wireguard import WireGuard, wg  # noqa: E402

INITIATORS = 250


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


def drive(world, public_key, count, start):
    """CPU microseconds of each handshake with a responder. \\param start(keys) → its Process"""
    keys_file = RUN / "initiators"
    words = (bench.program("bench_initiators"), INITIATORS, keys_file, count, public_key, f"{HOST}:{WIREGUARD_PORT}")
    with subprocess.Popen(
        world.host.wrap(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as initiators:
        check(initiators.stdout.readline() == "ready\n", "the initiators are not ready")
        process = start(keys_file.read_text().split())
        before = bench.Cpu(process.popen.pid)
        initiators.stdin.write("\n")
        initiators.stdin.flush()
        answered = int(initiators.stdout.readline().split()[0])
        used = bench.Cpu(process.popen.pid).run - before.run
    process.stop()
    check(answered >= 0.99 * count, f"{answered} of {count} handshakes were answered")
    return used / answered / 1000


def beside_wireguard_go(world, count):
    hub = Point(world)

    def start_wg_dnsd(keys):
        for i, key in enumerate(keys):
            hub.add_peer(key, f"10.78.0.{i}/32")
        return hub.start()

    own = drive(world, hub.public_key, count, start_wg_dnsd)
    private_key = wg("genkey")

    def start_wireguard_go(keys):
        device = WireGuard(world.host, "wg-host", private_key, addresses=[f"{TUNNEL['host']}/32"])
        device.set(*(word for i, key in enumerate(keys) for word in ("peer", key, "allowed-ips", f"10.78.0.{i}/32")))
        return device.process

    other = drive(world, wg("pubkey", private_key), count, start_wireguard_go)
    print(
        f"  over UDP, CPU of the process per handshake: wg-dnsd {own:.0f} µs, {1e6 / own:.0f} per second and core; "
        f"wireguard-go {other:.0f} µs, {1e6 / other:.0f}"
    )


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench handshakes", description=__doc__)
    parser.add_argument("--peers", type=int, default=1000000, help="whose memory is measured")
    parser.add_argument("--live", type=int, default=100000, help="of them with three sessions each")
    parser.add_argument("--handshakes", type=int, default=5000, help="over UDP, with either program")
    options = parser.parse_args()
    bench.build("bench_handshakes", "bench_initiators", "wg-dnsd")
    text = subprocess.run(
        [bench.program("bench_handshakes"), str(options.peers), str(options.live)],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    print(text, end="", flush=True)
    per_second = number(r", (\d+) per second; the calls", text)
    of_calls = number(r": ([\d.]+) of their rate", text)
    findings = {
        "handshakes: neither 5000 per second nor 0.9 of the rate of their calls": per_second < 5000 and of_calls < 0.9,
        "to receive and reject a wrong mac1 costs more than 1.5 bare receives":
            number(r"received and rejected .*: ([\d.]+) of it", text) > 1.5,
        "an idle peer takes more than 512 octets": number(r"idle peers: (\d+) octets", text) > 512,
        "a live peer takes more than 1536 octets": number(r"three sessions each: (\d+) octets", text) > 1536,
    }
    for finding in (words for words, is_so in findings.items() if is_so):
        print(f"failed: {finding}")
    lab_options = argparse.Namespace(build_dir=bench.BUILD, full=True, keep=None, verbose=False)
    beside = lab.in_laboratory(lab_options, lambda world: beside_wireguard_go(world, options.handshakes))
    return 1 if any(findings.values()) or beside == 1 else 0


if __name__ == "__main__":
    raise SystemExit(main())
