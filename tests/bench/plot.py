"""plot: cost against number of peers for all servers, from the file that `scripts/bench dns --json FILE` wrote. Writes
an SVG that contains the data, the command, the date, the CPU and the versions. If no round counted, the point is
missing, and the plot says so."""

import argparse
import json
import math
import pathlib
import sys

import bench

WIDTH, HEIGHT, LEFT, TOP = 860, 480, 70, 60
PLOT_WIDTH, PLOT_HEIGHT = 600, 320
COLOURS = {"wg-dnsd": "#0b6", "nsd": "#c50", "knot": "#36c"}


def read(path):
    """The lines that count: the last one of each size and mix that has a floor."""
    lines = {}
    for line in map(json.loads, pathlib.Path(path).read_text().splitlines()):
        if "floor" in line["servers"]:
            lines[line["mix"], line["peers"]] = line
    return [lines[which] for which in sorted(lines)]


def points(lines):
    """mix → server → [(peers, ratio)], and the values without a ratio as text."""
    series, left_out = {}, []
    for line in lines:
        for name, result in line["servers"].items():
            if name == "floor":
                continue
            if result["ratio"] is None:
                left_out.append(f"{name} {line['mix']} {line['peers']}")
            else:
                series.setdefault(line["mix"], {}).setdefault(name, []).append((line["peers"], result["ratio"]))
    return series, left_out


def text(x, y, words, anchor="start", size=12, colour="#222"):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{words}</text>'


def draw(lines):
    series, left_out = points(lines)
    ratios = [ratio for of in series.values() for corners in of.values() for _, ratio in corners]
    top = max([1.5, *ratios]) * 1.05
    bottom = min([0.9, *ratios])

    def place(peers, ratio):
        return (
            LEFT + (math.log10(peers) - 1) / 5 * PLOT_WIDTH,
            TOP + PLOT_HEIGHT - (ratio - bottom) / (top - bottom) * PLOT_HEIGHT,
        )

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 24, "CPU per answered query, as a ratio to a bare UDP echo in the same run", size=16),
        text(LEFT, 44, f"{lines[-1]['date']}, {lines[-1]['cpu']}, Linux {lines[-1]['kernel']}", colour="#666"),
    ]
    for exponent in range(1, 7):
        x, y = place(10**exponent, bottom)
        out.append(f'<line x1="{x:.0f}" y1="{TOP}" x2="{x:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        out.append(text(x, y + 18, f"{10**exponent:,}".replace(",", " "), "middle"))
    out.append(text(LEFT + PLOT_WIDTH / 2, TOP + PLOT_HEIGHT + 38, "peers", "middle"))
    step = 0.25 if top < 3 else 0.5
    ratio = 1.0
    while ratio <= top:
        x, y = place(10, ratio)
        out.append(f'<line x1="{LEFT}" y1="{y:.0f}" x2="{LEFT + PLOT_WIDTH}" y2="{y:.0f}" stroke="#ddd"/>')
        out.append(text(x - 8, y + 4, f"{ratio:.2f}", "end"))
        ratio += step
    row = TOP + 10
    for mix, of in sorted(series.items(), reverse=True):
        dashes = "" if mix == "srv" else ' stroke-dasharray="6 4"'
        for name, corners in sorted(of.items()):
            stroke = f'stroke="{COLOURS[name]}" stroke-width="2"{dashes}'
            placed = [place(*corner) for corner in corners]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            out.append(f'<polyline points="{path}" fill="none" {stroke}/>')
            out.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>' for x, y in placed)
            x = LEFT + PLOT_WIDTH + 20
            out.append(f'<line x1="{x}" y1="{row - 4}" x2="{x + 28}" y2="{row - 4}" {stroke}/>')
            out.append(text(x + 36, row, f"{name}, {mix}"))
            row += 20
    foot = [
        "; ".join(f"{name}: {version}" for name, version in lines[-1]["versions"].items()),
        lines[-1]["command"],
        f"No round counted: {', '.join(left_out)}" if left_out else "",
    ]
    for number, words in enumerate(reversed(foot)):
        out.append(text(LEFT, HEIGHT - 8 - 16 * number, words, size=11, colour="#666"))
    out.append("<desc>One line of data per size and mix:\n")
    out.extend(json.dumps(line).replace("&", "&amp;").replace("<", "&lt;") for line in lines)
    out.append("</desc></svg>")
    return "\n".join(out) + "\n", left_out


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench plot", description=__doc__)
    parser.add_argument("data", help="the FILE of --json")
    parser.add_argument("--output", default=str(bench.FOLDER / "cost.svg"))
    options = parser.parse_args()
    lines = read(options.data)
    if not lines:
        raise SystemExit(f"{options.data}: no line with a floor")
    drawing, left_out = draw(lines)
    pathlib.Path(options.output).write_text(drawing)
    print(options.output)
    for one in left_out:
        print(f"left out, as no round counted: {one} peers", file=sys.stderr)


if __name__ == "__main__":
    main()
