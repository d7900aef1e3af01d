"""wg-dnsd as a process, for unittest: started with a zone of its own, asked, stopped; it ends with the test."""

import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

from dns_wire import PATIENCE, free_port

ZONE = """$TTL 300
@ SOA ns1 hostmaster 1 1200 300 1209600 300
@ NS ns1
ns1 A 203.0.113.10
{more}
"""
ALICE = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="


class Process(unittest.TestCase):
    """A folder, a zone and a free port of its own for each test."""

    program = None  # the path of wg-dnsd

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="wg-dnsd-test-")))
        self.control = self.folder / "control.sock"
        self.zone_file = self.folder / "zone"
        self.write_zone()
        self.port = free_port()

    def enterContext(self, manager):  # noqa: N802, in Python 3.11's unittest under this name
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def write_zone(self, more=""):
        self.zone_file.write_text(ZONE.format(more=more))

    def write_peers(self):
        """A file with one peer, alice."""
        peers = self.folder / "peers.conf"
        peers.write_text(f"[Peer]\n# Name = alice\nPublicKey = {ALICE}\nAllowedIPs = 10.0.0.2/32\n"
                         "Endpoint = 203.0.113.9:51820\n")  # fmt: skip
        return peers

    def arguments(self, *more):
        return [self.program, "--zone", "example.org", "--zone-file", self.zone_file, "--control", self.control,
                "--state-dir", self.folder / "state", *more]  # fmt: skip

    def start(self, *more):
        """A server that answers."""
        log = open(self.folder / "log", "ab")  # noqa: SIM115, closed with the process
        process = subprocess.Popen(list(map(str, self.arguments(*more))), stdout=log, stderr=log)
        log.close()
        self.addCleanup(self.end, process)
        self.wait_for("answering", process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)

    def log(self):
        return (self.folder / "log").read_text()

    def wait_for(self, text, process, count=1):
        deadline = time.monotonic() + PATIENCE
        while self.log().count(text) < count:
            self.assertIsNone(process.poll(), self.log())
            self.assertLess(time.monotonic(), deadline, self.log())
            time.sleep(0.01)

    def run_to_end(self, *arguments):
        words = list(map(str, arguments))
        return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)

    def command(self, *words):
        return self.run_to_end(self.program, *words, "--control", self.control)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE)
