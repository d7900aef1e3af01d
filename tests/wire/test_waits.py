"""Signals at any moment, and others that do not read, do not answer or hold descriptors: wg-dnsd and wg-updater go on.

    test_waits.py WG_DNSD WG_UPDATER [-v] [Waits.test_…]

Loopback only, on free ports above 1024. What concerns wg-updater needs the right to look for an interface, so root.
"""

import base64
import contextlib
import fcntl
import os
import pathlib
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import unittest

from dns_wire import A, PATIENCE, SOA, ask_tcp, ask_udp, ask_udp_connected, framed, query, read_message
from process import Process

SPACING = 0.005  # between two SIGHUPs
MANY = 10_000  # peers
LIMIT = 128  # descriptors
SILENT = 200  # clients, more than there are descriptors


def keys(count):
    """That many public keys."""
    return (base64.b64encode(number.to_bytes(32, "big")).decode() for number in range(1, count + 1))


def waiting_octets(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]


class Waits(Process):
    updater = None  # the path of wg-updater

    def setUp(self):
        super().setUp()
        self.listen = ("--listen", f"127.0.0.1:{self.port}")

    def spawn(self, words, **options):
        process = subprocess.Popen(list(map(str, words)), **options)
        self.addCleanup(self.end, process)
        return process

    def wait_until(self, condition, process):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertIsNone(process.poll(), "it has ended")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.001)

    def logging_to(self, words, pipe, **options):
        """A process whose log goes into a pipe. \\return it and the descriptor to read from."""
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, pipe)
        process = self.spawn(words, stderr=writing, **options)
        os.close(writing)
        return process, reading

    def wait_for_answers(self, process):
        def answers():
            with contextlib.suppress(ConnectionError):
                return ask_udp_connected("127.0.0.1", self.port, "example.org", SOA).answers == 1

        self.wait_until(answers, process)

    # ---- signals

    def write_crowd(self):
        """A file with very many peers."""
        path = self.folder / "crowd.conf"
        path.write_text("".join(f"[Peer]\nPublicKey = {key}\n" for key in keys(MANY)))
        return path

    def wait_for_main(self, process):
        """Until the program itself runs, and not the loader: it holds back SIGHUP at once."""
        status = pathlib.Path(f"/proc/{process.pid}/status")
        self.wait_until(lambda: int(re.search(r"SigBlk:\s*(\w+)", status.read_text())[1], 16) & 1, process)

    def start_under_sighup(self, words, is_ready):
        """Starts a program, and sends it SIGHUP every few milliseconds from its first instruction until it is ready."""
        with open(self.folder / "log", "ab") as log:
            process = self.spawn(words, stdout=log, stderr=log)
        self.wait_for_main(process)
        begun = time.monotonic()
        while not is_ready():
            process.send_signal(signal.SIGHUP)
            time.sleep(SPACING)
            self.assertIsNone(process.poll(), f"ended after {time.monotonic() - begun:.3f} s: {self.log()}")
            self.assertLess(time.monotonic() - begun, 3 * PATIENCE, self.log())
        return process

    def test_sighup_at_any_moment_of_a_start_is_a_reload_after_it(self):
        words = self.arguments(*self.listen, "--peers", self.write_crowd())
        process = self.start_under_sighup(words, lambda: "info: reloaded" in self.log())
        begun = self.log().index("reading the configuration again")
        self.assertIn("answering", self.log()[:begun], "the start comes before the reload")
        self.wait_for_answers(process)
        self.assertEqual(self.command("status").returncode, 0)
        self.assertEqual(self.stop(process), 0)

    def test_wg_updater_outlives_sighup_at_any_moment(self):
        if os.getuid() != 0:
            self.skipTest("needs root")
        words = [self.updater, "none-such0", "--zone", "example.org", "--state", self.folder / "state.json",
                 "--control", self.control]  # fmt: skip
        process = self.start_under_sighup(words, lambda: "SIGHUP: the options are read at the start only" in self.log())
        asked = self.run_to_end(self.updater, "status", "none-such0", "--control", self.control)
        self.assertIn("none-such0", asked.stdout + asked.stderr)
        self.assertEqual(self.stop(process), 0)

    def test_sigterm_in_the_middle_of_a_start_ends_it_at_once(self):
        words = list(map(str, self.arguments(*self.listen, "--peers", self.write_crowd())))
        for delay in (0.0, 0.05, 0.2):
            with self.subTest(delay=delay):
                process = self.spawn(words, stderr=subprocess.DEVNULL)
                time.sleep(delay)  # not a wait for something: any moment of the start will do
                process.terminate()
                self.assertIn(process.wait(PATIENCE), (0, -signal.SIGTERM))
                self.assertFalse(self.control.exists())

    def test_commands_end_by_sighup_and_by_a_reader_that_has_gone(self):
        self.write_zone("\n".join(f"name{i} A 203.0.113.1" for i in range(3_000)))
        self.start(*self.listen)
        for words in (["zone"], ["--check-config"], ["--print-delegation"]):
            with self.subTest(words=words):
                reading, writing = os.pipe()
                os.close(reading)
                words = [*words, "--control", self.control] if words == ["zone"] else self.arguments(*words)[1:]
                ended = self.spawn([self.program, *words], stdout=writing, stderr=subprocess.PIPE)
                os.close(writing)
                self.assertEqual(ended.communicate(timeout=PATIENCE)[1], b"")
                self.assertEqual(ended.returncode, -signal.SIGPIPE)
        with open("/dev/full", "w") as full:
            ended = self.spawn([self.program, "zone", "--control", self.control], stdout=full, stderr=subprocess.PIPE)
            self.assertIn(b"the output cannot be written", ended.communicate(timeout=PATIENCE)[1])
            self.assertEqual(ended.returncode, 2)
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        command = self.spawn([self.program, "zone", "--control", self.control], stdout=writing)
        os.close(writing)
        self.wait_until(lambda: waiting_octets(reading) > 0, command)
        command.send_signal(signal.SIGHUP)
        self.assertEqual(command.wait(PATIENCE), -signal.SIGHUP)

    # ---- a log that is not read

    def check_alive(self, process):
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.command("status").returncode, 0)
        for ask in (ask_udp, ask_tcp):
            self.assertEqual(ask("127.0.0.1", self.port, "example.org", SOA).answers, 1)

    def test_a_log_whose_reader_has_gone_ends_nothing(self):
        process, reading = self.logging_to(self.arguments(*self.listen), 4096, restore_signals=True)
        self.wait_for_answers(process)
        os.close(reading)
        self.check_alive(process)
        self.assertEqual(self.stop(process), 0)

    def test_a_log_that_nobody_reads_holds_up_nothing(self):
        process, reading = self.logging_to(self.arguments(*self.listen, "--query-log", "1000"), 4096)
        self.addCleanup(os.close, reading)
        self.wait_for_answers(process)
        deadline = time.monotonic() + PATIENCE
        while waiting_octets(reading) < 4000:
            self.assertLess(time.monotonic(), deadline)
            ask_udp("127.0.0.1", self.port, "example.org", SOA)
        for _ in range(3):
            self.check_alive(process)
        for _ in range(500):
            self.assertEqual(ask_udp("127.0.0.1", self.port, "example.org", SOA).answers, 1)
            self.assertEqual(ask_tcp("127.0.0.1", self.port, "example.org", SOA).answers, 1)
        begun = time.monotonic()
        self.assertEqual(self.stop(process), 0)
        self.assertLess(time.monotonic() - begun, 5)

    def test_a_log_that_is_read_at_last_tells_how_much_it_lost(self):
        process, reading = self.logging_to(self.arguments(*self.listen, "--query-log", "1000"), 4096)
        stream = os.fdopen(reading, "rb")
        self.addCleanup(stream.close)
        self.wait_for_answers(process)
        long_line = ".".join(["\0" * 63] * 3)  # each octet is written as \000
        begun, asked = time.monotonic(), 0
        while asked < 3000 or time.monotonic() < begun + 3:  # more than has room, in 1000 lines of each second
            ask_udp("127.0.0.1", self.port, long_line, A)
            asked += 1
        self.check_alive(process)
        lost = 0
        while not lost:
            if found := re.search(r"warning: (\d+) lines of the log were dropped", stream.readline().decode()):
                lost = int(found[1])
        self.assertGreater(lost, 100)
        self.assertEqual(self.stop(process), 0)
        self.assertIn("stopping", stream.read().decode())

    def test_a_full_disk_under_the_log_ends_nothing(self):
        with open("/dev/full", "w") as full:
            process = self.spawn(self.arguments(*self.listen), stderr=full)
        self.wait_for_answers(process)
        self.check_alive(process)
        self.assertEqual(self.stop(process), 0)

    # ---- a daemon that does not answer

    def test_commands_give_up_a_stopped_daemon_and_say_so(self):
        process = self.start(*self.listen)
        process.send_signal(signal.SIGSTOP)
        questions = [["status"], ["doctor"], ["reload"], ["zone"], ["peer", "list"]]
        asked = [
            self.spawn([self.program, *words, "--control", self.control], stderr=subprocess.PIPE, text=True)
            for words in questions
        ]
        for words, command in zip(questions, asked, strict=True):
            with self.subTest(words=words):
                told = command.communicate(timeout=PATIENCE)[1]
                self.assertEqual(command.returncode, 2, told)
                self.assertIn(f"wg-dnsd on {self.control} is stopped: `kill -CONT {process.pid}` lets it go on", told)
        process.send_signal(signal.SIGCONT)
        self.assertEqual(self.command("status").returncode, 0)

    def test_files_that_are_pipes_are_refused_and_not_waited_for(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for words in (["--zone-file", pipe], ["--cookie-secret-file", pipe], ["--peers", pipe], ["--config", pipe]):
            with self.subTest(words=words):
                if words[0] == "--zone-file":
                    arguments = [self.program, "--zone", "example.org", *words]
                else:
                    arguments = self.arguments(*words)
                refused = self.run_to_end(*arguments, "--check-config")
                self.assertEqual(refused.returncode, 2)
                self.assertIn("not a regular file", refused.stderr.lower())

    # ---- descriptors

    def test_silent_clients_leave_descriptors_for_everything_else(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))

        log = open(self.folder / "log", "ab")  # noqa: SIM115, closed with the process
        self.addCleanup(log.close)
        words = self.arguments("--config", self.folder / "config.yaml", "--answer-threads", "2")
        (self.folder / "config.yaml").write_text(f"listen: [127.0.0.1:{self.port}]\n")
        process = self.spawn(words, stderr=log, preexec_fn=few)
        self.wait_for("answering", process)
        self.assertIn("each answer thread holds at most", self.log())
        with contextlib.ExitStack() as clients:
            for number in range(SILENT):
                client = clients.enter_context(socket.socket())
                client.bind((f"127.0.0.{2 + number % 100}", 0))
                client.settimeout(PATIENCE)
                client.connect(("127.0.0.1", self.port))
            held = lambda: len(os.listdir(f"/proc/{process.pid}/fd"))  # noqa: E731
            self.assertEqual(ask_tcp("127.0.0.1", self.port, "example.org", SOA).answers, 1)
            self.assertLessEqual(held(), LIMIT - 32 + 2, "two answer threads are about to close one each")
            self.assertGreater(held(), LIMIT // 2, "and most descriptors are for clients")
            more = [f"127.0.0.{number}:{self.port}" for number in (1, 201, 202)]
            (self.folder / "config.yaml").write_text(f"listen: [{', '.join(more)}]\n")
            self.assertEqual(self.command("reload").returncode, 0)
            self.assertEqual(ask_tcp("127.0.0.202", self.port, "example.org", SOA).answers, 1)
            self.assertEqual(self.command("status").returncode, 0)
            self.assertLessEqual(held(), LIMIT - 32 + 2, "the new listeners took descriptors from the clients")
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                client.sendall(framed(query("ns1.example.org", A)))
                self.assertEqual(read_message(client).answers, 1)
        self.assertEqual(self.stop(process), 0)


if __name__ == "__main__":
    Process.program = pathlib.Path(sys.argv.pop(1)).resolve()
    Waits.updater = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
