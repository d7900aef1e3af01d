#!/usr/bin/python3
"""Draws what `simulate --data FILE` wrote as doc/simulation.svg: plot.py FILE SVG

The share of schedules that had their first reply, or were repaired, within a number of seconds: one colour for each
group, one kind of line for each use of the relay.
"""

import collections
import csv
import html
import math
import sys

WIDTH, HEIGHT = 900, 440  # of one chart
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 40, 60
SHORTEST, LONGEST = 0.02, 100.0  # seconds, a logarithmic axis
COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#b8860b", "#6a4c93", "#444444", "#00a6a6", "#c06020", "#8c8c8c", "#7a9e00",
           "#c2185b")
DASHES = {"first": "", "fallback": "2 3", "never": "8 4"}
CHARTS = (
    ("Time to the first reply, in the simulation", lambda name: not is_repair(name)),
    ("Time to the repair, in the simulation", lambda name: is_repair(name)),
)


def is_repair(name):
    return name.startswith("repair-") or name == "readdressed"


def across(seconds):
    part = math.log(min(max(seconds, SHORTEST), LONGEST) / SHORTEST) / math.log(LONGEST / SHORTEST)
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def down(share):
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def draw_chart(title, groups):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    yield f'<text x="{LEFT}" y="24" font-size="16">{title}</text>'
    for seconds in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100):
        x = across(seconds)
        yield f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{seconds:g}</text>'
    for percent in range(0, 101, 20):
        y = down(percent / 100)
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>'
    yield f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 16}" text-anchor="middle">seconds (logarithmic)</text>'
    names = sorted({name for name, _ in groups})
    for (name, relay), points in sorted(groups.items()):
        line = " ".join(f"{across(seconds):.1f},{down(share):.1f}" for share, seconds in points)
        yield (
            f'<polyline points="{line}" fill="none" stroke="{COLOURS[names.index(name) % len(COLOURS)]}" '
            f'stroke-width="1.8" stroke-dasharray="{DASHES[relay]}"/>'
        )
    labels = [(name, COLOURS[number % len(COLOURS)], "") for number, name in enumerate(names)]
    labels += [(f"relay: {relay}", "#000000", dash) for relay, dash in DASHES.items()]
    for number, (label, colour, dash) in enumerate(labels):
        y = TOP + 10 + 22 * number
        yield f'<path d="M{right + 16} {y}h24" stroke="{colour}" stroke-width="3" stroke-dasharray="{dash}"/>'
        yield f'<text x="{right + 46}" y="{y + 4}">{html.escape(label)}</text>'


def draw(groups):
    height = HEIGHT * len(CHARTS)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">'
    yield f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    for number, (title, belongs) in enumerate(CHARTS):
        yield f'<g transform="translate(0 {number * HEIGHT})">'
        yield from draw_chart(title, {key: points for key, points in groups.items() if belongs(key[0])})
        yield "</g>"
    yield "</svg>"


def main():
    groups = collections.defaultdict(list)
    with open(sys.argv[1], encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups[row["group"], row["relay"]].append((float(row["part"]), float(row["seconds"])))
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in draw(groups))


if __name__ == "__main__":
    main()
