"""What `wg-dnsd peer new` makes: files that say what the server says, and QR codes that a decoder reads.

    test_new_peers.py PROGRAM [-v] [NewPeers.test_…]

Loopback only. Without zbarimg (zbar-tools) and wg the tests that need them are skipped.
"""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from dns_wire import NOERROR, A, ask_udp, free_port  # noqa: E402
from lab.qr_code import read_code  # noqa: E402
from process import ALICE, Process  # noqa: E402


def public_key(file):
    """Of the private key in a file."""
    private = re.search(r"^PrivateKey = (\S+)$", file, re.M)[1]
    return subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True).stdout.strip()


class NewPeers(Process):
    def setUp(self):
        super().setUp()
        self.point = free_port()

    def serve(self, *more):
        peers = self.write_peers()  # alice, 10.0.0.2
        self.start("--peers", peers, "--listen-private", f"127.0.0.1:{self.port}",
                   "--observe", f"127.0.0.1:{self.point},10.0.0.1", *more)  # fmt: skip

    def listed(self):
        lines = map(json.loads, self.command("peer", "list", "--json").stdout.splitlines())
        return {one["name"]: one for one in lines}

    @unittest.skipUnless(shutil.which("wg"), "wg derives the public key")
    def test_a_new_peer_gets_a_whole_file_and_is_registered(self):
        self.serve("--address-range", "10.0.0.0/24", "--address-range", "fd00::/64")
        made = self.command("peer", "new", "phone")
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        notes, file = made.stdout.split("[Interface]\n")
        self.assertEqual([line[:2] for line in notes.splitlines()], ["# "] * 3, notes)
        self.assertIn("phone.tunnel.example.org. is this device", notes)
        [point, _] = self.command("pubkey").stdout.split()
        self.assertEqual(file.splitlines()[1:], [
            "Address = 10.0.0.3/24, fd00::1/64", "", "[Peer]", f"PublicKey = {point}",
            f"Endpoint = 127.0.0.1:{self.point}", "AllowedIPs = 10.0.0.1/32", "PersistentKeepalive = 25"])  # fmt: skip
        phone = self.listed()["phone"]
        self.assertEqual(phone["public_key"], public_key(file))
        self.assertEqual(phone["allowed_ips"], ["10.0.0.3/32", "fd00::1/128"])
        self.assertEqual(ask_udp("127.0.0.1", self.port, "phone.tunnel.example.org", A).rcode, NOERROR)
        # The private key is in no file.
        private = file.splitlines()[0].removeprefix("PrivateKey = ")
        for path in self.folder.rglob("*"):
            if path.is_file():
                self.assertNotIn(private.encode(), path.read_bytes(), path)

    @unittest.skipUnless(shutil.which("zbarimg") and shutil.which("wg"), "zbarimg reads the code")
    def test_a_decoder_reads_the_code_with_and_without_the_other_peers(self):
        self.serve("--address-range", "10.0.0.0/24")
        for name, words in (("phone", []), ("tablet", ["--full"])):
            with self.subTest(name=name):
                made = self.command("peer", "new", name, "--qr", *words)
                self.assertEqual((made.returncode, made.stderr), (0, ""))
                file, notes = read_code(made.stdout)
                self.assertEqual(len(notes), 3, notes)
                self.assertTrue(file.startswith("[Interface]\nPrivateKey = "), file)
                self.assertEqual(public_key(file), self.listed()[name]["public_key"])
                self.assertEqual(f"PublicKey = {ALICE}" in file, bool(words))
        other = ["[Peer]", "# Name = alice", f"PublicKey = {ALICE}", f"Endpoint = 127.0.0.1:{self.point}",
                 "AllowedIPs = 10.0.0.2/32"]  # fmt: skip
        self.assertIn("\n".join(other), file)
        self.assertIn("# Name = phone", file)
        self.assertNotIn("# Name = tablet", file)

    def test_what_cannot_be_made_changes_nothing(self):
        self.serve()
        refused = self.command("peer", "new", "phone")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no address-range is configured", refused.stderr)
        self.assertEqual(set(self.listed()), {"alice"})

    def test_a_range_that_is_used_up_and_a_code_that_is_too_small_are_told(self):
        self.serve("--address-range", "10.0.0.0/30", "--address-range", "10.1.0.0/29")
        addresses = []
        for name in ("x1", "x2", "x3", "x4", "x5", "x6"):  # in the first range there is no address left
            self.assertEqual(self.command("peer", "new", name).returncode, 0)
            addresses += self.listed()[name]["allowed_ips"]
        self.assertEqual(addresses, [f"10.1.0.{number}/32" for number in range(1, 7)])
        refused = self.command("peer", "new", "phone")
        self.assertEqual((refused.returncode, "no address of address-range is free" in refused.stderr), (1, True))
        self.assertEqual(self.command("peer", "remove", "x6").returncode, 0)
        for number in range(3, 23):
            key = base64.b64encode(bytes([number] * 32)).decode()
            added = self.command("peer", "add", f"other-{number}", key, "--allowed-ips", f"10.2.0.{number}")
            self.assertEqual(added.returncode, 0, added.stderr)
        refused = self.command("peer", "new", "phone", "--qr", "--full")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("a QR code holds 2953", refused.stderr)
        self.assertNotIn("phone", self.listed())
        self.assertEqual(self.command("peer", "new", "phone", "--qr").returncode, 0)


if __name__ == "__main__":
    Process.program = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
