"""Checks a zone file with stock tools: named-checkzone, kzonecheck and ldns-read-zone."""

import dns.zone

from lab.addresses import ZONE
from lab.checks import check


def check_zone_file(node, path):
    """Each tool accepts the file, reports nothing but what is on purpose, and reads every record of it."""
    named = node.run("named-checkzone", "-i", "local", ZONE, path, check=False)
    complaints = [line for line in named.stdout.splitlines() if not is_expected(line)]
    check(named.returncode == 0 and not complaints, f"named-checkzone {path.name}: {complaints or named.stdout}")

    knot = node.run("kzonecheck", "--origin", ZONE, "--verbose", path, check=False)
    agreed = knot.returncode == 0 and "No semantic error found" in knot.stdout
    check(agreed, f"kzonecheck {path.name}: {knot.stdout}{knot.stderr}")

    written, read = records(path.read_text()), records(node.output("ldns-read-zone", path))
    check(written == read, f"ldns-read-zone {path.name}: {written ^ read} is not in both")
    print(f"{path.name}: named-checkzone, kzonecheck and ldns-read-zone accept its {len(written)} records")


def is_expected(line):
    """The verdict; and service names with addresses, which are not host names to BIND: existing clients of wgsd look
    for the address there (doc/protocol.md §1.1)."""
    return (
        line == "OK"
        or line.startswith(f"zone {ZONE}/IN: loaded serial ")
        or line.endswith(f"._wireguard._udp.{ZONE}: bad owner name (check-names)")
    )


def records(text):
    zone = dns.zone.from_text(text, origin=ZONE, relativize=False)
    return {(name, ttl, data.rdtype, data.to_text()) for name, ttl, data in zone.iterate_rdatas()}
