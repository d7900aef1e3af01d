"""Mistakes that newcomers make, with both programs: each is refused, and what is said names the thing, what is wrong
with it, and what would be right.

    test_mistakes.py WG-DNSD WG-UPDATER [-v] [Mistakes.test_…]

Loopback only, on free ports above 1024; needs no privilege and only Python's own modules. A row is a mistake: how it is
made, and three regular expressions that stand in what is said, in any order. Where it says no exit code, that is 2.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import unittest

from dns_wire import PATIENCE, free_port
from process import ALICE, Process

BOB = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
ZONE = ["--zone", "wg.example.org"]
SOURCE = ["--observe", "127.0.0.1:51820"]
SOA = "$TTL 300\n@ SOA ns1 hostmaster 1 1200 300 1209600 300\n"
BOM = "\ufeff"


def peer(key, *lines):
    return "\n".join(["[Peer]", f"PublicKey = {key}", *lines, ""])


def yaml_peer(*lines, key=ALICE):
    return "\n".join([f"zone: wg.example.org\npeers:\n  - public-key: {key}", *(f"    {line}" for line in lines), ""])


# ---- wg-dnsd: (option, value, thing, wrong, right)
DNSD_OPTIONS = [
    ("zone", "my zone", "--zone", "'my zone'.*has a blank", "such as wg.example.org"),
    ("zone", "example.org-", "--zone", "'org-' ends with a hyphen", "such as wg.example.org"),
    ("zone", "-a.example.org", "--zone", "'-a' begins with a hyphen", "such as wg.example.org"),
    ("zone", "a..example.org", "--zone", "a label is missing", "such as wg.example.org"),
    ("zone", "https://example.org", "--zone", "is a URL", "only its name is wanted"),
    ("zone", "example.org:53", "--zone", "has a port", "only the name is wanted"),
    ("zone", "example.org/24", "--zone", "'/' is not allowed", "such as wg.example.org"),
    ("zone", "192.0.2.1", "--zone", "is an address", "such as wg.example.org"),
    ("zone", "10.0.0", "--zone", "'0', is a number", "such as wg.example.org"),
    ("zone", "bücher.example", "--zone", "beyond ASCII", "xn--"),
    ("zone", "*.example.org", "--zone", "a wildcard is no zone", "such as wg.example.org"),
    ("zone", ".", "--zone", "the root of DNS", "such as wg.example.org"),
    ("ns", "ns1.example.net:53", "--ns", "has a port", "NAME=ADDRESS"),
    ("ns", "192.0.2.1", "--ns", "'192.0.2.1' alone: an address needs a name", "ns1.wg.example.org=203.0.113.10"),
    ("ns", "2001:db8::1", "--ns", "alone: an address needs a name", "ns1.wg.example.org=203.0.113.10"),
    ("ns", "ns1", "--ns", "'ns1' alone is a host of the root", "write the whole name"),
    ("ns", "ns1 .example.net", "--ns", "has a blank", "NAME=ADDRESS"),
    ("ns", "ns1.example.net=192.0.2.1:53", "--ns", "'192.0.2.1:53' has a port", "NAME=ADDRESS"),
    ("ns", "ns1.example.net=192.0.2.300", "--ns", "'192.0.2.300' is no address", "NAME=ADDRESS"),
    ("ns", "ns1.example.net=0.0.0.0", "--ns", "'0.0.0.0' is no place", "NAME=ADDRESS"),
    ("listen", "eth0", "--listen", "'eth0' is no address", "ADDRESS:PORT"),
    ("listen", "localhost:53", "--listen", "'localhost' is no address, and names are not looked up", "ADDRESS:PORT"),
    ("listen", "53", "--listen", "a port alone", "ADDRESS:PORT"),
    ("listen", ":53", "--listen", "the address is missing", "0.0.0.0 is every IPv4 address"),
    ("listen", "127.0.0.1:99999", "--listen", "'127.0.0.1:99999' is not allowed", "a number from 1 to 65535"),
    ("listen", "2001:db8::g:53", "--listen", "'2001:db8::g:53' is not allowed", r"\[ADDRESS\]:PORT"),
    ("observe", "0.0.0.0", "--observe", "the port is missing", "ADDRESS:PORT"),
    ("observe", "51820", "--observe", "a port alone", "ADDRESS:PORT"),
    ("observe", "vpn.example.org:51820", "--observe", "names are not looked up", "ADDRESS:PORT"),
    ("observe", "127.0.0.1:51820=", "--observe", "the file name behind '=' is missing", "ADDRESS:PORT=FILE"),
    ("address-range", "10.0.0.0", "--address-range", "the length is missing", "10.0.0.0/24"),
    ("address-range", "10.0.0.0/40", "--address-range", "'10.0.0.0/40' is not allowed", "1 to 32"),
    ("address-range", "0.0.0.0/0", "--address-range", "all the addresses there are", "a length of 1 or more"),
    ("interface", "wg0 wg1", "--interface", "'wg0 wg1' is not allowed", "1 to 15 characters"),
    ("endpoint-ttl", "1m", "--endpoint-ttl", "'1m' is not allowed", "0 to 604800 seconds"),
    ("relay-rate", "20MB", "--relay-rate", "'20MB' is not allowed", "20M"),
    ("poll-interval", "0", "--poll-interval", "'0' is not allowed", "0.1 to 60 seconds"),
    ("publish", "none", "--publish", "'none' is not allowed", "all or listed"),
    ("public", "everything", "--public", "'everything' is not allowed", "names, allowed, since, map, list"),
    ("tunnel-label", "a.b", "--tunnel-label", "'a.b' is not allowed", "one label"),
    ("log-level", "trace", "--log-level", "'trace' is not allowed", "debug, info, warning or error"),
    ("control", "", "--control", "'' is not allowed", "at most 107 octets"),
]  # fmt: skip

# (words, thing, wrong, right)
DNSD_WORDS = [
    ([], "zone", "no zone is given", "--zone NAME"),
    (ZONE, "source", "nothing to serve", "`observe: ADDRESS:PORT`"),
    ([*ZONE, *ZONE], "--zone", "given twice", "--zone"),
    ([*ZONE, *SOURCE, *SOURCE], "--observe", "'127.0.0.1:51820' is given twice", "each ADDRESS:PORT once"),
    ([*ZONE, "--lisen", "127.0.0.1"], "--lisen", "not expected", "did you mean --listen"),
    ([*ZONE, "--observe", "0.0.0.0:53"], "observe: UDP 0.0.0.0:53", "where DNS is answered",
     "another port, such as 51820"),
    ([*ZONE, *SOURCE, "--listen", "127.0.0.1:51820"], "observe", "where DNS is answered",
     "give the point another port"),
    ([*ZONE, *SOURCE, "--stale-after", "9", "--expire-after", "5"], r"expire-after \(5 s\)", "must not be shorter",
     r"stale-after \(9 s\)"),
    ([*ZONE, *SOURCE, "--wgsd", "--padded-names=no"], "wgsd: true", "needs", "padded-names: true"),
]  # fmt: skip

# ---- wg-dnsd: files. (option, text or octets, thing, wrong, right); a None is a folder
DNSD_FILES = [
    ("config", "zone example.org\n", r"mistake:1", "the file is a map", "lines of `word: value`"),
    ("config", "zone: wg.example.org\n\tinterface: wg0\n", "mistake:2", "indented with a tab", "wants spaces"),
    ("config", "zone: wg.example.org\ninterfaces: wg0\n", "mistake:2: interfaces", "is unknown",
     "did you mean interface"),
    ("config", "zone: a.example\nzone: b.example\n", "mistake:2: zone", "given twice", "zone"),
    ("config", "zone:\n", "mistake:1: zone", "has no value", "an empty list is written"),
    ("config", 'zone: "wg.example.org\n', "mistake:1: zone", "has a|control character", "such as wg.example.org"),
    ("config", "[Interface]\nPrivateKey = x\n", "mistake:1", "a list", "lines of `word: value`"),
    ("config", "zone: wg.example.org\npeers:\n  alice: {}\n", "mistake:2: peers", "is a list of maps", "a public-key"),
    ("config", "zone: wg.example.org\npeers:\n  - name: x\n", "mistake:3", "no public-key", "`wg pubkey`"),
    ("config", yaml_peer(key="abc"), "mistake:3: public-key", "'abc' is not a public key", "wg pubkey"),
    ("config", yaml_peer("endpoint: 192.0.2.1"), "mistake:4: endpoint", "'192.0.2.1' is not", "ADDRESS:PORT"),
    ("config", yaml_peer("name: a.example.org"), "mistake:4: name", "'a.example.org'", "one DNS label"),
    ("config", yaml_peer("allowed-ips: 10.0.0.2/33"), "mistake:4: allowed-ips", "'10.0.0.2/33' is not",
     "ADDRESS/LENGTH"),
    ("config", None, "mistake", "is a folder", "a file is expected"),
    ("peers-file", None, "mistake", "is a folder", "a file is expected"),
    ("peers-file", BOM + peer(ALICE), "mistake:1", "byte order mark", "save it without one"),
    ("peers-file", (BOM + peer(ALICE)).encode("utf-16-le"), "mistake:1", "UTF-16", "save it as UTF-8"),
    ("peers-file", peer("abc"), "mistake:2", '"abc" is not a public key', "`wg pubkey`"),
    ("peers-file", f"[Peer]\nAllowedIPs = 10.0.0.2\n{peer(ALICE)}", "line 1", "no PublicKey", "left out"),
    ("peers-file", peer(ALICE, "AllowedIP = 10.0.0.2/32"), '"AllowedIP"', "not a key of", "AllowedIPs"),
    ("zone-file", None, "mistake", "is a folder", "a file is expected"),
    ("zone-file", BOM + SOA, "mistake:1", "byte order mark", "save it without one"),
    ("zone-file", (BOM + SOA).encode("utf-16-le"), "mistake:1", "UTF-16", "save it as UTF-8"),
    ("zone-file", SOA + "@ NS ns1.example.net\n", "mistake:3", "ns1.example.net.wg.example.org. has no address here",
     r"did you mean ns1.example.net\. with a dot at its end"),
    ("zone-file", SOA + "@ NS ns1\n", "mistake:3", "ns1.wg.example.org. has no address here", "an A or AAAA record"),
    ("cookie-secret-file", None, "cookie-secret-file", "is a folder", "a file is expected"),
    ("cookie-secret-file", BOM + "00" * 16, "cookie-secret-file", "byte order mark", "save it without one"),
    ("cookie-secret-file", "secret\n", "cookie-secret-file .*line 1", "a secret", "32 hex digits"),
    ("control", None, "control", "is a folder", "control.sock"),
    ("state-dir", "x", "state-dir", "is a file", "a folder is expected"),
]  # fmt: skip

# ---- wg-dnsd: lines of a zone file that is served. (line, thing, wrong, right); without a thing, nothing is said
MX = "@ MX 10 mail.example.org"
DNSD_ZONE_LINES = [
    (MX, r"mistake:4: wg.example.org. MX: mail.example.org.wg.example.org.", "has no address here",
     r"did you mean mail.example.org\. with a dot at its end"),
    ("@ MX 10 mail", "mistake:4: .* MX: mail.wg.example.org.", "has no address here", "an A or AAAA record, or,.*a dot"),
    ("_sip._tcp SRV 0 0 5060 sip.example.net", "mistake:4: _sip._tcp.* SRV: sip.example.net.wg.example.org.",
     "has no address here", r"did you mean sip.example.net\. with a dot at its end"),
    ("sub NS ns1.example.net", "mistake:4: sub.wg.example.org. NS: ns1.example.net.wg.example.org.",
     "has no address here", r"did you mean ns1.example.net\. with a dot at its end"),
    ("www CNAME web.example.net", "mistake:4: www.wg.example.org. CNAME: web.example.net.wg.example.org.",
     "is not in the zone", r"did you mean web.example.net\. with a dot at its end"),
    ("*.org A 192.0.2.1\n@ MX 10 mail.wg.example.org", "mistake:5: .* MX: mail.wg.example.org.wg.example.org.",
     "the zone's name twice", r"did you mean mail.wg.example.org\. with a dot at its end"),
    (f"{MX}.",), ("@ MX 0 .",), ("@ MX 10 mail\nmail A 192.0.2.1",), ("@ MX 10 a.mail\n*.mail A 192.0.2.1",),
    ("sub NS ns1.sub\n@ MX 10 mail.sub",), ("www CNAME _wireguard._udp",),
]  # fmt: skip

# ---- wg-updater: (option, value, thing, wrong, right)
UPDATER_OPTIONS = [
    ("zone", "my zone", "--zone", "has a blank", "such as wg.example.org"),
    ("zone", "https://wg.example.org", "--zone", "is a URL", "only its name is wanted"),
    ("zone", "192.0.2.1", "--zone", "is an address", "such as wg.example.org"),
    ("hub", ALICE[:-1], "--hub", "43 characters", "is the '=' at its end missing"),
    ("hub", "/etc/wireguard/key", "--hub", "not a file", "44 characters"),
    ("hub", "vps.example.org", "--hub", "not a file or a name", "44 characters"),
    ("hub", "", "--hub", "is empty", "44 characters"),
    ("hub", "A" * 43 + "=", "--hub", "nobody has a private key", "44 characters"),
    ("mesh-deny", "bob", "--mesh-deny", "has 3 characters", "44 characters"),
    ("hub-endpoint", "203.0.113.1", "--hub-endpoint", "the port is missing", "ADDRESS:PORT"),
    ("hub-endpoint", "https://vps:51820", "--hub-endpoint", "is a URL", "HOST:PORT"),
    ("server", "dns.example.org", "--server", "names are not looked up", "ADDRESS:PORT"),
    ("server", "2001:db8::1::53", "--server", "'2001:db8::1::53' is not allowed", r"\[ADDRESS\]:PORT"),
    ("private-server", "off", "--private-server", "'off' is no address", "none"),
    ("mesh", "10.0.0.0", "--mesh", "the length is missing", "10.0.0.0/24"),
    ("mesh", "fd00::", "--mesh", "the length is missing", "fd00::/120"),
    ("mesh", "0.0.0.0/0", "--mesh", "all the addresses there are", "a length of 1 or more"),
    ("mesh", "all", "--mesh", "'all' is no address", "ADDRESS/LENGTH"),
    ("mesh-max", "0", "--mesh-max", "'0' is not allowed", "1 to 10000 peers"),
    ("relay", "always", "--relay", "'always' is not allowed", "fallback, first or never"),
    ("direct-keepalive", "off", "--direct-keepalive", "'off' is not allowed", "1 to 65535 seconds"),
    ("log-level", "trace", "--log-level", "'trace' is not allowed", "debug, info, warning or error"),
    ("state", "", "--state", "'' is not allowed", "a file name"),
]

# (words, thing, wrong, right); a None is a folder
UPDATER_WORDS = [
    (["wg0"], "zone", "no zone is given", "--zone ZONE"),
    (ZONE, "interface", "which", "wg-updater help"),
    (["statu"], "statu", "there is no interface", "did you mean `wg-updater status`"),
    (["wg0/", *ZONE], "'wg0/'", "is not allowed", "1 to 15 characters"),
    (["wg0", *ZONE, "--hubb", ALICE], "--hubb", "not expected", "did you mean --hub"),
    (["wg0", *ZONE, "--hub", ALICE, "--hub", ALICE], "--hub", "is given twice", "each once"),
    (["wg0", *ZONE, "--hub-endpoint", "vps:51820"], "hub-endpoint", "no hub is given", "--hub KEY"),
    (["wg0", *ZONE, "--mesh", "10.0.0.0/24"], "mesh", "nobody is named", "--hub KEY"),
    (["wg0", *ZONE, "--state", None], "state", "is a folder", "wg0.json"),
    (["wg0", *ZONE, "--control", None], "control", "is a folder", "wg0.sock"),
    (["wg0", *ZONE, "--metrics-file", None], "metrics-file", "is a folder", "wg0.prom"),
    (["why"], "peer", "is required", "--help"),
    (["status", "none-such0"], "none-such0.sock", "no wg-updater answers", "--control"),
]

# (text of the configuration, thing, wrong, right)
UPDATER_FILES = [
    ("zone = wg.example.org\n", "mistake:1", "the file is a map", "lines of `word: value`"),
    ("zone: wg.example.org\n\thub: x\n", "mistake:2", "indented with a tab", "wants spaces"),
    ("zone: wg.example.org\nhubs: x\n", "mistake:2: hubs", "is unknown", "did you mean hub"),
    ("zone: wg.example.org\ninterfaces: [wg0]\n", "mistake:2: interfaces", "is a map of interface names",
     "its own options"),
    ("zone: wg.example.org\nstate: /x\n", "mistake:2: state", "belongs to one interface", r"interfaces: \{wg0"),
    (yaml_peer(key="abc"), "mistake:3: public-key", "'abc'", "44 characters"),
    (yaml_peer("endpoint: 192.0.2.1:5"), "mistake:4: endpoint", "is unknown", "hub-endpoint"),
    (yaml_peer("keepalive: 0"), "mistake:4: keepalive", "'0' is not allowed", "1 to 65535 seconds"),
    (yaml_peer("endpoint-family: v4"), "mistake:4: endpoint-family", "'v4' is not allowed", "any, ipv4 or ipv6"),
    (yaml_peer("lan-candidates: 9.9.9.9:5"), "mistake:4: lan-candidates", "'9.9.9.9:5' is not allowed",
     "a private network"),
    (yaml_peer("name: bob.lan"), "mistake:4: name", "'bob.lan'", "one DNS label"),
    (yaml_peer() + f"  - public-key: {ALICE}\n", "mistake:4", "is already in this list", "once"),
    ("zone: wg.example.org\npeers:\n  - name: bob\n", "mistake:3", "no public-key", "`wg pubkey`"),
    (None, "mistake", "is a folder", "a file is expected"),
]  # fmt: skip


class Mistakes(Process):
    updater = None  # the path of wg-updater

    def check(self, words, wanted, code=2, **how):
        """Runs a program to its end, which says all that is wanted."""
        words = list(map(str, words))
        environment = {**os.environ, "STATE_DIRECTORY": str(self.folder), "RUNTIME_DIRECTORY": str(self.folder)}
        how = {"env": environment, **how}
        with self.subTest(words=" ".join(words[1:])):
            ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False, **how)
            self.assertEqual(ended.returncode, code, ended.stderr)
            for part in wanted:
                self.assertRegex(ended.stderr, part)
            return ended.stderr

    def mistake(self, content):
        """A file with this text, or a folder."""
        place = self.folder / "mistake"
        if place.is_dir():
            place.rmdir()
        place.unlink(missing_ok=True)
        if content is None:
            place.mkdir()
        else:
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def for_others(self, program):
        """A copy that another user may run, wherever the build is."""
        self.folder.chmod(0o755)
        return shutil.copy(program, self.folder)

    # ---- wg-dnsd

    def test_what_no_option_of_wg_dnsd_can_mean_is_refused_on_the_command_line_and_in_the_file(self):
        for option, value, *wanted in DNSD_OPTIONS:
            zone = [] if option == "zone" else ZONE
            self.check([self.program, "--check-config", *zone, f"--{option}", value], wanted)
            text = ("" if option == "zone" else "zone: wg.example.org\n") + f"{option}: {json.dumps(value)}\n"
            wanted[0] = f"mistake:{text.count(chr(10))}: {option}"
            self.check([self.program, "--check-config", "--config", self.mistake(text)], wanted)

    def test_words_that_do_not_go_together_are_refused_by_wg_dnsd(self):
        for words, *wanted in DNSD_WORDS:
            self.check([self.program, "--check-config", *words], wanted)
        # The daemon does not start with them, either.
        self.check([self.program, *ZONE], ["source", "nothing to serve", "observe"])

    def test_what_is_wrong_in_a_file_of_wg_dnsd_is_told_with_its_line(self):
        for option, content, *wanted in DNSD_FILES:
            zone = [] if option == "config" else [*ZONE, *SOURCE]
            self.check([self.program, "--check-config", *zone, f"--{option}", self.mistake(content)], wanted)

    def test_a_target_in_a_zone_file_that_is_not_in_the_zone_is_told_and_served(self):
        for line, *wanted in DNSD_ZONE_LINES:
            zone_file = self.mistake(f"{SOA}@ NS ns1.example.net.\n{line}\n")
            said = self.check([self.program, "--check-config", *ZONE, *SOURCE, "--zone-file", zone_file], wanted, code=0)
            self.assertEqual("warning" in said, bool(wanted), said)

    def test_an_ipv4_address_written_as_ipv6_is_the_ipv4_address(self):
        for option, value, shown in (
            ("listen", "::ffff:127.0.0.1", "127.0.0.1:53"), ("listen", "[::ffff:127.0.0.1]:5300", "127.0.0.1:5300"),
            ("listen-private", "::ffff:127.0.0.1", "127.0.0.1:53"), ("observe", "[::ffff:127.0.0.1]:5", "127.0.0.1:5"),
            ("ns", "ns1.example.net=::ffff:192.0.2.1", "ns1.example.net.=192.0.2.1"),
        ):  # fmt: skip
            words = [self.program, "--check-config", *ZONE, "--observe", "127.0.0.1:51820", f"--{option}", value]
            with self.subTest(option=option, value=value):
                self.assertIn(f"  - {shown}\n", self.run_to_end(*words).stdout)
        updater = self.run_to_end(self.updater, "wg0", *ZONE, "--server", "::ffff:192.0.2.1", "--check-config")
        self.assertIn("server: 192.0.2.1:53\n", updater.stdout)

    def test_a_block_of_two_peers_is_told_and_belongs_to_the_last(self):
        first = self.folder / "first.conf"
        first.write_text(peer(ALICE, "AllowedIPs = 10.0.0.2/32, 10.0.1.0/24"))
        second = self.folder / "second.conf"
        config = self.folder / "config.yaml"
        config.write_text(f"zone: wg.example.org\nlisten-private: 127.0.0.1:{self.port}\n"
                          f"observe: 127.0.0.1:{free_port()}\n"
                          f"peers-file: [{first}, {second}]\nstate-dir: {self.folder}/state\ncontrol: {self.control}\n"
                          f"listen: 127.0.0.2:{self.port}\nns: ns1.example.net\n")  # fmt: skip
        # A longer block inside a shorter one is right, and a word of the operator.
        second.write_text(peer(BOB, "AllowedIPs = 10.0.0.3/32, 10.0.1.9/32"))
        right = self.run_to_end(self.program, "--config", config, "--check-config")
        self.assertEqual((right.returncode, right.stderr), (0, ""))
        second.write_text(peer(BOB, "AllowedIPs = 10.0.0.3/32, 10.0.0.2/32"))
        told = rf"{second}:1: 10.0.0.2/32 is also that of the peer at {first}:1: WireGuard gives it to .TrMv…WXX0. alone"
        checked = self.run_to_end(self.program, "--config", config, "--check-config")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertRegex(checked.stderr, f"warning: {told}")
        self.arguments = lambda *more: [self.program, "--config", config, *more]
        self.start()
        self.assertRegex(self.log(), f"warning: {told}")
        listed = {one["public_key"]: one["allowed_ips"]
                  for one in map(json.loads, self.command("peer", "list", "--json").stdout.splitlines())}  # fmt: skip
        self.assertEqual(listed, {ALICE: ["10.0.1.0/24"], BOB: ["10.0.0.3/32", "10.0.0.2/32"]})
        self.assertNotIn("10.0.0.2/32", self.command("query", ALICE, "TXT").stdout)
        self.assertIn("10.0.0.2/32", self.command("query", BOB, "TXT").stdout)
        # `peer add` does not take it by accident.
        carol = "4eKHVgG3oe82QDxBWesGGyNSt84+KvcKW05nNFAw/Qg="
        words = ["peer", "add", "carol", carol, "--allowed-ips", "10.0.0.2/32"]
        refused = self.command(*words)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, "10.0.0.2/32 is that of .TrMv…WXX0.*another address.*--force takes it over")
        forced = self.command(*words, "--force")
        self.assertEqual(forced.returncode, 0, forced.stderr)
        self.assertIn("10.0.0.2/32", self.command("query", carol, "TXT").stdout)
        self.assertNotIn("10.0.0.2/32", self.command("query", BOB, "TXT").stdout)
        inside = self.command("peer", "add", "dan", ALICE[:-2] + "A=", "--allowed-ips", "10.0.1.9")
        self.assertEqual(inside.returncode, 0, inside.stderr)

    def test_a_peer_that_nothing_can_see_is_not_added(self):
        self.start("--listen", f"127.0.0.1:{self.port}")
        words = ["peer", "add", "bob", BOB, "--allowed-ips", "10.0.0.3"]
        refused = self.command(*words)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, "nothing here can see a peer: add `observe: ADDRESS:PORT`.*--force")
        self.assertEqual(self.command(*words, "--force").returncode, 0)

    def test_a_held_port_of_a_point_is_told_with_its_holder(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{holder.getsockname()[1]}"
            listen = f"127.0.0.1:{self.port}"
            self.check(self.arguments("--observe", place, "--listen", listen),
                       [f"observe {place}", rf"is held by python3 \(process {os.getpid()}\)", "another port"],
                       code=1)  # fmt: skip
        self.check(self.arguments("--observe", "192.0.2.77:51820", "--listen", f"127.0.0.1:{self.port}"),
                   ["observe 192.0.2.77:51820", "this host does not have this address", "0.0.0.0"], code=1)  # fmt: skip

    @unittest.skipUnless(os.geteuid() == 0, "runs as another user")
    def test_missing_permissions_are_called_permissions(self):
        self.program = self.for_others(self.program)
        secret = self.folder / "wg0.conf"
        secret.write_text(peer(ALICE))
        secret.chmod(0o600)
        user = {"user": 65534, "group": 65534, "extra_groups": []}
        for option in ("config", "peers-file", "zone-file", "cookie-secret-file"):
            zone = [] if option == "config" else [*ZONE, *SOURCE]
            self.check([self.program, "--check-config", *zone, f"--{option}", secret],
                       [str(secret), "Permission denied: this program runs as the user nobody", "LoadCredential="],
                       **user)  # fmt: skip
        # The state of an earlier run, as root.
        state = self.folder / "state"
        os.chown(self.folder, 65534, 65534)
        process = self.start("--listen", f"127.0.0.1:{self.port}")
        self.stop(process)
        (self.folder / "log").unlink()
        for owned in ("folder", "file"):
            with self.subTest(owned=owned):
                os.chown(state, *((0, 0) if owned == "folder" else (65534, 65534)))
                log = open(self.folder / "log", "wb")  # noqa: SIM115, closed below
                process = subprocess.Popen(list(map(str, self.arguments("--listen", f"127.0.0.1:{self.port}"))),
                                           stdout=log, stderr=log, **user)  # fmt: skip
                log.close()
                self.addCleanup(self.end, process)
                self.wait_for("answering", process)
                told = f"Permission denied: the user nobody must be allowed to read and write {state}"
                self.assertIn(told, self.log())
                self.assertIn(f"chown -R nobody {state}", self.log())
                self.assertNotIn("disk I/O error", self.log())
                self.stop(process)

    @unittest.skipUnless(os.geteuid() == 0, "runs as another user")
    def test_an_ordinary_user_gets_folders_a_socket_and_a_port_that_work(self):
        home = self.folder / "home"
        home.mkdir()
        for place in (self.folder, home):
            os.chown(place, 65534, 65534)
        self.program, self.updater = map(self.for_others, (self.program, self.updater))
        environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
        user = {"user": 65534, "group": 65534, "extra_groups": [], "env": environment, "cwd": home}
        words = [str(self.program), "--zone", "wg.example.org", "--observe", f"127.0.0.1:{free_port()}"]
        first = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
        more = [] if int(first) > 53 else ["--listen", f"127.0.0.1:{self.port}"]
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen([*words, *more], stdout=log, stderr=log, **user)
        self.addCleanup(self.end, process)
        self.wait_for("answering", process)
        if not more:
            self.assertRegex(self.log(), "the user nobody may not listen on port 53.*listening on port 5300.*--listen")
        self.assertTrue((home / ".local/state/wg-dnsd/state.db").exists())
        self.assertNotIn("no control socket", self.log())
        user |= {"capture_output": True, "text": True, "timeout": PATIENCE, "check": False}
        asked = subprocess.run([self.program, "status"], **user)
        self.assertIn("wg.example.org", asked.stdout, asked.stderr)
        runtime = self.folder / "run"
        runtime.mkdir()
        os.chown(runtime, 65534, 65534)
        environment["XDG_RUNTIME_DIR"], environment["XDG_STATE_HOME"] = str(runtime), str(home / "state")
        shown = subprocess.run([*words, "--check-config"], **user)
        self.assertIn(f"state-dir: {home}/state/wg-dnsd\n", shown.stdout)
        self.assertIn(f"control: {runtime}/wg-dnsd/control.sock\n", shown.stdout)
        shown = subprocess.run([self.updater, "wg0", *ZONE, "--check-config"], **user)
        self.assertIn(f"state: {home}/state/wg-updater/wg0.json\n", shown.stdout)
        self.assertIn(f"control: {runtime}/wg-updater/wg0.sock\n", shown.stdout)

    # ---- wg-updater

    def test_what_no_option_of_wg_updater_can_mean_is_refused_on_the_command_line_and_in_the_file(self):
        for option, value, *wanted in UPDATER_OPTIONS:
            zone = [] if option == "zone" else ZONE
            self.check([self.updater, "wg0", "--check-config", *zone, f"--{option}", value], wanted)
            if option == "state":
                continue
            text = ("" if option == "zone" else "zone: wg.example.org\n") + f"{option}: {json.dumps(value)}\n"
            wanted[0] = f"mistake:{text.count(chr(10))}: {option}"
            self.check([self.updater, "wg0", "--check-config", "--config", self.mistake(text)], wanted)

    def test_words_that_do_not_go_together_are_refused_by_wg_updater(self):
        for words, *wanted in UPDATER_WORDS:
            words = [self.mistake(None) if word is None else word for word in words]
            check = ["--check-config"] if words[0] == "wg0" else []
            self.check([self.updater, *words, *check], wanted)

    def test_what_is_wrong_in_a_file_of_wg_updater_is_told_with_its_line(self):
        for content, *wanted in UPDATER_FILES:
            self.check([self.updater, "wg0", "--check-config", "--config", self.mistake(content)], wanted)


if __name__ == "__main__":
    Process.program, Mistakes.updater = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
    unittest.main()
