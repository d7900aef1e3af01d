#!/usr/bin/python3
"""Both packages in a minimal Debian (mmdebstrap --variant=minbase) without systemd: installed with what they need from
the package sources, asked for the delegation, asked over DNS, removed, purged. Prints what was downloaded, and how long it
took. After the purge every file, link and folder is as in a base that has what the package depends on, alone."""

import re
import shutil
import time

import walk
from lab import machine
from lab.checks import check
from lab.command_line import run_and_exit
from lab.containment import RUN, run_contained

MOST_DOWNLOADED = 15_000_000  # octets, with everything the base does not have
CHANGES_BY_ITSELF = re.compile(
    r"^(proc|sys|dev|tmp|var/(cache|log|lib/(dpkg|apt|dbus/machine-id))"
    r"|etc/((passwd|group|shadow|gshadow)-|\.pwd\.lock|machine-id|ld\.so\.cache))"
)


class Chroot:
    """A base of its own; what is written to it is gone with the test."""

    def __init__(self, name):
        self.root = machine.overlay(machine.make_image("minimal"), name)

    def run(self, line, check=True):
        return machine.in_image(self.root, f"exec 2>&1; cd /root; {line}", check).stdout


def downloaded(said):
    """Octets that apt had to get; a package that is a file here is none of them."""
    number, unit = re.search(r"Need to get ([\d,.]+) ?([kM]?)B(?:/[\d,.]+ [kM]?B)? of archives", said).groups()
    return float(number.replace(",", "")) * {"": 1, "k": 1e3, "M": 1e6}[unit]


def answers(root, program_line, question):
    """Starts wg-dnsd in the chroot, alone in a network, and asks it. \\return the answer"""
    script = (
        f"ip link set lo up; chroot {root} {program_line} > {RUN}/dnsd.log 2>&1 & program=$!; "
        f"for try in $(seq 100); do dig @127.0.0.1 +short +tries=1 +timeout=1 {question} && break; sleep 0.1; done; "
        "kill $program; wait $program"
    )
    return machine.run("unshare", "--net", "--fork", "bash", "-c", script, check=False).stdout


def install(chroot, file):
    """\\return seconds"""
    for old in chroot.root.glob("root/*.deb"):
        old.unlink()
    shutil.copy(file, chroot.root / "root")
    started = time.monotonic()
    said = chroot.run(f"apt-get install --yes ./{file.name}")
    seconds = time.monotonic() - started
    octets = downloaded(said)
    names = re.findall(r"^Get:\d+ \S+ \S+ \S+ (\S+) \S+ \S+ \[([^\]]+)\]", said, re.MULTILINE)
    print(f"{file.name}: {octets / 1e6:.1f} MB downloaded beyond the base, {seconds:.0f} s")
    print("   " + ", ".join(f"{name} {size}" for name, size in names))
    check(octets <= MOST_DOWNLOADED, f"{octets} octets were downloaded, at most {MOST_DOWNLOADED}")
    return seconds


def host(chroot, file):
    seconds = install(chroot, file)
    started = time.monotonic()
    said = chroot.run("wg-dnsd --check-config", check=False)
    check("no zone is given" in said, f"the new configuration lacks the zone alone, and --check-config says: {said}")
    chroot.run(r"sed -i 's/^#zone: .*/zone: wg.example.org/; s/^#ns:/ns:/' /etc/wg-dnsd/wg-dnsd.yaml")
    said = chroot.run("wg-dnsd --print-delegation")
    check(re.search(r"ns1\.wg\.example\.org\.\s+3600\s+IN\s+A\s+203\.0\.113\.10", said), f"the delegation: {said}")
    said = answers(chroot.root, "wg-dnsd --listen 127.0.0.1 --observe 127.0.0.1:51820", "SOA wg.example.org")
    check("\nns1.wg.example.org." in f"\n{said}", f"DNS: {said or (RUN / 'dnsd.log').read_text()}")
    seconds += time.monotonic() - started
    check(seconds < 60, f"from nothing to an answer in {seconds:.0f} s, a minute at most")
    print(f"   delegation printed, DNS answered after {seconds:.0f} s")
    owner = chroot.run("stat -c '%U %a' /var/lib/wg-dnsd").split()
    check(owner == ["wg-dnsd", "700"], f"/var/lib/wg-dnsd is {owner}")


def peer(chroot, file):
    install(chroot, file)
    said = chroot.run("wg-updater wg0 --check-config", check=False)
    check("no zone is given" in said, f"the new configuration lacks the zone alone, and --check-config says: {said}")
    chroot.run(r"sed -i 's/^#zone:/zone:/; s/^#hub:/hub:/' /etc/wg-updater/wg-updater.yaml")
    said = chroot.run("wg-updater wg0 --check-config")
    check("zone: wg.example.org." in said, f"--check-config: {said}")
    chroot.run("mkdir -p /var/lib/wg-updater && touch /var/lib/wg-updater/wg0.json /etc/wg-updater/wg0.env")


def both(options):
    machine.make_image("minimal")
    return run_contained(install_and_purge, network=False)


def install_and_purge():
    for name, use in (("wg-dnsd", host), ("wg-updater", peer)):
        file = next(path for path in walk.packages("new") if path.name.startswith(f"{name}_"))
        bare = Chroot(f"bare-{name}")
        bare.run(f"apt-get install --yes {' '.join(walk.dependencies([file]))}")
        before = walk.files(bare.root, CHANGES_BY_ITSELF)
        chroot = Chroot(name)
        use(chroot, file)
        chroot.run(f"apt-get remove --yes {name}")
        check((chroot.root / f"etc/{name}/{name}.yaml").exists(), "remove keeps the configuration")
        chroot.run(f"apt-get purge --yes {name} && rm -f /root/*.deb")
        walk.compare(before, walk.files(chroot.root, CHANGES_BY_ITSELF), f"after the purge of {name}")
        print(f"   removed, purged: {len(before)} files, links and folders are as without it")
    return 0


run_and_exit(both)
