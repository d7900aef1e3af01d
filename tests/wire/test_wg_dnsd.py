"""wg-dnsd as a process: packets on the wire, commands on its control socket, and signals.

    test_wg_dnsd.py PROGRAM [-v] [WgDnsd.test_…]

Loopback only, on free ports above 1024; needs no privilege and only Python's own modules.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import unittest

from dns_wire import (
    A, AAAA, NOERROR, NS, NXDOMAIN, PATIENCE, Reply, SOA, TXT, ask_tcp, ask_udp, framed, free_port,
    has_ipv6, query, read_message, udp_socket,
)  # fmt: skip
from process import ALICE, Process

IDLE = 10  # seconds after which a silent TCP connection is closed
LARGE = "\n".join(f'large TXT "{i} {"x" * 200}"' for i in range(100))


class WgDnsd(Process):
    # ---- questions and answers

    def test_same_answer_over_udp_and_tcp_on_both_families(self):
        addresses = ["127.0.0.1"] + (["::1"] if has_ipv6() else [])
        brackets = [f"[{address}]" if ":" in address else address for address in addresses]
        self.start(*[word for address in brackets for word in ("--listen", f"{address}:{self.port}")])
        for name, kind, rcode in (("example.org", SOA, NOERROR), ("ns1.example.org", A, NOERROR),
                                  ("ns1.example.org", AAAA, NOERROR), ("none.example.org", A, NXDOMAIN)):  # fmt: skip
            replies = [ask(address, self.port, name, kind) for address in addresses for ask in (ask_udp, ask_tcp)]
            for reply in replies:
                self.assertEqual(reply.message, replies[0].message)
                self.assertEqual(reply.rcode, rcode)
                self.assertTrue(reply.authoritative)

    def test_truncated_over_udp_and_whole_over_tcp(self):
        self.write_zone(LARGE)
        self.start("--listen", f"127.0.0.1:{self.port}")
        short = ask_udp("127.0.0.1", self.port, "large.example.org", TXT)
        self.assertTrue(short.truncated)
        self.assertEqual(short.answers, 0)
        whole = ask_tcp("127.0.0.1", self.port, "large.example.org", TXT)
        self.assertFalse(whole.truncated)
        self.assertEqual(whole.answers, 100)

    def test_in_a_burst_each_question_gets_its_own_answer(self):
        """They are read in groups, and some get no answer: no answer may go to the wrong question."""
        self.write_zone("\n".join(f"name{i} A 203.0.113.{i}" for i in range(100)))
        process = self.start("--listen", f"127.0.0.1:{self.port}")
        with udp_socket("127.0.0.1") as client:
            client.settimeout(PATIENCE)
            process.send_signal(signal.SIGSTOP)
            for i in range(100):
                for junk in [b"", b"\0" * 11, query("ns1.example.org", A)[:2] + b"\x80" + bytes(9)][: i % 4]:
                    client.sendto(junk, ("127.0.0.1", self.port))
                client.sendto(query(f"name{i}.example.org", A, identity=i), ("127.0.0.1", self.port))
            process.send_signal(signal.SIGCONT)
            replies = [Reply(client.recv(65535)) for _ in range(100)]
        self.assertEqual([reply.identity for reply in replies], list(range(100)))
        self.assertEqual([reply.message[-4:] for reply in replies], [bytes([203, 0, 113, i]) for i in range(100)])

    def test_wildcard_answers_from_the_address_that_was_asked(self):
        words = ["--listen", f"0.0.0.0:{self.port}"]
        if has_ipv6():
            words += ["--listen", f"[::]:{self.port}"]
        self.start(*words)
        for address in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] + (["::1"] if has_ipv6() else []):
            with self.subTest(address=address):
                self.assertEqual(ask_udp(address, self.port, "example.org", SOA).answers, 1)
                self.assertEqual(ask_tcp(address, self.port, "example.org", SOA).answers, 1)

    def udp_places(self):
        """The IPv4 addresses to which UDP sockets on our port are bound, in the kernel's spelling."""
        lines = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
        places = [line.split()[1].split(":") for line in lines]
        return sorted(address for address, port in places if int(port, 16) == self.port)

    def test_a_wildcard_has_shortcuts_that_a_reload_turns_into_listeners(self):
        wildcard, loopback = "00000000", f"{socket.htonl(0x7F000001):08X}"
        config = self.folder / "config.yaml"
        config.write_text(f"listen: [0.0.0.0:{self.port}]\n")
        self.start("--config", config, "--answer-threads", "2")
        self.assertEqual(self.udp_places().count(wildcard), 2)
        self.assertEqual(self.udp_places().count(loopback), 2)
        self.assertEqual(self.log().count("listening on"), 1)
        self.assertEqual(len(json.loads(self.command("status", "--json").stdout)["listeners"]), 1)
        config.write_text(f"listen: [127.0.0.1:{self.port}]\n")
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.udp_places(), [loopback] * 2)
        for ask in (ask_udp, ask_tcp):
            self.assertEqual(ask("127.0.0.1", self.port, "example.org", SOA).answers, 1)
        config.write_text(f"listen: [0.0.0.0:{self.port}]\n")
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.udp_places().count(loopback), 2)
        for address in ("127.0.0.1", "127.0.0.2"):
            self.assertEqual(ask_tcp(address, self.port, "example.org", SOA).answers, 1)

    def test_pipelined_queries_in_any_pieces_are_answered_in_order(self):
        self.start("--listen", f"127.0.0.1:{self.port}", "--answer-threads", "2")
        stream = b"".join(framed(query("ns1.example.org", A, identity)) for identity in range(1, 51))
        for size in (1, 2, 3, 7, 1000, len(stream)):
            with self.subTest(size=size), socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for start in range(0, len(stream), size):
                    client.sendall(stream[start : start + size])
                self.assertEqual([read_message(client).identity for _ in range(50)], list(range(1, 51)))

    def test_a_half_sent_message_ends_the_connection_after_half_a_second(self):
        self.start("--listen", f"127.0.0.1:{self.port}")
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(framed(query("ns1.example.org", A))[:-1])
            begin = time.monotonic()
            self.assertEqual(client.recv(1), b"")
            self.assertGreater(time.monotonic() - begin, 0.4)
            self.assertLess(time.monotonic() - begin, 5)

    def test_over_its_limits_the_most_silent_connection_makes_room(self):
        for word in ("--tcp-connections", "--tcp-connections-per-client"):
            with self.subTest(word=word), contextlib.ExitStack() as clients:
                server = self.start("--listen", f"127.0.0.1:{self.port}", word, "2")
                connections = []
                for _ in range(3):
                    client = clients.enter_context(socket.create_connection(("127.0.0.1", self.port), PATIENCE))
                    client.sendall(framed(query("ns1.example.org", A)))
                    self.assertEqual(read_message(client).answers, 1)
                    connections.append(client)
                connections[0].settimeout(IDLE / 2)
                self.assertEqual(connections[0].recv(1), b"")
                for client in connections[1:]:
                    client.sendall(framed(query("ns1.example.org", A)))
                    self.assertEqual(read_message(client).answers, 1)
            self.stop(server)
            (self.folder / "log").unlink()

    def test_views_are_told_apart_by_their_listeners(self):
        peers = self.write_peers()
        self.start("--peers", peers, "--listen", f"0.0.0.0:{self.port}", "--listen-private", f"127.0.0.9:{self.port}")
        for ask in (ask_udp, ask_tcp):
            self.assertEqual(ask("127.0.0.1", self.port, "alice.example.org", A).rcode, NXDOMAIN)
            self.assertEqual(ask("127.0.0.9", self.port, "alice.example.org", A).answers, 2)
        self.assertNotIn("alice", self.command("zone", "--public").stdout)
        self.assertIn("alice.example.org.", self.command("zone").stdout)
        peer = json.loads(self.command("peers", "--json").stdout)
        self.assertEqual((peer["name"], peer["published_endpoints"]), ("alice", ["203.0.113.9:51820"]))

    def test_a_private_listener_that_strangers_reach_is_warned_of_at_start_at_reload_and_by_check_config(self):
        told = f"warning: private listener on 0.0.0.0:{self.port}: everybody who reaches this host sees the private view"
        config = self.folder / "config.yaml"
        config.write_text(f"listen-private: [0.0.0.0:{self.port}, 127.0.0.9:{self.port}]\n")
        checked = self.run_to_end(*self.arguments("--config", config, "--check-config"))
        self.assertEqual((checked.returncode, checked.stderr.count("warning")), (0, 1), checked.stderr)
        self.assertIn(told, checked.stderr)
        self.start("--config", config)
        self.assertEqual((self.log().count(told), self.log().count("warning")), (1, 1), self.log())
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.log().count(told), 2)
        config.write_text(f"listen-private: [127.0.0.9:{self.port}]\n")
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertEqual(self.log().count("warning"), 2, self.log())

    # ---- starting beside others

    def test_a_second_instance_is_refused_with_the_path_and_the_first_lives_on(self):
        self.start("--listen", f"127.0.0.1:{self.port}")
        second = self.run_to_end(*self.arguments("--listen", f"127.0.0.1:{free_port()}"))
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn(f"another wg-dnsd answers on {self.control}", second.stderr)
        self.assertEqual(self.command("status").returncode, 0)

    def test_a_held_address_is_named_with_its_holder(self):
        for kind, transport in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
            with self.subTest(transport=transport), socket.socket(socket.AF_INET, kind) as holder:
                holder.bind(("127.0.0.1", self.port))
                if kind == socket.SOCK_STREAM:
                    holder.listen()
                refused = self.run_to_end(*self.arguments("--listen", f"127.0.0.1:{self.port}"))
                self.assertEqual(refused.returncode, 1, refused.stderr)
                self.assertIn(f"{transport} 127.0.0.1:{self.port} is held by python3 (process {os.getpid()})",
                              refused.stderr)  # fmt: skip

    def test_beside_a_stub_resolver_every_other_address_is_listened_on(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stub:
            stub.bind(("127.0.0.53", self.port))
            self.start("--listen", f"0.0.0.0:{self.port}")
            self.assertIn(f"cannot listen on 0.0.0.0:{self.port} as a whole (python3", self.log())
            self.assertEqual(ask_udp("127.0.0.1", self.port, "example.org", SOA).answers, 1)
            self.assertEqual(self.command("status").returncode, 0)

    def test_when_every_address_is_held_it_says_by_whom_and_ends(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(("0.0.0.0", self.port))
            refused = self.run_to_end(*self.arguments("--listen", f"0.0.0.0:{self.port}"))
            self.assertEqual(refused.returncode, 1, refused.stderr)
            self.assertIn("wg-dnsd: UDP 127.0.0.1", refused.stderr)
            self.assertIn("bind-interfaces", refused.stderr)

    def test_an_address_that_is_not_there_yet_is_waited_for(self):
        self.start("--listen", f"127.0.0.1:{self.port}", "--listen", f"198.51.100.77:{self.port}")
        self.assertIn(f"not listening on 198.51.100.77:{self.port} (public)", self.log())
        self.assertEqual(ask_udp("127.0.0.1", self.port, "example.org", SOA).answers, 1)
        status = self.command("status", "--json")
        self.assertEqual(status.returncode, 1, status.stdout)
        self.assertEqual(json.loads(status.stdout)["state"], "degraded")

    def test_a_socket_file_that_was_left_behind_is_replaced(self):
        first = self.start("--listen", f"127.0.0.1:{self.port}")
        first.kill()
        first.wait()
        self.assertTrue(self.control.is_socket())
        os.truncate(self.folder / "log", 0)
        second = self.start("--listen", f"127.0.0.1:{self.port}")
        self.assertEqual(self.command("status").returncode, 0)
        self.assertEqual(self.control.stat().st_mode & 0o777, 0o660)
        self.assertEqual(self.stop(second), 0)
        self.assertFalse(self.control.exists())

    # ---- sockets from a service manager

    def start_with_sockets(self, sockets, *more):
        """Starts wg-dnsd as systemd does: another program binds (kind, address, name), and then becomes wg-dnsd."""
        script = (
            "import ast, os, socket, sys\n"
            "names = []\n"
            "for number, (kind, address, name) in enumerate(ast.literal_eval(sys.argv[1])):\n"
            "    made = socket.socket(socket.AF_INET, kind)\n"
            "    made.bind(tuple(address))\n"
            "    if kind == socket.SOCK_STREAM:\n"
            "        made.listen()\n"
            "    os.dup2(made.detach(), 50 + number)\n"
            "    names.append(name)\n"
            "for number in range(len(names)):\n"
            "    os.dup2(50 + number, 3 + number)\n"
            "    os.close(50 + number)\n"
            "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)))\n"
            "os.environ.update(LISTEN_FDNAMES=':'.join(names))\n"
            "os.execv(sys.argv[2], sys.argv[2:])\n"
        )
        words = [sys.executable, "-c", script, repr(sockets), *map(str, self.arguments(*more))]
        log = open(self.folder / "log", "ab")  # noqa: SIM115, closed with the process
        process = subprocess.Popen(words, stdout=log, stderr=log)
        log.close()
        self.addCleanup(self.end, process)
        return process

    def test_sockets_from_the_service_manager_are_served_and_kept_over_reloads(self):
        place, hidden, other = ("127.0.0.1", self.port), ("127.0.0.9", self.port), free_port()
        peers = self.write_peers()
        config = self.folder / "config.yaml"
        config.write_text("log-level: info\n")
        udp, tcp = int(socket.SOCK_DGRAM), int(socket.SOCK_STREAM)
        process = self.start_with_sockets(
            [(udp, place, "public"), (tcp, place, "public"), (tcp, hidden, "private"), (udp, hidden, "private")],
            "--config", config, "--peers", peers, "--answer-threads", "2",
        )  # fmt: skip
        self.wait_for("answering", process)
        for _ in range(2):
            for ask in (ask_udp, ask_tcp):
                self.assertEqual(ask(*place, "example.org", SOA).answers, 1)
                self.assertEqual(ask(*place, "alice.example.org", A).rcode, NXDOMAIN)
                self.assertEqual(ask(*hidden, "alice.example.org", A).answers, 2)
            status = json.loads(self.command("status", "--json").stdout)
            self.assertEqual([one["endpoint"] for one in status["listeners"] if one["listening"]],
                             [f"{address}:{self.port}" for address in ("127.0.0.1", "127.0.0.9")])  # fmt: skip
            config.write_text(f"listen: [127.0.0.3:{other}]\n")
            self.assertEqual(self.command("reload").returncode, 0)
            self.assertEqual(ask_udp("127.0.0.3", other, "example.org", SOA).answers, 1)
            config.write_text("log-level: info\n")
            self.assertEqual(self.command("reload").returncode, 0)

    def test_a_descriptor_of_the_wrong_kind_is_named_and_ends_with_exit_2(self):
        process = self.start_with_sockets([(int(socket.SOCK_DGRAM), ("127.0.0.1", self.port), "dns")])
        self.assertEqual(process.wait(PATIENCE), 2)
        self.assertIn("descriptor 3 from the service manager is named 'dns'", self.log())

    # ---- changes

    def test_a_bad_file_at_sighup_keeps_the_old_state_and_says_why(self):
        process = self.start("--listen", f"127.0.0.1:{self.port}")
        self.write_zone("new A 203.0.113.11\nbroken A 203.0.113.300")
        process.send_signal(signal.SIGHUP)
        self.wait_for("not reloaded", process)
        self.assertIn(f"{self.zone_file}:6:", self.log())
        self.assertEqual(ask_udp("127.0.0.1", self.port, "new.example.org", A).rcode, NXDOMAIN)
        self.assertEqual(self.command("status").returncode, 1)
        refused = self.command("reload")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(":6:", refused.stderr)

        self.write_zone("new A 203.0.113.11")
        process.send_signal(signal.SIGHUP)
        self.wait_for("info: reloaded", process)
        self.assertEqual(self.log().count("reading the configuration again"), 3)
        self.assertEqual(ask_udp("127.0.0.1", self.port, "new.example.org", A).answers, 1)
        self.assertEqual(self.command("status").returncode, 0)

    def test_listeners_change_by_difference_at_a_reload(self):
        other, config = free_port(), self.folder / "config.yaml"
        config.write_text(f"listen: [127.0.0.1:{self.port}, 127.0.0.2:{self.port}]\n")
        self.start("--config", config)
        with (socket.create_connection(("127.0.0.1", self.port), PATIENCE) as stays,
              socket.create_connection(("127.0.0.2", self.port), PATIENCE) as goes):  # fmt: skip
            for client in (stays, goes):
                client.sendall(framed(query("example.org", SOA)))
                read_message(client)
            config.write_text(f"listen: [127.0.0.1:{self.port}, 127.0.0.1:{other}]\n")
            self.assertEqual(self.command("reload").returncode, 0)
            self.assertEqual(goes.recv(1), b"")
            stays.sendall(framed(query("example.org", SOA)))
            self.assertEqual(read_message(stays).answers, 1)
        self.assertEqual(ask_udp("127.0.0.1", other, "example.org", SOA).answers, 1)
        # A listener that cannot be opened: nothing changes, not even the other one.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(("127.0.0.3", self.port))
            config.write_text(f"listen: [127.0.0.3:{self.port}]\n")
            refused = self.command("reload")
            self.assertEqual(refused.returncode, 1)
            self.assertIn("is held by python3", refused.stderr)
        self.assertEqual(ask_udp("127.0.0.1", self.port, "example.org", SOA).answers, 1)

    def test_sigterm_is_a_clean_stop(self):
        process = self.start("--listen", f"127.0.0.1:{self.port}")
        self.assertEqual(self.stop(process), 0)
        self.assertFalse(self.control.exists())

    # ---- privilege

    def capabilities(self, process):
        """Whether each thread may administer the network: its sets CapInh, CapPrm, CapEff, CapBnd, CapAmb."""
        net_admin = 1 << 12
        tasks = pathlib.Path(f"/proc/{process.pid}/task").iterdir()
        sets = [[line.split() for line in (task / "status").read_text().splitlines()] for task in tasks]
        return [any(int(line[1], 16) & net_admin for line in one if line and line[0].startswith("Cap")) for one in sets]

    @unittest.skipUnless(os.geteuid() == 0, "only root has the capability")
    def test_net_admin_is_given_up_by_all_threads_where_no_interface_is_observed(self):
        config = self.folder / "config.yaml"
        config.write_text(f"listen: [127.0.0.1:{self.port}]\nobserve: [\"127.0.0.1:{free_port()}\"]\n")
        words = self.arguments("--config", config, "--answer-threads", "2", "--peers", self.write_peers())
        # A log that is no file is written by a thread of its own.
        process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(self.end, process)
        deadline = time.monotonic() + PATIENCE
        while any(self.capabilities(process)):  # not at the end of its start, or a thread that has not begun
            self.assertLess(time.monotonic(), deadline, self.capabilities(process))
            time.sleep(0.01)
        config.write_text(f"listen: [127.0.0.1:{self.port}]\ninterface: [lo]\n")
        self.assertEqual(self.command("reload").returncode, 0)
        self.assertFalse(any(self.capabilities(process)))
        self.assertEqual(self.stop(process), 0)
        log = process.stderr.read().decode()
        self.assertIn("warning: interface: wg-dnsd gave up CAP_NET_ADMIN when it started", log)

    @unittest.skipUnless(os.geteuid() == 0, "only root has the capability")
    def test_net_admin_stays_where_an_interface_is_observed(self):
        process = self.start("--listen", f"127.0.0.1:{self.port}", "--interface", "wg-none")
        self.wait_for("wg-none", process)
        self.assertTrue(any(self.capabilities(process)))

    # ---- commands

    def test_without_a_daemon_commands_name_the_socket_and_exit_2(self):
        for words in (["status"], ["peers"], ["zone"], ["zone", "--public"], ["query", ALICE], ["reload"]):
            result = self.command(*words)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"no wg-dnsd answers on {self.control}", result.stderr)
            self.assertEqual(result.stdout, "")

    def test_garbage_on_the_control_socket_is_answered_or_closed(self):
        self.start("--listen", f"127.0.0.1:{self.port}")
        for garbage in (b"\n", b"{}\n", b"\xff\xfe\n", b'{"command":"zone","view":7}\n', b"x" * 10000, b"[" * 4000 + b"\n"):
            with self.subTest(garbage=garbage[:20]), socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PATIENCE)
                client.connect(str(self.control))
                reply = b""
                with contextlib.suppress(ConnectionError):
                    client.sendall(garbage)
                    while more := client.recv(4096):
                        reply += more
                self.assertTrue(reply == b"" or reply.startswith(b'0\n{"error":') or b'"exit":2' in reply, reply)
        self.assertEqual(self.command("status").returncode, 0)

    def test_zone_prints_what_is_served(self):
        self.write_zone(LARGE)
        self.start("--listen", f"127.0.0.1:{self.port}")
        printed = self.command("zone", "--public")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        lines = printed.stdout.splitlines()
        self.assertIn("\tSOA\t", lines[0])
        self.assertEqual(sum("large.example.org." in line for line in lines), 100)

    def test_status_counts_queries(self):
        self.start("--listen", f"127.0.0.1:{self.port}")
        ask_udp("127.0.0.1", self.port, "example.org", SOA)
        ask_tcp("127.0.0.1", self.port, "example.org", SOA)
        status = json.loads(self.command("status", "--json").stdout)
        self.assertEqual(status["udp"], {"queries": 1, "replies": 1, "dropped": 0})
        self.assertEqual(status["tcp"], {"queries": 1, "replies": 1, "dropped": 0, "connections": 1})
        self.assertEqual(status["listeners"][0]["endpoint"], f"127.0.0.1:{self.port}")

    def test_status_is_down_while_nothing_is_listened_on(self):
        log = open(self.folder / "log", "ab")  # noqa: SIM115, closed with the process
        words = self.arguments("--listen", f"198.51.100.77:{self.port}")  # an address that this host lacks
        process = subprocess.Popen(list(map(str, words)), stdout=log, stderr=log)
        log.close()
        self.addCleanup(self.end, process)
        self.wait_for("not listening on 198.51.100.77", process)
        for words, state in ((["status"], "down"), (["status", "--json"], '"state":"down"')):
            status = self.command(*words)
            self.assertEqual(status.returncode, 2, status.stdout)
            self.assertIn(state, status.stdout)

    def test_query_log_is_a_sample_and_counts_the_rest(self):
        config = self.folder / "config.yaml"
        config.write_text("query-log: 5\n")
        process = self.start("--config", config, "--listen", f"127.0.0.1:{self.port}")
        for _ in range(100):
            ask_udp("127.0.0.1", self.port, "example.org", SOA)
        ask_tcp("127.0.0.1", self.port, "none.example.org", A)

        def counted():
            lines = [line.split("query: ")[1] for line in self.log().splitlines() if "query: " in line]
            left_out = sum(int(line.split()[0]) for line in lines if "more were not logged" in line)
            return len(lines) - sum("more were" in line for line in lines), left_out

        deadline = time.monotonic() + PATIENCE
        while sum(counted()) < 101:
            self.assertLess(time.monotonic(), deadline, self.log())
            time.sleep(0.05)
        self.assertEqual(sum(counted()), 101)
        self.assertIn("query: 127.0.0.1 udp public SOA example.org. NOERROR 1 answers", self.log())
        config.write_text("query-log: 0\n")
        process.send_signal(signal.SIGHUP)
        self.wait_for("info: reloaded", process)
        ask_udp("127.0.0.1", self.port, "example.org", NS)
        self.assertEqual(self.command("status").returncode, 0)
        self.assertNotIn("NS example.org.", self.log())

    def test_query_shows_the_answer_and_why(self):
        self.start("--peers", self.write_peers(), "--listen", f"127.0.0.1:{self.port}")
        told = self.command("query", ALICE)
        self.assertEqual(told.returncode, 0, told.stderr)
        for part in ("status: NOERROR, flags: qr aa", "\tSRV\t10 0 51820 203-0-113-9.", "view       private",
                     "outcome    hit: there is SRV", f"peer       {ALICE} (alice)",
                     "fixed      203.0.113.9:51820 by the configuration: published"):  # fmt: skip
            self.assertIn(part, told.stdout)
        public = self.command("query", "alice.example.org", "A", "--public", "--json")
        self.assertEqual(public.returncode, 1, public.stdout)
        self.assertEqual(json.loads(public.stdout)["outcome"], "nxdomain")
        for words, part in ((["a..b"], "'a..b' is neither"), (["example.org", "NOTYPE"], "'NOTYPE' is no record type")):
            wrong = self.command("query", *words)
            self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
            self.assertIn(part, wrong.stderr)

    def test_what_can_be_asked_without_a_daemon(self):
        delegation = self.run_to_end(*self.arguments("--print-delegation"))
        self.assertEqual(delegation.returncode, 0, delegation.stderr)
        self.assertEqual([line.split() for line in delegation.stdout.splitlines()],
                         [["example.org.", "3600", "IN", "NS", "ns1.example.org."],
                          ["ns1.example.org.", "3600", "IN", "A", "203.0.113.10"]])  # fmt: skip
        checked = self.run_to_end(*self.arguments("--check-config"))
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("zone: example.org", checked.stdout)
        self.assertEqual(self.run_to_end(self.program, "--version").returncode, 0)
        self.assertEqual(self.run_to_end(self.program, "run", "--help").returncode, 0)

    def test_wrong_words_and_files_exit_2_with_one_line(self):
        self.write_zone("broken A 203.0.113.300")
        for arguments in (self.arguments(), self.arguments("--check-config"), self.arguments("--print-delegation"),
                          [self.program], [self.program, "--zone", "example.org", "--listen", "nowhere"]):  # fmt: skip
            result = self.run_to_end(*arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertEqual(self.run_to_end(self.program, "--no-such-option").returncode, 2)
        self.assertEqual(self.run_to_end(self.program, "nonsense").returncode, 2)


if __name__ == "__main__":
    Process.program = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
