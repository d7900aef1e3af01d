#!/usr/bin/python3
"""status: the running updater reports its state, the story of a peer, and advice. A second one is refused.

Bob's updater is started once with wgsd-client's flags.
"""

import json

from lab import lab
from lab.addresses import HOST, TUNNEL, ZONE
from lab.checks import check, wait_until
from lab.containment import RUN
from lab.node import Pings


def ask(world, *words):
    """The result of `wg-updater WORDS` on alice: its CompletedProcess."""
    return world.homes["alice"].node.run(world.program("wg-updater"), *words, check=False)


def status_of(world, name):
    """The entry of one of alice's peers in `status --json`."""
    done = ask(world, "status", "--json")  # one updater runs: no interface has to be named
    report = json.loads(done.stdout)
    is_unreached = any(peer["path"] == "none" for peer in report["peers"])
    check(done.returncode == is_unreached, f"status: exit code {done.returncode}: {done.stdout} {done.stderr}")
    check(report["version"] == 1 and report["interface"] == "wg-alice" and report["zone"] == f"{ZONE}.", report)
    return next(peer for peer in report["peers"] if peer["public_key"] == world.devices[name].public_key)


def refuse_second(world, first, *words):
    """A second updater on alice's interface, with another socket and state file, ends before it touches anything."""
    before = world.devices["alice"].peers() if world.devices["alice"].is_running() else None
    started = ask(
        world, "wg-alice", "--zone", ZONE, "--hub", world.devices["host"].public_key, "--direct-keepalive", 7,
        "--state", RUN / "second.json", "--control", RUN / "second.sock", *words
    )  # fmt: skip
    check(started.returncode == 2, f"a second updater {words}: {started}")
    check(f"process {first.popen.pid}" in started.stderr and "wg-alice" in started.stderr, started.stderr)
    check(not (RUN / "second.json").exists(), "the second updater has written its state")
    if before:
        keepalives = [{key: peer.keepalive for key, peer in peers.items()}
                      for peers in (before, world.devices["alice"].peers())]  # fmt: skip
        check(keepalives[0] == keepalives[1], f"keepalives before and after the second updater: {keepalives}")


def find_hub(world):
    """An updater that is told of no hub finds it, says which line is missing, and does not punch it."""
    alice, host = world.devices["alice"], world.devices["host"].public_key
    alice.start()
    updater = world.homes["alice"].node.start(
        world.program("wg-updater"), "wg-alice", "--zone", ZONE, "--state", RUN / "found.json", name="wg-updater-found"
    )
    line = updater.wait_for_line(f"`hub: {host}`")
    check("it is the public host" in line, line)
    hub = status_of(world, "host")
    check(hub["hub"] and hub["hub_found"] and hub["state"] == "hub", f"the hub that was found: {hub}")
    check(f"`hub: {host}`" in ask(world, "status", "wg-alice").stdout, "status does not say what is missing")
    updater.stop()


def scenario(world):
    world.prepare()
    nobody = ask(world, "status", "wg-alice")
    check(nobody.returncode == 2 and "no wg-updater answers" in nobody.stderr, f"nobody runs: {nobody}")
    nobody = ask(world, "status")
    check(nobody.returncode == 2 and "no wg-updater answers" in nobody.stderr, f"nobody runs, none is named: {nobody}")
    bob = world.devices["bob"].public_key

    quick = RUN / "wg-quick.conf"
    quick.write_text(f"[Interface]\n\n### Client bob\n[Peer]\nPublicKey = {bob}\n")
    world.start_updater("alice", "--wg-quick-file", quick)
    log = world.updaters["alice"]
    line = log.wait_for_line("no answer from")
    check("bob (" in line, f"bob's name is not in the log: {line}")
    refuse_second(world, log)
    refuse_second(world, log, "--once")
    dry = ask(world, "wg-alice", "--zone", ZONE, "--state", RUN / "second.json", "--dry-run")
    check(dry.returncode == 0, f"a dry run beside the daemon: {dry}")
    check(status_of(world, "bob")["path"] == "none", "bob is reached although his updater does not run")
    check(status_of(world, "host")["hub"], "the host is not called a hub")
    story = ask(world, "why", "wg-alice", bob[:6]).stdout
    print(story)
    check(story.startswith(f"bob, {bob}\n"), story)
    quick.write_text(f"[Interface]\n\n[Peer]\nPublicKey = {bob}\n")  # as `wg-quick save` leaves it
    check("no answer from" in story and "what to do: nothing comes from it" in story, "the story of bob is incomplete")

    pinged = ask(world, "ping", "wg-alice", "bob", "--count", "1")
    check(pinged.returncode == 1 and pinged.stdout.startswith("no answer from bob ("), f"ping of nobody: {pinged}")

    once = world.homes["bob"].node.run(
        world.program("wg-updater"), "-device", "wg-bob", f"-dns={HOST}:53", "-zone", ZONE, "--state", RUN / "once.json"
    )
    print(f"with wgsd-client's flags, once: {once.stderr.strip()}")
    world.wait_for_direct_handshake()
    wait_until(lambda: status_of(world, "bob")["state"] == "direct", "status says that bob is direct")
    wait_until(lambda: status_of(world, "bob")["round_trip_microseconds"], "the round trip is measured")
    Pings(world.homes["alice"].node, TUNNEL["bob"]).wait_for_reply()
    peer = status_of(world, "bob")
    home = world.homes["bob"]
    check(peer["endpoint"] == f"{home.public}:{home.mapped_port}" and peer["endpoint_from"] == "dns", peer)
    check(peer["path"] == "direct" and peer["published_endpoints"] == [peer["endpoint"]], peer)
    table = ask(world, "status", "wg-alice").stdout
    print(table)
    check("\nbob (" in table and "direct" in table, f"the table: {table}")
    check("what to do" not in ask(world, "why", "wg-alice", "bob").stdout, "advice without need")

    pinged = ask(world, "ping", "bob")
    print(pinged.stdout)
    check(pinged.returncode == 0 and f" ms, path direct, endpoint {peer['endpoint']}" in pinged.stdout, f"ping: {pinged}")
    ready = ask(world, "status", "--check", "ready")
    check((ready.returncode, ready.stdout) == (0, ""), f"not ready: {ready}")
    filtered = ask(world, "status", "--filter", "bob", "--json")
    check([peer["name"] for peer in json.loads(filtered.stdout)["peers"]] == ["bob"], f"filtered: {filtered}")
    check("direct at" in ask(world, "why", "bob").stdout, "why, without an interface")

    wrong = ask(world, "why", "wg-alice", "nobody")
    check(wrong.returncode == 1 and "nobody" in wrong.stderr, f"a peer that is none: {wrong}")
    world.devices["alice"].stop()
    log.wait_for_line("waiting for it")
    gone = ask(world, "status", "wg-alice")
    check(gone.returncode == 1 and "waiting for it" in gone.stderr, f"without its device: {gone}")
    live, ready = (ask(world, "status", "--check", word) for word in ("live", "ready"))
    check((live.returncode, ready.returncode) == (0, 1), f"without its device: {live} {ready}")
    refuse_second(world, log)
    log.kill()  # its lock ends with it
    log = world.start_updater("alice", "--wg-quick-file", quick)
    log.wait_for_line("waiting for it")
    elsewhere = world.homes["bob"].node.start(  # the same name in another network namespace
        world.program("wg-updater"), "wg-alice", "--zone", ZONE, "--state", RUN / "bob.json",
        "--control", RUN / "bob.sock", name="wg-updater-elsewhere",
    )  # fmt: skip
    elsewhere.wait_for_line("waiting for it")
    elsewhere.stop()
    log.stop()
    check(ask(world, "status", "wg-alice").returncode == 2, "the socket is still answered on")
    find_hub(world)


if __name__ == "__main__":
    lab.main(scenario)
