#!/usr/bin/python3
"""wireguard_files: the forms of tests/forms are what wg-quick, wg and wireguard-go make of them.

The unit test config_forms asks our reader the same table. Names in endpoints are those of the table's hosts file.
"""

import re
import shutil
import subprocess

from lab import lab
from lab.checks import Failure, Skip, check
from lab.command_line import ROOT
from lab.containment import RUN
from lab.node import Node

TABLE = ROOT / "tests/forms/wireguard_files.txt"
INTERFACE = "wg-forms"
ESCAPES = {"t": "\t", "r": "\r", "v": "\v", "f": "\f", "0": "\0", "\\": "\\"}
NOTHING = ("(none)", "off", "0")


def unescape(text):
    def octet(match):
        word = match[1]
        return chr(int(word[1:], 16)) if word[0] == "x" else ESCAPES[word]

    return re.sub(r"\\(x..|.)", octet, text)


class Form:
    def __init__(self, title):
        self.title = title
        self.text = ""
        self.outcome = []  # the lines behind `---`

    def is_refused(self):
        """By wg or wg-quick."""
        return any(line.startswith("refused") for line in self.outcome)

    def read(self):
        return sorted(in_order(line) for line in self.outcome)


def in_order(line):
    """The words of a line in one order, and blocks in one order."""
    first, *words = line.split(" ")
    for number, word in enumerate(words):
        name, value = word.split("=", 1)
        if name == "allowed-ips":
            words[number] = f"{name}={','.join(sorted(value.split(',')))}"
    return " ".join([first, *sorted(words)])


def read_table():
    """→ (names by key, lines of the hosts file, forms)"""
    keys, hosts, forms, in_text = {}, [], [], False
    for line in TABLE.read_text().splitlines():
        if line.startswith("=== "):
            forms.append(Form(line[4:]))
            in_text = True
        elif line.startswith("--- "):
            forms[-1].outcome.append(line[4:])
            in_text = False
        elif in_text:
            line = "[Peer]\nPublicKey = {alice}" if line == "@peer" else line
            for key, name in keys.items():
                line = line.replace("{%s}" % name, key)
            has_end = not line.endswith("\\c")
            forms[-1].text += unescape(line if has_end else line[:-2]) + ("\n" if has_end else "")
        elif line.startswith("$"):
            name, key = line[1:].split(" = ")
            keys[key] = name
        elif line.startswith("host "):
            hosts.append(unescape(line[5:]))
    return keys, hosts, forms


def use_hosts(lines):
    """In this laboratory alone."""
    path = RUN / "hosts"
    path.write_bytes("\n".join(["127.0.0.1 localhost", *lines, ""]).encode("latin-1"))
    subprocess.run(["mount", "--bind", path, "/etc/hosts"], check=True)


# Reads the files FORM.conf in a folder: FORM.strip is refused or not, then FORM.dump is what the interface has.
READ_ALL = f"""
cd "$1"
for file in *.conf; do
    form=${{file%.conf}}
    wg-quick strip "$1/$file" > $form.stripped 2> $form.why || continue
    wg setconf {INTERFACE} $form.stripped 2>> $form.why || continue
    wg show {INTERFACE} dump > $form.dump
done
"""


def shown(dump, names, sets_port):
    """What `wg show dump` says, as the table writes it."""

    def words_of(**values):
        return [f"{name.replace('_', '-')}={value}" for name, value in values.items() if value not in NOTHING]

    device, *peers = [line.split("\t") for line in dump.splitlines()]
    private_key, _, port, fwmark = device
    # A port that the file leaves open is drawn.
    words = words_of(private_key=names.get(private_key, private_key), fwmark=fwmark, listen_port=port if sets_port else "0")
    lines = [" ".join(["interface", *words])] if words else []
    for key, psk, endpoint, blocks, _, _, _, keepalive in peers:
        endpoint = re.sub(r"^\[::ffff:([0-9.]+)\]", r"\1", endpoint)
        words = words_of(preshared_key=names.get(psk, psk), endpoint=endpoint, allowed_ips=blocks, keepalive=keepalive)
        lines.append(" ".join([names.get(key, key), *words]))
    return sorted(in_order(line) for line in lines)


def judge(form, base, names):
    """→ what differs from the table; None: nothing."""
    dump = base.with_suffix(".dump")
    why = base.with_suffix(".why").read_text(errors="replace")
    if form.is_refused() != (not dump.exists()):
        return f"the table says {'refused' if form.is_refused() else 'taken'}: {why}"
    if form.is_refused():
        return None
    found = shown(dump.read_text(), names, any("listen-port=" in line for line in form.outcome))
    return None if found == form.read() else f"the table has {form.read()}, WireGuard has {found}"


def scenario(world):
    for program in ("wg", "wg-quick", "wireguard-go"):
        if not shutil.which(program):
            raise Skip(f"needs {program}")
    names, hosts, forms = read_table()
    check(len(forms) >= 120, f"{len(forms)} forms")
    use_hosts(hosts)
    node = Node(world, "forms")
    node.use_resolvers("127.0.0.1", options="timeout:1 attempts:1")  # nobody is there
    go = node.start("wireguard-go", "-f", INTERFACE, name=INTERFACE, env={"LOG_LEVEL": "verbose"})
    go.wait_for_line("UAPI listener started")
    folder = RUN / "forms"
    folder.mkdir(mode=0o700)
    for number, form in enumerate(forms):
        (folder / f"{number}.conf").write_bytes(form.text.encode("latin-1"))
    node.run("env", "WG_ENDPOINT_RESOLUTION_RETRIES=0", "bash", "-c", READ_ALL, "read-all", folder)
    wrong = []
    for number, form in enumerate(forms):
        difference = judge(form, folder / str(number), names)
        if difference:
            wrong.append(f"{form.title}: {difference}")
    if wrong:
        raise Failure("\n".join([f"{len(wrong)} of {len(forms)} forms differ", *wrong]))
    refused = sum(form.is_refused() for form in forms)
    print(f"{len(forms)} forms agree: {len(forms) - refused} taken and read the same, {refused} refused")


if __name__ == "__main__":
    lab.main(scenario)
