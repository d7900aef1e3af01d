"""Builds and runs every test: the table `steps` says what. Called by scripts/test, which installs what is needed.

Each step's output goes to build/test/NAME.log; the end of it is shown when the step fails. A step that ends with exit
code 77 was skipped, and its log says why. The last line counts; the exit code is 0 only if nothing failed.
"""

import argparse
import collections
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build/test"
SKIPPED = 77

# command: a list of words, or a function(log) → exit code. `needs`: the step that must have passed before. `full`:
# only with --full. `together`: shares the machine well, two such steps run at the same time.
Step = collections.namedtuple("Step", "name command needs full together", defaults=(None, False, False))


def steps(options):
    table = [
        Step("format", check_format),
        Step("scripts", check_scripts),
        Step("man", check_man_pages),
        Step("build", build("dev")),
        Step("unit", ctest("dev"), needs="build"),
        Step("build-release", build("release"), full=True),
        Step("unit-release", ctest("release"), needs="build-release", full=True),
        Step("build-coverage", build("coverage"), full=True),
        Step("simulation", ["build/release/tests/simulation/simulate"], needs="build-release", full=True),
    ]
    # Seconds are judged with the optimised programs, one scenario at a time.
    preset, needs = ("release", "build-release") if options.full else ("dev", "build")
    for script in [ROOT / "tests/e2e/scenarios/demo.py", *sorted((ROOT / "tests/e2e").glob("test_*.py"))]:
        name = f"e2e/{script.stem.removeprefix('test_')}"
        table.append(Step(name, scenario(script, name, preset, options), needs, together=not options.full))
    return table + [
        Step("build-tsan", build("tsan"), full=True),
        Step("unit-tsan", ctest("tsan"), needs="build-tsan", full=True),
        Step("build-fuzz", build("fuzz"), full=True),
        Step("unit-fuzz", ctest("fuzz"), needs="build-fuzz", full=True),
        Step("fuzz", fuzz, needs="build-fuzz", full=True),
        Step("lint", build("lint"), full=True),
        Step("docker", ["tests/docker/build_images"], full=True),
        Step("systemd", ["tests/systemd/boot_units", "build/release"], needs="build-release", full=True),
    ]


# ---- what the steps do


def tracked_files(*patterns):
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def run(log, *words):
    words = [str(word) for word in words]
    return subprocess.run(words, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL).returncode


def check_format(log):
    return run(log, "clang-format", "--dry-run", "-Werror", *tracked_files("*.cpp", "*.hpp"))


def check_scripts(log):
    shell = [name for name in tracked_files("scripts", ".ci", "tests", "docker") if is_shell(ROOT / name)]
    verdict = run(log, "pyflakes3", *tracked_files("*.py"))
    for name in shell:
        verdict |= run(log, "bash", "-n", name)
    return verdict


def is_shell(path):
    first_line = path.read_bytes().split(b"\n", 1)[0] if path.is_file() else b""
    return first_line.startswith(b"#!") and first_line.endswith(b"sh")


def check_man_pages(log):
    pages = tracked_files("doc/*.[1-8]", "doc/*.[1-8].in")
    if not pages:
        log.write("skipped: there are no man pages\n")
        return SKIPPED
    return run(log, "mandoc", "-T", "lint", "-W", "warning", *pages)


def build(preset):
    configure = ("cmake", "--preset", preset, "-D", "WG_DNSD_BUILD_TESTS=ON")  # scripts/demo builds without
    return lambda log: run(log, *configure) or run(log, "cmake", "--build", "--preset", preset)


def ctest(preset, *more):
    return ["ctest", "--preset", preset, "-j", str(os.cpu_count()), "--output-junit", ctest_report(preset), *more]


def ctest_report(preset):
    return str(LOGS / f"ctest-{preset}.xml")


def scenario(script, name, preset, options):
    words = [str(script), "--build-dir", f"build/{preset}", "--keep", str(LOGS / name)]
    return words + ["--full"] if options.full else words


def fuzz(log):
    verdict = 0
    for target in sorted((ROOT / "build/fuzz/tests/fuzz").glob("fuzz_*")):
        if target.is_file() and os.access(target, os.X_OK):
            name = target.name.removeprefix("fuzz_")
            grown = LOGS / f"corpus-{name}"
            grown.mkdir(exist_ok=True)
            verdict |= run(log, target, "-max_total_time=30", grown, f"tests/fuzz/corpus/{name}")
    return verdict


# ---- running them


class Run:
    """The steps that are under way, and the verdicts so far."""

    def __init__(self):
        self.count = collections.Counter()
        self.verdicts = {}
        self.running = {}

    def start(self, step):
        """A step is a process of its own in either form, so that two can run at the same time."""
        log = open(log_of(step), "w", encoding="utf-8")
        process = os.fork()
        if process == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            code = 1
            try:
                code = step.command(log) if callable(step.command) else run(log, *step.command)
            except BaseException as error:  # nothing may run on into the copied stack of the parent
                log.write(f"{type(error).__name__}: {error}\n")
            log.flush()
            os._exit(code if 0 <= code < 256 else 1)
        log.close()
        self.running[process] = (step, time.monotonic())

    def wait_for_one(self):
        process, status = os.wait()
        step, started = self.running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        verdict = {0: "passed", SKIPPED: "skipped"}.get(code, "failed")
        self.verdicts[step.name] = verdict
        tests = tests_of(step)
        for test in tests:
            self.report(*test)
        if not tests or (verdict == "failed" and not any(test[0] == "failed" for test in tests)):
            self.report(verdict, time.monotonic() - started, step.name)
        lines = log_of(step).read_text(errors="replace").splitlines()
        if verdict == "skipped":
            show(line for line in lines if line.startswith("skipped: "))
        elif verdict == "failed":
            show(lines[-40:])
        elif step.name.startswith("e2e/"):
            show(lines[:-1])

    def report(self, verdict, seconds, name):
        self.count[verdict] += 1
        print(f"{verdict:8}{seconds:8.1f} s  {name}", flush=True)

    def is_running(self, name):
        return any(step.name == name for step, _ in self.running.values())

    def stop(self):
        for process in self.running:
            os.killpg(process, signal.SIGTERM)
        for process in self.running:
            os.waitpid(process, 0)

    def run_all(self, table):
        for step in table:
            while self.running and (len(self.running) > 1 or not step.together or self.is_running(step.needs)):
                self.wait_for_one()
            if step.needs and self.verdicts.get(step.needs) == "failed":
                self.verdicts[step.name] = "failed"
                self.report("failed", 0, f"{step.name}: {step.needs} failed")
                continue
            self.start(step)
        while self.running:
            self.wait_for_one()


def log_of(step):
    return LOGS / f"{step.name.replace('/', '-')}.log"


def tests_of(step):
    """A run of ctest counts as the tests in it."""
    if not isinstance(step.command, list) or step.command[0] != "ctest":
        return []
    report = pathlib.Path(step.command[step.command.index("--output-junit") + 1])
    if not report.exists():
        return []
    verdicts = {"run": "passed", "fail": "failed", "notrun": "skipped", "disabled": "skipped"}
    cases = xml.etree.ElementTree.parse(report).iter("testcase")
    return [(verdicts[case.get("status")], float(case.get("time")), case.get("name")) for case in cases]


def show(lines):
    for line in lines:
        print(f"                    {line}", flush=True)


def chosen(table, only):
    """The step `only` and what it needs; any other name is taken as the beginning of unit tests' names."""
    by_name = {step.name: step for step in table}
    step = by_name.get(only) or Step(only, ctest("dev", "-R", f"^{only}", "--no-tests=error"), needs="build")
    return ([by_name[step.needs]] if step.needs else []) + [step]


def print_list(table):
    for step in table:
        print(step.name + (" (--full)" if step.full else ""))
    if (ROOT / "build/dev/CTestTestfile.cmake").exists():
        subprocess.run(["ctest", "--preset", "dev", "-N"], cwd=ROOT, check=False)


def main():
    parser = argparse.ArgumentParser(prog="scripts/test", description="Builds and runs every test once.")
    parser.add_argument("--full", action="store_true", help="all builds, lint, fuzzing; scenarios repeat")
    parser.add_argument("--only", metavar="NAME", help="one step, or the unit tests whose names begin so")
    parser.add_argument("--list", action="store_true", help="the names, and the unit tests once they are built")
    options = parser.parse_args()
    table = steps(options)
    if options.list:
        print_list(table)
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    for report in LOGS.glob("ctest-*.xml"):
        report.unlink()
    table = chosen(table, options.only) if options.only else [step for step in table if options.full or not step.full]
    running = Run()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        running.run_all(table)
    finally:
        running.stop()
    print(", ".join(f"{running.count[verdict]} {verdict}" for verdict in ("passed", "failed", "skipped")))
    return 1 if running.count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
