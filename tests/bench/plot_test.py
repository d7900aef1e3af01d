#!/usr/bin/python3
"""The plot of a file of figures: each figure is a point; a value without a ratio is left out and named; and the data,
the command, the date, the CPU and the versions are inside."""

import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

PLOT = pathlib.Path(__file__).with_name("plot.py")
SVG = "{http://www.w3.org/2000/svg}"


def line(mix, peers, ratios, **others):
    servers = {name: {"ratio": ratio} for name, ratio in ratios.items()}
    return {
        "peers": peers, "mix": mix, "servers": servers, "cpu": "CPU of <1 & 2>", "kernel": "6.1", "date": "2026-11-01",
        "versions": {"wg-dnsd": "abc123", "nsd": "4.6.1"}, "command": "scripts/bench dns --mix srv",
    } | others


def plot(lines, folder):
    data, output = folder / "data", folder / "plot.svg"
    data.write_text("".join(json.dumps(one) + "\n" for one in lines))
    command = [sys.executable, PLOT, data, "--output", output]
    return subprocess.run(command, capture_output=True, text=True, check=False), output


def main():
    ours = {"wg-dnsd": 1.1, "nsd": 1.5, "floor": 1.0}
    lines = [
        line("srv", 10, {"wg-dnsd": 7.0, "floor": 1.0}),  # the last line of the same size and mix counts
        line("srv", 10, ours | {"knot": None}),
        line("srv", 10000, ours | {"knot": 1.7}),
        line("judged", 10, {"wg-dnsd": 0.8, "knot": None, "floor": 1.0}),
        line("tcp", 10, {"wg-dnsd": None, "nsd": None}),  # never has a floor
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        result, output = plot(lines, folder)
        assert result.returncode == 0, result.stderr
        assert result.stderr.splitlines() == [
            "left out, as no round counted: knot judged 10 peers", "left out, as no round counted: knot srv 10 peers"
        ], result.stderr
        drawing = xml.etree.ElementTree.parse(output).getroot()
        points = [(float(one.get("cx")), float(one.get("cy"))) for one in drawing.iter(f"{SVG}circle")]
        assert len(points) == 6, points
        assert all(60 <= y <= 380 for _, y in points), points
        words = "\n".join(one.text or "" for one in drawing.iter(f"{SVG}text"))
        for expected in ("knot judged 10", "CPU of <1 & 2>", "2026-11-01", "nsd: 4.6.1", "scripts/bench dns --mix srv"):
            assert expected in words, (expected, words)
        told = [json.loads(one) for one in drawing.find(f"{SVG}desc").text.splitlines() if one.startswith("{")]
        assert told == [lines[3], lines[1], lines[2]], told

        result, output = plot([line("srv", 10, {"wg-dnsd": None, "floor": None})], folder)
        assert result.returncode == 0 and not list(xml.etree.ElementTree.parse(output).iter(f"{SVG}circle"))
        result, _ = plot([], folder)
        assert result.returncode == 1 and "no line" in result.stderr, result


if __name__ == "__main__":
    main()
