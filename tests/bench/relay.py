"""relay: CPU of the point's thread per relayed packet, as a ratio to a bare forwarder's in the same run.

First the relay's core in process: instructions by callgrind, which a busy machine does not change (fails when they are
more than 3 % over those recorded in relay.json), allocations, and octets per pair. Then wg-dnsd as shipped: it and the
forwarder take turns, on one core. Each is stopped while a burst of data of sessions drawn at random fills its socket,
and then works it off, before anybody reads what comes out: so both always find whole batches, and wake nobody, and
neither the speed of the load nor other work on the machine counts. The forwarder has a table of as many routes, because
with 100 000 of them a look into memory can cost as much as all the rest. Every packet that comes out is checked, and
each must come out once. `single`: one datagram at a time;
`joined`: super-packets, as UDP_GRO passes them on. Last, the latency of DNS answers while the relay works without
pause, on two cores, and for comparison on one. Fails above 1.10 times the forwarder, 1 KiB per pair, any allocation per packet, 2 times the latency."""

import argparse
import collections
import json
import pathlib
import statistics

import bench
import relay_beside
import relay_lab

from lab.containment import run_contained  # relay_beside has put it into the path

RECORDED = pathlib.Path(__file__).with_name("relay.json")
TOLERANCE = 1.03
KINDS = ("data", "joined", "handshake", "stranger")
LIMIT = 1.10  # times the bare forwarder's CPU
PER_PACKET = 0.02  # allocations of the whole process: those of a turn, and of other threads
PAIR_LIMIT = 1024  # octets
LATENCY_LIMIT = 2.0  # times the idle p99
SIZES, WAYS, FORMS = (64, 512, 1452), (2, 1000, 100000), ("single", "joined")
# 8 MiB of socket hold a burst, with what the kernel adds to each datagram.
BURST_OCTETS = {"single": 5 << 19, "joined": 4 << 20}
MOST_IN_BURST = {"single": 8192, "joined": 32768}
BURSTS = 4  # of each forwarder in each round
QUESTIONS, QUESTIONS_PER_SECOND = 2000, 1000


# ---- in process


def core(*words):
    return bench.run_json(bench.program("bench_relay"), *words)


def instructions_per_call(kind):
    """The difference of two runs, because both contain the cost of a start."""
    few, many = 2000, 12000
    command = (bench.program("bench_relay"), kind, "--count")
    return (bench.instructions(*command, many) - bench.instructions(*command, few)) / (many - few)


def measure_core(options):
    """\\return whether something is too much."""
    measured = {kind: round(instructions_per_call(kind)) for kind in KINDS}
    if options.record:
        RECORDED.write_text(json.dumps(measured) + "\n")
    recorded = json.loads(RECORDED.read_text())
    failed = False
    for kind in KINDS:
        too_many = measured[kind] > recorded[kind] * TOLERANCE
        failed |= too_many
        verdict = ": TOO MANY" if too_many else ""
        print(f"{kind}: {measured[kind]} instructions, {recorded[kind]} recorded{verdict}", flush=True)
    for ways in WAYS:
        peers = relay_lab.peers_of(ways)
        seen = core("data", "--peers", peers, "--ways", ways)
        too_much = seen["allocations"] > 0 or (ways > 1000 and seen["octets_per_pair"] > PAIR_LIMIT)
        failed |= too_much
        print(
            f"{ways:6} routes of {peers} peers: {seen['ns']:.0f} ns of CPU per packet, {seen['allocations']:.6f} allocations, "
            f"{seen['octets_per_pair']} octets per pair, {seen['octets_per_peer']} per peer"
            f"{': TOO MUCH' if too_much else ''}", flush=True
        )
    return failed


# ---- beside the bare forwarder


def one_burst(forwarder, load, octets, form, may_lose):
    """\\return nanoseconds of the forwarder's thread, and packets that came out."""
    count = min(MOST_IN_BURST[form], BURST_OCTETS[form] // octets)
    with forwarder.stopped():
        before = relay_lab.run_time(forwarder.thread)
        sent = load.ask("burst", forwarder.port, octets, count, form)["sent"]
    forwarder.wait_until_idle()
    taken = load.ask("take")
    used = relay_lab.run_time(forwarder.thread) - before
    if taken["wrong"] or (taken["received"] != sent and not may_lose):
        raise SystemExit(f"{forwarder.name}: {taken['received']} of {sent} packets came out, {taken['wrong']} wrong")
    return used, sent


def compare(forwarder, floor, load, octets, form, rounds):
    """Rounds of bursts for both in turns: [(nanoseconds per packet of the forwarder, of the floor)], and the allocations
    per packet of the median round: what saves the state now and then, whatever the packets, is in the others. One round
    goes before and is not counted: until wg-dnsd has seen that datagrams come joined, they fill its socket one by one,
    and some may be lost."""
    pairs, made = [], []
    for number in range(rounds + 1):
        before = forwarder.allocations()
        used, sent = collections.Counter(), collections.Counter()
        for turn in range(BURSTS):
            order = (forwarder, floor) if turn % 2 == 0 else (floor, forwarder)
            for each in order:
                one = one_burst(each, load, octets, form, may_lose=number == 0)
                used[each.name] += one[0]
                sent[each.name] += one[1]
        if number > 0:
            pairs.append(tuple(used[each.name] / sent[each.name] for each in (forwarder, floor)))
            made.append((forwarder.allocations() - before) / sent[forwarder.name])
    return pairs, statistics.median(made)


def report(name, ways, octets, form, pairs):
    """\\return whether it is too much."""
    ratios = sorted(ours / floor for ours, floor in pairs)
    ratio = statistics.median(ratios)
    ours, floor = (statistics.median(column) for column in zip(*pairs))
    too_much = ratio > LIMIT
    print(
        f"{name}, {ways:6} routes, {octets:4} octets, {form}: {ratio:.3f} x floor ({ratios[0]:.3f} to {ratios[-1]:.3f} in "
        f"{len(pairs)} rounds), {ours:.0f} ns per packet, floor {floor:.0f}{': TOO MUCH' if too_much else ''}",
        flush=True,
    )
    return too_much


def measure_point(options):
    """wg-dnsd as shipped, but for the limits: they are so high that none counts, and are checked all the same."""
    failed = False
    for ways in options.ways:
        floors = {form: relay_lab.start_floor(form == "joined", ways) for form in FORMS}
        # The routes live for 190 s: a new wg-dnsd for each size.
        for octets in options.octets:
            point = relay_lab.start_wg_dnsd(ways)
            load = relay_lab.Load(relay_lab.peers_of(ways), ways)
            point.greet(load)
            for form in options.form:
                pairs, made = compare(point, floors[form], load, octets, form, options.rounds)
                failed |= report("wg-dnsd", ways, octets, form, pairs)
                failed |= made > PER_PACKET
                print(f"  {made:.5f} allocations per packet{': TOO MANY' if made > PER_PACKET else ''}", flush=True)
            load.stop()
            point.stop()
        for floor in floors.values():
            floor.stop()
    return failed


# ---- DNS beside it


def measure_latency(options, cores):
    """Answers one question at a time; idle, then with the relay at work without pause, in turns. The load runs only
    where nobody else wants the core: it stands for other machines. \\param cores of wg-dnsd"""
    ways = 1000
    point = relay_lab.start_wg_dnsd(ways, cores)
    load = relay_lab.Load(relay_lab.peers_of(ways), ways)
    point.greet(load)
    load.stand_back()
    pairs = []
    for _ in range(options.rounds):
        idle = point.latency(QUESTIONS, QUESTIONS_PER_SECOND)
        load.start("flood", point.port, 512, 1.5 * QUESTIONS / QUESTIONS_PER_SECOND, "single", 0)
        busy = point.latency(QUESTIONS, QUESTIONS_PER_SECOND)
        flood = load.answer()
        pairs.append((idle, busy, flood["received"] / flood["seconds"], flood["sent"] / flood["seconds"]))
    load.stop()
    point.stop()
    ratios = sorted(busy["p99"] / idle["p99"] for idle, busy, *_ in pairs)
    ratio = statistics.median(ratios)
    too_much = ratio > LATENCY_LIMIT and cores != str(bench.SERVER_CORE)
    idle, busy = (statistics.median(pair[n]["p99"] for pair in pairs) for n in (0, 1))
    relayed, sent = (statistics.median(pair[n] for pair in pairs) for n in (2, 3))
    print(
        f"DNS answers, wg-dnsd on core {cores}: p99 {idle:.0f} us idle, {busy:.0f} us while {relayed:.0f} of {sent:.0f} "
        f"packets per second are passed on: {ratio:.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
        f"{sum(pair[1]['lost'] for pair in pairs)} lost{': TOO MUCH' if too_much else ''}", flush=True
    )
    return too_much


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench relay", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the instructions to relay.json")
    parser.add_argument("--core-only", action="store_true", help="nothing but the part in process")
    parser.add_argument("--ways", type=int, nargs="+", default=WAYS, help="routes")
    parser.add_argument("--octets", type=int, nargs="+", default=SIZES, help="of each datagram")
    parser.add_argument("--form", choices=FORMS, nargs="+", default=FORMS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--full", action="store_true", help="also beside coturn and wireguard-go")
    options = parser.parse_args()
    targets = ["bench_relay"]
    if not options.core_only:
        targets += ["bench_forward", "bench_relay_load", "bench_relay_state", "bench_latency", "bench_allocations", "wg-dnsd"]
    bench.build(*targets)
    failed = measure_core(options)
    if options.core_only:
        return 1 if failed else 0

    def body():
        relay_lab.make_network()
        failed = measure_point(options)
        for cores in (f"{bench.SERVER_CORE},{bench.LOAD_CORE}", f"{bench.SERVER_CORE}"):
            failed |= measure_latency(options, cores)
        if options.full:
            relay_beside.beside_coturn()
        return 1 if failed else 0

    failed |= run_contained(body) != 0
    if options.full:
        words = {"build_dir": bench.BUILD, "full": True, "keep": None, "verbose": False}
        failed |= relay_beside.beside_wireguard_go(argparse.Namespace(**words)) != 0
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
