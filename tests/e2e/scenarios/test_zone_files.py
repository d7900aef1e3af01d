#!/usr/bin/python3
"""zone_files: zone files are read as NSD, Knot and BIND read them.

Right files in every spelling, files with one mistake, and right files in which one octet or word was changed at random:
what two servers then refuse, they refuse for that change. What two of the three servers refuse, wg-dnsd refuses; of what
two of them load, it answers every question as two of them do. That NSD alone refuses a record outside the zone does not
count: it would make two of the many names that Knot alone refuses. One process of each serves all zones; wg-dnsd serves
one after the other, by reloading. doc/rfc.md lists every difference, with a sample that is asked here. --full makes ten
times as many files.
"""

import collections
import concurrent.futures
import json
import re
import socket
import subprocess

import dns.rcode

from lab import lab
from lab import zone_differences
from lab import zone_generator
from lab import zone_mistakes
from lab.bulk_questions import Client
from lab.checks import GENEROUS, check, wait_until
from lab.containment import RUN
from lab.name_servers import SERVERS
from lab.node import Node
from lab.stock_servers import LIBRARIES

FOLDER = RUN / "zones"
OURS, STOCK = "127.0.0.10", {"NSD": "127.0.0.11", "Knot": "127.0.0.12", "BIND": "127.0.0.13"}
CONTROL, CONFIG = RUN / "control", RUN / "wg-dnsd.yaml"
SOA = 6
DOCUMENT = lab.ROOT / "doc/rfc.md"
DIFFERENCES = "## Where wg-dnsd reads a zone file otherwise"
MOST_LINES = 400  # that are printed


def scenario(world):
    FOLDER.mkdir()
    (RUN / "outside").write_text("i A 192.0.2.9\n")  # of a row of the table
    node = Node(world, "zones")
    for address in (OURS, *STOCK.values()):
        node.ip("address", "add", f"{address}/32", "dev", "lo")  # BIND serves no others
    dnsd = Dnsd(node, world)
    files = make_files(world.options.full)
    for file in files:
        file.zone.write(FOLDER)
    judge(files)
    servers = {name: Client(node, address) for name, address in STOCK.items()}
    for name, start in START.items():
        zones = [file.zone for file in files if file.accepted[name]]
        start(node, zones)
        wait_until(lambda client=servers[name], zones=zones: are_served(client, zones), f"{name} serves its zones")
    wrong = compare([file for file in files if not file.row], dnsd, servers)
    for line in wrong[:MOST_LINES]:
        print(line)
    check_table([show(file, dnsd, servers) for file in files if file.row])
    check(not wrong, f"{len(wrong)} differences that doc/rfc.md does not list")


class File:
    """A zone and what the servers say of it."""

    def __init__(self, what, zone, row=None):
        self.what = what
        self.zone = zone
        self.row = row  # of the table of differences, which it is the sample of
        self.accepted = {}  # by server
        self.is_outside = False  # NSD refuses it, for nothing but records outside the zone

    def is_refused(self):
        return sum(self.accepted.values()) + self.is_outside < 2

    def is_loaded(self):
        return sum(self.accepted.values()) >= 2


def make_files(full):
    files = []
    for number, row in enumerate(zone_differences.ROWS):
        zone = zone_generator.Zone(f"d{number}.test")
        text = row.text.replace("{zone}", zone.name)
        zone.files = {zone.main: text.encode("latin-1")}
        if row.asked:
            zone.questions = {((row.asked[0],), row.asked[1])}
        files.append(File(row.what, zone, row))
    for number in range(2200 if full else 150):
        files.append(File(f"right {number}", zone_generator.make_zone(f"r{number}.test", number)))
    wrong = list(zone_mistakes.make_wrong_zones())
    for number, (what, text) in enumerate(wrong if full else wrong[::7]):
        zone = zone_generator.Zone(f"w{number}.test")
        zone.files = {zone.main: text.replace("{zone}", zone.name).encode("latin-1")}
        zone.questions = {((label,), kind) for label in ("x", "before", "behind", "ns1") for kind in (1, 16)}
        files.append(File(f"wrong: {what}", zone))
    for number in range(1500 if full else 100):
        zone = zone_generator.make_zone(f"m{number}.test", 100000 + number, is_special=False)
        zone = zone_mistakes.mutate(zone, number)
        files.append(File(f"changed {number}", zone))
    return files


# ---- the stock servers


def checkers(zone):
    path = FOLDER / zone.main
    return {
        "NSD": (SERVERS / "usr/sbin/nsd-checkzone", zone.name, path),
        "Knot": ("kzonecheck", "--origin", zone.name, path),
        "BIND": ("named-checkzone", "-i", "none", "-k", "ignore", zone.name, path),
    }


def judge(files):
    """What the checker of each server says of each file."""

    def judge_one(file):
        for name, command in checkers(file.zone).items():
            done = subprocess.run(command, cwd=FOLDER, capture_output=True, check=False)
            file.accepted[name] = done.returncode == 0
            if name == "NSD":
                errors = [line for line in done.stderr.splitlines() if b"error: " in line]
                file.is_outside = bool(errors) and all(b": out of zone data: " in line for line in errors)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(judge_one, files))


def are_served(client, zones):
    apexes = [(zone_generator.to_wire(zone.name.split(".")), SOA) for zone in zones]
    missing = [zone.name for zone, reply in zip(zones, client.ask(apexes), strict=True) if not reply[2]]
    return not missing


def start_nsd(node, zones):
    folder = RUN / "nsd"
    folder.mkdir()
    text = (
        f'server:\n  ip-address: {STOCK["NSD"]}\n  server-count: 1\n  username: ""\n  chroot: ""\n  database: ""\n'
        f'  zonesdir: "{FOLDER}"\n  pidfile: ""\n  xfrdfile: "{folder}/xfrd"\n  zonelistfile: "{folder}/list"\n'
        f'  xfrdir: "{folder}"\n  minimal-responses: yes\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n'
    )
    text += "".join(f'zone:\n  name: "{zone.name}"\n  zonefile: "{zone.main}"\n' for zone in zones)
    (folder / "nsd.conf").write_text(text)
    node.start(SERVERS / "usr/sbin/nsd", "-d", "-c", folder / "nsd.conf", name="nsd")


def start_knot(node, zones):
    folder = RUN / "knot"
    folder.mkdir()
    text = f"""server:
  rundir: "{folder}"
  user: root
  listen: {STOCK["Knot"]}@53
  udp-workers: 1
  tcp-workers: 1
  background-workers: 2
log:
  - target: stderr
    any: error
database:
  storage: "{folder}"
template:
  - id: default
    storage: "{FOLDER}"
    zonefile-sync: -1
    journal-content: none
zone:
"""
    text += "".join(f'  - domain: "{zone.name}"\n    file: "{zone.main}"\n' for zone in zones)
    (folder / "knot.conf").write_text(text)
    node.start(SERVERS / "usr/sbin/knotd", "-c", folder / "knot.conf", name="knot", env={"LD_LIBRARY_PATH": str(LIBRARIES)})


def start_bind(node, zones):
    folder = RUN / "named"
    folder.mkdir()
    text = f"""options {{
  directory "{FOLDER}";
  pid-file none;
  session-keyfile none;
  listen-on {{ {STOCK["BIND"]}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  minimal-responses yes;
  notify no;
  dnssec-validation no;
  allow-transfer {{ none; }};
  check-names primary ignore;
  check-integrity no;
}};
controls {{ }};
"""
    text += "".join(f'zone "{zone.name}" {{ type primary; file "{zone.main}"; }};\n' for zone in zones)
    (folder / "named.conf").write_text(text)
    node.start(SERVERS / "usr/sbin/named", "-g", "-n", "1", "-c", folder / "named.conf", name="named",
               env={"LD_LIBRARY_PATH": str(LIBRARIES)})  # fmt: skip


START = {"NSD": start_nsd, "Knot": start_knot, "BIND": start_bind}


# ---- wg-dnsd


class Dnsd:
    def __init__(self, node, world):
        self.node = node
        first = zone_generator.Zone("first.test")
        first.files = {first.main: zone_generator.HEAD.format(zone=first.name).encode()}
        first.write(FOLDER)
        self.configure(first)
        node.start(world.program("wg-dnsd"), "--config", CONFIG, "--state-dir", RUN / "state", "--control", CONTROL, name="wg-dnsd")
        self.client = Client(node, OURS)
        wait_until(CONTROL.exists, "wg-dnsd answers")

    def configure(self, zone):
        CONFIG.write_text(f"zone: {zone.name}\nzone-file: {FOLDER / zone.main}\nlisten: [{OURS}]\nrate-limit: 0\n"
                          "negative-ttl: 604800\nlog-level: error\n")  # fmt: skip

    def load(self, zone):
        """Serves the zone from now on. Returns why not; empty: it does."""
        self.configure(zone)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(GENEROUS)
            client.connect(str(CONTROL))
            client.sendall(b'{"command":"reload"}\n')
            reply = b""
            while more := client.recv(65536):
                reply += more
        result = json.loads(reply.rstrip().rsplit(b"\n", 1)[-1])
        return "" if result["exit"] == 0 else result["error"]


# ---- comparing


def compare(files, dnsd, servers):
    counts = collections.Counter()
    wrong = []
    for file in files:
        why = dnsd.load(file.zone)
        if file.is_refused():
            counts["refused by two"] += 1
            if not why:
                tell(wrong, counts, file, "is loaded", "")
            continue
        if not file.is_loaded():
            counts["refused by one, and by NSD for a record outside"] += 1
            continue
        counts["loaded by two"] += 1
        if why:
            tell(wrong, counts, file, f"is refused: {why}", why)
            continue
        questions = file.zone.wire_questions()
        ours = dnsd.client.ask(questions)
        theirs = {name: client.ask(questions) for name, client in servers.items() if file.accepted[name]}
        for index, question in enumerate(questions):
            replies = [replies[index] for replies in theirs.values()]
            agreed = next((reply for reply in replies if replies.count(reply) >= 2), None)
            if agreed is None:
                counts["questions without agreement"] += 1
                continue
            counts["questions"] += 1
            if file.what.startswith("changed") and has_lower_ttls(ours[index], agreed):
                counts["differences that are listed"] += 1  # of an RRset with two TTLs
            elif ours[index] != agreed:
                tell(wrong, counts, file, f"{question}: {ours[index]}, not {agreed}", "")
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return wrong


def has_lower_ttls(ours, theirs):
    """Whether the replies are the same but for lower TTLs in ours."""
    if ours == theirs or ours[:2] != theirs[:2]:
        return False
    for mine, others in zip(ours[2:], theirs[2:], strict=True):
        if sorted(map(without_ttl, mine)) != sorted(map(without_ttl, others)) or any(
            record[2] > min(other[2] for other in others) for record in mine
        ):
            return False
    return True


def without_ttl(record):
    return record[0], record[1], record[3]


def tell(wrong, counts, file, what, why):
    """A difference: in the table, or wrong."""
    for row in zone_differences.ROWS:
        if (row.error and why and re.search(row.error, why)) or (
            row.kind and (row.kind in file.zone.kinds or re.match(row.kind, file.what))
        ):
            counts["differences that are listed"] += 1
            return
    accepted = ", ".join(name for name in STOCK if file.accepted[name]) or "nobody"
    wrong.append(f"{file.zone.name}, {file.what}, loaded by {accepted}: {what}")


# ---- the table of differences


def show(file, dnsd, servers):
    """The row of the document: what each server makes of the sample."""
    cells = ["refused" if dnsd.load(file.zone) else show_answer(file, dnsd.client)]
    for name, client in servers.items():
        cells.append(show_answer(file, client) if file.accepted[name] else "refused")
    return f"| {file.row.rfc} | {file.row.section} | {file.row.what} | " + " | ".join(cells) + " |"


def show_answer(file, client):
    if not file.row.asked:
        return "loaded"
    rcode, _, answer, _ = client.ask(file.zone.wire_questions())[0]
    if not answer:
        return dns.rcode.to_text(rcode) if rcode else "nothing"
    return f"{len(answer)}, TTL {answer[0][2]}"


def check_table(rows):
    text = DOCUMENT.read_text().partition(DIFFERENCES)[2].partition("\n## ")[0]
    written = [line for line in text.splitlines() if line.startswith("| ")][1:]
    if written != rows:
        print("\n".join(rows))
    check(written == rows, f"the table in {DOCUMENT.name} is not this one")


if __name__ == "__main__":
    lab.main(scenario)
