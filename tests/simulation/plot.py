#!/usr/bin/python3
"""Draws what `simulate --data FILE` wrote as doc/simulation.svg: plot.py FILE SVG

One chart for each group, one line for each use of the relay: the share of schedules that had their first reply, or were
repaired, within a number of seconds.
"""

import collections
import csv
import math
import sys

COLUMNS = 3
WIDTH, HEIGHT = 330, 230  # of one chart
LEFT, RIGHT, TOP, BOTTOM = 50, 15, 34, 36
SHORTEST, LONGEST = 0.02, 100.0  # seconds, a logarithmic axis
LINES = {"never": ("#8c8c8c", "5 3"), "fallback": ("#1b6ca8", ""), "first": ("#d1495b", "")}  # by `relay:`
REPLY, REPAIR = "first reply", "repair"
CHARTS = {
    "all": f"All schedules: {REPLY}",
    "together": f"Two cones, started together: {REPLY}",
    "later": f"Two cones, started within 2 min: {REPLY}",
    "traffic": f"Two cones, traffic before: {REPLY}",
    "lossy": f"Two cones, up to 10 % lost: {REPLY}",
    "open": f"A firewall or an open host: {REPLY}",
    "roaming": f"An open host, a symmetric NAT: {REPLY}",
    "hopeless": f"A symmetric NAT and a closed one: {REPLY}",
    "kinds": f"Any two kinds of NAT: {REPLY}",
    "repair-pings": f"Rebinding under pings: {REPAIR}",
    "repair-pings-lossy": f"The same, up to 10 % lost: {REPAIR}",
    "repair-sparse": f"Rebinding under sparse traffic: {REPAIR}",
    "repair-idle": f"Rebinding under keepalives: {REPAIR}",
    "readdressed": f"The own address is gone: {REPAIR}",
}


def across(seconds):
    part = math.log(min(max(seconds, SHORTEST), LONGEST) / SHORTEST) / math.log(LONGEST / SHORTEST)
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def down(share):
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def draw_chart(title, lines):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    yield f'<text x="{LEFT}" y="22" font-size="13">{title}</text>'
    for seconds in (0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 100):
        x = across(seconds)
        yield f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{seconds:g}</text>'
    for percent in range(0, 101, 25):
        y = down(percent / 100)
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'
    yield f'<text x="{(LEFT + right) / 2}" y="{bottom + 30}" text-anchor="middle">seconds</text>'
    for relay, points in lines.items():
        line = " ".join(f"{across(seconds):.1f},{down(share):.1f}" for share, seconds in points)
        yield f'<polyline points="{line}" {stroke(relay)}/>'


def stroke(relay):
    colour, dashes = LINES[relay]
    return f'fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dashes}"'


def draw_legend():
    for number, relay in enumerate(LINES):
        y = TOP + 20 + 24 * number
        yield f'<path d="M{LEFT} {y}h40" {stroke(relay)}/>'
        yield f'<text x="{LEFT + 50}" y="{y + 4}" font-size="13">relay: {relay}</text>'


def draw(groups):
    cells = [draw_chart(title, groups[name]) for name, title in CHARTS.items()] + [draw_legend()]
    rows = math.ceil(len(cells) / COLUMNS)
    size = f"0 0 {COLUMNS * WIDTH} {rows * HEIGHT}"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" font-size="10">'
    yield '<rect width="100%" height="100%" fill="white"/>'
    for number, cell in enumerate(cells):
        row, column = divmod(number, COLUMNS)
        yield f'<g transform="translate({column * WIDTH} {row * HEIGHT})">'
        yield from cell
        yield "</g>"
    yield "</svg>"


def main():
    groups = {name: collections.defaultdict(list) for name in CHARTS}
    with open(sys.argv[1], encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups[row["group"]][row["relay"]].append((float(row["part"]), float(row["seconds"])))
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in draw(groups))


if __name__ == "__main__":
    main()
