"""The command line of every scenario, and its report: a last line with the verdict, and the exit code."""

import argparse
import pathlib
import sys
import time

from lab.checks import Failure, Skip

ROOT = pathlib.Path(__file__).resolve().parents[3]
VERDICTS = {0: "passed", 77: "skipped"}


def run_and_exit(body):
    """Runs body(options) → exit code; Skip and Failure are verdicts too."""
    name = pathlib.Path(sys.argv[0]).stem.removeprefix("test_")
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build/dev", help="where the programs are")
    parser.add_argument("--full", action="store_true", help="repeat, and judge the seconds")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="copy every log and file of the run to DIR")
    parser.add_argument("--verbose", action="store_true", help="show each command")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    started = time.monotonic()
    try:
        verdict = body(options)
    except Skip as reason:
        print(f"skipped: {reason}")
        verdict = 77
    except Failure as failure:
        print(f"failed: {failure}")
        verdict = 1
    print(f"{name}: {VERDICTS.get(verdict, 'failed')} after {time.monotonic() - started:.1f} s")
    sys.exit(verdict)
