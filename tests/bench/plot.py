"""plot: cost against number of peers, ours and theirs, from what `scripts/bench dns --json FILE` wrote. Writes an SVG
with its data, the command, the date, the CPU and the versions inside."""

import argparse
import json
import math
import pathlib
import subprocess

import bench

WIDTH, HEIGHT, LEFT, TOP = 860, 460, 70, 60
PLOT_WIDTH, PLOT_HEIGHT = 600, 320
COLOURS = {"wg-dnsd": "#0b6", "nsd": "#c50", "knot": "#36c"}


def versions():
    """Of what was compared."""
    found = {}
    for name, binary, flag in (("nsd", "nsd", "-v"), ("knot", "knotd", "-V")):
        path = bench.SERVERS / "usr/sbin" / binary
        if not path.exists():
            continue
        libraries = next((bench.SERVERS / "usr/lib").glob("*-linux-gnu"))
        shown = subprocess.run(
            [path, flag], env={"LD_LIBRARY_PATH": str(libraries)}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        ).stdout
        found[name] = shown.splitlines()[0] if shown else "?"
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=bench.ROOT, stdout=subprocess.PIPE, text=True, check=False
    ).stdout.strip()
    found["wg-dnsd"] = f"commit {commit}"
    return found


def read(path):
    """mix → server → [(peers, ratio)]; the last line of a size counts."""
    lines = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
    series = {}
    for line in lines:
        for name, result in line["servers"].items():
            if name != "floor" and result["ratio"]:
                series.setdefault(line["mix"], {}).setdefault(name, {})[line["peers"]] = result["ratio"]
    return lines, {mix: {name: sorted(points.items()) for name, points in of.items()} for mix, of in series.items()}


def text(x, y, words, anchor="start", size=12, colour="#222"):
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{words}</text>'


def draw(lines, series):
    top = max(1.5, *(ratio for of in series.values() for points in of.values() for _, ratio in points)) * 1.05

    def place(peers, ratio):
        return (
            LEFT + (math.log10(peers) - 1) / 5 * PLOT_WIDTH,
            TOP + PLOT_HEIGHT - (ratio - 0.9) / (top - 0.9) * PLOT_HEIGHT,
        )

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 24, "CPU per answered query, as a ratio to a bare UDP echo in the same run", size=16),
        text(LEFT, 44, f"{lines[-1]['date']}, {lines[-1]['cpu']}, Linux {lines[-1]['kernel']}", colour="#666"),
    ]
    for exponent in range(1, 7):
        x, y = place(10**exponent, 0.9)
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
        for name, points in sorted(of.items()):
            corners = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
            out.append(f'<polyline points="{corners}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"{dashes}/>')
            for peers, value in points:
                x, y = place(peers, value)
                out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>')
            x = LEFT + PLOT_WIDTH + 20
            out.append(f'<line x1="{x}" y1="{row - 4}" x2="{x + 28}" y2="{row - 4}" stroke="{COLOURS[name]}" stroke-width="2"{dashes}/>')
            out.append(text(x + 36, row, f"{name}, {mix}"))
            row += 20
    foot = "; ".join(f"{name}: {version}" for name, version in versions().items())
    out.append(text(LEFT, HEIGHT - 16, foot, size=11, colour="#666"))
    out.append("<desc>scripts/bench dns --json FILE --peers N --mix MIX, for each N and MIX; scripts/bench plot FILE\n")
    out.extend(json.dumps(line).replace("&", "&amp;").replace("<", "&lt;") for line in lines)
    out.append("</desc></svg>")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench plot", description=__doc__)
    parser.add_argument("data", help="the FILE of --json")
    parser.add_argument("--output", default=str(bench.FOLDER / "cost.svg"))
    options = parser.parse_args()
    pathlib.Path(options.output).write_text(draw(*read(options.data)))
    print(options.output)


if __name__ == "__main__":
    main()
