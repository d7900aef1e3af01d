#!/usr/bin/python3
"""The README, done line by line on three machines with systemd: packages installed, a zone answered, peers connected.
Then every command of doc/ and of the manual pages, on the same machines.

The packages are those of build/test/packages, which build_packages makes. A line that is wrong fails with its number;
so does a file that the programs refuse, and a command that nobody has said how to run.
"""

import re
import time

import readme
import walk
from lab import lab
from lab.checks import Failure, check, wait_until

LABEL = 'label() { echo "$1" | base64 -d | base32 | tr -d = | tr A-Z a-z; }'
EDITOR = "opens an editor; the drop-in that it would make is walk.AS_ROOT"

# Commands of the other documents, in any order of documents, but in their order within one: on which machine, what it
# has to print, and what runs before it, or in its place (KEY: alice's). Or why it is not run here.
COMMANDS = {
    "nft add rule inet filter input udp dport { 53, 51820 } accept": ("public", r"", "nft -f /etc/nftables.conf; {}"),
    "nft add rule inet filter input tcp dport 53 accept": (
        "public", r"udp dport \{ 53, 51820 \} accept\s+tcp dport 53 accept", "{}; nft list table inet filter",
    ),
    "ufw allow 53": "brings Python to the small machines",
    "ufw allow 51820/udp": "brings Python to the small machines",
    "systemctl stop wg-dnsd": ("public", r""),
    "tar -C / -czf move.tar.gz etc/wg-dnsd var/lib/wg-dnsd": ("public", r""),
    "tar -C / -xzpf move.tar.gz": ("public", r"", "rm -rf /etc/wg-dnsd /var/lib/wg-dnsd; {}"),
    "chown -R wg-dnsd: /var/lib/wg-dnsd": ("public", r""),
    "systemctl start wg-dnsd": ("public", r""),
    "wg-dnsd status": ("public", r"^wg-dnsd \d"),
    LABEL: ("bob", r""),
    "label xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=": ("bob", r"^[a-z2-7]{52}$", LABEL + "; label KEY"),
    "dig @203.0.113.10 +noall +answer +additional SRV _wireguard._udp.$(label xTIB…p8Dg=).wg.example.org": (
        "bob", r"\sSRV\s10 0 \d+ [\d-]+\.[a-z2-7]{52}\.wg\.example\.org\.", LABEL + "; {}",
    ),
    "dig @10.0.0.1 +short TXT K._wireguard._udp.wg.example.org": "needs a private listener: tests/e2e, views",
    "nsupdate <<END": "of several lines: tests/e2e, lan",
    "dig @10.0.0.254 +short TXT _lan.yuza…6a4a.wg.example.org": "needs a built-in point: tests/e2e, lan",
    "for wait in 3 1 0; do dig +noall +answer SRV _wireguard._udp.$(label KEY).Z @RESOLVER; sleep $wait; done": (
        "bob", r"(?:\s[01]\s+IN\s+SRV\s[\s\S]*){3}",
        LABEL + "; dig() { command dig $(echo \"$*\" | sed 's/[.]Z .*/.wg.example.org/'); }; {}",
    ),
    "systemctl edit wg-dnsd": EDITOR,
    "systemctl edit wg-updater@wg0": EDITOR,
    "systemctl enable --now wg-dnsd.socket": (
        "public", r"(?m)^ns1\.wg", "systemctl stop wg-dnsd; {} && dig +short SOA wg.example.org @203.0.113.10",
    ),
    "wg-dnsd --zone wg.example.org --interface wg0": (
        "public", r"wg-dnsd \S+ for wg\.example\.org\.",
        "systemctl stop wg-dnsd.socket wg-dnsd; { timeout 3 {}; [ $? = 124 ]; } && systemctl start wg-dnsd.socket",
    ),
    "echo KEY | base64 -d | base32 | tr -d = | tr A-Z a-z": ("bob", r"^[a-z2-7]{52}$"),
    "wg-updater why wg0 xTIB": ("bob", r"."),
    "wg-updater doctor wg0": ("bob", r".", "{} || [ $? = 1 ]"),
    "wg-updater wg0 --zone wg.example.org --dry-run": ("bob", r"", "systemctl stop wg-updater@wg0; {}"),
    "wg-updater wg1 --check-config": (
        "bob", r"wg1:", "sed -i 's/^#zone:/zone:/' /etc/wg-updater/wg-updater.yaml; {}",
    ),
}  # fmt: skip


def main(options):
    image = walk.image()
    return lab.in_laboratory(options, lambda world: newcomer(world, image))


def newcomer(world, image):
    started = time.monotonic()
    walked = walk.Walk(world, "new", image)
    try:
        print(f"three machines have booted after {time.monotonic() - started:.1f} s")
        started = time.monotonic()
        count = walked.do_readme()
        seconds = time.monotonic() - started
        check(count > 15, f"the README has {count} steps: too few were found")
        check(seconds < 60, f"from an empty machine to a direct tunnel in {seconds:.0f} s, a minute at most")
        print(f"{count} steps in {seconds:.1f} s")
        for who, unit in (("public", "wg-dnsd"), ("alice", "wg-updater@wg0"), ("bob", "wg-updater@wg0")):
            state = set(walked.machines[who].output(f"systemctl show -P ActiveState -P NRestarts {unit}").split())
            check(state == {"active", "0"}, f"{unit} of {who}, and how often it was restarted: {state}")
        do_others(walked)
    finally:
        walked.stop()


def do_others(walked):
    known = set(COMMANDS)
    for where, command in readme.other_commands():
        check(command in COMMANDS, f"{where}: nobody has said how to run this: {command}")
        known.discard(command)
        way = COMMANDS[command]
        if isinstance(way, str):
            print(f"{where}: not run, {way}: {command}")
            continue
        who, wanted, line = way if len(way) == 3 else (*way, "{}")
        line = line.replace("{}", command)
        for name in ("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "xTIB…p8Dg=", "KEY"):
            line = line.replace(name, walked.names.keys["alice"][1])
        line = re.sub(r"\bxTIB\b", walked.names.keys["alice"][1][:6], line)
        print(f"{where} {who}$ {command}")
        do_one(walked, where, who, line, wanted)
    check(not known, f"no document has these commands: {known}")


def do_one(walked, where, who, line, wanted):
    last = []

    def is_done():
        ran = walked.machines[who].run(f"cd /root; {line}", check=False)
        last[:] = [f"exit code {ran.returncode}\n{ran.stdout}"]
        return ran.returncode == 0 and re.search(wanted, ran.stdout, re.MULTILINE)

    try:
        wait_until(is_done, line, timeout=20, interval=0.5)
    except Failure as late:
        raise Failure(f"{where}: {line}: {last[0]}has no {wanted}") from late


lab.run_and_exit(main)
