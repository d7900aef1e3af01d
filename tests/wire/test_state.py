"""What wg-dnsd keeps on disk, as a process: who may read it, and a disk that fails.

    test_state.py PROGRAM [-v] [State.test_…]

Loopback only. A full disk is a tiny tmpfs in a mount namespace of its own; that test is skipped without root.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

from dns_wire import NOERROR, NXDOMAIN, PATIENCE, SOA, A, ask_udp, free_port
from process import ALICE, Process

PATIENCE_WITH_RETRY = PATIENCE + 10  # a write that failed is tried again after 10 s
GENERATORS = pathlib.Path(__file__).parents[1] / "forms/generators"
PRIVATE_KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="


class State(Process):
    def state(self):
        return self.folder / "state"

    def serial(self):
        reply = ask_udp("127.0.0.1", self.port, "example.org", SOA)
        self.assertEqual(reply.answers, 1)
        # The last five numbers of the RDATA; the answer ends with the OPT-less SOA record.
        return int.from_bytes(reply.message[-20:-16], "big")

    def wait_for_log(self, text, process, count=1):
        deadline = time.monotonic() + PATIENCE_WITH_RETRY
        while self.log().count(text) < count:
            self.assertIsNone(process.poll(), self.log())
            self.assertLess(time.monotonic(), deadline, self.log())
            time.sleep(0.02)

    def test_state_is_for_its_owner_alone_whatever_the_umask_is(self):
        point = f"127.0.0.1:{free_port()}"
        for umask in (0o000, 0o022, 0o077):
            with self.subTest(umask=oct(umask)):
                before = os.umask(umask)
                try:
                    process = self.start("--listen", f"127.0.0.1:{self.port}", "--observe", point)
                finally:
                    os.umask(before)
                modes = {path.name: oct(path.stat().st_mode & 0o777) for path in self.state().iterdir()}
                self.assertGreaterEqual(len(modes), 3, modes)
                self.assertEqual(set(modes.values()), {"0o600"}, modes)
                self.assertEqual(self.state().stat().st_mode & 0o777, 0o700)
                self.assertNotIn("world accessible", self.log())
                self.assertEqual(self.stop(process), 0)
                self.state().chmod(0o755)
                for path in self.state().iterdir():
                    if not path.name.endswith(".key"):
                        path.chmod(0o644)
                (self.folder / "log").unlink()

    def test_an_open_key_is_warned_of_at_start_reload_and_check(self):
        key = self.folder / "point.key"
        key.write_text(PRIVATE_KEY + "\n")
        key.chmod(0o644)
        config = self.folder / "config.yaml"
        config.write_text(f"observe: 127.0.0.1:{free_port()}={key}\nlisten: 127.0.0.1:{self.port}\n")
        warning = f"{key}: this private key is world accessible"
        process = self.start("--config", config)
        self.assertEqual(self.log().count(warning), 1, self.log())
        self.assertEqual(self.command("reload").returncode, 0)
        self.wait_for(warning, process, 2)
        checked = self.run_to_end(*self.arguments("--config", config, "--check-config"))
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(checked.stderr.count(warning), 1, checked.stderr)
        self.assertNotIn(PRIVATE_KEY, self.log() + checked.stderr)
        key.chmod(0o600)
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.log().count(warning), 2, self.log())

    def test_an_empty_state_and_what_has_its_place_are_told(self):
        self.state().mkdir()
        file = self.state() / "state.db"
        file.touch()
        process = self.start("--listen", f"127.0.0.1:{self.port}")
        self.assertIn("it is empty, so what it held is lost", self.log())
        self.assertGreater(self.serial(), int(time.time()) - 60)
        self.stop(process)
        victim = self.folder / "victim"
        victim.write_text("of somebody else")
        for name in ("state.db", "state.db-wal"):
            for kind in ("link", "fifo", "hard link"):
                with self.subTest(name=name, kind=kind):
                    for path in self.state().iterdir():
                        path.unlink()
                    (self.folder / "log").unlink()
                    place = self.state() / name
                    if kind == "link":
                        place.symlink_to(victim)
                    elif kind == "fifo":
                        os.mkfifo(place)
                    else:
                        place.hardlink_to(victim)
                    process = self.start("--listen", f"127.0.0.1:{self.port}")
                    if kind != "hard link":
                        self.assertIn("kept in memory only, and it is tried again", self.log())
                    self.assertGreater(self.serial(), int(time.time()) - 60)
                    self.stop(process)
                    self.assertEqual(victim.read_text(), "of somebody else")

    def test_an_endpoint_that_wg_quick_saved_is_a_hint_as_old_as_its_file(self):
        peers = self.write_peers()
        config = self.folder / "config.yaml"
        own = f"peers-file: {peers}\nlisten: 127.0.0.1:{self.port}\nobserve: 127.0.0.1:{free_port()}\n"
        config.write_text(own)
        saved = int(time.time()) - 300
        os.utime(peers, (saved, saved))
        self.start("--config", config)

        def published(words=""):
            told = self.command("query", ALICE, "SRV")
            self.assertIn(words, told.stdout)
            return " 51820 " in told.stdout.split("view ")[0]

        self.assertTrue(published(f"hint       203.0.113.9:51820 from {peers}, as old as"))
        told = [json.loads(line) for line in self.command("peers", "--json").stdout.splitlines()]
        [peer] = [one for one in told if one["public_key"] == ALICE]  # besides the point's own key
        self.assertEqual((peer["hinted"], peer["last_seen"]), (True, saved))
        self.assertIn(f"stale={saved}", self.command("query", ALICE, "TXT").stdout)
        # A day later it is withdrawn; saved again, or said to be fixed, it is back.
        os.utime(peers, (saved - 86400, saved - 86400))
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertFalse(published("too old (expire-after)"))
        os.utime(peers, (saved, saved))
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertTrue(published("hint "))
        os.utime(peers, (saved - 86400, saved - 86400))
        config.write_text(own + f"peers:\n  - public-key: {ALICE}\n    fixed: yes\n")
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertTrue(published("fixed      203.0.113.9:51820 by the configuration: published"))

    def names(self):
        """The names of the peers, by `peer list`."""
        lines = map(json.loads, self.command("peer", "list", "--json").stdout.splitlines())
        return {one["public_key"]: one["name"] for one in lines}

    def test_names_that_wg_quick_save_erased_come_back_after_a_reload_and_a_restart(self):
        peers = self.folder / "wg0.conf"
        bob = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
        saved = f"[Peer]\nPublicKey = {bob}\n\n[Peer]\nPublicKey = {ALICE}\nAllowedIPs = 10.0.0.2/32\n"
        peers.write_text(f"### Client alice\n[Peer]\nPublicKey = {ALICE}\nAllowedIPs = 10.0.0.2/32\n\n"
                         f"### Client bob\n[Peer]\nPublicKey = {bob}\n")  # fmt: skip
        words = ["--peers", peers, "--listen-private", f"127.0.0.1:{self.port}"]
        process = self.start(*words)
        both = {ALICE: "alice", bob: "bob"}
        self.assertEqual(self.names(), both)
        peers.write_text(saved)  # wg-quick save: no comment, another order
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.names(), both)
        for end in (self.stop, self.end):  # a clean stop, then a crash of a start that nothing changed
            end(process)
            (self.folder / "log").unlink()
            process = self.start(*words)
            self.assertEqual(self.names(), both)
            self.assertEqual(ask_udp("127.0.0.1", self.port, "bob.example.org", A).rcode, NOERROR)
        # The name of a peer that leaves is free, and a comment's new name is the name.
        peers.write_text(f"[Peer]\n# Name = bob\nPublicKey = {ALICE}\n")
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.names(), {ALICE: "bob"})
        peers.write_text(saved)
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.names(), {ALICE: "bob", bob: None})

    def test_names_of_generators_survive_a_save_and_a_restart(self):
        files, expected = [], {}
        for line in (GENERATORS / "names.txt").read_text().splitlines():
            if line.startswith("#"):
                continue
            name, _, *peers = line.split()
            text = (GENERATORS / name).read_bytes()
            files.append(self.folder / name)
            files[-1].write_bytes(text)
            keys = re.findall(rb"(?mi)^[ \t]*PublicKey[ \t]*=[ \t]*([\w+/=]{44})", text)
            self.assertEqual(len(keys), len(peers), name)
            expected |= {key.decode(): "" if peer == "-" else peer for key, peer in zip(keys, peers)}
        self.assertGreaterEqual(len(files), 40)
        words = ["--listen-private", f"127.0.0.1:{self.port}", *(word for file in files for word in ("--peers", file))]
        process = self.start(*words)
        names = self.names()
        self.assertEqual(set(names), set(expected))
        for key, name in expected.items():  # many files have an alice: all but one get a number
            self.assertRegex(names[key] or "", rf"^{re.escape(name)}(-\d+)?$" if name else "^$")
        given = [name for name in names.values() if name]
        self.assertEqual(len(set(given)), len(given))
        for file in files:  # as `wg-quick save` writes it
            keys = [key for key in expected if key.encode() in file.read_bytes()]
            file.write_text("".join(f"[Peer]\nPublicKey = {key}\n" for key in keys))
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.names(), names)
        for end in (self.stop, self.end):
            end(process)
            (self.folder / "log").unlink()
            process = self.start(*words)
            self.assertEqual(self.names(), names)

    def test_a_given_name_survives_a_restart_and_goes_before_a_comment(self):
        peers = self.write_peers()
        words = ["--peers", peers, "--listen-private", f"127.0.0.1:{self.port}", "--observe", f"127.0.0.1:{free_port()}"]
        process = self.start(*words)
        bob = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
        self.assertEqual(self.command("peer", "add", "bob", bob).returncode, 0)
        for who, name in (("alice", "anna"), (bob, "robert"), ("ROBERT", "rob")):
            renamed = self.command("peer", "rename", who, name)
            self.assertEqual((renamed.returncode, renamed.stderr), (0, ""))
        given = {ALICE: "anna", bob: "rob"}
        for _ in range(2):
            self.assertEqual(self.names(), given)
            for name, rcode in (("anna", NOERROR), ("rob", NOERROR), ("alice", NXDOMAIN), ("bob", NXDOMAIN)):
                self.assertEqual(ask_udp("127.0.0.1", self.port, f"{name}.example.org", A).rcode, rcode, name)
            self.stop(process)
            (self.folder / "log").unlink()
            process = self.start(*words)
        taken = self.command("peer", "rename", "rob", "anna")
        self.assertEqual((taken.returncode, "that of another peer" in taken.stderr), (1, True))
        # What the zone file has is refused, and changes nothing.
        taken = self.command("peer", "rename", "anna", "ns1")
        self.assertEqual((taken.returncode, "is taken by the peer named ns1" in taken.stderr), (1, True), taken.stderr)
        self.assertEqual(self.names(), given)
        head = self.command("peer", "list").stdout.splitlines()[0]
        self.assertEqual(head.split(), ["NAME", "PUBLIC", "KEY", "ALLOWED", "IPS"])

    @unittest.skipUnless(os.geteuid() == 0, "mounts a tmpfs")
    def test_on_a_full_disk_the_serial_waits_and_never_goes_back(self):
        self.state().mkdir()
        script = f"mount -t tmpfs -o size=128k none {self.state()} && echo mounted && exec sleep infinity"
        holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                                  stdout=subprocess.PIPE)  # fmt: skip
        self.addCleanup(self.end, holder)
        self.addCleanup(holder.stdout.close)
        self.assertEqual(holder.stdout.readline(), b"mounted\n")
        disk = pathlib.Path(f"/proc/{holder.pid}/root{self.state()}")
        served = 0

        def launch():
            (self.folder / "log").unlink(missing_ok=True)
            program = self.arguments("--listen", f"127.0.0.1:{self.port}")
            log = open(self.folder / "log", "ab")  # noqa: SIM115, closed with the process
            process = subprocess.Popen(["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", *map(str, program)],
                                       stdout=log, stderr=log)  # fmt: skip
            log.close()
            self.addCleanup(self.end, process)
            self.wait_for("answering", process)
            return process

        def change(times):
            nonlocal served
            for _ in range(times):
                self.assertEqual(self.command("reload").returncode, 0)
                time.sleep(0.11)  # not a wait for an event: the serial steps once in 0.1 s
                now = self.serial()
                self.assertGreaterEqual(now, served)
                served = now

        def fill():
            with open(disk / "fill", "ab", buffering=0) as file:
                try:
                    while file.write(b"x" * 512):
                        pass
                except OSError:
                    pass

        # Full from the start: nothing can be kept, and the serial goes with the clock.
        fill()
        process = launch()
        self.assertIn("kept in memory only, and it is tried again", self.log())
        change(2)
        process.kill()
        process.wait(PATIENCE)
        process = launch()
        change(2)
        # Space returns: it is tried again by itself, told once, and the serial is on disk.
        (disk / "fill").unlink()
        self.wait_for_log("endpoints and the serial are kept again", process)
        change(2)
        time.sleep(1.2)  # not a wait for an event: what is a second old survives
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        # Full while it runs, and killed: never beyond what is on disk.
        process = launch()
        change(2)
        fill()
        change(2)
        process.kill()
        process.wait(PATIENCE)
        process = launch()
        change(2)
        self.assertGreater(served, int(time.time()) - 60)


if __name__ == "__main__":
    Process.program = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
