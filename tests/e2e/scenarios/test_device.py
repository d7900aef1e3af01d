#!/usr/bin/python3
"""device: our reading and setting of WireGuard devices in user space, compared with `wg`, with real wireguard-go."""

import pathlib
import signal
import time

from lab import lab
from lab.checks import Skip, check, wait_until
from lab.wireguard import generate_private_keys, public_key_of


def scenario(world):
    tool = world.options.build_dir.resolve() / "tests/wire/wg_device_tool"
    if not tool.exists():
        raise Skip(f"{tool} is not built")
    world.home("alice", "none")
    world.wireguard()
    world.wait_until_host_sees_all()
    device, node = world.devices["host"], world.host
    alice = world.devices["alice"].public_key
    stranger = public_key_of(generate_private_keys(1)[0])

    def ours(*words, check_code=True):
        return node.run(tool, *words, check=check_code)

    def message(*words):
        done = ours(*words, check_code=False)
        check(done.returncode == 1, f"{words}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stderr

    # wireguard-go lists its peers in another order each time; a packet may arrive between the two readings
    def same_as_wg():
        shown = node.output("wg", "show", device.name, "dump").splitlines()
        rows = [line.split("\t") for line in shown]
        for number, row in enumerate(rows):
            row[0 if number == 0 else 1] = "(hidden)"
        expected = ["\t".join(row) for row in rows]
        printed = ours("dump", device.name).stdout.splitlines()
        return printed[0] == expected[0] and sorted(printed) == sorted(expected)

    for number, key in enumerate(map(public_key_of, generate_private_keys(5))):
        prefixes = f"10.1.{number}.0/24,fd00:{number:x}::/64"
        device.set("peer", key, "allowed-ips", prefixes, "endpoint", "[2001:db8::9]:7")
    device.set("fwmark", "0x77")
    wait_until(same_as_wg, "a device is read as wg shows it")
    print("read as wg shows it, with a live session")
    check(ours("list").stdout.split() == ["wg-alice", "wg-host"], "both devices are listed")

    before = device.peer(alice)
    check(before.handshake > 0, "alice has a handshake")
    ours("set", device.name, alice, "keepalive=0", "keepalive=25")
    wait_until(lambda: device.peer(alice).sent >= before.sent + 32, "a kick under a live session sends a keepalive")
    check(device.peer(alice).keepalive == 25, "the keepalive is what it was kicked with")
    ours("set", device.name, alice, "keepalive=0", "endpoint=192.0.2.5:6")
    after = device.peer(alice)
    check(after.endpoint == "192.0.2.5:6" and after.keepalive == 0, "endpoint and keepalive are set")
    check(after.allowed_ips == before.allowed_ips, "the allowed-ips stay")
    print("set and kicked")

    count = len(device.peers())
    ours("set", device.name, stranger, "endpoint=192.0.2.5:6", "keepalive=25")
    check(len(device.peers()) == count and stranger not in device.peers(), "a peer that is not there is not made")

    denied = node.run("setpriv", "--reuid", "65534", "--clear-groups", tool, "dump", device.name, check=False)
    check("no permission" in denied.stderr, f"without permission: {denied.stderr}")

    device.process.signal(signal.SIGSTOP)
    started = time.monotonic()
    said = message("dump", device.name)
    device.process.signal(signal.SIGCONT)
    check("does not answer" in said and 2 <= time.monotonic() - started < 10, f"a program that hangs: {said}")

    device.process.kill()
    said = message("dump", device.name)
    check("no program serves" in said or "no such interface" in said, f"a program that was killed: {said}")
    check(pathlib.Path(f"/run/wireguard/{device.name}.sock").exists(), "its socket is left alone")
    check(ours("list").stdout.split() == ["wg-alice"], "a dead socket is not listed")
    print("errors are told apart: no permission, hanging, gone")


if __name__ == "__main__":
    lab.main(scenario)
