"""wg-dnsd as a process, with files of peers that are wrong, or right for WireGuard alone.

    test_peers_files.py PROGRAM [-v] [PeersFiles.test_…]

Loopback only, on free ports above 1024; needs no privilege and only Python's own modules.
"""

import base64
import json
import pathlib
import signal
import sys
import unittest

from dns_wire import A, NOERROR, NXDOMAIN, ask_tcp, ask_udp
from process import ALICE, Process

BOB = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
CAROL = "4eKHVgG3oe82QDxBWesGGyNSt84+KvcKW05nNFAw/Qg="
PTR = 12
INTERFACE = "[Interface]\nPrivateKey = CNM1A+4n1MEwVdDO/sXnML5O8uQc1s/OQ0k27B58nUs=\nListenPort = 51820\n"


def peer(key, *lines, name=None):
    return "\n".join(["", "[Peer]", *([f"# Name = {name}"] if name else []), f"PublicKey = {key}", *lines, ""])


BOB_IS_LOST = {
    "a comma at the end": INTERFACE + peer(BOB, "AllowedIPs = 10.0.0.2/32,"),
    "empty AllowedIPs": INTERFACE + peer(BOB, "AllowedIPs ="),
    "no key": INTERFACE + "[Peer]\nAllowedIPs = 10.0.0.2/32\n",
    "a key that is none": INTERFACE + peer("abc"),
    "an endpoint that is none": peer(BOB, "Endpoint = 192.0.2.256:51820"),
    "an unknown word": peer(BOB, "AllowedIP = 10.0.0.2/32"),
    "a section that is none": f"[Peers]\nPublicKey = {BOB}\n",
}
BOB_STAYS = {
    "an interface that wg refuses": "[Interface]\nPrivateKey = abc\nFwMark = zzz\n" + peer(BOB),
    "an address that ip refuses": "[Interface]\nAddress = 10.0.0.300/24\n" + peer(BOB),
}
FILE_IS_LOST = {"a line outside a section": "PublicKey = x\n" + peer(BOB) + peer(CAROL), "no text": "\x01\x02\n"}
RIGHT = {  # a file → a part of the warning
    "a setting twice": (peer(BOB, "PersistentKeepalive = 25", "PersistentKeepalive = 10"), "a second time"),
    "an IPv6 endpoint without brackets": (peer(BOB, "Endpoint = 2001:db8:1:2::3:51820"), None),
    "a scoped endpoint": (peer(BOB, "Endpoint = [fe80::1%eth0]:51820"), "cannot be published"),
    "the name of a service": (peer(BOB, "Endpoint = 192.0.2.1:domain"), None),
    "a host name with an underscore": (peer(BOB, "Endpoint = my_host.example.org:51820"), None),
    "blanks inside words": (f"[ Pe er ]\nPub lic Key = {BOB[:9]} {BOB[9:]}\n", None),
    "words of AmneziaWG": (INTERFACE + "Jc = 4\nJmin = 40\n" + peer(BOB), '"Jmin" in [Interface] is left out'),
    "one peer in two sections": (peer(BOB, "AllowedIPs = 10.0.0.2/32") + peer(BOB), "already"),
    "one block in two peers": (
        peer(BOB, "AllowedIPs = 10.0.0.0/24") + peer(CAROL, "AllowedIPs = 10.0.0.0/24"),
        "WireGuard gives it to",
    ),
    "one name in two peers": (peer(BOB, name="x") + peer(CAROL, name="X"), "the name 'X' is taken by the peer at"),
    "the name of another file's peer": (peer(BOB, name="alice"), "this one is 'alice-2'"),
    "a name that the zone file has": (peer(BOB, name="ns1"), "the name ns1 (TrMv…WXX0) is skipped"),
    "a name that is none": (peer(BOB, name="bob.home"), 'the name "bob.home" becomes "bob"'),
    "a name of which nothing is left": (peer(BOB, name="--"), 'the name "--" is skipped'),
    "the peer of another file": (peer(ALICE, "AllowedIPs = 10.1.0.2/32") + peer(BOB), "one peer with the allowed-ips"),
}


class PeersFiles(Process):
    """alice's file is right in every test; the other one is not, or holds bob."""

    def setUp(self):
        super().setUp()
        self.good = self.write_peers()
        self.other = self.folder / "other.conf"

    def words(self):
        return ["--peers", self.good, "--peers", self.other, "--listen-private", f"127.0.0.1:{self.port}"]

    def check(self):
        """--check-config → exit code, what it says."""
        checked = self.run_to_end(*self.arguments(*self.words(), "--check-config"))
        return checked.returncode, checked.stderr

    def listed(self):
        lines = self.command("peer", "list", "--json").stdout.splitlines()
        return {one["public_key"]: one for one in map(json.loads, lines)}

    def serve(self, text, others):
        """Starts with the text as other file: alice is answered, and these others are peers."""
        self.other.write_text(text)
        process = self.start(*self.words())
        self.assertEqual(ask_udp("127.0.0.1", self.port, "alice.example.org", A).rcode, NOERROR)
        self.assertEqual(set(self.listed()), {ALICE, *others})
        return process

    def reload(self, text, others):
        """The same for a server that runs, and has no mistake in its files."""
        self.other.write_text(text)
        answer = self.command("reload")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.assertEqual(set(self.listed()), {ALICE, *others})

    def test_a_mistake_costs_what_it_stands_in_and_check_config_exits_2(self):
        for kind, cases, lost, left in (
            ("peer", BOB_IS_LOST, 1, [CAROL]), ("line", BOB_STAYS, 0, [BOB, CAROL]), ("file", FILE_IS_LOST, 1, []),
        ):  # fmt: skip
            for title, text in cases.items():
                with self.subTest(kind=kind, title=title):
                    process = self.serve(text if kind == "file" else text + peer(CAROL), left)
                    code, said = self.check()
                    self.assertEqual(code, 2, said)
                    self.assertRegex(said, rf"wg-dnsd: {self.other}:\d+: ")
                    self.assertRegex(self.log(), rf"error: {self.other}:\d+: ")
                    status = self.command("status", "--json")
                    self.assertEqual((status.returncode, json.loads(status.stdout)["state"]), (1, "degraded"))
                    # Nothing is lost by it now, so a reload is granted and tells the mistake again.
                    reload = self.command("reload")
                    self.assertEqual(reload.returncode, 1)
                    self.assertIn(f"reloaded, except: {self.other}:", reload.stderr)
                    self.assertEqual(set(self.listed()), {ALICE, *left})
                    self.stop(process)
                    (self.folder / "log").unlink()

    def test_what_wireguard_takes_is_right_and_what_dns_cannot_say_is_a_warning(self):
        self.serve(peer(CAROL), [CAROL])
        for title, (text, warning) in RIGHT.items():
            with self.subTest(title=title):
                told = len(self.log())
                self.reload(text, [BOB, CAROL] if CAROL in text else [BOB])
                code, said = self.check()
                self.assertEqual(code, 0, said)
                self.assertEqual(self.command("status").returncode, 0)
                if warning is None:
                    self.assertEqual(said, "")
                else:
                    self.assertIn(warning, said)
                    self.assertIn(warning, self.log()[told:])

    def test_endpoints_are_those_that_wg_would_use(self):
        endpoints = {
            "2001:db8:1:2::3:51820": ["[2001:db8:1:2::3]:51820"], "192.0.2.1:domain": ["192.0.2.1:53"],
            "192.0.2. 1 :5": ["192.0.2.1:5"], "my_host.example.org:5": ["my_host.example.org.:5"],
            "[fe80::1%eth0]:51820": [], "192.0.2.1:0": [],
        }  # fmt: skip
        self.serve(peer(BOB), [BOB])
        for endpoint, published in endpoints.items():
            with self.subTest(endpoint=endpoint):
                self.reload(peer(BOB, f"Endpoint = {endpoint}"), [BOB])
                lines = map(json.loads, self.command("peers", "--json").stdout.splitlines())
                shown = {one["public_key"]: one["published_endpoints"] for one in lines}
                self.assertEqual(shown[BOB], published)

    def test_a_list_without_a_limit_is_cut_where_it_fits_into_a_message(self):
        keys = [base64.b64encode(number.to_bytes(32, "big")).decode() for number in range(1, 1501)]
        self.other.write_text("".join(peer(key, "Endpoint = 203.0.113.9:51820") for key in keys))
        # Padded names are the longest.
        self.start(*self.words(), "--list-max", "0", "--wgsd")
        for ask in (ask_tcp, ask_udp):
            listed = ask("127.0.0.1", self.port, "_wireguard._udp.example.org", PTR)
            self.assertEqual((listed.truncated, listed.answers), (False, 900) if ask is ask_tcp else (True, 0))
        self.assertIn("the private list holds the first 900 of 1501 peers (a message carries no more)", self.log())
        self.assertIn("601 peers are cut from the private list", self.command("status").stdout)

    def test_the_same_key_in_two_files_is_one_peer_with_both_lists(self):
        self.serve(peer(ALICE, "AllowedIPs = 10.1.0.2/32, 10.0.0.2/32", name="anna"), [])
        alice = self.listed()[ALICE]
        self.assertEqual((alice["name"], alice["allowed_ips"]), ("alice", ["10.0.0.2/32", "10.1.0.2/32"]))

    def test_a_name_in_yaml_is_that_of_the_key_in_a_file(self):
        self.other.write_text(peer(BOB, "AllowedIPs = 10.0.0.2/32") + peer(CAROL, name="bob"))
        config = self.folder / "wg-dnsd.yaml"
        config.write_text(f"peers-file: {self.other}\nlisten-private: 127.0.0.1:{self.port}\n"
                          f"peers:\n  - public-key: {BOB}\n    name: bob\n")  # fmt: skip
        self.start("--config", config)
        listed = self.listed()
        self.assertEqual({key: one["name"] for key, one in listed.items()}, {BOB: "bob", CAROL: "bob-2"})
        self.assertEqual(listed[BOB]["allowed_ips"], ["10.0.0.2/32"])
        self.assertIn("this one is 'bob-2'", self.log())
        for name in ("bob", "bob-2"):
            self.assertEqual(ask_udp("127.0.0.1", self.port, f"{name}.example.org", A).rcode, NOERROR)
        self.assertIn('"name=bob-2"', self.command("query", CAROL, "TXT").stdout)
        self.assertNotIn("name=", self.command("query", CAROL, "TXT", "--public").stdout)

    def test_check_config_tells_every_mistake_and_every_warning(self):
        self.other.write_text("[Interface]\nPrivateKey = abc\nFwMark = zzz\nJc = 4\n"
                              + peer(BOB, "Endpoint = x", "AllowedIPs = ,") + peer("abc", name="a.b"))  # fmt: skip
        code, said = self.check()
        self.assertEqual(code, 2)
        lines = [line.split(":")[2] for line in said.splitlines() if "warning" not in line]
        self.assertEqual(lines, ["2", "3", "8", "9", "13"], said)
        self.assertEqual([line.split(":")[3] for line in said.splitlines() if "warning" in line], ["4", "12"], said)

    def test_without_anything_left_it_ends_with_exit_2(self):
        self.other.write_text("x\n" + peer(BOB))
        arguments = [self.program, "--zone", "example.org", "--peers", self.other, "--control", self.control,
                     "--state-dir", self.folder / "state", "--listen", f"127.0.0.1:{self.port}"]  # fmt: skip
        for more in ([], ["--check-config"]):
            ended = self.run_to_end(*arguments, *more)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn(f"{self.other}:1: ", ended.stderr)
            self.assertIn("no peer is left", ended.stderr)

    def test_a_reload_that_would_lose_a_peer_changes_nothing(self):
        right = peer(BOB, "AllowedIPs = 10.0.0.3/32") + peer(CAROL)
        process = self.serve(right, [BOB, CAROL])
        refused = 0
        for title, wrong in (
            ("its section", right.replace("/32", "/33")), ("its key", right.replace(BOB, BOB[1:])),
            ("the file", "x\n" + right), ("no text", "\x01"),
        ):  # fmt: skip
            with self.subTest(title=title):
                self.other.write_text(wrong)
                answer = self.command("reload")
                self.assertEqual(answer.returncode, 1)
                self.assertIn("would be lost", answer.stderr)
                self.assertIn(f"{self.other}:", answer.stderr)
                process.send_signal(signal.SIGHUP)
                refused += 2
                self.wait_for("not reloaded, everything stays as it was", process, refused)
                self.assertEqual(set(self.listed()), {ALICE, BOB, CAROL})
        # A peer that is new and wrong loses nothing; one that the operator removed is meant.
        self.other.write_text(right + "[Peer]\nPublicKey = abc\n")
        self.assertIn("reloaded, except", self.command("reload").stderr)
        self.assertEqual(set(self.listed()), {ALICE, BOB, CAROL})
        self.other.write_text(peer(BOB) + "[Peer]\nPublicKey = abc\n")
        self.assertIn("reloaded, except", self.command("reload").stderr)
        self.assertEqual(set(self.listed()), {ALICE, BOB})
        self.other.write_text(peer(BOB))
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.command("status").returncode, 0)

    def test_peers_are_added_and_removed_beside_a_mistake(self):
        self.serve(peer(BOB) + "[Peer]\nPublicKey = abc\n", [BOB])
        added = self.command("peer", "add", "carol", CAROL, "--force")  # nothing here can see her
        self.assertEqual(added.returncode, 0, added.stderr)
        self.assertEqual(set(self.listed()), {ALICE, BOB, CAROL})
        removed = self.command("peer", "remove", "carol")
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.assertEqual(set(self.listed()), {ALICE, BOB})
        self.assertEqual(ask_udp("127.0.0.1", self.port, "carol.example.org", A).rcode, NXDOMAIN)


if __name__ == "__main__":
    Process.program = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
