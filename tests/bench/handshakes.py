"""handshakes: what a built-in observation point costs one core: initiations answered, beside the sum of their calls to
OpenSSL; initiations with a wrong mac1 rejected, beside a bare receive; keepalives; memory of peers and sessions."""

import argparse
import re
import subprocess

import bench


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench handshakes", description=__doc__)
    parser.add_argument("--peers", type=int, default=1000000, help="idle ones, whose memory is measured")
    options = parser.parse_args()
    bench.build("bench_handshakes")
    text = subprocess.run(
        [bench.program("bench_handshakes"), str(options.peers)], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    print(text, end="")
    per_second = number(r", (\d+) per second; the calls", text)
    of_calls = number(r": ([\d.]+) of their rate", text)
    findings = {
        "handshakes: neither 5000 per second nor 0.9 of the rate of their calls": per_second < 5000 and of_calls < 0.9,
        "a wrong mac1 costs more than 1.5 bare receives": number(r"wrong mac1: .* = ([\d.]+) of it", text) > 1.5,
        "an idle peer takes more than 512 octets": number(r"idle peers: (\d+) octets", text) > 512,
        "a live peer takes more than 1536 octets": number(r"three sessions each: (\d+) octets", text) > 1536,
    }
    for finding in (words for words, is_so in findings.items() if is_so):
        print(f"failed: {finding}")
    return 1 if any(findings.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
