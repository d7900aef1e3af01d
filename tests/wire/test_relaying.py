"""What a built-in point of wg-dnsd passes on between two peers, as a process.

    test_relaying.py WG-DNSD WG-PAIR [-v] [Relaying.test_…]

Loopback only. The two peers are tests/wire/wg_pair.cpp.
"""

import json
import subprocess
import sys
import time
import unittest

from dns_wire import PATIENCE, free_port
from process import Process

LONGEST = 65_455  # octets in a tunnel, that fill a datagram of 65 488


class Relaying(Process):
    pair_program = None

    def setUp(self):
        super().setUp()
        self.point = f"127.0.0.1:{free_port()}"
        self.pair = subprocess.Popen([self.pair_program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_pair)
        self.keys = self.pair.stdout.readline().split()
        self.config = self.folder / "config.yaml"
        self.starts = 0

    def end_pair(self):
        self.pair.stdin.close()
        self.pair.wait(PATIENCE)
        self.pair.stdout.close()

    def configure(self, more="", of_second="", observe=""):
        peers = "".join(
            f"  - public-key: {key}\n    allowed-ips: 10.0.0.{number}\n{extra}"
            for number, key, extra in zip((2, 3), self.keys, ("", of_second))
        )
        self.config.write_text(
            f'observe: "{self.point},10.0.0.254{observe}"\nlisten: 127.0.0.1:{self.port}\n{more}peers:\n{peers}'
        )

    def start_point(self):
        process = self.start("--config", self.config)
        self.starts += 1
        self.wait_for("answering", process, self.starts)
        self.host_key = self.command("pubkey").stdout.split()[0]
        return process

    def reload(self):
        done = self.command("reload")
        self.assertEqual(done.returncode, 0, done.stderr)

    def ask(self, *words):
        self.pair.stdin.write(" ".join(words) + "\n")
        self.pair.stdin.flush()
        return self.pair.stdout.readline().strip()

    def expect(self, *words, answer="ok"):
        self.assertEqual(self.ask(*words), answer, f"{words}\n{self.log()}")

    def connect(self):
        self.expect("host", self.host_key, self.point)
        self.expect("connect")

    def relay(self):
        return json.loads(self.command("status", "--json").stdout)["points"][0]["relay"]

    def relayed(self):
        """Packets by sender."""
        peers = [json.loads(line) for line in self.command("peers", "--json").stdout.splitlines()]
        return {peer["public_key"]: sum(pair["packets"] for pair in peer["relayed_to"]) for peer in peers}

    def test_packets_of_every_size_pass_and_are_counted(self):
        self.configure()
        self.start_point()
        self.connect()
        self.expect("shake")
        for size in (1, 1420, 9000, LONGEST):
            self.expect("send", "first", str(size))
            self.expect("send", "second", str(size))
        relay = self.relay()
        self.assertEqual(relay["pairs"], 1)
        self.assertGreater(relay["octets"], 2 * LONGEST)
        self.assertEqual(sum(relay["dropped"].values()), 0, relay)
        relayed = self.relayed()
        self.assertEqual(relayed[self.keys[0]] + relayed[self.keys[1]], relay["packets"])
        text = self.command("status").stdout
        self.assertIn(f"relay        {self.point} 1 pairs, {relay['packets']} packets", text)

    def test_a_restart_is_not_noticed(self):
        self.configure()
        process = self.start_point()
        self.connect()
        self.expect("shake")
        self.expect("send", "first", "100")
        self.assertEqual(self.stop(process), 0)
        process = self.start_point()
        self.expect("send", "first", "100")
        self.expect("send", "second", "100")
        time.sleep(1.1)  # not a wait for an event: what was confirmed more than a second ago survives
        self.end(process)
        process = self.start_point()
        self.expect("send", "second", "100")
        self.expect("send", "first", "100")
        self.assertEqual(self.stop(process), 0)

    def test_what_the_configuration_forbids_does_not_pass(self):
        self.configure()
        self.start_point()
        self.connect()
        for words in ({"more": "relay: off\n"}, {"observe": ",no-relay"}, {"of_second": "    relay: no\n"}):
            with self.subTest(**words):
                self.expect("shake")
                self.expect("send", "first", "100")
                self.configure(**words)
                self.reload()
                for who in ("first", "second"):
                    self.expect("blocked", who)
                self.assertEqual(self.relay() is None, "of_second" not in words)
                self.configure()
                self.reload()

    def test_a_rate_is_kept_and_told_once(self):
        self.configure(more="relay-rate: 8k\n")
        self.start_point()
        self.connect()
        self.expect("shake")
        self.expect("send", "second", "100")
        deadline = time.monotonic() + PATIENCE
        while self.relay()["dropped"]["relay_rate"] < 3:
            self.assertLess(time.monotonic(), deadline, self.relay())
            for _ in range(20):
                self.expect("pour", "first", "60000")
        self.expect("send", "second", "100")
        self.assertEqual(self.log().count("sends more than relay-rate, 8k bit/s"), 1, self.log())

    def test_a_session_from_elsewhere_is_adopted_when_that_is_said_in_the_tunnel(self):
        self.configure()
        process = self.start_point()
        self.connect()
        self.expect("shake")
        self.expect("send", "first", "100")
        # Without its memory of the session it is as one that was made on another way.
        self.assertEqual(self.stop(process), 0)
        (self.folder / "state" / "state.db").unlink()
        self.start_point()
        self.expect("connect")
        self.expect("blocked", "first")
        self.expect("via", "example.org", "10.0.0.2", "10.0.0.254", answer="ok 0")
        self.expect("send", "first", "100")
        self.expect("send", "second", "100")
        self.assertEqual(self.relay()["adopted"], 1)


if __name__ == "__main__":
    Relaying.program = sys.argv.pop(1)
    Relaying.pair_program = sys.argv.pop(1)
    unittest.main()
