#!/usr/bin/python3
"""The life of the packages on machines with systemd, after the README was done with those of v0.1.0: an upgrade of all
three under five pings per second loses none, and keeps endpoints and serial; so does a library's update, after which
needrestart restarts them; a downgrade finds the newer state, and says so; remove stops, and keeps the configuration;
purge leaves nothing."""

import contextlib
import json
import re
import sqlite3

import walk
from lab import lab
from lab.checks import GENEROUS, check, wait_until
from lab.node import Pings

UNITS = {"public": "wg-dnsd", "alice": "wg-updater@wg0", "bob": "wg-updater@wg0"}
# What the README's reader wrote, and what systemd, apt and dpkg keep for themselves.
NOT_OURS = re.compile(
    r"^(proc|sys|dev|run|tmp|root|var/(cache|log|tmp|lib/(dpkg|apt|systemd|dbus|private$))|etc/wireguard"
    r"|etc/systemd/system/multi-user.target.wants/wg-quick@|etc/((passwd|group|shadow|gshadow)-|\.pwd\.lock|machine-id"
    r"|ld\.so\.cache|resolv\.conf|hostname|mtab))"
)
# As dpkg does it, with a library that both programs have, and nothing else here.
REPLACE_LIBRARY = "file=$(readlink -f /usr/lib/*/libspdlog.so.1.??); cp -p $file $file.new && mv $file.new $file"


def main(options):
    image = walk.image("upgrader", ("needrestart",))
    return lab.in_laboratory(options, lambda world: live(world, image))


def live(world, image):
    walked = walk.Walk(world, "old", image)
    try:
        before = {who: walk.files(each.root, NOT_OURS) for who, each in walked.machines.items()}
        walked.do_readme()
        upgrade(walked)
        update_library(walked)
        downgrade(walked)
        remove(walked)
        for who in UNITS:
            purge(walked, who, before[who])
    finally:
        walked.stop()


def install(walked, who, which, options=""):
    walked.put_packages(who, which)
    name = UNITS[who].partition("@")[0]
    walked.machines[who].run(f"cd /root; apt install {options} ./{name}_*.deb")
    wait_until(lambda: state_of(walked, who) == "active", f"{UNITS[who]} of {who} runs again")


def state_of(walked, who):
    return walked.machines[who].output(f"systemctl show -P ActiveState {UNITS[who]}").strip()


def started_of(walked, who):
    return walked.machines[who].output(f"systemctl show -P ExecMainStartTimestampMonotonic {UNITS[who]}").strip()


def observed(walked):
    """Who was seen where, and the zone's serial."""
    peers = [json.loads(line) for line in walked.machines["public"].output("wg-dnsd peers --json").splitlines()]
    serial = int(walked.machines["public"].output("dig +short SOA wg.example.org @203.0.113.10").split()[2])
    return {peer["public_key"]: (peer["published_endpoints"], peer["since"]) for peer in peers}, serial


def upgrade(walked):
    with no_ping_lost(walked, "upgrade of all three"):
        for who in UNITS:
            install(walked, who, "new")
            check(waiting_for_restart(walked, who) == [], f"{who} runs what the upgrade replaced")
    version = walked.machines["public"].output("wg-dnsd status --json")
    check(json.loads(version)["program_version"].startswith("0.2.0"), "the new program runs")


def update_library(walked):
    """needrestart knows which units run an old library, and may restart them."""
    with no_ping_lost(walked, "a library's update on all three"):
        for who, unit in UNITS.items():
            walked.machines[who].run(REPLACE_LIBRARY)
            waiting = waiting_for_restart(walked, who)
            check(waiting == [f"{unit}.service"], f"needrestart on {who} wants to restart {waiting}")
            walked.machines[who].run("needrestart -l -r a")
            wait_until(lambda: state_of(walked, who) == "active", f"{unit} of {who} runs again")
            check(waiting_for_restart(walked, who) == [], f"needrestart restarts {unit} of {who}")


def waiting_for_restart(walked, who):
    said = walked.machines[who].output("needrestart -b -l")
    check("NEEDRESTART-VER" in said, f"needrestart on {who}: {said}")
    return re.findall(r"^NEEDRESTART-SVC: *(wg-(?:dnsd|updater)\S*)", said, re.MULTILINE)


@contextlib.contextmanager
def no_ping_lost(walked, what):
    """What happens inside restarts all three, loses no ping from alice to bob, and keeps endpoints and the serial."""
    pings = Pings(walked.machines["alice"].node, "10.0.0.3", rate=5)
    pings.wait_for_reply()
    places, serial = observed(walked)
    starts = {who: started_of(walked, who) for who in UNITS}
    yield
    for who in UNITS:
        check(started_of(walked, who) != starts[who], f"{what}: {UNITS[who]} of {who} was not restarted")
    replies = len(pings.replies())
    wait_until(lambda: len(pings.replies()) >= replies + 10, "ten more pings")
    said = pings.stop()
    print(f"{what}: {said}")
    check(" 0% packet loss" in said, f"{what}: lost pings: {said}")
    wait_until(lambda: observed(walked)[0] == places, "every peer is where it was before")
    check(observed(walked)[1] >= serial, "the serial does not go back")


def downgrade(walked):
    public = walked.machines["public"]
    public.run("systemctl stop wg-dnsd")
    with sqlite3.connect(public.root / "var/lib/wg-dnsd/state.db") as state:
        (version,) = state.execute("PRAGMA user_version").fetchone()
        state.execute(f"PRAGMA user_version = {version + 1}")
    state.close()
    walked.put_packages("public", "old")
    public.run("cd /root; apt install --allow-downgrades ./wg-dnsd_*.deb")
    public.run("systemctl start wg-dnsd")
    log = public.output("journalctl --no-pager -b -u wg-dnsd")
    said = [line for line in log.splitlines() if f"state.db.version-{version + 1}" in line]
    check(said, f"the older program says that it found newer state, not only:\n{log[-2000:]}")
    print(f"downgrade: {said[-1].partition('wg-dnsd[')[2]}")
    check((public.root / f"var/lib/wg-dnsd/state.db.version-{version + 1}").exists(), "the newer state is kept")
    # The peers are seen again at their next handshake, as doc/moving.md says.
    question = "dig +short SOA wg.example.org @203.0.113.10"
    wait_until(lambda: "ns1" in public.output(question, check=False), "the older program answers")


def remove(walked):
    for who, unit in UNITS.items():
        name = unit.partition("@")[0]
        walked.machines[who].run(f"apt remove {name}")
        check(state_of(walked, who) == "inactive", f"{unit} of {who} is stopped by the removal")
        check((walked.machines[who].root / f"etc/{name}/{name}.yaml").exists(), "remove keeps the configuration")
    print("removed: stopped, configuration kept")


def purge(walked, who, before):
    name = UNITS[who].partition("@")[0]
    walked.machines[who].run(f"apt purge {name} && apt autoremove --purge", timeout=4 * GENEROUS)
    after = walk.files(walked.machines[who].root, NOT_OURS)
    walk.compare(before, after, f"after the purge of {name} on {who}")
    left = walked.machines[who].output(f"find /run /var /etc -xdev -path '*{name}*' -not -path '*.service.d*'").split()
    left = [path for path in left if not re.search(r"^/var/(log|cache)/|/(dpkg|apt|timers)/", path)]
    check(not left, f"the purge of {name} leaves {left}")
    check(not walked.machines[who].output(f"getent passwd {name}", check=False), f"the purge leaves the user {name}")
    print(f"purged on {who}: {len(before)} files are as before")


lab.run_and_exit(main)
