#!/usr/bin/python3
"""point_page: an ordinary user, on a machine where nothing is prepared, follows doc/observation-point.md to the letter.

The commands of "Set up" and "Inside the tunnel" are read out of the page, in its order, and each is judged by what the
page says about it. A command that nobody here can judge fails, and so does a judge without a command. Once there is a
$XDG_RUNTIME_DIR and once none; once `address-range` is a line of a file, and once an option.
"""

import base64
import collections
import ipaddress
import os
import pathlib
import re
import shlex
import shutil
import signal

from lab import dns_client
from lab import lab
from lab.addresses import HOST, WIREGUARD_PORT, ZONE
from lab.checks import Skip, check, wait_until
from lab.command_line import ROOT
from lab.containment import RUN
from lab.point import NOBODY, ORDINARY_USER
from lab.qr_code import read_code
from lab.wireguard import base32_of, public_key_of

PAGE = ROOT / "doc/observation-point.md"
SECTIONS = ("Set up", "Inside the tunnel")
SETTING = re.compile(r"With `(address-range: (\S+))` in the configuration[^`]*`(--address-range \2)`")
PORT = 5300  # the page: "answers DNS on port 5300, because only root may give it port 53"
INSIDE = "10.0.0.254"  # the page: "The address behind the comma"
HOME, RUNTIME = "home/user", f"run/user/{NOBODY}"
STATE = f"{HOME}/.local/state/wg-dnsd"
LENT = ("usr", "etc", "proc", "bin", "lib", "lib64")  # of this machine, where the user may not write

# What the page says next. `where`: observation-point.md:LINE; kind: a command, or a setting.
Step = collections.namedtuple("Step", "where kind text option")


def steps(text):
    """The commands of the sections, and the setting between them, in the order of the page."""
    found = []
    section = ""
    paragraph = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        where = f"{PAGE.name}:{number}"
        if line.startswith("## "):
            section = line[3:]
        if section in SECTIONS and line.startswith("    "):
            found.append(Step(where, "command", line[4:], None))
        elif line:
            paragraph.append(line)
        else:
            for setting, _, option in SETTING.findall(" ".join(paragraph)) if section in SECTIONS else ():
                found.append(Step(where, "setting", setting, option))
            paragraph = []
    return found


class Machine:
    """A root folder with the system's programs, empty folders, and a user with an empty home."""

    def __init__(self, world, with_runtime):
        self.node = world.host
        self.root = RUN.parent / "machine"  # not in RUN, which --keep copies: /proc is lent
        for name in LENT:
            self.lend(world, name)
        for folder, mode in {"tmp": 0o1777, "var/tmp": 0o1777, "dev/shm": 0o1777, "var/lib": 0o755, "run": 0o755}.items():
            self.make(folder, mode)
        for device in ("dev/null", "dev/urandom"):
            (self.root / device).touch()
            world.command(["mount", "--bind", f"/{device}", self.root / device])
        self.make("programs", 0o755)
        (self.root / "programs/wg-dnsd").touch()
        world.command(["mount", "--bind", world.program("wg-dnsd"), self.root / "programs/wg-dnsd"])
        self.own = (HOME, *([RUNTIME] if with_runtime else []))
        for folder in self.own:
            self.make(folder, 0o700)
            os.chown(self.root / folder, NOBODY, NOBODY)
        self.environment = ["PATH=/programs", f"HOME=/{HOME}", *([f"XDG_RUNTIME_DIR=/{RUNTIME}"] if with_runtime else [])]
        self.before = self.paths()

    def lend(self, world, name):
        system, here = pathlib.Path("/", name), self.root / name
        if system.is_symlink():
            here.symlink_to(os.readlink(system))
        elif system.exists():
            here.mkdir(parents=True)
            world.command(["mount", "--bind", system, here])

    def make(self, folder, mode):
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / folder).chmod(mode)

    def words(self, line):
        user = ["chroot", self.root, *ORDINARY_USER, "/usr/bin/env", "-i", "-C", f"/{HOME}", *self.environment]
        return [*user, "/bin/sh", "-c", line]

    def type(self, line):
        """What a command of the user printed. It must end with 0."""
        done = self.node.run(*self.words(line), check=False)
        check(done.returncode == 0, f"{line}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, line, name):
        return self.node.start(*self.words(f"exec {line}"), name=name)

    def paths(self):
        """Everything on this machine that is not lent, relative to its root."""
        found = set()
        for folder, folders, files in os.walk(self.root):
            here = pathlib.Path(folder)
            if here == self.root:
                folders[:] = [name for name in folders if name not in LENT]
            found |= {str((here / name).relative_to(self.root)) for name in (*folders, *files)}
        return found

    def written_elsewhere(self):
        """What was made outside of the user's own folders."""
        own = tuple(f"{folder}/" for folder in self.own)
        return [path for path in sorted(self.paths() - self.before) if not path.startswith(own)]

    def files_with(self, *texts):
        """The files that have one of the texts in them."""
        files = [path for path in sorted(self.paths()) if path.startswith(self.own) and (self.root / path).is_file()]
        return [path for path in files if any(text in (self.root / path).read_bytes() for text in texts)]


class Follower:
    """The user, and bob, who gets a file from him. Each judge runs what a step says."""

    def __init__(self, world, with_runtime, with_file):
        self.world = world
        self.machine = Machine(world, with_runtime)
        self.bob = world.home("bob", "cone").node
        self.socket = f"{RUNTIME}/wg-dnsd/control.sock" if with_runtime else f"{STATE}/control.sock"
        self.with_file = with_file
        self.command = None  # the page's first one
        self.dnsd = None
        self.keys = {}  # of the peers, by name; the host's is `host`
        self.range = self.address_of_alice = None

    def follow(self, text):
        unused = list(JUDGES)
        for step in steps(text):
            pattern = next((one for one in JUDGES if re.match(one, step.text)), None)
            check(pattern, f"{step.where}: no judge knows `{step.text}`")
            check(pattern in unused, f"{step.where}: `{step.text}` is judged a second time")
            unused.remove(pattern)
            print(f"{step.where}: {step.text}")
            JUDGES[pattern](self, step)
        check(not unused, f"{PAGE.name} has nothing for {unused}")
        self.stop()
        elsewhere = self.machine.written_elsewhere()
        check(not elsewhere, f"written outside of the user's folders: {elsewhere}")

    def has(self, path):
        return (self.machine.root / path).exists()

    def serve(self, line, name):
        """wg-dnsd runs, and answers everybody on the port that the page says."""
        self.dnsd = self.machine.start(line, name)

        def is_answering():
            check(self.dnsd.is_running(), f"`{line}` ended with {self.dnsd.popen.returncode}")
            return self.dnsd.lines("info: answering")

        wait_until(is_answering, f"`{line}` answers")
        check(self.dnsd.lines("may not listen on port 53", f"port {PORT}"), "it does not say why it has another port")
        server = f"ns1.{ZONE}."
        for name, kind, expected in ((f"{ZONE}.", "NS", server), (server, "A", HOST)):
            reply = dns_client.ask(self.world.internet, HOST, name, kind, port=PORT)
            answer = dns_client.records(reply.answer)
            check(answer == [f"{name} {kind} {expected}"], f"port {PORT} answers {answer}")
        check(self.has(self.socket), f"no socket at {self.socket}")

    def stop(self):
        check(self.dnsd.stop() == 0, "SIGTERM did not end it cleanly")

    # -- judges

    def start(self, step):
        self.command = step.text
        self.serve(step.text, "wg-dnsd")
        key_file = self.machine.root / STATE / f"observe-0.0.0.0-{WIREGUARD_PORT}.key"
        check(key_file.exists(), f"no {key_file.name} in the state folder")
        check(key_file.stat().st_mode & 0o777 == 0o600, "the point's key is not for its owner alone")
        check(self.has(f"{STATE}/state.db"), "no state in the state folder")
        self.keys["host"] = public_key_of(key_file.read_text())

    def add(self, step):
        self.machine.type(step.text)
        self.keys["alice"] = shlex.split(step.text)[4]
        self.address_of_alice = step.text.split()[-1].removesuffix("/32")
        check(self.has(f"{STATE}/added-peers.conf"), "no added-peers.conf in the state folder")
        check("alice" in self.machine.type("wg-dnsd peer list"), "peer list does not know alice")

    def configure(self, step):
        self.judge_section(self.machine.type(step.text))

    def judge_section(self, text):
        """The first [Peer] section is the host's."""
        lines = text.split("[Peer]\n")[1].splitlines()
        expected = [
            f"PublicKey = {self.keys['host']}", f"Endpoint = {HOST}:{WIREGUARD_PORT}", f"AllowedIPs = {INSIDE}/32",
            "PersistentKeepalive = 25",
        ]  # fmt: skip
        check(lines[:4] == expected, f"the host's section is {lines}")

    def set(self, step):
        """Starts it again, with a range of addresses."""
        self.stop()
        self.range = ipaddress.ip_network(step.text.split()[1])
        more = step.option
        if self.with_file:
            file = self.machine.root / HOME / "wg-dnsd.yaml"
            file.write_text(step.text + "\n")
            more = f"--config {file.name}"
        self.serve(f"{self.command} {more}", "wg-dnsd-with-range")
        check("alice" in self.machine.type("wg-dnsd peer list"), "alice is forgotten")

    def make_bob(self, step):
        check(self.machine.type(step.text) == "", "something did not go into the file")
        file = self.machine.root / HOME / "bob.conf"
        text = file.read_text()
        check([line[:2] for line in text.splitlines()[:4]] == ["# "] * 3 + ["[I"], f"not three lines above the file: {text}")
        self.judge_section(text)
        address = ipaddress.ip_interface(re.search(r"(?m)^Address = (.*)$", text)[1])
        is_new = str(address.ip) not in (self.address_of_alice, INSIDE)
        check(address.network == self.range and is_new, f"bob's address is {address}")
        private_key = re.search(r"(?m)^PrivateKey = (.*)$", text)[1]
        stored = self.machine.files_with(private_key.encode(), base64.b64decode(private_key))
        check(stored == [f"{HOME}/bob.conf"], f"bob's private key is in {stored}")
        self.keys["bob"] = public_key_of(private_key)
        folder = RUN / "bob"
        folder.mkdir(mode=0o700)
        shutil.copy(file, folder)
        self.bob.run("wg-quick", "up", folder / "bob.conf")

        def published():
            name = f"_wireguard._udp.{base32_of(self.keys['bob'])}.{ZONE}."
            reply = dns_client.ask(self.world.internet, HOST, name, "SRV", port=PORT)
            return [target.split(".")[0] for _, target, _ in dns_client.srv_endpoints(reply)]

        wait_until(lambda: published() == [self.world.homes["bob"].public.replace(".", "-")], "DNS says where bob is")

    def make_phone(self, step):
        text, notes = read_code(self.machine.type(step.text))
        check(text.startswith("[Interface]\nPrivateKey = "), f"the code says {text}")
        check(len(notes) == 3, f"not three lines below the code: {notes}")
        self.judge_section(text)
        self.keys["phone"] = public_key_of(re.search(r"(?m)^PrivateKey = (.*)$", text)[1])
        others = set(re.findall(r"(?m)^PublicKey = (.*)$", text)) - {self.keys["host"]}
        check(others == {self.keys["alice"], self.keys["bob"]}, f"the phone's other peers are {others}")

    def ping(self, step):
        pings = self.bob.start("sh", "-c", f"exec {step.text}", name="ping")
        wait_until(lambda: pings.lines(f"bytes from {INSIDE}") or not pings.is_running(), "a reply")
        pings.signal(signal.SIGINT)
        pings.wait()
        check(pings.lines(f"bytes from {INSIDE}"), f"`{step.text}` got no reply: {pings.text()}")

    def dig(self, step):
        done = self.bob.output("sh", "-c", step.text)
        check("status: NOERROR" in done, f"`{step.text}` shows {done}")
        shown = {found for found in re.findall(r"(?m)^\S+\s+\d+\s+IN\s+PTR\s+(\S+)$", done)}
        expected = {f"{base32_of(self.keys[name])}._wireguard._udp.{ZONE}." for name in ("bob", "host")}  # those seen
        check(shown == expected, f"`{step.text}` shows {shown}, not {expected}")


# What the page has to say, and who judges it.
JUDGES = {
    r"wg-dnsd --zone ": Follower.start,
    r"wg-dnsd peer add alice ": Follower.add,
    r"wg-dnsd peer config alice\b": Follower.configure,
    r"address-range: ": Follower.set,
    r"wg-dnsd peer new bob > bob\.conf\b": Follower.make_bob,
    r"wg-dnsd peer new phone --qr --full\b": Follower.make_phone,
    rf"ping {re.escape(INSIDE)}$": Follower.ping,
    rf"dig @{re.escape(INSIDE)} .*PTR ": Follower.dig,
}


def bare(world):
    """Without $XDG_RUNTIME_DIR, as in a container; the range is a line of a file."""
    follow_page(world, with_runtime=False, with_file=True)


def logged_in(world):
    """With $XDG_RUNTIME_DIR, as after a login; the range is an option."""
    follow_page(world, with_runtime=True, with_file=False)


def follow_page(world, **keywords):
    for tool in ("zbarimg", "dig", "wg-quick"):
        if not shutil.which(tool):
            raise Skip(f"needs {tool}")
    Follower(world, **keywords).follow(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    lab.main(bare, logged_in)
